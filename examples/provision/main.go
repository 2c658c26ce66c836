// Provision makes a workspace what a file describes: service principals, groups and
// their members, secret scopes with secrets and permissions, directories, instance
// pools, cluster policies, clusters, jobs, and permissions on all of these. It
// prints what it is going to do, and then does it. A second run finds nothing to do.
// With -dry-run it prints the plan and changes nothing.
//
// The plan is a diff. A line with + creates something, and one with ~ changes
// something: below it, each setting has its old and its new value.
//
// The file has the form of environment.json beside this program. Pools, clusters
// and jobs are as in the calls that create them. The definition of a policy is a
// JSON object. Where an ID of a pool, a policy or a cluster belongs, a name of one
// in the file can stand. The same is true for the application ID of a service
// principal. Values of secrets are in environment variables, by the names in the
// file. Everything is known by its name. What the file does not mention stays as it
// is, and nothing is ever deleted. But a policy, a cluster or a job that differs
// gets exactly the settings of the file.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, twice. With
// DATABRICKS_HOST and DATABRICKS_TOKEN set, it uses that workspace:
//
//	go run ./examples/provision
//	go run ./examples/provision -dry-run examples/provision/environment.json
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
)

//go:embed environment.json
var sample []byte

// An environment is what the file says.
type environment struct {
	ServicePrincipals []struct {
		Name         string
		Entitlements []scim.Entitlement
	} `json:"service_principals"`
	Groups []struct {
		Name    string
		Members []databricks.AccessControl // without levels
	}
	Scopes []struct {
		Name    string
		Secrets map[string]string // names of environment variables
		ACLs    map[string]databricks.ACLPermission
	}
	Folders  []string
	Pools    []databricks.CreatePool
	Policies []struct {
		Name               string
		Definition         databricks.PolicyDefinition
		Description        string
		Libraries          []databricks.Library
		MaxClustersPerUser int64 `json:"max_clusters_per_user"`
	}
	Clusters    []databricks.ClusterSpec
	Jobs        []databricks.JobSettings
	Permissions []struct {
		On     databricks.PermissionObject // clusters, jobs, cluster-policies, instance-pools, or directories
		Name   string                      // or the path of a directory
		Grants []databricks.AccessControl
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "provision:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("provision", flag.ContinueOnError)
	dryRun := flags.Bool("dry-run", false, "print what would be done, and do nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	file := sample
	if flags.NArg() > 0 {
		var err error
		if file, err = os.ReadFile(flags.Arg(0)); err != nil {
			return err
		}
	}
	p := provision{out: out, secret: os.LookupEnv}
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields() // a misspelt setting is not to be passed over
	if err := decoder.Decode(&p.environment); err != nil {
		return fmt.Errorf("the file: %w", err)
	}

	if os.Getenv("DATABRICKS_HOST") != "" {
		if flags.NArg() != 1 {
			return errors.New("say which file")
		}
		var err error
		if p.client, err = databricks.NewClient(databricks.WithUserAgent("provision", "1")); err != nil {
			return err
		}
		return p.run(ctx, *dryRun)
	}
	fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	defer server.Close()
	p.client = server.Client()
	p.secret = func(string) (string, bool) { return "made up", true }
	if err := p.run(ctx, *dryRun); err != nil || *dryRun {
		return err
	}
	fmt.Fprintln(out, "And once more:")
	return p.run(ctx, *dryRun)
}

// A provision makes a workspace what an environment says.
type provision struct {
	environment
	client     *databricks.Client
	identities *scim.Client
	out        io.Writer
	secret     func(variable string) (string, bool)
	steps      []step

	// ids are the IDs of what exists, by kind and name. A step that creates
	// something adds its ID.
	ids map[[2]string]string
}

// Kinds of what has an ID, beside the kinds of objects that have permissions.
const (
	principals   = "service principals" // their application IDs
	principalIDs = "service principal IDs"
	users        = "users"
	groups       = "groups"
)

// id returns the ID for a name, or the name itself, which may be an ID.
func (p *provision) id(kind, name string) string {
	if id, ok := p.ids[[2]string{kind, name}]; ok {
		return id
	}
	return name
}

func (p *provision) known(kind, name string) bool { _, ok := p.ids[[2]string{kind, name}]; return ok }

func (p *provision) learn(kind, name, id string) { p.ids[[2]string{kind, name}] = id }

// A step is something to do. Its text is a line of the plan, and perhaps more
// lines below it.
type step struct {
	what string
	do   func(context.Context) error
}

func (s step) line() string { line, _, _ := strings.Cut(s.what, "\n"); return line }

func (p *provision) plan(do func(context.Context) error, format string, args ...any) {
	p.steps = append(p.steps, step{fmt.Sprintf(format, args...), do})
}

// run first finds out what there is to do, which only reads, and then does it.
func (p *provision) run(ctx context.Context, dryRun bool) error {
	p.steps, p.ids, p.identities = nil, map[[2]string]string{}, scim.NewClient(p.client)
	for _, plan := range []func(context.Context) error{ // each may need those before it
		p.planPrincipals, p.planGroups, p.planScopes, p.planFolders, p.planPools, p.planPolicies, p.planClusters, p.planJobs, p.planPermissions,
	} {
		if err := plan(ctx); err != nil {
			return err
		}
	}
	if len(p.steps) == 0 {
		fmt.Fprintln(p.out, "Nothing to do.")
		return nil
	}
	for _, step := range p.steps {
		fmt.Fprintln(p.out, " ", step.what)
	}
	if dryRun {
		fmt.Fprintf(p.out, "%d steps to do; this was a dry run.\n", len(p.steps))
		return nil
	}
	for i, step := range p.steps {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w; %d of %d steps are done", step.line(), err, i, len(p.steps))
		}
	}
	fmt.Fprintf(p.out, "%d steps done.\n", len(p.steps))
	return nil
}

func (p *provision) planPrincipals(ctx context.Context) error {
	if len(p.ServicePrincipals) == 0 {
		return nil
	}
	existing, err := p.identities.ServicePrincipals.List(ctx, scim.ListOptions{})
	if err != nil {
		return err
	}
	for _, want := range p.ServicePrincipals {
		found := slices.DeleteFunc(slices.Clone(existing), func(s scim.ServicePrincipal) bool { return s.DisplayName != want.Name })
		switch len(found) {
		case 0:
			p.plan(func(ctx context.Context) error {
				made, err := p.identities.ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: want.Name, Entitlements: scim.Values(want.Entitlements...)})
				if err == nil {
					p.learn(principals, want.Name, made.ApplicationID)
					p.learn(principalIDs, want.Name, made.ID)
				}
				return err
			}, "+ service principal %s", want.Name)
		case 1:
			p.learn(principals, want.Name, found[0].ApplicationID)
			p.learn(principalIDs, want.Name, found[0].ID)
			for _, entitlement := range want.Entitlements {
				if !slices.ContainsFunc(found[0].Entitlements, func(v scim.ComplexValue) bool { return v.Value == string(entitlement) }) {
					p.plan(func(ctx context.Context) error {
						return p.identities.ServicePrincipals.Patch(ctx, found[0].ID, scim.AddEntitlements(entitlement))
					}, "+ entitlement %s of service principal %s", entitlement, want.Name)
				}
			}
		default:
			return fmt.Errorf("there are %d service principals called %s", len(found), want.Name)
		}
	}
	return nil
}

