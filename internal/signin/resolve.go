package signin

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/go-databricks/databricks/internal/netrc"
	"github.com/go-databricks/databricks/internal/profile"
)

// Given is what code says. Resolve adds the rest.
type Given struct {
	Site         Site
	Credentials  []Credential
	Netrc        *string // a path, or "" for the usual one; its credential is one without Sign as yet
	Profile      string
	ConfigFile   string
	InsecureHTTP bool // hosts other than this machine may have plain http
}

// Add adds a credential, unless it cannot be one.
func (g *Given) Add(c Credential, err error) error {
	if err == nil {
		g.Credentials = append(g.Credentials, c)
	}
	return err
}

// Resolve fills in from environment, profile and .netrc what code left open. If
// it returns no error, there is a site and exactly one credential.
func (g *Given) Resolve() error {
	if len(g.Credentials) > 1 {
		sources := make([]string, len(g.Credentials))
		for i, credential := range g.Credentials {
			sources[i] = credential.Source
		}
		return fmt.Errorf("more than one credential: %s; give one", strings.Join(sources, " and "))
	}
	var looked []string // for a credential, in vain
	err := g.fromEnvironment(&looked)
	if err == nil && (g.Site.Host == "" || len(g.Credentials) == 0 || g.Profile != "") {
		err = g.fromProfile(&looked)
	}
	if err != nil {
		return err
	}
	if g.Site.Host == "" {
		return errors.New("no host: say WithHost(\"https://…\"), set DATABRICKS_HOST, or name it in a profile of ~/.databrickscfg")
	}
	if g.Site.Scheme == "http" && !g.InsecureHTTP && !loopback(g.Site.name()) {
		return fmt.Errorf("%s: http://%s would send the credential in the clear; say https, or WithInsecureHTTP if that is what you want", g.Site.source, g.Site.Host)
	}
	if len(g.Credentials) == 0 || g.Netrc != nil {
		if err := g.fromNetrc(&looked); err != nil {
			return err
		}
	}
	if len(g.Credentials) == 0 {
		return fmt.Errorf("no credential for %s; looked at: options (none given), %s; use WithToken, or set DATABRICKS_TOKEN",
			g.Site.Host, strings.Join(looked, ", "))
	}
	return nil
}

func (g *Given) fromEnvironment(looked *[]string) (err error) {
	if host := os.Getenv("DATABRICKS_HOST"); host != "" && g.Site.Host == "" {
		if g.Site, err = ParseSite(host, "DATABRICKS_HOST"); err != nil {
			return err
		}
	}
	g.Profile = cmp.Or(g.Profile, os.Getenv("DATABRICKS_CONFIG_PROFILE"))
	g.ConfigFile = cmp.Or(g.ConfigFile, os.Getenv("DATABRICKS_CONFIG_FILE"))
	if len(g.Credentials) > 0 {
		return nil
	}
	*looked = append(*looked, "DATABRICKS_TOKEN and DATABRICKS_USERNAME with DATABRICKS_PASSWORD (not set)")
	return g.addEither("DATABRICKS_TOKEN", os.Getenv("DATABRICKS_TOKEN"),
		"DATABRICKS_USERNAME and DATABRICKS_PASSWORD", os.Getenv("DATABRICKS_USERNAME"), os.Getenv("DATABRICKS_PASSWORD"))
}

// addEither adds the credential that one place has, and refuses two.
func (g *Given) addEither(tokenSource, token, basicSource, user, password string) error {
	switch {
	case token != "" && (user != "" || password != ""):
		return fmt.Errorf("%s and %s are both set; leave one", tokenSource, basicSource)
	case token != "":
		return g.Add(Bearer(tokenSource, token))
	case user != "" || password != "":
		return g.Add(Basic(basicSource, user, password))
	}
	return nil
}

// fromProfile reads the config file. A profile that was asked for by name must
// exist; DEFAULT need not. A profile's credential goes to no other host than
// the profile's own.
func (g *Given) fromProfile(looked *[]string) error {
	file, err := profile.Read(cmp.Or(g.ConfigFile, "~/.databrickscfg"))
	if errors.Is(err, fs.ErrNotExist) && g.ConfigFile == "" && g.Profile == "" {
		*looked = append(*looked, "~/.databrickscfg (no such file)")
		return nil
	}
	if err != nil {
		return err
	}
	p, err := file.Find(g.Profile)
	if errors.Is(err, fs.ErrNotExist) && g.Profile == "" {
		*looked = append(*looked, p.Place+" (no such profile)")
		return nil
	}
	if err != nil {
		return err
	}
	var own Site
	if p.Host != "" {
		if own, err = ParseSite(p.Host, p.Place); err != nil {
			return err
		}
	}
	if g.Site.Host == "" {
		g.Site = own
	}
	if len(g.Credentials) > 0 {
		return nil
	}
	if own.Host != "" && own.Host != g.Site.Host {
		if g.Profile != "" {
			return fmt.Errorf("%s is for %s, but %s says %s; its credential is not sent there", p.Place, own.Host, g.Site.source, g.Site.Host)
		}
		*looked = append(*looked, p.Place+" (for another host)")
		return nil
	}
	*looked = append(*looked, p.Place+" (no token, no username with password)")
	return g.addEither("token of "+p.Place, p.Token, "username and password of "+p.Place, p.Username, p.Password)
}

// fromNetrc takes the entry of the host in the file that WithNetrc names, or,
// if nothing else is there, in the usual one, which need not exist.
func (g *Given) fromNetrc(looked *[]string) (err error) {
	asked, path := g.Netrc != nil, ""
	if asked {
		path = *g.Netrc
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
	login, password, err := file.Find(g.Site.name())
	if !asked && errors.Is(err, netrc.ErrNoCredential) {
		*looked = append(*looked, fmt.Sprintf("%s (nothing for machine %s)", path, g.Site.name()))
		return nil
	}
	if err != nil {
		return err
	}
	g.Credentials = []Credential{basic(path, login, password)}
	return nil
}
