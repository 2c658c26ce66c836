//go:build !go1.27 || !goexperiment.jsonv2

package response

import (
	"bytes"
	"encoding/json"
)

// decode decodes text that is held. After an error, out may have been changed,
// and the error says nothing: the caller uses encoding/json then.
func decode(text []byte, out any) error { return json.Unmarshal(text, out) }

// newDecoder returns decode for the elements of one list. It has one decoder for
// all of them, which costs much less than one for each.
func newDecoder() func(text []byte, out any) error {
	var in bytes.Reader
	dec := json.NewDecoder(&in)
	return func(text []byte, out any) error {
		if text[0] != '{' { // a number ends where the input does
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
