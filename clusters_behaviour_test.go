package databricks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const (
	getPath   = "/api/2.0/clusters/get"
	startPath = "/api/2.0/clusters/start"
	editPath  = "/api/2.0/clusters/edit"
)

// A lab is an in-memory workspace in a bubble. A cluster starts in 5 minutes,
// restarts in 3, resizes in 2 and terminates in 1.
type lab struct {
	*testing.T
	*databricks.ClustersService
	server *databrickstest.Server
	ctx    context.Context
}

func inLab(t *testing.T, f func(l lab), opts ...databrickstest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(append([]databrickstest.Option{databrickstest.WithTimings(databrickstest.Timings{
			ClusterStart: 5 * time.Minute, ClusterRestart: 3 * time.Minute, ClusterResize: 2 * time.Minute, ClusterTerminate: time.Minute,
		})}, opts...)...)
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		f(lab{t, server.Client().Clusters, server, ctx})
		assert.Empty(t, server.Panics())
	})
}

var aCluster = databricks.CreateCluster{
	ClusterName: "nightly", NumWorkers: new(2), SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", AutoterminationMinutes: new(0),
}

// create creates a cluster that is still PENDING.
func (l lab) create() (id string) {
	l.Helper()
	id, err := l.Create(l.ctx, aCluster)
	require.NoError(l, err)
	return id
}

// running creates a cluster that is RUNNING.
func (l lab) running() (id string) {
	l.Helper()
	id = l.create()
	_, err := l.WaitRunning(l.ctx, id)
	require.NoError(l, err)
	return id
}

// terminated creates a cluster that is TERMINATED.
func (l lab) terminated() (id string) {
	l.Helper()
	id = l.running()
	require.NoError(l, l.Delete(l.ctx, id))
	_, err := l.WaitTerminated(l.ctx, id)
	require.NoError(l, err)
	l.server.ForgetRequests()
	return id
}

// sent returns the number of requests that the server received.
func (l lab) sent(path string) (n int) {
	for _, r := range l.server.Requests() {
		if r.Path == path {
			n++
		}
	}
	return n
}

// events returns the types of a cluster's events, oldest first.
func (l lab) events(id string) (types []databricks.ClusterEventType) {
	l.Helper()
	for event, err := range l.AllEvents(l.ctx, databricks.ListClusterEvents{ClusterID: id, Order: databricks.Ascending}) {
		require.NoError(l, err)
		types = append(types, event.Type)
	}
	return types
}

// starts returns how many starts of the cluster the server accepted.
func (l lab) starts(id string) (n int) {
	l.Helper()
	for _, event := range l.events(id) {
		if event == databricks.ClusterEventStarting {
			n++
		}
	}
	return n
}

func TestClusters_life(t *testing.T) {
	inLab(t, func(l lab) {
		started := time.Now()
		id := l.create()
		cluster, err := l.WaitRunning(l.ctx, id)
		require.NoError(l, err)
		assert.Equal(l, databricks.ClusterRunning, cluster.State)
		assert.Len(l, cluster.Executors, 2)
		assert.Less(l, time.Since(started), 5*time.Minute+6*time.Second, "noticed late")
		assert.Less(l, l.sent(getPath), 200, "looks")

		require.NoError(l, l.Resize(l.ctx, databricks.ResizeCluster{ClusterID: id, NumWorkers: new(0)}))
		assert.ErrorIs(l, l.Restart(l.ctx, databricks.RestartCluster{ClusterID: id}), databricks.ErrInvalidState, "it is resizing")
		cluster, err = l.WaitRunning(l.ctx, id)
		require.NoError(l, err)
		assert.Empty(l, cluster.Executors)
		contextID := cluster.SparkContextID
		require.NoError(l, l.Restart(l.ctx, databricks.RestartCluster{ClusterID: id}))
		cluster, err = l.WaitRunning(l.ctx, id)
		require.NoError(l, err)
		assert.NotEqual(l, contextID, cluster.SparkContextID)

		require.NoError(l, l.Delete(l.ctx, id))
		require.NoError(l, l.Delete(l.ctx, id), "again")
		started = time.Now()
		cluster, err = l.WaitTerminated(l.ctx, id)
		require.NoError(l, err)
		assert.Less(l, time.Since(started), time.Minute+6*time.Second, "noticed late")
		assert.Equal(l, databricks.TerminationUserRequest, cluster.TerminationReason.Code)
		assert.NotZero(l, cluster.TerminatedTime)

		require.NoError(l, l.Pin(l.ctx, id))
		assert.ErrorContains(l, l.PermanentDelete(l.ctx, id), "unpin the cluster first")
		require.NoError(l, l.Unpin(l.ctx, id))
		require.NoError(l, l.PermanentDelete(l.ctx, id))
		_, err = l.Get(l.ctx, id)
		assert.ErrorIs(l, err, databricks.ErrResourceDoesNotExist)
		_, err = l.WaitTerminated(l.ctx, id)
		assert.ErrorIs(l, err, databricks.ErrResourceDoesNotExist)
		assert.ErrorContains(l, err, "cluster "+id)
	})
}

