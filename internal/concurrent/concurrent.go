// Package concurrent calls functions concurrently, with a limit.
package concurrent

import (
	"context"
	"iter"
	"sync"

	"github.com/go-databricks/databricks/internal/errs"
)

// All calls do for each element of the sequence, with at most n calls at a time. It
// returns when all calls have returned.
func All[T any](n int, elements iter.Seq[T], do func(T)) {
	slots := make(chan struct{}, max(n, 1))
	var running sync.WaitGroup
	defer running.Wait()
	for element := range elements {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			do(element)
		})
	}
}

// Each is All for calls that can fail. The first error ends the context of the
// other calls and stops the sequence, and Each returns it. If the context of the
// caller ends, Each returns the reason unless a call failed before.
func Each[T any](parent context.Context, n int, elements iter.Seq[T], do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	var once sync.Once
	var first error
	All(n, func(yield func(T) bool) {
		for element := range elements {
			if ctx.Err() != nil || !yield(element) {
				return
			}
		}
	}, func(element T) {
		if ctx.Err() == nil {
			if err := do(ctx, element); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		}
	})
	if first != nil {
		return first
	}
	return errs.Over(parent)
}
