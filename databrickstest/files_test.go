package databrickstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fetch sends a request without a client of the library, with or without a
// socket.
func fetch(t *testing.T, s *Server, call, body string, header ...string) (*http.Response, string) {
	t.Helper()
	method, url, _ := strings.Cut(call, " ")
	if strings.HasPrefix(url, "/") {
		url = s.host() + url
		header = append(header, "Authorization", "Bearer "+s.Token)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: s.Transport()}
	if s.http != nil { // through the socket
		client.Transport = nil
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

// says checks the response to a request: its status, and a part of its body.
func says(t *testing.T, s *Server, status int, holds, call, body string, header ...string) *http.Response {
	t.Helper()
	resp, text := fetch(t, s, call, body, header...)
	require.Equal(t, status, resp.StatusCode, "%s: %s", call, text)
	require.Contains(t, text, holds, call)
	return resp
}

const (
	fsFiles = "/api/2.0/fs/files/Volumes/main/default/files"
	fsDirs  = "/api/2.0/fs/directories/Volumes/main/default/files"
)

func TestFiles(t *testing.T) {
	for name, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, append(opts, WithVolume("main.default.files"))...)
			s.URL()
			says(t, s, 204, "", "PUT "+fsFiles+"/a/b.txt?overwrite=false", "0123456789")
			says(t, s, 409, "ALREADY_EXISTS", "PUT "+fsFiles+"/a/b.txt?overwrite=false", "x")
			says(t, s, 204, "", "PUT "+fsFiles+"/a/b.txt", "0123456789")
			says(t, s, 409, "ALREADY_EXISTS", "PUT "+fsFiles+"/a", "x")
			says(t, s, 409, "ALREADY_EXISTS", "PUT "+fsFiles+"/a/b.txt/c", "x")
			says(t, s, 404, "NOT_FOUND", "PUT /api/2.0/fs/files/Volumes/main/default/none/x", "x")
			says(t, s, 400, "INVALID_PARAMETER_VALUE", "PUT /api/2.0/fs/files/tmp/x", "x")
			says(t, s, 400, "INVALID_PARAMETER_VALUE", "PUT "+fsFiles+"/a/%2e%2e/x", "x")
			says(t, s, 400, "255 bytes", "PUT "+fsFiles+"/"+strings.Repeat("n", 256), "x")

			whole := says(t, s, 200, "0123456789", "GET "+fsFiles+"/a/b.txt", "")
			part := says(t, s, 206, "345", "GET "+fsFiles+"/a/b.txt", "", "Range", "bytes=3-5")
			assert.Equal(t, "bytes 3-5/10", part.Header.Get("Content-Range"))
			assert.Equal(t, whole.Header.Get("Etag"), part.Header.Get("Etag"))
			says(t, s, 206, "9", "GET "+fsFiles+"/a/b.txt", "", "Range", "bytes=9-100")
			says(t, s, 206, "89", "GET "+fsFiles+"/a/b.txt", "", "Range", "bytes=-2")
			says(t, s, 416, "", "GET "+fsFiles+"/a/b.txt", "", "Range", "bytes=10-")
			says(t, s, 412, "", "GET "+fsFiles+"/a/b.txt", "", "If-Unmodified-Since", "Mon, 01 Jan 1990 00:00:00 GMT")
			says(t, s, 200, "", "GET "+fsFiles+"/a/b.txt", "", "If-Unmodified-Since", whole.Header.Get("Last-Modified"))
			says(t, s, 412, "", "GET "+fsFiles+"/a/b.txt", "", "If-Match", `"other"`)
			head := says(t, s, 200, "", "HEAD "+fsFiles+"/a/b.txt", "")
			assert.EqualValues(t, 10, head.ContentLength)
			says(t, s, 404, "", "HEAD "+fsFiles+"/a", "")
			says(t, s, 404, "NOT_FOUND", "GET "+fsFiles+"/a", "")

			says(t, s, 204, "", "PUT "+fsDirs+"/d/e", "")
			says(t, s, 204, "", "PUT "+fsDirs+"/d/e", "")
			says(t, s, 409, "existing file", "PUT "+fsDirs+"/a/b.txt", "")
			says(t, s, 200, "", "HEAD "+fsDirs+"/d", "")
			says(t, s, 404, "", "HEAD "+fsDirs+"/a/b.txt", "")
			says(t, s, 200, `{"contents":[{"path":"/Volumes/main/default/files/a","name":"a","is_directory":true}],"next_page_token":`, "GET "+fsDirs+"?page_size=1", "")
			says(t, s, 200, `"name":"b.txt","is_directory":false,"file_size":10,"last_modified":`, "GET "+fsDirs+"/a/", "")
			says(t, s, 200, `{}`, "GET "+fsDirs+"/d/e", "")
			says(t, s, 404, "FILES_API_DIRECTORY_IS_NOT_FOUND", "GET "+fsDirs+"/none", "")
			says(t, s, 400, "FILES_API_DIRECTORY_IS_NOT_EMPTY", "DELETE "+fsDirs+"/d", "")
			says(t, s, 200, "", "DELETE "+fsDirs+"/d/e", "")
			says(t, s, 404, "NOT_FOUND", "DELETE "+fsFiles+"/d", "")
			says(t, s, 200, "", "DELETE "+fsFiles+"/a/b.txt", "")
			says(t, s, 404, "NOT_FOUND", "DELETE "+fsFiles+"/a/b.txt", "")
			says(t, s, 200, "", "HEAD "+fsDirs+"/a", "")
			says(t, s, 400, "INVALID_PARAMETER_VALUE", "GET /api/2.0/fs/directories/Volumes/main/default", "")
		})
	}
}

