package databrickstest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/parser"
	gotoken "go/token"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A testResponse is a response of the workspace.
type testResponse struct {
	status int
	header http.Header
	body   string
}

// send sends a request with the server's token through Transport, or over the
// socket if there is one.
func send(t testing.TB, s *Server, method, path, body string, change ...func(*http.Request)) testResponse {
	t.Helper()
	got, err := trySend(t, s, method, path, body, change...)
	require.NoError(t, err)
	return got
}

func trySend(t testing.TB, s *Server, method, path, body string, change ...func(*http.Request)) (testResponse, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.host()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.Token)
	for _, f := range change {
		f(r)
	}
	hc := &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if strings.HasPrefix(s.host(), "http:") {
		transport := &http.Transport{DisableKeepAlives: true}
		hc.Transport = transport
		defer transport.CloseIdleConnections()
	}
	response, err := hc.Do(r)
	if err != nil {
		return testResponse{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return testResponse{response.StatusCode, response.Header, string(text)}, err
}

// newServer creates a server. At the end of the test, the server must not have
// panicked. Sources of tasks need not exist, unless withSources is among the
// options.
func newServer(t testing.TB, opts ...Option) *Server {
	s := NewServer(append([]Option{WithAnySource()}, opts...)...)
	t.Cleanup(func() {
		s.Close()
		assert.Empty(t, s.Panics())
	})
	return s
}

// open opens the server's socket. send then uses the socket.
func open(s *Server) *Server {
	s.URL()
	return s
}

func TestTransportAndSocket(t *testing.T) {
	for name, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
		t.Run(name, func(t *testing.T) {
			s := open(newServer(t, opts...))
			assert.Equal(t, name == "socket", strings.HasPrefix(s.URL(), "http://127.0.0.1:"))
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
		assert.Equal(t, nowhere, s.host())
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

func TestSigningIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithToken("dapiadmin"), WithUser(User{Name: "alice@example.com", Token: "dapialice", Password: "pass word"}))
		assert.Equal(t, "dapiadmin", s.Token)
		route(s, "GET", "/api/2.0/me", func(c *call, _ struct{}) (any, error) {
			return map[string]any{"name": c.user.name, "admin": c.user.admin, "token": c.token != nil}, nil
		})
		basic := func(user, password string) func(*http.Request) {
			return func(r *http.Request) { r.SetBasicAuth(user, password) }
		}
		short := s.identities.issue(s.identities.byName["alice@example.com"], "", "", s.now(), s.now().Add(time.Minute))
		assert.Regexp(t, "^dapi[0-9a-f]{32}$", short.value)
		for name, test := range map[string]struct {
			as   func(*http.Request)
			want string
		}{
			"bearer":      {signedBy("Bearer dapialice"), `{"admin":false,"name":"alice@example.com","token":true}`},
			"lower case":  {signedBy("bearer dapialice"), `{"admin":false,"name":"alice@example.com","token":true}`},
			"basic token": {basic("token", "dapiadmin"), `{"admin":true,"name":"admin@example.com","token":true}`},
			"password":    {basic("alice@example.com", "pass word"), `{"admin":false,"name":"alice@example.com","token":false}`},
			"issued":      {signedBy("Bearer " + short.value), `{"admin":false,"name":"alice@example.com","token":true}`},
		} {
			assert.JSONEq(t, test.want, send(t, s, "GET", "/api/2.0/me", "", test.as).body, name)
		}
		nobody := func(as func(*http.Request), status int, body string) {
			t.Helper()
			for _, path := range []string{"/api/2.0/me", "/api/1.2/contexts/create"} {
				got := send(t, s, "GET", path, "", as)
				assert.Equal(t, status, got.status)
				assert.JSONEq(t, body, got.body)
				if status == 403 {
					assert.Equal(t, "Invalid access token.", got.header.Get("X-Databricks-Reason-Phrase"))
				}
			}
		}
		const unsigned = `{"error_code":401,"message":"Credential was not sent or was of an unsupported type for this API."}`
		const invalid = `{"error_code":403,"message":"Invalid access token."}`
		nobody(func(r *http.Request) { r.Header.Del("Authorization") }, 401, unsigned)
		nobody(signedBy("Digest x"), 401, unsigned)
		nobody(basic("alice@example.com", "wrong"), 401, unsigned)
		nobody(basic(AdminName, ""), 401, unsigned)
		nobody(signedBy("Bearer "), 403, invalid)
		nobody(signedBy("Bearer dapinone"), 403, invalid)
		nobody(basic("token", "dapinone"), 403, invalid)
		time.Sleep(time.Minute)
		nobody(signedBy("Bearer "+short.value), 403, invalid)
		s.identities.revoke(s.identities.tokens["dapialice"])
		nobody(signedBy("Bearer dapialice"), 403, invalid)
	})
}

