package databrickstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const scimPath = "/api/2.0/preview/scim/v2/"

// WithListLag omits new users, service principals and groups from SCIM lists
// for a time, as the service does. Get returns them immediately.
func WithListLag(d time.Duration) Option { return func(s *Server) { s.scim.lag = d } }

// AddOAuthSecret creates a secret with which a service principal signs in, as
// an account administrator would. It panics if the service principal does not
// exist.
func (s *Server) AddOAuthSecret(applicationID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.oauth.principals[applicationID]
	if p == nil {
		panic("databrickstest: AddOAuthSecret: the service principal " + applicationID + " does not exist")
	}
	secret := "dose" + s.random.hex(32)
	p.Secrets = append(p.Secrets, secret)
	s.touchCollections()
	return secret
}

// scimArea has the SCIM API for users, service principals and groups.
type scimArea struct {
	s   *Server
	lag time.Duration
}

// allEntitlements are the entitlements of the users that a server starts with.
// These users may create clusters and pools.
var allEntitlements = []string{mayCreateClusters, mayCreatePools, "databricks-sql-access", "workspace-access"}

type scimValue struct {
	Value   string `json:"value"`
	Display string `json:"display,omitzero"`
	Ref     string `json:"$ref,omitzero"`
	Type    string `json:"type,omitzero"`
	Primary bool   `json:"primary,omitzero"`
}

type scimName struct {
	Given  string `json:"givenName,omitzero"`
	Family string `json:"familyName,omitzero"`
}

// A scimResource is a user, a service principal or a group.
type scimResource struct {
	Schemas       []string    `json:"schemas"`
	ID            string      `json:"id,omitzero"`
	UserName      string      `json:"userName,omitzero"`
	ApplicationID string      `json:"applicationId,omitzero"`
	DisplayName   string      `json:"displayName,omitzero"`
	Name          *scimName   `json:"name,omitzero"`
	Emails        []scimValue `json:"emails,omitempty"`
	Active        *bool       `json:"active,omitzero"`
	Members       []scimValue `json:"members,omitempty"`
	Groups        []scimValue `json:"groups,omitempty"`
	Roles         []scimValue `json:"roles,omitempty"`
	Entitlements  []scimValue `json:"entitlements,omitempty"`
	ExternalID    string      `json:"externalId,omitzero"`
	Meta          *scimMeta   `json:"meta,omitzero"`
}

type scimMeta struct {
	ResourceType string `json:"resourceType"`
}

// scimFail returns an error in the format of SCIM.
func scimFail(status int, scimType, format string, args ...any) error {
	return &apiError{status: status, code: "SCIM_" + strconv.Itoa(status), message: fmt.Sprintf(format, args...), scimType: scimType}
}

// scimKinds are the three kinds of resources.
var scimKinds = []string{"Users", "ServicePrincipals", "Groups"}

func (a *scimArea) register(s *Server) {
	a.s = s
	route(s, "GET", scimPath+"Me", func(c *call, in scimSelection) (any, error) {
		return in.show(a.user(c.user)), nil
	})
	for _, kind := range scimKinds {
		path := scimPath + kind
		scimRoute(s, "GET", path, func(c *call, in scimQuery) (any, error) { return a.list(c, kind, in) })
		scimRoute(s, "POST", path, func(c *call, in scimResource) (any, error) { return a.create(c, kind, in) })
		scimRoute(s, "GET", path+"/{id}", func(c *call, in struct {
			scimID
			scimSelection
		}) (any, error) {
			r, err := a.find(c, kind, in.ID)
			if err != nil {
				return nil, err
			}
			return in.show(*r), nil
		})
		scimRoute(s, "PUT", path+"/{id}", func(c *call, in scimResource) (any, error) {
			return a.replace(c, kind, c.segments["id"].(fieldValues)[0], in)
		})
		scimRoute(s, "PATCH", path+"/{id}", func(c *call, in scimPatch) (any, error) { return a.patch(c, kind, in) })
		scimRoute(s, "DELETE", path+"/{id}", func(c *call, in scimID) (any, error) { return a.delete(c, kind, in.ID) })
	}
}

// scimRoute adds an operation that only administrators may use.
func scimRoute[In any](s *Server, method, path string, handle func(*call, In) (any, error)) {
	route(s, method, path, func(c *call, in In) (any, error) {
		if !c.user.admin {
			return nil, scimFail(http.StatusForbidden, "", "Only admins of the workspace can manage identities.")
		}
		return handle(c, in)
	})
}

