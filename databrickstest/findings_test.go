package databrickstest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Requests of other clients and of scripts that the workspace once handled
// incorrectly.

func TestSlashes(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithVolume("main.default.v"))
	id := newCluster(t, s, `,"num_workers":1`)
	for _, path := range []string{
		"/api/2.0/clusters/list/", "/api/2.0//clusters/list", "//api/2.0/clusters///list//", "/api/2.0/token-management/tokens/",
		"/api/1.2/clusters/list/", "/api/1.2//clusters/status?clusterId=" + id, "/api/2.0/preview/scim/v2/Users/", "/api/2.0/preview//scim/v2/Me/",
		"/api/2.0//permissions/clusters/" + id + "/", "/api/2.1/unity-catalog//volumes/main.default.v/",
		"/api/2.0/fs/directories//Volumes/main/default/v/", "/oidc/.well-known/oauth-authorization-server/", "//.well-known/databricks-config/",
	} {
		got := send(t, s, "GET", path, "")
		assert.Equal(t, 200, got.status, path)
		assert.Contains(t, got.header.Get("Content-Type"), "json", path)
	}
	for _, path := range []string{"/api/2.0/dbfs/mkdirs/", "/api/2.0//dbfs/mkdirs"} {
		assert.Equal(t, 200, send(t, s, "POST", path, `{"path":"/a"}`).status, path)
	}
	assert.Contains(t, send(t, s, "POST", "/oidc//v1/token/", "grant_type=x").body, "error_description")
	assert.Equal(t, 204, send(t, s, "PUT", "/api/2.0/fs/files//Volumes/main/default/v/a", "1").status)
	assert.Equal(t, "1", send(t, s, "GET", "/api/2.0/fs/files/Volumes/main/default/v/a", "").body)
	assert.Equal(t, 400, send(t, s, "PUT", "/api/2.0/fs/files/Volumes/main/default/v//a", "1").status, "slashes within the path of a file are not removed")
	callFails(t, s, "GET", "/api/2.0/clusters/list/x", "", 404, "ENDPOINT_NOT_FOUND", "No API found")
	callFails(t, s, "GET", "/api/2.0/clus/ters/list", "", 404, "ENDPOINT_NOT_FOUND", "No API found")
}

func TestWithoutCredential(t *testing.T) {
	s := newServer(t, WithoutSocket())
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	got := send(t, s, "GET", "/api/2.0/clusters/list", "", anonymous)
	assert.Equal(t, 401, got.status)
	assert.Equal(t, `Bearer realm="DatabricksRealm"`, got.header.Get("WWW-Authenticate"))
	assert.Empty(t, send(t, s, "GET", "/api/2.0/clusters/list", "", signedBy("Bearer wrong")).header.Get("WWW-Authenticate"), "a 403 asks for nothing")

	for _, path := range []string{"/", "/login.html", "/clusters/list", "/ajax-api/2.0/clusters/list"} {
		got := send(t, s, "GET", path, "", anonymous)
		assert.Equal(t, 200, got.status, path)
		assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"), path)
		assert.Contains(t, got.body, "Sign in", path)
	}
	got = send(t, s, "GET", "/.well-known/databricks-config", "", anonymous)
	assert.Contains(t, got.body, `"host_type":"workspace"`)
	assert.Equal(t, 404, send(t, s, "GET", "/clusters/list", "").status, "a signed-in user gets a 404")
}

