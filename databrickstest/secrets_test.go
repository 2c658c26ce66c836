package databrickstest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func putSecret(scope, key, member, value, want string) step {
	return step{call: "POST /api/2.0/secrets/put", body: fmt.Sprintf(`{"scope":%q,"key":%q,%q:%q}`, scope, key, member, value), want: want}
}

func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		now := time.Now().UnixMilli()
		const noScope = "404 RESOURCE_DOES_NOT_EXIST: Scope none does not exist!"
		converse(t, s, []step{
			{call: "GET /api/2.0/secrets/scopes/list"},
			{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"Etl"}`},
			{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"eTL"}`, want: "400 RESOURCE_ALREADY_EXISTS: Scope eTL already exists!"},
			{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"x","initial_manage_principal":"data"}`,
				want: "400 BAD_REQUEST: Cannot specify data as initial_manage_principal."},
			{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"x","scope_backend_type":"VAULT"}`,
				want: "400 INVALID_PARAMETER_VALUE: Unknown scope_backend_type VAULT"},
			{call: "GET /api/2.0/secrets/scopes/list", want: `{"scopes":[{"name":"Etl","backend_type":"DATABRICKS"}]}`},

			{call: "GET /api/2.0/secrets/list?scope=etl"},
			putSecret("etl", "Key", "string_value", "grüß", ""),
			putSecret("etl", "empty", "string_value", "", ""),
			putSecret("etl", "bytes", "bytes_value", "AP8=", ""),
			{call: "GET /api/2.0/secrets/get?scope=etl&key=key", want: `{"key":"key","value":"Z3LDvMOf"}`},
			{call: "GET /api/2.0/secrets/get?scope=etl&key=empty", want: `{"key":"empty","value":""}`},
			{call: "GET /api/2.0/secrets/get?scope=etl&key=bytes", want: `{"key":"bytes","value":"AP8="}`},
			{call: "GET /api/2.0/secrets/list?scope=etl", want: fmt.Sprintf(`{"secrets":[{"key":"bytes","last_updated_timestamp":%[1]d},`+
				`{"key":"empty","last_updated_timestamp":%[1]d},{"key":"Key","last_updated_timestamp":%[1]d}]}`, now)},

			{call: "POST /api/2.0/secrets/put", body: `{"scope":"etl","key":"k"}`,
				want: "400 MALFORMED_REQUEST: Could not parse request object: Exactly one of string_value and bytes_value must be specified"},
			{call: "POST /api/2.0/secrets/put", body: `{"scope":"etl","key":"k","string_value":"","bytes_value":""}`,
				want: "400 MALFORMED_REQUEST: Could not parse request object: Exactly one of string_value and bytes_value must be specified"},
			putSecret("etl", "k", "bytes_value", "not base64", "400 MALFORMED_REQUEST: Could not parse request object: bytes_value is not base64"),

			putSecret("none", "k", "string_value", "v", noScope),
			{call: "GET /api/2.0/secrets/list?scope=none", want: noScope},
			{call: "GET /api/2.0/secrets/get?scope=none&key=k", want: noScope},
			{call: "POST /api/2.0/secrets/delete", body: `{"scope":"none","key":"k"}`, want: noScope},
			{call: "POST /api/2.0/secrets/scopes/delete", body: `{"scope":"none"}`, want: noScope},
			{call: "GET /api/2.0/secrets/get?scope=etl&key=k", want: "404 RESOURCE_DOES_NOT_EXIST: Secret does not exist with scope: Etl and key: k"},

			{call: "POST /api/2.0/secrets/delete", body: `{"scope":"etl","key":"EMPTY"}`},
			{call: "POST /api/2.0/secrets/delete", body: `{"scope":"etl","key":"empty"}`,
				want: "404 RESOURCE_DOES_NOT_EXIST: Secret does not exist with scope: Etl and key: empty"},
		})
		time.Sleep(time.Minute)
		converse(t, s, []step{
			putSecret("etl", "KEY", "string_value", "new", ""),
			{call: "GET /api/2.0/secrets/list?scope=etl", want: fmt.Sprintf(
				`{"secrets":[{"key":"bytes","last_updated_timestamp":%d},{"key":"KEY","last_updated_timestamp":%d}]}`, now, now+60_000)},
			{call: "POST /api/2.0/secrets/scopes/delete", body: `{"scope":"etl"}`},
			{call: "GET /api/2.0/secrets/scopes/list"},
			{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"etl"}`},
			{call: "GET /api/2.0/secrets/list?scope=etl"}, // a new scope with the same name is empty
		})
	})
}

func TestSecrets_limits(t *testing.T) {
	s := newServer(t, WithoutSocket())
	badName := func(what string) string {
		return "400 INVALID_PARAMETER_VALUE: " + what + " name must consist of alphanumeric characters, dashes, underscores, periods, @ and / and may not exceed 128 characters."
	}
	full, over := strings.Repeat("v", maxSecret), strings.Repeat("v", maxSecret+1)
	inBytes := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	converse(t, s, []step{
		{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"s"}`},
		{call: "POST /api/2.0/secrets/scopes/create", body: `{}`, want: badName("Scope")},
		{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"a b"}`, want: badName("Scope")},
		{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"é"}`, want: badName("Scope")},
		{call: "POST /api/2.0/secrets/scopes/create", body: fmt.Sprintf(`{"scope":%q}`, strings.Repeat("n", 128))},
		{call: "POST /api/2.0/secrets/scopes/create", body: fmt.Sprintf(`{"scope":%q}`, strings.Repeat("n", 129)), want: badName("Scope")},
		{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"a_Z-9.@/"}`},
		putSecret("s", "a b", "string_value", "v", badName("Secret")),
		putSecret("s", strings.Repeat("n", 129), "string_value", "v", badName("Secret")),
		putSecret("s", "a_Z-9.@/", "string_value", "v", ""),
		putSecret("s", "k", "string_value", full, ""),
		putSecret("s", "k", "bytes_value", inBytes(full), ""),
		putSecret("s", "k", "string_value", over, "400 INVALID_PARAMETER_VALUE: The value of secret k exceeds 131072 bytes."),
		putSecret("s", "k", "bytes_value", inBytes(over), "400 INVALID_PARAMETER_VALUE: The value of secret k exceeds 131072 bytes."),
	})

	var many []step
	for i := range maxSecrets - 2 {
		many = append(many, putSecret("s", fmt.Sprint("key", i), "string_value", "v", ""))
	}
	converse(t, s, append(many,
		putSecret("s", "one-more", "string_value", "v", "400 RESOURCE_LIMIT_EXCEEDED: Number of secrets in scope s exceeds the limit of 1000"),
		putSecret("s", "key0", "string_value", "over the old one", "")))

	many = nil
	for i := range maxScopes - 3 {
		many = append(many, step{call: "POST /api/2.0/secrets/scopes/create", body: fmt.Sprintf(`{"scope":"scope%d"}`, i)})
	}
	converse(t, s, append(many, step{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"one-more"}`,
		want: "400 RESOURCE_LIMIT_EXCEEDED: Number of scopes exceeds the limit of 100"}))
}

