package databricks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/internal/contract"
)

// A filesRow is a call of the Files API with its request, including the header, and
// its result. Many of these calls have no JSON, so the tables of other areas do not
// fit.
type filesRow struct {
	name     string
	op       string // operation of the contract
	call     func(ctx context.Context, c *Client) (any, error)
	sent     string // "PUT /api/2.0/fs/files/Volumes/…?overwrite=true"; empty if nothing is sent
	header   map[string]string
	body     string
	status   int
	response http.Header
	text     string
	want     any
	is       error
	fails    string
}

const oddPath = "/Volumes/main/default/files/a b/ü?#%;,+.txt"

// onWire is oddPath as it appears in a URL.
const onWire = "/Volumes/main/default/files/a%20b/%C3%BC%3F%23%25%3B%2C+.txt"

const filePathURL, dirPathURL = "/api/2.0/fs/files" + onWire, "/api/2.0/fs/directories" + onWire

var filesRows = []filesRow{{
	name: "upload", op: "files/upload",
	call: func(ctx context.Context, c *Client) (any, error) {
		return nil, c.Files.PutFile(ctx, oddPath, strings.NewReader("content"), PutFileOptions{Overwrite: true})
	},
	sent: "PUT " + filePathURL + "?overwrite=true", header: map[string]string{"Content-Type": "application/octet-stream", "Content-Length": "7"}, body: "content", status: 204,
}, {
	name: "upload of an empty file that must not exist", op: "files/upload",
	call: func(ctx context.Context, c *Client) (any, error) {
		return nil, c.Files.PutFile(ctx, "dbfs:"+oddPath, strings.NewReader(""), PutFileOptions{})
	},
	sent: "PUT " + filePathURL + "?overwrite=false", header: map[string]string{"Content-Length": "0"}, status: 409, text: `{"error_code": "ALREADY_EXISTS", "message": "x"}`,
	is: fs.ErrExist,
}, {
	name: "read", op: "files/download",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.Read(ctx, ReadFile{oddPath, 3, 4, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	},
	sent: "GET " + filePathURL, header: map[string]string{
		"Range": "bytes=3-6", "If-Unmodified-Since": "Fri, 02 Jan 2026 03:04:05 GMT", "Accept": "application/octet-stream"},
	status: 206, response: http.Header{"Content-Range": {"bytes 3-6/10"}}, text: `{"er`, want: []byte(`{"er`),
}, {
	name: "read what is another part", op: "files/download",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.Read(ctx, ReadFile{Path: oddPath, Offset: 3, Length: 4})
	},
	sent: "GET " + filePathURL, status: 206, response: http.Header{"Content-Range": {"bytes 0-3/10"}}, text: "0123",
	fails: `is not the requested part of the file: Content-Range is "bytes 0-3/10"`,
}, {
	name: "read a file that was modified", op: "files/download",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.Read(ctx, ReadFile{Path: oddPath, Length: 1})
	},
	sent: "GET " + filePathURL, status: 412, fails: "412",
}, {
	name: "read nothing is rejected", op: "files/download",
	call:  func(ctx context.Context, c *Client) (any, error) { return c.Files.Read(ctx, ReadFile{Path: oddPath}) },
	fails: "Length is 0; want at least 1", is: fs.ErrInvalid,
}, {
	name: "metadata", op: "files/get-metadata",
	call: func(ctx context.Context, c *Client) (any, error) { return c.Files.GetMetadata(ctx, oddPath) },
	sent: "HEAD " + filePathURL, status: 200,
	response: http.Header{"Content-Length": {"10"}, "Content-Type": {"text/csv"}, "Last-Modified": {"Fri, 02 Jan 2026 03:04:05 GMT"}, "Etag": {`"e"`}},
	want:     &FileMetadata{10, "text/csv", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), `"e"`},
}, {
	name: "metadata of nothing", op: "files/get-metadata",
	call: func(ctx context.Context, c *Client) (any, error) { return c.Files.GetMetadata(ctx, oddPath) },
	sent: "HEAD " + filePathURL, status: 404, is: fs.ErrNotExist,
}, {
	name: "delete", op: "files/delete",
	call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Files.Delete(ctx, oddPath) },
	sent: "DELETE " + filePathURL, status: 200, text: "{}",
}, {
	name: "create a directory", op: "directories/create",
	call: func(ctx context.Context, c *Client) (any, error) {
		return nil, c.Files.CreateDirectory(ctx, oddPath+"/")
	},
	sent: "PUT " + dirPathURL, status: 204,
}, {
	name: "list a directory", op: "directories/list",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.ListPage(ctx, ListDirectory{Path: oddPath, PageSize: 2, PageToken: "t"})
	},
	sent: "GET " + dirPathURL + "?page_size=2&page_token=t", status: 200,
	text: `{"contents": [{"path": "/Volumes/d/f", "name": "f", "is_directory": true, "file_size": 7, "last_modified": 1700000000001}], "next_page_token": "u"}`,
	want: &Page[FileEntry]{[]FileEntry{{"/Volumes/d/f", "f", true, 7, 1700000000001}}, "u"},
}, {
	name: "list an empty directory", op: "directories/list",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.List(ctx, ListDirectory{Path: "/Volumes/main/default/files"})
	},
	sent: "GET /api/2.0/fs/directories/Volumes/main/default/files", status: 200, text: `{}`, want: []FileEntry(nil),
}, {
	name: "a directory exists", op: "directories/get-metadata",
	call: func(ctx context.Context, c *Client) (any, error) {
		return nil, c.Files.GetDirectoryMetadata(ctx, oddPath)
	},
	sent: "HEAD " + dirPathURL, status: 200,
}, {
	name: "delete a directory", op: "directories/delete",
	call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Files.DeleteDirectory(ctx, oddPath) },
	sent: "DELETE " + dirPathURL, status: 404, text: `{"error_code": "NOT_FOUND", "message": "x"}`, is: fs.ErrNotExist,
}, {
	name: "initiate an upload", op: "files/initiate-upload",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.InitiateUpload(ctx, InitiateUpload{oddPath, true})
	},
	sent: "POST " + filePathURL + "?action=initiate-upload&overwrite=true", status: 200,
	text: `{"multipart_upload": {"session_token": "s"}}`, want: &InitiatedUpload{MultipartUpload: &UploadSession{"s"}},
}, {
	name: "initiate an upload on Google Cloud", op: "files/initiate-upload",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.InitiateUpload(ctx, InitiateUpload{Path: oddPath})
	},
	sent: "POST " + filePathURL + "?action=initiate-upload&overwrite=false", status: 200,
	text: `{"resumable_upload": {"session_token": "s"}}`, want: &InitiatedUpload{ResumableUpload: &UploadSession{"s"}},
}, {
	name: "URLs of parts", op: "create-upload-part-urls",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.CreateUploadPartURLs(ctx, CreateUploadPartURLs{oddPath, "s", 3, 2, time.Minute})
	},
	sent: "POST /api/2.0/fs/create-upload-part-urls", status: 200,
	body: `{"path":"` + oddPath + `","session_token":"s","start_part_number":3,"count":2,"expire_time":"2000-01-01T00:01:00Z"}`,
	text: `{"upload_part_urls": [{"url": "u", "part_number": 3, "headers": [{"name": "n", "value": "v"}]}]}`,
	want: []PresignedURL{{"u", 3, []PresignedHeader{{"n", "v"}}}},
}, {
	name: "no URLs of parts", op: "create-upload-part-urls",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.CreateUploadPartURLs(ctx, CreateUploadPartURLs{oddPath, "s", 3, 2, time.Minute})
	},
	sent: "POST /api/2.0/fs/create-upload-part-urls", status: 200, text: `{"upload_part_urls": []}`, fails: "has no upload_part_urls",
	body: `{"path":"` + oddPath + `","session_token":"s","start_part_number":3,"count":2,"expire_time":"2000-01-01T00:01:00Z"}`,
}, {
	name: "the URL of a resumable upload", op: "create-resumable-upload-url",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.CreateResumableUploadURL(ctx, CreateResumableUploadURL{oddPath, "s"})
	},
	sent: "POST /api/2.0/fs/create-resumable-upload-url", body: `{"path":"` + oddPath + `","session_token":"s"}`, status: 200,
	text: `{"resumable_upload_url": {"url": "u", "headers": [{"name": "n", "value": "v"}]}}`,
	want: &PresignedURL{"u", 0, []PresignedHeader{{"n", "v"}}},
}, {
	name: "the URL that aborts an upload", op: "create-abort-upload-url",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.CreateAbortUploadURL(ctx, CreateAbortUploadURL{oddPath, "s", 0})
	},
	sent: "POST /api/2.0/fs/create-abort-upload-url", body: `{"path":"` + oddPath + `","session_token":"s","expire_time":"2000-01-01T01:00:00Z"}`, status: 200,
	text: `{"abort_upload_url": {"url": "u", "headers": [{"name": "n", "value": "v"}]}}`,
	want: &PresignedURL{"u", 0, []PresignedHeader{{"n", "v"}}},
}, {
	name: "complete an upload", op: "files/complete-upload",
	call: func(ctx context.Context, c *Client) (any, error) {
		return nil, c.Files.CompleteUpload(ctx, CompleteUpload{oddPath, "s", []CompletedPart{{1, `"e"`}, {2, ""}}})
	},
	sent: "POST " + filePathURL + "?action=complete-upload&session_token=s&upload_type=multipart", status: 200, text: "{}",
	body: `{"parts":[{"part_number":1,"etag":"\"e\""},{"part_number":2,"etag":""}]}`,
}, {
	name: "the URL of a download", op: "create-download-url",
	call: func(ctx context.Context, c *Client) (any, error) {
		return c.Files.CreateDownloadURL(ctx, CreateDownloadURL{oddPath, time.Minute})
	},
	sent: "POST /api/2.0/fs/create-download-url?expire_time=2000-01-01T00%3A01%3A00Z&path=%2FVolumes%2Fmain%2Fdefault%2Ffiles%2Fa+b%2F%C3%BC%3F%23%25%3B%2C%2B.txt",
	text: `{"url": "u", "headers": [{"name": "n", "value": "v"}]}`, status: 200,
	want: &PresignedURL{"u", 0, []PresignedHeader{{"n", "v"}}},
}}

