package databrickstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Transport returns an http.RoundTripper that passes requests to the server
// without a socket, whatever their host name. Bodies are streamed in both
// directions, and requests end with their context. It works inside a synctest
// bubble.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// smallResponse is the size of a response that the handler can write before the
// client reads it.
const smallResponse = 64 << 10

// RoundTrip serves one request in a goroutine that ends with the request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &onceCloser{ReadCloser: r.Body}
	if r.Body == nil {
		body.ReadCloser = http.NoBody
	}
	if r.URL == nil || r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		body.Close()
		return nil, errors.New("databrickstest: the request's URL has no host, or is not http or https")
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	in := &http.Request{
		Method: r.Method, URL: r.URL, RequestURI: r.URL.RequestURI(), Host: r.Host, Header: r.Header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: r.ContentLength, Body: body, RemoteAddr: "in memory",
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if agent, set := in.Header["User-Agent"]; !set {
		in.Header.Set("User-Agent", "Go-http-client/1.1")
	} else if len(agent) == 0 || agent[0] == "" { // like net/http
		in.Header.Del("User-Agent")
	}

	reader, writer := io.Pipe()
	w := &pipeWriter{request: r, header: http.Header{}, reader: reader, writer: writer, cancel: cancel, responded: make(chan struct{})}
	// When the request ends for any reason, unblock everything that waits for
	// its bodies.
	stop := context.AfterFunc(ctx, func() {
		writer.CloseWithError(context.Cause(ctx))
		body.Close()
	})
	t.server.enter(w)
	go func() {
		defer func() {
			stop()
			t.server.leave(w)
			body.Close()
			w.finish(recover())
		}()
		t.server.ServeHTTP(w, in.WithContext(ctx))
	}()

	select {
	case <-w.responded:
	case <-ctx.Done():
		select {
		case <-w.responded: // the response arrived at the same time
		default:
			return nil, context.Cause(ctx)
		}
	}
	if w.failure != nil {
		return nil, w.failure
	}
	return w.response, nil
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
)

// enter registers a request, so that Close can end it.
func (s *Server) enter(w *pipeWriter) {
	s.life.Lock()
	defer s.life.Unlock()
	s.calls[w] = w.cancel
}

func (s *Server) leave(w *pipeWriter) {
	s.life.Lock()
	defer s.life.Unlock()
	delete(s.calls, w)
}

// An aborter is a ResponseWriter that can end a request without a response.
type aborter interface{ abort(error) }

// abort breaks the connection of a request. A client of Transport gets err. A
// client of a socket gets a reset.
func abort(w http.ResponseWriter, err error) {
	if a, ok := w.(aborter); ok {
		a.abort(err)
		return
	}
	conn, _, hijackErr := http.NewResponseController(w).Hijack()
	if hijackErr != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// cut breaks the connection in the middle of a response.
func cut(w http.ResponseWriter) {
	http.NewResponseController(w).Flush()
	if a, ok := w.(aborter); ok {
		a.abort(io.ErrUnexpectedEOF)
		return
	}
	panic(http.ErrAbortHandler)
}

// A pipeWriter passes what a handler writes to the client. A small response is
// complete before the client gets it, so the handler does not wait for the
// client.
type pipeWriter struct {
	request   *http.Request
	header    http.Header
	status    int
	start     bytes.Buffer // the start of the body, until the client gets the response
	reader    *io.PipeReader
	writer    *io.PipeWriter
	cancel    context.CancelCauseFunc
	aborted   error
	responded chan struct{}  // closed when response or failure is set
	response  *http.Response // the result of RoundTrip
	failure   error
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.header = w.header.Clone() // ignore later changes
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.response == nil && w.start.Len()+len(p) <= smallResponse {
		return w.start.Write(p)
	}
	w.Flush()
	return w.writer.Write(p)
}

// Flush passes the response to the client, with the rest of the body to follow.
func (w *pipeWriter) Flush() {
	if w.response != nil {
		return
	}
	w.WriteHeader(http.StatusOK)
	w.respond(struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&w.start, w.reader), closerFunc(func() error {
		w.cancel(context.Canceled)
		return w.reader.Close()
	})}, -1)
}

func (w *pipeWriter) respond(body io.ReadCloser, size int64) {
	if length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
		size = length
	}
	w.response = &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: body, ContentLength: size, Request: w.request,
	}
	close(w.responded)
}

func (w *pipeWriter) abort(err error) { w.aborted = err }

// finish is called when the handler has returned. panicked is the value of a
// panic, or nil.
func (w *pipeWriter) finish(panicked any) {
	if panicked != nil && w.aborted == nil {
		w.aborted = errReset
	}
	if cause := context.Cause(w.request.Context()); cause != nil && (w.aborted != nil || w.response == nil) {
		w.aborted = cause // the caller's context ended
	}
	switch {
	case w.response != nil:
		w.writer.CloseWithError(w.aborted) // nil is the regular end
	case w.aborted != nil:
		w.failure = w.aborted
		close(w.responded)
	default:
		w.WriteHeader(http.StatusOK)
		w.respond(io.NopCloser(&w.start), int64(w.start.Len()))
	}
	w.cancel(context.Canceled)
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// A onceCloser closes a body only once.
type onceCloser struct {
	io.ReadCloser
	once sync.Once
}

func (c *onceCloser) Close() error {
	c.once.Do(func() { c.ReadCloser.Close() })
	return nil
}
