package databricks

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/redact"
)

// SecretsService stores secrets in scopes and controls access to the scopes.
// Names of scopes and secrets are not case-sensitive. The names themselves are
// not secret.
//
// A call fails with [ErrPermissionDenied] if the caller lacks the required
// permission, and with [ErrResourceDoesNotExist] if the scope does not exist.
//
// The client retries calls that store something, because they are idempotent.
// It does not retry a create or a delete after a lost response. A second delete
// could delete what somebody else stored in the meantime, and a deleted secret
// cannot be restored. Such a call fails with an [*OutcomeUnknownError].
//
// See https://docs.databricks.com/api/workspace/secrets.
type SecretsService service

// A ScopeBackendType is the kind of storage of a scope. The service may add
// types, so a switch over it needs a default.
type ScopeBackendType string

// Kinds of storage.
const (
	ScopeBackendDatabricks    ScopeBackendType = "DATABRICKS"     // storage that Databricks manages
	ScopeBackendAzureKeyvault ScopeBackendType = "AZURE_KEYVAULT" // an Azure key vault; its secrets are read-only in the workspace
)

// An ACLPermission is a permission on a scope. Each permission includes the
// ones before it. The service may add permissions, so a switch over it needs a
// default.
type ACLPermission string

// Permissions on a scope.
const (
	ACLRead   ACLPermission = "READ"   // list and read secrets
	ACLWrite  ACLPermission = "WRITE"  // also put and delete secrets
	ACLManage ACLPermission = "MANAGE" // also change permissions and delete the scope
)

// SecretBytes hold a secret. Package fmt and package slog show them as
// [redacted]. string(b) returns the secret. In JSON they are a base64 string
// that holds the secret itself.
type SecretBytes []byte

// Format writes [redacted] for every verb.
func (b SecretBytes) Format(f fmt.State, _ rune) { io.WriteString(f, redact.Mark) }

// LogValue returns [redacted].
func (b SecretBytes) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// A SecretScope is a named group of secrets.
type SecretScope struct {
	Name             string           `json:"name"`
	BackendType      ScopeBackendType `json:"backend_type"`
	KeyvaultMetadata *AzureKeyvault   `json:"keyvault_metadata"` // nil if the scope is not in an Azure key vault

	// IsDatabricksManaged is false for a scope in a key vault. It is nil if the
	// server does not report it.
	IsDatabricksManaged *bool `json:"is_databricks_managed"`
}

// An AzureKeyvault identifies an Azure key vault.
type AzureKeyvault struct {
	ResourceID string `json:"resource_id"` // /subscriptions/…/providers/Microsoft.KeyVault/vaults/…
	DNSName    string `json:"dns_name"`    // https://….vault.azure.net/
}

// SecretMetadata describe a secret without its value.
type SecretMetadata struct {
	Key                  string `json:"key"`
	LastUpdatedTimestamp Millis `json:"last_updated_timestamp"`
}

// An ACLItem is the permission of one principal on a scope.
type ACLItem struct {
	Principal  string        `json:"principal"` // a user, a group, or the application ID of a service principal
	Permission ACLPermission `json:"permission"`
}

// CreateScope describes a new scope.
type CreateScope struct {
	Scope                  string           `json:"scope"`                             // up to 128 letters, digits and - _ . @ /
	InitialManagePrincipal string           `json:"initial_manage_principal,omitzero"` // "users" lets all users manage the scope; empty for the caller only, which requires the Premium plan
	ScopeBackendType       ScopeBackendType `json:"scope_backend_type,omitzero"`       // empty for ScopeBackendDatabricks
	BackendAzureKeyvault   *AzureKeyvault   `json:"backend_azure_keyvault,omitzero"`   // required for ScopeBackendAzureKeyvault, otherwise nil
}

var secretName = regexp.MustCompile(`^[\w.@/-]+$`)

