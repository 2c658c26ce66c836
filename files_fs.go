package databricks

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"
)

// FS returns a directory of a volume as a file system. It implements all
// optional interfaces of io/fs. It uses ctx for all its requests. Its files are
// those that [FilesService.Open] returns. The Sys method of an fs.FileInfo
// returns the [FileEntry]. Modification times have a precision of one second.
// Directories have no modification time.
func (s *FilesService) FS(ctx context.Context, root string) fs.FS {
	return treeFS{volumeTree{s, ctx}, volumePath(root)}
}

type volumeTree struct {
	s   *FilesService
	ctx context.Context
}

// node describes an entry. A HEAD response and a directory list agree only for
// files, and only to the second.
func (e FileEntry) node() treeNode {
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	if e.IsDirectory {
		return treeNode{name: name, mode: fs.ModeDir | 0o555, sys: e}
	}
	return treeNode{name: name, mode: 0o444, size: e.FileSize, modified: e.LastModified.Time().Truncate(time.Second), sys: e}
}

func (t volumeTree) stat(path string) (treeNode, error) {
	directory := FileEntry{Path: path, IsDirectory: true}
	f, err := t.s.statFile(t.ctx, path, 0)
	switch {
	case err == nil:
		return FileEntry{Path: path, FileSize: f.size, LastModified: MillisOf(f.modified)}.node(), nil
	case errors.Is(err, errIsDirectory):
		return directory.node(), nil
	case checkVolumePath("path", path, true) != nil && t.s.GetDirectoryMetadata(t.ctx, path) == nil: // path is the volume itself
		return directory.node(), nil
	}
	return treeNode{}, err
}

func (t volumeTree) list(path string) ([]treeNode, error) {
	entries, err := t.s.listDir(t.ctx, path)
	if err != nil {
		return nil, err
	}
	nodes := make([]treeNode, len(entries))
	for i, e := range entries {
		nodes[i] = e.node()
	}
	return nodes, nil
}

func (t volumeTree) open(path string, node treeNode) (fs.File, error) {
	e := node.sys.(FileEntry)
	e.Path = path
	return t.s.listed(e, make(chan struct{}, DefaultFileConcurrency)).open(t.ctx, node), nil
}

// listDir is List for directories. It returns errNotDir for a file.
func (s *FilesService) listDir(ctx context.Context, path string) ([]FileEntry, error) {
	entries, err := s.List(ctx, ListDirectory{Path: path})
	if errors.Is(err, fs.ErrNotExist) && checkVolumePath("path", path, true) == nil {
		if _, fileErr := s.GetMetadata(ctx, path); fileErr == nil {
			return nil, errNotDir
		}
	}
	return entries, err
}
