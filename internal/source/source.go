// Package source finds out of a reader what it takes to send it: how much it
// holds, whether it can be read again, and whether it stayed the same.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

// ErrChanged is matched by errors of sources that became another while they
// were read.
var ErrChanged error = errs.Text("changed while it was being copied")

// errOnce is the error of a source that is opened a second time and cannot be.
var errOnce = errors.New("the source cannot be read a second time")

// A Source is a reader from its current position on.
type Source struct {
	size     int64
	reader   io.Reader
	seeker   io.Seeker   // nil if it can be read once only
	at       io.ReaderAt // nil if it cannot be read without moving its position
	buffer   *bytes.Buffer
	file     *os.File
	modified time.Time // of the file
	start    int64

	mu       sync.RWMutex
	open     *reading // what may read; nil once the source is closed
	sections bool     // sections may be read
}

// New looks at a reader. It reads no more than it takes to see that a file that
// claims to be empty is.
func New(r io.Reader) *Source {
	s := &Source{reader: r, size: -1}
	switch v := r.(type) {
	case *bytes.Buffer:
		s.buffer = v
		r = bytes.NewReader(v.Bytes())
		s.reader = r
	case *os.File:
		info, err := v.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return s
		}
		s.file, s.modified = v, info.ModTime()
	}
	seeker, ok := r.(io.Seeker)
	if !ok {
		return s
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return s
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if _, back := seeker.Seek(start, io.SeekStart); err != nil || back != nil {
		return s
	}
	if s.file != nil && end == 0 {
		// Files of /proc and the like have content, but no size.
		if n, _ := s.file.ReadAt(make([]byte, 1), start); n > 0 {
			return s
		}
	}
	s.seeker, s.start, s.size = seeker, start, max(0, end-start)
	s.at, _ = r.(io.ReaderAt)
	return s
}

// Size is how many bytes there are; -1 if that is not known.
func (s *Source) Size() int64 { return s.size }

// Rewindable reports whether the source can be opened more than once.
func (s *Source) Rewindable() bool { return s.seeker != nil }

// Open returns the source from its beginning. It ends what was opened before.
// A source of known size that ends before it fails with ErrChanged.
func (s *Source) Open() (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &reading{source: s, r: s.reader, left: s.size}
	switch {
	case s.at != nil:
		r.r = io.NewSectionReader(s.at, s.start, s.size)
	case s.seeker != nil:
		if _, err := s.seeker.Seek(s.start, io.SeekStart); err != nil {
			return nil, err
		}
		r.r = io.LimitReader(s.reader, s.size)
	case s.open != nil:
		return nil, errOnce
	}
	s.open = r
	return r, nil
}

// Close ends what is open. When it returns the source is not being read, and
// will not be.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.sections = nil, false
}

// Modified is the modification time of a file, and the zero time for what is none.
func (s *Source) Modified() time.Time { return s.modified }

// Sections returns a function that opens a part of the source, given the offset
// of its first byte and its size. Parts can be read at the same time, until the
// source is closed. The function is nil if the source has no parts.
func (s *Source) Sections() func(offset, size int64) io.ReadCloser {
	if s.at == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sections = true
	return func(offset, size int64) io.ReadCloser {
		return &section{s, io.NewSectionReader(s.at, s.start+offset, size)}
	}
}

// A section is a part of a source.
type section struct {
	source *Source
	r      *io.SectionReader
}

func (r *section) Read(p []byte) (int, error) {
	s := r.source
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.sections {
		return 0, errClosed
	}
	n, err := r.r.Read(p)
	if at, _ := r.r.Seek(0, io.SeekCurrent); err == io.EOF && at < r.r.Size() {
		_, offset, _ := r.r.Outer()
		err = changed(s.size, offset+at-s.start)
	}
	return n, err
}

func (r *section) Close() error { return nil }

// Finish is Close for a source that was read to its end. It moves the source's
// position there, and fails with ErrChanged if it is another now.
func (s *Source) Finish() error {
	s.Close()
	s.consume()
	if s.seeker == nil {
		return nil
	}
	end, err := s.seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size := max(0, end-s.start); size != s.size {
		return changed(s.size, size)
	}
	return s.Check()
}

// consume takes from a buffer what was read of it, once.
func (s *Source) consume() {
	if s.buffer != nil {
		s.buffer.Next(int(s.size))
		s.buffer = nil
	}
}

// Check fails with ErrChanged if a file has another size or modification time
// than it had at first. It does not move the position of the file.
func (s *Source) Check() error {
	if s.file == nil {
		return nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if size := max(0, info.Size()-s.start); size != s.size {
		return changed(s.size, size)
	}
	if !info.ModTime().Equal(s.modified) {
		return fmt.Errorf("the source %w", ErrChanged)
	}
	return nil
}

func changed(from, to int64) error {
	return fmt.Errorf("the source %w: it had %d bytes; now it has %d", ErrChanged, from, to)
}

// Advance is Finish for a source that was checked before its last byte was sent.
// It does not matter what becomes of the source afterwards.
func (s *Source) Advance() error {
	s.Close()
	s.consume()
	if s.seeker == nil {
		return nil
	}
	_, err := s.seeker.Seek(s.start+s.size, io.SeekStart)
	return err
}

// A reading is one time that a source is read.
type reading struct {
	source *Source
	r      io.Reader
	left   int64 // negative if not known
}

var errClosed = errors.New("the source was closed")

func (r *reading) Read(p []byte) (int, error) {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != r {
		return 0, errClosed
	}
	n, err := r.r.Read(p)
	if s.size < 0 {
		return n, err
	}
	if r.left -= int64(n); err == io.EOF && r.left > 0 {
		err = changed(s.size, s.size-r.left)
	}
	return n, err
}

func (r *reading) Close() error { return nil }
