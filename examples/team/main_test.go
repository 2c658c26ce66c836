package main

import (
	"context"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	db "github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
	"github.com/go-databricks/databricks/v12"
)

// The team's service principal signs in with its secret. It has the permissions of its
// group, and no others.
func TestTeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		admin := server.Client()
		etl, other := setUp(ctx, admin, "etl"), setUp(ctx, admin, "other")
		client := signIn(server, etl.applicationID)

		me, err := scim.NewClient(client).CachedMe(ctx)
		require.NoError(t, err)
		assert.Equal(t, etl.applicationID, me.UserName)

		// These calls succeed.
		allowed := map[string]func() error{
			"see the cluster":             func() error { _, err := client.Clusters.WaitRunning(ctx, etl.cluster); return err },
			"restart it":                  func() error { return client.Clusters.Restart(ctx, db.RestartCluster{ClusterID: etl.cluster}) },
			"see the policy":              func() error { _, err := client.Policies.Get(ctx, etl.policy); return err },
			"see the pool":                func() error { _, err := client.Pools.Get(ctx, etl.pool); return err },
			"see the job":                 func() error { _, err := client.Jobs.Get(ctx, db.GetJob{JobID: etl.job}); return err },
			"read the secret":             func() error { _, err := client.Secrets.Get(ctx, "etl", "password"); return err },
			"write to its home directory": func() error { return client.Workspace.Mkdirs(ctx, "/Users/"+me.UserName+"/work") },
			"create a cluster by its policy": func() error {
				_, err := client.Clusters.Create(ctx, db.CreateCluster{PolicyID: etl.policy, NumWorkers: new(2)})
				return err
			},
			"run the job to its end": func() error {
				run, err := client.Jobs.RunNow(ctx, db.RunNow{JobID: etl.job})
				if err == nil {
					_, err = client.Jobs.WaitRun(ctx, run.RunID)
				}
				return err
			},
		}
		for _, what := range []string{"see the cluster", "restart it", "see the policy", "see the pool", "see the job", "read the secret", "write to its home directory", "create a cluster by its policy", "run the job to its end"} {
			assert.NoError(t, allowed[what](), what)
		}

		// These calls are denied.
		for what, call := range map[string]func() error{
			"edit the cluster": func() error {
				return client.Clusters.Resize(ctx, db.ResizeCluster{ClusterID: etl.cluster, NumWorkers: new(2)})
			},
			"install a library": func() error {
				return client.Libraries.Install(ctx, etl.cluster, []db.Library{{JAR: "dbfs:/a.jar"}})
			},
			"grant itself more": func() error {
				_, err := client.Permissions.Update(ctx, db.UpdatePermissions{Object: db.PermissionsOnClusters, ID: etl.cluster,
					AccessControlList: []db.AccessControl{{ServicePrincipalName: etl.applicationID, PermissionLevel: db.CanManage}}})
				return err
			},
			"join another group": func() error {
				return client.Groups.AddMember(ctx, "admins", db.GroupMember{UserName: etl.applicationID})
			},
			"own the cluster":         func() error { return client.Clusters.ChangeOwner(ctx, etl.cluster, etl.applicationID) },
			"pin the cluster":         func() error { return client.Clusters.Pin(ctx, etl.cluster) },
			"start another's cluster": func() error { return client.Clusters.Start(ctx, other.cluster) },
			"see another's policy":    func() error { _, err := client.Policies.Get(ctx, other.policy); return err },
			"see another's pool":      func() error { _, err := client.Pools.Get(ctx, other.pool); return err },
			"see another's job":       func() error { _, err := client.Jobs.Get(ctx, db.GetJob{JobID: other.job}); return err },
			"change the job": func() error {
				return client.Jobs.Update(ctx, db.UpdateJob{JobID: etl.job, NewSettings: db.JobSettings{Name: "mine"}})
			},
			"work in another's home": func() error {
				return client.Workspace.Mkdirs(ctx, "/Users/"+other.applicationID+"/work")
			},
			"run code on another's cluster": func() error {
				_, err := v12.NewClient(client).NewSession(ctx, other.cluster, v12.Python)
				return err
			},
			"create a cluster from the pool without the policy": func() error {
				_, err := client.Clusters.Create(ctx, db.CreateCluster{SparkVersion: "15.4.x-scala2.12", InstancePoolID: etl.pool, NumWorkers: new(1)})
				return err
			},
			"create a policy": func() error {
				_, err := client.Policies.Create(ctx, db.CreatePolicy{Name: "mine", Definition: "{}"})
				return err
			},
			"let others read the secret": func() error {
				return client.Secrets.PutACL(ctx, db.PutACL{Scope: "etl", Principal: "users", Permission: db.ACLRead})
			},
			"delete the cluster": func() error { return client.Clusters.PermanentDelete(ctx, etl.cluster) },
			"create a cluster without a policy": func() error {
				_, err := client.Clusters.Create(ctx, db.CreateCluster{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})
				return err
			},
			"use another's policy": func() error {
				_, err := client.Clusters.Create(ctx, db.CreateCluster{PolicyID: other.policy, NumWorkers: new(1)})
				return err
			},
			"edit the policy": func() error { return client.Policies.Delete(ctx, etl.policy) },
			"delete the pool": func() error { return client.Pools.Delete(ctx, etl.pool) },
			"create a pool": func() error {
				_, err := client.Pools.Create(ctx, db.CreatePool{InstancePoolName: "p", NodeTypeID: "Standard_DS3_v2"})
				return err
			},
			"delete the job": func() error { return client.Jobs.Delete(ctx, etl.job) },
			"change its permissions": func() error {
				_, err := client.Permissions.Get(ctx, db.PermissionsOnJobs, strconv.FormatInt(etl.job, 10))
				return err
			},
			"change a secret":       func() error { return client.Secrets.Delete(ctx, "etl", "password") },
			"see another's cluster": func() error { _, err := client.Clusters.Get(ctx, other.cluster); return err },
			"run another's job":     func() error { _, err := client.Jobs.RunNow(ctx, db.RunNow{JobID: other.job}); return err },
			"read another's secret": func() error { _, err := client.Secrets.Get(ctx, "other", "password"); return err },
			"write to the root":     func() error { return client.Workspace.Mkdirs(ctx, "/etl") },
			"list the users":        func() error { _, err := scim.NewClient(client).Users.List(ctx, scim.ListOptions{}); return err },
		} {
			assert.ErrorIs(t, call(), fs.ErrPermission, what)
		}
		for attribute, in := range map[string]db.CreateCluster{
			"num_workers":             {NumWorkers: new(4)},
			"num_workers, is":         {Autoscale: &db.AutoScale{MinWorkers: new(1), MaxWorkers: 2}},
			"autotermination_minutes": {NumWorkers: new(1), AutoterminationMinutes: new(0)},
			"spark_version":           {NumWorkers: new(1), SparkVersion: "7.3.x-scala2.12"},
			"instance_pool_id":        {NumWorkers: new(1), InstancePoolID: other.pool},
		} {
			in.PolicyID = etl.policy
			_, err = client.Clusters.Create(ctx, in)
			assert.ErrorIs(t, err, db.ErrInvalidParameterValue)
			assert.ErrorContains(t, err, attribute)
		}

		// It sees the team's cluster and the one that it created.
		clusters, err := client.Clusters.List(ctx, db.ListClusters{})
		require.NoError(t, err)
		assert.Len(t, clusters, 2)
		cluster, err := client.Clusters.Get(ctx, etl.cluster)
		require.NoError(t, err)
		assert.Equal(t, []any{etl.pool, "15.4.x-scala2.12", 30}, []any{cluster.InstancePoolID, cluster.SparkVersion, *cluster.AutoterminationMinutes})

		// The pool has room for six nodes, and five are in use.
		id, err := client.Clusters.Create(ctx, db.CreateCluster{PolicyID: etl.policy, NumWorkers: new(1)})
		require.NoError(t, err)
		_, err = client.Clusters.WaitRunning(ctx, id)
		var failed *db.ClusterError
		require.ErrorAs(t, err, &failed)
		assert.ErrorContains(t, err, "INSTANCE_POOL_MAX_CAPACITY_REACHED")
	})
}

// The program has 60 lines of code.
func TestTeam_length(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	lines := 0
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	assert.LessOrEqual(t, lines, 60, "lines of code")
}
