package databricks

import (
	"context"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/poll"
)

// lateWork is how long an upload waits for the effect of a call whose response was
// lost.
const lateWork = 30 * time.Second

// await polls so until it returns true or c.lateWork has passed.
func (c *Client) await(ctx context.Context, so func(context.Context) bool) bool {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	ctx, end := context.WithTimeout(ctx, c.lateWork)
	defer end()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		if so(ctx) {
			return true
		}
		if poll.Sleep(ctx, pause) != nil {
			return false
		}
	}
}

// cleanupContext returns a context for cleaning up. It ends cleanupTime after ctx.
func cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	cleanup, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cleanupTime, cancel) })
	return cleanup, func() { stop(); cancel() }
}

// cleanupTime is the time for cleaning up after a context has ended.
const cleanupTime = 15 * time.Second

// pause waits before a retry of an operation that consists of several calls.
func (c *Client) pause(ctx context.Context, attempt int, failure error) error {
	if poll.Sleep(ctx, c.retry.backoff(attempt)) != nil {
		return errs.Ended(ctx, ctx.Err(), failure)
	}
	return nil
}

// withoutEffect returns the error of a call that changes no file that the caller
// named. Its outcome does not matter, so the result is not an [OutcomeUnknownError].
func withoutEffect(err error) error {
	if unknown, ok := err.(*OutcomeUnknownError); ok {
		return unknown.Err
	}
	return err
}
