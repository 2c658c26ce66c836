package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
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

// put writes a file of any size.
func put(t testing.TB, client *databricks.Client, path string, data []byte) {
	t.Helper()
	require.NoError(t, client.DBFS.PutFile(t.Context(), path, bytes.NewReader(data), databricks.PutFileOptions{Overwrite: true}))
}

// withTicks sets a clock that advances by one second with each use. Two versions of
// a file therefore have different times.
func withTicks(clock *atomic.Int64) databrickstest.Option {
	return databrickstest.WithClock(func() time.Time { return time.Unix(1_700_000_000+clock.Add(1), 0) })
}

// before is a transport that calls a function before each request, with its number.
type before struct {
	http.RoundTripper
	count atomic.Int64
	do    func(n int64, r *http.Request)
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	b.do(b.count.Add(1), r)
	return b.RoundTripper.RoundTrip(r)
}

// clientBefore returns a client that calls do before each of its requests.
func clientBefore(server *databrickstest.Server, do func(n int64, r *http.Request)) *databricks.Client {
	return server.Client(databricks.WithHTTPClient(&http.Client{Transport: &before{RoundTripper: server.Transport(), do: do}}))
}

func TestDBFS_Download(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	for _, size := range []int{0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 2*mebibyte + 12345} {
		data := noise(size)
		put(t, client, "/f", data)
		for _, concurrency := range []int{0, 2} {
			t.Run(fmt.Sprintf("%d bytes, concurrency %d", size, concurrency), func(t *testing.T) {
				var last [2]int64
				opts := databricks.DownloadOptions{Concurrency: concurrency, Progress: func(done, total int64) { last = [2]int64{done, total} }}

				var buffer bytes.Buffer
				require.NoError(t, client.DBFS.Download(t.Context(), "dbfs:/f", &buffer, opts))
				assert.True(t, bytes.Equal(data, buffer.Bytes()), "to a writer")
				assert.Equal(t, [2]int64{int64(size), int64(size)}, last)

				file, err := os.Create(filepath.Join(t.TempDir(), "file"))
				require.NoError(t, err)
				defer file.Close()
				file.WriteString("before ")
				require.NoError(t, client.DBFS.Download(t.Context(), "/f", file, opts))
				file.WriteString(" after")
				text, err := os.ReadFile(file.Name())
				require.NoError(t, err)
				assert.True(t, string(text) == "before "+string(data)+" after", "to a file, from its position on")

				appending, err := os.OpenFile(file.Name(), os.O_WRONLY|os.O_APPEND, 0)
				require.NoError(t, err)
				defer appending.Close()
				require.NoError(t, client.DBFS.Download(t.Context(), "/f", appending, opts))
				text, err = os.ReadFile(file.Name())
				require.NoError(t, err)
				assert.True(t, string(text) == "before "+string(data)+" after"+string(data), "to a file that appends")

				at := io.NewOffsetWriter(file, 3)
				require.NoError(t, client.DBFS.Download(t.Context(), "/f", at, opts))
				text, err = os.ReadFile(file.Name())
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(string(text), "bef"+string(data)), "to a part of a file")

				name := filepath.Join(t.TempDir(), "new")
				require.NoError(t, client.DBFS.DownloadFile(t.Context(), "/f", name, opts))
				text, err = os.ReadFile(name)
				require.NoError(t, err)
				assert.True(t, string(text) == string(data), "to a new file")
				there, err := client.DBFS.GetStatus(t.Context(), "/f")
				require.NoError(t, err)
				info, err := os.Stat(name)
				require.NoError(t, err)
				assert.Equal(t, there.ModificationTime.Time(), info.ModTime())
			})
		}
	}
}

// Upload and download a large file with holes.
func TestDBFS_largeFile(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client, dir := server.Client(), t.TempDir()
	file, err := os.Create(filepath.Join(dir, "sparse"))
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, file.Truncate(64*mebibyte))
	for _, at := range []int64{0, 10*mebibyte - 1, 64*mebibyte - 7} {
		_, err := file.WriteAt([]byte("content"), at)
		require.NoError(t, err)
	}
	require.NoError(t, client.DBFS.Upload(t.Context(), file, "/f", databricks.UploadOptions{}))
	require.NoError(t, client.DBFS.DownloadFile(t.Context(), "/f", filepath.Join(dir, "back"), databricks.DownloadOptions{}))
	want, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, "back"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))
}

