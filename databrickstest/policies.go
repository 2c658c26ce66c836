package databrickstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// policiesArea has the cluster policies. The clusters area uses it to apply a
// policy to the spec of a cluster.
type policiesArea struct {
	s       *Server
	byID    map[string]*policy
	inOrder []*policy
}

type policy struct {
	policyInput
	id      string
	creator string
	created time.Time
	rules   map[string]policyRule `state:"-"` // parsed from the definition
}

type policyInput struct {
	Name               string    `json:"name" api:"required"`
	Definition         string    `json:"definition"`
	Description        string    `json:"description"`
	Libraries          []library `json:"libraries"`
	MaxClustersPerUser int64     `json:"max_clusters_per_user"`
	FamilyID           string    `json:"policy_family_id"`
	Overrides          string    `json:"policy_family_definition_overrides"`
}

// A policyRule is the rule for one attribute.
type policyRule struct {
	Type     string   `json:"type" api:"required"`
	Value    any      `json:"value"`
	Values   []string `json:"values"`
	Pattern  string   `json:"pattern"`
	Min      *float64 `json:"minValue"`
	Max      *float64 `json:"maxValue"`
	Default  any      `json:"defaultValue"`
	Optional bool     `json:"isOptional"`
	pattern  *regexp.Regexp
}

