package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

// start runs the program until the test ends. It returns the exported values, the log,
// and stop, which ends the program and returns its error.
func start(t *testing.T, args ...string) (host, token string, log *bytes.Buffer, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	log = new(bytes.Buffer)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-fast"}, args...), writer, log)
		writer.CloseWithError(err) // frees the test if run fails early
		done <- err
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	lines := bufio.NewScanner(reader)
	export := func(name string) string {
		require.True(t, lines.Scan(), "%v", lines.Err())
		value, ok := strings.CutPrefix(lines.Text(), "export "+name+"=")
		require.True(t, ok, lines.Text())
		return value
	}
	host, token = export("DATABRICKS_HOST"), export("DATABRICKS_TOKEN")
	go func() { _, _ = io.Copy(io.Discard, reader) }() // discard the rest of the output
	return host, token, log, stop
}

func get(t *testing.T, url, token string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func write(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "file.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestRun(t *testing.T) {
	host, token, _, stop := start(t)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, host)
	assert.Regexp(t, `^dapi[0-9a-f]{32}$`, token)
	_, body, err := get(t, host+"/api/2.0/clusters/list", token)
	require.NoError(t, err)
	assert.Equal(t, "{}", body)
	_, body, err = get(t, host, "")
	require.NoError(t, err)
	assert.Contains(t, body, ">Clusters <small>0</small></h2>")

	assert.NoError(t, stop())
	_, _, err = get(t, host, token)
	assert.Error(t, err, "the server is closed")
}

func TestRun_state(t *testing.T) {
	host, admin, log, stop := start(t, "-v", "-token", "dapiadmin", "-state", write(t, `{
		"users": [{"name": "alice@example.com", "token": "dapialice", "groups": ["analysts"]}],
		"secrets": {"scope": {"key": "planted"}},
		"dbfs": {"/data/names.csv": "id,name\n"},
		"workspace": {"/Shared/dir/hello.py": "print('hello')"},
		"clusters": [{"cluster_name": "shared", "spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}],
		"jobs": [{"name": "nightly", "tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/Shared/dir/hello"},
			"new_cluster": {"spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}}]}]
	}`), "-faults", write(t, `[{"path": "/api/2.0/token/list", "status": 429, "retry_after": "7"}]`))
	assert.Equal(t, "dapiadmin", admin)
	for path, want := range map[string]string{
		"/api/2.0/clusters/list":                                 `"cluster_name":"shared"`,
		"/api/2.0/jobs/list":                                     `"name":"nightly"`,
		"/api/2.0/dbfs/read?path=/data/names.csv":                `"data":"aWQsbmFtZQo="`,
		"/api/2.0/workspace/get-status?path=/Shared/dir/hello":   `"language":"PYTHON"`,
		"/api/2.0/secrets/get?scope=scope&key=key":               `"value":"cGxhbnRlZA=="`,
		"/api/2.0/groups/list-members?group_name=analysts":       `alice@example.com`,
		"/api/2.0/token/list":                                    `REQUEST_LIMIT_EXCEEDED`,
		"/api/2.0/dbfs/list?path=/&access_token=planted&x=cGxhb": `/data`,
	} {
		_, body, err := get(t, host+path, admin)
		require.NoError(t, err)
		assert.Contains(t, body, want, path)
	}
	status, _, err := get(t, host+"/api/2.0/token/list", "dapialice")
	require.NoError(t, err)
	assert.Equal(t, 200, status, "the fault hits one request")

	require.NoError(t, stop())
	assert.Contains(t, log.String(), "path=/api/2.0/clusters/list status=200")
	for _, secret := range []string{"dapiadmin", "dapialice", "planted", "cGxhb"} {
		assert.NotContains(t, log.String(), secret)
	}
}

