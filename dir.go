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
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/ignore"
	"github.com/go-databricks/databricks/internal/parallel"
	"github.com/go-databricks/databricks/internal/safename"
)

// DirOptions are the options of copies of directories, in both directions and
// for all areas. The zero value copies what does not exist at the destination.
//
// To synchronize two directories, set SkipUnchanged and Delete. DryRun shows
// what that would do.
type DirOptions struct {
	// Overwrite replaces existing files. Without it they are skipped, with a
	// reason that matches fs.ErrExist.
	Overwrite bool

	// SkipUnchanged is Overwrite, except that it skips a file if its destination
	// has the same size and is not older, as far as the area reports these. So
	// you can continue an interrupted copy.
	SkipUnchanged bool

	// Delete deletes files and directories at the destination that the source
	// does not have. It deletes nothing that Ignore matches, and nothing that a
	// copy cannot create, such as symbolic links or libraries. It runs last, and
	// only if everything else succeeded.
	Delete bool

	// DryRun only reads. DirResult.Changes lists what the copy would do.
	DryRun bool

	// Ignore excludes files and directories from the copy and from Delete. Each
	// element is a line of a .gitignore file at the top of the directory, such as
	// "*.tmp", "/build/" or "!keep.tmp". Patterns match local names.
	Ignore []string

	// Concurrency is the maximum number of files in flight. 0 means
	// DefaultConcurrency.
	Concurrency int

	// Progress is called after each file, and while large files are in flight.
	// Calls do not overlap. It must return quickly.
	Progress func(DirProgress)
}

func (o DirOptions) replace() bool { return o.Overwrite || o.SkipUnchanged }

// DirProgress is how far the copy of a directory is.
type DirProgress struct {
	Path    string // of the file that this report is about, at the source
	Files   int    // copied so far
	Bytes   int64  // copied so far
	Skipped int    // files and directories that will not be copied
	Failed  int    // files and directories that could not be copied
	Deleted int    // files and directories deleted so far
}

// A DirResult is what the copy of a directory did. A copy that fails returns
// both an error and a result.
type DirResult struct {
	Files     int            // copied, or in a dry run to be copied
	Bytes     int64          // copied, or in a dry run to be copied
	Unchanged int            // files that SkipUnchanged skipped
	Ignored   int            // files and directories that Ignore excluded
	Deleted   int            // files and directories deleted, or in a dry run to be deleted
	Skipped   []Skipped      // what a rule of the copy excludes, by path
	Failed    []fs.PathError // what could not be copied or deleted, by path
	Leftovers []string       // temporary files that may be left at the destination
	Changes   []DirChange    // what a dry run found to do, by path
}

// Skipped is something that was not copied because of a rule of the copy.
type Skipped struct {
	Path string // at the source
	Err  error  // the rule; it matches fs.ErrExist, fs.ErrInvalid, ErrTooLarge or errors.ErrUnsupported
}

// A DirChange is something that a copy of a directory would do.
type DirChange struct {
	Op   DirOp
	Path string // at the destination
	From string // at the source; empty for DirDelete
	Size int64  // in bytes; -1 if unknown
}

// A DirOp is a kind of change.
type DirOp string

// Kinds of changes.
const (
	DirCreate  DirOp = "CREATE"  // the destination does not exist
	DirReplace DirOp = "REPLACE" // the destination exists
	DirDelete  DirOp = "DELETE"
)

// A dirStore is what the engine for directories needs of an area. An area has
// one small type that implements it; its methods for directories call
// [copyDirUp] and [copyDirDown] with that. Paths are the area's own.
type dirStore interface {
	// list returns the content of a directory, in any order. It fails with
	// fs.ErrNotExist if nothing is there, and with errNotDir if a file is.
	list(ctx context.Context, dir string) ([]remoteEntry, error)

	// localNames returns the local names of the entries of one directory.
	// safeNames is what areas use that have nothing to add.
	localNames(entries []remoteEntry) []string

	// remoteName returns the name that a local file gets at the destination, and
	// what upload wants to know about it. It may read the file with ReadAt.
	// plainName is what areas use that have nothing to add.
	remoteName(file *os.File) (name string, kind any, err error)

	// impliesDirs reports whether upload creates missing directories.
	impliesDirs() bool
	// mkdirs creates a directory and those above it, unless they exist.
	mkdirs(ctx context.Context, dir string) error
	// remove deletes a file or an empty directory.
	remove(ctx context.Context, e remoteEntry) error

	// upload writes a file. It appears at its path when it is complete.
	upload(ctx context.Context, f fileUpload) error
	// download writes the content of a file to w. It fails if the file is no
	// longer the one that was listed.
	download(ctx context.Context, e remoteEntry, w io.Writer, progress func(done int64)) error
}

