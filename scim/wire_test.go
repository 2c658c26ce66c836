package scim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const prefix = "/api/2.0/preview/scim/v2/"

// A step is a request and its response. The response is a JSON body, after a status
// if that is not 200.
type step struct{ request, body, response string }

type transport struct {
	mu    sync.Mutex
	steps []step
	sent  []step
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.Query().Encode()
	}
	t.sent = append(t.sent, step{r.Method + " " + strings.TrimPrefix(r.URL.EscapedPath(), prefix) + query, body, ""})
	if len(t.sent) > len(t.steps) {
		return nil, errors.New("a request that was not expected")
	}
	status, text := http.StatusOK, t.steps[len(t.sent)-1].response
	if code, rest, ok := strings.Cut(text, " "); ok && len(code) == 3 {
		status, _ = strconv.Atoi(code)
		text = rest
	}
	if status == http.StatusNoContent {
		text = ""
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/scim+json"}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
}

func TestWire(t *testing.T) {
	const user = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "userName": "a@example.com", "displayName": "A",
		"name": {"givenName": "Ann", "familyName": "Lee"}, "emails": [{"value": "a@example.com", "type": "work", "primary": true}], "active": false,
		"groups": [{"value": "9", "display": "etl", "$ref": "Groups/9", "type": "direct"}], "roles": [{"value": "arn"}],
		"entitlements": [{"value": "allow-cluster-create"}, {"value": "brand-new"}], "externalId": "x"}`
	ann := User{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, ID: "1", UserName: "a@example.com", DisplayName: "A", Name: &Name{"Ann", "Lee"},
		Emails: []ComplexValue{{Value: "a@example.com", Type: "work", Primary: true}}, Active: new(false),
		Groups: []ComplexValue{{Value: "9", Display: "etl", Ref: "Groups/9", Type: "direct"}}, Roles: Values("arn"),
		Entitlements: Values[Entitlement](AllowClusterCreate, "brand-new"), ExternalID: "x",
	}
	const group = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": "9", "displayName": "etl", "members": [{"value": "1"}], "meta": {"resourceType": "WorkspaceGroup"}}`
	etl := Group{Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, ID: "9", DisplayName: "etl", Members: Values("1"), Meta: &ResourceMeta{"WorkspaceGroup"}}
	failure := func(status int, detail string) string {
		return fmt.Sprintf(`%d {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": %q, "status": "%d"}`, status, detail, status)
	}
	type calls = func(context.Context, *Client) (any, error)
	done := func(call func(context.Context, *Client) error) calls {
		return func(ctx context.Context, c *Client) (any, error) { return nil, call(ctx, c) }
	}
	page := func(total, start int, resources ...string) string {
		return fmt.Sprintf(`{"totalResults": %d, "startIndex": %d, "itemsPerPage": %d, "Resources": [%s]}`, total, start, len(resources), strings.Join(resources, ", "))
	}
	list := func(in ListOptions) calls {
		return func(ctx context.Context, c *Client) (any, error) { return c.Users.List(ctx, in) }
	}
	ids := func(users any) string {
		var all []string
		for _, u := range users.([]User) {
			all = append(all, u.ID)
		}
		return strings.Join(all, " ")
	}

	for _, row := range []struct {
		name  string
		call  calls
		steps []step
		want  any
		is    error
		fails string
	}{
		{"me", func(ctx context.Context, c *Client) (any, error) {
			return c.Me(ctx, GetMe{ExcludedAttributes: "groups,roles"})
		},
			[]step{{"GET Me?excludedAttributes=groups%2Croles", "", user}}, &ann, nil, ""},
		{"create with every field", func(ctx context.Context, c *Client) (any, error) { return c.Users.Create(ctx, ann) },
			[]step{{"POST Users", user, "201 " + user}}, &ann, nil, ""},
		{"create with the required fields", func(ctx context.Context, c *Client) (any, error) {
			return c.Users.Create(ctx, User{UserName: "a@example.com"})
		},
			[]step{{"POST Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a@example.com"}`, "201 " + user}}, &ann, nil, ""},
		{"create without a name", func(ctx context.Context, c *Client) (any, error) { return c.Users.Create(ctx, User{}) }, nil, nil, fs.ErrInvalid, "userName is required"},
		{"create of a group without a name", func(ctx context.Context, c *Client) (any, error) { return c.Groups.Create(ctx, Group{}) }, nil, nil, fs.ErrInvalid, "displayName is required"},
		{"create of a name that is taken", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.Create(ctx, Group{DisplayName: "etl"})
		},
			[]step{{"POST Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "etl"}`, failure(409, "Group with name etl already exists.")}}, nil, fs.ErrExist, "already exists"},
		{"the same by its code", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.Create(ctx, Group{DisplayName: "etl"})
		},
			[]step{{"POST Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "etl"}`, failure(409, "x")}}, nil, ErrConflict, ""},
		{"create by somebody who is no admin", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.Create(ctx, Group{DisplayName: "etl"})
		},
			[]step{{"POST Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "etl"}`, failure(403, "x")}}, nil, fs.ErrPermission, ""},
		{"a service principal", func(ctx context.Context, c *Client) (any, error) {
			return c.ServicePrincipals.Create(ctx, ServicePrincipal{DisplayName: "p"})
		},
			[]step{{"POST ServicePrincipals", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"], "displayName": "p"}`,
				`201 {"id": "2", "applicationId": "app", "displayName": "p"}`}}, &ServicePrincipal{ID: "2", ApplicationID: "app", DisplayName: "p"}, nil, ""},
		{"get of some attributes", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.Get(ctx, GetOptions{"9", "displayName", "members"})
		},
			[]step{{"GET Groups/9?attributes=displayName&excludedAttributes=members", "", group}}, &etl, nil, ""},
		{"get of what does not exist", func(ctx context.Context, c *Client) (any, error) { return c.Users.Get(ctx, GetOptions{ID: "7"}) },
			[]step{{"GET Users/7", "", failure(404, "User 7 not found")}}, nil, fs.ErrNotExist, "User 7 not found"},
		{"get of no ID", func(ctx context.Context, c *Client) (any, error) { return c.Users.Get(ctx, GetOptions{}) }, nil, nil, fs.ErrInvalid, "id is required"},
		{"get of an ID that would change the path", func(ctx context.Context, c *Client) (any, error) { return c.Users.Get(ctx, GetOptions{ID: "../Me"}) }, nil, nil, fs.ErrInvalid, "is not valid"},
		{"patch a group", done(func(ctx context.Context, c *Client) error {
			return c.Groups.Patch(ctx, "9", AddMembers("1", "2"), RemoveMember(`3"`))
		}),
			[]step{{"PATCH Groups/9", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
				{"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}, {"op": "remove", "path": "members[value eq \"3\\\"\"]"}]}`, "204 "}}, nil, nil, ""},
		{"patch a user", done(func(ctx context.Context, c *Client) error {
			return c.Users.Patch(ctx, "1", Deactivate(), Activate(), Rename("A"), AddEntitlements(WorkspaceAccess), RemoveEntitlement(DatabricksSQLAccess), AddRoles("arn"), RemoveRole("arn2"))
		}),
			[]step{{"PATCH Users/1", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
				{"op": "replace", "path": "active", "value": false}, {"op": "replace", "path": "active", "value": true}, {"op": "replace", "path": "displayName", "value": "A"},
				{"op": "add", "path": "entitlements", "value": [{"value": "workspace-access"}]}, {"op": "remove", "path": "entitlements[value eq \"databricks-sql-access\"]"},
				{"op": "add", "path": "roles", "value": [{"value": "arn"}]}, {"op": "remove", "path": "roles[value eq \"arn2\"]"}]}`, user}}, nil, nil, ""},
		{"patch without operations", done(func(ctx context.Context, c *Client) error { return c.Users.Patch(ctx, "1") }), nil, nil, fs.ErrInvalid, "Operations is required"},
		{"patch with an operation that does nothing", done(func(ctx context.Context, c *Client) error {
			return c.Users.Patch(ctx, "1", PatchOperation{Path: "active"})
		}), nil, nil, fs.ErrInvalid, "Operations[0].op is required"},
		{"update replaces", done(func(ctx context.Context, c *Client) error {
			return c.Groups.Update(ctx, Group{ID: "9", DisplayName: "etl"})
		}),
			[]step{{"PUT Groups/9", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": "9", "displayName": "etl"}`, group}}, nil, nil, ""},
		{"modify keeps what it does not change, known or not", done(func(ctx context.Context, c *Client) error {
			return c.Users.Modify(ctx, "1", func(u *User) { u.DisplayName = "B" })
		}),
			[]step{{"GET Users/1", "", `{"id": "1", "userName": "a@example.com", "displayName": "A", "entitlements": [{"value": "e", "new": 1}], "brand_new": {"x": 1}}`},
				{"PUT Users/1", `{"id": "1", "userName": "a@example.com", "displayName": "B", "entitlements": [{"value": "e", "new": 1}], "brand_new": {"x": 1}}`, user}}, nil, nil, ""},
		{"modify does not send the same again after a lost response, as somebody else may have changed the user since", done(func(ctx context.Context, c *Client) error {
			return c.Users.Modify(ctx, "1", func(u *User) { u.DisplayName = "B" })
		}),
			[]step{{"GET Users/1", "", `{"schemas": ["s", "urn:brand:new"], "id": "1", "userName": "a"}`}, {"PUT Users/1", `{"schemas": ["s", "urn:brand:new"], "id": "1", "userName": "a", "displayName": "B"}`, "502 "}},
			nil, nil, "outcome unknown"},
		{"modify that changes nothing", done(func(ctx context.Context, c *Client) error { return c.Users.Modify(ctx, "1", func(*User) {}) }),
			[]step{{"GET Users/1", "", user}}, nil, nil, ""},
		{"delete", done(func(ctx context.Context, c *Client) error { return c.ServicePrincipals.Delete(ctx, "2") }), []step{{"DELETE ServicePrincipals/2", "", "204 "}}, nil, nil, ""},
		{"a list reads all pages, from 1", list(ListOptions{PageSize: 2}), []step{{"GET Users?count=2", "", page(3, 1, `{"id": "1"}`, `{"id": "2"}`)},
			{"GET Users?count=2&startIndex=3", "", page(3, 3, `{"id": "3"}`)}}, "1 2 3", nil, ""},
		{"an item that fills the next page", list(ListOptions{PageSize: 1}), []step{{"GET Users?count=1", "", page(2, 1, `{"id": "1"}`)},
			{"GET Users?count=1&startIndex=2", "", page(3, 2, `{"id": "1"}`)}, {"GET Users?count=1&startIndex=3", "", page(3, 3, `{"id": "2"}`)}}, "1 2", nil, ""},
		{"a list without a total ends with an empty page", list(ListOptions{}), []step{{"GET Users", "", `{"Resources": [{"id": "1"}]}`},
			{"GET Users?startIndex=2", "", `{"Resources": [{"id": "2"}]}`}, {"GET Users?startIndex=3", "", `{}`}}, "1 2", nil, ""},
		{"a service that does not page", list(ListOptions{}), []step{{"GET Users", "", `{"Resources": [{"id": "1"}]}`},
			{"GET Users?startIndex=2", "", `{"Resources": [{"id": "1"}]}`}}, "1", nil, ""},
		{"a list that shrinks while it is read", list(ListOptions{PageSize: 1}), []step{{"GET Users?count=1", "", page(2, 1, `{"id": "1"}`)},
			{"GET Users?count=1&startIndex=2", "", page(1, 2)}}, "1", nil, ""},
		{"an item that moves to the next page", list(ListOptions{PageSize: 2}), []step{{"GET Users?count=2", "", page(4, 1, `{"id": "1"}`, `{"id": "2"}`)},
			{"GET Users?count=2&startIndex=3", "", page(4, 3, `{"id": "2"}`, `{"id": "3"}`)}}, "1 2 3", nil, ""},
		{"a service that sends the same page again and again", list(ListOptions{}), []step{{"GET Users", "", page(9, 1, `{"id": "1"}`)},
			{"GET Users?startIndex=2", "", page(9, 1, `{"id": "1"}`)}}, nil, nil, "would never end"},
		{"a list with everything", list(ListOptions{And(Equal("userName", `a"b`), Or(Contains("displayName", "x"), StartsWith("displayName", "y"))), "userName", Descending, "id", "roles", 5, "3", 1}),
			[]step{{`GET Users?attributes=id&count=5&excludedAttributes=roles&filter=userName+eq+%22a%5C%22b%22+and+%28displayName+co+%22x%22+or+displayName+sw+%22y%22%29&sortBy=userName&sortOrder=descending&startIndex=3`,
				"", page(9, 3, `{"id": "3"}`, `{"id": "4"}`)}}, "3", nil, ""},
		{"one page", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.ListPage(ctx, ListOptions{PageSize: 1})
		},
			[]step{{"GET Groups?count=1", "", page(2, 1, group)}}, &databricks.Page[Group]{Items: []Group{etl}, NextPageToken: "2"}, nil, ""},
		{"the last page", func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.ListPage(ctx, ListOptions{PageToken: "2"})
		},
			[]step{{"GET Groups?startIndex=2", "", page(2, 2, group)}}, &databricks.Page[Group]{Items: []Group{etl}}, nil, ""},
		{"a page of nothing", list(ListOptions{PageToken: "0"}), nil, nil, fs.ErrInvalid, "want a number from 1"},
		{"a page size below zero", list(ListOptions{PageSize: -1}), nil, nil, fs.ErrInvalid, "PageSize is -1"},
		{"a limit below zero", list(ListOptions{Limit: -1}), nil, nil, fs.ErrInvalid, "Limit is -1"},
		{"find", func(ctx context.Context, c *Client) (any, error) { return c.Groups.Find(ctx, "ETL") },
			[]step{{"GET Groups?filter=displayName+eq+%22ETL%22", "", page(2, 1, `{"id": "8", "displayName": "etl-2"}`, group)}}, &etl, nil, ""},
		{"find of what is not listed", func(ctx context.Context, c *Client) (any, error) { return c.Users.Find(ctx, "a@example.com") },
			[]step{{"GET Users?filter=userName+eq+%22a%40example.com%22", "", `{"totalResults": 0}`}}, nil, fs.ErrNotExist, "may not be listed yet"},
		{"home of a caller without a name", func(ctx context.Context, c *Client) (any, error) { return c.HomeDir(ctx) },
			[]step{{"GET Me", "", `{"id": "1"}`}}, nil, nil, "databricks: the caller has no user name"},
		{"find of nothing", func(ctx context.Context, c *Client) (any, error) { return c.ServicePrincipals.Find(ctx, "") }, nil, nil, fs.ErrInvalid, "applicationId is required"},
	} {
		t.Run(row.name, func(t *testing.T) {
			service := &transport{steps: row.steps}
			client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-test-token"), databricks.WithHTTPClient(&http.Client{Transport: service}))
			require.NoError(t, err)
			got, err := row.call(t.Context(), NewClient(client))
			require.Len(t, service.sent, len(row.steps), "requests; the error is %v", err)
			for i, want := range row.steps {
				assert.Equal(t, want.request, service.sent[i].request)
				if want.body != "" {
					assert.JSONEq(t, want.body, service.sent[i].body)
				} else {
					assert.Empty(t, service.sent[i].body)
				}
			}
			switch {
			case row.is == nil && row.fails == "":
				require.NoError(t, err)
			case row.is != nil:
				require.ErrorIs(t, err, row.is)
			}
			if err != nil {
				assert.True(t, strings.HasPrefix(err.Error(), "databricks: "), "the error starts with databricks: %v", err)
				assert.NotContains(t, err.Error(), "scim:")
			}
			if row.fails != "" {
				require.ErrorContains(t, err, row.fails)
				return
			}
			switch want := row.want.(type) {
			case nil:
			case string:
				assert.Equal(t, want, ids(got))
			default:
				assert.Equal(t, want, got)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	for want, filter := range map[Filter]Filter{
		`displayName eq "a\\b\"c"`:                     Equal("displayName", `a\b"c`),
		`displayName ne "a\nb<é>"`:                     NotEqual("displayName", "a\nb<é>"),
		`displayName eq "a or b" and active eq "true"`: And(Equal("displayName", "a or b"), Equal("active", "true")),
		`(a eq "1" OR b eq "2") and c eq "3"`:          And(`a eq "1" OR b eq "2"`, Equal("c", "3")),
		`a eq "1" and b eq "2" or c eq "3"`:            Or(And(Equal("a", "1"), Equal("b", "2")), Equal("c", "3")),
		`a eq "1" or b eq "2"`:                         And("", Or(Equal("a", "1"), "", Equal("b", "2"))),
		``:                                             And(),
	} {
		assert.Equal(t, want, filter)
	}
}

// What a filter quotes is what it finds.
func TestFilter_finds(t *testing.T) {
	server := databrickstest.NewServer()
	defer server.Close()
	client := NewClient(server.Client())
	for _, name := range []string{`a"b`, `a\`, `a\"b`, `a" or displayName ne "`, "a\tb", "é<&>", "x] eq [y"} {
		group, err := client.Groups.Create(t.Context(), Group{DisplayName: name})
		require.NoError(t, err)
		found, err := client.Groups.List(t.Context(), ListOptions{Filter: Equal("displayName", name)})
		require.NoError(t, err)
		require.Len(t, found, 1, name)
		assert.Equal(t, group.ID, found[0].ID)
		member, err := client.ServicePrincipals.Create(t.Context(), ServicePrincipal{DisplayName: name, Roles: Values(name, "other")})
		require.NoError(t, err)
		require.NoError(t, client.ServicePrincipals.Patch(t.Context(), member.ID, RemoveRole(name)))
		member, err = client.ServicePrincipals.Get(t.Context(), GetOptions{ID: member.ID})
		require.NoError(t, err)
		assert.Equal(t, Values("other"), member.Roles)
	}
}

// Concurrent calls of CachedMe send one request. A failure is not cached. A caller
// may change its result without effect on others.
func TestClient_CachedMe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithRecording(databrickstest.Recording{Requests: 100}))
		defer server.Close()
		client := NewClient(server.Client(databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 1})))
		server.Inject(databrickstest.Fault{Path: prefix + "Me", Status: 500, Times: 1})
		_, err := client.CachedMe(t.Context())
		require.Error(t, err)

		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				me, err := client.CachedMe(t.Context())
				assert.NoError(t, err)
				me.UserName, me.Entitlements[0].Value, *me.Active = "changed", "changed", false
			})
		}
		callers.Wait()
		home, err := client.HomeDir(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "/Users/"+databrickstest.AdminName, home)
		me, err := client.CachedMe(t.Context())
		require.NoError(t, err)
		assert.True(t, *me.Active)
		assert.NotEqual(t, "changed", me.Entitlements[0].Value)
		assert.Len(t, server.Requests(), 2)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = NewClient(server.Client()).CachedMe(ctx)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// An identity that was just created is not in lists yet, but Get returns it.
