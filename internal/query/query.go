// Package query encodes input structs as the parameters of a URL.
package query

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// Add adds v to a query under name. Lists become repeated parameters. Fields of a
// struct have their JSON names, with a dot between levels. Fields with omitzero are
// omitted if they are zero.
func Add(to url.Values, name string, v any) { add(to, name, reflect.ValueOf(v)) }

func add(to url.Values, name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			add(to, name, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			add(to, name, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case !field.IsExported() || key == "-" || options == "omitzero" && v.Field(i).IsZero():
			case field.Anonymous && key == "":
				add(to, name, v.Field(i))
			case name != "":
				add(to, name+"."+key, v.Field(i))
			default:
				add(to, key, v.Field(i))
			}
		}
	case reflect.String:
		to.Add(name, v.String())
	case reflect.Bool:
		to.Add(name, strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int32, reflect.Int64:
		to.Add(name, strconv.FormatInt(v.Int(), 10))
	default:
		panic("databricks: no query form for " + v.Type().String()) // only our own types reach this
	}
}
