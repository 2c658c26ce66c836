// Package patch changes JSON documents without changing members that it does not
// know.
package patch

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Object applies the changes from before to after to doc. The JSON forms of before
// and after are objects. It reports whether there were any changes. Members of doc
// that are in neither of them remain unchanged, at all levels.
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

// patched returns doc with the changes from before to after.
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

// list returns the elements of doc in the order of after. An element that is also
// in before keeps its form in doc. If a single element was changed in its place,
// the change is applied to the element of doc.
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

// members returns the members of a JSON object, or nil for any other text.
func members(text []byte) (m map[string]json.RawMessage) {
	_ = json.Unmarshal(text, &m)
	return m
}

// elements returns the elements of a JSON array, or nil for any other text.
func elements(text []byte) (list []json.RawMessage) {
	_ = json.Unmarshal(text, &list)
	return list
}

func encode(v any) json.RawMessage {
	text, _ := json.Marshal(v) // the texts were valid JSON
	return text
}
