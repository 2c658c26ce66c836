package databrickstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var reference = regexp.MustCompile(`\{\{\s*([^{}]+?)\s*\}\}`)

// resolve replaces references such as {{job.id}} in all strings of a task. It
// does not change references that it does not know.
func (a *jobsArea) resolve(t *attempt, value any) any {
	switch value := value.(type) {
	case string:
		return reference.ReplaceAllStringFunc(value, func(text string) string {
			if found, ok := a.lookup(t, reference.FindStringSubmatch(text)[1]); ok {
				return found
			}
			return text
		})
	case []any:
		out := make([]any, len(value))
		for i, element := range value {
			out[i] = a.resolve(t, element)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, member := range value {
			if name == "for_each_task" { // its task is resolved later, for each input
				inner, _ := member.(map[string]any)
				each := map[string]any{}
				for name, member := range inner {
					if name != "task" {
						member = a.resolve(t, member)
					}
					each[name] = member
				}
				out[name] = each
				continue
			}
			out[name] = a.resolve(t, member)
		}
		return out
	}
	return value
}

// lookup returns the value of a reference.
func (a *jobsArea) lookup(t *attempt, name string) (string, bool) {
	r := t.run.root()
	path := strings.Split(name, ".")
	is := func(names ...string) bool { return slices.Contains(names, name) }
	switch {
	case is("job.id", "job_id"):
		return strconv.FormatInt(r.jobID, 10), true
	case is("job.run_id", "parent_run_id"):
		return strconv.FormatInt(r.id, 10), true
	case is("task.run_id", "run_id"):
		return strconv.FormatInt(t.id, 10), true
	case is("job.name"):
		return r.name, true
	case is("task.name", "task_key"):
		return t.task.view.Key, true
	case is("task.execution_count", "task_retry_count"):
		return strconv.Itoa(t.number), true
	case is("job.start_time.timestamp_ms"):
		return strconv.FormatInt(millis(r.start), 10), true
	case is("job.start_time.iso_date", "start_date"):
		return r.start.UTC().Format("2006-01-02"), true
	case is("job.trigger.type"):
		return strings.ToLower(r.trigger), true
	case is("workspace.id"):
		return workspaceID, true
	case is("workspace.url"):
		return a.server.host(), true
	case path[0] == "input" && t.input != nil:
		return textAt(t.input, path[1:])
	case len(path) == 3 && path[0] == "job" && path[1] == "parameters":
		for _, p := range r.jobParameters() {
			if p["name"] == path[2] {
				return p["value"].(string), true
			}
		}
	case len(path) >= 3 && path[0] == "tasks":
		other := r.task(path[1])
		if other == nil || other.last == nil {
			return "", false
		}
		switch {
		case path[2] == "values" && len(path) >= 4:
			value, ok := other.last.outcome.Values[path[3]]
			if !ok {
				return "", false
			}
			return textAt(value, path[4:])
		case path[2] == "result_state":
			return strings.ToLower(other.last.result), true
		case path[2] == "run_id":
			return strconv.FormatInt(other.last.id, 10), true
		}
	}
	return "", false
}

// textAt returns the member of a value at a path, as text.
func textAt(value any, path []string) (string, bool) {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return "", false
		}
		if value, ok = object[name]; !ok {
			return "", false
		}
	}
	switch value := value.(type) {
	case string:
		return value, true
	case nil:
		return "", true
	case json.Number, bool, int, int64, float64:
		return fmt.Sprint(value), true
	}
	text, err := json.Marshal(value)
	return string(text), err == nil
}
