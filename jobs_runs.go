package databricks

import (
	"cmp"
	"context"
	"iter"
	"time"
)

// A RunType is the origin of a run.
type RunType string

// Origins of a run.
const (
	RunTypeJobRun      RunType = "JOB_RUN"      // a run of a job, started by RunNow or a trigger
	RunTypeSubmitRun   RunType = "SUBMIT_RUN"   // started by SubmitRun
	RunTypeWorkflowRun RunType = "WORKFLOW_RUN" // started by a notebook that runs another
)

// A TriggerType is what started a run.
type TriggerType string

// Triggers of runs.
const (
	TriggerPeriodic          TriggerType = "PERIODIC" // a schedule
	TriggerOneTime           TriggerType = "ONE_TIME" // a user, with the API or in the user interface
	TriggerRetry             TriggerType = "RETRY"    // a retry of a failed attempt
	TriggerRunJobTask        TriggerType = "RUN_JOB_TASK"
	TriggerFileArrival       TriggerType = "FILE_ARRIVAL"
	TriggerContinuous        TriggerType = "CONTINUOUS"
	TriggerContinuousRestart TriggerType = "CONTINUOUS_RESTART" // a user who restarted a continuous job
	TriggerTable             TriggerType = "TABLE"
	TriggerModel             TriggerType = "MODEL"
)

// A RunLifeCycleState is the life cycle state of a run.
type RunLifeCycleState string

// States of a run. [RunTerminated], [RunSkipped] and [RunInternalError] are final.
const (
	RunQueued          RunLifeCycleState = "QUEUED"  // waiting for other runs to end
	RunPending         RunLifeCycleState = "PENDING" // waiting for its cluster
	RunBlocked         RunLifeCycleState = "BLOCKED" // a task that waits for other tasks
	RunWaitingForRetry RunLifeCycleState = "WAITING_FOR_RETRY"
	RunRunning         RunLifeCycleState = "RUNNING"
	RunTerminating     RunLifeCycleState = "TERMINATING" // the work is done and the cluster is shutting down
	RunTerminated      RunLifeCycleState = "TERMINATED"  // ended; the result state says whether it succeeded
	RunSkipped         RunLifeCycleState = "SKIPPED"     // never ran, because another run was active or an earlier task failed
	RunInternalError   RunLifeCycleState = "INTERNAL_ERROR"

	RunLifeCycleUnspecified RunLifeCycleState = "RUN_LIFE_CYCLE_STATE_UNSPECIFIED" // clean rooms only
)

// A RunResultState is the result of a run.
type RunResultState string

// Results of a run.
const (
	RunResultSuccess                      RunResultState = "SUCCESS"
	RunResultSuccessWithFailures          RunResultState = "SUCCESS_WITH_FAILURES" // a task failed, but the last tasks succeeded
	RunResultFailed                       RunResultState = "FAILED"
	RunResultTimedOut                     RunResultState = "TIMEDOUT"
	RunResultCanceled                     RunResultState = "CANCELED"
	RunResultMaximumConcurrentRunsReached RunResultState = "MAXIMUM_CONCURRENT_RUNS_REACHED" // skipped
	RunResultExcluded                     RunResultState = "EXCLUDED"                        // skipped: a condition was not met
	RunResultUpstreamFailed               RunResultState = "UPSTREAM_FAILED"                 // skipped: an earlier task failed
	RunResultUpstreamCanceled             RunResultState = "UPSTREAM_CANCELED"               // skipped: an earlier task was canceled
	RunResultDisabled                     RunResultState = "DISABLED"                        // skipped: the task is disabled

	RunResultEvicted         RunResultState = "EVICTED"                      // clean rooms only
	RunResultUpstreamEvicted RunResultState = "UPSTREAM_EVICTED"             // clean rooms only
	RunResultUnspecified     RunResultState = "RUN_RESULT_STATE_UNSPECIFIED" // clean rooms only
)

// A RunStatusState is the newer form of the life cycle state of a run.
type RunStatusState string

// States of a [RunStatus].
const (
	RunStatusQueued      RunStatusState = "QUEUED"
	RunStatusPending     RunStatusState = "PENDING"
	RunStatusBlocked     RunStatusState = "BLOCKED"
	RunStatusWaiting     RunStatusState = "WAITING"
	RunStatusRunning     RunStatusState = "RUNNING"
	RunStatusTerminating RunStatusState = "TERMINATING"
	RunStatusTerminated  RunStatusState = "TERMINATED" // ended, whether or not it succeeded
)

