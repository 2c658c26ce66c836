package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Row assigns a Go method to an operation.
type Row struct {
	Call string // the operation, such as "POST /api/2.0/clusters/create"
	Go   string // the client's field and its method, such as "Clusters.Create", or a method of the client

	// Args has the JSON names of the method's plain parameters, in their order,
	// separated by spaces. A struct after them has the fields of the request.
	Args string

	// Inner has the fields of the request and the response that are not in the
	// method's signature, such as page tokens. The method handles or ignores them.
	Inner string

	// Requests is the number of requests that the method sends; 0 means 1. A list
	// sends more than one if the response does not say that it is complete.
	Requests int

	// In is a value of the type that the method sends, if that is not a parameter.
	// Out is a value of the type that the method decodes, if that is not a result.
	In, Out any

	// Sample is JSON that replaces generated arguments which the method would
	// reject. Base is a value of the method's input struct, for fields without
	// JSON.
	Sample string
	Base   any
}

// A Checker compares a client with the contract.
type Checker struct {
	Areas      []*Area
	Client     reflect.Type // a struct type whose fields are the services
	Rows       []Row
	OutOfScope []string // operations that the client does not support, as "area operation"; a * matches any suffix
	Pending    []string // areas that are not implemented yet
	// Departures are places that differ from the contract, each with the reason. A
	// * matches any suffix. The prefix "zero " limits a departure to what is sent
	// for an unset field.
	Departures map[string]string
	Constants  map[string][]string // constants by Go type, as the function Constants returns them

	// Enums are enums that are not the type of a field, such as the keys of a map.
	// The key is like "clusters.TerminationParameter", and the value has the Go
	// type.
	Enums map[string]any
}

// A Report is the result of a check.
type Report struct {
	Operations, Fields, Values map[string]bool // those in scope; the value reports whether they are correct
	Problems                   []string        // sorted; each starts with its place
	Departed                   int
}

// String summarizes the report in numbers.
func (r *Report) String() string {
	count := func(all map[string]bool) string {
		n := 0
		for _, ok := range all {
			if ok {
				n++
			}
		}
		return fmt.Sprintf("%d of %d (%.1f %%)", n, len(all), 100*float64(n)/float64(max(1, len(all))))
	}
	return fmt.Sprintf("operations %s, fields %s, enum values %s, departures %d",
		count(r.Operations), count(r.Fields), count(r.Values), r.Departed)
}

// Scope returns the operations that are in scope, by area.
func (c *Checker) Scope() map[*Area][]Operation {
	ops := map[*Area][]Operation{}
	for _, area := range c.Areas {
		for _, op := range area.Operations {
			if !c.outOfScope(area, op) {
				ops[area] = append(ops[area], op)
			}
		}
	}
	return ops
}

func (c *Checker) outOfScope(area *Area, op Operation) bool {
	return slices.ContainsFunc(c.OutOfScope, func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(area.Name+" "+op.Name, prefix)
		}
		return pattern == area.Name+" "+op.Name
	})
}

// RowsOf returns the rows of an operation. Version 2.1 of a jobs call uses the rows
// of 2.0 if it has no row of its own.
func (c *Checker) RowsOf(op Operation) (rows []Row) {
	for _, key := range []string{op.Key(), strings.Replace(op.Key(), "/api/2.1/jobs/", "/api/2.0/jobs/", 1)} {
		for _, row := range c.Rows {
			if row.Call == key {
				rows = append(rows, row)
			}
		}
		if rows != nil {
			return rows
		}
	}
	return nil
}

