package v12_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

// respondWith is a transport that sends the same response to every request.
type respondWith string

func (a respondWith) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a))), ContentLength: int64(len(a)),
	}, nil
}

// statusOf gets the status of a command. The service responds with response.
func statusOf(t testing.TB, response string) (*v12.CommandStatus, error) {
	client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-test-token"),
		databricks.WithHTTPClient(&http.Client{Transport: respondWith(response)}), databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 1}))
	require.NoError(t, err)
	return v12.NewClient(client).Commands.Status(t.Context(), v12.CommandRef{ClusterID: "c", ContextID: "1", CommandID: "2"})
}

func resultOf(t testing.TB, results string) (*v12.Result, error) {
	status, err := statusOf(t, `{"id": "2", "status": "Finished", "results": `+results+`}`)
	require.NoError(t, err)
	return status.Result()
}

// tableOf returns the table in results.
func tableOf(t testing.TB, results string) *v12.Table {
	t.Helper()
	result, err := resultOf(t, results)
	require.NoError(t, err)
	require.NotNil(t, result.Table)
	return result.Table
}

func TestCommandStatus_Result(t *testing.T) {
	number := func(s string) json.Number { return json.Number(s) }
	for name, row := range map[string]struct {
		results string
		want    v12.Result
	}{
		"a text":                  {`{"resultType": "text", "data": "res0: Array[Int] = Array(1, 2, 3)"}`, v12.Result{Type: v12.ResultText, Text: "res0: Array[Int] = Array(1, 2, 3)"}},
		"no results":              {`null`, v12.Result{Type: v12.ResultText}},
		"nothing in them":         {`{}`, v12.Result{Type: v12.ResultText}},
		"a text without data":     {`{"resultType": "text"}`, v12.Result{Type: v12.ResultText}},
		"a text that is null":     {`{"resultType": "text", "data": null, "schema": null, "cause": null, "fileNames": null}`, v12.Result{Type: v12.ResultText}},
		"a text that is none":     {`{"resultType": "text", "data": 12345678901234567890}`, v12.Result{Type: v12.ResultText, Text: "12345678901234567890"}},
		"a text that was cut":     {`{"resultType": "text", "data": "abc", "truncated": true}`, v12.Result{Type: v12.ResultText, Text: "abc", Truncated: true}},
		"a text with markup":      {`{"resultType": "text", "data": "<b> \u003ci\u003e & \u2028 \ud83d\ude80"}`, v12.Result{Type: v12.ResultText, Text: "<b> <i> & \u2028 🚀"}},
		"a type from the future":  {`{"resultType": "hologram", "data": [1]}`, v12.Result{Type: "hologram"}},
		"an image that is there":  {`{"resultType": "image", "fileName": "data:image/png;base64,iVBORw=="}`, v12.Result{Type: v12.ResultImage, Images: []v12.Image{{Source: "data:image/png;base64,iVBORw==", MediaType: "image/png", Data: []byte("\x89PNG")}}}},
		"an image elsewhere":      {`{"resultType": "image", "fileName": "/plots/1f2e.png"}`, v12.Result{Type: v12.ResultImage, Images: []v12.Image{{Source: "/plots/1f2e.png"}}}},
		"an image that is broken": {`{"resultType": "image", "fileName": "data:image/png;base64,?"}`, v12.Result{Type: v12.ResultImage, Images: []v12.Image{{Source: "data:image/png;base64,?"}}}},
		"an image in plain text":  {`{"resultType": "image", "fileName": "data:image/svg+xml;charset=utf-8,%3Csvg/%3E"}`, v12.Result{Type: v12.ResultImage, Images: []v12.Image{{Source: "data:image/svg+xml;charset=utf-8,%3Csvg/%3E", MediaType: "image/svg+xml", Data: []byte("<svg/>")}}}},
		"an image that is null":   {`{"resultType": "image", "fileName": null}`, v12.Result{Type: v12.ResultImage, Images: []v12.Image{{}}}},
		"images":                  {`{"resultType": "images", "fileNames": ["/plots/1.png", null, "data:,a"]}`, v12.Result{Type: v12.ResultImages, Images: []v12.Image{{Source: "/plots/1.png"}, {}, {Source: "data:,a", Data: []byte("a")}}}},
		"images that are null":    {`{"resultType": "images", "fileNames": null}`, v12.Result{Type: v12.ResultImages}},
		"a table without rows":    {`{"resultType": "table", "data": null, "schema": null}`, v12.Result{Type: v12.ResultTable, Table: &v12.Table{Columns: []v12.Column{}, Rows: [][]any{}}}},
		"a table with nulls":      {`{"resultType": "table", "data": [null, [null], [1, null, {"a": null}]], "schema": [null, {"name": null, "type": null}]}`, v12.Result{Type: v12.ResultTable, Table: &v12.Table{Columns: []v12.Column{{}, {}}, Rows: [][]any{{nil, nil}, {nil}, {number("1"), nil, map[string]any{"a": nil}}}}}},
		"truncated as a string":   {`{"resultType": "table", "truncated": "True", "isJsonSchema": "false", "data": [], "schema": []}`, v12.Result{Type: v12.ResultTable, Truncated: true, Table: &v12.Table{Columns: []v12.Column{}, Rows: [][]any{}}}},
		"a table of the first servers": {`{"resultType": "table", "truncated": "False", "data": [[9007199254740993, "title"]],
			"schema": [{"type": "int", "name": "id"}, {"type": "string", "name": "title"}]}`, v12.Result{Type: v12.ResultTable, Table: &v12.Table{
			Columns: []v12.Column{{Name: "id", Type: "int"}, {Name: "title", Type: "string"}}, Rows: [][]any{{number("9007199254740993"), "title"}}}}},
		"a table of today's": {`{"resultType": "table", "truncated": false, "isJsonSchema": true, "data": [[1.10, true, ["x"]]], "schema": [
			{"name": "a", "type": "\"double\"", "metadata": "{}"}, {"name": "b", "type": "\"boolean\"", "metadata": "{\"comment\":\"c\"}", "more": 1},
			{"name": "c", "type": "{\"type\":\"array\",\"elementType\":{\"type\":\"struct\",\"fields\":[{\"name\":\"k\",\"type\":\"long\"},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":\"date\"}}]}}"}]}`,
			v12.Result{Type: v12.ResultTable, Table: &v12.Table{
				Columns: []v12.Column{{Name: "a", Type: "double", Metadata: "{}"}, {Name: "b", Type: "boolean", Metadata: `{"comment":"c"}`}, {Name: "c", Type: "array<struct<k:long,m:map<string,date>>>"}},
				Rows:    [][]any{{number("1.10"), true, []any{"x"}}}}}},
		"a type that is no JSON": {`{"resultType": "table", "isJsonSchema": true, "data": [], "schema": [{"name": "a", "type": "decimal(10,2)"}, {"name": "b", "type": "{\"type\":\"udt\"}"}, {"name": "c", "type": "7"}]}`,
			v12.Result{Type: v12.ResultTable, Table: &v12.Table{Columns: []v12.Column{{Name: "a", Type: "decimal(10,2)"}, {Name: "b", Type: "udt"}, {Name: "c", Type: "unknown"}}, Rows: [][]any{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resultOf(t, row.results)
			require.NoError(t, err)
			require.NotNil(t, got.Raw)
			got.Raw = nil
			assert.Equal(t, &row.want, got)
		})
	}
	for name, results := range map[string]string{
		"is not a list of rows":       `{"resultType": "table", "data": "[]"}`,
		"row 1 is not a list of":      `{"resultType": "table", "data": [[1], {"a": 1}]}`,
		"the table of command 2 cann": `{"resultType": "table", "data": 7}`,
	} {
		_, err := resultOf(t, results)
		assert.ErrorContains(t, err, name)
	}
}

func TestCommandStatus_Result_failed(t *testing.T) {
	for name, row := range map[string]struct {
		response string
		want     v12.CommandError
		says     string
		canceled bool
	}{
		"today's error": {
			response: `{"id": "2", "status": "Finished", "results": {"resultType": "error", "summary": "<span class='ansi-red-fg'>ZeroDivisionError</span>: division &lt;by&gt; zero",
				"cause": "---------\nZeroDivisionError   Traceback (most recent call last)\nFile <command-1>:1\n\u001b[0;32m----> 1\u001b[0m secret/0\n\nZeroDivisionError: division by zero"}}`,
			want: v12.CommandError{CommandID: "2", Status: v12.CommandFinished, Summary: "<span class='ansi-red-fg'>ZeroDivisionError</span>: division &lt;by&gt; zero",
				Cause: "---------\nZeroDivisionError   Traceback (most recent call last)\nFile <command-1>:1\n\x1b[0;32m----> 1\x1b[0m secret/0\n\nZeroDivisionError: division by zero"},
			says: "databricks: command 2 failed: ZeroDivisionError: division <by> zero",
		},
		"a traceback alone": {
			response: `{"id": "2", "status": "Finished", "results": {"resultType": "error", "cause": "Traceback (most recent call last):\n  File \"<command-1>\", line 1\n    secret/0\n\u001b[31mZeroDivisionError\u001b[0m: division by zero\n"}}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFinished, Cause: "Traceback (most recent call last):\n  File \"<command-1>\", line 1\n    secret/0\n\x1b[31mZeroDivisionError\x1b[0m: division by zero\n"},
			says:     "databricks: command 2 failed: ZeroDivisionError: division by zero",
		},
		"an exception of Scala": {
			response: `{"id": "2", "status": "Finished", "results": {"resultType": "error", "cause": "java.lang.RuntimeException: boom\n\tat line1.secret(<console>:1)"}}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFinished, Cause: "java.lang.RuntimeException: boom\n\tat line1.secret(<console>:1)"},
			says:     "databricks: command 2 failed: java.lang.RuntimeException: boom",
		},
		"a statement in the message": {
			response: `{"id": "2", "status": "Finished", "results": {"resultType": "error", "summary": "ParseException: [PARSE_SYNTAX_ERROR] near 'x' == SQL == select secret", "cause": null}}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFinished, Summary: "ParseException: [PARSE_SYNTAX_ERROR] near 'x' == SQL == select secret"},
			says:     "databricks: command 2 failed: ParseException: [PARSE_SYNTAX_ERROR] near 'x'",
		},
		"an error of nulls": {
			response: `{"id": null, "status": "Finished", "results": {"resultType": "error", "summary": null, "cause": null}}`,
			want:     v12.CommandError{Status: v12.CommandFinished},
			says:     "databricks: the command failed",
		},
		"canceled, by the documents": {
			response: `{"id": "2", "status": "Cancelled", "results": null}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandCancelled},
			says:     "databricks: command 2 was canceled",
			canceled: true,
		},
		"canceled, as was seen": {
			response: `{"id": "2", "status": "Finished", "results": {"resultType": "error", "cause": "org.apache.spark.CommandCancelledException: at shutdown"}}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFinished, Cause: "org.apache.spark.CommandCancelledException: at shutdown"},
			says:     "databricks: command 2 was canceled: org.apache.spark.CommandCancelledException: at shutdown",
			canceled: true,
		},
		"the machinery broke": {
			response: `{"id": "2", "status": "Error", "results": {"resultType": "error", "cause": "driver is gone"}}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFailed, Cause: "driver is gone"},
			says:     "databricks: command 2 could not be run: driver is gone",
		},
		"the machinery broke without a word": {
			response: `{"id": "2", "status": "Error"}`,
			want:     v12.CommandError{CommandID: "2", Status: v12.CommandFailed},
			says:     "databricks: command 2 could not be run",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, err := statusOf(t, row.response)
			require.NoError(t, err)
			result, err := status.Result()
			assert.Nil(t, result)
			got, ok := errors.AsType[*v12.CommandError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, &row.want, got)
			assert.Equal(t, row.says, err.Error())
			assert.Equal(t, row.canceled, got.Canceled())
			assert.NotContains(t, err.Error(), "secret")
		})
	}
	for _, state := range []string{"Queued", "Running", "Cancelling", "Dreaming", ""} {
		status, err := statusOf(t, `{"id": "2", "status": "`+state+`", "results": null}`)
		require.NoError(t, err)
		_, err = status.Result()
		assert.ErrorContains(t, err, "has no result yet")
	}
}

