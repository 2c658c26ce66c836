package databricks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files in testdata/jobs have every field of the contract once. A field that
// only the file or only the type has is an error.
func TestJobs_everyField(t *testing.T) {
	var (
		job    Job
		run    Run
		output RunOutput
		submit SubmitRun
		now    RunNow
		repair RepairRun
	)
	for name, into := range map[string]any{
		"job": &job, "run": &run, "output": &output, "submit": &submit, "run-now": &now, "repair": &repair,
	} {
		text, err := os.ReadFile("testdata/jobs/" + name + ".json")
		require.NoError(t, err)
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(into), name)
		if name == "run" || name == "output" {
			continue // set by the service
		}
		again, err := json.Marshal(into)
		require.NoError(t, err)
		assert.JSONEq(t, string(text), string(again), name)
	}
	noted, met := map[string]bool{}, map[string]bool{}
	for _, v := range []any{job, run, output, submit, now, repair} {
		noteFields(reflect.ValueOf(v), noted, met)
	}
	for place := range met {
		// The tests of clusters cover the fields of clusters.
		if owner, _, _ := strings.Cut(place, "."); owner == "ClusterSpec" || owner == "Library" {
			continue
		}
		assert.True(t, noted[place], "%s is zero", place)
	}

	assert.Equal(t, Millis(1700000000008), job.Settings.NotebookTask.RevisionTimestamp)
	assert.Equal(t, int64(1700000000008), job.Settings.NotebookTask.RevisionTimestamp.Time().UnixMilli())
	assert.Equal(t, 1500*time.Millisecond, DurationMillis(1500).Duration())
	assert.True(t, strings.HasPrefix(run.Tasks[0].TaskKey, "task key"), "a task run is its task as well")
}

