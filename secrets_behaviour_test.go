package databricks_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestSecretsService_values(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	secrets, ctx := as(t, server, server.Token).Secrets, t.Context()
	require.NoError(t, secrets.CreateScope(ctx, databricks.CreateScope{Scope: "etl"}))
	assert.ErrorIs(t, secrets.CreateScope(ctx, databricks.CreateScope{Scope: "ETL"}), fs.ErrExist)

	full := strings.Repeat("ü", 64<<10)
	for name, put := range map[string]databricks.PutSecret{
		"text":        {StringValue: new(databricks.Secret("grüß <&> \" \\ \u2028 \x00"))},
		"empty_text":  {StringValue: new(databricks.Secret(""))},
		"full_text":   {StringValue: new(databricks.Secret(full))},
		"bytes":       {BytesValue: databricks.SecretBytes{0, 0xff, '"', '\n'}},
		"empty_bytes": {BytesValue: databricks.SecretBytes{}},
		"full_bytes":  {BytesValue: databricks.SecretBytes(full)},
		"a@b/c.d":     {StringValue: new(databricks.Secret("v"))},
	} {
		put.Scope, put.Key = "etl", name
		require.NoError(t, secrets.Put(ctx, put), name)
		want := put.BytesValue
		if put.StringValue != nil {
			want = databricks.SecretBytes(*put.StringValue)
		}
		got, err := secrets.Get(ctx, "etl", name)
		require.NoError(t, err, name)
		require.NotNil(t, got, name)
		assert.True(t, bytes.Equal(want, got), "%s came back changed", name)
	}
	list, err := secrets.List(ctx, "etl")
	require.NoError(t, err)
	assert.Len(t, list, 7)
	assert.NotZero(t, list[0].LastUpdatedTimestamp)

	require.NoError(t, secrets.Delete(ctx, "etl", "text"))
	assert.ErrorIs(t, secrets.Delete(ctx, "etl", "text"), databricks.ErrResourceDoesNotExist)
	_, err = secrets.Get(ctx, "etl", "text")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, secrets.DeleteScope(ctx, "etl"))
	_, err = secrets.List(ctx, "etl")
	assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist)
	scopes, err := secrets.ListScopes(ctx)
	require.NoError(t, err)
	assert.Empty(t, scopes)
}

func TestSecretsService_permissions(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket(),
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "dapi-alice"}),
		databrickstest.WithUser(databrickstest.User{Name: "bob@example.com", Token: "dapi-bob", Groups: []string{"team"}}))
	defer server.Close()
	alice, bob, ctx := as(t, server, "dapi-alice").Secrets, as(t, server, "dapi-bob").Secrets, t.Context()

	require.NoError(t, alice.CreateScope(ctx, databricks.CreateScope{Scope: "etl"}))
	put := databricks.PutSecret{Scope: "etl", Key: "k", StringValue: new(databricks.Secret("v"))}
	require.NoError(t, alice.Put(ctx, put))
	_, err := bob.Get(ctx, "etl", "k")
	assert.ErrorIs(t, err, fs.ErrPermission)

	require.NoError(t, alice.PutACL(ctx, databricks.PutACL{Scope: "etl", Principal: "team", Permission: databricks.ACLRead}))
	value, err := bob.Get(ctx, "etl", "k")
	require.NoError(t, err)
	assert.Equal(t, "v", string(value))
	assert.ErrorIs(t, bob.Put(ctx, put), databricks.ErrPermissionDenied)
	require.NoError(t, alice.PutACL(ctx, databricks.PutACL{Scope: "etl", Principal: "team", Permission: databricks.ACLWrite}))
	require.NoError(t, bob.Put(ctx, put))
	assert.ErrorIs(t, bob.DeleteScope(ctx, "etl"), databricks.ErrPermissionDenied)

	item, err := alice.GetACL(ctx, "etl", "team")
	require.NoError(t, err)
	assert.Equal(t, databricks.ACLItem{Principal: "team", Permission: databricks.ACLWrite}, *item)
	items, err := alice.ListACLs(ctx, "etl")
	require.NoError(t, err)
	assert.Equal(t, []databricks.ACLItem{{"alice@example.com", databricks.ACLManage}, *item}, items)
	require.NoError(t, alice.DeleteACL(ctx, "etl", "team"))
	assert.ErrorIs(t, alice.DeleteACL(ctx, "etl", "team"), databricks.ErrResourceDoesNotExist)
	_, err = bob.List(ctx, "etl")
	assert.ErrorIs(t, err, databricks.ErrPermissionDenied)
	assert.ErrorIs(t, alice.PutACL(ctx, databricks.PutACL{Scope: "etl", Principal: "nobody", Permission: databricks.ACLRead}),
		databricks.ErrInvalidParameterValue)
}

func TestSecretsService_keyVault(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket(),
		databrickstest.WithKeyVault("https://kv.vault.azure.net/", map[string]string{"db": "hunter2"}),
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "eyJ.an.azure.ad.token"}))
	defer server.Close()
	secrets, ctx := as(t, server, "eyJ.an.azure.ad.token").Secrets, t.Context()
	vault := &databricks.AzureKeyvault{ResourceID: "/subscriptions/s/kv", DNSName: "https://kv.vault.azure.net/"}
	bind := databricks.CreateScope{Scope: "kv", ScopeBackendType: databricks.ScopeBackendAzureKeyvault, BackendAzureKeyvault: vault}

	assert.ErrorIs(t, as(t, server, server.Token).Secrets.CreateScope(ctx, bind), databricks.ErrInvalidParameterValue, "not with a personal access token")
	require.NoError(t, secrets.CreateScope(ctx, bind))
	scopes, err := secrets.ListScopes(ctx)
	require.NoError(t, err)
	assert.Equal(t, []databricks.SecretScope{{Name: "kv", BackendType: databricks.ScopeBackendAzureKeyvault, KeyvaultMetadata: vault}}, scopes)
	value, err := secrets.Get(ctx, "kv", "db")
	require.NoError(t, err)
	assert.Equal(t, "hunter2", string(value))
	assert.ErrorIs(t, secrets.Put(ctx, databricks.PutSecret{Scope: "kv", Key: "k", StringValue: new(databricks.Secret("v"))}), databricks.ErrBadRequest)
	assert.ErrorIs(t, secrets.Delete(ctx, "kv", "db"), databricks.ErrBadRequest)
}

