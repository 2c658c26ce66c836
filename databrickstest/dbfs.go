package databrickstest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of DBFS.
const (
	maxBlock    = 1 << 20 // size of a block, of contents in JSON, and of a read, in bytes
	defaultRead = maxBlock / 2
	maxPutFile  = math.MaxInt32 // size of a file in a multipart put, in bytes
	maxDelete   = 10_000        // number of files that one call deletes
	streamIdle  = 10 * time.Minute
)

// WithDeleteLimit sets the maximum number of files that a call of dbfs/delete
// deletes. If more files remain, the response is PARTIAL_DELETE. The default is
// 10,000.
func WithDeleteLimit(files int) Option { return func(s *Server) { s.dbfs.deleteLimit = files } }

// WithEarlyFiles makes a DBFS file visible when it is created, and lets it grow
// with each block. Without this option, a file appears when it is closed. The
// real service has been seen to do both.
func WithEarlyFiles() Option { return func(s *Server) { s.dbfs.early = true } }

// WithoutDBFSRoot creates a workspace in which DBFS is disabled. The calls of
// DBFS fail for all paths.
func WithoutDBFSRoot() Option { return func(s *Server) { s.dbfs.off = true } }

// dbfsArea has the DBFS of the workspace: a tree of files, and the streams that
// write to it.
type dbfsArea struct {
	root        *dbfsNode
	streams     map[int64]*dbfsStream // by handle
	deleteLimit int
	early, off  bool
}

// A dbfsNode is a file or a directory.
type dbfsNode struct {
	children map[string]*dbfsNode `state:"-"` // nil for a file
	content  content
	modified time.Time
}

func (n *dbfsNode) isDir() bool { return n.children != nil }

// A dbfsStream is an open handle to a file that a client writes.
type dbfsStream struct {
	path      []string
	overwrite bool
	node      *dbfsNode `state:"-"` // the visible file, with WithEarlyFiles
	early     bool      // node is set
	writer    contentWriter
	lastUse   time.Time
}

// A content has the bytes of a file. It never changes. All blocks but the last
// one are full.
type content struct {
	size   int64
	blocks []*block
}

// zeroBlock is shared by all blocks of zeros, so that sparse files need little
// memory.
var zeroBlock = &block{data: make([]byte, maxBlock)}

// A contentWriter builds a content.
type contentWriter struct {
	full []*block
	last []byte // shorter than a block
}

// write appends data. The caller must not change data afterwards.
func (w *contentWriter) write(data []byte) {
	for len(data) > 0 {
		n := min(maxBlock-len(w.last), len(data))
		if n == maxBlock {
			w.seal(data[:n:n])
		} else if w.last = append(w.last, data[:n]...); len(w.last) == maxBlock {
			w.seal(w.last)
			w.last = nil
		}
		data = data[n:]
	}
}

func (w *contentWriter) seal(data []byte) {
	sealed := zeroBlock
	if !bytes.Equal(data, zeroBlock.data) {
		sealed = &block{data: data}
	}
	w.full = append(w.full, sealed)
}

// append appends a content.
func (w *contentWriter) append(c content) error {
	for i, b := range c.blocks {
		if len(w.last) == 0 && int64(i+1)*maxBlock <= c.size {
			w.full = append(w.full, b)
			continue
		}
		data, err := b.load()
		if err != nil {
			return err
		}
		w.write(data)
	}
	return nil
}

// content returns everything that was written so far.
func (w *contentWriter) content() content {
	c := content{int64(len(w.full))*maxBlock + int64(len(w.last)), slices.Clip(w.full)}
	if len(w.last) > 0 {
		c.blocks = append(c.blocks, &block{data: slices.Clip(w.last)})
	}
	return c
}

// readFrom writes everything that r returns. It stops after more than limit
// bytes, and all is then false.
func (w *contentWriter) readFrom(r io.Reader, limit int64) (all bool, err error) {
	var block []byte
	for total := int64(0); ; {
		if block == nil {
			block = make([]byte, maxBlock)
		}
		n, err := io.ReadFull(r, block)
		if total += int64(n); total > limit {
			return false, nil
		}
		w.write(block[:n:n])
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = nil
			}
			return true, err
		}
		if w.full[len(w.full)-1] != zeroBlock {
			block = nil // w keeps the block
		}
	}
}

