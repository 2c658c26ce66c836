package auth

import (
	"fmt"
	"slices"
	"strings"
)

// A kind is a kind of credential.
type kind struct {
	name    string      // the value of auth_type
	anchors []Attribute // a level that sets one of these selects the kind
	needs   []Attribute // required settings
	uses    []Attribute // optional settings
	azure   bool        // if variables of other tools select the kind, use it only for Azure workspaces

	// lacks returns what else the kind lacks, or "". It may check files and the
	// program path, but it starts and sends nothing. It may be nil.
	lacks func(*view) string

	// open checks the settings. It returns a token that does not change, or a
	// function that gets one.
	open func(*view) (*Token, fetcher, error)
}

// kinds has all kinds. Within a level, the first complete kind wins. Tokens come
// first, then secrets, assertions and identities.
var kinds []*kind

func init() {
	kinds = []*kind{
		pat, basic, oauthM2M, azureClientSecret, metadataService, envOIDC, fileOIDC,
		azureWorkloadIdentity, githubOIDC, azureDevOpsOIDC, githubOIDCAzure, azureMSI, databricksCLI, azureCLI,
	}
}

// ambient has the kinds that are tried without configuration, in this order. The
// identity of a CI job comes first if Databricks variables name its service
// principal. The variables of other tools come next.
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

// unsupported has the kinds of the vendor's tools that this library does not
// support.
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
		return nil, fmt.Errorf("the library does not support %s (%s); use databricks-cli after databricks auth login, or WithTokenFunc", what, name)
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return nil, fmt.Errorf("%q is not a kind of credential; the kinds are %s", shorten(name), strings.Join(names, ", "))
}

// incomplete returns what a kind lacks, or "".
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
	case k.lacks != nil:
		return k.lacks(v)
	}
	return ""
}

// name returns the names of an unset attribute, for messages.
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

// chosenBy returns the name of a kind and of the setting that selected it.
func (k *kind) chosenBy(from string) string {
	if rest, ok := strings.CutPrefix(from, string(AuthType)+" of "); ok {
		return k.name + " (auth_type of " + rest + ")"
	}
	return k.name + " (" + from + ")"
}

// describe says which credential this is, and where its settings were found, or
// else what selected it.
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
