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

// An Auth sets a credential on a request. It may set any header. The client
// calls it for each attempt, from any number of goroutines. If it fails, the
// client sends nothing.
type Auth func(*http.Request) error

// A Credential is a kind of credential with its settings, for [WithCredential].
// Each kind is a type: [OAuthM2M], [GitHubOIDC], [AzureDevOpsOIDC], [EnvOIDC],
// [FileOIDC], [AzureClientSecret], [AzureMSI], [AzureWorkloadIdentity],
// [GitHubOIDCAzure], [AzureCLI], [DatabricksCLI] and [MetadataService].
//
// A field that is unset gets its value from the profile or the environment. The
// comments of the fields name the environment variables.
type Credential interface {
	credential() (kind string, settings map[auth.Attribute]string)
}

// OAuthM2M authenticates as a service principal with a Databricks OAuth secret.
// For a Microsoft Entra secret, use [AzureClientSecret].
type OAuthM2M struct {
	ClientID     string   // the application ID of the service principal; DATABRICKS_CLIENT_ID
	ClientSecret Secret   // DATABRICKS_CLIENT_SECRET
	Scopes       []string // nil for all-apis
}

// GitHubOIDC authenticates as a GitHub Actions job that a Databricks federation
// policy trusts. It needs no secret. The job needs the permission id-token:
// write.
type GitHubOIDC struct {
	ClientID string // client ID of the service principal; DATABRICKS_CLIENT_ID; empty for an account-wide policy
	Audience string // empty for the audience that the workspace requests, or else its token endpoint
}

// AzureDevOpsOIDC authenticates as an Azure Pipelines job that a Databricks
// federation policy trusts. It needs no secret. The job must map
// SYSTEM_ACCESSTOKEN to $(System.AccessToken).
type AzureDevOpsOIDC struct {
	ClientID            string // client ID of the service principal; DATABRICKS_CLIENT_ID; empty for an account-wide policy
	ServiceConnectionID string // the service connection to authenticate as; DATABRICKS_AZURE_SERVICE_CONNECTION_ID; empty for the job
}

// EnvOIDC authenticates with an ID token in an environment variable, which a CI
// system typically sets. A Databricks federation policy must trust the issuer
// of the token.
type EnvOIDC struct {
	ClientID string // client ID of the service principal; DATABRICKS_CLIENT_ID; empty for an account-wide policy
	Variable string // name of the variable; DATABRICKS_OIDC_TOKEN_ENV; empty for DATABRICKS_OIDC_TOKEN
}

// FileOIDC authenticates with an ID token in a file, which Kubernetes typically
// writes. A Databricks federation policy must trust the issuer of the token.
// The client reads the file again for each Databricks token.
type FileOIDC struct {
	ClientID string // client ID of the service principal; DATABRICKS_CLIENT_ID; empty for an account-wide policy
	Path     string // DATABRICKS_OIDC_TOKEN_FILEPATH
}

// AzureClientSecret authenticates as a Microsoft Entra application with a
// client secret.
type AzureClientSecret struct {
	TenantID     string // ARM_TENANT_ID; if unset, the client gets it from the workspace
	ClientID     string // ARM_CLIENT_ID
	ClientSecret Secret // ARM_CLIENT_SECRET

	// WorkspaceResourceID is the Azure resource ID of the workspace. It starts
	// with /subscriptions/. It is needed for an application that is a
	// contributor or owner in Azure but is not yet a user of the workspace.
	// DATABRICKS_AZURE_RESOURCE_ID.
	WorkspaceResourceID string
}

// AzureMSI authenticates as the managed identity of an Azure machine: a virtual
// machine, App Service, Functions, Container Apps, Azure Machine Learning,
// Cloud Shell or a machine that Azure Arc manages. The zero value selects the
// system-assigned identity, or the only identity.
type AzureMSI struct {
	ClientID   string // client ID of a user-assigned identity; ARM_CLIENT_ID
	ObjectID   string // object ID of a user-assigned identity; DATABRICKS_AZURE_MSI_OBJECT_ID
	ResourceID string // resource ID of a user-assigned identity; DATABRICKS_AZURE_MSI_RESOURCE_ID

	WorkspaceResourceID string // see [AzureClientSecret]
}

// AzureWorkloadIdentity authenticates as a Kubernetes pod. AKS sets all of its
// variables.
type AzureWorkloadIdentity struct {
	TenantID  string // AZURE_TENANT_ID
	ClientID  string // AZURE_CLIENT_ID
	TokenFile string // AZURE_FEDERATED_TOKEN_FILE

	WorkspaceResourceID string // see [AzureClientSecret]
}

// GitHubOIDCAzure authenticates as a GitHub Actions job that a Microsoft Entra
// application trusts. It needs no secret. The job needs the permission
// id-token: write.
type GitHubOIDCAzure struct {
	TenantID string // ARM_TENANT_ID
	ClientID string // ARM_CLIENT_ID

	WorkspaceResourceID string // see [AzureClientSecret]
}

// AzureCLI authenticates as the user who is signed in with az login. The client
// runs az about once an hour to get a token.
type AzureCLI struct {
	TenantID string // ARM_TENANT_ID; empty for az's own default
	Path     string // path of az; DATABRICKS_AZURE_CLI_PATH; empty to search PATH

	WorkspaceResourceID string // see [AzureClientSecret]
}

// DatabricksCLI authenticates as the user who is signed in with databricks auth
// login. The client runs the vendor's CLI about once an hour to get a token.
type DatabricksCLI struct {
	Profile string // DATABRICKS_CLI_PROFILE; empty for the profile that selected this kind, or else the host
	Path    string // path of databricks; DATABRICKS_CLI_PATH; empty to search PATH
}

