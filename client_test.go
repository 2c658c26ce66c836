package databricks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clean unsets all variables that NewClient reads, and creates an empty home
// directory.
func clean(t *testing.T) (home string) {
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // HOME of Windows
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		for _, prefix := range []string{"DATABRICKS_", "ARM_", "AZURE_", "ACTIONS_", "SYSTEM_", "IDENTITY_", "MSI_", "IMDS_", "GOOGLE_", "NETRC"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("PATH", filepath.Join(home, "bin"))
	return home
}

func write(t *testing.T, path, content string) {
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// authorization returns the host and the Authorization header of a client's
// request.
func authorization(t *testing.T, opts ...Option) (host, authorization string) {
	s := &scripted{responses: []func(*http.Request) (*http.Response, error){respond(200, `{}`)}}
	c, err := NewClient(append(opts, WithHTTPClient(&http.Client{Transport: s}))...)
	require.NoError(t, err)
	require.NoError(t, c.Do(t.Context(), aRead, nil))
	return s.sent[0].URL.Host, s.sent[0].Header.Get("Authorization")
}

const (
	bearerCode = "Bearer code"
	bearerEnv  = "Bearer env"
	bearerFile = "Bearer file"
)

func TestNewClient_orderOfSettings(t *testing.T) {
	const config = "[DEFAULT]\nhost = https://file.example.com\ntoken = file\n[other]\nhost = other.example.com\nusername = u\npassword = p#x # a comment\n[bare]\ntoken = file\n"
	const netrc = "machine env.example.com login token password net\n"
	for _, row := range []struct {
		name       string
		env        map[string]string
		opts       []Option
		host, auth string
	}{
		{"code", map[string]string{"HOST": "env.example.com", "TOKEN": "env"}, []Option{WithHost("code.example.com"), WithToken("code")}, "code.example.com", bearerCode},
		{"host from code, token from environment", map[string]string{"TOKEN": "env"}, []Option{WithHost("code.example.com")}, "code.example.com", bearerEnv},
		{"environment", map[string]string{"HOST": "env.example.com", "TOKEN": "env"}, nil, "env.example.com", bearerEnv},
		{"user of the environment", map[string]string{"HOST": "env.example.com", "USERNAME": "u", "PASSWORD": "p"}, nil, "env.example.com", "Basic dTpw"},
		{"default profile", nil, nil, "file.example.com", bearerFile},
		{"profile by option", nil, []Option{WithProfile("other")}, "other.example.com", "Basic dTpwI3g="},
		{"profile by environment", map[string]string{"CONFIG_PROFILE": "other"}, nil, "other.example.com", "Basic dTpwI3g="},
		{"profile by option before environment", map[string]string{"TOKEN": "env"}, []Option{WithProfile("other")}, "other.example.com", "Basic dTpwI3g="},
		{"profile without a host", nil, []Option{WithProfile("bare"), WithHost("code.example.com")}, "code.example.com", bearerFile},
		{".netrc when nothing else is there", map[string]string{"HOST": "env.example.com"}, nil, "env.example.com", "Basic dG9rZW46bmV0"},
		{".netrc when asked for", map[string]string{"HOST": "env.example.com", "TOKEN": "env"}, []Option{WithNetrc("")}, "env.example.com", "Basic dG9rZW46bmV0"},
		{"function", nil, []Option{WithHost("h.example.com"), WithTokenFunc(func(context.Context) (string, error) { return "code", nil })}, "h.example.com", bearerCode},
		{"own auth", nil, []Option{WithHost("h.example.com"), WithAuth(func(r *http.Request) error { r.Header.Set("Authorization", "Mine"); return nil })}, "h.example.com", "Mine"},
		{"basic", nil, []Option{WithHost("h.example.com"), WithBasicAuth("token", "x")}, "h.example.com", "Basic dG9rZW46eA=="},
	} {
		t.Run(row.name, func(t *testing.T) {
			home := clean(t)
			write(t, filepath.Join(home, ".databrickscfg"), config)
			write(t, filepath.Join(home, ".netrc"), netrc)
			for name, value := range row.env {
				t.Setenv("DATABRICKS_"+name, value)
			}
			host, auth := authorization(t, row.opts...)
			assert.Equal(t, row.host, host)
			assert.Equal(t, row.auth, auth)
		})
	}
}

// The token of a profile is sent only to the host of the profile.
func TestNewClient_profileOfAnotherHost(t *testing.T) {
	home := clean(t)
	write(t, filepath.Join(home, ".databrickscfg"), "[DEFAULT]\nhost = https://file.example.com\ntoken = dapi-very-secret\n")
	_, err := NewClient(WithHost("https://code.example.com"))
	assert.ErrorContains(t, err, "is for file.example.com, but WithHost is code.example.com")
	_, err = NewClient(WithHost("https://code.example.com"), WithProfile("DEFAULT"))
	assert.ErrorContains(t, err, "file.example.com")
	assert.NotContains(t, err.Error(), "very-secret")
}

func TestNewClient_badSettings(t *testing.T) {
	home := clean(t)
	file := func(name, content string) string {
		path := filepath.Join(home, name)
		write(t, path, content)
		return path
	}
	const secret = "dapi-very-secret"
	good := []Option{WithHost("https://w.example.com"), WithToken(secret)}
	with := func(opts ...Option) []Option { return append(good[:2:2], opts...) }
	for _, row := range []struct {
		name string
		opts []Option
		want []string
	}{
		{"no host", []Option{WithToken(secret)}, []string{"no host", "WithHost", "DATABRICKS_HOST", ".databrickscfg"}},
		{"no credential", good[:1], []string{"no credential for w.example.com", "DATABRICKS_TOKEN", ".databrickscfg", ".netrc", "WithToken"}},
		{"two credentials", with(WithBasicAuth("u", secret)), []string{"WithToken and WithBasicAuth"}},
		{"three credentials", with(WithNetrc(""), WithAuth(func(*http.Request) error { return nil })), []string{"WithToken and WithNetrc and WithAuth"}},
		{"plain http", []Option{WithHost("http://w.example.com"), WithToken(secret)}, []string{"WithHost", "http://w.example.com", "https", "WithInsecureHTTP"}},
		{"scheme", []Option{WithHost("ftp://w.example.com"), WithToken(secret)}, []string{"WithHost", "ftp"}},
		{"password in host", []Option{WithHost("https://u:" + secret + "@w.example.com"), WithToken(secret)}, []string{"WithHost", "user name or password"}},
		{"account console", []Option{WithHost("https://accounts.azuredatabricks.net"), WithToken(secret)}, []string{"account console"}},
		{"no host in host", []Option{WithHost("https://"), WithToken(secret)}, []string{"WithHost", `"https://" is not a host`}},
		{"two schemes", []Option{WithHost("https://https://w.example.com"), WithToken(secret)}, []string{`"https://https://w.example.com" is not a host`}},
		{"variable of a pipeline", []Option{WithHost("$(DATABRICKS_HOST)"), WithToken(secret)}, []string{`"$(DATABRICKS_HOST)" is not a host`}},
		{"variable of a shell", []Option{WithHost("https://${HOST}/"), WithToken(secret)}, []string{`"https://${HOST}/" is not a host`}},
		{"placeholder", []Option{WithHost("https://<workspace>.azuredatabricks.net"), WithToken(secret)}, []string{"is not a host"}},
		{"words", []Option{WithHost("my workspace"), WithToken(secret)}, []string{`"my workspace" is not a host`}},
		{"name that a proxy may resolve", []Option{WithHost("http://x.localhost"), WithToken(secret)}, []string{"unencrypted"}},
		{"empty token", []Option{good[0], WithToken("")}, []string{"WithToken", "empty"}},
		{"token with its line end", []Option{good[0], WithToken(secret + "\n")}, []string{"WithToken", "line end"}},
		{"half a basic", []Option{good[0], WithBasicAuth("u", "")}, []string{"WithBasicAuth", "both"}},
		{"nil function", []Option{good[0], WithTokenFunc(nil)}, []string{"WithTokenFunc"}},
		{"nil auth", []Option{good[0], WithAuth(nil)}, []string{"WithAuth"}},
		{"nil client", with(WithHTTPClient(nil)), []string{"WithHTTPClient"}},
		{"nil logger", with(WithLogger(nil)), []string{"WithLogger"}},
		{"nil plan", with(WithPlan(nil)), []string{"WithPlan"}},
		{"rate", with(WithRateLimit(0, 1)), []string{"WithRateLimit"}},
		{"policy", with(WithRetryPolicy(RetryPolicy{MaxAttempts: -1})), []string{"WithRetryPolicy"}},
		{"user agent", with(WithUserAgent("my tool", "1")), []string{"WithUserAgent", "my tool"}},
		{"jobs", with(WithJobsAPI("3.0")), []string{"WithJobsAPI", "2.1"}},
		{"profile missing", []Option{good[0], WithConfigFile(file("c1", "[a]\ntoken="+secret)), WithProfile("b")}, []string{"profile b", "c1", "the file has a"}},
		{"config file missing", []Option{good[0], WithConfigFile(filepath.Join(home, "none"))}, []string{"config file: open " + filepath.Join(home, "none")}},
		{"config file malformed", []Option{good[0], WithConfigFile(file("c2", "[a\ntoken "+secret))}, []string{"c2", "line 1"}},
		{"config file unreadable", []Option{good[0], WithConfigFile(home)}, []string{home}},
		{".netrc missing", []Option{good[0], WithNetrc(filepath.Join(home, "none"))}, []string{"netrc file: open " + filepath.Join(home, "none")}},
		{".netrc without the host", []Option{good[0], WithNetrc(file("n1", "machine other login token password "+secret))}, []string{"n1", "w.example.com"}},
		{".netrc malformed", []Option{good[0], WithNetrc(file("n2", "machine w.example.com login token password \""+secret))}, []string{"n2"}},
		{"all together", []Option{WithHost("ftp://x"), WithToken(""), WithRateLimit(-1, 1)}, []string{"WithHost", "WithToken", "WithRateLimit"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := NewClient(row.opts...)
			require.Error(t, err)
			assert.Nil(t, c)
			for _, want := range row.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "very-secret")
			if row.name != "no credential" {
				assert.NotContains(t, err.Error(), "checked in this order", "the list of sources beside another error")
			}
		})
	}
}

func TestNewClient_hostForms(t *testing.T) {
	for _, row := range []struct{ in, host, id string }{
		{"adb-1.2.azuredatabricks.net", "https://adb-1.2.azuredatabricks.net", ""},
		{" https://ADB-1.2.AzureDatabricks.net/ ", "https://adb-1.2.azuredatabricks.net", ""},
		{"https://eastus.azuredatabricks.net/?o=123456#notebook/1", "https://eastus.azuredatabricks.net", "123456"},
		{"https://eastus.azuredatabricks.net?o=abc", "https://eastus.azuredatabricks.net", ""},
		{"https://h.example.com/?workspace_id=7", "https://h.example.com", "7"},
		{"https://h.example.com/?w=a-b", "https://h.example.com", "a-b"},
		{"https://h.example.com:8443/api/2.0", "https://h.example.com:8443", ""},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", ""},
		{"http://localhost", "http://localhost", ""},
		{"http://[::1]:80/", "http://[::1]", ""},
		{"https://h.example.com:443", "https://h.example.com", ""},
		{"https://h.example.com:80", "https://h.example.com:80", ""},
		{"10.1.2.3:8443", "https://10.1.2.3:8443", ""},
	} {
		c, s := scriptedClient(t, []Option{WithHost(row.in)}, respond(200, `{}`))
		assert.Equal(t, row.host, c.Host(), row.in)
		require.NoError(t, c.Do(t.Context(), aRead, nil))
		assert.Equal(t, row.id, s.sent[0].Header.Get("X-Databricks-Workspace-Id"), row.in)
	}
	c, err := NewClient(WithHost("http://w.example.com"), WithToken("x"), WithInsecureHTTP())
	require.NoError(t, err)
	assert.Equal(t, "http://w.example.com", c.Host())
}

func TestNewClient_leavesWhatItWasGivenAlone(t *testing.T) {
	hc := &http.Client{Timeout: time.Second}
	_, err := NewClient(WithHost("w.example.com"), WithToken("x"), WithHTTPClient(hc))
	require.NoError(t, err)
	assert.Equal(t, http.Client{Timeout: time.Second}, *hc)
}

// signedClient returns a client with an option for its credential.
func signedClient(t *testing.T, option Option, responses ...func(*http.Request) (*http.Response, error)) (*Client, *scripted) {
	s := &scripted{responses: responses}
	c, err := NewClient(WithHost("https://w.example.com"), option, WithRetryPolicy(fast), WithHTTPClient(&http.Client{Transport: s}))
	require.NoError(t, err)
	return c, s
}

func TestWithTokenFunc_askedAtEachAttempt(t *testing.T) {
	tokens := []string{"first", "second"}
	asked := 0
	c, s := signedClient(t, WithTokenFunc(func(context.Context) (string, error) { asked++; return tokens[asked-1], nil }), respond(429, ""), respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), aWrite, nil))
	assert.Equal(t, "Bearer first", s.sent[0].Header.Get("Authorization"))
	assert.Equal(t, "Bearer second", s.sent[1].Header.Get("Authorization"))
}

