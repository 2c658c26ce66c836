package contract

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A Suite tests one client.
type Suite struct {
	Checker func() *Checker // returns a new Checker each time, because tests change it

	// New returns a pointer to a new client that uses a transport.
	New func(transport http.RoundTripper, op Operation) (any, error)

	Refused func(error) bool // reports whether an error says that an argument is invalid
	Unknown func(error) bool // reports whether an error says that the outcome is unknown

	// Reads are calls that only read, although they are not GET calls.
	Reads []string

	// Retries are calls that are retried although the contract does not call them
	// idempotent, or the reverse, each with the reason.
	Retries map[string]string

	// Names are the members of responses that identify a new object. If such a
	// member is missing, the outcome is unknown.
	Names map[string]string

	// Contents are calls whose response is the content of a file. The call must
	// return all of it or fail.
	Contents []string

	// Others are methods that combine methods of the rows, by names such as
	// "Clusters.WaitRunning". Hostile uses them.
	Others map[string]func(ctx context.Context, client any) error

	// NonEmpty are calls for which an empty object is not a valid response.
	NonEmpty []string
}

// Types checks that each operation has a method, each field has a Go field of the
// right type, and each enum value has a constant.
func (s *Suite) Types(t *testing.T) {
	report := s.Checker().Check()
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	t.Log(report)
}

// Notices checks that Types detects differences. Each change is made in every place
// of the contract, and Types must report each place.
func (s *Suite) Notices(t *testing.T) {
	before := s.Checker().Check()
	test := func(name string, change func(c *Checker), want func(place string) bool, places ...map[string]bool) {
		t.Run(name, func(t *testing.T) {
			c := s.Checker()
			change(c)
			reported := map[string]bool{}
			for _, problem := range c.Check().Problems {
				place, _, _ := strings.Cut(problem, ": ")
				reported[place] = true
			}
			n := 0
			for _, places := range places {
				for place, ok := range places {
					if ok && want(place) {
						n++
						if !reported[place] {
							t.Errorf("%s is not reported", place)
						}
					}
				}
			}
			if n == 0 {
				t.Error("nothing was changed")
			}
		})
	}
	all := func(string) bool { return true }

	test("no method", func(c *Checker) { c.Rows = nil }, all, before.Operations)

	for _, top := range []bool{true, false} {
		places := map[string]bool{}
		for _, area := range s.Checker().Areas {
			for name, fields := range area.Types {
				if len(fields) > 0 && area.top(name) == top {
					places[area.place(name, "brand_new")] = slices.ContainsFunc(fields, func(f Field) bool { return before.Fields[area.place(name, f.Name)] })
				}
			}
		}
		test(fmt.Sprintf("no field in Go, in a request or response itself: %v", top), func(c *Checker) {
			for _, area := range c.Areas {
				for name := range area.Types {
					if area.top(name) == top {
						area.Types[name] = append(area.Types[name], Field{Name: "brand_new", Type: "string"})
					}
				}
			}
		}, all, places)
	}

	other := map[string]string{"string": "bool", "bool": "int32", "int32": "int64", "int64": "string", "float64": "string", "bytes(base64)": "int64"}
	changed := map[string]bool{}
	inner := map[string]bool{}
	for _, row := range s.Checker().Rows {
		for _, name := range strings.Fields(row.Inner) {
			inner[name] = true // no Go type corresponds to it
		}
	}
	test("another type", func(c *Checker) {
		for _, area := range c.Areas {
			for name, fields := range area.Types {
				for i, f := range fields {
					if other[f.Type] != "" && !inner[f.Name] {
						fields[i].Type = other[f.Type]
						changed[area.place(name, f.Name)] = true
					}
				}
			}
		}
	}, func(place string) bool { return changed[place] }, before.Fields)

	values := map[string]bool{}
	for place, ok := range before.Values {
		values[place+" not"] = ok
	}
	test("no constant", func(c *Checker) {
		for _, area := range c.Areas {
			for _, values := range area.Enums {
				for i := range values {
					values[i] += " not"
				}
			}
		}
	}, all, values)
}

// top reports whether a type is a request or a response.
func (a *Area) top(typ string) bool {
	return slices.ContainsFunc(a.Operations, func(op Operation) bool { return op.Request == typ || op.Response == typ })
}

// each makes the call of each row. The service sends the responses that respond
// returns.
func (s *Suite) each(t *testing.T, response func(area *Area, op Operation, row Row) (status int, contentType, body string),
	check func(t *testing.T, area *Area, op Operation, row Row, requests []sentRequest, result any, args map[string]any, err error)) {
	c := s.Checker()
	for area, ops := range c.Scope() {
		for _, op := range ops {
			for _, row := range c.RowsOf(op) {
				t.Run(area.Name+" "+op.Name+" "+row.Go, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						service := &service{response: func() (int, string, string) { return response(area, op, row) }}
						client, err := s.New(service, op)
						if err != nil {
							t.Fatal(err)
						}
						result, args, err := Try(t.Context(), client, area, op, row)
						if err != nil && s.Refused(err) {
							t.Fatalf("the row needs a Sample that the method accepts: %v", err)
						}
						check(t, area, op, row, service.requests, result, args, err)
					})
				})
			}
		}
	}
}

