package databrickstest_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
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

func TestWithHandler(t *testing.T) {
	server := databrickstest.NewServer(
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "dapialice"}),
		databrickstest.WithHandler("POST /api/2.0/lakes/{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			caller := databrickstest.CallerOf(r.Context())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"lake":%q,"by":%q,"admin":%v,"sent":%q}`, r.PathValue("name"), caller.Name, caller.Admin, body)
		})),
		databrickstest.WithHandler("GET /api/2.0/clusters/list", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"clusters":[{"cluster_id":"mine"}]}`)
		})),
		databrickstest.WithHandler("GET /panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("mine") })),
		databrickstest.WithFaults(databrickstest.Fault{Path: "/api/2.0/lakes/hit", Status: 418}),
	)
	defer server.Close()
	send := func(method, path, token string) (int, string) {
		r := httptest.NewRequest(method, "https://any"+path, strings.NewReader("water"))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		name, method, path, token string
		status                    int
		want                      string
	}{
		{"own endpoint", "POST", "/api/2.0/lakes/garda", server.Token, 201, `{"lake":"garda","by":"admin@example.com","admin":true,"sent":"water"}`},
		{"other caller", "POST", "/api/2.0/lakes/garda", "dapialice", 201, `"by":"alice@example.com","admin":false`},
		{"no credential", "POST", "/api/2.0/lakes/garda", "", 401, "Credential was not sent"},
		{"bad credential", "POST", "/api/2.0/lakes/garda", "dapix", 403, "Invalid access token"},
		{"other method", "GET", "/api/2.0/lakes/garda", server.Token, 404, "ENDPOINT_NOT_FOUND"},
		{"fault", "POST", "/api/2.0/lakes/hit", server.Token, 418, ""},
		{"no credential outside the API", "GET", "/panic", "", 401, "Credential was not sent"},
		{"panic", "GET", "/panic", server.Token, 500, "INTERNAL_ERROR"},
	} {
		status, body := send(c.method, c.path, c.token)
		assert.Equal(t, c.status, status, c.name)
		assert.Contains(t, body, c.want, c.name)
	}
	clusters, err := server.Client().Clusters.List(t.Context(), databricks.ListClusters{})
	require.NoError(t, err)
	assert.Equal(t, "mine", clusters[0].ClusterID, "an added endpoint takes precedence")
	assert.Equal(t, "/api/2.0/lakes/garda", server.Requests()[0].Path)
	assert.Zero(t, databrickstest.CallerOf(t.Context()))
}

func TestWithMiddleware(t *testing.T) {
	mark := func(name string) databrickstest.Option {
		return databrickstest.WithMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("Seen-By", name)
				if r.URL.Path == "/"+name {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
	}
	server := databrickstest.NewServer(mark("outer"), mark("inner"))
	defer server.Close()
	get := func(client *http.Client, url string) *http.Response {
		response, err := client.Get(url)
		require.NoError(t, err)
		response.Body.Close()
		return response
	}
	for _, client := range []*http.Client{{Transport: server.Transport()}, http.DefaultClient} {
		response := get(client, server.URL()+"/inner")
		assert.Equal(t, 204, response.StatusCode)
		assert.Equal(t, []string{"outer", "inner"}, response.Header["Seen-By"])
	}
	assert.Empty(t, server.Requests())
	assert.Equal(t, 401, get(&http.Client{Transport: server.Transport()}, server.URL()+"/api/2.0/x").StatusCode)
	assert.Len(t, server.Requests(), 1)
}

func TestWithTLS(t *testing.T) {
	other := httptest.NewTLSServer(nil) // it has a certificate for 127.0.0.1
	defer other.Close()
	server := databrickstest.NewServer(databrickstest.WithTLS(&tls.Config{Certificates: other.TLS.Certificates}),
		databrickstest.WithVolume("main.default.files"))
	defer server.Close()
	require.Regexp(t, `^https://127\.0\.0\.1:\d+$`, server.URL())
	roots := x509.NewCertPool()
	roots.AddCert(other.Certificate())
	client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken(server.Token),
		databricks.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}))
	require.NoError(t, err)
	_, err = client.Clusters.List(t.Context(), databricks.ListClusters{})
	require.NoError(t, err)
	require.NoError(t, client.Files.PutFile(t.Context(), "/Volumes/main/default/files/a", strings.NewReader("x"), databricks.PutFileOptions{}))
	presigned, err := client.Files.CreateDownloadURL(t.Context(), databricks.CreateDownloadURL{Path: "/Volumes/main/default/files/a"})
	require.NoError(t, err)
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+/storage/`, string(presigned.URL))
}
