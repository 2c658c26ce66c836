package databricks_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const (
	azureHost = "adb-1234567890123456.7.azuredatabricks.net"
	robot     = "3f8a1f4e-0000-4000-8000-00000000000a" // a service principal of the workspace
	tenant    = "d2a7c1f0-5a4e-4b8e-8a55-6f2d0a9b7c33"
	azureApp  = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
	resource  = "/subscriptions/5b2c/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"

	githubIssuer = "https://token.actions.githubusercontent.com"
	devopsIssuer = "https://vstoken.dev.azure.com/o"
)

// One secret of each kind.
const (
	secretPAT      = "dapi-secret-of-alice"
	secretPassword = `pa#ss;w%rd\ "1`
	secretOAuth    = "dose+secret/of=robot"
	secretEntra    = "entra~secret.of-robot"
	secretRunner   = "secret-of-the-runner"
	secretAgent    = "secret-of-the-agent"
	secretIdentity = "secret-of-the-identity-header"
)

// An identityFixture is a workspace on an Azure host with all its token issuers. It
// is the transport of the tested clients.
type identityFixture struct {
	*databrickstest.Server
	t     *testing.T
	home  string
	serve map[string]http.HandlerFunc // by host

	mu       sync.Mutex
	requests []string // token requests, as request formats them
	signed   []http.Header
}

// newIdentityFixture returns a fixture without environment variables and programs.
func newIdentityFixture(t *testing.T, opts ...databrickstest.Option) *identityFixture {
	w := &identityFixture{t: t, home: emptyHome(t)}
	w.Server = databrickstest.NewServer(append([]databrickstest.Option{
		databrickstest.WithoutSocket(), databrickstest.WithTenant(tenant),
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: secretPAT, Password: secretPassword}),
		databrickstest.WithServicePrincipal(databrickstest.ServicePrincipal{
			ApplicationID: robot, Secrets: []string{secretOAuth}, Policies: []databrickstest.FederationPolicy{
				{Issuer: githubIssuer, Subject: "repo:o/r"},
				{Issuer: devopsIssuer, Subject: "p://o/p/1", Audiences: []string{"api://AzureADTokenExchange"}},
				{Issuer: "https://idp.example.com", Subject: "job", Audiences: []string{"workspace"}},
			},
		}),
	}, opts...)...)
	t.Cleanup(w.Close)
	w.serve = map[string]http.HandlerFunc{
		"login.microsoftonline.com":     w.entra,
		"pipelines.actions.example.com": w.github,
		"dev.azure.com":                 w.devops,
		"169.254.169.254":               w.identityService,
		"127.0.0.1:41500":               w.identityService,
		"localhost:50342":               w.identityService,
		"localhost:8099":                w.identityService,
	}
	return w
}

// emptyHome creates an empty home directory and unsets all variables that NewClient
// reads.
func emptyHome(t *testing.T) string {
	home := t.TempDir()
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		for _, prefix := range []string{"DATABRICKS_", "ARM_", "AZURE_", "ACTIONS_", "SYSTEM_", "IDENTITY_", "MSI_", "IMDS_", "DEFAULT_IDENTITY_", "GOOGLE_", "NETRC"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // HOME of Windows
	t.Setenv("PATH", filepath.Join(home, "bin"))
	return home
}

func (w *identityFixture) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.mu.Lock()
		w.signed = append(w.signed, r.Header.Clone())
		w.mu.Unlock()
	} else {
		text := request(r)
		w.mu.Lock()
		w.requests = append(w.requests, text)
		w.mu.Unlock()
	}
	serve := w.serve[r.URL.Host]
	if r.URL.Host == azureHost {
		serve = w.ServeHTTP
	}
	if serve == nil {
		return nil, fmt.Errorf("there is no %s in this fixture", r.URL.Host)
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	if in.URL.Scheme == "https" {
		in.TLS = httptest.NewRequest("GET", "https://x", nil).TLS
	}
	out := httptest.NewRecorder()
	serve(out, in)
	resp := out.Result()
	resp.Request = r
	return resp, nil
}

