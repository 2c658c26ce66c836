package databricks

import (
	"context"
	"iter"
)

// ViewsToExport says what of a notebook run is exported.
type ViewsToExport string

// Views of a notebook.
const (
	ViewsCode       ViewsToExport = "CODE" // the default
	ViewsDashboards ViewsToExport = "DASHBOARDS"
	ViewsAll        ViewsToExport = "ALL"
)

// A ViewType says what an exported view shows.
type ViewType string

// Kinds of views.
const (
	ViewNotebook  ViewType = "NOTEBOOK"
	ViewDashboard ViewType = "DASHBOARD"
)

// An AlertState is what an alert found.
type AlertState string

// Findings of an alert.
const (
	AlertUnknown   AlertState = "UNKNOWN" // not evaluated
	AlertOK        AlertState = "OK"      // its condition is not met
	AlertTriggered AlertState = "TRIGGERED"
	AlertError     AlertState = "ERROR" // could not be evaluated
)

// A DBTRunStatus is where a step at the dbt platform is.
type DBTRunStatus string

// States of a step.
const (
	DBTRunQueued    DBTRunStatus = "QUEUED"
	DBTRunStarting  DBTRunStatus = "STARTING"
	DBTRunRunning   DBTRunStatus = "RUNNING"
	DBTRunSuccess   DBTRunStatus = "SUCCESS"
	DBTRunError     DBTRunStatus = "ERROR"
	DBTRunCancelled DBTRunStatus = "CANCELLED"
)

// A SQLWidgetStatus is where a widget of a dashboard is.
type SQLWidgetStatus string

// States of a widget.
const (
	SQLWidgetPending   SQLWidgetStatus = "PENDING"
	SQLWidgetRunning   SQLWidgetStatus = "RUNNING"
	SQLWidgetSuccess   SQLWidgetStatus = "SUCCESS"
	SQLWidgetFailed    SQLWidgetStatus = "FAILED"
	SQLWidgetCancelled SQLWidgetStatus = "CANCELLED"
)

// A RunOutput is what a task run left behind: the output field of its kind of
// task, or Error if it failed.
type RunOutput struct {
	Metadata      *Run   `json:"metadata,omitzero"`       // the run itself
	Error         string `json:"error,omitzero"`          // why it failed, or why there is no output
	ErrorTrace    string `json:"error_trace,omitzero"`    // the stack trace, if there is one
	Info          string `json:"info,omitzero"`           // what else the service has to say
	Logs          string `json:"logs,omitzero"`           // the last 5 MB that a JAR, a Python file or a wheel printed
	LogsTruncated bool   `json:"logs_truncated,omitzero"` // there was more

	NotebookOutput           *NotebookOutput           `json:"notebook_output,omitzero"` // of each notebook task, even one that returned nothing
	SQLOutput                *SQLOutput                `json:"sql_output,omitzero"`
	DBTOutput                *DBTOutput                `json:"dbt_output,omitzero"`
	DBTPlatformOutput        *DBTPlatformOutput        `json:"dbt_platform_output,omitzero"`
	DBTCloudOutput           *DBTCloudOutput           `json:"dbt_cloud_output,omitzero"` // the older form of DBTPlatformOutput
	RunJobOutput             *RunJobOutput             `json:"run_job_output,omitzero"`
	AlertOutput              *AlertOutput              `json:"alert_output,omitzero"`
	DashboardOutput          *DashboardOutput          `json:"dashboard_output,omitzero"`
	CleanRoomsNotebookOutput *CleanRoomsNotebookOutput `json:"clean_rooms_notebook_output,omitzero"`
	AIRuntimeTaskOutput      *AIRuntimeOutput          `json:"ai_runtime_task_output,omitzero"`
	GenAIComputeOutput       *GenAIComputeOutput       `json:"gen_ai_compute_output,omitzero"`
}

// NotebookResult returns the text that the notebook passed to
// dbutils.notebook.exit. It is empty if the run was not a notebook task, or if
// the notebook returned nothing. It works on nil.
func (o *RunOutput) NotebookResult() string {
	if o == nil || o.NotebookOutput == nil {
		return ""
	}
	return o.NotebookOutput.Result
}

// A NotebookOutput is what a notebook gave to dbutils.notebook.exit.
type NotebookOutput struct {
	Result    string `json:"result,omitzero"`    // its first 5 MB; empty if the notebook gave nothing
	Truncated bool   `json:"truncated,omitzero"` // there was more
}

