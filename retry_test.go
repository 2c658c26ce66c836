package databricks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A rude is a TCP server with a function for each request, so that it can violate
// every rule of HTTP. It counts the complete requests.
type rude struct {
	net.Listener
	received atomic.Int64
}

func newRude(t *testing.T, respond func(n int64, conn net.Conn)) *rude {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	s := &rude{Listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					respond(s.received.Add(1), conn)
				}
			}()
		}
	}()
	return s
}

// rawResponse returns a function that writes one response.
func rawResponse(status int, header, body string) func(net.Conn) {
	return func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), header, body)
	}
}

var fast = RetryPolicy{MaxAttempts: 5, MinDelay: 1, MaxDelay: 1, MaxRetryAfter: 1}

func newTestClient(t *testing.T, host string, opts ...Option) *Client {
	c, err := NewClient(append([]Option{WithHost(host), WithToken("dapi-test-token"), WithRetryPolicy(fast)}, opts...)...)
	require.NoError(t, err)
	return c
}

// The three kinds of calls that the table of failures distinguishes.
var (
	aRead       = get("/api/2.0/things/get")
	aRepeatable = post("/api/2.0/things/delete").required("id", "1").idempotent()
	aWrite      = post("/api/2.0/things/make").required("id", "1")
)

// Each failure affects two attempts, and the third succeeds. The test checks the
// number of requests that the server received.
func TestRetry_failuresByKindOfCall(t *testing.T) {
	reset := func(c net.Conn) {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	for _, row := range []struct {
		failure         string
		respond         func(net.Conn)
		reads, writes   int64 // number of requests received
		unknown         bool  // the outcome of the write is unknown
		repeatableFails bool
	}{
		{"429 with Retry-After", rawResponse(429, "Retry-After: 1\r\n", `{"error_code":"REQUEST_LIMIT_EXCEEDED"}`), 3, 3, false, false},
		{"429 with a date", rawResponse(429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ``), 3, 3, false, false},
		{"429 without Retry-After", rawResponse(429, "", ``), 3, 3, false, false},
		{"503 with Retry-After", rawResponse(503, "Retry-After: 1\r\n", `{"error_code":"TEMPORARILY_UNAVAILABLE"}`), 3, 3, false, false},
		{"503 without", rawResponse(503, "", `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"m"}`), 3, 1, true, false},
		{"502 page", rawResponse(502, "Content-Type: text/html\r\n", `<html><pre>bad gateway</pre></html>`), 3, 1, true, false},
		{"502 with a JSON body", rawResponse(502, "", `{"error_code":"X","message":"m"}`), 3, 1, true, false},
		{"504", rawResponse(504, "", ``), 3, 1, true, false},
		{"reset after the request", reset, 3, 1, true, false},
		{"close after the request", func(c net.Conn) { c.Close() }, 3, 1, true, false},
		{"response is interrupted in its head", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 O"); c.Close() }, 3, 1, true, false},
		{"response is interrupted in its body", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\":")
			c.Close()
		}, 3, 1, true, false},
		{"response is truncated unnoticed by HTTP", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":")
			c.Close()
		}, 3, 1, true, false},
		{"known transient message", rawResponse(400, "", `{"error_code":"BAD_REQUEST","message":"Current organization 1 does not have any associated worker environments"}`), 3, 3, false, false},
		{"limit reported in a 500", rawResponse(500, "", `{"error_code":"INTERNAL_ERROR","message":"REQUEST_LIMIT_EXCEEDED: slow down"}`), 3, 3, false, false},
		{"500", rawResponse(500, "", `{"error_code":"INTERNAL_ERROR","message":"oops"}`), 3, 1, true, false},
		{"500 of a gateway", rawResponse(500, "", `{"timestamp":"t","status":500,"error":"Internal Server Error","path":"/x"}`), 3, 1, true, false},
		{"500 in the form of 1.2", rawResponse(500, "", `{"error":"RuntimeException: no"}`), 3, 1, true, false},
		{"500 that names a job like an exception", rawResponse(500, "", `{"error_code":"INTERNAL_ERROR","message":"Job 'ClusterNotReadyException: x' failed: does not have any associated worker environments"}`), 3, 1, true, false},
		{"501", rawResponse(501, "", ``), 1, 1, false, true},
		{"101", rawResponse(101, "Connection: Upgrade\r\nUpgrade: x\r\n", ``), 1, 1, true, true},
		{"200 with an error code", rawResponse(200, "", `{"message":"m","error_code":"MAX_NOTEBOOK_SIZE_EXCEEDED"}`), 1, 1, false, true},
		{"200 with nothing", rawResponse(200, "", ``), 3, 1, true, false},
		{"400", rawResponse(400, "", `{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}`), 1, 1, false, true},
		{"403", rawResponse(403, "", `{"error_code":403,"message":"Invalid access token."}`), 1, 1, false, true},
		{"404", rawResponse(404, "", `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`), 1, 1, false, true},
		{"redirect", rawResponse(302, "Location: /login.html\r\n", ``), 1, 1, false, true},
		{"sign-in page", rawResponse(200, "Content-Type: text/html\r\n", `<html>sign in</html>`), 1, 1, false, true},
		{"sign-in page without a type", rawResponse(200, "", `<html>sign in</html>`), 1, 1, false, true},
		{"200 that is no JSON", rawResponse(200, "", `OK`), 1, 1, true, true},
	} {
		t.Run(row.failure, func(t *testing.T) {
			t.Parallel()
			call := func(r Request) (received int64, err error) {
				s := newRude(t, func(n int64, c net.Conn) {
					if n < 3 {
						row.respond(c)
					} else {
						rawResponse(200, "", `{}`)(c)
					}
				})
				err = newTestClient(t, "http://"+s.Addr().String(), WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}})).
					Do(t.Context(), r, new(struct{}))
				return s.received.Load(), err
			}
			received, err := call(aRead)
			assert.Equal(t, row.reads, received, "reads received")
			assert.Equal(t, row.repeatableFails, err != nil, "read: %v", err)
			assert.NotErrorAs(t, err, new(*OutcomeUnknownError), "reads have no outcome")

			received, err = call(aRepeatable)
			assert.Equal(t, row.reads, received, "repeatable writes received")
			assert.Equal(t, row.repeatableFails, err != nil, "repeatable write: %v", err)

			received, err = call(aWrite)
			assert.Equal(t, row.writes, received, "writes received")
			if row.writes == 3 {
				assert.NoError(t, err)
				return
			}
			_, unknown := errors.AsType[*OutcomeUnknownError](err)
			assert.Equal(t, row.unknown, unknown, "unknown outcome of the write: %v", err)
			assert.Error(t, err)
		})
	}
}

