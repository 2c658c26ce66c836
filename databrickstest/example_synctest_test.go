package databrickstest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// This is the test in the package documentation. An hour in the workspace, and
// in the code that waits for it, passes immediately.
func TestExample_hour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
			return databrickstest.RunOutcome{Duration: time.Hour, Error: "no rows"}
		}))
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()

		start := time.Now()
		err := nightly(ctx, server.Client())
		require.ErrorContains(t, err, "no rows")
		assert.Greater(t, time.Since(start), time.Hour)
	})
}

// nightly is the function under test.
func nightly(ctx context.Context, client *databricks.Client) error {
	id, err := client.Jobs.SubmitRun(ctx, databricks.SubmitRun{
		NewCluster:   &databricks.ClusterSpec{SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)},
		NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/nightly"},
	})
	if err != nil {
		return err
	}
	_, err = client.Jobs.WaitRun(ctx, id)
	return err
}
