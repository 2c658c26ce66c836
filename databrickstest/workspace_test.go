package databrickstest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const workspace = "/api/2.0/workspace/"

// sendJSON is send for a JSON response. It returns an error as "status CODE:
// message".
func sendJSON(t testing.TB, s *Server, call, body string) (map[string]any, string) {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	got := send(t, s, method, workspace+path, body)
	resp := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&resp), got.body)
	if got.status != 200 {
		return nil, fmt.Sprintf("%d %v: %v", got.status, resp["error_code"], resp["message"])
	}
	return resp, ""
}

// imports imports an object and returns the error.
func imports(t testing.TB, s *Server, path, content, rest string) string {
	t.Helper()
	_, err := sendJSON(t, s, "POST import", fmt.Sprintf(`{"path":%q,"content":%q%s}`, path, base64.StdEncoding.EncodeToString([]byte(content)), rest))
	return err
}

// exported exports an object and returns its content, or the error.
func exported(t testing.TB, s *Server, path, format string) string {
	t.Helper()
	resp, err := sendJSON(t, s, "GET export?"+url.Values{"path": {path}, "format": {format}}.Encode(), "")
	if err != "" {
		return err
	}
	content, decodeErr := base64.StdEncoding.DecodeString(resp["content"].(string))
	require.NoError(t, decodeErr)
	return string(content)
}

// listed returns the objects in a list as "TYPE path", in any order.
func listed(t testing.TB, s *Server, query string) []string {
	t.Helper()
	resp, err := sendJSON(t, s, "GET list?"+query, "")
	require.Empty(t, err)
	found := []string{}
	objects, _ := resp["objects"].([]any)
	for _, o := range objects {
		object := o.(map[string]any)
		found = append(found, fmt.Sprintf("%v %v", object["object_type"], object["path"]))
	}
	return found
}

func TestWorkspace_tree(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}))
	const gone = "404 RESOURCE_DOES_NOT_EXIST: Path (%s) doesn't exist."
	converse(t, s, []step{
		{call: "GET " + workspace + "list?path=/Shared"},
		{call: "GET " + workspace + "list?path=/none", want: fmt.Sprintf(gone, "/none")},
		{call: "GET " + workspace + "get-status?path=/none", want: fmt.Sprintf(gone, "/none")},
		{call: "GET " + workspace + "get-status", want: "400 INVALID_PARAMETER_VALUE: Missing required field 'path'"},
		{call: "GET " + workspace + "list?path=a", want: "400 INVALID_PARAMETER_VALUE: Path (a) must be absolute: it must start with '/'."},
		{call: "POST " + workspace + "mkdirs", body: `{"path":"/Shared//a/b/"}`},
		{call: "POST " + workspace + "mkdirs", body: `{"path":"/Shared/a"}`},
		{call: "POST " + workspace + "delete", body: `{"path":"/Shared/a"}`, want: "400 DIRECTORY_NOT_EMPTY: Folder (/Shared/a) is not empty"},
		{call: "POST " + workspace + "delete", body: `{"path":"/Shared/a/b"}`},
		{call: "POST " + workspace + "delete", body: `{"path":"/Shared/a/b"}`, want: fmt.Sprintf(gone, "/Shared/a/b")},
		{call: "POST " + workspace + "delete", body: `{"path":"/Shared","recursive":true}`, want: "403 PERMISSION_DENIED: Folder (/Shared) is protected"},
		{call: "POST " + workspace + "delete", body: `{"path":"/","recursive":"true"}`, want: "403 PERMISSION_DENIED: Folder (/) is protected"},
		{call: "POST " + workspace + "delete", body: `{"path":"/Users/alice@example.com","recursive":true}`,
			want: "403 PERMISSION_DENIED: Folder (/Users/alice@example.com) is protected"},
		{as: "dapi-alice", call: "POST " + workspace + "mkdirs", body: `{"path":"/Users/alice@example.com/x"}`},
		{as: "dapi-alice", call: "POST " + workspace + "mkdirs", body: `{"path":"/Users/admin@example.com/x"}`,
			want: "403 PERMISSION_DENIED: User alice@example.com does not have permission on path (/Users/admin@example.com/x)."},
		{as: "dapi-alice", call: "POST " + workspace + "mkdirs", body: `{"path":"/Shared/c"}`},
	})
	assert.ElementsMatch(t, []string{"DIRECTORY /Shared", "DIRECTORY /Users"}, listed(t, s, "path=/"))
	assert.ElementsMatch(t, []string{"DIRECTORY /Users/admin@example.com", "DIRECTORY /Users/alice@example.com"}, listed(t, s, "path=/Users"))
	got := send(t, s, "GET", workspace+"list?path=/Users", "", signedBy("Bearer dapi-alice"))
	assert.NotContains(t, got.body, "admin@example.com")

	require.Empty(t, imports(t, s, "/Shared/n", "1", `,"language":"SQL"`))
	converse(t, s, []step{
		{call: "POST " + workspace + "mkdirs", body: `{"path":"/Shared/n"}`, want: "400 RESOURCE_ALREADY_EXISTS: n already exists and it is not a folder"},
		{call: "POST " + workspace + "mkdirs", body: `{"path":"/Shared/n/m"}`, want: "400 RESOURCE_ALREADY_EXISTS: n already exists and it is not a folder"},
	})
	assert.Equal(t, []string{"NOTEBOOK /Shared/n"}, listed(t, s, "path=/Shared//n"))
	status, _ := sendJSON(t, s, "GET get-status?path=//Shared///n", "")
	assert.Equal(t, "/Shared/n", status["path"])
	assert.Equal(t, "SQL", status["language"])
	assert.Equal(t, status["resource_id"], status["object_id"].(json.Number).String())
	assert.NotContains(t, status, "size")
	status, _ = sendJSON(t, s, "GET get-status?path=/Shared", "")
	assert.NotContains(t, status, "language")
}

