package databrickstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	jobCluster  = `"new_cluster":{"spark_version":"16.4.x-scala2.12","node_type_id":"Standard_DS3_v2","num_workers":1}`
	notebookJob = `"notebook_task":{"notebook_path":"/etl"},` + jobCluster
)

// jobsCall sends a call of a version of the Jobs API. Without a body, it sends
// a GET.
func jobsCall(t testing.TB, s *Server, version, call, body string) object {
	t.Helper()
	return callOK(t, s, methodOf(body), "/api/"+version+"/jobs/"+call, body)
}

func methodOf(body string) string {
	if body == "" {
		return http.MethodGet
	}
	return http.MethodPost
}

func jobsFail(t testing.TB, s *Server, version, call, body, code, message string) {
	t.Helper()
	callFails(t, s, methodOf(body), "/api/"+version+"/jobs/"+call, body, 400, code, message)
}

// newJob creates a job with settings, which have no braces. It returns the
// job's ID.
func newJob(t testing.TB, s *Server, version, settings string) string {
	t.Helper()
	return jobsCall(t, s, version, "create", "{"+settings+"}")["job_id"].(json.Number).String()
}

func runJob(t testing.TB, s *Server, job string) string {
	t.Helper()
	return jobsCall(t, s, "2.0", "run-now", `{"job_id":`+job+`}`)["run_id"].(json.Number).String()
}

// state returns the state of a run as "LIFE RESULT", followed by the states of
// its tasks.
func state(t testing.TB, s *Server, version, run string) string {
	t.Helper()
	out := jobsCall(t, s, version, "runs/get?run_id="+run, "")
	text := stateOf(out)
	tasks, _ := out["tasks"].([]any)
	for _, task := range tasks {
		text += ", " + task.(object)["task_key"].(string) + " " + stateOf(task.(object))
	}
	return text
}

func stateOf(run object) string {
	st := run["state"].(object)
	result, _ := st["result_state"].(string)
	return strings.TrimSpace(st["life_cycle_state"].(string) + " " + result)
}

// tasks returns the tasks of a job. A spec is "a", or "b<a" if b depends on a.
// After a blank, it may have more members.
func tasks(specs ...string) string {
	var list []string
	for _, spec := range specs {
		names, more, _ := strings.Cut(spec, " ")
		key, before, _ := strings.Cut(names, "<")
		task := fmt.Sprintf(`"task_key":%q`, key)
		var depends []string
		for name := range strings.SplitSeq(before, "+") {
			if name != "" {
				depends = append(depends, fmt.Sprintf(`{"task_key":%q}`, name))
			}
		}
		if depends != nil {
			task += `,"depends_on":[` + strings.Join(depends, ",") + `]`
		}
		if !strings.Contains(more, "_task") {
			task += `,"notebook_task":{"notebook_path":"/` + key + `"}`
		}
		if more != "" {
			task += "," + more
		}
		list = append(list, "{"+task+"}")
	}
	return `"tasks":[` + strings.Join(list, ",") + `]`
}

