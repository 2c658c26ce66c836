package databricks

import (
	"context"
	"iter"
	"strconv"
	"strings"
)

// JobsService creates jobs, runs them, and reads the results of their runs.
//
// It uses version 2.0 of the Jobs API by default. [WithJobsAPI] selects another
// version. The types serve all versions. In version 2.0, a job with one task
// may have the task at the top of its [JobSettings]. From version 2.1 on, every
// job has a list of Tasks. Version 2.2 allows 1000 tasks instead of 100.
//
// See https://docs.databricks.com/api/workspace/jobs.
type JobsService service

// path returns the path of an operation in the client's version of the Jobs
// API.
func (s *JobsService) path(tail string) string { return "/api/" + s.client.jobsAPI + tail }

// A JobFormat says how the settings of a job hold its tasks.
type JobFormat string

// Formats of a job.
const (
	JobFormatSingleTask JobFormat = "SINGLE_TASK" // one task, at the top of the settings; 2.0 only
	JobFormatMultiTask  JobFormat = "MULTI_TASK"  // a list of tasks
)

// A JobEditMode says whether people can change a job in the user interface.
type JobEditMode string

// Edit modes of a job.
const (
	JobEditable JobEditMode = "EDITABLE"
	JobUILocked JobEditMode = "UI_LOCKED" // only the API can change it
)

// A JobDeploymentKind is the kind of tool that manages a job.
type JobDeploymentKind string

// Tools that manage jobs.
const (
	JobDeploymentBundle        JobDeploymentKind = "BUNDLE"         // a Databricks asset bundle
	JobDeploymentSystemManaged JobDeploymentKind = "SYSTEM_MANAGED" // Databricks itself; users cannot change the job
)

// A PerformanceTarget says whether serverless compute favors low cost or high
// speed.
type PerformanceTarget string

// Targets of serverless runs.
const (
	PerformanceStandard  PerformanceTarget = "STANDARD"              // lower cost
	PerformanceOptimized PerformanceTarget = "PERFORMANCE_OPTIMIZED" // fast start and fast run
)

// A JobPermissionLevel is a permission on a job.
type JobPermissionLevel string

// Permission levels, from the lowest to the highest. Each level includes the
// levels before it.
const (
	JobCanView      JobPermissionLevel = "CAN_VIEW"       // read settings and results
	JobCanManageRun JobPermissionLevel = "CAN_MANAGE_RUN" // start and cancel runs
	JobCanManage    JobPermissionLevel = "CAN_MANAGE"     // change the job
	JobIsOwner      JobPermissionLevel = "IS_OWNER"       // one user or service principal, never a group
)

// A GitProvider is a service that hosts Git repositories.
type GitProvider string

// Services that can host a job's code.
const (
	GitHub                  GitProvider = "gitHub"
	GitHubEnterprise        GitProvider = "gitHubEnterprise"
	GitLab                  GitProvider = "gitLab"
	GitLabEnterpriseEdition GitProvider = "gitLabEnterpriseEdition"
	BitbucketCloud          GitProvider = "bitbucketCloud"
	BitbucketServer         GitProvider = "bitbucketServer"
	AzureDevOpsServices     GitProvider = "azureDevOpsServices"
	AWSCodeCommit           GitProvider = "awsCodeCommit"
)

// A JobSourceDirtyState says how a job differs from its definition in Git.
type JobSourceDirtyState string

// States of a job that is defined in Git.
const (
	JobSourceNotSynced    JobSourceDirtyState = "NOT_SYNCED"   // the definition has not been imported into the job yet
	JobSourceDisconnected JobSourceDirtyState = "DISCONNECTED" // the job is temporarily detached from Git so that it can be edited
)

// A JobHealthMetric is a metric that a health rule checks.
type JobHealthMetric string

