package databricks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/reply"
)

// An attempt is one sending of a call. It has a context, a header, a body, a
// trace and an outcome of its own, which no other attempt can touch.
type attempt struct {
	call    *call
	number  int // 1 for the first
	request *http.Request
	trace   httptrace.ClientTrace
	stage   atomic.Int32
	body    atomic.Pointer[sentBody] // nil if the body is in memory

	status      int       // of the response; 0 if there is none
	err         error     // nil if the attempt succeeded
	rejection   *APIError // err, if the service sent it in this attempt
	transient   bool      // the failure is of a kind that passes
	lost        bool      // the work may have been done, and the response was lost
	interrupted bool      // the context of the call ended
	unsigned    bool      // there is no credential
	renews      bool      // the credential is renewed for the next attempt

	duration  time.Duration
	requestID string
	info      *AttemptInfo    // nil if nobody observes
	observed  context.Context // as the observers returned it
	received  atomic.Int64    // bytes of the response, if somebody observes
}

// How far an attempt came. A transport that does not trace stays at the first.
const (
	untraced   = iota
	connecting // nothing was sent
	connected  // no header was sent
	sending    // all of it may have been sent
	cutShort   // writing failed before the request was whole
)

// run sends the request, reads the response and records the outcome. The
// response that it returns has been read.
func (a *attempt) run(req *http.Request) (*http.Response, error) {
	started := time.Now()
	ctx := req.Context()
	if a.call.info != nil {
		ctx = a.observeStart(ctx)
	}
	if timeout := a.call.client.timeout; timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the http.Client's Timeout of %v ended the attempt: %w", timeout, context.DeadlineExceeded))
		defer cancel()
	}
	a.request = req.WithContext(a.traced(ctx))
	resp, err := a.send()
	if err == nil {
		a.receive(resp)
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	if body := a.body.Load(); body != nil {
		body.stopped.Store(true)
	}
	a.interrupted = a.err != nil && a.rejection == nil && req.Context().Err() != nil
	a.duration = time.Since(started)
	return resp, err
}

// traced returns a context that reports how far the attempt came. A read is not
// followed as closely, because it does no harm if it is sent twice.
func (a *attempt) traced(ctx context.Context) context.Context {
	a.trace.GetConn = func(string) { a.stage.Store(connecting) }
	if a.call.request.reading {
		a.trace.GotConn = func(httptrace.GotConnInfo) { a.stage.Store(sending) }
		return httptrace.WithClientTrace(ctx, &a.trace)
	}
	a.trace.GotConn = func(httptrace.GotConnInfo) { a.stage.Store(connected) }
	a.trace.WroteHeaders = func() { a.stage.Store(sending) }
	a.trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
		if body := a.body.Load(); info.Err != nil && (body == nil || !body.whole.Load()) {
			a.stage.Store(cutShort)
		}
	}
	return httptrace.WithClientTrace(ctx, &a.trace)
}

// send signs the request, opens its body and sends it. If there is no response,
// it records why.
func (a *attempt) send() (*http.Response, error) {
	if err := a.prepare(); err != nil {
		a.err, a.call.stopped = err, err // nothing was sent, and another attempt would fare no better
		return nil, err
	}
	resp, err := a.call.client.transport.RoundTrip(a.request)
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither a response nor an error")
	}
	if err != nil {
		a.judgeFailure(a.call.request.presigned.hideIn(err))
		return nil, err
	}
	resp.Request = a.request
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	reply.Open(resp)
	return resp, nil
}

// prepare completes the request.
func (a *attempt) prepare() error {
	ctx := a.request.Context()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	presigned := a.call.request.presigned
	if presigned == nil {
		if err := a.call.client.signIn(a.request); err != nil {
			a.unsigned = ctx.Err() == nil
			if !a.unsigned {
				err = ctx.Err()
			}
			return err
		}
	}
	for name, values := range a.request.Header {
		if strings.ContainsFunc(strings.Join(values, ""), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("the value of the header %q has characters that no header can have", name)
		}
	}
	if a.call.client.compressed && presigned == nil {
		reply.Accept(a.request)
	}
	return a.setBody()
}

