package databricks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/internal/safename"
)

func TestWorkspace_wire(t *testing.T) {
	everyField := WorkspaceObject{
		ObjectType: ObjectNotebook, Path: "/n", Language: LanguageR, ObjectID: 9007199254740993, CreatedAt: 1, ModifiedAt: 2, Size: new(int64(0)),
		ResourceID: "7", DirectoryInfo: &DirectoryInfo{IsGitFolder: true}, ReposExportFormat: ExportJupyter,
		GitInfo:               &GitInfo{ID: 3, Path: "/r", URL: "https://git.example.com/r", Provider: "gitHub", Branch: "main", HeadCommitID: "c0ffee"},
		ModifiedAtInteractive: &ModifiedAtInteractive{UserID: "4", Time: 5},
	}
	assertFull(t, everyField)
	const everyFieldJSON = `{"object_type": "NOTEBOOK", "path": "/n", "language": "R", "object_id": 9007199254740993, "created_at": 1, "modified_at": 2,
		"size": 0, "resource_id": 7, "directory_info": {"is_git_folder": true}, "repos_export_format": "JUPYTER", "brand_new": [{}],
		"git_info": {"id": "3", "path": "/r", "url": "https://git.example.com/r", "provider": "gitHub", "branch": "main", "head_commit_id": "c0ffee"},
		"modified_at_interactive": {"user_id": 4, "time_millis": 5}}`
	const nothing = `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Path (/n) doesn't exist."}`
	const denied = `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`
	runWire(t, []wireRow{{
		name: "delete",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Workspace.Delete(ctx, DeleteObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/delete", `{"path": "/n"}`, ""}},
	}, {
		name: "delete of all that is in a directory",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Workspace.Delete(ctx, DeleteObject{Path: "/d", Recursive: true})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/delete", `{"path": "/d", "recursive": true}`, ""}},
	}, {
		name: "delete of a directory that is not empty",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Workspace.Delete(ctx, DeleteObject{Path: "/d"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/delete", `{"path": "/d"}`, `400 {"error_code": "DIRECTORY_NOT_EMPTY", "message": "Folder (/d) is not empty"}`}},
		is:   ErrDirectoryNotEmpty, fails: "is not empty",
	}, {
		name: "delete of nothing",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Workspace.Delete(ctx, DeleteObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/delete", `{"path": "/n"}`, nothing}},
		is:   fs.ErrNotExist,
	}, {
		name: "delete that is not allowed",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Workspace.Delete(ctx, DeleteObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/delete", `{"path": "/n"}`, denied}},
		is:   fs.ErrPermission,
	}, {
		name: "export in the default format",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?path=%2Fn", "", `{"content": "cHJpbnQoMSk=", "file_type": "py", "brand_new": 1}`}},
		want: &WorkspaceExport{Content: []byte("print(1)"), FileType: "py"},
	}, {
		name: "export of nothing but an empty file",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n", Format: ExportRaw})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?format=RAW&path=%2Fn", "", `{"content": ""}`}},
		want: &WorkspaceExport{Content: []byte{}},
	}, {
		name: "export of the bytes themselves, whatever they look like",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n", Format: ExportHTML, DirectDownload: true})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?direct_download=true&format=HTML&path=%2Fn", "", `{"content": "cHJpbnQoMSk="}`}},
		want: &WorkspaceExport{Content: []byte(`{"content": "cHJpbnQoMSk="}`)},
	}, {
		name: "export of too much, as documented",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?path=%2Fn", "", `400 {"error_code": "MAX_NOTEBOOK_SIZE_EXCEEDED", "message": "x"}`}},
		is:   ErrTooLarge,
	}, {
		name: "export of too much, on newer servers",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n", DirectDownload: true})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?direct_download=true&path=%2Fn", "", `400 {"error_code": "BAD_REQUEST", "message": "Notebook size exceeded limit: 10485761 > 10485760"}`}},
		is:   ErrTooLarge,
	}, {
		name: "export of too much, on others",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?path=%2Fn", "", `400 {"error_code": "X", "message": "x", "details": [{"reason": "MAX_READ_SIZE_EXCEEDED"}]}`}},
		is:   ErrTooLarge,
	}, {
		name: "export of what has no such format",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Export(ctx, ExportObject{Path: "/lib", Format: "NEW"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/export?format=NEW&path=%2Flib", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}`}},
		is:   ErrInvalidParameterValue,
	}, {
		name: "get-status returns every field",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.GetStatus(ctx, GetObjectStatus{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/get-status?path=%2Fn", "", everyFieldJSON}},
		want: &everyField,
	}, {
		name: "get-status with all other fields",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.GetStatus(ctx, GetObjectStatus{Path: "/n", ReturnExportInfo: true, ReturnGitInfo: true})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/get-status?path=%2Fn&return_export_info=true&return_git_info=true", "", everyFieldJSON}},
		want: &everyField,
	}, {
		name: "get-status of a type and a language that are new, from an old server",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.GetStatus(ctx, GetObjectStatus{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/get-status?path=%2Fn", "", `{"object_type": "HOLOGRAM", "path": "/n", "language": "LATIN", "size": null}`}},
		want: &WorkspaceObject{ObjectType: "HOLOGRAM", Path: "/n", Language: "LATIN"},
	}, {
		name: "get-status of nothing",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.GetStatus(ctx, GetObjectStatus{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/get-status?path=%2Fn", "", nothing}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "import with every field",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n", Format: ImportSource, Language: LanguagePython, Content: []byte("print(1)"), Overwrite: true})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/import", `{"path": "/n", "format": "SOURCE", "language": "PYTHON", "content": "cHJpbnQoMSk=", "overwrite": true}`,
			`{"object_id": "9007199254740993"}`}},
		want: int64(9007199254740993),
	}, {
		name: "import sends content even if there is none, and accepts a response without an ID",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/import", `{"path": "/n", "content": ""}`, ""}},
		want: int64(0),
	}, {
		name: "import where something is",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/import", `{"path": "/n", "content": ""}`, `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "Path (/n) already exists."}`}},
		is:   fs.ErrExist,
	}, {
		name: "import without a parent",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/d/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/import", `{"path": "/d/n", "content": ""}`, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "The parent folder (/d) does not exist."}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "import of what the service finds too large",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n"})
		},
		wire: []wireStep{{"POST /api/2.0/workspace/import", `{"path": "/n", "content": ""}`,
			`400 {"error_code": "BAD_REQUEST", "message": "File size imported is (9 bytes), exceeded max size (8 bytes)"}`}},
		is: ErrTooLarge,
	}, {
		name: "import of too much is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n", Content: make([]byte, maxNotebook+1)})
		},
		is: fs.ErrInvalid, fails: "content has 10485761 bytes",
	}, {
		name: "import of an archive over something is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.Import(ctx, ImportObject{Path: "/n", Format: ImportDBC, Overwrite: true})
		},
		is: fs.ErrInvalid, fails: "overwrite cannot be set for format DBC",
	}, {
		name: "list",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.List(ctx, ListObjects{Path: "/d", NotebooksModifiedAfter: 7})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/list?notebooks_modified_after=7&path=%2Fd", "", `{"objects": [` + everyFieldJSON + `, {"path": "/d/x"}, null], "brand_new": 1}`}},
		want: []WorkspaceObject{everyField, {Path: "/d/x"}, {}},
	}, {
		name: "list of an empty directory",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.List(ctx, ListObjects{Path: "/d"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/list?path=%2Fd", "", ""}},
		want: []WorkspaceObject(nil),
	}, {
		name: "all of a directory",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Workspace.All(ctx, ListObjects{Path: "/d"}))
		},
		wire: []wireStep{{"GET /api/2.0/workspace/list?path=%2Fd", "", `{"objects": [` + everyFieldJSON + `]}`}},
		want: []WorkspaceObject{everyField},
	}, {
		name: "list of nothing",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Workspace.List(ctx, ListObjects{Path: "/n"})
		},
		wire: []wireStep{{"GET /api/2.0/workspace/list?path=%2Fn", "", nothing}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "mkdirs",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Workspace.Mkdirs(ctx, "/d/e") },
		wire: []wireStep{{"POST /api/2.0/workspace/mkdirs", `{"path": "/d/e"}`, ""}},
	}, {
		name: "mkdirs where something else is",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Workspace.Mkdirs(ctx, "/n") },
		wire: []wireStep{{"POST /api/2.0/workspace/mkdirs", `{"path": "/n"}`, `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "n already exists and it is not a folder"}`}},
		is:   fs.ErrExist,
	}, {
		name: "walk goes down, by name, into what is a directory",
		call: func(ctx context.Context, c *Client) (any, error) { return elements(c.Workspace.Walk(ctx, "/d")) },
		wire: []wireStep{
			{"GET /api/2.0/workspace/list?path=%2Fd", "", `{"objects": [{"object_type": "REPO", "path": "/d/r"}, {"object_type": "DIRECTORY", "path": "/d/b"}, {"object_type": "DIRECTORY", "path": "/d/a"}]}`},
			{"GET /api/2.0/workspace/list?path=%2Fd%2Fa", "", nothing},
			{"GET /api/2.0/workspace/list?path=%2Fd%2Fb", "", `{"objects": [{"object_type": "FILE", "path": "/d/b/f"}]}`},
		},
		want: []WorkspaceObject{{ObjectType: ObjectDirectory, Path: "/d/a"}, {ObjectType: ObjectDirectory, Path: "/d/b"},
			{ObjectType: ObjectFile, Path: "/d/b/f"}, {ObjectType: ObjectRepo, Path: "/d/r"}},
	}, {
		name: "walk says what it may not see",
		call: func(ctx context.Context, c *Client) (any, error) { return elements(c.Workspace.Walk(ctx, "/d")) },
		wire: []wireStep{
			{"GET /api/2.0/workspace/list?path=%2Fd", "", `{"objects": [{"object_type": "DIRECTORY", "path": "/d/a"}]}`},
			{"GET /api/2.0/workspace/list?path=%2Fd%2Fa", "", denied},
		},
		is: ErrPermissionDenied,
	}})
}

