package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-databricks/databricks/internal/safename"
	"github.com/go-databricks/databricks/internal/source"
)

// DownloadDir copies a directory of DBFS, with all that is in it, into a local
// folder, which is made if need be. Files get the times that they have in DBFS,
// so that a copy that was interrupted can go on, with DirOptions.Update.
//
// Names that not every system can have are changed as little as possible, and
// [DBFSService.UploadDir] changes them back. Nothing is written outside of the
// folder. A file appears under its name when it is complete.
func (s *DBFSService) DownloadDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return nil, err
	}
	folder, err := openLocalFolder(dir, true)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	c := folderCopy{op: "download", opts: opts}
	slots := make(chan struct{}, cmp.Or(opts.Concurrency, DefaultConcurrency))
	return c.run(ctx, func(ctx context.Context) iter.Seq2[folderItem, error] {
		return func(yield func(folderItem, error) bool) {
			s.walk(ctx, strings.TrimPrefix(path, "dbfs:"), cap(slots), func(e dbfsEntry) bool {
				if e.err != nil && (e.local == "." || !skippable(e.err)) {
					return yield(folderItem{}, e.err)
				}
				if e.err == nil && e.IsDir {
					e.err = folder.MkdirAll(filepath.FromSlash(e.local), 0o777) // before what is in it
				}
				return yield(folderItem{e.Path, e.IsDir, func(ctx context.Context, tell func(int64)) error {
					if e.err != nil || e.IsDir {
						return e.err
					}
					return s.downloadEntry(ctx, e, slots, folder, opts, tell)
				}}, nil)
			})
		}
	})
}

func (s *DBFSService) downloadEntry(ctx context.Context, e dbfsEntry, slots chan struct{}, folder localFolder, opts DirOptions, tell func(int64)) error {
	if info, err := folder.Lstat(filepath.FromSlash(e.local)); err == nil && info.Mode().IsRegular() {
		if opts.current(e.FileSize, info.Size(), e.ModificationTime.Time(), info.ModTime()) {
			return errUnchanged
		}
		if !opts.replace() {
			return fs.ErrExist
		}
	}
	m := newProgressReporter(func(done, _ int64) { tell(done) }, e.FileSize)
	defer m.stop()
	return folder.write(e.local, e.ModificationTime.Time(), opts.replace(), func(to io.Writer) error {
		_, err := newRemoteFile(s, e.Path, e.FileInfo, slots).writeTo(ctx, to, 0, m)
		return err
	})
}

// A dbfsEntry is a file or directory that a walk came to or, with an error, a
// directory that could not be listed.
type dbfsEntry struct {
	FileInfo
	local string // where it goes in a folder, with slashes
	err   error
}

// walk calls yield for what is below a directory, parents first, by name, until
// it returns false. It lists up to so many directories at once, ahead of what
// it yields. What was left by transfers that were killed is passed over.
func (s *DBFSService) walk(ctx context.Context, dir string, parallel int, yield func(dbfsEntry) bool) {
	var underWay sync.WaitGroup
	defer underWay.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots := make(chan struct{}, parallel)
	list := func(dir string) (files func() ([]FileInfo, error)) {
		var found []FileInfo
		var err error
		done := make(chan struct{})
		underWay.Go(func() {
			defer close(done)
			slots <- struct{}{}
			defer func() { <-slots }()
			if err = ctx.Err(); err == nil {
				found, err = s.listDir(ctx, dir)
			}
		})
		return func() ([]FileInfo, error) { <-done; return found, err }
	}
	var visit func(dir, local string, files func() ([]FileInfo, error)) bool
	visit = func(dir, local string, files func() ([]FileInfo, error)) bool {
		found, err := files()
		switch {
		case local != "." && (errors.Is(err, fs.ErrNotExist) || err == errNotDir):
			return true // it is gone, or has become something else
		case err != nil:
			return yield(dbfsEntry{FileInfo{Path: dir, IsDir: true}, local, err})
		}
		entries, below := make([]dbfsEntry, 0, len(found)), map[string]func() ([]FileInfo, error){}
		names := make([]string, 0, len(found))
		for _, info := range found {
			// A path that is not in dir is not to be believed.
			name := path.Base(info.Path)
			info.Path = strings.TrimSuffix(dir, "/") + "/" + name
			if !strings.HasPrefix(name, tempPrefix) {
				entries, names = append(entries, dbfsEntry{FileInfo: info, local: name}), append(names, name)
			}
			if info.IsDir {
				below[info.Path] = list(info.Path)
			}
		}
		slices.SortFunc(entries, func(a, b dbfsEntry) int { return cmp.Compare(a.local, b.local) })
		safe := safename.EncodeAll(names)
		for _, e := range entries {
			e.local = path.Join(local, safe[e.local])
			if !yield(e) || e.IsDir && !visit(e.Path, e.local, below[e.Path]) {
				return false
			}
		}
		return true
	}
	visit(dir, ".", list(dir))
}