// setBody gives the request its body, and net/http a way to get it once more for
// a request that the server did not process.
func (a *attempt) setBody() (err error) {
	r, payload := a.request, a.call.payload
	switch {
	case payload.open != nil && payload.size != 0:
		r.ContentLength, r.GetBody = payload.size, a.openSource
	case payload.open != nil: // check that there is nothing
		body, err := a.openSource()
		if err != nil {
			return err
		}
		defer body.Close()
		if _, err := body.Read(make([]byte, 1)); err != io.EOF {
			return err
		}
		r.Body = http.NoBody
		return nil
	case len(payload.text) > 0:
		r.ContentLength = int64(len(payload.text))
		r.GetBody = func() (io.ReadCloser, error) { return newSentText(payload.text), nil }
	default:
		return nil
	}
	r.Body, err = r.GetBody()
	return err
}

// A sentText is a body that is in memory.
type sentText struct {
	bytes.Reader
	text []byte
}

func newSentText(text []byte) *sentText {
	t := &sentText{text: text}
	t.Reset(text)
	return t
}

func (*sentText) Close() error { return nil }

// openSource opens the caller's source, once nobody reads it any more.
func (a *attempt) openSource() (io.ReadCloser, error) {
	if last := a.call.source; last != nil {
		if err := last.wait(a.request.Context()); err != nil {
			return nil, err
		}
	}
	body := &sentBody{size: a.call.payload.size, busy: make(chan struct{}, 1)}
	content, err := a.call.payload.open()
	if err != nil {
		body.fail(err)
	}
	body.content = content
	a.call.source = body
	a.body.Store(body)
	return body, err
}

// judgeFailure records what it means that there is no response. An error that
// comes with a context tells nothing about this attempt.
func (a *attempt) judgeFailure(err error) {
	a.err, a.lost = err, !a.provesUnsent(err)
	if body := a.body.Load(); body != nil && body.failure.Load() != nil {
		a.err, a.lost = *body.failure.Load(), false
		return // the caller's source failed, and will again
	}
	if ctx := a.request.Context(); ctx.Err() != nil {
		a.err, a.transient = context.Cause(ctx), true // of the attempt; the call looks at its own
		return
	}
	if proxy := a.proxyRefusal(err); proxy != nil {
		a.err, a.lost, a.transient = proxy, false, proxy.status >= 500 || proxy.status == http.StatusTooManyRequests
		return
	}
	// A certificate that does not verify will not do so in a second either.
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	a.transient = !untrusted
}

// provesUnsent reports whether it is certain that the service did not get the
// whole request, or did not process it.
func (a *attempt) provesUnsent(err error) bool {
	alive := a.request.Context().Err() == nil
	switch a.stage.Load() {
	case connecting, cutShort:
		return true
	case connected:
		return alive
	case untraced:
		if _, traces := a.call.client.transport.(*http.Transport); traces {
			return true // it failed before it wanted a connection
		}
	}
	return alive && (noConnection(err) || unprocessed(err))
}

// noConnection reports whether the kind of an error says that there was no connection.
func noConnection(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return dns || certificate || record || strings.Contains(err.Error(), "TLS handshake timeout")
}

// notProcessed is how the errors begin with which HTTP/2 says that the server did
// not process a stream: it refused it, or its GOAWAY named a last stream before it.
var notProcessed = regexp.MustCompile(`^(http2: Transport: cannot retry err \[)?(stream error: stream ID \d+; REFUSED_STREAM|` +
	`http2: Transport received Server's graceful shutdown GOAWAY|http2: Transport received GOAWAY from server ErrCode:|` +
	`http2: client conn not usable|http2: client conn could not be established)`)

