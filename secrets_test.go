package databricks

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestSecrets_wireScopes(t *testing.T) {
	create := func(in CreateScope) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.CreateScope(ctx, in) }
	}
	remove := func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.DeleteScope(ctx, "etl") }
	list := func(ctx context.Context, c *Client) (any, error) { return c.Secrets.ListScopes(ctx) }

	vault := &AzureKeyvault{ResourceID: "/subscriptions/s/kv", DNSName: "https://kv.vault.azure.net/"}
	full := CreateScope{Scope: "etl", InitialManagePrincipal: "users", ScopeBackendType: ScopeBackendAzureKeyvault, BackendAzureKeyvault: vault}
	scopes := []SecretScope{{"etl", ScopeBackendDatabricks, nil, new(true)}, {"kv", ScopeBackendAzureKeyvault, vault, new(false)}, {"new", "BRAND_NEW", nil, nil}}
	assertFull(t, full, scopes)

	const created, bare = "POST /api/2.0/secrets/scopes/create", `{"scope": "etl"}`
	runWire(t, []wireRow{{
		name: "create with every field",
		call: create(full),
		wire: []wireStep{{created, `{"scope": "etl", "initial_manage_principal": "users", "scope_backend_type": "AZURE_KEYVAULT",
			"backend_azure_keyvault": {"resource_id": "/subscriptions/s/kv", "dns_name": "https://kv.vault.azure.net/"}}`, ""}},
	}, {
		name: "create with a name only",
		call: create(CreateScope{Scope: "etl"}),
		wire: []wireStep{{created, bare, ""}},
	}, {
		name: "create with the longest of names",
		call: create(CreateScope{Scope: strings.Repeat("n", 128)}),
		wire: []wireStep{{created, `{"scope": "` + strings.Repeat("n", 128) + `"}`, ""}},
	}, {
		name: "create with all that names are made of",
		call: create(CreateScope{Scope: "a_Z-9.@/"}),
		wire: []wireStep{{created, `{"scope": "a_Z-9.@/"}`, ""}},
	}, {
		name: "create with a backend that is not known here",
		call: create(CreateScope{Scope: "etl", ScopeBackendType: "BRAND_NEW"}),
		wire: []wireStep{{created, `{"scope": "etl", "scope_backend_type": "BRAND_NEW"}`, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}`}},
		is:   ErrInvalidParameterValue,
	}, {
		name: "create of a name that is taken",
		call: create(CreateScope{Scope: "etl"}),
		wire: []wireStep{{created, bare, `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "Scope etl already exists!"}`}},
		is:   fs.ErrExist, fails: "Scope etl already exists!",
	}, {
		name: "create with too many scopes",
		call: create(CreateScope{Scope: "etl"}),
		wire: []wireStep{{created, bare, `400 {"error_code": "RESOURCE_LIMIT_EXCEEDED", "message": "x"}`}},
		is:   ErrResourceLimitExceeded,
	}, {
		name: "create without the Premium plan",
		call: create(CreateScope{Scope: "etl"}),
		wire: []wireStep{{created, bare, `400 {"error_code": "BAD_REQUEST", "message": "x"}`}},
		is:   ErrBadRequest,
	}, {
		name: "create where the caller may not",
		call: create(CreateScope{Scope: "etl"}),
		wire: []wireStep{{created, bare, `403 {"error_code": "CUSTOMER_UNAUTHORIZED", "message": "x"}`}},
		is:   ErrCustomerUnauthorized,
	}, {
		name: "create without a name is refused",
		call: create(CreateScope{}),
		is:   fs.ErrInvalid, fails: "scope is required",
	}, {
		name: "create with too long a name is refused",
		call: create(CreateScope{Scope: strings.Repeat("n", 129)}),
		is:   fs.ErrInvalid, fails: "is not valid; want up to 128",
	}, {
		name: "create with a blank in the name is refused",
		call: create(CreateScope{Scope: "my scope"}),
		is:   fs.ErrInvalid, fails: `databricks: POST /api/2.0/secrets/scopes/create: scope "my scope" is not valid`,
	}, {
		name: "create with a line feed after the name is refused",
		call: create(CreateScope{Scope: "etl\n"}),
		is:   fs.ErrInvalid,
	}, {
		name: "create with a letter beyond ASCII is refused",
		call: create(CreateScope{Scope: "ü"}),
		is:   fs.ErrInvalid,
	}, {
		name: "create in a key vault that is not named is refused",
		call: create(CreateScope{Scope: "etl", ScopeBackendType: ScopeBackendAzureKeyvault}),
		is:   fs.ErrInvalid, fails: "backend_azure_keyvault is required",
	}, {
		name: "create in a key vault without an id is refused",
		call: create(CreateScope{Scope: "etl", ScopeBackendType: ScopeBackendAzureKeyvault, BackendAzureKeyvault: &AzureKeyvault{DNSName: "d"}}),
		is:   fs.ErrInvalid, fails: "backend_azure_keyvault.resource_id is required",
	}, {
		name: "create in a key vault without a host is refused",
		call: create(CreateScope{Scope: "etl", ScopeBackendType: ScopeBackendAzureKeyvault, BackendAzureKeyvault: &AzureKeyvault{ResourceID: "r"}}),
		is:   fs.ErrInvalid, fails: "backend_azure_keyvault.dns_name is required",
	}, {
		name: "create in the workspace with a key vault is refused",
		call: create(CreateScope{Scope: "etl", BackendAzureKeyvault: vault}),
		is:   fs.ErrInvalid, fails: "backend_azure_keyvault requires the scope_backend_type AZURE_KEYVAULT",
	}, {
		name: "delete",
		call: remove,
		wire: []wireStep{{"POST /api/2.0/secrets/scopes/delete", bare, ""}},
	}, {
		name: "delete of no scope",
		call: remove,
		wire: []wireStep{{"POST /api/2.0/secrets/scopes/delete", bare, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Scope etl does not exist!"}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "delete where the caller may not",
		call: remove,
		wire: []wireStep{{"POST /api/2.0/secrets/scopes/delete", bare, `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   ErrPermissionDenied,
	}, {
		name: "delete without a name is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.DeleteScope(ctx, "") },
		is:   fs.ErrInvalid, fails: "scope is required",
	}, {
		name: "list",
		call: list,
		wire: []wireStep{{"GET /api/2.0/secrets/scopes/list", "", `{"scopes": [{"name": "etl", "backend_type": "DATABRICKS", "is_databricks_managed": true},
			{"name": "kv", "backend_type": "AZURE_KEYVAULT", "keyvault_metadata": {"resource_id": "/subscriptions/s/kv", "dns_name": "https://kv.vault.azure.net/"}, "is_databricks_managed": false},
			{"name": "new", "backend_type": "BRAND_NEW", "keyvault_metadata": null, "brand_new": []}]}`}},
		want: scopes,
	}, {
		name: "list of none",
		call: list,
		wire: []wireStep{{"GET /api/2.0/secrets/scopes/list", "", ""}},
		want: []SecretScope(nil),
	}})
}

