package reply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrStopped is returned by Elements when its consumer wants no more.
var ErrStopped = errors.New("stopped")

// Elements yields the elements of the array called key of the JSON object in
// r, each as soon as it is there, holding one in memory at a time. An input that
// ends too early is an io.ErrUnexpectedEOF, one without anything an empty
// object, and an element of over limit bytes an error. The object's other
// members go to rest, if that is not nil.
func Elements[T any](r io.Reader, key string, limit int64, rest func(name string, value json.RawMessage), yield func(T) bool) error {
	tape := &recordingReader{r: r, limit: limit}
	dec := json.NewDecoder(tape)
	if err := expect(dec, json.Delim('{')); err != nil {
		if err == io.EOF {
			return nil // an empty reply is an empty object
		}
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return unexpectedEOF(err)
		}
		if name != key {
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return unexpectedEOF(err)
			}
			if rest != nil {
				rest(name.(string), value)
			}
			tape.forget(dec.InputOffset())
			continue
		}
		open, err := dec.Token()
		if err != nil {
			return unexpectedEOF(err)
		}
		if open == nil { // null
			continue
		}
		if open != json.Delim('[') {
			return fmt.Errorf("%s is not a list", key)
		}
		for dec.More() {
			start := dec.InputOffset()
			tape.forget(start)
			var v T
			err := dec.Decode(&v)
			if _, mismatch := err.(*json.UnmarshalTypeError); mismatch {
				v = *new(T)
				err = leniently(tape.between(start, dec.InputOffset()), &v)
			}
			if err != nil {
				return unexpectedEOF(err)
			}
			if !yield(v) {
				return ErrStopped
			}
		}
		if err := expect(dec, json.Delim(']')); err != nil {
			return err
		}
	}
	return expect(dec, json.Delim('}'))
}

func expect(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		if want == '{' && err == io.EOF {
			return err
		}
		return unexpectedEOF(err)
	}
	if token != want {
		return fmt.Errorf("it has %v where %v is due", token, want)
	}
	return nil
}

// unexpectedEOF is err, an end of the input being one that comes too early.
func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A recordingReader is a reader that keeps what was read since a mark, and gives up when
// that is too much.
type recordingReader struct {
	r      io.Reader
	kept   []byte
	offset int64 // of kept[0] in the input
	limit  int64
}

func (t *recordingReader) Read(p []byte) (int, error) {
	if int64(len(t.kept)) > t.limit {
		return 0, fmt.Errorf("one element of the reply is over %d MiB", t.limit>>20)
	}
	n, err := t.r.Read(p)
	t.kept = append(t.kept, p[:n]...)
	return n, err
}

// forget moves the mark.
func (t *recordingReader) forget(offset int64) {
	if cut := offset - t.offset; cut > int64(len(t.kept))/2 {
		t.kept = append(t.kept[:0], t.kept[cut:]...)
		t.offset = offset
	}
}

// between returns a part of what was kept: a comma, perhaps, and a value.
func (t *recordingReader) between(start, end int64) []byte {
	return bytes.TrimLeft(t.kept[start-t.offset:end-t.offset], ", \t\r\n")
}
