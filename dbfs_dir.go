package databricks

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/go-databricks/databricks/internal/source"
)

// UploadDir copies a local directory, with everything in it, to a directory of
// DBFS, which is created unless it exists. It skips symbolic links and the like.
// A file appears under its name when it is complete.
//
// If a file cannot be copied, UploadDir copies the others. It then returns both
// a result and an error. If the failure is not about one file, it begins no
// others, and waits for those in flight.
func (s *DBFSService) UploadDir(ctx context.Context, dir, path string, opts DirOptions) (*DirResult, error) {
	return copyDirUp(ctx, "upload", dbfsDirs{s: s}, dir, dbfsPath(path), opts)
}

// DownloadDir copies a directory of DBFS, with everything in it, into a local
// directory, which is created unless it exists. Files get the modification times
// that they have in DBFS, so that an interrupted copy can continue, with
// DirOptions.SkipUnchanged.
//
// Names that not every system can have are changed as little as possible, and
// [DBFSService.UploadDir] changes them back. Nothing is written outside of the
// directory. A file appears under its name when it is complete. Failures are as
// for UploadDir.
func (s *DBFSService) DownloadDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	slots := make(chan struct{}, cmp.Or(max(opts.Concurrency, 0), DefaultConcurrency))
	return copyDirDown(ctx, "download", dbfsDirs{s, slots}, dbfsPath(path), dir, opts)
}

// dbfsDirs is DBFS for the engine for directories.
type dbfsDirs struct {
	s     *DBFSService
	slots chan struct{} // as many as reads may be in flight
}

func (d dbfsDirs) list(ctx context.Context, dir string) ([]remoteEntry, error) {
	files, err := d.s.listDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	entries := make([]remoteEntry, len(files))
	for i, f := range files {
		entries[i] = remoteEntry{dir: f.IsDir, size: f.FileSize, modified: f.ModificationTime.Time(), sys: f}.in(dir, f.Path)
	}
	return entries, nil
}

func (d dbfsDirs) localNames(entries []remoteEntry) []string { return safeNames(entries) }

func (d dbfsDirs) remoteName(file *os.File) (string, any, error) {
	name, err := plainName(filepath.Base(file.Name()))
	return name, nil, err
}

func (d dbfsDirs) impliesDirs() bool { return true }

func (d dbfsDirs) mkdirs(ctx context.Context, dir string) error { return d.s.Mkdirs(ctx, dir) }

func (d dbfsDirs) remove(ctx context.Context, e remoteEntry) error {
	return d.s.Delete(ctx, DeleteFile{Path: e.path})
}

func (d dbfsDirs) upload(ctx context.Context, f fileUpload) error {
	src := source.New(f.file)
	defer src.Close()
	u := newUpload(d.s, f.to, src, UploadOptions{Overwrite: f.replace, Progress: func(done, _ int64) { f.progress(done) }})
	if u.known = true; f.there != nil {
		info := f.there.sys.(FileInfo)
		u.there = &info
	}
	return u.run(ctx)
}

func (d dbfsDirs) download(ctx context.Context, e remoteEntry, w io.Writer, progress func(int64)) error {
	m := newProgressReporter(func(done, _ int64) { progress(done) }, e.size)
	defer m.stop()
	_, err := newRemoteFile(d.s, e.path, e.sys.(FileInfo), d.slots).writeTo(ctx, w, 0, m)
	return err
}