func TestRun_python(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	host, token, _, _ := start(t, "-python", "-speed", "100")
	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithToken(token))
	require.NoError(t, err)
	id, err := client.Clusters.Create(t.Context(), databricks.CreateCluster{
		SparkVersion: "13.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(0),
	})
	require.NoError(t, err)
	_, err = client.Clusters.WaitRunning(t.Context(), id)
	require.NoError(t, err)
	session, err := v12.NewClient(client).NewSession(t.Context(), id, v12.Python)
	require.NoError(t, err)
	defer session.Close()
	result, err := session.Run(t.Context(), "print(6 * 7)")
	require.NoError(t, err)
	assert.Equal(t, "42", strings.TrimSpace(result.Text))

	require.NoError(t, client.DBFS.Put(t.Context(), databricks.PutContents{Path: "/job.py", Contents: []byte("import sys\nprint(sys.argv[1])")}))
	run, err := client.Jobs.SubmitRun(t.Context(), databricks.SubmitRun{ExistingClusterID: id,
		SparkPythonTask: &databricks.SparkPythonTask{PythonFile: "dbfs:/job.py", Parameters: []string{"from a job"}}})
	require.NoError(t, err)
	_, err = client.Jobs.WaitRun(t.Context(), run)
	require.NoError(t, err)
	output, err := client.Jobs.GetRunOutput(t.Context(), run)
	require.NoError(t, err)
	assert.Equal(t, "from a job", output.Logs)
}

func TestRun_version(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-version"}, &out, io.Discard))
	assert.Regexp(t, `^databricks-local \S+\n$`, out.String())
}

func TestRun_health(t *testing.T) {
	host, token, _, _ := start(t, "-faults", write(t, `[{"status": 500, "times": -1}]`))
	status, body, err := get(t, host+"/health", "")
	require.NoError(t, err)
	assert.Equal(t, 200, status, "it needs no credential, and no fault hits it")
	assert.Regexp(t, `^{"status":"ready","version":"[^"]+"}\n$`, body)
	status, _, err = get(t, host+"/api/2.0/clusters/list", token)
	require.NoError(t, err)
	assert.Equal(t, 500, status)

	var p program
	w := httptest.NewRecorder()
	p.gate(nil).ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
	assert.Equal(t, 503, w.Code)
	assert.Contains(t, w.Body.String(), `"status":"starting"`)
	w = httptest.NewRecorder()
	p.gate(nil).ServeHTTP(w, httptest.NewRequest("POST", "/health", nil))
	assert.Equal(t, 405, w.Code)
	w = httptest.NewRecorder()
	p.gate(nil).ServeHTTP(w, httptest.NewRequest("GET", "/api/2.0/clusters/list", nil))
	assert.Equal(t, 503, w.Code, "the workspace is not ready")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
}

func TestRun_tls(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0", "-tls"}, writer, io.Discard)
		writer.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewScanner(reader)
	next := func(prefix string) string {
		require.True(t, lines.Scan(), "%v", lines.Err())
		value, ok := strings.CutPrefix(lines.Text(), prefix)
		require.True(t, ok, lines.Text())
		return value
	}
	host, _, file := next("export DATABRICKS_HOST="), next("export DATABRICKS_TOKEN="), next("# certificate: ")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, url := range []string{host, strings.Replace(host, "127.0.0.1", "localhost", 1)} {
		response, err := client.Get(url + "/health")
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, 200, response.StatusCode)
	}
	client.CloseIdleConnections()
	cancel()
	require.NoError(t, <-done)
	assert.NoFileExists(t, file)
}

