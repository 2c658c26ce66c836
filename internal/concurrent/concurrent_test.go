package concurrent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEach_doesAllWithinTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		var mu sync.Mutex
		var seen []int
		start := time.Now()
		err := Each(t.Context(), 3, slices.Values([]int{1, 2, 3, 4, 5, 6, 7}), func(ctx context.Context, n int) error {
			if at := now.Add(1); at > most.Load() {
				most.Store(at)
			}
			defer now.Add(-1)
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, n)
			return nil
		})
		require.NoError(t, err)
		assert.ElementsMatch(t, []int{1, 2, 3, 4, 5, 6, 7}, seen)
		assert.EqualValues(t, 3, most.Load())
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestEach_endsWithTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var ended atomic.Int32
		count := 0
		err := Each(t.Context(), 3, func(yield func(int) bool) {
			for yield(count) {
				count++
			}
		}, func(ctx context.Context, n int) error {
			if n == 1 {
				time.Sleep(time.Second)
				return broken
			}
			<-ctx.Done()
			ended.Add(1)
			return ctx.Err()
		})
		assert.Equal(t, broken, err)
		assert.EqualValues(t, 2, ended.Load(), "Each returned before its calls did")
		assert.Equal(t, 4, count, "the one that waited was taken, and not started")
	})
}

func TestEach_endsWithItsContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	err := Each(ctx, 1, slices.Values([]int{1}), func(context.Context, int) error {
		t.Error("called all the same")
		return nil
	})
	assert.ErrorIs(t, err, why)
	assert.ErrorIs(t, err, context.Canceled)
	assert.NoError(t, Each(t.Context(), 0, slices.Values([]int{1}), func(context.Context, int) error { return nil }))
}