func TestMalformedJSON(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const cannot = "Invalid JSON given in the body of the request - failed to parse given JSON"
	for body, message := range map[string]string{
		"x": cannot, `{"path":`: cannot, `{"path":"/a"} x`: cannot, `{"path" "/a"}`: cannot, `{"path":"/a"}{}`: cannot, "{'path': '/a'}": cannot, "path=%2Fa": cannot,
		`["/a"]`: "Invalid JSON given in the body of the request - expected a map",
		`"/a"`:   "Invalid JSON given in the body of the request - expected a map",
		"7":      "Invalid JSON given in the body of the request - expected a map",
	} {
		for _, path := range []string{"dbfs/mkdirs", "jobs/create", "secrets/put"} {
			got := send(t, s, "POST", "/api/2.0/"+path, body)
			assert.Equal(t, 400, got.status)
			assert.JSONEq(t, fmt.Sprintf(`{"error_code":"MALFORMED_REQUEST","message":%q}`, message), got.body, body)
		}
		got := send(t, s, "POST", "/api/1.2/contexts/create", body, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
		assert.JSONEq(t, fmt.Sprintf(`{"error":"JsonParseException: %s"}`, message), got.body, body)
	}
}

// TestMalformedForms checks that errors for unreadable bodies contain no text of Go.
func TestMalformedForms(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const broken = "--b\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/a"
	for _, path := range []string{"2.0/dbfs/put", "2.0/workspace/import", "1.2/libraries/upload", "2.0/secrets/put"} {
		for _, media := range []string{"multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=other"} {
			got := send(t, s, "POST", "/api/"+path, broken, func(r *http.Request) { r.Header.Set("Content-Type", media) })
			assert.Contains(t, got.body, "The body of the request is incomplete or invalid", "%s %s", path, media)
		}
	}
	got := send(t, s, "POST", "/api/1.2/contexts/create", "clusterId=%zz", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })
	assert.Contains(t, got.body, "The body of the request is incomplete or invalid")
	callFails(t, s, "POST", "/api/2.0/policies/clusters/create", `{"name":"p","definition":"x"}`, 400, "INVALID_PARAMETER_VALUE", "The policy definition is not a JSON object.")
}

func TestErrorTexts(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const bad = "INVALID_PARAMETER_VALUE"
	for _, row := range []struct{ path, body, message string }{
		{"2.0/workspace/import", `{"path":"/Shared/a"}`, "No input data source provided"},
		{"2.0/jobs/create", `{"notebook_task":{"notebook_path":"x"},` + jobCluster + `}`, "Invalid notebook_path: x. Only absolute paths are currently supported. Paths must begin with '/'."},
		{"2.0/jobs/create", `{"notebook_task":{"notebook_path":"/x"},"new_cluster":{"spark_version":"16.4.x-scala2.12","node_type_id":"Standard_DS3_v2"}}`,
			"Cluster validation error: Missing required field: settings.cluster_spec.new_cluster.size"},
		{"2.1/jobs/create", `{"tasks":[{"task_key":"a","notebook_task":{"notebook_path":"/x"},"new_cluster":{"num_workers":1,"node_type_id":"Standard_DS3_v2"}}]}`,
			"Cluster validation error: Missing required field: settings.cluster_spec.new_cluster.spark_version"},
		{"2.1/jobs/runs/submit", `{"run_name":"x"}`, "One of job_cluster_key, new_cluster, or existing_cluster_id must be specified."},
		{"2.1/jobs/create", `{"notebook_task":{"notebook_path":"/x"}}`, "One of job_cluster_key, new_cluster, or existing_cluster_id must be specified."},
	} {
		got := send(t, s, "POST", "/api/"+row.path, row.body)
		assert.Equal(t, 400, got.status, row.body)
		assert.JSONEq(t, fmt.Sprintf(`{"error_code":%q,"message":%q}`, bad, row.message), got.body, row.body)
	}
	form := func(r *http.Request) { r.Header.Set("Content-Type", `multipart/form-data; boundary=b`) }
	got := send(t, s, "POST", "/api/2.0/workspace/import", "--b\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/Shared/a\r\n--b--\r\n", form)
	assert.Contains(t, got.body, "No input data source provided")
}

