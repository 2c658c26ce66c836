package databrickstest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/redact"
)

// A Request is a request that the workspace received.
type Request struct {
	Time     time.Time // on the workspace's clock
	Host     string
	Method   string
	Path     string
	Query    url.Values
	Header   http.Header
	Body     []byte // the first part of the body; see [Recording]
	BodySize int64  // number of bytes that were read of the body
	Status   int    // status of the response; 0 if there is none yet, or if it was lost
	Fault    string // the fault that hit it; empty for none
	WorkDone bool   // the workspace processed the request, even if the response was lost
}

// Recording says which requests the server records. A zero means the default.
type Recording struct {
	Requests  int  // number of latest requests to keep; default 10,000; negative for none
	BodyBytes int  // maximum size to keep of each body; default 64 KiB; negative for none
	Total     int  // maximum size of all bodies, headers and URLs together; older ones are dropped; default 64 MiB
	Secrets   bool // record secrets; otherwise they are replaced
}

// WithRecording sets which requests the server records for [Server.Requests].
func WithRecording(r Recording) Option { return func(s *Server) { s.recorder.Recording = r } }

// Requests returns copies of the received requests in the order of their
// arrival. Their secrets are replaced: credentials, values of secrets,
// spark_env_vars, passwords, the text of commands and similar values. Bodies of
// requests in progress are not included yet.
func (s *Server) Requests() []Request {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	entries := s.recorder.entries
	entries = entries[max(0, len(entries)-s.recorder.keep()):]
	requests := make([]Request, len(entries))
	for i, r := range entries {
		requests[i] = r.copy(s.recorder.Secrets)
	}
	return requests
}

// ForgetRequests removes all requests that [Server.Requests] returns.
func (s *Server) ForgetRequests() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.recorder.entries, s.recorder.bytes, s.recorder.bare = nil, 0, 0
}

func (r *Request) copy(secrets bool) Request {
	c := *r
	if secrets {
		c.Query, c.Header, c.Body = url.Values(http.Header(r.Query).Clone()), r.Header.Clone(), slices.Clone(r.Body)
		return c
	}
	c.Query, c.Header = redact.Query(r.Query), redact.Header(r.Header)
	c.Body = redactBody(r.Header.Get("Content-Type"), r.Body)
	return c
}

// A recorder has the latest requests. It has its own lock.
type recorder struct {
	Recording
	mu      sync.Mutex
	entries []*Request // at least the number to keep, and some older ones
	bytes   int        // size of all entries
	bare    int        // number of entries at the start that were stripped
}

// size returns the size of an entry in bytes.
func (r *Request) size() int {
	size := len(r.Path) + len(r.Body)
	for _, fields := range []map[string][]string{r.Header, r.Query} {
		for name, values := range fields {
			for _, value := range values {
				size += len(name) + len(value)
			}
		}
	}
	return size
}

// strip removes the parts of an entry that can be large.
func (rec *recorder) strip(r *Request) {
	rec.bytes -= r.size()
	r.Path, r.Query, r.Header, r.Body = r.Path[:min(len(r.Path), 1000)], nil, nil, nil
	rec.bytes += r.size()
}

func (rec *recorder) keep() int { return orDefault(rec.Requests, 10_000) }

// begin records a new request. It wraps the request's body to record what is
// read from it.
func (rec *recorder) begin(r *http.Request, now time.Time) *recordedBody {
	body := &recordedBody{ReadCloser: r.Body, limit: orDefault(rec.BodyBytes, 64<<10)}
	if r.Body == nil {
		body.ReadCloser = http.NoBody
	}
	r.Body = body
	body.entry = &Request{Time: now, Host: r.Host, Method: r.Method, Path: r.URL.Path}
	keep := rec.keep()
	if keep == 0 {
		body.limit = 0
		return body
	}
	body.entry.Query, body.entry.Header = r.URL.Query(), r.Header.Clone()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.entries) >= 2*keep { // copy rarely, not for each request
		for _, old := range rec.entries[:keep] {
			rec.bytes -= old.size()
		}
		rec.entries, rec.bare = slices.Clone(rec.entries[keep:]), max(0, rec.bare-keep)
	}
	rec.entries = append(rec.entries, body.entry)
	rec.bytes += body.entry.size()
	return body
}

// end records the result of a request.
func (rec *recorder) end(body *recordedBody, status int, fault string, done bool) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	entry := body.entry
	entry.Body, entry.BodySize, entry.Status, entry.Fault, entry.WorkDone = body.prefix, body.size, status, fault, done
	rec.bytes += len(entry.Body)
	for total := orDefault(rec.Total, 64<<20); rec.bytes > total && rec.bare < len(rec.entries); rec.bare++ {
		rec.strip(rec.entries[rec.bare])
	}
}

func orDefault(n, isWhenZero int) int {
	if n == 0 {
		return isWhenZero
	}
	return max(n, 0)
}

// A recordedBody records the first part of a request's body as it is read.
type recordedBody struct {
	io.ReadCloser
	entry  *Request
	limit  int
	prefix []byte
	size   int64
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.size += int64(n)
	if room := b.limit - len(b.prefix); room > 0 {
		b.prefix = append(b.prefix, p[:min(n, room)]...)
	}
	return n, err
}

// redactBody returns a body, or the first part of one, without secrets. It
// replaces everything that it cannot parse.
func redactBody(contentType string, body []byte) []byte {
	media, params, _ := mime.ParseMediaType(contentType)
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
		return slices.Clone(body)
	case text[0] == '{' || text[0] == '[':
		return redact.JSON(body)
	case media == "multipart/form-data":
		return redactMultipart(params["boundary"], body)
	case media == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(string(body)); err == nil {
			return []byte(redact.Query(form).Encode())
		}
	}
	return []byte(redact.Mark)
}

func redactMultipart(boundary string, body []byte) []byte {
	var clean bytes.Buffer
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		fmt.Fprintf(&clean, "--%s\r\n", boundary)
		for name, values := range part.Header {
			fmt.Fprintf(&clean, "%s: %s\r\n", name, strings.Join(values, ", "))
		}
		content, err := io.ReadAll(part) // the recorded part
		if redact.SensitiveKey(part.FormName()) {
			content = []byte(redact.Mark)
		}
		fmt.Fprintf(&clean, "\r\n%s\r\n", content)
		if err != nil {
			return clean.Bytes()
		}
	}
	fmt.Fprintf(&clean, "--%s--\r\n", boundary)
	return clean.Bytes()
}
