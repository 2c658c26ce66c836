package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// jobsBubble runs a test in a bubble, with a new workspace and a deadline.
func jobsBubble(t *testing.T, version string, test func(context.Context, *testing.T, *databrickstest.Server, *databricks.JobsService)) {
	t.Run(version, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := databrickstest.NewServer(databrickstest.WithAnySource())
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			test(ctx, t, server, server.Client(databricks.WithJobsAPI(version)).Jobs)
			assert.Empty(t, server.Panics())
		})
	})
}

var smallCluster = &databricks.ClusterSpec{SparkVersion: "16.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}

func notebook(path string) *databricks.NotebookTask {
	return &databricks.NotebookTask{NotebookPath: path}
}

// etl returns a job with one task, in the form of an API version.
func etl(version, name string) databricks.CreateJob {
	if version == "2.0" {
		return databricks.CreateJob{Name: name, NewCluster: smallCluster, NotebookTask: notebook("/etl")}
	}
	return databricks.CreateJob{Name: name, Tasks: []databricks.Task{{TaskKey: "main", NewCluster: smallCluster, NotebookTask: notebook("/etl")}}}
}

// The usual calls for a job, in each version.
func TestJobsService(t *testing.T) {
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		jobsBubble(t, version, func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
			server.ScriptRuns(func(spec databrickstest.RunSpec) databrickstest.RunOutcome {
				return databrickstest.RunOutcome{Duration: time.Minute, Output: "done with " + spec.Params["day"]}
			})
			id, err := jobs.Create(ctx, etl(version, "nightly"))
			require.NoError(t, err)
			job, err := jobs.Get(ctx, databricks.GetJob{JobID: id})
			require.NoError(t, err)
			assert.Equal(t, "nightly", job.Settings.Name)

			list, err := jobs.List(ctx, databricks.ListJobs{Name: "NIGHTLY"})
			require.NoError(t, err)
			assert.Len(t, list, 1)
			list, err = jobs.List(ctx, databricks.ListJobs{Name: "daily"})
			require.NoError(t, err)
			assert.Empty(t, list)

			require.NoError(t, jobs.Update(ctx, databricks.UpdateJob{JobID: id, NewSettings: databricks.JobSettings{Tags: map[string]string{"team": "data"}}}))
			job, err = jobs.Get(ctx, databricks.GetJob{JobID: id})
			require.NoError(t, err)
			assert.Equal(t, map[string]string{"team": "data"}, job.Settings.Tags)
			require.NoError(t, jobs.Update(ctx, databricks.UpdateJob{JobID: id, FieldsToRemove: []string{"tags"}}))
			copied, err := jobs.Create(ctx, job.Settings)
			require.NoError(t, err, "settings that were read make another job")
			require.NoError(t, jobs.Delete(ctx, copied))

			started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id, RunParameters: databricks.RunParameters{NotebookParams: map[string]string{"day": "Monday"}}})
			require.NoError(t, err)
			begin := time.Now()
			run, err := jobs.WaitRun(ctx, started.RunID)
			require.NoError(t, err)
			assert.Less(t, time.Since(begin), 70*time.Second)
			assert.Equal(t, databricks.RunResultSuccess, run.State.ResultState)
			taskRun := run.RunID
			if version != "2.0" {
				taskRun = run.Tasks[0].RunID
			}
			output, err := jobs.GetRunOutput(ctx, taskRun)
			require.NoError(t, err)
			assert.Equal(t, "done with Monday", output.NotebookOutput.Result)
			views, err := jobs.ExportRun(ctx, databricks.ExportRun{RunID: taskRun})
			require.NoError(t, err)
			assert.Len(t, views, 1)

			started, err = jobs.RunNow(ctx, databricks.RunNow{JobID: id})
			require.NoError(t, err)
			assert.ErrorIs(t, jobs.DeleteRun(ctx, started.RunID), databricks.ErrInvalidState)
			require.NoError(t, jobs.CancelRun(ctx, started.RunID))
			_, err = jobs.WaitRun(ctx, started.RunID)
			failed, ok := errors.AsType[*databricks.RunError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, databricks.RunResultCanceled, failed.Result)
			require.NoError(t, jobs.CancelAllRuns(ctx, databricks.CancelAllRuns{JobID: id}))

			runs, err := jobs.ListRuns(ctx, databricks.ListRuns{JobID: id, CompletedOnly: true})
			require.NoError(t, err)
			assert.Len(t, runs, 2)
			require.NoError(t, jobs.DeleteRun(ctx, started.RunID))
			assert.ErrorIs(t, jobs.DeleteRun(ctx, started.RunID), databricks.ErrResourceDoesNotExist)

			require.NoError(t, jobs.Reset(ctx, id, etl(version, "weekly")))
			require.NoError(t, jobs.Delete(ctx, id))
			assert.ErrorIs(t, jobs.Delete(ctx, id), databricks.ErrResourceDoesNotExist)
			_, err = jobs.Get(ctx, databricks.GetJob{JobID: id})
			assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist)
			_, err = jobs.WaitRun(ctx, run.RunID)
			assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist, "the runs of a deleted job are gone")
		})
	}
}