func TestTable_Scan(t *testing.T) {
	table := tableOf(t, `{"resultType": "table", "isJsonSchema": true, "schema": [{"name": "n", "type": "\"long\""}, {"name": "v", "type": "\"x\""}], "data": [
		[9223372036854775807, "text"], [1, 9007199254740993], [2, "12345678901234567890.50"], [3, true], [4, null], [5, "2024-02-29T12:30:00.000+0000"],
		[6, "2024-02-29"], [7, "AP8="], [8, [1, null, 3]], [9, {"a": 12345678901234567890, "b": ["x"]}], [10, 1.5], [11, "NaN"], [12, 300], [13, 2.0], [14, "17"], [15, "2024-02-29 12:30:00.5"], [16, 1e400]]}`)
	type inner struct {
		A json.Number
		B []string
	}
	scan := func(row int, to any) error {
		t.Helper()
		var n int64
		err := table.Scan(row, &n, to)
		if row > 0 {
			assert.EqualValues(t, row, n)
		}
		return err
	}
	check := func(row int, to, want any) {
		t.Helper()
		require.NoError(t, scan(row, to))
		assert.Equal(t, want, to)
	}
	var top int64
	require.NoError(t, table.Scan(0, &top, nil))
	assert.Equal(t, int64(math.MaxInt64), top)

	check(0, new(""), new("text"))
	check(0, new(any(nil)), new(any("text")))
	check(1, new(int64(0)), new(int64(9007199254740993)))
	check(1, new(uint64(0)), new(uint64(9007199254740993)))
	check(1, new(""), new("9007199254740993"))
	check(1, new(json.Number("")), new(json.Number("9007199254740993")))
	check(1, new(any(nil)), new(any(json.Number("9007199254740993"))))
	check(1, new(new(int64(0))), new(new(int64(9007199254740993))))
	check(2, new(""), new("12345678901234567890.50"))
	check(2, new(0.0), new(12345678901234567890.50))
	check(3, new(false), new(true))
	check(4, new("before"), new(""))
	check(4, new(7), new(0))
	check(4, new(new(7)), new((*int)(nil)))
	check(4, new(any(7)), new(any(nil)))
	check(5, new(time.Time{}), new(time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)))
	check(6, new(time.Time{}), new(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)))
	check(15, new(time.Time{}), new(time.Date(2024, 2, 29, 12, 30, 0, 5e8, time.UTC)))
	check(7, new([]byte(nil)), new([]byte{0, 0xff}))
	check(8, new([]*int(nil)), new([]*int{new(1), nil, new(3)}))
	check(9, new(inner{}), new(inner{"12345678901234567890", []string{"x"}}))
	check(9, new(map[string]any(nil)), new(map[string]any{"a": json.Number("12345678901234567890"), "b": []any{"x"}}))
	check(10, new(0.0), new(1.5))
	check(10, new(float32(0)), new(float32(1.5)))
	check(13, new(0), new(2))
	check(14, new(0), new(17))
	var nan float64
	require.NoError(t, scan(11, &nan))
	assert.True(t, math.IsNaN(nan))

	var nowhere *int
	for _, row := range []struct {
		row  int
		to   any
		says string
	}{
		{0, new(0), `row 0, column v: the text "text" does not fit into a int`},
		{0, new(0.0), `the text "text" does not fit into a float64`},
		{0, new(time.Time{}), `does not fit into a time.Time`},
		{6, new([]byte(nil)), `does not fit into a []uint8`},
		{0, new(false), `the text "text" does not fit into a bool`},
		{1, new(int32(0)), "the number 9007199254740993 does not fit into a int32"},
		{3, new(""), "the bool true does not fit into a string"},
		{3, new(0), "the bool true does not fit into a int"},
		{8, new(0), "a list does not fit into a int"},
		{8, new(""), "a list does not fit into a string"},
		{9, new(""), "an object does not fit into a string"},
		{10, new(0), "the number 1.5 does not fit into a int"},
		{12, new(uint8(0)), "the number 300 does not fit into a uint8"},
		{16, new(0.0), "does not fit into a float64"},
		{0, "", "the destination is a string; want a pointer"},
		{0, nowhere, "the destination is a *int; want a pointer"},
	} {
		err := scan(row.row, row.to)
		assert.ErrorContains(t, err, row.says)
		_, ok := errors.AsType[*v12.ScanError](err)
		assert.True(t, ok, "%v", err)
	}
	assert.ErrorContains(t, table.Scan(0, &top), "row 0 has 2 values for 1 destinations")
	assert.ErrorContains(t, table.Scan(17), "row 17 does not exist; the table has 17 rows")
	assert.ErrorContains(t, table.Scan(-1), "row -1 does not exist")
}

