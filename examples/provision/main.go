// Provision creates and updates the objects that a file describes: service principals,
// groups and their members, secret scopes with secrets and permissions, directories,
// instance pools, cluster policies, clusters, jobs, and permissions on all of these. It
// prints a plan and then executes it. A second run finds nothing to do. With -dry-run,
// it prints the plan and changes nothing.
//
// The plan is a diff. A line with + creates something. A line with ~ changes something,
// and the lines below it show the old and the new value of each setting.
//
// A new service principal or group can be absent from lists for a while. The program
// waits until it is listed, so that the next run does not create it again.
//
// The file environment.json beside this program is a sample. Pools, clusters and jobs
// have the JSON of the calls that create them. The definition of a policy is a JSON
// object. The ID of a pool, a policy or a cluster may be replaced by its name in the
// file, and so may the application ID of a service principal. The file names the
// environment variables that contain the values of secrets. Objects are identified by
// their names. The program does not change or delete anything that the file does not
// mention, with two exceptions. A policy gets exactly the rules in the file. A cluster
// or a job that differs gets exactly the settings in the file. The plan shows the rules
// and the settings that are removed.
//
// Without DATABRICKS_HOST, it runs twice in an in-memory workspace. With DATABRICKS_HOST
// and DATABRICKS_TOKEN, it uses that workspace:
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
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
)

//go:embed environment.json
var sample []byte

// An environment is the content of the file.
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
	Directories []string
	Pools       []databricks.CreatePool
	Policies    []struct {
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
	dryRun := flags.Bool("dry-run", false, "only print what would be done")
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
	decoder.DisallowUnknownFields() // report misspelled settings
	if err := decoder.Decode(&p.environment); err != nil {
		return fmt.Errorf("parsing the file: %w", err)
	}

	if os.Getenv("DATABRICKS_HOST") != "" {
		if flags.NArg() != 1 {
			return errors.New("the name of a file is required")
		}
		var err error
		if p.client, err = databricks.NewClient(databricks.WithUserAgent("provision", "1")); err != nil {
			return err
		}
		return p.run(ctx, *dryRun)
	}
	fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
	defer server.Close()
	p.client = server.Client()
	p.secret = func(string) (string, bool) { return "made up", true }
	if err := p.run(ctx, *dryRun); err != nil || *dryRun {
		return err
	}
	fmt.Fprintln(out, "Second run:")
	return p.run(ctx, *dryRun)
}

// A provision creates and updates the objects of an environment.
type provision struct {
	environment
	client     *databricks.Client
	identities *scim.Client
	out        io.Writer
	secret     func(variable string) (string, bool)
	steps      []step

	// ids are the IDs of existing objects, by kind and name. A step that creates an
	// object adds its ID.
	ids map[[2]string]string
}

// Kinds of objects with IDs, in addition to the kinds of objects with permissions.
const (
	principals   = "service principals" // application IDs
	principalIDs = "service principal IDs"
	users        = "users"
	groups       = "groups"
)

// id returns the ID for a name. If the name is unknown, it may be an ID, and id returns it.
func (p *provision) id(kind, name string) string {
	if id, ok := p.ids[[2]string{kind, name}]; ok {
		return id
	}
	return name
}

func (p *provision) known(kind, name string) bool { _, ok := p.ids[[2]string{kind, name}]; return ok }

func (p *provision) learn(kind, name, id string) { p.ids[[2]string{kind, name}] = id }

// A step is one change. Its text is one or more lines of the plan.
type step struct {
	what string
	do   func(context.Context) error
}

func (s step) line() string { line, _, _ := strings.Cut(s.what, "\n"); return line }

func (p *provision) plan(do func(context.Context) error, format string, args ...any) {
	p.steps = append(p.steps, step{fmt.Sprintf(format, args...), do})
}

// run makes a plan, prints it and executes it. Making the plan changes nothing.
func (p *provision) run(ctx context.Context, dryRun bool) error {
	p.steps, p.ids, p.identities = nil, map[[2]string]string{}, scim.NewClient(p.client)
	for _, plan := range []func(context.Context) error{ // in order of their dependencies
		p.planPrincipals, p.planGroups, p.planScopes, p.planDirs, p.planPools, p.planPolicies, p.planClusters, p.planJobs, p.planPermissions,
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
				created, err := p.identities.ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: want.Name, Entitlements: scim.Values(want.Entitlements...)})
				if err != nil {
					return err
				}
				p.learn(principals, want.Name, created.ApplicationID)
				p.learn(principalIDs, want.Name, created.ID)
				return listed(ctx, p.identities.ServicePrincipals.Find, created.ApplicationID)
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
			return fmt.Errorf("%d service principals have the name %s", len(found), want.Name)
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
				created, err := p.identities.Groups.Create(ctx, scim.Group{DisplayName: want.Name})
				if err != nil {
					return err
				}
				p.learn(groups, want.Name, created.ID)
				return listed(ctx, p.identities.Groups.Find, want.Name)
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

