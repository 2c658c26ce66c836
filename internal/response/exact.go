package response

import (
	"encoding"
	"encoding/json"
	"hash/maphash"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Exact decodes text into what out points to, as json.Unmarshal does, in a third
// of its time. It takes one pass. encoding/json checks all of the text first. Exact
// reports false for text that is not valid, and for values that do not
// have the types of out. It may have changed out then. The caller decodes the text
// with encoding/json in that case.
func Exact(text []byte, out any) bool {
	d := newExact()
	defer d.free()
	return d.decode(text, out)
}

// An exact decoder decodes one text after another. Many strings of responses are
// the same. It allocates them once, unless they are as long as a token.
type exact struct {
	text  []byte
	at    int
	depth int // of objects and arrays
	seed  maphash.Seed
	seen  [256]string
}

const maxSeen = 32 // bytes of a string

var exacts = sync.Pool{New: func() any { return &exact{seed: maphash.MakeSeed()} }}

func newExact() *exact { return exacts.Get().(*exact) }

func (d *exact) free() {
	d.text = nil
	exacts.Put(d)
}

func (d *exact) decode(text []byte, out any) bool {
	v := reflect.ValueOf(out).Elem()
	d.text, d.at, d.depth = text, 0, 0
	return d.value(v, shapeOf(v.Type())) && d.next() == 0 && d.at == len(text)
}

// maxDepth limits recursion. Objects of the service have about 10 levels.
const maxDepth = 100

// A shape is what the decoder knows about a type.
type shape struct {
	typ  reflect.Type
	once sync.Once
	kind reflect.Kind // Invalid for types that this decoder does not know
	elem *shape
	// members has each field by the name of its member, and by that name in lower case.
	members map[string]*member
}

type member struct {
	index []int
	shape *shape
}

var shapes sync.Map // *shape by reflect.Type

func shapeOf(t reflect.Type) *shape {
	known, ok := shapes.Load(t)
	if !ok {
		known, _ = shapes.LoadOrStore(t, &shape{typ: t})
	}
	return known.(*shape)
}

// init examines the type, but not the types of its fields. The first decoding of
// a type takes no longer than the values that arrive need.
func (s *shape) init() {
	t := s.typ
	if pointer := reflect.PointerTo(t); t == reflect.TypeFor[json.Number]() || t.Kind() != reflect.Pointer &&
		(pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())) {
		return
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float64, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
	case reflect.Pointer:
		s.elem = shapeOf(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return // base64
		}
		s.elem = shapeOf(t.Elem())
	case reflect.Map:
		if t.Key() != reflect.TypeFor[string]() {
			return
		}
		s.elem = shapeOf(t.Elem())
	case reflect.Struct:
		if !s.addMembers() {
			return
		}
	default:
		return
	}
	s.kind = t.Kind()
}

// addMembers reports false for structs with tags that are not usual here.
func (s *shape) addMembers() bool {
	s.members = make(map[string]*member, s.typ.NumField())
	for _, f := range reflect.VisibleFields(s.typ) {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && (f.Type.Kind() != reflect.Struct || tag != ""):
			return false
		case f.Anonymous || !f.IsExported() || tag == "-":
			continue
		case strings.Contains(options, "string") || strings.Trim(name, memberChars) != "" || name == "-":
			return false
		case name == "":
			name = f.Name
		}
		m := &member{f.Index, shapeOf(f.Type)}
		lower := strings.ToLower(name)
		if s.members[name] != nil || s.members[lower] != nil {
			return false // encoding/json has rules for which field it is
		}
		s.members[name], s.members[lower] = m, m
	}
	return true
}

const memberChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:$"

// member returns the field for a name, or nil if there is none. As with
// encoding/json, case does not matter.
func (s *shape) member(name []byte) *member {
	if m := s.members[string(name)]; m != nil {
		return m
	}
	var room [64]byte
	lower := append(room[:0], name...)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return s.members[string(lower)]
}

