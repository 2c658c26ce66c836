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

// SecretsService keeps secrets in scopes, and says who may do what in a scope.
// Names of scopes and secrets are not case-sensitive, and no secret themselves.
//
// What a caller lacks the permission for fails with [ErrPermissionDenied], and
// what is in a scope that does not exist with [ErrResourceDoesNotExist].
//
// Puts are repeated freely. Scopes are not made twice, and what is deleted is
// not deleted again after an answer was lost: another may have put something
// there since, and a secret that is gone cannot be had back. Such calls fail
// with an [*OutcomeUnknownError].
//
// See https://docs.databricks.com/api/workspace/secrets.
type SecretsService service

// A ScopeBackendType is where the secrets of a scope are kept. The service may
// add some, so a switch over it needs a default.
type ScopeBackendType string

// Places where secrets are kept.
const (
	ScopeBackendDatabricks    ScopeBackendType = "DATABRICKS"     // the workspace itself
	ScopeBackendAzureKeyvault ScopeBackendType = "AZURE_KEYVAULT" // a key vault of Azure, which can only be read from here
)

// An ACLPermission is what somebody may do in a scope. Each includes those
// before it. The service may add some, so a switch over it needs a default.
type ACLPermission string

// Permissions in a scope.
const (
	ACLRead   ACLPermission = "READ"   // list and read secrets
	ACLWrite  ACLPermission = "WRITE"  // put and delete secrets, too
	ACLManage ACLPermission = "MANAGE" // change permissions and delete the scope, too
)

// SecretBytes are bytes that must not be seen. With any verb of package fmt and
// in slog they show as [redacted]; string(b) is the text itself, and their JSON
// form, base64, is what goes over the wire.
type SecretBytes []byte

// Format prints a stand-in, whatever the verb.
func (b SecretBytes) Format(f fmt.State, _ rune) { io.WriteString(f, redact.Mark) }

// LogValue logs a stand-in.
func (b SecretBytes) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// A SecretScope is a named place for secrets.
type SecretScope struct {
	Name             string           `json:"name"`
	BackendType      ScopeBackendType `json:"backend_type"`
	KeyvaultMetadata *AzureKeyvault   `json:"keyvault_metadata"` // of a scope in a key vault; else nil

	// IsDatabricksManaged is false for a scope in a key vault. It is nil where
	// the server does not report it.
	IsDatabricksManaged *bool `json:"is_databricks_managed"`
}

// An AzureKeyvault is a key vault of Azure.
type AzureKeyvault struct {
	ResourceID string `json:"resource_id"` // /subscriptions/…/providers/Microsoft.KeyVault/vaults/…
	DNSName    string `json:"dns_name"`    // https://….vault.azure.net/
}

// SecretMetadata is what there is to know of a secret but its value.
type SecretMetadata struct {
	Key                  string `json:"key"`
	LastUpdatedTimestamp Millis `json:"last_updated_timestamp"`
}

// An ACLItem says what somebody may do in a scope.
type ACLItem struct {
	Principal  string        `json:"principal"` // a user, a group, or the application id of a service principal
	Permission ACLPermission `json:"permission"`
}

// CreateScope asks for a new scope.
type CreateScope struct {
	Scope                  string           `json:"scope"`                             // up to 128 letters, digits and - _ . @ /
	InitialManagePrincipal string           `json:"initial_manage_principal,omitzero"` // "users" lets everybody manage it; empty only the caller, which takes the Premium plan
	ScopeBackendType       ScopeBackendType `json:"scope_backend_type,omitzero"`       // empty for ScopeBackendDatabricks
	BackendAzureKeyvault   *AzureKeyvault   `json:"backend_azure_keyvault,omitzero"`   // with ScopeBackendAzureKeyvault, else nil
}

var secretName = regexp.MustCompile(`^[\w.@/-]+$`)

