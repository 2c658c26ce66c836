package databricks_test

import (
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
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// newWorkspace returns a workspace without a socket, and its client.
func newWorkspace(t testing.TB, opts ...databrickstest.Option) (*databrickstest.Server, *databricks.Client) {
	server := databrickstest.NewServer(append([]databrickstest.Option{databrickstest.WithoutSocket()}, opts...)...)
	t.Cleanup(func() {
		server.Close()
		assert.Empty(t, server.Panics())
	})
	return server, server.Client()
}

// plant imports notebooks, named path:LANGUAGE, and files. It creates directories
// for names that end with a slash.
func plant(t testing.TB, client *databricks.Client, objects map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		path, language, isNotebook := strings.Cut(name, ":")
		require.NoError(t, client.Workspace.Mkdirs(t.Context(), path[:strings.LastIndexByte(path, '/')+1]))
		if strings.HasSuffix(path, "/") {
			continue
		}
		in := databricks.ImportObject{Path: path, Content: []byte(objects[name]), Format: databricks.ImportRaw}
		if isNotebook {
			in.Format, in.Language = databricks.ImportSource, databricks.WorkspaceLanguage(language)
		}
		_, err := client.Workspace.Import(t.Context(), in)
		require.NoError(t, err, name)
	}
}

// planted is the reverse of plant. It returns the objects below a path, with
// relative paths.
func planted(t testing.TB, client *databricks.Client, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for o, err := range client.Workspace.Walk(t.Context(), root) {
		require.NoError(t, err)
		name := strings.TrimPrefix(o.Path, root)
		if o.ObjectType == databricks.ObjectDirectory {
			all[name+"/"] = ""
			continue
		}
		if o.ObjectType == databricks.ObjectNotebook {
			name += ":" + string(o.Language)
		}
		out, err := client.Workspace.Export(t.Context(), databricks.ExportObject{Path: o.Path})
		require.NoError(t, err)
		_, source, found := strings.Cut(string(out.Content), "Databricks notebook source\n")
		if o.ObjectType != databricks.ObjectNotebook || !found {
			source = string(out.Content)
		}
		all[name] = source
	}
	return all
}

// localFiles returns the files of a local directory by their paths with slashes.
// Directories have a slash at the end.
func localFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			all[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		all[name] = string(content)
		return err
	}))
	return all
}

func reasons(result *databricks.DirResult) map[string]string {
	all := map[string]string{}
	for _, s := range result.Skipped {
		all[filepath.ToSlash(s.Path)] = s.Err.Error()
	}
	return all
}

func TestWorkspace_Import_formsAndFormats(t *testing.T) {
	_, client := newWorkspace(t)
	ctx := t.Context()
	for _, multipart := range []bool{false, true} {
		in := databricks.ImportObject{Path: "/Shared/n", Language: databricks.LanguagePython, Content: []byte("1"), Multipart: multipart}
		id, err := client.Workspace.Import(ctx, in)
		require.NoError(t, err)
		o, err := client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: "/Shared/n"})
		require.NoError(t, err)
		assert.Equal(t, id, o.ObjectID)
		_, err = client.Workspace.Import(ctx, in)
		assert.ErrorIs(t, err, fs.ErrExist)
		for _, format := range []databricks.ExportFormat{databricks.ExportSource, databricks.ExportHTML, databricks.ExportJupyter, databricks.ExportDBC} {
			plain, err := client.Workspace.Export(ctx, databricks.ExportObject{Path: "/Shared/n", Format: format})
			require.NoError(t, err)
			direct, err := client.Workspace.Export(ctx, databricks.ExportObject{Path: "/Shared/n", Format: format, DirectDownload: true})
			require.NoError(t, err)
			assert.Equal(t, string(plain.Content), string(direct.Content))
		}
		in = databricks.ImportObject{Path: "/Shared/empty", Format: databricks.ImportRaw, Multipart: multipart}
		_, err = client.Workspace.Import(ctx, in)
		require.NoError(t, err)
		require.NoError(t, client.Workspace.Delete(ctx, databricks.DeleteObject{Path: "/Shared/n"}))
		require.NoError(t, client.Workspace.Delete(ctx, databricks.DeleteObject{Path: "/Shared/empty"}))
	}
}

