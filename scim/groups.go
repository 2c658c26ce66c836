package scim

import (
	"context"
	"iter"
	"net/http"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
)

// GroupsService manages the groups of a workspace. The groups admins and users
// always exist.
//
// See https://docs.databricks.com/api/workspace/groups.
type GroupsService service

// A Group is a group of users, service principals and other groups.
type Group struct {
	Schemas      []string       `json:"schemas,omitzero"` // set by Create and Update
	ID           string         `json:"id,omitzero"`      // set by the service
	DisplayName  string         `json:"displayName"`      // unique in the workspace
	Members      []ComplexValue `json:"members,omitzero"` // by their IDs; see Values
	Groups       []ComplexValue `json:"groups,omitzero"`  // the groups that the group is in
	Roles        []ComplexValue `json:"roles,omitzero"`
	Entitlements []ComplexValue `json:"entitlements,omitzero"` // see Entitlement
	ExternalID   string         `json:"externalId,omitzero"`
	Meta         *ResourceMeta  `json:"meta,omitzero"` // set by the service
}

// ResourceMeta says what kind of group a group is.
type ResourceMeta struct {
	ResourceType string `json:"resourceType,omitzero"` // WorkspaceGroup for a group of the workspace, Group for one of the account
}

func (g Group) ref() (id, name string) { return g.ID, g.DisplayName }

func (g Group) withSchema() Group {
	g.Schemas = schemas(g.Schemas, "urn:ietf:params:scim:schemas:core:2.0:Group")
	return g
}

// Create creates a group and returns the group, with its ID. It fails with [ErrConflict] if
// there is a group with this name. The client does not retry it after a lost
// response.
func (s *GroupsService) Create(ctx context.Context, in Group) (*Group, error) {
	r := area.Send(http.MethodPost, "/api/2.0/preview/scim/v2/Groups", in.withSchema()).Check(checkSet("displayName", in.DisplayName))
	return create[Group](ctx, s.client, r)
}

// Get returns a group by ID. It fails with [ErrNotFound] if there is none.
func (s *GroupsService) Get(ctx context.Context, in GetOptions) (*Group, error) {
	return area.Read[Group](ctx, s.client.calls, one("/api/2.0/preview/scim/v2/Groups/{id}", in))
}

// Find returns the group with this name. It fails with an error that matches
// [ErrNotFound] if the list has none. Lists lag behind: one that was just created
// may not be in them yet.
func (s *GroupsService) Find(ctx context.Context, displayName string) (*Group, error) {
	return s.pages(ListOptions{}).find(ctx, "group", "displayName", displayName)
}

// List returns all groups, or those that the options select.
func (s *GroupsService) List(ctx context.Context, in ListOptions) ([]Group, error) {
	return s.pages(in).list(ctx)
}

// All yields what [GroupsService.List] returns, and requests one page at a time. Each
// range over it begins anew.
func (s *GroupsService) All(ctx context.Context, in ListOptions) iter.Seq2[Group, error] {
	return s.pages(in).all(ctx)
}

// ListPage returns one page of [GroupsService.List].
func (s *GroupsService) ListPage(ctx context.Context, in ListOptions) (*databricks.Page[Group], error) {
	return s.pages(in).single(ctx)
}

func (s *GroupsService) pages(in ListOptions) pager[Group] {
	return pager[Group]{s.client, in, "/api/2.0/preview/scim/v2/Groups"}
}

// Patch makes changes to a group, in their order. See [AddMembers] and
// [RemoveMember].
// The client does not retry it after a lost response.
func (s *GroupsService) Patch(ctx context.Context, id string, operations ...PatchOperation) error {
	return s.client.calls.Do(ctx, patchIdentity("/api/2.0/preview/scim/v2/Groups/{id}", id, operations), nil)
}

// Update replaces a group. What is unset in the input is removed: members
// that are not in the input leave the group.
// [GroupsService.Modify] keeps what it does not change. The call is idempotent.
func (s *GroupsService) Update(ctx context.Context, in Group) error {
	return s.client.calls.Do(ctx, s.put(in.ID, in.withSchema()).Check(checkSet("displayName", in.DisplayName)), nil)
}

func (s *GroupsService) put(id string, body any) area.Request {
	return put("/api/2.0/preview/scim/v2/Groups/{id}", id, body)
}

// Modify changes some attributes of a group. It reads them, calls change with them, and
// replaces them if change changed any. All other attributes keep their values,
// including those that this package has no field for. The service cannot prevent
// another caller from changing the group between the two requests. Calling Modify again
// with the same change is safe.
func (s *GroupsService) Modify(ctx context.Context, id string, change func(*Group)) error {
	return modify(ctx, s.client, area.Get("/api/2.0/preview/scim/v2/Groups/{id}", struct{}{}).Element("id", id), s.put(id, nil), change)
}

// Delete deletes a group. Its members stay. The client does not retry it
// after a lost response. It fails with [ErrNotFound] if there is none.
func (s *GroupsService) Delete(ctx context.Context, id string) error {
	return s.client.calls.Do(ctx, area.Send(http.MethodDelete, "/api/2.0/preview/scim/v2/Groups/{id}", nil).Element("id", id), nil)
}
