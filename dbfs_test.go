package databricks

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDBFS_wire(t *testing.T) {
	const notThere = `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No file or directory exists on path /a."}`
	const isThere = `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "A file or directory already exists at the input path dbfs:/a."}`
	mebibyte := make([]byte, MaxBlockSize)

	runWire(t, []wireRow{{
		name: "create returns the handle, which is too large for a float",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.Create(ctx, CreateFile{Path: "/a"}) },
		wire: []wireStep{{"POST /api/2.0/dbfs/create", `{"path": "/a"}`, `{"handle": 9007199254740993, "unknown": 1}`}},
		want: int64(9007199254740993),
	}, {
		name: "create overwrites on request, and drops dbfs: from the path",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Create(ctx, CreateFile{Path: "dbfs:/a b", Overwrite: true})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/create", `{"path": "/a b", "overwrite": true}`, `{"handle": "7"}`}},
		want: int64(7),
	}, {
		name: "create says that something is there",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.Create(ctx, CreateFile{Path: "/a"}) },
		wire: []wireStep{{"POST /api/2.0/dbfs/create", `{"path": "/a"}`, isThere}},
		is:   fs.ErrExist,
	}, {
		name: "add-block sends base64",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.AddBlock(ctx, 9007199254740993, []byte("hello"))
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/add-block", `{"handle": 9007199254740993, "data": "aGVsbG8="}`, ``}},
	}, {
		name: "an empty block is the service's business",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.AddBlock(ctx, 7, nil) },
		wire: []wireStep{{"POST /api/2.0/dbfs/add-block", `{"handle": 7, "data": ""}`, ``}},
	}, {
		name: "a block that is too large is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.AddBlock(ctx, 7, append(mebibyte, 0))
		},
		is:    fs.ErrInvalid,
		fails: "POST /api/2.0/dbfs/add-block: data has 1048577 bytes; a block has at most 1048576",
	}, {
		name:  "a handle of zero is refused",
		call:  func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.AddBlock(ctx, 0, nil) },
		is:    fs.ErrInvalid,
		fails: "handle is required",
	}, {
		name: "add-block says that the handle is gone",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.AddBlock(ctx, 7, nil) },
		wire: []wireStep{{"POST /api/2.0/dbfs/add-block", `{"handle": 7, "data": ""}`, notThere}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "a block that the service finds too large",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.AddBlock(ctx, 7, nil) },
		wire: []wireStep{{"POST /api/2.0/dbfs/add-block", `{"handle": 7, "data": ""}`, `400 {"error_code": "MAX_BLOCK_SIZE_EXCEEDED"}`}},
		is:   ErrTooLarge,
	}, {
		name: "close",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.Close(ctx, 7) },
		wire: []wireStep{{"POST /api/2.0/dbfs/close", `{"handle": 7}`, ``}},
	}, {
		name: "a first close of no handle is no success",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.Close(ctx, 7) },
		wire: []wireStep{{"POST /api/2.0/dbfs/close", `{"handle": 7}`, notThere}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "delete",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Delete(ctx, DeleteFile{Path: "/a"})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/delete", `{"path": "/a"}`, ``}},
	}, {
		name: "delete with all that is below",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Delete(ctx, DeleteFile{Path: "/a", Recursive: true})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/delete", `{"path": "/a", "recursive": true}`, ``}},
	}, {
		name: "delete of a directory that is not empty, as servers say it",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Delete(ctx, DeleteFile{Path: "/a"})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/delete", `{"path": "/a"}`, `400 {"error_code": "IO_ERROR", "message": "DirectoryNotEmpty"}`}},
		is:   ErrIOError,
	}, {
		name: "delete of a directory that is not empty, as newer servers say it",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Delete(ctx, DeleteFile{Path: "/a"})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/delete", `{"path": "/a"}`, `400 {"error_code": "BAD_REQUEST", "message": "Directory is not empty."}`}},
		is:   ErrBadRequest,
	}, {
		name: "get-status of a file",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.GetStatus(ctx, "dbfs:/a") },
		wire: []wireStep{{"GET /api/2.0/dbfs/get-status?path=%2Fa", "", `{"path": "/a", "is_dir": false, "file_size": 5000000000, "modification_time": 1700000000123, "unknown": {}}`}},
		want: &FileInfo{Path: "/a", FileSize: 5_000_000_000, ModificationTime: 1_700_000_000_123},
	}, {
		name: "get-status of a directory, of an old server",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.GetStatus(ctx, "/a") },
		wire: []wireStep{{"GET /api/2.0/dbfs/get-status?path=%2Fa", "", `{"path": "/a", "is_dir": true, "file_size": 0}`}},
		want: &FileInfo{Path: "/a", IsDir: true},
	}, {
		name: "get-status of nothing",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.GetStatus(ctx, "/a") },
		wire: []wireStep{{"GET /api/2.0/dbfs/get-status?path=%2Fa", "", notThere}},
		is:   fs.ErrNotExist,
	}, {
		name: "a workspace without DBFS",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.GetStatus(ctx, "/a") },
		wire: []wireStep{{"GET /api/2.0/dbfs/get-status?path=%2Fa", "", `403 {"error_code": "PERMISSION_DENIED", "message": "Public DBFS root is disabled. Access is denied on path: /a"}`}},
		is:   fs.ErrPermission,
	}, {
		name: "list",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.List(ctx, "/a/") },
		wire: []wireStep{{"GET /api/2.0/dbfs/list?path=%2Fa%2F", "", `{"files": [
			{"path": "/a/b", "is_dir": true, "file_size": 0, "modification_time": 0},
			{"path": "/a/c", "is_dir": false, "file_size": 1, "modification_time": 1700000000123}]}`}},
		want: []FileInfo{{Path: "/a/b", IsDir: true}, {Path: "/a/c", FileSize: 1, ModificationTime: 1_700_000_000_123}},
	}, {
		name: "an empty directory has no files at all",
		call: func(ctx context.Context, c *Client) (any, error) { return c.DBFS.List(ctx, "/a") },
		wire: []wireStep{{"GET /api/2.0/dbfs/list?path=%2Fa", "", `{}`}},
		want: []FileInfo(nil),
	}, {
		name: "mkdirs",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.Mkdirs(ctx, "/a/b") },
		wire: []wireStep{{"POST /api/2.0/dbfs/mkdirs", `{"path": "/a/b"}`, ``}},
	}, {
		name: "move",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.Move(ctx, "dbfs:/a", "dbfs:/b") },
		wire: []wireStep{{"POST /api/2.0/dbfs/move", `{"source_path": "/a", "destination_path": "/b"}`, ``}},
	}, {
		name:  "move to nowhere",
		call:  func(ctx context.Context, c *Client) (any, error) { return nil, c.DBFS.Move(ctx, "/a", "") },
		is:    fs.ErrInvalid,
		fails: "destination_path is required",
	}, {
		name: "put",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Put(ctx, PutContents{Path: "/a", Contents: []byte("hello"), Overwrite: true})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/put", `{"path": "/a", "contents": "aGVsbG8=", "overwrite": true}`, ``}},
	}, {
		name: "put of nothing makes an empty file",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Put(ctx, PutContents{Path: "/a", Contents: []byte{}})
		},
		wire: []wireStep{{"POST /api/2.0/dbfs/put", `{"path": "/a"}`, ``}},
	}, {
		name: "put of too much",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.DBFS.Put(ctx, PutContents{Path: "/a", Contents: append(mebibyte, 0)})
		},
		is:    fs.ErrInvalid,
		fails: "contents has 1048577 bytes",
	}, {
		name: "read",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: 5, Length: 10})
		},
		wire: []wireStep{{"GET /api/2.0/dbfs/read?length=10&offset=5&path=%2Fa", "", `{"bytes_read": 5, "data": "aGVsbG8="}`}},
		want: []byte("hello"),
	}, {
		name: "read of as much as the service likes",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: 0, Length: 0})
		},
		wire: []wireStep{{"GET /api/2.0/dbfs/read?path=%2Fa", "", `{"bytes_read": 0, "data": ""}`}},
		want: []byte{},
	}, {
		name: "read of too much",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: 0, Length: MaxBlockSize + 1})
		},
		is:    fs.ErrInvalid,
		fails: "length is 1048577; want 0 to 1048576",
	}, {
		name: "read from before the beginning",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: -1, Length: 1})
		},
		is:    fs.ErrInvalid,
		fails: "offset is -1",
	}, {
		name: "read whose count is not that of its data",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: 0, Length: 1})
		},
		wire:  []wireStep{{"GET /api/2.0/dbfs/read?length=1&path=%2Fa", "", `{"bytes_read": 2, "data": "aA=="}`}},
		fails: "bytes_read is 2, but data contains 1 bytes",
	}, {
		name: "read beyond the end",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.DBFS.Read(ctx, ReadBlock{Path: "/a", Offset: 9, Length: 1})
		},
		wire: []wireStep{{"GET /api/2.0/dbfs/read?length=1&offset=9&path=%2Fa", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cannot read when offset is greater than file size. Found offset = 9"}`}},
		is:   ErrInvalidParameterValue,
	}})
}

