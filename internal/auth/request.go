package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of token requests.
const (
	attemptBound = 30 * time.Second
	retryBound   = time.Minute // no attempt starts after this time
	firstPause   = 500 * time.Millisecond
	longestPause = 20 * time.Second
	maxResponse  = 1 << 20
)

// A requester sends token requests. It has its own retries, separate from those of
// the client. It follows no redirects.
type requester struct {
	proxied, direct http.RoundTripper
	userAgent       string
}

func newRequester(s Surroundings) *requester {
	q := &requester{s.Transport, s.Transport, s.UserAgent}
	if t, ok := s.Transport.(*http.Transport); ok && t.Proxy != nil {
		direct := t.Clone()
		direct.Proxy, direct.DisableKeepAlives = nil, true
		q.direct = direct
	}
	return q
}

// A tokenRequest is a request to a token issuer.
type tokenRequest struct {
	method, url string
	query       url.Values // added to the query of the URL
	form        url.Values // request body, unless nil
	header      http.Header
	retry       []int         // additional statuses to retry
	bound       time.Duration // limit for an attempt; 0 for the default
	secrets     []string      // removed from errors
}

// A tokenResponse is a response with its complete body.
type tokenResponse struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request, and retries it until it gets a conclusive response.
func (q *requester) send(ctx context.Context, t tokenRequest) (*tokenResponse, error) {
	u, err := url.Parse(t.url)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not a URL", shorten(t.url))
	}
	if extra := t.query.Encode(); extra != "" {
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+extra, "&")
	}
	end := time.Now().Add(retryBound)
	if once, _ := ctx.Value(onceKey{}).(bool); once {
		end = time.Time{}
	}
	for n := 0; ; n++ {
		a, err := q.attempt(ctx, t, u)
		if err == nil && !t.again(a.status) {
			return a, nil
		}
		pause := firstPause << min(n, 10)
		pause = min(pause/2+rand.N(pause/2), longestPause)
		if err == nil {
			if seconds, ok := retryAfter(a.header.Get("Retry-After")); ok {
				pause = seconds
			}
		}
		late := time.Now().Add(pause).After(end)
		if err != nil && (late || ctx.Err() != nil || permanent(err)) {
			return nil, &Error{Request: t.method + " " + place(u), Err: err}
		}
		if late {
			return a, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

func (t *tokenRequest) again(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return slices.Contains(t.retry, status)
}

func (q *requester) attempt(ctx context.Context, t tokenRequest, u *url.URL) (*tokenResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.bound, attemptBound))
	defer cancel()
	var body io.Reader
	if t.form != nil {
		body = strings.NewReader(t.form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, t.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.Header = t.header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", q.userAgent)
	if t.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	transport := q.proxied
	if local(u.Hostname()) {
		transport = q.direct
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return nil, err
	}
	return &tokenResponse{resp.StatusCode, resp.Header, content}, nil
}

// permanent reports whether a retry would fail in the same way.
func permanent(err error) bool {
	return strings.Contains(err.Error(), "tls: failed to verify certificate") || strings.Contains(err.Error(), "no such host")
}

func retryAfter(value string) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	return max(0, time.Until(date)), err == nil
}

// place returns a URL without its query and user.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// sendJSON sends a request. The response must have status 200 and JSON.
func (q *requester) sendJSON(ctx context.Context, t tokenRequest, out any) error {
	a, err := q.send(ctx, t)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return t.rejection(a)
	}
	if err := json.Unmarshal(bytes.TrimPrefix(a.body, []byte("\xef\xbb\xbf")), out); err != nil {
		return t.failure(a, errors.New("the response is not the expected JSON"))
	}
	return nil
}

// An Error says why the client could not get a token.
type Error struct {
	Kind        string // kind of credential, as in auth_type
	Request     string // method and URL of the token request, without its query; or a command
	StatusCode  int    // status of the response; 0 if there was none
	Code        string // error code in the response, such as invalid_client
	Description string // the issuer's message
	Hint        string // the usual cause
	Err         error  // further cause
}

// Error returns the error in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Kind != "" {
		b.WriteString(e.Kind + ": ")
	}
	b.WriteString("no token from " + e.Request)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": %d", e.StatusCode)
	}
	for _, part := range []string{e.Code, e.Description} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

func (t *tokenRequest) failure(a *tokenResponse, err error) *Error {
	u, _ := url.Parse(t.url) // valid, because the request was sent to it
	return &Error{Request: t.method + " " + place(u), StatusCode: a.status, Err: err}
}

