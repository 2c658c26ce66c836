package databricks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/internal/faultproxy"
	"github.com/go-databricks/databricks/internal/sending"
)

// gate is a source that yields its text only after the test opens it.
type gate struct {
	io.Reader
	open <-chan struct{}
}

func (g gate) Read(p []byte) (int, error) {
	<-g.open
	return g.Reader.Read(p)
}

func rawBody(size int64, open func() io.Reader) Request {
	return Request{Method: "POST", Path: "/x", Body: RawBody{ContentType: "text/x", Size: size, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(open()), nil
	}}}
}

// If a rejection arrives before the body was sent, a write is still in progress.
// Its error must not affect the next attempt.
func TestAttempt_lateWriteOfAnEarlierAttempt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	released := make(chan struct{})
	var works atomic.Int64
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			req, err := http.ReadRequest(in)
			if err == nil && n == 0 { // the body has not been sent yet
				rawResponse(429, "Retry-After: 0\r\nConnection: close\r\n", "")(conn)
				go func() { io.Copy(io.Discard, conn) }()
				continue
			}
			if err == nil {
				if text, err := io.ReadAll(req.Body); err == nil && len(text) == 9 {
					works.Add(1)
				}
			}
			conn.Close()
		}
	}()
	first := true
	r := rawBody(9, func() io.Reader {
		if !first {
			return strings.NewReader("the  work")
		}
		first = false
		time.AfterFunc(50*time.Millisecond, func() { close(released) })
		return gate{strings.NewReader("the  work"), released}
	})
	err = newTestClient(t, "http://"+l.Addr().String()).Do(t.Context(), r, nil)
	assert.EqualValues(t, 1, works.Load(), "the work was done once, though nobody knows")
	assert.ErrorAs(t, err, new(*OutcomeUnknownError))
}

// A body whose length differs from its size is never sent completely.
func TestAttempt_bodyOfAnotherSize(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "short": "12345678", "one more": "1234567890", "many more": strings.Repeat("x", 200_000)} {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "one byte at a time": iotest.OneByteReader, "end with the data": iotest.DataErrReader,
		} {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s http2=%v", name, how, http2), func(t *testing.T) {
					var works atomic.Int64
					server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if _, err := io.ReadAll(r.Body); err == nil {
							works.Add(1)
						}
					}))
					server.EnableHTTP2 = http2
					server.StartTLS()
					defer server.Close()
					opens := 0
					r := rawBody(9, func() io.Reader { opens++; return reader(strings.NewReader(text)) })
					err := newTestClient(t, server.URL, WithHTTPClient(server.Client())).Do(t.Context(), r, nil)
					assert.ErrorIs(t, err, ErrSourceChanged)
					assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
					assert.Equal(t, 1, opens, "another attempt would fare no better")
					assert.Zero(t, works.Load())
				})
			}
		}
	}
	c, s := scriptedClient(t, nil, respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), rawBody(0, func() io.Reader { return strings.NewReader("") }), nil))
	assert.ErrorIs(t, c.Do(t.Context(), rawBody(0, func() io.Reader { return strings.NewReader("x") }), nil), ErrSourceChanged)
	assert.Equal(t, []string{""}, s.bodies)
	require.NoError(t, c.Do(t.Context(), rawBody(-1, func() io.Reader { return strings.NewReader("any") }), nil))
	assert.Equal(t, []string{"", "any"}, s.bodies)
}

// If the source fails, the call fails with its error. The service never receives
// the complete source.
func TestAttempt_sourceThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, size := range []int64{9, -1} {
		var works atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err == nil {
				works.Add(1)
			}
		}))
		err := newTestClient(t, server.URL).Do(t.Context(), rawBody(size, func() io.Reader {
			return io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(broken))
		}), nil)
		assert.ErrorIs(t, err, broken)
		assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
		assert.Zero(t, works.Load())
		server.Close()
	}
}

