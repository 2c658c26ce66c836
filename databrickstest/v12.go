package databrickstest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// v12Area has REST 1.2. Contexts and commands are in this file. Clusters and
// libraries are in v12_clusters.go and v12_libraries.go.
type v12Area struct {
	s         *Server
	executor  Executor
	closed    bool                    // the server closes; end new contexts immediately
	contexts  map[string]*execContext // by id
	libraries map[string]*v12Library  // by id
}

func (a *v12Area) register(s *Server) {
	a.s, a.contexts, a.libraries = s, map[string]*execContext{}, map[string]*v12Library{}
	if a.executor == nil {
		a.executor = ExecutorFunc(func(Command) CommandResult { return CommandResult{} })
	}
	s.clusters.watch(a.clusterChanged)
	s.clusters.idleness(a.lastUsed)

	route(s, "POST", "/api/1.2/contexts/create", a.createContext)
	route(s, "GET", "/api/1.2/contexts/status", a.contextStatus)
	route(s, "POST", "/api/1.2/contexts/destroy", a.destroyContext)
	route(s, "POST", "/api/1.2/commands/execute", a.execute, unlocked)
	route(s, "GET", "/api/1.2/commands/status", a.commandStatus)
	route(s, "POST", "/api/1.2/commands/cancel", a.cancelCommand)
	a.registerClusters(s)
	a.registerLibraries(s)
}

// Limits of contexts and commands.
const (
	maxContexts = 145            // on a cluster
	idleContext = 24 * time.Hour // after this time without a command, a context may be evicted
	maxCommand  = 6 << 20        // in bytes; the limit of a notebook's cell
)

// An execContext is an execution context with its commands.
type execContext struct {
	id       string
	cluster  *cluster
	language string
	created  time.Time
	ready    time.Time
	commands []*command
	byID     map[string]*command
	done     int             // number of commands that have ended
	free     time.Time       // when the latest of them ended, or when the context became ready
	life     context.Context // ends with the context
	end      context.CancelFunc
	cleanup  *cleanups
}

// States of a command.
const (
	commandQueued    = "Queued"
	commandRunning   = "Running"
	commandCanceling = "Cancelling"
	commandFinished  = "Finished"
	commandCanceled  = "Cancelled"
	commandError     = "Error"
)

// A command is a command of a context.
type command struct {
	id, language string
	state        string
	result       CommandResult
	sent         time.Time
	ends         time.Time // set when it starts, unless it runs in a goroutine
	canceled     bool
	live         context.CancelFunc // cancels a command that runs in a goroutine
	ended        time.Time
	results      json.RawMessage
}

// An ExecutionContext describes a context of REST 1.2, for
// [Server.ExecutionContexts].
type ExecutionContext struct {
	ID        string
	ClusterID string
	Language  string
	Status    string // Pending or Running
	Commands  int    // number of commands sent to it
	Active    int    // number of commands that have not ended
}

// ExecutionContexts returns the existing contexts on all clusters, so that a
// test can find leaked ones. The service has no such call.
func (s *Server) ExecutionContexts() []ExecutionContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var all []ExecutionContext
	for _, id := range slices.Sorted(maps.Keys(s.v12.contexts)) {
		x, err := s.v12.context(s.v12.contexts[id].cluster.id, id, now)
		if err != nil {
			continue // its cluster has just been lost
		}
		all = append(all, ExecutionContext{x.id, x.cluster.id, x.language, x.state(now), len(x.commands), len(x.commands) - x.done})
	}
	return all
}

func contextNotFound() error { return exception("ContextNotFound", "") }

// cluster returns a cluster in its current state.
func (a *v12Area) cluster(id string, now time.Time) (*cluster, error) {
	cl, err := a.s.clusters.find(id, now)
	if err != nil {
		return nil, exception("RuntimeException", "Unknown cluster id %s", id)
	}
	return cl, nil
}

// reach is cluster for a caller who needs a permission level.
func (a *v12Area) reach(c *call, id, level string) (*cluster, error) {
	cl, err := a.cluster(id, c.now)
	if err == nil {
		err = c.must(cl.securable(), level)
	}
	return cl, err
}

