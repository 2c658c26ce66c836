package poll

import (
	"context"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

const (
	// Few is the number of waits from which on they share polls.
	Few = 10

	perRequest = 100 * time.Millisecond // time between two rounds, for each request of the first round
)

// A Shared lets many waits share their polls. A list shows which of their objects
// are still pending. Only the other objects are polled one by one.
type Shared[K comparable, T any] struct {
	// Get polls one object.
	Get func(ctx context.Context, id K) (*T, error)

	// List returns those of the wanted objects that are certainly still pending,
	// and the number of requests that it sent.
	List func(ctx context.Context, wanted func(id K) bool) (pending map[K]*T, requests int, err error)

	// Final reports whether an error of List means that List can never succeed.
	// Each wait then polls for itself.
	Final func(err error) bool

	mu     sync.Mutex
	waits  map[K]int
	round  *round[K, T] // the round that has not started; nil if there is none
	last   *round[K, T] // the latest round
	joined time.Time    // when the latest wait started
	next   time.Time    // when the next round may start
}

// A round is one list, for all waits that requested it before it started.
type round[K comparable, T any] struct {
	before  *round[K, T] // the previous round; nil once it has ended
	done    chan struct{}
	pending map[K]*T
	err     error

	waits  int // number of waits that need the result
	cancel context.CancelFunc
}

// Join registers a wait, and returns the function that ends it.
func (s *Shared[K, T]) Join(id K) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits == nil {
		s.waits = map[K]int{}
	}
	s.waits[id]++
	s.joined = time.Now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.waits[id]--; s.waits[id] == 0 {
			delete(s.waits, id)
		}
	}
}

// many reports whether there are enough waits to share a list.
func (s *Shared[K, T]) many() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waits) >= Few
}

// Poll returns the status of one object.
func (s *Shared[K, T]) Poll(ctx context.Context, id K) (*T, error) {
	if !s.many() {
		return s.Get(ctx, id)
	}
	r, err := s.wait(ctx)
	switch {
	case err != nil:
		return nil, err
	case r.err != nil && !s.Final(r.err):
		return nil, r.err
	case r.pending[id] != nil:
		return r.pending[id], nil
	}
	return s.Get(ctx, id)
}

// Pause pauses before the next poll of a wait. Rounds have their own pace.
func (s *Shared[K, T]) Pause(ctx context.Context, pacer *Pacer) error {
	if s.many() {
		return errs.Over(ctx)
	}
	return pacer.Wait(ctx)
}

// wait returns the next round when it has ended.
func (s *Shared[K, T]) wait(ctx context.Context) (*round[K, T], error) {
	s.mu.Lock()
	r := s.round
	if r == nil {
		// The round continues after the wait that started it, as long as other
		// waits need it.
		roundCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r = &round[K, T]{before: s.last, done: make(chan struct{}), cancel: cancel}
		s.round, s.last = r, r
		go s.run(roundCtx, r)
	}
	r.waits++
	s.mu.Unlock()

	select {
	case <-r.done:
		return r, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.waits--; r.waits == 0 {
		r.cancel()
		if s.round == r {
			s.round = nil
		}
	}
	return nil, errs.Over(ctx)
}

// run waits for the round's turn and requests the list.
func (s *Shared[K, T]) run(ctx context.Context, r *round[K, T]) {
	defer r.cancel()
	defer close(r.done)
	if r.before != nil {
		<-r.before.done
		r.before = nil
	}
	s.mu.Lock()
	pause := time.Until(s.next)
	s.mu.Unlock()
	if r.err = Sleep(ctx, pause); r.err != nil {
		return
	}
	s.mu.Lock()
	s.round = nil // later waits need a newer status
	s.mu.Unlock()

	started := time.Now()
	var requests int
	r.pending, requests, r.err = s.List(ctx, func(id K) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waits[id] > 0
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	pause = min(time.Since(s.joined)/part, Most) // the same pause as for a single wait
	pause = max(pause, time.Duration(requests)*perRequest, part*time.Since(started))
	s.next = time.Now().Add(pause)
}
