package databrickstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The cloud's storage is a separate host. A presigned URL grants access without
// a credential. The storage does not know the workspace's credentials, and
// rejects requests that have one.

// storageNowhere is the URL of the storage of servers without a socket.
const storageNowhere = "https://storage.databrickstest.invalid"

// storageURL returns the base of presigned URLs.
func (s *Server) storageURL() string {
	s.life.Lock()
	defer s.life.Unlock()
	if s.storage == "" {
		return storageNowhere
	}
	return s.scheme() + s.storage
}

// isStorage reports whether a request is for the storage.
func (s *Server) isStorage(r *http.Request) bool {
	s.life.Lock()
	defer s.life.Unlock()
	return "https://"+r.Host == storageNowhere || r.Host == s.storage && r.Host != ""
}

// An uploadSession is an upload in parts or chunks.
type uploadSession struct {
	token     string // for the workspace
	id        string // for the storage
	path      string
	overwrite bool

	parts map[int]part // parts of a multipart upload; nil for a resumable upload

	chunks   contentWriter // of a resumable upload
	received int64
}

type part struct {
	content content
	etag    string
}

// act runs the action that the query names.
func (a *filesArea) act(c *call, r *http.Request, in struct {
	filePath
	Action    string `json:"action" api:"required"`
	Overwrite *bool  `json:"overwrite"`
	Type      string `json:"upload_type"`
	Token     string `json:"session_token"`
}) (any, error) {
	switch in.Action {
	case "initiate-upload":
		return a.initiate(c, in.Path, replaces(in.Overwrite))
	case "complete-upload":
		return a.complete(c, r, in.Path, in.Type, in.Token)
	}
	return nil, invalid("Unknown action '%s'", in.Action)
}

// mayPresign fails if presigned URLs are disabled.
func (a *filesArea) mayPresign() error {
	if !a.noURLs {
		return nil
	}
	return withDetails(denied("Presigned URLs API is not enabled"),
		errorInfo("FILES_API_API_IS_NOT_ENABLED", map[string]string{"api_name": "Presigned URLs"}))
}

func (a *filesArea) initiate(c *call, path string, overwrite bool) (out any, err error) {
	err = c.locked(func() error {
		if err := a.mayPresign(); err != nil {
			return err
		}
		if _, _, err := a.target(c, path, overwrite); err != nil {
			return err
		}
		session := &uploadSession{token: c.random.hex(48), id: c.random.hex(24), path: path, overwrite: overwrite}
		kind := "resumable_upload"
		if !a.google {
			kind, session.parts = "multipart_upload", map[int]part{}
		}
		a.sessions[session.token], a.byID[session.id] = session, session
		c.touch(kindUpload, session.token)
		out = map[string]any{kind: map[string]string{"session_token": session.token}}
		return nil
	})
	return out, err
}

// session returns the upload with a token.
func (a *filesArea) session(path, token string) (*uploadSession, error) {
	if err := a.mayPresign(); err != nil {
		return nil, err
	}
	session := a.sessions[token]
	if session == nil || strings.Trim(session.path, "/") != strings.Trim(path, "/") {
		return nil, fail(http.StatusNotFound, "NOT_FOUND", "The upload session is not found")
	}
	return session, nil
}

func (a *filesArea) end(c *call, session *uploadSession) {
	c.touch(kindUpload, session.token)
	delete(a.sessions, session.token)
	delete(a.byID, session.id)
}

type presigned struct {
	URL     string      `json:"url"`
	Part    int         `json:"part_number,omitzero"`
	Headers []nameValue `json:"headers,omitzero"`
}

type nameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// signedHeader is a header that an upload to a part's URL must have.
const signedHeader = "X-Amz-Server-Side-Encryption"

