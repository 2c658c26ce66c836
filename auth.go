package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-databricks/databricks/internal/auth"
	"github.com/go-databricks/databricks/internal/profile"
)

// An Auth sets a credential on a request. The client calls it once for each
// attempt, from any number of goroutines. It may set any header. If it fails,
// nothing is sent.
type Auth func(*http.Request) error

// A Credential is a kind of credential with its settings, for [WithCredential].
// Each kind that this library knows is a type: [OAuthM2M], [GitHubOIDC],
// [AzureDevOpsOIDC], [EnvOIDC], [FileOIDC], [AzureClientSecret], [AzureMSI],
// [AzureWorkloadIdentity], [GitHubOIDCAzure], [AzureCLI], [DatabricksCLI] and
// [MetadataService].
//
// A field that is unset is taken from the profile or the environment, by the
// name that the vendor's tools give it.
type Credential interface {
	credential() (kind string, settings map[auth.Attribute]string)
}

// OAuthM2M is a service principal with an OAuth secret. The secret is one of
// Databricks. For a secret of Entra, use [AzureClientSecret].
type OAuthM2M struct {
	ClientID     string   // the application ID of the service principal; DATABRICKS_CLIENT_ID
	ClientSecret Secret   // DATABRICKS_CLIENT_SECRET
	Scopes       []string // default all-apis
}

// GitHubOIDC is the identity of a GitHub Actions job, which a federation policy
// of Databricks trusts. There is no secret. The job needs the permission
// id-token: write.
type GitHubOIDC struct {
	ClientID string // of the service principal, DATABRICKS_CLIENT_ID; empty for a policy of the whole account
	Audience string // default: the one that the workspace asks for, or else its token endpoint
}

// AzureDevOpsOIDC is the identity of an Azure Pipelines job, which a federation
// policy of Databricks trusts. There is no secret. The job has to map
// SYSTEM_ACCESSTOKEN to $(System.AccessToken).
type AzureDevOpsOIDC struct {
	ClientID            string // of the service principal, DATABRICKS_CLIENT_ID; empty for a policy of the whole account
	ServiceConnectionID string // the service connection whose identity to use in place of the job's; DATABRICKS_AZURE_SERVICE_CONNECTION_ID
}

// EnvOIDC is an ID token in an environment variable, such as a CI system sets
// it. A federation policy of Databricks has to trust its issuer.
type EnvOIDC struct {
	ClientID string // of the service principal, DATABRICKS_CLIENT_ID; empty for a policy of the whole account
	Variable string // the name of the variable, DATABRICKS_OIDC_TOKEN_ENV; default DATABRICKS_OIDC_TOKEN
}

// FileOIDC is an ID token in a file, such as Kubernetes writes it. A federation
// policy of Databricks has to trust its issuer. The file is read again for each
// token of Databricks.
type FileOIDC struct {
	ClientID string // of the service principal, DATABRICKS_CLIENT_ID; empty for a policy of the whole account
	Path     string // DATABRICKS_OIDC_TOKEN_FILEPATH
}

// AzureClientSecret is an Entra application with a secret.
type AzureClientSecret struct {
	TenantID     string // ARM_TENANT_ID; the workspace is asked if it is unset
	ClientID     string // ARM_CLIENT_ID
	ClientSecret Secret // ARM_CLIENT_SECRET

	// WorkspaceResourceID is the workspace in Azure, from /subscriptions/ on. It
	// lets in an application that is not a user of the workspace yet, but a
	// contributor or owner in Azure. DATABRICKS_AZURE_RESOURCE_ID.
	WorkspaceResourceID string
}

// AzureMSI is the managed identity of an Azure machine: a virtual machine, App
// Service, Functions, Container Apps, Azure Machine Learning, Cloud Shell or a
// machine that Azure Arc manages. The zero value is the identity of the system,
// or the only one.
type AzureMSI struct {
	ClientID   string // one of several identities; ARM_CLIENT_ID
	ObjectID   string // the same, by its object ID; DATABRICKS_AZURE_MSI_OBJECT_ID
	ResourceID string // the same, by its resource ID; DATABRICKS_AZURE_MSI_RESOURCE_ID

	WorkspaceResourceID string // see [AzureClientSecret]
}

