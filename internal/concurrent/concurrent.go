// Package concurrent does several things at once, but not too many.
package concurrent

import (
	"context"
	"iter"
	"sync"

	"github.com/go-databricks/databricks/internal/errs"
)

// All calls do for every element of the sequence, for up to n of them at a
// time, and returns when all calls have.
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

// Each is All for calls of one piece of work, which fails with any of them. The
// first that fails ends the context of the others and the sequence, and its
// error is returned. If the context ends, that is why, at the latest.
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
