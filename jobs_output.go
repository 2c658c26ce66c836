package databricks

import (
	"context"
	"iter"
)

// ViewsToExport selects the views of a notebook run to export.
type ViewsToExport string

// Views to export.
const (
	ViewsCode       ViewsToExport = "CODE" // the default
	ViewsDashboards ViewsToExport = "DASHBOARDS"
	ViewsAll        ViewsToExport = "ALL"
)

// A ViewType is the kind of an exported view.
type ViewType string

// Kinds of views.
const (
	ViewNotebook  ViewType = "NOTEBOOK"
	ViewDashboard ViewType = "DASHBOARD"
)

// An AlertState is the result of evaluating an alert.
type AlertState string

// Results of an evaluation.
const (
	AlertUnknown   AlertState = "UNKNOWN"   // not evaluated yet
	AlertOK        AlertState = "OK"        // the alert's condition is not met
	AlertTriggered AlertState = "TRIGGERED" // the alert's condition is met
	AlertError     AlertState = "ERROR"     // the evaluation failed
)

// A DBTRunStatus is the status of a step on the dbt platform.
type DBTRunStatus string

// Statuses of a step.
const (
	DBTRunQueued    DBTRunStatus = "QUEUED"
	DBTRunStarting  DBTRunStatus = "STARTING"
	DBTRunRunning   DBTRunStatus = "RUNNING"
	DBTRunSuccess   DBTRunStatus = "SUCCESS"
	DBTRunError     DBTRunStatus = "ERROR"
	DBTRunCancelled DBTRunStatus = "CANCELLED"
)

// A SQLWidgetStatus is the status of a dashboard widget.
type SQLWidgetStatus string

// Statuses of a widget.
const (
	SQLWidgetPending   SQLWidgetStatus = "PENDING"
	SQLWidgetRunning   SQLWidgetStatus = "RUNNING"
	SQLWidgetSuccess   SQLWidgetStatus = "SUCCESS"
	SQLWidgetFailed    SQLWidgetStatus = "FAILED"
	SQLWidgetCancelled SQLWidgetStatus = "CANCELLED"
)