// AzureWorkloadIdentity is the identity of a pod in Kubernetes. AKS sets all of
// its variables.
type AzureWorkloadIdentity struct {
	TenantID  string // AZURE_TENANT_ID
	ClientID  string // AZURE_CLIENT_ID
	TokenFile string // AZURE_FEDERATED_TOKEN_FILE

	WorkspaceResourceID string // see [AzureClientSecret]
}

// GitHubOIDCAzure is the identity of a GitHub Actions job, which an Entra
// application trusts. There is no secret. The job needs the permission
// id-token: write.
type GitHubOIDCAzure struct {
	TenantID string // ARM_TENANT_ID
	ClientID string // ARM_CLIENT_ID

	WorkspaceResourceID string // see [AzureClientSecret]
}

// AzureCLI is who is signed in with az login. The client starts az for a token
// about once an hour.
type AzureCLI struct {
	TenantID string // ARM_TENANT_ID; default: the tenant that az uses
	Path     string // of the program, DATABRICKS_AZURE_CLI_PATH; default: az on the path

	WorkspaceResourceID string // see [AzureClientSecret]
}

// DatabricksCLI is who is signed in with databricks auth login. The client
// starts the vendor's CLI for a token about once an hour.
type DatabricksCLI struct {
	Profile string // DATABRICKS_CLI_PROFILE; default: the profile that chose this kind, or else the host
	Path    string // of the program, DATABRICKS_CLI_PATH; default: databricks on the path
}

// MetadataService is a program on this machine that hands out tokens, such as
// an extension of an editor.
type MetadataService struct {
	URL string // on localhost; DATABRICKS_METADATA_SERVICE_URL
}

// settings are those of a kind, by attribute.
type settings = map[auth.Attribute]string

func (c OAuthM2M) credential() (string, settings) {
	return "oauth-m2m", settings{auth.ClientID: c.ClientID, auth.ClientSecret: string(c.ClientSecret), auth.Scopes: strings.Join(c.Scopes, ",")}
}

func (c GitHubOIDC) credential() (string, settings) {
	return "github-oidc", settings{auth.ClientID: c.ClientID, auth.Audience: c.Audience}
}

func (c AzureDevOpsOIDC) credential() (string, settings) {
	return "azure-devops-oidc", settings{auth.ClientID: c.ClientID, auth.DevOpsConnection: c.ServiceConnectionID}
}

func (c EnvOIDC) credential() (string, settings) {
	return "env-oidc", settings{auth.ClientID: c.ClientID, auth.OIDCTokenEnv: c.Variable}
}

func (c FileOIDC) credential() (string, settings) {
	return "file-oidc", settings{auth.ClientID: c.ClientID, auth.OIDCTokenFile: c.Path}
}

func (c AzureClientSecret) credential() (string, settings) {
	return "azure-client-secret", settings{auth.AzureTenantID: c.TenantID, auth.AzureClientID: c.ClientID,
		auth.AzureSecret: string(c.ClientSecret), auth.AzureResourceID: c.WorkspaceResourceID}
}

func (c AzureMSI) credential() (string, settings) {
	return "azure-msi", settings{auth.AzureClientID: c.ClientID, auth.MSIObjectID: c.ObjectID, auth.MSIResourceID: c.ResourceID,
		auth.AzureResourceID: c.WorkspaceResourceID}
}

func (c AzureWorkloadIdentity) credential() (string, settings) {
	return "azure-workload-identity", settings{auth.AzureTenantID: c.TenantID, auth.AzureClientID: c.ClientID,
		auth.AzureTokenFile: c.TokenFile, auth.AzureResourceID: c.WorkspaceResourceID}
}

