package poll

import (
	"context"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

const (
	// Few is the number of waits below which each polls for itself.
	Few = 10

	perRequest = 100 * time.Millisecond // between two rounds, for each request of the first
)

// A Shared lets many waits share their polls: a list tells which of the things
// that they wait for are not done yet, and only the others are polled one by one.
type Shared[K comparable, T any] struct {
	// Get polls one thing.
	Get func(ctx context.Context, id K) (*T, error)

	// List returns those of the wanted things that are certainly not done, and
	// the number of requests that it took.
	List func(ctx context.Context, wanted func(id K) bool) (pending map[K]*T, requests int, err error)

	// Final reports whether an error of List says that it can never succeed, in
	// which case each wait polls for itself.
	Final func(err error) bool

	mu     sync.Mutex
	waits  map[K]int
	round  *round[K, T] // the one that waits for its turn; nil if there is none
	last   *round[K, T] // the one that was made last
	joined time.Time    // when the last wait began
	next   time.Time    // when the next round may begin
}

// A round is one list, for all waits that asked before it began.
type round[K comparable, T any] struct {
	before  *round[K, T] // goes first; nil if that is over
	done    chan struct{}
	pending map[K]*T
	err     error

	waits  int // that want its result
	cancel context.CancelFunc
}

// Join begins a wait, and returns the function that ends it.
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

// many reports whether there are so many waits that they share a list.
func (s *Shared[K, T]) many() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waits) >= Few
}

// Poll returns the status of one thing.
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

// Pause pauses before the next poll of a wait. Rounds pace themselves.
func (s *Shared[K, T]) Pause(ctx context.Context, pacer *Pacer) error {
	if s.many() {
		return errs.Over(ctx)
	}
	return pacer.Wait(ctx)
}

// wait returns the next round when it is done.
func (s *Shared[K, T]) wait(ctx context.Context) (*round[K, T], error) {
	s.mu.Lock()
	r := s.round
	if r == nil {
		// The round outlives the wait that began it, as long as others want it.
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

// run waits for the round's turn and makes the list.
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
	s.round = nil // who asks from now on wants a later status
	s.mu.Unlock()

	begun := time.Now()
	var requests int
	r.pending, requests, r.err = s.List(ctx, func(id K) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waits[id] > 0
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	pause = min(time.Since(s.joined)/part, Most) // as a wait alone would
	pause = max(pause, time.Duration(requests)*perRequest, part*time.Since(begun))
	s.next = time.Now().Add(pause)
}
