package databricks_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

// waits are all that take long, each with what it waits for taking an hour.
func waits(t *testing.T, server *databrickstest.Server, opts ...databricks.Option) map[string]func(context.Context) error {
	clean, client := server.Client(), server.Client()
	if len(opts) > 0 {
		opts = append(opts, databricks.WithHost(server.URL()), databricks.WithHTTPClient(&http.Client{Transport: server.Transport()}))
		client = must(databricks.NewClient(opts...))
	}
	create := func(name string) string {
		return must(clean.Clusters.Create(t.Context(), spec(name)))
	}
	standing := create("standing")
	must(clean.Clusters.WaitRunning(t.Context(), standing))
	session := must(v12.NewClient(client).NewSession(t.Context(), standing, v12.Python))
	starting, ensured := create("starting"), create("ensured")
	job := must(clean.Jobs.Create(t.Context(), databricks.CreateJob{Name: "long", ExistingClusterID: standing, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}}))
	run := must(clean.Jobs.RunNow(t.Context(), databricks.RunNow{JobID: job})).RunID
	library := []databricks.Library{{JAR: "dbfs:/a.jar"}}
	must(0, clean.Libraries.Install(t.Context(), standing, library))
	return map[string]func(context.Context) error{
		"WaitRunning":   func(ctx context.Context) error { _, err := client.Clusters.WaitRunning(ctx, starting); return err },
		"EnsureRunning": func(ctx context.Context) error { _, err := client.Clusters.EnsureRunning(ctx, ensured); return err },
		"WaitRun":       func(ctx context.Context) error { _, err := client.Jobs.WaitRun(ctx, run); return err },
		"WaitInstalled": func(ctx context.Context) error { return client.Libraries.WaitInstalled(ctx, standing, library) },
		"Session.Run":   func(ctx context.Context) error { _, err := session.Run(ctx, "long()"); return err },
	}
}

// hourLong is a workspace in which everything takes an hour, except for one
// command's context.
func hourLong() *databrickstest.Server {
	return databrickstest.NewServer(databrickstest.WithoutSocket(), databrickstest.WithTimings(databrickstest.Timings{
		ClusterStart: time.Hour, RunTask: time.Hour, LibraryInstall: time.Hour, Command: time.Hour,
	}))
}

// Every wait outlasts an outage in its midst, whatever form it takes, and a
// token that is no longer accepted.
func TestWaits_outlastOutages(t *testing.T) {
	for _, row := range []struct {
		name  string
		from  time.Duration
		lasts time.Duration
		fault databrickstest.Fault
	}{
		{"500 for a second and a half", 10 * time.Second, 1500 * time.Millisecond, databrickstest.Fault{Status: 500}},
		{"500 for five minutes", 30 * time.Minute, 5 * time.Minute, databrickstest.Fault{Status: 500}},
		{"502 for five minutes", 30 * time.Minute, 5 * time.Minute, databrickstest.Fault{Status: 502, Body: "<html>"}},
		{"429 for five minutes", 30 * time.Minute, 5 * time.Minute, databrickstest.Fault{Status: 429}},
		{"no connection for five minutes", 30 * time.Minute, 5 * time.Minute, databrickstest.Fault{Refuse: true}},
		{"sign-in page for five minutes", 30 * time.Minute, 5 * time.Minute, databrickstest.Fault{Status: 200, Body: "<html>", ContentType: "text/html"}},
	} {
		for _, name := range []string{"WaitRunning", "EnsureRunning", "WaitRun", "WaitInstalled", "Session.Run"} {
			t.Run(row.name+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := hourLong()
					defer server.Close()
					wait := waits(t, server)[name]
					row.fault.Times = -1
					time.AfterFunc(row.from, func() { server.Inject(row.fault) })
					time.AfterFunc(row.from+row.lasts, server.ClearFaults)
					ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
					defer cancel()
					began := time.Now()
					require.NoError(t, wait(ctx))
					assert.WithinDuration(t, began.Add(time.Hour), time.Now(), 5*time.Minute)
				})
			})
		}
	}
}

// A wait whose token is rejected midway gets a token once more, and goes on with
// it. If that one is rejected as well, the wait ends at once.
func TestWaits_getATokenOnceMore(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		for _, renewed := range []bool{true, false} {
			for _, name := range []string{"WaitRunning", "EnsureRunning", "WaitRun", "WaitInstalled", "Session.Run"} {
				t.Run(fmt.Sprint(status, renewed, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := hourLong()
						defer server.Close()
						var asked, rejected atomic.Int32
						var old atomic.Bool
						wait := waits(t, server, databricks.WithTokenFunc(func(context.Context) (string, error) {
							if asked.Add(1); old.Load() && (!renewed || rejected.Load() == 0) {
								return "an-old-token", nil
							}
							return server.Token, nil
						}))[name]
						server.Inject(databrickstest.Fault{Times: -1, Status: status, Match: func(r *http.Request) bool {
							is := r.Header.Get("Authorization") == "Bearer an-old-token"
							if is {
								rejected.Add(1)
							}
							return is
						}})
						began := time.Now()
						time.AfterFunc(10*time.Minute, func() { old.Store(true) })
						ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
						defer cancel()
						err := wait(ctx)
						if renewed {
							require.NoError(t, err)
							assert.WithinDuration(t, began.Add(time.Hour), time.Now(), 5*time.Minute)
							return
						}
						require.Error(t, err)
						assert.WithinDuration(t, began.Add(10*time.Minute), time.Now(), time.Minute)
					})
				})
			}
		}
	}
}
