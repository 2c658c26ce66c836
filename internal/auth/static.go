package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// The kinds for personal access tokens and for user names with passwords. They do
// not change.
var (
	pat = &kind{
		name: "pat", anchors: []Attribute{AccessToken}, needs: []Attribute{AccessToken},
		open: func(v *view) (*Token, fetcher, error) {
			value := v.get(AccessToken)
			return &Token{set: authorization("Bearer " + value)}, nil, CheckToken(v.source(AccessToken), value)
		},
	}
	basic = &kind{
		name: "basic", anchors: []Attribute{Password}, needs: []Attribute{Username, Password},
		open: func(v *view) (*Token, fetcher, error) {
			return basicToken(v.get(Username), v.get(Password)), nil, CheckBasic(v.get(Username), v.get(Password))
		},
	}
)

// CheckBasic rejects a user name or password that basic authentication does not
// allow.
func CheckBasic(user, password string) error {
	switch {
	case user == "" || password == "":
		return errors.New("user and password must both be set")
	case strings.Contains(user, ":"):
		return errors.New("a user name cannot contain a colon")
	}
	return nil
}

// basicToken also accepts an empty user or password, because .netrc may have one.
func basicToken(user, password string) *Token {
	return &Token{set: authorization("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)))}
}

func authorization(value string) func(http.Header) {
	return func(h http.Header) { h["Authorization"] = []string{value} }
}

// credential returns a credential for a token that does not change.
func (t *Token) credential(description string) *Credential {
	return &Credential{description: description, sign: func(r *http.Request) error {
		t.set(r.Header)
		return nil
	}}
}
