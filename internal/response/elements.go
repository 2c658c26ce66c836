package response

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// ErrStopped is returned by Elements when its consumer wants no more.
var ErrStopped = errors.New("stopped")

// Elements yields the elements of the array called key of the JSON object that
// s is at, each as soon as it is there, and holds one at a time. The object's
// other members go to rest, if that is not nil.
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
				if err := leftOut(decode(text, &v), reflect.ValueOf(&v).Elem()); err != nil {
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
