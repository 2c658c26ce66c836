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
	"path"
	"path/filepath"
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

// A transfer copies files to or from the workspace. The matrices run it with one
// fault and with two consecutive faults at each of its requests. After some faults,
// the service processes the request late. The matrices also run another transfer
// afterwards, and four writers concurrently. They compare the final files with the
// reported results. A new transfer needs only a row in the table transfers.
type transfer struct {
	old, new map[string]string // content before and after a success with newContent, by path
	fixed    bool              // the content does not depend on the writer
	alone    bool              // a single file; any error except OutcomeUnknownError leaves it unchanged
	once     bool              // it does not replace a file
	inPlace  bool              // after an error that names a file, the file may be incomplete or missing
	do       func(ctx context.Context, c *databricks.Client, content, dir string) (result any, err error)
	tree     func(w *transferFixture) map[string]string
	setUp    func(ctx context.Context, c *databricks.Client, dir string)
}

// A way is the connection between the client and the workspace.
type way int

const (
	inMemory way = iota
	overTCP      // HTTP/1.1
	overTLS      // HTTP/2
)

func (w way) String() string { return [...]string{"in memory", "HTTP/1", "HTTP/2"}[w] }

// speed is the factor by which the workspace's clock is faster with sockets, where
// the test waits in real time.
const speed = 100

// A transferFixture is the environment of a transfer.
type transferFixture struct {
	t      testing.TB
	way    way
	server *databrickstest.Server
	client *databricks.Client
	dir    string // a local directory
}

// withTransfers calls do with a fixture. In memory, do runs in a bubble. around may
// replace the transport.
func withTransfers(t *testing.T, way way, around func(http.RoundTripper) http.RoundTripper, do func(ctx context.Context, w *transferFixture)) {
	play := func(t *testing.T) {
		w := &transferFixture{t: t, way: way, dir: t.TempDir()}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if way == inMemory {
			w.server = databrickstest.NewServer(anyPart)
			w.client = w.server.Client(databricks.WithHTTPClient(&http.Client{Transport: around(w.server.Transport())}))
		} else {
			w.server = databrickstest.NewServer(databrickstest.WithoutSocket(), databrickstest.WithSpeed(speed), anyPart)
			proxy := newProxy(w.server, way == overTLS)
			defer proxy.Close()
			w.client = over(proxy, socketFault{}, w.server.Token)
		}
		defer w.server.Close()
		do(ctx, w)
		assert.Empty(t, w.server.Panics())
	}
	if way == inMemory {
		synctest.Test(t, play)
	} else {
		play(t)
	}
}

// settle waits until all late requests have been processed.
func (w *transferFixture) settle(faults []databrickstest.Fault) {
	var late time.Duration
	for _, f := range faults {
		late += f.WorkLate
	}
	switch {
	case w.way == inMemory:
		time.Sleep(late + time.Minute)
	case late > 0:
		time.Sleep(late/speed + 50*time.Millisecond)
	}
	w.server.ClearFaults()
}

// remoteTree returns the content of all files in DBFS and all workspace objects
// that the transfers use.
func remoteTree(w *transferFixture) map[string]string {
	c, ctx := w.server.Client(), context.Background()
	tree := dbfsTree(w.t, c, "/data")
	for o, err := range c.Workspace.Walk(ctx, "/Shared") {
		if must(0, err); o.ObjectType == databricks.ObjectDirectory {
			continue
		}
		e := must(c.Workspace.Export(ctx, databricks.ExportObject{Path: o.Path}))
		tree[o.Path] = strings.TrimPrefix(string(e.Content), "# Databricks notebook source\n")
	}
	return tree
}

// localTree returns the content of all files in a local directory.
func localTree(w *transferFixture) map[string]string {
	tree := map[string]string{}
	must(0, filepath.WalkDir(w.dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			tree[must(filepath.Rel(w.dir, name))] = string(must(os.ReadFile(name)))
		}
		return err
	}))
	return tree
}

const (
	oldContent = "print('old')"
	newContent = "print('new')"
)