// context returns a context in its current state.
func (a *v12Area) context(clusterID, id string, now time.Time) (*execContext, error) {
	cl, err := a.cluster(clusterID, now)
	if err != nil {
		return nil, err
	}
	if err := numeric(id); err != nil {
		return nil, err
	}
	x := a.contexts[id]
	if x == nil || x.cluster != cl {
		return nil, contextNotFound()
	}
	a.advance(x, now)
	return x, nil
}

// command returns a command in its current state.
func (a *v12Area) command(in commandRef, now time.Time) (*execContext, *command, error) {
	x, err := a.context(in.ClusterID, in.ContextID, now)
	if err == nil {
		err = numeric(in.CommandID)
	}
	if err != nil {
		return nil, nil, err
	}
	cmd := x.byID[in.CommandID]
	if cmd == nil {
		return nil, nil, exception("CommandNotFound", "") // the wording of the service is not known
	}
	return x, cmd, nil
}

// numeric fails if an id is not a number.
func numeric(id string) error {
	if _, err := strconv.ParseInt(id, 10, 64); err != nil {
		return exception("NumberFormatException", "For input string: %s", cmp.Or(shortened(id), "None"))
	}
	return nil
}

func (a *v12Area) newID() string { return strconv.FormatInt(a.s.random.id(), 10) }

type idResponse struct {
	ID string `json:"id"`
}

// accepts fails if the cluster does not accept new contexts.
func accepts(cl *cluster) error {
	switch {
	case cl.source == "JOB" || !cl.allows("NOTEBOOKS"):
		return exception("RuntimeException", "Cluster %s does not take execution contexts", cl.id)
	case cl.usable():
		return nil
	case cl.down():
		return exception("RuntimeException", "Cluster %s is not running: it is %s", cl.id, strings.ToLower(cl.state))
	}
	return exception("ClusterNotReadyException", "Cluster %s is %s", cl.id, strings.ToLower(cl.state))
}

func (a *v12Area) createContext(c *call, in struct {
	Language  string `json:"language"`
	ClusterID string `json:"clusterId"`
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO")
	if err == nil {
		err = knownLanguage(in.Language)
	}
	if err == nil {
		err = accepts(cl)
	}
	if err == nil {
		err = a.makeRoom(cl, c.now)
	}
	if err != nil {
		return nil, err
	}
	x := &execContext{
		id: a.newID(), cluster: cl, language: in.Language, created: c.now, ready: c.now.Add(a.s.timings.ContextStart),
		byID: map[string]*command{},
	}
	x.free = x.ready
	x.life, x.end = context.WithCancel(context.Background())
	x.cleanup = &cleanups{s: a.s, life: x.life}
	a.contexts[x.id] = x
	if a.closed {
		x.end()
	}
	return idResponse{x.id}, nil
}

func knownLanguage(language string) error {
	switch language {
	case "python", "scala", "sql", "r":
		return nil
	}
	return exception("IllegalArgumentException", "Unsupported language: %s", shortened(language))
}

// makeRoom makes sure that the cluster can have one more context. If necessary,
// it evicts the context that was idle for the longest time.
func (a *v12Area) makeRoom(cl *cluster, now time.Time) error {
	count := 0
	var idlest *execContext
	for _, x := range a.contexts {
		if x.cluster != cl {
			continue
		}
		a.advance(x, now)
		count++
		used := x.lastUsed(now)
		if now.Sub(used) >= idleContext && (idlest == nil || used.Before(idlest.lastUsed(now))) {
			idlest = x
		}
	}
	switch {
	case count < maxContexts:
		return nil
	case idlest == nil:
		return exception("RuntimeException", "Too many execution contexts are open on cluster %s (limit set to %d)", cl.id, maxContexts)
	}
	a.drop(idlest)
	return nil
}

// drop ends and removes a context. It is not known whether the service still
// returns the commands of a destroyed context.
func (a *v12Area) drop(x *execContext) {
	x.end()
	delete(a.contexts, x.id)
}

// close ends all contexts when the server closes.
func (a *v12Area) close() {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.closed = true
	for _, x := range a.contexts {
		x.end()
	}
}

// clusterChanged drops the contexts of a cluster whose driver was lost.
func (a *v12Area) clusterChanged(change clusterChange) {
	if change.kind == clusterIsUp {
		return
	}
	for _, x := range a.contexts {
		if x.cluster == change.cluster {
			a.advance(x, change.at)
			a.drop(x)
		}
	}
}

// lastUsed returns the last time until at when a cluster ran a command.
func (a *v12Area) lastUsed(cl *cluster, at time.Time) (latest time.Time) {
	for _, x := range a.contexts {
		if x.cluster == cl && len(x.commands) > 0 {
			a.advance(x, at)
			latest = later(latest, x.lastUsed(at))
		}
	}
	return latest
}

// lastUsed returns when the context's last command ended, or now if it has not
// ended.
func (x *execContext) lastUsed(now time.Time) time.Time {
	if x.done < len(x.commands) {
		return now
	}
	return x.free
}

func (x *execContext) state(now time.Time) string {
	if now.Before(x.ready) {
		return "Pending"
	}
	return "Running"
}

type contextRef struct {
	ClusterID string `json:"clusterId"`
	ContextID string `json:"contextId"`
}

func (a *v12Area) contextStatus(c *call, in contextRef) (any, error) {
	x, err := a.context(in.ClusterID, in.ContextID, c.now)
	if err != nil {
		return nil, err
	}
	return struct {
		idResponse
		Status string `json:"status"`
	}{idResponse{x.id}, x.state(c.now)}, nil
}

func (a *v12Area) destroyContext(c *call, in contextRef) (any, error) {
	if _, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO"); err != nil {
		return nil, err
	}
	if x, err := a.context(in.ClusterID, in.ContextID, c.now); err == nil {
		a.drop(x)
	}
	return idResponse{in.ContextID}, nil
}

