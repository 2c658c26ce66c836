package databrickstest

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Objects are stored as JSON with the names of their Go fields, exported or
// not. Zero fields are omitted. A new field of an object is therefore stored
// automatically. A tag marks exceptions:
//
//	state:"-"    not stored, because it is meaningless in another process or follows from other fields
//	state:"ref"  a pointer to an object that is stored elsewhere, stored as its stateID
//
// Functions are not stored. Long blocks are stored in records of their own, see
// blobTable.

// A referable is an object that other objects refer to.
type referable interface{ stateID() string }

// Members of objects that represent values that JSON does not have.
const (
	blobMember = "$blob" // a long block
	textMember = "$text" // a string that is not valid UTF-8
)

// inlineBytes is the maximum size of a block that is stored in its object.
const inlineBytes = 4 << 10

type stateField struct {
	index int
	name  string
	ref   bool
}

var stateFields sync.Map // []stateField by reflect.Type

func stateFieldsOf(t reflect.Type) []stateField {
	if known, ok := stateFields.Load(t); ok {
		return known.([]stateField)
	}
	var fields []stateField
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("state")
		if tag == "-" || f.Type.Kind() == reflect.Func || f.Type.Size() == 0 {
			continue
		}
		fields = append(fields, stateField{i, f.Name, tag == "ref"})
	}
	slices.SortFunc(fields, func(x, y stateField) int { return bytes.Compare([]byte(x.name), []byte(y.name)) })
	stateFields.Store(t, fields)
	return fields
}

// A stateEncoder appends the encoding of objects to a buffer. The caller must
// hold the workspace's lock.
type stateEncoder struct {
	bytes.Buffer
	blob  func(*block) uint64 // stores a long block and returns its id
	blobs []uint64            // all ids that blob returned
}

// encode appends the object that the pointer refers to.
func (e *stateEncoder) encode(object any) { e.value(reflect.ValueOf(object).Elem()) }

func (e *stateEncoder) text(s string) {
	if !utf8.ValidString(s) {
		fmt.Fprintf(e, `{"%s":"%s"}`, textMember, base64.StdEncoding.EncodeToString([]byte(s)))
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		quoted, _ := json.Marshal(s)
		e.Write(quoted)
		return
	}
	e.WriteByte('"')
	e.WriteString(s)
	e.WriteByte('"')
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	numberType = reflect.TypeFor[json.Number]()
	bytesType  = reflect.TypeFor[[]byte]()
	blockType  = reflect.TypeFor[*block]()
)

func (e *stateEncoder) value(v reflect.Value) {
	switch t := v.Type(); {
	case t == timeType:
		at := v.Interface().(time.Time)
		e.WriteByte('"')
		e.Write(at.UTC().AppendFormat(e.AvailableBuffer(), time.RFC3339Nano))
		e.WriteByte('"')
		return
	case t == numberType:
		e.WriteString(v.String())
		return
	case t == bytesType:
		if v.IsNil() {
			e.WriteString("null")
			return
		}
		e.bytes(v.Bytes())
		return
	case t == blockType:
		b := v.Interface().(*block)
		if data, ok := b.short(); ok {
			e.bytes(data)
			return
		}
		id := e.blob(b)
		e.blobs = append(e.blobs, id)
		fmt.Fprintf(e, `{"%s":%d}`, blobMember, id)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		e.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.Write(strconv.AppendInt(e.AvailableBuffer(), v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.Write(strconv.AppendUint(e.AvailableBuffer(), v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		e.Write(strconv.AppendFloat(e.AvailableBuffer(), v.Float(), 'g', -1, 64))
	case reflect.String:
		e.text(v.String())
	case reflect.Pointer:
		if v.IsNil() {
			e.WriteString("null")
			return
		}
		e.value(v.Elem())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			e.WriteString("null")
			return
		}
		e.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				e.WriteByte(',')
			}
			e.value(v.Index(i))
		}
		e.WriteByte(']')
	case reflect.Map:
		e.object(v)
	case reflect.Struct:
		e.fields(v)
	case reflect.Interface:
		e.any(v)
	default:
		panic(fmt.Sprintf("databrickstest: a %v cannot be stored", v.Type()))
	}
}

func (e *stateEncoder) bytes(data []byte) {
	e.WriteByte('"')
	e.Write(base64.StdEncoding.AppendEncode(e.AvailableBuffer(), data))
	e.WriteByte('"')
}

func (e *stateEncoder) object(v reflect.Value) {
	if v.IsNil() {
		e.WriteString("null")
		return
	}
	type member struct {
		name  string
		value reflect.Value
	}
	members := make([]member, 0, v.Len())
	for i := v.MapRange(); i.Next(); {
		members = append(members, member{mapKey(i.Key()), i.Value()})
	}
	slices.SortFunc(members, func(x, y member) int { return bytes.Compare([]byte(x.name), []byte(y.name)) })
	e.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			e.WriteByte(',')
		}
		e.text(m.name)
		e.WriteByte(':')
		e.value(m.value)
	}
	e.WriteByte('}')
}

func mapKey(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	}
	panic(fmt.Sprintf("databrickstest: a map by %v cannot be stored", v.Type()))
}

