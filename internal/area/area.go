// Package area is what the packages for areas beside the root package build
// their calls with.
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

// A Client makes the calls of an area.
type Client struct {
	Workspace *databricks.Client
	Failed    func(error) error // returns the area's error for one of a call
}

// A Request is a call to be sent. It keeps the first error of its arguments.
type Request struct {
	databricks.Request
	err error
}

// Get returns a GET with the fields of in as its query.
func Get(path string, in any) Request {
	return Request{Request: databricks.Request{Method: http.MethodGet, Path: path, Query: Fields(in)}}
}

// Send returns a call with a body.
func Send(method, path string, body any) Request {
	return Request{Request: databricks.Request{Method: method, Path: path, Body: body}}
}

// Check records that an argument is invalid, if err is not nil.
func (r Request) Check(err error) Request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// Element puts an argument in the place of {name} in the path, as one element of
// it.
func (r Request) Element(name, value string) Request {
	switch {
	case value == "":
		r = r.Check(BadArg(name, Missing))
	case value == "." || value == ".." || strings.ContainsAny(value, "/?#"):
		r = r.Check(BadArg(name, "%q is not valid; it cannot contain / ? or #", value))
	}
	r.PathTemplate = r.Path
	r.Path = strings.Replace(r.Path, "{"+name+"}", value, 1)
	return r
}

// MarkIdempotent says that the call may be retried after its response was lost.
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

// Fields returns the fields of an input struct by their names on the wire.
func Fields(in any) url.Values {
	values := url.Values{}
	query.Add(values, "", in)
	return values
}

// Missing says that a required argument is unset.
const Missing = "is required"

// BadArg says that the argument called name on the wire is invalid, and why.
func BadArg(name, format string, args ...any) error {
	return &databricks.ArgumentError{Name: name, Problem: fmt.Sprintf(format, args...)}
}
