package databrickstest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of secrets.
const (
	maxScopes  = 100
	maxSecrets = 1000      // secrets in a scope
	maxSecret  = 128 << 10 // size of a value in bytes
)

// WithKeyVault adds an Azure key vault with the given secrets, for scopes with
// the backend AZURE_KEYVAULT. Only a caller with a Microsoft Entra ID token can
// create such a scope. The workspace accepts each token that starts with eyJ,
// like a JSON Web Token. You can give a [User] such a token.
func WithKeyVault(dnsName string, secrets map[string]string) Option {
	return func(s *Server) {
		if s.secrets.vaults == nil {
			s.secrets.vaults = map[string]map[string]string{}
		}
		s.secrets.vaults[vaultName(dnsName)] = maps.Clone(secrets)
	}
}

// WithSecretsInNotebooksOnly prevents reading the values of secrets through the
// API, as in older workspaces.
func WithSecretsInNotebooksOnly() Option {
	return func(s *Server) { s.secrets.notebooksOnly = true }
}

// WithStandardPlan creates a workspace without permissions on secret scopes.
// All users manage every scope. A request that creates a scope must set
// initial_manage_principal to users.
func WithStandardPlan() Option {
	return func(s *Server) { s.secrets.standard = true }
}

// A permission on a scope includes all lower permissions.
type permission int

const (
	noPermission permission = iota
	readPermission
	writePermission
	managePermission
)

var permissionNames = []string{"", "READ", "WRITE", "MANAGE"}

func (p permission) String() string { return permissionNames[p] }

// secretsArea has the secret scopes.
type secretsArea struct {
	scopes        []*scope                     // in order of creation
	vaults        map[string]map[string]string // by vaultName: secret values by name
	notebooksOnly bool
	standard      bool
}

type scope struct {
	name    string
	secrets map[string]*secret // by lowercase key; nil for a key vault
	vault   *keyvault          // nil if the workspace stores the secrets
	acl     []aclItem          // one item for each principal
}

type secret struct {
	key     string
	value   []byte
	updated time.Time
}

type keyvault struct {
	ResourceID string `json:"resource_id"`
	DNSName    string `json:"dns_name"`
}

// vaultName returns the normalized DNS name of a key vault.
func vaultName(dnsName string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(dnsName, "https://"), "/"))
}

type aclItem struct {
	Principal  string `json:"principal"`
	Permission string `json:"permission"`
}

func (a *secretsArea) register(s *Server) {
	route(s, "POST", "/api/2.0/secrets/scopes/create", a.createScope)
	route(s, "POST", "/api/2.0/secrets/scopes/delete", a.deleteScope)
	route(s, "GET", "/api/2.0/secrets/scopes/list", a.listScopes)
	route(s, "POST", "/api/2.0/secrets/put", a.put)
	route(s, "POST", "/api/2.0/secrets/delete", a.delete)
	route(s, "GET", "/api/2.0/secrets/list", a.list)
	route(s, "GET", "/api/2.0/secrets/get", a.get)
	route(s, "POST", "/api/2.0/secrets/acls/put", a.putACL)
	route(s, "POST", "/api/2.0/secrets/acls/delete", a.deleteACL)
	route(s, "GET", "/api/2.0/secrets/acls/get", a.getACL)
	route(s, "GET", "/api/2.0/secrets/acls/list", a.listACLs)
}

// forget removes the permissions of a deleted principal.
func (a *secretsArea) forget(principal string) {
	for _, s := range a.scopes {
		s.acl = slices.DeleteFunc(s.acl, func(item aclItem) bool { return item.Principal == principal })
	}
}

// secretName matches the names that the service accepts today. Older versions
// rejected @ and /.
var secretName = regexp.MustCompile(`^[\w.@/-]{1,128}$`)

func checkName(what, name string) error {
	if !secretName.MatchString(name) {
		return invalid("%s name must consist of alphanumeric characters, dashes, underscores, periods, @ and / and may not exceed 128 characters.", what)
	}
	return nil
}

// find returns nil if the scope does not exist. Names are not case-sensitive.
func (a *secretsArea) find(name string) *scope {
	if i := slices.IndexFunc(a.scopes, func(s *scope) bool { return strings.EqualFold(s.name, name) }); i >= 0 {
		return a.scopes[i]
	}
	return nil
}

// scope returns a scope if the caller has a permission on it.
func (a *secretsArea) scope(c *call, name string, need permission) (*scope, error) {
	s := a.find(name)
	if s == nil {
		return nil, notFound("Scope %s does not exist!", name)
	}
	if a.allowed(c, s) < need {
		return nil, denied("User %s does not have %s permission on scope %s to perform this action.", c.user.name, need, s.name)
	}
	return s, nil
}

// writable returns a scope that the caller may write to. A key vault cannot be
// written to.
func (a *secretsArea) writable(c *call, name string) (*scope, error) {
	s, err := a.scope(c, name, writePermission)
	if err == nil && s.vault != nil {
		err = badRequest("Cannot write secrets to Azure KeyVault-backed scope %s", s.name)
	}
	return s, err
}

