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
// services create Requests.
type Request struct {
	Method string     // such as GET or POST
	Path   string     // such as "/api/2.0/clusters/get"; starts with a slash and is not escaped
	Query  url.Values // URL parameters

	// PathTemplate is the Path with names in braces in place of identifiers,
	// such as "/api/2.0/sql/warehouses/{id}". It is for an [Observer]. If it is
	// empty, elements of Path that are not words count as identifiers.
	PathTemplate string

	// Body is the request body. nil sends none. A url.Values is sent as a form,
	// and a [RawBody] as it is. Any other value is sent as JSON.
	Body any

	// Idempotent says that sending the call twice has the same effect as
	// sending it once. The client then retries it after a lost response. GET
	// and HEAD are always idempotent.
	Idempotent bool

	// Response, if not nil, is set to the status and the header of the last
	// response.
	Response *ResponseInfo

	header  http.Header // additional headers of the request
	object  bool        // Path ends with the path of an object, which may contain any character
	reading bool        // a POST that changes nothing
	done    ErrorCode   // error code of a retry if the lost attempt took effect
	token   string      // the idempotency token in the body
	paths   []string    // paths of the objects of the call, for its errors
	err     error       // error of the first invalid argument

	presigned *presignedTarget // destination of the request; nil for the workspace
}

func get(path string) Request    { return Request{Method: http.MethodGet, Path: path} }
func post(path string) Request   { return Request{Method: http.MethodPost, Path: path} }
func put(path string) Request    { return Request{Method: http.MethodPut, Path: path} }
func update(path string) Request { return Request{Method: http.MethodPatch, Path: path} }

// required adds an argument that must not be empty or zero.
func (r Request) required(name string, value any) Request {
	if isZero(value) {
		r = r.check(badArg(name, isRequired))
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

// params sends an input struct, as the query of a GET and otherwise as JSON. If
// the struct has a method check() error, params calls it.
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

// element replaces {name} in the path with an argument that is a single path
// element.
func (r Request) element(name, value string) Request {
	switch {
	case value == "":
		r = r.check(badArg(name, isRequired))
	case value == "." || value == ".." || strings.ContainsAny(value, "/?#"):
		r = r.check(badArg(name, "%q is not valid; it cannot contain / ? or #", value))
	}
	return r.elements(name, value)
}

// elements replaces {name} in the path with trusted text, which may contain
// slashes.
func (r Request) elements(name, value string) Request {
	if r.PathTemplate == "" {
		r.PathTemplate = r.Path
	}
	r.Path = strings.Replace(r.Path, "{"+name+"}", value, 1)
	return r
}

// at replaces /{name} in the path with the path of an object. That path starts
// with a slash and may contain any character.
func (r Request) at(name, path string) Request {
	r.PathTemplate = r.Path
	r.Path, r.object = strings.Replace(r.Path, "/{"+name+"}", path, 1), true
	return r
}

// check records an invalid argument, if err is not nil.
func (r Request) check(err error) Request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// on sets paths that the call is about. Errors of the call contain them.
func (r Request) on(paths ...string) Request {
	r.paths = append(slices.Clip(r.paths), paths...)
	return r
}

// idempotent marks the call as idempotent. The client retries it after a lost
// response.
func (r Request) idempotent() Request {
	r.Idempotent = true
	return r
}

// readOnly marks a POST that only reads.
func (r Request) readOnly() Request {
	r.reading = true
	return r.idempotent()
}

// treatAsSuccess marks the call as idempotent. If the response to an attempt
// was lost and a retry fails with code, the call succeeds, because the lost
// attempt took effect.
func (r Request) treatAsSuccess(code ErrorCode) Request {
	r.done = code
	return r.idempotent()
}

// idempotencyToken says that the body has an idempotency token, so the service
// ignores a second send.
func (r Request) idempotencyToken(token string) Request {
	r.token = token
	return r.idempotent()
}

// isRequired says that a required argument is unset.
const isRequired = "is required"

// newIdempotencyToken returns a new unique token. In a dry run it always
// returns the same token, so that dry runs can be compared.
func (c *Client) newIdempotencyToken() string {
	if c.Planning() {
		return plannedToken
	}
	return rand.Text()
}

// do sends a call and returns its response.
func do[T any](ctx context.Context, c *Client, r Request) (*T, error) {
	out := new(T)
	if err := c.Do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Do sends any call of the workspace's API with this client's credential,
// retries, limits and errors. Use it for areas that have no methods in this
// package.
//
// If out is a pointer, Do decodes the JSON response into it. If out is a
// func(io.Reader) error, it reads the response. It is called again with a new
// response when the call is retried. If out is nil, the response must be empty
// or JSON, and is discarded.
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

// checkTarget rejects an invalid method or path.
func (r Request) checkTarget() error {
	path, _, cut := strings.Cut(r.Path, "?")
	switch {
	case r.Method == "":
		return &ArgumentError{Path: path, Name: "Method", Problem: isRequired + "; want one such as GET or POST"}
	case !methodName.MatchString(r.Method):
		return &ArgumentError{Path: path, Name: "Method", Problem: "contains characters that are not valid in a method"}
	case cut && !r.object || !strings.HasPrefix(path, "/"):
		return &ArgumentError{r.Method, path, "Path", "must start with a slash and have no query; use Query for that"}
	}
	return nil
}

// escapePath escapes each element of a path. It also escapes semicolons and
// commas, which have a special meaning for some servers.
func escapePath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = url.PathEscape(name)
	}
	return strings.Join(names, "/")
}

// isZero reports whether an argument is unset.
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
