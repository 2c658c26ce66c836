package databrickstest

// How to write an area: an area is one file with one type that has the area's
// state, such as dbfsArea in dbfs.go. Type Server has a field for it. NewServer
// calls its register method once, which adds the area's operations:
//
//	func (a *dbfsArea) register(s *Server) {
//		route(s, "POST", "/api/2.0/dbfs/mkdirs", a.mkdirs)
//		// {name} sets the field with that name. {name...} matches the rest of the path.
//		route(s, "GET", "/api/2.0/token-management/tokens/{token_id}", a.get)
//	}
//
//	func (a *dbfsArea) mkdirs(c *call, in struct {
//		Path string `json:"path" api:"required"`
//	}) (any, error) {
//		…
//		return nil, nil
//	}
//
// A handler runs under the lock of the whole workspace, so only one handler
// runs at a time. Its input is decoded into its own struct, by the rules in
// decode.go. The input of GET and DELETE is the query. The input of other
// methods is JSON, a form or multipart fields. A handler returns nil for {}, a
// value to encode as JSON, a raw, a list, a whole response, or an error from
// errors.go. The response is encoded after the lock is released, so it must not
// share data that changes later.
//
// A call has the caller (c.user, c.token), the time (c.now), and the rest of
// the request (c.fields, c.files, c.header, c.version). It embeds *Server, so
// it also has all areas: c.clusters, c.identities, c.random, c.timings.
//
// Nothing happens between requests. An area updates its objects to c.now when
// it reads them.
//
// Slow work must not run under the lock. With the option unlocked, a handler
// runs without the lock and calls c.locked(func() error) for the parts that
// need it. routeUpload does the same for multipart bodies that are too large
// for memory. It passes the parts to the handler as they arrive. A path may
// have both kinds of handlers.

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

// A call is one request during its handling.
type call struct {
	*Server
	ctx        context.Context
	user       *user
	inNotebook bool      // code in the workspace sent it
	token      *token    // nil for a user who signed in with a password
	now        time.Time // the workspace's time; constant during the call
	version    string    // of the API: "1.2", "2.0", …
	header     http.Header
	fields     map[string]any    // the whole input, including unknown fields, as decode takes it
	files      map[string]string // names of multipart files by field

	segments map[string]any // values of the {name} segments of the path
}

// locked sets c.now and runs f, both under the workspace's lock.
func (c *call) locked(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.Server.now()
	return f()
}

// A raw is a response that is not JSON.
type raw struct {
	contentType string
	header      http.Header // may be nil
	body        []byte
}

// A list is the JSON object {key: [elements…], rest…}. Its elements are encoded
// one after another. Without elements, the object does not have the member key.
type list struct {
	key      string
	elements iter.Seq[any]
	rest     any // nil, a struct or a map; may encode to {}
}

// An operation handles one method of a path.
type operation struct {
	method  string
	serve   func(c *call, r *http.Request) (any, error)
	upload  func(c *call, r *http.Request) (any, error) // for multipart bodies; nil if serve handles them
	pattern []string                                    // segments of a path with {name}; nil if the path is literal
}

type routeOption int

const (
	unlocked  routeOption = iota // the handler locks the workspace itself
	bigBodies                    // allow bodies of 64 MiB instead of 10 MiB
)

// Limits of bodies in memory.
const (
	maxBody    = 10 << 20
	maxBigBody = 64 << 20
)

// route adds an operation with a handler.
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

// routeUpload adds an operation with a handler for multipart bodies. The
// handler runs without the lock, so that a slow client does not block others.
// It uses c.locked.
func routeUpload(s *Server, method, path string, handle func(*call, *multipart.Reader) (any, error)) {
	s.router.add(method, path).upload = func(c *call, r *http.Request) (any, error) {
		parts, err := r.MultipartReader()
		if err != nil {
			return nil, brokenBody()
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

// find returns nil if no operation matches. It ignores redundant slashes,
// except in a parameter.
func (t *router) find(method, path string) (*operation, map[string]any) {
	op, segments := t.match(method, path)
	if op == nil && (strings.Contains(path, "//") || strings.HasSuffix(path, "/")) {
		return t.match(method, cleaned(path))
	}
	return op, segments
}

// cleaned returns a path without empty segments.
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

// process processes a request and stores the changes.
func (s *Server) process(r *http.Request) response {
	resp := s.work(r)
	if err := s.commit(); err != nil {
		return s.respond(r.Method, r.URL.Path, func() (any, error) { return nil, err })
	}
	return resp
}

// work processes a request. It does not store the changes.
func (s *Server) work(r *http.Request) response {
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

// mayHaveChanged marks everything that requests of a method may change without
// looking it up.
func (s *Server) mayHaveChanged(method string) {
	if method != http.MethodGet && method != http.MethodHead {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.touchCollections()
	}
}

// respond calls serve and makes a response of its result, its error or its
// panic.
func (s *Server) respond(method, path string, serve func() (any, error)) (out response) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(fmt.Sprintf("%s %s: %v\n%s", method, path, p, debug.Stack()))
			out = (&apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: "Internal error"}).response(cleaned(path))
		}
	}()
	value, err := serve()
	if err == nil {
		return okResponse(value)
	}
	e, ok := err.(*apiError)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: err.Error()}
	}
	return e.response(cleaned(path))
}

func (s *Server) call(r *http.Request) (any, error) {
	if err := s.limit.take(s.now()); err != nil {
		return nil, err
	}
	c := &call{Server: s, ctx: r.Context(), header: r.Header}
	err := c.locked(func() (err error) {
		if c.user, c.token, err = s.identities.signIn(r, c.now); err == nil {
			s.jobs.advance(c.now) // scheduled runs create clusters, which other areas see
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

// dispatch passes a request of an authenticated caller to its operation.
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

// read stores all parameters of a request in c.fields.
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
	// By default, curl declares JSON to be a form. Users rely on this.
	case c.version == "1.2" && media == "application/x-www-form-urlencoded" && text[0] != '{':
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return brokenBody()
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
		return nil, brokenBody()
	case n > limit:
		// The service's response is not known.
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
		return brokenBody()
	}
	return nil
}

// A response is an HTTP response that is not yet written.
type response struct {
	status int
	header http.Header
	body   []byte
	stream func(io.Writer) error // instead of body
}

func okResponse(value any) response {
	switch value := value.(type) {
	case nil:
		return response{http.StatusOK, jsonHeader(), []byte("{}"), nil}
	case raw:
		header := http.Header{"Content-Type": {value.contentType}}
		for name, values := range value.header {
			header[name] = values
		}
		return response{http.StatusOK, header, value.body, nil}
	case list:
		return response{http.StatusOK, jsonHeader(), nil, value.encode}
	case response:
		return value
	}
	return jsonResponse(http.StatusOK, value)
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}}
}

func jsonResponse(status int, value any) response {
	buffer := new(bytes.Buffer)
	encodeJSON(buffer, value)
	return response{status, jsonHeader(), buffer.Bytes(), nil}
}

// encodeJSON appends the JSON of a value. Like the service, it does not escape
// <, > and &. It panics if the value has no JSON, because that is a bug of the
// area.
func encodeJSON(buffer *bytes.Buffer, value any) {
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	buffer.Truncate(buffer.Len() - 1) // the newline of Encode
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
	switch members := rest[1:]; { // without the opening brace
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
