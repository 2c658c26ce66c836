// Provision makes a workspace what a file says that it is to be: groups and
// their members, secret scopes with secrets and permissions, folders, clusters
// and jobs. It prints what it is going to do, and then does it; a second run
// finds nothing to do. With -dry-run it prints that and no more.
//
// The file has the form of environment.json beside this program: clusters and
// jobs as in the calls that make them, except that a job may name its cluster
// where its id would stand. Values of secrets are in environment variables, by
// the names in the file. Clusters and jobs are known by their names. What the
// file does not mention stays as it is, and nothing is ever deleted; but a
// cluster or job that differs gets exactly the settings of the file.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, twice; with
// DATABRICKS_HOST and DATABRICKS_TOKEN set, on that workspace:
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
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

//go:embed environment.json
var sample []byte

// An environment is what the file says.
type environment struct {
	Groups []struct {
		Name    string
		Members []databricks.GroupMember
	}
	Scopes []struct {
		Name    string
		Secrets map[string]string // names of environment variables
		ACLs    map[string]databricks.ACLPermission
	}
	Folders  []string
	Clusters []databricks.ClusterSpec
	Jobs     []databricks.JobSettings
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
	p := provision{out: out, secret: os.LookupEnv, clusters: map[string]string{}}
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
	server := databrickstest.NewServer(databrickstest.WithUser(databrickstest.User{Name: "alice@example.com"}))
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
	client   *databricks.Client
	out      io.Writer
	secret   func(variable string) (string, bool)
	clusters map[string]string // ids by name, as far as there are any
	steps    []step
}

// A step is something to do.
type step struct {
	what string
	do   func(context.Context) error
}

func (p *provision) plan(do func(context.Context) error, format string, args ...any) {
	p.steps = append(p.steps, step{fmt.Sprintf(format, args...), do})
}

// run first finds out what there is to do, which only reads, and then does it.
func (p *provision) run(ctx context.Context, dryRun bool) error {
	p.steps = nil
	for _, plan := range []func(context.Context) error{p.planGroups, p.planScopes, p.planFolders, p.planClusters, p.planJobs} {
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
			return fmt.Errorf("%s: %w; %d of %d steps are done", step.what, err, i, len(p.steps))
		}
	}
	fmt.Fprintf(p.out, "%d steps done.\n", len(p.steps))
	return nil
}

func (p *provision) planGroups(ctx context.Context) error {
	there, err := p.client.Groups.List(ctx)
	if err != nil {
		return err
	}
	for _, group := range p.Groups {
		var members []databricks.GroupMember
		if slices.Contains(there, group.Name) {
			if members, err = p.client.Groups.ListMembers(ctx, group.Name); err != nil {
				return err
			}
		} else {
			p.plan(func(ctx context.Context) error {
				return p.client.Groups.Create(ctx, group.Name)
			}, "make group %s", group.Name)
		}
		for _, member := range group.Members {
			if !slices.Contains(members, member) {
				p.plan(func(ctx context.Context) error {
					return p.client.Groups.AddMember(ctx, group.Name, member)
				}, "add %s to group %s", member.UserName+member.GroupName, group.Name)
			}
		}
	}
	return nil
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
			}, "make secret scope %s", scope.Name)
		}
		for _, key := range slices.Sorted(maps.Keys(scope.Secrets)) {
			value, ok := p.secret(scope.Secrets[key])
			if !ok {
				return fmt.Errorf("secret %s of scope %s: $%s is not set", key, scope.Name, scope.Secrets[key])
			}
			if exists {
				switch now, err := p.client.Secrets.Get(ctx, scope.Name, key); {
				case err == nil && string(now) == value:
					continue
				case errors.Is(err, databricks.ErrBadRequest): // nobody may read secrets here, so it is put each time
				case err != nil && !errors.Is(err, fs.ErrNotExist):
					return err
				}
			}
			p.plan(func(ctx context.Context) error {
				return p.client.Secrets.Put(ctx, databricks.PutSecret{Scope: scope.Name, Key: key, StringValue: new(databricks.Secret(value))})
			}, "put secret %s into scope %s", key, scope.Name)
		}
		for _, principal := range slices.Sorted(maps.Keys(scope.ACLs)) {
			acl := databricks.ACLItem{Principal: principal, Permission: scope.ACLs[principal]}
			if !slices.Contains(acls, acl) {
				p.plan(func(ctx context.Context) error {
					return p.client.Secrets.PutACL(ctx, databricks.PutACL{Scope: scope.Name, Principal: acl.Principal, Permission: acl.Permission})
				}, "give %s the permission to %s scope %s", acl.Principal, acl.Permission, scope.Name)
			}
		}
	}
	return nil
}

