package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

var aJob = databricks.CreateJob{
	Name:         "nightly",
	NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(2)},
	NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/report"},
	Schedule:     &databricks.CronSchedule{QuartzCronExpression: "0 30 6 * * ?", TimezoneID: "Europe/Berlin"},
}

func ExampleJobsService() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	id, err := client.Jobs.Create(ctx, aJob)
	if err != nil {
		log.Fatal(err)
	}
	// Other settings do not change.
	err = client.Jobs.Update(ctx, databricks.UpdateJob{
		JobID: id, NewSettings: databricks.JobSettings{MaxConcurrentRuns: new(3)}, FieldsToRemove: []string{"schedule"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range client.Jobs.All(ctx, databricks.ListJobs{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.Settings.Name, *job.Settings.MaxConcurrentRuns, job.Settings.Schedule == nil)
	}
	// Output: nightly 3 true
}

// Start a run, wait for it, and print what its notebook returned.
func ExampleJobsService_RunNow() {
	workspace := databrickstest.NewServer(databrickstest.WithRuns(func(run databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Output: "42 rows of " + run.Params["day"]}
	}))
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	jobID, err := client.Jobs.Create(ctx, aJob)
	if err != nil {
		log.Fatal(err)
	}

	started, err := client.Jobs.RunNow(ctx, databricks.RunNow{JobID: jobID, RunParameters: databricks.RunParameters{
		NotebookParams: map[string]string{"day": "2024-02-29"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	run, err := client.Jobs.WaitRun(ctx, started.RunID)
	if err != nil {
		log.Fatal(err)
	}
	output, err := client.Jobs.GetRunOutput(ctx, run.RunID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(output.NotebookResult())
	// Output: 42 rows of 2024-02-29
}

// The error of a failed run contains what the service knows about it.
func ExampleJobsService_WaitRun() {
	workspace := databrickstest.NewServer(databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Error: "ValueError: no rows", Trace: "Traceback (most recent call last):\n…"}
	}))
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	jobID, err := client.Jobs.Create(ctx, aJob)
	if err != nil {
		log.Fatal(err)
	}
	started, err := client.Jobs.RunNow(ctx, databricks.RunNow{JobID: jobID})
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Jobs.WaitRun(ctx, started.RunID)
	if failure, ok := errors.AsType[*databricks.RunError](err); ok {
		fmt.Println(failure.Result)
		fmt.Println(failure.Output)
		fmt.Println(failure.PageURL != "")
	}
	// Output:
	// FAILED
	// ValueError: no rows
	// true
}
