// Package contract compares Go types and methods with a description of the service.
// Each operation must have a method. Each field must have a Go field of the right
// type. Each enum value must have a constant. The package is for tests.
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

// An Area is the content of one file of the contract.
type Area struct {
	Name       string              `json:"-"` // name of the file without .json
	Operations []Operation         `json:"operations"`
	Types      map[string][]Field  `json:"types"`
	Enums      map[string][]string `json:"enums"`
}

// An Operation is a call of the service.
type Operation struct {
	Name             string `json:"name"`
	Method           string `json:"method"`
	Path             string `json:"path"`
	Request          string `json:"request"`    // a type; "" if the request has no arguments
	Response         string `json:"response"`   // a type; "" if the response has no content
	RequestIn        string `json:"request_in"` // json, query, form or multipart
	Idempotent       bool   `json:"idempotent"` // a second send has no further effect
	IdempotencyField string `json:"idempotency_field"`
	Paginated        bool   `json:"paginated"`
}

// A Field is a member of a type. The name [] stands for a response that is an array
// instead of an object.
type Field struct {
	Name             string `json:"name"`
	Type             string `json:"type"` // string, int64, array<object<Library>>, …
	Required         bool   `json:"required"`
	ZeroIsMeaningful bool   `json:"zero_is_meaningful"`
}

// Load reads files of the contract. The names are without .json.
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

// Key returns the name that rows use for the operation: the method and the path. If
// a call has two forms, the key of the second one ends with " multipart".
func (o Operation) Key() string {
	if strings.HasSuffix(o.Name, "-multipart") {
		return o.Method + " " + o.Path + " multipart"
	}
	return o.Method + " " + o.Path
}

// Retryable reports whether the client may retry the call after its response was
// lost.
func (o Operation) Retryable() bool { return o.Idempotent || o.IdempotencyField != "" }

// parse splits a type such as array<object<Library>> into the outermost word and
// the rest.
func parse(typ string) (kind, of string) {
	kind, of, _ = strings.Cut(typ, "<")
	of = strings.TrimSuffix(of, ">")
	if kind == "map" {
		_, of, _ = strings.Cut(of, ",")
		of = strings.TrimSpace(of)
	}
	return kind, of
}

// reach collects the fields and enum values that are reachable from a type.
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

// place returns the name of a field or an enum value for messages.
func (a *Area) place(typ, name string) string { return a.Name + "." + typ + "." + name }

// Sample returns a JSON document of a type. It has all fields for which keep
// returns true. The values of its fields differ.
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

// value returns a value of a type. It returns nil where a type contains itself.
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

// Missing returns the parts of the document want that are not in got. got may have
// more. Both are values as encoding/json decodes them into an any.
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
				return append(lost, fmt.Sprintf("%s[%d]: want %v, got nothing", at, i, v))
			}
			lost = append(lost, missing(fmt.Sprintf("%s[%d]", at, i), v, got[i])...)
		}
		return lost
	default:
		if want != got {
			lost = append(lost, fmt.Sprintf("%s: want %v, got %v", at, want, got))
		}
		return lost
	}
}
