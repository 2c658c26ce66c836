package databricks

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/go-databricks/databricks/internal/source"
)

// UploadDir copies a local directory and everything in it to a DBFS directory.
// It creates the DBFS directory if necessary. It skips symbolic links and other
// special files. A file appears under its name when it is complete.
//
// If some files fail, UploadDir continues with the other files. It then returns
// both a result and an error. If a failure affects all files, UploadDir starts
// no new files and waits for those in progress.
func (s *DBFSService) UploadDir(ctx context.Context, dir, path string, opts DirOptions) (*DirResult, error) {
	return copyDirUp(ctx, "upload", dbfsDirs{s: s}, dir, dbfsPath(path), opts)
}

// DownloadDir copies a DBFS directory and everything in it to a local
// directory. It creates the local directory if necessary. Files keep the
// modification times that they have in DBFS. You can therefore continue an
// interrupted copy with DirOptions.SkipUnchanged.
//
// DownloadDir escapes names that are not valid on every operating system.
// [DBFSService.UploadDir] restores them. It writes nothing outside the local
// directory. A file appears under its name when it is complete. If some files
// fail, DownloadDir behaves like UploadDir.
func (s *DBFSService) DownloadDir(ctx context.Context, path, dir string, opts DirOptions) (*DirResult, error) {
	slots := make(chan struct{}, cmp.Or(max(opts.Concurrency, 0), DefaultConcurrency))
	return copyDirDown(ctx, "download", dbfsDirs{s, slots}, dbfsPath(path), dir, opts)
}

// dbfsDirs implements dirStore for DBFS.
type dbfsDirs struct {
	s     *DBFSService
	slots chan struct{} // limits the reads in flight
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
	f := newDBFSFile(d.s, e.path, e.sys.(FileInfo), d.slots)
	_, err := f.writeTo(ctx, w, 0, func(done, _ int64) { progress(done) })
	return err
}