// A QueueCode is the reason why a run is queued.
type QueueCode string

// Limits that queue runs.
const (
	QueueActiveRunsLimitReached        QueueCode = "ACTIVE_RUNS_LIMIT_REACHED"          // limit of the workspace
	QueueMaxConcurrentRunsReached      QueueCode = "MAX_CONCURRENT_RUNS_REACHED"        // limit of the job
	QueueActiveRunJobTasksLimitReached QueueCode = "ACTIVE_RUN_JOB_TASKS_LIMIT_REACHED" // limit of the workspace
)

// A RunTerminationCode is the reason why a run ended.
type RunTerminationCode string

// Reasons for the end of a run.
const (
	RunTerminationSuccess                     RunTerminationCode = "SUCCESS"
	RunTerminationSuccessWithFailures         RunTerminationCode = "SUCCESS_WITH_FAILURES"
	RunTerminationUserCanceled                RunTerminationCode = "USER_CANCELED"
	RunTerminationCanceled                    RunTerminationCode = "CANCELED" // canceled by the platform, for example after the time limit
	RunTerminationSkipped                     RunTerminationCode = "SKIPPED"
	RunTerminationDisabled                    RunTerminationCode = "DISABLED"
	RunTerminationRunExecutionError           RunTerminationCode = "RUN_EXECUTION_ERROR" // the work itself failed
	RunTerminationInternalError               RunTerminationCode = "INTERNAL_ERROR"
	RunTerminationDriverError                 RunTerminationCode = "DRIVER_ERROR"
	RunTerminationClusterError                RunTerminationCode = "CLUSTER_ERROR"
	RunTerminationClusterTerminatedByUser     RunTerminationCode = "CLUSTER_TERMINATED_BY_USER"
	RunTerminationInvalidClusterRequest       RunTerminationCode = "INVALID_CLUSTER_REQUEST"
	RunTerminationClusterRequestLimitExceeded RunTerminationCode = "CLUSTER_REQUEST_LIMIT_EXCEEDED" // too many requests to create or resize clusters
	RunTerminationMaxSparkContextsExceeded    RunTerminationCode = "MAX_SPARK_CONTEXTS_EXCEEDED"
	RunTerminationLibraryInstallationError    RunTerminationCode = "LIBRARY_INSTALLATION_ERROR"
	RunTerminationRepositoryCheckoutFailed    RunTerminationCode = "REPOSITORY_CHECKOUT_FAILED"
	RunTerminationStorageAccessError          RunTerminationCode = "STORAGE_ACCESS_ERROR"
	RunTerminationUnauthorizedError           RunTerminationCode = "UNAUTHORIZED_ERROR"
	RunTerminationResourceNotFound            RunTerminationCode = "RESOURCE_NOT_FOUND"
	RunTerminationInvalidRunConfiguration     RunTerminationCode = "INVALID_RUN_CONFIGURATION"
	RunTerminationFeatureDisabled             RunTerminationCode = "FEATURE_DISABLED"
	RunTerminationCloudFailure                RunTerminationCode = "CLOUD_FAILURE"
	RunTerminationBreakingChange              RunTerminationCode = "BREAKING_CHANGE" // a breaking change in Spark; the service retries the run in a way that avoids it
	RunTerminationMaxConcurrentRunsExceeded   RunTerminationCode = "MAX_CONCURRENT_RUNS_EXCEEDED"
	RunTerminationMaxJobQueueSizeExceeded     RunTerminationCode = "MAX_JOB_QUEUE_SIZE_EXCEEDED"
	RunTerminationWorkspaceRunLimitExceeded   RunTerminationCode = "WORKSPACE_RUN_LIMIT_EXCEEDED"
	RunTerminationBudgetPolicyLimitExceeded   RunTerminationCode = "BUDGET_POLICY_LIMIT_EXCEEDED"
)

// A RunTerminationType is the class of the reason why a run ended.
type RunTerminationType string

// Classes of reasons.
const (
	RunTerminationTypeSuccess       RunTerminationType = "SUCCESS"
	RunTerminationTypeClientError   RunTerminationType = "CLIENT_ERROR" // caused by the user or by the job's settings
	RunTerminationTypeInternalError RunTerminationType = "INTERNAL_ERROR"
	RunTerminationTypeCloudFailure  RunTerminationType = "CLOUD_FAILURE"
)