func TestJobsService_SubmitRun(t *testing.T) {
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		jobsBubble(t, version, func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
			in := databricks.SubmitRun{RunName: "once", Tasks: []databricks.Task{
				{TaskKey: "a", NotebookTask: notebook("/a")},
				{TaskKey: "b", NotebookTask: notebook("/b"), DependsOn: []databricks.TaskDependency{{TaskKey: "a"}}},
			}}
			id, err := jobs.SubmitRun(ctx, in)
			require.NoError(t, err)
			run, err := jobs.WaitRun(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, databricks.RunTypeSubmitRun, run.RunType)
			assert.Len(t, run.Tasks, 2)

			in.IdempotencyToken = "mine"
			first, err := jobs.SubmitRun(ctx, in)
			require.NoError(t, err)
			second, err := jobs.SubmitRun(ctx, in)
			require.NoError(t, err)
			assert.Equal(t, first, second)
			runs, err := jobs.ListRuns(ctx, databricks.ListRuns{RunType: databricks.RunTypeSubmitRun})
			require.NoError(t, err)
			assert.Len(t, runs, 2)
		})
	}
}

// The error of a failed run contains all known facts.
func TestJobsService_RunError(t *testing.T) {
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		jobsBubble(t, version, func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
			server.ScriptRuns(func(spec databrickstest.RunSpec) databrickstest.RunOutcome {
				if spec.TaskKey == "load" {
					return databrickstest.RunOutcome{Error: "ValueError: no such day", Trace: "Traceback\n  load.py"}
				}
				return databrickstest.RunOutcome{}
			})
			id, err := jobs.Create(ctx, databricks.CreateJob{Name: "nightly", Tasks: []databricks.Task{
				{TaskKey: "read", NotebookTask: notebook("/read")},
				{TaskKey: "load", NotebookTask: notebook("/load"), DependsOn: []databricks.TaskDependency{{TaskKey: "read"}}, MaxRetries: new(1)},
				{TaskKey: "tell", NotebookTask: notebook("/tell"), DependsOn: []databricks.TaskDependency{{TaskKey: "load"}}},
			}})
			require.NoError(t, err)
			started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id})
			require.NoError(t, err)

			_, err = jobs.WaitRun(ctx, started.RunID)
			e, ok := errors.AsType[*databricks.RunError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, databricks.RunResultFailed, e.Result)
			require.Len(t, e.FailedTasks, 1)
			assert.Equal(t, "load", e.FailedTasks[0].TaskKey)
			assert.Equal(t, "ValueError: no such day", e.Output)
			assert.Equal(t, "Traceback\n  load.py", e.Trace)
			assert.Equal(t, e.Run.RunPageURL, e.PageURL)
			for _, part := range []string{"(nightly)", "FAILED", "task load", "ValueError: no such day", e.PageURL} {
				assert.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), "\n")

			// If the output cannot be read, the error still describes the failed
			// run.
			server.Inject(databrickstest.Fault{Path: "/api/" + version + "/jobs/runs/get-output", Status: 403, Times: 10})
			_, err = jobs.WaitRun(ctx, started.RunID)
			e, ok = errors.AsType[*databricks.RunError](err)
			require.True(t, ok, "%v", err)
			assert.Empty(t, e.Output)
			assert.Len(t, e.FailedTasks, 1)
		})
	}
}

func TestJobsService_RepairRun(t *testing.T) {
	for _, version := range []string{"2.1", "2.2"} {
		jobsBubble(t, version, func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
			broken := true
			server.ScriptRuns(func(spec databrickstest.RunSpec) databrickstest.RunOutcome {
				if broken && spec.TaskKey == "b" {
					return databrickstest.RunOutcome{Error: "no"}
				}
				return databrickstest.RunOutcome{}
			})
			run, err := jobs.SubmitRun(ctx, databricks.SubmitRun{Tasks: []databricks.Task{
				{TaskKey: "a", NotebookTask: notebook("/a")},
				{TaskKey: "b", NotebookTask: notebook("/b"), DependsOn: []databricks.TaskDependency{{TaskKey: "a"}}},
			}})
			require.NoError(t, err)
			_, err = jobs.WaitRun(ctx, run)
			require.Error(t, err)

			broken = false
			losing(server, "/api/"+version+"/jobs/runs/repair")
			_, err = jobs.RepairRun(ctx, databricks.RepairRun{RunID: run, RerunAllFailedTasks: true})
			assertNotRetried(t, server, err)
			repaired, err := jobs.WaitRun(ctx, run)
			require.NoError(t, err)
			assert.Equal(t, databricks.RunResultSuccess, repaired.State.ResultState)

			whole, err := jobs.GetRun(ctx, databricks.GetRun{RunID: run, IncludeHistory: true})
			require.NoError(t, err)
			require.Len(t, whole.RepairHistory, 2)
			_, err = jobs.RepairRun(ctx, databricks.RepairRun{RunID: run, RerunTasks: []string{"a"}})
			assert.ErrorContains(t, err, "latest repair ID")
			_, err = jobs.RepairRun(ctx, databricks.RepairRun{RunID: run, RerunTasks: []string{"a"}, RerunDependentTasks: true, LatestRepairID: whole.RepairHistory[1].ID})
			require.NoError(t, err)
			repaired, err = jobs.WaitRun(ctx, run)
			require.NoError(t, err)
			assert.Len(t, repaired.Tasks, 5)
		})
	}
}