func TestJobs_wire(t *testing.T) {
	runWire(t, []wireRow{{
		name: "create sends a single task and returns the id",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Create(ctx, CreateJob{
				Name: "nightly", NewCluster: &ClusterSpec{SparkVersion: "16.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(0)},
				Libraries:    []Library{{JAR: "dbfs:/jars/etl.jar"}},
				SparkJARTask: &SparkJARTask{MainClassName: "com.example.ETL", Parameters: []string{"--full"}},
				Schedule:     &CronSchedule{QuartzCronExpression: "0 30 6 * * ?", TimezoneID: "Europe/Berlin"},
			})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/create", `{"name": "nightly",
			"new_cluster": {"spark_version": "16.4.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 0},
			"libraries": [{"jar": "dbfs:/jars/etl.jar"}],
			"spark_jar_task": {"main_class_name": "com.example.ETL", "parameters": ["--full"]},
			"schedule": {"quartz_cron_expression": "0 30 6 * * ?", "timezone_id": "Europe/Berlin"}}`, `{"job_id": 9007199254740993}`}},
		want: int64(9007199254740993), // a float64 cannot represent it
	}, {
		name: "zero is sent where it says something",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Create(ctx, CreateJob{
				Tasks: []Task{{
					TaskKey: "a", NotebookTask: &NotebookTask{NotebookPath: "/a"}, DependsOn: []TaskDependency{},
					TimeoutSeconds: new(0), MaxRetries: new(0), MinRetryIntervalMillis: new(0), RetryOnTimeout: new(false),
				}},
				MaxConcurrentRuns: new(0), TimeoutSeconds: new(0), Queue: &QueueSettings{}, Tags: map[string]string{},
				Parameters:         []JobParameter{{Name: "day"}},
				EmailNotifications: &EmailNotifications{OnFailure: []string{}, NoAlertForSkippedRuns: new(false)},
				Health:             &JobHealthRules{Rules: []JobHealthRule{{Metric: JobHealthRunDurationSeconds, Op: JobHealthGreaterThan}}},
			})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/create", `{
			"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/a"}, "depends_on": [],
				"timeout_seconds": 0, "max_retries": 0, "min_retry_interval_millis": 0, "retry_on_timeout": false}],
			"max_concurrent_runs": 0, "timeout_seconds": 0, "queue": {"enabled": false}, "tags": {},
			"parameters": [{"name": "day", "default": ""}],
			"email_notifications": {"on_failure": [], "no_alert_for_skipped_runs": false},
			"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 0}]}}`, `{"job_id": "12"}`}},
		want: int64(12), // some servers send IDs as text
	}, {
		name: "a job over its quota is the service's to refuse",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Create(ctx, CreateJob{PipelineTask: &PipelineTask{PipelineID: "p"}})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/create", `{"pipeline_task": {"pipeline_id": "p"}}`,
			`400 {"error_code": "QUOTA_EXCEEDED", "message": "The quota for the number of jobs has been reached."}`}},
		is: ErrQuotaExceeded,
	}, {
		name: "get keeps what it does not know",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.Get(ctx, GetJob{JobID: 7}) },
		wire: []wireStep{{"GET /api/2.0/jobs/get?job_id=7", "", `{"job_id": 7, "creator_user_name": null, "created_time": "1700000000000", "new_field": {},
			"settings": {"name": "n", "format": "TRIPLE_TASK", "tags": null, "max_concurrent_runs": 1, "schedule": {"pause_status": "RESTING"}}}`}},
		want: &Job{JobID: 7, CreatedTime: 1700000000000, Settings: JobSettings{
			Name: "n", Format: "TRIPLE_TASK", MaxConcurrentRuns: new(1), Schedule: &CronSchedule{PauseStatus: "RESTING"},
		}},
	}, {
		name: "get with all there is to ask for",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Get(ctx, GetJob{JobID: 7, IncludeTriggerState: true, IncludeTriggerHistory: true})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/get?include_trigger_history=true&include_trigger_state=true&job_id=7", "",
			`{"job_id": 7, "trigger_state": {"file_arrival": {"using_file_events": true}}}`}},
		want: &Job{JobID: 7, TriggerState: &TriggerState{FileArrival: &FileArrivalState{UsingFileEvents: true}}},
	}, {
		name: "a job that does not exist has status 400",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.Get(ctx, GetJob{JobID: 7}) },
		wire: []wireStep{{"GET /api/2.0/jobs/get?job_id=7", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 7 does not exist."}`}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "a job that does not exist has status 404 by newer servers",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.Get(ctx, GetJob{JobID: 7}) },
		wire: []wireStep{{"GET /api/2.0/jobs/get?job_id=7", "", `404 {"message": "Job 7 does not exist."}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "list reads all jobs of 2.0 in one request",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.List(ctx, ListJobs{}) },
		wire: []wireStep{{"GET /api/2.0/jobs/list", "", `{"jobs": [{"job_id": 2, "settings": {"name": "b"}}, {"job_id": 1}]}`}},
		want: []Job{{JobID: 2, Settings: JobSettings{Name: "b"}}, {JobID: 1}},
	}, {
		name: "list without jobs has no key",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.List(ctx, ListJobs{}) },
		wire: []wireStep{{"GET /api/2.0/jobs/list", "", `{}`}},
		want: []Job(nil),
	}, {
		name: "list narrows by itself what 2.0 does not",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.List(ctx, ListJobs{Name: "ETL", ExpandTasks: true, Offset: 1, Limit: 1})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/list?expand_tasks=true&name=ETL", "", `{"jobs": [
			{"job_id": 4, "settings": {"name": "etl"}}, {"job_id": 3, "settings": {"name": "other"}},
			{"job_id": 2, "settings": {"name": "Etl"}}, {"job_id": 1, "settings": {"name": "etl"}}]}`}},
		want: []Job{{JobID: 2, Settings: JobSettings{Name: "Etl"}}},
	}, {
		name: "reset replaces the settings",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.Reset(ctx, 7, JobSettings{ExistingClusterID: "c", NotebookTask: &NotebookTask{NotebookPath: "/n"}})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/reset", `{"job_id": 7, "new_settings": {"existing_cluster_id": "c", "notebook_task": {"notebook_path": "/n"}}}`, ""}},
	}, {
		name: "update changes some settings and clears others",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.Update(ctx, UpdateJob{JobID: 7, NewSettings: JobSettings{Name: "n", MaxRetries: new(0)}, FieldsToRemove: []string{"schedule"}})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/update", `{"job_id": 7, "new_settings": {"name": "n", "max_retries": 0}, "fields_to_remove": ["schedule"]}`, ""}},
	}, {
		name: "update with nothing but fields to clear",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.Update(ctx, UpdateJob{JobID: 7, FieldsToRemove: []string{"libraries"}})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/update", `{"job_id": 7, "fields_to_remove": ["libraries"]}`, ""}},
	}, {
		name: "delete",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Jobs.Delete(ctx, 7) },
		wire: []wireStep{{"POST /api/2.0/jobs/delete", `{"job_id": 7}`, ""}},
	}, {
		name: "run-now sends the token that it is given",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.RunNow(ctx, RunNow{
				JobID: 7, RunParameters: RunParameters{NotebookParams: map[string]string{"day": "", "é&": "1"}}, Queue: &QueueSettings{}, IdempotencyToken: "t-1",
			})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/run-now", `{"job_id": 7, "notebook_params": {"day": "", "é&": "1"}, "queue": {"enabled": false}, "idempotency_token": "t-1"}`,
			`{"run_id": 998654886170278, "number_in_job": 998654886170278}`}},
		want: &RunNowResult{RunID: 998654886170278, NumberInJob: 998654886170278},
	}, {
		name: "an empty list of parameters takes the place of the job's",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.RunNow(ctx, RunNow{JobID: 7, RunParameters: RunParameters{PythonParams: []string{}}, IdempotencyToken: "t"})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/run-now", `{"job_id": 7, "python_params": [], "idempotency_token": "t"}`, `{"run_id": 1}`}},
		want: &RunNowResult{RunID: 1},
	}, {
		name: "submit starts a run without a job",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.SubmitRun(ctx, SubmitRun{
				RunName: "once", ExistingClusterID: "c", SparkPythonTask: &SparkPythonTask{PythonFile: "dbfs:/a.py"}, TimeoutSeconds: new(60), IdempotencyToken: "t",
			})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/runs/submit", `{"run_name": "once", "existing_cluster_id": "c",
			"spark_python_task": {"python_file": "dbfs:/a.py"}, "timeout_seconds": 60, "idempotency_token": "t"}`, `{"run_id": 5}`}},
		want: int64(5),
	}, {
		name: "runs are asked for as many at a time as there are",
		call: func(ctx context.Context, c *Client) (any, error) { return elements(c.Jobs.AllRuns(ctx, ListRuns{})) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=0", "", `{"has_more": false}`}},
		want: []Run(nil),
	}, {
		name: "every way to narrow runs, and pages by what came",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Jobs.AllRuns(ctx, ListRuns{
				JobID: 7, ActiveOnly: true, RunType: RunTypeJobRun, StartTimeFrom: 1, StartTimeTo: 2, ExpandTasks: true, Offset: 3, PageSize: 2,
			}))
		},
		wire: []wireStep{
			{"GET /api/2.0/jobs/runs/list?active_only=true&expand_tasks=true&job_id=7&limit=2&offset=3&run_type=JOB_RUN&start_time_from=1&start_time_to=2", "",
				`{"runs": [{"run_id": 9}], "has_more": true}`}, // a short page is not the last one
			{"GET /api/2.0/jobs/runs/list?active_only=true&expand_tasks=true&job_id=7&limit=2&offset=4&run_type=JOB_RUN&start_time_from=1&start_time_to=2", "",
				`{"runs": [{"run_id": 8}, {"run_id": 7}], "has_more": false}`},
		},
		want: []Run{{RunID: 9}, {RunID: 8}, {RunID: 7}},
	}, {
		name: "runs that start meanwhile push none onto the list twice",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Jobs.AllRuns(ctx, ListRuns{PageSize: 2}))
		},
		wire: []wireStep{
			{"GET /api/2.0/jobs/runs/list?limit=2", "", `{"runs": [{"run_id": 5}, {"run_id": 4}], "has_more": true}`},
			{"GET /api/2.0/jobs/runs/list?limit=2&offset=2", "", `{"runs": [{"run_id": 5}, {"run_id": 4}], "has_more": true}`}, // two items arrived
			{"GET /api/2.0/jobs/runs/list?limit=2&offset=4", "", `{"runs": [{"run_id": 4}, {"run_id": 3}], "has_more": false}`},
		},
		want: []Run{{RunID: 5}, {RunID: 4}, {RunID: 3}},
	}, {
		name: "an error page is an error",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{}) },
		wire: []wireStep{
			{"GET /api/2.0/jobs/runs/list?limit=0", "", `{"runs": [{"run_id": 5}], "has_more": true}`},
			{"GET /api/2.0/jobs/runs/list?limit=0&offset=1", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "The supplied offset 1 has exceeded"}`},
		},
		is: ErrInvalidParameterValue,
	}, {
		name:  "a page that promises more and brings nothing is an error",
		call:  func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{}) },
		wire:  []wireStep{{"GET /api/2.0/jobs/runs/list?limit=0", "", `{"has_more": true}`}, {"GET /api/2.0/jobs/runs/list?limit=0", "", `{"has_more": true}`}},
		fails: "the list would never end",
	}, {
		name: "list stops at its limit, over as many pages as that takes",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{Limit: 3}) },
		wire: []wireStep{
			{"GET /api/2.0/jobs/runs/list?limit=3", "", `{"runs": [{"run_id": 9}, {"run_id": 8}], "has_more": true}`},
			{"GET /api/2.0/jobs/runs/list?limit=3&offset=2", "", `{"runs": [{"run_id": 7}, {"run_id": 6}], "has_more": true}`},
		},
		want: []Run{{RunID: 9}, {RunID: 8}, {RunID: 7}},
	}, {
		name: "the next page begins where a page's token says",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.ListRunsPage(ctx, ListRuns{PageSize: 2, Offset: 1})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=2&offset=1", "", `{"runs": [{"run_id": 9}, {"run_id": 8}], "has_more": true}`}},
		want: &Page[Run]{Items: []Run{{RunID: 9}, {RunID: 8}}, NextPageToken: "offset=3"},
	}, {
		name: "a page by the token of one before",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.ListRunsPage(ctx, ListRuns{PageSize: 2, Offset: 1, PageToken: "offset=3"})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=2&offset=3", "", `{"runs": [{"run_id": 7}]}`}},
		want: &Page[Run]{Items: []Run{{RunID: 7}}},
	}, {
		name: "a page within a limit is the last one",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.ListRunsPage(ctx, ListRuns{PageSize: 3, Limit: 2})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=3", "", `{"runs": [{"run_id": 9}, {"run_id": 8}, {"run_id": 7}], "has_more": true}`}},
		want: &Page[Run]{Items: []Run{{RunID: 9}, {RunID: 8}}},
	}, {
		name: "the iterator ends at a limit as well",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Jobs.AllRuns(ctx, ListRuns{PageSize: 2, Limit: 1}))
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=2", "", `{"runs": [{"run_id": 9}, {"run_id": 8}], "has_more": true}`}},
		want: []Run{{RunID: 9}},
	}, {
		name: "runs without an ID are kept",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{}) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=0", "", `{"runs": [{"run_name": "a"}, {"run_name": "b"}]}`}},
		want: []Run{{RunName: "a"}, {RunName: "b"}},
	}, {
		name: "version 2.0 has one page of jobs",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListPage(ctx, ListJobs{PageSize: 1}) },
		wire: []wireStep{{"GET /api/2.0/jobs/list", "", `{"jobs": [{"job_id": 2}, {"job_id": 1}]}`}},
		want: &Page[Job]{Items: []Job{{JobID: 2}, {JobID: 1}}},
	}, {
		name: "a limit over the service's is as much as it gives",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{Limit: 1000}) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/list?limit=0", "", `{"runs": [{"run_id": 9}]}`}},
		want: []Run{{RunID: 9}},
	}, {
		name: "get run, with states of tomorrow",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRun(ctx, GetRun{RunID: 5}) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/get?run_id=5", "", `{"run_id": "5", "number_in_job": 5, "state": {"life_cycle_state": "DREAMING", "user_cancelled_or_timedout": "false"},
			"cluster_instance": {"cluster_id": "c", "spark_context_id": 1189923470230283001}, "task": {"notebook_task": {"notebook_path": "/n"}}, "attempt_number": 0}`}},
		want: &Run{RunID: 5, NumberInJob: 5, State: &RunState{LifeCycleState: "DREAMING"},
			ClusterInstance: &ClusterInstance{ClusterID: "c", SparkContextID: "1189923470230283001"}, Task: &Task{NotebookTask: &NotebookTask{NotebookPath: "/n"}}},
	}, {
		name: "get run with all there is to ask for",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.GetRun(ctx, GetRun{RunID: 5, IncludeHistory: true, IncludeResolvedValues: true})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/get?include_history=true&include_resolved_values=true&run_id=5", "", `{"run_id": 5}`}},
		want: &Run{RunID: 5},
	}, {
		name: "a run that does not exist",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRun(ctx, GetRun{RunID: 5}) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/get?run_id=5", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run: 5 in job: 7 doesn't exist."}`}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "export returns the views",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.ExportRun(ctx, ExportRun{RunID: 5, ViewsToExport: ViewsAll})
		},
		wire: []wireStep{{"GET /api/2.0/jobs/runs/export?run_id=5&views_to_export=ALL", "", `{"views": [{"content": "<html/>", "name": "n", "type": "NOTEBOOK"}]}`}},
		want: []RunView{{Type: ViewNotebook, Name: "n", Content: "<html/>"}},
	}, {
		name: "cancel",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Jobs.CancelRun(ctx, 5) },
		wire: []wireStep{{"POST /api/2.0/jobs/runs/cancel", `{"run_id": 5}`, ""}},
	}, {
		name: "cancel all of a job",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.CancelAllRuns(ctx, CancelAllRuns{JobID: 7})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/runs/cancel-all", `{"job_id": 7}`, ""}},
	}, {
		name: "cancel all that wait",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.CancelAllRuns(ctx, CancelAllRuns{AllQueuedRuns: true})
		},
		wire: []wireStep{{"POST /api/2.0/jobs/runs/cancel-all", `{"all_queued_runs": true}`, ""}},
	}, {
		name: "output of a notebook that gave nothing",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRunOutput(ctx, 5) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/get-output?run_id=5", "", `{"notebook_output": {}, "metadata": {"run_id": 5}}`}},
		want: &RunOutput{NotebookOutput: &NotebookOutput{}, Metadata: &Run{RunID: 5}},
	}, {
		name: "a run of several tasks has no output of its own",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRunOutput(ctx, 5) },
		wire: []wireStep{{"GET /api/2.0/jobs/runs/get-output?run_id=5", "",
			`400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Retrieving the output of runs with multiple tasks is not supported."}`}},
		is: ErrInvalidParameterValue,
	}, {
		name: "delete run, which is active",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Jobs.DeleteRun(ctx, 5) },
		wire: []wireStep{{"POST /api/2.0/jobs/runs/delete", `{"run_id": 5}`, `400 {"error_code": "INVALID_STATE", "message": "Run 5 is still active."}`}},
		is:   ErrInvalidState,
	}, {
		name: "repair is not there in 2.0",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.RepairRun(ctx, RepairRun{RunID: 5, RerunAllFailedTasks: true})
		},
		is: fs.ErrInvalid, fails: `WithJobsAPI("2.1")`,
	}})
}

