package databricks

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
)

// This file holds what the client rejects before it sends a call of the Jobs
// API: required input that is unset, and input that contradicts itself. Limits
// that the service may change are left to the service.

// A choice is a field of a group of mutually exclusive fields.
type choice struct {
	name string // JSON name
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

// first returns the name of the first field that is set, or an empty string.
func (c choices) first() string {
	if names := c.set(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// atMostOne rejects a second field that is set.
func (c choices) atMostOne() error {
	if names := c.set(); len(names) > 1 {
		return badArg(names[1], "cannot be set together with %s", names[0])
	}
	return nil
}

// exactlyOne rejects a group without a field that is set, and a second field
// that is set.
func (c choices) exactlyOne() error {
	if c.first() == "" {
		return badArg(c[0].name, "is required; set exactly one of %s", c.all())
	}
	return c.atMostOne()
}

// taskKinds returns the task fields of a task, a job or a submission. They are
// pointers to structs, and their JSON names end in _task.
func taskKinds(v any) choices {
	var kinds choices
	for name, field := range jsonFields(v) {
		if strings.HasSuffix(name, "_task") && field.Kind() == reflect.Pointer {
			kinds = append(kinds, choice{name, !field.IsNil()})
		}
	}
	return kinds
}

// within prefixes the argument name in err with a location.
func within(location string, err error) error {
	if e, ok := err.(*ArgumentError); ok {
		return badArg(location+"."+e.Name, "%s", e.Problem)
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

// checkSome checks an optional field. nil is valid.
func checkSome[T interface{ check() error }](name string, field *T) error {
	if field == nil {
		return nil
	}
	return within(name, (*field).check())
}

// checkSet rejects a required field that is unset.
func checkSet[T comparable](name string, value T) error {
	if value == *new(T) {
		return badArg(name, isRequired)
	}
	return nil
}

// checkUnique rejects two elements with the same key.
func checkUnique[T any](list, name string, elements []T, key func(T) string) error {
	seen := map[string]bool{}
	for i, element := range elements {
		k := key(element)
		if seen[k] {
			return badArg(fmt.Sprintf("%s[%d].%s", list, i, name), "is %q, which is already used", k)
		}
		seen[k] = true
	}
	return nil
}

// check rejects settings that contradict each other.
func (j JobSettings) check() error {
	return cmp.Or(
		checkWork(taskKinds(j), j.Tasks, j.JobClusters),
		choices{{"existing_cluster_id", j.ExistingClusterID != ""}, {"new_cluster", j.NewCluster != nil}}.atMostOne(),
		choices{{"schedule", j.Schedule != nil}, {"continuous", j.Continuous != nil}, {"triggers", j.Triggers != nil}}.atMostOne(),
		choices{{"trigger", j.Trigger != nil}, {"triggers", j.Triggers != nil}}.atMostOne(),
		checkSome("schedule", j.Schedule), checkSome("trigger", j.Trigger), checkEach("triggers", j.Triggers),
		checkSome("git_source", j.GitSource), checkSome("run_as", j.RunAs),
		checkEach("access_control_list", j.AccessControlList), checkLibraries(j.Libraries),
	)
}

// check rejects a submission without a task, and settings that contradict each
// other.
func (in SubmitRun) check() error {
	if kinds := taskKinds(in); len(in.Tasks) == 0 && kinds.first() == "" {
		return badArg("tasks", "is required; set it, or one of %s", kinds.all())
	}
	return cmp.Or(
		checkWork(taskKinds(in), in.Tasks, in.JobClusters),
		choices{{"existing_cluster_id", in.ExistingClusterID != ""}, {"new_cluster", in.NewCluster != nil}}.atMostOne(),
		checkSome("git_source", in.GitSource), checkSome("run_as", in.RunAs),
		checkEach("access_control_list", in.AccessControlList), checkLibraries(in.Libraries),
	)
}

// checkWork checks either a single task, or a list of tasks and their shared
// clusters.
func checkWork(kinds choices, tasks []Task, clusters []JobCluster) error {
	if kind := kinds.first(); kind != "" && len(tasks) > 0 {
		return badArg(kind, "cannot be set together with tasks; add it to tasks instead")
	}
	return cmp.Or(
		kinds.atMostOne(),
		checkEach("tasks", tasks),
		checkEach("job_clusters", clusters),
		checkUnique("tasks", "task_key", tasks, func(t Task) string { return t.TaskKey }),
		checkUnique("job_clusters", "job_cluster_key", clusters, func(c JobCluster) string { return c.JobClusterKey }),
	)
}

func (c JobCluster) check() error { return checkSet("job_cluster_key", c.JobClusterKey) }

func (t Task) check() error {
	return cmp.Or(
		checkSet("task_key", t.TaskKey),
		taskKinds(t).atMostOne(),
		choices{
			{"existing_cluster_id", t.ExistingClusterID != ""}, {"new_cluster", t.NewCluster != nil}, {"job_cluster_key", t.JobClusterKey != ""},
		}.atMostOne(),
		checkLibraries(t.Libraries),
		checkSome("for_each_task", t.ForEachTask),
		checkSome("run_job_task", t.RunJobTask),
	)
}

func (t ForEachTask) check() error {
	return cmp.Or(checkSet("inputs", t.Inputs), within("task", t.Task.check()))
}

func (t RunJobTask) check() error {
	return cmp.Or(checkSet("job_id", t.JobID), t.RunParameters.check())
}

func (p RunParameters) check() error {
	return choices{{"jar_params", p.JARParams != nil}, {"notebook_params", p.NotebookParams != nil}}.atMostOne()
}

func (g GitSource) check() error {
	return cmp.Or(
		checkSet("git_url", g.GitURL),
		checkSet("git_provider", g.GitProvider),
		choices{{"git_branch", g.GitBranch != ""}, {"git_tag", g.GitTag != ""}, {"git_commit", g.GitCommit != ""}}.exactlyOne(),
	)
}

func (r JobRunAs) check() error {
	return choices{{"user_name", r.UserName != ""}, {"service_principal_name", r.ServicePrincipalName != ""}, {"group_name", r.GroupName != ""}}.exactlyOne()
}

func (a JobAccessControl) check() error {
	return choices{{"user_name", a.UserName != ""}, {"group_name", a.GroupName != ""}, {"service_principal_name", a.ServicePrincipalName != ""}}.exactlyOne()
}

func (s CronSchedule) check() error {
	if err := checkSet("quartz_cron_expression", s.QuartzCronExpression); err != nil {
		return err
	}
	if n := len(strings.Fields(s.QuartzCronExpression)); n != 6 && n != 7 {
		return badArg("quartz_cron_expression", "has %d fields; Quartz has 6 or 7, seconds first", n)
	}
	return checkSet("timezone_id", s.TimezoneID)
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

func (t FileArrivalTrigger) check() error { return checkSet("url", t.URL) }

func (t TableUpdateTrigger) check() error {
	if len(t.TableNames) == 0 {
		return badArg("table_names", isRequired)
	}
	return nil
}

func (t ModelTrigger) check() error { return checkSet("condition", t.Condition) }

func (t PeriodicTrigger) check() error {
	return cmp.Or(checkSet("interval", t.Interval), checkSet("unit", t.Unit))
}

func (in RunNow) check() error { return cmp.Or(checkSet("job_id", in.JobID), in.RunParameters.check()) }

func (in RepairRun) check() error {
	return cmp.Or(
		checkSet("run_id", in.RunID),
		choices{{"rerun_tasks", len(in.RerunTasks) > 0}, {"rerun_all_failed_tasks", in.RerunAllFailedTasks}}.exactlyOne(),
		in.RunParameters.check(),
	)
}

func (in GetJob) check() error    { return checkSet("job_id", in.JobID) }
func (in GetRun) check() error    { return checkSet("run_id", in.RunID) }
func (in ExportRun) check() error { return checkSet("run_id", in.RunID) }

func (in CancelAllRuns) check() error {
	if in.JobID == 0 && !in.AllQueuedRuns {
		return badArg("job_id", isRequired)
	}
	return nil
}

func (in ListJobs) check() error { return checkWindow(in.Offset, in.PageSize, in.Limit) }

func (in ListRuns) check() error {
	return cmp.Or(
		choices{{"active_only", in.ActiveOnly}, {"completed_only", in.CompletedOnly}}.atMostOne(),
		checkWindow(in.Offset, in.PageSize, in.Limit),
	)
}

func checkWindow(offset, pageSize, limit int) error {
	if offset < 0 {
		return badArg("offset", "is %d; it must be at least 0", offset)
	}
	return checkPage(pageSize, limit)
}

func (in UpdateJob) check() error {
	return cmp.Or(checkSet("job_id", in.JobID), within("new_settings", in.NewSettings.check()))
}
