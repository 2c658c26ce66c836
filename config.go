package databricks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"golang.org/x/time/rate"

	"github.com/go-databricks/databricks/internal/netrc"
	"github.com/go-databricks/databricks/internal/profile"
)

// config collects what NewClient is told, in code and elsewhere.
type config struct {
	site        site
	credentials []credential
	netrc       *string // the path of WithNetrc
	profile     string
	configFile  string
	insecure    bool
	http        *http.Client
	retry       RetryPolicy
	limiter     *rate.Limiter
	userAgent   string
	log         *slog.Logger
	plan        func(PlannedCall)
	jobsAPI     string
}

// A site is where a workspace is.
type site struct {
	scheme, host string // host with its port, if it has one
	workspaceID  string // of hosts that several workspaces share
	source       string // who said so
}

func (s site) name() string { return (&url.URL{Host: s.host}).Hostname() }

// WithProfile takes what neither code nor environment says (host, token, or
// username and password) from a profile of ~/.databrickscfg. Without this
// option it is $DATABRICKS_CONFIG_PROFILE, else DEFAULT if there is one.
func WithProfile(name string) Option {
	return func(c *config) error {
		if name == "" || name == "__settings__" {
			return fmt.Errorf("WithProfile: %q cannot name a profile", name)
		}
		c.profile = name
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
		c.configFile = path
		return nil
	}
}

// resolve fills in from environment, profile and .netrc what the options left
// open.
func (c *config) resolve() error {
	if len(c.credentials) > 1 {
		sources := make([]string, len(c.credentials))
		for i, credential := range c.credentials {
			sources[i] = credential.source
		}
		return fmt.Errorf("more than one credential: %s; give one", strings.Join(sources, " and "))
	}
	var looked []string // for a credential, in vain
	err := c.fromEnvironment(&looked)
	if err == nil && (c.site.host == "" || len(c.credentials) == 0 || c.profile != "") {
		err = c.fromProfile(&looked)
	}
	if err != nil {
		return err
	}
	if c.site.host == "" {
		return errors.New("no host: say WithHost(\"https://…\"), set DATABRICKS_HOST, or name it in a profile of ~/.databrickscfg")
	}
	if c.site.scheme == "http" && !c.insecure && !loopback(c.site.name()) {
		return fmt.Errorf("%s: http://%s would send the credential in the clear; say https, or WithInsecureHTTP if that is what you want", c.site.source, c.site.host)
	}
	if len(c.credentials) == 0 || c.netrc != nil {
		if err := c.fromNetrc(&looked); err != nil {
			return err
		}
	}
	if len(c.credentials) == 0 {
		return fmt.Errorf("no credential for %s; looked at: options (none given), %s; use WithToken, or set DATABRICKS_TOKEN",
			c.site.host, strings.Join(looked, ", "))
	}
	return nil
}

func (c *config) fromEnvironment(looked *[]string) (err error) {
	if host := os.Getenv("DATABRICKS_HOST"); host != "" && c.site.host == "" {
		if c.site, err = parseHost(host, "DATABRICKS_HOST"); err != nil {
			return err
		}
	}
	c.profile = cmp.Or(c.profile, os.Getenv("DATABRICKS_CONFIG_PROFILE"))
	c.configFile = cmp.Or(c.configFile, os.Getenv("DATABRICKS_CONFIG_FILE"))
	if len(c.credentials) > 0 {
		return nil
	}
	*looked = append(*looked, "DATABRICKS_TOKEN and DATABRICKS_USERNAME with DATABRICKS_PASSWORD (not set)")
	return c.addEither("DATABRICKS_TOKEN", os.Getenv("DATABRICKS_TOKEN"),
		"DATABRICKS_USERNAME and DATABRICKS_PASSWORD", os.Getenv("DATABRICKS_USERNAME"), os.Getenv("DATABRICKS_PASSWORD"))
}

