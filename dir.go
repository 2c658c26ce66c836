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

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/ignore"
	"github.com/go-databricks/databricks/internal/safename"
)

// DirOptions are options for copying directories, in both directions and in all
// areas. The zero value copies only files that do not exist at the destination.
//
// To synchronize two directories, set SkipUnchanged and Delete. Set DryRun to
// preview the changes.
type DirOptions struct {
	// Overwrite replaces existing files. Without it they are skipped, with a
	// reason that matches fs.ErrExist.
	Overwrite bool

	// SkipUnchanged replaces existing files, but skips a file if the
	// destination has the same size and is not older. If an area does not
	// report the size, only the times count. Use it to continue an interrupted
	// copy.
	SkipUnchanged bool

	// Delete deletes files and directories at the destination that do not exist
	// at the source. It never deletes anything that Ignore matches, or that a
	// copy cannot create, such as symbolic links or libraries. It runs last,
	// and only if everything else succeeded.
	Delete bool

	// DryRun changes nothing. DirResult.Changes lists the changes that the copy
	// would make.
	DryRun bool

	// Ignore excludes files and directories from the copy and from Delete. Each
	// element is a line of a .gitignore file in the top directory, such as
	// "*.tmp", "/build/" or "!keep.tmp". The patterns match local names.
	Ignore []string

	// Concurrency is the maximum number of files to copy at the same time. 0
	// means DefaultConcurrency.
	Concurrency int

	// Progress is called after each file, and repeatedly during the transfer of
	// a large file. Calls do not overlap. It must return quickly.
	Progress func(DirProgress)
}

func (o DirOptions) replace() bool { return o.Overwrite || o.SkipUnchanged }

// DirProgress is the progress of a directory copy.
type DirProgress struct {
	Path    string // source path of the file that this report is about
	Files   int    // copied so far
	Bytes   int64  // copied so far
	Skipped int    // files and directories that the copy skips
	Failed  int    // files and directories that failed so far
	Deleted int    // files and directories deleted so far
}

// A DirResult is the result of a directory copy. A copy that fails returns both
// an error and a result.
type DirResult struct {
	Files     int            // files copied, or that a dry run would copy
	Bytes     int64          // bytes copied, or that a dry run would copy
	Unchanged int            // files that SkipUnchanged skipped
	Ignored   int            // files and directories that Ignore excluded
	Deleted   int            // files and directories deleted, or that a dry run would delete
	Skipped   []Skipped      // files and directories that the copy does not support or must not replace, by path
	Failed    []fs.PathError // files and directories that could not be copied or deleted, by path
	Leftovers []string       // temporary files that may remain at the destination
	Changes   []DirChange    // changes that a dry run would make, by path
}

// A Skipped is a file or directory that was not copied because of a rule.
type Skipped struct {
	Path string // source path
	Err  error  // the rule; matches fs.ErrExist, fs.ErrInvalid, ErrTooLarge or errors.ErrUnsupported
}

// A DirChange is a change that a directory copy would make.
type DirChange struct {
	Op   DirOp
	Path string // destination path
	From string // source path; empty for DirDelete
	Size int64  // in bytes; -1 if unknown
}

// A DirOp is the kind of a [DirChange].
type DirOp string

// Kinds of changes.
const (
	DirCreate  DirOp = "CREATE"  // the destination does not exist
	DirReplace DirOp = "REPLACE" // the destination exists
	DirDelete  DirOp = "DELETE"
)

// A dirStore is what the directory engine needs from an area. Each area has a
// small type that implements it and passes it to [copyDirUp] and [copyDirDown].
// Paths are in the form that the area uses.
type dirStore interface {
	// list returns the content of a directory, in any order. It fails with
	// fs.ErrNotExist if nothing is at the path, and with errNotDir if a file
	// is.
	list(ctx context.Context, dir string) ([]remoteEntry, error)

	// localNames returns the local names of the entries of one directory.
	// safeNames is the default implementation.
	localNames(entries []remoteEntry) []string

	// remoteName returns the name of a local file at the destination, and a
	// value for upload. It may read the file with ReadAt. plainName is the
	// default implementation.
	remoteName(file *os.File) (name string, kind any, err error)

	// impliesDirs reports whether upload creates missing directories.
	impliesDirs() bool
	// mkdirs creates a directory and its missing parents.
	mkdirs(ctx context.Context, dir string) error
	// remove deletes a file or an empty directory.
	remove(ctx context.Context, e remoteEntry) error

	// upload writes a file. The file appears at its path when it is complete.
	upload(ctx context.Context, f fileUpload) error
	// download writes the content of a file to w. It fails if the file has
	// changed since it was listed.
	download(ctx context.Context, e remoteEntry, w io.Writer, progress func(done int64)) error
}

// A remoteEntry is a file or a directory of an area.
type remoteEntry struct {
	path     string // the path for calls and for the result
	name     string // the name within its directory
	dir      bool
	size     int64     // in bytes; -1 if unknown
	modified time.Time // zero if unknown
	err      error     // why it cannot be copied; nil if it can
	sys      any       // the area's own description of the entry
}

