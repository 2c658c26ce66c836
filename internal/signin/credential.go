package signin

import (
	"fmt"
	"net/http"
	"strings"
)

// A Credential puts itself on a request. Secrets live in its closure only,
// where no print of any value can reach them.
type Credential struct {
	Source string // for error messages
	Sign   func(*http.Request) error
}

// Bearer is a credential that is a token.
func Bearer(source, token string) (Credential, error) {
	return Credential{source, func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}}, CheckToken(source, token)
}

// Basic is a credential of a user and a password.
func Basic(source, user, password string) (c Credential, err error) {
	switch {
	case user == "" || password == "":
		err = fmt.Errorf("%s: user and password must both be set", source)
	case strings.Contains(user, ":"):
		err = fmt.Errorf("%s: a user name cannot contain a colon", source)
	}
	return basic(source, user, password), err
}

// basic takes a user or a password that is empty, too, as .netrc may have it.
func basic(source, user, password string) Credential {
	return Credential{source, func(r *http.Request) error {
		r.SetBasicAuth(user, password)
		return nil
	}}
}

// CheckToken refuses what cannot be a token, without showing it.
func CheckToken(source, token string) error {
	if token == "" {
		return fmt.Errorf("%s: the token is empty", source)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%s: the token has white space or other characters that no token has; was it read with its line end?", source)
	}
	return nil
}
