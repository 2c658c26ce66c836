package failure

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-databricks/databricks/internal/redact"
)

func TestRead(t *testing.T) {
	for _, row := range []struct {
		form   string
		status int
		header [2]string
		body   string
		want   Report
	}{
		{"standard", 400, [2]string{}, `{"error_code":"INVALID_STATE","message":"Cluster is in unexpected state"}`,
			Report{Code: "INVALID_STATE", Message: "Cluster is in unexpected state"}},
		{"code is a number", 403, [2]string{}, `{"error_code":403,"message":"Invalid access token."}`, Report{Message: "Invalid access token."}},
		{"code is digits", 403, [2]string{}, `{"error_code":"403","message":"Unauthorized access to Org: 1"}`, Report{Message: "Unauthorized access to Org: 1"}},
		{"code is null", 400, [2]string{}, `{"error_code":null,"message":null}`, Report{Message: "Bad Request"}},
		{"message of an odd type", 400, [2]string{}, `{"error_code":"X","message":{"a":1}}`, Report{Code: "X", Message: `{"a":1}`}},
		{"REST 1.2", 500, [2]string{}, `{"error":"RuntimeException: Unknown cluster id x"}`, Report{Message: "RuntimeException: Unknown cluster id x", Legacy: true}},
		{"a gateway on a path of REST 1.2", 500, [2]string{}, `{"status":500,"error":"Internal Server Error"}`, Report{Message: "Internal Server Error"}},
		{"SCIM", 404, [2]string{}, `{"schemas":["s"],"detail":"no user","status":"404","scimType":"noTarget"}`, Report{Code: "SCIM_404", Message: "noTarget no user"}},
		{"SCIM with a number", 404, [2]string{}, `{"detail":"no user","status":404}`, Report{Code: "SCIM_404", Message: "no user"}},
		{"Azure's resource manager", 404, [2]string{}, `{"error":{"code":"ResourceNotFound","message":"gone"}}`, Report{Code: "ResourceNotFound", Message: "gone"}},
		{"prefix", 403, [2]string{}, "PERMISSION_DENIED: not\nyou", Report{Code: "PERMISSION_DENIED", Message: "not\nyou"}},
		{"page", 502, [2]string{}, "<html><title>502</title><pre> upstream &lt;down&gt; </pre></html>", Report{Code: "BAD_GATEWAY", Message: "502", Stranger: true}},
		{"page of 2020", 403, [2]string{}, "<html><body><h2>HTTP ERROR 403</h2><p>Problem accessing /api/2.0/x. Reason:\n<pre>    Invalid access token.</pre></p></body></html>",
			Report{Code: "FORBIDDEN", Message: "Invalid access token.", Stranger: true}},
		{"page without words", 500, [2]string{}, "<html>", Report{Code: "INTERNAL_SERVER_ERROR", Message: "Internal Server Error", Stranger: true}},
		{"empty", 504, [2]string{}, "", Report{Message: "Gateway Timeout"}},
		{"empty with a reason", 403, [2]string{"X-Databricks-Reason-Phrase", "Invalid access token."}, " \n", Report{Message: "Invalid access token."}},
		{"an unknown status", 599, [2]string{}, "", Report{Message: "no reason given"}},
		{"text", 503, [2]string{}, "No webapps are available to handle your request.", Report{Code: "UNKNOWN", Message: "No webapps are available to handle your request."}},
		{"JSON that is no object", 500, [2]string{}, `["a"]`, Report{Code: "UNKNOWN", Message: `["a"]`}},
		{"incomplete JSON", 500, [2]string{}, `{"error_code":"X"`, Report{Code: "UNKNOWN", Message: `{"error_code":"X"`}},
		{"request id in the message", 500, [2]string{}, `{"message":"oops [ReqId: ab-1]"}`, Report{Message: "oops [ReqId: ab-1]", RequestID: "ab-1"}},
		{"request id in the header", 500, [2]string{"X-Request-Id", "ab-2"}, `{"message":"oops"}`, Report{Message: "oops", RequestID: "ab-2"}},
		{"redirect", 302, [2]string{"Location", "https://x.example.com/login?next=secret"}, "",
			Report{Message: "redirected to https://x.example.com/login; API calls follow no redirect, so the host is wrong, or requires a sign-in in a browser"}},
		{"private link", 302, [2]string{"Location", "/login.html?error=private-link-validation-error:1"}, "",
			Report{Code: "PRIVATE_LINK_VALIDATION_ERROR", Message: "the workspace accepts requests only through its private link"}},
	} {
		t.Run(row.form, func(t *testing.T) {
			h := http.Header{}
			if row.header[0] != "" {
				h.Set(row.header[0], row.header[1])
			}
			got := Read("/api/1.2/x", row.status, h, []byte(row.body), nil)
			assert.Equal(t, row.want, got)
		})
	}
}

func TestRead_formOf12OnAnotherPath(t *testing.T) {
	got := Read("/api/2.0/jobs/create", 500, http.Header{}, []byte(`{"error":"RuntimeException: no"}`), nil)
	assert.Equal(t, Report{Message: "RuntimeException: no"}, got)
}

func TestRead_unreadable(t *testing.T) {
	got := Read("/api/2.0/x", 500, http.Header{}, nil, errors.New("reset"))
	assert.Equal(t, Report{Code: "IO_READ", Message: "the response was interrupted: reset"}, got)
}

func TestRead_detailsOfAnyShape(t *testing.T) {
	got := Read("/api/2.0/x", 400, http.Header{}, []byte(`{"error_code":"X","message":"m","details":[{"@type":"t","reason":1},"odd",7,null]}`), nil)
	assert.Equal(t, "X", got.Code)
	assert.Len(t, got.Details, 4)
	got = Read("/api/2.0/x", 400, http.Header{}, []byte(`{"error_code":"X","message":"m","details":{"a":1}}`), nil)
	assert.Equal(t, Report{Code: "X", Message: "m"}, got)
}

func TestHide(t *testing.T) {
	r := Read("/api/2.0/x", 400, http.Header{}, []byte(`{"message":"token abcd1234 is bad","details":[{"a":"abcd1234"},{"b":1}]}`), nil)
	r.Hide(redact.Hide("abcd1234"))
	assert.Equal(t, "token [redacted] is bad", r.Message)
	assert.Len(t, r.Details, 1)
	r.Hide(redact.Hide("")) // there is nothing to hide
	r.Hide(redact.Hide())
	assert.Equal(t, "token [redacted] is bad", r.Message)
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"error_code":1,"details":[null]}`, "<pre>", "A_B: c", `{"error":{"code":1}}`, "[", "\xff"} {
		f.Add(500, seed)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := Read("/api/1.2/x", status, http.Header{}, []byte(body), nil)
		r.Hide(redact.Hide("secret"))
		if r.Message == "" || strings.Contains(r.Message, "secret") {
			t.Errorf("%q: %+v", body, r)
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "8", " 9 ", "-1", "1e9", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "soon"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		pause, ok := parseRetryAfter(value, time.Now())
		if pause < 0 || !ok && pause != 0 {
			t.Errorf("%q: %v, %v", value, pause, ok)
		}
	})
}
