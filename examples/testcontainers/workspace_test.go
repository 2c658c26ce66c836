package testcontainers

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/go-databricks/databricks"
)

func TestStart(t *testing.T) {
	testcontainers.SkipIfProviderIsNotHealthy(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the first run builds the image
	defer cancel()
	workspace, err := Start(ctx, "-fast")
	testcontainers.CleanupContainer(t, workspace.Container)
	require.NoError(t, err)

	client, err := databricks.NewClient(databricks.WithHost(workspace.Host), databricks.WithToken(workspace.Token))
	require.NoError(t, err)
	id, err := client.Clusters.Create(ctx, databricks.ClusterSpec{ClusterName: "test",
		SparkVersion: "13.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})
	require.NoError(t, err)
	cluster, err := client.Clusters.WaitRunning(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, databricks.ClusterRunning, cluster.State)
}
