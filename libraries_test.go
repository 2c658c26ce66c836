package databricks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLibraries_wire(t *testing.T) {
	all := func(ctx context.Context, c *Client) (any, error) { return c.Libraries.AllClusterStatuses(ctx) }
	one := func(ctx context.Context, c *Client) (any, error) { return c.Libraries.ClusterStatus(ctx, "1122-a") }
	install := func(libraries ...Library) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Libraries.Install(ctx, "1122-a", libraries)
		}
	}
	uninstall := func(libraries ...Library) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Libraries.Uninstall(ctx, "1122-a", libraries)
		}
	}
	kinds := []Library{
		{JAR: "dbfs:/a.jar"}, {Egg: "dbfs:/a.egg"}, {Whl: "dbfs:/a-1-py3-none-any.whl"}, {Requirements: "/Workspace/requirements.txt"},
		{PyPI: &PyPILibrary{Package: "simplejson==3.8.0", Repo: "https://example.com/pypi"}},
		{Maven: &MavenLibrary{Coordinates: "org.jsoup:jsoup:1.7.2", Repo: "https://example.com/maven", Exclusions: []string{"slf4j:slf4j", "*:hadoop-client"}}},
		{CRAN: &CRANLibrary{Package: "ada", Repo: "https://example.com/cran"}},
	}
	const kindsJSON = `[{"jar": "dbfs:/a.jar"}, {"egg": "dbfs:/a.egg"}, {"whl": "dbfs:/a-1-py3-none-any.whl"}, {"requirements": "/Workspace/requirements.txt"},
		{"pypi": {"package": "simplejson==3.8.0", "repo": "https://example.com/pypi"}},
		{"maven": {"coordinates": "org.jsoup:jsoup:1.7.2", "repo": "https://example.com/maven", "exclusions": ["slf4j:slf4j", "*:hadoop-client"]}},
		{"cran": {"package": "ada", "repo": "https://example.com/cran"}}]`
	short := []Library{{PyPI: &PyPILibrary{Package: "simplejson"}}, {Maven: &MavenLibrary{Coordinates: "g:a:v"}}, {CRAN: &CRANLibrary{Package: "ada"}}}
	const shortJSON = `[{"pypi": {"package": "simplejson"}}, {"maven": {"coordinates": "g:a:v"}}, {"cran": {"package": "ada"}}]`
	status := &ClusterLibraryStatuses{ClusterID: "1122-a", LibraryStatuses: []LibraryStatus{
		{Library: kinds[4], Status: LibraryFailed, Messages: []string{"no network"}, IsLibraryForAllClusters: true},
		{Library: kinds[5], Status: LibraryUninstallOnRestart},
		{Library: kinds[6], Status: "BRAND_NEW"},
	}}
	const statusJSON = `{"cluster_id": "1122-a", "library_statuses": [
		{"library": {"pypi": {"package": "simplejson==3.8.0", "repo": "https://example.com/pypi"}}, "status": "FAILED", "messages": ["no network"], "is_library_for_all_clusters": true},
		{"library": {"maven": {"coordinates": "org.jsoup:jsoup:1.7.2", "repo": "https://example.com/maven", "exclusions": ["slf4j:slf4j", "*:hadoop-client"]}},
			"status": "UNINSTALL_ON_RESTART", "is_library_for_all_clusters": false},
		{"library": {"cran": {"package": "ada", "repo": "https://example.com/cran"}, "brand_new": {}}, "status": "BRAND_NEW", "messages": null, "is_library_for_all_clusters": "false"}]}`
	assertFull(t, kinds, status)

	const request, body = "POST /api/2.0/libraries/install", `{"cluster_id": "1122-a", "libraries": [{"jar": "j"}]}`
	noCluster := `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1122-a does not exist"}`
	refused := func(name, why string, libraries ...Library) wireRow {
		return wireRow{name: name, call: install(libraries...), is: fs.ErrInvalid, fails: "databricks: POST /api/2.0/libraries/install: libraries " + why}
	}
	runWire(t, []wireRow{{
		name: "install of each kind with every field",
		call: install(kinds...),
		wire: []wireStep{{request, `{"cluster_id": "1122-a", "libraries": ` + kindsJSON + `}`, ""}},
	}, {
		name: "install of each kind with what it requires",
		call: install(short...),
		wire: []wireStep{{request, `{"cluster_id": "1122-a", "libraries": ` + shortJSON + `}`, ""}},
	}, {
		name: "install on a cluster that does not exist",
		call: install(Library{JAR: "j"}),
		wire: []wireStep{{request, body, noCluster}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "install where the caller may not",
		call: install(Library{JAR: "j"}),
		wire: []wireStep{{request, body, `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   fs.ErrPermission,
	}, {
		name: "install of what the service refuses",
		call: install(Library{JAR: "j"}),
		wire: []wireStep{{request, body, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}`}},
		is:   ErrInvalidParameterValue,
	},
		refused("install of nothing", "is required"),
		refused("install of an empty library", "contains an empty library; set exactly one of", Library{JAR: "j"}, Library{}),
		refused("install of one that is two", "contains a library with several kinds (jar j, pypi p)", Library{JAR: "j", PyPI: &PyPILibrary{Package: "p"}}),
		refused("install of a package without a name", "contains a pypi library without a name", Library{PyPI: &PyPILibrary{Repo: "r"}}),
		refused("install of coordinates that are missing", "contains a maven library without a name", Library{Maven: &MavenLibrary{}}),
		refused("install of a package of R without a name", "contains a cran library without a name", Library{CRAN: &CRANLibrary{}}),
		{
			name: "uninstall",
			call: uninstall(kinds...),
			wire: []wireStep{{"POST /api/2.0/libraries/uninstall", `{"cluster_id": "1122-a", "libraries": ` + kindsJSON + `}`, ""}},
		}, {
			name: "uninstall from a cluster that does not exist",
			call: uninstall(Library{JAR: "j"}),
			wire: []wireStep{{"POST /api/2.0/libraries/uninstall", body, noCluster}},
			is:   ErrResourceDoesNotExist,
		}, {
			name: "uninstall of an empty library is refused",
			call: uninstall(Library{}),
			is:   fs.ErrInvalid, fails: "libraries contains an empty library",
		}, {
			name: "cluster-status",
			call: one,
			wire: []wireStep{{"GET /api/2.0/libraries/cluster-status?cluster_id=1122-a", "", statusJSON}},
			want: status,
		}, {
			name: "cluster-status of a cluster without libraries",
			call: one,
			wire: []wireStep{{"GET /api/2.0/libraries/cluster-status?cluster_id=1122-a", "", `{"cluster_id": "1122-a"}`}},
			want: &ClusterLibraryStatuses{ClusterID: "1122-a"},
		}, {
			name: "cluster-status of a cluster that does not exist",
			call: one,
			wire: []wireStep{{"GET /api/2.0/libraries/cluster-status?cluster_id=1122-a", "", noCluster}},
			is:   fs.ErrNotExist,
		}, {
			name: "all-cluster-statuses",
			call: all,
			wire: []wireStep{{"GET /api/2.0/libraries/all-cluster-statuses", "", `{"statuses": [` + statusJSON + `, {}, null]}`}},
			want: []ClusterLibraryStatuses{*status, {}, {}},
		}, {
			name: "all-cluster-statuses of none",
			call: all,
			wire: []wireStep{{"GET /api/2.0/libraries/all-cluster-statuses", "", ""}},
			want: []ClusterLibraryStatuses(nil),
		},
	})
	for name, call := range map[string]func(context.Context, *Client) (any, error){
		"install": func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Libraries.Install(ctx, "", []Library{{JAR: "j"}})
		},
		"uninstall": func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Libraries.Uninstall(ctx, "", []Library{{JAR: "j"}})
		},
		"cluster-status": func(ctx context.Context, c *Client) (any, error) { return c.Libraries.ClusterStatus(ctx, "") },
		"waiting": func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Libraries.WaitInstalled(ctx, "", []Library{{JAR: "j"}})
		},
	} {
		runWire(t, []wireRow{{name: name + " without a cluster is refused", call: call, is: fs.ErrInvalid, fails: "cluster_id is required"}})
	}
	runHostile(t, []hostileRow{
		{"GET /api/2.0/libraries/cluster-status", "cluster_id", "", func(ctx context.Context, c *Client, name string) error {
			_, err := c.Libraries.ClusterStatus(ctx, name)
			return err
		}},
	})
}