func TestRows(t *testing.T) {
	table := tableOf(t, `{"resultType": "table", "data": [[1, "a", null, true], [2, null, "2024-02-29", null]],
		"schema": [{"name": "id", "type": "long"}, {"name": "NAME", "type": "string"}, {"name": "born", "type": "date"}, {"name": "unused", "type": "boolean"}]}`)
	type person struct {
		ID     int64  `json:"id"`
		Name   string `json:"name"`
		Born   *time.Time
		hidden string
		Unused bool `json:"-"`
	}
	people, err := v12.Rows[person](table)
	require.NoError(t, err)
	assert.Equal(t, []person{{ID: 1, Name: "a"}, {ID: 2, Born: new(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC))}}, people)

	one := tableOf(t, `{"resultType": "table", "data": [[1], [null], [3]], "schema": [{"name": "n", "type": "int"}]}`)
	numbers, err := v12.Rows[int](one)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 0, 3}, numbers)
	_, err = v12.Rows[int](table)
	assert.ErrorContains(t, err, "row 0 has 4 values for 1 destinations")
	_, err = v12.Rows[bool](one)
	assert.ErrorContains(t, err, "row 0, column n: the number 1 does not fit into a bool")

	times := tableOf(t, `{"resultType": "table", "data": [["2024-02-29"]], "schema": []}`)
	_, err = v12.Rows[time.Time](times)
	require.NoError(t, err)
	_, err = v12.Rows[int](times)
	assert.ErrorContains(t, err, "row 0, column 0:")
}

