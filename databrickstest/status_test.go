package databrickstest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/databrickstest"
)

func TestWithStatusPage(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithStatusPage(), databrickstest.WithoutSocket())
	defer server.Close()
	client := http.Client{Transport: server.Transport()}
	do := func(method, path, token, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(text)
	}
	post := func(path, body string) {
		t.Helper()
		status, text := do("POST", path, server.Token, body)
		require.Equal(t, 200, status, text)
	}
	_, empty := do("GET", "/", "", "")
	assert.Equal(t, 4, strings.Count(empty, "<p>none</p>"))

	for i := range 101 {
		post("/api/2.0/clusters/create", fmt.Sprintf(`{"cluster_name": "<b>%d", "spark_version": "13.3.x-scala2.12",
			"node_type_id": "Standard_DS3_v2", "num_workers": 0, "spark_env_vars": {"KEY": "planted"}}`, i))
	}
	post("/api/2.0/dbfs/put", `{"path": "/dir/file.txt", "contents": "cGxhbnRlZA=="}`)
	post("/api/2.0/jobs/runs/submit", `{"run_name": "nightly", "new_cluster": {"spark_version": "13.3.x-scala2.12",
		"node_type_id": "Standard_DS3_v2", "num_workers": 1}, "spark_python_task": {"python_file": "dbfs:/x.py"}}`)
	server.ForgetRequests()
	server.Inject(databrickstest.Fault{Status: 500})

	status, page := do("GET", "/", "", "")
	assert.Equal(t, 200, status, "a fault is not for this page")
	for _, want := range []string{"Clusters (102)", "The first 100 of 102", "&lt;b&gt;100", "nightly", "/dir/file.txt", "<td>7", "PENDING", "Contexts (0)"} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, page, "<b>")
	assert.NotContains(t, page, "planted")
	assert.NotContains(t, page, server.Token)
	status, _ = do("POST", "/", "", "{}")
	assert.Equal(t, 405, status)
	assert.Empty(t, server.Requests())
	assert.Empty(t, server.Panics())

	status, _ = do("GET", "/index.html", server.Token, "")
	assert.Equal(t, 500, status, "here it is")
	plain := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer plain.Close()
	response, err := (&http.Client{Transport: plain.Transport()}).Get(plain.URL)
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, 401, response.StatusCode, "only if wanted")
}