// Names of libraries must be sent unchanged in every field.
func TestLibraries_hostileNames(t *testing.T) {
	var rows []wireRow
	for i, name := range hostileNames {
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		rows = append(rows, wireRow{
			name: fmt.Sprintf("install of %d: %.20q", i, name),
			call: func(ctx context.Context, c *Client) (any, error) {
				return nil, c.Libraries.Install(ctx, name, []Library{
					{JAR: name}, {Egg: name}, {Whl: name}, {Requirements: name}, {PyPI: &PyPILibrary{Package: name, Repo: name}},
					{Maven: &MavenLibrary{Coordinates: name, Repo: name, Exclusions: []string{name}}}, {CRAN: &CRANLibrary{Package: name, Repo: name}},
				})
			},
			wire: []wireStep{{"POST /api/2.0/libraries/install", strings.ReplaceAll(`{"cluster_id": NAME, "libraries": [
				{"jar": NAME}, {"egg": NAME}, {"whl": NAME}, {"requirements": NAME}, {"pypi": {"package": NAME, "repo": NAME}},
				{"maven": {"coordinates": NAME, "repo": NAME, "exclusions": [NAME]}}, {"cran": {"package": NAME, "repo": NAME}}]}`, "NAME", string(quoted)), ""}},
		})
	}
	runWire(t, rows)
}