// listed waits until lists contain a new identity. find searches a list.
func listed[T any](ctx context.Context, find func(context.Context, string) (*T, error), name string) error {
	for {
		if _, err := find(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// member returns the kind and the name of a group's member. It learns the member's ID if
// the member exists.
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
		kind, name = principalIDs, member.ServicePrincipalName
		for _, planned := range p.ServicePrincipals {
			if planned.Name == name {
				return kind, name, nil
			}
		}
		var principal *scim.ServicePrincipal
		if principal, err = p.identities.ServicePrincipals.Find(ctx, name); err == nil {
			id = principal.ID
		}
	default:
		kind, name = groups, member.GroupName
		var group *scim.Group
		if group, err = p.identities.Groups.Find(ctx, name); err == nil {
			id = group.ID
		} else if errors.Is(err, fs.ErrNotExist) {
			return kind, name, nil // the plan creates it
		}
	}
	p.learn(kind, name, id)
	return kind, name, err
}

func (p *provision) planScopes(ctx context.Context) error {
	existing, err := p.client.Secrets.ListScopes(ctx)
	if err != nil {
		return err
	}
	for _, scope := range p.Scopes {
		var acls []databricks.ACLItem
		exists := slices.ContainsFunc(existing, func(s databricks.SecretScope) bool { return strings.EqualFold(s.Name, scope.Name) })
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
				case errors.Is(err, databricks.ErrBadRequest): // secrets cannot be read here, so put it each time
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
			change := fmt.Sprint("+ ", permission)
			if i := slices.IndexFunc(acls, func(a databricks.ACLItem) bool { return strings.EqualFold(a.Principal, p.id(principals, principal)) }); i >= 0 {
				if acls[i].Permission == permission {
					continue
				}
				change = fmt.Sprintf("~ %s → %s", acls[i].Permission, permission)
			}
			p.plan(func(ctx context.Context) error {
				return p.client.Secrets.PutACL(ctx, databricks.PutACL{Scope: scope.Name, Principal: p.id(principals, principal), Permission: permission})
			}, "%s on secret scope %s for %s", change, scope.Name, principal)
		}
	}
	return nil
}

func (p *provision) planDirs(ctx context.Context) error {
	for _, dir := range p.Directories {
		status, err := p.client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: dir})
		switch {
		case err == nil:
			p.learn(string(databricks.PermissionsOnDirectories), dir, fmt.Sprint(status.ObjectID))
		case errors.Is(err, fs.ErrNotExist):
			p.plan(func(ctx context.Context) error {
				if err := p.client.Workspace.Mkdirs(ctx, dir); err != nil {
					return err
				}
				status, err := p.client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: dir})
				if err == nil {
					p.learn(string(databricks.PermissionsOnDirectories), dir, fmt.Sprint(status.ObjectID))
				}
				return err
			}, "+ directory %s", dir)
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
		var edit databricks.EditPool // an edit replaces all settings
		if err := errors.Join(convert(pool, &edit), convert(want, &edit)); err != nil {
			return err
		}
		different := differing(want, pool)
		if editable := differing(edit, pool); different != editable || want.NodeTypeID != pool.NodeTypeID {
			return fmt.Errorf("these settings of pool %s cannot be changed:%s", want.InstancePoolName, different)
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
			return databricks.CreatePolicy{
				Name: want.Name, Definition: p.withPools(want.Definition).JSON(), Description: want.Description, Libraries: want.Libraries, MaxClustersPerUser: want.MaxClustersPerUser,
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
		policy := existing[i]
		p.learn(kind, want.Name, policy.PolicyID)
		now, err := databricks.ParsePolicyDefinition(policy.Definition)
		if err != nil {
			return err
		}
		planned := input()
		planned.Definition = ""
		if different := differing(planned, policy) + replaced(p.withPools(want.Definition), now); different != "" {
			p.plan(func(ctx context.Context) error {
				edit := databricks.EditPolicy{PolicyID: policy.PolicyID} // an edit replaces all settings
				edit.Description, edit.Libraries, edit.MaxClustersPerUser = policy.Description, policy.Libraries, policy.MaxClustersPerUser
				if err := convert(input(), &edit); err != nil {
					return err
				}
				return p.client.Policies.Edit(ctx, edit)
			}, "~ policy %s%s", want.Name, different)
		}
	}
	return nil
}