// upload returns a transfer that writes one file to DBFS.
func upload(overwrite bool, how func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error) transfer {
	tr := transfer{alone: true, once: !overwrite, old: map[string]string{}, new: map[string]string{"/data/f": newContent}, tree: remoteTree}
	tr.do = func(ctx context.Context, c *databricks.Client, content, _ string) (any, error) {
		return nil, how(ctx, c, "/data/f", content, databricks.UploadOptions{Overwrite: overwrite})
	}
	tr.setUp = func(ctx context.Context, c *databricks.Client, _ string) { must(0, c.DBFS.Mkdirs(ctx, "/data")) }
	if overwrite {
		tr.old["/data/f"] = oldContent
		tr.setUp = func(ctx context.Context, c *databricks.Client, _ string) {
			must(0, c.DBFS.Put(ctx, databricks.PutContents{Path: "/data/f", Contents: []byte(oldContent)}))
		}
	}
	return tr
}

// writeDir creates a local directory with some files in dir.
func writeDir(dir, content string) string {
	dir = must(os.MkdirTemp(dir, "from"))
	for _, name := range []string{"a.py", "sub/b.py"} {
		must(0, os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o777))
		must(0, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666))
	}
	return dir
}

func transfers() map[string]transfer {
	straight := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		return c.DBFS.Upload(ctx, strings.NewReader(content), path, opts)
	}
	beside := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		return databricks.UploadBeside(ctx, c.DBFS, path, strings.NewReader(content), opts)
	}
	blocks := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		return databricks.UploadInBlocks(ctx, c.DBFS, path, strings.NewReader(content), opts)
	}
	stream := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		opts.Unbuffered = true
		return databricks.UploadInBlocks(ctx, c.DBFS, path, only(strings.NewReader(content)), opts)
	}
	inPlace := func(how func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error) transfer {
		tr := upload(true, func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
			opts.InPlace = true
			return how(ctx, c, path, content, opts)
		})
		tr.inPlace = true
		return tr
	}
	put := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		return c.DBFS.Put(ctx, databricks.PutContents{Path: path, Contents: []byte(content), Overwrite: opts.Overwrite})
	}
	putFile := func(ctx context.Context, c *databricks.Client, path, content string, opts databricks.UploadOptions) error {
		return c.DBFS.PutFile(ctx, path, strings.NewReader(content), databricks.PutFileOptions{Overwrite: opts.Overwrite})
	}
	one := databricks.DirOptions{Overwrite: true, Concurrency: 1}
	mirror := databricks.DirOptions{Overwrite: true, Concurrency: 1, Delete: true}
	dbfsDir := func(ctx context.Context, c *databricks.Client, _ string) {
		for _, name := range []string{"/data/a.py", "/data/sub/b.py"} {
			must(0, c.DBFS.Put(ctx, databricks.PutContents{Path: name, Contents: []byte(oldContent), Overwrite: true}))
		}
	}
	notebooks := func(ctx context.Context, c *databricks.Client, content string) {
		must(0, c.Workspace.Mkdirs(ctx, "/Shared/sub"))
		for _, name := range []string{"/Shared/a", "/Shared/sub/b"} {
			must(c.Workspace.Import(ctx, databricks.ImportObject{Path: name, Language: databricks.LanguagePython, Content: []byte(content), Overwrite: true}))
		}
	}
	importOne := func(overwrite, multipart bool) transfer {
		tr := transfer{
			alone: true, once: !overwrite, old: map[string]string{}, new: map[string]string{"/Shared/a": newContent}, tree: remoteTree,
			setUp: func(ctx context.Context, c *databricks.Client, _ string) {},
			do: func(ctx context.Context, c *databricks.Client, content, _ string) (any, error) {
				return c.Workspace.Import(ctx, databricks.ImportObject{Path: "/Shared/a", Language: databricks.LanguagePython, Content: []byte(content), Overwrite: overwrite, Multipart: multipart})
			},
		}
		if overwrite {
			tr.old = map[string]string{"/Shared/a": oldContent, "/Shared/sub/b": oldContent}
			tr.new["/Shared/sub/b"] = oldContent
			tr.setUp = func(ctx context.Context, c *databricks.Client, _ string) { notebooks(ctx, c, oldContent) }
		}
		return tr
	}
	// read returns a transfer that reads a remote file. It writes the content to a
	// separate file for the comparison.
	read := func(setUp func(ctx context.Context, c *databricks.Client, dir string), want string, get func(ctx context.Context, c *databricks.Client) ([]byte, error)) transfer {
		return transfer{
			alone: true, fixed: true, old: map[string]string{}, new: map[string]string{"f": want}, tree: localTree, setUp: setUp,
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				content, err := get(ctx, c)
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, "f"), content, 0o666)
				}
				return nil, err
			},
		}
	}
	export := func(direct bool) transfer {
		return read(func(ctx context.Context, c *databricks.Client, _ string) { notebooks(ctx, c, oldContent) }, "# Databricks notebook source\n"+oldContent,
			func(ctx context.Context, c *databricks.Client) ([]byte, error) {
				e, err := c.Workspace.Export(ctx, databricks.ExportObject{Path: "/Shared/a", DirectDownload: direct})
				switch {
				case err != nil:
					return nil, err
				case !strings.HasPrefix(string(e.Content), "# Databricks"): // a direct download may return the page of a proxy
					return nil, errWrongContent
				}
				return e.Content, nil
			})
	}
	large := strings.Repeat("0123456789abcdef", 1<<16+1) // more than one block
	remote := func(content string) func(ctx context.Context, c *databricks.Client, _ string) {
		return func(ctx context.Context, c *databricks.Client, _ string) {
			must(0, c.DBFS.Upload(ctx, strings.NewReader(content), "/data/f", databricks.UploadOptions{}))
		}
	}
	local := func(content string) map[string]string {
		return map[string]string{"a.py": content, filepath.Join("sub", "b.py"): content}
	}
	all := map[string]transfer{
		"upload":                    upload(false, straight),
		"upload over the old":       upload(true, straight),
		"large upload":              upload(false, beside),
		"large upload over the old": upload(true, beside),
		"upload in blocks":          upload(false, blocks),
		"blocks over the old":       upload(true, blocks),
		"stream":                    upload(false, stream),
		"stream over the old":       upload(true, stream),
		"upload in place":           inPlace(straight),
		"large upload in place":     inPlace(beside),
		"blocks in place":           inPlace(blocks),
		"put":                       upload(false, put),
		"put over the old":          upload(true, put),
		"put a file":                upload(false, putFile),
		"put a file over the old":   upload(true, putFile),
		"upload over the same": {
			alone: true, old: map[string]string{"/data/f": newContent}, new: map[string]string{"/data/f": newContent}, tree: remoteTree, setUp: remote(newContent),
			do: func(ctx context.Context, c *databricks.Client, content, _ string) (any, error) {
				return nil, straight(ctx, c, "/data/f", content, databricks.UploadOptions{Overwrite: true})
			},
		},
		"download": read(remote(large), large, func(ctx context.Context, c *databricks.Client) ([]byte, error) {
			var b bytes.Buffer
			err := c.DBFS.Download(ctx, "/data/f", &b, databricks.DownloadOptions{Concurrency: 1})
			return b.Bytes(), err
		}),
		"open": read(remote(large), large, func(ctx context.Context, c *databricks.Client) ([]byte, error) {
			f, err := c.DBFS.Open(ctx, "/data/f")
			if err != nil {
				return nil, err
			}
			defer f.Close()
			return io.ReadAll(f)
		}),
		"read by fs.FS": read(remote(large), large, func(ctx context.Context, c *databricks.Client) ([]byte, error) {
			return fs.ReadFile(c.DBFS.FS(ctx, "/data"), "f")
		}),
		"upload a directory": {
			old: map[string]string{"/data/a.py": oldContent, "/data/sub/b.py": oldContent}, new: map[string]string{"/data/a.py": newContent, "/data/sub/b.py": newContent},
			setUp: dbfsDir, tree: remoteTree,
			do: func(ctx context.Context, c *databricks.Client, content, dir string) (any, error) {
				return c.DBFS.UploadDir(ctx, writeDir(dir, content), "/data", one)
			},
		},
		"mirror a directory": {
			old: map[string]string{"/data/a.py": oldContent, "/data/sub/b.py": oldContent}, new: map[string]string{"/data/a.py": newContent, "/data/sub/b.py": newContent},
			tree: remoteTree,
			setUp: func(ctx context.Context, c *databricks.Client, dir string) {
				dbfsDir(ctx, c, dir)
				must(0, c.DBFS.Mkdirs(ctx, "/data/gone"))
			},
			do: func(ctx context.Context, c *databricks.Client, content, dir string) (any, error) {
				return c.DBFS.UploadDir(ctx, writeDir(dir, content), "/data", mirror)
			},
		},
		"download a file": {
			alone: true, fixed: true, old: map[string]string{"f": "local"}, new: map[string]string{"f": newContent}, tree: localTree,
			setUp: func(ctx context.Context, c *databricks.Client, dir string) {
				must(0, c.DBFS.Put(ctx, databricks.PutContents{Path: "/data/f", Contents: []byte(newContent)}))
				must(0, os.WriteFile(filepath.Join(dir, "f"), []byte("local"), 0o666))
			},
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				return nil, c.DBFS.DownloadFile(ctx, "/data/f", filepath.Join(dir, "f"), databricks.DownloadOptions{Overwrite: true})
			},
		},
		"download to a new name": {
			alone: true, fixed: true, once: true, old: map[string]string{}, new: map[string]string{"f": newContent}, tree: localTree,
			setUp: func(ctx context.Context, c *databricks.Client, _ string) {
				must(0, c.DBFS.Put(ctx, databricks.PutContents{Path: "/data/f", Contents: []byte(newContent)}))
			},
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				return nil, c.DBFS.DownloadFile(ctx, "/data/f", filepath.Join(dir, "f"), databricks.DownloadOptions{})
			},
		},
		"download a directory": {
			fixed: true, old: map[string]string{}, new: local(oldContent), setUp: dbfsDir, tree: localTree,
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				return c.DBFS.DownloadDir(ctx, "/data", dir, one)
			},
		},
		"import":                  importOne(false, false),
		"import over the old":     importOne(true, false),
		"import a part":           importOne(false, true),
		"import a part, over old": importOne(true, true),
		"export":                  export(false),
		"export by download":      export(true),
		"import a directory": {
			old: map[string]string{"/Shared/a": oldContent, "/Shared/sub/b": oldContent}, new: map[string]string{"/Shared/a": newContent, "/Shared/sub/b": newContent}, tree: remoteTree,
			setUp: func(ctx context.Context, c *databricks.Client, _ string) { notebooks(ctx, c, oldContent) },
			do: func(ctx context.Context, c *databricks.Client, content, dir string) (any, error) {
				return c.Workspace.ImportDir(ctx, writeDir(dir, "# Databricks notebook source\n"+content), "/Shared", one)
			},
		},
		"export a directory": {
			fixed: true, old: map[string]string{}, tree: localTree,
			new:   map[string]string{"a.py": "# Databricks notebook source\n" + oldContent, filepath.Join("sub", "b.py"): "# Databricks notebook source\n" + oldContent},
			setUp: func(ctx context.Context, c *databricks.Client, _ string) { notebooks(ctx, c, oldContent) },
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				return c.Workspace.ExportDir(ctx, "/Shared", dir, one)
			},
		},
	}
	maps.Copy(all, fileTransfers())
	maps.Copy(all, volumeTransfers())
	return all
}

