package databrickstest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// withSources makes tasks fail if their sources do not exist, as it is the
// default outside of the tests of this package.
func withSources(s *Server) { s.jobs.anySource = false }

// importSource imports a notebook, or a file if its name ends with .py.
func importSource(t testing.TB, s *Server, path, text string) {
	t.Helper()
	kind := `"language":"PYTHON"`
	if strings.HasSuffix(path, ".py") {
		kind = `"format":"RAW"`
	}
	callOK(t, s, "POST", "/api/2.0/workspace/import", fmt.Sprintf(`{"path":%q,%s,"overwrite":true,"content":%q}`, path, kind, base64.StdEncoding.EncodeToString([]byte(text))))
}

func TestRuns_missingSources(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		importSource(t, s, "/Shared/book", "1")
		importSource(t, s, "/Shared/file.py", "1")
		importSource(t, s, "/Users/alice@example.com/book", "1")
		callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path":"/a/file.py","contents":"MQ=="}`)
		callOK(t, s, "POST", "/api/2.1/unity-catalog/volumes", `{"catalog_name":"main","schema_name":"default","name":"v","volume_type":"MANAGED"}`)
		send(t, s, "PUT", "/api/2.0/fs/files/Volumes/main/default/v/file.py", "1")
		id := newCluster(t, s, `,"num_workers":1`)
		notebook := func(path string) string { return fmt.Sprintf(`"notebook_task":{"notebook_path":%q}`, path) }
		python := func(file string) string {
			return fmt.Sprintf(`"spark_python_task":{"python_file":%q},"existing_cluster_id":%q`, file, id)
		}
		submit := func(params ...string) string {
			text, _ := json.Marshal(params)
			return `"spark_submit_task":{"parameters":` + string(text) + `},"new_cluster":{"num_workers":1,"spark_version":"13.3.x-scala2.12","node_type_id":"Standard_DS3_v2"}`
		}
		for _, row := range []struct{ task, problem string }{
			{notebook("/Shared/book"), ""},
			{notebook("/Workspace/Shared/book"), ""},
			{notebook("/Shared/none"), `Unable to access the notebook "/Shared/none". Either it does not exist, or the identity used to run this job, ` + AdminName + `, lacks the required permissions.`},
			{notebook("/Shared/file.py"), "Unable to access the notebook"},
			{notebook("/Shared"), "Unable to access the notebook"},
			{`"notebook_task":{"notebook_path":"/Shared/none","source":"GIT"}`, ""},
			{python("dbfs:/a/file.py"), ""},
			{python("dbfs:/a/none.py"), "Cannot read the python file dbfs:/a/none.py"},
			{python("dbfs:/a"), "Cannot read the python file dbfs:/a"},
			{python("/Workspace/Shared/file.py"), ""},
			{python("/Shared/none.py"), "Cannot read the python file /Shared/none.py"},
			{python("/Shared/book"), "Cannot read the python file"},
			{python("/Volumes/main/default/v/file.py"), ""},
			{python("/Volumes/main/default/v/none.py"), "Cannot read the python file"},
			{python("none.py"), "Cannot read the python file"},
			{python("s3://bucket/file.py"), ""},
			{`"sql_task":{"warehouse_id":"w","file":{"path":"/Shared/none.sql"}}`, "Unable to access the file /Shared/none.sql"},
			{submit("--class", "A", "--verbose", "dbfs:/a/none.jar", "dbfs:/x"), "Unable to access the file dbfs:/a/none.jar"},
			{submit("--conf", "a=b", "--py-files=dbfs:/z.py", "dbfs:/a/file.py"), ""},
			{submit("--class", "A", "s3://bucket/a.jar"), ""},
			{submit("--version"), ""},
			{`"dbt_task":{"commands":["dbt run"],"project_directory":"/Workspace/Shared/none","source":"WORKSPACE","warehouse_id":"w"}`, "Unable to access the directory /Workspace/Shared/none"},
			{`"dbt_task":{"commands":["dbt run"],"project_directory":"/Workspace/Shared","source":"WORKSPACE","warehouse_id":"w"}`, ""},
			{`"for_each_task":{"inputs":"[1]","task":{"task_key":"i",` + notebook("/Shared/none") + `}}`, "Unable to access the notebook"},
		} {
			run := jobsCall(t, s, "2.1", "runs/submit", `{"tasks":[{"task_key":"a",`+row.task+`}]}`)["run_id"].(json.Number).String()
			time.Sleep(time.Minute)
			got := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")
			if row.problem == "" {
				assert.Equal(t, "TERMINATED SUCCESS", stateOf(got), row.task)
				continue
			}
			assert.Equal(t, "INTERNAL_ERROR FAILED", stateOf(got), row.task)
			assert.Contains(t, got["tasks"].([]any)[0].(object)["state"].(object)["state_message"], row.problem)
			assert.Contains(t, jobsCall(t, s, "2.1", "runs/get-output?run_id="+run, "")["error"], row.problem)
		}
		job := newJob(t, s, "2.1", `"tasks":[{"task_key":"a",`+notebook("/Users/alice@example.com/book")+`}],"run_as":{"user_name":"bob@example.com"}`)
		run := runJob(t, s, job)
		time.Sleep(time.Minute)
		assert.Equal(t, "INTERNAL_ERROR FAILED, a INTERNAL_ERROR FAILED", state(t, s, "2.1", run), "alice may read it, bob may not")
	}, withSources, WithUser(User{Name: "alice@example.com", Token: "alice"}), WithUser(User{Name: "bob@example.com", Token: "bob"}))

	bubble(t, func(t *testing.T, s *Server) {
		run := jobsCall(t, s, "2.1", "runs/submit", "{"+tasks("a")+"}")["run_id"].(json.Number).String()
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATED SUCCESS, a TERMINATED SUCCESS", state(t, s, "2.1", run), "a script determines the outcome")
	}, withSources, WithRuns(func(RunSpec) RunOutcome { return RunOutcome{} }))
}

