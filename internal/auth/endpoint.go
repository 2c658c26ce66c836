package auth

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// An Endpoint is the address of a workspace. The zero value is unset.
type Endpoint struct {
	Scheme, Host string // Host includes the port, unless it is the default port of the scheme
	WorkspaceID  string // set if several workspaces share the host
	source       string // where it was set
}

// URL returns the address without a trailing slash.
func (e Endpoint) URL() string { return e.Scheme + "://" + e.Host }

// Name returns the host without its port.
func (e Endpoint) Name() string { return (&url.URL{Host: e.Host}).Hostname() }

// SetHeader sets the headers that identify the workspace if several workspaces
// share the host: the current one and the former one.
func (e Endpoint) SetHeader(h http.Header) {
	if e.WorkspaceID != "" {
		h["X-Databricks-Workspace-Id"], h["X-Databricks-Org-Id"] = []string{e.WorkspaceID}, []string{e.WorkspaceID}
	}
}

// ParseEndpoint parses a host in any form that users commonly have.
func ParseEndpoint(text, source string) (Endpoint, error) {
	e, err := parseEndpoint(strings.TrimSpace(text))
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", source, err)
	}
	e.source = source
	return e, nil
}

// hostName matches a valid host name. It does not match a placeholder or a second
// scheme.
var hostName = regexp.MustCompile(`^[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z_])?\.?$`)

func parseEndpoint(text string) (Endpoint, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "https://" + full
	}
	u, err := url.Parse(full)
	if strings.Contains(text, "@") && (err != nil || u.User != nil) {
		return Endpoint{}, errors.New("the URL has a user name or password; set the credential separately")
	}
	if err == nil && u.Scheme != "https" && u.Scheme != "http" {
		return Endpoint{}, fmt.Errorf("the scheme %s is not http or https", u.Scheme)
	}
	if err != nil || !isHost(u) {
		return Endpoint{}, fmt.Errorf("%q is not a host; want something like https://adb-1234567890123456.7.azuredatabricks.net", shorten(text))
	}
	e := Endpoint{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	e.Host = strings.TrimSuffix(e.Host, map[string]string{"http": ":80", "https": ":443"}[e.Scheme])
	if strings.HasPrefix(e.Host, "accounts.") || strings.HasPrefix(e.Host, "accounts-dod.") {
		return Endpoint{}, fmt.Errorf("%s is the account console; want the host of a workspace", e.Host)
	}
	query := u.Query()
	e.WorkspaceID = query.Get("w")
	for _, key := range []string{"o", "workspace_id"} {
		if id := query.Get(key); onlyDigits.MatchString(id) {
			e.WorkspaceID = cmp.Or(e.WorkspaceID, id)
		}
	}
	return e, checkWorkspaceID(e.WorkspaceID)
}

func isHost(u *url.URL) bool {
	name, port := u.Hostname(), u.Port()
	if port == "" && strings.HasSuffix(u.Host, ":") {
		return false
	}
	return net.ParseIP(name) != nil || hostName.MatchString(name)
}

// shorten truncates text that an error quotes.
func shorten(text string) string {
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}

var onlyDigits = regexp.MustCompile(`^[0-9]*$`)

func checkWorkspaceID(id string) error {
	if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the workspace ID contains invalid characters")
	}
	return nil
}

// loopback reports whether a host certainly is this machine, without DNS and
// regardless of proxies.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// local reports whether a host is this machine or has a link-local address.
// Requests to such a host do not use a proxy.
func local(host string) bool {
	ip := net.ParseIP(host)
	return loopback(host) || ip != nil && ip.IsLinkLocalUnicast()
}
