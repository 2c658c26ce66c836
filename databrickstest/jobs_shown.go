package databrickstest

import (
	"fmt"
	"maps"
	"time"
)

// shownStart returns the time when a run started. While the run is queued, it
// is the time when the run was created.
func (r *run) shownStart() time.Time {
	if r.start.IsZero() {
		return r.created
	}
	return r.start
}

// state returns the current state of a run, or its outcome.
func (r *run) state() (life, result, message string) {
	if r.life != "" {
		return r.life, r.result, r.message
	}
	lives, began := map[string]bool{}, false
	for _, t := range r.attempts {
		lives[t.life] = true
		began = began || !t.running.IsZero()
	}
	switch {
	case lives[running]:
		return running, "", "In run"
	case lives[terminating] && !lives[pending] && !lives[blocked]:
		if r.single {
			return terminating, r.tasks[0].last.result, r.tasks[0].last.message
		}
		return terminating, "", "Terminating the run"
	case lives[waiting] && r.single:
		return waiting, "", "Waiting for retry"
	case began:
		return running, "", "In run"
	}
	return pending, "", "Waiting for cluster"
}

// showRun returns a run in the format of the API's version.
func (a *jobsArea) showRun(c *call, r *run) map[string]any {
	life, result, message := r.state()
	out := map[string]any{
		"job_id": r.jobID, "run_id": r.id, "job_run_id": r.id, "number_in_job": r.id, "original_attempt_run_id": r.id, "creator_user_name": r.creator,
		"run_name": r.name, "run_type": r.kind, "trigger": r.trigger, "format": "MULTI_TASK", "run_page_url": a.pageURL(r.jobID, r.id),
		"start_time": millis(r.shownStart()), "end_time": millis(r.end), "attempt_number": 0,
		"setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0,
	}
	if r.schedule != nil {
		out["schedule"] = r.schedule
	}
	if !r.end.IsZero() {
		out["run_duration"] = r.end.Sub(r.shownStart()).Milliseconds()
	}
	if !r.start.IsZero() && r.start.After(r.created) {
		out["queue_duration"] = r.start.Sub(r.created).Milliseconds()
	}
	if params := r.jobParameters(); len(params) > 0 {
		out["job_parameters"] = anys(params)
	}
	if jsonSize(r.params) > len("{}") {
		out["overriding_parameters"] = r.params
	}
	if git := r.settings["git_source"]; git != nil {
		out["git_source"] = git
	}
	if r.parent != nil {
		out["trigger_info"] = map[string]any{"run_id": r.parent.id}
	}
	if clusters := r.settings["job_clusters"]; clusters != nil {
		out["job_clusters"] = clusters
	}
	if c.version == "2.0" && r.single {
		out["format"] = "SINGLE_TASK"
		if len(r.attempts) > 0 {
			t := r.attempts[len(r.attempts)-1]
			maps.Copy(out, t.times())
			if !r.end.IsZero() && t.done() {
				life, result, message = t.life, t.result, t.message
			}
			a.showSingle(out, t)
			out["start_time"], out["attempt_number"] = millis(r.shownStart()), t.number
		}
	} else {
		shown := make([]any, len(r.attempts))
		for i, t := range r.attempts {
			shown[i] = a.showTask(c, t)
		}
		if len(shown) > 0 {
			out["tasks"] = shown
		}
	}
	showState(c, out, life, result, message, r.canceled || result == timedOut)
	return out
}

// showSingle adds the task and the cluster in the format of version 2.0.
func (a *jobsArea) showSingle(out map[string]any, t *attempt) {
	tree := maps.Clone(t.task.tree)
	fillTask(tree, false)
	task, spec := map[string]any{}, map[string]any{}
	for _, kind := range taskKinds {
		if tree[kind] != nil {
			task[kind] = tree[kind]
		}
	}
	for _, field := range []string{"existing_cluster_id", "new_cluster", "libraries"} {
		if tree[field] != nil {
			spec[field] = tree[field]
		}
	}
	out["task"], out["cluster_spec"] = task, spec
	if t.cluster != "" {
		out["cluster_instance"] = t.instance()
	}
}

// showTaskRun returns an attempt as a run.
func (a *jobsArea) showTaskRun(c *call, t *attempt) map[string]any {
	out := a.showRun(c, t.run.root())
	for _, name := range []string{"tasks", "schedule", "job_clusters", "job_parameters", "run_duration", "queue_duration", "status"} {
		delete(out, name)
	}
	maps.Copy(out, t.times())
	out["run_id"], out["run_page_url"], out["attempt_number"], out["run_name"] = t.id, a.pageURL(t.run.jobID, t.id), t.number, t.task.view.Key
	out["original_attempt_run_id"] = t.first().id
	if c.version == "2.0" {
		a.showSingle(out, t)
	} else {
		out["tasks"] = []any{a.showTask(c, t)}
	}
	if t.child != nil && t.child.outer == t {
		iterations := []any{}
		for _, it := range t.child.iterations() {
			if it.life != blocked {
				iterations = append(iterations, a.showTask(c, it))
			}
		}
		out["iterations"] = iterations
	}
	showState(c, out, t.life, t.result, t.message, t.canceled)
	return out
}

// first returns the first attempt of the same task in the same repair.
func (t *attempt) first() *attempt {
	for _, other := range t.run.attempts {
		if other.task == t.task && other.repair == t.repair {
			return other
		}
	}
	return t
}

