// Package sending sends a request once. It determines whether the server can have
// processed the request.
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

// A Sending is the state of a single attempt to send a request.
type Sending struct {
	trace httptrace.ClientTrace
	stage atomic.Int32
	body  atomic.Pointer[body] // the last body that was opened; nil if the body is in memory
	whole atomic.Bool          // the transport read an earlier body completely
}

// The progress of a request. Without tracing, it stays at the first value.
const (
	untraced   = iota
	connecting // nothing was sent
	connected  // no header was sent
	written    // the complete request may have been sent
	cutShort   // writing failed before the request was complete
)

// A Failure says why there is no response.
type Failure struct {
	Err       error
	Lost      bool // the server may have processed the request
	Transient bool // a retry may succeed
}

// Trace returns a context that records the progress of a request. It records less
// for a request that only reads, because a second send of such a request does no
// harm.
func (s *Sending) Trace(ctx context.Context, reads bool) context.Context {
	s.trace.GetConn = func(string) { s.stage.Store(connecting) }
	if reads {
		s.trace.GotConn = func(httptrace.GotConnInfo) { s.stage.Store(written) }
		return httptrace.WithClientTrace(ctx, &s.trace)
	}
	s.trace.GotConn = func(httptrace.GotConnInfo) { s.stage.Store(connected) }
	s.trace.WroteHeaders = func() { s.stage.Store(written) }
	s.trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
		if body := s.body.Load(); info.Err != nil && (body == nil || body.ended.Load() != whole) {
			s.stage.Store(cutShort)
		}
	}
	return httptrace.WithClientTrace(ctx, &s.trace)
}

// Send sends a request. Its context is from Trace and its body from Attach.
func (s *Sending) Send(transport http.RoundTripper, r *http.Request) (*http.Response, *Failure) {
	for name, values := range r.Header {
		if strings.ContainsFunc(strings.Join(values, ""), func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, &Failure{Err: fmt.Errorf("the value of the header %q contains invalid characters", name)}
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

// judge returns the failure for an error of the transport. An error that the end of
// the context caused says nothing about the request.
func (s *Sending) judge(ctx context.Context, transport http.RoundTripper, err error) *Failure {
	if body := s.body.Load(); body != nil && body.failure.Load() != nil {
		return &Failure{Err: *body.failure.Load()} // the source failed, so a retry would fail, too
	}
	lost := !s.provesUnsent(ctx, transport, err)
	if ctx.Err() != nil {
		return &Failure{errs.Foreign(context.Cause(ctx)), lost, true}
	}
	if refusal := s.refusalByProxy(err); refusal != nil {
		return &Failure{refusal, false, refusal.Status >= 500 || refusal.Status == http.StatusTooManyRequests}
	}
	// An untrusted certificate is not a transient failure.
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return &Failure{err, lost, !untrusted}
}

// provesUnsent reports whether the server certainly did not receive or did not
// process the complete request.
func (s *Sending) provesUnsent(ctx context.Context, transport http.RoundTripper, err error) bool {
	if s.Stop() {
		return true
	}
	alive := ctx.Err() == nil
	switch s.stage.Load() {
	case connecting, cutShort:
		return true
	case connected:
		return alive
	case untraced:
		if _, traces := transport.(*http.Transport); traces {
			return true // it failed before it requested a connection
		}
	}
	return alive && (noConnection(err) || unprocessed(err))
}

// noConnection reports whether the type of an error proves that there was no
// connection.
func noConnection(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return dns || certificate || record || strings.Contains(err.Error(), "TLS handshake timeout")
}

// notProcessed matches the start of HTTP/2 errors which prove that the server did
// not process a stream. The server refused the stream, or sent a GOAWAY with an
// earlier last stream.
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
