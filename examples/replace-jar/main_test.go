package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out, progress bytes.Buffer
	assert.Equal(t, done, run(t.Context(), nil, &out, &progress))
	assert.Regexp(t, `^replace-jar: /Volumes/main/default/jars/etl-1\.5\.jar: uploaded 18 bytes, cluster \S+ changed, cluster \S+ must be restarted, job \d+ changed\n$`, out.String())
}

// A fixture is a workspace with clusters and jobs of each kind. One of each uses the old
// JAR, and one does not.
type fixture struct {
	*databrickstest.Server
	client                 *databricks.Client
	jar                    string
	running, stopped, free string
	jobs                   []int64
}

var old = []databricks.Library{{JAR: "/Volumes/main/default/jars/etl-1.4.jar"}, {PyPI: &databricks.PyPILibrary{Package: "simplejson"}}, {JAR: "/Volumes/main/default/jars/etl-tools-2.0.jar"}}

func newFixture(t *testing.T) *fixture {
	quick := databrickstest.Timings{ClusterStart: -1, ClusterRestart: -1, ClusterTerminate: -1, LibraryInstall: -1}
	f := &fixture{Server: databrickstest.NewServer(databrickstest.WithTimings(quick), databrickstest.WithoutDBFSRoot(), databrickstest.WithVolume("main.default.jars"))}
	t.Cleanup(f.Close)
	t.Setenv("DATABRICKS_HOST", f.URL())
	t.Setenv("DATABRICKS_TOKEN", f.Token)
	f.jar = filepath.Join(t.TempDir(), "etl-1.5.jar")
	require.NoError(t, os.WriteFile(f.jar, []byte("new code"), 0o600))
	f.client = f.Client()
	spec := databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}
	for _, id := range []*string{&f.running, &f.stopped, &f.free} {
		var err error
		*id, err = f.client.Clusters.Create(t.Context(), spec)
		require.NoError(t, err)
		if id == &f.free {
			continue
		}
		_, err = f.client.Clusters.WaitRunning(t.Context(), *id)
		require.NoError(t, err)
		require.NoError(t, f.client.Libraries.Install(t.Context(), *id, old))
	}
	require.NoError(t, f.client.Clusters.Delete(t.Context(), f.stopped))
	task := &databricks.SparkJARTask{MainClassName: "com.example.ETL"}
	submit := &databricks.SparkSubmitTask{Parameters: []string{"--jars", "dbfs:/a.jar,/Volumes/main/default/jars/etl-1.4.jar", "--class", "com.example.ETL", "/Volumes/main/default/jars/etl-1.3.jar"}}
	for _, job := range []databricks.CreateJob{
		{Name: "one task", NewCluster: &spec, Libraries: old, SparkJARTask: task, MaxRetries: new(3)},
		{Name: "spark-submit", NewCluster: &spec, SparkSubmitTask: submit},
		{Name: "tasks", Tasks: []databricks.Task{
			{TaskKey: "other", NewCluster: &spec, NotebookTask: &databricks.NotebookTask{NotebookPath: "/a"}},
			{TaskKey: "etl", NewCluster: &spec, Libraries: old, SparkJARTask: task, MaxRetries: new(2)},
		}},
		{Name: "another's", NewCluster: &spec, Libraries: old[1:], SparkJARTask: task},
	} {
		id, err := f.client.Jobs.Create(t.Context(), job)
		require.NoError(t, err, job.Name)
		f.jobs = append(f.jobs, id)
	}
	f.ForgetRequests()
	return f
}

func (f *fixture) run(t *testing.T, args ...string) (code int, out, progress string) {
	var o, p bytes.Buffer
	code = run(t.Context(), append([]string{"-jar", f.jar}, args...), &o, &p)
	assert.Equal(t, 1, strings.Count(o.String(), "\n"), o.String())
	return code, strings.TrimPrefix(o.String(), "replace-jar: /Volumes/main/default/jars/etl-1.5.jar: "), p.String()
}

// libraries returns the JARs of a cluster with their states.
func (f *fixture) libraries(t *testing.T, cluster string) map[string]databricks.LibraryInstallStatus {
	all, err := f.client.Libraries.ClusterStatus(t.Context(), cluster)
	require.NoError(t, err)
	jars := map[string]databricks.LibraryInstallStatus{}
	for _, s := range all.LibraryStatuses {
		if s.Library.JAR != "" {
			jars[strings.TrimPrefix(s.Library.JAR, "/Volumes/main/default/jars/")] = s.Status
		}
	}
	return jars
}