// Metrics of health rules. The backlog metrics are in preview. A backlog is an
// estimate of the maximum over all streams of a run.
const (
	JobHealthRunDurationSeconds      JobHealthMetric = "RUN_DURATION_SECONDS"
	JobHealthStreamingBacklogBytes   JobHealthMetric = "STREAMING_BACKLOG_BYTES"
	JobHealthStreamingBacklogRecords JobHealthMetric = "STREAMING_BACKLOG_RECORDS"
	JobHealthStreamingBacklogSeconds JobHealthMetric = "STREAMING_BACKLOG_SECONDS"
	JobHealthStreamingBacklogFiles   JobHealthMetric = "STREAMING_BACKLOG_FILES"
)

// A JobHealthOperator compares a metric with the value of a rule.
type JobHealthOperator string

// JobHealthGreaterThan makes a rule fire when the metric is above its value.
const JobHealthGreaterThan JobHealthOperator = "GREATER_THAN"

// JobSettings hold the definition of a job: its tasks, compute, triggers,
// identity and notifications.
//
// In version 2.0, a job may have a single task. One of the task fields and a
// cluster then describe it here at the top. Otherwise the job has a list of
// Tasks, and each task has its own cluster, libraries and retries. The service
// fills in defaults, so the settings that Get returns can differ from those
// that you sent.
type JobSettings struct {
	Name        string            `json:"name,omitzero"`        // at most 4096 bytes; need not be unique; empty for "Untitled"
	Description string            `json:"description,omitzero"` // at most 27,700 characters
	Tags        map[string]string `json:"tags,omitzero"`        // at most 25; the service also puts them on job clusters

	ExistingClusterID string       `json:"existing_cluster_id,omitzero"` // an all-purpose cluster; a single task needs either this or NewCluster
	NewCluster        *ClusterSpec `json:"new_cluster,omitzero"`         // the service creates it for each run and deletes it afterwards
	Libraries         []Library    `json:"libraries,omitzero"`           // the libraries of a single task

	NotebookTask    *NotebookTask    `json:"notebook_task,omitzero"` // set at most one of the task fields
	SparkJARTask    *SparkJARTask    `json:"spark_jar_task,omitzero"`
	SparkPythonTask *SparkPythonTask `json:"spark_python_task,omitzero"`
	SparkSubmitTask *SparkSubmitTask `json:"spark_submit_task,omitzero"` // requires a NewCluster without SparkConf; allows no Libraries
	PythonWheelTask *PythonWheelTask `json:"python_wheel_task,omitzero"`
	PipelineTask    *PipelineTask    `json:"pipeline_task,omitzero"`
	DBTTask         *DBTTask         `json:"dbt_task,omitzero"`
	SQLTask         *SQLTask         `json:"sql_task,omitzero"`
	RunJobTask      *RunJobTask      `json:"run_job_task,omitzero"`

	Tasks        []Task           `json:"tasks,omitzero"`        // at most 100; at most 1000 from version 2.2 on
	JobClusters  []JobCluster     `json:"job_clusters,omitzero"` // clusters that several Tasks can share; at most 100
	Environments []JobEnvironment `json:"environments,omitzero"` // environments for serverless tasks, which select one by its key
	Parameters   []JobParameter   `json:"parameters,omitzero"`   // parameters of the job, which all its tasks can read; set Value for a run only
	GitSource    *GitSource       `json:"git_source,omitzero"`   // the default source of the tasks' code

	Schedule   *CronSchedule    `json:"schedule,omitzero"`   // nil for a job without a schedule; excludes Continuous and Triggers
	Continuous *Continuous      `json:"continuous,omitzero"` // keeps one run active at all times
	Trigger    *TriggerSettings `json:"trigger,omitzero"`    // starts runs on an event, such as the arrival of a file
	Triggers   []JobTrigger     `json:"triggers,omitzero"`   // several triggers (preview); excludes Schedule, Trigger and Continuous

	TimeoutSeconds         *int  `json:"timeout_seconds,omitzero"`           // time limit of each run; nil or 0 for none; a change also affects active runs
	MaxRetries             *int  `json:"max_retries,omitzero"`               // retries of a failed single task; nil or 0 for none; -1 for no limit
	MinRetryIntervalMillis *int  `json:"min_retry_interval_millis,omitzero"` // minimum time from the start of one attempt to the start of the next; nil or 0 for an immediate retry
	RetryOnTimeout         *bool `json:"retry_on_timeout,omitzero"`          // whether to retry a single task that timed out; nil for false
	MaxConcurrentRuns      *int  `json:"max_concurrent_runs,omitzero"`       // at most 1000; nil for 1; 0 skips every run

	Queue                *QueueSettings           `json:"queue,omitzero"` // nil queues runs in version 2.2 only
	EmailNotifications   *EmailNotifications      `json:"email_notifications,omitzero"`
	WebhookNotifications *WebhookNotifications    `json:"webhook_notifications,omitzero"`
	NotificationSettings *JobNotificationSettings `json:"notification_settings,omitzero"` // suppresses some of the notifications above
	Health               *JobHealthRules          `json:"health,omitzero"`

	RunAs             *JobRunAs         `json:"run_as,omitzero"`             // the identity that runs execute as; older servers do not return it, so read [Job].RunAsUserName; nil in a Reset keeps the identity
	PerformanceTarget PerformanceTarget `json:"performance_target,omitzero"` // for serverless tasks, except those on GPUs
	BudgetPolicyID    string            `json:"budget_policy_id,omitzero"`   // the budget policy that the cost is assigned to
	UsagePolicyID     string            `json:"usage_policy_id,omitzero"`    // the usage policy that the usage is assigned to
	ParentPath        string            `json:"parent_path,omitzero"`        // the workspace directory of the job; empty for none
	EditMode          JobEditMode       `json:"edit_mode,omitzero"`
	Deployment        *JobDeployment    `json:"deployment,omitzero"` // set by deployment tools
	Format            JobFormat         `json:"format,omitzero"`     // set by the service, which ignores the value in requests

	// AccessControlList grants permissions on the new job. Only Create accepts
	// it.
	AccessControlList []JobAccessControl `json:"access_control_list,omitzero"`
}

