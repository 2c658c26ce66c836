package databricks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An Observer is told when the calls of a client and their attempts start and
// end, for traces and metrics. Functions that are nil are not called. The others
// are called from any number of goroutines.
//
// A start function may return a context derived from its own, such as one with a
// span. What starts later in the call or in the attempt has that context, and so
// has the function for the end. An observer does not change what a call does.
//
// Arguments that are invalid, planned calls of a dry run and requests for tokens
// are not observed.
type Observer struct {
	CallStart    func(ctx context.Context, call CallInfo) context.Context
	CallEnd      func(ctx context.Context, call CallInfo)
	AttemptStart func(ctx context.Context, attempt AttemptInfo) context.Context
	AttemptEnd   func(ctx context.Context, attempt AttemptInfo)
}

// A CallInfo describes a call for an [Observer]. It has no identifiers and no
// secrets, but the error may have the identifiers that the service sent.
type CallInfo struct {
	Operation    string // such as clusters/get
	Method       string // such as GET
	PathTemplate string // such as /api/2.0/clusters/get, with names in braces for identifiers
	Host         string // of the workspace, with its port if that is not the usual one

	// The fields below are zero when the call starts.

	Attempts      int           // that were made
	Duration      time.Duration // of all attempts and the pauses between them
	StatusCode    int           // of the last response; 0 if there is none
	RequestID     string        // of the last response, if known
	BytesSent     int64         // of the bodies of all requests
	BytesReceived int64         // of the bodies of all responses
	ErrorClass    ErrorClass    // empty after a success
	Err           error         // what the call returns
}

// An AttemptInfo describes an attempt of a call for an [Observer].
type AttemptInfo struct {
	Operation     string // as in [CallInfo]
	Method        string
	PathTemplate  string
	Host          string
	Number        int           // 1 for the first
	RateLimitWait time.Duration // that came before it; see [WithRateLimit]

	// The fields below are zero when the attempt starts.

	Duration      time.Duration // until the response was read
	StatusCode    int           // 0 if there is no response
	RequestID     string        // of the response, if known
	BytesSent     int64         // of the body of the request
	BytesReceived int64         // of the body of the response
	ErrorClass    ErrorClass    // empty after a success
	Err           error
	RetryReason   RetryReason   // why another attempt follows; empty if none does
	RetryPause    time.Duration // before the next attempt
}

// An ErrorClass says in one word how a call or an attempt failed. It is one of
// the constants below, the service's error code, or the digits of a status.
type ErrorClass string

// Classes of errors that are no rejections.
const (
	ErrorCanceled        ErrorClass = "canceled"         // the context was canceled
	ErrorTimeout         ErrorClass = "timeout"          // a deadline passed, or leaves no time for a retry
	ErrorCredential      ErrorClass = "credential"       // no credential could be got
	ErrorProxy           ErrorClass = "proxy"            // a proxy refused the request
	ErrorNotSent         ErrorClass = "not_sent"         // the service did not get the whole request
	ErrorConnectionLost  ErrorClass = "connection_lost"  // there was no response
	ErrorInvalidResponse ErrorClass = "invalid_response" // a response of success broke off, or is of no use
)

// A RetryReason says what decides on the pause before a retry.
type RetryReason string

// Reasons for a retry and its pause.
const (
	RetryBackoff    RetryReason = "backoff"     // a failure that passes
	RetryAfter      RetryReason = "retry_after" // the same, and the service said how long to wait
	RetryCredential RetryReason = "credential"  // the credential was rejected, and is renewed
)

// WithObserver reports calls and attempts to o. Several observers are told in the
// order of their options.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		c.observers = append(c.observers, o)
		return nil
	}
}

// A ResponseInfo is what the service sent beside the body of a response.
type ResponseInfo struct {
	StatusCode int
	Header     http.Header
	RequestID  string // empty if unknown
	Attempts   int    // how often the call was sent, this response included
}

// runObserved is run for a client with observers.
func (x *call) runObserved(ctx context.Context) (err error) {
	x.info = &CallInfo{Method: x.request.Method, PathTemplate: x.request.pathTemplate(), Host: x.client.endpoint.Host}
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

// observeStart tells the observers that the attempt starts.
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

// report tells the observers and the log how the attempt ended, and whether
// another one follows.
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
	info.BytesReceived = a.received.Load()
	info.BytesSent = int64(len(a.call.payload.text))
	if body := a.body.Load(); body != nil {
		info.BytesSent = body.sent.Load()
	}
	if a.err != nil {
		info.ErrorClass = a.errorClass()
	}
	if retried {
		info.RetryPause, info.RetryReason = a.call.pause, RetryBackoff
		switch {
		case a.renews:
			info.RetryReason = RetryCredential
		case a.rejection != nil && a.rejection.hasRetry:
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

var codeWord = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z_]{0,63}$`)

func (a *attempt) errorClass() ErrorClass {
	_, proxy := a.err.(*proxyError)
	_, response := a.err.(*responseError)
	switch {
	case a.rejection != nil && codeWord.MatchString(string(a.rejection.Code)):
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

var (
	apiPrefix  = regexp.MustCompile(`^/api/\d+\.\d+/(?:preview/)?`)
	pathWord   = regexp.MustCompile(`^(?:[A-Za-z_.-]+|v\d+|\{\w+\})$`)
	apiVersion = regexp.MustCompile(`^\d+\.\d+$`)
)

// pathTemplate returns the path without identifiers.
func (r Request) pathTemplate() string {
	if r.PathTemplate != "" {
		return r.PathTemplate
	}
	elements := strings.Split(r.Path, "/")
	for i, element := range elements {
		if element != "" && !pathWord.MatchString(element) && !(i == 2 && apiVersion.MatchString(element)) {
			elements[i] = "{id}"
		}
	}
	return strings.Join(elements, "/")
}

// operation returns the name of a call: its path without version and identifiers.
func operation(template string) string {
	var words []string
	for element := range strings.SplitSeq(strings.TrimPrefix(apiPrefix.ReplaceAllString(template, ""), "/"), "/") {
		if !strings.HasPrefix(element, "{") {
			words = append(words, element)
		}
	}
	return strings.Join(words, "/")
}
