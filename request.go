package databricks

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/go-databricks/databricks/internal/query"
	"github.com/go-databricks/databricks/internal/utf8text"
)

// A Request is a call of the REST API, for [Client.Do]. The methods of the
// services build one each.
type Request struct {
	Method string     // such as GET or POST
	Path   string     // such as "/api/2.0/clusters/get"; it begins with a slash and is not escaped
	Query  url.Values // parameters of the URL

	// Body is what is sent: nothing if nil, a form if it is a url.Values, the
	// bytes themselves if it is a [RawBody], and JSON if it is anything else.
	Body any

	// Idempotent says that sending the call twice has the effect of sending it
	// once, so that it may be repeated after its answer was lost. GET and HEAD
	// always count as such.
	Idempotent bool

	reading bool      // a POST that changes nothing
	done    ErrorCode // what a repeat fails with if the lost call was carried out
	token   string    // the idempotency token in the body
	err     error     // the first argument found wrong
}

func get(path string) Request  { return Request{Method: http.MethodGet, Path: path} }
func post(path string) Request { return Request{Method: http.MethodPost, Path: path} }

// required adds an argument that must not be empty or zero.
func (r Request) required(name string, value any) Request {
	if isZero(value) {
		r = r.check(badArg(name, missing))
	}
	return r.optional(name, value)
}

// optional adds an argument unless it is empty or zero.
func (r Request) optional(name string, value any) Request {
	if isZero(value) {
		return r
	}
	if r.Method == http.MethodGet {
		if r.Query = maps.Clone(r.Query); r.Query == nil {
			r.Query = url.Values{}
		}
		query.Add(r.Query, name, value)
		return r
	}
	body, _ := r.Body.(map[string]any)
	if body = maps.Clone(body); body == nil {
		body = map[string]any{}
	}
	body[name] = value
	r.Body = body
	return r
}

// params sends an input struct: in the query of a GET, else as JSON. If the struct
// has a method check() error, that is what says whether it can be right.
func (r Request) params(v any) Request {
	if checker, ok := v.(interface{ check() error }); ok {
		r = r.check(checker.check())
	}
	if r.Method == http.MethodGet {
		r.Query = url.Values{}
		query.Add(r.Query, "", v)
		return r
	}
	r.Body = v
	return r
}

// check records that an argument is wrong, if err is not nil.
func (r Request) check(err error) Request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// idempotent says that the call may be repeated.
func (r Request) idempotent() Request {
	r.Idempotent = true
	return r
}

// readOnly says that the call only reads, though it is a POST.
func (r Request) readOnly() Request {
	r.reading = true
	return r.idempotent()
}

// treatAsSuccess says that the call may be repeated, and that a repeat which fails with
// code found the work done by the call whose answer was lost.
func (r Request) treatAsSuccess(code ErrorCode) Request {
	r.done = code
	return r.idempotent()
}

// idempotencyToken says that the body carries an idempotency token, so that the service
// itself sees to it that repeats do nothing.
func (r Request) idempotencyToken(token string) Request {
	r.token = token
	return r.idempotent()
}

// missing is what is wrong with an argument that was left out.
const missing = "is missing"

// newIdempotencyToken returns a token that nobody used before. In a dry run it
// is always the same, so that two dry runs can be compared.
func (c *Client) newIdempotencyToken() string {
	if c.Planning() {
		return plannedToken
	}
	return rand.Text()
}

// do makes a call and returns its reply.
func do[T any](ctx context.Context, c *Client, r Request) (*T, error) {
	out := new(T)
	if err := c.Do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Do makes any call of the workspace's API, with this client's credential,
// retries, limits and errors. It is what all services are built on, and the way
// to the areas that have no service here.
//
// The reply goes where out says: into the value that it points to, as JSON; or,
// if it is a func(io.Reader) error, through that function, which is called
// anew, with a new reply, each time the call is repeated; or nowhere, if it is nil.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	if r.reading = r.reading || r.Method == http.MethodGet || r.Method == http.MethodHead; r.reading {
		r.Idempotent = true
	}
	if path, _, cut := strings.Cut(r.Path, "?"); cut || !strings.HasPrefix(path, "/") {
		r = r.check(badArg("Path", "must begin with a slash and hold no query; that goes into Query"))
		r.Path = path
	}
	if c.Planning() {
		if planned, err := c.dryRun.planned(r, out); planned {
			return err
		}
	}
	if r.err != nil {
		if e, ok := errors.AsType[*ArgumentError](r.err); ok && e.Path == "" {
			e.Method, e.Path = r.Method, r.Path
		}
		return r.err
	}
	x := &exchange{c: c, r: r, out: out}
	return x.run(ctx)
}

