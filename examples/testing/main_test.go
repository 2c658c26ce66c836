package main

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// The usual case: an in-memory workspace with its client, and a script that determines
// what notebooks return.
func TestReport(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(func(run databrickstest.RunSpec) databrickstest.RunOutcome {
		assert.Equal(t, "notebook_task", run.Kind)
		return databrickstest.RunOutcome{Output: "42 rows from " + run.Target}
	}))
	defer server.Close()
	report, err := Report(t.Context(), server.Client(), "/Shared/report", time.Minute)
	require.NoError(t, err)
	assert.Equal(t, "42 rows from /Shared/report", report)
}

// A scripted failure: the notebook raises an error.
func TestReport_notebookFails(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
		return databrickstest.RunOutcome{Error: "ZeroDivisionError: division by zero"}
	}))
	defer server.Close()
	_, err := Report(t.Context(), server.Client(), "/Shared/report", time.Minute)
	var failed *databricks.RunError
	require.ErrorAs(t, err, &failed)
	assert.ErrorContains(t, err, "ZeroDivisionError")
}

// Another scripted failure: the cloud has no machines.
func TestReport_clusterFails(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
	defer server.Close()
	server.FailNextCluster(databrickstest.ClusterFailure{Code: "CLOUD_PROVIDER_RESOURCE_STOCKOUT", Type: "CLOUD_FAILURE", Message: "none left"})
	_, err := Report(t.Context(), server.Client(), "/Shared/report", time.Minute)
	var failed *databricks.RunError
	require.ErrorAs(t, err, &failed)
}

// Network faults: the response to the first call is lost, although the workspace
// processes it. Then the service is busy and sends Retry-After. The workspace records
// the requests. In a synctest bubble, the minute passes immediately.
func TestReport_network(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithAnySource(), databrickstest.WithFaults(
			databrickstest.Fault{Path: "/api/2.0/jobs/runs/submit", Reset: true, WorkDone: true},
			databrickstest.Fault{Path: "/api/2.0/jobs/runs/get", Status: 429, RetryAfter: "60"},
		))
		defer server.Close()
		_, err := Report(t.Context(), server.Client(), "/Shared/report", time.Hour)
		require.NoError(t, err)
		submits := 0
		for _, request := range server.Requests() {
			if request.Path == "/api/2.0/jobs/runs/submit" {
				submits++
			}
		}
		assert.Equal(t, 2, submits, "the client retried the request")
		runs, err := server.Client().Jobs.ListRuns(t.Context(), databricks.ListRuns{})
		require.NoError(t, err)
		assert.Len(t, runs, 1, "the retry created no second run")
	})
}

// Virtual time: hours pass immediately, and each test run is the same.
func TestReport_takesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithRuns(func(databrickstest.RunSpec) databrickstest.RunOutcome {
			return databrickstest.RunOutcome{Duration: 3 * time.Hour, Output: "at last"}
		}))
		defer server.Close()
		begin := time.Now()
		_, err := Report(t.Context(), server.Client(), "/Shared/report", 2*time.Hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.WithinDuration(t, begin.Add(2*time.Hour), time.Now(), time.Second)
		runs, err := server.Client().Jobs.ListRuns(t.Context(), databricks.ListRuns{})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		_, err = server.Client().Jobs.WaitRun(t.Context(), runs[0].RunID)
		require.ErrorContains(t, err, "CANCELED")

		report, err := Report(t.Context(), server.Client(), "/Shared/report", 4*time.Hour)
		require.NoError(t, err)
		assert.Equal(t, "at last", report)
	})
}

func TestRun(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Equal(t, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.\nthe report of /Shared/report\n", out.String())
}

// Users with too few permissions.
func TestReport_notSignedIn(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
	defer server.Close()
	client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken("dapi-of-nobody"))
	require.NoError(t, err)
	_, err = Report(t.Context(), client, "/Shared/report", time.Minute)
	var refused *databricks.APIError
	require.True(t, errors.As(err, &refused))
	assert.Equal(t, 403, refused.StatusCode)
}
