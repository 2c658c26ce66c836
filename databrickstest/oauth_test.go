package databrickstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const robot = "3f8a1f4e-0000-4000-8000-00000000000a"

// postForm sends a form and returns the status and the JSON of the response.
func postForm(t *testing.T, s *Server, path string, form url.Values, user ...string) (int, map[string]any) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.host()+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(user) == 2 {
		r.SetBasicAuth(url.QueryEscape(user[0]), url.QueryEscape(user[1]))
	}
	return roundTrip(t, s, r)
}

func roundTrip(t *testing.T, s *Server, r *http.Request) (int, map[string]any) {
	resp, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var out map[string]any
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	}
	if location := resp.Header.Get("Location"); location != "" {
		out = map[string]any{"location": location}
	}
	return resp.StatusCode, out
}

func getPath(t *testing.T, s *Server, path, token string) (int, map[string]any) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.host()+path, nil)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return roundTrip(t, s, r)
}

// idToken returns an ID token like that of an issuer, without a valid
// signature.
func idToken(issuer, subject string, audience any, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{"iss": issuer, "sub": subject, "aud": audience, "exp": expires.Unix()})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(claims) + "." + encode([]byte("signature"))
}

func TestOAuth_clientCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(WithServicePrincipal(ServicePrincipal{ApplicationID: robot, Secrets: []string{"dose +%&1"}}))
		defer s.Close()
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}

		status, out := getPath(t, s, "/oidc/.well-known/oauth-authorization-server", "")
		assert.Equal(t, 200, status)
		assert.Equal(t, s.host()+"/oidc/v1/token", out["token_endpoint"])
		assert.Equal(t, s.host()+"/oidc/v1/authorize", out["authorization_endpoint"])

		status, out = postForm(t, s, "/oidc/v1/token", form, robot, "dose +%&1")
		require.Equal(t, 200, status, out)
		assert.Equal(t, "Bearer", out["token_type"])
		assert.Equal(t, 3600.0, out["expires_in"])
		assert.Equal(t, "all-apis", out["scope"])
		first := out["access_token"].(string)
		status, _ = getPath(t, s, "/api/2.0/clusters/list", first)
		assert.Equal(t, 200, status)
		status, out = getPath(t, s, "/api/2.0/token/list", first)
		assert.Equal(t, 200, status)
		assert.Empty(t, out["token_infos"], "a token of OAuth is not a personal access token")

		time.Sleep(59*time.Minute + 59*time.Second)
		status, _ = getPath(t, s, "/api/2.0/clusters/list", first)
		assert.Equal(t, 200, status)
		time.Sleep(time.Second)
		status, _ = getPath(t, s, "/api/2.0/clusters/list", first)
		assert.Equal(t, 403, status, "it has expired")

		_, out = postForm(t, s, "/oidc/v1/token", form, robot, "dose +%&1")
		second := out["access_token"].(string)
		assert.NotContains(t, s.identities.tokens, first, "expired tokens are removed")
		s.RevokeTokens(robot)
		status, _ = getPath(t, s, "/api/2.0/clusters/list", second)
		assert.Equal(t, 403, status)

		form.Set("client_id", robot)
		form.Set("client_secret", "dose +%&1")
		status, _ = postForm(t, s, "/oidc/v1/token", form)
		assert.Equal(t, 200, status, "in the form, too")
	})
}

func TestOAuth_rejects(t *testing.T) {
	s := NewServer(WithoutSocket(), WithServicePrincipal(ServicePrincipal{ApplicationID: robot, Secrets: []string{"right"}}))
	defer s.Close()
	credentials := url.Values{"grant_type": {"client_credentials"}}
	for _, row := range []struct {
		name     string
		form     url.Values
		id, pass string
		status   int
		code     string
	}{
		{"wrong secret", credentials, robot, "wrong", 401, "invalid_client"},
		{"no secret", credentials, robot, "", 401, "invalid_client"},
		{"unknown principal", credentials, "somebody", "right", 401, "invalid_client"},
		{"a user is no principal", credentials, AdminName, "right", 401, "invalid_client"},
		{"unknown grant", url.Values{"grant_type": {"password"}}, robot, "right", 400, "unsupported_grant_type"},
		{"unknown scope", url.Values{"grant_type": {"client_credentials"}, "scope": {"sql"}}, robot, "right", 400, "invalid_scope"},
		{"no subject token", url.Values{"grant_type": {grantExchange}}, robot, "right", 400, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, out := postForm(t, s, "/oidc/v1/token", row.form, row.id, row.pass)
			assert.Equal(t, row.status, status)
			assert.Equal(t, row.code, out["error"])
			assert.NotEmpty(t, out["error_description"])
			assert.Empty(t, out["access_token"])
		})
	}
}