// Both forms of a path refer to the same object. Responses have the form of the
// request.
func TestWorkspace_prefix(t *testing.T) {
	s := newServer(t, WithoutSocket())
	get := func(call, path string) object {
		return callOK(t, s, "GET", "/api/2.0/workspace/"+call+"?path="+path, "")
	}
	content := base64.StdEncoding.EncodeToString([]byte("1"))
	callOK(t, s, "POST", "/api/2.0/workspace/mkdirs", `{"path":"/Workspace/Shared/dir"}`)
	callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path":"/Workspace/Shared/dir/a","language":"PYTHON","content":"`+content+`"}`)
	callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path":"/Shared/dir/b","language":"PYTHON","content":"`+content+`"}`)
	for _, prefix := range []string{"", "/Workspace"} {
		assert.Equal(t, prefix+"/Shared/dir/a", get("get-status", prefix+"/Shared/dir/a")["path"])
		var paths []any
		for _, o := range get("list", prefix+"/Shared/dir")["objects"].([]any) {
			paths = append(paths, o.(object)["path"])
		}
		assert.ElementsMatch(t, []any{prefix + "/Shared/dir/a", prefix + "/Shared/dir/b"}, paths)
		assert.Contains(t, get("export", prefix+"/Shared/dir/b"), "content")
		callFails(t, s, "GET", "/api/2.0/workspace/get-status?path="+prefix+"/Shared/c", "", 404, "RESOURCE_DOES_NOT_EXIST", "Path ("+prefix+"/Shared/c) doesn't exist.")
		callFails(t, s, "POST", "/api/2.0/workspace/import", `{"path":"`+prefix+`/Shared/dir/a","language":"PYTHON","content":"`+content+`"}`, 400,
			"RESOURCE_ALREADY_EXISTS", "Path ("+prefix+"/Shared/dir/a) already exists.")
		callFails(t, s, "POST", "/api/2.0/workspace/delete", `{"path":"`+prefix+`/Shared","recursive":true}`, 403, "PERMISSION_DENIED", "protected")
	}
	assert.Equal(t, get("get-status", "/Shared/dir/a")["object_id"], get("get-status", "/Workspace/Shared/dir/a")["object_id"])
	assert.Equal(t, "/Workspace", get("get-status", "/Workspace")["path"])
	callFails(t, s, "POST", "/api/2.0/workspace/delete", `{"path":"/Workspace","recursive":true}`, 403, "PERMISSION_DENIED", "protected")
	assert.Len(t, get("list", "/")["objects"], 2, "/Workspace is not beside what is in it")
	assert.Equal(t, "/Workspace/Users", get("list", "/Workspace")["objects"].([]any)[1].(object)["path"])
	callOK(t, s, "POST", "/api/2.0/workspace/delete", `{"path":"/Workspace/Shared/dir","recursive":true}`)
	callFails(t, s, "GET", "/api/2.0/workspace/get-status?path=/Shared/dir", "", 404, "RESOURCE_DOES_NOT_EXIST", "")

	alice := signedBy("Bearer alice")
	s = newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "alice"}))
	callFails(t, s, "GET", "/api/2.0/workspace/list?path=/Workspace/Users/"+AdminName, "", 403, "PERMISSION_DENIED", "", alice)
	callOK(t, s, "GET", "/api/2.0/workspace/list?path=/Workspace/Users/alice@example.com", "", alice)
}

// Current archives have a manifest beside the notebooks, in any directory.
func TestWorkspace_archiveWithManifest(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const book = `{"version":"NotebookV1","language":"python","name":"a","commands":[{"command":"1"}]}`
	archive := func(names ...string) string {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, name := range names {
			w, err := z.Create(name)
			require.NoError(t, err)
			text := book
			if strings.HasSuffix(name, ".mf") {
				text = `{"version":"1","contents":[]}`
			}
			if !strings.HasSuffix(name, "/") {
				_, err = w.Write([]byte(text))
				require.NoError(t, err)
			}
		}
		require.NoError(t, z.Close())
		return base64.StdEncoding.EncodeToString(out.Bytes())
	}
	for path, names := range map[string][]string{
		"/Shared/one": {"manifest.mf", "a.python"}, "/Shared/dir": {"manifest.mf", "dir/a.python", "dir/b.python"}, "/Shared/inner": {"inner/", "inner/a.python", "inner/manifest.mf"},
	} {
		callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path":"`+path+`","format":"DBC","content":"`+archive(names...)+`"}`)
	}
	status := func(path string) string {
		return callOK(t, s, "GET", "/api/2.0/workspace/get-status?path="+path, "")["object_type"].(string)
	}
	assert.Equal(t, "NOTEBOOK", status("/Shared/one"))
	assert.Equal(t, "DIRECTORY", status("/Shared/dir"))
	assert.Equal(t, "NOTEBOOK", status("/Shared/dir/b"))
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/workspace/list?path=/Shared/inner", "")["objects"], 1)

	// The workspace's own exports have the same format, and can be imported.
	for _, path := range []string{"/Shared/one", "/Shared/dir"} {
		content := callOK(t, s, "GET", "/api/2.0/workspace/export?format=DBC&path="+path, "")["content"].(string)
		data, err := base64.StdEncoding.DecodeString(content)
		require.NoError(t, err)
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		f, err := z.Open("manifest.mf")
		require.NoError(t, err, path)
		f.Close()
		callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path":"`+path+`2","format":"DBC","content":"`+content+`"}`)
		assert.Equal(t, status(path), status(path+"2"))
	}
	callFails(t, s, "POST", "/api/2.0/workspace/import", `{"path":"/Shared/bad","format":"DBC","content":"`+base64.StdEncoding.EncodeToString([]byte("PK"))+`"}`, 400,
		"INVALID_PARAMETER_VALUE", "zip file may not be valid")
}

