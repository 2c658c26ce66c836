package databricks

import (
	"context"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPermissions_wire(t *testing.T) {
	read := func(object PermissionObject, id string) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Permissions.Get(ctx, object, id) }
	}
	set := func(in SetPermissions) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Permissions.Set(ctx, in) }
	}
	update := func(in UpdatePermissions) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Permissions.Update(ctx, in) }
	}
	revoke := func(in RevokePermission) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Permissions.Revoke(ctx, in) }
	}
	const reply = `{"object_id": "/jobs/12", "object_type": "job", "brand_new": 1, "access_control_list": [
		{"user_name": "alice@example.com", "display_name": "Alice", "all_permissions": [{"permission_level": "IS_OWNER", "inherited": false}]},
		{"group_name": "admins", "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": ["/jobs/"]}]},
		{"service_principal_name": "app", "all_permissions": [{"permission_level": "BRAND_NEW"}]}]}`
	permissions := &ObjectPermissions{"/jobs/12", PermissionTypeJob, []ObjectAccess{
		{UserName: "alice@example.com", DisplayName: "Alice", AllPermissions: []Permission{{PermissionLevel: IsOwner}}},
		{GroupName: "admins", AllPermissions: []Permission{{CanManage, true, []string{"/jobs/"}}}},
		{ServicePrincipalName: "app", AllPermissions: []Permission{{PermissionLevel: "BRAND_NEW"}}},
	}}
	owner := AccessControl{UserName: "alice@example.com", PermissionLevel: IsOwner}
	full := SetPermissions{PermissionsOnJobs, "12", []AccessControl{owner, {GroupName: "ops", PermissionLevel: CanView}, {ServicePrincipalName: "app", PermissionLevel: "BRAND_NEW"}}}
	assertFull(t, permissions, full)
	const direct = `{"user_name": "alice@example.com", "permission_level": "IS_OWNER"}`

	runWire(t, []wireRow{{
		name: "get returns every field, and what is not known here",
		call: read(PermissionsOnJobs, "12"),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", reply}},
		want: permissions,
	}, {
		name: "a kind of two path elements",
		call: read(PermissionsOnWarehouses, "7f"),
		wire: []wireStep{{"GET /api/2.0/permissions/sql/warehouses/7f", "", `{"object_id": "/sql/warehouses/7f", "object_type": "warehouses"}`}},
		want: &ObjectPermissions{ObjectID: "/sql/warehouses/7f", ObjectType: PermissionTypeWarehouse},
	}, {
		name: "a kind that is not known here, and an ID to escape",
		call: read("brand-new", "a b"),
		wire: []wireStep{{"GET /api/2.0/permissions/brand-new/a%20b", "", "{}"}},
		want: &ObjectPermissions{},
	}, {
		name: "an object that does not exist",
		call: read(PermissionsOnClusters, "c"),
		wire: []wireStep{{"GET /api/2.0/permissions/clusters/c", "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "a cluster that the service deleted",
		call: read(PermissionsOnClusters, "c"),
		wire: []wireStep{{"GET /api/2.0/permissions/clusters/c", "", `400 {"error_code": "INVALID_STATE", "message": "Cannot access cluster c"}`}},
		is:   ErrInvalidState,
	}, {
		name: "no right to read",
		call: read(PermissionsOnClusters, "c"),
		wire: []wireStep{{"GET /api/2.0/permissions/clusters/c", "", `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   fs.ErrPermission,
	}, {
		name: "no kind",
		call: read("", "c"), is: fs.ErrInvalid, fails: "request_object_type is required",
	}, {
		name: "no ID",
		call: read(PermissionsOnClusters, ""), is: fs.ErrInvalid, fails: "request_object_id is required",
	}, {
		name: "an ID that would change the path",
		call: read(PermissionsOnClusters, "../jobs"), is: fs.ErrInvalid, fails: "request_object_id",
	}, {
		name: "set with every field",
		call: set(full),
		wire: []wireStep{{"PUT /api/2.0/permissions/jobs/12", `{"access_control_list": [` + direct + `,
			{"group_name": "ops", "permission_level": "CAN_VIEW"}, {"service_principal_name": "app", "permission_level": "BRAND_NEW"}]}`, reply}},
		want: permissions,
	}, {
		name: "set to nothing",
		call: set(SetPermissions{Object: PermissionsOnClusters, ID: "c"}),
		wire: []wireStep{{"PUT /api/2.0/permissions/clusters/c", `{"access_control_list": []}`, "{}"}},
		want: &ObjectPermissions{},
	}, {
		name: "a job without an owner",
		call: set(SetPermissions{Object: PermissionsOnJobs, ID: "12", AccessControlList: []AccessControl{{GroupName: "ops", PermissionLevel: CanManage}}}),
		is:   fs.ErrInvalid, fails: "need exactly one owner",
	}, {
		name: "a job with two owners",
		call: set(SetPermissions{Object: PermissionsOnJobs, ID: "12", AccessControlList: []AccessControl{owner, owner}}),
		is:   fs.ErrInvalid, fails: "need exactly one owner",
	}, {
		name: "a group as the owner",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{GroupName: "ops", PermissionLevel: IsOwner}}}),
		is:   fs.ErrInvalid, fails: "is not valid for a group",
	}, {
		name: "a level of other objects",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{GroupName: "ops", PermissionLevel: CanAttachTo}}}),
		is:   fs.ErrInvalid, fails: `"CAN_ATTACH_TO" is not valid for jobs; want CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE or IS_OWNER`,
	}, {
		name: "no level",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{GroupName: "ops"}}}),
		is:   fs.ErrInvalid, fails: "permission_level is required",
	}, {
		name: "nobody",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{PermissionLevel: CanView}}}),
		is:   fs.ErrInvalid, fails: "set exactly one of them",
	}, {
		name: "two at once",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{UserName: "u", GroupName: "g", PermissionLevel: CanView}}}),
		is:   fs.ErrInvalid, fails: "have 2 values",
	}, {
		name: "update with no list",
		call: update(UpdatePermissions{Object: PermissionsOnJobs, ID: "12"}),
		is:   fs.ErrInvalid, fails: "access_control_list is required",
	}, {
		name: "update",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{owner}}),
		wire: []wireStep{{"PATCH /api/2.0/permissions/jobs/12", `{"access_control_list": [` + direct + `]}`, reply}},
		want: permissions,
	}, {
		name: "revoke keeps what others have, and does not send what is inherited",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", ServicePrincipalName: "APP"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", reply},
			{"PUT /api/2.0/permissions/jobs/12", `{"access_control_list": [` + direct + `]}`, `{"object_type": "job"}`}},
		want: &ObjectPermissions{ObjectType: PermissionTypeJob},
	}, {
		name: "revoke from somebody who has nothing",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", UserName: "bob@example.com"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", reply}},
		want: permissions,
	}, {
		name: "revoke from the owner",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", UserName: "alice@example.com"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", reply}},
		is:   fs.ErrInvalid, fails: "need exactly one owner",
	}, {
		name: "revoke from nobody",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12"}),
		is:   fs.ErrInvalid, fails: "set exactly one of them",
	}, {
		name: "levels",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Permissions.Levels(ctx, PermissionsOnClusterPolicies, "P")
		},
		wire: []wireStep{{"GET /api/2.0/permissions/cluster-policies/P/permissionLevels", "",
			`{"permission_levels": [{"permission_level": "CAN_USE", "description": "Can use"}]}`}},
		want: []PermissionDescription{{CanUse, "Can use"}},
	}})
}

func TestObjectPermissions_Direct(t *testing.T) {
	var none *ObjectPermissions
	assert.Empty(t, none.Direct())
}