// Nothing reads a source any more when it is opened again.
func TestAttempt_oneReadOfASourceAtATime(t *testing.T) {
	released := make(chan struct{})
	var reading, both atomic.Int64
	first := true
	r := rawBody(3, func() io.Reader {
		both.Add(reading.Load())
		if first {
			first = false
			return readFunc(func(p []byte) (int, error) {
				reading.Add(1)
				defer reading.Add(-1)
				<-released
				return copy(p, "abc"), io.EOF
			})
		}
		return strings.NewReader("abc")
	})
	started := make(chan struct{})
	s := roundTrips(func(n int, r *http.Request) (*http.Response, error) {
		if n == 1 {
			go func() { close(started); io.ReadAll(r.Body) }()
			<-started
			time.AfterFunc(20*time.Millisecond, func() { close(released) })
			return respond(429, "", "Retry-After", "0")(r)
		}
		io.ReadAll(r.Body)
		return respond(200, `{}`)(r)
	})
	require.NoError(t, newTestClient(t, "https://w.example.com", WithHTTPClient(&http.Client{Transport: s})).Do(t.Context(), r, nil))
	assert.Zero(t, both.Load(), "sources opened while another was read")
}

// A transport that sends a request again by itself may have sent all of it before
// the body that was cut short.
func TestAttempt_transportSendsAgain(t *testing.T) {
	for _, sentBefore := range []bool{false, true} {
		var sends int
		s := roundTrips(func(_ int, r *http.Request) (*http.Response, error) {
			sends++
			body := r.Body
			if sentBefore {
				io.ReadAll(body)
				var err error
				body, err = r.GetBody()
				require.NoError(t, err)
			}
			io.ReadFull(body, make([]byte, 3))
			return nil, errors.New("broken")
		})
		c := newTestClient(t, "https://w.example.com", WithHTTPClient(&http.Client{Transport: s}), WithRetryPolicy(RetryPolicy{MaxAttempts: 2, MinDelay: 1, MaxDelay: 1}))
		err := c.Do(t.Context(), Request{Method: "POST", Path: "/api/2.0/x", Body: RawBody{ContentType: "text/plain", Size: 7,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("content")), nil }}}, nil)
		_, unknown := errors.AsType[*OutcomeUnknownError](err)
		assert.Equal(t, sentBefore, unknown, "%v", err)
		assert.Equal(t, map[bool]int{true: 1, false: 2}[sentBefore], sends)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// roundTrips is a transport that calls a function with the number of the request.
func roundTrips(f func(n int, r *http.Request) (*http.Response, error)) http.RoundTripper {
	var n atomic.Int64
	return roundTripFunc(func(r *http.Request) (*http.Response, error) { return f(int(n.Add(1)), r) })
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// HTTP/2 errors that prove that the server did not process the request.
func TestAttempt_notProcessed(t *testing.T) {
	for text, proof := range map[string]bool{
		"stream error: stream ID 5; REFUSED_STREAM; received from peer":                                         true,
		"http2: Transport received Server's graceful shutdown GOAWAY":                                           true,
		"http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM":                                true,
		"http2: client conn not usable":                                                                         true,
		"http2: Transport: cannot retry err [stream error: stream ID 5; REFUSED_STREAM] after Request.Body was": true,
		"http2: Transport: cannot retry err [stream error: stream ID 5; PROTOCOL_ERROR] after Request.Body was": false,
		"stream error: stream ID 5; INTERNAL_ERROR; received from peer":                                         false,
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`:       false,
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, debug="x; REFUSED_STREAM"`:        false,
		"http: server closed idle connection":                                                                   false,
	} {
		c, _ := scriptedClient(t, nil, func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("wrapped: %w", errors.New(text))
		}, respond(200, `{}`))
		err := c.Do(t.Context(), aWrite, nil)
		assert.Equal(t, proof, err == nil, "%s: %v", text, err)
	}
}