var outOfCores = databrickstest.ClusterFailure{
	Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE", Message: "The cloud refused.",
	Parameters: map[string]string{"azure_error_code": "QuotaExceeded"},
}

func (l lab) assertOutOfCores(err error) {
	l.Helper()
	failure, ok := errors.AsType[*databricks.ClusterError](err)
	require.True(l, ok, "%v", err)
	assert.Equal(l, databricks.TerminationCloudProviderLaunchFailure, failure.Code)
	assert.Equal(l, databricks.TerminationCloudFailure, failure.Type)
	assert.Equal(l, "QuotaExceeded", failure.Parameters[databricks.TerminationAzureErrorCode])
	assert.Equal(l, "The cloud refused.", failure.Cluster.StateMessage)
	assert.Equal(l, databricks.ClusterTerminated, failure.Cluster.State)
}

// What a policy fixes may be unset, even if it is the pool.
func TestClusters_Create_policyFixesAll(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	create := func(name string) string {
		id, err := client.Pools.Create(t.Context(), databricks.CreatePool{InstancePoolName: name, NodeTypeID: "Standard_DS3_v2"})
		require.NoError(t, err)
		return id
	}
	workers, driver := create("workers"), create("driver")
	fixed := func(value any) databricks.PolicyRule {
		return databricks.PolicyRule{Type: databricks.PolicyFixed, Value: value}
	}
	policy, err := client.Policies.Create(t.Context(), databricks.CreatePolicy{Name: "all", Definition: databricks.PolicyDefinition{
		"instance_pool_id": fixed(workers), "driver_instance_pool_id": fixed(driver), "spark_version": fixed("15.4.x-scala2.12"), "num_workers": fixed(2),
	}.JSON()})
	require.NoError(t, err)
	id, err := client.Clusters.Create(t.Context(), databricks.CreateCluster{ClusterName: "small", PolicyID: policy})
	require.NoError(t, err)
	cluster, err := client.Clusters.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, workers, cluster.InstancePoolID)
	assert.Equal(t, driver, cluster.DriverInstancePoolID)
	assert.Equal(t, "15.4.x-scala2.12", cluster.SparkVersion)
	assert.Equal(t, new(2), cluster.NumWorkers)
}

func TestClusters_WaitRunning_failure(t *testing.T) {
	inLab(t, func(l lab) {
		l.server.FailNextCluster(outOfCores)
		id := l.create()
		_, err := l.WaitRunning(l.ctx, id)
		l.assertOutOfCores(err)

		started := time.Now()
		_, err = l.WaitRunning(l.ctx, id)
		l.assertOutOfCores(err)
		assert.Less(l, time.Since(started), time.Second, "a terminated cluster does not come up by itself")
		cluster, err := l.WaitTerminated(l.ctx, id)
		require.NoError(l, err)
		assert.Equal(l, databricks.TerminationCloudProviderLaunchFailure, cluster.TerminationReason.Code)
	})
}

