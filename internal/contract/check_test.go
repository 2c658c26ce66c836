package contract

import (
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A small client that matches the small contract.

type client struct{ Telescopes *telescopes }

type telescopes struct{ last string }

type state string

const (
	pending state = "PENDING"
	ready   state = "READY"
)

type spec struct {
	Mirrors *int              `json:"num_mirrors,omitzero"`
	Tags    map[string]string `json:"tags,omitzero"`
	Parts   []part            `json:"parts,omitzero"`
}

type part struct {
	Name string `json:"name"`
}

type create struct {
	Name string `json:"name"`
	spec
}

type telescope struct {
	ID    int64           `json:"telescope_id"`
	State state           `json:"state"`
	Image []byte          `json:"image"`
	Extra json.RawMessage `json:"extra"`
	Sharp float64         `json:"sharp"`
	Busy  bool            `json:"busy"`
	spec
}

func (s *telescopes) Create(_ context.Context, in create) (int64, error) {
	s.last = in.Name
	return 7, nil
}

func (s *telescopes) Get(context.Context, int64) (*telescope, error) {
	return &telescope{State: ready}, nil
}

func (s *telescopes) All(context.Context, spec) iter.Seq2[telescope, error] {
	return func(yield func(telescope, error) bool) {
		_ = yield(telescope{ID: 1}, nil) && yield(telescope{ID: 2}, nil)
	}
}

func (s *telescopes) Delete(_ context.Context, id string) error {
	s.last = id
	return nil
}

const smallContract = `{
	"operations": [
		{"name": "create", "method": "POST", "path": "/create", "request": "Create", "response": "Created"},
		{"name": "get", "method": "GET", "path": "/get", "request": "ID", "response": "Telescope", "idempotent": true},
		{"name": "list", "method": "GET", "path": "/list", "request": "Spec", "response": "List", "idempotent": true},
		{"name": "delete", "method": "POST", "path": "/delete", "request": "Delete"},
		{"name": "polish/now", "method": "POST", "path": "/polish"}
	],
	"types": {
		"Create": [
			{"name": "name", "type": "string", "required": true},
			{"name": "num_mirrors", "type": "int32", "zero_is_meaningful": true},
			{"name": "tags", "type": "map<string,string>"},
			{"name": "parts", "type": "array<object<Part>>"}
		],
		"Spec": [
			{"name": "num_mirrors", "type": "int32", "zero_is_meaningful": true},
			{"name": "tags", "type": "map<string,string>"},
			{"name": "parts", "type": "array<object<Part>>"},
			{"name": "page_token", "type": "string"}
		],
		"Part": [{"name": "name", "type": "string", "required": true}],
		"Created": [{"name": "telescope_id", "type": "int64"}],
		"ID": [{"name": "telescope_id", "type": "int64", "required": true}],
		"Delete": [{"name": "name", "type": "string", "required": true}],
		"Telescope": [
			{"name": "telescope_id", "type": "int64"},
			{"name": "state", "type": "enum<State>"},
			{"name": "image", "type": "bytes(base64)"},
			{"name": "extra", "type": "any"},
			{"name": "sharp", "type": "float64"},
			{"name": "busy", "type": "bool"},
			{"name": "num_mirrors", "type": "int32"},
			{"name": "tags", "type": "map<string,string>"},
			{"name": "parts", "type": "array<object<Part>>"}
		],
		"List": [
			{"name": "telescopes", "type": "array<object<Telescope>>"},
			{"name": "next_page_token", "type": "string"}
		]
	},
	"enums": {"State": ["PENDING", "READY"]}
}`

func small(t *testing.T) *Checker {
	area := &Area{Name: "telescopes"}
	require.NoError(t, json.Unmarshal([]byte(smallContract), area))
	return &Checker{
		Areas:  []*Area{area},
		Client: reflect.TypeFor[client](),
		Rows: []Row{
			{Call: "POST /create", Go: "Telescopes.Create"},
			{Call: "GET /get", Go: "Telescopes.Get", Args: "telescope_id"},
			{Call: "GET /list", Go: "Telescopes.All", Inner: "page_token next_page_token"},
			{Call: "POST /delete", Go: "Telescopes.Delete", Args: "name"},
		},
		OutOfScope: []string{"telescopes polish/*"},
		Constants:  map[string][]string{typeName(reflect.TypeFor[state]()): {string(pending), string(ready)}},
	}
}

func TestChecker_allIsWell(t *testing.T) {
	report := small(t).Check()
	assert.Empty(t, report.Problems)
	assert.Equal(t, "operations 4 of 4 (100.0 %), fields 23 of 23 (100.0 %), enum values 2 of 2 (100.0 %), departures 0", report.String())
}

func TestChecker_finds(t *testing.T) {
	field := func(c *Checker, typ, name string) *Field {
		for i, f := range c.Areas[0].Types[typ] {
			if f.Name == name {
				return &c.Areas[0].Types[typ][i]
			}
		}
		panic("no " + typ + "." + name)
	}
	for name, test := range map[string]struct {
		change func(*Checker)
		want   string
	}{
		"a field that Go has not": {func(c *Checker) {
			c.Areas[0].Types["Part"] = append(c.Areas[0].Types["Part"], Field{Name: "size", Type: "int32"})
		}, "telescopes.Part.size: contract.part has no field with this name"},
		"an argument that Go has not": {func(c *Checker) {
			c.Areas[0].Types["Create"] = append(c.Areas[0].Types["Create"], Field{Name: "size", Type: "int32"})
		}, "telescopes.Create.size: is no argument of Telescopes.Create"},
		"a plain argument that Go has not": {func(c *Checker) {
			c.Areas[0].Types["Delete"] = append(c.Areas[0].Types["Delete"], Field{Name: "force", Type: "bool"})
		}, "telescopes.Delete.force: is no argument of Telescopes.Delete"},
		"a member of the response that Go has not": {func(c *Checker) {
			c.Areas[0].Types["Telescope"] = append(c.Areas[0].Types["Telescope"], Field{Name: "size", Type: "int32"})
		}, "telescopes.Telescope.size: is not in what Telescopes.Get returns"},
		"a string that is a bool":        {func(c *Checker) { field(c, "Telescope", "busy").Type = "string" }, "telescopes.Telescope.busy: is string; bool is not valid: want a string"},
		"an int that is int64":           {func(c *Checker) { field(c, "Telescope", "num_mirrors").Type = "int64" }, "telescopes.Telescope.num_mirrors: is int64; int is not valid: want int64"},
		"an int64 that is int":           {func(c *Checker) { field(c, "ID", "telescope_id").Type = "int32" }, "telescopes.ID.telescope_id: is int32; int64 is not valid: want int"},
		"a list that is none":            {func(c *Checker) { field(c, "Telescope", "state").Type = "array<enum<State>>" }, "telescopes.Telescope.state: is array<enum<State>>; contract.state is not valid: want a slice"},
		"a map of something else":        {func(c *Checker) { field(c, "Create", "tags").Type = "map<string,int32>" }, "telescopes.Create.tags: is map<string,int32>; map[string]string is not valid: want int"},
		"bytes that are text":            {func(c *Checker) { field(c, "Delete", "name").Type = "bytes(base64)" }, "telescopes.Delete.name: is bytes(base64); string is not valid: want []byte"},
		"an enum that is any string":     {func(c *Checker) { field(c, "Part", "name").Type = "enum<State>" }, "telescopes.Part.name: is enum<State>; string is not valid: want a named string type"},
		"a zero that cannot be sent":     {func(c *Checker) { field(c, "Create", "name").ZeroIsMeaningful = true; c.Rows[0].In = withZero{} }, "zero telescopes.Create.name: can be zero, but withZero.Name, a string, is then not sent: no pointer"},
		"an option that is always sent":  {func(c *Checker) { field(c, "Create", "name").Required = false }, "zero telescopes.Create.name: is optional, but create.Name is sent when it is unset: no omitzero"},
		"an enum value without constant": {func(c *Checker) { c.Areas[0].Enums["State"] = append(c.Areas[0].Enums["State"], "BROKEN") }, "telescopes.State.BROKEN: contract.state has no constant with this value"},
		"a constant that is no value":    {func(c *Checker) { c.Areas[0].Enums["State"] = []string{"READY"} }, "contract.state PENDING: is not a value of the contract"},
		"a Go field that is no field": {func(c *Checker) {
			c.Areas[0].Types["Telescope"] = c.Areas[0].Types["Telescope"][1:]
		}, "contract.telescope.ID: is not a field of the contract"},
		"an operation without row": {func(c *Checker) {
			c.Areas[0].Operations = append(c.Areas[0].Operations, Operation{Name: "aim", Method: "POST", Path: "/aim"})
		}, "telescopes POST /aim: has no row with the method that makes the call"},
		"a row without operation": {func(c *Checker) {
			c.Rows = append(c.Rows, Row{Call: "POST /aim", Go: "Telescopes.Aim"})
		}, "POST /aim: is not an operation in scope of the contract"},
		"a row without method":              {func(c *Checker) { c.Rows[3].Go = "Telescopes.Remove" }, "telescopes POST /delete: the method Telescopes.Remove does not exist"},
		"a row without service":             {func(c *Checker) { c.Rows[3].Go = "Cameras.Delete" }, "telescopes POST /delete: the client has no field Cameras"},
		"a result that is not the response": {func(c *Checker) { c.Rows[2].Inner = "page_token" }, "telescopes GET /list: Telescopes.All returns []contract.telescope; the response is an object of telescopes, next_page_token"},
		"an unnamed parameter":              {func(c *Checker) { c.Rows[3].Args = "" }, "telescopes POST /delete: Telescopes.Delete: parameter 1 has no JSON name (Args)"},
		"a parameter of a wrong name":       {func(c *Checker) { c.Rows[3].Args = "id" }, "telescopes POST /delete: Telescopes.Delete: the request has no id"},
		"fields that JSON does not have":    {func(c *Checker) { c.Rows[0].In = hijacked{} }, "telescopes POST /create: contract.hijacked does not survive JSON: .name: want sample-name, got <nil>"},
		"an enum that stands alone":         {func(c *Checker) { c.Areas[0].Enums["Colour"] = []string{"RED"} }, "telescopes.Colour: is an enum without a field; Enums must name its Go type"},
		"a value of one": {func(c *Checker) {
			c.Areas[0].Enums["Colour"] = []string{"RED"}
			c.Enums = map[string]any{"telescopes.Colour": ready}
		}, "telescopes.Colour.RED: contract.state has no constant with this value"},
		"a departure that is none":        {func(c *Checker) { c.Departures = map[string]string{"telescopes.ID.telescope_id": "because"} }, "telescopes.ID.telescope_id: agrees with the contract and needs no departure"},
		"a type that is not described":    {func(c *Checker) { delete(c.Areas[0].Types, "Part") }, "telescopes.Part: is used in the contract, but not described"},
		"a missing list, and not what is": {func(c *Checker) { field(c, "Telescope", "parts").Name = "pieces" }, "telescopes.Telescope.pieces: is not in what Telescopes.Get returns"},
	} {
		t.Run(name, func(t *testing.T) {
			c := small(t)
			test.change(c)
			assert.Contains(t, strings.Join(c.Check().Problems, "\n"), test.want)
		})
	}
}

// withZero is an input that omits an empty name.
type withZero struct {
	Name string `json:"name,omitzero"`
	spec
}

// hijacked is an input that has the JSON methods of an embedded field.
type hijacked struct {
	Name string `json:"name"`
	spec
	stamp
}

type stamp struct{}

func (stamp) MarshalJSON() ([]byte, error) { return []byte(`{"num_mirrors": 12}`), nil }

func TestChecker_departures(t *testing.T) {
	c := small(t)
	c.Areas[0].Types["Part"] = append(c.Areas[0].Types["Part"], Field{Name: "size", Type: "int32"})
	c.Departures = map[string]string{"telescopes.Part.size": "nobody knows what it is"}
	report := c.Check()
	assert.Empty(t, report.Problems)
	assert.Equal(t, 1, report.Departed)
	assert.True(t, report.Fields["telescopes.Part.size"])
}

func TestTry(t *testing.T) {
	c := small(t)
	area, service := c.Areas[0], &telescopes{}
	try := func(i int) (any, map[string]any, error) {
		return Try(t.Context(), &client{service}, area, area.Operations[i], c.Rows[i])
	}

	id, _, err := try(0)
	require.NoError(t, err)
	assert.Equal(t, int64(7), id)
	assert.Equal(t, "sample-name", service.last, "the required field of a struct")

	one, sent, err := try(1)
	require.NoError(t, err)
	assert.Equal(t, &telescope{State: ready}, one)
	assert.Contains(t, sent, "telescope_id")

	all, _, err := try(2)
	require.NoError(t, err)
	assert.Equal(t, []telescope{{ID: 1}, {ID: 2}}, all)

	c.Rows[3].Sample = `{"name": "chosen"}`
	_, sent, err = try(3)
	require.NoError(t, err)
	assert.Equal(t, "chosen", service.last)
	assert.Equal(t, map[string]any{"name": "chosen"}, sent)
}

func TestConstants(t *testing.T) {
	constants, err := Constants(map[string]string{"net/http": "../contract"})
	require.NoError(t, err)
	assert.Empty(t, constants, "those of tests do not count")
}

func TestMissing(t *testing.T) {
	want := map[string]any{"a": 1, "b": []any{"x", map[string]any{"c": true}}, "d": nil}
	assert.Empty(t, Missing(want, map[string]any{"a": 1, "b": []any{"x", map[string]any{"c": true, "more": 1}}}))
	assert.Equal(t, []string{".a: want 1, got <nil>", ".b[1].c: want true, got false"},
		Missing(want, map[string]any{"b": []any{"x", map[string]any{"c": false}}}))
	assert.Equal(t, []string{".b[1]: want map[c:true], got nothing"}, Missing(want, map[string]any{"a": 1, "b": []any{"x"}}))
}
