package databricks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/reply"
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

// maxRejection bounds the size of a rejection with a status of success.
const maxRejection = 64 << 10

// A responseBody is the body of a response. It remembers whether reading it
// failed, which tells a response that broke off from one that a consumer did not
// like. It also remembers its beginning, if that may be a rejection.
type responseBody struct {
	r    io.Reader
	err  error
	keep bool
	head []byte // without leading white space
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	text := p[:n]
	if len(b.head) == 0 {
		text = trimSpace(text)
	}
	if room := maxRejection - len(b.head); b.keep && len(text) > 0 && room > 0 {
		b.head = append(b.head, text[:min(room, len(text))]...)
		b.keep = b.head[0] == '{'
	}
	return n, err
}

// trimSpace trims white space, and the mark that some servers put before UTF-8.
func trimSpace(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
}

// Bounds says how much the response may do to memory; see [reply.Body].
func (b *responseBody) Bounds() *reply.Body {
	body, _ := b.r.(*reply.Body)
	return body
}

// decodeResponse puts a response with a status of success where out says; see
// [Client.Do]. It returns an *APIError if the body is a rejection.
func decodeResponse(resp *http.Response, out any) error {
	in := &responseBody{r: resp.Body}
	switch consume := out.(type) {
	case func(*http.Response) error: // a file, which may hold anything, so it is no rejection
		resp.Body = io.NopCloser(in)
		err := consume(resp)
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(in, maxRejection))
		}
		return judgeResponse(resp, in, nil, err)
	case func(io.Reader) error:
		// A file may hold anything, so it is no rejection.
		in.keep = !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/octet-stream")
		err := consume(in)
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(in, maxRejection)) // so that the connection can be used again
		}
		return judgeResponse(resp, in, in.head, err)
	}
	s := reply.NewScanner(in, nil)
	defer s.Free()
	text, whole, err := s.Fill()
	text = bytes.TrimSpace(text)
	switch {
	case err != nil:
	case out == nil:
		err = checkDropped(text)
	case whole:
		err = decodeWhole(s, text, out)
	default: // too large for a rejection or a page
		err = decodeLarge(s, out)
	}
	return judgeResponse(resp, in, text, err)
}

// judgeResponse says what a response means that begins with head, and with which
// its consumer had the problem err.
func judgeResponse(resp *http.Response, in *responseBody, head []byte, err error) error {
	switch {
	case isRejection(head):
		resp.Body = io.NopCloser(bytes.NewReader(head))
		return readAPIError(resp)
	case err == nil, err == reply.ErrStopped:
		return nil
	case len(head) > 0 && head[0] == '<':
		return &responseError{Err: errPage}
	}
	_, late := errors.AsType[*yieldedError](err)
	brokeOff := in.err != nil || errors.Is(err, io.ErrUnexpectedEOF)
	if brokeOff {
		err = fmt.Errorf("the response broke off: %w", cmp.Or(in.err, err))
	}
	return &responseError{err, brokeOff && !late, true}
}

// isRejection reports whether a response with a status of success is a rejection
// all the same: an object with an error code.
func isRejection(text []byte) bool {
	if len(text) == 0 || len(text) > maxRejection || text[0] != '{' || !bytes.Contains(text, []byte("error_code")) {
		return false
	}
	var form struct {
		Code any `json:"error_code"`
	}
	return json.Unmarshal(text, &form) == nil && form.Code != nil && form.Code != ""
}

// A responseError is a success whose response is of no use.
type responseError struct {
	Err      error
	brokeOff bool // it ended too early, and may be whole the next time
	lost     bool // the work may have been done
}

func (e *responseError) Error() string { return e.Err.Error() }
func (e *responseError) Unwrap() error { return e.Err }

// errPage is a page for people where JSON was due: what responded was not the
// API, so nothing was done.
var errPage = errors.New("the response is an HTML page, not JSON: the host is wrong, or wants a browser's sign-in")

// checkDropped checks a response that nobody wants: nothing, or JSON.
func checkDropped(text []byte) error {
	switch {
	case len(text) == 0, json.Valid(text), len(text) > maxRejection/2 && text[0] == '{':
		return nil
	case text[0] == '{' || text[0] == '[':
		return io.ErrUnexpectedEOF
	}
	return errors.New("the response is not JSON")
}

// decodeWhole decodes a response that is held as text into what out points to.
func decodeWhole(s *reply.Scanner, text []byte, out any) error {
	if len(text) == 0 {
		return fmt.Errorf("the response is empty: %w", io.ErrUnexpectedEOF)
	}
	if err := s.Unmarshal(text, out); err != nil {
		if text[0] == '{' && !reply.Complete(text) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("the response cannot be read: %w", err)
	}
	return validate(out)
}

// decodeLarge decodes a response as it arrives.
func decodeLarge(s *reply.Scanner, out any) error {
	if err := reply.Decode(s, out); err != nil {
		return fmt.Errorf("the response cannot be read: %w", err)
	}
	return validate(out)
}

// validate checks a response that says whether it has what was asked for.
func validate(out any) error {
	if response, ok := out.(interface{ validate() error }); ok {
		return response.validate()
	}
	return nil
}

// named is for the made methods of replies that name what was made: without its
// id, nobody can tell what became of the call.
func named(id string, there bool) error {
	if !there {
		return errors.New("the reply has no " + id)
	}
	return nil
}

// stream makes a call and yields the elements of the array called key in its
// reply, each as soon as it is there, in constant memory. rest, if not nil, gets
// the reply's other members, once the last element was yielded. Each range over
// the sequence makes the call anew. A reply that breaks off is asked for again
// as long as nothing was yielded.
func stream[T any](ctx context.Context, c *Client, r Request, key string, rest func(name string, value json.RawMessage)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		yielded := false
		err := c.Do(ctx, r, func(in io.Reader) error {
			s := reply.NewScanner(in, nil)
			defer s.Free()
			err := reply.Elements(s, key, rest, func(v T) bool {
				yielded = true
				return yield(v, nil)
			})
			if yielded && err != nil && err != reply.ErrStopped {
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
