package v12

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/redact"
)

// A Table is the result of a query or of the function display.
type Table struct {
	Columns []Column

	// Rows hold nil, bool, string, [json.Number], []any or map[string]any for
	// each column. Numbers keep all their digits. [Table.Scan] and [Rows]
	// convert them to Go values.
	Rows [][]any
}

// A Column describes a column of a table.
type Column struct {
	Name string `json:"name,omitzero"`

	// Type is a Spark type. In a [Table] it has the short form: bigint or long,
	// string, array<long>, struct<a:long,b:string>. In [Results] it has the
	// form that the service sent, which may be JSON.
	Type     string `json:"type,omitzero"`
	Metadata string `json:"metadata,omitzero"` // JSON; may be empty
}

func readTable(r *Results) (*Table, error) {
	t := &Table{Columns: append([]Column{}, r.Schema...)}
	for i, c := range r.Schema {
		var schema any
		if (r.IsJSONSchema || strings.HasPrefix(c.Type, `"`) || strings.HasPrefix(c.Type, "{")) &&
			unmarshal(json.RawMessage(c.Type), &schema) == nil {
			t.Columns[i].Type = typeName(schema)
		}
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(r.Data, &rows); len(r.Data) > 0 && err != nil {
		return nil, errNoList
	}
	t.Rows = make([][]any, len(rows))
	for i, row := range rows {
		if bytes.Equal(row, []byte("null")) {
			t.Rows[i] = make([]any, len(t.Columns))
		} else if err := unmarshal(row, &t.Rows[i]); err != nil {
			return nil, fmt.Errorf("row %d is not a list of values", i)
		}
	}
	return t, nil
}

// typeName converts a Spark type in JSON to its short form.
func typeName(schema any) string {
	switch v := schema.(type) {
	case string:
		return v
	case map[string]any:
		switch v["type"] {
		case "array":
			return "array<" + typeName(v["elementType"]) + ">"
		case "map":
			return "map<" + typeName(v["keyType"]) + "," + typeName(v["valueType"]) + ">"
		case "struct":
			list, _ := v["fields"].([]any)
			fields := make([]string, len(list))
			for i, f := range list {
				field, _ := f.(map[string]any)
				name, _ := field["name"].(string)
				fields[i] = name + ":" + typeName(field["type"])
			}
			return "struct<" + strings.Join(fields, ",") + ">"
		}
		return typeName(v["type"])
	}
	return "unknown"
}

// A ScanError says which value of a table could not be converted.
type ScanError struct {
	Row     int    // starts at 0
	Column  string // name of the column, or its number if it has no name
	Problem string
}

// Error names the value and the problem.
func (e *ScanError) Error() string {
	return redact.Line(fmt.Sprintf("databricks: row %d, column %s: %s", e.Row, e.Column, e.Problem), maxText)
}

// errNoTable is the error for a result that is not a table, such as text.
var errNoTable = errors.New("databricks: the result is not a table; Result.Type says what it is")

// Scan copies the values of a row into dest, which has a pointer for each
// column. Rows start at 0. A nil pointer skips its column. A number is stored
// in a number that can represent it exactly, or in a string. Text is stored in
// a string, in a time, or in a number if it is a numeral. Lists, maps and
// structs are stored by the rules of encoding/json. A null sets a pointer to
// nil and any other type to zero. Scan returns an error if t is nil, because
// the result is then not a table.
func (t *Table) Scan(row int, dest ...any) error {
	if t == nil {
		return errNoTable
	}
	if row < 0 || row >= len(t.Rows) {
		return fmt.Errorf("databricks: row %d does not exist; the table has %d rows", row, len(t.Rows))
	}
	values := t.Rows[row]
	if len(values) != len(dest) {
		return fmt.Errorf("databricks: row %d has %d values for %d destinations", row, len(values), len(dest))
	}
	for i, d := range dest {
		if d == nil {
			continue
		}
		to := reflect.ValueOf(d)
		if to.Kind() != reflect.Pointer || to.IsNil() {
			return &ScanError{row, t.columnName(i), fmt.Sprintf("the destination is a %T; want a pointer", d)}
		}
		if err := assign(to.Elem(), values[i]); err != nil {
			return &ScanError{row, t.columnName(i), err.Error()}
		}
	}
	return nil
}

func (t *Table) columnName(i int) string {
	if i < len(t.Columns) && t.Columns[i].Name != "" {
		return t.Columns[i].Name
	}
	return strconv.Itoa(i)
}

// Rows converts all rows of a table to values of type T. If T is a struct other
// than time.Time, each column is stored in the field with its name, by the
// rules of encoding/json. Columns without a field are ignored. For any other T,
// the table must have exactly one column. [Table.Scan] describes the
// conversions.
//
// Rows returns an error if t is nil, because the result is then not a table.
func Rows[T any](t *Table) ([]T, error) {
	if t == nil {
		return nil, errNoTable
	}
	rows := make([]T, len(t.Rows))
	of := reflect.TypeFor[T]()
	var fields [][]int // index of the field in T, for each column
	if of.Kind() == reflect.Struct && of != reflect.TypeFor[time.Time]() {
		visible := reflect.VisibleFields(of)
		for _, column := range t.Columns {
			i := slices.IndexFunc(visible, func(f reflect.StructField) bool { return fieldName(f) == column.Name })
			if i < 0 {
				i = slices.IndexFunc(visible, func(f reflect.StructField) bool { return strings.EqualFold(fieldName(f), column.Name) })
			}
			var index []int
			if i >= 0 {
				index = visible[i].Index
			}
			fields = append(fields, index)
		}
	}
	for i := range rows {
		dest := []any{&rows[i]}
		if fields != nil {
			dest = make([]any, len(fields))
			for j, index := range fields {
				if index != nil {
					dest[j] = reflect.ValueOf(&rows[i]).Elem().FieldByIndex(index).Addr().Interface()
				}
			}
		}
		if err := t.Scan(i, dest...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// fieldName returns the name of a field in encoding/json, or an empty string.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case !f.IsExported(), len(f.Index) > 1, name == "-":
		return ""
	case name != "":
		return name
	}
	return f.Name
}

// timeForms are the time formats of clusters.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999", time.DateOnly}

// assign stores a value in a Go variable.
func assign(to reflect.Value, value any) error {
	if value == nil {
		to.SetZero()
		return nil
	}
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		return assign(to.Elem(), value)
	}
	if v := reflect.ValueOf(value); v.Type().AssignableTo(to.Type()) {
		to.Set(v)
		return nil
	}
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	numeral := text + string(number)
	misfit := fmt.Errorf("%s does not fit into a %s", describe(value), to.Type())
	switch to.Kind() {
	case reflect.String:
		if isText || isNumber {
			to.SetString(numeral)
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n, err := strconv.ParseInt(integer(numeral), 10, to.Type().Bits()); err == nil {
			to.SetInt(n)
			return nil
		}
		return misfit
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n, err := strconv.ParseUint(integer(numeral), 10, to.Type().Bits()); err == nil {
			to.SetUint(n)
			return nil
		}
		return misfit
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(numeral, to.Type().Bits())
		if err == nil && (isText || !math.IsInf(f, 0)) {
			to.SetFloat(f)
			return nil
		}
		return misfit
	case reflect.Slice:
		if to.Type().Elem().Kind() == reflect.Uint8 && isText {
			if b, err := base64.StdEncoding.DecodeString(text); err == nil {
				to.SetBytes(b)
				return nil
			}
			return misfit
		}
	case reflect.Struct:
		if to.Type() == reflect.TypeFor[time.Time]() && isText {
			for _, form := range timeForms {
				if at, err := time.Parse(form, text); err == nil {
					to.Set(reflect.ValueOf(at.UTC()))
					return nil
				}
			}
			return misfit
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil || unmarshal(encoded, to.Addr().Interface()) != nil {
		return misfit
	}
	return nil
}

// integer returns a numeral without a fraction that consists of zeros.
func integer(numeral string) string {
	whole, fraction, _ := strings.Cut(numeral, ".")
	if strings.Trim(fraction, "0") == "" {
		return whole
	}
	return numeral
}

// describe formats a value for a message.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return "the text " + strconv.Quote(redact.Line(v, maxText))
	case json.Number:
		return "the number " + redact.Line(v.String(), maxText)
	case bool:
		return "the bool " + strconv.FormatBool(v)
	case []any:
		return "a list"
	}
	return "an object"
}
