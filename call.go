package databricks

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/sending"
)

// A call is one API request with all its attempts. go-retryablehttp sends and
// retries it. Work for a single attempt is in RoundTrip, which net/http calls
// for each attempt.
type call struct {
	client  *Client
	request Request
	out     any
	payload sending.Payload

	started  time.Time
	attempts int
	harmless int  // failed attempts that certainly changed nothing
	lost     bool // an attempt may have taken effect, and its response was lost
	renewed  bool // the credential was renewed after the service rejected it

	last    *attempt      // nil before the first attempt
	failure error         // error of the last attempt that failed for a reason other than the end of the context
	pause   time.Duration // pause before the next attempt
	waited  time.Duration // wait for the rate limit before this attempt
	info    *CallInfo     // nil without observers
	stopped error         // why there is no next attempt, if the reason is not failure
}

// run sends the request until an attempt succeeds or no other attempt is
// allowed.
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
		_, _ = sender.Do(req) // the attempts record the errors
	}
	if x.last != nil && x.last.err == nil && x.stopped == nil {
		return nil // the response is already in out
	}
	return x.finalError(ctx)
}

// followNoRedirect prevents net/http from following a redirect. A redirect of
// an API call usually leads to a sign-in page. In the worst case it would send
// the credential to another host.
func followNoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// prepareAttempt runs before each attempt. It waits for the rate limit and
// gives the request a new header.
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
	if x.payload.ContentType != "" {
		req.Header["Content-Type"] = []string{x.payload.ContentType}
	}
	if target := x.request.presigned; target != nil {
		target.setHeader(req.Header)
	} else {
		x.client.endpoint.SetHeader(req.Header)
	}
	return nil
}

// RoundTrip runs one attempt.
func (x *call) RoundTrip(req *http.Request) (*http.Response, error) {
	x.attempts++
	x.last = &attempt{call: x, number: x.attempts}
	return x.last.run(req)
}

// finalError returns the error of the call. It combines the last failure, the
// reason for not retrying, the context and the outcome.
func (x *call) finalError(ctx context.Context) error {
	err := x.failure
	switch {
	case x.stopped != nil:
		err = errs.Ended(ctx, x.stopped, err)
	case ctx.Err() != nil:
		err = errs.Ended(ctx, ctx.Err(), err)
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