// showTask returns an attempt as an element of its run's tasks.
func (a *jobsArea) showTask(c *call, t *attempt) map[string]any {
	out := maps.Clone(t.task.tree)
	fill(out, map[string]any{"run_if": "ALL_SUCCESS", "email_notifications": map[string]any{}, "timeout_seconds": 0})
	fillTask(out, t.run.view.Git != nil)
	maps.Copy(out, t.times())
	out["run_id"], out["attempt_number"], out["run_page_url"] = t.id, t.number, a.pageURL(t.run.jobID, t.id)
	if t.cluster != "" {
		out["cluster_instance"] = t.instance()
	}
	if condition, ok := out["condition_task"].(map[string]any); ok && t.result == success {
		condition = maps.Clone(condition)
		condition["outcome"] = t.outcome.Output
		out["condition_task"] = condition
	}
	if each, ok := out["for_each_task"].(map[string]any); ok && t.child != nil {
		each = maps.Clone(each)
		each["stats"] = t.child.forEachStats()
		out["for_each_task"] = each
	}
	showState(c, out, t.life, t.result, t.message, t.canceled)
	return out
}

func (t *attempt) instance() map[string]any {
	out := map[string]any{"cluster_id": t.cluster}
	if t.context != "" {
		out["spark_context_id"] = t.context
	}
	return out
}

// times returns when the attempt started and ended, and the durations of its
// phases.
func (t *attempt) times() map[string]any {
	between := func(from, to time.Time) int64 {
		if from.IsZero() || to.IsZero() {
			return 0
		}
		return to.Sub(from).Milliseconds()
	}
	return map[string]any{
		"start_time": millis(t.start), "end_time": millis(t.end),
		"setup_duration": between(t.start, t.running), "execution_duration": between(t.running, t.worked), "cleanup_duration": between(t.worked, t.end),
	}
}

// showState adds the state. From version 2.1 on, it also adds the newer field
// status.
func showState(c *call, out map[string]any, life, result, message string, stopped bool) {
	state := map[string]any{"life_cycle_state": life, "state_message": message, "user_cancelled_or_timedout": stopped}
	if result != "" {
		state["result_state"] = result
	}
	if life == queued {
		state["queue_reason"] = message
	}
	out["state"] = state
	if c.version == "2.0" {
		return
	}
	status := map[string]any{"state": life}
	switch {
	case life == queued:
		status["queue_details"] = map[string]any{"code": "MAX_CONCURRENT_RUNS_REACHED", "message": message}
	case life == waiting:
		status["state"] = "WAITING"
	case over(life):
		status["state"] = terminated
		fallthrough
	case life == terminating:
		code, kind := terminationOf(life, result)
		status["termination_details"] = map[string]any{"code": code, "type": kind, "message": message}
	}
	out["status"] = status
}

// terminationOf returns the code and the type of a result in the field status.
func terminationOf(life, result string) (code, kind string) {
	switch result {
	case success, someFailed, disabledTask:
		return result, success
	case failed:
		return "RUN_EXECUTION_ERROR", "CLIENT_ERROR"
	case timedOut:
		return canceled, "CLIENT_ERROR"
	case canceled:
		return "USER_CANCELED", success
	case tooMany:
		return "MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"
	case excluded, afterFailed, afterCancel:
		return skipped, success
	}
	if life == internalFail {
		return "CLUSTER_ERROR", "CLIENT_ERROR"
	}
	return success, success
}

// resolved returns the parameters that an attempt received.
func (a *jobsArea) resolved(t *attempt) map[string]any {
	spec := a.spec(t)
	switch spec.Kind {
	case "notebook_task":
		return map[string]any{spec.Kind: map[string]any{"base_parameters": spec.Params}}
	case "spark_jar_task", "spark_python_task", "spark_submit_task":
		return map[string]any{spec.Kind: map[string]any{"parameters": append([]string{}, spec.Args...)}}
	case "python_wheel_task":
		return map[string]any{spec.Kind: map[string]any{"parameters": append([]string{}, spec.Args...), "named_parameters": spec.Params}}
	case "condition_task":
		return map[string]any{spec.Kind: map[string]any{"left": t.view().Condition.Left, "right": t.view().Condition.Right}}
	}
	return map[string]any{}
}

// history returns the run and its repairs.
func (r *run) history(version string) []any {
	item := func(kind string, id int64, start, end time.Time) map[string]any {
		out := map[string]any{"type": kind, "start_time": millis(start), "end_time": millis(end)}
		if id != 0 {
			out["id"] = id
		}
		ids := []int64{}
		for _, t := range r.attempts {
			if t.repair == id {
				ids = append(ids, t.id)
			}
		}
		out["task_run_ids"] = ids
		life, result, message := r.state()
		showState(&call{version: version}, out, life, result, message, r.canceled)
		return out
	}
	end := r.end
	if len(r.repairs) > 0 {
		end = r.repairs[0].start
	}
	items := []any{item("ORIGINAL", 0, r.start, end)}
	for _, repair := range r.repairs {
		items = append(items, item("REPAIR", repair.id, repair.start, repair.end))
	}
	return items
}

func (a *jobsArea) pageURL(job, run int64) string {
	return fmt.Sprintf("%s/?o=%s#job/%d/run/%d", a.server.host(), workspaceID, job, run)
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