// A RepairHistoryItemType distinguishes the original run from its repairs.
type RepairHistoryItemType string

// Parts of a run's history.
const (
	RepairHistoryOriginal RepairHistoryItemType = "ORIGINAL"
	RepairHistoryRepair   RepairHistoryItemType = "REPAIR"
)

// DurationMillis is a duration in milliseconds, as the service sends it.
type DurationMillis int64

// Duration returns the duration.
func (d DurationMillis) Duration() time.Duration { return time.Duration(d) * time.Millisecond }

// A Run is one execution of a job, of a submission, or of one of their tasks.
//
// All servers report the state in State. Newer servers report it in Status as well.
// Done, Succeeded, Result and Message read the field that is set.
type Run struct {
	JobID                int64         `json:"job_id,omitzero"` // a submitted run also has one, but no job has this ID
	RunID                int64         `json:"run_id"`
	JobRunID             int64         `json:"job_run_id,omitzero"`              // the run that a task run belongs to; otherwise the same as RunID
	NumberInJob          int64         `json:"number_in_job,omitzero"`           // deprecated: the same as RunID
	OriginalAttemptRunID int64         `json:"original_attempt_run_id,omitzero"` // the first attempt; the same as RunID unless the run is a retry
	AttemptNumber        int           `json:"attempt_number,omitzero"`          // 0 for the first attempt
	RunName              string        `json:"run_name,omitzero"`
	RunType              RunType       `json:"run_type,omitzero"`
	RunPageURL           string        `json:"run_page_url,omitzero"` // the run's page in the workspace
	Description          string        `json:"description,omitzero"`
	CreatorUserName      string        `json:"creator_user_name,omitzero"` // empty if the user no longer exists
	Trigger              TriggerType   `json:"trigger,omitzero"`
	TriggerInfo          *TriggerInfo  `json:"trigger_info,omitzero"`
	Schedule             *CronSchedule `json:"schedule,omitzero"` // the schedule that started the run; nil if none did
	Format               JobFormat     `json:"format,omitzero"`

	State  *RunState  `json:"state,omitzero"`
	Status *RunStatus `json:"status,omitzero"` // nil on older servers

	StartTime         Millis         `json:"start_time,omitzero"`         // when the run requested its cluster
	EndTime           Millis         `json:"end_time,omitzero"`           // 0 until the run has ended
	QueueDuration     DurationMillis `json:"queue_duration,omitzero"`     // time in the queue
	SetupDuration     DurationMillis `json:"setup_duration,omitzero"`     // time until the cluster was ready; 0 for runs with Tasks
	ExecutionDuration DurationMillis `json:"execution_duration,omitzero"` // time that the work took; 0 for runs with Tasks
	CleanupDuration   DurationMillis `json:"cleanup_duration,omitzero"`   // time to clean up after the work; 0 for runs with Tasks
	RunDuration       DurationMillis `json:"run_duration,omitzero"`       // total time of a run with Tasks, including repairs

	Task            *Task            `json:"task,omitzero"`             // the task of a run with a single task; only version 2.0
	ClusterSpec     *RunCluster      `json:"cluster_spec,omitzero"`     // the cluster that was requested when the run was created
	ClusterInstance *ClusterInstance `json:"cluster_instance,omitzero"` // nil until it is known

	Tasks       []RunTask    `json:"tasks,omitzero"`      // all attempts of all tasks
	Iterations  []RunTask    `json:"iterations,omitzero"` // the iterations of a for-each task's run; from version 2.2 on
	JobClusters []JobCluster `json:"job_clusters,omitzero"`
	GitSource   *GitSource   `json:"git_source,omitzero"` // the repository, with the commit that was used

	OverridingParameters *RunParameters      `json:"overriding_parameters,omitzero"` // parameters of this run
	JobParameters        []JobParameter      `json:"job_parameters,omitzero"`        // parameters with the values of this run
	RepairHistory        []RepairHistoryItem `json:"repair_history,omitzero"`        // only with GetRun.IncludeHistory

	EffectivePerformanceTarget PerformanceTarget `json:"effective_performance_target,omitzero"`
	EffectiveUsagePolicyID     string            `json:"effective_usage_policy_id,omitzero"`
	DeploymentID               string            `json:"deployment_id,omitzero"` // deployment that created the job; bundles only
	VersionID                  string            `json:"version_id,omitzero"`    // version of that deployment

	// HasMore reports, in lists of version 2.2, that lists within the run are cut
	// off after 100 elements. GetRun returns all elements.
	HasMore bool `json:"has_more,omitzero"`
}