// lateFaults returns faults in which the response is lost and the request is
// processed later.
func lateFaults() (faults []databrickstest.Fault) {
	const page = "<html><pre>upstream went away</pre></html>"
	for _, late := range []time.Duration{200 * time.Millisecond, 2 * time.Second, 20 * time.Second, time.Minute} {
		faults = append(faults,
			databrickstest.Fault{Name: fmt.Sprintf("504, done %v later", late), Status: 504, Body: page, ContentType: "text/html", WorkDone: true, WorkLate: late},
			databrickstest.Fault{Name: fmt.Sprintf("reset, done %v later", late), Reset: true, WorkDone: true, WorkLate: late})
	}
	return faults
}

// faultPairs returns pairs of consecutive faults. Each kind of loss is combined
// with each other kind.
func faultPairs() (pairs [][]databrickstest.Fault) {
	late := lateFaults()
	kinds := []databrickstest.Fault{
		late[0], late[2], late[5],
		{Name: "refused", Refuse: true},
		{Name: "reset before", Reset: true},
		{Name: "reset after", Reset: true, WorkDone: true},
		{Name: "504 after", Status: 504, WorkDone: true},
		{Name: "500 after", Status: 500, WorkDone: true},
		{Name: "429", Status: 429},
	}
	for _, first := range kinds {
		for _, second := range kinds {
			pairs = append(pairs, []databrickstest.Fault{first, second})
		}
	}
	return pairs
}

