package databricks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-databricks/databricks/internal/safename"
	"github.com/go-databricks/databricks/internal/source"
)

// Walk yields all objects below a path, at any depth, in the order of their
// names. A directory comes before its content. Walk yields the root of a Git
// folder but not its content, unless path is that root. It ignores directories
// that are deleted during the walk. If the object at the path is not a
// directory, Walk yields that object.
func (s *WorkspaceService) Walk(ctx context.Context, path string) iter.Seq2[WorkspaceObject, error] {
	return func(yield func(WorkspaceObject, error) bool) { s.walk(ctx, collapsed(path), true, yield) }
}

// walk calls yield for each object below a directory, until yield returns
// false.
func (s *WorkspaceService) walk(ctx context.Context, dir string, top bool, yield func(WorkspaceObject, error) bool) bool {
	objects, err := s.List(ctx, ListObjects{Path: dir})
	switch {
	case !top && errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		yield(WorkspaceObject{}, err)
		return false
	case !top && len(objects) == 1 && objects[0].Path == dir:
		return true // it was deleted, or replaced by a file
	}
	slices.SortFunc(objects, func(a, b WorkspaceObject) int { return cmp.Compare(a.name(), b.name()) })
	for _, o := range objects {
		below := o.ObjectType == ObjectDirectory && strings.HasPrefix(o.Path, strings.TrimSuffix(dir, "/")+"/")
		if !yield(o, nil) || below && !s.walk(ctx, o.Path, false, yield) {
			return false
		}
	}
	return true
}

// collapsed returns a path in the service's form, without redundant slashes.
func collapsed(path string) string {
	if !strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
}

// name returns the last element of the object's path.
func (o WorkspaceObject) name() string { return o.Path[strings.LastIndexByte(o.Path, '/')+1:] }

// size returns the object's size, or -1 if it is unknown.
func (o WorkspaceObject) size() int64 {
	if o.Size == nil {
		return -1
	}
	return *o.Size
}

// extensions are the file extensions of notebook sources.
var extensions = map[WorkspaceLanguage]string{LanguagePython: ".py", LanguageR: ".r", LanguageScala: ".scala", LanguageSQL: ".sql"}

// markers are the first lines of notebook sources.
var markers = map[WorkspaceLanguage]string{
	LanguagePython: "# Databricks notebook source", LanguageR: "# Databricks notebook source",
	LanguageScala: "// Databricks notebook source", LanguageSQL: "-- Databricks notebook source",
}

// ExportDir copies a workspace directory and everything in it to a local
// directory. It creates the local directory if necessary. A notebook becomes a
// source file with the extension of its language. Files do not change.
// ExportDir skips objects that cannot be exported, such as libraries,
// dashboards and Git folders. An object of more than 10 MiB fails with an error
// that matches [ErrTooLarge].
//
// ExportDir escapes names that are not valid on every operating system.
// [WorkspaceService.ImportDir] restores them. It writes nothing outside the
// local directory. A file appears under its name when it is complete. If some
// files fail, ExportDir behaves like [DBFSService.UploadDir].
func (s *WorkspaceService) ExportDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	path = collapsed(path)
	return copyDirDown(ctx, "export", workspaceDirs{s, path}, path, dir, opts)
}

// ImportDir copies a local directory and everything in it to a workspace
// directory. It creates the workspace directory if necessary. An .ipynb file
// becomes a notebook. So does a file that has the extension of a language and
// starts with the first line of a notebook source. The notebook's name has no
// extension. Other files become workspace files. ImportDir skips files of more
// than 10 MiB, symbolic links and other special files. If some files fail, it
// behaves like [DBFSService.UploadDir].
func (s *WorkspaceService) ImportDir(ctx context.Context, dir, path string, opts DirOptions) (*DirResult, error) {
	return copyDirUp(ctx, "import", workspaceDirs{s: s}, dir, collapsed(path), opts)
}

// workspaceDirs implements dirStore for the workspace.
type workspaceDirs struct {
	s      *WorkspaceService
	single string // the path at which a list may return a single object that is not a directory
}

func (d workspaceDirs) list(ctx context.Context, dir string) ([]remoteEntry, error) {
	objects, err := d.s.List(ctx, ListObjects{Path: dir})
	switch {
	case err != nil:
		return nil, err
	case len(objects) == 1 && objects[0].Path == dir && dir != "/":
		if dir != d.single {
			return nil, errNotDir
		}
		e := objects[0].entry()
		e.path, e.name = dir, objects[0].name()
		return []remoteEntry{e}, nil
	}
	entries := make([]remoteEntry, len(objects))
	for i, o := range objects {
		entries[i] = o.entry().in(dir, o.Path)
	}
	return entries, nil
}

// entry describes the object, except for its path.
func (o WorkspaceObject) entry() remoteEntry {
	e := remoteEntry{dir: o.ObjectType == ObjectDirectory, size: o.size(), modified: o.ModifiedAt.Time(), sys: o}
	if !e.dir && o.ObjectType != ObjectNotebook && o.ObjectType != ObjectFile {
		e.err = fmt.Errorf("%w: %s is not exported", errors.ErrUnsupported, oneLine(string(o.ObjectType), 100))
	}
	return e
}

