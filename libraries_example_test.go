package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleLibrariesService() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	clusterID, err := client.Clusters.Create(ctx, aCluster)
	if err != nil {
		log.Fatal(err)
	}

	// If the cluster is not running, the libraries are installed when it starts.
	err = client.Libraries.Install(ctx, clusterID, []databricks.Library{
		{PyPI: &databricks.PyPILibrary{Package: "simplejson==3.8.0"}},
		{JAR: "dbfs:/FileStore/jars/etl.jar"},
	})
	if err != nil {
		log.Fatal(err)
	}
	there, err := client.Libraries.ClusterStatus(ctx, clusterID)
	if err != nil {
		log.Fatal(err)
	}
	for _, status := range there.LibraryStatuses {
		fmt.Println(status.Library, status.Status)
	}
	// Unordered output:
	// pypi simplejson==3.8.0 PENDING
	// jar dbfs:/FileStore/jars/etl.jar PENDING
}

// Each library that could not be installed has its own error.
func ExampleLibrariesService_WaitInstalled() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	workspace.FailLibrary("dbfs:/FileStore/jars/etl.jar", "the file is not there")
	client, ctx := workspace.Client(), context.Background()
	clusterID, err := client.Clusters.Create(ctx, aCluster)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Clusters.WaitRunning(ctx, clusterID); err != nil {
		log.Fatal(err)
	}

	libraries := []databricks.Library{
		{PyPI: &databricks.PyPILibrary{Package: "simplejson==3.8.0"}},
		{JAR: "dbfs:/FileStore/jars/etl.jar"},
	}
	if err := client.Libraries.Install(ctx, clusterID, libraries); err != nil {
		log.Fatal(err)
	}
	err = client.Libraries.WaitInstalled(ctx, clusterID, libraries)
	if failure, ok := errors.AsType[*databricks.LibraryError](err); ok {
		fmt.Println(failure.Library, failure.Status, failure.Messages)
	}
	// Output: jar dbfs:/FileStore/jars/etl.jar FAILED [the file is not there]
}
