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

// A RunSpec describes an attempt of a task that starts.
type RunSpec struct {
	JobID     int64 // also set for submitted runs, although they have no job
	RunID     int64 // ID of the run
	TaskRunID int64 // run ID of the attempt
	RunName   string
	TaskKey   string
	Attempt   int               // 0 for the first
	Kind      string            // field of the task that selects its kind, such as notebook_task
	Target    string            // the notebook, file, class or entry point; empty for other kinds
	Params    map[string]string // named parameters of the task
	Args      []string          // positional parameters of the task
	Task      json.RawMessage   // the complete task
}

// A RunOutcome is the outcome of an attempt of a task. Its zero value is a
// success without output after Timings.RunTask.
type RunOutcome struct {
	Duration  time.Duration  // duration of the work; 0 for Timings.RunTask; negative for none
	Output    string         // for a notebook, the value passed to dbutils.notebook.exit; for a condition, true or false
	Logs      string         // text that a JAR, a Python file or a wheel printed
	Error     string         // if not empty, the task fails with this error
	Trace     string         // stack trace of Error
	Values    map[string]any // task values, for references such as {{tasks.a.values.b}}
	NoCluster string         // if not empty, the cluster fails to start for this reason, and the work does not start

	// Later, if not nil, determines the outcome when the work starts. It runs
	// in its own goroutine, and the work takes as long as Later does. Its
	// context ends when the run is canceled or times out. Of the other fields,
	// only NoCluster has an effect.
	Later func(context.Context) RunOutcome
}

// WithRuns determines the outcome of each attempt of a task. The workspace
// calls script when the attempt starts. The workspace is locked during the
// call, so script must not call the workspace.
func WithRuns(script func(RunSpec) RunOutcome) Option {
	return func(s *Server) { s.jobs.script = script }
}

// ScriptRuns is [WithRuns] for an existing server.
func (s *Server) ScriptRuns(script func(RunSpec) RunOutcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.advance(s.now())
	s.jobs.script = script
}

// outcome returns the outcome of an attempt, from the script or from Python.
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

// compare evaluates a condition task.
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

// spec describes an attempt, with its parameters.
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

// given returns the parameters of the run, or those of the task if the run has
// none.
func given(params, own []string) []string {
	if params != nil {
		return params
	}
	return own
}

// jobParameters returns the parameters of the job with their values in this
// run.
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
