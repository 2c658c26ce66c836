package scim

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/contract"
)

// These tests compare the calls with testdata/contract/scim.json. They correspond
// to the contract tests of the root package.

var contractDepartures = map[string]string{
	"zero scim.ComplexValue.value":                 "an entry without a value is not to be sent",
	"scim.ListUsersRequest.startIndex":             "a page token, as in all lists",
	"scim.ListServicePrincipalsRequest.startIndex": "a page token, as in all lists",
	"scim.ListGroupsRequest.startIndex":            "a page token, as in all lists",
}

const (
	pages  = "schemas totalResults startIndex itemsPerPage"
	schema = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:`
	patchA = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "add"}]}`
)

var contractRows = []contract.Row{
	{Call: "GET /api/2.0/preview/scim/v2/Me", Go: "Me"},

	{Call: "POST /api/2.0/preview/scim/v2/Users", Go: "Users.Create", Sample: schema + `User"]}`},
	{Call: "GET /api/2.0/preview/scim/v2/Users", Go: "Users.List", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/Users", Go: "Users.All", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/Users/{id}", Go: "Users.Get"},
	{Call: "PATCH /api/2.0/preview/scim/v2/Users/{id}", Go: "Users.Patch", Args: "id Operations", Inner: "schemas", Sample: patchA},
	{Call: "PUT /api/2.0/preview/scim/v2/Users/{id}", Go: "Users.Update", Sample: schema + `User"]}`},
	{Call: "DELETE /api/2.0/preview/scim/v2/Users/{id}", Go: "Users.Delete", Args: "id"},

	{Call: "POST /api/2.0/preview/scim/v2/ServicePrincipals", Go: "ServicePrincipals.Create", Sample: schema + `ServicePrincipal"]}`},
	{Call: "GET /api/2.0/preview/scim/v2/ServicePrincipals", Go: "ServicePrincipals.List", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/ServicePrincipals", Go: "ServicePrincipals.All", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/ServicePrincipals/{id}", Go: "ServicePrincipals.Get"},
	{Call: "PATCH /api/2.0/preview/scim/v2/ServicePrincipals/{id}", Go: "ServicePrincipals.Patch", Args: "id Operations", Inner: "schemas", Sample: patchA},
	{Call: "PUT /api/2.0/preview/scim/v2/ServicePrincipals/{id}", Go: "ServicePrincipals.Update", Sample: schema + `ServicePrincipal"]}`},
	{Call: "DELETE /api/2.0/preview/scim/v2/ServicePrincipals/{id}", Go: "ServicePrincipals.Delete", Args: "id"},

	{Call: "POST /api/2.0/preview/scim/v2/Groups", Go: "Groups.Create", Sample: schema + `Group"]}`},
	{Call: "GET /api/2.0/preview/scim/v2/Groups", Go: "Groups.List", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/Groups", Go: "Groups.All", Inner: pages, Requests: 2},
	{Call: "GET /api/2.0/preview/scim/v2/Groups/{id}", Go: "Groups.Get"},
	{Call: "PATCH /api/2.0/preview/scim/v2/Groups/{id}", Go: "Groups.Patch", Args: "id Operations", Inner: "schemas", Sample: patchA},
	{Call: "PUT /api/2.0/preview/scim/v2/Groups/{id}", Go: "Groups.Update", Sample: schema + `Group"]}`},
	{Call: "DELETE /api/2.0/preview/scim/v2/Groups/{id}", Go: "Groups.Delete", Args: "id"},
}

// hostileCalls are the methods without a row; see [contract.Suite.Hostile].
var hostileCalls = map[string]func(ctx context.Context, client any) error{
	"CachedMe": value(func(ctx context.Context, c *Client) (*User, error) { return c.CachedMe(ctx) }),
	"HomeDir":  value(func(ctx context.Context, c *Client) (string, error) { return c.HomeDir(ctx) }),

	"Users.Find": value(func(ctx context.Context, c *Client) (*User, error) { return c.Users.Find(ctx, "u") }),
	"Users.ListPage": value(func(ctx context.Context, c *Client) (*databricks.Page[User], error) {
		return c.Users.ListPage(ctx, ListOptions{})
	}),
	"Users.Modify": func(ctx context.Context, client any) error {
		return client.(*Client).Users.Modify(ctx, "1", func(v *User) { v.DisplayName += "x" })
	},

	"ServicePrincipals.Find": value(func(ctx context.Context, c *Client) (*ServicePrincipal, error) {
		return c.ServicePrincipals.Find(ctx, "p")
	}),
	"ServicePrincipals.ListPage": value(func(ctx context.Context, c *Client) (*databricks.Page[ServicePrincipal], error) {
		return c.ServicePrincipals.ListPage(ctx, ListOptions{})
	}),
	"ServicePrincipals.Modify": func(ctx context.Context, client any) error {
		return client.(*Client).ServicePrincipals.Modify(ctx, "1", func(v *ServicePrincipal) { v.DisplayName += "x" })
	},

	"Groups.Find": value(func(ctx context.Context, c *Client) (*Group, error) { return c.Groups.Find(ctx, "g") }),
	"Groups.ListPage": value(func(ctx context.Context, c *Client) (*databricks.Page[Group], error) {
		return c.Groups.ListPage(ctx, ListOptions{})
	}),
	"Groups.Modify": func(ctx context.Context, client any) error {
		return client.(*Client).Groups.Modify(ctx, "1", func(v *Group) { v.DisplayName += "x" })
	},
}

func value[T any](call func(ctx context.Context, c *Client) (T, error)) func(ctx context.Context, client any) error {
	return func(ctx context.Context, client any) error {
		_, err := call(ctx, client.(*Client))
		return err
	}
}

var contractSuite = &contract.Suite{
	Others: hostileCalls,
	Checker: func() *contract.Checker {
		areas, err := contract.Load("../testdata/contract", "scim")
		if err != nil {
			panic(err)
		}
		constants, err := contract.Constants(map[string]string{reflect.TypeFor[Client]().PkgPath(): "."})
		if err != nil {
			panic(err)
		}
		return &contract.Checker{
			Areas: areas, Client: reflect.TypeFor[Client](), Constants: constants, Rows: contractRows, Departures: contractDepartures,
			Enums: map[string]any{"scim.Entitlement": Entitlement("")},
		}
	},
	New: func(transport http.RoundTripper, _ contract.Operation) (any, error) {
		client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-test-token"),
			databricks.WithHTTPClient(&http.Client{Transport: transport}))
		return NewClient(client), err
	},
	Refused: func(err error) bool { _, ok := errors.AsType[*databricks.ArgumentError](err); return ok },
	Names: map[string]string{
		"POST /api/2.0/preview/scim/v2/Users":             "id",
		"POST /api/2.0/preview/scim/v2/ServicePrincipals": "id",
		"POST /api/2.0/preview/scim/v2/Groups":            "id",
	},
	Unknown: func(err error) bool { _, ok := errors.AsType[*databricks.OutcomeUnknownError](err); return ok },
}

func TestContract_types(t *testing.T)   { contractSuite.Types(t) }
func TestContract_notices(t *testing.T) { contractSuite.Notices(t) }
func TestContract_calls(t *testing.T)   { contractSuite.Calls(t) }
func TestContract_retries(t *testing.T) { contractSuite.Retried(t) }

// A response that expands from a few bytes must not use much memory.
func TestContract_hostile(t *testing.T) { contractSuite.Hostile(t, false) }
