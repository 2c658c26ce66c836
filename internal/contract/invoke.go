package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// Try calls the row's method of a client with generated arguments. They are those
// that the request requires and those in the row's Args and Sample. Try returns the
// method's result and the arguments by their JSON names. It returns the elements of
// a sequence as a slice.
func Try(ctx context.Context, client any, area *Area, op Operation, row Row) (result any, sent map[string]any, err error) {
	m, results, sent, err := invoke(ctx, client, area, op, row)
	if err != nil {
		return nil, nil, err
	}
	last := results[len(results)-1]
	if last.Kind() == reflect.Func {
		all := reflect.MakeSlice(m.result, 0, 1)
		for v, e := range last.Seq2() {
			if e.IsNil() {
				all = reflect.Append(all, v)
				continue
			}
			err = e.Interface().(error)
		}
		return all.Interface(), sent, err
	}
	err, _ = last.Interface().(error)
	if len(results) == 2 {
		result = results[0].Interface()
	}
	return result, sent, err
}

// drain is Try without the result.
func drain(ctx context.Context, client any, area *Area, op Operation, row Row) error {
	_, results, _, err := invoke(ctx, client, area, op, row)
	if err != nil {
		return err
	}
	last := results[len(results)-1]
	if last.Kind() == reflect.Func {
		for _, e := range last.Seq2() {
			err, _ = e.Interface().(error)
		}
		return err
	}
	err, _ = last.Interface().(error)
	return err
}

func invoke(ctx context.Context, client any, area *Area, op Operation, row Row) (m *method, results []reflect.Value, sent map[string]any, err error) {
	service := reflect.ValueOf(client).Elem()
	if m, err = findMethod(service.Type(), row.Go); err != nil {
		return m, nil, nil, err
	}
	names := strings.Fields(row.Args)
	if sent, err = arguments(area, op, row, names); err != nil {
		return m, nil, nil, err
	}
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i, t := range m.params {
		var from any = sent
		if i < len(names) {
			from = sent[names[i]]
		}
		arg, err := argument(from, t, row.Base)
		if err != nil {
			return m, nil, nil, fmt.Errorf("%s: parameter %d: %w", row.Go, i+1, err)
		}
		args = append(args, arg)
	}
	receiver := reflect.ValueOf(client)
	if m.field != "" {
		receiver = service.FieldByName(m.field)
	}
	call := receiver.MethodByName(m.Name)
	if call.Type().IsVariadic() {
		return m, call.CallSlice(args), sent, nil
	}
	return m, call.Call(args), sent, nil
}

func required(_ string, f Field) bool { return f.Required }

// arguments generates the arguments of a request.
func arguments(area *Area, op Operation, row Row, names []string) (map[string]any, error) {
	doc, _ := area.Sample(op.Request, required).(map[string]any)
	if doc == nil {
		doc = map[string]any{}
	}
	for _, f := range area.Types[op.Request] {
		for _, name := range names {
			if f.Name == name && doc[name] == nil {
				doc[name] = area.value(f.Name, f.Type, required, nil)
			}
		}
	}
	if row.Sample != "" {
		over := map[string]any{}
		if err := json.Unmarshal([]byte(row.Sample), &over); err != nil {
			return nil, fmt.Errorf("%s: Sample: %w", row.Go, err)
		}
		maps.Copy(doc, over)
	}
	return doc, nil
}

// argument converts a JSON value to a t. If base is a t, the value extends it.
func argument(from any, t reflect.Type, base any) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	if base != nil && reflect.TypeOf(base) == t {
		v.Set(reflect.ValueOf(base))
	}
	if t.Kind() == reflect.Interface && reflect.TypeFor[*strings.Reader]().Implements(t) {
		v.Set(reflect.ValueOf(strings.NewReader("a sample")))
		return v, nil
	}
	if doc, ok := from.(map[string]any); ok && t.Kind() == reflect.Struct {
		doc = maps.Clone(doc)
		for name, f := range jsonFields(t) {
			if isContent(f.Type) {
				delete(doc, name)
			}
		}
		from = doc
	}
	text, err := json.Marshal(from)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, v.Addr().Interface()); err != nil {
		return v, err
	}
	return v, nil
}
