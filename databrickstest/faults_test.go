package databrickstest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

const groupsPath = "/api/2.0/groups/list"

// Windows uses these errors instead of ECONNRESET and ECONNREFUSED.
const wsaReset, wsaRefused = syscall.Errno(10054), syscall.Errno(10061)

// TestFaults checks how a client sees each fault, through Transport and through
// a socket.
func TestFaults(t *testing.T) {
	isReset := func(err error) bool {
		return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaReset) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	for name, test := range map[string]struct {
		fault  Fault
		made   int // number of created clusters
		status int // 0 for none
		header http.Header
		body   string // a part of the body
		fails  func(error) bool
	}{
		"refused": {fault: Fault{Refuse: true}, fails: func(err error) bool {
			return isReset(err) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused)
		}},
		"reset before":    {fault: Fault{Reset: true}, fails: isReset},
		"reset after":     {fault: Fault{Reset: true, WorkDone: true}, made: 1, fails: isReset},
		"status":          {fault: Fault{Status: 503, RetryAfter: "7"}, status: 503, body: "TEMPORARILY_UNAVAILABLE", header: http.Header{"Retry-After": {"7"}, "Content-Type": {"application/json"}}},
		"status after":    {fault: Fault{Status: 502, Body: "<pre>bad</pre>", WorkDone: true}, made: 1, status: 502, body: "<pre>bad</pre>", header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}},
		"page on 200":     {fault: Fault{Status: 200, Body: "<html>"}, status: 200, body: "<html>"},
		"redirect":        {fault: Fault{Redirect: "https://login.example.com/"}, status: 302, header: http.Header{"Location": {"https://login.example.com/"}}},
		"other type":      {fault: Fault{ContentType: "text/plain", Header: http.Header{"x-more": {"1"}}}, made: 1, status: 200, body: "cluster_id", header: http.Header{"Content-Type": {"text/plain"}, "X-More": {"1"}}},
		"truncated":       {fault: Fault{Truncate: true, Keep: 5}, made: 1, status: 200, body: `{"clu`, fails: isReset},
		"nothing left":    {fault: Fault{Truncate: true}, made: 1, status: 200, fails: isReset},
		"too much":        {fault: Fault{Truncate: true, Keep: 1000}, made: 1, status: 200, body: `{"cluster_id"`, fails: isReset},
		"truncated error": {fault: Fault{Status: 500, Truncate: true, Keep: 3}, status: 500, body: `{"e`, fails: isReset},
		"slow":            {fault: Fault{BytesPerSecond: 100_000}, made: 1, status: 200, body: "cluster_id"},
	} {
		for door, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
			t.Run(name+"/"+door, func(t *testing.T) {
				s := open(newServer(t, opts...))
				s.Inject(test.fault)
				got, err := trySend(t, s, "POST", "/api/2.0/clusters/create", `{`+smallCluster+`,"num_workers":1}`)
				if test.fails == nil {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
					assert.True(t, test.fails(err), "%v", err)
				}
				assert.Equal(t, test.status, got.status)
				assert.Contains(t, got.body, test.body)
				for key, values := range test.header {
					assert.Equal(t, values, got.header[key], key)
				}
				clusters, _ := callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"].([]any)
				assert.Len(t, clusters, test.made)
				recorded := s.Requests()[0]
				assert.Equal(t, test.fault.String(), recorded.Fault)
				assert.Equal(t, test.made > 0, recorded.WorkDone)
				assert.Equal(t, test.status, recorded.Status)
			})
		}
	}
}