// localNames adds the extension of the language to the name of a notebook. If
// another object already has the resulting name, it escapes the extension's
// dot.
func (d workspaceDirs) localNames(entries []remoteEntry) []string {
	names := make([]string, len(entries))
	taken := map[string]bool{}
	for i, e := range entries {
		names[i] = e.name
		taken[e.name] = taken[e.name] || e.sys.(WorkspaceObject).ObjectType != ObjectNotebook
	}
	second := map[int]bool{} // notebooks whose names need an escape
	var first, others []string
	for i, e := range entries {
		if o := e.sys.(WorkspaceObject); o.ObjectType == ObjectNotebook {
			if taken[names[i]+extensions[o.Language]] {
				second[i] = true
				others = append(others, names[i])
				continue
			}
			names[i] += extensions[o.Language]
		}
		first = append(first, names[i])
	}
	safe, safeOthers := safename.EncodeAll(first), safename.EncodeAll(others)
	for i, e := range entries {
		if second[i] {
			names[i] = safeOthers[names[i]] + "%{2E}" + strings.TrimPrefix(extensions[e.sys.(WorkspaceObject).Language], ".")
		} else {
			names[i] = safe[names[i]]
		}
	}
	return names
}

// remoteName recognizes notebooks and removes the extension from their names.
func (d workspaceDirs) remoteName(file *os.File) (string, any, error) {
	name, err := plainName(filepath.Base(file.Name()))
	in := ImportObject{Format: ImportRaw}
	ext := path.Ext(name)
	bare := strings.TrimSuffix(name, ext)
	if err != nil || bare == "" {
		return name, in, err
	}
	if strings.EqualFold(ext, ".ipynb") {
		in.Format = ImportJupyter
		return bare, in, nil
	}
	for language, extension := range extensions {
		if !strings.EqualFold(ext, extension) {
			continue
		}
		begin := make([]byte, 100)
		n, err := file.ReadAt(begin, 0)
		if err != nil && err != io.EOF {
			return "", nil, err
		}
		line, _, _ := strings.Cut(strings.TrimPrefix(string(begin[:n]), "\ufeff"), "\n")
		if strings.TrimRight(line, "\r") == markers[language] {
			in.Format, in.Language = ImportSource, language
			return bare, in, nil
		}
	}
	return name, in, nil
}

func (d workspaceDirs) impliesDirs() bool { return false }

func (d workspaceDirs) mkdirs(ctx context.Context, dir string) error { return d.s.Mkdirs(ctx, dir) }

func (d workspaceDirs) remove(ctx context.Context, e remoteEntry) error {
	return d.s.Delete(ctx, DeleteObject{Path: e.path})
}

func (d workspaceDirs) upload(ctx context.Context, f fileUpload) error {
	if size := f.info.Size(); size > maxNotebook {
		return &skipError{fmt.Errorf("%w: it has %d bytes; the maximum is %d", ErrTooLarge, size, maxNotebook)}
	}
	src := source.New(f.file)
	defer src.Close()
	if src.Size() < 0 || src.Size() > maxNotebook { // a file in /proc, or one that grows
		return fmt.Errorf("%w: its size is not known", errors.ErrUnsupported)
	}
	in := f.kind.(ImportObject)
	in.Path, in.Overwrite, in.Multipart = f.to, f.replace, true
	if _, err := d.s.importFrom(ctx, in, src.Size(), src.Open); err != nil {
		return err
	}
	if err := src.Finish(); err != nil {
		return err
	}
	f.progress(src.Size())
	return nil
}

func (d workspaceDirs) download(ctx context.Context, e remoteEntry, w io.Writer, progress func(int64)) error {
	content, err := d.s.source(ctx, e.path, e.sys.(WorkspaceObject))
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	progress(int64(len(content)))
	return nil
}

// source returns the source of a notebook or the bytes of a file. It requests
// the raw bytes, which are smaller than base64 in JSON. A proxy could return
// its own page instead. So source accepts the bytes only if they have the
// file's size or start with the first line of a notebook source.
func (s *WorkspaceService) source(ctx context.Context, path string, o WorkspaceObject) ([]byte, error) {
	in := ExportObject{Path: path, Format: ExportSource, DirectDownload: true}
	marker := markers[o.Language]
	if o.ObjectType == ObjectNotebook && marker != "" || o.size() >= 0 {
		out, err := s.Export(ctx, in)
		if err != nil {
			return nil, err
		}
		if o.size() >= 0 && o.size() == int64(len(out.Content)) || o.size() < 0 && bytes.HasPrefix(out.Content, []byte(marker)) {
			return out.Content, nil
		}
	}
	in.DirectDownload = false
	out, err := s.Export(ctx, in)
	switch {
	case err != nil:
		return nil, err
	case o.size() >= 0 && o.size() != int64(len(out.Content)):
		return nil, fmt.Errorf("%s %w: it had %d bytes; now it has %d", path, ErrSourceChanged, o.size(), len(out.Content))
	}
	return out.Content, nil
}
