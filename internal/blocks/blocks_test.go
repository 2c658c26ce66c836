package blocks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, response, want string
	}{
		{"as the service sends it", `{"bytes_read":5,"data":"aGVsbG8="}`, "hello"},
		{"the other order", `{"data":"aGVsbG8=","bytes_read":5}`, "hello"},
		{"spaces anywhere", " {\n \"data\" \t:\r\n \"aGVsbG8=\" , \"bytes_read\" : 5 } \n", "hello"},
		{"no padding needed", `{"bytes_read":6,"data":"aGVsbG8h"}`, "hello!"},
		{"nothing", `{"bytes_read":0,"data":""}`, ""},
		{"an empty object", `{}`, ""},
		{"nulls", `{"bytes_read":null,"data":null}`, ""},
		{"null after a count of none", `{"bytes_read":0,"data": null }`, ""},
		{"no count", `{"data":"aGVsbG8="}`, "hello"},
		{"a count in a string", `{"bytes_read":"5","data":"aGVsbG8="}`, "hello"},
		{"unknown members", `{"a":{"data":"x"},"data":"aGVsbG8=","b":[1,{"data":2}],"bytes_read":5}`, "hello"},
		{"escaped slashes", `{"bytes_read":3,"data":"\/\/\/\/"}`, "\xff\xff\xff"},
		{"escaped otherwise", `{"bytes_read":3,"data":"\u002F\u002f\u002b\u002B"}`, "\xff\xff\xbe"},
		{"escaped line ends", `{"bytes_read":5,"data":"aG\nVsb\r\nG8=\n"}`, "hello"},
		{"an escaped name", `{"bytes_read":5,"d\u0061ta":"aGVsbG8="}`, "hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.response), iotest.OneByteReader(strings.NewReader(tt.response)), iotest.DataErrReader(strings.NewReader(tt.response))} {
				dst := make([]byte, len(tt.want)) // no spare room
				n, err := Decode(r, dst)
				require.NoError(t, err)
				assert.Equal(t, tt.want, string(dst[:n]))
			}
		})
	}
}

func TestDecode_refused(t *testing.T) {
	for response, want := range map[string]string{
		``:                                     "unexpected EOF",
		`{`:                                    "unexpected EOF",
		`{"bytes_read":5,"data`:                "unexpected EOF",
		`{"bytes_read":5,"data"`:               "unexpected EOF",
		`{"bytes_read":5,"data":`:              "unexpected EOF",
		`{"bytes_read":5,"data":"`:             "unexpected EOF",
		`{"bytes_read":5,"data":"aGVs`:         "unexpected EOF",
		`{"bytes_read":5,"data":"aGVsbG8=`:     "unexpected EOF",
		`{"bytes_read":5,"data":"aGVsbG8="`:    "unexpected EOF",
		`{"bytes_read":5,"data":nul`:           "unexpected EOF",
		`[]`:                                   `it has '[' instead of '{'`,
		`<html>`:                               `it has '<' instead of '{'`,
		`{"bytes_read":5,"data":"aGVsbG8="}}`:  `'}' follows its end`,
		`{"bytes_read":5,"data":"aGVsbG8="}{}`: `'{' follows its end`,
		`{"bytes_read":5,"data":"aGVsbG8=" "a":1}`:     `it has '"' instead of ','`,
		`{"bytes_read":4,"data":"aGVsbG8="}`:           "bytes_read is 4, but data contains 5 bytes",
		`{"bytes_read":6,"data":"aGVsbG8="}`:           "bytes_read is 6, but data contains 5 bytes",
		`{"bytes_read":5}`:                             "bytes_read is 5, but data contains 0 bytes",
		`{"bytes_read":-1,"data":""}`:                  "bytes_read is not a count",
		`{"bytes_read":{},"data":""}`:                  "bytes_read is not a count",
		`{"data":"aGVsbG8=","data":"aGVsbG8="}`:        "it has two members called data",
		`{"data":5}`:                                   "data is not a string",
		`{"data":nil}`:                                 "data is not a string",
		`{"data" "aGVsbG8="}`:                          `it has '"' instead of ':'`,
		`{"data":"aGVsbG8"}`:                           "data is incomplete base64",
		`{"data":"aGVsbG8=aGVsbG8="}`:                  "data is not base64: illegal base64 data at input byte 8",
		`{"data":"====aGVs"}`:                          "data is not base64: illegal base64 data at input byte 0",
		`{"data":"aGVs bG8="}`:                         "data is incomplete base64",
		"{\"data\":\"aGV\nsbG8h\"}":                    "data is incomplete base64",
		"{\"data\":\"aGV\n\n\n\nsbG8h\"}":              "data is not base64: line end",
		`{"data":"aGVsbG8h\t"}`:                        "data has an escape that is not valid in base64",
		`{"data":"aGVs\"bG8h"}`:                        "data has an escape that is not valid in base64",
		`{"data":"aGVs\u20acbG8h"}`:                    "data is not base64",
		`{"data":"aGVs\u12"}`:                          "data has an escape that is not valid in base64",
		`{"data":"` + strings.Repeat("A", 1376) + `"}`: "it has more than the 1024 requested bytes",
	} {
		dst := make([]byte, 1024)
		_, err := Decode(strings.NewReader(response), dst)
		assert.EqualError(t, err, want, response)
		_, err = Decode(iotest.OneByteReader(strings.NewReader(response)), dst)
		assert.Error(t, err, "byte by byte: %s", response)
	}
}

