// Package gosdk contains only tests. They use the in-memory workspace through the
// vendor's Go SDK, with its helpers, waiters, iterators and retries, over a socket.
package gosdk

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	databricks "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/listing"
	"github.com/databricks/databricks-sdk-go/retries"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/compute"
	"github.com/databricks/databricks-sdk-go/service/files"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/jobs"
	"github.com/databricks/databricks-sdk-go/service/settings"
	"github.com/databricks/databricks-sdk-go/service/workspace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/databrickstest"
)

const runtime, node = "13.3.x-scala2.12", "Standard_DS3_v2"

// The tests spend most of their time waiting, so all of them run concurrently.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "20"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// start starts a workspace, and returns it with a client of the SDK. The SDK polls
// immediately, and then at intervals of a second and more. With the workspace's timings,
// most waits start before the final state.
func start(t *testing.T, opts ...databrickstest.Option) (*databrickstest.Server, *databricks.WorkspaceClient) {
	t.Helper()
	t.Parallel()
	server := databrickstest.NewServer(opts...)
	t.Cleanup(func() {
		server.Close()
		assert.Empty(t, server.Panics())
	})
	return server, connect(t, server.URL(), server.Token)
}

func connect(t *testing.T, host, token string) *databricks.WorkspaceClient {
	t.Helper()
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: host, Token: token, AuthType: "pat", ConfigFile: "/dev/null"})
	require.NoError(t, err)
	return w
}

// deadline returns a context with a deadline that no test reaches.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func small(name string) compute.CreateCluster {
	return compute.CreateCluster{ClusterName: name, SparkVersion: runtime, NodeTypeId: node, NumWorkers: 1, AutoterminationMinutes: 60}
}

func smallJobCluster() *compute.ClusterSpec {
	return &compute.ClusterSpec{SparkVersion: runtime, NodeTypeId: node, NumWorkers: 1}
}

// assertError checks that err is an error of the service that the SDK recognized.
func assertError(t *testing.T, err error, status int, code string, kind error) {
	t.Helper()
	var e *apierr.APIError
	if assert.ErrorAs(t, err, &e) {
		assert.Equal(t, status, e.StatusCode, e.Message)
		assert.Equal(t, code, e.ErrorCode, e.Message)
		assert.ErrorIs(t, err, kind)
	}
}

