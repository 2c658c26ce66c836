package databricks

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks/internal/failure"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/response"
)

func TestDo_bodies(t *testing.T) {
	c, s := scriptedClient(t, nil, respond(200, `{}`))
	for _, row := range []struct {
		body       any
		kind, want string
	}{
		{nil, "", ""},
		{map[string]any{"b": 1, "a": "ü<>&"}, "application/json", `{"a":"ü\u003c\u003e\u0026","b":1}`},
		{url.Values{"a": {"1 2"}}, "application/x-www-form-urlencoded", "a=1+2"},
		{RawBody{ContentType: "text/x", Size: 3, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }}, "text/x", "abc"},
		{`a literal \ufffd and the character �`, "application/json", `"a literal \\ufffd and the character �"`},
	} {
		require.NoError(t, c.Do(t.Context(), Request{Method: "POST", Path: "/x", Body: row.body}, nil))
		assert.Equal(t, row.kind, s.sent[len(s.sent)-1].Header.Get("Content-Type"))
		assert.Equal(t, row.want, s.bodies[len(s.bodies)-1])
	}
	n := len(s.sent)
	for _, text := range []string{"\xff", "a\xff", `\` + "\xff", `\\` + "\xff"} {
		err := c.Do(t.Context(), post("/x").required("name", text), nil)
		assert.EqualError(t, err, "databricks: POST /x: name holds text that is not valid UTF-8, which JSON cannot carry", "%q", text)
		assert.ErrorIs(t, err, fs.ErrInvalid)
	}
	assert.Len(t, s.sent, n, "nothing is sent that JSON would alter")
}

func TestDo_rawBodyIsOpenedForEachAttempt(t *testing.T) {
	c, s := scriptedClient(t, nil, respond(429, ""), respond(200, `{}`))
	opened := 0
	body := RawBody{ContentType: "text/x", Size: 3, Open: func() (io.ReadCloser, error) {
		if opened++; opened > 2 {
			return nil, errors.New("the source cannot be read again")
		}
		return io.NopCloser(strings.NewReader("abc")), nil
	}}
	require.NoError(t, c.Do(t.Context(), Request{Method: "POST", Path: "/x", Body: body}, nil))
	assert.Equal(t, []string{"abc", "abc"}, s.bodies)

	err := c.Do(t.Context(), Request{Method: "POST", Path: "/x", Body: body}, nil)
	assert.ErrorContains(t, err, "cannot be read again")
	assert.Len(t, s.sent, 2)
	assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
}

func TestMultipart(t *testing.T) {
	body := Multipart([][2]string{{"path", `/a "b"`}, {"overwrite", "true"}}, FilePart{"contents", `c"d.txt`, 5,
		func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }})
	in, err := body.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.EqualValues(t, len(text), body.Size)
	_, boundary, _ := strings.Cut(body.ContentType, "boundary=")
	form, err := multipart.NewReader(strings.NewReader(string(text)), boundary).ReadForm(1 << 20)
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"path": {`/a "b"`}, "overwrite": {"true"}}, form.Value)
	require.Len(t, form.File["contents"], 1)
	assert.EqualValues(t, 5, form.File["contents"][0].Size)
}

func TestRequest_query(t *testing.T) {
	type filter struct {
		Pinned *bool `json:"is_pinned,omitzero"`
	}
	type input struct {
		filter `json:"filter_by,omitzero"`
		States []string `json:"states,omitzero"`
		Limit  int      `json:"limit,omitzero"`
		Since  Millis   `json:"since,omitzero"`
		By     *filter  `json:"by,omitzero"`
	}
	r := get("/x").params(input{States: []string{"A", "B&C"}, Limit: 7, Since: 1 << 40, By: &filter{new(false)}})
	assert.Equal(t, "by.is_pinned=false&limit=7&since=1099511627776&states=A&states=B%26C", r.Query.Encode())
	assert.Empty(t, get("/x").params(input{}).Query.Encode())
	base := get("/x").required("a", "1")
	assert.Equal(t, "a=1&b=true", base.optional("b", true).Query.Encode())
	assert.Equal(t, "a=1", base.Query.Encode(), "a builder leaves its receiver alone")
}