// If the context ends, the error says so and contains the last known state.
func TestClusters_waits_endWithTheContext(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.create()
		enough := errors.New("enough")
		for name, wait := range map[string]func(context.Context) error{
			"WaitRunning":    func(ctx context.Context) error { _, err := l.WaitRunning(ctx, id); return err },
			"WaitTerminated": func(ctx context.Context) error { _, err := l.WaitTerminated(ctx, id); return err },
			"EnsureRunning":  func(ctx context.Context) error { _, err := l.EnsureRunning(ctx, id); return err },
		} {
			ctx, cancel := context.WithTimeoutCause(l.ctx, time.Minute, enough)
			started := time.Now()
			err := wait(ctx)
			cancel()
			assert.Equal(l, time.Minute, time.Since(started), name)
			assert.ErrorIs(l, err, context.DeadlineExceeded, name)
			assert.ErrorIs(l, err, enough, name)
			assert.ErrorContains(l, err, "watching cluster "+id, name)
			assert.ErrorContains(l, err, "it was PENDING: Finding instances", name)
		}

		ctx, cancel := context.WithCancel(l.ctx)
		defer cancel()
		var last error
		for _, last = range l.Watch(ctx, id) {
			cancel()
		}
		assert.ErrorIs(l, last, context.Canceled)
	})
}

func TestClusters_waits_surviveBadLooks(t *testing.T) {
	for _, fault := range []databrickstest.Fault{
		{Status: 500}, {Status: 502, Body: "<html>Bad Gateway</html>", ContentType: "text/html"}, {Status: 429, RetryAfter: "7"},
		{Reset: true}, {Refuse: true}, {Truncate: true, Keep: 10},
	} {
		inLab(t, func(l lab) {
			id := l.create()
			fault.Path, fault.Skip, fault.Times = getPath, 3, 4
			l.server.Inject(fault)
			_, err := l.WaitRunning(l.ctx, id)
			assert.NoError(l, err, "%+v", fault)
		})
	}
}

func TestClusters_waits_endWhenItIsNoUse(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.create()
		l.server.Inject(databrickstest.Fault{Path: getPath, Skip: 2, Times: -1, Status: 403, Body: `{"error_code": "PERMISSION_DENIED", "message": "no"}`})
		_, err := l.WaitRunning(l.ctx, id)
		assert.ErrorIs(l, err, databricks.ErrPermissionDenied)
		assert.ErrorContains(l, err, "it was PENDING")
		assert.Equal(l, 4, l.sent(getPath), "polls: a rejected credential is asked for once more")
	})
	inLab(t, func(l lab) {
		id := l.create()
		l.server.Inject(databrickstest.Fault{Path: getPath, Times: -1, Status: 500})
		started := time.Now()
		_, err := l.WaitRunning(l.ctx, id)
		assert.ErrorAs(l, err, new(*databricks.APIError))
		assert.Less(l, time.Since(started), time.Hour, "a service that is down for good is not waited for")
	})
}

func TestClusters_Watch(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.create()
		var states []databricks.ClusterState
		for cluster, err := range l.Watch(l.ctx, id) {
			require.NoError(l, err)
			states = append(states, cluster.State)
			switch len(states) {
			case 2:
				require.NoError(l, l.Resize(l.ctx, databricks.ResizeCluster{ClusterID: id, NumWorkers: new(3)}))
			case 4:
				require.NoError(l, l.Delete(l.ctx, id))
			case 6:
				require.NoError(l, l.Start(l.ctx, id)) // the watch continues
			}
			if len(states) == 8 {
				break
			}
		}
		assert.Equal(l, []databricks.ClusterState{
			databricks.ClusterPending, databricks.ClusterRunning, databricks.ClusterResizing, databricks.ClusterRunning,
			databricks.ClusterTerminating, databricks.ClusterTerminated, databricks.ClusterPending, databricks.ClusterRunning,
		}, states)
	})
}