// CreateJob describes a new job. To copy a job, pass the settings that Get
// returned.
type CreateJob = JobSettings

// A Job is a job definition and its metadata.
type Job struct {
	JobID                   int64            `json:"job_id"`
	CreatorUserName         string           `json:"creator_user_name,omitzero"` // empty if the user no longer exists
	RunAsUserName           string           `json:"run_as_user_name,omitzero"`  // the identity that runs execute as; from version 2.1 on
	RunAsOwner              bool             `json:"run_as_owner,omitzero"`      // runs execute as the job's owner; from version 2.1 on
	JobType                 string           `json:"job_type,omitzero"`          // set in lists only
	CreatedTime             Millis           `json:"created_time,omitzero"`
	Settings                JobSettings      `json:"settings,omitzero"`
	EffectiveBudgetPolicyID string           `json:"effective_budget_policy_id,omitzero"`
	EffectiveUsagePolicyID  string           `json:"effective_usage_policy_id,omitzero"`
	TriggerState            *TriggerState    `json:"trigger_state,omitzero"`   // nil if not requested
	TriggerDetails          []TriggerDetails `json:"trigger_details,omitzero"` // one element for each of Settings.Triggers; nil if not requested

	// HasMore reports, in lists of version 2.2, that the lists within Settings
	// are cut off after 100 elements. Get returns them in full.
	HasMore bool `json:"has_more,omitzero"`
}

// A JobCluster is a cluster that several tasks of a run share.
type JobCluster struct {
	JobClusterKey       string       `json:"job_cluster_key"` // the name that tasks use: 1 to 100 letters, digits, - and _
	NewCluster          *ClusterSpec `json:"new_cluster,omitzero"`
	ServerlessComputeID string       `json:"serverless_compute_id,omitzero"` // serverless compute to bind to; set it for at most one cluster of a job
}

