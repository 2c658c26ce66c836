package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-databricks/databricks/internal/newfile"
	"github.com/go-databricks/databricks/internal/parallel"
	"github.com/go-databricks/databricks/internal/safename"
)

// DirOptions say how to copy a folder, from here to the service or back. The
// zero value copies what is not there yet.
type DirOptions struct {
	// Overwrite replaces files that are there already. Without it they are
	// skipped, with a reason that matches fs.ErrExist.
	Overwrite bool

	// Update is Overwrite, except that a file stays if it has the size of the one
	// that would replace it, as far as that is known, and is not older. So a copy
	// that was interrupted can go on.
	SkipUnchanged bool

	// Concurrency is how many files are copied at the same time. 0 stands for
	// DefaultConcurrency.
	Concurrency int

	// Progress is told how far the copy is: after each file, and while large ones
	// are on their way. It is never called twice at once, and should be quick.
	Progress func(DirProgress)
}

func (o DirOptions) replace() bool { return o.Overwrite || o.SkipUnchanged }

// DirProgress says how far the copy of a folder is.
type DirProgress struct {
	Path    string // of the file that got further, at the source
	Files   int    // copied so far
	Bytes   int64  // copied so far
	Skipped int    // files that will not be copied
}

// A DirResult says what became of the copy of a folder.
type DirResult struct {
	Files     int       // that were copied
	Bytes     int64     // that were copied
	Unchanged int       // files that Update let stay
	Skipped   []Skipped // what was not copied, by path
}

// Skipped is something that was not copied, for a reason of its own.
type Skipped struct {
	Path string // at the source
	Err  error  // such as ErrTooLarge, fs.ErrExist, fs.ErrPermission or errors.ErrUnsupported
}

// errUnchanged says that there is no need to copy a file.
var errUnchanged = errors.New("unchanged")

// current reports whether a file need not be copied, from what is known of both.
// A size below 0 and a zero time are not known.
func (o DirOptions) current(fromSize, toSize int64, from, to time.Time) bool {
	return o.SkipUnchanged && !from.IsZero() && !to.IsZero() && !to.Before(from) && (fromSize < 0 || toSize < 0 || fromSize == toSize)
}

// A folderItem is a file or a directory to copy.
type folderItem struct {
	path string // at the source
	dir  bool
	copy func(ctx context.Context, tell func(done int64)) error // tell says how many bytes are done
}

// A folderCopy is the copy of a folder, under way.
type folderCopy struct {
	op     string // such as "upload"
	opts   DirOptions
	mu     sync.Mutex
	result DirResult
}

// run copies the items, several at a time. What cannot be copied for a reason of
// its own is skipped; any other failure ends it.
func (c *folderCopy) run(ctx context.Context, items func(context.Context) iter.Seq2[folderItem, error]) (*DirResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := parallel.Each(ctx, cmp.Or(c.opts.Concurrency, DefaultConcurrency), func(yield func(folderItem) bool) {
		for item, err := range items(ctx) {
			if err != nil {
				cancel(err)
				return
			}
			if !yield(item) {
				return
			}
		}
	}, func(ctx context.Context, item folderItem) error {
		err := c.one(ctx, item)
		if err != nil {
			cancel(err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.result.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Path, b.Path) })
	return &c.result, nil
}

func (c *folderCopy) one(ctx context.Context, item folderItem) error {
	told := int64(0)
	tell := func(done int64) {
		c.note(item, func(r *DirResult) { r.Bytes += done - told })
		told = done
	}
	err := item.copy(ctx, tell)
	switch {
	case err == nil && item.dir:
	case err == nil:
		c.note(item, func(r *DirResult) { r.Files++ })
	case err == errUnchanged:
		c.note(item, func(r *DirResult) { r.Unchanged++ })
	case ctx.Err() == nil && skippable(err):
		c.note(item, func(r *DirResult) {
			r.Bytes -= told
			r.Skipped = append(r.Skipped, Skipped{item.path, err})
		})
	default:
		return &fs.PathError{Op: c.op, Path: item.path, Err: err}
	}
	return nil
}

func (c *folderCopy) note(item folderItem, change func(*DirResult)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.result)
	if r := c.result; c.opts.Progress != nil {
		c.opts.Progress(DirProgress{item.path, r.Files, r.Bytes, len(r.Skipped)})
	}
}

// skippable reports whether an error is about one file, so that others may do
// better. A credential that is refused is about all of them.
func skippable(err error) bool {
	if _, unknown := errors.AsType[*OutcomeUnknownError](err); unknown {
		return false
	}
	if api, ok := errors.AsType[*APIError](err); ok && errors.Is(err, fs.ErrPermission) {
		return api.Code == ErrPermissionDenied
	}
	return slices.ContainsFunc([]error{
		ErrTooLarge, ErrSourceChanged, ErrInvalidParameterValue, fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid,
		errors.ErrUnsupported, syscall.ENAMETOOLONG, syscall.ENOTDIR,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

// remoteName is the name, over there, of a file here. It is safename.Decode for
// names that lead nowhere else.
func remoteName(local string) (string, error) {
	name := safename.Decode(local)
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("%w: %q stands for %q, which is no name for a file", fs.ErrInvalid, local, name)
	}
	return name, nil
}

// A localFolder is a folder here. Nothing outside of it can be reached through
// it, whatever the names and links inside. Its paths have slashes.
type localFolder struct{ *os.Root }

// openLocalFolder opens a folder; with make it is made if it is not there.
func openLocalFolder(dir string, make bool) (localFolder, error) {
	if make {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return localFolder{}, err
		}
	}
	root, err := os.OpenRoot(dir)
	return localFolder{root}, err
}

// write makes a file that appears under its name only when it is complete.
func (l localFolder) write(name string, modified time.Time, replace bool, content func(io.Writer) error) error {
	file, err := newfile.Create(l.Root, filepath.FromSlash(name), tempName(), replace)
	if err != nil {
		return err
	}
	defer func() { _ = file.Discard() }()
	if err := content(file); err != nil {
		return err
	}
	return file.Commit(modified)
}

// A localEntry is something in a local folder.
type localEntry struct {
	path string
	fs.DirEntry
	err error // why it is of no use
}

// walk yields what is in the folder, parents first, by name. Links are not
// followed, and what was left by transfers that were killed is passed over.
func (l localFolder) walk() iter.Seq2[localEntry, error] {
	return func(yield func(localEntry, error) bool) {
		_ = fs.WalkDir(l.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			entry := localEntry{name, d, err}
			switch {
			case err != nil && (name == "." || !skippable(err)):
				yield(localEntry{}, err)
				return fs.SkipAll
			case name == "." || strings.HasPrefix(d.Name(), tempPrefix):
				return nil
			case err == nil && !d.IsDir() && !d.Type().IsRegular():
				entry.err = fmt.Errorf("%w: it is no file, but %v", errors.ErrUnsupported, d.Type())
			}
			if !yield(entry, nil) {
				return fs.SkipAll
			}
			return nil
		})
	}
}
