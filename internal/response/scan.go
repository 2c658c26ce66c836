package response

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Scanner splits JSON text into tokens and values as it arrives. It only finds
// the end of each value. encoding/json checks whether the value is valid. If the
// input ends too early, the error is [io.ErrUnexpectedEOF].
type Scanner struct {
	r     io.Reader
	body  *Body // the body that r reads from; nil if r does not read a response
	buf   []byte
	at    int // buf[at:end] was read from r but not consumed
	end   int
	limit int    // maximum size of a value in bytes
	ended bool   // r has returned io.EOF
	own   *roomy // the pooled scanner that contains this one; nil if the caller provides the buffer
}

// bufferSize is the number of bytes to read at a time. Most responses and most
// elements of lists fit into it.
const bufferSize = 64 << 10

// A roomy is a scanner with its own buffer.
type roomy struct {
	Scanner
	room [bufferSize]byte
}

var scanners = sync.Pool{New: func() any { return new(roomy) }}

// NewScanner returns a scanner of r. It reads into buf, or into its own buffer if
// buf is nil. The buffer grows if a value does not fit.
func NewScanner(r io.Reader, buf []byte) *Scanner {
	if buf != nil {
		return &Scanner{r: r, body: boundsOf(r), buf: buf, limit: maxValue}
	}
	own := scanners.Get().(*roomy)
	own.Scanner = Scanner{r: r, body: boundsOf(r), buf: own.room[:], limit: maxValue, own: own}
	return &own.Scanner
}

// Free releases a scanner with its own buffer. The scanner and the text that it
// returned must not be used afterwards.
func (s *Scanner) Free() {
	if own := s.own; own != nil {
		*s = Scanner{}
		scanners.Put(own)
	}
}

// Fill reads until the buffer is full or the input ends. It returns the text in the
// buffer without consuming it, except for a byte order mark.
func (s *Scanner) Fill() (text []byte, whole bool, err error) {
	for s.end < len(s.buf) && err == nil {
		err = s.more()
	}
	if bytes.HasPrefix(s.buf[s.at:s.end], []byte("\ufeff")) {
		s.at += len("\ufeff")
	}
	if s.ended {
		err = nil
	}
	return s.buf[s.at:s.end], s.ended, err
}

// more reads more text into the buffer.
func (s *Scanner) more() error {
	if s.at == s.end {
		s.at, s.end = 0, 0
	}
	switch held := s.end - s.at; {
	case s.at >= len(s.buf)/2 && held > 0:
		s.at, s.end = 0, copy(s.buf, s.buf[s.at:s.end])
	case s.end == len(s.buf):
		if held >= s.limit {
			return fmt.Errorf("a value of the response is over %d MiB", s.limit>>20)
		}
		if err := s.body.fits(int64(3 * held)); err != nil {
			return err
		}
		grown := make([]byte, max(2*len(s.buf), 512))
		s.at, s.end, s.buf = 0, copy(grown, s.buf[s.at:s.end]), grown
	}
	if err := s.body.plausible(); err != nil {
		return err
	}
	n, err := io.ReadAtLeast(s.r, s.buf[s.end:], 1)
	s.end += n
	if err == io.EOF {
		s.ended, err = true, io.ErrUnexpectedEOF
	}
	return err
}

