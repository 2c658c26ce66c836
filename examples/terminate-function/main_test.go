package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// posted is the request that the Functions host sends to a handler for a call of the
// function.
const posted = `{
  "Data": {
    "req": {
      "Url": "https://etl-functions.azurewebsites.net/api/terminate-cluster?code=c2VjcmV0",
      "Method": "POST",
      "Query": "{\"code\":\"c2VjcmV0\"}",
      "Headers": {
        "Accept": ["*/*"],
        "Content-Length": ["24"],
        "Content-Type": ["application/json"],
        "Host": ["etl-functions.azurewebsites.net"],
        "User-Agent": ["azure-data-factory/2.0"],
        "X-Forwarded-For": ["203.0.113.7:1024"]
      },
      "Params": "{}",
      "Identities": [
        {
          "AuthenticationType": "WebJobsAuthLevel",
          "IsAuthenticated": true,
          "Actor": null, "BootstrapContext": null, "Label": null, "Name": null,
          "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
          "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
          "Claims": [{"Issuer": "LOCAL AUTHORITY", "OriginalIssuer": "LOCAL AUTHORITY", "Properties": {}, "Subject": null, "Type": "http://schemas.microsoft.com/2017/07/functions/claims/authlevel", "Value": "Function", "ValueType": "http://www.w3.org/2001/XMLSchema#string"}]
        }
      ],
      "Body": "{\"pipeline\":\"nightly\"}"
    }
  },
  "Metadata": {
    "sys": {
      "MethodName": "terminate-cluster",
      "UtcNow": "2026-02-03T19:04:05.1234567Z",
      "RandGuid": "4b8e1f0c-7f4f-4ee0-9f0a-0c9f3a3f5d11"
    }
  }
}`

// fixture returns a function, and a workspace that has its cluster.
func fixture(t *testing.T) (*function, *databrickstest.Server) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
	t.Cleanup(server.Close)
	f := &function{client: server.Client(), out: t.Output()}
	var err error
	f.clusterID, err = f.client.Clusters.Create(t.Context(), databricks.CreateCluster{
		ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
	})
	require.NoError(t, err)
	return f, server
}

func post(f *function, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return w
}

func TestFunction_invocation(t *testing.T) {
	f, _ := fixture(t)
	for range 2 { // a second call has no effect
		w := post(f, "/terminate-cluster", posted)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		assert.JSONEq(t, `{
			"Outputs": {"res": {
				"statusCode": 200,
				"headers": {"Content-Type": "application/json"},
				"body": "{\"cluster_id\":\"`+f.clusterID+`\"}"
			}},
			"Logs": ["cluster `+f.clusterID+`: termination requested"],
			"ReturnValue": null
		}`, w.Body.String())
		_, err := f.client.Clusters.WaitTerminated(t.Context(), f.clusterID)
		require.NoError(t, err)
	}
}

// With enableForwardingHttpRequest, the host forwards the caller's request.
func TestFunction_forwarded(t *testing.T) {
	f, _ := fixture(t)
	w := post(f, "/api/terminate-cluster", `{"pipeline":"nightly"}`)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.JSONEq(t, `{"cluster_id": "`+f.clusterID+`"}`, w.Body.String())
	_, err := f.client.Clusters.WaitTerminated(t.Context(), f.clusterID)
	require.NoError(t, err)

	f.clusterID = "0101-000000-none"
	assert.Equal(t, http.StatusNotFound, post(f, "/api/terminate-cluster", "").Code)
}

// Azure Functions sets the address where an app gets tokens of its identity.
func TestFunction_signsInWithItsIdentity(t *testing.T) {
	const appID = "3f8a1f4e-0000-4000-8000-00000000000a"
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithoutSocket(),
		databrickstest.WithServicePrincipal(databrickstest.ServicePrincipal{ApplicationID: appID, Admin: true}))
	t.Cleanup(server.Close)
	identities := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "of this app" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": server.IssueToken(appID, time.Hour), "expires_on": time.Now().Add(time.Hour).Unix()})
	}))
	t.Cleanup(identities.Close)
	for _, name := range []string{"DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "ARM_CLIENT_SECRET", "DATABRICKS_CONFIG_FILE", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_AUTH_TYPE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("IDENTITY_ENDPOINT", identities.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "of this app")

	const host = "adb-1.1.azuredatabricks.net"
	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithHTTPClient(&http.Client{Transport: transport{host, server.Transport()}}))
	require.NoError(t, err)
	assert.Equal(t, "azure-msi: the identity of this machine", client.Credential())
	f := &function{client: client, out: t.Output()}
	f.clusterID, err = server.Client().Clusters.Create(t.Context(), databricks.CreateCluster{
		ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
	})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, post(f, "/terminate-cluster", posted).Code)
	_, err = client.Clusters.WaitTerminated(t.Context(), f.clusterID)
	require.NoError(t, err)
}

