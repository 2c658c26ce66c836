package v12

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/poll"
)

const (
	// cleanup is the maximum time for stopping a command or destroying a context
	// after the caller stopped waiting.
	cleanup = 15 * time.Second

	// patience is how long a session waits for the ID of a new object after the
	// caller's context ended. It needs the ID to stop or destroy the object.
	patience = 2 * time.Second

	// maxText is the maximum length in bytes of the service's text in an error.
	maxText = 500
)

// watch polls until its consumer stops. It yields the first status and then each
// status whose state differs. After a failed poll it continues as judgePoll
// decides, for a time that grows with the wait. In a dry run, it polls once.
func watch[T any, S comparable](ctx context.Context, c *Client, get func(context.Context) (*T, error), state func(*T) S) iter.Seq2[*T, error] {
	return poll.Watch[T]{
		Get:          get,
		Same:         func(old, new *T) bool { return state(old) == state(new) },
		Judge:        judgePoll,
		Failed:       func(err error) error { return ended(ctx, err) },
		Once:         c.calls.Workspace.Planning(),
		ResetBackoff: true,
	}.All(ctx)
}

// judgePoll decides what a failed poll means for the wait.
func judgePoll(err error, before bool) poll.Verdict {
	if _, wrong := errors.AsType[*databricks.ArgumentError](err); wrong || errors.Is(err, fs.ErrNotExist) {
		return poll.Final
	}
	status := 0
	if e, ok := errors.AsType[*databricks.APIError](err); ok {
		status = e.StatusCode
	}
	return poll.JudgeStatus(status, before)
}

// outlive returns a context that ends shortly after ctx, with the same cause.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	base, release := context.WithoutCancel(ctx), func() {}
	if deadline, ok := ctx.Deadline(); ok { // so that no pause starts that ends after the deadline
		base, release = context.WithDeadline(base, deadline.Add(patience))
	}
	long, cancel := context.WithCancelCause(base)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(patience, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(long, func() { timer.Stop() })
	})
	return long, func() {
		stop()
		cancel(nil)
		release()
	}
}

// ended makes err match the error of ctx, if ctx has ended. The cause of ctx does
// not describe the operation.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return errs.Ended(ctx, ctx.Err(), err)
}
