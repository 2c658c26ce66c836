package response

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type inner struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type kind string

type outer struct {
	inner
	Count  int               `json:"count"`
	Small  int32             `json:"small"`
	Cores  float64           `json:"cores"`
	On     bool              `json:"on"`
	Maybe  *bool             `json:"maybe"`
	Kind   kind              `json:"kind"`
	List   []inner           `json:"list"`
	Map    map[string]string `json:"map"`
	One    *inner            `json:"one"`
	Bytes  []byte            `json:"bytes"`
	Raw    json.RawMessage   `json:"raw"`
	Any    any               `json:"any"`
	Hidden string            `json:"-"`
}

func TestUnmarshal_oddShapes(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       outer
	}{
		{"number as string", `{"id":"9007199254740993","count":"7"}`, outer{inner: inner{ID: 9007199254740993}, Count: 7}},
		{"string as number", `{"name":9007199254740993}`, outer{inner: inner{Name: "9007199254740993"}}},
		{"all digits kept beside an odd one", `{"id":9007199254740993,"name":1}`, outer{inner: inner{ID: 9007199254740993, Name: "1"}}},
		{"flags", `{"on":"True","maybe":"false"}`, outer{On: true, Maybe: new(false)}},
		{"flag as text", `{"name":true}`, outer{inner: inner{Name: "true"}}},
		{"whole number as a float", `{"count":7.0,"id":1e3}`, outer{inner: inner{ID: 1000}, Count: 7}},
		{"float as string", `{"cores":"0.5"}`, outer{Cores: 0.5}},
		{"too large for its type", `{"small":4294967296,"count":1}`, outer{Count: 1}},
		{"a fraction is no count", `{"count":7.5,"name":"n"}`, outer{inner: inner{Name: "n"}}},
		{"object for text", `{"name":{"a":1},"count":1}`, outer{Count: 1}},
		{"text for object", `{"one":"x","list":"y","map":"z","count":1}`, outer{Count: 1}},
		{"inside lists and maps", `{"list":[{"id":"1"},null,{"id":2}],"map":{"a":1,"b":true}}`, outer{List: []inner{{ID: 1}, {}, {ID: 2}}, Map: map[string]string{"a": "1", "b": "true"}}},
		{"nulls", `{"id":null,"name":null,"count":"1","on":null,"list":null,"map":null,"one":null,"cores":null}`, outer{Count: 1}},
		{"unknown fields", `{"count":"1","new":{"a":[1]}}`, outer{Count: 1}},
		{"raw and any as they are", `{"count":"1","raw":{"a":1},"any":"x","bytes":"aGk="}`, outer{Count: 1, Raw: json.RawMessage(`{"a":1}`), Any: "x", Bytes: []byte("hi")}},
		{"empty", `{}`, outer{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got outer
			require.NoError(t, Unmarshal([]byte(row.text), &got))
			assert.Equal(t, row.want, got)
		})
	}
}

func TestUnmarshal_whatIsNoJSON(t *testing.T) {
	for _, text := range []string{``, `{`, `{"a":}`, `{} {}`, `<html>`, strings.Repeat(`{"any":[`, 20_000)} {
		assert.Error(t, Unmarshal([]byte(text), new(outer)), "%.20s", text)
	}
}

func collect(r io.Reader) (names []string, rest []string, err error) {
	s := NewScanner(r, nil)
	defer s.Free()
	err = Elements(s, "list", func(name string, value json.RawMessage) { rest = append(rest, name+"="+string(value)) },
		func(v inner) bool {
			names = append(names, v.Name)
			return v.Name != "stop"
		})
	return names, rest, err
}

func TestElements(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want, rest []string
		err        error
	}{
		{"all", `{"list":[{"name":"a"},{"name":"b"}],"has_more":true}`, []string{"a", "b"}, []string{"has_more=true"}, nil},
		{"member before", ` {"total":2 , "list" : [ {"name":"a"} ] } `, []string{"a"}, []string{"total=2"}, nil},
		{"no list", `{"total":2}`, nil, []string{"total=2"}, nil},
		{"empty list", `{"list":[]}`, nil, nil, nil},
		{"null for a list", `{"list":null,"x":1}`, nil, []string{"x=1"}, nil},
		{"null in the list", `{"list":[null,{"name":"a"}]}`, []string{"", "a"}, nil, nil},
		{"odd shapes in the list", `{"list":[{"name":"a"},{"id":"7","name":8} , {"name":9}]}`, []string{"a", "8", "9"}, nil, nil},
		{"empty object", `{}`, nil, nil, nil},
		{"nothing at all", ``, nil, nil, io.ErrUnexpectedEOF},
		{"stopped", `{"list":[{"name":"a"},{"name":"stop"},{"name":"c"}]}`, []string{"a", "stop"}, nil, ErrStopped},
		{"ends in an element", `{"list":[{"name":"a"},{"na`, []string{"a"}, nil, io.ErrUnexpectedEOF},
		{"ends between elements", `{"list":[{"name":"a"},`, []string{"a"}, nil, io.ErrUnexpectedEOF},
		{"ends after an element", `{"list":[{"name":"a"}`, []string{"a"}, nil, io.ErrUnexpectedEOF},
		{"ends after the list", `{"list":[{"name":"a"}]`, []string{"a"}, nil, io.ErrUnexpectedEOF},
		{"ends in a key", `{"lis`, nil, nil, io.ErrUnexpectedEOF},
		{"ends before the list", `{"list":`, nil, nil, io.ErrUnexpectedEOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			names, rest, err := collect(strings.NewReader(row.text))
			assert.Equal(t, row.want, names)
			assert.Equal(t, row.rest, rest)
			assert.ErrorIs(t, err, row.err)
		})
	}
	for _, text := range []string{`[]`, `"x"`, `{"list":{}}`, `{"list":7}`, `<html>`, `{"list":[}`, `{"list":[{]}]}`, `{"list":[1,]}`, `{"list":[1 2]}`, `{"a":1,}`, `{1:2}`, `{"a" 1}`, `{"a":x}`, `{"list":[{"name":"a"}],}`} {
		_, _, err := collect(strings.NewReader(text))
		assert.Error(t, err, text)
		assert.NotErrorIs(t, err, io.ErrUnexpectedEOF, text)
	}
}