// workspaceCalls are the calls with a path.
var workspaceCalls = []hostileRow{
	{"POST /api/2.0/workspace/delete", "path", "", func(ctx context.Context, c *Client, name string) error {
		return c.Workspace.Delete(ctx, DeleteObject{Path: name})
	}},
	{"GET /api/2.0/workspace/export", "path", "", func(ctx context.Context, c *Client, name string) error {
		_, err := c.Workspace.Export(ctx, ExportObject{Path: name})
		return err
	}},
	{"GET /api/2.0/workspace/get-status", "path", "", func(ctx context.Context, c *Client, name string) error {
		_, err := c.Workspace.GetStatus(ctx, GetObjectStatus{Path: name})
		return err
	}},
	{"POST /api/2.0/workspace/import", "path", "content=", func(ctx context.Context, c *Client, name string) error {
		_, err := c.Workspace.Import(ctx, ImportObject{Path: name})
		return err
	}},
	{"GET /api/2.0/workspace/list", "path", "", func(ctx context.Context, c *Client, name string) error {
		_, err := c.Workspace.List(ctx, ListObjects{Path: name})
		return err
	}},
	{"POST /api/2.0/workspace/mkdirs", "path", "", func(ctx context.Context, c *Client, name string) error {
		return c.Workspace.Mkdirs(ctx, name)
	}},
}