// A JobEnvironment is an environment for the serverless tasks of a job.
type JobEnvironment struct {
	EnvironmentKey string       `json:"environment_key"` // the name that tasks use; unique within the job
	Spec           *Environment `json:"spec,omitzero"`
}

// An Environment is a set of packages for serverless tasks.
type Environment struct {
	EnvironmentVersion string   `json:"environment_version,omitzero"` // a number as text; either this or BaseEnvironment is required
	BaseEnvironment    string   `json:"base_environment,omitzero"`    // the environment to extend, for example the path of a YAML file
	Dependencies       []string `json:"dependencies,omitzero"`        // lines of a pip requirements.txt
	JavaDependencies   []string `json:"java_dependencies,omitzero"`   // paths of JAR files
	Client             string   `json:"client,omitzero"`              // the older name of EnvironmentVersion
}

// A JobParameter is a named value that tasks can read. The job sets Default. A
// run may override it with Value.
type JobParameter struct {
	Name    string `json:"name"`           // letters, digits, _, - and .
	Default string `json:"default"`        // may be empty
	Value   string `json:"value,omitzero"` // the value in a run; set by the service
}

// A GitSource is the Git repository that holds the code of tasks. Set exactly
// one of GitBranch, GitTag and GitCommit.
type GitSource struct {
	GitURL         string          `json:"git_url"`             // at most 300 characters
	GitProvider    GitProvider     `json:"git_provider"`        // required
	GitBranch      string          `json:"git_branch,omitzero"` // at most 255 characters
	GitTag         string          `json:"git_tag,omitzero"`    // at most 255 characters
	GitCommit      string          `json:"git_commit,omitzero"` // at most 64 characters
	GitSnapshot    *GitSnapshot    `json:"git_snapshot,omitzero"`
	JobSource      *JobSource      `json:"job_source,omitzero"`
	SparseCheckout *SparseCheckout `json:"sparse_checkout,omitzero"` // nil checks out all files
}

// A GitSnapshot identifies the commit that a run checked out.
type GitSnapshot struct {
	UsedCommit string `json:"used_commit,omitzero"`
}

// A JobSource is the location of a job's definition in Git.
type JobSource struct {
	ImportFromGitBranch string              `json:"import_from_git_branch"`
	JobConfigPath       string              `json:"job_config_path"` // the YAML file with the definition
	DirtyState          JobSourceDirtyState `json:"dirty_state,omitzero"`
}

// A SparseCheckout lists the parts of a repository to check out.
type SparseCheckout struct {
	Patterns []string `json:"patterns,omitzero"`
}

// QueueSettings say whether a run that cannot start yet is queued or skipped.
type QueueSettings struct {
	Enabled bool `json:"enabled"`
}

// EmailNotifications are the email addresses to notify about the runs of a job
// or a task. Addresses must be ASCII. All of them receive the email about the
// deletion of the job.
type EmailNotifications struct {
	OnStart                            []string `json:"on_start,omitzero"`
	OnSuccess                          []string `json:"on_success,omitzero"`
	OnFailure                          []string `json:"on_failure,omitzero"`                             // the run failed, timed out or was skipped
	OnDurationWarningThresholdExceeded []string `json:"on_duration_warning_threshold_exceeded,omitzero"` // requires a health rule
	OnStreamingBacklogExceeded         []string `json:"on_streaming_backlog_exceeded,omitzero"`          // requires a health rule; repeated every 30 minutes
	NoAlertForSkippedRuns              *bool    `json:"no_alert_for_skipped_runs,omitzero"`              // deprecated: use the field of the notification settings; nil for false
}

