package databricks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/response"
	"github.com/go-databricks/databricks/internal/sending"
)

// An Observer receives the start and the end of calls and their attempts, for
// traces and metrics. Functions that are nil are not called. The others may be
// called from any number of goroutines.
//
// A start function may return a context derived from its argument, for example with
// a span. Everything that starts later in the call or attempt uses this context.
// The end function receives it, too. An observer cannot change the behavior of a
// call.
//
// Requests to presigned URLs of cloud storage are reported as well. The names of
// their operations start with storage/. The client does not report invalid
// arguments, planned calls of a dry run or requests for tokens.
type Observer struct {
	CallStart    func(ctx context.Context, call CallInfo) context.Context
	CallEnd      func(ctx context.Context, call CallInfo)
	AttemptStart func(ctx context.Context, attempt AttemptInfo) context.Context
	AttemptEnd   func(ctx context.Context, attempt AttemptInfo)
}

// A CallInfo describes a call for an [Observer]. Its fields contain no
// identifiers and no secrets. Only Err may contain identifiers that the service
// sent.
type CallInfo struct {
	Operation    string // such as clusters/get
	Method       string // such as GET
	PathTemplate string // such as /api/2.0/clusters/get, with names in braces in place of identifiers
	Host         string // host of the workspace or of the storage, with its port if that is not the default

	// The fields below are zero when the call starts.

	Attempts      int           // number of attempts
	Duration      time.Duration // time for all attempts and the pauses between them
	StatusCode    int           // status of the last response; 0 if there was none
	RequestID     string        // request ID of the last response; empty if unknown
	BytesSent     int64         // total size of all request bodies
	BytesReceived int64         // total size of all response bodies
	ErrorClass    ErrorClass    // empty after a success
	Err           error         // the error that the call returns
}

// An AttemptInfo describes an attempt of a call for an [Observer].
type AttemptInfo struct {
	Operation     string // as in [CallInfo]
	Method        string
	PathTemplate  string
	Host          string
	Number        int           // 1 for the first
	RateLimitWait time.Duration // wait for the rate limit before this attempt; see [WithRateLimit]

	// The fields below are zero when the attempt starts.

	Duration      time.Duration // until the response was read completely
	StatusCode    int           // 0 if there was no response
	RequestID     string        // request ID of the response; empty if unknown
	BytesSent     int64         // size of the request body
	BytesReceived int64         // size of the response body
	ErrorClass    ErrorClass    // empty after a success
	Err           error
	RetryReason   RetryReason   // why the client retries; empty if it does not
	RetryPause    time.Duration // before the next attempt
}

// An ErrorClass is a short name for the kind of an error of a call or attempt.
// It is one of the constants below, an error code of the service, or the digits
// of an HTTP status.
type ErrorClass string

// Classes of errors other than rejections by the service.
const (
	ErrorCanceled        ErrorClass = "canceled"         // the context was canceled
	ErrorTimeout         ErrorClass = "timeout"          // a deadline passed, or would pass before a retry
	ErrorCredential      ErrorClass = "credential"       // getting a credential failed
	ErrorProxy           ErrorClass = "proxy"            // a proxy rejected the request
	ErrorNotSent         ErrorClass = "not_sent"         // the service did not receive the complete request
	ErrorConnectionLost  ErrorClass = "connection_lost"  // the request was sent, and no response arrived
	ErrorInvalidResponse ErrorClass = "invalid_response" // a successful response was incomplete or invalid
)

// A RetryReason says why the client retries, and what determines the pause
// before the retry.
type RetryReason string

// Retry reasons.
const (
	RetryBackoff    RetryReason = "backoff"     // a temporary failure
	RetryAfter      RetryReason = "retry_after" // a temporary failure, and the service requested a pause
	RetryCredential RetryReason = "credential"  // the credential was rejected; the client renews it
)

// WithObserver reports calls and attempts to o. Several observers are called in
// the order of their options.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		c.observers = append(c.observers, o)
		return nil
	}
}

// A ResponseInfo describes a response apart from its body.
type ResponseInfo struct {
	StatusCode int
	Header     http.Header
	RequestID  string // empty if unknown
	Attempts   int    // number of attempts, including the one with this response
}

// runObserved is run for a client with observers.
func (x *call) runObserved(ctx context.Context) (err error) {
	x.info = &CallInfo{Method: x.request.Method, PathTemplate: x.request.pathTemplate(), Host: x.client.endpoint.Host}
	if target := x.request.presigned; target != nil {
		x.info.Host = target.host
	}
	x.info.Operation = operation(x.info.PathTemplate)
	for _, o := range x.client.observers {
		ctx = start(ctx, o.CallStart, *x.info)
	}
	started := time.Now()
	defer func() {
		x.info.Attempts, x.info.Duration = x.attempts, time.Since(started)
		if x.info.Err = err; err != nil {
			x.info.ErrorClass = x.errorClass(ctx)
		}
		for _, o := range x.client.observers {
			if o.CallEnd != nil {
				o.CallEnd(ctx, *x.info)
			}
		}
	}()
	return x.run(ctx)
}

func start[T any](ctx context.Context, f func(context.Context, T) context.Context, info T) context.Context {
	if f != nil {
		if derived := f(ctx, info); derived != nil {
			return derived
		}
	}
	return ctx
}

// observeStart reports the start of the attempt to the observers.
func (a *attempt) observeStart(ctx context.Context) context.Context {
	a.info = &AttemptInfo{
		Operation: a.call.info.Operation, Method: a.call.info.Method, PathTemplate: a.call.info.PathTemplate, Host: a.call.info.Host,
		Number: a.number, RateLimitWait: a.call.waited,
	}
	for _, o := range a.call.client.observers {
		ctx = start(ctx, o.AttemptStart, *a.info)
	}
	a.observed = ctx
	return ctx
}

