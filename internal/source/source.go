// Package source determines the properties of a reader that matter for sending it:
// its size, whether it can be read again, and whether it has changed.
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

// ErrChanged matches errors of sources that changed while they were read.
var ErrChanged error = errs.Text("changed while it was being copied")

// errOnce is the error for a second Open of a source that can be read only once.
var errOnce = errors.New("the source cannot be read a second time")

// A Source is a reader, starting at its current position.
type Source struct {
	size     int64
	reader   io.Reader
	seeker   io.Seeker   // nil if it can be read only once
	at       io.ReaderAt // nil if random access is not possible
	buffer   *bytes.Buffer
	file     *os.File
	modified time.Time // modification time of a file
	start    int64

	mu       sync.RWMutex
	open     *reading // the readers in use; nil once the source is closed
	sections bool     // random access is allowed
}

// New returns a source for a reader. It reads data only to detect a file that
// reports size 0 but has content.
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
		// Files in /proc and similar file systems have content, but report size 0.
		if n, _ := s.file.ReadAt(make([]byte, 1), start); n > 0 {
			return s
		}
	}
	s.seeker, s.start, s.size = seeker, start, max(0, end-start)
	s.at, _ = r.(io.ReaderAt)
	return s
}

// Size returns the number of bytes, or -1 if it is unknown.
func (s *Source) Size() int64 { return s.size }

// Rewindable reports whether the source can be opened more than once.
func (s *Source) Rewindable() bool { return s.seeker != nil }

// Open returns a reader for the complete source. It stops the reader of an earlier
// Open. If a source of known size is shorter, the reader fails with ErrChanged.
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

// Close stops all readers. When it returns, the source is not being read and will
// not be read.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.sections = nil, false
}

// Modified returns the modification time of a file. It is zero for other sources.
func (s *Source) Modified() time.Time { return s.modified }

// Sections returns a function that opens a section of the source. Its parameters
// are the offset of the first byte and the size. Sections can be read concurrently
// until the source is closed. The function is nil if random access is not possible.
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

// Finish closes a source that was read completely. It sets the position of the
// source to the end, and fails with ErrChanged if the source has changed.
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

// consume removes the data that was read from a buffer, once.
func (s *Source) consume() {
	if s.buffer != nil {
		s.buffer.Next(int(s.size))
		s.buffer = nil
	}
}

// Check fails with ErrChanged if the size or modification time of a file has
// changed. It does not change the position of the file.
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
// Later changes of the source do not matter.
func (s *Source) Advance() error {
	s.Close()
	s.consume()
	if s.seeker == nil {
		return nil
	}
	_, err := s.seeker.Seek(s.start+s.size, io.SeekStart)
	return err
}

// A reading is one reader of a source.
type reading struct {
	source *Source
	r      io.Reader
	left   int64 // negative if unknown
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