func TestRouting(t *testing.T) {
	s := newServer(t, WithoutSocket())
	route(s, "PATCH", "/api/2.0/things/{thing_id}/parts", func(_ *call, in struct {
		ID   string `json:"thing_id"`
		Name string `json:"name"`
	}) (any, error) {
		return in, nil
	})
	assert.JSONEq(t, `{"thing_id":"7","name":"n"}`, send(t, s, "PATCH", "/api/2.0/things/7/parts", `{"name":"n","thing_id":"n"}`).body)
	for _, wrong := range [][2]string{
		{"GET", "/"}, {"GET", "/api/"}, {"GET", "/api/2.0"}, {"POST", groupsPath}, {"PATCH", "/api/2.0/things//parts"},
		{"GET", "/api/2.1/groups/list"}, {"BREW", groupsPath}, {"GET", "/api/1.2/nothing"},
	} {
		got := send(t, s, wrong[0], wrong[1], "")
		assert.Equal(t, 404, got.status, wrong)
		assert.Contains(t, got.body, `"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for '`+wrong[0]+" ", wrong)
	}
}

// The workspace accepts these forms of the same input.
func TestInput(t *testing.T) {
	s := newServer(t, WithoutSocket())
	type input struct {
		Name   string            `json:"name"`
		N      int64             `json:"n"`
		On     bool              `json:"on"`
		X      float64           `json:"x"`
		P      *int              `json:"p"`
		List   []string          `json:"list"`
		Map    map[string]string `json:"map"`
		Nested struct {
			A []int `json:"a"`
		} `json:"nested"`
	}
	for _, version := range []string{"1.2", "2.0"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			route(s, method, "/api/"+version+"/echo", func(_ *call, in input) (any, error) { return in, nil })
		}
	}
	want := `{"name":"a<&>b","n":9007199254740993,"on":true,"x":1.5,"p":0,"list":["1","true"],"map":null,"nested":{"a":[1,2]}}`
	body := `{"name":"a<&>b","n":"9007199254740993","on":"true","x":"1.5","p":0.0,"list":[1,true],"map":null,"nested":{"a":[1,"2"]},"unknown":{}}`
	query := "name=a%3C%26%3Eb&n=9007199254740993&on=true&x=1.5&p=0&list=1&list=true&nested.a=1&nested.a=2&unknown.x=1"
	typed := func(media string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", media) }
	}
	for name, got := range map[string]testResponse{
		"query":            send(t, s, "GET", "/api/2.0/echo?"+query, ""),
		"delete":           send(t, s, "DELETE", "/api/2.0/echo?"+query, ""),
		"body of get":      send(t, s, "GET", "/api/2.0/echo", body),
		"query over body":  send(t, s, "GET", "/api/2.0/echo?x=1.5", strings.Replace(body, `"x":"1.5"`, `"x":2`, 1)),
		"json":             send(t, s, "POST", "/api/2.0/echo", body, typed("application/json; charset=utf-8")),
		"json as form":     send(t, s, "POST", "/api/2.0/echo", body, typed("application/x-www-form-urlencoded")),
		"form of 1.2":      send(t, s, "POST", "/api/1.2/echo", query, typed("application/x-www-form-urlencoded")),
		"json as form 1.2": send(t, s, "POST", "/api/1.2/echo", body, typed("application/x-www-form-urlencoded")),
		"untyped":          send(t, s, "POST", "/api/1.2/echo", body),
		"multipart": send(t, s, "POST", "/api/1.2/echo", multi("name", "a<&>b", "n", "9007199254740993", "on", "true", "x", "1.5", "p", "0",
			"list", "1", "nested.a", "1"), typed("multipart/form-data; boundary=b")),
	} {
		assert.Equal(t, 200, got.status, name)
		if name == "multipart" {
			assert.JSONEq(t, `{"name":"a<&>b","n":9007199254740993,"on":true,"x":1.5,"p":0,"list":["1"],"map":null,"nested":{"a":[1]}}`, got.body)
			continue
		}
		assert.Equal(t, want, got.body, name)
	}
	for body, problem := range map[string]string{
		`{"n":1e30}`: "n", `{"n":"9223372036854775808"}`: "n", `{"on":"yes"}`: "on", `{"on":1}`: "on", `{"x":"NaN"}`: "x", `{"name":{}}`: "name", `{"list":{}}`: "list",
		`{"nested":[]}`: "nested", `{"map":{"a":[]}}`: "map",
	} {
		callFails(t, s, "POST", "/api/2.0/echo", body, 400, "MALFORMED_REQUEST", "'"+problem+"'")
	}
	callFails(t, s, "POST", "/api/2.0/echo", `{"name":"`+strings.Repeat("x", maxBody)+`"}`, 413, "BAD_REQUEST", "exceeds 10485760")
	got := send(t, s, "POST", "/api/1.2/echo", `{"n":"x"}`)
	assert.Equal(t, 500, got.status)
	assert.Equal(t, `{"error":"JsonParseException: Could not parse request object: Could not parse value 'x' of field 'n' as int64"}`, got.body)
}