// The table of any other result is nil. Its methods return an error and do not
// panic.
func TestTable_none(t *testing.T) {
	for _, results := range []string{
		`{"resultType": "text", "data": "1"}`, `{"resultType": "image", "fileName": "data:image/png;base64,"}`, `{"resultType": "new kind", "data": [[1]]}`,
	} {
		result, err := resultOf(t, results)
		require.NoError(t, err)
		_, err = v12.Rows[int](result.Table)
		assert.EqualError(t, err, "databricks: the result is not a table; Result.Type says what it is", results)
		assert.EqualError(t, result.Table.Scan(0, new(int)), err.Error(), results)
	}
}

// replaced returns copies of a JSON document. In each one, another value is
// replaced.
func replaced(doc, by any) (all []any) {
	all = append(all, by)
	switch doc := doc.(type) {
	case map[string]any:
		for key, member := range doc {
			for _, other := range replaced(member, by) {
				clone := maps.Clone(doc)
				clone[key] = other
				all = append(all, clone)
			}
		}
	case []any:
		for i, element := range doc {
			for _, other := range replaced(element, by) {
				clone := slices.Clone(doc)
				clone[i] = other
				all = append(all, clone)
			}
		}
	}
	return all
}

// Null in any place is not an error, and an empty value in any place does not cause
// a panic.
func TestCommandStatus_Result_nullAnywhere(t *testing.T) {
	for _, response := range []string{
		`{"id": "1", "status": "Finished", "results": {"resultType": "text", "data": "a", "truncated": false}}`,
		`{"id": "1", "status": "Finished", "results": {"resultType": "table", "isJsonSchema": true, "truncated": false, "data": [[1, "a", {"b": [1]}], [2, "b", {}]],
			"schema": [{"name": "a", "type": "\"long\"", "metadata": "{}"}, {"name": "b", "type": "{\"type\":\"array\",\"elementType\":null}"}, {"name": "c"}], "pos": 1}}`,
		`{"id": "1", "status": "Finished", "results": {"resultType": "error", "cause": "a", "summary": "b"}}`,
		`{"id": "1", "status": "Cancelled", "results": {"resultType": "error", "cause": "a", "summary": "b"}}`,
		`{"id": "1", "status": "Finished", "results": {"resultType": "image", "fileName": "data:,a"}}`,
		`{"id": "1", "status": "Finished", "results": {"resultType": "images", "fileNames": ["/a", "/b"]}}`,
	} {
		var doc any
		require.NoError(t, json.Unmarshal([]byte(response), &doc))
		for _, by := range []any{nil, 7, 1.5, "x", true, []any{}, []any{nil}, map[string]any{}, map[string]any{"type": nil}} {
			for _, changed := range replaced(doc, by) {
				text, err := json.Marshal(changed)
				require.NoError(t, err)
				status, err := statusOf(t, string(text))
				if by == nil {
					require.NoError(t, err, "%s", text)
				} else if err != nil {
					continue
				}
				_, err = status.Result()
				_, failed := errors.AsType[*v12.CommandError](err)
				if by == nil && status.Done() && err != nil && !failed {
					t.Errorf("%s: %v", text, err)
				}
			}
		}
	}
}