// WebhookNotifications are the notification destinations to call about the runs of
// a job or a task. The service allows 3 destinations for each event.
type WebhookNotifications struct {
	OnStart                            []Webhook `json:"on_start,omitzero"`
	OnSuccess                          []Webhook `json:"on_success,omitzero"`
	OnFailure                          []Webhook `json:"on_failure,omitzero"`
	OnDurationWarningThresholdExceeded []Webhook `json:"on_duration_warning_threshold_exceeded,omitzero"`
	OnStreamingBacklogExceeded         []Webhook `json:"on_streaming_backlog_exceeded,omitzero"`
}

// A Webhook is a notification destination of the workspace.
type Webhook struct {
	ID string `json:"id"`
}

// JobNotificationSettings suppress some of the notifications of a job.
type JobNotificationSettings struct {
	NoAlertForCanceledRuns bool `json:"no_alert_for_canceled_runs,omitzero"`
	NoAlertForSkippedRuns  bool `json:"no_alert_for_skipped_runs,omitzero"`
}

// JobHealthRules say when the service considers a run unhealthy.
type JobHealthRules struct {
	Rules []JobHealthRule `json:"rules,omitzero"`
}

// A JobHealthRule applies when a metric exceeds a value.
type JobHealthRule struct {
	Metric JobHealthMetric   `json:"metric"`
	Op     JobHealthOperator `json:"op"`
	Value  int64             `json:"value"` // in the metric's unit
}

// A JobRunAs is the identity that runs execute as. Set exactly one field.
type JobRunAs struct {
	UserName             string `json:"user_name,omitzero"`              // the email address of an active user; only administrators can set another user
	ServicePrincipalName string `json:"service_principal_name,omitzero"` // an application ID
	GroupName            string `json:"group_name,omitzero"`             // a group that the caller belongs to
}

// A JobAccessControl grants a permission to one user, group or service
// principal.
type JobAccessControl struct {
	UserName             string             `json:"user_name,omitzero"`
	GroupName            string             `json:"group_name,omitzero"`
	ServicePrincipalName string             `json:"service_principal_name,omitzero"` // an application ID
	PermissionLevel      JobPermissionLevel `json:"permission_level,omitzero"`
}

// A JobDeployment identifies the tool that manages a job.
type JobDeployment struct {
	Kind             JobDeploymentKind `json:"kind"`
	MetadataFilePath string            `json:"metadata_file_path,omitzero"`
	DeploymentID     string            `json:"deployment_id,omitzero"` // bundles only
	VersionID        string            `json:"version_id,omitzero"`    // bundles only
}

// Create creates a job and returns its ID. Names of jobs need not be unique, so
// a second call creates a second job. The client therefore does not retry after
// a lost response.
func (s *JobsService) Create(ctx context.Context, in CreateJob) (int64, error) {
	r := post(s.path("/jobs/create")).params(in)
	out, err := do[createdJob](ctx, s.client, r)
	if err != nil {
		return 0, err
	}
	return out.JobID, nil
}

type createdJob struct {
	JobID int64 `json:"job_id"`
}

func (j *createdJob) validate() error { return named("job_id", j.JobID != 0) }

// GetJob selects a job and the optional details to return with it.
type GetJob struct {
	JobID                 int64 `json:"job_id"`
	IncludeTriggerState   bool  `json:"include_trigger_state,omitzero"`
	IncludeTriggerHistory bool  `json:"include_trigger_history,omitzero"`
}

// Get returns a job. It fails with [ErrResourceDoesNotExist] if the job does
// not exist. Version 2.2 of the API sends a large job in several pages. Get
// reads all of them.
func (s *JobsService) Get(ctx context.Context, in GetJob) (*Job, error) {
	type part struct {
		Job
		NextPageToken string `json:"next_page_token"`
	}
	r := get(s.path("/jobs/get")).params(in)
	whole, err := readParts(func(token string) (*part, string, error) {
		p, err := do[part](ctx, s.client, r.optional("page_token", token))
		if err != nil {
			return nil, "", err
		}
		return p, p.NextPageToken, nil
	}, func(whole, part *part) {
		whole.Settings.Tasks = append(whole.Settings.Tasks, part.Settings.Tasks...)
		whole.Settings.JobClusters = append(whole.Settings.JobClusters, part.Settings.JobClusters...)
		whole.Settings.Environments = append(whole.Settings.Environments, part.Settings.Environments...)
		whole.Settings.Parameters = append(whole.Settings.Parameters, part.Settings.Parameters...)
	})
	if err != nil {
		return nil, err
	}
	whole.HasMore = false
	return &whole.Job, nil
}

