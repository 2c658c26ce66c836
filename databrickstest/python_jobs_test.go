package databrickstest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

// A pythonJobs is a workspace whose jobs run in this machine's Python.
type pythonJobs struct {
	testing.TB
	s       *Server
	cluster string
}

func newPythonJobs(t *testing.T, options PythonOptions, more ...Option) *pythonJobs {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	more = append(more, WithoutSocket(), withSources, WithPython(options), WithUser(User{Name: "alice@example.com", Token: "alice"}), WithTimings(Timings{
		ClusterStart: -1, ContextStart: -1, RunPending: -1, RunTask: -1, RunTerminate: -1, LibraryInstall: -1,
	}))
	l := &pythonJobs{TB: t, s: newServer(t, more...)}
	l.cluster = newCluster(t, l.s, `,"num_workers":1`)
	return l
}

// run submits tasks, waits for their end, and returns the run.
func (l *pythonJobs) run(tasks ...string) object {
	l.Helper()
	id := jobsCall(l, l.s, "2.1", "runs/submit", `{"tasks":[`+strings.Join(tasks, ",")+`]}`)["run_id"].(json.Number).String()
	return l.end(id)
}

func (l *pythonJobs) end(id string) object {
	l.Helper()
	number, err := strconv.ParseInt(id, 10, 64)
	require.NoError(l, err)
	_, err = l.s.Client().Jobs.WaitRun(l.Context(), number)
	if failed := (*databricks.RunError)(nil); !errors.As(err, &failed) {
		require.NoError(l, err)
	}
	return jobsCall(l, l.s, "2.1", "runs/get?run_id="+id, "")
}

// output returns the output of a task of a run.
func (l *pythonJobs) output(run object, task int) object {
	l.Helper()
	id := run["tasks"].([]any)[task].(object)["run_id"].(json.Number).String()
	return jobsCall(l, l.s, "2.1", "runs/get-output?run_id="+id, "")
}

// notebook runs a notebook with parameters, and returns its value or its error.
func (l *pythonJobs) notebook(source string, params map[string]string) string {
	l.Helper()
	importSource(l, l.s, "/Shared/under_test", source)
	text, _ := json.Marshal(params)
	out := l.output(l.run(`{"task_key":"a","notebook_task":{"notebook_path":"/Shared/under_test","base_parameters":`+string(text)+`}}`), 0)
	if problem, ok := out["error"].(string); ok {
		return problem
	}
	value, _ := out["notebook_output"].(object)["result"].(string)
	return value
}

func (l *pythonJobs) python(file, args string) string {
	return fmt.Sprintf(`{"task_key":"a","existing_cluster_id":%q,"spark_python_task":{"python_file":%q,"parameters":%s}}`, l.cluster, file, args)
}

