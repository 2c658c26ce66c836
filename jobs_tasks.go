package databricks

// A RunIf is a condition on the results of the tasks that a task depends on.
// The task runs only if the condition is met.
type RunIf string

// Conditions on the tasks that a task depends on.
const (
	RunIfAllSuccess        RunIf = "ALL_SUCCESS" // the default
	RunIfAllDone           RunIf = "ALL_DONE"    // all have ended, regardless of their results
	RunIfAtLeastOneSuccess RunIf = "AT_LEAST_ONE_SUCCESS"
	RunIfNoneFailed        RunIf = "NONE_FAILED" // none failed, and at least one ran
	RunIfAtLeastOneFailed  RunIf = "AT_LEAST_ONE_FAILED"
	RunIfAllFailed         RunIf = "ALL_FAILED"
)

// A TaskSource is the kind of place that holds the code of a task.
type TaskSource string

// Sources of code.
const (
	TaskSourceWorkspace TaskSource = "WORKSPACE" // the workspace, or cloud storage if the path is a URI
	TaskSourceGit       TaskSource = "GIT"       // the repository in the job's GitSource
)

// An Accelerator is a type of GPU and the number of GPUs in a node.
type Accelerator string

// Accelerators of serverless compute.
const (
	AcceleratorGPU1xA10  Accelerator = "GPU_1xA10"
	AcceleratorGPU1xH100 Accelerator = "GPU_1xH100" // AI runtime only
	AcceleratorGPU8xH100 Accelerator = "GPU_8xH100"
)

// A ConditionOp is the operator of a condition task.
type ConditionOp string

// Operators. The first two compare text, so "12" differs from "12.0". The
// others compare numbers.
const (
	ConditionEqualTo            ConditionOp = "EQUAL_TO"
	ConditionNotEqual           ConditionOp = "NOT_EQUAL"
	ConditionGreaterThan        ConditionOp = "GREATER_THAN"
	ConditionGreaterThanOrEqual ConditionOp = "GREATER_THAN_OR_EQUAL"
	ConditionLessThan           ConditionOp = "LESS_THAN"
	ConditionLessThanOrEqual    ConditionOp = "LESS_THAN_OR_EQUAL"
)

// A PowerBIAuthenticationMethod is the way in which a Power BI model signs in
// to Databricks.
type PowerBIAuthenticationMethod string

// Authentication methods.
const (
	PowerBIOAuth               PowerBIAuthenticationMethod = "OAUTH"
	PowerBIPersonalAccessToken PowerBIAuthenticationMethod = "PAT"
)

// A PowerBIStorageMode is the way in which a Power BI model stores its data.
type PowerBIStorageMode string

// Storage modes.
const (
	PowerBIDirectQuery PowerBIStorageMode = "DIRECT_QUERY"
	PowerBIImport      PowerBIStorageMode = "IMPORT"
	PowerBIDual        PowerBIStorageMode = "DUAL"
)