// ListJobs filters a list of jobs. Its zero value lists all jobs.
type ListJobs struct {
	Name        string `json:"name,omitzero"`         // only jobs with exactly this name, ignoring case
	ExpandTasks bool   `json:"expand_tasks,omitzero"` // include tasks and clusters; version 2.0 still omits them for some jobs with several tasks
	Offset      int    `json:"offset,omitzero"`       // newest jobs to skip; the service rejects more than 1000
	PageSize    int    `json:"limit,omitzero"`        // jobs to request at a time; 0 for 25; version 2.0 ignores it
	PageToken   string `json:"page_token,omitzero"`   // the page to start with; empty for the first
	Limit       int    `json:"-"`                     // maximum number of jobs to return in total; 0 for all
}

// List returns the jobs, newest first. Version 2.0 omits the tasks of jobs that
// have several tasks. [JobsService.Get] returns them.
func (s *JobsService) List(ctx context.Context, in ListJobs) ([]Job, error) {
	if s.client.jobsAPI != "2.0" {
		return collect(s.All(ctx, in))
	}
	response, err := do[struct {
		Jobs []Job `json:"jobs"`
	}](ctx, s.client, s.listUnpaged(in))
	if err != nil {
		return nil, err
	}
	jobs := response.Jobs[:0]
	for job, err := range in.narrow((&Page[Job]{Items: response.Jobs}).all(nil)) {
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs[:len(jobs):len(jobs)], nil
}

// ListPage returns one page of [JobsService.List]. Version 2.0 has a single page.
func (s *JobsService) ListPage(ctx context.Context, in ListJobs) (*Page[Job], error) {
	if s.client.jobsAPI == "2.0" {
		jobs, err := s.List(ctx, in)
		if err != nil {
			return nil, err
		}
		return &Page[Job]{Items: jobs}, nil
	}
	page, err := s.page(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

// All yields the jobs that List returns as they arrive. Each range over the
// sequence sends new requests. The first error ends it.
func (s *JobsService) All(ctx context.Context, in ListJobs) iter.Seq2[Job, error] {
	if s.client.jobsAPI == "2.0" {
		return s.allUnpaged(ctx, in)
	}
	jobs := allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[Job], error) { return s.page(ctx, in, token) }))
	return distinct(jobs, func(j *Job) int64 { return j.JobID })
}

func (s *JobsService) page(ctx context.Context, in ListJobs, token string) (*Page[Job], error) {
	in.Offset, in.PageToken = pageStart(in.Offset, token)
	if in.PageSize == 0 {
		in.PageSize = 25 // accepted by all versions of the service
	}
	page, err := do[struct {
		Jobs []Job `json:"jobs"`
		pageEnd
	}](ctx, s.client, get(s.path("/jobs/list")).params(in))
	if err != nil {
		return nil, err
	}
	return &Page[Job]{page.Jobs, page.next(in.Offset, in.PageToken, len(page.Jobs))}, nil
}

// allUnpaged reads the list of version 2.0, which sends all jobs in one
// response and ignores the filters of the request.
func (s *JobsService) allUnpaged(ctx context.Context, in ListJobs) iter.Seq2[Job, error] {
	return in.narrow(stream[Job](ctx, s.client, s.listUnpaged(in), "jobs", nil))
}

