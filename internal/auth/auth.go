// Package auth determines the workspace to call and the credential to use. It gets
// tokens and renews them.
//
// Read the files in this order. settings.go defines the settings and the levels at
// which they are found. kinds.go has the table of the kinds of credentials.
// resolve.go selects a kind. cache.go caches and renews tokens. request.go sends
// token requests. Each family of kinds has its own file: static.go, databricks.go,
// oidc.go, azure.go, msi.go, program.go and metadata.go.
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// A Credential signs requests. It holds secrets only in closures, so that printing
// a value never shows them.
type Credential struct {
	description string
	sign        func(*http.Request) error
	refresh     func(*http.Request) bool // nil if the credential cannot change
}

// Sign sets the headers of the credential on a request. It may have to get a token
// first, and waits for it until the context of the request ends.
func (c *Credential) Sign(r *http.Request) error { return c.sign(r) }

// Refresh handles a request that the service rejected with status 401, or with 403
// and "Invalid access token". It reports whether another credential may be set when
// the request is signed again. In this case, the next signature uses the other
// credential. Refresh sends nothing.
func (c *Credential) Refresh(rejected *http.Request) bool {
	return c.refresh != nil && c.refresh(rejected)
}

// String returns one line that says which credential this is and where it was
// found.
func (c *Credential) String() string { return c.description }

// Options are the settings from code. [Options.Resolve] adds the others.
type Options struct {
	Endpoint     Endpoint
	InsecureHTTP bool // allow plain http for hosts other than this machine
	Profile      string
	ConfigFile   string

	chosen []chosen // the credentials from code; more than one is an error
}

// chosen is a credential from code: a complete credential, or a kind with its
// settings.
type chosen struct {
	option     string // the name of the option, for messages
	credential *Credential
	netrc      *string // path of the file; "" for the default path
	kind       string
	settings   func(Attribute) string
}

// Use sets a kind of credential with its settings. A setting may be "".
func (o *Options) Use(option, kind string, settings map[Attribute]string) error {
	if _, err := findKind(kind); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	o.chosen = append(o.chosen, chosen{option: option, kind: kind, settings: func(a Attribute) string { return settings[a] }})
	return nil
}

// UseFunc sets a credential that is a function. The function is called for each
// attempt. A rejected request is therefore signed again once.
func (o *Options) UseFunc(option string, sign func(*http.Request) error) {
	o.chosen = append(o.chosen, chosen{option: option, credential: &Credential{
		description: option, sign: sign, refresh: func(*http.Request) bool { return true },
	}})
}

// UseNetrc sets the entry for the host in a .netrc file.
func (o *Options) UseNetrc(option, path string) {
	o.chosen = append(o.chosen, chosen{option: option, netrc: &path})
}

// Surroundings are what a credential needs in addition to its settings.
type Surroundings struct {
	Transport http.RoundTripper // sends token requests
	UserAgent string
	Log       *slog.Logger
}

// A fetcher requests a token from its issuer. If force is set, the service rejected
// the previous token, so no cache may return it again.
type fetcher func(ctx context.Context, force bool) (*Token, error)

// CheckToken rejects a text that cannot be a token. The error does not show the
// text.
func CheckToken(source, token string) error {
	if token == "" {
		return fmt.Errorf("%s: the token is empty", source)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%s: the token contains white space or other invalid characters, possibly a line end", source)
	}
	return nil
}
