package databrickstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (a *jobsArea) registerRuns(s *Server, version, path string) {
	jobsRoute(s, "POST", path+"run-now", a.runNow)
	jobsRoute(s, "POST", path+"runs/submit", a.submit)
	jobsRoute(s, "GET", path+"runs/list", a.listRuns)
	jobsRoute(s, "GET", path+"runs/get", a.getRun)
	jobsRoute(s, "GET", path+"runs/export", a.export)
	jobsRoute(s, "POST", path+"runs/cancel", a.cancelRun)
	jobsRoute(s, "POST", path+"runs/cancel-all", a.cancelAll)
	jobsRoute(s, "GET", path+"runs/get-output", a.getOutput)
	jobsRoute(s, "POST", path+"runs/delete", a.deleteRun)
	if version != "2.0" {
		jobsRoute(s, "POST", path+"runs/repair", a.repair)
	}
}

// once returns the run that was created with an idempotency token, or nil. The
// token stays in use after the run has ended.
func (a *jobsArea) once(token string) (*run, error) {
	if len([]rune(token)) > 64 {
		return nil, invalid("The idempotency_token must be at most 64 characters long.")
	}
	if a.spent[token] {
		return nil, invalid("The run of the idempotency_token was deleted.")
	}
	return a.tries[token], nil
}

// admit starts a new run, unless a limit of the workspace is reached.
func (a *jobsArea) admit(c *call, r *run, token string) error {
	if len(a.runs.active) >= a.limits.ActiveRuns {
		return fail(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "The workspace has reached its limit of %d active runs.", a.limits.ActiveRuns)
	}
	if err := a.count(c.now); err != nil {
		return err
	}
	if token != "" {
		a.tries[token], r.token = r, token
	}
	a.begin(r, c.now)
	return nil
}

func (a *jobsArea) runNow(c *call, in struct {
	ID     int64             `json:"job_id"`
	Params map[string]string `json:"job_parameters"`
	Only   []string          `json:"only"`
	Queue  *struct {
		Enabled bool `json:"enabled"`
	} `json:"queue"`
	Token string `json:"idempotency_token"`
	runParams
}) (any, error) {
	j, err := a.job(c, in.ID, toRun)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	token := ""
	if in.Token != "" {
		token = fmt.Sprintf("job %d %s", in.ID, in.Token)
	}
	r, err := a.once(token)
	if err == nil && len([]rune(in.Token)) > 64 {
		err = invalid("The idempotency_token must be at most 64 characters long.")
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = a.newRun(j, c.now)
		r.creator, r.params, r.jobParams = c.user.name, in.runParams, in.Params
		if in.Queue != nil {
			r.view.Queue = in.Queue
		}
		if r.settings, err = only(r.settings, in.Only); err != nil {
			return nil, err
		}
		if err := a.admit(c, r, token); err != nil {
			return nil, err
		}
	}
	return map[string]int64{"run_id": r.id, "number_in_job": r.id}, nil
}

// only returns the settings with the named tasks alone. The name +KEY includes
// all tasks before KEY, and KEY+ all tasks after it.
func only(settings map[string]any, names []string) (map[string]any, error) {
	list, _ := settings["tasks"].([]any)
	if len(names) == 0 || len(list) == 0 {
		return settings, nil
	}
	before, after := map[string][]string{}, map[string][]string{}
	for _, tree := range list {
		var task taskView
		if err := decode(tree.(map[string]any), &task); err != nil {
			return nil, err
		}
		before[task.Key] = nil
		for _, other := range task.DependsOn {
			before[task.Key] = append(before[task.Key], other.Key)
			after[other.Key] = append(after[other.Key], task.Key)
		}
	}
	chosen := map[string]bool{}
	var choose func(key string, follow map[string][]string)
	choose = func(key string, follow map[string][]string) {
		if chosen[key] && follow == nil {
			return
		}
		chosen[key] = true
		for _, other := range follow[key] {
			choose(other, follow)
		}
	}
	for _, name := range names {
		key := strings.TrimSuffix(strings.TrimPrefix(name, "+"), "+")
		if _, known := before[key]; !known {
			return nil, invalid("Task '%s' does not exist in the job.", key)
		}
		choose(key, nil)
		if strings.HasPrefix(name, "+") {
			choose(key, before)
		}
		if strings.HasSuffix(name, "+") {
			choose(key, after)
		}
	}
	settings = maps.Clone(settings)
	settings["tasks"] = slices.DeleteFunc(slices.Clone(list), func(tree any) bool { return !chosen[tree.(map[string]any)["task_key"].(string)] })
	return settings, nil
}