// Decoding fails at an endless element. An endless list is allowed, because it is
// not held in memory.
func TestElements_bounds(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"list":[{"name":"`), letters{})
	_, _, err := collect(endless)
	assert.ErrorContains(t, err, "over 16 MiB")

	var list strings.Builder
	list.WriteString(`{"list":[{"name":"0"}`)
	for i := range 100_000 {
		fmt.Fprintf(&list, `,{"name":"%d"}`, i)
	}
	list.WriteString(`]}`)
	n := 0
	require.NoError(t, Elements(NewScanner(strings.NewReader(list.String()), nil), "list", nil, func(inner) bool { n++; return true }))
	assert.Equal(t, 100_001, n)
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{"id":"1"}`, `{"list":[{"id":true}]}`, `{"map":{"a":[]}}`, `[]`, `null`, `{"one":{"id":1e400}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v outer
		err := Unmarshal([]byte(text), &v)
		object := strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text))
		if err != nil && object && !strings.Contains(text, "bytes") {
			t.Errorf("%q: %v", text, err)
		}
		Elements(NewScanner(strings.NewReader(text), nil), "list", nil, func(inner) bool { return true })
	})
}

// checkDecode checks that the engine of this Go release decodes text as
// encoding/json does, or fails. It also checks text as an element of a list, after
// others.
func checkDecode(t *testing.T, next func(text []byte, out any) error, text []byte) {
	var want, got, element outer
	wanted := json.Unmarshal(text, &want)
	if err := decode(text, &got); err == nil {
		require.NoError(t, wanted)
		require.Equal(t, want, got)
	} else {
		require.Error(t, wanted, "%v", err)
	}
	if json.Valid(text) && next(bytes.TrimSpace(text), &element) == nil {
		require.NoError(t, wanted)
		require.Equal(t, want, element)
	}
}

var engineTexts = []string{
	`{"id":1,"name":"a","count":2,"on":true,"maybe":null,"list":[{"id":1},{"id":2,"name":"b"}],"map":{"a":"b"},"one":{"id":3},"bytes":"aGk=","raw":[1, 2],"any":{"a":[1,"x",null]}}`,
	`{"ID":1,"Name":"other case","COUNT":3}`, `{"id":1,"id":2,"ID":3}`, `{"map":{"a":"1"},"map":{"b":"2"}}`, `{"one":{"id":1},"one":{"name":"x"}}`,
	`{"list":[{"id":1,"name":"a"}],"list":[{"id":2}]}`, "{\"name\":\"\xff\xfe\"}", `{"name":"\ud800 \udc00 \ud83d\ude00"}`, `{"na\u006de":"escaped"}`,
	`{"cores":-0,"count":-0}`, `{"cores":1e400}`, `{"count":1.0}`, `{"small":3000000000}`, `{"map":null,"list":null}`, `{"any":123456789012345678901234567890}`,
	`{"bytes":"aGk"}`, `{"bytes":[104,105]}`, `{"bytes":"aG\nk="}`, `{"raw":null}`, `{"raw": {"a" : 1} }`, ` {"id":1} `, `{"id":1}x`, `{"id":1`, `{"id":01}`, `{id:1}`, `{"id":1,}`,
	`null`, `1`, `"x"`, `[]`, ``, "\x00", "{\"name\":\"\x01\"}", `{"":1,"unknown":{"deep":[[[{}]]]}}`, `{"inner":{"id":1}}`, `{"Hidden":"x","-":"y"}`,
	strings.Repeat(`{"any":`, 20_000) + "1" + strings.Repeat("}", 20_000),
}

func TestDecode_asEncodingJSON(t *testing.T) {
	next := newDecoder()
	for _, text := range engineTexts {
		checkDecode(t, next, []byte(text))
	}
}

func FuzzDecode_asEncodingJSON(f *testing.F) {
	for _, text := range engineTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		next := newDecoder()
		for range 2 {
			checkDecode(t, next, text)
		}
	})
}