func TestJobs_wire21(t *testing.T) {
	runWire(t, []wireRow{{
		name: "create",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Create(ctx, CreateJob{
				Tasks: []Task{
					{TaskKey: "a", SparkPythonTask: &SparkPythonTask{PythonFile: "dbfs:/a.py"}, JobClusterKey: "shared"},
					{TaskKey: "b", DependsOn: []TaskDependency{{TaskKey: "a"}}, RunIf: RunIfAllDone, RunJobTask: &RunJobTask{JobID: 3}},
				},
				JobClusters:       []JobCluster{{JobClusterKey: "shared", NewCluster: &ClusterSpec{SparkVersion: "v"}}},
				AccessControlList: []JobAccessControl{{GroupName: "ops", PermissionLevel: JobCanManageRun}},
			})
		},
		wire: []wireStep{{"POST /api/2.1/jobs/create", `{
			"tasks": [{"task_key": "a", "spark_python_task": {"python_file": "dbfs:/a.py"}, "job_cluster_key": "shared"},
				{"task_key": "b", "depends_on": [{"task_key": "a"}], "run_if": "ALL_DONE", "run_job_task": {"job_id": 3}}],
			"job_clusters": [{"job_cluster_key": "shared", "new_cluster": {"spark_version": "v"}}],
			"access_control_list": [{"group_name": "ops", "permission_level": "CAN_MANAGE_RUN"}]}`, `{"job_id": 1}`}},
		want: int64(1),
	}, {
		name: "a task at the top is the single-task form of later versions too",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.Create(ctx, CreateJob{ExistingClusterID: "c", NotebookTask: &NotebookTask{NotebookPath: "/n"}})
		},
		wire: []wireStep{{"POST /api/2.1/jobs/create", `{"existing_cluster_id": "c", "notebook_task": {"notebook_path": "/n"}}`, `{"job_id": 1}`}},
		want: int64(1),
	}, {
		name: "jobs come in pages by token",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.List(ctx, ListJobs{Name: "n&m"}) },
		wire: []wireStep{
			{"GET /api/2.1/jobs/list?limit=25&name=n%26m", "", `{"jobs": [{"job_id": 3}, {"job_id": 2}], "has_more": true, "next_page_token": "t=="}`},
			{"GET /api/2.1/jobs/list?limit=25&name=n%26m&page_token=t%3D%3D", "", `{"jobs": [{"job_id": 2}, {"job_id": 1}], "has_more": false, "prev_page_token": "p"}`},
		},
		want: []Job{{JobID: 3}, {JobID: 2}, {JobID: 1}},
	}, {
		name: "jobs come in pages by offset where there are no tokens",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Jobs.All(ctx, ListJobs{PageSize: 1}))
		},
		wire: []wireStep{
			{"GET /api/2.1/jobs/list?limit=1", "", `{"jobs": [{"job_id": 3}], "has_more": true}`},
			{"GET /api/2.1/jobs/list?limit=1&offset=1", "", `{"jobs": [{"job_id": 2}]}`},
		},
		want: []Job{{JobID: 3}, {JobID: 2}},
	}, {
		name: "a page may be empty and not the last one",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Jobs.AllRuns(ctx, ListRuns{PageToken: "a"}))
		},
		wire: []wireStep{
			{"GET /api/2.1/jobs/runs/list?limit=0&page_token=a", "", `{"has_more": true, "next_page_token": "b"}`},
			{"GET /api/2.1/jobs/runs/list?limit=0&page_token=b", "", `{"runs": [{"run_id": 2}], "has_more": true, "next_page_token": "c"}`},
			{"GET /api/2.1/jobs/runs/list?limit=0&page_token=c", "", `{"has_more": true}`}, // the last page has no token
		},
		want: []Run{{RunID: 2}},
	}, {
		name: "pages that run in a circle end",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{}) },
		wire: []wireStep{
			{"GET /api/2.1/jobs/runs/list?limit=0", "", `{"runs": [{"run_id": 2}], "next_page_token": "b"}`},
			{"GET /api/2.1/jobs/runs/list?limit=0&page_token=b", "", `{"runs": [{"run_id": 2}], "next_page_token": "b"}`},
		},
		fails: "the list would never end",
	}, {
		name: "pages that run in a wide circle end",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.List(ctx, ListJobs{}) },
		wire: []wireStep{
			{"GET /api/2.1/jobs/list?limit=25", "", `{"jobs": [{"settings": {"name": "no ID"}}], "next_page_token": "a"}`},
			{"GET /api/2.1/jobs/list?limit=25&page_token=a", "", `{"jobs": [{}], "next_page_token": "b"}`},
			{"GET /api/2.1/jobs/list?limit=25&page_token=b", "", `{"jobs": [{}], "next_page_token": "a"}`},
		},
		fails: "the list would never end",
	}, {
		name: "one page of jobs",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.ListPage(ctx, ListJobs{PageSize: 1, PageToken: "a"})
		},
		wire: []wireStep{{"GET /api/2.1/jobs/list?limit=1&page_token=a", "", `{"jobs": [{"job_id": 2}], "has_more": true, "next_page_token": "b"}`}},
		want: &Page[Job]{Items: []Job{{JobID: 2}}, NextPageToken: "b"},
	}, {
		name: "jobs without an ID are kept",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.List(ctx, ListJobs{}) },
		wire: []wireStep{{"GET /api/2.1/jobs/list?limit=25", "", `{"jobs": [{"creator_user_name": "a"}, {"creator_user_name": "b"}]}`}},
		want: []Job{{CreatorUserName: "a"}, {CreatorUserName: "b"}},
	}, {
		name: "more runs than a page takes",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.ListRuns(ctx, ListRuns{Limit: 26}) },
		wire: []wireStep{{"GET /api/2.1/jobs/runs/list?limit=0", "", `{}`}},
		want: []Run(nil),
	}, {
		name: "repair",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.RepairRun(ctx, RepairRun{RunID: 5, RerunTasks: []string{"a"}, RerunDependentTasks: true, LatestRepairID: 3})
		},
		wire: []wireStep{{"POST /api/2.1/jobs/runs/repair", `{"run_id": 5, "rerun_tasks": ["a"], "rerun_dependent_tasks": true, "latest_repair_id": 3}`, `{"repair_id": 4}`}},
		want: int64(4),
	}, {
		name: "submit",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Jobs.SubmitRun(ctx, SubmitRun{Tasks: []Task{{TaskKey: "a", SQLTask: &SQLTask{WarehouseID: "w", Query: &SQLTaskQuery{QueryID: "q"}}}}, IdempotencyToken: "t"})
		},
		wire: []wireStep{{"POST /api/2.1/jobs/runs/submit", `{"tasks": [{"task_key": "a", "sql_task": {"warehouse_id": "w", "query": {"query_id": "q"}}}], "idempotency_token": "t"}`,
			`{"run_id": 5}`}},
		want: int64(5),
	}}, WithJobsAPI("2.1"))
}

