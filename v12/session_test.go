package v12_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

// A lab is an in-memory workspace with a running cluster, in a synctest bubble.
type lab struct {
	*testing.T
	ctx     context.Context
	server  *databrickstest.Server
	client  *v12.Client
	cluster string
	ran     atomic.Int64 // commands that the executor received
}

// inLab runs a test in a new lab, for at most one hour. A command is a duration
// such as "10s". It runs for that time and returns its own text. The command
// "raise" fails.
func inLab(t *testing.T, test func(l *lab), opts ...databricks.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lab{T: t}
		l.server = databrickstest.NewServer(databrickstest.WithExecutor(databrickstest.ExecutorFunc(func(c databrickstest.Command) databrickstest.CommandResult {
			l.ran.Add(1)
			if c.Code == "raise" {
				return databrickstest.CommandResult{Cause: "Traceback (most recent call last):\n  File \"<command-1>\", line 1\nValueError: no such luck"}
			}
			takes, _ := time.ParseDuration(c.Code)
			return databrickstest.CommandResult{Text: c.Code, Duration: takes}
		})))
		defer func() {
			l.server.Close()
			assert.Empty(t, l.server.Panics())
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		l.ctx = ctx
		l.client = v12.NewClient(l.server.Client(opts...))
		l.cluster = l.newCluster()
		test(l)
	})
}

func (l *lab) newCluster() string {
	l.Helper()
	client := v12.NewClient(l.server.Client())
	id, err := client.Clusters.Create(l.ctx, v12.CreateCluster{Name: "lab", NumWorkerContainers: 1})
	require.NoError(l, err)
	l.await(id, v12.ClusterRunning)
	return id
}

func (l *lab) await(cluster string, state v12.ClusterState) {
	l.Helper()
	for {
		seen, err := v12.NewClient(l.server.Client()).Clusters.Status(l.ctx, cluster)
		require.NoError(l, err)
		if seen.Status == state {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *lab) session(opts ...v12.SessionOption) *v12.Session {
	l.Helper()
	session, err := l.client.NewSession(l.ctx, l.cluster, v12.Python, opts...)
	require.NoError(l, err)
	return session
}

// requireLeft checks how many contexts and running commands are left on the server.
// It first waits until canceled commands have ended.
func (l *lab) requireLeft(contexts, active int) {
	l.Helper()
	time.Sleep(time.Second)
	left := l.server.ExecutionContexts()
	require.Len(l, left, contexts, "contexts: %+v", left)
	n := 0
	for _, c := range left {
		n += c.Active
	}
	require.Equal(l, active, n, "commands that still run: %+v", left)
}

func TestSession(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session()
		result, err := session.Run(l.ctx, "50ms")
		require.NoError(l, err)
		assert.Equal(l, v12.ResultText, result.Type)
		assert.Equal(l, "50ms", result.Text)
		assert.Equal(l, 1, l.server.ExecutionContexts()[0].Commands)

		_, err = session.Run(l.ctx, "raise")
		failed, ok := errors.AsType[*v12.CommandError](err)
		require.True(l, ok, "%v", err)
		assert.ErrorContains(l, err, "failed: ValueError: no such luck")
		assert.False(l, failed.Canceled())

		l.requireLeft(1, 0)
		require.NoError(l, session.Close())
		l.requireLeft(0, 0)
	})
}

// Close immediately ends running commands and all later ones.
func TestSession_Close(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session(v12.WithAutoRecreate())
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				_, err := session.Run(l.ctx, "1h")
				assert.ErrorIs(l, err, v12.ErrSessionClosed)
			})
		}
		time.Sleep(10 * time.Minute)
		begin := time.Now()
		require.NoError(l, session.Close())
		wait.Wait()
		assert.Less(l, time.Since(begin), time.Second)
		l.requireLeft(0, 0)

		l.server.ForgetRequests()
		require.NoError(l, session.Close())
		_, err := session.Run(l.ctx, "1ms")
		assert.ErrorIs(l, err, v12.ErrSessionClosed)
		assert.Empty(l, l.server.Requests(), "nothing is left to do")
		l.requireLeft(0, 0)
	})
}