func TestRuns_forEach(t *testing.T) {
	var specs []RunSpec
	bubble(t, func(t *testing.T, s *Server) {
		each := func(inputs, more string) string {
			return fmt.Sprintf(`"tasks":[{"task_key":"loop","for_each_task":{"inputs":%q,"task":{"task_key":"one","notebook_task":{"notebook_path":"/n","base_parameters":{"p":"{{input.x}}","all":"{{input}}","run":"{{job.run_id}}"}}}%s}}]`, inputs, more)
		}
		job := newJob(t, s, "2.2", each(`[{"x":"a"},{"x":"b"},{"x":"bad"}]`, `,"concurrency":2`)+`,"name":"loop"`)
		run := runJob(t, s, job)
		outer := func() object {
			return jobsCall(t, s, "2.2", "runs/get?run_id="+run, "")["tasks"].([]any)[0].(object)
		}
		stats := func() object {
			return outer()["for_each_task"].(object)["stats"].(object)["task_run_stats"].(object)
		}
		time.Sleep(200 * time.Millisecond)
		assert.Equal(t, object{"total_iterations": json.Number("3"), "scheduled_iterations": json.Number("2"), "active_iterations": json.Number("2"),
			"completed_iterations": json.Number("0"), "succeeded_iterations": json.Number("0"), "failed_iterations": json.Number("0")}, stats())
		assert.Equal(t, "RUNNING", stateOf(outer()))
		assert.Len(t, jobsCall(t, s, "2.2", "runs/list?job_id="+job, "")["runs"], 1, "iterations are not runs")
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATED FAILED", stateOf(outer()), "one of them failed")
		assert.Equal(t, json.Number("2"), stats()["succeeded_iterations"])
		assert.Equal(t, json.Number("1"), stats()["failed_iterations"])
		assert.Equal(t, []any{object{"count": json.Number("1"), "error_message": "no", "termination_category": "RUN_EXECUTION_ERROR"}},
			outer()["for_each_task"].(object)["stats"].(object)["error_message_stats"])
		var params []map[string]string
		for _, spec := range specs {
			if spec.TaskKey == "one" {
				params = append(params, spec.Params)
				assert.Equal(t, "loop", spec.RunName)
			}
		}
		assert.ElementsMatch(t, []map[string]string{{"p": "a", "all": `{"x":"a"}`, "run": run}, {"p": "b", "all": `{"x":"b"}`, "run": run}, {"p": "bad", "all": `{"x":"bad"}`, "run": run}}, params)

		task := jobsCall(t, s, "2.2", "runs/get?run_id="+outer()["run_id"].(json.Number).String(), "")
		iterations := task["iterations"].([]any)
		assert.Len(t, iterations, 3)
		for i, want := range []string{"TERMINATED SUCCESS", "TERMINATED SUCCESS", "TERMINATED FAILED"} {
			assert.Equal(t, want, stateOf(iterations[i].(object)))
			id := iterations[i].(object)["run_id"].(json.Number).String()
			out := jobsCall(t, s, "2.2", "runs/get-output?run_id="+id, "")
			assert.Equal(t, i == 2, out["error"] == "no")
			jobsCall(t, s, "2.2", "runs/get?run_id="+id, "")
		}

		jobsCall(t, s, "2.2", "reset", `{"job_id":`+job+`,"new_settings":{`+each("[1,2,3]", "")+`,"timeout_seconds":3600}}`)
		run = runJob(t, s, job)
		time.Sleep(400 * time.Millisecond)
		assert.Equal(t, json.Number("1"), stats()["active_iterations"], "one after another")
		jobsCall(t, s, "2.2", "runs/cancel", `{"run_id":`+run+`}`)
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATED CANCELED", stateOf(outer()))
		assert.Empty(t, s.jobs.runs.inner, "nothing is still running")

		for _, inputs := range []string{"[]", "no list"} {
			jobsCall(t, s, "2.2", "reset", `{"job_id":`+job+`,"new_settings":{`+each(inputs, "")+`}}`)
			run = runJob(t, s, job)
			time.Sleep(time.Minute)
			assert.Equal(t, map[string]string{"[]": "TERMINATED SUCCESS", "no list": "INTERNAL_ERROR FAILED"}[inputs], stateOf(outer()))
		}
		jobsCall(t, s, "2.2", "delete", `{"job_id":`+job+`}`)
		assert.Empty(t, s.jobs.runs.attempts, "iterations are deleted with their runs")
		jobsFail(t, s, "2.2", "create", `{"tasks":[{"task_key":"loop","for_each_task":{"inputs":"[1]","task":{"task_key":"one"}}}]}`, "INVALID_PARAMETER_VALUE", "must be specified")
		jobsFail(t, s, "2.2", "create", `{`+each("[1]", `,"concurrency":101`)+`}`, "INVALID_PARAMETER_VALUE", "concurrency")
	}, WithRuns(func(spec RunSpec) RunOutcome {
		specs = append(specs, spec)
		if spec.Params["p"] == "bad" {
			return RunOutcome{Error: "no"}
		}
		return RunOutcome{}
	}))
}