// EnsureRunning handles every state, and starts only terminated clusters.
func TestClusters_EnsureRunning_states(t *testing.T) {
	for _, row := range []struct {
		state  databricks.ClusterState
		make   func(l lab) (id string)
		starts int
		within time.Duration
	}{
		{databricks.ClusterRunning, lab.running, 0, time.Second},
		{databricks.ClusterPending, lab.create, 0, 5 * time.Minute},
		{databricks.ClusterTerminated, lab.terminated, 1, 5 * time.Minute},
		{databricks.ClusterTerminating, func(l lab) string {
			id := l.running()
			require.NoError(l, l.Delete(l.ctx, id))
			return id
		}, 1, 6 * time.Minute},
		{databricks.ClusterRestarting, func(l lab) string {
			id := l.running()
			require.NoError(l, l.Restart(l.ctx, databricks.RestartCluster{ClusterID: id}))
			return id
		}, 0, 3 * time.Minute},
		{databricks.ClusterResizing, func(l lab) string {
			id := l.running()
			require.NoError(l, l.Resize(l.ctx, databricks.ResizeCluster{ClusterID: id, NumWorkers: new(5)}))
			return id
		}, 0, 2 * time.Minute},
	} {
		t.Run(string(row.state), func(t *testing.T) {
			inLab(t, func(l lab) {
				id := row.make(l)
				cluster, err := l.Get(l.ctx, id)
				require.NoError(l, err)
				require.Equal(l, row.state, cluster.State)
				l.server.ForgetRequests()

				started := time.Now()
				cluster, err = l.EnsureRunning(l.ctx, id)
				require.NoError(l, err)
				assert.Equal(l, databricks.ClusterRunning, cluster.State)
				assert.Less(l, time.Since(started), row.within+15*time.Second, "noticed late")
				assert.Equal(l, row.starts, l.sent(startPath), "requests")
				assert.Equal(l, row.starts, l.starts(id), "starts")
			})
		})
	}
}

func TestClusters_EnsureRunning_byManyAtOnce(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				cluster, err := l.EnsureRunning(l.ctx, id)
				if assert.NoError(l, err) {
					assert.Equal(l, databricks.ClusterRunning, cluster.State)
				}
			})
		}
		all.Wait()
		assert.Equal(l, 1, l.starts(id))
	})
}

// transport calls before for each request and then sends it.
type transport struct {
	http.RoundTripper
	before func(*http.Request)
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.before(r)
	return t.RoundTripper.RoundTrip(r)
}

// Another client starts the cluster between the poll and the start.
func TestClusters_EnsureRunning_somebodyIsFaster(t *testing.T) {
	for _, fails := range []bool{false, true} {
		inLab(t, func(l lab) {
			id := l.terminated()
			if fails {
				l.server.FailNextCluster(outOfCores)
			}
			var once sync.Once
			client := l.server.Client(databricks.WithHTTPClient(&http.Client{Transport: transport{l.server.Transport(), func(r *http.Request) {
				if r.URL.Path == startPath {
					once.Do(func() { assert.NoError(l, l.Start(l.ctx, id)) })
				}
			}}}))
			_, err := client.Clusters.EnsureRunning(l.ctx, id)
			if fails {
				l.assertOutOfCores(err)
			} else {
				assert.NoError(l, err)
			}
			assert.Equal(l, 1, l.starts(id))
			assert.Equal(l, 2, l.sent(startPath), "requests")
		})
	}
}

// The request to start may be lost before or after it was processed.
func TestClusters_EnsureRunning_lostResponses(t *testing.T) {
	for _, row := range []struct {
		name     string
		fault    databrickstest.Fault
		requests int
	}{
		{"after the work", databrickstest.Fault{Reset: true, WorkDone: true}, 1},
		{"before the work", databrickstest.Fault{Reset: true}, 2},
		{"by a gateway, after the work", databrickstest.Fault{Status: 502, WorkDone: true}, 1},
		{"by a gateway, before the work, thrice", databrickstest.Fault{Status: 502, Times: 3}, 4},
		{"by nobody: it was not taken", databrickstest.Fault{Refuse: true}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			inLab(t, func(l lab) {
				id := l.terminated()
				row.fault.Path = startPath
				l.server.Inject(row.fault)
				_, err := l.EnsureRunning(l.ctx, id)
				require.NoError(l, err)
				assert.Equal(l, row.requests, l.sent(startPath), "requests")
				assert.Equal(l, 1, l.starts(id), "starts")
			})
		})
	}
}

