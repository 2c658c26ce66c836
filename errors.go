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
	"github.com/go-databricks/databricks/internal/response"
	"github.com/go-databricks/databricks/internal/sending"
)

// An APIError says that the service rejected a call.
//
// With errors.Is it matches its Code. It also matches:
//
//   - [fs.ErrNotExist] if an object does not exist. Some calls report this with
//     INVALID_PARAMETER_VALUE. Their errors match [ErrResourceDoesNotExist], too.
//   - [fs.ErrExist] if an object already exists.
//   - [fs.ErrPermission] for status 401 or 403 and for PERMISSION_DENIED.
//   - [ErrTooLarge] if something exceeds a size limit.
type APIError struct {
	Method     string // method of the request
	Path       string // path of the request, without its query
	StatusCode int
	Code       ErrorCode // empty if the service sent no code or only digits
	Message    string    // the service's message; its wording is not stable
	RequestID  string    // ID for the vendor's support; empty if unknown
	Details    []ErrorDetail

	report  failure.Report // parsed body of the response
	history string         // number of attempts and total time, if there were several attempts
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

// Is reports whether the error matches target, which is an [ErrorCode] or one
// of the errors listed at [APIError].
func (e *APIError) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e.saysNotFound() || e.StatusCode == http.StatusNotFound && e.Code != ErrEndpointNotFound ||
			e.Code == ErrNotFound || strings.HasSuffix(string(e.Code), "_DOES_NOT_EXIST")
	case fs.ErrExist:
		return strings.HasSuffix(string(e.Code), "ALREADY_EXISTS")
	case fs.ErrPermission:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden || e.Code == ErrPermissionDenied
	case ErrResourceDoesNotExist:
		return e.Code == ErrResourceDoesNotExist || e.saysNotFound()
	case ErrTooLarge:
		return e.tooLarge()
	}
	code, ok := target.(ErrorCode)
	return ok && code == e.Code
}

// saysNotFound reports whether the message says that an object does not exist, even
// though the code does not.
func (e *APIError) saysNotFound() bool {
	return failure.SaysMissing(e.Path, e.StatusCode, string(e.Code), e.Message)
}

// ErrTooLarge matches errors that say that something exceeds a size limit of
// the service, whichever error code the service uses.
var ErrTooLarge error = errs.Text("over the service's size limit")

// tooLarge reports whether the service rejected something because of its size.
func (e *APIError) tooLarge() bool {
	var reasons []string
	for _, d := range e.Details {
		reasons = append(reasons, d.Reason)
	}
	return failure.SaysTooLarge(e.StatusCode, string(e.Code), e.Message, reasons)
}

// An ArgumentError says that an argument of a call is invalid. Nothing was
// sent. It matches [fs.ErrInvalid].
type ArgumentError struct {
	Method, Path string // method and path of the request that was not sent; may be empty
	Name         string // JSON name of the argument
	Problem      string // what is wrong and what would be valid
}

// Error names the call, the argument and the problem.
func (e *ArgumentError) Error() string {
	call := ""
	if e.Path != "" {
		call = e.Method + " " + e.Path + ": "
	}
	return "databricks: " + call + e.Name + " " + e.Problem
}

// Is makes the error match [fs.ErrInvalid].
func (e *ArgumentError) Is(target error) bool { return target == fs.ErrInvalid }

// badArg returns an error that says that an argument is invalid. name is its
// JSON name.
func badArg(name, format string, args ...any) error {
	return &ArgumentError{Name: name, Problem: fmt.Sprintf(format, args...)}
}

// An OutcomeUnknownError says that the request for a change was sent and its
// response was lost. The change may or may not have taken effect. The client
// did not retry the call, because that could have applied the change twice.
//
// This is the only error after which a change may have taken effect. After any
// other error of a call, the call changed nothing.
type OutcomeUnknownError struct {
	Method, Path string

	// IdempotencyToken is the token that the call was sent with, if it takes
	// one. You can safely call again with the same token. That call returns the
	// result of the first one.
	IdempotencyToken string

	Err error // why the response was lost
}

// Error says that the outcome is unknown, and why.
func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("databricks: %s %s: outcome unknown, it may have been done: %s",
		e.Method, e.Path, strings.TrimPrefix(e.Err.Error(), "databricks: "+e.Method+" "+e.Path+": "))
}

// Unwrap returns the reason why the response was lost.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// A callError is any other failure of a call.
type callError struct {
	method, path string
	history      string // number of attempts and total time, if there were several attempts
	err          error
}

func (e *callError) Error() string {
	prefix := "databricks: " + e.method + " " + e.path + ": "
	return oneLine(prefix+strings.ReplaceAll(e.err.Error(), prefix, ""), maxLine) + e.history
}

func (e *callError) Unwrap() error { return e.err }

// maxErrorBody is the maximum number of bytes to read of an error body.
const maxErrorBody = 1 << 20

// readAPIError returns the APIError for an unsuccessful response. It accepts
// all known formats of the service and of its gateways.
func readAPIError(resp *http.Response) *APIError {
	var body []byte
	var err error
	if resp.StatusCode < 300 || resp.StatusCode > 399 { // a redirect has no useful body
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
		if response.Unmarshal(raw, &d) != nil {
			d = ErrorDetail{}
		}
		d.Raw = raw
		e.Details = append(e.Details, d)
		e.RequestID = cmp.Or(d.RequestID, e.RequestID)
	}
	return e
}

// hiderOf returns a Hider for text that the service returns. It hides the
// credential and the secrets in the query and the body of the request.
func hiderOf(r *http.Request) redact.Hider {
	secrets := append(sentSecrets(r.Header), redact.Secrets([]byte(r.URL.RawQuery))...)
	return redact.Hide(append(secrets, redact.Secrets(sending.Text(r))...)...)
}

// oneLine prepares text from the service for a message. See [redact.Line].
func oneLine(s string, bound int) string { return redact.Line(s, bound) }

// maxLine is the maximum length of an error text. Its parts have their own
// limits.
const maxLine = 8 << 10
