// Package signin finds out which workspace to call and with which credential:
// in what code says, in the environment, in profiles and in .netrc.
package signin

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// A Site is where a workspace is. The zero value is nowhere.
type Site struct {
	Scheme, Host string // Host with its port, if it has one
	WorkspaceID  string // of hosts that several workspaces share
	source       string // who said so
}

func (s Site) name() string { return (&url.URL{Host: s.Host}).Hostname() }

// ParseSite takes a host in any of the forms in which people have it at hand.
func ParseSite(text, source string) (Site, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return Site{}, fmt.Errorf("%s: that is no host; want something like https://adb-1234567890123456.7.azuredatabricks.net", source)
	case u.Scheme != "https" && u.Scheme != "http":
		return Site{}, fmt.Errorf("%s: scheme %s is not http or https", source, u.Scheme)
	case u.User != nil:
		return Site{}, fmt.Errorf("%s: the URL holds a user name or password; give the credential on its own", source)
	}
	s := Site{Scheme: u.Scheme, Host: strings.ToLower(u.Host), source: source}
	if strings.HasPrefix(s.Host, "accounts.") || strings.HasPrefix(s.Host, "accounts-dod.") {
		return Site{}, fmt.Errorf("%s: %s is the account console; want the host of a workspace", source, s.Host)
	}
	query := u.Query()
	s.WorkspaceID = query.Get("w")
	for _, key := range []string{"o", "workspace_id"} {
		if id := query.Get(key); onlyDigits.MatchString(id) {
			s.WorkspaceID = cmp.Or(s.WorkspaceID, id)
		}
	}
	if strings.ContainsFunc(s.WorkspaceID, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return Site{}, fmt.Errorf("%s: the workspace id in the URL has characters that no id has", source)
	}
	return s, nil
}

var onlyDigits = regexp.MustCompile(`^[0-9]*$`)

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
