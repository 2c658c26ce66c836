package poll

import "time"

// Bounds of the time for which a wait tolerates failures, and the part of the
// time before them that it is.
const (
	leastTolerated = time.Minute
	mostTolerated  = 30 * time.Minute
	toleratedPart  = 4
)

// A Tolerance says for how long a wait goes on while everything fails. The
// longer it has taken so far, the longer: a wait of an hour outlasts an outage of
// a quarter of an hour. Its zero value is ready to use, by one goroutine.
type Tolerance struct{ begun, failing time.Time }

// Exceeded notes a failure and reports whether failures have lasted too long.
func (t *Tolerance) Exceeded() bool {
	now := time.Now()
	if t.begun.IsZero() {
		t.begun = now
	}
	if t.failing.IsZero() {
		t.failing = now
	}
	return now.Sub(t.failing) > min(max(t.failing.Sub(t.begun)/toleratedPart, leastTolerated), mostTolerated)
}

// Reset notes a success.
func (t *Tolerance) Reset() {
	if t.begun.IsZero() {
		t.begun = time.Now()
	}
	t.failing = time.Time{}
}

// Lasts returns how long ago the first of the failures was.
func (t *Tolerance) Lasts() time.Duration { return time.Since(t.failing) }
