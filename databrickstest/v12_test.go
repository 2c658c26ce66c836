package databrickstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// v12Lab sends REST 1.2 requests to a workspace.
type v12Lab struct {
	testing.TB
	s       *Server
	cluster string
}

// inV12Lab runs a test with a running cluster, in a bubble.
func inV12Lab(t *testing.T, executor ExecutorFunc, test func(l *v12Lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &v12Lab{TB: t, s: newServer(t, WithExecutor(executor))}
		l.cluster = l.newCluster(`{"spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}`)
		test(l)
	})
}

func (l *v12Lab) newCluster(spec string) string {
	l.Helper()
	got := send(l, l.s, "POST", "/api/2.0/clusters/create", spec)
	require.Equal(l, 200, got.status, got.body)
	var resp struct {
		ID string `json:"cluster_id"`
	}
	require.NoError(l, json.Unmarshal([]byte(got.body), &resp))
	time.Sleep(time.Second)
	return resp.ID
}

// post sends fields as JSON to a path below /api/1.2 and returns the response.
// A success must have status 200, and an error 500, as always in REST 1.2.
func (l *v12Lab) post(path string, fields map[string]any) map[string]any {
	l.Helper()
	text, err := json.Marshal(fields)
	require.NoError(l, err)
	return l.read(send(l, l.s, "POST", "/api/1.2/"+path, string(text)))
}

func (l *v12Lab) get(path string, query ...string) map[string]any {
	l.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return l.read(send(l, l.s, "GET", "/api/1.2/"+path+"?"+values.Encode(), ""))
}

func (l *v12Lab) read(got testResponse) (resp map[string]any) {
	l.Helper()
	require.NoError(l, json.Unmarshal([]byte(got.body), &resp), got.body)
	_, failed := resp["error"]
	require.Equal(l, map[bool]int{true: 500, false: 200}[failed], got.status, got.body)
	return resp
}

// context creates a context and waits until it is ready.
func (l *v12Lab) context(language string) string {
	l.Helper()
	id, ok := l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": language})["id"].(string)
	require.True(l, ok)
	time.Sleep(time.Second)
	return id
}

func (l *v12Lab) execute(contextID, language, code string) string {
	l.Helper()
	resp := l.post("commands/execute", map[string]any{"clusterId": l.cluster, "contextId": contextID, "language": language, "command": code})
	id, ok := resp["id"].(string)
	require.True(l, ok, "%v", resp)
	return id
}

func (l *v12Lab) status(contextID, commandID string) map[string]any {
	l.Helper()
	return l.get("commands/status", "clusterId", l.cluster, "contextId", contextID, "commandId", commandID)
}

// results waits until a command has ended.
func (l *v12Lab) results(contextID, commandID string) map[string]any {
	l.Helper()
	for {
		status := l.status(contextID, commandID)
		switch status["status"] {
		case "Queued", "Running", "Cancelling":
			require.Nil(l, status["results"])
			time.Sleep(time.Second)
		case "Finished":
			return status["results"].(map[string]any)
		default:
			require.Fail(l, "the command failed", "%v", status)
		}
	}
}

func TestV12_context(t *testing.T) {
	inV12Lab(t, nil, func(l *v12Lab) {
		id := l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "scala"})["id"].(string)
		assert.Len(l, id, 19)
		status := func() any { return l.get("contexts/status", "clusterId", l.cluster, "contextId", id)["status"] }
		assert.Equal(l, "Pending", status())
		time.Sleep(50 * time.Millisecond)
		assert.Equal(l, "Running", status())
		assert.Equal(l, []ExecutionContext{{id, l.cluster, "scala", "Running", 0, 0}}, l.s.ExecutionContexts())

		for range 2 {
			assert.Equal(l, id, l.post("contexts/destroy", map[string]any{"clusterId": l.cluster, "contextId": id})["id"])
		}
		assert.Equal(l, "ContextNotFound", l.get("contexts/status", "clusterId", l.cluster, "contextId", id)["error"])
		assert.Empty(l, l.s.ExecutionContexts())
	})
}