// multi returns a multipart body with text fields.
func multi(fields ...string) string {
	var body strings.Builder
	for i := 0; i < len(fields); i += 2 {
		body.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n")
	}
	return body.String() + "--b--\r\n"
}

func TestErrors(t *testing.T) {
	s := newServer(t, WithoutSocket())
	fails := map[string]error{
		"details": withDetails(notFound("no %s", "x"), map[string]string{"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": "r"}),
		"class":   exception("ContextNotFound", ""), "text": exception("RuntimeException", "Unknown cluster id %s", "c"), "state": badState("bad"),
		"plain": io.ErrNoProgress,
	}
	for _, version := range []string{"1.2", "2.0"} {
		route(s, "GET", "/api/"+version+"/fail", func(_ *call, in struct {
			How string `json:"how" api:"required"`
		}) (any, error) {
			return nil, fails[in.How]
		})
	}
	for path, want := range map[string]testResponse{
		"/api/2.0/fail?how=details": {404, nil, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no x","details":[{"@type":"type.googleapis.com/google.rpc.RequestInfo","request_id":"r"}]}`},
		"/api/2.0/fail?how=plain":   {500, nil, `{"error_code":"INTERNAL_ERROR","message":"multiple Read calls return no data or error"}`},
		"/api/2.0/fail":             {400, nil, `{"error_code":"INVALID_PARAMETER_VALUE","message":"Missing required field 'how'"}`},
		"/api/1.2/fail?how=class":   {500, nil, `{"error":"ContextNotFound"}`},
		"/api/1.2/fail?how=text":    {500, nil, `{"error":"RuntimeException: Unknown cluster id c"}`},
		"/api/1.2/fail?how=state":   {500, nil, `{"error":"RuntimeException: bad"}`},
		"/api/1.2/fail":             {500, nil, `{"error":"IllegalArgumentException: Missing required field 'how'"}`},
	} {
		got := send(t, s, "GET", path, "")
		assert.Equal(t, want.status, got.status, path)
		assert.Equal(t, want.body, got.body, path)
	}
}

func TestPanic(t *testing.T) {
	for name, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
		t.Run(name, func(t *testing.T) {
			s := open(NewServer(opts...))
			defer s.Close()
			route(s, "GET", "/api/2.0/panic", func(*call, struct{}) (any, error) { panic("oh no") })
			route(s, "GET", "/api/2.0/late", func(*call, struct{}) (any, error) {
				return list{key: "x", elements: func(func(any) bool) { panic("oh late") }}, nil
			})
			callFails(t, s, "GET", "/api/2.0/panic", "", 500, "INTERNAL_ERROR", "Internal error")
			_, err := trySend(t, s, "GET", "/api/2.0/late", "")
			assert.Error(t, err, "it was too late for a response")
			assert.Equal(t, 200, send(t, s, "GET", groupsPath, "").status, "the lock is free")
			panics := s.Panics()
			require.Len(t, panics, 2)
			assert.Contains(t, panics[0], "oh no")
			assert.Contains(t, panics[1], "oh late")
		})
	}
}

