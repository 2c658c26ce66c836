package databricks

import (
	"context"
	"iter"
	"strconv"
	"strings"
)

// JobsService defines jobs, runs them and reads how their runs went.
//
// It speaks version 2.0 of the Jobs API unless the client was made with
// [WithJobsAPI]. The types serve all versions: in 2.0 a job with one task may
// have it at the top of its [JobSettings], from 2.1 on every job has a list of
// Tasks, and 2.2 allows 1000 of them instead of 100.
//
// See https://docs.databricks.com/api/workspace/jobs.
type JobsService service

// path returns a path of the version of the Jobs API that the client speaks.
func (s *JobsService) path(tail string) string { return "/api/" + s.client.jobsAPI + tail }

// A JobFormat says where a job has its work.
type JobFormat string

// Formats of a job.
const (
	JobFormatSingleTask JobFormat = "SINGLE_TASK" // one task, at the top of the settings; 2.0 only
	JobFormatMultiTask  JobFormat = "MULTI_TASK"  // in a list of tasks
)

// A JobEditMode says whether people may change a job in the user interface.
type JobEditMode string

// Edit modes of a job.
const (
	JobEditable JobEditMode = "EDITABLE"
	JobUILocked JobEditMode = "UI_LOCKED" // through the API only
)

// A JobDeploymentKind names the tool that owns a job.
type JobDeploymentKind string

// Owners of a job.
const (
	JobDeploymentBundle        JobDeploymentKind = "BUNDLE"         // an asset bundle
	JobDeploymentSystemManaged JobDeploymentKind = "SYSTEM_MANAGED" // the platform; nobody else can change the job
)

// A PerformanceTarget weighs speed against cost on serverless compute.
type PerformanceTarget string

// Targets of serverless runs.
const (
	PerformanceStandard  PerformanceTarget = "STANDARD"              // the cheaper one
	PerformanceOptimized PerformanceTarget = "PERFORMANCE_OPTIMIZED" // starts and runs fast
)

// A JobPermissionLevel is what somebody may do with a job.
type JobPermissionLevel string

