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

// A RetryPolicy says how often, for how long, how fast and after which failures
// a call is retried. A zero field stands for its default, so that
// RetryPolicy{MaxAttempts: 1} is a client that never retries anything.
//
// Two bounds end the retries of a call, and the context does in any case. By
// default, failures after which the service certainly did nothing (no
// connection, 429, a workspace that is not ready yet) are retried for as long as
// the context lasts, or for 5 minutes if it has no deadline. All other failures
// end the call at the fifth. A bound that you set counts for all failures alike.
//
// The client never starts a pause that cannot end before the deadline.
type RetryPolicy struct {
	MaxAttempts   int           // how often a call is sent at most, the first time included; see above for the default
	MaxElapsed    time.Duration // the last attempt starts no later than this after the first; see above for the default
	MinDelay      time.Duration // the pause before the first retry is at most this, and at most doubles from there; default 500 ms
	MaxDelay      time.Duration // no pause that the client chooses is longer; default 30 s
	MaxRetryAfter time.Duration // no pause that the service asks for is longer; default 2 min

	// Retry decides after each failed attempt whether there is another. The
	// default is [Attempt.Safe]. A function that returns true where Safe returns
	// false can do work twice.
	Retry func(Attempt) bool

	countsAll bool // MaxAttempts was set
}

// An Attempt is a failed attempt of a call, as a RetryPolicy sees it.
type Attempt struct {
	Number       int    // 1 for the first
	Method       string // of the request
	Path         string // of the request
	Idempotent   bool   // sending the call twice has the effect of sending it once
	Transient    bool   // the failure is of a kind that passes
	ResponseLost bool   // the response was lost, so the work may have been done
	Err          error  // an *APIError, or how the connection failed
}

// Safe reports whether another attempt may help and cannot do the work twice.
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

// defaultMaxElapsed bounds the retries of a call without a deadline.
const defaultMaxElapsed = 5 * time.Minute

// inBounds reports whether the bounds allow another attempt after those made so
// far, of which some certainly did nothing, to start after elapsed.
func (p RetryPolicy) inBounds(attempts, harmless int, elapsed time.Duration, deadline bool) bool {
	if !p.countsAll {
		attempts -= harmless
	}
	if p.MaxElapsed == 0 && !deadline {
		p.MaxElapsed = defaultMaxElapsed
	}
	return attempts < p.MaxAttempts && (p.MaxElapsed == 0 || elapsed <= p.MaxElapsed)
}

// pause is how long to wait before the next attempt. It is what the service
// asked for, or else the backoff. A service that keeps asking for too little
// gets the backoff as well.
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

// backoff is exponential, with full jitter.
func (p RetryPolicy) backoff(attempts int) time.Duration {
	bound := p.MinDelay << min(attempts-1, 30)
	if bound <= 0 || bound > p.MaxDelay {
		bound = p.MaxDelay
	}
	return rand.N(bound + 1)
}

// shouldRetry runs after each attempt. It decides whether there is another.
func (x *call) shouldRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if x.last == nil { // net/http does not send such a request
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

// workWasDone reports whether the last attempt found the work done by one before
// it, whose response was lost.
func (x *call) workWasDone() bool { return x.lost && x.last.rejectedWith(x.request.done) }

// needsAnother takes in the outcome of the last attempt, and reports whether
// there is to be another.
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
		// The service did nothing, so any call can be sent again.
		x.renewed, a.renews, x.pause = true, true, 0
		return true
	}
	return x.policyAllows(ctx)
}

// policyAllows reports whether the policy and the time that is left allow another
// attempt, and sets the pause before it.
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

// seen is the attempt as a RetryPolicy sees it.
func (a *attempt) seen() Attempt {
	r := a.call.request
	return Attempt{Number: a.number, Method: r.Method, Path: r.Path, Idempotent: r.Idempotent, Transient: a.transient, ResponseLost: a.lost, Err: a.err}
}
