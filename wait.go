package databricks

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/go-databricks/databricks/internal/poll"
)

// WaitUntil polls something until done reports true, and returns it. It is for
// areas of the API that have no methods here: get usually calls [Client.Do].
//
//	warehouse, err := databricks.WaitUntil(ctx, client, func(ctx context.Context) (*Warehouse, error) {
//		out := new(Warehouse)
//		return out, client.Do(ctx, databricks.Request{Method: "GET", Path: "/api/2.0/sql/warehouses/" + id}, out)
//	}, func(w *Warehouse) (bool, error) { return w.State == "RUNNING", nil })
//
// It works as the waits of this library do. It polls often at first and every
// five seconds later. It tolerates failed polls for a time that grows with the
// wait. It ends with the error of done, if that returns one, and otherwise has no
// limit other than the context. In a dry run it polls once.
func WaitUntil[T any](ctx context.Context, c *Client, get func(context.Context) (*T, error), done func(*T) (bool, error)) (*T, error) {
	everyPoll := func(_, _ *T) bool { return false }
	for v, err := range watch(ctx, c, "", get, everyPoll) {
		if err != nil {
			return nil, err
		}
		switch over, err := done(v); {
		case err != nil:
			return nil, err
		case over || c.Planning():
			return v, nil
		}
	}
	return nil, ended(ctx, ctx.Err(), nil)
}

// watch gets the status of something until its caller has seen enough. It yields
// the first status and then each change, as same decides. It goes on after polls
// that fail, as judgePoll decides, for a time that grows with the wait. When the
// context ends, the error matches its cause. In a dry run, it polls once.
func watch[T any](ctx context.Context, c *Client, what string, get func(context.Context) (*T, error), same func(old, new *T) bool) iter.Seq2[*T, error] {
	return watchPaced(ctx, c, what, get, same, nil)
}

// watchShared is watch with polls that many waits share.
func watchShared[K comparable, T any](ctx context.Context, c *Client, what string, polls *poll.Shared[K, T], id K, same func(old, new *T) bool) iter.Seq2[*T, error] {
	get := func(ctx context.Context) (*T, error) { return polls.Poll(ctx, id) }
	return func(yield func(*T, error) bool) {
		defer polls.Join(id)()
		watchPaced(ctx, c, what, get, same, polls.Pause)(yield)
	}
}

func watchPaced[T any](ctx context.Context, c *Client, what string, get func(context.Context) (*T, error), same func(old, new *T) bool, pause func(context.Context, *poll.Pacer) error) iter.Seq2[*T, error] {
	failed := func(err error) error {
		switch {
		case err == nil:
			err = ended(ctx, ctx.Err(), nil)
		case badArgument(err):
			return err
		}
		return &watchError{what, err}
	}
	return poll.Watch[T]{Get: get, Same: same, Judge: judgePoll, Failed: failed, Once: c.Planning(), Pause: pause}.All(ctx)
}

// A watchError is why a watch ended, and of what.
type watchError struct {
	what string
	err  error
}

func (e *watchError) Error() string {
	operation := "watching " + e.what
	if e.what == "" {
		operation = "waiting"
	}
	return "databricks: " + operation + ": " + strings.ReplaceAll(e.err.Error(), "databricks: ", "")
}

func (e *watchError) Unwrap() error { return e.err }

func badArgument(err error) bool {
	_, ok := errors.AsType[*ArgumentError](err)
	return ok
}

// noList reports whether a list can never take the place of single polls.
func noList(err error) bool { return judgePoll(err, false) == poll.Final }

// judgePoll says what a failed poll means for the wait. If an earlier poll
// succeeded, then the host and the credential were right, so that what speaks
// against them may pass as well.
func judgePoll(err error, before bool) poll.Verdict {
	e, rejected := errors.AsType[*APIError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case badArgument(err), !before && (certificate || errors.Is(err, errPage)):
		return poll.Final
	case !rejected, e.StatusCode >= 500 && !e.legacy, e.StatusCode == http.StatusTooManyRequests:
		return poll.Transient
	case before && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden):
		return poll.OnceMore // the next poll gets a token once more
	}
	return poll.Final
}