func TestV12_errors(t *testing.T) {
	inV12Lab(t, nil, func(l *v12Lab) {
		ready, other := l.context("python"), l.newCluster(`{"spark_version": "7.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}`)
		job := l.newCluster(`{"spark_version": "7.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1, "workload_type": {"clients": {"notebooks": false}}}`)
		execute := func(change map[string]any) map[string]any {
			fields := map[string]any{"clusterId": l.cluster, "contextId": ready, "language": "python", "command": "1"}
			for name, value := range change {
				fields[name] = value
			}
			return l.post("commands/execute", fields)
		}
		for want, got := range map[string]map[string]any{
			"RuntimeException: Unknown cluster id none":                              l.post("contexts/create", map[string]any{"clusterId": "none", "language": "sql"}),
			"IllegalArgumentException: Unsupported language: cobol":                  l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "cobol"}),
			"RuntimeException: Cluster " + job + " does not take execution contexts": l.post("contexts/create", map[string]any{"clusterId": job, "language": "sql"}),
			"NumberFormatException: For input string: None":                          l.get("contexts/status", "clusterId", l.cluster),
			"NumberFormatException: For input string: x":                             l.get("commands/status", "clusterId", l.cluster, "contextId", "x", "commandId", "1"),
			"NumberFormatException: For input string: y":                             l.get("commands/status", "clusterId", l.cluster, "contextId", ready, "commandId", "y"),
			"CommandNotFound": l.get("commands/status", "clusterId", l.cluster, "contextId", ready, "commandId", "1"),
			"ContextNotFound": execute(map[string]any{"clusterId": other}),
			"RuntimeException: Unknown cluster id nowhere":                                execute(map[string]any{"clusterId": "nowhere"}),
			"IllegalArgumentException: Language scala is not allowed in a python context": execute(map[string]any{"language": "scala"}),
			"IllegalArgumentException: Command is empty":                                  execute(map[string]any{"command": ""}),
			"IllegalArgumentException: Command is longer than 6291456 bytes":              execute(map[string]any{"command": strings.Repeat("x", maxCommand+1)}),
			"NumberFormatException: For input string: z":                                  l.post("commands/cancel", map[string]any{"clusterId": l.cluster, "contextId": ready, "commandId": "z"}),
		} {
			assert.Equal(l, want, got["error"])
		}
		assert.Equal(l, "error", l.results(ready, l.execute(ready, "python", "  %run ./other"))["resultType"])

		l.read(send(l, l.s, "POST", "/api/2.0/clusters/restart", `{"cluster_id": "`+other+`"}`))
		assert.Equal(l, "ClusterNotReadyException: Cluster "+other+" is restarting", l.post("contexts/create", map[string]any{"clusterId": other, "language": "sql"})["error"])
		l.read(send(l, l.s, "POST", "/api/2.0/clusters/delete", `{"cluster_id": "`+other+`"}`))
		time.Sleep(time.Second)
		assert.Equal(l, "RuntimeException: Cluster "+other+" is not running: it is terminated", l.post("contexts/create", map[string]any{"clusterId": other, "language": "sql"})["error"])

		got := send(l, l.s, "POST", "/api/1.2/contexts/create", "{}", func(r *http.Request) { r.Header.Del("Authorization") })
		assert.Equal(l, 401, got.status)
		got = send(l, l.s, "POST", "/api/1.2/contexts/create", `{"clusterId": [1]}`)
		assert.Equal(l, 500, got.status)
		assert.Contains(l, got.body, "JsonParseException")
	})
}

// The workspace gets the exact bytes of the code, in all forms of requests.
func TestV12_bodies(t *testing.T) {
	var got Command
	inV12Lab(t, func(c Command) CommandResult {
		got = c
		return CommandResult{}
	}, func(l *v12Lab) {
		id := l.context("python")
		const code = "\tif a && b:\r\n\r\n  print('ä=1&c=2+%20')\n"
		fields := map[string]string{"clusterId": l.cluster, "contextId": id, "language": "sql", "command": code}
		text, err := json.Marshal(fields)
		require.NoError(l, err)
		form := url.Values{}
		var parts bytes.Buffer
		w := multipart.NewWriter(&parts)
		for name, value := range fields {
			form.Set(name, value)
			if name != "command" {
				require.NoError(l, w.WriteField(name, value))
			}
		}
		file, err := w.CreateFormFile("command", "a.py")
		require.NoError(l, err)
		_, err = file.Write([]byte(code + "\xff"))
		require.NoError(l, err)
		require.NoError(l, w.Close())

		for name, row := range map[string]struct{ contentType, body, code, file string }{
			"JSON":                     {"application/json", string(text), code, ""},
			"JSON of the old CLI":      {"text/json", string(text), code, ""},
			"JSON without a label":     {"", string(text), code, ""},
			"JSON that curl mislabels": {"application/x-www-form-urlencoded", string(text), code, ""},
			"form":                     {"application/x-www-form-urlencoded", form.Encode(), code, ""},
			"multipart":                {w.FormDataContentType(), parts.String(), code + "\xff", "a.py"},
		} {
			got = Command{}
			resp := l.read(send(l, l.s, "POST", "/api/1.2/commands/execute", row.body, func(r *http.Request) {
				r.Header.Set("Content-Type", row.contentType)
			}))
			assert.Equal(l, row.code, got.Code, name)
			assert.Equal(l, row.file, got.FileName, name)
			assert.Equal(l, resp["id"], got.ID, name)
			assert.Equal(l, []string{l.cluster, id, "sql", AdminName}, []string{got.ClusterID, got.ContextID, got.Language, got.User}, name)
		}
	})
}

