package databricks_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

// canned is a transport that sends the same response to every request.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(c))), ContentLength: int64(len(c))}, nil
}

// A change that makes a call allocate more fails this test. The limits leave some
// room for other versions of Go.
func TestAllocs(t *testing.T) {
	for _, row := range []struct {
		name, response string
		bound          float64
		call           func(*testing.T, *databricks.Client) error
	}{
		{"nothing in, nothing out", `{}`, 30, func(t *testing.T, c *databricks.Client) error {
			return c.Do(t.Context(), databricks.Request{Method: "GET", Path: "/api/2.0/clusters/list-zones"}, nil)
		}},
		{"clusters/get", `{"cluster_id":"1","cluster_name":"etl","state":"RUNNING","spark_version":"15.4.x-scala2.12"}`, 45, func(t *testing.T, c *databricks.Client) error {
			_, err := c.Clusters.Get(t.Context(), "1")
			return err
		}},
		{"clusters/delete", `{}`, 49, func(t *testing.T, c *databricks.Client) error {
			return c.Clusters.Delete(t.Context(), "1")
		}},
		{"clusters/create", `{"cluster_id":"1"}`, 54, func(t *testing.T, c *databricks.Client) error {
			_, err := c.Clusters.Create(t.Context(), databricks.CreateCluster{
				ClusterName: "etl", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "i3.xlarge", NumWorkers: new(1),
			})
			return err
		}},
		{"jobs/runs/get", `{"run_id":7,"state":{"life_cycle_state":"RUNNING"}}`, 46, func(t *testing.T, c *databricks.Client) error {
			_, err := c.Jobs.GetRun(t.Context(), databricks.GetRun{RunID: 7})
			return err
		}},
		{"jobs/run-now", `{"run_id":7,"number_in_job":7}`, 60, func(t *testing.T, c *databricks.Client) error {
			_, err := c.Jobs.RunNow(t.Context(), databricks.RunNow{JobID: 1})
			return err
		}},
		{"dbfs/get-status", `{"path":"/a","is_dir":false,"file_size":1}`, 44, func(t *testing.T, c *databricks.Client) error {
			_, err := c.DBFS.GetStatus(t.Context(), "/a")
			return err
		}},
		{"secrets/put", `{}`, 45, func(t *testing.T, c *databricks.Client) error {
			return c.Secrets.Put(t.Context(), databricks.PutSecret{Scope: "scope", Key: "key", StringValue: new(databricks.Secret("value"))})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("token"),
				databricks.WithHTTPClient(&http.Client{Transport: canned(row.response)}))
			require.NoError(t, err)
			allocs := testing.AllocsPerRun(200, func() {
				if err := row.call(t, client); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%.0f allocations", allocs)
			require.LessOrEqual(t, allocs, row.bound+poolMisses)
		})
	}
}