// Done reports whether the run has ended, whether or not it succeeded.
func (r *Run) Done() bool { return r.progress().done() }

// Succeeded reports whether the run has ended and succeeded.
func (r *Run) Succeeded() bool { return r.progress().succeeded() }

// Result returns the result of the run. It is empty for a run that was skipped or
// has not ended. It works on nil.
func (r *Run) Result() RunResultState { return r.progress().result() }

// Message returns the service's message about the state of the run. It works on
// nil.
func (r *Run) Message() string { return r.progress().message() }

func (r *Run) progress() progress {
	if r == nil {
		return progress{}
	}
	return progress{r.State, r.Status}
}

// A RunTask is one attempt of a task of a run. A task that was retried or repaired
// appears several times.
type RunTask struct {
	Task

	RunID         int64  `json:"run_id,omitzero"` // for GetRun, GetRunOutput and CancelRun
	RunPageURL    string `json:"run_page_url,omitzero"`
	AttemptNumber int    `json:"attempt_number,omitzero"` // 0 for the first attempt

	State  *RunState  `json:"state,omitzero"`
	Status *RunStatus `json:"status,omitzero"` // nil on older servers

	StartTime         Millis         `json:"start_time,omitzero"` // 0 if the task never started
	EndTime           Millis         `json:"end_time,omitzero"`   // 0 until the task has ended
	QueueDuration     DurationMillis `json:"queue_duration,omitzero"`
	SetupDuration     DurationMillis `json:"setup_duration,omitzero"`
	ExecutionDuration DurationMillis `json:"execution_duration,omitzero"`
	CleanupDuration   DurationMillis `json:"cleanup_duration,omitzero"`
	RunDuration       DurationMillis `json:"run_duration,omitzero"` // total time, including repairs

	ClusterInstance *ClusterInstance `json:"cluster_instance,omitzero"` // nil until it is known
	GitSource       *GitSource       `json:"git_source,omitzero"`       // the repository, with the commit that was used
	ResolvedValues  *ResolvedValues  `json:"resolved_values,omitzero"`  // only with GetRun.IncludeResolvedValues

	EffectivePerformanceTarget   PerformanceTarget `json:"effective_performance_target,omitzero"`
	EffectiveServerlessComputeID string            `json:"effective_serverless_compute_id,omitzero"`
}

// Done reports whether the task has ended, whether or not it succeeded.
func (t *RunTask) Done() bool { return t.progress().done() }

// Succeeded reports whether the task has ended and succeeded.
func (t *RunTask) Succeeded() bool { return t.progress().succeeded() }

// Result returns the result of the task. It is empty for a task that was skipped or
// has not ended. It works on nil.
func (t *RunTask) Result() RunResultState { return t.progress().result() }

// Message returns the service's message about the state of the task. It works on
// nil.
func (t *RunTask) Message() string { return t.progress().message() }

func (t *RunTask) progress() progress {
	if t == nil {
		return progress{}
	}
	return progress{t.State, t.Status}
}

// A RunState is the state of a run and its result.
type RunState struct {
	LifeCycleState          RunLifeCycleState `json:"life_cycle_state,omitzero"`
	ResultState             RunResultState    `json:"result_state,omitzero"`               // empty until the run has ended
	StateMessage            string            `json:"state_message,omitzero"`              // human-readable; its wording is not stable
	QueueReason             string            `json:"queue_reason,omitzero"`               // why the run is queued
	UserCancelledOrTimedout bool              `json:"user_cancelled_or_timedout,omitzero"` // a user or the time limit ended the run
}

// A RunStatus is the newer form of [RunState].
type RunStatus struct {
	State              RunStatusState         `json:"state,omitzero"`
	QueueDetails       *QueueDetails          `json:"queue_details,omitzero"`       // why the run is queued
	TerminationDetails *RunTerminationDetails `json:"termination_details,omitzero"` // why the run ended
}

// QueueDetails say why a run is queued.
type QueueDetails struct {
	Code    QueueCode `json:"code,omitzero"`
	Message string    `json:"message,omitzero"`
}