// Commands of a context run one after another, on the workspace's clock.
func TestV12_queue(t *testing.T) {
	inV12Lab(t, func(c Command) CommandResult {
		d, _ := time.ParseDuration(c.Code)
		return CommandResult{Text: c.Code, Duration: d}
	}, func(l *v12Lab) {
		id, other := l.context("python"), l.context("python")
		a, b, c := l.execute(id, "python", "10s"), l.execute(id, "sql", "10s"), l.execute(id, "python", "10s")
		beside := l.execute(other, "python", "1h")
		states := func() (states []any) {
			for _, command := range []string{a, b, c} {
				states = append(states, l.status(id, command)["status"])
			}
			return states
		}
		assert.Equal(l, []any{"Running", "Queued", "Queued"}, states())
		assert.Equal(l, "Running", l.status(other, beside)["status"])
		time.Sleep(15 * time.Second)
		assert.Equal(l, []any{"Finished", "Running", "Queued"}, states())
		assert.Equal(l, 2, l.s.ExecutionContexts()[0].Active+l.s.ExecutionContexts()[1].Active-1)

		cancel := func(contextID, command string) {
			resp := l.post("commands/cancel", map[string]any{"clusterId": l.cluster, "contextId": contextID, "commandId": command})
			assert.Equal(l, command, resp["id"])
		}
		cancel(id, b)
		cancel(id, c)
		cancel(id, a) // it has ended
		assert.Equal(l, []any{"Finished", "Cancelling", "Cancelled"}, states())
		time.Sleep(20 * time.Millisecond)
		assert.Equal(l, []any{"Finished", "Cancelled", "Cancelled"}, states())
		cancel(other, beside)
		time.Sleep(20 * time.Millisecond)
		assert.Contains(l, l.results(other, beside)["cause"], "CommandCancelledException")
		assert.Equal(l, "10s", l.results(id, a)["data"])
		assert.Equal(l, "10s", l.results(id, a)["data"], "results can be read again")

		d := l.execute(id, "python", "1s")
		assert.Equal(l, "1s", l.results(id, d)["data"])
	})
}

func TestV12_results(t *testing.T) {
	results := map[string]CommandResult{
		"text":   {Text: "<b> & \u2028"},
		"error":  {Cause: "boom", Summary: "<span>boom</span>"},
		"image":  {Images: []string{"/plots/1.png"}},
		"images": {Images: []string{"/plots/1.png", "/plots/2.png"}},
		"table":  {Columns: []TableColumn{{"n", "long"}, {"a", `{"type":"array","elementType":"long"}`}}, Rows: [][]any{{json.Number("9223372036854775807"), []int{1}}, {nil, nil}}},
		"none":   {Columns: []TableColumn{}},
		"raw":    {Raw: json.RawMessage(`{"resultType": "table", "truncated": "False"}`)},
	}
	inV12Lab(t, func(c Command) CommandResult { return results[c.Code] }, func(l *v12Lab) {
		id := l.context("python")
		for code, want := range map[string]string{
			"text":   `{"resultType": "text", "data": "<b> & \u2028"}`,
			"error":  `{"resultType": "error", "cause": "boom", "summary": "<span>boom</span>"}`,
			"image":  `{"resultType": "image", "fileName": "/plots/1.png"}`,
			"images": `{"resultType": "images", "fileNames": ["/plots/1.png", "/plots/2.png"]}`,
			"table": `{"resultType": "table", "truncated": false, "isJsonSchema": true, "data": [[9223372036854775807, [1]], [null, null]], "schema": [
				{"name": "n", "type": "\"long\"", "metadata": "{}"}, {"name": "a", "type": "{\"type\":\"array\",\"elementType\":\"long\"}", "metadata": "{}"}]}`,
			"raw": `{"resultType": "table", "truncated": "False"}`,
		} {
			text, err := json.Marshal(l.results(id, l.execute(id, "python", code)))
			require.NoError(l, err)
			assert.JSONEq(l, want, string(text))
		}
	})
}

