package response

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// ErrStopped is the error of Elements if its consumer stops early.
var ErrStopped = errors.New("stopped")

// Elements yields the elements of the array called key in the next JSON object, one
// at a time as they arrive. It passes the other members of the object to rest, if
// rest is not nil.
func Elements[T any](s *Scanner, key string, rest func(name string, value json.RawMessage), yield func(T) bool) error {
	defer s.bound(maxElement)()
	decode := s.elementDecoder()
	return s.Members(func(name string) error {
		c, err := s.Peek()
		if err != nil {
			return err
		}
		if name == key && c == '[' {
			return s.Elements(func() error {
				text, err := s.Value()
				if err != nil {
					return err
				}
				var v T
				if err := ignoreOtherType(decode(text, &v), reflect.ValueOf(&v).Elem()); err != nil {
					return err
				}
				if !yield(v) {
					return ErrStopped
				}
				return nil
			})
		}
		text, err := s.Value()
		switch {
		case err != nil:
			return err
		case !json.Valid(text):
			return errNotJSON
		case name == key && c != 'n':
			return fmt.Errorf("%s is not a list", key)
		case name != key && rest != nil:
			rest(name, bytes.Clone(text))
		}
		return nil
	})
}
