package v12

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/errs"
)

// A Session runs code on a cluster in one context. Commands share variables. A
// Session is safe for concurrent use. The service runs the commands one after
// another.
//
// A session cleans up after itself. If a caller stops waiting for a command,
// the session cancels the command. Close destroys the context.
type Session struct {
	*session
	language Language
}

// session is the state that all views of a session share.
type session struct {
	client    *Client
	clusterID string
	language  Language // of the context
	recreate  bool
	life      context.Context // ends when the session is closed
	end       context.CancelCauseFunc
	turn      chan struct{} // capacity 1; held while a goroutine reads, creates or drops the context, or ends the session

	mu        sync.Mutex
	contextID string              // empty if there is no context
	owned     map[string]struct{} // contexts that may still exist
}

// A SessionOption is an option for [Client.NewSession].
type SessionOption func(*session)

// WithAutoRecreate lets the session create a new context if its context no
// longer exists, because the cluster evicted it or the cluster's driver was
// lost. The variables are lost, too. The session sends a command to the new
// context only if the old context rejected it, so no command runs twice.
func WithAutoRecreate() SessionOption { return func(s *session) { s.recreate = true } }

// ErrSessionClosed matches the errors of commands that were not done when their
// session was closed, or that were sent afterwards.
var ErrSessionClosed error = errs.Text("the session is closed")

// NewSession creates a context on a running cluster and waits until it accepts
// commands. If it fails, it leaves no context behind. The exception is a
// [*databricks.OutcomeUnknownError]: the service may have created a context
// whose ID was lost.
//
// In a dry run, the session plans its commands and returns empty results.
func (c *Client) NewSession(ctx context.Context, clusterID string, language Language, opts ...SessionOption) (*Session, error) {
	s := &session{client: c, clusterID: clusterID, language: language, turn: make(chan struct{}, 1), owned: map[string]struct{}{}}
	for _, opt := range opts {
		opt(s)
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return &Session{s, language}, nil
}

// WithLanguage returns a session with the same context whose commands are in
// another language. Closing one of the sessions closes both. Every context
// accepts SQL in addition to its own language.
func (s *Session) WithLanguage(language Language) *Session { return &Session{s.session, language} }

// Run runs code and returns its result. The code is sent without changes. If
// the code raised an error, or another caller canceled it, the error is a
// [*CommandError].
//
// If ctx ends before the command, Run cancels the command. When Run returns,
// the command has stopped or will stop soon. If the service may have started
// the command but its ID was lost, Run destroys the context of the session,
// including the commands of other goroutines. The error is then a
// [*databricks.OutcomeUnknownError]. This is also the error if the context
// disappears while the command runs. Run never runs the code twice.
func (s *Session) Run(ctx context.Context, code string) (*Result, error) {
	return s.result(s.Stream(ctx, code))
}

// RunFile is [Session.Run] for code in a local file.
func (s *Session) RunFile(ctx context.Context, path string) (*Result, error) {
	return s.result(s.StreamFile(ctx, path))
}

// Stream runs code and yields each change of its status. The last status is
// that of the command when it is done. Its Result method returns the result. If
// you leave the loop early, Stream cancels the command. The errors are those of
// [Session.Run]. Each range over the sequence runs the code again.
func (s *Session) Stream(ctx context.Context, code string) iter.Seq2[*CommandStatus, error] {
	return s.watch(ctx, func(ctx context.Context, contextID string) (string, error) {
		return s.client.Commands.Execute(ctx, ExecuteCommand{s.language, s.clusterID, contextID, databricks.Secret(code)})
	})
}

// StreamFile is [Session.Stream] for code in a local file.
func (s *Session) StreamFile(ctx context.Context, path string) iter.Seq2[*CommandStatus, error] {
	return s.watch(ctx, func(ctx context.Context, contextID string) (string, error) {
		file, err := FileFromPath(path)
		if err != nil {
			return "", err
		}
		return s.client.Commands.ExecuteFile(ctx, ExecuteCommandFile{Language: s.language, ClusterID: s.clusterID, ContextID: contextID, Command: file})
	})
}

// Close cancels the running commands of the session and destroys its context.
// It does so even if the context of NewSession has ended. It gives up after a
// few seconds without a response. If Close fails, you can call it again. After
// a success, it does nothing.
func (s *Session) Close() error {
	s.end(ErrSessionClosed)
	s.turn <- struct{}{} // a goroutine that creates a context gives up now
	defer func() { <-s.turn }()
	s.mu.Lock()
	owned := slices.Collect(maps.Keys(s.owned))
	s.mu.Unlock()
	var err error
	for _, id := range owned {
		err = errs.Join(err, s.drop(s.life, id))
	}
	return err
}

// open creates the session's context.
func (s *session) open(ctx context.Context) error {
	id, err := s.client.Contexts.open(ctx, s.clusterID, s.language)
	if err != nil || id == "" {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contextID = id
	s.owned[id] = struct{}{}
	return nil
}

// drop destroys a context that is no longer usable, even if ctx has ended.
func (s *session) drop(ctx context.Context, id string) error {
	s.mu.Lock()
	if s.contextID == id {
		s.contextID = ""
	}
	s.mu.Unlock()
	err := s.client.Contexts.close(ctx, s.clusterID, id)
	if err == nil {
		s.mu.Lock()
		delete(s.owned, id)
		s.mu.Unlock()
	}
	return err
}

// context returns the ID of the session's context. If there is none, it creates one
// if that is allowed.
func (s *session) context(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ended(ctx, nil)
	}
	if s.life.Err() != nil {
		return "", ErrSessionClosed
	}
	current := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.contextID
	}
	if id := current(); id != "" {
		return id, nil
	}
	if !s.recreate {
		return "", ErrContextNotFound
	}
	err := s.open(ctx)
	return current(), err
}

