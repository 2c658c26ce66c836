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
	"sync"
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

// noise returns n bytes that are always the same. Its blocks all differ.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	data := make([]byte, n)
	source.Read(data)
	return data
}

// only hides all methods except Read.
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
			block, err := client.DBFS.Read(context.WithoutCancel(t.Context()), databricks.ReadBlock{Path: file.Path, Offset: int64(len(content)), Length: mebibyte})
			require.NoError(t, err)
			content = append(content, block...)
		}
		tree[file.Path] = string(content)
	}
	return tree
}

// assertTree compares files without printing megabytes.
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
			var reported []int64
			require.NoError(t, client.DBFS.Upload(t.Context(), from, "dbfs:/new/file", databricks.UploadOptions{Progress: func(done, total int64) {
				reported = append(reported, done, total)
			}}), "%s of %d bytes", kind, size)
			assertTree(t, client, map[string]string{"/new/file": string(data)}, "%s of %d bytes", kind, size)
			require.NotEmpty(t, reported)
			assert.EqualValues(t, size, reported[len(reported)-2], kind)
			rest, err := io.ReadAll(from)
			require.NoError(t, err)
			assert.Empty(t, rest, "%s was not read to its end", kind)
			require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/new", Recursive: true}))
		}
	}
}

// calls returns the requests that the server received since the last call.
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
		require.NoError(t, client.DBFS.Upload(t.Context(), from, "/f", opts))
		return calls(server)
	}
	over := databricks.UploadOptions{Overwrite: true}
	assert.Equal(t, []string{"put"}, upload(strings.NewReader("one"), databricks.UploadOptions{}))
	assert.Equal(t, []string{"put"}, upload(strings.NewReader("two"), over))
	assert.Equal(t, []string{"put"}, upload(strings.NewReader("three"), databricks.UploadOptions{Overwrite: true, InPlace: true}))
	assert.Equal(t, []string{"put"}, upload(only(strings.NewReader("four")), over))
	large := noise(mebibyte + 1)
	assert.Equal(t, []string{"delete", "get-status", "get-status", "move", "move", "put"}, upload(bytes.NewReader(large), over))
	assert.Equal(t, []string{"delete", "get-status", "get-status", "move", "move", "put"}, upload(only(bytes.NewReader(large)), over))
	assert.Equal(t, []string{"get-status", "put"}, upload(bytes.NewReader(large), databricks.UploadOptions{Overwrite: true, InPlace: true}))
	unbuffered := databricks.UploadOptions{Overwrite: true, Unbuffered: true}
	assert.Equal(t, []string{"add-block", "add-block", "close", "create", "delete", "get-status", "get-status", "move", "move"}, upload(only(bytes.NewReader(large)), unbuffered))
}

func TestDBFS_Upload_refuses(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	require.NoError(t, client.DBFS.Mkdirs(t.Context(), "/dir"))
	require.NoError(t, client.DBFS.Put(t.Context(), databricks.PutContents{Path: "/old", Contents: []byte("old")}))
	server.ForgetRequests()
	want := map[string]string{"/old": "old"}
	large := noise(8 * mebibyte)
	for _, tt := range []struct {
		path  string
		opts  databricks.UploadOptions
		is    error
		fails string
	}{
		{"/old", databricks.UploadOptions{}, fs.ErrExist, "RESOURCE_ALREADY_EXISTS"},
		{"/old", databricks.UploadOptions{}, databricks.ErrResourceAlreadyExists, "upload /old"},
		{"/old", databricks.UploadOptions{InPlace: true}, fs.ErrExist, "upload /old"},
		{"/old/new", databricks.UploadOptions{Overwrite: true}, fs.ErrExist, "upload /old/new"},
		{"/dir", databricks.UploadOptions{Overwrite: true}, fs.ErrExist, "upload /dir"},
		{"/dir", databricks.UploadOptions{Overwrite: true, InPlace: true}, fs.ErrExist, "upload /dir"},
		{"/dir/", databricks.UploadOptions{}, fs.ErrInvalid, "ends with a slash"},
		{"/", databricks.UploadOptions{}, fs.ErrInvalid, "ends with a slash"},
		{"", databricks.UploadOptions{}, fs.ErrInvalid, "path is required"},
		{"dir/new", databricks.UploadOptions{}, fs.ErrInvalid, "is not absolute"},
		{"/Volumes/x", databricks.UploadOptions{}, fs.ErrPermission, "No operations allowed"},
	} {
		for kind, from := range map[string]io.Reader{
			"put": bytes.NewReader(large), "small": strings.NewReader("new"), "stream": only(bytes.NewReader(large)), "small stream": only(strings.NewReader("new")),
		} {
			err := client.DBFS.Upload(t.Context(), from, tt.path, tt.opts)
			assert.ErrorIs(t, err, tt.is, "%s to %s", kind, tt.path)
			assert.ErrorContains(t, err, tt.fails)
			assertTree(t, client, want, "%s to %s: %v", kind, tt.path, err)
		}
	}
}

