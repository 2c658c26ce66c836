package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Give a group a permission, show all permissions, and revoke it again. Other
// permissions do not change.
func ExamplePermissionsService_Revoke() {
	server := databrickstest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	policy, err := client.Policies.Create(ctx, databricks.CreatePolicy{Name: "small", Definition: "{}"})
	if err != nil {
		log.Fatal(err)
	}

	permissions, err := client.Permissions.Update(ctx, databricks.UpdatePermissions{
		Object: databricks.PermissionsOnClusterPolicies, ID: policy,
		AccessControlList: []databricks.AccessControl{{GroupName: "users", PermissionLevel: databricks.CanUse}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, access := range permissions.AccessControlList {
		for _, permission := range access.AllPermissions {
			fmt.Println(access.GroupName, permission.PermissionLevel, permission.InheritedFromObject)
		}
	}
	permissions, err = client.Permissions.Revoke(ctx, databricks.RevokePermission{Object: databricks.PermissionsOnClusterPolicies, ID: policy, GroupName: "users"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the policy's own permissions:", permissions.Direct())
	// Output:
	// users CAN_USE []
	// admins CAN_MANAGE [/cluster-policies/]
	// the policy's own permissions: []
}

// A level that is not valid for an object causes an error that lists the valid
// levels.
func ExamplePermissionsService_Update() {
	server := databrickstest.NewServer()
	defer server.Close()
	_, err := server.Client().Permissions.Update(context.Background(), databricks.UpdatePermissions{
		Object: databricks.PermissionsOnJobs, ID: "12",
		AccessControlList: []databricks.AccessControl{{GroupName: "users", PermissionLevel: databricks.CanRead}},
	})
	var invalid *databricks.ArgumentError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Name, invalid.Problem)
	}
	// Output: permission_level "CAN_READ" is not valid for jobs; want CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE or IS_OWNER
}
