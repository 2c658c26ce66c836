package netrc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// curl is the installed curl, with a server that records what it sends.
type curl struct {
	version []int // such as 8, 23
	url     *url.URL
	sent    chan string // the Authorization header of each request
}

func newCurl(t *testing.T) *curl {
	out, err := exec.Command("curl", "--version").Output()
	if err != nil {
		t.Skip("nothing was compared: curl cannot be run here: ", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	t.Log("compared with ", first)

	c := &curl{version: make([]int, 2), sent: make(chan string, 10)}
	_, err = fmt.Sscanf(first, "curl %d.%d", &c.version[0], &c.version[1])
	require.NoError(t, err, first)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.sent <- r.Header.Get("Authorization")
	}))
	t.Cleanup(server.Close)
	c.url, err = url.Parse(server.URL)
	require.NoError(t, err)
	return c
}

// ask runs curl -n for a host. All hosts resolve to our server. It returns what
// curl sends, in the form that the table uses.
func (c *curl) ask(t *testing.T, host string, args ...string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	out, err := exec.Command("curl", append([]string{"--disable", "--silent", "--show-error", "--netrc", "--noproxy", "*",
		"--connect-to", "::" + c.url.Host, "http://" + host + ":" + c.url.Port()}, args...)...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		switch exit.ExitCode() {
		case 26:
			return fails
		case -1, 139:
			return crash
		}
	}
	require.NoError(t, err, "%s", out)
	require.Len(t, c.sent, 1, "requests for %s; curl said: %s", host, out)
	sent := <-c.sent
	if sent == "" {
		return none
	}
	value, ok := strings.CutPrefix(sent, "Basic ")
	require.True(t, ok, "not Basic")
	decoded, err := base64.StdEncoding.DecodeString(value)
	require.NoError(t, err)
	return string(decoded)
}

// TestCurl compares every row of the table with the installed curl. The results of
// versions that are not in the table are logged but not checked. A version that is
// newer than all of them must behave like the newest one.
func TestCurl(t *testing.T) {
	c := newCurl(t)
	version := fmt.Sprintf("%d.%d", c.version[0], c.version[1])
	judged := slices.Contains(asked, version)
	if slices.Compare(c.version, []int{8, 23}) > 0 {
		version, judged = "8.23", true
	}
	var same, asNoted, other int
	for _, r := range rows {
		path := filepath.Join(t.TempDir(), "netrc")
		require.NoError(t, os.WriteFile(path, []byte(r.file), 0o600))
		got, want := c.ask(t, r.asked(), "--netrc-file", path), r.want
		if noted, ok := r.curl[version]; ok {
			want = noted
		}
		switch {
		case got == r.want:
			same++
		case got == want:
			asNoted++
		default:
			other++
			t.Logf("%s: we return %.60q, curl sends %.60q", r.name, r.want, got)
		}
		if judged {
			assert.Equal(t, want, got, "%s: curl sends another credential", r.name)
		}
	}
	t.Logf("%d files: curl sends what we return for %d, what the row says for %d, something else for %d", len(rows), same, asNoted, other)
	if !judged {
		t.Skipf("curl %s was not judged: asked by hand were %s", version, strings.Join(asked, ", "))
	}
}

func TestCurl_default_path(t *testing.T) {
	c := newCurl(t)
	home := t.TempDir()
	path := filepath.Join(home, "elsewhere")
	require.NoError(t, os.WriteFile(filepath.Join(home, ".netrc"), []byte("default login home"), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("default login elsewhere"), 0o600))
	t.Setenv("HOME", home)
	for name, setting := range map[string]string{"NETRC empty": "", "NETRC": path} {
		t.Run(name, func(t *testing.T) {
			if setting != "" && slices.Compare(c.version, []int{8, 16}) < 0 {
				t.Skip("not compared: curl looks at NETRC since 8.16")
			}
			t.Setenv("NETRC", setting)
			ours, err := Default()
			require.NoError(t, err)
			file, err := Read(ours)
			require.NoError(t, err)
			login, _, err := file.Find("a.example.com")
			require.NoError(t, err)
			assert.Equal(t, c.ask(t, "a.example.com"), login+":")
		})
	}
}
