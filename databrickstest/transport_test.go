package databrickstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closing records when a body is closed.
type closing struct {
	io.Reader
	closed atomic.Int32
}

func (c *closing) Close() error { c.closed.Add(1); return nil }

func newRequest(ctx context.Context, s *Server, method, path string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, s.host()+path, body)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	return r
}

// A large response arrives while the handler writes it, and ends when its
// reader closes it. The bubble checks that no goroutine is left.
func TestTransport_streams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		written := 0
		route(s, "GET", "/api/2.0/endless", func(*call, struct{}) (any, error) {
			return list{key: "x", elements: func(yield func(any) bool) {
				for yield(strings.Repeat("x", 1000)) {
					if written++; written > 1e6 {
						panic("nobody stops it")
					}
				}
			}}, nil
		})
		response, err := s.Transport().RoundTrip(newRequest(t.Context(), s, "GET", "/api/2.0/endless", nil))
		require.NoError(t, err)
		assert.Equal(t, int64(-1), response.ContentLength)
		_, err = io.ReadFull(response.Body, make([]byte, 1<<20))
		require.NoError(t, err)
		synctest.Wait()
		assert.Less(t, written, 1300, "it waits for its reader")
		response.Body.Close()
		synctest.Wait()
		_, err = response.Body.Read(make([]byte, 1))
		assert.Error(t, err)
	})
}

func TestTransport_uploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		const size = 100 << 20
		routeUpload(s, "POST", "/api/2.0/up", func(c *call, parts *multipart.Reader) (any, error) {
			part, err := parts.NextPart()
			if err != nil {
				return nil, malformed("%v", err)
			}
			n, err := io.Copy(io.Discard, part)
			return map[string]any{"name": part.FormName(), "size": n}, err
		})
		body := &closing{Reader: io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n"),
			io.LimitReader(zeros{}, size), strings.NewReader("\r\n--b--\r\n"))}
		r := newRequest(t.Context(), s, "POST", "/api/2.0/up", body)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		response, err := s.Transport().RoundTrip(r)
		require.NoError(t, err)
		text, _ := io.ReadAll(response.Body)
		assert.JSONEq(t, `{"name":"f","size":104857600}`, string(text))
		synctest.Wait()
		assert.Equal(t, int32(1), body.closed.Load())
		recorded := s.Requests()[0]
		assert.Greater(t, recorded.BodySize, int64(size))
		assert.Less(t, len(recorded.Body), 100_000)

		// A body without the multipart type is not an upload.
		callFails(t, s, "POST", "/api/2.0/up", `{}`, 400, "MALFORMED_REQUEST", "incomplete or invalid")
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// The context of a request ends it in any state. No goroutine is left.
func TestTransport_cancel(t *testing.T) {
	cause := errors.New("enough")
	for name, f := range map[string]func(s *Server, r *http.Request) io.Closer{
		"latency": func(s *Server, _ *http.Request) io.Closer {
			s.Inject(Fault{Latency: time.Hour})
			return nil
		},
		"slow response": func(s *Server, _ *http.Request) io.Closer {
			s.Inject(Fault{BytesPerSecond: 1})
			return nil
		},
		"body that never comes": func(_ *Server, r *http.Request) io.Closer {
			reader, writer := io.Pipe()
			r.Method, r.URL.Path = "POST", "/api/2.0/clusters/create"
			r.Body = reader
			return writer
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
				defer cancel()
				r := newRequest(ctx, s, "GET", "/api/2.0/groups/list", nil)
				f(s, r)
				begin := time.Now()
				response, err := s.Transport().RoundTrip(r)
				if err == nil {
					_, err = io.ReadAll(response.Body)
				}
				assert.ErrorIs(t, err, cause)
				assert.Equal(t, time.Second, time.Since(begin))
			})
		})
	}
}

func TestTransport_close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.Inject(Fault{Latency: time.Hour})
		done := make(chan error)
		go func() {
			_, err := s.Transport().RoundTrip(newRequest(context.Background(), s, "GET", "/api/2.0/groups/list", nil))
			done <- err
		}()
		synctest.Wait()
		begin := time.Now()
		s.Close()
		assert.ErrorIs(t, <-done, syscall.ECONNRESET)
		assert.Zero(t, time.Since(begin))
		_, err := trySend(t, s, "GET", "/", "")
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		s.Close()
	})
}

func TestTransport_badRequest(t *testing.T) {
	s := newServer(t, WithoutSocket())
	body := &closing{Reader: strings.NewReader("x")}
	r := newRequest(t.Context(), s, "POST", "/", body)
	r.URL.Scheme = "ftp"
	_, err := s.Transport().RoundTrip(r)
	assert.Error(t, err)
	assert.Equal(t, int32(1), body.closed.Load())
}

// A server that was created outside of a bubble can serve several bubbles.
func TestTransport_intoBubbles(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			s.Inject(Fault{Latency: time.Hour})
			assert.Equal(t, 200, send(t, s, "GET", "/api/2.0/groups/list", "").status)
		})
	}
	assert.Equal(t, 200, send(t, s, "GET", "/api/2.0/groups/list", "").status)
}

func TestClose_waits(t *testing.T) {
	s := open(NewServer())
	entered, finished := make(chan struct{}), false
	route(s, "GET", "/api/2.0/slow", func(*call, struct{}) (any, error) {
		close(entered)
		for range 1000 {
			bytes.Repeat([]byte("x"), 100_000)
		}
		finished = true
		return nil, nil
	})
	go trySend(t, s, "GET", "/api/2.0/slow", "")
	<-entered
	s.Close()
	assert.True(t, finished)
}