func (e *stateEncoder) fields(v reflect.Value) {
	if !v.CanAddr() {
		copied := reflect.New(v.Type()).Elem()
		copied.Set(v)
		v = copied
	}
	e.WriteByte('{')
	empty := true
	for _, f := range stateFieldsOf(v.Type()) {
		field := v.Field(f.index)
		if field.IsZero() {
			continue
		}
		field = accessible(field)
		if !empty {
			e.WriteByte(',')
		}
		empty = false
		e.text(f.name)
		e.WriteByte(':')
		if f.ref {
			e.text(field.Interface().(referable).stateID())
			continue
		}
		e.value(field)
	}
	e.WriteByte('}')
}

// any encodes a value of type any, which holds JSON data or a user's value.
func (e *stateEncoder) any(v reflect.Value) {
	if v.IsNil() {
		e.WriteString("null")
		return
	}
	switch inner := v.Elem(); inner.Kind() {
	case reflect.Map, reflect.Slice, reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		e.value(inner)
	default:
		panic(fmt.Sprintf("databrickstest: a %v in an interface cannot be stored", inner.Type()))
	}
}

// accessible returns an addressable field as a value that can be read and set,
// even if the field is unexported.
func accessible(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

// A stateDecoder decodes what a stateEncoder encoded. It ignores members that
// no field matches.
type stateDecoder struct {
	blob    func(uint64) *block
	blobs   []*block                            // all results of blob
	resolve func(t reflect.Type, id string) any // nil if the object does not exist
	later   []func()                            // set references after all objects exist
}

// decode decodes text into the value that into points to.
func (d *stateDecoder) decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return err
	}
	return d.set(reflect.ValueOf(into).Elem(), tree)
}

func (d *stateDecoder) set(v reflect.Value, tree any) error {
	if tree == nil {
		return nil
	}
	mismatch := func() error { return fmt.Errorf("%T does not fit %v", tree, v.Type()) }
	if v.Type() == timeType {
		text, _ := tree.(string)
		return encoding.TextUnmarshaler(v.Addr().Interface().(*time.Time)).UnmarshalText([]byte(text))
	}
	switch v.Type() {
	case bytesType:
		text, _ := tree.(string)
		data, err := base64.StdEncoding.DecodeString(text)
		v.SetBytes(data)
		return err
	case blockType:
		return d.setBlock(v, tree)
	}
	switch v.Kind() {
	case reflect.Bool:
		b, ok := tree.(bool)
		if !ok {
			return mismatch()
		}
		v.SetBool(b)
	case reflect.String:
		switch text := tree.(type) {
		case string:
			v.SetString(text)
		case json.Number:
			v.SetString(text.String())
		case map[string]any:
			encoded, _ := text[textMember].(string)
			data, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return err
			}
			v.SetString(string(data))
		default:
			return mismatch()
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		number, _ := tree.(json.Number)
		n, err := number.Int64()
		if err != nil {
			return mismatch()
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		number, _ := tree.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil {
			return mismatch()
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		number, _ := tree.(json.Number)
		n, err := number.Float64()
		if err != nil {
			return mismatch()
		}
		v.SetFloat(n)
	case reflect.Pointer:
		pointer := reflect.New(v.Type().Elem())
		if err := d.set(pointer.Elem(), tree); err != nil {
			return err
		}
		v.Set(pointer)
	case reflect.Slice:
		list, ok := tree.([]any)
		if !ok {
			return mismatch()
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, element := range list {
			if err := d.set(v.Index(i), element); err != nil {
				return err
			}
		}
	case reflect.Map:
		return d.setMap(v, tree)
	case reflect.Struct:
		return d.setFields(v, tree)
	case reflect.Interface:
		v.Set(reflect.ValueOf(tree))
	default:
		return mismatch()
	}
	return nil
}

func (d *stateDecoder) setBlock(v reflect.Value, tree any) error {
	found := &block{}
	if object, ok := tree.(map[string]any); ok {
		number, _ := object[blobMember].(json.Number)
		id, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil {
			return err
		}
		if found = d.blob(id); found == nil {
			return fmt.Errorf("blob %d is missing", id)
		}
		d.blobs = append(d.blobs, found)
	} else if err := d.set(reflect.ValueOf(&found.data).Elem(), tree); err != nil {
		return err
	}
	v.Set(reflect.ValueOf(found))
	return nil
}

func (d *stateDecoder) setMap(v reflect.Value, tree any) error {
	object, ok := tree.(map[string]any)
	if !ok {
		return fmt.Errorf("%T does not fit %v", tree, v.Type())
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(object)))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		key := reflect.New(v.Type().Key()).Elem()
		if key.Kind() == reflect.String {
			key.SetString(name)
		} else if n, err := strconv.ParseInt(name, 10, 64); err == nil {
			key.SetInt(n)
		} else {
			return err
		}
		member := reflect.New(v.Type().Elem()).Elem()
		if err := d.set(member, object[name]); err != nil {
			return err
		}
		v.SetMapIndex(key, member)
	}
	return nil
}

func (d *stateDecoder) setFields(v reflect.Value, tree any) error {
	object, ok := tree.(map[string]any)
	if !ok {
		return fmt.Errorf("%T does not fit %v", tree, v.Type())
	}
	for _, f := range stateFieldsOf(v.Type()) {
		member, ok := object[f.name]
		if !ok {
			continue
		}
		field := accessible(v.Field(f.index))
		if f.ref {
			id, _ := member.(string)
			d.later = append(d.later, func() {
				if found := d.resolve(field.Type(), id); found != nil {
					field.Set(reflect.ValueOf(found))
				}
			})
			continue
		}
		if err := d.set(field, member); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