// presign returns a URL that allows one method for one path of the storage.
func (a *filesArea) presign(c *call, method, path string, query url.Values, expires string) (presigned, error) {
	until, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return presigned{}, invalid("expire_time '%s' is not a time of RFC 3339", expires)
	}
	life := min(until.Sub(c.now), a.limits.URLLife)
	if life <= 0 {
		return presigned{}, invalid("expire_time '%s' is over", expires)
	}
	query.Set("X-Amz-Date", c.now.UTC().Format("20060102T150405.000Z"))
	query.Set("X-Amz-Expires", strconv.Itoa(int(life.Milliseconds())))
	path = "/storage" + path
	query.Set("X-Amz-Signature", a.sign(method, path, query))
	u := presigned{URL: c.storageURL() + (&url.URL{Path: path, RawQuery: query.Encode()}).String()}
	if query.Has("partNumber") {
		u.Headers = []nameValue{{signedHeader, "AES256"}}
	}
	return u, nil
}

// sign returns the signature of a URL and a method.
func (a *filesArea) sign(method, path string, query url.Values) string {
	rest := url.Values{}
	for name, values := range query {
		if name != "X-Amz-Signature" {
			rest[name] = values
		}
	}
	mac := hmac.New(sha256.New, a.key)
	fmt.Fprintf(mac, "%s %s?%s", method, path, rest.Encode())
	return hex.EncodeToString(mac.Sum(nil))
}

func (a *filesArea) createPartURLs(c *call, in struct {
	Path    string `json:"path" api:"required"`
	Token   string `json:"session_token" api:"required"`
	Start   int    `json:"start_part_number" api:"required"`
	Count   int    `json:"count" api:"required"`
	Expires string `json:"expire_time" api:"required"`
}) (any, error) {
	session, err := a.session(in.Path, in.Token)
	switch {
	case err != nil:
		return nil, err
	case session.parts == nil:
		return nil, invalid("The upload is not a multipart upload")
	case in.Start < 1 || in.Count < 1 || in.Start > maxParts:
		return nil, invalid("start_part_number and count must be positive, and start_part_number at most %d", maxParts)
	}
	var urls []presigned
	for n := in.Start; n < in.Start+min(in.Count, a.limits.PartURLs) && n <= maxParts; n++ {
		u, err := a.presign(c, "PUT", session.path, url.Values{"uploadId": {session.id}, "partNumber": {strconv.Itoa(n)}}, in.Expires)
		if err != nil {
			return nil, err
		}
		u.Part = n
		urls = append(urls, u)
	}
	return map[string]any{"upload_part_urls": urls}, nil
}

const maxParts = 10_000

func (a *filesArea) createResumableURL(c *call, in struct {
	Path  string `json:"path" api:"required"`
	Token string `json:"session_token" api:"required"`
}) (any, error) {
	session, err := a.session(in.Path, in.Token)
	if err == nil && session.parts != nil {
		err = invalid("The upload is not a resumable upload")
	}
	if err != nil {
		return nil, err
	}
	// Google's URL identifies the session. It allows any method, and is valid
	// for a week.
	path := "/resumable" + session.path
	u := c.storageURL() + (&url.URL{Path: path, RawQuery: url.Values{
		"upload_id": {session.id}, "X-Goog-Signature": {a.sign("", path, url.Values{"upload_id": {session.id}})}}.Encode()}).String()
	return map[string]any{"resumable_upload_url": presigned{URL: u}}, nil
}

func (a *filesArea) createAbortURL(c *call, in struct {
	Path    string `json:"path" api:"required"`
	Token   string `json:"session_token" api:"required"`
	Expires string `json:"expire_time" api:"required"`
}) (any, error) {
	session, err := a.session(in.Path, in.Token)
	if err != nil {
		return nil, err
	}
	u, err := a.presign(c, "DELETE", session.path, url.Values{"uploadId": {session.id}}, in.Expires)
	return map[string]any{"abort_upload_url": u}, err
}

func (a *filesArea) createDownloadURL(c *call, r *http.Request, in struct {
	Path    string `json:"path" api:"required"`
	Expires string `json:"expire_time" api:"required"`
}) (out any, err error) {
	err = c.locked(func() error {
		if err := a.mayPresign(); err != nil {
			return err
		}
		vol, names, err := a.locate(c, in.Path)
		if err != nil {
			return err
		}
		if node := vol.find(names); node == nil || node.isDir() {
			return noSuchFile(in.Path)
		}
		out, err = a.presign(c, "GET", in.Path, url.Values{}, in.Expires)
		return err
	})
	return out, err
}

