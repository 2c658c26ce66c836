package sending

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A meter is a body that records the size of the largest read.
type meter struct {
	io.Reader
	largest int
}

func (m *meter) Read(p []byte) (int, error) {
	m.largest = max(m.largest, len(p))
	return m.Reader.Read(p)
}

func TestTransport_sendsLargeBlocks(t *testing.T) {
	const size = 10*blockSize + 1
	var received int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	body := &meter{Reader: io.LimitReader(zeros{}, size)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, body)
	require.NoError(t, err)
	req.ContentLength = size
	resp, err := Transport().RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.EqualValues(t, size, received)
	assert.Equal(t, blockSize, body.largest)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
