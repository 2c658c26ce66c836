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

// FilesService reads and writes the files of Unity Catalog volumes. Most
// programs want [FilesService.Upload], [FilesService.Download],
// [FilesService.Open] and their kin. The calls that they are made of are here as
// well.
//
// Paths are absolute, such as /Volumes/main/default/files/data.csv: the names of
// the catalog, the schema and the volume come first. dbfs:/Volumes/… is the same.
// [VolumesService] creates volumes.
//
// Errors match [fs.ErrNotExist], [fs.ErrExist] and [fs.ErrPermission].
//
// See https://docs.databricks.com/api/workspace/files.
type FilesService service

// MaxUploadSize is the size of the largest file that the service takes in one
// request, in bytes. Larger files are sent in parts.
const MaxUploadSize = 5 << 30

// maxNameLength is the length of the longest name of a file, in bytes.
const maxNameLength = 255

// checkVolumePath rejects what cannot be the path of something in a volume. A
// file is not the volume itself, and its path does not end with a slash.
func checkVolumePath(name, path string, file bool) error {
	if path == "" {
		return badArg(name, missing)
	}
	bare := volumePath(path)
	names := strings.Split(strings.TrimSuffix(bare, "/"), "/")
	switch {
	case len(names) < 5 || names[0] != "" || names[1] != "Volumes":
		return badArg(name, "%.100q is not in a volume; want something like /Volumes/main/default/files/data.csv", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg(name, "%.100q holds a zero byte, or is not UTF-8", path)
	case file && strings.HasSuffix(bare, "/"):
		return badArg(name, "%.100q is a directory's; want that of the file itself", path)
	case file && len(names) == 5:
		return badArg(name, "%.100q is a volume; want the path of a file in it", path)
	}
	for _, element := range names[2:] {
		switch {
		case element == "" || element == "." || element == "..":
			return badArg(name, "%.100q holds an element that is empty, . or ..", path)
		case len(element) > maxNameLength:
			return badArg(name, "holds a name of %d bytes; %d are the most", len(element), maxNameLength)
		}
	}
	return nil
}

// volumePath returns a path in the form that the service takes.
func volumePath(path string) string { return strings.TrimPrefix(path, "dbfs:") }

// onFile is a request whose URL has the path of a file.
func onFile(method, path string) Request {
	return Request{Method: method, Path: "/api/2.0/fs/files/{file_path}"}.
		check(checkVolumePath("file_path", path, true)).at("file_path", volumePath(path))
}

// onDirectory is a request whose URL has the path of a directory.
func onDirectory(method, path string) Request {
	return Request{Method: method, Path: "/api/2.0/fs/directories/{directory_path}"}.
		check(checkVolumePath("directory_path", path, false)).at("directory_path", strings.TrimSuffix(volumePath(path), "/"))
}

// PutFile writes a file of up to [MaxUploadSize] bytes in one request. Each
// attempt reads the file again from the position it had at the call. The file
// appears when it is complete. Missing directories are created.
//
// Without Overwrite it fails with an error that matches [fs.ErrExist] if a file
// is at the path, and is not retried after a lost response. [FilesService.Upload]
// is built on it, and also handles larger files and failures midway.
func (s *FilesService) PutFile(ctx context.Context, path string, file io.ReadSeeker, opts PutFileOptions) error {
	from := source.New(file)
	defer from.Close()
	r := putVolumeFile(path, from.Size(), from.Open, opts.Overwrite)
	r.Idempotent = opts.Overwrite
	if err := s.client.Do(ctx, r, nil); err != nil {
		return err
	}
	return from.Finish()
}

// putVolumeFile is the request that writes a file; a size of -1 is unknown.
func putVolumeFile(path string, size int64, open func() (io.ReadCloser, error), overwrite bool) Request {
	r := onFile(http.MethodPut, path)
	if size > MaxUploadSize {
		r = r.check(badArg("contents", "has %d bytes; one request takes %d at most, Upload takes more", size, int64(MaxUploadSize)))
	}
	r.Query = url.Values{"overwrite": {strconv.FormatBool(overwrite)}}
	shown := "(a file)"
	if size >= 0 {
		shown = fmt.Sprintf("(a file of %d bytes)", size)
	}
	r.Body = RawBody{ContentType: "application/octet-stream", Size: size, Open: open, shown: url.Values{"contents": {shown}}}
	return r
}

// FileMetadata is what the service says of a file without its content.
type FileMetadata struct {
	ContentLength int64 // in bytes
	ContentType   string
	LastModified  time.Time // in whole seconds
	ETag          string    // differs for each content; empty from most servers
}

// metadataOf reads the header of a response that describes a file.
func metadataOf(h http.Header) (m FileMetadata, err error) {
	m.ContentType, m.ETag = h.Get("Content-Type"), h.Get("Etag")
	m.LastModified, _ = http.ParseTime(h.Get("Last-Modified"))
	if m.ContentLength, err = strconv.ParseInt(h.Get("Content-Length"), 10, 64); err != nil || m.ContentLength < 0 {
		return m, errors.New("the response has no valid Content-Length")
	}
	return m, nil
}

// GetMetadata returns the size of a file and the time it was last modified. If no
// file is at the path, the error matches [fs.ErrNotExist]. A directory is no file:
// see [FilesService.GetDirectoryMetadata].
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

// ReadFile names a part of a file of a volume.
type ReadFile struct {
	Path            string    // of the file
	Offset          int64     // of the first byte
	Length          int64     // in bytes, at least 1
	UnmodifiedSince time.Time // fail if the file was modified after this; the zero time does not
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

// maxRead is how much Read holds in memory.
const maxRead = 256 << 20

// readRequest is the request for a part of a file. A negative length is one that
// reaches to the end.
func readRequest(in ReadFile) Request {
	r := onFile(http.MethodGet, in.Path)
	r.header = rangeHeader(in.Offset, in.Length, in.UnmodifiedSince)
	switch {
	case in.Offset < 0:
		r = r.check(badArg("Offset", "is %d, below 0", in.Offset))
	case in.Length == 0:
		r = r.check(badArg("Length", "is 0; want at least 1"))
	case in.Length > maxRead:
		r = r.check(badArg("Length", "is %d; want %d at most, Download takes any size", in.Length, maxRead))
	}
	return r
}

func rangeHeader(offset, length int64, unmodifiedSince time.Time) http.Header {
	h := http.Header{"Accept": {"application/octet-stream"}, "Range": {fmt.Sprintf("bytes=%d-%s", offset, lastOf(offset, length))}}
	if !unmodifiedSince.IsZero() {
		h.Set("If-Unmodified-Since", unmodifiedSince.UTC().Format(http.TimeFormat))
	}
	return h
}

func lastOf(offset, length int64) string {
	if length < 0 {
		return ""
	}
	return strconv.FormatInt(offset+length-1, 10)
}

// rangeOf checks that a response is the part of a file that was asked for. It
// returns the metadata of the whole file.
func rangeOf(resp *http.Response, offset, length int64) (m FileMetadata, err error) {
	if resp.StatusCode == http.StatusOK && offset == 0 {
		return metadataOf(resp.Header) // the whole file; a server may ignore ranges
	}
	var first, last, size int64
	text := resp.Header.Get("Content-Range")
	if _, err := fmt.Sscanf(text, "bytes %d-%d/%d", &first, &last, &size); err != nil || resp.StatusCode != http.StatusPartialContent ||
		first != offset || last < first || last >= size || length >= 0 && last >= offset+length {
		return m, fmt.Errorf("the response with status %d is not the part of the file that was asked for: Content-Range is %.100q", resp.StatusCode, text)
	}
	m.ContentType, m.ETag = resp.Header.Get("Content-Type"), resp.Header.Get("Etag")
	m.LastModified, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	m.ContentLength = size
	return m, nil
}

// Delete deletes a file. If no file is at the path, the error matches
// [fs.ErrNotExist]. It does not delete directories. The client retries the call
// after a lost response.
func (s *FilesService) Delete(ctx context.Context, path string) error {
	return s.client.Do(ctx, onFile(http.MethodDelete, path).treatAsSuccess(ErrNotFound), nil)
}

// CreateDirectory creates a directory, and those above it that do not exist. An
// existing directory is not an error. If a file is at the path, the error matches
// [fs.ErrExist].
func (s *FilesService) CreateDirectory(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodPut, path).idempotent(), nil)
}

