package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/redact"
	"github.com/go-databricks/databricks/internal/source"
)

// FilesService reads and writes files in Unity Catalog volumes. Most programs
// use [FilesService.Upload], [FilesService.Download], [FilesService.Open] and
// similar methods. The service's own calls are available too.
//
// Paths are absolute and start with the names of the catalog, the schema and
// the volume, as in /Volumes/main/default/files/data.csv. You can also write
// dbfs:/Volumes/…. [VolumesService] creates volumes.
//
// Errors match [fs.ErrNotExist], [fs.ErrExist] and [fs.ErrPermission].
//
// See https://docs.databricks.com/api/workspace/files.
type FilesService service

// MaxUploadSize is the size of the largest file that the service accepts in one
// request, in bytes. Larger files must be uploaded in parts.
const MaxUploadSize = 5 << 30

// maxNameLength is the maximum length of a file name, in bytes.
const maxNameLength = 255

// checkVolumePath rejects invalid paths. If file is set, it also rejects the
// path of a volume and a path that ends with a slash.
func checkVolumePath(name, path string, file bool) error {
	if path == "" {
		return badArg(name, isRequired)
	}
	bare := volumePath(path)
	names := strings.Split(strings.TrimSuffix(bare, "/"), "/")
	switch {
	case len(names) < 5 || names[0] != "" || names[1] != "Volumes":
		return badArg(name, "%.100q is not in a volume; want something like /Volumes/main/default/files/data.csv", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg(name, "%.100q contains a zero byte or is not valid UTF-8", path)
	case file && strings.HasSuffix(bare, "/"):
		return badArg(name, "%.100q ends with a slash; want the path of a file", path)
	case file && len(names) == 5:
		return badArg(name, "%.100q is a volume; want the path of a file in it", path)
	}
	for _, element := range names[2:] {
		switch {
		case element == "" || element == "." || element == "..":
			return badArg(name, "%.100q contains an element that is empty, . or ..", path)
		case len(element) > maxNameLength:
			return badArg(name, "contains a name of %d bytes; the maximum is %d", len(element), maxNameLength)
		}
	}
	return nil
}

// volumePath returns a path in the form that the service accepts.
func volumePath(path string) string { return strings.TrimPrefix(path, "dbfs:") }

// onFile returns a request with the path of a file in its URL.
func onFile(method, path string) Request {
	return Request{Method: method, Path: "/api/2.0/fs/files/{file_path}"}.
		check(checkVolumePath("file_path", path, true)).at("file_path", volumePath(path))
}

// onDirectory returns a request with the path of a directory in its URL.
func onDirectory(method, path string) Request {
	return Request{Method: method, Path: "/api/2.0/fs/directories/{directory_path}"}.
		check(checkVolumePath("directory_path", path, false)).at("directory_path", strings.TrimSuffix(volumePath(path), "/"))
}

// PutFile writes a file of at most [MaxUploadSize] bytes in one request. It
// sends the file from its current position on. A retry sends it from the same
// position. The file appears when it is complete. PutFile creates missing
// directories.
//
// Without Overwrite, PutFile fails with an error that matches [fs.ErrExist] if
// a file is at the path.
//
// The client does not retry PutFile after a lost response, not even with
// Overwrite. The service may still process the lost request later, and would
// then replace what you write to the path in the meantime. You can safely send
// the same content again. [FilesService.Upload] finds out what became of the
// first request. It also uploads larger files.
func (s *FilesService) PutFile(ctx context.Context, path string, file io.ReadSeeker, opts PutFileOptions) error {
	from := source.New(file)
	defer from.Close()
	if err := s.client.Do(ctx, putVolumeFile(path, from.Size(), from.Open, opts.Overwrite), nil); err != nil {
		return err
	}
	return from.Finish()
}

// putVolumeFile returns the request that writes a file. A size of -1 is
// unknown.
func putVolumeFile(path string, size int64, open func() (io.ReadCloser, error), overwrite bool) Request {
	r := onFile(http.MethodPut, path)
	if size > MaxUploadSize {
		r = r.check(badArg("contents", "has %d bytes; the maximum is %d; use Upload for larger files", size, int64(MaxUploadSize)))
	}
	r.Query = url.Values{"overwrite": {strconv.FormatBool(overwrite)}}
	shown := "(a file)"
	if size >= 0 {
		shown = fmt.Sprintf("(a file of %d bytes)", size)
	}
	r.Body = RawBody{ContentType: "application/octet-stream", Size: size, Open: open, shown: url.Values{"contents": {shown}}}
	return r
}

// FileMetadata describes a file without its content.
type FileMetadata struct {
	ContentLength int64 // in bytes
	ContentType   string
	LastModified  time.Time // has a precision of one second
	ETag          string    // identifies the content; most servers do not send it
}

// metadataOf returns the metadata in the header of a response.
func metadataOf(h http.Header) (m FileMetadata, err error) {
	m.ContentType, m.ETag = h.Get("Content-Type"), h.Get("Etag")
	m.LastModified, _ = http.ParseTime(h.Get("Last-Modified"))
	if m.ContentLength, err = strconv.ParseInt(h.Get("Content-Length"), 10, 64); err != nil || m.ContentLength < 0 {
		return m, errors.New("the response has no valid Content-Length")
	}
	return m, nil
}

// GetMetadata returns the size and the modification time of a file. If no file
// is at the path, the error matches [fs.ErrNotExist]. For directories, use
// [FilesService.GetDirectoryMetadata].
func (s *FilesService) GetMetadata(ctx context.Context, path string) (*FileMetadata, error) {
	var m FileMetadata
	err := s.client.Do(ctx, onFile(http.MethodHead, path), func(resp *http.Response) (err error) {
		m, err = metadataOf(resp.Header)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// ReadFile selects a part of a file.
type ReadFile struct {
	Path            string
	Offset          int64     // offset of the first byte
	Length          int64     // in bytes, at least 1
	UnmodifiedSince time.Time // fail if the file was modified after this time; zero for no check
}

// Read returns up to Length bytes of a file, starting at Offset. It returns fewer
// bytes at the end of the file. It fails with status 416 if Offset is at the end or
// past it, and with status 412 if the file was modified after UnmodifiedSince.
func (s *FilesService) Read(ctx context.Context, in ReadFile) ([]byte, error) {
	var data []byte
	err := s.client.Do(ctx, readRequest(in), func(resp *http.Response) (err error) {
		if _, err = rangeOf(resp, in.Offset, in.Length); err == nil {
			data, err = io.ReadAll(io.LimitReader(resp.Body, in.Length))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// maxRead is the maximum number of bytes that Read returns.
const maxRead = 256 << 20

// readRequest returns the request for a part of a file.
func readRequest(in ReadFile) Request {
	r := onFile(http.MethodGet, in.Path)
	r.header = rangeHeader(in.Offset, in.Length, in.UnmodifiedSince)
	switch {
	case in.Offset < 0:
		r = r.check(badArg("Offset", "is %d; want 0 or more", in.Offset))
	case in.Length < 1:
		r = r.check(badArg("Length", "is %d; want at least 1", in.Length))
	case in.Length > maxRead:
		r = r.check(badArg("Length", "is %d; the maximum is %d; use Download for larger parts", in.Length, maxRead))
	}
	return r
}

func rangeHeader(offset, length int64, unmodifiedSince time.Time) http.Header {
	h := http.Header{"Accept": {"application/octet-stream"}, "Range": {rangeText(offset, length)}}
	if !unmodifiedSince.IsZero() {
		h.Set("If-Unmodified-Since", unmodifiedSince.UTC().Format(http.TimeFormat))
	}
	return h
}

func rangeText(offset, length int64) string {
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// rangeOf checks that a response contains the requested part of a file. It
// returns the metadata of the whole file.
func rangeOf(resp *http.Response, offset, length int64) (m FileMetadata, err error) {
	if resp.StatusCode == http.StatusOK && offset == 0 { // the whole file; a server may ignore ranges
		if m, err = metadataOf(resp.Header); err == nil && m.LastModified.IsZero() {
			err = errors.New("the response is not a file of a volume: it has no Last-Modified") // the page of a sign-in or of a proxy
		}
		return m, err
	}
	var first, last, size int64
	text := resp.Header.Get("Content-Range")
	if _, err := fmt.Sscanf(text, "bytes %d-%d/%d", &first, &last, &size); err != nil || resp.StatusCode != http.StatusPartialContent ||
		first != offset || last < first || last >= size || last >= offset+length {
		return m, fmt.Errorf("the response with status %d is not the requested part of the file: Content-Range is %.100q", resp.StatusCode, text)
	}
	m.ContentType, m.ETag = resp.Header.Get("Content-Type"), resp.Header.Get("Etag")
	m.LastModified, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	m.ContentLength = size
	return m, nil
}

// Delete deletes a file. If no file is at the path, the error matches
// [fs.ErrNotExist]. Delete does not delete directories. It is idempotent, so
// the client retries it.
func (s *FilesService) Delete(ctx context.Context, path string) error {
	return s.client.Do(ctx, onFile(http.MethodDelete, path).treatAsSuccess(ErrNotFound), nil)
}

// CreateDirectory creates a directory and its missing parents. An existing
// directory is not an error. If a file is at the path, the error matches
// [fs.ErrExist]. The call is idempotent, so the client retries it.
func (s *FilesService) CreateDirectory(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodPut, path).idempotent(), nil)
}

// GetDirectoryMetadata reports whether a directory exists. If it does not, the
// error matches [fs.ErrNotExist].
func (s *FilesService) GetDirectoryMetadata(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodHead, path), nil)
}

// DeleteDirectory deletes an empty directory. If the directory is not empty,
// the error has a detail with the reason FILES_API_DIRECTORY_IS_NOT_EMPTY.
// [FilesService.DeleteTree] also deletes the content of a directory.
// DeleteDirectory is idempotent, so the client retries it.
func (s *FilesService) DeleteDirectory(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodDelete, path).treatAsSuccess(ErrNotFound), nil)
}

// A FileEntry is a file or directory in a list.
type FileEntry struct {
	Path         string `json:"path"` // absolute
	Name         string `json:"name"` // the last element of Path
	IsDirectory  bool   `json:"is_directory"`
	FileSize     int64  `json:"file_size"`     // in bytes; 0 for directories
	LastModified Millis `json:"last_modified"` // 0 for some directories
}

// ListDirectory selects a directory to list.
type ListDirectory struct {
	Path      string `json:"-"`
	PageSize  int64  `json:"page_size,omitzero"`  // entries to request at a time, at most 1000; 0 lets the service choose
	PageToken string `json:"page_token,omitzero"` // the page to start with; empty for the first
	Limit     int    `json:"-"`                   // maximum number of entries to return in total; 0 for all
}

// List returns the files and directories in a directory. It does not list
// subdirectories. If the directory does not exist, the error matches
// [fs.ErrNotExist].
func (s *FilesService) List(ctx context.Context, in ListDirectory) ([]FileEntry, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[FileEntry], error) { return s.page(ctx, in, token) })
}

// All yields the entries that List returns as they arrive. Each range over the
// sequence sends new requests. The first error ends it.
func (s *FilesService) All(ctx context.Context, in ListDirectory) iter.Seq2[FileEntry, error] {
	return allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[FileEntry], error) { return s.page(ctx, in, token) }))
}

