// Package area provides the means with which the packages for other areas than
// those of the root package send their calls.
package area

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/query"
)

// A Client sends the calls of an area.
type Client struct {
	Workspace *databricks.Client
	Failed    func(error) error // converts an error of a call to the area's error
}

// A Request is a call to send. It keeps the first error of its arguments.
type Request struct {
	databricks.Request
	err error
}

// Get returns a GET request with the fields of in as its query.
func Get(path string, in any) Request {
	return Request{Request: databricks.Request{Method: http.MethodGet, Path: path, Query: Fields(in)}}
}

// Send returns a request with a body.
func Send(method, path string, body any) Request {
	return Request{Request: databricks.Request{Method: method, Path: path, Body: body}}
}

// Check records an invalid argument, if err is not nil.
func (r Request) Check(err error) Request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// Element replaces {name} in the path with an argument that is a single path
// element.
func (r Request) Element(name, value string) Request {
	switch {
	case value == "":
		r = r.Check(BadArg(name, Required))
	case value == "." || value == ".." || strings.ContainsAny(value, "/?#"):
		r = r.Check(BadArg(name, "%q is not valid; it cannot contain / ? or #", value))
	}
	r.PathTemplate = r.Path
	r.Path = strings.Replace(r.Path, "{"+name+"}", value, 1)
	return r
}

// MarkIdempotent marks the call as idempotent. The client retries it after a lost
// response.
func (r Request) MarkIdempotent() Request {
	r.Idempotent = true
	return r
}

// Do sends a call, unless one of its arguments is invalid. See
// [databricks.Client.Do] for out.
func (c Client) Do(ctx context.Context, r Request, out any) error {
	if r.err != nil {
		if e, ok := errors.AsType[*databricks.ArgumentError](r.err); ok {
			e.Method, e.Path = r.Method, r.Path
		}
		return r.err
	}
	return c.Failed(c.Workspace.Do(ctx, r.Request, out))
}

// Read sends a call whose response is a T.
func Read[T any](ctx context.Context, c Client, r Request) (*T, error) {
	out := new(T)
	if err := c.Do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Fields returns the fields of an input struct with their JSON names.
func Fields(in any) url.Values {
	values := url.Values{}
	query.Add(values, "", in)
	return values
}

// Required says that a required argument is unset.
const Required = "is required"

// BadArg returns an error that says that an argument is invalid. name is its JSON
// name.
func BadArg(name, format string, args ...any) error {
	return &databricks.ArgumentError{Name: name, Problem: fmt.Sprintf(format, args...)}
}