// A Task is one step of a job or of a submitted run. It has exactly one of the task
// fields, the compute to run on, and the tasks on which it depends.
type Task struct {
	TaskKey     string           `json:"task_key"`             // identifies the task within the job: 1 to 100 letters, digits, - and _
	Description string           `json:"description,omitzero"` // at most 4096 bytes
	DependsOn   []TaskDependency `json:"depends_on,omitzero"`  // tasks to wait for; the service may return them in a different order
	RunIf       RunIf            `json:"run_if,omitzero"`      // empty for RunIfAllSuccess
	Disabled    bool             `json:"disabled,omitzero"`    // keeps the task in the job but does not run it

	ExistingClusterID       string       `json:"existing_cluster_id,omitzero"` // an all-purpose cluster; set at most one of ExistingClusterID, NewCluster and JobClusterKey
	NewCluster              *ClusterSpec `json:"new_cluster,omitzero"`         // the service creates it for the task and deletes it afterwards
	JobClusterKey           string       `json:"job_cluster_key,omitzero"`     // selects one of the job's JobClusters
	EnvironmentKey          string       `json:"environment_key,omitzero"`     // selects one of the job's Environments for a serverless Python or dbt task
	Compute                 *TaskCompute `json:"compute,omitzero"`             // the GPU of a serverless task
	Libraries               []Library    `json:"libraries,omitzero"`           // installed on the cluster before the task runs
	DisableAutoOptimization bool         `json:"disable_auto_optimization,omitzero"`

	NotebookTask           *NotebookTask           `json:"notebook_task,omitzero"` // set exactly one of the task fields
	SparkJARTask           *SparkJARTask           `json:"spark_jar_task,omitzero"`
	SparkPythonTask        *SparkPythonTask        `json:"spark_python_task,omitzero"`
	SparkSubmitTask        *SparkSubmitTask        `json:"spark_submit_task,omitzero"` // requires a NewCluster
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
	ConditionTask          *ConditionTask          `json:"condition_task,omitzero"` // needs no compute
	ForEachTask            *ForEachTask            `json:"for_each_task,omitzero"`
	RunJobTask             *RunJobTask             `json:"run_job_task,omitzero"`
	CleanRoomsNotebookTask *CleanRoomsNotebookTask `json:"clean_rooms_notebook_task,omitzero"`
	AIRuntimeTask          *AIRuntimeTask          `json:"ai_runtime_task,omitzero"`
	GenAIComputeTask       *GenAIComputeTask       `json:"gen_ai_compute_task,omitzero"` // the older form of AIRuntimeTask

	TimeoutSeconds         *int  `json:"timeout_seconds,omitzero"`           // time limit of each attempt; nil or 0 for none
	MaxRetries             *int  `json:"max_retries,omitzero"`               // retries of a failed attempt; nil or 0 for none; -1 for no limit
	MinRetryIntervalMillis *int  `json:"min_retry_interval_millis,omitzero"` // minimum time from the start of one attempt to the start of the next; nil or 0 for an immediate retry
	RetryOnTimeout         *bool `json:"retry_on_timeout,omitzero"`          // whether to retry an attempt that timed out; nil for false

	EmailNotifications   *EmailNotifications       `json:"email_notifications,omitzero"`
	WebhookNotifications *WebhookNotifications     `json:"webhook_notifications,omitzero"`
	NotificationSettings *TaskNotificationSettings `json:"notification_settings,omitzero"`
	Health               *JobHealthRules           `json:"health,omitzero"`
}

// A TaskDependency is a task that another task waits for.
type TaskDependency struct {
	TaskKey string `json:"task_key"`
	Outcome string `json:"outcome,omitzero"` // required outcome of a condition task: "true" or "false"
}

// TaskNotificationSettings suppress some of the notifications of a task.
type TaskNotificationSettings struct {
	AlertOnLastAttempt     bool `json:"alert_on_last_attempt,omitzero"` // no notifications about retries: only the first start and the last failure
	NoAlertForCanceledRuns bool `json:"no_alert_for_canceled_runs,omitzero"`
	NoAlertForSkippedRuns  bool `json:"no_alert_for_skipped_runs,omitzero"`
}

// A TaskCompute selects a GPU for a serverless task.
type TaskCompute struct {
	HardwareAccelerator Accelerator `json:"hardware_accelerator,omitzero"`
}

// A NotebookTask runs a notebook.
type NotebookTask struct {
	NotebookPath      string            `json:"notebook_path"`               // an absolute workspace path, or a path relative to the repository for TaskSourceGit
	BaseParameters    map[string]string `json:"base_parameters,omitzero"`    // values of the notebook's widgets; the parameters of a run override them
	Source            TaskSource        `json:"source,omitzero"`             // empty for Git if the job has a GitSource, and otherwise for the workspace
	WarehouseID       string            `json:"warehouse_id,omitzero"`       // runs a SQL notebook on a SQL warehouse
	RevisionTimestamp Millis            `json:"revision_timestamp,omitzero"` // runs an older revision; newer servers ignore it
}

// A SparkJARTask runs the main method of a class. Its JAR must be one of the
// libraries. Its code must get its context from SparkContext.getOrCreate.
type SparkJARTask struct {
	MainClassName string   `json:"main_class_name,omitzero"`
	Parameters    []string `json:"parameters,omitzero"`
	JARURI        string   `json:"jar_uri,omitzero"`     // deprecated: use Libraries
	RunAsREPL     bool     `json:"run_as_repl,omitzero"` // deprecated: sent by older servers
}