func TestWorkspace_import(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const python = `,"language":"PYTHON"`
	assert.Equal(t, "404 RESOURCE_DOES_NOT_EXIST: The parent folder (/foo) does not exist.", imports(t, s, "/foo/n", "1", python))
	require.Empty(t, imports(t, s, "/Shared/n", "1", python))
	before, _ := sendJSON(t, s, "GET get-status?path=/Shared/n", "")
	assert.Equal(t, "400 RESOURCE_ALREADY_EXISTS: Path (/Shared/n) already exists.", imports(t, s, "/Shared/n", "2", python))
	assert.Equal(t, "# Databricks notebook source\n1", exported(t, s, "/Shared/n", ""))
	require.Empty(t, imports(t, s, "/Shared/n", "-- Databricks notebook source\r\n2", `,"language":"SQL","overwrite":"true"`))
	assert.Equal(t, "-- Databricks notebook source\n2", exported(t, s, "/Shared/n", "SOURCE"))
	after, _ := sendJSON(t, s, "GET get-status?path=/Shared/n", "")
	assert.Equal(t, before["object_id"], after["object_id"])

	assert.Equal(t, "400 RESOURCE_ALREADY_EXISTS: Node named 'n' already exists", imports(t, s, "/Shared/n", "raw", `,"format":"RAW","overwrite":true`))
	assert.Equal(t, "400 RESOURCE_ALREADY_EXISTS: Node named 'Shared' already exists", imports(t, s, "/Shared", "1", python+`,"overwrite":true`))
	assert.Equal(t, "400 RESOURCE_ALREADY_EXISTS: Path (/) already exists.", imports(t, s, "/", "1", python))
	assert.Equal(t, "404 RESOURCE_DOES_NOT_EXIST: The parent folder (/Shared/n) does not exist.", imports(t, s, "/Shared/n/m", "1", python))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: Overwrite cannot be used for DBC format", imports(t, s, "/Shared/d", "", `,"format":"DBC","overwrite":true`))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: The zip file may not be valid or may be an unsupported version.", imports(t, s, "/Shared/d", "1", ""))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: The content is not a Jupyter notebook.", imports(t, s, "/Shared/d", "{}", `,"format":"JUPYTER"`))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: The HTML is not an exported notebook.", imports(t, s, "/Shared/d", "<p>", `,"format":"HTML"`))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: Unknown format: source", imports(t, s, "/Shared/d", "1", `,"format":"source"`))
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: Unknown language: PERL", imports(t, s, "/Shared/d", "1", `,"language":"PERL"`))
	_, err := sendJSON(t, s, "POST import", `{"path":"/Shared/d","format":"RAW"}`)
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: No input data source provided", err)
	_, err = sendJSON(t, s, "POST import", `{"path":"/Shared/d","format":"RAW","content":"?"}`)
	assert.Contains(t, err, "400 MALFORMED_REQUEST")

	for path, content := range map[string]string{
		"a.py": "# Databricks notebook source\nx", "plain.py": "x", "b.R": "# Databricks notebook source\nx",
		"c.scala": "// Databricks notebook source\nx", "d.sql": "-- Databricks notebook source", "wrong.sql": "# Databricks notebook source",
		"e.ipynb": `{"cells":[],"nbformat":4}`, "f.txt": "", ".py": "# Databricks notebook source",
	} {
		require.Empty(t, imports(t, s, "/Shared/"+path, content, `,"format":"AUTO"`))
	}
	require.Empty(t, imports(t, s, "/Shared/z.zip", "PK", `,"format":"RAW"`))
	assert.ElementsMatch(t, []string{
		"NOTEBOOK /Shared/n", "NOTEBOOK /Shared/a", "NOTEBOOK /Shared/b", "NOTEBOOK /Shared/c", "NOTEBOOK /Shared/d", "NOTEBOOK /Shared/e",
		"FILE /Shared/plain.py", "FILE /Shared/wrong.sql", "FILE /Shared/f.txt", "FILE /Shared/.py", "FILE /Shared/z.zip",
	}, listed(t, s, "path=/Shared"))
	status, _ := sendJSON(t, s, "GET get-status?path=/Shared/f.txt", "")
	assert.Equal(t, json.Number("0"), status["size"])
	status, _ = sendJSON(t, s, "GET get-status?path=/Shared/e&return_export_info=true", "")
	assert.Equal(t, "JUPYTER", status["repos_export_format"])
	status, _ = sendJSON(t, s, "GET get-status?path=/Shared/a&return_export_info=true", "")
	assert.Equal(t, "SOURCE", status["repos_export_format"])
}

