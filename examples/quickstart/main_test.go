package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Regexp(t, `(?s)in-memory workspace.*PENDING.*RUNNING.*It returned: 10.*Deleting`, out.String())
}

// The environment selects another server.
func TestRun_byEnvironment(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(pretendRun), databrickstest.WithExecutor(python()))
	defer server.Close()
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Contains(t, out.String(), server.URL())
	assert.Contains(t, out.String(), "It returned: 10")

	t.Setenv("DATABRICKS_TOKEN", "dapi-of-nobody")
	assert.ErrorContains(t, run(t.Context(), nil, &out), "403")
}

// If the program fails, it leaves no cluster.
func TestRun_cleansUpAfterFailure(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithFaults(databrickstest.Fault{Path: "/api/2.0/jobs/runs/submit", Status: 403}))
	defer server.Close()
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	var out bytes.Buffer
	assert.ErrorContains(t, run(t.Context(), nil, &out), "runs/submit")
	clusters, err := server.Client().Clusters.List(t.Context(), databricks.ListClusters{})
	require.NoError(t, err)
	assert.Empty(t, clusters)
}
