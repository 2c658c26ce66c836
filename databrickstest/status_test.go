package databrickstest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWithStatusPage(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := NewServer(WithStatusPage(), WithAnySource(), WithoutSocket(), WithClock(func() time.Time { return now }))
	defer s.Close()
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	page := func() string {
		got := send(t, s, "GET", "/", "", anonymous)
		assert.Equal(t, 200, got.status)
		assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
		return got.body
	}
	assert.Equal(t, 4, strings.Count(page(), "<p>none</p>"))

	for i := range 101 {
		callOK(t, s, "POST", "/api/2.0/clusters/create", fmt.Sprintf(`{"cluster_name": "<b>%d", "num_workers": 0,
			"spark_env_vars": {"KEY": "planted"}, %s}`, i, smallCluster))
	}
	callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path": "/dir/file.txt", "contents": "cGxhbnRlZA=="}`)
	callOK(t, s, "POST", "/api/2.0/jobs/runs/submit", `{"run_name": "nightly", "new_cluster": {"num_workers": 1, `+smallCluster+`},
		"spark_python_task": {"python_file": "dbfs:/x.py"}}`)
	s.ForgetRequests()
	s.Inject(Fault{Status: 500})

	full := page()
	for _, want := range []string{"Clusters (102)", "The first 100 of 102", "&lt;b&gt;100", "nightly", "/dir/file.txt", "<td>7", "PENDING", "Contexts (0)"} {
		assert.Contains(t, full, want)
	}
	for _, secret := range []string{"<b>", "planted", s.Token} {
		assert.NotContains(t, full, secret)
	}
	now = now.Add(time.Minute)
	full = page()
	assert.Contains(t, full, "SUCCESS")
	assert.Contains(t, full, "TERMINATED", "the run's cluster went with it")
	assert.Equal(t, 99, strings.Count(full, "<td>RUNNING"))
	assert.Equal(t, 405, send(t, s, "POST", "/", "{}").status)
	assert.Empty(t, s.Requests())
	assert.Equal(t, 500, send(t, s, "GET", "/index.html", "").status, "the fault waited for a request of the API")
	assert.Empty(t, s.Panics())

	plain := NewServer(WithoutSocket())
	defer plain.Close()
	assert.Contains(t, send(t, plain, "GET", "/", "", anonymous).body, "Sign in", "only if wanted")
}
