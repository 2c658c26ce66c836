package response

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
)

// Limits on the memory that a response may use. They allow all real responses:
// lists of any length, and files of any size that fits into memory. They stop
// malicious responses that expand from a few bytes.
const (
	maxValue   = 256 << 20 // bytes of a value that is held as text, such as a file in base64
	maxElement = 16 << 20  // bytes of an element of a list

	// Maximum ratio of decompressed to compressed size. It applies to responses
	// larger than freeRatio. A list of equal elements has a ratio of up to 350.
	// Malicious data can have a ratio of 1,000.
	maxRatio  = 400
	freeRatio = 4 << 20

	// Maximum memory for decoded values for each received byte, in addition to
	// freeMemory. A list of 100,000 clusters that differ only in their IDs needs up
	// to 550. Malicious data needs far more.
	maxGrowth  = 640
	freeMemory = 12 << 20
)

// A Body is the decompressed body of a response.
type Body struct {
	body     io.ReadCloser // the body as it is received
	zip      *zip          // nil if the body is not compressed or was not read
	zipped   bool
	length   int64 // of the body as it is received; -1 if unknown
	received int64
	read     int64 // bytes after decompression
	held     int64 // memory for the values decoded from it
}

// Accept requests a compressed response, which [Open] decompresses. If the
// transport decompressed it, the number of received bytes would be unknown.
func Accept(r *http.Request) {
	if r.Method != http.MethodHead && r.Header["Accept-Encoding"] == nil && r.Header["Range"] == nil {
		r.Header["Accept-Encoding"] = gzipOnly
	}
}

var gzipOnly = []string{"gzip"}

// Open replaces the body of a response by a Body that decompresses it.
func Open(resp *http.Response) {
	b := &Body{body: resp.Body, length: resp.ContentLength}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		b.zipped, resp.Uncompressed, resp.ContentLength = true, true, -1
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
	}
	resp.Body = b
}

var zips = sync.Pool{New: func() any { return new(zip) }}

// A zip is the state of a decompression. It is reused.
type zip struct {
	gzip.Reader
	in bufio.Reader
}

// Read reads decompressed bytes.
func (b *Body) Read(p []byte) (n int, err error) {
	switch {
	case !b.zipped:
		n, err = b.body.Read(p)
		b.received += int64(n)
	case b.zip == nil:
		b.zip = zips.Get().(*zip)
		b.zip.in.Reset((*counter)(b))
		if err = b.zip.Reset(&b.zip.in); err != nil {
			return 0, err
		}
		fallthrough
	default:
		n, err = b.zip.Read(p)
	}
	b.read += int64(n)
	return n, err
}

// A counter counts the bytes that a Body receives.
type counter Body

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.received += int64(n)
	return n, err
}

// Close closes the body.
func (b *Body) Close() error {
	if b.zip != nil {
		b.zip.in.Reset(nil)
		zips.Put(b.zip)
		b.zip = nil
	}
	return b.body.Close()
}

// Received returns the number of bytes received so far, before decompression.
func (b *Body) Received() int64 { return b.received }

// Bounds returns the body itself. Readers that wrap a Body have the same method.
func (b *Body) Bounds() *Body { return b }

// boundsOf returns the body that r reads from. It returns nil if r does not read a
// response. Only maxValue then applies.
func boundsOf(r io.Reader) *Body {
	if b, ok := r.(interface{ Bounds() *Body }); ok {
		return b.Bounds()
	}
	return nil
}

// plausible fails if the body expands more than real data does.
func (b *Body) plausible() error {
	if b == nil || !b.zipped || b.read <= freeRatio+maxRatio*b.received {
		return nil
	}
	return fmt.Errorf("the response was rejected: %d bytes decompress to more than %d MiB", b.received, b.read>>20)
}

// fits fails if n additional bytes would exceed the limit on memory.
func (b *Body) fits(n int64) error {
	if b == nil || b.held+n <= freeMemory+maxGrowth*b.received {
		return nil
	}
	return fmt.Errorf("the response was rejected: its values need more than %d MiB of memory, but only %d bytes were received", (b.held+n)>>20, b.received)
}

