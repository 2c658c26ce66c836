package databrickstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// createCluster creates a cluster with a runtime. If up is set, it waits until
// the cluster is running. It returns the ID of the cluster.
func createCluster(t *testing.T, s *Server, sparkVersion string, up bool, more ...string) string {
	t.Helper()
	got := send(t, s, "POST", "/api/2.0/clusters/create", fmt.Sprintf(
		`{"num_workers":1,"node_type_id":"Standard_DS3_v2","spark_version":%q%s}`, sparkVersion, strings.Join(more, "")))
	require.Equal(t, 200, got.status, got.body)
	var made struct {
		ID string `json:"cluster_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &made))
	if up {
		time.Sleep(s.timings.ClusterStart)
	}
	return made.ID
}

// installing returns a request about libraries of a cluster.
func installing(verb, id string, libraries ...string) step {
	return step{call: "POST /api/2.0/libraries/" + verb, body: fmt.Sprintf(`{"cluster_id":%q,"libraries":[%s]}`, id, strings.Join(libraries, ","))}
}

// statuses returns the libraries of a cluster as "what status". Libraries for
// all clusters have a *. If there are messages, they follow after ": ".
func statuses(t *testing.T, s *Server, id string) (all []string) {
	t.Helper()
	got := send(t, s, "GET", "/api/2.0/libraries/cluster-status?cluster_id="+id, "")
	require.Equal(t, 200, got.status, got.body)
	var out libraryStatuses
	require.NoError(t, json.Unmarshal([]byte(got.body), &out))
	require.Equal(t, id, out.ClusterID)
	for _, st := range out.Statuses {
		name, _ := st.Library.name()
		text := name + " " + st.Status
		if st.Everywhere {
			text += "*"
		}
		if len(st.Messages) > 0 {
			text += ": " + strings.Join(st.Messages, " ")
		}
		all = append(all, text)
	}
	return all
}

func TestLibraries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithTimings(Timings{LibraryInstall: time.Minute}))
		id := createCluster(t, s, "7.3.x-scala2.12", true)
		const jar, pypi = `{"jar":"dbfs:/a.jar"}`, `{"pypi":{"package":"simplejson==3.8.0","repo":"https://example.com"}}`
		converse(t, s, []step{
			{call: "GET /api/2.0/libraries/all-cluster-statuses"},
			{call: "GET /api/2.0/libraries/cluster-status?cluster_id=" + id, want: fmt.Sprintf(`{"cluster_id":%q}`, id)},
			installing("install", id, jar, pypi),
			installing("install", id, pypi, jar), // a second time
		})
		whole := fmt.Sprintf(`{"cluster_id":%q,"library_statuses":[
			{"library":%s,"status":"INSTALLING","is_library_for_all_clusters":false},{"library":%s,"status":"PENDING","is_library_for_all_clusters":false}]}`, id, jar, pypi)
		converse(t, s, []step{
			{call: "GET /api/2.0/libraries/cluster-status?cluster_id=" + id, want: whole},
			{call: "GET /api/2.0/libraries/all-cluster-statuses", want: `{"statuses":[` + whole + `]}`},
		})
		for _, stage := range []struct {
			after time.Duration
			want  []string
		}{
			{time.Minute - 1, []string{"dbfs:/a.jar INSTALLING", "simplejson==3.8.0 PENDING"}},
			{1, []string{"dbfs:/a.jar INSTALLED", "simplejson==3.8.0 RESOLVING"}},
			{15*time.Second - 1, []string{"dbfs:/a.jar INSTALLED", "simplejson==3.8.0 RESOLVING"}},
			{1, []string{"dbfs:/a.jar INSTALLED", "simplejson==3.8.0 INSTALLING"}},
			{45 * time.Second, []string{"dbfs:/a.jar INSTALLED", "simplejson==3.8.0 INSTALLED"}},
		} {
			time.Sleep(stage.after)
			assert.Equal(t, stage.want, statuses(t, s, id))
		}

		// A library to uninstall stays until the restart. All fields identify a
		// library.
		converse(t, s, []step{
			installing("uninstall", id, `{"pypi":{"package":"simplejson==3.8.0"}}`, `{"jar":"dbfs:/never.jar"}`),
			installing("uninstall", id, jar),
		})
		assert.Equal(t, []string{"simplejson==3.8.0 INSTALLED", "dbfs:/a.jar UNINSTALL_ON_RESTART"}, statuses(t, s, id))
		converse(t, s, []step{installing("install", id, jar)}) // install it again
		assert.Equal(t, []string{"dbfs:/a.jar INSTALLED", "simplejson==3.8.0 INSTALLED"}, statuses(t, s, id))
		converse(t, s, []step{installing("uninstall", id, jar), {call: "POST /api/2.0/clusters/restart", body: fmt.Sprintf(`{"cluster_id":%q}`, id)}})
		assert.Equal(t, []string{"simplejson==3.8.0 PENDING", "dbfs:/a.jar UNINSTALL_ON_RESTART"}, statuses(t, s, id))
		time.Sleep(s.timings.ClusterRestart)
		assert.Equal(t, []string{"simplejson==3.8.0 RESOLVING"}, statuses(t, s, id))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"simplejson==3.8.0 INSTALLED"}, statuses(t, s, id))

		// If a cluster is not running, libraries are installed when it starts.
		converse(t, s, []step{{call: "POST /api/2.0/clusters/delete", body: fmt.Sprintf(`{"cluster_id":%q}`, id)}})
		time.Sleep(time.Hour)
		converse(t, s, []step{installing("install", id, jar)})
		assert.Equal(t, []string{"simplejson==3.8.0 PENDING", "dbfs:/a.jar PENDING"}, statuses(t, s, id))
		converse(t, s, []step{{call: "POST /api/2.0/clusters/start", body: fmt.Sprintf(`{"cluster_id":%q}`, id)}})
		time.Sleep(s.timings.ClusterStart + 2*time.Minute)
		assert.Equal(t, []string{"simplejson==3.8.0 INSTALLED", "dbfs:/a.jar INSTALLED"}, statuses(t, s, id))

		converse(t, s, []step{
			{call: "POST /api/2.0/clusters/permanent-delete", body: fmt.Sprintf(`{"cluster_id":%q}`, id)},
			{call: "GET /api/2.0/libraries/all-cluster-statuses"},
			{call: "GET /api/2.0/libraries/cluster-status?cluster_id=" + id, want: "400 INVALID_PARAMETER_VALUE: Cluster " + id + " does not exist"},
		})
	})
}

func TestLibraries_rejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		id := createCluster(t, s, "7.3.x-scala2.12", true)
		const one = "400 INVALID_PARAMETER_VALUE: A library must have exactly one of jar, egg, whl, pypi, maven, cran and requirements."
		for _, row := range []struct{ library, want string }{
			{`{}`, one},
			{`{"jar":""}`, one},
			{`{"jar":"dbfs:/a.jar","egg":"dbfs:/a.egg"}`, one},
			{`{"jar":"dbfs:/a.jar","pypi":{"package":"p"}}`, one},
			{`{"cran":"ada"}`, "400 MALFORMED_REQUEST: Could not parse request object: Expected 'START_OBJECT' not 'VALUE_STRING' for field 'cran'"},
			{`{"pypi":{}}`, "400 INVALID_PARAMETER_VALUE: A library must have exactly one of jar, egg, whl, pypi, maven, cran and requirements."},
			{`{"maven":{"repo":"r"}}`, "400 INVALID_PARAMETER_VALUE: Missing required field 'coordinates'"},
		} {
			for _, verb := range []string{"install", "uninstall"} {
				st := installing(verb, id, `{"jar":"dbfs:/good.jar"}`, row.library)
				st.want = row.want
				converse(t, s, []step{st})
			}
		}
		assert.Empty(t, statuses(t, s, id), "a rejected request has no effect")
		for _, verb := range []string{"install", "uninstall"} {
			none, nameless := installing(verb, "none"), installing(verb, "")
			none.want, nameless.want = "400 INVALID_PARAMETER_VALUE: Cluster none does not exist", "400 INVALID_PARAMETER_VALUE: Missing required field 'cluster_id'"
			converse(t, s, []step{none, nameless})
		}
	})
}

func TestLibraries_failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		old, mid, latest := createCluster(t, s, "3.1.x-scala2.11", false), createCluster(t, s, "6.4.x-scala2.11", false), createCluster(t, s, "14.3.x-scala2.12", true)
		outcome := func(id, library string) string {
			converse(t, s, []step{installing("install", id, library)})
			time.Sleep(s.timings.LibraryInstall)
			all := statuses(t, s, id)
			return all[len(all)-1]
		}
		const cran, egg, scala = `{"cran":{"package":"ada"}}`, `{"egg":"dbfs:/a.egg"}`, `{"maven":{"coordinates":"org.example:x_2.11:1.0"}}`
		assert.Equal(t, "ada FAILED: CRAN libraries need Databricks Runtime 3.2 or above.", outcome(old, cran))
		assert.Equal(t, "ada INSTALLED", outcome(mid, cran))
		assert.Equal(t, "dbfs:/a.egg INSTALLED", outcome(mid, egg))
		assert.Equal(t, "dbfs:/a.egg FAILED: Egg libraries are not supported on Databricks Runtime 14.0 and above.", outcome(latest, egg))
		assert.Equal(t, "org.example:x_2.11:1.0 INSTALLED", outcome(mid, scala))
		assert.Equal(t, "org.example:x_2.11:1.0 SKIPPED: The library is built for Scala 2.11, the cluster runs Scala 2.12.", outcome(latest, scala))
		assert.Contains(t, outcome(latest, `{"jar":"/FileStore/a.jar"}`), "/FileStore/a.jar FAILED: Library URI /FileStore/a.jar must begin with one of dbfs:/")
		assert.Equal(t, "dbfs:/a.whl FAILED: dbfs:/a.whl is not a valid wheel filename.", outcome(latest, `{"whl":"dbfs:/a.whl"}`))
		assert.Equal(t, "dbfs:/a-1.0-py3-none-any.whl INSTALLED", outcome(latest, `{"whl":"dbfs:/a-1.0-py3-none-any.whl"}`))
		assert.Equal(t, "dbfs:/many.wheelhouse.zip INSTALLED", outcome(latest, `{"whl":"dbfs:/many.wheelhouse.zip"}`))
		assert.Contains(t, outcome(latest, `{"requirements":"dbfs:/requirements.txt"}`), "FAILED: Requirements file")
		assert.Equal(t, "/Workspace/requirements.txt INSTALLED", outcome(latest, `{"requirements":"/Workspace/requirements.txt"}`))

		// Another version of a package fails while the first one is installed.
		assert.Equal(t, "some_Pkg==1 INSTALLED", outcome(latest, `{"pypi":{"package":"some_Pkg==1"}}`))
		assert.Equal(t, "some-pkg[extra]~=2 FAILED: Duplicate library installation: some_Pkg==1 is installed already; uninstall it and restart the cluster.",
			outcome(latest, `{"pypi":{"package":"some-pkg[extra]~=2"}}`))
		converse(t, s, []step{
			installing("uninstall", latest, `{"pypi":{"package":"some_Pkg==1"}}`),
			{call: "POST /api/2.0/clusters/restart", body: fmt.Sprintf(`{"cluster_id":%q}`, latest)},
		})
		time.Sleep(time.Minute)
		assert.Contains(t, statuses(t, s, latest), "some-pkg[extra]~=2 INSTALLED")

		s.FailLibrary("numpy", "no network")
		assert.Equal(t, "numpy FAILED: no network", outcome(latest, `{"pypi":{"package":"numpy"}}`))
		s.FailLibrary("numpy", "")
		assert.Equal(t, "numpy INSTALLED", outcome(mid, `{"pypi":{"package":"numpy"}}`))
	})
}

func TestLibraries_forAllClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jar = `{"jar":"dbfs:/all.jar"}`
		s := newServer(t, WithLibrariesForAllClusters(jar))
		old, latest := createCluster(t, s, "6.4.x-scala2.11", false), createCluster(t, s, "7.3.x-scala2.12", false)
		converse(t, s, []step{
			installing("install", old, `{"jar":"dbfs:/own.jar"}`, jar),
			installing("install", latest, `{"jar":"dbfs:/going.jar"}`, `{"jar":"dbfs:/own.jar"}`),
			installing("uninstall", latest, `{"jar":"dbfs:/going.jar"}`, jar),
		})
		assert.Equal(t, []string{"dbfs:/own.jar PENDING", "dbfs:/all.jar PENDING*", "dbfs:/going.jar UNINSTALL_ON_RESTART"}, statuses(t, s, latest))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"dbfs:/own.jar INSTALLED", "dbfs:/all.jar INSTALLED*"}, statuses(t, s, old))
		assert.Equal(t, []string{"dbfs:/own.jar INSTALLED",
			"dbfs:/all.jar SKIPPED*: Libraries for all clusters are not installed on Databricks Runtime 7.0 and above."}, statuses(t, s, latest))

		// A clone starts with the libraries of the original.
		clone := createCluster(t, s, "6.4.x-scala2.11", true, fmt.Sprintf(`,"clone_from":{"source_cluster_id":%q}`, old))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"dbfs:/own.jar INSTALLED", "dbfs:/all.jar INSTALLED*"}, statuses(t, s, clone))
	})
	for _, text := range []string{`{}`, `jar`, `{"jar":{}}`} {
		assert.Panics(t, func() { NewServer(WithoutSocket(), WithLibrariesForAllClusters(text)) }, text)
	}
}
