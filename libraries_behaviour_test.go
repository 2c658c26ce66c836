package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

var (
	jar   = databricks.Library{JAR: "dbfs:/a.jar"}
	numpy = databricks.Library{PyPI: &databricks.PyPILibrary{Package: "numpy"}}
	jsoup = databricks.Library{Maven: &databricks.MavenLibrary{Coordinates: "org.jsoup:jsoup:1.7.2", Exclusions: []string{"slf4j:slf4j"}}}
)

// withCluster runs a test in a bubble, with a cluster that starts within a second.
// Each wait is limited to one hour.
func withCluster(t *testing.T, test func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string)) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithTimings(databrickstest.Timings{ClusterStart: time.Second, LibraryInstall: time.Minute}))
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		client := as(t, server, server.Token)
		id, err := client.Clusters.Create(ctx, databricks.CreateCluster{NumWorkers: new(1), SparkVersion: "7.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2"})
		require.NoError(t, err)
		server.ForgetRequests()
		test(ctx, t, server, client, id)
	})
}

// libraryErrors returns the errors of a wait by library.
func libraryErrors(err error) map[string]*databricks.LibraryError {
	found := map[string]*databricks.LibraryError{}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		if e, ok := errors.AsType[*databricks.LibraryError](err); ok && found[e.Library.String()] == nil {
			found[e.Library.String()] = e
		} else if err != nil {
			found[err.Error()+", again"] = e
		}
	}
	return found
}

func TestLibrariesService(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, _ *databrickstest.Server, client *databricks.Client, id string) {
		libraries := client.Libraries
		status := func() []databricks.LibraryStatus {
			found, err := libraries.ClusterStatus(ctx, id)
			require.NoError(t, err)
			return found.LibraryStatuses
		}
		require.NoError(t, libraries.Install(ctx, id, []databricks.Library{jar, numpy, jsoup}))
		assert.Equal(t, []databricks.LibraryStatus{{Library: jar, Status: databricks.LibraryPending},
			{Library: numpy, Status: databricks.LibraryPending}, {Library: jsoup, Status: databricks.LibraryPending}}, status())
		require.NoError(t, libraries.WaitInstalled(ctx, id, []databricks.Library{jsoup, jar, numpy}))
		for _, st := range status() {
			assert.Equal(t, databricks.LibraryInstalled, st.Status)
		}

		require.NoError(t, libraries.Uninstall(ctx, id, []databricks.Library{jar, {JAR: "dbfs:/never.jar"}}))
		assert.Equal(t, databricks.LibraryUninstallOnRestart, status()[2].Status)
		require.NoError(t, libraries.WaitInstalled(ctx, id, []databricks.Library{jar}), "it is still there")
		require.NoError(t, client.Clusters.Restart(ctx, databricks.RestartCluster{ClusterID: id}))
		require.NoError(t, libraries.WaitInstalled(ctx, id, []databricks.Library{numpy, jsoup}))
		assert.Len(t, status(), 2)

		all, err := libraries.AllClusterStatuses(ctx)
		require.NoError(t, err)
		assert.Equal(t, []databricks.ClusterLibraryStatuses{{id, status()}}, all)

		assert.ErrorIs(t, libraries.Install(ctx, "none", []databricks.Library{jar}), fs.ErrNotExist)
		assert.ErrorIs(t, libraries.WaitInstalled(ctx, "none", []databricks.Library{jar}), databricks.ErrResourceDoesNotExist)
	})
}

func TestLibrariesService_WaitInstalled_looksAtTheNamedOnly(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string) {
		server.FailLibrary("numpy", "no network")
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{jar, numpy, jsoup}))
		started := time.Now()
		require.NoError(t, client.Libraries.WaitInstalled(ctx, id, []databricks.Library{jar}))
		// The libraries are installed one after another, and the wait is only for
		// the first. It must end soon after that.
		assert.Less(t, time.Since(started), 70*time.Second)
		require.NoError(t, client.Libraries.WaitInstalled(ctx, id, nil), "nothing to wait for")
		for _, r := range server.Requests()[1:] {
			assert.Equal(t, "GET /api/2.0/libraries/cluster-status", r.Method+" "+r.Path, "a wait changes nothing, and looks nowhere else")
		}
	})
}

func TestLibrariesService_WaitInstalled_failures(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string) {
		server.FailLibrary("numpy", "no network")
		server.FailLibrary("dbfs:/a.jar", "no such file")
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{jar, numpy, jsoup}))
		never := databricks.Library{CRAN: &databricks.CRANLibrary{Package: "ada"}}
		started := time.Now()
		err := client.Libraries.WaitInstalled(ctx, id, []databricks.Library{jar, numpy, jsoup, never})
		require.Error(t, err)
		assert.Greater(t, time.Since(started), 2*time.Minute, "all were waited for, though the first failed")
		failed := libraryErrors(err)
		require.Len(t, failed, 3)
		assert.Equal(t, &databricks.LibraryError{ClusterID: id, LibraryStatus: databricks.LibraryStatus{
			Library: jar, Status: databricks.LibraryFailed, Messages: []string{"no such file"}}}, failed["jar dbfs:/a.jar"])
		assert.Equal(t, "databricks: cluster "+id+": library pypi numpy is FAILED: no network", failed["pypi numpy"].Error())
		assert.Equal(t, "databricks: cluster "+id+": library cran ada is not installed, and its installation was not requested", failed["cran ada"].Error())

		// A library that was never requested makes the wait fail soon.
		started = time.Now()
		err = client.Libraries.WaitInstalled(ctx, id, []databricks.Library{never})
		assert.Len(t, libraryErrors(err), 1)
		assert.Less(t, time.Since(started), 15*time.Second)
	})
}

