// Package patch changes JSON documents without touching what it does not know.
package patch

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Object makes the changes to doc that lead from before to after, two values
// whose JSON forms are objects, and reports whether there were any. Members of
// doc that neither of them has stay as they are, at all levels.
func Object(doc map[string]json.RawMessage, before, after any) (changed bool, err error) {
	b, err := json.Marshal(before)
	if err != nil {
		return false, err
	}
	a, err := json.Marshal(after)
	if err != nil {
		return false, err
	}
	if bytes.Equal(a, b) {
		return false, nil
	}
	object(doc, members(b), members(a))
	return true, nil
}

func object(doc, before, after map[string]json.RawMessage) {
	for name := range before {
		if _, ok := after[name]; !ok {
			delete(doc, name)
		}
	}
	for name, value := range after {
		if old, ok := before[name]; !ok || !bytes.Equal(old, value) {
			doc[name] = patched(doc[name], old, value)
		}
	}
}

// patched returns doc with the changes that lead from before to after.
func patched(doc, before, after json.RawMessage) json.RawMessage {
	if d, b, a := members(doc), members(before), members(after); d != nil && b != nil && a != nil {
		object(d, b, a)
		return encode(d)
	}
	if d, b, a := elements(doc), elements(before), elements(after); a != nil && len(b) > 0 && len(d) == len(b) {
		return encode(list(d, b, a))
	}
	return after
}

// list returns the elements of doc in the order of after: those that are in
// before as well as they are in doc, and one that was changed in its place
// with that change.
func list(doc, before, after []json.RawMessage) []json.RawMessage {
	index := func(in []json.RawMessage, v json.RawMessage) int {
		return slices.IndexFunc(in, func(e json.RawMessage) bool { return bytes.Equal(e, v) })
	}
	result := make([]json.RawMessage, len(after))
	for i, v := range after {
		switch from := index(before, v); {
		case i < len(before) && bytes.Equal(before[i], v):
			result[i] = doc[i]
		case from >= 0:
			result[i] = doc[from]
		case i < len(before) && index(after, before[i]) < 0:
			result[i] = patched(doc[i], before[i], v)
		default:
			result[i] = v
		}
	}
	return result
}

// members returns the members of a JSON object, nil if text is none.
func members(text []byte) (m map[string]json.RawMessage) {
	_ = json.Unmarshal(text, &m)
	return m
}

// elements returns the elements of a JSON array, nil if text is none.
func elements(text []byte) (list []json.RawMessage) {
	_ = json.Unmarshal(text, &list)
	return list
}

func encode(v any) json.RawMessage {
	text, _ := json.Marshal(v) // texts that were JSON before
	return text
}