func unprocessed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if notProcessed.MatchString(err.Error()) {
			return true
		}
	}
	return false
}

// A proxyError is the response of a proxy that did not let the request through.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy refused the request: %d %s", e.status, http.StatusText(e.status))
}

// proxyRefusal finds the response of a proxy to CONNECT. net/http reports no
// more of it than its reason phrase.
func (a *attempt) proxyRefusal(err error) *proxyError {
	if refused, ok := errors.AsType[*proxyError](err); ok {
		return refused
	}
	for status := 400; a.stage.Load() == connecting && status < 600; status++ {
		if err.Error() == cmp.Or(http.StatusText(status), "?") {
			return &proxyError{status}
		}
	}
	return nil
}

// receive reads the response and records what it means.
func (a *attempt) receive(resp *http.Response) {
	a.status, a.requestID = resp.StatusCode, resp.Header.Get("X-Request-Id")
	if a.call.request.Response != nil {
		*a.call.request.Response = ResponseInfo{resp.StatusCode, resp.Header, a.requestID, a.number}
	}
	if a.info != nil {
		resp.Body = &countedBody{resp.Body, &a.received}
	}
	switch status := resp.StatusCode; {
	case status < 200: // it may go on in another protocol; the body is a connection, and never ends
		a.err, a.lost = fmt.Errorf("the response has the status %d, which nobody asked for", status), true
	case status == http.StatusProxyAuthRequired:
		a.err = &proxyError{status}
	case status <= 299:
		a.err = decodeResponse(resp, a.call.out)
	case a.call.request.presigned != nil:
		a.err = readStorageError(resp, a.call.request.presigned)
	default:
		a.err = readAPIError(resp)
	}
	switch err := a.err.(type) {
	case *StorageError:
		a.transient, a.requestID = err.transient(), err.RequestID
		a.lost = a.transient && a.status != http.StatusTooManyRequests
	case *APIError:
		a.rejection, a.requestID = err, err.RequestID
		a.transient, a.lost = err.meaning()
	case *responseError:
		a.transient, a.lost = err.brokeOff, err.lost
	}
}

// rejectedWith reports whether the service rejected this attempt with code.
func (a *attempt) rejectedWith(code ErrorCode) bool {
	return a.rejection != nil && code != "" && a.rejection.Is(code)
}

// A countedBody counts what is read of a response.
type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

// A sentBody is the body of one sending. It yields its whole size, or fails
// before the last byte, so that the service never gets a whole request of a
// source that changed.
type sentBody struct {
	content io.ReadCloser
	size    int64         // -1 if unknown
	read    int64         // so far
	busy    chan struct{} // full while a Read is under way
	stopped atomic.Bool   // the attempt is over
	whole   atomic.Bool   // all of it was read
	closed  atomic.Bool
	sent    atomic.Int64
	failure atomic.Pointer[error]
}

func (b *sentBody) fail(err error) { b.failure.CompareAndSwap(nil, &err) }

// Read reads from the source, for as long as the attempt lasts.
func (b *sentBody) Read(p []byte) (int, error) {
	b.busy <- struct{}{}
	defer func() { <-b.busy }()
	switch {
	case b.whole.Load():
		return 0, io.EOF
	case b.stopped.Load():
		return 0, errors.New("the attempt is over")
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
func (b *sentBody) readExactly(p []byte) (int, error) {
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
		return 0, fmt.Errorf("the body %w: it should have %d bytes", ErrSourceChanged, b.size)
	}
	return n, err
}

// Close closes the source. An error of that changes nothing about what was sent.
func (b *sentBody) Close() error {
	if b.content != nil && b.closed.CompareAndSwap(false, true) {
		b.content.Close()
	}
	return nil
}

// wait ends the reading, and returns when no Read is under way.
func (b *sentBody) wait(ctx context.Context) error {
	b.stopped.Store(true)
	select {
	case b.busy <- struct{}{}:
		<-b.busy
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
