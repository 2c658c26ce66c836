package main

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// A fixture has a local directory and a place in a workspace. The DBFS root is disabled,
// unless it is the place.
type fixture struct {
	t      *testing.T
	server *databrickstest.Server
	client *databricks.Client
	at     string // prefix of paths in the workspace
	dir    string
	log    bytes.Buffer
}

func newWorld(t *testing.T, at string) *fixture {
	opts := []databrickstest.Option{databrickstest.WithoutSocket(), databrickstest.WithVolume("main.default.files")}
	if !strings.HasPrefix(at, "dbfs:") {
		opts = append(opts, databrickstest.WithoutDBFSRoot())
	}
	server := databrickstest.NewServer(opts...)
	t.Cleanup(server.Close)
	return &fixture{t: t, server: server, client: server.Client(), at: at, dir: t.TempDir()}
}

// eachPlace runs a test for each place.
func eachPlace(t *testing.T, test func(t *testing.T, w *fixture)) {
	for name, at := range map[string]string{"DBFS": "dbfs:", "volume": "/Volumes/main/default/files", "workspace": "/Workspace/Shared"} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, at)) })
	}
}

// run copies. Names that start with @ are in the fixture's place. Other names are in its
// directory.
func (w *fixture) run(ctx context.Context, args string) error {
	w.log.Reset()
	fields := strings.Fields(args)
	for i, arg := range fields {
		switch {
		case strings.HasPrefix(arg, "@"):
			fields[i] = w.at + arg[1:]
		case !strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "dbfs:") && !strings.HasPrefix(arg, "/"):
			fields[i] = filepath.Join(w.dir, arg)
		}
	}
	return run(ctx, w.client, fields, strings.NewReader("from a pipe"), &w.log, &w.log)
}

func (w *fixture) ok(args string) {
	w.t.Helper()
	require.NoError(w.t, w.run(w.t.Context(), args), args)
}

func (w *fixture) write(name, content string) {
	name = filepath.Join(w.dir, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(w.t, os.WriteFile(name, []byte(content), 0o666))
}

func (w *fixture) here(name string) string {
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w.t, err)
	return string(content)
}

func (w *fixture) there(path string) string {
	place, root := placeOf(w.server.Client(), w.at+path)
	content, err := fs.ReadFile(place.FS(w.t.Context(), root), ".")
	require.NoError(w.t, err)
	return string(content)
}

func TestFiles(t *testing.T) { eachPlace(t, testFiles) }

func testFiles(t *testing.T, w *fixture) {
	w.write("a.txt", "one")
	w.ok("a.txt @/new/b.txt")
	assert.Equal(t, "one", w.there("/new/b.txt"))
	w.ok("a.txt @/new") // into a directory
	assert.Equal(t, "one", w.there("/new/a.txt"))
	w.ok("a.txt @/other/") // a directory that does not exist yet
	assert.Equal(t, "one", w.there("/other/a.txt"))
	w.write("a.txt", "two")
	w.ok("a.txt @/new/a.txt") // replace a file
	assert.Equal(t, "two", w.there("/new/a.txt"))
	assert.ErrorIs(t, w.run(t.Context(), "-n a.txt @/new/b.txt"), fs.ErrExist)

	w.ok("@/new/b.txt c.txt")
	assert.Equal(t, "one", w.here("c.txt"))
	w.ok("@/new/b.txt .")
	assert.Equal(t, "one", w.here("b.txt"))
	assert.ErrorIs(t, w.run(t.Context(), "-n @/new/b.txt ."), fs.ErrExist)
	w.ok("@/new/a.txt b.txt")
	assert.Equal(t, "two", w.here("b.txt"))

	w.ok("- @/piped")
	assert.Equal(t, "from a pipe", w.there("/piped"))
	w.ok("@/piped -")
	assert.Equal(t, "from a pipe", w.log.String())
}

func TestDirectories(t *testing.T) { eachPlace(t, testDirectories) }

func testDirectories(t *testing.T, w *fixture) {
	w.write("from/a", "one")
	w.write("from/sub/b", "two")
	assert.ErrorContains(t, w.run(t.Context(), "from @/to"), "is a directory; use -r")
	w.ok("-r from @/to")
	assert.Equal(t, "two", w.there("/to/sub/b"))
	w.ok("-r from @/to") // the destination exists now
	assert.Equal(t, "two", w.there("/to/from/sub/b"))
	w.ok("-r -u from @/to")
	w.ok("-r -u -T from @/to/from")
	assert.Equal(t, "0 files copied, 2 unchanged, 0 skipped, 0 deleted\n", w.log.String())

	assert.ErrorContains(t, w.run(t.Context(), "@/to back"), "is a directory; use -r")
	w.ok("-r @/to back")
	assert.Equal(t, "two", w.here("back/from/sub/b"))
	w.ok("-r @/to .")
	assert.Equal(t, "one", w.here("to/a"))
	w.ok("-r -u @/to .")
	assert.Equal(t, "0 files copied, 4 unchanged, 0 skipped, 0 deleted\n", w.log.String())

	require.NoError(t, os.Symlink("a", filepath.Join(w.dir, "from", "link")))
	assert.ErrorContains(t, w.run(t.Context(), "-r from @/again"), "not everything was copied")
	assert.Contains(t, w.log.String(), "2 files copied, 0 unchanged, 1 skipped, 0 deleted\nskipped ")
}

