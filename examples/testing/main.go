// Testing shows how to test your own code with databrickstest. The code to test is the
// function Report. The tests in main_test.go use scripted failures, network faults and
// virtual time:
//
//	go test -v ./examples/testing
//
// The program runs Report. Without DATABRICKS_HOST, it uses an in-memory workspace, in
// which a script determines what notebooks return:
//
//	go run ./examples/testing -notebook /Shared/report
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Report runs a notebook on a new cluster. It returns the value that the notebook passes
// to dbutils.notebook.exit. It cancels the run if it takes longer than limit.
func Report(ctx context.Context, client *databricks.Client, notebook string, limit time.Duration) (string, error) {
	id, err := client.Jobs.SubmitRun(ctx, databricks.SubmitRun{
		RunName:      "report",
		NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(2)},
		NotebookTask: &databricks.NotebookTask{NotebookPath: notebook},
	})
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := client.Jobs.WaitRun(waiting, id); err != nil {
		if waiting.Err() != nil { // cancel the run, because it continues otherwise
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, client.Jobs.CancelRun(ctx, id))
		}
		return "", err
	}
	output, err := client.Jobs.GetRunOutput(ctx, id)
	if err != nil {
		return "", err
	}
	return output.NotebookResult(), nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "testing:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("testing", flag.ContinueOnError)
	notebook := flags.String("notebook", "/Shared/report", "`path` of the notebook")
	limit := flags.Duration("limit", time.Hour, "time limit of the run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var client *databricks.Client
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(func(run databrickstest.RunSpec) databrickstest.RunOutcome {
			return databrickstest.RunOutcome{Output: "the report of " + run.Target}
		}))
		defer server.Close()
		client = server.Client()
	} else {
		var err error
		if client, err = databricks.NewClient(databricks.WithUserAgent("testing", "1")); err != nil {
			return err
		}
	}
	report, err := Report(ctx, client, *notebook, *limit)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, report)
	return nil
}