// ListPage returns one page of [FilesService.List].
func (s *FilesService) ListPage(ctx context.Context, in ListDirectory) (*Page[FileEntry], error) {
	page, err := s.page(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

func (s *FilesService) page(ctx context.Context, in ListDirectory, token string) (*Page[FileEntry], error) {
	in.PageToken = token
	page, err := do[struct {
		Contents      []FileEntry `json:"contents"`
		NextPageToken string      `json:"next_page_token"`
	}](ctx, s.client, onDirectory(http.MethodGet, in.Path).params(in).check(checkPage(in.PageSize, in.Limit)))
	if err != nil {
		return nil, err
	}
	return &Page[FileEntry]{page.Contents, page.NextPageToken}, nil
}

// DefaultURLLifetime is the default lifetime of a presigned URL.
const DefaultURLLifetime = time.Hour

// A PresignedURL gives anyone who has it access to one file in cloud storage
// until it expires. It is a secret. Send Headers with the request, but do not
// send the credential of the workspace.
type PresignedURL struct {
	URL        Secret            `json:"url"`
	PartNumber int               `json:"part_number"` // the part of a multipart upload; otherwise 0
	Headers    []PresignedHeader `json:"headers"`     // may be empty
}

func (u *PresignedURL) validate() error { return named("url", u.URL != "") }

// A PresignedHeader is a header to send with a [PresignedURL].
type PresignedHeader struct {
	Name  string `json:"name"`
	Value Secret `json:"value"`
}

// An UploadSession identifies an upload in parts.
type UploadSession struct {
	SessionToken Secret `json:"session_token"` // identifies the upload in later calls
}

// InitiateUpload describes a file to upload in parts.
type InitiateUpload struct {
	Path      string
	Overwrite bool // replace an existing file
}

// An InitiatedUpload has exactly one field that is not nil. Which one depends
// on the cloud.
type InitiatedUpload struct {
	MultipartUpload *UploadSession `json:"multipart_upload"` // AWS and Azure: parts in any order; see CreateUploadPartURLs
	ResumableUpload *UploadSession `json:"resumable_upload"` // GCP: chunks in order; see CreateResumableUploadURL
}

func (u *InitiatedUpload) validate() error {
	one := (u.MultipartUpload == nil) != (u.ResumableUpload == nil)
	return named("session_token", one && cmp.Or(u.MultipartUpload, u.ResumableUpload).SessionToken != "")
}

// InitiateUpload starts an upload in parts. The parts go directly to cloud
// storage by presigned URLs. [FilesService.Upload] does all of this for you.
//
// You must complete or abort each upload, because cloud storage keeps its parts
// until then. In workspaces that do not allow presigned URLs, the error has a
// detail with the reason FILES_API_API_IS_NOT_ENABLED. The client retries
// InitiateUpload. An earlier attempt whose response was lost leaves only an
// upload without parts.
func (s *FilesService) InitiateUpload(ctx context.Context, in InitiateUpload) (*InitiatedUpload, error) {
	r := onFile(http.MethodPost, in.Path).idempotent()
	r.Query = url.Values{"action": {"initiate-upload"}, "overwrite": {strconv.FormatBool(in.Overwrite)}}
	return do[InitiatedUpload](ctx, s.client, r)
}

// CreateUploadPartURLs selects the parts of an upload that need URLs.
type CreateUploadPartURLs struct {
	Path            string
	SessionToken    Secret
	StartPartNumber int           // the first part is 1
	Count           int           // number of parts
	Lifetime        time.Duration // lifetime of the URLs; 0 for DefaultURLLifetime
}

// uploadURLsJSON is the request body for presigned URLs of an upload.
type uploadURLsJSON struct {
	Path            string `json:"path"`
	SessionToken    Secret `json:"session_token"`
	StartPartNumber int    `json:"start_part_number,omitzero"`
	Count           int    `json:"count,omitzero"`
	ExpireTime      string `json:"expire_time,omitzero"`
}

func (in uploadURLsJSON) request(path string) Request {
	in.Path = volumePath(in.Path)
	r := post(path).check(checkVolumePath("path", in.Path, true)).params(in).idempotent()
	if in.SessionToken == "" {
		r = r.check(badArg("session_token", isRequired))
	}
	return r
}

// expireTime returns the time at which a URL created now expires.
func expireTime(lifetime time.Duration) string {
	return time.Now().Add(cmp.Or(lifetime, DefaultURLLifetime)).UTC().Format(time.RFC3339)
}

// CreateUploadPartURLs returns presigned URLs. Send each part of the upload to
// its URL with PUT. The service may return fewer URLs than Count.
func (s *FilesService) CreateUploadPartURLs(ctx context.Context, in CreateUploadPartURLs) ([]PresignedURL, error) {
	r := uploadURLsJSON{in.Path, in.SessionToken, in.StartPartNumber, in.Count, expireTime(in.Lifetime)}.request("/api/2.0/fs/create-upload-part-urls")
	switch {
	case in.StartPartNumber < 1:
		r = r.check(badArg("start_part_number", "is %d; the first part is 1", in.StartPartNumber))
	case in.Count < 1:
		r = r.check(badArg("count", "is %d; want at least 1", in.Count))
	}
	response, err := do[uploadPartURLs](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return response.UploadPartURLs, nil
}

type uploadPartURLs struct {
	UploadPartURLs []PresignedURL `json:"upload_part_urls"`
}

func (u *uploadPartURLs) validate() error {
	return named("upload_part_urls", len(u.UploadPartURLs) > 0)
}

// CreateResumableUploadURL selects a resumable upload.
type CreateResumableUploadURL struct {
	Path         string
	SessionToken Secret
}

// CreateResumableUploadURL returns a presigned URL for an upload on GCP. Send
// the chunks to it with PUT, one after another.
func (s *FilesService) CreateResumableUploadURL(ctx context.Context, in CreateResumableUploadURL) (*PresignedURL, error) {
	response, err := do[struct {
		URL PresignedURL `json:"resumable_upload_url"`
	}](ctx, s.client, uploadURLsJSON{Path: in.Path, SessionToken: in.SessionToken}.request("/api/2.0/fs/create-resumable-upload-url"))
	if err != nil {
		return nil, err
	}
	return &response.URL, response.URL.validate()
}

// CreateAbortUploadURL selects an upload to abort.
type CreateAbortUploadURL struct {
	Path         string
	SessionToken Secret
	Lifetime     time.Duration // lifetime of the URL; 0 for DefaultURLLifetime
}

// CreateAbortUploadURL returns a presigned URL. A DELETE request to it aborts
// an upload in parts and removes the parts from cloud storage.
// [FilesService.AbortUpload] does both steps.
func (s *FilesService) CreateAbortUploadURL(ctx context.Context, in CreateAbortUploadURL) (*PresignedURL, error) {
	response, err := do[struct {
		URL PresignedURL `json:"abort_upload_url"`
	}](ctx, s.client, uploadURLsJSON{Path: in.Path, SessionToken: in.SessionToken, ExpireTime: expireTime(in.Lifetime)}.request("/api/2.0/fs/create-abort-upload-url"))
	if err != nil {
		return nil, err
	}
	return &response.URL, response.URL.validate()
}

// CompleteUpload describes an upload whose parts are all in cloud storage.
type CompleteUpload struct {
	Path         string          `json:"-"`
	SessionToken Secret          `json:"-"`
	Parts        []CompletedPart `json:"parts"` // sorted by number
}

// A CompletedPart is an uploaded part.
type CompletedPart struct {
	PartNumber int    `json:"part_number"`
	ETag       string `json:"etag"` // the ETag header of the cloud storage's response, with its quotes; may be empty
}

// CompleteUpload creates the file from the parts of an upload. The file does
// not appear before that. The client retries the call after a lost response.
func (s *FilesService) CompleteUpload(ctx context.Context, in CompleteUpload) error {
	r := onFile(http.MethodPost, in.Path).params(in).treatAsSuccess(ErrNotFound)
	r.Query = url.Values{"action": {"complete-upload"}, "upload_type": {"multipart"}, "session_token": {string(in.SessionToken)}}
	switch {
	case in.SessionToken == "":
		r = r.check(badArg("session_token", isRequired))
	case len(in.Parts) == 0:
		r = r.check(badArg("parts", isRequired))
	}
	return s.client.Do(ctx, r, nil)
}

// CreateDownloadURL selects a file to download.
type CreateDownloadURL struct {
	Path     string
	Lifetime time.Duration // lifetime of the URL; 0 for DefaultURLLifetime
}

// CreateDownloadURL returns a presigned URL for a file. A program without a
// credential for the workspace can GET the file from it.
// [FilesService.Download] does not need such a URL.
func (s *FilesService) CreateDownloadURL(ctx context.Context, in CreateDownloadURL) (*PresignedURL, error) {
	r := post("/api/2.0/fs/create-download-url").check(checkVolumePath("path", in.Path, true)).readOnly()
	r.Query = url.Values{"path": {volumePath(in.Path)}, "expire_time": {expireTime(in.Lifetime)}}
	return do[PresignedURL](ctx, s.client, r)
}

// LogValue logs the upload without its token.
func (v CompleteUpload) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the upload without its token.
func (v CreateAbortUploadURL) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the upload without its token.
func (v CreateResumableUploadURL) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the upload without its token.
func (v CreateUploadPartURLs) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the upload without its token.
func (u InitiatedUpload) LogValue() slog.Value { return redact.LogValue(u) }

// LogValue logs the upload without its token.
func (v UploadSession) LogValue() slog.Value { return redact.LogValue(v) }

// LogValue logs the header without its value.
func (v PresignedHeader) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", v)) }

// LogValue logs the number of the part, and neither the URL nor the headers.
func (u PresignedURL) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", u)) }
