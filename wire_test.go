package databricks

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A wireRow describes a call, its requests and responses, and its result.
type wireRow struct {
	name  string
	call  func(ctx context.Context, c *Client) (any, error)
	wire  []wireStep // empty if the call is rejected before anything is sent
	want  any        // expected result; nil for a call that returns only an error
	is    error      // what the error matches with errors.Is; nil for no error
	fails string     // part of the error's text; empty for no error
}

// A wireStep is a request and its response.
type wireStep struct {
	request  string // "GET /api/2.0/things/get?id=1"
	body     string // JSON body of the request; empty for none
	response string // body of a 200 response, or "404 {…}" for another status; empty for {}
}

// runWire makes the call of each row with a client whose service sends the
// responses of the row.
//
//	func TestTelescopes_wire(t *testing.T) {
//		runWire(t, []wireRow{{
//			name: "get returns a telescope",
//			call: func(ctx context.Context, c *Client) (any, error) { return c.Telescopes.Get(ctx, "7") },
//			wire: []wireStep{{"GET /api/2.0/telescopes/get?telescope_id=7", "", `{"telescope_id": "7"}`}},
//			want: &Telescope{TelescopeID: "7"},
//		}, {
//			name: "an empty ID is rejected",
//			call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Telescopes.Delete(ctx, "") },
//			is:   fs.ErrInvalid, fails: "telescope_id is required",
//		}})
//	}
func runWire(t *testing.T, rows []wireRow, opts ...Option) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var sent [][2]string // requests and their bodies
			transport := httpmock.NewMockTransport()
			transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				request, body := r.Method+" "+r.URL.RequestURI(), ""
				if r.Body != nil {
					text, err := io.ReadAll(r.Body)
					if err != nil {
						return nil, err
					}
					body = string(text)
				}
				sent = append(sent, [2]string{request, body})
				if len(sent) > len(row.wire) {
					return nil, fmt.Errorf("the row has no response to request %d: %s", len(sent), request)
				}
				return wireResponse(row.wire[len(sent)-1].response), nil
			})
			client := newTestClient(t, "https://workspace.example.com", append([]Option{
				WithHTTPClient(&http.Client{Transport: transport}), WithRetryPolicy(RetryPolicy{MaxAttempts: 1}),
			}, opts...)...)

			got, err := row.call(t.Context(), client)

			for i, step := range row.wire {
				require.Greater(t, len(sent), i, "requests that were not sent: %s; the error was: %v", step.request, err)
				assert.Equal(t, step.request, sent[i][0])
				if step.body == "" || sent[i][1] == "" {
					assert.Equal(t, step.body, sent[i][1])
				} else {
					assert.JSONEq(t, step.body, sent[i][1])
				}
			}
			assert.Len(t, sent, len(row.wire), "requests")
			if row.is != nil || row.fails != "" {
				require.Error(t, err)
				if row.is != nil {
					assert.ErrorIs(t, err, row.is)
				}
				assert.ErrorContains(t, err, row.fails)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

// wireResponse returns the response of a wireStep.
func wireResponse(text string) *http.Response {
	status := http.StatusOK
	if code, body, ok := strings.Cut(text, " "); ok && len(code) == 3 {
		if n, err := strconv.Atoi(code); err == nil {
			status, text = n, body
		}
	}
	if text == "" {
		text = "{}"
	}
	response := httpmock.NewStringResponse(status, text)
	response.Header.Set("Content-Type", "application/json")
	return response
}

// elements returns the elements of a sequence, for rows of an iterator.
func elements[T any](seq iter.Seq2[T, error]) (any, error) {
	var list []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// assertFull fails for each field, at any depth, that is zero in all values. A row
// with every field therefore cannot miss a new field.
func assertFull(t *testing.T, values ...any) {
	t.Helper()
	set, met := map[string]bool{}, map[string]bool{}
	for _, v := range values {
		noteFields(reflect.ValueOf(v), set, met)
	}
	for place := range met {
		if set[place] {
			delete(met, place)
		}
	}
	assert.Empty(t, slices.Sorted(maps.Keys(met)), "fields that are zero in the rows of every field")
}

func noteFields(v reflect.Value, set, met map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			noteFields(v.Elem(), set, met)
		}
	case reflect.Slice:
		for i := range v.Len() {
			noteFields(v.Index(i), set, met)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				place := v.Type().Name() + "." + field.Name
				met[place] = true
				set[place] = set[place] || !value.IsZero()
				noteFields(value, set, met)
			}
		}
	}
}
