package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// putVolume writes a file of a volume.
func putVolume(t testing.TB, client *databricks.Client, path string, data []byte) {
	t.Helper()
	require.NoError(t, client.Files.PutFile(context.WithoutCancel(t.Context()), path, bytes.NewReader(data), databricks.PutFileOptions{Overwrite: true}))
}

// volumeTree returns the content of all files below a directory of a volume, and
// its empty directories. Names of directories end with a slash.
func volumeTree(t testing.TB, client *databricks.Client, path string) map[string]string {
	tree := map[string]string{}
	entries, err := client.Files.List(context.WithoutCancel(t.Context()), databricks.ListDirectory{Path: path})
	if errors.Is(err, fs.ErrNotExist) {
		return tree
	}
	require.NoError(t, err)
	if len(entries) == 0 {
		tree[path+"/"] = ""
	}
	for _, e := range entries {
		if e.IsDirectory {
			maps.Copy(tree, volumeTree(t, client, e.Path))
			continue
		}
		content, _ := inVolume(t, client, e.Path)
		tree[e.Path] = string(content)
	}
	return tree
}

// ranges returns the methods and the ranges of the requests so far.
func ranges(server *databrickstest.Server) (all []string) {
	for _, r := range server.Requests() {
		all = append(all, strings.TrimSpace(r.Method+" "+strings.TrimPrefix(r.Header.Get("Range"), "bytes=")))
	}
	server.ForgetRequests()
	slices.Sort(all)
	return all
}

// Sizes of requests in the tests.
const (
	smallFirst, smallMost, smallBuffer = 1000, 300, 100
)

func TestFiles_Download(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	type download func(to io.Writer, opts databricks.DownloadOptions) error
	for _, size := range []int{0, 1, smallFirst - 1, smallFirst, smallFirst + 1, 10*smallFirst + 17, 16*mebibyte + 5} {
		data, path := noise(size), fmt.Sprintf("%s/f%d", volumeDir, size)
		putVolume(t, client, path, data)
		for _, parallel := range []int{0, 1, 3} {
			for name, download := range map[string]download{
				"as usual": func(to io.Writer, opts databricks.DownloadOptions) error {
					return client.Files.Download(t.Context(), "dbfs:"+path, to, opts)
				},
				"in small ranges": func(to io.Writer, opts databricks.DownloadOptions) error {
					if size > mebibyte {
						return client.Files.Download(t.Context(), path, to, opts)
					}
					return databricks.DownloadInRanges(t.Context(), client.Files, path, to, opts, smallFirst, smallMost, smallBuffer)
				},
			} {
				t.Run(fmt.Sprintf("%d bytes, %d in flight, %s", size, parallel, name), func(t *testing.T) {
					var last [2]int64
					opts := databricks.DownloadOptions{Concurrency: parallel, Progress: func(done, total int64) { last = [2]int64{done, total} }}

					var buffer bytes.Buffer
					require.NoError(t, download(&buffer, opts))
					assert.True(t, bytes.Equal(data, buffer.Bytes()), "to a writer")
					assert.Equal(t, [2]int64{int64(size), int64(size)}, last)

					file, err := os.Create(filepath.Join(t.TempDir(), "file"))
					require.NoError(t, err)
					defer file.Close()
					file.WriteString("before ")
					require.NoError(t, download(file, opts))
					file.WriteString(" after")
					text, err := os.ReadFile(file.Name())
					require.NoError(t, err)
					assert.True(t, string(text) == "before "+string(data)+" after", "to a file, from its position on")
					assert.Equal(t, [2]int64{int64(size), int64(size)}, last)
				})
			}
		}
		name := filepath.Join(t.TempDir(), "new")
		require.NoError(t, client.Files.DownloadFile(t.Context(), path, name, databricks.DownloadOptions{}))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, string(text) == string(data), "to a new file")
		there, err := client.Files.GetMetadata(t.Context(), path)
		require.NoError(t, err)
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.True(t, there.LastModified.Equal(info.ModTime()))
	}
}

