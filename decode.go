package databricks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Millis is a time as the service writes it: milliseconds since 1970, UTC.
// Zero means that there is none.
type Millis int64

// MillisOf returns t as the service writes it, and zero for the zero time.
func MillisOf(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time returns the time, and the zero time for zero.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}

// maxReply bounds how much of a reply, or of one element of a streamed reply,
// is held in memory.
var maxReply int64 = 256 << 20

// A body is the body of a reply. It remembers whether reading it failed, which
// tells a reply that broke off from one that a consumer did not like.
type body struct {
	r   io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// decodeReply puts the reply where out says; see [Client.Do].
func decodeReply(resp *http.Response, out any) (err error) {
	in := &body{r: resp.Body}
	switch out := out.(type) {
	case nil:
		err = discard(in)
	case func(io.Reader) error:
		if err = out(in); err == nil {
			err = discard(in) // so that the connection can be used again
		}
	default:
		err = decodeWhole(in, resp.ContentLength, out)
	}
	if err == nil || err == errStopped {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/html" || errors.Is(err, errPage) {
		return &replyError{Err: errPage}
	}
	if in.err != nil {
		err = fmt.Errorf("the reply broke off: %w", in.err)
	}
	_, late := errors.AsType[*yieldedError](err)
	return &replyError{err, !late && (in.err != nil || errors.Is(err, io.ErrUnexpectedEOF)), true}
}

// errPage is a page for people where JSON was due: what answered was not the
// API, so nothing was done.
var errPage = errors.New("the reply is an HTML page, not JSON: the host is wrong, or wants a browser's sign-in")

// discard reads what is left of a reply: nothing, {} or white space.
func discard(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		return errPage
	}
	return err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// decodeWhole reads a reply to its end and decodes it. An empty reply is taken
// for an empty object.
func decodeWhole(r io.Reader, size int64, out any) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 1<<20 {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	buf.Grow(int(min(max(size, 0), 32<<20)) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(r, maxReply+1)); err != nil {
		return err
	}
	if int64(buf.Len()) > maxReply {
		return fmt.Errorf("the reply is over %d MiB", maxReply>>20)
	}
	return decodeValue(bytes.TrimSpace(buf.Bytes()), out)
}

// decodeValue decodes one JSON text into what out points to.
func decodeValue(text []byte, out any) error {
	if len(text) > 0 {
		err := json.Unmarshal(text, out)
		if _, mismatch := err.(*json.UnmarshalTypeError); mismatch {
			err = decodeLeniently(text, out)
		}
		if err != nil {
			if text[0] == '<' {
				return errPage
			}
			if syntax, ok := err.(*json.SyntaxError); ok && syntax.Offset >= int64(len(text)) && text[0] == '{' {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("the reply cannot be read: %w", err)
		}
	}
	if checker, ok := out.(interface{ check() error }); ok {
		return checker.check()
	}
	return nil
}

// decodeLeniently decodes a text in which some value is not of the type that
// it should be of: servers of different ages write ids, numbers and flags as
// strings and the reverse. Values that cannot be meant are left out.
func decodeLeniently(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	text, err := json.Marshal(fit(v, reflect.TypeOf(out).Elem()))
	if err != nil {
		return err
	}
	reflect.ValueOf(out).Elem().SetZero()
	return json.Unmarshal(text, out)
}

// fit returns the JSON value v in a form that decodes into a t; nil if there is none.
func fit(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			fields := map[string]reflect.Type{}
			jsonFields(t, fields)
			for key, member := range v {
				if ft, ok := fields[strings.ToLower(key)]; ok {
					v[key] = fit(member, ft)
				}
			}
			return v
		case reflect.Map:
			for key, member := range v {
				v[key] = fit(member, t.Elem())
			}
			return v
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, element := range v {
				v[i] = fit(element, t.Elem())
			}
			return v
		}
	case string:
		switch t.Kind() {
		case reflect.String:
			return v
		case reflect.Slice: // []byte
			if t.Elem().Kind() == reflect.Uint8 {
				return v
			}
		case reflect.Bool:
			if b, err := strconv.ParseBool(v); err == nil {
				return b
			}
		case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
			return fit(json.Number(v), t)
		}
	case json.Number:
		switch t.Kind() {
		case reflect.String:
			return v.String()
		case reflect.Float64:
			if f, err := v.Float64(); err == nil {
				return f
			}
		case reflect.Int, reflect.Int32, reflect.Int64:
			if n, err := v.Int64(); err == nil && !reflect.Zero(t).OverflowInt(n) {
				return n
			}
			if f, err := v.Float64(); err == nil && f == float64(int64(f)) && !reflect.Zero(t).OverflowInt(int64(f)) {
				return int64(f) // 1e3, 7.0
			}
		}
	case bool:
		switch t.Kind() {
		case reflect.Bool:
			return v
		case reflect.String:
			return strconv.FormatBool(v)
		}
	}
	if t.Kind() == reflect.Interface {
		return v
	}
	return nil
}

