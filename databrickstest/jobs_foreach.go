package databrickstest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The iterations of a for-each task are the tasks of an inner run. The inner
// run belongs to the attempt and appears in no list.

// root returns the visible run that r belongs to.
func (r *run) root() *run {
	for r.outer != nil {
		r = r.outer.run
	}
	return r
}

// maxIterations is the maximum number of inputs of a for-each task.
const maxIterations = 5000

// iterate starts the iterations of a for-each task.
func (a *jobsArea) iterate(t *attempt, now time.Time) (problem string) {
	each := t.view().ForEach
	inputs, problem := t.inputs(each.Inputs)
	if problem != "" {
		return problem
	}
	outer := t.run
	t.child = &run{
		id: a.newID(), job: outer.job, jobID: outer.jobID, name: outer.name, creator: outer.creator, acl: outer.acl, kind: outer.kind, trigger: outer.trigger,
		outer: t, settings: outer.settings, view: outer.view, params: outer.params, jobParams: outer.jobParams, created: now, start: now,
		concurrency: max(each.Concurrency, 1),
	}
	t.iterations = t.child
	for _, input := range inputs {
		task := &runTask{tree: maps.Clone(each.Task)}
		if err := decode(task.tree, &task.view); err != nil {
			panic(err) // it was validated
		}
		t.child.tasks = append(t.child.tasks, task)
		a.attempt(t.child, task, 0, 0).input = input
	}
	a.runs.inner = append(a.runs.inner, t.child)
	a.settle(t.child, now)
	return ""
}

// inputs parses the inputs of a for-each task.
func (t *attempt) inputs(text string) (inputs []any, problem string) {
	decoder := json.NewDecoder(bytes.NewBufferString(text))
	decoder.UseNumber()
	if err := decoder.Decode(&inputs); err != nil {
		return nil, fmt.Sprintf("The inputs of the for each task are not a JSON array: %s", shortened(text))
	}
	if len(inputs) > maxIterations {
		return nil, fmt.Sprintf("The for each task has %d inputs, more than %d.", len(inputs), maxIterations)
	}
	return inputs, ""
}

// iterations returns the latest attempt for each input.
func (r *run) iterations() []*attempt {
	latest := make([]*attempt, len(r.tasks))
	for i, task := range r.tasks {
		latest[i] = task.last
	}
	return latest
}

// forEachStats returns the statistics of the iterations.
func (r *run) forEachStats() map[string]any {
	counts := map[string]int{"total_iterations": len(r.tasks), "scheduled_iterations": 0, "active_iterations": 0, "completed_iterations": 0, "succeeded_iterations": 0, "failed_iterations": 0}
	errors := map[string]int{}
	for _, t := range r.iterations() {
		switch {
		case t.life == blocked:
			continue
		case !t.done():
			counts["active_iterations"]++
		case t.result == success:
			counts["succeeded_iterations"]++
		default:
			counts["failed_iterations"]++
			errors[cmp.Or(t.outcome.Error, t.message)]++
		}
		counts["scheduled_iterations"]++
	}
	counts["completed_iterations"] = counts["succeeded_iterations"] + counts["failed_iterations"]
	stats := map[string]any{"task_run_stats": counts}
	messages := slices.SortedFunc(maps.Keys(errors), func(x, y string) int { return cmp.Or(errors[y]-errors[x], cmp.Compare(x, y)) })
	var shown []any
	for _, message := range messages[:min(len(messages), 3)] {
		shown = append(shown, map[string]any{"count": errors[message], "error_message": message, "termination_category": "RUN_EXECUTION_ERROR"})
	}
	if shown != nil {
		stats["error_message_stats"] = shown
	}
	return stats
}