func TestClusters(t *testing.T) {
	_, w := start(t, databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	ctx := deadline(t)
	version, err := w.Clusters.SelectSparkVersion(ctx, compute.SparkVersionRequest{Latest: true, LongTermSupport: true})
	require.NoError(t, err)
	assert.Regexp(t, `^\d+\.\d+\.x-scala2\.1[23]$`, version)
	smallest, err := w.Clusters.SelectNodeType(ctx, compute.NodeTypeRequest{LocalDisk: true, MinCores: 4, MinMemoryGB: 14})
	require.NoError(t, err)
	gpu, err := w.Clusters.SelectNodeType(ctx, compute.NodeTypeRequest{MinGPUs: 1})
	require.NoError(t, err)
	assert.NotEqual(t, smallest, gpu)

	var states []compute.State
	cluster, err := w.Clusters.CreateAndWait(ctx, compute.CreateCluster{
		ClusterName: "life", SparkVersion: version, NodeTypeId: smallest, NumWorkers: 2, AutoterminationMinutes: 60,
		SparkConf: map[string]string{"spark.speculation": "true"}, CustomTags: map[string]string{"team": "interop"},
		SparkEnvVars: map[string]string{"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
	}, func(i *retries.Info[compute.ClusterDetails]) {
		if i.Info != nil {
			states = append(states, i.Info.State)
		}
	})
	require.NoError(t, err)
	assert.Equal(t, compute.StatePending, states[0], "the wait started before the final state")
	assert.Equal(t, compute.StateRunning, states[len(states)-1])
	id := cluster.ClusterId
	assert.Equal(t, "life", cluster.ClusterName)
	assert.Equal(t, 2, cluster.NumWorkers)
	assert.Len(t, cluster.Executors, 2)
	assert.Equal(t, "true", cluster.SparkConf["spark.speculation"])
	assert.Equal(t, map[string]string{"team": "interop"}, cluster.CustomTags)
	assert.Equal(t, id, cluster.DefaultTags["ClusterId"])
	assert.Equal(t, compute.ClusterSourceApi, cluster.ClusterSource)
	assert.WithinDuration(t, time.Now(), time.UnixMilli(cluster.StartTime), time.Hour)
	assert.NotNil(t, cluster.Driver)
	assert.NotZero(t, cluster.SparkContextId)

	resized, err := w.Clusters.ResizeAndWait(ctx, compute.ResizeCluster{ClusterId: id, NumWorkers: 3})
	require.NoError(t, err)
	assert.Equal(t, 3, resized.NumWorkers)
	edited, err := w.Clusters.EditAndWait(ctx, compute.EditCluster{ClusterId: id, ClusterName: "edited", SparkVersion: version, NodeTypeId: smallest,
		Autoscale: &compute.AutoScale{MinWorkers: 1, MaxWorkers: 4}})
	require.NoError(t, err)
	assert.Equal(t, "edited", edited.ClusterName)
	require.NotNil(t, edited.Autoscale)
	assert.Equal(t, []int{1, 4}, []int{edited.Autoscale.MinWorkers, edited.Autoscale.MaxWorkers})
	updated, err := w.Clusters.UpdateAndWait(ctx, compute.UpdateCluster{ClusterId: id, UpdateMask: "cluster_name",
		Cluster: &compute.UpdateClusterResource{ClusterName: "updated"}})
	require.NoError(t, err)
	assert.Equal(t, "updated", updated.ClusterName)
	restarted, err := w.Clusters.RestartAndWait(ctx, compute.RestartCluster{ClusterId: id})
	require.NoError(t, err)
	assert.Equal(t, compute.StateRunning, restarted.State)

	ended, err := w.Clusters.DeleteByClusterIdAndWait(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, compute.StateTerminated, ended.State)
	require.NotNil(t, ended.TerminationReason)
	assert.Equal(t, compute.TerminationReasonCodeUserRequest, ended.TerminationReason.Code)
	assert.Greater(t, ended.TerminatedTime, ended.StartTime)
	require.NoError(t, w.Clusters.EnsureClusterIsRunning(ctx, id), "the cluster is started")
	reused, err := w.Clusters.GetOrCreateRunningCluster(ctx, "updated")
	require.NoError(t, err)
	assert.Equal(t, id, reused.ClusterId)
	made, err := w.Clusters.GetOrCreateRunningCluster(ctx, "made")
	require.NoError(t, err)
	assert.NotEqual(t, id, made.ClusterId)

	byName, err := w.Clusters.GetByClusterName(ctx, "updated")
	require.NoError(t, err)
	assert.Equal(t, id, byName.ClusterId)
	require.NoError(t, w.Clusters.PinByClusterId(ctx, id))
	pinned, err := w.Clusters.ListAll(ctx, compute.ListClustersRequest{FilterBy: &compute.ListClustersFilterBy{IsPinned: true}, PageSize: 1})
	require.NoError(t, err)
	require.Len(t, pinned, 1)
	assert.Equal(t, id, pinned[0].ClusterId)
	require.NoError(t, w.Clusters.UnpinByClusterId(ctx, id))
	all, err := w.Clusters.ListAll(ctx, compute.ListClustersRequest{PageSize: 1})
	require.NoError(t, err)
	assert.Len(t, all, 2)

	events, err := listing.ToSlice(ctx, w.Clusters.Events(ctx, compute.GetEvents{ClusterId: id, Order: compute.GetEventsOrderAsc, Limit: 2}))
	require.NoError(t, err)
	var types []compute.EventType
	for _, e := range events {
		types = append(types, e.Type)
	}
	assert.Equal(t, compute.EventTypeCreating, types[0])
	assert.Subset(t, types, []compute.EventType{compute.EventTypeRunning, compute.EventTypeResizing, compute.EventTypeEdited,
		compute.EventTypeRestarting, compute.EventTypeTerminating, compute.EventTypeStarting})

	_, err = w.Clusters.DeleteByClusterIdAndWait(ctx, id)
	require.NoError(t, err)
	require.NoError(t, w.Clusters.ChangeOwner(ctx, compute.ChangeClusterOwner{ClusterId: id, OwnerUsername: "alice@example.com"}))
	owned, err := w.Clusters.GetByClusterId(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, "alice@example.com", owned.CreatorUserName)
	require.NoError(t, w.Clusters.PermanentDeleteByClusterId(ctx, id))
	_, err = w.Clusters.GetByClusterId(ctx, id)
	assertError(t, err, 400, "INVALID_PARAMETER_VALUE", apierr.ErrResourceDoesNotExist) // the SDK recognizes it by its message
}

func TestClusters_launchFails(t *testing.T) {
	server, w := start(t)
	server.FailNextCluster(databrickstest.ClusterFailure{Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE"})
	_, err := w.Clusters.CreateAndWait(deadline(t), small("fails"))
	assert.ErrorContains(t, err, "failed to reach RUNNING, got TERMINATED")
}

func TestJobs(t *testing.T) {
	server, w := start(t)
	ctx := deadline(t)
	for _, path := range []string{"/Shared/first", "/Shared/second"} {
		require.NoError(t, w.Workspace.Import(ctx, workspace.PythonNotebookOverwrite(path, "print(1)")))
	}
	require.NoError(t, w.Dbfs.WriteFile(ctx, "/script.py", []byte("print(1)")))
	server.ScriptRuns(func(spec databrickstest.RunSpec) databrickstest.RunOutcome {
		switch spec.TaskKey {
		case "second":
			return databrickstest.RunOutcome{Output: "42"}
		case "fails":
			return databrickstest.RunOutcome{Error: "no rows"}
		case "slow":
			return databrickstest.RunOutcome{Duration: time.Hour}
		}
		return databrickstest.RunOutcome{}
	})

	created, err := w.Jobs.Create(ctx, jobs.CreateJob{
		Name: "nightly", Tags: map[string]string{"a": "b"}, MaxConcurrentRuns: 5,
		JobClusters: []jobs.JobCluster{{JobClusterKey: "shared", NewCluster: smallJobCluster()}},
		Parameters:  []jobs.JobParameterDefinition{{Name: "day", Default: "1"}},
		Schedule:    &jobs.CronSchedule{QuartzCronExpression: "0 0 3 * * ?", TimezoneId: "UTC", PauseStatus: jobs.PauseStatusPaused},
		Tasks: []jobs.Task{
			{TaskKey: "first", JobClusterKey: "shared", NotebookTask: &jobs.NotebookTask{NotebookPath: "/Shared/first"}},
			{TaskKey: "second", JobClusterKey: "shared", DependsOn: []jobs.TaskDependency{{TaskKey: "first"}},
				NotebookTask: &jobs.NotebookTask{NotebookPath: "/Shared/second"}},
			{TaskKey: "each", ForEachTask: &jobs.ForEachTask{Inputs: "[1, 2, 3]", Task: jobs.Task{TaskKey: "one", JobClusterKey: "shared",
				SparkPythonTask: &jobs.SparkPythonTask{PythonFile: "dbfs:/script.py", Parameters: []string{"{{input}}"}}}}},
		},
	})
	require.NoError(t, err)
	job, err := w.Jobs.GetByJobId(ctx, created.JobId)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, job.Settings.Tags)
	require.Len(t, job.Settings.Tasks, 3)
	assert.Equal(t, jobs.FormatMultiTask, job.Settings.Format)
	assert.Equal(t, "0 0 3 * * ?", job.Settings.Schedule.QuartzCronExpression)
	found, err := w.Jobs.GetBySettingsName(ctx, "nightly")
	require.NoError(t, err)
	assert.Equal(t, created.JobId, found.JobId)

	run, err := w.Jobs.RunNowAndWait(ctx, jobs.RunNow{JobId: created.JobId, JobParameters: map[string]string{"day": "2"}})
	require.NoError(t, err)
	assert.Equal(t, jobs.RunLifeCycleStateTerminated, run.State.LifeCycleState)
	assert.Equal(t, jobs.RunResultStateSuccess, run.State.ResultState)
	assert.Equal(t, jobs.RunLifecycleStateV2StateTerminated, run.Status.State)
	require.Len(t, run.JobParameters, 1)
	assert.Equal(t, []string{"day", "1", "2"}, []string{run.JobParameters[0].Name, run.JobParameters[0].Default, run.JobParameters[0].Value})
	assert.WithinDuration(t, time.Now(), time.UnixMilli(run.StartTime), time.Hour)
	assert.GreaterOrEqual(t, run.EndTime, run.StartTime)
	tasks := map[string]jobs.RunTask{}
	for _, task := range run.Tasks {
		tasks[task.TaskKey] = task
	}
	assert.ElementsMatch(t, []string{"first", "second", "each"}, slices.Collect(maps.Keys(tasks)))
	output, err := w.Jobs.GetRunOutputByRunId(ctx, tasks["second"].RunId)
	require.NoError(t, err)
	require.NotNil(t, output.NotebookOutput)
	assert.Equal(t, "42", output.NotebookOutput.Result)
	require.NotNil(t, tasks["each"].ForEachTask.Stats)
	assert.Equal(t, 3, tasks["each"].ForEachTask.Stats.TaskRunStats.SucceededIterations)
	each, err := w.Jobs.GetRun(ctx, jobs.GetRunRequest{RunId: tasks["each"].RunId})
	require.NoError(t, err)
	assert.Len(t, each.Iterations, 3)
	exported, err := w.Jobs.ExportRun(ctx, jobs.ExportRunRequest{RunId: tasks["first"].RunId})
	require.NoError(t, err)
	require.NotEmpty(t, exported.Views)
	assert.Contains(t, exported.Views[0].Content, "<")

	require.NoError(t, w.Jobs.Update(ctx, jobs.UpdateJob{JobId: created.JobId, NewSettings: &jobs.JobSettings{Name: "renamed"}, FieldsToRemove: []string{"tags"}}))
	require.NoError(t, w.Jobs.Reset(ctx, jobs.ResetJob{JobId: created.JobId, NewSettings: jobs.JobSettings{Name: "slow", MaxConcurrentRuns: 5,
		Tasks: []jobs.Task{
			{TaskKey: "fails", NewCluster: smallJobCluster(), SparkPythonTask: &jobs.SparkPythonTask{PythonFile: "dbfs:/script.py"}},
			{TaskKey: "slow", NewCluster: smallJobCluster(), SparkPythonTask: &jobs.SparkPythonTask{PythonFile: "dbfs:/script.py"}},
		}}}))
	waiter, err := w.Jobs.RunNow(ctx, jobs.RunNow{JobId: created.JobId})
	require.NoError(t, err)
	_, err = waiter.GetWithTimeout(500 * time.Millisecond)
	assert.ErrorContains(t, err, "timed out")
	canceled, err := w.Jobs.CancelRunByRunIdAndWait(ctx, waiter.RunId)
	require.NoError(t, err)
	assert.Equal(t, jobs.RunResultStateCanceled, canceled.State.ResultState)
	server.ScriptRuns(nil)
	repaired, err := w.Jobs.RepairRunAndWait(ctx, jobs.RepairRun{RunId: waiter.RunId, RerunAllFailedTasks: true})
	require.NoError(t, err)
	assert.Equal(t, jobs.RunResultStateSuccess, repaired.State.ResultState)
	history, err := w.Jobs.GetRun(ctx, jobs.GetRunRequest{RunId: waiter.RunId, IncludeHistory: true})
	require.NoError(t, err)
	require.Len(t, history.RepairHistory, 2)
	assert.Equal(t, jobs.RepairHistoryItemTypeRepair, history.RepairHistory[1].Type)

	runs, err := w.Jobs.ListRunsAll(ctx, jobs.ListRunsRequest{JobId: created.JobId, Limit: 1, ExpandTasks: true})
	require.NoError(t, err)
	require.Len(t, runs, 2)
	assert.Equal(t, []int64{waiter.RunId, run.RunId}, []int64{runs[0].RunId, runs[1].RunId}, "latest first")
	require.NoError(t, w.Jobs.CancelAllRuns(ctx, jobs.CancelAllRuns{JobId: created.JobId}))
	require.NoError(t, w.Jobs.DeleteRunByRunId(ctx, run.RunId))
	_, err = w.Jobs.GetRun(ctx, jobs.GetRunRequest{RunId: run.RunId})
	assert.ErrorIs(t, err, apierr.ErrResourceDoesNotExist)
	require.NoError(t, w.Jobs.DeleteByJobId(ctx, created.JobId))
	_, err = w.Jobs.GetByJobId(ctx, created.JobId)
	assert.ErrorIs(t, err, apierr.ErrResourceDoesNotExist)
}

// The service returns 100 tasks of a job per page. The SDK's Get and List combine the
// pages. Its GetByJobId and ListAll do not.
func TestJobs_manyTasks(t *testing.T) {
	_, w := start(t, databrickstest.WithAnySource())
	ctx := deadline(t)
	var tasks []jobs.Task
	var submit []jobs.SubmitTask
	for i := range 250 {
		key, file := fmt.Sprintf("t%d", i), &jobs.SparkPythonTask{PythonFile: "dbfs:/x.py"}
		tasks = append(tasks, jobs.Task{TaskKey: key, JobClusterKey: "shared", SparkPythonTask: file})
		submit = append(submit, jobs.SubmitTask{TaskKey: key, NewCluster: smallJobCluster(), SparkPythonTask: file})
	}
	created, err := w.Jobs.Create(ctx, jobs.CreateJob{Name: "many", Tasks: tasks,
		JobClusters: []jobs.JobCluster{{JobClusterKey: "shared", NewCluster: smallJobCluster()}}})
	require.NoError(t, err)
	job, err := w.Jobs.Get(ctx, jobs.GetJobRequest{JobId: created.JobId})
	require.NoError(t, err)
	assert.Equal(t, 250, len(job.Settings.Tasks))
	listed, err := listing.ToSlice(ctx, w.Jobs.List(ctx, jobs.ListJobsRequest{ExpandTasks: true}))
	require.NoError(t, err)
	require.Len(t, listed, 1)
	assert.Equal(t, 250, len(listed[0].Settings.Tasks))
	waiter, err := w.Jobs.Submit(ctx, jobs.SubmitRun{RunName: "many", Tasks: submit[:100]})
	require.NoError(t, err)
	again, err := listing.ToSlice(ctx, w.Jobs.ListRuns(ctx, jobs.ListRunsRequest{ExpandTasks: true}))
	require.NoError(t, err)
	require.Len(t, again, 1)
	assert.Equal(t, 100, len(again[0].Tasks))
	assert.NoError(t, w.Jobs.CancelRunByRunId(ctx, waiter.RunId))
}

func TestJobs_submit(t *testing.T) {
	server, w := start(t)
	ctx := deadline(t)
	require.NoError(t, w.Dbfs.WriteFile(ctx, "/script.py", []byte("print(1)")))
	server.ScriptRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Error: "no rows", Trace: "Traceback"}
	})
	submission := jobs.SubmitRun{RunName: "once", IdempotencyToken: "interop", Tasks: []jobs.SubmitTask{
		{TaskKey: "main", NewCluster: smallJobCluster(), SparkPythonTask: &jobs.SparkPythonTask{PythonFile: "dbfs:/script.py"}}}}
	waiter, err := w.Jobs.Submit(ctx, submission)
	require.NoError(t, err)
	again, err := w.Jobs.Submit(ctx, submission)
	require.NoError(t, err)
	assert.Equal(t, waiter.RunId, again.RunId, "the idempotency token")
	_, err = waiter.Get()
	assert.ErrorContains(t, err, "failed to reach TERMINATED or SKIPPED, got INTERNAL_ERROR: Task main failed with message: Workload failed")
	run, err := w.Jobs.GetRun(ctx, jobs.GetRunRequest{RunId: waiter.RunId})
	require.NoError(t, err)
	assert.Equal(t, jobs.RunTypeSubmitRun, run.RunType)
	assert.Equal(t, jobs.RunResultStateFailed, run.State.ResultState)
	output, err := w.Jobs.GetRunOutputByRunId(ctx, run.Tasks[0].RunId)
	require.NoError(t, err)
	assert.Equal(t, []string{"no rows", "Traceback"}, []string{output.Error, output.ErrorTrace})
	_, err = w.Jobs.Submit(ctx, jobs.SubmitRun{RunName: "empty"})
	assertError(t, err, 400, "INVALID_PARAMETER_VALUE", apierr.ErrInvalidParameterValue)
}

