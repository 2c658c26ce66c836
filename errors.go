package databricks

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/failure"
	"github.com/go-databricks/databricks/internal/redact"
	"github.com/go-databricks/databricks/internal/reply"
	"github.com/go-databricks/databricks/internal/sending"
)

// An APIError is an answer of the service that says no.
//
// It matches, with errors.Is, its Code; [fs.ErrNotExist] where the service
// says that something is missing, even in the calls that say so with
// INVALID_PARAMETER_VALUE (these match [ErrResourceDoesNotExist] as well);
// [fs.ErrExist] where something is there already; and [fs.ErrPermission] for
// 401, 403 and PERMISSION_DENIED.
type APIError struct {
	Method     string // of the request
	Path       string // of the request, without its query
	StatusCode int
	Code       ErrorCode // empty if the service gave none, or only digits
	Message    string    // the service's words; their wording is not stable
	RequestID  string    // what the vendor's support asks for, if known
	Details    []ErrorDetail

	report  failure.Report // what the response said
	history string         // how often the call was attempted, if more than once
}

// Error says in one line which call failed and why.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "databricks: %s %s: %d", e.Method, e.Path, e.StatusCode)
	if e.Code != "" {
		fmt.Fprintf(&b, " %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", oneLine(e.Message, 500))
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", oneLine(e.RequestID, 100))
	}
	return oneLine(b.String(), maxLine) + e.history
}

// Is reports whether the error is of the kind of target: an [ErrorCode], or
// one of the errors of io/fs named at [APIError].
func (e *APIError) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e.missing() || e.StatusCode == http.StatusNotFound && e.Code != ErrEndpointNotFound ||
			e.Code == ErrNotFound || strings.HasSuffix(string(e.Code), "_DOES_NOT_EXIST")
	case fs.ErrExist:
		return strings.HasSuffix(string(e.Code), "ALREADY_EXISTS")
	case fs.ErrPermission:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || e.Code == ErrPermissionDenied
	case ErrResourceDoesNotExist:
		return e.Code == ErrResourceDoesNotExist || e.missing()
	case ErrTooLarge:
		return e.tooLarge()
	}
	code, ok := target.(ErrorCode)
	return ok && code == e.Code
}

// missing reports whether the message says that an object does not exist, where
// the code says something else or nothing.
func (e *APIError) missing() bool {
	return failure.SaysMissing(e.Path, e.StatusCode, string(e.Code), e.Message)
}

// ErrTooLarge is matched by errors that say that something is over one of the
// service's size bounds, whichever of its ways the service chose to say so.
var ErrTooLarge error = errs.Text("over the service's size bound")

// tooLarge reports whether the service refused because of a size.
func (e *APIError) tooLarge() bool {
	var reasons []string
	for _, d := range e.Details {
		reasons = append(reasons, d.Reason)
	}
	return failure.SaysTooLarge(e.StatusCode, string(e.Code), e.Message, reasons)
}

// An ArgumentError says that a call was not made because one of its arguments
// cannot be right. Nothing was sent. It matches [fs.ErrInvalid].
type ArgumentError struct {
	Method, Path string // of the request that was not sent; may be empty
	Name         string // the argument, by its name on the wire
	Problem      string // what is wrong with it, and what would be right
}

// Error names the call, the argument and the remedy.
func (e *ArgumentError) Error() string {
	call := ""
	if e.Path != "" {
		call = e.Method + " " + e.Path + ": "
	}
	return "databricks: " + call + e.Name + " " + e.Problem
}

// Is makes the error match [fs.ErrInvalid].
func (e *ArgumentError) Is(target error) bool { return target == fs.ErrInvalid }

// badArg says that the argument called name on the wire is wrong, and how.
func badArg(name, format string, args ...any) error {
	return &ArgumentError{Name: name, Problem: fmt.Sprintf(format, args...)}
}

// An OutcomeUnknownError says that a call that changes something was sent and
// that its response was lost, so that the change may or may not have been made.
// The client did not retry the call where that could have made the change twice.
//
// This is the only error with which a change can have happened. After any other
// error of a call, the call changed nothing.
type OutcomeUnknownError struct {
	Method, Path string

	// IdempotencyToken is the token that the call was sent with, if it is one of
	// those that take one. Calling again with the same token is safe. It returns
	// what the first call made.
	IdempotencyToken string

	Err error // how the response was lost
}

// Error says that the outcome is unknown, and why.
func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("databricks: %s %s: outcome unknown, it may have been done: %s",
		e.Method, e.Path, strings.TrimPrefix(e.Err.Error(), "databricks: "+e.Method+" "+e.Path+": "))
}

// Unwrap returns how the response was lost.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// A callError is any other failure of a call.
type callError struct {
	method, path string
	history      string // how often the call was attempted, if more than once
	err          error
}

func (e *callError) Error() string {
	prefix := "databricks: " + e.method + " " + e.path + ": "
	return oneLine(prefix+strings.ReplaceAll(e.err.Error(), prefix, ""), maxLine) + e.history
}

func (e *callError) Unwrap() error { return e.err }

// maxErrorBody bounds how much of an error's body is read.
const maxErrorBody = 1 << 20

// readAPIError makes an APIError of a reply that is not a success. It takes
// every form that the service and the gateways before it are known to send.
func readAPIError(resp *http.Response) *APIError {
	var body []byte
	var err error
	if resp.StatusCode < 300 || resp.StatusCode > 399 { // what is neither success nor error has nothing to say
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	}
	report := failure.Read(resp.Request.URL.Path, resp.StatusCode, resp.Header, body, err)
	report.Hide(hiderOf(resp.Request))
	e := &APIError{
		Method: resp.Request.Method, Path: resp.Request.URL.Path, StatusCode: resp.StatusCode,
		Code: ErrorCode(report.Code), Message: report.Message, RequestID: report.RequestID, report: report,
	}
	for _, raw := range report.Details {
		var d ErrorDetail
		if reply.Unmarshal(raw, &d) != nil {
			d = ErrorDetail{}
		}
		d.Raw = raw
		e.Details = append(e.Details, d)
		e.RequestID = cmp.Or(d.RequestID, e.RequestID)
	}
	return e
}

// hiderOf returns what takes the secrets of a request out of what the service
// sent back: its credential, and those in its query and its body.
func hiderOf(r *http.Request) redact.Hider {
	secrets := append(sentSecrets(r.Header), redact.Secrets([]byte(r.URL.RawQuery))...)
	return redact.Hide(append(secrets, redact.Secrets(sending.Text(r))...)...)
}

// oneLine makes what the service wrote part of a message; see [redact.Line].
func oneLine(s string, bound int) string { return redact.Line(s, bound) }

// maxLine bounds the text of an error as a whole, which has parts with bounds of
// their own.
const maxLine = 8 << 10
