package databrickstest

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A statusClient reads the page of a server like a browser on this machine.
type statusClient struct {
	t *testing.T
	s *Server
}

func (c statusClient) get(target string) testResponse {
	c.t.Helper()
	return send(c.t, c.s, "GET", target, "", func(r *http.Request) { r.Header.Del("Authorization") })
}

func (c statusClient) page(target string) string {
	c.t.Helper()
	got := c.get(target)
	assert.Equal(c.t, 200, got.status, got.body)
	assert.Equal(c.t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
	return got.body
}

func newStatus(t *testing.T, opts ...Option) (*Server, statusClient) {
	s := NewServer(append(opts, WithStatusPage(), WithAnySource(), WithoutSocket())...)
	t.Cleanup(func() {
		s.Close()
		assert.Empty(t, s.Panics())
	})
	return s, statusClient{t, s}
}

func TestWithStatusPage(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, c := newStatus(t, WithClock(func() time.Time { return now }))
	assert.Equal(t, 6, strings.Count(c.page("/"), "<p>none</p>"), "no runs, requests, clusters, jobs, contexts and files")

	for i := range 101 {
		callOK(t, s, "POST", "/api/2.0/clusters/create", fmt.Sprintf(`{"cluster_name": "<b>%d", "num_workers": 0,
			"spark_env_vars": {"KEY": "planted"}, %s}`, i, smallCluster))
	}
	callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path": "/dir/file.txt", "contents": "cGxhbnRlZA=="}`)
	callOK(t, s, "POST", "/api/2.0/jobs/runs/submit", `{"run_name": "nightly", "new_cluster": {"num_workers": 1, `+smallCluster+`},
		"spark_python_task": {"python_file": "dbfs:/x.py"}}`)
	s.ForgetRequests()
	s.Inject(Fault{Status: 500})

	full := c.page("/")
	for _, want := range []string{"Clusters <small>102<", "/?show=clusters", "&lt;b&gt;100", "nightly", "dir/", "PENDING", "Execution contexts <small>0<"} {
		assert.Contains(t, full, want)
	}
	for _, secret := range []string{"<b>", "planted", s.Token} {
		assert.NotContains(t, full, secret)
	}
	now = now.Add(time.Minute)
	full = c.page("/")
	assert.Contains(t, full, "1\u00a0SUCCESS")
	assert.Contains(t, full, "TERMINATED", "the run's cluster ended with it")

	first := c.page("/?show=clusters")
	assert.Equal(t, 100, strings.Count(first, "data-key="))
	assert.Contains(t, first, "1 to 100 of 102")
	assert.Contains(t, c.page("/?show=clusters&from=100"), "101 to 102 of 102")
	found := c.page("/?show=clusters&q=" + url.QueryEscape("<B>99"))
	assert.Equal(t, 1, strings.Count(found, "data-key="))
	assert.Contains(t, found, "&lt;b&gt;99")
	assert.Equal(t, 404, c.get("/?show=nothing").status)

	assert.Equal(t, 405, send(t, s, "POST", "/", "{}").status)
	assert.Empty(t, s.Requests(), "the page is not recorded")
	assert.Equal(t, 500, send(t, s, "GET", "/index.html", "").status, "the fault waited for a request of the API")

	plain := NewServer(WithoutSocket())
	defer plain.Close()
	assert.Contains(t, statusClient{t, plain}.get("/").body, "Sign in", "only with WithStatusPage")
}

// A run has its tasks on the page, with their errors.
func TestWithStatusPage_runs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, c := newStatus(t, WithClock(func() time.Time { return now }), WithRuns(func(spec RunSpec) RunOutcome {
		if spec.TaskKey == "load" {
			return RunOutcome{Error: "no <rows>", Trace: "at line 7", Logs: "begin\n" + strings.Repeat("x", statusText) + "end"}
		}
		return RunOutcome{Output: "fine"}
	}))
	id := callOK(t, s, "POST", "/api/2.1/jobs/runs/submit", `{"run_name": "nightly", "tasks": [
		{"task_key": "check", "notebook_task": {"notebook_path": "/Shared/check"}, "new_cluster": {"num_workers": 1, `+smallCluster+`}},
		{"task_key": "load", "spark_python_task": {"python_file": "dbfs:/x.py"}, "new_cluster": {"num_workers": 1, `+smallCluster+`}},
		{"task_key": "each", "for_each_task": {"inputs": "[1, 2]", "task": {"task_key": "one", "notebook_task": {"notebook_path": "/Shared/one"},
			"new_cluster": {"num_workers": 1, `+smallCluster+`}}}},
		{"task_key": "after", "depends_on": [{"task_key": "load"}], "notebook_task": {"notebook_path": "/Shared/after"}, "new_cluster": {"num_workers": 1, `+smallCluster+`}}]}`)["run_id"]
	now = now.Add(time.Hour)
	full := c.page("/")
	for _, want := range []string{fmt.Sprintf("/?run=%v", id), "1\u00a0FAILED, 2\u00a0SUCCESS, 1\u00a0UPSTREAM_FAILED", "load: no &lt;rows&gt;", `class="bad"`} {
		assert.Contains(t, full, want)
	}
	run := c.page(fmt.Sprintf("/?run=%v", id))
	for _, want := range []string{"nightly", "dbfs:/x.py", "<pre>no &lt;rows&gt;</pre>", "<pre>at line 7</pre>", "<pre>fine</pre>", "each, iteration 2", "UPSTREAM_FAILED", "earlier bytes", "end</pre>"} {
		assert.Contains(t, run, want)
	}
	assert.NotContains(t, run, "begin", "only the end of a long log")
	assert.Equal(t, 404, c.get("/?run=1").status)
	assert.Equal(t, 404, c.get("/?run=x").status)
}

