package utf8text

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
)

type embedded struct{ Deep string }

type body struct {
	embedded
	Name   string `json:"name"`
	Hidden string `json:"-"`
	Plain  string
	List   []any             `json:"list"`
	Tags   map[string]string `json:"tags"`
	One    *body             `json:"one"`
	Raw    json.RawMessage   `json:"raw"`
	Bytes  []byte            `json:"bytes"`
	Number int               `json:"number"`
	inside string
}

func TestInvalid(t *testing.T) {
	const bad = "a\xff"
	for _, row := range []struct {
		v    any
		path string
		want bool
	}{
		{nil, "", false},
		{"a literal \\ufffd and the character \ufffd", "", false},
		{bad, "", true},
		{body{Hidden: bad, inside: bad, Bytes: []byte(bad), Name: "ü"}, "", false},
		{body{Name: bad}, "name", true},
		{&body{Plain: bad}, "Plain", true},
		{body{embedded: embedded{bad}}, "Deep", true},
		{body{List: []any{1, nil, map[string]any{"x": bad}}}, "list.x", true},
		{body{Tags: map[string]string{"k": bad}}, "tags.k", true},
		{body{Tags: map[string]string{bad: "v"}}, "tags", true},
		{body{One: &body{Name: bad}}, "one.name", true},
		{body{Raw: json.RawMessage(`"` + bad + `"`)}, "raw", true},
		{[][]string{{"a"}, {bad}}, "", true},
	} {
		path, found := Invalid(row.v)
		assert.Equal(t, row.want, found, "%#v", row.v)
		assert.Equal(t, row.path, path, "%#v", row.v)
	}
}