// An exchange is one call on its way: all its attempts.
type exchange struct {
	c       *Client
	r       Request
	out     any
	number  int           // of the attempt
	started time.Time     // the attempt
	err     error         // how the last attempt failed
	lost    bool          // an attempt may have done the work, and its answer was lost
	pause   time.Duration // before the next attempt
	reason  error         // why there is no next attempt, if it is not err
	renewed bool          // the credential, after the service rejected it

	// How far the attempt came, as httptrace saw it. Only writes are traced:
	// reads are repeated whether they were sent or not.
	progress atomic.Int32
}

// How far an attempt came. A transport that does not trace leaves it at the first.
const (
	untraced    = iota
	connecting  // nothing was sent
	sending     // all of it may have been sent
	sendingFail // the service cannot have it whole, so it cannot have done it
)

// run sends the request until an attempt succeeds or there is to be no other.
func (x *exchange) run(ctx context.Context) error {
	req, err := x.build(ctx)
	if _, named := err.(*ArgumentError); named {
		return err
	}
	if err != nil {
		return &callError{x.r.Method, x.r.Path, err}
	}
	sender := retryablehttp.Client{
		HTTPClient:   x.c.http,
		RetryMax:     math.MaxInt,
		CheckRetry:   x.after,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.pause },
		PrepareRetry: x.before,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if err := x.before(req.Request); err != nil {
		return x.verdict(ctx)
	}
	_, err = sender.Do(req)
	if x.err == nil && x.number > 0 {
		return nil // done, and the reply is where out says
	}
	if x.err == nil {
		x.err = err
	}
	return x.verdict(ctx)
}

// build makes the request, all but its credential.
func (x *exchange) build(ctx context.Context) (*retryablehttp.Request, error) {
	if !x.r.reading {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn: func(string) { x.progress.Store(connecting) },
			GotConn: func(httptrace.GotConnInfo) { x.progress.Store(sending) },
			WroteRequest: func(info httptrace.WroteRequestInfo) {
				if info.Err != nil {
					x.progress.Store(sendingFail)
				}
			},
		})
	}
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {x.c.userAgent}}
	req := &retryablehttp.Request{Request: (&http.Request{
		Method: x.r.Method,
		URL:    &url.URL{Scheme: x.c.endpoint.Scheme, Host: x.c.endpoint.Host, Path: x.r.Path, RawQuery: x.r.Query.Encode()},
		Host:   x.c.endpoint.Host,
		Header: header,
	}).WithContext(ctx)}
	x.c.endpoint.SetHeader(header)
	switch body := x.r.Body.(type) {
	case nil:
		return req, nil
	case RawBody:
		header.Set("Content-Type", body.ContentType)
		open := body.Open
		body.Open = func() (content io.ReadCloser, err error) {
			content, err = open()
			x.reason = err // an attempt without its body is none
			return content, err
		}
		return req, body.attach(req)
	case url.Values:
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req, req.SetBody([]byte(body.Encode()))
	default:
		header.Set("Content-Type", "application/json")
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("the request has no JSON form: %w", err)
		}
		if name, found := utf8text.Invalid(body); found || !utf8.Valid(text) {
			return nil, &ArgumentError{x.r.Method, x.r.Path, cmp.Or(name, "the body"), "holds text that is not valid UTF-8, which JSON cannot carry"}
		}
		return req, req.SetBody(text)
	}
}