func TestLibraries(t *testing.T) {
	server, w := start(t)
	ctx := deadline(t)
	server.FailLibrary("broken", "no such version")
	cluster, err := w.Clusters.CreateAndWait(ctx, small("libraries"))
	require.NoError(t, err)
	install := []compute.Library{
		{Pypi: &compute.PythonPyPiLibrary{Package: "simplejson==3.8.0"}},
		{Jar: "dbfs:/lib.jar"},
		{Maven: &compute.MavenLibrary{Coordinates: "org.jsoup:jsoup:1.7.2", Exclusions: []string{"a:b"}}},
	}
	require.NoError(t, w.Libraries.UpdateAndWait(ctx, compute.Update{ClusterId: cluster.ClusterId, Install: install}))
	statuses, err := w.Libraries.ClusterStatusByClusterId(ctx, cluster.ClusterId)
	require.NoError(t, err)
	var wanted, installed []string
	for i, status := range statuses.LibraryStatuses {
		assert.Equal(t, compute.LibraryInstallStatusInstalled, status.Status)
		wanted, installed = append(wanted, install[i].String()), append(installed, status.Library.String())
	}
	assert.Len(t, installed, 3)
	assert.Equal(t, wanted, installed)

	require.NoError(t, w.Libraries.UpdateAndWait(ctx, compute.Update{ClusterId: cluster.ClusterId, Uninstall: install[:1]}))
	err = w.Libraries.UpdateAndWait(ctx, compute.Update{ClusterId: cluster.ClusterId,
		Install: []compute.Library{{Pypi: &compute.PythonPyPiLibrary{Package: "broken"}}}})
	assert.ErrorContains(t, err, "no such version")
	all, err := w.Libraries.AllClusterStatusesAll(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, cluster.ClusterId, all[0].ClusterId)
}

