// Package auth finds out which workspace to call and with which credential, and
// gets and renews the tokens of credentials that change.
//
// The parts, in the order in which a reader needs them: settings.go has the
// settings and the levels on which they are found; kinds.go has the table of
// the kinds of credential; resolve.go decides between them; cache.go keeps and
// renews tokens; request.go sends token requests. Each family of kinds has a
// file: static.go, databricks.go, oidc.go, azure.go, msi.go, program.go and
// metadata.go.
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// A Credential signs requests. Secrets are in closures only, so that no way to
// print a value shows them.
type Credential struct {
	description string
	sign        func(*http.Request) error
	refresh     func(*http.Request) bool // nil: the credential cannot change
}

// Sign sets the credential's headers on a request. It may have to get a token
// first, for as long as the request's context allows.
func (c *Credential) Sign(r *http.Request) error { return c.sign(r) }

// Refresh is for a request that the service rejected with 401, or with 403 and
// "Invalid access token". It reports whether signing the request again may set
// another credential, and sees to it that the next one does. It sends nothing.
func (c *Credential) Refresh(rejected *http.Request) bool {
	return c.refresh != nil && c.refresh(rejected)
}

// String says in one line which credential this is and where it was found.
func (c *Credential) String() string { return c.description }

// Options is what code sets. [Options.Resolve] adds the rest.
type Options struct {
	Endpoint     Endpoint
	InsecureHTTP bool // hosts other than this machine may have plain http
	Profile      string
	ConfigFile   string

	chosen []chosen // the credentials that code sets; more than one is an error
}

// chosen is a credential that code sets: one that is complete, or a kind with
// its settings.
type chosen struct {
	option     string // for messages
	credential *Credential
	netrc      *string // a path, or "" for the usual one
	kind       string
	settings   func(Attribute) string
}

// Use sets a kind of credential with its settings, of which some may be "".
func (o *Options) Use(option, kind string, settings map[Attribute]string) error {
	if _, err := findKind(kind); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	o.chosen = append(o.chosen, chosen{option: option, kind: kind, settings: func(a Attribute) string { return settings[a] }})
	return nil
}

// UseFunc sets a credential that is a function. It is called for each attempt,
// so a rejected request is signed again once.
func (o *Options) UseFunc(option string, sign func(*http.Request) error) {
	o.chosen = append(o.chosen, chosen{option: option, credential: &Credential{
		description: option, sign: sign, refresh: func(*http.Request) bool { return true },
	}})
}

// UseNetrc sets the entry of the host in a .netrc file.
func (o *Options) UseNetrc(option, path string) {
	o.chosen = append(o.chosen, chosen{option: option, netrc: &path})
}

// Surroundings are what a credential needs besides its settings.
type Surroundings struct {
	Transport http.RoundTripper // sends token requests
	UserAgent string
	Log       *slog.Logger
}

// A fetcher gets a token from where it is issued. If force is set, the service
// rejected the token before, so a cache on the way must not answer.
type fetcher func(ctx context.Context, force bool) (*Token, error)

// CheckToken rejects what cannot be a token, without showing it.
func CheckToken(source, token string) error {
	if token == "" {
		return fmt.Errorf("%s: the token is empty", source)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%s: the token has white space or other characters that no token has; was it read with its line end?", source)
	}
	return nil
}
