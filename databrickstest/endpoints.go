package databrickstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
)

// WithHandler adds a handler for requests that match a pattern of
// [http.ServeMux], such as "GET /api/2.0/lakes/{id}". The workspace
// authenticates and records these requests and applies faults to them. [CallerOf]
// returns the sender. The handler takes precedence over the workspace's own
// endpoints. Its response is sent when it returns. It may call the workspace,
// but must not wait for the server to close.
//
// WithHandler panics if the pattern is invalid or conflicts with an earlier
// one.
func WithHandler(pattern string, handler http.Handler) Option {
	return func(s *Server) {
		if s.endpoints == nil {
			s.endpoints = http.NewServeMux()
		}
		s.endpoints.Handle(pattern, handler)
	}
}

// WithMiddleware wraps the handler that receives all requests, over sockets and
// over [Server.Transport]. Requests that the middleware handles itself need no
// credential, are not recorded, and are not hit by faults. The first middleware
// is the outermost. A request that it passes on must have the original context,
// or one derived from it.
func WithMiddleware(wrap func(http.Handler) http.Handler) Option {
	return func(s *Server) { s.middleware = append(s.middleware, wrap) }
}

// WithTLS serves the workspace and its storage over https on their sockets. The
// configuration needs a certificate for both addresses. They are on 127.0.0.1,
// unless WithListener sets another address.
func WithTLS(config *tls.Config) Option {
	return func(s *Server) { s.tls = config.Clone() }
}

// A Caller is the authenticated sender of a request.
type Caller struct {
	Name  string // name of a user, or application ID of a service principal
	Admin bool   // a member of the group admins
}

type callerKey struct{}

// CallerOf returns the sender of a request to a handler of [WithHandler]. ctx
// is the context of the request. For any other context, CallerOf returns the
// zero Caller.
func CallerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// endpoint returns the handler that the user added for a request, or nil.
func (s *Server) endpoint(r *http.Request) http.Handler {
	if s.endpoints == nil {
		return nil
	}
	if _, pattern := s.endpoints.Handler(r); pattern == "" {
		return nil
	}
	return s.endpoints
}

// serveEndpoint returns the response of a handler that the user added.
func serveEndpoint(handler http.Handler, c *call, r *http.Request) response {
	w := &responseWriter{header: http.Header{}}
	handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, Caller{c.user.name, c.user.admin})))
	w.WriteHeader(http.StatusOK)
	if w.body.Len() > 0 && w.header.Get("Content-Type") == "" {
		w.header.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	return response{status: w.status, header: w.header, body: w.body.Bytes()}
}

// A responseWriter collects the response of a handler.
type responseWriter struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