func (p *provision) planGroups(ctx context.Context) error {
	for _, want := range p.Groups {
		group, err := p.identities.Groups.Find(ctx, want.Name)
		switch {
		case err == nil:
			p.learn(groups, want.Name, group.ID)
		case errors.Is(err, fs.ErrNotExist):
			group = &scim.Group{}
			p.plan(func(ctx context.Context) error {
				made, err := p.identities.Groups.Create(ctx, scim.Group{DisplayName: want.Name})
				if err == nil {
					p.learn(groups, want.Name, made.ID)
				}
				return err
			}, "+ group %s", want.Name)
		default:
			return err
		}
		for _, member := range want.Members {
			kind, name, err := p.member(ctx, member)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(group.Members, func(v scim.ComplexValue) bool { return v.Value == p.id(kind, name) }) {
				p.plan(func(ctx context.Context) error {
					return p.identities.Groups.Patch(ctx, p.id(groups, want.Name), scim.AddMembers(p.id(kind, name)))
				}, "+ member %s of group %s", name, want.Name)
			}
		}
	}
	return nil
}

// member says what a member of a group is, and learns its ID if it has one.
func (p *provision) member(ctx context.Context, member databricks.AccessControl) (kind, name string, err error) {
	var id string
	switch {
	case member.UserName != "":
		kind, name = users, member.UserName
		var user *scim.User
		if user, err = p.identities.Users.Find(ctx, name); err == nil {
			id = user.ID
		}
	case member.ServicePrincipalName != "":
		return principalIDs, member.ServicePrincipalName, nil
	default:
		kind, name = groups, member.GroupName
		var group *scim.Group
		if group, err = p.identities.Groups.Find(ctx, name); err == nil {
			id = group.ID
		} else if errors.Is(err, fs.ErrNotExist) {
			return kind, name, nil // it is to be made
		}
	}
	p.learn(kind, name, id)
	return kind, name, err
}

