// Create-cluster creates a cluster and prints its ID, so that a script can use it. It
// prints its progress to standard error.
//
//	id=$(create-cluster -name demo -runtime 15.4.x-scala2.12 -node Standard_D3_v2 -autoscale 2:50 \
//		-conf spark.speculation=true -env PYSPARK_PYTHON=/databricks/python3/bin/python3 -wait)
//
// Without DATABRICKS_HOST, it uses an in-memory workspace. With DATABRICKS_HOST and
// DATABRICKS_TOKEN, it uses that workspace:
//
//	go run ./examples/create-cluster -wait
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "create-cluster:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	spec := databricks.CreateCluster{
		NumWorkers:   new(1),
		SparkConf:    databricks.SparkConf{},
		SparkEnvVars: databricks.SparkEnvVars{},
		CustomTags:   map[string]string{},
	}
	flags := flag.NewFlagSet("create-cluster", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&spec.ClusterName, "name", "demo", "`name` of the cluster")
	flags.StringVar(&spec.SparkVersion, "runtime", "15.4.x-scala2.12", "`key` of the runtime")
	flags.StringVar(&spec.NodeTypeID, "node", "Standard_DS3_v2", "`type` of the nodes")
	flags.StringVar(&spec.DriverNodeTypeID, "driver", "", "`type` of the driver's node; by default that of the workers")
	flags.IntVar(spec.NumWorkers, "workers", 1, "`number` of workers")
	flags.Func("autoscale", "`range` of the number of workers, such as 2:50, instead of -workers", func(s string) error {
		spec.Autoscale = &databricks.AutoScale{MinWorkers: new(0)}
		_, err := fmt.Sscanf(s, "%d:%d", spec.Autoscale.MinWorkers, &spec.Autoscale.MaxWorkers)
		return err
	})
	flags.Func("conf", "`property=value` of Spark; may be repeated", into(spec.SparkConf))
	flags.Func("env", "`variable=value` on all nodes; may be repeated", into(spec.SparkEnvVars))
	flags.Func("tag", "`name=value` on the cloud's machines; may be repeated", into(spec.CustomTags))
	idle := flags.Int("idle", 120, "`minutes` without work until it terminates; 0 for never")
	wait := flags.Bool("wait", false, "wait until it is running")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", flags.Args())
	}
	spec.AutoterminationMinutes = idle
	if spec.Autoscale != nil {
		spec.NumWorkers = nil
	}

	client, done, err := workspace(progress)
	if err != nil {
		return err
	}
	defer done()
	id, err := client.Clusters.Create(ctx, spec)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, id) // immediately, because the cluster exists even if the wait fails
	if !*wait {
		return nil
	}
	for cluster, err := range client.Clusters.Watch(ctx, id) {
		if err != nil {
			return err
		}
		fmt.Fprintln(progress, cluster.State, cluster.StateMessage)
		if cluster.State != databricks.ClusterPending {
			break
		}
	}
	_, err = client.Clusters.WaitRunning(ctx, id) // if it is not running, the error says why
	return err
}

// into returns a function that adds a flag's value to a map.
func into(m map[string]string) func(string) error {
	return func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return errors.New("want name=value")
		}
		m[name] = value
		return nil
	}
}

// workspace returns a client, and a function to call at the end.
func workspace(progress io.Writer) (*databricks.Client, func(), error) {
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(progress, "DATABRICKS_HOST is not set, so this uses an in-memory workspace")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		return server.Client(), server.Close, nil
	}
	client, err := databricks.NewClient(databricks.WithUserAgent("create-cluster", "1"))
	return client, func() {}, err
}
