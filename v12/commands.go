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

// CommandsService runs code in contexts. The commands of one context run one
// at a time, in the order in which they were sent. A [Session] makes of these
// calls one that returns a result.
//
// See https://docs.databricks.com/api/workspace/commandexecution.
type CommandsService service

// A CommandState is how far a command is. The service may add some, so a switch
// over it needs a default.
type CommandState string

// States of a command.
const (
	CommandQueued     CommandState = "Queued" // behind others of its context
	CommandRunning    CommandState = "Running"
	CommandCancelling CommandState = "Cancelling"
	CommandFinished   CommandState = "Finished"  // terminal, also of code that raised an error
	CommandCancelled  CommandState = "Cancelled" // terminal
	CommandFailed     CommandState = "Error"     // terminal: what runs commands broke, not the code
)

// ExecuteCommand is code to run.
type ExecuteCommand struct {
	Language  Language          `json:"language"` // the context's own, or SQL
	ClusterID string            `json:"clusterId"`
	ContextID string            `json:"contextId"`
	Command   databricks.Secret `json:"command"` // sent as it is, and never printed; must be valid UTF-8
}

// LogValue logs the value without its secrets.
func (v ExecuteCommand) LogValue() slog.Value { return redact.LogValue(v) }

// ExecuteCommandFile is a file of code to run.
type ExecuteCommandFile struct {
	Language  Language `json:"language"` // the context's own, or SQL
	ClusterID string   `json:"clusterId"`
	ContextID string   `json:"contextId"`
	Options   string   `json:"options,omitzero"` // JSON that some clients send; undocumented

	// Command is the file, sent as it is, from a place such as [FileFromPath]; its
	// Field is not looked at.
	Command databricks.FilePart `json:"-"`
}

// A CommandRef names a command.
type CommandRef struct {
	ClusterID string `json:"clusterId"`
	ContextID string `json:"contextId"`
	CommandID string `json:"commandId"`
}

// A CommandStatus is what the service says of a command.
type CommandStatus struct {
	ID      string       `json:"id,omitzero"`
	State   CommandState `json:"status,omitzero"`
	Results *Results     `json:"results,omitzero"` // nil until the command is done, and sometimes after; see Result
}

// Done reports whether the command has ended.
func (s *CommandStatus) Done() bool {
	switch s.State {
	case CommandFinished, CommandCancelled, CommandFailed:
		return true
	}
	return false
}

const executePath = "/api/1.2/commands/execute"

// Execute sends code to a context and returns the ID of the command, which is
// queued if another one runs. Status tells how it goes. The call is not
// repeated when its answer is lost: the code may then be running, with an ID
// that nobody knows, and destroying the context is the way to stop it.
func (s *CommandsService) Execute(ctx context.Context, in ExecuteCommand) (string, error) {
	r := post(executePath, in)
	if !utf8.ValidString(string(in.Command)) {
		r = r.Check(area.BadArg("command", "is not valid UTF-8, and JSON cannot carry it unchanged; send it as a file"))
	}
	return s.client.id(ctx, r)
}

// ExecuteFile is [CommandsService.Execute] for code that is in a file. Its
// bytes are sent as they are.
func (s *CommandsService) ExecuteFile(ctx context.Context, in ExecuteCommandFile) (string, error) {
	return s.client.id(ctx, upload(executePath, in, "command", in.Command))
}

// Status returns how far a command is, and its results once it is done. Old
// servers give out the results only once. It fails with [ErrContextNotFound] if
// the command's context is gone.
func (s *CommandsService) Status(ctx context.Context, command CommandRef) (*CommandStatus, error) {
	return area.Read[CommandStatus](ctx, s.client.calls, get("/api/1.2/commands/status", command))
}

// Cancel begins to stop a command. The command then ends as [CommandCancelled],
// or as [CommandFinished] with an error that says so. It may be repeated.
func (s *CommandsService) Cancel(ctx context.Context, command CommandRef) error {
	return s.client.calls.Do(ctx, post("/api/1.2/commands/cancel", command).MarkIdempotent(), nil)
}

// FileFromPath is a local file, for [ExecuteCommandFile] and [UploadLibrary]. It must
// be there, and must not change until it was sent.
func FileFromPath(path string) (databricks.FilePart, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("no regular file: %w", fs.ErrInvalid)}
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

// FileFromBytes is a file that has that name and content.
func FileFromBytes(name string, content []byte) databricks.FilePart {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return databricks.FilePart{Name: name, Size: int64(len(content)), Open: open}
}
