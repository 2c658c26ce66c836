package databricks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Run a notebook as a job and wait for it. This example uses an in-memory workspace.
func Example() {
	server := databrickstest.NewServer(databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Output: "42 rows"}
	}))
	defer server.Close()
	// Without options, the host and the token come from the environment, a profile or .netrc.
	client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken(server.Token))
	if err != nil {
		log.Fatal(err)
	}

	if err := runReport(context.Background(), client); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the report is done")
	// Output: the report is done
}

func runReport(ctx context.Context, client *databricks.Client) error {
	runID, err := client.Jobs.SubmitRun(ctx, databricks.SubmitRun{
		NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(2)},
		NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/report"},
	})
	if err != nil {
		return err
	}
	_, err = client.Jobs.WaitRun(ctx, runID) // if the run fails, the error says why
	return err
}