// allowed returns the caller's permission on a scope.
func (a *secretsArea) allowed(c *call, s *scope) permission {
	if c.user.admin {
		return managePermission
	}
	most := noPermission
	for _, item := range s.acl {
		if item.Principal == c.user.name || c.groups.hasUser(item.Principal, c.user) {
			most = max(most, permission(slices.Index(permissionNames, item.Permission)))
		}
	}
	return most
}

func badRequest(format string, args ...any) error {
	return fail(http.StatusBadRequest, "BAD_REQUEST", format, args...)
}

func (a *secretsArea) createScope(c *call, in struct {
	Scope            string    `json:"scope"`
	InitialPrincipal string    `json:"initial_manage_principal"`
	Backend          string    `json:"scope_backend_type"`
	Vault            *keyvault `json:"backend_azure_keyvault"`
}) (any, error) {
	if err := checkName("Scope", in.Scope); err != nil {
		return nil, err
	}
	created := &scope{name: in.Scope, acl: []aclItem{{c.user.name, managePermission.String()}}}
	switch in.Backend {
	case "", "DATABRICKS":
		created.secrets = map[string]*secret{}
	case "AZURE_KEYVAULT":
		switch {
		case c.token == nil || !strings.HasPrefix(c.token.value, "eyJ"):
			return nil, invalid("Scope with Azure KeyVault must have userAADToken defined!")
		case in.Vault == nil || in.Vault.ResourceID == "" || in.Vault.DNSName == "":
			return nil, missingField("backend_azure_keyvault")
		}
		created.vault = in.Vault
	default:
		return nil, invalid("Unknown scope_backend_type %s", in.Backend)
	}
	switch {
	case in.InitialPrincipal == usersGroup:
		created.acl[0].Principal = usersGroup
	case in.InitialPrincipal != "":
		return nil, badRequest("Cannot specify %s as initial_manage_principal.", in.InitialPrincipal)
	case a.standard:
		return nil, badRequest(`Premium Tier is disabled in this workspace. Secret scopes can only be created with initial_manage_principal "users".`)
	}
	switch {
	case a.find(in.Scope) != nil:
		return nil, exists("Scope %s already exists!", in.Scope)
	case len(a.scopes) >= maxScopes:
		return nil, fail(http.StatusBadRequest, "RESOURCE_LIMIT_EXCEEDED", "Number of scopes exceeds the limit of %d", maxScopes)
	}
	a.scopes = append(a.scopes, created)
	return nil, nil
}

type oneScope struct {
	Scope string `json:"scope" api:"required"`
}

func (a *secretsArea) deleteScope(c *call, in oneScope) (any, error) {
	gone, err := a.scope(c, in.Scope, managePermission)
	if err != nil {
		return nil, err
	}
	a.scopes = slices.DeleteFunc(a.scopes, func(s *scope) bool { return s == gone })
	return nil, nil
}

func (a *secretsArea) listScopes(*call, struct{}) (any, error) {
	type entry struct {
		Name    string    `json:"name"`
		Backend string    `json:"backend_type"`
		Vault   *keyvault `json:"keyvault_metadata,omitempty"`
	}
	var out struct {
		Scopes []entry `json:"scopes,omitempty"`
	}
	for _, s := range a.scopes {
		backend := "DATABRICKS"
		if s.vault != nil {
			backend = "AZURE_KEYVAULT"
		}
		out.Scopes = append(out.Scopes, entry{s.name, backend, s.vault})
	}
	return out, nil
}

func (a *secretsArea) put(c *call, in struct {
	Scope string  `json:"scope" api:"required"`
	Key   string  `json:"key" api:"required"`
	Text  *string `json:"string_value"`
	Bytes *string `json:"bytes_value"`
}) (any, error) {
	s, err := a.writable(c, in.Scope)
	if err != nil {
		return nil, err
	}
	if err := checkName("Secret", in.Key); err != nil {
		return nil, err
	}
	created := &secret{key: in.Key, updated: c.now}
	switch {
	case (in.Text == nil) == (in.Bytes == nil):
		return nil, malformed("Exactly one of string_value and bytes_value must be specified")
	case in.Text != nil:
		created.value = []byte(*in.Text)
	default:
		if created.value, err = base64.StdEncoding.DecodeString(*in.Bytes); err != nil {
			return nil, malformed("bytes_value is not base64")
		}
	}
	if len(created.value) > maxSecret {
		return nil, invalid("The value of secret %s exceeds %d bytes.", in.Key, maxSecret)
	}
	id := strings.ToLower(in.Key)
	if s.secrets[id] == nil && len(s.secrets) >= maxSecrets {
		return nil, fail(http.StatusBadRequest, "RESOURCE_LIMIT_EXCEEDED", "Number of secrets in scope %s exceeds the limit of %d", s.name, maxSecrets)
	}
	s.secrets[id] = created
	return nil, nil
}

type oneSecret struct {
	Scope string `json:"scope" api:"required"`
	Key   string `json:"key" api:"required"`
}

func (a *secretsArea) delete(c *call, in oneSecret) (any, error) {
	s, err := a.writable(c, in.Scope)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(in.Key)
	if s.secrets[id] == nil {
		return nil, noSecret(s, in.Key)
	}
	delete(s.secrets, id)
	return nil, nil
}

