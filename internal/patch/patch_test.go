package patch

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestObject(t *testing.T) {
	for _, row := range []struct{ name, doc, before, after, want string }{
		{"nothing", `{"a": 1.0}`, `{"a":1}`, `{"a":1}`, ""},
		{"a member more", `{"x": 1}`, `{}`, `{"a":1}`, `{"x": 1, "a": 1}`},
		{"a member less", `{"x": 1, "a": 1}`, `{"a":1}`, `{}`, `{"x": 1}`},
		{"another value", `{"x": 1, "a": 1}`, `{"a":1}`, `{"a":2}`, `{"x": 1, "a": 2}`},
		{"what is the same stays as it was written", `{"a": "1", "b": 1}`, `{"a":1,"b":1}`, `{"a":1,"b":2}`, `{"a": "1", "b": 2}`},
		{"deep inside", `{"a": {"b": {"c": 1, "x": 1}, "y": 2}}`, `{"a":{"b":{"c":1}}}`, `{"a":{"b":{"c":2}}}`, `{"a": {"b": {"c": 2, "x": 1}, "y": 2}}`},
		{"an object that comes", `{"a": null}`, `{}`, `{"a":{"b":1}}`, `{"a": {"b": 1}}`},
		{"an object that goes", `{"a": {"b": 1, "x": 1}}`, `{"a":{"b":1}}`, `{}`, `{}`},
		{"an object that is emptied keeps what is unknown", `{"a": {"b": 1, "x": 1}}`, `{"a":{"b":1}}`, `{"a":{}}`, `{"a": {"x": 1}}`},
		{"another shape", `{"a": {"x": 1}}`, `{"a":{}}`, `{"a":[1]}`, `{"a": [1]}`},
		{"an element more", `{"a": [{"b": 1, "x": 1}]}`, `{"a":[{"b":1}]}`, `{"a":[{"b":1},{"b":2}]}`, `{"a": [{"b": 1, "x": 1}, {"b": 2}]}`},
		{"an element in front", `{"a": [{"b": 1, "x": 1}]}`, `{"a":[{"b":1}]}`, `{"a":[{"b":2},{"b":1}]}`, `{"a": [{"b": 2}, {"b": 1, "x": 1}]}`},
		{"an element less", `{"a": [{"b": 1, "x": 1}, {"b": 2, "x": 2}]}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":2}]}`, `{"a": [{"b": 2, "x": 2}]}`},
		{"another element in its place", `{"a": [{"b": 1, "x": 1}, {"b": 2, "x": 2}]}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":3},{"b":2}]}`, `{"a": [{"b": 3, "x": 1}, {"b": 2, "x": 2}]}`},
		{"elements in another order", `{"a": [{"b": 1, "x": 1}, {"b": 2, "x": 2}]}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":2},{"b":1}]}`, `{"a": [{"b": 2, "x": 2}, {"b": 1, "x": 1}]}`},
		{"equal elements that differ in what is unknown", `{"a": [{"b": 1, "x": 1}, {"b": 1, "x": 2}], "c": 1}`, `{"a":[{"b":1},{"b":1}],"c":1}`, `{"a":[{"b":1},{"b":1},{"b":1}],"c":1}`,
			`{"a": [{"b": 1, "x": 1}, {"b": 1, "x": 2}, {"b": 1, "x": 1}], "c": 1}`},
		{"a list of another length than was decoded", `{"a": [1, null]}`, `{"a":[1]}`, `{"a":[2]}`, `{"a": [2]}`},
		{"an empty list", `{"a": [1]}`, `{"a":[1]}`, `{"a":[]}`, `{"a": []}`},
		{"digits that a float has not", `{"x": 5631707659504820001, "a": 1}`, `{"a":1}`, `{"a":2}`, `{"x": 5631707659504820001, "a": 2}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := members([]byte(row.doc))
			changed, err := Object(doc, json.RawMessage(row.before), json.RawMessage(row.after))
			require.NoError(t, err)
			assert.Equal(t, row.want != "", changed)
			want := row.want
			if want == "" {
				want = row.doc
			}
			assert.Equal(t, normal(t, want), normal(t, string(encode(doc))))
		})
	}
	_, err := Object(nil, make(chan int), 1)
	assert.Error(t, err)
	_, err = Object(nil, 1, make(chan int))
	assert.Error(t, err)
}

// normal sorts members and removes blanks. It does not change numbers.
func normal(t *testing.T, text string) string {
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &m) != nil || m == nil {
		out, err := json.Marshal(json.RawMessage(text))
		require.NoError(t, err)
		return string(out)
	}
	for name, value := range m {
		m[name] = json.RawMessage(normal(t, string(value)))
	}
	out, err := json.Marshal(m)
	require.NoError(t, err)
	return string(out)
}

// The result for a document without unknown members must be equal to after.
func FuzzObject(f *testing.F) {
	f.Add(`{"a": {"b": [1, {"c": null}]}}`, `{"a": {"b": [{"c": 2}, 1, 1]}}`)
	f.Add(`{"a": [1, 2, 3]}`, `{"a": [3, 3, 1]}`)
	f.Add(`{}`, `{"": {}}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		var b, a map[string]any
		if json.Unmarshal([]byte(before), &b) != nil || json.Unmarshal([]byte(after), &a) != nil || b == nil || a == nil {
			t.Skip()
		}
		doc := members([]byte(before))
		_, err := Object(doc, b, a)
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(encode(doc), &got))
		assert.Equal(t, a, got)
	})
}