func TestDo_responses(t *testing.T) {
	type thing struct {
		ID int64 `json:"id"`
	}
	for _, row := range []struct {
		body string
		want int64
		err  string
	}{
		{`{"id":7}`, 7, ""},
		{`{"id":"7","new":[]}`, 7, ""},
		{``, 0, "is empty"},
		{" \n", 0, "is empty"},
		{`{}`, 0, ""},
		{"\ufeff{\"id\":7}", 7, ""},
		{`null`, 0, ""},
		{`<!doctype html>`, 0, "HTML page"},
		{`hello`, 0, "cannot be decoded"},
		{`[1]`, 0, "cannot be decoded"},
		{strings.Repeat(`{"a":`, 20_000), 0, "cannot be decoded"},
	} {
		c, _ := scriptedClient(t, nil, respond(200, row.body))
		got, err := do[thing](t.Context(), c, aRead)
		if row.err == "" {
			if assert.NoError(t, err, row.body) {
				assert.Equal(t, row.want, got.ID)
			}
			continue
		}
		assert.ErrorContains(t, err, row.err, "%.20s", row.body)
		assert.Nil(t, got)
	}
}

type checkedResponse struct {
	ID string `json:"id"`
}

func (r *checkedResponse) validate() error { return named("id", r.ID != "") }

// If the response to a create has no ID, the object may have been created.
func TestDo_responseWithoutID(t *testing.T) {
	c, _ := scriptedClient(t, nil, respond(200, `{}`))
	_, err := do[checkedResponse](t.Context(), c, aWrite)
	assert.ErrorAs(t, err, new(*OutcomeUnknownError))
	assert.ErrorContains(t, err, "no id")
}

func TestDo_replyIsBounded(t *testing.T) {
	endless := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(spaces{}), ContentLength: 10 << 30, Header: http.Header{}, Request: r}, nil
	}
	c, _ := scriptedClient(t, nil, endless)
	_, err := do[struct{}](t.Context(), c, aRead)
	assert.ErrorContains(t, err, "white space")
	assert.NoError(t, c.Do(t.Context(), aRead, nil), "what is not wanted is not read to its end")
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestStream(t *testing.T) {
	c, s := scriptedClient(t, nil,
		respond(200, `{"list":[{"n":1},{"n":"2"}],"next":"t"}`),  // first range
		respond(200, `{"list":[{"n":1},{"n":2}]}`),               // second range
		respond(200, `{"li`), respond(200, `{"list":[{"n":3}]}`), // third: nothing was yielded, so it is retried
		respond(200, `{"list":[{"n":4},{"n`),                                       // fourth: an element was yielded, so it is not retried
		respond(403, `{"error_code":"PERMISSION_DENIED","message":"not for you"}`), // fifth
	)
	type thing struct{ N int }
	var rest []string
	things := stream[thing](t.Context(), c, aRead, "list", func(name string, value json.RawMessage) { rest = append(rest, name+string(value)) })
	numbers := func() (ns []int, err error) {
		for v, e := range things {
			if e != nil {
				return ns, e
			}
			ns = append(ns, v.N)
		}
		return ns, nil
	}
	got, err := numbers()
	assert.Equal(t, []int{1, 2}, got)
	assert.NoError(t, err)
	assert.Equal(t, []string{`next"t"`}, rest)
	for v, err := range things {
		require.NoError(t, err)
		assert.Equal(t, 1, v.N)
		break
	}
	got, err = numbers()
	assert.Equal(t, []int{3}, got)
	assert.NoError(t, err)
	got, err = numbers()
	assert.Equal(t, []int{4}, got)
	assert.ErrorContains(t, err, "was interrupted")
	got, err = numbers()
	assert.Empty(t, got)
	assert.ErrorIs(t, err, ErrPermissionDenied)
	assert.Len(t, s.sent, 6)
}