func TestWorkspace_hostilePaths(t *testing.T) {
	var paths []string
	for _, name := range hostileNames {
		paths = append(paths, "/Shared/"+strings.ReplaceAll(name, "\x00", ""))
	}
	runHostile(t, workspaceCalls, paths...)
}

// Invalid paths are rejected before anything is sent.
func TestWorkspace_badPaths(t *testing.T) {
	client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: httpmock.NewMockTransport()}))
	for _, row := range workspaceCalls {
		for name, why := range map[string]string{"": "path is required", "Users/x": "not absolute", "dbfs:/x": "not absolute", "/a\x00": "zero byte", "/a\xff": "UTF-8"} {
			err := row.call(t.Context(), client, name)
			assert.ErrorIs(t, err, fs.ErrInvalid, "%s %q", row.request, name)
			assert.ErrorContains(t, err, why, "%s %q", row.request, name)
		}
	}
}

func TestWorkspace_Import_multipart(t *testing.T) {
	var parts []string
	transport := httpmock.NewMockTransport()
	transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, "POST /api/2.0/workspace/import", r.Method+" "+r.URL.RequestURI())
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		assert.EqualValues(t, len(body), r.ContentLength)
		_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
		form := multipart.NewReader(bytes.NewReader(body), boundary)
		for {
			part, err := form.NextPart()
			if err == io.EOF {
				return wireResponse(`{"object_id": 7}`), nil
			} else if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(part)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part.FormName()+"|"+part.FileName()+"|"+string(content))
		}
	})
	client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}))
	id, err := client.Workspace.Import(t.Context(), ImportObject{Path: "/ü n", Format: ImportSource, Language: LanguageScala, Content: []byte("\x00\xff"), Overwrite: true, Multipart: true})
	require.NoError(t, err)
	assert.EqualValues(t, 7, id)
	assert.Equal(t, []string{"path||/ü n", "format||SOURCE", "language||SCALA", "overwrite||true", "content|content|\x00\xff"}, parts)
	parts = nil
	_, err = client.Workspace.Import(t.Context(), ImportObject{Path: "/n", Multipart: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"path||/n", "overwrite||false", "content|content|"}, parts)
}

