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
	"sync"
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

// maxReply bounds how much of a reply, or of one element of a streamed reply,
// is held in memory.
var maxReply int64 = 256 << 20

// A body is the body of a reply. It remembers whether reading it failed, which
// tells a reply that broke off from one that a consumer did not like, and
// whether it looks like a page for people.
type body struct {
	r    io.Reader
	err  error
	page bool
	seen bool // something other than white space
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	if text := bytes.TrimSpace(p[:n]); !b.seen && len(text) > 0 {
		b.seen, b.page = true, text[0] == '<'
	}
	return n, err
}

// decodeReply puts the reply where out says; see [Client.Do].
func decodeReply(resp *http.Response, out any) (err error) {
	in := &body{r: resp.Body}
	wanted := true
	switch out := out.(type) {
	case nil:
		wanted, err = false, discard(in)
	case func(io.Reader) error:
		if err = out(in); err == nil {
			wanted = in.seen
			err = discard(in) // so that the connection can be used again
		}
	default:
		err = decodeWhole(in, resp.ContentLength, out)
	}
	if in.page && (!wanted || err != nil) {
		return &replyError{Err: errPage}
	}
	if err == nil || err == reply.ErrStopped {
		return nil
	}
	_, late := errors.AsType[*yieldedError](err)
	brokeOff := in.err != nil || errors.Is(err, io.ErrUnexpectedEOF)
	if brokeOff {
		err = fmt.Errorf("the reply broke off: %w", cmp.Or(in.err, err))
	}
	return &replyError{err, brokeOff && !late, true}
}

// errPage is a page for people where JSON was due: what answered was not the
// API, so nothing was done.
var errPage = errors.New("the reply is an HTML page, not JSON: the host is wrong, or wants a browser's sign-in")

// discard reads what is left of a reply: nothing, {} or white space.
func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, io.LimitReader(r, 64<<10))
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
		if err := reply.Unmarshal(text, out); err != nil {
			if text[0] == '{' && !reply.Complete(text) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("the reply cannot be read: %w", err)
		}
	}
	if reply, ok := out.(interface{ validate() error }); ok {
		return reply.validate()
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
			err := reply.Elements(in, key, maxReply, rest, func(v T) bool {
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