// A SparkPythonTask runs a Python file.
type SparkPythonTask struct {
	PythonFile string     `json:"python_file"` // a URI such as dbfs:/…, a workspace path, or a path relative to the repository
	Parameters []string   `json:"parameters,omitzero"`
	Source     TaskSource `json:"source,omitzero"` // empty for the workspace, or for cloud storage if PythonFile is a URI
}

// A SparkSubmitTask runs spark-submit. The service sets the master, the deploy
// mode and the number of executor cores.
type SparkSubmitTask struct {
	Parameters []string `json:"parameters,omitzero"` // the complete command line
}

// A PythonWheelTask runs an entry point of a Python wheel. Set either
// Parameters or NamedParameters.
type PythonWheelTask struct {
	PackageName     string            `json:"package_name"`
	EntryPoint      string            `json:"entry_point"` // an entry point of the package's metadata, or a function of the package
	Parameters      []string          `json:"parameters,omitzero"`
	NamedParameters map[string]string `json:"named_parameters,omitzero"` // passed as --name=value
}

// A PythonOperatorTask runs a Python class or function.
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
	FullRefresh              bool              `json:"full_refresh,omitzero"` // refresh all tables
	FullRefreshSelection     []string          `json:"full_refresh_selection,omitzero"`
	RefreshSelection         []string          `json:"refresh_selection,omitzero"`
	RefreshFlowSelection     []string          `json:"refresh_flow_selection,omitzero"`
	ResetCheckpointSelection []string          `json:"reset_checkpoint_selection,omitzero"` // streaming flows to restart from the beginning while keeping their data
	Parameters               map[string]string `json:"parameters,omitzero"`                 // at most 10,000 characters in total
}

// PipelineParams select what a pipeline task refreshes in one run.
type PipelineParams struct {
	FullRefresh              bool     `json:"full_refresh,omitzero"`
	FullRefreshSelection     []string `json:"full_refresh_selection,omitzero"`
	RefreshSelection         []string `json:"refresh_selection,omitzero"`
	RefreshFlowSelection     []string `json:"refresh_flow_selection,omitzero"`
	ResetCheckpointSelection []string `json:"reset_checkpoint_selection,omitzero"`
}

// A SQLTask runs a query or a file, or refreshes an alert or a dashboard, on a
// SQL warehouse. Set exactly one of Query, File, Alert and Dashboard.
type SQLTask struct {
	WarehouseID string            `json:"warehouse_id"`
	Query       *SQLTaskQuery     `json:"query,omitzero"`
	File        *SQLTaskFile      `json:"file,omitzero"`
	Alert       *SQLTaskAlert     `json:"alert,omitzero"` // excludes Parameters
	Dashboard   *SQLTaskDashboard `json:"dashboard,omitzero"`
	Parameters  map[string]string `json:"parameters,omitzero"`
}

// A SQLTaskQuery is a saved query.
type SQLTaskQuery struct {
	QueryID string `json:"query_id"`
}

// A SQLTaskFile is a file of SQL statements.
type SQLTaskFile struct {
	Path   string     `json:"path"` // an absolute workspace path, or a path relative to the repository for TaskSourceGit
	Source TaskSource `json:"source,omitzero"`
}

// A SQLTaskAlert refreshes a legacy alert. [AlertTask] is for newer alerts.
type SQLTaskAlert struct {
	AlertID            string       `json:"alert_id"`
	PauseSubscriptions bool         `json:"pause_subscriptions,omitzero"` // notify nobody
	Subscriptions      []Subscriber `json:"subscriptions,omitzero"`
}

// A SQLTaskDashboard refreshes a legacy dashboard. [DashboardTask] is for newer
// dashboards.
type SQLTaskDashboard struct {
	DashboardID        string       `json:"dashboard_id"`
	CustomSubject      string       `json:"custom_subject,omitzero"`      // subject of the emails
	PauseSubscriptions bool         `json:"pause_subscriptions,omitzero"` // take no snapshot and notify nobody
	Subscriptions      []Subscriber `json:"subscriptions,omitzero"`
}

