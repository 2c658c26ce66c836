//go:build go1.27 && goexperiment.jsonv2

package response

import (
	"encoding/json"
	jsonv2 "encoding/json/v2"
)

// options are those of encoding/json, but without a separate scan for errors before
// decoding. The results for valid text are the same.
var options = jsonv2.JoinOptions(json.DefaultOptionsV1(), json.ReportErrorsWithLegacySemantics(false))

// decode decodes complete text. An error has no details, and out may have been
// changed. The caller then uses encoding/json.
func decode(text []byte, out any) error { return jsonv2.Unmarshal(text, out, options) }

// newDecoder returns decode for the elements of one list.
func newDecoder() func(text []byte, out any) error { return decode }