func TestV12_resultLimits(t *testing.T) {
	for _, row := range []struct {
		name, version, conf string
		result              CommandResult
		size                int // characters of a text, or rows of a table
		truncated           bool
	}{
		{"a text that just fits", "15.4.x-scala2.12", "", CommandResult{Text: strings.Repeat("ä", 50_000)}, 50_000, false},
		{"a text that does not", "15.4.x-scala2.12", "", CommandResult{Text: strings.Repeat("ä", 50_001)}, 50_000, true},
		{"with more room", "15.4.x-scala2.12", "60000", CommandResult{Text: strings.Repeat("ä", 60_001)}, 60_000, true},
		{"on a newer runtime", "17.1.x-scala2.13", "", CommandResult{Text: strings.Repeat("a", 60_001)}, 60_001, false},
		{"rows that just fit", "15.4.x-scala2.12", "", CommandResult{Columns: []TableColumn{{"a", "int"}}, Rows: make([][]any, 10_000)}, 10_000, false},
		{"one row more", "15.4.x-scala2.12", "", CommandResult{Columns: []TableColumn{{"a", "int"}}, Rows: make([][]any, 10_001)}, 10_000, true},
		{"rows that are large", "15.4.x-scala2.12", "", CommandResult{Columns: []TableColumn{{"a", "int"}}, Rows: [][]any{{strings.Repeat("a", 1<<20)}, {strings.Repeat("a", 1<<20)}}}, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inV12Lab(t, func(Command) CommandResult { return row.result }, func(l *v12Lab) {
				l.cluster = l.newCluster(fmt.Sprintf(`{"spark_version": %q, "node_type_id": "Standard_DS3_v2", "num_workers": 1,
					"spark_conf": {"spark.databricks.driver.maxReplOutputLength": %q}}`, row.version, row.conf))
				id := l.context("python")
				got := l.results(id, l.execute(id, "python", "1"))
				size := 0
				switch data := got["data"].(type) {
				case string:
					size = len([]rune(data))
				case []any:
					size = len(data)
				}
				assert.Equal(l, row.size, size)
				assert.Equal(l, row.truncated, got["truncated"] == true)
			})
		})
	}
}

// The number of contexts is limited. A new one evicts an idle one if necessary.
func TestV12_eviction(t *testing.T) {
	inV12Lab(t, func(c Command) CommandResult {
		d, _ := time.ParseDuration(c.Code)
		return CommandResult{Duration: d}
	}, func(l *v12Lab) {
		var ids []string
		for range maxContexts {
			ids = append(ids, l.context("sql"))
		}
		create := func() map[string]any {
			return l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "sql"})
		}
		assert.Contains(l, create()["error"], "Too many execution contexts are open")
		l.execute(ids[0], "sql", "30h")
		l.execute(ids[1], "sql", "1h")
		time.Sleep(26 * time.Hour)
		there := func(id string) bool {
			_, gone := l.get("contexts/status", "clusterId", l.cluster, "contextId", id)["error"]
			return !gone
		}
		assert.NotNil(l, create()["id"])
		assert.True(l, there(ids[0]), "it is busy")
		assert.True(l, there(ids[1]), "it was used after the others")
		assert.False(l, there(ids[2]), "it was idle for the longest time")
		assert.Len(l, l.s.ExecutionContexts(), maxContexts)
	})
}