// checkSecretName says what is wrong with the name of something to be made.
func checkSecretName(arg, name string) error {
	switch {
	case name == "":
		return badArg(arg, missing)
	case len(name) > 128 || !secretName.MatchString(name):
		return badArg(arg, "%.200q is no name; want up to 128 letters, digits and - _ . @ /", name)
	}
	return nil
}

func (in CreateScope) check() error {
	vault := in.BackendAzureKeyvault
	switch err := checkSecretName("scope", in.Scope); {
	case err != nil:
		return err
	case in.ScopeBackendType == ScopeBackendAzureKeyvault && vault == nil:
		return badArg("backend_azure_keyvault", missing)
	case in.ScopeBackendType != ScopeBackendAzureKeyvault && vault != nil:
		return badArg("backend_azure_keyvault", "goes with a scope_backend_type of %s only", ScopeBackendAzureKeyvault)
	case vault != nil && vault.ResourceID == "":
		return badArg("backend_azure_keyvault.resource_id", missing)
	case vault != nil && vault.DNSName == "":
		return badArg("backend_azure_keyvault.dns_name", missing)
	}
	return nil
}

// CreateScope makes an empty scope, or binds one to a key vault, which takes a
// user's Azure AD token: a personal access token will not do. It fails with
// [ErrResourceAlreadyExists] if there is one of that name, and with
// [ErrResourceLimitExceeded] if the workspace has too many (100). It is not
// repeated after its answer was lost.
func (s *SecretsService) CreateScope(ctx context.Context, in CreateScope) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/scopes/create").params(in), nil)
}

// DeleteScope removes a scope with all its secrets and permissions; of a scope
// in a key vault, the vault stays as it is. It takes [ACLManage]. It is not
// repeated after its answer was lost.
func (s *SecretsService) DeleteScope(ctx context.Context, scope string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/scopes/delete").required("scope", scope), nil)
}

// ListScopes returns all scopes of the workspace, which everybody may see.
func (s *SecretsService) ListScopes(ctx context.Context) ([]SecretScope, error) {
	reply, err := do[struct {
		Scopes []SecretScope `json:"scopes"`
	}](ctx, s.client, get("/api/2.0/secrets/scopes/list"))
	if err != nil {
		return nil, err
	}
	return reply.Scopes, nil
}

// PutSecret is a secret to be stored: exactly one of the values is set, each up
// to 128 KiB.
type PutSecret struct {
	Scope       string      `json:"scope"`
	Key         string      `json:"key"`                   // up to 128 letters, digits and - _ . @ /
	StringValue *Secret     `json:"string_value,omitzero"` // new(databricks.Secret(text)), in UTF-8; may be empty
	BytesValue  SecretBytes `json:"bytes_value,omitzero"`  // may be empty but not nil
}

// maxSecret bounds a secret's value, in bytes.
const maxSecret = 128 << 10

// LogValue logs the names without the value, in the handlers that write JSON, too.
func (in PutSecret) LogValue() slog.Value {
	return slog.GroupValue(slog.String("scope", in.Scope), slog.String("key", in.Key))
}

func (in PutSecret) check() error {
	if in.Scope == "" {
		return badArg("scope", missing)
	}
	if err := checkSecretName("key", in.Key); err != nil {
		return err
	}
	switch text, bytes := in.StringValue, in.BytesValue; {
	case text == nil && bytes == nil:
		return badArg("string_value or bytes_value", missing)
	case text != nil && bytes != nil:
		return badArg("string_value", "and bytes_value are both set; a secret has one of them")
	case text != nil && !utf8.ValidString(string(*text)):
		return badArg("string_value", "is not UTF-8, so JSON cannot carry it; use bytes_value")
	case text != nil && len(*text) > maxSecret:
		return badArg("string_value", "is of %d bytes; a secret has at most %d", len(*text), maxSecret)
	case len(bytes) > maxSecret:
		return badArg("bytes_value", "is of %d bytes; a secret has at most %d", len(bytes), maxSecret)
	}
	return nil
}