func TestSecrets_permissions(t *testing.T) {
	s := newServer(t, WithoutSocket(),
		WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}),
		WithUser(User{Name: "bob@example.com", Token: "dapi-bob", Groups: []string{"team"}}),
	)
	acl := func(who, permission string) step {
		return step{as: "dapi-alice", call: "POST /api/2.0/secrets/acls/put",
			body: fmt.Sprintf(`{"scope":"etl","principal":%q,"permission":%q}`, who, permission)}
	}
	lacks := func(permission string) string {
		return "403 PERMISSION_DENIED: User bob@example.com does not have " + permission + " permission on scope etl to perform this action."
	}
	bob := func(read, write, manage string) []step {
		listed := `{"secrets":[{"key":"k","last_updated_timestamp":0}]}`
		if read != "" {
			listed = read
		}
		return []step{
			{as: "dapi-bob", call: "GET /api/2.0/secrets/list?scope=etl", want: listed},
			{as: "dapi-bob", call: "POST /api/2.0/secrets/put", body: `{"scope":"etl","key":"k","string_value":"v"}`, want: write},
			{as: "dapi-bob", call: "POST /api/2.0/secrets/put", body: `{"scope":"etl","key":"x","string_value":"v"}`, want: write},
			{as: "dapi-bob", call: "POST /api/2.0/secrets/delete", body: `{"scope":"etl","key":"x"}`, want: write},
			{as: "dapi-bob", call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"etl","principal":"users","permission":"READ"}`, want: manage},
			{as: "dapi-bob", call: "POST /api/2.0/secrets/acls/delete", body: `{"scope":"etl","principal":"users"}`, want: manage},
		}
	}
	s.clock = func() time.Time { return time.UnixMilli(0) }
	converse(t, s, []step{
		{as: "dapi-alice", call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"etl"}`},
		{as: "dapi-alice", call: "GET /api/2.0/secrets/acls/list?scope=etl", want: `{"items":[{"principal":"alice@example.com","permission":"MANAGE"}]}`},
		{as: "dapi-alice", call: "POST /api/2.0/secrets/put", body: `{"scope":"etl","key":"k","string_value":"v"}`},
		{as: "dapi-bob", call: "GET /api/2.0/secrets/scopes/list", want: `{"scopes":[{"name":"etl","backend_type":"DATABRICKS"}]}`},
		{as: "dapi-bob", call: "GET /api/2.0/secrets/get?scope=etl&key=k", want: lacks("READ")},
		{as: "dapi-bob", call: "GET /api/2.0/secrets/acls/get?scope=etl&principal=alice@example.com", want: lacks("MANAGE")},
		{as: "dapi-bob", call: "GET /api/2.0/secrets/acls/list?scope=etl", want: lacks("MANAGE")},
		{as: "dapi-bob", call: "POST /api/2.0/secrets/scopes/delete", body: `{"scope":"etl"}`, want: lacks("MANAGE")},
	})
	converse(t, s, bob(lacks("READ"), lacks("WRITE"), lacks("MANAGE")))
	converse(t, s, []step{acl("team", "READ")})
	converse(t, s, bob("", lacks("WRITE"), lacks("MANAGE")))
	converse(t, s, []step{acl("bob@example.com", "WRITE"), {as: "dapi-bob", call: "GET /api/2.0/secrets/get?scope=etl&key=k", want: `{"key":"k","value":"dg=="}`}})
	converse(t, s, bob("", "", lacks("MANAGE")))
	converse(t, s, []step{ // through a nested group
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"outer"}`, want: `{"group_name":"outer"}`},
		{call: "POST /api/2.0/groups/add-member", body: `{"group_name":"team","parent_name":"outer"}`},
		acl("outer", "MANAGE"),
	})
	converse(t, s, bob("", "", ""))
	converse(t, s, []step{
		{call: "GET /api/2.0/secrets/acls/list?scope=etl", want: `{"items":[{"principal":"alice@example.com","permission":"MANAGE"},` +
			`{"principal":"team","permission":"READ"},{"principal":"bob@example.com","permission":"WRITE"},{"principal":"outer","permission":"MANAGE"}]}`},
		acl("team", "WRITE"), // replaces the permission
		{call: "GET /api/2.0/secrets/acls/get?scope=etl&principal=team", want: `{"principal":"team","permission":"WRITE"}`},
		{call: "GET /api/2.0/secrets/acls/get?scope=etl&principal=users",
			want: "404 RESOURCE_DOES_NOT_EXIST: Failed to get secret acl for principal users for scope etl."},
		{call: "POST /api/2.0/secrets/acls/delete", body: `{"scope":"etl","principal":"bob@example.com"}`},
		{call: "POST /api/2.0/secrets/acls/delete", body: `{"scope":"etl","principal":"bob@example.com"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: Failed to get secret acl for principal bob@example.com for scope etl."},
		// Deleting a group deletes its permissions. A new group does not
		// inherit them.
		{call: "POST /api/2.0/groups/delete", body: `{"group_name":"outer"}`},
		{call: "POST /api/2.0/groups/create", body: `{"group_name":"outer"}`, want: `{"group_name":"outer"}`},
		{call: "POST /api/2.0/groups/add-member", body: `{"group_name":"team","parent_name":"outer"}`},
	})
	converse(t, s, bob("", "", lacks("MANAGE")))
	converse(t, s, []step{
		{call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"etl","principal":"bob@example.com","permission":"OWN"}`,
			want: "400 INVALID_PARAMETER_VALUE: Permission OWN is not one of READ, WRITE and MANAGE."},
		{call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"etl","principal":"carol@example.com","permission":"READ"}`,
			want: "400 INVALID_PARAMETER_VALUE: User or group carol@example.com does not exist."},
		{call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"etl","principal":"01234567-89ab-cdef-0123-456789abcdef","permission":"READ"}`},
		{call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"none","principal":"users","permission":"READ"}`,
			want: "404 RESOURCE_DOES_NOT_EXIST: Scope none does not exist!"},
		{as: "dapi-bob", call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"all","initial_manage_principal":"users"}`},
		{as: "dapi-alice", call: "GET /api/2.0/secrets/acls/list?scope=all", want: `{"items":[{"principal":"users","permission":"MANAGE"}]}`},
		{as: "dapi-alice", call: "POST /api/2.0/secrets/scopes/delete", body: `{"scope":"all"}`},
	})
}

func TestSecrets_keyVault(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithKeyVault("https://kv.vault.azure.net/", map[string]string{"db-password": "hunter2"}),
		WithUser(User{Name: "alice@example.com", Token: "eyJ.alice"}))
	create := func(as, scope, dns, want string) step {
		return step{as: as, call: "POST /api/2.0/secrets/scopes/create", want: want, body: fmt.Sprintf(
			`{"scope":%q,"scope_backend_type":"AZURE_KEYVAULT","backend_azure_keyvault":{"resource_id":"/subscriptions/s/kv","dns_name":%q}}`, scope, dns)}
	}
	const readOnly = "400 BAD_REQUEST: Cannot write secrets to Azure KeyVault-backed scope kv"
	converse(t, s, []step{
		create("", "kv", "https://kv.vault.azure.net/", "400 INVALID_PARAMETER_VALUE: Scope with Azure KeyVault must have userAADToken defined!"),
		create("eyJ.alice", "kv", "", "400 INVALID_PARAMETER_VALUE: Missing required field 'backend_azure_keyvault'"),
		create("eyJ.alice", "kv", "https://KV.vault.azure.net", ""),
		create("eyJ.alice", "lost", "https://lost.vault.azure.net/", ""),
		{call: "GET /api/2.0/secrets/scopes/list", want: `{"scopes":[` +
			`{"name":"kv","backend_type":"AZURE_KEYVAULT","keyvault_metadata":{"resource_id":"/subscriptions/s/kv","dns_name":"https://KV.vault.azure.net"}},` +
			`{"name":"lost","backend_type":"AZURE_KEYVAULT","keyvault_metadata":{"resource_id":"/subscriptions/s/kv","dns_name":"https://lost.vault.azure.net/"}}]}`},
		{call: "GET /api/2.0/secrets/list?scope=kv", want: `{"secrets":[{"key":"db-password","last_updated_timestamp":0}]}`},
		{call: "GET /api/2.0/secrets/get?scope=kv&key=db-password", want: `{"key":"db-password","value":"aHVudGVyMg=="}`},
		{call: "GET /api/2.0/secrets/get?scope=kv&key=none", want: "404 RESOURCE_DOES_NOT_EXIST: Secret does not exist with scope: kv and key: none"},
		{call: "GET /api/2.0/secrets/get?scope=kv&key=a.b", want: "400 INVALID_PARAMETER_VALUE: a.b is not a valid name of a secret in Azure KeyVault"},
		{call: "GET /api/2.0/secrets/get?scope=lost&key=k", want: "400 MALFORMED_REQUEST: Azure KeyVault https://lost.vault.azure.net/ cannot be reached"},
		putSecret("kv", "k", "string_value", "v", readOnly),
		{call: "POST /api/2.0/secrets/delete", body: `{"scope":"kv","key":"db-password"}`, want: readOnly},
		{call: "POST /api/2.0/secrets/scopes/delete", body: `{"scope":"kv"}`},
		create("eyJ.alice", "kv", "https://kv.vault.azure.net/", ""),
		{call: "GET /api/2.0/secrets/get?scope=kv&key=db-password", want: `{"key":"db-password","value":"aHVudGVyMg=="}`}, // the vault still exists
	})
}

func TestSecrets_plansAndNotebooks(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithStandardPlan(), WithSecretsInNotebooksOnly())
	const premium = "403 FEATURE_DISABLED: Secret ACLs need the Premium plan."
	got := send(t, s, "POST", "/api/2.0/secrets/scopes/create", `{"scope":"etl"}`)
	assert.Equal(t, 400, got.status)
	assert.Contains(t, got.body, `initial_manage_principal \"users\"`)
	converse(t, s, []step{
		{call: "POST /api/2.0/secrets/scopes/create", body: `{"scope":"etl","initial_manage_principal":"users"}`},
		{call: "POST /api/2.0/secrets/acls/put", body: `{"scope":"etl","principal":"users","permission":"READ"}`, want: premium},
		{call: "GET /api/2.0/secrets/acls/list?scope=etl", want: premium},
		putSecret("etl", "k", "string_value", "v", ""),
		{call: "GET /api/2.0/secrets/get?scope=etl&key=k", want: "400 BAD_REQUEST: This operation is not allowed outside databricks notebooks."},
	})
}
