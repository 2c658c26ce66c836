package databricks

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/response"
)

// WaitUntil polls get until done returns true, and returns the last value. It
// is for areas of the API that have no methods in this package. get usually
// calls [Client.Do].
//
//	warehouse, err := databricks.WaitUntil(ctx, client, func(ctx context.Context) (*Warehouse, error) {
//		out := new(Warehouse)
//		return out, client.Do(ctx, databricks.Request{Method: "GET", Path: "/api/2.0/sql/warehouses/" + id}, out)
//	}, func(w *Warehouse) (bool, error) { return w.State == "RUNNING", nil })
//
// WaitUntil works like the other waits of this package. It polls often at first
// and later every five seconds. It tolerates failed polls for a time that grows
// with the wait. It stops if done returns an error. It has no limit other than
// the context. In a dry run it polls once.
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
	return nil, errs.Ended(ctx, ctx.Err(), nil)
}

// watch polls get until its consumer stops. It yields the first status and then
// each status that differs, as same decides. It tolerates failed polls for a
// time that grows with the wait, as judgePoll decides. When the context ends,
// the error matches the context's cause. In a dry run it polls once.
func watch[T any](ctx context.Context, c *Client, what string, get func(context.Context) (*T, error), same func(old, new *T) bool) iter.Seq2[*T, error] {
	return watchPaced(ctx, c, what, get, same, nil)
}

// watchShared is watch with polls that several waits share.
func watchShared[K comparable, T any](ctx context.Context, c *Client, what string, polls *poll.Shared[K, T], id K, same func(old, new *T) bool) iter.Seq2[*T, error] {
	get := func(ctx context.Context) (*T, error) { return polls.Poll(ctx, id) }
	return func(yield func(*T, error) bool) {
		defer polls.Join(id)()
		watchPaced(ctx, c, what, get, same, polls.Pause)(yield)
	}
}

func watchPaced[T any](ctx context.Context, c *Client, what string, get func(context.Context) (*T, error), same func(old, new *T) bool, pause func(context.Context, *poll.Pacer) error) iter.Seq2[*T, error] {
	operation := "waiting"
	if what != "" {
		operation = "watching " + what
	}
	failed := func(err error) error {
		switch {
		case err == nil:
			err = errs.Ended(ctx, ctx.Err(), nil)
		case badArgument(err):
			return err
		}
		return errs.About(operation, err)
	}
	return poll.Watch[T]{Get: get, Same: same, Judge: judgePoll, Failed: failed, Once: c.Planning(), Pause: pause}.All(ctx)
}

func badArgument(err error) bool {
	_, ok := errors.AsType[*ArgumentError](err)
	return ok
}

// noList reports whether an error means that a list cannot replace single
// polls.
func noList(err error) bool { return judgePoll(err, false) == poll.Final }

// judgePoll decides what a failed poll means for the wait. before reports
// whether an earlier poll succeeded. That proves that the host is right, so a
// wrong certificate or an HTML page may be temporary.
func judgePoll(err error, before bool) poll.Verdict {
	e, rejected := errors.AsType[*APIError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case badArgument(err), rejected && e.report.Legacy && e.StatusCode >= 500, !before && (certificate || errors.Is(err, response.ErrPage)):
		return poll.Final
	case rejected:
		return poll.JudgeStatus(e.StatusCode, before)
	}
	return poll.Transient
}