// RunTerminationDetails say why a run ended.
type RunTerminationDetails struct {
	Code    RunTerminationCode `json:"code,omitzero"`
	Type    RunTerminationType `json:"type,omitzero"`
	Message string             `json:"message,omitzero"`
}

// TriggerInfo has details about what started a run.
type TriggerInfo struct {
	RunID        int64            `json:"run_id,omitzero"` // the task run that started this run
	SQLCondition *RunSQLCondition `json:"sql_condition,omitzero"`
}

// A RunSQLCondition is the result of a SQL condition that started a run.
type RunSQLCondition struct {
	ConditionEvaluationSatisfied      bool   `json:"condition_evaluation_satisfied,omitzero"`
	ConditionEvaluationSQLSessionID   string `json:"condition_evaluation_sql_session_id,omitzero"`
	ConditionEvaluationSQLStatementID string `json:"condition_evaluation_sql_statement_id,omitzero"`
}

// A RunCluster is the cluster that a run was configured to run on.
type RunCluster struct {
	ExistingClusterID string       `json:"existing_cluster_id,omitzero"`
	NewCluster        *ClusterSpec `json:"new_cluster,omitzero"`
	JobClusterKey     string       `json:"job_cluster_key,omitzero"`
	Libraries         []Library    `json:"libraries,omitzero"`
}

// A ClusterInstance is the cluster that a run actually runs on.
type ClusterInstance struct {
	ClusterID      string `json:"cluster_id,omitzero"`       // for a new cluster, set when it was requested
	SparkContextID string `json:"spark_context_id,omitzero"` // set when the work starts
}

// RunParameters are parameters for one run. Set the field for the kind of task. The
// service ignores the others. Each field may have at most 10,000 bytes in JSON.
type RunParameters struct {
	JARParams         []string          `json:"jar_params,omitzero"`          // not together with NotebookParams
	NotebookParams    map[string]string `json:"notebook_params,omitzero"`     // override values of the task's BaseParameters
	PythonParams      []string          `json:"python_params,omitzero"`       // replace the parameters of the task
	PythonNamedParams map[string]string `json:"python_named_params,omitzero"` // for a wheel task
	SparkSubmitParams []string          `json:"spark_submit_params,omitzero"` // replace the parameters of the task
	SQLParams         map[string]string `json:"sql_params,omitzero"`
	DBTCommands       []string          `json:"dbt_commands,omitzero"` // replace the commands of the task
	PipelineParams    *PipelineParams   `json:"pipeline_params,omitzero"`
}

// A RepairHistoryItem is the original run or one repair of it.
type RepairHistoryItem struct {
	Type                       RepairHistoryItemType `json:"type,omitzero"`
	ID                         int64                 `json:"id,omitzero"` // ID of the repair; 0 for the original run
	StartTime                  Millis                `json:"start_time,omitzero"`
	EndTime                    Millis                `json:"end_time,omitzero"`
	State                      *RunState             `json:"state,omitzero"`
	Status                     *RunStatus            `json:"status,omitzero"`
	TaskRunIDs                 []int64               `json:"task_run_ids,omitzero"`
	EffectivePerformanceTarget PerformanceTarget     `json:"effective_performance_target,omitzero"`
}

// ResolvedValues hold the values of a task after references were replaced. Only the
// field for the kind of task is set. It contains only values that can contain
// references.
type ResolvedValues struct {
	NotebookTask    *NotebookTask         `json:"notebook_task,omitzero"`
	SparkJARTask    *SparkJARTask         `json:"spark_jar_task,omitzero"`
	SparkPythonTask *SparkPythonTask      `json:"spark_python_task,omitzero"`
	SparkSubmitTask *SparkSubmitTask      `json:"spark_submit_task,omitzero"`
	PythonWheelTask *PythonWheelTask      `json:"python_wheel_task,omitzero"`
	PipelineTask    *PipelineTask         `json:"pipeline_task,omitzero"`
	SQLTask         *SQLTask              `json:"sql_task,omitzero"`
	DBTTask         *DBTTask              `json:"dbt_task,omitzero"`
	ConditionTask   *ConditionTask        `json:"condition_task,omitzero"`
	AIRuntimeTask   *AIRuntimeTask        `json:"ai_runtime_task,omitzero"` // empty for now
	RunJobTask      *ResolvedRunJobValues `json:"run_job_task,omitzero"`
	SimulationTask  *ResolvedParameters   `json:"simulation_task,omitzero"`
}

