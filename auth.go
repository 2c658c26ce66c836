package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// An Auth puts a credential on a request. It is called once for each attempt,
// possibly by several goroutines at once, and may set any header. If it fails,
// nothing is sent.
type Auth func(*http.Request) error

// A credential is an Auth and where it comes from, for error messages. Secrets
// live in the closure only, where no print of any value can reach them.
type credential struct {
	source string
	auth   Auth
}

// WithToken signs in with a personal access token, or any other token that
// goes out as "Bearer".
func WithToken(token string) Option {
	return func(c *config) error { return c.addToken("WithToken", token) }
}

// WithBasicAuth signs in with a user name and a password. The user "token" with
// a personal access token as password works as well.
func WithBasicAuth(user, password string) Option {
	return func(c *config) error { return c.addBasic("WithBasicAuth", user, password) }
}

// WithTokenFunc signs in with tokens that change: OAuth, Entra ID, managed
// identities. The function is asked before each attempt, with the context of
// the call, by many goroutines at once; it should keep a token for as long as
// it lasts.
func WithTokenFunc(token func(context.Context) (string, error)) Option {
	return func(c *config) error {
		if token == nil {
			return errors.New("WithTokenFunc: the function is nil")
		}
		return c.add("WithTokenFunc", func(r *http.Request) error {
			t, err := token(r.Context())
			if err == nil {
				err = checkSecret("the token of WithTokenFunc", t)
			}
			if err != nil {
				return fmt.Errorf("asking for a token: %w", err)
			}
			r.Header.Set("Authorization", "Bearer "+t)
			return nil
		})
	}
}

// WithAuth signs in with a function of your own, for what has no option here.
func WithAuth(auth Auth) Option {
	return func(c *config) error {
		if auth == nil {
			return errors.New("WithAuth: the function is nil")
		}
		return c.add("WithAuth", auth)
	}
}

// WithNetrc signs in with the entry of the host in a .netrc file, read once,
// by the rules of curl. An empty path stands for the usual place: $NETRC, else
// .netrc in the home directory. Without this option that place is looked at
// only if no other credential is found.
func WithNetrc(path string) Option {
	return func(c *config) error {
		c.netrc = &path
		return c.add("WithNetrc", nil) // read when the host is known
	}
}

func (c *config) addToken(source, token string) error {
	if err := checkSecret(source, token); err != nil {
		return err
	}
	return c.add(source, func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
}

func (c *config) addBasic(source, user, password string) error {
	if user == "" || password == "" {
		return fmt.Errorf("%s: user and password must both be set", source)
	}
	if strings.Contains(user, ":") {
		return fmt.Errorf("%s: a user name cannot contain a colon", source)
	}
	return c.add(source, basic(user, password))
}

func basic(user, password string) Auth {
	return func(r *http.Request) error {
		r.SetBasicAuth(user, password)
		return nil
	}
}

func (c *config) add(source string, auth Auth) error {
	c.credentials = append(c.credentials, credential{source, auth})
	return nil
}

// checkSecret refuses what cannot be a token, without showing it.
func checkSecret(source, token string) error {
	if token == "" {
		return fmt.Errorf("%s: the token is empty", source)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%s: the token has white space or other characters that no token has; was it read with its line end?", source)
	}
	return nil
}
