package databricks

import (
	"context"
	"errors"
	"iter"
	"strings"

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
			case badArgument(err):
				yield(nil, err)
				return
			case ctx.Err() != nil, failures == tolerated, !passes(err):
				yield(nil, &watchError{what, err})
				return
			default:
				failures++
			}
			if c.Planning() {
				return
			}
			if err := pacer.Wait(ctx); err != nil {
				yield(nil, &watchError{what, ended(ctx, ctx.Err(), nil)})
				return
			}
		}
	}
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
	e, ok := errors.AsType[*APIError](err)
	return !ok || e.StatusCode >= 500 && !e.legacy || e.StatusCode == 429
}