func TestFiles_Download_requests(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	putVolume(t, client, volumeDir+"/none", nil)
	putVolume(t, client, volumeDir+"/small", noise(16*mebibyte))
	putVolume(t, client, volumeDir+"/large", noise(24*mebibyte+1))
	server.ForgetRequests()
	for _, to := range []io.Writer{&bytes.Buffer{}, openTemp(t, nil)} {
		require.NoError(t, client.Files.Download(t.Context(), volumeDir+"/small", to, databricks.DownloadOptions{}))
		assert.Equal(t, []string{"GET 0-16777215"}, ranges(server))
		require.NoError(t, client.Files.Download(t.Context(), volumeDir+"/large", to, databricks.DownloadOptions{}))
		assert.Equal(t, []string{"GET 0-16777215", "GET 16777216-20971519", "GET 20971520-25165823", "GET 25165824-25165824"}, ranges(server))
		require.NoError(t, client.Files.Download(t.Context(), volumeDir+"/none", to, databricks.DownloadOptions{}))
		assert.Equal(t, []string{"GET", "GET 0-16777215"}, ranges(server), "an empty file has no range")
	}
}

// A server that ignores ranges sends the whole file with the first response.
func TestFiles_Download_withoutRanges(t *testing.T) {
	server := newVolume(t)
	data := noise(20 * mebibyte)
	putVolume(t, server.Client(), volumeDir+"/f", data)
	server.ForgetRequests()
	client := clientBefore(server, func(_ int64, r *http.Request) { r.Header.Del("Range") })
	for _, to := range []interface {
		io.Writer
	}{&bytes.Buffer{}, openTemp(t, nil)} {
		require.NoError(t, client.Files.Download(t.Context(), volumeDir+"/f", to, databricks.DownloadOptions{}))
		assert.Equal(t, []string{"GET"}, ranges(server))
		if buffer, ok := to.(*bytes.Buffer); ok {
			assert.True(t, bytes.Equal(data, buffer.Bytes()))
		}
	}
}

func TestFiles_Download_fails(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	putVolume(t, client, volumeDir+"/dir/f", noise(5*smallFirst))
	closed, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	require.NoError(t, err)
	closed.Close()
	for _, tt := range []struct {
		path  string
		to    io.Writer
		opts  databricks.DownloadOptions
		is    error
		fails string
	}{
		{volumeDir + "/none", io.Discard, databricks.DownloadOptions{}, fs.ErrNotExist, "/none: 404"},
		{volumeDir + "/dir", io.Discard, databricks.DownloadOptions{}, nil, "is a directory"},
		{volumeDir, io.Discard, databricks.DownloadOptions{}, fs.ErrInvalid, "is a volume; want the path of a file in it"},
		{"/Volumes/main/default/other/f", io.Discard, databricks.DownloadOptions{}, fs.ErrNotExist, "404"},
		{volumeDir + "/../f", io.Discard, databricks.DownloadOptions{}, fs.ErrInvalid, "contains an element that is empty, . or .."},
		{"/tmp/f", io.Discard, databricks.DownloadOptions{}, fs.ErrInvalid, "is not in a volume"},
		{volumeDir + "/dir/f", io.Discard, databricks.DownloadOptions{Concurrency: -1}, fs.ErrInvalid, "Concurrency is -1"},
		{volumeDir + "/dir/f", &brokenWriter{3 * smallFirst}, databricks.DownloadOptions{}, errNoSpace, "no space left"},
		{volumeDir + "/dir/f", &brokenWriter{10}, databricks.DownloadOptions{}, errNoSpace, "no space left"},
		{volumeDir + "/dir/f", shortWriter{}, databricks.DownloadOptions{}, io.ErrShortWrite, "short write"},
		{volumeDir + "/dir/f", closed, databricks.DownloadOptions{}, fs.ErrClosed, "already closed"},
	} {
		server.ForgetRequests()
		err := databricks.DownloadInRanges(t.Context(), client.Files, tt.path, tt.to, tt.opts, smallFirst, smallMost, smallBuffer)
		require.ErrorContains(t, err, tt.fails)
		if tt.is != nil {
			assert.ErrorIs(t, err, tt.is)
		}
		if tt.is == fs.ErrInvalid {
			assert.Empty(t, server.Requests())
		}
	}
	err = client.Files.Download(t.Context(), volumeDir+"/dir", io.Discard, databricks.DownloadOptions{})
	assert.EqualError(t, err, "databricks: download "+volumeDir+"/dir: is a directory")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, client.Files.Download(canceled, volumeDir+"/dir/f", io.Discard, databricks.DownloadOptions{}), context.Canceled)

	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	require.NoError(t, os.WriteFile(old, []byte("old"), 0o666))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o777))
	overwrite := databricks.DownloadOptions{Overwrite: true}
	assert.ErrorIs(t, client.Files.DownloadFile(t.Context(), volumeDir+"/dir/f", old, databricks.DownloadOptions{}), fs.ErrExist)
	assert.ErrorIs(t, client.Files.DownloadFile(t.Context(), volumeDir+"/dir/f", filepath.Join(dir, "folder"), overwrite), fs.ErrExist)
	assert.ErrorIs(t, client.Files.DownloadFile(t.Context(), volumeDir+"/none", old, overwrite), fs.ErrNotExist)
	assert.Equal(t, map[string]string{"old": "old", "folder/": ""}, readTree(t, dir))
}