func TestClusters_EnsureRunning_startThatFails(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		l.server.FailNextCluster(outOfCores)
		_, err := l.EnsureRunning(l.ctx, id)
		l.assertOutOfCores(err)
		assert.Equal(l, 1, l.starts(id), "it is not started again and again")
	})
	// A cluster that fails too fast to be seen starting is not an old termination.
	inLab(t, func(l lab) {
		id := l.terminated()
		l.server.FailNextCluster(outOfCores)
		_, err := l.EnsureRunning(l.ctx, id)
		l.assertOutOfCores(err)
		assert.Equal(l, 1, l.starts(id))
	}, databrickstest.WithTimings(databrickstest.Timings{ClusterStart: time.Nanosecond, ClusterTerminate: time.Nanosecond}))
	// The same holds if the cluster was already starting.
	inLab(t, func(l lab) {
		l.server.FailNextCluster(outOfCores)
		id := l.create()
		_, err := l.EnsureRunning(l.ctx, id)
		l.assertOutOfCores(err)
		assert.Zero(l, l.starts(id))
	})
}

func TestClusters_EnsureRunning_terminatedMeanwhile(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		time.AfterFunc(time.Minute, func() { assert.NoError(l, l.Delete(l.ctx, id)) })
		_, err := l.EnsureRunning(l.ctx, id)
		failure, ok := errors.AsType[*databricks.ClusterError](err)
		require.True(l, ok, "%v", err)
		assert.Equal(l, databricks.TerminationUserRequest, failure.Code)
		assert.Equal(l, 1, l.starts(id), "it is not started against somebody's will")
	})
}

// The service may show the old termination for a while.
func TestClusters_EnsureRunning_oldNews(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		cluster, err := l.Get(l.ctx, id)
		require.NoError(l, err)
		old, err := json.Marshal(cluster)
		require.NoError(l, err)
		l.server.Inject(databrickstest.Fault{Path: getPath, Skip: 1, Times: 20, Status: 200, Body: string(old), ContentType: "application/json"})
		_, err = l.EnsureRunning(l.ctx, id)
		require.NoError(l, err)
		assert.Equal(l, 1, l.sent(startPath), "requests")
	})
}

func TestClusters_EnsureRunning_refusals(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		l.server.Inject(databrickstest.Fault{Path: startPath, Times: -1, Status: 400, Body: `{"error_code": "INVALID_STATE", "message": "The trial is over."}`})
		_, err := l.EnsureRunning(l.ctx, id)
		assert.ErrorIs(l, err, databricks.ErrInvalidState, "that is no race")
		assert.ErrorContains(l, err, "The trial is over.")
		assert.Less(l, l.sent(startPath), 10, "requests")
	})
	inLab(t, func(l lab) {
		id := l.terminated()
		l.server.Inject(databrickstest.Fault{Path: startPath, Times: -1, Status: 403, Body: `{"error_code": "PERMISSION_DENIED", "message": "no"}`})
		_, err := l.EnsureRunning(l.ctx, id)
		assert.ErrorIs(l, err, databricks.ErrPermissionDenied)
		assert.Equal(l, 1, l.sent(startPath), "requests")
	})
	inLab(t, func(l lab) {
		id := l.create()
		l.server.Inject(databrickstest.Fault{Path: getPath, Times: -1, Status: 200, Body: `{"cluster_id": "1", "state": "ERROR", "state_message": "broken"}`, ContentType: "application/json"})
		for _, wait := range []func(context.Context, string) (*databricks.Cluster, error){l.EnsureRunning, l.WaitRunning, l.WaitTerminated} {
			_, err := wait(l.ctx, id)
			assert.ErrorAs(l, err, new(*databricks.ClusterError))
			assert.ErrorContains(l, err, "ERROR: broken")
		}
		assert.Zero(l, l.sent(startPath), "requests")
	})
	// EnsureRunning waits until the outcome is known.
	inLab(t, func(l lab) {
		id := l.running()
		l.server.Inject(databrickstest.Fault{Path: getPath, Times: 9, Status: 200, Body: `{"cluster_id": "1", "state": "DREAMING"}`, ContentType: "application/json"})
		_, err := l.EnsureRunning(l.ctx, id)
		assert.NoError(l, err)
	})
}

