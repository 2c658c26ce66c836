package databrickstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is an in-memory Databricks workspace. [NewServer] creates one.
type Server struct {
	// Token is a personal access token of the administrator [AdminName].
	Token string

	options        []Option
	clock          func() time.Time
	ahead          atomic.Int64 // how far Persist or Restore moved the workspace's clock ahead, in nanoseconds
	speed          float64
	timings        Timings
	seed           uint64
	wantUsers      []User
	wantPrincipals []ServicePrincipal
	wantFaults     []Fault
	noSocket       bool
	listener       net.Listener // nil until URL opens one
	gzip           bool
	keepAll        bool // keep unknown attributes of clusters
	statusPage     bool
	log            *slog.Logger
	endpoints      *http.ServeMux // from WithHandler; may be nil
	middleware     []func(http.Handler) http.Handler
	handler        http.Handler // with all middleware
	tls            *tls.Config  // nil for plain http

	router   router
	recorder recorder
	faults   faults
	limit    rateLimit

	life     sync.Mutex   // guards the following fields
	storage  string       // host and port of the storage's socket; empty without a socket
	http     *http.Server // nil without a socket
	closed   bool
	underWay int
	idle     *sync.Cond                              // signaled when underWay becomes 0
	calls    map[*pipeWriter]context.CancelCauseFunc // requests of Transport, which Close cancels; a common parent context cannot be used in several synctest bubbles
	panics   []string
	open     context.Context // ends with Close
	shut     context.CancelFunc

	// mu guards all following fields, which are the state of the workspace.
	mu          sync.Mutex
	saver       *saver // nil without Persist
	random      random
	identities  identities
	clusters    clustersArea
	dbfs        dbfsArea
	files       filesArea
	groups      groupsArea
	jobs        jobsArea
	libraries   librariesArea
	permissions permissionsArea
	policies    policiesArea
	pools       poolsArea
	scim        scimArea
	oauth       oauthArea
	secrets     secretsArea
	tokens      tokensArea
	volumes     volumesArea
	workspace   workspaceArea
	v12         v12Area
}

// An Option is an option for [NewServer]. The functions whose names start with
// With return options.
type Option func(*Server)

// WithoutSocket creates a server whose [Server.URL] opens no socket. Use
// Server.Transport, Server.Client or Server.ServeHTTP.
func WithoutSocket() Option { return func(s *Server) { s.noSocket = true } }

// WithListener serves the workspace on a listener from the start. The server
// closes the listener.
func WithListener(l net.Listener) Option { return func(s *Server) { s.listener = l } }

// WithUnknownAttributes makes clusters keep and return attributes that this
// package does not know, as a newer service would. Without this option, the
// workspace ignores them.
func WithUnknownAttributes() Option { return func(s *Server) { s.keepAll = true } }

// WithGzip compresses large responses for clients that accept it, as the
// service does. Without this option, the workspace compresses nothing, which is
// faster.
func WithGzip() Option { return func(s *Server) { s.gzip = true } }

// WithLogger logs each request at debug level, with its method, path, status,
// fault and duration. Log records contain no secrets.
func WithLogger(log *slog.Logger) Option { return func(s *Server) { s.log = log } }

// whenMade is called with each new server. Tests set it.
var whenMade func(*Server)

// nowhere is the URL of servers without a socket. The domain .invalid does not
// exist.
const nowhere = "https://workspace.databrickstest.invalid"