func TestWorkspaceFiles_import(t *testing.T) {
	s := newServer(t, WithoutSocket())
	put := func(path, body string) testResponse {
		return send(t, s, "POST", "/api/2.0/workspace-files/import-file/"+path, body, func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") })
	}
	assert.Equal(t, testResponse{200, nil, "{}"}, withoutHeader(put("Workspace/Shared/a%20b.txt", "\x00{not JSON")))
	got := send(t, s, "GET", "/api/2.0/workspace/export?direct_download=true&path=/Shared/a%20b.txt", "")
	assert.Equal(t, "\x00{not JSON", got.body)
	assert.Equal(t, 200, put("Shared/book.py?overwrite=false", "# Databricks notebook source\n1").status)
	assert.Equal(t, "NOTEBOOK", callOK(t, s, "GET", "/api/2.0/workspace/get-status?path=/Shared/book", "")["object_type"])

	got = put("Shared/a%20b.txt", "2")
	assert.Equal(t, 409, got.status)
	assert.Contains(t, got.body, `"error_code":"RESOURCE_ALREADY_EXISTS"`)
	assert.Equal(t, 200, put("Shared/a%20b.txt?overwrite=true", "2").status)
	got = put("Shared/none/a.txt", "2")
	assert.Equal(t, 404, got.status)
	assert.Contains(t, got.body, `"error_code":"RESOURCE_DOES_NOT_EXIST"`)
	assert.Equal(t, 200, put("Shared/large.bin", strings.Repeat("x", maxNotebook+1)).status, "its limit is not that of import")
}

func withoutHeader(a testResponse) testResponse { a.header = nil; return a }

func TestTelemetry(t *testing.T) {
	s := newServer(t, WithoutSocket())
	got := callOK(t, s, "POST", "/telemetry-ext", `{"uploadTime":1,"items":[],"protoLogs":["{}","{}"]}`)
	assert.Equal(t, json.Number("2"), got["numProtoSuccess"])
	assert.Equal(t, []any{}, got["errors"])
}

func TestTokenManagement(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "alice"}))
	alice := signedBy("Bearer alice")
	made := callOK(t, s, "POST", "/api/2.0/token/create", `{"comment":"hers","lifetime_seconds":3600}`, alice)["token_info"].(object)
	id := made["token_id"].(string)

	list := func(query string) []any {
		infos, _ := callOK(t, s, "GET", "/api/2.0/token-management/tokens"+query, "")["token_infos"].([]any)
		return infos
	}
	assert.Len(t, list(""), 3)
	assert.Len(t, list("?created_by_username=alice@example.com"), 2)
	assert.Empty(t, list("?created_by_id=1"))
	info := callOK(t, s, "GET", "/api/2.0/token-management/tokens/"+id, "")["token_info"].(object)
	assert.Len(t, list("?created_by_id="+info["created_by_id"].(json.Number).String()), 2)
	assert.Equal(t, "hers", info["comment"])
	assert.Equal(t, made["expiry_time"], info["expiry_time"])
	assert.Equal(t, "alice@example.com", info["created_by_username"])
	assert.Equal(t, info["created_by_id"], info["owner_id"])

	callFails(t, s, "GET", "/api/2.0/token-management/tokens", "", 403, "PERMISSION_DENIED", "Only Admins", alice)
	callFails(t, s, "DELETE", "/api/2.0/token-management/tokens/"+id, "", 403, "PERMISSION_DENIED", "Only Admins", alice)
	callFails(t, s, "GET", "/api/2.0/token-management/tokens/none", "", 404, "RESOURCE_DOES_NOT_EXIST", "Token with ID none does not exist")
	callOK(t, s, "PATCH", "/api/2.0/token-management/tokens/"+id, `{"token":{"comment":"new"},"update_mask":"comment"}`)
	assert.Equal(t, "new", callOK(t, s, "GET", "/api/2.0/token-management/tokens/"+id, "")["token_info"].(object)["comment"])
	callOK(t, s, "DELETE", "/api/2.0/token-management/tokens/"+id, "")
	callFails(t, s, "DELETE", "/api/2.0/token-management/tokens/"+id, "", 404, "RESOURCE_DOES_NOT_EXIST", "does not exist")
	assert.Len(t, list(""), 2)
}

