package databricks

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// A tree lists and opens the files and directories that a treeFS shows. Paths
// are those of the area.
type tree interface {
	stat(path string) (treeNode, error)
	list(path string) ([]treeNode, error) // of a directory, in any order
	open(path string, node treeNode) (fs.File, error)
}

// A treeNode is a file or directory. It implements fs.DirEntry. Once its size
// is known, it also implements fs.FileInfo.
type treeNode struct {
	name     string
	mode     fs.FileMode
	size     int64
	modified time.Time
	sys      any                   // the area's description of the node
	measure  func() (int64, error) // finds the size; nil if the size is known
}

func (n treeNode) Name() string       { return n.name }
func (n treeNode) IsDir() bool        { return n.mode.IsDir() }
func (n treeNode) Type() fs.FileMode  { return n.mode.Type() }
func (n treeNode) Mode() fs.FileMode  { return n.mode }
func (n treeNode) Size() int64        { return n.size }
func (n treeNode) ModTime() time.Time { return n.modified }
func (n treeNode) Sys() any           { return n.sys }
func (n treeNode) String() string     { return fs.FormatDirEntry(n) }

func (n treeNode) Info() (fs.FileInfo, error) {
	if n.measure != nil {
		var err error
		if n.size, err = n.measure(); err != nil {
			return nil, &fs.PathError{Op: "stat", Path: n.name, Err: err}
		}
	}
	return n, nil
}

// A treeFS is a file system that shows the part of a tree below root.
type treeFS struct {
	tree tree
	root string
}

var _ interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.SubFS
} = treeFS{}

// errNotDir is the error for a file where a directory is required.
var errNotDir = errors.New("not a directory")

// path returns the tree path for a name.
func (f treeFS) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	root := strings.TrimSuffix(f.root, "/")
	switch {
	case name != ".":
		return root + "/" + name, nil
	case root == "" || strings.HasSuffix(root, ":"):
		return root + "/", nil
	}
	return root, nil // unchanged, so that the area checks it
}

func (f treeFS) find(op, name string) (at string, node treeNode, err error) {
	if at, err = f.path(op, name); err != nil {
		return "", treeNode{}, err
	}
	if node, err = f.tree.stat(at); err != nil {
		return "", treeNode{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	node.name = path.Base(name)
	return at, node, nil
}

func (f treeFS) Open(name string) (fs.File, error) {
	at, node, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	if node.IsDir() {
		return &treeDir{treeNode: node, fs: f, path: name}, nil
	}
	file, err := f.tree.open(at, node)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

func (f treeFS) Stat(name string) (fs.FileInfo, error) {
	_, node, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return node.Info()
}

func (f treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	at, err := f.path("readdir", name)
	if err != nil {
		return nil, err
	}
	nodes, err := f.tree.list(at)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	slices.SortFunc(nodes, func(a, b treeNode) int { return cmp.Compare(a.name, b.name) })
	var entries []fs.DirEntry
	for _, node := range nodes {
		if fs.ValidPath(node.name) && node.name != "." { // others cannot be opened
			entries = append(entries, node)
		}
	}
	return entries, nil
}

func (f treeFS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if whole, ok := file.(interface{ readAll() ([]byte, error) }); ok {
		return whole.readAll()
	}
	return io.ReadAll(file)
}

func (f treeFS) Sub(dir string) (fs.FS, error) {
	at, err := f.path("sub", dir)
	if err != nil {
		return nil, err
	}
	return treeFS{f.tree, at}, nil
}

// A treeDir is an open directory.
type treeDir struct {
	treeNode
	fs     treeFS
	path   string
	listed bool
	rest   []fs.DirEntry
}

func (d *treeDir) Stat() (fs.FileInfo, error) { return d.treeNode, nil }
func (d *treeDir) Close() error               { return nil }

func (d *treeDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDirectory}
}

func (d *treeDir) ReadDir(n int) (entries []fs.DirEntry, err error) {
	if !d.listed {
		if d.rest, err = d.fs.ReadDir(d.path); err != nil {
			return nil, err
		}
		d.listed = true
	}
	switch {
	case n <= 0:
		n = len(d.rest)
	case len(d.rest) == 0:
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	entries, d.rest = d.rest[:n:n], d.rest[n:]
	return entries, nil
}
