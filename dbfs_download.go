package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
)

// DefaultConcurrency is the default limit on the requests that a transfer has
// in flight. It applies to every Concurrency field that is 0. A negative value
// is an [ArgumentError].
const DefaultConcurrency = 32

// checkConcurrency rejects a negative concurrency.
func checkConcurrency(n int) error {
	if n < 0 {
		return badArg("Concurrency", "is %d; want 1 or more, or 0 for %d", n, DefaultConcurrency)
	}
	return nil
}

// DownloadOptions are options for downloading a file. The zero value is a good
// default.
type DownloadOptions struct {
	// Overwrite lets DownloadFile replace an existing file.
	Overwrite bool

	// Concurrency is the maximum number of requests in flight. 0 means
	// DefaultConcurrency. Each request uses 1 MiB of memory. For a file of a
	// volume, 0 means DefaultFileConcurrency, and each request uses up to 4 MiB.
	Concurrency int

	// Resume lets DownloadFile continue an earlier download of the same file to
	// the same name, even if its process was killed. DownloadFile verifies the
	// data that it has and requests only the rest. If the file has changed, the
	// download starts over.
	//
	// You do not need to store anything. After a failure, an incomplete file
	// remains in the same directory, with a record of its content. Its name
	// starts with .databricks-. Delete it if you do not want to continue. Only
	// one download to a name can be in progress.
	Resume bool

	// Progress is called with the number of bytes received so far and the total
	// number of bytes. It is called often and must return quickly. Calls do not
	// overlap.
	Progress func(done, total int64)
}

// Download copies a DBFS file to a writer. It requests several parts at the
// same time. It writes them in order, unless the writer implements io.WriterAt
// and io.Seeker, as os.File and io.OffsetWriter do. It then writes each part as
// it arrives and finally seeks to the end of the data.
//
// If the file is replaced or modified during the download, the error matches
// [ErrSourceChanged]. After an error, the writer may have received any part of
// the file.
//
// Download sends a single request for a file of less than [MaxBlockSize] bytes.
func (s *DBFSService) Download(ctx context.Context, path string, to io.Writer, opts DownloadOptions) error {
	done, err := s.downloadSmall(ctx, path, to, opts)
	if err == nil && !done {
		var f *remoteFile
		if f, err = s.statFile(ctx, path, opts.Concurrency); err == nil {
			_, err = f.writeTo(ctx, to, 0, opts.Progress)
		}
	}
	return errs.Path("download", path, err)
}

// downloadSmall reads the first block. If the block is not full, it is the
// whole file, and downloadSmall writes it. Otherwise the version of the block
// is unknown, so the caller must read it again.
func (s *DBFSService) downloadSmall(ctx context.Context, path string, to io.Writer, opts DownloadOptions) (done bool, err error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return false, err
	}
	block := blocks.New()
	defer blocks.Free(block)
	n, err := s.read(ctx, path, 0, MaxBlockSize, block[:])
	if errors.Is(err, ErrInvalidParameterValue) {
		return false, nil // GetStatus finds the reason, for example that it is a directory
	}
	if err != nil || n == MaxBlockSize {
		return false, err
	}
	m := newProgressReporter(opts.Progress, int64(n))
	defer m.stop()
	m.set(0)
	written, err := to.Write(block[:n])
	if err == nil && written < n {
		err = io.ErrShortWrite
	}
	if err == nil && n > 0 {
		m.add(n)
	}
	return true, err
}

// DownloadFile downloads a DBFS file to a local file. The local file gets the
// modification time that the file has in DBFS. Until the download is complete,
// the data is in the same directory under a name that starts with .databricks-.
// DownloadFile fails with an error that matches fs.ErrExist if something
// already has the name. With Overwrite, it fails only if that is a directory.
// After an error, DownloadFile leaves no file, unless Resume is set.
func (s *DBFSService) DownloadFile(ctx context.Context, path, name string, opts DownloadOptions) error {
	stat := func(bool) (*remoteFile, error) { return s.statFile(ctx, path, opts.Concurrency) }
	return errs.Path("download", path, downloadFile(ctx, stat, name, opts))
}

// errIsDirectory is the error for a directory where a file is required.
var errIsDirectory = errors.New("is a directory")

// statFile returns a file with its current size and modification time.
func (s *DBFSService) statFile(ctx context.Context, path string, concurrency int) (*remoteFile, error) {
	if err := checkConcurrency(concurrency); err != nil {
		return nil, err
	}
	info, err := s.GetStatus(ctx, path)
	if err != nil {
		return nil, err
	}
	if info.IsDir {
		return nil, errIsDirectory
	}
	return newDBFSFile(s, path, *info, make(chan struct{}, cmp.Or(concurrency, DefaultConcurrency))), nil
}

// A dbfsFile implements fileArea for DBFS.
type dbfsFile struct{ s *DBFSService }

func newDBFSFile(s *DBFSService, path string, info FileInfo, slots chan struct{}) *remoteFile {
	return &remoteFile{area: dbfsFile{s}, path: path, slots: slots, known: true, size: info.FileSize, modified: info.ModificationTime.Time()}
}

var dbfsBuffers = newBufferPool(MaxBlockSize)

func (dbfsFile) buffers() *bufferPool      { return dbfsBuffers }
func (dbfsFile) spanSize(int64, int) int64 { return MaxBlockSize }
func (dbfsFile) first() int64              { return MaxBlockSize }

func (d dbfsFile) tag() string { return d.s.client.Host() }

func (d dbfsFile) fetch(ctx context.Context, f *remoteFile, offset int64, p []byte, want int) error {
	for got := 0; got < want; {
		n, err := d.s.read(ctx, f.path, offset+int64(got), int64(len(p)-got), p[got:])
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrInvalidParameterValue) {
			return fmt.Errorf("%w: %w", ErrSourceChanged, err)
		}
		if err != nil {
			return err
		}
		if got += n; n == 0 || got > want {
			return fmt.Errorf("%w: its size changed from %d bytes to about %d", ErrSourceChanged, f.size, offset+int64(got))
		}
	}
	return nil
}

func (d dbfsFile) copySpan(ctx context.Context, f *remoteFile, s span, w io.Writer) error {
	block := dbfsBuffers.get()
	defer dbfsBuffers.put(block)
	if err := d.fetch(ctx, f, s.offset, block, int(s.length)); err != nil {
		return err
	}
	_, err := w.Write(block[:s.length])
	return err
}

// unchanged gets the status of the file again. Data that was read in one response
// belongs to one version anyway.
func (d dbfsFile) unchanged(ctx context.Context, f *remoteFile, offset int64) error {
	if f.size-offset <= MaxBlockSize {
		return nil
	}
	info, err := d.s.GetStatus(ctx, f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrSourceChanged, err)
	case err != nil:
		return err
	case info.IsDir || info.FileSize != f.size || !info.ModificationTime.Time().Equal(f.modified):
		return fmt.Errorf("%w: it had %d bytes, modified %v; now it has %d bytes, modified %v", ErrSourceChanged, f.size, f.modified, info.FileSize, info.ModificationTime.Time())
	}
	return nil
}
