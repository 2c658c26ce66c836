package databrickstest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// LocalPython returns an executor that runs commands in Python on this machine,
// by the command python3, in one process for each context. What one command
// defines, the next one can use. A command's result is what it printed and the
// value of the expression that it ends with, or a traceback. There is no Spark.
//
// A cancelled command is interrupted. If that does not stop it within a few
// seconds, its process is killed, and the context begins anew with the next
// command. Processes end with their contexts, and all of them with the server.
//
// The code runs with all rights of this program: take care whose it is.
func LocalPython() Executor {
	return &localPython{interpreters: map[string]*interpreter{}}
}

type localPython struct {
	mu           sync.Mutex
	interpreters map[string]*interpreter // by context
}

func (p *localPython) Execute(c Command) CommandResult {
	if c.Language != "python" {
		return CommandResult{Cause: "There is no " + c.Language + " here: this workspace runs Python only."}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.interpreters[c.ContextID]
	if in == nil {
		in = &interpreter{}
		p.interpreters[c.ContextID] = in
		c.Cleanup(func() {
			p.mu.Lock()
			delete(p.interpreters, c.ContextID)
			p.mu.Unlock()
			in.end()
		})
	}
	return CommandResult{Later: func(ctx context.Context) CommandResult { return in.run(ctx, c.Code) }}
}

//go:embed v12_python.py
var pythonLoop string

// stubborn is how long an interrupted command may take to stop.
const stubborn = 3 * time.Second

// An interpreter is a Python process that runs one command after another. It is
// started by the first.
type interpreter struct {
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
	process := exec.Command("python3", "-u", "-c", pythonLoop)
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

// signal interrupts or kills the process and what it started.
func (in *interpreter) signal(send func(*exec.Cmd)) {
	in.life.Lock()
	defer in.life.Unlock()
	if in.process != nil {
		send(in.process)
	}
}

// bury waits for a process that is about to end, and forgets it.
func (in *interpreter) bury() string {
	in.life.Lock()
	defer in.life.Unlock()
	process := in.process
	if process == nil {
		return ""
	}
	kill(process) // what it started may go on
	_ = process.Wait()
	in.process = nil
	return process.ProcessState.String()
}

// end kills the process for good.
func (in *interpreter) end() {
	in.life.Lock()
	in.ended = true
	in.life.Unlock()
	in.signal(kill)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.bury()
}

func (in *interpreter) run(ctx context.Context, code string) CommandResult {
	in.mu.Lock()
	defer in.mu.Unlock()
	if ctx.Err() != nil {
		return CommandResult{Cause: cancelled}
	}
	if err := in.start(); err != nil {
		return CommandResult{Broken: fmt.Sprintf("Python cannot be started: %v", err)}
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
	reply, err := in.exchange(code)
	close(stopped)
	stop()
	if err != nil {
		state := in.bury()
		if ctx.Err() != nil {
			return CommandResult{Cause: cancelled}
		}
		return CommandResult{Cause: "The Python process exited: " + state, Summary: "Fatal error: The Python process exited"}
	}
	if reply.Cancelled {
		return CommandResult{Cause: cancelled}
	}
	return CommandResult{Text: reply.Text, Cause: reply.Cause, Summary: reply.Summary}
}

type pythonReply struct {
	Text      string `json:"text"`
	Cause     string `json:"cause"`
	Summary   string `json:"summary"`
	Cancelled bool   `json:"cancelled"`
}

// exchange sends a command to the process and waits for its reply: one line of
// JSON each.
func (in *interpreter) exchange(code string) (reply pythonReply, err error) {
	line, err := json.Marshal([]byte(code)) // base64: it need not be UTF-8
	if err != nil {
		return reply, err
	}
	if _, err := in.ask.Write(append(line, '\n')); err != nil {
		return reply, err
	}
	line, err = in.say.ReadBytes('\n')
	if err != nil {
		return reply, err
	}
	return reply, json.NewDecoder(bytes.NewReader(line)).Decode(&reply)
}
