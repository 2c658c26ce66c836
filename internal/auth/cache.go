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

// Times of tokens.
const (
	margin       = 40 * time.Second // Databricks rejects Entra tokens with 30 s left
	renewBefore  = 20 * time.Minute // a renewal begins this long before the expiry, or in the middle of a shorter life
	renewPause   = time.Minute      // after a renewal that failed
	flightBound  = 2 * time.Minute  // of one token request with its retries
	unknownLife  = 10 * time.Minute // of a token whose issuer does not say
	shortLifeCut = 5                // a margin is at most this part of a token's life
)

// A Token is the headers of a credential, for as long as they are valid.
type Token struct {
	set     func(http.Header)
	fetched time.Time
	expires time.Time // zero: never

	replacement bool // it replaced one that the service rejected
}

// bearer makes a token of its value.
func bearer(value string, life time.Duration) *Token {
	now := time.Now()
	return &Token{set: authorization("Bearer " + value), fetched: now, expires: now.Add(life)}
}

// bearerUntil makes a token of its value and of the time when it expires, which
// may be unknown.
func bearerUntil(value string, expires time.Time) *Token {
	if expires.IsZero() || expires.Unix() == 0 {
		return bearer(value, unknownLife)
	}
	return bearer(value, max(time.Until(expires), 0))
}

// and adds headers of another token, which may expire earlier.
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

// value returns the token itself.
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

// A cache keeps the token of a credential. It gets one when a request needs it,
// one for all requests that wait, and renews it before it expires while
// requests go on with the old one. It does not keep failures.
type cache struct {
	fetch fetcher

	current atomic.Pointer[Token]
	pause   atomic.Int64 // no renewal before this time, in Unix nanoseconds

	mu       sync.Mutex
	flight   *flight // the token request that is under way, or nil
	rejected bool    // the service rejected the last token before it expired
}

// A flight is one token request. Its waiters share what comes of it.
type flight struct {
	done       chan struct{}
	token      *Token
	err        error
	cancel     context.CancelFunc
	background bool // it goes on without waiters, and tries once
	waiters    int  // calls that wait
}

// credential makes a credential of the tokens that a cache keeps.
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

// ended is the error of a call whose context ends before there is a token.
func ended(ctx context.Context) error {
	return fmt.Errorf("waiting for a token: %w", errs.Over(ctx))
}

// renew begins a renewal that no call waits for.
func (c *cache) renew(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.current.Load(); t != nil && t.due(time.Now()) && time.Now().UnixNano() >= c.pause.Load() {
		c.join(ctx, true)
	}
}

// join returns the flight that is under way, or begins one. A flight does not
// end with the context of the call that began it.
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

// land keeps the token of a flight that has ended, unless the flight was given
// up.
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

// leave ends a flight that nobody waits for any more.
func (c *cache) leave(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiters--; f.waiters == 0 && !f.background && c.flight == f {
		f.cancel()
		c.flight = nil
	}
}

// invalidate drops the token of a request that the service rejected, unless
// another has taken its place. A token that itself replaced a rejected one a
// moment ago stays: another would not help.
func (c *cache) invalidate(r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current.Load()
	if t == nil {
		return true // dropped already
	}
	h := http.Header{}
	t.set(h)
	if h.Get("Authorization") != r.Header.Get("Authorization") {
		return true // replaced already
	}
	if t.replacement && time.Since(t.fetched) < renewPause {
		return false
	}
	c.current.Store(nil)
	c.rejected = true
	return true
}

// detached is the context of a flight. It does not have the hooks of the request
// that it came with, because a token request is not that request.
type detached struct {
	context.Context
	once bool // no retries
}

// onceKey asks a context whether there are to be no retries.
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