// GetDirectoryMetadata reports whether a directory exists. If it does not, the
// error matches [fs.ErrNotExist].
func (s *FilesService) GetDirectoryMetadata(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodHead, path), nil)
}

// DeleteDirectory deletes an empty directory. If it is not empty, the error has a
// detail with the reason FILES_API_DIRECTORY_IS_NOT_EMPTY; [FilesService.DeleteTree]
// deletes what is in it as well. The client retries the call after a lost response.
func (s *FilesService) DeleteDirectory(ctx context.Context, path string) error {
	return s.client.Do(ctx, onDirectory(http.MethodDelete, path).treatAsSuccess(ErrNotFound), nil)
}

// A FileEntry is a file or a directory in the list of a directory.
type FileEntry struct {
	Path         string `json:"path"` // absolute
	Name         string `json:"name"` // the last element of Path
	IsDirectory  bool   `json:"is_directory"`
	FileSize     int64  `json:"file_size"`     // in bytes; 0 for directories
	LastModified Millis `json:"last_modified"` // 0 for some directories
}

// ListDirectory says what to list.
type ListDirectory struct {
	Path      string `json:"-"`                   // of the directory
	PageSize  int64  `json:"page_size,omitzero"`  // entries to request at a time, at most 1000; 0 lets the service choose
	PageToken string `json:"page_token,omitzero"` // the page to begin with; empty for the first
	Limit     int    `json:"-"`                   // entries to return in total; 0 for all
}

