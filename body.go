package databricks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/sending"
	"github.com/go-databricks/databricks/internal/utf8text"
)

// A RawBody is the body of a [Request] that is not JSON. It is streamed.
type RawBody struct {
	ContentType string
	Size        int64 // in bytes; -1 if unknown, which uses chunked encoding

	// Open returns the body from its start. The client calls it at least once
	// for each attempt, after all reads of the previous body have ended. If the
	// body cannot be read again, Open returns an error, and the call fails with
	// it. If the body has more or fewer bytes than Size, the call fails with
	// [ErrSourceChanged], and the service does not receive the complete body.
	//
	// As in net/http, a Read may still be in progress when the call returns.
	// The body is closed afterwards.
	Open func() (io.ReadCloser, error)

	shown url.Values // the fields that a dry run shows
}

// encodeBody returns the body of a request in the form in which it is sent.
func encodeBody(r Request) (sending.Payload, error) {
	switch body := r.Body.(type) {
	case nil:
		return sending.Payload{}, nil
	case RawBody:
		return sending.Payload{ContentType: body.ContentType, Size: body.Size, Open: body.Open}, nil
	case url.Values:
		return sending.Payload{ContentType: "application/x-www-form-urlencoded", Text: []byte(body.Encode())}, nil
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return sending.Payload{}, &callError{r.Method, r.Path, "", fmt.Errorf("the request has no JSON form: %w", err)}
		}
		if name, found := utf8text.Invalid(body); found || !utf8.Valid(text) {
			return sending.Payload{}, &ArgumentError{r.Method, r.Path, cmp.Or(name, "the body"), "holds text that is not valid UTF-8, which JSON cannot carry"}
		}
		return sending.Payload{ContentType: "application/json", Text: text}, nil
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
	shown := url.Values{file.Field: {"(a file)"}}
	if file.Size >= 0 {
		shown.Set(file.Field, fmt.Sprintf("(a file of %d bytes)", file.Size))
	}
	for _, f := range fields {
		shown.Add(f[0], f[1])
	}
	form := sending.Multipart(fields, file.Field, file.Name, file.Size, file.Open)
	return RawBody{form.ContentType, form.Size, form.Open, shown}
}