type scimID struct {
	ID string `json:"id"`
}

type scimSelection struct {
	Attributes string `json:"attributes"`
	Excluded   string `json:"excludedAttributes"`
}

// show returns a resource with the requested attributes.
func (in scimSelection) show(r scimResource) any {
	if in.Attributes == "" && in.Excluded == "" {
		return r
	}
	tree := asTree(r)
	for name := range tree {
		keep := name == "id" || name == "schemas" || in.Attributes == "" || listedIn(in.Attributes, name)
		if !keep || listedIn(in.Excluded, name) {
			delete(tree, name)
		}
	}
	return tree
}

func listedIn(list, name string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(item string) bool {
		head, _, _ := strings.Cut(strings.TrimSpace(item), ".")
		return strings.EqualFold(head, name)
	})
}

func scimValues(values []string) (list []scimValue) {
	for _, v := range values {
		list = append(list, scimValue{Value: v})
	}
	return list
}

func plainValues(list []scimValue) (values []string) {
	for _, v := range list {
		if v.Value != "" && !slices.Contains(values, v.Value) {
			values = append(values, v.Value)
		}
	}
	return values
}

func (u *user) displayName() string { return cmp.Or(u.display, u.name) }

// user returns the resource of a user or a service principal.
func (a *scimArea) user(u *user) scimResource {
	r := scimResource{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, ID: strconv.FormatInt(u.id, 10), UserName: u.name,
		DisplayName: u.displayName(), Active: new(!u.inactive), Roles: scimValues(u.roles), Entitlements: scimValues(u.entitlements), ExternalID: u.externalID,
	}
	for _, g := range a.s.groups.groups {
		if g.name != usersGroup && a.s.groups.hasUser(g.name, u) {
			kind := "indirect"
			if slices.Contains(g.members, principal{UserName: u.name}) {
				kind = "direct"
			}
			r.Groups = append(r.Groups, scimValue{Value: a.groupID(g), Display: g.name, Ref: "Groups/" + a.groupID(g), Type: kind})
		}
	}
	if u.service {
		return r
	}
	r.Name, r.Emails = u.fullName, []scimValue{{Value: u.name, Type: "work", Primary: true}}
	return r
}

// principal returns the resource of a service principal.
func (a *scimArea) principal(u *user) scimResource {
	r := a.user(u)
	r.Schemas = []string{"urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"}
	r.UserName, r.ApplicationID = "", u.name
	return r
}

// groupID returns the ID of a group. It generates the ID when it is first
// needed.
func (a *scimArea) groupID(g *group) string {
	if g.id == 0 {
		g.id = a.s.random.id()
		a.s.touch(kindCollection, "groups")
	}
	return strconv.FormatInt(g.id, 10)
}

func (a *scimArea) group(g *group) scimResource {
	r := scimResource{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, ID: a.groupID(g), DisplayName: g.name,
		Roles: scimValues(g.roles), Entitlements: scimValues(g.entitlements), ExternalID: g.externalID, Meta: &scimMeta{"WorkspaceGroup"},
	}
	if g.account {
		r.Meta.ResourceType = "Group"
	}
	for _, m := range g.members {
		if other := a.s.groups.find(m.GroupName); other != nil {
			r.Members = append(r.Members, scimValue{Value: a.groupID(other), Display: other.name, Ref: "Groups/" + a.groupID(other)})
		} else if u := a.s.identities.byName[m.UserName]; u != nil {
			r.Members = append(r.Members, a.member(u))
		}
	}
	if g.name == usersGroup {
		for _, u := range a.s.identities.users {
			r.Members = append(r.Members, a.member(u))
		}
	}
	for _, parent := range a.s.groups.groups {
		if slices.Contains(parent.members, principal{GroupName: g.name}) {
			r.Groups = append(r.Groups, scimValue{Value: a.groupID(parent), Display: parent.name, Ref: "Groups/" + a.groupID(parent), Type: "direct"})
		}
	}
	return r
}

func (a *scimArea) member(u *user) scimValue {
	kind := "Users/"
	if u.service {
		kind = "ServicePrincipals/"
	}
	id := strconv.FormatInt(u.id, 10)
	return scimValue{Value: id, Display: u.displayName(), Ref: kind + id}
}