func TestPython_notebooks(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{})
	callOK(t, l.s, "POST", "/api/2.0/workspace/mkdirs", `{"path":"/Shared/lib"}`)
	importSource(t, l.s, "/Shared/lib/tools", "# Databricks notebook source\nimport math\n\n# COMMAND ----------\n\n# MAGIC %md\n# MAGIC # A title isn't code\n\n# COMMAND ----------\n\ndef twice(x):\n    return 2 * x\n\nwho = dbutils.widgets.getArgument('who', 'nobody')")
	importSource(t, l.s, "/Shared/lib/child", "# Databricks notebook source\ndbutils.widgets.text('n', '1')\nif dbutils.widgets.get('n') == '0':\n    raise ValueError('zero')\ndbutils.notebook.exit(int(dbutils.widgets.get('n')) * 10)")
	for _, row := range []struct {
		name, source, want string
		params             map[string]string
	}{
		{"an exit value", "dbutils.notebook.exit('done')\nraise ValueError", "done", nil},
		{"no value", "1", "", nil},
		{"cells share their variables", "x = 1\n\n# COMMAND ----------\n\nx += 1\n\n# COMMAND ----------\ndbutils.notebook.exit(x)", "2", nil},
		{"exit ends all cells", "dbutils.notebook.exit('a')\n\n# COMMAND ----------\n\ndbutils.notebook.exit('b')", "a", nil},
		{"parameters", "dbutils.notebook.exit(dbutils.widgets.get('p') + getArgument('q'))", "12", map[string]string{"p": "1", "q": "2"}},
		{"a widget's default", "dbutils.widgets.dropdown('p', 'a', ['a', 'b'])\ndbutils.notebook.exit(dbutils.widgets.get('p'))", "a", nil},
		{"a parameter before the default", "dbutils.widgets.text('p', 'a')\ndbutils.notebook.exit(dbutils.widgets.getAll())", "{'p': 'x'}", map[string]string{"p": "x"}},
		{"an unknown widget", "dbutils.widgets.get('p')", "InputWidgetNotDefined: No input widget named p is defined", nil},
		{"an error", "1 / 0", "ZeroDivisionError: division by zero", nil},
		{"a syntax error", "def (", "SyntaxError", nil},
		{"%run", "# MAGIC %run ./lib/tools\n\n# COMMAND ----------\n\ndbutils.notebook.exit(twice(21))", "42", nil},
		{"%run with a widget", "%run ./lib/tools $who=\"me\"\n\n# COMMAND ----------\n\ndbutils.notebook.exit(who)", "me", nil},
		{"%run of nothing", "%run ./none", "RESOURCE_DOES_NOT_EXIST: The notebook /Shared/none does not exist", nil},
		{"another notebook", "dbutils.notebook.exit(int(dbutils.notebook.run('./lib/child', 60, {'n': 4})) + 2)", "42", nil},
		{"another notebook's variables are its own", "n = 7\ndbutils.notebook.run('/Shared/lib/child', 0)\ndbutils.notebook.exit(n)", "7", nil},
		{"another notebook's failure", "dbutils.notebook.run('./lib/child', 60, {'n': 0})", "WorkflowException: The notebook /Shared/lib/child failed: ValueError: zero", nil},
		{"a failure that is caught", "try:\n  dbutils.notebook.run('./lib/child', 60, {'n': 0})\nexcept Exception as e:\n  dbutils.notebook.exit('caught')", "caught", nil},
		{"SQL without Spark", "# MAGIC %sql create table t as select 42 as x\n\n# COMMAND ----------\n\n# MAGIC %sql\n# MAGIC select x\n# MAGIC from t\n\n# COMMAND ----------\n\ndbutils.notebook.exit('ok')", "ok", nil},
		{"another language", "# MAGIC %scala\n# MAGIC val x = 1", "Language scala is not supported: this workspace runs only Python and SQL.", nil},
		{"an unknown magic", "%nonsense 1", "The magic %nonsense is not supported", nil},
		{"spark without pyspark", "x = 1\nif False:\n  spark.range(1)\nspark.range(1)", "RuntimeError: Spark is not available", nil},
		{"exit of the process", "import os\nos._exit(3)", "The Python process exited: exit status 3", nil},
	} {
		assert.Contains(t, l.notebook("# Databricks notebook source\n"+row.source, row.params), row.want, row.name)
	}
	importSource(t, l.s, "/Shared/under_test", "# Databricks notebook source\ndef f():\n    raise KeyError('k')\nf()")
	run := l.run(`{"task_key":"a","notebook_task":{"notebook_path":"/Shared/under_test"}}`)
	assert.Equal(t, "INTERNAL_ERROR FAILED", stateOf(run))
	assert.Contains(t, l.output(run, 0)["error_trace"], "raise KeyError('k')")
}

