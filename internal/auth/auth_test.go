package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A transport responds to requests with a function.
type transport func(*http.Request) (int, http.Header, string)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := f(r)
	if status == 0 {
		return nil, errors.New(body)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// emptyEnvironment removes the variables that this package reads from the
// environment.
func emptyEnvironment(t *testing.T) string {
	home := t.TempDir()
	for _, vars := range []map[Attribute][]string{variables, terraformVariables, azureVariables} {
		for _, names := range vars {
			for _, name := range names {
				t.Setenv(name, "")
			}
		}
	}
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET", "NETRC", "DATABRICKS_CONFIG_FILE", "DATABRICKS_CONFIG_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // HOME of Windows
	t.Setenv("PATH", home)
	return home
}

// resolve returns a credential of a kind, for a workspace in Azure.
func resolve(t *testing.T, rt http.RoundTripper, kind string, settings map[Attribute]string) *Credential {
	var o Options
	var err error
	o.Endpoint, err = ParseEndpoint("adb-1.1.azuredatabricks.net", "code")
	require.NoError(t, err)
	require.NoError(t, o.Use("code", kind, settings))
	c, err := o.Resolve(Surroundings{Transport: rt, UserAgent: "my-tool/1", Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c
}

// sign signs a request and returns its Authorization header.
func sign(t *testing.T, c *Credential) (string, error) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://adb-1.1.azuredatabricks.net/api", nil)
	err := c.Sign(r)
	return r.Header.Get("Authorization"), err
}

const aToken = `{"access_token":"token","expires_on":"32503680000","token_type":"Bearer"}`

// The agent of Arc returns a token only if the caller can read the key that the
// agent names.
func TestMSI_arc(t *testing.T) {
	emptyEnvironment(t)
	dir, other := t.TempDir(), t.TempDir()
	before := arcKeys
	t.Cleanup(func() { arcKeys = before })
	arcKeys = map[string]string{runtime.GOOS: dir}
	t.Setenv("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token")
	t.Setenv("IMDS_ENDPOINT", "http://localhost:40342")
	key := filepath.Join(dir, "1.key")
	require.NoError(t, os.WriteFile(key, []byte("the-key"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(other, "2.key"), []byte("the-key"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large.key"), make([]byte, 5000), 0o600))
	for _, row := range []struct{ realm, err string }{
		{key, ""},
		{filepath.Join(other, "2.key"), "not in its directory"},
		{filepath.Join(dir, "..", filepath.Base(other), "2.key"), "not in its directory"},
		{"/etc/passwd", "not in its directory"},
		{filepath.Join(dir, "none.key"), "open " + filepath.Join(dir, "none.key")},
		{filepath.Join(dir, "large.key"), "larger than 4096 bytes"},
	} {
		var sent []string
		c := resolve(t, transport(func(r *http.Request) (int, http.Header, string) {
			sent = append(sent, r.URL.String()+" "+r.Header.Get("Metadata")+" "+r.Header.Get("Authorization"))
			if r.Header.Get("Authorization") != "Basic the-key" {
				return 401, http.Header{"Www-Authenticate": {"Basic realm=" + row.realm}}, ""
			}
			return 200, nil, aToken
		}), "azure-msi", map[Attribute]string{AzureClientID: "id"})
		authorization, err := sign(t, c)
		const url = "http://127.0.0.1:40342/metadata/identity/oauth2/token?api-version=2020-06-01&client_id=id&resource=2ff814a6-3304-4ab8-85cb-cd0e6f879c1d true "
		if row.err != "" {
			assert.ErrorContains(t, err, row.err)
			assert.Equal(t, []string{url}, sent)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "Bearer token", authorization)
		assert.Equal(t, []string{url, url + "Basic the-key"}, sent)
	}
}

// IMDS responds with 404, 410 and 500 while it starts or is updated.
func TestMSI_retries(t *testing.T) {
	emptyEnvironment(t)
	synctest.Test(t, func(t *testing.T) {
		statuses := []int{404, 410, 500, 429, 503}
		c := resolve(t, transport(func(*http.Request) (int, http.Header, string) {
			if len(statuses) > 0 {
				status := statuses[0]
				statuses = statuses[1:]
				return status, nil, ""
			}
			return 200, nil, aToken
		}), "azure-msi", nil)
		authorization, err := sign(t, c)
		require.NoError(t, err)
		assert.Equal(t, "Bearer token", authorization)
	})
}

func TestErrors(t *testing.T) {
	emptyEnvironment(t)
	const secret = "very~secret+of/entra"
	settings := map[Attribute]string{AzureTenantID: "tenant", AzureClientID: "id", AzureSecret: secret, ClientID: "id", ClientSecret: secret}
	discovered := `{"token_endpoint":"https://adb-1.1.azuredatabricks.net/oidc/v1/token"}`
	for _, row := range []struct {
		name, kind string
		status     int
		body       string
		want       []string
	}{
		{"wrong secret", "azure-client-secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided ` + secret + `.\r\nTrace ID: 1","error_codes":[7000215]}`,
			[]string{"azure-client-secret: no token from POST https://login.microsoftonline.com/tenant/oauth2/token: 401: invalid_client: AADSTS7000215: Invalid client secret provided [redacted]. Trace ID: 1; the client secret is wrong; use the secret's value, not its ID"}},
		{"expired secret", "azure-client-secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000222: expired"}`, []string{"the client secret has expired"}},
		{"unknown application", "azure-client-secret", 400, `{"error":"unauthorized_client","error_description":"AADSTS700016: x"}`, []string{"check azure_client_id and azure_tenant_id"}},
		{"unknown tenant", "azure-client-secret", 400, `{"error":"invalid_request","error_description":"AADSTS90002: x"}`, []string{"the tenant does not exist"}},
		{"page", "azure-client-secret", 400, `<html>no</html>`, []string{"400: bad request"}},
		{"control characters", "azure-client-secret", 400, `{"error":"a\u001bb","error_description":"c\u0085d\u2028e"}`, []string{"400: a b: c d e"}},
		{"wrong client", "oauth-m2m", 401, `{"error":"invalid_client","error_description":"Client authentication failed"}`, []string{"POST https://adb-1.1.azuredatabricks.net/oidc/v1/token: 401: invalid_client: Client authentication failed; the client ID or the secret is wrong, or the service principal is not in this workspace"}},
		{"in Databricks' own form", "oauth-m2m", 403, `{"error_code":"PERMISSION_DENIED","message":"OAuth is off"}`, []string{"403: PERMISSION_DENIED: OAuth is off"}},
		{"a token in the message", "oauth-m2m", 400, `{"error":"x","error_description":"dapi0123456789abcdef0123 and eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln"}`, []string{"400: x: [redacted] and [redacted]"}},
		{"several identities", "azure-msi", 400, `{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}`, []string{"set azure_client_id (ARM_CLIENT_ID) to one of them"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := resolve(t, transport(func(r *http.Request) (int, http.Header, string) {
				if strings.HasSuffix(r.URL.Path, "/oauth-authorization-server") {
					return 200, nil, discovered
				}
				return row.status, nil, row.body
			}), row.kind, settings)
			_, err := sign(t, c)
			for _, want := range row.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "very")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// The secret is sent only to the endpoint of the workspace, or to one with TLS.
func TestOAuth_endpoints(t *testing.T) {
	emptyEnvironment(t)
	for _, row := range []struct {
		status   int
		document string
		err      string
	}{
		{200, `{"token_endpoint":"https://adb-1.1.azuredatabricks.net/oidc/v1/token"}`, ""},
		{200, `{"token_endpoint":"https://issuer.example.com/token"}`, ""},
		{200, `{"token_endpoint":"http://issuer.example.com/token"}`, "is not https"},
		{200, `{"token_endpoint":"http://adb-1.1.azuredatabricks.net/oidc/v1/token"}`, "is not https"},
		{200, `{"token_endpoint":"/oidc/v1/token"}`, "is not a URL"},
		{200, `{}`, "is not a URL"},
		{200, `<html>`, "not the expected JSON"},
		{404, ``, "404: not found; this host does not offer OAuth; it may not be a workspace"},
		{302, ``, "302: redirected to https://login.example.com/, which is not followed"},
	} {
		posts := 0
		c := resolve(t, transport(func(r *http.Request) (int, http.Header, string) {
			if r.Method == http.MethodPost {
				posts++
				return 200, nil, aToken
			}
			return row.status, http.Header{"Location": {"https://login.example.com/?x"}}, row.document
		}), "oauth-m2m", map[Attribute]string{ClientID: "id", ClientSecret: "secret"})
		_, err := sign(t, c)
		if row.err != "" {
			assert.ErrorContains(t, err, row.err)
			assert.Zero(t, posts)
			continue
		}
		assert.NoError(t, err)
	}
}

// Link-local addresses and this machine are reached without a proxy.
func TestRequester_proxies(t *testing.T) {
	emptyEnvironment(t)
	proxied := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example.com") }}
	q := newRequester(Surroundings{Transport: proxied})
	assert.Same(t, proxied, q.proxied)
	direct := q.direct.(*http.Transport)
	assert.Nil(t, direct.Proxy)
	assert.NotNil(t, proxied.Proxy, "the caller's own is left alone")

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "my-tool/1", r.UserAgent())
		io.WriteString(w, aToken)
	}))
	defer server.Close()
	c := resolve(t, &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("a proxy was asked") }},
		"metadata-service", map[Attribute]string{MetadataURL: server.URL})
	_, err := sign(t, c)
	assert.NoError(t, err)

	for host, want := range map[string]bool{
		"169.254.169.254": true, "127.0.0.1": true, "localhost": true, "::1": true, "fe80::1": true,
		"login.microsoftonline.com": false, "10.0.0.1": false, "x.localhost": false,
	} {
		assert.Equal(t, want, local(host), host)
	}
}

// Hooks of the original request, such as httptrace, do not apply to the token
// request.
func TestCache_doesNotTraceTokenRequests(t *testing.T) {
	emptyEnvironment(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, aToken) }))
	defer server.Close()
	c := resolve(t, http.DefaultTransport, "metadata-service", map[Attribute]string{MetadataURL: server.URL})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: func(string) { t.Error("it was traced") }})
	type key struct{}
	r := httptest.NewRequestWithContext(context.WithValue(ctx, key{}, "kept"), http.MethodGet, "https://w", nil)
	require.NoError(t, c.Sign(r))
	assert.Equal(t, "kept", detached{r.Context(), false}.Value(key{}))
}

