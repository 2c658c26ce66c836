package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
)

const all = `  + service principal etl
  + group analysts
  + member alice@example.com of group analysts
  + member etl of group analysts
  + group data
  + member analysts of group data
  + secret scope etl
  + secret storage-key in scope etl
  + READ on secret scope etl for analysts
  + directory /Shared/etl
  + directory /Shared/reports
  + pool standard
  + policy small
  + cluster shared
  + pin of cluster shared
  + job nightly
  + CAN_EDIT on directory /Shared/etl for analysts
  + CAN_ATTACH_TO on pool standard for analysts
  + CAN_USE on policy small for analysts
  + CAN_RESTART on cluster shared for analysts
  + CAN_MANAGE_RUN on job nightly for etl
`

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Equal(t, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.\n"+all+"21 steps done.\nSecond run:\nNothing to do.\n", out.String())
}

func start(t *testing.T, opts ...databrickstest.Option) *databrickstest.Server {
	quick := databrickstest.Timings{ClusterStart: -1, ClusterRestart: -1}
	server := databrickstest.NewServer(append(opts, databrickstest.WithoutDBFSRoot(), databrickstest.WithTimings(quick), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))...)
	t.Cleanup(server.Close)
	t.Setenv("DATABRICKS_HOST", server.URL())
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	t.Setenv("ETL_STORAGE_KEY", "hush")
	return server
}

// provisioned runs the program with the sample file, after replacing texts in it.
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
	assert.Equal(t, all+"21 steps to do; this was a dry run.\n", out)
	assert.Empty(t, writes(server))

	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, all+"21 steps done.\n", out)
	assert.Len(t, writes(server), 21)
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
	pools, err := client.Pools.List(t.Context())
	require.NoError(t, err)
	policies, err := client.Policies.List(t.Context(), databricks.ListPolicies{})
	require.NoError(t, err)
	assert.Equal(t, []string{policies[0].PolicyID, pools[0].InstancePoolID}, []string{clusters[0].PolicyID, clusters[0].InstancePoolID})
	assert.Contains(t, policies[0].Definition, pools[0].InstancePoolID)

	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)
	assert.Empty(t, writes(server))

	// Change one object of each kind.
	require.NoError(t, client.Groups.RemoveMember(t.Context(), "data", databricks.GroupMember{GroupName: "analysts"}))
	require.NoError(t, client.Secrets.PutACL(t.Context(), databricks.PutACL{Scope: "etl", Principal: "analysts", Permission: databricks.ACLWrite}))
	require.NoError(t, client.Workspace.Delete(t.Context(), databricks.DeleteObject{Path: "/Shared/reports"}))
	_, err = client.Permissions.Set(t.Context(), databricks.SetPermissions{Object: databricks.PermissionsOnClusters, ID: clusters[0].ClusterID})
	require.NoError(t, err)
	t.Setenv("ETL_STORAGE_KEY", "hush hush")
	server.ForgetRequests()
	changes := []string{`"maxValue": 120`, `"maxValue": 90`, `"max_capacity": 10`, `"max_capacity": 12`, `"64"`, `"8"`, `"max_workers": 4`, `"max_workers": 6`, `"max_retries": 2`, `"max_retries": 3`}
	out, err = provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Equal(t, `  + member analysts of group data
  ~ secret storage-key in scope etl
  ~ WRITE → READ on secret scope etl for analysts
  + directory /Shared/reports
  ~ pool standard
      max_capacity: 10 → 12
  ~ policy small
      autotermination_minutes: {"maxValue":120,"minValue":10,"type":"range"} → {"maxValue":90,"minValue":10,"type":"range"}
  ~ cluster shared, which is RUNNING
      autoscale: {"max_workers":4,"min_workers":1} → {"max_workers":6,"min_workers":1}
      spark_conf: {"spark.sql.shuffle.partitions":"64"} → {"spark.sql.shuffle.partitions":"8"}
  ~ job nightly
      max_retries: 2 → 3
  + CAN_RESTART on cluster shared for analysts
9 steps done.
`, out)
	assert.Len(t, writes(server), 9)
	out, err = provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)
}