// writes returns the paths of the requests that change something.
func (f *fixture) writes() (paths []string) {
	for _, r := range f.Requests() {
		if r.Method != "GET" && r.Method != "HEAD" {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

func TestRun(t *testing.T) {
	f := newFixture(t)

	code, out, progress := f.run(t, "-dry-run")
	assert.Equal(t, pending, code)
	assert.Regexp(t, `^dry run: uploaded 8 bytes, .*, job \d+ changed\n$`, out)
	assert.Regexp(t, `(?m)^would send POST /api/2.0/libraries/install .*etl-1.5.jar`, progress)
	assert.Equal(t, 3, strings.Count(progress, "would send POST /api/2.0/jobs/update"), progress)
	assert.NotContains(t, progress, "restart")
	code, out, progress = f.run(t, "-dry-run", "-restart")
	assert.Equal(t, pending, code, out)
	assert.Contains(t, progress, "would send POST /api/2.0/clusters/restart")
	assert.Empty(t, f.writes())

	code, out, _ = f.run(t)
	assert.Equal(t, done, code, out)
	assert.Equal(t, 2, strings.Count(out, " changed, cluster")+strings.Count(out, " must be restarted, "), out)
	assert.Equal(t, 3, strings.Count(out, "job "), out)
	assert.Equal(t, map[string]databricks.LibraryInstallStatus{
		"etl-1.4.jar": databricks.LibraryUninstallOnRestart, "etl-1.5.jar": databricks.LibraryInstalled, "etl-tools-2.0.jar": databricks.LibraryInstalled,
	}, f.libraries(t, f.running))
	assert.Contains(t, f.libraries(t, f.stopped), "etl-1.5.jar")
	assert.Empty(t, f.libraries(t, f.free))
	one, err := f.client.Jobs.Get(t.Context(), databricks.GetJob{JobID: f.jobs[0]})
	require.NoError(t, err)
	assert.ElementsMatch(t, append(slices.Clone(old[1:]), databricks.Library{JAR: "/Volumes/main/default/jars/etl-1.5.jar"}), one.Settings.Libraries)
	assert.Equal(t, new(3), one.Settings.MaxRetries)
	submit, err := f.client.Jobs.Get(t.Context(), databricks.GetJob{JobID: f.jobs[1]})
	require.NoError(t, err)
	assert.Equal(t, []string{"--jars", "dbfs:/a.jar,/Volumes/main/default/jars/etl-1.5.jar", "--class", "com.example.ETL", "/Volumes/main/default/jars/etl-1.5.jar"}, submit.Settings.SparkSubmitTask.Parameters)
	tasks, err := f.client.Jobs.Get(t.Context(), databricks.GetJob{JobID: f.jobs[2]})
	require.NoError(t, err)
	require.Len(t, tasks.Settings.Tasks, 2)
	assert.Len(t, tasks.Settings.Tasks[1].Libraries, 3)
	assert.Equal(t, new(2), tasks.Settings.Tasks[1].MaxRetries)

	f.ForgetRequests()
	code, out, _ = f.run(t)
	assert.Equal(t, done, code)
	assert.Equal(t, "nothing to do\n", out)
	assert.Empty(t, f.writes())

	code, out, _ = f.run(t, "-restart")
	assert.Equal(t, done, code)
	assert.Equal(t, "cluster "+f.running+" restarted\n", out)
	assert.NotContains(t, f.libraries(t, f.running), "etl-1.4.jar")
	code, out, _ = f.run(t, "-restart")
	assert.Equal(t, done, code)
	assert.Equal(t, "nothing to do\n", out)
}

// A new build of the same version replaces the existing file.
func TestRun_sameName(t *testing.T) {
	f := newFixture(t)
	_, out, _ := f.run(t, "-restart")
	require.Contains(t, out, "cluster "+f.running+" restarted")
	require.NoError(t, os.WriteFile(f.jar, []byte("newer code"), 0o600))
	code, out, _ := f.run(t, "-dry-run", "-restart")
	assert.Equal(t, pending, code)
	assert.Equal(t, "dry run: uploaded 10 bytes, cluster "+f.running+" restarted\n", out)
	code, out, _ = f.run(t)
	assert.Equal(t, done, code)
	assert.Equal(t, "uploaded 10 bytes, cluster "+f.running+" must be restarted\n", out)
}

// The program reports failures and continues. The next run completes the work.
func TestRun_partialFailure(t *testing.T) {
	f := newFixture(t)
	f.Inject(databrickstest.Fault{Path: "/api/2.0/libraries/uninstall", Status: 403, Times: 2}, databrickstest.Fault{Path: "/api/2.0/jobs/update", Status: 403})
	code, out, _ := f.run(t)
	assert.Equal(t, failed, code)
	assert.Regexp(t, `^failed: cluster .*403.*; cluster .*403.*; job .*403.*; done: uploaded 8 bytes, job \d+ changed, job \d+ changed\n$`, out)
	code, out, _ = f.run(t)
	assert.Equal(t, done, code, out)
	assert.Equal(t, 1, strings.Count(out, "job "), out)
	_, out, _ = f.run(t)
	assert.Equal(t, "nothing to do\n", out)
}

// The program does not change the cluster of a run, which ends with the run.
func TestRun_clusterOfARun(t *testing.T) {
	f := newFixture(t)
	f.ScriptRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Duration: time.Hour}
	})
	id, err := f.client.Jobs.RunNow(t.Context(), databricks.RunNow{JobID: f.jobs[0]})
	require.NoError(t, err)
	for run, err := range f.client.Jobs.WatchRun(t.Context(), id.RunID) {
		require.NoError(t, err)
		if run.State.LifeCycleState == databricks.RunRunning {
			break
		}
	}
	clusters, err := f.client.Libraries.AllClusterStatuses(t.Context())
	require.NoError(t, err)
	require.Len(t, clusters, 3)
	code, out, _ := f.run(t, "-restart")
	assert.Equal(t, done, code, out)
	assert.Equal(t, 3, strings.Count(out, "cluster "), out)
}

func TestRun_exits(t *testing.T) {
	f := newFixture(t)
	f.Inject(databrickstest.Fault{Path: "/api/2.0/fs/files/*", Status: 403, Times: -1})
	for args, want := range map[string]int{
		"-jar missing.jar": failed,
		"-old [":           failed,
		"":                 failed,
		"-what":            misused,
		"etl.jar":          misused,
		"-h":               done,
	} {
		var out, progress bytes.Buffer
		assert.Equal(t, want, run(t.Context(), append([]string{"-jar", f.jar}, strings.Fields(args)...), &out, &progress), args)
	}
	var out, progress bytes.Buffer
	assert.Equal(t, misused, run(t.Context(), nil, &out, &progress))
	assert.Equal(t, "replace-jar: invalid arguments: -jar is required\n", out.String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, failed, run(ctx, []string{"-jar", f.jar}, &out, &progress))
	assert.Empty(t, f.writes())
}
