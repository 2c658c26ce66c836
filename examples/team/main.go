// Team sets up a team: a service principal in a group, a policy, a pool, a cluster, a
// job, a secret, and the group's permissions on them. Then it signs in as the service
// principal and starts the job. It uses an in-memory workspace:
//
//	go run ./examples/team
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	db "github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
)

// A team has the IDs of a team's objects.
type team struct {
	applicationID, pool, policy, cluster string
	job                                  int64
}

func main() {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
	defer server.Close()
	ctx := context.Background()
	etl := setUp(ctx, server.Client(), "etl")
	fmt.Println("started run", must(signIn(server, etl.applicationID).Jobs.RunNow(ctx, db.RunNow{JobID: etl.job})).RunID)
}

// setUp creates the objects of a team.
func setUp(ctx context.Context, client *db.Client, name string) team {
	identities := scim.NewClient(client)
	principal := must(identities.ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: name}))
	must(identities.Groups.Create(ctx, scim.Group{DisplayName: name, Members: scim.Values(principal.ID)}))

	pool := must(client.Pools.Create(ctx, db.CreatePool{InstancePoolName: name, NodeTypeID: "Standard_DS3_v2", MaxCapacity: 6}))
	t := team{applicationID: principal.ApplicationID, pool: pool}
	t.policy = must(client.Policies.Create(ctx, db.CreatePolicy{Name: name, Definition: db.PolicyDefinition{
		"instance_pool_id":        {Type: db.PolicyFixed, Value: t.pool},
		"spark_version":           {Type: db.PolicyFixed, Value: "15.4.x-scala2.12"},
		"autotermination_minutes": {Type: db.PolicyFixed, Value: 30},
		"num_workers":             {Type: db.PolicyRange, MaxValue: new(3.0)},
	}.JSON()}))
	t.cluster = must(client.Clusters.Create(ctx, db.CreateCluster{ClusterName: name, PolicyID: t.policy, NumWorkers: new(1)}))
	notebook := "/Shared/" + name
	must(client.Workspace.Import(ctx, db.ImportObject{Path: notebook, Language: db.LanguagePython, Content: []byte("print(1)")}))
	t.job = must(client.Jobs.Create(ctx, db.CreateJob{Name: name, ExistingClusterID: t.cluster, NotebookTask: &db.NotebookTask{NotebookPath: notebook}}))
	check(client.Secrets.CreateScope(ctx, db.CreateScope{Scope: name}))
	check(client.Secrets.Put(ctx, db.PutSecret{Scope: name, Key: "password", StringValue: new(db.Secret("correct horse"))}))
	check(client.Secrets.PutACL(ctx, db.PutACL{Scope: name, Principal: name, Permission: db.ACLRead}))

	grant := func(object db.PermissionObject, id string, level db.PermissionLevel) {
		access := []db.AccessControl{{GroupName: name, PermissionLevel: level}}
		must(client.Permissions.Update(ctx, db.UpdatePermissions{Object: object, ID: id, AccessControlList: access}))
	}
	grant(db.PermissionsOnInstancePools, t.pool, db.CanAttachTo)
	grant(db.PermissionsOnClusterPolicies, t.policy, db.CanUse)
	grant(db.PermissionsOnClusters, t.cluster, db.CanRestart)
	grant(db.PermissionsOnJobs, fmt.Sprint(t.job), db.CanManageRun)
	return t
}

// signIn returns a client that signs in as the service principal. In the service, an
// administrator of the account creates the OAuth secret.
func signIn(server *databrickstest.Server, applicationID string) *db.Client {
	return must(db.NewClient(db.WithHost("https://workspace.example.com"), db.WithHTTPClient(&http.Client{Transport: server.Transport()}),
		db.WithCredential(db.OAuthM2M{ClientID: applicationID, ClientSecret: db.Secret(server.AddOAuthSecret(applicationID))})))
}

func must[T any](v T, err error) T { check(err); return v }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