// describe names faults in a row.
func describe(faults []databrickstest.Fault) string {
	names := make([]string, len(faults))
	for i, f := range faults {
		names[i] = f.Name
	}
	return strings.Join(names, ", then ")
}

// playTransfer runs a transfer with consecutive faults, the first at the request
// with number at, and compares the result. It returns the number of requests.
func playTransfer(t *testing.T, v *verdict, way way, name string, faults []databrickstest.Fault, at int) (requests int) {
	withTransfers(t, way, func(r http.RoundTripper) http.RoundTripper { return r }, func(ctx context.Context, w *transferFixture) {
		tr := transfers()[name]
		must(0, w.server.Client().DBFS.Mkdirs(ctx, "/data"))
		tr.setUp(ctx, w.server.Client(), w.dir)
		w.server.ForgetRequests()
		for _, f := range faults { // each fault is injected after the previous one
			f.Skip = at
			w.server.Inject(f)
		}
		result, err := tr.do(ctx, w.client, newContent, w.dir)
		requests = len(w.server.Requests())
		w.settle(faults)
		v.compareTrees(fmt.Sprintf("%s, %s, request %d, %s", name, way, at+1, describe(faults)), &tr, tr.tree(w), result, err)
	})
	return requests
}

// compareTrees compares the final files with the reported result of a transfer.
func (v *verdict) compareTrees(cell string, tr *transfer, tree map[string]string, result any, err error) {
	_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
	text := fmt.Sprintf("%v; result %+v", err, result)
	for name, want := range tr.new {
		got, there := tree[name]
		before, existed := tr.old[name]
		say := fmt.Sprintf("%s: %s has %q (%s)", cell, name, got, text)
		switch asBefore := there == existed && got == before; {
		case there && got == want:
			if err != nil && !unknown && tr.alone && !asBefore && !onlyLeftovers(err) && !(tr.inPlace && strings.Contains(text, name)) {
				v.wrong = append(v.wrong, say)
			}
		case err == nil || onlyLeftovers(err):
			v.lost = append(v.lost, say)
		case asBefore:
		case tr.inPlace && strings.Contains(text, name):
		case !there && nameOf(tree, text, before): // it was moved, and the error says where
		default:
			v.lost = append(v.lost, say)
		}
	}
	for name := range tree {
		_, isOld := tr.old[name]
		if _, isNew := tr.new[name]; !isOld && !isNew && !strings.Contains(text, name) {
			v.wrong = append(v.wrong, fmt.Sprintf("%s: left behind: %s (%s)", cell, name, text))
		}
	}
}