func TestDBFS_Download_takesFewCalls(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	put(t, client, "/small", noise(mebibyte-1))
	put(t, client, "/block", noise(mebibyte))
	put(t, client, "/large", noise(2*mebibyte+1))
	server.ForgetRequests()
	require.NoError(t, client.DBFS.Download(t.Context(), "/small", io.Discard, databricks.DownloadOptions{}))
	assert.Equal(t, []string{"read"}, calls(server))
	require.NoError(t, client.DBFS.Download(t.Context(), "/block", io.Discard, databricks.DownloadOptions{}))
	assert.Equal(t, []string{"get-status", "read", "read"}, calls(server))
	require.NoError(t, client.DBFS.Download(t.Context(), "/large", io.Discard, databricks.DownloadOptions{}))
	assert.Equal(t, []string{"get-status", "get-status", "read", "read", "read", "read"}, calls(server))
}

// brokenWriter fails after some bytes, like a full disk.
type brokenWriter struct{ left int }

var errNoSpace = errors.New("no space left on device")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, errNoSpace
	}
	w.left -= len(p)
	return len(p), nil
}

// shortWriter writes less without an error.
type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestDBFS_Download_fails(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	put(t, client, "/f", noise(5*mebibyte))
	require.NoError(t, client.DBFS.Mkdirs(t.Context(), "/dir"))
	closed, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	require.NoError(t, err)
	closed.Close()
	readOnly, err := os.Open(closed.Name())
	require.NoError(t, err)
	defer readOnly.Close()
	for _, tt := range []struct {
		path  string
		to    io.Writer
		opts  databricks.DownloadOptions
		is    error
		fails string
	}{
		{"/none", io.Discard, databricks.DownloadOptions{}, fs.ErrNotExist, "databricks: download /none: GET /api/2.0/dbfs/read: 404"},
		{"/dir", io.Discard, databricks.DownloadOptions{}, nil, "download /dir: is a directory"},
		{"f", io.Discard, databricks.DownloadOptions{}, fs.ErrInvalid, "is not absolute"},
		{"/f", io.Discard, databricks.DownloadOptions{Concurrency: -1}, fs.ErrInvalid, "Concurrency is -1"},
		{"/f", &brokenWriter{3 * mebibyte}, databricks.DownloadOptions{}, errNoSpace, "download /f: no space left"},
		{"/f", shortWriter{}, databricks.DownloadOptions{}, io.ErrShortWrite, "short write"},
		{"/f", closed, databricks.DownloadOptions{}, fs.ErrClosed, "already closed"},
		{"/f", readOnly, databricks.DownloadOptions{}, nil, "download /f: write "},
	} {
		err := client.DBFS.Download(t.Context(), tt.path, tt.to, tt.opts)
		require.ErrorContains(t, err, tt.fails)
		if tt.is != nil {
			assert.ErrorIs(t, err, tt.is)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, client.DBFS.Download(canceled, "/f", io.Discard, databricks.DownloadOptions{}), context.Canceled)
}

func TestDBFS_Download_fileThatChangesUnderneath(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, client *databricks.Client){
		"is replaced by another of its size": func(t *testing.T, client *databricks.Client) { put(t, client, "/f", make([]byte, 2*mebibyte)) },
		"shrinks to less than a block":       func(t *testing.T, client *databricks.Client) { put(t, client, "/f", []byte("short")) },
		"shrinks by a byte":                  func(t *testing.T, client *databricks.Client) { put(t, client, "/f", noise(2*mebibyte-1)) },
		"grows by a byte":                    func(t *testing.T, client *databricks.Client) { put(t, client, "/f", noise(2*mebibyte+1)) },
		"goes away": func(t *testing.T, client *databricks.Client) {
			require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/f"}))
		},
		"becomes a directory": func(t *testing.T, client *databricks.Client) {
			require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/f"}))
			require.NoError(t, client.DBFS.Mkdirs(t.Context(), "/f"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for at := int64(2); at <= 4; at++ { // after the first status and before the second one
				var clock atomic.Int64
				server := databrickstest.NewServer(databrickstest.WithoutSocket(), withTicks(&clock))
				defer server.Close()
				other := server.Client()
				put(t, other, "/f", noise(2*mebibyte))
				client := clientBefore(server, func(n int64, r *http.Request) {
					if n == at {
						change(t, other)
					}
				})
				dir := t.TempDir()
				opts := databricks.DownloadOptions{Concurrency: 1}
				err := client.DBFS.DownloadFile(t.Context(), "/f", filepath.Join(dir, "f"), opts)
				require.ErrorIs(t, err, databricks.ErrSourceChanged, "before request %d", at)
				entries, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Empty(t, entries)
			}
		})
	}
}

func TestDBFS_Download_smallFileThatChangesUnderneath(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	other := server.Client()
	for _, now := range []string{"", "fiv", "five5"} {
		put(t, other, "/f", []byte("five"))
		client := clientBefore(server, func(n int64, _ *http.Request) {
			if n == 2 {
				put(t, other, "/f", []byte(now))
			}
		})
		name := filepath.Join(t.TempDir(), "f")
		assert.ErrorIs(t, client.DBFS.DownloadFile(t.Context(), "/f", name, databricks.DownloadOptions{}), databricks.ErrSourceChanged, now)
	}
}

func TestDBFS_DownloadFile_refuses(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	put(t, client, "/f", []byte("new"))
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	require.NoError(t, os.WriteFile(old, []byte("old"), 0o666))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o777))
	overwrite := databricks.DownloadOptions{Overwrite: true}

	assert.ErrorIs(t, client.DBFS.DownloadFile(t.Context(), "/f", old, databricks.DownloadOptions{}), fs.ErrExist)
	assert.ErrorIs(t, client.DBFS.DownloadFile(t.Context(), "/f", filepath.Join(dir, "folder"), overwrite), fs.ErrExist)
	assert.ErrorIs(t, client.DBFS.DownloadFile(t.Context(), "/f", filepath.Join(dir, "none", "f"), overwrite), fs.ErrNotExist)
	assert.ErrorIs(t, client.DBFS.DownloadFile(t.Context(), "/none", old, overwrite), fs.ErrNotExist)
	text, err := os.ReadFile(old)
	require.NoError(t, err)
	assert.Equal(t, "old", string(text))

	require.NoError(t, client.DBFS.DownloadFile(t.Context(), "/f", old, overwrite))
	text, err = os.ReadFile(old)
	require.NoError(t, err)
	assert.Equal(t, "new", string(text))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2)
}

