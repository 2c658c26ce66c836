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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// makeTree creates a local directory with files. Names that end with a slash are
// directories.
func makeTree(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(full, 0o777))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o777))
		require.NoError(t, os.WriteFile(full, []byte(content), 0o666))
	}
	return dir
}

// readTree is the reverse of makeTree. It includes only empty directories.
func readTree(t testing.TB, dir string) map[string]string {
	tree := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, full)
		name = filepath.ToSlash(name)
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			if entries, err := os.ReadDir(full); err != nil || len(entries) > 0 {
				return err
			}
			tree[name+"/"] = ""
		default:
			content, err := os.ReadFile(full)
			tree[name] = string(content)
			return err
		}
		return nil
	}))
	return tree
}

// problems returns the errors of files that were not copied, by path.
func problems(result *databricks.DirResult) map[string]error {
	all := map[string]error{}
	for _, s := range result.Skipped {
		all[s.Path] = s.Err
	}
	for _, f := range result.Failed {
		all[f.Path] = f.Err
	}
	return all
}

func skippedPaths(result *databricks.DirResult) (paths []string) {
	for _, s := range result.Skipped {
		paths = append(paths, s.Path)
	}
	return paths
}

func TestDBFS_dirs(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	files := map[string]string{
		"a": "one", "b/c": "two", "b/d/e": "", "b/d/large": string(noise(2*mebibyte + 5)), "empty/": "", "x/y/empty/": "",
		"sp ace/ü&#%2F.txt": "odd", "ts=12%3A00/part-0": "as Hive has it", ".hidden": "h",
	}
	from := makeTree(t, files)
	const left = ".databricks-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	put(t, client, "/new/dir/"+left, []byte("by an upload that was killed"))
	for _, parallel := range []int{0, 1, 3} {
		opts := databricks.DirOptions{Concurrency: parallel}
		var last databricks.DirProgress
		opts.Progress = func(p databricks.DirProgress) { last = p }
		up, err := client.DBFS.UploadDir(t.Context(), from, "dbfs:/new/dir/", opts)
		require.NoError(t, err)
		assert.Equal(t, &databricks.DirResult{Files: 7, Bytes: 2*mebibyte + 5 + 24, Unchanged: 0}, up)
		assert.Equal(t, 7, last.Files)
		assert.Equal(t, up.Bytes, last.Bytes)
		entries, err := client.DBFS.List(t.Context(), "/new/dir/x/y")
		require.NoError(t, err)
		assert.Len(t, entries, 1, "an empty directory")

		to := filepath.Join(t.TempDir(), "not", "there")
		down, err := client.DBFS.DownloadDir(t.Context(), "dbfs:/new/dir", to, opts)
		require.NoError(t, err)
		assert.Equal(t, []string{"/new/dir/" + left}, skippedPaths(down))
		down.Skipped = nil
		assert.Equal(t, up, down)
		assert.True(t, maps.Equal(files, readTree(t, to)), "it came back changed")
		require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/new", Recursive: true}))
		put(t, client, "/new/dir/"+left, nil)
	}
}

