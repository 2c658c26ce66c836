package v12

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/redact"
)

// ContextsService creates and destroys execution contexts. A context is a
// running interpreter on the driver of a cluster. Its commands share their
// variables. A cluster allows 145 contexts, and no call lists them. If you lose
// the ID of a context, it exists until the cluster evicts it or restarts. A
// [Session] does all of this for you.
//
// See https://docs.databricks.com/api/workspace/commandexecution.
type ContextsService service

// A Language is the programming language of a context or a command.
type Language string

// Languages of contexts and commands.
const (
	Python Language = "python"
	Scala  Language = "scala"
	SQL    Language = "sql"
	R      Language = "r"
)

// A ContextState is the state of a context. The service may add states, so a
// switch over it needs a default.
type ContextState string

// States of a context.
const (
	ContextPending ContextState = "Pending" // starting
	ContextRunning ContextState = "Running" // accepts commands
	ContextFailed  ContextState = "Error"   // could not be created
)

// A ContextStatus is the status of a context.
type ContextStatus struct {
	ID     string       `json:"id,omitzero"` // empty on some servers
	Status ContextState `json:"status,omitzero"`
}

type createContext struct {
	Language  Language `json:"language"`
	ClusterID string   `json:"clusterId"`
}

type contextRef struct {
	ClusterID string `json:"clusterId"`
	ContextID string `json:"contextId"`
}

// Create starts the creation of a context on a running cluster and returns its
// ID. The context accepts commands when its status is [ContextRunning]. The
// client does not retry Create after a lost response. The service may then have
// created a context that nobody can find. It exists until the cluster evicts it
// or restarts.
func (s *ContextsService) Create(ctx context.Context, clusterID string, language Language) (string, error) {
	return s.client.id(ctx, post("/api/1.2/contexts/create", createContext{language, clusterID}))
}

// Status returns the state of a context. It fails with [ErrContextNotFound] if
// the context does not exist or no longer exists.
func (s *ContextsService) Status(ctx context.Context, clusterID, contextID string) (*ContextStatus, error) {
	return area.Read[ContextStatus](ctx, s.client.calls, get("/api/1.2/contexts/status", contextRef{clusterID, contextID}))
}

// Destroy destroys a context and the commands that run in it. It succeeds if
// the context does not exist, so the client retries it.
func (s *ContextsService) Destroy(ctx context.Context, clusterID, contextID string) error {
	return s.client.calls.Do(ctx, post("/api/1.2/contexts/destroy", contextRef{clusterID, contextID}).MarkIdempotent(), nil)
}

// open creates a context and waits until it accepts commands. If it fails, it
// leaves no context behind. In a dry run, the ID is empty.
func (s *ContextsService) open(ctx context.Context, clusterID string, language Language) (string, error) {
	if ctx.Err() != nil {
		return "", ended(ctx, nil)
	}
	patient, cancel := outlive(ctx)
	defer cancel()
	id, err := s.Create(patient, clusterID, language)
	if _, lost := errors.AsType[*databricks.OutcomeUnknownError](err); lost {
		err = fmt.Errorf("%w; a context may remain on cluster %s until the cluster evicts it or restarts", err, clusterID)
	}
	if err != nil || id == "" {
		return "", ended(ctx, err)
	}
	if err := s.await(ctx, clusterID, id); err != nil {
		return "", errs.Join(errs.About(fmt.Sprintf("creating a %s context on cluster %s", language, clusterID), err), s.close(ctx, clusterID, id))
	}
	return id, nil
}

// await waits until a context accepts commands.
func (s *ContextsService) await(ctx context.Context, clusterID, contextID string) error {
	get := func(ctx context.Context) (*ContextStatus, error) { return s.Status(ctx, clusterID, contextID) }
	state := func(c *ContextStatus) ContextState { return c.Status }
	for seen, err := range watch(ctx, s.client, get, state) {
		switch {
		case err != nil:
			return err
		case seen.Status == ContextRunning:
			return nil
		case seen.Status == ContextFailed:
			return errors.New("the cluster could not create the context")
		}
	}
	return nil
}

// close destroys a context, even if ctx has ended.
func (s *ContextsService) close(ctx context.Context, clusterID, contextID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := s.Destroy(ctx, clusterID, contextID)
	if err == nil || errors.Is(err, fs.ErrNotExist) { // it disappeared with its cluster
		return nil
	}
	return fmt.Errorf("context %s of cluster %s may still exist: %w", redact.Line(contextID, 100), clusterID, err)
}
