package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const mebibyte = 1 << 20

// noise returns n bytes that are the same each time, and no two blocks alike.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	data := make([]byte, n)
	source.Read(data)
	return data
}

// only hides all that a reader can do but Read.
func only(r io.Reader) io.Reader { return io.MultiReader(r) }

// dbfsTree returns the content of all files below path, by path.
func dbfsTree(t testing.TB, client *databricks.Client, path string) map[string]string {
	tree := map[string]string{}
	files, err := client.DBFS.List(context.WithoutCancel(t.Context()), path)
	if errors.Is(err, fs.ErrNotExist) {
		return tree
	}
	require.NoError(t, err)
	for _, file := range files {
		if file.IsDir {
			maps.Copy(tree, dbfsTree(t, client, file.Path))
			continue
		}
		var content []byte
		for int64(len(content)) < file.FileSize {
			block, err := client.DBFS.Read(context.WithoutCancel(t.Context()), file.Path, int64(len(content)), mebibyte)
			require.NoError(t, err)
			content = append(content, block...)
		}
		tree[file.Path] = string(content)
	}
	return tree
}

// assertTree compares without printing megabytes.
func assertTree(t testing.TB, client *databricks.Client, want map[string]string, format string, args ...any) {
	t.Helper()
	got := dbfsTree(t, client, "/")
	if !maps.Equal(want, got) {
		for path, content := range got {
			if content != want[path] {
				t.Errorf("%s has %d bytes, not the %d that it should", path, len(content), len(want[path]))
			}
		}
		assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
		t.Fatalf(format, args...)
	}
}

func TestDBFS_Upload_anySource(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	for _, size := range []int{0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 2*mebibyte + 12345} {
		data := noise(size)
		name := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(name, data, 0o600))
		file, err := os.Open(name)
		require.NoError(t, err)
		defer file.Close()
		for kind, from := range map[string]io.Reader{
			"file":           file,
			"bytes.Reader":   bytes.NewReader(data),
			"bytes.Buffer":   bytes.NewBuffer(bytes.Clone(data)),
			"strings.Reader": strings.NewReader(string(data)),
			"reader":         only(bytes.NewReader(data)),
			"halves":         iotest.HalfReader(bytes.NewReader(data)),
			"data and EOF":   iotest.DataErrReader(bytes.NewReader(data)),
		} {
			var told []int64
			require.NoError(t, client.DBFS.Upload(t.Context(), "dbfs:/new/file", from, databricks.UploadOptions{Progress: func(done, total int64) {
				told = append(told, done, total)
			}}), "%s of %d bytes", kind, size)
			assertTree(t, client, map[string]string{"/new/file": string(data)}, "%s of %d bytes", kind, size)
			require.NotEmpty(t, told)
			assert.EqualValues(t, size, told[len(told)-2], kind)
			rest, err := io.ReadAll(from)
			require.NoError(t, err)
			assert.Empty(t, rest, "%s was not read to its end", kind)
			require.NoError(t, client.DBFS.Delete(t.Context(), "/new", true))
		}
	}
}

// calls lists what the server was asked since the last time.
func calls(server *databrickstest.Server) (calls []string) {
	for _, r := range server.Requests() {
		calls = append(calls, strings.TrimPrefix(r.Path, "/api/2.0/dbfs/"))
	}
	server.ForgetRequests()
	slices.Sort(calls)
	return calls
}

func TestDBFS_Upload_takesFewCalls(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	upload := func(from io.Reader, opts databricks.UploadOptions) []string {
		require.NoError(t, client.DBFS.Upload(t.Context(), "/f", from, opts))
		return calls(server)
	}
	over := databricks.UploadOptions{Overwrite: true}
	assert.Equal(t, []string{"get-status", "get-status", "move", "put"}, upload(strings.NewReader("one"), databricks.UploadOptions{}))
	assert.Equal(t, []string{"delete", "get-status", "get-status", "move", "move", "put"}, upload(strings.NewReader("two"), over))
	assert.Equal(t, []string{"get-status", "put"}, upload(strings.NewReader("three"), databricks.UploadOptions{Overwrite: true, InPlace: true}))
	assert.Equal(t, []string{"add-block", "close", "create", "delete", "get-status", "get-status", "move", "move"}, upload(only(strings.NewReader("four")), over))
}

