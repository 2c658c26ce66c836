package databricks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/source"
)

// A dirUpload is a copy of a local directory to an area.
type dirUpload struct {
	*dirCopy
	from string // as the caller named it
	root *os.Root
	dirs []*destDir // all directories visited so far, parents first
}

// copyDirUp copies a local directory and everything in it to an area.
func copyDirUp(ctx context.Context, op string, store dirStore, from, to string, opts DirOptions) (*DirResult, error) {
	c, err := newDirCopy(op, store, opts)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	u := &dirUpload{dirCopy: c, from: from, root: root}
	top := &destDir{u: u, path: to, local: "."}
	if err := top.ready(ctx); err != nil {
		return nil, errs.Path(op, to, err)
	}
	u.run(ctx, func(yield func(dirTask) bool) { u.visit(top, yield) })
	if opts.Delete && u.complete(ctx) {
		u.prune(ctx)
	}
	return u.end(ctx, from)
}

// source returns the source path of a name, for the result.
func (u *dirUpload) source(local string) string {
	return filepath.Join(u.from, filepath.FromSlash(local))
}

// visit yields a task for a directory and for everything in it, parents first,
// sorted by name. It does not follow links.
func (u *dirUpload) visit(d *destDir, yield func(dirTask) bool) bool {
	u.dirs = append(u.dirs, d)
	entries, err := fs.ReadDir(u.root.FS(), d.local)
	empty := true
	for _, e := range entries {
		empty = empty && !e.IsDir() && !e.Type().IsRegular()
	}
	make := func(ctx context.Context, _ func(int64)) error {
		switch {
		case err != nil:
			return err
		case d.unnamed != nil:
			return d.unnamed
		case d.ready(ctx) != nil:
			return d.err
		case empty && u.store.impliesDirs() && !d.exists && !u.opts.DryRun:
			return u.store.mkdirs(ctx, d.path)
		}
		return nil
	}
	if !yield(dirTask{u.source(d.local), copyDir, make}) {
		return false
	}
	for _, e := range entries {
		local := path.Join(d.local, e.Name())
		if u.ignored(local, e.IsDir()) {
			continue
		}
		if e.IsDir() {
			if !u.visit(d.sub(e.Name(), local), yield) {
				return false
			}
		} else if !yield(dirTask{u.source(local), copyFile, u.file(d, e, local)}) {
			return false
		}
	}
	return true
}

// file opens a file and returns a function that uploads and closes it. If two
// files of a directory have the same destination name, the first one gets it.
// file is therefore called for one file after another.
func (u *dirUpload) file(d *destDir, e fs.DirEntry, local string) func(context.Context, func(int64)) error {
	failed := func(err error) func(context.Context, func(int64)) error {
		return func(context.Context, func(int64)) error { return err }
	}
	if name, err := plainName(e.Name()); err == nil && d.unnamed == nil && !e.Type().IsRegular() {
		d.keep(name)
	}
	switch {
	case d.unnamed != nil:
		return failed(d.unnamed)
	case !e.Type().IsRegular():
		return failed(notRegular(e.Type()))
	case isTemp(e.Name()):
		return failed(&skipError{errOurs})
	}
	f := fileUpload{replace: u.opts.replace()}
	name, err := "", error(nil)
	// The file may have been replaced by a pipe. Without NonBlock, opening a pipe
	// would block.
	f.file, err = u.root.OpenFile(filepath.FromSlash(local), os.O_RDONLY|source.NonBlock, 0)
	if err == nil {
		if f.info, err = f.file.Stat(); err == nil && !f.info.Mode().IsRegular() {
			err = notRegular(f.info.Mode())
		}
	}
	if err == nil {
		name, f.kind, err = u.store.remoteName(f.file)
	}
	if err == nil {
		err = d.take(name, local)
	}
	if err != nil {
		if f.file != nil {
			f.file.Close()
		}
		return failed(err)
	}
	f.to = d.join(name)
	return func(ctx context.Context, progress func(int64)) error {
		defer f.file.Close()
		if err := errs.Over(ctx); err != nil {
			return err
		}
		if err := d.ready(ctx); err != nil {
			return err
		}
		f.progress = progress
		return u.copy(ctx, d.there[name], f, u.source(local))
	}
}

func notRegular(mode fs.FileMode) error {
	return &skipError{fmt.Errorf("%w: it is not a regular file: %v", errors.ErrUnsupported, mode.Type())}
}

// copy uploads a file, unless it is unchanged.
func (u *dirUpload) copy(ctx context.Context, there *remoteEntry, f fileUpload, from string) error {
	op := DirCreate
	if there != nil {
		switch {
		case there.dir:
			return fmt.Errorf("a directory is at %s: %w", f.to, fs.ErrExist)
		case u.opts.current(f.info.Size(), there.size, f.info.ModTime(), there.modified):
			return errUnchanged
		case !f.replace:
			return &skipError{fs.ErrExist}
		}
		op, f.there = DirReplace, there
	}
	if u.opts.DryRun {
		u.plan(DirChange{op, f.to, from, f.info.Size()})
		return nil
	}
	err := u.store.upload(ctx, f)
	if !f.replace && errors.Is(err, fs.ErrExist) { // created after the directory was listed
		return &skipError{err}
	}
	return err
}

