// Package blocks moves the bytes of files in and out of the base64 in which the
// API's JSON carries them, straight between the network and their place in
// memory.
package blocks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Size is how many bytes the API takes or gives in one call at most.
const Size = 1 << 20

// A Block is room for one call's worth of bytes.
type Block [Size]byte

var free = sync.Pool{New: func() any { return new(Block) }}

// New returns a block. What it holds is undefined.
func New() *Block { return free.Get().(*Block) }

// Free takes back a block that nobody uses any more.
func Free(b *Block) { free.Put(b) }

// Append appends the body of an add-block call to text: bytes for a handle.
func Append(text []byte, handle int64, data []byte) []byte {
	text = strconv.AppendInt(append(text, `{"handle":`...), handle, 10)
	text = base64.StdEncoding.AppendEncode(append(text, `,"data":"`...), data)
	return append(text, `"}`...)
}

// TextSize is the most that Append appends.
const TextSize = len(`{"handle":-9223372036854775808,"data":""}`) + (Size+2)/3*4

// Decode reads the reply of a read call, {"bytes_read": 5, "data": "aGVsbG8="},
// to its end. It puts the bytes into dst and returns how many there are. A reply
// with more bytes than fit, or fewer than it says, is an error; one that ends
// too early is an io.ErrUnexpectedEOF.
func Decode(r io.Reader, dst []byte) (n int, err error) {
	said, seen := int64(-1), false
	dec := json.NewDecoder(r)
	if token, err := dec.Token(); err != nil {
		return 0, early(err)
	} else if token != json.Delim('{') {
		return 0, fmt.Errorf("it begins with %v, not with an object", token)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return 0, early(err)
		}
		if name == "data" {
			if seen {
				return 0, errors.New("it has data twice")
			}
			seen = true
			s := &stringReader{r: io.MultiReader(dec.Buffered(), r), dst: dst}
			if err := s.decode(); err != nil {
				return 0, early(err)
			}
			n = s.n
			// What follows is the rest of an object.
			dec = json.NewDecoder(io.MultiReader(strings.NewReader(`{"":0`), bytes.NewReader(s.rest), r))
			_, _ = dec.Token()
			continue
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return 0, early(err)
		}
		if name == "bytes_read" && string(value) != "null" {
			if said, err = strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64); err != nil || said < 0 {
				return 0, fmt.Errorf("bytes_read is %.40s, not a count", value)
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return 0, early(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		if err == nil {
			err = errors.New("something follows its end")
		}
		return 0, err
	}
	if said >= 0 && said != int64(n) {
		return 0, fmt.Errorf("bytes_read is %d, but data holds %d bytes", said, n)
	}
	return n, nil
}

// early is err, an end of the input being one that comes too early.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A stringReader decodes base64 from the JSON string that r goes on with, after
// the colon before it, or takes a null.
type stringReader struct {
	r    io.Reader
	text *[textSize]byte
	from int // text[:from] is base64 to be decoded, text[from:to] was just read
	to   int
	dst  []byte
	n    int    // bytes in dst
	done bool   // padding was seen
	rest []byte // what was read beyond the string
}

// textSize is large enough to bypass the buffer of the connection.
const textSize = 128 << 10

var texts = sync.Pool{New: func() any { return new([textSize]byte) }}

func (s *stringReader) decode() error {
	s.text = texts.Get().(*[textSize]byte)
	defer texts.Put(s.text)
	if c, err := s.next(); err != nil || c != ':' {
		return wrong(err, "no colon after a name")
	}
	switch c, err := s.next(); {
	case err == nil && c == 'n':
		for _, want := range "ull" {
			if c, err := s.next(); err != nil || rune(c) != want {
				return wrong(err, "data is no string")
			}
		}
		s.rest = bytes.Clone(s.text[s.from:s.to])
		return nil
	case err != nil || c != '"':
		return wrong(err, "data is no string")
	}
	s.to = copy(s.text[:], s.text[s.from:s.to])
	s.from = 0
	for {
		closed, err := s.take()
		if closed || err != nil {
			return err
		}
		if s.to == len(s.text) {
			return errors.New("an escape in data has no end")
		}
		if err := s.more(); err != nil {
			return err
		}
	}
}

func wrong(err error, problem string) error {
	if err == nil {
		err = errors.New(problem)
	}
	return err
}

// next returns the next byte that is not white space.
func (s *stringReader) next() (byte, error) {
	for {
		if s.from == s.to {
			s.from, s.to = 0, 0
			if err := s.more(); err != nil {
				return 0, err
			}
		}
		c := s.text[s.from]
		s.from++
		if strings.IndexByte(" \t\r\n", c) < 0 {
			return c, nil
		}
	}
}

// more reads some text.
func (s *stringReader) more() error {
	n, err := io.ReadAtLeast(s.r, s.text[s.to:], 1)
	s.to += n
	return err
}

// take decodes the text that there is, up to the string's end if that is
// there, and leaves at the front what cannot be decoded yet.
func (s *stringReader) take() (closed bool, err error) {
	raw := s.text[s.from:s.to]
	var cut []byte // an escape of which only the beginning is there
	end := bytes.IndexByte(raw, '"')
	if closed = end >= 0; closed {
		s.rest = bytes.Clone(raw[end+1:])
		raw = raw[:end]
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		if raw, cut, err = unescape(raw); err != nil {
			return false, err
		}
	}
	base64 := s.text[:s.from+len(raw)]
	if closed {
		if len(cut) > 0 {
			return true, errors.New("data has an escape that base64 has no use for")
		}
		return true, s.put(base64)
	}
	whole := len(base64) &^ 3
	if err := s.put(base64[:whole]); err != nil {
		return false, err
	}
	s.from = copy(s.text[:], base64[whole:])
	s.to = s.from + copy(s.text[s.from:], cut)
	return false, nil
}

// put decodes whole quanta.
func (s *stringReader) put(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if s.done {
		return errors.New("data goes on after its padding")
	}
	want := len(text) / 4 * 3
	if pad := len(text) - len(bytes.TrimRight(text[max(0, len(text)-2):], "=")) - max(0, len(text)-2); pad > 0 {
		s.done = true
		want -= pad
	}
	if len(text)%4 != 0 {
		return errors.New("data is base64 that breaks off")
	}
	if want > len(s.dst)-s.n {
		return fmt.Errorf("it holds more than the %d bytes asked for", len(s.dst))
	}
	n, err := base64.StdEncoding.Decode(s.dst[s.n:], text)
	if err == nil && n != want { // the decoder overlooks line ends, which JSON does not have in strings
		err = errors.New("line end")
	}
	if err != nil {
		return fmt.Errorf("data is not base64: %w", err)
	}
	s.n += n
	return nil
}

// unescape replaces JSON escapes in place, and leaves out those of line ends,
// which base64 may have anywhere. An escape that is cut off at the end is
// returned as it is.
func unescape(text []byte) (out, cut []byte, err error) {
	out = text[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		length := 2
		if i+1 < len(text) && text[i+1] == 'u' {
			length = 6
		}
		if i+length > len(text) {
			return out, text[i:], nil
		}
		switch e := text[i+1]; e {
		case '/':
			c = '/'
		case 'n', 'r':
			c = '\n'
		case 'u':
			code, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
			if err != nil || code > 0x7f {
				return nil, nil, errors.New("data is not base64")
			}
			c = byte(code)
		default:
			return nil, nil, errors.New("data has an escape that base64 has no use for")
		}
		if c != '\n' && c != '\r' {
			out = append(out, c)
		}
		i += length - 1
	}
	return out, nil, nil
}