// UploadDir copies a local folder, with all that is in it, to a directory of
// DBFS, which is made if need be. Symbolic links and the like are skipped, and
// the result says so. A file appears under its name when it is complete.
func (s *DBFSService) UploadDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return nil, err
	}
	folder, err := openLocalFolder(dir, false)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	into := &dbfsDir{s: s, path: strings.TrimPrefix(path, "dbfs:")}
	if err := into.ready(ctx); err != nil {
		return nil, err
	}
	c := folderCopy{op: "upload", opts: opts}
	return c.run(ctx, func(context.Context) iter.Seq2[folderItem, error] {
		return func(yield func(folderItem, error) bool) {
			dirs := map[string]*dbfsDir{".": into}
			for e, err := range folder.walk() {
				if err != nil {
					yield(folderItem{}, err)
					return
				}
				item := s.uploadItem(folder, e, dirs, opts)
				item.path = filepath.Join(dir, filepath.FromSlash(e.path))
				if !yield(item, nil) {
					return
				}
			}
		}
	})
}

// uploadItem says how to upload a file or directory. It notes directories in dirs.
func (s *DBFSService) uploadItem(folder localFolder, e localEntry, dirs map[string]*dbfsDir, opts DirOptions) folderItem {
	parent := dirs[path.Dir(e.path)]
	name, err := remoteName(e.Name())
	if err == nil {
		err = parent.take(name, e.path)
	}
	err = cmp.Or(e.err, err)
	if e.IsDir() {
		into := &dbfsDir{s: s, parent: parent, name: name, path: strings.TrimSuffix(parent.path, "/") + "/" + name, unnamed: err}
		dirs[e.path] = into
		return folderItem{dir: true, copy: func(ctx context.Context, _ func(int64)) error { return into.ready(ctx) }}
	}
	return folderItem{copy: func(ctx context.Context, tell func(int64)) error {
		if err == nil {
			err = parent.ready(ctx)
		}
		if err != nil {
			return err
		}
		return s.uploadEntry(ctx, folder, e.path, parent, name, opts, tell)
	}}
}

func (s *DBFSService) uploadEntry(ctx context.Context, folder localFolder, from string, into *dbfsDir, name string, opts DirOptions, tell func(int64)) error {
	file, err := folder.Open(filepath.FromSlash(from))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	src := source.New(file)
	defer src.Close()
	u := newUpload(s, strings.TrimSuffix(into.path, "/")+"/"+name, src, UploadOptions{Overwrite: opts.replace(), Progress: func(done, _ int64) { tell(done) }})
	u.known = true
	if there, ok := into.there[name]; ok {
		if !there.IsDir && opts.current(info.Size(), there.FileSize, info.ModTime(), there.ModificationTime.Time()) {
			return errUnchanged
		}
		u.there = &there
	}
	return u.run(ctx)
}

// A dbfsDir is a directory that files are uploaded to.
type dbfsDir struct {
	s       *DBFSService
	parent  *dbfsDir // nil for the first
	name    string   // in parent
	path    string
	unnamed error             // why it cannot be there at all
	from    map[string]string // local paths by name

	once  sync.Once
	there map[string]FileInfo // by name
	err   error
}

// take says that a local file or directory goes to a name.
func (d *dbfsDir) take(name, from string) error {
	if other, twice := d.from[name]; twice {
		return fmt.Errorf("%w: %s goes to the name %q, too", fs.ErrExist, other, name)
	}
	if d.from == nil {
		d.from = map[string]string{}
	}
	d.from[name] = from
	return nil
}

// ready sees to it that the directory is there, and finds out what is in it.
func (d *dbfsDir) ready(ctx context.Context) error {
	d.once.Do(func() { d.there, d.err = d.prepare(ctx) })
	return d.err
}

func (d *dbfsDir) prepare(ctx context.Context) (map[string]FileInfo, error) {
	if d.unnamed != nil {
		return nil, d.unnamed
	}
	if d.parent != nil {
		if err := d.parent.ready(ctx); err != nil {
			return nil, err
		}
		if _, ok := d.parent.there[d.name]; !ok {
			return nil, d.s.Mkdirs(ctx, d.path)
		}
	}
	files, err := d.s.listDir(ctx, d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, d.s.Mkdirs(ctx, d.path)
	case err == errNotDir:
		return nil, fmt.Errorf("a file is at %s: %w", d.path, fs.ErrExist)
	case err != nil:
		return nil, err
	}
	there := make(map[string]FileInfo, len(files))
	for _, file := range files {
		there[path.Base(file.Path)] = file
	}
	return there, nil
}
