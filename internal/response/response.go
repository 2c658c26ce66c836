package response

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A Failure is the error for a response with a status of success that is not
// usable.
type Failure struct {
	Err         error
	Interrupted bool // it is incomplete; a retry may succeed
	Lost        bool // the request may have taken effect
}

func (e *Failure) Error() string { return e.Err.Error() }
func (e *Failure) Unwrap() error { return e.Err }

// ErrPage is the error for an HTML page instead of JSON. It does not come from the
// API, so the request had no effect.
var ErrPage = errors.New("the response is an HTML page, not JSON: the host is wrong, or requires a sign-in in a browser")

// Once marks an error of a consumer that cannot process a second response.
func Once(err error) error { return &once{err} }

type once struct{ error }

func (e *once) Unwrap() error { return e.error }

// maxRejection is the maximum size of a rejection with a status of success.
const maxRejection = 64 << 10

// Into decodes a response with a status of success as JSON into the variable that
// out points to. If out is a function, it reads the response. If out is nil, the
// response is discarded. The error is always a [Failure]. If the response is a
// rejection in spite of its status, Into returns its text.
func Into(resp *http.Response, out any) (rejection []byte, err error) {
	in := &recorder{Reader: resp.Body}
	switch consume := out.(type) {
	case func(*http.Response) error: // the content of a file, which is never a rejection
		resp.Body = io.NopCloser(in)
		err = in.drained(consume(resp))
		return in.judged(nil, err)
	case func(io.Reader) error:
		in.keeps = !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/octet-stream") // the content of a file
		err = in.drained(consume(in))
		return in.judged(in.head, err)
	}
	s := NewScanner(in, nil)
	defer s.Free()
	text, whole, err := s.Fill()
	text = bytes.TrimSpace(text)
	switch {
	case err != nil:
	case out == nil:
		err = checkDropped(text)
	case whole && len(text) == 0:
		err = fmt.Errorf("the response is empty: %w", io.ErrUnexpectedEOF)
	default:
		err = s.decode(text, whole, out)
	}
	return in.judged(text, err)
}

// A recorder records whether reading a response failed. This distinguishes an
// interrupted response from an error of its consumer. It also keeps the start of
// the response, if that may be a rejection.
type recorder struct {
	io.Reader
	err   error
	keeps bool
	head  []byte // without leading white space
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	text := p[:n]
	if len(r.head) == 0 {
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))) // the byte order mark that some servers send
	}
	if room := maxRejection - len(r.head); r.keeps && len(text) > 0 && room > 0 {
		r.head = append(r.head, text[:min(room, len(text))]...)
		r.keeps = r.head[0] == '{'
	}
	return n, err
}

// Bounds returns the body that has the limits.
func (r *recorder) Bounds() *Body { return boundsOf(r.Reader) }

// drained reads the data that a successful consumer did not read, so that the
// connection can be reused.
func (r *recorder) drained(err error) error {
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(r, maxRejection))
	}
	return err
}

// judged returns the result for a response that starts with head, after its
// consumer returned err.
func (r *recorder) judged(head []byte, err error) (rejection []byte, _ error) {
	switch {
	case isRejection(head):
		return bytes.Clone(head), nil
	case err == nil, err == ErrStopped:
		return nil, nil
	case len(head) > 0 && head[0] == '<':
		return nil, &Failure{Err: ErrPage}
	}
	_, final := errors.AsType[*once](err)
	brokeOff := r.err != nil || errors.Is(err, io.ErrUnexpectedEOF)
	if brokeOff {
		err = fmt.Errorf("the response was interrupted: %w", cmp.Or(r.err, err))
	}
	return nil, &Failure{err, brokeOff && !final, true}
}

// isRejection reports whether a response with a status of success is a rejection:
// an object with an error code.
func isRejection(text []byte) bool {
	if len(text) == 0 || len(text) > maxRejection || text[0] != '{' || !bytes.Contains(text, []byte("error_code")) {
		return false
	}
	var form struct {
		Code any `json:"error_code"`
	}
	return json.Unmarshal(text, &form) == nil && form.Code != nil && form.Code != ""
}

// checkDropped checks a response that is discarded. It must be empty or JSON.
func checkDropped(text []byte) error {
	switch {
	case len(text) == 0, json.Valid(text), len(text) > maxRejection/2 && text[0] == '{':
		return nil
	case text[0] == '{' || text[0] == '[':
		return io.ErrUnexpectedEOF
	}
	return errors.New("the response is not JSON")
}

// decode decodes a response. text is its start or, if whole is set, all of it.
func (s *Scanner) decode(text []byte, whole bool, out any) (err error) {
	if whole {
		err = s.Unmarshal(text, out)
	} else {
		err = Decode(s, out)
	}
	switch {
	case err == nil:
		return nil
	case whole && text[0] == '{' && !Complete(text):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the response cannot be decoded: %w", err)
}
