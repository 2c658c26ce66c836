// Package faultproxy serves a handler over real sockets, as HTTP/1.1 over TCP or
// as HTTP/2 over TLS, and breaks the requests that it is told to break. It is
// for tests. Every attempt of a client gets a number, in the order of arrival,
// so that a test can hit each of them in turn.
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

// A Moment is how far a request is when its fault happens.
type Moment int

// Moments, in their order.
const (
	AtDial     Moment = iota + 1 // the client opens a connection; it is refused, whatever Do says
	OnArrival                    // the head of the request was received, and nothing of its body was read
	InRequest                    // Bytes of the body were read
	BeforeWork                   // the request is complete
	AfterWork                    // the handler returned, and nothing of the response was sent
	InResponse                   // the head and Bytes of the body of the response were sent
)

// An Action is what happens instead of what should.
type Action int

// Actions. Those that only HTTP/2 has do nothing over HTTP/1.1.
const (
	Reset        Action = iota + 1 // the connection is reset
	Close                          // the connection is closed in order
	Stall                          // nothing more happens until the client gives up
	Respond                        // the client gets Status, Header and Body
	ResetStream                    // HTTP/2: the stream ends with Code
	GoAway                         // HTTP/2: the connection ends; its last stream is this one
	GoAwayBelow                    // HTTP/2: the connection ends; its last stream is the one before, which proves that nothing was done
	GoAwayServed                   // HTTP/2: the connection ends once this request is done, as in an orderly shutdown, whatever At says
)

// Codes of HTTP/2 for ResetStream.
const (
	ProtocolError = 1
	InternalError = 2
	RefusedStream = 7
	Cancel        = 8
	EnhanceCalm   = 11
)

// A Fault hits some of the requests.
type Fault struct {
	Request int // the first attempt that it hits, counted from 0
	Times   int // how many attempts in a row; 0 means 1

	At     Moment
	Bytes  int
	Delay  time.Duration // before it happens
	Do     Action
	Code   uint32 // of ResetStream
	Status int
	Header http.Header
	Body   string
}

// A Server serves a handler. Close it.
type Server struct {
	URL string

	handler  http.Handler
	listener net.Listener
	server   *http.Server
	roots    *x509.CertPool // nil over TCP
	life     context.Context
	end      context.CancelFunc
	relays   sync.WaitGroup

	late atomic.Int64 // by how much failures of the client's writes are late

	mu     sync.Mutex
	next   int // number of the next attempt
	faults []Fault
}

// New serves handler on a socket at 127.0.0.1: HTTP/1.1 over TCP, or HTTP/2 over TLS.
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
		go func() { _ = s.server.Serve(listener) }() // ends with Close
		return s
	}
	s.URL = "https://" + listener.Addr().String()
	s.server.Protocols.SetUnencryptedHTTP2(true)
	back := &pipes{conns: make(chan net.Conn), done: s.life.Done(), addr: listener.Addr()}
	go func() { _ = s.server.Serve(back) }() // ends with Close
	cert := certificate()
	s.roots = cert.roots
	go s.accept(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert.Certificate}, NextProtos: []string{"h2"}}), back)
	return s
}

// Close ends all connections and waits for what serves them.
func (s *Server) Close() {
	s.end()
	s.listener.Close()
	s.server.Close()
	s.relays.Wait()
}

// Client returns an HTTP client with connections of its own. With fresh, each
// request opens one.
func (s *Server) Client(fresh bool) *http.Client {
	t := &http.Transport{DialContext: s.dial, DisableKeepAlives: fresh, ForceAttemptHTTP2: true}
	if s.roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: s.roots}
	}
	return &http.Client{Transport: t}
}

// FailLate lets the client's connections report that a write failed only after a
// while, as those do that go through a tunnel.
func (s *Server) FailLate(by time.Duration) { s.late.Store(int64(by)) }

// A lateConn is a connection of the client.
type lateConn struct {
	net.Conn
	by *atomic.Int64
}

func (c lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		<-time.After(time.Duration(c.by.Load())) // the error is late, which is the fault
	}
	return n, err
}

// Inject replaces the faults, and begins to count attempts from 0.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.next = faults, 0
}

// Attempts returns how many attempts there were since Inject.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// number counts an attempt.
func (s *Server) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next - 1
}

// fault returns the fault that hits an attempt; one that never happens if there is none.
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

// dial opens a connection for Client, or finds that nobody listens.
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

// serve is the handler in front of the one that does the work.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.Header.Get(numberHeader)) // of the relay
	if err != nil {
		number = s.number()
	}
	r.Header.Del(numberHeader)
	f := s.fault(number)
	if f.Do == GoAwayServed {
		f = Fault{} // the relay's
	}
	if f.At == OnArrival {
		s.act(w, r, f)
		return
	}
	if f.At == InRequest {
		_, _ = io.CopyN(io.Discard, r.Body, int64(f.Bytes)) // what ends early is as good
		s.act(w, r, f)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // half a request is none
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

// act lets a fault happen. Over HTTP/2, what happens to the stream or to its
// connection is up to the relay, which sees the stream being reset.
func (s *Server) act(w http.ResponseWriter, r *http.Request, f Fault) {
	select {
	case <-time.After(f.Delay):
	case <-s.life.Done():
	}
	control := http.NewResponseController(w)
	if f.Do == Respond && f.Status != http.StatusSwitchingProtocols {
		_ = control.EnableFullDuplex() // at once, though the body is still arriving
		if r.ProtoMajor == 1 && f.At < BeforeWork {
			w.Header().Set("Connection", "close") // the rest of the body is not wanted
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
		_, _ = io.Copy(io.Discard, conn) // until the client gives up
	}
}

// pipes is a listener whose connections come from within.
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

// dial returns the other end of a connection.
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

// certificate is of 127.0.0.1, and the same for all servers.
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