func (p *provision) planScopes(ctx context.Context) error {
	there, err := p.client.Secrets.ListScopes(ctx)
	if err != nil {
		return err
	}
	for _, scope := range p.Scopes {
		var acls []databricks.ACLItem
		exists := slices.ContainsFunc(there, func(s databricks.SecretScope) bool { return strings.EqualFold(s.Name, scope.Name) })
		if exists {
			if acls, err = p.client.Secrets.ListACLs(ctx, scope.Name); err != nil {
				return err
			}
		} else {
			p.plan(func(ctx context.Context) error {
				return p.client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: scope.Name})
			}, "+ secret scope %s", scope.Name)
		}
		for _, key := range slices.Sorted(maps.Keys(scope.Secrets)) {
			value, ok := p.secret(scope.Secrets[key])
			if !ok {
				return fmt.Errorf("secret %s of scope %s: $%s is not set", key, scope.Name, scope.Secrets[key])
			}
			sign := "+"
			if exists {
				switch now, err := p.client.Secrets.Get(ctx, scope.Name, key); {
				case err == nil && string(now) == value:
					continue
				case err == nil:
					sign = "~"
				case errors.Is(err, databricks.ErrBadRequest): // nobody may read secrets here, so it is put each time
					sign = "~"
				case err != nil && !errors.Is(err, fs.ErrNotExist):
					return err
				}
			}
			p.plan(func(ctx context.Context) error {
				return p.client.Secrets.Put(ctx, databricks.PutSecret{Scope: scope.Name, Key: key, StringValue: new(databricks.Secret(value))})
			}, "%s secret %s in scope %s", sign, key, scope.Name)
		}
		for _, principal := range slices.Sorted(maps.Keys(scope.ACLs)) {
			permission := scope.ACLs[principal]
			if !slices.Contains(acls, databricks.ACLItem{Principal: p.id(principals, principal), Permission: permission}) {
				p.plan(func(ctx context.Context) error {
					return p.client.Secrets.PutACL(ctx, databricks.PutACL{Scope: scope.Name, Principal: p.id(principals, principal), Permission: permission})
				}, "+ %s on secret scope %s for %s", permission, scope.Name, principal)
			}
		}
	}
	return nil
}

func (p *provision) planFolders(ctx context.Context) error {
	for _, folder := range p.Folders {
		status, err := p.client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: folder})
		switch {
		case err == nil:
			p.learn(string(databricks.PermissionsOnDirectories), folder, fmt.Sprint(status.ObjectID))
		case errors.Is(err, fs.ErrNotExist):
			p.plan(func(ctx context.Context) error {
				if err := p.client.Workspace.Mkdirs(ctx, folder); err != nil {
					return err
				}
				status, err := p.client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: folder})
				if err == nil {
					p.learn(string(databricks.PermissionsOnDirectories), folder, fmt.Sprint(status.ObjectID))
				}
				return err
			}, "+ directory %s", folder)
		default:
			return err
		}
	}
	return nil
}

