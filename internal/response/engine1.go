//go:build !go1.27 || !goexperiment.jsonv2

package response

import (
	"bytes"
	"encoding/json"
)

// decode decodes complete text. An error has no details, and out may have been
// changed. The caller then uses encoding/json.
func decode(text []byte, out any) error { return json.Unmarshal(text, out) }

// newDecoder returns decode for the elements of one list. It uses one decoder for
// all of them, which is much faster than a new one for each.
func newDecoder() func(text []byte, out any) error {
	var in bytes.Reader
	dec := json.NewDecoder(&in)
	return func(text []byte, out any) error {
		if text[0] != '{' { // only the end of the input ends a number
			return decode(text, out)
		}
		in.Reset(text)
		err := dec.Decode(out)
		if err != nil {
			dec = json.NewDecoder(&in)
		}
		return err
	}
}
