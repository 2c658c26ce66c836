package databricks

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/go-databricks/databricks/internal/response"
)

// decodeResponse decodes a successful response into out. See [Client.Do]. It
// returns an *APIError if the body is a rejection.
func decodeResponse(resp *http.Response, out any) error {
	rejection, err := response.Into(resp, out)
	if rejection != nil {
		resp.Body = io.NopCloser(bytes.NewReader(rejection))
		return readAPIError(resp)
	}
	if checked, ok := out.(interface{ validate() error }); ok && err == nil {
		if err := checked.validate(); err != nil {
			return &response.Failure{Err: err, Lost: true}
		}
	}
	return err
}

// named is for the validate methods of responses that identify a new object. If the
// response has no ID, the outcome is unknown.
func named(name string, ok bool) error {
	if !ok {
		return errors.New("the response has no " + name)
	}
	return nil
}
