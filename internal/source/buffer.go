package source

import (
	"bytes"
	"context"
	"io"
	"os"

	"github.com/go-databricks/databricks/internal/errs"
)

// chunk is how much is copied to the disk at a time.
const chunk = 1 << 20

// Buffer reads the source, so that its size becomes known: the first bytes into
// memory and, if there are more, up to so many bytes into a temporary file. It
// returns what was read as a source of its own, and finishes s. If there is still
// more, or no room on the disk, that is a source of unknown size which goes on
// to read from s. free removes the file.
func (s *Source) Buffer(ctx context.Context, inMemory, onDisk int64) (buffered *Source, free func(), err error) {
	free = func() {}
	opened, err := s.Open()
	if err != nil {
		return nil, free, err
	}
	in := &contextReader{opened, ctx}
	var memory bytes.Buffer
	if s.size > 0 {
		memory.Grow(int(min(s.size, inMemory)) + bytes.MinRead) // and no more
	}
	switch _, err := io.CopyN(&memory, in, inMemory+1); err {
	case nil:
	case io.EOF:
		return New(bytes.NewReader(memory.Bytes())), free, s.Finish()
	default:
		return nil, free, err
	}
	if onDisk == 0 {
		return New(io.MultiReader(&memory, in)), free, nil
	}
	file, err := os.CreateTemp("", "databricks-*")
	if err != nil { // it works without
		return New(io.MultiReader(&memory, in)), free, nil
	}
	free = func() {
		file.Close()
		_ = os.Remove(file.Name())
	}
	size, end, err := fill(file, io.MultiReader(&memory, in), onDisk)
	switch {
	case err != nil:
		free()
		return nil, func() {}, err
	case end != nil:
		return New(io.MultiReader(io.NewSectionReader(file, 0, size), end)), free, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, free, err
	}
	return New(file), free, s.Finish()
}

// fill copies up to so many bytes to a file. It returns how many, and what is
// left to read; nil if that is nothing.
func fill(file *os.File, in io.Reader, most int64) (size int64, rest io.Reader, err error) {
	block := make([]byte, chunk)
	for size < most {
		n, err := io.ReadFull(in, block[:min(chunk, most-size)])
		written, full := file.Write(block[:n])
		size += int64(written)
		switch {
		case full != nil: // the disk, probably
			return size, io.MultiReader(bytes.NewReader(block[written:n]), in), nil
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return size, nil, nil
		case err != nil:
			return size, nil, err
		}
	}
	return size, in, nil
}

// A contextReader ends with a context.
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