// A RunOutput is the output of a task run. The output field for the task's kind
// is set. If the task failed, Error is set instead.
type RunOutput struct {
	Metadata      *Run   `json:"metadata,omitzero"`       // the run itself
	Error         string `json:"error,omitzero"`          // why the task failed, or why there is no output
	ErrorTrace    string `json:"error_trace,omitzero"`    // the stack trace; empty if there is none
	Info          string `json:"info,omitzero"`           // additional information from the service
	Logs          string `json:"logs,omitzero"`           // the last 5 MB of the text that a JAR, a Python file or a wheel printed
	LogsTruncated bool   `json:"logs_truncated,omitzero"` // there was more text

	NotebookOutput           *NotebookOutput           `json:"notebook_output,omitzero"` // set for every notebook task, even if the notebook returned nothing
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

// A NotebookOutput is the value that a notebook passed to
// dbutils.notebook.exit.
type NotebookOutput struct {
	Result    string `json:"result,omitzero"`    // the first 5 MB of the value; empty if the notebook returned nothing
	Truncated bool   `json:"truncated,omitzero"` // the value was longer
}

// A SQLOutput is the output of a SQL task. The field for the task's kind is
// set.
type SQLOutput struct {
	QueryOutput     *SQLQueryOutput     `json:"query_output,omitzero"`
	AlertOutput     *SQLAlertOutput     `json:"alert_output,omitzero"`
	DashboardOutput *SQLDashboardOutput `json:"dashboard_output,omitzero"`
}

// A SQLQueryOutput is the output of a query or of a file of SQL statements.
type SQLQueryOutput struct {
	QueryText     string         `json:"query_text,omitzero"` // empty if the caller may not run the query
	OutputLink    string         `json:"output_link,omitzero"`
	SQLStatements []SQLStatement `json:"sql_statements,omitzero"`
	WarehouseID   string         `json:"warehouse_id,omitzero"`
	EndpointID    string         `json:"endpoint_id,omitzero"`
}

// A SQLAlertOutput is the output of a legacy alert.
type SQLAlertOutput struct {
	AlertState    AlertState     `json:"alert_state,omitzero"`
	QueryText     string         `json:"query_text,omitzero"` // empty if the caller may not run the query
	OutputLink    string         `json:"output_link,omitzero"`
	SQLStatements []SQLStatement `json:"sql_statements,omitzero"`
	WarehouseID   string         `json:"warehouse_id,omitzero"`
}

// A SQLStatement is a statement that a task ran.
type SQLStatement struct {
	LookupKey string `json:"lookup_key,omitzero"` // identifies the statement in the query history
}

// A SQLDashboardOutput is the output of a legacy dashboard.
type SQLDashboardOutput struct {
	WarehouseID string      `json:"warehouse_id,omitzero"`
	Widgets     []SQLWidget `json:"widgets,omitzero"`
}

// A SQLWidget is a dashboard widget that a task refreshed.
type SQLWidget struct {
	WidgetID    string          `json:"widget_id,omitzero"`
	WidgetTitle string          `json:"widget_title,omitzero"`
	Status      SQLWidgetStatus `json:"status,omitzero"`
	StartTime   Millis          `json:"start_time,omitzero"`
	EndTime     Millis          `json:"end_time,omitzero"`
	OutputLink  string          `json:"output_link,omitzero"`
	Error       *WidgetError    `json:"error,omitzero"`
}

// A WidgetError says why a widget could not be refreshed.
type WidgetError struct {
	Message string `json:"message,omitzero"`
}

// A DBTOutput is the location of the files that dbt created.
type DBTOutput struct {
	ArtifactsLink    string            `json:"artifacts_link,omitzero"`    // URL of an archive, valid for 30 minutes; anybody who has the URL can read the archive
	ArtifactsHeaders map[string]string `json:"artifacts_headers,omitzero"` // headers to send with the request for the archive
}

// A DBTPlatformOutput is the output of a job of the dbt platform.
type DBTPlatformOutput struct {
	DBTPlatformJobRunID     string       `json:"dbt_platform_job_run_id,omitzero"`
	DBTPlatformJobRunURL    string       `json:"dbt_platform_job_run_url,omitzero"`
	DBTPlatformJobRunOutput []DBTRunStep `json:"dbt_platform_job_run_output,omitzero"` // the first 20 steps
	StepsTruncated          bool         `json:"steps_truncated,omitzero"`             // there were more steps
}

// A DBTCloudOutput is the output of a job of dbt Cloud.
type DBTCloudOutput struct {
	DBTCloudJobRunID     int64        `json:"dbt_cloud_job_run_id,omitzero"`
	DBTCloudJobRunURL    string       `json:"dbt_cloud_job_run_url,omitzero"`
	DBTCloudJobRunOutput []DBTRunStep `json:"dbt_cloud_job_run_output,omitzero"`
}

// A DBTRunStep is a step of a job on the dbt platform.
type DBTRunStep struct {
	Index         int          `json:"index,omitzero"` // position among the steps
	Name          string       `json:"name,omitzero"`  // the first 100 characters
	NameTruncated bool         `json:"name_truncated,omitzero"`
	Status        DBTRunStatus `json:"status,omitzero"`
	Logs          string       `json:"logs,omitzero"` // at most 10,000 characters
	LogsTruncated bool         `json:"logs_truncated,omitzero"`
}

// A RunJobOutput identifies the run of the other job.
type RunJobOutput struct {
	RunID int64 `json:"run_id,omitzero"`
}

// An AlertOutput is the result of an alert task.
type AlertOutput struct {
	AlertState AlertState `json:"alert_state,omitzero"`
}

// A DashboardOutput describes the pages of a dashboard snapshot.
type DashboardOutput struct {
	PageSnapshots []DashboardPageSnapshot `json:"page_snapshots,omitzero"` // set only if a user requested a PDF manually
}

// A DashboardPageSnapshot is a page of a dashboard snapshot.
type DashboardPageSnapshot struct {
	PageDisplayName    string        `json:"page_display_name,omitzero"`
	WidgetErrorDetails []WidgetError `json:"widget_error_details,omitzero"`
}

// A CleanRoomsNotebookOutput is the output of a clean room notebook.
type CleanRoomsNotebookOutput struct {
	CleanRoomJobRunState *RunState       `json:"clean_room_job_run_state,omitzero"` // has no message
	NotebookOutput       *NotebookOutput `json:"notebook_output,omitzero"`
	OutputSchemaInfo     *OutputSchema   `json:"output_schema_info,omitzero"`
}

// An OutputSchema is a schema that a clean room notebook wrote to.
type OutputSchema struct {
	CatalogName    string `json:"catalog_name,omitzero"`
	SchemaName     string `json:"schema_name,omitzero"`
	ExpirationTime Millis `json:"expiration_time,omitzero"` // when the service deletes the schema
}

// An AIRuntimeOutput identifies the MLflow run of an AI runtime task.
type AIRuntimeOutput struct {
	MLflowExperimentID string `json:"mlflow_experiment_id,omitzero"`
	MLflowRunID        string `json:"mlflow_run_id,omitzero"`
	StatusMessage      string `json:"status_message,omitzero"` // human-readable
}

// A GenAIComputeOutput is the older form of [AIRuntimeOutput].
type GenAIComputeOutput struct {
	RunInfo *GenAIComputeRunInfo `json:"run_info,omitzero"`
}

// A GenAIComputeRunInfo identifies the MLflow run of a GenAI compute task.
type GenAIComputeRunInfo struct {
	MLflowExperimentID string `json:"mlflow_experiment_id,omitzero"`
	MLflowRunID        string `json:"mlflow_run_id,omitzero"`
}

// GetRunOutput returns the output of a task run. NotebookOutput holds the value
// that a notebook returned. Logs holds the text that a script or a JAR printed.
// If a run has several tasks, each task has its own output. Pass the RunID of
// the task, or read all outputs with [JobsService.AllRunOutputs]. The service
// keeps outputs for 60 days.
func (s *JobsService) GetRunOutput(ctx context.Context, runID int64) (*RunOutput, error) {
	return do[RunOutput](ctx, s.client, get(s.path("/jobs/runs/get-output")).required("run_id", runID))
}

// A TaskOutput is the output of one task of a run.
type TaskOutput struct {
	TaskKey string // empty for a run with a single task and no list of tasks
	RunID   int64  // the run ID of the task's last attempt
	RunOutput
}

// AllRunOutputs yields the output of each task of a run, in the order of the
// tasks. If a task was retried or repaired, it yields the output of the last
// attempt. It reads one output at a time. The first error ends the sequence.
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

// ExportRun selects a notebook run and the views to export.
type ExportRun struct {
	RunID         int64         `json:"run_id"`
	ViewsToExport ViewsToExport `json:"views_to_export,omitzero"` // empty for ViewsCode
}

// A RunView is an exported view. Its content is an HTML document.
type RunView struct {
	Type    ViewType `json:"type,omitzero"`
	Name    string   `json:"name,omitzero"` // name of the notebook or dashboard
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
