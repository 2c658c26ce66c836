package databricks

// A RunIf says which ends of the tasks before it let a task run.
type RunIf string

// Conditions on the tasks that a task depends on.
const (
	RunIfAllSuccess        RunIf = "ALL_SUCCESS" // the default
	RunIfAllDone           RunIf = "ALL_DONE"    // however they ended
	RunIfAtLeastOneSuccess RunIf = "AT_LEAST_ONE_SUCCESS"
	RunIfNoneFailed        RunIf = "NONE_FAILED" // and at least one ran
	RunIfAtLeastOneFailed  RunIf = "AT_LEAST_ONE_FAILED"
	RunIfAllFailed         RunIf = "ALL_FAILED"
)

// A TaskSource says where a task's code is.
type TaskSource string

// Places of code.
const (
	TaskSourceWorkspace TaskSource = "WORKSPACE" // or a cloud storage, by URI
	TaskSourceGit       TaskSource = "GIT"       // the job's GitSource
)

// An Accelerator is a kind of GPU, and how many of them a node has.
type Accelerator string

// Accelerators of serverless compute.
const (
	AcceleratorGPU1xA10  Accelerator = "GPU_1xA10"
	AcceleratorGPU1xH100 Accelerator = "GPU_1xH100" // AI runtime only
	AcceleratorGPU8xH100 Accelerator = "GPU_8xH100"
)

// A ConditionOp compares the operands of a condition task.
type ConditionOp string

// Comparisons. The first two compare text, so that "12" is not "12.0"; the
// others compare numbers.
const (
	ConditionEqualTo            ConditionOp = "EQUAL_TO"
	ConditionNotEqual           ConditionOp = "NOT_EQUAL"
	ConditionGreaterThan        ConditionOp = "GREATER_THAN"
	ConditionGreaterThanOrEqual ConditionOp = "GREATER_THAN_OR_EQUAL"
	ConditionLessThan           ConditionOp = "LESS_THAN"
	ConditionLessThanOrEqual    ConditionOp = "LESS_THAN_OR_EQUAL"
)

// A PowerBIAuthenticationMethod is how a Power BI model signs in to Databricks.
type PowerBIAuthenticationMethod string

// Ways to sign in.
const (
	PowerBIOAuth               PowerBIAuthenticationMethod = "OAUTH"
	PowerBIPersonalAccessToken PowerBIAuthenticationMethod = "PAT"
)

// A PowerBIStorageMode is where a Power BI model keeps its data.
type PowerBIStorageMode string

// Storage modes.
const (
	PowerBIDirectQuery PowerBIStorageMode = "DIRECT_QUERY"
	PowerBIImport      PowerBIStorageMode = "IMPORT"
	PowerBIDual        PowerBIStorageMode = "DUAL"
)