// Contexts end with their driver. Commands keep an idle cluster running.
func TestV12_clusterEnds(t *testing.T) {
	inV12Lab(t, func(c Command) CommandResult {
		d, _ := time.ParseDuration(c.Code)
		return CommandResult{Duration: d}
	}, func(l *v12Lab) {
		for _, path := range []string{"2.0/clusters/restart", "1.2/clusters/restart", "2.0/clusters/delete", "2.0/clusters/permanent-delete"} {
			l.cluster = l.newCluster(`{"spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}`)
			id := l.context("python")
			l.execute(id, "python", "1h")
			require.Equal(l, 200, send(l, l.s, "POST", "/api/"+path, `{"cluster_id": "`+l.cluster+`", "clusterId": "`+l.cluster+`"}`).status)
			time.Sleep(time.Second)
			assert.Empty(l, l.s.ExecutionContexts(), path)
		}

		l.cluster = l.newCluster(`{"spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1, "autotermination_minutes": 10}`)
		id := l.context("python")
		l.execute(id, "python", "1h")
		time.Sleep(time.Hour + 5*time.Minute)
		assert.Len(l, l.s.ExecutionContexts(), 1)
		time.Sleep(6 * time.Minute)
		assert.Empty(l, l.s.ExecutionContexts())
	})
}

// A command that runs in a goroutine takes as long as the function does, and
// ends when it is canceled.
func TestV12_later(t *testing.T) {
	var running, cleaned atomic.Int64
	inV12Lab(t, func(c Command) CommandResult {
		c.Cleanup(func() { cleaned.Add(1) })
		return CommandResult{Later: func(ctx context.Context) CommandResult {
			running.Add(1)
			defer running.Add(-1)
			d, err := time.ParseDuration(c.Code)
			if err != nil {
				panic(err)
			}
			select {
			case <-ctx.Done():
				return CommandResult{Cause: "stopped"}
			case <-time.After(d):
				return CommandResult{Text: c.Code}
			}
		}}
	}, func(l *v12Lab) {
		id := l.context("python")
		a, b := l.execute(id, "python", "10s"), l.execute(id, "python", "20s")
		time.Sleep(5 * time.Second)
		assert.Equal(l, "Queued", l.status(id, b)["status"])
		assert.EqualValues(l, 1, running.Load())
		assert.Equal(l, "10s", l.results(id, a)["data"])
		assert.Equal(l, "20s", l.results(id, b)["data"])

		c := l.execute(id, "python", "1h")
		time.Sleep(time.Second)
		l.post("commands/cancel", map[string]any{"clusterId": l.cluster, "contextId": id, "commandId": c})
		assert.Contains(l, l.results(id, c)["cause"], "CommandCancelledException")
		assert.Zero(l, running.Load())

		d := l.execute(id, "python", "what?")
		synctest.Wait()
		status := l.status(id, d)
		assert.Equal(l, "Error", status["status"])
		assert.Contains(l, status["results"].(map[string]any)["cause"], "The executor panicked")

		l.execute(id, "python", "1h")
		time.Sleep(time.Second)
		assert.EqualValues(l, 1, running.Load())
		assert.Zero(l, cleaned.Load())
		l.post("contexts/destroy", map[string]any{"clusterId": l.cluster, "contextId": id})
		synctest.Wait()
		assert.Zero(l, running.Load())
		assert.EqualValues(l, 5, cleaned.Load())

		l.execute(l.context("python"), "python", "1h")
		time.Sleep(time.Second)
		assert.EqualValues(l, 1, running.Load())
		l.s.Close()
		assert.Zero(l, running.Load())
		assert.EqualValues(l, 6, cleaned.Load())
	})
}

// If a result cannot be encoded, the command fails with the executor's error.
func TestV12_badExecutor(t *testing.T) {
	inV12Lab(t, func(c Command) CommandResult {
		if c.Code == "raw" {
			return CommandResult{Raw: json.RawMessage(`{`)}
		}
		return CommandResult{Columns: []TableColumn{{"a", "int"}}, Rows: [][]any{{func() {}}}}
	}, func(l *v12Lab) {
		id := l.context("python")
		for _, code := range []string{"raw", "table"} {
			command := l.execute(id, "python", code)
			time.Sleep(time.Second)
			status := l.status(id, command)
			assert.Equal(l, "Error", status["status"])
			assert.Contains(l, status["results"].(map[string]any)["cause"], "cannot be sent")
		}
	})
}