func TestFaults_refusedLooksLikeDialing(t *testing.T) {
	s := newServer(t, WithoutSocket())
	s.Inject(Fault{Refuse: true})
	_, err := s.Transport().RoundTrip(newRequest(t.Context(), s, "GET", groupsPath, nil))
	op, ok := errors.AsType[*net.OpError](err)
	require.True(t, ok)
	assert.Equal(t, "dial", op.Op)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestFaults_whichRequests(t *testing.T) {
	s := newServer(t, WithoutSocket())
	statuses := func(method, path string, n int) (out []int) {
		for range n {
			out = append(out, send(t, s, method, path, "").status)
		}
		return out
	}
	s.Inject(Fault{Status: 500, Path: groupsPath, Method: "GET", Skip: 2, Times: 2}, Fault{Status: 501, Path: "/api/2.0/clusters/*", Times: -1})
	assert.Equal(t, []int{404}, statuses("POST", groupsPath, 1))
	assert.Equal(t, []int{200, 200, 500, 500, 200}, statuses("GET", groupsPath, 5))
	assert.Equal(t, []int{501, 501, 501}, statuses("GET", "/api/2.0/clusters/list", 3))
	remove := s.Inject(Fault{Status: 502, Match: func(r *http.Request) bool { return r.URL.Query().Has("x") }})
	assert.Equal(t, []int{200}, statuses("GET", groupsPath, 1))
	assert.Equal(t, []int{502, 200}, statuses("GET", groupsPath+"?x", 2))
	remove()
	s.ClearFaults()
	assert.Equal(t, []int{200}, statuses("GET", "/api/2.0/clusters/list", 1))
	assert.Panics(t, func() { s.Inject(Fault{Status: 7}) })
	assert.Panics(t, func() { s.Inject(Fault{Refuse: true, WorkDone: true}) })
}

func TestFaults_rate(t *testing.T) {
	pattern := func(seed uint64) (failed string) {
		s := newServer(t, WithoutSocket(), WithSeed(seed), WithFaults(Fault{Rate: 0.05, Times: -1, Status: 503}))
		for range 1000 {
			failed += map[int]string{200: ".", 503: "x"}[send(t, s, "GET", groupsPath, "").status]
		}
		return failed
	}
	first := pattern(1)
	assert.InDelta(t, 50, strings.Count(first, "x"), 25)
	assert.Equal(t, first, pattern(1))
	assert.NotEqual(t, first, pattern(2))
}

func TestFaults_slowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.Inject(Fault{Latency: time.Minute, BytesPerSecond: 10})
		begin := time.Now()
		got := send(t, s, "GET", groupsPath, "")
		assert.InDelta(t, float64(len(got.body))/10+60, time.Since(begin).Seconds(), 1)
	})
}

func TestFault_json(t *testing.T) {
	var faults []Fault
	require.NoError(t, json.Unmarshal([]byte(`[{"name":"n","method":"POST","path":"/x*","skip":1,"times":-1,"rate":0.5,"work_done":true,"reset":true,"status":503,
		"redirect":"/r","body":"b","content_type":"c","header":{"A":["b"]},"retry_after":"3","latency":"1.5s","truncate":true,"keep":4,"bytes_per_second":5}]`), &faults))
	assert.Equal(t, []Fault{{Name: "n", Method: "POST", Path: "/x*", Skip: 1, Times: -1, Rate: 0.5, WorkDone: true, Reset: true, Status: 503,
		Redirect: "/r", Body: "b", ContentType: "c", Header: http.Header{"A": {"b"}}, RetryAfter: "3", Latency: 1500 * time.Millisecond, Truncate: true, Keep: 4, BytesPerSecond: 5}}, faults)
	for _, bad := range []string{`{"latency":"soon"}`, `{"statsu":500}`, `{"status":5}`, `{"rate":2}`, `{"refuse":true,"work_done":true}`} {
		assert.Error(t, json.Unmarshal([]byte(bad), new(Fault)), bad)
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithRateLimit(2, 3, 1500*time.Millisecond))
		for range 3 {
			assert.Equal(t, 200, send(t, s, "GET", groupsPath, "").status)
		}
		got := send(t, s, "GET", groupsPath, "")
		assert.Equal(t, 429, got.status)
		assert.Equal(t, "2", got.header.Get("Retry-After"))
		assert.Contains(t, got.body, "REQUEST_LIMIT_EXCEEDED")
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, 200, send(t, s, "GET", groupsPath, "").status)
		assert.Equal(t, 429, send(t, s, "GET", groupsPath, "").status)
	})
}

func TestFault_workLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer()
		defer s.Close()
		s.Inject(Fault{Path: "/api/2.0/dbfs/mkdirs", Status: 504, WorkDone: true, WorkLate: time.Minute})
		client := s.Client()
		err := client.DBFS.Mkdirs(t.Context(), "/late") // the fault does not hit the second attempt
		require.NoError(t, err)
		require.NoError(t, client.DBFS.Delete(t.Context(), databricks.DeleteFile{Path: "/late"}))
		time.Sleep(2 * time.Minute)
		info, err := client.DBFS.GetStatus(t.Context(), "/late")
		require.NoError(t, err)
		assert.True(t, info.IsDir)
	})
	s := NewServer(WithoutSocket())
	defer s.Close()
	assert.Panics(t, func() { s.Inject(Fault{Status: 504, WorkLate: time.Second}) })
	s.Inject(Fault{Path: "/api/2.0/dbfs/mkdirs", Status: 504, WorkDone: true, WorkLate: time.Hour}) // Close does not wait for it
	require.NoError(t, s.Client().DBFS.Mkdirs(t.Context(), "/never"))
}
