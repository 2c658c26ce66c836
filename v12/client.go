// Package v12 is a client for version 1.2 of the Databricks REST API. That version
// has execution contexts and commands, which run a piece of code on a running
// cluster and return its result. It also has older calls for clusters and
// libraries.
//
// The package is named after the API version, REST 1.2. It is not version 12 of
// this module. Import it as
//
//	import "github.com/go-databricks/databricks/v12"
//
// Most programs use a [Session]:
//
//	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Python)
//	if err != nil {
//		return err
//	}
//	defer session.Close()
//	result, err := session.Run(ctx, "spark.range(10).count()")
//
// The services have a method for each call. Their errors are those of package
// databricks. This version of the API has no error codes, so an error has only a
// message. An error matches [fs.ErrNotExist] if something was not found, and
// [fs.ErrExist] if a name is already in use.
package v12

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/query"
	"github.com/go-databricks/databricks/internal/reply"
)

// A Client makes the calls of REST API 1.2. It is safe for use by any number of
// goroutines and needs no closing.
type Client struct {
	Contexts  *ContextsService
	Commands  *CommandsService
	Clusters  *ClustersService
	Libraries *LibrariesService

	workspace *databricks.Client
}

// service is what every area's type is made of.
type service struct{ client *Client }

// NewClient makes a client that calls through workspace: with its host, its
// credential, its repeats and limits, and its plan if it has one.
func NewClient(workspace *databricks.Client) *Client {
	c := &Client{workspace: workspace}
	s := &service{c}
	c.Contexts = (*ContextsService)(s)
	c.Commands = (*CommandsService)(s)
	c.Clusters = (*ClustersService)(s)
	c.Libraries = (*LibrariesService)(s)
	return c
}

// A request is a call on its way to [databricks.Client.Do].
type request struct {
	databricks.Request
	err error // what is wrong with its arguments
}

// get is a call with the fields of in as its query.
func get(path string, in any) request {
	return request{databricks.Request{Method: http.MethodGet, Path: path, Query: fields(in)}, required(in)}
}

// post is a call with in as its JSON body.
func post(path string, in any) request {
	return request{databricks.Request{Method: http.MethodPost, Path: path, Body: in}, required(in)}
}

// form is a call with the fields of in as its body, as an HTML form sends them.
func form(path string, in any) request {
	r := post(path, in)
	r.Body = fields(in)
	return r
}

// upload is a call with the fields of in and a file as its body.
func upload(path string, in any, field string, file databricks.FilePart) request {
	r := post(path, in)
	switch {
	case file.Open == nil:
		r = r.check(badArg(field, missing))
	case file.Size == 0:
		r = r.check(badArg(field, "is an empty file"))
	}
	var texts [][2]string
	values := fields(in)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts = append(texts, [2]string{name, values.Get(name)})
	}
	file.Field = field
	r.Body = databricks.Multipart(texts, file)
	return r
}

// check records that an argument is wrong, if err is not nil.
func (r request) check(err error) request {
	if r.err == nil {
		r.err = err
	}
	return r
}

// idempotent says that the call may be repeated.
func (r request) idempotent() request {
	r.Idempotent = true
	return r
}

// fields are the members of an input by their wire names.
func fields(in any) url.Values {
	values := url.Values{}
	query.Add(values, "", in)
	return values
}

// missing is what is wrong with an argument that was left out.
const missing = "is missing"

// required returns what is wrong with an input whose first text that is not
// optional is empty.
func required(in any) error {
	v := reflect.ValueOf(in)
	for field := range v.Type().Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "" && name != "-" && field.Type.Kind() == reflect.String && v.FieldByIndex(field.Index).Len() == 0 {
			return badArg(name, missing)
		}
	}
	return nil
}

func badArg(name, format string, args ...any) error {
	return &databricks.ArgumentError{Name: name, Problem: fmt.Sprintf(format, args...)}
}

// do makes a call; see [databricks.Client.Do] for out.
func (c *Client) do(ctx context.Context, r request, out any) error {
	if e, ok := errors.AsType[*databricks.ArgumentError](r.err); ok {
		e.Method, e.Path = r.Method, r.Path
	}
	if r.err != nil {
		return r.err
	}
	return named(c.workspace.Do(ctx, r.Request, out))
}

// read makes a call that returns a T.
func read[T any](ctx context.Context, c *Client, r request) (*T, error) {
	out := new(T)
	if err := c.do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// list makes a call whose reply is a bare list.
func list[T any](ctx context.Context, c *Client, r request) ([]T, error) {
	out, err := read[[]T](ctx, c, r)
	if err != nil {
		return nil, err
	}
	return *out, nil
}

// done makes a call whose reply says no more than that it was done.
func (c *Client) done(ctx context.Context, r request) error {
	return c.do(ctx, r, nil)
}

// id makes a call whose reply names what was made by it. It returns an empty ID
// if the call was only planned.
func (c *Client) id(ctx context.Context, r request) (string, error) {
	var id string
	err := c.do(ctx, r, func(in io.Reader) error {
		var response struct {
			ID string `json:"id"`
		}
		s := reply.NewScanner(in, nil)
		defer s.Free()
		if err := reply.Decode(s, &response); err != nil {
			return err
		}
		id = response.ID
		if id == "" {
			return errors.New("the reply names no id")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// ErrContextNotFound is matched by the errors of calls whose context is gone:
// destroyed, evicted by the cluster, or lost with the cluster's driver.
var ErrContextNotFound = errors.New("the context does not exist")

// A namedError is an error of the API that says in words what others say in codes.
type namedError struct {
	error
	is []error
}

func (e *namedError) Unwrap() error        { return e.error }
func (e *namedError) Is(target error) bool { return slices.Contains(e.is, target) }

// named makes an error match what its message says.
func named(err error) error {
	e, ok := err.(*databricks.APIError)
	if !ok {
		return err
	}
	has := func(text string) bool { return strings.Contains(e.Message, text) }
	switch {
	case has("ContextNotFound"), has("ExecutionContextId") && has("is disconnected"):
		return &namedError{err, []error{ErrContextNotFound, fs.ErrNotExist}}
	case has("Unknown cluster id"), has("NoSuchElementException: key not found"):
		return &namedError{err, []error{fs.ErrNotExist}}
	case has("NameConflictException"):
		return &namedError{err, []error{fs.ErrExist}}
	}
	return err
}