// in sets the path and the name of an entry that was listed in dir. An entry
// whose path is not in dir cannot be copied.
func (e remoteEntry) in(dir, listed string) remoteEntry {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	name, ok := strings.CutPrefix(listed, prefix)
	switch {
	case !ok || name == "":
		e.err = fmt.Errorf("%w: the list of %s contains it, but it is in another directory", fs.ErrInvalid, dir)
	case strings.Contains(name, "/"):
		e.err = fmt.Errorf("%w: its name %q contains a slash", fs.ErrInvalid, name)
	}
	e.path, e.name = listed, name
	return e
}

// A fileUpload is a local file to upload.
type fileUpload struct {
	file     *os.File // positioned at the start
	info     fs.FileInfo
	to       string       // destination path
	kind     any          // from remoteName
	there    *remoteEntry // the existing entry at the destination; nil if there is none
	replace  bool         // replace an existing file
	progress func(done int64)
}

// safeNames returns the local names of entries. It escapes names that are not
// valid on every operating system.
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

// plainName reverses safeNames for one local name.
func plainName(local string) (string, error) {
	name := safename.Decode(local)
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", &skipError{fmt.Errorf("%w: %q stands for %q, which is not a valid file name", fs.ErrInvalid, local, name)}
	}
	return name, nil
}

// errUnchanged says that a file does not need to be copied.
var errUnchanged = errors.New("unchanged")

// A skipError says that a rule excludes a file from the copy.
type skipError struct{ error }

// errOurs is the reason for skipping a temporary file of this library.
var errOurs = fmt.Errorf("%w: it is a temporary file of an unfinished transfer", errors.ErrUnsupported)

// tempPrefix starts the names of incomplete files and of files that are being
// replaced. Spark ignores names that start with a dot.
const tempPrefix = ".databricks-"

var tempPattern = regexp.MustCompile(`^\.databricks-[A-Z2-7]{26}$`)

// isTemp reports whether a name belongs to a temporary file of this library.
func isTemp(name string) bool { return tempPattern.MatchString(name) }

// A dirCopy is a directory copy in progress.
type dirCopy struct {
	op     string // such as "upload"
	store  dirStore
	opts   DirOptions
	limit  int // maximum number of files in flight
	ignore ignore.Patterns

	mu      sync.Mutex
	result  DirResult
	stopped bool // start no more files
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
	path string // source path
	kind taskKind
	do   func(ctx context.Context, progress func(done int64)) error
}

type taskKind int

const (
	copyFile taskKind = iota
	copyDir
	deleteAny
)

// run runs tasks, several at the same time. It runs every task that it takes
// from the sequence, even if the context has ended, so that a task can own a
// resource.
func (c *dirCopy) run(ctx context.Context, tasks iter.Seq[dirTask]) {
	concurrent.All(c.limit, func(yield func(dirTask) bool) {
		for task := range tasks {
			if !yield(task) || c.stop(ctx) {
				return
			}
		}
	}, func(task dirTask) { c.one(ctx, task) })
}

// stop reports whether no more tasks should start.
func (c *dirCopy) stop(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped || ctx.Err() != nil
}

// one runs a task and records its result.
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

// note updates the result and reports the progress.
func (c *dirCopy) note(path string, change func(*DirResult)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.result)
	if r := &c.result; c.opts.Progress != nil {
		c.opts.Progress(DirProgress{path, r.Files, r.Bytes, len(r.Skipped), len(r.Failed), r.Deleted})
	}
}

// plan records a change that a dry run does not make.
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

// complete reports whether nothing failed, so that Delete may run.
func (c *dirCopy) complete(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.stopped && len(c.result.Failed) == 0 && ctx.Err() == nil
}

// end returns the result and the error of the copy.
func (c *dirCopy) end(ctx context.Context, path string) (*DirResult, error) {
	r := &c.result
	slices.SortFunc(r.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Failed, func(a, b fs.PathError) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Changes, func(a, b DirChange) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(r.Leftovers)
	if ctx.Err() != nil {
		return r, errs.Path(c.op, path, errs.Ended(ctx, ctx.Err(), c.failure()))
	}
	return r, c.failure()
}

// failure joins the errors of all files.
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
	return fmt.Sprintf("%s (and %d more failures)", oneLine(e.errs[0].Error(), maxLine), len(e.errs)-1)
}

// aboutOneFile reports whether an error affects a single file, so that other
// files may succeed. A rejected credential affects all files.
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

// current reports whether a file is unchanged and need not be copied. A
// negative size and a zero time are unknown.
func (o DirOptions) current(fromSize, toSize int64, from, to time.Time) bool {
	return o.SkipUnchanged && !from.IsZero() && !to.IsZero() && !to.Before(from) && (fromSize < 0 || toSize < 0 || fromSize == toSize)
}

// A LeftoverError reports temporary files that an upload may leave at its
// destination, because the response to a request was lost. The service may
// still create them after the upload returns. Their names start with
// .databricks-. You can delete them at any time, because nothing else uses
// them.
//
// If Err is nil, the upload itself succeeded.
type LeftoverError struct {
	Paths []string // at least one
	Err   error    // why the upload failed; nil if it succeeded
}

// Error lists the files.
func (e *LeftoverError) Error() string {
	left := "temporary files may remain at " + strings.Join(e.Paths, ", ")
	if e.Err == nil {
		return "the upload succeeded, but " + left
	}
	return e.Err.Error() + "; " + left
}

// Unwrap returns why the upload failed.
func (e *LeftoverError) Unwrap() error { return e.Err }
