// Package faultproxy serves a handler over real sockets, with HTTP/1.1 over TCP or
// with HTTP/2 over TLS. It injects faults into selected requests. It numbers the
// attempts of a client in the order of their arrival, so that a test can inject a
// fault into each attempt. The package is for tests.
package faultproxy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Moment is the point in the course of a request at which a fault happens.
type Moment int

// Moments, in their order.
const (
	AtDial     Moment = iota + 1 // the connection is refused when the client opens it, regardless of Do
	OnArrival                    // the server received the request header, but nothing of the body
	InRequest                    // the server received Bytes of the request body
	BeforeWork                   // the server received the complete request
	AfterWork                    // the handler returned, and nothing of the response was sent
	InResponse                   // the header and Bytes of the response body were sent
)

// An Action is the effect of a fault.
type Action int

// Actions. Those for HTTP/2 have no effect with HTTP/1.1.
const (
	Reset        Action = iota + 1 // the connection is reset
	Close                          // the connection is closed properly
	Stall                          // nothing is sent until the client cancels the request
	Respond                        // the client receives Status, Header and Body
	ResetStream                    // HTTP/2: the stream is reset with Code
	GoAway                         // HTTP/2: the connection ends; this is its last stream
	GoAwayBelow                    // HTTP/2: the connection ends; the previous stream is its last one, so this request had no effect
	GoAwayServed                   // HTTP/2: the connection ends after this request, as in an orderly shutdown, regardless of At
)

// HTTP/2 error codes for ResetStream.
const (
	ProtocolError = 1
	InternalError = 2
	RefusedStream = 7
	Cancel        = 8
	EnhanceCalm   = 11
)

// A Fault affects some of the requests.
type Fault struct {
	Request int // number of the first affected attempt, starting at 0
	Times   int // number of affected attempts in a row; 0 means 1

	At     Moment
	Bytes  int
	Delay  time.Duration // delay before the fault
	Do     Action
	Code   uint32 // for ResetStream
	Status int
	Header http.Header
	Body   string
}

// A Server serves a handler. Close it after use.
type Server struct {
	URL string

	handler  http.Handler
	listener net.Listener
	server   *http.Server
	roots    *x509.CertPool // nil with TCP
	life     context.Context
	end      context.CancelFunc
	relays   sync.WaitGroup

	late atomic.Int64 // delay of write errors on the client's connections

	mu     sync.Mutex
	next   int // number of the next attempt
	faults []Fault
}

// New serves handler on a socket at 127.0.0.1: with HTTP/1.1 over TCP, or with
// HTTP/2 over TLS.
func New(handler http.Handler, http2 bool) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("faultproxy: " + err.Error())
	}
	s := &Server{handler: handler, listener: listener, URL: "http://" + listener.Addr().String()}
	s.life, s.end = context.WithCancel(context.Background())
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	if !http2 {
		s.server.Protocols.SetHTTP1(true)
		go func() { _ = s.server.Serve(listener) }() // returns after Close
		return s
	}
	s.URL = "https://" + listener.Addr().String()
	s.server.Protocols.SetUnencryptedHTTP2(true)
	back := &pipes{conns: make(chan net.Conn), done: s.life.Done(), addr: listener.Addr()}
	go func() { _ = s.server.Serve(back) }() // returns after Close
	cert := certificate()
	s.roots = cert.roots
	go s.accept(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert.Certificate}, NextProtos: []string{"h2"}}), back)
	return s
}

// Close closes all connections and waits until their goroutines have ended.
func (s *Server) Close() {
	s.end()
	s.listener.Close()
	s.server.Close()
	s.relays.Wait()
}

// Client returns an HTTP client with its own connections. If fresh is set, each
// request opens a new connection.
func (s *Server) Client(fresh bool) *http.Client {
	t := &http.Transport{DialContext: s.dial, DisableKeepAlives: fresh, ForceAttemptHTTP2: true}
	if s.roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: s.roots}
	}
	return &http.Client{Transport: t}
}

// FailLate delays write errors on the client's connections, as connections through
// a tunnel do.
func (s *Server) FailLate(by time.Duration) { s.late.Store(int64(by)) }