func TestRun_outcomes(t *testing.T) {
	host, token, _, _ := start(t, "-times", "RunTask=1ns,RunPending=0s,ClusterStart=0s", "-outcomes", write(t, `[
		{"job": "night*", "task": "load", "attempt": 0, "error": "no rows", "duration": "0s"},
		{"kind": "notebook_task", "target": "/Shared/b", "times": 1, "output": "42"},
		{"job": "huge", "no_cluster": "no more nodes"}]`), "-state", write(t, `{"workspace": {"/Shared/b.py": "1"}}`))
	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithToken(token))
	require.NoError(t, err)
	for _, c := range []struct{ name, output, err string }{
		{"nightly", "", "no rows"},
		{"huge", "42", ""}, // the second outcome matches first, and applies once
		{"huge", "", "no more nodes"},
		{"other", "", ""},
	} {
		id, err := client.Jobs.SubmitRun(t.Context(), databricks.SubmitRun{RunName: c.name, Tasks: []databricks.Task{{
			TaskKey: "load", NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/b"},
			NewCluster: &databricks.ClusterSpec{SparkVersion: "13.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(0)},
		}}})
		require.NoError(t, err)
		run, err := client.Jobs.WaitRun(t.Context(), id)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		output, err := client.Jobs.GetRunOutput(t.Context(), run.Tasks[0].RunID)
		require.NoError(t, err)
		assert.Equal(t, c.output, output.NotebookOutput.Result)
	}
}

func TestRun_rejects(t *testing.T) {
	for args, want := range map[string]string{
		"-addr 0.0.0.0:0":            "-public",
		"-addr :0":                   "-public",
		"-addr nowhere":              "-addr",
		"-addr 127.0.0.1:0 -speed 0": "must be positive",
		"-addr 127.0.0.1:0 x":        "only flags",
		"-none":                      "none",
		"-spark sc://engine":         "-python",
		"-state /nowhere":            "-state",
		"-faults /nowhere":           "-faults",
		"-outcomes /nowhere":         "-outcomes",
		"-times RunTask":             "RunTask: time: invalid duration",
		"-times Nap=1s":              "ClusterStart",
		"-user alice":                "want name=token",
		"-principal alice":           "want id=secret",
		"-secret a=b":                "want scope/key=value",
		"-schema main":               "not catalog.schema",
		"-volume main.x":             "not catalog.schema.volume",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorContains(t, run(ctx, strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	for _, c := range []struct{ flag, file, want string }{
		{"-state", `{"cluster": []}`, `unknown field "cluster"`},
		{"-state", `{} {}`, "more than one"},
		{"-state", `{"users": [{"token": "dapi1"}]}`, "no name"},
		{"-state", `{"service_principals": [{"secrets": ["x"]}]}`, "no application_id"},
		{"-state", `{"clusters": [{}]}`, "clusters: number 1: "},
		{"-state", `{"jobs": [{"name": 5, "tasks": 5}]}`, "jobs: number 1: "},
		{"-state", `{"secrets": {"a b": {}}}`, "secrets: "},
		{"-state", `{"dbfs": {"data": ""}}`, "dbfs: data: "},
		{"-state", `{"workspace": {"/a.txt": ""}}`, "the extension must be"},
		{"-state", `{"policies": [{}]}`, "policies: number 1: "},
		{"-state", `{"pools": [{}]}`, "pools: number 1: "},
		{"-state", `{"files": {"/Volumes/a/b/c/d": ""}}`, "files: /Volumes/a/b/c/d: "},
		{"-outcomes", `[{"tusk": "a"}]`, `unknown field "tusk"`},
		{"-outcomes", `[{"task": "["}]`, "not a valid pattern"},
		{"-outcomes", `[{"times": 0}]`, "at least 1"},
		{"-outcomes", `[{"duration": "long"}]`, "duration"},
		{"-faults", `{}`, "cannot unmarshal object"},
		{"-faults", `[{"status": 5}]`, "status 5"},
	} {
		err := run(t.Context(), []string{"-addr", "127.0.0.1:0", c.flag, write(t, c.file)}, io.Discard, io.Discard)
		assert.ErrorContains(t, err, c.want, c.file)
		assert.ErrorContains(t, err, c.flag, c.file)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, run(ctx, []string{"-addr", "0.0.0.0:0", "-public"}, io.Discard, io.Discard))
}
