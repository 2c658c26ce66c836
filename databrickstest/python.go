package databrickstest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path"
	"strings"
	"sync"
	"time"
)

// PythonOptions configure the Python that runs the code of a workspace.
type PythonOptions struct {
	// Command is the interpreter. Empty means python3.
	Command string

	// SparkURL is the address of a Spark Connect server, such as
	// sc://localhost:15002. If it is empty, the configuration of pyspark
	// applies. By default, pyspark runs Spark itself.
	SparkURL string
}

// WithPython runs REST 1.2 commands and tasks of jobs in a local Python:
// notebooks in Python and SQL, spark_python_tasks, and entry points of wheels.
// Each execution context and each attempt of a task has its own process. The
// printed text, the errors and the values of the code become those of the
// command or task. A script takes precedence (see [WithRuns]): a task runs in
// Python only if the script returns a zero [RunOutcome].
//
// The code can use a dbutils with widgets, notebook, secrets, fs and
// jobs.taskValues. It acts as the user who runs the code. The code can use
// spark if the Python has pyspark. See [PythonOptions]. Without pyspark, using
// spark fails, and SQLite runs the SQL.
//
// Tasks in other languages, from Git, or from storage outside the workspace do
// not run. They succeed, as they do without this option.
//
// The code has all permissions of this program, so run only code that you
// trust.
func WithPython(options PythonOptions) Option {
	return func(s *Server) {
		s.jobs.python = &options
		s.v12.executor = options.executor()
	}
}

// LocalPython returns an executor that runs commands in a local Python with the
// command python3. Each context has its own process, so the commands of a
// context share variables. The result of a command is its printed text and the value of its
// last expression, or a traceback. [WithPython] has more options and also runs
// jobs.
//
// A canceled command is interrupted. If it does not stop within a few seconds,
// its process is killed, and the next command starts a new one. A process ends
// with its context. All processes end with the server.
//
// The code has all permissions of this program, so run only code that you
// trust.
func LocalPython() Executor { return PythonOptions{}.executor() }

func (o PythonOptions) executor() Executor {
	return &localPython{options: o, interpreters: map[string]*interpreter{}}
}

type localPython struct {
	options      PythonOptions
	mu           sync.Mutex
	interpreters map[string]*interpreter // by context
}