// If a file changes between two requests, the download fails and leaves no file.
func TestFiles_Download_fileThatChangesUnderneath(t *testing.T) {
	const path = volumeDir + "/f"
	size := 3 * smallFirst
	for name, change := range map[string]func(t *testing.T, client *databricks.Client){
		"is replaced by another of its size": func(t *testing.T, c *databricks.Client) { putVolume(t, c, path, make([]byte, size)) },
		"shrinks to less than a part":        func(t *testing.T, c *databricks.Client) { putVolume(t, c, path, []byte("short")) },
		"shrinks by a byte":                  func(t *testing.T, c *databricks.Client) { putVolume(t, c, path, noise(size-1)) },
		"grows by a byte":                    func(t *testing.T, c *databricks.Client) { putVolume(t, c, path, noise(size+1)) },
		"goes away":                          func(t *testing.T, c *databricks.Client) { require.NoError(t, c.Files.Delete(t.Context(), path)) },
		"becomes a directory": func(t *testing.T, c *databricks.Client) {
			require.NoError(t, c.Files.Delete(t.Context(), path))
			require.NoError(t, c.Files.CreateDirectory(t.Context(), path))
		},
	} {
		for _, hidden := range []string{"", "Last-Modified", "Etag"} {
			t.Run(name+" "+hidden, func(t *testing.T) {
				for at := int64(2); at <= 8; at++ {
					var clock atomic.Int64
					server := newVolume(t, withTicks(&clock))
					other := server.Client()
					putVolume(t, other, path, noise(size))
					client := clientWithout(server, hidden, func(n int64, r *http.Request) {
						if n == at {
							change(t, other)
						}
					})
					dir := t.TempDir()
					opts := databricks.DownloadOptions{Concurrency: 1}
					err := databricks.DownloadFileInRanges(t.Context(), client.Files, path, filepath.Join(dir, "f"), opts, smallFirst, smallMost, smallBuffer)
					require.ErrorIs(t, err, databricks.ErrSourceChanged, "before request %d", at)
					assert.Empty(t, readTree(t, dir))
					err = databricks.DownloadInRanges(t.Context(), client.Files, path, io.Discard, opts, smallFirst, smallMost, smallBuffer)
					if err != nil {
						require.True(t, errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "is a directory"), "%v", err)
					}
				}
			})
		}
	}
}

// clientWithout returns a client that calls do before each request. It removes the
// header hidden from responses.
func clientWithout(server *databrickstest.Server, hidden string, do func(n int64, r *http.Request)) *databricks.Client {
	around := &before{RoundTripper: server.Transport(), do: do}
	return server.Client(databricks.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := around.RoundTrip(r)
		if err == nil {
			resp.Header.Del(hidden)
		}
		return resp, err
	})}))
}

// With a fault at any request, the file is complete, or there is no file and the
// error says so.
func TestFiles_DownloadFile_withEveryMishapAtEveryRequest(t *testing.T) {
	data := noise(3 * smallFirst)
	opts := []databrickstest.Option{databrickstest.WithVolume("main.default.files")}
	eachMishap(t, mishaps, opts, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
		client, dir := server.Client(), t.TempDir()
		putVolume(t, client, volumeDir+"/f", data)
		arm()
		failed := databricks.DownloadFileInRanges(ctx, client.Files, volumeDir+"/f", filepath.Join(dir, "f"), databricks.DownloadOptions{}, smallFirst, smallMost, smallBuffer)
		tree := readTree(t, dir)
		if failed != nil {
			require.Empty(t, tree, "%s: %v", name, failed)
			return failed
		}
		require.Len(t, tree, 1)
		require.True(t, tree["f"] == string(data), "%s: no error, but not the file", name)
		return nil
	})
}