func TestRawAndList(t *testing.T) {
	s := newServer(t, WithoutSocket())
	route(s, "GET", "/api/2.0/raw", func(*call, struct{}) (any, error) {
		return raw{"text/x-python", http.Header{"Content-Disposition": {"attachment"}}, []byte("print()")}, nil
	})
	route(s, "GET", "/api/2.0/list", func(_ *call, in struct {
		N    int  `json:"n"`
		More bool `json:"more"`
	}) (any, error) {
		elements := make([]any, in.N)
		if in.More {
			return list{"x", slices.Values(elements), struct {
				More bool `json:"more"`
			}{true}}, nil
		}
		return list{"x", slices.Values(elements), struct{}{}}, nil
	})
	got := send(t, s, "GET", "/api/2.0/raw", "")
	assert.Equal(t, "print()", got.body)
	assert.Equal(t, "attachment", got.header.Get("Content-Disposition"))
	for query, want := range map[string]string{
		"n=0": `{}`, "n=1": `{"x":[null]}`, "n=2&more=true": `{"x":[null,null],"more":true}`, "n=0&more=true": `{"more":true}`,
	} {
		assert.Equal(t, want, send(t, s, "GET", "/api/2.0/list?"+query, "").body, query)
	}
}

func TestGzip(t *testing.T) {
	s := open(newServer(t, WithGzip()))
	zipped := send(t, s, "GET", "/api/2.0/clusters/list-node-types", "", func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	assert.Equal(t, "gzip", zipped.header.Get("Content-Encoding"))
	plain := send(t, s, "GET", "/api/2.0/clusters/list-node-types", "", func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") })
	unzipped, err := gzip.NewReader(strings.NewReader(zipped.body))
	require.NoError(t, err)
	text, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	assert.Equal(t, plain.body, string(text))
	assert.Less(t, len(zipped.body), len(plain.body)/2)
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithSpeed(60))
		begin := s.now()
		time.Sleep(time.Second)
		assert.Equal(t, time.Minute, s.now().Sub(begin))
		fixed := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
		s = newServer(t, WithClock(func() time.Time { return fixed }))
		assert.Regexp(t, "^0304-050607-", newCluster(t, s, `,"num_workers":1`))
	})
}

// Two servers with the same seed return the same responses.
func TestSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := map[string]bool{}
		for _, seed := range []uint64{1, 1, 2} {
			s := newServer(t, WithSeed(seed))
			ids[newCluster(t, s, `,"num_workers":1`)+s.Token] = true
		}
		assert.Len(t, ids, 2)
	})
}

// shown returns everything that recorded requests contain.
func shown(requests []Request) string {
	var all strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&all, "%s %s %v %v %s\n", r.Method, r.Path, r.Query, r.Header, r.Body)
	}
	return all.String()
}

func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := []Option{WithUser(User{Name: "alice@example.com", Password: "CANARY"}), WithToken("dapiCANARY")}
		visit := func(s *Server) []Request {
			form := func(media string) func(*http.Request) {
				return func(r *http.Request) { r.Header.Set("Content-Type", media) }
			}
			send(t, s, "POST", "/api/2.0/clusters/create?token=CANARY&x=1", `{`+smallCluster+`,"num_workers":1,"spark_env_vars":{"A":"CANARY"},
				"spark_conf":{"fs.azure.account.key.x":"CANARY"},"docker_image":{"basic_auth":{"username":"u","password":"CANARY"}}}`)
			send(t, s, "POST", "/api/1.2/commands/execute", "command=CANARY&language=sql", form("application/x-www-form-urlencoded"))
			send(t, s, "POST", "/api/1.2/commands/execute", multi("language", "sql", "command", "CANARY"), form("multipart/form-data; boundary=b"))
			send(t, s, "POST", "/api/2.0/secrets/put", `{"scope":"s","string_value":"CANARY"`)
			send(t, s, "POST", "/api/2.0/secrets/put", `CANARY`)
			send(t, s, "GET", groupsPath, "", func(r *http.Request) { r.SetBasicAuth("alice@example.com", "CANARY") })
			return s.Requests()
		}
		requests := visit(newServer(t, opts...))
		require.Len(t, requests, 6)
		assert.NotContains(t, shown(requests), "CANARY")
		assert.NotContains(t, shown(requests), "Q0FOQVJZ", "base64")
		first := requests[0]
		assert.Equal(t, "POST /api/2.0/clusters/create", first.Method+" "+first.Path)
		assert.Equal(t, url.Values{"token": {"[redacted]"}, "x": {"1"}}, first.Query)
		assert.Equal(t, "Bearer [redacted]", first.Header.Get("Authorization"))
		assert.Equal(t, 200, first.Status)
		assert.True(t, first.WorkDone)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), first.Time.UTC())
		assert.Contains(t, string(first.Body), `"num_workers":1,"spark_env_vars":{"A":"[redacted]"}`)
		assert.Contains(t, string(requests[2].Body), "sql")
		first.Header.Set("Authorization", "changed")
		first.Body[0] = 'x'

		open := newServer(t, append(opts, WithRecording(Recording{Secrets: true}))...)
		assert.Equal(t, 13, strings.Count(shown(visit(open)), "CANARY"), "all requests, and five times the token")
		open.ForgetRequests()
		assert.Empty(t, open.Requests())
	})
}

