package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGroups_wire(t *testing.T) {
	user, group := GroupMember{UserName: "alice@example.com"}, GroupMember{GroupName: "data"}
	runWire(t, []wireRow{{
		name: "add-member takes a user",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.AddMember(ctx, "ops", user) },
		wire: []wireStep{{"POST /api/2.0/groups/add-member", `{"parent_name": "ops", "user_name": "alice@example.com"}`, ""}},
	}, {
		name: "add-member takes a group",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.AddMember(ctx, "ops", group) },
		wire: []wireStep{{"POST /api/2.0/groups/add-member", `{"parent_name": "ops", "group_name": "data"}`, ""}},
	}, {
		name: "add-member to a group of the account",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.AddMember(ctx, "ops", user) },
		wire: []wireStep{{"POST /api/2.0/groups/add-member", `{"parent_name": "ops", "user_name": "alice@example.com"}`,
			`400 {"error_code": "MALFORMED_REQUEST", "message": "Group membership cannot be updated as ops can only be managed in account."}`}},
		is: ErrMalformedRequest, fails: "only be managed in account",
	}, {
		name: "a member that is a user and a group is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Groups.AddMember(ctx, "ops", GroupMember{"alice@example.com", "data"})
		},
		is:    fs.ErrInvalid,
		fails: `POST /api/2.0/groups/add-member: user_name "alice@example.com" and group_name "data" are both set`,
	}, {
		name: "a member that is nobody is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Groups.AddMember(ctx, "ops", GroupMember{})
		},
		is: fs.ErrInvalid, fails: "user_name or group_name is required",
	}, {
		name: "a parent without a name is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.AddMember(ctx, "", user) },
		is:   fs.ErrInvalid, fails: "parent_name is required",
	}, {
		name: "create",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/create", `{"group_name": "data"}`, `{"group_name": "Data", "brand_new": 1}`}},
	}, {
		name: "create without a name in the response",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/create", `{"group_name": "data"}`, ""}},
	}, {
		name: "create of a name that is taken",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/create", `{"group_name": "data"}`, `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": ""}`}},
		is:   fs.ErrExist, fails: "RESOURCE_ALREADY_EXISTS",
	}, {
		name: "create of a name that is taken, where the service cannot say so",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/create", `{"group_name": "data"}`,
			`500 {"error_code": "INTERNAL_ERROR", "message": "There was an internal error handling request POST to /api/2.0/groups/create"}`}},
		is: ErrInternalError,
	}, {
		name: "create of a group that the account does not have",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/create", `{"group_name": "data"}`,
			`404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Account group with name 'data' does not exist"}`}},
		is: fs.ErrNotExist,
	}, {
		name: "create without a name is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Create(ctx, "") },
		is:   fs.ErrInvalid, fails: "group_name is required",
	}, {
		name: "list-members returns users and groups",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListMembers(ctx, "ops") },
		wire: []wireStep{{"GET /api/2.0/groups/list-members?group_name=ops", "",
			`{"members": [{"user_name": "alice@example.com"}, {"group_name": "data"}, {"brand_new": 1}, null]}`}},
		want: []GroupMember{user, group, {}, {}},
	}, {
		name: "list-members of an empty group",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListMembers(ctx, "ops") },
		wire: []wireStep{{"GET /api/2.0/groups/list-members?group_name=ops", "", ""}},
		want: []GroupMember(nil),
	}, {
		name: "list-members of no group",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListMembers(ctx, "ops") },
		wire: []wireStep{{"GET /api/2.0/groups/list-members?group_name=ops", "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is:   ErrResourceDoesNotExist, fails: "databricks: GET /api/2.0/groups/list-members: 404 RESOURCE_DOES_NOT_EXIST: x",
	}, {
		name: "list-members without a name is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListMembers(ctx, "") },
		is:   fs.ErrInvalid, fails: "group_name is required",
	}, {
		name: "list returns the names",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.List(ctx) },
		wire: []wireStep{{"GET /api/2.0/groups/list", "", `{"group_names": ["admins", 7]}`}},
		want: []string{"admins", "7"},
	}, {
		name: "list by somebody who is no admin",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.List(ctx) },
		wire: []wireStep{{"GET /api/2.0/groups/list", "", `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   ErrPermissionDenied,
	}, {
		name: "list-parents of a user",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListParents(ctx, user) },
		wire: []wireStep{{"GET /api/2.0/groups/list-parents?user_name=alice%40example.com", "", `{"group_names": ["users"]}`}},
		want: []string{"users"},
	}, {
		name: "list-parents of a group",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListParents(ctx, group) },
		wire: []wireStep{{"GET /api/2.0/groups/list-parents?group_name=data", "", ""}},
		want: []string(nil),
	}, {
		name: "list-parents of both is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Groups.ListParents(ctx, GroupMember{"a", "b"})
		},
		is: fs.ErrInvalid, fails: "are both set",
	}, {
		name: "list-parents of nobody is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Groups.ListParents(ctx, GroupMember{}) },
		is:   fs.ErrInvalid, fails: "user_name or group_name is required",
	}, {
		name: "remove-member takes a user",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.RemoveMember(ctx, "ops", user) },
		wire: []wireStep{{"POST /api/2.0/groups/remove-member", `{"parent_name": "ops", "user_name": "alice@example.com"}`, ""}},
	}, {
		name: "remove-member takes a group",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Groups.RemoveMember(ctx, "ops", group)
		},
		wire: []wireStep{{"POST /api/2.0/groups/remove-member", `{"parent_name": "ops", "group_name": "data"}`,
			`404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is: ErrResourceDoesNotExist,
	}, {
		name: "remove-member of nobody is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Groups.RemoveMember(ctx, "ops", GroupMember{})
		},
		is: fs.ErrInvalid, fails: "user_name or group_name is required",
	}, {
		name: "delete",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Delete(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/delete", `{"group_name": "data"}`, ""}},
	}, {
		name: "delete of no group",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Delete(ctx, "data") },
		wire: []wireStep{{"POST /api/2.0/groups/delete", `{"group_name": "data"}`, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST"}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "delete without a name is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Groups.Delete(ctx, "") },
		is:   fs.ErrInvalid, fails: "group_name is required",
	}})
}

