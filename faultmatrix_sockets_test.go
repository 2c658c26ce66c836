package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/internal/faultproxy"
	"github.com/go-databricks/databricks/v12"
)

// The second matrix uses real sockets instead of memory: HTTP/1.1 over TCP and
// HTTP/2 over TLS. The bodies of its requests are slow, have a wrong size, or
// cannot be opened twice.

// A socketFault is a fault, and what a client may do about it.
type socketFault struct {
	name string
	faultproxy.Fault
	passes bool              // a retry of an idempotent call succeeds
	clean  bool              // it proves that the request had no effect, so every call is retried if its body can be sent again
	then   faultproxy.Action // effect on the next attempt, after the work
	late   bool              // a write of this attempt fails during the next attempt
	more   bool              // it tests retries more than bodies
	only   int               // HTTP version in which it can happen; 0 for both
}

// socketFaults returns the faults for an HTTP version.
func socketFaults(http2 bool) []socketFault {
	type f = faultproxy.Fault
	status := func(at faultproxy.Moment, code int, body string, header ...string) f {
		fault := f{At: at, Do: faultproxy.Respond, Status: code, Body: body, Header: http.Header{}, Bytes: 1000}
		for i := 0; i < len(header); i += 2 {
			fault.Header.Set(header[i], header[i+1])
		}
		return fault
	}
	const (
		page      = "<html><pre>upstream went away</pre></html>"
		gateway   = `{"timestamp":"2024-05-01T10:00:00.000+00:00","status":500,"error":"Internal Server Error","path":"/api"}`
		arrival   = faultproxy.OnArrival
		inRequest = faultproxy.InRequest
		before    = faultproxy.BeforeWork
		after     = faultproxy.AfterWork
	)
	all := []socketFault{
		{name: "refused", Fault: f{At: faultproxy.AtDial}, passes: true, clean: true},
		{name: "429 on arrival", Fault: status(arrival, 429, "", "Retry-After", "0"), passes: true, clean: true},
		{name: "429 in the request", Fault: status(inRequest, 429, "", "Retry-After", "0"), passes: true, clean: true},
		{name: "429 before", Fault: status(before, 429, "", "Retry-After", "0"), passes: true, clean: true},
		{name: "503 with Retry-After on arrival", Fault: status(arrival, 503, "", "Retry-After", "0"), passes: true, clean: true},
		{name: "503 with Retry-After in the request", Fault: status(inRequest, 503, "", "Retry-After", "0"), passes: true, clean: true},
		{name: "401 with Retry-After on arrival", Fault: status(arrival, 401, "", "Retry-After", "0")},
		{name: "401 with Retry-After in the request", Fault: status(inRequest, 401, "", "Retry-After", "0")},
		{name: "403 page on arrival", Fault: status(arrival, 403, page, "Content-Type", "text/html")},
		{name: "gateway's 500 before", Fault: status(before, 500, gateway, "Content-Type", "application/json")},
		{name: "gateway's 500 after", Fault: status(after, 500, gateway, "Content-Type", "application/json")},
		{name: "500 after", Fault: status(after, 500, `{"error_code":"INTERNAL_ERROR","message":"x"}`, "Content-Type", "application/json")},
		{name: "502 on arrival", Fault: status(arrival, 502, page, "Content-Type", "text/html"), passes: true},
		{name: "502 after", Fault: status(after, 502, page, "Content-Type", "text/html"), passes: true},
		{name: "503 after", Fault: status(after, 503, page, "Content-Type", "text/html"), passes: true},
		{name: "504 in the request", Fault: status(inRequest, 504, page, "Content-Type", "text/html"), passes: true},
		{name: "504 after", Fault: status(after, 504, page, "Content-Type", "text/html"), passes: true},
		{name: "refusal with status 200", Fault: status(before, 200, `{"error_code":"PERMISSION_DENIED","message":"x"}`, "Content-Type", "application/json")},
		{name: "sign-in page", Fault: status(before, 200, page, "Content-Type", "text/html")},
		{name: "sign-in text", Fault: status(before, 200, "Please sign in.", "Content-Type", "text/plain")},
		{name: "101", Fault: status(before, 101, ""), only: 1},
		{name: "101 on arrival", Fault: status(arrival, 101, ""), only: 1},
		{name: "stall before", Fault: f{At: before, Do: faultproxy.Stall}, passes: true},
		{name: "stall after", Fault: f{At: after, Do: faultproxy.Stall}, passes: true},
		{name: "stall in the response", Fault: f{At: faultproxy.InResponse, Bytes: 1, Do: faultproxy.Stall}, passes: true},
		{name: "stream refused on arrival", Fault: f{At: arrival, Do: faultproxy.ResetStream, Code: faultproxy.RefusedStream}, passes: true, clean: true, only: 2},
		{name: "stream refused in the request", Fault: f{At: inRequest, Bytes: 1000, Do: faultproxy.ResetStream, Code: faultproxy.RefusedStream}, passes: true, clean: true, only: 2},
		{name: "stream refused", Fault: f{At: before, Do: faultproxy.ResetStream, Code: faultproxy.RefusedStream}, passes: true, clean: true, only: 2},
		{name: "stream broken before", Fault: f{At: before, Do: faultproxy.ResetStream, Code: faultproxy.InternalError}, passes: true, only: 2},
		{name: "stream broken after", Fault: f{At: after, Do: faultproxy.ResetStream, Code: faultproxy.InternalError}, passes: true, only: 2},
		{name: "stream canceled after", Fault: f{At: after, Do: faultproxy.ResetStream, Code: faultproxy.Cancel}, passes: true, only: 2},
		{name: "stream broken in the response", Fault: f{At: faultproxy.InResponse, Bytes: 1, Do: faultproxy.ResetStream, Code: faultproxy.InternalError}, passes: true, only: 2},
		{name: "GOAWAY, served", Fault: f{At: arrival, Do: faultproxy.GoAwayServed}, passes: true, clean: true, only: 2},
		{name: "GOAWAY below on arrival", Fault: f{At: arrival, Do: faultproxy.GoAwayBelow}, passes: true, clean: true, only: 2},
		{name: "GOAWAY below in the request", Fault: f{At: inRequest, Bytes: 1000, Do: faultproxy.GoAwayBelow}, passes: true, clean: true, only: 2},
		{name: "GOAWAY below", Fault: f{At: before, Do: faultproxy.GoAwayBelow}, passes: true, clean: true, only: 2},
		{name: "GOAWAY before", Fault: f{At: before, Do: faultproxy.GoAway}, passes: true, only: 2},
		{name: "GOAWAY after", Fault: f{At: after, Do: faultproxy.GoAway}, passes: true, only: 2},
	}
	for _, how := range []struct {
		name string
		do   faultproxy.Action
	}{{"reset", faultproxy.Reset}, {"closed", faultproxy.Close}} {
		for _, when := range []struct {
			name string
			f
		}{
			{"on arrival", f{At: arrival}}, {"in the request", f{At: inRequest, Bytes: 1000}}, {"before", f{At: before}}, {"after", f{At: after}},
			{"after the head", f{At: faultproxy.InResponse}}, {"in the response", f{At: faultproxy.InResponse, Bytes: 1}},
			{"before the last byte", f{At: faultproxy.InResponse, Bytes: 1 << 30}},
		} {
			when.Do = how.do
			all = append(all, socketFault{name: how.name + " " + when.name, Fault: when.f, passes: true})
		}
	}
	for _, f := range slices.Clone(all) {
		if f.clean && f.Do == faultproxy.Respond && f.At <= inRequest {
			late := f
			late.name, late.clean, late.then, late.late, late.only = f.name+", writes fail late, then reset after", false, faultproxy.Reset, true, 1
			all = append(all, late)
		}
		if f.Do != faultproxy.Stall && (!f.clean || f.only == 0) { // a permanent fault; net/http would retry some of these for too long
			good := f
			good.name, good.Times, good.passes, good.clean, good.more = f.name+", for good", 1000, false, false, true
			all = append(all, good)
		}
		if f.Do != faultproxy.Stall && (f.At < before || f.At == after) { // the retry is processed, and its response is lost
			f.name, f.clean, f.then, f.more = f.name+", then reset after", false, faultproxy.Reset, true
			all = append(all, f)
		}
	}
	return slices.DeleteFunc(all, func(f socketFault) bool { return f.only != 0 && f.only != 1+one(http2) })
}

