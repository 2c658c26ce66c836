package main

import (
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/go-databricks/databricks/databrickstest"
)

// outcomes determine the outcomes of attempts of tasks.
type outcomes struct {
	mu   sync.Mutex
	list []outcome
}

// An outcome applies to the attempts that it matches. Empty patterns match everything.
type outcome struct {
	job, task, kind, target string
	attempt                 *int
	left                    int // number of attempts that it still applies to; negative for no limit
	is                      databrickstest.RunOutcome
}

// UnmarshalJSON decodes an outcome in the form that the package documentation describes.
func (o *outcome) UnmarshalJSON(text []byte) error {
	var in struct {
		Job       string         `json:"job"`
		Task      string         `json:"task"`
		Kind      string         `json:"kind"`
		Target    string         `json:"target"`
		Attempt   *int           `json:"attempt"`
		Times     *int           `json:"times"`
		Duration  string         `json:"duration"`
		Output    string         `json:"output"`
		Logs      string         `json:"logs"`
		Error     string         `json:"error"`
		Trace     string         `json:"trace"`
		Values    map[string]any `json:"values"`
		NoCluster string         `json:"no_cluster"`
	}
	if err := decodeStrictly(text, &in); err != nil {
		return err
	}
	for name, pattern := range map[string]string{"job": in.Job, "task": in.Task, "kind": in.Kind, "target": in.Target} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("outcome: %s: %q is not a valid pattern", name, pattern)
		}
	}
	var duration time.Duration
	if in.Duration != "" {
		var err error
		if duration, err = time.ParseDuration(in.Duration); err != nil {
			return fmt.Errorf("outcome: duration: %w", err)
		}
		if duration <= 0 {
			duration = -1 // no time; 0 would be the default
		}
	}
	left := -1
	if in.Times != nil {
		if left = *in.Times; left < 1 {
			return fmt.Errorf("outcome: times is %d; it must be at least 1", left)
		}
	}
	*o = outcome{in.Job, in.Task, in.Kind, in.Target, in.Attempt, left, databrickstest.RunOutcome{Duration: duration, Output: in.Output,
		Logs: in.Logs, Error: in.Error, Trace: in.Trace, Values: in.Values, NoCluster: in.NoCluster}}
	return nil
}

func (o *outcome) matches(spec databrickstest.RunSpec) bool {
	for pattern, name := range map[*string]string{&o.job: spec.RunName, &o.task: spec.TaskKey, &o.kind: spec.Kind, &o.target: spec.Target} {
		if ok, _ := path.Match(*pattern, name); *pattern != "" && !ok {
			return false
		}
	}
	return o.left != 0 && (o.attempt == nil || *o.attempt == spec.Attempt)
}

// of returns the outcome of an attempt. It is a script for [databrickstest.WithRuns].
func (all *outcomes) of(spec databrickstest.RunSpec) databrickstest.RunOutcome {
	all.mu.Lock()
	defer all.mu.Unlock()
	for i := range all.list {
		if o := &all.list[i]; o.matches(spec) {
			o.left = max(o.left-1, -1)
			return o.is
		}
	}
	return databrickstest.RunOutcome{}
}