// A presignedURL is a URL in a response of the workspace.
type presignedURL struct {
	URL     string
	Headers []struct{ Name, Value string }
}

func (u presignedURL) header() (pairs []string) {
	for _, h := range u.Headers {
		pairs = append(pairs, h.Name, h.Value)
	}
	return pairs
}

func TestFiles_parts(t *testing.T) {
	for name, opts := range map[string][]Option{"socket": nil, "transport": {WithoutSocket()}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, append(opts, WithVolume("main.default.files"), WithFilesLimits(FilesLimits{MinPart: 3}))...)
			s.URL()
			_, text := fetch(t, s, "POST "+fsFiles+"/big?action=initiate-upload&overwrite=false", "")
			var session struct {
				M struct {
					Token string `json:"session_token"`
				} `json:"multipart_upload"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &session), text)
			ask := func(more string) string {
				return fmt.Sprintf(`{"path":"/Volumes/main/default/files/big","session_token":%q,"expire_time":%q%s}`,
					session.M.Token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), more)
			}
			_, text = fetch(t, s, "POST /api/2.0/fs/create-upload-part-urls", ask(`,"start_part_number":1,"count":2`))
			var urls struct {
				URLs []presignedURL `json:"upload_part_urls"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &urls), text)
			require.Len(t, urls.URLs, 2)

			says(t, s, 403, "signed", "PUT "+urls.URLs[0].URL, "abc")
			says(t, s, 400, "InvalidArgument", "PUT "+urls.URLs[0].URL, "abc", append(urls.URLs[0].header(), "Authorization", "Bearer x")...)
			says(t, s, 403, "SignatureDoesNotMatch", "PUT "+strings.Replace(urls.URLs[0].URL, "partNumber=1", "partNumber=2", 1), "abc", urls.URLs[0].header()...)
			first := says(t, s, 200, "", "PUT "+urls.URLs[0].URL, "abc", urls.URLs[0].header()...)
			second := says(t, s, 200, "", "PUT "+urls.URLs[1].URL, "de", urls.URLs[1].header()...)
			says(t, s, 404, "NOT_FOUND", "GET "+fsFiles+"/big", "")

			complete := fmt.Sprintf("POST %s/big?action=complete-upload&upload_type=multipart&session_token=%s", fsFiles, session.M.Token)
			says(t, s, 400, "1 are named", complete, `{"parts":[{"part_number":1,"etag":"x"}]}`)
			says(t, s, 400, "etag", complete, `{"parts":[{"part_number":1,"etag":"x"},{"part_number":2,"etag":"y"}]}`)
			parts := fmt.Sprintf(`{"parts":[{"part_number":1,"etag":%q},{"part_number":2,"etag":%q}]}`, first.Header.Get("Etag"), second.Header.Get("Etag"))
			says(t, s, 200, "{}", complete, parts)
			says(t, s, 404, "NOT_FOUND", complete, parts)
			says(t, s, 200, "abcde", "GET "+fsFiles+"/big", "")
			says(t, s, 409, "ALREADY_EXISTS", "POST "+fsFiles+"/big?action=initiate-upload&overwrite=false", "")

			_, text = fetch(t, s, "POST /api/2.0/fs/create-download-url?path=/Volumes/main/default/files/big&expire_time="+
				time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "")
			var download presignedURL
			require.NoError(t, json.Unmarshal([]byte(text), &download), text)
			says(t, s, 206, "bc", "GET "+download.URL, "", "Range", "bytes=1-2")
			says(t, s, 403, "SignatureDoesNotMatch", "DELETE "+download.URL, "")
			for _, r := range s.Requests() {
				assert.NotContains(t, fmt.Sprint(r.Query), session.M.Token)
			}
		})
	}
}