// If a step fails, the error names it. The next run continues from there.
func TestRun_continues(t *testing.T) {
	server := start(t)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/create", Status: 403})
	out, err := provisioned(t, nil)
	assert.ErrorContains(t, err, "+ cluster shared: ")
	assert.ErrorContains(t, err, "13 of 21 steps are done")
	assert.NotContains(t, out, "steps done")
	out, err = provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, all[strings.Index(all, "  + cluster"):]+"8 steps done.\n", out)
}

// runOn runs the program with the sample file on a server with any clock.
func runOn(t *testing.T, server *databrickstest.Server, dryRun bool) string {
	t.Helper()
	var out bytes.Buffer
	p := provision{client: server.Client(), out: &out, secret: func(string) (string, bool) { return "hush", true }}
	require.NoError(t, json.Unmarshal(sample, &p.environment))
	require.NoError(t, p.run(t.Context(), dryRun))
	return out.String()
}

// A run waits until its new identities are listed, so that the next run does not create
// them again.
func TestRun_lists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithListLag(time.Minute), databrickstest.WithoutDBFSRoot(), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
		defer server.Close()
		assert.Equal(t, all+"21 steps done.\n", runOn(t, server, false))
		assert.Equal(t, "Nothing to do.\n", runOn(t, server, false))
	})
}

// The program creates deleted objects again, and updates the references to them.
func TestRun_deleted(t *testing.T) {
	for name, row := range map[string]struct {
		remove func(ctx context.Context, c *databricks.Client) error
		want   []string
	}{
		"service principal": {func(ctx context.Context, c *databricks.Client) error {
			ids := scim.NewClient(c)
			list, err := ids.ServicePrincipals.List(ctx, scim.ListOptions{Filter: scim.Equal("displayName", "etl")})
			return errors.Join(err, ids.ServicePrincipals.Delete(ctx, list[0].ID))
		}, []string{"+ service principal etl", "+ member etl of group analysts", "+ CAN_MANAGE_RUN on job nightly for etl"}},
		"group": {func(ctx context.Context, c *databricks.Client) error {
			return c.Groups.Delete(ctx, "analysts")
		}, []string{"+ group analysts", "+ member alice@example.com of group analysts", "+ member etl of group analysts", "+ member analysts of group data",
			"+ READ on secret scope etl for analysts", "+ CAN_EDIT on directory /Shared/etl for analysts", "+ CAN_ATTACH_TO on pool standard for analysts",
			"+ CAN_USE on policy small for analysts", "+ CAN_RESTART on cluster shared for analysts"}},
		"scope": {func(ctx context.Context, c *databricks.Client) error {
			return c.Secrets.DeleteScope(ctx, "etl")
		}, []string{"+ secret scope etl", "+ secret storage-key in scope etl", "+ READ on secret scope etl for analysts"}},
		"directory": {func(ctx context.Context, c *databricks.Client) error {
			return c.Workspace.Delete(ctx, databricks.DeleteObject{Path: "/Shared/etl", Recursive: true})
		}, []string{"+ directory /Shared/etl", "+ CAN_EDIT on directory /Shared/etl for analysts"}},
		"pool": {func(ctx context.Context, c *databricks.Client) error {
			pools, err := c.Pools.List(ctx)
			return errors.Join(err, c.Pools.Delete(ctx, pools[0].InstancePoolID))
		}, []string{"+ pool standard", "~ policy small", "~ cluster shared, which is RUNNING", "+ CAN_ATTACH_TO on pool standard for analysts"}},
		"policy": {func(ctx context.Context, c *databricks.Client) error {
			policies, err := c.Policies.List(ctx, databricks.ListPolicies{})
			return errors.Join(err, c.Policies.Delete(ctx, policies[0].PolicyID))
		}, []string{"+ policy small", "~ cluster shared, which is RUNNING", "+ CAN_USE on policy small for analysts"}},
		"cluster": {func(ctx context.Context, c *databricks.Client) error {
			clusters, err := c.Clusters.List(ctx, databricks.ListClusters{})
			return errors.Join(err, c.Clusters.Unpin(ctx, clusters[0].ClusterID), c.Clusters.PermanentDelete(ctx, clusters[0].ClusterID))
		}, []string{"+ cluster shared", "+ pin of cluster shared", "~ job nightly", "+ CAN_RESTART on cluster shared for analysts"}},
		"job": {func(ctx context.Context, c *databricks.Client) error {
			jobs, err := c.Jobs.List(ctx, databricks.ListJobs{})
			return errors.Join(err, c.Jobs.Delete(ctx, jobs[0].JobID))
		}, []string{"+ job nightly", "+ CAN_MANAGE_RUN on job nightly for etl"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
				defer server.Close()
				client := server.Client()
				runOn(t, server, false)
				time.Sleep(30 * time.Minute) // the cluster starts
				require.NoError(t, row.remove(t.Context(), client))
				var steps []string
				for line := range strings.Lines(runOn(t, server, false)) {
					if line := strings.TrimSpace(line); strings.HasPrefix(line, "+") || strings.HasPrefix(line, "~") {
						steps = append(steps, line)
					}
				}
				assert.Equal(t, row.want, steps)
				assert.Equal(t, "Nothing to do.\n", runOn(t, server, false))
			})
		})
	}
}