func TestJobs_versionsShowOneJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.0", `"name":"night ly",`+notebookJob+`,"unknown":1,"max_retries":2,
			"schedule":{"quartz_cron_expression":"0 0 0 * * ?","timezone_id":"UTC","pause_status":null}`)
		assert.Less(t, len(id), 17, "ids fit into a float64")

		job := jobsCall(t, s, "2.0", "get?job_id="+id, "")
		assert.Equal(t, AdminName, job["creator_user_name"])
		assert.NotContains(t, job, "run_as_user_name")
		settings := job["settings"].(object)
		assert.Equal(t, "SINGLE_TASK", settings["format"])
		assert.Equal(t, object{"notebook_path": "/etl", "source": "WORKSPACE"}, settings["notebook_task"])
		assert.Equal(t, json.Number("0"), settings["timeout_seconds"])
		assert.Equal(t, json.Number("1"), settings["max_concurrent_runs"])
		assert.Equal(t, object{}, settings["email_notifications"])
		assert.Equal(t, object{}, settings["webhook_notifications"])
		assert.Equal(t, "UNPAUSED", settings["schedule"].(object)["pause_status"])
		assert.NotContains(t, settings, "unknown")
		assert.NotContains(t, settings, "tasks")

		job = jobsCall(t, s, "2.1", "get?job_id="+id, "")
		assert.Equal(t, AdminName, job["run_as_user_name"])
		settings = job["settings"].(object)
		assert.Equal(t, "MULTI_TASK", settings["format"])
		assert.NotContains(t, settings, "notebook_task")
		task := settings["tasks"].([]any)[0].(object)
		assert.Equal(t, "night_ly", task["task_key"])
		assert.Equal(t, "ALL_SUCCESS", task["run_if"])
		assert.Equal(t, json.Number("2"), task["max_retries"])
		assert.Contains(t, task, "new_cluster")

		// Version 2.1 ignores fields that it does not know. Version 2.0 returns
		// what is in tasks.
		id = newJob(t, s, "2.1", notebookJob+","+tasks("a"))
		settings = jobsCall(t, s, "2.0", "get?job_id="+id, "")["settings"].(object)
		assert.Equal(t, "MULTI_TASK", settings["format"])
		assert.Equal(t, "Untitled", settings["name"])
		assert.NotContains(t, settings, "new_cluster")
		assert.Len(t, settings["tasks"], 1)
		assert.NotContains(t, settings, "queue")

		id = newJob(t, s, "2.2", tasks("a"))
		settings = jobsCall(t, s, "2.2", "get?job_id="+id, "")["settings"].(object)
		assert.Equal(t, object{"enabled": true}, settings["queue"], "on by default from 2.2 on")
	})
}

func TestJobs_rejected(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const bad, wrong = "INVALID_PARAMETER_VALUE", "MALFORMED_REQUEST"
	for _, row := range []struct{ version, settings, code, message string }{
		{"2.0", `"notebook_task":{"notebook_path":"/n"}`, bad, "Either new_cluster or existing_cluster_id must be specified."},
		{"2.0", `"notebook_task":{"notebook_path":"/n"},"existing_cluster_id":"none"`, bad, "Cluster none does not exist"},
		{"2.0", `"notebook_task":{"notebook_path":"n"},` + jobCluster, bad, "Only absolute paths"},
		{"2.0", `"notebook_task":{},` + jobCluster, bad, "Missing required field 'notebook_path'"},
		{"2.0", jobCluster, bad, "One of the task fields"},
		{"2.0", `"spark_jar_task":{"main_class_name":"A"},` + notebookJob, bad, "Only one of notebook_task and spark_jar_task"},
		{"2.0", notebookJob + `,"job_clusters":[{"job_cluster_key":"k"}]`, bad, "Shared job cluster feature is only supported in multi-task jobs."},
		{"2.0", notebookJob + `,"name":7,"new_cluster":7`, wrong, "Expected object for field 'new_cluster'"},
		{"2.0", notebookJob + `,"tasks":{}`, wrong, "Expected 'START_ARRAY' not 'START_OBJECT' for field 'tasks'"},
		{"2.0", notebookJob + `,"max_retries":"many"`, wrong, "Could not parse value 'many'"},
		{"2.0", notebookJob + `,"schedule":{"quartz_cron_expression":"0 0 0 * * ?","timezone_id":"UTC","pause_status":"SLOW"}`, wrong, "must be one of PAUSED, UNPAUSED"},
		{"2.0", notebookJob + `,"schedule":{"quartz_cron_expression":"* * * * *","timezone_id":"UTC"}`, bad, "Invalid quartz_cron_expression"},
		{"2.0", notebookJob + `,"schedule":{"quartz_cron_expression":"0 0 0 * * ?","timezone_id":"Mars"}`, bad, "Invalid timezone_id"},
		{"2.0", notebookJob + `,"schedule":{"quartz_cron_expression":"0 0 0 * * ?"}`, bad, "Invalid timezone_id"},
		{"2.0", notebookJob + `,"git_source":{"git_url":"u","git_branch":"b"}`, bad, "gitHub, gitHubEnterprise"},
		{"2.0", notebookJob + `,"git_source":{"git_url":"u","git_provider":"GITHUB","git_branch":"b","git_tag":"t"}`, bad, "Exactly one of git_branch"},
		{"2.0", notebookJob + `,"email_notifications":{"on_start":["älice@example.com"]}`, bad, "ASCII"},
		{"2.0", notebookJob + `,"max_concurrent_runs":1001`, bad, "Invalid max_concurrent_runs"},
		{"2.0", notebookJob + `,"name":"` + strings.Repeat("n", 4097) + `"`, bad, "4096 bytes"},
		{"2.0", notebookJob + `,"run_as":{}`, bad, "Exactly one of user_name"},
		{"2.0", notebookJob + `,"access_control_list":[{"group_name":"ops","permission_level":"IS_OWNER"}]`, bad, "Groups cannot be owner"},
		{"2.0", notebookJob + `,"access_control_list":[{"user_name":"u","permission_level":"CAN_FLY"}]`, bad, "Invalid permission level"},
		{"2.0", `"spark_submit_task":{"parameters":["--class","X"]},"existing_cluster_id":"c"`, bad, "does not exist"},
		{"2.0", `"spark_submit_task":{"parameters":["--master=local"]},` + jobCluster, bad, "--master is set by the service"},
		{"2.0", `"spark_submit_task":{},"libraries":[{"jar":"dbfs:/a.jar"}],` + jobCluster, bad, "Libraries are not supported"},
		{"2.0", `"notebook_task":{"notebook_path":"/n"},"libraries":[{}],` + jobCluster, bad, "A library must have exactly one"},
		{"2.0", `"notebook_task":{"notebook_path":"/n"},"new_cluster":{"num_workers":1}`, bad, "Cluster validation error: Missing required field: settings.cluster_spec.new_cluster.spark_version"},
		{"2.0", `"run_job_task":{"job_id":5}`, bad, "Job 5 does not exist."},
		{"2.0", notebookJob + "," + tasks("a"), bad, "either tasks or a task of its own"},
		{"2.1", tasks("a", "a"), bad, "Duplicate task_key"},
		{"2.1", tasks("a/b"), bad, "Invalid task_key"},
		{"2.1", tasks("a<b"), bad, "Task 'a' depends on unknown task 'b'."},
		{"2.1", tasks("x", "a<c", "b<a", "c<b"), bad, "cycle"},
		{"2.1", tasks(`a "job_cluster_key":"k"`), bad, "Job cluster 'k' is not defined"},
		{"2.1", tasks(`a "environment_key":"k"`), bad, "Environment 'k' is not defined"},
		{"2.1", tasks(`a "spark_python_task":{"python_file":"dbfs:/a.py"}`), bad, "One of job_cluster_key, new_cluster, or existing_cluster_id must be specified."},
		{"2.1", tasks(strings.Split(strings.Repeat("a ", 101), " ")[:101]...), bad, "can only be handled by API 2.2 and above"},
		{"2.1", tasks("a") + `,"schedule":{"quartz_cron_expression":"0 0 0 * * ?","timezone_id":"UTC"},"continuous":{}`, bad, "both schedule and continuous"},
	} {
		jobsFail(t, s, row.version, "create", "{"+row.settings+"}", row.code, row.message)
		if !strings.Contains(row.settings, "access_control_list") {
			id := newJob(t, s, row.version, cmp.Or(map[string]string{"2.0": notebookJob}[row.version], tasks("a")))
			jobsFail(t, s, row.version, "reset", `{"job_id":`+id+`,"new_settings":{`+row.settings+`}}`, row.code, row.message)
		}
	}
	const none = "Job 7 does not exist."
	for _, call := range []string{"get?job_id=7", "reset", "update", "delete", "run-now", "runs/cancel-all"} {
		body := `{"job_id":7,"new_settings":{}}`
		if strings.HasPrefix(call, "get") {
			body = ""
		}
		jobsFail(t, s, "2.0", call, body, bad, none)
	}
	jobsFail(t, s, "2.0", "run-now", `{}`, bad, "Job 0 does not exist.")
	for _, call := range []string{"runs/get?run_id=7", "runs/get-output?run_id=7", "runs/export?run_id=7"} {
		jobsFail(t, s, "2.1", call, "", bad, "Run 7 does not exist.")
	}
	for _, call := range []string{"runs/cancel", "runs/delete", "runs/repair"} {
		jobsFail(t, s, "2.1", call, `{"run_id":7,"rerun_all_failed_tasks":true}`, bad, "Run 7 does not exist.")
	}
	callFails(t, s, "POST", "/api/2.0/jobs/runs/repair", `{}`, 404, "ENDPOINT_NOT_FOUND", "No API found")
}

func TestJobs_resetAndUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.0", `"name":"n","tags":{"a":"1","b":"2"},"run_as":{"user_name":"alice@example.com"},`+notebookJob)
		settings := func(version string) object {
			return jobsCall(t, s, version, "get?job_id="+id, "")["settings"].(object)
		}
		jobsCall(t, s, "2.0", "update", `{"job_id":`+id+`,"new_settings":{"tags":{"c":"3"},"timeout_seconds":60}}`)
		assert.Equal(t, object{"c": "3"}, settings("2.0")["tags"], "a field is replaced as a whole")
		assert.Equal(t, "n", settings("2.0")["name"])
		jobsCall(t, s, "2.0", "update", `{"job_id":`+id+`,"fields_to_remove":["tags","timeout_seconds"]}`)
		assert.NotContains(t, settings("2.0"), "tags")
		assert.Equal(t, json.Number("0"), settings("2.0")["timeout_seconds"])
		jobsFail(t, s, "2.0", "update", `{"job_id":`+id+`,"fields_to_remove":["notebook_task"]}`, "INVALID_PARAMETER_VALUE", "One of the task fields")
		assert.Contains(t, settings("2.0"), "notebook_task", "a rejected request changes nothing")

		jobsCall(t, s, "2.0", "reset", `{"job_id":`+id+`,"new_settings":{`+tasks("a", "b<a")+`}}`)
		assert.Equal(t, "Untitled", settings("2.0")["name"])
		assert.NotContains(t, settings("2.0"), "notebook_task")
		assert.Equal(t, "alice@example.com", jobsCall(t, s, "2.1", "get?job_id="+id, "")["run_as_user_name"], "it stays if it is unset")

		keys := func() (keys []string) {
			list, _ := settings("2.1")["tasks"].([]any)
			for _, task := range list {
				keys = append(keys, task.(object)["task_key"].(string))
			}
			return keys
		}
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"new_settings":{`+tasks("b", "c")+`}}`)
		assert.Equal(t, []string{"a", "b", "c"}, keys(), "tasks are merged by key")
		assert.NotContains(t, settings("2.1")["tasks"].([]any)[1], "depends_on")
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"fields_to_remove":["tasks/b"]}`)
		assert.Equal(t, []string{"a", "c"}, keys())
		jobsCall(t, s, "2.0", "update", `{"job_id":`+id+`,"new_settings":{`+tasks("d")+`}}`)
		assert.Equal(t, []string{"d"}, keys(), "2.0 replaces the list")

		jobsCall(t, s, "2.0", "delete", `{"job_id":`+id+`}`)
		jobsFail(t, s, "2.0", "delete", `{"job_id":`+id+`}`, "INVALID_PARAMETER_VALUE", "does not exist")
	})
}

func TestJobs_list(t *testing.T) {
	s := newServer(t, WithoutSocket())
	assert.Equal(t, object{}, jobsCall(t, s, "2.0", "list", ""), "without jobs there is no key")
	var ids []string
	for i := range 45 {
		ids = append([]string{newJob(t, s, "2.1", fmt.Sprintf(`"name":"Job%d",`, i%3)+tasks("a"))}, ids...)
	}
	listed := func(out object) (found []string) {
		list, _ := out["jobs"].([]any)
		for _, job := range list {
			found = append(found, job.(object)["job_id"].(json.Number).String())
		}
		return found
	}
	all := jobsCall(t, s, "2.0", "list?limit=3&name=x", "")
	assert.Equal(t, ids, listed(all), "newest first, without pages")
	assert.NotContains(t, all["jobs"].([]any)[0].(object)["settings"], "tasks")
	assert.NotContains(t, all, "has_more")

	var got []string
	path := "list"
	for range 3 {
		page := jobsCall(t, s, "2.1", path, "")
		got = append(got, listed(page)...)
		token, more := page["next_page_token"].(string)
		assert.Equal(t, more, page["has_more"])
		path = "list?page_token=" + url.QueryEscape(token)
		newJob(t, s, "2.1", tasks("a")) // must not shift the pages
	}
	assert.Equal(t, ids, got)
	assert.Equal(t, ids[2:4], listed(jobsCall(t, s, "2.1", "list?limit=2&offset=5", "")), "3 came in between")
	assert.Len(t, listed(jobsCall(t, s, "2.1", "list?name=JOB1&limit=100", "")), 15)
	assert.Contains(t, jobsCall(t, s, "2.1", "list?expand_tasks=true", "")["jobs"].([]any)[0].(object)["settings"], "tasks")
	jobsFail(t, s, "2.1", "list?limit=101", "", "INVALID_PARAMETER_VALUE", "Invalid limit 101")
	jobsFail(t, s, "2.1", "list?offset=1025", "", "INVALID_PARAMETER_VALUE", "The supplied offset 1025 has exceeded the value of 1000")
	jobsFail(t, s, "2.1", "list?page_token=x", "", "INVALID_PARAMETER_VALUE", "Invalid page token")
}

func TestJobs_largeJob(t *testing.T) {
	s := newServer(t, WithoutSocket())
	var keys []string
	for i := range 250 {
		keys = append(keys, fmt.Sprint("t", i))
	}
	id := newJob(t, s, "2.2", tasks(keys...))
	token, read := "", 0
	for pages := 1; ; pages++ {
		page := jobsCall(t, s, "2.2", "get?job_id="+id+"&page_token="+token, "")
		read += len(page["settings"].(object)["tasks"].([]any))
		var more bool
		if token, more = page["next_page_token"].(string); !more {
			assert.Equal(t, 3, pages)
			break
		}
	}
	assert.Equal(t, 250, read)
	assert.Equal(t, true, jobsCall(t, s, "2.2", "list?expand_tasks=true", "")["jobs"].([]any)[0].(object)["has_more"])
}

func TestRuns_lifeCycle(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.ScriptRuns(func(spec RunSpec) RunOutcome {
			assert.Equal(t, "notebook_task", spec.Kind)
			assert.Equal(t, "/etl", spec.Target)
			assert.Equal(t, map[string]string{"a": "1", "b": "3", "c": "4"}, spec.Params)
			return RunOutcome{Duration: time.Minute, Output: "42"}
		})
		id := newJob(t, s, "2.0", `"name":"n","notebook_task":{"notebook_path":"/etl","base_parameters":{"a":"1","b":"2"}},`+jobCluster)
		run := jobsCall(t, s, "2.0", "run-now", `{"job_id":`+id+`,"notebook_params":{"b":"3","c":"4"}}`)
		assert.Equal(t, run["run_id"], run["number_in_job"])
		number := run["run_id"].(json.Number).String()
		assert.Equal(t, "PENDING", state(t, s, "2.0", number))
		clusters := callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"].([]any)
		require.Len(t, clusters, 1, "the new cluster exists")
		cluster := clusters[0].(object)
		assert.Equal(t, "JOB", cluster["cluster_source"])

		time.Sleep(299 * time.Millisecond)
		assert.Equal(t, "PENDING", state(t, s, "2.0", number), "until the cluster is running")
		jobsFail(t, s, "2.0", "runs/delete", `{"run_id":`+number+`}`, "INVALID_STATE", "still active")
		time.Sleep(time.Millisecond)
		out := jobsCall(t, s, "2.0", "runs/get?run_id="+number, "")
		assert.Equal(t, "RUNNING", stateOf(out))
		assert.Equal(t, json.Number("0"), out["end_time"])
		assert.Equal(t, json.Number("300"), out["setup_duration"])
		assert.NotContains(t, out, "status")
		assert.Regexp(t, `^\d+$`, out["cluster_instance"].(object)["spark_context_id"])
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATING SUCCESS", state(t, s, "2.0", number))
		time.Sleep(50 * time.Millisecond)
		out = jobsCall(t, s, "2.0", "runs/get?run_id="+number, "")
		assert.Equal(t, "TERMINATED SUCCESS", stateOf(out))
		for name, want := range map[string]any{
			"run_name": "n", "run_type": "JOB_RUN", "trigger": "ONE_TIME", "format": "SINGLE_TASK", "attempt_number": json.Number("0"),
			"original_attempt_run_id": run["run_id"], "execution_duration": json.Number("60000"), "cleanup_duration": json.Number("50"),
			"task":                  object{"notebook_task": object{"notebook_path": "/etl", "base_parameters": object{"a": "1", "b": "2"}, "source": "WORKSPACE"}},
			"overriding_parameters": object{"notebook_params": object{"b": "3", "c": "4"}},
			"run_page_url":          fmt.Sprintf("%s/?o=1234567890123456#job/%s/run/%s", s.host(), id, number),
		} {
			assert.Equal(t, want, out[name], name)
		}
		assert.Contains(t, out["cluster_spec"], "new_cluster")
		time.Sleep(time.Second)
		assert.Equal(t, "TERMINATED", getCluster(t, s, cluster["cluster_id"].(string))["state"], "and deleted after it")

		out = jobsCall(t, s, "2.1", "runs/get?run_id="+number+"&include_history=true&include_resolved_values=true", "")
		assert.Equal(t, object{"state": "TERMINATED", "termination_details": object{"code": "SUCCESS", "type": "SUCCESS", "message": ""}}, out["status"])
		assert.Equal(t, json.Number("0"), out["execution_duration"])
		assert.Equal(t, json.Number("60350"), out["run_duration"])
		assert.Len(t, out["repair_history"], 1)
		task := out["tasks"].([]any)[0].(object)
		assert.Equal(t, object{"notebook_task": object{"base_parameters": object{"a": "1", "b": "3", "c": "4"}}}, task["resolved_values"])
		for _, of := range []string{number, task["run_id"].(json.Number).String()} {
			output := jobsCall(t, s, "2.1", "runs/get-output?run_id="+of, "")
			assert.Equal(t, object{"result": "42", "truncated": false}, output["notebook_output"])
			assert.Equal(t, of, output["metadata"].(object)["run_id"].(json.Number).String())
			views := jobsCall(t, s, "2.0", "runs/export?views_to_export=ALL&run_id="+of, "")["views"].([]any)
			assert.Contains(t, views[0].(object)["content"], "__DATABRICKS_NOTEBOOK_MODEL")
		}
		assert.Equal(t, "TERMINATED SUCCESS", state(t, s, "2.0", task["run_id"].(json.Number).String()))

		time.Sleep(60*24*time.Hour - time.Hour)
		assert.Equal(t, "TERMINATED SUCCESS", state(t, s, "2.0", number))
		time.Sleep(3 * time.Hour)
		jobsFail(t, s, "2.0", "runs/get?run_id="+number, "", "INVALID_PARAMETER_VALUE", "does not exist")
	})
}

func TestRuns_deleted(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.1", tasks("a"))
		run := runJob(t, s, id)
		time.Sleep(time.Second)
		task := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")["tasks"].([]any)[0].(object)["run_id"].(json.Number).String()
		jobsFail(t, s, "2.1", "runs/delete", `{"run_id":`+task+`}`, "INVALID_PARAMETER_VALUE", "is a run of a task")
		jobsCall(t, s, "2.1", "runs/delete", `{"run_id":`+run+`}`)
		for _, gone := range []string{run, task} {
			jobsFail(t, s, "2.1", "runs/delete", `{"run_id":`+gone+`}`, "INVALID_PARAMETER_VALUE", "Run "+gone+" does not exist.")
		}

		run = runJob(t, s, id)
		jobsCall(t, s, "2.1", "delete", `{"job_id":`+id+`}`)
		jobsFail(t, s, "2.1", "runs/get?run_id="+run, "", "INVALID_PARAMETER_VALUE", "does not exist")
		assert.Equal(t, object{"has_more": false}, jobsCall(t, s, "2.1", "runs/list", ""))
	})
}

func TestRuns_tasks(t *testing.T) {
	fails := func(keys ...string) func(RunSpec) RunOutcome {
		return func(spec RunSpec) RunOutcome {
			for _, key := range keys {
				if key == spec.TaskKey {
					return RunOutcome{Error: "no", Trace: "line 1"}
				}
			}
			return RunOutcome{}
		}
	}
	const ok = " TERMINATED SUCCESS"
	for _, row := range []struct {
		name, tasks string
		script      func(RunSpec) RunOutcome
		want        string
	}{
		{"all succeed", tasks("a", "b<a", "c<a+b"), nil, ok + ", a" + ok + ", b" + ok + ", c" + ok},
		{"what comes after a failure is skipped", tasks("a", "b<a", "c<b"), fails("a"),
			" INTERNAL_ERROR FAILED, a TERMINATED FAILED, b SKIPPED UPSTREAM_FAILED, c SKIPPED UPSTREAM_FAILED"},
		{"unless it wants to clean up", tasks("a", `b<a "run_if":"ALL_DONE"`), fails("a"), " TERMINATED SUCCESS_WITH_FAILURES, a TERMINATED FAILED, b" + ok},
		{"one success is enough", tasks("a", "b", `c<a+b "run_if":"AT_LEAST_ONE_SUCCESS"`), fails("a"),
			" TERMINATED SUCCESS_WITH_FAILURES, a TERMINATED FAILED, b" + ok + ", c" + ok},
		{"no failure, so the task is skipped", tasks("a", `b<a "run_if":"AT_LEAST_ONE_FAILED"`), nil, ok + ", a" + ok + ", b SKIPPED EXCLUDED"},
		{"a failure, so the task runs", tasks("a", `b<a "run_if":"AT_LEAST_ONE_FAILED"`), fails("a"), " TERMINATED SUCCESS_WITH_FAILURES, a TERMINATED FAILED, b" + ok},
		{"not all failed", tasks("a", "b", `c<a+b "run_if":"ALL_FAILED"`), fails("a"),
			" TERMINATED SUCCESS_WITH_FAILURES, a TERMINATED FAILED, b" + ok + ", c SKIPPED EXCLUDED"},
		{"none failed", tasks("a", `x "disabled":true`, `c<a+x "run_if":"NONE_FAILED"`), nil, ok + ", a" + ok + ", x SKIPPED DISABLED, c" + ok},
		{"a condition chooses a branch",
			tasks(`if "condition_task":{"op":"GREATER_THAN","left":"10","right":"9"}`, `yes "depends_on":[{"task_key":"if","outcome":"true"}]`,
				`no "depends_on":[{"task_key":"if","outcome":"false"}]`), nil, ok + ", if" + ok + ", yes" + ok + ", no SKIPPED EXCLUDED"},
		{"no cluster to be had", tasks("a", "b<a"), func(RunSpec) RunOutcome { return RunOutcome{NoCluster: "sold out"} },
			" INTERNAL_ERROR FAILED, a INTERNAL_ERROR, b SKIPPED UPSTREAM_FAILED"},
		{"a time limit of a task", tasks(`a "timeout_seconds":1`), func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Hour} },
			" TERMINATED TIMEDOUT, a TERMINATED TIMEDOUT"},
		{"a time limit of the run", tasks("a", "b<a") + `,"timeout_seconds":1`, func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Hour} },
			" INTERNAL_ERROR FAILED, a TERMINATED TIMEDOUT, b SKIPPED UPSTREAM_FAILED"},
		{"a retry helps", tasks(`a "max_retries":2`, "b<a"), func(spec RunSpec) RunOutcome {
			return RunOutcome{Error: map[string]string{"a0": "not yet"}[fmt.Sprint(spec.TaskKey, spec.Attempt)]}
		}, ok + ", a TERMINATED FAILED, b" + ok + ", a" + ok},
		{"retries do not help", tasks(`a "max_retries":1`), fails("a"), " INTERNAL_ERROR FAILED, a TERMINATED FAILED, a TERMINATED FAILED"},
		{"a time limit is no reason to retry", tasks(`a "max_retries":1,"timeout_seconds":1`), func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Hour} },
			" TERMINATED TIMEDOUT, a TERMINATED TIMEDOUT"},
		{"unless it is said to be", tasks(`a "max_retries":1,"timeout_seconds":1,"retry_on_timeout":true`), func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Hour} },
			" TERMINATED TIMEDOUT, a TERMINATED TIMEDOUT, a TERMINATED TIMEDOUT"},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *Server) {
				s.ScriptRuns(row.script)
				run := runJob(t, s, newJob(t, s, "2.1", row.tasks))
				time.Sleep(5 * time.Second)
				assert.Equal(t, strings.TrimSpace(row.want), state(t, s, "2.1", run))
				assert.Empty(t, s.Panics())
			})
		})
	}
}

func TestRuns_order(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		var order []string
		s.ScriptRuns(func(spec RunSpec) RunOutcome {
			order = append(order, fmt.Sprint(spec.TaskKey, spec.Attempt, " at ", s.now().Sub(s.jobs.runs.byID[spec.RunID].start)))
			return RunOutcome{Duration: time.Second, Error: map[string]string{"b0": "no"}[fmt.Sprint(spec.TaskKey, spec.Attempt)]}
		})
		id := newJob(t, s, "2.1", tasks("a", `b<a "max_retries":1,"min_retry_interval_millis":5000`, "c<a", "d<b+c"))
		run := runJob(t, s, id)
		for range 200 {
			time.Sleep(50 * time.Millisecond)
			jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")
		}
		assert.Equal(t, []string{"a0 at 0s", "b0 at 1.1s", "c0 at 1.1s", "b1 at 6.1s", "d0 at 7.2s"}, order)
		assert.Equal(t, "TERMINATED SUCCESS", stateOf(jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")))

		// If nobody sends requests in between, the result is the same.
		order = nil
		run = runJob(t, s, id)
		time.Sleep(time.Hour)
		out := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")
		assert.Len(t, order, 5)
		assert.Equal(t, json.Number("8300"), out["run_duration"])
	})
}

func TestRuns_concurrency(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.ScriptRuns(func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Minute} })
		id := newJob(t, s, "2.0", notebookJob)
		first, second := runJob(t, s, id), runJob(t, s, id)
		out := jobsCall(t, s, "2.1", "runs/get?run_id="+second, "")
		assert.Equal(t, "SKIPPED MAXIMUM_CONCURRENT_RUNS_REACHED", stateOf(out))
		assert.Equal(t, "Skipping this run because the limit of 1 maximum concurrent runs has been reached.", out["state"].(object)["state_message"])
		assert.Equal(t, "MAX_CONCURRENT_RUNS_EXCEEDED", out["status"].(object)["termination_details"].(object)["code"])
		assert.Equal(t, "PENDING", state(t, s, "2.0", first))

		never := newJob(t, s, "2.0", notebookJob+`,"max_concurrent_runs":0,"queue":{"enabled":true}`)
		assert.Equal(t, "SKIPPED MAXIMUM_CONCURRENT_RUNS_REACHED", state(t, s, "2.0", runJob(t, s, never)))

		queueing := newJob(t, s, "2.2", tasks("a"))
		first, second = runJob(t, s, queueing), runJob(t, s, queueing)
		third := runJob(t, s, queueing)
		out = jobsCall(t, s, "2.2", "runs/get?run_id="+second, "")
		assert.Equal(t, "QUEUED", stateOf(out))
		assert.Equal(t, "MAX_CONCURRENT_RUNS_REACHED", out["status"].(object)["queue_details"].(object)["code"])
		time.Sleep(61 * time.Second)
		assert.Contains(t, state(t, s, "2.2", first), "TERMINATED SUCCESS")
		assert.Contains(t, state(t, s, "2.2", second), "RUNNING")
		assert.Equal(t, json.Number("60100"), jobsCall(t, s, "2.2", "runs/get?run_id="+second, "")["queue_duration"])
		jobsCall(t, s, "2.1", "runs/cancel-all", `{"all_queued_runs":true}`)
		assert.Equal(t, "TERMINATED CANCELED", state(t, s, "2.2", third))
		assert.Contains(t, state(t, s, "2.2", second), "RUNNING")
	})
}

func TestRuns_cancel(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.ScriptRuns(func(RunSpec) RunOutcome { return RunOutcome{Duration: time.Minute} })
		single := newJob(t, s, "2.0", notebookJob+`,"max_retries":3`)
		run := runJob(t, s, single)
		time.Sleep(time.Second)
		jobsCall(t, s, "2.0", "runs/cancel", `{"run_id":`+run+`}`)
		assert.Equal(t, "TERMINATING CANCELED", state(t, s, "2.0", run), "not concurrently")
		time.Sleep(time.Second)
		out := jobsCall(t, s, "2.0", "runs/get?run_id="+run, "")
		assert.Equal(t, "TERMINATED CANCELED", stateOf(out))
		assert.Equal(t, true, out["state"].(object)["user_cancelled_or_timedout"])
		jobsCall(t, s, "2.0", "runs/cancel", `{"run_id":`+run+`}`)

		several := newJob(t, s, "2.1", tasks("a", "b<a", `c<a "run_if":"ALL_DONE"`, "d"))
		run = runJob(t, s, several)
		time.Sleep(time.Second)
		task := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")["tasks"].([]any)[0].(object)["run_id"].(json.Number).String()
		jobsCall(t, s, "2.1", "runs/cancel", `{"run_id":`+task+`}`)
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING, a TERMINATED CANCELED, b SKIPPED UPSTREAM_CANCELED, c RUNNING, d RUNNING", state(t, s, "2.1", run))
		assert.Equal(t, "SKIPPED UPSTREAM_CANCELED", func() string {
			list := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")["tasks"].([]any)
			return state(t, s, "2.0", list[1].(object)["run_id"].(json.Number).String())
		}())
		jobsCall(t, s, "2.1", "runs/cancel-all", `{"job_id":`+several+`}`)
		time.Sleep(time.Second)
		assert.Equal(t, "TERMINATED CANCELED, a TERMINATED CANCELED, b SKIPPED UPSTREAM_CANCELED, c TERMINATED CANCELED, d TERMINATED CANCELED", state(t, s, "2.1", run))
		assert.Equal(t, object{"has_more": false}, jobsCall(t, s, "2.1", "runs/list?active_only=true", ""))

		run = runJob(t, s, several) // when only the cluster was requested
		jobsCall(t, s, "2.1", "runs/cancel", `{"run_id":`+run+`}`)
		time.Sleep(time.Second)
		assert.Equal(t, "TERMINATED CANCELED, a TERMINATED CANCELED, b TERMINATED CANCELED, c TERMINATED CANCELED, d TERMINATED CANCELED", state(t, s, "2.1", run))
		for _, gone := range []string{single, several} {
			run = runJob(t, s, gone)
			jobsCall(t, s, "2.1", "delete", `{"job_id":`+gone+`}`)
		}
		time.Sleep(time.Second)
		for _, cluster := range callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"].([]any) {
			assert.Equal(t, "TERMINATED", cluster.(object)["state"], "no cluster outlives its job")
		}
	})
}

func TestRuns_outputs(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.ScriptRuns(func(spec RunSpec) RunOutcome {
			switch spec.TaskKey {
			case "fails":
				return RunOutcome{Error: "ZeroDivisionError: division by zero", Trace: "Traceback"}
			case "prints":
				assert.Equal(t, []string{"x"}, spec.Args)
				return RunOutcome{Logs: strings.Repeat("l", 5<<20) + "end"}
			case "much":
				return RunOutcome{Output: strings.Repeat("o", 5<<20+1)}
			}
			return RunOutcome{}
		})
		cluster := newCluster(t, s, `,"num_workers":1`)
		on := `,"existing_cluster_id":"` + cluster + `"`
		run := runJob(t, s, newJob(t, s, "2.1", tasks(
			"fails", `prints "spark_python_task":{"python_file":"dbfs:/a.py","parameters":["x"]}`+on, "much", "silent")))
		time.Sleep(5 * time.Second)
		out := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")
		assert.Equal(t, "INTERNAL_ERROR FAILED", stateOf(out))
		assert.Equal(t, "Task fails failed with message: Workload failed, see run output for details.", out["state"].(object)["state_message"])
		outputs := map[string]object{}
		for _, task := range out["tasks"].([]any) {
			task := task.(object)
			outputs[task["task_key"].(string)] = jobsCall(t, s, "2.1", "runs/get-output?run_id="+task["run_id"].(json.Number).String(), "")
		}
		assert.Equal(t, "ZeroDivisionError: division by zero", outputs["fails"]["error"])
		assert.Equal(t, "Traceback", outputs["fails"]["error_trace"])
		assert.NotContains(t, outputs["fails"], "notebook_output")
		assert.True(t, strings.HasSuffix(outputs["prints"]["logs"].(string), "end"), "the last 5 MB")
		assert.Equal(t, true, outputs["prints"]["logs_truncated"])
		assert.Equal(t, true, outputs["much"]["notebook_output"].(object)["truncated"])
		assert.Equal(t, object{}, outputs["silent"]["notebook_output"])
		jobsFail(t, s, "2.1", "runs/get-output?run_id="+run, "", "INVALID_PARAMETER_VALUE", "Retrieving the output of runs with multiple tasks is not supported.")
		jobsFail(t, s, "2.1", "runs/export?run_id="+run, "", "INVALID_PARAMETER_VALUE", "notebooks")
	})
}

func TestRuns_clusters(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.ScriptRuns(func(RunSpec) RunOutcome { return RunOutcome{Duration: 2 * time.Hour} })
		cluster := newCluster(t, s, `,"num_workers":1,"autotermination_minutes":10`)
		time.Sleep(time.Second)
		change(t, s, "delete", cluster)
		time.Sleep(time.Second)
		run := runJob(t, s, newJob(t, s, "2.0", `"spark_jar_task":{"main_class_name":"X"},"libraries":[{"jar":"dbfs:/a.jar"}],"existing_cluster_id":"`+cluster+`"`))
		assert.Equal(t, "PENDING", getCluster(t, s, cluster)["state"], "a run starts its cluster")
		time.Sleep(499 * time.Millisecond)
		assert.Equal(t, "PENDING", state(t, s, "2.0", run), "until the library is installed, too")
		time.Sleep(time.Millisecond)
		assert.Equal(t, "RUNNING", state(t, s, "2.0", run))
		time.Sleep(time.Hour)
		assert.Equal(t, "RUNNING", getCluster(t, s, cluster)["state"], "a cluster with a run is not idle")
		change(t, s, "delete", cluster)
		out := jobsCall(t, s, "2.0", "runs/get?run_id="+run, "")
		assert.Equal(t, "INTERNAL_ERROR FAILED", stateOf(out))
		assert.Contains(t, out["state"].(object)["state_message"], "was terminated")

		s.FailNextCluster(ClusterFailure{Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE", Message: "sold out"})
		run = runJob(t, s, newJob(t, s, "2.0", notebookJob))
		time.Sleep(time.Second)
		out = jobsCall(t, s, "2.0", "runs/get?run_id="+run, "")
		assert.Equal(t, "INTERNAL_ERROR", stateOf(out), "no result, because it never started")
		assert.Contains(t, out["state"].(object)["state_message"], "CLOUD_PROVIDER_LAUNCH_FAILURE")

		s.ScriptRuns(nil)
		shared := `"job_clusters":[{"job_cluster_key":"k",` + jobCluster + `}],` + tasks(`a "job_cluster_key":"k"`, `b<a "job_cluster_key":"k"`)
		run = runJob(t, s, newJob(t, s, "2.1", shared))
		time.Sleep(5 * time.Second)
		ids := map[any]bool{}
		for _, task := range jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")["tasks"].([]any) {
			ids[task.(object)["cluster_instance"].(object)["cluster_id"]] = true
		}
		require.Len(t, ids, 1, "the tasks share a cluster")
		for id := range ids {
			assert.Equal(t, "TERMINATED", getCluster(t, s, id.(string))["state"])
		}
		assert.Empty(t, s.Panics())
	})
}

// A script gets the parameters of the run, or else those of the task.
func TestRuns_scriptParameters(t *testing.T) {
	var seen RunSpec
	bubble(t, func(t *testing.T, s *Server) {
		for _, row := range []struct {
			task, params, target string
			args                 []string
			named                map[string]string
			resolved             string
		}{
			{`"notebook_task":{"notebook_path":"/n","base_parameters":{"a":"1"}}`, `"notebook_params":{"a":"2"}`, "/n", nil, map[string]string{"a": "2"},
				`{"notebook_task":{"base_parameters":{"a":"2"}}}`},
			{`"spark_jar_task":{"main_class_name":"X","parameters":["a"]}`, ``, "X", []string{"a"}, nil, `{"spark_jar_task":{"parameters":["a"]}}`},
			{`"spark_jar_task":{"main_class_name":"X","parameters":["a"]}`, `"jar_params":["b"]`, "X", []string{"b"}, nil, `{"spark_jar_task":{"parameters":["b"]}}`},
			{`"spark_python_task":{"python_file":"dbfs:/a.py","parameters":["a"]}`, `"python_params":[]`, "dbfs:/a.py", []string{}, nil, `{"spark_python_task":{"parameters":[]}}`},
			{`"spark_submit_task":{"parameters":["--class","X"]}`, `"spark_submit_params":["--class","Y"]`, "", []string{"--class", "Y"}, nil,
				`{"spark_submit_task":{"parameters":["--class","Y"]}}`},
			{`"python_wheel_task":{"package_name":"p","entry_point":"main","named_parameters":{"a":"1","b":"1"}}`, `"python_named_params":{"b":"2"}`, "main", nil,
				map[string]string{"a": "1", "b": "2"}, `{"python_wheel_task":{"parameters":[],"named_parameters":{"a":"1","b":"2"}}}`},
			{`"sql_task":{"warehouse_id":"w","query":{"query_id":"q"}}`, `"sql_params":{"a":"1"}`, "", nil, nil, `{}`},
		} {
			id := newJob(t, s, "2.0", row.task+","+jobCluster)
			body := `{"job_id":` + id + `}`
			if row.params != "" {
				body = `{"job_id":` + id + `,` + row.params + `}`
			}
			run := jobsCall(t, s, "2.0", "run-now", body)["run_id"].(json.Number).String()
			assert.Equal(t, row.target, seen.Target, row.task)
			assert.Equal(t, row.args, seen.Args, row.task)
			if row.named == nil {
				row.named = map[string]string{}
			}
			assert.Equal(t, row.named, seen.Params, row.task)
			assert.Contains(t, string(seen.Task), row.task[:12])
			out := jobsCall(t, s, "2.1", "runs/get?include_resolved_values=true&run_id="+run, "")
			text, err := json.Marshal(out["tasks"].([]any)[0].(object)["resolved_values"])
			require.NoError(t, err)
			assert.JSONEq(t, row.resolved, string(text))
		}
	}, WithRuns(func(spec RunSpec) RunOutcome { seen = spec; return RunOutcome{} }))
}

func TestCompare(t *testing.T) {
	for _, row := range []struct {
		left, op, right string
		want            bool
	}{
		{"12", "EQUAL_TO", "12", true}, {"12", "EQUAL_TO", "12.0", false}, {"12", "NOT_EQUAL", "12.0", true},
		{"9", "LESS_THAN", "10", true}, {"9", "GREATER_THAN", "10", false}, {"10", "GREATER_THAN_OR_EQUAL", "10.0", true}, {"10", "LESS_THAN_OR_EQUAL", "9", false},
		{"b", "GREATER_THAN", "a", true},
	} {
		assert.Equal(t, row.want, compare(row.left, row.op, row.right), "%+v", row)
	}
}

func TestRuns_ofOtherJobs(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		fail := ""
		s.ScriptRuns(func(spec RunSpec) RunOutcome {
			if spec.TaskKey != "inner" {
				return RunOutcome{}
			}
			assert.Equal(t, map[string]string{"day": "2", "x": "1"}, spec.Params)
			return RunOutcome{Duration: time.Minute, Error: fail}
		})
		inner := newJob(t, s, "2.1", `"parameters":[{"name":"day","default":"1"},{"name":"x","default":"1"}],`+tasks("inner"))
		outer := newJob(t, s, "2.1", tasks(`outer "run_job_task":{"job_id":`+inner+`,"job_parameters":{"day":"2"}}`))
		run := runJob(t, s, outer)
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING, outer RUNNING", state(t, s, "2.1", run))
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATED SUCCESS, outer TERMINATED SUCCESS", state(t, s, "2.1", run))
		child := jobsCall(t, s, "2.1", "runs/get-output?run_id="+run, "")["run_job_output"].(object)["run_id"].(json.Number).String()
		out := jobsCall(t, s, "2.1", "runs/get?run_id="+child, "")
		assert.Equal(t, "RUN_JOB_TASK", out["trigger"])
		assert.Equal(t, []any{object{"name": "day", "default": "1", "value": "2"}, object{"name": "x", "default": "1", "value": "1"}}, out["job_parameters"])

		fail = "no"
		run = runJob(t, s, outer)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "INTERNAL_ERROR FAILED, outer TERMINATED FAILED", state(t, s, "2.1", run))
	})
}

func TestRuns_only(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.1", tasks("a", "b<a", "c<b", "d"))
		for only, want := range map[string]string{`"b"`: "b", `"+b"`: "a b", `"b+"`: "b c", `"+b+"`: "a b c", `"a","d"`: "a d"} {
			run := jobsCall(t, s, "2.1", "run-now", `{"job_id":`+id+`,"only":[`+only+`]}`)["run_id"].(json.Number).String()
			time.Sleep(5 * time.Second)
			var keys []string
			out := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")
			for _, task := range out["tasks"].([]any) {
				keys = append(keys, task.(object)["task_key"].(string))
			}
			assert.Equal(t, want, strings.Join(keys, " "), only)
			assert.Equal(t, "TERMINATED SUCCESS", stateOf(out))
		}
		jobsFail(t, s, "2.1", "run-now", `{"job_id":`+id+`,"only":["x"]}`, "INVALID_PARAMETER_VALUE", "Task 'x' does not exist")
	})
}

func TestRuns_repair(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		broken := true
		s.ScriptRuns(func(spec RunSpec) RunOutcome {
			return RunOutcome{Error: map[bool]string{true: "no"}[broken && spec.TaskKey == "b"]}
		})
		run := runJob(t, s, newJob(t, s, "2.1", tasks("a", "b<a", "c<b", "d")))
		const all = `"rerun_all_failed_tasks":true`
		repair := func(more string) string { return `{"run_id":` + run + `,` + more + `}` }
		jobsFail(t, s, "2.1", "runs/repair", repair(all), "INVALID_STATE", "still in progress")
		time.Sleep(5 * time.Second)
		before := "INTERNAL_ERROR FAILED, a TERMINATED SUCCESS, b TERMINATED FAILED, c SKIPPED UPSTREAM_FAILED, d TERMINATED SUCCESS"
		assert.Equal(t, before, state(t, s, "2.1", run))
		jobsFail(t, s, "2.1", "runs/repair", repair(all+`,"rerun_tasks":["b"]`), "INVALID_PARAMETER_VALUE", "Exactly one")
		jobsFail(t, s, "2.1", "runs/repair", repair(`"rerun_tasks":["x"]`), "INVALID_PARAMETER_VALUE", "Task 'x' does not exist")

		first := jobsCall(t, s, "2.1", "runs/repair", repair(all))["repair_id"].(json.Number).String()
		assert.Contains(t, state(t, s, "2.1", run), "b PENDING, c BLOCKED")
		time.Sleep(5 * time.Second)
		broken = false
		jobsFail(t, s, "2.1", "runs/repair", repair(all), "INVALID_PARAMETER_VALUE", "The latest repair ID needs to be provided in order to create a new repair")
		jobsCall(t, s, "2.1", "runs/repair", repair(`"rerun_tasks":["b"],"latest_repair_id":`+first))
		time.Sleep(5 * time.Second)
		out := jobsCall(t, s, "2.1", "runs/get?include_history=true&run_id="+run, "")
		assert.Equal(t, "TERMINATED SUCCESS", stateOf(out))
		assert.Len(t, out["tasks"], 8)
		var counts []int
		for _, item := range out["repair_history"].([]any) {
			counts = append(counts, len(item.(object)["task_run_ids"].([]any)))
		}
		assert.Equal(t, []int{4, 2, 2}, counts)
	})
}

func TestRuns_idempotency(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.0", notebookJob)
		submit := `{"idempotency_token":"t",` + notebookJob + `}`
		for call, body := range map[string]string{"run-now": `{"idempotency_token":"t","job_id":` + id + `}`, "runs/submit": submit} {
			run := jobsCall(t, s, "2.0", call, body)["run_id"].(json.Number).String()
			time.Sleep(time.Minute)
			assert.Equal(t, run, jobsCall(t, s, "2.0", call, body)["run_id"].(json.Number).String(), "the token stays in use when the run has ended")
			jobsCall(t, s, "2.0", "runs/delete", `{"run_id":`+run+`}`)
			jobsFail(t, s, "2.0", call, body, "INVALID_PARAMETER_VALUE", "was deleted")
			jobsFail(t, s, "2.0", call, strings.Replace(body, `:"t"`, `:"`+strings.Repeat("t", 65)+`"`, 1), "INVALID_PARAMETER_VALUE", "64 characters")
		}
		out := jobsCall(t, s, "2.0", "runs/submit", `{"run_name":"once","max_retries":3,`+notebookJob+`}`)
		out = jobsCall(t, s, "2.0", "runs/get?run_id="+out["run_id"].(json.Number).String(), "")
		assert.Equal(t, "SUBMIT_RUN", out["run_type"])
		assert.Equal(t, "once", out["run_name"])
		jobsFail(t, s, "2.0", "get?job_id="+out["job_id"].(json.Number).String(), "", "INVALID_PARAMETER_VALUE", "does not exist")
	})
}

func TestRuns_parameters(t *testing.T) {
	s := newServer(t, WithoutSocket())
	id := newJob(t, s, "2.0", notebookJob)
	for more, message := range map[string]string{
		`"jar_params":["` + strings.Repeat("x", 10000) + `"]`: "The JSON representation of jar_params must not exceed 10,000 bytes.",
		`"jar_params":["x"],"notebook_params":{"a":"b"}`:      "cannot be specified together",
		`"notebook_params":{"a":"ü"}`:                         "ASCII",
	} {
		jobsFail(t, s, "2.0", "run-now", `{"job_id":`+id+`,`+more+`}`, "INVALID_PARAMETER_VALUE", message)
	}
}

func TestRuns_list(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.1", tasks("a")+`,"max_concurrent_runs":1000`)
		var runs []string
		for range 60 {
			runs = append([]string{runJob(t, s, id)}, runs...)
			time.Sleep(time.Millisecond)
		}
		listed := func(version, query string) (ids []string, page object) {
			page = jobsCall(t, s, version, "runs/list?"+query, "")
			list, _ := page["runs"].([]any)
			for _, run := range list {
				ids = append(ids, run.(object)["run_id"].(json.Number).String())
			}
			return ids, page
		}
		for version, sizes := range map[string][3]int{"2.0": {20, 60, 60}, "2.1": {20, 25, 26}, "2.2": {20, 25, 26}} {
			for i, query := range []string{"", "limit=0", map[string]string{"2.0": "limit=999"}[version]} {
				if query == "" && i == 2 {
					query = "limit=26"
				}
				got, page := listed(version, query)
				assert.Equal(t, runs[:sizes[i]], got, "%s %s", version, query)
				assert.Equal(t, sizes[i] < 60, page["has_more"])
			}
		}
		got, page := listed("2.0", "limit=10&offset=55")
		assert.Equal(t, runs[55:], got)
		assert.Equal(t, false, page["has_more"])
		assert.NotContains(t, page, "next_page_token")
		assert.Contains(t, page["runs"].([]any)[0], "tasks")

		got, page = listed("2.1", "limit=25")
		assert.NotContains(t, page["runs"].([]any)[0], "tasks")
		runJob(t, s, id) // must not shift the pages
		more, page := listed("2.1", "limit=25&expand_tasks=true&page_token="+page["next_page_token"].(string))
		assert.Contains(t, page["runs"].([]any)[0], "tasks")
		assert.Contains(t, page, "prev_page_token")
		last, page := listed("2.1", "limit=25&page_token="+page["next_page_token"].(string))
		assert.Equal(t, runs, append(append(got, more...), last...))
		assert.NotContains(t, page, "next_page_token")

		time.Sleep(time.Hour)
		got, _ = listed("2.0", "active_only=true")
		assert.Empty(t, got)
		runJob(t, s, id)
		got, _ = listed("2.0", "active_only=true")
		assert.Len(t, got, 1)
		got, _ = listed("2.0", fmt.Sprintf("start_time_from=%d", s.now().Add(-time.Minute).UnixMilli()))
		assert.Len(t, got, 1)
		got, _ = listed("2.0", fmt.Sprintf("limit=0&completed_only=true&job_id=%s&run_type=JOB_RUN&start_time_to=%d", id, s.now().Add(-time.Minute).UnixMilli()))
		assert.Len(t, got, 61)
		got, _ = listed("2.0", "job_id="+newJob(t, s, "2.0", notebookJob))
		assert.Empty(t, got)

		const bad = "INVALID_PARAMETER_VALUE"
		jobsFail(t, s, "2.0", "runs/list?active_only=true&completed_only=true", "", bad, "cannot be both true")
		jobsFail(t, s, "2.0", "runs/list?limit=1000", "", bad, "Invalid limit 1000 - it has to be no more than 999.")
		jobsFail(t, s, "2.1", "runs/list?limit=27", "", bad, "Invalid limit 27 - it has to be no more than 26.")
		jobsFail(t, s, "2.1", "runs/list?offset=10020", "", bad, "The supplied offset 10020 has exceeded the value of 10000 allowed for this parameter.")
		jobsFail(t, s, "2.1", "runs/list?page_token=x", "", bad, "Invalid page token")
	})
}

func TestJobs_limits(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.0", notebookJob)
		newJob(t, s, "2.0", notebookJob)
		jobsFail(t, s, "2.0", "create", "{"+notebookJob+"}", "QUOTA_EXCEEDED", "The quota for the number of jobs has been reached. The current quota is 2.")
		runJob(t, s, id)
		callFails(t, s, "POST", "/api/2.0/jobs/run-now", `{"job_id":`+id+`}`, 429, "TOO_MANY_REQUESTS", "1 active runs")
		callFails(t, s, "POST", "/api/2.0/jobs/runs/submit", "{"+notebookJob+"}", 429, "TOO_MANY_REQUESTS", "1 active runs")
		time.Sleep(time.Minute)
		runJob(t, s, id)
		time.Sleep(time.Minute)
		jobsFail(t, s, "2.0", "run-now", `{"job_id":`+id+`}`, "INVALID_STATE", "There were already 4 jobs created in past 3600 seconds, exceeding rate limit")
		time.Sleep(time.Hour)
		runJob(t, s, id)
	}, WithJobLimits(JobLimits{Jobs: 2, PerHour: 4, ActiveRuns: 1}))
}

func TestJobs_permissions(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"ops"}}),
		WithUser(User{Name: "bob@example.com", Token: "dapi-bob"}))
	as := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	id := newJob(t, s, "2.0", notebookJob+`,"access_control_list":[{"group_name":"ops","permission_level":"CAN_MANAGE_RUN"}]`)
	run := runJob(t, s, id)
	for _, row := range []struct {
		call, body string
		alice, bob int
	}{
		{"get?job_id=" + id, "", 200, 403},
		{"runs/get?run_id=" + run, "", 200, 403},
		{"run-now", `{"job_id":` + id + `}`, 200, 403},
		{"runs/cancel", `{"run_id":` + run + `}`, 200, 403},
		{"runs/cancel-all", `{"job_id":` + id + `}`, 200, 403},
		{"update", `{"job_id":` + id + `}`, 403, 403},
		{"reset", `{"job_id":` + id + `,"new_settings":{}}`, 403, 403},
		{"delete", `{"job_id":` + id + `}`, 403, 403},
		{"runs/delete", `{"run_id":` + run + `}`, 403, 403},
		{"get?job_id=5", "", 403, 403}, // permissions are checked before existence
	} {
		for token, want := range map[string]int{"dapi-alice": row.alice, "dapi-bob": row.bob} {
			got := send(t, s, methodOf(row.body), "/api/2.0/jobs/"+row.call, row.body, as(token))
			assert.Equal(t, want, got.status, "%s %s: %s", token, row.call, got.body)
		}
	}
	assert.Equal(t, "{}", send(t, s, "GET", "/api/2.0/jobs/list", "", as("dapi-bob")).body)
	assert.Contains(t, send(t, s, "GET", "/api/2.0/jobs/list", "", as("dapi-alice")).body, id)
	assert.Contains(t, send(t, s, "POST", "/api/2.0/jobs/update", `{"job_id":`+id+`}`, as("dapi-alice")).body,
		"alice@example.com does not have Manage permissions on Job with ID: ElasticJobId("+id+").")
}

func TestJobs_schedules(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.1", `"schedule":{"quartz_cron_expression":"0 30 6 * * ?","timezone_id":"Europe/Berlin"},`+tasks("a"))
		starts := func() (starts []string) {
			list, _ := jobsCall(t, s, "2.0", "runs/list?limit=0", "")["runs"].([]any)
			for _, run := range list {
				at, err := run.(object)["start_time"].(json.Number).Int64()
				require.NoError(t, err)
				starts = append(starts, time.UnixMilli(at).UTC().Format("01-02 15:04:05"))
				assert.Equal(t, "PERIODIC", run.(object)["trigger"])
			}
			return starts
		}
		time.Sleep(48 * time.Hour) // starts at the first of January 2000
		assert.Equal(t, []string{"01-02 05:30:00", "01-01 05:30:00"}, starts())
		assert.Equal(t, "0 30 6 * * ?", jobsCall(t, s, "2.0", "runs/list", "")["runs"].([]any)[0].(object)["schedule"].(object)["quartz_cron_expression"])
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"new_settings":{"schedule":{"quartz_cron_expression":"0 30 6 * * ?","timezone_id":"UTC","pause_status":"PAUSED"}}}`)
		time.Sleep(48 * time.Hour)
		assert.Len(t, starts(), 2)
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"fields_to_remove":["schedule"],"new_settings":{"trigger":{"periodic":{"interval":6,"unit":"HOURS"}}}}`)
		time.Sleep(13 * time.Hour)
		assert.Len(t, starts(), 4)

		// A leap of the clock does not create a run for each second of a year.
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"fields_to_remove":["trigger"],"new_settings":{"schedule":{"quartz_cron_expression":"* * * * * ?","timezone_id":"UTC"}}}`)
		time.Sleep(365 * 24 * time.Hour)
		jobsCall(t, s, "2.0", "runs/list?limit=0", "")
	})
}

