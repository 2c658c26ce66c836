// Package scim manages the identities of a workspace: users, service principals
// and groups. It uses the SCIM API of the workspace.
//
//	identities := scim.NewClient(client)
//	me, err := identities.Me(ctx, scim.GetMe{})
//
// Every caller may use Me. The other calls are for workspace administrators.
// Some read calls may be open to other users.
//
// The package returns the errors of package databricks. A call fails with
// [ErrNotFound] if the identity does not exist. This error also matches
// [io/fs.ErrNotExist]. A call fails with [ErrConflict] if the name is taken.
// This error also matches [io/fs.ErrExist].
//
// A new identity may be absent from lists for a short time. Get returns it
// immediately, by the ID that Create returned.
package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/patch"
	"github.com/go-databricks/databricks/internal/response"
)

// Error codes, for use with [errors.Is].
const (
	ErrBadRequest databricks.ErrorCode = "SCIM_400" // an attribute, path or filter is invalid
	ErrForbidden  databricks.ErrorCode = "SCIM_403" // the caller is not an administrator
	ErrNotFound   databricks.ErrorCode = "SCIM_404"
	ErrConflict   databricks.ErrorCode = "SCIM_409" // the name is taken
)

// A Client provides the calls of the SCIM API. It is safe for concurrent use
// and does not need to be closed.
type Client struct {
	Users             *UsersService
	ServicePrincipals *ServicePrincipalsService
	Groups            *GroupsService

	calls area.Client
	me    chan *User // holds one value: the cached user, or nil
}

type service struct{ client *Client }

// NewClient returns a client that sends its requests through workspace. It uses
// that client's host, credentials, retries and limits.
func NewClient(workspace *databricks.Client) *Client {
	c := &Client{calls: area.Client{Workspace: workspace, Failed: failed}, me: make(chan *User, 1)}
	c.me <- nil
	s := &service{c}
	c.Users = (*UsersService)(s)
	c.ServicePrincipals = (*ServicePrincipalsService)(s)
	c.Groups = (*GroupsService)(s)
	return c
}

// GetMe selects the attributes that [Client.Me] returns.
type GetMe struct {
	Attributes         string `json:"attributes,omitzero"`         // attributes to return, separated by commas; empty for all
	ExcludedAttributes string `json:"excludedAttributes,omitzero"` // attributes to omit, separated by commas
}

// Me returns the caller, which is a user or a service principal. The UserName of a
// service principal is its application ID. Me is the cheapest call to check
// credentials.
func (c *Client) Me(ctx context.Context, in GetMe) (*User, error) {
	return area.Read[User](ctx, c.calls, area.Get("/api/2.0/preview/scim/v2/Me", in))
}

// CachedMe returns the caller, as [Client.Me] does. The first successful call
// sends a request, and later calls return a copy of its result. Concurrent
// calls share one request. A failed request is not cached.
func (c *Client) CachedMe(ctx context.Context) (*User, error) {
	var me *User
	select {
	case me = <-c.me:
	case <-ctx.Done():
		return nil, errs.About("waiting for the request of another call", errs.Over(ctx))
	}
	defer func() { c.me <- me }()
	if me == nil {
		found, err := c.Me(ctx, GetMe{})
		if err != nil {
			return nil, err
		}
		me = found
	}
	return me.clone(), nil
}

// HomeDir returns the caller's home directory in the workspace, /Users/<name>.
// It uses [Client.CachedMe].
func (c *Client) HomeDir(ctx context.Context) (string, error) {
	me, err := c.CachedMe(ctx)
	if err != nil {
		return "", err
	}
	if me.UserName == "" {
		return "", errors.New("databricks: the caller has no user name")
	}
	return "/Users/" + me.UserName, nil
}

// A ComplexValue is an element of a list attribute: a member of a group, a
// group, a role, an entitlement or an email address.
type ComplexValue struct {
	Value   string `json:"value,omitzero"`   // the ID, role, entitlement or address
	Display string `json:"display,omitzero"` // display name; set by the service
	Ref     string `json:"$ref,omitzero"`    // such as Users/123; set by the service
	Type    string `json:"type,omitzero"`    // "direct" or "indirect" for groups; "work" for email addresses
	Primary bool   `json:"primary,omitzero"`
}

// Values returns a list with one element for each value, such as the ID of a
// member.
func Values[T ~string](values ...T) []ComplexValue {
	list := make([]ComplexValue, len(values))
	for i, v := range values {
		list[i].Value = string(v)
	}
	return list
}

