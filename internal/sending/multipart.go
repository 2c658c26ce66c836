package sending

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
)

// Multipart returns a payload of type multipart/form-data. It has the text fields
// in their order, followed by a file in the field part. The size of the file is -1
// if it is unknown.
func Multipart(fields [][2]string, part, name string, size int64, open func() (io.ReadCloser, error)) *Payload {
	boundary := rand.Text()
	var head bytes.Buffer
	for _, f := range fields {
		fmt.Fprintf(&head, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, quotes.Replace(f[0]), f[1])
	}
	fmt.Fprintf(&head, "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
		boundary, quotes.Replace(part), quotes.Replace(name))
	tail := "\r\n--" + boundary + "--\r\n"
	if size >= 0 {
		size += int64(head.Len() + len(tail))
	}
	return &Payload{ContentType: "multipart/form-data; boundary=" + boundary, Size: size, Open: func() (io.ReadCloser, error) {
		file, err := open()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head.Bytes()), file, strings.NewReader(tail)), file}, nil
	}}
}

// quotes escapes a name in the header of a part, as browsers do.
var quotes = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")