func TestSecretsService_lostResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		secrets, ctx := as(t, server, server.Token).Secrets, t.Context()

		losing(server, "/api/2.0/secrets/scopes/create")
		assertNotRetried(t, server, secrets.CreateScope(ctx, databricks.CreateScope{Scope: "etl"}))
		losing(server, "/api/2.0/secrets/put")
		require.NoError(t, secrets.Put(ctx, databricks.PutSecret{Scope: "etl", Key: "k", StringValue: new(databricks.Secret("v"))}))
		assert.Len(t, server.Requests(), 2)
		losing(server, "/api/2.0/secrets/acls/put")
		require.NoError(t, secrets.PutACL(ctx, databricks.PutACL{Scope: "etl", Principal: "users", Permission: databricks.ACLRead}))
		assert.Len(t, server.Requests(), 2)
		losing(server, "/api/2.0/secrets/get")
		_, err := secrets.Get(ctx, "etl", "k")
		require.NoError(t, err)
		assert.Len(t, server.Requests(), 2)

		losing(server, "/api/2.0/secrets/acls/delete")
		assertNotRetried(t, server, secrets.DeleteACL(ctx, "etl", "users"))
		losing(server, "/api/2.0/secrets/delete")
		assertNotRetried(t, server, secrets.Delete(ctx, "etl", "k"))
		losing(server, "/api/2.0/secrets/scopes/delete")
		assertNotRetried(t, server, secrets.DeleteScope(ctx, "etl"))
		scopes, err := secrets.ListScopes(ctx)
		require.NoError(t, err)
		assert.Empty(t, scopes, "each of the lost calls was carried out")
	})
}

// Set every possible secret, and check that none is visible.
func TestSecretsService_unseen(t *testing.T) {
	const planted = "planted-hunter2"
	server := databrickstest.NewServer(databrickstest.WithoutSocket(), databrickstest.WithFaults(
		databrickstest.Fault{Path: "/api/2.0/secrets/put", Status: 429, RetryAfter: "0"},
		databrickstest.Fault{Path: "/api/2.0/secrets/get", Truncate: true, Keep: 30},
	))
	defer server.Close()
	var text bytes.Buffer
	log := databricks.WithLogger(slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	plan := databricks.WithPlan(func(call databricks.PlannedCall) { fmt.Fprintf(&text, "%+v %s\n", call, call.Body) })
	secrets, planned, ctx := as(t, server, server.Token, log).Secrets, as(t, server, server.Token, log, plan).Secrets, t.Context()
	require.NoError(t, secrets.CreateScope(ctx, databricks.CreateScope{Scope: "etl"}))

	for _, put := range []databricks.PutSecret{
		{Scope: "etl", Key: "text", StringValue: new(databricks.Secret(planted))},
		{Scope: "etl", Key: "bytes", BytesValue: databricks.SecretBytes(planted)},
	} {
		text.WriteString(seen(put, &put))
		if put.StringValue != nil {
			text.WriteString(seen(*put.StringValue, *put.StringValue))
		}
		text.WriteString(seen(put.BytesValue, put.BytesValue))
		require.NoError(t, planned.Put(ctx, put))
		require.NoError(t, secrets.Put(ctx, put))
		got, err := secrets.Get(ctx, "etl", put.Key)
		require.NoError(t, err)
		require.Equal(t, planted, string(got))
		text.WriteString(seen(got, &got))

		broken := put
		broken.Scope = "none"
		fmt.Fprintf(&text, "%+v\n", secrets.Put(ctx, broken))
		broken.Scope, broken.Key = "etl", "not a name"
		fmt.Fprintf(&text, "%+v\n", secrets.Put(ctx, broken))
		broken.Key, broken.StringValue, broken.BytesValue = "k", new(databricks.Secret(planted+"\xff")), databricks.SecretBytes(planted)
		fmt.Fprintf(&text, "%+v\n", secrets.Put(ctx, broken))
		broken.BytesValue = nil
		fmt.Fprintf(&text, "%+v\n", secrets.Put(ctx, broken))
	}
	for _, r := range server.Requests() {
		fmt.Fprintf(&text, "%+v %s\n", r, r.Body)
	}
	for _, secret := range []string{planted, "hunter2", base64.StdEncoding.EncodeToString([]byte(planted)), fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), fmt.Sprint([]byte(planted))} {
		assert.NotContains(t, text.String(), secret)
	}
	assert.Contains(t, text.String(), "[redacted]")
}

// The runtime calls String to print the value of a panic.
func TestSecret_panic(t *testing.T) {
	if os.Getenv("TEST_PANIC_CHILD") != "" {
		panic(databricks.Secret("hunter2!"))
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSecret_panic$")
	child.Env = append(os.Environ(), "TEST_PANIC_CHILD=1")
	out, err := child.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "[redacted]")
	assert.NotContains(t, string(out), "hunter2!")
}
