package databricks

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
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

// defaultMaxElapsed bounds the retries of a call without a deadline.
const defaultMaxElapsed = 5 * time.Minute

// allows reports whether the bounds allow another attempt after those made so
// far, of which some certainly did nothing, to start after elapsed.
func (p RetryPolicy) allows(attempts, harmless int, elapsed time.Duration, deadline bool) bool {
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
	if rejection == nil || !rejection.hasRetry {
		return p.backoff(attempts)
	}
	asked := min(rejection.retryAfter, p.MaxRetryAfter)
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

// meaning says of a rejection whether it passes, and whether the work may have
// been done all the same. It is the table of the package documentation.
func (e *APIError) meaning() (transient, lost bool) {
	switch code := e.StatusCode; {
	case e.Code == ErrPartialDelete:
		return false, false // progress: its caller continues at once, for as long as it takes
	case code == http.StatusTooManyRequests:
		return true, false
	case code == http.StatusServiceUnavailable && e.hasRetry:
		return true, false
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return true, true // gateways send these after the work was done, too
	case notReady.MatchString(e.Message), e.legacy && clusterNotReady.MatchString(e.Message):
		return true, false
	case timedOut.MatchString(e.Message):
		return true, code >= 500 // a 4xx is a refusal even so
	case code < 500, code == http.StatusNotImplemented, e.legacy:
		return false, false
	}
	return true, true
}

// Messages of a workspace that is not ready yet: nothing was done. They count
// only at the beginning of a message, after the class of the exception. Anywhere
// else they may be part of a name that a user chose.
var (
	notReady = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Current organization \S+ does not have any associated worker environments|` +
		`There is no worker environment with id|Unknown worker environment|worker env \S+ not found|REQUEST_LIMIT_EXCEEDED)|` +
		`^com\.databricks\.backend\.manager\.util\.UnknownWorkerEnvironmentException`)
	clusterNotReady = regexp.MustCompile(`^(?:[\w.$]+\.)?ClusterNotReadyException`)
	timedOut        = regexp.MustCompile(`^(?:[\w.$]+(?:Exception|Error): ?)?(?:Timed out after |(?:context )?deadline exceeded)`)
)