func TestToken_life(t *testing.T) {
	for _, row := range []struct {
		body string
		want time.Duration
	}{
		{`{"access_token":"t","expires_in":3600}`, time.Hour},
		{`{"access_token":"t","expires_in":"3599","expires_on":"1"}`, 3599 * time.Second},
		{`{"access_token":"t","expires_in":59.9}`, 59 * time.Second},
		{`{"access_token":"t","expires_on":"946688400"}`, time.Hour},
		{`{"access_token":"t","expires_on":946688400}`, time.Hour},
		{`{"access_token":"t","expires_on":1}`, 0},
		{`{"access_token":"t"}`, unknownLife},
		{`{"access_token":"t","expires_in":-5,"expires_on":"tomorrow"}`, unknownLife},
		{`{"access_token":"t","expires_in":1e300}`, unknownLife},
	} {
		synctest.Test(t, func(t *testing.T) { // the bubble starts at midnight, January 1, 2000
			q := newRequester(Surroundings{Transport: transport(func(*http.Request) (int, http.Header, string) { return 200, nil, row.body })})
			token, err := q.token(t.Context(), tokenRequest{method: "GET", url: "https://x"})
			require.NoError(t, err)
			assert.Equal(t, row.want, token.life(), row.body)
		})
	}
}

func TestAzure_clouds(t *testing.T) {
	for name, want := range map[string]string{
		"public": "PUBLIC", "AzurePublicCloud": "PUBLIC", "USGOVERNMENT": "USGOVERNMENT", "usgovernment": "USGOVERNMENT", "AzureUSGovernment": "USGOVERNMENT",
		"AzureUSGovernmentCloud": "USGOVERNMENT", "China": "CHINA", "AzureChinaCloud": "CHINA", "german": "",
	} {
		c, err := findCloud(name)
		assert.Equal(t, want, c.name, name)
		assert.Equal(t, want == "", err != nil, name)
	}
	emptyEnvironment(t)
	for host, want := range map[string][2]string{
		"adb-1.1.azuredatabricks.net":     {"https://login.microsoftonline.com/", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"},
		"adb-1.1.databricks.azure.us":     {"https://login.microsoftonline.us/", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"},
		"adb-1.1.databricks.azure.cn":     {"https://login.chinacloudapi.cn/", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"},
		"x.staging.azuredatabricks.net":   {"https://login.microsoftonline.com/", "4a67d088-db5c-48f1-9ff2-0aace800ae68"},
		"x.dev.azuredatabricks.net":       {"https://login.microsoftonline.com/", "62a912ac-b58e-4c1d-89ea-b2dbfc7358fc"},
		"workspace.corporate.example.com": {"https://login.microsoftonline.com/", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"},
	} {
		e, err := newEntra(&view{resolver: &resolver{Options: &Options{Endpoint: Endpoint{Scheme: "https", Host: host}}}, used: map[Attribute]string{}})
		require.NoError(t, err)
		assert.Equal(t, want, [2]string{e.login, e.application}, host)
	}
}

// program installs a shell script.
func program(t *testing.T, dir, name, script string) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are shell scripts")
	}
	text := "#!/bin/sh\necho \"$@\" >> '" + dir + "/calls'\n" + script + "\nexit\n" + strings.Repeat("#", 1<<20)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700))
}