// After lost responses, nothing is done twice, and unknown outcomes are reported.
func TestJobsService_lostResponses(t *testing.T) {
	jobsBubble(t, "2.0", func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
		count := func(in databricks.ListRuns) int {
			runs, err := jobs.ListRuns(ctx, in)
			require.NoError(t, err)
			return len(runs)
		}
		losing(server, "/api/2.0/jobs/create")
		_, err := jobs.Create(ctx, etl("2.0", "lost"))
		assertNotRetried(t, server, err)
		list, err := jobs.List(ctx, databricks.ListJobs{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		id := list[0].JobID

		for i, fault := range []databrickstest.Fault{
			{Reset: true, WorkDone: true}, {Status: 502, WorkDone: true}, {Truncate: true, WorkDone: true}, {Status: 503}, {Refuse: true},
		} {
			fault.Path = "/api/2.0/jobs/run-now"
			server.Inject(fault)
			started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id})
			require.NoError(t, err, "%+v", fault)
			assert.NotZero(t, started.RunID)
			assert.Equal(t, i+1, count(databricks.ListRuns{JobID: id}), "%+v", fault)

			fault.Path = "/api/2.0/jobs/runs/submit"
			server.Inject(fault)
			_, err = jobs.SubmitRun(ctx, databricks.SubmitRun{ExistingClusterID: clusterOf(ctx, t, server), NotebookTask: notebook("/n")})
			require.NoError(t, err, "%+v", fault)
			assert.Equal(t, i+1, count(databricks.ListRuns{RunType: databricks.RunTypeSubmitRun}), "%+v", fault)
		}

		runs, err := jobs.ListRuns(ctx, databricks.ListRuns{JobID: id, Limit: 1})
		require.NoError(t, err)
		for call, do := range map[string]func() error{
			"reset":           func() error { return jobs.Reset(ctx, id, etl("2.0", "n")) },
			"update":          func() error { return jobs.Update(ctx, databricks.UpdateJob{JobID: id}) },
			"runs/cancel":     func() error { return jobs.CancelRun(ctx, runs[0].RunID) },
			"runs/cancel-all": func() error { return jobs.CancelAllRuns(ctx, databricks.CancelAllRuns{JobID: id}) },
		} {
			losing(server, "/api/2.0/jobs/"+call)
			assert.NoError(t, do(), call)
			assert.Len(t, server.Requests(), 2, call)
		}
		_, _ = jobs.WaitRun(ctx, runs[0].RunID)
		losing(server, "/api/2.0/jobs/runs/delete")
		assert.NoError(t, jobs.DeleteRun(ctx, runs[0].RunID), "a repeat that finds no run found it deleted")
		losing(server, "/api/2.0/jobs/delete")
		assert.NoError(t, jobs.Delete(ctx, id), "a repeat that finds no job found it deleted")

		server.Inject(databrickstest.Fault{Path: "/api/2.0/jobs/run-now", Reset: true, WorkDone: true, Times: 5})
		id, err = jobs.Create(ctx, etl("2.0", "unlucky"))
		require.NoError(t, err)
		_, err = jobs.RunNow(ctx, databricks.RunNow{JobID: id})
		unknown, ok := errors.AsType[*databricks.OutcomeUnknownError](err)
		require.True(t, ok, "%v", err)
		started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id, IdempotencyToken: unknown.IdempotencyToken})
		require.NoError(t, err)
		assert.NotZero(t, started.RunID)
		assert.Equal(t, 1, count(databricks.ListRuns{JobID: id}), "its token finds the run")
	})
}

// clusterOf returns a cluster of the workspace. It creates one if there is none.
func clusterOf(ctx context.Context, t *testing.T, server *databrickstest.Server) string {
	t.Helper()
	clusters := server.Client().Clusters
	all, err := clusters.List(ctx, databricks.ListClusters{})
	require.NoError(t, err)
	for _, cluster := range all {
		if cluster.ClusterSource == databricks.ClusterSourceAPI {
			return cluster.ClusterID
		}
	}
	id, err := clusters.Create(ctx, *smallCluster)
	require.NoError(t, err)
	return id
}