// An Entitlement is a right that an identity has in the workspace. The service
// may add entitlements.
type Entitlement string

// Entitlements.
const (
	AllowClusterCreate      Entitlement = "allow-cluster-create"
	AllowInstancePoolCreate Entitlement = "allow-instance-pool-create"
	DatabricksSQLAccess     Entitlement = "databricks-sql-access"
	WorkspaceAccess         Entitlement = "workspace-access"
	WorkspaceConsume        Entitlement = "workspace-consume" // read only; excludes the previous two
)

// A PatchOp is the kind of a [PatchOperation]. The service ignores its case.
type PatchOp string

// Kinds of operations.
const (
	PatchAdd     PatchOp = "add"
	PatchRemove  PatchOp = "remove"
	PatchReplace PatchOp = "replace"
)

// A PatchOperation is one change of an identity. [AddMembers] and similar
// functions create common operations.
type PatchOperation struct {
	Op    PatchOp `json:"op"`
	Path  string  `json:"path,omitzero"` // an attribute, or a part of one: members[value eq "123"]
	Value any     `json:"value,omitzero"`
}

// AddMembers adds users, service principals or groups to a group, by their IDs.
// Adding a current member has no effect.
func AddMembers(ids ...string) PatchOperation {
	return PatchOperation{PatchAdd, "members", Values(ids...)}
}

// RemoveMember removes a user, service principal or group from a group, by its
// ID.
func RemoveMember(id string) PatchOperation { return remove("members", id) }

// AddEntitlements adds entitlements to an identity.
func AddEntitlements(entitlements ...Entitlement) PatchOperation {
	return PatchOperation{PatchAdd, "entitlements", Values(entitlements...)}
}

// RemoveEntitlement removes an entitlement from an identity.
func RemoveEntitlement(e Entitlement) PatchOperation { return remove("entitlements", string(e)) }

// AddRoles adds roles to an identity, such as the ARNs of instance profiles.
func AddRoles(roles ...string) PatchOperation {
	return PatchOperation{PatchAdd, "roles", Values(roles...)}
}

// RemoveRole removes a role from an identity.
func RemoveRole(role string) PatchOperation { return remove("roles", role) }

// Activate allows a user or service principal to sign in again.
func Activate() PatchOperation { return PatchOperation{PatchReplace, "active", true} }

// Deactivate prevents a user or service principal from signing in.
func Deactivate() PatchOperation { return PatchOperation{PatchReplace, "active", false} }

// Rename changes the display name of an identity.
func Rename(displayName string) PatchOperation {
	return PatchOperation{PatchReplace, "displayName", displayName}
}

func remove(list, value string) PatchOperation {
	return PatchOperation{Op: PatchRemove, Path: fmt.Sprintf("%s[value eq %s]", list, quote(value))}
}

// A Filter selects identities in a list. [Equal] and similar functions create
// filters. You can also write a filter as text: `userName eq "a@example.com"`.
type Filter string

// Equal selects identities whose attribute equals value, ignoring case.
func Equal(attribute, value string) Filter { return compare(attribute, "eq", value) }

// NotEqual selects identities whose attribute does not equal value.
func NotEqual(attribute, value string) Filter { return compare(attribute, "ne", value) }

// Contains selects identities whose attribute contains text.
func Contains(attribute, text string) Filter { return compare(attribute, "co", text) }

// StartsWith selects identities whose attribute starts with prefix.
func StartsWith(attribute, prefix string) Filter { return compare(attribute, "sw", prefix) }

// And selects identities that match all filters.
func And(filters ...Filter) Filter { return join(" and ", filters) }

// Or selects identities that match at least one of the filters.
func Or(filters ...Filter) Filter { return join(" or ", filters) }

func compare(attribute, op, value string) Filter {
	return Filter(attribute + " " + op + " " + quote(value))
}

// join joins filters that are not empty. The operator and binds tighter than or.
func join(word string, filters []Filter) Filter {
	var parts []string
	for _, f := range filters {
		if f != "" {
			parts = append(parts, string(f))
		}
	}
	for i, f := range parts {
		if word == " and " && len(parts) > 1 && hasOr.MatchString(quoted.ReplaceAllString(f, "")) {
			parts[i] = "(" + f + ")"
		}
	}
	return Filter(strings.Join(parts, word))
}

var (
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	hasOr  = regexp.MustCompile(`(?i)\bor\b`)
)