func TestDBFS(t *testing.T) {
	_, w := start(t)
	ctx := deadline(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: several blocks
	require.NoError(t, w.Dbfs.MkdirsByPath(ctx, "/dir/sub"))
	file, err := w.Dbfs.Open(ctx, "/dir/sub/blocks.bin", files.FileModeWrite|files.FileModeOverwrite)
	require.NoError(t, err)
	n, err := io.Copy(file, bytes.NewReader(content))
	require.NoError(t, err)
	assert.EqualValues(t, len(content), n)
	require.NoError(t, file.Close())
	require.NoError(t, w.Dbfs.WriteFile(ctx, "/dir/small.txt", []byte("hello")))
	read, err := w.Dbfs.ReadFile(ctx, "/dir/sub/blocks.bin")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, read))

	end, err := w.Dbfs.Read(ctx, files.ReadDbfsRequest{Path: "/dir/sub/blocks.bin", Offset: int64(len(content)) - 4, Length: 100})
	require.NoError(t, err)
	assert.EqualValues(t, 4, end.BytesRead)
	assert.Equal(t, base64.StdEncoding.EncodeToString([]byte("cdef")), end.Data)

	status, err := w.Dbfs.GetStatusByPath(ctx, "/dir/sub/blocks.bin")
	require.NoError(t, err)
	assert.EqualValues(t, len(content), status.FileSize)
	assert.WithinDuration(t, time.Now(), time.UnixMilli(status.ModificationTime), time.Hour)
	_, err = w.Dbfs.Open(ctx, "/dir/small.txt", files.FileModeWrite)
	assertError(t, err, 400, "RESOURCE_ALREADY_EXISTS", apierr.ErrResourceAlreadyExists)
	require.NoError(t, w.Dbfs.Move(ctx, files.Move{SourcePath: "/dir/small.txt", DestinationPath: "/dir/moved.txt"}))
	recursive, err := w.Dbfs.RecursiveList(ctx, "/dir")
	require.NoError(t, err)
	var paths []string
	for _, info := range recursive {
		paths = append(paths, info.Path)
	}
	assert.Equal(t, []string{"/dir/moved.txt", "/dir/sub/blocks.bin"}, paths)
	require.NoError(t, w.Dbfs.Delete(ctx, files.Delete{Path: "/dir", Recursive: true}))
	_, err = w.Dbfs.Open(ctx, "/dir/moved.txt", files.FileModeRead)
	assertError(t, err, 404, "RESOURCE_DOES_NOT_EXIST", apierr.ErrResourceDoesNotExist)
}

