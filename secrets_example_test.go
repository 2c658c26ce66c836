package databricks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleSecretsService() {
	workspace := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{
		Name: "alice@example.com", Groups: []string{"analysts"},
	}))
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	if err := client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "db"}); err != nil {
		log.Fatal(err)
	}
	err := client.Secrets.PutACL(ctx, databricks.PutACL{Scope: "db", Principal: "analysts", Permission: databricks.ACLRead})
	if err != nil {
		log.Fatal(err)
	}
	acls, err := client.Secrets.ListACLs(ctx, "db")
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range acls {
		fmt.Println(item.Principal, item.Permission)
	}
	// Unordered output:
	// admin@example.com MANAGE
	// analysts READ
}

// Put also changes a secret. A value never prints itself. To see it, the program
// must request it explicitly.
func ExampleSecretsService_Put() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	if err := client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "db"}); err != nil {
		log.Fatal(err)
	}

	for _, password := range []string{"old", "new"} {
		err := client.Secrets.Put(ctx, databricks.PutSecret{
			Scope: "db", Key: "password", StringValue: new(databricks.Secret(password)),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	value, err := client.Secrets.Get(ctx, "db", "password")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(value)
	fmt.Println(string(value))
	// Output:
	// [redacted]
	// new
}