func TestRuns_forEachOnSharedCluster(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		run := jobsCall(t, s, "2.1", "runs/submit", `{"job_clusters":[{"job_cluster_key":"c",`+jobCluster+`}],
			"tasks":[{"task_key":"loop","for_each_task":{"inputs":"[1,2]","task":{"task_key":"one","job_cluster_key":"c","notebook_task":{"notebook_path":"/n"}}}}]}`)["run_id"].(json.Number).String()
		time.Sleep(time.Minute)
		assert.Equal(t, "TERMINATED SUCCESS, loop TERMINATED SUCCESS", state(t, s, "2.1", run))
		clusters := callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"].([]any)
		assert.Len(t, clusters, 1, "the iterations share it")
		assert.Equal(t, "TERMINATED", clusters[0].(object)["state"])
	})
}

func TestRuns_references(t *testing.T) {
	specs := map[string]RunSpec{}
	bubble(t, func(t *testing.T, s *Server) {
		job := newJob(t, s, "2.1", tasks("a",
			`b<a "notebook_task":{"notebook_path":"/{{job.name}}","base_parameters":{"v":"{{tasks.a.values.v}}","deep":"{{ tasks.a.values.o.p }}","id":"{{job.id}}","key":"{{task.name}}","p":"{{job.parameters.day}}","unknown":"{{job.moon}}"}}`,
			`c<a "condition_task":{"op":"GREATER_THAN","left":"{{tasks.a.values.v}}","right":"6"}`,
			`d<a "for_each_task":{"inputs":"{{tasks.a.values.list}}","task":{"task_key":"i","notebook_task":{"notebook_path":"/i","base_parameters":{"n":"{{input}}"}}}}`,
		)+`,"name":"nightly","parameters":[{"name":"day","default":"mon"}]`)
		run := jobsCall(t, s, "2.1", "run-now", `{"job_id":`+job+`,"job_parameters":{"day":"sun"}}`)["run_id"].(json.Number).String()
		time.Sleep(time.Minute)
		assert.Contains(t, state(t, s, "2.1", run), "TERMINATED SUCCESS")
		spec := specs["b"]
		assert.Equal(t, "/nightly", spec.Target)
		assert.Equal(t, map[string]string{"v": "7", "deep": "x", "id": job, "key": "b", "p": "sun", "unknown": "{{job.moon}}", "day": "sun"}, spec.Params)
		assert.Equal(t, "20", specs["i"].Params["n"])
		got := jobsCall(t, s, "2.1", "runs/get?include_resolved_values=true&run_id="+run, "")["tasks"].([]any)
		assert.Equal(t, "{{tasks.a.values.v}}", got[2].(object)["condition_task"].(object)["left"])
		assert.Equal(t, "true", got[2].(object)["condition_task"].(object)["outcome"])
		assert.Equal(t, "7", got[2].(object)["resolved_values"].(object)["condition_task"].(object)["left"])
	}, WithRuns(func(spec RunSpec) RunOutcome {
		specs[spec.TaskKey] = spec
		return RunOutcome{Values: map[string]any{"v": 7, "o": map[string]any{"p": "x"}, "list": []int{10, 20}}}
	}))
}