// Failures before anything is sent, each followed by a working connection.
func TestRetry_failuresBeforeSending(t *testing.T) {
	for name, failure := range map[string]func() (net.Conn, error){
		"refused": func() (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		},
		"DNS": func() (net.Conn, error) { return nil, &net.DNSError{Err: "no such host", Name: "x"} },
		"not written whole": func() (net.Conn, error) {
			here, _ := net.Pipe()
			return unwritable{here}, nil
		},
	} {
		for kind, r := range map[string]Request{"read": aRead, "repeatable": aRepeatable, "write": aWrite.optional("text", strings.Repeat("x", 10_000))} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				s := newRude(t, func(_ int64, c net.Conn) { rawResponse(200, "", `{}`)(c) })
				var dials atomic.Int64
				transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) < 3 {
						return failure()
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				}}
				err := newTestClient(t, "http://"+s.Addr().String(), WithHTTPClient(&http.Client{Transport: transport})).Do(t.Context(), r, nil)
				assert.NoError(t, err)
				assert.EqualValues(t, 1, s.received.Load())
				assert.EqualValues(t, 3, dials.Load())
			})
		}
	}
}

// unwritable is a connection whose first write fails.
type unwritable struct{ net.Conn }

func (unwritable) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRetry_tlsHandshake(t *testing.T) {
	for kind, r := range map[string]Request{"read": aRead, "repeatable": aRepeatable, "write": aWrite} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			var accepted atomic.Int64
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					accepted.Add(1)
					io.ReadFull(c, make([]byte, 10)) // a part of the TLS handshake
					c.Close()
				}
			}()
			err = newTestClient(t, "https://"+l.Addr().String()).Do(t.Context(), r, nil)
			assert.Error(t, err)
			assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
			assert.EqualValues(t, 5, accepted.Load())
		})
	}
}

