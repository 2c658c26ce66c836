package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The kind for OAuth of Databricks with a secret of a service principal.
var oauthM2M = &kind{
	name: "oauth-m2m", anchors: []Attribute{ClientSecret}, needs: []Attribute{ClientID, ClientSecret}, uses: []Attribute{Scopes, DiscoveryURL},
	open: func(v *view) (*Token, fetcher, error) {
		server, err := newOAuthServer(v)
		id, secret := v.get(ClientID), v.get(ClientSecret)
		return nil, func(ctx context.Context, _ bool) (*Token, error) {
			endpoint, err := server.tokenEndpoint(ctx)
			if err != nil {
				return nil, err
			}
			userinfo := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
			authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
			return server.token(ctx, tokenRequest{
				method: http.MethodPost, url: endpoint,
				header:  http.Header{"Authorization": {authorization}},
				form:    url.Values{"grant_type": {"client_credentials"}, "scope": {server.scope}},
				secrets: []string{secret, url.QueryEscape(secret), authorization},
			})
		}, err
	},
}

// An oauthServer is the token issuer of a workspace. Only one flight uses it at a
// time.
type oauthServer struct {
	*requester
	workspace string
	metadata  string // URL of the document that has the token endpoint
	scope     string
	endpoint  string // token endpoint; empty before the first success
}

func newOAuthServer(v *view) (*oauthServer, error) {
	s := &oauthServer{requester: v.requester, workspace: v.Endpoint.URL(), scope: "all-apis"}
	if scopes := v.get(Scopes); scopes != "" {
		s.scope = strings.Join(strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' }), " ")
	}
	s.metadata = s.workspace + "/oidc/.well-known/oauth-authorization-server"
	if discovery := v.get(DiscoveryURL); discovery != "" {
		if err := s.safe(discovery); err != nil {
			return nil, fmt.Errorf("%s: %w", v.source(DiscoveryURL), err)
		}
		s.metadata = discovery
	}
	return s, nil
}

// safe rejects a URL to which a secret must not be sent. Any host except that of
// the workspace requires TLS.
func (s *oauthServer) safe(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not a URL", shorten(text))
	}
	if u.Scheme != "https" && !strings.HasPrefix(text, s.workspace+"/") {
		return fmt.Errorf("%s is not https", shorten(place(u)))
	}
	return nil
}

// tokenEndpoint returns the token endpoint of the workspace. It requests the
// endpoint until it succeeds once.
func (s *oauthServer) tokenEndpoint(ctx context.Context) (string, error) {
	if s.endpoint != "" {
		return s.endpoint, nil
	}
	var out struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	t := tokenRequest{method: http.MethodGet, url: s.metadata}
	err := s.sendJSON(ctx, t, &out)
	if err == nil {
		if err = s.safe(out.TokenEndpoint); err != nil {
			err = t.failure(&tokenResponse{status: http.StatusOK}, fmt.Errorf("token_endpoint: %w", err))
		}
	}
	if e, ok := errors.AsType[*Error](err); ok && e.StatusCode == http.StatusNotFound {
		e.Hint = "this host does not offer OAuth; it may not be a workspace"
	}
	if err != nil {
		return "", err
	}
	s.endpoint = out.TokenEndpoint
	return s.endpoint, nil
}

// exchange exchanges an ID token of another issuer for a Databricks token.
func (s *oauthServer) exchange(ctx context.Context, clientID, idToken string) (*Token, error) {
	endpoint, err := s.tokenEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token":      {idToken},
		"scope":              {s.scope},
	}
	if clientID != "" {
		form.Set("client_id", clientID)
	}
	return s.token(ctx, tokenRequest{method: http.MethodPost, url: endpoint, form: form, secrets: []string{idToken}})
}