// A mishap is a fault of one or more requests.
type mishap struct {
	name  string
	fault databrickstest.Fault
	then  databrickstest.Fault // fault of the next request
}

var none databrickstest.Fault

// mishaps are the possible faults of a request, and some combinations.
var mishaps = []mishap{
	{"refused", databrickstest.Fault{Refuse: true}, none},
	{"reset before the work", databrickstest.Fault{Reset: true}, none},
	{"reset after the work", databrickstest.Fault{Reset: true, WorkDone: true}, none},
	{"429", databrickstest.Fault{Status: 429}, none},
	{"429 with Retry-After", databrickstest.Fault{Status: 429, RetryAfter: "8"}, none},
	{"503 with Retry-After", databrickstest.Fault{Status: 503, RetryAfter: "8"}, none},
	{"503 of a gateway", databrickstest.Fault{Status: 503, Body: "<html>No webapps are available</html>"}, none},
	{"502 before the work", databrickstest.Fault{Status: 502}, none},
	{"502 after the work", databrickstest.Fault{Status: 502, WorkDone: true}, none},
	{"504 after the work", databrickstest.Fault{Status: 504, WorkDone: true, Body: "<html>Gateway Timeout</html>"}, none},
	{"500 before the work", databrickstest.Fault{Status: 500}, none},
	{"500 after the work", databrickstest.Fault{Status: 500, WorkDone: true}, none},
	{"400", databrickstest.Fault{Status: 400}, none},
	{"403", databrickstest.Fault{Status: 403}, none},
	{"404", databrickstest.Fault{Status: 404}, none},
	{"an interrupted response", databrickstest.Fault{Truncate: true, Keep: 1}, none},
	{"no response at all", databrickstest.Fault{Truncate: true, WorkDone: true}, none},
	{"a sign-in page", databrickstest.Fault{Status: 200, Body: "<html>Sign in</html>"}, none},
	{"a redirect", databrickstest.Fault{Redirect: "https://login.example.com/"}, none},
	{"latency", databrickstest.Fault{Latency: time.Minute}, none},
	{"reset three times before the work", databrickstest.Fault{Reset: true, Times: 3}, none},
	{"reset three times after the work", databrickstest.Fault{Reset: true, WorkDone: true, Times: 3}, none},
	{"502 six times after the work", databrickstest.Fault{Status: 502, WorkDone: true, Times: 6}, none},
}

