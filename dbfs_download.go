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

// DefaultConcurrency is how many requests a transfer has in flight at most, unless
// its options say otherwise. In every field called Concurrency, 0 stands for it,
// and a negative number is an [ArgumentError].
const DefaultConcurrency = 32

// checkConcurrency rejects a negative concurrency.
func checkConcurrency(n int) error {
	if n < 0 {
		return badArg("Concurrency", "is %d; want 1 or more, or 0 for %d", n, DefaultConcurrency)
	}
	return nil
}

// DownloadOptions say how to download a file. The zero value is a good choice.
type DownloadOptions struct {
	// Overwrite lets DownloadFile replace a file.
	Overwrite bool

	// Concurrency is how many requests are in flight at most. 0 stands for
	// DefaultConcurrency. Each takes a megabyte of memory.
	Concurrency int

	// Progress is told how many bytes have come so far, and how many there are.
	// It is called often, never twice at once, and should be quick.
	Progress func(done, total int64)
}

// Download writes a file of DBFS to a writer. Parts of it are asked for at the
// same time. A writer gets them in order, unless it can also seek and write
// anywhere, as an os.File can and an io.OffsetWriter: that gets them as they
// come, and stands at their end when all is well.
//
// A file that another takes the place of meanwhile, or that is written to, is an
// [ErrSourceChanged]. After an error the writer may have any part of the file.
//
// A file of less than [MaxBlockSize] bytes is one request.
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

// downloadSmall reads the first block. If that is not full, it is the whole file,
// and is written. Otherwise nothing is known of the block's version, so that it
// is read again.
func (s *DBFSService) downloadSmall(ctx context.Context, path string, to io.Writer, opts DownloadOptions) (done bool, err error) {
	if err := checkConcurrency(opts.Concurrency); err != nil {
		return false, err
	}
	block := blocks.New()
	defer blocks.Free(block)
	n, err := s.read(ctx, path, 0, MaxBlockSize, block[:])
	if errors.Is(err, ErrInvalidParameterValue) {
		return false, nil // the status says what is wrong, such as that it is a directory
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

// DownloadFile is Download to a local file. The file gets the modification time
// that it has in DBFS. It appears when it is complete: until then it is in the
// same directory under a name that begins with .databricks-. If something has
// the name already, DownloadFile fails with an error that matches fs.ErrExist;
// with Overwrite only if that is a directory. After an error nothing is left.
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
	defer func() { _ = to.Discard() }() // nothing, once it is complete
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

// A remoteFile is a file of DBFS as it was when somebody looked.
type remoteFile struct {
	s        *DBFSService
	path     string
	size     int64
	modified Millis
	slots    chan struct{} // as many as requests may be in flight
}

// errIsDirectory is the error of directories that are taken for files.
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

// fetch reads the bytes from offset on into p, as soon as there is a slot. There
// must be want of them; p may be larger, to see that there are no more.
func (f *remoteFile) fetch(ctx context.Context, offset int64, p []byte, want int) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
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
			return fmt.Errorf("%w: it had %d bytes, and has %d or so", ErrSourceChanged, f.size, offset+int64(got))
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

// inOrder yields the file from offset on. While its consumer works on a block,
// those after it are on their way: depth of them at first, and ever more. A
// block is its consumer's until it asks for the next.
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
				at, answer := offset, make(chan result, 1)
				underWay.Go(func() {
					var r result
					r.block, r.n, r.err = f.fetchBlock(ctx, at)
					answer <- r
				})
				queue = append(queue, answer)
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

// offsets yields where the blocks from offset on begin.
func (f *remoteFile) offsets(offset int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for ; offset < f.size && yield(offset); offset += blocks.Size {
		}
	}
}

// A writerAtSeeker is where parts of a file can be written in any order.
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
			_, err = at.WriteAt(nil, start) // a file that appends cannot
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

// unchanged looks once more at a file that was read from offset on. What came in
// one piece is of one version anyway.
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
		return fmt.Errorf("%w: it had %d bytes, of %v, and has %d, of %v", ErrSourceChanged, f.size, f.modified.Time(), info.FileSize, info.ModificationTime.Time())
	}
	return nil
}