// Unusual names do not lead outside of the directory, are valid on every system,
// and are restored by an upload.
func TestDBFS_DownloadDir_hostileNames(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	names := []string{
		"dir3/..", "../x", "../../etc/passwd", "./here", "...", "a/../../b", `..\..\windows`, "D:", "C:/autoexec.bat", "CON", "con.txt", "nul", "dir/LPT1.log",
		"colon:stream", "trailing.", "trailing ", "dir./x", `q"u<o>t|e*s?`, "new\nline", "bell\a", "README", "Readme", "readme", "SUB/x", "sub/x", "dir4/.",
		"100%", "%2e%2e", "%{2E}", "ts=12%3A00", "報告：2020", "-rf", "~", "$HOME", "`id`", strings.Repeat("long", 50),
	}
	want := map[string]string{}
	for _, name := range names {
		put(t, client, "/from/"+name, []byte(name))
		want["/to/"+name] = name
	}
	outer := t.TempDir()
	dir := filepath.Join(outer, "in", "here")
	result, err := client.DBFS.DownloadDir(t.Context(), "/from", dir, databricks.DirOptions{})
	require.NoError(t, err)
	assert.Empty(t, result.Skipped)
	assert.Equal(t, len(names), result.Files)

	local := readTree(t, outer)
	assert.Len(t, local, len(names))
	folded := map[string]bool{}
	for name := range local {
		assert.True(t, strings.HasPrefix(name, "in/here/"), "%q is not in its directory", name)
		assert.False(t, folded[strings.ToLower(name)], "%q is there twice where case does not count", name)
		folded[strings.ToLower(name)] = true
		for part := range strings.SplitSeq(name, "/") {
			assert.NotRegexp(t, `[<>:"\\|?*\x00-\x1f]|[. ]$|^(?i:con|nul|lpt1)(\.|$)`, part)
		}
	}
	assert.Contains(t, local, "in/here/ts=12%3A00", "names that need no change have none")

	result, err = client.DBFS.UploadDir(t.Context(), dir, "/to", databricks.DirOptions{})
	require.NoError(t, err)
	for _, name := range names {
		parts := strings.Split(name, "/")
		if slices.Contains(parts, "..") || slices.Contains(parts, ".") {
			delete(want, "/to/"+name) // its path leads elsewhere, so it is not copied
		}
	}
	assert.Equal(t, want, dbfsTree(t, client, "/to"))
	for _, s := range result.Skipped {
		assert.ErrorIs(t, s.Err, fs.ErrInvalid, s.Path)
	}
}

