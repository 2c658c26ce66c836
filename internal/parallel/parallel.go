// Package parallel does several things at once, but not too many.
package parallel

import (
	"context"
	"iter"
	"sync"
)

// Each calls do for every element of the sequence, for up to n of them at a
// time, and returns when all calls have. The first that fails ends the context
// of the others and the sequence, and its error is returned. If ctx ends,
// that is ctx's cause, at the latest.
func Each[T any](ctx context.Context, n int, elements iter.Seq[T], do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, max(n, 1))
	var running sync.WaitGroup
	for element := range elements {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			if err := do(ctx, element); err != nil {
				cancel(err) // the first one counts
			}
			<-slots
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
