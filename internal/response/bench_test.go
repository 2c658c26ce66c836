package response

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

type row struct {
	ID    string            `json:"id"`
	Name  string            `json:"name"`
	Size  int64             `json:"size"`
	Tags  map[string]string `json:"tags"`
	Parts []inner           `json:"parts"`
	One   *inner            `json:"one"`
}

type rows struct {
	List []row `json:"list"`
}

// Decode a list of about 24 MB as it arrives. Compare this with encoding/json,
// which needs all of it in memory.
func BenchmarkDecode(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(`{"list":[`)
	for i := range 60_000 {
		fmt.Fprintf(&text, `{"id":"0101-120000-%08d","name":"etl %d","size":%d,"unknown":{"a":[1,2,3],"b":"some text of a field that nobody knows"},`+
			`"tags":{"team":"ingest","cost":"4711","stage":"production"},"parts":[{"id":1,"name":"a"},{"id":2,"name":"b"}],"one":{"id":3,"name":"c"},`+
			`"more":"%0100d"},`, i, i, i, i)
	}
	text.Truncate(text.Len() - 1)
	text.WriteString(`]}`)
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			var v rows
			s := NewScanner(bytes.NewReader(text.Bytes()), nil)
			if err := Decode(s, &v); err != nil || len(v.List) != 60_000 {
				b.Fatal(err)
			}
			s.Free()
		}
	})
	b.Run("response", func(b *testing.B) { // with the limits of a response
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			var v rows
			s := NewScanner(&Body{body: closer{bytes.NewReader(text.Bytes())}}, nil)
			if err := Decode(s, &v); err != nil || len(v.List) != 60_000 {
				b.Fatal(err)
			}
			s.Free()
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			var v rows
			if err := json.Unmarshal(text.Bytes(), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }
