package v12

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/errs"
)

// ContextsService makes and destroys execution contexts. A context is a running
// interpreter on a cluster's driver; commands that are run in it one after
// another share its variables. A cluster has room for 145 of them, and nothing
// can list them: one whose ID is forgotten stays until the cluster evicts it or
// restarts. A [Session] takes care of all this.
//
// See https://docs.databricks.com/api/workspace/commandexecution.
type ContextsService service

// A Language is a programming language of contexts and commands.
type Language string

// Languages of contexts and commands.
const (
	Python Language = "python"
	Scala  Language = "scala"
	SQL    Language = "sql"
	R      Language = "r"
)

// A ContextState is how far a context is. The service may add some, so a switch
// over it needs a default.
type ContextState string

// States of a context.
const (
	ContextPending ContextState = "Pending" // warming up
	ContextRunning ContextState = "Running" // takes commands
	ContextFailed  ContextState = "Error"   // could not be made
)

// A ContextStatus is what the service says of a context.
type ContextStatus struct {
	ID     string       `json:"id,omitzero"` // some servers leave it out
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

// Create begins to make a context on a running cluster and returns its ID. It
// takes commands once its status is [ContextRunning]. The call is not repeated
// when its answer is lost; the context that it may have made then cannot be
// found, and is there until the cluster evicts it or restarts.
func (s *ContextsService) Create(ctx context.Context, clusterID string, language Language) (string, error) {
	return s.client.id(ctx, post("/api/1.2/contexts/create", createContext{language, clusterID}))
}

// Status returns how far a context is. It fails with [ErrContextNotFound] if
// there is no such context, or no more.
func (s *ContextsService) Status(ctx context.Context, clusterID, contextID string) (*ContextStatus, error) {
	return area.Read[ContextStatus](ctx, s.client.calls, get("/api/1.2/contexts/status", contextRef{clusterID, contextID}))
}

// Destroy ends a context and the commands that run in it. Destroying one that
// is not there does nothing, so the call may be repeated.
func (s *ContextsService) Destroy(ctx context.Context, clusterID, contextID string) error {
	return s.client.calls.Do(ctx, post("/api/1.2/contexts/destroy", contextRef{clusterID, contextID}).MarkIdempotent(), nil)
}

// open makes a context and waits until it takes commands. It leaves none
// behind if it fails. If calls are only planned, the ID is empty.
func (s *ContextsService) open(ctx context.Context, clusterID string, language Language) (string, error) {
	if ctx.Err() != nil {
		return "", ended(ctx, nil)
	}
	patient, cancel := outlive(ctx)
	defer cancel()
	id, err := s.Create(patient, clusterID, language)
	if _, lost := errors.AsType[*databricks.OutcomeUnknownError](err); lost {
		err = fmt.Errorf("%w; a context may have been left on cluster %s, where nobody can find it, until the cluster evicts it or restarts", err, clusterID)
	}
	if err != nil || id == "" {
		return "", ended(ctx, err)
	}
	if err := s.await(ctx, clusterID, id); err != nil {
		return "", errs.Join(errs.About(fmt.Sprintf("making a %s context on cluster %s", language, clusterID), err), s.close(ctx, clusterID, id))
	}
	return id, nil
}

// await waits until a context takes commands.
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
			return errors.New("the cluster could not make it")
		}
	}
	return nil
}

// close destroys a context, whatever became of ctx.
func (s *ContextsService) close(ctx context.Context, clusterID, contextID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := s.Destroy(ctx, clusterID, contextID)
	if err == nil || errors.Is(err, fs.ErrNotExist) { // gone with its cluster
		return nil
	}
	return fmt.Errorf("context %s of cluster %s may be left: %w", contextID, clusterID, err)
}