func (c GitHubOIDCAzure) credential() (string, settings) {
	return "github-oidc-azure", settings{auth.AzureTenantID: c.TenantID, auth.AzureClientID: c.ClientID, auth.AzureResourceID: c.WorkspaceResourceID}
}

func (c AzureCLI) credential() (string, settings) {
	return "azure-cli", settings{auth.AzureTenantID: c.TenantID, auth.AzureCLIPath: c.Path, auth.AzureResourceID: c.WorkspaceResourceID}
}

func (c DatabricksCLI) credential() (string, settings) {
	return "databricks-cli", settings{auth.CLIProfile: c.Profile, auth.CLIPath: c.Path}
}

func (c MetadataService) credential() (string, settings) {
	return "metadata-service", settings{auth.MetadataURL: c.URL}
}

// WithCredential signs in with a credential of one of the kinds that
// [Credential] lists, whatever the environment and profiles say. The client
// gets a token with the first call and renews it before it expires.
func WithCredential(credential Credential) Option {
	return func(c *config) error {
		if credential == nil {
			return errors.New("WithCredential: the credential is nil")
		}
		kind, settings := credential.credential()
		return c.Use("WithCredential", kind, settings)
	}
}

// WithAuthType signs in with a kind of credential by the name that the vendor's
// tools give it, such as "azure-cli". Its settings come from the profile and
// the environment.
func WithAuthType(kind string) Option {
	return func(c *config) error { return c.Use("WithAuthType", kind, nil) }
}

// WithToken signs in with a personal access token, or any other token that is
// sent as "Bearer" and does not change.
func WithToken(token string) Option {
	return func(c *config) error {
		if err := auth.CheckToken("WithToken", token); err != nil {
			return err
		}
		return c.Use("WithToken", "pat", settings{auth.AccessToken: token})
	}
}

// WithBasicAuth signs in with a user name and a password. Most workspaces no
// longer accept passwords. The user "token" with a personal access token as
// password works everywhere.
func WithBasicAuth(user, password string) Option {
	return func(c *config) error {
		if err := auth.CheckBasic(user, password); err != nil {
			return fmt.Errorf("WithBasicAuth: %w", err)
		}
		return c.Use("WithBasicAuth", "basic", settings{auth.Username: user, auth.Password: password})
	}
}

// WithTokenFunc signs in with tokens from a function, for what no [Credential]
// does. The client calls it for each attempt, with the context of the call,
// from any number of goroutines. The function should keep a token for as long
// as it lasts.
func WithTokenFunc(token func(context.Context) (string, error)) Option {
	return func(c *config) error {
		if token == nil {
			return errors.New("WithTokenFunc: the function is nil")
		}
		c.UseFunc("WithTokenFunc", func(r *http.Request) error {
			t, err := token(r.Context())
			if err == nil {
				err = auth.CheckToken("the token of WithTokenFunc", t)
			}
			if err != nil {
				return fmt.Errorf("asking for a token: %w", err)
			}
			r.Header.Set("Authorization", "Bearer "+t)
			return nil
		})
		return nil
	}
}

// WithAuth signs in with a function of your own, for what has no option here.
func WithAuth(auth Auth) Option {
	return func(c *config) error {
		if auth == nil {
			return errors.New("WithAuth: the function is nil")
		}
		c.UseFunc("WithAuth", auth)
		return nil
	}
}

// WithNetrc signs in with the entry of the host in a .netrc file, by the rules
// of curl. The file is read once. An empty path stands for the usual place:
// $NETRC, or else .netrc in the home directory. Without this option the client
// reads that file only if nothing else has a credential.
func WithNetrc(path string) Option {
	return func(c *config) error {
		c.UseNetrc("WithNetrc", path)
		return nil
	}
}

