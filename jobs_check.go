package databricks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// This file holds what a jobs call finds wrong before it is sent: only what the
// service is certain to refuse, or to take for something else.

// A choice is a field of which only so many of a group may be set.
type choice struct {
	name string // on the wire
	set  bool
}

type choices []choice

// set returns the names of the fields that are set.
func (c choices) set() (names []string) {
	for _, choice := range c {
		if choice.set {
			names = append(names, choice.name)
		}
	}
	return names
}

// all returns the names of all fields.
func (c choices) all() string {
	names := make([]string, len(c))
	for i, choice := range c {
		names[i] = choice.name
	}
	return strings.Join(names, ", ")
}

// first returns the first field that is set; empty if none is.
func (c choices) first() string {
	if names := c.set(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// atMostOne finds fields that exclude each other.
func (c choices) atMostOne() error {
	if names := c.set(); len(names) > 1 {
		return badArg(names[1], "cannot be set together with %s", names[0])
	}
	return nil
}

// exactlyOne finds fields that exclude each other, and that none is set.
func (c choices) exactlyOne() error {
	if c.first() == "" {
		return badArg(c[0].name, "is missing; exactly one must be set of %s", c.all())
	}
	return c.atMostOne()
}

// within prefixes the argument that err is about with where it is.
func within(place string, err error) error {
	if e, ok := err.(*ArgumentError); ok {
		return badArg(place+"."+e.Name, "%s", e.Problem)
	}
	return err
}

// checkEach checks the elements of a list.
func checkEach[T interface{ check() error }](name string, list []T) error {
	for i, element := range list {
		if err := element.check(); err != nil {
			return within(fmt.Sprintf("%s[%d]", name, i), err)
		}
	}
	return nil
}

// checkSome checks a field that may be nil.
func checkSome[T interface{ check() error }](name string, field *T) error {
	if field == nil {
		return nil
	}
	return within(name, (*field).check())
}

func checkID(name string, id int64) error {
	if id == 0 {
		return badArg(name, missing)
	}
	return nil
}

func checkText(name, text string) error {
	if text == "" {
		return badArg(name, missing)
	}
	return nil
}

func checkMost(name string, count, most int, unit string) error {
	if count > most {
		return badArg(name, "has %d %s; at most %d are allowed", count, unit, most)
	}
	return nil
}

// checkLeast finds a number under its bound; nil stands for the service's choice.
func checkLeast(name string, n *int, least int) error {
	if n != nil && *n < least {
		return badArg(name, "is %d; it must be at least %d", *n, least)
	}
	return nil
}

func checkPause(name string, seconds int) error {
	if seconds != 0 && seconds < 60 {
		return badArg(name, "is %d; it must be at least 60 seconds, or 0 for none", seconds)
	}
	return nil
}

var taskKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func checkKey(name, text string) error {
	if text == "" {
		return badArg(name, missing)
	}
	if len(text) > 100 || !taskKey.MatchString(text) {
		return badArg(name, "is %q; it must be 1 to 100 letters, digits, hyphens and underscores", oneLine(text, 120))
	}
	return nil
}

// checkUnique finds two elements of the same name.
func checkUnique[T any](list, name string, elements []T, key func(T) string) error {
	seen := map[string]bool{}
	for i, element := range elements {
		k := key(element)
		if seen[k] {
			return badArg(fmt.Sprintf("%s[%d].%s", list, i, name), "is %q, as is that of another one", k)
		}
		seen[k] = true
	}
	return nil
}

func checkToken(token string) error {
	return checkMost("idempotency_token", utf8.RuneCountInString(token), 64, "characters")
}

// check finds what is wrong with settings, whole or in part.
func (j JobSettings) check() error {
	most := 1000
	if j.MaxConcurrentRuns != nil && *j.MaxConcurrentRuns > most {
		return badArg("max_concurrent_runs", "is %d; at most %d are allowed", *j.MaxConcurrentRuns, most)
	}
	if kind := j.kinds().first(); kind != "" && len(j.Tasks) > 0 {
		return badArg(kind, "cannot stand beside tasks; make it one of them")
	}
	return cmp.Or(
		checkMost("name", len(j.Name), 4096, "bytes"),
		checkMost("description", utf8.RuneCountInString(j.Description), 27700, "characters"),
		checkMost("tags", len(j.Tags), 25, "tags"),
		checkLeast("max_concurrent_runs", j.MaxConcurrentRuns, 0),
		checkLeast("timeout_seconds", j.TimeoutSeconds, 0),
		checkLeast("max_retries", j.MaxRetries, -1),
		checkLeast("min_retry_interval_millis", j.MinRetryIntervalMillis, 0),
		j.kinds().atMostOne(),
		j.clusters().atMostOne(),
		choices{{"schedule", j.Schedule != nil}, {"continuous", j.Continuous != nil}, {"triggers", j.Triggers != nil}}.atMostOne(),
		choices{{"trigger", j.Trigger != nil}, {"triggers", j.Triggers != nil}}.atMostOne(),
		checkSome("schedule", j.Schedule), checkSome("trigger", j.Trigger), checkEach("triggers", j.Triggers),
		checkSome("git_source", j.GitSource), checkSome("run_as", j.RunAs), checkSome("webhook_notifications", j.WebhookNotifications),
		checkEach("access_control_list", j.AccessControlList), checkLibraries(j.Libraries),
		checkTasks(j.Tasks, j.JobClusters),
	)
}

// checkVersion finds what is wrong with settings for a version of the API.
func (j JobSettings) checkVersion(version string) error {
	return checkVersion(version, len(j.Tasks), j.kinds(), j.clusters())
}

// checkWhole finds what is wrong with the settings of a whole job.
func (j JobSettings) checkWhole(version string) error {
	if err := cmp.Or(j.check(), j.checkVersion(version)); err != nil {
		return err
	}
	return checkWork(version, len(j.Tasks), len(j.JobClusters), j.kinds(), j.clusters())
}

func (j JobSettings) kinds() choices {
	return choices{
		{"notebook_task", j.NotebookTask != nil}, {"spark_jar_task", j.SparkJARTask != nil}, {"spark_python_task", j.SparkPythonTask != nil},
		{"spark_submit_task", j.SparkSubmitTask != nil}, {"python_wheel_task", j.PythonWheelTask != nil}, {"pipeline_task", j.PipelineTask != nil},
		{"dbt_task", j.DBTTask != nil}, {"sql_task", j.SQLTask != nil}, {"run_job_task", j.RunJobTask != nil},
	}
}

func (j JobSettings) clusters() choices {
	return choices{{"existing_cluster_id", j.ExistingClusterID != ""}, {"new_cluster", j.NewCluster != nil}}
}

// checkVersion finds fields and sizes that a version of the API does not have.
func checkVersion(version string, tasks int, kinds, clusters choices) error {
	if version != "2.2" && tasks > 100 {
		return badArg("tasks", "has %d tasks; version %s of the Jobs API takes 100, version 2.2 takes 1000", tasks, version)
	}
	if top := cmp.Or(kinds.first(), clusters.first()); version != "2.0" && top != "" {
		return badArg(top, "belongs to version 2.0 of the Jobs API; put it into an element of tasks")
	}
	return nil
}

// checkWork finds that there is nothing to run, or nothing to run it on.
func checkWork(version string, tasks, jobClusters int, kinds, clusters choices) error {
	switch {
	case tasks > 0:
		return nil
	case jobClusters > 0:
		return badArg("job_clusters", "are shared by tasks, and there are none")
	case version != "2.0":
		return nil
	case kinds.first() == "":
		return badArg("tasks", "is missing; there must be tasks, or one of %s", kinds.all())
	}
	switch kinds.first() {
	case "notebook_task", "spark_jar_task", "spark_python_task", "python_wheel_task":
		return clusters.exactlyOne()
	case "spark_submit_task":
		if clusters.first() != "new_cluster" {
			return badArg("new_cluster", "is missing; spark_submit_task runs on nothing else")
		}
	}
	return nil
}

// check finds what is wrong with a submission.
func (in SubmitRun) check() error {
	if kind := in.kinds().first(); kind != "" && len(in.Tasks) > 0 {
		return badArg(kind, "cannot stand beside tasks; make it one of them")
	}
	return cmp.Or(
		checkMost("run_name", len(in.RunName), 4096, "bytes"),
		checkLeast("timeout_seconds", in.TimeoutSeconds, 0),
		in.kinds().atMostOne(),
		in.clusters().atMostOne(),
		checkSome("git_source", in.GitSource), checkSome("run_as", in.RunAs), checkSome("webhook_notifications", in.WebhookNotifications),
		checkEach("access_control_list", in.AccessControlList), checkLibraries(in.Libraries),
		checkTasks(in.Tasks, in.JobClusters),
		checkToken(in.IdempotencyToken),
	)
}

func (in SubmitRun) checkVersion(version string) error {
	return cmp.Or(
		checkVersion(version, len(in.Tasks), in.kinds(), in.clusters()),
		checkWork(version, len(in.Tasks), len(in.JobClusters), in.kinds(), in.clusters()),
	)
}

func (in SubmitRun) kinds() choices {
	return choices{
		{"notebook_task", in.NotebookTask != nil}, {"spark_jar_task", in.SparkJARTask != nil}, {"spark_python_task", in.SparkPythonTask != nil},
		{"spark_submit_task", in.SparkSubmitTask != nil}, {"python_wheel_task", in.PythonWheelTask != nil}, {"pipeline_task", in.PipelineTask != nil},
		{"dbt_task", in.DBTTask != nil}, {"sql_task", in.SQLTask != nil},
	}
}

func (in SubmitRun) clusters() choices {
	return choices{{"existing_cluster_id", in.ExistingClusterID != ""}, {"new_cluster", in.NewCluster != nil}}
}

// checkTasks checks tasks and the clusters that they share.
func checkTasks(tasks []Task, clusters []JobCluster) error {
	return cmp.Or(
		checkMost("tasks", len(tasks), 1000, "tasks"),
		checkMost("job_clusters", len(clusters), 100, "clusters"),
		checkEach("tasks", tasks),
		checkEach("job_clusters", clusters),
		checkUnique("tasks", "task_key", tasks, func(t Task) string { return t.TaskKey }),
		checkUnique("job_clusters", "job_cluster_key", clusters, func(c JobCluster) string { return c.JobClusterKey }),
	)
}

func (c JobCluster) check() error { return checkKey("job_cluster_key", c.JobClusterKey) }

func (t Task) check() error {
	return cmp.Or(
		checkKey("task_key", t.TaskKey),
		checkMost("description", len(t.Description), 4096, "bytes"),
		choices{
			{"notebook_task", t.NotebookTask != nil}, {"spark_jar_task", t.SparkJARTask != nil}, {"spark_python_task", t.SparkPythonTask != nil},
			{"spark_submit_task", t.SparkSubmitTask != nil}, {"python_wheel_task", t.PythonWheelTask != nil},
			{"python_operator_task", t.PythonOperatorTask != nil}, {"pipeline_task", t.PipelineTask != nil}, {"sql_task", t.SQLTask != nil},
			{"alert_task", t.AlertTask != nil}, {"dashboard_task", t.DashboardTask != nil}, {"power_bi_task", t.PowerBITask != nil},
			{"dbt_task", t.DBTTask != nil}, {"dbt_platform_task", t.DBTPlatformTask != nil}, {"dbt_cloud_task", t.DBTCloudTask != nil},
			{"condition_task", t.ConditionTask != nil}, {"for_each_task", t.ForEachTask != nil}, {"run_job_task", t.RunJobTask != nil},
			{"clean_rooms_notebook_task", t.CleanRoomsNotebookTask != nil}, {"ai_runtime_task", t.AIRuntimeTask != nil},
			{"gen_ai_compute_task", t.GenAIComputeTask != nil},
		}.atMostOne(),
		choices{
			{"existing_cluster_id", t.ExistingClusterID != ""}, {"new_cluster", t.NewCluster != nil}, {"job_cluster_key", t.JobClusterKey != ""},
		}.atMostOne(),
		checkLeast("timeout_seconds", t.TimeoutSeconds, 0),
		checkLeast("max_retries", t.MaxRetries, -1),
		checkLeast("min_retry_interval_millis", t.MinRetryIntervalMillis, 0),
		checkLibraries(t.Libraries),
		checkSome("webhook_notifications", t.WebhookNotifications),
		checkSome("for_each_task", t.ForEachTask),
		checkSome("run_job_task", t.RunJobTask),
	)
}

func (t ForEachTask) check() error {
	return cmp.Or(checkText("inputs", t.Inputs), within("task", t.Task.check()))
}

func (t RunJobTask) check() error {
	return cmp.Or(checkID("job_id", t.JobID), checkParams(t.JARParams, t.NotebookParams, t.PythonParams, t.SparkSubmitParams))
}

func (g GitSource) check() error {
	return cmp.Or(
		checkText("git_url", g.GitURL),
		checkText("git_provider", string(g.GitProvider)),
		checkMost("git_url", utf8.RuneCountInString(g.GitURL), 300, "characters"),
		checkMost("git_branch", utf8.RuneCountInString(g.GitBranch), 255, "characters"),
		checkMost("git_tag", utf8.RuneCountInString(g.GitTag), 255, "characters"),
		checkMost("git_commit", utf8.RuneCountInString(g.GitCommit), 64, "characters"),
		choices{{"git_branch", g.GitBranch != ""}, {"git_tag", g.GitTag != ""}, {"git_commit", g.GitCommit != ""}}.exactlyOne(),
	)
}

func (r JobRunAs) check() error {
	return choices{{"user_name", r.UserName != ""}, {"service_principal_name", r.ServicePrincipalName != ""}, {"group_name", r.GroupName != ""}}.exactlyOne()
}

func (a JobAccessControl) check() error {
	return choices{{"user_name", a.UserName != ""}, {"group_name", a.GroupName != ""}, {"service_principal_name", a.ServicePrincipalName != ""}}.exactlyOne()
}

func (n WebhookNotifications) check() error {
	return cmp.Or(
		checkMost("on_start", len(n.OnStart), 3, "destinations"),
		checkMost("on_success", len(n.OnSuccess), 3, "destinations"),
		checkMost("on_failure", len(n.OnFailure), 3, "destinations"),
		checkMost("on_duration_warning_threshold_exceeded", len(n.OnDurationWarningThresholdExceeded), 3, "destinations"),
		checkMost("on_streaming_backlog_exceeded", len(n.OnStreamingBacklogExceeded), 3, "destinations"),
	)
}

func (s CronSchedule) check() error { return checkCron(s.QuartzCronExpression, s.TimezoneID) }
func (t CronTrigger) check() error  { return checkCron(t.QuartzCronExpression, t.TimezoneID) }

func checkCron(cron, timezone string) error {
	if err := checkText("quartz_cron_expression", cron); err != nil {
		return err
	}
	if n := len(strings.Fields(cron)); n != 6 && n != 7 {
		return badArg("quartz_cron_expression", "has %d fields; Quartz has 6 or 7, seconds first", n)
	}
	return checkText("timezone_id", timezone)
}

func (t TriggerSettings) check() error {
	return cmp.Or(
		choices{
			{"file_arrival", t.FileArrival != nil}, {"table_update", t.TableUpdate != nil}, {"periodic", t.Periodic != nil}, {"model", t.Model != nil},
		}.exactlyOne(),
		checkSome("file_arrival", t.FileArrival), checkSome("table_update", t.TableUpdate), checkSome("periodic", t.Periodic), checkSome("model", t.Model),
	)
}

func (t JobTrigger) check() error {
	return cmp.Or(
		choices{
			{"schedule", t.Schedule != nil}, {"continuous", t.Continuous != nil},
			{"file_arrival", t.FileArrival != nil}, {"table_update", t.TableUpdate != nil}, {"periodic", t.Periodic != nil}, {"model", t.Model != nil},
		}.exactlyOne(),
		checkSome("schedule", t.Schedule),
		checkSome("file_arrival", t.FileArrival), checkSome("table_update", t.TableUpdate), checkSome("periodic", t.Periodic), checkSome("model", t.Model),
	)
}

func (t FileArrivalTrigger) check() error {
	return cmp.Or(checkText("url", t.URL), checkPauses(t.MinTimeBetweenTriggersSeconds, t.WaitAfterLastChangeSeconds))
}

func (t TableUpdateTrigger) check() error {
	if len(t.TableNames) == 0 {
		return badArg("table_names", missing)
	}
	return checkPauses(t.MinTimeBetweenTriggersSeconds, t.WaitAfterLastChangeSeconds)
}

func (t ModelTrigger) check() error {
	return cmp.Or(checkText("condition", string(t.Condition)), checkPauses(t.MinTimeBetweenTriggersSeconds, t.WaitAfterLastChangeSeconds))
}

func (t PeriodicTrigger) check() error {
	return cmp.Or(checkLeast("interval", &t.Interval, 1), checkText("unit", string(t.Unit)))
}

func checkPauses(minTimeBetweenTriggers, waitAfterLastChange int) error {
	return cmp.Or(
		checkPause("min_time_between_triggers_seconds", minTimeBetweenTriggers),
		checkPause("wait_after_last_change_seconds", waitAfterLastChange),
	)
}

// checkParams checks the parameters of a run that have a bound.
func checkParams(jar []string, notebook map[string]string, python, sparkSubmit []string) error {
	return cmp.Or(
		choices{{"jar_params", jar != nil}, {"notebook_params", notebook != nil}}.atMostOne(),
		checkJSON("jar_params", jar), checkJSON("notebook_params", notebook),
		checkJSON("python_params", python), checkJSON("spark_submit_params", sparkSubmit),
	)
}

func checkJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return badArg(name, "has no JSON form: %v", err)
	}
	return checkMost(name, len(text), 10000, "bytes as JSON")
}

