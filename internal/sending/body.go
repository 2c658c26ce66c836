package sending

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/go-databricks/databricks/internal/source"
)

// A Payload is the body of a request. It can be sent several times, one after
// another. It is Text, or else the content that Open returns.
type Payload struct {
	ContentType string // empty if there is none
	Text        []byte
	Size        int64 // number of bytes from Open; -1 if unknown
	Open        func() (io.ReadCloser, error)

	last *body // the last body that was opened
}

// Attach sets the body of a request. It also sets GetBody, with which net/http
// resends a request that the server did not process.
func (s *Sending) Attach(r *http.Request, p *Payload) (err error) {
	switch {
	case p.Open != nil && p.Size != 0:
		r.ContentLength = p.Size
		r.GetBody = func() (io.ReadCloser, error) { return s.open(r.Context(), p) }
	case p.Open != nil: // verify that there is no content
		body, err := s.open(r.Context(), p)
		if err != nil {
			return err
		}
		defer body.Close()
		if _, err := body.Read(make([]byte, 1)); err != io.EOF {
			return err
		}
		r.Body = http.NoBody
		return nil
	case len(p.Text) > 0:
		r.ContentLength = int64(len(p.Text))
		r.GetBody = func() (io.ReadCloser, error) { return newText(p.Text), nil }
	default:
		return nil
	}
	r.Body, err = r.GetBody()
	return err
}

// open opens the source of a payload after all reads of it have ended.
func (s *Sending) open(ctx context.Context, p *Payload) (io.ReadCloser, error) {
	if p.last != nil {
		if err := p.last.wait(ctx); err != nil {
			return nil, err
		}
	}
	if before := s.body.Load(); before != nil && !before.stop() {
		s.whole.Store(true)
	}
	b := &body{size: p.Size, busy: make(chan struct{}, 1)}
	content, err := p.Open()
	if err != nil {
		b.fail(err)
	}
	b.content, p.last = content, b
	s.body.Store(b)
	return b, err
}

// Sent returns how many bytes of the payload the transport has read.
func (s *Sending) Sent(p *Payload) int64 {
	if b := s.body.Load(); b != nil {
		return b.sent.Load()
	}
	return int64(len(p.Text))
}

// Stop stops reading the source. A read in progress continues, but it does not
// return the last byte. Stop reports whether the source was cut short, so that
// nobody has read all of it or ever will.
func (s *Sending) Stop() bool {
	b := s.body.Load()
	return b != nil && b.stop() && !s.whole.Load()
}

// A text is a body in memory.
type text struct {
	bytes.Reader
	all []byte
}

func newText(all []byte) *text {
	t := &text{all: all}
	t.Reset(all)
	return t
}

func (*text) Close() error { return nil }

// Text returns the body of a request if it is in memory.
func Text(r *http.Request) []byte {
	if t, ok := r.Body.(*text); ok {
		return t.all
	}
	return nil
}

// A body is a source that is being sent. If the source has changed, the body fails
// before its last byte. The server therefore never receives a complete request with
// changed content.
type body struct {
	content io.ReadCloser
	size    int64         // -1 if unknown
	read    int64         // bytes read so far
	busy    chan struct{} // full while a Read is in progress
	ended   atomic.Int32  // stopped or whole; 0 while the source is read
	closed  atomic.Bool
	sent    atomic.Int64
	failure atomic.Pointer[error]
}

// How the reading of a body ends. It ends once.
const (
	stopped = iota + 1 // the attempt has ended
	whole              // the source was read completely
)

// stop stops reading. It reports whether the source was not read completely.
func (b *body) stop() bool {
	return b.ended.CompareAndSwap(0, stopped) || b.ended.Load() == stopped
}

var errOver = errors.New("the attempt has ended")

func (b *body) fail(err error) { b.failure.CompareAndSwap(nil, &err) }

// Read reads from the source until the attempt ends.
func (b *body) Read(p []byte) (int, error) {
	b.busy <- struct{}{}
	defer func() { <-b.busy }()
	switch b.ended.Load() {
	case whole:
		return 0, io.EOF
	case stopped:
		return 0, errOver
	}
	n, err := b.readExactly(p)
	if err != nil && err != io.EOF {
		b.fail(err)
		return 0, err
	}
	if err == io.EOF && !b.ended.CompareAndSwap(0, whole) {
		return 0, errOver
	}
	b.sent.Add(int64(n))
	return n, err
}

// readExactly reads from the source. It fails if the source has more or fewer bytes
// than expected. It returns the last byte together with io.EOF.
func (b *body) readExactly(p []byte) (int, error) {
	n, err := b.content.Read(p)
	if b.read += int64(n); b.size < 0 {
		return n, err
	}
	if b.read == b.size && err == nil {
		var extra int
		extra, err = io.ReadFull(b.content, make([]byte, 1))
		b.read += int64(extra)
	}
	if b.read > b.size || b.read < b.size && err == io.EOF {
		return 0, fmt.Errorf("the body %w: it should have %d bytes", source.ErrChanged, b.size)
	}
	return n, err
}

// Close closes the source. It ignores the error, because the data has been sent.
func (b *body) Close() error {
	if b.content != nil && b.closed.CompareAndSwap(false, true) {
		b.content.Close()
	}
	return nil
}

// wait stops reading, and returns when no Read is in progress.
func (b *body) wait(ctx context.Context) error {
	b.stop()
	select {
	case b.busy <- struct{}{}:
		<-b.busy
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