func TestWithTokenFunc_failureSendsNothing(t *testing.T) {
	expired := errors.New("the sign-in ran out")
	c, s := signedClient(t, WithTokenFunc(func(context.Context) (string, error) { return "", expired }), respond(200, `{}`))
	err := c.Do(t.Context(), aWrite, nil)
	assert.ErrorIs(t, err, expired)
	assert.NotErrorAs(t, err, new(*OutcomeUnknownError))
	assert.ErrorContains(t, err, aWrite.Path)
	assert.Empty(t, s.sent)
}

func TestClient_redirectIsAnError(t *testing.T) {
	var stranger int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stranger++ }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		here := httptest.NewServer(http.RedirectHandler(other.URL+"/login.html?token=dapi-very-secret", status))
		err := newTestClient(t, here.URL).Do(t.Context(), aWrite, nil)
		assert.ErrorContains(t, err, other.URL+"/login.html")
		assert.NotContains(t, err.Error(), "very-secret")
		here.Close()
	}
	assert.Zero(t, stranger)
}

func TestClient_headers(t *testing.T) {
	c, s := scriptedClient(t, []Option{WithUserAgent("my-tool", "1.2.3")}, respond(200, `{}`))
	require.NoError(t, c.Do(t.Context(), aWrite, nil))
	h := s.sent[0].Header
	assert.Regexp(t, `^my-tool/1\.2\.3 databricks-go/\S+ go/1\.\S+ os/\w+$`, h.Get("User-Agent"))
	assert.Equal(t, "application/json", h.Get("Content-Type"))
	assert.Equal(t, "application/json", h.Get("Accept"))
}