func TestFiles_urlsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithVolume("main.default.files"), WithFilesLimits(FilesLimits{URLLife: time.Minute}))
		says(t, s, 204, "", "PUT "+fsFiles+"/f", "content")
		_, text := fetch(t, s, "POST /api/2.0/fs/create-download-url?path=/Volumes/main/default/files/f&expire_time="+
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "")
		var download presignedURL
		require.NoError(t, json.Unmarshal([]byte(text), &download), text)
		time.Sleep(time.Minute)
		says(t, s, 200, "content", "GET "+download.URL, "")
		time.Sleep(time.Millisecond)
		says(t, s, 403, "Request has expired", "GET "+download.URL, "")
	})
}

func TestFiles_withoutPresignedURLs(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithVolume("main.default.files"), WithoutPresignedURLs())
	says(t, s, 403, "FILES_API_API_IS_NOT_ENABLED", "POST "+fsFiles+"/big?action=initiate-upload", "")
}

func TestFiles_resumable(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithVolume("main.default.files"), WithResumableUploads())
	_, text := fetch(t, s, "POST "+fsFiles+"/dir/big?action=initiate-upload&overwrite=false", "")
	token := strings.Split(text, `"`)[5]
	_, text = fetch(t, s, "POST /api/2.0/fs/create-resumable-upload-url", fmt.Sprintf(`{"path":"/Volumes/main/default/files/dir/big","session_token":%q}`, token))
	var out struct {
		URL presignedURL `json:"resumable_upload_url"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	unit := strings.Repeat("x", 256<<10)
	says(t, s, 400, "multiples", "PUT "+out.URL.URL, "abc", "Content-Range", "bytes 0-2/*")
	resp := says(t, s, 308, "", "PUT "+out.URL.URL, unit, "Content-Range", "bytes 0-262143/*")
	assert.Equal(t, "bytes=0-262143", resp.Header.Get("Range"))
	says(t, s, 400, "fit", "PUT "+out.URL.URL, "abc", "Content-Range", "bytes 5-7/8")
	resp = says(t, s, 308, "", "PUT "+out.URL.URL, "", "Content-Range", "bytes */*")
	assert.Equal(t, "bytes=0-262143", resp.Header.Get("Range"))
	says(t, s, 200, "", "PUT "+out.URL.URL, "abc", "Content-Range", "bytes 262144-262146/262147")
	says(t, s, 404, "", "PUT "+out.URL.URL, "", "Content-Range", "bytes */*")
	says(t, s, 200, unit+"abc", "GET "+fsFiles+"/dir/big", "")
	says(t, s, 200, "", "DELETE "+fsFiles+"/dir/big", "")
	says(t, s, 404, "", "HEAD "+fsDirs+"/dir", "")
}