func TestWorkspace(t *testing.T) {
	_, w := start(t)
	ctx := deadline(t)
	require.NoError(t, w.Workspace.MkdirsByPath(ctx, "/Shared/dir/sub"))
	require.NoError(t, w.Workspace.Import(ctx, workspace.PythonNotebookOverwrite("/Shared/dir/notebook", "# Databricks notebook source\nprint(1)\n")))
	require.NoError(t, w.Workspace.Upload(ctx, "/Shared/dir/sub/query", strings.NewReader("SELECT 1"),
		workspace.UploadFormat(workspace.ImportFormatSource), workspace.UploadLanguage(workspace.LanguageSql), workspace.UploadOverwrite()))
	require.NoError(t, w.Workspace.WriteFile(ctx, "/Shared/dir/data.txt", []byte("text")))
	data, err := w.Workspace.ReadFile(ctx, "/Shared/dir/data.txt")
	require.NoError(t, err)
	assert.Equal(t, "text", string(data))
	body, err := w.Workspace.Download(ctx, "/Shared/dir/notebook", workspace.DownloadFormat(workspace.ExportFormatJupyter))
	require.NoError(t, err)
	jupyter, err := io.ReadAll(body)
	require.NoError(t, err)
	assert.Contains(t, string(jupyter), `"nbformat"`)
	exported, err := w.Workspace.Export(ctx, workspace.ExportRequest{Path: "/Shared/dir/notebook", Format: workspace.ExportFormatSource})
	require.NoError(t, err)
	source, err := base64.StdEncoding.DecodeString(exported.Content)
	require.NoError(t, err)
	assert.Equal(t, "# Databricks notebook source\nprint(1)", strings.TrimSpace(string(source)))

	status, err := w.Workspace.GetStatusByPath(ctx, "/Shared/dir/sub/query")
	require.NoError(t, err)
	assert.Equal(t, workspace.ObjectTypeNotebook, status.ObjectType)
	assert.Equal(t, workspace.LanguageSql, status.Language)
	assert.NotZero(t, status.ObjectId)
	objects, err := w.Workspace.RecursiveList(ctx, "/Shared/dir")
	require.NoError(t, err)
	types := map[string]workspace.ObjectType{}
	for _, o := range objects {
		types[o.Path] = o.ObjectType
	}
	assert.Equal(t, map[string]workspace.ObjectType{"/Shared/dir/notebook": workspace.ObjectTypeNotebook,
		"/Shared/dir/sub/query": workspace.ObjectTypeNotebook, "/Shared/dir/data.txt": workspace.ObjectTypeFile}, types)

	err = w.Workspace.Upload(ctx, "/Shared/dir/data.txt", strings.NewReader("again"), workspace.UploadFormat(workspace.ImportFormatAuto))
	assertError(t, err, 400, "RESOURCE_ALREADY_EXISTS", apierr.ErrResourceAlreadyExists)
	err = w.Workspace.Delete(ctx, workspace.Delete{Path: "/Shared/dir"})
	assertError(t, err, 400, "DIRECTORY_NOT_EMPTY", apierr.ErrBadRequest)
	require.NoError(t, w.Workspace.Delete(ctx, workspace.Delete{Path: "/Shared/dir", Recursive: true}))
	_, err = w.Workspace.GetStatusByPath(ctx, "/Shared/dir")
	assertError(t, err, 404, "RESOURCE_DOES_NOT_EXIST", apierr.ErrResourceDoesNotExist)
}

