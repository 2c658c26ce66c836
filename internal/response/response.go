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

// A Failure is a response of success that is of no use.
type Failure struct {
	Err      error
	BrokeOff bool // it ended too early, and may be whole the next time
	Lost     bool // the work may have been done
}

func (e *Failure) Error() string { return e.Err.Error() }
func (e *Failure) Unwrap() error { return e.Err }

// ErrPage is a page for people where JSON was due: what responded was not the
// API, so nothing was done.
var ErrPage = errors.New("the response is an HTML page, not JSON: the host is wrong, or requires a sign-in in a browser")

// Once says that err is of a consumer that cannot read another response.
func Once(err error) error { return &once{err} }

type once struct{ error }

func (e *once) Unwrap() error { return e.error }

// maxRejection bounds the size of a rejection with a status of success.
const maxRejection = 64 << 10

// Into puts a response of success where out says: into what it points to, as
// JSON, or into a function that reads it, or nowhere if it is nil. Other errors
// than a [Failure] there are none. If the response is a rejection all the same,
// Into returns its text.
func Into(resp *http.Response, out any) (rejection []byte, err error) {
	in := &recorder{Reader: resp.Body}
	switch consume := out.(type) {
	case func(*http.Response) error: // a file, which may hold anything, so it is no rejection
		resp.Body = io.NopCloser(in)
		err = in.drained(consume(resp))
		return in.judged(nil, err)
	case func(io.Reader) error:
		in.keeps = !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/octet-stream") // a file, too
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

// A recorder remembers whether reading a response failed, which tells one that
// broke off from one that its consumer did not like. It also keeps its beginning,
// if that may be a rejection.
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
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))) // the mark that some servers put before UTF-8
	}
	if room := maxRejection - len(r.head); r.keeps && len(text) > 0 && room > 0 {
		r.head = append(r.head, text[:min(room, len(text))]...)
		r.keeps = r.head[0] == '{'
	}
	return n, err
}

// Bounds says how much the response may do to memory.
func (r *recorder) Bounds() *Body { return boundsOf(r.Reader) }

// drained reads what a consumer without an error has left, so that the connection
// can be used again.
func (r *recorder) drained(err error) error {
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(r, maxRejection))
	}
	return err
}

// judged says what a response means that begins with head, and with which its
// consumer had the problem err.
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

// isRejection reports whether a response of success is a rejection all the same:
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

// checkDropped checks a response that nobody wants: nothing, or JSON.
func checkDropped(text []byte) error {
	switch {
	case len(text) == 0, json.Valid(text), len(text) > maxRejection/2 && text[0] == '{':
		return nil
	case text[0] == '{' || text[0] == '[':
		return io.ErrUnexpectedEOF
	}
	return errors.New("the response is not JSON")
}

// decode decodes a response that is held as text or, if that is not the whole of
// it, as it arrives.
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
	return fmt.Errorf("the response cannot be read: %w", err)
}
