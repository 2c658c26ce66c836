package databricks_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// A file goes up, a notebook runs over it, and what it returns is printed.
// Here all that happens in a workspace in memory.
func Example() {
	server := databrickstest.NewServer(databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Output: "the sum is 10"}
	}))
	defer server.Close()
	// Without options, these two come from the environment, a profile or .netrc.
	client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken(server.Token))
	if err != nil {
		log.Fatal(err)
	}

	if err := report(context.Background(), client, strings.NewReader("1\n2\n3\n4\n")); err != nil {
		log.Fatal(err)
	}
	// Output: the sum is 10
}

func report(ctx context.Context, client *databricks.Client, numbers io.Reader) error {
	err := client.DBFS.Upload(ctx, numbers, "/data/numbers.csv", databricks.UploadOptions{Overwrite: true})
	if err != nil {
		return err
	}
	runID, err := client.Jobs.SubmitRun(ctx, databricks.SubmitRun{
		NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(2)},
		NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/report"},
	})
	if err != nil {
		return err
	}
	if _, err := client.Jobs.WaitRun(ctx, runID); err != nil {
		return err // a run that fails is an error that says why
	}
	output, err := client.Jobs.GetRunOutput(ctx, runID)
	if err != nil {
		return err
	}
	fmt.Println(output.NotebookResult())
	return nil
}