// Unused kinds of a library may be empty objects.
func TestLibraries_emptyKinds(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const empty = `"jar":"","egg":"","whl":"","pypi":{},"maven":{"coordinates":"","exclusions":[]},"cran":{"package":null,"repo":""}`
	id := callOK(t, s, "POST", "/api/2.0/clusters/create", `{"num_workers":1,"spark_version":"16.4.x-scala2.12","node_type_id":"Standard_DS3_v2"}`)["cluster_id"].(string)
	install := func(l string) string { return `{"cluster_id":"` + id + `","libraries":[{` + l + `}]}` }
	for _, l := range []string{`"jar":"dbfs:/a.jar"`, `"pypi":{"package":"a"}`, `"maven":{"coordinates":"a:b:1"}`} {
		callOK(t, s, "POST", "/api/2.0/libraries/install", install(empty+","+l))
		newJob(t, s, "2.1", tasks(`a "libraries":[{`+empty+","+l+`}]`))
	}
	statuses := callOK(t, s, "GET", "/api/2.0/libraries/cluster-status?cluster_id="+id, "")["library_statuses"].([]any)
	assert.Equal(t, object{"jar": "dbfs:/a.jar"}, statuses[0].(object)["library"])
	callFails(t, s, "POST", "/api/2.0/libraries/install", install(empty), 400, "INVALID_PARAMETER_VALUE", "exactly one of")
	callFails(t, s, "POST", "/api/2.0/libraries/install", install(`"pypi":{"repo":"r"}`), 400, "INVALID_PARAMETER_VALUE", "Missing required field 'package'")
	callFails(t, s, "POST", "/api/2.0/libraries/install", install(`"pypi":{"package":"a"},"cran":{"package":"b"}`), 400, "INVALID_PARAMETER_VALUE", "exactly one of")
}

