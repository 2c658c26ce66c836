// Entra-auth signs in to a workspace with Microsoft Entra ID instead of a
// personal access token, and lists the clusters.
//
// It does so as whoever this machine is: a service principal or a workload
// identity by AZURE_TENANT_ID and AZURE_CLIENT_ID, the managed identity of an
// Azure machine, or who has signed in with az login. They have to be a user or
// service principal of the workspace.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, with an identity
// that is made up:
//
//	cd examples/entra-auth && go run .
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// scope asks for a token for Azure Databricks, which has this id in each cloud
// and tenant.
const scope = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"

// token gives a client the tokens of an identity. It may be asked before each
// request, as credentials of azidentity keep a token until it is about to expire.
func token(identity azcore.TokenCredential) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		token, err := identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		return token.Token, err
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "entra-auth:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("entra-auth", flag.ContinueOnError)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
		server := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "eyJ-of-alice"}))
		defer server.Close()
		if _, err := server.Client().Clusters.Create(ctx, databricks.CreateCluster{
			ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(2),
		}); err != nil {
			return err
		}
		return list(ctx, madeUp{}, out, databricks.WithHost(server.URL()))
	}
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return err
	}
	return list(ctx, identity, out)
}

// list prints the clusters that an identity sees.
func list(ctx context.Context, identity azcore.TokenCredential, out io.Writer, opts ...databricks.Option) error {
	client, err := databricks.NewClient(append(opts, databricks.WithTokenFunc(token(identity)), databricks.WithUserAgent("entra-auth", "1"))...)
	if err != nil {
		return err
	}
	for cluster, err := range client.Clusters.All(ctx, databricks.ListClusters{}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(out, cluster.ClusterID, cluster.State, cluster.ClusterName)
	}
	return nil
}

// madeUp is an identity that needs nobody to vouch for it.
type madeUp struct{}

func (madeUp) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "eyJ-of-alice", ExpiresOn: time.Now().Add(time.Hour)}, nil
}