// ResolvedRunJobValues are the parameters with which another job was run.
type ResolvedRunJobValues struct {
	JobParameters map[string]string `json:"job_parameters,omitzero"`
	Parameters    map[string]string `json:"parameters,omitzero"`
}

// ResolvedParameters are the parameters with which a task was run.
type ResolvedParameters struct {
	Parameters map[string]string `json:"parameters,omitzero"`
}

// RunNow selects a job to run and sets the parameters of the run.
type RunNow struct {
	JobID         int64             `json:"job_id"`
	JobParameters map[string]string `json:"job_parameters,omitzero"` // values for the job's Parameters

	RunParameters

	Only              []string          `json:"only,omitzero"`               // keys of the tasks to run; +KEY includes the tasks before it, KEY+ the tasks after it; nil for all tasks
	PerformanceTarget PerformanceTarget `json:"performance_target,omitzero"` // overrides the job's
	Queue             *QueueSettings    `json:"queue,omitzero"`              // overrides the job's

	// IdempotencyToken identifies the run. A second call with the same token starts
	// no run and returns the first run. It has at most 64 characters. RunNow
	// generates a token if the field is empty.
	IdempotencyToken string `json:"idempotency_token,omitzero"`
}

// A RunNowResult is the ID of the run that was started.
type RunNowResult struct {
	RunID       int64 `json:"run_id"`
	NumberInJob int64 `json:"number_in_job,omitzero"` // deprecated: the same as RunID
}

func (r *RunNowResult) validate() error { return named("run_id", r.RunID != 0) }

// RunNow starts a run of a job and returns its ID immediately.
// [JobsService.WaitRun] waits for the run. If the job already has its maximum
// number of concurrent runs, the run ends as [RunSkipped] or waits as [RunQueued].
// The request carries an idempotency token, so the client can retry it without
// starting a second run.
func (s *JobsService) RunNow(ctx context.Context, in RunNow) (*RunNowResult, error) {
	in.IdempotencyToken = cmp.Or(in.IdempotencyToken, s.client.newIdempotencyToken())
	return do[RunNowResult](ctx, s.client, post(s.path("/jobs/run-now")).params(in).idempotencyToken(in.IdempotencyToken))
}

// SubmitRun describes a run without a job. It has either a single task at the top
// level, or Tasks. The fields are those of [JobSettings].
type SubmitRun struct {
	RunName string `json:"run_name,omitzero"` // empty for "Untitled"

	ExistingClusterID string       `json:"existing_cluster_id,omitzero"`
	NewCluster        *ClusterSpec `json:"new_cluster,omitzero"`
	Libraries         []Library    `json:"libraries,omitzero"`

	NotebookTask    *NotebookTask    `json:"notebook_task,omitzero"`
	SparkJARTask    *SparkJARTask    `json:"spark_jar_task,omitzero"`
	SparkPythonTask *SparkPythonTask `json:"spark_python_task,omitzero"`
	SparkSubmitTask *SparkSubmitTask `json:"spark_submit_task,omitzero"`
	PythonWheelTask *PythonWheelTask `json:"python_wheel_task,omitzero"`
	PipelineTask    *PipelineTask    `json:"pipeline_task,omitzero"`
	DBTTask         *DBTTask         `json:"dbt_task,omitzero"`
	SQLTask         *SQLTask         `json:"sql_task,omitzero"`

	Tasks        []Task           `json:"tasks,omitzero"`        // at most 100; at most 1000 from version 2.2 on
	JobClusters  []JobCluster     `json:"job_clusters,omitzero"` // newer servers do not accept it
	Environments []JobEnvironment `json:"environments,omitzero"`
	GitSource    *GitSource       `json:"git_source,omitzero"`

	TimeoutSeconds *int           `json:"timeout_seconds,omitzero"` // nil or 0 for no limit
	Queue          *QueueSettings `json:"queue,omitzero"`

	EmailNotifications   *EmailNotifications      `json:"email_notifications,omitzero"`
	WebhookNotifications *WebhookNotifications    `json:"webhook_notifications,omitzero"`
	NotificationSettings *JobNotificationSettings `json:"notification_settings,omitzero"`
	Health               *JobHealthRules          `json:"health,omitzero"`

	RunAs             *JobRunAs          `json:"run_as,omitzero"` // nil for the caller
	AccessControlList []JobAccessControl `json:"access_control_list,omitzero"`
	PerformanceTarget PerformanceTarget  `json:"performance_target,omitzero"`
	BudgetPolicyID    string             `json:"budget_policy_id,omitzero"`
	UsagePolicyID     string             `json:"usage_policy_id,omitzero"`

	// IdempotencyToken identifies the run. A second call with the same token starts
	// no run and returns the first run. It has at most 64 characters. SubmitRun
	// generates a token if the field is empty.
	IdempotencyToken string `json:"idempotency_token,omitzero"`
}

