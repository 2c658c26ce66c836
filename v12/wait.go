package v12

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/redact"
)

const (
	// cleanup is how long it may take to stop what nobody waits for any more.
	cleanup = 15 * time.Second

	// patience is how long the answer that names a new thing is waited for after
	// the caller gave up. With its name, the thing can be stopped.
	patience = 2 * time.Second
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
		Once:         c.workspace.Planning(),
		ResetBackoff: true,
	}.All(ctx)
}

// judgePoll says what a failed poll means for the wait. If an earlier poll
// succeeded, a rejected credential may have been at its end.
func judgePoll(err error, before bool) poll.Verdict {
	if _, wrong := errors.AsType[*databricks.ArgumentError](err); wrong || errors.Is(err, fs.ErrNotExist) {
		return poll.Final
	}
	e, rejected := errors.AsType[*databricks.APIError](err)
	switch {
	case !rejected, e.StatusCode >= 500, e.StatusCode == http.StatusTooManyRequests:
		return poll.Transient
	case before && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden):
		return poll.OnceMore // the next poll gets a token once more
	}
	return poll.Final
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

// ended makes err match why ctx is over, if it is.
func ended(ctx context.Context, err error) error {
	for _, why := range []error{ctx.Err(), context.Cause(ctx)} {
		if why != nil && !errors.Is(err, why) {
			err = joined(err, why)
		}
	}
	return err
}

// joined is errors.Join in one line.
func joined(err, next error) error {
	switch {
	case err == nil:
		return next
	case next == nil:
		return err
	}
	return fmt.Errorf("%w; %w", err, next)
}

// about says what an error is about, and once only whose it is.
func about(err error, format string, args ...any) error {
	return &aboutError{fmt.Sprintf(format, args...), err}
}

type aboutError struct {
	what string
	err  error
}

func (e *aboutError) Error() string {
	return "databricks: " + e.what + ": " + strings.ReplaceAll(e.err.Error(), "databricks: ", "")
}

func (e *aboutError) Unwrap() error { return e.err }

// oneLine makes what the service wrote part of a message; see [redact.Line].
func oneLine(s string) string { return redact.Line(s, 500) }