func TestJobs_wire22(t *testing.T) {
	var tasks []Task
	for i := range 101 {
		tasks = append(tasks, Task{TaskKey: fmt.Sprint(i)})
	}
	runWire(t, []wireRow{{
		name: "a large job is put together",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.Get(ctx, GetJob{JobID: 7}) },
		wire: []wireStep{
			{"GET /api/2.2/jobs/get?job_id=7", "", `{"job_id": 7, "has_more": true, "next_page_token": "x", "settings": {"name": "n",
				"tasks": [{"task_key": "a"}], "job_clusters": [{"job_cluster_key": "c"}], "environments": [{"environment_key": "e"}], "parameters": [{"name": "p"}]}}`},
			{"GET /api/2.2/jobs/get?job_id=7&page_token=x", "", `{"job_id": 7, "next_page_token": "y", "settings": {"tasks": [{"task_key": "b"}]}}`},
			{"GET /api/2.2/jobs/get?job_id=7&page_token=y", "", `{"job_id": 7, "settings": {
				"tasks": [{"task_key": "c"}], "job_clusters": [{"job_cluster_key": "d"}], "environments": [{"environment_key": "f"}], "parameters": [{"name": "q"}]}}`},
		},
		want: &Job{JobID: 7, Settings: JobSettings{
			Name: "n", Tasks: []Task{{TaskKey: "a"}, {TaskKey: "b"}, {TaskKey: "c"}}, JobClusters: []JobCluster{{JobClusterKey: "c"}, {JobClusterKey: "d"}},
			Environments: []JobEnvironment{{EnvironmentKey: "e"}, {EnvironmentKey: "f"}}, Parameters: []JobParameter{{Name: "p"}, {Name: "q"}},
		}},
	}, {
		name: "a large run is put together",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRun(ctx, GetRun{RunID: 5}) },
		wire: []wireStep{
			{"GET /api/2.2/jobs/runs/get?run_id=5", "", `{"run_id": 5, "next_page_token": "x", "status": {"state": "RUNNING"}, "tasks": [{"task_key": "a", "run_id": 1}],
				"iterations": [{"run_id": 10}], "job_clusters": [{"job_cluster_key": "c"}], "job_parameters": [{"name": "p", "default": "1", "value": "2"}], "repair_history": [{"id": 1}]}`},
			{"GET /api/2.2/jobs/runs/get?page_token=x&run_id=5", "", `{"run_id": 5, "status": {"state": "RUNNING"}, "tasks": [{"task_key": "b", "run_id": 2}],
				"iterations": [{"run_id": 11}], "job_clusters": [{"job_cluster_key": "d"}], "job_parameters": [{"name": "q"}], "repair_history": [{"id": 2}]}`},
		},
		want: &Run{RunID: 5, Status: &RunStatus{State: RunStatusRunning}, Tasks: []RunTask{{Task: Task{TaskKey: "a"}, RunID: 1}, {Task: Task{TaskKey: "b"}, RunID: 2}},
			Iterations: []RunTask{{RunID: 10}, {RunID: 11}}, JobClusters: []JobCluster{{JobClusterKey: "c"}, {JobClusterKey: "d"}},
			JobParameters: []JobParameter{{Name: "p", Default: "1", Value: "2"}, {Name: "q"}}, RepairHistory: []RepairHistoryItem{{ID: 1}, {ID: 2}}},
	}, {
		name: "a job whose pages run in a circle",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.Get(ctx, GetJob{JobID: 7}) },
		wire: []wireStep{
			{"GET /api/2.2/jobs/get?job_id=7", "", `{"next_page_token": "x"}`},
			{"GET /api/2.2/jobs/get?job_id=7&page_token=x", "", `{"next_page_token": "x"}`},
		},
		fails: "the list would never end",
	}, {
		name: "a run that is gone before its second page",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Jobs.GetRun(ctx, GetRun{RunID: 5}) },
		wire: []wireStep{
			{"GET /api/2.2/jobs/runs/get?run_id=5", "", `{"run_id": 5, "next_page_token": "x"}`},
			{"GET /api/2.2/jobs/runs/get?page_token=x&run_id=5", "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run 5 does not exist."}`},
		},
		is: ErrResourceDoesNotExist,
	}, {
		name: "more than a hundred tasks",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Jobs.Update(ctx, UpdateJob{JobID: 7, NewSettings: JobSettings{Tasks: tasks[:1]}})
		},
		wire: []wireStep{{"POST /api/2.2/jobs/update", `{"job_id": 7, "new_settings": {"tasks": [{"task_key": "0"}]}}`, ""}},
	}}, WithJobsAPI("2.2"))
}

// The path of every call contains the selected version of the API.
func TestJobs_versions(t *testing.T) {
	task := []Task{{TaskKey: "a", NotebookTask: &NotebookTask{NotebookPath: "/n"}}}
	calls := map[string]func(context.Context, *JobsService) error{
		"POST create": func(ctx context.Context, s *JobsService) error {
			_, err := s.Create(ctx, CreateJob{Tasks: task})
			return err
		},
		"GET list":     func(ctx context.Context, s *JobsService) error { _, err := s.List(ctx, ListJobs{}); return err },
		"GET get":      func(ctx context.Context, s *JobsService) error { _, err := s.Get(ctx, GetJob{JobID: 1}); return err },
		"POST reset":   func(ctx context.Context, s *JobsService) error { return s.Reset(ctx, 1, JobSettings{Tasks: task}) },
		"POST update":  func(ctx context.Context, s *JobsService) error { return s.Update(ctx, UpdateJob{JobID: 1}) },
		"POST delete":  func(ctx context.Context, s *JobsService) error { return s.Delete(ctx, 1) },
		"POST run-now": func(ctx context.Context, s *JobsService) error { _, err := s.RunNow(ctx, RunNow{JobID: 1}); return err },
		"POST runs/submit": func(ctx context.Context, s *JobsService) error {
			_, err := s.SubmitRun(ctx, SubmitRun{Tasks: task})
			return err
		},
		"GET runs/list": func(ctx context.Context, s *JobsService) error { _, err := s.ListRuns(ctx, ListRuns{}); return err },
		"GET runs/get":  func(ctx context.Context, s *JobsService) error { _, err := s.GetRun(ctx, GetRun{RunID: 1}); return err },
		"GET runs/export": func(ctx context.Context, s *JobsService) error {
			_, err := s.ExportRun(ctx, ExportRun{RunID: 1})
			return err
		},
		"POST runs/cancel":     func(ctx context.Context, s *JobsService) error { return s.CancelRun(ctx, 1) },
		"POST runs/cancel-all": func(ctx context.Context, s *JobsService) error { return s.CancelAllRuns(ctx, CancelAllRuns{JobID: 1}) },
		"GET runs/get-output":  func(ctx context.Context, s *JobsService) error { _, err := s.GetRunOutput(ctx, 1); return err },
		"POST runs/delete":     func(ctx context.Context, s *JobsService) error { return s.DeleteRun(ctx, 1) },
		"POST runs/repair": func(ctx context.Context, s *JobsService) error {
			_, err := s.RepairRun(ctx, RepairRun{RunID: 1, RerunAllFailedTasks: true})
			return err
		},
	}
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		for call, do := range calls {
			if version == "2.0" && call == "POST runs/repair" {
				continue
			}
			transport := httpmock.NewMockTransport()
			method, path, _ := strings.Cut(call, " ")
			url := "https://workspace.example.com/api/" + version + "/jobs/" + path
			transport.RegisterResponder(method, url, httpmock.NewStringResponder(200, `{"job_id": 1, "run_id": 2, "repair_id": 3}`))
			client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}), WithJobsAPI(version))
			assert.NoError(t, do(t.Context(), client.Jobs), "%s %s", version, call)
			assert.Equal(t, 1, transport.GetTotalCallCount(), "%s %s", version, call)
		}
	}
}

// The client does not enforce limits that the service may change.
func TestJobs_limitsAreTheServices(t *testing.T) {
	long := strings.Repeat("x", 30_000)
	many := make([]Task, 1001)
	for i := range many {
		many[i].TaskKey = fmt.Sprintf("a key with blanks %d", i)
	}
	webhooks := &WebhookNotifications{OnStart: make([]Webhook, 4)}
	tags := map[string]string{}
	for i := range 30 {
		tags[fmt.Sprint(i)] = ""
	}
	notebook := &NotebookTask{NotebookPath: "/n"}
	for name, in := range map[string]any{
		"a long name":                 CreateJob{Name: long, Description: long},
		"many tasks":                  CreateJob{Tasks: many},
		"many runs":                   CreateJob{MaxConcurrentRuns: new(1001)},
		"odd retries":                 CreateJob{Tasks: []Task{{TaskKey: "a", MaxRetries: new(-2), TimeoutSeconds: new(-1)}}},
		"many tags":                   CreateJob{Tags: tags},
		"many webhooks":               CreateJob{WebhookNotifications: webhooks},
		"short pauses":                CreateJob{Trigger: &TriggerSettings{FileArrival: &FileArrivalTrigger{URL: "u", MinTimeBetweenTriggersSeconds: 1}}},
		"no cluster":                  CreateJob{NotebookTask: notebook},
		"spark-submit on a cluster":   CreateJob{SparkSubmitTask: &SparkSubmitTask{}, ExistingClusterID: "c"},
		"shared clusters only":        CreateJob{JobClusters: []JobCluster{{JobClusterKey: "c"}}},
		"nothing to run":              CreateJob{},
		"a single task":               CreateJob{NotebookTask: notebook, ExistingClusterID: "c"},
		"a long token":                RunNow{JobID: 1, IdempotencyToken: long},
		"long parameters":             RunNow{JobID: 1, RunParameters: RunParameters{PythonParams: []string{long}}},
		"a submission without a size": SubmitRun{RunName: long, NotebookTask: notebook},
	} {
		for _, version := range []string{"2.0", "2.1", "2.2"} {
			transport := httpmock.NewMockTransport()
			transport.RegisterNoResponder(httpmock.NewStringResponder(200, `{"job_id": 1, "run_id": 2}`))
			client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}), WithJobsAPI(version))
			var err error
			switch in := in.(type) {
			case CreateJob:
				_, err = client.Jobs.Create(t.Context(), in)
			case RunNow:
				_, err = client.Jobs.RunNow(t.Context(), in)
			case SubmitRun:
				_, err = client.Jobs.SubmitRun(t.Context(), in)
			}
			assert.NoError(t, err, "%s, version %s", name, version)
			assert.Equal(t, 1, transport.GetTotalCallCount(), "%s, version %s", name, version)
		}
	}
}

func TestJobs_refused(t *testing.T) {
	notebook := &NotebookTask{NotebookPath: "/n"}
	one := func(task Task) CreateJob { return CreateJob{Tasks: []Task{task}} }
	with := func(change func(*JobSettings)) CreateJob {
		job := one(Task{TaskKey: "a", NotebookTask: notebook})
		change(&job)
		return job
	}
	for _, row := range []struct {
		fails string
		in    any
	}{
		{"new_cluster cannot be set together with existing_cluster_id", CreateJob{NotebookTask: notebook, ExistingClusterID: "c", NewCluster: &ClusterSpec{}}},
		{"spark_jar_task cannot be set together with notebook_task", CreateJob{NotebookTask: notebook, SparkJARTask: &SparkJARTask{}, ExistingClusterID: "c"}},
		{"notebook_task cannot be set together with tasks", CreateJob{NotebookTask: notebook, Tasks: []Task{{TaskKey: "a"}}}},
		{"tasks[0].task_key is required", one(Task{})},
		{`tasks[1].task_key is "a", which is already used`, CreateJob{Tasks: []Task{{TaskKey: "a"}, {TaskKey: "a"}}}},
		{"tasks[0].sql_task cannot be set together with notebook_task", one(Task{TaskKey: "a", NotebookTask: notebook, SQLTask: &SQLTask{}})},
		{"tasks[0].job_cluster_key cannot be set together with existing_cluster_id", one(Task{TaskKey: "a", ExistingClusterID: "c", JobClusterKey: "k"})},
		{"tasks[0].libraries contains an empty library", one(Task{TaskKey: "a", Libraries: []Library{{}}})},
		{"tasks[0].for_each_task.task.task_key is required", one(Task{TaskKey: "a", ForEachTask: &ForEachTask{Inputs: "[]"}})},
		{"tasks[0].run_job_task.job_id is required", one(Task{TaskKey: "a", RunJobTask: &RunJobTask{}})},
		{"job_clusters[0].job_cluster_key is required", with(func(j *JobSettings) { j.JobClusters = []JobCluster{{}} })},
		{"continuous cannot be set together with schedule", with(func(j *JobSettings) {
			j.Continuous, j.Schedule = &Continuous{}, &CronSchedule{QuartzCronExpression: "0 0 0 * * ?", TimezoneID: "UTC"}
		})},
		{"schedule.timezone_id is required", with(func(j *JobSettings) { j.Schedule = &CronSchedule{QuartzCronExpression: "0 0 0 * * ?"} })},
		{"schedule.quartz_cron_expression has 5 fields", with(func(j *JobSettings) { j.Schedule = &CronSchedule{QuartzCronExpression: "0 0 * * *", TimezoneID: "UTC"} })},
		{"trigger.file_arrival is required; set exactly one of file_arrival", with(func(j *JobSettings) { j.Trigger = &TriggerSettings{} })},
		{"triggers[0].model cannot be set together with periodic", with(func(j *JobSettings) {
			j.Triggers = []JobTrigger{{Periodic: &PeriodicTrigger{Interval: 1, Unit: PeriodicDays}, Model: &ModelTrigger{Condition: ModelCreated}}}
		})},
		{"trigger.periodic.interval is required", with(func(j *JobSettings) { j.Trigger = &TriggerSettings{Periodic: &PeriodicTrigger{Unit: PeriodicDays}} })},
		{"git_source.git_provider is required", with(func(j *JobSettings) { j.GitSource = &GitSource{GitURL: "u", GitBranch: "b"} })},
		{"git_source.git_branch is required; set exactly one", with(func(j *JobSettings) { j.GitSource = &GitSource{GitURL: "u", GitProvider: GitHub} })},
		{"git_source.git_tag cannot be set together with git_branch", with(func(j *JobSettings) {
			j.GitSource = &GitSource{GitURL: "u", GitProvider: GitHub, GitBranch: "b", GitTag: "t"}
		})},
		{"run_as.user_name is required; set exactly one", with(func(j *JobSettings) { j.RunAs = &JobRunAs{} })},
		{"access_control_list[0].group_name cannot be set together with user_name", with(func(j *JobSettings) {
			j.AccessControlList = []JobAccessControl{{UserName: "u", GroupName: "g"}}
		})},

		{"job_id is required", GetJob{}},
		{"job_id is required", UpdateJob{}},
		{"Limit is -1", ListJobs{Limit: -1}},
		{"PageSize is -1", ListRuns{PageSize: -1}},
		{"page_token is not part of version 2.0", ListJobs{PageToken: "t"}},
		{"offset is -1", ListRuns{Offset: -1}},
		{"completed_only cannot be set together with active_only", ListRuns{ActiveOnly: true, CompletedOnly: true}},
		{"job_id is required", RunNow{}},
		{"notebook_params cannot be set together with jar_params", RunNow{JobID: 1, RunParameters: RunParameters{JARParams: []string{}, NotebookParams: map[string]string{}}}},
		{"tasks is required; set it", SubmitRun{}},
		{"run_id is required", GetRun{}},
		{"run_id is required", ExportRun{}},
		{"job_id is required", CancelAllRuns{}},
		{"run_id is required", RepairRun{}},
		{"rerun_tasks is required; set exactly one", RepairRun{RunID: 1}},
		{"rerun_all_failed_tasks cannot be set together with rerun_tasks", RepairRun{RunID: 1, RerunTasks: []string{"a"}, RerunAllFailedTasks: true}},
	} {
		t.Run(fmt.Sprintf("%T %s", row.in, row.fails), func(t *testing.T) {
			client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()}))
			version21 := newTestClient(t, "https://workspace.example.com", WithJobsAPI("2.1"), WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()}))
			ctx, s, err := t.Context(), client.Jobs, error(nil)
			switch in := row.in.(type) {
			case CreateJob:
				_, err = s.Create(ctx, in)
				if in.AccessControlList == nil {
					assert.ErrorIs(t, s.Reset(ctx, 1, in), fs.ErrInvalid)
				}
			case GetJob:
				_, err = s.Get(ctx, in)
			case ListJobs:
				_, err = s.List(ctx, in)
			case UpdateJob:
				err = s.Update(ctx, in)
			case RunNow:
				_, err = s.RunNow(ctx, in)
			case SubmitRun:
				_, err = s.SubmitRun(ctx, in)
			case ListRuns:
				_, err = s.ListRuns(ctx, in)
			case GetRun:
				_, err = s.GetRun(ctx, in)
			case ExportRun:
				_, err = s.ExportRun(ctx, in)
			case CancelAllRuns:
				err = s.CancelAllRuns(ctx, in)
			case RepairRun:
				_, err = version21.Jobs.RepairRun(ctx, in)
			}
			assert.ErrorIs(t, err, fs.ErrInvalid)
			assert.ErrorContains(t, err, row.fails)
		})
	}

	client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()}))
	ctx, s := t.Context(), client.Jobs
	_, err := s.Get(ctx, GetJob{JobID: 0})
	assert.ErrorContains(t, err, "job_id is required")
	_, err = s.GetRun(ctx, GetRun{RunID: 0})
	assert.ErrorContains(t, err, "run_id is required")
	_, err = s.GetRunOutput(ctx, 0)
	assert.ErrorContains(t, err, "run_id is required")
	_, err = s.WaitRun(ctx, 0)
	assert.ErrorContains(t, err, "run_id is required")
	for _, err := range []error{s.Delete(ctx, 0), s.Reset(ctx, 0, one(Task{TaskKey: "a"}))} {
		assert.ErrorContains(t, err, "job_id is required")
	}
	for _, err := range []error{s.CancelRun(ctx, 0), s.DeleteRun(ctx, 0)} {
		assert.ErrorContains(t, err, "run_id is required")
	}
	acl := JobSettings{AccessControlList: []JobAccessControl{{UserName: "u"}}}
	assert.ErrorContains(t, s.Reset(ctx, 1, acl), "access_control_list is accepted by Create only")
	assert.ErrorContains(t, s.Update(ctx, UpdateJob{JobID: 1, NewSettings: acl}), "access_control_list is accepted by Create only")
}

// scriptedRuns responds to runs/get with the responses in their order. It repeats
// the last one. It responds to runs/get-output with output.
func scriptedRuns(t *testing.T, output string, responses ...string) *Client {
	transport := httpmock.NewMockTransport()
	transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/get-output") {
			return wireResponse(cmp.Or(output, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "no output"}`)), nil
		}
		response := responses[0]
		if len(responses) > 1 {
			responses = responses[1:]
		}
		return wireResponse(response), nil
	})
	return newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}), WithRetryPolicy(RetryPolicy{MaxAttempts: 1}))
}