// quote returns value as a string literal of a filter or path. It is a JSON
// string.
func quote(value string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a string has a JSON form
	return strings.TrimSuffix(b.String(), "\n")
}

// A ListSortOrder is the order of a list.
type ListSortOrder string

// Orders of lists.
const (
	Ascending  ListSortOrder = "ascending"
	Descending ListSortOrder = "descending"
)

// ListOptions filters and sorts a list. Its zero value lists all identities.
type ListOptions struct {
	Filter             Filter        `json:"filter,omitzero"`
	SortBy             string        `json:"sortBy,omitzero"` // the attribute to sort by
	SortOrder          ListSortOrder `json:"sortOrder,omitzero"`
	Attributes         string        `json:"attributes,omitzero"`         // attributes to return, separated by commas; empty for all
	ExcludedAttributes string        `json:"excludedAttributes,omitzero"` // attributes to omit, separated by commas; omit members to list large groups faster
	PageSize           int64         `json:"count,omitzero"`              // identities to request at a time; 0 lets the service choose
	PageToken          string        `json:"startIndex,omitzero"`         // the page to start with, as the number of its first identity, from 1; empty for the first
	Limit              int           `json:"-"`                           // maximum number of identities to return in total; 0 for all
}

func (in ListOptions) check() error {
	switch {
	case in.PageSize < 0:
		return area.BadArg("PageSize", "is %d; want 1 or more, or 0 for the default", in.PageSize)
	case in.Limit < 0:
		return area.BadArg("Limit", "is %d; want 1 or more, or 0 for no limit", in.Limit)
	}
	if n, err := strconv.ParseInt(in.PageToken, 10, 64); in.PageToken != "" && (err != nil || n < 1) {
		return area.BadArg("PageToken", "%q is not valid; want a number from 1", in.PageToken)
	}
	return nil
}

// GetOptions selects the attributes to return.
type GetOptions struct {
	ID                 string `json:"id,omitzero"`
	Attributes         string `json:"attributes,omitzero"`         // attributes to return, separated by commas; empty for all
	ExcludedAttributes string `json:"excludedAttributes,omitzero"` // attributes to omit, separated by commas
}

// put returns a call that replaces an identity. It is idempotent.
func put(path, id string, body any) area.Request {
	return area.Send(http.MethodPut, path, body).Element("id", id).MarkIdempotent()
}

// one returns a call that gets the identity with the ID in.ID.
func one(path string, in GetOptions) area.Request {
	id := in.ID
	in.ID = ""
	return area.Get(path, in).Element("id", id)
}

// failed returns the error that this package reports for an error of a call.
func failed(err error) error {
	if e, ok := err.(*databricks.APIError); ok && e.Code == ErrConflict {
		return &conflict{e}
	}
	return err
}

// A conflict says that a name is taken.
type conflict struct{ *databricks.APIError }

func (e *conflict) Unwrap() error        { return e.APIError }
func (e *conflict) Is(target error) bool { return target == fs.ErrExist }

// An identity is a User, a ServicePrincipal or a Group.
type identity interface{ ref() (id, name string) }

// create creates an identity and returns it. If the response has no ID, the outcome
// is unknown.
func create[T identity](ctx context.Context, c *Client, r area.Request) (*T, error) {
	if c.calls.Workspace.Planning() {
		return area.Read[T](ctx, c.calls, r) // with placeholders for all IDs
	}
	var created T
	err := c.calls.Do(ctx, r, func(in io.Reader) error {
		created = *new(T)
		s := response.NewScanner(in, nil)
		defer s.Free()
		if err := response.Decode(s, &created); err != nil {
			return err
		}
		if id, _ := created.ref(); id == "" {
			return errors.New("the response has no id")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &created, nil
}

// modify reads an identity, passes it to change, and writes it back if change
// changed it. The client does not retry the second request after a lost response,
// because it would undo what somebody else changed since.
func modify[T any](ctx context.Context, c *Client, get, put area.Request, change func(*T)) error {
	doc, err := area.Read[map[string]json.RawMessage](ctx, c.calls, get)
	if err != nil {
		return err
	}
	if *doc == nil { // in a dry run, of an identity that it only plans
		*doc = map[string]json.RawMessage{}
	}
	var before, after T
	text, err := json.Marshal(*doc)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &before), json.Unmarshal(text, &after))
	}
	if err != nil {
		return errs.About("reading "+get.Path, err)
	}
	change(&after)
	changed, err := patch.Object(*doc, before, after)
	if err != nil {
		return errs.About("changing "+get.Path, err)
	}
	if !changed {
		return nil
	}
	put.Body, put.Idempotent = *doc, false
	return c.calls.Do(ctx, put, nil)
}

