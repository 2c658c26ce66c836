// Package response decodes the responses of a service with servers of different
// versions. A value that is a number in one version may be a string in another. A
// list may be larger than the available memory.
package response

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Unmarshal is json.Unmarshal for values whose JSON type may differ from the Go
// type. It converts IDs, numbers and booleans from strings, and the reverse. It
// ignores values that it cannot convert.
func Unmarshal(text []byte, out any) error {
	if decode(text, out) == nil {
		return nil
	}
	err := json.Unmarshal(text, out)    // an error that does not depend on the engine
	if err != nil && json.Valid(text) { // only the types are wrong
		switch lenient := leniently(text, out); lenient {
		case nil, errOtherType:
			return lenient
		}
	}
	return err
}

// leniently decodes text after it converts the values to the type of out.
func leniently(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	target := reflect.ValueOf(out).Elem()
	if object, ok := v.(map[string]any); ok && len(object) == 0 {
		target.SetZero() // nothing can be decoded
		return nil
	}
	fitted := fit(v, target.Type())
	if fitted == nil && v != nil {
		return errOtherType
	}
	text, err := json.Marshal(fitted)
	if err != nil {
		return err
	}
	target.SetZero()
	return json.Unmarshal(text, out)
}

// fit returns the JSON value v in a form that decodes into a t, or nil if there is
// none.
func fit(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			fields := fieldsOf(t)
			for key, member := range v {
				if f, ok := fields[strings.ToLower(key)]; ok {
					v[key] = fit(member, f.typ)
				}
			}
			return v
		case reflect.Map:
			for key, member := range v {
				v[key] = fit(member, t.Elem())
			}
			return v
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, element := range v {
				v[i] = fit(element, t.Elem())
			}
			return v
		}
	case string:
		switch t.Kind() {
		case reflect.String:
			return v
		case reflect.Slice: // []byte
			if t.Elem().Kind() == reflect.Uint8 {
				return v
			}
		case reflect.Bool:
			if b, err := strconv.ParseBool(v); err == nil {
				return b
			}
		case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
			return fit(json.Number(v), t)
		}
	case json.Number:
		switch t.Kind() {
		case reflect.String:
			return v.String()
		case reflect.Float64:
			if f, err := v.Float64(); err == nil {
				return f
			}
		case reflect.Int, reflect.Int32, reflect.Int64:
			if n, err := v.Int64(); err == nil && !reflect.Zero(t).OverflowInt(n) {
				return n
			}
			if f, err := v.Float64(); err == nil && f == float64(int64(f)) && !reflect.Zero(t).OverflowInt(int64(f)) {
				return int64(f) // 1e3, 7.0
			}
		}
	case bool:
		switch t.Kind() {
		case reflect.Bool:
			return v
		case reflect.String:
			return strconv.FormatBool(v)
		}
	}
	if t.Kind() == reflect.Interface {
		return v
	}
	return nil
}

// A field is a field of a struct that has a JSON name.
type field struct {
	index []int
	typ   reflect.Type
}

var structs sync.Map // map[string]field by reflect.Type

// fieldsOf returns the fields of a struct by their JSON names, in lower case.
func fieldsOf(t reflect.Type) map[string]field {
	if known, ok := structs.Load(t); ok {
		return known.(map[string]field)
	}
	fields := map[string]field{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		_, err := reflect.Zero(t).FieldByIndexErr(f.Index) // fails for a field of an embedded pointer
		if err == nil && f.IsExported() && name != "-" && (name != "" || !f.Anonymous) {
			fields[strings.ToLower(cmp.Or(name, f.Name))] = field{f.Index, f.Type}
		}
	}
	structs.Store(t, fields)
	return fields
}
