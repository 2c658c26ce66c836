package databricks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Create a pool, and a cluster that uses its instances.
func ExamplePoolsService_Create() {
	server := databrickstest.NewServer(databrickstest.WithTimings(databrickstest.Timings{ClusterStart: -1}))
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	pool, err := client.Pools.Create(ctx, databricks.CreatePool{InstancePoolName: "standard", NodeTypeID: "Standard_DS3_v2", MinIdleInstances: new(1), MaxCapacity: 5})
	if err != nil {
		log.Fatal(err)
	}
	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{SparkVersion: "15.4.x-scala2.12", InstancePoolID: pool, NumWorkers: new(2)})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Clusters.WaitRunning(ctx, id); err != nil {
		log.Fatal(err)
	}
	described, err := client.Pools.Get(ctx, pool)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(described.Stats.UsedCount, "used,", described.Stats.IdleCount, "idle")
	// Output: 3 used, 1 idle
}
