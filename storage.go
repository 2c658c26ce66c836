package databricks

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-databricks/databricks/internal/redact"
)

// A StorageError says that cloud storage rejected a request to a presigned URL.
// It never contains the URL.
type StorageError struct {
	Host       string // host name of the cloud storage
	StatusCode int
	Code       string // error code of the cloud storage, such as AccessDenied; empty if it sent none
	Message    string // message of the cloud storage
	RequestID  string // ID for the cloud provider's support; empty if unknown
}

// Error says in one line why the request was rejected.
func (e *StorageError) Error() string {
	text := fmt.Sprintf("the storage at %s rejected the request: %d", e.Host, e.StatusCode)
	if e.Code != "" {
		text += " " + e.Code
	}
	text += ": " + cmp.Or(e.Message, http.StatusText(e.StatusCode), "no reason given")
	if e.RequestID != "" {
		text += " (request id " + e.RequestID + ")"
	}
	return text
}

// expired reports whether the URL has expired, so that a new URL may work.
func (e *StorageError) expired() bool {
	return e.Code == "ExpiredToken" || e.StatusCode == http.StatusForbidden &&
		(strings.Contains(e.Message, "has expired") || strings.Contains(e.Message, "not valid in the specified time frame"))
}

// transient reports whether a retry may succeed.
func (e *StorageError) transient() bool {
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.StatusCode >= 500 && e.StatusCode != http.StatusNotImplemented || e.Code == "RequestTimeout"
}

// noUpload reports whether the upload of the URL does not exist or no longer
// exists.
func (e *StorageError) noUpload() bool {
	return e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusGone
}

// A presignedTarget is the destination of a request to a presigned URL.
type presignedTarget struct {
	url     *url.URL
	host    string
	headers []PresignedHeader
	hide    redact.Hider
	bound   bool // all failures count as attempts, even those without effect
}

// target parses a presigned URL.
func (u *PresignedURL) target(c *Client) (*presignedTarget, error) {
	target, err := url.Parse(string(u.URL))
	switch {
	case err != nil, target.Host == "", target.User != nil:
		return nil, errors.New("the presigned URL is not valid") // the error of url.Parse would show the URL
	case target.Scheme != "https" && target.Scheme != c.endpoint.Scheme:
		return nil, errors.New("the presigned URL is not an https URL")
	}
	target.Fragment = ""
	t := &presignedTarget{url: target, host: target.Host}
	secrets := []string{target.RawQuery}
	for _, values := range target.Query() {
		secrets = append(secrets, values...)
	}
	for _, h := range u.Headers {
		secrets = append(secrets, string(h.Value))
		switch {
		case strings.EqualFold(h.Name, "Host"):
			t.host = string(h.Value)
		case !strings.EqualFold(h.Name, "Content-Length"):
			t.headers = append(t.headers, h)
		}
	}
	t.hide = redact.Hide(slices.DeleteFunc(secrets, func(s string) bool { return len(s) < 8 })...) // the others are ordinary words
	return t, nil
}

// setHeader sets the headers of the URL. The storage receives no other headers,
// except those that describe the body.
func (t *presignedTarget) setHeader(h http.Header) {
	h.Del("Accept")
	h["User-Agent"] = nil // a nil value prevents net/http from setting its own
	for _, header := range t.headers {
		h.Set(header.Name, string(header.Value))
	}
}

// hideIn returns the error of a transport. It replaces an error that shows the URL.
func (t *presignedTarget) hideIn(err error) error {
	if t == nil || t.hide.In(err.Error()) == err.Error() {
		return err
	}
	return errors.New(t.hide.In(err.Error()))
}

// bounded reports whether all failures of a request count as attempts.
func (r Request) bounded() bool { return r.presigned != nil && r.presigned.bound }

// sendPresigned sends a request to a presigned URL. It sets the headers of the URL,
// and no credential of the workspace. It does not follow redirects.
func (c *Client) sendPresigned(ctx context.Context, u *PresignedURL, r Request, bound bool) (*ResponseInfo, error) {
	target, err := u.target(c)
	if err != nil {
		return nil, err
	}
	target.bound = bound
	r.Response, r.presigned, r.PathTemplate = new(ResponseInfo), target, r.Path
	if err := c.send(ctx, r, func(*http.Response) error { return nil }); err != nil {
		return r.Response, err
	}
	return r.Response, nil
}

// readStorageError returns the error in a response of the storage, which is XML in
// all clouds.
func readStorageError(resp *http.Response, target *presignedTarget) *StorageError {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var in struct {
		Code      string `xml:"Code"`
		Message   string `xml:"Message"`
		RequestID string `xml:"RequestId"`
		Detail    string `xml:"AuthenticationErrorDetail"` // Azure's
		Details   string `xml:"Details"`                   // Google's
	}
	if xml.Unmarshal(text, &in) != nil {
		in.Code, in.Message = "", ""
	}
	if location := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && location != "" {
		in.Message = "a redirect, which is not followed"
	}
	clean := func(text string, bound int) string {
		return redact.Line(target.hide.In(redact.Text(strings.TrimSpace(text))), bound)
	}
	message := strings.TrimSpace(in.Message + " " + in.Detail)
	return &StorageError{
		Host: hostname(target.url), StatusCode: resp.StatusCode, Code: clean(in.Code, 100), Message: clean(cmp.Or(message, in.Details), 500),
		RequestID: clean(cmp.Or(resp.Header.Get("X-Amz-Request-Id"), resp.Header.Get("X-Ms-Request-Id"), in.RequestID), 100),
	}
}

func hostname(u *url.URL) string {
	host, _, err := net.SplitHostPort(u.Host)
	if err != nil {
		return u.Host
	}
	return host
}