func TestSecrets_wireSecrets(t *testing.T) {
	put := func(in PutSecret) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.Put(ctx, in) }
	}
	remove := func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.Delete(ctx, "etl", "k") }
	list := func(ctx context.Context, c *Client) (any, error) { return c.Secrets.List(ctx, "etl") }
	read := func(ctx context.Context, c *Client) (any, error) { return c.Secrets.Get(ctx, "etl", "k") }
	text := func(s string) PutSecret { return PutSecret{Scope: "etl", Key: "k", StringValue: new(Secret(s))} }
	binary := func(b []byte) PutSecret { return PutSecret{Scope: "etl", Key: "k", BytesValue: b} }
	listed := []SecretMetadata{{"k", 1520467595000}, {"l", 1520467596000}}
	assertFull(t, text("v"), binary([]byte("v")), listed)

	const stored, read1 = "POST /api/2.0/secrets/put", "GET /api/2.0/secrets/get?key=k&scope=etl"
	long := strings.Repeat("v", 128<<10)
	fails := func(call func(context.Context, *Client) (any, error), request, body, response string, is error) wireRow {
		return wireRow{name: request + " " + response, call: call, wire: []wireStep{{request, body, response}}, is: is}
	}
	refused := func(name string, in PutSecret, why string) wireRow {
		return wireRow{name: name, call: put(in), is: fs.ErrInvalid, fails: "POST /api/2.0/secrets/put: " + why}
	}
	runWire(t, []wireRow{{
		name: "put of a text",
		call: put(text("p&<ü>")),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "string_value": "p&<ü>"}`, ""}},
	}, {
		name: "put of bytes",
		call: put(binary([]byte{0, 255})),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "bytes_value": "AP8="}`, ""}},
	}, {
		name: "put of an empty text sends it",
		call: put(text("")),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "string_value": ""}`, ""}},
	}, {
		name: "put of no bytes sends them",
		call: put(binary([]byte{})),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "bytes_value": ""}`, ""}},
	}, {
		name: "put of as much text as there can be",
		call: put(text(long)),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "string_value": "` + long + `"}`, ""}},
	}, {
		name: "put of as many bytes as there can be",
		call: put(binary([]byte(long))),
		wire: []wireStep{{stored, `{"scope": "etl", "key": "k", "bytes_value": "` + base64.StdEncoding.EncodeToString([]byte(long)) + `"}`, ""}},
	},
		refused("put of too much text", text(long+"v"), "string_value has 131073 bytes; the maximum is 131072"),
		refused("put of too many bytes", binary([]byte(long+"v")), "bytes_value has 131073 bytes; the maximum is 131072"),
		refused("put of what is no text", text("\xff"), "string_value is not UTF-8, so JSON cannot carry it; use bytes_value"),
		refused("put of nothing", PutSecret{Scope: "etl", Key: "k"}, "string_value or bytes_value is required"),
		refused("put of text and bytes", PutSecret{"etl", "k", new(Secret("")), SecretBytes{}}, "string_value and bytes_value are both set"),
		refused("put without a scope", PutSecret{Key: "k", BytesValue: SecretBytes{}}, "scope is required"),
		refused("put without a key", PutSecret{Scope: "etl", BytesValue: SecretBytes{}}, "key is required"),
		refused("put with a key that is no name", PutSecret{Scope: "etl", Key: "a b", BytesValue: SecretBytes{}}, `key "a b" is not valid`),
		refused("put with too long a key", PutSecret{Scope: "etl", Key: strings.Repeat("n", 129), BytesValue: SecretBytes{}}, `key "nnn`),
		fails(put(text("v")), stored, `{"scope": "etl", "key": "k", "string_value": "v"}`,
			`404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Scope etl does not exist!"}`, ErrResourceDoesNotExist),
		fails(put(text("v")), stored, `{"scope": "etl", "key": "k", "string_value": "v"}`,
			`400 {"error_code": "RESOURCE_LIMIT_EXCEEDED"}`, ErrResourceLimitExceeded),
		fails(put(text("v")), stored, `{"scope": "etl", "key": "k", "string_value": "v"}`, `400 {"error_code": "BAD_REQUEST"}`, ErrBadRequest),
		fails(put(text("v")), stored, `{"scope": "etl", "key": "k", "string_value": "v"}`, `403 {"error_code": "PERMISSION_DENIED"}`, ErrPermissionDenied),
		{
			name: "delete",
			call: remove,
			wire: []wireStep{{"POST /api/2.0/secrets/delete", `{"scope": "etl", "key": "k"}`, ""}},
		},
		fails(remove, "POST /api/2.0/secrets/delete", `{"scope": "etl", "key": "k"}`, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST"}`, fs.ErrNotExist),
		fails(remove, "POST /api/2.0/secrets/delete", `{"scope": "etl", "key": "k"}`, `400 {"error_code": "BAD_REQUEST"}`, ErrBadRequest),
		{
			name: "list takes times as numbers and as texts",
			call: list,
			wire: []wireStep{{"GET /api/2.0/secrets/list?scope=etl", "",
				`{"secrets": [{"key": "k", "last_updated_timestamp": 1520467595000}, {"key": "l", "last_updated_timestamp": "1520467596000", "brand_new": 1}]}`}},
			want: listed,
		}, {
			name: "list of an empty scope",
			call: list,
			wire: []wireStep{{"GET /api/2.0/secrets/list?scope=etl", "", ""}},
			want: []SecretMetadata(nil),
		},
		fails(list, "GET /api/2.0/secrets/list?scope=etl", "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST"}`, ErrResourceDoesNotExist),
		fails(list, "GET /api/2.0/secrets/list?scope=etl", "", `403 {"error_code": "PERMISSION_DENIED"}`, ErrPermissionDenied),
		{
			name: "get",
			call: read,
			wire: []wireStep{{read1, "", `{"key": "k", "value": "cABo/w==", "brand_new": null}`}},
			want: SecretBytes{'p', 0, 'h', 255},
		}, {
			name: "get of an empty value",
			call: read,
			wire: []wireStep{{read1, "", `{"key": "k", "value": ""}`}},
			want: SecretBytes{},
		}, {
			name: "get of no value",
			call: read,
			wire: []wireStep{{read1, "", `{"key": "k", "value": null}`}},
			want: SecretBytes{},
		}, {
			name: "get of what is no base64", call: read, wire: []wireStep{{read1, "", `{"key": "k", "value": "hunter2!"}`}},
			fails: "illegal base64 data",
		},
		fails(read, read1, "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST"}`, ErrResourceDoesNotExist),
		fails(read, read1, "", `403 {"error_code": "PERMISSION_DENIED"}`, ErrPermissionDenied),
		fails(read, read1, "", `400 {"error_code": "BAD_REQUEST", "message": "This operation is not allowed outside databricks notebooks."}`, ErrBadRequest),
		fails(read, read1, "", `400 {"error_code": "INVALID_PARAMETER_VALUE"}`, ErrInvalidParameterValue),
	})
	for arg, call := range map[string]func(context.Context, *Client) (any, error){
		"scope 1": func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.Delete(ctx, "", "k") },
		"key 1":   func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.Delete(ctx, "etl", "") },
		"scope 2": func(ctx context.Context, c *Client) (any, error) { return c.Secrets.Get(ctx, "", "k") },
		"key 2":   func(ctx context.Context, c *Client) (any, error) { return c.Secrets.Get(ctx, "etl", "") },
		"scope 3": func(ctx context.Context, c *Client) (any, error) { return c.Secrets.List(ctx, "") },
	} {
		runWire(t, []wireRow{{name: arg + " is refused when empty", call: call, is: fs.ErrInvalid, fails: strings.Fields(arg)[0] + " is required"}})
	}
}

