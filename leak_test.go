package databricks_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

// Secrets that the leak test uses, one of each kind.
const (
	leakToken    = "dapi-planted-token-0001"
	leakSecret   = "planted-secret-0002"
	leakBytes    = "planted-bytes-0003"
	leakEnv      = "planted-env-0004"
	leakConf     = "planted-conf-0005"
	leakDocker   = "planted-docker-0006"
	leakCommand  = "planted-command-0007"
	leakPassword = "planted-password-0008"

	leakSignature = "planted-signature-0009"
	leakHeader    = "planted-header-0010"
	leakSession   = "planted-session-0011"
)

var leakSecrets = []string{leakToken, leakSecret, leakBytes, leakEnv, leakConf, leakDocker, leakCommand, leakPassword, leakSignature, leakHeader, leakSession}

// A sink collects everything that a program may show. It can be searched.
type sink struct {
	mu   sync.Mutex
	text strings.Builder
}

func (c *sink) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// show prints values and errors in all possible ways. It skips verbs that do not
// fit, such as %s for a struct with pointers, because package fmt then ignores
// formatting methods, and vet reports them.
func (c *sink) show(values ...any) {
	text, js := slog.New(slog.NewTextHandler(c, nil)), slog.New(slog.NewJSONHandler(c, nil))
	for _, v := range values {
		fmt.Fprintf(c, "%v %+v %#v\n", v, v, v)
		text.Info("shown", "value", v)
		if list := reflect.ValueOf(v); list.Kind() == reflect.Slice { // encoding/json encodes its elements
			for i := range list.Len() {
				js.Info("shown", "value", list.Index(i).Interface())
			}
		} else {
			js.Info("shown", "value", v)
		}
		if err, ok := v.(error); ok {
			c.encode(err)
			for ; err != nil; err = errors.Unwrap(err) {
				fmt.Fprintf(c, "%s %+v\n", err, err)
			}
		}
	}
}

// encode encodes values with encoding/json. It encodes requests in plain form,
// because they must contain their secrets.
func (c *sink) encode(values ...any) {
	for _, v := range values {
		if text, err := json.Marshal(v); err == nil {
			c.Write(append(text, '\n'))
		} else {
			fmt.Fprintln(c, err)
		}
	}
}

// observer shows everything that it receives of each call and attempt.
func (c *sink) observer() databricks.Option {
	call := func(_ context.Context, info databricks.CallInfo) {
		c.show(info)
		c.encode(info)
	}
	attempt := func(_ context.Context, info databricks.AttemptInfo) {
		c.show(info)
		c.encode(info)
	}
	return databricks.WithObserver(databricks.Observer{
		CallStart:    func(ctx context.Context, info databricks.CallInfo) context.Context { call(ctx, info); return ctx },
		CallEnd:      call,
		AttemptStart: func(ctx context.Context, info databricks.AttemptInfo) context.Context { attempt(ctx, info); return ctx },
		AttemptEnd:   attempt,
	})
}

// leaks returns the visible secrets, in plain form or in a common encoding.
func (c *sink) leaks() (seen []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.text.String()
	for _, secret := range leakSecrets {
		for code, form := range map[string]string{
			"": secret, "base64 ": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="), "hex ": hex.EncodeToString([]byte(secret)),
			"basic ": base64.StdEncoding.EncodeToString([]byte("token:" + secret)),
		} {
			if i := strings.Index(text, form); i >= 0 {
				seen = append(seen, code+secret+" in "+text[max(0, i-100):min(len(text), i+60)])
			}
		}
	}
	return seen
}

