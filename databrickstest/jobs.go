package databrickstest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// JobLimits limit the number of jobs and runs in the workspace. A zero means
// the default. A negative number means no limit.
type JobLimits struct {
	Jobs       int // saved jobs; default 10,000
	PerHour    int // jobs and runs created in an hour; default 10,000
	ActiveRuns int // active runs; default 1000
}

// WithJobLimits changes the limits on jobs and runs.
func WithJobLimits(limits JobLimits) Option { return func(s *Server) { s.jobs.limits = limits } }

// jobVersions are the versions of the API. They differ in their paths, in their
// pages and in the place of tasks.
var jobVersions = []string{"2.0", "2.1", "2.2"}

// jobsArea has the jobs and their runs. This file and jobs_runs.go have the
// calls. File jobs_progress.go changes runs over time.
type jobsArea struct {
	server *Server
	limits JobLimits
	script func(RunSpec) RunOutcome

	python    *PythonOptions  // runs the tasks; nil if they do not run in Python
	anySource bool            // notebooks and files of tasks need not exist
	life      context.Context // ends with the server
	end       context.CancelFunc

	jobs   []*job // in order of creation
	byID   map[int64]*job
	recent []time.Time // creation times of the jobs and runs of the last hour
	last   time.Time   // runs are up to date until this time
	going  bool        // advance is running
	idle   bool        // nothing is due before wake, or at all if wake is zero
	wake   time.Time
	lost   []lostCluster
	runs   runStore
	seq    int64           // number of the latest job or run
	tries  map[string]*run // by idempotency token
	spent  map[string]bool // idempotency tokens of deleted runs
}

// A job is a saved job.
type job struct {
	id       int64
	seq      int64 // in order of creation
	creator  string
	runAs    jobACL
	created  time.Time
	acl      []jobACL
	settings map[string]any // normalized; never changed in place, only replaced
	view     jobView        `state:"-"` // the settings that have an effect
	schedule schedule
}

// A jobACL is an entry of an access control list.
type jobACL struct {
	User      string `json:"user_name"`
	Group     string `json:"group_name"`
	Principal string `json:"service_principal_name"`
	Level     string `json:"permission_level"`
}

// name returns the name of the user, service principal or group.
func (e jobACL) name() string { return cmp.Or(e.User, e.Principal, e.Group) }

// shown returns the principal of the entry without its level, as settings have
// it.
func (e jobACL) shown() map[string]any {
	for field, name := range map[string]string{"user_name": e.User, "service_principal_name": e.Principal, "group_name": e.Group} {
		if name != "" {
			return map[string]any{field: name}
		}
	}
	return nil
}

// A jobView has the settings of a job or of a submitted run that have an
// effect.
type jobView struct {
	taskView          // of a single-task job
	Name       string `json:"name"`
	RunName    string `json:"run_name"`
	Descripton string `json:"description"`
	Tasks      []taskView
	Clusters   []struct {
		Key string         `json:"job_cluster_key"`
		New map[string]any `json:"new_cluster"`
	} `json:"job_clusters"`
	Environments []struct {
		Key  string `json:"environment_key"`
		Spec struct {
			Dependencies []string `json:"dependencies"`
		} `json:"spec"`
	} `json:"environments"`
	Tags       map[string]string `json:"tags"`
	Parameters []struct {
		Name    string `json:"name"`
		Default string `json:"default"`
	} `json:"parameters"`
	Git *struct {
		URL      string `json:"git_url"`
		Provider string `json:"git_provider"`
		Branch   string `json:"git_branch"`
		Tag      string `json:"git_tag"`
		Commit   string `json:"git_commit"`
	} `json:"git_source"`
	Schedule *struct {
		Cron  string `json:"quartz_cron_expression"`
		Zone  string `json:"timezone_id"`
		Pause string `json:"pause_status"`
	} `json:"schedule"`
	Continuous *struct {
		Pause string `json:"pause_status"`
	} `json:"continuous"`
	Trigger *struct {
		Pause    string `json:"pause_status"`
		Periodic *struct {
			Interval int    `json:"interval"`
			Unit     string `json:"unit"`
		} `json:"periodic"`
	} `json:"trigger"`
	Triggers      []map[string]any `json:"triggers"`
	MaxConcurrent *int             `json:"max_concurrent_runs"`
	Queue         *struct {
		Enabled bool `json:"enabled"`
	} `json:"queue"`
	RunAs *jobACL `json:"run_as"`
	Mails *mails  `json:"email_notifications"`
}