// After an interrupted response, the download requests only the rest. It does not
// fail while it makes progress.
func TestFiles_Download_continues(t *testing.T) {
	server := newVolume(t)
	data := noise(16 * mebibyte)
	putVolume(t, server.Client(), volumeDir+"/f", data)
	server.ForgetRequests()
	broken := errors.New("the connection is gone")
	client := server.Client(databricks.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := server.Transport().RoundTrip(r)
		if err == nil {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(resp.Body, 1_500_000), iotest.ErrReader(broken)), resp.Body}
		}
		return resp, err
	})}), databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 2, MinDelay: time.Nanosecond, MaxDelay: time.Nanosecond}))
	for _, to := range []io.Writer{&bytes.Buffer{}, openTemp(t, nil)} {
		require.NoError(t, client.Files.Download(t.Context(), volumeDir+"/f", to, databricks.DownloadOptions{}))
		var want []string
		for at := 0; at < len(data); at += 1_500_000 {
			want = append(want, fmt.Sprintf("GET %d-%d", at, len(data)-1))
		}
		slices.Sort(want)
		assert.Equal(t, want, ranges(server))
		if buffer, ok := to.(*bytes.Buffer); ok {
			assert.True(t, bytes.Equal(data, buffer.Bytes()))
		}
	}
	// Without progress, the retry policy applies.
	stuck := server.Client(databricks.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := server.Transport().RoundTrip(r)
		if err == nil {
			resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 10), iotest.ErrReader(broken)))
		}
		return resp, err
	})}), databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 3, MinDelay: time.Nanosecond, MaxDelay: time.Nanosecond}))
	err := stuck.Files.Download(t.Context(), volumeDir+"/f", io.Discard, databricks.DownloadOptions{})
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "3 attempts")
	assert.Equal(t, []string{"GET 0-16777215", "GET 10-16777215", "GET 20-16777215"}, ranges(server))
}

func TestFiles_Open(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	small := noise(1000)
	putVolume(t, client, volumeDir+"/small", small)
	f, err := client.Files.Open(t.Context(), "dbfs:"+volumeDir+"/small")
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(f, small))
	require.NoError(t, f.Close())
	_, err = f.Read(make([]byte, 1))
	assert.ErrorIs(t, err, fs.ErrClosed)

	data := noise(9*mebibyte + 100)
	putVolume(t, client, volumeDir+"/f", data)
	server.ForgetRequests()
	f, err = client.Files.Open(t.Context(), volumeDir+"/f")
	require.NoError(t, err)
	defer f.Close()
	got := make([]byte, 4)
	for _, at := range []int64{0, 4*mebibyte - 3, 5, 9*mebibyte - 1, int64(len(data)) - 4} {
		_, err := f.ReadAt(got, at)
		require.NoError(t, err)
		require.Equal(t, data[at:at+4], got)
		_, err = f.Seek(at, io.SeekStart)
		require.NoError(t, err)
		_, err = io.ReadFull(f, got)
		require.NoError(t, err)
		require.Equal(t, data[at:at+4], got, "from %d", at)
	}
	all := make([]byte, len(data)+1)
	n, err := f.ReadAt(all, 0)
	assert.Equal(t, io.EOF, err)
	assert.True(t, bytes.Equal(data, all[:n]))
	_, err = f.Seek(10, io.SeekStart)
	require.NoError(t, err)
	var rest bytes.Buffer
	_, err = f.WriteTo(&rest)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data[10:], rest.Bytes()))

	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	server.ForgetRequests()
	_, err = io.Copy(io.Discard, onlyReader{f})
	require.NoError(t, err)
	assert.Equal(t, []string{"GET 0-4194303", "GET 4194304-8388607", "GET 8388608-9437283"}, ranges(server))

	putVolume(t, client, volumeDir+"/f", noise(9*mebibyte+101))
	_, err = f.ReadAt(got, 0)
	assert.ErrorIs(t, err, databricks.ErrSourceChanged)
	for path, fails := range map[string]string{volumeDir + "/none": "open " + volumeDir + "/none: ", volumeDir: "is a volume", "": "path is required"} {
		_, err = client.Files.Open(t.Context(), path)
		assert.ErrorContains(t, err, fails)
	}
}