// slice returns n bytes from offset on. These bytes must exist.
func (c content) slice(offset, n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	i, from := offset/maxBlock, offset%maxBlock
	first, err := c.blocks[i].load()
	if err != nil {
		return nil, err
	}
	if to := from + n; to <= int64(len(first)) {
		return first[from:to], nil
	}
	second, err := c.blocks[i+1].load()
	if err != nil {
		return nil, err
	}
	data := append(make([]byte, 0, n), first[from:]...)
	return append(data, second[:n-int64(len(data))]...), nil
}

// contentOf returns a content with data. The caller must not change data
// afterwards.
func contentOf(data []byte) content {
	var w contentWriter
	w.write(data)
	return w.content()
}

func (a *dbfsArea) register(s *Server) {
	a.root = &dbfsNode{children: map[string]*dbfsNode{}, modified: s.now()}
	a.streams = map[int64]*dbfsStream{}
	if a.deleteLimit == 0 {
		a.deleteLimit = maxDelete
	}
	route(s, "POST", "/api/2.0/dbfs/create", a.create)
	route(s, "POST", "/api/2.0/dbfs/add-block", a.addBlock, unlocked)
	route(s, "POST", "/api/2.0/dbfs/close", a.close)
	route(s, "POST", "/api/2.0/dbfs/delete", a.delete)
	route(s, "GET", "/api/2.0/dbfs/get-status", a.getStatus)
	route(s, "GET", "/api/2.0/dbfs/list", a.list)
	route(s, "POST", "/api/2.0/dbfs/mkdirs", a.mkdirs)
	route(s, "POST", "/api/2.0/dbfs/move", a.move)
	route(s, "POST", "/api/2.0/dbfs/put", a.put, unlocked)
	routeUpload(s, "POST", "/api/2.0/dbfs/put", a.putFile)
	route(s, "GET", "/api/2.0/dbfs/read", a.read, unlocked)
}

// path splits a path into its names. Only slashes are special. The names . and
// .. have no special meaning, because it is not known what the service does
// with them.
func (a *dbfsArea) path(path string) ([]string, error) {
	if a.off {
		return nil, denied("Public DBFS root is disabled. Access is denied on path: %s", path)
	}
	rest := strings.TrimPrefix(path, "dbfs:")
	if !strings.HasPrefix(rest, "/") || rest != path && strings.HasPrefix(rest, "//") {
		return nil, invalid("Path must be absolute: %s", path)
	}
	names := slices.DeleteFunc(strings.Split(rest, "/"), func(name string) bool { return name == "" })
	if len(names) > 0 && names[0] == "Volumes" {
		return nil, denied("No operations allowed on this path")
	}
	return names, nil
}

func join(names []string) string { return "/" + strings.Join(names, "/") }

// find returns nil if the path does not exist.
func (a *dbfsArea) find(names []string) *dbfsNode {
	node := a.root
	for _, name := range names {
		if node = node.children[name]; node == nil {
			return nil
		}
	}
	return node
}

// fileSize returns the size of the file at a path. The path may start with
// dbfs:.
func (a *dbfsArea) fileSize(path string) (size int64, ok bool) {
	names, err := a.path(path)
	if err != nil {
		return 0, false
	}
	node := a.find(names)
	if node == nil || node.isDir() {
		return 0, false
	}
	return node.content.size, true
}

func nothingAt(names []string) error {
	return notFound("No file or directory exists on path %s.", join(names))
}

func somethingAt(names []string) error {
	return exists("A file or directory already exists at the input path dbfs:%s.", join(names))
}

// dir returns the directory at a path, and creates it if it does not exist.
func (a *dbfsArea) dir(c *call, names []string) (*dbfsNode, error) {
	node := a.root
	for i, name := range names {
		child := node.children[name]
		switch {
		case child == nil:
			child = &dbfsNode{children: map[string]*dbfsNode{}, modified: c.now}
			node.children[name] = child
			c.touch(kindDBFS, treePath(names[:i+1]))
		case !child.isDir():
			return nil, somethingAt(names[:i+1])
		}
		node = child
	}
	return node, nil
}

// target checks whether a file can be written at a path.
func (a *dbfsArea) target(names []string, overwrite bool) error {
	if node := a.find(names); node != nil && (node.isDir() || !overwrite) {
		return somethingAt(names)
	}
	return nil
}

