package v12

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"

	"github.com/go-databricks/databricks/internal/cause"
	"github.com/go-databricks/databricks/internal/redact"
)

// A ResultType is what kind of thing a command ended with. The service may add
// some, so a switch over it needs a default.
type ResultType string

// Types of results.
const (
	ResultText   ResultType = "text"
	ResultTable  ResultType = "table"
	ResultError  ResultType = "error"
	ResultImage  ResultType = "image"
	ResultImages ResultType = "images"
)

// Results are what a command ended with, as the service sends them;
// [CommandStatus.Result] reads them.
type Results struct {
	ResultType   ResultType      `json:"resultType,omitzero"`
	Data         json.RawMessage `json:"data,omitzero"`   // a string of a text, a list of rows of a table
	Schema       []Column        `json:"schema,omitzero"` // of a table
	Truncated    bool            `json:"truncated,omitzero"`
	IsJSONSchema bool            `json:"isJsonSchema,omitzero"` // the types in Schema are JSON
	Cause        string          `json:"cause,omitzero"`        // of an error
	Summary      string          `json:"summary,omitzero"`      // of an error, with HTML
	FileName     string          `json:"fileName,omitzero"`     // of an image
	FileNames    []string        `json:"fileNames,omitzero"`    // of images
	Pos          int             `json:"pos,omitzero"`          // of no meaning here
}

// A Result is what a command ended with. Type says which of the other fields is
// set; of a type that is unknown here, only Raw is.
type Result struct {
	Type      ResultType
	Text      string  // ResultText: what the command printed or evaluated to; empty if it did neither
	Table     *Table  // ResultTable
	Images    []Image // ResultImage, ResultImages
	Truncated bool    // the service returned only a part
	Raw       *Results
}

// An Image is a picture that a command made.
type Image struct {
	Source    string // as the service sends it: a data: URL, or the path of a big one below /FileStore
	MediaType string // such as image/png, if Source holds the picture
	Data      []byte // nil if Source is a path
}

// A CommandError says that a command did not succeed: its code raised an
// error, it was cancelled, or what runs commands broke.
type CommandError struct {
	CommandID string
	Status    CommandState
	Cause     string // traceback or text of the error, as the service sends it: may hold ANSI escapes, and lines of the code
	Summary   string // the error in short, as the service sends it: a piece of HTML; may be empty
}

// Error says in one line what went wrong, without escapes and without code.
func (e *CommandError) Error() string {
	text := "databricks: the command"
	if e.CommandID != "" {
		text = "databricks: command " + e.CommandID
	}
	switch {
	case e.Canceled():
		text += " was canceled"
	case e.Status == CommandFailed:
		text += " could not be run"
	default:
		text += " failed"
	}
	if reason := cause.Line(e.Summary, e.Cause); reason != "" {
		text += ": " + reason
	}
	return redact.Line(text, maxText)
}

// Canceled reports whether the command was stopped before it ended by itself:
// by a call, or because its context was destroyed.
func (e *CommandError) Canceled() bool {
	return e.Status == CommandCancelled || strings.Contains(e.Cause, "CommandCancelledException")
}

// Result returns what a command that is done ended with. Of a command that did
// not succeed, it returns a [*CommandError].
func (s *CommandStatus) Result() (*Result, error) {
	if !s.Done() {
		return nil, fmt.Errorf("databricks: command %s has no result yet: it is %s", s.ID, s.State)
	}
	results := s.Results
	if results == nil {
		results = &Results{ResultType: ResultText}
	}
	if s.State != CommandFinished || results.ResultType == ResultError {
		return nil, &CommandError{s.ID, s.State, results.Cause, results.Summary}
	}
	result, err := results.read()
	if err != nil {
		return nil, fmt.Errorf("databricks: the %s of command %s cannot be read: %w", results.ResultType, s.ID, err)
	}
	return result, nil
}

func (r *Results) read() (result *Result, err error) {
	result = &Result{Type: r.ResultType, Truncated: r.Truncated, Raw: r}
	switch r.ResultType {
	case "", ResultText:
		result.Type = ResultText
		result.Text, err = readText(r.Data)
	case ResultTable:
		result.Table, err = readTable(r)
	case ResultImage:
		result.Images = []Image{readImage(r.FileName)}
	case ResultImages:
		for _, name := range r.FileNames {
			result.Images = append(result.Images, readImage(name))
		}
	}
	return result, err
}

// readText reads a JSON string. Anything else stands for itself.
func readText(data json.RawMessage) (text string, err error) {
	if len(data) > 0 && data[0] != '"' && !bytes.Equal(data, []byte("null")) {
		return string(data), nil
	}
	return text, unmarshal(data, &text)
}

// unmarshal decodes data, keeping the digits of numbers. No data is null.
func unmarshal(data json.RawMessage, out any) error {
	if len(data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(out)
}

// readImage reads the name of an image, which may be the image itself.
func readImage(source string) Image {
	image := Image{Source: source}
	head, data, ok := strings.Cut(source, ",")
	mediaType, isData := strings.CutPrefix(head, "data:")
	if !ok || !isData {
		return image
	}
	mediaType, isBase64 := strings.CutSuffix(mediaType, ";base64")
	var content []byte
	var err error
	if isBase64 {
		content, err = base64.StdEncoding.DecodeString(data)
	} else {
		data, err = url.PathUnescape(data)
		content = []byte(data)
	}
	if err != nil {
		return image
	}
	image.Data = content
	if image.MediaType, _, err = mime.ParseMediaType(mediaType); err != nil {
		image.MediaType = mediaType
	}
	return image
}

var errNoList = errors.New("it is not a list of rows")
