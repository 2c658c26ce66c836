package databrickstest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The parameters of a request form a tree. JSON is decoded to map[string]any,
// []any, string, json.Number, bool and nil. A query or a form has fieldValues.
//
// decode stores a tree in a struct, by its json tags. It is as lenient as the
// service: a string may replace a number or a bool and the other way round,
// null means unset, and unknown members are ignored. Any other type is a
// MALFORMED_REQUEST. A field with the tag api:"required" must be set, and must
// not be an empty string. For a field with the tag api:"unused", an object
// without any value also means unset. A field of type any gets the tree without
// changes.

// A fieldValues has the values of one field of a query or a form.
type fieldValues []string

// addFields adds the fields of a query or a form to a tree. The field a.b=1
// becomes {"a": {"b": 1}}.
func addFields(tree map[string]any, fields url.Values) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		node, path := tree, strings.Split(name, ".")
		for _, outer := range path[:len(path)-1] {
			inner, ok := node[outer].(map[string]any)
			if !ok {
				inner = map[string]any{}
				node[outer] = inner
			}
			node = inner
		}
		node[path[len(path)-1]] = fieldValues(fields[name])
	}
}

// parseObject adds the members of a JSON object to tree.
func parseObject(text []byte, tree map[string]any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil {
		_, err = decoder.Token()
	}
	if err != io.EOF { // the text is not exactly one JSON value
		return badJSON("failed to parse given JSON")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return badJSON("expected a map")
	}
	maps.Copy(tree, object)
	return nil
}

func badJSON(problem string) error {
	return fail(http.StatusBadRequest, "MALFORMED_REQUEST", "Invalid JSON given in the body of the request - %s", problem)
}

// tokenName returns the name of a value's first token in the errors of the
// service's JSON parser.
func tokenName(value any) string {
	switch value := value.(type) {
	case map[string]any:
		return "START_OBJECT"
	case []any:
		return "START_ARRAY"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "VALUE_NUMBER_FLOAT"
		}
		return "VALUE_NUMBER_INT"
	case bool:
		return "VALUE_" + strings.ToUpper(strconv.FormatBool(value))
	case nil:
		return "VALUE_NULL"
	}
	return "VALUE_STRING"
}

// decode stores tree in the struct that into points to.
func decode(tree map[string]any, into any) error {
	return decodeStruct(reflect.ValueOf(into).Elem(), tree)
}

type structField struct {
	name     string
	index    []int
	required bool
	unused   bool
}

var structFields sync.Map // []structField by reflect.Type

func fieldsOf(t reflect.Type) []structField {
	if known, ok := structFields.Load(t); ok {
		return known.([]structField)
	}
	var fields []structField
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields = append(fields, structField{name, f.Index, f.Tag.Get("api") == "required", f.Tag.Get("api") == "unused"})
		}
	}
	structFields.Store(t, fields)
	return fields
}

func decodeStruct(into reflect.Value, tree map[string]any) error {
	for _, f := range fieldsOf(into.Type()) {
		value, field := tree[f.name], into.FieldByIndex(f.index)
		if f.unused && blank(value) {
			value = nil
		}
		if err := decodeValue(field, value, f.name); err != nil {
			return err
		}
		if f.required && (value == nil || field.Kind() == reflect.String && field.Len() == 0) {
			return missingField(f.name)
		}
	}
	return nil
}

// blank reports whether a value and everything in it is empty.
func blank(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		for _, member := range value {
			if !blank(member) {
				return false
			}
		}
		return true
	}
	return false
}

func decodeValue(into reflect.Value, value any, name string) error {
	if value == nil {
		return nil
	}
	switch into.Kind() {
	case reflect.Pointer:
		target := reflect.New(into.Type().Elem())
		if err := decodeValue(target.Elem(), value, name); err != nil {
			return err
		}
		into.Set(target)
	case reflect.Interface:
		if values, ok := value.(fieldValues); ok {
			value = scalarOf(values)
		}
		into.Set(reflect.ValueOf(value))
	case reflect.Struct:
		object, ok := value.(map[string]any)
		if !ok {
			return malformed("Expected 'START_OBJECT' not '%s' for field '%s'", tokenName(value), name)
		}
		return decodeStruct(into, object)
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return malformed("Expected map for field '%s' not '%s'", name, tokenName(value))
		}
		into.Set(reflect.MakeMapWithSize(into.Type(), len(object)))
		for key, member := range object {
			element := reflect.New(into.Type().Elem()).Elem()
			if err := decodeValue(element, member, name); err != nil {
				return err
			}
			into.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), element)
		}
	case reflect.Slice:
		var elements []any
		switch value := value.(type) {
		case []any:
			elements = value
		case fieldValues:
			for _, text := range value {
				elements = append(elements, fieldValues{text})
			}
		default:
			return malformed("Expected 'START_ARRAY' not '%s' for field '%s'", tokenName(value), name)
		}
		slice := reflect.MakeSlice(into.Type(), len(elements), len(elements))
		for i, element := range elements {
			if err := decodeValue(slice.Index(i), element, name); err != nil {
				return err
			}
		}
		into.Set(slice)
	default:
		return decodeScalar(into, value, name)
	}
	return nil
}

func scalarOf(values fieldValues) any {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func decodeScalar(into reflect.Value, value any, name string) error {
	var text string
	switch value := value.(type) {
	case fieldValues:
		text, _ = scalarOf(value).(string)
	case string:
		text = value
	case json.Number:
		text = value.String()
	case bool:
		text = strconv.FormatBool(value)
	default:
		return malformed("Expected Scalar value for field '%s' not '%s'", name, tokenName(value))
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
		return nil
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true":
			into.SetBool(true)
			return nil
		case "false":
			return nil
		}
	case reflect.Int, reflect.Int64, reflect.Int32:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil { // 3.0 and 1e3 are integers, too
			f, floatErr := strconv.ParseFloat(text, 64)
			if floatErr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				break
			}
			n = int64(f)
		}
		if into.OverflowInt(n) {
			break
		}
		into.SetInt(n)
		return nil
	case reflect.Float64:
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			into.SetFloat(f)
			return nil
		}
	default:
		panic("databrickstest: unsupported type of a request field: " + into.Type().String())
	}
	return malformed("Could not parse value '%s' of field '%s' as %s", shortened(text), name, into.Kind())
}

func shortened(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}