// lateMishaps are faults in which the service processes the request after the
// client received an error.
var lateMishaps = []mishap{
	{"504, the work 200 ms later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: 200 * time.Millisecond}, none},
	{"504, the work 2 s later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: 2 * time.Second}, none},
	{"reset, the work 20 s later", databrickstest.Fault{Reset: true, WorkDone: true, WorkLate: 20 * time.Second}, none},
	{"two 504, the work 2 s later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: 2 * time.Second, Times: 2}, none},
	{"two resets, the work 20 s later", databrickstest.Fault{Reset: true, WorkDone: true, WorkLate: 20 * time.Second, Times: 2}, none},
	{"six 504, the work 2 s later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: 2 * time.Second, Times: 6}, none},
	{"six 504, the work 20 s later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: 20 * time.Second, Times: 6}, none},
	{"504 with the work an hour later", databrickstest.Fault{Status: 504, WorkDone: true, WorkLate: time.Hour}, none},
}

// eachMishap runs a transfer with each mishap at each of its requests, and with a
// context that ends there. The transfer calls arm when it is ready.
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
							if then := m.then; then.String() != "fault" {
								then.Skip = at
								server.Inject(then)
							}
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

// succeeded reports whether an upload reports that the file exists.
func succeeded(err error) bool {
	left, ok := errors.AsType[*databricks.LeftoverError](err)
	return err == nil || ok && left.Err == nil
}

// assertUpload compares the files after an upload, and after all late requests,
// with the reported result. After a success there is the new file. After a failure
// there is the previous file, or the error says which file may be where. The error
// must name all other files.
func assertUpload(t *testing.T, server *databrickstest.Server, path, old, data string, err error, name string) {
	t.Helper()
	synctest.Wait()
	server.ClearFaults()
	time.Sleep(2 * time.Hour)
	synctest.Wait()
	tree := dbfsTree(t, server.Client(), "/")
	_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
	got, there := tree[path]
	delete(tree, path)
	switch {
	case succeeded(err):
		require.True(t, there && got == data, "%s: lost: %d bytes: %v", name, len(got), err)
	case unknown && there:
		require.True(t, got == data || got == old && old != "", "%s: neither the old nor the new file: %v", name, err)
	case unknown && old != "": // it must be at a path that the error names
		require.Contains(t, slices.Collect(maps.Values(tree)), old, "%s: the old file is lost: %v", name, err)
	default:
		require.Equal(t, old != "", there, "%s: %v", name, err)
		require.True(t, got == old, "%s: not the old file: %v", name, err)
	}
	for other := range tree {
		require.ErrorContains(t, err, other, "%s: left without being named", name)
	}
}

// With a fault at any request, and another one at the next request, the file exists
// and is complete. Otherwise the previous file exists, and the error says so. The
// service may process requests at any later time.
func TestDBFS_Upload_withEveryMishapAtEveryRequest(t *testing.T) {
	small, two := []byte("hello"), noise(mebibyte+1)
	early := []databrickstest.Option{databrickstest.WithEarlyFiles()}
	all := slices.Concat(mishaps, lateMishaps)
	for _, first := range lateMishaps[1:3] {
		for _, second := range slices.Concat(mishaps[1:6], lateMishaps[1:3]) {
			all = append(all, mishap{first.name + ", then " + second.name, first.fault, second.fault})
		}
	}
	for _, tt := range []struct {
		name    string
		data    []byte
		how     string // "straight", "beside" or "blocks" for a source that can be read again, or "stream"
		old     string
		mishaps []mishap
		opts    []databrickstest.Option
	}{
		{"a small file", small, "straight", "", all, nil},
		{"a small file over another", small, "straight", "old", all, nil},
		{"a file", small, "beside", "", all, nil},
		{"a file over another", small, "beside", "old", all, nil},
		{"a stream", small, "stream", "", all, nil},
		{"a stream over a file", small, "stream", "old", all, nil},
		{"a stream that shows early", small, "stream", "old", all, early},
		{"a stream of two blocks", two, "stream", "", mishaps[1:3], nil},
		{"blocks", small, "blocks", "", all, nil},
		{"blocks over a file that show early", small, "blocks", "old", all, early},
		{"two blocks", two, "blocks", "", mishaps[1:3], nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachMishap(t, tt.mishaps, tt.opts, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
				client := server.Client()
				if tt.old != "" {
					require.NoError(t, client.DBFS.Put(t.Context(), databricks.PutContents{Path: "/dir/f", Contents: []byte(tt.old), Overwrite: true}))
				}
				opts := databricks.UploadOptions{Overwrite: tt.old != ""}
				arm()
				var err error
				switch tt.how {
				case "straight":
					err = client.DBFS.Upload(ctx, bytes.NewReader(tt.data), "/dir/f", opts)
				case "stream":
					opts.Unbuffered = true
					err = client.DBFS.Upload(ctx, only(bytes.NewReader(tt.data)), "/dir/f", opts)
				case "beside":
					err = databricks.UploadBeside(ctx, client.DBFS, "/dir/f", bytes.NewReader(tt.data), opts)
				case "blocks":
					err = databricks.UploadInBlocks(ctx, client.DBFS, "/dir/f", bytes.NewReader(tt.data), opts)
				}
				// A single mishap does not make the upload fail.
				if m := strings.Split(name, " at request")[0]; tt.how != "stream" && (strings.HasPrefix(m, "reset ") || strings.HasPrefix(m, "502 after")) &&
					!(tt.old != "" && strings.HasPrefix(m, "reset") && strings.Contains(m, "before")) {
					require.True(t, succeeded(err), "%s: %v", name, err)
				}
				assertUpload(t, server, "/dir/f", tt.old, string(tt.data), err, name)
				return err
			})
		})
	}
}

// After the response to a block was lost, the upload starts again, or fails if the
// source cannot be read again.
func TestDBFS_Upload_lostBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		client, data := server.Client(), noise(2*mebibyte+1)
		lose := databrickstest.Fault{Path: "/api/2.0/dbfs/add-block", Skip: 1, Reset: true, WorkDone: true}
		server.Inject(lose)
		require.NoError(t, databricks.UploadInBlocks(t.Context(), client.DBFS, "/f", bytes.NewReader(data), databricks.UploadOptions{}))
		assertTree(t, client, map[string]string{"/f": string(data)}, "started again")
		server.Inject(lose)
		err := client.DBFS.Upload(t.Context(), only(bytes.NewReader(data)), "/g", databricks.UploadOptions{Unbuffered: true})
		require.ErrorContains(t, err, "/api/2.0/dbfs/add-block: ")
		_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
		assert.False(t, unknown, "nothing is at the path: %v", err)
		assert.Equal(t, 3, strings.Count(strings.Join(calls(server), " "), "close"), "a stream is left open")
		assertTree(t, client, map[string]string{"/f": string(data)}, "not started again")
	})
}

