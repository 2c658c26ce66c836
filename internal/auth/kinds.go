package auth

import (
	"fmt"
	"slices"
	"strings"
)

// A kind is one way to sign in.
type kind struct {
	name    string      // as in auth_type
	anchors []Attribute // a level that sets one of them chooses the kind
	needs   []Attribute // must be set
	uses    []Attribute // may be set
	azure   bool        // found in variables of other tools, it is used for Azure workspaces only

	// missing says what else is missing, or "". It may look at files and the
	// program path, but starts nothing and sends nothing. It may be nil.
	missing func(*view) string

	// open checks the settings. It returns a token that does not change, or how
	// to get one.
	open func(*view) (*Token, fetcher, error)
}

// kinds are all ways to sign in. On one level the first that is complete wins:
// the token itself, then a secret, then an assertion, then an identity.
var kinds []*kind

func init() {
	kinds = []*kind{
		pat, basic, oauthM2M, azureClientSecret, metadataService, envOIDC, fileOIDC,
		azureWorkloadIdentity, githubOIDC, azureDevOpsOIDC, githubOIDCAzure, azureMSI, databricksCLI, azureCLI,
	}
}

// ambient are the kinds that this machine may offer unasked, in the order in
// which they are tried. The runner's own identity comes first where Databricks'
// variables name its principal. The variables of other tools come next.
var ambient = []struct {
	kind    *kind
	level   func(*resolver) *level
	offered func(*view) bool
}{
	{githubOIDC, toolLevel, func(v *view) bool { return v.get(ClientID) != "" }},
	{azureDevOpsOIDC, toolLevel, func(v *view) bool { return v.get(ClientID) != "" }},
	{azureClientSecret, toolLevel, anchored(AzureSecret)},
	{azureClientSecret, microsoftLevel, anchored(AzureSecret)},
	{azureWorkloadIdentity, microsoftLevel, anchored(AzureTokenFile)},
	{githubOIDCAzure, toolLevel, anchored(githubURL)},
	{githubOIDC, toolLevel, anchored(githubURL)},
	{azureDevOpsOIDC, toolLevel, anchored(devopsToken)},
	{azureMSI, toolLevel, func(v *view) bool { return isTrue(v.get(AzureUseMSI)) || identityEndpoint() }},
}

func toolLevel(r *resolver) *level      { return r.terraform }
func microsoftLevel(r *resolver) *level { return r.microsoft }

func anchored(a Attribute) func(*view) bool {
	return func(v *view) bool { return v.levels[0].has(a) }
}

// unsupported are kinds of the vendor's tools that this library leaves to them.
var unsupported = map[string]string{
	"google-credentials": "Google credentials",
	"google-id":          "Google credentials",
	"external-browser":   "a sign-in in the browser",
	"azure-certificate":  "certificates",
}

func findKind(name string) (*kind, error) {
	name = strings.TrimSpace(name)
	if i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name == name }); i >= 0 {
		return kinds[i], nil
	}
	if what := unsupported[name]; what != "" {
		return nil, fmt.Errorf("the library does not do %s (%s) itself; use databricks-cli after databricks auth login, or WithTokenFunc", what, name)
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return nil, fmt.Errorf("%q is not a kind of credential; the kinds are %s", shorten(name), strings.Join(names, ", "))
}

// incomplete says what a kind lacks, or "".
func (k *kind) incomplete(v *view) string {
	var set, unset []string
	for _, a := range k.needs {
		if v.get(a) != "" {
			set = append(set, v.source(a))
		} else {
			unset = append(unset, v.name(a))
		}
	}
	switch {
	case len(unset) > 0 && len(set) > 0:
		return strings.Join(set, ", ") + isAre(set) + " set, " + strings.Join(unset, ", ") + isAre(unset) + " not"
	case len(unset) > 0:
		return strings.Join(unset, ", ") + isAre(unset) + " not set"
	case k.missing != nil:
		return k.missing(v)
	}
	return ""
}

// name names an attribute that is not set.
func (v *view) name(a Attribute) string {
	l, variable := v.levels[0], variable(a)
	switch {
	case l.variables[a] != nil:
		return l.variables[a][0]
	case l.environment || variable == string(a):
		return variable
	}
	return fmt.Sprintf("%s (or %s)", a, variable)
}

func isAre(list []string) string {
	if len(list) == 1 {
		return " is"
	}
	return " are"
}

// chosenBy names a kind and what chose it.
func (k *kind) chosenBy(from string) string {
	if rest, ok := strings.CutPrefix(from, string(AuthType)+" of "); ok {
		return k.name + " (auth_type of " + rest + ")"
	}
	return k.name + " (" + from + ")"
}

// describe says which credential this is, and where its settings were found or
// else who chose it.
func (k *kind) describe(v *view, by string) string {
	var parts []string
	for _, a := range slices.Concat(k.needs, k.uses) {
		if v.get(a) != "" {
			parts = append(parts, string(a)+" from "+strings.TrimPrefix(v.used[a], string(a)+" of "))
		}
	}
	if len(parts) == 0 {
		return k.name + ": " + by
	}
	return k.name + ": " + strings.Join(parts, ", ")
}
