package scim

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
)

// UsersService manages the users of a workspace.
//
// See https://docs.databricks.com/api/workspace/users.
type UsersService service

// A User is a user of the workspace.
type User struct {
	Schemas      []string       `json:"schemas,omitzero"` // set by Create and Update
	ID           string         `json:"id,omitzero"`      // set by the service
	UserName     string         `json:"userName"`         // the email address that the user signs in with; cannot be changed
	DisplayName  string         `json:"displayName,omitzero"`
	Name         *Name          `json:"name,omitzero"`
	Emails       []ComplexValue `json:"emails,omitzero"`
	Active       *bool          `json:"active,omitzero"` // false prevents the user from signing in; nil for true in a new user
	Groups       []ComplexValue `json:"groups,omitzero"` // change them through GroupsService
	Roles        []ComplexValue `json:"roles,omitzero"`
	Entitlements []ComplexValue `json:"entitlements,omitzero"` // see Entitlement
	ExternalID   string         `json:"externalId,omitzero"`   // the ID in the external directory
}

// A Name is the name of a person.
type Name struct {
	GivenName  string `json:"givenName,omitzero"`
	FamilyName string `json:"familyName,omitzero"`
}

func (u User) ref() (id, name string) { return u.ID, u.UserName }

func (u User) withSchema() User {
	u.Schemas = schemas(u.Schemas, "urn:ietf:params:scim:schemas:core:2.0:User")
	return u
}

// clone returns a deep copy.
func (u *User) clone() *User {
	c := *u
	c.Schemas, c.Emails, c.Groups = slices.Clone(u.Schemas), slices.Clone(u.Emails), slices.Clone(u.Groups)
	c.Roles, c.Entitlements = slices.Clone(u.Roles), slices.Clone(u.Entitlements)
	if u.Name != nil {
		c.Name = new(*u.Name)
	}
	if u.Active != nil {
		c.Active = new(*u.Active)
	}
	return &c
}

// schemas returns the schemas of an input, or the default schema of its kind.
func schemas(of []string, kind string) []string {
	if len(of) > 0 {
		return of
	}
	return []string{kind}
}

// checkSet rejects a required argument that is unset.
func checkSet(name, value string) error {
	if value == "" {
		return area.BadArg(name, area.Required)
	}
	return nil
}

// Create creates a user and returns it with its ID. It fails with [ErrConflict]
// if the user name is taken. The client does not retry it after a lost
// response.
func (s *UsersService) Create(ctx context.Context, in User) (*User, error) {
	r := area.Send(http.MethodPost, "/api/2.0/preview/scim/v2/Users", in.withSchema()).Check(checkSet("userName", in.UserName))
	return create[User](ctx, s.client, r)
}

// Get returns the user with the given ID. It fails with [ErrNotFound] if the
// user does not exist.
func (s *UsersService) Get(ctx context.Context, in GetOptions) (*User, error) {
	return area.Read[User](ctx, s.client.calls, one("/api/2.0/preview/scim/v2/Users/{id}", in))
}

// Find returns the user with the given user name. It fails with an error that
// matches [ErrNotFound] if the list does not contain the user. A user that was
// just created may not be in the list yet.
func (s *UsersService) Find(ctx context.Context, userName string) (*User, error) {
	return s.pages(ListOptions{}).find(ctx, "user", "userName", userName)
}

// List returns the users that the options select.
func (s *UsersService) List(ctx context.Context, in ListOptions) ([]User, error) {
	return s.pages(in).list(ctx)
}

// All yields the users that [UsersService.List] returns as they arrive. Each
// range over the sequence sends new requests. The first error ends it.
func (s *UsersService) All(ctx context.Context, in ListOptions) iter.Seq2[User, error] {
	return s.pages(in).all(ctx)
}

// ListPage returns one page of [UsersService.List].
func (s *UsersService) ListPage(ctx context.Context, in ListOptions) (*databricks.Page[User], error) {
	return s.pages(in).single(ctx)
}

func (s *UsersService) pages(in ListOptions) pager[User] {
	return pager[User]{s.client, in, "/api/2.0/preview/scim/v2/Users"}
}

// Patch applies operations to a user in their order. The user name and the
// email addresses cannot be changed: the service ignores such operations. The
// client does not retry Patch after a lost response.
func (s *UsersService) Patch(ctx context.Context, id string, operations ...PatchOperation) error {
	return s.client.calls.Do(ctx, patchIdentity("/api/2.0/preview/scim/v2/Users/{id}", id, operations), nil)
}

// Update replaces a user. Fields that are unset in the input are removed,
// including groups, roles and entitlements. To change only some fields, use
// [UsersService.Modify]. Update is idempotent, so the client retries it.
func (s *UsersService) Update(ctx context.Context, in User) error {
	return s.client.calls.Do(ctx, s.put(in.ID, in.withSchema()).Check(checkSet("userName", in.UserName)), nil)
}

func (s *UsersService) put(id string, body any) area.Request {
	return put("/api/2.0/preview/scim/v2/Users/{id}", id, body)
}

// Modify changes some fields of a user. It reads the user, passes it to change,
// and writes it back if change changed it. Other fields keep their values,
// including those that this package does not know. Modify does not detect a
// change that somebody else makes between the two requests. The client does not
// retry the second request after a lost response. You can safely call it again
// with the same change.
func (s *UsersService) Modify(ctx context.Context, id string, change func(*User)) error {
	return modify(ctx, s.client, area.Get("/api/2.0/preview/scim/v2/Users/{id}", struct{}{}).Element("id", id), s.put(id, nil), change)
}

// Delete deletes a user. It also deletes objects that only the user owns. It
// fails with [ErrNotFound] if the user does not exist. The client does not
// retry it after a lost response.
func (s *UsersService) Delete(ctx context.Context, id string) error {
	return s.client.calls.Do(ctx, area.Send(http.MethodDelete, "/api/2.0/preview/scim/v2/Users/{id}", nil).Element("id", id), nil)
}
