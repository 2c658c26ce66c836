package databrickstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pythonLab is a workspace whose commands run in a Python on this machine. It
// is not in a bubble, because processes cannot be. No test waits for time to
// pass.
type pythonLab struct {
	v12Lab
	done     chan CommandResult // results of commands that ended
	listener net.Listener       // the commands' processes connect to it
}

func newPythonLab(t *testing.T) *pythonLab {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	l := &pythonLab{done: make(chan CommandResult, 1)}
	python := LocalPython()
	watched := ExecutorFunc(func(c Command) CommandResult {
		result := python.Execute(c)
		return CommandResult{Later: func(ctx context.Context) CommandResult {
			if result.Later != nil {
				result = result.Later(ctx)
			}
			l.done <- result
			return result
		}}
	})
	l.v12Lab = v12Lab{TB: t, s: newServer(t, WithoutSocket(), WithExecutor(watched),
		WithTimings(Timings{ClusterStart: -1, ClusterRestart: -1, ClusterTerminate: -1, ContextStart: -1}))}
	l.cluster = l.post("clusters/create", map[string]any{"name": "lab", "numWorkerContainers": 1})["id"].(string)
	var err error
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.listener.Close() })
	return l
}

func (l *pythonLab) context() string {
	l.Helper()
	return l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "python"})["id"].(string)
}

func (l *pythonLab) destroy(contextID string) {
	l.Helper()
	l.post("contexts/destroy", map[string]any{"clusterId": l.cluster, "contextId": contextID})
}

// run runs code and returns its result.
func (l *pythonLab) run(contextID, code string) CommandResult {
	l.Helper()
	l.execute(contextID, "python", code)
	return <-l.done
}

// begin starts code, and returns a connection that is closed when its process
// ends.
func (l *pythonLab) begin(contextID, code string) (command string, process net.Conn) {
	l.Helper()
	address := l.listener.Addr().(*net.TCPAddr)
	command = l.execute(contextID, "python", fmt.Sprintf("import socket, subprocess\nline = socket.create_connection(('127.0.0.1', %d))\n%s", address.Port, code))
	process, err := l.listener.Accept()
	require.NoError(l, err)
	return command, process
}

// requireEnd waits until a process has ended.
func requireEnd(t *testing.T, process net.Conn) {
	t.Helper()
	_, err := process.Read(make([]byte, 1))
	require.Error(t, err)
	process.Close()
}

func TestLocalPython(t *testing.T) {
	l := newPythonLab(t)
	id, other := l.context(), l.context()
	for _, row := range []struct{ name, code, text string }{
		{"nothing to show", "import math\nx = 20", ""},
		{"variables last", "x = x + 22\nx", "42"},
		{"what was printed, and the last value", "print('a')\nprint('b')\n[1, 2]", "a\nb\n[1, 2]"},
		{"None is not shown", "None", ""},
		{"text of all kinds", "'ä\\t漢\\r\\n🚀'", "'ä\\t漢\\r\\n🚀'"},
		{"tabs and line ends of all kinds", "if True:\n\tprint('a \tb')\r\n\r\n", "a \tb"},
		{"what a child printed", "import os\n_ = os.system('echo from a child')", "from a child"},
		{"there is nothing to read", "import sys\nsys.stdin.read()", "''"},
		{"the main module", "print(__name__)\nclass A: pass\nimport pickle\ntype(pickle.loads(pickle.dumps(A()))) is A", "__main__\nTrue"},
		{"much", "print('x' * 100000)", strings.Repeat("x", 100000)},
		{"indented as a whole", "\n    inner = 1\n    if inner:\n        print('in')\n    inner", "in\n1"},
		{"indented, with a text of several lines", "  s = \"\"\"a\n   b\"\"\"\n  len(s)", "4"},
		{"a magic line", "%load_ext autoreload\n%autoreload 2\nprint('after')", "after"},
		{"a magic line among code", "for i in range(2):\n    %time print(i)", "0\n1"},
		{"no magic at all", "a = 7\n(a\n%4)", "3"},
		{"Markdown", "%md\n# Title\nisn't code", ""},
		{"pip", "%pip install nothing==1\nimport json", "Note: %pip has no effect here. The packages are those of this machine's Python."},
		{"a shell", "%sh\necho one\necho two", "one\ntwo"},
		{"a shell line", "!echo one", "one"},
		{"errors go to the same place", "import sys\nprint('a', file=sys.stderr)", "a"},
	} {
		assert.Equal(t, CommandResult{Text: row.text}, l.run(id, row.code), row.name)
	}
	assert.Equal(t, "<span class='ansi-red-fg'>NameError</span>: name &#x27;x&#x27; is not defined", l.run(other, "x").Summary, "each context has its own process")

	got := l.run(id, "def f(n):\n    return 1 / n\nf(0)")
	assert.Equal(t, "<span class='ansi-red-fg'>ZeroDivisionError</span>: division by zero", got.Summary)
	assert.True(t, strings.HasPrefix(got.Cause, "Traceback (most recent call last):\n  File \"<command-"), got.Cause)
	assert.Contains(t, got.Cause, "return 1 / n")
	assert.True(t, strings.HasSuffix(got.Cause, "ZeroDivisionError: division by zero\n"), got.Cause)
	for code, summary := range map[string]string{
		"def (": "SyntaxError", "raise SystemExit(3)": "SystemExit", "raise KeyboardInterrupt": "KeyboardInterrupt", "class E(BaseException): pass\nraise E": "E",
	} {
		assert.Contains(t, l.run(id, code).Summary, ">"+summary+"<")
	}
	assert.Equal(t, "42", l.run(id, "x").Text, "errors change nothing")

	l.execute(id, "sql", "select 1 as one, 'x' as text, null as none, 1.5 as half, 5000000000 as much;")
	assert.Equal(t, CommandResult{
		Columns: []TableColumn{{"one", "integer"}, {"text", "string"}, {"none", "string"}, {"half", "double"}, {"much", "long"}},
		Rows:    [][]any{{json.Number("1"), "x", nil, json.Number("1.5"), json.Number("5000000000")}},
	}, <-l.done)
	l.execute(id, "sql", "show tables")
	assert.Contains(t, (<-l.done).Cause, "Spark is not available")
	scala := l.post("contexts/create", map[string]any{"clusterId": l.cluster, "language": "scala"})["id"].(string)
	l.execute(scala, "scala", "1")
	assert.Contains(t, (<-l.done).Cause, "runs only Python and SQL")

	assert.Contains(t, l.run(id, "import os\nos._exit(7)").Cause, "The Python process exited: exit status 7")
	assert.Contains(t, l.run(id, "x").Summary, "NameError", "a new process has no old variables")
}

