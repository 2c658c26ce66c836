package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The kind for the managed identity of an Azure machine, in all its variants.
var azureMSI = &kind{
	name: "azure-msi", anchors: []Attribute{AzureUseMSI}, azure: true, uses: []Attribute{AzureUseMSI, AzureClientID, AzureResourceID},
	lacks: func(v *view) string {
		if value, from := v.levels[0].get(AzureUseMSI); value != "" && !isTrue(value) {
			return from + " is " + shorten(value)
		}
		return ""
	},
	open: func(v *view) (*Token, fetcher, error) {
		e, err := newEntra(v)
		m := newMSI(v)
		return nil, e.withManagement(m.get), err
	},
}

// An identityService is the service that issues tokens for a machine's identity.
type identityService int

const (
	imds       identityService = iota // virtual machines, scale sets and AKS nodes
	appService                        // App Service, Functions, Container Apps
	machineLearning
	cloudShell
	arc // machines outside of Azure, managed by Azure Arc
)

// Addresses of the services that have a fixed address.
const (
	imdsURL = "http://169.254.169.254/metadata/identity/oauth2/token"
	arcURL  = "http://127.0.0.1:40342/metadata/identity/oauth2/token"
)

// identityEndpoint reports whether the environment names an identity service.
func identityEndpoint() bool { return service() != imds }

func service() identityService {
	set := func(names ...string) bool {
		for _, name := range names {
			if os.Getenv(name) == "" {
				return false
			}
		}
		return true
	}
	switch {
	case set("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
		return appService
	case set("MSI_ENDPOINT", "MSI_SECRET"):
		return machineLearning
	case set("MSI_ENDPOINT"):
		return cloudShell
	case set("IDENTITY_ENDPOINT", "IMDS_ENDPOINT"), arcInstalled():
		return arc
	}
	return imds
}

// Directories of the Arc agent and its keys.
var (
	arcAgent = map[string]string{"linux": "/opt/azcmagent/bin/himds", "windows": `${ProgramFiles}\AzureConnectedMachineAgent\himds.exe`}
	arcKeys  = map[string]string{"linux": "/var/opt/azcmagent/tokens", "windows": `${ProgramData}\AzureConnectedMachineAgent\Tokens`}
)

func arcInstalled() bool {
	path := os.ExpandEnv(arcAgent[runtime.GOOS])
	_, err := os.Stat(path)
	return path != "" && err == nil
}

type msi struct {
	*requester
	service  identityService
	endpoint string
	header   func() string // the secret of App Service or Azure Machine Learning
	identity url.Values    // selects one of several identities
}

func newMSI(v *view) *msi {
	m := &msi{requester: v.requester, service: service(), endpoint: imdsURL, identity: url.Values{}}
	secret := ""
	clientID, objectID, resourceID := v.get(AzureClientID), v.get(MSIObjectID), v.get(MSIResourceID)
	names := struct{ client, object, resource string }{"client_id", "object_id", "msi_res_id"}
	switch m.service {
	case appService:
		m.endpoint, secret, names.resource = os.Getenv("IDENTITY_ENDPOINT"), os.Getenv("IDENTITY_HEADER"), "mi_res_id"
	case machineLearning:
		m.endpoint, secret, names.client = os.Getenv("MSI_ENDPOINT"), os.Getenv("MSI_SECRET"), "clientid"
		if objectID == "" && resourceID == "" {
			clientID = cmp.Or(clientID, os.Getenv("DEFAULT_IDENTITY_CLIENT_ID"))
		}
	case cloudShell:
		m.endpoint = os.Getenv("MSI_ENDPOINT")
	case arc:
		m.endpoint = arcURL
	}
	m.header = func() string { return secret }
	switch {
	case resourceID != "":
		m.identity.Set(names.resource, resourceID)
	case objectID != "":
		m.identity.Set(names.object, objectID)
	case clientID != "":
		m.identity.Set(names.client, clientID)
	}
	return m
}

// get gets a token for a resource.
func (m *msi) get(ctx context.Context, resource string) (*Token, error) {
	t := tokenRequest{
		method: http.MethodGet, url: m.endpoint, bound: 10 * time.Second,
		query: url.Values{"resource": {resource}}, header: http.Header{}, secrets: []string{m.header()},
	}
	for name, values := range m.identity {
		t.query[name] = values
	}
	switch m.service {
	case imds:
		t.query.Set("api-version", "2018-02-01")
		t.header.Set("Metadata", "true")
		// IMDS responds with 404 or 410 while it is updated, and sometimes with
		// 500.
		t.retry = []int{http.StatusNotFound, http.StatusGone, http.StatusInternalServerError}
	case appService:
		t.query.Set("api-version", "2019-08-01")
		t.header["X-IDENTITY-HEADER"] = []string{m.header()}
	case machineLearning:
		t.query.Set("api-version", "2017-09-01")
		t.header["secret"] = []string{m.header()}
	case cloudShell:
		t.method, t.form, t.query = http.MethodPost, t.query, nil
		t.header.Set("Metadata", "true")
	case arc:
		t.query.Set("api-version", "2020-06-01")
		t.header.Set("Metadata", "true")
		if err := m.proveToArc(ctx, &t); err != nil {
			return nil, err
		}
	}
	return m.token(ctx, t)
}

// proveToArc reads the key file that the Arc agent names in its first response. The
// agent returns a token only to callers that can read this file.
func (m *msi) proveToArc(ctx context.Context, t *tokenRequest) error {
	a, err := m.send(ctx, *t)
	if err != nil {
		return err
	}
	_, path, ok := strings.Cut(a.header.Get("WWW-Authenticate"), "Basic realm=")
	if a.status != http.StatusUnauthorized || !ok {
		if a.status == http.StatusOK {
			return t.failure(a, errors.New("the agent requested no proof"))
		}
		return t.rejection(a)
	}
	key, err := readArcKey(strings.Trim(path, `" `))
	if err != nil {
		return t.failure(a, err)
	}
	t.header.Set("Authorization", "Basic "+key)
	t.secrets = append(t.secrets, key)
	return nil
}

// readArcKey reads a key file of the agent. It rejects any other path.
func readArcKey(path string) (string, error) {
	dir := os.ExpandEnv(arcKeys[runtime.GOOS])
	if dir == "" || filepath.Dir(path) != filepath.Clean(dir) || filepath.Ext(path) != ".key" {
		return "", fmt.Errorf("the agent named a key file that is not in its directory: %q", shorten(path))
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	const bound = 4096
	key, err := io.ReadAll(io.LimitReader(file, bound+1))
	if err == nil && len(key) > bound {
		err = errors.New("the key of the agent is larger than 4096 bytes")
	}
	return string(key), err
}