// A call whose response was lost is retried only if a late first request cannot
// undo later changes.
func TestWorkspace_lostResponses(t *testing.T) {
	for name, row := range map[string]struct {
		call  func(ctx context.Context, w *databricks.WorkspaceService) error
		again bool
	}{
		"import": {func(ctx context.Context, w *databricks.WorkspaceService) error {
			_, err := w.Import(ctx, databricks.ImportObject{Path: "/Shared/new", Language: databricks.LanguageSQL})
			return err
		}, false},
		"import over something": {func(ctx context.Context, w *databricks.WorkspaceService) error {
			_, err := w.Import(ctx, databricks.ImportObject{Path: "/Shared/n", Language: databricks.LanguageSQL, Overwrite: true})
			return err
		}, false},
		"import as multipart over something": {func(ctx context.Context, w *databricks.WorkspaceService) error {
			_, err := w.Import(ctx, databricks.ImportObject{Path: "/Shared/n", Language: databricks.LanguageSQL, Overwrite: true, Multipart: true})
			return err
		}, false},
		"mkdirs": {func(ctx context.Context, w *databricks.WorkspaceService) error { return w.Mkdirs(ctx, "/Shared/d") }, true},
		"delete": {func(ctx context.Context, w *databricks.WorkspaceService) error {
			return w.Delete(ctx, databricks.DeleteObject{Path: "/Shared/n"})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := newWorkspace(t)
				plant(t, client, map[string]string{"/Shared/n:SQL": "1"})
				server.ForgetRequests()
				server.Inject(databrickstest.Fault{Reset: true, WorkDone: true})
				err := row.call(t.Context(), client.Workspace)
				if row.again {
					require.NoError(t, err)
					assert.Len(t, server.Requests(), 2)
					return
				}
				_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
				assert.True(t, unknown, "%v", err)
				assert.Len(t, server.Requests(), 1)
			})
		})
	}
}

func TestWorkspace_tooLarge(t *testing.T) {
	for name, opts := range map[string][]databrickstest.Option{"documented": nil, "newer": {databrickstest.WithNewerSizeErrors()}} {
		t.Run(name, func(t *testing.T) {
			server, client := newWorkspace(t, opts...)
			server.PutWorkspaceObject("/Shared/large", "FILE", make([]byte, 10*mebibyte+1))
			_, err := client.Workspace.Export(t.Context(), databricks.ExportObject{Path: "/Shared/large"})
			assert.ErrorIs(t, err, databricks.ErrTooLarge)
			full := databricks.ImportObject{Path: "/Shared/full", Format: databricks.ImportRaw, Content: make([]byte, 10*mebibyte)}
			_, err = client.Workspace.Import(t.Context(), full)
			assert.ErrorIs(t, err, databricks.ErrTooLarge, "base64 makes the request too large")
			full.Multipart = true
			_, err = client.Workspace.Import(t.Context(), full)
			assert.NoError(t, err)
		})
	}
}