// raw returns the attributes that were last sent, including unknown ones.
func (l lab) raw(id string) map[string]any {
	l.Helper()
	var cluster struct {
		Spec map[string]any `json:"spec"`
	}
	r := databricks.Request{Method: "GET", Path: getPath, Query: map[string][]string{"cluster_id": {id}}}
	require.NoError(l, l.server.Client().Do(l.ctx, r, &cluster))
	require.NotEmpty(l, cluster.Spec)
	return cluster.Spec
}

func TestClusters_Modify_losesNothing(t *testing.T) {
	inLab(t, func(l lab) {
		var made struct {
			ID string `json:"cluster_id"`
		}
		body := json.RawMessage(`{
			"cluster_name": "nightly", "num_workers": 2, "spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_DS3_v2",
			"brand_new": {"a": [1, {"b": null}]}, "autotermination_minutes": 0, "custom_tags": {"team": "data"}, "enable_elastic_disk": false,
			"azure_attributes": {"first_on_demand": 1, "tide": "high"}, "spark_conf": {"spark.speculation": "true"},
			"init_scripts": [{"workspace": {"destination": "/a.sh"}, "mood": "good"}]
		}`)
		require.NoError(l, l.server.Client().Do(l.ctx, databricks.Request{Method: "POST", Path: "/api/2.0/clusters/create", Body: body}, &made))
		_, err := l.WaitRunning(l.ctx, made.ID)
		require.NoError(l, err)
		want := l.raw(made.ID)
		require.Contains(l, want, "brand_new")

		l.server.ForgetRequests()
		require.NoError(l, l.Modify(l.ctx, made.ID, func(*databricks.ClusterSpec) {}))
		assert.Zero(l, l.sent(editPath), "requests")

		require.NoError(l, l.Modify(l.ctx, made.ID, func(spec *databricks.ClusterSpec) {
			spec.CustomTags["owner"] = "alice"
			spec.AutoterminationMinutes = new(30)
		}))
		want["custom_tags"].(map[string]any)["owner"] = "alice"
		want["autotermination_minutes"] = 30.0
		assert.Equal(l, want, l.raw(made.ID))

		assert.ErrorIs(l, l.Modify(l.ctx, made.ID, func(spec *databricks.ClusterSpec) { spec.ClusterName = "n" }), databricks.ErrInvalidState, "it restarts")
		_, err = l.WaitRunning(l.ctx, made.ID)
		require.NoError(l, err)

		// A resize is not an edit, and an edit does not undo it.
		require.NoError(l, l.Resize(l.ctx, databricks.ResizeCluster{ClusterID: made.ID, Autoscale: &databricks.AutoScale{MinWorkers: new(1), MaxWorkers: 7}}))
		_, err = l.WaitRunning(l.ctx, made.ID)
		require.NoError(l, err)
		require.NoError(l, l.Modify(l.ctx, made.ID, func(spec *databricks.ClusterSpec) { spec.ClusterName = "resized" }))
		cluster, err := l.WaitRunning(l.ctx, made.ID)
		require.NoError(l, err)
		assert.Equal(l, "resized", cluster.ClusterName)
		require.NotNil(l, cluster.Autoscale)
		assert.Equal(l, 7, cluster.Autoscale.MaxWorkers)
	}, databrickstest.WithUnknownAttributes())
}

// An edit is not retried after a lost response. Modify can be called again.
func TestClusters_Modify_lostResponse(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		change := func(spec *databricks.ClusterSpec) { spec.ClusterName = "other" }
		l.server.Inject(databrickstest.Fault{Path: editPath, Reset: true, WorkDone: true})
		assert.ErrorAs(l, l.Modify(l.ctx, id, change), new(*databricks.OutcomeUnknownError))
		require.NoError(l, l.Modify(l.ctx, id, change))
		assert.Equal(l, 1, l.sent(editPath), "requests")
		cluster, err := l.Get(l.ctx, id)
		require.NoError(l, err)
		assert.Equal(l, "other", cluster.ClusterName)
		assert.Equal(l, databricks.ClusterTerminated, cluster.State)
	})
}

