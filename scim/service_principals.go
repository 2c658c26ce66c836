package scim

import (
	"context"
	"iter"
	"net/http"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
)

// ServicePrincipalsService manages the service principals of a workspace. A
// service principal is an identity for programs.
//
// See https://docs.databricks.com/api/workspace/serviceprincipals.
type ServicePrincipalsService service

// A ServicePrincipal is an identity for programs.
type ServicePrincipal struct {
	Schemas       []string       `json:"schemas,omitzero"`       // set by Create and Update
	ID            string         `json:"id,omitzero"`            // set by the service
	ApplicationID string         `json:"applicationId,omitzero"` // a UUID; the ID of an application in Microsoft Entra ID, or empty to let the service choose
	DisplayName   string         `json:"displayName,omitzero"`
	Active        *bool          `json:"active,omitzero"` // false prevents it from signing in; nil for true in a new one
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

// Create creates a service principal and returns it with its ID. It fails with
// [ErrConflict] if the application ID is taken. The client does not retry it
// after a lost response.
func (s *ServicePrincipalsService) Create(ctx context.Context, in ServicePrincipal) (*ServicePrincipal, error) {
	r := area.Send(http.MethodPost, "/api/2.0/preview/scim/v2/ServicePrincipals", in.withSchema())
	return create[ServicePrincipal](ctx, s.client, r)
}

// Get returns the service principal with the given ID. It fails with
// [ErrNotFound] if the service principal does not exist.
func (s *ServicePrincipalsService) Get(ctx context.Context, in GetOptions) (*ServicePrincipal, error) {
	return area.Read[ServicePrincipal](ctx, s.client.calls, one("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", in))
}

// Find returns the service principal with the given application ID. It fails
// with an error that matches [ErrNotFound] if the list does not contain the
// service principal. A service principal that was just created may not be in
// the list yet.
func (s *ServicePrincipalsService) Find(ctx context.Context, applicationID string) (*ServicePrincipal, error) {
	return s.pages(ListOptions{}).find(ctx, "service principal", "applicationId", applicationID)
}

// List returns the service principals that the options select.
func (s *ServicePrincipalsService) List(ctx context.Context, in ListOptions) ([]ServicePrincipal, error) {
	return s.pages(in).list(ctx)
}

// All yields the service principals that [ServicePrincipalsService.List]
// returns as they arrive. Each range over the sequence sends new requests. The
// first error ends it.
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

// Patch applies operations to a service principal in their order. The valid
// paths are entitlements, roles, displayName and active. The client does not
// retry Patch after a lost response.
func (s *ServicePrincipalsService) Patch(ctx context.Context, id string, operations ...PatchOperation) error {
	return s.client.calls.Do(ctx, patchIdentity("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", id, operations), nil)
}

// Update replaces a service principal. Fields that are unset in the input are
// removed, including groups, roles and entitlements. To change only some
// fields, use [ServicePrincipalsService.Modify]. Update is idempotent, so the
// client retries it.
func (s *ServicePrincipalsService) Update(ctx context.Context, in ServicePrincipal) error {
	return s.client.calls.Do(ctx, s.put(in.ID, in.withSchema()), nil)
}

func (s *ServicePrincipalsService) put(id string, body any) area.Request {
	return put("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", id, body)
}

// Modify changes some fields of a service principal. It reads the service
// principal, passes it to change, and writes it back if change changed it. Other
// fields keep their values, including those that this package does not know.
// Modify does not detect a change that somebody else makes between the two
// requests. The client does not retry the second request after a lost response.
// You can safely call it again with the same change.
func (s *ServicePrincipalsService) Modify(ctx context.Context, id string, change func(*ServicePrincipal)) error {
	return modify(ctx, s.client, area.Get("/api/2.0/preview/scim/v2/ServicePrincipals/{id}", struct{}{}).Element("id", id), s.put(id, nil), change)
}

// Delete deletes a service principal. The service principal loses all access.
// It fails with [ErrNotFound] if the service principal does not exist. The
// client does not retry it after a lost response.
func (s *ServicePrincipalsService) Delete(ctx context.Context, id string) error {
	return s.client.calls.Do(ctx, area.Send(http.MethodDelete, "/api/2.0/preview/scim/v2/ServicePrincipals/{id}", nil).Element("id", id), nil)
}