// A server that shuts down its connections now and then causes no loss of blocks.
// The client sends unprocessed blocks again.
func TestAttempt_serverGoesAway(t *testing.T) {
	var mu sync.Mutex
	works := map[string]int{}
	server := faultproxy.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			works[string(text)]++
		}
		io.WriteString(w, "{}")
	}), true)
	defer server.Close()
	for _, do := range []faultproxy.Action{faultproxy.GoAwayBelow, faultproxy.GoAwayServed, faultproxy.ResetStream} {
		clear(works)
		var faults []faultproxy.Fault
		for n := 7; n < 200; n += 20 {
			faults = append(faults, faultproxy.Fault{Request: n, At: faultproxy.OnArrival, Do: do, Code: faultproxy.RefusedStream})
		}
		server.Inject(faults...)
		c := newTestClient(t, server.URL, WithHTTPClient(server.Client(false)))
		var group sync.WaitGroup
		for worker := range 16 {
			group.Go(func() {
				for n := range 12 {
					assert.NoError(t, c.DBFS.AddBlock(t.Context(), int64(worker+1), fmt.Appendf(nil, "block %d", n)))
				}
			})
		}
		group.Wait()
		assert.Len(t, works, 16*12)
		for block, n := range works {
			assert.Equal(t, 1, n, block)
		}
	}
}

// Each attempt has its own header, so an added field appears once.
func TestAttempt_freshHeader(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	jar.SetCookies(&url.URL{Scheme: "https", Host: "w.example.com"}, []*http.Cookie{{Name: "a", Value: "1"}})
	s := &scripted{responses: []func(*http.Request) (*http.Response, error){respond(429, ""), respond(429, ""), respond(200, `{}`)}}
	c, err := NewClient(WithHost("https://w.example.com"), WithRetryPolicy(fast), WithHTTPClient(&http.Client{Transport: s, Jar: jar}),
		WithAuth(func(r *http.Request) error {
			r.Header.Add("X-Credential", "secret")
			r.Header.Add("Accept", "x/y")
			return nil
		}))
	require.NoError(t, err)
	require.NoError(t, c.Do(t.Context(), aWrite, nil))
	require.Len(t, s.sent, 3)
	for _, sent := range s.sent {
		assert.Equal(t, []string{"secret"}, sent.Header["X-Credential"])
		assert.Equal(t, []string{"application/json", "x/y"}, sent.Header["Accept"])
		assert.Equal(t, []string{"a=1"}, sent.Header["Cookie"])
	}
}

// ways are the ways to read a response.
var ways = map[string]func(c *Client, r Request) error{
	"dropped":       func(c *Client, r Request) error { return c.Do(context.Background(), r, nil) },
	"into a struct": func(c *Client, r Request) error { return c.Do(context.Background(), r, &struct{ ID string }{}) },
	"into a list":   func(c *Client, r Request) error { return c.Do(context.Background(), r, &[]string{}) },
	"with an id":    func(c *Client, r Request) error { return c.Do(context.Background(), r, new(checkedResponse)) },
	"by a function": func(c *Client, r Request) error {
		return c.Do(context.Background(), r, func(in io.Reader) error { _, err := io.ReadAll(in); return err })
	},
	"by a function that reads nothing": func(c *Client, r Request) error {
		return c.Do(context.Background(), r, func(io.Reader) error { return nil })
	},
	"as a stream": func(c *Client, r Request) error {
		for _, err := range stream[struct{}](context.Background(), c, r, "list", nil) {
			if err != nil {
				return err
			}
		}
		return nil
	},
}

func TestDo_rejectionWithSuccess(t *testing.T) {
	for way, do := range ways {
		for _, body := range []string{
			`{"error_code":"MAX_NOTEBOOK_SIZE_EXCEEDED","message":"too big"}`,
			"\n {\"message\":\"too big\",\"details\":[],\n\"error_code\":\"MAX_NOTEBOOK_SIZE_EXCEEDED\"}\n",
		} {
			c, s := scriptedClient(t, nil, respond(200, body))
			err := do(c, aWrite)
			e, ok := err.(*APIError)
			require.True(t, ok, "%s: %v", way, err)
			assert.Equal(t, ErrMaxNotebookSizeExceeded, e.Code, way)
			assert.Equal(t, "too big", e.Message, way)
			assert.ErrorIs(t, err, ErrTooLarge, way)
			assert.Len(t, s.sent, 1, way)
		}
	}
	c, _ := scriptedClient(t, nil, respond(200, `{"error_code":"X","message":"a file"}`, "Content-Type", "application/octet-stream"))
	assert.NoError(t, ways["by a function"](c, aRead), "a file may hold anything")
	c, _ = scriptedClient(t, nil, respond(200, `{"error_code":null,"id":"1","nested":{"error_code":"X"}}`))
	assert.NoError(t, ways["into a struct"](c, aRead))
}