func TestCron(t *testing.T) {
	from := time.Date(2024, 2, 27, 12, 0, 0, 0, time.UTC) // a Tuesday
	for _, row := range []struct{ text, zone, want string }{
		{"0 0 12 * * ?", "UTC", "2024-02-28 12:00:00"},
		{"0 0/20 9-17 ? * MON-FRI", "UTC", "2024-02-27 12:20:00"},
		{"30 15,45 * * * ?", "UTC", "2024-02-27 12:15:30"},
		{"0 0 0 L * ?", "UTC", "2024-02-29 00:00:00"},
		{"0 0 0 L-2 * ?", "UTC", "2024-03-29 00:00:00"},
		{"0 0 0 LW 3 ?", "UTC", "2024-03-29 00:00:00"},
		{"0 0 0 2W * ?", "UTC", "2024-03-01 00:00:00"},
		{"0 0 0 1W 6 ?", "UTC", "2024-06-03 00:00:00"},
		{"0 0 0 ? * 6L", "UTC", "2024-03-29 00:00:00"},
		{"0 0 0 ? * FRI#2", "UTC", "2024-03-08 00:00:00"},
		{"0 0 0 ? * L", "UTC", "2024-03-02 00:00:00"},
		{"0 0 0 ? * FRI-MON", "UTC", "2024-03-01 00:00:00"},
		{"0 0 0 29 FEB ? 2028", "UTC", "2028-02-29 00:00:00"},
		{"0 0 0 31 2 ?", "UTC", "never"},
		{"0 0 0 1 1 ? 2023", "UTC", "never"},
		{"0 30 2 31 3 ?", "Europe/Berlin", "2025-03-31 00:30:00"}, // daylight saving time starts in 2024
		{"0 0 8 * * ?", "America/Los_Angeles", "2024-02-27 16:00:00"},
		{"0 0 8 * * ?", "GMT+02:00", "2024-02-28 06:00:00"},
		{"0 0/30 * * * ?", "Asia/Kolkata", "2024-02-27 12:30:00"},
	} {
		c, err := parseCron(row.text, row.zone)
		require.NoError(t, err, row.text)
		got := "never"
		if at := c.next(from); !at.IsZero() {
			got = at.UTC().Format(time.DateTime)
		}
		assert.Equal(t, row.want, got, "%s %s", row.text, row.zone)
	}
	for _, text := range []string{
		"", "* * * * *", "0 0 0 * * ? 2024 1", "60 0 0 * * ?", "0 0 24 * * ?", "0 0 0 32 * ?", "0 0 0 * 13 ?", "0 0 0 ? * 8", "0 0 0 ? * ?",
		"0 0 0 * * *", "0 0/0 0 * * ?", "0 a 0 * * ?", "0 -1 0 * * ?", "0 0 0 ? * FRI#6", "0 0 0 32W * ?", "0 0 0 0W * ?",
	} {
		_, err := parseCron(text, "UTC")
		assert.Error(t, err, text)
	}
}

// BenchmarkRuns_list measures lists in a workspace with many runs.
func BenchmarkRuns_list(b *testing.B) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newServer(b, WithoutSocket(), WithJobLimits(JobLimits{PerHour: -1}), WithClock(func() time.Time { return now }))
	id := newJob(b, s, "2.1", tasks("a"))
	for range 10000 {
		runJob(b, s, id)
		now = now.Add(time.Second)
	}
	b.ReportAllocs()
	for b.Loop() {
		for offset := 0; offset < 10000; offset += 999 {
			send(b, s, "GET", fmt.Sprintf("/api/2.0/jobs/runs/list?limit=999&offset=%d", offset), "")
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("0 0/20 9-17 ? * MON-FRI 2024-2030", "UTC")
	f.Add("0 0 0 L-3W,15W * ?", "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text, zone string) {
		c, err := parseCron(text, zone)
		if err != nil {
			return
		}
		from := time.Date(2024, 2, 27, 12, 0, 0, 0, time.UTC)
		if at := c.next(from); !at.IsZero() && !at.After(from) {
			t.Errorf("%q in %q: %v is not after %v", text, zone, at, from)
		}
	})
}
