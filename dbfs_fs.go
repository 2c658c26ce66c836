package databricks

import (
	"context"
	"io/fs"
	"path"
	"strings"
)

// FS returns the directory root of DBFS as a file system. It implements all
// optional interfaces of io/fs. It uses ctx for all its requests. Its files are
// those that [DBFSService.Open] returns. The Sys method of an fs.FileInfo
// returns the [FileInfo].
func (s *DBFSService) FS(ctx context.Context, root string) fs.FS {
	return treeFS{dbfsTree{s, ctx}, root}
}

type dbfsTree struct {
	s   *DBFSService
	ctx context.Context
}

func (i FileInfo) node() treeNode {
	n := treeNode{name: path.Base(i.Path), mode: 0o444, size: i.FileSize, modified: i.ModificationTime.Time(), sys: i}
	if i.IsDir {
		n.mode = fs.ModeDir | 0o555
	}
	return n
}

func (t dbfsTree) stat(path string) (treeNode, error) {
	info, err := t.s.GetStatus(t.ctx, path)
	if err != nil {
		return treeNode{}, err
	}
	return info.node(), nil
}

func (t dbfsTree) list(path string) ([]treeNode, error) {
	files, err := t.s.listDir(t.ctx, path)
	if err != nil {
		return nil, err
	}
	nodes := make([]treeNode, len(files))
	for i, file := range files {
		nodes[i] = file.node()
	}
	return nodes, nil
}

func (t dbfsTree) open(path string, node treeNode) (fs.File, error) {
	return newDBFSFile(t.s, path, node.sys.(FileInfo), make(chan struct{}, DefaultConcurrency)).open(t.ctx, node), nil
}

// listDir is List for directories only. A file is an error.
func (s *DBFSService) listDir(ctx context.Context, path string) ([]FileInfo, error) {
	files, err := s.List(ctx, path)
	if err == nil && len(files) == 1 && !files[0].IsDir && samePath(files[0].Path, path) {
		return nil, errNotDir
	}
	return files, err
}

// samePath reports whether two DBFS paths are equal.
func samePath(a, b string) bool {
	clean := func(p string) string { return strings.Trim(dbfsPath(p), "/") }
	return clean(a) == clean(b)
}