// Exported objects get names that are valid on every system, and that an import
// converts back.
func TestWorkspace_localNames(t *testing.T) {
	notebook := func(name string, l WorkspaceLanguage) WorkspaceObject {
		return WorkspaceObject{ObjectType: ObjectNotebook, Path: "/d/" + name, Language: l}
	}
	file := func(name string) WorkspaceObject { return WorkspaceObject{ObjectType: ObjectFile, Path: "/d/" + name} }
	objects := []WorkspaceObject{
		notebook("a", LanguagePython), file("a.py"), notebook("A", LanguagePython), file("A.py"), notebook("a.py", LanguagePython), file("A.PY"),
		notebook("CON", LanguageSQL), notebook("..", LanguageR), notebook("x", "LATIN"), notebook("b", LanguageSQL), file("B.sql"),
		file(`c:\d`), file("%{41}"), notebook("same", LanguageR), {ObjectType: ObjectDirectory, Path: "/d/same.r"},
	}
	entries := make([]remoteEntry, len(objects))
	for i, o := range objects {
		entries[i] = o.entry().in("/d", o.Path)
	}
	names := workspaceDirs{}.localNames(entries)
	require.Len(t, names, len(objects))
	seen := map[string]bool{}
	for i, name := range names {
		o := objects[i]
		assert.False(t, seen[strings.ToLower(name)], "%s stands for two", name)
		seen[strings.ToLower(name)] = true
		assert.NotContains(t, name, `\`)
		back := safename.Decode(name)
		if o.ObjectType == ObjectNotebook && extensions[o.Language] != "" {
			assert.Equal(t, extensions[o.Language], path.Ext(back))
			back = strings.TrimSuffix(back, path.Ext(back))
		}
		assert.Equal(t, o.name(), back)
	}
	assert.Equal(t, "%{61}%{2E}py", names[0])
	assert.Contains(t, names, "A.PY", "most names stay what they are")
	assert.Contains(t, names, "a.py.py")
}

func TestAboutOneFile(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{&APIError{StatusCode: 403, Code: ErrPermissionDenied}, true},
		{&APIError{StatusCode: 403}, false}, // a rejected credential
		{&APIError{StatusCode: 401}, false},
		{&APIError{StatusCode: 404, Code: ErrResourceDoesNotExist}, true},
		{&APIError{StatusCode: 500, Code: ErrInternalError}, false},
		{&OutcomeUnknownError{Err: &APIError{StatusCode: 404, Code: ErrResourceDoesNotExist}}, false},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, true},
		{ErrTooLarge, true},
		{errors.New("no space left"), false},
		{context.Canceled, false},
	} {
		assert.Equal(t, row.want, aboutOneFile(row.err), "%v", row.err)
	}
}