func TestLibrariesService_WaitInstalled_statuses(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string) {
		for status, want := range map[databricks.LibraryInstallStatus]string{
			databricks.LibraryPending: "waits", databricks.LibraryResolving: "waits", databricks.LibraryInstalling: "waits", "BRAND_NEW": "waits",
			databricks.LibraryInstalled: "done", databricks.LibrarySkipped: "done", databricks.LibraryUninstallOnRestart: "done", databricks.LibraryRestored: "done",
			databricks.LibraryFailed: "fails", databricks.LibraryInError: "fails",
		} {
			respond := func(status databricks.LibraryInstallStatus) databrickstest.Fault {
				return databrickstest.Fault{Path: "/api/2.0/libraries/cluster-status", Status: 200, Body: fmt.Sprintf(
					`{"cluster_id": %q, "library_statuses": [{"library": {"egg": "e"}, "status": "FAILED"}, {"library": {"jar": "dbfs:/a.jar"}, "status": %q}]}`, id, status)}
			}
			server.Inject(respond(status), respond(databricks.LibraryInstalled))
			server.ForgetRequests()
			err := client.Libraries.WaitInstalled(ctx, id, []databricks.Library{jar})
			server.ClearFaults()
			looks := map[bool]int{false: 1, true: 2}[want == "waits"]
			assert.Len(t, server.Requests(), looks, "looks at %s", status)
			e, failed := errors.AsType[*databricks.LibraryError](err)
			assert.Equal(t, want == "fails", failed, "%s: %v", status, err)
			if failed {
				assert.Equal(t, status, e.Status)
			} else {
				assert.NoError(t, err)
			}
		}
	})
}

func TestLibrariesService_WaitInstalled_endsWithItsContext(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, _ *databrickstest.Server, client *databricks.Client, id string) {
		require.NoError(t, client.Clusters.Delete(ctx, id))
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{numpy}))
		cause := errors.New("the day is over")
		limited, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, cause)
		defer cancel()
		err := client.Libraries.WaitInstalled(limited, id, []databricks.Library{numpy})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, cause)
		assert.ErrorContains(t, err, "pypi numpy PENDING", "it says where things stood")
		assert.ErrorContains(t, err, id)
	})
}

func TestLibrariesService_WaitInstalled_survivesBadLooks(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string) {
		const path = "/api/2.0/libraries/cluster-status"
		server.Inject(
			databrickstest.Fault{Path: path, Skip: 1, Status: 500},
			databrickstest.Fault{Path: path, Skip: 1, Status: 502, Body: "<html>"},
			databrickstest.Fault{Path: path, Skip: 1, Truncate: true},
		)
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{numpy}))
		require.NoError(t, client.Libraries.WaitInstalled(ctx, id, []databricks.Library{numpy}))
	})
}

func TestLibrariesService_lostResponses(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, client *databricks.Client, id string) {
		losing(server, "/api/2.0/libraries/install")
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{jar, numpy}))
		assert.Len(t, server.Requests(), 2)
		found, err := client.Libraries.ClusterStatus(ctx, id)
		require.NoError(t, err)
		assert.Len(t, found.LibraryStatuses, 2, "nothing is there twice")
		losing(server, "/api/2.0/libraries/uninstall")
		require.NoError(t, client.Libraries.Uninstall(ctx, id, []databricks.Library{jar}))
		assert.Len(t, server.Requests(), 2)
	})
}

func TestLibrariesService_planned(t *testing.T) {
	withCluster(t, func(ctx context.Context, t *testing.T, server *databrickstest.Server, _ *databricks.Client, id string) {
		var planned []string
		client := as(t, server, server.Token, databricks.WithPlan(func(call databricks.PlannedCall) {
			planned = append(planned, call.Method+" "+call.Path)
		}))
		require.NoError(t, client.Libraries.Install(ctx, id, []databricks.Library{jar}))
		started := time.Now()
		require.NoError(t, client.Libraries.WaitInstalled(ctx, id, []databricks.Library{jar}), "it looks once and is content")
		assert.Zero(t, time.Since(started))
		require.NoError(t, client.Libraries.WaitInstalled(ctx, "<cluster_id of call 1>", []databricks.Library{jar}), "a cluster that is only planned")
		assert.Equal(t, []string{"POST /api/2.0/libraries/install"}, planned)
		assert.Len(t, server.Requests(), 1)
	})
}

func TestLibraryError_shortens(t *testing.T) {
	err := &databricks.LibraryError{ClusterID: "c", LibraryStatus: databricks.LibraryStatus{
		Library: jar, Status: databricks.LibraryFailed, Messages: []string{"a\nb", strings.Repeat("long ", 1000)}}}
	assert.Less(t, len(err.Error()), 700)
	assert.NotContains(t, err.Error(), "\n")
}