func TestLists_lag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithListLag(60e9))
		defer server.Close()
		client := NewClient(server.Client())
		group, err := client.Groups.Create(t.Context(), Group{DisplayName: "etl"})
		require.NoError(t, err)
		_, err = client.Groups.Find(t.Context(), "etl")
		require.ErrorIs(t, err, ErrNotFound)
		_, err = client.Groups.Get(t.Context(), GetOptions{ID: group.ID})
		require.NoError(t, err)
	})
}

// In a dry run, later calls contain placeholders for the IDs of new identities.
func TestPlan(t *testing.T) {
	server := databrickstest.NewServer()
	defer server.Close()
	var planned []string
	client := server.Client(databricks.WithPlan(func(call databricks.PlannedCall) {
		planned = append(planned, call.Method+" "+call.Path+" "+string(call.Body))
	}))
	identities := NewClient(client)
	principal, err := identities.ServicePrincipals.Create(t.Context(), ServicePrincipal{DisplayName: "etl"})
	require.NoError(t, err)
	group, err := identities.Groups.Create(t.Context(), Group{DisplayName: "etl", Members: Values(principal.ID)})
	require.NoError(t, err)
	require.NoError(t, identities.Groups.Patch(t.Context(), group.ID, RemoveMember(principal.ID)))
	require.NoError(t, identities.Groups.Modify(t.Context(), group.ID, func(g *Group) { g.ExternalID = "x" }))
	policy, err := client.Policies.Create(t.Context(), databricks.CreatePolicy{Name: "p", Definition: "{}"})
	require.NoError(t, err)
	_, err = client.Permissions.Update(t.Context(), databricks.UpdatePermissions{Object: databricks.PermissionsOnClusterPolicies, ID: policy,
		AccessControlList: []databricks.AccessControl{{ServicePrincipalName: principal.ApplicationID, PermissionLevel: databricks.CanUse}}})
	require.NoError(t, err)
	assert.Equal(t, []string{
		`POST /api/2.0/preview/scim/v2/ServicePrincipals {"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"],"displayName":"etl"}`,
		`POST /api/2.0/preview/scim/v2/Groups {"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"etl","members":[{"value":"<id of call 1>"}]}`,
		`PATCH /api/2.0/preview/scim/v2/Groups/<id of call 2> {"Operations":[{"op":"remove","path":"members[value eq \"<id of call 1>\"]"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
		`PUT /api/2.0/preview/scim/v2/Groups/<id of call 2> {"externalId":"x"}`,
		`POST /api/2.0/policies/clusters/create {"name":"p","definition":"{}"}`,
		`PATCH /api/2.0/permissions/cluster-policies/<policy_id of call 5> {"access_control_list":[{"service_principal_name":"<applicationId of call 1>","permission_level":"CAN_USE"}]}`,
	}, planned)
}