// all returns all resources of a kind, with the time when each was created.
func (a *scimArea) all(kind string) (all []scimResource, created []time.Time) {
	switch kind {
	case "Groups":
		for _, g := range a.s.groups.groups {
			all, created = append(all, a.group(g)), append(created, g.created)
		}
	default:
		for _, u := range a.s.identities.users {
			switch {
			case u.service && kind == "ServicePrincipals":
				all = append(all, a.principal(u))
			case !u.service && kind == "Users":
				all = append(all, a.user(u))
			default:
				continue
			}
			created = append(created, u.created)
		}
	}
	return all, created
}

func (a *scimArea) find(_ *call, kind, id string) (*scimResource, error) {
	all, _ := a.all(kind)
	for _, r := range all {
		if r.ID == id {
			return &r, nil
		}
	}
	return nil, scimFail(http.StatusNotFound, "", "%s with id %s not found.", strings.TrimSuffix(kind, "s"), id)
}

type scimQuery struct {
	scimSelection
	Filter     string `json:"filter"`
	StartIndex *int   `json:"startIndex"`
	Count      *int   `json:"count"`
	SortBy     string `json:"sortBy"`
	SortOrder  string `json:"sortOrder"`
}

func (a *scimArea) list(c *call, kind string, in scimQuery) (any, error) {
	matches, err := parseFilter(in.Filter)
	if err != nil {
		return nil, err
	}
	all, created := a.all(kind)
	var trees []map[string]any
	var shown []scimResource
	for i, r := range all {
		if at := created[i]; !at.IsZero() && c.now.Sub(at) < a.lag {
			continue
		}
		if tree := asTree(r); matches(tree) {
			trees, shown = append(trees, tree), append(shown, r)
		}
	}
	if in.SortBy != "" {
		order := make([]int, len(shown))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(x, y int) int {
			by := strings.Compare(strings.ToLower(fmt.Sprint(trees[x][in.SortBy])), strings.ToLower(fmt.Sprint(trees[y][in.SortBy])))
			if in.SortOrder == "descending" {
				return -by
			}
			return by
		})
		sorted := make([]scimResource, len(shown))
		for i, from := range order {
			sorted[i] = shown[from]
		}
		shown = sorted
	}
	start, count := 1, 100 // the service's default is not known
	if in.StartIndex != nil {
		start = max(1, *in.StartIndex)
	}
	if in.Count != nil {
		count = min(max(0, *in.Count), 10_000)
	}
	from := min(start-1, len(shown))
	page := shown[from:min(from+count, len(shown))]
	out := struct {
		Schemas   []string `json:"schemas"`
		Total     int      `json:"totalResults"`
		Start     int      `json:"startIndex"`
		PerPage   int      `json:"itemsPerPage"`
		Resources []any    `json:"Resources,omitempty"`
	}{[]string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, len(shown), start, len(page), nil}
	for _, r := range page {
		out.Resources = append(out.Resources, in.show(r))
	}
	return out, nil
}

var filterToken = regexp.MustCompile(`^\s*(?:(\()|(\))|("(?:[^"\\]|\\.)*")|([\w.$]+))`)

// parseFilter parses comparisons joined by "and", "or" and parentheses.
func parseFilter(text string) (func(tree map[string]any) bool, error) {
	var tokens []string
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := filterToken.FindString(rest)
		if m == "" {
			return nil, scimFail(http.StatusBadRequest, "invalidFilter", "Given filter operator is not supported: %s", shortened(text))
		}
		tokens, rest = append(tokens, strings.TrimSpace(m)), rest[len(m):]
	}
	if len(tokens) == 0 {
		return func(map[string]any) bool { return true }, nil
	}
	f := &filterParser{tokens: tokens}
	matches := f.or()
	if f.failed || len(f.tokens) > 0 {
		return nil, scimFail(http.StatusBadRequest, "invalidFilter", "Given filter operator is not supported: %s", shortened(text))
	}
	return matches, nil
}

type filterParser struct {
	tokens []string
	failed bool
	depth  int
}

func (f *filterParser) next() string {
	if len(f.tokens) == 0 {
		f.failed = true
		return ""
	}
	token := f.tokens[0]
	f.tokens = f.tokens[1:]
	return token
}

