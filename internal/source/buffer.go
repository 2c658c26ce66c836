package source

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync/atomic"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
)

// chunk is the number of bytes to copy at a time.
const chunk = blocks.Size

// maxBlocks limits the memory for all buffered sources of a process.
const maxBlocks = 128

var blocksInUse atomic.Int64

// Buffer reads the source to determine its size. It reads the first inMemory bytes
// into memory and the next onDisk bytes into a temporary file. It returns a source
// with the data that was read, and finishes s. If s is longer, or the disk is full,
// it returns a source of unknown size that continues to read from s. free closes
// the returned source and removes the file.
func (s *Source) Buffer(ctx context.Context, inMemory, onDisk int64) (buffered *Source, free func(), err error) {
	free = func() {}
	opened, err := s.Open()
	if err != nil {
		return nil, free, err
	}
	in := &contextReader{opened, ctx}
	var small bytes.Buffer
	first := min(inMemory, chunk)
	if s.size > 0 {
		small.Grow(int(min(s.size, first)) + bytes.MinRead) // avoid a larger buffer
	}
	switch _, err := io.CopyN(&small, in, first+1); err {
	case nil:
	case io.EOF:
		return New(bytes.NewReader(small.Bytes())), free, s.Finish()
	default:
		return nil, free, err
	}
	var large memory
	var file *os.File
	free = func() {
		if buffered != nil {
			buffered.Close() // stop all reads before the memory is reused
		}
		large.free()
		if file != nil {
			file.Close()
			_ = os.Remove(file.Name())
		}
	}
	rest := io.MultiReader(&small, in)
	whole, err := large.fill(rest, inMemory)
	held := io.NewSectionReader(&large, 0, large.size)
	if err != nil {
		return nil, free, err
	}
	if whole {
		buffered = New(held)
		return buffered, free, s.Finish()
	}
	rest = io.MultiReader(held, rest)
	if onDisk == 0 {
		buffered = New(rest)
		return buffered, free, nil
	}
	if file, err = os.CreateTemp("", "databricks-*"); err != nil { // not required
		buffered = New(rest)
		return buffered, free, nil
	}
	size, end, err := fill(file, rest, onDisk)
	if err != nil {
		return nil, free, err
	}
	if end != nil {
		buffered = New(io.MultiReader(io.NewSectionReader(file, 0, size), end))
		return buffered, free, nil
	}
	large.free()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, free, err
	}
	buffered = New(file)
	return buffered, free, s.Finish()
}

// A memory holds bytes in blocks, so that it can grow without copying.
type memory struct {
	blocks []*blocks.Block
	size   int64
}

// fill reads at most most bytes, plus one to detect the end. It reports whether the
// input ended before that byte. It reads less if other sources use the memory.
func (m *memory) fill(in io.Reader, most int64) (whole bool, err error) {
	for m.size <= most {
		if blocksInUse.Add(1) > maxBlocks {
			blocksInUse.Add(-1)
			return false, nil
		}
		block := blocks.New()
		m.blocks = append(m.blocks, block)
		n, err := io.ReadFull(in, block[:min(blocks.Size, most+1-m.size)])
		m.size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// ReadAt implements io.ReaderAt.
func (m *memory) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) && offset < m.size {
		i := offset / blocks.Size
		end := min(m.size-i*blocks.Size, blocks.Size)
		copied := copy(p[n:], m.blocks[i][offset%blocks.Size:end])
		n, offset = n+copied, offset+int64(copied)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (m *memory) free() {
	for _, block := range m.blocks {
		blocks.Free(block)
	}
	blocksInUse.Add(-int64(len(m.blocks)))
	m.blocks, m.size = nil, 0
}

// fill copies at most most bytes to a file. It returns the number of bytes and a
// reader for the rest, which is nil at the end of the input.
func fill(file *os.File, in io.Reader, most int64) (size int64, rest io.Reader, err error) {
	block := make([]byte, chunk)
	for size < most {
		n, err := io.ReadFull(in, block[:min(chunk, most-size)])
		written, full := file.Write(block[:n])
		size += int64(written)
		switch {
		case full != nil: // the disk is probably full
			return size, io.MultiReader(bytes.NewReader(block[written:n]), in), nil
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return size, nil, nil
		case err != nil:
			return size, nil, err
		}
	}
	return size, in, nil
}

// A contextReader fails when its context has ended.
type contextReader struct {
	io.Reader
	ctx context.Context
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := errs.Over(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
