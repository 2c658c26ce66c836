package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// A cloud is one of the clouds of Azure.
type cloud struct {
	name       string // the value of azure_environment
	suffix     string // the end of the host names of workspaces
	login      string
	management string // the resource of the token for a principal that is not yet a user of the workspace
}

var clouds = []cloud{
	{"PUBLIC", ".azuredatabricks.net", "https://login.microsoftonline.com/", "https://management.core.windows.net/"},
	{"USGOVERNMENT", ".databricks.azure.us", "https://login.microsoftonline.us/", "https://management.core.usgovcloudapi.net/"},
	{"CHINA", ".databricks.azure.cn", "https://login.chinacloudapi.cn/", "https://management.core.chinacloudapi.cn/"},
}

// applications has the IDs of Azure Databricks in Entra, by the end of the host
// name.
var applications = []struct{ suffix, id string }{
	{".staging.azuredatabricks.net", "4a67d088-db5c-48f1-9ff2-0aace800ae68"},
	{".dev.azuredatabricks.net", "62a912ac-b58e-4c1d-89ea-b2dbfc7358fc"},
	{"", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"},
}

// The kinds of Microsoft Entra, except managed identities and az.
var (
	azureClientSecret = &kind{
		name: "azure-client-secret", anchors: []Attribute{AzureSecret}, azure: true,
		needs: []Attribute{AzureClientID, AzureSecret}, uses: []Attribute{AzureTenantID, AzureCloud, AzureResourceID},
		open: func(v *view) (*Token, fetcher, error) {
			e, err := newEntra(v)
			id, secret := v.get(AzureClientID), v.get(AzureSecret)
			return nil, e.withManagement(func(ctx context.Context, resource string) (*Token, error) {
				tenant, err := e.tenant(ctx)
				if err != nil {
					return nil, err
				}
				return e.token(ctx, tokenRequest{
					method: http.MethodPost, url: e.login + tenant + "/oauth2/token",
					form:    url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "resource": {resource}},
					secrets: []string{secret, url.QueryEscape(secret)},
				})
			}), err
		},
	}
	azureWorkloadIdentity = &kind{
		name: "azure-workload-identity", anchors: []Attribute{AzureTokenFile}, azure: true,
		needs: []Attribute{AzureTokenFile, AzureClientID}, uses: []Attribute{AzureTenantID, azureAuthority, AzureCloud, AzureResourceID},
		open: func(v *view) (*Token, fetcher, error) {
			path := v.get(AzureTokenFile)
			return federated(v, func(context.Context) (string, error) { return readIDToken(path) })
		},
	}
	githubOIDCAzure = &kind{
		name: "github-oidc-azure", azure: true,
		needs: []Attribute{githubURL, githubToken, AzureClientID}, uses: []Attribute{AzureTenantID, AzureCloud, AzureResourceID},
		open: func(v *view) (*Token, fetcher, error) {
			runner := newGitHub(v)
			return federated(v, func(ctx context.Context) (string, error) { return runner.idToken(ctx, "api://AzureADTokenExchange") })
		},
	}
)

// An entra requests tokens for Azure workspaces. Only one flight uses it at a time.
type entra struct {
	*requester
	cloud
	application string
	workspace   string
	tenantID    string // "" until it is discovered
	resourceID  string // the Azure resource ID of the workspace; may be ""
}

func newEntra(v *view) (*entra, error) {
	e := &entra{requester: v.requester, workspace: v.Endpoint.URL(), tenantID: v.get(AzureTenantID), resourceID: v.get(AzureResourceID)}
	name := v.Endpoint.Name()
	c, known := cloudOf(name)
	if asked := v.get(AzureCloud); asked != "" && !known {
		var err error
		if c, err = findCloud(asked); err != nil {
			return nil, fmt.Errorf("%s: %w", v.source(AzureCloud), err)
		}
	}
	e.cloud = c
	for _, a := range applications {
		if e.application == "" && strings.HasSuffix(name, a.suffix) {
			e.application = a.id
		}
	}
	if e.tenantID != "" && !tenantName.MatchString(e.tenantID) {
		return nil, fmt.Errorf("%s: %q is not a tenant", v.source(AzureTenantID), shorten(e.tenantID))
	}
	if e.resourceID != "" && !resourceName.MatchString(e.resourceID) {
		return nil, fmt.Errorf("%s: %q is not the resource ID of a workspace, which starts with /subscriptions/", v.source(AzureResourceID), shorten(e.resourceID))
	}
	return e, nil
}