type sentRequest struct {
	*http.Request
	body string
}

// A service is a transport that sends the same response to each request.
type service struct {
	response func() (status int, contentType, body string)
	requests []sentRequest
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	s.requests = append(s.requests, sentRequest{r, string(sent)})
	status, contentType, body := s.response()
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {contentType}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// Calls checks that each method sends the request of the contract, with the
// required arguments in their places, and returns everything in the response.
func (s *Suite) Calls(t *testing.T) {
	c := s.Checker()
	response := func(area *Area, op Operation, row Row) any {
		return area.Sample(op.Response, func(typ string, f Field) bool {
			if c.departs(area, typ, f) {
				return false
			}
			// Fields that lead to another page would do so endlessly.
			return !slices.Contains(strings.Fields(row.Inner), f.Name) && !strings.HasSuffix(f.Name, "page_token") && f.Name != "has_more"
		})
	}
	s.each(t, func(area *Area, op Operation, row Row) (int, string, string) {
		text, err := json.Marshal(response(area, op, row))
		if err != nil {
			t.Error(err)
		}
		return http.StatusOK, "application/json", string(text)
	}, func(t *testing.T, area *Area, op Operation, row Row, requests []sentRequest, result any, args map[string]any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if want := max(1, row.Requests); len(requests) != want {
			t.Fatalf("%d requests; want %d", len(requests), want)
		}
		r := requests[0]
		if got, want := r.Method+" "+r.URL.Path, op.Method+" "+filled(op.Path, args); got != want {
			t.Errorf("sent %s; want %s", got, want)
		}
		maps.DeleteFunc(args, func(_ string, v any) bool { return v == false }) // may be omitted
		got, err := r.arguments(op, args)
		if err != nil {
			t.Fatal(err)
		}
		for _, lost := range Missing(args, got) {
			t.Errorf("not sent: %s", lost)
		}
		if result == nil || op.Response == "" {
			return
		}
		want := response(area, op, row)
		if f, ok := Member(area, op, row, reflect.TypeOf(result)); ok && f.Name != "[]" {
			want = want.(map[string]any)[f.Name]
		}
		for _, lost := range Missing(want, result) {
			t.Errorf("not returned: %s", lost)
		}
	})
}

// filled inserts arguments into a path, and removes them from args.
func filled(path string, args map[string]any) string {
	for name, v := range args {
		if place := "{" + name + "}"; strings.Contains(path, place) {
			path = strings.Replace(path, place, fmt.Sprint(v), 1)
			delete(args, name)
		}
	}
	return path
}

// arguments returns what was sent in the place that the contract defines. If all
// values in this place are text, it converts the values in args to text. It skips
// files.
func (r sentRequest) arguments(op Operation, args map[string]any) (any, error) {
	var values url.Values
	switch op.RequestIn {
	case "json":
		var got any
		err := json.Unmarshal([]byte(cmp.Or(r.body, "{}")), &got)
		return got, err
	case "query":
		values = r.URL.Query()
	case "form":
		var err error
		if values, err = url.ParseQuery(r.body); err != nil {
			return nil, err
		}
	case "multipart":
		r.Body = io.NopCloser(strings.NewReader(r.body))
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return nil, err
		}
		values = r.MultipartForm.Value
		for name := range r.MultipartForm.File {
			delete(args, name)
		}
	}
	for name, v := range args {
		args[name] = fmt.Sprint(v)
	}
	got := map[string]any{}
	for name, v := range values {
		got[name] = v[0]
	}
	return got, nil
}

// Retried checks that idempotent calls are retried after a lost response. Other
// calls must not be retried. They must fail with an error that says that the
// outcome is unknown.
func (s *Suite) Retried(t *testing.T) {
	used := map[string]bool{}
	s.each(t, func(*Area, Operation, Row) (int, string, string) {
		return http.StatusBadGateway, "text/html", "<html>Bad Gateway</html>"
	}, func(t *testing.T, _ *Area, op Operation, _ Row, requests []sentRequest, _ any, _ map[string]any, err error) {
		want := op.Retryable()
		if _, departs := s.Retries[op.Key()]; departs {
			want, used[op.Key()] = !want, true
		}
		if n := len(requests); n > 1 != want || n == 0 {
			t.Errorf("sent %d times; want retries: %v", n, want)
		}
		writes := op.Method != http.MethodGet && !slices.Contains(s.Reads, op.Key())
		if got := err != nil && s.Unknown(err); err == nil || got != writes {
			t.Errorf("the error says that the outcome is unknown: %v; want %v: %v", got, writes, err)
		}
	})
	for _, call := range slices.Sorted(maps.Keys(s.Retries)) {
		if !used[call] {
			t.Errorf("%s is retried as the contract says, or is not in the contract", call)
		}
	}
}
