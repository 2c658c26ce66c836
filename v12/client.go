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
	"io"
	"io/fs"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/response"
)

// A Client provides the calls of REST API 1.2. It is safe for concurrent use
// and does not need to be closed.
type Client struct {
	Contexts  *ContextsService
	Commands  *CommandsService
	Clusters  *ClustersService
	Libraries *LibrariesService

	calls area.Client
}

// service is the underlying type of all services.
type service struct{ client *Client }

// NewClient returns a client that sends its requests through workspace. It uses
// that client's host, credentials, retries and limits. If workspace does a dry
// run, so does the new client.
func NewClient(workspace *databricks.Client) *Client {
	c := &Client{calls: area.Client{Workspace: workspace, Failed: named}}
	s := &service{c}
	c.Contexts = (*ContextsService)(s)
	c.Commands = (*CommandsService)(s)
	c.Clusters = (*ClustersService)(s)
	c.Libraries = (*LibrariesService)(s)
	return c
}

// get returns a request with the fields of in as its query.
func get(path string, in any) area.Request { return area.Get(path, in).Check(required(in)) }

// post returns a request with in as its JSON body.
func post(path string, in any) area.Request {
	return area.Send(http.MethodPost, path, in).Check(required(in))
}

// form returns a request with the fields of in as its body, in the format of an
// HTML form.
func form(path string, in any) area.Request {
	r := post(path, in)
	r.Body = area.Fields(in)
	return r
}

// upload returns a request with the fields of in and a file as its body.
func upload(path string, in any, field string, file databricks.FilePart) area.Request {
	r := post(path, in)
	switch {
	case file.Open == nil:
		r = r.Check(area.BadArg(field, area.Required))
	case file.Size == 0:
		r = r.Check(area.BadArg(field, "is an empty file"))
	}
	var texts [][2]string
	values := area.Fields(in)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts = append(texts, [2]string{name, values.Get(name)})
	}
	file.Field = field
	r.Body = databricks.Multipart(texts, file)
	return r
}

// required returns an error if a required text in an input is unset.
func required(in any) error {
	v := reflect.ValueOf(in)
	for field := range v.Type().Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "" && name != "-" && field.Type.Kind() == reflect.String && v.FieldByIndex(field.Index).Len() == 0 {
			return area.BadArg(name, area.Required)
		}
	}
	return nil
}

// list sends a call whose response is a JSON array.
func list[T any](ctx context.Context, c *Client, r area.Request) ([]T, error) {
	out, err := area.Read[[]T](ctx, c.calls, r)
	if err != nil {
		return nil, err
	}
	return *out, nil
}

// id sends a call that creates something, and returns the ID from its response.
// In a dry run the ID is empty.
func (c *Client) id(ctx context.Context, r area.Request) (string, error) {
	var id string
	err := c.calls.Do(ctx, r, func(in io.Reader) error {
		var created struct {
			ID string `json:"id"`
		}
		s := response.NewScanner(in, nil)
		defer s.Free()
		if err := response.Decode(s, &created); err != nil {
			return err
		}
		id = created.ID
		if id == "" {
			return errors.New("the response has no id")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// ErrContextNotFound matches the errors of calls whose context no longer
// exists. It was destroyed, evicted by the cluster, or lost with the cluster's
// driver.
var ErrContextNotFound error = errs.Text("the context does not exist")

// A namedError is an API error that also matches the errors which its message
// describes. Other versions of the API have error codes for them.
type namedError struct {
	error
	is []error
}

func (e *namedError) Unwrap() error        { return e.error }
func (e *namedError) Is(target error) bool { return slices.Contains(e.is, target) }

// named returns the error of a call. It also matches the errors which its message
// describes.
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