// The calls of REST 1.2 and 2.0 use the same clusters.
func TestV12_clusters(t *testing.T) {
	inV12Lab(t, nil, func(l *v12Lab) {
		var all []map[string]any
		list := func() []map[string]any {
			require.NoError(l, json.Unmarshal([]byte(send(l, l.s, "GET", "/api/1.2/clusters/list", "").body), &all))
			return all
		}
		assert.Equal(l, l.cluster, list()[0]["id"])
		created := l.read(send(l, l.s, "POST", "/api/1.2/clusters/create", "name=a+b&numWorkerContainers=2&useSpot=true", func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}))
		id := created["id"].(string)
		status := func() map[string]any { return l.get("clusters/status", "clusterId", id) }
		assert.Equal(l, map[string]any{"id": id, "name": "a b", "status": "Pending", "driverIp": "", "jdbcPort": "10000", "numWorkers": 0.0}, status())
		time.Sleep(time.Second)
		got := send(l, l.s, "GET", "/api/2.0/clusters/get?cluster_id="+id, "").body
		assert.Contains(l, got, `"cluster_name":"a b"`)
		assert.Contains(l, got, `"state":"RUNNING"`)
		assert.Contains(l, got, "SPOT_WITH_FALLBACK_AZURE")

		for range 2 {
			l.post("clusters/resize", map[string]any{"clusterId": id, "numWorkerContainers": "5"})
		}
		assert.Equal(l, "Reconfiguring", status()["status"])
		time.Sleep(time.Second)
		assert.Equal(l, 5.0, status()["numWorkers"])
		l.post("clusters/restart", map[string]any{"clusterId": id})
		assert.Equal(l, "Pending", status()["status"])
		assert.Contains(l, l.post("clusters/restart", map[string]any{"clusterId": id})["error"], "unexpected state")
		time.Sleep(time.Second)
		for range 2 {
			l.post("clusters/delete", map[string]any{"clusterId": id})
		}
		assert.Equal(l, "Terminating", status()["status"])
		time.Sleep(time.Second)
		assert.Equal(l, "Terminated", status()["status"])
		assert.Len(l, list(), 2)

		conf := l.post("clusters/create", map[string]any{"name": "c", "numWorkerContainers": 0, "sparkVersion": "1.5.x", "sparkConf": map[string]any{"spark.speculation": true}})
		assert.Contains(l, send(l, l.s, "GET", "/api/2.0/clusters/get?cluster_id="+conf["id"].(string), "").body, `"spark.speculation":"true"`)
		assert.Equal(l, "NumberFormatException: For input string: None", l.post("clusters/create", map[string]any{"name": "c"})["error"])
		assert.Contains(l, l.post("clusters/create", map[string]any{"name": "c", "numWorkerContainers": -1})["error"], "IllegalArgumentException")
		assert.Equal(l, "RuntimeException: Unknown cluster id x", l.post("clusters/delete", map[string]any{"clusterId": "x"})["error"])
	})
}

func (l *v12Lab) upload(fields map[string]string, file string) map[string]any {
	l.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		require.NoError(l, w.WriteField(name, value))
	}
	part, err := w.CreateFormFile("uri", "etl.jar")
	require.NoError(l, err)
	_, err = part.Write([]byte(file))
	require.NoError(l, errors.Join(err, w.Close()))
	return l.read(send(l, l.s, "POST", "/api/1.2/libraries/upload", body.String(), func(r *http.Request) {
		r.Header.Set("Content-Type", w.FormDataContentType())
	}))
}

