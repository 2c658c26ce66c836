package databricks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/hashicorp/go-retryablehttp"
)

// A call is one request of the API with all its attempts. go-retryablehttp
// sends and retries it. What belongs to a single attempt is below that, in
// RoundTrip, which net/http calls once for each attempt.
type call struct {
	client  *Client
	request Request
	out     any
	payload payload
	source  *sentBody // the last one that was opened

	started  time.Time
	attempts int
	harmless int  // attempts that failed and certainly did nothing
	lost     bool // an attempt may have done the work, and its response was lost
	renewed  bool // the credential, after the service rejected it

	last    *attempt      // nil until there is one
	failure error         // of the last attempt that failed by itself and not because the context ended
	pause   time.Duration // before the next attempt
	waited  time.Duration // for the rate limit, before this attempt
	info    *CallInfo     // nil if nobody observes
	stopped error         // why there is no next attempt, if that is not failure
}

// run sends the request until an attempt succeeds or there is to be no other.
func (x *call) run(ctx context.Context) (err error) {
	if x.payload, err = encodeBody(x.request); err != nil {
		return err
	}
	x.started = time.Now()
	endpoint := x.client.endpoint
	req := &retryablehttp.Request{Request: (&http.Request{
		Method: x.request.Method,
		URL:    &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: x.request.Path, RawQuery: x.request.Query.Encode()},
		Host:   endpoint.Host,
	}).WithContext(ctx)}
	if x.request.object {
		req.URL.RawPath = escapePath(x.request.Path)
	}
	jar := x.client.jar
	if target := x.request.presigned; target != nil {
		req.URL, req.Host, jar = target.url, target.host, nil
	}
	sender := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: x, Jar: jar, CheckRedirect: followNoRedirect},
		RetryMax:     math.MaxInt,
		CheckRetry:   x.shouldRetry,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.pause },
		PrepareRetry: x.prepareAttempt,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if x.prepareAttempt(req.Request) == nil {
		_, _ = sender.Do(req) // the attempts know how it went
	}
	if x.last != nil && x.last.err == nil && x.stopped == nil {
		return nil // the response is where out says
	}
	return x.finalError(ctx)
}

// followNoRedirect keeps net/http from following a redirect. One of an API call
// leads to a sign-in page at best, and takes the credential to a stranger at worst.
func followNoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// prepareAttempt runs before each attempt. It waits for the rate limit, and
// gives the request a header that no other attempt has written to.
func (x *call) prepareAttempt(req *http.Request) error {
	if limiter := x.client.limiter; limiter != nil && x.request.presigned == nil {
		start := time.Now()
		if x.stopped = limiter.Wait(req.Context()); x.stopped != nil {
			if req.Context().Err() == nil {
				x.stopped = fmt.Errorf("the rate limit leaves no time before the deadline: %w", context.DeadlineExceeded)
			}
			return x.stopped
		}
		x.waited = time.Since(start)
	}
	req.Header = http.Header{"Accept": {"application/json"}, "User-Agent": {x.client.userAgent}}
	maps.Copy(req.Header, x.request.header)
	if x.payload.contentType != "" {
		req.Header["Content-Type"] = []string{x.payload.contentType}
	}
	if target := x.request.presigned; target != nil {
		target.setHeader(req.Header)
	} else {
		x.client.endpoint.SetHeader(req.Header)
	}
	return nil
}

// RoundTrip makes one attempt.
func (x *call) RoundTrip(req *http.Request) (*http.Response, error) {
	x.attempts++
	x.last = &attempt{call: x, number: x.attempts}
	return x.last.run(req)
}

// shouldRetry runs after each attempt. It decides whether there is another.
func (x *call) shouldRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if x.last == nil { // net/http does not send such a request
		x.stopped = err
		return false, nil
	}
	retried := x.needsAnother(ctx)
	x.last.report(ctx, retried)
	if x.lost && x.last.rejectedWith(x.request.done) {
		x.last.err = nil // a lost attempt did the work
	}
	return retried, nil
}