// The latest requests come first, with their statuses and faults.
func TestWithStatusPage_requests(t *testing.T) {
	s, c := newStatus(t)
	callOK(t, s, "GET", "/api/2.0/clusters/list", "")
	s.Inject(Fault{Path: "/api/2.0/dbfs/list", Status: 429}, Fault{Path: "/api/2.0/dbfs/read", Reset: true})
	send(t, s, "GET", "/api/2.0/dbfs/list?path=/", "")
	page := c.page("/?show=requests")
	assert.Equal(t, 2, strings.Count(page, "data-key="))
	assert.Less(t, strings.Index(page, "/api/2.0/dbfs/list"), strings.Index(page, "/api/2.0/clusters/list"))
	assert.Contains(t, page, `<span class="bad">429</span>`)
	assert.Contains(t, page, "status 429", "the fault")
}

// Files of all storages can be found through their directories and opened as
// text.
func TestWithStatusPage_files(t *testing.T) {
	s, c := newStatus(t, WithVolume("main.default.files"))
	callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path": "/dir/a b.html", "contents": "PHNjcmlwdD4="}`)
	callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path": "/dir/z.zip", "contents": "UEsDBAAA"}`)
	callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path": "/Shared/notebook", "language": "PYTHON", "content": "cHJpbnQoMSk="}`)
	assert.Equal(t, 204, send(t, s, "PUT", "/api/2.0/fs/files/Volumes/main/default/files/sub/f.txt", "in a volume").status)

	// Each link must be on the page before.
	follow := func(links ...string) (last testResponse) {
		before := c.page("/")
		for _, link := range links {
			assert.Contains(t, html.UnescapeString(before), `"/?`+link+`"`)
			last = c.get("/?" + link)
			assert.Equal(t, 200, last.status, link)
			before = last.body
		}
		return last
	}
	opened := follow("dir=dbfs%3A%2Fdir", "file=dbfs%3A%2Fdir%2Fa+b.html")
	assert.Equal(t, "<script>", opened.body)
	assert.Equal(t, "text/plain; charset=utf-8", opened.header.Get("Content-Type"), "a browser does not run it")
	assert.Equal(t, "nosniff", opened.header.Get("X-Content-Type-Options"))
	assert.Contains(t, opened.header.Get("Content-Security-Policy"), "sandbox")
	assert.Equal(t, "same-origin", opened.header.Get("Cross-Origin-Resource-Policy"), "no other site embeds it")
	zip := follow("dir=dbfs%3A%2Fdir", "file=dbfs%3A%2Fdir%2Fz.zip")
	assert.Equal(t, "attachment; filename*=UTF-8''z.zip", zip.header.Get("Content-Disposition"))
	assert.Contains(t, follow("dir=workspace%3A%2FShared", "file=workspace%3A%2FShared%2Fnotebook").body, "print(1)")
	assert.Equal(t, "in a volume", follow("dir=volumes%3A%2Fmain", "dir=volumes%3A%2Fmain%2Fdefault", "dir=volumes%3A%2Fmain%2Fdefault%2Ffiles",
		"dir=volumes%3A%2Fmain%2Fdefault%2Ffiles%2Fsub", "file=volumes%3A%2Fmain%2Fdefault%2Ffiles%2Fsub%2Ff.txt").body)

	for _, target := range []string{"file=dbfs:/dir", "file=dbfs:/none", "file=other:/x", "file=x", "file=workspace:/Shared", "file=workspace:/", "file=volumes:/main",
		"dir=dbfs:/none", "dir=dbfs:/dir/z.zip", "dir=other:/", "dir=workspace:/none", "dir=volumes:/none/x", "dir=volumes:/main/none", "dir=volumes:/main/default/none", "dir=volumes:/main/default/files/none"} {
		assert.Equal(t, 404, c.get("/?"+target).status, target)
	}
}

// People on this machine can read the page. Others need the admin's token.
func TestWithStatusPage_whoMayRead(t *testing.T) {
	s, _ := newStatus(t)
	for _, row := range []struct {
		what, host, remote, password string
		want                         int
	}{
		{"on this machine", "127.0.0.1:8080", "127.0.0.1:50000", "", 200},
		{"by name", "localhost:8080", "[::1]:50000", "", 200},
		{"a name that a web site made up", "rebound.example.com", "127.0.0.1:50000", "", 421},
		{"another machine", "192.0.2.1:8080", "192.0.2.7:50000", "", 401},
		{"another machine, wrong token", "192.0.2.1:8080", "192.0.2.7:50000", "dapi0", 401},
		{"another machine, the admin", "192.0.2.1:8080", "192.0.2.7:50000", s.Token, 200},
	} {
		for _, target := range []string{"/", "/?show=runs"} {
			r := httptest.NewRequest("GET", target, nil)
			r.Host, r.RemoteAddr = row.host, row.remote
			if row.password != "" {
				r.SetBasicAuth("token", row.password)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			assert.Equal(t, row.want, w.Code, row.what)
			assert.Equal(t, row.want == 401, w.Header().Get("WWW-Authenticate") != "", row.what)
			assert.NotContains(t, w.Header().Get("Content-Security-Policy"), "script-src 'unsafe", row.what)
		}
	}
}