// A Task is one step of a job or of a submitted run: one of the task fields,
// where it runs, and what it waits for.
type Task struct {
	TaskKey     string           `json:"task_key"`             // its name among the tasks: 1 to 100 letters, digits, - and _
	Description string           `json:"description,omitzero"` // at most 4096 bytes
	DependsOn   []TaskDependency `json:"depends_on,omitzero"`  // what to wait for; the service may return them in another order
	RunIf       RunIf            `json:"run_if,omitzero"`      // empty: RunIfAllSuccess
	Disabled    bool             `json:"disabled,omitzero"`    // keeps the task and does not run it

	ExistingClusterID       string       `json:"existing_cluster_id,omitzero"` // of an all-purpose cluster; at most one of it, NewCluster and JobClusterKey
	NewCluster              *ClusterSpec `json:"new_cluster,omitzero"`         // made for the task and gone after it
	JobClusterKey           string       `json:"job_cluster_key,omitzero"`     // one of the job's JobClusters
	EnvironmentKey          string       `json:"environment_key,omitzero"`     // one of the job's Environments, for serverless Python and dbt tasks
	Compute                 *TaskCompute `json:"compute,omitzero"`             // GPUs of a serverless task
	Libraries               []Library    `json:"libraries,omitzero"`           // installed on the cluster before the task runs
	DisableAutoOptimization bool         `json:"disable_auto_optimization,omitzero"`

	NotebookTask           *NotebookTask           `json:"notebook_task,omitzero"` // exactly one of the task fields
	SparkJARTask           *SparkJARTask           `json:"spark_jar_task,omitzero"`
	SparkPythonTask        *SparkPythonTask        `json:"spark_python_task,omitzero"`
	SparkSubmitTask        *SparkSubmitTask        `json:"spark_submit_task,omitzero"` // on a NewCluster
	PythonWheelTask        *PythonWheelTask        `json:"python_wheel_task,omitzero"`
	PythonOperatorTask     *PythonOperatorTask     `json:"python_operator_task,omitzero"`
	PipelineTask           *PipelineTask           `json:"pipeline_task,omitzero"`
	SQLTask                *SQLTask                `json:"sql_task,omitzero"`
	AlertTask              *AlertTask              `json:"alert_task,omitzero"`
	DashboardTask          *DashboardTask          `json:"dashboard_task,omitzero"`
	PowerBITask            *PowerBITask            `json:"power_bi_task,omitzero"`
	DBTTask                *DBTTask                `json:"dbt_task,omitzero"`
	DBTPlatformTask        *DBTPlatformTask        `json:"dbt_platform_task,omitzero"`
	DBTCloudTask           *DBTCloudTask           `json:"dbt_cloud_task,omitzero"` // the older name of DBTPlatformTask
	ConditionTask          *ConditionTask          `json:"condition_task,omitzero"` // needs no cluster
	ForEachTask            *ForEachTask            `json:"for_each_task,omitzero"`
	RunJobTask             *RunJobTask             `json:"run_job_task,omitzero"`
	CleanRoomsNotebookTask *CleanRoomsNotebookTask `json:"clean_rooms_notebook_task,omitzero"`
	AIRuntimeTask          *AIRuntimeTask          `json:"ai_runtime_task,omitzero"`
	GenAIComputeTask       *GenAIComputeTask       `json:"gen_ai_compute_task,omitzero"` // the older form of AIRuntimeTask

	TimeoutSeconds         *int  `json:"timeout_seconds,omitzero"`           // of each attempt; nil or 0: no limit
	MaxRetries             *int  `json:"max_retries,omitzero"`               // of a failed attempt; nil or 0: none; -1: for ever
	MinRetryIntervalMillis *int  `json:"min_retry_interval_millis,omitzero"` // at least this from start to start; nil or 0: at once
	RetryOnTimeout         *bool `json:"retry_on_timeout,omitzero"`          // whether to retry an attempt that timed out; nil: no

	EmailNotifications   *EmailNotifications       `json:"email_notifications,omitzero"`
	WebhookNotifications *WebhookNotifications     `json:"webhook_notifications,omitzero"`
	NotificationSettings *TaskNotificationSettings `json:"notification_settings,omitzero"`
	Health               *JobHealthRules           `json:"health,omitzero"`
}

// A TaskDependency is a task to wait for.
type TaskDependency struct {
	TaskKey string `json:"task_key"`
	Outcome string `json:"outcome,omitzero"` // of a condition task: "true" or "false"
}

// TaskNotificationSettings leave out some of a task's notifications.
type TaskNotificationSettings struct {
	AlertOnLastAttempt     bool `json:"alert_on_last_attempt,omitzero"` // retries are silent: one start, one failure
	NoAlertForCanceledRuns bool `json:"no_alert_for_canceled_runs,omitzero"`
	NoAlertForSkippedRuns  bool `json:"no_alert_for_skipped_runs,omitzero"`
}

// TaskCompute asks for a GPU for a serverless task.
type TaskCompute struct {
	HardwareAccelerator Accelerator `json:"hardware_accelerator,omitzero"`
}

// A NotebookTask runs a notebook.
type NotebookTask struct {
	NotebookPath      string            `json:"notebook_path"`               // absolute, or relative to the repository for TaskSourceGit
	BaseParameters    map[string]string `json:"base_parameters,omitzero"`    // values of its widgets; those of a run win
	Source            TaskSource        `json:"source,omitzero"`             // empty: Git if the job has a GitSource, else the workspace
	WarehouseID       string            `json:"warehouse_id,omitzero"`       // runs the notebook, in SQL only, on a SQL warehouse
	RevisionTimestamp Millis            `json:"revision_timestamp,omitzero"` // runs an older state of it; not on newer servers
}

// A SparkJARTask runs the main method of a class. Its JAR is one of the
// libraries; its code must get its context from SparkContext.getOrCreate.
type SparkJARTask struct {
	MainClassName string   `json:"main_class_name,omitzero"`
	Parameters    []string `json:"parameters,omitzero"`
	JARURI        string   `json:"jar_uri,omitzero"`     // deprecated: use Libraries
	RunAsREPL     bool     `json:"run_as_repl,omitzero"` // deprecated: told by older servers
}