// start sends a command and returns its reference. If the service may have
// started a command whose ID is unknown, start destroys the context.
func (s *session) start(ctx context.Context, execute func(ctx context.Context, contextID string) (string, error)) (CommandRef, error) {
	for refusals := 0; ; refusals++ {
		if ctx.Err() != nil {
			return CommandRef{}, ended(ctx, nil)
		}
		contextID, err := s.context(ctx)
		if err != nil {
			return CommandRef{}, err
		}
		patient, cancel := outlive(ctx)
		id, err := execute(patient, contextID)
		cancel()
		if err == nil {
			return CommandRef{s.clusterID, contextID, id}, nil
		}
		err = ended(ctx, err)
		if _, lost := errors.AsType[*databricks.OutcomeUnknownError](err); lost {
			return CommandRef{}, errs.Join(err, s.drop(ctx, contextID))
		}
		if !errors.Is(err, ErrContextNotFound) {
			return CommandRef{}, err
		}
		dropped := s.drop(ctx, contextID) // some servers report a context as disconnected and keep it
		if !s.recreate || refusals == 3 {
			return CommandRef{}, errs.Join(err, dropped)
		}
	}
}

// watch sends a command and yields each change of its status.
func (s *session) watch(ctx context.Context, execute func(ctx context.Context, contextID string) (string, error)) iter.Seq2[*CommandStatus, error] {
	return func(yield func(*CommandStatus, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.life, func() { cancel(ErrSessionClosed) })()

		command, err := s.start(ctx, execute)
		if err != nil {
			yield(nil, s.failed("was not run", err))
			return
		}
		if s.client.calls.Workspace.Planning() {
			yield(&CommandStatus{State: CommandFinished}, nil)
			return
		}
		running := true
		stop := func() error {
			if !running {
				return nil
			}
			running = false
			return s.stop(ctx, command)
		}
		defer func() { _ = stop() }() // also if the loop ends early or panics

		get := func(ctx context.Context) (*CommandStatus, error) { return s.client.Commands.Status(ctx, command) }
		state := func(c *CommandStatus) CommandState { return c.State }
		for status, err := range watch(ctx, s.client, get, state) {
			if errors.Is(err, ErrContextNotFound) {
				running = false
				err = errs.Join(err, s.drop(ctx, command.ContextID))
			}
			if err != nil { // the command was started, and its progress is unknown
				err = &databricks.OutcomeUnknownError{Method: "POST", Path: executePath, Err: errs.Join(err, stop())}
				yield(nil, s.failed("did not end", err))
				return
			}
			running = !status.Done()
			if !yield(status, nil) || !running {
				return
			}
		}
	}
}

// stop cancels a command, even if ctx has ended. If this fails, it destroys the
// context of the command.
func (s *session) stop(ctx context.Context, command CommandRef) error {
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := s.client.Commands.Cancel(short, command)
	if err == nil || errors.Is(err, ErrContextNotFound) {
		return nil
	}
	return errs.Join(err, s.drop(ctx, command.ContextID))
}

// failed returns the error of a command. If the session is closed, the error says
// so.
func (s *session) failed(what string, err error) error {
	if s.life.Err() != nil && !errors.Is(err, ErrSessionClosed) {
		err = errs.Join(err, ErrSessionClosed)
	}
	if errors.Is(err, ErrContextNotFound) && !s.recreate {
		err = fmt.Errorf("%w; its variables are lost (WithAutoRecreate lets a session create a new context)", err)
	}
	return errs.About(fmt.Sprintf("a command on cluster %s %s", s.clusterID, what), err)
}

// result returns the result in the last status.
func (s *session) result(statuses iter.Seq2[*CommandStatus, error]) (*Result, error) {
	var last *CommandStatus
	for status, err := range statuses {
		if err != nil {
			return nil, err
		}
		last = status
	}
	result, err := last.Result()
	if err != nil && s.life.Err() != nil {
		err = errs.Join(err, ErrSessionClosed)
	}
	return result, err
}
