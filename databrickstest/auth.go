package databrickstest

import (
	"net/http"
	"strings"
	"time"
)

// AdminName is the name of the workspace's first user, who is an administrator.
// Server.Token belongs to this user.
const AdminName = "admin@example.com"

// A User is a user of the workspace.
type User struct {
	Name     string   // such as alice@example.com
	Token    string   // a personal access token that never expires; may be empty
	Password string   // lets the user sign in with name and password; may be empty
	Admin    bool     // a member of the group admins
	Groups   []string // additional groups, which are created if necessary
}

// WithUser adds a user to the workspace, in addition to [AdminName].
func WithUser(u User) Option { return func(s *Server) { s.wantUsers = append(s.wantUsers, u) } }

// WithToken sets the value of [Server.Token]. By default it is generated.
func WithToken(token string) Option { return func(s *Server) { s.Token = token } }

// A user of the workspace.
type user struct {
	id       int64
	name     string
	password string   // empty: tokens only
	admin    bool     // member of admins; the groups area keeps it up to date
	groups   []string // groups of [User]; the groups area adds the user to them

	service      bool // a service principal, whose name is its application ID
	inactive     bool // may not sign in
	created      time.Time
	display      string
	fullName     *scimName
	externalID   string
	roles        []string
	entitlements []string
}

// A token authenticates its user until it expires or is revoked.
type token struct {
	id      string // public
	value   string
	comment string
	user    *user `state:"ref"`
	created time.Time
	expires time.Time // zero: the token never expires
	oauth   bool      // not a personal access token; token lists do not contain it
}

func (t *token) valid(now time.Time) bool { return t.expires.IsZero() || now.Before(t.expires) }

// identities has all users, service principals and tokens. The workspace's lock
// guards it, like all state.
type identities struct {
	random *random
	users  []*user           // in order of creation
	byName map[string]*user  // by name
	tokens map[string]*token // by value; revoked tokens are removed
}

// addUser adds a user, and its token if it has one.
func (a *identities) addUser(u User, now time.Time) *user {
	added := &user{id: a.random.id(), name: u.Name, password: u.Password, admin: u.Admin, groups: u.Groups}
	a.users = append(a.users, added)
	a.byName[u.Name] = added
	if u.Token != "" {
		a.issue(added, u.Token, "", now, time.Time{})
	}
	return added
}

// issue creates a token that authenticates u. If value is empty, it generates
// one. If expires is zero, the token never expires.
func (a *identities) issue(u *user, value, comment string, now, expires time.Time) *token {
	if value == "" {
		value = "dapi" + a.random.hex(32)
	}
	t := &token{id: a.random.hex(64), value: value, comment: comment, user: u, created: now, expires: expires}
	a.tokens[value] = t
	return t
}

// revoke makes a token invalid immediately.
func (a *identities) revoke(t *token) { delete(a.tokens, t.value) }

// signIn returns the sender of a request. The token is nil if the sender used a
// password.
func (a *identities) signIn(r *http.Request, now time.Time) (*user, *token, error) {
	value, bearer := cutScheme(r.Header.Get("Authorization"), "Bearer")
	if !bearer {
		name, password, basic := r.BasicAuth()
		switch {
		case basic && name == "token":
			value = password
		case basic && a.byName[name] != nil && password != "" && a.byName[name].password == password && !a.byName[name].inactive:
			return a.byName[name], nil, nil
		default:
			return nil, nil, &apiError{status: http.StatusUnauthorized, code: http.StatusUnauthorized,
				message: "Credential was not sent or was of an unsupported type for this API.",
				header:  http.Header{"Www-Authenticate": {`Bearer realm="DatabricksRealm"`}}}
		}
	}
	if t := a.tokens[value]; t != nil && t.valid(now) && !t.user.inactive {
		return t.user, t, nil
	}
	const message = "Invalid access token."
	return nil, nil, &apiError{status: http.StatusForbidden, code: http.StatusForbidden, message: message,
		header: http.Header{"X-Databricks-Reason-Phrase": {message}}}
}

// signInPage is the response to a request without a credential for any path
// outside the API.
var signInPage = raw{contentType: "text/html; charset=utf-8", body: []byte("<!DOCTYPE html>\n<html><head><title>Databricks - Sign In</title></head>" +
	"<body><h1>Sign in to Databricks</h1><p>This workspace is in memory. Its API is under /api/.</p></body></html>\n")}

func cutScheme(authorization, scheme string) (string, bool) {
	name, value, ok := strings.Cut(authorization, " ")
	return strings.TrimSpace(value), ok && strings.EqualFold(name, scheme)
}
