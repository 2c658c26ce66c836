package reply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrStopped is returned by Elements when its consumer wants no more.
var ErrStopped = errors.New("stopped")

// bufferSize is what is read at a time; most elements fit.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Elements yields the elements of the array called key of the JSON object in
// r, each as soon as it is there, holding one in memory at a time. An input that
// ends too early is an io.ErrUnexpectedEOF, one without anything an empty
// object, and an element of over limit bytes an error. The object's other
// members go to rest, if that is not nil.
func Elements[T any](r io.Reader, key string, limit int64, rest func(name string, value json.RawMessage), yield func(T) bool) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	s := NewScanner(r, buf[:], limit)
	if s.End() == nil {
		return nil // an empty response is an empty object
	}
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
				if err := Unmarshal(text, &v); err != nil {
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
			return fmt.Errorf("%.40q is not JSON", name)
		case name != key:
			if rest != nil {
				rest(name, bytes.Clone(text))
			}
		case c != 'n':
			return fmt.Errorf("%s is not a list", key)
		}
		return nil
	})
}