func (in RunNow) check() error {
	return cmp.Or(
		checkID("job_id", in.JobID), checkToken(in.IdempotencyToken),
		checkParams(in.JARParams, in.NotebookParams, in.PythonParams, in.SparkSubmitParams),
	)
}

func (in RepairRun) check() error {
	return cmp.Or(
		checkID("run_id", in.RunID),
		choices{{"rerun_tasks", len(in.RerunTasks) > 0}, {"rerun_all_failed_tasks", in.RerunAllFailedTasks}}.exactlyOne(),
		checkParams(in.JARParams, in.NotebookParams, in.PythonParams, in.SparkSubmitParams),
	)
}

func (in GetJob) check() error    { return checkID("job_id", in.JobID) }
func (in GetRun) check() error    { return checkID("run_id", in.RunID) }
func (in ExportRun) check() error { return checkID("run_id", in.RunID) }

func (in CancelAllRuns) check() error {
	if in.JobID == 0 && !in.AllQueuedRuns {
		return badArg("job_id", missing)
	}
	return nil
}

func (in ListJobs) check() error { return checkWindow(in.Limit, in.Offset) }

func (in ListRuns) check() error {
	return cmp.Or(
		choices{{"active_only", in.ActiveOnly}, {"completed_only", in.CompletedOnly}}.atMostOne(),
		checkWindow(in.Limit, in.Offset),
	)
}

func checkWindow(limit, offset int) error {
	return cmp.Or(checkLeast("limit", &limit, 0), checkLeast("offset", &offset, 0))
}

func checkPageToken(version, token string) error {
	if version == "2.0" && token != "" {
		return badArg("page_token", "is not part of version 2.0 of the Jobs API; use offset")
	}
	return nil
}

func (in UpdateJob) check() error {
	return cmp.Or(checkID("job_id", in.JobID), within("new_settings", in.NewSettings.check()))
}
