// Package utf8text finds text that JSON cannot carry.
package utf8text

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Invalid returns where in v, a value that has a JSON form, the first text is
// that is not valid UTF-8, in the names of that form. Encoders put something
// else in the place of such text.
func Invalid(v any) (path string, found bool) { return invalid(reflect.ValueOf(v)) }

func invalid(v reflect.Value) (path string, found bool) {
	switch v.Kind() {
	case reflect.String:
		return "", !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return invalid(v.Elem())
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Uint8: // base64, if it is not JSON itself
			raw, isRaw := v.Interface().(json.RawMessage)
			return "", isRaw && !utf8.Valid(raw)
		case reflect.String, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Array, reflect.Struct, reflect.Map:
			for i := range v.Len() {
				if path, found := invalid(v.Index(i)); found {
					return path, true
				}
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if _, found := invalid(entry.Key()); found {
				return "", true
			}
			if path, found := invalid(entry.Value()); found {
				return join(entry.Key().String(), path), true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.IsExported() && !field.Anonymous || name == "-" {
				continue
			}
			if path, found := invalid(v.Field(i)); found {
				if name == "" && !field.Anonymous {
					name = field.Name
				}
				return join(name, path), true
			}
		}
	}
	return "", false
}

func join(name, path string) string {
	if name == "" || path == "" {
		return name + path
	}
	return name + "." + path
}