func TestFiles_FS(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	top := volumeDir + "/top"
	names := []string{"a.txt", "dir/b", "dir/sub/c", "dir/large", "dir/empty", "o d d/%2F&#?.x", "o d d/ü", "o d d/new\nline"}
	for _, name := range names {
		content := []byte(name)
		switch name {
		case "dir/large":
			content = noise(1000)
		case "dir/empty":
			content = nil
		}
		putVolume(t, client, top+"/"+name, content)
	}
	require.NoError(t, client.Files.CreateDirectory(t.Context(), top+"/nothing"))
	for _, root := range []string{top, "dbfs:" + top + "/"} {
		require.NoError(t, fstest.TestFS(client.Files.FS(t.Context(), root), names...))
	}
	sub, err := fs.Sub(client.Files.FS(t.Context(), volumeDir), "top/dir")
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(sub, "b", "sub/c"))

	fsys := client.Files.FS(t.Context(), top)
	for name, is := range map[string]error{"none": fs.ErrNotExist, "../elsewhere": fs.ErrInvalid, "/a.txt": fs.ErrInvalid, "a.txt/": fs.ErrInvalid, strings.Repeat("long", 64): fs.ErrInvalid} {
		_, err := fsys.Open(name)
		assert.ErrorIs(t, err, is, name)
		_, err = fs.Stat(fsys, name)
		assert.ErrorIs(t, err, is, name)
		_, err = fs.ReadFile(fsys, name)
		assert.ErrorIs(t, err, is, name)
		_, err = fs.ReadDir(fsys, name)
		assert.ErrorIs(t, err, is, name)
		path, ok := errors.AsType[*fs.PathError](err)
		require.True(t, ok)
		assert.Equal(t, name, path.Path)
	}
	_, err = fs.ReadDir(fsys, "a.txt")
	assert.ErrorContains(t, err, "not a directory")
	_, err = fs.ReadFile(fsys, "dir")
	assert.ErrorContains(t, err, "is a directory")
	_, err = fs.Stat(client.Files.FS(t.Context(), "/tmp"), ".")
	assert.ErrorIs(t, err, fs.ErrInvalid)
	info, err := fs.Stat(fsys, "dir/large")
	require.NoError(t, err)
	assert.Equal(t, top+"/dir/large", info.Sys().(databricks.FileEntry).Path)
}

