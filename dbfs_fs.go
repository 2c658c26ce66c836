package databricks

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// FS returns the tree of DBFS below the directory root as a file system, to be
// read with the functions of io/fs, and by all that take an fs.FS. All its
// calls are made with ctx. It also implements fs.StatFS, fs.ReadDirFS,
// fs.ReadFileFS and fs.SubFS, and its files are what [DBFSService.Open] returns.
func (s *DBFSService) FS(ctx context.Context, root string) fs.FS {
	return &dbfsFS{ctx, s, root}
}

type dbfsFS struct {
	ctx  context.Context
	s    *DBFSService
	root string
}

// path is the name's path in DBFS.
func (f *dbfsFS) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return f.root, nil
	}
	return strings.TrimSuffix(f.root, "/") + "/" + name, nil
}

// named makes an error tell of name, as a file system's errors have to.
func named(op, name string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (f *dbfsFS) status(op, name string) (*dbfsEntry, error) {
	path, err := f.path(op, name)
	if err != nil {
		return nil, err
	}
	info, err := f.s.GetStatus(f.ctx, path)
	if err != nil {
		return nil, named(op, name, err)
	}
	if name == "." {
		info.Path = "."
	}
	return &dbfsEntry{*info}, nil
}

// Open opens a file or a directory.
func (f *dbfsFS) Open(name string) (fs.File, error) {
	info, err := f.status("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &dbfsDir{fs: f, name: name, info: info}, nil
	}
	path, _ := f.path("open", name)
	file := newRemoteFile(f.s, path, info.FileInfo, make(chan struct{}, DefaultParallel)).open(f.ctx)
	file.info = info
	return file, nil
}

// Stat says what the name is.
func (f *dbfsFS) Stat(name string) (fs.FileInfo, error) {
	info, err := f.status("stat", name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

// ReadFile reads a whole file, with parts of it asked for at the same time.
func (f *dbfsFS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	open, ok := file.(*File)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	content := make([]byte, open.remote.size)
	if _, err := open.ReadAt(content, 0); err != nil {
		return nil, named("read", name, err)
	}
	if err := open.remote.unchanged(f.ctx, 0); err != nil {
		return nil, named("read", name, err)
	}
	return content, nil
}

// ReadDir lists a directory by name.
func (f *dbfsFS) ReadDir(name string) ([]fs.DirEntry, error) {
	path, err := f.path("readdir", name)
	if err != nil {
		return nil, err
	}
	files, err := f.s.List(f.ctx, path)
	if err != nil {
		return nil, named("readdir", name, err)
	}
	if len(files) == 1 && !files[0].IsDir && samePath(files[0].Path, path) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries := make([]fs.DirEntry, 0, len(files))
	for _, file := range files {
		entry := &dbfsEntry{file}
		// A name that fs.ValidPath refuses could not be asked for.
		if fs.ValidPath(entry.Name()) && entry.Name() != "." {
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// samePath reports whether two paths of DBFS are one.
func samePath(a, b string) bool {
	clean := func(p string) string { return strings.Trim(strings.TrimPrefix(p, "dbfs:"), "/") }
	return clean(a) == clean(b)
}

// Sub returns the file system below a directory.
func (f *dbfsFS) Sub(name string) (fs.FS, error) {
	path, err := f.path("sub", name)
	if err != nil {
		return nil, err
	}
	return &dbfsFS{f.ctx, f.s, path}, nil
}

// A dbfsEntry is a FileInfo as io/fs has it.
type dbfsEntry struct{ FileInfo }

func (e *dbfsEntry) Name() string               { return path.Base(e.Path) }
func (e *dbfsEntry) Size() int64                { return e.FileSize }
func (e *dbfsEntry) ModTime() time.Time         { return e.ModificationTime.Time() }
func (e *dbfsEntry) IsDir() bool                { return e.FileInfo.IsDir }
func (e *dbfsEntry) Sys() any                   { return e.FileInfo }
func (e *dbfsEntry) Type() fs.FileMode          { return e.Mode().Type() }
func (e *dbfsEntry) Info() (fs.FileInfo, error) { return e, nil }
func (e *dbfsEntry) String() string             { return fs.FormatFileInfo(e) }

func (e *dbfsEntry) Mode() fs.FileMode {
	if e.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// A dbfsDir is an open directory.
type dbfsDir struct {
	fs      *dbfsFS
	name    string
	info    *dbfsEntry
	listed  bool
	entries []fs.DirEntry // not read yet
}

func (d *dbfsDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dbfsDir) Close() error               { return nil }

func (d *dbfsDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDirectory}
}

// ReadDir returns the next n entries, and all that are left if n is not above 0.
func (d *dbfsDir) ReadDir(n int) (entries []fs.DirEntry, err error) {
	if !d.listed {
		if d.entries, err = d.fs.ReadDir(d.name); err != nil {
			return nil, err
		}
		d.listed = true
	}
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	entries, d.entries = d.entries[:n:n], d.entries[n:]
	return entries, nil
}
