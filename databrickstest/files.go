package databrickstest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FilesLimits are the limits of the Files API. A zero means the default. A
// negative MinPart means no limit.
type FilesLimits struct {
	MaxUpload int64         // maximum size of a file in one request, in bytes; default 5 GiB
	MinPart   int64         // minimum size of a part, except for the last one, in bytes; default 5 MiB
	MaxPart   int64         // maximum size of a part in bytes; default 5 GiB
	PartURLs  int           // maximum number of URLs for parts that one call returns; default 100
	URLLife   time.Duration // maximum lifetime of a presigned URL; default 1 h
	PageSize  int           // maximum number of entries in a page of a directory; default 1000
}

// WithFilesLimits changes the limits of the Files API.
func WithFilesLimits(limits FilesLimits) Option { return func(s *Server) { s.files.limits = limits } }

// WithoutPresignedURLs creates a workspace that does not allow presigned URLs.
// Each file is sent through the workspace in one request.
func WithoutPresignedURLs() Option { return func(s *Server) { s.files.noURLs = true } }

// WithResumableUploads makes the workspace behave as on GCP. Large files are
// sent to one presigned URL in chunks. A directory that was created for a file
// disappears with its last file.
func WithResumableUploads() Option { return func(s *Server) { s.files.google = true } }

// filesArea has the Files API. The files are in the volumes. File storage.go
// handles the requests to presigned URLs.
type filesArea struct {
	limits         FilesLimits
	noURLs, google bool

	key      []byte                    // signs presigned URLs
	sessions map[string]*uploadSession // by token
	byID     map[string]*uploadSession
}

// A fileNode is a file or a directory of a volume.
type fileNode struct {
	children map[string]*fileNode `state:"-"` // nil for a file
	implicit bool                 // created as the parent of a file
	content  content
	modified time.Time
	etag     string
}

func (n *fileNode) isDir() bool { return n.children != nil }

const filesPath, directoriesPath = "/api/2.0/fs/files/{file_path...}", "/api/2.0/fs/directories/{directory_path...}"

func (a *filesArea) register(s *Server) {
	a.sessions, a.byID = map[string]*uploadSession{}, map[string]*uploadSession{}
	a.key = []byte(s.random.hex(64))
	a.limits = FilesLimits{
		cmp.Or(a.limits.MaxUpload, 5<<30), cmp.Or(a.limits.MinPart, 5<<20), cmp.Or(a.limits.MaxPart, 5<<30),
		cmp.Or(a.limits.PartURLs, 100), cmp.Or(a.limits.URLLife, time.Hour), cmp.Or(a.limits.PageSize, 1000),
	}
	routeRaw(s, "PUT", filesPath, a.upload)
	routeRaw(s, "GET", filesPath, a.download)
	routeRaw(s, "HEAD", filesPath, a.download)
	routeRaw(s, "DELETE", filesPath, a.deleteFile)
	routeRaw(s, "PUT", directoriesPath, a.createDirectory)
	routeRaw(s, "GET", directoriesPath, a.listDirectory)
	routeRaw(s, "HEAD", directoriesPath, a.getDirectory)
	routeRaw(s, "DELETE", directoriesPath, a.deleteDirectory)
	routeRaw(s, "POST", filesPath, a.act)
	route(s, "POST", "/api/2.0/fs/create-upload-part-urls", a.createPartURLs)
	route(s, "POST", "/api/2.0/fs/create-resumable-upload-url", a.createResumableURL)
	route(s, "POST", "/api/2.0/fs/create-abort-upload-url", a.createAbortURL)
	routeRaw(s, "POST", "/api/2.0/fs/create-download-url", a.createDownloadURL)
}

// routeRaw adds an operation whose parameters are in the path and the query.
// The handler reads the body itself. It runs without the lock.
func routeRaw[In any](s *Server, method, path string, handle func(*call, *http.Request, In) (any, error)) {
	s.router.add(method, path).serve = func(c *call, r *http.Request) (any, error) {
		fields := map[string]any{}
		addFields(fields, r.URL.Query())
		maps.Copy(fields, c.segments)
		var in In
		if err := decode(fields, &in); err != nil {
			return nil, err
		}
		return handle(c, r, in)
	}
}