// Peek returns the next byte that is not white space, without consuming it.
func (s *Scanner) Peek() (byte, error) {
	for skipped := 0; skipped < maxElement; {
		begin := s.at
		for ; s.at < s.end; s.at++ {
			if c := s.buf[s.at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				return c, nil
			}
		}
		skipped += s.at - begin
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("it has more than 16 MiB of consecutive white space")
}

// Take consumes the next byte that is not white space, which must be want.
func (s *Scanner) Take(want byte) error {
	c, err := s.Peek()
	if err != nil {
		return err
	}
	if c != want {
		return fmt.Errorf("it has %q instead of %q", c, want)
	}
	s.at++
	return nil
}

// Value consumes the next value and returns its text, which is valid until the next
// call.
func (s *Scanner) Value() ([]byte, error) {
	if _, err := s.Peek(); err != nil {
		return nil, err
	}
	var v value
	for {
		if n, done := v.scan(s.buf[s.at:s.end]); done {
			text := s.buf[s.at : s.at+n]
			if s.at += n; n == 0 {
				return nil, fmt.Errorf("it has %q instead of a value", s.buf[s.at])
			}
			return text, nil
		}
		if err := s.more(); err != nil {
			return nil, err
		}
	}
}

// Text consumes the next string, piece by piece. It passes the raw text between the
// quotes to piece. piece returns how much of it was processed. The next piece
// starts with the rest. last is set for the last piece. The string must not contain
// escaped quotes.
func (s *Scanner) Text(piece func(raw []byte, last bool) (taken int, err error)) error {
	if err := s.Take('"'); err != nil {
		return err
	}
	for {
		raw := s.buf[s.at:s.end]
		end := bytes.IndexByte(raw, '"')
		if end >= 0 {
			raw = raw[:end]
		}
		taken, err := piece(raw, end >= 0)
		if err != nil {
			return err
		}
		if s.at += taken; end >= 0 {
			return s.Take('"')
		}
		if err := s.more(); err != nil {
			return err
		}
	}
}

// Name consumes the name of a member and the colon after it.
func (s *Scanner) Name() (name string, err error) {
	if c, err := s.Peek(); err != nil || c != '"' {
		if err == nil {
			err = fmt.Errorf("it has %q instead of a name", c)
		}
		return "", err
	}
	text, err := s.Value()
	if err == nil {
		err = json.Unmarshal(text, &name)
	}
	if err == nil {
		err = s.Take(':')
	}
	return name, err
}

// Members consumes the next object. It calls member for each member, after its name
// and colon. member must consume the value.
func (s *Scanner) Members(member func(name string) error) error {
	return s.list('{', '}', func() error {
		name, err := s.Name()
		if err != nil {
			return err
		}
		return member(name)
	})
}

// Elements consumes the next array. It calls element for each element, which must
// consume the value.
func (s *Scanner) Elements(element func() error) error { return s.list('[', ']', element) }

func (s *Scanner) list(opening, closing byte, item func() error) error {
	if err := s.Take(opening); err != nil {
		return err
	}
	if c, err := s.Peek(); err != nil {
		return err
	} else if c == closing {
		return s.Take(closing)
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch c, err := s.Peek(); {
		case err != nil:
			return err
		case c == closing:
			return s.Take(closing)
		}
		if err := s.Take(','); err != nil {
			return err
		}
	}
}

// End reads to the end of the input, which must contain only white space.
func (s *Scanner) End() error {
	c, err := s.Peek()
	switch {
	case s.ended:
		return nil
	case err == nil:
		err = fmt.Errorf("%q follows its end", c)
	}
	return err
}

// A value is the state of the scan of a value. The scan can continue with more
// text.
type value struct {
	n      int // bytes scanned so far
	depth  int // nesting depth of objects and arrays
	quoted bool
}

// scan continues with text, which starts with the value and may have more of it
// than before. It returns the length of the value if it is complete.
func (v *value) scan(text []byte) (n int, done bool) {
	for v.n < len(text) {
		if v.quoted {
			for v.n < len(text) && text[v.n] != '"' && text[v.n] != '\\' {
				v.n++
			}
			if v.n >= len(text) {
				break
			}
			if text[v.n] == '\\' {
				v.n += 2 // include the escaped character, even if it has not arrived yet
				continue
			}
			v.quoted = false
			if v.n++; v.depth == 0 {
				return v.n, true
			}
			continue
		}
		switch text[v.n] {
		case '"':
			if v.depth == 0 && v.n > 0 {
				return v.n, true // a scalar without a closing character
			}
			v.quoted = true
		case '{', '[':
			if v.depth == 0 && v.n > 0 {
				return v.n, true
			}
			v.depth++
		case '}', ']':
			if v.depth == 0 {
				return v.n, true
			}
			if v.depth--; v.depth == 0 {
				v.n++
				return v.n, true
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if v.depth == 0 {
				return v.n, true
			}
		}
		v.n++
	}
	return 0, false
}

// Complete reports whether text contains all of the object at its start.
func Complete(text []byte) bool {
	_, done := new(value).scan(text)
	return done
}
