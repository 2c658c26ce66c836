package poll

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// A Verdict says what a failed poll means for the wait.
type Verdict int

const (
	// Final means that the next poll would fail as well.
	Final Verdict = iota
	// Transient means that the next poll may succeed. A wait tolerates such
	// failures for some time.
	Transient
	// OnceMore means that the next poll may succeed, and that it decides.
	OnceMore
)

// JudgeStatus says what a failed poll means by its HTTP status, which is 0 if there
// was no response. A rejected credential may have expired if an earlier poll
// succeeded. The next poll gets a new token then.
func JudgeStatus(status int, before bool) Verdict {
	switch {
	case status == 0, status >= 500, status == http.StatusTooManyRequests:
		return Transient
	case before && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return OnceMore
	}
	return Final
}

// A Watch is something to poll until its caller has seen enough.
type Watch[T any] struct {
	Get          func(context.Context) (*T, error)
	Same         func(old, new *T) bool               // nothing changed that is worth reporting
	Judge        func(err error, before bool) Verdict // before: an earlier poll succeeded
	Failed       func(error) error                    // makes the error that ends the watch; of nil if the context ended it
	Once         bool                                 // one poll is enough
	ResetBackoff bool                                 // poll often again after a change
	Pause        func(context.Context, *Pacer) error  // pauses before the next poll; nil for the Pacer's own pause
}

// All yields what is seen first and then each change. It goes on after failed
// polls as Judge says, for as long as a [Tolerance] allows.
func (w Watch[T]) All(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var (
			pacer     Pacer
			tolerance Tolerance
			last      *T
			onceMore  bool // the next poll decides
		)
		for {
			seen, err := w.Get(ctx)
			if err != nil {
				verdict := w.Judge(err, last != nil)
				if ctx.Err() != nil || verdict == Final || onceMore && verdict == OnceMore {
					yield(nil, w.Failed(err))
					return
				}
				if tolerance.Exceeded() {
					yield(nil, w.Failed(fmt.Errorf("polls have failed for %v: %w", tolerance.Lasts().Round(time.Second), err)))
					return
				}
				onceMore = onceMore || verdict == OnceMore
			} else {
				tolerance.Reset()
				onceMore = false
				if last == nil || !w.Same(last, seen) {
					last = seen
					if w.ResetBackoff {
						pacer = Pacer{}
					}
					if !yield(seen, nil) {
						return
					}
				}
			}
			if w.Once && err == nil {
				return
			}
			if w.pause(ctx, &pacer) != nil {
				yield(nil, w.Failed(nil))
				return
			}
		}
	}
}

func (w Watch[T]) pause(ctx context.Context, pacer *Pacer) error {
	if w.Pause != nil {
		return w.Pause(ctx, pacer)
	}
	return pacer.Wait(ctx)
}