// report reports the end of the attempt to the observers and the log. retried
// says whether another attempt follows.
func (a *attempt) report(ctx context.Context, retried bool) {
	if a.info != nil {
		a.observeEnd(retried)
	}
	log := a.call.client.log
	attrs := func() []slog.Attr {
		attrs := []slog.Attr{
			slog.String("method", a.call.request.Method), slog.String("path", a.call.request.Path),
			slog.Int("attempt", a.number), slog.Duration("duration", a.duration),
		}
		if a.status != 0 {
			attrs = append(attrs, slog.Int("status", a.status))
		}
		if a.err != nil {
			attrs = append(attrs, slog.Any("error", a.err))
		}
		return attrs
	}
	if log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "databricks call", attrs()...)
	}
	if retried && log.Enabled(ctx, slog.LevelInfo) {
		log.LogAttrs(ctx, slog.LevelInfo, "databricks call is retried", append(attrs(), slog.Duration("pause", a.call.pause))...)
	}
}

func (a *attempt) observeEnd(retried bool) {
	info, call := a.info, a.call.info
	info.Duration, info.StatusCode, info.RequestID, info.Err = a.duration, a.status, a.requestID, a.err
	if a.response != nil {
		info.BytesReceived = a.response.Received()
	}
	info.BytesSent = a.sending.Sent(&a.call.payload)
	if a.err != nil {
		info.ErrorClass = a.errorClass()
	}
	if retried {
		info.RetryPause, info.RetryReason = a.call.pause, RetryBackoff
		switch {
		case a.renews:
			info.RetryReason = RetryCredential
		case a.rejection != nil && a.rejection.report.Asked:
			info.RetryReason = RetryAfter
		}
	}
	call.StatusCode, call.RequestID = info.StatusCode, info.RequestID
	call.BytesSent, call.BytesReceived = call.BytesSent+info.BytesSent, call.BytesReceived+info.BytesReceived
	for _, o := range a.call.client.observers {
		if o.AttemptEnd != nil {
			o.AttemptEnd(a.observed, *info)
		}
	}
}

// isCode reports whether text looks like an error code. Anything else could be as
// varied as messages are.
func isCode(text string) bool {
	return text != "" && len(text) <= 64 && isLetter(text[0]) && consists(text, isNameByte)
}

func (a *attempt) errorClass() ErrorClass {
	_, proxy := a.err.(*sending.ProxyError)
	_, response := a.err.(*response.Failure)
	refusal, refused := a.err.(*StorageError)
	switch {
	case refused && isCode(refusal.Code):
		return ErrorClass(refusal.Code)
	case refused:
		return ErrorClass(strconv.Itoa(a.status))
	case a.rejection != nil && isCode(string(a.rejection.Code)):
		return ErrorClass(a.rejection.Code)
	case a.rejection != nil:
		return ErrorClass(strconv.Itoa(a.status))
	case a.interrupted, a.request != nil && a.request.Context().Err() != nil:
		return contextClass(a.err)
	case a.unsigned:
		return ErrorCredential
	case proxy:
		return ErrorProxy
	case response:
		return ErrorInvalidResponse
	case a.lost:
		return ErrorConnectionLost
	}
	return ErrorNotSent
}

func (x *call) errorClass(ctx context.Context) ErrorClass {
	switch {
	case ctx.Err() != nil:
		return contextClass(ctx.Err())
	case errors.Is(x.stopped, context.DeadlineExceeded):
		return ErrorTimeout
	case x.last == nil:
		return ErrorNotSent
	}
	return x.last.errorClass()
}

func contextClass(err error) ErrorClass {
	if errors.Is(err, context.Canceled) {
		return ErrorCanceled
	}
	return ErrorTimeout
}

// isWord reports whether an element of a path is not an identifier: it consists of
// letters, is a version, or is a name in braces.
func isWord(element string) bool {
	if name, ok := strings.CutPrefix(element, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		return ok && name != "" && consists(name, isNameByte)
	}
	return consists(element, func(c byte) bool { return isLetter(c) || c == '_' || c == '.' || c == '-' }) ||
		len(element) > 1 && element[0] == 'v' && consists(element[1:], isDigit)
}

func isLetter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

func consists(text string, of func(byte) bool) bool {
	for i := range len(text) {
		if !of(text[i]) {
			return false
		}
	}
	return true
}

// isAPIVersion reports whether an element of a path is a version such as 2.0.
func isAPIVersion(element string) bool {
	major, minor, _ := strings.Cut(element, ".")
	return major != "" && minor != "" && consists(major, isDigit) && consists(minor, isDigit)
}

// pathTemplate returns the path without identifiers.
func (r Request) pathTemplate() string {
	if r.PathTemplate != "" {
		return r.PathTemplate
	}
	var elements []string // nil until an identifier is found
	rest, more := r.Path, true
	for i := 0; more; i++ {
		var element string
		element, rest, more = strings.Cut(rest, "/")
		if !isWord(element) && !(i == 2 && isAPIVersion(element)) {
			if elements == nil {
				elements = strings.Split(r.Path, "/")
			}
			elements[i] = "{id}"
		}
	}
	if elements == nil {
		return r.Path
	}
	return strings.Join(elements, "/")
}

// operation returns the name of a call: its path without version and identifiers.
func operation(template string) string {
	path := strings.TrimPrefix(template, "/")
	if rest, ok := strings.CutPrefix(path, "api/"); ok {
		if version, name, ok := strings.Cut(rest, "/"); ok && isAPIVersion(version) {
			path = strings.TrimPrefix(name, "preview/")
		}
	}
	if !strings.Contains(path, "{") {
		return path
	}
	words := strings.Split(path, "/")
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "{") }), "/")
}
