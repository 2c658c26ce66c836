package safename

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncode(t *testing.T) {
	for name, want := range map[string]string{
		"part-00000.parquet": "part-00000.parquet",
		"ts=12%3A00":         "ts=12%3A00", // as in Hive
		"100%":               "100%",
		"über uns.txt":       "über uns.txt",
		"报告：2020.csv":        "报告：2020.csv",
		" leading":           " leading",
		".hidden":            ".hidden",
		"...and so on":       "...and so on",
		"console":            "console",
		"com10.txt":          "com10.txt",

		"":                "%{}",
		".":               "%{2E}",
		"..":              "%{2E}%{2E}",
		"...":             "..%{2E}",
		"../../etc":       "..%{2F}..%{2F}etc",
		"a/b":             "a%{2F}b",
		`a\b`:             "a%{5C}b",
		"C:":              "C%{3A}",
		"file:stream":     "file%{3A}stream",
		`<"?*|">`:         "%{3C}%{22}%{3F}%{2A}%{7C}%{22}%{3E}",
		"a\x00b\nc\x7f":   "a%{00}b%{0A}c%{7F}",
		"trailing.":       "trailing%{2E}",
		"trailing ":       "trailing%{20}",
		"CON":             "%{43}ON",
		"con.txt":         "%{63}on.txt",
		"Nul .tar.gz":     "%{4E}ul .tar.gz",
		"com1":            "%{63}om1",
		"LPT²":            "%{4C}PT²",
		"conin$":          "%{63}onin$",
		"100%{41}":        "100%{25}{41}",
		"%{}":             "%{25}{}",
		"bad \xff\xfeutf": "bad %{FF}%{FE}utf",
		"\uFFFD":          "\uFFFD",
	} {
		assert.Equal(t, want, Encode(name), "%q", name)
		assert.Equal(t, name, Decode(want), "%q", want)
	}
}

func TestEncodeAll_toleratesNamesThatDifferInCaseOnly(t *testing.T) {
	names := []string{"README", "readme", "Readme", "ReadMe", "other", "%{52}eadme", "straße", "STRASSE", "Ä", "ä", "README"}
	safe := EncodeAll(names)
	taken := map[string]string{}
	for name, form := range safe {
		assert.Equal(t, name, Decode(form))
		assert.Empty(t, taken[strings.ToLower(form)], "%s and another are both %s", name, form)
		taken[strings.ToLower(form)] = name
	}
	assert.Len(t, safe, 10)
	assert.Equal(t, "README", safe["README"])
	assert.Equal(t, "%{52}eadMe", safe["ReadMe"])
	assert.Equal(t, "%{52}%{65}adme", safe["Readme"])
	assert.Equal(t, "%{C3}%{A4}", safe["ä"])
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "..", "con", "a:b", "%{41}", "x.", "\xff", "ä\xc3", "K"} {
		f.Add(seed, "A")
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		safe := Encode(name)
		require.Equal(t, name, Decode(safe))
		require.True(t, filepath.IsLocal(safe), "%q leaves its directory", safe)
		require.NotContains(t, safe, "/")
		require.Equal(t, Encode(safe) == safe, !strings.Contains(safe, "%{"), "%q", safe)
		both := EncodeAll([]string{name, other})
		require.Equal(t, name, Decode(both[name]))
		require.Equal(t, other, Decode(both[other]))
		if name != other {
			require.False(t, strings.EqualFold(both[name], both[other]), "%q and %q", both[name], both[other])
		}
	})
}
