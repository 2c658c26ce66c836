package databrickstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

// Run code that takes a client in an in-memory workspace, and then check what
// it did there.
func Example() {
	server := databrickstest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	startWork := func(ctx context.Context, client *databricks.Client) error { // the code under test
		_, err := client.Clusters.Create(ctx, databricks.CreateCluster{
			ClusterName: "nightly", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		})
		return err
	}
	if err := startWork(ctx, client); err != nil {
		log.Fatal(err)
	}

	clusters, err := client.Clusters.List(ctx, databricks.ListClusters{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(clusters), "cluster:", clusters[0].ClusterName)
	for _, request := range server.Requests() {
		fmt.Println(request.Method, request.Path, request.Status)
	}
	// Output:
	// 1 cluster: nightly
	// POST /api/2.0/clusters/create 200
	// GET /api/2.0/clusters/list 200
}

// A script determines the outcomes of tasks. Here, a notebook succeeds at its
// second attempt.
func ExampleWithRuns() {
	server := databrickstest.NewServer(databrickstest.WithRuns(func(run databrickstest.RunSpec) databrickstest.RunOutcome {
		if run.Target == "/Shared/flaky" && run.Attempt == 0 {
			return databrickstest.RunOutcome{Error: "the source is not there yet"}
		}
		return databrickstest.RunOutcome{Output: "done in attempt " + fmt.Sprint(run.Attempt)}
	}))
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	jobID, err := client.Jobs.Create(ctx, databricks.CreateJob{
		Name:         "flaky",
		NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)},
		NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/flaky"},
		MaxRetries:   new(1),
	})
	if err != nil {
		log.Fatal(err)
	}

	started, err := client.Jobs.RunNow(ctx, databricks.RunNow{JobID: jobID})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Jobs.WaitRun(ctx, started.RunID); err != nil {
		log.Fatal(err)
	}
	output, err := client.Jobs.GetRunOutput(ctx, started.RunID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(output.NotebookOutput.Result)
	// Output: done in attempt 1
}

// An executor determines the results of commands.
func ExampleWithExecutor() {
	server := databrickstest.NewServer(databrickstest.WithExecutor(databrickstest.ExecutorFunc(
		func(c databrickstest.Command) databrickstest.CommandResult {
			if c.Code == "1 / 0" {
				return databrickstest.CommandResult{Cause: "ZeroDivisionError: division by zero"}
			}
			return databrickstest.CommandResult{Text: "42", Duration: time.Millisecond}
		})))
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	clusterID, err := client.Clusters.Create(ctx, databricks.CreateCluster{
		ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Clusters.WaitRunning(ctx, clusterID); err != nil {
		log.Fatal(err)
	}

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Python)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	result, err := session.Run(ctx, "6 * 7")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	_, err = session.Run(ctx, "1 / 0")
	if failure, ok := errors.AsType[*v12.CommandError](err); ok {
		fmt.Println(failure.Cause)
	}
	// Output:
	// 42
	// ZeroDivisionError: division by zero
}

// The response to the second request is lost after the workspace has processed
// the request.
func ExampleServer_Inject() {
	server := databrickstest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	remove := server.Inject(databrickstest.Fault{
		Method: "POST", Path: "/api/2.0/groups/*", Skip: 1,
		WorkDone: true, Reset: true,
	})

	for _, name := range []string{"analysts", "engineers"} {
		err := client.Groups.Create(ctx, name)
		_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
		fmt.Println(name, "created:", err == nil, "unknown:", unknown)
	}
	remove()
	groups, err := client.Groups.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(groups)
	// Output:
	// analysts created: true unknown: false
	// engineers created: false unknown: true
	// [admins users analysts engineers]
}

// If the test provides the workspace's clock, a cluster that terminates after
// ten idle minutes terminates immediately. In tests, package testing/synctest
// does this for all waits. See the package documentation.
func ExampleWithClock() {
	now := time.Date(2024, 2, 29, 6, 0, 0, 0, time.UTC)
	server := databrickstest.NewServer(databrickstest.WithClock(func() time.Time { return now }))
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{
		ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		AutoterminationMinutes: new(10),
	})
	if err != nil {
		log.Fatal(err)
	}

	for range 3 {
		cluster, err := client.Clusters.Get(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(now.Format(time.TimeOnly), cluster.State)
		now = now.Add(10 * time.Minute)
	}
	// Output:
	// 06:00:00 PENDING
	// 06:10:00 RUNNING
	// 06:20:00 TERMINATED
}