func (s *JobsService) listUnpaged(in ListJobs) Request {
	r := get(s.path("/jobs/list")).optional("name", in.Name).optional("expand_tasks", in.ExpandTasks).check(in.check())
	if in.PageToken != "" {
		r = r.check(badArg("page_token", "is not part of version 2.0 of the Jobs API, which lists all jobs in one response"))
	}
	return r
}

// narrow applies the filters of the list to all jobs.
func (in ListJobs) narrow(jobs iter.Seq2[Job, error]) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		skip, count := in.Offset, 0
		for job, err := range jobs {
			switch {
			case err != nil:
			case in.Name != "" && !strings.EqualFold(in.Name, job.Settings.Name):
				continue
			case skip > 0:
				skip--
				continue
			}
			if !yield(job, err) {
				return
			}
			if count++; count == in.Limit {
				return
			}
		}
	}
}

// collect returns what a sequence yields.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// offsetToken starts the page tokens of lists that the service pages by offset.
const offsetToken = "offset="

// pageStart returns the offset or the service's token with which a page starts.
// The other of the two is zero.
func pageStart(offset int, token string) (int, string) {
	if digits, ok := strings.CutPrefix(token, offsetToken); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			return n, ""
		}
	}
	if token != "" {
		return 0, token
	}
	return offset, ""
}

// A pageEnd is what a response says about the next page: its token, or only
// that a next page exists.
type pageEnd struct {
	HasMore       bool   `json:"has_more"`
	NextPageToken string `json:"next_page_token"`
}

// next returns the token of the page that follows count items. These items
// started at an offset or with a token of the service.
func (e pageEnd) next(offset int, token string, count int) string {
	if e.NextPageToken != "" || token != "" || !e.HasMore {
		return e.NextPageToken
	}
	return offsetToken + strconv.Itoa(offset+count)
}

// Reset replaces all settings of a job. Settings that are unset return to their
// defaults. Active runs keep their settings, except for the time limit. To
// change only some settings, use [JobsService.Update]. Reset is idempotent, so
// the client retries it.
func (s *JobsService) Reset(ctx context.Context, jobID int64, settings JobSettings) error {
	r := post(s.path("/jobs/reset")).required("job_id", jobID).optional("new_settings", &settings).idempotent()
	if settings.AccessControlList != nil {
		r = r.check(badArg("access_control_list", "is accepted by Create only"))
	}
	return s.client.Do(ctx, r.check(settings.check()), nil)
}

// UpdateJob changes some settings of a job.
type UpdateJob struct {
	JobID int64 `json:"job_id"`

	// NewSettings are the settings to change. Each one replaces the job's
	// setting of the same name as a whole. From version 2.1 on, the service
	// merges Tasks and JobClusters by their keys instead.
	NewSettings JobSettings `json:"new_settings,omitzero"`

	// FieldsToRemove are the settings to clear, by their JSON names, such as
	// "schedule". "tasks/KEY" clears a single task.
	FieldsToRemove []string `json:"fields_to_remove,omitzero"`
}

// Update changes some settings of a job. Active runs keep their settings,
// except for the time limit. Update is idempotent, so the client retries it.
func (s *JobsService) Update(ctx context.Context, in UpdateJob) error {
	r := post(s.path("/jobs/update")).params(in).idempotent()
	if in.NewSettings.AccessControlList != nil {
		r = r.check(badArg("access_control_list", "is accepted by Create only"))
	}
	return s.client.Do(ctx, r, nil)
}

// Delete deletes a job with its settings and the history of its runs. The
// service ends active runs soon afterwards. Delete fails with
// [ErrResourceDoesNotExist] if the job does not exist. The client retries it.
// If the response to an earlier attempt was lost, a retry that finds no job
// counts as success.
func (s *JobsService) Delete(ctx context.Context, jobID int64) error {
	return s.client.Do(ctx, post(s.path("/jobs/delete")).required("job_id", jobID).treatAsSuccess(ErrResourceDoesNotExist), nil)
}