// A lateConn is a connection of the client with delayed write errors.
type lateConn struct {
	net.Conn
	by *atomic.Int64
}

func (c lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		<-time.After(time.Duration(c.by.Load())) // the late error is the fault
	}
	return n, err
}

// Inject replaces the faults, and restarts the count of attempts at 0.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.next = faults, 0
}

// Attempts returns the number of attempts since Inject.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// number returns the number of a new attempt.
func (s *Server) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next - 1
}

// fault returns the fault for an attempt. If there is none, it returns a fault that
// never happens.
func (s *Server) fault(number int) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Request <= number && number < f.Request+max(f.Times, 1) {
			return f
		}
	}
	return Fault{}
}

// dial opens a connection for Client. With a fault AtDial, it fails as if nothing
// listened on the port.
func (s *Server) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	if s.fault(next).At == AtDial {
		s.number()
		nobody, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addr = nobody.Addr().String()
		nobody.Close()
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return lateConn{conn, &s.late}, nil
}

// serve injects faults around the handler that does the work.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.Header.Get(numberHeader)) // set by the relay
	if err != nil {
		number = s.number()
	}
	r.Header.Del(numberHeader)
	f := s.fault(number)
	if f.Do == GoAwayServed {
		f = Fault{} // the relay injects it
	}
	if f.At == OnArrival {
		s.act(w, r, f)
		return
	}
	if f.At == InRequest {
		_, _ = io.CopyN(io.Discard, r.Body, int64(f.Bytes)) // a shorter body has the same effect
		s.act(w, r, f)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // abort an incomplete request
	}
	if f.At == BeforeWork {
		s.act(w, r, f)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	response := httptest.NewRecorder()
	s.handler.ServeHTTP(response, r)
	if f.At == AfterWork {
		s.act(w, r, f)
		return
	}
	for name, values := range response.Header() {
		w.Header()[name] = values
	}
	body = response.Body.Bytes()
	if r.Method != http.MethodHead && response.Code != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(response.Code)
	if f.At == InResponse {
		_, _ = w.Write(body[:min(f.Bytes, max(0, len(body)-1))])
		_ = http.NewResponseController(w).Flush()
		s.act(w, r, f)
		return
	}
	_, _ = w.Write(body)
}

// act executes a fault. Over HTTP/2, the relay executes faults of the stream and of
// the connection when it sees that the stream is reset.
func (s *Server) act(w http.ResponseWriter, r *http.Request, f Fault) {
	select {
	case <-time.After(f.Delay):
	case <-s.life.Done():
	}
	control := http.NewResponseController(w)
	if f.Do == Respond && f.Status != http.StatusSwitchingProtocols {
		_ = control.EnableFullDuplex() // respond while the body is still arriving
		if r.ProtoMajor == 1 && f.At < BeforeWork {
			w.Header().Set("Connection", "close") // do not read the rest of the body
		}
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(f.Body)))
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		_ = control.Flush()
		return
	}
	if r.ProtoMajor == 2 {
		if f.Do == Stall {
			select {
			case <-r.Context().Done():
			case <-s.life.Done():
			}
		}
		panic(http.ErrAbortHandler)
	}
	conn, _, err := control.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	switch f.Do {
	case Reset:
		_ = conn.(*net.TCPConn).SetLinger(0)
	case Stall, Respond:
		if f.Do == Respond {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		}
		defer context.AfterFunc(s.life, func() { conn.Close() })()
		_, _ = io.Copy(io.Discard, conn) // until the client closes the connection
	}
}

// pipes is a listener for connections within the process.
type pipes struct {
	conns chan net.Conn
	done  <-chan struct{}
	addr  net.Addr
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return p.addr }

// dial returns the client's end of a new connection.
func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, errors.New("faultproxy: closed")
	}
}

type certified struct {
	tls.Certificate
	roots *x509.CertPool
}

// certificate is a certificate for 127.0.0.1 that all servers use.
var certificate = sync.OnceValue(func() certified {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return certified{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots}
})
