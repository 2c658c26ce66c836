package poll

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// A Verdict is the meaning of a failed poll for the wait.
type Verdict int

const (
	// Final means that the next poll would fail, too.
	Final Verdict = iota
	// Transient means that the next poll may succeed. A wait tolerates such
	// failures for some time.
	Transient
	// OnceMore means that the next poll may succeed, and that the wait ends if it
	// fails.
	OnceMore
)

// JudgeStatus returns the verdict for the HTTP status of a failed poll. The status
// is 0 without a response. before reports whether an earlier poll succeeded. In
// that case, a rejected credential may have expired, and the next poll gets a new
// token.
func JudgeStatus(status int, before bool) Verdict {
	switch {
	case status == 0, status >= 500, status == http.StatusTooManyRequests:
		return Transient
	case before && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return OnceMore
	}
	return Final
}

// A Watch polls until its consumer stops.
type Watch[T any] struct {
	Get          func(context.Context) (*T, error)
	Same         func(old, new *T) bool               // reports whether no reportable change happened
	Judge        func(err error, before bool) Verdict // before reports whether an earlier poll succeeded
	Failed       func(error) error                    // returns the error that ends the watch; its argument is nil if the context ended
	Once         bool                                 // poll only once
	ResetBackoff bool                                 // start with short pauses again after a change
	Pause        func(context.Context, *Pacer) error  // pauses before the next poll; nil for the pause of the Pacer
}

// All yields the first status and then each change. After a failed poll it
// continues as Judge decides, for as long as a [Tolerance] allows.
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
