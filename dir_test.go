package databricks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// A dirArea is an area for tests of the features that all areas share.
type dirArea struct {
	up   func(ctx context.Context, dir, path string, opts databricks.DirOptions) (*databricks.DirResult, error)
	down func(ctx context.Context, path, dir string, opts databricks.DirOptions) (*databricks.DirResult, error)
	root string // an existing directory
	put  func(path, content string)
	tree func(path string) map[string]string // its names are relative to path
}

func dirAreas(t *testing.T, server *databrickstest.Server, client *databricks.Client) map[string]dirArea {
	clean := server.Client()
	return map[string]dirArea{
		"DBFS": {client.DBFS.UploadDir, client.DBFS.DownloadDir, "/area", func(path, content string) { put(t, clean, path, []byte(content)) },
			func(path string) map[string]string {
				tree := map[string]string{}
				for name, content := range dbfsTree(t, clean, path) {
					tree[strings.TrimPrefix(name, path+"/")] = content
				}
				return tree
			}},
		"Volumes": {client.Files.UploadDir, client.Files.DownloadDir, volumeDir, func(path, content string) { putVolume(t, clean, path, []byte(content)) },
			func(path string) map[string]string {
				tree := map[string]string{}
				for name, content := range volumeTree(t, clean, path) {
					if !strings.HasSuffix(name, "/") {
						tree[strings.TrimPrefix(name, path+"/")] = content
					}
				}
				return tree
			}},
		"Workspace": {client.Workspace.ImportDir, client.Workspace.ExportDir, "/Shared",
			func(path, content string) {
				require.NoError(t, clean.Workspace.Mkdirs(context.WithoutCancel(t.Context()), path[:strings.LastIndexByte(path, '/')]))
				_, err := clean.Workspace.Import(context.WithoutCancel(t.Context()), databricks.ImportObject{Path: path, Format: databricks.ImportRaw, Content: []byte(content), Overwrite: true})
				require.NoError(t, err)
			},
			func(path string) map[string]string {
				tree := map[string]string{}
				for name, content := range planted(t, clean, path) {
					if !strings.HasSuffix(name, "/") {
						tree[strings.TrimPrefix(name, "/")] = content
					}
				}
				return tree
			}},
	}
}

// eachDirArea runs a test for every area.
func eachDirArea(t *testing.T, test func(t *testing.T, server *databrickstest.Server, a dirArea)) {
	for _, name := range []string{"DBFS", "Volumes", "Workspace"} {
		t.Run(name, func(t *testing.T) {
			server := newVolume(t)
			test(t, server, dirAreas(t, server, server.Client())[name])
		})
	}
}

func changes(result *databricks.DirResult) (all []string) {
	for _, c := range result.Changes {
		all = append(all, string(c.Op)+" "+filepath.ToSlash(c.Path))
	}
	return all
}

