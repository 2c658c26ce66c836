package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

// Times for tokens.
const (
	margin       = 40 * time.Second // Databricks rejects Entra tokens that expire within 30 seconds
	renewBefore  = 20 * time.Minute // time between the start of a renewal and the expiry; half of the lifetime if that is shorter
	renewPause   = time.Minute      // after a failed renewal
	flightBound  = 2 * time.Minute  // limit for a token request including its retries
	unknownLife  = 10 * time.Minute // lifetime of a token whose issuer does not report one
	shortLifeCut = 5                // a margin is at most this fraction of the lifetime of a token
)

// A Token has the headers of a credential and the time when they expire.
type Token struct {
	set     func(http.Header)
	fetched time.Time
	expires time.Time // zero if it never expires

	replacement bool // it replaced a token that the service rejected
}

// bearer returns a Token with a bearer token that has a known lifetime.
func bearer(value string, life time.Duration) *Token {
	now := time.Now()
	return &Token{set: authorization("Bearer " + value), fetched: now, expires: now.Add(life)}
}

// bearerUntil returns a Token with a bearer token that expires at a time. The zero
// time is unknown.
func bearerUntil(value string, expires time.Time) *Token {
	if expires.IsZero() || expires.Unix() == 0 {
		return bearer(value, unknownLife)
	}
	return bearer(value, max(time.Until(expires), 0))
}

// and returns t with additional headers, which may expire earlier.
func (t *Token) and(expires time.Time, set func(http.Header)) *Token {
	sum := *t
	if !expires.IsZero() && expires.Before(sum.expires) {
		sum.expires = expires
	}
	sum.set = func(h http.Header) {
		t.set(h)
		set(h)
	}
	return &sum
}

// value returns the bearer token.
func (t *Token) value() string {
	h := http.Header{}
	t.set(h)
	return h.Get("Authorization")[len("Bearer "):]
}

func (t *Token) usable(now time.Time) bool {
	return t.expires.IsZero() || now.Before(t.expires.Add(-min(margin, t.life()/shortLifeCut)))
}

func (t *Token) due(now time.Time) bool {
	return !t.expires.IsZero() && !now.Before(t.expires.Add(-min(renewBefore, t.life()/2)))
}

func (t *Token) life() time.Duration { return t.expires.Sub(t.fetched) }

// A cache caches the token of a credential. When a request needs a token, the cache
// gets one for all waiting requests. It renews the token before it expires, while
// requests still use the old one. It does not cache failures.
type cache struct {
	fetch fetcher

	current atomic.Pointer[Token]
	pause   atomic.Int64 // Unix nanoseconds; no renewal before this time

	mu       sync.Mutex
	flight   *flight // the token request in progress; nil if there is none
	rejected bool    // the service rejected the last token before it expired
}

// A flight is a token request. All its waiters share the result.
type flight struct {
	done       chan struct{}
	token      *Token
	err        error
	cancel     context.CancelFunc
	background bool // it continues without waiters and makes only one attempt
	waiters    int  // number of calls that wait
}

// credential returns a credential that uses the cached tokens.
func (c *cache) credential(description string) *Credential {
	return &Credential{description: description, sign: c.sign, refresh: c.invalidate}
}

func (c *cache) sign(r *http.Request) error {
	t, err := c.get(r.Context())
	if err == nil {
		t.set(r.Header)
	}
	return err
}

func (c *cache) get(ctx context.Context) (*Token, error) {
	now := time.Now()
	if t := c.current.Load(); t != nil && t.usable(now) {
		if t.due(now) && now.UnixNano() >= c.pause.Load() {
			c.renew(ctx)
		}
		return t, nil
	}
	for {
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		c.mu.Lock()
		if t := c.current.Load(); t != nil && t.usable(now) {
			c.mu.Unlock()
			return t, nil
		}
		f := c.join(ctx, false)
		f.waiters++
		c.mu.Unlock()
		select {
		case <-f.done:
			if f.err == nil || !f.background {
				return f.token, f.err
			}
		case <-ctx.Done():
			c.leave(f)
		}
	}
}

// ended returns the error of a call whose context ended before it had a token.
func ended(ctx context.Context) error {
	return fmt.Errorf("waiting for a token: %w", errs.Over(ctx))
}

// renew starts a renewal that no call waits for.
func (c *cache) renew(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.current.Load(); t != nil && t.due(time.Now()) && time.Now().UnixNano() >= c.pause.Load() {
		c.join(ctx, true)
	}
}

// join returns the flight in progress, or starts one. A flight does not end with
// the context of the call that started it.
func (c *cache) join(ctx context.Context, background bool) *flight {
	if c.flight != nil {
		return c.flight
	}
	ctx, cancel := context.WithTimeout(detached{context.WithoutCancel(ctx), background}, flightBound)
	f := &flight{done: make(chan struct{}), cancel: cancel, background: background}
	c.flight = f
	force := c.rejected
	go func() {
		defer cancel()
		f.token, f.err = c.fetch(ctx, force)
		c.land(f)
	}()
	return f
}

// land caches the token of a completed flight, unless the flight was abandoned.
func (c *cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight == f {
		c.flight = nil
		if f.err == nil {
			f.token.replacement = c.rejected
			c.rejected = false
			c.current.Store(f.token)
		} else {
			c.pause.Store(time.Now().Add(renewPause).UnixNano())
		}
	}
	close(f.done)
}

// leave is called when a waiter stops waiting. It ends a flight without waiters.
func (c *cache) leave(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiters--; f.waiters == 0 && !f.background && c.flight == f {
		f.cancel()
		c.flight = nil
	}
}

// invalidate drops the token of a rejected request, unless it was replaced already.
// It keeps a token that has just replaced a rejected one, because a third token
// would not help.
func (c *cache) invalidate(r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current.Load()
	if t == nil {
		return true // already dropped
	}
	h := http.Header{}
	t.set(h)
	if h.Get("Authorization") != r.Header.Get("Authorization") {
		return true // already replaced
	}
	if t.replacement && time.Since(t.fetched) < renewPause {
		return false
	}
	c.current.Store(nil)
	c.rejected = true
	return true
}

// detached is the context of a flight. It does not have the hooks of the original
// request, because they do not apply to the token request.
type detached struct {
	context.Context
	once bool // do not retry
}

// onceKey is the context key that reports whether retries are disabled.
type onceKey struct{}

func (c detached) Value(key any) any {
	if key == (onceKey{}) {
		return c.once
	}
	value := c.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		return nil
	}
	return value
}