// checkSecretName checks the name of a new scope or secret.
func checkSecretName(arg, name string) error {
	switch {
	case name == "":
		return badArg(arg, isRequired)
	case len(name) > 128 || !secretName.MatchString(name):
		return badArg(arg, "%.200q is not valid; want up to 128 letters, digits and - _ . @ /", name)
	}
	return nil
}

func (in CreateScope) check() error {
	vault := in.BackendAzureKeyvault
	switch err := checkSecretName("scope", in.Scope); {
	case err != nil:
		return err
	case in.ScopeBackendType == ScopeBackendAzureKeyvault && vault == nil:
		return badArg("backend_azure_keyvault", isRequired)
	case in.ScopeBackendType != ScopeBackendAzureKeyvault && vault != nil:
		return badArg("backend_azure_keyvault", "requires the scope_backend_type %s", ScopeBackendAzureKeyvault)
	case vault != nil && vault.ResourceID == "":
		return badArg("backend_azure_keyvault.resource_id", isRequired)
	case vault != nil && vault.DNSName == "":
		return badArg("backend_azure_keyvault.dns_name", isRequired)
	}
	return nil
}

// CreateScope creates an empty scope, or a scope for an existing key vault. For
// a key vault, the caller must authenticate with a Microsoft Entra ID token of
// a user. CreateScope fails with [ErrResourceAlreadyExists] if the name is
// taken, and with [ErrResourceLimitExceeded] if the workspace has too many
// scopes (100). The client does not retry it after a lost response.
func (s *SecretsService) CreateScope(ctx context.Context, in CreateScope) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/scopes/create").params(in), nil)
}

// DeleteScope deletes a scope with all its secrets and permissions. It does not
// change the key vault of a scope that has one. It requires [ACLManage]. The
// client does not retry it after a lost response.
func (s *SecretsService) DeleteScope(ctx context.Context, scope string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/scopes/delete").required("scope", scope), nil)
}

// ListScopes returns all scopes of the workspace. Every user may list them.
func (s *SecretsService) ListScopes(ctx context.Context) ([]SecretScope, error) {
	response, err := do[struct {
		Scopes []SecretScope `json:"scopes"`
	}](ctx, s.client, get("/api/2.0/secrets/scopes/list"))
	if err != nil {
		return nil, err
	}
	return response.Scopes, nil
}

// PutSecret describes a secret to store. Set exactly one of the values. A value
// has at most 128 KiB.
type PutSecret struct {
	Scope       string      `json:"scope"`
	Key         string      `json:"key"`                   // up to 128 letters, digits and - _ . @ /
	StringValue *Secret     `json:"string_value,omitzero"` // new(databricks.Secret(text)); must be UTF-8; may be empty
	BytesValue  SecretBytes `json:"bytes_value,omitzero"`  // may be empty but not nil
}

// maxSecret is the maximum size of a secret in bytes.
const maxSecret = 128 << 10

// LogValue returns the scope and the key, without the value. JSON handlers use
// it too.
func (in PutSecret) LogValue() slog.Value {
	return slog.GroupValue(slog.String("scope", in.Scope), slog.String("key", in.Key))
}

func (in PutSecret) check() error {
	if in.Scope == "" {
		return badArg("scope", isRequired)
	}
	if err := checkSecretName("key", in.Key); err != nil {
		return err
	}
	switch text, bytes := in.StringValue, in.BytesValue; {
	case text == nil && bytes == nil:
		return badArg("string_value or bytes_value", isRequired)
	case text != nil && bytes != nil:
		return badArg("string_value", "and bytes_value are both set; set exactly one of them")
	case text != nil && !utf8.ValidString(string(*text)):
		return badArg("string_value", "is not UTF-8, so JSON cannot carry it; use bytes_value")
	case text != nil && len(*text) > maxSecret:
		return badArg("string_value", "has %d bytes; the maximum is %d", len(*text), maxSecret)
	case len(bytes) > maxSecret:
		return badArg("bytes_value", "has %d bytes; the maximum is %d", len(bytes), maxSecret)
	}
	return nil
}