// transportFunc is a transport that calls a function.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFiles_wire(t *testing.T) {
	for _, row := range filesRows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := ""
				client := newTestClient(t, "https://workspace.example.com", WithRetryPolicy(RetryPolicy{MaxAttempts: 1}), WithHTTPClient(&http.Client{
					Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
						require.Empty(t, sent, "a second request")
						sent = r.Method + " " + r.URL.RequestURI()
						header, body := r.Header.Clone(), ""
						header.Set("Content-Length", fmt.Sprint(r.ContentLength))
						if r.Body != nil {
							text, err := io.ReadAll(r.Body)
							require.NoError(t, err)
							body = string(text)
						}
						assert.Equal(t, row.body, body)
						for name, value := range row.header {
							assert.Equal(t, value, header.Get(name), name)
						}
						return &http.Response{StatusCode: row.status, Header: row.response.Clone(), Body: io.NopCloser(strings.NewReader(row.text)), ContentLength: -1}, nil
					})}))
				got, err := row.call(t.Context(), client)
				assert.Equal(t, row.sent, sent)
				if row.is != nil || row.fails != "" {
					require.Error(t, err)
					if row.is != nil {
						assert.ErrorIs(t, err, row.is)
					}
					assert.ErrorContains(t, err, row.fails)
					return
				}
				require.NoError(t, err)
				if want := reflect.ValueOf(row.want); want.IsValid() || got != nil {
					assert.Equal(t, row.want, got)
				}
			})
		})
	}
}

