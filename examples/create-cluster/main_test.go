package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-wait"}, &out, &progress))
	assert.Regexp(t, `^\d{4}-\d{6}-\w+\n$`, out.String())
	assert.Regexp(t, `^DATABRICKS_HOST is not set, .*\nPENDING.*\nRUNNING.*\n$`, progress.String())
}

// start starts a workspace and sets the environment for it.
func start(t *testing.T, opts ...databrickstest.Option) *databrickstest.Server {
	server := databrickstest.NewServer(append(opts, databrickstest.WithoutDBFSRoot())...)
	t.Cleanup(server.Close)
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	return server
}

// The cluster is that of the sample in the vendor's article on the REST API.
func TestRun_allFlags(t *testing.T) {
	server := start(t)
	var out, progress bytes.Buffer
	require.NoError(t, run(t.Context(), []string{
		"-name", "demo", "-runtime", "15.4.x-scala2.12", "-node", "Standard_D3_v2", "-driver", "Standard_DS3_v2", "-autoscale", "2:50",
		"-conf", "spark.speculation=true", "-conf", "spark.sql.shuffle.partitions=8", "-env", "PYSPARK_PYTHON=/databricks/python3/bin/python3", "-tag", "team=etl", "-idle", "30",
	}, &out, &progress))
	cluster, err := server.Client().Clusters.Get(t.Context(), strings.TrimSpace(out.String()))
	require.NoError(t, err)
	assert.Equal(t, &databricks.ClusterSpec{
		ClusterName: "demo", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_D3_v2", DriverNodeTypeID: "Standard_DS3_v2",
		Autoscale:              &databricks.AutoScale{MinWorkers: new(2), MaxWorkers: 50},
		SparkConf:              databricks.SparkConf{"spark.speculation": "true", "spark.sql.shuffle.partitions": "8"},
		SparkEnvVars:           databricks.SparkEnvVars{"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
		CustomTags:             map[string]string{"team": "etl"},
		AutoterminationMinutes: new(30),
	}, cluster.Spec)
	assert.Empty(t, progress.String())
}

// If a cluster does not start, the program prints its ID and the reason.
func TestRun_clusterFails(t *testing.T) {
	server := start(t)
	server.FailNextCluster(databrickstest.ClusterFailure{Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE", Message: "no more of these"})
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{"-wait"}, &out, &progress)
	require.ErrorContains(t, err, "CLOUD_PROVIDER_LAUNCH_FAILURE")
	assert.NotContains(t, err.Error(), "\n")
	assert.Contains(t, err.Error(), strings.TrimSpace(out.String()))
}

func TestRun_fails(t *testing.T) {
	start(t)
	for want, args := range map[string]string{
		"want name=value":           "-conf spark.speculation",
		"flag -autoscale":           "-autoscale 2",
		"unexpected arguments":      "demo",
		"autotermination_minutes":   "-idle 5",
		"flag provided but not def": "-size 3",
	} {
		var out, progress bytes.Buffer
		assert.ErrorContains(t, run(t.Context(), strings.Fields(args), &out, &progress), want, args)
		assert.Empty(t, out.String(), args)
	}
}