func TestLocalPython_cancel(t *testing.T) {
	l := newPythonLab(t)
	id := l.context()
	l.run(id, "import os, time\nx = 1")
	for name, code := range map[string]string{
		"a sleep":         "line.send(b'!'); time.sleep(600)",
		"a loop":          "line.send(b'!')\nwhile True: pass",
		"a child":         "line.send(b'!'); subprocess.run(['sleep', '600'])",
		"one that tidies": "try:\n  line.send(b'!'); time.sleep(600)\nfinally:\n  x = x + 1",
	} {
		command, process := l.begin(id, code)
		_, err := process.Read(make([]byte, 1))
		require.NoError(t, err)
		l.post("commands/cancel", map[string]any{"clusterId": l.cluster, "contextId": id, "commandId": command})
		assert.Equal(t, CommandResult{Cause: cancelCause}, <-l.done, name)
		process.Close()
	}
	assert.Equal(t, "2", l.run(id, "x").Text, "variables still exist")
}

// No process outlives its context, whatever the process does.
func TestLocalPython_leavesNoProcess(t *testing.T) {
	const stubborn = "while True:\n  try:\n    while True: pass\n  except BaseException: pass"
	l := newPythonLab(t)

	id := l.context()
	_, idle := l.begin(id, "")
	<-l.done
	l.destroy(id)
	requireEnd(t, idle)

	for _, code := range []string{"while True: pass", stubborn} {
		id := l.context()
		_, busy := l.begin(id, code)
		l.destroy(id)
		<-l.done
		requireEnd(t, busy)
	}

	id = l.context()
	_, withChild := l.begin(id, "subprocess.Popen(['sleep', '600'], pass_fds=[line.fileno()])")
	<-l.done
	l.destroy(id)
	requireEnd(t, withChild)

	_, restarted := l.begin(l.context(), "")
	<-l.done
	l.post("clusters/restart", map[string]any{"clusterId": l.cluster})
	requireEnd(t, restarted)

	_, idle = l.begin(l.context(), "")
	<-l.done
	_, busy := l.begin(l.context(), stubborn)
	l.s.Close()
	<-l.done
	requireEnd(t, idle)
	requireEnd(t, busy)
}

func TestLocalPython_withoutPython(t *testing.T) {
	l := newPythonLab(t)
	t.Setenv("PATH", t.TempDir())
	assert.Contains(t, l.run(l.context(), "1").Broken, "Python cannot be started")
}