func (p *provision) planFolders(ctx context.Context) error {
	for _, folder := range p.Folders {
		if _, err := p.client.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: folder}); errors.Is(err, fs.ErrNotExist) {
			p.plan(func(ctx context.Context) error { return p.client.Workspace.Mkdirs(ctx, folder) }, "make folder %s", folder)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (p *provision) planClusters(ctx context.Context) error {
	there, err := p.client.Clusters.List(ctx, databricks.ListClusters{})
	if err != nil {
		return err
	}
	for _, spec := range p.Clusters {
		var found []databricks.Cluster
		for _, cluster := range there {
			if cluster.ClusterName == spec.ClusterName && cluster.ClusterSource != databricks.ClusterSourceJob {
				found = append(found, cluster)
			}
		}
		switch len(found) {
		case 0:
			p.plan(func(ctx context.Context) (err error) {
				p.clusters[spec.ClusterName], err = p.client.Clusters.Create(ctx, spec)
				return err
			}, "make cluster %s", spec.ClusterName)
		case 1:
			p.clusters[spec.ClusterName] = found[0].ClusterID
			cluster, err := p.client.Clusters.Get(ctx, found[0].ClusterID)
			if err != nil {
				return err
			}
			now := cluster.ClusterSpec
			if cluster.Spec != nil {
				now = *cluster.Spec // without what the service chose
			}
			if different := differing(spec, now); different != "" {
				p.plan(func(ctx context.Context) error {
					return p.client.Clusters.Edit(ctx, cluster.ClusterID, spec)
				}, "change cluster %s, which is %s: %s", spec.ClusterName, cluster.State, different)
			}
		default:
			return fmt.Errorf("there are %d clusters called %s", len(found), spec.ClusterName)
		}
		// The list forgets clusters that are down for long, unless they are pinned.
		if len(found) == 0 || found[0].PinnedByUserName == "" {
			p.plan(func(ctx context.Context) error {
				return p.client.Clusters.Pin(ctx, p.clusters[spec.ClusterName])
			}, "pin cluster %s", spec.ClusterName)
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
				_, err := p.client.Jobs.Create(ctx, p.withClusters(settings))
				return err
			}, "make job %s", settings.Name)
		case 1:
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
				}, "change job %s: %s", settings.Name, different)
			}
		default:
			return fmt.Errorf("there are %d jobs called %s", len(there), settings.Name)
		}
	}
	return nil
}

// withClusters returns settings with the ids of clusters in place of their names.
func (p *provision) withClusters(settings databricks.JobSettings) databricks.JobSettings {
	id := func(name *string) {
		if id, ok := p.clusters[*name]; ok {
			*name = id
		}
	}
	id(&settings.ExistingClusterID)
	settings.Tasks = slices.Clone(settings.Tasks)
	for i := range settings.Tasks {
		id(&settings.Tasks[i].ExistingClusterID)
	}
	return settings
}

// differing names the settings in want that are not so in now. What want leaves
// out is for the service to choose, and does not count.
func differing(want, now any) string {
	var names []string
	wanted, there := object(want), object(now)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !within(wanted[name], there[name]) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
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
