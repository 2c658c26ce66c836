package databricks

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/parallel"
)

// A File is a file of DBFS that is open for reading. Besides what its methods
// say it is an fs.File. Only ReadAt and Stat may be called by several goroutines
// at once.
//
// Where it is noticed that another file has taken the place of this one since it
// was opened, or that it was written to, that is an [ErrSourceChanged]: when there is
// less or more to read than there was, and at the end of what Read and WriteTo
// read without a Seek.
type File struct {
	ctx    context.Context
	remote *remoteFile
	info   fs.FileInfo
	closed bool

	offset int64  // of the next Read
	block  []byte // what Read takes from
	start  int64  // of the block
	from   int64  // where reading began, or the last Seek went
	next   func() ([]byte, error, bool)
	stop   func() // nil if nothing reads ahead
}

// Open opens a file for reading. All its reads are made with ctx. Reading from
// the beginning to the end, as bufio.Scanner and io.Copy do, is fast, since the
// next megabytes are on their way by then. Each ReadAt asks for what it needs.
func (s *DBFSService) Open(ctx context.Context, path string) (*File, error) {
	remote, err := s.look(ctx, path, 0)
	if err != nil {
		return nil, errs.Path("open", path, err)
	}
	return remote.open(ctx), nil
}

func (f *remoteFile) open(ctx context.Context) *File {
	return &File{ctx: ctx, remote: f, info: FileInfo{Path: f.path, FileSize: f.size, ModificationTime: f.modified}.node()}
}

// Stat returns the file's size and time as they were when it was opened. It
// makes no call.
func (f *File) Stat() (fs.FileInfo, error) { return f.info, f.failed("stat", nil) }

// Close ends reads that are under way ahead of the reader.
func (f *File) Close() error {
	err := f.failed("close", nil)
	f.rest()
	f.closed = true
	return err
}

// failed makes the error of an operation, if there is one.
func (f *File) failed(op string, err error) error {
	if f.closed {
		err = fs.ErrClosed
	}
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.remote.path, Err: err}
}

// rest ends reading ahead.
func (f *File) rest() {
	if f.stop != nil {
		f.stop()
	}
	f.next, f.stop, f.block = nil, nil, nil
}

// Read reads the next bytes of the file.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.read(p)
	return n, f.failed("read", err)
}

func (f *File) read(p []byte) (int, error) {
	switch {
	case f.closed:
		return 0, fs.ErrClosed
	case len(p) == 0:
		return 0, nil
	case f.offset >= f.remote.size:
		if err := f.remote.unchanged(f.ctx, f.from); err != nil {
			return 0, err
		}
		f.from = f.remote.size // and is not looked at again
		return 0, io.EOF
	}
	if f.offset == f.start+int64(len(f.block)) || f.block == nil {
		if f.next == nil {
			f.next, f.stop = iter.Pull2(f.remote.inOrder(f.ctx, f.offset, 1))
		}
		block, err, _ := f.next()
		if err != nil {
			f.rest()
			return 0, err
		}
		f.block, f.start = block, f.offset
	}
	n := copy(p, f.block[f.offset-f.start:])
	f.offset += int64(n)
	return n, nil
}

// Seek says where the next Read begins.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.remote.size
	case io.SeekStart:
	default:
		return 0, f.failed("seek", fs.ErrInvalid)
	}
	if err := f.failed("seek", nil); err != nil || offset < 0 {
		return 0, f.failed("seek", fs.ErrInvalid)
	}
	if offset < f.start || offset > f.start+int64(len(f.block)) {
		f.rest()
	}
	if offset != f.offset {
		f.offset, f.from = offset, offset
	}
	return offset, nil
}

// ReadAt reads the bytes from offset on. If there are many, parts are asked for
// at the same time.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if f.closed || offset < 0 {
		return 0, f.failed("read", fs.ErrInvalid)
	}
	n := int(min(int64(len(p)), max(0, f.remote.size-offset)))
	part := p[:n]
	err := parallel.Each(f.ctx, cap(f.remote.slots), func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i += blocks.Size {
		}
	}, func(ctx context.Context, i int) error {
		end := min(i+blocks.Size, n)
		return f.remote.fetch(ctx, offset+int64(i), part[i:end], end-i)
	})
	switch {
	case err != nil:
		return 0, f.failed("read", err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

// readAll reads the whole file, for FS.
func (f *File) readAll() ([]byte, error) {
	content := []byte{}
	for have := int64(0); have < f.remote.size; have = int64(len(content)) {
		// The size is the service's word, so memory grows with what it sends.
		step := int(min(f.remote.size-have, max(have, 32<<20)))
		content = slices.Grow(content, step)[:len(content)+step]
		if _, err := f.ReadAt(content[have:], have); err != nil {
			return nil, err
		}
	}
	return content, f.failed("read", f.remote.unchanged(f.ctx, 0))
}

// WriteTo writes what is left to read, with parts of it asked for at the same
// time; see [DBFSService.Download] for what w may be.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	if f.closed {
		return 0, f.failed("read", fs.ErrClosed)
	}
	f.rest()
	if f.offset >= f.remote.size {
		return 0, nil
	}
	n, err := f.remote.writeTo(f.ctx, w, f.offset, newProgressReporter(nil, 0))
	f.offset += n
	f.from = f.offset
	return n, f.failed("read", err)
}

var _ interface {
	fs.File
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo
} = (*File)(nil)
