// Package failure parses error responses: those of the API's versions, of its
// gateways, and HTML pages.
package failure

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/redact"
)

// A Report describes a failure as the response reports it. Message is never empty.
type Report struct {
	Code      string // empty if there is none; numbers and strings of digits do not count as codes
	Message   string
	RequestID string
	Details   []json.RawMessage
	Legacy    bool // the {"error": …} body of REST 1.2
	Stranger  bool // the response probably comes from a proxy or gateway

	RetryAfter time.Duration // pause that the header Retry-After requests
	Asked      bool          // the header is present
}

var (
	trailingRequestID = regexp.MustCompile(`\[ReqId: ([^\]]+)\]$`)
	prefixedCode      = regexp.MustCompile(`(?s)^([A-Z][A-Z_]+): (.*)$`)
	htmlMessage       = regexp.MustCompile(`(?is)<pre[^>]*>(.*?)</pre>|<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>`)
	onlyDigits        = regexp.MustCompile(`^[0-9]*$`)
)

// Read parses an unsuccessful response to a request for path. body is the part of
// the body that was received. broken says why it is incomplete, or is nil.
func Read(path string, status int, header http.Header, body []byte, broken error) Report {
	var r Report
	r.RetryAfter, r.Asked = parseRetryAfter(header.Get("Retry-After"), time.Now())
	body = bytes.TrimSpace(body)
	switch location, _, _ := strings.Cut(header.Get("Location"), "?"); {
	case status >= 300 && status < 400 && strings.Contains(header.Get("Location"), "private-link-validation-error"):
		r.Code, r.Message = "PRIVATE_LINK_VALIDATION_ERROR", "the workspace accepts requests only through its private link"
	case status >= 300 && status < 400:
		r.Message = "redirected to " + cmp.Or(location, "nowhere") + "; API calls follow no redirect, so the host is wrong, or requires a sign-in in a browser"
	case broken != nil && len(body) == 0:
		r.Code, r.Message = "IO_READ", "the response was interrupted: "+broken.Error()
	case r.fromJSON(path, status, body):
	default:
		r.Stranger = isStranger(header, body)
		r.fromText(status, string(body))
	}
	r.Message = cmp.Or(clean(r.Message), clean(header.Get("X-Databricks-Reason-Phrase")), http.StatusText(status), "no reason given")
	if m := trailingRequestID.FindStringSubmatch(r.Message); m != nil {
		r.RequestID = m[1]
	}
	r.RequestID = cmp.Or(r.RequestID, header.Get("X-Request-Id"))
	r.Code, r.RequestID = redact.Line(r.Code, 200), redact.Line(r.RequestID, 200)
	return r
}

func clean(message string) string { return strings.TrimSpace(redact.Text(message)) }

// fromJSON parses the standard form and the forms of REST 1.2, SCIM and Azure's
// resource manager.
func (r *Report) fromJSON(path string, status int, body []byte) bool {
	var form struct {
		Code     any `json:"error_code"`
		Message  any `json:"message"`
		Details  any `json:"details"`
		Error    any `json:"error"`
		Detail   any `json:"detail"`
		ScimType any `json:"scimType"`
	}
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &form) != nil {
		return false
	}
	if code, ok := form.Code.(string); ok && !onlyDigits.MatchString(code) {
		r.Code = code
	}
	r.Message = text(form.Message)
	switch inner := form.Error.(type) {
	case string:
		if form.Code == nil && form.Message == nil {
			r.Message, r.Legacy = inner, strings.HasPrefix(path, "/api/1.2/") && hasOneMember(body)
		}
	case map[string]any: // Azure's resource manager
		code, _ := inner["code"].(string)
		r.Code, r.Message = cmp.Or(r.Code, code), cmp.Or(r.Message, text(inner["message"]))
	}
	if form.Detail != nil && r.Message == "" {
		r.Code = fmt.Sprintf("SCIM_%d", status)
		r.Message = strings.TrimSpace(text(form.ScimType) + " " + text(form.Detail))
	}
	details, _ := form.Details.([]any)
	for _, detail := range details {
		raw, _ := json.Marshal(detail) // detail was decoded from JSON
		r.Details = append(r.Details, raw)
	}
	return true
}

// hasOneMember reports whether an object has exactly one member. Errors of REST 1.2
// have one member, and those of gateways have more.
func hasOneMember(object []byte) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(object, &members) == nil && len(members) == 1
}

// isStranger reports whether a response that is not JSON is an HTML page, or has a
// header that proxies set and the service does not.
func isStranger(header http.Header, body []byte) bool {
	if bytes.HasPrefix(body, []byte("<")) {
		return true
	}
	for name, values := range header {
		switch {
		case name == "Via", strings.HasPrefix(name, "Proxy-"), strings.HasPrefix(name, "X-Squid-"):
			return true
		case name == "Server" && len(values) > 0 && !strings.HasPrefix(strings.ToLower(values[0]), "databricks"):
			return true
		}
	}
	return false
}

// fromText parses an HTML page, or a text line of a gateway.
func (r *Report) fromText(status int, body string) {
	if body == "" {
		return
	}
	if m := prefixedCode.FindStringSubmatch(body); m != nil {
		r.Code, r.Message = m[1], m[2]
		return
	}
	if !strings.HasPrefix(body, "<") {
		r.Code, r.Message = "UNKNOWN", body
		return
	}
	r.Code = strings.ReplaceAll(strings.ToUpper(http.StatusText(status)), " ", "_")
	if m := htmlMessage.FindStringSubmatch(body); m != nil {
		r.Message = strings.TrimSpace(html.UnescapeString(m[1] + m[2] + m[3]))
	}
}

// Hide removes secrets of the request from the report.
func (r *Report) Hide(secrets redact.Hider) {
	r.Code, r.Message, r.RequestID = secrets.In(r.Code), secrets.In(r.Message), secrets.In(r.RequestID)
	r.Details = slices.DeleteFunc(r.Details, func(d json.RawMessage) bool { return secrets.In(string(d)) != string(d) })
}

// text returns a JSON value as text: the value of a string, and JSON for any other
// value.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// parseRetryAfter parses the header Retry-After, which contains seconds or a date.
func parseRetryAfter(value string, now time.Time) (pause time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, 1<<32)) * time.Second, true
	}
	if onlyDigits.MatchString(value) { // the number is too large
		return 1 << 62, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}
