package databricks

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/query"
)

// A Request is a call of the REST API, for [Client.Do]. The methods of the
// services build one each.
type Request struct {
	Method string     // such as GET or POST
	Path   string     // such as "/api/2.0/clusters/get"; it begins with a slash and is not escaped
	Query  url.Values // parameters of the URL

	// PathTemplate is Path with names in braces in place of identifiers, such as
	// "/api/2.0/sql/warehouses/{id}", for an [Observer]. If it is empty, elements
	// of Path that are not words count as identifiers.
	PathTemplate string

	// Body is what is sent: nothing if nil, a form if it is a url.Values, the
	// bytes themselves if it is a [RawBody], and JSON if it is anything else.
	Body any

	// Idempotent says that sending the call twice has the effect of sending it
	// once, so that it may be retried after its response was lost. GET and HEAD
	// always count as idempotent.
	Idempotent bool

	// Response, if not nil, is set to what the last response had beside its body.
	Response *ResponseInfo

	header  http.Header // of the request, besides what every request has
	object  bool        // Path ends with the path of an object, which may hold any character
	reading bool        // a POST that changes nothing
	done    ErrorCode   // what a retry fails with if the lost attempt did the work
	token   string      // the idempotency token in the body
	paths   []string    // of the objects that the call is about, for its errors
	err     error       // the first argument found wrong

	presigned *presignedTarget // where the request goes; nil for the workspace
}

func get(path string) Request    { return Request{Method: http.MethodGet, Path: path} }
func post(path string) Request   { return Request{Method: http.MethodPost, Path: path} }
func put(path string) Request    { return Request{Method: http.MethodPut, Path: path} }
func update(path string) Request { return Request{Method: http.MethodPatch, Path: path} }

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

// element puts an argument in the place of {name} in the path, as one element of
// it or, if nested, as several.
func (r Request) element(name, value string) Request {
	switch {
	case value == "":
		r = r.check(badArg(name, missing))
	case value == "." || value == ".." || strings.ContainsAny(value, "/?#"):
		r = r.check(badArg(name, "%q is not valid; it cannot contain / ? or #", value))
	}
	return r.elements(name, value)
}

// elements puts an argument of our own making, which may have slashes, in the
// place of {name} in the path.
func (r Request) elements(name, value string) Request {
	if r.PathTemplate == "" {
		r.PathTemplate = r.Path
	}
	r.Path = strings.Replace(r.Path, "{"+name+"}", value, 1)
	return r
}

// at puts the path of an object, which begins with a slash and whose names may hold
// any character, in the place of /{name} in the path.
func (r Request) at(name, path string) Request {
	r.PathTemplate = r.Path
	r.Path, r.object = strings.Replace(r.Path, "/{"+name+"}", path, 1), true
	return r
}

// check records that an argument is wrong, if err is not nil.
func (r Request) check(err error) Request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// on names objects that the call is about. Errors of the call name them too.
func (r Request) on(paths ...string) Request {
	r.paths = append(slices.Clip(r.paths), paths...)
	return r
}

// idempotent says that the call may be retried after its response was lost.
func (r Request) idempotent() Request {
	r.Idempotent = true
	return r
}

// readOnly says that the call only reads, though it is a POST.
func (r Request) readOnly() Request {
	r.reading = true
	return r.idempotent()
}

// treatAsSuccess says that the call is idempotent, and that a retry which fails with
// code found the work done by the attempt whose response was lost.
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

// missing says that a required argument is unset.
const missing = "is required"

// newIdempotencyToken returns a token that nobody used before. In a dry run it
// is always the same, so that two dry runs can be compared.
func (c *Client) newIdempotencyToken() string {
	if c.Planning() {
		return plannedToken
	}
	return rand.Text()
}

// do makes a call and returns its response.
func do[T any](ctx context.Context, c *Client, r Request) (*T, error) {
	out := new(T)
	if err := c.Do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Do sends any call of the workspace's API, with this client's credential,
// retries, limits and errors. All services are built on it. Use it for areas
// that have no service here.
//
// The response goes where out says. If out is a pointer, the response is decoded
// into it as JSON. If out is a func(io.Reader) error, it reads the response, and
// is called again with a new response each time the call is retried. If out is
// nil, the response has to be empty or JSON, and is dropped.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	if r.reading = r.reading || r.Method == http.MethodGet || r.Method == http.MethodHead; r.reading {
		r.Idempotent = true
	}
	if err := r.checkTarget(); err != nil {
		return err
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
	return c.send(ctx, r, out)
}

// send sends a request that was checked.
func (c *Client) send(ctx context.Context, r Request, out any) error {
	x := &call{client: c, request: r, out: out}
	if len(c.observers) > 0 {
		return errs.OnPaths(r.paths, x.runObserved(ctx))
	}
	return errs.OnPaths(r.paths, x.run(ctx))
}

var methodName = regexp.MustCompile("^[0-9A-Za-z!#$%&'*+.^_`|~-]+$")

// checkTarget refuses a method or a path that no request can have.
func (r Request) checkTarget() error {
	path, _, cut := strings.Cut(r.Path, "?")
	switch {
	case r.Method == "":
		return &ArgumentError{Path: path, Name: "Method", Problem: missing + "; want one such as GET or POST"}
	case !methodName.MatchString(r.Method):
		return &ArgumentError{Path: path, Name: "Method", Problem: "has characters that no method has"}
	case cut && !r.object || !strings.HasPrefix(path, "/"):
		return &ArgumentError{r.Method, path, "Path", "must begin with a slash and have no query; that goes into Query"}
	}
	return nil
}

// escapePath escapes each name in a path, semicolons and commas too, which some
// servers take for more than a character of a name.
func escapePath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = url.PathEscape(name)
	}
	return strings.Join(names, "/")
}

// isZero reports whether an argument was left out.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case int64:
		return v == 0
	}
	rv := reflect.ValueOf(v)
	return rv.IsZero() || rv.Kind() == reflect.Slice && rv.Len() == 0
}