func TestFiles_dirs(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	files := map[string]string{
		"a": "one", "b/c": "two", "b/d/e": "", "b/d/large": string(noise(2*mebibyte + 5)), "empty/": "", "x/y/empty/": "",
		"sp ace/ü&#%2F.txt": "odd", "ts=12%3A00/part-0": "as Hive has it", ".hidden": "h",
	}
	from := makeTree(t, files)
	const left = ".databricks-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, parallel := range []int{0, 1, 3} {
		putVolume(t, client, volumeDir+"/new/dir/"+left, nil)
		var last databricks.DirProgress
		opts := databricks.DirOptions{Concurrency: parallel, Progress: func(p databricks.DirProgress) { last = p }}
		up, err := client.Files.UploadDir(t.Context(), from, "dbfs:"+volumeDir+"/new/dir/", opts)
		require.NoError(t, err)
		assert.Equal(t, &databricks.DirResult{Files: 7, Bytes: 2*mebibyte + 5 + 24}, up)
		assert.Equal(t, 7, last.Files)
		assert.Equal(t, up.Bytes, last.Bytes)

		to := filepath.Join(t.TempDir(), "not", "there")
		down, err := client.Files.DownloadDir(t.Context(), volumeDir+"/new/dir", to, opts)
		require.NoError(t, err)
		assert.Equal(t, []string{volumeDir + "/new/dir/" + left}, skippedPaths(down))
		down.Skipped = nil
		assert.Equal(t, up, down)
		assert.True(t, maps.Equal(files, readTree(t, to)), "it came back changed")

		var counts []int64
		require.NoError(t, client.Files.DeleteTree(t.Context(), volumeDir+"/new/", func(n int64) { counts = append(counts, n) }))
		assert.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8}, counts)
		assert.Equal(t, map[string]string{volumeDir + "/": ""}, volumeTree(t, client, volumeDir))
	}
	for path, fails := range map[string]string{volumeDir + "/a/../b": "contains an element", "/tmp": "is not in a volume", "": "path is required"} {
		server.ForgetRequests()
		_, err := client.Files.UploadDir(t.Context(), from, path, databricks.DirOptions{})
		assert.ErrorContains(t, err, fails)
		none := filepath.Join(t.TempDir(), "none")
		_, err = client.Files.DownloadDir(t.Context(), path, none, databricks.DirOptions{})
		assert.ErrorContains(t, err, fails)
		assert.NoDirExists(t, none)
		assert.ErrorContains(t, client.Files.DeleteTree(t.Context(), path, nil), fails)
		assert.Empty(t, server.Requests())
	}
	putVolume(t, client, volumeDir+"/file", nil)
	_, err := client.Files.UploadDir(t.Context(), from, volumeDir+"/file", databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrExist)
	_, err = client.Files.DownloadDir(t.Context(), volumeDir+"/file", t.TempDir(), databricks.DirOptions{})
	assert.ErrorContains(t, err, "not a directory")
	_, err = client.Files.DownloadDir(t.Context(), volumeDir+"/none", t.TempDir(), databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFiles_DeleteTree(t *testing.T) {
	for name, opts := range map[string][]databrickstest.Option{"real directories": nil, "implicit directories": {databrickstest.WithResumableUploads()}} {
		t.Run(name, func(t *testing.T) {
			server := newVolume(t, opts...)
			client := server.Client()
			for _, file := range []string{"/t/a", "/t/b/c", "/t/b/d/e", "/u"} {
				putVolume(t, client, volumeDir+file, []byte("x"))
			}
			require.NoError(t, client.Files.CreateDirectory(t.Context(), volumeDir+"/t/empty/deep"))
			require.NoError(t, client.Files.DeleteTree(t.Context(), volumeDir+"/t", nil))
			assert.Equal(t, map[string]string{volumeDir + "/u": "x"}, volumeTree(t, client, volumeDir))
			require.NoError(t, client.Files.DeleteTree(t.Context(), volumeDir+"/t", nil), "nothing is there any more")
			require.NoError(t, client.Files.DeleteTree(t.Context(), volumeDir+"/u", nil), "a file")
			putVolume(t, client, volumeDir+"/v/w", nil)
			require.NoError(t, client.Files.DeleteTree(t.Context(), volumeDir, nil), "all of a volume")
			assert.Equal(t, map[string]string{volumeDir + "/": ""}, volumeTree(t, client, volumeDir))
		})
	}
	server := newVolume(t)
	client := server.Client()
	putVolume(t, client, volumeDir+"/t/a", nil)
	putVolume(t, client, volumeDir+"/other", nil)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/fs/directories/*", Times: 1, Status: 200, Body: `{"contents": [{"path": "` + volumeDir + `/other", "name": "other"}]}`})
	err := client.Files.DeleteTree(t.Context(), volumeDir+"/t", nil)
	assert.ErrorIs(t, err, fs.ErrInvalid, "a listing that leads elsewhere")
	server.Inject(databrickstest.Fault{Path: "/api/2.0/fs/files/*", Times: 1, Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"no"}`})
	assert.ErrorIs(t, client.Files.DeleteTree(t.Context(), volumeDir+"/t", nil), fs.ErrPermission)
	assert.Len(t, volumeTree(t, client, volumeDir), 2)
}

// The list of a directory differs from its real content.
func TestFiles_DownloadDir_hostileListing(t *testing.T) {
	server := newVolume(t)
	putVolume(t, server.Client(), volumeDir+"/from/x", []byte("mine"))
	server.Inject(databrickstest.Fault{Path: "/api/2.0/fs/directories/*", Times: -1, Status: 200, Body: `{"contents": [
		{"path": "/../../../etc/secret", "name": "secret", "file_size": 4}, {"path": "` + volumeDir + `/from/..", "name": "..", "file_size": 4},
		{"path": "", "name": "x", "file_size": 4}, {"path": "` + volumeDir + `/from/a/../../x", "name": "x", "file_size": 4}]}`})
	outer := t.TempDir()
	result, err := server.Client().Files.DownloadDir(t.Context(), volumeDir+"/from", filepath.Join(outer, "dir"), databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrInvalid)
	assert.Empty(t, readTree(t, filepath.Join(outer, "dir")))
	assert.ElementsMatch(t, []string{"/../../../etc/secret", "", volumeDir + "/from/a/../../x"}, skippedPaths(result), "what is not believed is reported as it is")
	require.Len(t, result.Failed, 1)
	assert.Equal(t, volumeDir+"/from/..", result.Failed[0].Path)
}

// A file that is replaced after it was listed is an error, and is not written.
func TestFiles_DownloadDir_fileThatChanges(t *testing.T) {
	var clock atomic.Int64
	server := newVolume(t, withTicks(&clock))
	other := server.Client()
	putVolume(t, other, volumeDir+"/d/f", []byte("old"))
	client := clientBefore(server, func(_ int64, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/f") {
			putVolume(t, other, volumeDir+"/d/f", []byte("new"))
		}
	})
	dir := t.TempDir()
	_, err := client.Files.DownloadDir(t.Context(), volumeDir+"/d", dir, databricks.DirOptions{})
	assert.ErrorIs(t, err, databricks.ErrSourceChanged)
	assert.Empty(t, readTree(t, dir))
}