func TestPython_filesAndWheels(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{})
	put := func(path, text string) {
		callOK(t, l.s, "POST", "/api/2.0/dbfs/put", fmt.Sprintf(`{"path":%q,"contents":%q,"overwrite":true}`, path, base64.StdEncoding.EncodeToString([]byte(text))))
	}
	put("/a.py", "import sys\nprint(sys.argv[1:], __name__)\nprint('err', file=sys.stderr)\nif len(sys.argv) > 2: sys.exit(int(sys.argv[2]))")
	importSource(t, l.s, "/Shared/b.py", "print('from the workspace')\nraise ValueError('bad')")

	out := l.output(l.run(l.python("dbfs:/a.py", `["ä"]`)), 0)
	assert.Equal(t, "['ä'] __main__\nerr", out["logs"])
	assert.NotContains(t, out, "error")
	assert.NotContains(t, l.output(l.run(l.python("dbfs:/a.py", `["x","0"]`)), 0), "error", "an exit without an error")
	assert.Contains(t, l.output(l.run(l.python("dbfs:/a.py", `["x","3"]`)), 0)["error"], "SystemExit: 3")
	run := l.run(l.python("/Workspace/Shared/b.py", "[]"))
	assert.Equal(t, "INTERNAL_ERROR FAILED", stateOf(run))
	out = l.output(run, 0)
	assert.Equal(t, "from the workspace", out["logs"], "the output before the failure")
	assert.Equal(t, "ValueError: bad", out["error"])
	assert.Contains(t, out["error_trace"], "/Workspace/Shared/b.py")

	var wheel bytes.Buffer
	z := zip.NewWriter(&wheel)
	for name, text := range map[string]string{
		"my_pkg/__init__.py":                    "import sys\ndef main():\n    print('main', sys.argv)\ndef other():\n    print('other')\n",
		"my_pkg-1.0.dist-info/METADATA":         "Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.0\n",
		"my_pkg-1.0.dist-info/entry_points.txt": "[console_scripts]\nrun = my_pkg:main\n",
		"my_pkg-1.0.dist-info/WHEEL":            "Wheel-Version: 1.0\n",
	} {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	put("/my_pkg-1.0-py3-none-any.whl", wheel.String())
	task := func(entry, more string) string {
		return fmt.Sprintf(`{"task_key":"a","existing_cluster_id":%q,"libraries":[{"whl":"dbfs:/my_pkg-1.0-py3-none-any.whl"}],"python_wheel_task":{"package_name":"my_pkg","entry_point":%q%s}}`, l.cluster, entry, more)
	}
	assert.Equal(t, "main ['run', 'x']", l.output(l.run(task("run", `,"parameters":["x"]`)), 0)["logs"])
	assert.Equal(t, "main ['run', '--a=1', '--b=2']", l.output(l.run(task("run", `,"named_parameters":{"b":"2","a":"1"}`)), 0)["logs"])
	assert.Equal(t, "other", l.output(l.run(task("other", "")), 0)["logs"], "a function of the package")
	assert.Contains(t, l.output(l.run(task("none", "")), 0)["error"], "AttributeError")
	assert.Contains(t, l.output(l.run(fmt.Sprintf(`{"task_key":"a","existing_cluster_id":%q,"python_wheel_task":{"package_name":"no_pkg","entry_point":"x"}}`, l.cluster)), 0)["error"], "no_pkg is not in the wheels")
}

func TestPython_taskValues(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{})
	importSource(t, l.s, "/Shared/make", "# Databricks notebook source\ndbutils.jobs.taskValues.set(key='rows', value={'n': [1, 2]})\ndbutils.jobs.taskValues.set('id', 9007199254740993)")
	importSource(t, l.s, "/Shared/use", "# Databricks notebook source\nv = dbutils.jobs.taskValues\ndbutils.notebook.exit([v.get('make', 'rows')['n'], v.get(taskKey='make', key='none', default=5), dbutils.widgets.get('id'), v.get('make', 'id')])")
	run := l.run(`{"task_key":"make","notebook_task":{"notebook_path":"/Shared/make"}}`,
		`{"task_key":"use","depends_on":[{"task_key":"make"}],"notebook_task":{"notebook_path":"/Shared/use","base_parameters":{"id":"{{tasks.make.values.id}}"}}}`,
		`{"task_key":"each","depends_on":[{"task_key":"make"}],"for_each_task":{"inputs":"{{tasks.make.values.rows.n}}","task":{"task_key":"i","notebook_task":{"notebook_path":"/Shared/use","base_parameters":{"id":"{{input}}"}}}}}`)
	assert.Equal(t, "TERMINATED SUCCESS", stateOf(run))
	assert.Equal(t, "[[1, 2], 5, '9007199254740993', 9007199254740993]", l.output(run, 1)["notebook_output"].(object)["result"])
	assert.Contains(t, l.notebook("# Databricks notebook source\ndbutils.jobs.taskValues.get('none', 'x')", nil), "ValueError")
}

