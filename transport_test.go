package databricks_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

// A program may replace the default transport of net/http, for example in its tests.
// Clients that are created while it is replaced use it, and later clients do not.
func TestNewClient_replacedDefaultTransport(t *testing.T) {
	create := func() *databricks.Client {
		client, err := databricks.NewClient(databricks.WithHost("https://adb-1.2.azuredatabricks.net"), databricks.WithToken("dapi-x"))
		require.NoError(t, err)
		return client
	}
	create() // the shared transport exists already
	httpmock.Activate()
	t.Cleanup(httpmock.DeactivateAndReset)
	httpmock.RegisterResponder("GET", "=~/api/2.0/clusters/get", httpmock.NewStringResponder(http.StatusOK, `{"cluster_id":"mocked"}`))
	cluster, err := create().Clusters.Get(t.Context(), "mocked")
	require.NoError(t, err)
	assert.Equal(t, "mocked", cluster.ClusterID)
	assert.Equal(t, 1, httpmock.GetTotalCallCount())
}

// The default transport of net/http may have been configured or replaced, and may have
// no function that dials.
func TestNewClient_otherDefaultTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"cluster_id":"c"}`) }))
	defer server.Close()
	proxied := 0
	usual := http.DefaultTransport
	http.DefaultTransport = &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { proxied++; return nil, nil }}
	t.Cleanup(func() { http.DefaultTransport = usual })
	client, err := databricks.NewClient(databricks.WithHost(server.URL), databricks.WithToken("dapi-x"))
	require.NoError(t, err)
	cluster, err := client.Clusters.Get(t.Context(), "c")
	require.NoError(t, err)
	assert.Equal(t, "c", cluster.ClusterID)
	assert.Positive(t, proxied)
}