// is consumes the next token if it is the given word.
func (f *filterParser) is(word string) bool {
	if len(f.tokens) > 0 && strings.EqualFold(f.tokens[0], word) {
		f.tokens = f.tokens[1:]
		return true
	}
	return false
}

func (f *filterParser) or() func(map[string]any) bool {
	left := f.and()
	for f.is("or") {
		one, other := left, f.and()
		left = func(t map[string]any) bool { return one(t) || other(t) }
	}
	return left
}

func (f *filterParser) and() func(map[string]any) bool {
	left := f.compare()
	for f.is("and") {
		one, other := left, f.compare()
		left = func(t map[string]any) bool { return one(t) && other(t) }
	}
	return left
}

func (f *filterParser) compare() func(map[string]any) bool {
	if f.is("(") {
		if f.depth++; f.depth > 50 {
			f.failed = true
			return nil
		}
		inner := f.or()
		if f.next() != ")" {
			f.failed = true
		}
		return inner
	}
	path, op, text := f.next(), strings.ToLower(f.next()), f.next()
	var want string
	if json.Unmarshal([]byte(text), &want) != nil {
		want = text
	}
	want = strings.ToLower(want)
	test := map[string]func(string) bool{
		"eq": func(v string) bool { return v == want }, "ne": func(v string) bool { return v != want },
		"co": func(v string) bool { return strings.Contains(v, want) }, "sw": func(v string) bool { return strings.HasPrefix(v, want) },
	}[op]
	if test == nil {
		f.failed = true
		return nil
	}
	return func(tree map[string]any) bool {
		values := textsAt(tree, strings.Split(path, "."))
		if op == "ne" {
			return !slices.ContainsFunc(values, func(v string) bool { return !test(v) })
		}
		return slices.ContainsFunc(values, test)
	}
}

// textsAt returns the values at a path in lower case. For a list, it returns
// the values of all elements.
func textsAt(node any, path []string) []string {
	switch node := node.(type) {
	case nil:
		return nil
	case []any:
		var all []string
		for _, element := range node {
			all = append(all, textsAt(element, path)...)
		}
		return all
	case map[string]any:
		if len(path) == 0 {
			path = []string{"value"}
		}
		for name, member := range node {
			if strings.EqualFold(name, path[0]) {
				return textsAt(member, path[1:])
			}
		}
		return nil
	}
	return []string{strings.ToLower(fmt.Sprint(node))}
}

func created(r scimResource) response { return jsonResponse(http.StatusCreated, r) }

func (a *scimArea) create(c *call, kind string, in scimResource) (any, error) {
	switch kind {
	case "Users":
		return a.createUser(c, in, in.UserName, false)
	case "ServicePrincipals":
		if in.ApplicationID == "" {
			h := c.random.hex(32)
			in.ApplicationID = h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
		}
		return a.createUser(c, in, in.ApplicationID, true)
	}
	switch {
	case in.DisplayName == "":
		return nil, scimFail(http.StatusBadRequest, "invalidValue", "Attribute displayName is required.")
	case c.groups.find(in.DisplayName) != nil:
		return nil, scimFail(http.StatusConflict, "uniqueness", "Group with name %s already exists.", in.DisplayName)
	}
	g := &group{name: in.DisplayName, created: c.now}
	c.groups.groups = append(c.groups.groups, g)
	if err := a.setGroup(c, g, in); err != nil {
		c.groups.groups = slices.DeleteFunc(c.groups.groups, func(other *group) bool { return other == g })
		return nil, err
	}
	return created(a.group(g)), nil
}

func (a *scimArea) createUser(c *call, in scimResource, name string, service bool) (any, error) {
	what := "User"
	if service {
		what = "Service principal"
	}
	switch {
	case name == "" || !service && !strings.Contains(name, "@"):
		return nil, scimFail(http.StatusBadRequest, "invalidValue", "Attribute userName must be an e-mail address.")
	case c.identities.named(name) != nil:
		return nil, scimFail(http.StatusConflict, "uniqueness", "%s with username %s already exists.", what, name)
	}
	u := c.identities.addUser(User{Name: name}, c.now)
	u.service, u.created = service, c.now
	a.setUser(u, in)
	show := a.user
	if service {
		show = a.principal
		c.oauth.principals[name] = &ServicePrincipal{ApplicationID: name}
	}
	if _, err := c.workspace.dir(c, []string{"Users", name}); err != nil {
		return nil, err
	}
	return created(show(u)), nil
}

