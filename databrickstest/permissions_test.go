package databrickstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const forAll = "/api/2.0/permissions/"

// Each permission level of a cluster allows the right calls and no others.
func TestPermissions_clusters(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithTimings(Timings{ClusterStart: -1, ClusterRestart: -1, ClusterResize: -1, ClusterTerminate: -1}),
		WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"data"}}))
	alice := signedBy("Bearer dapi-alice")
	id := newCluster(t, s, `,"num_workers":1`)
	one := `{"cluster_id":"` + id + `"`
	calls := []struct{ level, method, path, body string }{
		{"CAN_ATTACH_TO", "GET", "/api/2.0/clusters/get?cluster_id=" + id, ""},
		{"CAN_ATTACH_TO", "POST", "/api/2.0/clusters/events", one + `}`},
		{"CAN_ATTACH_TO", "GET", "/api/2.0/libraries/cluster-status?cluster_id=" + id, ""},
		{"CAN_ATTACH_TO", "GET", "/api/2.0/policies/clusters/get-compliance?cluster_id=" + id, ""},
		{"CAN_ATTACH_TO", "POST", "/api/1.2/contexts/create", `{"clusterId":"` + id + `","language":"python"}`},
		{"CAN_RESTART", "POST", "/api/2.0/clusters/restart", one + `}`},
		{"CAN_RESTART", "POST", "/api/2.0/clusters/delete", one + `}`},
		{"CAN_RESTART", "POST", "/api/2.0/clusters/start", one + `}`},
		{"CAN_MANAGE", "POST", "/api/2.0/clusters/resize", one + `,"num_workers":2}`},
		{"CAN_MANAGE", "POST", "/api/2.0/clusters/edit", one + `,` + smallCluster + `,"num_workers":1}`},
		{"CAN_MANAGE", "POST", "/api/2.0/libraries/install", one + `,"libraries":[{"jar":"dbfs:/a.jar"}]}`},
		{"CAN_MANAGE", "GET", forAll + "clusters/" + id, ""},
		{"CAN_MANAGE", "POST", "/api/2.0/clusters/permanent-delete", one + `}`},
	}
	rank := map[string]int{"": 0, "CAN_ATTACH_TO": 1, "CAN_RESTART": 2, "CAN_MANAGE": 3}
	for _, level := range []string{"", "CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE"} {
		acl := `{"access_control_list":[]}`
		if level != "" {
			acl = `{"access_control_list":[{"group_name":"data","permission_level":"` + level + `"}]}`
		}
		callOK(t, s, "PUT", forAll+"clusters/"+id, acl)
		listed := callOK(t, s, "GET", "/api/2.0/clusters/list", "", alice)["clusters"]
		assert.Equal(t, level != "", listed != nil, "whether the list shows it with %q", level)
		for _, call := range calls {
			got := send(t, s, call.method, call.path, call.body, alice)
			want := 200
			if rank[level] < rank[call.level] {
				want = 403
			}
			assert.Equal(t, want, got.status, "%s %s with %q: %s", call.method, call.path, level, got.body)
		}
	}
}