// Close waits for a context that is being created, and destroys it.
func TestSession_Close_whileRecreating(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session(v12.WithAutoRecreate())
		for _, c := range l.server.ExecutionContexts() {
			require.NoError(l, l.client.Contexts.Destroy(l.ctx, c.ClusterID, c.ID))
		}
		l.server.Inject(databrickstest.Fault{Path: "/api/1.2/contexts/create", Latency: time.Second})
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				_, err := session.Run(l.ctx, "1h")
				assert.ErrorIs(l, err, v12.ErrSessionClosed)
			})
		}
		time.Sleep(500 * time.Millisecond)
		require.NoError(l, session.Close())
		wait.Wait()
		assert.Zero(l, l.ran.Load())
		l.requireLeft(0, 0)
	})
}

func TestSession_In_otherLanguage(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session()
		result, err := session.WithLanguage(v12.SQL).Run(l.ctx, "1ms")
		require.NoError(l, err)
		assert.Equal(l, "1ms", result.Text)
		_, err = session.WithLanguage(v12.Scala).Run(l.ctx, "1ms")
		assert.ErrorContains(l, err, "Language scala is not allowed in a python context")
		require.NoError(l, session.WithLanguage(v12.SQL).Close())
		l.requireLeft(0, 0)
	})
}

func TestSession_Watch_yieldsEachChange(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session()
		defer session.Close()
		var wait sync.WaitGroup
		wait.Go(func() {
			_, err := session.Run(l.ctx, "10s")
			assert.NoError(l, err)
		})
		time.Sleep(time.Second)
		var states []v12.CommandState
		var last *v12.CommandStatus
		for status, err := range session.Stream(l.ctx, "20s") {
			require.NoError(l, err)
			states, last = append(states, status.State), status
		}
		assert.Equal(l, []v12.CommandState{v12.CommandQueued, v12.CommandRunning, v12.CommandFinished}, states)
		result, err := last.Result()
		require.NoError(l, err)
		assert.Equal(l, "20s", result.Text)
		wait.Wait()
	})
}

// The cause of a call's context belongs to another operation. It does not describe
// the outcome of the call, and does not influence the session.
func TestSession_causeOfTheContextDecidesNothing(t *testing.T) {
	rejection := &databricks.APIError{Method: "GET", Path: "/other", StatusCode: 404, Code: databricks.ErrResourceDoesNotExist}
	for _, cause := range []error{
		rejection,
		&databricks.OutcomeUnknownError{Method: "POST", Path: "/other", Err: rejection},
		fmt.Errorf("another session: %w", v12.ErrContextNotFound),
		&v12.CommandError{CommandID: "other"},
	} {
		for name, do := range map[string]func(l *lab, ctx context.Context) error{
			"run": func(l *lab, ctx context.Context) error {
				s, err := l.client.NewSession(l.ctx, l.cluster, v12.Python)
				require.NoError(l, err)
				defer s.Close()
				_, err = s.Run(ctx, "1h")
				l.requireLeft(1, 0)
				return err
			},
			"wait for a cluster's context": func(l *lab, ctx context.Context) error {
				l.server.Inject(databrickstest.Fault{Path: "/api/1.2/contexts/status", Times: -1, Latency: time.Hour})
				_, err := l.client.NewSession(ctx, l.cluster, v12.Python)
				return err
			},
			"begin": func(l *lab, ctx context.Context) error {
				<-ctx.Done()
				_, err := l.client.NewSession(ctx, l.cluster, v12.Python)
				return err
			},
		} {
			inLab(t, func(l *lab) {
				ctx, stop := context.WithCancelCause(l.ctx)
				time.AfterFunc(10*time.Minute, func() { stop(cause) })
				err := do(l, ctx)
				what := fmt.Sprintf("%s, %v: %v", name, cause, err)
				assert.ErrorIs(l, err, context.Canceled, what)
				assert.ErrorIs(l, err, cause, what)
				for _, target := range []error{databricks.ErrResourceDoesNotExist, fs.ErrNotExist, v12.ErrContextNotFound} {
					assert.NotErrorIs(l, err, target, what)
				}
				assert.NotErrorAs(l, err, new(*v12.CommandError), what)
				if e, ok := errors.AsType[*databricks.OutcomeUnknownError](err); ok { // the running command
					assert.Equal(l, "/api/1.2/commands/execute", e.Path, what)
				}
				if e, ok := errors.AsType[*databricks.APIError](err); ok {
					assert.NotEqual(l, 404, e.StatusCode, what)
				}
			})
		}
	}
}