func TestJobs_WaitRun_ends(t *testing.T) {
	const both = `"run_id": 5, "run_page_url": "https://w/#job/7/run/5"`
	for _, row := range []struct {
		name, response, output string
		want                   string // expected error; empty for none
		check                  func(*testing.T, *RunError)
	}{{
		name: "success", response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}}`,
	}, {
		name: "success with failures", response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS_WITH_FAILURES"}}`,
	}, {
		name: "success by status alone", response: `{"run_id": 5, "status": {"state": "TERMINATED", "termination_details": {"code": "SUCCESS", "type": "SUCCESS"}}}`,
	}, {
		name:     "a single task that failed",
		response: `{` + both + `, "run_name": "nightly", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "Workload failed,\nsee run output"}}`,
		output:   `{"error": "ZeroDivisionError: division by zero", "error_trace": "Traceback\n  line 1"}`,
		want: "databricks: run 5 (nightly) ended FAILED: Workload failed, see run output: ZeroDivisionError: division by zero; " +
			"see https://w/#job/7/run/5",
		check: func(t *testing.T, e *RunError) {
			assert.Equal(t, RunResultFailed, e.Result)
			assert.Equal(t, "Traceback\n  line 1", e.Trace)
			assert.Equal(t, int64(5), e.Run.RunID)
		},
	}, {
		name:     "a cause between rules, with tags and colors",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "<b>Workload</b> failed"}}`,
		output:   `{"error": "---------------\n\u001b[31mThe library failed to load\u001b[0m\n---------------"}`,
		want:     "databricks: run 5 ended FAILED: Workload failed: The library failed to load",
	}, {
		name:     "a failure without a readable output",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "Workload failed"}}`,
		want:     "databricks: run 5 ended FAILED: Workload failed",
	}, {
		name: "tasks of which some failed, one not after a retry, one not after a repair",
		response: `{` + both + `, "state": {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED", "state_message": "Task b failed."}, "tasks": [
			{"task_key": "a", "run_id": 10, "start_time": 1, "attempt_number": 0, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "a", "run_id": 11, "start_time": 1, "attempt_number": 1, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}},
			{"task_key": "e", "run_id": 15, "start_time": 1, "attempt_number": 1, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "e", "run_id": 16, "start_time": 9, "attempt_number": 0, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}},
			{"task_key": "b", "run_id": 12, "start_time": 2, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "Workload failed"}},
			{"task_key": "c", "run_id": 13, "state": {"life_cycle_state": "SKIPPED", "result_state": "UPSTREAM_FAILED", "state_message": "An upstream task failed."}},
			{"task_key": "d", "run_id": 14, "start_time": 2, "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT", "state_message": "too slow"}}]}`,
		output: `{"error": "ValueError: no"}`,
		want: "databricks: run 5 ended FAILED: Task b failed.; task b FAILED: Workload failed; task d TIMEDOUT: too slow: ValueError: no; " +
			"see https://w/#job/7/run/5",
		check: func(t *testing.T, e *RunError) {
			assert.Equal(t, []FailedTask{{"b", 12, RunResultFailed, "Workload failed"}, {"d", 14, RunResultTimedOut, "too slow"}}, e.FailedTasks)
		},
	}, {
		name: "more failed tasks than a line should hold",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}, "tasks": [` +
			`{"task_key": "a", "run_id": 1, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "b", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "c", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "d", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
			{"task_key": "e", "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}}]}`,
		want: "databricks: run 5 ended FAILED; task a FAILED; task b FAILED; task c FAILED; and 2 more tasks",
	}, {
		name:     "timed out",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT", "state_message": "Run timed out."}}`,
		want:     "databricks: run 5 ended TIMEDOUT: Run timed out.",
	}, {
		name:     "canceled",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "CANCELED", "user_cancelled_or_timedout": true}}`,
		want:     "databricks: run 5 ended CANCELED",
	}, {
		name:     "skipped as servers of 2020 report it",
		response: `{"run_id": 5, "state": {"life_cycle_state": "SKIPPED", "state_message": "Skipping this run"}}`,
		want:     "databricks: run 5 ended SKIPPED: Skipping this run",
	}, {
		name:     "skipped as current servers report it",
		response: `{"run_id": 5, "state": {"life_cycle_state": "SKIPPED", "result_state": "MAXIMUM_CONCURRENT_RUNS_REACHED"}}`,
		want:     "databricks: run 5 ended MAXIMUM_CONCURRENT_RUNS_REACHED",
	}, {
		name:     "an internal error, whatever the result says",
		response: `{"run_id": 5, "state": {"life_cycle_state": "INTERNAL_ERROR", "state_message": "the service is unwell"}}`,
		output:   `{"error": "and so is the cluster"}`,
		want:     "databricks: run 5 ended INTERNAL_ERROR: the service is unwell: and so is the cluster",
	}, {
		name:     "a success of which the service is not sure",
		response: `{"run_id": 5, "state": {"life_cycle_state": "INTERNAL_ERROR", "result_state": "SUCCESS"}}`,
		want:     "databricks: run 5 ended SUCCESS, and INTERNAL_ERROR",
	}, {
		name:     "a result of tomorrow",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "ABDUCTED"}}`,
		want:     "databricks: run 5 ended ABDUCTED",
	}, {
		name:     "no result at all",
		response: `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED"}}`,
		want:     "databricks: run 5 ended TERMINATED",
	}, {
		name:     "a failure by status alone",
		response: `{"run_id": 5, "status": {"state": "TERMINATED", "termination_details": {"code": "DRIVER_ERROR", "type": "INTERNAL_ERROR", "message": "the driver left"}}}`,
		output:   `{"error": "out of memory"}`,
		want:     "databricks: run 5 ended FAILED: the driver left: out of memory",
	}, {
		name:     "canceled by status alone",
		response: `{"run_id": 5, "status": {"state": "TERMINATED", "termination_details": {"code": "USER_CANCELED"}}}`,
		want:     "databricks: run 5 ended CANCELED",
	}, {
		name:     "skipped by status alone",
		response: `{"run_id": 5, "status": {"state": "TERMINATED", "termination_details": {"code": "SKIPPED"}}}`,
		want:     "databricks: run 5 ended SKIPPED",
	}} {
		t.Run(row.name, func(t *testing.T) {
			run, err := scriptedRuns(t, row.output, row.response).Jobs.WaitRun(t.Context(), 5)
			result, resultErr := scriptedRuns(t, row.output, row.response).Jobs.RunResult(t.Context(), 5)
			assert.Equal(t, run, result, "the result without a wait")
			assert.Equal(t, err, resultErr, "the result without a wait")
			if row.want == "" {
				require.NoError(t, err)
				assert.Equal(t, int64(5), run.RunID)
				assert.True(t, run.Done() && run.Succeeded())
				return
			}
			assert.Nil(t, run)
			require.EqualError(t, err, row.want)
			e, ok := errors.AsType[*RunError](err)
			require.True(t, ok, "%T", err)
			assert.True(t, e.Run.Done())
			assert.False(t, e.Run.Succeeded())
			if row.check != nil {
				row.check(t, e)
			}
		})
	}
}

