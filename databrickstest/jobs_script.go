package databrickstest

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A RunSpec tells a script about an attempt at a task that begins.
type RunSpec struct {
	JobID     int64 // of submitted runs, too, for which it is no job's
	RunID     int64 // of the run
	TaskRunID int64 // of the attempt
	RunName   string
	TaskKey   string
	Attempt   int               // 0 for the first
	Kind      string            // the task's field, such as notebook_task
	Target    string            // the notebook, the file, the class or the entry point, if it is one of these
	Params    map[string]string // by name, as the task gets them
	Args      []string          // by place, as the task gets them
	Task      json.RawMessage   // all of the task
}

// A RunOutcome says what becomes of an attempt at a task. Its zero value is
// success without output after [Timings].RunTask.
type RunOutcome struct {
	Duration  time.Duration  // of the work; 0: Timings.RunTask; negative: none
	Output    string         // of a notebook: what it gives to dbutils.notebook.exit; of a condition: true or false
	Logs      string         // what a JAR, a Python file or a wheel prints
	Error     string         // not empty: the task fails, and says this
	Trace     string         // the stack trace that goes with Error
	Values    map[string]any // task values, for references such as {{tasks.a.values.b}}
	NoCluster string         // not empty: the cluster cannot be had, and this is why; the work never begins

	// Later, if not nil, finds out the outcome once the work has begun. It takes
	// the time that it takes, in a goroutine of its own; its context ends when the
	// run is canceled or out of time. Of the other fields only NoCluster counts then.
	Later func(context.Context) RunOutcome
}

// WithRuns lets a function decide what becomes of each attempt at a task. It
// is called when the attempt begins, with the workspace locked, so it must not
// call the workspace.
func WithRuns(script func(RunSpec) RunOutcome) Option {
	return func(s *Server) { s.jobs.script = script }
}

// ScriptRuns is [WithRuns] for a server that is there already.
func (s *Server) ScriptRuns(script func(RunSpec) RunOutcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.advance(s.now())
	s.jobs.script = script
}

// outcome asks the script what becomes of an attempt.
func (a *jobsArea) outcome(t *attempt) RunOutcome {
	var out RunOutcome
	if a.script != nil {
		out = a.script(a.spec(t))
	}
	if reflect.ValueOf(out).IsZero() {
		if later, ok := a.inPython(t); ok {
			return later
		}
	}
	if condition := t.view().Condition; condition != nil && out.Output == "" {
		out.Output = strconv.FormatBool(compare(condition.Left, condition.Op, condition.Right))
	}
	return out
}

// compare is what a condition task does with literals.
func compare(left, op, right string) bool {
	l, err := strconv.ParseFloat(left, 64)
	r, err2 := strconv.ParseFloat(right, 64)
	order := cmp.Compare(l, r)
	if err != nil || err2 != nil {
		order = strings.Compare(left, right)
	}
	switch op {
	case "EQUAL_TO":
		return left == right
	case "NOT_EQUAL":
		return left != right
	case "GREATER_THAN":
		return order > 0
	case "GREATER_THAN_OR_EQUAL":
		return order >= 0
	case "LESS_THAN":
		return order < 0
	}
	return order <= 0
}

// spec tells about an attempt, with the parameters that it gets.
func (a *jobsArea) spec(t *attempt) RunSpec {
	r, task := t.run.root(), t.task
	spec := RunSpec{JobID: r.jobID, RunID: r.id, TaskRunID: t.id, RunName: r.name, TaskKey: task.view.Key, Attempt: t.number, Kind: kindOf(task.tree),
		Params: map[string]string{}}
	spec.Task, _ = json.Marshal(task.tree)
	switch v := t.view(); {
	case v.Notebook != nil:
		spec.Target = v.Notebook.Path
		maps.Copy(spec.Params, v.Notebook.Params)
		maps.Copy(spec.Params, r.params.Notebook)
	case v.JAR != nil:
		spec.Target, spec.Args = v.JAR.Class, given(r.params.JAR, v.JAR.Params)
	case v.Python != nil:
		spec.Target, spec.Args = v.Python.File, given(r.params.Python, v.Python.Params)
	case v.Submit != nil:
		spec.Args = given(r.params.Submit, v.Submit.Params)
	case v.Wheel != nil:
		spec.Target, spec.Args = v.Wheel.Entry, given(r.params.Python, v.Wheel.Params)
		maps.Copy(spec.Params, v.Wheel.Named)
		maps.Copy(spec.Params, r.params.PythonNamed)
	}
	for _, p := range r.jobParameters() {
		spec.Params[p["name"].(string)] = p["value"].(string)
	}
	for name, value := range spec.Params {
		spec.Params[name], _ = a.resolve(t, value).(string)
	}
	spec.Args = slices.Clone(spec.Args)
	for i, value := range spec.Args {
		spec.Args[i], _ = a.resolve(t, value).(string)
	}
	return spec
}

// given is what a run was given, or else what the task has.
func given(params, own []string) []string {
	if params != nil {
		return params
	}
	return own
}

// jobParameters are the parameters of the job with their values in this run.
func (r *run) jobParameters() (params []map[string]any) {
	for _, p := range r.view.Parameters {
		value, ok := r.jobParams[p.Name]
		if !ok {
			value = p.Default
		}
		params = append(params, map[string]any{"name": p.Name, "default": p.Default, "value": value})
	}
	for _, name := range slices.Sorted(maps.Keys(r.jobParams)) {
		if !slices.ContainsFunc(params, func(p map[string]any) bool { return p["name"] == name }) {
			params = append(params, map[string]any{"name": name, "value": r.jobParams[name]})
		}
	}
	return params
}
