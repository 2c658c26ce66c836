package databricks

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/go-databricks/databricks/internal/poll"
)

// watch looks at something until its caller has seen enough: it yields what it
// sees first and then each change, as told by same. Looks that fail in a
// passing manner are made again. When the context ends, the error matches its
// cause. A client that only plans looks once.
func watch[T any](ctx context.Context, c *Client, what string, look func(context.Context) (*T, error), same func(old, new *T) bool) iter.Seq2[*T, error] {
	failed := func(err error) error {
		switch {
		case err == nil:
			err = ended(ctx, ctx.Err(), nil)
		case badArgument(err):
			return err
		}
		return &watchError{what, err}
	}
	return poll.Watch[T]{Look: look, Same: same, Passes: passes, Failed: failed, Once: c.Planning()}.All(ctx)
}

// A watchError is why a watch ended, and of what.
type watchError struct {
	what string
	err  error
}

func (e *watchError) Error() string {
	return "databricks: watching " + e.what + ": " + strings.TrimPrefix(e.err.Error(), "databricks: ")
}

func (e *watchError) Unwrap() error { return e.err }

func badArgument(err error) bool {
	_, ok := errors.AsType[*ArgumentError](err)
	return ok
}

// passes reports whether a look that failed may succeed the next time.
func passes(err error) bool {
	if badArgument(err) {
		return false
	}
	e, ok := errors.AsType[*APIError](err)
	return !ok || e.StatusCode >= 500 && !e.legacy || e.StatusCode == 429
}