// Upload detects that the size of the file is wrong.
func TestDBFS_Upload_sizeIsChecked(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	for _, size := range []int{2, 4} {
		server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/get-status", Skip: 1, Status: 200,
			Body: fmt.Sprintf(`{"path": "/f", "is_dir": false, "file_size": %d}`, size)})
		err := databricks.UploadBeside(t.Context(), server.Client().DBFS, "/f", strings.NewReader("abc"), databricks.UploadOptions{})
		assert.ErrorContains(t, err, fmt.Sprintf("3 bytes were sent, but the file has %d", size))
		assertTree(t, server.Client(), map[string]string{}, "%v", err)
	}
}

func TestDBFS_Upload_sourceThatChanges(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	for name, change := range map[string]func(f *os.File) error{
		"shrinks":              func(f *os.File) error { return f.Truncate(3) },
		"grows":                func(f *os.File) error { return f.Truncate(3 * mebibyte) },
		"is written to":        func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Now().Add(time.Hour)) },
		"shrinks by one block": func(f *os.File) error { return f.Truncate(mebibyte) },
	} {
		for how, upload := range map[string]func(client *databricks.Client, f *os.File) error{
			"put": func(client *databricks.Client, f *os.File) error {
				return client.DBFS.Upload(t.Context(), f, "/f", databricks.UploadOptions{})
			},
			"blocks": func(client *databricks.Client, f *os.File) error {
				return databricks.UploadInBlocks(t.Context(), client.DBFS, "/f", f, databricks.UploadOptions{})
			},
		} {
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			require.NoError(t, err)
			defer f.Close()
			require.NoError(t, f.Truncate(2*mebibyte))
			var once sync.Once
			client := clientBefore(server, func(_ int64, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/put") || strings.HasSuffix(r.URL.Path, "/create") {
					once.Do(func() { require.NoError(t, change(f)) })
				}
			})
			err = upload(client, f)
			assert.ErrorIs(t, err, databricks.ErrSourceChanged, "%s, %s", name, how)
			assertTree(t, server.Client(), map[string]string{}, "%s, %s: %v", name, how, err)
		}
	}
}

func TestDBFS_Upload_sourceThatFails(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client, broken := server.Client(), errors.New("the disk is broken")
	for name, from := range map[string]io.Reader{
		"stream": io.MultiReader(bytes.NewReader(noise(mebibyte+5)), iotest.ErrReader(broken)),
		"put":    &brokenSeeker{bytes.NewReader(noise(4 * mebibyte)), broken},
	} {
		err := client.DBFS.Upload(t.Context(), from, "/f", databricks.UploadOptions{})
		assert.ErrorIs(t, err, broken, name)
		assertTree(t, client, map[string]string{}, "%s: %v", name, err)
	}
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	assert.ErrorContains(t, client.DBFS.Upload(t.Context(), dir, "/f", databricks.UploadOptions{}), "upload /f: read "+dir.Name())
	assertTree(t, client, map[string]string{}, "a directory")
}