// The list of a directory differs from its real content.
func TestDBFS_DownloadDir_hostileListing(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	put(t, server.Client(), "/from/secret", []byte("mine"))
	server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/list", Times: -1, Status: 200, Body: `{"files": [
		{"path": "/../../../etc/secret", "is_dir": false, "file_size": 4}, {"path": "/from/..", "is_dir": false, "file_size": 4},
		{"path": "", "is_dir": false, "file_size": 4}, {"path": "/", "is_dir": false, "file_size": 4}]}`})
	outer := t.TempDir()
	result, err := server.Client().DBFS.DownloadDir(t.Context(), "/from", filepath.Join(outer, "dir"), databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Empty(t, readTree(t, filepath.Join(outer, "dir")))
	assert.ElementsMatch(t, []string{"/../../../etc/secret", "", "/"}, skippedPaths(result), "what is not believed is reported as it is")
	require.Len(t, result.Failed, 1)
	assert.Equal(t, "/from/..", result.Failed[0].Path)
}

func TestDBFS_DownloadDir_staysInItsDir(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	put(t, client, "/from/link/file", []byte("new"))
	put(t, client, "/from/other", []byte("new"))
	outside := makeTree(t, map[string]string{"file": "old", "other": "old"})
	dir := t.TempDir()
	symlink(t, outside, filepath.Join(dir, "link"))
	symlink(t, filepath.Join(outside, "other"), filepath.Join(dir, "other"))
	_, err := client.DBFS.DownloadDir(t.Context(), "/from", dir, databricks.DirOptions{Overwrite: true})
	assert.Error(t, err)
	assert.Equal(t, map[string]string{"file": "old", "other": "old"}, readTree(t, outside))
}

func TestDBFS_UploadDir_skips(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	const left = ".databricks-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	dir := makeTree(t, map[string]string{"file": "new", "old": "new", "dir/below": "new", "sub/old": "new",
		left: "left", ".databricks-connect": "mine", ".databricks-dir/x": "mine"})
	symlink(t, "file", filepath.Join(dir, "link"))
	symlink(t, "/etc", filepath.Join(dir, "linked"))
	symlink(t, "nowhere", filepath.Join(dir, "broken"))
	put(t, client, "/to/old", []byte("old"))
	put(t, client, "/to/sub/old/x", []byte("old")) // a directory in place of a file
	put(t, client, "/to/dir", []byte("old"))       // a file in place of a directory
	for _, overwrite := range []bool{false, true} {
		result, err := client.DBFS.UploadDir(t.Context(), dir, "/to", databricks.DirOptions{Overwrite: overwrite})
		want := map[string]string{"/to/file": "new", "/to/old": "new", "/to/sub/old/x": "old", "/to/dir": "old", "/to/.databricks-connect": "mine", "/to/.databricks-dir/x": "mine"}
		skipped := map[string]error{
			"link": errors.ErrUnsupported, "linked": errors.ErrUnsupported, "broken": errors.ErrUnsupported, left: errors.ErrUnsupported,
		}
		if !overwrite {
			want["/to/old"], skipped["old"] = "old", fs.ErrExist
		} else {
			skipped["file"], skipped[".databricks-connect"], skipped[".databricks-dir/x"] = nil, nil, nil
		}
		assert.Equal(t, want, dbfsTree(t, client, "/to"))
		for _, s := range result.Skipped {
			name, err := filepath.Rel(dir, s.Path)
			require.NoError(t, err)
			assert.ErrorIs(t, s.Err, skipped[filepath.ToSlash(name)], name)
		}
		assert.Len(t, result.Skipped, len(slices.DeleteFunc(slices.Collect(maps.Values(skipped)), func(err error) bool { return err == nil })))
		assert.ErrorIs(t, err, fs.ErrExist)
		assert.Len(t, result.Failed, 3, "dir, dir/below and sub/old cannot be what they are")
		for _, f := range result.Failed {
			assert.ErrorIs(t, f.Err, fs.ErrExist, f.Path)
			assert.ErrorContains(t, f.Err, "is at /to/")
		}
	}
}

func TestDBFS_dirs_goOn(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	from := makeTree(t, map[string]string{"a": "1", "b": "22", "c/d": "333"})
	for _, name := range []string{"a", "b", "c/d"} {
		// Times in DBFS have a precision of one millisecond. A file that was
		// written in the millisecond of its upload may therefore be newer.
		before := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(from, filepath.FromSlash(name)), before, before))
	}
	update := databricks.DirOptions{SkipUnchanged: true}
	up := func() *databricks.DirResult {
		result, err := client.DBFS.UploadDir(t.Context(), from, "/dir", update)
		require.NoError(t, err)
		return result
	}
	to := t.TempDir()
	down := func() *databricks.DirResult {
		result, err := client.DBFS.DownloadDir(t.Context(), "/dir", to, update)
		require.NoError(t, err)
		return result
	}
	assert.Equal(t, &databricks.DirResult{Files: 3, Bytes: 6}, up())
	assert.Equal(t, &databricks.DirResult{Files: 3, Bytes: 6}, down())
	server.ForgetRequests()
	assert.Equal(t, &databricks.DirResult{Unchanged: 3}, up())
	assert.Equal(t, []string{"list", "list"}, calls(server), "the directories are only listed")
	assert.Equal(t, &databricks.DirResult{Unchanged: 3}, down())
	assert.Equal(t, []string{"list", "list"}, calls(server))

	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(from, "a"), later, later)) // newer
	require.NoError(t, os.WriteFile(filepath.Join(from, "b"), []byte("4444"), 0o666))
	require.NoError(t, os.Chtimes(filepath.Join(from, "b"), time.Unix(1, 0), time.Unix(1, 0))) // older, with another size
	assert.Equal(t, &databricks.DirResult{Files: 2, Bytes: 5, Unchanged: 1}, up())
	require.NoError(t, os.Remove(filepath.Join(to, "c", "d")))
	time.Sleep(2 * time.Millisecond) // so that the times in DBFS differ
	put(t, client, "/dir/a", []byte("5"))
	assert.Equal(t, &databricks.DirResult{Files: 3, Bytes: 8}, down())
	assert.Equal(t, map[string]string{"a": "5", "b": "4444", "c/d": "333"}, readTree(t, to))
}

func TestDBFS_dirs_refuse(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	dir := makeTree(t, map[string]string{"file": "x"})
	put(t, client, "/file", []byte("x"))
	for name, try := range map[string]func() (*databricks.DirResult, error){
		"not a directory": func() (*databricks.DirResult, error) {
			return client.DBFS.DownloadDir(t.Context(), "/file", t.TempDir(), databricks.DirOptions{})
		},
		"No file or directory": func() (*databricks.DirResult, error) {
			return client.DBFS.DownloadDir(t.Context(), "/none", t.TempDir(), databricks.DirOptions{})
		},
		"is not absolute": func() (*databricks.DirResult, error) {
			return client.DBFS.DownloadDir(t.Context(), "dir", t.TempDir(), databricks.DirOptions{})
		},
		"path is required": func() (*databricks.DirResult, error) {
			return client.DBFS.UploadDir(t.Context(), dir, "", databricks.DirOptions{})
		},
		"a file is at /file": func() (*databricks.DirResult, error) {
			return client.DBFS.UploadDir(t.Context(), dir, "/file", databricks.DirOptions{Overwrite: true})
		},
		"open " + filepath.Join(dir, "none"): func() (*databricks.DirResult, error) {
			return client.DBFS.UploadDir(t.Context(), filepath.Join(dir, "none"), "/x", databricks.DirOptions{})
		},
		"file": func() (*databricks.DirResult, error) {
			return client.DBFS.DownloadDir(t.Context(), "/", filepath.Join(dir, "file"), databricks.DirOptions{})
		},
	} {
		result, err := try()
		assert.ErrorContains(t, err, name)
		assert.Nil(t, result)
	}
}

// With a fault at any request, existing files are complete, and missing ones are
// reported.
func TestDBFS_dirs_withEveryMishapAtEveryRequest(t *testing.T) {
	files := map[string]string{"a": "one", "sub/b": "two"}
	check := func(t *testing.T, got map[string]string, result *databricks.DirResult, err error, name string) {
		for path, content := range got {
			require.Equal(t, files[path], content, "%s: %s: %v", name, path, err)
		}
		if err == nil {
			require.Equal(t, len(files), result.Files+len(result.Skipped), name)
			require.Len(t, got, result.Files, name)
		}
	}
	t.Run("up", func(t *testing.T) {
		dir := makeTree(t, files)
		eachMishap(t, mishaps, nil, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
			client := server.Client()
			arm()
			result, err := client.DBFS.UploadDir(ctx, dir, "/dir", databricks.DirOptions{Concurrency: 1})
			server.ClearFaults()
			got := map[string]string{}
			for path, content := range dbfsTree(t, client, "/") {
				got[strings.TrimPrefix(path, "/dir/")] = content
			}
			if result != nil {
				result.Skipped = slices.DeleteFunc(result.Skipped, func(s databricks.Skipped) bool { return filepath.Base(s.Path) == "sub" })
			}
			check(t, got, result, err, name)
			return err
		})
	})
	t.Run("down", func(t *testing.T) {
		// A directory that does not exist when it is copied was deleted in the
		// meantime.
		mishaps := slices.DeleteFunc(slices.Clone(mishaps), func(m mishap) bool { return m.name == "404" })
		eachMishap(t, mishaps, nil, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), name string) error {
			client, dir := server.Client(), t.TempDir()
			for name, content := range files {
				put(t, client, "/dir/"+name, []byte(content))
			}
			arm()
			result, err := client.DBFS.DownloadDir(ctx, "/dir", dir, databricks.DirOptions{Concurrency: 1})
			if result != nil && slices.Equal(skippedPaths(result), []string{"/dir/sub"}) {
				result.Skipped = append(result.Skipped, databricks.Skipped{})[1:] // its content is missing as well
			}
			got := readTree(t, dir)
			delete(got, "sub/")
			check(t, got, result, err, name)
			return err
		})
	})
}

// In a dry run, an upload reports what it would write, and writes nothing.
func TestDBFS_Upload_planned(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	put(t, server.Client(), "/there", []byte("old"))
	var mu sync.Mutex
	var planned []string
	client := server.Client(databricks.WithPlan(func(call databricks.PlannedCall) {
		mu.Lock()
		defer mu.Unlock()
		planned = append(planned, strings.TrimPrefix(call.Path, "/api/2.0/dbfs/"))
	}))
	plan := func(err error) []string {
		require.NoError(t, err)
		defer func() { planned = nil }()
		return planned
	}
	from := strings.NewReader("new")
	large := bytes.NewReader(noise(mebibyte + 1))
	assert.Equal(t, []string{"put"}, plan(client.DBFS.Upload(t.Context(), from, "/new", databricks.UploadOptions{})))
	assert.Equal(t, []string{"put", "move"}, plan(client.DBFS.Upload(t.Context(), large, "/new", databricks.UploadOptions{})))
	assert.Equal(t, 3, from.Len(), "the source was read")
	assert.Equal(t, mebibyte+1, large.Len(), "the source was read")
	assert.Equal(t, []string{"put"}, plan(client.DBFS.Upload(t.Context(), only(from), "/new", databricks.UploadOptions{})))
	assert.Equal(t, []string{"put"}, plan(client.DBFS.Upload(t.Context(), from, "/there", databricks.UploadOptions{Overwrite: true})))
	assert.Equal(t, []string{"put", "move", "move", "delete"}, plan(client.DBFS.Upload(t.Context(), large, "/there", databricks.UploadOptions{Overwrite: true})))
	assert.Equal(t, []string{"put"}, plan(client.DBFS.Upload(t.Context(), from, "/new", databricks.UploadOptions{InPlace: true})))
	assert.ErrorIs(t, client.DBFS.Upload(t.Context(), from, "/there", databricks.UploadOptions{}), fs.ErrExist, "reads are made")
	planned = nil
	_, err := client.DBFS.UploadDir(t.Context(), makeTree(t, map[string]string{"a": "1"}), "/dir", databricks.DirOptions{})
	assert.Equal(t, []string{"put"}, plan(err))
	assert.Equal(t, []string{"delete"}, plan(client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/there", Recursive: true})))
	assert.Equal(t, map[string]string{"/there": "old"}, dbfsTree(t, server.Client(), "/"))
}

// An interrupted copy leaves only complete files, and can be continued.
func TestDBFS_dirs_interrupted(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("dir%d/file%d", i%3, i)] = strings.Repeat("x", i*1000)
	}
	from := makeTree(t, files)
	to := t.TempDir()
	for _, op := range []string{"put", "read"} {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		var mu sync.Mutex
		client := clientBefore(server, func(_ int64, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if strings.HasSuffix(r.URL.Path, op) {
				if seen++; seen == 20 {
					cancel()
				}
			}
		})
		copyAll := func(ctx context.Context) (*databricks.DirResult, error) {
			opts := databricks.DirOptions{SkipUnchanged: true, Concurrency: 4}
			if op == "put" {
				return client.DBFS.UploadDir(ctx, from, "/dir", opts)
			}
			return client.DBFS.DownloadDir(ctx, "/dir", to, opts)
		}
		_, err := copyAll(ctx)
		require.ErrorIs(t, err, context.Canceled)
		result, err := copyAll(t.Context())
		require.NoError(t, err)
		assert.Greater(t, result.Unchanged, 10)
		assert.Equal(t, 40, result.Unchanged+result.Files)
	}
	assert.True(t, maps.Equal(files, readTree(t, to)))
	assert.Len(t, dbfsTree(t, server.Client(), "/"), 40)
}

// Every field called Concurrency has the same meaning: 0 is the default, and a
// negative number is rejected before anything is sent or created.
func TestConcurrency(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	dir := t.TempDir()
	negative := databricks.DirOptions{Concurrency: -1}
	for name, call := range map[string]func() error{
		"Download": func() error {
			return client.DBFS.Download(t.Context(), "/f", io.Discard, databricks.DownloadOptions{Concurrency: -1})
		},
		"DownloadFile": func() error {
			return client.DBFS.DownloadFile(t.Context(), "/f", filepath.Join(dir, "file"), databricks.DownloadOptions{Concurrency: -1})
		},
		"DownloadDir": func() error {
			_, err := client.DBFS.DownloadDir(t.Context(), "/", filepath.Join(dir, "down"), negative)
			return err
		},
		"UploadDir": func() error {
			_, err := client.DBFS.UploadDir(t.Context(), dir, "/up", negative)
			return err
		},
		"ExportDir": func() error {
			_, err := client.Workspace.ExportDir(t.Context(), "/Shared", filepath.Join(dir, "export"), negative)
			return err
		},
		"ImportDir": func() error {
			_, err := client.Workspace.ImportDir(t.Context(), dir, "/Shared/in", negative)
			return err
		},
	} {
		err := call()
		assert.ErrorIs(t, err, fs.ErrInvalid, name)
		assert.ErrorContains(t, err, "Concurrency is -1; want 1 or more, or 0 for 32", name)
	}
	assert.Empty(t, server.Requests())
	made, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, made)
}
