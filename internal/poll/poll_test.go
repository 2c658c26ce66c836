package poll

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// The end of an operation must be noticed within a tenth of its duration or within
// five seconds, with few polls.
func TestPacer(t *testing.T) {
	for _, row := range []struct {
		takes, late time.Duration
		polls       int
	}{
		{50 * time.Millisecond, 10 * time.Millisecond, 4},
		{300 * time.Millisecond, 30 * time.Millisecond, 18},
		{10 * time.Second, time.Second, 60},
		{time.Hour, 5 * time.Second, 800},
	} {
		synctest.Test(t, func(t *testing.T) {
			var (
				p     Pacer
				polls int
				start = time.Now()
			)
			for ; time.Since(start) < row.takes; polls++ {
				assert.NoError(t, p.Wait(t.Context()))
			}
			assert.LessOrEqual(t, time.Since(start), row.takes+row.late)
			assert.LessOrEqual(t, polls, row.polls)
		})
	}
}

func TestSleep_endsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		start := time.Now()
		assert.ErrorIs(t, Sleep(ctx, time.Hour), cause)
		assert.Equal(t, time.Second, time.Since(start))
	})
}