// A SQLOutput is that of a SQL task: the field of its kind.
type SQLOutput struct {
	QueryOutput     *SQLQueryOutput     `json:"query_output,omitzero"`
	AlertOutput     *SQLAlertOutput     `json:"alert_output,omitzero"`
	DashboardOutput *SQLDashboardOutput `json:"dashboard_output,omitzero"`
}

// A SQLQueryOutput is that of a query or a file.
type SQLQueryOutput struct {
	QueryText     string         `json:"query_text,omitzero"` // empty without the right to run the query
	OutputLink    string         `json:"output_link,omitzero"`
	SQLStatements []SQLStatement `json:"sql_statements,omitzero"`
	WarehouseID   string         `json:"warehouse_id,omitzero"`
	EndpointID    string         `json:"endpoint_id,omitzero"`
}

// A SQLAlertOutput is that of an alert of the older kind.
type SQLAlertOutput struct {
	AlertState    AlertState     `json:"alert_state,omitzero"`
	QueryText     string         `json:"query_text,omitzero"` // empty without the right to run the query
	OutputLink    string         `json:"output_link,omitzero"`
	SQLStatements []SQLStatement `json:"sql_statements,omitzero"`
	WarehouseID   string         `json:"warehouse_id,omitzero"`
}

// A SQLStatement is a statement that was run.
type SQLStatement struct {
	LookupKey string `json:"lookup_key,omitzero"` // finds its details in the query history
}

// A SQLDashboardOutput is that of a dashboard of the older kind.
type SQLDashboardOutput struct {
	WarehouseID string      `json:"warehouse_id,omitzero"`
	Widgets     []SQLWidget `json:"widgets,omitzero"`
}

// A SQLWidget is a widget that was refreshed.
type SQLWidget struct {
	WidgetID    string          `json:"widget_id,omitzero"`
	WidgetTitle string          `json:"widget_title,omitzero"`
	Status      SQLWidgetStatus `json:"status,omitzero"`
	StartTime   Millis          `json:"start_time,omitzero"`
	EndTime     Millis          `json:"end_time,omitzero"`
	OutputLink  string          `json:"output_link,omitzero"`
	Error       *WidgetError    `json:"error,omitzero"`
}

// A WidgetError says why a widget was not refreshed.
type WidgetError struct {
	Message string `json:"message,omitzero"`
}

// A DBTOutput says where the files are that dbt made.
type DBTOutput struct {
	ArtifactsLink    string            `json:"artifacts_link,omitzero"`    // of an archive, for 30 minutes; whoever has it can read it
	ArtifactsHeaders map[string]string `json:"artifacts_headers,omitzero"` // to send along
}

// A DBTPlatformOutput is that of a job of the dbt platform.
type DBTPlatformOutput struct {
	DBTPlatformJobRunID     string       `json:"dbt_platform_job_run_id,omitzero"`
	DBTPlatformJobRunURL    string       `json:"dbt_platform_job_run_url,omitzero"`
	DBTPlatformJobRunOutput []DBTRunStep `json:"dbt_platform_job_run_output,omitzero"` // the first 20 steps
	StepsTruncated          bool         `json:"steps_truncated,omitzero"`             // there were more
}

// A DBTCloudOutput is that of a job of dbt Cloud.
type DBTCloudOutput struct {
	DBTCloudJobRunID     int64        `json:"dbt_cloud_job_run_id,omitzero"`
	DBTCloudJobRunURL    string       `json:"dbt_cloud_job_run_url,omitzero"`
	DBTCloudJobRunOutput []DBTRunStep `json:"dbt_cloud_job_run_output,omitzero"`
}

// A DBTRunStep is a step at the dbt platform.
type DBTRunStep struct {
	Index         int          `json:"index,omitzero"` // its place among the steps
	Name          string       `json:"name,omitzero"`  // the first 100 characters
	NameTruncated bool         `json:"name_truncated,omitzero"`
	Status        DBTRunStatus `json:"status,omitzero"`
	Logs          string       `json:"logs,omitzero"` // 10,000 characters of them
	LogsTruncated bool         `json:"logs_truncated,omitzero"`
}

// A RunJobOutput names the run of the other job.
type RunJobOutput struct {
	RunID int64 `json:"run_id,omitzero"`
}

// An AlertOutput is what an alert found.
type AlertOutput struct {
	AlertState AlertState `json:"alert_state,omitzero"`
}