// setUser updates all mutable attributes of a user or a service principal.
func (a *scimArea) setUser(u *user, in scimResource) {
	u.display, u.fullName, u.externalID = in.DisplayName, in.Name, in.ExternalID
	u.roles, u.entitlements = plainValues(in.Roles), plainValues(in.Entitlements)
	if in.Active != nil {
		u.inactive = !*in.Active
	}
}

// setGroup updates all mutable attributes of a group.
func (a *scimArea) setGroup(c *call, g *group, in scimResource) error {
	var members []principal
	for _, m := range in.Members {
		p, err := a.byID(c, m.Value)
		switch {
		case err != nil:
			return err
		case p.GroupName == g.name, p.GroupName != "" && c.groups.contains(p.GroupName, principal{GroupName: g.name}):
			return scimFail(http.StatusBadRequest, "invalidValue", "Group %s would contain itself.", g.name)
		case !slices.Contains(members, p):
			members = append(members, p)
		}
	}
	if name := cmp.Or(in.DisplayName, g.name); name != g.name {
		switch other := c.groups.find(name); {
		case g.name == adminsGroup || g.name == usersGroup:
			return scimFail(http.StatusForbidden, "", "Group %s cannot be renamed.", g.name)
		case other != nil:
			return scimFail(http.StatusConflict, "uniqueness", "Group with name %s already exists.", name)
		}
		a.rename(c, g, name)
	}
	if g.name != usersGroup {
		g.members = members
	}
	g.roles, g.entitlements, g.externalID = plainValues(in.Roles), plainValues(in.Entitlements), in.ExternalID
	c.groups.changed(&c.identities)
	return nil
}

// rename renames a group. The group keeps its memberships and permissions.
func (a *scimArea) rename(c *call, g *group, name string) {
	for _, other := range c.groups.groups {
		for i, m := range other.members {
			if m.GroupName == g.name {
				other.members[i].GroupName = name
			}
		}
	}
	lists := [][]jobACL{}
	for _, acl := range c.permissions.acls {
		lists = append(lists, acl)
	}
	for _, j := range c.jobs.jobs {
		c.touchJob(j)
		lists = append(lists, j.acl)
	}
	for _, acl := range lists {
		for i := range acl {
			if acl[i].Group == g.name {
				acl[i].Group = name
			}
		}
	}
	g.name = name
}

// byID returns a principal by its ID.
func (a *scimArea) byID(c *call, id string) (principal, error) {
	for _, u := range c.identities.users {
		if strconv.FormatInt(u.id, 10) == id {
			return principal{UserName: u.name}, nil
		}
	}
	for _, g := range c.groups.groups {
		if a.groupID(g) == id {
			return principal{GroupName: g.name}, nil
		}
	}
	return principal{}, scimFail(http.StatusBadRequest, "invalidValue", "Principal with id %s not found.", id)
}

// replace implements PUT, and the last step of PATCH.
func (a *scimArea) replace(c *call, kind, id string, in scimResource) (any, error) {
	if _, err := a.find(c, kind, id); err != nil {
		return nil, err
	}
	if kind == "Groups" {
		for _, g := range c.groups.groups {
			if a.groupID(g) == id {
				if err := a.setGroup(c, g, in); err != nil {
					return nil, err
				}
				return a.group(g), nil
			}
		}
	}
	for _, u := range c.identities.users {
		if strconv.FormatInt(u.id, 10) == id {
			a.setUser(u, in)
			a.setGroups(c, u, in.Groups)
			if u.service {
				return a.principal(u), nil
			}
			return a.user(u), nil
		}
	}
	return nil, nil
}

// setGroups sets the groups that a user is a direct member of.
func (a *scimArea) setGroups(c *call, u *user, groups []scimValue) {
	p := principal{UserName: u.name}
	for _, g := range c.groups.groups {
		wanted := slices.ContainsFunc(groups, func(v scimValue) bool { return v.Value == a.groupID(g) && v.Type != "indirect" })
		switch {
		case g.name == usersGroup || g.account:
		case wanted && !slices.Contains(g.members, p):
			g.members = append(g.members, p)
		case !wanted:
			g.members = slices.DeleteFunc(g.members, func(m principal) bool { return m == p })
		}
	}
	c.groups.changed(&c.identities)
}