// place creates a file, or replaces one if overwrite is set. It creates missing
// parent directories.
func (a *dbfsArea) place(c *call, names []string, overwrite bool, data content) (*dbfsNode, error) {
	if err := a.target(names, overwrite); err != nil {
		return nil, err
	}
	parent, err := a.dir(c, names[:len(names)-1])
	if err != nil {
		return nil, err
	}
	file := &dbfsNode{content: data, modified: c.now}
	parent.children[names[len(names)-1]] = file
	c.touch(kindDBFS, treePath(names))
	return file, nil
}

type dbfsPath struct {
	Path string `json:"path" api:"required"`
}

func (a *dbfsArea) create(c *call, in struct {
	Path      string `json:"path" api:"required"`
	Overwrite bool   `json:"overwrite"`
}) (any, error) {
	names, err := a.path(in.Path)
	if err != nil {
		return nil, err
	}
	if err := a.target(names, in.Overwrite); err != nil {
		return nil, err
	}
	if _, err := a.dir(c, names[:len(names)-1]); err != nil {
		return nil, err
	}
	stream := &dbfsStream{path: names, overwrite: in.Overwrite, lastUse: c.now, early: a.early}
	if a.early {
		if stream.node, err = a.place(c, names, in.Overwrite, content{}); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(a.streams, func(handle int64, s *dbfsStream) bool {
		touchStream(c, handle)
		return s.idle(c)
	})
	handle := c.random.number()
	a.streams[handle] = stream
	touchStream(c, handle)
	return map[string]int64{"handle": handle}, nil
}

// idle reports whether the stream has expired because it was unused for too
// long. What was written to it is lost, except with WithEarlyFiles.
func (s *dbfsStream) idle(c *call) bool { return c.now.Sub(s.lastUse) > streamIdle }

func (a *dbfsArea) stream(c *call, handle *int64) (*dbfsStream, error) {
	if handle == nil {
		return nil, missingField("handle")
	}
	stream := a.streams[*handle]
	if stream == nil || stream.idle(c) {
		return nil, notFound("No such stream with handle: %d.", *handle)
	}
	stream.lastUse = c.now
	touchStream(c, *handle)
	return stream, nil
}

func touchStream(c *call, handle int64) { c.touch(kindStream, strconv.FormatInt(handle, 10)) }

// fromBase64 decodes text. Like the service, it ignores white space.
func fromBase64(name, text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	}
	if err != nil {
		return nil, malformed("%s is not base64", name)
	}
	return data, nil
}

func (a *dbfsArea) addBlock(c *call, in struct {
	Handle *int64  `json:"handle"`
	Data   *string `json:"data"`
}) (any, error) {
	if in.Data == nil {
		return nil, missingField("data")
	}
	data, err := fromBase64("data", *in.Data)
	if err != nil {
		return nil, err
	}
	return nil, c.locked(func() error {
		stream, err := a.stream(c, in.Handle)
		if err != nil {
			return err
		}
		if len(data) > maxBlock {
			return fail(http.StatusBadRequest, "MAX_BLOCK_SIZE_EXCEEDED", "The data cannot exceed %d bytes. Found: %d bytes.", maxBlock, len(data))
		}
		stream.writer.write(data)
		if stream.node != nil {
			stream.node.content, stream.node.modified = stream.writer.content(), c.now
			c.touch(kindDBFS, treePath(stream.path))
		}
		return nil
	})
}

func (a *dbfsArea) close(c *call, in struct {
	Handle *int64 `json:"handle"`
}) (any, error) {
	stream, err := a.stream(c, in.Handle)
	if err != nil {
		return nil, err
	}
	delete(a.streams, *in.Handle)
	if stream.node == nil {
		_, err = a.place(c, stream.path, stream.overwrite, stream.writer.content())
	}
	return nil, err
}