func TestWorkspace_importMultipart(t *testing.T) {
	s := newServer(t, WithoutSocket())
	form := func(parts ...[3]string) (string, func(*http.Request)) { // field, file name and content
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, p := range parts {
			if p[1] == "" {
				require.NoError(t, w.WriteField(p[0], p[2]))
				continue
			}
			part, err := w.CreateFormFile(p[0], p[1])
			require.NoError(t, err)
			io.WriteString(part, p[2])
		}
		require.NoError(t, w.Close())
		return body.String(), func(r *http.Request) { r.Header.Set("Content-Type", w.FormDataContentType()) }
	}
	body, typed := form([3]string{"content", "content", "print(1)"}, [3]string{"path", "", "/Shared/n"}, [3]string{"language", "", "PYTHON"})
	assert.Equal(t, 200, send(t, s, "POST", workspace+"import", body, typed).status)
	assert.Equal(t, "# Databricks notebook source\nprint(1)", exported(t, s, "/Shared/n", "SOURCE"))
	assert.Contains(t, send(t, s, "POST", workspace+"import", body, typed).body, "Path (/Shared/n) already exists.")
	body, typed = form([3]string{"path", "", "/Shared/n"}, [3]string{"content", "", "Mg=="}, [3]string{"language", "", "R"}, [3]string{"overwrite", "", "true"})
	assert.Equal(t, 200, send(t, s, "POST", workspace+"import", body, typed).status)
	assert.Equal(t, "# Databricks notebook source\n2", exported(t, s, "/Shared/n", "SOURCE"))
	body, typed = form([3]string{"path", "", "/Shared/n"})
	assert.Contains(t, send(t, s, "POST", workspace+"import", body, typed).body, "No input data source provided")

	full := strings.Repeat("x", maxNotebook)
	body, typed = form([3]string{"path", "", "/Shared/full"}, [3]string{"format", "", "RAW"}, [3]string{"content", "c", full})
	assert.Equal(t, 200, send(t, s, "POST", workspace+"import", body, typed).status)
	assert.Equal(t, full, exported(t, s, "/Shared/full", "RAW"))
	body, typed = form([3]string{"path", "", "/Shared/over"}, [3]string{"format", "", "RAW"}, [3]string{"content", "c", full + "x"})
	assert.Contains(t, send(t, s, "POST", workspace+"import", body, typed).body, "MAX_NOTEBOOK_SIZE_EXCEEDED")
	assert.Contains(t, imports(t, s, "/Shared/over", full, `,"format":"RAW"`), "413 BAD_REQUEST")
	s.workspace.newerErrors = true
	got := send(t, s, "POST", workspace+"import", body, typed)
	assert.Equal(t, 400, got.status)
	assert.Contains(t, got.body, `"BAD_REQUEST","message":"File size imported is (10485761 bytes), exceeded max size (10485760 bytes)"`)
}