func TestJobs_continuous(t *testing.T) {
	fail := false
	bubble(t, func(t *testing.T, s *Server) {
		id := newJob(t, s, "2.1", tasks("a")+`,"continuous":{}`)
		runs := func() []any {
			list, _ := jobsCall(t, s, "2.1", "runs/list?job_id="+id, "")["runs"].([]any)
			return list
		}
		assert.Len(t, runs(), 1, "it starts by itself")
		assert.Equal(t, "CONTINUOUS", runs()[0].(object)["trigger"])
		time.Sleep(time.Minute)
		n := len(runs())
		assert.Greater(t, n, 5, "one run after another")
		for _, r := range runs()[1:] {
			assert.Equal(t, "TERMINATED SUCCESS", stateOf(r.(object)))
		}
		fail = true
		time.Sleep(time.Hour)
		assert.Less(t, len(runs()), n+15, "the pause grows with failures")
		shown := jobsCall(t, s, "2.1", "get?include_trigger_state=true&job_id="+id, "")["trigger_state"].(object)["continuous"].(object)
		assert.Equal(t, true, shown["is_backing_off"])
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"new_settings":{"continuous":{"pause_status":"PAUSED"}}}`)
		n = len(runs())
		time.Sleep(24 * time.Hour)
		assert.Len(t, runs(), n)

		fail = false
		jobsCall(t, s, "2.1", "update", `{"job_id":`+id+`,"new_settings":{"continuous":{"pause_status":"UNPAUSED"}}}`)
		time.Sleep(365 * 24 * time.Hour) // a leap of the clock does not create a million runs
		jobsCall(t, s, "2.1", "runs/list?limit=1&job_id="+id, "")
		assert.Less(t, len(s.jobs.runs.order), 3000)
	}, WithRuns(func(RunSpec) RunOutcome {
		if fail {
			return RunOutcome{Error: "no"}
		}
		return RunOutcome{}
	}))
}

func TestRuns_later(t *testing.T) {
	stopped := make(chan string, 10)
	bubble(t, func(t *testing.T, s *Server) {
		submit := func(name string) string {
			return jobsCall(t, s, "2.1", "runs/submit", `{"run_name":"`+name+`","timeout_seconds":60,`+tasks("a")+"}")["run_id"].(json.Number).String()
		}
		good, bad, slow, canceled := submit("good"), submit("bad"), submit("slow"), submit("canceled")
		time.Sleep(10 * time.Second)
		assert.Equal(t, "RUNNING, a RUNNING", state(t, s, "2.1", good))
		jobsCall(t, s, "2.1", "runs/cancel", `{"run_id":`+canceled+`}`)
		assert.Equal(t, "canceled", <-stopped)
		time.Sleep(31 * time.Second) // the script runs when a request advances the workspace
		assert.Equal(t, "TERMINATED SUCCESS, a TERMINATED SUCCESS", state(t, s, "2.1", good))
		assert.Equal(t, "out", jobsCall(t, s, "2.1", "runs/get-output?run_id="+good, "")["notebook_output"].(object)["result"])
		out := jobsCall(t, s, "2.1", "runs/get-output?run_id="+bad, "")
		assert.Contains(t, out["error"], "The script panicked: oops")
		assert.Equal(t, "TERMINATED CANCELED, a TERMINATED CANCELED", state(t, s, "2.1", canceled))
		time.Sleep(time.Minute)
		state(t, s, "2.1", slow)
		assert.Equal(t, "slow", <-stopped)
		time.Sleep(time.Second)
		assert.Contains(t, state(t, s, "2.1", slow), "TERMINATED TIMEDOUT")
		submit("last")
		time.Sleep(time.Second)
		state(t, s, "2.1", slow)
		go s.Close()
		assert.Equal(t, "last", <-stopped, "the server waits for it")
	}, WithRuns(func(spec RunSpec) RunOutcome {
		return RunOutcome{Later: func(ctx context.Context) RunOutcome {
			switch spec.RunName {
			case "good":
				time.Sleep(30 * time.Second)
				return RunOutcome{Output: "out"}
			case "bad":
				panic("oops")
			}
			<-ctx.Done()
			stopped <- spec.RunName
			return RunOutcome{Output: "too late"}
		}}
	}))
}

// With these timings, people can see states and cancel runs by hand.
func TestWatchableTimings(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":1`)
		run := jobsCall(t, s, "2.1", "runs/submit", `{"tasks":[{"task_key":"a","notebook_task":{"notebook_path":"/n"},`+jobCluster+`}]}`)["run_id"].(json.Number).String()
		for _, want := range []string{"PENDING PENDING", "PENDING PENDING", "RUNNING RUNNING"} {
			time.Sleep(2 * time.Second)
			assert.Equal(t, want, fmt.Sprint(getCluster(t, s, id)["state"], " ", stateOf(jobsCall(t, s, "2.1", "runs/get?run_id="+run, ""))))
		}
		jobsCall(t, s, "2.1", "runs/cancel", `{"run_id":`+run+`}`)
		assert.Contains(t, state(t, s, "2.1", run), "TERMINATING,")
		time.Sleep(2 * time.Second)
		assert.Equal(t, "TERMINATED CANCELED, a TERMINATED CANCELED", state(t, s, "2.1", run))
	}, WithTimings(WatchableTimings()))
}
