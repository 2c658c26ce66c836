package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/newfile"
	"github.com/go-databricks/databricks/internal/safename"
)

// A dirDownload is a copy of an area's directory to a local directory. Its root
// prevents access to anything outside the local directory, whatever the names
// and links in it.
type dirDownload struct {
	*dirCopy
	root *os.Root                   // nil in a dry run if the local directory does not exist
	dir  string                     // the local directory, as the caller named it
	kept map[string]map[string]bool // folded names of the source's entries, by local directory
}

// copyDirDown copies an area's directory and everything in it to a local
// directory. It creates the local directory if necessary.
func copyDirDown(ctx context.Context, op string, store dirStore, from, to string, opts DirOptions) (*DirResult, error) {
	c, err := newDirCopy(op, store, opts)
	if err != nil {
		return nil, err
	}
	d := &dirDownload{dirCopy: c, dir: to, kept: map[string]map[string]bool{}}
	if !opts.DryRun {
		if err := os.MkdirAll(to, 0o777); err != nil {
			return nil, err
		}
	}
	d.root, err = os.OpenRoot(to)
	switch {
	case err == nil:
		defer d.root.Close()
	case !opts.DryRun || !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	var failed error // error of listing the directory itself
	d.run(ctx, func(yield func(dirTask) bool) { failed = d.visitAll(ctx, from, yield) })
	if failed != nil {
		return nil, errs.Path(op, from, failed)
	}
	if opts.Delete && d.root != nil && d.complete(ctx) {
		d.prune(ctx, ".", false)
	}
	return d.end(ctx, from)
}

// visitAll yields a task for everything below a directory, parents first,
// sorted by name. It lists several directories at the same time, ahead of the
// tasks that it yields.
func (d *dirDownload) visitAll(ctx context.Context, from string, yield func(dirTask) bool) (failed error) {
	var underWay sync.WaitGroup
	defer underWay.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots := make(chan struct{}, d.limit)
	type listing func() ([]remoteEntry, error)
	list := func(dir string) listing {
		var found []remoteEntry
		var err error
		done := make(chan struct{})
		underWay.Go(func() {
			defer close(done)
			slots <- struct{}{}
			defer func() { <-slots }()
			if err = ctx.Err(); err == nil {
				found, err = d.store.list(ctx, dir)
			}
		})
		return func() ([]remoteEntry, error) { <-done; return found, err }
	}
	var visit func(at, local string, entries listing) bool
	visit = func(at, local string, entries listing) bool {
		found, err := entries()
		switch {
		case err != nil && local == ".":
			failed = err
			return false
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir):
			return true // it was deleted or replaced
		case err != nil:
			return yield(dirTask{at, copyDir, func(context.Context, func(int64)) error { return err }})
		}
		slices.SortFunc(found, func(a, b remoteEntry) int { return cmp.Compare(a.name, b.name) })
		names := d.store.localNames(found)
		kept, below := map[string]bool{}, make([]listing, len(found))
		for i, e := range found {
			kept[safename.Fold(names[i])] = true
			if e.dir && e.err == nil && !d.ignore.Match(path.Join(local, names[i]), true) {
				below[i] = list(e.path)
			}
		}
		d.kept[local] = kept
		for i, e := range found {
			to := path.Join(local, names[i])
			switch {
			case e.err == nil && d.ignored(to, e.dir):
			case e.err != nil:
				if !yield(dirTask{e.path, copyFile, func(context.Context, func(int64)) error { return &skipError{e.err} }}) {
					return false
				}
			case e.dir:
				err := d.mkdir(to) // before its content
				if !yield(dirTask{e.path, copyDir, func(context.Context, func(int64)) error { return err }}) || !visit(e.path, to, below[i]) {
					return false
				}
			default:
				if !yield(dirTask{e.path, copyFile, func(ctx context.Context, progress func(int64)) error {
					return d.file(ctx, e, to, progress)
				}}) {
					return false
				}
			}
		}
		return true
	}
	visit(from, ".", list(from))
	return failed
}

func (d *dirDownload) mkdir(local string) error {
	if d.opts.DryRun {
		return nil
	}
	return d.root.MkdirAll(filepath.FromSlash(local), 0o777)
}

// file downloads a file, unless it is unchanged.
func (d *dirDownload) file(ctx context.Context, e remoteEntry, local string, progress func(int64)) error {
	if !e.dir && isTemp(e.name) {
		return &skipError{errOurs}
	}
	op := DirCreate
	if info, err := d.lstat(local); err == nil {
		switch {
		case info.IsDir():
			return fmt.Errorf("a directory is at %s: %w", d.local(local), fs.ErrExist)
		case info.Mode().IsRegular() && d.opts.current(e.size, info.Size(), e.modified, info.ModTime()):
			return errUnchanged
		case !d.opts.replace():
			return &skipError{fs.ErrExist}
		}
		op = DirReplace
	}
	if d.opts.DryRun {
		d.plan(DirChange{op, d.local(local), e.path, e.size})
		return nil
	}
	file, err := newfile.Create(d.root, filepath.FromSlash(local), tempName(), d.opts.replace())
	if err != nil {
		return err
	}
	defer func() { _ = file.Discard() }() // no effect after Commit
	if err := d.store.download(ctx, e, file, progress); err != nil {
		return err
	}
	return file.Commit(e.modified)
}

// local returns the destination path of a name, for the result.
func (d *dirDownload) local(name string) string {
	return filepath.Join(d.dir, filepath.FromSlash(name))
}

func (d *dirDownload) lstat(local string) (fs.FileInfo, error) {
	if d.root == nil {
		return nil, fs.ErrNotExist
	}
	return d.root.Lstat(filepath.FromSlash(local))
}

// prune deletes everything in a local directory that does not exist at the
// source. If all is set, it deletes everything. It reports whether the
// directory is empty afterwards.
func (d *dirDownload) prune(ctx context.Context, local string, all bool) (empty bool) {
	entries, err := fs.ReadDir(d.root.FS(), local)
	if err != nil {
		d.one(ctx, dirTask{d.local(local), deleteAny, func(context.Context, func(int64)) error { return err }})
		return false
	}
	empty = true
	for _, e := range entries {
		at := path.Join(local, e.Name())
		kept := !all && d.kept[local][safename.Fold(e.Name())]
		switch {
		case ctx.Err() != nil, d.ignore.Match(at, e.IsDir()), !e.IsDir() && (kept || !e.Type().IsRegular() || isTemp(e.Name())):
			empty = false
		case !e.IsDir():
			d.one(ctx, d.removal(at, e))
		case kept && d.kept[at] == nil: // not visited
			empty = false
		case !d.prune(ctx, at, all || !kept) || kept:
			empty = false
		default:
			d.one(ctx, d.removal(at, e))
		}
	}
	return empty
}

// removal returns a task that deletes a file or directory at the destination.
func (d *dirDownload) removal(local string, e fs.DirEntry) dirTask {
	return dirTask{d.local(local), deleteAny, func(context.Context, func(int64)) error {
		if !d.opts.DryRun {
			return d.root.Remove(filepath.FromSlash(local))
		}
		change := DirChange{Op: DirDelete, Path: d.local(local)}
		if info, err := e.Info(); err == nil && !e.IsDir() {
			change.Size = info.Size()
		}
		d.plan(change)
		return nil
	}}
}