func TestWorkspace_export(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const source = "x <- 1\n\n# COMMAND ----------\n\n# MAGIC %md Some *text*\n# MAGIC more\n\n# COMMAND ----------\n\ny <- 2"
	require.Empty(t, imports(t, s, "/Shared/r", source, `,"language":"R"`))
	want := "# Databricks notebook source\n" + source
	for _, format := range []string{"", "SOURCE", "AUTO", "RAW"} {
		assert.Equal(t, want, exported(t, s, "/Shared/r", format), format)
	}
	for _, format := range []string{"HTML", "JUPYTER", "R_MARKDOWN", "DBC"} {
		again := exported(t, s, "/Shared/r", format)
		require.Empty(t, imports(t, s, "/Shared/again", again, fmt.Sprintf(`,"format":%q`, format)), again)
		assert.Equal(t, want, exported(t, s, "/Shared/again", "SOURCE"), format)
		_, err := sendJSON(t, s, "POST delete", `{"path":"/Shared/again"}`)
		require.Empty(t, err)
	}
	assert.Contains(t, exported(t, s, "/Shared/r", "JUPYTER"), `"cell_type":"markdown","metadata":{},"source":["Some *text*\n","more"]`)
	require.Empty(t, imports(t, s, "/Shared/py", "1", `,"language":"PYTHON"`))
	assert.Contains(t, exported(t, s, "/Shared/py", "R_MARKDOWN"), "400 INVALID_PARAMETER_VALUE")
	assert.Contains(t, exported(t, s, "/Shared/py", "py"), "400 INVALID_PARAMETER_VALUE: Unknown format: py")
	assert.Contains(t, exported(t, s, "/none", "SOURCE"), "404 RESOURCE_DOES_NOT_EXIST")
	resp, _ := sendJSON(t, s, "GET export?path=/Shared/py", "")
	assert.Equal(t, "py", resp["file_type"])

	direct := send(t, s, "GET", workspace+"export?path=/Shared/py&direct_download=true", "")
	assert.Equal(t, "# Databricks notebook source\n1", direct.body)
	assert.NotEqual(t, "application/json", direct.header.Get("Content-Type"))
	assert.Contains(t, send(t, s, "GET", workspace+"export?path=/none&direct_download=true", "").body, `"RESOURCE_DOES_NOT_EXIST"`)

	s.PutWorkspaceObject("/Shared/lib/a.jar", "LIBRARY", nil)
	assert.Equal(t, "400 INVALID_PARAMETER_VALUE: LIBRARY cannot be exported in format SOURCE.", exported(t, s, "/Shared/lib/a.jar", "SOURCE"))
	assert.Equal(t, []string{"LIBRARY /Shared/lib/a.jar"}, listed(t, s, "path=/Shared/lib"))
	s.PutWorkspaceObject("/Shared/large", "FILE", make([]byte, maxNotebook+1))
	assert.Equal(t, "400 MAX_NOTEBOOK_SIZE_EXCEEDED: The maximum allowed size is 10485760 bytes.", exported(t, s, "/Shared/large", "AUTO"))
	s.workspace.newerErrors = true
	assert.Equal(t, "400 BAD_REQUEST: Size exceeds 10485760 bytes", exported(t, s, "/Shared/large", "AUTO"))
	assert.Panics(t, func() { s.PutWorkspaceObject("/Shared/x", "NOTEBOOK", nil) })
	assert.Panics(t, func() { s.PutWorkspaceObject("/Shared/large/x", "LIBRARY", nil) })
}