// Check compares the client with the contract.
func (c *Checker) Check() *Report {
	x := &check{
		Checker: c,
		report:  &Report{Operations: map[string]bool{}, Fields: map[string]bool{}, Values: map[string]bool{}},
		seen:    map[step]bool{}, met: map[string]bool{}, bad: map[string]string{},
		matched: map[reflect.Type]map[int]bool{}, enums: map[reflect.Type]map[string]bool{},
	}
	used := map[string]bool{}
	for area, ops := range c.Scope() {
		fields, values := map[string]bool{}, map[string]bool{}
		for _, op := range ops {
			x.report.Operations[area.Name+" "+op.Key()] = false
			area.reach(op.Request, fields, values)
			area.reach(op.Response, fields, values)
			rows := c.RowsOf(op)
			if len(rows) == 0 {
				x.problem(area.Name+" "+op.Key(), "has no row with the method that makes the call")
			}
			for _, row := range rows {
				used[row.Call] = true
				x.operation(area, op, row)
			}
		}
		for place := range fields {
			x.report.Fields[place] = false
		}
		for place := range values {
			x.report.Values[place] = false
		}
	}
	for _, area := range c.Areas {
		x.loose(area)
	}
	for _, row := range c.Rows {
		if !used[row.Call] {
			x.problem(row.Call, "is not an operation in scope of the contract")
		}
	}
	x.invented()
	x.settle()
	return x.report
}

type step struct {
	area, typ string
	t         reflect.Type
	in        bool
	inner     string
}

type check struct {
	*Checker
	report  *Report
	seen    map[step]bool
	met     map[string]bool                  // places that were compared with a Go type
	bad     map[string]string                // the first problem of each place
	matched map[reflect.Type]map[int]bool    // struct fields that are in the contract
	enums   map[reflect.Type]map[string]bool // enum values that are in the contract
}

func (x *check) problem(place, format string, args ...any) {
	if x.bad[place] == "" {
		x.bad[place] = fmt.Sprintf(format, args...)
	}
}

// settle adds the results to the report.
func (x *check) settle() {
	all := []map[string]bool{x.report.Operations, x.report.Fields, x.report.Values}
	used := map[string]bool{}
	for place := range x.bad {
		if departure, ok := x.departure(place); ok {
			used[departure] = true
			delete(x.bad, place)
		}
	}
	x.report.Departed = len(used)
	for departure := range x.Departures {
		if !used[departure] {
			x.problem(departure, "agrees with the contract and needs no departure")
		}
	}
	for _, places := range all {
		for place := range places {
			_, departed := x.departure(place)
			places[place] = departed || x.met[place] && x.bad[place] == "" && x.bad["zero "+place] == ""
		}
	}
	for place, text := range x.bad {
		x.report.Problems = append(x.report.Problems, place+": "+text)
	}
	slices.Sort(x.report.Problems)
}

// departure returns the departure that applies to a place.
func (c *Checker) departure(place string) (string, bool) {
	for departure := range c.Departures {
		if prefix, ok := strings.CutSuffix(departure, "*"); departure == place || ok && strings.HasPrefix(place, prefix) {
			return departure, true
		}
	}
	return "", false
}

func (c *Checker) departs(area *Area, typ string, f Field) bool {
	_, ok := c.departure(area.place(typ, f.Name))
	return ok
}

// operation compares a method with its operation.
func (x *check) operation(area *Area, op Operation, row Row) {
	place := area.Name + " " + op.Key()
	x.met[place] = true
	m, err := findMethod(x.Client, row.Go)
	if err != nil {
		x.problem(place, "%v", err)
		return
	}
	x.input(area, op, row, m, place)
	x.output(area, op, row, m, place)
}

// A method is a method of a service. It has the parameters after the context, and
// the result without the error.
type method struct {
	reflect.Method
	field  string
	params []reflect.Type
	result reflect.Type // nil if there is none; a slice type for a sequence
}

var contextType, errorType = reflect.TypeFor[context.Context](), reflect.TypeFor[error]()

