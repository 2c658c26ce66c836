// Package utf8text finds text that is not valid in JSON.
package utf8text

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Invalid returns the path of the first text in v that is not valid UTF-8. v has a
// JSON form, and the path consists of JSON names. Encoders would replace invalid
// bytes.
func Invalid(v any) (path string, found bool) { return invalid(reflect.ValueOf(v)) }

func invalid(v reflect.Value) (path string, found bool) {
	switch v.Kind() {
	case reflect.String:
		return "", !utf8.ValidString(v.String())
	case reflect.Pointer, reflect.Interface:
		return invalid(v.Elem())
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Uint8: // encoded as base64, unless it is JSON itself
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
