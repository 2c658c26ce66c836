package databrickstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever 64 connections send, the server does not panic, responds only with
// valid HTTP and JSON, and continues to work.
func TestServer_hostileClients(t *testing.T) {
	s := open(NewServer(WithUnknownAttributes(), WithGzip(), WithStatusPage(), WithSpeed(1000), WithRecording(Recording{Total: 1 << 20})))
	defer s.Close()
	m := newMischief(t, s)
	var clients sync.WaitGroup
	var done, refused atomic.Int64
	for seed := range uint64(64) {
		clients.Go(func() {
			h := hostile{m, rand.New(rand.NewPCG(seed, 7))}
			for range 100 {
				switch status := h.attack(t); {
				case status == 200:
					done.Add(1)
				case status >= 400:
					refused.Add(1)
				}
			}
		})
	}
	clients.Wait()
	assert.Empty(t, s.Panics())
	assert.Greater(t, done.Load(), int64(300), "some requests are valid")
	assert.Greater(t, refused.Load(), int64(3000))
	callOK(t, s, "GET", "/api/2.0/clusters/list", "")
	callOK(t, s, "GET", "/api/2.0/jobs/list", "")
}

// mischief has the operations and values that hostile clients use.
type mischief struct {
	host, token string
	operations  []string // METHOD /path
	names       []string // names of fields
	values      []string // values that have a meaning in the workspace
}

func newMischief(t *testing.T, s *Server) *mischief {
	m := &mischief{host: s.listener.Addr().String(), token: s.Token}
	id := func(name string, resp object) string { return fmt.Sprint(resp[name]) }
	cluster := id("cluster_id", callOK(t, s, "POST", "/api/2.0/clusters/create", `{"num_workers": 1,`+smallCluster+`}`))
	job := `{"new_cluster": {"num_workers": 1,` + smallCluster + `}, "spark_jar_task": {"main_class_name": "X"}}`
	jobID := id("job_id", callOK(t, s, "POST", "/api/2.0/jobs/create", job))
	for {
		if c := callOK(t, s, "GET", "/api/2.0/clusters/get?cluster_id="+cluster, ""); c["state"] == "RUNNING" {
			break
		}
	}
	m.values = []string{
		cluster, jobID, id("run_id", callOK(t, s, "POST", "/api/2.0/jobs/run-now", `{"job_id":`+jobID+`}`)),
		id("id", callOK(t, s, "POST", "/api/1.2/contexts/create", `{"language": "python", "clusterId": "`+cluster+`"}`)),
		id("handle", callOK(t, s, "POST", "/api/2.0/dbfs/create", `{"path": "/file"}`)),
		"/", "/file", "/Shared", "python", "SOURCE", "users", "admins", "7.3.x-scala2.12", "Standard_DS3_v2", AdminName, "READ", "ASC", "aGVsbG8=",
	}
	for path, operations := range s.router.literal {
		for _, op := range operations {
			m.operations = append(m.operations, op.method+" "+path)
		}
	}
	for _, op := range s.router.pattern {
		m.operations = append(m.operations, op.method+" "+strings.Join(op.pattern, "/"))
	}
	slices.Sort(m.operations)
	for _, op := range m.operations { // decoding the input reveals the names of the fields
		method, path, _ := strings.Cut(op, " ")
		if !strings.Contains(path, "delete") && !strings.Contains(path, "destroy") {
			send(t, s, method, path, "{}")
		}
	}
	known := map[string]bool{}
	structFields.Range(func(_, fields any) bool {
		for _, f := range fields.([]structField) {
			known[f.name] = true
		}
		return true
	})
	for name := range known {
		m.names = append(m.names, name)
	}
	slices.Sort(m.names)
	require.Greater(t, len(m.names), 100)
	return m
}

type hostile struct {
	*mischief
	*rand.Rand
}

func pick[T any](h hostile, from ...T) T { return from[h.IntN(len(from))] }

