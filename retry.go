package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// A RetryPolicy says how often, for how long, at what pace and after which
// failures the client retries a call. A zero field means its default.
// RetryPolicy{MaxAttempts: 1} disables retries.
//
// Two limits end the retries of a call, and so does the context. By default,
// the client retries failures that certainly changed nothing (no connection,
// 429, a workspace that is not ready yet) until the context ends, or for 5
// minutes if the context has no deadline. For all other failures, it makes at
// most five attempts. A limit that you set applies to all failures.
//
// The client never starts a pause that would end after the deadline.
type RetryPolicy struct {
	MaxAttempts   int           // maximum number of attempts, including the first; see above for the default
	MaxElapsed    time.Duration // latest start of the last attempt, measured from the first; see above for the default
	MinDelay      time.Duration // maximum pause before the first retry, doubled for each later retry; default 500 ms
	MaxDelay      time.Duration // maximum pause that the client chooses; default 30 s
	MaxRetryAfter time.Duration // maximum pause that the service can request; default 2 min

	// Retry decides after each failed attempt whether the client retries. The
	// default is [Attempt.Safe]. If it returns true where Safe returns false, a
	// call may take effect twice.
	Retry func(Attempt) bool

	countsAll bool // MaxAttempts was set
}

// An Attempt is a failed attempt of a call, as input for a [RetryPolicy].
type Attempt struct {
	Number       int    // 1 for the first
	Method       string // method of the request
	Path         string // path of the request
	Idempotent   bool   // sending the call twice has the same effect as sending it once
	Transient    bool   // the failure is temporary
	ResponseLost bool   // the response was lost, so the call may have taken effect
	Err          error  // an *APIError, or the error of the connection
}

// Safe reports whether a retry may succeed and cannot repeat the effect of the
// call.
func (a Attempt) Safe() bool { return a.Transient && (a.Idempotent || !a.ResponseLost) }

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	if p.MaxAttempts < 0 || p.MaxElapsed < 0 || p.MinDelay < 0 || p.MaxDelay < 0 || p.MaxRetryAfter < 0 {
		return p, errors.New("WithRetryPolicy: no field may be negative; zero stands for the default")
	}
	p.countsAll = p.MaxAttempts > 0
	p.MaxAttempts = cmp.Or(p.MaxAttempts, 5)
	p.MinDelay = cmp.Or(p.MinDelay, 500*time.Millisecond)
	p.MaxDelay = cmp.Or(p.MaxDelay, 30*time.Second)
	p.MaxRetryAfter = cmp.Or(p.MaxRetryAfter, 2*time.Minute)
	if p.Retry == nil {
		p.Retry = Attempt.Safe
	}
	return p, nil
}

// defaultMaxElapsed limits the retries of a call without a deadline.
const defaultMaxElapsed = 5 * time.Minute

// inBounds reports whether the policy allows another attempt that starts after
// elapsed. harmless of the attempts certainly had no effect.
func (p RetryPolicy) inBounds(attempts, harmless int, elapsed time.Duration, deadline bool) bool {
	if !p.countsAll {
		attempts -= harmless
	}
	if p.MaxElapsed == 0 && !deadline {
		p.MaxElapsed = defaultMaxElapsed
	}
	return attempts < p.MaxAttempts && (p.MaxElapsed == 0 || elapsed <= p.MaxElapsed)
}

// pause returns the pause before the next attempt. This is what the service
// requested, or else the backoff. If the service keeps requesting short pauses,
// it is at least the backoff.
func (p RetryPolicy) pause(attempts int, rejection *APIError) time.Duration {
	if rejection == nil || !rejection.report.Asked {
		return p.backoff(attempts)
	}
	asked := min(rejection.report.RetryAfter, p.MaxRetryAfter)
	if attempts < 5 {
		return asked
	}
	return max(asked, p.backoff(attempts))
}

// backoff returns an exponential pause with full jitter.
func (p RetryPolicy) backoff(attempts int) time.Duration {
	bound := p.MinDelay << min(attempts-1, 30)
	if bound <= 0 || bound > p.MaxDelay {
		bound = p.MaxDelay
	}
	return rand.N(bound + 1)
}

// shouldRetry runs after each attempt. It decides whether another attempt
// follows.
func (x *call) shouldRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if x.last == nil { // net/http rejected the request
		x.stopped = err
		return false, nil
	}
	retried := x.needsAnother(ctx)
	x.last.report(ctx, retried)
	if x.workWasDone() {
		x.last.err = nil
	}
	return retried, nil
}

// workWasDone reports whether the last attempt shows that an earlier attempt took
// effect, whose response was lost.
func (x *call) workWasDone() bool { return x.lost && x.last.rejectedWith(x.request.done) }

// needsAnother evaluates the last attempt and reports whether another one
// follows.
func (x *call) needsAnother(ctx context.Context) bool {
	a := x.last
	if a.err == nil || x.stopped != nil || x.workWasDone() {
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
		// The service rejected the credential and did nothing, so any call can be
		// retried.
		x.renewed, a.renews, x.pause = true, true, 0
		return true
	}
	return x.policyAllows(ctx)
}

// policyAllows reports whether the policy and the deadline allow another attempt.
// It sets the pause before that attempt.
func (x *call) policyAllows(ctx context.Context) bool {
	a, policy := x.last, x.client.retry
	x.pause = policy.pause(x.attempts, a.rejection)
	deadline, limited := ctx.Deadline()
	next := time.Now().Add(x.pause)
	if !policy.Retry(a.seen()) || !policy.inBounds(x.attempts, x.harmless, next.Sub(x.started), limited) {
		return false
	}
	if limited && next.After(deadline) {
		x.stopped = fmt.Errorf("no time for another attempt in %v: %w", x.pause.Round(time.Millisecond), context.DeadlineExceeded)
		return false
	}
	return true
}

// seen returns the attempt in the form in which a RetryPolicy sees it.
func (a *attempt) seen() Attempt {
	r := a.call.request
	return Attempt{Number: a.number, Method: r.Method, Path: r.Path, Idempotent: r.Idempotent, Transient: a.transient, ResponseLost: a.lost, Err: a.err}
}
