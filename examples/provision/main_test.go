package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const all = `  make group analysts
  add alice@example.com to group analysts
  make group data
  add analysts to group data
  make secret scope etl
  put secret storage-key into scope etl
  give analysts the permission to READ scope etl
  make folder /Shared/etl
  make folder /Shared/reports
  make cluster shared
  pin cluster shared
  make job nightly
`

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Equal(t, "DATABRICKS_HOST is not set: this is a workspace in memory.\n"+all+"12 steps done.\nAnd once more:\nNothing to do.\n", out.String())
}

func start(t *testing.T, opts ...databrickstest.Option) *databrickstest.Server {
	quick := databrickstest.Timings{ClusterStart: -1, ClusterRestart: -1}
	server := databrickstest.NewServer(append(opts, databrickstest.WithTimings(quick), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))...)
	t.Cleanup(server.Close)
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	t.Setenv("ETL_STORAGE_KEY", "hush")
	return server
}

// provisioned runs with a file, in which old texts are replaced by new ones.
func provisioned(t *testing.T, args []string, oldnew ...string) (string, error) {
	name := filepath.Join(t.TempDir(), "environment.json")
	require.NoError(t, os.WriteFile(name, []byte(strings.NewReplacer(oldnew...).Replace(string(sample))), 0o600))
	var out bytes.Buffer
	err := run(t.Context(), append(args, name), &out)
	assert.NotContains(t, out.String(), "hush")
	return out.String(), err
}

func writes(server *databrickstest.Server) (paths []string) {
	for _, r := range server.Requests() {
		if r.Method != "GET" {
			paths = append(paths, r.Path)
		}
	}
	server.ForgetRequests()
	return paths
}

func TestRun_onlyWhatDiffers(t *testing.T) {
	server := start(t)
	client := server.Client()
	out, err := provisioned(t, []string{"-dry-run"})
	require.NoError(t, err)
	assert.Equal(t, all+"12 steps to do; this was a dry run.\n", out)
	assert.Empty(t, writes(server))

	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, all+"12 steps done.\n", out)
	assert.Len(t, writes(server), 12)
	secret, err := client.Secrets.Get(t.Context(), "etl", "storage-key")
	require.NoError(t, err)
	assert.Equal(t, "hush", string(secret))
	clusters, err := client.Clusters.List(t.Context(), databricks.ListClusters{})
	require.NoError(t, err)
	require.Len(t, clusters, 1)
	jobs, err := client.Jobs.List(t.Context(), databricks.ListJobs{})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	assert.Equal(t, clusters[0].ClusterID, jobs[0].Settings.ExistingClusterID)

	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)
	assert.Empty(t, writes(server))

	// Somebody changes one of each.
	require.NoError(t, client.Groups.RemoveMember(t.Context(), "data", databricks.GroupMember{GroupName: "analysts"}))
	require.NoError(t, client.Secrets.PutACL(t.Context(), databricks.PutACL{Scope: "etl", Principal: "analysts", Permission: databricks.ACLWrite}))
	require.NoError(t, client.Workspace.Delete(t.Context(), databricks.DeleteObject{Path: "/Shared/reports"}))
	t.Setenv("ETL_STORAGE_KEY", "hush hush")
	server.ForgetRequests()
	changes := []string{`"64"`, `"8"`, `"max_workers": 4`, `"max_workers": 6`, `"max_retries": 2`, `"max_retries": 3`}
	out, err = provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Equal(t, `  add analysts to group data
  put secret storage-key into scope etl
  give analysts the permission to READ scope etl
  make folder /Shared/reports
  change cluster shared, which is RUNNING: autoscale, spark_conf
  change job nightly: max_retries
6 steps done.
`, out)
	assert.Len(t, writes(server), 6)
	out, err = provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)
}

// A run that fails half way says where, and the next one goes on from there.
func TestRun_goesOn(t *testing.T) {
	server := start(t)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/create", Status: 403})
	out, err := provisioned(t, nil)
	assert.ErrorContains(t, err, "make cluster shared: ")
	assert.ErrorContains(t, err, "9 of 12 steps are done")
	assert.NotContains(t, out, "steps done")
	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, "  make cluster shared\n  pin cluster shared\n  make job nightly\n3 steps done.\n", out)
}

// Permissions of a job can be given when it is made, but not be read.
func TestRun_permissionsOfJobs(t *testing.T) {
	start(t)
	for _, want := range []string{all + "12 steps done.\n", "Nothing to do.\n"} {
		out, err := provisioned(t, nil, `"max_retries": 2`, `"access_control_list": [{"group_name": "data", "permission_level": "CAN_VIEW"}]`)
		require.NoError(t, err)
		assert.Equal(t, want, out)
	}
}

// Where nobody may read secrets, there is no telling whether they differ.
func TestRun_secretsCannotBeRead(t *testing.T) {
	start(t, databrickstest.WithSecretsInNotebooksOnly())
	for _, want := range []string{all + "12 steps done.\n", "  put secret storage-key into scope etl\n1 steps done.\n"} {
		out, err := provisioned(t, nil)
		require.NoError(t, err)
		assert.Equal(t, want, out)
	}
}

func TestRun_fails(t *testing.T) {
	server := start(t)
	_, err := provisioned(t, nil, "max_retries", "retries")
	assert.ErrorContains(t, err, `unknown field "retries"`)
	_, err = provisioned(t, nil, "ETL_STORAGE_KEY", "ETL_KEY")
	assert.ErrorContains(t, err, "$ETL_KEY is not set")
	assert.ErrorContains(t, run(t.Context(), nil, new(bytes.Buffer)), "say which file")
	assert.ErrorContains(t, run(t.Context(), []string{"missing.json"}, new(bytes.Buffer)), "missing.json")
	assert.Empty(t, writes(server))

	spec := databricks.ClusterSpec{ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}
	for range 2 {
		_, err := server.Client().Clusters.Create(t.Context(), spec)
		require.NoError(t, err)
	}
	_, err = provisioned(t, nil)
	assert.ErrorContains(t, err, "there are 2 clusters called shared")
}

func TestDiffering(t *testing.T) {
	now := databricks.JobSettings{Name: "a", MaxRetries: new(2), Tasks: []databricks.Task{{TaskKey: "x", MaxRetries: new(1)}}, Tags: map[string]string{"a": "1", "b": "2"}}
	for _, want := range []databricks.JobSettings{
		{}, {Name: "a"}, {TimeoutSeconds: new(0)}, {Tags: map[string]string{"a": "1"}}, {Tasks: []databricks.Task{{TaskKey: "x"}}},
	} {
		assert.Empty(t, differing(want, now))
	}
	for name, want := range map[string]databricks.JobSettings{
		"max_retries, name": {Name: "b", MaxRetries: new(0)},
		"schedule":          {Schedule: &databricks.CronSchedule{TimezoneID: "UTC"}},
		"tags":              {Tags: map[string]string{"c": "3"}},
		"tasks":             {Tasks: []databricks.Task{{TaskKey: "x"}, {TaskKey: "y"}}},
	} {
		assert.Equal(t, name, differing(want, now))
	}
}
