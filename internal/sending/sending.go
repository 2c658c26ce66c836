// Package sending sends a request once, and knows afterwards whether the server
// can have processed it.
package sending

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/go-databricks/databricks/internal/errs"
)

// A Sending is the state of sending a request once. No two requests share one.
type Sending struct {
	trace httptrace.ClientTrace
	stage atomic.Int32
	body  atomic.Pointer[body] // the last one that was opened; nil if it is in memory
}

// How far a request came. A transport that does not trace stays at the first.
const (
	untraced   = iota
	connecting // nothing was sent
	connected  // no header was sent
	written    // all of it may have been sent
	cutShort   // writing failed before the request was whole
)

// A Failure is why there is no response.
type Failure struct {
	Err       error
	Lost      bool // the server may have processed the request
	Transient bool // it is of a kind that passes
}

// Trace returns a context that notes how far a request comes. One that only reads
// is not followed as closely, because it does no harm if it is sent twice.
func (s *Sending) Trace(ctx context.Context, reads bool) context.Context {
	s.trace.GetConn = func(string) { s.stage.Store(connecting) }
	if reads {
		s.trace.GotConn = func(httptrace.GotConnInfo) { s.stage.Store(written) }
		return httptrace.WithClientTrace(ctx, &s.trace)
	}
	s.trace.GotConn = func(httptrace.GotConnInfo) { s.stage.Store(connected) }
	s.trace.WroteHeaders = func() { s.stage.Store(written) }
	s.trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
		if body := s.body.Load(); info.Err != nil && (body == nil || !body.whole.Load()) {
			s.stage.Store(cutShort)
		}
	}
	return httptrace.WithClientTrace(ctx, &s.trace)
}

// Send sends a request whose context is from Trace and whose body is from Attach.
func (s *Sending) Send(transport http.RoundTripper, r *http.Request) (*http.Response, *Failure) {
	for name, values := range r.Header {
		if strings.ContainsFunc(strings.Join(values, ""), func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, &Failure{Err: fmt.Errorf("the value of the header %q has characters that no header can have", name)}
		}
	}
	resp, err := transport.RoundTrip(r)
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither a response nor an error")
	}
	if err != nil {
		return nil, s.judge(r.Context(), transport, err)
	}
	if resp.Request = r; resp.Body == nil {
		resp.Body = http.NoBody
	}
	return resp, nil
}

// judge says what an error of the transport means. One that comes with a context
// tells nothing about the request.
func (s *Sending) judge(ctx context.Context, transport http.RoundTripper, err error) *Failure {
	if body := s.body.Load(); body != nil && body.failure.Load() != nil {
		return &Failure{Err: *body.failure.Load()} // the source failed, and will again
	}
	lost := !s.provesUnsent(ctx, transport, err)
	if ctx.Err() != nil {
		return &Failure{errs.Foreign(context.Cause(ctx)), lost, true}
	}
	if refusal := s.refusalByProxy(err); refusal != nil {
		return &Failure{refusal, false, refusal.Status >= 500 || refusal.Status == http.StatusTooManyRequests}
	}
	// A certificate that does not verify will not do so in a second either.
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return &Failure{err, lost, !untrusted}
}

// provesUnsent reports whether it is certain that the server did not get the
// whole request, or did not process it.
func (s *Sending) provesUnsent(ctx context.Context, transport http.RoundTripper, err error) bool {
	alive := ctx.Err() == nil
	switch s.stage.Load() {
	case connecting, cutShort:
		return true
	case connected:
		return alive
	case untraced:
		if _, traces := transport.(*http.Transport); traces {
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
