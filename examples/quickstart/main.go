// Quickstart makes a cluster, waits for it, uploads a file, runs a command and
// a job on it, and takes everything away again, saying what it does.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, and needs no
// account; with DATABRICKS_HOST and DATABRICKS_TOKEN set, on that workspace:
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
	"slices"
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
	runtime := flags.String("runtime", "", "Spark version of the cluster; the newest with long-term support if empty")
	nodeType := flags.String("node", "", "node type of the cluster; the smallest if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	q := quickstart{out: out}
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
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
	nothing  = "nothing (a workspace in memory runs code only if it is told to)"
)

func (q *quickstart) say(format string, args ...any) { fmt.Fprintf(q.out, format+"\n", args...) }

func (q *quickstart) run(ctx context.Context, runtime, nodeType string) (err error) {
	c := q.client
	q.say("Workspace: %s", c.Host())

	if runtime == "" {
		if runtime, err = newestRuntime(ctx, c); err != nil {
			return err
		}
	}
	if nodeType == "" {
		if nodeType, err = smallestNodeType(ctx, c); err != nil {
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

	q.say("Waiting until cluster %s runs:", id)
	for cluster, err := range c.Clusters.Watch(ctx, id) {
		if err != nil {
			return err
		}
		q.say("  %s %s", cluster.State, cluster.StateMessage)
		if cluster.State != databricks.ClusterPending {
			break
		}
	}
	if _, err := c.Clusters.WaitRunning(ctx, id); err != nil { // tells why, if it does not run
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
	if _, err := c.Jobs.WaitRun(ctx, runID); err != nil { // a run that fails is an error
		return err
	}
	output, err := c.Jobs.GetRunOutput(ctx, runID)
	if err != nil {
		return err
	}
	q.say("  It returned: %s", cmp.Or(output.NotebookResult(), nothing))
	return nil
}

// cleanUp takes away what run made, also after it failed or was interrupted.
func (q *quickstart) cleanUp(ctx context.Context, clusterID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	q.say("Taking away the cluster, the file and the notebook.")
	err := q.client.Workspace.Delete(ctx, databricks.DeleteObject{Path: dir, Recursive: true})
	if errors.Is(err, databricks.ErrResourceDoesNotExist) {
		err = nil // it did not come to that
	}
	return errors.Join(err, q.client.Clusters.PermanentDelete(ctx, clusterID))
}

// newestRuntime picks the newest plain runtime with long-term support.
func newestRuntime(ctx context.Context, c *databricks.Client) (string, error) {
	versions, err := c.Clusters.SparkVersions(ctx)
	if err != nil {
		return "", err
	}
	number := func(v databricks.SparkVersion) (major, minor int) {
		_, _ = fmt.Sscanf(v.Key, "%d.%d.", &major, &minor) // 0 if it has another form
		return major, minor
	}
	versions = slices.DeleteFunc(versions, func(v databricks.SparkVersion) bool {
		major, _ := number(v)
		return major == 0 || strings.Count(v.Key, "-") != 1 || !strings.Contains(v.Name, "LTS")
	})
	if len(versions) == 0 {
		return "", errors.New("the workspace offers no runtime with long-term support; say which with -runtime")
	}
	return slices.MaxFunc(versions, func(a, b databricks.SparkVersion) int {
		aMajor, aMinor := number(a)
		bMajor, bMinor := number(b)
		return cmp.Or(cmp.Compare(aMajor, bMajor), cmp.Compare(aMinor, bMinor))
	}).Key, nil
}

// smallestNodeType picks the machine with the fewest cores and least memory.
func smallestNodeType(ctx context.Context, c *databricks.Client) (string, error) {
	types, err := c.Clusters.ListNodeTypes(ctx)
	if err != nil {
		return "", err
	}
	types = slices.DeleteFunc(types, func(n databricks.NodeType) bool {
		return n.IsDeprecated || n.IsHidden || n.NodeInfo != nil && len(n.NodeInfo.Status) > 0
	})
	if len(types) == 0 {
		return "", errors.New("the workspace offers no node type; say which with -node")
	}
	return slices.MinFunc(types, func(a, b databricks.NodeType) int {
		return cmp.Or(cmp.Compare(a.NumCores, b.NumCores), cmp.Compare(a.MemoryMB, b.MemoryMB))
	}).NodeTypeID, nil
}

// python runs commands with the Python of this machine, if it has one.
func python() databrickstest.Executor {
	if _, err := exec.LookPath("python3"); err == nil {
		return databrickstest.LocalPython()
	}
	return databrickstest.ExecutorFunc(func(databrickstest.Command) databrickstest.CommandResult {
		return databrickstest.CommandResult{Text: "nothing, for there is no python3 here to run it"}
	})
}

// pretendRun is what the workspace in memory does for the notebook.
func pretendRun(databrickstest.RunSpec) databrickstest.RunOutcome {
	sum := 0
	for n := range strings.Lines(numbers) {
		var i int
		_, _ = fmt.Sscan(n, &i)
		sum += i
	}
	return databrickstest.RunOutcome{Output: fmt.Sprint(sum)}
}