// After a lost response or a failure at any step, the next runs complete the environment
// and create nothing twice.
func TestRun_interrupted(t *testing.T) {
	write := func(r *http.Request) bool { return r.Method != http.MethodGet }
	for _, fault := range []databrickstest.Fault{{Status: 502, WorkDone: true}, {Reset: true}, {Status: 403}} {
		for at := range 21 {
			synctest.Test(t, func(t *testing.T) {
				server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
				defer server.Close()
				fault.Match, fault.Skip = write, at
				server.Inject(fault)
				p := provision{client: server.Client(), out: io.Discard, secret: func(string) (string, bool) { return "hush", true }}
				require.NoError(t, json.Unmarshal(sample, &p.environment))
				first := p.run(t.Context(), false)
				if fault.Status == 403 {
					require.ErrorContains(t, first, fmt.Sprintf("%d of 21 steps are done", at))
				}
				runOn(t, server, false) // fails if two objects have the same name
				assert.Equal(t, "Nothing to do.\n", runOn(t, server, false), "write %d, %+v, the first run: %v", at, fault, first)
				client, ctx := server.Client(), t.Context()
				pools, err := client.Pools.List(ctx)
				require.NoError(t, err)
				policies, err := client.Policies.List(ctx, databricks.ListPolicies{})
				require.NoError(t, err)
				assert.Equal(t, []int{1, 1}, []int{len(pools), len(policies)})
			})
		}
	}
}