func TestDecode_keepsTheErrorOfTheReader(t *testing.T) {
	reset := errors.New("connection reset")
	whole := `{"bytes_read":5,"data":"aGVsbG8="}`
	for i := range len(whole) {
		_, err := Decode(io.MultiReader(strings.NewReader(whole[:i]), iotest.ErrReader(reset)), make([]byte, 5))
		assert.ErrorIs(t, err, reset, "after %s", whole[:i])
	}
}

// Escapes and quanta may be split between two reads.
func TestDecode_largeReplies(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 2, 3, 4, textSize/4*3 - 1, textSize / 4 * 3, textSize/4*3 + 1, Size - 1, Size} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(random.Uint32())
		}
		text := base64.StdEncoding.EncodeToString(want)
		for _, form := range []string{text, strings.ReplaceAll(text, "/", `\/`), strings.ReplaceAll(text, "/", `\u002f`)} {
			for _, step := range []int{1 << 20, 4093, textSize - 1} {
				response := fmt.Sprintf(`{"bytes_read":%d,"data":"%s"}`, size, form)
				dst := make([]byte, size)
				n, err := Decode(&stepReader{strings.NewReader(response), step}, dst)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, dst[:n]), "%d bytes in steps of %d", size, step)
			}
		}
	}
}

type stepReader struct {
	r    io.Reader
	step int
}

func (r *stepReader) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), r.step)]) }

func TestAppend(t *testing.T) {
	assert.JSONEq(t, `{"handle":2535467031369232,"data":"aGVsbG8="}`, string(Append(nil, 2535467031369232, []byte("hello"))))
	assert.JSONEq(t, `{"handle":1,"data":""}`, string(Append(nil, 1, nil)))
	assert.LessOrEqual(t, len(Append(nil, -1<<63, make([]byte, Size))), TextSize)
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"bytes_read":5,"data":"aGVsbG8="}`, `{"data":"aGVsbG8=","bytes_read":"5"}`, `{"bytes_read":3,"data":"\/\/\/\/"}`,
		`{"data":"\u002f\u002fA=\n"}`, `{"a":[{"data":1}],"data":null}`, `{}`, "{\"data\":\"aGV\nsbG8h\"}", `{"data":"AA==AA=="}`, `{"data":"AA\u003d="}`,
	} {
		f.Add([]byte(seed), 7)
	}
	f.Fuzz(func(t *testing.T, response []byte, step int) {
		dst := make([]byte, 64)
		n, err := Decode(bytes.NewReader(response), dst)
		small := make([]byte, 64)
		m, stepErr := Decode(&stepReader{bytes.NewReader(response), max(1, step)}, small)
		require.Equal(t, err == nil, stepErr == nil, "the size of reads matters: %v, %v", err, stepErr)
		if err != nil {
			require.Zero(t, n)
			return
		}
		require.Equal(t, dst[:n], small[:m])
		// encoding/json must decode accepted text in the same way.
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(response, &members))
		var want []byte
		if text, ok := members["data"]; ok {
			require.NoError(t, json.Unmarshal(text, &want))
		}
		require.Equal(t, string(want), string(dst[:n]))
	})
}

func BenchmarkDecode(b *testing.B) {
	data := make([]byte, Size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	response := fmt.Appendf(nil, `{"bytes_read":%d,"data":"%s"}`, Size, base64.StdEncoding.EncodeToString(data))
	b.Run("straight", func(b *testing.B) {
		dst := make([]byte, Size)
		b.SetBytes(Size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(bytes.NewReader(response), dst); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(Size)
		b.ReportAllocs()
		for b.Loop() {
			var v struct{ Data []byte }
			if err := json.NewDecoder(bytes.NewReader(response)).Decode(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
