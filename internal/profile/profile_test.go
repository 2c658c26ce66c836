package profile

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, text string) (*File, error) {
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Read(path)
}

// rules are the rules of the package documentation. differs says that Python's
// configparser reads another value, or no value.
var rules = []struct {
	name, text, section, key, want string
	differs                        bool
}{
	{name: "plain", text: "[p]\ntoken = abc\n", section: "p", key: "token", want: "abc"},
	{name: "without blanks", text: "[p]\ntoken=abc", section: "p", key: "token", want: "abc"},
	{name: "colon", text: "[p]\nhost: https://h:8443\n", section: "p", key: "host", want: "https://h:8443"},
	{name: "equal signs in the value", text: "[p]\ntoken = a=b==\n", section: "p", key: "token", want: "a=b=="},
	{name: "CRLF", text: "[p]\r\ntoken = abc\r\nhost = h\r\n", section: "p", key: "token", want: "abc"},
	{name: "key in capitals", text: "[p]\nHost = h\n", section: "p", key: "host", want: "h"},
	{name: "empty value", text: "[p]\ntoken =\nhost = h\n", section: "p", key: "token", want: ""},
	{name: "comment lines", text: "# a\n; b\n[p]\n  # c\ntoken = abc\n;token = no\n", section: "p", key: "token", want: "abc"},
	{name: "percent sign", text: "[p]\npassword = 100%(x)s%\n", section: "p", key: "password", want: "100%(x)s%"},
	{name: "backslash", text: "[p]\npassword = a\\b\\n\n", section: "p", key: "password", want: `a\b\n`},
	{name: "backslash at the end", text: "[p]\npassword = ab\\\nhost = h\n", section: "p", key: "password", want: `ab\`},
	{name: "the line after a backslash", text: "[p]\npassword = ab\\\nhost = h\n", section: "p", key: "host", want: "h"},
	{name: "# inside", text: "[p]\npassword = a#b\n", section: "p", key: "password", want: "a#b"},
	{name: "; inside", text: "[p]\npassword = a;b\n", section: "p", key: "password", want: "a;b"},
	{name: "quote inside", text: "[p]\npassword = a\"b\n", section: "p", key: "password", want: `a"b`},
	{name: "quote that is not closed", text: "[p]\npassword = \"ab\n", section: "p", key: "password", want: `"ab`},
	{name: "backquotes", text: "[p]\npassword = `a b`\n", section: "p", key: "password", want: "`a b`"},
	{name: "dot in the name", text: "[prod.eu]\ntoken = abc\n", section: "prod.eu", key: "token", want: "abc"},
	{name: "nothing from the section before the dot", text: "[prod]\ntoken = abc\n[prod.eu]\nhost = h\n", section: "prod.eu", key: "token", want: ""},
	{name: "blank in the name", text: "[my profile]\ntoken = abc\n", section: "my profile", key: "token", want: "abc"},
	{name: "indented keys", text: "[p]\n  host = h\n  token = abc\n", section: "p", key: "token", want: "abc"},
	{name: "letters beyond ASCII", text: "[é]\npassword = пароль\n", section: "é", key: "password", want: "пароль"},
	{name: "value with blanks", text: "[p]\npassword =  a  b \n", section: "p", key: "password", want: "a  b"},

	{name: "nothing from DEFAULT", text: "[DEFAULT]\ntoken = abc\n[p]\nhost = h\n", section: "p", key: "token", want: "", differs: true},
	{name: "byte order mark", text: "\ufeff[p]\ntoken = abc\n", section: "p", key: "token", want: "abc", differs: true},
	{name: "comment after a blank", text: "[p]\ntoken = abc # mine\n", section: "p", key: "token", want: "abc", differs: true},
	{name: "comment after a tab", text: "[p]\ntoken = abc\t; mine\n", section: "p", key: "token", want: "abc", differs: true},
	{name: "comment alone", text: "[p]\ntoken = # none yet\n", section: "p", key: "token", want: "", differs: true},
	{name: "double quotes", text: "[p]\npassword = \"a # b\"\n", section: "p", key: "password", want: "a # b", differs: true},
	{name: "single quotes", text: "[p]\npassword = ' a '\n", section: "p", key: "password", want: " a ", differs: true},
	{name: "quotes and a comment", text: "[p]\npassword = \"a;b\" ; it's \"mine\"\n", section: "p", key: "password", want: "a;b", differs: true},
	{name: "the same quote inside", text: "[p]\npassword = \"a\"b\"\n", section: "p", key: "password", want: `a"b`, differs: true},
	{name: "one key indented more", text: "[p]\nhost = h\n  token = abc\n", section: "p", key: "token", want: "abc", differs: true},
	{name: "key again", text: "[p]\ntoken = a\ntoken = b\n", section: "p", key: "token", want: "b", differs: true},
	{name: "section again", text: "[p]\ntoken = a\n[q]\nx = 1\n[p]\nhost = h\n", section: "p", key: "token", want: "a", differs: true},
	{name: "keys before a section", text: "token = abc\n", section: "DEFAULT", key: "token", want: "abc", differs: true},
	{name: "comment after a section", text: "[p] # prod\ntoken = abc\n", section: "p", key: "token", want: "abc"},
	{name: "blanks around the name", text: "[ p ]\ntoken = abc\n", section: "p", key: "token", want: "abc", differs: true},
}

func TestRead(t *testing.T) {
	for _, row := range rules {
		t.Run(row.name, func(t *testing.T) {
			f, err := read(t, row.text)
			require.NoError(t, err)
			p, err := f.Find(row.section)
			require.NoError(t, err)
			assert.Equal(t, row.want, p.Get(row.key))
		})
	}
}

// Compare the rules with Python's configparser. It must differ exactly where a rule
// says so.
func TestRead_asPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	// The vendor's client reads the sections' own values in this way.
	const script = `
import configparser, json, sys
out = []
for row in json.load(sys.stdin):
    try:
        c = configparser.ConfigParser()
        c.read_string(row["text"])
        own = dict(c._sections, DEFAULT=c.defaults())[row["section"]]
        out.append(own.get(row["key"], "") if row["section"] == "DEFAULT" else dict(c.items(row["section"], raw=True)).get(row["key"], ""))
    except Exception as e:
        out.append(None)
print(json.dumps(out))`
	type row struct {
		Text    string `json:"text"`
		Section string `json:"section"`
		Key     string `json:"key"`
	}
	var in []row
	for _, r := range rules {
		in = append(in, row{r.text, r.section, r.key})
	}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	command := exec.Command(python, "-c", script)
	command.Stdin = strings.NewReader(string(text))
	text, err = command.Output()
	require.NoError(t, err)
	var out []*string
	require.NoError(t, json.Unmarshal(text, &out))
	for i, r := range rules {
		agrees := out[i] != nil && *out[i] == r.want
		assert.Equal(t, !r.differs, agrees, r.name)
	}
}

