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

// v12Area is REST 1.2: contexts and commands in this file, clusters and
// libraries in those beside it.
type v12Area struct {
	s         *Server
	executor  Executor
	closed    bool                    // contexts made from now on end at once
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
	maxContexts = 145            // of a cluster
	idleContext = 24 * time.Hour // since its last command; then it may be evicted
	maxCommand  = 6 << 20        // bytes; that of a notebook's cell
)

// An execContext is a context, and the commands that were sent to it.
type execContext struct {
	id       string
	cluster  *cluster
	language string
	created  time.Time
	ready    time.Time
	commands []*command
	byID     map[string]*command
	done     int             // so many of the commands have ended
	free     time.Time       // when the last of these did, or when the context was ready
	life     context.Context // ends with the context
	end      context.CancelFunc
	cleanup  *cleanups
}

// States of a command.
const (
	commandQueued     = "Queued"
	commandRunning    = "Running"
	commandCancelling = "Cancelling"
	commandFinished   = "Finished"
	commandCancelled  = "Cancelled"
	commandError      = "Error"
)

// A command is on its way from Queued to an end.
type command struct {
	id, language string
	state        string
	result       CommandResult
	sent         time.Time
	ends         time.Time // once it runs, unless it runs live
	cancelled    bool
	live         context.CancelFunc // of a command that runs in a goroutine
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
	Active    int    // number of these that are not done
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
			continue // gone with its cluster, just now
		}
		all = append(all, ExecutionContext{x.id, x.cluster.id, x.language, x.state(now), len(x.commands), len(x.commands) - x.done})
	}
	return all
}

func contextNotFound() error { return exception("ContextNotFound", "") }

// cluster returns a cluster as it is now.
func (a *v12Area) cluster(id string, now time.Time) (*cluster, error) {
	cl, err := a.s.clusters.find(id, now)
	if err != nil {
		return nil, exception("RuntimeException", "Unknown cluster id %s", id)
	}
	return cl, nil
}

// reach is cluster for a caller who needs a level.
func (a *v12Area) reach(c *call, id, level string) (*cluster, error) {
	cl, err := a.cluster(id, c.now)
	if err == nil {
		err = c.must(cl.securable(), level)
	}
	return cl, err
}

// context returns a context as it is now.
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

// command returns a command of a context as it is now.
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
		return nil, nil, exception("CommandNotFound", "") // the service's words are not known
	}
	return x, cmd, nil
}

// numeric refuses an id that is no number.
func numeric(id string) error {
	if _, err := strconv.ParseInt(id, 10, 64); err != nil {
		return exception("NumberFormatException", "For input string: %s", cmp.Or(shortened(id), "None"))
	}
	return nil
}

func (a *v12Area) newID() string { return strconv.FormatInt(a.s.random.id(), 10) }

type idReply struct {
	ID string `json:"id"`
}

// accepts tells whether contexts may be made on the cluster.
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
	return idReply{x.id}, nil
}

func knownLanguage(language string) error {
	switch language {
	case "python", "scala", "sql", "r":
		return nil
	}
	return exception("IllegalArgumentException", "Unsupported language: %s", shortened(language))
}

// makeRoom sees to it that the cluster can have one more context, evicting the
// one that was idle for longest if need be.
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

// drop ends a context. What is asked about it later finds nothing: whether
// commands of a destroyed context can still be seen is not known.
func (a *v12Area) drop(x *execContext) {
	x.end()
	delete(a.contexts, x.id)
}

// close ends all contexts, with the server.
func (a *v12Area) close() {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.closed = true
	for _, x := range a.contexts {
		x.end()
	}
}

// clusterChanged drops the contexts that lived in a driver that is gone.
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

// lastUsed is when a cluster last ran a command, up to a time.
func (a *v12Area) lastUsed(cl *cluster, at time.Time) (latest time.Time) {
	for _, x := range a.contexts {
		if x.cluster == cl && len(x.commands) > 0 {
			a.advance(x, at)
			latest = later(latest, x.lastUsed(at))
		}
	}
	return latest
}

// lastUsed is when the context's last command ended: now, if it has not.
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
		idReply
		Status string `json:"status"`
	}{idReply{x.id}, x.state(c.now)}, nil
}

func (a *v12Area) destroyContext(c *call, in contextRef) (any, error) {
	if _, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO"); err != nil {
		return nil, err
	}
	if x, err := a.context(in.ClusterID, in.ContextID, c.now); err == nil {
		a.drop(x)
	}
	return idReply{in.ContextID}, nil
}

// execute runs without the lock, since it calls the user's executor.
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
	return idReply{id}, c.locked(func() error {
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

// advance runs the commands of a context as far as they go: one after another.
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

// begin runs a command whose turn it is.
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
		return // the server is closing
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

// runLater lets the user's code find out a result.
func runLater(ctx context.Context, later func(context.Context) CommandResult) (result CommandResult) {
	defer func() {
		if p := recover(); p != nil {
			result = CommandResult{Broken: fmt.Sprintf("The executor panicked: %v", p)}
		}
	}()
	return later(ctx)
}

// finish ends a command. One that was cancelled ends as was seen at the
// service: of Python, with an error; of others, as the documents say.
func (a *v12Area) finish(x *execContext, cmd *command, result CommandResult, at time.Time) {
	cmd.state, cmd.ended = commandFinished, at
	if result.Broken != "" {
		cmd.state = commandError
	}
	if cmd.cancelled {
		result = CommandResult{Cause: cancelled}
		if cmd.language != "python" {
			cmd.state, cmd.results = commandCancelled, nil
			return
		}
	}
	var err error
	if cmd.results, err = result.encode(textBound(x.cluster)); err != nil {
		cmd.state = commandError
		cmd.results, _ = CommandResult{Broken: "The executor's result cannot be sent: " + err.Error()}.encode(maxText)
	}
}

// textBound is how many characters a command's text may have on a cluster.
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

// commandStatus gives the results as often as it is asked, as today's servers do.
func (a *v12Area) commandStatus(c *call, in commandRef) (any, error) {
	_, cmd, err := a.command(in, c.now)
	if err != nil {
		return nil, err
	}
	return struct {
		idReply
		Status  string          `json:"status"`
		Results json.RawMessage `json:"results,omitzero"` // none before the end
	}{idReply{cmd.id}, cmd.state, cmd.results}, nil
}

// cancelCommand does nothing to a command that has ended; what the service
// does is not known.
func (a *v12Area) cancelCommand(c *call, in commandRef) (any, error) {
	x, cmd, err := a.command(in, c.now)
	if err != nil {
		return nil, err
	}
	if !cmd.cancelled && cmd.ended.IsZero() {
		cmd.cancelled = true
		switch {
		case cmd.live != nil:
			cmd.state = commandCancelling
			cmd.live()
		case cmd.state == commandRunning:
			cmd.state = commandCancelling
			if ends := c.now.Add(a.s.timings.CommandCancel); ends.Before(cmd.ends) {
				cmd.ends = ends
			}
		default:
			cmd.state, cmd.ended = commandCancelled, c.now
		}
		a.advance(x, c.now)
	}
	return idReply{in.CommandID}, nil
}

// cleanups are what executors want done at the end of a context.
type cleanups struct {
	s    *Server
	life context.Context // of the context
	mu   sync.Mutex
	todo []func()
}

// add sees to it that f is called when the context has ended, and that Close
// waits for it. It is called while a request is under way.
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

// hold is begin for what belongs to a request that is under way.
func (s *Server) hold() {
	s.life.Lock()
	defer s.life.Unlock()
	s.underWay++
}