func TestDBFS_Upload_refuses(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	require.NoError(t, client.DBFS.Mkdirs(t.Context(), "/dir"))
	require.NoError(t, client.DBFS.Put(t.Context(), "/old", []byte("old"), false))
	server.ForgetRequests()
	want := map[string]string{"/old": "old"}
	large := noise(8 * mebibyte)
	for _, tt := range []struct {
		path  string
		opts  databricks.UploadOptions
		is    error
		fails string
	}{
		{"/old", databricks.UploadOptions{}, fs.ErrExist, "upload /old: RESOURCE_ALREADY_EXISTS"},
		{"/old", databricks.UploadOptions{}, databricks.ErrResourceAlreadyExists, "upload /old"},
		{"/old", databricks.UploadOptions{InPlace: true}, fs.ErrExist, "upload /old"},
		{"/old/new", databricks.UploadOptions{Overwrite: true}, fs.ErrExist, "upload /old/new"},
		{"/dir", databricks.UploadOptions{Overwrite: true}, fs.ErrExist, "a directory is there"},
		{"/dir", databricks.UploadOptions{Overwrite: true, InPlace: true}, fs.ErrExist, "upload /dir"},
		{"/dir/", databricks.UploadOptions{}, fs.ErrInvalid, "is a directory's"},
		{"/", databricks.UploadOptions{}, fs.ErrInvalid, "is a directory's"},
		{"", databricks.UploadOptions{}, fs.ErrInvalid, "path is missing"},
		{"dir/new", databricks.UploadOptions{}, fs.ErrInvalid, "is not absolute"},
		{"/Volumes/x", databricks.UploadOptions{}, fs.ErrPermission, "No operations allowed"},
	} {
		for kind, from := range map[string]io.Reader{
			"put": bytes.NewReader(large), "small": strings.NewReader("new"), "stream": only(bytes.NewReader(large)), "small stream": only(strings.NewReader("new")),
		} {
			err := client.DBFS.Upload(t.Context(), tt.path, from, tt.opts)
			assert.ErrorIs(t, err, tt.is, "%s to %s", kind, tt.path)
			assert.ErrorContains(t, err, tt.fails)
			assertTree(t, client, want, "%s to %s: %v", kind, tt.path, err)
		}
	}
}

// A mishap is something that goes wrong with one request or more.
type mishap struct {
	name  string
	fault databrickstest.Fault
}

// mishaps are the ways in which a request can fail, and then some more.
var mishaps = []mishap{
	{"refused", databrickstest.Fault{Refuse: true}},
	{"reset before the work", databrickstest.Fault{Reset: true}},
	{"reset after the work", databrickstest.Fault{Reset: true, WorkDone: true}},
	{"429", databrickstest.Fault{Status: 429}},
	{"429 with Retry-After", databrickstest.Fault{Status: 429, RetryAfter: "8"}},
	{"503 with Retry-After", databrickstest.Fault{Status: 503, RetryAfter: "8"}},
	{"503 of a gateway", databrickstest.Fault{Status: 503, Body: "<html>No webapps are available</html>"}},
	{"502 before the work", databrickstest.Fault{Status: 502}},
	{"502 after the work", databrickstest.Fault{Status: 502, WorkDone: true}},
	{"504 after the work", databrickstest.Fault{Status: 504, WorkDone: true, Body: "<html>Gateway Timeout</html>"}},
	{"500 before the work", databrickstest.Fault{Status: 500}},
	{"500 after the work", databrickstest.Fault{Status: 500, WorkDone: true}},
	{"400", databrickstest.Fault{Status: 400}},
	{"403", databrickstest.Fault{Status: 403}},
	{"404", databrickstest.Fault{Status: 404}},
	{"an answer that breaks off", databrickstest.Fault{Truncate: true, Keep: 1}},
	{"no answer at all", databrickstest.Fault{Truncate: true, WorkDone: true}},
	{"a sign-in page", databrickstest.Fault{Status: 200, Body: "<html>Sign in</html>"}},
	{"a redirect", databrickstest.Fault{Redirect: "https://login.example.com/"}},
	{"latency", databrickstest.Fault{Latency: time.Minute}},
	{"reset three times before the work", databrickstest.Fault{Reset: true, Times: 3}},
	{"reset three times after the work", databrickstest.Fault{Reset: true, WorkDone: true, Times: 3}},
	{"502 six times after the work", databrickstest.Fault{Status: 502, WorkDone: true, Times: 6}},
}