func (a *dbfsArea) delete(c *call, in struct {
	Path      string `json:"path" api:"required"`
	Recursive bool   `json:"recursive"`
}) (any, error) {
	names, err := a.path(in.Path)
	if err != nil {
		return nil, err
	}
	node := a.find(names)
	switch {
	case node == nil:
		return nil, nil
	case len(node.children) > 0 && !in.Recursive:
		// In late 2025, the service was seen to return the code BAD_REQUEST
		// here.
		return nil, fail(http.StatusBadRequest, "IO_ERROR", "Directory is not empty. Use recursive delete or remove contents first.")
	}
	touchTree(c.Server, kindDBFS, treePath(names), node)
	left := a.deleteLimit
	if !node.remove(&left) {
		return nil, fail(http.StatusServiceUnavailable, "PARTIAL_DELETE", "The requested operation has deleted %d files. "+
			"There are more files remaining. You must make another request to delete more.", a.deleteLimit)
	}
	if len(names) > 0 {
		delete(a.find(names[:len(names)-1]).children, names[len(names)-1])
	}
	return nil, nil
}

// remove removes at most left files below n. It reports whether it removed all
// of them.
func (n *dbfsNode) remove(left *int) bool {
	for name, child := range n.children {
		if child.isDir() {
			if !child.remove(left) {
				return false
			}
		} else if *left--; *left < 0 {
			return false
		}
		delete(n.children, name)
	}
	return true
}

type dbfsInfo struct {
	Path     string `json:"path"`
	IsDir    bool   `json:"is_dir"`
	Size     int64  `json:"file_size"`
	Modified int64  `json:"modification_time"`
}

func (n *dbfsNode) info(path string) dbfsInfo {
	return dbfsInfo{path, n.isDir(), n.content.size, millis(n.modified)}
}

func (a *dbfsArea) getStatus(c *call, in dbfsPath) (any, error) {
	names, err := a.path(in.Path)
	if err != nil {
		return nil, err
	}
	node := a.find(names)
	if node == nil {
		return nil, nothingAt(names)
	}
	return node.info(join(names)), nil
}

func (a *dbfsArea) list(c *call, in dbfsPath) (any, error) {
	names, err := a.path(in.Path)
	if err != nil {
		return nil, err
	}
	node := a.find(names)
	if node == nil {
		return nil, nothingAt(names)
	}
	files := []dbfsInfo{node.info(join(names))}
	if node.isDir() {
		files = files[:0]
		for _, name := range slices.Sorted(maps.Keys(node.children)) {
			files = append(files, node.children[name].info(join(append(names, name))))
		}
	}
	return list{key: "files", elements: func(yield func(any) bool) {
		for _, file := range files {
			if !yield(file) {
				return
			}
		}
	}}, nil
}

func (a *dbfsArea) mkdirs(c *call, in dbfsPath) (any, error) {
	names, err := a.path(in.Path)
	if err == nil {
		_, err = a.dir(c, names)
	}
	return nil, err
}

func (a *dbfsArea) move(c *call, in struct {
	Source      string `json:"source_path" api:"required"`
	Destination string `json:"destination_path" api:"required"`
}) (any, error) {
	from, err := a.path(in.Source)
	if err != nil {
		return nil, err
	}
	to, err := a.path(in.Destination)
	if err != nil {
		return nil, err
	}
	node := a.find(from)
	switch {
	case node == nil:
		return nil, nothingAt(from)
	// The documentation says that the service does not replace a file. It is
	// not known whether the service moves into an existing directory. This
	// workspace does not.
	case a.find(to) != nil:
		return nil, somethingAt(to)
	case len(from) < len(to) && slices.Equal(from, to[:len(from)]):
		return nil, invalid("Cannot move %s into itself: %s", join(from), join(to))
	}
	parent, err := a.dir(c, to[:len(to)-1])
	if err != nil {
		return nil, err
	}
	touchTree(c.Server, kindDBFS, treePath(from), node)
	touchTree(c.Server, kindDBFS, treePath(to), node)
	parent.children[to[len(to)-1]] = node
	delete(a.find(from[:len(from)-1]).children, from[len(from)-1])
	return nil, nil
}

func (a *dbfsArea) put(c *call, in struct {
	Path      string `json:"path" api:"required"`
	Contents  string `json:"contents"`
	Overwrite bool   `json:"overwrite"`
}) (any, error) {
	data, err := fromBase64("contents", in.Contents)
	if err != nil {
		return nil, err
	}
	var w contentWriter
	w.write(data)
	return nil, a.putContent(c, in.Path, in.Overwrite, w.content(), true)
}