// List returns what is in a directory, without what is in its directories. If
// there is no such directory, the error matches [fs.ErrNotExist].
func (s *FilesService) List(ctx context.Context, in ListDirectory) ([]FileEntry, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[FileEntry], error) { return s.page(ctx, in, token) })
}

// All yields what List returns, page by page. Each range over the sequence sends
// new requests. The first error ends it.
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

// DefaultURLLifetime is how long a presigned URL can be used, unless the call that
// creates it says otherwise.
const DefaultURLLifetime = time.Hour

// A PresignedURL lets anyone who has it read or write one file in the cloud's
// storage until it expires. It is a credential. Send Headers along with it, and no
// credential of the workspace.
type PresignedURL struct {
	URL        Secret            `json:"url"`
	PartNumber int               `json:"part_number"` // of an upload in parts; 0 otherwise
	Headers    []PresignedHeader `json:"headers"`     // may be empty
}

func (u *PresignedURL) validate() error { return named("url", u.URL != "") }

// A PresignedHeader is a header to send with a [PresignedURL].
type PresignedHeader struct {
	Name  string `json:"name"`
	Value Secret `json:"value"`
}

// An UploadSession is an upload in parts that was initiated.
type UploadSession struct {
	SessionToken Secret `json:"session_token"` // names the upload in the calls that follow
}

// InitiateUpload names a file to upload in parts.
type InitiateUpload struct {
	Path      string
	Overwrite bool // replace a file at the path
}

// An InitiatedUpload has one field that is not nil. It depends on the cloud.
type InitiatedUpload struct {
	MultipartUpload *UploadSession `json:"multipart_upload"` // AWS and Azure: parts in any order; see CreateUploadPartURLs
	ResumableUpload *UploadSession `json:"resumable_upload"` // Google Cloud: chunks in order; see CreateResumableUploadURL
}

func (u *InitiatedUpload) validate() error {
	one := (u.MultipartUpload == nil) != (u.ResumableUpload == nil)
	return named("session_token", one && cmp.Or(u.MultipartUpload, u.ResumableUpload).SessionToken != "")
}

// InitiateUpload begins an upload in parts, which go to the cloud's storage by
// presigned URLs. [FilesService.Upload] does all of this by itself.
//
// Complete or abort each upload, because the storage keeps its parts until then.
// Some workspaces do not allow presigned URLs. The error then has a detail with the
// reason FILES_API_API_IS_NOT_ENABLED. The client retries the call after a lost
// response; an upload whose token was lost has no parts.
func (s *FilesService) InitiateUpload(ctx context.Context, in InitiateUpload) (*InitiatedUpload, error) {
	r := onFile(http.MethodPost, in.Path).idempotent()
	r.Query = url.Values{"action": {"initiate-upload"}, "overwrite": {strconv.FormatBool(in.Overwrite)}}
	return do[InitiatedUpload](ctx, s.client, r)
}

