package netrc

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (r row) asked() string { return cmp.Or(r.host, "127.0.0.1") }

// find returns our result in the form that the table uses.
func (r row) find() (string, error) {
	file, err := Parse([]byte(r.file))
	if err != nil {
		return fails, err
	}
	login, password, err := file.Find(r.asked())
	switch {
	case errors.Is(err, ErrNoCredential):
		return none, err
	case err != nil:
		return fails, err
	}
	return login + ":" + password, nil
}

func TestFile_Find(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		assert.False(t, names[r.name], "two rows are named %q", r.name)
		names[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			got, err := r.find()
			assert.Equal(t, r.want, got, "the error is: %v", err)
			if r.line > 0 {
				assert.ErrorContains(t, err, fmt.Sprintf("netrc: line %d: ", r.line))
			}
			if err != nil {
				for _, secret := range []string{"user", "pw", "pass1", long[:9]} {
					assert.NotContains(t, strings.ReplaceAll(err.Error(), r.asked(), ""), secret)
				}
			}
		})
	}
}

func TestFile_Find_says_what_to_do(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "netrc: no credential for machine a.example.com and no default"},
		{"machine b.example.com login u", "netrc: no credential for machine a.example.com and no default"},
		{"machine a.example.com", "netrc: no credential for machine a.example.com and no default"},
		{"\n\nmachine a.example.com login \"\" password \"\"", "netrc: no credential for machine a.example.com: login and password of line 3 are empty"},
		{"\n\nmachine https://A.example.com/ login u", "no credential for machine a.example.com and no default; the machine of line 3 has more than a host name; remove scheme, port and path"},
		{"machine a.example.com:443 login u", "; the machine of line 1 has more than a host name"},
		{"\ufeffmachine a.example.com login u", "; the byte order mark before line 1"},
		{"machine a.example.com login \"u", `line 1: a quote is not closed; close it, or, if it belongs to the value, quote all of it and write \" for it`},
		{`machine a.example.com login u password "c:\new"`, `line 1: the login or password of this entry contains a control character;  in quotes, close them on the same line, and write \\ for a backslash`},
	} {
		file, err := Parse([]byte(c.file))
		require.NoError(t, err)
		_, _, err = file.Find("a.example.com")
		assert.ErrorContains(t, err, c.want)
		assert.Equal(t, strings.Contains(c.want, ";"), strings.Contains(err.Error(), ";"), "advice that is not called for: %v", err)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my netrc")
	read := func(content string) (*File, error) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		return Read(path)
	}

	file, err := read("machine a.example.com login token password pw")
	require.NoError(t, err)
	login, password, err := file.Find("a.example.com")
	require.NoError(t, err)
	assert.Equal(t, "token pw", login+" "+password)
	_, _, err = file.Find("b.example.com")
	assert.ErrorIs(t, err, ErrNoCredential)
	assert.ErrorContains(t, err, "netrc file "+path+": no credential for machine b.example.com")

	file, err = read("# mine\n\"")
	require.NoError(t, err)
	_, _, err = file.Find("a.example.com")
	assert.ErrorContains(t, err, "netrc file "+path+": line 2: a quote is not closed")

	_, err = read("m\x00a\x00c\x00h\x00i\x00n\x00e\x00")
	assert.ErrorContains(t, err, "netrc file "+path+": line 1: it contains a NUL byte; save the file as UTF-8")
	_, err = read("\n" + strings.Repeat("x", maxLine))
	assert.ErrorContains(t, err, "netrc file "+path+": line 2: it is longer than the maximum of 16 KiB")
	_, err = read(strings.Repeat("x\n", maxFile))
	assert.ErrorContains(t, err, "netrc file "+path+": it is larger than the maximum of 128 KiB")

	_, err = Read(path + "2")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, path+"2")
	_, err = Read(filepath.Dir(path))
	assert.Error(t, err, "a directory")
}

func TestFile_prints_no_secret(t *testing.T) {
	file, err := Parse([]byte("machine a.example.com login planted1 password planted2"))
	require.NoError(t, err)
	holder := struct{ file *File }{file}
	for _, value := range []any{file, *file, holder, &holder} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			assert.NotContains(t, fmt.Sprintf(verb, value), "planted")
		}
	}
}

func TestDefault(t *testing.T) {
	home, profile := t.TempDir(), t.TempDir()
	write := func(path string) string {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		return path
	}
	check := func(want string, windows bool) {
		t.Helper()
		got, err := defaultPath(windows)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	dot, under := filepath.Join(home, ".netrc"), filepath.Join(home, "_netrc")

	t.Setenv("NETRC", "elsewhere")
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", profile)
	check("elsewhere", false)
	check("elsewhere", true)
	t.Setenv("NETRC", "")
	check(dot, false)
	check(dot, true)
	write(under)
	check(dot, false)
	check(under, true)
	write(dot)
	check(dot, true)
	got, err := Default()
	require.NoError(t, err)
	assert.Equal(t, dot, got)
}

func TestDefault_no_home(t *testing.T) {
	for _, name := range []string{"NETRC", "HOME", "USERPROFILE", "home"} {
		t.Setenv(name, "")
	}
	path, err := Default()
	if err == nil {
		t.Skip("this system has a home without any variable: " + path)
	}
	assert.ErrorContains(t, err, "set HOME or NETRC")
}

func FuzzParse(f *testing.F) {
	for _, r := range rows {
		if len(r.file) < 1000 {
			f.Add([]byte(r.file), r.asked())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, host string) {
		file, err := Parse(data)
		if err != nil {
			require.Nil(t, file)
			return
		}
		require.Less(t, len(data), maxFile)
		login, password, err := file.Find(host)
		if err != nil {
			require.Empty(t, login+password, "beside an error: %v", err)
		}
		require.Less(t, max(len(login), len(password)), maxToken)
		require.False(t, hasControl(login+password))

		// The result must be the same if the file is written in another way, and if
		// the case of the host differs.
		again := func(data []byte, host string) {
			file, err2 := Parse(data)
			require.NoError(t, err2)
			login2, password2, err2 := file.Find(host)
			require.Equal(t, login, login2)
			require.Equal(t, password, password2)
			require.Equal(t, err == nil, err2 == nil, "%v and %v", err, err2)
		}
		again(data, host)
		if host == strings.ToLower(strings.ToUpper(host)) && len(host) == len(strings.ToUpper(host)) {
			again(data, strings.ToUpper(host))
		}
		if len(data) < maxFile/2 {
			again([]byte("# a comment\n"+string(data)), host)
			again([]byte("\n \n"+string(data)), host)
		}
	})
}
