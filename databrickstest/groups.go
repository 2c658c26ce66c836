package databrickstest

import (
	"net/http"
	"slices"
	"time"
)

// The groups that exist in every workspace.
const (
	adminsGroup = "admins"
	usersGroup  = "users" // all users are always members
)

// WithAccountGroups makes the workspace use the groups of its account.
// groups/create then adds one of the given groups by name, with those of its
// members who are users of the workspace. It rejects all other groups. The
// members of such a group cannot be changed in the workspace.
func WithAccountGroups(members map[string][]string) Option {
	return func(s *Server) { s.groups.account = members }
}

// groupsArea has the groups of the workspace. It determines who is an
// administrator. Other areas ask it who is a member of a group.
type groupsArea struct {
	groups  []*group            // in order of creation
	account map[string][]string // from WithAccountGroups; nil: the workspace has its own groups
}

type group struct {
	name    string
	members []principal // direct members; empty for usersGroup
	account bool

	id           int64 // 0 until SCIM needs it
	created      time.Time
	externalID   string
	roles        []string
	entitlements []string
}

// A principal is a user or a group.
type principal struct {
	UserName  string `json:"user_name,omitzero"`
	GroupName string `json:"group_name,omitzero"`
}

func (a *groupsArea) register(s *Server) {
	a.begin(&s.identities)
	groupsRoute(s, "POST", "/api/2.0/groups/add-member", a.addMember)
	groupsRoute(s, "POST", "/api/2.0/groups/create", a.create)
	groupsRoute(s, "GET", "/api/2.0/groups/list-members", a.listMembers)
	groupsRoute(s, "GET", "/api/2.0/groups/list", a.list)
	groupsRoute(s, "GET", "/api/2.0/groups/list-parents", a.listParents)
	groupsRoute(s, "POST", "/api/2.0/groups/remove-member", a.removeMember)
	groupsRoute(s, "POST", "/api/2.0/groups/delete", a.delete)
}

// groupsRoute adds an operation that only administrators may use.
func groupsRoute[In any](s *Server, method, path string, handle func(*call, In) (any, error)) {
	route(s, method, path, func(c *call, in In) (any, error) {
		if !c.user.admin {
			return nil, denied("Only admins of the workspace can manage its groups.")
		}
		return handle(c, in)
	})
}

// begin creates the initial groups and their memberships.
func (a *groupsArea) begin(ids *identities) {
	a.groups = []*group{{name: adminsGroup}, {name: usersGroup}}
	for _, u := range ids.users {
		names := slices.Clone(u.groups)
		if u.admin {
			names = append(names, adminsGroup)
		}
		for _, name := range names {
			g := a.find(name)
			if g == nil {
				g = &group{name: name}
				a.groups = append(a.groups, g)
			}
			if p := (principal{UserName: u.name}); name != usersGroup && !slices.Contains(g.members, p) {
				g.members = append(g.members, p)
			}
		}
	}
	a.changed(ids)
}

// find returns nil if the group does not exist.
func (a *groupsArea) find(name string) *group {
	if i := slices.IndexFunc(a.groups, func(g *group) bool { return g.name == name }); i >= 0 {
		return a.groups[i]
	}
	return nil
}

// contains reports whether a user or a group is a direct or indirect member of
// a group.
func (a *groupsArea) contains(name string, p principal) bool {
	seen := map[string]bool{}
	var in func(name string) bool
	in = func(name string) bool {
		g := a.find(name)
		if g == nil || seen[name] {
			return false
		}
		seen[name] = true
		return name == usersGroup && p.UserName != "" || slices.Contains(g.members, p) ||
			slices.ContainsFunc(g.members, func(m principal) bool { return m.GroupName != "" && in(m.GroupName) })
	}
	return in(name)
}

// hasUser reports whether a user is a direct or indirect member of a group.
func (a *groupsArea) hasUser(name string, u *user) bool {
	return a.contains(name, principal{UserName: u.name})
}

// changed updates who is an administrator, after a change of members.
func (a *groupsArea) changed(ids *identities) {
	for _, u := range ids.users {
		u.admin = a.hasUser(adminsGroup, u)
	}
}

// check returns an error if a principal in a request is invalid or does not
// exist.
func (a *groupsArea) check(c *call, p principal) error {
	switch {
	case (p.UserName == "") == (p.GroupName == ""):
		return invalid("Exactly one of user_name and group_name must be specified.")
	case p.UserName != "" && c.identities.byName[p.UserName] == nil:
		return notFound("User with name %s does not exist.", p.UserName)
	case p.GroupName != "" && a.find(p.GroupName) == nil:
		return notFound("Group with name %s does not exist.", p.GroupName)
	}
	return nil
}

// named returns the group with a name, or the service's error.
func (a *groupsArea) named(name string) (*group, error) {
	if g := a.find(name); g != nil {
		return g, nil
	}
	return nil, notFound("Group with name %s does not exist.", name)
}

