//go:build go1.27 && goexperiment.jsonv2

package response

import (
	"encoding/json"
	jsonv2 "encoding/json/v2"
)

// options are those of encoding/json, except that the text is not scanned for
// errors before it is decoded. That makes no difference to values that have none.
var options = jsonv2.JoinOptions(json.DefaultOptionsV1(), json.ReportErrorsWithLegacySemantics(false))

// decode decodes text that is held. After an error, out may have been changed,
// and the error says nothing: the caller uses encoding/json then.
func decode(text []byte, out any) error { return jsonv2.Unmarshal(text, out, options) }

// newDecoder returns decode for the elements of one list.
func newDecoder() func(text []byte, out any) error { return decode }