// With a fault at any request, the file is complete, or there is no file and the
// error says so.
func TestDBFS_DownloadFile_withEveryMishapAtEveryRequest(t *testing.T) {
	data := noise(mebibyte + 1)
	eachMishap(t, mishaps, nil, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
		client, dir := server.Client(), t.TempDir()
		put(t, client, "/f", data)
		arm()
		failed := client.DBFS.DownloadFile(ctx, "/f", filepath.Join(dir, "f"), databricks.DownloadOptions{})
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		if failed != nil {
			require.Empty(t, entries, "%s: %v", name, failed)
			return failed
		}
		require.Len(t, entries, 1)
		text, err := os.ReadFile(filepath.Join(dir, "f"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, text), "%s: no error, but not the file", name)
		return nil
	})
}

func TestDBFS_FS(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	names := []string{"a.txt", "dir/b", "dir/sub/c", "dir/large", "dir/empty", "o d d/%2F&#?.x", "o d d/ü", "o d d/new\nline"}
	for _, name := range names {
		content := []byte(name)
		switch name {
		case "dir/large":
			content = noise(1000)
		case "dir/empty":
			content = nil
		}
		put(t, client, "/top/"+name, content)
	}
	require.NoError(t, client.DBFS.Mkdirs(t.Context(), "/top/nothing"))
	put(t, client, "/elsewhere", nil)
	for _, root := range []string{"/top", "dbfs:/top/"} {
		require.NoError(t, fstest.TestFS(client.DBFS.FS(t.Context(), root), names...))
	}
	sub, err := fs.Sub(client.DBFS.FS(t.Context(), "/"), "top/dir")
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(sub, "b", "sub/c"))

	fsys := client.DBFS.FS(t.Context(), "/top")
	for name, is := range map[string]error{"none": fs.ErrNotExist, "../elsewhere": fs.ErrInvalid, "/a.txt": fs.ErrInvalid, "a.txt/": fs.ErrInvalid} {
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
}

