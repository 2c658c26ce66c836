package contract

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"
)

// A mutation is a response that deviates from the contract, and what a client must
// still return of it.
type mutation struct {
	name     string
	response any
	want     any    // the response without what the client cannot decode; not checked if cut is set
	hit      string // the removed member of the response itself; empty otherwise
}

// unknown is a value that no client knows, of an enum or in place of a text.
const unknown, number = "BRAND_NEW_VALUE", json.Number("1234567")

// mutations changes each place of a response in every way that a client must
// tolerate. It does not change nested types in seen again.
func (a *Area) mutations(typ string, response any, seen map[string]bool) iter.Seq[mutation] {
	return func(yield func(mutation) bool) {
		m := &mutator{Area: a, seen: seen, root: response, yield: yield}
		m.is("the whole", nil, "object<"+typ+">", response)
	}
}

type mutator struct {
	*Area
	seen  map[string]bool
	root  any
	yield func(mutation) bool
	ended bool
}

// gone stands for a value that replaced removes from the document.
type gone struct{}

// is adds mutations of the value at a path, which has a type of the contract.
func (m *mutator) is(name string, path []any, typ string, v any) {
	kind, of := parse(typ)
	set := func(how string, response, want any) {
		if m.ended {
			return
		}
		made := mutation{name: name + ": " + how, response: replaced(m.root, path, response), want: replaced(m.root, path, want)}
		if len(path) == 1 && want == (gone{}) {
			made.hit, _ = path[0].(string)
		}
		m.ended = !m.yield(made)
	}
	if len(path) > 0 {
		set("null", nil, gone{})
	}
	switch v := v.(type) {
	case map[string]any:
		if kind == "object" {
			more := maps.Clone(v)
			more["brand_new_field"] = map[string]any{"brand_new": []any{1, "text", nil}}
			set("an unknown field", more, v)
		}
		if len(path) > 0 {
			set("an empty object", map[string]any{}, gone{})
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			next := of // of a map
			if kind == "object" {
				i := slices.IndexFunc(m.Types[of], func(f Field) bool { return f.Name == key || f.Name == "*" || f.Name == "[]" })
				next = m.Types[of][i].Type
			}
			place := m.place(of, key)
			if !m.seen[place] || kind != "object" || len(path) < 3 {
				m.seen[place] = true
				whole := m.root
				m.root = replaced(whole, path, beside(key, v))
				m.is(place, append(slices.Clone(path), key), next, v[key])
				m.root = whole
			}
		}
	case []any:
		if kind == "object" { // a response that is a list
			_, of = parse(m.Types[of][0].Type)
		}
		for i, element := range v {
			m.is(fmt.Sprintf("%s[%d]", name, i), append(slices.Clone(path), i), of, element)
		}
	case string:
		switch kind {
		case "enum":
			set("an unknown value", unknown, unknown)
			fallthrough
		case "string":
			set("a number for text", number, string(number))
		case "any":
		default:
			set("a number for bytes", number, gone{})
		}
	case json.Number:
		set("text for a number", string(v), v)
	case bool:
		set("text for a flag", fmt.Sprint(v), v)
	}
}

// beside returns object with the member key and with all members that are neither
// objects nor lists. They suffice to show that other members survive a change.
func beside(key string, object map[string]any) map[string]any {
	object = maps.Clone(object)
	maps.DeleteFunc(object, func(other string, v any) bool {
		_, isObject := v.(map[string]any)
		_, isList := v.([]any)
		return other != key && (isObject || isList)
	})
	return object
}

// replaced returns a copy of a document with a new value at a path, or without the
// value.
func replaced(doc any, path []any, v any) any {
	if len(path) == 0 {
		return v
	}
	switch key := path[0].(type) {
	case string:
		object := maps.Clone(doc.(map[string]any))
		if len(path) == 1 && v == (gone{}) {
			delete(object, key)
			return object
		}
		object[key] = replaced(object[key], path[1:], v)
		return object
	default:
		list := slices.Clone(doc.([]any))
		if len(path) == 1 && v == (gone{}) {
			return list[:key.(int)] // the client decides about a removed element
		}
		list[key.(int)] = replaced(list[key.(int)], path[1:], v)
		return list
	}
}

// fullResponse returns a response to a row's call with all fields, except those
// that would lead to endless pages.
func (c *Checker) fullResponse(area *Area, op Operation, row Row) any {
	return document(area.Sample(op.Response, func(typ string, f Field) bool {
		return !c.departs(area, typ, f) && !slices.Contains(strings.Fields(row.Inner), f.Name) && !strings.HasSuffix(f.Name, "page_token") && f.Name != "has_more"
	}))
}

