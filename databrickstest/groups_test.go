package databrickstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A step is a request and the expected response.
type step struct {
	as   string // a token; empty for the server's token
	call string // such as "GET /api/2.0/groups/list"
	body string
	want string // JSON, or an error as "status CODE: message"; empty for {}
}

// converse runs steps one after another.
func converse(t *testing.T, s *Server, steps []step) {
	t.Helper()
	for i, st := range steps {
		method, path, _ := strings.Cut(st.call, " ")
		got := send(t, s, method, path, st.body, func(r *http.Request) {
			if st.as != "" {
				r.Header.Set("Authorization", "Bearer "+st.as)
			}
		})
		name := fmt.Sprintf("step %d: %s %s", i, st.call, st.body)
		if strings.HasPrefix(st.want, "{") || st.want == "" {
			require.Equal(t, 200, got.status, "%s: %s", name, got.body)
			require.JSONEq(t, cmp.Or(st.want, "{}"), got.body, name)
			continue
		}
		var e struct {
			Code    any    `json:"error_code"`
			Message string `json:"message"`
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &e), "%s: %s", name, got.body)
		require.Equal(t, st.want, fmt.Sprintf("%d %v: %s", got.status, e.Code, e.Message), name)
	}
}

func TestGroups(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"data", "users", "data"}}))
	const notAdmin = "403 PERMISSION_DENIED: Only admins of the workspace can manage its groups."
	converse(t, s, []step{
		{call: "GET /api/2.0/groups/list", want: `{"group_names":["admins","users","data"]}`},
		{call: "GET /api/2.0/groups/list-members?group_name=users", want: `{"members":[{"user_name":"admin@example.com"},{"user_name":"alice@example.com"}]}`},
		{call: "GET /api/2.0/groups/list-members?group_name=admins", want: `{"members":[{"user_name":"admin@example.com"}]}`},
		{call: "GET /api/2.0/groups/list-parents?user_name=alice@example.com", want: `{"group_names":["users","data"]}`},
		{call: "GET /api/2.0/groups/list-parents?group_name=data"},

		{call: "POST /api/2.0/groups/create", body: `{"group_name":"ops"}`, want: `{"group_name":"ops"}`},
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"ops"}`, want: "400 RESOURCE_ALREADY_EXISTS: Group with name ops already exists."},
		{call: "POST /api/2.0/groups/create", body: `{}`, want: "400 INVALID_PARAMETER_VALUE: Missing required field 'group_name'"},
		{call: "GET /api/2.0/groups/list-members?group_name=ops"},

		{as: "dapi-alice", call: "GET /api/2.0/groups/list", want: notAdmin},
		{as: "dapi-alice", call: "POST /api/2.0/groups/create", body: `{"group_name":"x"}`, want: notAdmin},
		{as: "dapi-alice", call: "GET /api/2.0/groups/list-members?group_name=data", want: notAdmin},
		{as: "dapi-alice", call: "GET /api/2.0/groups/list-parents?group_name=data", want: notAdmin},
		{as: "dapi-alice", call: "POST /api/2.0/groups/add-member", body: `{"user_name":"alice@example.com","parent_name":"admins"}`, want: notAdmin},
		{as: "dapi-alice", call: "POST /api/2.0/groups/remove-member", body: `{"user_name":"alice@example.com","parent_name":"data"}`, want: notAdmin},
		{as: "dapi-alice", call: "POST /api/2.0/groups/delete", body: `{"group_name":"data"}`, want: notAdmin},

		{call: "POST /api/2.0/groups/add-member", body: `{"parent_name":"ops"}`,
			want: "400 INVALID_PARAMETER_VALUE: Exactly one of user_name and group_name must be specified."},
		{call: "POST /api/2.0/groups/add-member", body: `{"user_name":"alice@example.com","group_name":"data","parent_name":"ops"}`,
			want: "400 INVALID_PARAMETER_VALUE: Exactly one of user_name and group_name must be specified."},
		{call: "POST /api/2.0/groups/add-member", body: `{"user_name":"bob@example.com","parent_name":"ops"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: User with name bob@example.com does not exist."},
		{call: "POST /api/2.0/groups/add-member", body: `{"group_name":"none","parent_name":"ops"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: Group with name none does not exist."},
		{call: "POST /api/2.0/groups/add-member", body: `{"group_name":"data","parent_name":"none"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: Group with name none does not exist."},
		{call: "POST /api/2.0/groups/add-member", body: `{"group_name":"data","parent_name":"users"}`,
			want: "400 INVALID_PARAMETER_VALUE: Group users cannot be changed."},
		{call: "POST /api/2.0/groups/remove-member", body: `{"user_name":"alice@example.com","parent_name":"users"}`,
			want: "400 INVALID_PARAMETER_VALUE: Group users cannot be changed."},
		{call: "POST /api/2.0/groups/remove-member", body: `{"user_name":"alice@example.com","parent_name":"ops"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: alice@example.com is not a member of group ops."},
		{call: "POST /api/2.0/groups/delete", body: `{"group_name":"admins"}`, want: "400 INVALID_PARAMETER_VALUE: Group admins cannot be deleted."},
		{call: "POST /api/2.0/groups/delete", body: `{"group_name":"users"}`, want: "400 INVALID_PARAMETER_VALUE: Group users cannot be deleted."},
	})
}

func TestGroups_nested(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"data"}}))
	add := func(group, parent string) step {
		return step{call: "POST /api/2.0/groups/add-member", body: fmt.Sprintf(`{"group_name":%q,"parent_name":%q}`, group, parent)}
	}
	refused := func(st step, why string) step {
		st.want = "400 INVALID_PARAMETER_VALUE: " + why
		return st
	}
	converse(t, s, []step{
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"ops"}`, want: `{"group_name":"ops"}`},
		add("data", "ops"),
		add("data", "ops"), // a second time
		refused(add("ops", "ops"), "Group ops cannot be added to ops, as it contains it."),
		refused(add("ops", "data"), "Group ops cannot be added to data, as it contains it."),
		add("ops", "admins"),
		refused(add("admins", "data"), "Group admins cannot be added to data, as it contains it."),
		{call: "GET /api/2.0/groups/list-members?group_name=ops", want: `{"members":[{"group_name":"data"}]}`},
		{call: "GET /api/2.0/groups/list-parents?group_name=data", want: `{"group_names":["ops"]}`},
		// An indirect member of admins is an administrator.
		{as: "dapi-alice", call: "GET /api/2.0/groups/list-parents?user_name=alice@example.com", want: `{"group_names":["users","data"]}`},
		// This ends when a group in between is deleted.
		{call: "POST /api/2.0/groups/delete", body: `{"group_name":"ops"}`},
		{call: "POST /api/2.0/groups/delete", body: `{"group_name":"ops"}`, want: "404 RESOURCE_DOES_NOT_EXIST: Group with name ops does not exist."},
		{call: "GET /api/2.0/groups/list-parents?group_name=data"},
		{call: "GET /api/2.0/groups/list-members?group_name=admins", want: `{"members":[{"user_name":"admin@example.com"}]}`},
		{as: "dapi-alice", call: "GET /api/2.0/groups/list", want: "403 PERMISSION_DENIED: Only admins of the workspace can manage its groups."},
	})
	assert.Len(t, s.identities.users, 2, "deleting a group does not delete its members")
}

func TestGroups_ofNewUsers(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice", Groups: []string{"admins"}}))
	converse(t, s, []step{{as: "dapi-alice", call: "GET /api/2.0/groups/list-members?group_name=admins",
		want: `{"members":[{"user_name":"admin@example.com"},{"user_name":"alice@example.com"}]}`}})
}

func TestGroups_ofAnAccount(t *testing.T) {
	s := newServer(t, WithAccountGroups(map[string][]string{"data": {"alice@example.com", "gone@example.com"}}),
		WithUser(User{Name: "alice@example.com"}), WithUser(User{Name: "bob@example.com"}))
	const inAccount = "400 MALFORMED_REQUEST: Group membership cannot be updated as data can only be managed in account."
	converse(t, s, []step{
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"ops"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: Account group with name 'ops' does not exist"},
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"data"}`, want: `{"group_name":"data"}`},
		{call: "GET /api/2.0/groups/list-members?group_name=data", want: `{"members":[{"user_name":"alice@example.com"}]}`},
		{call: "POST /api/2.0/groups/add-member", body: `{"user_name":"bob@example.com","parent_name":"data"}`, want: inAccount},
		{call: "POST /api/2.0/groups/remove-member", body: `{"user_name":"alice@example.com","parent_name":"data"}`, want: inAccount},
		{call: "POST /api/2.0/groups/add-member", body: `{"user_name":"bob@example.com","parent_name":"admins"}`},
	})
}
