package databricks

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A RetryPolicy says how often, how fast and after what a call is repeated.
// A zero field stands for its default, so RetryPolicy{MaxAttempts: 1} is a
// client that never repeats anything.
//
// Whatever the policy, the client never waits longer than the context lasts:
// a pause that cannot end before the deadline is not begun.
type RetryPolicy struct {
	MaxAttempts   int           // how often a call goes out at most, the first time included; default 5
	MinDelay      time.Duration // the pause before the first repeat is at most this, and at most doubles from there; default 500 ms
	MaxDelay      time.Duration // no pause of our own choice is longer; default 30 s
	MaxRetryAfter time.Duration // no pause that the service asks for is longer; default 2 min

	// Retry decides, after each failed attempt, whether there is to be another.
	// The default is [Attempt.Safe]. A function that says yes where Safe says no
	// can do work twice.
	Retry func(Attempt) bool
}

// An Attempt is one failed sending of a call, as a RetryPolicy sees it.
type Attempt struct {
	Number       int    // 1 for the first
	Method       string // of the request
	Path         string // of the request
	Idempotent   bool   // the call can be made twice with the effect of once
	Transient    bool   // the failure is of a kind that passes
	ResponseLost bool   // the answer was lost, so the work may have been done
	Err          error  // an *APIError, or how the connection failed
}

// Safe reports whether another attempt may help and cannot do the work twice.
func (a Attempt) Safe() bool { return a.Transient && (a.Idempotent || !a.ResponseLost) }

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MinDelay < 0 || p.MaxDelay < 0 || p.MaxRetryAfter < 0 {
		return p, errors.New("WithRetryPolicy: no field may be negative; zero stands for the default")
	}
	setDefault(&p.MaxAttempts, 5)
	setDefault(&p.MinDelay, 500*time.Millisecond)
	setDefault(&p.MaxDelay, 30*time.Second)
	setDefault(&p.MaxRetryAfter, 2*time.Minute)
	if p.Retry == nil {
		p.Retry = Attempt.Safe
	}
	return p, nil
}

func setDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// pause is how long to wait before the attempt after number: what the service
// asked for, else exponential backoff with full jitter.
func (p RetryPolicy) pause(number int, err error) time.Duration {
	if e, ok := errors.AsType[*APIError](err); ok && e.hasRetry {
		return min(e.retryAfter, p.MaxRetryAfter)
	}
	bound := p.MinDelay << min(number-1, 30)
	if bound <= 0 || bound > p.MaxDelay {
		bound = p.MaxDelay
	}
	return rand.N(bound + 1)
}

// classify says of a failure whether it passes, and whether the work may have
// been done all the same. It is the table of the package documentation.
func classify(err error) (transient, lost bool) {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.classify()
	}
	if _, ok := errors.AsType[*notSentError](err); ok {
		// A certificate that does not verify will not do so in a second either.
		_, forGood := errors.AsType[*tls.CertificateVerificationError](err)
		return !forGood, false
	}
	if e, ok := errors.AsType[*replyError](err); ok {
		return e.brokeOff, e.lost
	}
	return true, true
}

func (e *APIError) classify() (transient, lost bool) {
	switch code := e.StatusCode; {
	case e.Code == ErrPartialDelete:
		return false, false // progress: its caller goes on at once, for as long as it takes
	case code == http.StatusTooManyRequests:
		return true, false
	case code == http.StatusServiceUnavailable && e.hasRetry:
		return true, false
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return true, true // gateways send these after the work was done, too
	case transientMessages.MatchString(e.Message):
		return true, false
	case timedOut.MatchString(e.Message):
		return true, code >= 500 // a 4xx is a refusal even so
	case code < 500, code == http.StatusNotImplemented, e.legacy:
		return false, false
	}
	return false, true
}

// Messages of a workspace that is not ready yet: nothing was done.
var transientMessages = regexp.MustCompile(`com\.databricks\.backend\.manager\.util\.UnknownWorkerEnvironmentException|` +
	`does not have any associated worker environments|There is no worker environment with id|Unknown worker environment|` +
	`ClusterNotReadyException|worker env .* not found|REQUEST_LIMIT_EXCEEDED`)

var timedOut = regexp.MustCompile(`Timed out after |deadline exceeded`)

// A notSentError is a failure before any of the request was on its way.
type notSentError struct{ error }

func (e *notSentError) Unwrap() error { return e.error }

// notSent reports whether the error of a RoundTripper proves by its kind that
// nothing was sent.
func notSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return dns || certificate || record || strings.Contains(err.Error(), "TLS handshake timeout")
}

// A replyError is a success whose reply is of no use.
type replyError struct {
	Err      error
	brokeOff bool // it ended too early, and may be whole the next time
	lost     bool // the call may have been carried out
}

func (e *replyError) Error() string { return e.Err.Error() }
func (e *replyError) Unwrap() error { return e.Err }

// ended makes the error of a call whose context is over or will be too soon:
// it matches the context's error and cause and the failure before.
func ended(ctx context.Context, reason, failure error) error {
	errs := []error{reason}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(reason, cause) {
		errs = append(errs, cause)
	}
	if failure != nil && !errors.Is(failure, reason) {
		errs = append(errs, failure)
	}
	return &joined{errs}
}

// joined is errors.Join in one line.
type joined struct{ errs []error }

func (e *joined) Unwrap() []error { return e.errs }

func (e *joined) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}