func (a *filesArea) complete(c *call, r *http.Request, path, kind, token string) (any, error) {
	text, err := readBody(r, maxBody)
	fields := map[string]any{}
	if err == nil {
		err = parseObject(text, fields)
	}
	var in struct {
		Parts []struct {
			Number int    `json:"part_number" api:"required"`
			ETag   string `json:"etag"`
		} `json:"parts" api:"required"`
	}
	if err == nil {
		err = decode(fields, &in)
	}
	if err != nil {
		return nil, err
	}
	return nil, c.locked(func() error {
		session, err := a.session(path, token)
		switch {
		case err != nil:
			return err
		case kind != "multipart" || session.parts == nil:
			return invalid("upload_type must be multipart, and so must the upload")
		case len(in.Parts) == 0 || len(in.Parts) != len(session.parts):
			return invalid("%d parts were uploaded, and %d are named", len(session.parts), len(in.Parts))
		}
		var whole contentWriter
		for i, named := range in.Parts {
			got, ok := session.parts[named.Number]
			switch {
			case !ok || i > 0 && in.Parts[i-1].Number >= named.Number:
				return invalid("Part %d was not uploaded, or is not in its order", named.Number)
			case got.etag != named.ETag:
				return invalid("The etag of part %d does not fit", named.Number)
			case got.content.size < a.limits.MinPart && i < len(in.Parts)-1:
				return invalid("Part %d has %d bytes; all but the last must have %d", named.Number, got.content.size, a.limits.MinPart)
			}
			if err := whole.append(got.content); err != nil {
				return err
			}
		}
		if err := a.place(c, session.path, session.overwrite, whole.content()); err != nil {
			return err
		}
		a.end(c, session)
		return nil
	})
}

// xmlError returns an error of the storage.
func xmlError(status int, code, message string) response {
	text, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	return response{status: status, header: http.Header{"Content-Type": {"application/xml"}}, body: text}
}