func TestDo_successWithoutContent(t *testing.T) {
	text := map[string]string{"nothing": "", "blank": " \r\n", "words": "Please sign in to the proxy.", "page": "<!DOCTYPE html><html>sign in</html>", "page with a mark": "\ufeff<html>"}
	for name, body := range text {
		for way, do := range ways {
			nothing := name == "nothing" || name == "blank"
			fine := strings.HasPrefix(way, "by a function") || nothing && way == "dropped"
			for _, r := range []Request{aRead, aWrite} {
				c, s := scriptedClient(t, nil, respond(200, body))
				err := do(c, r)
				if fine {
					assert.NoError(t, err, "%s, %s", name, way)
					continue
				}
				require.Error(t, err, "%s, %s", name, way)
				_, unknown := errors.AsType[*OutcomeUnknownError](err)
				assert.Equal(t, r.Method == "POST" && !strings.HasPrefix(name, "page"), unknown, "%s, %s: %v", name, way, err)
				if r.Method == "GET" && nothing {
					assert.Len(t, s.sent, 5, "%s, %s: a lost response of a read", name, way)
				} else {
					assert.Len(t, s.sent, 1, "%s, %s", name, way)
				}
			}
		}
	}
	for _, body := range []string{"{}", "null", "[]", `"done"`, "{\"a\":1}\n", strings.Repeat(" ", 100_000)} {
		c, _ := scriptedClient(t, nil, respond(200, body))
		assert.NoError(t, c.Do(t.Context(), aWrite, nil), "%.10s", body)
	}
}

// Failures without effect are retried until the time is up.
func TestRetry_budget(t *testing.T) {
	refused := func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	notReady := respond(400, `{"error_code":"BAD_REQUEST","message":"Current organization 7 does not have any associated worker environments"}`)
	for name, failure := range map[string]func(*http.Request) (*http.Response, error){
		"refused": refused, "429": respond(429, ""), "429 immediately": respond(429, "", "Retry-After", "0"), "not ready": notReady, "503 with Retry-After": respond(503, "", "Retry-After", "2"),
	} {
		for _, row := range []struct {
			policy    RetryPolicy
			deadline  time.Duration // 0 for none
			from, to  time.Duration // limits for the time at which the call ends
			most, few int           // limits for the number of attempts
		}{
			{RetryPolicy{}, 0, 4 * time.Minute, 5 * time.Minute, 1000, 8},
			{RetryPolicy{}, time.Minute, 25 * time.Second, time.Minute, 300, 6},
			{RetryPolicy{}, time.Hour, 59 * time.Minute, time.Hour, 20_000, 100},
			{RetryPolicy{MaxElapsed: 90 * time.Second}, time.Hour, 55 * time.Second, 90 * time.Second, 500, 6},
			{RetryPolicy{MaxAttempts: 3}, time.Hour, 0, time.Minute, 3, 3},
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				if row.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
				}
				defer cancel()
				c, s := scriptedClient(t, []Option{WithRetryPolicy(row.policy)}, failure)
				start := time.Now()
				err := c.Do(ctx, aWrite, nil)
				assert.Error(t, err)
				assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
				assert.GreaterOrEqual(t, time.Since(start), row.from, "%s, %+v", name, row)
				assert.LessOrEqual(t, time.Since(start), row.to, "%s, %+v", name, row)
				assert.LessOrEqual(t, len(s.sent), row.most, "%s, %+v", name, row)
				assert.GreaterOrEqual(t, len(s.sent), row.few, "%s, %+v", name, row)
				assert.ErrorContains(t, err, fmt.Sprintf("(%d attempts in ", len(s.sent)), "%s", name)
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c, s := scriptedClient(t, []Option{WithRetryPolicy(RetryPolicy{})}, refused, respond(502, ""), refused, respond(500, ""), refused, respond(502, ""), refused, refused, respond(502, ""), respond(502, ""))
		assert.Error(t, c.Do(ctx, aRead, nil))
		assert.Len(t, s.sent, 10, "the fifth that may have done something is the last")
	})
}

