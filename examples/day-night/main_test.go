package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun_once(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	for args, want := range map[string]string{
		"up":                   "is running with 1 workers",
		"-workers 3 up":        "is running with 3 workers",
		"down":                 "is terminated",
		"-up 00:00 -down 0:01": "is terminated", // a bubble starts at midnight in UTC
		"-zone Europe/Berlin -up 00:59 -down 01:02": "is running",
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var out bytes.Buffer
			if !strings.Contains(args, "-zone") {
				args = "-zone UTC " + args
			}
			require.NoError(t, run(ctx, strings.Fields(args), &out))
			assert.Contains(t, out.String(), want, args)
		})
	}
}

// The days are those around 26 March 2000, when daylight saving time starts in Berlin.
func TestRun_loop(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 3, 24, 12, 0, 0, 0, time.UTC)))
		ctx, cancel := context.WithTimeout(t.Context(), 96*time.Hour)
		defer cancel()
		var out bytes.Buffer
		require.NoError(t, run(ctx, strings.Fields("-loop -up 07:00 -down 19:00 -zone Europe/Berlin"), &out))
		assert.Equal(t, []string{
			"Fri 13:00 is running", "Fri 19:00 is terminated",
			"Sat 07:00 is running", "Sat 19:00 is terminated",
			"Sun 07:00 is running", "Sun 19:00 is terminated",
			"Mon 07:00 is running", "Mon 19:00 is terminated",
			"Tue 07:00 is running",
		}, summary(out.String()))

		time.Sleep(time.Until(time.Date(2000, 3, 31, 12, 0, 0, 0, time.UTC)))
		ctx, cancel = context.WithTimeout(t.Context(), 96*time.Hour)
		defer cancel()
		out.Reset()
		require.NoError(t, run(ctx, strings.Fields("-loop -weekdays -up 22:30 -down 06:00 -zone Europe/Berlin"), &out))
		assert.Equal(t, []string{
			"Fri 14:00 is terminated", "Fri 22:30 is running",
			"Sat 06:00 is terminated", "Sun 06:00 is terminated", "Mon 06:00 is terminated",
			"Mon 22:30 is running", "Tue 06:00 is terminated",
		}, summary(out.String()))
	})
}

// summary returns the weekday, the time and the news of each line about the cluster.
func summary(out string) (lines []string) {
	for line := range strings.Lines(out) {
		if words := strings.Fields(strings.ReplaceAll(line, ",", "")); words[0] != "DATABRICKS_HOST" {
			lines = append(lines, words[0]+" "+words[1][:5]+" "+strings.Join(words[3:5], " "))
		}
	}
	return lines
}

// In the morning, the cloud has no machines. In the evening, the cluster is already
// terminated.
func TestLoop_retries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var out bytes.Buffer
		n := nightWatch{client: server.Client(), out: &out, hours: hours{up: 7 * 60, down: 19 * 60, zone: time.UTC}}
		var err error
		n.cluster, err = n.client.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})
		require.NoError(t, err)
		require.NoError(t, n.setRunning(ctx, false))
		server.FailNextCluster(databrickstest.ClusterFailure{Code: "CLOUD_PROVIDER_RESOURCE_STOCKOUT", Type: "CLOUD_FAILURE"})
		out.Reset()
		require.NoError(t, n.loop(ctx))
		assert.Regexp(t, `^Sat 00:00:\d\d \S+ is terminated
Sat 07:00:\d\d \S+ .*CLOUD_PROVIDER_RESOURCE_STOCKOUT.*
Sat 07:05:\d\d \S+ is running with 1 workers
Sat 19:00:\d\d \S+ is terminated
$`, out.String())
	})
}

// The cluster is terminated at night even if its start takes all day.
func TestLoop_slowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithTimings(databrickstest.Timings{ClusterStart: 20 * time.Hour}))
		defer server.Close()
		time.Sleep(8 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 16*time.Hour)
		defer cancel()
		var out bytes.Buffer
		n := nightWatch{client: server.Client(), out: &out, hours: hours{up: 7 * 60, down: 19 * 60, zone: time.UTC}}
		var err error
		n.cluster, err = n.client.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)})
		require.NoError(t, err)
		require.NoError(t, n.loop(ctx))
		assert.Regexp(t, `^Sat 19:00:00 \S+ .*deadline.*\nSat 19:00:\d\d \S+ is terminated\n$`, out.String())
	})
}

func TestRun_fails(t *testing.T) {
	t.Setenv("DATABRICKS_CLUSTER_ID", "")
	t.Setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
	t.Setenv("DATABRICKS_TOKEN", "dapi")
	for args, want := range map[string]string{
		"":                       "-cluster is required",
		"sideways":               "want up, down",
		"-loop up":               "want up, down",
		"-up 25:00":              "hour out of range",
		"-up 19:00":              "must differ",
		"-zone Europe/Atlantis":  "unknown time zone",
		"-cluster 1 -what":       "flag provided but not defined",
		"-down 7:00 -cluster 11": "must differ",
	} {
		assert.ErrorContains(t, run(t.Context(), strings.Fields(args), new(bytes.Buffer)), want, args)
	}
}