// A SparkPythonTask runs a Python file.
type SparkPythonTask struct {
	PythonFile string     `json:"python_file"` // a URI such as dbfs:/…, a workspace path, or one relative to the repository
	Parameters []string   `json:"parameters,omitzero"`
	Source     TaskSource `json:"source,omitzero"` // empty: workspace, or as the URI says
}

// A SparkSubmitTask runs spark-submit. Master, deploy mode and executor cores
// are the service's choice.
type SparkSubmitTask struct {
	Parameters []string `json:"parameters,omitzero"` // the whole command line
}

// A PythonWheelTask runs an entry point of a wheel, with one sort of parameters.
type PythonWheelTask struct {
	PackageName     string            `json:"package_name"`
	EntryPoint      string            `json:"entry_point"` // a named one, or a function of the package
	Parameters      []string          `json:"parameters,omitzero"`
	NamedParameters map[string]string `json:"named_parameters,omitzero"` // become --name=value
}

// A PythonOperatorTask runs a class or function of Python.
type PythonOperatorTask struct {
	Main       string                        `json:"main,omitzero"` // its qualified name
	Parameters []PythonOperatorTaskParameter `json:"parameters,omitzero"`
}

// A PythonOperatorTaskParameter is a named argument.
type PythonOperatorTaskParameter struct {
	Name  string `json:"name,omitzero"`
	Value string `json:"value,omitzero"`
}

// A PipelineTask updates a declarative pipeline.
type PipelineTask struct {
	PipelineID               string            `json:"pipeline_id"`
	FullRefresh              bool              `json:"full_refresh,omitzero"` // of everything
	FullRefreshSelection     []string          `json:"full_refresh_selection,omitzero"`
	RefreshSelection         []string          `json:"refresh_selection,omitzero"`
	RefreshFlowSelection     []string          `json:"refresh_flow_selection,omitzero"`
	ResetCheckpointSelection []string          `json:"reset_checkpoint_selection,omitzero"` // streaming flows that start over and keep their data
	Parameters               map[string]string `json:"parameters,omitzero"`                 // at most 10,000 characters in all
}

// PipelineParams say what one run of a pipeline task refreshes.
type PipelineParams struct {
	FullRefresh              bool     `json:"full_refresh,omitzero"`
	FullRefreshSelection     []string `json:"full_refresh_selection,omitzero"`
	RefreshSelection         []string `json:"refresh_selection,omitzero"`
	RefreshFlowSelection     []string `json:"refresh_flow_selection,omitzero"`
	ResetCheckpointSelection []string `json:"reset_checkpoint_selection,omitzero"`
}

// A SQLTask runs a query or a file, or refreshes an alert or a dashboard, on a
// SQL warehouse: exactly one of Query, File, Alert and Dashboard.
type SQLTask struct {
	WarehouseID string            `json:"warehouse_id"`
	Query       *SQLTaskQuery     `json:"query,omitzero"`
	File        *SQLTaskFile      `json:"file,omitzero"`
	Alert       *SQLTaskAlert     `json:"alert,omitzero"` // takes no Parameters
	Dashboard   *SQLTaskDashboard `json:"dashboard,omitzero"`
	Parameters  map[string]string `json:"parameters,omitzero"`
}

// A SQLTaskQuery is a saved query.
type SQLTaskQuery struct {
	QueryID string `json:"query_id"`
}

// A SQLTaskFile is a file of SQL statements.
type SQLTaskFile struct {
	Path   string     `json:"path"` // absolute, or relative to the repository for TaskSourceGit
	Source TaskSource `json:"source,omitzero"`
}

// A SQLTaskAlert is an alert of the older kind; see also [AlertTask].
type SQLTaskAlert struct {
	AlertID            string       `json:"alert_id"`
	PauseSubscriptions bool         `json:"pause_subscriptions,omitzero"` // tells nobody
	Subscriptions      []Subscriber `json:"subscriptions,omitzero"`
}

// A SQLTaskDashboard is a dashboard of the older kind; see also [DashboardTask].
type SQLTaskDashboard struct {
	DashboardID        string       `json:"dashboard_id"`
	CustomSubject      string       `json:"custom_subject,omitzero"`      // of the mails
	PauseSubscriptions bool         `json:"pause_subscriptions,omitzero"` // takes no snapshot and tells nobody
	Subscriptions      []Subscriber `json:"subscriptions,omitzero"`
}