func (p *provision) planPools(ctx context.Context) error {
	if len(p.Pools) == 0 {
		return nil
	}
	existing, err := p.client.Pools.List(ctx)
	if err != nil {
		return err
	}
	const kind = string(databricks.PermissionsOnInstancePools)
	for _, want := range p.Pools {
		i := slices.IndexFunc(existing, func(pool databricks.InstancePool) bool { return pool.InstancePoolName == want.InstancePoolName })
		if i < 0 {
			p.plan(func(ctx context.Context) error {
				id, err := p.client.Pools.Create(ctx, want)
				p.learn(kind, want.InstancePoolName, id)
				return err
			}, "+ pool %s", want.InstancePoolName)
			continue
		}
		pool := existing[i]
		p.learn(kind, want.InstancePoolName, pool.InstancePoolID)
		edit := databricks.EditPool{
			InstancePoolID: pool.InstancePoolID, InstancePoolName: want.InstancePoolName, NodeTypeID: want.NodeTypeID,
			MinIdleInstances: want.MinIdleInstances, MaxCapacity: want.MaxCapacity, CustomTags: want.CustomTags,
			IdleInstanceAutoterminationMinutes: want.IdleInstanceAutoterminationMinutes,
			RemoteDiskThroughput:               want.RemoteDiskThroughput, TotalInitialRemoteDiskSize: want.TotalInitialRemoteDiskSize,
		}
		different := differing(want, pool)
		if editable := differing(edit, pool); different != editable || want.NodeTypeID != pool.NodeTypeID {
			return fmt.Errorf("pool %s cannot be changed like this:%s", want.InstancePoolName, different)
		}
		if different != "" {
			p.plan(func(ctx context.Context) error { return p.client.Pools.Edit(ctx, edit) }, "~ pool %s%s", want.InstancePoolName, different)
		}
	}
	return nil
}

func (p *provision) planPolicies(ctx context.Context) error {
	if len(p.Policies) == 0 {
		return nil
	}
	existing, err := p.client.Policies.List(ctx, databricks.ListPolicies{})
	if err != nil {
		return err
	}
	const kind = string(databricks.PermissionsOnClusterPolicies)
	for _, want := range p.Policies {
		input := func() databricks.CreatePolicy {
			definition := maps.Clone(want.Definition)
			for _, path := range []string{"instance_pool_id", "driver_instance_pool_id"} {
				rule := definition[path]
				if name, ok := rule.Value.(string); ok {
					rule.Value = p.id(string(databricks.PermissionsOnInstancePools), name)
					definition[path] = rule
				}
			}
			return databricks.CreatePolicy{
				Name: want.Name, Definition: definition.JSON(), Description: want.Description, Libraries: want.Libraries, MaxClustersPerUser: want.MaxClustersPerUser,
			}
		}
		i := slices.IndexFunc(existing, func(policy databricks.ClusterPolicy) bool { return policy.Name == want.Name })
		if i < 0 {
			p.plan(func(ctx context.Context) error {
				id, err := p.client.Policies.Create(ctx, input())
				p.learn(kind, want.Name, id)
				return err
			}, "+ policy %s", want.Name)
			continue
		}
		id := existing[i].PolicyID
		p.learn(kind, want.Name, id)
		rules := func(text string) string { // as differing compares it
			definition, _ := databricks.ParsePolicyDefinition(text)
			return definition.JSON()
		}
		planned, now := input(), existing[i]
		planned.Definition, now.Definition = rules(planned.Definition), rules(now.Definition)
		if different := differing(planned, now); different != "" {
			p.plan(func(ctx context.Context) error {
				return p.client.Policies.Edit(ctx, databricks.EditPolicy{PolicyID: id, CreatePolicy: input()})
			}, "~ policy %s%s", want.Name, different)
		}
	}
	return nil
}