// withPools returns a definition whose pools are given by ID instead of by name.
func (p *provision) withPools(definition databricks.PolicyDefinition) databricks.PolicyDefinition {
	definition = maps.Clone(definition)
	id := func(name any) any {
		if text, ok := name.(string); ok {
			return p.id(string(databricks.PermissionsOnInstancePools), text)
		}
		return name
	}
	for _, path := range []string{"instance_pool_id", "driver_instance_pool_id"} {
		if rule, ok := definition[path]; ok {
			rule.Value, rule.DefaultValue, rule.Values = id(rule.Value), id(rule.DefaultValue), slices.Clone(rule.Values)
			for i, name := range rule.Values {
				rule.Values[i] = id(name)
			}
			definition[path] = rule
		}
	}
	return definition
}

// withIDs returns a cluster whose policy and pools are given by ID instead of by name.
func (p *provision) withIDs(spec databricks.ClusterSpec) databricks.ClusterSpec {
	spec.PolicyID = p.id(string(databricks.PermissionsOnClusterPolicies), spec.PolicyID)
	spec.InstancePoolID = p.id(string(databricks.PermissionsOnInstancePools), spec.InstancePoolID)
	spec.DriverInstancePoolID = p.id(string(databricks.PermissionsOnInstancePools), spec.DriverInstancePoolID)
	return spec
}

func (p *provision) planClusters(ctx context.Context) error {
	existing, err := p.client.Clusters.List(ctx, databricks.ListClusters{})
	if err != nil {
		return err
	}
	const kind = string(databricks.PermissionsOnClusters)
	for _, spec := range p.Clusters {
		var found []databricks.Cluster
		for _, cluster := range existing {
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
				now = *cluster.Spec // without values that the service chose
			}
			if want := p.withIDs(spec); differing(want, now) != "" {
				p.plan(func(ctx context.Context) error {
					return p.client.Clusters.Edit(ctx, cluster.ClusterID, p.withIDs(spec))
				}, "~ cluster %s, which is %s%s", spec.ClusterName, cluster.State, replaced(want, now))
			}
		default:
			return fmt.Errorf("%d clusters have the name %s", len(found), spec.ClusterName)
		}
		// The service forgets terminated clusters after a while, unless they are pinned.
		if len(found) == 0 || found[0].PinnedByUserName == "" {
			p.plan(func(ctx context.Context) error {
				return p.client.Clusters.Pin(ctx, p.id(kind, spec.ClusterName))
			}, "+ pin of cluster %s", spec.ClusterName)
		}
	}
	return nil
}

func (p *provision) planJobs(ctx context.Context) error {
	existing, err := p.client.Jobs.List(ctx, databricks.ListJobs{})
	if err != nil {
		return err
	}
	for _, settings := range p.Jobs {
		found := slices.DeleteFunc(slices.Clone(existing), func(j databricks.Job) bool { return j.Settings.Name != settings.Name })
		switch len(found) {
		case 0:
			p.plan(func(ctx context.Context) error {
				id, err := p.client.Jobs.Create(ctx, p.withClusters(settings))
				p.learn(string(databricks.PermissionsOnJobs), settings.Name, fmt.Sprint(id))
				return err
			}, "+ job %s", settings.Name)
		case 1:
			p.learn(string(databricks.PermissionsOnJobs), settings.Name, fmt.Sprint(found[0].JobID))
			job, err := p.client.Jobs.Get(ctx, databricks.GetJob{JobID: found[0].JobID}) // lists may be incomplete
			if err != nil {
				return err
			}
			want := p.withClusters(settings)
			want.AccessControlList, want.RunAs = nil, nil // these cannot be read, so they cannot be compared
			if differing(want, job.Settings) != "" {
				p.plan(func(ctx context.Context) error {
					settings := p.withClusters(settings)
					settings.AccessControlList = nil // only Create accepts it
					return p.client.Jobs.Reset(ctx, job.JobID, settings)
				}, "~ job %s%s", settings.Name, diff(want, job.Settings, func(name string, want, now any) bool {
					return within(want, now) && (want != nil || within(now, jobDefaults[name]))
				}))
			}
		default:
			return fmt.Errorf("%d jobs have the name %s", len(found), settings.Name)
		}
	}
	return nil
}

// jobDefaults are settings that every job has.
var jobDefaults = map[string]any{"format": "SINGLE_TASK", "max_concurrent_runs": 1.0}