// before runs before each attempt: it waits for the rate limit and signs in.
func (x *exchange) before(req *http.Request) error {
	if limiter := x.c.limiter; limiter != nil {
		if x.reason = limiter.Wait(req.Context()); x.reason != nil {
			if req.Context().Err() == nil {
				x.reason = fmt.Errorf("the rate limit leaves no time before the deadline: %w", context.DeadlineExceeded)
			}
			return x.reason
		}
	}
	x.progress.Store(untraced)
	x.started = time.Now()
	x.reason = x.c.signIn(req)
	return x.reason
}

// after runs after each attempt: it takes in the reply and says whether to try again.
func (x *exchange) after(ctx context.Context, resp *http.Response, err error) (bool, error) {
	x.number++
	x.err = x.receive(resp, err)
	attempt := Attempt{Number: x.number, Method: x.r.Method, Path: x.r.Path, Idempotent: x.r.Idempotent, Err: x.err}
	x.logAttempt(ctx, resp)
	if x.err == nil {
		return false, nil
	}
	if x.lost && x.r.done != "" && errors.Is(x.err, x.r.done) {
		x.err = nil
		return false, nil
	}
	if !x.renewed && credentialRejected(x.err) && x.c.credential.Refresh(resp.Request) && x.number < x.c.retry.MaxAttempts && ctx.Err() == nil {
		// The service did nothing, so any call can be sent again.
		x.renewed, x.pause = true, 0
		return true, nil
	}
	attempt.Transient, attempt.ResponseLost = classify(x.err)
	x.lost = x.lost || attempt.ResponseLost
	if ctx.Err() != nil || x.number >= x.c.retry.MaxAttempts || !x.c.retry.Retry(attempt) {
		return false, nil
	}
	x.pause = x.c.retry.pause(x.number, x.err)
	if deadline, ok := ctx.Deadline(); ok && time.Now().Add(x.pause).After(deadline) {
		x.reason = fmt.Errorf("no time for another attempt in %v: %w", x.pause.Round(time.Millisecond), context.DeadlineExceeded)
		return false, nil
	}
	x.c.log.InfoContext(ctx, "databricks call is repeated",
		slog.String("method", x.r.Method), slog.String("path", x.r.Path), slog.Duration("pause", x.pause), slog.Any("error", x.err))
	return true, nil
}

// receive turns what the transport returned into the reply or an error.
func (x *exchange) receive(resp *http.Response, err error) error {
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the URL in its text has the query
		}
		if progress := x.progress.Load(); notSent(err) || progress == connecting || progress == sendingFail {
			return &notSentError{err}
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return readAPIError(resp)
	}
	return decodeReply(resp, x.out)
}

func (x *exchange) logAttempt(ctx context.Context, resp *http.Response) {
	if !x.c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", x.r.Method), slog.String("path", x.r.Path),
		slog.Int("attempt", x.number), slog.Duration("duration", time.Since(x.started)),
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	if x.err != nil {
		attrs = append(attrs, slog.Any("error", x.err))
	}
	x.c.log.LogAttrs(ctx, slog.LevelDebug, "databricks call", attrs...)
}

// verdict makes the error of the call from the last failure, the reason why
// there was no other attempt, the context, and what is known of the outcome.
func (x *exchange) verdict(ctx context.Context) error {
	err := x.err
	switch {
	case x.reason != nil:
		err = ended(ctx, x.reason, err)
	case ctx.Err() != nil:
		err = ended(ctx, ctx.Err(), err)
	}
	if _, named := err.(*APIError); !named {
		err = &callError{x.r.Method, x.r.Path, err}
	}
	if x.lost && !x.r.reading {
		return &OutcomeUnknownError{Method: x.r.Method, Path: x.r.Path, IdempotencyToken: x.r.token, Err: err}
	}
	return err
}

// A callError is any other failure, with the call that it was of.
type callError struct {
	method, path string
	err          error
}

func (e *callError) Error() string {
	prefix := "databricks: " + e.method + " " + e.path + ": "
	return prefix + strings.ReplaceAll(e.err.Error(), prefix, "")
}

func (e *callError) Unwrap() error { return e.err }
