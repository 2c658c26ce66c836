// Command ours lists clusters with this library, in as little code as possible.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
)

func main() {
	client, err := databricks.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	clusters, err := client.Clusters.List(context.Background(), databricks.ListClusters{})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range clusters {
		fmt.Println(c.ClusterID, c.ClusterName, c.State)
	}
}
