package databricks

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

// A RawBody is the body of a [Request] that is not JSON. It is streamed, not
// held in memory.
type RawBody struct {
	ContentType string
	Size        int64 // in bytes; -1 if unknown, which sends it in chunks

	// Open returns the body from its beginning. It is called once for each
	// attempt. If it cannot do so a second time, it says so with an error, and
	// the call ends with that.
	Open func() (io.ReadCloser, error)

	shown url.Values // what a plan shows of it
}

// attach makes b the body of req.
func (b RawBody) attach(req *retryablehttp.Request) error {
	measured := false
	err := req.SetBody(retryablehttp.ReaderFunc(func() (io.Reader, error) {
		if !measured { // SetBody looks for a length; we know it
			measured = true
			return http.NoBody, nil
		}
		return b.Open()
	}))
	req.ContentLength, req.GetBody = b.Size, nil
	return err
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
func quoted(name string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}

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