// A synchronization copies changed files, deletes files that no longer exist, and
// does not change ignored files. It does the same as its dry run reports.
func TestDir_synchronize(t *testing.T) {
	sync := databricks.DirOptions{SkipUnchanged: true, Delete: true, Ignore: []string{"*.log", "/keep/"}}
	dry := sync
	dry.DryRun = true
	eachDirArea(t, func(t *testing.T, server *databrickstest.Server, a dirArea) {
		to := a.root + "/to"
		from := makeTree(t, map[string]string{"a": "1", "sub/b": "2", "sub/x.log": "no", "keep/c": "no", "new/deep/d": "3"})
		a.put(to+"/gone", "old")
		a.put(to+"/sub/gone", "old")
		a.put(to+"/sub/b", "old content")
		a.put(to+"/dead/deep/f", "old")
		a.put(to+"/dead/y.log", "stays")
		a.put(to+"/dead2/f", "old")
		a.put(to+"/keep/e", "stays")
		a.put(to+"/z.log", "stays")
		before := a.tree(to)

		server.ForgetRequests()
		plan, err := a.up(t.Context(), from, to, dry)
		require.NoError(t, err)
		assert.Equal(t, before, a.tree(to), "a dry run changed something")
		for _, r := range server.Requests() {
			assert.Contains(t, []string{http.MethodGet, http.MethodHead}, r.Method, r.Path)
		}
		assert.Equal(t, []string{
			"CREATE " + to + "/a", "DELETE " + to + "/dead/deep", "DELETE " + to + "/dead/deep/f", "DELETE " + to + "/dead2", "DELETE " + to + "/dead2/f",
			"DELETE " + to + "/gone", "CREATE " + to + "/new/deep/d", "REPLACE " + to + "/sub/b", "DELETE " + to + "/sub/gone",
		}, changes(plan))
		assert.Equal(t, filepath.Join(from, "a"), plan.Changes[0].From)
		assert.EqualValues(t, 1, plan.Changes[0].Size)

		result, err := a.up(t.Context(), from, to, sync)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"a": "1", "sub/b": "2", "new/deep/d": "3", "dead/y.log": "stays", "keep/e": "stays", "z.log": "stays"}, a.tree(to))
		plan.Changes = nil
		assert.Equal(t, plan, result, "the dry run said something else")
		assert.Equal(t, 3, result.Files)
		assert.Equal(t, 6, result.Deleted)
		assert.Equal(t, 2, result.Ignored)

		// Download into a directory with other content.
		dir := makeTree(t, map[string]string{"a": "1", "gone": "x", "sub/gone/deep": "x", "sub/q.log": "stays", "dead/deep": "x", "keep/own": "stays", "empty/": ""})
		local := readTree(t, dir)
		plan, err = a.down(t.Context(), to, dir, dry)
		require.NoError(t, err)
		assert.Equal(t, local, readTree(t, dir), "a dry run changed something")
		result, err = a.down(t.Context(), to, dir, sync)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"a": "1", "sub/b": "2", "new/deep/d": "3", "sub/q.log": "stays", "keep/own": "stays", "dead/": ""}, readTree(t, dir))
		assert.Len(t, plan.Changes, result.Files+result.Deleted)
		plan.Changes = nil
		assert.Equal(t, plan, result, "the dry run said something else")

		// Download to a directory that does not exist.
		none := filepath.Join(t.TempDir(), "none")
		plan, err = a.down(t.Context(), to, none, dry)
		require.NoError(t, err)
		assert.Equal(t, 3, plan.Files)
		assert.NoDirExists(t, none)
		plan, err = a.up(t.Context(), from, a.root+"/none", dry)
		require.NoError(t, err)
		assert.Equal(t, 3, plan.Files)
		_, err = a.up(t.Context(), from, to, databricks.DirOptions{Ignore: []string{"[a"}})
		assert.ErrorIs(t, err, fs.ErrInvalid)
	})
}