// Each operation of the contract has a row. The row sends every field of the
// request and returns every field of the response.
func TestContract_files(t *testing.T) {
	areas, err := contract.Load("testdata/contract", "files")
	require.NoError(t, err)
	words := func(text string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(text)) }
	for _, op := range areas[0].Operations {
		t.Run(op.Name, func(t *testing.T) {
			var sent, returned strings.Builder
			for _, row := range filesRows {
				if row.op != op.Name {
					continue
				}
				fmt.Fprint(&sent, row.sent, row.header, row.body)
				fmt.Fprintf(&returned, "%+v %s", row.want, row.text)
				fmt.Fprint(&returned, row.response)
				method, url, _ := strings.Cut(row.sent, " ")
				if row.sent == "" {
					continue
				}
				bare, query, _ := strings.Cut(url, "?")
				want := regexp.MustCompile(`^` + regexp.MustCompile(`/\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(strings.Split(op.Path, "?")[0]), `/Volumes/.+`) + `$`)
				assert.Equal(t, op.Method, method)
				assert.Regexp(t, want, bare)
				if _, action, ok := strings.Cut(op.Path, "?"); ok {
					assert.Contains(t, query, action)
				}
			}
			require.NotEmpty(t, sent.String(), "no row")
			for _, f := range areas[0].Types[op.Request] {
				switch f.Name {
				case "file_path", "directory_path", "contents":
				default:
					assert.Contains(t, words(sent.String()), words(f.Name))
				}
			}
			for _, f := range areas[0].Types[op.Response] {
				// Read checks the header of a part, and returns only the content.
				if f.Name != "contents" && op.Name != "files/download" {
					assert.Contains(t, words(returned.String()), words(f.Name))
				}
			}
		})
	}
}

func TestFiles_badPaths(t *testing.T) {
	client := newTestClient(t, "https://workspace.example.com", WithHTTPClient(&http.Client{
		Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			t.Errorf("sent %s %s", r.Method, r.URL)
			return nil, io.EOF
		})}))
	for path, problem := range map[string]string{
		"":                                 "file_path is required",
		"Volumes/main/default/files/x":     `"Volumes/main/default/files/x" is not in a volume`,
		"/tmp/x":                           `"/tmp/x" is not in a volume; want something like /Volumes/main/default/files/data.csv`,
		"/Volumes/main/default":            "is not in a volume",
		"/Volumes/main/default/files":      "is a volume; want the path of a file in it",
		"/Volumes/main/default/files/":     "ends with a slash; want the path of a file",
		"/Volumes/main/default/files/d/":   "ends with a slash",
		"/Volumes/main/default/files/../x": "contains an element that is empty, . or ..",
		"/Volumes/main/default/files/./x":  "contains an element that is empty, . or ..",
		"/Volumes/main/default/files//x":   "contains an element that is empty, . or ..",
		"/Volumes/main//files/x":           "contains an element that is empty, . or ..",
		"/Volumes/main/default/files/\x00": "contains a zero byte",
		"/Volumes/main/default/files/\xff": "is not valid UTF-8",
		"/Volumes/main/default/files/" + strings.Repeat("ü", 128): "contains a name of 256 bytes; the maximum is 255",
	} {
		for name, call := range map[string]func() error{
			"put":      func() error { return client.Files.PutFile(t.Context(), path, bytes.NewReader(nil), PutFileOptions{}) },
			"metadata": func() error { _, err := client.Files.GetMetadata(t.Context(), path); return err },
			"initiate": func() error {
				_, err := client.Files.InitiateUpload(t.Context(), InitiateUpload{Path: path})
				return err
			},
		} {
			err := call()
			require.ErrorIs(t, err, fs.ErrInvalid, "%s %q", name, path)
			assert.ErrorContains(t, err, problem)
		}
	}
}