// A caller may stop waiting in any way, and any request may fail. No command keeps
// running, no command runs twice, and Close leaves no context behind.
func TestSession_leavesNothing(t *testing.T) {
	always := func(path string, f databrickstest.Fault) databrickstest.Fault {
		f.Path, f.Times = path, -1
		return f
	}
	const execute, status, cancel, destroy = "/api/1.2/commands/execute", "/api/1.2/commands/status", "/api/1.2/commands/cancel", "/api/1.2/contexts/destroy"
	run := func(ctx context.Context, s *v12.Session) error {
		_, err := s.Run(ctx, "1h")
		return err
	}
	reason := errors.New("the user pressed Ctrl-C")
	for name, row := range map[string]struct {
		faults []databrickstest.Fault
		do     func(l *lab, s *v12.Session) error
		is     error
		says   string
		kept   int // contexts that exist before Close
	}{
		"the context is canceled": {
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithCancelCause(l.ctx)
				time.AfterFunc(time.Minute, func() { stop(reason) })
				err := run(ctx, s)
				assert.ErrorIs(l, err, context.Canceled)
				return err
			},
			is: reason, kept: 1,
		},
		"the deadline passes": {
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithTimeout(l.ctx, time.Minute)
				defer stop()
				return run(ctx, s)
			},
			is: context.DeadlineExceeded, kept: 1,
		},
		"the context was over before": {
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithCancel(l.ctx)
				stop()
				for range 10 {
					assert.ErrorIs(l, run(ctx, s), context.Canceled)
				}
				assert.Zero(l, l.ran.Load())
				return ctx.Err()
			},
			is: context.Canceled, kept: 1,
		},
		"the loop is left": {
			do: func(l *lab, s *v12.Session) error {
				for status := range s.Stream(l.ctx, "1h") {
					if status.State == v12.CommandRunning {
						break
					}
				}
				return nil
			},
			kept: 1,
		},
		"the loop panics": {
			do: func(l *lab, s *v12.Session) (err error) {
				defer func() { err = recover().(error) }()
				for range s.Stream(l.ctx, "1h") {
					panic(reason)
				}
				return nil
			},
			is: reason, kept: 1,
		},
		"the loop's goroutine exits": {
			do: func(l *lab, s *v12.Session) error {
				done := make(chan struct{})
				go func() {
					defer close(done)
					for range s.Stream(l.ctx, "1h") {
						runtime.Goexit()
					}
				}()
				<-done
				return nil
			},
			kept: 1,
		},
		"the code fails": {
			do: func(l *lab, s *v12.Session) error {
				_, err := s.Run(l.ctx, "raise")
				return err
			},
			says: "no such luck", kept: 1,
		},
		"looks fail for good": {
			faults: []databrickstest.Fault{always(status, databrickstest.Fault{Status: 502})},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "502", kept: 1,
		},
		"looks meet something that is no API": {
			faults: []databrickstest.Fault{always(status, databrickstest.Fault{Status: 200, Body: "<html>sign in</html>"})},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "HTML", kept: 1,
		},
		"looks are forbidden": {
			faults: []databrickstest.Fault{always(status, databrickstest.Fault{Status: 403})},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			is:     fs.ErrPermission, kept: 1,
		},
		"the response to execute is lost": {
			faults: []databrickstest.Fault{{Path: execute, Reset: true, WorkDone: true}},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "outcome unknown",
		},
		"the response to execute is interrupted": {
			faults: []databrickstest.Fault{{Path: execute, Truncate: true, Keep: 5}},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "outcome unknown",
		},
		"the response to execute is a gateway's": {
			faults: []databrickstest.Fault{{Path: execute, Status: 504, WorkDone: true}},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "outcome unknown",
		},
		"the response to execute names no command": {
			faults: []databrickstest.Fault{{Path: execute, Status: 200, Body: "{}", WorkDone: true}},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "outcome unknown",
		},
		"the responses to execute and then to destroy are lost": {
			faults: []databrickstest.Fault{{Path: execute, Reset: true, WorkDone: true}, {Path: destroy, Status: 500, Body: `{"error": "Boom"}`}},
			do:     func(l *lab, s *v12.Session) error { return run(l.ctx, s) },
			says:   "Boom", kept: -1, // until Close is called again
		},
		"the context ends while execute is under way": {
			faults: []databrickstest.Fault{{Path: execute, Latency: time.Second}},
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithTimeout(l.ctx, time.Millisecond)
				defer stop()
				return run(ctx, s)
			},
			is: context.DeadlineExceeded, kept: 1,
		},
		"the context ends while execute hangs": {
			faults: []databrickstest.Fault{{Path: execute, Latency: 30 * time.Second}},
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithCancel(l.ctx)
				time.AfterFunc(time.Millisecond, stop)
				return run(ctx, s)
			},
			is: context.Canceled, says: "outcome unknown",
		},
		"cancel is refused": {
			faults: []databrickstest.Fault{always(cancel, databrickstest.Fault{Status: 500, Body: `{"error": "Boom"}`})},
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithTimeout(l.ctx, time.Minute)
				defer stop()
				return run(ctx, s)
			},
			is: context.DeadlineExceeded, says: "Boom",
		},
		"the response to cancel is late": {
			faults: []databrickstest.Fault{{Path: cancel, Status: 503}, {Path: cancel, Reset: true}},
			do: func(l *lab, s *v12.Session) error {
				ctx, stop := context.WithTimeout(l.ctx, time.Minute)
				defer stop()
				return run(ctx, s)
			},
			is: context.DeadlineExceeded, kept: 1,
		},
		"the cluster restarts": {
			do: func(l *lab, s *v12.Session) error {
				time.AfterFunc(time.Minute, func() { assert.NoError(l, l.client.Clusters.Restart(l.ctx, l.cluster)) })
				return run(l.ctx, s)
			},
			is: v12.ErrContextNotFound, says: "outcome unknown",
		},
		"the session is closed": {
			do: func(l *lab, s *v12.Session) error {
				time.AfterFunc(time.Minute, func() { assert.NoError(l, s.Close()) })
				return run(l.ctx, s)
			},
			is: v12.ErrSessionClosed,
		},
		"the file cannot be read": {
			do: func(l *lab, s *v12.Session) error {
				_, err := s.RunFile(l.ctx, filepath.Join(l.TempDir(), "none.py"))
				assert.Zero(l, l.ran.Load())
				return err
			},
			is: fs.ErrNotExist, kept: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inLab(t, func(l *lab) {
				session := l.session()
				l.server.Inject(row.faults...)

				err := row.do(l, session)

				if row.is != nil {
					assert.ErrorIs(l, err, row.is)
				}
				if row.says != "" {
					assert.ErrorContains(l, err, row.says)
					assert.Equal(l, 1, strings.Count(err.Error(), "databricks: "), "%v", err)
				}
				assert.LessOrEqual(l, l.ran.Load(), int64(1), "times the command ran")
				if row.kept >= 0 {
					l.requireLeft(row.kept, 0)
				}
				require.NoError(l, session.Close())
				l.requireLeft(0, 0)
			})
		})
	}
}

