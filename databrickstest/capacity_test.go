package databrickstest

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowded returns a workspace with many clusters and many runs.
func crowded(t testing.TB, many int) (s *Server, cluster, run string) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s = NewServer(WithoutSocket(), WithRecording(Recording{Requests: -1}), WithClock(func() time.Time { return now }),
		WithJobLimits(JobLimits{ActiveRuns: -1, PerHour: -1}))
	for i := range many {
		cluster = callOK(t, s, "POST", "/api/2.0/clusters/create", fmt.Sprintf(`{"cluster_name":"cluster %d","num_workers":2,"autotermination_minutes":0,%s}`, i, smallCluster))["cluster_id"].(string)
	}
	now = now.Add(time.Minute)
	job := callOK(t, s, "POST", "/api/2.0/jobs/create", `{"name":"many","max_concurrent_runs":1000,"existing_cluster_id":"`+cluster+`","spark_jar_task":{"main_class_name":"X"}}`)
	for i := range many {
		run = fmt.Sprint(callOK(t, s, "POST", "/api/2.0/jobs/run-now", fmt.Sprintf(`{"job_id":%v}`, job["job_id"]))["run_id"])
		if i%500 == 499 {
			now = now.Add(time.Minute) // these clusters and runs end
		}
	}
	return s, cluster, run
}

// putFiles writes files of 1 MiB each to DBFS.
func putFiles(t testing.TB, s *Server, files int) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for i := range files {
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		require.NoError(t, parts.WriteField("path", fmt.Sprintf("/many/%d", i)))
		file, err := parts.CreateFormFile("contents", "file")
		require.NoError(t, err)
		_, err = file.Write(content)
		require.NoError(t, err)
		require.NoError(t, parts.Close())
		got := send(t, s, "POST", "/api/2.0/dbfs/put", form.String(), func(r *http.Request) { r.Header.Set("Content-Type", parts.FormDataContentType()) })
		require.Equal(t, 200, got.status, got.body)
	}
}

func TestServer_manyClustersAndRuns(t *testing.T) {
	const many = 1500
	s, _, _ := crowded(t, many)
	defer s.Close()
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"], many)
	listed, token := 0, ""
	for {
		page := callOK(t, s, "GET", "/api/2.2/jobs/runs/list?limit=25&page_token="+token, "")
		listed += len(page["runs"].([]any))
		if token, _ = page["next_page_token"].(string); token == "" {
			break
		}
	}
	assert.Equal(t, many, listed)
	assert.Empty(t, callOK(t, s, "GET", "/api/2.0/jobs/runs/list?active_only=true", "")["runs"])
	putFiles(t, s, 8)
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/dbfs/list?path=/many", "")["files"], 8)
}

// BenchmarkServer_full measures calls in a workspace with 10,000 clusters,
// 10,000 runs and 1 GiB of files.
func BenchmarkServer_full(b *testing.B) {
	s, cluster, run := crowded(b, 10_000)
	defer s.Close()
	putFiles(b, s, 1024)
	for name, path := range map[string]string{
		"clusters-get":      "/api/2.0/clusters/get?cluster_id=" + cluster,
		"clusters-page":     "/api/2.1/clusters/list?page_size=100",
		"clusters-list":     "/api/2.0/clusters/list",
		"runs-get":          "/api/2.0/jobs/runs/get?run_id=" + run,
		"runs-list":         "/api/2.0/jobs/runs/list?limit=25",
		"runs-list-far":     "/api/2.0/jobs/runs/list?limit=25&offset=9900",
		"dbfs-list":         "/api/2.0/dbfs/list?path=/many",
		"dbfs-read-1MiB":    "/api/2.0/dbfs/read?path=/many/1000&length=1048576",
		"workspace-missing": "/api/2.0/workspace/get-status?path=/none",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				send(b, s, "GET", path, "")
			}
		})
	}
}
