package scim

import (
	"context"
	"iter"
	"net/http"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
)

// ServicePrincipalsService manages the service principals of a workspace: the
// identities of programs.
//
// See https://docs.databricks.com/api/workspace/serviceprincipals.
type ServicePrincipalsService service

// A ServicePrincipal is an identity of programs in the workspace.
type ServicePrincipal struct {
	Schemas       []string       `json:"schemas,omitzero"`       // set by Create and Update
	ID            string         `json:"id,omitzero"`            // set by the service
	ApplicationID string         `json:"applicationId,omitzero"` // a UUID; of an application in Entra ID, or empty to have the service choose one
	DisplayName   string         `json:"displayName,omitzero"`
	Active        *bool          `json:"active,omitzero"` // false keeps it from signing in; nil for true in a new one
	Groups        []ComplexValue `json:"groups,omitzero"` // change them through GroupsService
	Roles         []ComplexValue `json:"roles,omitzero"`
	Entitlements  []ComplexValue `json:"entitlements,omitzero"` // see Entitlement
	ExternalID    string         `json:"externalId,omitzero"`
}

func (p ServicePrincipal) ref() (id, name string) { return p.ID, p.ApplicationID }

func (p ServicePrincipal) withSchema() ServicePrincipal {
	p.Schemas = schemas(p.Schemas, "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal")
	return p
}

// Create creates a service principal and returns the service principal, with its ID. It fails with [ErrConflict] if
// there is a service principal with this application ID. The client does not retry it after a lost
// response.
func (s *ServicePrincipalsService) Create(ctx context.Context, in ServicePrincipal) (*ServicePrincipal, error) {
	r := area.Send(http.MethodPost, "/api/2.0/preview/scim/v2/ServicePrincipals", in.withSchema())
	return create[ServicePrincipal](ctx, s.client, r)
}

// Get returns a service principal by ID. It fails with [ErrNotFound] if there is none.
func (s *ServicePrincipalsService) Get(ctx context.Context, in GetOptions) (*ServicePrincipal, error) {
	return area.Read[ServicePrincipal](ctx, s.client.calls, one("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", in))
}

// Find returns the service principal with this application ID. It fails with an error that matches
// [ErrNotFound] if the list has none. Lists lag behind: one that was just created
// may not be in them yet.
func (s *ServicePrincipalsService) Find(ctx context.Context, applicationID string) (*ServicePrincipal, error) {
	return s.pages(ListOptions{}).find(ctx, "service principal", "applicationId", applicationID)
}

// List returns all service principals, or those that the options select.
func (s *ServicePrincipalsService) List(ctx context.Context, in ListOptions) ([]ServicePrincipal, error) {
	return s.pages(in).list(ctx)
}

// All yields what [ServicePrincipalsService.List] returns, and requests one page at a time. Each
// range over it begins anew.
func (s *ServicePrincipalsService) All(ctx context.Context, in ListOptions) iter.Seq2[ServicePrincipal, error] {
	return s.pages(in).all(ctx)
}

// ListPage returns one page of [ServicePrincipalsService.List].
func (s *ServicePrincipalsService) ListPage(ctx context.Context, in ListOptions) (*databricks.Page[ServicePrincipal], error) {
	return s.pages(in).single(ctx)
}

func (s *ServicePrincipalsService) pages(in ListOptions) pager[ServicePrincipal] {
	return pager[ServicePrincipal]{s.client, in, "/api/2.0/preview/scim/v2/ServicePrincipals"}
}

// Patch makes changes to a service principal, in their order. Paths are
// entitlements, roles, displayName and active.
// The client does not retry it after a lost response.
func (s *ServicePrincipalsService) Patch(ctx context.Context, id string, operations ...PatchOperation) error {
	return s.client.calls.Do(ctx, patchIdentity("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", id, operations), nil)
}

// Update replaces a service principal. What is unset in the input is removed: groups,
// roles and entitlements, for example.
// [ServicePrincipalsService.Modify] keeps what it does not change. The call is idempotent.
func (s *ServicePrincipalsService) Update(ctx context.Context, in ServicePrincipal) error {
	return s.client.calls.Do(ctx, s.put(in.ID, in.withSchema()), nil)
}

func (s *ServicePrincipalsService) put(id string, body any) area.Request {
	return put("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", id, body)
}

// Modify changes some attributes of a service principal. It reads them, calls change with them, and
// replaces them if change changed any. All other attributes keep their values,
// including those that this package has no field for. The service cannot prevent
// another caller from changing the service principal between the two requests. Calling Modify again
// with the same change is safe.
func (s *ServicePrincipalsService) Modify(ctx context.Context, id string, change func(*ServicePrincipal)) error {
	return modify(ctx, s.client, area.Get("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", struct{}{}).Element("id", id), s.put(id, nil), change)
}

// Delete deletes a service principal. It loses all access. The client does not retry it
// after a lost response. It fails with [ErrNotFound] if there is none.
func (s *ServicePrincipalsService) Delete(ctx context.Context, id string) error {
	return s.client.calls.Do(ctx, area.Send(http.MethodDelete, "/api/2.0/preview/scim/v2/ServicePrincipals/{id}", nil).Element("id", id), nil)
}