// next skips white space and returns the byte after it, or 0 at the end.
func (d *exact) next() byte {
	for ; d.at < len(d.text); d.at++ {
		if c := d.text[d.at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// literal takes a word, such as null.
func (d *exact) literal(word string) bool {
	if rest := d.text[d.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return false
	}
	d.at += len(word)
	return true
}

// each calls item for each member of an object, or element of an array.
func (d *exact) each(opening, closing byte, item func() bool) bool {
	if d.next() != opening || d.depth == maxDepth {
		return false
	}
	d.at++
	if d.next() == closing {
		d.at++
		return true
	}
	d.depth++
	for item() {
		switch d.next() {
		case ',':
			d.at++
		case closing:
			d.at++
			d.depth--
			return true
		default:
			return false
		}
	}
	return false
}

// name takes the name of a member and the colon after it.
func (d *exact) name() (name []byte, ok bool) {
	if name, ok = d.quoted(); !ok || d.next() != ':' {
		return nil, false
	}
	d.at++
	return name, true
}

// quoted takes a string and returns what is between its quotes.
func (d *exact) quoted() (raw []byte, ok bool) {
	if d.next() != '"' {
		return nil, false
	}
	begin := d.at + 1
	plain, ascii := true, true
	for i := begin; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			raw, d.at = d.text[begin:i], i+1
			if plain && (ascii || utf8.Valid(raw)) {
				return raw, true
			}
			var s string
			err := json.Unmarshal(d.text[begin-1:i+1], &s)
			return []byte(s), err == nil
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// string returns raw as a string.
func (d *exact) string(raw []byte) string {
	if len(raw) > maxSeen {
		return string(raw)
	}
	slot := &d.seen[maphash.Bytes(d.seed, raw)%uint64(len(d.seen))]
	if *slot != string(raw) {
		*slot = string(raw)
	}
	return *slot
}

// number takes a number, and reports whether it is written as an integer.
func (d *exact) number() (raw []byte, integer, ok bool) {
	begin := d.at
	digits := func() bool {
		first := d.at
		for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at > first
	}
	take := func(chars string) bool {
		if d.at < len(d.text) && strings.IndexByte(chars, d.text[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	take("-")
	if !take("0") && !digits() {
		return nil, false, false
	}
	integer = true
	if take(".") {
		if integer = false; !digits() {
			return nil, false, false
		}
	}
	if take("eE") {
		integer = false
		if take("+-"); !digits() {
			return nil, false, false
		}
	}
	return d.text[begin:d.at], integer, true
}

// skip takes a value that nobody wants.
func (d *exact) skip() (ok bool) {
	switch d.next() {
	case '{':
		return d.each('{', '}', func() bool {
			_, ok := d.name()
			return ok && d.skip()
		})
	case '[':
		return d.each('[', ']', d.skip)
	case '"':
		_, ok = d.quoted()
	case 'n':
		ok = d.literal("null")
	case 't':
		ok = d.literal("true")
	case 'f':
		ok = d.literal("false")
	default:
		_, _, ok = d.number()
	}
	return ok
}

// value takes a value and decodes it into v.
func (d *exact) value(v reflect.Value, s *shape) bool {
	s.once.Do(s.init)
	c := d.next()
	if s.kind == reflect.Invalid {
		return d.other(v)
	}
	if c == 'n' {
		switch s.kind {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			v.SetZero()
		}
		return d.literal("null")
	}
	switch s.kind {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(s.elem.typ))
		}
		return d.value(v.Elem(), s.elem)
	case reflect.Struct:
		return d.each('{', '}', func() bool {
			name, ok := d.name()
			if !ok {
				return false
			}
			m := s.member(name)
			if m == nil {
				return isASCII(name) && d.skip()
			}
			return d.value(v.FieldByIndex(m.index), m.shape)
		})
	case reflect.Map:
		return d.table(v, s)
	case reflect.Slice:
		if !v.IsNil() {
			return false // a second member of the same name
		}
		v.Set(reflect.MakeSlice(s.typ, 0, 0))
		n := 0
		return d.each('[', ']', func() bool {
			if n == v.Cap() {
				v.Grow(1)
			}
			n++
			v.SetLen(n)
			return d.value(v.Index(n-1), s.elem)
		})
	case reflect.String:
		raw, ok := d.quoted()
		if ok {
			v.SetString(d.string(raw))
		}
		return ok
	case reflect.Bool:
		v.SetBool(c == 't')
		return c == 't' && d.literal("true") || d.literal("false")
	case reflect.Float64:
		raw, _, ok := d.number()
		if !ok {
			return false
		}
		f, err := strconv.ParseFloat(string(raw), 64)
		v.SetFloat(f)
		return err == nil
	default: // integers
		raw, integer, ok := d.number()
		if !ok || !integer {
			return false
		}
		n, err := strconv.ParseInt(string(raw), 10, s.typ.Bits())
		v.SetInt(n)
		return err == nil
	}
}

// other decodes a value of a type that decodes itself, or that encoding/json decodes.
func (d *exact) other(v reflect.Value) bool {
	begin := d.at
	if !d.skip() {
		return false
	}
	text, out := d.text[begin:d.at], v.Addr().Interface()
	if out, ok := out.(json.Unmarshaler); ok {
		return out.UnmarshalJSON(text) == nil
	}
	return json.Unmarshal(text, out) == nil
}

// table decodes an object into a map.
func (d *exact) table(v reflect.Value, s *shape) bool {
	if v.IsNil() {
		v.Set(reflect.MakeMap(s.typ))
	}
	texts, _ := v.Addr().Interface().(*map[string]string)
	var value reflect.Value
	return d.each('{', '}', func() bool {
		raw, ok := d.name()
		if !ok {
			return false
		}
		name := d.string(raw)
		if texts != nil && d.next() == '"' {
			raw, ok = d.quoted()
			(*texts)[name] = d.string(raw)
			return ok
		}
		if !value.IsValid() {
			value = reflect.New(s.elem.typ).Elem()
		}
		value.SetZero()
		ok = d.value(value, s.elem)
		v.SetMapIndex(reflect.ValueOf(name), value)
		return ok
	})
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