// A run that has not ended has no reason yet, and is not an error.
func TestJobs_RunResult_active(t *testing.T) {
	run, err := scriptedRuns(t, "", `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}}`).Jobs.RunResult(t.Context(), 5)
	require.NoError(t, err)
	assert.False(t, run.Done())
}

func TestJobs_AllRunOutputs(t *testing.T) {
	collectAll := func(response string, stop int) (keys []string, err error) {
		for output, err := range scriptedRuns(t, `{"notebook_output": {"result": "r"}}`, response).Jobs.AllRunOutputs(t.Context(), 5) {
			if err != nil {
				return keys, err
			}
			keys = append(keys, fmt.Sprint(output.TaskKey, output.RunID, output.NotebookResult()))
			if len(keys) == stop {
				break
			}
		}
		return keys, nil
	}
	const tasks = `{"run_id": 5, "tasks": [{"task_key": "b", "run_id": 6, "start_time": 1}, {"task_key": "a", "run_id": 7}, {"task_key": "b", "run_id": 8, "start_time": 2}]}`
	keys, err := collectAll(tasks, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"b8r", "a7r"}, keys)
	keys, err = collectAll(tasks, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"b8r"}, keys)
	keys, err = collectAll(`{"run_id": 5}`, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"5r"}, keys)

	c := scriptedRuns(t, "", tasks)
	for output, err := range c.Jobs.AllRunOutputs(t.Context(), 5) {
		assert.Error(t, err)
		assert.Zero(t, output.RunOutput)
	}
}