// Printing or logging a client never shows its credential.
func TestClient_doesNotShowItsToken(t *testing.T) {
	var log bytes.Buffer
	const secret = "dapi-very-secret"
	echo := respond(400, `{"error_code":"BAD_REQUEST","message":"not `+secret+`!","details":[{"@type":"x","a":"`+secret+`"}]}`)
	s := &scripted{responses: []func(*http.Request) (*http.Response, error){respond(429, secret), lose, echo}}
	c, err := NewClient(WithHost("w.example.com"), WithToken(secret), WithRetryPolicy(fast), WithHTTPClient(&http.Client{Transport: s}),
		WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.Level(-100)}))))
	require.NoError(t, err)
	err = c.Do(t.Context(), aRead, nil)
	require.Error(t, err)
	assert.Contains(t, log.String(), "attempt=3")
	for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%+v %#v", err, err), log.String()} {
		assert.NotContains(t, text, "very-secret")
	}
}

func TestClient_requestsThatCannotBe(t *testing.T) {
	c, s := scriptedClient(t, nil, respond(200, `{}`))
	for _, r := range []Request{get("x"), get("/x?token=abc"), {Method: "POST", Path: "/x", Body: func() {}}, post("/x").required("id", ""), get("/x").required("id", int64(0))} {
		err := c.Do(t.Context(), r, nil)
		assert.Error(t, err)
		assert.NotContains(t, err.Error(), "abc")
	}
	assert.Empty(t, s.sent)
	err := c.Do(t.Context(), post("/api/2.0/x/start").required("x_id", ""), nil)
	assert.EqualError(t, err, "databricks: POST /api/2.0/x/start: x_id is required")
	assert.ErrorIs(t, err, os.ErrInvalid)
}

