package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-databricks/databricks/internal/signin"
)

// An Auth puts a credential on a request. It is called once for each attempt,
// possibly by several goroutines at once, and may set any header. If it fails,
// nothing is sent.
type Auth func(*http.Request) error

// WithToken signs in with a personal access token, or any other token that
// goes out as "Bearer".
func WithToken(token string) Option {
	return func(c *config) error { return c.Add(signin.Bearer("WithToken", token)) }
}

// WithBasicAuth signs in with a user name and a password. The user "token" with
// a personal access token as password works as well.
func WithBasicAuth(user, password string) Option {
	return func(c *config) error { return c.Add(signin.Basic("WithBasicAuth", user, password)) }
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
		return c.Add(signin.Credential{Source: "WithTokenFunc", Sign: func(r *http.Request) error {
			t, err := token(r.Context())
			if err == nil {
				err = signin.CheckToken("the token of WithTokenFunc", t)
			}
			if err != nil {
				return fmt.Errorf("asking for a token: %w", err)
			}
			r.Header.Set("Authorization", "Bearer "+t)
			return nil
		}}, nil)
	}
}

// WithAuth signs in with a function of your own, for what has no option here.
func WithAuth(auth Auth) Option {
	return func(c *config) error {
		if auth == nil {
			return errors.New("WithAuth: the function is nil")
		}
		return c.Add(signin.Credential{Source: "WithAuth", Sign: auth}, nil)
	}
}

// WithNetrc signs in with the entry of the host in a .netrc file, read once,
// by the rules of curl. An empty path stands for the usual place: $NETRC, else
// .netrc in the home directory. Without this option that place is looked at
// only if no other credential is found.
func WithNetrc(path string) Option {
	return func(c *config) error {
		c.Netrc = &path
		return c.Add(signin.Credential{Source: "WithNetrc"}, nil) // read when the host is known
	}
}

// WithProfile takes what neither code nor environment says (host, token, or
// username and password) from a profile of ~/.databrickscfg. Without this
// option it is $DATABRICKS_CONFIG_PROFILE, else DEFAULT if there is one.
func WithProfile(name string) Option {
	return func(c *config) error {
		if name == "" || name == "__settings__" {
			return fmt.Errorf("WithProfile: %q cannot name a profile", name)
		}
		c.Profile = name
		return nil
	}
}

// WithConfigFile reads profiles from another file than ~/.databrickscfg (or
// $DATABRICKS_CONFIG_FILE). The file must exist.
func WithConfigFile(path string) Option {
	return func(c *config) error {
		if path == "" {
			return errors.New("WithConfigFile: the path is empty")
		}
		c.ConfigFile = path
		return nil
	}
}
