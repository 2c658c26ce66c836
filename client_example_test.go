package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/url"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Use Do for a call without a method, or to read members of a response that have no
// field.
func ExampleClient_Do() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	var versions struct {
		Versions []struct{ Key, Name string }
	}
	err := client.Do(ctx, databricks.Request{Method: http.MethodGet, Path: "/api/2.0/clusters/spark-versions"}, &versions)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(versions.Versions) > 0)

	// Errors are the same as those of all other calls.
	err = client.Do(ctx, databricks.Request{
		Method: http.MethodGet,
		Path:   "/api/2.0/clusters/get",
		Query:  url.Values{"cluster_id": {"0101-000000-none"}},
	}, nil)
	if failure, ok := errors.AsType[*databricks.APIError](err); ok {
		fmt.Println(failure.Method, failure.Path, failure.StatusCode)
	}
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// true
	// GET /api/2.0/clusters/get 400
	// true
}

// A dry run sends the calls that only read, and shows the others.
func ExampleWithPlan() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	ctx := context.Background()
	client := workspace.Client(databricks.WithPlan(func(call databricks.PlannedCall) {
		fmt.Println("would send", call)
	}))

	groups, err := client.Groups.List(ctx) // is sent
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("there are", groups)
	if err := client.Groups.Create(ctx, "analysts"); err != nil { // is not sent
		log.Fatal(err)
	}
	err = client.Secrets.Put(ctx, databricks.PutSecret{
		Scope: "db", Key: "password", StringValue: new(databricks.Secret("hunter2")),
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// there are [admins users]
	// would send POST /api/2.0/groups/create {"group_name":"analysts"}
	// would send POST /api/2.0/secrets/put {"scope":"db","key":"password","string_value":"[redacted]"}
}

// The client calls the function before each attempt, so it uses a renewed token
// immediately. The function should cache its token.
func ExampleWithTokenFunc() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()

	renew := func(context.Context) (string, error) { // function of an identity library
		fmt.Println("a token is asked for")
		return workspace.Token, nil
	}
	client, err := databricks.NewClient(databricks.WithHost(workspace.URL()), databricks.WithTokenFunc(renew))
	if err != nil {
		log.Fatal(err)
	}
	groups, err := client.Groups.List(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(groups)
	// Output:
	// a token is asked for
	// [admins users]
}

// Create a secret scope whose response is lost. The client does not retry this
// call, because only the caller can decide whether a retry is safe.
func ExampleOutcomeUnknownError() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	workspace.Inject(databrickstest.Fault{Path: "/api/2.0/secrets/scopes/create", WorkDone: true, Reset: true})

	err := client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "db"})
	if unknown, ok := errors.AsType[*databricks.OutcomeUnknownError](err); ok {
		fmt.Println("the outcome is unknown of", unknown.Method, unknown.Path)
		scopes, err := client.Secrets.ListScopes(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("there is", scopes[0].Name)
	}
	// Output:
	// the outcome is unknown of POST /api/2.0/secrets/scopes/create
	// there is db
}