// request formats a request and restores its body.
func request(r *http.Request) string {
	text := r.Method + " " + r.URL.String()
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "Accept" && name != "User-Agent" {
			text += " | " + name + ": " + strings.Join(r.Header[name], ",")
		}
	}
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		text += " | " + string(body)
	}
	return text
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

// entra simulates Microsoft Entra with robot's application.
func (w *identityFixture) entra(out http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	reject := func(code, description string) {
		writeJSON(out, http.StatusUnauthorized, map[string]any{"error": code, "error_description": description, "error_codes": []int{7000215}, "trace_id": "t"})
	}
	asked := r.PostForm.Get("resource") + strings.TrimSuffix(r.PostForm.Get("scope"), "/.default")
	switch {
	case !strings.HasPrefix(r.URL.Path, "/"+tenant+"/oauth2/"):
		reject("invalid_request", "AADSTS90002: Tenant not found.")
	case r.PostForm.Get("client_id") != robot:
		reject("unauthorized_client", "AADSTS700016: Application not found in the directory.")
	case r.PostForm.Get("client_assertion") != "" && strings.Count(r.PostForm.Get("client_assertion"), ".") != 2:
		reject("invalid_client", "AADSTS700211: No matching federated identity record found.")
	case r.PostForm.Get("client_assertion") == "" && r.PostForm.Get("client_secret") != secretEntra:
		reject("invalid_client", "AADSTS7000215: Invalid client secret provided: "+r.PostForm.Get("client_secret"))
	default:
		w.azureToken(out, asked)
	}
}

// azureToken responds with a token for a resource, in the v1 format.
func (w *identityFixture) azureToken(out http.ResponseWriter, resource string) {
	token := "management-token"
	if resource == azureApp {
		token = w.IssueToken(robot, time.Hour)
	}
	writeJSON(out, http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": token, "expires_in": "3599", "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": resource,
	})
}

func (w *identityFixture) github(out http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+secretRunner || r.URL.Query().Get("api-version") != "2" {
		http.Error(out, "no", http.StatusUnauthorized)
		return
	}
	writeJSON(out, http.StatusOK, map[string]any{"count": 1, "value": idToken(githubIssuer, "repo:o/r", r.URL.Query().Get("audience"))})
}

func (w *identityFixture) devops(out http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+secretAgent {
		out.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(out, http.StatusOK, map[string]any{"oidcToken": idToken(devopsIssuer, "p://o/p/1", "api://AzureADTokenExchange")})
}

// identityService simulates IMDS, App Service, Azure ML, Cloud Shell and the
// metadata service of a program. All of them send similar responses.
func (w *identityFixture) identityService(out http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	w.azureToken(out, r.Form.Get("resource")+map[bool]string{true: azureApp}[r.URL.Host == "localhost:8099"])
}

// idToken returns an ID token without a signature.
func idToken(issuer, subject, audience string) string {
	claims, _ := json.Marshal(map[string]any{"iss": issuer, "sub": subject, "aud": audience, "exp": time.Now().Add(time.Minute).Unix()})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode(claims) + "." + encode([]byte("signature"))
}

// program installs a program on the path. It appends its arguments to the file
// calls and then runs a shell script.
func (w *identityFixture) program(name, script string) (path string) {
	if runtime.GOOS == "windows" {
		w.t.Skip("the programs of this test are shell scripts")
	}
	dir := filepath.Join(w.home, "bin")
	require.NoError(w.t, os.MkdirAll(dir, 0o700))
	path = filepath.Join(dir, name)
	text := "#!/bin/sh\necho " + name + ` "$@" >> '` + filepath.Join(w.home, "calls") + "'\n" + script + "\nexit\n" + strings.Repeat("#"+strings.Repeat(" ", 1<<10)+"\n", 1<<10)
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o700))
	return path
}