// withClusters returns settings whose clusters and service principals are given by ID
// instead of by name.
func (p *provision) withClusters(settings databricks.JobSettings) databricks.JobSettings {
	id := func(name *string) { *name = p.id(string(databricks.PermissionsOnClusters), *name) }
	cluster := func(spec **databricks.ClusterSpec) {
		if *spec != nil {
			*spec = new(p.withIDs(**spec))
		}
	}
	id(&settings.ExistingClusterID)
	cluster(&settings.NewCluster)
	settings.Tasks, settings.JobClusters = slices.Clone(settings.Tasks), slices.Clone(settings.JobClusters)
	for i := range settings.Tasks {
		task := &settings.Tasks[i]
		if task.ForEachTask != nil {
			task.ForEachTask = new(*task.ForEachTask)
			task = &task.ForEachTask.Task
		}
		id(&task.ExistingClusterID)
		cluster(&task.NewCluster)
	}
	for i := range settings.JobClusters {
		cluster(&settings.JobClusters[i].NewCluster)
	}
	if settings.RunAs != nil {
		settings.RunAs = new(*settings.RunAs)
		settings.RunAs.ServicePrincipalName = p.id(principals, settings.RunAs.ServicePrincipalName)
	}
	settings.AccessControlList = slices.Clone(settings.AccessControlList)
	for i := range settings.AccessControlList {
		access := &settings.AccessControlList[i]
		access.ServicePrincipalName = p.id(principals, access.ServicePrincipalName)
	}
	return settings
}

// nouns are the kinds of objects on which the file can grant permissions.
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
		for i, grant := range want.Grants {
			who := grant.UserName + grant.GroupName + grant.ServicePrincipalName
			resolved := func() databricks.AccessControl {
				grant := grant
				grant.ServicePrincipalName = p.id(principals, grant.ServicePrincipalName)
				return grant
			}
			levels := levelsOf(direct, resolved())
			switch {
			case len(levelsOf(want.Grants[:i], grant)) > 0:
				return fmt.Errorf("the file grants %s two permissions on %s", who, what)
			case slices.Contains(levels, string(grant.PermissionLevel)):
				continue
			}
			change := fmt.Sprint("+ ", grant.PermissionLevel)
			if len(levels) > 0 {
				change = fmt.Sprintf("~ %s → %s", strings.Join(levels, ", "), grant.PermissionLevel)
			}
			p.plan(func(ctx context.Context) error {
				_, err := p.client.Permissions.Update(ctx, databricks.UpdatePermissions{
					Object: want.On, ID: p.id(kind, want.Name), AccessControlList: []databricks.AccessControl{resolved()},
				})
				return err
			}, "%s on %s for %s", change, what, who)
		}
	}
	return nil
}

// levelsOf returns the levels that a list has for the principal of an entry. The service
// ignores case in names.
func levelsOf(list []databricks.AccessControl, of databricks.AccessControl) (levels []string) {
	for _, a := range list {
		if strings.EqualFold(a.UserName, of.UserName) && strings.EqualFold(a.GroupName, of.GroupName) && strings.EqualFold(a.ServicePrincipalName, of.ServicePrincipalName) {
			levels = append(levels, string(a.PermissionLevel))
		}
	}
	return levels
}

// differing returns a line for each setting that differs between want and now. The line
// has its name, its old and its new value, without secrets. differing ignores settings
// that are unset in want, because the service chooses their values.
func differing(want, now any) string {
	return diff(want, now, func(_ string, want, now any) bool { return within(want, now) })
}

// replaced returns what differing returns if want replaces now: settings that are unset
// in want differ, too.
func replaced(want, now any) string {
	return diff(want, now, func(_ string, want, now any) bool { return within(want, now) && within(now, want) })
}

func diff(want, now any, same func(name string, want, now any) bool) string {
	var lines strings.Builder
	wanted, existing := object(want), object(now)
	before, after := logged(now), logged(want)
	names := maps.Clone(existing)
	maps.Copy(names, wanted)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if same(name, wanted[name], existing[name]) {
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

// logged returns the members of a value without secrets, as in a log.
func logged(v any) map[string]any {
	if v, ok := v.(slog.LogValuer); ok {
		members, _ := v.LogValue().Any().(map[string]any)
		return members
	}
	return object(v)
}

// shown returns a value as JSON.
func shown(v any) string {
	if v == nil {
		return "unset"
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it comes from JSON
	}
	return string(text)
}

func object(v any) (members map[string]any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		panic(err) // all types that are used here have a JSON encoding
	}
	return members
}

// convert sets the fields of to that have the JSON names of those of from.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// within reports whether now has everything that want has. It treats a zero value as
// unset.
func within(want, now any) bool {
	switch want := want.(type) {
	case map[string]any:
		members, _ := now.(map[string]any)
		for name := range want {
			if !within(want[name], members[name]) {
				return false
			}
		}
		return true
	case []any:
		elements, _ := now.([]any)
		return slices.EqualFunc(want, elements, within)
	}
	return want == now || want == nil || now == nil && reflect.ValueOf(want).IsZero()
}
