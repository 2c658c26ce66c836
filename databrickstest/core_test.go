package databrickstest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An answer of the workspace.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with the server's token through Transport, or over the
// socket if there is one.
func send(t testing.TB, s *Server, method, path, body string, change ...func(*http.Request)) answer {
	t.Helper()
	got, err := trySend(t, s, method, path, body, change...)
	require.NoError(t, err)
	return got
}

func trySend(t testing.TB, s *Server, method, path, body string, change ...func(*http.Request)) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.Token)
	for _, f := range change {
		f(r)
	}
	hc := &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if strings.HasPrefix(s.URL, "http:") {
		transport := &http.Transport{DisableKeepAlives: true}
		hc.Transport = transport
		defer transport.CloseIdleConnections()
	}
	response, err := hc.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// newServer makes a server that must not have panicked when the test ends.
func newServer(t testing.TB, opts ...Option) *Server {
	s := NewServer(opts...)
	t.Cleanup(func() {
		s.Close()
		assert.Empty(t, s.Panics())
	})
	return s
}

func TestBothDoors(t *testing.T) {
	for name, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, opts...)
			got := send(t, s, "GET", "/api/2.0/groups/list", "")
			assert.Equal(t, 200, got.status)
			assert.Equal(t, "application/json", got.header.Get("Content-Type"))
			assert.JSONEq(t, `{"group_names":["admins","users"]}`, got.body)
			assert.Len(t, s.Requests(), 1)
		})
	}
}

func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		assert.Equal(t, nowhere, s.URL)
		s.Inject(Fault{Latency: time.Hour})
		begin := time.Now()
		assert.Equal(t, 200, send(t, s, "GET", "/api/2.0/groups/list", "").status)
		assert.Equal(t, time.Hour, time.Since(begin))
	})
}

// signedBy replaces a request's credential.
func signedBy(authorization string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", authorization) }
}