// execute runs without the lock, because it calls the user's executor.
func (a *v12Area) execute(c *call, in struct {
	contextRef
	Language string `json:"language"`
	Command  string `json:"command"`
}) (any, error) {
	var x *execContext
	var id string
	err := c.locked(func() (err error) {
		if x, err = a.context(in.ClusterID, in.ContextID, c.now); err != nil {
			return err
		}
		id = a.newID()
		switch {
		case in.Language != x.language && in.Language != "sql":
			if err := knownLanguage(in.Language); err != nil {
				return err
			}
			return exception("IllegalArgumentException", "Language %s is not allowed in a %s context", in.Language, x.language)
		case in.Command == "":
			return exception("IllegalArgumentException", "Command is empty")
		case len(in.Command) > maxCommand:
			return exception("IllegalArgumentException", "Command is longer than %d bytes", maxCommand)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	result := CommandResult{Cause: "The %run magic is not supported here."}
	if !strings.HasPrefix(strings.TrimLeft(in.Command, " \t\r\n"), "%run") {
		result = a.executor.Execute(Command{
			ID: id, ClusterID: in.ClusterID, ContextID: in.ContextID, Language: in.Language, Code: in.Command,
			FileName: c.files["command"], User: c.user.name, cleanup: x.cleanup.add, workspace: a.s.onBehalf(c.user),
		})
	}
	return idResponse{id}, c.locked(func() error {
		if _, err := a.context(in.ClusterID, in.ContextID, c.now); err != nil {
			return err
		}
		cmd := &command{id: id, language: in.Language, state: commandQueued, result: result, sent: c.now}
		x.commands = append(x.commands, cmd)
		x.byID[id] = cmd
		a.advance(x, c.now)
		return nil
	})
}

// advance runs the commands of a context one after another, until now.
func (a *v12Area) advance(x *execContext, now time.Time) {
	for ; x.done < len(x.commands); x.done++ {
		cmd := x.commands[x.done]
		if cmd.state == commandQueued {
			begin := later(cmd.sent, x.free)
			if begin.After(now) {
				return
			}
			a.begin(x, cmd, begin)
		}
		if cmd.ended.IsZero() {
			if cmd.live != nil || cmd.ends.After(now) {
				return
			}
			a.finish(x, cmd, cmd.result, cmd.ends)
		}
		x.free = later(x.free, cmd.ended)
	}
}

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

// begin starts a command.
func (a *v12Area) begin(x *execContext, cmd *command, at time.Time) {
	cmd.state = commandRunning
	if cmd.result.Later == nil {
		takes := cmd.result.Duration
		if takes == 0 {
			takes = a.s.timings.Command
		}
		cmd.ends = at.Add(max(takes, 0))
		return
	}
	ctx, cancel := context.WithCancel(x.life)
	cmd.live = cancel
	if !a.s.begin() {
		return // the server closes
	}
	go func() {
		defer a.s.done()
		defer cancel()
		result := runLater(ctx, cmd.result.Later)
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
		now := a.s.now()
		cmd.live = nil
		a.finish(x, cmd, result, now)
		a.advance(x, now)
	}()
}

// runLater calls the user's function. If it panics, the command fails.
func runLater(ctx context.Context, later func(context.Context) CommandResult) (result CommandResult) {
	defer func() {
		if p := recover(); p != nil {
			result = CommandResult{Broken: fmt.Sprintf("The executor panicked: %v", p)}
		}
	}()
	return later(ctx)
}

// finish ends a command. A canceled Python command ends with an error, as the
// service was seen to do. Other canceled commands end as the documentation
// says.
func (a *v12Area) finish(x *execContext, cmd *command, result CommandResult, at time.Time) {
	cmd.state, cmd.ended = commandFinished, at
	if result.Broken != "" {
		cmd.state = commandError
	}
	if cmd.canceled {
		result = CommandResult{Cause: cancelCause}
		if cmd.language != "python" {
			cmd.state, cmd.results = commandCanceled, nil
			return
		}
	}
	var err error
	if cmd.results, err = result.encode(textBound(x.cluster)); err != nil {
		cmd.state = commandError
		cmd.results, _ = CommandResult{Broken: "The executor's result cannot be sent: " + err.Error()}.encode(maxText)
	}
}

// textBound returns the maximum number of characters of a command's text on a
// cluster.
func textBound(cl *cluster) int {
	major, _, _ := strings.Cut(cl.attributes.SparkVersion, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 17 {
		bound, _ := strconv.Atoi(cl.attributes.SparkConf["spark.databricks.driver.maxReplOutputLength"])
		return min(max(bound, maxOldText), maxOther)
	}
	return maxText
}

type commandRef struct {
	contextRef
	CommandID string `json:"commandId"`
}

// commandStatus returns the results each time it is called, like the current
// service.
func (a *v12Area) commandStatus(c *call, in commandRef) (any, error) {
	_, cmd, err := a.command(in, c.now)
	if err != nil {
		return nil, err
	}
	return struct {
		idResponse
		Status  string          `json:"status"`
		Results json.RawMessage `json:"results,omitzero"` // unset before the end
	}{idResponse{cmd.id}, cmd.state, cmd.results}, nil
}

// cancelCommand has no effect on a command that has ended. The service's
// behavior in this case is not known.
func (a *v12Area) cancelCommand(c *call, in commandRef) (any, error) {
	x, cmd, err := a.command(in, c.now)
	if err != nil {
		return nil, err
	}
	if !cmd.canceled && cmd.ended.IsZero() {
		cmd.canceled = true
		switch {
		case cmd.live != nil:
			cmd.state = commandCanceling
			cmd.live()
		case cmd.state == commandRunning:
			cmd.state = commandCanceling
			if ends := c.now.Add(a.s.timings.CommandCancel); ends.Before(cmd.ends) {
				cmd.ends = ends
			}
		default:
			cmd.state, cmd.ended = commandCanceled, c.now
		}
		a.advance(x, c.now)
	}
	return idResponse{in.CommandID}, nil
}

// cleanups are functions to call at the end of a context.
type cleanups struct {
	s    *Server
	life context.Context // ends with the execution context
	mu   sync.Mutex
	todo []func()
}

// add registers f, which is called when the context has ended. Close waits for
// f. add must be called during a request.
func (c *cleanups) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.todo = append(c.todo, f); len(c.todo) > 1 {
		return
	}
	c.s.hold()
	go func() {
		defer c.s.done()
		<-c.life.Done()
		c.mu.Lock()
		todo := c.todo
		c.todo = nil
		c.mu.Unlock()
		for _, f := range todo {
			f()
		}
	}()
}

// hold counts one more activity that Close waits for. Unlike begin, it also
// works while the server closes.
func (s *Server) hold() {
	s.life.Lock()
	defer s.life.Unlock()
	s.underWay++
}
