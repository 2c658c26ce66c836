package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// A requestCounter counts requests.
type requestCounter struct {
	http.RoundTripper
	requests atomic.Int64
}

func (c *requestCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// between returns the number of requests in a period, counted from now on.
func (c *requestCounter) between(begin, end time.Duration) (count func() int64) {
	var before, after atomic.Int64
	time.AfterFunc(begin, func() { before.Store(c.requests.Load()) })
	time.AfterFunc(end, func() { after.Store(c.requests.Load()) })
	return func() int64 { return after.Load() - before.Load() }
}

func sharing(t *testing.T, test func(ctx context.Context, t *testing.T, server *databrickstest.Server, sent *requestCounter, client func(...databricks.Option) *databricks.Client)) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithRuns(func(spec databrickstest.RunSpec) databrickstest.RunOutcome {
			outcome := databrickstest.RunOutcome{Duration: 3 * time.Minute}
			if spec.Params["short"] != "" {
				outcome.Duration = 110 * time.Second
			}
			if spec.Params["fails"] != "" {
				outcome.Error = "boom"
			}
			return outcome
		}))
		defer server.Close()
		sent := &requestCounter{RoundTripper: server.Transport()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		test(ctx, t, server, sent, func(opts ...databricks.Option) *databricks.Client {
			return server.Client(append(opts, databricks.WithHTTPClient(&http.Client{Transport: sent}))...)
		})
	})
}

func submit(ctx context.Context, t *testing.T, client *databricks.Client, cluster string, params map[string]string) int64 {
	id, err := client.Jobs.SubmitRun(ctx, databricks.SubmitRun{Tasks: []databricks.Task{{
		TaskKey: "a", ExistingClusterID: cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/n", BaseParameters: params},
	}}})
	require.NoError(t, err)
	return id
}

// 1,000 concurrent waits (300 under the race detector) send a few requests per second, with each version of the
// API. Each wait ends soon after its run. A failed run does not end the other waits.
func TestJobs_WaitRuns(t *testing.T) {
	const count = manyWaits
	for _, version := range []string{"2.0", "2.1"} {
		sharing(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, sent *requestCounter, newClient func(...databricks.Option) *databricks.Client) {
			client := newClient(databricks.WithJobsAPI(version))
			cluster, err := client.Clusters.Create(ctx, *smallCluster)
			require.NoError(t, err)
			_, err = client.Clusters.WaitRunning(ctx, cluster)
			require.NoError(t, err)
			started := time.Now()
			ids := []int64{submit(ctx, t, client, cluster, map[string]string{"short": "1", "fails": "1"})}
			for range count - 1 {
				ids = append(ids, submit(ctx, t, client, cluster, nil))
			}
			burst, steady := sent.between(0, 5*time.Second), sent.between(time.Minute, 2*time.Minute)
			before := sent.requests.Load()
			over := 0
			for run, err := range client.Jobs.WaitRuns(ctx, ids) {
				if over++; over == 1 {
					failed, ok := errors.AsType[*databricks.RunError](err)
					require.True(t, ok, "%v", err)
					assert.Equal(t, ids[0], failed.Run.RunID)
					assert.Less(t, time.Since(started), 2*time.Minute+5*time.Second, "the first to end is noticed")
					continue
				}
				require.NoError(t, err)
				assert.True(t, run.Succeeded())
			}
			assert.Equal(t, count, over)
			assert.Less(t, time.Since(started), 3*time.Minute+30*time.Second)
			assert.Positive(t, steady())
			assert.LessOrEqual(t, steady(), int64(20*60), "requests in a minute, version %s", version)
			assert.LessOrEqual(t, burst(), int64(200), "requests in the first five seconds, version %s", version)
			t.Logf("version %s: %d requests in the first five seconds, %d in the second minute, %d in all", version, burst(), steady(), sent.requests.Load()-before)
		})
	}
}

// The waits end when the loop or the context ends.
func TestJobs_WaitRuns_ends(t *testing.T) {
	sharing(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, sent *requestCounter, newClient func(...databricks.Option) *databricks.Client) {
		client := newClient()
		cluster, err := client.Clusters.Create(ctx, *smallCluster)
		require.NoError(t, err)
		_, err = client.Clusters.WaitRunning(ctx, cluster)
		require.NoError(t, err)
		var ids []int64
		for i := range 30 {
			params := map[string]string{}
			if i == 0 {
				params["short"] = "1"
			}
			ids = append(ids, submit(ctx, t, client, cluster, params))
		}
		for run, err := range client.Jobs.WaitRuns(ctx, ids) {
			require.NoError(t, err)
			assert.Equal(t, ids[0], run.RunID)
			break
		}
		short, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var errs []error
		for _, err := range client.Jobs.WaitRuns(short, ids[1:]) {
			errs = append(errs, err)
		}
		require.NotEmpty(t, errs)
		assert.ErrorIs(t, errs[len(errs)-1], context.DeadlineExceeded)
		for range client.Jobs.WaitRuns(ctx, nil) {
			t.Error("a run of none")
		}
	})
}

// Many waits for clusters share a list. A wait that ends does not affect the
// others. If the list is not permitted, each wait polls for itself.
func TestClusters_WaitRunning_many(t *testing.T) {
	for _, forbidden := range []bool{false, true} {
		sharing(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, sent *requestCounter, newClient func(...databricks.Option) *databricks.Client) {
			client := newClient()
			if forbidden {
				server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/list", Status: 403, Times: -1})
			}
			var waits sync.WaitGroup
			for i := range 100 {
				spec := *smallCluster
				spec.ClusterName = fmt.Sprint(i)
				id, err := client.Clusters.Create(ctx, spec)
				require.NoError(t, err)
				waits.Go(func() {
					if i%10 == 0 {
						leaves, cancel := context.WithTimeout(ctx, time.Millisecond)
						defer cancel()
						_, err := client.Clusters.WaitRunning(leaves, id)
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						return
					}
					cluster, err := client.Clusters.WaitRunning(ctx, id)
					if assert.NoError(t, err) {
						assert.Equal(t, databricks.ClusterRunning, cluster.State)
						assert.NotNil(t, cluster.Spec, "as Get returns it")
					}
				})
			}
			waits.Wait()
		})
	}
}