func TestPlan(t *testing.T) {
	var calls []PlannedCall
	c, s := scriptedClient(t, []Option{WithPlan(func(p PlannedCall) { calls = append(calls, p) })}, respond(200, `{"id":"7"}`))
	var out struct{ ID string }
	require.NoError(t, c.Do(t.Context(), post("/api/2.0/secrets/put").params(map[string]any{"scope": "s", "string_value": "hush"}), &out))
	assert.ErrorIs(t, c.Do(t.Context(), get("/api/2.0/x/get").required("id", ""), &out), fs.ErrInvalid, "a dry run finds what is missing")
	assert.Empty(t, s.sent)
	require.NoError(t, c.Do(t.Context(), get("/api/2.0/x/get").required("id", "7"), &out))
	require.NoError(t, c.Do(t.Context(), post("/api/2.0/x/events").required("id", "7").readOnly(), nil))
	assert.Equal(t, "7", out.ID)
	assert.Len(t, s.sent, 2)
	require.Len(t, calls, 1)
	assert.Equal(t, "/api/2.0/secrets/put", calls[0].Path)
	assert.NotContains(t, string(calls[0].Body), "hush")
	assert.Contains(t, string(calls[0].Body), `"scope":"s"`)
	assert.Error(t, c.Do(t.Context(), post("/x").check(badArg("n", "is negative")), nil))
	upload := Multipart([][2]string{{"path", "/a b"}}, FilePart{Field: "contents", Name: "f", Size: 7})
	require.NoError(t, c.Do(t.Context(), Request{Method: "POST", Path: "/api/2.0/dbfs/put", Body: upload}, nil))
	assert.Equal(t, "contents=%28a+file+of+7+bytes%29&path=%2Fa+b", string(calls[1].Body))
	assert.Equal(t, `POST /api/2.0/secrets/put {"scope":"s","string_value":"[redacted]"}`, calls[0].String())
	assert.Equal(t, "DELETE /api/2.0/x?force=true", PlannedCall{Method: "DELETE", Path: "/api/2.0/x", Query: url.Values{"force": {"true"}}}.String())
}