func (a *jobsArea) submit(c *call, in struct {
	ACL   []jobACL `json:"access_control_list"`
	Token string   `json:"idempotency_token"`
}) (any, error) {
	settings, err := jobTypes().object(c.fields, "SubmitRun")
	if err != nil {
		return nil, err
	}
	view, err := a.check(c, settings, "SubmitRun")
	if err == nil {
		err = checkACL(in.ACL)
	}
	if err == nil && len([]rune(in.Token)) > 64 {
		err = invalid("The idempotency_token must be at most 64 characters long.")
	}
	if err != nil {
		return nil, err
	}
	token := ""
	if in.Token != "" {
		token = "submit " + in.Token
	}
	r, err := a.once(token)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &run{id: a.newID(), jobID: a.newID(), name: cmp.Or(view.RunName, "Untitled"), creator: c.user.name, acl: in.ACL, kind: "SUBMIT_RUN",
			trigger: "ONE_TIME", settings: settings, view: view, created: c.now}
		if err := a.admit(c, r, token); err != nil {
			return nil, err
		}
	}
	return map[string]int64{"run_id": r.id}, nil
}

// find returns the run with an id. If the id is that of an attempt, find also
// returns the attempt.
func (a *jobsArea) find(c *call, id int64, level int) (*run, *attempt, error) {
	r, t := a.runs.byID[id], a.runs.attempts[id]
	if t != nil {
		r = t.run
	}
	if !c.user.admin && (r == nil || !c.allows(r.creator, r.rights(), level)) {
		return nil, nil, denied("%s does not have %s permissions on Run with ID: %d. Please contact the owner or an administrator for access.",
			c.user.name, []string{"View", "Manage Run", "Manage"}[level], id)
	}
	if r == nil {
		return nil, nil, invalid("Run %d does not exist.", id)
	}
	a.server.touchRun(r)
	return r, t, nil
}

// rights returns the permissions on a run. They are the current permissions on
// its job.
func (r *run) rights() []jobACL {
	if r.job != nil {
		return r.job.acl
	}
	return r.acl
}

func (a *jobsArea) listRuns(c *call, in struct {
	Job       int64  `json:"job_id"`
	Active    bool   `json:"active_only"`
	Completed bool   `json:"completed_only"`
	Type      string `json:"run_type"`
	From      int64  `json:"start_time_from"`
	To        int64  `json:"start_time_to"`
	Expand    bool   `json:"expand_tasks"`
	Offset    int    `json:"offset"`
	Limit     *int   `json:"limit"`
	Token     string `json:"page_token"`
}) (any, error) {
	most, limit := 25, 20
	if c.version == "2.0" {
		most = 999
	}
	if in.Limit != nil {
		limit = *in.Limit
	}
	switch {
	case in.Active && in.Completed:
		return nil, invalid("active_only and completed_only cannot be both true.")
	case limit < 0:
		return nil, invalid("Invalid limit %d - it must not be negative.", limit)
	case limit > most && c.version == "2.0", limit > most+1:
		return nil, invalid("Invalid limit %d - it has to be no more than %d.", limit, most+map[bool]int{true: 1}[c.version != "2.0"])
	case in.Offset < 0:
		return nil, invalid("Invalid offset %d - it must not be negative.", in.Offset)
	case in.Offset > 10000:
		return nil, offsetExceeded(in.Offset, 10000)
	case limit == 0:
		limit = most
	}
	if in.Job != 0 && a.byID[in.Job] == nil && !slices.ContainsFunc(a.runs.order, func(r *run) bool { return r.jobID == in.Job }) {
		return nil, invalid("Job %d does not exist.", in.Job)
	}
	var found []*run
	for _, r := range slices.Backward(a.runs.order) {
		started := millis(r.shownStart())
		switch {
		case in.Job != 0 && r.jobID != in.Job, in.Active && !r.end.IsZero(), in.Completed && r.end.IsZero(), in.Type != "" && r.kind != in.Type,
			in.From != 0 && started < in.From, in.To != 0 && started > in.To, !c.allows(r.creator, r.rights(), toView):
			continue
		}
		found = append(found, r)
	}
	begin := in.Offset
	if in.Token != "" && c.version != "2.0" {
		var err error
		if begin, err = a.placeOfRun(in.Token, found); err != nil {
			return nil, err
		}
	}
	begin = min(begin, len(found))
	end := min(begin+limit, len(found))
	rest := map[string]any{"has_more": end < len(found)}
	if c.version != "2.0" && end < len(found) {
		rest["next_page_token"] = tokenOf("r", found[end].id)
	}
	if c.version != "2.0" && begin > 0 {
		rest["prev_page_token"] = tokenOf("r", found[max(begin-limit, 0)].id)
	}
	shown := make([]any, 0, end-begin)
	for _, r := range found[begin:end] {
		out := a.showRun(c, r)
		switch {
		case c.version != "2.0" && !in.Expand:
			delete(out, "tasks")
			delete(out, "job_clusters")
		case c.version == "2.2":
			if next, _ := cutLists(out, "", "tasks", "job_clusters"); next != "" {
				out["has_more"] = true
			}
		}
		shown = append(shown, out)
	}
	return list{key: "runs", elements: slices.Values(shown), rest: rest}, nil
}