func TestRetry_errorTellsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := RetryPolicy{MaxAttempts: 3}
		for _, row := range []struct {
			failure func(*http.Request) (*http.Response, error)
			r       Request
			want    string
		}{
			{respond(429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}`, "Retry-After", "2"), aWrite, "databricks: POST /api/2.0/things/make: 429 REQUEST_LIMIT_EXCEEDED: slow down (3 attempts in 4s)"},
			{respond(400, `{"error_code":"BAD_REQUEST","message":"no"}`), aWrite, "databricks: POST /api/2.0/things/make: 400 BAD_REQUEST: no"},
			{respond(503, `{}`, "Retry-After", "1"), aRead, "databricks: GET /api/2.0/things/get: 503: Service Unavailable (3 attempts in 2s)"},
		} {
			c, _ := scriptedClient(t, []Option{WithRetryPolicy(policy)}, row.failure)
			assert.EqualError(t, c.Do(t.Context(), row.r, nil), row.want)
		}
		c, _ := scriptedClient(t, []Option{WithRetryPolicy(policy)}, respond(503, `{}`, "Retry-After", "1"), lose)
		assert.EqualError(t, c.Do(t.Context(), aWrite, nil),
			"databricks: POST /api/2.0/things/make: outcome unknown, it may have been done: connection reset by peer (2 attempts in 1s)")
	})
}

func TestDo_needsAMethodAndAPath(t *testing.T) {
	planned := 0
	for _, opts := range [][]Option{nil, {WithPlan(func(PlannedCall) { planned++ })}} {
		c, s := scriptedClient(t, opts, respond(200, `{}`))
		for _, r := range []Request{{Path: "/x"}, {Method: "GE T", Path: "/x"}, {Method: "POST\r\nX: 1", Path: "/x"}, {Method: "POST", Path: "x"}, {Method: "POST"}, {Method: "POST", Path: "/x?a=b"}} {
			err := c.Do(t.Context(), r, nil)
			assert.ErrorAs(t, err, new(*ArgumentError), "%+v", r)
			assert.ErrorIs(t, err, os.ErrInvalid)
		}
		assert.Empty(t, s.sent)
	}
	assert.Zero(t, planned)
}

// A rejection by the proxy is final and is reported as such. The proxy's password
// is sent once.
func TestAttempt_proxyRefuses(t *testing.T) {
	for _, status := range []int{403, 407} {
		for _, scheme := range []string{"https", "http"} {
			for name, own := range map[string]bool{"own transport": false, "transport of the user": true} {
				var requests, passwords atomic.Int64
				proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					if r.Header.Get("Proxy-Authorization") != "" {
						passwords.Add(1)
					}
					w.Header().Set("Proxy-Authenticate", "Basic")
					w.WriteHeader(status)
				}))
				u, err := url.Parse(strings.Replace(proxy.URL, "http://", "http://user:hush@", 1))
				require.NoError(t, err)
				transport := &http.Transport{Proxy: http.ProxyURL(u)}
				if !own {
					transport = sending.Transport().(*http.Transport).Clone()
					transport.Proxy = http.ProxyURL(u)
				}
				err = newTestClient(t, scheme+"://w.example.com", WithInsecureHTTP(), WithHTTPClient(&http.Client{Transport: transport})).Do(t.Context(), aWrite, nil)
				assert.ErrorContains(t, err, fmt.Sprintf("the proxy rejected the request: %d", status), name)
				assert.NotErrorAs(t, err, new(*APIError), name)
				assert.NotErrorAs(t, err, new(*OutcomeUnknownError), name)
				assert.NotContains(t, err.Error(), "hush", name)
				assert.EqualValues(t, 1, requests.Load(), name)
				assert.EqualValues(t, 1, passwords.Load(), name)
				proxy.Close()
			}
		}
	}
}

// Without TLS, a proxy can respond in place of the workspace. Its own responses are
// attributed to the proxy, and forwarded ones to the workspace.
func TestAttempt_proxyWithoutTLS(t *testing.T) {
	const page = "<html><title>Access denied by policy 7</title></html>"
	type header map[string]string
	for _, row := range []struct {
		name    string
		status  int
		header  header
		body    string
		proxys  bool
		message string
		unknown bool
	}{
		{"a page", 403, nil, page, true, "the proxy rejected the request: 403 Forbidden: Access denied by policy 7", false},
		{"a page after white space", 403, nil, " \n" + page, true, "403 Forbidden: Access denied by policy 7", false},
		{"Via", 403, header{"Via": "1.1 cache"}, "", true, "the proxy rejected the request: 403 Forbidden", false},
		{"Proxy-", 400, header{"Proxy-Connection": "close"}, "no", true, "the proxy rejected the request: 400 Bad Request: no", false},
		{"squid", 404, header{"X-Squid-Error": "ERR_DNS_FAIL 0"}, "", true, "the proxy rejected the request: 404 Not Found", false},
		{"Server", 401, header{"Server": "squid/6.1"}, "", true, "the proxy rejected the request: 401 Unauthorized", false},
		{"a password", 407, nil, "", true, "the proxy rejected the request: 407 Proxy Authentication Required", false},
		{"a rate limit", 429, header{"Via": "1.1 cache"}, page, true, "the proxy rejected the request: 429 Too Many Requests", false},
		{"no server", 503, header{"Retry-After": "0"}, page, true, "the proxy failed: 503 Service Unavailable", false},
		{"a lost response", 502, nil, page, true, "the proxy failed: 502 Bad Gateway", true},
		{"an error", 500, nil, page, true, "the proxy failed: 500 Internal Server Error", true},
		{"the workspace's JSON", 403, header{"Via": "1.1 cache", "Server": "databricks"}, `{"error_code":"PERMISSION_DENIED","message":"no"}`, false, "403 PERMISSION_DENIED: no", false},
		{"the workspace's text", 403, header{"Server": "databricks"}, "Invalid access token.", false, "Invalid access token", false},
	} {
		for _, proxied := range []bool{true, false} {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				requests.Add(1)
				w.Header().Set("Content-Type", "text/plain")
				for name, value := range row.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(row.status)
				io.WriteString(w, row.body)
			}))
			host, transport := server.URL, &http.Transport{}
			if proxied {
				u, err := url.Parse(server.URL)
				require.NoError(t, err)
				host, transport.Proxy = "http://w.example.com", http.ProxyURL(u)
			}
			c := newTestClient(t, host, WithInsecureHTTP(), WithHTTPClient(&http.Client{Transport: transport}), WithRetryPolicy(RetryPolicy{MaxAttempts: 2, MinDelay: 1, MaxDelay: 1}))
			err := c.Do(t.Context(), aWrite, nil)
			theirs := row.proxys && (proxied || row.status == 407)
			_, proxy := errors.AsType[*sending.ProxyError](err)
			_, rejection := errors.AsType[*APIError](err)
			assert.Equal(t, theirs, proxy, "%s: %v", row.name, err)
			assert.Equal(t, !theirs, rejection, "%s: %v", row.name, err)
			assert.Equal(t, row.unknown, errors.As(err, new(*OutcomeUnknownError)), "%s: %v", row.name, err)
			if theirs {
				assert.NotErrorIs(t, err, fs.ErrPermission, row.name)
				assert.NotErrorIs(t, err, fs.ErrNotExist, row.name)
			}
			if theirs || !row.proxys {
				assert.ErrorContains(t, err, row.message, row.name)
			}
			sent := 1
			if row.status == 429 || row.status == 503 {
				sent = 2
			}
			assert.EqualValues(t, sent, requests.Load(), row.name)
			server.Close()
			transport.CloseIdleConnections()
		}
	}
}

// The cause of a context belongs to another operation.
func TestAttempt_causeOfTheContextDecidesNothing(t *testing.T) {
	other := &APIError{Method: "GET", Path: "/other", StatusCode: 404, Code: ErrResourceDoesNotExist}
	for _, r := range []Request{aWrite, post("/x").required("id", "1").treatAsSuccess(ErrResourceDoesNotExist)} {
		for name, first := range map[string]func(http.ResponseWriter){
			"immediately": nil,
			"in a retry":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		} {
			if first != nil && !r.Idempotent {
				continue
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			var once sync.Once
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				failed := false
				if first != nil {
					once.Do(func() { failed = true; first(w) })
				}
				if !failed {
					cancel(other)
					<-r.Context().Done()
				}
			}))
			err := newTestClient(t, server.URL).Do(ctx, r, nil)
			assert.ErrorAs(t, err, new(*OutcomeUnknownError), name)
			assert.ErrorIs(t, err, context.Canceled, name)
			assert.ErrorIs(t, err, other, name+": the cause is there for those who know it")
			assert.NotErrorIs(t, err, ErrResourceDoesNotExist, name+": but it says nothing of this call")
			assert.NotErrorIs(t, err, fs.ErrNotExist, name)
			if first == nil {
				assert.NotErrorAs(t, err, new(*APIError), name)
			}
			server.Close()
			cancel(nil)
		}
	}
}

// If nothing was sent, the outcome is known.
func TestAttempt_nothingWasSent(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { requests.Add(1); io.WriteString(w, "{}") }))
	defer server.Close()
	check := func(name string, err error, target error) {
		assert.Error(t, err, name)
		assert.NotErrorAs(t, err, new(*OutcomeUnknownError), name)
		if target != nil {
			assert.ErrorIs(t, err, target, name)
		}
		assert.Zero(t, requests.Load(), name)
	}
	for name, transport := range map[string]http.RoundTripper{"net/http": nil, "another": roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return http.DefaultTransport.RoundTrip(r)
	})} {
		cause := errors.New("too late")
		over, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		c := newTestClient(t, server.URL, WithHTTPClient(&http.Client{Transport: transport}))
		err := c.Do(over, aWrite, nil)
		check(name+": context", err, cause)
		check(name+": context", err, context.Canceled)
		assert.EqualError(t, err, "databricks: POST /api/2.0/things/make: context canceled; too late")
		check(name+": method", c.Do(t.Context(), Request{Method: "É", Path: "/x"}, nil), os.ErrInvalid)
	}
	for _, value := range []string{"a\nb", "a\x00", "a\rb", "\x7f"} {
		c, err := NewClient(WithHost(server.URL), WithAuth(func(r *http.Request) error { r.Header.Set("X-Token", value); return nil }))
		require.NoError(t, err)
		err = c.Do(t.Context(), aWrite, nil)
		check("header", err, nil)
		assert.NotContains(t, err.Error(), value)
	}
}

// An endless response does not block a call. A response that is neither success nor
// error ends it, and so does the end of the context.
func TestAttempt_responsesWithoutEnd(t *testing.T) {
	for name, head := range map[string]string{
		"101": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes",
		"302": "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 1000000\r\n\r\n",
		"304": "HTTP/1.1 304 Not Modified\r\n\r\n",
	} {
		s := newRude(t, func(_ int64, c net.Conn) { io.WriteString(c, head); io.Copy(io.Discard, c) })
		var closed atomic.Int64
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &countedConn{Conn: conn, closed: &closed}, err
		}}
		err := newTestClient(t, "http://"+s.Addr().String(), WithHTTPClient(&http.Client{Transport: transport})).Do(t.Context(), aRead, new(struct{}))
		assert.ErrorContains(t, err, map[string]string{"101": "status 101", "302": "redirected to /login", "304": "304"}[name])
		assert.EqualValues(t, 1, s.received.Load(), name)
		transport.CloseIdleConnections()
		assert.Eventually(t, func() bool { return closed.Load() == 1 }, 10*time.Second, time.Millisecond, "%s: the connection is closed", name)
	}
}

type countedConn struct {
	net.Conn
	closed *atomic.Int64
	once   sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.closed.Add(1) })
	return c.Conn.Close()
}

// The Timeout of the caller's http.Client limits each attempt, and the error says
// so.
func TestAttempt_timeout(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if requests.Add(1) < 3 {
			w.(http.Flusher).Flush() // the timeout also applies while the response is read
			<-r.Context().Done()
			return
		}
		io.WriteString(w, "{}")
	}))
	defer server.Close()
	c := newTestClient(t, server.URL, WithHTTPClient(&http.Client{Timeout: 100 * time.Millisecond}))
	assert.NoError(t, c.Do(t.Context(), aRead, new(struct{})))
	requests.Store(0)
	err := c.Do(t.Context(), aWrite, new(struct{}))
	assert.ErrorAs(t, err, new(*OutcomeUnknownError))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualValues(t, 1, requests.Load())
}

func TestAttempt_transportsThatBreakTheRules(t *testing.T) {
	for name, play := range map[string]func(*http.Request) (*http.Response, error){
		"neither": func(*http.Request) (*http.Response, error) { return nil, nil },
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
	} {
		c, _ := scriptedClient(t, nil, play)
		assert.Error(t, c.Do(t.Context(), aRead, new(struct{})), name)
	}
}

// A message counts only where the service sends it, and not as a part of a name.
func TestAPIError_meaning(t *testing.T) {
	for _, row := range []struct {
		path, body string
		status     int
		sent       int // requests of a write; 3 means that it is retried
	}{
		{"/api/1.2/commands/execute", `{"error":"ClusterNotReadyException: Cluster not ready"}`, 500, 3},
		{"/api/1.2/commands/execute", `{"error":"com.databricks.x.ClusterNotReadyException"}`, 500, 3},
		{"/api/1.2/commands/execute", `{"error":"RuntimeException: no"}`, 500, 1},
		{"/api/1.2/commands/execute", `{"error":"RuntimeException: ClusterNotReadyException"}`, 500, 1},
		{"/api/2.0/jobs/create", `{"error":"ClusterNotReadyException: Cluster not ready"}`, 500, 1},
		{"/api/2.0/jobs/create", `{"error_code":"INTERNAL_ERROR","message":"ClusterNotReadyException: x"}`, 500, 1},
		{"/api/2.0/jobs/create", `{"error_code":"INTERNAL_ERROR","message":"Job nightly-REQUEST_LIMIT_EXCEEDED failed"}`, 500, 1},
		{"/api/2.0/jobs/create", `{"error_code":"BAD_REQUEST","message":"Job There is no worker environment with id 7 is invalid"}`, 400, 1},
		{"/api/2.0/jobs/create", `{"error_code":"BAD_REQUEST","message":"There is no worker environment with id 7"}`, 400, 3},
		{"/api/2.0/jobs/create", `{"error_code":"BAD_REQUEST","message":"Unknown worker environment 7"}`, 400, 3},
		{"/api/2.0/jobs/create", `{"error_code":"BAD_REQUEST","message":"worker env WorkerEnvId(7) not found"}`, 400, 3},
		{"/api/2.0/jobs/create", `{"error_code":"X","message":"com.databricks.backend.manager.util.UnknownWorkerEnvironmentException: no"}`, 500, 3},
		{"/api/2.0/jobs/create", `{"error_code":"X","message":"RuntimeException: Unknown worker environment 7"}`, 500, 3},
	} {
		c, s := scriptedClient(t, nil, respond(row.status, row.body), respond(row.status, row.body), respond(200, `{}`))
		err := c.Do(t.Context(), post(row.path).required("id", "1"), nil)
		assert.Len(t, s.sent, row.sent, row.body)
		assert.Equal(t, row.sent == 3, err == nil, row.body)
	}
}