type filePath struct {
	Path string `json:"file_path"`
}

type directoryPath struct {
	Path string `json:"directory_path"`
}

// locate returns the volume of a path and the names below it. The caller must
// hold the lock.
func (a *filesArea) locate(c *call, path string) (*volume, []string, error) {
	names := strings.Split(strings.Trim(path, "/"), "/")
	if len(names) < 4 || names[0] != "Volumes" {
		return nil, nil, invalid("Invalid path: '%s' is not an absolute path of a volume: /Volumes/<catalog>/<schema>/<volume>/...", path)
	}
	for _, name := range names {
		switch {
		case name == "" || name == "." || name == "..":
			return nil, nil, invalid("Invalid path: '%s' holds an empty element, . or ..", path)
		case len(name) > 255:
			return nil, nil, invalid("Invalid path: a name in it is longer than 255 bytes")
		}
	}
	_, vol, err := c.volumes.find(strings.Join(names[1:4], "."))
	if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusNotFound {
		err = fail(http.StatusNotFound, "NOT_FOUND", "%s", e.message)
	}
	return vol, names[4:], err
}

// find returns nil if the path does not exist.
func (v *volume) find(names []string) *fileNode {
	node := v.root
	for _, name := range names {
		if node = node.children[name]; node == nil {
			return nil
		}
	}
	return node
}

func conflict(format string, args ...any) error {
	return fail(http.StatusConflict, "ALREADY_EXISTS", format, args...)
}

func noSuchFile(path string) error {
	return fail(http.StatusNotFound, "NOT_FOUND", "The file being accessed is not found: %s", path)
}

// dir returns a directory, and creates it and its parents if necessary.
func (v *volume) dir(c *call, names []string, implicit bool) (*fileNode, error) {
	node := v.root
	for i, name := range names {
		child := node.children[name]
		v.touch(c, names[:i])
		switch {
		case child == nil:
			child = &fileNode{children: map[string]*fileNode{}, modified: c.now, implicit: implicit}
			node.children[name] = child
		case !child.isDir():
			return nil, conflict("The given path points to an existing file. This API does not support operations on files.")
		}
		node = child
	}
	node.implicit = node.implicit && implicit
	v.touch(c, names)
	return node, nil
}

// touch marks a file or directory as changed.
func (v *volume) touch(c *call, names []string) { c.touch(kindFile, v.FullName+treePath(names)) }

// target checks whether a file can be written at a path.
func (a *filesArea) target(c *call, path string, overwrite bool) (*volume, []string, error) {
	vol, names, err := a.locate(c, path)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, invalid("Invalid path: '%s' is a volume", path)
	}
	switch node := vol.find(names); {
	case node == nil:
	case node.isDir():
		return nil, nil, conflict("The given path points to an existing directory: %s", path)
	case !overwrite:
		return nil, nil, conflict("The file being created already exists: %s", path)
	}
	return vol, names, nil
}

// place stores a file at a path. The caller must hold the lock.
func (a *filesArea) place(c *call, path string, overwrite bool, data content) error {
	vol, names, err := a.target(c, path, overwrite)
	if err != nil {
		return err
	}
	last := len(names) - 1
	parent, err := vol.dir(c, names[:last], true)
	if err != nil {
		return err
	}
	vol.touch(c, names)
	parent.children[names[last]] = &fileNode{content: data, modified: c.now, etag: `"` + c.random.hex(32) + `"`}
	return nil
}

// replaces returns the value of the parameter overwrite. If it is unset, files
// are replaced.
func replaces(overwrite *bool) bool { return overwrite == nil || *overwrite }

func (a *filesArea) upload(c *call, r *http.Request, in struct {
	filePath
	Overwrite *bool `json:"overwrite"`
}) (any, error) {
	err := c.locked(func() error {
		_, _, err := a.target(c, in.Path, replaces(in.Overwrite))
		return err
	})
	if err != nil {
		return nil, err
	}
	data, err := readContent(r, a.limits.MaxUpload)
	if err != nil {
		return nil, err
	}
	err = c.locked(func() error { return a.place(c, in.Path, replaces(in.Overwrite), data) })
	return response{status: http.StatusNoContent, header: http.Header{}}, err
}

