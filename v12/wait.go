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
	// cleanup bounds the time to stop a command, or to destroy a context, that
	// nobody waits for any longer.
	cleanup = 15 * time.Second

	// patience bounds how long a session waits for the ID of what it just created
	// after the caller's context ended. The ID is needed to stop or destroy it.
	patience = 2 * time.Second

	// maxText bounds what the service said as part of an error's message, in bytes.
	maxText = 500
)

// watch gets the status of something until its caller has seen enough, and yields
// it whenever its state has changed. It goes on after polls that fail, as
// judgePoll decides, for a time that grows with the wait. In a dry run, it polls
// once.
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

// judgePoll says what a failed poll means for the wait.
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

// outlive returns a context that ends a little later than ctx, and with its cause.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	base, release := context.WithoutCancel(ctx), func() {}
	if deadline, ok := ctx.Deadline(); ok { // so that no pause is begun that is too long
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

// ended makes err match why ctx is over, if it is. The cause of ctx says nothing
// else about what ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return errs.Ended(ctx, ctx.Err(), err)
}
