package databrickstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault is a failure between a client and the workspace. The first group of
// fields selects the requests. The other fields say what happens to them. The
// workspace does not process a request that a fault hits, unless WorkDone is
// set or the fault only has Truncate, BytesPerSecond, ContentType or Latency.
//
// In JSON, members have the names of the fields in snake_case. Latency and
// WorkLate are strings such as "1.5s".
type Fault struct {
	Name   string                   // shown in [Request.Fault]; empty for a description of the fault
	Method string                   // empty for any
	Path   string                   // empty for any; a trailing * matches any suffix
	Match  func(*http.Request) bool // nil for any; must not read the body; not in JSON
	Skip   int                      // number of matching requests to let pass first
	Times  int                      // number of requests to hit; 0 for 1; negative for all
	Rate   float64                  // random share of the requests to hit, such as 0.05 (see [WithSeed]); 0 for all

	WorkDone bool          // process the request and lose the response
	WorkLate time.Duration // delay of the processing with WorkDone, on the workspace's clock, even if the client has given up

	Refuse   bool   // refuse the connection; over a socket, reset it immediately
	Reset    bool   // reset the connection after receiving the request
	Status   int    // status of the response; its body is Body, or an error object if Body is empty
	Redirect string // location of a redirect, with Status or 302
	Body     string

	ContentType    string        // Content-Type of the response; alone, it replaces that of the real response
	Header         http.Header   // additional headers of the response
	RetryAfter     string        // Retry-After header of the response: seconds or a date
	Latency        time.Duration // delay before anything else, in real time
	Truncate       bool          // cut off the response …
	Keep           int           // … after this number of bytes of its body
	BytesPerSecond int           // speed of the response body; 0 for no limit
}