// dbutils acts as the user of the run.
func TestPython_secrets(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{}, WithSecretsInNotebooksOnly())
	callOK(t, l.s, "POST", "/api/2.0/secrets/scopes/create", `{"scope":"s"}`)
	callOK(t, l.s, "POST", "/api/2.0/secrets/put", `{"scope":"s","key":"k","string_value":"hush"}`)
	assert.Equal(t, "hush", l.notebook("dbutils.notebook.exit(dbutils.secrets.get('s', 'k'))", nil))
	assert.Equal(t, "[SecretScope(name='s')] [SecretMetadata(key='k')]", l.notebook("dbutils.notebook.exit('%s %s' % (dbutils.secrets.listScopes(), dbutils.secrets.list('s')))", nil))
	assert.Contains(t, l.notebook("dbutils.secrets.get('s', 'none')", nil), "RESOURCE_DOES_NOT_EXIST")
	callOK(t, l.s, "POST", "/api/2.0/dbfs/put", `{"path":"/a.py","contents":"`+base64.StdEncoding.EncodeToString([]byte("print('it is', dbutils.secrets.get('s', 'k'))\nraise ValueError(dbutils.secrets.get('s', 'k'))"))+`"}`)
	out := l.output(l.run(l.python("dbfs:/a.py", "[]")), 0)
	assert.Equal(t, "it is [REDACTED]", out["logs"])
	assert.Equal(t, "ValueError: [REDACTED]", out["error"])
	assert.NotContains(t, out["error_trace"], "hush")

	importSource(t, l.s, "/Users/alice@example.com/n", "dbutils.notebook.exit(dbutils.secrets.get('s', 'k'))")
	const task = `{"tasks":[{"task_key":"a","notebook_task":{"notebook_path":"/Users/alice@example.com/n"}}],"run_as":{"user_name":"alice@example.com"}}`
	job := jobsCall(t, l.s, "2.1", "create", task)["job_id"].(json.Number).String()
	assert.Contains(t, l.output(l.end(runJob(t, l.s, job)), 0)["error"], "PERMISSION_DENIED", "alice lacks the permission")
	callOK(t, l.s, "POST", "/api/2.0/secrets/acls/put", `{"scope":"s","principal":"alice@example.com","permission":"READ"}`)
	assert.Equal(t, "hush", l.output(l.end(runJob(t, l.s, job)), 0)["notebook_output"].(object)["result"], "alice has the permission")
}

func TestPython_files(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{})
	callOK(t, l.s, "POST", "/api/2.1/unity-catalog/volumes", `{"catalog_name":"main","schema_name":"default","name":"v","volume_type":"MANAGED"}`)
	for _, root := range []string{"dbfs:/dir", "/Volumes/main/default/v/dir", "file:" + filepath.ToSlash(t.TempDir()) + "/dir"} {
		assert.Equal(t, "ok", l.notebook(fmt.Sprintf(`
fs, root = dbutils.fs, %q
fs.mkdirs(root + "/sub")
fs.put(root + "/sub/a.txt", "hällo", True)
assert fs.head(root + "/sub/a.txt") == "hällo", fs.head(root + "/sub/a.txt")
try:
    fs.put(root + "/sub/a.txt", "x")
    assert False, "it was there"
except Exception as e:
    assert "xist" in repr(e), e
fs.put(root + "/big", "x" * 3000000, True)
assert [(f.name, f.isDir()) for f in sorted(fs.ls(root))] == [("big", False), ("sub/", True)], fs.ls(root)
assert [f.size for f in fs.ls(root + "/big")] == [3000000]
fs.cp(root, root + "2", recurse=True)
fs.mv(root + "2/sub/a.txt", root + "2/b.txt")
assert [f.name for f in sorted(fs.ls(root + "2"))] == ["b.txt", "big", "sub/"], fs.ls(root + "2")
assert fs.rm(root + "2", True) and not fs.rm(root + "2", True)
dbutils.notebook.exit("ok")`, root), nil), root)
	}
	got := callOK(t, l.s, "GET", "/api/2.0/dbfs/read?path=/dir/sub/a.txt", "")
	assert.Equal(t, base64.StdEncoding.EncodeToString([]byte("hällo")), got["data"], "it is the workspace's DBFS")
	assert.Contains(t, l.notebook("dbutils.fs.head('relative')", nil), "must be absolute")
	assert.Contains(t, l.notebook("dbutils.data.summarize(1)", nil), "dbutils.data is not supported")
}

// stubOfPyspark has the parts of pyspark that the tests use.
const stubOfPyspark = `
class Type:
    def __init__(self, name): self.name = name
    def jsonValue(self): return self.name
class Field:
    def __init__(self, name, kind): self.name, self.dataType = name, Type(kind)
class Schema:
    fields = [Field("id", "long"), Field("list", {"type": "array", "elementType": "string", "containsNull": True})]
class Frame:
    schema = Schema()
    def __init__(self, rows): self.rows = rows
    def limit(self, n): return Frame(self.rows[:n])
    def collect(self): return self.rows
class Builder:
    url = None
    def remote(self, url):
        self.url = url
        return self
    def getOrCreate(self):
        print("made a session of", self.url)
        return SparkSession(self.url)
class SparkSession:
    builder = Builder()
    def __init__(self, url): self.url = url
    def range(self, n): return Frame([(i, [str(i)]) for i in range(n)])
    def sql(self, text): return self.range(2)
`

