package sending

import (
	"io"
	"net"
	"sync"
)

// A conn is a TCP connection that sends bodies in blocks of blockSize. It takes less
// CPU time than the blocks of 32 KB of [net.TCPConn]. It makes no difference with
// TLS, which has records of 16 KB.
type conn struct{ *net.TCPConn }

const blockSize = 256 << 10

var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// ReadFrom sends a body. [http.Transport] calls it.
func (c conn) ReadFrom(body io.Reader) (int64, error) {
	block := blocks.Get().(*[blockSize]byte)
	defer blocks.Put(block)
	return io.CopyBuffer(struct{ io.Writer }{c.TCPConn}, body, block[:])
}
