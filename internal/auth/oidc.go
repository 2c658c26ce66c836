package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// The kinds that exchange an ID token of another issuer for a Databricks token.
// They have no secret. They get a new ID token for each exchange.
var (
	envOIDC = &kind{
		name: "env-oidc", anchors: []Attribute{OIDCTokenEnv, oidcToken}, uses: []Attribute{OIDCTokenEnv, ClientID, Scopes, DiscoveryURL},
		lacks: func(v *view) string {
			if name := oidcVariable(v); os.Getenv(name) == "" {
				return name + " is not set"
			}
			return ""
		},
		open: func(v *view) (*Token, fetcher, error) {
			name := oidcVariable(v)
			return exchanging(v, func(context.Context, *oauthServer) (string, error) {
				return checkIDToken(name, os.Getenv(name))
			})
		},
	}
	fileOIDC = &kind{
		name: "file-oidc", anchors: []Attribute{OIDCTokenFile}, needs: []Attribute{OIDCTokenFile}, uses: []Attribute{ClientID, Scopes, DiscoveryURL},
		open: func(v *view) (*Token, fetcher, error) {
			path := v.get(OIDCTokenFile)
			return exchanging(v, func(context.Context, *oauthServer) (string, error) { return readIDToken(path) })
		},
	}
	githubOIDC = &kind{
		name: "github-oidc", needs: []Attribute{githubURL, githubToken}, uses: []Attribute{ClientID, Audience, Scopes, DiscoveryURL},
		open: func(v *view) (*Token, fetcher, error) {
			runner, configured := newGitHub(v), v.get(Audience)
			return exchanging(v, func(ctx context.Context, s *oauthServer) (string, error) {
				audience, err := s.audience(ctx, configured)
				if err != nil {
					return "", err
				}
				return runner.idToken(ctx, audience)
			})
		},
	}
	azureDevOpsOIDC = &kind{
		name: "azure-devops-oidc", needs: []Attribute{devopsToken, devopsURI, devopsProject, devopsHost, devopsPlan, devopsJob},
		uses: []Attribute{ClientID, DevOpsConnection, Scopes, DiscoveryURL},
		open: func(v *view) (*Token, fetcher, error) {
			agent := newAzureDevOps(v)
			return exchanging(v, func(ctx context.Context, _ *oauthServer) (string, error) { return agent.idToken(ctx) })
		},
	}
)

// exchanging opens a kind that gets its ID tokens from a function.
func exchanging(v *view, idToken func(context.Context, *oauthServer) (string, error)) (*Token, fetcher, error) {
	server, err := newOAuthServer(v)
	clientID := v.get(ClientID)
	return nil, func(ctx context.Context, _ bool) (*Token, error) {
		assertion, err := idToken(ctx, server)
		if err != nil {
			return nil, err
		}
		return server.exchange(ctx, clientID, assertion)
	}, err
}

func oidcVariable(v *view) string {
	if name := v.get(OIDCTokenEnv); name != "" {
		return name
	}
	return "DATABRICKS_OIDC_TOKEN"
}

// readIDToken reads an ID token from a file that another program updates.
func readIDToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxResponse))
	if err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	return checkIDToken(path, strings.TrimSpace(string(content)))
}

func checkIDToken(source, token string) (string, error) {
	return token, CheckToken("the ID token of "+source, token)
}

// audience returns the audience for an ID token. It is the configured one, or else
// the one that the workspace requests, or else the token endpoint.
func (s *oauthServer) audience(ctx context.Context, configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	var out struct {
		Audiences []string `json:"token_federation_default_oidc_audiences"`
	}
	err := s.sendJSON(ctx, tokenRequest{method: http.MethodGet, url: s.workspace + "/.well-known/databricks-config"}, &out)
	if err == nil && len(out.Audiences) > 0 && out.Audiences[0] != "" {
		return out.Audiences[0], nil
	}
	if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.StatusCode == 0) {
		return "", err // the workspace cannot be reached
	}
	return s.tokenEndpoint(ctx) // older workspaces do not have this document
}

// A github requests ID tokens on GitHub's runners.
type github struct {
	*requester
	url   string
	token func() string
}

func newGitHub(v *view) *github {
	token := v.get(githubToken)
	return &github{v.requester, v.get(githubURL), func() string { return token }}
}

func (g *github) idToken(ctx context.Context, audience string) (string, error) {
	var out struct {
		Value string `json:"value"`
	}
	err := g.sendJSON(ctx, tokenRequest{
		method: http.MethodGet, url: g.url, query: url.Values{"audience": {audience}},
		header:  http.Header{"Authorization": {"Bearer " + g.token()}},
		secrets: []string{g.token()},
	}, &out)
	if err != nil {
		return "", err
	}
	return checkIDToken("GitHub", out.Value)
}

// An azureDevOps requests ID tokens on the agents of Azure Pipelines. Their
// audience is always api://AzureADTokenExchange.
type azureDevOps struct {
	*requester
	url   string
	query url.Values
	token func() string
}

func newAzureDevOps(v *view) *azureDevOps {
	token := v.get(devopsToken)
	d := &azureDevOps{v.requester, "", url.Values{"api-version": {"7.2-preview.1"}}, func() string { return token }}
	d.url = strings.TrimRight(v.get(devopsURI), "/") + "/" + url.PathEscape(v.get(devopsProject)) +
		"/_apis/distributedtask/hubs/" + url.PathEscape(v.get(devopsHost)) + "/plans/" + url.PathEscape(v.get(devopsPlan)) +
		"/jobs/" + url.PathEscape(v.get(devopsJob)) + "/oidctoken"
	if connection := v.get(DevOpsConnection); connection != "" {
		d.query.Set("serviceConnectionId", connection)
	}
	return d
}

func (d *azureDevOps) idToken(ctx context.Context) (string, error) {
	var out struct {
		Token string `json:"oidcToken"`
	}
	err := d.sendJSON(ctx, tokenRequest{
		method: http.MethodPost, url: d.url, query: d.query,
		header:  http.Header{"Authorization": {"Bearer " + d.token()}},
		secrets: []string{d.token()},
	}, &out)
	if err != nil {
		return "", err
	}
	return checkIDToken("Azure DevOps", out.Token)
}