// inject injects f into the proxy.
func (f socketFault) inject(proxy *faultproxy.Server) {
	next := faultproxy.Fault{Request: f.Request + 1, At: faultproxy.AfterWork, Do: f.then}
	if f.late {
		proxy.FailLate(250 * time.Millisecond)
		next.Delay = 600 * time.Millisecond
	}
	if f.then == 0 {
		next = faultproxy.Fault{Request: -1}
	}
	proxy.Inject(f.Fault, next)
}

// A socketCall is a call to a server that only counts its effects. Each complete
// request has one effect.
type socketCall struct {
	do         func(context.Context, *databricks.Client, databricks.FilePart) error
	idempotent bool // several effects are as good as one
	reads      bool // it has no effect
}

// fileContent is the body of the calls.
var fileContent = bytes.Repeat([]byte("0123456789abcdef"), 1024)

var socketCalls = map[string]socketCall{
	"JSON": {do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		return c.Groups.Create(ctx, "data")
	}},
	"form": {do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		return v12.NewClient(c).Libraries.Delete(ctx, "7")
	}},
	"idempotent": {idempotent: true, do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		return c.Workspace.Mkdirs(ctx, "/Shared/etl")
	}},
	"token": {idempotent: true, do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		_, err := c.Clusters.Create(ctx, spec("matrix"))
		return err
	}},
	"upload": {do: func(ctx context.Context, c *databricks.Client, file databricks.FilePart) error {
		_, err := v12.NewClient(c).Libraries.Upload(ctx, v12.UploadLibrary{LibType: v12.LibraryJavaJAR, Name: "lib", Folder: "/Shared", File: file})
		return err
	}},
	"idempotent upload": {idempotent: true, do: func(ctx context.Context, c *databricks.Client, file databricks.FilePart) error {
		body := databricks.RawBody{ContentType: "application/octet-stream", Size: file.Size, Open: file.Open}
		return c.Do(ctx, databricks.Request{Method: "PUT", Path: "/api/2.0/fs/files/Volumes/x", Body: body, Idempotent: true}, nil)
	}},
	"read": {reads: true, do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		cluster, err := c.Clusters.Get(ctx, "c")
		if err == nil && cluster.ClusterName != "matrix" {
			return errWrongContent
		}
		return err
	}},
	"list": {reads: true, do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		clusters, err := c.Clusters.List(ctx, databricks.ListClusters{})
		if err == nil && len(clusters) != 2 {
			return errWrongContent
		}
		return err
	}},
	"read to a function": {reads: true, do: func(ctx context.Context, c *databricks.Client, _ databricks.FilePart) error {
		var got []byte
		err := c.Do(ctx, databricks.Request{Method: "GET", Path: "/api/2.0/raw"}, func(r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		})
		if err == nil && !bytes.Equal(got, fileContent) {
			return errWrongContent
		}
		return err
	}},
}