func noSecret(s *scope, key string) error {
	return notFound("Secret does not exist with scope: %s and key: %s", s.name, key)
}

// list returns no times for the secrets of a key vault, because it does not
// know them.
func (a *secretsArea) list(c *call, in oneScope) (any, error) {
	s, err := a.scope(c, in.Scope, readPermission)
	if err != nil {
		return nil, err
	}
	type entry struct {
		Key     string `json:"key"`
		Updated int64  `json:"last_updated_timestamp"`
	}
	var out struct {
		Secrets []entry `json:"secrets,omitempty"`
	}
	for _, id := range slices.Sorted(maps.Keys(s.secrets)) {
		out.Secrets = append(out.Secrets, entry{s.secrets[id].key, millis(s.secrets[id].updated)})
	}
	if s.vault != nil {
		for _, name := range slices.Sorted(maps.Keys(a.vaults[vaultName(s.vault.DNSName)])) {
			out.Secrets = append(out.Secrets, entry{name, 0})
		}
	}
	return out, nil
}

var vaultKey = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)

func (a *secretsArea) get(c *call, in oneSecret) (any, error) {
	s, err := a.scope(c, in.Scope, readPermission)
	if err != nil {
		return nil, err
	}
	if a.notebooksOnly && !c.inNotebook {
		return nil, badRequest("This operation is not allowed outside databricks notebooks.")
	}
	var value []byte
	if s.vault == nil {
		found := s.secrets[strings.ToLower(in.Key)]
		if found == nil {
			return nil, noSecret(s, in.Key)
		}
		value = found.value
	} else {
		vault, known := a.vaults[vaultName(s.vault.DNSName)]
		text, found := vault[in.Key]
		switch {
		case !vaultKey.MatchString(in.Key):
			return nil, invalid("%s is not a valid name of a secret in Azure KeyVault", in.Key)
		case !known:
			return nil, fail(http.StatusBadRequest, "MALFORMED_REQUEST", "Azure KeyVault %s cannot be reached", s.vault.DNSName)
		case !found:
			return nil, noSecret(s, in.Key)
		}
		value = []byte(text)
	}
	return struct {
		Key   string `json:"key"`
		Value []byte `json:"value"`
	}{in.Key, value}, nil
}

// managed returns a scope whose permissions the caller may read and change.
func (a *secretsArea) managed(c *call, name string) (*scope, error) {
	if a.standard {
		return nil, fail(http.StatusForbidden, "FEATURE_DISABLED", "Secret ACLs need the Premium plan.")
	}
	return a.scope(c, name, managePermission)
}

// item returns the index of a principal's item in the list, or -1.
func (s *scope) item(principal string) int {
	return slices.IndexFunc(s.acl, func(item aclItem) bool { return item.Principal == principal })
}

// applicationID matches application IDs of service principals. The workspace
// accepts each such ID, even if it has no such service principal.
var applicationID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (a *secretsArea) putACL(c *call, in struct {
	Scope      string `json:"scope" api:"required"`
	Principal  string `json:"principal" api:"required"`
	Permission string `json:"permission" api:"required"`
}) (any, error) {
	s, err := a.managed(c, in.Scope)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(permissionNames, in.Permission):
		return nil, invalid("Permission %s is not one of READ, WRITE and MANAGE.", in.Permission)
	case c.identities.byName[in.Principal] == nil && c.groups.find(in.Principal) == nil && !applicationID.MatchString(in.Principal):
		return nil, invalid("User or group %s does not exist.", in.Principal)
	}
	item := aclItem{in.Principal, in.Permission}
	if i := s.item(in.Principal); i >= 0 {
		s.acl[i] = item
	} else {
		s.acl = append(s.acl, item)
	}
	return nil, nil
}

type oneACL struct {
	Scope     string `json:"scope" api:"required"`
	Principal string `json:"principal" api:"required"`
}

func (a *secretsArea) deleteACL(c *call, in oneACL) (any, error) {
	s, i, err := a.findACL(c, in)
	if err != nil {
		return nil, err
	}
	s.acl = slices.Delete(s.acl, i, i+1)
	return nil, nil
}

func (a *secretsArea) getACL(c *call, in oneACL) (any, error) {
	s, i, err := a.findACL(c, in)
	if err != nil {
		return nil, err
	}
	return s.acl[i], nil
}

func (a *secretsArea) findACL(c *call, in oneACL) (*scope, int, error) {
	s, err := a.managed(c, in.Scope)
	if err != nil {
		return nil, 0, err
	}
	i := s.item(in.Principal)
	if i < 0 {
		return nil, 0, notFound("Failed to get secret acl for principal %s for scope %s.", in.Principal, s.name)
	}
	return s, i, nil
}

func (a *secretsArea) listACLs(c *call, in oneScope) (any, error) {
	s, err := a.managed(c, in.Scope)
	if err != nil {
		return nil, err
	}
	return struct {
		Items []aclItem `json:"items,omitempty"`
	}{slices.Clone(s.acl)}, nil
}