// withIDs returns a cluster with the IDs of its policy and pools in place of
// their names.
func (p *provision) withIDs(spec databricks.ClusterSpec) databricks.ClusterSpec {
	spec.PolicyID = p.id(string(databricks.PermissionsOnClusterPolicies), spec.PolicyID)
	spec.InstancePoolID = p.id(string(databricks.PermissionsOnInstancePools), spec.InstancePoolID)
	spec.DriverInstancePoolID = p.id(string(databricks.PermissionsOnInstancePools), spec.DriverInstancePoolID)
	return spec
}

func (p *provision) planClusters(ctx context.Context) error {
	there, err := p.client.Clusters.List(ctx, databricks.ListClusters{})
	if err != nil {
		return err
	}
	const kind = string(databricks.PermissionsOnClusters)
	for _, spec := range p.Clusters {
		var found []databricks.Cluster
		for _, cluster := range there {
			if cluster.ClusterName == spec.ClusterName && cluster.ClusterSource != databricks.ClusterSourceJob {
				found = append(found, cluster)
			}
		}
		switch len(found) {
		case 0:
			p.plan(func(ctx context.Context) error {
				id, err := p.client.Clusters.Create(ctx, p.withIDs(spec))
				p.learn(kind, spec.ClusterName, id)
				return err
			}, "+ cluster %s", spec.ClusterName)
		case 1:
			p.learn(kind, spec.ClusterName, found[0].ClusterID)
			cluster, err := p.client.Clusters.Get(ctx, found[0].ClusterID)
			if err != nil {
				return err
			}
			now := cluster.ClusterSpec
			if cluster.Spec != nil {
				now = *cluster.Spec // without what the service chose
			}
			if different := differing(p.withIDs(spec), now); different != "" {
				p.plan(func(ctx context.Context) error {
					return p.client.Clusters.Edit(ctx, cluster.ClusterID, p.withIDs(spec))
				}, "~ cluster %s, which is %s%s", spec.ClusterName, cluster.State, different)
			}
		default:
			return fmt.Errorf("there are %d clusters called %s", len(found), spec.ClusterName)
		}
		// The list forgets clusters that are down for long, unless they are pinned.
		if len(found) == 0 || found[0].PinnedByUserName == "" {
			p.plan(func(ctx context.Context) error {
				return p.client.Clusters.Pin(ctx, p.id(kind, spec.ClusterName))
			}, "+ pin of cluster %s", spec.ClusterName)
		}
	}
	return nil
}

func (p *provision) planJobs(ctx context.Context) error {
	there, err := p.client.Jobs.List(ctx, databricks.ListJobs{})
	if err != nil {
		return err
	}
	for _, settings := range p.Jobs {
		there := slices.DeleteFunc(slices.Clone(there), func(j databricks.Job) bool { return j.Settings.Name != settings.Name })
		switch len(there) {
		case 0:
			p.plan(func(ctx context.Context) error {
				id, err := p.client.Jobs.Create(ctx, p.withClusters(settings))
				p.learn(string(databricks.PermissionsOnJobs), settings.Name, fmt.Sprint(id))
				return err
			}, "+ job %s", settings.Name)
		case 1:
			p.learn(string(databricks.PermissionsOnJobs), settings.Name, fmt.Sprint(there[0].JobID))
			job, err := p.client.Jobs.Get(ctx, databricks.GetJob{JobID: there[0].JobID}) // all of it, which lists need not have
			if err != nil {
				return err
			}
			want := p.withClusters(settings)
			want.AccessControlList, want.RunAs = nil, nil // these cannot be read
			if different := differing(want, job.Settings); different != "" {
				p.plan(func(ctx context.Context) error {
					settings := p.withClusters(settings)
					settings.AccessControlList = nil // for Create only
					return p.client.Jobs.Reset(ctx, job.JobID, settings)
				}, "~ job %s%s", settings.Name, different)
			}
		default:
			return fmt.Errorf("there are %d jobs called %s", len(there), settings.Name)
		}
	}
	return nil
}