// A Subscriber is a user, by mail address, or a notification destination, by ID.
type Subscriber struct {
	UserName      string `json:"user_name,omitzero"`
	DestinationID string `json:"destination_id,omitzero"`
}

// An AlertTask evaluates an alert, given by AlertID or WorkspacePath, and tells
// its subscribers.
type AlertTask struct {
	AlertID       string       `json:"alert_id,omitzero"`
	WorkspacePath string       `json:"workspace_path,omitzero"` // under /Workspace
	WarehouseID   string       `json:"warehouse_id,omitzero"`
	Subscribers   []Subscriber `json:"subscribers,omitzero"` // at most 100
}

// A DashboardTask refreshes a dashboard.
type DashboardTask struct {
	DashboardID  string                 `json:"dashboard_id,omitzero"`
	WarehouseID  string                 `json:"warehouse_id,omitzero"` // empty: the dashboard's own
	Filters      map[string]string      `json:"filters,omitzero"`      // values by the names that URLs use
	Subscription *DashboardSubscription `json:"subscription,omitzero"` // who gets a snapshot
}

// A DashboardSubscription sends a snapshot of a dashboard.
type DashboardSubscription struct {
	CustomSubject string       `json:"custom_subject,omitzero"` // of the mails
	Paused        bool         `json:"paused,omitzero"`
	Subscribers   []Subscriber `json:"subscribers,omitzero"`
}

// A PowerBITask updates a semantic model of Power BI.
type PowerBITask struct {
	ConnectionResourceName string         `json:"connection_resource_name,omitzero"` // of Unity Catalog
	PowerBIModel           *PowerBIModel  `json:"power_bi_model,omitzero"`
	Tables                 []PowerBITable `json:"tables,omitzero"`
	WarehouseID            string         `json:"warehouse_id,omitzero"` // where the data come from
	RefreshAfterUpdate     bool           `json:"refresh_after_update,omitzero"`
}

// A PowerBIModel is a semantic model of Power BI.
type PowerBIModel struct {
	WorkspaceName        string                      `json:"workspace_name,omitzero"` // of Power BI
	ModelName            string                      `json:"model_name,omitzero"`
	OverwriteExisting    bool                        `json:"overwrite_existing,omitzero"`
	StorageMode          PowerBIStorageMode          `json:"storage_mode,omitzero"`
	AuthenticationMethod PowerBIAuthenticationMethod `json:"authentication_method,omitzero"`
}

// A PowerBITable is a table of a model.
type PowerBITable struct {
	Catalog     string             `json:"catalog,omitzero"`
	Schema      string             `json:"schema,omitzero"`
	Name        string             `json:"name,omitzero"`
	StorageMode PowerBIStorageMode `json:"storage_mode,omitzero"`
}

// A DBTTask runs dbt.
type DBTTask struct {
	Commands          []string   `json:"commands"`                    // 1 to 10, each begins with dbt
	ProjectDirectory  string     `json:"project_directory,omitzero"`  // empty: the root of the repository
	ProfilesDirectory string     `json:"profiles_directory,omitzero"` // of profiles.yml; only without WarehouseID
	WarehouseID       string     `json:"warehouse_id,omitzero"`       // the SQL warehouse that dbt connects to
	Catalog           string     `json:"catalog,omitzero"`            // only with WarehouseID
	Schema            string     `json:"schema,omitzero"`             // only with WarehouseID; empty: default
	Source            TaskSource `json:"source,omitzero"`
}

// A DBTPlatformTask runs a job of the dbt platform.
type DBTPlatformTask struct {
	ConnectionResourceName string `json:"connection_resource_name,omitzero"` // of Unity Catalog
	DBTPlatformJobID       string `json:"dbt_platform_job_id,omitzero"`
}

// A DBTCloudTask runs a job of dbt Cloud; [DBTPlatformTask] replaces it.
type DBTCloudTask struct {
	ConnectionResourceName string `json:"connection_resource_name,omitzero"`
	DBTCloudJobID          int64  `json:"dbt_cloud_job_id,omitzero"`
}

// A ConditionTask compares two operands: text, or references to parameters and
// to results of other tasks. Tasks that depend on it choose an outcome.
type ConditionTask struct {
	Left    string      `json:"left"`
	Op      ConditionOp `json:"op"`
	Right   string      `json:"right"`
	Outcome string      `json:"outcome,omitzero"` // "true" or "false", told by the service of a run
}

