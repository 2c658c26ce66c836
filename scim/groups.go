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
	Members      []ComplexValue `json:"members,omitzero"` // identified by their IDs; see Values
	Groups       []ComplexValue `json:"groups,omitzero"`  // the groups that this group is a member of
	Roles        []ComplexValue `json:"roles,omitzero"`
	Entitlements []ComplexValue `json:"entitlements,omitzero"` // see Entitlement
	ExternalID   string         `json:"externalId,omitzero"`
	Meta         *ResourceMeta  `json:"meta,omitzero"` // set by the service
}

// ResourceMeta says whether a group belongs to the workspace or to the account.
type ResourceMeta struct {
	ResourceType string `json:"resourceType,omitzero"` // WorkspaceGroup for a workspace group, Group for an account group
}

func (g Group) ref() (id, name string) { return g.ID, g.DisplayName }

func (g Group) withSchema() Group {
	g.Schemas = schemas(g.Schemas, "urn:ietf:params:scim:schemas:core:2.0:Group")
	return g
}

// Create creates a group and returns it with its ID. It fails with
// [ErrConflict] if the display name is taken. The client does not retry it
// after a lost response.
func (s *GroupsService) Create(ctx context.Context, in Group) (*Group, error) {
	r := area.Send(http.MethodPost, "/api/2.0/preview/scim/v2/Groups", in.withSchema()).Check(checkSet("displayName", in.DisplayName))
	return create[Group](ctx, s.client, r)
}

// Get returns the group with the given ID. It fails with [ErrNotFound] if the
// group does not exist.
func (s *GroupsService) Get(ctx context.Context, in GetOptions) (*Group, error) {
	return area.Read[Group](ctx, s.client.calls, one("/api/2.0/preview/scim/v2/Groups/{id}", in))
}

// Find returns the group with the given display name. It fails with an error
// that matches [ErrNotFound] if the list does not contain the group. A group
// that was just created may not be in the list yet.
func (s *GroupsService) Find(ctx context.Context, displayName string) (*Group, error) {
	return s.pages(ListOptions{}).find(ctx, "group", "displayName", displayName)
}

// List returns the groups that the options select.
func (s *GroupsService) List(ctx context.Context, in ListOptions) ([]Group, error) {
	return s.pages(in).list(ctx)
}

// All yields the groups that [GroupsService.List] returns as they arrive. Each
// range over the sequence sends new requests. The first error ends it.
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

// Patch applies operations to a group in their order. [AddMembers],
// [RemoveMember] and others create operations. The client does not retry Patch
// after a lost response.
func (s *GroupsService) Patch(ctx context.Context, id string, operations ...PatchOperation) error {
	return s.client.calls.Do(ctx, patchIdentity("/api/2.0/preview/scim/v2/Groups/{id}", id, operations), nil)
}

// Update replaces a group. Fields that are unset in the input are removed,
// including members. To change only some fields, use [GroupsService.Modify].
// Update is idempotent, so the client retries it.
func (s *GroupsService) Update(ctx context.Context, in Group) error {
	return s.client.calls.Do(ctx, s.put(in.ID, in.withSchema()).Check(checkSet("displayName", in.DisplayName)), nil)
}

func (s *GroupsService) put(id string, body any) area.Request {
	return put("/api/2.0/preview/scim/v2/Groups/{id}", id, body)
}

// Modify changes some fields of a group. It reads the group, passes it to
// change, and writes it back if change changed it. Other fields keep their
// values, including those that this package does not know. Modify does not
// detect a change that somebody else makes between the two requests. The client
// does not retry the second request after a lost response. You can safely call
// it again with the same change.
func (s *GroupsService) Modify(ctx context.Context, id string, change func(*Group)) error {
	return modify(ctx, s.client, area.Get("/api/2.0/preview/scim/v2/Groups/{id}", struct{}{}).Element("id", id), s.put(id, nil), change)
}

// Delete deletes a group. The members of the group remain. It fails with
// [ErrNotFound] if the group does not exist. The client does not retry it after
// a lost response.
func (s *GroupsService) Delete(ctx context.Context, id string) error {
	return s.client.calls.Do(ctx, area.Send(http.MethodDelete, "/api/2.0/preview/scim/v2/Groups/{id}", nil).Element("id", id), nil)
}