func calls(dir string) []string {
	text, _ := os.ReadFile(filepath.Join(dir, "calls"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestAzureCLI(t *testing.T) {
	const get = "account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d --output json"
	token := `echo '{"accessToken":"token","expiresOn":"2999-01-02 15:04:05.000000"}'`
	for _, row := range []struct {
		name, user, script string
		settings           map[Attribute]string
		calls              []string
		err                string
	}{
		{"a managed identity has no tenant", `{"name":"systemAssignedIdentity","type":"servicePrincipal"}`, token, map[Attribute]string{AzureTenantID: "t"}, []string{get}, ""},
		{"a service principal in another tenant", `{"name":"x","type":"servicePrincipal"}`, `case "$*" in *--tenant*) exit 1;; esac; ` + token, map[Attribute]string{AzureTenantID: "t"}, []string{get + " --tenant t", get}, ""},
		{"a person in another tenant", `{"name":"x","type":"user"}`, `case "$*" in *--tenant*) echo "ERROR: AADSTS50020: no" >&2; exit 1;; esac; ` + token, map[Attribute]string{AzureTenantID: "t"}, []string{get + " --tenant t"},
			"azure-cli: no token from az account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d --output json --tenant t: AADSTS50020: no: exit status 1; az login signs in"},
		{"the subscription does not help", `{"name":"x","type":"user"}`, `case "$*" in *--subscription*) exit 1;; *management*) exit 1;; esac; ` + token, map[Attribute]string{AzureResourceID: "/subscriptions/s/x"},
			[]string{get + " --subscription s", get, strings.Replace(get, "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "https://management.core.windows.net/", 1) + " --subscription s",
				strings.Replace(get, "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "https://management.core.windows.net/", 1)}, ""},
		{"nobody is signed in", "", `echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`, nil, []string{"account show --output json"},
			"Please run 'az login' to setup account.: exit status 1; az login signs in"},
		{"it prints something else", `{"name":"x","type":"user"}`, "echo hello", nil, []string{get}, "its output is not JSON"},
		{"it prints no token", `{"name":"x","type":"user"}`, "echo {}", nil, []string{get}, "the token is empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := emptyEnvironment(t)
			script := row.script
			if row.user != "" {
				script = `case "$*" in "account show"*) echo '{"user":` + row.user + `}'; exit;; esac; ` + script
				row.calls = append([]string{"account show --output json"}, row.calls...)
			}
			program(t, dir, "az", script)
			c := resolve(t, nil, "azure-cli", row.settings)
			authorization, err := sign(t, c)
			assert.Equal(t, row.calls, calls(dir))
			if row.err != "" {
				assert.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "Bearer token", authorization)
		})
	}
}

func TestDatabricksCLI(t *testing.T) {
	token := `; *) echo '{"access_token":"token","expiry":"2999-01-02T15:04:05Z"}';; esac`
	for _, row := range []struct {
		name, script string
		calls        []string
		err          string
	}{
		{"of today", `case "$1" in version) echo "Databricks CLI v0.296.0"` + ";" + token, []string{"auth token --profile p", "auth token --profile p --force-refresh"}, ""},
		{"without force", `case "$1" in version) echo "Databricks CLI v0.295.9"` + ";" + token, []string{"auth token --profile p", "auth token --profile p"}, ""},
		{"without profiles", `case "$1" in version) echo "Databricks CLI v0.207.0"` + ";" + token, []string{"auth token --host https://adb-1.1.azuredatabricks.net", "auth token --host https://adb-1.1.azuredatabricks.net"}, ""},
		{"another program", `echo "hello 1.2.3"`, nil, "its output has no version"},
		{"nobody is signed in", `case "$1" in version) echo "Databricks CLI v1.0.0";; *) echo "Error: no token for eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln" >&2; exit 1;; esac`,
			[]string{"auth token --profile p"}, "databricks-cli: no token from databricks auth token --profile p: Error: no token for [redacted]: exit status 1; databricks auth login signs in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := emptyEnvironment(t)
			program(t, dir, "databricks", row.script)
			c := resolve(t, nil, "databricks-cli", map[Attribute]string{CLIProfile: "p"})
			authorization, err := sign(t, c)
			if row.err != "" {
				assert.ErrorContains(t, err, row.err)
				assert.Equal(t, append([]string{"version"}, row.calls...), calls(dir))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "Bearer token", authorization)
			r := httptest.NewRequest(http.MethodGet, "https://w", nil)
			require.NoError(t, c.Sign(r))
			assert.True(t, c.Refresh(r), "the service rejected it")
			_, err = sign(t, c)
			require.NoError(t, err)
			assert.Equal(t, append([]string{"version"}, row.calls...), calls(dir))
		})
	}
}

// The retired CLI has the same name as the new one. It is a small script.
func TestDatabricksCLI_retired(t *testing.T) {
	dir := emptyEnvironment(t)
	if runtime.GOOS == "windows" {
		t.Skip("the program of this test is a shell script")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "databricks"), []byte("#!/bin/sh\n"), 0o700))
	_, err := findDatabricks("")
	assert.ErrorContains(t, err, "the retired CLI in Python")
}

// A program that hangs is killed when the call that waits for it ends.
func TestPrograms_end(t *testing.T) {
	dir := emptyEnvironment(t)
	program(t, dir, "az", "exec /bin/sleep 100")
	c := resolve(t, nil, "azure-cli", nil)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://w", nil)
	done := make(chan error)
	go func() { done <- c.Sign(r) }()
	for {
		if _, err := os.Stat(filepath.Join(dir, "calls")); err == nil {
			break // it is running
		}
		runtime.Gosched()
	}
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
}

// The first program on the path that returns a token is used from then on.
func TestPrograms_firstThatIsSignedIn(t *testing.T) {
	dir := emptyEnvironment(t)
	program(t, dir, "databricks", `case "$1" in version) echo "Databricks CLI v1.0.0";; *) exit 1;; esac`)
	program(t, dir, "az", `case "$2" in show) echo '{"user":{}}';; *) echo '{"accessToken":"token","expires_on":1}';; esac`)
	var o Options
	o.Endpoint, _ = ParseEndpoint("adb-1.1.azuredatabricks.net", "code")
	c, err := o.Resolve(Surroundings{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for range 2 {
		authorization, err := sign(t, c)
		require.NoError(t, err)
		assert.Equal(t, "Bearer token", authorization)
	}
	assert.Equal(t, []string{"version", "auth token --host https://adb-1.1.azuredatabricks.net", "account show --output json",
		"account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d --output json",
		"account get-access-token --resource 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d --output json"}, calls(dir))

	program(t, dir, "az", "exit 1")
	c, err = o.Resolve(Surroundings{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = sign(t, c)
	assert.ErrorContains(t, err, "no credential is configured, and no program returned one: databricks-cli: ")
	assert.ErrorContains(t, err, "; azure-cli: ")
}