func TestRequests_bounded(t *testing.T) {
	const total = 1000
	s := newServer(t, WithoutSocket(), WithRecording(Recording{Requests: 10, BodyBytes: 100, Total: total}))
	for i := range 100 {
		send(t, s, "POST", "/api/2.0/x", fmt.Sprintf(`{"n":%d,"x":"%s"}`, i, strings.Repeat("y", 1000)))
	}
	requests := s.Requests()
	require.Len(t, requests, 10)
	held, whole := 0, 0
	for i, r := range requests {
		if held += r.size(); len(r.Body) == 0 {
			assert.Zero(t, whole, "the latest are kept")
			assert.Empty(t, r.Header)
			continue
		}
		whole++
		assert.True(t, strings.HasPrefix(string(r.Body), fmt.Sprintf(`{"n":%d,`, 90+i)), "%s", r.Body)
		assert.Less(t, len(r.Body), 150)
	}
	assert.Positive(t, whole)
	assert.LessOrEqual(t, held, total)
}

// Many concurrent hostile clients do no harm.
func TestCrowd(t *testing.T) {
	s := newServer(t, WithUnknownAttributes(), WithFaults(Fault{Rate: 0.2, Reset: true, WorkDone: true, Times: -1}))
	var crowd sync.WaitGroup
	for i := range 64 {
		crowd.Go(func() {
			for j := range 6 {
				_, _ = trySend(t, s, "POST", "/api/2.0/clusters/create", fmt.Sprintf(`{%s,"num_workers":1,"idempotency_token":"%d"}`, smallCluster, j%3))
				_, _ = trySend(t, s, "GET", "/api/2.0/clusters/list", "")
				_, _ = trySend(t, s, "POST", "/api/2.0/clusters/edit", strings.Repeat("[", i*j))
			}
			s.Requests()
		})
	}
	crowd.Wait()
	s.ClearFaults()
	assert.Len(t, callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"], 3)
}

// The fake must not import the client, because tests of the client rely on it.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, name := range files {
		if name == "client.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			assert.False(t, path == "github.com/go-databricks/databricks" || strings.HasPrefix(path, "github.com/go-databricks/databricks/v12"),
				"%s imports %s", name, path)
		}
	}
}

// Hostile requests are rejected.
func FuzzRequests(f *testing.F) {
	s := NewServer(WithoutSocket(), WithRecording(Recording{Requests: -1}), WithUnknownAttributes())
	f.Cleanup(s.Close)
	create := `{` + smallCluster + `,"num_workers":1,"a":[{"b":{}}]}`
	f.Add("POST", "clusters/create", create, "application/json")
	f.Add("POST", "clusters/edit", `{"cluster_id":[[[[`, "")
	f.Add("GET", "clusters/list?filter_by.is_pinned=x&filter_by=3&sort_by..=1&.=2", "", "")
	f.Add("POST", "clusters/events", `{"cluster_id":"x","offset":1e18,"limit":-1}`, "")
	f.Add("POST", "dbfs/put", "--b\r\n\r\nx", "multipart/form-data; boundary=b")
	f.Add("POST", "contexts/create", "language=python&clusterId=%zz", "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, method, path, body, media string) {
		for _, version := range []string{"1.2", "2.0", "2.1"} {
			target, err := url.Parse(s.host() + "/api/" + version + "/" + path)
			if err != nil || target.Host != strings.TrimPrefix(s.host(), "https://") {
				return
			}
			r := &http.Request{Method: method, URL: target, Header: http.Header{"Content-Type": {media}, "Authorization": {"Bearer " + s.Token}},
				Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
			response, err := s.Transport().RoundTrip(r)
			require.NoError(t, err)
			text, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			if response.Header.Get("Content-Type") == "application/json" {
				require.True(t, json.Valid(text), "%s", text)
			}
			require.Empty(t, s.Panics())
		}
	})
}