// A Subscriber is a user, identified by email address, or a notification
// destination, identified by ID.
type Subscriber struct {
	UserName      string `json:"user_name,omitzero"`
	DestinationID string `json:"destination_id,omitzero"`
}

// An AlertTask evaluates an alert and notifies its subscribers. Set AlertID or
// WorkspacePath.
type AlertTask struct {
	AlertID       string       `json:"alert_id,omitzero"`
	WorkspacePath string       `json:"workspace_path,omitzero"` // under /Workspace
	WarehouseID   string       `json:"warehouse_id,omitzero"`
	Subscribers   []Subscriber `json:"subscribers,omitzero"` // at most 100
}

// A DashboardTask refreshes a dashboard.
type DashboardTask struct {
	DashboardID  string                 `json:"dashboard_id,omitzero"`
	WarehouseID  string                 `json:"warehouse_id,omitzero"` // empty for the dashboard's default warehouse
	Filters      map[string]string      `json:"filters,omitzero"`      // filter values by the names used in the dashboard's URL
	Subscription *DashboardSubscription `json:"subscription,omitzero"` // recipients of a snapshot
}

// A DashboardSubscription sends a snapshot of a dashboard to its subscribers.
type DashboardSubscription struct {
	CustomSubject string       `json:"custom_subject,omitzero"` // subject of the emails
	Paused        bool         `json:"paused,omitzero"`
	Subscribers   []Subscriber `json:"subscribers,omitzero"`
}

// A PowerBITask updates a Power BI semantic model.
type PowerBITask struct {
	ConnectionResourceName string         `json:"connection_resource_name,omitzero"` // the Unity Catalog connection to Power BI
	PowerBIModel           *PowerBIModel  `json:"power_bi_model,omitzero"`
	Tables                 []PowerBITable `json:"tables,omitzero"`
	WarehouseID            string         `json:"warehouse_id,omitzero"` // the SQL warehouse that serves the data
	RefreshAfterUpdate     bool           `json:"refresh_after_update,omitzero"`
}

// A PowerBIModel is a Power BI semantic model.
type PowerBIModel struct {
	WorkspaceName        string                      `json:"workspace_name,omitzero"` // the Power BI workspace
	ModelName            string                      `json:"model_name,omitzero"`
	OverwriteExisting    bool                        `json:"overwrite_existing,omitzero"`
	StorageMode          PowerBIStorageMode          `json:"storage_mode,omitzero"`
	AuthenticationMethod PowerBIAuthenticationMethod `json:"authentication_method,omitzero"`
}

// A PowerBITable is a table of a Power BI semantic model.
type PowerBITable struct {
	Catalog     string             `json:"catalog,omitzero"`
	Schema      string             `json:"schema,omitzero"`
	Name        string             `json:"name,omitzero"`
	StorageMode PowerBIStorageMode `json:"storage_mode,omitzero"`
}

// A DBTTask runs dbt commands.
type DBTTask struct {
	Commands          []string   `json:"commands"`                    // 1 to 10 commands; each starts with dbt
	ProjectDirectory  string     `json:"project_directory,omitzero"`  // empty for the root of the repository
	ProfilesDirectory string     `json:"profiles_directory,omitzero"` // directory of profiles.yml; excludes WarehouseID
	WarehouseID       string     `json:"warehouse_id,omitzero"`       // the SQL warehouse that dbt connects to
	Catalog           string     `json:"catalog,omitzero"`            // requires WarehouseID
	Schema            string     `json:"schema,omitzero"`             // requires WarehouseID; empty for "default"
	Source            TaskSource `json:"source,omitzero"`
}

// A DBTPlatformTask runs a job of the dbt platform.
type DBTPlatformTask struct {
	ConnectionResourceName string `json:"connection_resource_name,omitzero"` // the Unity Catalog connection to the dbt platform
	DBTPlatformJobID       string `json:"dbt_platform_job_id,omitzero"`
}

// A DBTCloudTask runs a job of dbt Cloud. Use [DBTPlatformTask] instead.
type DBTCloudTask struct {
	ConnectionResourceName string `json:"connection_resource_name,omitzero"`
	DBTCloudJobID          int64  `json:"dbt_cloud_job_id,omitzero"`
}