// changeable returns a group whose members the caller may change.
func (a *groupsArea) changeable(c *call, parent string, member principal) (*group, error) {
	g, err := a.named(parent)
	switch {
	case err != nil:
		return nil, err
	case g.account:
		return nil, fail(http.StatusBadRequest, "MALFORMED_REQUEST",
			"Group membership cannot be updated as %s can only be managed in account.", parent)
	}
	return g, a.check(c, member)
}

type membership struct {
	principal
	ParentName string `json:"parent_name" api:"required"`
}

// addMember succeeds if the member is already in the group. It rejects cycles,
// and changes of the group users. The documentation says nothing about these
// cases.
func (a *groupsArea) addMember(c *call, in membership) (any, error) {
	g, err := a.changeable(c, in.ParentName, in.principal)
	switch {
	case err != nil:
		return nil, err
	case g.name == usersGroup && in.UserName != "", slices.Contains(g.members, in.principal):
		return nil, nil
	case g.name == usersGroup:
		return nil, invalid("Group %s cannot be changed.", usersGroup)
	case in.GroupName == g.name, in.GroupName != "" && a.contains(in.GroupName, principal{GroupName: g.name}):
		return nil, invalid("Group %s cannot be added to %s, as it contains it.", in.GroupName, g.name)
	}
	g.members = append(g.members, in.principal)
	a.changed(&c.identities)
	return nil, nil
}

// removeMember fails with not found if the principal is not a member. This is
// not documented.
func (a *groupsArea) removeMember(c *call, in membership) (any, error) {
	g, err := a.changeable(c, in.ParentName, in.principal)
	if err != nil {
		return nil, err
	}
	if g.name == usersGroup {
		return nil, invalid("Group %s cannot be changed.", usersGroup)
	}
	i := slices.Index(g.members, in.principal)
	if i < 0 {
		return nil, notFound("%s%s is not a member of group %s.", in.UserName, in.GroupName, g.name)
	}
	g.members = slices.Delete(g.members, i, i+1)
	a.changed(&c.identities)
	return nil, nil
}

type oneGroup struct {
	GroupName string `json:"group_name" api:"required"`
}

func (a *groupsArea) create(c *call, in oneGroup) (any, error) {
	created := &group{name: in.GroupName, account: a.account != nil}
	members, known := a.account[in.GroupName]
	switch {
	case a.find(in.GroupName) != nil:
		return nil, exists("Group with name %s already exists.", in.GroupName)
	case created.account && !known:
		return nil, notFound("Account group with name '%s' does not exist", in.GroupName)
	}
	for _, name := range members {
		if c.identities.byName[name] != nil {
			created.members = append(created.members, principal{UserName: name})
		}
	}
	a.groups = append(a.groups, created)
	return map[string]string{"group_name": in.GroupName}, nil
}

// delete rejects the groups that exist in every workspace. This is plausible
// but not documented. It also deletes the group's memberships and permissions,
// so that a new group with the same name does not inherit them.
func (a *groupsArea) delete(c *call, in oneGroup) (any, error) {
	gone, err := a.named(in.GroupName)
	switch {
	case err != nil:
		return nil, err
	case gone.name == adminsGroup, gone.name == usersGroup:
		return nil, invalid("Group %s cannot be deleted.", gone.name)
	}
	a.groups = slices.DeleteFunc(a.groups, func(g *group) bool { return g == gone })
	for _, g := range a.groups {
		g.members = slices.DeleteFunc(g.members, func(p principal) bool { return p.GroupName == gone.name })
	}
	c.secrets.forget(gone.name)
	c.permissions.forget(gone.name)
	a.changed(&c.identities)
	return nil, nil
}

// groupNames is a response with a list of groups. An empty list is omitted.
type groupNames struct {
	GroupNames []string `json:"group_names,omitempty"`
}

// list includes the group users, as list-parents does.
func (a *groupsArea) list(*call, struct{}) (any, error) {
	var out groupNames
	for _, g := range a.groups {
		out.GroupNames = append(out.GroupNames, g.name)
	}
	return out, nil
}

func (a *groupsArea) listMembers(c *call, in oneGroup) (any, error) {
	g, err := a.named(in.GroupName)
	if err != nil {
		return nil, err
	}
	members := slices.Clone(g.members)
	if g.name == usersGroup {
		for _, u := range c.identities.users {
			members = append(members, principal{UserName: u.name})
		}
	}
	return struct {
		Members []principal `json:"members,omitempty"`
	}{members}, nil
}

func (a *groupsArea) listParents(c *call, in principal) (any, error) {
	if err := a.check(c, in); err != nil {
		return nil, err
	}
	var out groupNames
	for _, g := range a.groups {
		if g.name == usersGroup && in.UserName != "" || slices.Contains(g.members, in) {
			out.GroupNames = append(out.GroupNames, g.name)
		}
	}
	return out, nil
}
