// Quickstart creates a cluster, uploads a file, runs a command and a job on the
// cluster, and deletes everything that it created. It prints each step.
//
// Without DATABRICKS_HOST, it uses an in-memory workspace and needs no account. With
// DATABRICKS_HOST and DATABRICKS_TOKEN, it uses that workspace:
//
//	go run ./examples/quickstart
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	runtime := flags.String("runtime", "", "Spark version of the cluster; default: the newest with long-term support")
	nodeType := flags.String("node", "", "node type of the cluster; default: the smallest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	q := quickstart{out: out}
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(pretendRun), databrickstest.WithExecutor(python()))
		defer server.Close()
		q.client = server.Client()
	} else {
		var err error
		if q.client, err = databricks.NewClient(databricks.WithUserAgent("quickstart", "1")); err != nil {
			return err
		}
	}
	return q.run(ctx, *runtime, *nodeType)
}

type quickstart struct {
	client *databricks.Client
	out    io.Writer
}

const (
	dir      = "/Shared/databricks-quickstart"
	file     = dir + "/numbers.csv"
	notebook = dir + "/sum"
	numbers  = "1\n2\n3\n4\n"
	nothing  = "nothing (the in-memory workspace runs no code by default)"
)

func (q *quickstart) say(format string, args ...any) { fmt.Fprintf(q.out, format+"\n", args...) }

func (q *quickstart) run(ctx context.Context, runtime, nodeType string) (err error) {
	c := q.client
	q.say("Workspace: %s", c.Host())

	if runtime == "" {
		if runtime, err = c.Clusters.SelectSparkVersion(ctx, databricks.SelectSparkVersion{}); err != nil {
			return err
		}
	}
	if nodeType == "" {
		if nodeType, err = c.Clusters.SelectNodeType(ctx, databricks.SelectNodeType{}); err != nil {
			return err
		}
	}
	q.say("Creating a cluster of two %s with %s.", nodeType, runtime)
	id, err := c.Clusters.Create(ctx, databricks.CreateCluster{
		ClusterName: "databricks-quickstart", SparkVersion: runtime, NodeTypeID: nodeType,
		NumWorkers: new(1), AutoterminationMinutes: new(20),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.cleanUp(ctx, id)) }()

	q.say("Waiting until cluster %s is running:", id)
	for cluster, err := range c.Clusters.Watch(ctx, id) {
		if err != nil {
			return err
		}
		q.say("  %s %s", cluster.State, cluster.StateMessage)
		if cluster.State != databricks.ClusterPending {
			break
		}
	}
	if _, err := c.Clusters.WaitRunning(ctx, id); err != nil { // if it is not running, the error says why
		return err
	}

	q.say("Uploading %d bytes to /Workspace%s.", len(numbers), file)
	if err := c.Workspace.Mkdirs(ctx, dir); err != nil {
		return err
	}
	if _, err := c.Workspace.Import(ctx, databricks.ImportObject{
		Path: file, Format: databricks.ImportRaw, Content: []byte(numbers), Overwrite: true,
	}); err != nil {
		return err
	}

	q.say("Running a Python command.")
	session, err := v12.NewClient(c).NewSession(ctx, id, v12.Python)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	result, err := session.Run(ctx, "print(sum(range(101)))")
	if err != nil {
		return err
	}
	q.say("  It printed: %s", cmp.Or(strings.TrimSpace(result.Text), nothing))

	q.say("Running a notebook as a job.")
	if _, err := c.Workspace.Import(ctx, databricks.ImportObject{
		Path: notebook, Language: databricks.LanguagePython, Overwrite: true,
		Content: []byte(`dbutils.notebook.exit(str(sum(int(n) for n in open("/Workspace` + file + `"))))`),
	}); err != nil {
		return err
	}
	runID, err := c.Jobs.SubmitRun(ctx, databricks.SubmitRun{
		RunName: "databricks-quickstart", ExistingClusterID: id,
		NotebookTask: &databricks.NotebookTask{NotebookPath: notebook},
	})
	if err != nil {
		return err
	}
	if _, err := c.Jobs.WaitRun(ctx, runID); err != nil { // if the run fails, the error says why
		return err
	}
	output, err := c.Jobs.GetRunOutput(ctx, runID)
	if err != nil {
		return err
	}
	q.say("  It returned: %s", cmp.Or(output.NotebookResult(), nothing))
	return nil
}

// cleanUp deletes what run created, even if run failed or was interrupted.
func (q *quickstart) cleanUp(ctx context.Context, clusterID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	q.say("Deleting the cluster, the file and the notebook.")
	err := q.client.Workspace.Delete(ctx, databricks.DeleteObject{Path: dir, Recursive: true})
	if errors.Is(err, databricks.ErrResourceDoesNotExist) {
		err = nil // run failed before it created the directory
	}
	return errors.Join(err, q.client.Clusters.PermanentDelete(ctx, clusterID))
}

// python returns an executor that runs commands in this machine's Python, if it has one.
func python() databrickstest.Executor {
	if _, err := exec.LookPath("python3"); err == nil {
		return databrickstest.LocalPython()
	}
	return databrickstest.ExecutorFunc(func(databrickstest.Command) databrickstest.CommandResult {
		return databrickstest.CommandResult{Text: "nothing, because this machine has no python3"}
	})
}

// pretendRun returns what the notebook would return.
func pretendRun(databrickstest.RunSpec) databrickstest.RunOutcome {
	sum := 0
	for n := range strings.Lines(numbers) {
		var i int
		_, _ = fmt.Sscan(n, &i)
		sum += i
	}
	return databrickstest.RunOutcome{Output: fmt.Sprint(sum)}
}
