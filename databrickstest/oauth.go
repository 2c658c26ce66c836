package databrickstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A ServicePrincipal signs in to the workspace with OAuth. It uses one of its
// secrets, or an ID token that one of its policies trusts.
type ServicePrincipal struct {
	ApplicationID string             `json:"application_id"` // its client ID, a UUID
	Secrets       []string           `json:"secrets"`
	Policies      []FederationPolicy `json:"policies"`
	Admin         bool               `json:"admin"`  // a member of the group admins
	Groups        []string           `json:"groups"` // additional groups, which are created if necessary
}

// A FederationPolicy trusts the ID tokens of another issuer. The workspace
// checks the claims and the times of a token. It does not check signatures.
type FederationPolicy struct {
	Issuer    string   `json:"issuer"`    // iss claim of the token
	Subject   string   `json:"subject"`   // sub claim of the token; empty in an account-wide policy for any subject
	Audiences []string `json:"audiences"` // the token's aud claim must be one of these; default: the workspace's token endpoint
}

// WithServicePrincipal adds a service principal to the workspace.
func WithServicePrincipal(p ServicePrincipal) Option {
	return func(s *Server) { s.wantPrincipals = append(s.wantPrincipals, p) }
}

// WithFederationPolicy adds an account-wide policy. It trusts tokens whose
// subject is the name of a user or the application ID of a service principal. A
// client then needs no client ID.
func WithFederationPolicy(p FederationPolicy) Option {
	return func(s *Server) { s.oauth.policies = append(s.oauth.policies, p) }
}

// WithOAuthTokenLife sets the lifetime of OAuth tokens on the workspace's
// clock. The default is one hour.
func WithOAuthTokenLife(d time.Duration) Option { return func(s *Server) { s.oauth.life = d } }

// WithTenant sets the Microsoft Entra tenant of the workspace.
func WithTenant(id string) Option { return func(s *Server) { s.oauth.tenant = id } }

// IssueToken creates a token for a user or a service principal, as Microsoft
// Entra ID would. It panics if the user does not exist.
func (s *Server) IssueToken(name string, life time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.identities.byName[name]
	if u == nil {
		panic("databrickstest: IssueToken: the user " + name + " does not exist")
	}
	s.touchCollections()
	return s.oauth.issue(u, s.now(), life).value
}

// RevokeTokens revokes all existing tokens of a user or a service principal.
// Tokens that are created later are valid.
func (s *Server) RevokeTokens(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touchCollections()
	for _, t := range s.identities.tokens {
		if t.user.name == name {
			s.identities.revoke(t)
		}
	}
}

// oauthArea has the OAuth endpoints. Requests to them need no credential and do
// not count for the rate limit.
type oauthArea struct {
	*Server
	principals map[string]*ServicePrincipal // by application ID
	policies   []FederationPolicy           // of the account
	life       time.Duration
	tenant     string
}

const (
	accountID      = "8a1f4f1e-3b6c-4c0d-9d52-0f7c5d5c1a11"
	standardTenant = "d2a7c1f0-5a4e-4b8e-8a55-6f2d0a9b7c33"
)

func (a *oauthArea) begin(s *Server) {
	a.Server, a.life, a.tenant = s, cmp.Or(a.life, time.Hour), cmp.Or(a.tenant, standardTenant)
	a.principals = map[string]*ServicePrincipal{}
	for _, p := range s.wantPrincipals {
		a.principals[p.ApplicationID] = &p
		u := s.identities.addUser(User{Name: p.ApplicationID, Admin: p.Admin, Groups: p.Groups}, s.now())
		u.service = true
	}
}

// identity returns a principal by name: a service principal or a user.
func (a *oauthArea) identity(name string) jobACL {
	if a.principals[name] != nil {
		return jobACL{Principal: name}
	}
	return jobACL{User: name}
}

// issue creates a token, and removes expired ones.
func (a *oauthArea) issue(u *user, now time.Time, life time.Duration) *token {
	for value, t := range a.identities.tokens {
		if t.oauth && !t.valid(now) {
			delete(a.identities.tokens, value)
		}
	}
	t := a.identities.issue(u, "eyJ"+a.random.hex(24)+"."+a.random.hex(64)+"."+a.random.hex(24), "", now, now.Add(life))
	t.oauth = true
	return t
}

// serve returns the response to a request outside of /api, or nil if the path
// is not an OAuth path.
func (a *oauthArea) serve(r *http.Request) *response {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	base := a.address(r)
	switch path := cleaned(r.URL.Path); {
	case get && path == "/.well-known/databricks-config":
		return oauthResponse(http.StatusOK, map[string]any{
			"oidc_endpoint": base + "/oidc", "account_id": accountID, "workspace_id": workspaceID, "cloud": "AZURE", "host_type": "workspace",
		})
	case get && path == "/oidc/.well-known/oauth-authorization-server":
		return oauthResponse(http.StatusOK, map[string]any{
			"issuer": base + "/oidc", "authorization_endpoint": base + "/oidc/v1/authorize", "token_endpoint": base + tokenPath,
			"response_types_supported": []string{"code"}, "scopes_supported": []string{"all-apis", "offline_access"},
			"grant_types_supported":                 []string{"client_credentials", grantExchange},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		})
	case get && path == "/aad/auth":
		to := "https://login.microsoftonline.com/" + url.PathEscape(a.tenant) + "/oauth2/authorize?client_id=2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
		return &response{http.StatusFound, http.Header{"Location": {to}}, nil, nil}
	case path == tokenPath && r.Method == http.MethodPost:
		return a.token(r, base)
	}
	return nil
}