func TestLibrary_String(t *testing.T) {
	for want, l := range map[string]Library{
		"jar dbfs:/a.jar":                     {JAR: "dbfs:/a.jar"},
		"egg e":                               {Egg: "e"},
		"whl w":                               {Whl: "w"},
		"requirements /Workspace/r.txt":       {Requirements: "/Workspace/r.txt"},
		"pypi simplejson==3.8.0":              {PyPI: &PyPILibrary{Package: "simplejson==3.8.0", Repo: "https://user:hunter2@example.com"}},
		"pypi git+https://example.com/x@v1":   {PyPI: &PyPILibrary{Package: "git+https://user:hunter2@example.com/x@v1"}},
		"maven g:a:v":                         {Maven: &MavenLibrary{Coordinates: "g:a:v", Repo: "https://user:hunter2@example.com"}},
		"cran ada":                            {CRAN: &CRANLibrary{Package: "ada", Repo: "https://user:hunter2@example.com"}},
		"jar abfss://c@account.dfs.example/a": {JAR: "abfss://c@account.dfs.example/a"},
		"":                                    {},
	} {
		assert.Equal(t, want, l.String())
	}
}

func TestLibrary_same(t *testing.T) {
	pypi := func(pkg, repo string) Library { return Library{PyPI: &PyPILibrary{pkg, repo}} }
	maven := func(coordinates, repo string, exclusions ...string) Library {
		return Library{Maven: &MavenLibrary{coordinates, repo, exclusions}}
	}
	different := []Library{
		{JAR: "a"}, {JAR: "b"}, {Egg: "a"}, {Whl: "a"}, {Requirements: "a"}, pypi("a", ""), pypi("b", ""), pypi("a", "r"),
		{CRAN: &CRANLibrary{"a", ""}}, {CRAN: &CRANLibrary{"a", "r"}}, maven("a", ""), maven("b", ""), maven("a", "r"), maven("a", "", "x"), maven("a", "", "x", "y"),
	}
	for i, l := range different {
		for j, m := range different {
			assert.Equal(t, i == j, l.same(m), "%v and %v", l, m)
		}
	}
	// Libraries are compared by value, not by pointer.
	assert.True(t, pypi("a", "r").same(pypi("a", "r")))
	assert.True(t, maven("a", "r", "x").same(maven("a", "r", "x")))
	assert.True(t, maven("a", "r").same(Library{Maven: &MavenLibrary{"a", "r", []string{}}}))
}