func TestRead_errors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"no delimiter", "[p]\ntoken = abc\nsecret-without-key\n", "line 3 is neither [profile] nor key = value"},
		{"no key", "[p]\n= secret\n", "line 2 is neither"},
		{"section not closed", "[p\ntoken = secret\n", "line 1 is not a [profile] line"},
		{"section without a name", "[]\n", "line 1 is not"},
		{"section with a value", "[p] token = secret\n", "line 1 is not"},
		{"UTF-16", "\xff\xfe[\x00p\x00]\x00", "save it as UTF-8"},
		{"UTF-16, the other way", "\xfe\xff\x00[", "save it as UTF-8"},
		{"NUL", "[p]\ntoken = secret\x00\n", "save it as UTF-8"},
		{"too large", strings.Repeat("#\n", 1<<20), "1 MiB"},
	} {
		_, err := read(t, row.text)
		require.Error(t, err, row.name)
		assert.ErrorContains(t, err, row.want, row.name)
		assert.ErrorContains(t, err, "config", row.name)
		assert.NotContains(t, err.Error(), "secret", row.name)
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Read(t.TempDir())
	assert.Error(t, err)
}

func TestRead_home(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // HOME of Windows
	t.Setenv("USERPROFILE", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".databrickscfg"), []byte("[p]\nhost=h"), 0o644))
	f, err := Read("~/.databrickscfg")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(home, ".databrickscfg"), f.Path())
	assert.Equal(t, runtime.GOOS != "windows", f.Exposed())
	require.NoError(t, os.Chmod(f.Path(), 0o600))
	f, err = Read(f.Path())
	require.NoError(t, err)
	assert.False(t, f.Exposed())
}

func TestFile_Find(t *testing.T) {
	f, err := read(t, "[__settings__]\ndefault_profile = b\n[a]\nhost = a\n[b]\nhost = b\n[empty]\n")
	require.NoError(t, err)
	p, err := f.Find("")
	require.NoError(t, err)
	assert.Equal(t, "b", p.Get("host"))
	assert.Equal(t, "profile b of "+f.Path(), p.String())
	for _, name := range []string{"c", "__settings__", "empty", "A"} {
		p, err = f.Find(name)
		assert.ErrorIs(t, err, fs.ErrNotExist)
		assert.EqualError(t, err, "there is no profile "+name+" of "+f.Path()+"; the file has a, b")
		assert.Empty(t, p.Get("host"))
	}
	f, err = read(t, "")
	require.NoError(t, err)
	_, err = f.Find("")
	assert.ErrorContains(t, err, "no profile DEFAULT")
}

func FuzzRead(f *testing.F) {
	for _, row := range rules {
		f.Add([]byte(row.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sections, err := parse(text)
		if err != nil {
			return
		}
		for _, s := range sections {
			if s.name == "" || strings.ContainsAny(s.name, "]\n") {
				t.Errorf("a section is called %q", s.name)
			}
			if strings.Contains(s.value("token"), "\n") {
				t.Error("a value goes on over the end of its line")
			}
		}
	})
}