func TestOAuth_tokenExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const issuer, subject = "https://token.actions.githubusercontent.com", "repo:o/r:ref:refs/heads/main"
		s := NewServer(
			WithServicePrincipal(ServicePrincipal{ApplicationID: robot, Policies: []FederationPolicy{
				{Issuer: issuer, Subject: subject, Audiences: []string{"databricks"}}, {Issuer: "https://other", Subject: "default-audience"},
			}}),
			WithUser(User{Name: "alice@example.com"}),
			WithFederationPolicy(FederationPolicy{Issuer: "https://idp", Audiences: []string{"account"}}),
		)
		defer s.Close()
		later, earlier := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
		for _, row := range []struct {
			name, clientID, token string
			ok                    bool
		}{
			{"policy of the principal", robot, idToken(issuer, subject, "databricks", later), true},
			{"one of several audiences", robot, idToken(issuer, subject, []string{"x", "databricks"}, later), true},
			{"audience that nobody set", robot, idToken("https://other", "default-audience", s.host()+"/oidc/v1/token", later), true},
			{"other audience", robot, idToken(issuer, subject, "x", later), false},
			{"other subject", robot, idToken(issuer, "repo:o/fork", "databricks", later), false},
			{"other issuer", robot, idToken("https://idp", subject, "databricks", later), false},
			{"expired", robot, idToken(issuer, subject, "databricks", earlier), false},
			{"not a token", robot, "a.b.c", false},
			{"no token at all", robot, "abc", false},
			{"unknown principal", "somebody", idToken(issuer, subject, "databricks", later), false},
			{"policy of the account", "", idToken("https://idp", "alice@example.com", "account", later), true},
			{"policy of the account, unknown subject", "", idToken("https://idp", "bob@example.com", "account", later), false},
			{"policy of the principal without its ID", "", idToken(issuer, subject, "databricks", later), false},
		} {
			form := url.Values{"grant_type": {grantExchange}, "subject_token_type": {typeJWT}, "subject_token": {row.token}, "scope": {"all-apis"}}
			if row.clientID != "" {
				form.Set("client_id", row.clientID)
			}
			status, out := postForm(t, s, "/oidc/v1/token", form)
			if !row.ok {
				assert.Equal(t, 400, status, row.name)
				assert.Equal(t, "invalid_grant", out["error"], row.name)
				continue
			}
			require.Equal(t, 200, status, row.name)
			status, _ = getPath(t, s, "/api/2.0/clusters/list", out["access_token"].(string))
			assert.Equal(t, 200, status, row.name)
		}
	})
}

func TestOAuth_documents(t *testing.T) {
	s := NewServer(WithoutSocket(), WithTenant("a-tenant"), WithUser(User{Name: "alice@example.com"}))
	defer s.Close()
	status, out := getPath(t, s, "/.well-known/databricks-config", "")
	assert.Equal(t, 200, status)
	assert.Equal(t, s.host()+"/oidc", out["oidc_endpoint"])
	assert.Equal(t, "workspace", out["host_type"])
	status, out = getPath(t, s, "/aad/auth", "")
	assert.Equal(t, 302, status)
	assert.Regexp(t, `^https://login\.microsoftonline\.com/a-tenant/oauth2/authorize\?`, out["location"])
	status, _ = getPath(t, s, "/api/2.0/clusters/list", s.IssueToken("alice@example.com", time.Hour))
	assert.Equal(t, 200, status)
	assert.Panics(t, func() { s.IssueToken("nobody", time.Hour) })
}

// Sign-in does not count for the rate limit, and its secrets are not recorded.
func TestOAuth_isRecordedWithoutSecrets(t *testing.T) {
	s := NewServer(WithoutSocket(), WithServicePrincipal(ServicePrincipal{ApplicationID: robot, Secrets: []string{"dose-very-secret"}}))
	defer s.Close()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {robot}, "client_secret": {"dose-very-secret"}}
	_, out := postForm(t, s, "/oidc/v1/token", form)
	postForm(t, s, "/oidc/v1/token", form, robot, "dose-very-secret")
	text := fmt.Sprint(s.Requests())
	for _, r := range s.Requests() {
		text += string(r.Body)
	}
	assert.Contains(t, text, robot)
	assert.NotContains(t, text, "very-secret")
	assert.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte(robot+":dose-very-secret")))
	assert.NotContains(t, text, out["access_token"])
}