// Nothing is deleted after an incomplete copy, because directories that could not
// be listed may contain the files.
func TestDir_Delete_onlyAfterSuccess(t *testing.T) {
	eachDirArea(t, func(t *testing.T, server *databrickstest.Server, a dirArea) {
		from := a.root + "/from"
		a.put(from+"/a", "1")
		a.put(from+"/sub/b", "2")
		dir := makeTree(t, map[string]string{"old": "x", "sub/b": "2"})
		server.Inject(databrickstest.Fault{Path: "/api/2.0/*", Match: func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/list") && strings.HasSuffix(r.URL.Query().Get("path"), "/sub") ||
				r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/2.0/fs/directories/") && strings.HasSuffix(r.URL.Path, "/sub")
		}, Times: -1, Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"no"}`})
		result, err := a.down(t.Context(), from, dir, databricks.DirOptions{SkipUnchanged: true, Delete: true})
		assert.ErrorIs(t, err, fs.ErrPermission)
		require.NotNil(t, result)
		assert.Equal(t, map[string]string{"a": "1", "old": "x", "sub/b": "2"}, readTree(t, dir))
		assert.Zero(t, result.Deleted)
	})
}

// Each file that the service rejects is reported as an error in the result. Other
// files are still copied.
func TestDir_refusedFiles(t *testing.T) {
	eachDirArea(t, func(t *testing.T, server *databrickstest.Server, a dirArea) {
		files := map[string]string{}
		for i := range 30 {
			files[fmt.Sprintf("f%02d", i)] = "x"
		}
		refuse := func(times int) {
			server.Inject(databrickstest.Fault{Path: "/api/2.0/*", Match: func(r *http.Request) bool {
				return strings.HasPrefix(r.URL.Path, "/api/2.0/fs/files/") || strings.HasSuffix(r.URL.Path, "/put") || strings.HasSuffix(r.URL.Path, "/import") || strings.HasSuffix(r.URL.Path, "/read") || strings.HasSuffix(r.URL.Path, "/export")
			}, Times: times, Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"not here"}`})
		}
		from := makeTree(t, files)
		for times, want := range map[int]int{-1: 30, 3: 3} {
			refuse(times)
			result, err := a.up(t.Context(), from, fmt.Sprint(a.root, "/up", want), databricks.DirOptions{})
			server.ClearFaults()
			assert.ErrorIs(t, err, fs.ErrPermission)
			assert.ErrorContains(t, err, fmt.Sprintf("and %d more", want-1))
			assert.Equal(t, 30-want, result.Files)
			assert.Len(t, result.Failed, want)
			assert.Empty(t, result.Skipped)
			assert.Len(t, a.tree(fmt.Sprint(a.root, "/up", want)), 30-want)
		}
		for name := range files {
			a.put(a.root+"/down/"+name, "x")
		}
		refuse(-1)
		dir := t.TempDir()
		result, err := a.down(t.Context(), a.root+"/down", dir, databricks.DirOptions{})
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.Len(t, result.Failed, 30)
		assert.Empty(t, readTree(t, dir))
	})
}

