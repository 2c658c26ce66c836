// Package poll polls until an operation of unknown duration is done. It polls often
// at first and then less often. The delay until it notices the end is a small
// fraction of the duration. It tolerates failures for a time that grows with the
// wait.
package poll

import (
	"context"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

// Limits of a pause, and the divisor that gives the pause from the elapsed time.
const (
	First = 20 * time.Millisecond
	Most  = 5 * time.Second
	part  = 10
)

// A Pacer paces one wait. Its zero value is ready to use. It is not safe for
// concurrent use.
type Pacer struct{ start time.Time }

// Wait pauses before the next poll. It returns an error as soon as the context
// ends.
func (p *Pacer) Wait(ctx context.Context) error {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	return Sleep(ctx, min(max(time.Since(p.start)/part, First), Most))
}

// Sleep waits for d. It returns an error as soon as the context ends.
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
