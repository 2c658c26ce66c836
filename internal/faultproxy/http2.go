package faultproxy

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// numberHeader is the header in which the relay passes the number of an attempt to
// the handler.
const numberHeader = "X-Fault-Attempt"

// Types and flags of frames.
const (
	dataFrame    = 0
	headersFrame = 1
	resetFrame   = 3
	goAwayFrame  = 7
	windowFrame  = 8

	endStream = 1
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// A frame is an HTTP/2 frame.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

func readFrame(r io.Reader) (f frame, err error) {
	var head [9]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f.kind, f.flags = head[3], head[4]
	f.stream = binary.BigEndian.Uint32(head[5:]) &^ (1 << 31)
	f.payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(r, f.payload)
	return f, err
}

func (f frame) write(w io.Writer) error {
	n := len(f.payload)
	out := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), f.kind, f.flags}, binary.BigEndian.AppendUint32(nil, f.stream)...)
	_, err := w.Write(append(out, f.payload...))
	return err
}

// accept relays each connection to the internal server.
func (s *Server) accept(front net.Listener, back *pipes) {
	for {
		client, err := front.Accept()
		if err != nil {
			return // the listener was closed
		}
		s.relays.Go(func() {
			defer client.Close()
			defer context.AfterFunc(s.life, func() { client.Close() })()
			behind, err := back.dial()
			if err != nil {
				return
			}
			r := &relay{s: s, client: client.(*tls.Conn), behind: behind, ready: make(chan struct{}), open: map[uint32]Fault{}}
			var down sync.WaitGroup
			down.Go(r.fromServer)
			r.fromClient()
			behind.Close()
			_, _ = io.Copy(io.Discard, client) // unread data would reset the connection
			down.Wait()
		})
	}
}

// ends closes the connection properly, so that the client reads everything that was
// sent.
func (r *relay) ends() {
	_ = r.client.CloseWrite()
	_ = r.client.SetReadDeadline(time.Now().Add(time.Second))
}

// A relay relays the frames of one connection.
type relay struct {
	s      *Server
	client *tls.Conn
	behind net.Conn

	mu    sync.Mutex       // protects the fields below, and writes to the client
	ready chan struct{}    // closed after the client received the server's settings, which must come first
	open  map[uint32]Fault // faults of the streams that have not ended
	last  uint32           // highest stream number so far
	leave bool             // GOAWAY was sent; streams above last are dropped
}

var errRelayEnds = errors.New("the fault ends the connection")

// fromClient numbers the streams. It drops those above the last stream of a GOAWAY.
func (r *relay) fromClient() {
	start := make([]byte, len(preface))
	if _, err := io.ReadFull(r.client, start); err != nil || string(start) != preface {
		return
	}
	if _, err := r.behind.Write(start); err != nil {
		return
	}
	for {
		f, err := readFrame(r.client)
		if err != nil {
			return
		}
		if f.kind == headersFrame {
			<-r.ready
		}
		pass, err := r.admit(&f)
		if pass && err == nil {
			err = f.write(r.behind)
		}
		if err != nil {
			return
		}
	}
}

// admit reports whether a frame of the client should be passed to the server.
func (r *relay) admit(f *frame) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.leave && f.stream > r.last && f.kind == dataFrame:
		window := binary.BigEndian.AppendUint32(nil, uint32(len(f.payload)))
		if len(f.payload) == 0 {
			return false, nil
		}
		return false, frame{kind: windowFrame, payload: window}.write(r.client)
	case r.leave && f.stream > r.last:
		return false, nil
	case f.kind != headersFrame || f.stream <= r.last:
		return true, nil
	}
	number := r.s.number()
	fault := r.s.fault(number)
	if fault.Do == GoAwayBelow && fault.At == OnArrival {
		return false, r.goAway()
	}
	r.last = f.stream
	r.open[f.stream] = fault
	text := strconv.Itoa(number)
	// A literal header field without indexing, in HPACK.
	f.payload = append(append(append(f.payload, 0, byte(len(numberHeader))), strings.ToLower(numberHeader)...), byte(len(text)))
	f.payload = append(f.payload, text...)
	if fault.Do == GoAwayServed {
		return true, r.goAway()
	}
	return true, nil
}

// goAway sends a GOAWAY with r.last as the last stream. It ends the connection if
// no stream is open.
func (r *relay) goAway() error {
	r.leave = true
	payload := binary.BigEndian.AppendUint32(nil, r.last)
	if err := (frame{kind: goAwayFrame, payload: append(payload, 0, 0, 0, 0)}).write(r.client); err != nil {
		return err
	}
	if len(r.open) == 0 {
		return errRelayEnds
	}
	return nil
}

// fromServer relays frames to the client until a fault ends the connection.
func (r *relay) fromServer() {
	defer r.ends()
	defer r.behind.Close()
	settled := sync.OnceFunc(func() { close(r.ready) })
	defer settled()
	for {
		f, err := readFrame(r.behind)
		if err != nil || r.deliver(f) != nil {
			return
		}
		settled()
	}
}

// deliver sends a frame to the client, or executes the fault of its stream.
func (r *relay) deliver(f frame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := r.open[f.stream]
	ends := f.kind == resetFrame || (f.kind == dataFrame || f.kind == headersFrame) && f.flags&endStream != 0
	if ends {
		delete(r.open, f.stream)
	}
	if f.kind == resetFrame {
		switch fault.Do {
		case Reset:
			_ = r.client.NetConn().(*net.TCPConn).SetLinger(0)
			r.client.NetConn().Close()
			return errRelayEnds
		case Close:
			return errRelayEnds
		case GoAway:
			if err := r.goAway(); err != nil {
				return err
			}
			return errRelayEnds
		case GoAwayBelow:
			r.last = f.stream - 1
			return r.goAway()
		case ResetStream:
			f.payload = binary.BigEndian.AppendUint32(nil, fault.Code)
		}
	}
	if err := f.write(r.client); err != nil {
		return err
	}
	if ends && r.leave && len(r.open) == 0 {
		return errRelayEnds
	}
	return nil
}
