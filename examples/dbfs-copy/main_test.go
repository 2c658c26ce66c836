package main

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// A world has a folder here and a workspace there.
type world struct {
	t      *testing.T
	client *databricks.Client
	dir    string
	log    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	t.Cleanup(server.Close)
	return &world{t: t, client: server.Client(), dir: t.TempDir()}
}

// run copies; names here are in the world's folder.
func (w *world) run(ctx context.Context, args string) error {
	w.log.Reset()
	fields := strings.Fields(args)
	for i, arg := range fields {
		if !inDBFS(arg) && !strings.HasPrefix(arg, "-") {
			fields[i] = filepath.Join(w.dir, arg)
		}
	}
	return run(ctx, w.client, fields, strings.NewReader("from a pipe"), &w.log, &w.log)
}

func (w *world) ok(args string) {
	w.t.Helper()
	require.NoError(w.t, w.run(w.t.Context(), args), args)
}

func (w *world) write(name, content string) {
	name = filepath.Join(w.dir, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(w.t, os.WriteFile(name, []byte(content), 0o666))
}

func (w *world) here(name string) string {
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w.t, err)
	return string(content)
}

func (w *world) there(path string) string {
	content, err := fs.ReadFile(w.client.DBFS.FS(w.t.Context(), "/"), strings.TrimPrefix(path, "/"))
	require.NoError(w.t, err)
	return string(content)
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "one")
	w.ok("a.txt dbfs:/new/b.txt")
	assert.Equal(t, "one", w.there("/new/b.txt"))
	w.ok("a.txt dbfs:/new") // into a directory
	assert.Equal(t, "one", w.there("/new/a.txt"))
	w.ok("a.txt dbfs:/other/") // which is not there yet
	assert.Equal(t, "one", w.there("/other/a.txt"))
	w.write("a.txt", "two")
	w.ok("a.txt dbfs:/new/a.txt") // over a file
	assert.Equal(t, "two", w.there("/new/a.txt"))
	assert.ErrorIs(t, w.run(t.Context(), "-n a.txt dbfs:/new/b.txt"), fs.ErrExist)

	w.ok("dbfs:/new/b.txt c.txt")
	assert.Equal(t, "one", w.here("c.txt"))
	w.ok("dbfs:/new/b.txt .")
	assert.Equal(t, "one", w.here("b.txt"))
	assert.ErrorIs(t, w.run(t.Context(), "-n dbfs:/new/b.txt ."), fs.ErrExist)
	w.ok("dbfs:/new/a.txt b.txt")
	assert.Equal(t, "two", w.here("b.txt"))

	w.ok("- dbfs:/piped")
	assert.Equal(t, "from a pipe", w.there("/piped"))
	w.ok("dbfs:/piped -")
	assert.Equal(t, "from a pipe", w.log.String())
}

func TestFolders(t *testing.T) {
	w := newWorld(t)
	w.write("from/a", "one")
	w.write("from/sub/b", "two")
	assert.ErrorContains(t, w.run(t.Context(), "from dbfs:/to"), "is a folder, which takes -r")
	w.ok("-r from dbfs:/to")
	assert.Equal(t, "two", w.there("/to/sub/b"))
	w.ok("-r from dbfs:/to") // which is there by now
	assert.Equal(t, "two", w.there("/to/from/sub/b"))
	w.ok("-r -u from dbfs:/to")
	w.ok("-r -u -T from dbfs:/to/from")
	assert.Equal(t, "0 files copied, 2 left as they were, 0 skipped\n", w.log.String())

	assert.ErrorContains(t, w.run(t.Context(), "dbfs:/to back"), "is a folder, which takes -r")
	w.ok("-r dbfs:/to back")
	assert.Equal(t, "two", w.here("back/from/sub/b"))
	w.ok("-r dbfs:/to .")
	assert.Equal(t, "one", w.here("to/a"))
	w.ok("-r -u dbfs:/to .")
	assert.Equal(t, "0 files copied, 4 left as they were, 0 skipped\n", w.log.String())

	require.NoError(t, os.Symlink("a", filepath.Join(w.dir, "from", "link")))
	assert.ErrorContains(t, w.run(t.Context(), "-r from dbfs:/again"), "not all was copied")
	assert.Contains(t, w.log.String(), "2 files copied, 0 left as they were, 1 skipped\nskipped ")
}

func TestMistakes(t *testing.T) {
	w := newWorld(t)
	for args, want := range map[string]string{
		"":                    "want a path to copy from and one to copy to",
		"a":                   "want a path to copy from and one to copy to",
		"a b":                 "one path has to begin with dbfs:",
		"dbfs:/a dbfs:/b":     "one path has to begin with dbfs:",
		"-u -n a dbfs:/b":     "do not go together",
		"-x a dbfs:/b":        "flag provided but not defined",
		"none dbfs:/b":        "no such file",
		"dbfs:/none .":        "No file or directory",
		"dbfs:relative .":     "is not absolute",
		"dbfs://host/a there": "names a host",
		"- dbfs:/piped/":      "is a directory's",
	} {
		assert.ErrorContains(t, w.run(t.Context(), args), want, args)
	}
	require.NoError(t, w.run(t.Context(), "-help"))
	assert.Contains(t, w.log.String(), "usage: dbfs-copy")
}

// interrupter ends a context at the n-th request to a path.
type interrupter struct {
	http.RoundTripper
	path   string
	left   atomic.Int64
	cancel func()
}

func (i *interrupter) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, i.path) && i.left.Add(-1) == 0 {
		i.cancel()
	}
	return i.RoundTripper.RoundTrip(r)
}

func TestInterruptedAndResumed(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	w := &world{t: t, dir: t.TempDir()}
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		w.write("from/"+name, strings.Repeat(name, 1000))
	}
	interrupted := func(path, args, goesOn string) {
		ctx, cancel := context.WithCancel(t.Context())
		i := &interrupter{RoundTripper: server.Transport(), path: path, cancel: cancel}
		i.left.Store(10)
		w.client = server.Client(databricks.WithHTTPClient(&http.Client{Transport: i}))
		err := w.run(ctx, args)
		require.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "interrupted; to go on: dbfs-copy -r -u -T ")
		w.ok(goesOn)
		assert.NotContains(t, w.log.String(), "26 files copied")
	}
	interrupted("/put", "-r from dbfs:/to", "-r -u -T from dbfs:/to")
	interrupted("/read", "-r dbfs:/to back", "-r -u -T dbfs:/to back")
	entries, err := os.ReadDir(filepath.Join(w.dir, "back"))
	require.NoError(t, err)
	assert.Len(t, entries, 26)
	assert.Equal(t, strings.Repeat("z", 1000), w.here("back/z"))
}

func TestShow(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600))
	}
	var out bytes.Buffer
	require.NoError(t, show(t.Context(), folder, &out))
	assert.Contains(t, out.String(), "there and back: 2\n")
}