type mails struct {
	OnStart   []string `json:"on_start"`
	OnSuccess []string `json:"on_success"`
	OnFailure []string `json:"on_failure"`
}

// A taskView has the settings of a task that have an effect. In a single-task
// job, they are members of the job.
type taskView struct {
	Key        string         `json:"task_key"`
	Existing   string         `json:"existing_cluster_id"`
	New        map[string]any `json:"new_cluster"`
	ClusterKey string         `json:"job_cluster_key"`
	EnvKey     string         `json:"environment_key"`
	Libraries  []library      `json:"libraries"`
	DependsOn  []struct {
		Key     string `json:"task_key"`
		Outcome string `json:"outcome"`
	} `json:"depends_on"`
	RunIf    string `json:"run_if"`
	Disabled bool   `json:"disabled"`

	Notebook *struct {
		Path   string            `json:"notebook_path"`
		Params map[string]string `json:"base_parameters"`
		Source string            `json:"source"`
	} `json:"notebook_task"`
	JAR *struct {
		Class  string   `json:"main_class_name"`
		Params []string `json:"parameters"`
	} `json:"spark_jar_task"`
	Python *struct {
		File   string   `json:"python_file"`
		Params []string `json:"parameters"`
		Source string   `json:"source"`
	} `json:"spark_python_task"`
	Submit *struct {
		Params []string `json:"parameters"`
	} `json:"spark_submit_task"`
	Wheel *struct {
		Package string            `json:"package_name"`
		Entry   string            `json:"entry_point"`
		Params  []string          `json:"parameters"`
		Named   map[string]string `json:"named_parameters"`
	} `json:"python_wheel_task"`
	Dbt *struct {
		Directory string `json:"project_directory"`
		Source    string `json:"source"`
	} `json:"dbt_task"`
	SQL *struct {
		File *struct {
			Path   string `json:"path"`
			Source string `json:"source"`
		} `json:"file"`
	} `json:"sql_task"`
	Condition *struct {
		Left  string `json:"left"`
		Op    string `json:"op"`
		Right string `json:"right"`
	} `json:"condition_task"`
	RunJob *struct {
		Job    int64             `json:"job_id"`
		Params map[string]string `json:"job_parameters"`
		runParams
	} `json:"run_job_task"`
	ForEach *struct {
		Inputs      string         `json:"inputs"`
		Task        map[string]any `json:"task"`
		Concurrency int            `json:"concurrency"`
	} `json:"for_each_task"`

	Retries     int   `json:"max_retries"`
	RetryPause  int64 `json:"min_retry_interval_millis"`
	RetryOnTime bool  `json:"retry_on_timeout"`
	Timeout     int64 `json:"timeout_seconds"`
}

// taskKinds are the fields that select what a task does.
var taskKinds = []string{
	"notebook_task", "spark_jar_task", "spark_python_task", "spark_submit_task", "python_wheel_task", "pipeline_task", "dbt_task", "sql_task",
	"run_job_task", "python_operator_task", "alert_task", "dashboard_task", "power_bi_task", "dbt_platform_task", "dbt_cloud_task",
	"condition_task", "for_each_task", "clean_rooms_notebook_task", "ai_runtime_task", "gen_ai_compute_task",
}

// kindOf returns the member of taskKinds that a task or a single-task job has.
func kindOf(task map[string]any) string {
	for _, kind := range taskKinds {
		if task[kind] != nil {
			return kind
		}
	}
	return ""
}

func (a *jobsArea) register(s *Server) {
	a.server, a.byID, a.tries, a.spent, a.last = s, map[int64]*job{}, map[string]*run{}, map[string]bool{}, s.now()
	a.life, a.end = context.WithCancel(context.Background())
	s.clusters.watch(a.clusterChanged)
	s.clusters.idleness(a.lastUsed)
	for limit, usual := range map[*int]int{&a.limits.Jobs: 10000, &a.limits.PerHour: 10000, &a.limits.ActiveRuns: 1000} {
		if *limit = cmp.Or(*limit, usual); *limit < 0 {
			*limit = math.MaxInt
		}
	}
	for _, version := range jobVersions {
		path := "/api/" + version + "/jobs/"
		jobsRoute(s, "POST", path+"create", a.create)
		jobsRoute(s, "GET", path+"list", a.list)
		jobsRoute(s, "GET", path+"get", a.get)
		jobsRoute(s, "POST", path+"reset", a.reset)
		jobsRoute(s, "POST", path+"update", a.update)
		jobsRoute(s, "POST", path+"delete", a.delete)
		a.registerRuns(s, version, path)
	}
}

