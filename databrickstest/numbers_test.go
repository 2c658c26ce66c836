package databrickstest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Numbers that clients send back must be exact in a float64, because JSON
// parsers such as JavaScript's use it for all numbers.
func TestServer_numbersAreExactInFloat64(t *testing.T) {
	s := NewServer(WithoutSocket())
	defer s.Close()
	const aJob = `{"name": "x", "spark_jar_task": {"main_class_name": "X"}, "new_cluster": {"num_workers": 1,` + smallCluster + `}}`
	for i := range 20 {
		for name, resp := range map[string]object{
			"handle":    callOK(t, s, "POST", "/api/2.0/dbfs/create", fmt.Sprintf(`{"path": "/%d"}`, i)),
			"object_id": callOK(t, s, "POST", "/api/2.0/workspace/import", fmt.Sprintf(`{"path": "/Shared/%d", "language": "SQL", "content": ""}`, i)),
			"job_id":    callOK(t, s, "POST", "/api/2.0/jobs/create", aJob),
			"run_id":    callOK(t, s, "POST", "/api/2.0/jobs/runs/submit", aJob),
		} {
			number, ok := resp[name].(json.Number)
			require.True(t, ok, "%s in %v", name, resp)
			value, err := number.Float64()
			require.NoError(t, err)
			assert.Less(t, value, float64(1<<53), name)
		}
	}
}
