package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/go-databricks/databricks/internal/netrc"
	"github.com/go-databricks/databricks/internal/profile"
)

// A resolver looks up the workspace and the credential on several levels. The first
// level is code. Then come a profile that code names, the environment variables of
// Databricks, and the profile that the environment names or the default profile. On
// each level, auth_type selects the kind. Otherwise the first complete kind is
// selected. Other levels supply the settings that the level does not have.
//
// If no level has a credential, the resolver tries the variables of other tools and
// the identity of the machine, then .netrc, then the programs in which a user may
// be signed in.
type resolver struct {
	*Options
	requester *requester
	log       *slog.Logger

	levels    []*level
	terraform *level // variables of other tools, for the ambient kinds
	microsoft *level
	config    string // result of reading the config file, for messages
}

// Resolve finds the credential. It sets o.Endpoint, unless code set it. It sends
// nothing and starts no program.
func (o *Options) Resolve(s Surroundings) (*Credential, error) {
	if len(o.chosen) > 1 {
		names := make([]string, len(o.chosen))
		for i, c := range o.chosen {
			names[i] = c.option
		}
		return nil, fmt.Errorf("more than one credential: %s; use one", strings.Join(names, " and "))
	}
	r := &resolver{
		Options: o, requester: newRequester(s), log: s.Log,
		levels:    []*level{{name: "code", get: o.code}, environment(variables)},
		terraform: environment(terraformVariables), microsoft: environment(azureVariables),
	}
	if o.Profile != "" {
		p, err := r.readProfile(o.Profile)
		if err != nil {
			return nil, err
		}
		r.levels = slices.Insert(r.levels, 1, p)
	}
	c, err := r.configured()
	if c != nil || o.Profile != "" && err != nil {
		return c, err
	}
	// The config file is read only if a setting is unset without it.
	if o.Profile == "" {
		p, readErr := r.readProfile("")
		if readErr != nil {
			return nil, readErr
		}
		if p != nil {
			r.levels = append(r.levels, p)
		}
		if c, err = r.configured(); c != nil || err != nil {
			return c, err
		}
	}
	return r.unasked()
}

// code is the level of the settings from code.
func (o *Options) code(a Attribute) (value, from string) {
	if len(o.chosen) == 0 || o.chosen[0].settings == nil {
		return "", ""
	}
	c := o.chosen[0]
	if a == AuthType {
		return c.kind, c.option
	}
	return c.settings(a), string(a) + " of " + c.option
}