func TestSynchronize(t *testing.T) {
	eachPlace(t, func(t *testing.T, w *fixture) {
		w.write("from/a", "one")
		w.write("from/b.tmp", "no")
		w.ok("-r from @/to")
		require.NoError(t, os.Remove(filepath.Join(w.dir, "from", "a")))
		w.write("from/c", "two")
		w.ok("-r -u -T -delete -ignore=*.tmp -dry-run from @/to")
		_, path := placeOf(w.client, w.at+"/to")
		path = strings.TrimPrefix(path, "dbfs:")
		assert.Equal(t, "DELETE "+path+"/a\nCREATE "+path+"/c\n1 files copied, 0 unchanged, 0 skipped, 1 deleted\n", w.log.String())
		assert.Equal(t, "one", w.there("/to/a"), "a dry run")
		w.ok("-r -u -T -delete -ignore=*.tmp from @/to")
		assert.Equal(t, "no", w.there("/to/b.tmp"))
		assert.Equal(t, "two", w.there("/to/c"))
		w.write("back/d", "old")
		w.ok("-r -u -T -delete @/to back")
		assert.Equal(t, "two", w.here("back/c"))
		assert.NoFileExists(t, filepath.Join(w.dir, "back", "d"))
	})
}

func TestMistakes(t *testing.T) {
	w := newWorld(t, "dbfs:")
	for args, want := range map[string]string{
		"":                      "want a path to copy from and one to copy to",
		"a":                     "want a path to copy from and one to copy to",
		"a b":                   "one path must start with dbfs:/, /Volumes/ or /Workspace/",
		"-delete a dbfs:/b":     "need -r",
		"/Volumes/a/b/c/../d .": "contains an element",
		"/Volumes/a/b/c/d .":    "404",
		"/Workspace/none .":     "404",
		"/Volumes/a .":          "is not in a volume",
		"dbfs:/a dbfs:/b":       "one path must start with dbfs:/, /Volumes/ or /Workspace/",
		"-u -n a dbfs:/b":       "exclude each other",
		"-x a dbfs:/b":          "flag provided but not defined",
		"none dbfs:/b":          "no such file",
		"dbfs:/none .":          "No file or directory",
		"dbfs:relative .":       "is not absolute",
		"dbfs://host/a there":   "names a host",
		"- dbfs:/piped/":        "ends with a slash",
	} {
		assert.ErrorContains(t, w.run(t.Context(), args), want, args)
	}
	require.NoError(t, w.run(t.Context(), "-help"))
	assert.Contains(t, w.log.String(), "usage: copy")
}

// An interrupter cancels a context after some requests.
type interrupter struct {
	http.RoundTripper
	is     func(r *http.Request) bool
	left   atomic.Int64
	cancel func()
}

func (i *interrupter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := i.RoundTripper.RoundTrip(r)
	if i.is(r) && i.left.Add(-1) == 0 {
		i.cancel()
	}
	return resp, err
}

func TestInterruptedAndResumed(t *testing.T) {
	eachPlace(t, func(t *testing.T, w *fixture) {
		for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			w.write("from/"+name, strings.Repeat(name, 1000))
		}
		interrupted := func(args, continues string) {
			ctx, cancel := context.WithCancel(t.Context())
			i := &interrupter{RoundTripper: w.server.Transport(), cancel: cancel, is: func(r *http.Request) bool {
				return strings.HasPrefix(r.URL.Path, "/api/2.0/fs/files/") && r.Method != http.MethodHead || slices.Contains([]string{"put", "read", "import", "export"}, path.Base(r.URL.Path))
			}}
			i.left.Store(10)
			w.client = w.server.Client(databricks.WithHTTPClient(&http.Client{Transport: i}))
			err := w.run(ctx, args)
			require.ErrorIs(t, err, context.Canceled)
			assert.ErrorContains(t, err, "interrupted; to continue: copy -r -u -T ")
			w.ok(continues)
			assert.NotContains(t, w.log.String(), "26 files copied")
		}
		interrupted("-r from @/to", "-r -u -T from @/to")
		interrupted("-r @/to back", "-r -u -T @/to back")
		entries, err := os.ReadDir(filepath.Join(w.dir, "back"))
		require.NoError(t, err)
		assert.Len(t, entries, 26)
		assert.Equal(t, strings.Repeat("z", 1000), w.here("back/z"))
	})
}

func TestShow(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	var out bytes.Buffer
	require.NoError(t, show(t.Context(), dir, &out))
	assert.Contains(t, out.String(), "there and back: 2\n")
}
