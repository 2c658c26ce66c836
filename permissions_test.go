package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	const response = `{"object_id": "/jobs/12", "object_type": "job", "brand_new": 1, "access_control_list": [
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
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", response}},
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
			{"group_name": "ops", "permission_level": "CAN_VIEW"}, {"service_principal_name": "app", "permission_level": "BRAND_NEW"}]}`, response}},
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
		name: "two in one call",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{{UserName: "u", GroupName: "g", PermissionLevel: CanView}}}),
		is:   fs.ErrInvalid, fails: "have 2 values",
	}, {
		name: "update with no list",
		call: update(UpdatePermissions{Object: PermissionsOnJobs, ID: "12"}),
		is:   fs.ErrInvalid, fails: "access_control_list is required",
	}, {
		name: "update",
		call: update(UpdatePermissions{PermissionsOnJobs, "12", []AccessControl{owner}}),
		wire: []wireStep{{"PATCH /api/2.0/permissions/jobs/12", `{"access_control_list": [` + direct + `]}`, response}},
		want: permissions,
	}, {
		name: "revoke keeps what others have, and does not send what is inherited",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", ServicePrincipalName: "APP"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", response},
			{"PUT /api/2.0/permissions/jobs/12", `{"access_control_list": [` + direct + `]}`, `{"object_type": "job"}`}},
		want: &ObjectPermissions{ObjectType: PermissionTypeJob},
	}, {
		name: "revoke from somebody who has nothing",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", UserName: "bob@example.com"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", response}},
		want: permissions,
	}, {
		name: "revoke from the owner",
		call: revoke(RevokePermission{Object: PermissionsOnJobs, ID: "12", UserName: "alice@example.com"}),
		wire: []wireStep{{"GET /api/2.0/permissions/jobs/12", "", response}},
		is:   fs.ErrInvalid, fails: "principal owns the object; give another principal IS_OWNER first",
	}, {
		name: "revoke all levels of a principal, and keep all levels of others",
		call: revoke(RevokePermission{Object: PermissionsOnNotebooks, ID: "7", GroupName: "Ops"}),
		wire: []wireStep{{"GET /api/2.0/permissions/notebooks/7", "", `{"access_control_list": [
				{"group_name": "ops", "all_permissions": [{"permission_level": "CAN_READ"}, {"permission_level": "CAN_RUN", "inherited": true}, {"permission_level": "CAN_EDIT"}]},
				{"group_name": "etl", "all_permissions": [{"permission_level": "CAN_READ"}, {"permission_level": "CAN_EDIT"}, {"permission_level": "CAN_MANAGE", "inherited": true}]},
				{"user_name": "ops", "all_permissions": [{"permission_level": "CAN_READ"}]}, {"group_name": "ops", "all_permissions": [{"permission_level": "CAN_MANAGE"}]}]}`},
			{"PUT /api/2.0/permissions/notebooks/7", `{"access_control_list": [{"group_name": "etl", "permission_level": "CAN_READ"}, {"group_name": "etl", "permission_level": "CAN_EDIT"},
				{"user_name": "ops", "permission_level": "CAN_READ"}]}`, "{}"}},
		want: &ObjectPermissions{},
	}, {
		name: "revoke what is inherited changes nothing",
		call: revoke(RevokePermission{Object: PermissionsOnNotebooks, ID: "7", GroupName: "ops"}),
		wire: []wireStep{{"GET /api/2.0/permissions/notebooks/7", "", `{"access_control_list": [{"group_name": "ops", "all_permissions": [{"permission_level": "CAN_RUN", "inherited": true}]}]}`}},
		want: &ObjectPermissions{AccessControlList: []ObjectAccess{{GroupName: "ops", AllPermissions: []Permission{{PermissionLevel: CanRun, Inherited: true}}}}},
	}, {
		name: "revoke the use of tokens names the group admins, without which the service refuses the list",
		call: revoke(RevokePermission{Object: PermissionsOnAuthorization, ID: "tokens", GroupName: "ops"}),
		wire: []wireStep{{"GET /api/2.0/permissions/authorization/tokens", "", `{"access_control_list": [{"group_name": "ops", "all_permissions": [{"permission_level": "CAN_USE"}]},
				{"group_name": "admins", "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": ["/authorization/"]}]}]}`},
			{"PUT /api/2.0/permissions/authorization/tokens", `{"access_control_list": [{"group_name": "admins", "permission_level": "CAN_MANAGE"}]}`, "{}"}},
		want: &ObjectPermissions{},
	}, {
		name: "a level that passwords do not have",
		call: update(UpdatePermissions{PermissionsOnAuthorization, "passwords", []AccessControl{{GroupName: "ops", PermissionLevel: CanManage}}}),
		is:   fs.ErrInvalid, fails: `"CAN_MANAGE" is not valid for authorization; want CAN_USE`,
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

// Each kind of the contract has levels, except one whose levels are not known.
func TestPermissions_levels(t *testing.T) {
	var area struct{ Enums map[string][]PermissionObject }
	text, err := os.ReadFile("testdata/contract/permissions.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &area))
	kinds := area.Enums["RequestObjectType"]
	require.NotEmpty(t, kinds)
	for _, kind := range kinds {
		assert.NoError(t, kind.check("1", "BRAND_NEW"), "the service may know it")
		if kind != PermissionsOnGenieSpaces {
			assert.ErrorContains(t, kind.check("1", otherLevel(kind)), "want "+oneOf(permissionLevels[kind]), kind)
		}
	}
	assert.Len(t, permissionLevels, len(kinds)-1)
}

// otherLevel returns a level that only other kinds have.
func otherLevel(kind PermissionObject) PermissionLevel {
	for _, levels := range permissionLevels {
		for _, level := range levels {
			if !slices.Contains(permissionLevels[kind], level) {
				return level
			}
		}
	}
	return ""
}

// A change that somebody else makes after a lost response stays.
func TestPermissions_Revoke_lostResponse(t *testing.T) {
	const ops, etl, eve = `{"group_name": "ops", "all_permissions": [{"permission_level": "CAN_USE"}]}`, `{"group_name": "etl", "all_permissions": [{"permission_level": "CAN_USE"}]}`,
		`{"group_name": "eve", "all_permissions": [{"permission_level": "CAN_USE"}]}`
	const path = " /api/2.0/permissions/cluster-policies/P"
	list := func(entries ...string) string {
		return `{"access_control_list": [` + strings.Join(entries, ", ") + `]}`
	}
	for name, row := range map[string]struct {
		wire    []wireStep
		unknown bool
	}{
		"done": {wire: []wireStep{
			{"GET" + path, "", list(ops, etl)}, {"PUT" + path, `{"access_control_list": [{"group_name": "etl", "permission_level": "CAN_USE"}]}`, "502 "},
			{"GET" + path, "", list(etl, eve)},
		}},
		"not done, and somebody else adds eve": {wire: []wireStep{
			{"GET" + path, "", list(ops, etl)}, {"PUT" + path, `{"access_control_list": [{"group_name": "etl", "permission_level": "CAN_USE"}]}`, "502 "},
			{"GET" + path, "", list(ops, etl, eve)},
			{"PUT" + path, `{"access_control_list": [{"group_name": "etl", "permission_level": "CAN_USE"}, {"group_name": "eve", "permission_level": "CAN_USE"}]}`, "{}"},
		}},
		"lost again": {unknown: true, wire: []wireStep{
			{"GET" + path, "", list(ops)}, {"PUT" + path, `{"access_control_list": []}`, "502 "}, {"GET" + path, "", list(ops)}, {"PUT" + path, `{"access_control_list": []}`, "502 "},
		}},
		"cannot be read again": {unknown: true, wire: []wireStep{
			{"GET" + path, "", list(ops)}, {"PUT" + path, `{"access_control_list": []}`, "502 "}, {"GET" + path, "", `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`},
		}},
	} {
		is := error(nil)
		if row.unknown {
			is = errUnknown
		}
		runWire(t, []wireRow{{
			name: name, wire: row.wire, is: is,
			call: func(ctx context.Context, c *Client) (any, error) {
				_, err := c.Permissions.Revoke(ctx, RevokePermission{Object: PermissionsOnClusterPolicies, ID: "P", GroupName: "ops"})
				if _, unknown := errors.AsType[*OutcomeUnknownError](err); unknown {
					err = errUnknown
				}
				return nil, err
			},
		}}, WithRetryPolicy(RetryPolicy{MinDelay: 1}))
	}
}

var errUnknown = errors.New("the outcome is unknown")

func TestObjectPermissions_Direct(t *testing.T) {
	var none *ObjectPermissions
	assert.Empty(t, none.Direct())
}