// onlyLeftovers reports whether an error only says which files may remain after a
// success.
func onlyLeftovers(err error) bool {
	left, ok := errors.AsType[*databricks.LeftoverError](err)
	return ok && left.Err == nil
}

// nameOf reports whether a text names a file that has the content.
func nameOf(tree map[string]string, text, content string) bool {
	for name, got := range tree {
		if got == content && strings.Contains(text, name) {
			return true
		}
	}
	return false
}

func TestFaultMatrixTransfers(t *testing.T) {
	var (
		mu    sync.Mutex
		total verdict
		cells int
	)
	all := faultPairs()
	for _, f := range faults() {
		all = append(all, []databrickstest.Fault{f})
	}
	t.Run("cells", func(t *testing.T) {
		for name := range transfers() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var v verdict
				requests := playTransfer(t, &v, inMemory, name, nil, 0)
				require.Empty(t, slices.Concat(v.doubled, v.lost, v.wrong), "without faults")
				n := 0
				for _, faults := range all {
					for at := range requests {
						if tried() {
							playTransfer(t, &v, inMemory, name, faults, at)
							n++
						}
					}
				}
				mu.Lock()
				defer mu.Unlock()
				total.add(v)
				cells += n
			})
		}
	})
	total.report(t, "fault matrix of transfers", cells)
}