// findMethod returns a method of a client, such as Clusters.Create.
func findMethod(client reflect.Type, name string) (*method, error) {
	field, methodName, ok := strings.Cut(name, ".")
	service := reflect.StructField{Type: reflect.PointerTo(client)}
	if !ok {
		field, methodName = "", name // a method of the client itself
	} else if service, ok = client.FieldByName(field); !ok {
		return nil, fmt.Errorf("the client has no field %s", field)
	}
	m, ok := service.Type.MethodByName(methodName)
	if !ok {
		return nil, fmt.Errorf("the method %s does not exist", name)
	}
	t := m.Type
	if t.NumIn() < 2 || t.In(1) != contextType {
		return nil, fmt.Errorf("the first parameter of %s is not a context", name)
	}
	found := &method{Method: m, field: field}
	for i := 2; i < t.NumIn(); i++ {
		found.params = append(found.params, t.In(i))
	}
	switch {
	case t.NumOut() == 1 && t.Out(0) == errorType:
	case t.NumOut() == 2 && t.Out(1) == errorType:
		found.result = t.Out(0)
	case t.NumOut() == 1 && t.Out(0).CanSeq2() && t.Out(0).Kind() == reflect.Func:
		found.result = reflect.SliceOf(t.Out(0).In(0).In(0))
	default:
		return nil, fmt.Errorf("%s returns neither an error, a value with one, nor a sequence", name)
	}
	return found, nil
}

// input compares the parameters of a method with the request.
func (x *check) input(area *Area, op Operation, row Row, m *method, place string) {
	request, inner := area.Types[op.Request], strings.Fields(row.Inner)
	covered := map[string]bool{}
	spread := func(t reflect.Type) {
		x.object(area, op.Request, deref(t), true, covered, inner)
		x.trip(place, area, op.Request, deref(t))
	}
	if row.In != nil {
		spread(reflect.TypeOf(row.In))
	} else {
		names := strings.Fields(row.Args)
		for i, t := range m.params {
			switch {
			case i < len(names):
				n := slices.IndexFunc(request, func(f Field) bool { return f.Name == names[i] })
				if n < 0 {
					x.problem(place, "%s: the request has no %s", row.Go, names[i])
					continue
				}
				covered[names[i]] = true
				x.field(area, op.Request, request[n], t, true)
			case deref(t).Kind() == reflect.Struct:
				spread(t)
			default:
				x.problem(place, "%s: parameter %d has no JSON name (Args)", row.Go, i+1)
			}
		}
		if len(names) > len(m.params) {
			x.problem(place, "%s has %d parameters, not %d (Args)", row.Go, len(m.params), len(names))
		}
	}
	x.rest(area, op.Request, covered, inner, "no argument of "+row.Go)
}

// output compares the result of a method with the response.
func (x *check) output(area *Area, op Operation, row Row, m *method, place string) {
	response, inner := area.Types[op.Response], strings.Fields(row.Inner)
	covered := map[string]bool{}
	out := m.result
	if row.Out != nil {
		out = reflect.TypeOf(row.Out)
	}
	if f, ok := Member(area, op, row, out); ok {
		covered[f.Name] = true
		x.field(area, op.Response, f, out, false)
	} else if out != nil {
		if deref(out).Kind() != reflect.Struct || len(response) == 0 {
			x.problem(place, "%s returns %v; the response is %s", row.Go, out, describe(response))
		} else {
			x.object(area, op.Response, deref(out), false, covered, inner)
			x.trip(place, area, op.Response, deref(out))
		}
	}
	x.rest(area, op.Response, covered, inner, "not in what "+row.Go+" returns")
}

// Member returns the field of the response that the method returns, if it returns
// only one field.
func Member(area *Area, op Operation, row Row, out reflect.Type) (Field, bool) {
	var shown []Field
	for _, f := range area.Types[op.Response] {
		if !slices.Contains(strings.Fields(row.Inner), f.Name) {
			shown = append(shown, f)
		}
	}
	if len(shown) != 1 || out == nil {
		return Field{}, false
	}
	if t := deref(out); t.Kind() == reflect.Struct {
		if kind, _ := parse(shown[0].Type); kind != "object" {
			return Field{}, false
		}
		if _, whole := jsonFields(t)[shown[0].Name]; whole {
			return Field{}, false
		}
	}
	return shown[0], true
}

func describe(fields []Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	if names == nil {
		return "empty"
	}
	return "an object of " + strings.Join(names, ", ")
}