// If one of several alternatives is set, the others may be empty objects.
func TestEmptyAlternatives(t *testing.T) {
	s := newServer(t, WithoutSocket())
	id := newCluster(t, s, `,"num_workers":1`)
	for _, kind := range taskKinds {
		if kind == "notebook_task" {
			continue
		}
		for _, empty := range []string{`{}`, `{"warehouse_id":"","no such member":{}}`} {
			task := `"existing_cluster_id":"` + id + `","new_cluster":{},"notebook_task":{"notebook_path":"/a"},"` + kind + `":` + empty
			job := newJob(t, s, "2.1", `"tasks":[{"task_key":"a",`+task+`}]`)
			shown := jobsCall(t, s, "2.1", "get?job_id="+job, "")["settings"].(object)["tasks"].([]any)[0].(object)
			assert.Contains(t, shown, "notebook_task", kind)
			assert.NotContains(t, shown, kind)
			assert.NotContains(t, shown, "new_cluster")
			jobsCall(t, s, "2.1", "runs/submit", `{"tasks":[{"task_key":"a",`+task+`}]}`)
		}
	}
	jobsFail(t, s, "2.1", "create", `{"tasks":[{"task_key":"a","existing_cluster_id":"`+id+`","notebook_task":{}}]}`, "INVALID_PARAMETER_VALUE", "notebook_path")
	jobsFail(t, s, "2.1", "create", `{"tasks":[{"task_key":"a","existing_cluster_id":"`+id+`","notebook_task":{"notebook_path":"/a"},"spark_jar_task":{"main_class_name":"A"}}]}`,
		"INVALID_PARAMETER_VALUE", "Only one of notebook_task and spark_jar_task")

	const others = `"dbfs":{},"s3":{"destination":"","region":""},"abfss":{},"gcs":{},"file":{},`
	for field, want := range map[string]any{
		`"num_workers":1,"autoscale":{}`: nil, `"num_workers":1,"cluster_log_conf":{}`: nil, `"num_workers":1,"cluster_log_conf":{"dbfs":{}}`: nil,
		`"num_workers":1,"clone_from":{}`: nil, `"num_workers":1,"azure_attributes":{"first_on_demand":1},"aws_attributes":{},"gcp_attributes":{}`: nil,
		`"num_workers":1,"cluster_log_conf":{` + others + `"volumes":{"destination":"/Volumes/a/b/c"}}`:  object{"volumes": object{"destination": "/Volumes/a/b/c"}},
		`"num_workers":1,"init_scripts":[{` + others + `"workspace":{"destination":"/Shared/init.sh"}}]`: nil,
	} {
		id := callOK(t, s, "POST", "/api/2.0/clusters/create", `{`+field+`,"spark_version":"16.4.x-scala2.12","node_type_id":"Standard_DS3_v2"}`)["cluster_id"].(string)
		got := callOK(t, s, "GET", "/api/2.0/clusters/get?cluster_id="+id, "")
		assert.Equal(t, want, got["cluster_log_conf"], field)
		assert.Equal(t, json.Number("1"), got["num_workers"], field)
	}
}

func TestClusters_sizes(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithTimings(Timings{ClusterStart: -1, ClusterRestart: -1}))
	create := func(size string) string {
		return `{` + size + `,"spark_version":"16.4.x-scala2.12","node_type_id":"Standard_DS3_v2"}`
	}
	for _, size := range []string{`"num_workers":0,"autoscale":{"min_workers":1,"max_workers":3}`, `"autoscale":{"min_workers":1,"max_workers":1}`} {
		id := callOK(t, s, "POST", "/api/2.0/clusters/create", create(size))["cluster_id"].(string)
		got := callOK(t, s, "GET", "/api/2.0/clusters/get?cluster_id="+id, "")
		assert.Equal(t, json.Number("1"), got["autoscale"].(object)["min_workers"], size)
		assert.NotContains(t, got, "num_workers", "it is one or the other")
		callOK(t, s, "POST", "/api/2.0/clusters/edit", `{"cluster_id":"`+id+`",`+create(size)[1:])
		callOK(t, s, "POST", "/api/2.0/clusters/resize", `{"cluster_id":"`+id+`",`+size+`}`)
	}
	callFails(t, s, "POST", "/api/2.0/clusters/create", create(`"num_workers":1,"autoscale":{"min_workers":1,"max_workers":3}`), 400, "INVALID_PARAMETER_VALUE", "Only one of")
	callFails(t, s, "POST", "/api/2.0/clusters/create", create(`"autoscale":{"min_workers":2,"max_workers":1}`), 400, "INVALID_PARAMETER_VALUE", "max_workers")
}