// MetadataService gets tokens from a program on this machine, such as an editor
// extension.
type MetadataService struct {
	URL string // on localhost; DATABRICKS_METADATA_SERVICE_URL
}

// settings are the settings of a kind of credential, by attribute.
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

// WithCredential authenticates with one of the kinds that [Credential] lists.
// It takes precedence over the environment and profiles. The client gets a
// token with the first call and renews it before it expires.
func WithCredential(credential Credential) Option {
	return func(c *config) error {
		if credential == nil {
			return errors.New("WithCredential: the credential is nil")
		}
		kind, settings := credential.credential()
		return c.Use("WithCredential", kind, settings)
	}
}

// WithAuthType selects a kind of credential by the name that the vendor's tools
// use, such as "azure-cli". The settings come from the profile and the
// environment.
func WithAuthType(kind string) Option {
	return func(c *config) error { return c.Use("WithAuthType", kind, nil) }
}

// WithToken authenticates with a personal access token, or with another bearer
// token that does not change.
func WithToken(token string) Option {
	return func(c *config) error {
		if err := auth.CheckToken("WithToken", token); err != nil {
			return err
		}
		return c.Use("WithToken", "pat", settings{auth.AccessToken: token})
	}
}

// WithBasicAuth authenticates with a user name and a password. Most workspaces
// no longer accept passwords. All of them accept the user "token" with a
// personal access token as the password.
func WithBasicAuth(user, password string) Option {
	return func(c *config) error {
		if err := auth.CheckBasic(user, password); err != nil {
			return fmt.Errorf("WithBasicAuth: %w", err)
		}
		return c.Use("WithBasicAuth", "basic", settings{auth.Username: user, auth.Password: password})
	}
}

// WithTokenFunc authenticates with tokens that a function returns. Use it if no
// [Credential] fits. The client calls the function for each attempt, with the
// context of the call, from any number of goroutines. The function should cache
// its tokens.
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
				return fmt.Errorf("requesting a token: %w", err)
			}
			r.Header.Set("Authorization", "Bearer "+t)
			return nil
		})
		return nil
	}
}

// WithAuth authenticates with your own function, for schemes that no other
// option supports.
func WithAuth(auth Auth) Option {
	return func(c *config) error {
		if auth == nil {
			return errors.New("WithAuth: the function is nil")
		}
		c.UseFunc("WithAuth", auth)
		return nil
	}
}

// WithNetrc authenticates with the entry for the host in a .netrc file, by the
// rules of curl. The client reads the file once. An empty path means the
// default path: $NETRC, or else .netrc in the home directory. Without this
// option, the client reads the file only if it finds no other credential.
func WithNetrc(path string) Option {
	return func(c *config) error {
		c.UseNetrc("WithNetrc", path)
		return nil
	}
}

// WithProfile uses a profile of ~/.databrickscfg for settings that code does
// not set. It takes precedence over the environment, which supplies settings
// that the profile does not have. The client sends the credential of a profile
// only to the host of that profile.
//
// Without this option, the client uses the profile that
// DATABRICKS_CONFIG_PROFILE names, or else the default profile. That profile
// supplies settings that neither code nor the environment sets.
func WithProfile(name string) Option {
	return func(c *config) error {
		if name == "" || name == profile.Settings {
			return fmt.Errorf("WithProfile: %q cannot name a profile", name)
		}
		c.Profile = name
		return nil
	}
}

// WithConfigFile reads profiles from a file other than ~/.databrickscfg. It
// takes precedence over $DATABRICKS_CONFIG_FILE. If a profile is needed, the
// file must exist.
func WithConfigFile(path string) Option {
	return func(c *config) error {
		if path == "" {
			return errors.New("WithConfigFile: the path is empty")
		}
		c.ConfigFile = path
		return nil
	}
}

// Credential returns one line that says which credential the client uses and
// where it was found, such as "pat: token from DATABRICKS_TOKEN". It contains
// no secret.
func (c *Client) Credential() string { return c.credential.String() }

// Authenticate signs a request that the client does not send itself, such as a
// WebSocket handshake. It sets the headers for the credential and for the
// workspace. It may have to get a token first, and waits for it until the
// context of the request ends. It rejects a request for a host other than the
// client's.
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
// to the API of the workspace.
type CredentialError struct {
	Kind        string // kind of the credential, such as oauth-m2m
	Request     string // method and URL of the token request, or the command that was run
	StatusCode  int    // status of the response; 0 if there was none
	Code        string // error code in the response, such as invalid_client
	Description string // the token issuer's message
	Hint        string // the usual cause; may be empty
	Err         error  // further cause; may be nil

	text string
}

// Error says in one line what failed and why.
func (e *CredentialError) Error() string { return e.text }

// Unwrap returns e.Err.
func (e *CredentialError) Unwrap() error { return e.Err }

// signIn sets the headers of the credential on a request.
func (c *Client) signIn(r *http.Request) error {
	err := c.credential.Sign(r)
	if e, ok := err.(*auth.Error); ok {
		return &CredentialError{e.Kind, e.Request, e.StatusCode, e.Code, e.Description, e.Hint, e.Err, e.Error()}
	}
	return err
}

// credentialRejected reports whether the service rejected a credential that may
// have expired or been revoked. The service then did nothing.
func credentialRejected(err error) bool {
	e, ok := err.(*APIError)
	return ok && (e.StatusCode == http.StatusUnauthorized ||
		e.StatusCode == http.StatusForbidden && e.Code == "" && strings.HasPrefix(e.Message, "Invalid access token"))
}

// sentSecrets returns the secrets in the credential headers of a request, in
// encoded and decoded form.
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
