package databrickstest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/databrickstest"
)

// Numbers that clients send back must survive a JSON reader that knows only
// float64, as JavaScript's does.
func TestServer_numbersAreExactInFloat64(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := http.Client{Transport: server.Transport()}
	post := func(path, body string) map[string]any {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+server.Token)
		response, err := client.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode, string(text))
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		var reply map[string]any
		require.NoError(t, decoder.Decode(&reply))
		return reply
	}
	const aJob = `{"name": "x", "spark_jar_task": {"main_class_name": "X"}, "new_cluster": {"num_workers": 1,
		"spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2"}}`
	for i := range 20 {
		for name, reply := range map[string]map[string]any{
			"handle":    post("/api/2.0/dbfs/create", fmt.Sprintf(`{"path": "/%d"}`, i)),
			"object_id": post("/api/2.0/workspace/import", fmt.Sprintf(`{"path": "/Shared/%d", "language": "SQL", "content": ""}`, i)),
			"job_id":    post("/api/2.0/jobs/create", aJob),
			"run_id":    post("/api/2.0/jobs/runs/submit", aJob),
		} {
			number, ok := reply[name].(json.Number)
			require.True(t, ok, "%s in %v", name, reply)
			value, err := number.Float64()
			require.NoError(t, err)
			assert.Less(t, value, float64(1<<53), name)
		}
	}
}