func TestWorkspace_Walk(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, map[string]string{"/Shared/b/z/": "", "/Shared/b/a/deep:SQL": "1", "/Shared/a:SQL": "1", "/Shared/b.txt": "1"})
	server.PutWorkspaceObject("/Shared/c", "REPO", nil)
	plant(t, client, map[string]string{"/Shared/c/inside:SQL": "1"})
	walk := func(path string) (paths []string) {
		for o, err := range client.Workspace.Walk(t.Context(), path) {
			require.NoError(t, err)
			paths = append(paths, o.Path)
		}
		return paths
	}
	all := []string{"/Shared/a", "/Shared/b", "/Shared/b/a", "/Shared/b/a/deep", "/Shared/b/z", "/Shared/b.txt", "/Shared/c"}
	assert.Equal(t, all, walk("/Shared"))
	assert.Equal(t, all, walk("/Shared/"))
	assert.Contains(t, walk("/"), "/Shared/b/a/deep")
	assert.Equal(t, []string{"/Shared/c/inside"}, walk("/Shared/c"))
	assert.Equal(t, []string{"/Shared/a"}, walk("/Shared/a"))
	assert.Equal(t, all, walk("//Shared//"))
	assert.Equal(t, []string{"/Shared/a"}, walk("/Shared//a/"))
	assert.Empty(t, walk("/Shared/b/z"))
	for _, err := range client.Workspace.Walk(t.Context(), "/none") {
		assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist)
	}

	seq, seen := client.Workspace.Walk(t.Context(), "/Shared"), 0
	for range 2 { // it can be ranged over again
		for range seq {
			if seen++; seen%3 == 0 {
				break
			}
		}
	}
	assert.Equal(t, 6, seen)

	var paths []string
	for o, err := range seq {
		require.NoError(t, err)
		if paths = append(paths, o.Path); o.Path == "/Shared/b" {
			require.NoError(t, client.Workspace.Delete(t.Context(), databricks.DeleteObject{Path: "/Shared/b", Recursive: true}))
		}
	}
	assert.Equal(t, []string{"/Shared/a", "/Shared/b", "/Shared/b.txt", "/Shared/c"}, paths, "what vanished is passed over")

	plant(t, client, map[string]string{"/Shared/b/": ""})
	paths = nil
	for o, err := range seq {
		require.NoError(t, err)
		if paths = append(paths, o.Path); o.Path == "/Shared/b" {
			require.NoError(t, client.Workspace.Delete(t.Context(), databricks.DeleteObject{Path: "/Shared/b", Recursive: true}))
			plant(t, client, map[string]string{"/Shared/b:SQL": ""})
		}
	}
	assert.Equal(t, []string{"/Shared/a", "/Shared/b", "/Shared/b.txt", "/Shared/c"}, paths, "what became another is not yielded twice")
}

var sampleTree = map[string]string{
	"/py:PYTHON": "print(1)", "/r:R": "x <- 1", "/scala:SCALA": "val x = 1", "/sql:SQL": "select 1", "/plain.py": "no notebook",
	"/sub/": "", "/sub/empty/": "", "/sub/data.bin": "\x00\xff", "/sub/zero": "", "/sub/n:SQL": "-- a\n\n-- COMMAND ----------\n\n-- b",
}

func rooted(root string, tree map[string]string) map[string]string {
	moved := map[string]string{}
	for name, content := range tree {
		moved[root+name] = content
	}
	return moved
}

func TestWorkspace_ExportDir_ImportDir(t *testing.T) {
	_, client := newWorkspace(t)
	plant(t, client, rooted("/Shared/from", sampleTree))
	dir := filepath.Join(t.TempDir(), "new", "folder")
	var last databricks.DirProgress
	result, err := client.Workspace.ExportDir(t.Context(), "/Shared/from", dir, databricks.DirOptions{Progress: func(p databricks.DirProgress) {
		assert.GreaterOrEqual(t, p.Files, last.Files)
		last = p
	}})
	require.NoError(t, err)
	want := map[string]string{
		"py.py": "# Databricks notebook source\nprint(1)", "r.r": "# Databricks notebook source\nx <- 1", "scala.scala": "// Databricks notebook source\nval x = 1",
		"sql.sql": "-- Databricks notebook source\nselect 1", "plain.py": "no notebook", "sub/": "", "sub/empty/": "", "sub/data.bin": "\x00\xff", "sub/zero": "",
		"sub/n.sql": "-- Databricks notebook source\n-- a\n\n-- COMMAND ----------\n\n-- b",
	}
	assert.Equal(t, want, localFiles(t, dir))
	size := int64(0)
	for _, content := range want {
		size += int64(len(content))
	}
	assert.Equal(t, &databricks.DirResult{Files: 8, Bytes: size}, result)
	assert.Equal(t, 8, last.Files)
	assert.Equal(t, size, last.Bytes)
	info, err := os.Stat(filepath.Join(dir, "py.py"))
	require.NoError(t, err)
	o, err := client.Workspace.GetStatus(t.Context(), databricks.GetObjectStatus{Path: "/Shared/from/py"})
	require.NoError(t, err)
	assert.True(t, info.ModTime().Equal(o.ModifiedAt.Time()))

	result, err = client.Workspace.ImportDir(t.Context(), dir, "/Shared/new/to", databricks.DirOptions{})
	require.NoError(t, err)
	assert.Equal(t, &databricks.DirResult{Files: 8, Bytes: size}, result)
	assert.Equal(t, sampleTree, planted(t, client, "/Shared/new/to"))
}