// Late requests of a successful transfer do not undo the next one.
func TestFaultMatrixNext(t *testing.T) {
	late := append(lateFaults(), databrickstest.Fault{Name: "504, done an hour later", Status: 504, WorkDone: true, WorkLate: time.Hour})
	var all [][]databrickstest.Fault
	for _, f := range late {
		all = append(all, []databrickstest.Fault{f}, []databrickstest.Fault{f, f})
	}
	var (
		mu    sync.Mutex
		total verdict
		cells int
	)
	t.Run("cells", func(t *testing.T) {
		for name := range transfers() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var v verdict
				n := 0
				for _, faults := range all {
					for at, more := 0, true; more; at++ {
						if tried() {
							more = at < playNext(t, &v, name, faults, at)
							n++
						} else {
							more = at < 8
						}
					}
				}
				mu.Lock()
				defer mu.Unlock()
				total.add(v)
				cells += n
			})
		}
	})
	total.report(t, "fault matrix of the next transfer", cells)
}

// playNext runs a transfer with consecutive faults and then another one without
// faults. It compares the files after all late requests. It returns the number of
// requests of the first transfer.
func playNext(t *testing.T, v *verdict, name string, faults []databrickstest.Fault, at int) (requests int) {
	withTransfers(t, inMemory, func(r http.RoundTripper) http.RoundTripper { return r }, func(ctx context.Context, w *transferFixture) {
		tr := transfers()[name]
		tr.setUp(ctx, w.server.Client(), w.dir)
		time.Sleep(time.Hour)
		w.server.ForgetRequests()
		for _, f := range faults {
			f.Skip = at
			w.server.Inject(f)
		}
		_, first := tr.do(ctx, w.client, newContent, w.dir)
		requests = len(w.server.Requests())
		w.server.ClearFaults()
		_, second := tr.do(ctx, w.client, "print('next')", w.dir)
		w.settle(faults)
		tree := tr.tree(w)
		for file, content := range tr.new {
			if !tr.fixed && second == nil && content != oldContent {
				content = "print('next')"
			}
			say := fmt.Sprintf("%s, request %d, %s: %s has %q\n\tfirst: %v\n\tsecond: %v", name, at+1, describe(faults), file, tree[file], first, second)
			if succeeds := first == nil || onlyLeftovers(first); succeeds && tree[file] != content {
				v.lost = append(v.lost, say)
			}
			if second != nil && !onlyLeftovers(second) && !(len(tr.old) == 0 && errors.Is(second, fs.ErrExist)) {
				v.wrong = append(v.wrong, say)
			}
		}
	})
	return requests
}

// jitter changes the order in which requests of several writers arrive.
type jitter struct {
	http.RoundTripper
	mu     sync.Mutex
	chance *rand.Rand
}

func (j *jitter) RoundTrip(r *http.Request) (*http.Response, error) {
	j.mu.Lock()
	pause := time.Duration(j.chance.IntN(10)) * 10 * time.Millisecond
	j.mu.Unlock()
	time.Sleep(pause)
	return j.RoundTripper.RoundTrip(r)
}

// writers returns the transfers that four writers run concurrently, to the same
// files.
func writers() []string { return slices.Sorted(maps.Keys(transfers())) }

// writerFaults returns the faults for a request of one of them.
func writerFaults() [][]databrickstest.Fault {
	all := [][]databrickstest.Fault{nil, {{Name: "reset after", Reset: true, WorkDone: true}}, {{Name: "504 after", Status: 504, WorkDone: true}}}
	for _, f := range lateFaults() {
		all = append(all, []databrickstest.Fault{f})
	}
	return all
}

// Four writers write to one path concurrently, with and without faults. The final
// file is complete and from one of them. A writer without Overwrite replaces no
// file.
func TestFaultMatrixWriters(t *testing.T) {
	const rounds = 24
	var total verdict
	cells := 0
	for _, name := range writers() {
		for _, faults := range append(writerFaults(), []databrickstest.Fault{{Name: "reset before", Reset: true}}) {
			for round := range rounds {
				if tried() {
					playWriters(t, &total, inMemory, name, faults, round)
					cells++
				}
			}
		}
	}
	total.report(t, "fault matrix of four writers", cells)
}