// placeOfRun returns the position in a list where a token's page starts.
func (a *jobsArea) placeOfRun(token string, found []*run) (int, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, ok := strings.CutPrefix(string(text), "r ")
	id, numErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || numErr != nil {
		return 0, invalid("Invalid page token: %s", shortened(token))
	}
	if at := slices.IndexFunc(found, func(r *run) bool { return r.id == id }); at >= 0 {
		return at, nil
	}
	return 0, invalid("Invalid page token: %s", shortened(token)) // the run was deleted, or no longer matches the filter
}

func (a *jobsArea) getRun(c *call, in struct {
	ID       int64  `json:"run_id"`
	History  bool   `json:"include_history"`
	Resolved bool   `json:"include_resolved_values"`
	Token    string `json:"page_token"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	out := a.showRun(c, r)
	if t != nil {
		out = a.showTaskRun(c, t)
	}
	if in.History && t == nil {
		out["repair_history"] = r.history(c.version)
	}
	if in.Resolved {
		shown, _ := out["tasks"].([]any)
		for _, task := range shown {
			task := task.(map[string]any)
			task["resolved_values"] = a.resolved(a.runs.attempts[task["run_id"].(int64)])
		}
	}
	if c.version == "2.2" {
		next, err := cutLists(out, in.Token, "tasks", "job_clusters", "job_parameters", "repair_history", "iterations")
		if err != nil {
			return nil, err
		}
		if next != "" {
			out["next_page_token"] = next
		}
	}
	return out, nil
}

func (a *jobsArea) cancelRun(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toRun)
	switch {
	case err != nil:
		return nil, err
	case t == nil || len(r.tasks) == 1:
		a.cancel(r, c.now)
	case !t.done():
		a.cancelAttempt(t, c.now)
		a.settle(r, c.now)
	}
	return nil, nil
}

func (a *jobsArea) cancelAll(c *call, in struct {
	Job    int64 `json:"job_id"`
	Queued bool  `json:"all_queued_runs"`
}) (any, error) {
	if in.Job != 0 || !in.Queued {
		if _, err := a.job(c, in.Job, toRun); err != nil {
			return nil, err
		}
	}
	for _, r := range slices.Clone(a.runs.active) {
		if (in.Job == 0 || r.jobID == in.Job) && (!in.Queued || r.life == queued) && c.allows(r.creator, r.rights(), toRun) {
			a.cancel(r, c.now)
		}
	}
	return nil, nil
}

func (a *jobsArea) deleteRun(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toManage)
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return nil, invalid("Run %d is a run of a task; delete the run %d that it belongs to.", t.id, r.root().id)
	case r.end.IsZero():
		return nil, badState("Run %d is still active. Only completed runs can be deleted.", r.id) // the service's error code is not known
	}
	a.forget(func(other *run) bool { return other == r }, nil)
	return nil, nil
}

func (a *jobsArea) repair(c *call, in struct {
	ID        int64             `json:"run_id"`
	Latest    int64             `json:"latest_repair_id"`
	Tasks     []string          `json:"rerun_tasks"`
	AllFailed bool              `json:"rerun_all_failed_tasks"`
	After     bool              `json:"rerun_dependent_tasks"`
	Params    map[string]string `json:"job_parameters"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toRun)
	if err != nil {
		return nil, err
	}
	var params runParams
	if err := decode(c.fields, &params); err != nil {
		return nil, err
	}
	latest := int64(0)
	if n := len(r.repairs); n > 0 {
		latest = r.repairs[n-1].id
	}
	switch {
	case t != nil:
		return nil, invalid("Run %d is a run of a task; repair the run %d that it belongs to.", t.id, r.id)
	case (len(in.Tasks) > 0) == in.AllFailed:
		return nil, invalid("Exactly one of rerun_tasks and rerun_all_failed_tasks must be specified.")
	case r.end.IsZero():
		return nil, badState("Run %d is still in progress and cannot be repaired.", r.id) // the service's error code is not known
	case in.Latest != latest:
		return nil, invalid("The latest repair ID needs to be provided in order to create a new repair")
	}
	if err := params.check(); err != nil {
		return nil, err
	}
	chosen := map[*runTask]bool{}
	for _, key := range in.Tasks {
		task := r.task(key)
		if task == nil {
			return nil, invalid("Task '%s' does not exist in the run.", key)
		}
		chosen[task] = true
	}
	for _, task := range r.tasks {
		if in.AllFailed && task.last != nil && !slices.Contains([]string{success, excluded, disabledTask}, task.last.result) {
			chosen[task] = true
		}
	}
	for changed := true; changed; { // add tasks skipped because of the chosen ones, or all tasks after them if requested
		changed = false
		for _, task := range r.tasks {
			for _, before := range task.view.DependsOn {
				skippedForIt := task.last != nil && (task.last.result == afterFailed || task.last.result == afterCancel)
				if chosen[r.task(before.Key)] && !chosen[task] && (in.After || skippedForIt) {
					chosen[task], changed = true, true
				}
			}
		}
	}
	if len(chosen) == 0 {
		return nil, invalid("There are no failed tasks to repair.")
	}
	added := repair{id: a.newID(), start: c.now}
	r.repairs = append(r.repairs, added)
	r.params, r.jobParams = params, in.Params
	r.life, r.result, r.message, r.end, r.canceled = "", "", "", time.Time{}, false
	for _, task := range r.tasks {
		if chosen[task] {
			r.refresh(task)
			a.attempt(r, task, 0, added.id)
		}
	}
	a.runs.active = append(a.runs.active, r)
	a.settle(r, c.now)
	return map[string]int64{"repair_id": added.id}, nil
}