// If NewSession fails, it leaves no context behind.
func TestClient_NewSession_leavesNothing(t *testing.T) {
	const create, status = "/api/1.2/contexts/create", "/api/1.2/contexts/status"
	within := func(d time.Duration) func(l *lab) (context.Context, context.CancelFunc) {
		return func(l *lab) (context.Context, context.CancelFunc) { return context.WithTimeout(l.ctx, d) }
	}
	for name, row := range map[string]struct {
		fault    databrickstest.Fault
		cluster  func(l *lab) string
		language v12.Language
		ctx      func(l *lab) (context.Context, context.CancelFunc)
		is       error
		says     string
		left     int
		quiet    bool // no request is sent
	}{
		"the context fails": {
			fault: databrickstest.Fault{Path: status, Skip: 1, Times: -1, Status: 200, Body: `{"id": "1", "status": "Error"}`},
			says:  "creating a python context on cluster",
		},
		"looks fail for good": {fault: databrickstest.Fault{Path: status, Times: -1, Status: 502}, says: "502"},
		"the context ends while the new one warms up": {
			fault: databrickstest.Fault{Path: status, Times: -1, Status: 200, Body: `{"status": "Pending"}`},
			ctx:   within(time.Minute), is: context.DeadlineExceeded,
		},
		"the context ends while create is under way": {
			fault: databrickstest.Fault{Path: create, Latency: time.Second},
			ctx:   within(time.Millisecond), is: context.DeadlineExceeded,
		},
		"the context was over before": {ctx: within(-1), is: context.DeadlineExceeded, quiet: true},
		"the response to create is lost": {
			fault: databrickstest.Fault{Path: create, Reset: true, WorkDone: true},
			says:  "a context may remain on cluster", left: 1, // its ID is unknown
		},
		"the cluster is unknown": {
			cluster: func(*lab) string { return "none" }, is: fs.ErrNotExist, says: "Unknown cluster id none",
		},
		"the cluster is down": {
			cluster: func(l *lab) string {
				require.NoError(l, l.client.Clusters.Delete(l.ctx, l.cluster))
				l.await(l.cluster, v12.ClusterTerminated)
				return l.cluster
			},
			says: "is not running",
		},
		"the language is unknown": {language: "cobol", says: "Unsupported language: cobol"},
		"there is no cluster id":  {cluster: func(*lab) string { return "" }, is: fs.ErrInvalid, says: "clusterId is required", quiet: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inLab(t, func(l *lab) {
				if row.fault.Path != "" {
					l.server.Inject(row.fault)
				}
				l.server.ForgetRequests()
				ctx, cancel := l.ctx, context.CancelFunc(func() {})
				if row.ctx != nil {
					ctx, cancel = row.ctx(l)
				}
				defer cancel()
				cluster, language := l.cluster, v12.Python
				if row.cluster != nil {
					cluster = row.cluster(l)
				}
				if row.language != "" {
					language = row.language
				}

				session, err := l.client.NewSession(ctx, cluster, language)

				assert.Nil(l, session)
				require.Error(l, err)
				if row.is != nil {
					assert.ErrorIs(l, err, row.is)
				}
				assert.ErrorContains(l, err, row.says)
				_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
				assert.Equal(l, row.left > 0, unknown, "%v", err)
				if row.quiet {
					assert.Empty(l, l.server.Requests())
				}
				l.requireLeft(row.left, 0)
			})
		})
	}
}