func (a *dbfsArea) putContent(c *call, path string, overwrite bool, data content, fromText bool) error {
	return c.locked(func() error {
		names, err := a.path(path)
		switch {
		case err != nil:
			return err
		case fromText && data.size > maxBlock:
			return fail(http.StatusBadRequest, "MAX_BLOCK_SIZE_EXCEEDED", "The 'contents' data cannot exceed %d bytes. Found: %d bytes. "+
				"You might want to use streaming upload instead.", maxBlock, data.size)
		}
		_, err = a.place(c, names, overwrite, data)
		return err
	})
}

// putFile handles the multipart form. A part with a file name, even an empty
// one, is the file, whatever the name of its field. The field contents without
// a file name is base64.
func (a *dbfsArea) putFile(c *call, parts *multipart.Reader) (any, error) {
	fields := map[string]any{}
	var file *content
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, brokenBody()
		}
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if _, isFile := params["filename"]; !isFile {
			text, err := io.ReadAll(io.LimitReader(part, maxBody))
			if err != nil {
				return nil, brokenBody()
			}
			fields[part.FormName()] = string(text)
			continue
		}
		var w contentWriter
		switch all, err := w.readFrom(part, maxPutFile); {
		case err != nil:
			return nil, brokenBody()
		case !all:
			// The service's response is not known.
			return nil, fail(http.StatusRequestEntityTooLarge, "BAD_REQUEST", "The file cannot exceed %d bytes.", int64(maxPutFile))
		}
		data := w.content()
		file = &data
	}
	var in struct {
		Path      string `json:"path" api:"required"`
		Contents  string `json:"contents"`
		Overwrite bool   `json:"overwrite"`
	}
	if err := decode(fields, &in); err != nil {
		return nil, err
	}
	if file != nil {
		return nil, a.putContent(c, in.Path, in.Overwrite, *file, false)
	}
	return a.put(c, in)
}

func (a *dbfsArea) read(c *call, in struct {
	Path   string `json:"path" api:"required"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"` // the service's response to 0 is not known; here 0 means unset
}) (any, error) {
	var file content
	err := c.locked(func() error {
		names, err := a.path(in.Path)
		if err != nil {
			return err
		}
		node := a.find(names)
		switch {
		case node == nil:
			return nothingAt(names)
		case node.isDir():
			return invalid("Cannot read from a directory: %s", join(names))
		}
		file = node.content
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case in.Length < 0 || in.Offset < 0:
		return nil, invalid("Offset and length cannot be negative. Found offset = %d, length = %d", in.Offset, in.Length)
	case in.Length > maxBlock:
		return nil, fail(http.StatusBadRequest, "MAX_READ_SIZE_EXCEEDED", "Cannot read more than %d bytes in one read, "+
			"please paginate your request. Request: %d bytes.", maxBlock, in.Length)
	case in.Offset > file.size:
		return nil, invalid("Cannot read when offset is greater than file size. Found offset = %d", in.Offset)
	}
	data, err := file.slice(in.Offset, min(cmp.Or(in.Length, defaultRead), file.size-in.Offset))
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf(`{"bytes_read":%d,"data":"`, len(data))
	header := jsonHeader()
	header["Content-Length"] = []string{strconv.Itoa(len(head) + base64.StdEncoding.EncodedLen(len(data)) + len(`"}`))}
	return response{status: http.StatusOK, header: header, stream: func(w io.Writer) error { return writeBlock(w, head, data) }}, nil
}

// A textBuffer has room for the base64 of textBlock bytes and for the JSON
// around it.
type textBuffer [textBlock/3*4 + 64]byte

const textBlock = 48 << 10 // in bytes; a multiple of 3, so that base64 needs no padding in between

var textBuffers = sync.Pool{New: func() any { return new(textBuffer) }}

// writeBlock writes head, then the base64 of data, and then the end of the JSON
// object.
func writeBlock(w io.Writer, head string, data []byte) error {
	buffer := textBuffers.Get().(*textBuffer)
	defer textBuffers.Put(buffer)
	text := append(buffer[:0], head...)
	for {
		n := min(len(data), textBlock)
		text = base64.StdEncoding.AppendEncode(text, data[:n])
		if data = data[n:]; len(data) == 0 {
			_, err := w.Write(append(text, `"}`...))
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		text = buffer[:0]
	}
}