// In a dry run, the IDs of new objects are placeholders, which later calls show.
// Values that a program dereferences are not nil, and two dry runs show the same
// calls.
func TestPlan_placeholders(t *testing.T) {
	run := func() (plan []string) {
		c, s := scriptedClient(t, []Option{WithPlan(func(p PlannedCall) {
			plan = append(plan, fmt.Sprintf("%d %s %s", p.Number, p.Path, p.Body))
		})})
		ctx := t.Context()
		spec := ClusterSpec{NumWorkers: new(1), SparkVersion: "v", NodeTypeID: "n"}
		cluster, err := c.Clusters.Create(ctx, spec)
		require.NoError(t, err)
		assert.Equal(t, "<cluster_id of call 1>", cluster)
		running, err := c.Clusters.WaitRunning(ctx, cluster)
		require.NoError(t, err)
		assert.Equal(t, cluster, running.ClusterID)
		assert.Zero(t, running.Spec.NumWorkers, "a pointer that can be followed")
		job, err := c.Jobs.Create(ctx, CreateJob{ExistingClusterID: cluster, NotebookTask: &NotebookTask{NotebookPath: "/n"}})
		require.NoError(t, err)
		assert.Negative(t, job)
		other, err := c.Jobs.Create(ctx, CreateJob{ExistingClusterID: cluster, NotebookTask: &NotebookTask{NotebookPath: "/n"}, MaxRetries: new(-1)})
		require.NoError(t, err)
		assert.NotEqual(t, job, other)
		started, err := c.Jobs.RunNow(ctx, RunNow{JobID: other})
		require.NoError(t, err)
		ended, err := c.Jobs.WaitRun(ctx, started.RunID)
		require.NoError(t, err)
		assert.Equal(t, started.RunID, ended.RunID)
		output, err := c.Jobs.GetRunOutput(ctx, ended.RunID)
		require.NoError(t, err)
		assert.Empty(t, output.NotebookOutput.Result)
		for _, err := range c.Jobs.AllRunOutputs(ctx, ended.RunID) {
			require.NoError(t, err)
		}
		token, err := c.Tokens.Create(ctx, CreateToken{})
		require.NoError(t, err)
		require.NoError(t, c.Tokens.Delete(ctx, token.TokenInfo.TokenID))
		require.NoError(t, c.Jobs.Delete(ctx, job))
		require.NoError(t, c.Clusters.Delete(ctx, cluster))
		assert.Empty(t, s.sent)
		return plan
	}
	want := []string{
		`1 /api/2.0/clusters/create {"num_workers":1,"spark_version":"v","node_type_id":"n","idempotency_token":"idempotency-token"}`,
		`2 /api/2.0/jobs/create {"existing_cluster_id":"<cluster_id of call 1>","notebook_task":{"notebook_path":"/n"}}`,
		`3 /api/2.0/jobs/create {"existing_cluster_id":"<cluster_id of call 1>","notebook_task":{"notebook_path":"/n"},"max_retries":-1}`,
		`4 /api/2.0/jobs/run-now {"job_id":"<job_id of call 3>","idempotency_token":"idempotency-token"}`,
		`5 /api/2.0/token/create {}`,
		`6 /api/2.0/token/delete {"token_id":"<token_id of call 5>"}`,
		`7 /api/2.0/jobs/delete {"job_id":"<job_id of call 2>"}`,
		`8 /api/2.0/clusters/delete {"cluster_id":"<cluster_id of call 1>"}`,
	}
	assert.Equal(t, want, run())
	assert.Equal(t, want, run(), "the second dry run")
}

func TestSecret_isNeverShown(t *testing.T) {
	type holder struct {
		Value Secret
		Env   SparkEnvVars
		Conf  SparkConf
	}
	h := holder{"hush", SparkEnvVars{"KEY": "hush"}, SparkConf{"fs.azure.account.key.x.dfs.core.windows.net": "hush", "spark.speculation": "true"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.NotContains(t, fmt.Sprintf(verb, h), "hush", verb)
		assert.NotContains(t, fmt.Sprintf(verb, h), fmt.Sprintf("%x", "hush"), verb)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "value", h.Value, "env", h.Env, "conf", h.Conf)
	}
	assert.NotContains(t, log.String(), "hush")
	assert.Contains(t, log.String(), "spark.speculation")
	assert.Equal(t, "hush", string(h.Value))
	assert.True(t, strings.Contains(fmt.Sprint(h.Env), "KEY"))
}