// If responses are lost, there is only one cluster, and its ID is known.
func TestClusters_Create_onceForAll(t *testing.T) {
	for _, fault := range []databrickstest.Fault{
		{Reset: true, WorkDone: true}, {Reset: true}, {Status: 502, WorkDone: true}, {Truncate: true, Keep: 5, WorkDone: true}, {Status: 429}, {Refuse: true},
	} {
		inLab(t, func(l lab) {
			fault.Path, fault.Times = "/api/2.0/clusters/create", 2
			l.server.Inject(fault)
			id := l.create()
			clusters, err := l.List(l.ctx, databricks.ListClusters{})
			require.NoError(l, err)
			require.Len(l, clusters, 1, "%+v", fault)
			assert.Equal(l, id, clusters[0].ClusterID)
		})
	}
}

// Calls that may have taken effect are not retried, and idempotent calls are.
func TestClusters_lostResponses(t *testing.T) {
	for path, row := range map[string]struct {
		make   func(lab) string
		call   func(l lab, id string) error
		repeat bool
	}{
		"start":   {lab.terminated, func(l lab, id string) error { return l.Start(l.ctx, id) }, false},
		"restart": {lab.running, func(l lab, id string) error { return l.Restart(l.ctx, databricks.RestartCluster{ClusterID: id}) }, false},
		"edit":    {lab.running, func(l lab, id string) error { return l.Edit(l.ctx, id, aCluster) }, false},
		"resize": {lab.running, func(l lab, id string) error {
			return l.Resize(l.ctx, databricks.ResizeCluster{ClusterID: id, NumWorkers: new(5)})
		}, false},
		"delete":           {lab.running, func(l lab, id string) error { return l.Delete(l.ctx, id) }, true},
		"permanent-delete": {lab.running, func(l lab, id string) error { return l.PermanentDelete(l.ctx, id) }, true},
		"pin":              {lab.running, func(l lab, id string) error { return l.Pin(l.ctx, id) }, true},
		"unpin":            {lab.running, func(l lab, id string) error { return l.Unpin(l.ctx, id) }, true},
		"change-owner":     {lab.terminated, func(l lab, id string) error { return l.ChangeOwner(l.ctx, id, databrickstest.AdminName) }, true},
		"events":           {lab.running, func(l lab, id string) error { l.events(id); return nil }, true},
	} {
		t.Run(path, func(t *testing.T) {
			inLab(t, func(l lab) {
				id := row.make(l)
				l.server.ForgetRequests()
				l.server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/" + path, Reset: true, WorkDone: true})
				err := row.call(l, id)
				if row.repeat {
					assert.NoError(l, err)
					assert.Equal(l, 2, l.sent("/api/2.0/clusters/"+path), "requests")
				} else {
					assert.ErrorAs(l, err, new(*databricks.OutcomeUnknownError))
					assert.Equal(l, 1, l.sent("/api/2.0/clusters/"+path), "requests")
				}
			})
		})
	}
}

func TestClusters_lists(t *testing.T) {
	inLab(t, func(l lab) {
		names := func(seq iter.Seq2[databricks.Cluster, error]) (names []string) {
			for cluster, err := range seq {
				require.NoError(l, err)
				names = append(names, cluster.ClusterName)
			}
			slices.Sort(names)
			return names
		}
		listed := func(in databricks.ListClusters) []string {
			clusters, err := l.List(l.ctx, in)
			require.NoError(l, err)
			return names(func(yield func(databricks.Cluster, error) bool) {
				for _, c := range clusters {
					if !yield(c, nil) {
						return
					}
				}
			})
		}
		assert.Empty(l, listed(databricks.ListClusters{}))
		var all, pinned []string
		for i := range 25 {
			in := aCluster
			in.ClusterName = fmt.Sprintf("c%02d", i)
			all = append(all, in.ClusterName)
			id, err := l.Create(l.ctx, in)
			require.NoError(l, err)
			if i%5 == 0 {
				require.NoError(l, l.Pin(l.ctx, id))
				pinned = append(pinned, in.ClusterName)
			}
		}
		for _, row := range []struct {
			in   databricks.ListClusters
			want []string
		}{
			{databricks.ListClusters{}, all},
			{databricks.ListClusters{PageSize: 7}, all},
			{databricks.ListClusters{FilterBy: databricks.ClusterFilter{IsPinned: new(true)}}, pinned},
			{databricks.ListClusters{FilterBy: databricks.ClusterFilter{IsPinned: new(true)}, PageSize: 2}, pinned},
			{databricks.ListClusters{FilterBy: databricks.ClusterFilter{ClusterStates: []databricks.ClusterState{databricks.ClusterRunning}}}, nil},
		} {
			assert.Equal(l, row.want, names(l.All(l.ctx, row.in)))
			assert.Equal(l, row.want, listed(row.in))
		}
	})
}

