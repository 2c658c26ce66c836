package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// The content of presigned URLs is never visible, regardless of the storage's
// response.
func TestLeaks_presignedURLs(t *testing.T) {
	const url = "https://storage.databrickstest.invalid/bucket/f?X-Amz-Signature=" + leakSignature + "&partNumber=1"
	const signed = `{"url":"` + url + `","part_number":1,"headers":[{"name":"X-Amz-Server-Side-Encryption-Customer-Key","value":"` + leakHeader + `"}]}`
	echo := "<Error><Code>SignatureDoesNotMatch</Code><Message>No: " + leakSignature + " " + leakHeader + "</Message><StringToSign>" + url + "</StringToSign><RequestId>" + leakSignature + "</RequestId></Error>"
	respond := func(path, body string) databrickstest.Fault {
		return databrickstest.Fault{Path: path, Times: -1, Status: 200, ContentType: "application/json", Body: body}
	}
	for name, fault := range map[string]databrickstest.Fault{
		"refused":     {Match: atStorage, Times: -1, Status: 403, Body: echo},
		"unavailable": {Match: atStorage, Times: -1, Status: 503, Body: echo},
		"page":        {Match: atStorage, Times: -1, Status: 502, Body: "<html><pre>" + url + "</pre></html>"},
		"redirect":    {Match: atStorage, Times: -1, Redirect: url},
		"reset":       {Match: atStorage, Times: -1, Reset: true},
		"no way":      {Match: atStorage, Times: -1, Refuse: true},
	} {
		for _, google := range []bool{false, true} {
			t.Run(fmt.Sprint(name, google), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					out := new(sink)
					logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-100)}))
					server := newVolume(t, anyPart, databrickstest.WithToken(leakToken), databrickstest.WithLogger(logger))
					kind := "multipart_upload"
					if google {
						kind = "resumable_upload"
					}
					server.Inject(databrickstest.Fault{Times: -1, Status: 200, ContentType: "application/json", Body: `{"` + kind + `":{"session_token":"` + leakSession + `"}}`,
						Match: func(r *http.Request) bool { return r.URL.Query().Get("action") == "initiate-upload" }})
					server.Inject(respond("/api/2.0/fs/create-upload-part-urls", `{"upload_part_urls":[`+signed+`]}`))
					server.Inject(respond("/api/2.0/fs/create-resumable-upload-url", `{"resumable_upload_url":`+signed+`}`))
					server.Inject(respond("/api/2.0/fs/create-abort-upload-url", `{"abort_upload_url":`+signed+`}`))
					server.Inject(fault)
					observe := func(values ...any) { out.show(values...) }
					client := server.Client(databricks.WithLogger(logger), databricks.WithObserver(databricks.Observer{
						CallEnd:    func(_ context.Context, c databricks.CallInfo) { observe(c) },
						AttemptEnd: func(_ context.Context, a databricks.AttemptInfo) { observe(a) },
					}), databricks.WithHTTPClient(&http.Client{Transport: chatty{server.Transport()}}))
					err := databricks.UploadInParts(t.Context(), client.Files, openTemp(t, noise(9)), volumeDir+"/f", databricks.UploadOptions{
						Save: func(p databricks.PendingUpload) error { out.show(p, &p); return nil },
					}, unit)
					out.show(err)
					if !google { // because the last chunk may have been accepted
						require.NoError(t, err, "it is sent in one request")
					}
					err = client.Files.AbortUpload(t.Context(), databricks.PendingUpload{Path: volumeDir + "/f", SessionToken: leakSession, InOrder: google})
					require.Error(t, err)
					out.show(err)
					if refusal, ok := errors.AsType[*databricks.StorageError](err); ok {
						out.show(*refusal)
					}
					for _, r := range server.Requests() {
						fmt.Fprintf(out, "%s %s %s %v %s\n", r.Method, r.Path, r.Query.Encode(), r.Header, bytes.TrimSpace(r.Body))
					}
					assert.Empty(t, out.leaks())
					assert.Greater(t, out.text.Len(), 1000, "there was something to search")
				})
			})
		}
	}
}

