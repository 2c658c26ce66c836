package databrickstest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scim sends a SCIM request and checks the status.
func scim(t testing.TB, s *Server, status int, method, path, body string, as ...string) object {
	t.Helper()
	token := s.Token
	if len(as) > 0 {
		token = as[0]
	}
	got := send(t, s, method, scimPath+path, body, signedBy("Bearer "+token))
	require.Equal(t, status, got.status, "%s %s: %s", method, path, got.body)
	out := object{}
	if got.body != "" {
		require.NoError(t, json.Unmarshal([]byte(got.body), &out))
	}
	return out
}

func names(list object, attribute string) string {
	var all []string
	resources, _ := list["Resources"].([]any)
	for _, r := range resources {
		all = append(all, r.(object)[attribute].(string))
	}
	return strings.Join(all, " ")
}

func TestSCIM_filters(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com"}), WithUser(User{Name: "bob@example.com", Groups: []string{"data"}}))
	for filter, want := range map[string]string{
		``:                                "admin@example.com alice@example.com bob@example.com",
		`userName eq "ALICE@example.com"`: "alice@example.com",
		`userName ne "alice@example.com"`: "admin@example.com bob@example.com",
		`userName sw "a"`:                 "admin@example.com alice@example.com",
		`userName co "b@"`:                "bob@example.com",
		`userName sw "a" and userName co "lic" or userName sw "b"`:   "alice@example.com bob@example.com",
		`userName sw "a" and (userName co "lic" or userName sw "b")`: "alice@example.com",
		`groups.display eq "data"`:                                   "bob@example.com",
		`active eq true and entitlements eq "workspace-access"`:      "admin@example.com alice@example.com bob@example.com",
		`nothing eq "x"`: "",
	} {
		assert.Equal(t, want, names(scim(t, s, 200, "GET", "Users?filter="+url.QueryEscape(filter), ""), "userName"), filter)
	}
	for _, filter := range []string{`userName`, `userName eq`, `userName xx "a"`, `(userName eq "a"`, `userName eq "a" "b"`, `;`, strings.Repeat("(", 100)} {
		assert.Equal(t, "invalidFilter", scim(t, s, 400, "GET", "Users?filter="+url.QueryEscape(filter), "")["scimType"], filter)
	}
	page := scim(t, s, 200, "GET", "Users?startIndex=2&count=1&sortBy=userName&sortOrder=descending&attributes=userName", "")
	assert.Equal(t, "alice@example.com", names(page, "userName"))
	assert.Equal(t, []any{3.0, 2.0, 1.0}, []any{page["totalResults"], page["startIndex"], page["itemsPerPage"]})
	assert.NotContains(t, page["Resources"].([]any)[0], "displayName")
}

