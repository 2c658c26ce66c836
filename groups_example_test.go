package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleGroupsService() {
	workspace := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	if err := client.Groups.Create(ctx, "analysts"); err != nil && !errors.Is(err, databricks.ErrResourceAlreadyExists) {
		log.Fatal(err)
	}
	if err := client.Groups.AddMember(ctx, "analysts", databricks.GroupMember{UserName: "alice@example.com"}); err != nil {
		log.Fatal(err)
	}
	members, err := client.Groups.ListMembers(ctx, "analysts")
	if err != nil {
		log.Fatal(err)
	}
	for _, member := range members {
		fmt.Println(member.UserName)
	}
	// Output: alice@example.com
}

// All users are members of users.
func ExampleGroupsService_ListParents() {
	workspace := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{
		Name: "alice@example.com", Groups: []string{"analysts"},
	}))
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	groups, err := client.Groups.ListParents(ctx, databricks.GroupMember{UserName: "alice@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(groups)
	// Output: [users analysts]
}