func (p *localPython) Execute(c Command) CommandResult {
	if c.Language != "python" && c.Language != "sql" {
		return CommandResult{Cause: "Language " + c.Language + " is not supported: this workspace runs only Python and SQL."}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.interpreters[c.ContextID]
	if in == nil {
		in = &interpreter{options: p.options}
		p.interpreters[c.ContextID] = in
		c.Cleanup(func() {
			p.mu.Lock()
			delete(p.interpreters, c.ContextID)
			p.mu.Unlock()
			in.end()
		})
	}
	job := pythonJob{Op: "command", Code: []byte(c.Code), Language: c.Language, Spark: p.options.SparkURL}
	return CommandResult{Later: func(ctx context.Context) CommandResult {
		result, problem := in.run(ctx, job, c.workspace)
		switch {
		case problem != nil:
			return *problem
		case result.Table != nil && result.Cause == "":
			return CommandResult{Columns: result.Table.Columns, Rows: result.Table.Rows}
		}
		return CommandResult{Text: cmp.Or(result.Text, result.Exit), Cause: result.Cause, Summary: result.Summary}
	}}
}

// inPython returns an outcome that runs the task in Python. The result is false
// if the task does not run in Python.
func (a *jobsArea) inPython(t *attempt) (RunOutcome, bool) {
	options, spec, view := a.python, a.spec(t), t.view()
	if options == nil {
		return RunOutcome{}, false
	}
	now := a.server.now()
	user := t.run.root().identity(a.server)
	job := pythonJob{Path: spec.Target, Args: spec.Args, Params: spec.Params, Spark: options.SparkURL}
	job.Values = map[string]map[string]any{}
	for _, other := range t.run.root().tasks {
		if other.last != nil {
			job.Values[other.view.Key] = other.last.outcome.Values
		}
	}
	found, problem := a.source(t, now)
	switch {
	case problem != "": // the attempt reports it itself
		return RunOutcome{}, false
	case found.notebook != nil && (found.notebook.language == "PYTHON" || found.notebook.language == "SQL"):
		job.Op = "notebook"
	case found.file != nil && view.Python != nil:
		code, err := found.file.bytes()
		if err != nil {
			return RunOutcome{Error: err.Error()}, true
		}
		job.Op, job.Code = "file", code
	case view.Wheel != nil:
		job.Op, job.Package, job.Entry, job.Named = "wheel", view.Wheel.Package, view.Wheel.Entry, spec.Params
		job.Wheels = map[string][]byte{}
		c := &call{Server: a.server, user: user, now: now}
		for _, wheel := range a.wheels(t) {
			file, _ := c.fileAt(wheel)
			if file == nil {
				continue
			}
			content, err := file.bytes()
			if err != nil {
				return RunOutcome{Error: err.Error()}, true
			}
			job.Wheels[path.Base(wheel)] = content
		}
	default:
		return RunOutcome{}, false
	}
	return RunOutcome{Later: func(ctx context.Context) RunOutcome {
		in := &interpreter{options: *options}
		defer in.end()
		result, problem := in.run(ctx, job, a.server.onBehalf(user))
		if problem != nil {
			return RunOutcome{Error: cmp.Or(problem.Cause, problem.Broken)}
		}
		return RunOutcome{Output: result.Exit, Logs: result.Text, Error: result.Error, Trace: result.Cause, Values: result.Values}
	}}, true
}

// wheels returns the paths of the wheels that a task needs.
func (a *jobsArea) wheels(t *attempt) (wheels []string) {
	view := t.view()
	for _, l := range view.Libraries {
		if l.Whl != "" {
			wheels = append(wheels, l.Whl)
		}
	}
	for _, environment := range t.run.view.Environments {
		if environment.Key != view.EnvKey {
			continue
		}
		for _, name := range environment.Spec.Dependencies {
			if strings.HasSuffix(name, ".whl") {
				wheels = append(wheels, name)
			}
		}
	}
	return wheels
}

// A workspaceCall sends a request to the workspace as a user.
type workspaceCall func(ctx context.Context, method, path string, body []byte) (status int, result []byte)

// onBehalf returns a function with which code in the workspace can call the
// workspace. The method NOTEBOOK is not part of the API. It returns the source
// of the notebook at a path.
func (s *Server) onBehalf(u *user) workspaceCall {
	return func(ctx context.Context, method, path string, body []byte) (int, []byte) {
		resp := s.respond(method, path, func() (any, error) {
			c := &call{Server: s, ctx: ctx, user: u, inNotebook: true}
			if method == "NOTEBOOK" {
				return c.notebookAt(path)
			}
			r, err := http.NewRequestWithContext(ctx, method, nowhere+path, bytes.NewReader(body))
			if err != nil {
				return nil, invalid("%v", err)
			}
			c.header = r.Header
			if err := c.locked(func() error { return nil }); err != nil { // sets c.now
				return nil, err
			}
			defer s.mayHaveChanged(r.Method)
			return s.dispatch(c, r)
		})
		if resp.stream == nil {
			return resp.status, resp.body
		}
		var text bytes.Buffer
		if err := resp.stream(&text); err != nil {
			return http.StatusInternalServerError, nil
		}
		return resp.status, text.Bytes()
	}
}

func (c *call) notebookAt(path string) (any, error) {
	var out map[string]string
	return out, c.locked(func() error {
		node := c.workspace.readable(c, path, "CAN_RUN")
		if node == nil || node.objectType != typeNotebook {
			return notFound("The notebook %s does not exist, or %s lacks the required permissions.", path, c.user.name)
		}
		out = map[string]string{"language": node.notebook.language, "source": node.notebook.source}
		return nil
	})
}

//go:embed python_driver.py
var pythonDriver string

// stubborn is how long an interrupted command may take before it is killed.
const stubborn = 3 * time.Second

// An interpreter is a Python process that runs one command after another. The
// first command starts the process.
type interpreter struct {
	options PythonOptions

	mu  sync.Mutex // held while a command runs
	ask io.WriteCloser
	say *bufio.Reader

	life    sync.Mutex
	process *exec.Cmd // nil if there is none
	ended   bool
}

func (in *interpreter) start() error {
	in.life.Lock()
	defer in.life.Unlock()
	if in.process != nil {
		return nil
	}
	if in.ended {
		return context.Canceled
	}
	process := exec.Command(cmp.Or(in.options.Command, "python3"), "-u", "-c", pythonDriver)
	ownGroup(process)
	ask, err := process.StdinPipe()
	if err != nil {
		return err
	}
	say, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	in.process, in.ask, in.say = process, ask, bufio.NewReader(say)
	return nil
}

// signal interrupts or kills the process and its child processes.
func (in *interpreter) signal(send func(*exec.Cmd)) {
	in.life.Lock()
	defer in.life.Unlock()
	if in.process != nil {
		send(in.process)
	}
}

// bury waits for a process that is about to exit, and removes it.
func (in *interpreter) bury() string {
	in.life.Lock()
	defer in.life.Unlock()
	process := in.process
	if process == nil {
		return ""
	}
	kill(process) // its child processes may still run
	_ = process.Wait()
	in.process = nil
	return process.ProcessState.String()
}

// end kills the process. The interpreter cannot start another one.
func (in *interpreter) end() {
	in.life.Lock()
	in.ended = true
	in.life.Unlock()
	in.signal(kill)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.bury()
}

// run runs a job and returns its result. If there is no result, problem says
// why.
func (in *interpreter) run(ctx context.Context, job pythonJob, workspace workspaceCall) (result pythonResult, problem *CommandResult) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if ctx.Err() != nil {
		return result, &CommandResult{Cause: cancelCause}
	}
	if err := in.start(); err != nil {
		return result, &CommandResult{Broken: fmt.Sprintf("Python cannot be started: %v", err)}
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		in.signal(interrupt)
		select {
		case <-stopped:
		case <-time.After(stubborn):
			in.signal(kill)
		}
	})
	result, err := in.exchange(ctx, job, workspace)
	close(stopped)
	stop()
	if err != nil {
		state := in.bury()
		if ctx.Err() != nil {
			return result, &CommandResult{Cause: cancelCause}
		}
		return result, &CommandResult{Cause: "The Python process exited: " + state, Summary: "Fatal error: The Python process exited"}
	}
	if result.Canceled {
		return result, &CommandResult{Cause: cancelCause}
	}
	return result, nil
}