// If the service rejects a directory, other files are still copied, and no
// temporary file remains.
func TestDBFS_UploadDir_leavesNothing(t *testing.T) {
	files := map[string]string{"refused/x": "x"}
	for i := range 6 {
		files[fmt.Sprint("large", i)] = string(noise(mebibyte + 1))
	}
	from := makeTree(t, files)
	for range 5 {
		server := databrickstest.NewServer(databrickstest.WithoutSocket())
		server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/put", Match: func(r *http.Request) bool { return r.ContentLength < mebibyte }, Times: -1,
			Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"not here"}`})
		result, err := server.Client().DBFS.UploadDir(t.Context(), from, "/to", databricks.DirOptions{})
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.Equal(t, 6, result.Files)
		assert.Len(t, dbfsTree(t, server.Client(), "/"), 6)
		server.Close()
	}
}

// If a name in a list cannot be copied, the result contains it as the service sent
// it.
func TestDir_namesThatCannotBeCopied(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	server.Inject(databrickstest.Fault{Path: "/api/2.0/workspace/list", Times: -1, Status: 200, Body: `{"objects": [
		{"object_type": "NOTEBOOK", "path": "/Shared/d/a/b", "language": "PYTHON"}, {"object_type": "FILE", "path": "/elsewhere"}]}`})
	dir := t.TempDir()
	result, err := server.Client().Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"/Shared/d/a/b", "/elsewhere"}, skippedPaths(result))
	assert.ErrorContains(t, result.Skipped[0].Err, `its name "a/b" contains a slash`)
	assert.Empty(t, readTree(t, dir))
}

// A file that was replaced by a pipe does not block the copy.
func TestDir_fileThatBecomesAPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no named pipes in directories")
	}
	eachDirArea(t, func(t *testing.T, server *databrickstest.Server, a dirArea) {
		dir := makeTree(t, map[string]string{"a": "1", "b": "2", "c": "3"})
		var once sync.Once
		swap := func() {
			require.NoError(t, os.Remove(filepath.Join(dir, "c")))
			require.NoError(t, mkfifo(filepath.Join(dir, "c")))
		}
		result, err := a.up(t.Context(), dir, a.root+"/to", databricks.DirOptions{Concurrency: 1, Progress: func(databricks.DirProgress) { once.Do(swap) }})
		require.NoError(t, err)
		assert.Equal(t, 2, result.Files)
		require.Len(t, result.Skipped, 1)
		assert.ErrorIs(t, result.Skipped[0].Err, errors.ErrUnsupported)
		assert.ErrorContains(t, result.Skipped[0].Err, "it is not a regular file")
	})
}

// Of several concurrent downloads to one name without Overwrite, one succeeds.
func TestDBFS_DownloadFile_concurrently(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	client := server.Client()
	for i := range 4 {
		put(t, client, fmt.Sprint("/f", i), []byte{byte('0' + i)})
	}
	for range 300 {
		name := filepath.Join(t.TempDir(), "name")
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			all.Go(func() {
				errs[i] = client.DBFS.DownloadFile(t.Context(), fmt.Sprint("/f", i), name, databricks.DownloadOptions{})
			})
		}
		all.Wait()
		winner := slices.Index(errs, nil)
		require.GreaterOrEqual(t, winner, 0, "%v", errs)
		for i, err := range errs {
			if i != winner {
				require.ErrorIs(t, err, fs.ErrExist, "more than one succeeded")
			}
		}
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, []byte{byte('0' + winner)}, content)
		left, err := os.ReadDir(filepath.Dir(name))
		require.NoError(t, err)
		require.Len(t, left, 1)
	}
}

// With a fault at any request, all existing files are complete, the result contains
// the missing ones, and errors name all other files. The service may process
// requests late.
func TestDir_withEveryMishapAtEveryRequest(t *testing.T) {
	files := map[string]string{"a": "one", "sub/b": "two", "sub/c": string(noise(mebibyte + 1))}
	for _, name := range []string{"DBFS", "Volumes", "Workspace"} {
		t.Run(name, func(t *testing.T) {
			from := makeTree(t, files)
			eachMishap(t, lateMishaps, []databrickstest.Option{databrickstest.WithVolume("main.default.files")}, func(t *testing.T, ctx context.Context, server *databrickstest.Server, arm func(), at string) error {
				a := dirAreas(t, server, server.Client())[name]
				a.put(a.root+"/to/a", "old")
				arm()
				result, err := a.up(ctx, from, a.root+"/to", databricks.DirOptions{Overwrite: true, Concurrency: 1})
				synctest.Wait()
				server.ClearFaults()
				time.Sleep(2 * time.Hour)
				tree := a.tree(a.root + "/to")
				if err == nil {
					require.Equal(t, len(files), result.Files, at)
				}
				for file, content := range files {
					got, there := tree[file]
					require.True(t, !there || got == content || file == "a" && got == "old" && err != nil, "%s: %s: %d bytes: %v", at, file, len(got), err)
					require.True(t, there || err != nil, "%s: %s is lost", at, file)
					delete(tree, file)
				}
				for other := range tree {
					require.NotNil(t, result, at)
					require.True(t, slices.Contains(result.Leftovers, a.root+"/to/"+other), "%s: %s is left without being named: %v", at, other, err)
				}
				return err
			})
		})
	}
}

// symlink creates a symbolic link. It skips the test where that needs a privilege, as
// on Windows, or where the result is something else, as with wine.
func symlink(t *testing.T, target, name string) {
	err := os.Symlink(target, name)
	if err != nil && runtime.GOOS == "windows" {
		t.Skip(err)
	}
	require.NoError(t, err)
	if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Skipf("%s is not a symbolic link here: %v, %v", name, info, err)
	}
}
