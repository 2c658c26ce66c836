package databrickstest

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// minGzip is the minimum size of a response to compress.
const minGzip = 1 << 10

// compress returns a writer that compresses the response, if it is large enough
// and the client accepts gzip. It does not compress files.
func compress(w http.ResponseWriter, r *http.Request, resp *response) (out io.Writer, end func()) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") ||
		resp.header.Get("Content-Type") != "application/json" ||
		resp.stream == nil && len(resp.body) < minGzip ||
		strings.HasPrefix(r.URL.Path, "/api/2.0/dbfs/") {
		return w, func() {}
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	return z, func() { z.Close() }
}
