package databricks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// FS returns the workspace as a file system. Names are relative to the root of
// the workspace and have no leading slash. The file system implements all
// optional interfaces of io/fs. It uses ctx for all its requests.
//
// A notebook is a file with the notebook's source, under the notebook's name.
// Stat and Info must export a notebook to find its size. Objects without a
// source, such as libraries, are irregular files that cannot be opened. The Sys
// method of an fs.FileInfo returns the [WorkspaceObject].
func (s *WorkspaceService) FS(ctx context.Context) fs.FS {
	return treeFS{workspaceTree{s, ctx}, "/"}
}

type workspaceTree struct {
	s   *WorkspaceService
	ctx context.Context
}

func (t workspaceTree) node(path string, o WorkspaceObject) treeNode {
	n := treeNode{name: o.name(), mode: 0o444, size: max(o.size(), 0), modified: o.ModifiedAt.Time(), sys: o}
	switch o.ObjectType {
	case ObjectDirectory, ObjectRepo:
		n.mode = fs.ModeDir | 0o555
	case ObjectNotebook, ObjectFile:
		if o.size() < 0 {
			n.measure = func() (int64, error) {
				content, err := t.s.source(t.ctx, path, o)
				return int64(len(content)), err
			}
		}
	default:
		n.mode |= fs.ModeIrregular
	}
	return n
}

func (t workspaceTree) stat(path string) (treeNode, error) {
	o, err := t.s.GetStatus(t.ctx, GetObjectStatus{Path: path})
	if err != nil {
		return treeNode{}, err
	}
	return t.node(path, *o), nil
}

func (t workspaceTree) list(path string) ([]treeNode, error) {
	objects, err := t.s.List(t.ctx, ListObjects{Path: path})
	if err != nil {
		return nil, err
	}
	if len(objects) == 1 && objects[0].Path == path {
		return nil, errNotDir
	}
	var nodes []treeNode
	for _, o := range objects {
		nodes = append(nodes, t.node(strings.TrimSuffix(path, "/")+"/"+o.name(), o))
	}
	return nodes, nil
}

func (t workspaceTree) open(path string, node treeNode) (fs.File, error) {
	o := node.sys.(WorkspaceObject)
	if !node.mode.IsRegular() {
		return nil, fmt.Errorf("%w: %s is not exported", errors.ErrUnsupported, oneLine(string(o.ObjectType), 100))
	}
	content, err := t.s.source(t.ctx, path, o)
	if err != nil {
		return nil, err
	}
	node.size, node.measure = int64(len(content)), nil
	return &workspaceFile{bytes.NewReader(content), node}, nil
}

// A workspaceFile is an object that is open for reading.
type workspaceFile struct {
	*bytes.Reader
	node treeNode
}

func (f *workspaceFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *workspaceFile) Close() error               { return nil }