// readContent reads the whole body of a request. It fails after more than most
// bytes.
func readContent(r *http.Request, most int64) (content, error) {
	var w contentWriter
	all, err := w.readFrom(wholeReader{r.Body}, most)
	data := w.content()
	switch {
	case err != nil:
		return content{}, brokenBody()
	case !all:
		// The service's response is not known.
		return content{}, fail(http.StatusRequestEntityTooLarge, "INVALID_PARAMETER_VALUE", "The file cannot exceed %d bytes.", most)
	case r.ContentLength >= 0 && data.size != r.ContentLength:
		return content{}, malformed("%d of %d bytes arrived", data.size, r.ContentLength)
	}
	return data, nil
}

// A wholeReader returns a distinct error if the body breaks off. Otherwise
// io.ReadFull could not tell this from the end.
type wholeReader struct{ r io.Reader }

func (w wholeReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the body broke off: %w", err)
	}
	return n, err
}

func (a *filesArea) download(c *call, r *http.Request, in filePath) (any, error) {
	var file *fileNode
	err := c.locked(func() error {
		vol, names, err := a.locate(c, in.Path)
		if err != nil {
			return err
		}
		if file = vol.find(names); file == nil || file.isDir() {
			return noSuchFile(in.Path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return file.send(r), nil
}

// send returns the file, or the range of it that the request asks for.
func (n *fileNode) send(r *http.Request) response {
	modified := n.modified.UTC().Truncate(time.Second)
	header := http.Header{
		"Content-Type": {"application/octet-stream"}, "Last-Modified": {modified.Format(http.TimeFormat)},
		"Etag": {n.etag}, "Accept-Ranges": {"bytes"},
	}
	since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
	match := r.Header.Get("If-Match")
	if err == nil && modified.After(since) || match != "" && match != "*" && match != n.etag {
		return errorResponse(http.StatusPreconditionFailed, "FAILED_PRECONDITION", "The file was modified")
	}
	from, to := int64(0), n.content.size
	status := http.StatusOK
	if wanted, is := strings.CutPrefix(r.Header.Get("Range"), "bytes="); is && r.Method == http.MethodGet {
		var ok bool
		if from, to, ok = byteRange(wanted, n.content.size); !ok {
			refused := errorResponse(http.StatusRequestedRangeNotSatisfiable, "OUT_OF_RANGE", "The range is outside of the file")
			refused.header.Set("Content-Range", fmt.Sprintf("bytes */%d", n.content.size))
			return refused
		}
		status = http.StatusPartialContent
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, n.content.size))
	}
	header.Set("Content-Length", strconv.FormatInt(to-from, 10))
	return response{status: status, header: header, stream: func(w io.Writer) error { return n.content.writeTo(w, from, to) }}
}

func errorResponse(status int, code, message string) response {
	return jsonResponse(status, map[string]string{"error_code": code, "message": message})
}

// byteRange parses a range of a Range header, such as 0-99, 100- or -5.
func byteRange(text string, size int64) (from, to int64, ok bool) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, false
	}
	to = size
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		return max(0, size-n), size, err == nil && n > 0 && size > 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err == nil && last != "" {
		to, err = strconv.ParseInt(last, 10, 64)
		to = min(to+1, size)
	}
	return from, to, err == nil && from >= 0 && from < to
}

// writeTo writes the bytes between two offsets.
func (c content) writeTo(w io.Writer, from, to int64) error {
	for from < to {
		n := min(maxBlock-from%maxBlock, to-from)
		data, err := c.slice(from, n)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return err
		}
		from += n
	}
	return nil
}

func (a *filesArea) deleteFile(c *call, r *http.Request, in filePath) (any, error) {
	return nil, c.locked(func() error {
		vol, names, err := a.locate(c, in.Path)
		if err != nil {
			return err
		}
		if node := vol.find(names); node == nil || node.isDir() {
			return noSuchFile(in.Path)
		}
		for last := len(names) - 1; last >= 0; last-- {
			parent := vol.find(names[:last])
			vol.touch(c, names[:last+1])
			delete(parent.children, names[last])
			if !a.google || !parent.implicit || len(parent.children) > 0 {
				break
			}
		}
		return nil
	})
}