// rejection returns the error for a response without a token.
func (t *tokenRequest) rejection(a *tokenResponse) error {
	e := t.failure(a, nil)
	var form struct {
		Error       any `json:"error"`
		Description any `json:"error_description"`
		Message     any `json:"message"`
		ErrorCode   any `json:"error_code"`
	}
	if json.Unmarshal(a.body, &form) == nil {
		switch inner := form.Error.(type) {
		case string:
			e.Code = inner
		case map[string]any: // Azure's resource manager, App Service
			e.Code, _ = inner["code"].(string)
			form.Description = inner["message"]
		}
		code, _ := form.ErrorCode.(string)
		e.Code = cmp.Or(e.Code, code)
		e.Description, _ = form.Description.(string)
		if message, ok := form.Message.(string); ok && e.Description == "" {
			e.Description = message
		}
	}
	if location := a.header.Get("Location"); location != "" && a.status < 400 {
		location, _, _ = strings.Cut(location, "?")
		e.Description = "redirected to " + location + ", which is not followed"
	}
	e.Code, e.Description = t.clean(e.Code, 100), t.clean(e.Description, 600)
	if e.Code == "" && e.Description == "" {
		e.Description = strings.ToLower(http.StatusText(a.status))
	}
	e.Hint = hint(e.Code, e.Description)
	return e
}

var looksSecret = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+(\.[\w-]*)?|\bdapi[0-9a-f]{16,}(-\d+)?|\bdose[0-9a-f]{16,}`)

// clean prepares text of a server for an error: one line, without secrets.
func (t *tokenRequest) clean(text string, bound int) string {
	for _, secret := range t.secrets {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return cleanText(text, bound)
}

func cleanText(text string, bound int) string {
	text = looksSecret.ReplaceAllString(text, "[redacted]")
	text = strings.ToValidUTF8(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 }), " "), "")
	if len(text) > bound {
		text = strings.ToValidUTF8(text[:bound], "") + "…"
	}
	return text
}

// hint returns the usual cause of a rejection.
func hint(code, description string) string {
	for _, h := range []struct{ code, text, hint string }{
		{"", "AADSTS7000215", "the client secret is wrong; use the secret's value, not its ID"},
		{"", "AADSTS7000222", "the client secret has expired; create a new one"},
		{"", "AADSTS700016", "the tenant does not have this application; check azure_client_id and azure_tenant_id"},
		{"", "AADSTS90002", "the tenant does not exist; check azure_tenant_id"},
		{"", "AADSTS70021", "no federated credential of the application matches the issuer, subject and audience of the assertion"},
		{"", "Multiple user assigned identities", "the machine has several identities; set azure_client_id (ARM_CLIENT_ID) to one of them"},
		{"", "Identity not found", "the machine does not have this identity; check azure_client_id (ARM_CLIENT_ID), or enable the system identity"},
		{"invalid_client", "", "the client ID or the secret is wrong, or the service principal is not in this workspace; a Microsoft Entra secret works only with azure-client-secret"},
		{"invalid_grant", "", "no federation policy of the service principal matches the issuer, subject and audience of the token, or the token has expired"},
		{"invalid_request", "subject", "no federation policy of the service principal matches the issuer, subject and audience of the token"},
		{"unauthorized_client", "", "the application is not allowed to use this kind of credential"},
	} {
		if (h.code == "" || h.code == code) && strings.Contains(strings.ToLower(description), strings.ToLower(h.text)) {
			return h.hint
		}
	}
	return ""
}

// tokenJSON is the response of token issuers. Some send numbers as strings.
type tokenJSON struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   number `json:"expires_in"`
	ExpiresOn   number `json:"expires_on"` // Unix seconds
}

type number int64

func (n *number) UnmarshalJSON(text []byte) error {
	if value, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64); err == nil && value > 0 && value < 1<<53 {
		*n = number(value)
	}
	return nil // the time is unknown if the value is not a number
}

// token sends a request for a token.
func (q *requester) token(ctx context.Context, t tokenRequest) (*Token, error) {
	var a tokenJSON
	if err := q.sendJSON(ctx, t, &a); err != nil {
		return nil, err
	}
	if err := CheckToken("the response", a.AccessToken); err != nil {
		return nil, t.failure(&tokenResponse{status: http.StatusOK}, err)
	}
	// A lifetime is more reliable than a time of expiry if the machine's clock is
	// wrong.
	const longest = 1 << 32
	switch {
	case a.ExpiresIn > 0:
		return bearer(a.AccessToken, time.Duration(min(a.ExpiresIn, longest))*time.Second), nil
	case a.ExpiresOn > 0:
		return bearerUntil(a.AccessToken, time.Unix(int64(a.ExpiresOn), 0)), nil
	}
	return bearer(a.AccessToken, unknownLife), nil
}