// rest marks fields without a Go type as correct if the method handles them itself.
func (x *check) rest(area *Area, typ string, covered map[string]bool, inner []string, why string) {
	for _, f := range area.Types[typ] {
		if covered[f.Name] {
			continue
		}
		place := area.place(typ, f.Name)
		x.met[place] = true
		if !slices.Contains(inner, f.Name) {
			x.problem(place, "is %s", why)
		}
	}
}

// object compares a struct with a type of the contract. It records the fields that
// it finds in covered. If covered is nil, it reports the fields that it does not
// find.
func (x *check) object(area *Area, typ string, t reflect.Type, in bool, covered map[string]bool, inner []string) {
	if covered == nil {
		s := step{area.Name, typ, t, in, strings.Join(inner, " ")}
		if x.seen[s] {
			return
		}
		x.seen[s] = true
	}
	fields := jsonFields(t)
	if _, known := area.Types[typ]; !known {
		x.problem(area.Name+"."+typ, "is used in the contract, but not described")
	}
	for _, f := range area.Types[typ] {
		gf, ok := fields[f.Name]
		if !ok {
			if covered == nil {
				place := area.place(typ, f.Name)
				x.met[place] = true
				x.problem(place, "%v has no field with this name", t)
			}
			continue
		}
		if covered != nil {
			covered[f.Name] = true
		}
		x.match(gf)
		x.field(area, typ, f, gf.Type, in)
		if in {
			x.optional(area.place(typ, f.Name), f, gf, t)
		}
	}
}

// trip decodes a document with all fields into a struct and encodes it again. This
// finds errors in tags. For example, encoding/json ignores two fields with the same
// name.
func (x *check) trip(place string, area *Area, typ string, t reflect.Type) {
	fields := jsonFields(t)
	for _, f := range fields {
		if isContent(f.Type) {
			return // it has no JSON form
		}
	}
	doc := area.Sample(typ, func(of string, f Field) bool {
		_, here := fields[f.Name]
		return x.bad[area.place(of, f.Name)] == "" && !x.departs(area, of, f) && (of != typ || here)
	})
	text, err := json.Marshal(doc)
	if err == nil {
		v := reflect.New(t)
		if err = json.Unmarshal(text, v.Interface()); err == nil {
			text, err = json.Marshal(v.Interface())
		}
	}
	if err != nil {
		x.problem(place, "%v: %v", t, err)
	} else if lost := Missing(doc, json.RawMessage(text)); lost != nil {
		x.problem(place, "%v does not survive JSON: %s", t, strings.Join(lost, ", "))
	}
}

func (x *check) match(f jsonField) {
	if x.matched[f.of] == nil {
		x.matched[f.of] = map[int]bool{}
	}
	x.matched[f.of][f.index] = true
}

// optional checks that an unset optional field is not sent, and that zero can be
// sent if it means something.
func (x *check) optional(place string, f Field, gf jsonField, t reflect.Type) {
	name := t.Name() + "." + gf.name
	switch kind := gf.Type.Kind(); {
	case f.Required && !gf.omit:
	case !gf.omit:
		x.problem("zero "+place, "is optional, but %s is sent when it is unset: no omitzero", name)
	case f.ZeroIsMeaningful && kind != reflect.Pointer && kind != reflect.Slice && kind != reflect.Map && kind != reflect.Interface:
		x.problem("zero "+place, "can be zero, but %s, a %v, is then not sent: no pointer", name, gf.Type)
	}
}

// field compares a Go type with a field of the contract.
func (x *check) field(area *Area, typ string, f Field, t reflect.Type, in bool) {
	place := area.place(typ, f.Name)
	x.met[place] = true
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if want := x.fit(area, f.Type, t, in); want != "" {
		x.problem(place, "is %s; %v is not valid: want %s", f.Type, t, want)
	}
}

var rawType = reflect.TypeFor[json.RawMessage]()