// SubmitRun starts a run without a job and returns its ID immediately.
// [JobsService.WaitRun] waits for the run. The request carries an idempotency
// token, so the client can retry it without starting a second run.
func (s *JobsService) SubmitRun(ctx context.Context, in SubmitRun) (int64, error) {
	in.IdempotencyToken = cmp.Or(in.IdempotencyToken, s.client.newIdempotencyToken())
	r := post(s.path("/jobs/runs/submit")).params(in).idempotencyToken(in.IdempotencyToken)
	out, err := do[RunNowResult](ctx, s.client, r)
	if err != nil {
		return 0, err
	}
	return out.RunID, nil
}

// ListRuns filters a list of runs. Its zero value lists all runs of all jobs in the
// last 60 days, because the service keeps runs for 60 days.
type ListRuns struct {
	JobID         int64   `json:"job_id,omitzero"`
	ActiveOnly    bool    `json:"active_only,omitzero"`    // only runs that have not ended
	CompletedOnly bool    `json:"completed_only,omitzero"` // only runs that have ended; excludes ActiveOnly
	RunType       RunType `json:"run_type,omitzero"`
	StartTimeFrom Millis  `json:"start_time_from,omitzero"` // only runs that started at this time or later
	StartTimeTo   Millis  `json:"start_time_to,omitzero"`   // only runs that started at this time or earlier
	ExpandTasks   bool    `json:"expand_tasks,omitzero"`    // include tasks and clusters; only version 2.0 always includes them
	Offset        int     `json:"offset,omitzero"`          // newest runs to skip; the service rejects more than 10,000
	PageSize      int     `json:"limit"`                    // runs to request at a time; 0 for the maximum
	PageToken     string  `json:"page_token,omitzero"`      // the page to start with; empty for the first
	Limit         int     `json:"-"`                        // maximum number of runs to return in total; 0 for all
}

// ListRuns returns the runs, newest first. [JobsService.AllRuns] needs less memory
// for long lists.
func (s *JobsService) ListRuns(ctx context.Context, in ListRuns) ([]Run, error) {
	return collect(s.AllRuns(ctx, in))
}

// ListRunsPage returns one page of [JobsService.ListRuns].
func (s *JobsService) ListRunsPage(ctx context.Context, in ListRuns) (*Page[Run], error) {
	page, err := s.runsPage(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

// AllRuns yields the runs that ListRuns returns as they arrive. Runs that start
// during the iteration do not cause duplicates. Each range over the sequence
// sends new requests. The first error ends it.
func (s *JobsService) AllRuns(ctx context.Context, in ListRuns) iter.Seq2[Run, error] {
	runs := allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[Run], error) { return s.runsPage(ctx, in, token) }))
	return distinct(runs, func(r *Run) int64 { return r.RunID })
}

func (s *JobsService) runsPage(ctx context.Context, in ListRuns, token string) (*Page[Run], error) {
	in.Offset, in.PageToken = pageStart(in.Offset, token)
	if in.PageSize == 0 && in.Limit <= 25 { // every version of the service sends so many runs in one page
		in.PageSize = in.Limit
	}
	page, err := do[struct {
		Runs []Run `json:"runs"`
		pageEnd
	}](ctx, s.client, get(s.path("/jobs/runs/list")).params(in))
	if err != nil {
		return nil, err
	}
	return &Page[Run]{page.Runs, page.next(in.Offset, in.PageToken, len(page.Runs))}, nil
}

// GetRun selects a run and the optional details to return with it.
type GetRun struct {
	RunID                 int64 `json:"run_id"`
	IncludeHistory        bool  `json:"include_history,omitzero"`
	IncludeResolvedValues bool  `json:"include_resolved_values,omitzero"`
}