// withClusters returns settings with the ids of clusters in place of their names.
func (p *provision) withClusters(settings databricks.JobSettings) databricks.JobSettings {
	id := func(name *string) { *name = p.id(string(databricks.PermissionsOnClusters), *name) }
	cluster := func(spec **databricks.ClusterSpec) {
		if *spec != nil {
			*spec = new(p.withIDs(**spec))
		}
	}
	id(&settings.ExistingClusterID)
	cluster(&settings.NewCluster)
	settings.Tasks = slices.Clone(settings.Tasks)
	for i := range settings.Tasks {
		id(&settings.Tasks[i].ExistingClusterID)
		cluster(&settings.Tasks[i].NewCluster)
	}
	return settings
}

// nouns are the kinds of objects that the file can give permissions on.
var nouns = map[databricks.PermissionObject]string{
	databricks.PermissionsOnClusters:        "cluster",
	databricks.PermissionsOnClusterPolicies: "policy",
	databricks.PermissionsOnInstancePools:   "pool",
	databricks.PermissionsOnJobs:            "job",
	databricks.PermissionsOnDirectories:     "directory",
}

func (p *provision) planPermissions(ctx context.Context) error {
	for _, want := range p.Permissions {
		kind, what := string(want.On), nouns[want.On]+" "+want.Name
		if nouns[want.On] == "" {
			return fmt.Errorf("permissions on %s are not supported", want.On)
		}
		var direct []databricks.AccessControl
		if p.known(kind, want.Name) {
			permissions, err := p.client.Permissions.Get(ctx, want.On, p.id(kind, want.Name))
			if err != nil {
				return err
			}
			direct = permissions.Direct()
		}
		for _, grant := range want.Grants {
			who := grant.UserName + grant.GroupName + grant.ServicePrincipalName
			resolved := func() databricks.AccessControl {
				grant := grant
				grant.ServicePrincipalName = p.id(principals, grant.ServicePrincipalName)
				return grant
			}
			if slices.Contains(direct, resolved()) {
				continue
			}
			p.plan(func(ctx context.Context) error {
				_, err := p.client.Permissions.Update(ctx, databricks.UpdatePermissions{
					Object: want.On, ID: p.id(kind, want.Name), AccessControlList: []databricks.AccessControl{resolved()},
				})
				return err
			}, "+ %s on %s for %s", grant.PermissionLevel, what, who)
		}
	}
	return nil
}

// differing returns a line for each setting in want that is not so in now: its
// name, its old and its new value, without secrets. What want leaves out is for the
// service to choose, and does not count.
func differing(want, now any) string {
	var lines strings.Builder
	wanted, there := object(want), object(now)
	before, after := logged(now), logged(want)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if within(wanted[name], there[name]) {
			continue
		}
		if before, after := shown(before[name]), shown(after[name]); before != after {
			fmt.Fprintf(&lines, "\n      %s: %s → %s", name, before, after)
		} else {
			fmt.Fprintf(&lines, "\n      %s: a secret", name)
		}
	}
	return lines.String()
}

// logged is a value as a log has it: its members without secrets.
func logged(v any) map[string]any {
	if v, ok := v.(slog.LogValuer); ok {
		members, _ := v.LogValue().Any().(map[string]any)
		return members
	}
	return object(v)
}

// shown is a value as it is in JSON.
func shown(v any) string {
	if v == nil {
		return "unset"
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return string(text)
}

func object(v any) (members map[string]any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		panic(err) // what was JSON can be JSON again
	}
	return members
}

func within(want, now any) bool {
	switch want := want.(type) {
	case map[string]any:
		there, _ := now.(map[string]any)
		for name := range want {
			if !within(want[name], there[name]) {
				return false
			}
		}
		return true
	case []any:
		there, _ := now.([]any)
		return slices.EqualFunc(want, there, within)
	}
	return want == now || now == nil && reflect.ValueOf(want).IsZero()
}