func TestSCIM_groups(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const schema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	alice := scim(t, s, 201, "POST", "Users", `{"schemas":["s"],"userName":"alice@example.com"}`)["id"].(string)
	robot := scim(t, s, 201, "POST", "ServicePrincipals", `{"schemas":["s"],"displayName":"robot"}`)
	group := scim(t, s, 201, "POST", "Groups", `{`+schema+`,"displayName":"data","members":[{"value":"`+alice+`"}],"entitlements":[{"value":"allow-cluster-create"}]}`)
	id := group["id"].(string)
	assert.Equal(t, "WorkspaceGroup", group["meta"].(object)["resourceType"])
	members := func() string {
		var all []string
		list, _ := scim(t, s, 200, "GET", "Groups/"+id, "")["members"].([]any)
		for _, m := range list {
			all = append(all, m.(object)["display"].(string))
		}
		return strings.Join(all, " ")
	}
	for _, step := range []struct{ op, want string }{
		{`{"op":"add","path":"members","value":[{"value":"` + robot["id"].(string) + `"}]}`, "alice@example.com robot"},
		{`{"op":"Add","value":{"members":[{"value":"` + alice + `"}]}}`, "alice@example.com robot"},
		{`{"op":"remove","path":"members[value eq \"` + alice + `\"]"}`, "robot"},
		{`{"op":"remove","path":"members","value":[{"value":"` + robot["id"].(string) + `"}]}`, ""},
		{`{"op":"replace","path":"members","value":[{"value":"` + alice + `"}]}`, "alice@example.com"},
		{`{"op":"remove","path":"members"}`, ""},
		{`{"op":"replace","path":"displayName","value":"people"}`, ""},
	} {
		scim(t, s, 204, "PATCH", "Groups/"+id, patch+step.op+`]}`)
		assert.Equal(t, step.want, members(), step.op)
	}
	assert.Contains(t, callOK(t, s, "GET", "/api/2.0/groups/list", "")["group_names"], "people", "a renamed group")
	assert.NotEmpty(t, scim(t, s, 200, "GET", "Groups/"+id, "")["entitlements"], "a patch keeps what it does not name")
	scim(t, s, 200, "PUT", "Groups/"+id, `{`+schema+`,"displayName":"people"}`)
	assert.Empty(t, scim(t, s, 200, "GET", "Groups/"+id, "")["entitlements"], "a replacement unsets what it omits")

	assert.Equal(t, "invalidPath", scim(t, s, 400, "PATCH", "Groups/"+id, patch+`{"op":"move","path":"members"}]}`)["scimType"])
	scim(t, s, 400, "PATCH", "Groups/"+id, patch+`{"op":"add","path":"members","value":[{"value":"1"}]}]}`)
	scim(t, s, 400, "PATCH", "Groups/"+id, patch+`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}]}`)
	assert.Equal(t, object{"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": "Group with name people already exists.", "status": "409", "scimType": "uniqueness"},
		scim(t, s, 409, "POST", "Groups", `{`+schema+`,"displayName":"people"}`))
	scim(t, s, 400, "POST", "Groups", `{`+schema+`}`)
	scim(t, s, 404, "GET", "Groups/1", "")
	for _, name := range []string{"admins", "users"} {
		fixed := scim(t, s, 200, "GET", "Groups?filter=displayName+eq+"+name, "")["Resources"].([]any)[0].(object)["id"].(string)
		scim(t, s, 403, "DELETE", "Groups/"+fixed, "")
	}
	scim(t, s, 204, "DELETE", "Groups/"+id, "")
	scim(t, s, 404, "DELETE", "Groups/"+id, "")
}

// Changes of admins have an immediate effect. Inactive and deleted principals
// cannot sign in.
func TestSCIM_signIn(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}))
	me := scim(t, s, 200, "GET", "Me", "", "dapi-alice")
	alice := me["id"].(string)
	scim(t, s, 403, "GET", "Users", "", "dapi-alice")
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	admins := scim(t, s, 200, "GET", "Groups?filter=displayName+eq+admins", "")["Resources"].([]any)[0].(object)["id"].(string)
	scim(t, s, 204, "PATCH", "Groups/"+admins, patch+`{"op":"add","path":"members","value":[{"value":"`+alice+`"}]}]}`)
	scim(t, s, 200, "GET", "Users", "", "dapi-alice")
	scim(t, s, 204, "PATCH", "Users/"+alice, patch+`{"op":"replace","path":"active","value":false}]}`)
	scim(t, s, 403, "GET", "Me", "", "dapi-alice")
	scim(t, s, 204, "PATCH", "Users/"+alice, patch+`{"op":"replace","path":"active","value":true}]}`)
	scim(t, s, 200, "GET", "Me", "", "dapi-alice")
	scim(t, s, 204, "DELETE", "Users/"+alice, "")
	scim(t, s, 403, "GET", "Me", "", "dapi-alice")
	assert.Panics(t, func() { s.AddOAuthSecret("nobody") })
}

// The vendor's Go SDK sends objects without schemas.
func TestSCIM_withoutSchemas(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for kind, body := range map[string]string{
		"Users":             `{"userName":"alice@example.com","displayName":"Alice"}`,
		"ServicePrincipals": `{"displayName":"robot"}`,
		"Groups":            `{"displayName":"data"}`,
	} {
		made := scim(t, s, 201, "POST", kind, body)
		assert.NotEmpty(t, made["schemas"], kind)
		kept := scim(t, s, 200, "PUT", kind+"/"+made["id"].(string), body)
		assert.Equal(t, made["schemas"], kept["schemas"], kind)
	}
}
