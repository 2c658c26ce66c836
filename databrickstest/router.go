package databrickstest

// How to write an area. An area is one file with one type that holds the
// area's state, such as dbfsArea in dbfs.go; server.go has a field for it, and
// calls its register method once, which says what the area answers:
//
//	func (a *dbfsArea) register(s *Server) {
//		route(s, "POST", "/api/2.0/dbfs/mkdirs", a.mkdirs)
//		route(s, "GET", "/api/2.0/token-management/tokens/{token_id}", a.get) // {name} fills the field of that name; {name...}, the rest of the path
//	}
//
//	func (a *dbfsArea) mkdirs(c *call, in struct {
//		Path string `json:"path" api:"required"`
//	}) (any, error) {
//		…
//		return nil, nil
//	}
//
// A handler runs under the lock of the whole workspace, alone. It gets its
// input decoded into a struct of its own (decode.go has the rules): the query
// on GET and DELETE, JSON, form or multipart fields otherwise. It returns nil
// for {}, a value to be sent as JSON, a raw, a list, whose elements are encoded
// one after another, or a whole reply; or an error of errors.go. It is encoded
// after the lock is free, so it must not share anything that changes later.
//
// A call has the caller (c.user, c.token), the time (c.now), what else came
// with the request (c.fields, c.files, c.header, c.version), and, since it is a
// *Server as well, all areas: c.clusters, c.identities, c.random, c.timings.
//
// Nothing happens between requests: an area brings its objects to c.now when
// it looks at them.
//
// What takes long does not belong under the lock. With the option unlocked a
// handler runs without it, and puts what needs it into c.locked(func() error).
// routeUpload is the same for multipart bodies too large for memory, and hands
// the handler the parts as they arrive. Both forms of a path can be there.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// A call is one request on its way through a handler.
type call struct {
	*Server
	ctx        context.Context
	user       *user
	inNotebook bool      // the caller is code that runs in the workspace
	token      *token    // nil for a user with a password
	now        time.Time // of the workspace; stands still
	version    string    // of the API: "1.2", "2.0", …
	header     http.Header
	fields     map[string]any    // all of the input, known or not, as decode takes it
	files      map[string]string // multipart: names of files by field

	segments map[string]any // {name} segments of the path
}

// locked runs f under the workspace's lock, with a new c.now.
func (c *call) locked(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.Server.now()
	return f()
}

// A raw is a reply that is not JSON.
type raw struct {
	contentType string
	header      http.Header // may be nil
	body        []byte
}

// A list is the JSON object {key: [elements…], rest…}, encoded element by
// element. Without elements it has no key either.
type list struct {
	key      string
	elements iter.Seq[any]
	rest     any // nil, or a struct or map; may encode to {}
}

// An operation is what a path does with a method.
type operation struct {
	method  string
	serve   func(c *call, r *http.Request) (any, error)
	upload  func(c *call, r *http.Request) (any, error) // for multipart; nil if serve does
	pattern []string                                    // with {name} segments; nil if the path is literal
}

type routeOption int

const (
	unlocked  routeOption = iota // the handler takes the lock itself
	bigBodies                    // bodies up to 64 MiB instead of 10 MB
)

// Bounds of bodies held in memory.
const (
	maxBody    = 10 << 20
	maxBigBody = 64 << 20
)

// route lets handle answer requests of method for path.
func route[In any](s *Server, method, path string, handle func(*call, In) (any, error), opts ...routeOption) {
	limit, lock := int64(maxBody), true
	for _, opt := range opts {
		switch opt {
		case bigBodies:
			limit = maxBigBody
		case unlocked:
			lock = false
		}
	}
	s.router.add(method, path).serve = func(c *call, r *http.Request) (any, error) {
		if err := c.read(r, limit); err != nil {
			return nil, err
		}
		var in In
		if err := decode(c.fields, &in); err != nil {
			return nil, err
		}
		if !lock {
			return handle(c, in)
		}
		var out any
		err := c.locked(func() (err error) {
			out, err = handle(c, in)
			return err
		})
		return out, err
	}
}

// routeUpload lets handle answer requests for path whose body is multipart. It
// runs without the lock, so that a slow sender stops nobody; see c.locked.
func routeUpload(s *Server, method, path string, handle func(*call, *multipart.Reader) (any, error)) {
	s.router.add(method, path).upload = func(c *call, r *http.Request) (any, error) {
		parts, err := r.MultipartReader()
		if err != nil {
			return nil, malformed("%v", err)
		}
		return handle(c, parts)
	}
}