// errWrongContent reports a false success.
var errWrongContent = errors.New("the call returned something else")

// A socketBody describes the body of a call.
type socketBody struct {
	extra   int  // number of bytes in addition to its size
	unknown bool // no size is announced
	pause   bool // it pauses in the middle
	once    bool // it cannot be opened again
}

var socketBodies = map[string]socketBody{
	"whole":                {},
	"slow":                 {pause: true},
	"slow, size unknown":   {pause: true, unknown: true},
	"grows":                {extra: 1},
	"grows much, slow":     {extra: 1 << 16, pause: true},
	"shrinks":              {extra: -1},
	"shrinks, slow":        {extra: -100, pause: true},
	"cannot be sent again": {once: true, pause: true},
}

// part returns the body as a file.
func (b socketBody) part() databricks.FilePart {
	content := append(slices.Clone(fileContent), bytes.Repeat([]byte("x"), 1<<16)...)[:len(fileContent)+b.extra]
	size, opened := int64(len(fileContent)), 0
	if b.unknown {
		size = -1
	}
	return databricks.FilePart{Name: "lib.jar", Size: size, Open: func() (io.ReadCloser, error) {
		if opened++; b.once && opened > 1 {
			return nil, errors.New("this body cannot be sent again")
		}
		half := len(fileContent) / 2
		pause := readerFunc(func([]byte) (int, error) {
			if b.pause {
				time.Sleep(time.Duration(opened) * 15 * time.Millisecond) // longer each time, so that one attempt ends during the next one
			}
			return 0, io.EOF
		})
		return io.NopCloser(io.MultiReader(bytes.NewReader(content[:half]), pause, bytes.NewReader(content[half:]))), nil
	}}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A counter processes each complete request and records its body.
type counter struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/2.0/raw":
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(fileContent)
		return
	case strings.HasSuffix(r.URL.Path, "/list"):
		_, _ = io.WriteString(w, `{"clusters":[{"cluster_id":"a","state":"RUNNING"},{"cluster_id":"b","state":"RUNNING"}]}`)
		return
	case r.Method == http.MethodGet:
		_, _ = io.WriteString(w, `{"cluster_id":"c","cluster_name":"matrix","state":"RUNNING"}`)
		return
	}
	body, _ := io.ReadAll(r.Body) // without an error, it is complete
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, body)
	_, _ = io.WriteString(w, `{"id":"7","cluster_id":"c","group_name":"data"}`)
}

