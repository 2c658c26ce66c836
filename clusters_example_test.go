package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleClustersService() {
	workspace := databrickstest.NewServer() // an in-memory workspace
	defer workspace.Close()
	client := workspace.Client() // for a real workspace: databricks.NewClient
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{
		ClusterName:            "nightly",
		SparkVersion:           "15.4.x-scala2.12",
		NodeTypeID:             "Standard_DS3_v2",
		Autoscale:              &databricks.AutoScale{MinWorkers: new(1), MaxWorkers: 4},
		AutoterminationMinutes: new(30),
	})
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := client.Clusters.WaitRunning(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.ClusterName, "is", cluster.State)

	if err := client.Clusters.Delete(ctx, id); err != nil {
		log.Fatal(err)
	}
	cluster, err = client.Clusters.WaitTerminated(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.ClusterName, "is", cluster.State)
	// Output:
	// nightly is RUNNING
	// nightly is TERMINATED
}

// The error contains the reason why a cluster failed.
func ExampleClustersService_EnsureRunning() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	workspace.FailNextCluster(databrickstest.ClusterFailure{
		Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE", Message: "The cloud has no such machines left.",
	})
	id, err := client.Clusters.Create(ctx, aCluster)
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Clusters.EnsureRunning(ctx, id)
	if failure, ok := errors.AsType[*databricks.ClusterError](err); ok {
		fmt.Println(failure.Code)
		fmt.Println(failure.Cluster.StateMessage)
		if failure.Type == databricks.TerminationCloudFailure {
			fmt.Println("Try again later.")
		}
	}
	// Output:
	// CLOUD_PROVIDER_LAUNCH_FAILURE
	// The cloud has no such machines left.
	// Try again later.
}

// Watch the state of a cluster and stop early.
func ExampleClustersService_Watch() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	id, err := client.Clusters.Create(ctx, aCluster)
	if err != nil {
		log.Fatal(err)
	}

	for cluster, err := range client.Clusters.Watch(ctx, id) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(cluster.State, cluster.StateMessage)
		if cluster.State == databricks.ClusterRunning {
			break
		}
	}
	// Output:
	// PENDING Finding instances for new nodes, acquiring more instances if necessary
	// RUNNING
}

// Modify changes some attributes and keeps the others.
func ExampleClustersService_Modify() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	id, err := client.Clusters.Create(ctx, aCluster)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Clusters.WaitRunning(ctx, id); err != nil {
		log.Fatal(err)
	}

	err = client.Clusters.Modify(ctx, id, func(spec *databricks.ClusterSpec) {
		spec.CustomTags = map[string]string{"team": "data"}
	})
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := client.Clusters.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.State, cluster.ClusterName, cluster.CustomTags)
	// Output:
	// RESTARTING nightly map[team:data]
}