// UnmarshalJSON decodes a fault in the form described at [Fault].
func (f *Fault) UnmarshalJSON(text []byte) error {
	var in struct {
		Name           string      `json:"name"`
		Method         string      `json:"method"`
		Path           string      `json:"path"`
		Skip           int         `json:"skip"`
		Times          int         `json:"times"`
		Rate           float64     `json:"rate"`
		WorkDone       bool        `json:"work_done"`
		WorkLate       string      `json:"work_late"`
		Refuse         bool        `json:"refuse"`
		Reset          bool        `json:"reset"`
		Status         int         `json:"status"`
		Redirect       string      `json:"redirect"`
		Body           string      `json:"body"`
		ContentType    string      `json:"content_type"`
		Header         http.Header `json:"header"`
		RetryAfter     string      `json:"retry_after"`
		Latency        string      `json:"latency"`
		Truncate       bool        `json:"truncate"`
		Keep           int         `json:"keep"`
		BytesPerSecond int         `json:"bytes_per_second"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return fmt.Errorf("databrickstest: fault: %w", err)
	}
	latency, err := time.ParseDuration(cmp.Or(in.Latency, "0s"))
	if err != nil {
		return fmt.Errorf("databrickstest: fault: latency: %w", err)
	}
	late, err := time.ParseDuration(cmp.Or(in.WorkLate, "0s"))
	if err != nil {
		return fmt.Errorf("databrickstest: fault: work_late: %w", err)
	}
	*f = Fault{in.Name, in.Method, in.Path, nil, in.Skip, in.Times, in.Rate, in.WorkDone, late, in.Refuse, in.Reset, in.Status, in.Redirect,
		in.Body, in.ContentType, in.Header, in.RetryAfter, latency, in.Truncate, in.Keep, in.BytesPerSecond}
	return f.check()
}

// check returns an error if the fault is invalid.
func (f *Fault) check() error {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 999):
		return fmt.Errorf("databrickstest: fault: invalid status %d; want 200 to 999", f.Status)
	case f.Rate < 0 || f.Rate > 1 || math.IsNaN(f.Rate):
		return fmt.Errorf("databrickstest: fault: invalid rate %v; want 0 to 1", f.Rate)
	case f.WorkLate < 0 || f.WorkLate > 0 && (!f.WorkDone || !f.Reset && f.Status == 0):
		return fmt.Errorf("databrickstest: fault: WorkLate must be positive, and needs WorkDone and either Reset or Status")
	case f.Refuse && f.WorkDone:
		return fmt.Errorf("databrickstest: fault: Refuse and WorkDone exclude each other")
	}
	return nil
}

// String describes the fault.
func (f *Fault) String() string {
	var what []string
	say := func(is bool, format string, args ...any) {
		if is {
			what = append(what, fmt.Sprintf(format, args...))
		}
	}
	say(f.Refuse, "refused")
	say(f.Reset, "reset")
	say(f.Redirect != "", "redirect")
	say(f.Redirect == "" && f.Status != 0, "status %d", f.Status)
	say(f.WorkDone && f.WorkLate == 0, "work done")
	say(f.WorkLate > 0, "work done %v later", f.WorkLate)
	say(f.ContentType != "", "content type %s", f.ContentType)
	say(f.Truncate, "truncated")
	say(f.BytesPerSecond > 0, "slow")
	say(f.Latency > 0, "latency %v", f.Latency)
	return cmp.Or(f.Name, strings.Join(what, ", "), "fault")
}

// Inject injects faults from now on. If several faults match a request, the one
// that was injected first hits it. The returned function removes these faults.
// Inject panics if a fault is invalid.
func (s *Server) Inject(faults ...Fault) (remove func()) {
	added := map[*armedFault]bool{}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range faults {
		if err := f.check(); err != nil {
			panic(err)
		}
		armed := &armedFault{Fault: f, skip: f.Skip, left: cmp.Or(f.Times, 1)}
		added[armed] = true
		s.faults.armed = append(s.faults.armed, armed)
	}
	return func() { s.faults.remove(func(f *armedFault) bool { return added[f] }) }
}

// ClearFaults removes all faults, including those of [WithFaults].
func (s *Server) ClearFaults() { s.faults.remove(func(*armedFault) bool { return true }) }

// WithFaults injects faults from the start. See [Server.Inject].
func WithFaults(faults ...Fault) Option {
	return func(s *Server) { s.wantFaults = append(s.wantFaults, faults...) }
}

type armedFault struct {
	Fault
	skip, left int // remaining requests to hit; negative for all
}

// faults has the faults that wait for requests. It has its own lock.
type faults struct {
	mu     sync.Mutex
	armed  []*armedFault
	chance *rand.Rand
}

func (fs *faults) remove(which func(*armedFault) bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var kept []*armedFault
	for _, f := range fs.armed {
		if !which(f) {
			kept = append(kept, f)
		}
	}
	fs.armed = kept
}

// hit returns the fault that hits r, or nil. It counts the request.
func (fs *faults) hit(r *http.Request) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.armed {
		switch {
		case f.left == 0 || !f.matches(r):
		case f.skip > 0:
			f.skip--
		case f.Rate > 0 && fs.chance.Float64() >= f.Rate:
		default:
			if f.left > 0 {
				f.left--
			}
			return &f.Fault
		}
	}
	return nil
}

func (f *Fault) matches(r *http.Request) bool {
	prefix, open := strings.CutSuffix(f.Path, "*")
	return (f.Method == "" || f.Method == r.Method) &&
		(f.Path == "" || f.Path == r.URL.Path || open && strings.HasPrefix(r.URL.Path, prefix)) &&
		(f.Match == nil || f.Match(r))
}

// works reports whether the workspace processes a request that f hits.
func (f *Fault) works() bool {
	return f.WorkDone || !f.Refuse && !f.Reset && f.Status == 0 && f.Redirect == ""
}

// change returns the workspace's response as f changes it.
func (f *Fault) change(resp response) response {
	if f.Status != 0 || f.Redirect != "" {
		status := cmp.Or(f.Status, http.StatusFound)
		resp = response{status: status, header: http.Header{}, body: []byte(f.Body)}
		if f.Body == "" && f.Redirect == "" {
			resp = jsonResponse(status, map[string]string{"error_code": faultCode(status), "message": "Injected fault: " + f.String()})
		}
		if f.Redirect != "" {
			resp.header.Set("Location", f.Redirect)
		}
		if f.Body != "" && json.Valid([]byte(f.Body)) {
			resp.header.Set("Content-Type", "application/json")
		} else if f.Body != "" {
			resp.header.Set("Content-Type", "text/html; charset=utf-8")
		}
	}
	if f.ContentType != "" {
		resp.header.Set("Content-Type", f.ContentType)
	}
	for name, values := range f.Header {
		resp.header[http.CanonicalHeaderKey(name)] = values
	}
	if f.RetryAfter != "" {
		resp.header.Set("Retry-After", f.RetryAfter)
	}
	return resp
}

// faultCode returns the service's error code for a status.
func faultCode(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BAD_REQUEST"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusTooManyRequests:
		return "REQUEST_LIMIT_EXCEEDED"
	case http.StatusInternalServerError:
		return "INTERNAL_ERROR"
	case http.StatusServiceUnavailable:
		return "TEMPORARILY_UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	return strconv.Itoa(status)
}

// A faultyWriter cuts off a response or slows it down.
type faultyWriter struct {
	http.ResponseWriter
	fault *Fault
	keep  int                      // bytes left before the cut
	pause func(time.Duration) bool // false if the client is gone
}

func (w *faultyWriter) Write(p []byte) (n int, err error) {
	defer func() {
		if n < len(p) && err == nil {
			err = io.ErrShortWrite
		}
	}()
	whole := p
	if w.fault.Truncate {
		whole = p[:min(len(p), w.keep)]
	}
	step := len(whole)
	if w.fault.BytesPerSecond > 0 {
		step = max(1, w.fault.BytesPerSecond/20)
	}
	for len(whole) > 0 {
		piece := whole[:min(step, len(whole))]
		if w.fault.BytesPerSecond > 0 {
			if !w.pause(time.Duration(float64(len(piece)) / float64(w.fault.BytesPerSecond) * float64(time.Second))) {
				return n, os.ErrDeadlineExceeded
			}
		}
		m, err := w.ResponseWriter.Write(piece)
		n += m
		w.keep -= m
		if err != nil {
			return n, err
		}
		if step < len(p) {
			http.NewResponseController(w.ResponseWriter).Flush()
		}
		whole = whole[m:]
	}
	return n, nil
}

// A rateLimit rejects requests above a rate. It has its own lock.
type rateLimit struct {
	mu         sync.Mutex
	perSecond  float64 // 0: no limit
	burst      float64
	retryAfter time.Duration
	tokens     float64
	last       time.Time
}

// WithRateLimit makes the workspace return status 429 for more than perSecond
// requests per second, with bursts of at most burst. If retryAfter is positive,
// the response has a Retry-After header in whole seconds. By default there is
// no limit.
func WithRateLimit(perSecond float64, burst int, retryAfter time.Duration) Option {
	return func(s *Server) {
		s.limit.perSecond, s.limit.burst, s.limit.retryAfter = perSecond, float64(burst), retryAfter
		s.limit.tokens = s.limit.burst
	}
}

func (l *rateLimit) take(now time.Time) error {
	if l.perSecond == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() {
		l.tokens = min(l.burst, l.tokens+now.Sub(l.last).Seconds()*l.perSecond)
	}
	l.last = now
	if l.tokens >= 1 {
		l.tokens--
		return nil
	}
	e := &apiError{status: http.StatusTooManyRequests, code: "REQUEST_LIMIT_EXCEEDED", message: "Too many requests; the workspace's limit is reached."}
	if l.retryAfter > 0 {
		e.header = http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(l.retryAfter.Seconds())))}}
	}
	return e
}