// NewServer creates a workspace. It opens no socket before [Server.URL] is
// called. Close the server when you no longer need it.
func NewServer(opts ...Option) *Server {
	s := &Server{options: opts, clock: time.Now, speed: 1, seed: 1, log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(s)
	}
	s.calls = map[*pipeWriter]context.CancelCauseFunc{}
	s.idle = sync.NewCond(&s.life)
	s.open, s.shut = context.WithCancel(context.Background())
	s.startClock()
	s.timings = s.timings.withDefaults()
	s.router.literal = map[string][]*operation{}
	s.random = newRandom(s.seed)
	s.faults.chance = rand.New(rand.NewPCG(s.seed, 0xfa017))
	s.Inject(s.wantFaults...)

	s.identities = identities{random: &s.random, byName: map[string]*user{}, tokens: map[string]*token{}}
	admin := s.identities.addUser(User{Name: AdminName, Admin: true}, s.now())
	s.Token = s.identities.issue(admin, s.Token, "", s.now(), time.Time{}).value
	for _, u := range s.wantUsers {
		s.identities.addUser(u, s.now())
	}
	s.oauth.begin(s)
	for _, u := range s.identities.users {
		u.entitlements = slices.Clone(allEntitlements)
	}

	for _, area := range []interface{ register(*Server) }{
		&s.clusters, &s.dbfs, &s.files, &s.groups, &s.jobs, &s.libraries, &s.permissions, &s.policies, &s.pools, &s.scim, &s.secrets, &s.tokens, &s.volumes, &s.workspace, &s.v12,
	} {
		area.register(s)
	}
	route(s, "POST", "/telemetry-ext", func(_ *call, in struct {
		Logs []any `json:"protoLogs"`
	}) (any, error) {
		return map[string]any{"errors": []any{}, "numProtoSuccess": len(in.Logs)}, nil
	})
	s.handler = http.HandlerFunc(s.handle)
	for _, wrap := range slices.Backward(s.middleware) {
		s.handler = wrap(s.handler)
	}
	if whenMade != nil {
		whenMade(s)
	}
	if s.listener != nil {
		s.serve()
	}
	return s
}

// URL returns the address of the workspace, without a trailing slash. The first
// call opens a socket on 127.0.0.1 and serves the workspace there. It panics if
// that fails. With WithListener, the address is that of the listener. With
// WithoutSocket, it is an https URL that only Transport serves.
//
// Do not open a socket inside a synctest bubble. A goroutine that waits for the
// network prevents the bubble's clock from advancing.
func (s *Server) URL() string {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http == nil && !s.noSocket && !s.closed {
		var err error
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			panic("databrickstest: " + err.Error())
		}
		s.serve()
	}
	return s.address()
}

// maxHeader is the maximum size of a request's header on a socket, in bytes.
// The service's own limit is not documented, but no client comes near this one.
const maxHeader = 64 << 10

// serve serves the workspace and its storage on two listeners until Close.
func (s *Server) serve() {
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	storage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	s.storage = storage.Addr().String()
	for _, listener := range []net.Listener{s.listener, storage} {
		if s.tls != nil {
			listener = tls.NewListener(listener, s.tls)
		}
		go func(server *http.Server) { _ = server.Serve(listener) }(s.http)
	}
}

// address returns the workspace's URL. The caller must hold s.life.
func (s *Server) address() string {
	if s.listener == nil {
		return nowhere
	}
	addr := s.listener.Addr().String()
	if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return s.scheme() + addr
}

// scheme returns the scheme of the sockets' URLs.
func (s *Server) scheme() string {
	if s.tls != nil {
		return "https://"
	}
	return "http://"
}

// host returns the URL of the workspace for links to its pages.
func (s *Server) host() string {
	s.life.Lock()
	defer s.life.Unlock()
	return s.address()
}

// Shutdown shuts the server down like Close, but waits for requests in progress
// until the context ends. It fails if some of them did not finish.
func (s *Server) Shutdown(ctx context.Context) (err error) {
	s.life.Lock()
	server := s.http
	s.life.Unlock()
	if server != nil {
		err = server.Shutdown(ctx)
	}
	s.Close()
	return err
}

// Close shuts the server down. It breaks connections and waits for the requests
// in progress. Later requests fail to connect.
func (s *Server) Close() {
	s.life.Lock()
	defer s.life.Unlock()
	s.closed = true
	s.shut()
	if s.http != nil {
		s.http.Close()
	}
	for _, cancel := range s.calls {
		cancel(errReset)
	}
	s.life.Unlock()
	s.jobs.end()
	s.v12.close()
	s.life.Lock()
	for s.underWay > 0 {
		s.idle.Wait()
	}
	s.life.Unlock()
	if err := s.commit(); err != nil {
		s.log.Error("store", "error", err)
	}
	s.life.Lock()
}

// Panics returns the text and the stack of each panic in the server. There
// should be none. The response to such a request is INTERNAL_ERROR.
func (s *Server) Panics() []string {
	s.life.Lock()
	defer s.life.Unlock()
	return append([]string(nil), s.panics...)
}

func (s *Server) panicked(what string) {
	s.life.Lock()
	defer s.life.Unlock()
	s.panics = append(s.panics, what)
	s.log.Error("panic", "what", what)
}

// begin reports whether a new request may start. If so, the caller must call
// done.
func (s *Server) begin() bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return false
	}
	s.underWay++
	return true
}