// The accessors for values that examples dereference work on nil.
func TestAccessors_nil(t *testing.T) {
	var run *Run
	var task *RunTask
	var output *RunOutput
	var cluster *Cluster
	var spec *ClusterSpec
	assert.False(t, run.Done() || run.Succeeded() || task.Done() || task.Succeeded())
	assert.Empty(t, string(run.Result())+run.Message()+string(task.Result())+task.Message()+output.NotebookResult())
	assert.Zero(t, cluster.Workers()+spec.Workers()+new(Cluster).Workers())
	assert.Equal(t, 3, (&Cluster{ClusterSpec: ClusterSpec{NumWorkers: new(3)}}).Workers())
}

func TestRunError_empty(t *testing.T) {
	assert.EqualError(t, &RunError{}, "databricks: run 0 ended without a result")
}

func TestJobs_WatchRun_changes(t *testing.T) {
	const (
		pending = `{"run_id": 5, "state": {"life_cycle_state": "PENDING"}}`
		running = `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}, "setup_duration": 5}`
		longer  = `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}, "setup_duration": 9}`
		task    = `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}, "tasks": [{"task_key": "a", "run_id": 6, "state": {"life_cycle_state": "RUNNING"}}]}`
		taskEnd = `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}, "tasks": [{"task_key": "a", "run_id": 6, "state": {"life_cycle_state": "TERMINATED"}}]}`
		done    = `{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "CANCELED"}}`
		bad     = `500 {"error_code": "INTERNAL_ERROR", "message": "try again"}`
	)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		client := scriptedRuns(t, "", pending, pending, running, bad, longer, bad, bad, task, task, taskEnd, done)
		var seen []string
		for run, err := range client.Jobs.WatchRun(ctx, 5) {
			require.NoError(t, err)
			state := string(run.State.LifeCycleState)
			for _, task := range run.Tasks {
				state += " " + string(task.State.LifeCycleState)
			}
			seen = append(seen, state)
		}
		assert.Equal(t, []string{"PENDING", "RUNNING", "RUNNING RUNNING", "RUNNING TERMINATED", "TERMINATED"}, seen, "a canceled run is no error here")
	})
}