// refresh updates the settings of a task from the current settings of the job.
func (r *run) refresh(task *runTask) {
	if r.job == nil {
		return
	}
	trees, _ := tasksOf(r.job.settings, r.job.view)
	for _, tree := range trees {
		var view taskView
		if tree["task_key"] == task.view.Key && decode(tree, &view) == nil {
			task.tree, task.view = tree, view
		}
	}
}

// maxOutput is the maximum size of an output in bytes.
const maxOutput = 5 << 20

func (a *jobsArea) getOutput(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	if t == nil {
		if len(r.tasks) != 1 {
			return nil, invalid("Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.")
		}
		if t = r.tasks[0].last; t == nil {
			return map[string]any{"metadata": a.showRun(c, r), "error": r.message}, nil
		}
	}
	out := map[string]any{"metadata": a.showTaskRun(c, t)}
	if in.ID == r.id {
		out["metadata"] = a.showRun(c, r)
	}
	view := t.view()
	worked := !t.worked.IsZero() && !t.canceled
	if view.Notebook != nil && worked && t.outcome.Error == "" {
		output := map[string]any{}
		if text := t.outcome.Output; text != "" {
			output["result"], output["truncated"] = text[:min(len(text), maxOutput)], len(text) > maxOutput
		}
		out["notebook_output"] = output
	}
	if (view.JAR != nil || view.Python != nil || view.Wheel != nil) && worked {
		text := t.outcome.Logs
		out["logs"], out["logs_truncated"] = text[max(0, len(text)-maxOutput):], len(text) > maxOutput
	}
	if t.child != nil && t.child.outer == nil {
		out["run_job_output"] = map[string]any{"run_id": t.child.id}
	}
	switch {
	case worked && t.outcome.Error != "":
		out["error"] = t.outcome.Error
		if t.outcome.Trace != "" {
			out["error_trace"] = t.outcome.Trace
		}
	case t.done() && t.result != success:
		out["error"] = t.message
	}
	return out, nil
}

func (a *jobsArea) export(c *call, in struct {
	ID    int64  `json:"run_id"`
	Views string `json:"views_to_export"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	if t == nil && len(r.tasks) == 1 {
		t = r.tasks[0].last
	}
	if t == nil || t.task.view.Notebook == nil {
		return nil, invalid("Only runs of notebooks can be exported.") // the service's error code is not known
	}
	path := t.task.view.Notebook.Path
	name := path[strings.LastIndex(path, "/")+1:]
	model, err := json.Marshal(map[string]any{"name": name, "commands": []any{}, "result": t.outcome.Output})
	if err != nil {
		return nil, err
	}
	view := func(kind string) map[string]any {
		return map[string]any{"type": kind, "name": name, "content": fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%s</title></head>"+
			"<body><script>__DATABRICKS_NOTEBOOK_MODEL = '%s'</script></body></html>\n",
			html.EscapeString(name), base64.StdEncoding.EncodeToString([]byte(url.PathEscape(string(model)))))}
	}
	switch in.Views {
	case "", "CODE":
		return map[string]any{"views": []any{view("NOTEBOOK")}}, nil
	case "DASHBOARDS":
		return map[string]any{"views": []any{}}, nil
	case "ALL":
		return map[string]any{"views": []any{view("NOTEBOOK")}}, nil
	}
	return nil, malformed("Could not parse value '%s' of field 'views_to_export'", shortened(in.Views))
}