// A DashboardOutput tells about the pages of a snapshot.
type DashboardOutput struct {
	PageSnapshots []DashboardPageSnapshot `json:"page_snapshots,omitzero"` // only if a PDF was asked for by hand
}

// A DashboardPageSnapshot is a page of a dashboard.
type DashboardPageSnapshot struct {
	PageDisplayName    string        `json:"page_display_name,omitzero"`
	WidgetErrorDetails []WidgetError `json:"widget_error_details,omitzero"`
}

// A CleanRoomsNotebookOutput is that of a notebook of a clean room.
type CleanRoomsNotebookOutput struct {
	CleanRoomJobRunState *RunState       `json:"clean_room_job_run_state,omitzero"` // without a message
	NotebookOutput       *NotebookOutput `json:"notebook_output,omitzero"`
	OutputSchemaInfo     *OutputSchema   `json:"output_schema_info,omitzero"`
}

// An OutputSchema is a schema that a clean room wrote to.
type OutputSchema struct {
	CatalogName    string `json:"catalog_name,omitzero"`
	SchemaName     string `json:"schema_name,omitzero"`
	ExpirationTime Millis `json:"expiration_time,omitzero"` // when it is removed
}

// An AIRuntimeOutput tells where an AI runtime task wrote to.
type AIRuntimeOutput struct {
	MLflowExperimentID string `json:"mlflow_experiment_id,omitzero"`
	MLflowRunID        string `json:"mlflow_run_id,omitzero"`
	StatusMessage      string `json:"status_message,omitzero"` // for people
}

// A GenAIComputeOutput is the older form of [AIRuntimeOutput].
type GenAIComputeOutput struct {
	RunInfo *GenAIComputeRunInfo `json:"run_info,omitzero"`
}

// A GenAIComputeRunInfo says where a GenAI compute task wrote to.
type GenAIComputeRunInfo struct {
	MLflowExperimentID string `json:"mlflow_experiment_id,omitzero"`
	MLflowRunID        string `json:"mlflow_run_id,omitzero"`
}

// GetRunOutput returns the output of a task run. What a notebook returned is in
// NotebookOutput. What a script or a JAR printed is in Logs. A run with Tasks has
// an output for each task, under the task's own RunID:
// [JobsService.AllRunOutputs] reads them all. The service keeps outputs for 60 days.
func (s *JobsService) GetRunOutput(ctx context.Context, runID int64) (*RunOutput, error) {
	return do[RunOutput](ctx, s.client, get(s.path("/jobs/runs/get-output")).required("run_id", runID))
}

// A TaskOutput is the output of one task of a run.
type TaskOutput struct {
	TaskKey string // empty for a run that has a single task and no list of tasks
	RunID   int64  // of the task's last attempt
	RunOutput
}

// AllRunOutputs yields the output of each task of a run, in the order of its
// tasks. Of a task that was retried or repaired it yields the output of the last
// attempt. It reads one output at a time. The first error ends it.
func (s *JobsService) AllRunOutputs(ctx context.Context, runID int64) iter.Seq2[TaskOutput, error] {
	return func(yield func(TaskOutput, error) bool) {
		run, err := s.GetRun(ctx, GetRun{RunID: runID})
		if err != nil {
			yield(TaskOutput{}, err)
			return
		}
		tasks := latestAttempts(run.Tasks)
		if len(tasks) == 0 {
			tasks = []*RunTask{{RunID: runID}}
		}
		for _, task := range tasks {
			out := TaskOutput{TaskKey: task.TaskKey, RunID: task.RunID}
			output, err := s.GetRunOutput(ctx, task.RunID)
			if err == nil {
				out.RunOutput = *output
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

// ExportRun says what to export of a notebook run.
type ExportRun struct {
	RunID         int64         `json:"run_id"`
	ViewsToExport ViewsToExport `json:"views_to_export,omitzero"` // empty: ViewsCode
}

// A RunView is an exported view, an HTML document.
type RunView struct {
	Type    ViewType `json:"type,omitzero"`
	Name    string   `json:"name,omitzero"` // of the notebook or the dashboard
	Content string   `json:"content,omitzero"`
}

// ExportRun returns the views of a notebook run as HTML. The service keeps runs
// for 60 days.
func (s *JobsService) ExportRun(ctx context.Context, in ExportRun) ([]RunView, error) {
	out, err := do[struct {
		Views []RunView `json:"views"`
	}](ctx, s.client, get(s.path("/jobs/runs/export")).params(in))
	if err != nil {
		return nil, err
	}
	return out.Views, nil
}