// addEither adds the credential that one place has, and refuses two.
func (c *config) addEither(tokenSource, token, basicSource, user, password string) error {
	switch {
	case token != "" && (user != "" || password != ""):
		return fmt.Errorf("%s and %s are both set; leave one", tokenSource, basicSource)
	case token != "":
		return c.addToken(tokenSource, token)
	case user != "" || password != "":
		return c.addBasic(basicSource, user, password)
	}
	return nil
}

// fromProfile reads the config file. A profile that was asked for by name must
// exist; DEFAULT need not. A profile's credential goes to no other host than
// the profile's own.
func (c *config) fromProfile(looked *[]string) error {
	file, err := profile.Read(cmp.Or(c.configFile, "~/.databrickscfg"))
	if errors.Is(err, fs.ErrNotExist) && c.configFile == "" && c.profile == "" {
		*looked = append(*looked, "~/.databrickscfg (no such file)")
		return nil
	}
	if err != nil {
		return err
	}
	p, err := file.Find(c.profile)
	if errors.Is(err, fs.ErrNotExist) && c.profile == "" {
		*looked = append(*looked, p.Place+" (no such profile)")
		return nil
	}
	if err != nil {
		return err
	}
	var own site
	if p.Host != "" {
		if own, err = parseHost(p.Host, p.Place); err != nil {
			return err
		}
	}
	if c.site.host == "" {
		c.site = own
	}
	if len(c.credentials) > 0 {
		return nil
	}
	if own.host != "" && own.host != c.site.host {
		if c.profile != "" {
			return fmt.Errorf("%s is for %s, but %s says %s; its credential is not sent there", p.Place, own.host, c.site.source, c.site.host)
		}
		*looked = append(*looked, p.Place+" (for another host)")
		return nil
	}
	*looked = append(*looked, p.Place+" (no token, no username with password)")
	return c.addEither("token of "+p.Place, p.Token, "username and password of "+p.Place, p.Username, p.Password)
}

// fromNetrc takes the entry of the host in the file that WithNetrc names, or,
// if nothing else is there, in the usual one, which need not exist.
func (c *config) fromNetrc(looked *[]string) (err error) {
	asked, path := c.netrc != nil, ""
	if asked {
		path = *c.netrc
	}
	if path == "" {
		path, err = netrc.Default()
	}
	var file *netrc.File
	if err == nil {
		file, err = netrc.Read(path)
	}
	if !asked && (path == "" || errors.Is(err, fs.ErrNotExist)) {
		*looked = append(*looked, cmp.Or(path, ".netrc")+" (no such file)")
		return nil
	}
	if err != nil {
		return err
	}
	login, password, err := file.Find(c.site.name())
	if !asked && errors.Is(err, netrc.ErrNoCredential) {
		*looked = append(*looked, fmt.Sprintf("%s (nothing for machine %s)", path, c.site.name()))
		return nil
	}
	if err != nil {
		return err
	}
	c.credentials = []credential{{path, basic(login, password)}}
	return nil
}

// parseHost takes a host in any of the forms in which people have it at hand.
func parseHost(text, source string) (site, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return site{}, fmt.Errorf("%s: that is no host; want something like https://adb-1234567890123456.7.azuredatabricks.net", source)
	case u.Scheme != "https" && u.Scheme != "http":
		return site{}, fmt.Errorf("%s: scheme %s is not http or https", source, u.Scheme)
	case u.User != nil:
		return site{}, fmt.Errorf("%s: the URL holds a user name or password; give the credential on its own", source)
	}
	s := site{scheme: u.Scheme, host: strings.ToLower(u.Host), source: source}
	if strings.HasPrefix(s.host, "accounts.") || strings.HasPrefix(s.host, "accounts-dod.") {
		return site{}, fmt.Errorf("%s: %s is the account console; want the host of a workspace", source, s.host)
	}
	query := u.Query()
	s.workspaceID = query.Get("w")
	for _, key := range []string{"o", "workspace_id"} {
		if id := query.Get(key); onlyDigits.MatchString(id) {
			s.workspaceID = cmp.Or(s.workspaceID, id)
		}
	}
	if strings.ContainsFunc(s.workspaceID, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return site{}, fmt.Errorf("%s: the workspace id in the URL has characters that no id has", source)
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