// A ForEachTask runs a task once for each element of a list.
type ForEachTask struct {
	Inputs      string        `json:"inputs"` // a JSON array as text, or a reference to one
	Task        Task          `json:"task"`
	Concurrency int           `json:"concurrency,omitzero"` // how many at a time
	Stats       *ForEachStats `json:"stats,omitzero"`       // told by the service of a run
}

// ForEachStats count what became of the elements.
type ForEachStats struct {
	ErrorMessageStats []ForEachErrorStats  `json:"error_message_stats,omitzero"` // the 3 most frequent
	TaskRunStats      *ForEachTaskRunStats `json:"task_run_stats,omitzero"`
}

// ForEachErrorStats count one error message.
type ForEachErrorStats struct {
	Count               int    `json:"count,omitzero"`
	ErrorMessage        string `json:"error_message,omitzero"`
	TerminationCategory string `json:"termination_category,omitzero"`
}

// ForEachTaskRunStats count iterations by their latest attempts.
type ForEachTaskRunStats struct {
	TotalIterations     int `json:"total_iterations,omitzero"`
	ScheduledIterations int `json:"scheduled_iterations,omitzero"`
	ActiveIterations    int `json:"active_iterations,omitzero"`
	CompletedIterations int `json:"completed_iterations,omitzero"` // succeeded or failed
	SucceededIterations int `json:"succeeded_iterations,omitzero"`
	FailedIterations    int `json:"failed_iterations,omitzero"`
}

// A RunJobTask runs another job and waits for it.
type RunJobTask struct {
	JobID         int64             `json:"job_id"`
	JobParameters map[string]string `json:"job_parameters,omitzero"`
	RunParameters
}

// A CleanRoomsNotebookTask runs a notebook of a clean room.
type CleanRoomsNotebookTask struct {
	CleanRoomName          string            `json:"clean_room_name"`
	NotebookName           string            `json:"notebook_name"`
	ETag                   string            `json:"etag,omitzero"` // fails the task unless the notebook is still this one
	NotebookBaseParameters map[string]string `json:"notebook_base_parameters,omitzero"`
}

// An AIRuntimeTask runs a script on the nodes of a GPU cluster.
type AIRuntimeTask struct {
	Experiment                string                `json:"experiment"`  // of MLflow; made if it is not there
	Deployments               []AIRuntimeDeployment `json:"deployments"` // exactly one for now
	CodeSourcePath            string                `json:"code_source_path,omitzero"`
	DockerImageURL            string                `json:"docker_image_url,omitzero"` // organization/repository:tag
	MLflowRun                 string                `json:"mlflow_run,omitzero"`       // the name it shows
	MLflowArtifactLocation    string                `json:"mlflow_artifact_location,omitzero"`
	MLflowExperimentDirectory string                `json:"mlflow_experiment_directory,omitzero"` // under /Workspace
}

// An AIRuntimeDeployment is a script and the GPUs that it runs on.
type AIRuntimeDeployment struct {
	Name        string           `json:"name,omitzero"`
	CommandPath string           `json:"command_path"` // of the script, in the workspace
	Compute     AIRuntimeCompute `json:"compute"`
}

// An AIRuntimeCompute is a number of GPUs.
type AIRuntimeCompute struct {
	AcceleratorType  Accelerator `json:"accelerator_type"`
	AcceleratorCount int         `json:"accelerator_count"` // of all nodes: a multiple of what one has
}

// A GenAIComputeTask trains on GPUs; [AIRuntimeTask] replaces it.
type GenAIComputeTask struct {
	DLRuntimeImage         string        `json:"dl_runtime_image"`
	Command                string        `json:"command,omitzero"` // what starts the script, such as bash
	TrainingScriptPath     string        `json:"training_script_path,omitzero"`
	Source                 TaskSource    `json:"source,omitzero"`
	Compute                *GenAICompute `json:"compute,omitzero"`
	MLflowExperimentName   string        `json:"mlflow_experiment_name,omitzero"` // made if it is not there
	YAMLParameters         string        `json:"yaml_parameters,omitzero"`        // wins over the file
	YAMLParametersFilePath string        `json:"yaml_parameters_file_path,omitzero"`
}

// A GenAICompute is a number of GPUs of a pool.
type GenAICompute struct {
	NumGPUs       int    `json:"num_gpus"`
	GPUType       string `json:"gpu_type,omitzero"`
	GPUNodePoolID string `json:"gpu_node_pool_id,omitzero"`
}
