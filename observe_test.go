package databricks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type spanKey struct{}

// recorder records what an observer receives, one line for each call of it.
type recorder struct{ lines []string }

func (r *recorder) note(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) observer() Observer {
	span := func(ctx context.Context) string { s, _ := ctx.Value(spanKey{}).(string); return s }
	return Observer{
		CallStart: func(ctx context.Context, c CallInfo) context.Context {
			r.note("call %s %s %s %s in %q", c.Operation, c.Method, c.PathTemplate, c.Host, span(ctx))
			return context.WithValue(ctx, spanKey{}, "call")
		},
		CallEnd: func(ctx context.Context, c CallInfo) {
			r.note("end %s in %q: %d attempts, %v, %d %s, %d out, %d in, class %q, error %t", c.Operation, span(ctx), c.Attempts, c.Duration, c.StatusCode, c.RequestID, c.BytesSent, c.BytesReceived, c.ErrorClass, c.Err != nil)
		},
		AttemptStart: func(ctx context.Context, a AttemptInfo) context.Context {
			r.note("  attempt %d of %s in %q after %v", a.Number, a.Operation, span(ctx), a.RateLimitWait)
			return context.WithValue(ctx, spanKey{}, fmt.Sprint("attempt ", a.Number))
		},
		AttemptEnd: func(ctx context.Context, a AttemptInfo) {
			r.note("  end %d in %q: %v, %d %s, %d out, %d in, class %q, error %t, %q %v", a.Number, span(ctx), a.Duration, a.StatusCode, a.RequestID, a.BytesSent, a.BytesReceived, a.ErrorClass, a.Err != nil, a.RetryReason, a.RetryPause)
		},
	}
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		slow := func(next func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				rec.note("    sent in %q", r.Context().Value(spanKey{}))
				time.Sleep(100 * time.Millisecond)
				return next(r)
			}
		}
		c, _ := scriptedClient(t, []Option{WithObserver(rec.observer()), WithObserver(Observer{}), WithRateLimit(1, 1), WithRetryPolicy(RetryPolicy{})},
			slow(respond(503, `{"error_code":"TEMPORARILY_UNAVAILABLE"}`, "Retry-After", "2", "X-Request-Id", "r-1")),
			slow(respond(429, ``, "Retry-After", "0")),
			slow(respond(200, `{"a":1}`, "X-Request-Id", "r-3")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, c.Do(ctx, post("/api/2.0/clusters/delete").required("cluster_id", "1"), nil))
		assert.Equal(t, []string{
			`call clusters/delete POST /api/2.0/clusters/delete w.example.com in ""`,
			`  attempt 1 of clusters/delete in "call" after 0s`,
			`    sent in "attempt 1"`,
			`  end 1 in "attempt 1": 100ms, 503 r-1, 18 out, 40 in, class "TEMPORARILY_UNAVAILABLE", error true, "retry_after" 2s`,
			`  attempt 2 of clusters/delete in "call" after 0s`,
			`    sent in "attempt 2"`,
			`  end 2 in "attempt 2": 100ms, 429 , 18 out, 0 in, class "429", error true, "retry_after" 0s`,
			`  attempt 3 of clusters/delete in "call" after 900ms`,
			`    sent in "attempt 3"`,
			`  end 3 in "attempt 3": 100ms, 200 r-3, 18 out, 7 in, class "", error false, "" 0s`,
			`end clusters/delete in "call": 3 attempts, 3.2s, 200 r-3, 54 out, 47 in, class "", error false`,
		}, rec.lines)
	})
}