func TestV12_libraries(t *testing.T) {
	inV12Lab(t, nil, func(l *v12Lab) {
		fields := map[string]string{"libType": "java-jar", "name": "etl", "folder": "/"}
		id := l.upload(fields, "PK and more")["id"].(string)
		assert.Equal(l, `NameConflictException: Node named "etl" already exists`, l.upload(fields, "PK")["error"])
		assert.JSONEq(l, `[{"id": "`+id+`", "name": "etl", "folder": "/"}]`, send(l, l.s, "GET", "/api/1.2/libraries/list", "").body)

		on := func(id string) (states []string) {
			for _, status := range l.get("libraries/status", "libraryId", id)["statuses"].([]any) {
				status := status.(map[string]any)
				states = append(states, strings.TrimSpace(fmt.Sprint(status["clusterId"], " ", status["status"])))
			}
			return states
		}
		status := l.get("libraries/status", "libraryId", id)
		file := status["files"].([]any)[0].(string)
		assert.Regexp(l, `^[0-9a-f]+_[0-9a-f]+_[0-9a-f]+-etl\.jar$`, file)
		assert.Equal(l, []any{"java-jar", "/", "etl", false}, []any{status["libType"], status["folder"], status["name"], status["attachAllClusters"]})
		assert.Contains(l, send(l, l.s, "GET", "/api/2.0/dbfs/get-status?path=/FileStore/jars/"+file, "").body, `"file_size":11`)
		assert.Empty(l, on(id))

		attach := func(verb, id, cluster string) map[string]any {
			return l.post("libraries/"+verb, map[string]any{"libraryId": id, "clusterId": cluster})
		}
		for range 2 {
			attach("attach", id, l.cluster)
			assert.Equal(l, []string{l.cluster + " Attaching"}, on(id))
		}
		time.Sleep(time.Second)
		assert.Equal(l, []string{l.cluster + " Attached"}, on(id))

		// Attach to all clusters, including later ones.
		attach("attach", id, allClusters)
		other := l.newCluster(`{"spark_version": "7.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}`)
		assert.Equal(l, []string{l.cluster + " Attached", other + " Attached"}, on(id))
		assert.Equal(l, true, l.get("libraries/status", "libraryId", id)["attachAllClusters"])
		attach("detach", id, allClusters)
		assert.Equal(l, []string{l.cluster + " Attached", other + " Detaching"}, on(id), "one was attached by itself")
		attach("detach", id, l.cluster)
		time.Sleep(time.Second)
		assert.Equal(l, []string{l.cluster + " Detached", other + " Detached"}, on(id))
		attach("attach", id, l.cluster)
		time.Sleep(time.Second)

		// After a restart of the cluster, the library is attached again.
		l.post("clusters/restart", map[string]any{"clusterId": l.cluster})
		assert.Contains(l, on(id), l.cluster+" Attaching")
		time.Sleep(time.Second)
		assert.Contains(l, on(id), l.cluster+" Attached")

		// A problem with a file appears in the statuses on clusters.
		fields["name"] = "bad"
		bad := l.upload(fields, "not a zip")["id"].(string)
		attach("attach", bad, l.cluster)
		time.Sleep(time.Second)
		assert.Equal(l, []string{l.cluster + " Error"}, on(bad))

		assert.Equal(l, "NoSuchElementException: key not found: 7", attach("attach", "7", l.cluster)["error"])
		assert.Equal(l, "RuntimeException: Unknown cluster id x", attach("detach", id, "x")["error"])
		fields["libType"] = "floppy"
		assert.Equal(l, "IllegalArgumentException: Unknown library type: floppy", l.upload(fields, "PK")["error"])
		fields["libType"] = "java-jar"
		fields["folder"] = "/nowhere"
		assert.Equal(l, "RuntimeException: Folder /nowhere does not exist", l.upload(fields, "PK")["error"])
		delete(fields, "folder")
		assert.Contains(l, l.upload(fields, "PK")["error"], "folder")

		// Libraries are objects of the workspace tree.
		assert.Contains(l, send(l, l.s, "GET", "/api/2.0/workspace/list?path=/", "").body, `{"object_type":"LIBRARY","path":"/bad","object_id":`+bad)
		assert.Equal(l, 200, send(l, l.s, "POST", "/api/2.0/workspace/delete", `{"path": "/bad"}`).status)
		assert.Equal(l, "NoSuchElementException: key not found: "+bad, l.get("libraries/status", "libraryId", bad)["error"])

		l.post("libraries/delete", map[string]any{"libraryId": id})
		assert.Equal(l, "NoSuchElementException: key not found: "+id, l.post("libraries/delete", map[string]any{"libraryId": id})["error"])
		fields = map[string]string{"libType": "python-pypi", "name": "simplejson", "folder": "/", "attachToAllClusters": "true"}
		pypi := l.upload(fields, "simplejson==3.8.0")["id"].(string)
		time.Sleep(time.Second)
		assert.JSONEq(l, `[{"id": "`+pypi+`", "name": "simplejson", "folder": "/"}]`, send(l, l.s, "GET", "/api/1.2/libraries/list", "").body)
		assert.Equal(l, []any{"simplejson==3.8.0"}, l.get("libraries/status", "libraryId", pypi)["files"])
		assert.Equal(l, []string{l.cluster + " Attached", other + " Attached"}, on(pypi))
	})
}