// Every kind of fault is injected into each request in turn. A command runs at most
// once. If Run succeeds, the command ran. Nothing is left behind.
func TestSession_faultAtEachRequest(t *testing.T) {
	for name, fault := range map[string]databrickstest.Fault{
		"refused":           {Refuse: true},
		"reset":             {Reset: true},
		"response lost":     {Reset: true, WorkDone: true},
		"502":               {Status: 502},
		"502 after work":    {Status: 502, WorkDone: true},
		"429":               {Status: 429, RetryAfter: "3"},
		"503":               {Status: 503, RetryAfter: "1"},
		"500 of 1.2":        {Status: 500, Body: `{"error": "Boom"}`},
		"truncated":         {Truncate: true, Keep: 3},
		"driver warming up": {Status: 500, Body: `{"error": "ClusterNotReadyException: soon"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range 8 {
				inLab(t, func(l *lab) {
					l.server.ForgetRequests()
					fault.Skip = at
					l.server.Inject(fault)
					session, err := l.client.NewSession(l.ctx, l.cluster, v12.Python)
					_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
					if err != nil {
						left := 0
						if unknown && l.server.Requests()[at].WorkDone {
							left = 1
						}
						l.requireLeft(left, 0)
						return
					}
					result, err := session.Run(l.ctx, "1ms")
					if err == nil {
						assert.Equal(l, "1ms", result.Text)
						assert.EqualValues(l, 1, l.ran.Load(), "fault at request %d", at)
					}
					assert.LessOrEqual(l, l.ran.Load(), int64(1), "fault at request %d", at)
					if err := session.Close(); err != nil {
						require.NoError(l, session.Close(), "after %v", err)
					}
					l.requireLeft(0, 0)
				})
			}
		})
	}
}

func TestSession_contextGone(t *testing.T) {
	inLab(t, func(l *lab) {
		gone := func() {
			for _, c := range l.server.ExecutionContexts() {
				require.NoError(l, l.client.Contexts.Destroy(l.ctx, c.ClusterID, c.ID))
			}
		}
		session := l.session()
		gone()
		for range 2 {
			_, err := session.Run(l.ctx, "1ms")
			assert.ErrorIs(l, err, v12.ErrContextNotFound)
			assert.ErrorContains(l, err, "WithAutoRecreate")
		}
		assert.Zero(l, l.ran.Load())
		require.NoError(l, session.Close())

		session = l.session(v12.WithAutoRecreate())
		gone()
		result, err := session.Run(l.ctx, "1ms")
		require.NoError(l, err)
		assert.Equal(l, "1ms", result.Text)
		assert.EqualValues(l, 1, l.ran.Load())
		l.requireLeft(1, 0)

		require.NoError(l, l.client.Clusters.Restart(l.ctx, l.cluster))
		l.await(l.cluster, v12.ClusterRunning)
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				code := strconv.Itoa(i) + "ms"
				result, err := session.Run(l.ctx, code)
				if assert.NoError(l, err) {
					assert.Equal(l, code, result.Text)
				}
			})
		}
		wait.Wait()
		assert.EqualValues(l, 21, l.ran.Load())
		l.requireLeft(1, 0)

		// If the ID of a command is lost, the session destroys the context. The
		// next command gets a new one.
		l.server.Inject(databrickstest.Fault{Path: "/api/1.2/commands/execute", Reset: true, WorkDone: true})
		_, err = session.Run(l.ctx, "1h")
		_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
		assert.True(l, unknown, "%v", err)
		l.requireLeft(0, 0)
		_, err = session.Run(l.ctx, "1ms")
		require.NoError(l, err)
		assert.EqualValues(l, 23, l.ran.Load())

		require.NoError(l, session.Close())
		l.requireLeft(0, 0)
	})
}

// Some servers keep a context that they report as disconnected.
func TestSession_contextDisconnected(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session(v12.WithAutoRecreate())
		l.server.Inject(databrickstest.Fault{
			Path: "/api/1.2/commands/execute", Status: 500, Body: `{"error": "Exception: Context ExecutionContextId(123) is disconnected."}`,
		})
		_, err := session.Run(l.ctx, "1ms")
		require.NoError(l, err)
		l.requireLeft(1, 0)
		require.NoError(l, session.Close())
		l.requireLeft(0, 0)
	})
}

func TestSession_manyAtOnce(t *testing.T) {
	inLab(t, func(l *lab) {
		var wait sync.WaitGroup
		for i := range 8 {
			session := l.session()
			for j := range 8 {
				wait.Go(func() {
					code := fmt.Sprintf("%dms", 10*i+j)
					result, err := session.Run(l.ctx, code)
					if assert.NoError(l, err) {
						assert.Equal(l, code, result.Text)
					}
				})
			}
			defer func() { assert.NoError(l, session.Close()) }()
		}
		wait.Wait()
		l.requireLeft(8, 0)
	})
}

// If one goroutine stops waiting, others are not affected.
func TestSession_oneOfManyGivesUp(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session()
		defer session.Close()
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				_, err := session.Run(l.ctx, "10s")
				assert.NoError(l, err)
			})
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
				defer cancel()
				_, err := session.Run(ctx, "1h")
				assert.ErrorIs(l, err, context.DeadlineExceeded)
			})
		}
		wait.Wait()
		l.requireLeft(1, 0)
	})
}

// The end of a command is noticed soon, and with few polls.
func TestSession_pace(t *testing.T) {
	for _, row := range []struct {
		takes, late time.Duration
		looks       int
	}{
		{time.Millisecond, 20 * time.Millisecond, 3},
		{50 * time.Millisecond, 60 * time.Millisecond, 8},
		{time.Second, 110 * time.Millisecond, 40},
		{time.Minute, 5 * time.Second, 90},
		{time.Hour, 5 * time.Second, 3600 / 4},
	} {
		t.Run(row.takes.String(), func(t *testing.T) {
			inLab(t, func(l *lab) {
				session := l.session()
				defer session.Close()
				l.server.ForgetRequests()
				begin := time.Now()
				_, err := session.Run(l.ctx, row.takes.String())
				require.NoError(l, err)
				assert.LessOrEqual(l, time.Since(begin)-row.takes, row.late, "how late it was noticed")
				assert.LessOrEqual(l, len(l.server.Requests()), 1+row.looks, "requests")
			})
		})
	}
}

// The end of a queued command is noticed soon, too.
func TestSession_pace_behindOthers(t *testing.T) {
	inLab(t, func(l *lab) {
		session := l.session()
		defer session.Close()
		begin := time.Now()
		var wait sync.WaitGroup
		wait.Go(func() {
			_, err := session.Run(l.ctx, "10m")
			assert.NoError(l, err)
		})
		time.Sleep(time.Second)
		_, err := session.Run(l.ctx, "22s")
		require.NoError(l, err)
		assert.LessOrEqual(l, time.Since(begin)-10*time.Minute-22*time.Second, 2*time.Second)
		wait.Wait()
	})
}

// codes are texts that a layer between the caller and the cluster might change.
var codes = map[string]string{
	"tabs":              "if True:\n\tprint(1)\n\n\n\tprint(2)\t\n",
	"line ends":         "a = 1\r\nb = 2\r\rc = 3\n\r",
	"spaces at the end": "print(1)   \n\n   ",
	"spaces first":      "  \n\n  print(1)",
	"unicode":           "print('äöü 漢字 🚀 \u2028\u2029 e\u0301 \ufeff')",
	"markup":            "<b>&amp;</b> \"'\\ \x00\x01\x7f %20+%2B ${x} {{y}}",
	"form":              "language=scala&command=1",
	"replacement":       "\ufffd",
}

func TestSession_codeIsSentAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan databrickstest.Command, 1)
		server := databrickstest.NewServer(databrickstest.WithExecutor(databrickstest.ExecutorFunc(func(c databrickstest.Command) databrickstest.CommandResult {
			got <- c
			return databrickstest.CommandResult{Text: c.Code}
		})))
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		l := &lab{T: t, ctx: ctx, server: server, client: v12.NewClient(server.Client())}
		l.cluster = l.newCluster()
		session := l.session()
		defer session.Close()

		path := filepath.Join(t.TempDir(), "code & more.py")
		for name, code := range codes {
			result, err := session.Run(ctx, code)
			require.NoError(t, err, name)
			assert.Equal(t, code, (<-got).Code, name)
			assert.Equal(t, code, result.Text, name)

			require.NoError(t, os.WriteFile(path, []byte(code), 0o600))
			_, err = session.RunFile(ctx, path)
			require.NoError(t, err, name)
			sent := <-got
			assert.Equal(t, code, sent.Code, name)
			assert.Equal(t, "code & more.py", sent.FileName)
			assert.Equal(t, "python", sent.Language)
		}

		server.ForgetRequests()
		_, err := session.Run(ctx, "print('\xff')")
		assert.ErrorIs(t, err, fs.ErrInvalid)
		assert.ErrorContains(t, err, "not valid UTF-8")
		_, err = session.Run(ctx, "")
		assert.ErrorContains(t, err, "command is required")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		_, err = session.RunFile(ctx, path)
		assert.ErrorContains(t, err, "command is an empty file")
		_, err = session.RunFile(ctx, t.TempDir())
		assert.ErrorIs(t, err, fs.ErrInvalid)
		assert.Empty(t, server.Requests())

		require.NoError(t, os.WriteFile(path, []byte("print('\xff')"), 0o600))
		_, err = session.RunFile(ctx, path)
		require.NoError(t, err)
		assert.Equal(t, "print('\xff')", (<-got).Code)
	})
}

// Contexts and commands of one cluster do not exist on another one.
func TestCommands_wrongPlace(t *testing.T) {
	inLab(t, func(l *lab) {
		other := l.newCluster()
		id, err := l.client.Contexts.Create(l.ctx, l.cluster, v12.SQL)
		require.NoError(l, err)
		for _, in := range []v12.ExecuteCommand{
			{Language: v12.SQL, ClusterID: other, ContextID: id, Command: "1ms"},
			{Language: v12.SQL, ClusterID: l.cluster, ContextID: "123", Command: "1ms"},
		} {
			_, err = l.client.Commands.Execute(l.ctx, in)
			assert.ErrorIs(l, err, v12.ErrContextNotFound)
			assert.ErrorIs(l, err, fs.ErrNotExist)
		}
		_, err = l.client.Commands.Status(l.ctx, v12.CommandRef{ClusterID: l.cluster, ContextID: id, CommandID: "7"})
		assert.ErrorContains(l, err, "CommandNotFound")
		_, err = l.client.Contexts.Status(l.ctx, l.cluster, "seven")
		assert.ErrorContains(l, err, "NumberFormatException")
		require.NoError(l, l.client.Contexts.Destroy(l.ctx, l.cluster, id))
		require.NoError(l, l.client.Contexts.Destroy(l.ctx, l.cluster, id))
		assert.Zero(l, l.ran.Load())
		l.requireLeft(0, 0)
	})
}

// In a dry run, a session sends nothing.
func TestSession_plan(t *testing.T) {
	var planned []databricks.PlannedCall
	inLab(t, func(l *lab) {
		l.server.ForgetRequests()
		session := l.session()
		result, err := session.Run(l.ctx, "drop table users")
		require.NoError(l, err)
		assert.Equal(l, &v12.Result{Type: v12.ResultText, Raw: result.Raw}, result)
		require.NoError(l, session.Close())
		require.NoError(l, l.client.Libraries.Attach(l.ctx, "1", l.cluster))
		require.NoError(l, l.client.Clusters.Delete(l.ctx, "1"))

		assert.Empty(l, l.server.Requests())
		var calls []string
		for _, c := range planned {
			calls = append(calls, c.Path+" "+string(c.Body))
		}
		assert.Equal(l, []string{
			`/api/1.2/contexts/create {"language":"python","clusterId":"` + l.cluster + `"}`,
			`/api/1.2/commands/execute {"language":"python","clusterId":"` + l.cluster + `","contextId":"<id of call 1>","command":"[redacted]"}`,
			`/api/1.2/contexts/destroy {"clusterId":"` + l.cluster + `","contextId":"<id of call 1>"}`,
			`/api/1.2/libraries/attach clusterId=` + l.cluster + `&libraryId=1`,
			`/api/1.2/clusters/delete clusterId=1`,
		}, calls)

		// Waits poll once.
		require.NoError(l, l.client.Libraries.WaitAttached(l.ctx, "<id of call 1>", l.cluster))
	}, databricks.WithPlan(func(c databricks.PlannedCall) { planned = append(planned, c) }))
}

// No error, log or printed value contains the text of a command.
func TestSession_codeIsNotShown(t *testing.T) {
	const canary = "c4nary"
	var shown strings.Builder
	inLab(t, func(l *lab) {
		session := l.session()
		code := "1h # " + canary
		show := func(err error) { fmt.Fprintf(&shown, "%v %+v\n", err, err) }
		for _, f := range []databrickstest.Fault{
			{Path: "/api/1.2/commands/*", Reset: true}, {Path: "/api/1.2/commands/*", Status: 500, Times: -1}, {Path: "/api/1.2/commands/*", Truncate: true},
		} {
			l.server.Inject(f)
			_, err := session.Run(l.ctx, code)
			show(err)
			l.server.ClearFaults()
		}
		_, err := session.Run(l.ctx, code+"\xff")
		show(err)
		in := v12.ExecuteCommand{Command: databricks.Secret(code)}
		fmt.Fprintf(&shown, "%v %+v %#v %v\n", in, in, in, &in)
		for _, r := range l.server.Requests() {
			fmt.Fprintf(&shown, "%s", r.Body)
		}
		_ = session.Close()
	})
	assert.NotContains(t, shown.String(), canary)
	assert.Contains(t, shown.String(), "[redacted]")
}

func TestSession_overSocket(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithTimings(databrickstest.Timings{ClusterStart: -1, ContextStart: -1, Command: -1}))
	defer server.Close()
	workspace := server.Client(databricks.WithHost(server.URL()), databricks.WithHTTPClient(http.DefaultClient))
	client := v12.NewClient(workspace)
	id, err := client.Clusters.Create(t.Context(), v12.CreateCluster{Name: "lab"})
	require.NoError(t, err)
	session, err := client.NewSession(t.Context(), id, v12.Scala)
	require.NoError(t, err)
	result, err := session.Run(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, v12.ResultText, result.Type)
	require.NoError(t, session.Close())
	assert.Empty(t, server.ExecutionContexts())
}