func TestJobs_WaitRun_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the shift is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, why)
		defer cancel()
		_, err := scriptedRuns(t, "", `{"run_id": 5, "state": {"life_cycle_state": "RUNNING"}}`).Jobs.WaitRun(ctx, 5)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, why)
		assert.ErrorContains(t, err, "run 5")
	})
}

// No response causes a panic in decoding or in the accessors of a run.
func FuzzRunResponse(f *testing.F) {
	f.Add([]byte(`{"run_id": 5, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "a\nb"}, "end_time": 7}`))
	f.Add([]byte(`{"run_id": 5, "tasks": [{"task_key": "a", "run_id": 6, "status": {"state": "TERMINATED", "termination_details": {"code": "SKIPPED"}}}]}`))
	f.Add([]byte(`{"status": {"state": "TERMINATED", "termination_details": {"code": "SUCCESS"}}}`))
	f.Add([]byte(`{"notebook_output": {"result": 1}, "metadata": {"run_id": 5}, "settings": {"tasks": [{"for_each_task": {"task": {}}}]}}`))
	f.Add([]byte(`{"state": null, "tasks": [null, {"state": {}}], "status": {"termination_details": null}}`))
	f.Add([]byte(`{"run_id": "5", "attempt_number": 7.0, "tasks": {}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		transport := httpmock.NewMockTransport()
		transport.RegisterNoResponder(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text))}, nil
		})
		client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}), WithRetryPolicy(RetryPolicy{MaxAttempts: 1}))
		ctx := t.Context()
		if run, err := do[Run](ctx, client, get("/api/2.0/jobs/runs/get")); err == nil {
			_, _ = run.Done(), run.Succeeded()
			text := client.Jobs.runError(ctx, run).Error()
			assert.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
		}
		_, _ = do[RunOutput](ctx, client, get("/api/2.0/jobs/runs/get-output"))
		_, _ = do[Job](ctx, client, get("/api/2.0/jobs/get"))
	})
}