// All data about the workspace belongs to one cloud.
func TestCatalog(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for _, version := range []string{"2.0", "2.1"} {
		get := func(call string) object { return callOK(t, s, "GET", "/api/"+version+"/clusters/"+call, "") }
		gpus, local := 0, 0
		for _, n := range get("list-node-types")["node_types"].([]any) {
			n := n.(object)
			assert.True(t, strings.HasPrefix(n["node_type_id"].(string), "Standard_"), n)
			enabled := len(n["node_info"].(object)["status"].([]any)) == 0 && n["is_deprecated"] == false && n["is_hidden"] == false
			if enabled && n["num_gpus"] != json.Number("0") {
				gpus++
			}
			if enabled && n["is_io_cache_enabled"] == true {
				local++
			}
		}
		assert.Positive(t, gpus)
		assert.Positive(t, local)
		kinds := map[string]int{}
		for _, v := range get("spark-versions")["versions"].([]any) {
			v := v.(object)
			key, name := v["key"].(string), v["name"].(string)
			_, scala, _ := strings.Cut(key, "-scala")
			assert.Contains(t, name, "Scala "+scala, "name and key agree")
			for _, kind := range []string{"-scala2.12", "-scala2.13", "-photon-", "-cpu-ml-", "-gpu-ml-"} {
				if strings.Contains(key, kind) && strings.Contains(name, "LTS") {
					kinds[kind]++
				}
			}
		}
		assert.Len(t, kinds, 5, kinds)
		zones := get("list-zones")
		assert.Equal(t, []any{"1", "2", "3"}, zones["zones"])
		assert.Equal(t, "1", zones["default_zone"])
	}
}

func TestJobs_tags(t *testing.T) {
	s := newServer(t, WithoutSocket())
	job := func(key, value string) string {
		text, _ := json.Marshal(map[string]string{key: value})
		return "{" + tasks("a") + `,"tags":` + string(text) + "}"
	}
	for key, value := range map[string]string{
		"team": "data", "Kosten-Stelle é": "", strings.Repeat("k", 512): strings.Repeat("v", 256), "a:b=c@d.e_f": "x y",
	} {
		assert.NotEmpty(t, jobsCall(t, s, "2.1", "create", job(key, value)))
	}
	for _, key := range []string{"", strings.Repeat("k", 513), "漢"} {
		jobsFail(t, s, "2.1", "create", job(key, "v"), "INVALID_PARAMETER_VALUE", "tag")
	}
	for _, c := range `<>*&%;\/+?` {
		jobsFail(t, s, "2.1", "create", job("a"+string(c), "v"), "INVALID_PARAMETER_VALUE", "tag")
	}
	jobsFail(t, s, "2.1", "create", job("k", "漢"), "INVALID_PARAMETER_VALUE", "tag")
	jobsFail(t, s, "2.1", "create", job("k", strings.Repeat("v", 257)), "INVALID_PARAMETER_VALUE", "tag")
}

func TestJobs_gitProvider(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const all = "gitHub, gitHubEnterprise, gitLab, gitLabEnterpriseEdition, bitbucketCloud, bitbucketServer, azureDevOpsServices, awsCodeCommit"
	for _, provider := range []string{"", `"git_provider":"",`, `"git_provider":null,`, `"git_provider":"svn",`} {
		jobsFail(t, s, "2.1", "create", "{"+tasks("a")+`,"git_source":{`+provider+`"git_url":"u","git_branch":"b"}}`, "INVALID_PARAMETER_VALUE", all)
	}
	assert.NotEmpty(t, jobsCall(t, s, "2.1", "create", "{"+tasks("a")+`,"git_source":{"git_provider":"GITHUB","git_url":"u","git_branch":"b"}}`))
}

// A command may be sent before its context is ready. It is then queued.
func TestV12_commandForNewContext(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		lab := v12Lab{TB: t, s: s}
		lab.cluster = lab.post("clusters/create", map[string]any{"name": "lab", "numWorkerContainers": 1})["id"].(string)
		time.Sleep(time.Second)
		id := lab.post("contexts/create", map[string]any{"clusterId": lab.cluster, "language": "python"})["id"].(string)
		command := lab.execute(id, "python", "1")
		status := func() string {
			return callOK(t, s, "GET", "/api/1.2/commands/status?clusterId="+lab.cluster+"&contextId="+id+"&commandId="+command, "")["status"].(string)
		}
		assert.Equal(t, "Queued", status())
		time.Sleep(60 * time.Millisecond)
		assert.Equal(t, "Running", status())
		time.Sleep(20 * time.Millisecond)
		assert.Equal(t, "Finished", status())
	})
}