func TestAPIError_Is(t *testing.T) {
	for _, row := range []struct {
		err  APIError
		is   []error
		isnt []error
	}{
		{APIError{StatusCode: 404, Code: ErrResourceDoesNotExist}, []error{fs.ErrNotExist, ErrResourceDoesNotExist}, []error{fs.ErrExist, ErrNotFound}},
		{APIError{StatusCode: 400, Code: ErrResourceDoesNotExist}, []error{fs.ErrNotExist}, nil},
		{APIError{StatusCode: 400, Code: "SCHEMA_DOES_NOT_EXIST"}, []error{fs.ErrNotExist, ErrorCode("SCHEMA_DOES_NOT_EXIST")}, []error{ErrResourceDoesNotExist}},
		{APIError{StatusCode: 404, Code: ErrEndpointNotFound}, []error{ErrEndpointNotFound}, []error{fs.ErrNotExist}},
		{APIError{StatusCode: 400, Code: ErrResourceAlreadyExists}, []error{fs.ErrExist}, []error{fs.ErrNotExist}},
		{APIError{StatusCode: 409, Code: ErrAlreadyExists}, []error{fs.ErrExist}, nil},
		{APIError{StatusCode: 403}, []error{fs.ErrPermission}, []error{ErrPermissionDenied}},
		{APIError{StatusCode: 401}, []error{fs.ErrPermission}, nil},
		{APIError{StatusCode: 400, Code: ErrMaxNotebookSizeExceeded}, []error{ErrTooLarge}, nil},
		{APIError{StatusCode: 413}, []error{ErrTooLarge}, nil},
		{APIError{StatusCode: 400, Code: ErrBadRequest, Message: "Notebook size exceeded limit: 20 > 10"}, []error{ErrTooLarge}, nil},
		{APIError{StatusCode: 400, Code: ErrBadRequest, Message: "Size exceeds 10485760 bytes"}, []error{ErrTooLarge}, nil},
		{APIError{StatusCode: 400, Code: "X", Details: []ErrorDetail{{Reason: "MAX_READ_SIZE_EXCEEDED"}}}, []error{ErrTooLarge}, nil},
		{APIError{StatusCode: 400, Code: ErrBadRequest, Message: "no"}, nil, []error{ErrTooLarge}},
		// "Does not exist" in other words, with a row for each entry of the table.
		{APIError{Path: "/api/2.0/clusters/get", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Cluster x does not exist"}, []error{fs.ErrNotExist, ErrResourceDoesNotExist, ErrInvalidParameterValue}, nil},
		{APIError{Path: "/api/2.0/clusters/start", StatusCode: 400, Code: ErrInvalidState, Message: "Cluster x does not exist"}, []error{fs.ErrNotExist, ErrResourceDoesNotExist, ErrInvalidState}, nil},
		{APIError{Path: "/api/2.0/clusters/get", StatusCode: 400, Message: "Cluster x does not exist"}, []error{fs.ErrNotExist, ErrResourceDoesNotExist}, nil},
		{APIError{Path: "/api/2.0/clusters/get", StatusCode: 400, Code: ErrQuotaExceeded, Message: "Cluster x does not exist"}, nil, []error{fs.ErrNotExist}},
		{APIError{Path: "/api/2.0/clusters/start", StatusCode: 400, Code: ErrInvalidState, Message: "the name 'Cluster x does not exist' is taken"}, nil, []error{fs.ErrNotExist}},
		{APIError{Path: "/api/2.1/jobs/get", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Job 7 does not exist."}, []error{fs.ErrNotExist, ErrResourceDoesNotExist}, nil},
		{APIError{Path: "/api/2.0/jobs/runs/get", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Run 7 does not exist."}, []error{ErrResourceDoesNotExist}, nil},
		{APIError{Path: "/api/2.0/jobs/runs/get", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Run: 7 in job: 8 doesn't exist"}, []error{ErrResourceDoesNotExist}, nil},
		{APIError{Path: "/api/2.0/libraries/install", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Cluster x does not exist"}, []error{ErrResourceDoesNotExist}, nil},
		{APIError{Path: "/api/2.0/clusters/edit", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Missing required field: size"}, nil, []error{fs.ErrNotExist, ErrResourceDoesNotExist}},
		{APIError{Path: "/api/2.0/dbfs/get-status", StatusCode: 400, Code: ErrInvalidParameterValue, Message: "Cluster x does not exist"}, nil, []error{fs.ErrNotExist}},
	} {
		err := fmt.Errorf("wrapped: %w", &row.err)
		for _, target := range row.is {
			assert.ErrorIs(t, err, target, "%+v", row.err)
		}
		for _, target := range append(row.isnt, io.EOF) {
			assert.NotErrorIs(t, err, target, "%+v", row.err)
		}
	}
}

func TestAPIError_Error(t *testing.T) {
	c, _ := scriptedClient(t, nil, respond(400, `{"error_code":"INVALID_STATE","message":"first\n line","details":[
		{"@type":"type.googleapis.com/google.rpc.RequestInfo","request_id":"r-1"},
		{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"subject":"s","description":"d"}]},
		{"@type":"odd","violations":7,"new":1}]}`))
	err := c.Do(t.Context(), get("/api/2.0/clusters/get").required("cluster_id", "secret"), nil)
	assert.EqualError(t, err, "databricks: GET /api/2.0/clusters/get: 400 INVALID_STATE: first line (request id r-1)")
	e, ok := errors.AsType[*APIError](err)
	require.True(t, ok)
	require.Len(t, e.Details, 3)
	assert.Equal(t, "d", e.Details[1].Violations[0].Description)
	assert.JSONEq(t, `{"@type":"odd","violations":7,"new":1}`, string(e.Details[2].Raw))
}

func TestWatch(t *testing.T) {
	type thing struct{ State string }
	script := func(responses ...any) (func(context.Context) (*thing, error), *int) {
		n := 0
		return func(ctx context.Context) (*thing, error) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			n++
			switch a := responses[min(n, len(responses))-1].(type) {
			case string:
				return &thing{a}, nil
			default:
				return nil, a.(error)
			}
		}, &n
	}
	same := func(a, b *thing) bool { return *a == *b }
	states := func(seq func(func(*thing, error) bool), until string) (seen []string, err error) {
		for v, e := range seq {
			if e != nil {
				return seen, e
			}
			if seen = append(seen, v.State); v.State == until {
				return seen, nil
			}
		}
		return seen, nil
	}
	bad := &APIError{StatusCode: 500}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c, _ := scriptedClient(t, nil)

		f, _ := script("A", "A", bad, "A", "B", bad, bad, "C", "C")
		seen, err := states(watch(ctx, c, "x", f, same), "C")
		assert.NoError(t, err)
		assert.Equal(t, []string{"A", "B", "C"}, seen)

		f, _ = script("A", bad)
		start := time.Now()
		_, err = states(watch(ctx, c, "thing x", f, same), "")
		assert.ErrorIs(t, err, bad)
		assert.ErrorContains(t, err, "watching thing x: polls have failed for 1m")
		assert.WithinRange(t, time.Now(), start.Add(time.Minute), start.Add(70*time.Second))

		f, n := script("A", &APIError{StatusCode: 400, Code: ErrInvalidParameterValue})
		_, err = states(watch(ctx, c, "x", f, same), "")
		assert.ErrorIs(t, err, ErrInvalidParameterValue)
		assert.Equal(t, 2, *n, "what is wrong for good ends the wait")

		short, cancelShort := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("the morning is over"))
		defer cancelShort()
		f, n = script("A")
		start = time.Now()
		_, err = states(watch(short, c, "x", f, same), "")
		assert.ErrorContains(t, err, "the morning is over")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Minute, time.Since(start))
		assert.Less(t, *n, 200, "polls in ten minutes")

		c.dryRun = &dryRun{report: func(PlannedCall) {}}
		f, n = script("A")
		seen, err = states(watch(ctx, c, "x", f, same), "B")
		assert.NoError(t, err)
		assert.Equal(t, []string{"A"}, seen)
		assert.Equal(t, 1, *n)
	})
}

// The meaning of a failed poll for a wait, before and after a successful one.
func TestJudgePoll(t *testing.T) {
	status := func(code int) error { return &APIError{StatusCode: code} }
	for _, row := range []struct {
		name          string
		err           error
		first, before poll.Verdict
	}{
		{"an argument", &ArgumentError{}, poll.Final, poll.Final},
		{"not found", status(404), poll.Final, poll.Final},
		{"bad request", status(400), poll.Final, poll.Final},
		{"not signed in", status(401), poll.Final, poll.OnceMore},
		{"not permitted", status(403), poll.Final, poll.OnceMore},
		{"too many requests", status(429), poll.Transient, poll.Transient},
		{"internal error", status(500), poll.Transient, poll.Transient},
		{"bad gateway", status(502), poll.Transient, poll.Transient},
		{"REST 1.2 says no", &APIError{StatusCode: 500, report: failure.Report{Legacy: true}}, poll.Final, poll.Final},
		{"a broken connection", io.ErrUnexpectedEOF, poll.Transient, poll.Transient},
		{"a certificate", &tls.CertificateVerificationError{Err: errors.New("x")}, poll.Final, poll.Transient},
		{"a sign-in page", &response.Failure{Err: response.ErrPage}, poll.Final, poll.Transient},
	} {
		assert.Equal(t, row.first, judgePoll(row.err, false), row.name)
		assert.Equal(t, row.before, judgePoll(row.err, true), row.name)
	}
}

// zipped returns a response with a compressed body.
func zipped(body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		var text bytes.Buffer
		z := gzip.NewWriter(&text)
		io.WriteString(z, body)
		z.Close()
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Length": {strconv.Itoa(text.Len())}},
			ContentLength: int64(text.Len()), Body: io.NopCloser(&text), Request: r,
		}, nil
	}
}

// Long lists are accepted, with small or with repetitive elements.
func TestDo_longLists(t *testing.T) {
	for name, cluster := range map[string]string{
		"small": `{"cluster_id":"0101-120000-%08x"},`,
		"usual": `{"cluster_id":"0101-120000-%08[1]x","cluster_name":"etl %[1]d","default_tags":{"ClusterName":"etl %[1]d"},"spark_conf":{"a":"b"},"executors":[{"node_id":"a"},{"node_id":"b"}],` +
			`"state_message":"` + strings.Repeat("the same ", 200) + `"},`,
	} {
		var text strings.Builder
		text.WriteString(`{"clusters":[`)
		for i := range 30_000 {
			fmt.Fprintf(&text, cluster, uint32(i)*2654435761) // as good as random
		}
		body := strings.TrimSuffix(text.String(), ",") + "]}"
		for form, response := range map[string]func(*http.Request) (*http.Response, error){"plain": respond(200, body), "compressed": zipped(body)} {
			c, s := scriptedClient(t, nil, response, response)
			list, err := c.Clusters.List(t.Context(), ListClusters{})
			require.NoError(t, err, "%s, %s", name, form)
			assert.Len(t, list, 30_000)
			n := 0
			for _, err := range c.Clusters.All(t.Context(), ListClusters{}) {
				require.NoError(t, err)
				n++
			}
			assert.Equal(t, 30_000, n)
			assert.Equal(t, []string{"gzip"}, s.sent[0].Header["Accept-Encoding"])
		}
	}
}

// An interrupted export, compressed or not, is an error and not a shorter file.
func TestExport_cutIsNoEnd(t *testing.T) {
	whole := strings.Repeat("print(1)\n", 10_000)
	for name, response := range map[string]func(*http.Request) (*http.Response, error){"plain": respond(200, whole), "compressed": zipped(whole)} {
		cut := func(r *http.Request) (*http.Response, error) {
			resp, err := response(r)
			if err == nil {
				resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, resp.ContentLength/2), iotest.ErrReader(io.ErrUnexpectedEOF)))
			}
			return resp, err
		}
		c, _ := scriptedClient(t, nil, response, cut, cut, cut, cut, cut)
		in := ExportObject{Path: "/a", DirectDownload: true}
		got, err := c.Workspace.Export(t.Context(), in)
		require.NoError(t, err, name)
		assert.Equal(t, whole, string(got.Content))
		got, err = c.Workspace.Export(t.Context(), in)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
		assert.Nil(t, got)
	}
}

// No error contains secrets of a request that the service sent back, or control
// characters of a terminal.
func TestErrors_serversText(t *testing.T) {
	echo := func(r *http.Request) (*http.Response, error) {
		body, _ := r.GetBody()
		sent, _ := io.ReadAll(body)
		said, _ := json.Marshal(map[string]any{
			"error_code": "NO " + r.Header.Get("Authorization"), "message": "not \x1b[2J\u0084\n" + string(sent),
			"details": []any{map[string]any{"request_id": r.Header.Get("Authorization")}, map[string]any{"reason": string(sent)}},
		})
		return respond(400, string(said))(r)
	}
	c, _ := scriptedClient(t, nil, echo, echo)
	for _, err := range []error{
		c.Secrets.Put(t.Context(), PutSecret{Scope: "vault", Key: "k", StringValue: new(Secret("hunter2!"))}),
		c.Libraries.Install(t.Context(), "x", []Library{{PyPI: &PyPILibrary{Package: "p", Repo: "https://me:hunter2!@pypi.example.com"}}}),
	} {
		e, ok := errors.AsType[*APIError](err)
		require.True(t, ok, "%v", err)
		said := fmt.Sprintf("%v %+v %q", err, *e, e.Details)
		for _, secret := range []string{"hunter2!", "dapi-test-token"} {
			assert.NotContains(t, said, secret)
		}
		assert.NotContains(t, err.Error()+e.Message, "\x1b")
		assert.NotContains(t, err.Error()+e.Message, "\u0084")
		assert.NotContains(t, err.Error(), "\n")
		assert.Contains(t, err.Error(), "not [2J")
	}
}
