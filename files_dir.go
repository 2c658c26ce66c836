package databricks

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/source"
)

// UploadDir copies a local directory and everything in it to a directory of a
// volume. It creates that directory if necessary. It skips symbolic links and
// other special files. A file appears under its name when it is complete. If
// some files fail, UploadDir behaves like [DBFSService.UploadDir].
func (s *FilesService) UploadDir(ctx context.Context, dir, path string, opts DirOptions) (*DirResult, error) {
	if err := checkVolumePath("path", path, false); err != nil {
		return nil, errs.Path("upload", path, err)
	}
	return copyDirUp(ctx, "upload", volumeDirs{s: s}, dir, strings.TrimSuffix(volumePath(path), "/"), opts)
}

// DownloadDir copies a directory of a volume and everything in it to a local
// directory. It creates the local directory if necessary. Files keep the
// modification times that they have in the volume. You can therefore continue
// an interrupted copy with DirOptions.SkipUnchanged.
//
// DownloadDir escapes names that are not valid on every operating system.
// [FilesService.UploadDir] restores them. It writes nothing outside the local
// directory. A file appears under its name when it is complete. If a file
// changes after it was listed, its error matches [ErrSourceChanged]. If some
// files fail, DownloadDir behaves like [DBFSService.UploadDir].
func (s *FilesService) DownloadDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	if err := checkVolumePath("path", path, false); err != nil {
		return nil, errs.Path("download", path, err)
	}
	slots := make(chan struct{}, cmp.Or(max(opts.Concurrency, 0), DefaultConcurrency))
	return copyDirDown(ctx, "download", volumeDirs{s, slots}, strings.TrimSuffix(volumePath(path), "/"), dir, opts)
}

// volumeDirs implements dirStore for volumes.
type volumeDirs struct {
	s     *FilesService
	slots chan struct{} // limits the reads in flight
}

func (d volumeDirs) list(ctx context.Context, dir string) ([]remoteEntry, error) {
	files, err := d.s.listDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	entries := make([]remoteEntry, len(files))
	for i, f := range files {
		entries[i] = remoteEntry{dir: f.IsDirectory, size: f.FileSize, modified: f.LastModified.Time(), sys: f}.in(dir, f.Path)
	}
	return entries, nil
}

func (d volumeDirs) localNames(entries []remoteEntry) []string { return safeNames(entries) }

func (d volumeDirs) remoteName(file *os.File) (string, any, error) {
	name, err := plainName(filepath.Base(file.Name()))
	return name, nil, err
}

// impliesDirs is false because it is not documented whether an upload creates
// missing directories.
func (d volumeDirs) impliesDirs() bool { return false }

func (d volumeDirs) mkdirs(ctx context.Context, dir string) error {
	return d.s.CreateDirectory(ctx, dir)
}

func (d volumeDirs) remove(ctx context.Context, e remoteEntry) error {
	if e.dir {
		return d.s.DeleteDirectory(ctx, e.path)
	}
	return d.s.Delete(ctx, e.path)
}

func (d volumeDirs) upload(ctx context.Context, f fileUpload) error {
	src := source.New(f.file)
	defer src.Close()
	opts := UploadOptions{Overwrite: f.replace, Progress: func(done, _ int64) { f.progress(done) }}
	return newFileUpload(d.s, f.to, src, opts).run(ctx)
}

func (d volumeDirs) download(ctx context.Context, e remoteEntry, w io.Writer, progress func(int64)) error {
	_, err := d.s.listed(e.sys.(FileEntry), d.slots).writeTo(ctx, w, 0, func(done, _ int64) { progress(done) })
	return err
}

// DeleteTree deletes a file, or a directory and everything in it. If nothing is
// at the path, it succeeds. For the path of a volume, it deletes the content
// but not the volume. After each file, it calls progress with the number of
// files deleted so far. progress may be nil. Calls do not overlap.
//
// If something cannot be deleted, DeleteTree returns the first error. It does
// not restore what it has deleted. You can call it again to continue.
func (s *FilesService) DeleteTree(ctx context.Context, path string, progress func(files int64)) error {
	err := checkVolumePath("path", path, false)
	if err == nil {
		d := treeDeletion{dirs: volumeDirs{s: s}, progress: progress}
		err = d.run(ctx, strings.TrimSuffix(volumePath(path), "/"))
	}
	return errs.Path("delete", path, err)
}

// A treeDeletion deletes a directory of a volume.
type treeDeletion struct {
	dirs     volumeDirs
	progress func(files int64)

	mu    sync.Mutex
	files int64
}

func (d *treeDeletion) run(ctx context.Context, path string) error {
	top := remoteEntry{path: path, dir: true}
	err := d.below(ctx, path)
	if errors.Is(err, errNotDir) {
		top.dir, err = false, nil
	}
	if err != nil || checkVolumePath("path", path, true) != nil { // path is the volume itself
		return ignoreNotExist(err)
	}
	return d.remove(ctx, top)
}

// below deletes the content of a directory. It deletes files concurrently, and then
// subdirectories one after another.
func (d *treeDeletion) below(ctx context.Context, dir string) error {
	entries, err := d.dirs.list(ctx, dir)
	if err != nil {
		return err
	}
	err = concurrent.Each(ctx, DefaultConcurrency, func(yield func(remoteEntry) bool) {
		for _, e := range entries {
			if (!e.dir || e.err != nil) && !yield(e) {
				return
			}
		}
	}, d.remove)
	for _, e := range entries {
		if !e.dir || err != nil {
			continue
		}
		if err = ignoreNotExist(d.below(ctx, e.path)); err == nil {
			err = d.remove(ctx, e)
		}
	}
	return err
}

// remove deletes a file or an empty directory. The storage may delete a directory
// together with its last file.
func (d *treeDeletion) remove(ctx context.Context, e remoteEntry) error {
	if e.err != nil {
		return e.err
	}
	if err := d.dirs.remove(ctx, e); err != nil {
		return ignoreNotExist(err)
	}
	if e.dir || d.progress == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files++
	d.progress(d.files)
	return nil
}
