package databrickstest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// permissionsArea has the permissions on the objects of the workspace. The
// initial permissions of an object let its creator manage it. A job has its own
// list, because the calls for jobs can set it too.
type permissionsArea struct {
	s    *Server
	acls map[string][]jobACL // own permissions of objects, by kind and ID
}

// permissionKinds are the kinds of objects with permissions. The keys are the
// words in paths. The values have the object type in responses, and the
// permission levels, lowest first.
var permissionKinds = map[string]struct {
	objectType string
	levels     []string
}{
	"clusters":         {"cluster", []string{"CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE"}},
	"cluster-policies": {"cluster-policy", []string{"CAN_USE"}},
	"instance-pools":   {"instance-pool", []string{"CAN_ATTACH_TO", "CAN_MANAGE"}},
	"jobs":             {"job", jobLevels},
	"notebooks":        {"notebook", workspaceLevels},
	"directories":      {"directory", workspaceLevels},
	"files":            {"file", workspaceLevels},
	"repos":            {"repo", workspaceLevels},
	"authorization":    {"", []string{"CAN_USE", "CAN_MANAGE"}},
}

var workspaceLevels = []string{"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}

// levelMeanings describe the levels. The words are our own.
var levelMeanings = map[string]string{
	"CAN_ATTACH_TO": "Can attach to it", "CAN_RESTART": "Can attach to, start, restart and terminate it",
	"CAN_MANAGE": "Can do anything with it", "CAN_USE": "Can use it", "CAN_VIEW": "Can view it", "CAN_MANAGE_RUN": "Can start and cancel runs",
	"IS_OWNER": "Is the owner", "CAN_READ": "Can read it", "CAN_RUN": "Can read and run it", "CAN_EDIT": "Can read, run and edit it",
}

// A securable is an object that has permissions.
type securable struct {
	kind, id string
	owner    string      // the creator; may be empty
	parents  []securable // objects from which it inherits, nearest first
	everyone string      // initial level of the group users
	job      *job        // set if the object is a job
}

func (o securable) key() string { return o.kind + "/" + o.id }

// own returns the object's own permissions.
func (a *permissionsArea) own(o securable) []jobACL {
	if o.job != nil {
		return o.job.acl
	}
	if acl, ok := a.acls[o.key()]; ok {
		return acl
	}
	var acl []jobACL
	if u := a.s.identities.byName[o.owner]; u != nil && o.kind != "cluster-policies" {
		acl = append(acl, a.entry(u, "CAN_MANAGE"))
	}
	if o.everyone != "" {
		acl = append(acl, jobACL{Group: usersGroup, Level: o.everyone})
	}
	return acl
}

// entry returns an entry that gives a user or a service principal a level.
func (a *permissionsArea) entry(u *user, level string) jobACL {
	if u.service {
		return jobACL{Principal: u.name, Level: level}
	}
	return jobACL{User: u.name, Level: level}
}

// concerns reports whether an entry applies to the caller, by name or through a
// group.
func (c *call) concerns(e jobACL) bool {
	return strings.EqualFold(e.User, c.user.name) || strings.EqualFold(e.Principal, c.user.name) ||
		e.Group != "" && c.groups.hasUser(e.Group, c.user)
}

// may reports whether the caller has at least a level on an object.
func (c *call) may(o securable, level string) bool {
	if c.user.admin {
		return true
	}
	levels := permissionKinds[o.kind].levels
	for _, at := range append([]securable{o}, o.parents...) {
		for _, e := range c.permissions.own(at) {
			if slices.Index(levels, e.Level) >= slices.Index(levels, level) && c.concerns(e) {
				return true
			}
		}
	}
	return false
}

// must fails if the caller does not have at least a level on an object.
func (c *call) must(o securable, level string) error {
	if c.may(o, level) {
		return nil
	}
	return denied("%s does not have %s permission on %s %s. Please contact the owner or an administrator for access.",
		c.user.name, level, permissionKinds[o.kind].objectType, o.id)
}

func (a *permissionsArea) register(s *Server) {
	a.s, a.acls = s, map[string][]jobACL{}
	s.clusters.watch(func(change clusterChange) {
		if change.kind == clusterIsGone {
			delete(a.acls, "clusters/"+change.cluster.id)
		}
	})
	for _, prefix := range []string{"/api/2.0/permissions", "/api/2.0/preview/permissions"} {
		path := prefix + "/{type}/{id}"
		route(s, "GET", path, a.get)
		route(s, "PUT", path, a.set)
		route(s, "PATCH", path, a.update)
		route(s, "GET", path+"/permissionLevels", a.levels)
	}
}

type permissionObject struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type permissionChange struct {
	permissionObject
	ACL []jobACL `json:"access_control_list"`
}

// find returns the object that a request names.
func (a *permissionsArea) find(c *call, in permissionObject) (securable, error) {
	missing := notFound("%s %s does not exist.", in.Type, in.ID)
	switch in.Type {
	case "clusters":
		cl, err := c.clusters.find(in.ID, c.now)
		if err != nil {
			if e, ok := err.(*apiError); ok && e.code == "INVALID_STATE" {
				return securable{}, err
			}
			return securable{}, missing
		}
		return cl.securable(), nil
	case "jobs":
		id, _ := strconv.ParseInt(in.ID, 10, 64)
		if j := c.jobs.byID[id]; j != nil {
			c.touchJob(j)
			return securable{kind: "jobs", id: in.ID, job: j}, nil
		}
	case "cluster-policies":
		if p := c.policies.byID[in.ID]; p != nil {
			return p.securable(), nil
		}
	case "instance-pools":
		if p := c.pools.byID[in.ID]; p != nil {
			return p.securable(), nil
		}
	case "notebooks", "directories", "files", "repos":
		if o, ok := c.workspace.securableByID(in.ID); ok && o.kind == in.Type {
			return o, nil
		}
	case "authorization":
		if in.ID == "tokens" || in.ID == "passwords" {
			return securable{kind: in.Type, id: in.ID}, nil
		}
	default:
		return securable{}, invalid("'%s' is not a valid object type", in.Type)
	}
	return securable{}, missing
}

// managed returns the object that a request names, if the caller may change its
// permissions.
func (a *permissionsArea) managed(c *call, in permissionObject) (securable, error) {
	o, err := a.find(c, in)
	if err == nil && o.kind == "cluster-policies" {
		err = c.adminsOnly()
	} else if err == nil {
		err = c.must(o, "CAN_MANAGE")
	}
	return o, err
}

func (a *permissionsArea) get(c *call, in permissionObject) (any, error) {
	o, err := a.managed(c, in)
	if err != nil {
		return nil, err
	}
	return a.show(o), nil
}

// A shownAccess has the permissions of one principal, its own and inherited
// ones.
type shownAccess struct {
	User        string            `json:"user_name,omitzero"`
	Group       string            `json:"group_name,omitzero"`
	Principal   string            `json:"service_principal_name,omitzero"`
	DisplayName string            `json:"display_name,omitzero"`
	All         []shownPermission `json:"all_permissions"`
}

type shownPermission struct {
	Level     string   `json:"permission_level"`
	Inherited bool     `json:"inherited"`
	From      []string `json:"inherited_from_object,omitempty"`
}

func (a *permissionsArea) show(o securable) any {
	var all []*shownAccess
	add := func(e jobACL, p shownPermission) {
		i := slices.IndexFunc(all, func(s *shownAccess) bool {
			return strings.EqualFold(s.User, e.User) && s.Group == e.Group && strings.EqualFold(s.Principal, e.Principal)
		})
		if i < 0 {
			shown := &shownAccess{User: e.User, Group: e.Group, Principal: e.Principal}
			if u := a.s.identities.byName[e.User+e.Principal]; u != nil {
				shown.DisplayName = u.displayName()
			}
			i, all = len(all), append(all, shown)
		}
		all[i].All = append(all[i].All, p)
	}
	for _, e := range a.own(o) {
		add(e, shownPermission{Level: e.Level})
	}
	for _, parent := range o.parents {
		for _, e := range a.own(parent) {
			add(e, shownPermission{e.Level, true, []string{"/" + parent.key()}})
		}
	}
	objectType := permissionKinds[o.kind].objectType
	if o.kind == "authorization" {
		objectType = o.id
	}
	if o.adminsInherit() {
		from := "/" + o.kind + "/"
		if slices.Equal(permissionKinds[o.kind].levels, workspaceLevels) {
			from = "/directories/0"
		}
		add(jobACL{Group: adminsGroup}, shownPermission{"CAN_MANAGE", true, []string{from}})
	}
	return struct {
		ID   string         `json:"object_id"`
		Type string         `json:"object_type"`
		ACL  []*shownAccess `json:"access_control_list,omitempty"`
	}{"/" + o.key(), objectType, all}
}

// named returns a user or service principal by name. It ignores case.
func (a *identities) named(name string) *user {
	if u := a.byName[name]; u != nil || name == "" {
		return u
	}
	if i := slices.IndexFunc(a.users, func(u *user) bool { return strings.EqualFold(u.name, name) }); i >= 0 {
		return a.users[i]
	}
	return nil
}

// levels returns the permission levels of an object, lowest first.
func (o securable) levels() []string {
	if o.key() == "authorization/passwords" {
		return []string{"CAN_USE"}
	}
	return permissionKinds[o.kind].levels
}

// check validates the entries for an object. It replaces names in them by the
// exact names.
func (a *permissionsArea) check(c *call, o securable, acl []jobACL) error {
	for k, e := range acl {
		levels, user := o.levels(), c.identities.named(e.User+e.Principal)
		if i := slices.IndexFunc(c.groups.groups, func(g *group) bool { return strings.EqualFold(g.name, e.Group) }); i >= 0 {
			acl[k].Group = c.groups.groups[i].name
		}
		e.Group = acl[k].Group
		if user != nil && e.User != "" {
			acl[k].User = user.name
		} else if user != nil {
			acl[k].Principal = user.name
		}
		switch {
		case !exactlyOne(e.User, e.Group, e.Principal):
			return invalid("Exactly one of user_name, group_name and service_principal_name must be specified in access_control_list.")
		case !slices.Contains(levels, e.Level):
			return invalid("'%s' is not a valid permission level of %s. Valid levels are: %s", e.Level, o.kind, strings.Join(levels, ", "))
		case e.Group != "" && c.groups.find(e.Group) == nil:
			return notFound("Group with name %s does not exist.", e.Group)
		case e.User != "" && (user == nil || user.service):
			return notFound("User with name %s does not exist.", e.User)
		case e.Principal != "" && (user == nil || !user.service):
			return notFound("Service principal with application ID %s does not exist.", e.Principal)
		case e.Group == adminsGroup && e.Level != "CAN_MANAGE" && o.adminsInherit():
			return invalid("Cannot change permissions for group 'admins' to %s.", e.Level)
		case e.Level == "IS_OWNER" && e.Group != "":
			return invalid("Groups cannot be the owner of %s.", o.kind)
		}
	}
	return nil
}

func (a *permissionsArea) set(c *call, in permissionChange) (any, error) {
	o, err := a.managed(c, in.permissionObject)
	if err == nil {
		err = a.check(c, o, in.ACL)
	}
	if err != nil {
		return nil, err
	}
	if o.adminsInherit() {
		named := slices.ContainsFunc(in.ACL, func(e jobACL) bool { return e.Group == adminsGroup })
		if !named && slices.Contains([]string{"authorization/tokens", "directories/0"}, o.key()) {
			return nil, invalid("Cannot change permissions for group 'admins' to None.")
		}
		in.ACL = slices.DeleteFunc(in.ACL, func(e jobACL) bool { return e.Group == adminsGroup }) // admins have it anyway
	}
	return a.replace(o, in.ACL)
}

// adminsInherit reports whether the group admins always has all permissions on
// an object.
func (o securable) adminsInherit() bool { return o.key() != "authorization/passwords" }

// replace sets the object's own permissions.
func (a *permissionsArea) replace(o securable, acl []jobACL) (any, error) {
	if o.job != nil {
		owners := 0
		for _, e := range acl {
			if e.Level == "IS_OWNER" {
				owners++
			}
		}
		if owners != 1 {
			return nil, invalid("The job must have exactly one owner.")
		}
		o.job.acl = slices.Clone(acl)
		return a.show(o), nil
	}
	a.acls[o.key()] = slices.Clone(acl)
	return a.show(o), nil
}

func (a *permissionsArea) update(c *call, in permissionChange) (any, error) {
	o, err := a.managed(c, in.permissionObject)
	if err == nil {
		err = a.check(c, o, in.ACL)
	}
	if err != nil {
		return nil, err
	}
	acl := slices.Clone(a.own(o))
	for _, e := range in.ACL {
		acl = slices.DeleteFunc(acl, func(old jobACL) bool {
			same := strings.EqualFold(old.User, e.User) && old.Group == e.Group && strings.EqualFold(old.Principal, e.Principal)
			return same || e.Level == "IS_OWNER" && old.Level == "IS_OWNER" // the former owner keeps nothing; this is not documented
		})
		if e.Group != adminsGroup || !o.adminsInherit() {
			acl = append(acl, e)
		}
	}
	return a.replace(o, acl)
}

func (a *permissionsArea) levels(c *call, in permissionObject) (any, error) {
	o, err := a.managed(c, in)
	if err != nil {
		return nil, err
	}
	var out struct {
		Levels []map[string]string `json:"permission_levels"`
	}
	for _, level := range o.levels() {
		out.Levels = append(out.Levels, map[string]string{"permission_level": level, "description": levelMeanings[level]})
	}
	return out, nil
}

// forget removes the permissions of a deleted principal, so that a new one with
// the same name does not inherit them.
func (a *permissionsArea) forget(name string) {
	without := func(acl []jobACL) []jobACL {
		return slices.DeleteFunc(slices.Clone(acl), func(e jobACL) bool { return e.User+e.Group+e.Principal == name && e.Level != "IS_OWNER" })
	}
	for key, acl := range a.acls {
		a.acls[key] = without(acl)
	}
	for _, j := range a.s.jobs.jobs {
		a.s.touchJob(j)
		j.acl = without(j.acl)
	}
}

// Entitlements that this workspace enforces.
const (
	mayCreateClusters = "allow-cluster-create"
	mayCreatePools    = "allow-instance-pool-create"
)

// entitled reports whether the caller has an entitlement, directly or through a
// group.
func (c *call) entitled(entitlement string) bool {
	return c.user.admin || slices.Contains(c.user.entitlements, entitlement) ||
		slices.ContainsFunc(c.groups.groups, func(g *group) bool {
			return slices.Contains(g.entitlements, entitlement) && c.groups.hasUser(g.name, c.user)
		})
}

// notEntitled returns the error for a caller who lacks an entitlement.
func notEntitled(what string) error {
	return fail(http.StatusForbidden, "PERMISSION_DENIED", "You are not authorized to create %s. Please contact your administrator.", what)
}