func TestWorkspace_dirs_again(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, map[string]string{"/Shared/d/n:SQL": "old", "/Shared/d/f": "old"})
	dir := t.TempDir()
	export := func(opts databricks.DirOptions) *databricks.DirResult {
		result, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, opts)
		require.NoError(t, err)
		return result
	}
	require.Equal(t, 2, export(databricks.DirOptions{}).Files)
	result := export(databricks.DirOptions{})
	assert.Len(t, result.Skipped, 2)
	assert.ErrorIs(t, result.Skipped[0].Err, fs.ErrExist)
	assert.Equal(t, "/Shared/d/f", result.Skipped[0].Path)
	server.ForgetRequests()
	assert.Equal(t, &databricks.DirResult{Unchanged: 2}, export(databricks.DirOptions{SkipUnchanged: true}))
	assert.Len(t, server.Requests(), 1, "nothing is exported to see that it is there")
	assert.Equal(t, 2, export(databricks.DirOptions{Overwrite: true}).Files)
	stale := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "n.sql"), stale, stale))
	result = export(databricks.DirOptions{SkipUnchanged: true})
	assert.Equal(t, 1, result.Files)
	assert.Equal(t, 1, result.Unchanged)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("half"), 0o600))
	assert.Equal(t, 1, export(databricks.DirOptions{SkipUnchanged: true}).Files, "another size")
	assert.Equal(t, "old", localFiles(t, dir)["f"])

	bring := func(opts databricks.DirOptions) *databricks.DirResult {
		result, err := client.Workspace.ImportDir(t.Context(), dir, "/Shared/d", opts)
		require.NoError(t, err)
		return result
	}
	result = bring(databricks.DirOptions{})
	assert.Len(t, result.Skipped, 2)
	assert.ErrorIs(t, result.Skipped[0].Err, fs.ErrExist)
	assert.Equal(t, &databricks.DirResult{Unchanged: 2}, bring(databricks.DirOptions{SkipUnchanged: true}))
	fresh := time.Now().Add(time.Hour)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte("new"), 0o600))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "f"), fresh, fresh))
	assert.Equal(t, &databricks.DirResult{Files: 1, Bytes: 3, Unchanged: 1}, bring(databricks.DirOptions{SkipUnchanged: true}))
	assert.Equal(t, "new", planted(t, client, "/Shared/d")["/f"])
	assert.Equal(t, 2, bring(databricks.DirOptions{Overwrite: true}).Files)
}

func TestWorkspace_ExportDir_skips(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, map[string]string{"/Shared/d/n:SQL": "1", "/Shared/d/blocked/x:SQL": "2", "/Shared/d/taken": "3"})
	server.PutWorkspaceObject("/Shared/d/large", "FILE", make([]byte, 10*mebibyte+1))
	server.PutWorkspaceObject("/Shared/d/lib", "LIBRARY", nil)
	server.PutWorkspaceObject("/Shared/d/repo", "REPO", nil)
	long := strings.Repeat("n", 300)
	server.PutWorkspaceObject("/Shared/d/"+long, "FILE", nil)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "blocked"), nil, 0o600)) // a file in place of a directory
	require.NoError(t, os.Mkdir(filepath.Join(dir, "taken"), 0o700))            // a directory in place of a file
	result, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{Overwrite: true})
	assert.ErrorIs(t, err, databricks.ErrTooLarge, "what the service refused is an error")
	assert.Equal(t, 1, result.Files)
	assert.Equal(t, []string{"/Shared/d/lib", "/Shared/d/repo"}, skippedPaths(result))
	errs := problems(result)
	assert.ErrorIs(t, errs["/Shared/d/large"], databricks.ErrTooLarge)
	assert.ErrorIs(t, errs["/Shared/d/lib"], errors.ErrUnsupported)
	assert.ErrorIs(t, errs["/Shared/d/repo"], errors.ErrUnsupported)
	assert.ErrorIs(t, errs["/Shared/d/taken"], fs.ErrExist)
	assert.Error(t, errs["/Shared/d/"+long])
	assert.Error(t, errs["/Shared/d/blocked"])
	assert.Error(t, errs["/Shared/d/blocked/x"])
	assert.Len(t, errs, 7)
	assert.Equal(t, map[string]string{"n.sql": "-- Databricks notebook source\n1", "blocked": "", "taken/": ""}, localFiles(t, dir))
}