func playWriters(t *testing.T, v *verdict, way way, name string, faults []databrickstest.Fault, round int) {
	shuffle := func(r http.RoundTripper) http.RoundTripper {
		return &jitter{RoundTripper: r, chance: rand.New(rand.NewPCG(uint64(round), 7))}
	}
	withTransfers(t, way, shuffle, func(ctx context.Context, w *transferFixture) {
		tr := transfers()[name]
		tr.setUp(ctx, w.server.Client(), w.dir)
		for _, f := range faults {
			f.Skip = round
			w.server.Inject(f)
		}
		errs, results := make([]error, 4), make([]any, 4)
		var writers sync.WaitGroup
		for i := range errs {
			writers.Go(func() { results[i], errs[i] = tr.do(ctx, w.client, fmt.Sprintf("writer %d", i), w.dir) })
		}
		writers.Wait()
		w.settle(faults)
		tree := tr.tree(w)
		text, succeeded := "", 0
		for i, err := range errs {
			text += fmt.Sprintf("\n\t%d: %v; result %+v", i, err, results[i])
			succeeded += one(err == nil || onlyLeftovers(err))
		}
		for file, content := range tr.new {
			got, there := tree[file]
			old, existed := tr.old[file]
			possible := existed && content == old && got == old // nothing was written
			for i, err := range errs {
				_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
				wrote := err == nil || onlyLeftovers(err) || unknown || !tr.alone
				possible = possible || wrote && (got == fmt.Sprintf("writer %d", i) || tr.fixed && got == content ||
					!there && nameOf(tree, text, fmt.Sprintf("writer %d", i))) // a late request of another writer moved it, and the error of that writer says where
			}
			say := fmt.Sprintf("%s, %s, round %d, %s: %s has %q%s", name, way, round, describe(faults), file, got, text)
			// With InPlace, a failed writer may damage the file of another one. Its
			// error says so.
			possible = possible || tr.inPlace && strings.Contains(text, file)
			switch {
			case tr.once && succeeded > 1:
				v.doubled = append(v.doubled, say)
			case succeeded > 0 && !possible:
				v.lost = append(v.lost, say)
			case succeeded == 0 && !possible && (there != existed || got != old) && !nameOf(tree, text, old):
				v.lost = append(v.lost, say)
			}
		}
		for left := range tree {
			if _, known := tr.new[left]; !known && !strings.Contains(text, left) {
				v.wrong = append(v.wrong, fmt.Sprintf("%s, %s, round %d, %s: left behind: %s%s", name, way, round, describe(faults), left, text))
			}
		}
	})
}

// The same with sockets, where requests are really concurrent. Faults without late
// work are covered by the matrices in memory, because an upload waits long for it.
func TestFaultMatrixSockets_transfers(t *testing.T) {
	var (
		mu    sync.Mutex
		total verdict
		cells int
		group sync.WaitGroup
	)
	slots := make(chan struct{}, 48) // a cell waits most of the time
	play := func(cell func(*verdict)) {
		if !tried() {
			return
		}
		cells++
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var v verdict
			cell(&v)
			mu.Lock()
			defer mu.Unlock()
			total.add(v)
		})
	}
	late := lateFaults()
	done := []databrickstest.Fault{late[0], late[3], late[4], {Name: "reset after", Reset: true, WorkDone: true}, {Name: "504 after", Status: 504, WorkDone: true}}
	var all [][]databrickstest.Fault
	for _, first := range done {
		all = append(all, []databrickstest.Fault{first})
		for _, second := range done[2:] {
			all = append(all, []databrickstest.Fault{first, second})
		}
	}
	for _, way := range []way{overTCP, overTLS} {
		for name := range transfers() {
			requests := playTransfer(t, &total, way, name, nil, 0)
			for _, faults := range all {
				for at := range requests {
					play(func(v *verdict) { playTransfer(t, v, way, name, faults, at) })
				}
			}
		}
		for _, name := range writers() {
			for _, faults := range writerFaults() {
				for round := range 4 {
					play(func(v *verdict) { playWriters(t, v, way, name, faults, 3*round) })
				}
			}
		}
	}
	group.Wait()
	total.report(t, "fault matrix of transfers over sockets", cells)
}