// New events do not shift pages, and filters apply to all pages.
func TestClusters_Events(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.running()
		for range 20 {
			require.NoError(l, l.Pin(l.ctx, id))
			require.NoError(l, l.Unpin(l.ctx, id))
		}
		want := l.events(id)
		slices.Reverse(want)
		var got []databricks.ClusterEventType
		for event, err := range l.AllEvents(l.ctx, databricks.ListClusterEvents{ClusterID: id, PageSize: 7}) {
			require.NoError(l, err)
			if got = append(got, event.Type); len(got) == 10 {
				time.Sleep(time.Second)
				require.NoError(l, l.Pin(l.ctx, id))
			}
		}
		assert.Equal(l, want, got)

		n := 0
		for event, err := range l.AllEvents(l.ctx, databricks.ListClusterEvents{
			ClusterID: id, PageSize: 3, EventTypes: []databricks.ClusterEventType{databricks.ClusterEventPinned},
		}) {
			require.NoError(l, err)
			assert.Equal(l, databricks.ClusterEventPinned, event.Type)
			n++
		}
		assert.Equal(l, 21, n)
	})
}

func TestClusters_Update(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		require.NoError(l, l.Update(l.ctx, databricks.UpdateCluster{
			ClusterID: id, UpdateMask: "cluster_name,num_workers,custom_tags",
			Cluster: databricks.ClusterSpec{NumWorkers: new(0), CustomTags: map[string]string{"a": "b"}},
		}))
		cluster, err := l.Get(l.ctx, id)
		require.NoError(l, err)
		assert.Empty(l, cluster.ClusterName)
		assert.Equal(l, new(0), cluster.NumWorkers)
		assert.Equal(l, map[string]string{"a": "b"}, cluster.CustomTags)
		assert.Equal(l, aCluster.SparkVersion, cluster.SparkVersion)
	})
}

func TestClusters_catalogue(t *testing.T) {
	inLab(t, func(l lab) {
		nodeTypes, err := l.ListNodeTypes(l.ctx)
		require.NoError(l, err)
		assert.True(l, slices.ContainsFunc(nodeTypes, func(n databricks.NodeType) bool { return n.NodeTypeID == aCluster.NodeTypeID && n.NumCores > 0 }))
		versions, err := l.SparkVersions(l.ctx)
		require.NoError(l, err)
		assert.True(l, slices.ContainsFunc(versions, func(v databricks.SparkVersion) bool { return strings.Contains(v.Name, "LTS") }))
		if _, err := l.ListZones(l.ctx); err != nil {
			assert.ErrorAs(l, err, new(*databricks.APIError))
		}
	})
}

// A caller without permission gets the corresponding error.
func TestClusters_permissions(t *testing.T) {
	inLab(t, func(l lab) {
		id := l.terminated()
		client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-alice"),
			databricks.WithHTTPClient(&http.Client{Transport: l.server.Transport()}))
		require.NoError(l, err)
		for _, err := range []error{
			client.Clusters.Pin(l.ctx, id), client.Clusters.Unpin(l.ctx, id), client.Clusters.ChangeOwner(l.ctx, id, "alice@example.com"),
		} {
			assert.ErrorIs(l, err, databricks.ErrPermissionDenied)
		}
	}, databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "dapi-alice"}))
}
