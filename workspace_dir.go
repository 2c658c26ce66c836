package databricks

import (
	"bufio"
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

// Walk yields all that is below a path, at any depth: a directory before what
// is in it, by name. The root of a git folder is yielded, what is in it is not,
// unless path is that root. A directory that is deleted meanwhile is passed
// over. If path is no directory, the one object at it is yielded.
func (s *WorkspaceService) Walk(ctx context.Context, path string) iter.Seq2[WorkspaceObject, error] {
	return func(yield func(WorkspaceObject, error) bool) {
		s.walk(ctx, collapsed(path), ".", func(e workspaceEntry) bool {
			if e.err != nil {
				yield(WorkspaceObject{}, e.err)
				return false
			}
			return yield(e.WorkspaceObject, nil)
		})
	}
}

// A workspaceEntry is an object that a walk came to or, with an error, a
// directory that could not be listed.
type workspaceEntry struct {
	WorkspaceObject
	path  string // which calls take
	local string // where it goes in a folder, with slashes
	err   error
}

// walk calls yield for what is below a directory, until it returns false.
func (s *WorkspaceService) walk(ctx context.Context, dir, local string, yield func(workspaceEntry) bool) bool {
	objects, err := s.List(ctx, ListObjects{Path: dir})
	switch {
	case local != "." && errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		return yield(workspaceEntry{WorkspaceObject: WorkspaceObject{ObjectType: ObjectDirectory, Path: dir}, path: dir, local: local, err: err})
	case local != "." && len(objects) == 1 && objects[0].Path == dir:
		return true // it has become something else
	}
	slices.SortFunc(objects, func(a, b WorkspaceObject) int { return cmp.Compare(a.name(), b.name()) })
	for i, name := range localNames(objects) {
		e := workspaceEntry{WorkspaceObject: objects[i], path: strings.TrimSuffix(dir, "/") + "/" + objects[i].name(), local: path.Join(local, name)}
		if e.Path == dir {
			e.path = e.Path // not in dir, but itself
		}
		if !yield(e) || e.ObjectType == ObjectDirectory && !s.walk(ctx, e.path, e.local, yield) {
			return false
		}
	}
	return true
}

// collapsed is a path as the service returns it: without slashes that say nothing.
func collapsed(path string) string {
	if !strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
}

// name is the last part of the object's path.
func (o WorkspaceObject) name() string { return o.Path[strings.LastIndexByte(o.Path, '/')+1:] }

// size is the object's size, and -1 if that is not known.
func (o WorkspaceObject) size() int64 {
	if o.Size == nil {
		return -1
	}
	return *o.Size
}

// extensions are those of the sources of notebooks.
var extensions = map[WorkspaceLanguage]string{LanguagePython: ".py", LanguageR: ".r", LanguageScala: ".scala", LanguageSQL: ".sql"}

// markers are the first lines of the sources of notebooks.
var markers = map[WorkspaceLanguage]string{
	LanguagePython: "# Databricks notebook source", LanguageR: "# Databricks notebook source",
	LanguageScala: "// Databricks notebook source", LanguageSQL: "-- Databricks notebook source",
}

// localNames are the names in a local folder of the objects of one directory.
// Notebooks get the extension of their language. If that is the name of
// something else, the extension's dot is escaped.
func localNames(objects []WorkspaceObject) []string {
	taken := map[string]bool{}
	for _, o := range objects {
		taken[o.name()] = taken[o.name()] || o.ObjectType != ObjectNotebook
	}
	plain := make([]string, len(objects))
	var all, second []string
	for i, o := range objects {
		plain[i] = o.name()
		if o.ObjectType != ObjectNotebook {
			all = append(all, plain[i])
			continue
		}
		if plain[i] += extensions[o.Language]; taken[plain[i]] {
			second = append(second, o.name())
		} else {
			all = append(all, plain[i])
		}
	}
	forms, secondForms := safename.EncodeAll(all), safename.EncodeAll(second)
	for i, o := range objects {
		if form, ok := secondForms[o.name()]; ok && o.ObjectType == ObjectNotebook {
			plain[i] = form + "%{2E}" + strings.TrimPrefix(extensions[o.Language], ".")
		} else {
			plain[i] = forms[plain[i]]
		}
	}
	return plain
}

// ExportDir copies a directory, with all that is in it, into a local folder,
// which is made if need be. Notebooks become sources, with an extension for
// their language; files stay what they are. What cannot be exported, such as
// libraries, dashboards, git folders and anything over 10 MiB, is skipped, and
// the result says so.
//
// Names that not every system can have are changed as little as possible, and
// [WorkspaceService.ImportDir] changes them back. Nothing is written outside of
// the folder. A file appears under its name when it is complete.
func (s *WorkspaceService) ExportDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return nil, err
	}
	folder, err := openLocalFolder(dir, true)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	c := folderCopy{op: "export", opts: opts}
	return c.run(ctx, func(ctx context.Context) iter.Seq2[folderItem, error] {
		return func(yield func(folderItem, error) bool) {
			s.walk(ctx, collapsed(path), ".", func(e workspaceEntry) bool {
				if e.err != nil && (e.local == "." || !skippable(e.err)) {
					return yield(folderItem{}, e.err)
				}
				if e.err == nil && e.ObjectType == ObjectDirectory {
					e.err = folder.MkdirAll(e.local, 0o777) // before what is in it
				}
				return yield(folderItem{e.path, e.ObjectType == ObjectDirectory, func(ctx context.Context, tell func(int64)) error {
					return s.exportEntry(ctx, e, folder, opts, tell)
				}}, nil)
			})
		}
	})
}

