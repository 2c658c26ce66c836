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
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/redact"
)

// A ResultType is the type of a result. The service may add types, so a switch
// over it needs a default.
type ResultType string

// Types of results.
const (
	ResultText   ResultType = "text"
	ResultTable  ResultType = "table"
	ResultError  ResultType = "error"
	ResultImage  ResultType = "image"
	ResultImages ResultType = "images"
)

// Results are the results of a command in the form that the service sends.
// [CommandStatus.Result] converts them.
type Results struct {
	ResultType   ResultType      `json:"resultType,omitzero"`
	Data         json.RawMessage `json:"data,omitzero"`   // for text a string, for a table a list of rows
	Schema       []Column        `json:"schema,omitzero"` // tables only
	Truncated    bool            `json:"truncated,omitzero"`
	IsJSONSchema bool            `json:"isJsonSchema,omitzero"` // the types in Schema are JSON
	Cause        string          `json:"cause,omitzero"`        // errors only
	Summary      string          `json:"summary,omitzero"`      // errors only; HTML
	FileName     string          `json:"fileName,omitzero"`     // images only
	FileNames    []string        `json:"fileNames,omitzero"`    // several images only
	Pos          int             `json:"pos,omitzero"`          // not used
}

// A Result is the result of a command. Type says which of the other fields is
// set. If the type is unknown to this package, only Raw is set.
type Result struct {
	Type      ResultType
	Text      string  // ResultText: what the command printed, or the value of its last expression; may be empty
	Table     *Table  // ResultTable
	Images    []Image // ResultImage, ResultImages
	Truncated bool    // the service returned only a part of the result
	Raw       *Results
}

// An Image is an image that a command created.
type Image struct {
	Source    string // from the service: a data: URL, or the path of a large image below /FileStore
	MediaType string // such as image/png, if Source contains the image
	Data      []byte // nil if Source is a path
}

// A CommandError says that a command did not succeed. Its code raised an error,
// it was canceled, or the service could not run it.
type CommandError struct {
	CommandID string
	Status    CommandState
	Cause     string // traceback or error text from the service; may contain ANSI escapes and lines of the code
	Summary   string // short form of the error from the service, as HTML; may be empty
}

// Error describes the error in one line, without escapes and without code.
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

// Canceled reports whether the command was stopped by a call, or because its
// context was destroyed.
func (e *CommandError) Canceled() bool {
	return e.Status == CommandCancelled || strings.Contains(e.Cause, "CommandCancelledException")
}

// Result returns the result of a command that is done. If the command did not
// succeed, the error is a [*CommandError].
func (s *CommandStatus) Result() (*Result, error) {
	if !s.Done() {
		return nil, errors.New(redact.Line(fmt.Sprintf("databricks: command %s has no result yet: it is %s", s.ID, s.State), maxText))
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
		return nil, errs.About(fmt.Sprintf("the %s of command %s cannot be decoded", results.ResultType, s.ID), err)
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

// readText decodes a JSON string. It returns any other value as JSON text.
func readText(data json.RawMessage) (text string, err error) {
	if len(data) > 0 && data[0] != '"' && !bytes.Equal(data, []byte("null")) {
		return string(data), nil
	}
	return text, unmarshal(data, &text)
}

// unmarshal decodes data and keeps the digits of numbers. Empty data is null.
func unmarshal(data json.RawMessage, out any) error {
	if len(data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(out)
}

// readImage parses the name of an image. The name may contain the image itself.
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