func TestDBFS_paths(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *Client, path string) error{
		"path": func(ctx context.Context, c *Client, path string) error {
			_, err := c.DBFS.Create(ctx, CreateFile{Path: path})
			return err
		},
		"path of delete": func(ctx context.Context, c *Client, path string) error {
			return c.DBFS.Delete(ctx, DeleteFile{Path: path, Recursive: true})
		},
		"path of get-status": func(ctx context.Context, c *Client, path string) error {
			_, err := c.DBFS.GetStatus(ctx, path)
			return err
		},
		"path of list":     func(ctx context.Context, c *Client, path string) error { _, err := c.DBFS.List(ctx, path); return err },
		"path of mkdirs":   func(ctx context.Context, c *Client, path string) error { return c.DBFS.Mkdirs(ctx, path) },
		"source_path":      func(ctx context.Context, c *Client, path string) error { return c.DBFS.Move(ctx, path, "/to") },
		"destination_path": func(ctx context.Context, c *Client, path string) error { return c.DBFS.Move(ctx, "/from", path) },
		"path of put": func(ctx context.Context, c *Client, path string) error {
			return c.DBFS.Put(ctx, PutContents{Path: path, Contents: nil})
		},
		"path of a multipart put": func(ctx context.Context, c *Client, path string) error {
			return c.DBFS.PutFile(ctx, path, strings.NewReader(""), PutFileOptions{})
		},
		"path of read": func(ctx context.Context, c *Client, path string) error {
			_, err := c.DBFS.Read(ctx, ReadBlock{Path: path, Offset: 0, Length: 1})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			member, _, _ := strings.Cut(name, " ")
			var got string
			transport := httpmock.NewMockTransport()
			transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				got = pathSent(t, r, member)
				return wireResponse(`{"handle": 1}`), nil
			})
			client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{Transport: transport}))
			for _, path := range []string{
				"/", "/a b", "/a&b=c", "/a%2Fb", "/a#b?c", "/ü/報告：2020", "/a/../b", "/..", "/a\nb\"c'\\d", "//a//b/", "/" + strings.Repeat("long ", 800),
			} {
				require.NoError(t, call(t.Context(), client, path), "%q", path)
				assert.Equal(t, path, got)
				if !strings.HasPrefix(path, "//") {
					require.NoError(t, call(t.Context(), client, "dbfs:"+path), "%q", path)
					assert.Equal(t, path, got)
				}
			}
			for path, problem := range map[string]string{
				"":          "is required",
				"a":         "is not absolute",
				"dbfs:a":    "is not absolute",
				"dbfs:":     "is not absolute",
				"dbfs://a":  "names a host",
				"s3://a/b":  "is not absolute",
				"/a\x00b":   "contains a zero byte",
				"/a\xffb":   "not valid UTF-8",
				`C:\a.txt`:  "is not absolute",
				"DBFS:/a":   "is not absolute",
				" /leading": "is not absolute",
			} {
				got = "nothing"
				err := call(t.Context(), client, path)
				require.ErrorIs(t, err, fs.ErrInvalid, "%q", path)
				assert.ErrorContains(t, err, member+" ")
				assert.ErrorContains(t, err, problem)
				assert.Equal(t, "nothing", got, "%q was sent", path)
			}
		})
	}
}