type brokenSeeker struct {
	io.ReadSeeker
	err error
}

func (b *brokenSeeker) Read(p []byte) (int, error) {
	if at, _ := b.Seek(0, io.SeekCurrent); at > mebibyte {
		return 0, b.err
	}
	return b.ReadSeeker.Read(p)
}

// When Upload returns, nothing reads from its source any more.
func TestDBFS_Upload_waitsForTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		from, to := io.Pipe()
		time.AfterFunc(time.Hour, func() { to.Write([]byte("late")) })
		start := time.Now()
		err := server.Client().DBFS.Upload(ctx, from, "/f", databricks.UploadOptions{})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.GreaterOrEqual(t, time.Since(start), time.Hour)
		from.Close()
		assertTree(t, server.Client(), map[string]string{}, "%v", err)
	})
}

func TestDBFS_Upload_inPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		client := server.Client()
		put(t, client, "/old", []byte("old"))
		here := databricks.UploadOptions{InPlace: true}
		over := databricks.UploadOptions{InPlace: true, Overwrite: true}
		require.NoError(t, client.DBFS.Upload(t.Context(), strings.NewReader("one"), "/f", here))
		require.NoError(t, client.DBFS.Upload(t.Context(), strings.NewReader("two"), "/f", over))
		require.NoError(t, client.DBFS.Upload(t.Context(), only(strings.NewReader("three")), "/g", here))
		want := map[string]string{"/old": "old", "/f": "two", "/g": "three"}
		assertTree(t, client, want, "in place")

		// The file has the content that was sent.
		server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/put", Reset: true, WorkDone: true})
		assert.NoError(t, client.DBFS.Upload(t.Context(), strings.NewReader("four"), "/h", here))
		want["/h"] = "four"
		assertTree(t, client, want, "in place, and lost")

		// With Overwrite, the caller can retry.
		server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/put", Reset: true, WorkDone: true})
		require.NoError(t, client.DBFS.Upload(t.Context(), strings.NewReader("five"), "/h", over))
		want["/h"] = "five"
		assertTree(t, client, want, "in place, done again")

		// Upload deletes its own incomplete file.
		broken := io.MultiReader(bytes.NewReader(noise(mebibyte+1)), iotest.ErrReader(errors.New("broken")))
		assert.Error(t, client.DBFS.Upload(t.Context(), broken, "/half", here))
		assert.ErrorIs(t, client.DBFS.Upload(t.Context(), only(strings.NewReader("new")), "/old", here), fs.ErrExist)
		assertTree(t, client, want, "half a file in place")
	})
}

// The service accepts at most 2 GiB minus one byte in one request.
func TestDBFS_Upload_bound(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	server.Inject(databrickstest.Fault{Method: "POST", Times: -1, Status: 400})
	for size, first := range map[int64]string{1<<31 - 1: "put", 1 << 31: "create"} {
		f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
		require.NoError(t, err)
		defer f.Close()
		if err := f.Truncate(size); err != nil {
			t.Skip(err)
		}
		server.ForgetRequests()
		seen := ""
		client := clientBefore(server, func(_ int64, r *http.Request) {
			if r.Method == http.MethodPost && seen == "" {
				seen = filepath.Base(r.URL.Path)
				r.Body.Close()
				r.Body, r.ContentLength = http.NoBody, 0 // the body would not be read anyway
			}
		})
		assert.Error(t, client.DBFS.Upload(t.Context(), f, "/f", databricks.UploadOptions{}))
		assert.Equal(t, first, seen, "%d bytes", size)
	}
	f := strings.NewReader("")
	assert.ErrorContains(t, client.DBFS.PutFile(t.Context(), "/f", hugeSeeker{f}, databricks.PutFileOptions{}), "use Upload for larger files")
}

// hugeSeeker claims to be large.
type hugeSeeker struct{ *strings.Reader }

func (hugeSeeker) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 1 << 31, nil
	}
	return 0, nil
}

