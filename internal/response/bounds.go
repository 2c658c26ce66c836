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

// These are all bounds on what a response may do to the memory of its reader.
// They let through whatever really arrives: lists of any length, and files as
// large as there is memory for. They stop what a few bytes only claim to be.
const (
	maxValue   = 256 << 20 // bytes of one value that is held as text, such as a file in base64
	maxElement = 16 << 20  // bytes of one element of a list

	// Compressed text may be this many times as large as what was received of
	// it, once it is larger than a response usually is. A list of which each element
	// is the same is up to 350 times as large. What claims to be more than it is
	// can be 1,000 times as large.
	maxRatio  = 400
	freeRatio = 4 << 20

	// The values that are made of a response may take this much memory for each
	// byte received, and some more. A list of 100,000 clusters that differ only in
	// their IDs takes up to 550. What claims to be more than it is takes far more.
	maxGrowth  = 640
	freeMemory = 12 << 20
)

// A Body is the body of a response, without the compression that it had on its way.
type Body struct {
	body     io.ReadCloser // as received
	zip      *zip          // nil if it is not compressed, or not read
	zipped   bool
	received int64
	read     int64 // after decompression
	held     int64 // memory of the values that were made of it
}

// Accept asks for a compressed response, which [Open] decompresses. If it were
// left to the transport, nobody could tell how much was received.
func Accept(r *http.Request) {
	if r.Method != http.MethodHead && r.Header["Accept-Encoding"] == nil && r.Header["Range"] == nil {
		r.Header["Accept-Encoding"] = gzipOnly
	}
}

var gzipOnly = []string{"gzip"}

// Open replaces the body of a response by a Body, as if it had not been compressed.
func Open(resp *http.Response) {
	b := &Body{body: resp.Body}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		b.zipped, resp.Uncompressed, resp.ContentLength = true, true, -1
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
	}
	resp.Body = b
}

var zips = sync.Pool{New: func() any { return new(zip) }}

// A zip is the state of a decompression, which is worth being used again.
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

// A counter is what a Body receives.
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

// Received returns how many bytes came so far, before decompression.
func (b *Body) Received() int64 { return b.received }

// Bounds returns the body itself, for what wraps it.
func (b *Body) Bounds() *Body { return b }

// boundsOf returns the body that r reads from. It is nil for one that is no
// response, which nothing here bounds but maxValue.
func boundsOf(r io.Reader) *Body {
	if b, ok := r.(interface{ Bounds() *Body }); ok {
		return b.Bounds()
	}
	return nil
}

// plausible fails if more text came out than compression can explain.
func (b *Body) plausible() error {
	if b == nil || !b.zipped || b.read <= freeRatio+maxRatio*b.received {
		return nil
	}
	return fmt.Errorf("the response is refused: %d bytes decompress to over %d MiB", b.received, b.read>>20)
}

// fits fails if n bytes more than are held would be too much.
func (b *Body) fits(n int64) error {
	if b == nil || b.held+n <= freeMemory+maxGrowth*b.received {
		return nil
	}
	return fmt.Errorf("the response is refused: its values take over %d MiB of memory, but only %d bytes were received", (b.held+n)>>20, b.received)
}

// hold records that n more bytes are held.
func (b *Body) hold(n int64) {
	if b != nil {
		b.held += n
	}
}

// fitsDecoded fails if decoding text into a value of type t could take too
// much memory.
func (b *Body) fitsDecoded(text []byte, t reflect.Type) error {
	if b == nil || len(text) <= 4<<10 {
		return nil
	}
	w := worstOf(t)
	elements, members := count(text)
	// A slice that grows is there twice for a moment.
	return b.fits(int64(len(text)) + elements*w.element*9/4 + members*w.member)
}

// count counts the elements of arrays and the members of objects in text, on
// all levels.
func count(text []byte) (elements, members int64) {
	var lists []bool // whether what is open is an array
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

// A worst is how much memory one element of an array and one member of an object
// take at most, besides their text, somewhere in a type.
type worst struct{ element, member int64 }

var worsts sync.Map // of reflect.Type

func worstOf(t reflect.Type) worst {
	if known, ok := worsts.Load(t); ok {
		return known.(worst)
	}
	var w worst
	w.add(t, map[reflect.Type]bool{})
	worsts.Store(t, w)
	return w
}

// perAny is what an element or a member of a value without a type takes, and
// what an entry of a map takes besides.
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

// sizeOf returns how much memory v refers to, besides its own and that of text,
// which is no more than the text that v was decoded from.
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

// refers reports whether values of a type refer to memory besides their own and
// that of text.
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