// CreateUploadPartURLs says which parts of an upload need URLs.
type CreateUploadPartURLs struct {
	Path            string
	SessionToken    Secret
	StartPartNumber int           // the first part is 1
	Count           int           // of parts
	Lifetime        time.Duration // of the URLs; 0 stands for DefaultURLLifetime
}

// uploadURLsJSON is what is sent for presigned URLs of an upload.
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
		r = r.check(badArg("session_token", missing))
	}
	return r
}

// expireTime is when a URL that is created now expires.
func expireTime(lifetime time.Duration) string {
	return time.Now().Add(cmp.Or(lifetime, DefaultURLLifetime)).UTC().Format(time.RFC3339)
}

// CreateUploadPartURLs returns URLs to PUT the parts of an upload to. It may return
// fewer than Count.
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

// CreateResumableUploadURL names an upload that needs its URL.
type CreateResumableUploadURL struct {
	Path         string
	SessionToken Secret
}

// CreateResumableUploadURL returns the URL to PUT the chunks of an upload to, one
// after another, on Google Cloud.
func (s *FilesService) CreateResumableUploadURL(ctx context.Context, in CreateResumableUploadURL) (*PresignedURL, error) {
	response, err := do[struct {
		URL PresignedURL `json:"resumable_upload_url"`
	}](ctx, s.client, uploadURLsJSON{Path: in.Path, SessionToken: in.SessionToken}.request("/api/2.0/fs/create-resumable-upload-url"))
	if err != nil {
		return nil, err
	}
	return &response.URL, response.URL.validate()
}

// CreateAbortUploadURL names an upload to abort.
type CreateAbortUploadURL struct {
	Path         string
	SessionToken Secret
	Lifetime     time.Duration // of the URL; 0 stands for DefaultURLLifetime
}

// CreateAbortUploadURL returns a URL whose DELETE aborts an upload in parts, and
// removes its parts from the storage. See also [FilesService.AbortUpload].
func (s *FilesService) CreateAbortUploadURL(ctx context.Context, in CreateAbortUploadURL) (*PresignedURL, error) {
	response, err := do[struct {
		URL PresignedURL `json:"abort_upload_url"`
	}](ctx, s.client, uploadURLsJSON{Path: in.Path, SessionToken: in.SessionToken, ExpireTime: expireTime(in.Lifetime)}.request("/api/2.0/fs/create-abort-upload-url"))
	if err != nil {
		return nil, err
	}
	return &response.URL, response.URL.validate()
}

// CompleteUpload names an upload whose parts are all in the storage.
type CompleteUpload struct {
	Path         string          `json:"-"`
	SessionToken Secret          `json:"-"`
	Parts        []CompletedPart `json:"parts"` // by number
}

// A CompletedPart is a part of an upload that is in the storage.
type CompletedPart struct {
	PartNumber int    `json:"part_number"`
	ETag       string `json:"etag"` // as in the storage's response, with quotes; may be empty
}

// CompleteUpload makes a file of the parts of an upload. The file appears under its
// name only now. The client retries the call after a lost response.
func (s *FilesService) CompleteUpload(ctx context.Context, in CompleteUpload) error {
	r := onFile(http.MethodPost, in.Path).params(in).treatAsSuccess(ErrNotFound)
	r.Query = url.Values{"action": {"complete-upload"}, "upload_type": {"multipart"}, "session_token": {string(in.SessionToken)}}
	switch {
	case in.SessionToken == "":
		r = r.check(badArg("session_token", missing))
	case len(in.Parts) == 0:
		r = r.check(badArg("parts", missing))
	}
	return s.client.Do(ctx, r, nil)
}

// CreateDownloadURL names a file to download.
type CreateDownloadURL struct {
	Path     string
	Lifetime time.Duration // of the URL; 0 stands for DefaultURLLifetime
}

// CreateDownloadURL returns a URL to GET a file from, for a program that has no
// credential of the workspace. [FilesService.Download] needs none.
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
