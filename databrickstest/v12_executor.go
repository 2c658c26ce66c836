package databrickstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// An Executor determines the results of REST 1.2 commands.
type Executor interface {
	// Execute returns the result of a command. The workspace calls it when the
	// command is sent, possibly from many goroutines. It should return
	// immediately. The result says how long the command takes.
	Execute(Command) CommandResult
}

// An ExecutorFunc is a function that implements [Executor].
type ExecutorFunc func(Command) CommandResult

// Execute calls f.
func (f ExecutorFunc) Execute(c Command) CommandResult { return f(c) }

// WithExecutor determines the results of REST 1.2 commands. Without it, each
// command returns empty text.
func WithExecutor(e Executor) Option { return func(s *Server) { s.v12.executor = e } }

// A Command is code that was sent to a context.
type Command struct {
	ID        string
	ClusterID string
	ContextID string
	Language  string // python, scala, sql or r
	Code      string // the exact bytes
	FileName  string // set if the code was sent as a file
	User      string // the user who sent it

	cleanup   func(func())
	workspace workspaceCall // as the user
}

// Cleanup calls f after the end of the command's context. A context ends when
// it is destroyed, evicted, or lost with its cluster or with the server.
// Server.Close waits for f.
func (c Command) Cleanup(f func()) { c.cleanup(f) }

// A CommandResult is the result of a command. It is text, unless one of the
// fields from Columns to Raw is set.
type CommandResult struct {
	Duration time.Duration // on the workspace's clock; 0 for Timings.Command; negative for no time

	Text    string
	Columns []TableColumn   // makes the result a table
	Rows    [][]any         // rows of the table
	Images  []string        // makes the result images, given as data: URLs or as paths
	Cause   string          // makes the result an error that the code raised
	Summary string          // HTML summary of the error
	Broken  string          // makes the command fail with the status Error for this reason
	Raw     json.RawMessage // the results as JSON, sent without changes

	// Later, if not nil, determines the result when the command starts. It runs
	// in its own goroutine, and the command takes as long as Later does. Its
	// context ends when the command is canceled or the execution context ends.
	// Duration and the other fields of the result are ignored.
	Later func(context.Context) CommandResult
}

// A TableColumn is a column of a table. Its type is a Spark type, such as long,
// string, or {"type":"array",…} as JSON.
type TableColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Limits of results, as in notebooks.
const (
	maxTableRows  = 10_000
	maxTableBytes = 2 << 20
	maxOldText    = 50_000   // for runtimes before 17
	maxText       = 10 << 20 // for runtimes from 17 on
	maxOther      = 20 << 20
)

type v12Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Metadata string `json:"metadata"`
}

// A v12Results is the member results of commands/status.
type v12Results struct {
	ResultType   string      `json:"resultType"`
	Data         any         `json:"data,omitempty"`
	Schema       []v12Column `json:"schema,omitzero"`
	Truncated    *bool       `json:"truncated,omitzero"`
	IsJSONSchema *bool       `json:"isJsonSchema,omitzero"`
	Cause        string      `json:"cause,omitzero"`
	Summary      string      `json:"summary,omitzero"`
	FileName     string      `json:"fileName,omitzero"`
	FileNames    []string    `json:"fileNames,omitzero"`
}

// encode returns a result as JSON. It truncates the result to the limits of the
// service. It fails if the executor's result has no JSON.
func (r CommandResult) encode(textBound int) (json.RawMessage, error) {
	var out v12Results
	switch {
	case r.Raw != nil:
		if !json.Valid(r.Raw) {
			return nil, errRawResult
		}
		return r.Raw, nil
	case r.Cause != "" || r.Summary != "":
		out = v12Results{ResultType: "error", Cause: r.Cause, Summary: r.Summary}
	case r.Broken != "":
		out = v12Results{ResultType: "error", Cause: r.Broken}
	case r.Columns != nil:
		return r.table()
	case len(r.Images) == 1:
		out = v12Results{ResultType: "image", FileName: r.Images[0]}
	case len(r.Images) > 1:
		out = v12Results{ResultType: "images", FileNames: r.Images}
	default:
		text, cut := shorten(r.Text, textBound)
		out = v12Results{ResultType: "text", Data: text}
		if cut {
			out.Truncated = &cut
		}
	}
	text, err := json.Marshal(out)
	if len(text) > maxOther {
		text, err = json.Marshal(v12Results{ResultType: "error", Cause: "Command result size exceeds limit"})
	}
	return text, err
}

var errRawResult = errors.New("the result's Raw is not JSON")

// table encodes a table. It truncates the table to the limits of the service.
func (r CommandResult) table() (json.RawMessage, error) {
	out := v12Results{ResultType: "table", IsJSONSchema: new(true), Truncated: new(len(r.Rows) > maxTableRows)}
	for _, c := range r.Columns {
		typ := c.Type
		if !strings.HasPrefix(typ, "{") {
			text, _ := json.Marshal(typ)
			typ = string(text)
		}
		out.Schema = append(out.Schema, v12Column{c.Name, typ, "{}"})
	}
	rows := bytes.NewBufferString("[")
	for i, row := range r.Rows[:min(len(r.Rows), maxTableRows)] {
		text, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}
		if rows.Len()+len(text) > maxTableBytes {
			*out.Truncated = true
			break
		}
		if i > 0 {
			rows.WriteByte(',')
		}
		rows.Write(text)
	}
	rows.WriteByte(']')
	out.Data = json.RawMessage(rows.Bytes())
	return json.Marshal(out)
}

// shorten truncates a text to a number of characters.
func shorten(text string, bound int) (string, bool) {
	if len(text) <= bound || utf8.RuneCountInString(text) <= bound {
		return text, false
	}
	for i := range text {
		if bound--; bound < 0 {
			return text[:i], true
		}
	}
	return text, false
}

// cancelCause is the cause of the error of a canceled command.
const cancelCause = "org.apache.spark.util.CommandCancelledException: Command was cancelled"