// readProfile reads the profile with a name. Without a name, it reads the profile
// that DATABRICKS_CONFIG_PROFILE names, or else the default profile. If the default
// profile does not exist, the level is nil.
func (r *resolver) readProfile(name string) (*level, error) {
	asked := cmp.Or(name, os.Getenv("DATABRICKS_CONFIG_PROFILE"))
	if asked == profile.Settings {
		return nil, fmt.Errorf("DATABRICKS_CONFIG_PROFILE: %q cannot name a profile", asked)
	}
	path := cmp.Or(r.ConfigFile, os.Getenv("DATABRICKS_CONFIG_FILE"))
	file, err := profile.Read(cmp.Or(path, "~/.databrickscfg"))
	if errors.Is(err, fs.ErrNotExist) && path == "" && asked == "" {
		r.config = "~/.databrickscfg: no such file"
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := file.Find(asked)
	if errors.Is(err, fs.ErrNotExist) && asked == "" {
		r.config = fmt.Sprintf("%s: no profile %s, only %s", file.Path(), p.Name, cmp.Or(strings.Join(file.Names(), ", "), "no profiles"))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if file.Exposed() {
		r.log.Warn("databricks config file can be read by other users of this machine; chmod 600 prevents that", slog.String("file", file.Path()))
	}
	r.config = p.String() + ": no complete credential; the file has the profiles " + strings.Join(file.Names(), ", ")
	return &level{name: p.String(), profile: p.Name, get: func(a Attribute) (string, string) {
		for _, key := range []Attribute{a, aliases[a]} {
			if value := p.Get(string(key)); value != "" {
				return value, string(key) + " of " + p.String()
			}
		}
		return "", ""
	}}, nil
}

// configured returns the credential of the first level that has one, or nil.
func (r *resolver) configured() (*Credential, error) {
	if err := r.findEndpoint(); err != nil {
		return nil, err
	}
	if err := r.dropStrangers(); err != nil {
		return nil, err
	}
	if len(r.chosen) == 1 && r.chosen[0].credential != nil {
		return r.chosen[0].credential, nil
	}
	if len(r.chosen) == 1 && r.chosen[0].netrc != nil {
		c, err := r.netrc(*r.chosen[0].netrc)
		return c, err
	}
	for _, l := range r.levels {
		if name, from := l.get(AuthType); name != "" {
			k, err := findKind(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", from, err)
			}
			v := r.view(l)
			if problem := k.incomplete(v); problem != "" {
				return nil, fmt.Errorf("%s: %s", k.chosenBy(from), problem)
			}
			return r.open(k, v, "by "+from)
		}
		for _, k := range kinds {
			if v := r.view(l); l.has(k.anchors...) && k.incomplete(v) == "" {
				return r.open(k, v, "of "+l.name)
			}
		}
	}
	return nil, nil
}

// findEndpoint uses the host of the first level that has one.
func (r *resolver) findEndpoint() (err error) {
	for _, l := range r.levels {
		if text, from := l.get(host); text != "" && r.Endpoint.Host == "" {
			if r.Endpoint, err = ParseEndpoint(text, from); err != nil {
				return err
			}
			if id, from := l.get(WorkspaceID); id != "" {
				if err := checkWorkspaceID(id); err != nil {
					return fmt.Errorf("%s: %w", from, err)
				}
				r.Endpoint.WorkspaceID = id
			}
		}
	}
	e := r.Endpoint
	switch {
	case e.Host == "":
		return fmt.Errorf("no host: use WithHost(\"https://…\"), set DATABRICKS_HOST, or set host in a profile of ~/.databrickscfg%s", prefixed(" (", r.config, ")"))
	case e.Scheme == "http" && !r.InsecureHTTP && !loopback(e.Name()):
		return fmt.Errorf("%s: http://%s would send the credential unencrypted; use https, or WithInsecureHTTP if you want this", e.source, e.Host)
	}
	return nil
}

func prefixed(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

// dropStrangers drops a profile that is for another host, because its credential
// must be sent only to its own host. This is an error if code names the profile and
// needs it.
func (r *resolver) dropStrangers() error {
	for i, l := range r.levels {
		text, from := l.get(host)
		if l.environment || text == "" {
			continue
		}
		own, err := ParseEndpoint(text, from)
		if err == nil && own.Host == r.Endpoint.Host {
			continue
		}
		if err == nil {
			err = fmt.Errorf("%s is for %s, but %s is %s; its credential is not sent there", l.name, own.Host, r.Endpoint.source, r.Endpoint.Host)
		}
		if r.Profile != "" && len(r.chosen) == 0 {
			return err
		}
		r.config = err.Error()
		r.levels = slices.Delete(slices.Clone(r.levels), i, i+1)
		return nil // there is at most one profile
	}
	return nil
}

// view returns the settings for a kind that a level selected.
func (r *resolver) view(l *level) *view {
	return &view{resolver: r, levels: slices.Concat([]*level{l}, r.levels, []*level{r.terraform, r.microsoft}), used: map[Attribute]string{}}
}

// open opens the credential of a complete kind.
func (r *resolver) open(k *kind, v *view, by string) (*Credential, error) {
	token, fetch, err := k.open(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	description := k.describe(v, by)
	if fetch == nil {
		return token.credential(description), nil
	}
	c := &cache{fetch: func(ctx context.Context, force bool) (*Token, error) {
		token, err := fetch(ctx, force)
		return token, k.wrap(err)
	}}
	return c.credential(description), nil
}

// wrap adds the name of the kind to an error.
func (k *kind) wrap(err error) error {
	if e, ok := err.(*Error); ok {
		e.Kind = k.name
		return e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	return nil
}

// unasked returns a credential that is used without configuration.
func (r *resolver) unasked() (*Credential, error) {
	var notes []string
	for _, a := range ambient {
		v := r.view(a.level(r))
		if !a.offered(v) {
			continue
		}
		if problem := a.kind.incomplete(v); problem != "" {
			continue
		}
		if a.kind.azure && !v.onAzure() {
			notes = append(notes, fmt.Sprintf("%s: it is configured, but %s is not an Azure workspace", a.kind.name, r.Endpoint.Host))
			continue
		}
		return r.open(a.kind, v, "the identity of this machine")
	}
	c, err := r.netrc("")
	if c != nil || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, netrc.ErrNoCredential) {
		return c, err
	}
	if c, err := r.programs(); c != nil || err != nil {
		return c, err
	}
	return nil, r.nothing(append(notes, err.Error()))
}

// netrc returns the credential for the host in a .netrc file. An empty path means
// the default path.
func (r *resolver) netrc(path string) (*Credential, error) {
	var err error
	if path == "" {
		if path, err = netrc.Default(); err != nil {
			return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
	}
	file, err := netrc.Read(path)
	if err != nil {
		return nil, err
	}
	login, password, err := file.Find(r.Endpoint.Name())
	if err != nil {
		return nil, err
	}
	return basicToken(login, password).credential(".netrc: machine " + r.Endpoint.Name() + " of " + path), nil
}

// ErrNoCredential matches the error of a search that found no credential.
var ErrNoCredential = errors.New("no credential")

// nothing returns the error that lists what was checked and what each kind lacks.
func (r *resolver) nothing(notes []string) error {
	checked := []string{"no option in code sets one"}
	own := r.levels[slices.IndexFunc(r.levels, func(l *level) bool { return l.environment })]
	for _, k := range kinds {
		problem := k.incomplete(r.view(own))
		switch k {
		case azureWorkloadIdentity:
			problem = k.incomplete(r.view(r.microsoft))
		case azureMSI:
			problem = "ARM_USE_MSI is not true, and the environment names no identity service (IDENTITY_ENDPOINT, MSI_ENDPOINT)"
		}
		if problem != "" {
			checked = append(checked, k.name+": "+problem)
		}
	}
	for _, a := range []Attribute{googleKey, googleAccount} {
		if v := r.view(r.terraform); v.get(a) != "" {
			checked = append(checked, v.source(a)+" is set, but the library does not support Google credentials; use databricks-cli or WithTokenFunc")
		}
	}
	if r.config != "" {
		checked = append(checked, r.config)
	}
	return fmt.Errorf("%w for %s; checked in this order: %s; use an option such as WithToken, or set the variables of one kind, such as DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
		ErrNoCredential, r.Endpoint.Host, strings.Join(append(checked, notes...), "; "))
}