func (s *WorkspaceService) exportEntry(ctx context.Context, e workspaceEntry, folder localFolder, opts DirOptions, tell func(int64)) error {
	switch {
	case e.err != nil || e.ObjectType == ObjectDirectory:
		return e.err
	case e.ObjectType != ObjectNotebook && e.ObjectType != ObjectFile:
		return fmt.Errorf("%w: %s is not exported", errors.ErrUnsupported, e.ObjectType)
	}
	if info, err := folder.Lstat(e.local); err == nil && info.Mode().IsRegular() {
		if opts.current(e.size(), info.Size(), e.ModifiedAt.Time(), info.ModTime()) {
			return errUnchanged
		}
		if !opts.replace() {
			return fs.ErrExist
		}
	}
	content, err := s.source(ctx, e.path, e.WorkspaceObject)
	if err != nil {
		return err
	}
	err = folder.write(e.local, e.ModifiedAt.Time(), opts.replace(), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err == nil {
		tell(int64(len(content)))
	}
	return err
}

// source returns the source of a notebook, or the bytes of a file. They come in
// JSON, which a page of somebody in between cannot be taken for.
func (s *WorkspaceService) source(ctx context.Context, path string, o WorkspaceObject) ([]byte, error) {
	out, err := s.Export(ctx, ExportObject{Path: path, Format: ExportSource})
	switch {
	case err != nil:
		return nil, err
	case o.size() >= 0 && o.size() != int64(len(out.Content)):
		return nil, fmt.Errorf("%s %w: it had %d bytes, and has %d", path, ErrSourceChanged, o.size(), len(out.Content))
	}
	return out.Content, nil
}

// ImportDir copies a local folder, with all that is in it, to a directory, which
// is made if need be. A file with the extension of a language and the first
// line of a notebook's source becomes a notebook, as does an .ipynb file, with
// its extension dropped; all others become files. What is over 10 MiB, symbolic
// links and the like are skipped, and the result says so.
func (s *WorkspaceService) ImportDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return nil, err
	}
	folder, err := openLocalFolder(dir, false)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	into := &workspaceDir{s: s, path: path, update: opts.SkipUnchanged}
	if err := into.ready(ctx); err != nil {
		return nil, err
	}
	c := folderCopy{op: "import", opts: opts}
	return c.run(ctx, func(context.Context) iter.Seq2[folderItem, error] {
		return func(yield func(folderItem, error) bool) {
			dirs := map[string]*workspaceDir{".": into}
			from := map[string]string{} // by path there
			for e, err := range folder.walk() {
				if err != nil {
					yield(folderItem{}, err)
					return
				}
				item := s.importItem(folder, e, dirs, from, opts)
				item.path = filepath.Join(dir, filepath.FromSlash(e.path))
				if !yield(item, nil) {
					return
				}
			}
		}
	})
}