// A transport sends requests for a workspace to an in-memory workspace.
type transport struct {
	host      string
	workspace http.RoundTripper
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == t.host {
		return t.workspace.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestFunction_fails(t *testing.T) {
	f, server := fixture(t)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/delete", Status: http.StatusForbidden})
	w := post(f, "/terminate-cluster", posted)
	require.Equal(t, http.StatusOK, w.Code, "with any other status, the host returns 500 without a reason")
	var got outcome
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	assert.Equal(t, http.StatusBadGateway, got.Outputs["res"].StatusCode)
	assert.Contains(t, got.Outputs["res"].Body, "clusters/delete")
	assert.Contains(t, got.Logs[0], "403")

	assert.Equal(t, http.StatusBadRequest, post(f, "/terminate-cluster", "pipeline=nightly").Code)
	assert.Equal(t, http.StatusNotFound, post(f, "/other", posted).Code)
	cluster, err := f.client.Clusters.Get(t.Context(), f.clusterID)
	require.NoError(t, err)
	assert.NotEqual(t, databricks.ClusterTerminated, cluster.State)
}

// The handler relies on names in the files beside it: those of the executable, of the
// function and of its bindings.
func TestFiles(t *testing.T) {
	var host struct {
		Version       string
		CustomHandler struct {
			Description                 struct{ DefaultExecutablePath string }
			EnableForwardingHTTPRequest *bool
		}
	}
	decode(t, "host.json", &host)
	assert.Equal(t, "2.0", host.Version)
	assert.Equal(t, "terminate-function", host.CustomHandler.Description.DefaultExecutablePath)
	require.NotNil(t, host.CustomHandler.EnableForwardingHTTPRequest)

	var function struct {
		Bindings []struct {
			Type, Direction, Name, AuthLevel string
			Methods                          []string
		}
	}
	decode(t, "terminate-cluster/function.json", &function)
	require.Len(t, function.Bindings, 2)
	in, out := function.Bindings[0], function.Bindings[1]
	assert.Equal(t, []string{"httpTrigger", "in", "req", "function", "post"}, append([]string{in.Type, in.Direction, in.Name, in.AuthLevel}, in.Methods...))
	assert.Equal(t, []string{"http", "out", "res"}, []string{out.Type, out.Direction, out.Name})
}

func decode(t *testing.T, name string, v any) {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v), name)
}

// The host chooses the port, and stops the handler with a signal.
func TestRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("DATABRICKS_HOST", "")
	t.Setenv("FUNCTIONS_CUSTOMHANDLER_PORT", port)
	require.ErrorContains(t, run(t.Context(), io.Discard), "127.0.0.1:"+port)

	t.Setenv("FUNCTIONS_CUSTOMHANDLER_PORT", "0") // any
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, in)
		in.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), lines.Err())
	assert.Contains(t, lines.Text(), "in-memory workspace")
	require.True(t, lines.Scan(), lines.Err())
	address, ok := strings.CutPrefix(lines.Text(), "Serving ")
	require.True(t, ok, lines.Text())
	address, _, _ = strings.Cut(address, " ")
	response, err := http.Post(strings.Replace(address, "/api", "", 1), "application/json", strings.NewReader(posted))
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusOK, response.StatusCode)
	cancel()
	require.NoError(t, <-done)

	t.Setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
	t.Setenv("DATABRICKS_TOKEN", "dapi")
	require.ErrorContains(t, run(t.Context(), io.Discard), "DATABRICKS_CLUSTER_ID is not set")
}
