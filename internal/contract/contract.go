// Package contract holds Go types and methods against a description of the
// service: every operation must have a method, every field a Go field that fits
// it, and every value of an enum a constant. It is for tests.
package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Area is what one file of the contract says.
type Area struct {
	Name       string              `json:"-"` // of the file, without .json
	Operations []Operation         `json:"operations"`
	Types      map[string][]Field  `json:"types"`
	Enums      map[string][]string `json:"enums"`
}

// An Operation is a call of the service.
type Operation struct {
	Name             string `json:"name"`
	Method           string `json:"method"`
	Path             string `json:"path"`
	Request          string `json:"request"`    // a type; "" if it takes nothing
	Response         string `json:"response"`   // a type; "" if it answers nothing
	RequestIn        string `json:"request_in"` // json, query, form or multipart
	Idempotent       bool   `json:"idempotent"` // may be sent twice
	IdempotencyField string `json:"idempotency_field"`
	Paginated        bool   `json:"paginated"`
}

// A Field is a member of a type. The name [] stands for a reply that is an
// array and no object.
type Field struct {
	Name             string `json:"name"`
	Type             string `json:"type"` // string, int64, array<object<Library>>, …
	Required         bool   `json:"required"`
	ZeroIsMeaningful bool   `json:"zero_is_meaningful"`
}

// Load reads files of the contract, by their names without .json.
func Load(dir string, names ...string) ([]*Area, error) {
	var areas []*Area
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			return nil, err
		}
		area := &Area{Name: name}
		if err := json.Unmarshal(text, area); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		areas = append(areas, area)
	}
	return areas, nil
}

// Key is how a row of a table names the operation: method and path, and
// " multipart" after it for the second form of a call that has two.
func (o Operation) Key() string {
	if strings.HasSuffix(o.Name, "-multipart") {
		return o.Method + " " + o.Path + " multipart"
	}
	return o.Method + " " + o.Path
}

// Repeatable reports whether the client may send the call again when an answer
// was lost.
func (o Operation) Repeatable() bool { return o.Idempotent || o.IdempotencyField != "" }

// parse takes array<object<Library>> apart: the outermost word, and what is in it.
func parse(typ string) (kind, of string) {
	kind, of, _ = strings.Cut(typ, "<")
	of = strings.TrimSuffix(of, ">")
	if kind == "map" {
		_, of, _ = strings.Cut(of, ",")
		of = strings.TrimSpace(of)
	}
	return kind, of
}

// reach collects the fields and enum values that can be met from a type.
func (a *Area) reach(typ string, fields, values map[string]bool) {
	for _, f := range a.Types[typ] {
		fields[a.place(typ, f.Name)] = true
		inner := f.Type
		for kind, of := parse(inner); of != ""; kind, of = parse(inner) {
			switch inner = of; kind {
			case "object":
				if next := a.Types[of]; len(next) > 0 && !fields[a.place(of, next[0].Name)] {
					a.reach(of, fields, values)
				}
			case "enum":
				for _, v := range a.Enums[of] {
					values[a.place(of, v)] = true
				}
			}
		}
	}
}

// place names a field or an enum's value in messages.
func (a *Area) place(typ, name string) string { return a.Name + "." + typ + "." + name }

// Sample makes up a JSON document of a type: all fields that keep lets through,
// each with a value of its own kind.
func (a *Area) Sample(typ string, keep func(typ string, f Field) bool) any {
	return a.sample(typ, keep, nil)
}

func (a *Area) sample(typ string, keep func(typ string, f Field) bool, within []string) any {
	doc := map[string]any{}
	for _, f := range a.Types[typ] {
		if !keep(typ, f) {
			continue
		}
		v := a.value(f.Name, f.Type, keep, append(slices.Clone(within), typ))
		if f.Name == "[]" {
			return v
		}
		if v != nil {
			doc[f.Name] = v
		}
	}
	return doc
}

// value makes up a value of a type; nil ends a type that holds itself.
func (a *Area) value(name, typ string, keep func(typ string, f Field) bool, within []string) any {
	switch kind, of := parse(typ); kind {
	case "string":
		if strings.Contains(name, "path") || name == "folder" {
			return "/sample/" + name
		}
		return "sample-" + name
	case "bytes(base64)":
		return []byte("sample of " + name)
	case "bool":
		return true
	case "int32", "int64":
		return 1 + len(name)
	case "float64":
		return float64(len(name)) + 0.5
	case "any":
		return "sample-" + name
	case "enum":
		return slices.Min(a.Enums[of])
	case "object":
		if slices.Contains(within, of) {
			return nil
		}
		return a.sample(of, keep, within)
	case "array":
		if v := a.value(name, of, keep, within); v != nil {
			return []any{v}
		}
		return nil
	case "map":
		return map[string]any{"sample-key": a.value(name, of, keep, within)}
	default:
		panic("contract: no type " + typ)
	}
}

// Missing lists what of the document want is not in got; want may have less.
// Both are made of what encoding/json decodes into an any.
func Missing(want, got any) []string { return missing("", normal(want), normal(got)) }

func normal(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	return doc
}

func missing(at string, want, got any) (lost []string) {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(want)) {
			lost = append(lost, missing(at+"."+key, want[key], got[key])...)
		}
		return lost
	case []any:
		got, _ := got.([]any)
		for i, v := range want {
			if i >= len(got) {
				return append(lost, fmt.Sprintf("%s[%d]: want %v, have nothing", at, i, v))
			}
			lost = append(lost, missing(fmt.Sprintf("%s[%d]", at, i), v, got[i])...)
		}
		return lost
	default:
		if want != got {
			lost = append(lost, fmt.Sprintf("%s: want %v, have %v", at, want, got))
		}
		return lost
	}
}