func TestWorkspace_ExportDir_hostileNames(t *testing.T) {
	_, client := newWorkspace(t)
	outer := t.TempDir()
	dir := filepath.Join(outer, "in", "here")
	tree := map[string]string{"/clash:PYTHON": "notebook", "/clash.py": "file", "/Case": "1", "/case": "2"}
	for i, name := range []string{".", `..\..\up`, "CON", "nul.txt", "a:b*?", "dot.", "space ", "%{41}", "100%2Fdone", "\u202eevil", "line\nbreak", "~"} {
		tree["/"+strings.ReplaceAll(name, ":", ";")] = fmt.Sprint(i)
	}
	tree["/../"], tree["/../../"] = "", ""
	tree["/../../inside"] = "x"
	plant(t, client, rooted("/Shared/d", tree))
	result, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{})
	require.NoError(t, err)
	assert.Empty(t, result.Skipped)
	here := localFiles(t, outer)
	for name := range here {
		assert.True(t, name == "in/" || strings.HasPrefix(name, "in/here/"), "%s is outside", name)
		for _, part := range strings.Split(strings.TrimSuffix(name, "/"), "/") {
			assert.NotContains(t, part, `\`)
			assert.Equal(t, strings.TrimRight(part, ". "), part)
		}
	}
	assert.Equal(t, "file", here["in/here/clash.py"])
	assert.Equal(t, "# Databricks notebook source\nnotebook", here["in/here/clash%{2E}py"])
	assert.Equal(t, "x", here["in/here/%{2E}%{2E}/%{2E}%{2E}/inside"])

	result, err = client.Workspace.ImportDir(t.Context(), dir, "/Shared/back", databricks.DirOptions{})
	require.NoError(t, err)
	for name := range reasons(result) { // . and .. are ordinary names here
		assert.Contains(t, name, "%{2E}")
	}
	want := map[string]string{}
	for name, content := range tree {
		if !strings.HasPrefix(name, "/..") && name != "/." || strings.HasPrefix(name, `/..\`) {
			want[name] = content
		}
	}
	assert.Equal(t, want, planted(t, client, "/Shared/back"))
}

func TestWorkspace_ExportDir_staysInside(t *testing.T) {
	_, client := newWorkspace(t)
	plant(t, client, map[string]string{"/Shared/d/link/f": "1", "/Shared/d/l": "2"})
	outside, dir := t.TempDir(), t.TempDir()
	symlink(t, outside, filepath.Join(dir, "link"))
	_, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{})
	assert.Error(t, err)
	assert.Empty(t, localFiles(t, outside))
	require.NoError(t, os.Remove(filepath.Join(dir, "link")))
	target := filepath.Join(outside, "target")
	require.NoError(t, os.WriteFile(target, []byte("mine"), 0o600))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "l")))
	symlink(t, target, filepath.Join(dir, "l"))
	_, err = client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{Overwrite: true})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"target": "mine"}, localFiles(t, outside), "a link is replaced, not followed")
	assert.Equal(t, "2", localFiles(t, dir)["l"])
}

func TestWorkspace_ImportDir_skips(t *testing.T) {
	_, client := newWorkspace(t)
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	const marker = " Databricks notebook source\r\n"
	write("a.py", "#"+marker+"1")
	write("a.sql", "--"+marker+"2") // has the same destination
	write("bad.ipynb", "{")
	write("good.ipynb", `{"cells":[],"metadata":{"language_info":{"name":"scala"}},"nbformat":4}`)
	write("%{2F}etc", "x")
	write("%{2E}%{2E}/x", "x")
	write("%{}", "x")
	write(".databricks-left", "x")
	write(".py", "#"+marker)
	write("BOM.SQL", "\ufeff--"+marker+"3")
	write("other.py", "--"+marker)
	large, err := os.Create(filepath.Join(dir, "large"))
	require.NoError(t, err)
	require.NoError(t, large.Truncate(10*mebibyte+1))
	require.NoError(t, large.Close())
	symlink(t, "/etc/passwd", filepath.Join(dir, "link"))
	symlink(t, "..", filepath.Join(dir, "loop"))
	plant(t, client, map[string]string{"/Shared/d/there:SQL": "1"})
	write("there/x", "under a notebook")

	result, err := client.Workspace.ImportDir(t.Context(), dir, "/Shared/d", databricks.DirOptions{Overwrite: true})
	assert.ErrorIs(t, err, databricks.ErrInvalidParameterValue, "what the service refused is an error")
	assert.Equal(t, 6, result.Files)
	assert.Len(t, result.Failed, 3)
	errs := map[string]error{}
	for path, problem := range problems(result) {
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		errs[filepath.ToSlash(name)] = problem
	}
	for name, is := range map[string]error{
		"a.sql": fs.ErrExist, "bad.ipynb": databricks.ErrInvalidParameterValue, "%{2F}etc": fs.ErrInvalid, "%{2E}%{2E}": fs.ErrInvalid, "%{2E}%{2E}/x": fs.ErrInvalid,
		"%{}": fs.ErrInvalid, "large": databricks.ErrTooLarge, "link": errors.ErrUnsupported, "loop": errors.ErrUnsupported,
		"there": fs.ErrExist, "there/x": fs.ErrExist,
	} {
		assert.ErrorIs(t, errs[name], is, name)
		delete(errs, name)
	}
	assert.Empty(t, errs)
	got := planted(t, client, "/Shared/d")
	assert.Equal(t, "1", got["/a:PYTHON"])
	assert.Contains(t, got, "/good:SCALA")
	assert.Contains(t, got, "/.py")
	assert.Contains(t, got, "/other.py")
	assert.Contains(t, got, "/BOM:SQL")
	assert.Contains(t, got, "/.databricks-left")
	assert.Len(t, got, 7)
}

func TestWorkspace_dirs_refuse(t *testing.T) {
	server, client := newWorkspace(t, databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "dapi-alice"}))
	plant(t, client, map[string]string{"/Shared/n:SQL": "1"})
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := client.Workspace.ExportDir(t.Context(), "/Shared", file, databricks.DirOptions{})
	assert.Error(t, err)
	_, err = client.Workspace.ExportDir(t.Context(), "/none", t.TempDir(), databricks.DirOptions{})
	assert.ErrorIs(t, err, databricks.ErrResourceDoesNotExist)
	_, err = client.Workspace.ExportDir(t.Context(), "none", t.TempDir(), databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrInvalid)
	_, err = client.Workspace.ImportDir(t.Context(), filepath.Join(t.TempDir(), "none"), "/Shared/d", databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = client.Workspace.ImportDir(t.Context(), t.TempDir(), "/Shared/n", databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrExist, "a notebook is there")
	alice, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-alice"),
		databricks.WithHTTPClient(&http.Client{Transport: server.Transport()}))
	require.NoError(t, err)
	_, err = alice.Workspace.ImportDir(t.Context(), t.TempDir(), "/Users/admin@example.com/x", databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrPermission)
	dir := t.TempDir()
	_, err = client.Workspace.ExportDir(t.Context(), "/Shared//n/", dir, databricks.DirOptions{})
	require.NoError(t, err)
	assert.Contains(t, localFiles(t, dir), "n.sql", "one notebook is exported as well")
}

// If the credential expires during a copy, the remaining files are not skipped.
func TestWorkspace_dirs_credentialEnds(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, rooted("/Shared/d", sampleTree))
	server.Inject(databrickstest.Fault{Path: "/api/2.0/workspace/export", Skip: 2, Times: 100, Status: 403, Body: `{"error_code":403,"message":"Invalid access token."}`, ContentType: "application/json"})
	_, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", t.TempDir(), databricks.DirOptions{})
	assert.ErrorIs(t, err, fs.ErrPermission)
}

func TestWorkspace_dirs_plan(t *testing.T) {
	server, _ := newWorkspace(t)
	var planned []string
	client := server.Client(databricks.WithPlan(func(c databricks.PlannedCall) {
		planned = append(planned, strings.TrimPrefix(c.Path, "/api/2.0/workspace/"))
	}))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "f"), []byte("x"), 0o600))
	for _, opts := range []databricks.DirOptions{{Concurrency: 1}, {Concurrency: 1, SkipUnchanged: true}} {
		planned = nil
		_, err := client.Workspace.ImportDir(t.Context(), dir, "/Shared/new", opts)
		require.NoError(t, err)
		assert.Equal(t, []string{"mkdirs", "mkdirs", "import"}, planned)
	}
	objects, err := client.Workspace.List(t.Context(), databricks.ListObjects{Path: "/Shared"})
	require.NoError(t, err)
	assert.Empty(t, objects)
}

func TestWorkspace_dirs_parallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := newWorkspace(t)
		tree := map[string]string{}
		for i := range 40 {
			tree[fmt.Sprintf("/Shared/d/f%02d", i)] = "x"
		}
		plant(t, client, tree)
		server.Inject(databrickstest.Fault{Times: 1 << 20, Latency: time.Second})
		begin, dir := time.Now(), t.TempDir()
		_, err := client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{Concurrency: 10})
		require.NoError(t, err)
		assert.Equal(t, 5*time.Second, time.Since(begin), "one list, and 40 exports, ten at a time")
		begin = time.Now()
		_, err = client.Workspace.ImportDir(t.Context(), dir, "/Shared/e", databricks.DirOptions{Concurrency: 20})
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(begin))

		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		dir = t.TempDir()
		_, err = client.Workspace.ExportDir(ctx, "/Shared/d", dir, databricks.DirOptions{Concurrency: 10})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for name := range localFiles(t, dir) {
			assert.NotContains(t, name, ".databricks-")
		}
		_, err = client.Workspace.ExportDir(t.Context(), "/Shared/d", dir, databricks.DirOptions{SkipUnchanged: true})
		require.NoError(t, err)
		assert.Len(t, localFiles(t, dir), 40, "what was interrupted can go on")
	})
}

// With a fault at any request, the copy is complete, or it fails and leaves only
// complete files.
func TestWorkspace_dirs_faults(t *testing.T) {
	const page = "<html>sign in</html>"
	faults := []databrickstest.Fault{
		{Name: "refused", Refuse: true}, {Name: "reset", Reset: true}, {Name: "reset after", Reset: true, WorkDone: true},
		{Name: "502", Status: 502, Body: page, ContentType: "text/html"}, {Name: "503 after", Status: 503, WorkDone: true}, {Name: "429", Status: 429, RetryAfter: "1"},
		{Name: "truncated", Truncate: true, Keep: 10}, {Name: "page", Status: 200, Body: page, ContentType: "text/html"}, {Name: "404", Status: 404},
	}
	for _, good := range []bool{false, true} {
		for _, fault := range faults {
			if good {
				fault.Times = 6
			}
			for at := range 8 {
				synctest.Test(t, func(t *testing.T) {
					server, client := newWorkspace(t)
					clean := server.Client()
					tree := map[string]string{"/a:SQL": "1", "/b": "two", "/c/": "", "/c/d:R": "3", "/c/e": "four"}
					plant(t, clean, rooted("/Shared/from", tree))
					name := fmt.Sprintf("%s at %d, for good: %v", fault.Name, at, good)
					f := fault
					f.Skip = at
					server.Inject(f)
					dir := t.TempDir()
					want := map[string]string{"a.sql": "-- Databricks notebook source\n1", "b": "two", "c/": "", "c/d.r": "# Databricks notebook source\n3", "c/e": "four"}
					result, err := client.Workspace.ExportDir(t.Context(), "/Shared/from", dir, databricks.DirOptions{Concurrency: 1})
					server.ClearFaults()
					got := localFiles(t, dir)
					for file, content := range got {
						require.Equal(t, want[file], content, "%s: %s", name, file)
					}
					if err == nil && len(result.Skipped) == 0 && fault.Name != "404" { // a directory that no longer exists
						require.Equal(t, want, got, name)
					}

					_, err = clean.Workspace.ExportDir(t.Context(), "/Shared/from", dir, databricks.DirOptions{Overwrite: true})
					require.NoError(t, err)
					server.Inject(f)
					result, err = client.Workspace.ImportDir(t.Context(), dir, "/Shared/to", databricks.DirOptions{Concurrency: 1})
					server.ClearFaults()
					if err != nil && at < 1 {
						return // it may not exist
					}
					there := planted(t, clean, "/Shared/to")
					for file, content := range there {
						require.Equal(t, tree[file], content, "%s: %s", name, file)
					}
					if err == nil && len(result.Skipped) == 0 {
						require.Equal(t, tree, there, name)
					}
				})
			}
		}
	}
}

func TestWorkspace_FS(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, rooted("/Shared/d", sampleTree))
	server.PutWorkspaceObject("/Shared/lib", "LIBRARY", nil)
	server.PutWorkspaceObject("/Shared/repo", "REPO", nil)
	plant(t, client, map[string]string{"/Shared/repo/n:SQL": "1"})
	all := client.Workspace.FS(t.Context())
	shared, err := fs.Sub(all, "Shared/d")
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(shared, "py", "plain.py", "sub/n", "sub/zero", "sub/data.bin"))
	require.NoError(t, client.Workspace.Delete(t.Context(), databricks.DeleteObject{Path: "/Shared/d/sub", Recursive: true}))

	content, err := fs.ReadFile(all, "Shared/d/py")
	require.NoError(t, err)
	assert.Equal(t, "# Databricks notebook source\nprint(1)", string(content))
	info, err := fs.Stat(all, "Shared/d/py")
	require.NoError(t, err)
	assert.EqualValues(t, len(content), info.Size())
	assert.Equal(t, databricks.LanguagePython, info.Sys().(databricks.WorkspaceObject).Language)
	assert.False(t, info.ModTime().IsZero())
	entries, err := fs.ReadDir(all, "Shared/repo")
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	info, err = fs.Stat(all, "Shared/lib")
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular())
	_, err = all.Open("Shared/lib")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = all.Open("Shared/none")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = all.Open("/Shared")
	assert.ErrorIs(t, err, fs.ErrInvalid)
	_, err = fs.ReadDir(all, "Shared/d/py")
	assert.ErrorContains(t, err, "not a directory")
	_, err = fs.ReadFile(all, "Shared")
	assert.ErrorContains(t, err, "is a directory")
	file, err := all.Open("Shared/d/py")
	require.NoError(t, err)
	_, err = file.(io.Seeker).Seek(-3, io.SeekEnd)
	require.NoError(t, err)
	rest, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "(1)", string(rest))
	info, err = fs.Stat(all, ".")
	require.NoError(t, err)
	assert.Equal(t, ".", info.Name())
}

// The size of a notebook needs no second request.
func TestWorkspace_FS_calls(t *testing.T) {
	server, client := newWorkspace(t)
	plant(t, client, map[string]string{"/Shared/n:SQL": "1"})
	server.ForgetRequests()
	var calls atomic.Int32
	count := func() int { n := len(server.Requests()); return n - int(calls.Swap(int32(n))) }
	all := client.Workspace.FS(t.Context())
	entries, err := fs.ReadDir(all, "Shared")
	require.NoError(t, err)
	assert.Equal(t, 1, count())
	_, err = entries[0].Info()
	require.NoError(t, err)
	assert.Equal(t, 1, count())
	_, err = fs.ReadFile(all, "Shared/n")
	require.NoError(t, err)
	assert.Equal(t, 2, count())
}