// scripted is a transport that returns prepared responses and records requests.
type scripted struct {
	responses []func(*http.Request) (*http.Response, error)
	sent      []*http.Request
	bodies    []string
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	s.sent, s.bodies = append(s.sent, r.Clone(r.Context())), append(s.bodies, string(body))
	play := s.responses[min(len(s.sent), len(s.responses))-1]
	return play(r)
}

func respond(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: r}, nil
	}
}

func lose(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") }

func scriptedClient(t *testing.T, opts []Option, responses ...func(*http.Request) (*http.Response, error)) (*Client, *scripted) {
	s := &scripted{responses: responses}
	return newTestClient(t, "https://w.example.com", append([]Option{WithHTTPClient(&http.Client{Transport: s})}, opts...)...), s
}

func TestRetry_sameBodyAndTokenEachTime(t *testing.T) {
	c, s := scriptedClient(t, nil, lose, respond(502, ""), respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), post("/x").params(map[string]string{"idempotency_token": "T"}).idempotencyToken("T"), nil))
	assert.Equal(t, []string{`{"idempotency_token":"T"}`, `{"idempotency_token":"T"}`, `{"idempotency_token":"T"}`}, s.bodies)
}

func TestRetry_repeatThatFindsTheWorkDone(t *testing.T) {
	gone := respond(400, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"}`)
	r := post("/x").required("id", "1").treatAsSuccess(ErrResourceDoesNotExist)

	c, s := scriptedClient(t, nil, lose, gone)
	assert.NoError(t, c.Do(t.Context(), r, nil), "the lost call did it")
	assert.Len(t, s.sent, 2)

	c, _ = scriptedClient(t, nil, gone)
	assert.ErrorIs(t, c.Do(t.Context(), r, nil), ErrResourceDoesNotExist, "nothing was lost, so it was never there")

	c, _ = scriptedClient(t, nil, respond(429, ""), gone)
	assert.ErrorIs(t, c.Do(t.Context(), r, nil), ErrResourceDoesNotExist, "a 429 does nothing")
}

// A later failure does not make the outcome of a lost response known.
func TestRetry_outcomeStaysUnknown(t *testing.T) {
	c, _ := scriptedClient(t, nil, lose, respond(403, `{"error_code":"PERMISSION_DENIED"}`))
	err := c.Do(t.Context(), post("/x").params(map[string]string{}).idempotencyToken("T"), nil)
	unknown, ok := errors.AsType[*OutcomeUnknownError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "T", unknown.IdempotencyToken)
	assert.ErrorIs(t, err, ErrPermissionDenied)
}

func TestRetry_attemptsAreBounded(t *testing.T) {
	c, s := scriptedClient(t, nil, respond(429, ""))
	assert.ErrorAs(t, c.Do(t.Context(), aRead, nil), new(*APIError))
	assert.Len(t, s.sent, 5)

	c, s = scriptedClient(t, []Option{WithRetryPolicy(RetryPolicy{MaxAttempts: 1})}, respond(429, ""))
	assert.Error(t, c.Do(t.Context(), aRead, nil))
	assert.Len(t, s.sent, 1)
}

func TestRetry_ownDecision(t *testing.T) {
	var seen []Attempt
	policy := fast
	policy.Retry = func(a Attempt) bool { seen = append(seen, a); return false }
	c, s := scriptedClient(t, []Option{WithRetryPolicy(policy)}, respond(502, ""))
	assert.Error(t, c.Do(t.Context(), aWrite, nil))
	assert.Len(t, s.sent, 1)
	require.Len(t, seen, 1)
	assert.Equal(t, Attempt{Number: 1, Method: "POST", Path: aWrite.Path, Transient: true, ResponseLost: true, Err: seen[0].Err}, seen[0])
}

func TestRetry_pauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			name     string
			header   string
			policy   RetryPolicy
			min, max time.Duration
		}{
			{"a date", time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat), RetryPolicy{}, 7 * time.Second, 7 * time.Second},
			{"as long as the service says", "8", RetryPolicy{}, 8 * time.Second, 8 * time.Second},
			{"a date in the past", "Sun, 06 Nov 1994 08:49:37 GMT", RetryPolicy{}, 0, 0},
			{"capped", "86400", RetryPolicy{}, 2 * time.Minute, 2 * time.Minute},
			{"more than a number holds", strings.Repeat("9", 40), RetryPolicy{}, 2 * time.Minute, 2 * time.Minute},
			{"nonsense is none", "soon", RetryPolicy{}, 0, 500 * time.Millisecond},
			{"jitter", "", RetryPolicy{MinDelay: time.Second}, 0, time.Second},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			c, _ := scriptedClient(t, []Option{WithRetryPolicy(row.policy)}, respond(429, "", "Retry-After", row.header), respond(200, `{}`))
			start := time.Now()
			assert.NoError(t, c.Do(ctx, aRead, nil), row.name)
			assert.GreaterOrEqual(t, time.Since(start), row.min, row.name)
			assert.LessOrEqual(t, time.Since(start), row.max, row.name)
			cancel()
		}
	})
}