func TestObserver_errorClasses(t *testing.T) {
	type play = func(*http.Request) (*http.Response, error)
	policy := RetryPolicy{MaxAttempts: 1}
	over := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
	for want, row := range map[ErrorClass]struct {
		play play
		opts []Option
	}{
		"":                        {respond(200, `{}`), nil},
		"RESOURCE_DOES_NOT_EXIST": {respond(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`), nil},
		"401":                     {respond(401, `{"error_code":401,"message":"no"}`), nil},
		ErrorInvalidResponse:      {respond(200, `{"a"`), nil},
		ErrorConnectionLost:       {lose, nil},
		ErrorNotSent: {func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		}, nil},
		ErrorProxy:      {respond(407, ``), nil},
		ErrorTimeout:    {over, nil},
		ErrorCanceled:   {over, nil},
		ErrorCredential: {respond(200, `{}`), nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var attempt, call ErrorClass
			observer := Observer{
				AttemptEnd: func(_ context.Context, a AttemptInfo) {
					attempt = a.ErrorClass
					assert.Equal(t, want != "", a.Err != nil)
				},
				CallEnd: func(_ context.Context, c CallInfo) { call = c.ErrorClass; assert.Equal(t, want != "", c.Err != nil) },
			}
			c, _ := scriptedClient(t, []Option{WithObserver(observer), WithRetryPolicy(policy)}, row.play)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			switch want {
			case ErrorCanceled:
				time.AfterFunc(time.Second, cancel)
			case ErrorCredential:
				var err error
				c, err = NewClient(WithHost("https://w.example.com"), WithObserver(observer), WithRetryPolicy(policy),
					WithTokenFunc(func(context.Context) (string, error) { return "", errors.New("no token") }))
				require.NoError(t, err)
			}
			c.Do(ctx, aWrite, nil)
			assert.Equal(t, want, attempt)
			assert.Equal(t, want, call)
		})
	}
}

// Requests that do not reach the network are not observed.
func TestObserver_onlyWhatIsSent(t *testing.T) {
	rec := &recorder{}
	c, _ := scriptedClient(t, []Option{WithObserver(rec.observer()), WithPlan(func(PlannedCall) {})}, respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), aWrite, nil))
	require.Error(t, c.Do(t.Context(), post("/x").required("id", ""), nil))
	assert.Empty(t, rec.lines)
}

func TestRequest_pathTemplate(t *testing.T) {
	for _, row := range []struct {
		r                   Request
		template, operation string
	}{
		{get("/api/2.0/clusters/list-node-types"), "/api/2.0/clusters/list-node-types", "clusters/list-node-types"},
		{get("/api/2.1/jobs/runs/get"), "/api/2.1/jobs/runs/get", "jobs/runs/get"},
		{get("/api/1.2/commands/status"), "/api/1.2/commands/status", "commands/status"},
		{get("/api/2.0/preview/scim/v2/Users"), "/api/2.0/preview/scim/v2/Users", "scim/v2/Users"},
		{get("/api/2.0/permissions/{request_object_type}/{request_object_id}").elements("request_object_type", "clusters").element("request_object_id", "secretive"),
			"/api/2.0/permissions/{request_object_type}/{request_object_id}", "permissions"},
		{get("/api/2.0/sql/warehouses/abc123def"), "/api/2.0/sql/warehouses/{id}", "sql/warehouses"},
		{Request{Path: "/api/2.0/sql/warehouses/abc", PathTemplate: "/api/2.0/sql/warehouses/{id}"}, "/api/2.0/sql/warehouses/{id}", "sql/warehouses"},
		{get("/x/a b"), "/x/{id}", "x"},
	} {
		assert.Equal(t, row.template, row.r.pathTemplate())
		assert.Equal(t, row.operation, operation(row.r.pathTemplate()))
	}
}

func TestDo_responseInfo(t *testing.T) {
	c, _ := scriptedClient(t, nil, respond(429, ``, "X-Request-Id", "r-1"), respond(201, `{}`, "X-Request-Id", "r-2", "ETag", "7"), respond(404, ``))
	var info ResponseInfo
	r := Request{Method: "POST", Path: "/x", Response: &info}
	require.NoError(t, c.Do(t.Context(), r, nil))
	assert.Equal(t, ResponseInfo{201, http.Header{"X-Request-Id": {"r-2"}, "Etag": {"7"}}, "r-2", 2}, info)
	require.Error(t, c.Do(t.Context(), r, nil))
	assert.Equal(t, 404, info.StatusCode, "also of a rejection")
	assert.Equal(t, 1, info.Attempts)
}

// The bytes of a source count as far as they were sent.
func TestObserver_bytesOfASource(t *testing.T) {
	var sent int64
	c, _ := scriptedClient(t, []Option{WithObserver(Observer{CallEnd: func(_ context.Context, c CallInfo) { sent = c.BytesSent }})}, respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), rawBody(5, func() io.Reader { return strings.NewReader("12345") }), nil))
	assert.EqualValues(t, 5, sent)
}

func BenchmarkDo_observed(b *testing.B) {
	for name, opts := range map[string][]Option{"without": nil, "with": {idleObserver}} {
		b.Run(name, func(b *testing.B) {
			s := roundTripFunc(respond(200, `{}`))
			c, err := NewClient(append(opts, WithHost("https://w.example.com"), WithToken("t"), WithHTTPClient(&http.Client{Transport: s}))...)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Do(b.Context(), aRead, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDo_observerRatio compares calls with and without an observer. It alternates
// between them, so that both have the same conditions, and reports the median of the
// ratios.
func BenchmarkDo_observerRatio(b *testing.B) {
	socket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }))
	defer socket.Close()
	for name, opts := range map[string][]Option{
		"memory": {WithHost("https://w.example.com"), WithHTTPClient(&http.Client{Transport: roundTripFunc(respond(200, `{}`))})},
		"socket": {WithHost(socket.URL)},
	} {
		b.Run(name, func(b *testing.B) {
			var clients [2]*Client
			for i := range clients {
				var err error
				clients[i], err = NewClient(slices.Concat(opts, [][]Option{nil, {idleObserver}}[i], []Option{WithToken("t")})...)
				require.NoError(b, err)
			}
			const calls = 100
			var ratios []float64
			for b.Loop() {
				var took [2]time.Duration
				for i := range clients {
					i = (i + len(ratios)) % 2
					started := time.Now()
					for range calls {
						if err := clients[i].Do(b.Context(), aRead, nil); err != nil {
							b.Fatal(err)
						}
					}
					took[i] = time.Since(started)
				}
				ratios = append(ratios, float64(took[1])/float64(took[0]))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
		})
	}
}

// idleObserver is an observer that does nothing.
var idleObserver = WithObserver(Observer{
	CallStart: func(ctx context.Context, _ CallInfo) context.Context { return ctx }, CallEnd: func(context.Context, CallInfo) {},
	AttemptStart: func(ctx context.Context, _ AttemptInfo) context.Context { return ctx }, AttemptEnd: func(context.Context, AttemptInfo) {},
})

// With an observer, the limits on the memory for a response still apply. Received
// bytes are counted before decompression.
func TestObserver_compressed(t *testing.T) {
	zip := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	bomb, small := zip(`{"a":"`+strings.Repeat("x", 32<<20)+`"}`), zip(`{"a":"x"}`)
	var received []int64
	c, _ := scriptedClient(t, []Option{WithObserver(Observer{CallEnd: func(_ context.Context, c CallInfo) { received = append(received, c.BytesReceived) }})},
		respond(200, bomb, "Content-Encoding", "gzip"), respond(200, small, "Content-Encoding", "gzip"))
	var out struct {
		A string `json:"a"`
	}
	require.ErrorContains(t, c.Do(t.Context(), aRead, &out), "the response was rejected")
	require.NoError(t, c.Do(t.Context(), aRead, &out))
	assert.Equal(t, "x", out.A)
	assert.EqualValues(t, len(small), received[1])
}

// A call without an observer allocates nothing for observers. A call with one
// allocates little.
func TestObserver_allocations(t *testing.T) {
	allocs := func(opts ...Option) float64 {
		c, err := NewClient(append(opts, WithHost("https://w.example.com"), WithToken("t"), WithHTTPClient(&http.Client{Transport: roundTripFunc(respond(200, `{}`))}))...)
		require.NoError(t, err)
		r := Request{Method: "GET", Path: "/api/2.0/clusters/list-zones", Idempotent: true}
		return testing.AllocsPerRun(200, func() {
			if err := c.Do(t.Context(), r, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	without, with := allocs(), allocs(idleObserver)
	t.Logf("%.0f without, %.0f with", without, with)
	assert.LessOrEqual(t, with, without+4+6, "6 is what pools drop under the race detector")
	assert.LessOrEqual(t, without, 30.0+6)
}