// Put stores a secret, over the one of that key, if there is one, so it is
// repeated freely. It takes [ACLWrite], and fails with
// [ErrResourceLimitExceeded] if the scope is full (1000 secrets) and with
// [ErrBadRequest] if it is in a key vault.
func (s *SecretsService) Put(ctx context.Context, in PutSecret) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/put").params(in).idempotent(), nil)
}

// Delete removes a secret. It takes [ACLWrite], and fails with
// [ErrResourceDoesNotExist] if there is none of that key and with
// [ErrBadRequest] if the scope is in a key vault. It is not repeated after its
// answer was lost.
func (s *SecretsService) Delete(ctx context.Context, scope, key string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/delete").required("scope", scope).required("key", key), nil)
}

// List returns the secrets of a scope without their values. It takes [ACLRead].
func (s *SecretsService) List(ctx context.Context, scope string) ([]SecretMetadata, error) {
	reply, err := do[struct {
		Secrets []SecretMetadata `json:"secrets"`
	}](ctx, s.client, get("/api/2.0/secrets/list").required("scope", scope))
	if err != nil {
		return nil, err
	}
	return reply.Secrets, nil
}

// Get returns a secret's value: the bytes that were put, or those of the text
// that was. It takes [ACLRead], and fails with [ErrResourceDoesNotExist] if
// there is none of that key. Some workspaces let nobody read secrets from
// outside a notebook, which they say with [ErrBadRequest].
func (s *SecretsService) Get(ctx context.Context, scope, key string) (SecretBytes, error) {
	reply, err := do[struct {
		Key   string      `json:"key"`
		Value SecretBytes `json:"value"`
	}](ctx, s.client, get("/api/2.0/secrets/get").required("scope", scope).required("key", key))
	if err != nil {
		return nil, err
	}
	return append(SecretBytes{}, reply.Value...), nil
}

// PutACL says what somebody may do in a scope.
type PutACL struct {
	Scope      string        `json:"scope"`
	Principal  string        `json:"principal"` // a user, a group, or the application id of a service principal
	Permission ACLPermission `json:"permission"`
}

func (in PutACL) check() error {
	switch {
	case in.Scope == "":
		return badArg("scope", missing)
	case in.Principal == "":
		return badArg("principal", missing)
	case in.Permission == "":
		return badArg("permission", missing)
	}
	return nil
}

// PutACL gives somebody a permission in a scope, in place of the one they have,
// if any, so it is repeated freely. It takes [ACLManage] and the Premium plan.
// A user or group that was made just now may not be known yet.
func (s *SecretsService) PutACL(ctx context.Context, in PutACL) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/acls/put").params(in).idempotent(), nil)
}

// DeleteACL takes somebody's permission in a scope away. It takes [ACLManage],
// and fails with [ErrResourceDoesNotExist] if they have none. It is not
// repeated after its answer was lost.
func (s *SecretsService) DeleteACL(ctx context.Context, scope, principal string) error {
	return s.client.Do(ctx, post("/api/2.0/secrets/acls/delete").required("scope", scope).required("principal", principal), nil)
}

// GetACL returns what somebody may do in a scope, by an item of their own. It
// takes [ACLManage], and fails with [ErrResourceDoesNotExist] if they have none.
func (s *SecretsService) GetACL(ctx context.Context, scope, principal string) (*ACLItem, error) {
	return do[ACLItem](ctx, s.client, get("/api/2.0/secrets/acls/get").required("scope", scope).required("principal", principal))
}

// ListACLs returns who may do what in a scope. It takes [ACLManage].
func (s *SecretsService) ListACLs(ctx context.Context, scope string) ([]ACLItem, error) {
	reply, err := do[struct {
		Items []ACLItem `json:"items"`
	}](ctx, s.client, get("/api/2.0/secrets/acls/list").required("scope", scope))
	if err != nil {
		return nil, err
	}
	return reply.Items, nil
}