func TestSecrets(t *testing.T) {
	_, w := start(t, databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	ctx := deadline(t)
	require.NoError(t, w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "interop", InitialManagePrincipal: "users"}))
	require.NoError(t, w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "interop", Key: "text", StringValue: "s3cret"}))
	require.NoError(t, w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "interop", Key: "bytes", BytesValue: "AAE="}))
	got, err := w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "interop", Key: "text"})
	require.NoError(t, err)
	assert.Equal(t, base64.StdEncoding.EncodeToString([]byte("s3cret")), got.Value)
	secrets, err := w.Secrets.ListSecretsAll(ctx, workspace.ListSecretsRequest{Scope: "interop"})
	require.NoError(t, err)
	require.Len(t, secrets, 2)
	assert.WithinDuration(t, time.Now(), time.UnixMilli(secrets[0].LastUpdatedTimestamp), time.Hour)
	scopes, err := w.Secrets.ListScopesAll(ctx)
	require.NoError(t, err)
	require.Len(t, scopes, 1)
	assert.Equal(t, "interop", scopes[0].Name)
	assert.Equal(t, workspace.ScopeBackendTypeDatabricks, scopes[0].BackendType)
	require.NoError(t, w.Secrets.PutAcl(ctx, workspace.PutAcl{Scope: "interop", Principal: "alice@example.com", Permission: workspace.AclPermissionRead}))
	acl, err := w.Secrets.GetAcl(ctx, workspace.GetAclRequest{Scope: "interop", Principal: "alice@example.com"})
	require.NoError(t, err)
	assert.Equal(t, workspace.AclPermissionRead, acl.Permission)
	acls, err := w.Secrets.ListAclsAll(ctx, workspace.ListAclsRequest{Scope: "interop"})
	require.NoError(t, err)
	assert.Len(t, acls, 2)
	require.NoError(t, w.Secrets.DeleteAcl(ctx, workspace.DeleteAcl{Scope: "interop", Principal: "alice@example.com"}))
	require.NoError(t, w.Secrets.DeleteSecret(ctx, workspace.DeleteSecret{Scope: "interop", Key: "text"}))
	_, err = w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "interop", Key: "text"})
	assertError(t, err, 404, "RESOURCE_DOES_NOT_EXIST", apierr.ErrResourceDoesNotExist)
	err = w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "interop"})
	assertError(t, err, 400, "RESOURCE_ALREADY_EXISTS", apierr.ErrResourceAlreadyExists)
	require.NoError(t, w.Secrets.DeleteScopeByScope(ctx, "interop"))
}

func TestTokens(t *testing.T) {
	server, w := start(t)
	ctx := deadline(t)
	created, err := w.Tokens.Create(ctx, settings.CreateTokenRequest{Comment: "interop", LifetimeSeconds: 86400})
	require.NoError(t, err)
	assert.EqualValues(t, 86400_000, created.TokenInfo.ExpiryTime-created.TokenInfo.CreationTime)
	other := connect(t, server.URL(), created.TokenValue)
	mine, err := other.Tokens.GetByComment(ctx, "interop")
	require.NoError(t, err)
	assert.Equal(t, created.TokenInfo.TokenId, mine.TokenId)
	managed, err := w.TokenManagement.GetByComment(ctx, "interop")
	require.NoError(t, err)
	assert.Equal(t, created.TokenInfo.TokenId, managed.TokenId)
	require.NoError(t, w.Tokens.DeleteByTokenId(ctx, created.TokenInfo.TokenId))
	_, err = other.Tokens.ListAll(ctx)
	assert.ErrorIs(t, err, apierr.ErrPermissionDenied)
}

var errStillRunning = errors.New("the command is still running")

func TestCommands(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	server, w := start(t, databrickstest.WithPython(databrickstest.PythonOptions{}))
	ctx := deadline(t)
	cluster, err := w.Clusters.CreateAndWait(ctx, small("commands"))
	require.NoError(t, err)
	id := cluster.ClusterId

	executor, err := w.CommandExecution.Start(ctx, id, compute.LanguagePython)
	require.NoError(t, err)
	result, err := executor.Execute(ctx, `
		x = 41
		print('grüße', x + 1)`)
	require.NoError(t, err)
	assert.False(t, result.Failed(), result.Error())
	assert.Equal(t, "grüße 42", strings.TrimSpace(result.Text()))
	result, err = executor.Execute(ctx, "x / 0")
	require.NoError(t, err)
	assert.True(t, result.Failed())
	assert.Contains(t, result.Error(), "ZeroDivisionError")
	require.NoError(t, executor.Destroy(ctx))

	// The older helper creates a context for each command, and can scan an SQL table.
	api, err := client.New(w.Config)
	require.NoError(t, err)
	older := compute.NewCommandExecutor(api)
	once := older.Execute(ctx, id, "python", "print('once')")
	assert.Equal(t, "once", strings.TrimSpace(once.Text()), once.Error())
	table := older.Execute(ctx, id, "sql", "SELECT 'a' AS name")
	var name string
	require.True(t, table.Scan(&name), table.Error())
	assert.Equal(t, "a", name)

	// The plain calls and their waiters.
	created, err := w.CommandExecution.CreateAndWait(ctx, compute.CreateContext{ClusterId: id, Language: compute.LanguagePython})
	require.NoError(t, err)
	done, err := w.CommandExecution.ExecuteAndWait(ctx, compute.Command{ClusterId: id, ContextId: created.Id, Language: compute.LanguagePython, Command: "6 * 7"})
	require.NoError(t, err)
	assert.Equal(t, compute.ResultTypeText, done.Results.ResultType)
	assert.Equal(t, "42", done.Results.Data)
	endless, err := w.CommandExecution.Execute(ctx, compute.Command{ClusterId: id, ContextId: created.Id, Language: compute.LanguagePython,
		Command: "import time\nwhile True: time.sleep(.01)"})
	require.NoError(t, err)
	_, err = w.CommandExecution.Cancel(ctx, compute.CancelCommand{ClusterId: id, ContextId: created.Id, CommandId: endless.CommandId})
	require.NoError(t, err)
	// Neither waiter of the SDK works here, see README.md.
	canceled, err := retries.New[compute.CommandStatusResponse](retries.OnErrors(errStillRunning)).Run(ctx,
		func(ctx context.Context) (*compute.CommandStatusResponse, error) {
			status, err := w.CommandExecution.CommandStatus(ctx, compute.CommandStatusRequest{ClusterId: id, ContextId: created.Id, CommandId: endless.CommandId})
			if err == nil && (status.Status == compute.CommandStatusRunning || status.Status == compute.CommandStatusCancelling) {
				err = errStillRunning
			}
			return status, err
		})
	require.NoError(t, err)
	assert.True(t, canceled.Results.Failed())
	require.NoError(t, w.CommandExecution.Destroy(ctx, compute.DestroyContext{ClusterId: id, ContextId: created.Id}))
	assert.Empty(t, server.ExecutionContexts())
}