// No response causes a panic, and each result has the right type.
func FuzzCommandStatus_Result(f *testing.F) {
	for _, response := range []string{
		`{"id": "5220029674192230006", "status": "Finished", "results": {"resultType": "text", "data": "res0: Array[Int] = Array(1, 2, 3)"}}`,
		`{"status": "Finished", "id": 22, "results": {"resultType": "table", "truncated": "False", "data": [[1847917, "title", null]], "schema": [{"type": "int", "name": "id"}, null]}}`,
		`{"status": "Finished", "results": {"resultType": "table", "isJsonSchema": true, "data": [[[1]], null], "schema": [{"name": "a", "type": "{\"type\":\"array\",\"elementType\":\"long\"}"}]}}`,
		`{"status": "Finished", "results": {"resultType": "error", "summary": "<span>a</span>: b", "cause": "Traceback\n\u001b[0;31mx"}}`,
		`{"status": "Finished", "results": {"resultType": "images", "fileNames": ["data:image/png;base64,aaaa", null, 7]}}`,
		`{"status": "Error", "results": null}`, `{"status": "Cancelled"}`, `null`, `[]`, `{"results": 7}`, `{"status": {}, "results": []}`, `{`, ``,
	} {
		f.Add(response)
	}
	f.Fuzz(func(t *testing.T, response string) {
		status, err := statusOf(t, response)
		if err != nil {
			return
		}
		result, err := status.Result()
		if err != nil {
			if result != nil || err.Error() == "" || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%v with %q", result, err)
			}
			return
		}
		if (result.Type == v12.ResultTable) != (result.Table != nil) || result.Raw == nil && status.Results != nil {
			t.Errorf("%+v", result)
		}
		if result.Table != nil {
			for i, row := range result.Table.Rows {
				dest := make([]any, len(row))
				for j := range row {
					dest[j] = []any{new(any(nil)), new(""), new(0), new(0.0), new(time.Time{}), new([]int(nil)), new(new(map[string]any(nil)))}[(i+j)%7]
				}
				_ = result.Table.Scan(i, dest...)
			}
			_, _ = v12.Rows[struct{ A, B *string }](result.Table)
		}
	})
}