func TestPython_spark(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pyspark"), 0o700))
	for name, text := range map[string]string{"__init__.py": "", "sql.py": stubOfPyspark} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pyspark", name), []byte(text), 0o600))
	}
	t.Setenv("PYTHONPATH", dir)
	l := newPythonJobs(t, PythonOptions{Command: python, SparkURL: "sc://engine:15002"})
	assert.Equal(t, "sc://engine:15002", l.notebook("dbutils.notebook.exit(spark.url)", nil))
	assert.Equal(t, "2", l.notebook("# MAGIC %sql select 1\n\n# COMMAND ----------\n\ndbutils.notebook.exit(len(_sqldf.collect()))", nil))
	callOK(t, l.s, "POST", "/api/2.0/dbfs/put", `{"path":"/a.py","contents":"`+base64.StdEncoding.EncodeToString([]byte("print('before')\nspark.range(1)\nspark.range(1)"))+`"}`)
	assert.Equal(t, "made a session of sc://engine:15002\nbefore\n"+`<pyspark.sql.Frame object at`, strings.SplitAfter(l.output(l.run(l.python("dbfs:/a.py", "[]")), 0)["logs"].(string), "object at")[0])
	callOK(t, l.s, "POST", "/api/2.0/dbfs/put", `{"path":"/b.py","overwrite":true,"contents":"`+base64.StdEncoding.EncodeToString([]byte("print('no Spark')"))+`"}`)
	assert.Equal(t, "no Spark", l.output(l.run(l.python("dbfs:/b.py", "[]")), 0)["logs"], "a session is created at its first use")

	v := v12Lab{TB: t, s: l.s, cluster: l.cluster}
	id := v.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "python"})["id"].(string)
	result := func(language, code string) object {
		command := v.execute(id, language, code)
		for {
			got := callOK(t, l.s, "GET", "/api/1.2/commands/status?clusterId="+l.cluster+"&contextId="+id+"&commandId="+command, "")
			if results, ok := got["results"].(object); ok {
				return results
			}
			runtime.Gosched()
		}
	}
	for _, got := range []object{result("sql", "select id, list from t"), result("python", "display(spark.range(2))")} {
		assert.Equal(t, "table", got["resultType"], got)
		assert.Equal(t, []any{[]any{json.Number("0"), []any{"0"}}, []any{json.Number("1"), []any{"1"}}}, got["data"])
		schema := got["schema"].([]any)
		assert.Equal(t, `"long"`, schema[0].(object)["type"])
		assert.JSONEq(t, `{"type":"array","elementType":"string","containsNull":true}`, schema[1].(object)["type"].(string))
	}
}

// A run that is canceled, times out or loses its cluster leaves no process.
func TestPython_stops(t *testing.T) {
	l := newPythonJobs(t, PythonOptions{})
	importSource(t, l.s, "/Shared/loop", "dbutils.fs.put('/started', 'x', True)\nwhile True: pass")
	for name, stop := range map[string]func(run string){
		"cancel":  func(run string) { jobsCall(t, l.s, "2.1", "runs/cancel", `{"run_id":`+run+`}`) },
		"cluster": func(string) { callOK(t, l.s, "POST", "/api/2.0/clusters/delete", `{"cluster_id":"`+l.cluster+`"}`) },
	} {
		run := jobsCall(t, l.s, "2.1", "runs/submit", `{"tasks":[{"task_key":"a","existing_cluster_id":"`+l.cluster+`","notebook_task":{"notebook_path":"/Shared/loop"}}]}`)["run_id"].(json.Number).String()
		for send(t, l.s, http.MethodGet, "/api/2.0/dbfs/get-status?path=/started", "").status != 200 {
			jobsCall(t, l.s, "2.1", "runs/get?run_id="+run, "")
			runtime.Gosched()
		}
		stop(run)
		got := l.end(run)
		assert.NotEqual(t, "TERMINATED SUCCESS", stateOf(got), name)
		callOK(t, l.s, "POST", "/api/2.0/dbfs/delete", `{"path":"/started"}`)
	}
	l.s.Close() // waits for the processes
	l.s.life.Lock()
	defer l.s.life.Unlock()
	assert.Zero(t, l.s.underWay)
}
