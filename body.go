package databricks

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/utf8text"
)

// A RawBody is the body of a [Request] that is not JSON. It is streamed, not
// held in memory.
type RawBody struct {
	ContentType string
	Size        int64 // in bytes; -1 if unknown, which sends it in chunks

	// Open returns the body from its beginning. It is called at least once for
	// each attempt, when no Read of the last body is under way any more. If it
	// cannot do so a second time, it returns an error, and the call fails with
	// that. A body that has more or fewer bytes than Size fails the call with
	// [ErrSourceChanged], and the service never gets the whole of it.
	//
	// As in net/http, a Read may still be under way when the call returns. The
	// body is closed then.
	Open func() (io.ReadCloser, error)

	shown url.Values // what a plan shows of it
}

// A payload is what a request sends: text, or what open returns.
type payload struct {
	contentType string // empty if there is no body
	text        []byte
	size        int64 // of what open returns; -1 if unknown
	open        func() (io.ReadCloser, error)
}

// encodeBody returns the body of a request in the form in which it is sent.
func encodeBody(r Request) (payload, error) {
	switch body := r.Body.(type) {
	case nil:
		return payload{}, nil
	case RawBody:
		return payload{contentType: body.ContentType, size: body.Size, open: body.Open}, nil
	case url.Values:
		return payload{contentType: "application/x-www-form-urlencoded", text: []byte(body.Encode())}, nil
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return payload{}, &callError{r.Method, r.Path, "", fmt.Errorf("the request has no JSON form: %w", err)}
		}
		if name, found := utf8text.Invalid(body); found || !utf8.Valid(text) {
			return payload{}, &ArgumentError{r.Method, r.Path, cmp.Or(name, "the body"), "holds text that is not valid UTF-8, which JSON cannot carry"}
		}
		return payload{contentType: "application/json", text: text}, nil
	}
}

// A FilePart is the file in a multipart body.
type FilePart struct {
	Field string // the part's name
	Name  string // the file's name
	Size  int64  // in bytes; -1 if unknown
	Open  func() (io.ReadCloser, error)
}

// Multipart returns a body of type multipart/form-data with the text fields in
// their order and one file after them.
func Multipart(fields [][2]string, file FilePart) RawBody {
	boundary := rand.Text()
	shown := url.Values{file.Field: {fmt.Sprintf("(a file of %d bytes)", file.Size)}}
	if file.Size < 0 {
		shown.Set(file.Field, "(a file)")
	}
	var head bytes.Buffer
	for _, f := range fields {
		shown.Add(f[0], f[1])
		fmt.Fprintf(&head, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, quoted(f[0]), f[1])
	}
	fmt.Fprintf(&head, "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
		boundary, quoted(file.Field), quoted(file.Name))
	tail := "\r\n--" + boundary + "--\r\n"
	body := RawBody{ContentType: "multipart/form-data; boundary=" + boundary, Size: -1, shown: shown}
	if file.Size >= 0 {
		body.Size = int64(head.Len()) + file.Size + int64(len(tail))
	}
	body.Open = func() (io.ReadCloser, error) {
		content, err := file.Open()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head.Bytes()), content, strings.NewReader(tail)), content}, nil
	}
	return body
}

// quoted escapes a name of a multipart header, as browsers do.
func quoted(name string) string { return quotes.Replace(name) }

var quotes = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

// isZero reports whether an argument was left out.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case int64:
		return v == 0
	}
	rv := reflect.ValueOf(v)
	return rv.IsZero() || rv.Kind() == reflect.Slice && rv.Len() == 0
}
