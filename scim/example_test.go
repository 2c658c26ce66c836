package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"

	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
)

// Get the name of the caller and its home directory in the workspace.
func ExampleClient_HomeDir() {
	server := databrickstest.NewServer()
	defer server.Close()
	identities := scim.NewClient(server.Client())
	home, err := identities.HomeDir(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(home)
	// Output: /Users/admin@example.com
}

// Create a service principal and add it to a group.
func ExampleGroupsService_Patch() {
	server := databrickstest.NewServer()
	defer server.Close()
	identities, ctx := scim.NewClient(server.Client()), context.Background()
	robot, err := identities.ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: "robot"})
	if err != nil {
		log.Fatal(err)
	}
	group, err := identities.Groups.Create(ctx, scim.Group{DisplayName: "etl"})
	if errors.Is(err, fs.ErrExist) {
		group, err = identities.Groups.Find(ctx, "etl")
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := identities.Groups.Patch(ctx, group.ID, scim.AddMembers(robot.ID)); err != nil {
		log.Fatal(err)
	}

	group, err = identities.Groups.Get(ctx, scim.GetOptions{ID: group.ID})
	if err != nil {
		log.Fatal(err)
	}
	for _, member := range group.Members {
		fmt.Println(member.Display, "is in", group.DisplayName)
	}
	// Output: robot is in etl
}

// Change one attribute of a user and keep the others.
func ExampleUsersService_Modify() {
	server := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	defer server.Close()
	identities, ctx := scim.NewClient(server.Client()), context.Background()
	user, err := identities.Users.Find(ctx, "alice@example.com")
	if err != nil {
		log.Fatal(err)
	}
	err = identities.Users.Modify(ctx, user.ID, func(u *scim.User) {
		u.Entitlements = scim.Values(scim.WorkspaceAccess)
	})
	if err != nil {
		log.Fatal(err)
	}
	for user, err := range identities.Users.All(ctx, scim.ListOptions{Filter: scim.StartsWith("userName", "alice")}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user.UserName, user.Entitlements[0].Value)
	}
	// Output: alice@example.com workspace-access
}