// needsAnother takes in the outcome of the last attempt, and reports whether
// there is to be another.
func (x *call) needsAnother(ctx context.Context) bool {
	a := x.last
	if a.err == nil || x.stopped != nil || x.lost && a.rejectedWith(x.request.done) {
		return false
	}
	x.lost = x.lost || a.lost
	if !a.interrupted {
		x.failure = a.err
	}
	if a.transient && !a.lost && !x.request.bounded() {
		x.harmless++
	}
	if ctx.Err() != nil {
		return false
	}
	if !x.renewed && credentialRejected(a.err) && x.attempts < x.client.retry.MaxAttempts && x.client.credential.Refresh(a.request) {
		// The service did nothing, so any call can be sent again.
		x.renewed, a.renews, x.pause = true, true, 0
		return true
	}
	return x.pausesForAnother(ctx)
}

// pausesForAnother reports whether the policy and the time that is left allow
// another attempt, and sets the pause before it.
func (x *call) pausesForAnother(ctx context.Context) bool {
	a, policy := x.last, x.client.retry
	x.pause = policy.pause(x.attempts, a.rejection)
	deadline, limited := ctx.Deadline()
	switch next := time.Now().Add(x.pause); {
	case !policy.Retry(Attempt{
		Number: a.number, Method: x.request.Method, Path: x.request.Path, Idempotent: x.request.Idempotent,
		Transient: a.transient, ResponseLost: a.lost, Err: a.err,
	}):
		return false
	case !policy.allows(x.attempts, x.harmless, next.Sub(x.started), limited):
		return false
	case limited && next.After(deadline):
		x.stopped = fmt.Errorf("no time for another attempt in %v: %w", x.pause.Round(time.Millisecond), context.DeadlineExceeded)
		return false
	}
	return true
}

// finalError makes the error of the call from the last failure, the reason why
// there was no other attempt, the context, and what is known of the outcome.
func (x *call) finalError(ctx context.Context) error {
	err := x.failure
	switch {
	case x.stopped != nil:
		err = ended(ctx, x.stopped, err)
	case ctx.Err() != nil:
		err = ended(ctx, ctx.Err(), err)
	}
	history := ""
	if x.attempts > 1 {
		history = fmt.Sprintf(" (%d attempts in %v)", x.attempts, time.Since(x.started).Round(time.Millisecond))
	}
	if rejection, ok := err.(*APIError); ok {
		rejection.history = history
	} else {
		err = &callError{x.request.Method, x.request.Path, history, err}
	}
	if x.lost && !x.request.reading {
		return &OutcomeUnknownError{Method: x.request.Method, Path: x.request.Path, IdempotencyToken: x.request.token, Err: err}
	}
	return err
}

// A callError is any other failure, with the call that it was of.
type callError struct {
	method, path string
	history      string // how often the call was attempted, if more than once
	err          error
}

func (e *callError) Error() string {
	prefix := "databricks: " + e.method + " " + e.path + ": "
	return oneLine(prefix+strings.ReplaceAll(e.err.Error(), prefix, ""), maxLine) + e.history
}

func (e *callError) Unwrap() error { return e.err }

// ended makes the error of a call whose context is over or will be too soon:
// it matches the context's error and cause and the failure before.
func ended(ctx context.Context, reason, failure error) error {
	all := []error{reason}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(reason, cause) {
		all = append(all, &causeError{cause})
	}
	if failure != nil && !errors.Is(failure, reason) {
		all = append(all, failure)
	}
	return errs.Join(all...)
}

// A causeError is the cause of a context that ended. It is someone else's error:
// what the service said to another call, or that another file does not exist. So
// it matches what its cause matches, except for what says something of this call.
type causeError struct{ error }

func (e *causeError) Is(target error) bool {
	switch target {
	case fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, ErrTooLarge:
		return false
	}
	_, code := target.(ErrorCode)
	return !code && errors.Is(e.error, target)
}

func (e *causeError) As(target any) bool {
	switch target.(type) {
	case **APIError, **OutcomeUnknownError, **ArgumentError:
		return false
	}
	return errors.As(e.error, target)
}
