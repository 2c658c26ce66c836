package poll

import (
	"context"
	"iter"
)

// Tolerated is how many looks in a row may fail before a watch gives up. Each of
// them is a call with repeats of its own.
const Tolerated = 5

// A Watch is something to look at again and again.
type Watch[T any] struct {
	Look   func(context.Context) (*T, error)
	Same   func(old, new *T) bool // nothing changed that is worth telling
	Passes func(error) bool       // the next look may succeed where this one failed
	Failed func(error) error      // what to say of the look that ends the watch; of nil, that the context ended it
	Once   bool                   // one look is enough
	Afresh bool                   // after a change, look often again
}

// All yields what is seen first and then each change, until its caller has seen
// enough. Looks that fail in a passing manner are made again.
func (w Watch[T]) All(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var (
			pacer    Pacer
			last     *T
			failures int
		)
		for {
			seen, err := w.Look(ctx)
			switch {
			case err != nil && (ctx.Err() != nil || failures == Tolerated || !w.Passes(err)):
				yield(nil, w.Failed(err))
				return
			case err != nil:
				failures++
			case last == nil || !w.Same(last, seen):
				last, failures = seen, 0
				if w.Afresh {
					pacer = Pacer{}
				}
				if !yield(seen, nil) {
					return
				}
			default:
				failures = 0
			}
			if w.Once {
				return
			}
			if pacer.Wait(ctx) != nil {
				yield(nil, w.Failed(nil))
				return
			}
		}
	}
}
