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
	"sync"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/newfile"
	"github.com/go-databricks/databricks/internal/parallel"
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
	// DefaultConcurrency. Each request uses 1 MiB of memory.
	Concurrency int

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
		if f, err = s.look(ctx, path, opts.Concurrency); err == nil {
			m := newProgressReporter(opts.Progress, f.size)
			defer m.stop()
			_, err = f.writeTo(ctx, to, 0, m)
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
// After an error, DownloadFile leaves no file.
func (s *DBFSService) DownloadFile(ctx context.Context, path, name string, opts DownloadOptions) error {
	err := s.downloadFile(ctx, path, name, opts)
	return errs.Path("download", path, err)
}

func (s *DBFSService) downloadFile(ctx context.Context, path, name string, opts DownloadOptions) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	to, err := newfile.Create(root, filepath.Base(name), tempName(), opts.Overwrite)
	if err != nil {
		return err
	}
	defer func() { _ = to.Discard() }() // no effect after Commit
	f, err := s.look(ctx, path, opts.Concurrency)
	if err != nil {
		return err
	}
	m := newProgressReporter(opts.Progress, f.size)
	defer m.stop()
	if _, err := f.writeTo(ctx, to, 0, m); err != nil {
		return err
	}
	return to.Commit(f.modified.Time())
}

// A remoteFile is a DBFS file in the version that was there when its status was
// read.
type remoteFile struct {
	s        *DBFSService
	path     string
	size     int64
	modified Millis
	slots    chan struct{} // limits the requests in flight
}

// errIsDirectory is the error for a directory where a file is required.
var errIsDirectory = errors.New("is a directory")

func (s *DBFSService) look(ctx context.Context, path string, concurrency int) (*remoteFile, error) {
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
	return newRemoteFile(s, path, *info, make(chan struct{}, cmp.Or(concurrency, DefaultConcurrency))), nil
}

func newRemoteFile(s *DBFSService, path string, info FileInfo, slots chan struct{}) *remoteFile {
	return &remoteFile{s, path, info.FileSize, info.ModificationTime, slots}
}

// fetch reads the bytes from offset on into p when a slot is free. The file
// must have want bytes there. p may be larger, to detect additional bytes.
func (f *remoteFile) fetch(ctx context.Context, offset int64, p []byte, want int) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return errs.Over(ctx)
	}
	for got := 0; got < want; {
		n, err := f.s.read(ctx, f.path, offset+int64(got), int64(len(p)-got), p[got:])
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

// fetchBlock reads the block at offset.
func (f *remoteFile) fetchBlock(ctx context.Context, offset int64) (block *blocks.Block, n int, err error) {
	block, n = blocks.New(), int(min(f.size-offset, blocks.Size))
	if err := f.fetch(ctx, offset, block[:], n); err != nil {
		blocks.Free(block)
		return nil, 0, err
	}
	return block, n, nil
}

// inOrder yields the blocks of the file from offset on. It reads ahead: first
// depth blocks, then more and more, up to the number of slots. A block is valid
// until the consumer requests the next one.
func (f *remoteFile) inOrder(ctx context.Context, offset int64, depth int) iter.Seq2[[]byte, error] {
	type result struct {
		block *blocks.Block
		n     int
		err   error
	}
	return func(yield func([]byte, error) bool) {
		var underWay sync.WaitGroup
		defer underWay.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var queue []chan result
		for {
			for len(queue) < depth && offset < f.size {
				at, response := offset, make(chan result, 1)
				underWay.Go(func() {
					var r result
					r.block, r.n, r.err = f.fetchBlock(ctx, at)
					response <- r
				})
				queue = append(queue, response)
				offset = min(offset+blocks.Size, f.size)
			}
			if len(queue) == 0 {
				return
			}
			r := <-queue[0]
			queue = queue[1:]
			if r.err != nil {
				yield(nil, r.err)
				return
			}
			more := yield(r.block[:r.n], nil)
			blocks.Free(r.block)
			if !more {
				return
			}
			depth = min(2*depth, cap(f.slots))
		}
	}
}

// offsets yields the offsets of the blocks from offset on.
func (f *remoteFile) offsets(offset int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for ; offset < f.size && yield(offset); offset += blocks.Size {
		}
	}
}

// A writerAtSeeker is a destination that accepts the parts of a file in any
// order.
type writerAtSeeker interface {
	io.WriterAt
	io.Seeker
}

// writeTo writes the file from offset on.
func (f *remoteFile) writeTo(ctx context.Context, to io.Writer, offset int64, m *progressReporter) (n int64, err error) {
	m.set(0)
	if at, ok := to.(writerAtSeeker); ok {
		start, err := at.Seek(0, io.SeekCurrent)
		if err == nil {
			_, err = at.WriteAt(nil, start) // fails for a file in append mode
		}
		if err == nil {
			if err := f.writeAt(ctx, at, start, offset, m); err != nil {
				return 0, err
			}
			n = f.size - offset
			_, err = at.Seek(start+n, io.SeekStart)
			return n, cmp.Or(err, f.unchanged(ctx, offset))
		}
	}
	for block, err := range f.inOrder(ctx, offset, cap(f.slots)) {
		if err != nil {
			return n, err
		}
		written, err := to.Write(block)
		n += int64(written)
		if err == nil && written < len(block) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
		m.add(written)
	}
	return n, f.unchanged(ctx, offset)
}

func (f *remoteFile) writeAt(ctx context.Context, to io.WriterAt, start, offset int64, m *progressReporter) error {
	return parallel.Each(ctx, cap(f.slots), f.offsets(offset), func(ctx context.Context, at int64) error {
		block, n, err := f.fetchBlock(ctx, at)
		if err != nil {
			return err
		}
		defer blocks.Free(block)
		if _, err := to.WriteAt(block[:n], start+at-offset); err != nil {
			return err
		}
		m.add(n)
		return nil
	})
}

// unchanged checks that a file did not change while it was read from offset on.
// A single block needs no check, because it comes from one version.
func (f *remoteFile) unchanged(ctx context.Context, offset int64) error {
	if f.size-offset <= blocks.Size {
		return nil
	}
	info, err := f.s.GetStatus(ctx, f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrSourceChanged, err)
	case err != nil:
		return err
	case info.IsDir || info.FileSize != f.size || info.ModificationTime != f.modified:
		return fmt.Errorf("%w: it had %d bytes, modified %v, and now has %d, modified %v", ErrSourceChanged, f.size, f.modified.Time(), info.FileSize, info.ModificationTime.Time())
	}
	return nil
}