// eachMishap tries a transfer with each mishap at every one of its requests,
// and with a context that ends there. The transfer calls arm when it is ready.
func eachMishap(t *testing.T, mishaps []mishap, opts []databrickstest.Option,
	try func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error) {
	for _, m := range append([]mishap{{name: "the context ends"}}, mishaps...) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			failures, hit := 0, true
			for at := 0; hit; at++ {
				synctest.Test(t, func(t *testing.T) {
					server := databrickstest.NewServer(opts...)
					defer server.Close()
					ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
					defer cancel()
					ends := m.fault.String() == "fault"
					var requests atomic.Int64
					arm := func() {
						server.Inject(databrickstest.Fault{Match: func(r *http.Request) bool {
							if requests.Add(1) == int64(at)+1 && ends {
								cancel()
							}
							return false
						}})
						if fault := m.fault; !ends {
							fault.Skip = at
							server.Inject(fault)
						}
					}
					if try(t, ctx, server, arm, fmt.Sprintf("%s at request %d", m.name, at+1)) != nil {
						failures++
					}
					hit = requests.Load() > int64(at)
					assert.Empty(t, server.Panics())
				})
				if t.Failed() {
					return
				}
			}
			t.Logf("%d of the tries failed", failures)
		})
	}
}

// Whatever happens, the file is there and whole; or what was there before is,
// nothing else is, and the error says so.
func TestDBFS_Upload_withEveryMishapAtEveryRequest(t *testing.T) {
	small, two := []byte("hello"), noise(mebibyte+1)
	for _, tt := range []struct {
		name    string
		data    []byte
		once    bool
		old     string
		mishaps []mishap
		opts    []databrickstest.Option
	}{
		{"a put", small, false, "", mishaps, nil},
		{"a put over a file", small, false, "old", mishaps, nil},
		{"a stream", small, true, "", mishaps, nil},
		{"a stream over a file", small, true, "old", mishaps, nil},
		{"a stream that shows early", small, true, "old", mishaps, []databrickstest.Option{databrickstest.WithEarlyFiles()}},
		{"a stream of two blocks", two, true, "", mishaps[1:3], nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachMishap(t, tt.mishaps, tt.opts, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
				client, before := server.Client(), map[string]string{}
				if tt.old != "" {
					require.NoError(t, client.DBFS.Put(t.Context(), "/dir/f", []byte(tt.old), true))
					before["/dir/f"] = tt.old
				}
				var from io.Reader = bytes.NewReader(tt.data)
				if tt.once {
					from = only(from)
				}
				arm()
				err := client.DBFS.Upload(ctx, "/dir/f", from, databricks.UploadOptions{Overwrite: tt.old != ""})
				server.ClearFaults()
				if err == nil {
					before = map[string]string{"/dir/f": string(tt.data)}
				}
				assertTree(t, client, before, "%s: %v", name, err)
				return err
			})
		})
	}
}