// A destDir is a directory that files are uploaded to.
type destDir struct {
	u       *dirUpload
	parent  *destDir // nil for the top directory
	name    string   // the name within parent
	path    string
	local   string            // local directory of its files
	unnamed error             // why the directory cannot exist; a skipError
	from    map[string]string // local paths by destination name
	kept    map[string]bool   // other names at the source that Delete must keep

	once   sync.Once
	there  map[string]*remoteEntry // existing entries by name
	exists bool                    // the directory existed before the copy
	err    error
}

func (d *destDir) join(name string) string { return strings.TrimSuffix(d.path, "/") + "/" + name }

// sub returns the subdirectory that a local directory is copied to.
func (d *destDir) sub(localName, local string) *destDir {
	name, err := plainName(localName)
	if err == nil {
		err = d.take(name, local)
	}
	if d.unnamed != nil {
		err = d.unnamed
	}
	return &destDir{u: d.u, parent: d, name: name, path: d.join(name), local: local, unnamed: err}
}

// take reserves a destination name for a local file or directory.
func (d *destDir) take(name, from string) error {
	if other, twice := d.from[name]; twice {
		return &skipError{fmt.Errorf("%w: %s is also copied to the name %q", fs.ErrExist, other, name)}
	}
	if d.from == nil {
		d.from = map[string]string{}
	}
	d.from[name] = from
	return nil
}

// keep records that a name exists at the source although it is not copied.
func (d *destDir) keep(name string) {
	if d.kept == nil {
		d.kept = map[string]bool{}
	}
	d.kept[name] = true
}

// ready lists the directory, and creates it if necessary.
func (d *destDir) ready(ctx context.Context) error {
	d.once.Do(func() { d.err = d.prepare(ctx) })
	return d.err
}

func (d *destDir) prepare(ctx context.Context) error {
	if d.unnamed != nil {
		return d.unnamed
	}
	listed := true
	if d.parent != nil {
		if err := d.parent.ready(ctx); err != nil {
			return err
		}
		there := d.parent.there[d.name]
		if there != nil && !there.dir {
			return fmt.Errorf("a file is at %s: %w", d.path, fs.ErrExist)
		}
		listed = there != nil
	}
	// If the area creates directories explicitly, the content may not be needed.
	if listed && (d.u.store.impliesDirs() || d.u.opts.SkipUnchanged || d.u.opts.Delete || d.u.opts.DryRun) {
		entries, err := d.u.store.list(ctx, d.path)
		if err == nil {
			d.exists, d.there = true, byName(entries)
			return nil
		}
		if errors.Is(err, errNotDir) {
			return fmt.Errorf("a file is at %s: %w", d.path, fs.ErrExist)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if d.u.store.impliesDirs() || d.u.opts.DryRun {
		return nil
	}
	return d.u.store.mkdirs(ctx, d.path)
}

// prune deletes everything at the destination that does not exist at the
// source.
func (u *dirUpload) prune(ctx context.Context) {
	var files, dirs []dirTask
	for _, d := range u.dirs {
		if d.exists {
			u.gone(ctx, d.local, d.there, func(name string) bool {
				_, taken := d.from[name]
				return taken || d.kept[name]
			}, &files, &dirs)
		}
	}
	concurrent.All(u.limit, slices.Values(files), func(task dirTask) { u.one(ctx, task) })
	for i := len(dirs) - 1; i >= 0 && u.complete(ctx); i-- { // children first
		u.one(ctx, dirs[i])
	}
}

// gone collects the entries of a directory that must be deleted, parents first. It
// reports whether all entries of the directory must be deleted.
func (u *dirUpload) gone(ctx context.Context, local string, there map[string]*remoteEntry, keep func(name string) bool, files, dirs *[]dirTask) (all bool) {
	entries := make([]remoteEntry, 0, len(there))
	for _, e := range there {
		entries = append(entries, *e)
	}
	names, all := u.store.localNames(entries), true
	for i, e := range entries {
		at := path.Join(local, names[i])
		switch {
		case keep(e.name) || e.err != nil || isTemp(e.name) && !e.dir || u.ignore.Match(at, e.dir):
			all = false
		case !e.dir:
			*files = append(*files, u.removal(e))
		default:
			below, err := u.store.list(ctx, e.path)
			if err != nil {
				*files = append(*files, dirTask{e.path, deleteAny, func(context.Context, func(int64)) error { return err }})
				all = false
				continue
			}
			mark := len(*dirs)
			*dirs = append(*dirs, u.removal(e))
			if !u.gone(ctx, at, byName(below), func(string) bool { return false }, files, dirs) {
				*dirs = slices.Delete(*dirs, mark, mark+1)
				all = false
			}
		}
	}
	return all
}

func byName(entries []remoteEntry) map[string]*remoteEntry {
	named := make(map[string]*remoteEntry, len(entries))
	for i := range entries {
		named[entries[i].name] = &entries[i]
	}
	return named
}

// removal returns a task that deletes a file or directory at the destination.
func (u *dirUpload) removal(e remoteEntry) dirTask {
	return dirTask{e.path, deleteAny, func(ctx context.Context, _ func(int64)) error {
		if u.opts.DryRun {
			u.plan(DirChange{Op: DirDelete, Path: e.path, Size: e.size})
			return nil
		}
		if err := u.store.remove(ctx, e); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}}
}