// jsonFields lists the types of a struct's fields by their JSON names in lower case.
func jsonFields(t reflect.Type, fields map[string]reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			jsonFields(field.Type, fields)
		case name != "-":
			fields[strings.ToLower(firstNonEmpty(name, field.Name))] = field.Type
		}
	}
}

// errStopped ends a stream that its consumer wants no more of.
var errStopped = errors.New("stopped")

// stream makes a call and yields the elements of the array called key in its
// reply, each as soon as it is there, in constant memory. rest, if not nil, gets
// the reply's other members, once the last element was yielded. Each range over
// the sequence makes the call anew. A reply that breaks off is asked for again
// as long as nothing was yielded.
func stream[T any](ctx context.Context, c *Client, r Request, key string, rest func(name string, value json.RawMessage)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		yielded := false
		err := c.Do(ctx, r, func(in io.Reader) error {
			err := streamElements(in, key, rest, func(v T) bool {
				yielded = true
				return yield(v, nil)
			})
			if yielded && err != nil && err != errStopped {
				err = &yieldedError{err} // what was yielded cannot be taken back
			}
			return err
		})
		if err != nil {
			yield(*new(T), err)
		}
	}
}

// A yieldedError is the failure of a stream that cannot begin again.
type yieldedError struct{ error }

func (e *yieldedError) Unwrap() error { return e.error }

// streamElements yields the elements of one array of a JSON object.
func streamElements[T any](in io.Reader, key string, rest func(string, json.RawMessage), yield func(T) bool) error {
	tape := &tape{r: in}
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
			return fmt.Errorf("the reply cannot be read: %s is not a list", key)
		}
		for dec.More() {
			tape.forget(dec.InputOffset())
			var v T
			err := dec.Decode(&v)
			if _, mismatch := err.(*json.UnmarshalTypeError); mismatch {
				v = *new(T)
				err = decodeLeniently(tape.upTo(dec.InputOffset()), &v)
			}
			if err != nil {
				return unexpectedEOF(err)
			}
			if !yield(v) {
				return errStopped
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
		return fmt.Errorf("the reply cannot be read: it has %v where %v is due", token, want)
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

// A tape is a reader that keeps what was read since a mark, and gives up when
// that is too much.
type tape struct {
	r      io.Reader
	kept   []byte
	offset int64 // of kept[0] in the input
}

func (t *tape) Read(p []byte) (int, error) {
	if int64(len(t.kept)) > maxReply {
		return 0, fmt.Errorf("one element of the reply is over %d MiB", maxReply>>20)
	}
	n, err := t.r.Read(p)
	t.kept = append(t.kept, p[:n]...)
	return n, err
}

// forget moves the mark.
func (t *tape) forget(offset int64) {
	if cut := offset - t.offset; cut > int64(len(t.kept))/2 {
		t.kept = append(t.kept[:0], t.kept[cut:]...)
		t.offset = offset
	}
}

// upTo returns the input from the end of the value before to offset: a comma,
// perhaps, and a value.
func (t *tape) upTo(offset int64) []byte {
	return bytes.TrimLeft(t.kept[:offset-t.offset], ", \t\r\n")
}
