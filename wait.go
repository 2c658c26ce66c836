package databricks

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-databricks/databricks/internal/poll"
)

// tolerated is how many looks in a row may fail before a wait gives up. Each of
// them is a call with repeats of its own.
const tolerated = 5

// watch looks at something until its caller has seen enough: it yields what it
// sees first and then each change, as told by same. Looks that fail in a
// passing manner are made again. When the context ends, the error matches its
// cause. A client that only plans looks once.
func watch[T any](ctx context.Context, c *Client, what string, look func(context.Context) (*T, error), same func(old, new *T) bool) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var (
			pacer    poll.Pacer
			last     *T
			failures int
		)
		for {
			seen, err := look(ctx)
			switch {
			case err == nil:
				failures = 0
				if last == nil || !same(last, seen) {
					last = seen
					if !yield(seen, nil) {
						return
					}
				}
			case ctx.Err() != nil, failures == tolerated, !passes(err):
				yield(nil, fmt.Errorf("databricks: watching %s: %w", what, err))
				return
			default:
				failures++
			}
			if c.planning() {
				return
			}
			if err := pacer.Wait(ctx); err != nil {
				yield(nil, fmt.Errorf("databricks: watching %s: %w", what, ended(ctx, ctx.Err(), nil)))
				return
			}
		}
	}
}

// passes reports whether a look that failed may succeed the next time.
func passes(err error) bool {
	if _, ok := errors.AsType[*ArgumentError](err); ok {
		return false
	}
	e, ok := errors.AsType[*APIError](err)
	return !ok || e.StatusCode >= 500 && !e.legacy || e.StatusCode == 429
}
