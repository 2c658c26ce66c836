package sending

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// A ProxyError is the response of a proxy that rejected the request or failed to
// forward it.
type ProxyError struct {
	Status  int
	Message string // may be empty
}

func (e *ProxyError) Error() string {
	text := "the proxy rejected the request: "
	if e.Status >= 500 {
		text = "the proxy failed: "
	}
	text += strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	if e.Message != "" && e.Message != http.StatusText(e.Status) {
		text += ": " + e.Message
	}
	return text
}

// Transport returns the transport of clients that do not have their own. Clients share
// a copy of the default transport of net/http, so that short-lived clients leave no
// connections behind. If the program has replaced the default transport by another
// type, Transport returns that.
func Transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.of != t {
		shared.of, shared.copy = t, newTransport(t.Clone())
	}
	return shared.copy
}

// shared is the copy of the default transport.
var shared struct {
	sync.Mutex
	of, copy *http.Transport
}

// newTransport sets up a transport for clients. It keeps enough idle connections for
// many concurrent calls to one server.
func newTransport(t *http.Transport) *http.Transport {
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 512, 256
	t.ReadBufferSize, t.WriteBufferSize = 64<<10, 64<<10
	if dial := t.DialContext; dial != nil {
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if tcp, ok := c.(*net.TCPConn); ok {
				c = conn{tcp}
			}
			return c, err
		}
	}
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &ProxyError{Status: resp.StatusCode}
		}
		return nil
	}
	return t
}

// refusalByProxy returns the response of a proxy to CONNECT. Transports other than
// [Transport] report only its reason phrase.
func (s *Sending) refusalByProxy(err error) *ProxyError {
	if refusal, ok := errors.AsType[*ProxyError](err); ok {
		return refusal
	}
	for status := 400; s.stage.Load() == connecting && status < 600; status++ {
		if err.Error() == cmp.Or(http.StatusText(status), "?") {
			return &ProxyError{Status: status}
		}
	}
	return nil
}

// ReadByProxy reports whether a proxy can read the request and its response,
// because there is no TLS. The response may then come from the proxy.
func ReadByProxy(transport http.RoundTripper, r *http.Request) bool {
	t, ok := transport.(*http.Transport)
	if !ok || t.Proxy == nil || r.URL.Scheme != "http" {
		return false
	}
	proxy, err := t.Proxy(r)
	return err == nil && proxy != nil
}