var (
	tenantName   = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?$`)
	resourceName = regexp.MustCompile(`^/subscriptions/[0-9A-Za-z-]+/[\x21-\x7e]*$`)
)

// cloudOf returns the cloud of a workspace, or the public cloud if it is unknown.
func cloudOf(name string) (c cloud, known bool) {
	for _, c := range clouds {
		if strings.HasSuffix(name, c.suffix) {
			return c, true
		}
	}
	return clouds[0], false
}

// findCloud accepts the current and the former names in the vendor's tools.
func findCloud(name string) (cloud, error) {
	short := strings.NewReplacer("AZURE", "", "CLOUD", "", "GOVERNMENT", "GOV").Replace(strings.ToUpper(name))
	for _, c := range clouds {
		if strings.ReplaceAll(c.name, "GOVERNMENT", "GOV") == short {
			return c, nil
		}
	}
	return cloud{}, fmt.Errorf("%q is not a cloud; want PUBLIC, USGOVERNMENT or CHINA", shorten(name))
}

// onAzure reports whether the workspace is in Azure.
func (v *view) onAzure() bool {
	_, known := cloudOf(v.Endpoint.Name())
	return known || v.get(AzureResourceID) != ""
}

// tenant returns the tenant that is set, or else the one to which the workspace
// redirects users.
func (e *entra) tenant(ctx context.Context) (string, error) {
	if e.tenantID != "" {
		return e.tenantID, nil
	}
	t := tokenRequest{method: http.MethodGet, url: e.workspace + "/aad/auth"}
	a, err := e.send(ctx, t)
	if err != nil {
		return "", err
	}
	var found string
	if u, err := url.Parse(a.header.Get("Location")); err == nil {
		found, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	}
	if a.status < 300 || a.status > 399 || !tenantName.MatchString(found) {
		failure := t.failure(a, errors.New("the workspace does not name its tenant"))
		failure.Hint = "set azure_tenant_id (ARM_TENANT_ID)"
		return "", failure
	}
	e.tenantID = found
	return found, nil
}

// withManagement gets a token for Databricks. If the resource ID of the workspace
// is set, withManagement also sets headers for a principal that is an Azure
// administrator of the workspace, but not yet a user.
func (e *entra) withManagement(get func(ctx context.Context, resource string) (*Token, error)) fetcher {
	return func(ctx context.Context, _ bool) (*Token, error) {
		token, err := get(ctx, e.application)
		if err != nil || e.resourceID == "" {
			return token, err
		}
		management, err := get(ctx, e.management)
		if err != nil {
			return nil, err
		}
		return token.and(management.expires, func(h http.Header) {
			h["X-Databricks-Azure-Sp-Management-Token"] = []string{management.value()}
			h["X-Databricks-Azure-Workspace-Resource-Id"] = []string{e.resourceID}
		}), nil
	}
}

// federated opens a kind that gets its assertions from a function.
func federated(v *view, assertion func(context.Context) (string, error)) (*Token, fetcher, error) {
	e, err := newEntra(v)
	id := v.get(AzureClientID)
	if authority := v.get(azureAuthority); authority != "" && err == nil {
		u, parseErr := url.Parse(authority)
		if parseErr != nil || u.Scheme != "https" || u.Host == "" {
			err = fmt.Errorf("%s: %q is not an https URL", v.source(azureAuthority), shorten(authority))
		} else {
			e.login = strings.TrimRight(authority, "/") + "/"
		}
	}
	return nil, func(ctx context.Context, _ bool) (*Token, error) {
		tenant, err := e.tenant(ctx)
		if err != nil {
			return nil, err
		}
		jwt, err := assertion(ctx)
		if err != nil {
			return nil, err
		}
		token, err := e.token(ctx, tokenRequest{
			method: http.MethodPost, url: e.login + tenant + "/oauth2/v2.0/token",
			form: url.Values{
				"grant_type": {"client_credentials"}, "client_id": {id}, "scope": {e.application + "/.default"},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {jwt},
			},
			secrets: []string{jwt},
		})
		if err != nil || e.resourceID == "" {
			return token, err
		}
		return token.and(time.Time{}, func(h http.Header) {
			h["X-Databricks-Azure-Workspace-Resource-Id"] = []string{e.resourceID}
		}), nil
	}, err
}