// The program keeps what somebody else added, unless the plan removes it.
func TestRun_keeps(t *testing.T) {
	server := start(t)
	client, ctx := server.Client(), t.Context()
	_, err := provisioned(t, nil)
	require.NoError(t, err)
	ids := scim.NewClient(client)
	bob, err := ids.Users.Create(ctx, scim.User{UserName: "bob@example.com"})
	require.NoError(t, err)
	group, err := ids.Groups.Find(ctx, "analysts")
	require.NoError(t, err)
	require.NoError(t, ids.Groups.Patch(ctx, group.ID, scim.AddMembers(bob.ID)))
	pools, err := client.Pools.List(ctx)
	require.NoError(t, err)
	pool := pools[0].InstancePoolID
	require.NoError(t, client.Pools.Edit(ctx, databricks.EditPool{InstancePoolID: pool, InstancePoolName: "standard", NodeTypeID: "Standard_DS3_v2",
		MinIdleInstances: new(1), MaxCapacity: 10, CustomTags: map[string]string{"team": "etl"}}))
	policies, err := client.Policies.List(ctx, databricks.ListPolicies{})
	require.NoError(t, err)
	policy := policies[0]
	require.NoError(t, client.Policies.Edit(ctx, databricks.EditPolicy{PolicyID: policy.PolicyID, CreatePolicy: databricks.CreatePolicy{Name: "small", Definition: policy.Definition, Description: "by bob"}}))
	_, err = client.Permissions.Update(ctx, databricks.UpdatePermissions{Object: databricks.PermissionsOnInstancePools, ID: pool,
		AccessControlList: []databricks.AccessControl{{UserName: "bob@example.com", PermissionLevel: databricks.CanManage}}})
	require.NoError(t, err)
	clusters, err := client.Clusters.List(ctx, databricks.ListClusters{})
	require.NoError(t, err)
	require.NoError(t, client.Clusters.Modify(ctx, clusters[0].ClusterID, func(spec *databricks.ClusterSpec) {
		spec.SparkEnvVars = databricks.SparkEnvVars{"KEY": "hush"}
	}))
	jobs, err := client.Jobs.List(ctx, databricks.ListJobs{})
	require.NoError(t, err)
	require.NoError(t, client.Jobs.Update(ctx, databricks.UpdateJob{JobID: jobs[0].JobID, NewSettings: databricks.JobSettings{TimeoutSeconds: new(60)}}))
	server.ForgetRequests()
	out, err := provisioned(t, nil)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)
	assert.Empty(t, writes(server))

	out, err = provisioned(t, nil, `"max_capacity": 10`, `"max_capacity": 12`, `, "maxValue": 120`, ``, `"max_workers": 4`, `"max_workers": 5`, `"max_retries": 2`, `"max_retries": 3`,
		`"autoscale.max_workers": {"type": "range", "maxValue": 8}`, `"spark_version": {"type": "unlimited"}`, `"CAN_ATTACH_TO"`, `"CAN_MANAGE"`)
	require.NoError(t, err)
	assert.Equal(t, `  ~ pool standard
      max_capacity: 10 → 12
  ~ policy small
      autoscale.max_workers: {"maxValue":8,"type":"range"} → unset
      autotermination_minutes: {"maxValue":120,"minValue":10,"type":"range"} → {"minValue":10,"type":"range"}
      spark_version: unset → {"type":"unlimited"}
  ~ cluster shared, which is RUNNING
      autoscale: {"max_workers":4,"min_workers":1} → {"max_workers":5,"min_workers":1}
      spark_env_vars: {"KEY":"[redacted]"} → unset
  ~ job nightly
      max_retries: 2 → 3
      timeout_seconds: 60 → unset
  ~ CAN_ATTACH_TO → CAN_MANAGE on pool standard for analysts
5 steps done.
`, out)
	edited, err := client.Pools.Get(ctx, pool)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"team": "etl"}, edited.CustomTags)
	changed, err := client.Policies.Get(ctx, policy.PolicyID)
	require.NoError(t, err)
	assert.Equal(t, "by bob", changed.Description)
	members, err := ids.Groups.Get(ctx, scim.GetOptions{ID: group.ID})
	require.NoError(t, err)
	assert.Len(t, members.Members, 3)
	permissions, err := client.Permissions.Get(ctx, databricks.PermissionsOnInstancePools, pool)
	require.NoError(t, err)
	assert.Contains(t, permissions.Direct(), databricks.AccessControl{UserName: "bob@example.com", PermissionLevel: databricks.CanManage})
}

// Names are not case-sensitive, and a member may be given by its application ID.
func TestRun_names(t *testing.T) {
	server := start(t)
	robot, err := scim.NewClient(server.Client()).ServicePrincipals.Create(t.Context(), scim.ServicePrincipal{DisplayName: "robot"})
	require.NoError(t, err)
	changes := []string{`{"service_principal_name": "etl"}]`, `{"service_principal_name": "` + robot.ApplicationID + `"}]`,
		`{"group_name": "analysts", "permission_level": "CAN_USE"}`, `{"user_name": "Alice@Example.com", "permission_level": "CAN_USE"}`}
	out, err := provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Contains(t, out, "+ member "+robot.ApplicationID+" of group analysts")
	out, err = provisioned(t, nil, changes...)
	require.NoError(t, err)
	assert.Equal(t, "Nothing to do.\n", out)

	_, err = provisioned(t, nil, `"permission_level": "CAN_RESTART"}`, `"permission_level": "CAN_RESTART"}, {"group_name": "Analysts", "permission_level": "CAN_MANAGE"}`)
	assert.ErrorContains(t, err, "the file grants Analysts two permissions on cluster shared")
}

