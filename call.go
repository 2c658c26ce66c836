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

// A call is one request of the API with all its attempts. go-retryablehttp
// sends and retries it. What belongs to a single attempt is below that, in
// RoundTrip, which net/http calls once for each attempt.
type call struct {
	client  *Client
	request Request
	out     any
	payload sending.Payload

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

// RoundTrip makes one attempt.
func (x *call) RoundTrip(req *http.Request) (*http.Response, error) {
	x.attempts++
	x.last = &attempt{call: x, number: x.attempts}
	return x.last.run(req)
}

// finalError makes the error of the call from the last failure, the reason why
// there was no other attempt, the context, and what is known of the outcome.
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