func TestSecrets_wireACLs(t *testing.T) {
	put := func(in PutACL) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.PutACL(ctx, in) }
	}
	full := PutACL{"etl", "data", ACLRead}
	remove := func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.DeleteACL(ctx, "etl", "data") }
	read := func(ctx context.Context, c *Client) (any, error) { return c.Secrets.GetACL(ctx, "etl", "data") }
	list := func(ctx context.Context, c *Client) (any, error) { return c.Secrets.ListACLs(ctx, "etl") }
	item := &ACLItem{"data", ACLManage}
	assertFull(t, full, item)

	rows := []wireRow{{
		name: "put",
		call: put(full),
		wire: []wireStep{{"POST /api/2.0/secrets/acls/put", `{"scope": "etl", "principal": "data", "permission": "READ"}`, ""}},
	}, {
		name: "put of a permission that is not known here",
		call: put(PutACL{"etl", "data", "BRAND_NEW"}),
		wire: []wireStep{{"POST /api/2.0/secrets/acls/put", `{"scope": "etl", "principal": "data", "permission": "BRAND_NEW"}`,
			`400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}`}},
		is: ErrInvalidParameterValue,
	}, {
		name: "put of an item that is there, which the documents refuse",
		call: put(full),
		wire: []wireStep{{"POST /api/2.0/secrets/acls/put", `{"scope": "etl", "principal": "data", "permission": "READ"}`,
			`400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "x"}`}},
		is: ErrResourceAlreadyExists,
	}, {
		name: "delete",
		call: remove,
		wire: []wireStep{{"POST /api/2.0/secrets/acls/delete", `{"scope": "etl", "principal": "data"}`, ""}},
	}, {
		name: "get returns the item, which is not wrapped",
		call: read,
		wire: []wireStep{{"GET /api/2.0/secrets/acls/get?principal=data&scope=etl", "", `{"principal": "data", "permission": "MANAGE", "brand_new": 1}`}},
		want: item,
	}, {
		name: "list",
		call: list,
		wire: []wireStep{{"GET /api/2.0/secrets/acls/list?scope=etl", "", `{"items": [{"principal": "data", "permission": "WRITE"}, {"principal": "new", "permission": "BRAND_NEW"}]}`}},
		want: []ACLItem{{"data", ACLWrite}, {"new", "BRAND_NEW"}},
	}, {
		name: "list of none",
		call: list,
		wire: []wireStep{{"GET /api/2.0/secrets/acls/list?scope=etl", "", ""}},
		want: []ACLItem(nil),
	}}
	for i, in := range []PutACL{{"", "data", ACLRead}, {"etl", "", ACLRead}, {"etl", "data", ""}} {
		arg := []string{"scope", "principal", "permission"}[i]
		rows = append(rows, wireRow{name: "put without " + arg + " is refused", call: put(in), is: fs.ErrInvalid, fails: arg + " is required"})
	}
	for i, call := range []func(context.Context, *Client) (any, error){
		func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.DeleteACL(ctx, "", "data") },
		func(ctx context.Context, c *Client) (any, error) { return nil, c.Secrets.DeleteACL(ctx, "etl", "") },
		func(ctx context.Context, c *Client) (any, error) { return c.Secrets.GetACL(ctx, "", "data") },
		func(ctx context.Context, c *Client) (any, error) { return c.Secrets.GetACL(ctx, "etl", "") },
		func(ctx context.Context, c *Client) (any, error) { return c.Secrets.ListACLs(ctx, "") },
	} {
		arg := []string{"scope", "principal"}[i%2]
		rows = append(rows, wireRow{name: fmt.Sprintf("%s is refused when empty, %d", arg, i), call: call, is: fs.ErrInvalid, fails: arg + " is required"})
	}
	for request, call := range map[string]func(context.Context, *Client) (any, error){
		"POST /api/2.0/secrets/acls/delete":                      remove,
		"GET /api/2.0/secrets/acls/get?principal=data&scope=etl": read,
		"GET /api/2.0/secrets/acls/list?scope=etl":               list,
	} {
		body := ""
		if strings.HasPrefix(request, "POST") {
			body = `{"scope": "etl", "principal": "data"}`
		}
		rows = append(rows,
			wireRow{name: request + " of nothing", call: call, wire: []wireStep{{request, body, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST"}`}}, is: fs.ErrNotExist},
			wireRow{name: request + " by somebody who may not", call: call, wire: []wireStep{{request, body, `403 {"error_code": "PERMISSION_DENIED"}`}}, is: fs.ErrPermission})
	}
	runWire(t, rows)
}

// Names of new secrets and scopes are checked. All other names are sent unchanged.
func TestSecrets_hostileNames(t *testing.T) {
	runHostile(t, []hostileRow{
		{"POST /api/2.0/secrets/scopes/delete", "scope", "", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.DeleteScope(ctx, name)
		}},
		{"POST /api/2.0/secrets/put", "scope", "key=k&string_value=v", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.Put(ctx, PutSecret{Scope: name, Key: "k", StringValue: new(Secret("v"))})
		}},
		{"POST /api/2.0/secrets/put", "string_value", "scope=etl&key=k", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.Put(ctx, PutSecret{Scope: "etl", Key: "k", StringValue: new(Secret(name))})
		}},
		{"POST /api/2.0/secrets/delete", "scope", "key=k", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.Delete(ctx, name, "k")
		}},
		{"POST /api/2.0/secrets/delete", "key", "scope=etl", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.Delete(ctx, "etl", name)
		}},
		{"GET /api/2.0/secrets/list", "scope", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Secrets.List(ctx, name)
			return err
		}},
		{"GET /api/2.0/secrets/get", "scope", "key=k", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Secrets.Get(ctx, name, "k")
			return err
		}},
		{"GET /api/2.0/secrets/get", "key", "scope=etl", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Secrets.Get(ctx, "etl", name)
			return err
		}},
		{"POST /api/2.0/secrets/acls/put", "principal", "scope=etl&permission=READ", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.PutACL(ctx, PutACL{"etl", name, ACLRead})
		}},
		{"POST /api/2.0/secrets/acls/put", "scope", "principal=data&permission=READ", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.PutACL(ctx, PutACL{name, "data", ACLRead})
		}},
		{"POST /api/2.0/secrets/acls/delete", "principal", "scope=etl", func(ctx context.Context, c *Client, name string) error {
			return c.Secrets.DeleteACL(ctx, "etl", name)
		}},
		{"GET /api/2.0/secrets/acls/get", "principal", "scope=etl", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Secrets.GetACL(ctx, "etl", name)
			return err
		}},
		{"GET /api/2.0/secrets/acls/list", "scope", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Secrets.ListACLs(ctx, name)
			return err
		}},
	})
}
