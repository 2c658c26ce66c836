package databricks

import (
	"context"
	"io"
	"io/fs"
	"slices"

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
)

// A File is an open file in DBFS or in a volume. It implements [fs.File] and
// further interfaces. Only ReadAt and Stat are safe for concurrent use.
//
// A read fails with [ErrSourceChanged] if it detects that the file was replaced or
// modified after it was opened. Any read may detect that the size has changed. A
// sequential read without Seek also detects other changes when it reaches the end.
type File struct {
	ctx    context.Context
	remote *remoteFile
	info   fs.FileInfo
	closed bool

	offset int64      // of the next Read
	block  []byte     // the data that Read returns next
	start  int64      // offset of block
	from   int64      // where reading started, or the target of the last Seek
	ahead  *readAhead // nil if the file is not reading ahead
}

// Open opens a file for reading. All its reads use ctx. Sequential reads, such
// as those of bufio.Scanner and io.Copy, are fast because the file reads ahead.
// Each ReadAt requests only the bytes that it needs.
func (s *DBFSService) Open(ctx context.Context, path string) (*File, error) {
	remote, err := s.statFile(ctx, path, 0)
	if err != nil {
		return nil, errs.Path("open", path, err)
	}
	info := FileInfo{Path: path, FileSize: remote.size, ModificationTime: MillisOf(remote.modified)}
	return remote.open(ctx, info.node()), nil
}

func (f *remoteFile) open(ctx context.Context, info fs.FileInfo) *File {
	return &File{ctx: ctx, remote: f, info: info}
}

// Stat returns the size and the modification time that the file had when it was
// opened. It sends no request.
func (f *File) Stat() (fs.FileInfo, error) { return f.info, f.failed("stat", nil) }

// Close closes the file and stops reading ahead.
func (f *File) Close() error {
	err := f.failed("close", nil)
	f.rest()
	f.closed = true
	return err
}

// failed returns the error of an operation, or nil.
func (f *File) failed(op string, err error) error {
	if f.closed {
		err = fs.ErrClosed
	}
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.remote.path, Err: err}
}

// rest stops reading ahead.
func (f *File) rest() {
	if f.ahead != nil {
		f.ahead.stop()
	}
	f.ahead, f.block = nil, nil
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
		if err := f.remote.area.unchanged(f.ctx, f.remote, f.from); err != nil {
			return 0, err
		}
		f.from = f.remote.size // skip the check for changes
		return 0, io.EOF
	}
	if f.offset == f.start+int64(len(f.block)) || f.block == nil {
		if f.ahead == nil {
			f.ahead = f.remote.readAhead(f.ctx, f.offset, 1)
		}
		block, err := f.ahead.next()
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

// Seek sets the offset of the next Read.
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

// ReadAt reads bytes from offset on. It splits a large read into concurrent
// requests.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if f.closed || offset < 0 {
		return 0, f.failed("read", fs.ErrInvalid)
	}
	n := int(min(int64(len(p)), max(0, f.remote.size-offset)))
	part := p[:n]
	block := f.remote.area.buffers().size
	err := concurrent.Each(f.ctx, cap(f.remote.slots), func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i += block {
		}
	}, func(ctx context.Context, i int) error {
		end := min(i+block, n)
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
		// The reported size may be wrong, so the buffer grows with the data that arrives.
		step := int(min(f.remote.size-have, max(have, 32<<20)))
		content = slices.Grow(content, step)[:len(content)+step]
		if _, err := f.ReadAt(content[have:], have); err != nil {
			return nil, err
		}
	}
	return content, f.failed("read", f.remote.area.unchanged(f.ctx, f.remote, 0))
}

// WriteTo writes the rest of the file to w. It requests several parts at the
// same time. See [DBFSService.Download] for the writers that it supports.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	if f.closed {
		return 0, f.failed("read", fs.ErrClosed)
	}
	f.rest()
	if f.offset >= f.remote.size {
		return 0, nil
	}
	n, err := f.remote.writeTo(f.ctx, w, f.offset, nil)
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