// Permission levels, from the least to the most.
const (
	JobCanView      JobPermissionLevel = "CAN_VIEW"       // see settings and results
	JobCanManageRun JobPermissionLevel = "CAN_MANAGE_RUN" // and start and cancel runs
	JobCanManage    JobPermissionLevel = "CAN_MANAGE"     // and change the job
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

// A JobSourceDirtyState says how a job strayed from its definition in Git.
type JobSourceDirtyState string

// Ways to stray.
const (
	JobSourceNotSynced    JobSourceDirtyState = "NOT_SYNCED"   // not synchronised yet
	JobSourceDisconnected JobSourceDirtyState = "DISCONNECTED" // detached, to be edited in place
)

// A JobHealthMetric is something that a health rule watches.
type JobHealthMetric string

// Metrics of health rules. The backlog is that of all streams together.
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

// JobSettings are all there is to say about a job: its work, where it runs,
// when, as whom, and who is told.
//
// The work is either one task, given by one of the task fields and a cluster
// here at the top (version 2.0 only), or the list Tasks, in which case cluster,
// libraries and retries belong to each task. Reading a job back gives defaults
// that were never sent, so settings differ from what they were made of.
type JobSettings struct {
	Name        string            `json:"name,omitzero"`        // at most 4096 bytes; need not be unique; Untitled if empty
	Description string            `json:"description,omitzero"` // at most 27,700 characters
	Tags        map[string]string `json:"tags,omitzero"`        // at most 25; job clusters get them as well

	ExistingClusterID string       `json:"existing_cluster_id,omitzero"` // of an all-purpose cluster; exactly one of it and NewCluster for a single task
	NewCluster        *ClusterSpec `json:"new_cluster,omitzero"`         // made for each run and gone after it
	Libraries         []Library    `json:"libraries,omitzero"`           // installed on the cluster of a single task

	NotebookTask    *NotebookTask    `json:"notebook_task,omitzero"` // at most one of the task fields
	SparkJARTask    *SparkJARTask    `json:"spark_jar_task,omitzero"`
	SparkPythonTask *SparkPythonTask `json:"spark_python_task,omitzero"`
	SparkSubmitTask *SparkSubmitTask `json:"spark_submit_task,omitzero"` // on a NewCluster without SparkConf, and without Libraries
	PythonWheelTask *PythonWheelTask `json:"python_wheel_task,omitzero"`
	PipelineTask    *PipelineTask    `json:"pipeline_task,omitzero"`
	DBTTask         *DBTTask         `json:"dbt_task,omitzero"`
	SQLTask         *SQLTask         `json:"sql_task,omitzero"`
	RunJobTask      *RunJobTask      `json:"run_job_task,omitzero"`

	Tasks        []Task           `json:"tasks,omitzero"`        // at most 100, 1000 from version 2.2 on
	JobClusters  []JobCluster     `json:"job_clusters,omitzero"` // shared by Tasks, at most 100
	Environments []JobEnvironment `json:"environments,omitzero"` // of serverless tasks, which name them by key
	Parameters   []JobParameter   `json:"parameters,omitzero"`   // of the job, handed down to its tasks; their values belong to runs
	GitSource    *GitSource       `json:"git_source,omitzero"`   // where tasks have their code from, unless they say otherwise

	Schedule   *CronSchedule    `json:"schedule,omitzero"`   // nil: only on demand; not together with Continuous
	Continuous *Continuous      `json:"continuous,omitzero"` // keeps one run going all the time
	Trigger    *TriggerSettings `json:"trigger,omitzero"`    // what else starts runs
	Triggers   []JobTrigger     `json:"triggers,omitzero"`   // several of them (a preview); not with Schedule, Trigger or Continuous

	TimeoutSeconds         *int  `json:"timeout_seconds,omitzero"`           // of each run; nil or 0: no limit; a change reaches active runs
	MaxRetries             *int  `json:"max_retries,omitzero"`               // of a failed single task; nil or 0: none; -1: for ever
	MinRetryIntervalMillis *int  `json:"min_retry_interval_millis,omitzero"` // at least this from start to start; nil or 0: at once
	RetryOnTimeout         *bool `json:"retry_on_timeout,omitzero"`          // whether to retry a single task that timed out; nil: no
	MaxConcurrentRuns      *int  `json:"max_concurrent_runs,omitzero"`       // nil: 1; 0: every run is skipped; at most 1000

	Queue                *QueueSettings           `json:"queue,omitzero"` // nil: runs wait for a free place in version 2.2 only
	EmailNotifications   *EmailNotifications      `json:"email_notifications,omitzero"`
	WebhookNotifications *WebhookNotifications    `json:"webhook_notifications,omitzero"`
	NotificationSettings *JobNotificationSettings `json:"notification_settings,omitzero"` // leaves some of both out
	Health               *JobHealthRules          `json:"health,omitzero"`

	RunAs             *JobRunAs         `json:"run_as,omitzero"`             // write-only: read [Job].RunAsUserName; nil in a Reset keeps who it was
	PerformanceTarget PerformanceTarget `json:"performance_target,omitzero"` // of serverless tasks but those on GPUs
	BudgetPolicyID    string            `json:"budget_policy_id,omitzero"`   // whom the cost goes to
	UsagePolicyID     string            `json:"usage_policy_id,omitzero"`    // whom the usage goes to
	ParentPath        string            `json:"parent_path,omitzero"`        // workspace folder of the job; empty: it is in none
	EditMode          JobEditMode       `json:"edit_mode,omitzero"`
	Deployment        *JobDeployment    `json:"deployment,omitzero"` // set by deployment tools
	Format            JobFormat         `json:"format,omitzero"`     // told by the service, which takes no notice of what is sent

	// AccessControlList gives rights to others along with Create, the one call
	// that takes it.
	AccessControlList []JobAccessControl `json:"access_control_list,omitzero"`
}

// CreateJob is a job to be. The settings of a job that was read make another
// one like it.
type CreateJob = JobSettings

// A Job is a definition of work, and what the service knows about it.
type Job struct {
	JobID                   int64            `json:"job_id"`
	CreatorUserName         string           `json:"creator_user_name,omitzero"` // empty if that user is gone
	RunAsUserName           string           `json:"run_as_user_name,omitzero"`  // whose permissions runs have; from version 2.1 on
	RunAsOwner              bool             `json:"run_as_owner,omitzero"`      // runs have the permissions of the job's owner; from version 2.1 on
	JobType                 string           `json:"job_type,omitzero"`          // in lists
	CreatedTime             Millis           `json:"created_time,omitzero"`
	Settings                JobSettings      `json:"settings,omitzero"`
	EffectiveBudgetPolicyID string           `json:"effective_budget_policy_id,omitzero"`
	EffectiveUsagePolicyID  string           `json:"effective_usage_policy_id,omitzero"`
	TriggerState            *TriggerState    `json:"trigger_state,omitzero"`   // if asked for
	TriggerDetails          []TriggerDetails `json:"trigger_details,omitzero"` // one for each of Settings.Triggers, if asked for

	// HasMore says, in lists of version 2.2, that lists within Settings were
	// cut at 100 elements. Get returns them whole.
	HasMore bool `json:"has_more,omitzero"`
}

// A JobCluster is a cluster that several tasks of a run share.
type JobCluster struct {
	JobClusterKey       string       `json:"job_cluster_key"` // what tasks call it: 1 to 100 letters, digits, - and _
	NewCluster          *ClusterSpec `json:"new_cluster,omitzero"`
	ServerlessComputeID string       `json:"serverless_compute_id,omitzero"` // serverless compute to bind to; one cluster of a job at most
}

// A JobEnvironment is what serverless tasks find installed.
type JobEnvironment struct {
	EnvironmentKey string       `json:"environment_key"` // what tasks call it; unique in the job
	Spec           *Environment `json:"spec,omitzero"`
}

// An Environment is a set of packages for serverless tasks.
type Environment struct {
	EnvironmentVersion string   `json:"environment_version,omitzero"` // a number; this or BaseEnvironment is needed
	BaseEnvironment    string   `json:"base_environment,omitzero"`    // an environment that this one adds to, such as the path of a YAML file
	Dependencies       []string `json:"dependencies,omitzero"`        // lines as in pip's requirements.txt
	JavaDependencies   []string `json:"java_dependencies,omitzero"`   // paths of JARs
	Client             string   `json:"client,omitzero"`              // the older name of EnvironmentVersion
}

// A JobParameter is a named value that tasks can refer to. Default belongs to
// the job, Value to one run of it.
type JobParameter struct {
	Name    string `json:"name"`           // letters, digits, _, - and .
	Default string `json:"default"`        // may be empty
	Value   string `json:"value,omitzero"` // what a run used; told by the service
}

// A GitSource is the repository that tasks have their code from. Exactly one of
// GitBranch, GitTag and GitCommit says what to check out.
type GitSource struct {
	GitURL         string          `json:"git_url"`             // at most 300 characters
	GitProvider    GitProvider     `json:"git_provider"`        // needed
	GitBranch      string          `json:"git_branch,omitzero"` // at most 255 characters
	GitTag         string          `json:"git_tag,omitzero"`    // at most 255 characters
	GitCommit      string          `json:"git_commit,omitzero"` // at most 64 characters
	GitSnapshot    *GitSnapshot    `json:"git_snapshot,omitzero"`
	JobSource      *JobSource      `json:"job_source,omitzero"`
	SparseCheckout *SparseCheckout `json:"sparse_checkout,omitzero"` // nil: everything
}

// A GitSnapshot is what a run checked out.
type GitSnapshot struct {
	UsedCommit string `json:"used_commit,omitzero"`
}

// A JobSource is where the definition of a job itself is kept in Git.
type JobSource struct {
	ImportFromGitBranch string              `json:"import_from_git_branch"`
	JobConfigPath       string              `json:"job_config_path"` // of the YAML file
	DirtyState          JobSourceDirtyState `json:"dirty_state,omitzero"`
}

// A SparseCheckout is the part of a repository to check out.
type SparseCheckout struct {
	Patterns []string `json:"patterns,omitzero"`
}

// QueueSettings say whether a run waits for a free place or is skipped.
type QueueSettings struct {
	Enabled bool `json:"enabled"`
}

// EmailNotifications are addresses, in ASCII, that get a mail about the runs of
// a job or of a task. The mail about a deleted job goes to all of them.
type EmailNotifications struct {
	OnStart                            []string `json:"on_start,omitzero"`
	OnSuccess                          []string `json:"on_success,omitzero"`
	OnFailure                          []string `json:"on_failure,omitzero"`                             // failed, timed out or skipped
	OnDurationWarningThresholdExceeded []string `json:"on_duration_warning_threshold_exceeded,omitzero"` // as told by a health rule
	OnStreamingBacklogExceeded         []string `json:"on_streaming_backlog_exceeded,omitzero"`          // as told by a health rule, every 30 minutes
	NoAlertForSkippedRuns              *bool    `json:"no_alert_for_skipped_runs,omitzero"`              // the older place of the notification settings' switch; nil: false
}

// WebhookNotifications are destinations that are called about the runs of a job
// or of a task, at most 3 for each event.
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

// JobNotificationSettings leave out some of a job's notifications.
type JobNotificationSettings struct {
	NoAlertForCanceledRuns bool `json:"no_alert_for_canceled_runs,omitzero"`
	NoAlertForSkippedRuns  bool `json:"no_alert_for_skipped_runs,omitzero"`
}

// JobHealthRules say when a run counts as unwell.
type JobHealthRules struct {
	Rules []JobHealthRule `json:"rules,omitzero"`
}

// A JobHealthRule fires when a metric crosses a value.
type JobHealthRule struct {
	Metric JobHealthMetric   `json:"metric"`
	Op     JobHealthOperator `json:"op"`
	Value  int64             `json:"value"` // in the metric's unit
}

// A JobRunAs is the identity whose rights runs have: exactly one of its fields.
type JobRunAs struct {
	UserName             string `json:"user_name,omitzero"`              // an active user's mail address; only admins may name others
	ServicePrincipalName string `json:"service_principal_name,omitzero"` // an application id
	GroupName            string `json:"group_name,omitzero"`             // a group that the caller is in
}

// A JobAccessControl gives a right to one user, group or service principal.
type JobAccessControl struct {
	UserName             string             `json:"user_name,omitzero"`
	GroupName            string             `json:"group_name,omitzero"`
	ServicePrincipalName string             `json:"service_principal_name,omitzero"` // an application id
	PermissionLevel      JobPermissionLevel `json:"permission_level,omitzero"`
}

// A JobDeployment names the tool that keeps a job.
type JobDeployment struct {
	Kind             JobDeploymentKind `json:"kind"`
	MetadataFilePath string            `json:"metadata_file_path,omitzero"`
	DeploymentID     string            `json:"deployment_id,omitzero"` // of a bundle
	VersionID        string            `json:"version_id,omitzero"`    // of a bundle
}

// Create makes a job and returns its ID. Each call makes a job, so it is
// never repeated if its answer was lost; names are no help, they need not be unique.
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

// GetJob names a job, and the optional details to return with it.
type GetJob struct {
	JobID                 int64 `json:"job_id"`
	IncludeTriggerState   bool  `json:"include_trigger_state,omitzero"`
	IncludeTriggerHistory bool  `json:"include_trigger_history,omitzero"`
}

// Get returns a job. It fails with [ErrResourceDoesNotExist] if there is no such
// job. Version 2.2 sends a large job in pages, all of which it reads.
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

// ListJobs narrows a list of jobs. Its zero value lists all of them.
type ListJobs struct {
	Name        string `json:"name,omitzero"`         // jobs with exactly this name, ignoring case
	ExpandTasks bool   `json:"expand_tasks,omitzero"` // with their tasks and clusters; version 2.0 leaves out those of some jobs with several tasks
	Offset      int    `json:"offset,omitzero"`       // jobs to skip, from the newest on; the service rejects more than 1000
	PageSize    int    `json:"limit,omitzero"`        // jobs to request at a time; 0 for 25; version 2.0 sends all jobs at once
	PageToken   string `json:"page_token,omitzero"`   // the page to begin with; empty for the first
	Limit       int    `json:"-"`                     // jobs to return in total; 0 for all
}

// List returns the jobs, newest first. Version 2.0 leaves out the tasks of jobs
// that have several. [JobsService.Get] returns all of a job.
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
		in.PageSize = 25 // servers of all ages accept it
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

// allUnpaged reads the list of version 2.0, which has all jobs in one response,
// whatever the request asks for.
func (s *JobsService) allUnpaged(ctx context.Context, in ListJobs) iter.Seq2[Job, error] {
	return in.narrow(stream[Job](ctx, s.client, s.listUnpaged(in), "jobs", nil))
}

func (s *JobsService) listUnpaged(in ListJobs) Request {
	r := get(s.path("/jobs/list")).optional("name", in.Name).optional("expand_tasks", in.ExpandTasks).check(in.check())
	if in.PageToken != "" {
		r = r.check(badArg("page_token", "is not part of version 2.0 of the Jobs API, which lists all jobs at once"))
	}
	return r
}

// narrow yields those of all jobs that the list has.
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

// offsetToken begins the page tokens of lists that the service pages by offset.
const offsetToken = "offset="

// pageStart returns the offset and the token of the service that a page begins
// with, of which one is empty.
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

// A pageEnd is what a response says about the page that follows: its token, or
// only that there is one.
type pageEnd struct {
	HasMore       bool   `json:"has_more"`
	NextPageToken string `json:"next_page_token"`
}

// next returns the token of the page that follows one of count items, which
// began at an offset or with a token of the service.
func (e pageEnd) next(offset int, token string, count int) string {
	if e.NextPageToken != "" || token != "" || !e.HasMore {
		return e.NextPageToken
	}
	return offsetToken + strconv.Itoa(offset+count)
}

// Reset replaces all settings of a job: what is not in them goes back to its
// default. Active runs go on as they were, but for the time limit; see also
// [JobsService.Update]. Resetting twice does no more than once.
func (s *JobsService) Reset(ctx context.Context, jobID int64, settings JobSettings) error {
	r := post(s.path("/jobs/reset")).required("job_id", jobID).optional("new_settings", &settings).idempotent()
	if settings.AccessControlList != nil {
		r = r.check(badArg("access_control_list", "is taken by Create only"))
	}
	return s.client.Do(ctx, r.check(settings.check()), nil)
}

// UpdateJob changes some settings of a job.
type UpdateJob struct {
	JobID int64 `json:"job_id"`

	// NewSettings replace, each as a whole, those that the job has of the same
	// name. From version 2.1 on Tasks and JobClusters are merged by their keys.
	NewSettings JobSettings `json:"new_settings,omitzero"`

	// FieldsToRemove are settings to clear, by their names on the wire, such as
	// "schedule", or "tasks/KEY" for a single task.
	FieldsToRemove []string `json:"fields_to_remove,omitzero"`
}

// Update changes some settings of a job and leaves the others. Active runs go on
// as they were, but for the time limit. Updating twice does no more than once.
func (s *JobsService) Update(ctx context.Context, in UpdateJob) error {
	r := post(s.path("/jobs/update")).params(in).idempotent()
	if in.NewSettings.AccessControlList != nil {
		r = r.check(badArg("access_control_list", "is taken by Create only"))
	}
	return s.client.Do(ctx, r, nil)
}

// Delete removes a job, its settings and the history of its runs. Active runs
// are ended soon after. It fails with [ErrResourceDoesNotExist] if there is no
// such job.
func (s *JobsService) Delete(ctx context.Context, jobID int64) error {
	return s.client.Do(ctx, post(s.path("/jobs/delete")).required("job_id", jobID).treatAsSuccess(ErrResourceDoesNotExist), nil)
}