// The access control list of a job can be set by Create, but cannot be read.
func TestRun_permissionsOfJobs(t *testing.T) {
	start(t)
	for _, want := range []string{all + "21 steps done.\n", "Nothing to do.\n"} {
		out, err := provisioned(t, nil, `"max_retries": 2`, `"access_control_list": [{"group_name": "data", "permission_level": "CAN_VIEW"}]`)
		require.NoError(t, err)
		assert.Equal(t, want, out)
	}
}

// If secrets cannot be read, the program cannot compare them and puts them each time.
func TestRun_secretsCannotBeRead(t *testing.T) {
	start(t, databrickstest.WithSecretsInNotebooksOnly())
	for _, want := range []string{all + "21 steps done.\n", "  ~ secret storage-key in scope etl\n1 steps done.\n"} {
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
	assert.ErrorContains(t, run(t.Context(), nil, new(bytes.Buffer)), "the name of a file is required")
	assert.ErrorContains(t, run(t.Context(), []string{"missing.json"}, new(bytes.Buffer)), "missing.json")
	assert.Empty(t, writes(server))

	spec := databricks.ClusterSpec{ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}
	for range 2 {
		_, err := server.Client().Clusters.Create(t.Context(), spec)
		require.NoError(t, err)
	}
	_, err = provisioned(t, nil)
	assert.ErrorContains(t, err, "2 clusters have the name shared")
}

func TestDiffering(t *testing.T) {
	now := databricks.JobSettings{Name: "a", MaxRetries: new(2), Tasks: []databricks.Task{{TaskKey: "x", MaxRetries: new(1)}}, Tags: map[string]string{"a": "1", "b": "2"}}
	for _, want := range []databricks.JobSettings{
		{}, {Name: "a"}, {TimeoutSeconds: new(0)}, {Tags: map[string]string{"a": "1"}}, {Tasks: []databricks.Task{{TaskKey: "x"}}},
	} {
		assert.Empty(t, differing(want, now))
	}
	for lines, want := range map[string]databricks.JobSettings{
		"\n      max_retries: 2 → 0\n      name: \"a\" → \"b\"":                                                 {Name: "b", MaxRetries: new(0)},
		"\n      schedule: unset → {\"quartz_cron_expression\":\"\",\"timezone_id\":\"UTC\"}":                   {Schedule: &databricks.CronSchedule{TimezoneID: "UTC"}},
		"\n      tags: {\"a\":\"1\",\"b\":\"2\"} → {\"c\":\"3\"}":                                               {Tags: map[string]string{"c": "3"}},
		"\n      tasks: [{\"max_retries\":1,\"task_key\":\"x\"}] → [{\"task_key\":\"x\"},{\"task_key\":\"y\"}]": {Tasks: []databricks.Task{{TaskKey: "x"}, {TaskKey: "y"}}},
	} {
		assert.Equal(t, lines, differing(want, now))
	}
}

// The diff names a secret that differs, and does not show it.
func TestDiffering_secrets(t *testing.T) {
	spec := func(value string) databricks.ClusterSpec {
		return databricks.ClusterSpec{SparkEnvVars: databricks.SparkEnvVars{"KEY": value}}
	}
	assert.Equal(t, "\n      spark_env_vars: a secret", differing(spec("hush"), spec("hush hush")))
}

func TestRun_unsupported(t *testing.T) {
	start(t)
	_, err := provisioned(t, nil, `"on": "jobs"`, `"on": "apps"`)
	assert.ErrorContains(t, err, "permissions on apps are not supported")
	_, err = provisioned(t, nil, "alice@", "bob@")
	assert.ErrorContains(t, err, `user "bob@example.com" was not found`)
	_, err = provisioned(t, nil)
	require.NoError(t, err)
	_, err = provisioned(t, nil, `"node_type_id": "Standard_DS3_v2"`, `"node_type_id": "Standard_DS4_v2"`)
	assert.ErrorContains(t, err, "these settings of pool standard cannot be changed")
}
