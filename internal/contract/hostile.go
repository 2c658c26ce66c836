package contract

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"iter"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The bounds of Hostile: what a service sends, and how much memory a call may
// take for it.
const hostileSize, hostileHeap = 1 << 20, 64 << 20

// Hostile gives each call of the contract compressed responses that grow a
// thousandfold, in the manners that the type of the response has a place for. No
// call may take more than 64 MB of memory for 1 MB of it. Unless all is true, each
// call gets every fourth of these responses.
func (s *Suite) Hostile(t *testing.T, all bool) {
	c := s.Checker()
	for _, area := range c.Areas {
		t.Run(area.Name, func(t *testing.T) {
			n, largest, of := 0, uint64(0), ""
			for nth, op := range c.Scope()[area] {
				for _, row := range c.RowsOf(op) {
					bombs := slices.Collect(area.bombs(op, nth == 0))
					for i, bomb := range bombs {
						if !all && i%4 != nth%min(4, len(bombs)) {
							continue
						}
						n++
						grown, err := s.explode(t.Context(), area, op, row, bomb.text())
						if err != nil && s.Refused(err) {
							t.Fatalf("%s: the row needs a Sample that the method does not refuse: %v", row.Go, err)
						}
						if grown > largest {
							largest, of = grown, row.Go+", "+bomb.name
						}
						if grown > hostileHeap {
							t.Errorf("%s: the heap grew by %d MB for %s; the call returned %v", row.Go, grown>>20, bomb.name, err)
						}
					}
				}
			}
			t.Logf("%d responses; the heap grew by up to %d MB, in %s", n, largest>>20, of)
		})
	}
}

// explode makes a call that meets a bomb, and returns by how much the heap grew.
func (s *Suite) explode(ctx context.Context, area *Area, op Operation, row Row, bomb []byte) (grown uint64, err error) {
	client, err := s.New(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		return &http.Response{
			StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(bomb)),
			Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, Body: io.NopCloser(bytes.NewReader(bomb)),
		}, nil
	}), op)
	if err != nil {
		return 0, err
	}
	runtime.GC()
	before := heap()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := before
		for {
			highest = max(highest, heap())
			select {
			case <-done:
				peak <- max(highest, heap())
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	err = drain(ctx, client, area, op, row)
	close(done)
	return <-peak - before, err
}

// heap is how much memory objects take, garbage included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A bomb is a response without end: head, and then pattern again and again.
type bomb struct{ name, head, pattern string }

// bombs yields responses without end: those for the places that the type of the
// response has for lists and objects, and, if all is true, those that do not
// depend on it.
func (a *Area) bombs(op Operation, all bool) iter.Seq[bomb] {
	return func(yield func(bomb) bool) {
		ok := true
		add := func(name, head, pattern string) { ok = ok && yield(bomb{name + " without end", head, pattern}) }
		if all {
			add("white space", "", " ")
			add("text", "", "x")
			add("an unknown string", `{"zz":"`, "x")
			add("an unknown list", `{"zz":[`, "[],")
		}
		add("an error", `{"error_code":"X","details":[`, "{},")
		for _, f := range a.Types[op.Response] {
			member := `{"` + f.Name + `":`
			if f.Name == "[]" {
				member = ""
			}
			switch kind, of := parse(f.Type); kind {
			case "array":
				add("a list of nothing in "+f.Name, member+"[", "{},")
				for _, inner := range a.Types[strings.TrimSuffix(strings.TrimPrefix(of, "object<"), ">")] {
					if kind, _ := parse(inner.Type); kind == "array" {
						add("a list of nothing in "+f.Name+"[0]."+inner.Name, member+`[{"`+inner.Name+`":[`, "{},")
					}
				}
			case "object", "map":
				add("an object in "+f.Name, member+`{`, `"a":{"b":[{},{},{}]},`)
				for _, inner := range a.Types[of] {
					if kind, _ := parse(inner.Type); kind == "array" {
						add("a list of nothing in "+f.Name+"."+inner.Name, member+`{"`+inner.Name+`":[`, "{},")
					}
				}
			case "any":
				add("a list of anything in "+f.Name, member+"[", "[[]],")
			case "string", "bytes(base64)":
				add("a string in "+f.Name, member+`"`, "AAAA")
			}
		}
	}
}

// text returns about a megabyte of the response, compressed.
func (b bomb) text() []byte {
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	io.WriteString(z, b.head)
	z.Close()
	member, _ := members.LoadOrStore(b.pattern, sync.OnceValue(func() []byte {
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		io.WriteString(z, strings.Repeat(b.pattern, (1<<20)/len(b.pattern)))
		z.Close()
		return zipped.Bytes()
	}))
	for pattern := member.(func() []byte)(); text.Len() < hostileSize; {
		text.Write(pattern)
	}
	return text.Bytes()
}

var members sync.Map // what 1 MB of a pattern is in gzip, by pattern