// patchIdentity returns a call that applies operations to an identity.
func patchIdentity(path, id string, operations []PatchOperation) area.Request {
	r := area.Send(http.MethodPatch, path, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations,
	}).Element("id", id)
	if len(operations) == 0 {
		r = r.Check(area.BadArg("Operations", area.Required))
	}
	for i, op := range operations {
		if op.Op == "" {
			r = r.Check(area.BadArg(fmt.Sprintf("Operations[%d].op", i), area.Required))
		}
	}
	return r
}

// A pager reads the pages of a list.
type pager[T identity] struct {
	c    *Client
	in   ListOptions
	path string
}

// A listing is one page of a list.
type listing[T any] struct {
	TotalResults int64 `json:"totalResults"` // 0 if the service does not say
	StartIndex   int64 `json:"startIndex"`
	Resources    []T   `json:"Resources"`
}

// page reads the page that starts with the item number start. next is the
// number of the first item of the next page, or 0 after the last page.
func (p pager[T]) page(ctx context.Context, start int64) (page *listing[T], next int64, err error) {
	in := p.in
	if start > 1 || in.PageToken != "" {
		in.PageToken = strconv.FormatInt(start, 10)
	}
	page, err = area.Read[listing[T]](ctx, p.c.calls, area.Get(p.path, in).Check(p.in.check()))
	if err != nil {
		return nil, 0, err
	}
	next = start + int64(len(page.Resources))
	if len(page.Resources) == 0 || page.TotalResults > 0 && next > page.TotalResults {
		next = 0
	}
	return page, next, nil
}

func (p pager[T]) first() int64 {
	start, _ := strconv.ParseInt(p.in.PageToken, 10, 64)
	return max(1, start)
}

// all yields the items of all pages.
func (p pager[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[string]bool{} // an item can move to the next page between two requests
		for start, count := p.first(), 0; start != 0; {
			page, next, err := p.page(ctx, start)
			if err != nil {
				yield(*new(T), err)
				return
			}
			fresh := false
			for _, item := range page.Resources {
				id, _ := item.ref()
				if id != "" && seen[id] {
					continue
				}
				seen[id], fresh = true, true
				if !yield(item, nil) {
					return
				}
				if count++; count == p.in.Limit {
					return
				}
			}
			if !fresh && len(page.Resources) > 0 {
				switch {
				case page.TotalResults == 0: // the service sends all items each time
					return
				case page.StartIndex != start:
					yield(*new(T), errors.New("databricks: the service returned the same page again, so the list would never end"))
					return
				}
			}
			start = next
		}
	}
}

func (p pager[T]) list(ctx context.Context) ([]T, error) {
	var list []T
	for item, err := range p.all(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func (p pager[T]) single(ctx context.Context) (*databricks.Page[T], error) {
	one, next, err := p.page(ctx, p.first())
	if err != nil {
		return nil, err
	}
	page := &databricks.Page[T]{Items: one.Resources}
	if next != 0 {
		page.NextPageToken = strconv.FormatInt(next, 10)
	}
	if limit := p.in.Limit; limit > 0 && len(page.Items) >= limit {
		page.Items, page.NextPageToken = page.Items[:limit], ""
	}
	return page, nil
}

// find returns the item whose attribute equals value.
func (p pager[T]) find(ctx context.Context, kind, attribute, value string) (*T, error) {
	if value == "" {
		return nil, area.BadArg(attribute, area.Required)
	}
	p.in = ListOptions{Filter: Equal(attribute, value)}
	for item, err := range p.all(ctx) {
		if err != nil {
			return nil, err
		}
		if _, name := item.ref(); strings.EqualFold(name, value) { // not every server filters
			return &item, nil
		}
	}
	return nil, &notFound{kind, value}
}

// A notFound says that a list does not contain an identity.
type notFound struct{ kind, name string }

func (e *notFound) Error() string {
	return fmt.Sprintf("databricks: %s %q was not found (if it was just created, it may not be listed yet)", e.kind, e.name)
}

// Is makes the error match the same targets as the error for an unknown ID.
func (e *notFound) Is(target error) bool {
	return slices.Contains([]error{fs.ErrNotExist, ErrNotFound}, target)
}