func (a *filesArea) createDirectory(c *call, r *http.Request, in directoryPath) (any, error) {
	err := c.locked(func() error {
		vol, names, err := a.locate(c, in.Path)
		if err == nil {
			_, err = vol.dir(c, names, false)
		}
		return err
	})
	return response{status: http.StatusNoContent, header: http.Header{}}, err
}

// directory returns the directory at a path. The caller must hold the lock.
func (a *filesArea) directory(c *call, path string) (vol *volume, names []string, node *fileNode, err error) {
	if vol, names, err = a.locate(c, path); err != nil {
		return nil, nil, nil, err
	}
	if node = vol.find(names); node == nil || !node.isDir() {
		return nil, nil, nil, withDetails(fail(http.StatusNotFound, "NOT_FOUND", "The directory being accessed is not found: %s", path),
			errorInfo("FILES_API_DIRECTORY_IS_NOT_FOUND", nil))
	}
	return vol, names, node, nil
}

func (a *filesArea) getDirectory(c *call, r *http.Request, in directoryPath) (any, error) {
	return nil, c.locked(func() error {
		_, _, _, err := a.directory(c, in.Path)
		return err
	})
}

type fileEntry struct {
	Path     string `json:"path"`
	Name     string `json:"name"`
	IsDir    bool   `json:"is_directory"`
	Size     *int64 `json:"file_size,omitzero"`
	Modified int64  `json:"last_modified,omitzero"`
}

func (a *filesArea) listDirectory(c *call, r *http.Request, in struct {
	directoryPath
	Size  int    `json:"page_size"`
	Token string `json:"page_token"`
}) (any, error) {
	out := struct {
		Contents []fileEntry `json:"contents,omitzero"`
		Next     string      `json:"next_page_token,omitzero"`
	}{}
	err := c.locked(func() error {
		vol, names, dir, err := a.directory(c, in.Path)
		if err != nil {
			return err
		}
		if in.Size < 0 {
			return invalid("page_size cannot be negative")
		}
		children, next, err := page(slices.Sorted(maps.Keys(dir.children)), in.Token, cmp.Or(in.Size, a.limits.PageSize), a.limits.PageSize)
		if err != nil {
			return err
		}
		out.Next = next
		at := join(append([]string{"Volumes", vol.Catalog, vol.Schema, vol.Name}, names...))
		for _, name := range children {
			child := dir.children[name]
			entry := fileEntry{Path: at + "/" + name, Name: name, IsDir: child.isDir()}
			if !child.isDir() {
				entry.Size, entry.Modified = new(child.content.size), millis(child.modified)
			}
			out.Contents = append(out.Contents, entry)
		}
		return nil
	})
	return out, err
}

func (a *filesArea) deleteDirectory(c *call, r *http.Request, in directoryPath) (any, error) {
	return nil, c.locked(func() error {
		vol, names, dir, err := a.directory(c, in.Path)
		switch {
		case err != nil:
			return err
		case len(dir.children) > 0:
			return withDetails(invalid("The directory is not empty. This API does not support recursive deletes."),
				errorInfo("FILES_API_DIRECTORY_IS_NOT_EMPTY", nil))
		case len(names) == 0:
			return invalid("Cannot delete the root directory of a volume")
		}
		vol.touch(c, names)
		delete(vol.find(names[:len(names)-1]).children, names[len(names)-1])
		return nil
	})
}

// errorInfo returns the error detail with the reason of an error.
func errorInfo(reason string, metadata map[string]string) any {
	return struct {
		Type     string            `json:"@type"`
		Reason   string            `json:"reason"`
		Domain   string            `json:"domain"`
		Metadata map[string]string `json:"metadata,omitzero"`
	}{"type.googleapis.com/google.rpc.ErrorInfo", reason, "filesystem.databricks.com", metadata}
}