// A router finds the operation for a request.
type router struct {
	literal map[string][]*operation // by path
	pattern []*operation
}

func (t *router) add(method, path string) *operation {
	for _, op := range t.literal[path] {
		if op.method == method {
			return op
		}
	}
	op := &operation{method: method}
	if strings.Contains(path, "{") {
		op.pattern = strings.Split(path, "/")
		t.pattern = append(t.pattern, op)
		return op
	}
	t.literal[path] = append(t.literal[path], op)
	return op
}

// find returns nil if there is no such operation. Slashes too many are ignored,
// unless they belong to a parameter.
func (t *router) find(method, path string) (*operation, map[string]any) {
	op, segments := t.match(method, path)
	if op == nil && (strings.Contains(path, "//") || strings.HasSuffix(path, "/")) {
		return t.match(method, cleaned(path))
	}
	return op, segments
}

// cleaned is a path without empty elements.
func cleaned(path string) string {
	return "/" + strings.Join(slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" }), "/")
}

func (t *router) match(method, path string) (*operation, map[string]any) {
	for _, op := range t.literal[path] {
		if op.method == method {
			return op, nil
		}
	}
	segments := strings.Split(path, "/")
	for _, op := range t.pattern {
		last := len(op.pattern) - 1
		rest, open := strings.CutSuffix(op.pattern[last], "...}")
		if op.method != method || len(op.pattern) != len(segments) && !(open && len(op.pattern) < len(segments)) {
			continue
		}
		named, ok := map[string]any{}, true
		for i, want := range op.pattern {
			if open && i == last {
				named[rest[1:]] = fieldValues{"/" + strings.Join(segments[i:], "/")}
			} else if name, is := strings.CutPrefix(want, "{"); is && segments[i] != "" {
				named[strings.TrimSuffix(name, "}")] = fieldValues{segments[i]}
			} else if want != segments[i] {
				ok = false
			}
		}
		if ok {
			return op, named
		}
	}
	return nil, nil
}

// answer does what a request asks for.
func (s *Server) answer(r *http.Request) reply {
	answer := s.work(r)
	if err := s.commit(); err != nil {
		return s.respond(r.Method, r.URL.Path, func() (any, error) { return nil, err })
	}
	return answer
}

// work does what a request asks for, without making it durable.
func (s *Server) work(r *http.Request) reply {
	defer s.mayHaveChanged(r.Method)
	return s.respond(r.Method, r.URL.Path, func() (any, error) {
		if signedIn := s.oauth.serve(r); signedIn != nil {
			return *signedIn, nil
		}
		if s.isStorage(r) {
			return s.files.serve(s, r), nil
		}
		return s.call(r)
	})
}

// mayHaveChanged touches what requests of a method can change without finding it
// by itself.
func (s *Server) mayHaveChanged(method string) {
	if method != http.MethodGet && method != http.MethodHead {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.touchCollections()
	}
}

// respond makes a reply of what serve returns, or panics with.
func (s *Server) respond(method, path string, serve func() (any, error)) (out reply) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(fmt.Sprintf("%s %s: %v\n%s", method, path, p, debug.Stack()))
			out = (&apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: "Internal error"}).reply(cleaned(path))
		}
	}()
	value, err := serve()
	if err == nil {
		return okReply(value)
	}
	e, ok := err.(*apiError)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: err.Error()}
	}
	return e.reply(cleaned(path))
}

func (s *Server) call(r *http.Request) (any, error) {
	if err := s.limit.take(s.now()); err != nil {
		return nil, err
	}
	c := &call{Server: s, ctx: r.Context(), header: r.Header}
	err := c.locked(func() (err error) {
		if c.user, c.token, err = s.identities.signIn(r, c.now); err == nil {
			s.jobs.advance(c.now) // what is scheduled makes clusters, which other areas see
		}
		return err
	})
	path, handler := cleaned(r.URL.Path), s.endpoint(r)
	if err != nil {
		if e, ok := err.(*apiError); ok && e.status == http.StatusUnauthorized && !strings.HasPrefix(path, "/api/") && handler == nil {
			return signInPage, nil
		}
		return nil, err
	}
	if handler != nil {
		return serveEndpoint(handler, c, r), nil
	}
	return s.dispatch(c, r)
}