// WithProfile uses a profile of ~/.databrickscfg for what code does not set. It
// takes precedence over the environment, which supplies what the profile leaves
// unset. The credential of a profile is sent to the profile's own host only.
//
// Without this option the client uses the profile that
// DATABRICKS_CONFIG_PROFILE names, or else the default profile, for what
// neither code nor the environment sets.
func WithProfile(name string) Option {
	return func(c *config) error {
		if name == "" || name == profile.Settings {
			return fmt.Errorf("WithProfile: %q cannot name a profile", name)
		}
		c.Profile = name
		return nil
	}
}

// WithConfigFile reads profiles from another file than ~/.databrickscfg (or
// $DATABRICKS_CONFIG_FILE). The file must exist if it is needed.
func WithConfigFile(path string) Option {
	return func(c *config) error {
		if path == "" {
			return errors.New("WithConfigFile: the path is empty")
		}
		c.ConfigFile = path
		return nil
	}
}

// Credential says in one line which credential the client uses and where it was
// found, such as "pat: token from DATABRICKS_TOKEN". It has no secret in it.
func (c *Client) Credential() string { return c.credential.String() }

// Authenticate signs a request that the client does not send itself, such as
// the handshake of a websocket. It sets the headers of the credential and of
// the workspace, and may have to get a token first, for as long as the context
// of the request allows. It rejects a request to another host than the client's.
func (c *Client) Authenticate(r *http.Request) error {
	if r == nil || r.URL == nil {
		return errors.New("databricks: Authenticate: the request has no URL")
	}
	target := *r.URL
	target.Scheme = strings.Replace(target.Scheme, "ws", "http", 1)
	if e, err := auth.ParseEndpoint(target.Scheme+"://"+target.Host, "the request"); err != nil || e.URL() != c.Host() {
		return fmt.Errorf("databricks: Authenticate: the request is for %s://%s, but the credential is for %s", r.URL.Scheme, r.URL.Host, c.Host())
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if err := c.signIn(r); err != nil {
		return fmt.Errorf("databricks: Authenticate: %w", err)
	}
	c.endpoint.SetHeader(r.Header)
	return nil
}

// A CredentialError says why the client could not get a token. Nothing was sent
// to the workspace's API.
type CredentialError struct {
	Kind        string // of the credential, such as oauth-m2m
	Request     string // method and URL of the token request, or the command of a program
	StatusCode  int    // of the response; 0 if there was none
	Code        string // the error that the response names, such as invalid_client
	Description string // what the issuer of tokens says about it
	Hint        string // the usual cause, if there is one
	Err         error  // what else went wrong; may be nil

	text string
}

// Error says in one line what failed and why.
func (e *CredentialError) Error() string { return e.text }

// Unwrap returns e.Err.
func (e *CredentialError) Unwrap() error { return e.Err }

// signIn sets the credential's headers on a request.
func (c *Client) signIn(r *http.Request) error {
	err := c.credential.Sign(r)
	if e, ok := err.(*auth.Error); ok {
		return &CredentialError{e.Kind, e.Request, e.StatusCode, e.Code, e.Description, e.Hint, e.Err, e.Error()}
	}
	return err
}

// credentialRejected reports whether the service rejected a credential that may
// have expired or been revoked. It did nothing then.
func credentialRejected(err error) bool {
	e, ok := err.(*APIError)
	return ok && (e.StatusCode == http.StatusUnauthorized ||
		e.StatusCode == http.StatusForbidden && e.Code == "" && strings.HasPrefix(e.Message, "Invalid access token"))
}

// sentSecrets returns the secrets of a request's credential, as they were sent
// and as they are.
func sentSecrets(h http.Header) []string {
	secrets := []string{h.Get("X-Databricks-Azure-SP-Management-Token")}
	if _, credential, ok := strings.Cut(h.Get("Authorization"), " "); ok {
		secrets = append(secrets, credential)
	}
	if _, password, ok := (&http.Request{Header: h}).BasicAuth(); ok {
		secrets = append(secrets, password)
	}
	return secrets
}