// importItem says how to import a file or directory. It notes directories in
// dirs, and in from what each path is made of.
func (s *WorkspaceService) importItem(folder localFolder, e localEntry, dirs map[string]*workspaceDir, from map[string]string, opts DirOptions) folderItem {
	in := ImportObject{Format: ImportRaw, Overwrite: opts.replace(), Multipart: true}
	parent := dirs[path.Dir(e.path)]
	name, err := remoteName(e.Name())
	switch {
	case e.err != nil:
		err = e.err
	case parent.unnamed != nil:
		err = parent.unnamed
	case err == nil && !e.IsDir():
		err = in.recognise(folder, e.path, &name)
	}
	in.Path = strings.TrimSuffix(parent.path, "/") + "/" + name
	if err == nil {
		if other, twice := from[in.Path]; twice {
			err = fmt.Errorf("%w: %s goes to %s, too", fs.ErrExist, other, in.Path)
		} else {
			from[in.Path] = e.path
		}
	}
	if e.IsDir() {
		into := &workspaceDir{s: s, path: in.Path, update: opts.SkipUnchanged, unnamed: err}
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
		return s.importFile(ctx, folder, e.path, in, parent.there[name], opts, tell)
	}}
}

func (s *WorkspaceService) importFile(ctx context.Context, folder localFolder, from string, in ImportObject, there WorkspaceObject, opts DirOptions, tell func(int64)) error {
	file, err := folder.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() > maxNotebook:
		return fmt.Errorf("%w: it has %d bytes, and the service takes %d at most", ErrTooLarge, info.Size(), maxNotebook)
	case opts.current(info.Size(), there.size(), info.ModTime(), there.ModifiedAt.Time()):
		return errUnchanged
	}
	src := source.New(file)
	defer src.Close()
	content, err := src.Open()
	if err != nil {
		return err
	}
	if in.Content, err = io.ReadAll(io.LimitReader(content, maxNotebook+1)); err != nil {
		return err
	}
	if err := src.Finish(); err != nil {
		return err
	}
	if _, err := s.Import(ctx, in); err != nil {
		return err
	}
	tell(int64(len(in.Content)))
	return nil
}

// recognise sees what a local file is to become. A notebook's name loses its
// extension.
func (in *ImportObject) recognise(folder localFolder, file string, name *string) error {
	ext := path.Ext(*name)
	bare := strings.TrimSuffix(*name, ext)
	if bare == "" {
		return nil
	}
	if strings.EqualFold(ext, ".ipynb") {
		in.Format, *name = ImportJupyter, bare
		return nil
	}
	for language, extension := range extensions {
		if !strings.EqualFold(ext, extension) {
			continue
		}
		f, err := folder.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		line, err := bufio.NewReader(io.LimitReader(f, 100)).ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "\ufeff") == markers[language] {
			in.Format, in.Language, *name = ImportSource, language, bare
		}
	}
	return nil
}

// A workspaceDir is a directory that files are imported into.
type workspaceDir struct {
	s       *WorkspaceService
	path    string
	update  bool
	unnamed error // why it cannot be there at all

	once  sync.Once
	there map[string]WorkspaceObject // by name, if update
	err   error
}

// ready sees to it that the directory is there.
func (d *workspaceDir) ready(ctx context.Context) error {
	d.once.Do(func() {
		if d.err = d.unnamed; d.err == nil {
			d.err = d.s.Mkdirs(ctx, d.path)
		}
		if d.err != nil || !d.update {
			return
		}
		objects, err := d.s.List(ctx, ListObjects{Path: d.path})
		if err != nil && !(d.s.client.Planning() && errors.Is(err, fs.ErrNotExist)) {
			d.err = err
		}
		d.there = map[string]WorkspaceObject{}
		for _, o := range objects {
			d.there[o.name()] = o
		}
	})
	return d.err
}