// extrapolate estimates how many elements a list has, of which n were received. It
// adds a fiftieth, and returns 0 if the length of the body is unknown.
func (b *Body) extrapolate(n int) int {
	if b == nil || b.received <= 0 || b.length < b.received {
		return 0
	}
	return int(float64(n) * float64(b.length) / float64(b.received) * 1.02)
}

// hold adds n to the memory in use.
func (b *Body) hold(n int64) {
	if b != nil {
		b.held += n
	}
}

// fitsDecoded fails if decoding text into a value of type t could use too much
// memory.
func (b *Body) fitsDecoded(text []byte, t reflect.Type) error {
	if b == nil || len(text) <= 4<<10 {
		return nil
	}
	w := worstOf(t)
	elements, members := count(text)
	// While a slice grows, it exists twice.
	return b.fits(int64(len(text)) + elements*w.element*9/4 + members*w.member)
}

// count counts the elements of arrays and the members of objects in text, at all
// levels.
func count(text []byte) (elements, members int64) {
	var lists []bool // for each open bracket: whether it is an array
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case ':':
			members++
		case '[', '{':
			if lists = append(lists, text[i] == '['); text[i] == '[' {
				elements++
			}
		case ']', '}':
			lists = lists[:max(0, len(lists)-1)]
		case ',':
			if len(lists) > 0 && lists[len(lists)-1] {
				elements++
			}
		}
	}
	return elements, members
}

// A worst has the maximum memory for an element of an array and for a member of an
// object anywhere in a type, in addition to their text.
type worst struct{ element, member int64 }

var worsts sync.Map // by reflect.Type

func worstOf(t reflect.Type) worst {
	if known, ok := worsts.Load(t); ok {
		return known.(worst)
	}
	var w worst
	w.add(t, map[reflect.Type]bool{})
	worsts.Store(t, w)
	return w
}

// perAny is the memory for a value of type any, and the overhead of a map entry.
const perAny = 96

func (w *worst) add(t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		w.element, w.member = max(w.element, perAny), max(w.member, perAny)
	case reflect.Slice, reflect.Array:
		w.element = max(w.element, int64(t.Elem().Size()))
		w.add(t.Elem(), seen)
	case reflect.Pointer:
		w.element, w.member = max(w.element, int64(t.Elem().Size())), max(w.member, int64(t.Elem().Size()))
		w.add(t.Elem(), seen)
	case reflect.Map:
		w.member = max(w.member, int64(t.Elem().Size())+perAny)
		w.add(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			w.add(t.Field(i).Type, seen)
		}
	}
}

// sizeOf returns the memory that v refers to. It does not count v itself and text,
// because the text in v is not longer than the JSON text.
func sizeOf(v reflect.Value) (size int64) {
	switch v.Kind() {
	case reflect.Slice:
		size = int64(v.Cap()) * int64(v.Type().Elem().Size())
		fallthrough
	case reflect.Array:
		if refers(v.Type().Elem()) {
			for i := range v.Len() {
				size += sizeOf(v.Index(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return int64(v.Type().Elem().Size()) + sizeOf(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			return perAny + sizeOf(v.Elem())
		}
	case reflect.Map:
		size = int64(v.Len()) * (perAny + int64(v.Type().Elem().Size()))
		if refers(v.Type().Elem()) {
			for entry := v.MapRange(); entry.Next(); {
				size += sizeOf(entry.Value())
			}
		}
	case reflect.Struct:
		for _, i := range referringFields(v.Type()) {
			size += sizeOf(v.Field(i))
		}
	}
	return size
}

// refers reports whether values of a type refer to memory other than text.
func refers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Pointer, reflect.Interface, reflect.Map:
		return true
	case reflect.Array:
		return refers(t.Elem())
	case reflect.Struct:
		return len(referringFields(t)) > 0
	}
	return false
}

var referring sync.Map // []int by reflect.Type

func referringFields(t reflect.Type) []int {
	if known, ok := referring.Load(t); ok {
		return known.([]int)
	}
	fields := []int{}
	for i := range t.NumField() {
		if refers(t.Field(i).Type) {
			fields = append(fields, i)
		}
	}
	referring.Store(t, fields)
	return fields
}
