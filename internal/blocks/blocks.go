// Package blocks encodes and decodes blocks of files. The API transfers them as
// base64 in JSON. The package copies the bytes directly between the network and
// their place in memory.
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

	"github.com/go-databricks/databricks/internal/response"
)

// Size is the maximum number of bytes of a block.
const Size = 1 << 20

// A Block is a buffer for the bytes of one call.
type Block [Size]byte

var free = sync.Pool{New: func() any { return new(Block) }}

// New returns a block with undefined content.
func New() *Block { return free.Get().(*Block) }

// Free releases a block for reuse.
func Free(b *Block) { free.Put(b) }

// Append appends the body of an add-block call to text.
func Append(text []byte, handle int64, data []byte) []byte {
	text = strconv.AppendInt(append(text, `{"handle":`...), handle, 10)
	text = base64.StdEncoding.AppendEncode(append(text, `,"data":"`...), data)
	return append(text, `"}`...)
}

// TextSize is the maximum number of bytes that Append appends.
const TextSize = len(`{"handle":-9223372036854775808,"data":""}`) + (Size+2)/3*4

// Decode reads the response of a read call, such as {"bytes_read": 5, "data":
// "aGVsbG8="}, to its end. It decodes the data into dst and returns the number of
// bytes. It fails if the data does not fit, or if its size differs from bytes_read.
// The error for an incomplete response is an io.ErrUnexpectedEOF.
func Decode(r io.Reader, dst []byte) (n int, err error) {
	text := texts.Get().(*[textSize]byte)
	defer texts.Put(text)
	in := response.NewScanner(r, text[:])
	said, seen := int64(-1), false
	err = in.Members(func(name string) error {
		if name == "data" {
			if seen {
				return errors.New("it has two members called data")
			}
			seen = true
			n, err = decodeString(in, dst)
			return err
		}
		value, err := in.Value()
		switch {
		case err != nil:
			return err
		case !json.Valid(value):
			return errors.New("one of its members is not JSON")
		case name == "bytes_read" && string(value) != "null":
			if said, err = strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64); err != nil || said < 0 {
				return errors.New("bytes_read is not a count")
			}
		}
		return nil
	})
	if err == nil {
		err = in.End()
	}
	if err == nil && said >= 0 && said != int64(n) {
		err = fmt.Errorf("bytes_read is %d, but data contains %d bytes", said, n)
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// textSize is large enough for reads that bypass the buffer of the connection.
const textSize = 128 << 10

var texts = sync.Pool{New: func() any { return new([textSize]byte) }}

// decodeString decodes the base64 of the next string into dst and returns the
// number of bytes. It also accepts null.
func decodeString(in *response.Scanner, dst []byte) (int, error) {
	c, err := in.Peek()
	if err != nil {
		return 0, err
	}
	if c != '"' {
		value, err := in.Value()
		if err == nil && string(value) != "null" {
			err = errors.New("data is not a string")
		}
		return 0, err
	}
	d := decoder{dst: dst}
	err = in.Text(d.piece)
	return d.n, err
}

// A decoder decodes base64 into dst.
type decoder struct {
	dst  []byte
	n    int  // bytes in dst
	done bool // padding was seen
}

// piece decodes as much of the raw text of a string as possible, and returns how
// much. The next piece must start with the rest.
func (d *decoder) piece(raw []byte, last bool) (taken int, err error) {
	text := raw
	var cut []byte // an incomplete escape at the end
	if bytes.IndexByte(raw, '\\') >= 0 {
		if text, cut, err = unescape(raw); err != nil {
			return 0, err
		}
	}
	if last {
		if len(cut) > 0 {
			return 0, errors.New("data has an escape that is not valid in base64")
		}
		return len(raw), d.put(text)
	}
	whole := len(text) &^ 3
	if err := d.put(text[:whole]); err != nil {
		return 0, err
	}
	taken = len(raw) - len(cut) - (len(text) - whole)
	copy(raw[taken:], text[whole:])
	return taken, nil
}

// put decodes complete quanta.
func (d *decoder) put(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if d.done {
		return errors.New("data continues after its padding")
	}
	want := len(text) / 4 * 3
	if pad := len(text) - len(bytes.TrimRight(text[max(0, len(text)-2):], "=")) - max(0, len(text)-2); pad > 0 {
		d.done = true
		want -= pad
	}
	if len(text)%4 != 0 {
		return errors.New("data is incomplete base64")
	}
	if want > len(d.dst)-d.n {
		return fmt.Errorf("it has more than the %d requested bytes", len(d.dst))
	}
	n, err := base64.StdEncoding.Decode(d.dst[d.n:], text)
	if err == nil && n != want { // the decoder skips line ends, which JSON does not allow in strings
		err = errors.New("line end")
	}
	if err != nil {
		return fmt.Errorf("data is not base64: %w", err)
	}
	d.n += n
	return nil
}

// unescape replaces JSON escapes in place. It removes escaped line ends, which
// base64 may contain. It returns an incomplete escape at the end unchanged.
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
			if err != nil || code > 0x7f || code == '"' || code == '\\' { // they would be taken for syntax in the next call
				return nil, nil, errors.New("data is not base64")
			}
			c = byte(code)
		default:
			return nil, nil, errors.New("data has an escape that is not valid in base64")
		}
		if c != '\n' && c != '\r' {
			out = append(out, c)
		}
		i += length - 1
	}
	return out, nil, nil
}