type scimPatch struct {
	scimID
	Schemas    []string `json:"schemas" api:"required"`
	Operations []struct {
		Op    string `json:"op" api:"required"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	} `json:"Operations" api:"required"`
}

var patchPath = regexp.MustCompile(`^(\w+)(?:\[(.*)\])?$`)

func (a *scimArea) patch(c *call, kind string, in scimPatch) (any, error) {
	r, err := a.find(c, kind, in.ID)
	if err != nil {
		return nil, err
	}
	tree := asTree(*r)
	for _, op := range in.Operations {
		changes := map[string]any{op.Path: op.Value}
		if object, ok := op.Value.(map[string]any); ok && op.Path == "" {
			changes = object
		}
		for path, value := range changes {
			if err := applyPatch(tree, strings.ToLower(op.Op), path, value); err != nil {
				return nil, err
			}
		}
	}
	var out scimResource
	if err := decode(tree, &out); err != nil {
		return nil, scimFail(http.StatusBadRequest, "invalidValue", "%s", err.(*apiError).message)
	}
	if _, err := a.replace(c, kind, in.ID, out); err != nil {
		return nil, err
	}
	return response{http.StatusNoContent, http.Header{}, nil, nil}, nil
}

// listAttributes are the attributes with several values.
var listAttributes = []string{"members", "groups", "roles", "entitlements", "emails"}

// applyPatch applies one operation of a PATCH.
func applyPatch(tree map[string]any, op, path string, value any) error {
	m := patchPath.FindStringSubmatch(path)
	if m == nil || !slices.Contains([]string{"add", "remove", "replace"}, op) {
		return scimFail(http.StatusBadRequest, "invalidPath", "Unsupported operation %s of path %s.", shortened(op), shortened(path))
	}
	name := m[1]
	if !slices.Contains(listAttributes, name) {
		if op == "remove" {
			delete(tree, name)
		} else {
			tree[name] = value
		}
		return nil
	}
	old, _ := tree[name].([]any)
	added, ok := value.([]any)
	if !ok && value != nil {
		added = []any{value}
	}
	idOf := func(v any) string {
		if object, ok := v.(map[string]any); ok {
			return fmt.Sprint(object["value"])
		}
		return fmt.Sprint(v)
	}
	for i, v := range added {
		if _, ok := v.(map[string]any); !ok {
			added[i] = map[string]any{"value": fmt.Sprint(v)}
		}
	}
	switch {
	case op == "replace" && m[2] == "":
		old = nil
	case op == "remove" && m[2] == "" && len(added) == 0:
		delete(tree, name)
		return nil
	case op == "remove":
		gone, err := parseFilter(m[2])
		if err != nil {
			return err
		}
		tree[name] = slices.DeleteFunc(slices.Clone(old), func(v any) bool {
			object, _ := v.(map[string]any)
			if m[2] == "" {
				return slices.ContainsFunc(added, func(w any) bool { return idOf(w) == idOf(v) })
			}
			return gone(object)
		})
		return nil
	}
	for _, v := range added {
		if !slices.ContainsFunc(old, func(w any) bool { return idOf(w) == idOf(v) }) {
			old = append(old, v)
		}
	}
	tree[name] = old
	return nil
}

func (a *scimArea) delete(c *call, kind, id string) (any, error) {
	r, err := a.find(c, kind, id)
	if err != nil {
		return nil, err
	}
	gone := response{http.StatusNoContent, http.Header{}, nil, nil}
	if kind == "Groups" {
		if r.DisplayName == adminsGroup || r.DisplayName == usersGroup {
			return nil, scimFail(http.StatusForbidden, "", "Group %s cannot be deleted.", r.DisplayName)
		}
		_, err := c.groups.delete(c, oneGroup{r.DisplayName})
		return gone, err
	}
	name := r.UserName + r.ApplicationID
	u := c.identities.byName[name]
	c.identities.users = slices.DeleteFunc(c.identities.users, func(other *user) bool { return other == u })
	delete(c.identities.byName, name)
	delete(c.oauth.principals, name)
	for _, t := range c.identities.tokens {
		if t.user == u {
			c.identities.revoke(t)
		}
	}
	for _, g := range c.groups.groups {
		g.members = slices.DeleteFunc(g.members, func(m principal) bool { return m.UserName == name })
	}
	c.secrets.forget(name)
	c.permissions.forget(name)
	return gone, nil
}