func TestWorkspace_archives(t *testing.T) {
	s := newServer(t, WithoutSocket())
	_, err := sendJSON(t, s, "POST mkdirs", `{"path":"/Shared/d/sub/empty"}`)
	require.Empty(t, err)
	require.Empty(t, imports(t, s, "/Shared/d/one", "1", `,"language":"SCALA"`))
	require.Empty(t, imports(t, s, "/Shared/d/sub/two", "2", `,"language":"PYTHON"`))
	require.Empty(t, imports(t, s, "/Shared/d/file", "3", `,"format":"RAW"`))
	for _, format := range []string{"DBC", "SOURCE"} {
		archive := exported(t, s, "/Shared/d", format)
		z, zipErr := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
		require.NoError(t, zipErr)
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
		}
		to := "/Shared/" + format
		require.Empty(t, imports(t, s, to, archive, fmt.Sprintf(`,"format":%q`, format)))
		assert.Equal(t, "// Databricks notebook source\n1", exported(t, s, to+"/one", "SOURCE"))
		assert.Equal(t, "# Databricks notebook source\n2", exported(t, s, to+"/sub/two", "SOURCE"))
		assert.Equal(t, []string{"DIRECTORY " + to + "/sub/empty", "NOTEBOOK " + to + "/sub/two"}, slices.Sorted(slices.Values(listed(t, s, "path="+to+"/sub"))))
		assert.Equal(t, "400 RESOURCE_ALREADY_EXISTS: Path ("+to+") already exists.", imports(t, s, to, archive, fmt.Sprintf(`,"format":%q`, format)))
		if format == "DBC" {
			assert.Equal(t, []string{"manifest.mf", "d/", "d/one.scala", "d/sub/", "d/sub/empty/", "d/sub/two.python"}, names)
		} else {
			assert.Equal(t, []string{"d/", "d/file", "d/one.scala", "d/sub/", "d/sub/empty/", "d/sub/two.py"}, names)
		}
	}
	assert.Contains(t, exported(t, s, "/Shared/d", "HTML"), "400 INVALID_PARAMETER_VALUE")
	assert.Equal(t, exported(t, s, "/Shared/d", "SOURCE"), exported(t, s, "/Shared/d", "AUTO"))
}

func TestWorkspace_modified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		require.Empty(t, imports(t, s, "/Shared/old", "1", `,"language":"SQL"`))
		require.Empty(t, imports(t, s, "/Shared/f", "1", `,"format":"RAW"`))
		time.Sleep(time.Minute)
		between := time.Now().UnixMilli()
		time.Sleep(time.Minute)
		require.Empty(t, imports(t, s, "/Shared/new", "1", `,"language":"SQL"`))
		assert.ElementsMatch(t, []string{"NOTEBOOK /Shared/new", "FILE /Shared/f"}, listed(t, s, fmt.Sprintf("path=/Shared&notebooks_modified_after=%d", between)))
		require.Empty(t, imports(t, s, "/Shared/f", "2", `,"format":"RAW","overwrite":true`))
		status, _ := sendJSON(t, s, "GET get-status?path=/Shared/f", "")
		assert.Equal(t, fmt.Sprint(time.Now().UnixMilli()), status["modified_at"].(json.Number).String())
		assert.Equal(t, fmt.Sprint(between-60_000), status["created_at"].(json.Number).String())
	})
}

func TestWorkspace_repos(t *testing.T) {
	s := newServer(t, WithoutSocket())
	s.PutWorkspaceObject("/Repos/alice/repo", "REPO", nil)
	require.Empty(t, imports(t, s, "/Repos/alice/repo/n", "1", `,"language":"SQL"`))
	assert.Equal(t, []string{"REPO /Repos/alice/repo"}, listed(t, s, "path=/Repos/alice"))
	repo, _ := sendJSON(t, s, "GET get-status?path=/Repos/alice/repo", "")
	status, _ := sendJSON(t, s, "GET get-status?path=/Repos/alice/repo/n&return_git_info=true", "")
	assert.Equal(t, repo["object_id"], status["git_info"].(map[string]any)["id"])
	assert.Equal(t, "/Repos/alice/repo", status["git_info"].(map[string]any)["path"])
	status, _ = sendJSON(t, s, "GET get-status?path=/Repos/alice/repo/n", "")
	assert.NotContains(t, status, "git_info")
}