// A remoteEntry is a file or a directory of an area.
type remoteEntry struct {
	path     string // that calls take, and that the result reports
	name     string // in its directory
	dir      bool
	size     int64     // in bytes; -1 if unknown
	modified time.Time // zero if unknown
	err      error     // why it cannot be copied, if so
	sys      any       // the area's own description of it
}

// in completes an entry that was listed in dir under a path. A path
// that does not belong there is not trusted: the entry cannot be copied.
func (e remoteEntry) in(dir, listed string) remoteEntry {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	name, ok := strings.CutPrefix(listed, prefix)
	switch {
	case !ok || name == "":
		e.err = fmt.Errorf("%w: it was listed in %s, where it does not belong", fs.ErrInvalid, dir)
	case strings.Contains(name, "/"):
		e.err = fmt.Errorf("%w: its name %q contains a slash", fs.ErrInvalid, name)
	}
	e.path, e.name = listed, name
	return e
}

// A fileUpload is a local file to upload.
type fileUpload struct {
	file     *os.File // at its beginning
	info     fs.FileInfo
	to       string       // the path of the file
	kind     any          // from remoteName
	there    *remoteEntry // what is at the path; nil if nothing is
	replace  bool         // replace a file
	progress func(done int64)
}

// safeNames returns local names for entries: their own, escaped where a local
// file system could not have them.
func safeNames(entries []remoteEntry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	safe := safename.EncodeAll(names)
	for i, name := range names {
		names[i] = safe[name]
	}
	return names
}

// plainName is the reverse of safeNames, for one local name.
func plainName(local string) (string, error) {
	name := safename.Decode(local)
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", &skipError{fmt.Errorf("%w: %q stands for %q, which is not a name of a file", fs.ErrInvalid, local, name)}
	}
	return name, nil
}

// errUnchanged says that there is no need to copy a file.
var errUnchanged = errors.New("unchanged")

// A skipError says that a rule excludes a file from the copy.
type skipError struct{ error }

// errOurs is the reason to skip a temporary file of ours.
var errOurs = fmt.Errorf("%w: it is a temporary file of an unfinished transfer", errors.ErrUnsupported)

// tempPrefix begins the names of files that are not complete, and of those
// about to be replaced. Spark ignores names that begin with a dot.
const tempPrefix = ".databricks-"

var tempPattern = regexp.MustCompile(`^\.databricks-[A-Z2-7]{26}$`)

// isTemp reports whether a name is certainly that of a temporary file of ours.
func isTemp(name string) bool { return tempPattern.MatchString(name) }

// A dirCopy is the copy of a directory.
type dirCopy struct {
	op     string // such as "upload"
	store  dirStore
	opts   DirOptions
	limit  int // of files in flight
	ignore ignore.Patterns

	mu      sync.Mutex
	result  DirResult
	stopped bool // do not start any more files
}

func newDirCopy(op string, store dirStore, opts DirOptions) (*dirCopy, error) {
	c := &dirCopy{op: op, store: store, opts: opts, limit: cmp.Or(opts.Concurrency, DefaultConcurrency)}
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return nil, err
	}
	var err error
	if c.ignore, err = ignore.Parse(opts.Ignore); err != nil {
		return nil, badArg("Ignore", "%v", err)
	}
	return c, nil
}

// A dirTask is one file or directory to copy or delete.
type dirTask struct {
	path string // at the source
	kind taskKind
	do   func(ctx context.Context, progress func(done int64)) error
}

type taskKind int

const (
	copyFile taskKind = iota
	copyDir
	deleteAny
)

// run runs all tasks, several at a time. It runs every task that it takes,
// possibly with a context that has ended, so that a task can own a resource.
func (c *dirCopy) run(ctx context.Context, tasks iter.Seq[dirTask]) {
	parallel.All(c.limit, func(yield func(dirTask) bool) {
		for task := range tasks {
			if !yield(task) || c.stop(ctx) {
				return
			}
		}
	}, func(task dirTask) { c.one(ctx, task) })
}

// stop reports whether no other task should begin.
func (c *dirCopy) stop(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped || ctx.Err() != nil
}

