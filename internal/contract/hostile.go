package contract

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Limits of Hostile: the number of bytes that a service sends, and the memory that
// a call may use for them.
const hostileSize, hostileHeap = 1 << 20, 64 << 20

// Hostile sends compressed responses that expand a thousandfold to each call of the
// contract, in all ways that the type of the response allows. A call may use at
// most 64 MB of memory for 1 MB of response. The methods in Others receive such
// responses as the first and as the second one. Unless all is set, each call
// receives only every eighth of these responses.
func (s *Suite) Hostile(t *testing.T, all bool) {
	c := s.Checker()
	for _, area := range c.Areas {
		t.Run(area.Name, func(t *testing.T) {
			n, largest, of := 0, uint64(0), ""
			for nth, op := range c.Scope()[area] {
				for _, row := range c.RowsOf(op) {
					bombs := slices.Collect(area.bombs(op, nth == 0))
					for i, bomb := range bombs {
						if !all && i%8 != nth%min(8, len(bombs)) {
							continue
						}
						n++
						var err error
						text := bomb.text()
						grown := growth(func() {
							err = s.explode(t.Context(), op, 0, text, func(ctx context.Context, client any) error { return drain(ctx, client, area, op, row) })
						})
						if err != nil && s.Refused(err) {
							t.Fatalf("%s: the row needs a Sample that the method accepts: %v", row.Go, err)
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
	for nth, name := range slices.Sorted(maps.Keys(s.Others)) {
		t.Run(name, func(t *testing.T) {
			for i, bomb := range bombsForAll {
				for good := range 2 {
					if !all && (2*i+good)%8 != nth%8 {
						continue
					}
					var err error
					text := bomb.text()
					grown := growth(func() {
						synctest.Test(t, func(t *testing.T) {
							ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // few polls, without time for garbage collection
							defer cancel()
							err = s.explode(ctx, Operation{}, good, text, s.Others[name])
						})
					})
					if err != nil && s.Refused(err) {
						t.Fatalf("the function needs arguments that the method accepts: %v", err)
					}
					if grown > hostileHeap {
						t.Errorf("the heap grew by %d MB for %s after %d good responses; the call returned %v", grown>>20, bomb.name, good, err)
					}
				}
			}
		})
	}
	for name := range methods(c.Client) {
		if _, ok := s.Others[name]; !ok && !slices.ContainsFunc(c.Rows, func(row Row) bool { return row.Go == name }) {
			t.Errorf("%s has neither a row in the contract's table nor a function in Others", name)
		}
	}
}

// bombsForAll are for methods that are not in the contract.
var bombsForAll = []bomb{
	{"white space", "", " "},
	{"text", "", "x"},
	{"a list of nothing", `{"clusters":[{}],"files":[`, "{},"},
	{"elements", `{"events":[{}],"objects":[{}],"jobs":[{}],"runs":[{}],"contents":[{}],"volumes":[{}],"tasks":[`, "{},"},
	{"resources", `{"totalResults":1000000,"Resources":[`, "{},"},
	{"a string", `{"data":"AAAA","content":"`, "AAAA"},
	{"an error", `{"error_code":"X","details":[`, "{},"},
}

// methods returns the names of the methods of a client and of its services whose
// first parameter is a context.
func methods(client reflect.Type) map[string]bool {
	names := map[string]bool{}
	add := func(prefix string, t reflect.Type) {
		for m := range t.Methods() {
			if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
				names[prefix+m.Name] = true
			}
		}
	}
	add("", reflect.PointerTo(client))
	for f := range client.Fields() {
		if f.IsExported() {
			add(f.Name+".", f.Type)
		}
	}
	return names
}

// explode makes a call that receives a bomb after good valid responses.
func (s *Suite) explode(ctx context.Context, op Operation, good int, bomb []byte, call func(ctx context.Context, client any) error) error {
	var n atomic.Int64
	client, err := s.New(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		resp := &http.Response{
			StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		}
		if n.Add(1) <= int64(good) {
			resp.Body = io.NopCloser(strings.NewReader(s.good(r)))
			return resp, nil
		}
		resp.Header.Set("Content-Encoding", "gzip")
		resp.ContentLength, resp.Body = int64(len(bomb)), io.NopCloser(bytes.NewReader(bomb))
		return resp, nil
	}), op)
	if err != nil {
		return err
	}
	return call(ctx, client)
}

// good returns a valid response to a request of the contract.
func (s *Suite) good(r *http.Request) string {
	for area, ops := range s.Checker().Scope() {
		for _, op := range ops {
			if op.Method == r.Method && op.Path == r.URL.Path {
				text, _ := json.Marshal(area.Sample(op.Response, func(_ string, f Field) bool { return !strings.HasSuffix(f.Name, "page_token") && f.Name != "has_more" }))
				return string(text)
			}
		}
	}
	return "{}"
}

// growth returns the maximum growth of the heap while do runs. Garbage counts as
// well, and its amount depends on the load of the machine. If the heap grows by
// more than hostileHeap, growth therefore runs do again while the garbage collector
// works more often than usual.
func growth(do func()) uint64 {
	grown := heapPeak(do)
	if grown > hostileHeap {
		defer debug.SetGCPercent(debug.SetGCPercent(10))
		grown = heapPeak(do)
	}
	return grown
}

// heapPeak is growth for a single run of do.
func heapPeak(do func()) uint64 {
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
	do()
	close(done)
	return <-peak - before
}

// heap returns the memory of all objects, including garbage that was not collected.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A bomb is an endless response: head, followed by pattern without end.
type bomb struct{ name, head, pattern string }

// bombs yields endless responses for the lists and objects in the type of the
// response. If all is set, it also yields those that do not depend on the type.
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

var members sync.Map // the gzip of 1 MB, by pattern