func (s *Server) done() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.underWay--; s.underWay == 0 {
		s.idle.Broadcast()
	}
}

// ServeHTTP handles a request. You can use a Server wherever an http.Handler is
// needed.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		abort(w, errRefused)
		return
	}
	defer s.done()
	s.handler.ServeHTTP(w, r)
}

// handle is ServeHTTP without the middleware.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if s.statusPage && r.URL.Path == "/" {
		s.serveStatus(w, r)
		return
	}
	began := time.Now()
	body := s.recorder.begin(r, s.now())
	fault, met := s.faults.hit(r), ""
	done := false
	note := func(status int) { // called before the client can see the response
		if 0 < r.ContentLength && r.ContentLength <= maxBody {
			io.Copy(io.Discard, body) // the rest of the body was received, too
		}
		s.recorder.end(body, status, met, done)
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", status, "fault", met, "duration", time.Since(began))
	}
	if fault == nil {
		resp := s.process(r)
		done = resp.status < 400
		note(resp.status)
		s.write(w, r, resp, nil)
		return
	}

	met = fault.String()
	if fault.Refuse {
		s.recorder.end(body, 0, met, false)
		abort(w, errRefused)
		return
	}
	if !pause(r.Context(), fault.Latency) {
		note(0)
		abort(w, errReset)
		return
	}
	var resp response
	if fault.WorkLate > 0 {
		s.processLate(r, body, fault.WorkLate)
	} else if fault.works() {
		resp = s.process(r)
		done = resp.status < 400
	} else {
		io.Copy(io.Discard, body) // the request was received but is not processed
	}
	if fault.Reset {
		note(0)
		abort(w, errReset)
		return
	}
	resp = fault.change(resp)
	note(resp.status)
	s.write(w, r, resp, fault)
}

// processLate processes a request after a delay, unless the server is closed
// before.
func (s *Server) processLate(r *http.Request, body io.Reader, after time.Duration) {
	content, err := io.ReadAll(body)
	if err != nil || !s.begin() {
		return // the body is incomplete
	}
	late := r.Clone(context.WithoutCancel(r.Context()))
	late.Body = io.NopCloser(bytes.NewReader(content))
	go func() {
		defer s.done()
		if pause(s.open, time.Duration(float64(after)/s.speed)) {
			s.process(late)
		}
	}()
}

// pause waits. It returns false if the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// workspaceID is the ID of the workspace, as in ?o=.
const workspaceID = "1234567890123456"

func (s *Server) write(w http.ResponseWriter, r *http.Request, resp response, fault *Fault) {
	header := w.Header()
	header["X-Databricks-Org-Id"] = []string{workspaceID}
	for name, values := range resp.header {
		header[name] = values
	}
	var out io.Writer = w
	if r.Method == http.MethodHead {
		if resp.stream == nil {
			header["Content-Length"] = []string{strconv.Itoa(len(resp.body))}
		}
		resp.body, resp.stream = nil, func(io.Writer) error { return nil }
	}
	if s.gzip {
		zipped, end := compress(w, r, &resp)
		defer end()
		out = zipped
	}
	if resp.stream == nil && header.Get("Content-Encoding") == "" {
		header["Content-Length"] = []string{strconv.Itoa(len(resp.body))}
	}
	if fault != nil && (fault.Truncate || fault.BytesPerSecond > 0) {
		keep := fault.Keep
		if resp.stream == nil {
			keep = min(keep, len(resp.body)-1)
		}
		out = &faultyWriter{ResponseWriter: w, fault: fault, keep: max(keep, 0),
			pause: func(d time.Duration) bool { return pause(r.Context(), d) }}
	}
	w.WriteHeader(resp.status)
	if resp.stream == nil {
		resp.stream = func(w io.Writer) error {
			if len(resp.body) == 0 { // some statuses forbid a body, and some writers fail even for an empty one
				return nil
			}
			_, err := w.Write(resp.body)
			return err
		}
	}
	if s.stream(out, r, resp) != nil {
		cut(w)
	}
}

var errPanicked = errors.New("databrickstest: panic")

// stream writes the body of a response. An error can no longer change the
// status.
func (s *Server) stream(out io.Writer, r *http.Request, resp response) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(fmt.Sprintf("%s %s: %v\n%s", r.Method, r.URL.Path, p, debug.Stack()))
			err = errPanicked
		}
	}()
	return resp.stream(out)
}
