package v12

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/redact"
)

// CommandsService runs code in contexts. A context runs one command at a time,
// in the order in which they were sent. A [Session] combines these calls into
// one call that returns the result.
//
// See https://docs.databricks.com/api/workspace/commandexecution.
type CommandsService service

// A CommandState is the state of a command. The service may add states, so a
// switch over it needs a default.
type CommandState string

// States of a command.
const (
	CommandQueued     CommandState = "Queued" // waiting for other commands of its context
	CommandRunning    CommandState = "Running"
	CommandCancelling CommandState = "Cancelling"
	CommandFinished   CommandState = "Finished"  // terminal, even if the code raised an error
	CommandCancelled  CommandState = "Cancelled" // terminal
	CommandFailed     CommandState = "Error"     // terminal: the service could not run the code
)

// ExecuteCommand describes code to run.
type ExecuteCommand struct {
	Language  Language          `json:"language"` // the language of the context, or SQL
	ClusterID string            `json:"clusterId"`
	ContextID string            `json:"contextId"`
	Command   databricks.Secret `json:"command"` // sent without changes and never printed; must be valid UTF-8
}

// LogValue logs the value without its secrets.
func (v ExecuteCommand) LogValue() slog.Value { return redact.LogValue(v) }

// ExecuteCommandFile describes a file of code to run.
type ExecuteCommandFile struct {
	Language  Language `json:"language"` // the language of the context, or SQL
	ClusterID string   `json:"clusterId"`
	ContextID string   `json:"contextId"`
	Options   string   `json:"options,omitzero"` // JSON that some clients send; undocumented

	// Command is the file, for example from [FileFromPath]. It is sent without
	// changes. Its Field is ignored.
	Command databricks.FilePart `json:"-"`
}

// A CommandRef identifies a command.
type CommandRef struct {
	ClusterID string `json:"clusterId"`
	ContextID string `json:"contextId"`
	CommandID string `json:"commandId"`
}

// A CommandStatus is the status of a command.
type CommandStatus struct {
	ID      string       `json:"id,omitzero"`
	State   CommandState `json:"status,omitzero"`
	Results *Results     `json:"results,omitzero"` // nil until the command is done, and sometimes afterwards; see Result
}

// Done reports whether the command is done.
func (s *CommandStatus) Done() bool {
	switch s.State {
	case CommandFinished, CommandCancelled, CommandFailed:
		return true
	}
	return false
}

const executePath = "/api/1.2/commands/execute"

// Execute sends code to a context and returns the ID of the command. If another
// command is running, the new one is queued. Status returns its progress. The
// client does not retry Execute after a lost response, because the code may be
// running under an unknown ID. To stop it, destroy the context.
func (s *CommandsService) Execute(ctx context.Context, in ExecuteCommand) (string, error) {
	r := post(executePath, in)
	if !utf8.ValidString(string(in.Command)) {
		r = r.Check(area.BadArg("command", "is not valid UTF-8, so JSON would change it; send it as a file"))
	}
	return s.client.id(ctx, r)
}

// ExecuteFile is [CommandsService.Execute] for code in a file. It sends the
// bytes of the file without changes.
func (s *CommandsService) ExecuteFile(ctx context.Context, in ExecuteCommandFile) (string, error) {
	return s.client.id(ctx, upload(executePath, in, "command", in.Command))
}

// Status returns the state of a command, and its results when it is done. Old
// servers return the results only once. Status fails with [ErrContextNotFound]
// if the command's context no longer exists.
func (s *CommandsService) Status(ctx context.Context, command CommandRef) (*CommandStatus, error) {
	return area.Read[CommandStatus](ctx, s.client.calls, get("/api/1.2/commands/status", command))
}

// Cancel starts to cancel a command. The command then becomes
// [CommandCancelled], or [CommandFinished] with an error. Cancel is idempotent,
// so the client retries it.
func (s *CommandsService) Cancel(ctx context.Context, command CommandRef) error {
	return s.client.calls.Do(ctx, post("/api/1.2/commands/cancel", command).MarkIdempotent(), nil)
}

// FileFromPath returns a local file, for ExecuteCommandFile and UploadLibrary.
// The file must exist and must not change until it has been sent.
func FileFromPath(path string) (databricks.FilePart, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("not a regular file: %w", fs.ErrInvalid)}
	}
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	if err == nil {
		var f io.Closer
		if f, err = open(); err == nil { // it can be read
			err = f.Close()
		}
	}
	if err != nil {
		return databricks.FilePart{}, fmt.Errorf("databricks: %w", err)
	}
	return databricks.FilePart{Name: filepath.Base(path), Size: info.Size(), Open: open}, nil
}

// FileFromBytes returns a file with the given name and content, for
// ExecuteCommandFile and UploadLibrary.
func FileFromBytes(name string, content []byte) databricks.FilePart {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return databricks.FilePart{Name: name, Size: int64(len(content)), Open: open}
}