// everything makes calls that contain secrets, including some that fail.
func everything(ctx context.Context, c *databricks.Client, out *sink) {
	in := databricks.ClusterSpec{
		ClusterName: "leakSecrets", SparkVersion: "7.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		SparkEnvVars: databricks.SparkEnvVars{"TOKEN": leakEnv},
		SparkConf:    databricks.SparkConf{"fs.azure.account.key.store.blob.core.windows.net": leakConf, "spark.speculation": "true"},
		DockerImage:  &databricks.DockerImage{URL: "r.example.com/i", BasicAuth: &databricks.DockerBasicAuth{Username: "u", Password: leakDocker}},
	}
	id, err := c.Clusters.Create(ctx, in)
	out.show(in, *in.DockerImage.BasicAuth, id, err)
	bad := in
	bad.SparkVersion, bad.NumWorkers = "", nil
	_, err = c.Clusters.Create(ctx, bad)
	out.show(err)
	cluster, err := c.Clusters.WaitRunning(ctx, id)
	if err == nil {
		out.show(*cluster, cluster.ClusterSpec)
	}
	all, err := c.Clusters.List(ctx, databricks.ListClusters{})
	out.show(all, err)
	out.show(c.Clusters.Modify(ctx, id, func(s *databricks.ClusterSpec) { out.show(*s); s.ClusterName = "renamed" }))
	for e, err := range c.Clusters.AllEvents(ctx, databricks.ListClusterEvents{ClusterID: id}) {
		out.show(e, err)
	}

	put := databricks.PutSecret{Scope: "s", Key: "k", StringValue: new(databricks.Secret(leakSecret))}
	out.show(c.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "s"}), c.Secrets.Put(ctx, put), put)
	put = databricks.PutSecret{Scope: "s", Key: "b", BytesValue: []byte(leakBytes)}
	out.show(c.Secrets.Put(ctx, put), put)
	put.Scope = "none"
	out.show(c.Secrets.Put(ctx, put))
	put.StringValue = new(databricks.Secret(leakSecret))
	out.show(c.Secrets.Put(ctx, put))
	value, err := c.Secrets.Get(ctx, "s", "k")
	out.show(value, err)

	job := databricks.CreateJob{Name: "leakSecrets", NewCluster: &in, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}}
	jobID, err := c.Jobs.Create(ctx, job)
	out.show(job, *job.NewCluster, jobID, err)
	run := databricks.SubmitRun{RunName: "r", NewCluster: &in, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}}
	runID, err := c.Jobs.SubmitRun(ctx, run)
	out.show(run, runID, err)
	jobs, err := c.Jobs.List(ctx, databricks.ListJobs{})
	out.show(jobs, err)

	session, err := v12.NewClient(c).NewSession(ctx, id, v12.Python)
	out.show(session, err)
	out.encode(c, session)
	if err == nil {
		for _, code := range []string{"print('" + leakCommand + "')", "fail('" + leakCommand + "')", "\xff" + leakCommand} {
			_, err = session.Run(ctx, code)
			out.show(err)
		}
		out.show(session.Close())
		_, err = session.Run(ctx, leakCommand)
		out.show(err)
	}
	out.show(c, c.Do(ctx, databricks.Request{Method: "POST", Path: "/api/2.0/none", Body: map[string]string{"token_value": leakSecret}}, nil))
	out.show(c.Do(ctx, databricks.Request{Method: "GET", Path: "/api/2.0/none", Query: url.Values{"password": {leakSecret}}}, nil))
}

type failing struct{}

func (failing) Execute(c databrickstest.Command) databrickstest.CommandResult {
	if strings.HasPrefix(c.Code, "fail") {
		return databrickstest.CommandResult{Cause: "NameError: name 'fail' is not defined", Summary: "NameError"}
	}
	return databrickstest.CommandResult{Text: "ok"}
}

func TestLeaks_everyCall(t *testing.T) {
	for _, fault := range []*databrickstest.Fault{
		nil,
		{Rate: 0.3, Times: -1, Reset: true, WorkDone: true},
		{Rate: 0.3, Times: -1, Status: 502, Body: "<html><pre>" + leakToken + "</pre></html>"}, // a gateway that sends the credential back
		{Rate: 0.3, Times: -1, Truncate: true, Keep: 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			out := new(sink)
			logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-100)}))
			server := databrickstest.NewServer(databrickstest.WithToken(leakToken), databrickstest.WithExecutor(failing{}), databrickstest.WithLogger(logger))
			defer server.Close()
			if fault != nil {
				server.Inject(*fault)
			}
			everything(ctx, server.Client(databricks.WithLogger(logger), out.observer()), out)
			server.ClearFaults()
			everything(ctx, server.Client(databricks.WithLogger(logger), databricks.WithPlan(func(p databricks.PlannedCall) {
				out.show(p)
				out.encode(p)
				fmt.Fprintf(out, "%s %s %s %s\n", p.Method, p.Path, p.Query.Encode(), p.Body)
			})), out)
			out.encode(server.Requests())
			for _, r := range server.Requests() {
				fmt.Fprintf(out, "%s %s %s %v %s\n", r.Method, r.Path, r.Query.Encode(), r.Header, r.Body)
			}
			assert.Empty(t, out.leaks())
			assert.Greater(t, out.text.Len(), 10_000, "there was something to search")
		})
	}
}

// A client whose credential is rejected shows neither its password nor its token.
func TestLeaks_staticCredentials(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	for _, auth := range []databricks.Option{databricks.WithToken(leakToken), databricks.WithBasicAuth("alice@example.com", leakPassword)} {
		out := new(sink)
		c, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), auth, databricks.WithHTTPClient(&http.Client{Transport: server.Transport()}),
			databricks.WithLogger(slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.Level(-100)}))))
		require.NoError(t, err)
		_, err = c.Clusters.List(t.Context(), databricks.ListClusters{})
		require.Error(t, err)
		out.show(c, err, *c, auth)
		_, err = databricks.NewClient(auth, databricks.WithToken(leakSecret), databricks.WithHost("https://u:"+leakPassword+"@h"))
		out.show(err)
		assert.Empty(t, out.leaks())
	}
}

// The search finds secrets that are visible.
func TestLeaks_areFound(t *testing.T) {
	out := new(sink)
	io.Copy(out, bytes.NewReader([]byte("log: password="+leakPassword+" "+base64.StdEncoding.EncodeToString([]byte(leakSecret)))))
	assert.Len(t, out.leaks(), 2)
}