// serve returns the response to a request to the storage.
func (a *filesArea) serve(s *Server, r *http.Request) response {
	query := r.URL.Query()
	c := &call{Server: s, ctx: r.Context(), header: r.Header, now: s.now()}
	if r.Header.Get("Authorization") != "" {
		return xmlError(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed")
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/resumable"); ok {
		if !hmac.Equal([]byte(query.Get("X-Goog-Signature")), []byte(a.sign("", r.URL.Path, url.Values{"upload_id": query["upload_id"]}))) {
			return xmlError(http.StatusForbidden, "SignatureDoesNotMatch", "Access denied.")
		}
		return a.chunk(c, r, path, query.Get("upload_id"))
	}
	began, _ := time.Parse("20060102T150405.000Z", query.Get("X-Amz-Date"))
	life, _ := strconv.Atoi(query.Get("X-Amz-Expires"))
	path, ok := strings.CutPrefix(r.URL.Path, "/storage")
	switch {
	case !ok || !hmac.Equal([]byte(query.Get("X-Amz-Signature")), []byte(a.sign(r.Method, r.URL.Path, query))):
		return xmlError(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	case c.now.After(began.Add(time.Duration(life) * time.Millisecond)):
		return xmlError(http.StatusForbidden, "AccessDenied", "Request has expired")
	case query.Has("partNumber") && r.Header.Get(signedHeader) != "AES256":
		return xmlError(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed, or the other way round")
	}
	switch r.Method {
	case "GET":
		out, err := a.download(c, r, filePath{path})
		if err != nil {
			return xmlError(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		}
		if out := out.(response); out.status < 400 {
			return out
		} else {
			return xmlError(out.status, http.StatusText(out.status), "The condition or the range does not hold")
		}
	case "PUT":
		return a.putPart(c, r, query)
	default:
		err := c.locked(func() error {
			session := a.byID[query.Get("uploadId")]
			if session == nil {
				return io.EOF
			}
			a.end(c, session)
			return nil
		})
		if err != nil {
			return noSuchUpload()
		}
		return response{status: http.StatusNoContent, header: http.Header{}}
	}
}

func noSuchUpload() response {
	return xmlError(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload may have been aborted or completed.")
}

func (a *filesArea) putPart(c *call, r *http.Request, query url.Values) response {
	if r.ContentLength < 0 {
		return xmlError(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	data, err := readContent(r, a.limits.MaxPart)
	if err != nil {
		return xmlError(http.StatusBadRequest, "RequestTimeout", "The body of the request is incomplete or too long.")
	}
	number, _ := strconv.Atoi(query.Get("partNumber"))
	var etag string
	err = c.locked(func() error {
		session := a.byID[query.Get("uploadId")]
		if session == nil {
			return io.EOF
		}
		etag = `"` + c.random.hex(32) + `"`
		session.parts[number] = part{data, etag}
		c.touch(kindUpload, session.token)
		return nil
	})
	if err != nil {
		return noSuchUpload()
	}
	return response{status: http.StatusOK, header: http.Header{"Etag": {etag}}}
}

// chunk handles a chunk of a resumable upload, like Google's storage.
func (a *filesArea) chunk(c *call, r *http.Request, path, id string) response {
	data, err := readContent(r, a.limits.MaxPart)
	if err != nil && r.Method == "PUT" {
		return xmlError(http.StatusBadRequest, "InvalidArgument", "The body of the request is incomplete or too long.")
	}
	out := noSuchUpload()
	_ = c.locked(func() error {
		session := a.byID[id]
		if session == nil || session.path != path {
			return nil
		}
		if r.Method == "DELETE" {
			a.end(c, session)
			out = response{status: 499, header: http.Header{}}
			return nil
		}
		c.touch(kindUpload, session.token)
		out = a.addChunk(c, session, r.Header.Get("Content-Range"), data)
		return nil
	})
	return out
}

// chunkUnit is a divisor of the size of all chunks except the last one.
const chunkUnit = 256 << 10

func (a *filesArea) addChunk(c *call, session *uploadSession, contentRange string, data content) response {
	spec, ok := strings.CutPrefix(contentRange, "bytes ")
	span, total, both := strings.Cut(spec, "/")
	if !ok || !both {
		return xmlError(http.StatusBadRequest, "InvalidArgument", "Content-Range is missing")
	}
	size, known := int64(-1), total != "*"
	if known {
		size, _ = strconv.ParseInt(total, 10, 64)
	}
	if span != "*" {
		var first, last int64
		if _, err := fmt.Sscanf(span, "%d-%d", &first, &last); err != nil || last-first+1 != data.size || first != session.received {
			return xmlError(http.StatusBadRequest, "InvalidArgument", "Content-Range does not fit")
		}
		if data.size%chunkUnit != 0 && last+1 != size {
			return xmlError(http.StatusBadRequest, "InvalidArgument", "Chunks must be multiples of 256 KiB")
		}
		if err := session.chunks.append(data); err != nil {
			return xmlError(http.StatusInternalServerError, "InternalError", err.Error())
		}
		session.received += data.size
	}
	if known && session.received == size {
		if a.place(c, session.path, session.overwrite, session.chunks.content()) != nil {
			return xmlError(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
		}
		a.end(c, session)
		return response{status: http.StatusOK, header: http.Header{}}
	}
	more := response{status: http.StatusPermanentRedirect, header: http.Header{}}
	if session.received > 0 {
		more.header.Set("Range", fmt.Sprintf("bytes=0-%d", session.received-1))
	}
	return more
}

// UnfinishedUploads returns the sorted paths of uploads in parts that were
// neither completed nor aborted. Their parts occupy storage.
func (s *Server) UnfinishedUploads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for _, session := range s.files.sessions {
		paths = append(paths, session.path)
	}
	slices.Sort(paths)
	return paths
}
