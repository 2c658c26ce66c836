package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Regexp(t, `^DATABRICKS_HOST is not set, so this uses an in-memory workspace
uploaded sparkpi.jar \(\d+ bytes\)
attached
Pi is roughly 3.1418
$`, out.String())
	assert.ErrorContains(t, run(t.Context(), []string{"-code", "1 + 1"}, &out), "this workspace only has SparkPi")
}

// The program leaves nothing in the workspace, whether it succeeds or fails.
func TestRun_onWorkspace(t *testing.T) {
	quick := databrickstest.Timings{ClusterStart: -1, LibraryInstall: -1, ContextStart: -1, Command: -1}
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithTimings(quick), databrickstest.WithExecutor(databrickstest.ExecutorFunc(func(c databrickstest.Command) databrickstest.CommandResult {
		if c.Code == "fail" {
			return databrickstest.CommandResult{Cause: "java.lang.RuntimeException: boom"}
		}
		return databrickstest.CommandResult{Columns: []databrickstest.TableColumn{{Name: "code", Type: "string"}}, Rows: [][]any{{c.Code}, {nil}}}
	})))
	defer server.Close()
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	workspace := server.Client()
	client := v12.NewClient(workspace)
	cluster, err := client.Clusters.Create(t.Context(), v12.CreateCluster{Name: "etl"})
	require.NoError(t, err)
	_, err = workspace.Clusters.WaitRunning(t.Context(), cluster)
	require.NoError(t, err)
	jar, broken := filepath.Join(t.TempDir(), "etl.jar"), filepath.Join(t.TempDir(), "broken.jar")
	require.NoError(t, os.WriteFile(jar, sampleJAR(), 0o600))
	require.NoError(t, os.WriteFile(broken, []byte("not a JAR"), 0o600))

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-cluster", cluster, "-jar", jar, "-code", "com.example.ETL.run()"}, &out))
	assert.Contains(t, out.String(), "code\t\ncom.example.ETL.run()\t\n<nil>\t\n")
	for want, args := range map[string][]string{
		"RuntimeException: boom":   {"-cluster", cluster, "-jar", jar, "-code", "fail"},
		"is Error: java.util.zip":  {"-cluster", cluster, "-jar", broken},
		"Unknown cluster id none":  {"-cluster", "none", "-jar", jar},
		"no such file":             {"-cluster", cluster, "-jar", jar + "x"},
		"are required":             {"-cluster", cluster},
		"flag provided but not de": {"-what"},
	} {
		assert.ErrorContains(t, run(t.Context(), args, &out), want)
	}
	libraries, err := client.Libraries.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, libraries)
	assert.Empty(t, server.ExecutionContexts())
}