// GetRun returns a run of a job or of a task. It fails with
// [ErrResourceDoesNotExist] if the run does not exist. Version 2.2 of the API sends
// a large run in several pages. GetRun reads all of them.
func (s *JobsService) GetRun(ctx context.Context, in GetRun) (*Run, error) {
	type part struct {
		Run
		NextPageToken string `json:"next_page_token"`
	}
	r := get(s.path("/jobs/runs/get")).params(in)
	whole, err := readParts(func(token string) (*part, string, error) {
		p, err := do[part](ctx, s.client, r.optional("page_token", token))
		if err != nil {
			return nil, "", err
		}
		return p, p.NextPageToken, nil
	}, func(whole, part *part) {
		whole.Tasks = append(whole.Tasks, part.Tasks...)
		whole.Iterations = append(whole.Iterations, part.Iterations...)
		whole.JobClusters = append(whole.JobClusters, part.JobClusters...)
		whole.JobParameters = append(whole.JobParameters, part.JobParameters...)
		whole.RepairHistory = append(whole.RepairHistory, part.RepairHistory...)
	})
	if err != nil {
		return nil, err
	}
	whole.HasMore = false
	return &whole.Run, nil
}

// CancelRun starts to cancel a run of a job or of a task. The run then soon ends
// with [RunResultCanceled]. Canceling a run that has ended has no effect. CancelRun
// is idempotent, so the client retries it.
func (s *JobsService) CancelRun(ctx context.Context, runID int64) error {
	return s.client.Do(ctx, post(s.path("/jobs/runs/cancel")).required("run_id", runID).idempotent(), nil)
}

// CancelAllRuns selects the runs to cancel.
type CancelAllRuns struct {
	JobID         int64 `json:"job_id,omitzero"`          // all active runs of this job
	AllQueuedRuns bool  `json:"all_queued_runs,omitzero"` // only queued runs; without JobID, those of the whole workspace
}

// CancelAllRuns starts to cancel many runs. It does not prevent new runs from
// starting. It is idempotent, so the client retries it.
func (s *JobsService) CancelAllRuns(ctx context.Context, in CancelAllRuns) error {
	return s.client.Do(ctx, post(s.path("/jobs/runs/cancel-all")).params(in).idempotent(), nil)
}

// DeleteRun deletes a run that has ended. It fails if the run is active. It fails
// with [ErrResourceDoesNotExist] if the run does not exist. It is idempotent, so
// the client retries it.
func (s *JobsService) DeleteRun(ctx context.Context, runID int64) error {
	return s.client.Do(ctx, post(s.path("/jobs/runs/delete")).required("run_id", runID).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// RepairRun selects the tasks of a run to run again. Set RerunTasks or
// RerunAllFailedTasks. The service does not reuse the parameters of the run, so set
// them again.
type RepairRun struct {
	RunID               int64    `json:"run_id"`                    // the run must have ended
	LatestRepairID      int64    `json:"latest_repair_id,omitzero"` // ID of the previous repair; required if there was one
	RerunTasks          []string `json:"rerun_tasks,omitzero"`      // keys of tasks
	RerunAllFailedTasks bool     `json:"rerun_all_failed_tasks,omitzero"`
	RerunDependentTasks bool     `json:"rerun_dependent_tasks,omitzero"` // also run the tasks that depend on them, even if they succeeded

	JobParameters map[string]string `json:"job_parameters,omitzero"`
	RunParameters
	PerformanceTarget PerformanceTarget `json:"performance_target,omitzero"`
}

// RepairRun runs tasks of a run again. They are part of the same run and use the
// current settings of the job. RepairRun returns the ID of the repair immediately.
// It requires version 2.1 or 2.2 of the Jobs API; see [WithJobsAPI]. The client
// does not retry it after a lost response.
func (s *JobsService) RepairRun(ctx context.Context, in RepairRun) (int64, error) {
	r := post(s.path("/jobs/runs/repair")).params(in)
	if s.client.jobsAPI == "2.0" {
		r.err = badArg("runs/repair", "is not part of version 2.0 of the Jobs API; make the client WithJobsAPI(\"2.1\")")
	}
	out, err := do[createdRepair](ctx, s.client, r)
	if err != nil {
		return 0, err
	}
	return out.RepairID, nil
}

type createdRepair struct {
	RepairID int64 `json:"repair_id"`
}

func (r *createdRepair) validate() error { return named("repair_id", r.RepairID != 0) }
