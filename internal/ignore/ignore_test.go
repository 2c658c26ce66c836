package ignore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		lines   []string
		matches []string // directories end with a slash
		not     []string
	}{
		{nil, nil, []string{"a", "a/"}},
		{[]string{"", "# note", "   ", "/"}, nil, []string{"a", "# note"}},
		{[]string{"*.tmp"}, []string{"a.tmp", "b/c/.tmp", "x.tmp/"}, []string{"a.tmp2", "tmp"}},
		{[]string{"build/"}, []string{"build/", "a/build/"}, []string{"build", "builds/"}},
		{[]string{"/build"}, []string{"build", "build/"}, []string{"a/build"}},
		{[]string{"doc/*.txt"}, []string{"doc/a.txt"}, []string{"doc/a/b.txt", "x/doc/a.txt"}},
		{[]string{"**/logs"}, []string{"logs/", "a/logs", "a/b/logs"}, []string{"a/logs2"}},
		{[]string{"logs/**"}, []string{"logs/a", "logs/a/b"}, []string{"logs/"}},
		{[]string{"a/**/b"}, []string{"a/b", "a/x/b", "a/x/y/b"}, []string{"a/xb"}},
		{[]string{"*", "!keep"}, []string{"a", "b/"}, []string{"keep", "b/keep"}},
		{[]string{"?.go"}, []string{"a.go"}, []string{"ab.go", ".go"}},
		{[]string{"[a-c]1", "[!x]2", "[^x]3"}, []string{"a1", "c1", "a2", "y3"}, []string{"d1", "x2", "x3"}},
		{[]string{"[[:digit:]]", "[]x]"}, []string{"5", "]", "x"}, []string{"y"}},
		{[]string{`\#a`, `\!b`, `c\ `, "d  ", `e\*`}, []string{"#a", "!b", "c ", "d", "e*"}, []string{"c", "d ", "ef"}},
		{[]string{"a.b+c(d)"}, []string{"a.b+c(d)"}, []string{"axb+c(d)"}},
		{[]string{"ü*"}, []string{"über"}, nil},
	} {
		ps, err := Parse(tt.lines)
		require.NoError(t, err, tt.lines)
		match := func(name string) bool {
			dir := name[len(name)-1] == '/'
			return ps.Match(name, dir)
		}
		for _, name := range tt.matches {
			assert.True(t, match(name), "%q should match %q", tt.lines, name)
		}
		for _, name := range tt.not {
			assert.False(t, match(name), "%q should not match %q", tt.lines, name)
		}
	}
	for _, bad := range []string{"[a", `a\`, "a\nb", "[z-a]"} {
		_, err := Parse([]string{bad})
		assert.Error(t, err, "%q", bad)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"*.go", "[a-z]", "**/x/", `\`, "[[:alpha:]-]", "!a", "[\\"} {
		f.Add(seed, "a/b.go")
	}
	f.Fuzz(func(t *testing.T, line, name string) {
		if ps, err := Parse([]string{line}); err == nil {
			ps.Match(name, true)
		}
	})
}