type policyFamily struct {
	ID          string `json:"policy_family_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Definition  string `json:"definition"`
}

// policyFamilies are templates for policies, similar to some of the service's.
var policyFamilies = []policyFamily{
	{"personal-vm", "Personal Compute", "Small clusters of one node for one user",
		`{"num_workers":{"type":"fixed","value":0},"data_security_mode":{"type":"fixed","value":"SINGLE_USER","hidden":true},"autotermination_minutes":{"type":"unlimited","defaultValue":4320,"isOptional":true}}`},
	{"shared-compute", "Shared Compute", "Larger clusters that several users share",
		`{"data_security_mode":{"type":"fixed","value":"USER_ISOLATION","hidden":true},"autotermination_minutes":{"type":"unlimited","defaultValue":60,"isOptional":true}}`},
	{"power-user", "Power User Compute", "Larger clusters for one user",
		`{"data_security_mode":{"type":"allowlist","values":["SINGLE_USER","USER_ISOLATION"],"defaultValue":"SINGLE_USER","isOptional":true}}`},
	{"job-cluster", "Job Compute", "Clusters of jobs",
		`{"cluster_type":{"type":"fixed","value":"job"}}`},
}

func (a *policiesArea) register(s *Server) {
	a.s, a.byID = s, map[string]*policy{}
	s.clusters.watch(a.clusterChanged)
	const path = "/api/2.0/policies/clusters/"
	route(s, "POST", path+"create", a.create)
	route(s, "POST", path+"edit", a.edit)
	route(s, "POST", path+"delete", a.delete)
	route(s, "GET", path+"get", a.get)
	route(s, "GET", path+"list", a.list)
	route(s, "GET", path+"get-compliance", a.getCompliance)
	route(s, "GET", path+"list-compliance", a.listCompliance)
	route(s, "POST", path+"enforce-compliance", a.enforceCompliance)
	route(s, "POST", "/api/2.0/policies/clusters:cancelPendingClusterEnforcement", a.cancelPending)
	route(s, "GET", "/api/2.0/policy-families", a.listFamilies)
	route(s, "GET", "/api/2.0/policy-families/{policy_family_id}", a.getFamily)
}

func (p *policy) securable() securable { return securable{kind: "cluster-policies", id: p.id} }

// parseRules parses a definition.
func parseRules(text string) (map[string]policyRule, error) {
	tree := map[string]any{}
	if err := parseObject([]byte(text), tree); err != nil {
		return nil, invalid("The policy definition is not a JSON object.")
	}
	known := map[string]bool{"cluster_type": true, "dbus_per_hour": true}
	for _, f := range fieldsOf(reflect.TypeFor[clusterSpec]()) {
		known[f.name] = true
	}
	rules := map[string]policyRule{}
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		object, ok := tree[path].(map[string]any)
		head, _, _ := strings.Cut(path, ".")
		var rule policyRule
		switch {
		case !known[head]:
			return nil, invalid("The policy definition names an unknown attribute: '%s'.", path)
		case !ok:
			return nil, invalid("The rule for '%s' is not a JSON object.", path)
		}
		if err := decode(object, &rule); err != nil {
			return nil, err
		}
		var problem string
		switch rule.Type {
		case "fixed":
			if rule.Value == nil {
				problem = "needs a value"
			}
		case "allowlist", "blocklist":
			if len(rule.Values) == 0 {
				problem = "needs values"
			}
		case "regex":
			var err error
			if rule.pattern, err = regexp.Compile("^(?:" + rule.Pattern + ")$"); err != nil || rule.Pattern == "" {
				problem = "needs a valid pattern"
			}
		case "range":
			if rule.Min == nil && rule.Max == nil {
				problem = "needs minValue or maxValue"
			}
		case "forbidden", "unlimited":
		default:
			problem = "has an unknown type"
		}
		if path == "dbus_per_hour" && rule.Type != "range" {
			problem = "must be a range"
		}
		if problem != "" {
			return nil, invalid("The rule for '%s' %s.", path, problem)
		}
		rules[path] = rule
	}
	return rules, nil
}

// resolve validates the input for a policy and returns its rules.
func (a *policiesArea) resolve(in *policyInput, self *policy) (map[string]policyRule, error) {
	switch n := utf8.RuneCountInString(in.Name); {
	case n == 0 || n > 100:
		return nil, invalid("The policy name must have 1 to 100 characters.")
	case in.Definition != "" && in.FamilyID != "":
		return nil, invalid("Only one of definition and policy_family_id can be specified.")
	case in.Overrides != "" && in.FamilyID == "":
		return nil, invalid("policy_family_definition_overrides needs policy_family_id.")
	case in.Definition == "" && in.FamilyID == "":
		return nil, missingField("definition")
	case len(in.Libraries) > 500:
		return nil, invalid("At most 500 libraries can be specified.")
	}
	for _, other := range a.inOrder {
		if other != self && other.Name == in.Name {
			return nil, invalid("A policy with the name '%s' already exists.", in.Name)
		}
	}
	for _, l := range in.Libraries {
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	if in.FamilyID != "" {
		i := slices.IndexFunc(policyFamilies, func(f policyFamily) bool { return f.ID == in.FamilyID })
		if i < 0 {
			return nil, notFound("Policy family %s does not exist.", in.FamilyID)
		}
		tree, over := map[string]any{}, map[string]any{}
		_ = parseObject([]byte(policyFamilies[i].Definition), tree)
		if in.Overrides != "" {
			if err := parseObject([]byte(in.Overrides), over); err != nil {
				return nil, invalid("policy_family_definition_overrides is not a JSON object.")
			}
		}
		maps.Copy(tree, over)
		text, _ := json.Marshal(tree)
		in.Definition = string(text)
	}
	return parseRules(in.Definition)
}

func (a *policiesArea) create(c *call, in policyInput) (any, error) {
	if err := c.adminsOnly(); err != nil {
		return nil, err
	}
	rules, err := a.resolve(&in, nil)
	if err != nil {
		return nil, err
	}
	p := &policy{policyInput: in, id: strings.ToUpper(c.random.hex(16)), creator: c.user.name, created: c.now, rules: rules}
	a.byID[p.id] = p
	a.inOrder = append(a.inOrder, p)
	return map[string]string{"policy_id": p.id}, nil
}

type onePolicy struct {
	ID string `json:"policy_id" api:"required"`
}

func (a *policiesArea) find(id string) (*policy, error) {
	if p := a.byID[id]; p != nil {
		return p, nil
	}
	return nil, notFound("Policy %s does not exist.", id)
}

func (a *policiesArea) edit(c *call, in struct {
	onePolicy
	policyInput
}) (any, error) {
	if err := c.adminsOnly(); err != nil {
		return nil, err
	}
	p, err := a.find(in.ID)
	if err != nil {
		return nil, err
	}
	rules, err := a.resolve(&in.policyInput, p)
	if err != nil {
		return nil, err
	}
	p.policyInput, p.rules = in.policyInput, rules
	return nil, nil
}

func (a *policiesArea) delete(c *call, in onePolicy) (any, error) {
	if err := c.adminsOnly(); err != nil {
		return nil, err
	}
	p, err := a.find(in.ID)
	if err != nil {
		return nil, err
	}
	delete(a.byID, p.id)
	delete(c.permissions.acls, p.securable().key())
	a.inOrder = slices.DeleteFunc(a.inOrder, func(other *policy) bool { return other == p })
	return nil, nil
}

func (p *policy) show() any {
	return struct {
		ID                 string    `json:"policy_id"`
		Name               string    `json:"name"`
		Definition         string    `json:"definition"`
		Description        string    `json:"description,omitzero"`
		Creator            string    `json:"creator_user_name"`
		Created            int64     `json:"created_at_timestamp"`
		Libraries          []library `json:"libraries,omitempty"`
		MaxClustersPerUser int64     `json:"max_clusters_per_user,omitzero"`
		FamilyID           string    `json:"policy_family_id,omitzero"`
		Overrides          string    `json:"policy_family_definition_overrides,omitzero"`
		IsDefault          bool      `json:"is_default"`
	}{p.id, p.Name, p.Definition, p.Description, p.creator, millis(p.created), p.Libraries, p.MaxClustersPerUser, p.FamilyID, p.Overrides, false}
}

func (a *policiesArea) get(c *call, in onePolicy) (any, error) {
	p, err := a.find(in.ID)
	if err == nil {
		err = c.must(p.securable(), "CAN_USE")
	}
	if err != nil {
		return nil, err
	}
	return p.show(), nil
}

func (a *policiesArea) list(c *call, in struct {
	Order  string `json:"sort_order"`
	Column string `json:"sort_column"`
}) (any, error) {
	shown := slices.DeleteFunc(slices.Clone(a.inOrder), func(p *policy) bool { return !c.may(p.securable(), "CAN_USE") })
	if in.Column == "POLICY_NAME" {
		slices.SortStableFunc(shown, func(x, y *policy) int { return strings.Compare(x.Name, y.Name) })
	}
	if in.Order != "ASC" {
		slices.Reverse(shown)
	}
	var out struct {
		Policies []any `json:"policies,omitempty"`
	}
	for _, p := range shown {
		out.Policies = append(out.Policies, p.show())
	}
	return out, nil
}

// freeMembers are attributes whose members have arbitrary names, which may
// contain dots.
var freeMembers = []string{"spark_conf", "spark_env_vars", "custom_tags"}

// flatten stores the values of a tree in a map from paths to values.
func flatten(path string, value any, to map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			flatten(strings.TrimPrefix(path+"."+name, "."), member, to)
		}
	case []any:
		for i, element := range value {
			flatten(path+"."+strconv.Itoa(i), element, to)
		}
	default:
		to[path] = value
	}
}

// steps splits a path into the names of members.
func steps(path string) []string {
	head, rest, ok := strings.Cut(path, ".")
	if ok && slices.Contains(freeMembers, head) {
		return []string{head, rest}
	}
	return strings.Split(path, ".")
}

// put sets the value at a path. The value nil deletes it.
func put(node any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if i, err := strconv.Atoi(path[0]); err == nil {
		list, _ := node.([]any)
		if len(path) == 1 && value == nil && i < len(list) {
			return slices.Delete(slices.Clone(list), i, i+1)
		}
		for list = slices.Clone(list); len(list) <= i && i < 100; {
			list = append(list, nil)
		}
		if i < len(list) {
			list[i] = put(list[i], path[1:], value)
		}
		return list
	}
	object, _ := node.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	if value = put(object[path[0]], path[1:], value); value == nil {
		delete(object, path[0])
	} else {
		object[path[0]] = value
	}
	return object
}

// evaluate checks the attributes of a cluster against the rules. It sets the
// values of fixed rules and, if defaults is set, default values. violations
// maps paths to problems.
func (p *policy) evaluate(tree map[string]any, clusterType string, defaults bool) (violations map[string]string) {
	violations = map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(p.rules)) {
		rule := p.rules[path]
		if path == "dbus_per_hour" {
			continue // this workspace has no prices
		}
		if path == "cluster_type" {
			if problem := rule.violation(clusterType); problem != "" {
				violations[path] = problem
			}
			continue
		}
		found := map[string]any{}
		all := map[string]any{}
		flatten("", tree, all)
		for at, value := range all {
			if p.covers(path, at, rule) {
				found[at] = value
			}
		}
		for at, value := range found {
			if problem := rule.violation(value); problem != "" {
				violations[at] = problem
			}
		}
		if len(found) > 0 || strings.Contains(path, "*") || p.otherSize(tree, path) {
			continue
		}
		switch {
		case rule.Type == "fixed" && path == "num_workers" && tree["autoscale"] != nil, rule.Type == "fixed" && strings.HasPrefix(path, "autoscale.") && tree["num_workers"] != nil:
			violations[path] = fmt.Sprintf("the value must be %v (is unset)", rule.Value)
		case rule.Type == "fixed":
			put(tree, steps(path), resolved(path, rule.Value))
		case rule.Type == "forbidden":
		case rule.Default != nil && defaults:
			put(tree, steps(path), resolved(path, rule.Default))
		case !rule.Optional:
			violations[path] = "is required by the policy"
		}
	}
	return violations
}

// covers reports whether a rule applies to the value at a path.
func (p *policy) covers(path, at string, rule policyRule) bool {
	if path == at || rule.Type == "forbidden" && strings.HasPrefix(at, path+".") {
		return true
	}
	before, after, star := strings.Cut(path, "*")
	if !star || !strings.HasPrefix(at, before) {
		return false
	}
	index, tail, _ := strings.Cut(at[len(before):], ".")
	if _, own := p.rules[before+index+after]; own {
		return false
	}
	after = strings.TrimPrefix(after, ".")
	return tail == after || rule.Type == "forbidden" && (after == "" || strings.HasPrefix(tail, after+"."))
}

// otherSize reports whether a rule applies to autoscale although the cluster has
// num_workers, or the other way round, and another rule applies to its own size.
func (p *policy) otherSize(tree map[string]any, path string) bool {
	scales := func(path string) bool { return strings.HasPrefix(path, "autoscale.") }
	switch {
	case scales(path) && tree["num_workers"] != nil:
		_, ok := p.rules["num_workers"]
		return ok
	case path == "num_workers" && tree["autoscale"] != nil:
		return slices.ContainsFunc(slices.Collect(maps.Keys(p.rules)), scales)
	}
	return false
}

// violation returns how a value violates the rule, or "".
func (r policyRule) violation(value any) string {
	text := fmt.Sprint(value)
	number, err := strconv.ParseFloat(text, 64)
	listed := slices.ContainsFunc(r.Values, func(v string) bool { return same(v, text) })
	switch {
	case r.Type == "fixed" && !same(fmt.Sprint(r.Value), text):
		return fmt.Sprintf("the value must be %v (is %q)", r.Value, text)
	case r.Type == "forbidden":
		return "the value must not be present"
	case r.Type == "allowlist" && !listed:
		return fmt.Sprintf("the value must be one of %s (is %q)", strings.Join(r.Values, ", "), text)
	case r.Type == "blocklist" && listed:
		return fmt.Sprintf("the value must not be one of %s (is %q)", strings.Join(r.Values, ", "), text)
	case r.Type == "regex" && !r.pattern.MatchString(text):
		return fmt.Sprintf("the value must match %s (is %q)", r.Pattern, text)
	case r.Type == "range" && err != nil:
		return fmt.Sprintf("the value must be a number (is %q)", text)
	case r.Type == "range" && r.Min != nil && number < *r.Min:
		return fmt.Sprintf("the value must be at least %v (is %q)", *r.Min, text)
	case r.Type == "range" && r.Max != nil && number > *r.Max:
		return fmt.Sprintf("the value must be at most %v (is %q)", *r.Max, text)
	}
	return ""
}

// same compares a policy's value with a cluster's. A value such as auto:latest
// equals the newest runtime.
func same(rule, value string) bool {
	if strings.HasPrefix(rule, "auto:") && value == newestRuntime {
		return true
	}
	x, errX := strconv.ParseFloat(rule, 64)
	y, errY := strconv.ParseFloat(value, 64)
	return rule == value || errX == nil && errY == nil && x == y
}

// newestRuntime is the runtime that auto:latest selects here.
const newestRuntime = "15.4.x-scala2.12"

func resolved(path string, value any) any {
	if text, ok := value.(string); ok && path == "spark_version" && strings.HasPrefix(text, "auto:") {
		return newestRuntime
	}
	return value
}

// apply returns a spec with the changes that its policy makes. The policy does
// not change values that are set.
func (a *policiesArea) apply(spec *clusterSpec, clusterType string) (*clusterSpec, error) {
	p := a.byID[spec.PolicyID]
	if p == nil {
		return spec, nil
	}
	tree := spec.tree()
	violations := p.evaluate(tree, clusterType, isTrue(spec.ApplyPolicyDefaultValues))
	for _, path := range slices.Sorted(maps.Keys(violations)) {
		return nil, invalid("Cluster validation error: Validation failed for %s, %s", path, violations[path])
	}
	var out clusterSpec
	if err := decode(tree, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Types of clusters, as policies call them.
const (
	allPurpose = "all-purpose"
	ofJobs     = "job"
)

// permit returns the spec of a cluster that the caller wants, with the changes
// that its policy makes. It fails if the caller may not have this cluster.
// other is the existing cluster in an edit. It does not count for the limits.
func (c *call) permit(spec *clusterSpec, clusterType string, other *cluster) (*clusterSpec, error) {
	if id := spec.PolicyID; id != "" {
		p := c.policies.byID[id]
		if p == nil {
			return nil, invalid("Can't find a cluster policy with id: %s.", id)
		}
		if err := c.must(p.securable(), "CAN_USE"); err != nil {
			return nil, err
		}
		if n := c.policies.active(c.user.name, id, other, c.now); p.MaxClustersPerUser > 0 && clusterType == allPurpose && n >= p.MaxClustersPerUser {
			return nil, fail(http.StatusBadRequest, "QUOTA_EXCEEDED", "User %s has %d clusters under policy %s, which is the limit.", c.user.name, n, p.Name)
		}
	} else if other == nil && !c.entitled(mayCreateClusters) {
		return nil, notEntitled("clusters")
	}
	spec, err := c.policies.apply(spec, clusterType)
	if err == nil {
		err = spec.check()
	}
	if err != nil {
		return nil, err
	}
	for _, id := range []string{spec.InstancePoolID, spec.DriverInstancePoolID} {
		if id == "" {
			continue
		}
		pool := c.pools.byID[id]
		if pool == nil {
			return nil, invalid("Can't find an instance pool with id: %s.", id)
		}
		if err := c.must(pool.securable(), "CAN_ATTACH_TO"); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// active returns the number of a user's clusters under a policy that are
// neither terminated nor terminating.
func (a *policiesArea) active(user, id string, other *cluster, now time.Time) (n int64) {
	for cl := range a.s.clusters.all(now) {
		if cl != other && !cl.down() && cl.creator == user && cl.attributes.PolicyID == id {
			n++
		}
	}
	return n
}

// A compliance says whether a cluster complies with its policy.
type compliance struct {
	IsCompliant bool                `json:"is_compliant"`
	Violations  map[string]string   `json:"violations,omitempty"`
	Pending     *pendingEnforcement `json:"pending_enforcement,omitzero"`
}

type pendingEnforcement struct {
	Status    string           `json:"enforcement_status"`
	Time      string           `json:"initiate_time"`
	Initiator string           `json:"initiator_user"`
	Changes   []settingsChange `json:"target_changes"`
	Spec      *clusterSpec     `json:"target_spec"`
}

type settingsChange struct {
	Field    string `json:"field"`
	Previous string `json:"previous_value,omitzero"`
	New      string `json:"new_value,omitzero"`
}

func typeOf(cl *cluster) string {
	if cl.source == "JOB" {
		return ofJobs
	}
	return allPurpose
}

func (a *policiesArea) compliance(cl *cluster) compliance {
	out := compliance{IsCompliant: true, Pending: cl.pending}
	if p := a.byID[cl.sent.PolicyID]; p != nil {
		out.Violations = p.evaluate(cl.sent.tree(), typeOf(cl), false)
		out.IsCompliant = len(out.Violations) == 0
	}
	return out
}

func (a *policiesArea) getCompliance(c *call, in oneCluster) (any, error) {
	cl, err := c.clusters.reach(c, in.ClusterID, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	return a.compliance(cl), nil
}

func (a *policiesArea) listCompliance(c *call, in struct {
	onePolicy
	PageSize  int    `json:"page_size"`
	PageToken string `json:"page_token"`
}) (any, error) {
	p, err := a.find(in.ID)
	if err == nil {
		err = c.must(p.securable(), "CAN_USE")
	}
	if err != nil {
		return nil, err
	}
	type row struct {
		ClusterID string `json:"cluster_id"`
		compliance
	}
	var rows []row
	for cl := range c.clusters.all(c.now) {
		if cl.sent.PolicyID == p.id && c.may(cl.securable(), "CAN_ATTACH_TO") {
			rows = append(rows, row{cl.id, a.compliance(cl)})
		}
	}
	shown, next, prev, err := pageOf(rows, in.PageToken, in.PageSize)
	if err != nil {
		return nil, err
	}
	return struct {
		Clusters []row  `json:"clusters,omitempty"`
		Next     string `json:"next_page_token,omitzero"`
		Prev     string `json:"prev_page_token,omitzero"`
	}{shown, next, prev}, nil
}

// pageOf returns one page of a list. Tokens are positions in the list.
func pageOf[T any](all []T, token string, size int) (page []T, next, prev string, err error) {
	from := 0
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 {
			return nil, "", "", invalid("Invalid page token.")
		}
	}
	size = min(max(size, 0), 100)
	if size == 0 {
		size = 20
	}
	from = min(from, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	if from > 0 {
		prev = strconv.Itoa(max(0, from-size))
	}
	return all[from:to], next, prev, nil
}

// comply changes a spec to comply with the rules.
func (p *policy) comply(spec *clusterSpec, clusterType string) (*clusterSpec, []settingsChange, error) {
	before, after := map[string]any{}, map[string]any{}
	tree := spec.tree()
	flatten("", spec.tree(), before)
	for at := range p.evaluate(tree, clusterType, true) {
		for path, rule := range p.rules {
			if !p.covers(path, at, rule) {
				continue
			}
			var value any
			switch {
			case rule.Type == "fixed":
				value = resolved(path, rule.Value)
			case rule.Type == "forbidden":
			case rule.Default != nil:
				value = resolved(path, rule.Default)
			case rule.Type == "allowlist":
				value = resolved(path, rule.Values[0])
			case rule.Type == "range":
				number, _ := strconv.ParseFloat(fmt.Sprint(before[at]), 64)
				if rule.Max != nil {
					number = min(number, *rule.Max)
				}
				if rule.Min != nil {
					number = max(number, *rule.Min)
				}
				value = strconv.FormatFloat(number, 'f', -1, 64)
			}
			if rule.Type == "forbidden" {
				at, _, _ = strings.Cut(path, ".*")
			}
			put(tree, steps(at), value)
		}
	}
	if left := p.evaluate(tree, clusterType, true); len(left) > 0 {
		path := slices.Min(slices.Collect(maps.Keys(left)))
		return nil, nil, badState("The cluster cannot be made to comply with policy %s: %s %s", p.Name, path, left[path])
	}
	var out clusterSpec
	if err := decode(tree, &out); err != nil {
		return nil, nil, err
	}
	flatten("", out.tree(), after)
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	var changes []settingsChange
	paths := map[string]bool{}
	for path := range before {
		paths[path] = true
	}
	for path := range after {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if text(before[path]) != text(after[path]) {
			changes = append(changes, settingsChange{path, text(before[path]), text(after[path])})
		}
	}
	return &out, changes, nil
}

func (a *policiesArea) enforceCompliance(c *call, in struct {
	oneCluster
	ValidateOnly bool   `json:"validate_only"`
	Mode         string `json:"enforce_mode"`
}) (any, error) {
	cl, err := c.clusters.reach(c, in.ClusterID, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	out := struct {
		HasChanges bool             `json:"has_changes"`
		Changes    []settingsChange `json:"changes,omitempty"`
		Result     string           `json:"enforce_result,omitzero"`
	}{Result: "NO_CHANGES"}
	if cl.source == "JOB" {
		return nil, badState("Cluster %s was created by a job.", cl.id)
	}
	p := a.byID[cl.sent.PolicyID]
	if p == nil {
		return out, nil
	}
	spec, changes, err := p.comply(cl.sent, typeOf(cl))
	if err != nil {
		return nil, err
	}
	out.HasChanges, out.Changes = len(changes) > 0, changes
	switch {
	case len(changes) == 0:
	case in.ValidateOnly:
		out.Result = ""
	case in.Mode == "WAIT_FOR_TERMINATION" && cl.state != clusterTerminated:
		out.Result = "DEFERRED"
		cl.pending = &pendingEnforcement{"ACTIVE", c.now.UTC().Format(time.RFC3339), c.user.name, changes, spec}
	default:
		out.Result = "APPLIED"
		cl.pending = nil
		if err := c.clusters.reconfigure(c, cl, spec, spec.tree()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *policiesArea) cancelPending(c *call, in struct {
	oneCluster
	AllowMissing bool `json:"allow_missing"`
}) (any, error) {
	cl, err := c.clusters.reach(c, in.ClusterID, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	if cl.pending == nil && !in.AllowMissing {
		return nil, fail(http.StatusNotFound, "NOT_FOUND", "No enforcement is pending for cluster %s.", cl.id)
	}
	cl.pending = nil
	return nil, nil
}

// clusterChanged applies a pending enforcement when its cluster terminates.
func (a *policiesArea) clusterChanged(change clusterChange) {
	cl := change.cluster
	pending := cl.pending
	if pending == nil || change.kind == clusterIsUp {
		return
	}
	cl.pending = nil
	if change.kind == clusterIsDown || change.kind == clusterLostState {
		cl.sent, cl.attributes = pending.Spec, a.s.clusters.complete(pending.Spec, cl.creator)
	}
}

func (a *policiesArea) listFamilies(_ *call, in struct {
	MaxResults int    `json:"max_results"`
	PageToken  string `json:"page_token"`
}) (any, error) {
	shown, next, _, err := pageOf(policyFamilies, in.PageToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return map[string]any{"policy_families": shown, "next_page_token": next}, nil
}

func (a *policiesArea) getFamily(_ *call, in struct {
	ID      string `json:"policy_family_id"`
	Version int64  `json:"version"`
}) (any, error) {
	for _, f := range policyFamilies {
		if f.ID == in.ID && in.Version <= 1 {
			return f, nil
		}
	}
	return nil, notFound("Policy family %s does not exist.", in.ID)
}