// fit returns the Go type that a type of the contract requires, or "" if t is
// valid.
func (x *check) fit(area *Area, typ string, t reflect.Type, in bool) (want string) {
	kind, of := parse(typ)
	is := func(ok bool, w string) {
		if !ok {
			want = w
		}
	}
	k, content := t.Kind(), in && isContent(t)
	switch kind {
	case "string":
		is(k == reflect.String, "a string")
	case "bool":
		is(k == reflect.Bool, "bool")
	case "int32":
		is(k == reflect.Int || k == reflect.Int32, "int")
	case "int64":
		is(k == reflect.Int64, "int64")
	case "float64":
		is(k == reflect.Float64, "float64")
	case "bytes(base64)":
		is(k == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && t != rawType || content, "[]byte")
	case "any":
		is(t == rawType || k == reflect.Interface || content, "json.RawMessage")
	case "map":
		if is(k == reflect.Map && t.Key().Kind() == reflect.String, "a map"); want == "" {
			want = x.fit(area, of, t.Elem(), in)
		}
	case "array":
		if is(k == reflect.Slice, "a slice"); want == "" {
			want = x.fit(area, of, t.Elem(), in)
		}
	case "object":
		if is(k == reflect.Struct, "a struct"); want == "" {
			x.object(area, of, t, in, nil, nil)
		}
	case "enum":
		x.enum(area, of, t)
		is(k == reflect.String && t.PkgPath() != "", "a named string type")
	default:
		want = "a type of the contract"
	}
	return want
}

// isContent reports whether t is the type of content that is read while it is sent.
func isContent(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[io.Reader]()) || t.Name() == "FilePart"
}

func (x *check) enum(area *Area, name string, t reflect.Type) {
	constants := x.Constants[typeName(t)]
	if x.enums[t] == nil {
		x.enums[t] = map[string]bool{}
	}
	for _, v := range area.Enums[name] {
		place := area.place(name, v)
		x.met[place] = true
		x.enums[t][v] = true
		if !slices.Contains(constants, v) {
			x.problem(place, "%v has no constant with this value", t)
		}
	}
}

// loose compares enums that are not the type of a field with their Go types.
func (x *check) loose(area *Area) {
	fields, values := map[string]bool{}, map[string]bool{}
	for _, op := range area.Operations {
		area.reach(op.Request, fields, values)
		area.reach(op.Response, fields, values)
	}
	for name, all := range area.Enums {
		if len(all) == 0 || values[area.place(name, all[0])] {
			continue
		}
		for _, v := range all {
			x.report.Values[area.place(name, v)] = false
		}
		if v, ok := x.Enums[area.Name+"."+name]; ok {
			x.enum(area, name, reflect.TypeOf(v))
		} else {
			x.problem(area.Name+"."+name, "is an enum without a field; Enums must name its Go type")
		}
	}
}

func typeName(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

// invented reports fields and constants that are not in the contract.
func (x *check) invented() {
	for t, matched := range x.matched {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !f.Anonymous && f.Tag.Get("json") != "-" && !matched[i] {
				x.problem(t.String()+"."+f.Name, "is not a field of the contract")
			}
		}
	}
	for t, known := range x.enums {
		for _, v := range x.Constants[typeName(t)] {
			if !known[v] {
				x.problem(t.String()+" "+v, "is not a value of the contract")
			}
		}
	}
}

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// A jsonField is a field of a struct or of an embedded struct.
type jsonField struct {
	reflect.Type
	name  string
	omit  bool         // it has omitzero
	of    reflect.Type // the struct type that declares it
	index int
}

// jsonFields returns the fields of a struct by their JSON names.
func jsonFields(t reflect.Type) map[string]jsonField {
	fields, embedded := map[string]jsonField{}, map[string]jsonField{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && deref(f.Type).Kind() == reflect.Struct:
			maps.Copy(embedded, jsonFields(deref(f.Type)))
		case name == "-" || !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			fields[name] = jsonField{f.Type, f.Name, strings.Contains(options, "omitzero"), t, i}
		}
	}
	for name, f := range embedded {
		if _, shadowed := fields[name]; !shadowed {
			fields[name] = f
		}
	}
	return fields
}