// over returns a client of a workspace behind a proxy. It opens a connection in
// advance, unless each request must open one.
func over(proxy *faultproxy.Server, f socketFault, token string) *databricks.Client {
	hc := proxy.Client(f.At == faultproxy.AtDial)
	must(0, must(hc.Get(proxy.URL+"/")).Body.Close())
	if f.Do == faultproxy.Stall {
		hc.Timeout = time.Second
	}
	c := must(databricks.NewClient(databricks.WithHost(proxy.URL), databricks.WithToken(token), databricks.WithHTTPClient(hc),
		databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 4, MinDelay: time.Millisecond, MaxDelay: time.Millisecond})))
	return databricks.WaitForLateWork(c, 5*time.Second)
}

// socketLimit is the time after which a cell counts as hanging.
const socketLimit = 20 * time.Second

// playCall makes one call with a fault, and compares the result.
func playCall(v *verdict, name, body string, http2 bool, f socketFault) {
	call, file := socketCalls[name], socketBodies[body]
	work := &counter{}
	proxy := faultproxy.New(work, http2)
	defer proxy.Close()
	c := over(proxy, f, "dapi0123456789abcdef")
	ctx, cancel := context.WithTimeout(context.Background(), socketLimit)
	defer cancel()
	defer context.AfterFunc(ctx, proxy.Close)() // also ends calls that do not end with their context
	f.inject(proxy)
	err := call.do(ctx, c, file.part())
	hangs := ctx.Err() != nil
	proxy.Close()

	_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
	n := len(work.bodies)
	say := fmt.Sprintf("%s, %s, HTTP/%d, %s: done %d times in %d attempts, error: %v", name, body, 1+one(http2), f.name, n, proxy.Attempts(), err)
	is := func(list *[]string, found bool) {
		if found {
			*list = append(*list, say)
		}
	}
	sized := file.extra == 0
	is(&v.doubled, n > 1 && !call.idempotent)
	is(&v.lost, err == nil && n == 0 && !call.reads || errors.Is(err, errWrongContent) && f.Status != 200)
	is(&v.wrong, hangs)
	is(&v.wrong, err != nil && n > 0 && !unknown)
	is(&v.wrong, !sized && (n > 0 || err == nil || proxy.Attempts() == 1 && !errors.Is(err, databricks.ErrSourceChanged) && f.At == 0))
	is(&v.wrong, errors.Is(err, errWrongContent) && name != "read to a function") // this call accepts any content
	is(&v.wrong, call.reads && unknown)
	is(&v.wrong, f.clean && n == 0 && unknown)
	is(&v.wrong, slices.ContainsFunc(work.bodies, func(b []byte) bool { return !slices.Equal(b, work.bodies[0]) }))
	is(&v.wrong, strings.Contains(name, "upload") && slices.ContainsFunc(work.bodies, func(b []byte) bool { return !bytes.Contains(b, fileContent) }))
	is(&v.gaveUp, err != nil && sized && !file.once && (f.clean || f.passes && (call.idempotent || call.reads)))
}

// playOver runs a scenario of the first matrix behind a proxy. It returns the
// number of attempts.
func playOver(t *testing.T, v *verdict, name string, http2 bool, f socketFault) int {
	w := &fixture{t: t, ran: map[string]int{}}
	w.server = databrickstest.NewServer(databrickstest.WithExecutor(w), databrickstest.WithoutSocket(),
		databrickstest.WithTimings(databrickstest.Timings{ClusterStart: -1, LibraryInstall: -1}))
	defer w.server.Close()
	proxy := faultproxy.New(w.server, http2)
	defer proxy.Close()
	clean := w.server.Client()
	ctx := context.Background()
	w.cluster = must(clean.Clusters.Create(ctx, spec("standing")))
	w.client = over(proxy, f, w.server.Token)
	steps := scenarios[name](w)
	f.inject(proxy)
	limited, cancel := context.WithTimeout(ctx, socketLimit)
	defer cancel()
	defer context.AfterFunc(limited, proxy.Close)()
	done, failure := runSteps(limited, steps)
	cell := fmt.Sprintf("%s, HTTP/%d, request %d, %s", name, 1+one(http2), f.Request+1, f.name)
	if limited.Err() != nil {
		v.wrong = append(v.wrong, cell+": hangs")
	}
	attempts := proxy.Attempts()
	proxy.Close()
	v.compare(ctx, w, cell, steps, done, failure, f.passes)
	assert.Empty(t, w.server.Panics())
	return attempts
}