// one runs a task and records how it ended.
func (c *dirCopy) one(ctx context.Context, task dirTask) {
	done := int64(0)
	err := task.do(ctx, func(n int64) {
		c.note(task.path, func(r *DirResult) { r.Bytes += n - done })
		done = n
	})
	if left, ok := errors.AsType[*LeftoverError](err); ok {
		c.note(task.path, func(r *DirResult) { r.Leftovers = append(r.Leftovers, left.Paths...) })
		err = left.Err
	}
	skip, skipped := errors.AsType[*skipError](err)
	switch {
	case err == nil && task.kind == copyFile:
		c.note(task.path, func(r *DirResult) { r.Files++ })
	case err == nil && task.kind == deleteAny:
		c.note(task.path, func(r *DirResult) { r.Deleted++ })
	case err == nil:
	case err == errUnchanged:
		c.note(task.path, func(r *DirResult) { r.Unchanged++ })
	case skipped:
		c.note(task.path, func(r *DirResult) { r.Skipped = append(r.Skipped, Skipped{task.path, skip.error}) })
	default:
		c.note(task.path, func(r *DirResult) {
			r.Bytes -= done
			r.Failed = append(r.Failed, fs.PathError{Op: c.op, Path: task.path, Err: err})
			c.stopped = c.stopped || !aboutOneFile(err)
		})
	}
}

// note changes the result and reports the progress.
func (c *dirCopy) note(path string, change func(*DirResult)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.result)
	if r := &c.result; c.opts.Progress != nil {
		c.opts.Progress(DirProgress{path, r.Files, r.Bytes, len(r.Skipped), len(r.Failed), r.Deleted})
	}
}

// plan notes a change that a dry run does not make.
func (c *dirCopy) plan(change DirChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Changes = append(c.result.Changes, change)
	c.result.Bytes += max(change.Size, 0)
	if change.Op == DirDelete {
		c.result.Bytes -= max(change.Size, 0)
	}
}

// ignored reports whether a pattern excludes a local path, and counts it.
func (c *dirCopy) ignored(local string, dir bool) bool {
	if !c.ignore.Match(local, dir) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Ignored++
	return true
}

// complete reports whether everything was copied that can be, so that what is
// left at the destination is not at the source.
func (c *dirCopy) complete(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.stopped && len(c.result.Failed) == 0 && ctx.Err() == nil
}

// end returns the result and an error that says what failed.
func (c *dirCopy) end(ctx context.Context, path string) (*DirResult, error) {
	r := &c.result
	slices.SortFunc(r.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Failed, func(a, b fs.PathError) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Changes, func(a, b DirChange) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(r.Leftovers)
	if ctx.Err() != nil {
		return r, errs.Path(c.op, path, ended(ctx, ctx.Err(), c.failure()))
	}
	return r, c.failure()
}

// failure makes one error of those of all files.
func (c *dirCopy) failure() error {
	var all []error
	for i := range c.result.Failed {
		all = append(all, errs.Prefixed(&c.result.Failed[i]))
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return &dirError{all}
}

// A dirError is the error of a copy in which several files failed.
type dirError struct{ errs []error }

func (e *dirError) Unwrap() []error { return e.errs }

func (e *dirError) Error() string {
	return fmt.Sprintf("%v (and %d more that failed)", e.errs[0], len(e.errs)-1)
}

// aboutOneFile reports whether an error is about one file, so that others may
// succeed. A credential that is refused is about all of them.
func aboutOneFile(err error) bool {
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

// current reports whether a file need not be copied. A size below 0 and a zero
// time are unknown.
func (o DirOptions) current(fromSize, toSize int64, from, to time.Time) bool {
	return o.SkipUnchanged && !from.IsZero() && !to.IsZero() && !to.Before(from) && (fromSize < 0 || toSize < 0 || fromSize == toSize)
}

// A LeftoverError reports temporary files that an upload may have left beside
// its destination, because the response of a call was lost. The service may
// still create them after the call. Their names begin with .databricks-. Delete
// them when you like: nothing else uses them.
//
// If Err is nil, the upload itself succeeded.
type LeftoverError struct {
	Paths []string // at least one
	Err   error    // why the upload failed; nil if it succeeded
}

// Error names the files.
func (e *LeftoverError) Error() string {
	left := "temporary files may be left at " + strings.Join(e.Paths, ", ")
	if e.Err == nil {
		return "the upload succeeded, but " + left
	}
	return e.Err.Error() + "; " + left
}

// Unwrap returns why the upload failed.
func (e *LeftoverError) Unwrap() error { return e.Err }