// dispatch lets the operation that a request is for answer a caller who is known.
func (s *Server) dispatch(c *call, r *http.Request) (any, error) {
	op, segments := s.router.find(r.Method, r.URL.Path)
	rest := cleaned(r.URL.Path)
	if after, ok := strings.CutPrefix(rest, "/api/"); ok {
		c.version, rest, _ = strings.Cut(after, "/")
		rest = "/" + rest
	}
	if op == nil {
		return nil, fail(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "No API found for '%s %s'", r.Method, rest)
	}
	c.segments = segments
	if op.upload != nil && (op.serve == nil || mediaType(r) == "multipart/form-data") {
		return op.upload(c, r)
	}
	return op.serve(c, r)
}

func mediaType(r *http.Request) string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media
}

// read collects all fields of a request in c.fields.
func (c *call) read(r *http.Request, limit int64) error {
	c.fields = map[string]any{}
	body, err := readBody(r, limit)
	if err != nil {
		return err
	}
	inQuery := r.Method == http.MethodGet || r.Method == http.MethodDelete
	media := mediaType(r)
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
	case media == "multipart/form-data":
		if err := c.readMultipart(r, body); err != nil {
			return err
		}
	// curl says that JSON is a form, unless told otherwise, and people rely on it.
	case c.version == "1.2" && media == "application/x-www-form-urlencoded" && text[0] != '{':
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return malformed("%v", err)
		}
		addFields(c.fields, form)
	default:
		if err := parseObject(body, c.fields); err != nil {
			return err
		}
	}
	if inQuery {
		addFields(c.fields, r.URL.Query())
	}
	maps.Copy(c.fields, c.segments)
	return nil
}

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var body bytes.Buffer
	if 0 < r.ContentLength && r.ContentLength <= limit {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	switch n, err := body.ReadFrom(io.LimitReader(r.Body, limit+1)); {
	case err != nil:
		return nil, malformed("%v", err)
	case n > limit:
		// Which answer the service gives is not known.
		return nil, fail(http.StatusRequestEntityTooLarge, "BAD_REQUEST", "Request body exceeds %d bytes", limit)
	}
	return body.Bytes(), nil
}

func (c *call) readMultipart(r *http.Request, body []byte) error {
	r.Body = io.NopCloser(bytes.NewReader(body))
	parts, err := r.MultipartReader()
	for err == nil {
		var part *multipart.Part
		if part, err = parts.NextPart(); err != nil {
			break
		}
		var content []byte
		if content, err = io.ReadAll(part); err != nil {
			break
		}
		if part.FileName() != "" {
			if c.files == nil {
				c.files = map[string]string{}
			}
			c.files[part.FormName()] = part.FileName()
		}
		addFields(c.fields, url.Values{part.FormName(): {string(content)}})
	}
	if err != io.EOF {
		return malformed("%v", err)
	}
	return nil
}

// A reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream func(io.Writer) error // instead of body
}

func okReply(value any) reply {
	switch value := value.(type) {
	case nil:
		return reply{http.StatusOK, jsonHeader(), []byte("{}"), nil}
	case raw:
		header := http.Header{"Content-Type": {value.contentType}}
		for name, values := range value.header {
			header[name] = values
		}
		return reply{http.StatusOK, header, value.body, nil}
	case list:
		return reply{http.StatusOK, jsonHeader(), nil, value.encode}
	case reply:
		return value
	}
	return jsonReply(http.StatusOK, value)
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}}
}

func jsonReply(status int, value any) reply {
	buffer := new(bytes.Buffer)
	encodeJSON(buffer, value)
	return reply{status, jsonHeader(), buffer.Bytes(), nil}
}

// encodeJSON appends a value the way the service does: < > & as they are. A
// value that has no JSON is a mistake in the area.
func encodeJSON(buffer *bytes.Buffer, value any) {
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	buffer.Truncate(buffer.Len() - 1) // the newline
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (l list) encode(w io.Writer) error {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	empty := true
	for element := range l.elements {
		if empty {
			fmt.Fprintf(buffer, "{%q:[", l.key)
			empty = false
		} else {
			buffer.WriteByte(',')
		}
		encodeJSON(buffer, element)
		if buffer.Len() > 32<<10 {
			if _, err := buffer.WriteTo(w); err != nil {
				return err
			}
		}
	}
	if !empty {
		buffer.WriteByte(']')
	}
	rest := []byte("{}")
	if l.rest != nil {
		var tail bytes.Buffer
		encodeJSON(&tail, l.rest)
		rest = tail.Bytes()
	}
	switch members := rest[1:]; { // less the opening brace
	case empty:
		buffer.Write(rest)
	case len(members) == 1:
		buffer.WriteByte('}')
	default:
		buffer.WriteByte(',')
		buffer.Write(members)
	}
	_, err := buffer.WriteTo(w)
	return err
}