// An entry of a list that cannot be opened is not in the file system.
func TestDBFS_FS_hostileListing(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	for _, path := range []string{"/top/..", "/top/.", "/top/ok"} {
		put(t, client, path, []byte(path))
	}
	fsys := client.DBFS.FS(t.Context(), "/top")
	require.NoError(t, fstest.TestFS(fsys, "ok"))
	entries, err := fs.ReadDir(fsys, ".")
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestFile(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	small := noise(1000)
	put(t, client, "/small", small)
	f, err := client.DBFS.Open(t.Context(), "/small")
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(f, small))
	require.NoError(t, f.Close())
	for name, use := range map[string]func() error{
		"read":   func() error { _, err := f.Read(make([]byte, 1)); return err },
		"readAt": func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		"seek":   func() error { _, err := f.Seek(0, 0); return err },
		"write":  func() error { _, err := f.WriteTo(io.Discard); return err },
		"stat":   func() error { _, err := f.Stat(); return err },
		"close":  f.Close,
	} {
		assert.ErrorIs(t, use(), fs.ErrClosed, name)
	}

	data := noise(3*mebibyte + 100)
	put(t, client, "/f", data)
	f, err = client.DBFS.Open(t.Context(), "/f")
	require.NoError(t, err)
	defer f.Close()
	all := make([]byte, len(data)+1)
	n, err := f.ReadAt(all, 0)
	assert.Equal(t, io.EOF, err)
	assert.True(t, bytes.Equal(data, all[:n]))
	n, err = f.ReadAt(all[:len(data)], 0)
	require.NoError(t, err)
	assert.Equal(t, len(data), n)
	n, err = f.ReadAt(all, int64(len(data))+5)
	assert.Equal(t, io.EOF, err)
	assert.Zero(t, n)
	_, err = f.ReadAt(all, -1)
	assert.ErrorIs(t, err, fs.ErrInvalid)

	for _, at := range []int64{0, mebibyte - 3, 5, 2*mebibyte - 1, int64(len(data)) - 4, 3 * mebibyte, 3*mebibyte - 2, 0} {
		_, err = f.Seek(at-int64(len(data)), io.SeekEnd)
		require.NoError(t, err)
		got := make([]byte, 4)
		_, err = io.ReadFull(f, got)
		require.NoError(t, err)
		require.Equal(t, data[at:at+4], got, "from %d", at)
	}
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, onlyReader{f}, 10)
	require.NoError(t, err)
	var rest bytes.Buffer
	written, err := f.WriteTo(&rest)
	require.NoError(t, err)
	assert.EqualValues(t, len(data)-10, written)
	assert.True(t, bytes.Equal(data[10:], rest.Bytes()))
	n, err = f.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
	assert.Zero(t, n)

	for path, fails := range map[string]string{"/none": "open /none: ", "/": "open /: is a directory", "": "path is required"} {
		_, err = client.DBFS.Open(t.Context(), path)
		assert.ErrorContains(t, err, fails)
	}
}

type onlyReader struct{ io.Reader }

// Reading the start of a file takes one call. Reading to the end reads ahead.
func TestFile_readsAhead(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	put(t, client, "/f", noise(8*mebibyte))
	server.ForgetRequests()
	f, err := client.DBFS.Open(t.Context(), "/f")
	require.NoError(t, err)
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, mebibyte))
	require.NoError(t, err)
	assert.Equal(t, []string{"get-status", "read"}, calls(server))
	_, err = f.Seek(-10, io.SeekCurrent)
	require.NoError(t, err)
	_, err = io.ReadFull(f, make([]byte, 10))
	require.NoError(t, err)
	assert.Empty(t, calls(server), "it is in the block at hand")
	_, err = io.Copy(io.Discard, onlyReader{f})
	require.NoError(t, err)
	assert.Len(t, calls(server), 8, "seven blocks, and a last status")
}

func TestFile_thatChangesUnderneath(t *testing.T) {
	var clock atomic.Int64
	server := databrickstest.NewServer(databrickstest.WithoutSocket(), withTicks(&clock))
	defer server.Close()
	client := server.Client()
	put(t, client, "/f", noise(2*mebibyte))
	read := map[string]func(f *databricks.File) error{
		"to the end": func(f *databricks.File) error { _, err := io.Copy(io.Discard, onlyReader{f}); return err },
		"copied":     func(f *databricks.File) error { _, err := io.Copy(io.Discard, f); return err },
	}
	for name, read := range read {
		f, err := client.DBFS.Open(t.Context(), "/f")
		require.NoError(t, err)
		defer f.Close()
		put(t, client, "/f", make([]byte, 2*mebibyte))
		assert.ErrorIs(t, read(f), databricks.ErrSourceChanged, name)
	}
}