// A ConditionTask compares two operands. An operand is text or a reference to a
// parameter or to the result of another task. Tasks that depend on the
// condition select an outcome.
type ConditionTask struct {
	Left    string      `json:"left"`
	Op      ConditionOp `json:"op"`
	Right   string      `json:"right"`
	Outcome string      `json:"outcome,omitzero"` // the result in a run, "true" or "false"; set by the service
}

// A ForEachTask runs a task for each element of a list.
type ForEachTask struct {
	Inputs      string        `json:"inputs"` // a JSON array as text, or a reference to one
	Task        Task          `json:"task"`
	Concurrency int           `json:"concurrency,omitzero"` // maximum number of iterations that run at the same time
	Stats       *ForEachStats `json:"stats,omitzero"`       // set by the service in runs
}

// ForEachStats count the results of the iterations.
type ForEachStats struct {
	ErrorMessageStats []ForEachErrorStats  `json:"error_message_stats,omitzero"` // the three most frequent errors
	TaskRunStats      *ForEachTaskRunStats `json:"task_run_stats,omitzero"`
}

// A ForEachErrorStats counts the iterations that failed with one error message.
type ForEachErrorStats struct {
	Count               int    `json:"count,omitzero"`
	ErrorMessage        string `json:"error_message,omitzero"`
	TerminationCategory string `json:"termination_category,omitzero"`
}

// ForEachTaskRunStats count the iterations by the state of their latest
// attempt.
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
	ETag                   string            `json:"etag,omitzero"` // the task fails if the notebook has a different ETag
	NotebookBaseParameters map[string]string `json:"notebook_base_parameters,omitzero"`
}

// An AIRuntimeTask runs a script on the nodes of a GPU cluster.
type AIRuntimeTask struct {
	Experiment                string                `json:"experiment"`  // the MLflow experiment; created if it does not exist
	Deployments               []AIRuntimeDeployment `json:"deployments"` // currently exactly one
	CodeSourcePath            string                `json:"code_source_path,omitzero"`
	DockerImageURL            string                `json:"docker_image_url,omitzero"` // organization/repository:tag
	MLflowRun                 string                `json:"mlflow_run,omitzero"`       // display name of the MLflow run
	MLflowArtifactLocation    string                `json:"mlflow_artifact_location,omitzero"`
	MLflowExperimentDirectory string                `json:"mlflow_experiment_directory,omitzero"` // under /Workspace
}

// An AIRuntimeDeployment is a script and the GPUs to run it on.
type AIRuntimeDeployment struct {
	Name        string           `json:"name,omitzero"`
	CommandPath string           `json:"command_path"` // workspace path of the script
	Compute     AIRuntimeCompute `json:"compute"`
}

// An AIRuntimeCompute is a number of GPUs.
type AIRuntimeCompute struct {
	AcceleratorType  Accelerator `json:"accelerator_type"`
	AcceleratorCount int         `json:"accelerator_count"` // total over all nodes; a multiple of the number of GPUs in a node
}

// A GenAIComputeTask runs a training script on GPUs. Use [AIRuntimeTask]
// instead.
type GenAIComputeTask struct {
	DLRuntimeImage         string        `json:"dl_runtime_image"`
	Command                string        `json:"command,omitzero"` // the command that starts the script, such as bash
	TrainingScriptPath     string        `json:"training_script_path,omitzero"`
	Source                 TaskSource    `json:"source,omitzero"`
	Compute                *GenAICompute `json:"compute,omitzero"`
	MLflowExperimentName   string        `json:"mlflow_experiment_name,omitzero"` // created if it does not exist
	YAMLParameters         string        `json:"yaml_parameters,omitzero"`        // overrides YAMLParametersFilePath
	YAMLParametersFilePath string        `json:"yaml_parameters_file_path,omitzero"`
}

// A GenAICompute is a number of GPUs of a node pool.
type GenAICompute struct {
	NumGPUs       int    `json:"num_gpus"`
	GPUType       string `json:"gpu_type,omitzero"`
	GPUNodePoolID string `json:"gpu_node_pool_id,omitzero"`
}