func TestJobsService_AllRuns(t *testing.T) {
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		jobsBubble(t, version, func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
			in := etl(version, "many")
			in.MaxConcurrentRuns = new(1000)
			id, err := jobs.Create(ctx, in)
			require.NoError(t, err)
			start := func() {
				_, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id})
				require.NoError(t, err)
			}
			for range 55 {
				start()
			}
			runs := jobs.AllRuns(ctx, databricks.ListRuns{JobID: id, PageSize: 10})
			for range 2 { // a second range starts again
				seen := map[int64]bool{}
				for run, err := range runs {
					require.NoError(t, err)
					assert.False(t, seen[run.RunID], "yielded twice")
					seen[run.RunID] = true
					if len(seen)%10 == 5 {
						start()
					}
				}
				assert.GreaterOrEqual(t, len(seen), 55)
			}
			server.ForgetRequests()
			for range runs {
				break
			}
			assert.Len(t, server.Requests(), 1, "whoever stops needs no further page")

			server.Inject(databrickstest.Fault{Path: "/api/" + version + "/jobs/runs/list", Skip: 2, Status: 400, Times: 1})
			var failed error
			count := 0
			for _, err := range runs {
				if failed = err; err == nil {
					count++
				}
			}
			assert.Error(t, failed)
			assert.Equal(t, 20, count)
		})
	}
}

func TestJobsService_largeJob(t *testing.T) {
	jobsBubble(t, "2.2", func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
		var in databricks.CreateJob
		for i := range 250 {
			in.Tasks = append(in.Tasks, databricks.Task{TaskKey: fmt.Sprint("t", i), NotebookTask: notebook("/n")})
			in.Parameters = append(in.Parameters, databricks.JobParameter{Name: fmt.Sprint("p", i%150)})
		}
		in.Parameters = in.Parameters[:150]
		id, err := jobs.Create(ctx, in)
		require.NoError(t, err)
		job, err := jobs.Get(ctx, databricks.GetJob{JobID: id})
		require.NoError(t, err)
		assert.Len(t, job.Settings.Tasks, 250)
		assert.Len(t, job.Settings.Parameters, 150)
		started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id})
		require.NoError(t, err)
		run, err := jobs.WaitRun(ctx, started.RunID)
		require.NoError(t, err)
		assert.Len(t, run.Tasks, 250)
		assert.Len(t, run.JobParameters, 150)
		assert.False(t, run.HasMore)
	})
}

// A wait tolerates faults, and ends with its context.
func TestJobsService_WaitRun(t *testing.T) {
	jobsBubble(t, "2.1", func(ctx context.Context, t *testing.T, server *databrickstest.Server, jobs *databricks.JobsService) {
		server.ScriptRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
			return databrickstest.RunOutcome{Duration: time.Hour}
		})
		id, err := jobs.SubmitRun(ctx, databricks.SubmitRun{Tasks: []databricks.Task{{TaskKey: "a", NotebookTask: notebook("/a")}}})
		require.NoError(t, err)

		short, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		begin := time.Now()
		_, err = jobs.WaitRun(short, id)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(begin))

		server.Inject(databrickstest.Fault{Path: "/api/2.1/jobs/runs/get", Skip: 3, Status: 500, Times: 3})
		var lives []string
		for run, err := range jobs.WatchRun(ctx, id) {
			require.NoError(t, err)
			lives = append(lives, string(run.State.LifeCycleState))
		}
		assert.Equal(t, "TERMINATED", lives[len(lives)-1])
		assert.Less(t, len(server.Requests()), 1000, "looks become rare")
	})
}

// A dry run starts nothing and waits for nothing.
func TestJobsService_plan(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	var planned []string
	jobs := server.Client(databricks.WithPlan(func(c databricks.PlannedCall) { planned = append(planned, c.Path+" "+string(c.Body)) })).Jobs
	ctx := t.Context()
	id, err := jobs.Create(ctx, etl("2.0", "n"))
	require.NoError(t, err)
	started, err := jobs.RunNow(ctx, databricks.RunNow{JobID: id})
	require.NoError(t, err)
	_, err = jobs.WaitRun(ctx, started.RunID)
	require.NoError(t, err)
	require.NoError(t, jobs.Delete(ctx, id))
	assert.Len(t, planned, 3)
	assert.True(t, strings.HasPrefix(planned[0], `/api/2.0/jobs/create {"`), planned[0])
	list, err := jobs.List(ctx, databricks.ListJobs{})
	require.NoError(t, err)
	assert.Empty(t, list)
}
