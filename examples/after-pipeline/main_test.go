package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun_inMemory(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Regexp(t, `^DATABRICKS_HOST is not set, .*\ncluster \S+ is TERMINATED\n$`, out.String())
}

// A fixture is a hook with a workspace that has its cluster, and a Data Factory that
// receives callbacks.
type fixture struct {
	*hook
	server   *databrickstest.Server
	factory  *httptest.Server
	out      bytes.Buffer
	callback chan string
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{server: databrickstest.NewServer(databrickstest.WithoutDBFSRoot()), callback: make(chan string, 1)}
	t.Cleanup(f.server.Close)
	f.factory = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Query().Get("sig") != "hush" {
			w.WriteHeader(http.StatusBadRequest)
		}
		f.callback <- string(body)
	}))
	t.Cleanup(f.factory.Close)
	f.hook = &hook{client: f.server.Client(), out: &f.out, http: f.factory.Client(), token: "secret"}
	id, err := f.client.Clusters.Create(t.Context(), databricks.CreateCluster{
		ClusterName: "etl", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
	})
	require.NoError(t, err)
	f.clusters = []string{id}
	return f
}

func (f *fixture) post(t *testing.T, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/terminate", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+f.token)
	w := httptest.NewRecorder()
	f.handler(t.Context()).ServeHTTP(w, r)
	f.waiting.Wait()
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return w
}

func (f *fixture) state(t *testing.T) databricks.ClusterState {
	cluster, err := f.client.Clusters.Get(t.Context(), f.clusters[0])
	require.NoError(t, err)
	return cluster.State
}

func TestHook_webActivity(t *testing.T) {
	for _, body := range []string{`{"cluster_id": "ID", "pipeline": "nightly", "run_id": "3f2a"}`, `{}`, ``} {
		f := newFixture(t)
		w := f.post(t, strings.ReplaceAll(body, "ID", f.clusters[0]))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.JSONEq(t, `{"cluster_id": "`+f.clusters[0]+`"}`, w.Body.String())
		_, err := f.client.Clusters.WaitTerminated(t.Context(), f.clusters[0])
		require.NoError(t, err)
	}
}

func TestHook_webhookActivity(t *testing.T) {
	f := newFixture(t)
	w := f.post(t, `{"pipeline": "nightly", "callBackUri": "`+f.factory.URL+`/callback?sig=hush"}`)
	assert.Equal(t, http.StatusAccepted, w.Code)
	assert.JSONEq(t, `{"Output": {"cluster_id": "`+f.clusters[0]+`"}, "StatusCode": "200"}`, <-f.callback)
	assert.Equal(t, databricks.ClusterTerminated, f.state(t))

	f.server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/delete", Status: http.StatusForbidden})
	f.post(t, `{"callBackUri": "`+f.factory.URL+`/callback?sig=hush"}`)
	assert.Regexp(t, `^\{"Error":\{"ErrorCode":"Databricks","Message":".*403.*"\},"StatusCode":"502"\}$`, <-f.callback)

	f.post(t, `{"callBackUri": "`+f.factory.URL+`/callback?sig=other"}`)
	<-f.callback
	f.factory.Close()
	f.post(t, `{"callBackUri": "`+f.factory.URL+`/callback?sig=hush"}`)
	assert.Contains(t, f.out.String(), "callback failed: 400 Bad Request\n")
	assert.Contains(t, f.out.String(), "callback failed: dial")
	assert.NotContains(t, f.out.String(), "hush")
}

func TestHook_rejects(t *testing.T) {
	f := newFixture(t)
	for body, want := range map[string]int{
		`{"cluster_id": "0101-000000-other"}`:                http.StatusForbidden,
		`{"callBackUri": "http://169.254.169.254/metadata"}`: http.StatusBadRequest,
		`{"callBackUri": "%%"}`:                              http.StatusBadRequest,
		`cluster_id=1`:                                       http.StatusBadRequest,
	} {
		assert.Equal(t, want, f.post(t, body).Code, body)
	}
	known := f.token
	f.token = "another"
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/terminate", nil)
	r.Header.Set("Authorization", "Bearer "+known)
	f.handler(t.Context()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.NotContains(t, w.Body.String(), "another")

	assert.NotEqual(t, databricks.ClusterTerminated, f.state(t))
	for _, r := range f.server.Requests() {
		assert.NotEqual(t, "/api/2.0/clusters/delete", r.Path)
	}
	f.server.Inject(databrickstest.Fault{Path: "/api/2.0/clusters/delete", Status: http.StatusForbidden})
	assert.Equal(t, http.StatusBadGateway, f.post(t, "{}").Code)
}

func TestRun_serves(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	t.Setenv("AFTER_PIPELINE_TOKEN", "")
	require.ErrorContains(t, run(t.Context(), []string{"-listen", "127.0.0.1:0"}, io.Discard), "AFTER_PIPELINE_TOKEN")
	t.Setenv("AFTER_PIPELINE_TOKEN", "secret")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := writer(func(line []byte) {
		if bytes.HasPrefix(line, []byte("Serving http://127.0.0.1:")) {
			cancel() // stop the program, which is not a failure
		}
	})
	require.NoError(t, run(ctx, []string{"-listen", "127.0.0.1:0"}, out))

	t.Setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
	t.Setenv("DATABRICKS_TOKEN", "dapi")
	require.ErrorContains(t, run(t.Context(), nil, io.Discard), "-cluster is required")
	require.ErrorContains(t, run(t.Context(), []string{"-cluster", "a", "-cluster", "b"}, io.Discard), "-listen")
}

type writer func(line []byte)

func (w writer) Write(line []byte) (int, error) {
	w(line)
	return len(line), nil
}