// Late requests of one upload do not undo a later upload.
func TestDBFS_Upload_lateWorkMeetsTheNextUpload(t *testing.T) {
	for _, m := range lateMishaps[:5] {
		for name, upload := range map[string]func(context.Context, *databricks.DBFSService, string, io.Reader, databricks.UploadOptions) error{
			"beside": databricks.UploadBeside, "blocks": databricks.UploadInBlocks,
			"straight": func(ctx context.Context, s *databricks.DBFSService, path string, from io.Reader, opts databricks.UploadOptions) error {
				return s.Upload(ctx, from, path, opts)
			},
		} {
			for at := range 8 {
				synctest.Test(t, func(t *testing.T) {
					server := databrickstest.NewServer()
					defer server.Close()
					client, over := server.Client(), databricks.UploadOptions{Overwrite: true}
					put(t, client, "/f", []byte("zero"))
					fault := m.fault
					fault.Skip = at
					server.Inject(fault)
					first := upload(t.Context(), client.DBFS, "/f", strings.NewReader("one"), over)
					server.ClearFaults()
					second := upload(t.Context(), client.DBFS, "/f", strings.NewReader("two"), over)
					time.Sleep(time.Hour)
					if succeeded(first) {
						require.NoError(t, second)
						require.Equal(t, "two", dbfsTree(t, client, "/")["/f"], "%s, %s at request %d", name, m.name, at+1)
					}
				})
			}
		}
	}
}

// Several writers replace a file concurrently. In the end, one of their files
// exists, and all reported results are correct.
func TestDBFS_Upload_concurrentWriters(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	for name, upload := range map[string]func(context.Context, *databricks.DBFSService, string, io.Reader, databricks.UploadOptions) error{
		"beside": databricks.UploadBeside, "blocks": databricks.UploadInBlocks,
		"straight": func(ctx context.Context, s *databricks.DBFSService, path string, from io.Reader, opts databricks.UploadOptions) error {
			return s.Upload(ctx, from, path, opts)
		},
	} {
		for round := range 150 {
			overwrite := round%3 > 0
			if overwrite {
				put(t, client, "/dir/f", []byte("old"))
			}
			var writers sync.WaitGroup
			var mu sync.Mutex
			done := map[string]bool{}
			for i := range 4 {
				writers.Go(func() {
					content := fmt.Sprint("new", i)
					err := upload(t.Context(), client.DBFS, "/dir/f", strings.NewReader(content), databricks.UploadOptions{Overwrite: overwrite})
					if err == nil {
						mu.Lock()
						defer mu.Unlock()
						done[content] = true
					} else {
						assert.ErrorIs(t, err, fs.ErrExist)
						assert.False(t, overwrite, "%v", err)
					}
				})
			}
			writers.Wait()
			tree := dbfsTree(t, client, "/dir")
			require.Len(t, tree, 1, "%s, round %d: %v", name, round, tree)
			require.True(t, done[tree["/dir/f"]], "%s, round %d: %q", name, round, tree["/dir/f"])
			if !overwrite {
				require.Len(t, done, 1, "%s, round %d", name, round)
			}
			require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/dir", Recursive: true}))
		}
	}
}

// A buffered source of any size is sent completely.
func TestDBFS_Upload_buffers(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	dir := t.TempDir()
	setTempDir(t, dir)
	for _, size := range []int{8*mebibyte - 1, 8 * mebibyte, 8*mebibyte + 1, 9*mebibyte + 5} {
		data := noise(size)
		server.ForgetRequests()
		require.NoError(t, client.DBFS.Upload(t.Context(), only(bytes.NewReader(data)), "/f", databricks.UploadOptions{Overwrite: true}))
		assertTree(t, client, map[string]string{"/f": string(data)}, "%d bytes", size)
		assert.NotContains(t, calls(server), "create", "%d bytes", size)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	setTempDir(t, filepath.Join(dir, "none"))
	data := noise(9 * mebibyte)
	require.NoError(t, client.DBFS.Upload(t.Context(), only(bytes.NewReader(data)), "/f", databricks.UploadOptions{Overwrite: true}))
	assertTree(t, client, map[string]string{"/f": string(data)}, "without a temporary file")
}

// setTempDir sets what os.TempDir returns.
func setTempDir(t *testing.T, dir string) {
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // on Windows
}