// pathSent returns the path in a request, in any form of body.
func pathSent(t *testing.T, r *http.Request, member string) string {
	if r.Method == http.MethodGet {
		return r.URL.Query().Get(member)
	}
	if media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "multipart/form-data" {
		form, err := multipart.NewReader(r.Body, params["boundary"]).ReadForm(1 << 20)
		if !assert.NoError(t, err) || !assert.Len(t, form.Value[member], 1) {
			return ""
		}
		return form.Value[member][0]
	}
	var body map[string]any
	if !assert.NoError(t, json.NewDecoder(r.Body).Decode(&body)) {
		return ""
	}
	path, _ := body[member].(string)
	return path
}

// Deleting a tree takes long, so it tolerates the same outages as a wait.
func TestDBFS_DeleteTree_outlastsOutages(t *testing.T) {
	partly := respond(503, `{"error_code": "PARTIAL_DELETE", "message": "The requested operation has deleted 324 files. There are more files remaining."}`)
	down := respond(500, `{"error_code": "INTERNAL_ERROR", "message": "x"}`)
	for _, row := range []struct {
		name      string
		responses []func(*http.Request) (*http.Response, error)
		fails     ErrorCode
	}{
		{"midway", append(append(slices.Repeat([]func(*http.Request) (*http.Response, error){partly}, 20), slices.Repeat([]func(*http.Request) (*http.Response, error){down}, 12)...), partly, respond(200, `{}`)), ""},
		{"for good", append(slices.Repeat([]func(*http.Request) (*http.Response, error){partly}, 20), slices.Repeat([]func(*http.Request) (*http.Response, error){down}, 10_000)...), ErrInternalError},
		{"a refusal", []func(*http.Request) (*http.Response, error){partly, respond(400, `{"error_code": "INVALID_STATE"}`)}, ErrInvalidState},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := scriptedClient(t, nil, row.responses...)
			started := time.Now()
			err := c.DBFS.DeleteTree(t.Context(), "/big", nil)
			if row.fails == "" {
				require.NoError(t, err, row.name)
				return
			}
			require.ErrorIs(t, err, row.fails, row.name)
			assert.Less(t, time.Since(started), 10*time.Minute, row.name)
		})
	}
}