func TestFiles(t *testing.T) {
	_, w := start(t)
	ctx := deadline(t)
	volume, err := w.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{CatalogName: "main", SchemaName: "default", Name: "interop", VolumeType: catalog.VolumeTypeManaged})
	require.NoError(t, err)
	assert.Equal(t, "main.default.interop", volume.FullName)
	volumes, err := w.Volumes.ListAll(ctx, catalog.ListVolumesRequest{CatalogName: "main", SchemaName: "default"})
	require.NoError(t, err)
	assert.NotEmpty(t, volumes)
	const dir = "/Volumes/main/default/interop/a b/ü"
	require.NoError(t, w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: dir}))
	for i := range 3 {
		require.NoError(t, w.Files.Upload(ctx, files.UploadRequest{FilePath: fmt.Sprintf("%s/%d.txt", dir, i), Contents: io.NopCloser(strings.NewReader("hello"))}))
	}
	err = w.Files.Upload(ctx, files.UploadRequest{FilePath: dir + "/0.txt", Contents: io.NopCloser(strings.NewReader("again")),
		ForceSendFields: []string{"Overwrite"}}) // otherwise the SDK does not send false, and the service overwrites the file
	assertError(t, err, 409, "ALREADY_EXISTS", apierr.ErrAlreadyExists)
	metadata, err := w.Files.GetMetadataByFilePath(ctx, dir+"/0.txt")
	require.NoError(t, err)
	assert.EqualValues(t, 5, metadata.ContentLength)
	_, err = time.Parse(time.RFC1123, metadata.LastModified)
	assert.NoError(t, err)
	download, err := w.Files.DownloadByFilePath(ctx, dir+"/0.txt")
	require.NoError(t, err)
	content, err := io.ReadAll(download.Contents)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(content))
	listed, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: dir, PageSize: 2})
	require.NoError(t, err)
	assert.Len(t, listed, 3)
	for _, entry := range listed {
		require.NoError(t, w.Files.DeleteByFilePath(ctx, entry.Path))
	}
	require.NoError(t, w.Files.DeleteDirectoryByDirectoryPath(ctx, dir))
	err = w.Files.GetDirectoryMetadataByDirectoryPath(ctx, dir)
	assert.ErrorIs(t, err, apierr.ErrNotFound)
	require.NoError(t, w.Volumes.DeleteByName(ctx, "main.default.interop"))
}

func TestIdentities(t *testing.T) {
	_, w := start(t)
	ctx := deadline(t)
	me, err := w.CurrentUser.Me(ctx, iam.MeRequest{})
	require.NoError(t, err)
	assert.NotEmpty(t, me.UserName)
	user, err := w.Users.Create(ctx, iam.User{UserName: "bob@example.com", DisplayName: "Bob", Active: true})
	require.NoError(t, err)
	require.NoError(t, w.Users.Patch(ctx, iam.PartialUpdate{Id: user.Id, Schemas: []iam.PatchSchema{iam.PatchSchemaUrnIetfParamsScimApiMessages20PatchOp},
		Operations: []iam.Patch{{Op: iam.PatchOpReplace, Path: "displayName", Value: "Robert"}, {Op: iam.PatchOpReplace, Path: "active", Value: "false"}}}))
	found, err := w.Users.ListAll(ctx, iam.ListUsersRequest{Filter: `userName eq "bob@example.com"`, Count: 1})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "Robert", found[0].DisplayName)
	assert.False(t, found[0].Active)
	require.NoError(t, w.Users.Update(ctx, iam.User{Id: user.Id, UserName: user.UserName, Active: true}))
	group, err := w.Groups.Create(ctx, iam.Group{DisplayName: "analysts", Members: []iam.ComplexValue{{Value: user.Id}}})
	require.NoError(t, err)
	group, err = w.Groups.GetById(ctx, group.Id)
	require.NoError(t, err)
	require.Len(t, group.Members, 1)
	assert.Equal(t, user.Id, group.Members[0].Value)
	principal, err := w.ServicePrincipals.Create(ctx, iam.ServicePrincipal{DisplayName: "robot", Active: true})
	require.NoError(t, err)
	assert.Len(t, principal.ApplicationId, 36)

	cluster, err := w.Clusters.CreateAndWait(ctx, small("shared"))
	require.NoError(t, err)
	_, err = w.Permissions.Update(ctx, iam.UpdateObjectPermissions{RequestObjectType: "clusters", RequestObjectId: cluster.ClusterId,
		AccessControlList: []iam.AccessControlRequest{{GroupName: "analysts", PermissionLevel: iam.PermissionLevelCanRestart}}})
	require.NoError(t, err)
	permissions, err := w.Clusters.GetPermissionsByClusterId(ctx, cluster.ClusterId)
	require.NoError(t, err)
	granted := map[string]compute.ClusterPermissionLevel{}
	for _, entry := range permissions.AccessControlList {
		if entry.GroupName != "" {
			granted[entry.GroupName] = entry.AllPermissions[0].PermissionLevel
		}
	}
	assert.Equal(t, compute.ClusterPermissionLevelCanRestart, granted["analysts"])
	levels, err := w.Permissions.GetPermissionLevelsByRequestObjectTypeAndRequestObjectId(ctx, "clusters", cluster.ClusterId)
	require.NoError(t, err)
	assert.NotEmpty(t, levels.PermissionLevels)
	require.NoError(t, w.Groups.DeleteById(ctx, group.Id))
	require.NoError(t, w.Users.DeleteById(ctx, user.Id))
	_, err = w.Users.GetById(ctx, user.Id)
	assert.ErrorIs(t, err, apierr.ErrNotFound)
}