func TestJobs_singleTaskOfAnyVersion(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		for _, version := range jobVersions {
			run := jobsCall(t, s, version, "runs/submit", `{"run_name":"once",`+notebookJob+`,"libraries":[{"jar":"dbfs:/a.jar"}]}`)["run_id"].(json.Number).String()
			job := newJob(t, s, version, `"name":"n",`+notebookJob+`,"max_retries":1`)
			settings := jobsCall(t, s, "2.1", "get?job_id="+job, "")["settings"].(object)
			task := settings["tasks"].([]any)[0].(object)
			assert.Equal(t, "/etl", task["notebook_task"].(object)["notebook_path"], version)
			assert.Equal(t, json.Number("1"), task["max_retries"], version)
			assert.Contains(t, task, "new_cluster", version)
			assert.Equal(t, "SINGLE_TASK", jobsCall(t, s, "2.0", "get?job_id="+job, "")["settings"].(object)["format"], version)
			jobsCall(t, s, version, "reset", `{"job_id":`+job+`,"new_settings":{"name":"m",`+notebookJob+`}}`)
			jobsCall(t, s, version, "update", `{"job_id":`+job+`,"new_settings":{"notebook_task":{"notebook_path":"/other"}}}`)
			task = jobsCall(t, s, "2.1", "get?job_id="+job, "")["settings"].(object)["tasks"].([]any)[0].(object)
			assert.Equal(t, "/other", task["notebook_task"].(object)["notebook_path"], version)
			second := runJob(t, s, job)
			time.Sleep(time.Minute)
			for _, id := range []string{run, second} {
				got := jobsCall(t, s, version, "runs/get?run_id="+id, "")
				assert.Equal(t, "TERMINATED SUCCESS", stateOf(got), version)
				assert.Contains(t, jobsCall(t, s, version, "runs/get-output?run_id="+id, ""), "notebook_output", version)
			}
		}
	}, WithRuns(func(RunSpec) RunOutcome { return RunOutcome{Output: "done"} }))
}

func TestJobs_runAs(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "alice"}), WithServicePrincipal(ServicePrincipal{ApplicationID: "app"}))
	runAs := func(version, id string) any {
		return jobsCall(t, s, version, "get?job_id="+id, "")["settings"].(object)["run_as"]
	}
	for _, version := range []string{"2.1", "2.2"} {
		id := newJob(t, s, version, tasks("a"))
		assert.Equal(t, object{"user_name": AdminName}, runAs(version, id), "the creator")
		jobsCall(t, s, version, "update", `{"job_id":`+id+`,"new_settings":{"run_as":{"service_principal_name":"app"}}}`)
		assert.Equal(t, object{"service_principal_name": "app"}, runAs(version, id))
		assert.Equal(t, "app", jobsCall(t, s, version, "get?job_id="+id, "")["run_as_user_name"])
		jobsCall(t, s, version, "reset", `{"job_id":`+id+`,"new_settings":{`+tasks("b")+`}}`)
		assert.Equal(t, object{"service_principal_name": "app"}, runAs(version, id), "a reset without it keeps it")
		assert.Nil(t, runAs("2.0", id))
		id = newJob(t, s, version, tasks("a")+`,"run_as":{"user_name":"alice@example.com"}`)
		assert.Equal(t, object{"user_name": "alice@example.com"}, runAs(version, id))
	}
}

func TestJobs_runsOfUnknownJob(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for _, version := range jobVersions {
		jobsFail(t, s, version, "runs/list?job_id=7", "", "INVALID_PARAMETER_VALUE", "Job 7 does not exist.")
		assert.Empty(t, jobsCall(t, s, version, "runs/list?job_id="+newJob(t, s, version, cmpOr(version)), "")["runs"])
	}
	run := jobsCall(t, s, "2.1", "runs/submit", "{"+tasks("a")+"}")["run_id"].(json.Number).String()
	job := jobsCall(t, s, "2.1", "runs/get?run_id="+run, "")["job_id"].(json.Number).String()
	assert.Len(t, jobsCall(t, s, "2.1", "runs/list?job_id="+job, "")["runs"], 1, "a submitted run has a job ID")
}

// cmpOr returns settings of a job for a version.
func cmpOr(version string) string {
	if version == "2.0" {
		return notebookJob
	}
	return tasks("a")
}