const (
	tokenPath     = "/oidc/v1/token"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
)

func oauthResponse(status int, value any) *response {
	out := jsonResponse(status, value)
	return &out
}

// address returns the URL of the workspace that the client used.
func (a *oauthArea) address(r *http.Request) string {
	own, err := url.Parse(a.host())
	if r.Host == "" || err == nil && own.Host == r.Host {
		return a.host()
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return cmp.Or(r.URL.Scheme, scheme) + "://" + r.Host // requests through Transport have the scheme in the URL
}

// token is the token endpoint. The service's error texts for a rejected
// exchange are not known.
func (a *oauthArea) token(r *http.Request, base string) *response {
	body, err := readBody(r, 1<<20)
	if err != nil {
		return a.reject(http.StatusBadRequest, "invalid_request", "The request is too large")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || mediaType(r) != "application/x-www-form-urlencoded" {
		return a.reject(http.StatusBadRequest, "invalid_request", "The request is not a form")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var u *user
	var code, description string
	switch form.Get("grant_type") {
	case "client_credentials":
		u = a.bySecret(r, form)
		code, description = "invalid_client", "Client authentication failed"
	case grantExchange:
		if form.Get("subject_token_type") != typeJWT || form.Get("subject_token") == "" {
			return a.reject(http.StatusBadRequest, "invalid_request", "subject_token and subject_token_type are required")
		}
		u = a.byAssertion(form.Get("client_id"), form.Get("subject_token"), base)
		code, description = "invalid_grant", "No federation policy matches the subject token"
	default:
		return a.reject(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported")
	}
	switch scope := cmp.Or(form.Get("scope"), "all-apis"); {
	case u == nil && code == "invalid_client":
		return a.reject(http.StatusUnauthorized, code, description)
	case u == nil:
		return a.reject(http.StatusBadRequest, code, description)
	case !slices.Contains(strings.Fields(scope), "all-apis"):
		return a.reject(http.StatusBadRequest, "invalid_scope", "The scope is not supported")
	default:
		t := a.issue(u, a.now(), a.life)
		out := oauthResponse(http.StatusOK, map[string]any{
			"access_token": t.value, "token_type": "Bearer", "expires_in": int(a.life.Seconds()), "scope": scope,
		})
		out.header.Set("Cache-Control", "no-store")
		return out
	}
}

func (a *oauthArea) reject(status int, code, description string) *response {
	return oauthResponse(status, map[string]string{"error": code, "error_description": description})
}

// bySecret returns the service principal with a client ID and a secret, or nil.
func (a *oauthArea) bySecret(r *http.Request, form url.Values) *user {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if name, password, ok := r.BasicAuth(); ok {
		id, secret = name, password
	}
	// RFC 6749 requires both to be encoded in the header. Not all clients do
	// this.
	for _, decode := range []func(string) (string, error){url.QueryUnescape, plain} {
		id, idErr := decode(id)
		secret, secretErr := decode(secret)
		if p := a.principals[id]; idErr == nil && secretErr == nil && p != nil && secret != "" && slices.Contains(p.Secrets, secret) {
			return a.active(id)
		}
	}
	return nil
}

func plain(text string) (string, error) { return text, nil }

// active returns a user who may sign in. It returns nil if the user was deleted
// or deactivated.
func (a *oauthArea) active(name string) *user {
	if u := a.identities.byName[name]; u != nil && !u.inactive {
		return u
	}
	return nil
}

// byAssertion returns the user that an ID token represents. With a client ID,
// it is that service principal, if one of its policies trusts the token.
// Without a client ID, it is the token's subject, if a policy of the account
// trusts the token.
func (a *oauthArea) byAssertion(clientID, text, base string) *user {
	claims, ok := parseJWT(text)
	if !ok || !claims.valid(a.now()) {
		return nil
	}
	policies := a.policies
	if clientID != "" {
		policies = nil
		if p := a.principals[clientID]; p != nil {
			policies = p.Policies
		}
	}
	for _, p := range policies {
		audiences := p.Audiences
		if len(audiences) == 0 {
			audiences = []string{base + tokenPath}
		}
		subject := p.Subject == claims.Subject || clientID == "" && p.Subject == ""
		audience := slices.ContainsFunc(claims.Audience, func(a string) bool { return slices.Contains(audiences, a) })
		if p.Issuer == claims.Issuer && subject && audience {
			return a.active(cmp.Or(clientID, claims.Subject))
		}
	}
	return nil
}

// jwtClaims are the claims of an ID token.
type jwtClaims struct {
	Issuer   string    `json:"iss"`
	Subject  string    `json:"sub"`
	Audience audiences `json:"aud"`
	Expires  float64   `json:"exp"`
	Begins   float64   `json:"nbf"`
}

// audiences is a string or a list of strings in JSON.
type audiences []string

func (a *audiences) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

func (c jwtClaims) valid(now time.Time) bool {
	seconds := float64(now.UnixMilli()) / 1000
	return seconds < c.Expires && seconds >= c.Begins
}

func parseJWT(text string) (claims jwtClaims, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return claims, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return claims, err == nil && json.Unmarshal(payload, &claims) == nil
}
