package response

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Decode decodes the rest of the JSON text of s into the variable that out points
// to, by the rules of [Unmarshal]. It reads an object member by member, and a list
// in it element by element, so it holds only one of them as text.
func Decode(s *Scanner, out any) error {
	target := reflect.ValueOf(out).Elem()
	c, err := s.Peek()
	switch {
	case err != nil:
		return err
	case c == '{' && target.Kind() == reflect.Struct && !decodesItself(target.Type()):
		fields := fieldsOf(target.Type())
		err = s.Members(func(name string) error {
			f, known := fields[strings.ToLower(name)]
			if known {
				return s.decodeMember(target.FieldByIndex(f.index))
			}
			text, err := s.Value()
			if err == nil && !json.Valid(text) {
				err = errNotJSON
			}
			return err
		})
	default:
		var text []byte
		if text, err = s.Value(); err == nil {
			err = s.Unmarshal(text, out)
		}
	}
	if err != nil {
		return err
	}
	return s.End()
}

// Unmarshal decodes text by the rules of [Unmarshal] within the limits of s.
func (s *Scanner) Unmarshal(text []byte, out any) error {
	if err := s.body.fitsDecoded(text, reflect.TypeOf(out).Elem()); err != nil {
		return err
	}
	return Unmarshal(text, out)
}

// decodeMember decodes the value of a member into a field. It ignores a value of
// another type.
func (s *Scanner) decodeMember(field reflect.Value) error {
	c, err := s.Peek()
	if err != nil {
		return err
	}
	if t := field.Type(); c == '[' && t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && !decodesItself(t) {
		return s.decodeList(field)
	}
	text, err := s.Value()
	if err == nil {
		err = s.Unmarshal(text, field.Addr().Interface())
	}
	return ignoreOtherType(err, field)
}

// elementDecoder returns a function that decodes the elements of one list by the
// rules of Unmarshal. It is faster than a call of Unmarshal for each element.
func (s *Scanner) elementDecoder() func(text []byte, out any) error {
	decode := newDecoder()
	return func(text []byte, out any) error {
		if err := s.body.fitsDecoded(text, reflect.TypeOf(out).Elem()); err != nil {
			return err
		}
		if decode(text, out) == nil {
			return nil
		}
		return Unmarshal(text, out)
	}
}

// ignoreOtherType sets v to zero if err means that the text is of another type.
func ignoreOtherType(err error, v reflect.Value) error {
	if err == errOtherType {
		v.SetZero()
		return nil
	}
	return err
}

// decodeList decodes an array into a slice, element by element. It collects the
// elements in pieces. A long list is copied only once: early, if the length of the
// response is known and thus about how many elements there will be, else at the
// end.
func (s *Scanner) decodeList(list reflect.Value) error {
	defer s.bound(maxElement)()
	t := list.Type()
	size := int64(t.Elem().Size())
	decode := s.elementDecoder()
	var full []reflect.Value
	piece, n, total := reflect.MakeSlice(t, 0, 0), 0, 0
	join := func(length int) {
		whole, at := reflect.MakeSlice(t, length, length), 0
		for _, p := range append(full, piece.Slice(0, n)) {
			at += reflect.Copy(whole.Slice(at, length), p)
		}
		full, piece, n = nil, whole, total
	}
	err := s.Elements(func() error {
		text, err := s.Value()
		if err != nil {
			return err
		}
		if n == piece.Len() {
			next := min(max(16, 2*n), 1024)
			if err := s.body.fits(int64(total+2*next) * size); err != nil { // including the complete list at the end
				return err
			}
			const enough = 512 // elements of a piece; with those before it, a sample of a thousand
			if all := s.body.extrapolate(total); n == enough && s.body.fits(int64(all)*size) == nil {
				join(max(all, total+next))
				s.body.hold(int64(piece.Len()) * size)
			} else {
				full = append(full, piece)
				piece, n = reflect.MakeSlice(t, next, next), 0
				s.body.hold(int64(next) * size)
			}
		}
		element := piece.Index(n)
		if err := ignoreOtherType(decode(text, element.Addr().Interface()), element); err != nil {
			return err
		}
		n++
		total++
		s.body.hold(int64(len(text)) + sizeOf(element))
		return s.body.fits(0)
	})
	if err != nil {
		return err
	}
	if full != nil || piece.Len() == 0 {
		join(total)
	}
	list.Set(piece.Slice3(0, total, total))
	return nil
}

// bound sets the limit for a value. It returns a function that restores the
// previous limit.
func (s *Scanner) bound(limit int) func() {
	before := s.limit
	s.limit = limit
	return func() { s.limit = before }
}

// decodesItself reports whether a type has its own decoding method.
func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// ReadAll reads r to its end. It is for the content of a file, not for JSON. It
// returns either the complete content or an error.
func ReadAll(r io.Reader) ([]byte, error) {
	body := boundsOf(r)
	var text []byte
	for {
		if len(text) == cap(text) {
			if err := body.fits(int64(3 * len(text))); err != nil {
				return nil, err
			}
			if len(text) > maxValue {
				return nil, fmt.Errorf("the response is over %d MiB", maxValue>>20)
			}
			text = append(make([]byte, 0, max(4<<10, 2*cap(text))), text...)
		}
		if err := body.plausible(); err != nil {
			return nil, err
		}
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

var (
	errOtherType = errors.New("the value is of another type")
	errNotJSON   = errors.New("one of its members is not JSON")
)
