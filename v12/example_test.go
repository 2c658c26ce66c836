package v12_test

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

// Run code in a session, which keeps its variables. This example uses an in-memory
// workspace with scripted results.
func Example() {
	client, clusterID, done := exampleCluster(map[string]databrickstest.CommandResult{
		"x = 20":                        {},
		"x + 22":                        {Text: "42"},
		"x / 0":                         {Cause: "Traceback (most recent call last):\n…\nZeroDivisionError: division by zero"},
		"import time; time.sleep(3600)": {Duration: time.Hour},
	})
	defer done()
	ctx := context.Background()

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Python)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Run(ctx, "x = 20"); err != nil {
		log.Fatal(err)
	}
	result, err := session.Run(ctx, "x + 22")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)

	_, err = session.Run(ctx, "x / 0")
	if failed, ok := errors.AsType[*v12.CommandError](err); ok {
		fmt.Println(failed.Status, len(failed.Cause) > 0)
	}

	// A command that takes too long is canceled.
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = session.Run(short, "import time; time.sleep(3600)")
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// 42
	// Finished true
	// true
}

// Show the progress of a command. If you leave the loop early, the command is
// canceled.
func ExampleSession_Stream() {
	client, clusterID, done := exampleCluster(map[string]databrickstest.CommandResult{"spark.range(10).count()": {Text: "10"}})
	defer done()
	ctx := context.Background()

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Scala)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	for status, err := range session.Stream(ctx, "spark.range(10).count()") {
		if err != nil {
			log.Fatal(err)
		}
		if !status.Done() {
			continue // a program would show status.Status
		}
		result, err := status.Result()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Text)
	}
	// Output: 10
}

// Convert the rows of a table to Go values.
func ExampleRows() {
	client, clusterID, done := exampleCluster(map[string]databrickstest.CommandResult{"select name, births from babies": {
		Columns: []databrickstest.TableColumn{{Name: "name", Type: "string"}, {Name: "births", Type: "long"}},
		Rows:    [][]any{{"Ada", 1815}, {"Unnamed", nil}},
	}})
	defer done()
	ctx := context.Background()

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.SQL)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	result, err := session.Run(ctx, "select name, births from babies")
	if err != nil {
		log.Fatal(err)
	}
	type baby struct {
		Name   string `json:"name"`
		Births *int64 `json:"births"`
	}
	babies, err := v12.Rows[baby](result.Table)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range babies {
		if b.Births == nil {
			fmt.Println(b.Name, "unknown")
			continue
		}
		fmt.Println(b.Name, *b.Births)
	}
	// Output:
	// Ada 1815
	// Unnamed unknown
}

// exampleCluster returns a running cluster in an in-memory workspace, with results
// for some commands.
func exampleCluster(results map[string]databrickstest.CommandResult) (client *databricks.Client, clusterID string, done func()) {
	server := databrickstest.NewServer(databrickstest.WithExecutor(databrickstest.ExecutorFunc(func(c databrickstest.Command) databrickstest.CommandResult {
		return results[c.Code]
	})))
	client = server.Client()
	clusterID, err := client.Clusters.Create(context.Background(), databricks.CreateCluster{
		ClusterName: "examples", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
	})
	if err == nil {
		_, err = client.Clusters.WaitRunning(context.Background(), clusterID)
	}
	if err != nil {
		log.Fatal(err)
	}
	return client, clusterID, server.Close
}