// jobsRoute adds an operation that first updates all runs.
func jobsRoute[In any](s *Server, method, path string, handle func(*call, In) (any, error)) {
	route(s, method, path, func(c *call, in In) (any, error) {
		c.jobs.advance(c.now)
		c.jobs.sweep(c.now)
		c.jobs.idle = c.jobs.idle && method == http.MethodGet // other methods may make something due
		return handle(c, in)
	})
}

// newID returns an id like those of the service: long, random, and exact in a
// float64.
func (a *jobsArea) newID() int64 { return 1e14 + a.server.random.Int64N(8e15) }

// count adds one to the number of jobs and runs created in the last hour. It
// fails if the limit is reached.
func (a *jobsArea) count(now time.Time) error {
	a.recent = slices.DeleteFunc(a.recent, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	if limit := a.limits.PerHour; len(a.recent) >= limit {
		return badState("There were already %d jobs created in past 3600 seconds, exceeding rate limit: %d job creations per 3600 seconds.", len(a.recent), limit)
	}
	a.recent = append(a.recent, now)
	return nil
}

// Permission levels of a job, lowest first.
var jobLevels = []string{"CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"}

const (
	toView = iota
	toRun
	toManage
)

// allows reports whether the caller has a permission level.
func (c *call) allows(creator string, acl []jobACL, level int) bool {
	return c.user.admin || creator == c.user.name || slices.ContainsFunc(acl, func(e jobACL) bool {
		return slices.Index(jobLevels, e.Level) >= level &&
			c.concerns(e)
	})
}

// job returns a job if the caller has a permission level. Only administrators
// learn that a job does not exist.
func (a *jobsArea) job(c *call, id int64, level int) (*job, error) {
	j := a.byID[id]
	if !c.user.admin && (j == nil || !c.allows("", j.acl, level)) {
		return nil, denied("%s does not have %s permissions on Job with ID: ElasticJobId(%d). "+
			"Please contact the owner or an administrator for access.", c.user.name, []string{"View", "Manage Run", "Manage"}[level], id)
	}
	if j == nil {
		return nil, invalid("Job %d does not exist.", id)
	}
	a.server.touchJob(j)
	return j, nil
}

func (a *jobsArea) create(c *call, in struct {
	ACL []jobACL `json:"access_control_list"`
}) (any, error) {
	settings, err := jobTypes().object(c.fields, "JobSettings")
	if err != nil {
		return nil, err
	}
	view, err := a.check(c, settings, "JobSettings")
	if err == nil {
		err = checkACL(in.ACL)
	}
	if err != nil {
		return nil, err
	}
	if len(a.jobs) >= a.limits.Jobs {
		return nil, fail(http.StatusBadRequest, "QUOTA_EXCEEDED", "The quota for the number of jobs has been reached. The current quota is %d. "+
			"This quota is only applied to jobs created through the UI or through the /jobs/create endpoint.", a.limits.Jobs)
	}
	if err := a.count(c.now); err != nil {
		return nil, err
	}
	if c.version == "2.2" && settings["queue"] == nil {
		settings["queue"] = map[string]any{"enabled": true}
		view.Queue = &struct {
			Enabled bool `json:"enabled"`
		}{true}
	}
	if settings["name"] == nil {
		settings["name"] = "Untitled"
	}
	if !slices.ContainsFunc(in.ACL, func(e jobACL) bool { return e.Level == "IS_OWNER" }) {
		in.ACL = append(in.ACL, c.permissions.entry(c.user, "IS_OWNER"))
	}
	j := &job{id: a.newID(), seq: a.next(), creator: c.user.name, runAs: c.oauth.identity(c.user.name), created: c.now, acl: in.ACL}
	a.jobs, a.byID[j.id] = append(a.jobs, j), j
	j.set(settings, view, c.now)
	c.touchJob(j)
	return map[string]int64{"job_id": j.id}, nil
}

// next returns the number of a new job or run.
func (a *jobsArea) next() int64 {
	a.seq++
	return a.seq
}

// set sets the settings of a job.
func (j *job) set(settings map[string]any, view jobView, now time.Time) {
	if view.RunAs != nil { // keep the old value if it is unset
		j.runAs = *view.RunAs
	}
	delete(settings, "run_as")
	j.settings, j.view = settings, view
	j.schedule.set(view, now)
}

func (a *jobsArea) get(c *call, in struct {
	ID        int64  `json:"job_id"`
	PageToken string `json:"page_token"`
	State     bool   `json:"include_trigger_state"`
}) (any, error) {
	j, err := a.job(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	out := a.show(c, j, true)
	if in.State && j.view.Trigger != nil {
		out["trigger_state"] = map[string]any{"pause_status": cmp.Or(j.view.Trigger.Pause, "UNPAUSED")}
	}
	if in.State && j.view.Continuous != nil {
		state := map[string]any{"consecutive_failures": j.schedule.failures, "is_backing_off": j.schedule.failures > 0 && !j.schedule.due.IsZero()}
		if !j.schedule.due.IsZero() {
			state["next_attempt_ms"] = millis(j.schedule.due)
		}
		out["trigger_state"] = map[string]any{"continuous": state}
	}
	if c.version == "2.2" {
		next, err := cutLists(out["settings"].(map[string]any), in.PageToken, "tasks", "job_clusters", "environments", "parameters")
		if err != nil {
			return nil, err
		}
		if next != "" {
			out["next_page_token"] = next
		}
	}
	return out, nil
}

// show returns a job in the format of the API's version.
func (a *jobsArea) show(c *call, j *job, tasks bool) map[string]any {
	settings := maps.Clone(j.settings)
	fill(settings, map[string]any{"email_notifications": map[string]any{}, "webhook_notifications": map[string]any{}, "timeout_seconds": 0, "max_concurrent_runs": 1})
	for _, starter := range []string{"schedule", "trigger", "continuous"} {
		if starts, ok := settings[starter].(map[string]any); ok {
			starts = maps.Clone(starts)
			fill(starts, map[string]any{"pause_status": "UNPAUSED"})
			settings[starter] = starts
		}
	}
	out := map[string]any{"job_id": j.id, "creator_user_name": j.creator, "created_time": millis(j.created), "settings": settings}
	if c.version != "2.0" {
		out["run_as_user_name"] = j.runAs.name()
		settings["run_as"] = j.runAs.shown()
	}
	list, single := tasksOf(j.settings, j.view)
	if c.version == "2.0" && single {
		settings["format"] = "SINGLE_TASK"
		fillTask(settings, false)
		return out
	}
	settings["format"] = "MULTI_TASK"
	for _, field := range slices.Concat(taskFields, taskKinds) {
		if single {
			delete(settings, field)
		}
	}
	if !tasks {
		delete(settings, "tasks")
		delete(settings, "job_clusters")
		return out
	}
	shown := make([]any, len(list))
	for i, task := range list {
		task = maps.Clone(task)
		fill(task, map[string]any{"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": map[string]any{}})
		fillTask(task, j.view.Git != nil)
		shown[i] = task
	}
	if len(shown) > 0 {
		settings["tasks"] = shown
	}
	return out
}

// taskFields are the fields of a single-task job that belong to its task.
// timeout_seconds is missing because it belongs to both.
var taskFields = []string{"existing_cluster_id", "new_cluster", "libraries", "max_retries", "min_retry_interval_millis", "retry_on_timeout"}

// tasksOf returns the tasks in the settings. If the settings are those of a
// single-task job, it builds the task from them, and single is true.
func tasksOf(settings map[string]any, view jobView) (tasks []map[string]any, single bool) {
	if settings["tasks"] != nil || kindOf(settings) == "" {
		list, _ := settings["tasks"].([]any)
		for _, task := range list {
			tasks = append(tasks, task.(map[string]any))
		}
		return tasks, false
	}
	task := map[string]any{"task_key": soleKey(view)}
	for _, field := range slices.Concat(taskFields, taskKinds) {
		if value := settings[field]; value != nil {
			task[field] = value
		}
	}
	return []map[string]any{task}, true
}

var notInKeys = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// soleKey returns the task key for a single-task job. It derives the key from
// the job's name.
func soleKey(view jobView) string {
	key := notInKeys.ReplaceAllString(cmp.Or(view.Name, view.RunName, "Untitled"), "_")
	return key[:min(len(key), 100)]
}

// fill sets the defaults of members that are unset.
func fill(to, defaults map[string]any) {
	for name, value := range defaults {
		if to[name] == nil {
			to[name] = value
		}
	}
}

// fillTask sets the defaults of a task's own members that responses have.
func fillTask(task map[string]any, git bool) {
	kind := kindOf(task)
	what, ok := task[kind].(map[string]any)
	if !ok {
		return
	}
	what = maps.Clone(what)
	switch kind {
	case "spark_jar_task":
		fill(what, map[string]any{"parameters": []any{}, "jar_uri": "", "run_as_repl": true})
	case "spark_python_task", "spark_submit_task":
		fill(what, map[string]any{"parameters": []any{}})
	case "notebook_task":
		source := "WORKSPACE"
		if git {
			source = "GIT"
		}
		fill(what, map[string]any{"source": source})
	}
	task[kind] = what
}

// cutLists cuts lists to one page of 100 elements. It returns the token of the
// next page.
func cutLists(object map[string]any, token string, names ...string) (next string, err error) {
	begin, err := offsetOf(token)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		list, ok := object[name].([]any)
		if !ok {
			continue
		}
		if len(list) > begin+100 {
			next = tokenOf("l", int64(begin)+100)
		}
		list = list[min(begin, len(list)):min(begin+100, len(list))]
		if object[name] = list; len(list) == 0 {
			delete(object, name)
		}
	}
	return next, nil
}

// tokenOf returns a page token with numbers.
func tokenOf(kind string, numbers ...int64) string {
	var b bytes.Buffer
	b.WriteString(kind)
	for _, n := range numbers {
		fmt.Fprintf(&b, " %d", n)
	}
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}

func offsetOf(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, ok := strings.CutPrefix(string(text), "l ")
	n, numErr := strconv.Atoi(number)
	if err != nil || !ok || numErr != nil || n < 0 {
		return 0, invalid("Invalid page token: %s", shortened(token))
	}
	return n, nil
}

func (a *jobsArea) list(c *call, in struct {
	Name   string `json:"name"`
	Expand bool   `json:"expand_tasks"`
	Limit  *int   `json:"limit"`
	Offset int    `json:"offset"`
	Token  string `json:"page_token"`
}) (any, error) {
	var found []*job
	for _, j := range slices.Backward(a.jobs) {
		if c.allows("", j.acl, toView) && (c.version == "2.0" || in.Name == "" || strings.EqualFold(in.Name, j.view.Name)) {
			found = append(found, j)
		}
	}
	if c.version == "2.0" { // it has no pages and no lists of tasks
		shown := make([]any, len(found))
		for i, j := range found {
			shown[i] = a.show(c, j, false)
		}
		return list{key: "jobs", elements: slices.Values(shown)}, nil
	}

	limit, begin := 20, in.Offset
	if in.Limit != nil {
		limit = *in.Limit
	}
	switch {
	case limit < 1 || limit > 100:
		return nil, invalid("Invalid limit %d - it has to be between 1 and 100.", limit)
	case begin < 0:
		return nil, invalid("Invalid offset %d - it must not be negative.", begin)
	case begin > 1000:
		return nil, offsetExceeded(begin, 1000)
	}
	if in.Token != "" {
		var err error
		if begin, err = a.placeOf(in.Token, found); err != nil {
			return nil, err
		}
	}
	begin = min(begin, len(found))
	end := min(begin+limit, len(found))
	rest := map[string]any{"has_more": end < len(found)}
	if end < len(found) {
		rest["next_page_token"] = tokenOf("j", found[end].id)
	}
	if begin > 0 {
		rest["prev_page_token"] = tokenOf("j", found[max(begin-limit, 0)].id)
	}
	var shown []any
	for _, j := range found[begin:end] {
		out := a.show(c, j, in.Expand)
		delete(out, "run_as_user_name")
		if c.version == "2.2" {
			next, _ := cutLists(out["settings"].(map[string]any), "", "tasks", "job_clusters", "environments", "parameters")
			if next != "" {
				out["has_more"] = true
			}
		}
		shown = append(shown, out)
	}
	return list{key: "jobs", elements: slices.Values(shown), rest: rest}, nil
}

// placeOf returns the position in a list where a token's page starts. The token
// names the first job of the page, so that new jobs do not shift the page.
func (a *jobsArea) placeOf(token string, found []*job) (int, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, ok := strings.CutPrefix(string(text), "j ")
	id, numErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || numErr != nil {
		return 0, invalid("Invalid page token: %s", shortened(token))
	}
	if at := slices.IndexFunc(found, func(j *job) bool { return j.id == id }); at >= 0 {
		return at, nil
	}
	return 0, invalid("Invalid page token: %s", shortened(token)) // the job was deleted
}

func offsetExceeded(offset, most int) error {
	return invalid("The supplied offset %d has exceeded the value of %d allowed for this parameter. "+
		"Please use the page_token parameter to retrieve more results.", offset, most)
}

func (a *jobsArea) reset(c *call, in struct {
	ID       int64 `json:"job_id"`
	Settings any   `json:"new_settings" api:"required"`
}) (any, error) {
	j, err := a.job(c, in.ID, toManage)
	if err != nil {
		return nil, err
	}
	return a.replace(c, j, in.Settings, func(settings map[string]any) map[string]any { return settings })
}

// replace replaces the settings of a job with the result of merge. merge gets
// the settings in the request.
func (a *jobsArea) replace(c *call, j *job, sent any, merge func(map[string]any) map[string]any) (any, error) {
	tree, ok := sent.(map[string]any)
	if !ok {
		return nil, malformed("Expected object for field 'new_settings' not '%s'", tokenName(sent))
	}
	settings, err := jobTypes().object(tree, "JobSettings")
	if err != nil {
		return nil, err
	}
	settings = merge(settings)
	view, err := a.check(c, settings, "JobSettings")
	if err != nil {
		return nil, err
	}
	fill(settings, map[string]any{"name": "Untitled"})
	j.set(settings, view, c.now)
	return nil, nil
}

func (a *jobsArea) update(c *call, in struct {
	ID       int64    `json:"job_id"`
	Settings any      `json:"new_settings"`
	Remove   []string `json:"fields_to_remove"`
}) (any, error) {
	j, err := a.job(c, in.ID, toManage)
	if err != nil {
		return nil, err
	}
	if in.Settings == nil {
		in.Settings = map[string]any{}
	}
	return a.replace(c, j, in.Settings, func(changes map[string]any) map[string]any {
		settings := maps.Clone(j.settings)
		for name, value := range changes {
			key := map[string]string{"tasks": "task_key", "job_clusters": "job_cluster_key"}[name]
			if key != "" && c.version != "2.0" {
				value = mergeByKey(settings[name], value, key)
			}
			settings[name] = value
		}
		for _, name := range in.Remove {
			list, element, nested := strings.Cut(name, "/")
			key := map[string]string{"tasks": "task_key", "job_clusters": "job_cluster_key"}[list]
			if !nested || key == "" {
				delete(settings, name)
				continue
			}
			old, _ := settings[list].([]any)
			settings[list] = slices.DeleteFunc(slices.Clone(old), func(e any) bool { return e.(map[string]any)[key] == element })
		}
		return settings
	})
}

// mergeByKey replaces elements that have the same key as a change, and appends
// the other changes.
func mergeByKey(list, changes any, key string) any {
	old, _ := list.([]any)
	merged := slices.Clone(old)
	for _, change := range changes.([]any) {
		name := change.(map[string]any)[key]
		if at := slices.IndexFunc(merged, func(e any) bool { return e.(map[string]any)[key] == name }); at >= 0 {
			merged[at] = change
		} else {
			merged = append(merged, change)
		}
	}
	return merged
}

// delete deletes a job. It fails if the job was already deleted, as existing
// clients expect. The documentation is not clear.
func (a *jobsArea) delete(c *call, in struct {
	ID int64 `json:"job_id"`
}) (any, error) {
	j, err := a.job(c, in.ID, toManage)
	if err != nil {
		return nil, err
	}
	a.jobs = slices.DeleteFunc(a.jobs, func(other *job) bool { return other == j })
	delete(a.byID, j.id)
	a.forget(func(r *run) bool { return r.job == j }, func(r *run) { a.abandon(r, c.now) })
	return nil, nil
}
