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

// A Payload is the body of a request, for any number of sendings, one after the
// other. It is Text, or else what Open returns.
type Payload struct {
	ContentType string // empty if there is none
	Text        []byte
	Size        int64 // of what Open returns; -1 if unknown
	Open        func() (io.ReadCloser, error)

	last *body // that was opened
}

// Attach gives a request its body, and net/http a way to get it once more for a
// request that the server did not process.
func (s *Sending) Attach(r *http.Request, p *Payload) (err error) {
	switch {
	case p.Open != nil && p.Size != 0:
		r.ContentLength = p.Size
		r.GetBody = func() (io.ReadCloser, error) { return s.open(r.Context(), p) }
	case p.Open != nil: // check that there is nothing
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

// open opens the source of a payload, once nobody reads it any more.
func (s *Sending) open(ctx context.Context, p *Payload) (io.ReadCloser, error) {
	if p.last != nil {
		if err := p.last.wait(ctx); err != nil {
			return nil, err
		}
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

// Sent returns how many bytes of the payload were handed to the transport.
func (s *Sending) Sent(p *Payload) int64 {
	if b := s.body.Load(); b != nil {
		return b.sent.Load()
	}
	return int64(len(p.Text))
}

// Stop ends the reading of the source. A read that is under way goes on.
func (s *Sending) Stop() {
	if b := s.body.Load(); b != nil {
		b.stopped.Store(true)
	}
}

// A text is a body that is in memory.
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

// Text returns the body of a request, if it is in memory.
func Text(r *http.Request) []byte {
	if t, ok := r.Body.(*text); ok {
		return t.all
	}
	return nil
}

// A body is a source that is sent. It yields its whole size, or fails before the
// last byte, so that the server never gets a whole request of a source that changed.
type body struct {
	content io.ReadCloser
	size    int64         // -1 if unknown
	read    int64         // so far
	busy    chan struct{} // full while a Read is under way
	stopped atomic.Bool   // the sending is over
	whole   atomic.Bool   // all of it was read
	closed  atomic.Bool
	sent    atomic.Int64
	failure atomic.Pointer[error]
}

func (b *body) fail(err error) { b.failure.CompareAndSwap(nil, &err) }

// Read reads from the source, for as long as the sending lasts.
func (b *body) Read(p []byte) (int, error) {
	b.busy <- struct{}{}
	defer func() { <-b.busy }()
	switch {
	case b.whole.Load():
		return 0, io.EOF
	case b.stopped.Load():
		return 0, errors.New("the attempt has ended")
	}
	n, err := b.readExactly(p)
	if err != nil && err != io.EOF {
		b.fail(err)
		return 0, err
	}
	b.sent.Add(int64(n))
	b.whole.Store(err == io.EOF)
	return n, err
}

// readExactly reads from the source, and fails if it has more or fewer bytes
// than it should. With the last byte comes io.EOF.
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

// Close closes the source. An error of that changes nothing about what was sent.
func (b *body) Close() error {
	if b.content != nil && b.closed.CompareAndSwap(false, true) {
		b.content.Close()
	}
	return nil
}

// wait ends the reading, and returns when no Read is under way.
func (b *body) wait(ctx context.Context) error {
	b.stopped.Store(true)
	select {
	case b.busy <- struct{}{}:
		<-b.busy
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