// playTransferOver runs a transfer of files of volumes behind a proxy. It returns the
// number of attempts.
func playTransferOver(t *testing.T, v *verdict, name string, http2 bool, f socketFault) int {
	w := &transferFixture{t: t, way: overTCP, dir: t.TempDir()}
	w.server = databrickstest.NewServer(databrickstest.WithoutSocket(), anyPart)
	defer w.server.Close()
	proxy := newProxy(w.server, http2)
	defer proxy.Close()
	ctx := context.Background()
	tr := transfers()[name]
	tr.setUp(ctx, w.server.Client(), w.dir)
	w.client = over(proxy, f, w.server.Token)
	f.inject(proxy)
	limited, cancel := context.WithTimeout(ctx, transferLimit)
	defer cancel()
	defer context.AfterFunc(limited, proxy.Close)()
	result, err := tr.do(limited, w.client, newContent, w.dir)
	attempts := proxy.Attempts()
	proxy.Close()
	cell := fmt.Sprintf("%s, HTTP/%d, request %d, %s", name, 1+one(http2), f.Request+1, f.name)
	if limited.Err() != nil {
		v.wrong = append(v.wrong, cell+": hangs")
	}
	if err != nil && f.clean {
		v.gaveUp = append(v.gaveUp, fmt.Sprintf("%s: %v", cell, err))
	}
	v.compareTrees(cell, &tr, tr.tree(w), result, err)
	assert.Empty(t, w.server.Panics())
	return attempts
}

// transferLimit is socketLimit for uploads, which wait for late work.
const transferLimit = 2 * time.Minute

func TestFaultMatrixSockets(t *testing.T) {
	var (
		mu    sync.Mutex
		total verdict
		cells int
	)
	none := socketFault{name: "no fault", Fault: faultproxy.Fault{Request: -1}, passes: true, clean: true}
	// run runs all cells concurrently, because they mostly wait.
	run := func(t *testing.T, each func(play func(always bool, cell func(*verdict)))) {
		t.Parallel()
		slots := make(chan struct{}, 24)
		var group sync.WaitGroup
		defer group.Wait()
		each(func(always bool, cell func(*verdict)) {
			if !always && !tried() {
				return
			}
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				var v verdict
				cell(&v)
				mu.Lock()
				defer mu.Unlock()
				total.add(v)
				cells++
			})
		})
	}
	// atEachRequest plays a scenario with each fault at each of its requests.
	atEachRequest := func(t *testing.T, name string, protocols []bool, one func(t *testing.T, v *verdict, name string, http2 bool, f socketFault) int) {
		run(t, func(play func(bool, func(*verdict))) {
			for _, http2 := range protocols {
				var v verdict
				attempts := one(t, &v, name, http2, none)
				require.Empty(t, slices.Concat(v.doubled, v.lost, v.wrong, v.gaveUp), "without faults")
				for _, f := range slices.DeleteFunc(socketFaults(http2), func(f socketFault) bool { return f.late }) {
					for at := range attempts {
						f := f // of this cell
						f.Request = at
						play(false, func(v *verdict) { one(t, v, name, http2, f) })
					}
				}
			}
		})
	}
	t.Run("cells", func(t *testing.T) {
		for name := range socketCalls {
			t.Run(name, func(t *testing.T) {
				run(t, func(play func(bool, func(*verdict))) {
					bodies := []string{"whole"}
					if strings.Contains(name, "upload") {
						bodies = slices.Collect(maps.Keys(socketBodies))
					}
					for _, http2 := range []bool{false, true} {
						for _, body := range bodies {
							for _, f := range append(socketFaults(http2), none) {
								if f.more && body != "whole" && body != "slow" || f.late && !socketBodies[body].pause {
									continue
								}
								play(f.late, func(v *verdict) { playCall(v, name, body, http2, f) })
							}
						}
					}
				})
			})
		}
		for name, protocols := range map[string][]bool{"upload": {false, true}, "import": {false, true}, "secrets": {false}, "provision": {false}, "identities": {false, true}, "policies and pools": {false, true}} {
			t.Run("scenario "+name, func(t *testing.T) { atEachRequest(t, name, protocols, playOver) })
		}
		for _, name := range []string{"upload to a volume", "upload in parts", "download of a volume", "download a file of a volume", "upload a directory to a volume"} {
			t.Run("transfer "+name, func(t *testing.T) { atEachRequest(t, name, []bool{false, true}, playTransferOver) })
		}
	})
	total.report(t, "fault matrix over sockets", cells)
}