func TestPoolsAndPolicies(t *testing.T) {
	_, w := start(t)
	ctx := deadline(t)
	pool, err := w.InstancePools.Create(ctx, compute.CreateInstancePool{InstancePoolName: "pool", NodeTypeId: node, MaxCapacity: 10, MinIdleInstances: 1})
	require.NoError(t, err)
	policy, err := w.ClusterPolicies.Create(ctx, compute.CreatePolicy{Name: "policy", Definition: `{"autotermination_minutes": {"type": "range", "maxValue": 60}}`})
	require.NoError(t, err)
	cluster, err := w.Clusters.CreateAndWait(ctx, compute.CreateCluster{ClusterName: "pooled", SparkVersion: runtime, InstancePoolId: pool.InstancePoolId,
		PolicyId: policy.PolicyId, NumWorkers: 1, AutoterminationMinutes: 30})
	require.NoError(t, err)
	assert.Equal(t, pool.InstancePoolId, cluster.InstancePoolId)
	stats, err := w.InstancePools.GetByInstancePoolName(ctx, "pool")
	require.NoError(t, err)
	assert.Equal(t, 2, stats.Stats.UsedCount)
	long := small("long")
	long.PolicyId, long.AutoterminationMinutes = policy.PolicyId, 600
	_, err = w.Clusters.Create(ctx, long)
	assertError(t, err, 400, "INVALID_PARAMETER_VALUE", apierr.ErrInvalidParameterValue)
	byName, err := w.ClusterPolicies.GetByName(ctx, "policy")
	require.NoError(t, err)
	assert.Equal(t, policy.PolicyId, byName.PolicyId)
	require.NoError(t, w.Clusters.PermanentDeleteByClusterId(ctx, cluster.ClusterId))
	require.NoError(t, w.InstancePools.DeleteByInstancePoolId(ctx, pool.InstancePoolId))
	require.NoError(t, w.ClusterPolicies.DeleteByPolicyId(ctx, policy.PolicyId))
}

// The SDK retries some failures and reports others.
func TestRetries(t *testing.T) {
	server, w := start(t)
	ctx := deadline(t)
	server.Inject(
		databrickstest.Fault{Path: "/api/2.0/dbfs/get-status", Times: 1, Status: 429, RetryAfter: "1"},
		databrickstest.Fault{Path: "/api/2.0/dbfs/get-status", Times: 1, Status: 503},
	)
	_, err := w.Dbfs.GetStatusByPath(ctx, "/")
	require.NoError(t, err)
	var statuses []int
	for _, r := range server.Requests() {
		if r.Path == "/api/2.0/dbfs/get-status" {
			statuses = append(statuses, r.Status)
		}
	}
	assert.Equal(t, []int{429, 503, 200}, statuses)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/get-status", Times: 1, Status: 500})
	_, err = w.Dbfs.GetStatusByPath(ctx, "/")
	var e *apierr.APIError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 500, e.StatusCode)
}

func TestAuthentication(t *testing.T) {
	const id = "5d6c1a52-0000-4000-8000-000000000001"
	server, _ := start(t,
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Password: "for Basic"}),
		databrickstest.WithServicePrincipal(databrickstest.ServicePrincipal{ApplicationID: id, Secrets: []string{"dose of +%&=/"}}))
	ctx := deadline(t)
	for who, c := range map[string]*databricks.Config{
		"alice@example.com": {Username: "alice@example.com", Password: "for Basic", AuthType: "basic"},
		id:                  {ClientID: id, ClientSecret: "dose of +%&=/", AuthType: "oauth-m2m"},
	} {
		c.Host, c.ConfigFile = server.URL(), "/dev/null"
		w, err := databricks.NewWorkspaceClient(c)
		require.NoError(t, err)
		me, err := w.CurrentUser.Me(ctx, iam.MeRequest{})
		require.NoError(t, err, who)
		assert.Equal(t, who, me.UserName)
	}
	stranger := connect(t, server.URL(), "dapi0")
	_, err := stranger.Clusters.ListAll(ctx, compute.ListClustersRequest{})
	assert.ErrorIs(t, err, apierr.ErrPermissionDenied)
	broken, err := databricks.NewWorkspaceClient(&databricks.Config{Host: server.URL(), ClientID: id, ClientSecret: "wrong", AuthType: "oauth-m2m", ConfigFile: "/dev/null"})
	require.NoError(t, err)
	_, err = broken.CurrentUser.Me(ctx, iam.MeRequest{})
	assert.ErrorContains(t, err, "invalid_client")
}