// document returns the JSON document of v. It keeps the text of numbers.
func document(v any) (doc any) {
	dec := json.NewDecoder(strings.NewReader(encode(v)))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		panic(err)
	}
	return doc
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Decoding checks that a client tolerates responses of older and newer servers:
// unknown fields and values, null in any place, numbers as text and text as
// numbers, and empty responses. The client must return everything else in such a
// response.
//
// The response to a create is an exception. If it does not identify the new object,
// the error must say that the outcome is unknown. See Suite.Names.
func (s *Suite) Decoding(t *testing.T) {
	c, tried, named := s.Checker(), 0, map[string]bool{}
	for area, ops := range c.Scope() {
		seen := map[string]bool{}
		for _, op := range ops {
			for _, row := range c.RowsOf(op) {
				run := func(t *testing.T) {
					full := c.fullResponse(area, op, row)
					content := slices.Contains(s.Contents, op.Key())
					check := func(name, body string, want any, nameless bool) {
						tried++
						result, err := s.respond(t, area, op, row, body, body)
						if nameless {
							named[op.Key()] = true
							if err == nil || !s.Unknown(err) {
								t.Errorf("%s: the new object has no name, but the error is %v: %s", name, err, body)
							}
							return
						}
						if content && (body == "" || strings.HasSuffix(name, "bytes")) {
							if err == nil {
								t.Errorf("%s: got neither content nor an error: %.2000s", name, body)
							}
							return
						}
						if body == "{}" && slices.Contains(s.NonEmpty, op.Key()) {
							if err == nil {
								t.Errorf("%s: got an empty response, but no error", name)
							}
							return
						}
						if body == "" && op.Response != "" && (err != nil || result == nil) {
							return // a client cannot decode such a response
						}
						if err != nil || body == "" && op.Response != "" {
							t.Errorf("%s: %v: %.2000s", name, err, body)
							return
						}
						if result == nil || op.Response == "" {
							return
						}
						if f, ok := Member(area, op, row, reflect.TypeOf(result)); ok && f.Name != "[]" {
							if want = want.(map[string]any)[f.Name]; want == nil {
								return // the method decides
							}
						}
						for _, lost := range Missing(want, result) {
							t.Errorf("%s: not returned: %s: %.2000s", name, lost, body)
						}
					}
					name := s.Names[op.Key()]
					for m := range area.mutations(op.Response, full, seen) {
						check(m.name, encode(m.response), m.want, name != "" && m.hit == name)
					}
					check("an empty object", "{}", empty(full), name != "")
					check("nothing", "", empty(full), name != "")
				}
				t.Run(area.Name+" "+op.Name+" "+row.Go, func(t *testing.T) { synctest.Test(t, run) })
			}
		}
	}
	for call := range s.Names {
		if !named[call] {
			t.Errorf("Names: the call %s does not exist", call)
		}
	}
	t.Logf("%d responses", tried)
}

// empty returns an empty value of the kind of v.
func empty(v any) any {
	if _, ok := v.([]any); ok {
		return []any{}
	}
	return map[string]any{}
}

// respond makes a row's call. The service sends one body in the first response and
// another one in later responses. A panic is a failure of the test.
func (s *Suite) respond(t *testing.T, area *Area, op Operation, row Row, body, then string) (result any, err error) {
	text := body
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s panics: %v: %.2000s", row.Go, p, text)
		}
	}()
	client, err := s.New(&service{response: func() (int, string, string) {
		now := body
		body = then
		return http.StatusOK, "application/json", now
	}}, op)
	if err != nil {
		t.Fatal(err)
	}
	result, _, err = Try(t.Context(), client, area, op, row)
	if err != nil && s.Refused(err) {
		t.Fatalf("the row needs a Sample that the method accepts: %v", err)
	}
	return result, err
}

// Fuzz sends arbitrary bytes as responses to the calls of the contract. A call must
// not panic, must end, and must return either a result or an error.
func (s *Suite) Fuzz(f *testing.F) {
	type call struct {
		area *Area
		op   Operation
		row  Row
	}
	c := s.Checker()
	var calls []call
	for _, area := range c.Areas {
		for _, op := range c.Scope()[area] {
			for _, row := range c.RowsOf(op) {
				f.Add(uint(len(calls)), []byte(encode(c.fullResponse(area, op, row))))
				calls = append(calls, call{area, op, row})
			}
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `null`, `""`, `0`, `{`, `[{`, `{"a":`, `{} {}`, `<html>`, "\xff", `{"id":1e999}`, strings.Repeat(`{"a":[`, 5000)} {
		for i := range calls {
			f.Add(uint(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint, body []byte) {
		synctest.Test(t, func(t *testing.T) { // pauses between attempts take no real time
			call := calls[which%uint(len(calls))]
			result, err := s.respond(t, call.area, call.op, call.row, string(body), "{}")
			if v := reflect.ValueOf(result); err != nil && v.IsValid() && v.Kind() != reflect.Slice && !v.IsZero() {
				t.Errorf("%s returns %v and %v", call.row.Go, result, err)
			}
			if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%s: the error has control characters: %q", call.row.Go, err)
			}
		})
	})
}
