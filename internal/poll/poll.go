// Package poll waits for something that takes an unknown time. It polls often at
// first and then less and less, so that the end is noticed within a small part of
// the time that it took. It goes on after failures, for a time that grows with
// the wait.
package poll

import (
	"context"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

// Bounds of a pause, and the part of the time so far that one pause is.
const (
	First = 20 * time.Millisecond
	Most  = 5 * time.Second
	part  = 10
)

// A Pacer paces one wait. Its zero value is ready to use, by one goroutine.
type Pacer struct{ start time.Time }

// Wait pauses before the next poll. It returns why the context is over as soon as
// the context ends.
func (p *Pacer) Wait(ctx context.Context) error {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	return Sleep(ctx, min(max(time.Since(p.start)/part, First), Most))
}

// Sleep waits for d. It returns why the context is over as soon as the context ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errs.Over(ctx)
	case <-timer.C:
		return nil
	}
}