func TestRetry_backoffGrows(t *testing.T) {
	p, _ := RetryPolicy{}.withDefaults()
	longest := func(number int) (d time.Duration) {
		for range 2000 {
			d = max(d, p.backoff(number))
		}
		return d
	}
	assert.Greater(t, longest(1), 400*time.Millisecond)
	assert.LessOrEqual(t, longest(1), 500*time.Millisecond)
	assert.Greater(t, longest(3), 1500*time.Millisecond)
	assert.LessOrEqual(t, longest(100), 30*time.Second)
}

func TestRetry_noPauseThatTheDeadlineCutsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, s := scriptedClient(t, []Option{WithRetryPolicy(RetryPolicy{})}, respond(429, `{"error_code":"REQUEST_LIMIT_EXCEEDED"}`, "Retry-After", "8"))
		start := time.Now()
		err := c.Do(ctx, aRead, nil)
		assert.Zero(t, time.Since(start))
		assert.Len(t, s.sent, 1)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, ErrRequestLimitExceeded)
	})
}

func TestRetry_contextEndsDuringPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the pipeline was stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		c, s := scriptedClient(t, []Option{WithRetryPolicy(RetryPolicy{})}, respond(429, `{"error_code":"REQUEST_LIMIT_EXCEEDED"}`, "Retry-After", "60"))
		err := c.Do(ctx, aRead, nil)
		assert.Len(t, s.sent, 1)
		assert.ErrorIs(t, err, cause)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, ErrRequestLimitExceeded)
		assert.NotContains(t, err.Error(), "\n")
	})
}

func TestRateLimit_sharedByRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c, _ := scriptedClient(t, []Option{WithRateLimit(2, 1), WithRetryPolicy(fast)}, respond(429, ""), respond(429, ""), respond(200, `{}`))
		start := time.Now()
		require.NoError(t, c.Do(ctx, aRead, nil))
		require.NoError(t, c.Do(ctx, aRead, nil))
		assert.InDelta(t, 1.5, time.Since(start).Seconds(), 0.01, "four requests, two a second, the first immediately")

		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, c.Do(short, aRead, nil), context.DeadlineExceeded)
	})
}