// A pythonJob is a job for the driver: a command, a notebook, a file or a
// wheel.
type pythonJob struct {
	Op       string                    `json:"op"`
	Code     []byte                    `json:"code,omitzero"` // may be invalid UTF-8
	Language string                    `json:"language,omitzero"`
	Path     string                    `json:"path,omitzero"`
	Args     []string                  `json:"args"`
	Params   map[string]string         `json:"params"`
	Named    map[string]string         `json:"named"`
	Package  string                    `json:"package,omitzero"`
	Entry    string                    `json:"entry,omitzero"`
	Wheels   map[string][]byte         `json:"wheels,omitzero"`
	Values   map[string]map[string]any `json:"values,omitzero"` // task values by task
	Spark    string                    `json:"spark,omitzero"`
}

type pythonResult struct {
	Text     string `json:"text"`
	Cause    string `json:"cause"`
	Summary  string `json:"summary"`
	Error    string `json:"error"`
	Canceled bool   `json:"canceled"`
	Exit     string `json:"exit"`
	Table    *struct {
		Columns []TableColumn `json:"columns"`
		Rows    [][]any       `json:"rows"`
	} `json:"table"`
	Values map[string]any `json:"values"`
}

// exchange sends a job to the process, handles the process's calls, and returns
// its result. Each message is one line of JSON.
func (in *interpreter) exchange(ctx context.Context, job pythonJob, workspace workspaceCall) (result pythonResult, err error) {
	if job.Args == nil {
		job.Args = []string{}
	}
	if err := in.send(job); err != nil {
		return result, err
	}
	for {
		line, err := in.say.ReadBytes('\n')
		if err != nil {
			return result, err
		}
		var out struct {
			Call *struct {
				Method string `json:"method"`
				Path   string `json:"path"`
				Body   []byte `json:"body"`
			} `json:"call"`
			Result *pythonResult `json:"result"`
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&out); err != nil {
			return result, err
		}
		if out.Result != nil {
			return *out.Result, nil
		}
		if out.Call == nil {
			return result, fmt.Errorf("the message has neither a call nor a result")
		}
		status, body := workspace(ctx, out.Call.Method, out.Call.Path, out.Call.Body)
		if err := in.send(map[string]any{"status": status, "body": body}); err != nil {
			return result, err
		}
	}
}

func (in *interpreter) send(value any) error {
	line, err := json.Marshal(value)
	if err == nil {
		_, err = in.ask.Write(append(line, '\n'))
	}
	return err
}