func (w *identityFixture) calls() []string {
	text, _ := os.ReadFile(filepath.Join(w.home, "calls"))
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// configFile writes ~/.databrickscfg.
func (w *identityFixture) configFile(text string) {
	require.NoError(w.t, os.WriteFile(filepath.Join(w.home, ".databrickscfg"), []byte(text), 0o600))
}

func (w *identityFixture) newClient(opts ...databricks.Option) (*databricks.Client, error) {
	return databricks.NewClient(append([]databricks.Option{databricks.WithHTTPClient(&http.Client{Transport: w})}, opts...)...)
}

// setenv sets variables. Each setting is NAME=value.
func setenv(t *testing.T, settings ...string) {
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
}

var (
	githubVariables = []string{"ACTIONS_ID_TOKEN_REQUEST_URL=https://pipelines.actions.example.com/1/idtoken?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + secretRunner}
	devopsVariables = []string{"SYSTEM_ACCESSTOKEN=" + secretAgent, "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://dev.azure.com/o/", "SYSTEM_TEAMPROJECTID=proj",
		"SYSTEM_HOSTTYPE=build", "SYSTEM_PLANID=plan", "SYSTEM_JOBID=job"}
	appService = []string{"IDENTITY_ENDPOINT=http://127.0.0.1:41500/msi/token", "IDENTITY_HEADER=" + secretIdentity}
)

const (
	jsonForm   = " | Content-Type: application/x-www-form-urlencoded | "
	discovered = "GET https://" + azureHost + "/oidc/.well-known/oauth-authorization-server"
	tokenURL   = "POST https://" + azureHost + "/oidc/v1/token"
	appScope   = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d%2F.default"
	exchanged  = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&scope=all-apis&subject_token=JWT&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
	asserted   = "client_assertion=JWT&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=" + robot + "&grant_type=client_credentials&scope=" + appScope
)

// A credentialRow is a kind of credential with three ways to configure it. It has
// the expected token requests and the expected headers of API requests.
type credentialRow struct {
	kind     string
	name     string // name of the row if the kind has several
	option   databricks.Option
	env      []string
	profile  string
	around   []string // variables that the kind needs in addition to its settings
	requests []string // token requests, with JWT in place of each ID token
	calls    []string // arguments of the programs that were run
	headers  map[string]string
	static   string // the Authorization header if it never changes
}

func credentialRows(w *identityFixture) []credentialRow {
	file := filepath.Join(w.home, "id-token")
	require.NoError(w.t, os.WriteFile(file, []byte(idToken("https://idp.example.com", "job", "workspace")+"\r\n"), 0o600))
	token := w.IssueToken(robot, time.Hour)
	az := w.program("az", `case "$*" in
*"account show"*) echo '{"tenantId":"x","user":{"name":"alice@example.com","type":"user"}}';;
*management*) echo '{"accessToken":"management-token","expiresOn":"2999-01-02 15:04:05.000000","tokenType":"Bearer"}';;
*) echo '{"accessToken":"`+token+`","expiresOn":"2001-01-02 15:04:05.000000","expires_on":32503680000,"tokenType":"Bearer"}';;
esac`)
	cli := w.program("databricks", `case "$*" in
version) echo 'Databricks CLI v0.297.2';;
*) echo '{"access_token":"`+token+`","token_type":"Bearer","expiry":"2999-01-02T15:04:05.123Z"}';;
esac`)
	netrc := filepath.Join(w.home, "credentials")
	require.NoError(w.t, os.WriteFile(netrc, []byte("machine "+azureHost+" login token password "+secretPAT+"\n"), 0o600))
	basicUser := base64.StdEncoding.EncodeToString([]byte("alice@example.com:" + secretPassword))
	management := map[string]string{"X-Databricks-Azure-SP-Management-Token": "management-token", "X-Databricks-Azure-Workspace-Resource-Id": resource}
	entraForm := func(resource string) string {
		return "POST https://login.microsoftonline.com/" + tenant + "/oauth2/token" + jsonForm + "client_id=" + robot + "&client_secret=" + url.QueryEscape(secretEntra) +
			"&grant_type=client_credentials&resource=" + url.QueryEscape(resource)
	}
	tenantAsked := "GET https://" + azureHost + "/aad/auth"
	github := func(audience string) string {
		return "GET https://pipelines.actions.example.com/1/idtoken?api-version=2&audience=" + url.QueryEscape(audience) + " | Authorization: Bearer " + secretRunner
	}
	devops := "POST https://dev.azure.com/o/proj/_apis/distributedtask/hubs/build/plans/plan/jobs/job/oidctoken?api-version=7.2-preview.1"
	federated := "POST https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token" + jsonForm + asserted
	return []credentialRow{
		{kind: "pat", option: databricks.WithToken(secretPAT), env: []string{"DATABRICKS_TOKEN=" + secretPAT}, profile: "token = " + secretPAT, static: "Bearer " + secretPAT},
		{kind: "basic", option: databricks.WithBasicAuth("alice@example.com", secretPassword), static: "Basic " + basicUser,
			env:     []string{"DATABRICKS_USERNAME=alice@example.com", "DATABRICKS_PASSWORD=" + secretPassword},
			profile: "username = alice@example.com\npassword = " + secretPassword},
		{kind: ".netrc", option: databricks.WithNetrc(netrc), env: []string{"NETRC=" + netrc},
			static: "Basic " + base64.StdEncoding.EncodeToString([]byte("token:"+secretPAT))},
		{kind: "oauth-m2m", option: databricks.WithCredential(databricks.OAuthM2M{ClientID: robot, ClientSecret: secretOAuth}),
			env:     []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_CLIENT_SECRET=" + secretOAuth},
			profile: "client_id = " + robot + "\nclient_secret = " + secretOAuth,
			requests: []string{discovered, tokenURL + " | Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(robot+":dose%2Bsecret%2Fof%3Drobot")) +
				jsonForm + "grant_type=client_credentials&scope=all-apis"}},
		{kind: "github-oidc", around: githubVariables, option: databricks.WithCredential(databricks.GitHubOIDC{ClientID: robot}),
			env: []string{"DATABRICKS_CLIENT_ID=" + robot}, profile: "auth_type = github-oidc\nclient_id = " + robot,
			requests: []string{"GET https://" + azureHost + "/.well-known/databricks-config", discovered, github("https://" + azureHost + "/oidc/v1/token"),
				tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "azure-devops-oidc", around: devopsVariables, option: databricks.WithCredential(databricks.AzureDevOpsOIDC{ClientID: robot}),
			env: []string{"DATABRICKS_CLIENT_ID=" + robot}, profile: "auth_type = azure-devops-oidc\nclient_id = " + robot,
			requests: []string{devops + " | Authorization: Bearer " + secretAgent, discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "azure-devops-oidc", name: "of a service connection", around: devopsVariables,
			option:   databricks.WithCredential(databricks.AzureDevOpsOIDC{ClientID: robot, ServiceConnectionID: "c1"}),
			env:      []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_AZURE_SERVICE_CONNECTION_ID=c1"},
			profile:  "auth_type = azure-devops-oidc\nclient_id = " + robot + "\nazure_service_connection_id = c1",
			requests: []string{devops + "&serviceConnectionId=c1 | Authorization: Bearer " + secretAgent, discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "env-oidc", around: []string{"MY_ID_TOKEN=" + idToken("https://idp.example.com", "job", "workspace")},
			option:   databricks.WithCredential(databricks.EnvOIDC{ClientID: robot, Variable: "MY_ID_TOKEN"}),
			env:      []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_OIDC_TOKEN_ENV=MY_ID_TOKEN"},
			profile:  "client_id = " + robot + "\noidc_token_env = MY_ID_TOKEN",
			requests: []string{discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "env-oidc", name: "in the usual variable", around: []string{"DATABRICKS_OIDC_TOKEN=" + idToken("https://idp.example.com", "job", "workspace")},
			option: databricks.WithCredential(databricks.EnvOIDC{ClientID: robot}), profile: "auth_type = env-oidc\nclient_id = " + robot, env: []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_OIDC_TOKEN=" + idToken("https://idp.example.com", "job", "workspace")},
			requests: []string{discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "file-oidc", option: databricks.WithCredential(databricks.FileOIDC{ClientID: robot, Path: file}),
			env:      []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_OIDC_TOKEN_FILEPATH=" + file},
			profile:  "client_id = " + robot + "\ndatabricks_id_token_filepath = " + file,
			requests: []string{discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "file-oidc", name: "by the names of Python", env: []string{"DATABRICKS_CLIENT_ID=" + robot, "DATABRICKS_OIDC_TOKEN_FILE=" + file},
			profile:  "client_id = " + robot + "\noidc_token_filepath = " + file,
			requests: []string{discovered, tokenURL + jsonForm + "client_id=" + robot + "&" + exchanged}},
		{kind: "azure-client-secret", option: databricks.WithCredential(databricks.AzureClientSecret{TenantID: tenant, ClientID: robot, ClientSecret: secretEntra}),
			env:      []string{"ARM_TENANT_ID=" + tenant, "ARM_CLIENT_ID=" + robot, "ARM_CLIENT_SECRET=" + secretEntra},
			profile:  "azure_tenant_id = " + tenant + "\nazure_client_id = " + robot + "\nazure_client_secret = " + secretEntra,
			requests: []string{entraForm(azureApp)}},
		{kind: "azure-client-secret", name: "with discovery of the tenant", option: databricks.WithCredential(databricks.AzureClientSecret{ClientID: robot, ClientSecret: secretEntra}),
			env:      []string{"AZURE_CLIENT_ID=" + robot, "AZURE_CLIENT_SECRET=" + secretEntra},
			profile:  "azure_client_id = " + robot + "\nazure_client_secret = " + secretEntra,
			requests: []string{tenantAsked, entraForm(azureApp)}},
		{kind: "azure-client-secret", name: "not a user yet",
			option:   databricks.WithCredential(databricks.AzureClientSecret{TenantID: tenant, ClientID: robot, ClientSecret: secretEntra, WorkspaceResourceID: resource}),
			env:      []string{"ARM_TENANT_ID=" + tenant, "ARM_CLIENT_ID=" + robot, "ARM_CLIENT_SECRET=" + secretEntra, "DATABRICKS_AZURE_RESOURCE_ID=" + resource},
			profile:  "azure_tenant_id = " + tenant + "\nazure_client_id = " + robot + "\nazure_client_secret = " + secretEntra + "\nazure_workspace_resource_id = " + resource,
			requests: []string{entraForm(azureApp), entraForm("https://management.core.windows.net/")}, headers: management},
		{kind: "azure-workload-identity", option: databricks.WithCredential(databricks.AzureWorkloadIdentity{TenantID: tenant, ClientID: robot, TokenFile: file}),
			env:      []string{"AZURE_TENANT_ID=" + tenant, "AZURE_CLIENT_ID=" + robot, "AZURE_FEDERATED_TOKEN_FILE=" + file, "AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/"},
			profile:  "auth_type = azure-workload-identity\nazure_tenant_id = " + tenant + "\nazure_client_id = " + robot + "\nazure_federated_token_file = " + file,
			requests: []string{federated}},
		{kind: "github-oidc-azure", around: githubVariables, option: databricks.WithCredential(databricks.GitHubOIDCAzure{TenantID: tenant, ClientID: robot}),
			env: []string{"ARM_TENANT_ID=" + tenant, "ARM_CLIENT_ID=" + robot}, profile: "auth_type = github-oidc-azure\nazure_tenant_id = " + tenant + "\nazure_client_id = " + robot,
			requests: []string{github("api://AzureADTokenExchange"), federated}},
		{kind: "azure-msi", name: "of a virtual machine", option: databricks.WithCredential(databricks.AzureMSI{}), env: []string{"ARM_USE_MSI=true"}, profile: "azure_use_msi = true",
			requests: []string{"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + azureApp + " | Metadata: true"}},
		{kind: "azure-msi", name: "one of several", option: databricks.WithCredential(databricks.AzureMSI{ClientID: robot}),
			env: []string{"ARM_USE_MSI=true", "ARM_CLIENT_ID=" + robot}, profile: "azure_use_msi = true\nazure_client_id = " + robot,
			requests: []string{"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=" + robot + "&resource=" + azureApp + " | Metadata: true"}},
		{kind: "azure-msi", name: "by resource ID", option: databricks.WithCredential(databricks.AzureMSI{ResourceID: "/i"}),
			env: []string{"ARM_USE_MSI=true", "DATABRICKS_AZURE_MSI_RESOURCE_ID=/i"}, profile: "azure_use_msi = true\nazure_msi_resource_id = /i",
			requests: []string{"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&msi_res_id=%2Fi&resource=" + azureApp + " | Metadata: true"}},
		{kind: "azure-msi", name: "of a function", around: appService, option: databricks.WithCredential(databricks.AzureMSI{}), env: []string{"DATABRICKS_AUTH_TYPE="}, profile: "auth_type = azure-msi",
			requests: []string{"GET http://127.0.0.1:41500/msi/token?api-version=2019-08-01&resource=" + azureApp + " | X-IDENTITY-HEADER: " + secretIdentity}},
		{kind: "azure-msi", name: "of a function, one of several", around: appService, option: databricks.WithCredential(databricks.AzureMSI{ResourceID: "/i", WorkspaceResourceID: resource}),
			env:     []string{"ARM_USE_MSI=true", "DATABRICKS_AZURE_MSI_RESOURCE_ID=/i", "DATABRICKS_AZURE_RESOURCE_ID=" + resource},
			profile: "azure_use_msi = true\nazure_msi_resource_id = /i\nazure_workspace_resource_id = " + resource,
			requests: []string{"GET http://127.0.0.1:41500/msi/token?api-version=2019-08-01&mi_res_id=%2Fi&resource=" + azureApp + " | X-IDENTITY-HEADER: " + secretIdentity,
				"GET http://127.0.0.1:41500/msi/token?api-version=2019-08-01&mi_res_id=%2Fi&resource=https%3A%2F%2Fmanagement.core.windows.net%2F | X-IDENTITY-HEADER: " + secretIdentity},
			headers: management},
		{kind: "azure-msi", name: "of Azure ML", around: []string{"MSI_ENDPOINT=http://127.0.0.1:41500/ml", "MSI_SECRET=" + secretIdentity, "DEFAULT_IDENTITY_CLIENT_ID=default-id"},
			option: databricks.WithCredential(databricks.AzureMSI{}), env: []string{"DATABRICKS_AUTH_TYPE=azure-msi"}, profile: "azure_use_msi = true",
			requests: []string{"GET http://127.0.0.1:41500/ml?api-version=2017-09-01&clientid=default-id&resource=" + azureApp + " | secret: " + secretIdentity}},
		{kind: "azure-msi", name: "of Cloud Shell", around: []string{"MSI_ENDPOINT=http://localhost:50342/oauth2/token"},
			option: databricks.WithCredential(databricks.AzureMSI{}), env: []string{"DATABRICKS_AUTH_TYPE=azure-msi"}, profile: "azure_use_msi = true",
			requests: []string{"POST http://localhost:50342/oauth2/token | Content-Type: application/x-www-form-urlencoded | Metadata: true | resource=" + azureApp}},
		{kind: "metadata-service", option: databricks.WithCredential(databricks.MetadataService{URL: "http://localhost:8099/x"}),
			env: []string{"DATABRICKS_METADATA_SERVICE_URL=http://localhost:8099/x"}, profile: "metadata_service_url = http://localhost:8099/x",
			requests: []string{"GET http://localhost:8099/x | X-Databricks-Host: https://" + azureHost + " | X-Databricks-Metadata-Version: 1"}},
		{kind: "azure-cli", option: databricks.WithCredential(databricks.AzureCLI{Path: az}), env: []string{"DATABRICKS_AUTH_TYPE=azure-cli"}, profile: "auth_type = azure-cli",
			calls: []string{"az account show --output json", "az account get-access-token --resource " + azureApp + " --output json"}},
		{kind: "azure-cli", name: "in a tenant, not a user yet", option: databricks.WithCredential(databricks.AzureCLI{TenantID: tenant, WorkspaceResourceID: resource}),
			env:     []string{"DATABRICKS_AUTH_TYPE=azure-cli", "ARM_TENANT_ID=" + tenant, "DATABRICKS_AZURE_RESOURCE_ID=" + resource},
			profile: "auth_type = azure-cli\nazure_tenant_id = " + tenant + "\nazure_workspace_resource_id = " + resource,
			calls: []string{"az account show --output json", "az account get-access-token --resource " + azureApp + " --output json --tenant " + tenant,
				"az account get-access-token --resource https://management.core.windows.net/ --output json --tenant " + tenant}, headers: management},
		{kind: "azure-cli", name: "in a subscription", option: databricks.WithCredential(databricks.AzureCLI{WorkspaceResourceID: resource}),
			env:     []string{"DATABRICKS_AUTH_TYPE=azure-cli", "DATABRICKS_AZURE_RESOURCE_ID=" + resource},
			profile: "auth_type = azure-cli\nazure_workspace_resource_id = " + resource,
			calls: []string{"az account show --output json", "az account get-access-token --resource " + azureApp + " --output json --subscription 5b2c",
				"az account get-access-token --resource https://management.core.windows.net/ --output json --subscription 5b2c"}, headers: management},
		{kind: "databricks-cli", option: databricks.WithCredential(databricks.DatabricksCLI{Path: cli}), env: []string{"DATABRICKS_AUTH_TYPE=databricks-cli", "DATABRICKS_CLI_PATH=" + cli},
			calls: []string{"databricks version", "databricks auth token --host https://" + azureHost}},
		{kind: "databricks-cli", name: "by profile", option: databricks.WithCredential(databricks.DatabricksCLI{Profile: "row"}), profile: "auth_type = databricks-cli",
			env:   []string{"DATABRICKS_AUTH_TYPE=databricks-cli", "DATABRICKS_CLI_PROFILE=row"},
			calls: []string{"databricks version", "databricks auth token --profile row"}},
	}
}

func TestCredentials(t *testing.T) {
	rows := len(credentialRows(newIdentityFixture(t)))
	for i := range rows {
		for _, way := range []string{"option", "environment", "profile"} {
			w := newIdentityFixture(t)
			row := credentialRows(w)[i]
			var opts []databricks.Option
			switch {
			case way == "option" && row.option != nil:
				opts = []databricks.Option{databricks.WithHost(azureHost), row.option}
			case way == "environment" && row.env != nil:
			case way == "profile" && row.profile != "":
				opts = []databricks.Option{databricks.WithProfile("row")}
			default:
				continue
			}
			t.Run(strings.TrimSpace(row.kind+" "+row.name)+" by "+way, func(t *testing.T) {
				setenv(t, row.around...)
				switch way {
				case "environment":
					setenv(t, append(row.env, "DATABRICKS_HOST="+azureHost)...)
				case "profile":
					w.configFile("[row]\nhost = " + azureHost + "\n" + row.profile + "\n")
				}
				client, err := w.newClient(opts...)
				require.NoError(t, err)
				assert.Empty(t, w.requests, "NewClient sends nothing")
				assert.Empty(t, w.calls(), "NewClient starts nothing")
				for range 2 {
					_, err = client.Clusters.List(t.Context(), databricks.ListClusters{})
					require.NoError(t, err)
				}
				assert.Equal(t, row.requests, withoutJWT(w.requests))
				assert.Equal(t, row.calls, w.calls())
				assert.Regexp(t, "^"+row.kind+": ", client.Credential())
				sent := w.signed[0]
				if row.static != "" {
					assert.Equal(t, row.static, sent.Get("Authorization"))
				} else {
					assert.Regexp(t, `^Bearer eyJ`, sent.Get("Authorization"))
				}
				for _, name := range []string{"X-Databricks-Azure-SP-Management-Token", "X-Databricks-Azure-Workspace-Resource-Id"} {
					assert.Equal(t, row.headers[name], sent.Get(name), name)
				}
			})
		}
	}
}

// withoutJWT replaces ID tokens by JWT, because they differ each time.
func withoutJWT(requests []string) []string {
	var out []string
	for _, r := range requests {
		head, form, ok := strings.Cut(r, " | Content-Type: application/x-www-form-urlencoded | ")
		if values, err := url.ParseQuery(form); ok && err == nil {
			for _, name := range []string{"subject_token", "client_assertion"} {
				if strings.Count(values.Get(name), ".") == 2 {
					values.Set(name, "JWT")
				}
			}
			if !strings.HasPrefix(form, "Metadata") {
				form = values.Encode()
			}
			r = head + jsonForm + form
		}
		out = append(out, r)
	}
	return out
}