// Put stores a secret. It replaces the secret with the same key, if there is
// one. It is idempotent, so the client retries it. It requires [ACLWrite]. It
// fails with [ErrResourceLimitExceeded] if the scope is full (1000 secrets),
// and with [ErrBadRequest] if the scope is in a key vault.
func (s *SecretsService) Put(ctx context.Context, in PutSecret) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/put").params(in).idempotent(), nil)
}

// Delete deletes a secret. It requires [ACLWrite]. It fails with
// [ErrResourceDoesNotExist] if the secret does not exist, and with
// [ErrBadRequest] if the scope is in a key vault. The client does not retry it
// after a lost response.
func (s *SecretsService) Delete(ctx context.Context, scope, key string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/delete").required("scope", scope).required("key", key), nil)
}

// List returns the keys of the secrets in a scope, without their values. It
// requires [ACLRead].
func (s *SecretsService) List(ctx context.Context, scope string) ([]SecretMetadata, error) {
	response, err := do[struct {
		Secrets []SecretMetadata `json:"secrets"`
	}](ctx, s.client, get("/api/2.0/secrets/list").required("scope", scope))
	if err != nil {
		return nil, err
	}
	return response.Secrets, nil
}

// Get returns the value of a secret as bytes, whether it was stored as text or
// as bytes. It requires [ACLRead]. It fails with [ErrResourceDoesNotExist] if
// the secret does not exist. Some workspaces allow only notebooks to read
// secrets. There, Get fails with [ErrBadRequest].
func (s *SecretsService) Get(ctx context.Context, scope, key string) (SecretBytes, error) {
	response, err := do[struct {
		Key   string      `json:"key"`
		Value SecretBytes `json:"value"`
	}](ctx, s.client, get("/api/2.0/secrets/get").required("scope", scope).required("key", key))
	if err != nil {
		return nil, err
	}
	return append(SecretBytes{}, response.Value...), nil
}

// PutACL describes the permission of one principal on a scope.
type PutACL struct {
	Scope      string        `json:"scope"`
	Principal  string        `json:"principal"` // a user, a group, or the application ID of a service principal
	Permission ACLPermission `json:"permission"`
}

func (in PutACL) check() error {
	switch {
	case in.Scope == "":
		return badArg("scope", isRequired)
	case in.Principal == "":
		return badArg("principal", isRequired)
	case in.Permission == "":
		return badArg("permission", isRequired)
	}
	return nil
}

// PutACL gives a principal a permission on a scope. It replaces the principal's
// current permission, if there is one. It is idempotent, so the client retries
// it. It requires [ACLManage] and the Premium plan. It can fail shortly after
// the user or group was created, because the service may not know the principal
// yet.
func (s *SecretsService) PutACL(ctx context.Context, in PutACL) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/acls/put").params(in).idempotent(), nil)
}

// DeleteACL removes the permission of a principal on a scope. It requires
// [ACLManage]. It fails with [ErrResourceDoesNotExist] if the principal has no
// permission. The client does not retry it after a lost response.
func (s *SecretsService) DeleteACL(ctx context.Context, scope, principal string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/acls/delete").required("scope", scope).required("principal", principal), nil)
}

// GetACL returns the permission that was given to a principal directly. It
// requires [ACLManage]. It fails with [ErrResourceDoesNotExist] if the
// principal has none.
func (s *SecretsService) GetACL(ctx context.Context, scope, principal string) (*ACLItem, error) {
	return do[ACLItem](ctx, s.client, get("/api/2.0/secrets/acls/get").required("scope", scope).required("principal", principal))
}

// ListACLs returns all permissions on a scope. It requires [ACLManage].
func (s *SecretsService) ListACLs(ctx context.Context, scope string) ([]ACLItem, error) {
	response, err := do[struct {
		Items []ACLItem `json:"items"`
	}](ctx, s.client, get("/api/2.0/secrets/acls/list").required("scope", scope))
	if err != nil {
		return nil, err
	}
	return response.Items, nil
}
