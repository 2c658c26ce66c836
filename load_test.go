package databricks_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// noLeaks fails the test if it leaves additional goroutines.
func noLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond) // until connections have noticed that they are closed
		}
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	})
}

// Many goroutines share a client while one request in twenty has a fault. Each call
// returns its result or a typed error. The workspace agrees with the reported
// results.
func TestLoad(t *testing.T) {
	noLeaks(t)
	const goroutines, rounds = 64, 12
	server := databrickstest.NewServer(databrickstest.WithFaults(
		databrickstest.Fault{Rate: 0.01, Times: -1, Reset: true},
		databrickstest.Fault{Rate: 0.01, Times: -1, Reset: true, WorkDone: true},
		databrickstest.Fault{Rate: 0.01, Times: -1, Status: 502, WorkDone: true},
		databrickstest.Fault{Rate: 0.01, Times: -1, Status: 429, RetryAfter: "0"},
		databrickstest.Fault{Rate: 0.01, Times: -1, Truncate: true, Keep: 1},
	))
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: goroutines}
	defer transport.CloseIdleConnections()
	client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken(server.Token), databricks.WithHTTPClient(&http.Client{Transport: transport}),
		databricks.WithRetryPolicy(databricks.RetryPolicy{MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond}))
	require.NoError(t, err)

	var mu sync.Mutex
	reported := map[string]error{} // by the name of the new object
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for r := range rounds {
				name := fmt.Sprintf("thing-%d-%d", g, r)
				_, jobErr := client.Jobs.Create(t.Context(), databricks.CreateJob{Name: name, ExistingClusterID: "x", NotebookTask: &databricks.NotebookTask{NotebookPath: "/x"}})
				groupErr := client.Groups.Create(t.Context(), name)
				_, clusterErr := client.Clusters.Create(t.Context(), spec(name))
				mu.Lock()
				reported["job "+name], reported["group "+name], reported["cluster "+name] = jobErr, groupErr, clusterErr
				mu.Unlock()
			}
		})
	}
	group.Wait()
	server.ClearFaults()

	seen := map[string]int{}
	for job, err := range client.Jobs.All(t.Context(), databricks.ListJobs{}) {
		require.NoError(t, err)
		seen["job "+job.Settings.Name]++
	}
	for _, name := range must(client.Groups.List(t.Context())) {
		seen["group "+name]++
	}
	for _, cluster := range must(client.Clusters.List(t.Context(), databricks.ListClusters{})) {
		seen["cluster "+cluster.ClusterName]++
	}
	failures := 0
	for name, err := range reported {
		_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
		switch n := seen[name]; {
		case n > 1:
			t.Errorf("%s was made %d times (%v)", name, n, err)
		case err == nil && n == 0:
			t.Errorf("%s was lost without an error", name)
		case err != nil && !unknown && n == 1:
			t.Errorf("%s is there, but it was reported that it is not: %v", name, err)
		}
		if err != nil {
			failures++
			_, api := errors.AsType[*databricks.APIError](err)
			assert.True(t, unknown || api, "an error without a type: %v", err)
		}
	}
	assert.Len(t, reported, goroutines*rounds*3)
	assert.NotZero(t, failures, "no fault was met: the test tests nothing")
	assert.Empty(t, server.Panics())
}

// A thousand goroutines share one rate limit, and the limit holds.
func TestRateLimit_thousandGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		server := databrickstest.NewServer()
		defer server.Close()
		client := server.Client(databricks.WithRateLimit(100, 10))
		start := time.Now()
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				_, err := client.Groups.List(ctx)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		assert.InDelta(t, 9.9, time.Since(start).Seconds(), 0.1)
		assert.Len(t, server.Requests(), 1000)
	})
}

// A call returns its connection before it returns, so that goroutines with a
// connection each need no further ones. On a busy machine, a few more are needed:
// net/http closes a connection if it does not notice the end of the write within 50
// ms of the response.
func TestConnections_areReused(t *testing.T) {
	const goroutines = 32
	var opened atomic.Int64
	var first sync.WaitGroup // the first request of each goroutine, all of them concurrently
	first.Add(goroutines)
	var requests atomic.Int64
	server := databrickstest.NewServer()
	defer server.Close()
	listening := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= goroutines {
			first.Done()
			first.Wait()
		}
		server.ServeHTTP(w, r)
	}))
	listening.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	listening.Start()
	defer listening.Close()
	client, err := databricks.NewClient(databricks.WithHost(listening.URL), databricks.WithToken(server.Token))
	require.NoError(t, err)
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range 20 {
				_, err := client.Clusters.Get(t.Context(), "none")
				assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist)
				for _, err := range client.Clusters.All(t.Context(), databricks.ListClusters{}) {
					assert.NoError(t, err)
				}
			}
		})
	}
	group.Wait()
	assert.Less(t, opened.Load(), int64(4*goroutines), "connections for %d calls", requests.Load())
}

// An untrusted certificate ends a call immediately, and nothing was sent.
func TestTLS_unknownCertificate(t *testing.T) {
	received, dials := 0, atomic.Int64{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received++ }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dials.Add(1)
		}
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client, err := databricks.NewClient(databricks.WithHost(server.URL), databricks.WithToken("x"))
	require.NoError(t, err)
	err = client.Clusters.Start(t.Context(), "x")
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	assert.True(t, certificate, "%v", err)
	assert.NotErrorAs(t, err, new(*databricks.OutcomeUnknownError))
	assert.Zero(t, received)
	assert.EqualValues(t, 1, dials.Load())
}

// net/http reads the proxies in the environment once per process, so this test runs
// in its own process.
func TestProxy_ofTheEnvironment(t *testing.T) {
	if os.Getenv("TEST_PROXY_CHILD") != "" {
		client, err := databricks.NewClient(databricks.WithHost("http://workspace.example.com"), databricks.WithToken("x"), databricks.WithInsecureHTTP())
		require.NoError(t, err)
		_, err = client.Groups.List(t.Context())
		require.NoError(t, err)
		return
	}
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		fmt.Fprint(w, `{}`)
	}))
	defer proxy.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestProxy_ofTheEnvironment$", "-test.count=1")
	child.Env = append(os.Environ(), "TEST_PROXY_CHILD=1", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "http://workspace.example.com/api/2.0/groups/list", asked.Load())
}