// A download shows neither the credential nor a presigned URL to which it is
// redirected, and sends no request to the storage.
func TestLeaks_volumeDownloads(t *testing.T) {
	const redirect = "https://storage.databrickstest.invalid/bucket/f?X-Amz-Signature=" + leakSignature
	page := "<html><pre>Authorization: Bearer " + leakToken + "</pre></html>"
	for name, fault := range map[string]databrickstest.Fault{
		"redirect to the storage": {Redirect: redirect},
		"403":                     {Status: 403, Body: `{"error_code":"PERMISSION_DENIED","message":"Bearer ` + leakToken + ` may not"}`},
		"page":                    {Status: 502, Body: page, ContentType: "text/html"},
		"sign-in page":            {Status: 200, Body: page, ContentType: "text/html"},
		"reset":                   {Reset: true},
		"no way":                  {Refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := new(sink)
				logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-100)}))
				server := newVolume(t, databrickstest.WithToken(leakToken), databrickstest.WithLogger(logger))
				client := server.Client(databricks.WithLogger(logger), databricks.WithObserver(databricks.Observer{
					CallEnd:    func(_ context.Context, c databricks.CallInfo) { out.show(c) },
					AttemptEnd: func(_ context.Context, a databricks.AttemptInfo) { out.show(a) },
				}), databricks.WithHTTPClient(&http.Client{Transport: chatty{server.Transport()}}))
				require.NoError(t, client.Files.Upload(t.Context(), bytes.NewReader(noise(9)), volumeDir+"/f", databricks.UploadOptions{}))
				signed, err := client.Files.CreateDownloadURL(t.Context(), databricks.CreateDownloadURL{Path: volumeDir + "/f"})
				require.NoError(t, err)
				out.show(signed, *signed)
				assert.NotContains(t, out.text.String(), query(t, string(signed.URL)))
				fault.Times = -1
				server.Inject(fault)
				dir := t.TempDir()
				for name, download := range map[string]func() error{
					"Download": func() error {
						return client.Files.Download(t.Context(), volumeDir+"/f", io.Discard, databricks.DownloadOptions{})
					},
					"DownloadFile": func() error {
						return client.Files.DownloadFile(t.Context(), volumeDir+"/f", filepath.Join(dir, "f"), databricks.DownloadOptions{Resume: true})
					},
					"DownloadDir": func() error {
						_, err := client.Files.DownloadDir(t.Context(), volumeDir, dir, databricks.DirOptions{})
						return err
					},
					"Open": func() error {
						_, err := client.Files.Open(t.Context(), volumeDir+"/f")
						return err
					},
					"Read": func() error {
						_, err := client.Files.Read(t.Context(), databricks.ReadFile{Path: volumeDir + "/f", Length: 9})
						return err
					},
					"CreateDownloadURL": func() error {
						_, err := client.Files.CreateDownloadURL(t.Context(), databricks.CreateDownloadURL{Path: volumeDir + "/f"})
						return err
					},
				} {
					err := download()
					if name != "Open" || fault.Status != http.StatusOK { // a HEAD has no page
						require.Error(t, err, name)
					}
					out.show(err)
				}
				for _, r := range server.Requests() {
					assert.False(t, inStorage(r), "%s %s", r.Method, r.Host)
				}
				assert.Empty(t, out.leaks())
				assert.Greater(t, out.text.Len(), 1000, "there was something to search")
			})
		})
	}
}

// query returns the query of a URL.
func query(t *testing.T, text string) string {
	u, err := url.Parse(text)
	require.NoError(t, err)
	require.NotEmpty(t, u.RawQuery)
	return u.RawQuery
}

// chatty is a transport whose errors contain the request, as those of an
// http.Client do.
type chatty struct{ http.RoundTripper }

func (c chatty) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		err = fmt.Errorf("%s %q: %w", r.Method, r.URL, err)
	}
	return resp, err
}
