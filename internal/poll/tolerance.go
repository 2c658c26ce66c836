package poll

import "time"

// Limits of the time for which a wait tolerates failures, and the divisor that
// gives this time from the elapsed time.
const (
	leastTolerated = time.Minute
	mostTolerated  = 30 * time.Minute
	toleratedPart  = 4
)

// A Tolerance determines how long a wait continues while every poll fails. This
// time grows with the wait: a wait of an hour tolerates an outage of a quarter of
// an hour. Its zero value is ready to use. It is not safe for concurrent use.
type Tolerance struct{ started, failing time.Time }

// Exceeded records a failure and reports whether failures have lasted too long.
func (t *Tolerance) Exceeded() bool {
	now := time.Now()
	if t.started.IsZero() {
		t.started = now
	}
	if t.failing.IsZero() {
		t.failing = now
	}
	return now.Sub(t.failing) > min(max(t.failing.Sub(t.started)/toleratedPart, leastTolerated), mostTolerated)
}

// Reset records a success.
func (t *Tolerance) Reset() {
	if t.started.IsZero() {
		t.started = time.Now()
	}
	t.failing = time.Time{}
}

// Lasts returns the time since the first of the failures.
func (t *Tolerance) Lasts() time.Duration { return time.Since(t.failing) }