// attack sends one request on a new connection, and returns the status of the
// response. It returns 0 if there is no response, for example if the request is
// not HTTP.
func (h hostile) attack(t *testing.T) int {
	conn, err := net.Dial("tcp", h.host)
	if !assert.NoError(t, err) {
		return 0
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // limits the test if the server hangs
	request, whole := h.request()
	if _, err := conn.Write(request); err != nil || !whole {
		return 0 // closed the connection in the middle
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if timeout, ok := errors.AsType[net.Error](err); ok {
		assert.False(t, timeout.Timeout(), "%.300q", request)
	}
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && !bytes.HasPrefix(request, []byte("HEAD ")) && response.Header.Get("Content-Type") == "application/json" && response.Header.Get("Content-Encoding") == "" {
		assert.True(t, json.Valid(text), "%.300q: %.300q", request, text)
		assert.NotContains(t, string(text), "INTERNAL_ERROR", "%.300q", request)
	}
	return response.StatusCode
}

// request returns a request, and whether it is complete.
func (h hostile) request() (text []byte, whole bool) {
	method, path, _ := strings.Cut(pick(h, h.operations...), " ")
	if h.IntN(10) == 0 {
		method = pick(h, "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "get", "\x00")
	}
	if h.IntN(10) == 0 {
		path = pick(h, path+"/", "/"+path, path+"%00", path+"/../../x", "/api/", "/api", "/", "*", strings.Replace(path, "/api/", "/api/9", 1), "http://[::1", path+strings.Repeat("/x", 5000))
	}
	media, body := h.body()
	if h.IntN(2) == 0 && method == "GET" {
		path += "?" + h.form()
	}
	authorization := "Bearer " + h.token
	if h.IntN(20) == 0 {
		authorization = pick(h, "", "Bearer", "Bearer  ", "Basic !!!", "Basic OjpAOg==", "Negotiate x", "Bearer "+strings.Repeat("x", 4000))
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	whole = true
	switch h.IntN(20) {
	case 0:
		length, whole = fmt.Sprintf("Content-Length: %d\r\n", len(body)+1+h.IntN(1000)), false
	case 1:
		length, body = "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		if strings.HasPrefix(body, "0\r\n") {
			body = "0\r\n\r\n"
		}
	case 2:
		length, body = "Transfer-Encoding: chunked\r\n", "zz\r\n"+body
	case 3:
		length = "Content-Length: -1\r\n"
	case 4:
		length += "Content-Encoding: gzip\r\n"
	}
	request := method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\nAuthorization: " + authorization +
		"\r\nContent-Type: " + media + "\r\n" + length + "\r\n" + body
	if h.IntN(30) == 0 {
		noise := make([]byte, 1+h.IntN(300))
		for i := range noise {
			noise[i] = byte(h.IntN(256))
		}
		return append(noise, "\r\n\r\n"...), true
	}
	return []byte(request), whole
}

func (h hostile) body() (media, body string) {
	switch h.IntN(8) {
	case 0:
		return "application/x-www-form-urlencoded", h.form()
	case 1:
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		for range h.IntN(6) {
			if h.IntN(3) == 0 {
				file, _ := parts.CreateFormFile(pick(h, h.names...), pick(h, "x.jar", "", "../..", "\x00"))
				io.WriteString(file, strings.Repeat("PK", h.IntN(1000)))
			} else {
				_ = parts.WriteField(pick(h, h.names...), h.scalar())
			}
		}
		if h.IntN(3) > 0 {
			parts.Close()
		}
		return parts.FormDataContentType(), form.String()
	case 2:
		return pick(h, "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b", ";;"), "--b\r\nContent-Disposition: form-data; name=\r\n\r\n"
	case 3:
		return "application/json", pick(h, "", "{", "null", "[]", `"x"`, "{}{}", strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 20000), "\xff\xfe", `{"cluster_id":"\ud800"}`)
	}
	text, err := json.Marshal(h.object(3))
	if err != nil {
		panic(err)
	}
	return "application/json", string(text)
}

func (h hostile) form() string {
	fields := url.Values{}
	for range h.IntN(5) {
		fields.Add(pick(h, h.names...)+pick(h, "", "", "", ".", ".x", "..", "[0]"), h.scalar())
	}
	return fields.Encode() + pick(h, "", "", "&%zz", "&=", "&.=1")
}

func (h hostile) object(depth int) map[string]any {
	object := map[string]any{}
	for range h.IntN(8) {
		object[pick(h, h.names...)] = h.value(depth - 1)
	}
	return object
}

func (h hostile) value(depth int) any {
	switch kind := h.IntN(12); {
	case kind == 0:
		return nil
	case kind == 1:
		return h.IntN(2) == 0
	case kind < 5:
		return json.Number(pick(h, "0", "1", "-1", "2", "25", "1e3", "1.5", "-0", "1e400", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "4611686018427387904"))
	case kind < 8 && depth > 0:
		return h.object(depth)
	case kind == 8 && depth > 0:
		list := make([]any, h.IntN(4))
		for i := range list {
			list[i] = h.value(depth - 1)
		}
		return list
	}
	return h.scalar()
}

func (h hostile) scalar() string {
	if h.IntN(3) > 0 {
		return pick(h, h.values...)
	}
	return pick(h, "", " ", "x", "true", "-1", "0", "1e18", "9223372036854775807", "NaN", "\x00", "../..", "//", "/a/../b", "%s%n", "é\u202e", "=",
		"* * * * * ?", "0 0/0 0 L W #", "0 0 0 31 2 ? 2099", "Mars/Olympus", "dbfs:/x", "{{a.b.c}}", "a[b", strings.Repeat("x", 70000))
}

// The page is only available at the server's own address. Requests without a
// credential do not fill the memory.
func TestServer_strangers(t *testing.T) {
	anonymous := func(r *http.Request) { r.Header.Del("Authorization") }
	s := open(newServer(t, WithStatusPage(), WithRecording(Recording{Total: 1 << 20})))
	for host, want := range map[string]int{"": 200, "localhost:80": 200, "[::1]": 200, "127.0.0.1": 200, "rebound.example.com": 421, "rebound.example.com:8080": 421, "localhost.example.com": 421} {
		got := send(t, s, "GET", "/", "", anonymous, func(r *http.Request) { r.Host = host })
		assert.Equal(t, want, got.status, host)
	}
	large := func(size int) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("x", size)) }
	}
	got := send(t, s, "GET", "/api/2.0/clusters/list", "", anonymous, large(900<<10))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.status)
	for range 100 {
		send(t, s, "GET", "/api/2.0/clusters/list", "", anonymous, large(60<<10))
	}
	held := 0
	requests := s.Requests()
	for _, r := range requests {
		held += len(r.Header.Get("X-Large"))
	}
	assert.Len(t, requests, 100)
	assert.LessOrEqual(t, held, 1<<20)
	assert.NotZero(t, held)
}