func TestPermissions_jobs(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}), WithUser(User{Name: "bob@example.com", Token: "dapi-bob"}))
	alice := signedBy("Bearer dapi-alice")
	id := fmt.Sprint(callOK(t, s, "POST", "/api/2.0/jobs/create", `{"name":"j","new_cluster":{`+smallCluster+`,"num_workers":1},"spark_python_task":{"python_file":"dbfs:/a.py"}}`)["job_id"])
	path := forAll + "jobs/" + id
	owner := object{"user_name": AdminName, "display_name": AdminName, "all_permissions": []any{object{"permission_level": "IS_OWNER", "inherited": false}}}
	admins := object{"group_name": "admins", "all_permissions": []any{object{"permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": []any{"/jobs/"}}}}
	assert.Equal(t, object{"object_id": "/jobs/" + id, "object_type": "job", "access_control_list": []any{owner, admins}}, callOK(t, s, "GET", path, ""))

	callFails(t, s, "PUT", path, `{"access_control_list":[{"user_name":"alice@example.com","permission_level":"CAN_VIEW"}]}`, 400, "INVALID_PARAMETER_VALUE", "owner")
	callFails(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"alice@example.com","permission_level":"CAN_USE"}]}`, 400, "INVALID_PARAMETER_VALUE", "Valid levels are: CAN_VIEW")
	callFails(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"eve@example.com","permission_level":"CAN_VIEW"}]}`, 404, "RESOURCE_DOES_NOT_EXIST", "eve")
	callFails(t, s, "PATCH", path, `{"access_control_list":[{"group_name":"admins","permission_level":"CAN_VIEW"}]}`, 400, "INVALID_PARAMETER_VALUE", "admins")
	callFails(t, s, "PATCH", path, `{"access_control_list":[{"group_name":"users","permission_level":"IS_OWNER"}]}`, 400, "INVALID_PARAMETER_VALUE", "Groups")
	callFails(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"u","group_name":"g","permission_level":"CAN_VIEW"}]}`, 400, "INVALID_PARAMETER_VALUE", "Exactly one")

	run := func(status int) {
		t.Helper()
		assert.Equal(t, status, send(t, s, "POST", "/api/2.0/jobs/run-now", `{"job_id":`+id+`}`, alice).status)
	}
	callOK(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"alice@example.com","permission_level":"CAN_VIEW"}]}`)
	run(403)
	callOK(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"alice@example.com","permission_level":"CAN_MANAGE_RUN"}]}`)
	run(200)
	callOK(t, s, "PATCH", path, `{"access_control_list":[{"user_name":"bob@example.com","permission_level":"IS_OWNER"}]}`)
	list := callOK(t, s, "GET", path, "", signedBy("Bearer dapi-bob"))["access_control_list"].([]any)
	require.Len(t, list, 3)
	assert.Equal(t, "bob@example.com", list[1].(object)["user_name"])

	callFails(t, s, "GET", forAll+"jobs/1", "", 404, "RESOURCE_DOES_NOT_EXIST", "")
	callFails(t, s, "GET", forAll+"wrong/1", "", 400, "INVALID_PARAMETER_VALUE", "not a valid object type")
	assert.Equal(t, "tokens", callOK(t, s, "GET", forAll+"authorization/tokens", "")["object_type"])
	levels := callOK(t, s, "GET", forAll+"authorization/tokens/permissionLevels", "")["permission_levels"].([]any)
	assert.Len(t, levels, 2)
}

// The permissions on tokens and on the root must include the group admins. Passwords
// are the only object on which admins have no special permissions.
func TestPermissions_admins(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Groups: []string{"Data"}}))
	const data = `{"group_name":"DATA","permission_level":"CAN_MANAGE"}`
	const admins = `{"group_name":"admins","permission_level":"CAN_MANAGE"}`
	for _, object := range []string{"authorization/tokens", "directories/0"} {
		callFails(t, s, "PUT", forAll+object, `{"access_control_list":[`+data+`]}`, 400, "INVALID_PARAMETER_VALUE", "Cannot change permissions for group 'admins' to None.")
		callFails(t, s, "PUT", forAll+object, `{}`, 400, "INVALID_PARAMETER_VALUE", "to None.")
		list := callOK(t, s, "PUT", forAll+object, `{"access_control_list":[`+data+`,`+admins+`]}`)["access_control_list"].([]any)
		assert.Len(t, list, 2, "admins appear once: %v", list)
	}
	const passwords = forAll + "authorization/passwords"
	callFails(t, s, "PATCH", passwords, `{"access_control_list":[`+data+`]}`, 400, "INVALID_PARAMETER_VALUE", "Valid levels are: CAN_USE")
	levels := callOK(t, s, "GET", passwords+"/permissionLevels", "")["permission_levels"].([]any)
	assert.Len(t, levels, 1)
	list := callOK(t, s, "PUT", passwords, `{"access_control_list":[{"group_name":"admins","permission_level":"CAN_USE"}]}`)["access_control_list"].([]any)
	assert.Equal(t, []any{object{"group_name": "admins", "all_permissions": []any{object{"permission_level": "CAN_USE", "inherited": false}}}}, list)
	assert.Nil(t, callOK(t, s, "PUT", passwords, `{}`)["access_control_list"])
}

// Objects of the tree inherit permissions from their directories. Users own
// their home directories.
func TestPermissions_workspace(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"data"}}))
	alice := signedBy("Bearer dapi-alice")
	const tree = "/api/2.0/workspace/"
	callOK(t, s, "POST", tree+"mkdirs", `{"path":"/team/etl"}`)
	callOK(t, s, "POST", tree+"import", `{"path":"/team/etl/n","language":"PYTHON","content":"MQ=="}`)
	status := func(path string) object { t.Helper(); return callOK(t, s, "GET", tree+"get-status?path="+path, "") }
	team, notebook := fmt.Sprint(status("/team")["object_id"]), fmt.Sprint(status("/team/etl/n")["object_id"])
	calls := []struct{ level, method, path, body string }{
		{"CAN_READ", "GET", tree + "export?path=/team/etl/n", ""},
		{"CAN_READ", "GET", tree + "list?path=/team", ""},
		{"CAN_EDIT", "POST", tree + "import", `{"path":"/team/etl/n","language":"PYTHON","content":"Mg==","overwrite":true}`},
		{"CAN_MANAGE", "POST", tree + "mkdirs", `{"path":"/team/new"}`},
		{"CAN_MANAGE", "GET", forAll + "notebooks/" + notebook, ""},
		{"CAN_MANAGE", "POST", tree + "delete", `{"path":"/team/new"}`},
	}
	for i, level := range append([]string{""}, workspaceLevels...) {
		acl := ""
		if level != "" {
			acl = `{"group_name":"data","permission_level":"` + level + `"}`
		}
		callOK(t, s, "PUT", forAll+"directories/"+team, `{"access_control_list":[`+acl+`]}`)
		for _, call := range calls {
			got := send(t, s, call.method, call.path, call.body, alice)
			want := 200
			if i <= slices.Index(workspaceLevels, call.level) {
				want = 403
			}
			assert.Equal(t, want, got.status, "%s %s with %q: %s", call.method, call.path, level, got.body)
		}
		root := send(t, s, "GET", tree+"list?path=/", "", alice)
		assert.Equal(t, level != "", strings.Contains(root.body, `"/team"`), "whether the root shows it with %q", level)
	}
	shown := callOK(t, s, "GET", forAll+"notebooks/"+notebook, "")["access_control_list"].([]any)
	assert.Contains(t, shown, object{"group_name": "data", "all_permissions": []any{object{"permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": []any{"/directories/" + team}}}})

	callOK(t, s, "POST", tree+"mkdirs", `{"path":"/Users/alice@example.com/work"}`, alice)
	callOK(t, s, "POST", tree+"mkdirs", `{"path":"/Shared/work"}`, alice)
	callFails(t, s, "POST", tree+"mkdirs", `{"path":"/mine"}`, 403, "PERMISSION_DENIED", "", alice)
	callFails(t, s, "GET", tree+"list?path=/Users/admin@example.com", "", 403, "PERMISSION_DENIED", "", alice)
	callOK(t, s, "GET", forAll+"directories/0", "")
}

// Principals with a permission can use policies and pools. Without a policy,
// creating a cluster needs an entitlement.
func TestPermissions_policiesAndPools(t *testing.T) {
	s := newServer(t, WithoutSocket())
	scim(t, s, 201, "POST", "ServicePrincipals", `{"schemas":["s"],"applicationId":"robot"}`)
	robot := signedBy("Bearer " + s.IssueToken("robot", 1<<40))
	policy, pool := newPolicy(t, s, "p", "{}"), newPool(t, s, "")
	cluster := `{` + smallCluster + `,"num_workers":1`
	inPool := `{"spark_version":"7.3.x-scala2.12","num_workers":1,"policy_id":"` + policy + `","instance_pool_id":"` + pool + `"}`
	const create = "/api/2.0/clusters/create"
	callFails(t, s, "POST", create, cluster+`}`, 403, "PERMISSION_DENIED", "not authorized to create clusters", robot)
	callFails(t, s, "POST", create, cluster+`,"policy_id":"`+policy+`"}`, 403, "PERMISSION_DENIED", "CAN_USE", robot)
	callFails(t, s, "POST", "/api/2.0/instance-pools/create", `{"instance_pool_name":"q","node_type_id":"Standard_DS4_v2"}`, 403, "PERMISSION_DENIED", "not authorized", robot)
	assert.Empty(t, callOK(t, s, "GET", "/api/2.0/policies/clusters/list", "", robot))
	assert.Empty(t, callOK(t, s, "GET", "/api/2.0/instance-pools/list", "", robot))

	callOK(t, s, "PATCH", forAll+"cluster-policies/"+policy, `{"access_control_list":[{"service_principal_name":"ROBOT","permission_level":"CAN_USE"}]}`)
	callOK(t, s, "POST", create, cluster+`,"policy_id":"`+policy+`"}`, robot)
	callFails(t, s, "POST", create, inPool, 403, "PERMISSION_DENIED", "CAN_ATTACH_TO", robot)
	callOK(t, s, "PATCH", forAll+"instance-pools/"+pool, `{"access_control_list":[{"service_principal_name":"robot","permission_level":"CAN_ATTACH_TO"}]}`)
	callOK(t, s, "POST", create, inPool, robot)
	callFails(t, s, "POST", "/api/2.0/policies/clusters/delete", `{"policy_id":"`+policy+`"}`, 403, "PERMISSION_DENIED", "admin", robot)
	callFails(t, s, "POST", "/api/2.0/instance-pools/delete", `{"instance_pool_id":"`+pool+`"}`, 403, "PERMISSION_DENIED", "CAN_MANAGE", robot)
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/policies/clusters/list", "", robot)["policies"], 1)
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/clusters/list", "", robot)["clusters"], 2)
}