func TestGroups_hostileNames(t *testing.T) {
	runHostile(t, []hostileRow{
		{"POST /api/2.0/groups/create", "group_name", "", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.Create(ctx, name)
		}},
		{"POST /api/2.0/groups/delete", "group_name", "", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.Delete(ctx, name)
		}},
		{"GET /api/2.0/groups/list-members", "group_name", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Groups.ListMembers(ctx, name)
			return err
		}},
		{"GET /api/2.0/groups/list-parents", "group_name", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Groups.ListParents(ctx, GroupMember{GroupName: name})
			return err
		}},
		{"GET /api/2.0/groups/list-parents", "user_name", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Groups.ListParents(ctx, GroupMember{UserName: name})
			return err
		}},
		{"POST /api/2.0/groups/add-member", "user_name", "parent_name=ops", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.AddMember(ctx, "ops", GroupMember{UserName: name})
		}},
		{"POST /api/2.0/groups/add-member", "group_name", "parent_name=ops", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.AddMember(ctx, "ops", GroupMember{GroupName: name})
		}},
		{"POST /api/2.0/groups/add-member", "parent_name", "group_name=data", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.AddMember(ctx, name, GroupMember{GroupName: "data"})
		}},
		{"POST /api/2.0/groups/remove-member", "parent_name", "group_name=data", func(ctx context.Context, c *Client, name string) error {
			return c.Groups.RemoveMember(ctx, name, GroupMember{GroupName: "data"})
		}},
	})
}

// hostileNames are names that careless encoding would change.
var hostileNames = []string{
	"two words", "a&b=c", "100%2Fdone", "#top", "a?b", "a+b", "a;b", "ünï 日本 🚀", ".", "..", "../../etc/passwd", "a/b", "//", `"quoted"\`,
	"<script>", "line\nbreak\ttab\x00", "\u2028", " padded ", strings.Repeat("n", 4096),
}

// A hostileRow is a call with an argument that may be any text.
type hostileRow struct {
	request string // method and path
	arg     string // JSON name of the argument
	rest    string // the other arguments, as a query
	call    func(ctx context.Context, c *Client, name string) error
}

// runHostile makes each call with each name, by default with hostileNames. The
// service must receive the name unchanged, and the rest of the request must not
// change.
func runHostile(t *testing.T, rows []hostileRow, names ...string) {
	if names == nil {
		names = hostileNames
	}
	for _, row := range rows {
		t.Run(row.request+" "+row.arg, func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				want, err := url.ParseQuery(row.rest)
				require.NoError(t, err)
				want.Set(row.arg, name)
				got, requests := url.Values{}, 0
				transport := httpmock.NewMockTransport()
				transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
					requests++
					path, query, _ := strings.Cut(r.URL.RequestURI(), "?")
					if sent := r.Method + " " + path; sent != row.request {
						return nil, errors.New("the request is " + sent)
					}
					fields, err := url.ParseQuery(query)
					if err != nil {
						return nil, err
					}
					if r.Method == http.MethodPost {
						body := map[string]string{}
						if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
							return nil, err
						}
						for key, value := range body {
							fields.Add(key, value)
						}
					}
					got = fields
					return wireResponse(`{"content":""}`), nil
				})
				client := newTestClient(t, "https://workspace.example.com",
					WithHTTPClient(&http.Client{Transport: transport}), WithRetryPolicy(RetryPolicy{MaxAttempts: 1}))
				require.NoError(t, row.call(t.Context(), client, name), "%.40q", name)
				assert.Equal(t, want, got)
				assert.Equal(t, 1, requests)
			}
		})
	}
}