func TestDBFS_Delete_goesOnUntilAllIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		partly := respond(503, `{"error_code": "PARTIAL_DELETE", "message": "The requested operation has deleted 324 files. There are more files remaining. You must make another request to delete more."}`)
		responses := []func(*http.Request) (*http.Response, error){}
		for range 20 { // more than the maximum attempts of a call
			responses = append(responses, partly)
		}
		c, s := scriptedClient(t, nil, append(responses, respond(200, `{}`))...)
		var reported []int64
		require.NoError(t, c.DBFS.DeleteTree(t.Context(), "/big", func(files int64) { reported = append(reported, files) }))
		assert.Len(t, s.sent, 21)
		for _, body := range s.bodies {
			assert.JSONEq(t, `{"path": "/big", "recursive": true}`, body)
		}
		require.Len(t, reported, 20)
		assert.EqualValues(t, 324, reported[0])
		assert.EqualValues(t, 20*324, reported[19])
	})
}

// A negative size is an error. A huge size does not make the client allocate
// memory.
func TestFS_absurdSizes(t *testing.T) {
	for size, want := range map[string]string{"-1": "file_size is -1", "4611686018427387904": "changed"} {
		response := func(r *http.Request) (*http.Response, error) {
			body := `{"path":"/a","is_dir":false,"file_size":` + size + `}`
			if strings.HasSuffix(r.URL.Path, "/read") {
				body = `{"bytes_read":0,"data":""}`
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
		}
		client := newTestClient(t, "https://w.example.com", WithHTTPClient(&http.Client{Transport: roundTripFunc(response)}))
		_, err := fs.ReadFile(client.DBFS.FS(t.Context(), "/"), "a")
		assert.ErrorContains(t, err, want, size)
	}
}
