package databricks_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/internal/contract"
	"github.com/go-databricks/databricks/scim"
	"github.com/go-databricks/databricks/v12"
)

// The suite makes every call of the contract, against the in-memory workspace and,
// on request, against a real one:
//
//	DATABRICKS_HOST=… DATABRICKS_TOKEN=… go test -v -run 'TestConformance$' . -args -workspace -compute
//
// In a real workspace, it changes only objects that it created, under unique names.
// It deletes them in every case except SIGKILL. Calls that the workspace rejects
// because of a missing right or feature are logged and skipped. Without -compute,
// it starts nothing that costs money. With -compute, it uses one single-node
// cluster, and briefly two nodes.
var (
	onWorkspace = flag.Bool("workspace", false, "run the conformance suite against the workspace of DATABRICKS_HOST and DATABRICKS_TOKEN")
	withCompute = flag.Bool("compute", false, "with -workspace: also start a cluster, which costs money")
)

// A conformance is one run of the suite.
type conformance struct {
	log interface { // of a test
		Errorf(format string, args ...any)
		Logf(format string, args ...any)
	}
	ctx    context.Context
	c      *databricks.Client
	client func(...databricks.Option) *databricks.Client // creates additional clients
	v12    *v12.Client
	scim   *scim.Client
	real   bool   // existing objects belong to somebody
	name   string // part of the names of all objects that it creates
	where  string // the current part
	me     string // the user, once it is known

	cluster string  // a running cluster
	runs    []int64 // runs to delete
}

// The panics that end a part of the suite.
type (
	failed  struct{}
	refused struct{}
)

func (s *conformance) Errorf(format string, args ...any) {
	s.log.Errorf("%s: "+format, append([]any{s.where}, args...)...)
}

// FailNow is for package require. It ends the part.
func (s *conformance) FailNow() { panic(failed{}) }

// part runs one part. If the part fails, or the workspace rejects it, the suite
// continues.
func (s *conformance) part(name string, do func()) {
	before := s.where
	s.where = strings.TrimPrefix(before+" / "+name, " / ")
	defer func() {
		s.where = before
		switch p := recover(); p {
		case nil, failed{}, refused{}:
		default:
			panic(p)
		}
	}()
	if s.ctx.Err() == nil {
		do()
	}
}

// ok ends the part if a call failed.
func (s *conformance) ok(err error) {
	if err == nil {
		return
	}
	e, answered := errors.AsType[*databricks.APIError](err)
	if s.real && answered && (errors.Is(err, fs.ErrPermission) || e.Code == "FEATURE_DISABLED" || e.Code == "ENDPOINT_NOT_FOUND" || e.StatusCode == http.StatusNotImplemented) {
		s.log.Logf("LEFT OUT: %s: %v", s.where, err)
		panic(refused{})
	}
	s.Errorf("%v", err)
	panic(failed{})
}

// got returns the result of a call, and ends the part if that failed.
func got[T any](s *conformance) func(T, error) T {
	return func(v T, err error) T {
		s.ok(err)
		return v
	}
}

// all collects a sequence.
func all[T any](s *conformance, seq iter.Seq2[T, error]) (list []T) {
	for v, err := range seq {
		s.ok(err)
		list = append(list, v)
	}
	return list
}

// is compares a value.
func (s *conformance) is(want, have any, what string) { assert.Equal(s, want, have, what) }

// holds checks that exactly one element of a list matches, and returns it.
func holds[T any](s *conformance, list []T, what string, such func(T) bool) (found T) {
	n := 0
	for _, v := range list {
		if such(v) {
			n, found = n+1, v
		}
	}
	require.Equal(s, 1, n, what)
	return found
}

// gone checks that an object does not exist after it was deleted.
func (s *conformance) gone(err error) {
	assert.ErrorIs(s, err, fs.ErrNotExist)
}

// run runs the whole suite.
func (s *conformance) run() {
	s.name = "conformance-" + strings.ToLower(rand.Text()[:12])
	defer s.sweep()
	s.part("groups", s.groups)
	s.part("identities", s.identities)
	s.part("policies", s.policies)
	s.part("pools", s.pools)
	s.part("permissions", s.permissions)
	s.part("secrets", s.secrets)
	s.part("tokens", s.tokens)
	s.part("workspace", s.workspace)
	s.part("dbfs", s.dbfs)
	s.part("catalogs", s.catalogs)
	if s.real && !*withCompute {
		s.log.Logf("LEFT OUT: what starts a cluster; see -compute")
	} else {
		s.part("cluster", s.startCluster)
	}
	if s.cluster != "" {
		s.part("libraries", s.libraries)
		s.part("compliance", s.compliance)
		s.part("REST 1.2", s.commands)
		s.part("libraries of REST 1.2", s.oldLibraries)
	}
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		s.part("jobs at "+version, func() { s.jobs(version) })
	}
	if s.cluster != "" {
		s.part("clusters", s.clusters)
	}
}

// sweep deletes everything that the suite created, even after a failure.
func (s *conformance) sweep() {
	ctx := s.ctx
	if ctx.Err() != nil {
		time.Sleep(2 * time.Second) // interrupted requests may still arrive at the service
	}
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer func() {
		cancel()
		s.ctx = ctx
	}()
	gone := func(err error) {
		if !errors.Is(err, fs.ErrNotExist) {
			s.ok(err)
		}
	}
	each := func(what string, remove func()) { s.part("cleaning up "+what, remove) }
	each("jobs", func() {
		for job, err := range s.client(databricks.WithJobsAPI("2.1")).Jobs.All(s.ctx, databricks.ListJobs{}) {
			s.ok(err)
			if strings.HasPrefix(job.Settings.Name, s.name) {
				gone(s.c.Jobs.CancelAllRuns(s.ctx, databricks.CancelAllRuns{JobID: job.JobID}))
				gone(s.c.Jobs.Delete(s.ctx, job.JobID))
			}
		}
	})
	each("runs", func() {
		for run, err := range s.client(databricks.WithJobsAPI("2.1")).Jobs.AllRuns(s.ctx, databricks.ListRuns{ActiveOnly: true}) {
			s.ok(err)
			if strings.HasPrefix(run.RunName, s.name) {
				s.runs = append(s.runs, run.RunID)
			}
		}
		for _, run := range s.runs {
			gone(s.c.Jobs.CancelRun(s.ctx, run))
			_, _ = s.c.Jobs.WaitRun(s.ctx, run)
			gone(s.c.Jobs.DeleteRun(s.ctx, run))
		}
	})
	each("libraries", func() {
		for _, library := range got[[]v12.Library](s)(s.v12.Libraries.List(s.ctx)) {
			if strings.HasPrefix(library.Name, s.name) {
				gone(s.v12.Libraries.Delete(s.ctx, library.ID))
			}
		}
	})
	each("clusters", func() {
		for _, cluster := range got[[]databricks.Cluster](s)(s.c.Clusters.List(s.ctx, databricks.ListClusters{})) {
			if strings.HasPrefix(cluster.ClusterName, s.name) {
				gone(s.c.Clusters.Unpin(s.ctx, cluster.ClusterID))
				gone(s.c.Clusters.PermanentDelete(s.ctx, cluster.ClusterID))
			}
		}
	})
	each("notebooks", func() { gone(s.c.Workspace.Delete(s.ctx, databricks.DeleteObject{Path: s.dir(), Recursive: true})) })
	each("files", func() { gone(s.c.DBFS.Delete(s.ctx, databricks.DeleteFile{Path: s.directory(), Recursive: true})) })
	each("a group", func() { gone(s.c.Groups.Delete(s.ctx, s.name+"-inner")) })
	each("a group", func() { gone(s.c.Groups.Delete(s.ctx, s.name+"-outer")) })
	each("identities", func() {
		for user, err := range s.scim.Users.All(s.ctx, scim.ListOptions{Filter: scim.StartsWith("userName", s.name)}) {
			s.ok(err)
			gone(s.scim.Users.Delete(s.ctx, user.ID))
		}
		for principal, err := range s.scim.ServicePrincipals.All(s.ctx, scim.ListOptions{Filter: scim.StartsWith("displayName", s.name)}) {
			s.ok(err)
			gone(s.scim.ServicePrincipals.Delete(s.ctx, principal.ID))
		}
		for group, err := range s.scim.Groups.All(s.ctx, scim.ListOptions{Filter: scim.StartsWith("displayName", s.name)}) {
			s.ok(err)
			gone(s.scim.Groups.Delete(s.ctx, group.ID))
		}
	})
	each("policies", func() {
		for _, policy := range got[[]databricks.ClusterPolicy](s)(s.c.Policies.List(s.ctx, databricks.ListPolicies{})) {
			if strings.HasPrefix(policy.Name, s.name) {
				gone(s.c.Policies.Delete(s.ctx, policy.PolicyID))
			}
		}
	})
	each("pools", func() {
		for _, pool := range got[[]databricks.InstancePool](s)(s.c.Pools.List(s.ctx)) {
			if strings.HasPrefix(pool.InstancePoolName, s.name) {
				gone(s.c.Pools.Delete(s.ctx, pool.InstancePoolID))
			}
		}
	})
	each("a scope", func() { gone(s.c.Secrets.DeleteScope(s.ctx, s.name)) })
	each("tokens", func() {
		for _, token := range got[[]databricks.TokenInfo](s)(s.c.Tokens.List(s.ctx)) {
			if token.Comment == s.name {
				gone(s.c.Tokens.Delete(s.ctx, token.TokenID))
			}
		}
	})
}

func (s *conformance) dir() string       { return "/Shared/" + s.name }
func (s *conformance) notebook() string  { return s.dir() + "/notebook" }
func (s *conformance) directory() string { return "/" + s.name }

func (s *conformance) groups() {
	outer, inner := s.name+"-outer", s.name+"-inner"
	for _, name := range []string{outer, inner} {
		s.ok(s.c.Groups.Create(s.ctx, name))
	}
	s.ok(s.c.Groups.AddMember(s.ctx, outer, databricks.GroupMember{GroupName: inner}))
	list := got[[]string](s)
	holds(s, list(s.c.Groups.List(s.ctx)), "the group in the list", func(g string) bool { return g == outer })
	members := got[[]databricks.GroupMember](s)
	s.is([]databricks.GroupMember{{GroupName: inner}}, members(s.c.Groups.ListMembers(s.ctx, outer)), "members")
	s.is([]string{outer}, list(s.c.Groups.ListParents(s.ctx, databricks.GroupMember{GroupName: inner})), "parents")
	s.ok(s.c.Groups.RemoveMember(s.ctx, outer, databricks.GroupMember{GroupName: inner}))
	assert.Empty(s, members(s.c.Groups.ListMembers(s.ctx, outer)))
	for _, name := range []string{inner, outer} {
		s.ok(s.c.Groups.Delete(s.ctx, name))
	}
	_, err := s.c.Groups.ListMembers(s.ctx, outer)
	s.gone(err)
}

// identities needs no compute. It invites nobody: the address of a user that it
// creates in a real workspace receives no mail.
func (s *conformance) identities() {
	me := got[*scim.User](s)(s.scim.Me(s.ctx, scim.GetMe{}))
	assert.NotEmpty(s, me.UserName)
	home := got[string](s)(s.scim.HomeDir(s.ctx))
	s.is("/Users/"+me.UserName, home, "the home directory")

	user := got[*scim.User](s)(s.scim.Users.Create(s.ctx, scim.User{UserName: s.name + "@example.com"}))
	s.is(user.UserName, got[*scim.User](s)(s.scim.Users.Get(s.ctx, scim.GetOptions{ID: user.ID})).UserName, "the user")
	s.ok(s.scim.Users.Patch(s.ctx, user.ID, scim.AddEntitlements(scim.WorkspaceAccess)))
	s.ok(s.scim.Users.Modify(s.ctx, user.ID, func(u *scim.User) { u.DisplayName = "Conformance" }))
	changed := got[*scim.User](s)(s.scim.Users.Get(s.ctx, scim.GetOptions{ID: user.ID}))
	s.is("Conformance", changed.DisplayName, "the display name")
	holds(s, changed.Entitlements, "the entitlement", func(v scim.ComplexValue) bool { return v.Value == string(scim.WorkspaceAccess) })
	s.until("the user is listed", func() bool {
		_, err := s.scim.Users.Find(s.ctx, user.UserName)
		return err == nil
	})

	principal := got[*scim.ServicePrincipal](s)(s.scim.ServicePrincipals.Create(s.ctx, scim.ServicePrincipal{DisplayName: s.name}))
	assert.NotEmpty(s, principal.ApplicationID)
	s.ok(s.scim.ServicePrincipals.Patch(s.ctx, principal.ID, scim.AddEntitlements(scim.AllowClusterCreate)))
	s.ok(s.scim.ServicePrincipals.Update(s.ctx, scim.ServicePrincipal{ID: principal.ID, ApplicationID: principal.ApplicationID, DisplayName: s.name + "-2"}))
	assert.Empty(s, got[*scim.ServicePrincipal](s)(s.scim.ServicePrincipals.Get(s.ctx, scim.GetOptions{ID: principal.ID})).Entitlements, "what a replacement left out")
	s.until("the service principal is listed", func() bool {
		_, err := s.scim.ServicePrincipals.Find(s.ctx, principal.ApplicationID)
		return err == nil
	})

	group := got[*scim.Group](s)(s.scim.Groups.Create(s.ctx, scim.Group{DisplayName: s.name + "-scim", Members: scim.Values(user.ID)}))
	s.ok(s.scim.Groups.Patch(s.ctx, group.ID, scim.AddMembers(principal.ID), scim.RemoveMember(user.ID)))
	members := got[*scim.Group](s)(s.scim.Groups.Get(s.ctx, scim.GetOptions{ID: group.ID})).Members
	require.Len(s, members, 1)
	s.is(principal.ID, members[0].Value, "the member")
	s.ok(s.scim.Groups.Modify(s.ctx, group.ID, func(g *scim.Group) { g.Entitlements = scim.Values(scim.WorkspaceAccess) }))
	require.Len(s, got[*scim.Group](s)(s.scim.Groups.Get(s.ctx, scim.GetOptions{ID: group.ID})).Members, 1)
	s.until("the group is listed", func() bool {
		_, err := s.scim.Groups.Find(s.ctx, group.DisplayName)
		return err == nil
	})
	_, err := s.scim.Groups.Create(s.ctx, scim.Group{DisplayName: group.DisplayName})
	assert.ErrorIs(s, err, fs.ErrExist)

	s.ok(s.scim.Groups.Delete(s.ctx, group.ID))
	s.ok(s.scim.ServicePrincipals.Delete(s.ctx, principal.ID))
	s.ok(s.scim.Users.Delete(s.ctx, user.ID))
	_, err = s.scim.Users.Get(s.ctx, scim.GetOptions{ID: user.ID})
	s.gone(err)
}

func (s *conformance) policies() {
	definition := databricks.PolicyDefinition{"autotermination_minutes": {Type: databricks.PolicyFixed, Value: 20}}
	id := got[string](s)(s.c.Policies.Create(s.ctx, databricks.CreatePolicy{Name: s.name, Definition: definition.JSON()}))
	policy := got[*databricks.ClusterPolicy](s)(s.c.Policies.Get(s.ctx, id))
	s.is(s.name, policy.Name, "the policy")
	s.ok(s.c.Policies.Edit(s.ctx, databricks.EditPolicy{PolicyID: id, CreatePolicy: databricks.CreatePolicy{Name: s.name + "-2", Definition: policy.Definition}}))
	holds(s, got[[]databricks.ClusterPolicy](s)(s.c.Policies.List(s.ctx, databricks.ListPolicies{})), "the policy in the list", func(p databricks.ClusterPolicy) bool {
		return p.PolicyID == id && p.Name == s.name+"-2"
	})
	s.is(0, len(got[[]databricks.ClusterCompliance](s)(s.c.Policies.ListCompliance(s.ctx, databricks.ListCompliance{PolicyID: id}))), "clusters under a new policy")
	families := got[[]databricks.PolicyFamily](s)(s.c.Policies.ListFamilies(s.ctx, databricks.ListPolicyFamilies{}))
	require.NotEmpty(s, families)
	family := got[*databricks.PolicyFamily](s)(s.c.Policies.GetFamily(s.ctx, databricks.GetPolicyFamily{PolicyFamilyID: families[0].PolicyFamilyID}))
	s.is(families[0].Name, family.Name, "the family")
	s.ok(s.c.Policies.Delete(s.ctx, id))
	_, err := s.c.Policies.Get(s.ctx, id)
	s.gone(err)
}

// compliance checks the running cluster.
func (s *conformance) compliance() {
	id := got[string](s)(s.c.Policies.Create(s.ctx, databricks.CreatePolicy{Name: s.name, Definition: "{}"}))
	s.ok(s.c.Clusters.Modify(s.ctx, s.cluster, func(spec *databricks.ClusterSpec) { spec.PolicyID = id }))
	got[*databricks.Cluster](s)(s.c.Clusters.WaitRunning(s.ctx, s.cluster))
	assert.True(s, got[*databricks.PolicyCompliance](s)(s.c.Policies.GetCompliance(s.ctx, s.cluster)).IsCompliant)
	definition := databricks.PolicyDefinition{"autotermination_minutes": {Type: databricks.PolicyFixed, Value: 30}}
	s.ok(s.c.Policies.Edit(s.ctx, databricks.EditPolicy{PolicyID: id, CreatePolicy: databricks.CreatePolicy{Name: s.name, Definition: definition.JSON()}}))
	s.until("the cluster is known not to comply", func() bool {
		return !got[*databricks.PolicyCompliance](s)(s.c.Policies.GetCompliance(s.ctx, s.cluster)).IsCompliant
	})
	in := databricks.EnforceCompliance{ClusterID: s.cluster, EnforceMode: databricks.EnforceWaitForTermination}
	s.is(databricks.EnforceDeferred, got[*databricks.EnforcedCompliance](s)(s.c.Policies.EnforceCompliance(s.ctx, in)).EnforceResult, "the result")
	s.ok(s.c.Policies.CancelPendingEnforcement(s.ctx, databricks.CancelPendingEnforcement{ClusterID: s.cluster}))
	in.EnforceMode = ""
	enforced := got[*databricks.EnforcedCompliance](s)(s.c.Policies.EnforceCompliance(s.ctx, in))
	s.is([]databricks.ClusterSettingsChange{{Field: "autotermination_minutes", PreviousValue: "20", NewValue: "30"}}, enforced.Changes, "the changes")
	s.is(30, *got[*databricks.Cluster](s)(s.c.Clusters.WaitRunning(s.ctx, s.cluster)).AutoterminationMinutes, "what the policy fixes")
	s.ok(s.c.Clusters.Modify(s.ctx, s.cluster, func(spec *databricks.ClusterSpec) { spec.PolicyID, spec.AutoterminationMinutes = "", new(20) }))
	got[*databricks.Cluster](s)(s.c.Clusters.WaitRunning(s.ctx, s.cluster))
	s.ok(s.c.Policies.Delete(s.ctx, id))
}

func (s *conformance) pools() {
	in := databricks.CreatePool{InstancePoolName: s.name, NodeTypeID: s.spec().NodeTypeID, MaxCapacity: 2}
	id := got[string](s)(s.c.Pools.Create(s.ctx, in))
	pool := got[*databricks.InstancePool](s)(s.c.Pools.Get(s.ctx, id))
	s.is([]any{s.name, in.NodeTypeID, 2}, []any{pool.InstancePoolName, pool.NodeTypeID, pool.MaxCapacity}, "the pool")
	s.ok(s.c.Pools.Edit(s.ctx, databricks.EditPool{InstancePoolID: id, InstancePoolName: s.name, NodeTypeID: in.NodeTypeID, MaxCapacity: 3}))
	holds(s, got[[]databricks.InstancePool](s)(s.c.Pools.List(s.ctx)), "the pool in the list", func(p databricks.InstancePool) bool {
		return p.InstancePoolID == id && p.MaxCapacity == 3
	})
	s.ok(s.c.Pools.Delete(s.ctx, id))
	_, err := s.c.Pools.Get(s.ctx, id)
	s.gone(err)
}

func (s *conformance) permissions() {
	id := got[string](s)(s.c.Policies.Create(s.ctx, databricks.CreatePolicy{Name: s.name, Definition: "{}"}))
	on := databricks.PermissionsOnClusterPolicies
	levels := got[[]databricks.PermissionDescription](s)(s.c.Permissions.Levels(s.ctx, on, id))
	holds(s, levels, "the level", func(l databricks.PermissionDescription) bool { return l.PermissionLevel == databricks.CanUse })
	use := []databricks.AccessControl{{GroupName: "users", PermissionLevel: databricks.CanUse}}
	permissions := got[*databricks.ObjectPermissions](s)
	s.is(use, permissions(s.c.Permissions.Update(s.ctx, databricks.UpdatePermissions{Object: on, ID: id, AccessControlList: use})).Direct(), "permissions after an update")
	s.is(use, permissions(s.c.Permissions.Get(s.ctx, on, id)).Direct(), "permissions")
	assert.Empty(s, permissions(s.c.Permissions.Revoke(s.ctx, databricks.RevokePermission{Object: on, ID: id, GroupName: "users"})).Direct())
	s.is(use, permissions(s.c.Permissions.Set(s.ctx, databricks.SetPermissions{Object: on, ID: id, AccessControlList: use})).Direct(), "permissions that were set")
	s.ok(s.c.Policies.Delete(s.ctx, id))
}

func (s *conformance) secrets() {
	s.ok(s.c.Secrets.CreateScope(s.ctx, databricks.CreateScope{Scope: s.name, InitialManagePrincipal: "users"}))
	scope := holds(s, got[[]databricks.SecretScope](s)(s.c.Secrets.ListScopes(s.ctx)), "the scope", func(x databricks.SecretScope) bool { return x.Name == s.name })
	s.is(databricks.ScopeBackendDatabricks, scope.BackendType, "backend")
	s.part("values", func() {
		want := map[string]string{"text": "a text, ü", "bytes": "\x00\xff\n"}
		s.ok(s.c.Secrets.Put(s.ctx, databricks.PutSecret{Scope: s.name, Key: "text", StringValue: new(databricks.Secret(want["text"]))}))
		s.ok(s.c.Secrets.Put(s.ctx, databricks.PutSecret{Scope: s.name, Key: "bytes", BytesValue: []byte(want["bytes"])}))
		var keys []string
		for _, secret := range got[[]databricks.SecretMetadata](s)(s.c.Secrets.List(s.ctx, s.name)) {
			keys = append(keys, secret.Key)
			assert.NotZero(s, secret.LastUpdatedTimestamp, secret.Key)
		}
		assert.ElementsMatch(s, []string{"bytes", "text"}, keys)
		s.part("reading them", func() {
			for key, value := range want {
				s.is(value, string(got[databricks.SecretBytes](s)(s.c.Secrets.Get(s.ctx, s.name, key))), key)
			}
		})
		s.ok(s.c.Secrets.Delete(s.ctx, s.name, "text"))
		s.gone(s.c.Secrets.Delete(s.ctx, s.name, "text"))
	})
	s.part("permissions", func() {
		items, item := got[[]databricks.ACLItem](s), got[*databricks.ACLItem](s)
		s.is([]databricks.ACLItem{{Principal: "users", Permission: databricks.ACLManage}}, items(s.c.Secrets.ListACLs(s.ctx, s.name)), "of all users")
		s.ok(s.c.Secrets.PutACL(s.ctx, databricks.PutACL{Scope: s.name, Principal: "admins", Permission: databricks.ACLRead}))
		s.is(databricks.ACLItem{Principal: "admins", Permission: databricks.ACLRead}, *item(s.c.Secrets.GetACL(s.ctx, s.name, "admins")), "what was put")
		s.is(2, len(items(s.c.Secrets.ListACLs(s.ctx, s.name))), "permissions")
		s.ok(s.c.Secrets.DeleteACL(s.ctx, s.name, "admins"))
		_, err := s.c.Secrets.GetACL(s.ctx, s.name, "admins")
		s.gone(err)
	})
	s.ok(s.c.Secrets.DeleteScope(s.ctx, s.name))
	_, err := s.c.Secrets.List(s.ctx, s.name)
	s.gone(err)
}

func (s *conformance) tokens() {
	made := got[*databricks.CreatedToken](s)(s.c.Tokens.Create(s.ctx, databricks.CreateToken{Comment: s.name, LifetimeSeconds: 3600}))
	assert.NotEmpty(s, made.TokenValue)
	s.is(s.name, made.TokenInfo.Comment, "comment")
	s.is(time.Hour, made.TokenInfo.ExpiryTime.Time().Sub(made.TokenInfo.CreationTime.Time()), "lifetime")
	list := got[[]databricks.TokenInfo](s)
	such := func(t databricks.TokenInfo) bool { return t.TokenID == made.TokenInfo.TokenID }
	s.is(s.name, holds(s, list(s.c.Tokens.List(s.ctx)), "the token in the list", such).Comment, "comment in the list")
	s.ok(s.c.Tokens.Delete(s.ctx, made.TokenInfo.TokenID))
	assert.False(s, slices.ContainsFunc(list(s.c.Tokens.List(s.ctx)), such), "it is revoked")
	s.gone(s.c.Tokens.Delete(s.ctx, made.TokenInfo.TokenID))
}

func (s *conformance) workspace() {
	s.ok(s.c.Workspace.Mkdirs(s.ctx, s.dir()))
	other := s.dir() + "/other"
	for path, multipart := range map[string]bool{s.notebook(): false, other: true} {
		got[int64](s)(s.c.Workspace.Import(s.ctx, databricks.ImportObject{
			Path: path, Format: databricks.ImportSource, Language: databricks.LanguagePython, Content: []byte("print('" + path + "')\n"), Multipart: multipart}))
		object := got[*databricks.WorkspaceObject](s)(s.c.Workspace.GetStatus(s.ctx, databricks.GetObjectStatus{Path: path}))
		s.is([]any{path, databricks.ObjectNotebook, databricks.LanguagePython}, []any{object.Path, object.ObjectType, object.Language}, "the notebook")
		for _, direct := range []bool{false, true} {
			out := got[*databricks.WorkspaceExport](s)(s.c.Workspace.Export(s.ctx, databricks.ExportObject{Path: path, DirectDownload: direct}))
			assert.Contains(s, string(out.Content), "print('"+path+"')")
		}
	}
	for _, list := range [][]databricks.WorkspaceObject{
		got[[]databricks.WorkspaceObject](s)(s.c.Workspace.List(s.ctx, databricks.ListObjects{Path: s.dir()})),
		all(s, s.c.Workspace.All(s.ctx, databricks.ListObjects{Path: s.dir()})),
	} {
		var paths []string
		for _, object := range list {
			paths = append(paths, object.Path)
		}
		assert.ElementsMatch(s, []string{s.notebook(), other}, paths)
	}
	assert.ErrorIs(s, s.c.Workspace.Delete(s.ctx, databricks.DeleteObject{Path: s.dir()}), databricks.ErrDirectoryNotEmpty)
	s.ok(s.c.Workspace.Delete(s.ctx, databricks.DeleteObject{Path: other}))
	_, err := s.c.Workspace.GetStatus(s.ctx, databricks.GetObjectStatus{Path: other})
	s.gone(err)
}

func (s *conformance) dbfs() {
	at := func(name string) string { return s.directory() + "/" + name }
	s.ok(s.c.DBFS.Mkdirs(s.ctx, s.directory()))
	handle := got[int64](s)(s.c.DBFS.Create(s.ctx, databricks.CreateFile{Path: at("blocks")}))
	s.ok(s.c.DBFS.AddBlock(s.ctx, handle, []byte("one,")))
	s.ok(s.c.DBFS.AddBlock(s.ctx, handle, []byte("two")))
	s.ok(s.c.DBFS.Close(s.ctx, handle))
	s.ok(s.c.DBFS.Put(s.ctx, databricks.PutContents{Path: at("put"), Contents: []byte("first")}))
	assert.ErrorIs(s, s.c.DBFS.Put(s.ctx, databricks.PutContents{Path: at("put"), Contents: []byte("second")}), fs.ErrExist)
	s.ok(s.c.DBFS.Put(s.ctx, databricks.PutContents{Path: at("put"), Contents: []byte("second"), Overwrite: true}))
	s.ok(s.c.DBFS.PutFile(s.ctx, at("file"), bytes.NewReader([]byte("a file")), databricks.PutFileOptions{}))
	s.ok(s.c.DBFS.Move(s.ctx, at("file"), at("moved")))
	sizes := map[string]int64{}
	for _, file := range got[[]databricks.FileInfo](s)(s.c.DBFS.List(s.ctx, s.directory())) {
		sizes[file.Path] = file.FileSize
	}
	s.is(map[string]int64{at("blocks"): 7, at("put"): 6, at("moved"): 6}, sizes, "files")
	read := got[[]byte](s)
	s.is("one,two", string(read(s.c.DBFS.Read(s.ctx, databricks.ReadBlock{Path: at("blocks"), Offset: 0, Length: 100}))), "blocks")
	s.is("econ", string(read(s.c.DBFS.Read(s.ctx, databricks.ReadBlock{Path: at("put"), Offset: 1, Length: 4}))), "a part")
	s.is("a file", string(read(s.c.DBFS.Read(s.ctx, databricks.ReadBlock{Path: at("moved"), Offset: 0, Length: 0}))), "the file")
	s.is(int64(7), got[*databricks.FileInfo](s)(s.c.DBFS.GetStatus(s.ctx, at("blocks"))).FileSize, "size")
	s.ok(s.c.DBFS.Delete(s.ctx, databricks.DeleteFile{Path: s.directory(), Recursive: true}))
	_, err := s.c.DBFS.GetStatus(s.ctx, at("put"))
	s.gone(err)
}

func (s *conformance) catalogs() {
	s.part("node types", func() {
		for _, node := range got[[]databricks.NodeType](s)(s.c.Clusters.ListNodeTypes(s.ctx)) {
			assert.NotEmpty(s, node.NodeTypeID)
			assert.Positive(s, node.MemoryMB, node.NodeTypeID)
		}
	})
	s.part("runtimes", func() {
		assert.NotEmpty(s, got[[]databricks.SparkVersion](s)(s.c.Clusters.SparkVersions(s.ctx)))
	})
	s.part("zones", func() { // not available on every cloud
		zones, err := s.c.Clusters.ListZones(s.ctx)
		if e, ok := errors.AsType[*databricks.APIError](err); ok && s.real {
			s.log.Logf("LEFT OUT: %s: %v", s.where, e)
			return
		}
		s.ok(err)
		assert.Contains(s, zones.Zones, zones.DefaultZone)
	})
}

// spec returns the smallest cluster, which has one node.
func (s *conformance) spec() databricks.ClusterSpec {
	nodes := got[[]databricks.NodeType](s)(s.c.Clusters.ListNodeTypes(s.ctx))
	nodes = slices.DeleteFunc(nodes, func(n databricks.NodeType) bool {
		return n.IsDeprecated || n.IsHidden || n.NumGPUs > 0 || n.MemoryMB < 8<<10 || n.NodeInfo != nil && len(n.NodeInfo.Status) > 0
	})
	versions := got[[]databricks.SparkVersion](s)(s.c.Clusters.SparkVersions(s.ctx))
	versions = slices.DeleteFunc(versions, func(v databricks.SparkVersion) bool {
		return !strings.Contains(v.Name, "LTS") || strings.ContainsAny(v.Key, "-") && !strings.Contains(v.Key, ".x-scala2.12") || strings.Contains(v.Name, "Beta")
	})
	require.NotEmpty(s, nodes, "node types")
	require.NotEmpty(s, versions, "runtimes")
	node := slices.MinFunc(nodes, func(a, b databricks.NodeType) int {
		return cmp.Or(cmp.Compare(a.MemoryMB, b.MemoryMB), cmp.Compare(a.NumCores, b.NumCores))
	})
	newest := slices.MaxFunc(versions, func(a, b databricks.SparkVersion) int {
		major := func(v databricks.SparkVersion) (n, m int) { fmt.Sscanf(v.Key, "%d.%d", &n, &m); return n, m }
		n1, m1 := major(a)
		n2, m2 := major(b)
		return cmp.Or(cmp.Compare(n1, n2), cmp.Compare(m1, m2), cmp.Compare(len(b.Key), len(a.Key)))
	})
	return databricks.ClusterSpec{
		ClusterName: s.name, SparkVersion: newest.Key, NodeTypeID: node.NodeTypeID, NumWorkers: new(0), AutoterminationMinutes: new(20),
		SparkConf:  databricks.SparkConf{"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
		CustomTags: map[string]string{"ResourceClass": "SingleNode"},
	}
}

func (s *conformance) startCluster() {
	spec := s.spec()
	id := got[string](s)(s.c.Clusters.Create(s.ctx, spec))
	cluster := got[*databricks.Cluster](s)(s.c.Clusters.Get(s.ctx, id))
	s.is([]any{id, s.name, spec.NodeTypeID, 20}, []any{cluster.ClusterID, cluster.ClusterName, cluster.NodeTypeID, *cluster.AutoterminationMinutes}, "the new cluster")
	s.me = cluster.CreatorUserName
	cluster = got[*databricks.Cluster](s)(s.c.Clusters.WaitRunning(s.ctx, id))
	s.is(databricks.ClusterRunning, cluster.State, "state")
	s.cluster = id
}

// clusters tests calls that end with the termination of the cluster.
func (s *conformance) clusters() {
	id, clusters := s.cluster, s.c.Clusters
	one := got[*databricks.Cluster](s)
	such := func(c databricks.Cluster) bool { return c.ClusterID == id }
	running := func() *databricks.Cluster { return one(clusters.WaitRunning(s.ctx, id)) }
	s.part("lists", func() {
		for _, list := range [][]databricks.Cluster{
			got[[]databricks.Cluster](s)(clusters.List(s.ctx, databricks.ListClusters{})),
			all(s, clusters.All(s.ctx, databricks.ListClusters{})),
		} {
			s.is(s.name, holds(s, list, "the cluster", such).ClusterName, "its name")
		}
	})
	s.part("pages", func() {
		list := got[[]databricks.Cluster](s)(clusters.List(s.ctx, databricks.ListClusters{PageSize: 1, FilterBy: databricks.ClusterFilter{ClusterStates: []databricks.ClusterState{databricks.ClusterRunning}}}))
		holds(s, list, "the cluster", such)
	})
	s.part("pin", func() {
		s.ok(clusters.Pin(s.ctx, id))
		assert.NotEmpty(s, one(clusters.Get(s.ctx, id)).PinnedByUserName)
		s.ok(clusters.Unpin(s.ctx, id))
		assert.Empty(s, one(clusters.Get(s.ctx, id)).PinnedByUserName)
	})
	s.part("restart", func() {
		s.ok(clusters.Restart(s.ctx, databricks.RestartCluster{ClusterID: id}))
		running()
	})
	s.part("edit", func() {
		spec := s.spec()
		spec.AutoterminationMinutes = new(30)
		s.ok(clusters.Edit(s.ctx, id, spec))
		s.is(30, *running().AutoterminationMinutes, "autotermination")
	})
	s.part("resize", func() {
		// A single-node cluster may reject a resize.
		if err := clusters.Resize(s.ctx, databricks.ResizeCluster{ClusterID: id, NumWorkers: new(1)}); s.real && err != nil {
			s.log.Logf("LEFT OUT: %s: %v", s.where, err)
			return
		} else {
			s.ok(err)
		}
		s.is(1, *running().NumWorkers, "workers")
	})
	s.part("terminate", func() {
		s.ok(clusters.Delete(s.ctx, id))
		s.is(databricks.ClusterTerminated, one(clusters.WaitTerminated(s.ctx, id)).State, "state")
	})
	s.part("update", func() {
		s.ok(clusters.Update(s.ctx, databricks.UpdateCluster{ClusterID: id, UpdateMask: "autotermination_minutes", Cluster: databricks.ClusterSpec{AutoterminationMinutes: new(40)}}))
		cluster := one(clusters.Get(s.ctx, id))
		s.is([]any{40, s.name}, []any{*cluster.AutoterminationMinutes, cluster.ClusterName}, "what is updated and what is not")
	})
	s.part("owner", func() {
		s.ok(clusters.ChangeOwner(s.ctx, id, s.me))
		s.is(s.me, one(clusters.Get(s.ctx, id)).CreatorUserName, "owner")
	})
	s.part("start", func() {
		s.ok(clusters.Start(s.ctx, id))
		s.is(databricks.ClusterPending, one(clusters.Get(s.ctx, id)).State, "state")
	})
	s.part("events", func() {
		want := []databricks.ClusterEventType{databricks.ClusterEventCreating, databricks.ClusterEventRunning, databricks.ClusterEventRestarting, databricks.ClusterEventTerminating, databricks.ClusterEventStarting}
		var have []databricks.ClusterEventType
		for _, event := range all(s, clusters.AllEvents(s.ctx, databricks.ListClusterEvents{ClusterID: id, Order: databricks.Ascending, PageSize: 3})) {
			s.is(id, event.ClusterID, "of the cluster")
			have = append(have, event.Type)
		}
		assert.Subset(s, have, want)
		s.is(databricks.ClusterEventCreating, have[0], "the oldest event")
	})
	s.part("delete", func() {
		s.ok(clusters.PermanentDelete(s.ctx, id))
		_, err := clusters.Get(s.ctx, id)
		s.gone(err)
	})
}

func (s *conformance) libraries() {
	library := databricks.Library{PyPI: &databricks.PyPILibrary{Package: "simplejson==3.8.0"}}
	s.ok(s.c.Libraries.Install(s.ctx, s.cluster, []databricks.Library{library}))
	s.ok(s.c.Libraries.WaitInstalled(s.ctx, s.cluster, []databricks.Library{library}))
	of := func(statuses *databricks.ClusterLibraryStatuses) databricks.LibraryInstallStatus {
		s.is(s.cluster, statuses.ClusterID, "of the cluster")
		return holds(s, statuses.LibraryStatuses, "the library", func(l databricks.LibraryStatus) bool {
			return l.Library.PyPI != nil && *l.Library.PyPI == *library.PyPI
		}).Status
	}
	one := got[*databricks.ClusterLibraryStatuses](s)
	s.is(databricks.LibraryInstalled, of(one(s.c.Libraries.ClusterStatus(s.ctx, s.cluster))), "status")
	statuses := got[[]databricks.ClusterLibraryStatuses](s)(s.c.Libraries.AllClusterStatuses(s.ctx))
	ours := holds(s, statuses, "the cluster", func(c databricks.ClusterLibraryStatuses) bool { return c.ClusterID == s.cluster })
	s.is(databricks.LibraryInstalled, of(&ours), "status among all")
	s.ok(s.c.Libraries.Uninstall(s.ctx, s.cluster, []databricks.Library{library}))
	s.is(databricks.LibraryUninstallOnRestart, of(one(s.c.Libraries.ClusterStatus(s.ctx, s.cluster))), "status in the end")
}

// until polls until done returns true.
func (s *conformance) until(what string, done func() bool) {
	for pause := 10 * time.Millisecond; !done(); pause = min(2*pause, 5*time.Second) {
		select {
		case <-s.ctx.Done():
			s.Errorf("%s: %v", what, context.Cause(s.ctx))
			panic(failed{})
		case <-time.After(pause):
		}
	}
}

func (s *conformance) commands() {
	c, cluster := s.v12, s.cluster
	id := got[string](s)
	context := id(c.Contexts.Create(s.ctx, cluster, v12.Python))
	s.until("the context", func() bool {
		return got[*v12.ContextStatus](s)(c.Contexts.Status(s.ctx, cluster, context)).Status == v12.ContextRunning
	})
	status := func(command string) *v12.CommandStatus {
		return got[*v12.CommandStatus](s)(c.Commands.Status(s.ctx, v12.CommandRef{ClusterID: cluster, ContextID: context, CommandID: command}))
	}
	const code = "print(6 * 7)"
	for _, command := range []string{
		id(c.Commands.Execute(s.ctx, v12.ExecuteCommand{Language: v12.Python, ClusterID: cluster, ContextID: context, Command: code})),
		id(c.Commands.ExecuteFile(s.ctx, v12.ExecuteCommandFile{Language: v12.Python, ClusterID: cluster, ContextID: context, Command: v12.FileFromBytes("a.py", []byte(code))})),
	} {
		var last *v12.CommandStatus
		s.until("the command", func() bool { last = status(command); return last.Done() })
		s.is(v12.CommandFinished, last.State, "state")
		s.is("42", strings.TrimSpace(got[*v12.Result](s)(last.Result()).Text), "result")
	}
	slow := id(c.Commands.Execute(s.ctx, v12.ExecuteCommand{Language: v12.Python, ClusterID: cluster, ContextID: context, Command: "import time; time.sleep(600)"}))
	s.ok(c.Commands.Cancel(s.ctx, v12.CommandRef{ClusterID: cluster, ContextID: context, CommandID: slow}))
	s.until("the end of the command", func() bool { return status(slow).Done() })
	_, err := status(slow).Result()
	e, ok := errors.AsType[*v12.CommandError](err)
	assert.True(s, ok && e.Canceled(), "it was canceled: %v", err)
	s.ok(c.Contexts.Destroy(s.ctx, cluster, context))
	_, err = c.Contexts.Status(s.ctx, cluster, context)
	assert.ErrorIs(s, err, v12.ErrContextNotFound)

	s.part("clusters", func() {
		ours := holds(s, got[[]v12.Cluster](s)(c.Clusters.List(s.ctx)), "the cluster", func(c v12.Cluster) bool { return c.ID == cluster })
		s.is([]any{s.name, v12.ClusterRunning}, []any{ours.Name, ours.Status}, "in the list")
		s.is(s.name, got[*v12.Cluster](s)(c.Clusters.Status(s.ctx, cluster)).Name, "name")
		if s.real {
			s.log.Logf("LEFT OUT: %s: what needs another cluster, of a kind that these calls choose", s.where)
			return
		}
		other := id(c.Clusters.Create(s.ctx, v12.CreateCluster{Name: s.name + "-other", NumWorkerContainers: 1}))
		state := func(want v12.ClusterState) {
			s.until(string(want), func() bool {
				return got[*v12.Cluster](s)(c.Clusters.Status(s.ctx, other)).Status == want
			})
		}
		state(v12.ClusterRunning)
		s.ok(c.Clusters.Resize(s.ctx, other, 2))
		state(v12.ClusterRunning)
		s.is(new(2), got[*v12.Cluster](s)(c.Clusters.Status(s.ctx, other)).NumWorkers, "workers")
		s.ok(c.Clusters.Restart(s.ctx, other))
		state(v12.ClusterRunning)
		s.ok(c.Clusters.Delete(s.ctx, other))
		state(v12.ClusterTerminated)
	})
}

func (s *conformance) oldLibraries() {
	libraries := s.v12.Libraries
	id := got[string](s)(libraries.Upload(s.ctx, v12.UploadLibrary{LibType: v12.LibraryPythonPyPI, Name: s.name, Folder: s.dir(), File: v12.FileFromBytes("package", []byte("simplejson"))}))
	listed := holds(s, got[[]v12.Library](s)(libraries.List(s.ctx)), "the library", func(l v12.Library) bool { return l.ID == id })
	s.is(v12.Library{ID: id, Name: s.name, Folder: s.dir()}, listed, "in the list")
	s.ok(libraries.Attach(s.ctx, id, s.cluster))
	s.ok(libraries.WaitAttached(s.ctx, id, s.cluster))
	status := got[*v12.LibraryStatus](s)(libraries.Status(s.ctx, id))
	s.is([]any{s.name, v12.LibraryPythonPyPI}, []any{status.Name, status.LibType}, "the library")
	s.ok(libraries.Detach(s.ctx, id, s.cluster))
	s.until("detached", func() bool {
		return !slices.ContainsFunc(got[*v12.LibraryStatus](s)(libraries.Status(s.ctx, id)).Statuses, func(on v12.LibraryClusterStatus) bool {
			return on.ClusterID == s.cluster && on.Status == v12.LibraryAttached
		})
	})
	s.ok(libraries.Delete(s.ctx, id))
	assert.False(s, slices.ContainsFunc(got[[]v12.Library](s)(libraries.List(s.ctx)), func(l v12.Library) bool { return l.ID == id }), "it is deleted")
}

// jobs makes the calls of a version of the Jobs API.
func (s *conformance) jobs(version string) {
	jobs := s.client(databricks.WithJobsAPI(version)).Jobs
	name := s.name + "-" + version
	task := databricks.Task{TaskKey: "only", ExistingClusterID: s.cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: s.notebook()}}
	if s.cluster == "" { // it cannot run
		spec := s.spec()
		spec.ClusterName, spec.AutoterminationMinutes = "", nil
		task.NewCluster = &spec
	}
	settings := databricks.JobSettings{Name: name, TimeoutSeconds: new(600), Tasks: []databricks.Task{task}}
	if version == "2.0" {
		settings.Tasks, settings.ExistingClusterID, settings.NewCluster, settings.NotebookTask = nil, task.ExistingClusterID, task.NewCluster, task.NotebookTask
	}
	id := got[int64](s)(jobs.Create(s.ctx, settings))
	one := func() databricks.JobSettings {
		job := got[*databricks.Job](s)(jobs.Get(s.ctx, databricks.GetJob{JobID: id}))
		s.is(id, job.JobID, "the job's id")
		return job.Settings
	}
	s.is([]any{name, new(600)}, []any{one().Name, one().TimeoutSeconds}, "the new job")
	for _, list := range [][]databricks.Job{
		got[[]databricks.Job](s)(jobs.List(s.ctx, databricks.ListJobs{Name: name})),
		all(s, jobs.All(s.ctx, databricks.ListJobs{})),
	} {
		s.is(name, holds(s, list, "the job in the list", func(j databricks.Job) bool { return j.JobID == id }).Settings.Name, "name in the list")
	}
	s.ok(jobs.Update(s.ctx, databricks.UpdateJob{JobID: id, NewSettings: databricks.JobSettings{MaxConcurrentRuns: new(3)}, FieldsToRemove: []string{"timeout_seconds"}}))
	s.is([]any{name, new(3)}, []any{one().Name, one().MaxConcurrentRuns}, "what is kept and what is updated")
	assert.Zero(s, value(one().TimeoutSeconds), "what is removed")
	settings.TimeoutSeconds = new(1200)
	s.ok(jobs.Reset(s.ctx, id, settings))
	s.is([]any{1200, 1}, []any{value(one().TimeoutSeconds), cmp.Or(value(one().MaxConcurrentRuns), 1)}, "what is reset")

	if s.cluster != "" {
		s.part("runs", func() { s.jobRuns(jobs, version, id, settings) })
	}
	s.ok(jobs.Delete(s.ctx, id))
	_, err := jobs.Get(s.ctx, databricks.GetJob{JobID: id})
	s.gone(err)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (s *conformance) jobRuns(jobs *databricks.JobsService, version string, job int64, settings databricks.JobSettings) {
	one := got[*databricks.Run](s)
	ran := got[*databricks.RunNowResult](s)(jobs.RunNow(s.ctx, databricks.RunNow{JobID: job})).RunID
	run := one(jobs.WaitRun(s.ctx, ran))
	s.is([]any{ran, job, databricks.RunResultSuccess}, []any{run.RunID, run.JobID, run.State.ResultState}, "the run")
	s.is(ran, one(jobs.GetRun(s.ctx, databricks.GetRun{RunID: ran})).RunID, "the run again")
	such := func(r databricks.Run) bool { return r.RunID == ran }
	holds(s, got[[]databricks.Run](s)(jobs.ListRuns(s.ctx, databricks.ListRuns{JobID: job, CompletedOnly: true})), "the run in the list", such)
	holds(s, all(s, jobs.AllRuns(s.ctx, databricks.ListRuns{JobID: job})), "the run in the sequence", such)

	task := ran
	if len(run.Tasks) > 0 {
		task = run.Tasks[0].RunID
	}
	s.part("output", func() {
		out := got[*databricks.RunOutput](s)(jobs.GetRunOutput(s.ctx, task))
		s.is("", out.Error, "error")
		require.NotNil(s, out.NotebookOutput)
		assert.False(s, out.NotebookOutput.Truncated)
	})
	s.part("export", func() {
		views := got[[]databricks.RunView](s)(jobs.ExportRun(s.ctx, databricks.ExportRun{RunID: task}))
		view := holds(s, views, "the view", func(databricks.RunView) bool { return true })
		s.is(databricks.ViewNotebook, view.Type, "its type")
		assert.Contains(s, view.Content, "<", "HTML")
	})
	if version != "2.0" {
		s.part("repair", func() {
			repair := got[int64](s)(jobs.RepairRun(s.ctx, databricks.RepairRun{RunID: ran, RerunTasks: []string{"only"}}))
			run := one(jobs.WaitRun(s.ctx, ran))
			with := got[*databricks.Run](s)(jobs.GetRun(s.ctx, databricks.GetRun{RunID: ran, IncludeHistory: true}))
			s.is(databricks.RunResultSuccess, run.State.ResultState, "the repaired run")
			holds(s, with.RepairHistory, "the repair", func(r databricks.RepairHistoryItem) bool { return r.ID == repair })
		})
	}
	s.part("submit", func() {
		in := databricks.SubmitRun{RunName: s.name + "-submitted", Tasks: settings.Tasks, ExistingClusterID: settings.ExistingClusterID, NotebookTask: settings.NotebookTask}
		id := got[int64](s)(jobs.SubmitRun(s.ctx, in))
		s.runs = append(s.runs, id)
		s.ok(jobs.CancelRun(s.ctx, id))
		_, err := jobs.WaitRun(s.ctx, id)
		e, ok := errors.AsType[*databricks.RunError](err)
		if assert.True(s, ok, "the run was canceled: %v", err) {
			s.is([]any{databricks.RunResultCanceled, in.RunName}, []any{e.Result, e.Run.RunName}, "the run")
		}
		s.ok(jobs.DeleteRun(s.ctx, id))
		s.runs = slices.DeleteFunc(s.runs, func(r int64) bool { return r == id })
		_, err = jobs.GetRun(s.ctx, databricks.GetRun{RunID: id})
		s.gone(err)
	})
	s.part("cancel all", func() {
		id := got[*databricks.RunNowResult](s)(jobs.RunNow(s.ctx, databricks.RunNow{JobID: job})).RunID
		s.ok(jobs.CancelAllRuns(s.ctx, databricks.CancelAllRuns{JobID: job}))
		_, err := jobs.WaitRun(s.ctx, id)
		e, ok := errors.AsType[*databricks.RunError](err)
		assert.True(s, ok && e.Result == databricks.RunResultCanceled, "the run was canceled: %v", err)
	})
}

// fakeConformance returns a suite for an in-memory workspace. It must run in a
// bubble.
func fakeConformance(t *testing.T) (*conformance, *databrickstest.Server) {
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	t.Cleanup(cancel)
	server := databrickstest.NewServer(databrickstest.WithRecording(databrickstest.Recording{Requests: 100_000}),
		databrickstest.WithExecutor(databrickstest.ExecutorFunc(func(c databrickstest.Command) databrickstest.CommandResult {
			if strings.Contains(c.Code, "sleep") {
				return databrickstest.CommandResult{Duration: time.Hour}
			}
			return databrickstest.CommandResult{Text: "42"}
		})))
	t.Cleanup(server.Close)
	c := server.Client()
	return &conformance{log: t, ctx: ctx, c: c, client: server.Client, v12: v12.NewClient(c), scim: scim.NewClient(c)}, server
}

func TestConformance(t *testing.T) {
	if *onWorkspace {
		realConformance(t)
		return
	}
	synctest.Test(t, func(t *testing.T) {
		suite, server := fakeConformance(t)
		suite.run()
		if t.Failed() {
			return
		}
		requests := server.Requests()
		assert.Empty(t, notCalled(t, requests, ""), "operations of the contract that were not called with success")

		// The check must notice each call that is not made.
		keys := map[string]bool{}
		for _, r := range requests {
			keys[callKey(r)] = true
		}
		noticed := 0
		for key := range keys {
			if slices.Contains(notCalled(t, requests, key), key) {
				noticed++
			}
		}
		assert.Equal(t, noticed, len(inScope(t)))
		t.Logf("%d operations called, by %d requests", noticed, len(requests))
	})
}

// realConformance returns the suite for the workspace in the environment.
func realConformance(t *testing.T) {
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_TOKEN"} {
		if os.Getenv(name) == "" {
			t.Fatalf("-workspace needs %s", name)
		}
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	if deadline, ok := t.Deadline(); ok { // leave time to clean up
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
		defer cancel()
	}
	client := func(opts ...databricks.Option) *databricks.Client {
		c, err := databricks.NewClient(opts...)
		require.NoError(t, err)
		return c
	}
	c := client()
	(&conformance{log: t, ctx: ctx, c: c, client: client, v12: v12.NewClient(c), scim: scim.NewClient(c), real: true}).run()
}

// patterns match the paths of calls with parameters in the path.
var patterns = map[string]*regexp.Regexp{}

// callKey returns the contract's key for a request.
func callKey(r databrickstest.Request) string {
	key := r.Method + " " + r.Path
	for call, pattern := range patterns {
		if pattern.MatchString(key) {
			return call
		}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		key += " multipart"
	}
	return key
}

// inScope returns the calls that the suite must make. Calls of version 2.1 of the
// Jobs API also exist in 2.2.
func inScope(t *testing.T) (keys []string) {
	areas, err := contract.Load("testdata/contract", "clusters", "cluster-policies", "dbfs", "groups", "instance-pools", "jobs", "jobs-2.1-delta", "libraries", "permissions", "scim", "secrets", "tokens", "workspace", "v12")
	require.NoError(t, err)
	checker := &contract.Checker{Areas: areas, OutOfScope: databricks.ContractOutOfScope}
	for _, ops := range checker.Scope() {
		for _, op := range ops {
			key := op.Key()
			if op.RequestIn == "multipart" && !strings.HasSuffix(key, " multipart") {
				key += " multipart"
			}
			if strings.Contains(key, "{") && patterns[key] == nil {
				patterns[key] = regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(key), `[^/]+`) + "$")
			}
			keys = append(keys, key)
			if later := strings.Replace(key, "/api/2.1/jobs/", "/api/2.2/jobs/", 1); later != key {
				keys = append(keys, later)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

var parameter = regexp.MustCompile(`\\\{\w+\\\}`)

// notCalled returns the calls in scope for which no request succeeded. It ignores
// requests with the key except.
func notCalled(t *testing.T, requests []databrickstest.Request, leftOut string) (missing []string) {
	for _, key := range inScope(t) {
		if !slices.ContainsFunc(requests, func(r databrickstest.Request) bool {
			return r.Status/100 == 2 && callKey(r) == key && key != leftOut
		}) {
			missing = append(missing, key)
		}
	}
	return missing
}

// quiet collects the failures of a suite that must fail.
type quiet struct{ errors []string }

func (q *quiet) Errorf(format string, args ...any) {
	q.errors = append(q.errors, fmt.Sprintf(format, args...))
}
func (q *quiet) Logf(string, ...any) {}

// If the suite is interrupted at any point, it leaves nothing in the workspace.
func TestConformance_cleansUp(t *testing.T) {
	for at := int64(1); at < 450; at += 27 {
		synctest.Test(t, func(t *testing.T) {
			suite, server := fakeConformance(t)
			clean := suite.c
			before := inventory(t, clean)
			log := &quiet{}
			suite.log = log
			var cancel context.CancelCauseFunc
			suite.ctx, cancel = context.WithCancelCause(suite.ctx)
			var n atomic.Int64
			interrupting := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if n.Add(1) == at {
					cancel(errors.New("interrupted"))
				}
				return server.Transport().RoundTrip(r)
			})}
			suite.client = func(opts ...databricks.Option) *databricks.Client {
				return server.Client(append(opts, databricks.WithHTTPClient(interrupting))...)
			}
			suite.c = suite.client()
			suite.v12, suite.scim = v12.NewClient(suite.c), scim.NewClient(suite.c)
			suite.run()
			for _, text := range log.errors {
				assert.NotContains(t, text, "cleaning up", "at request %d", at)
			}
			assert.Equal(t, before, inventory(t, clean), "at request %d", at)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inventory returns the number of objects of each kind in a workspace.
func inventory(t *testing.T, c *databricks.Client) map[string]int {
	ctx := t.Context()
	return map[string]int{
		"files":      len(must(c.DBFS.List(ctx, "/"))),
		"groups":     len(must(c.Groups.List(ctx))),
		"users":      len(must(scim.NewClient(c).Users.List(ctx, scim.ListOptions{}))),
		"principals": len(must(scim.NewClient(c).ServicePrincipals.List(ctx, scim.ListOptions{}))),
		"policies":   len(must(c.Policies.List(ctx, databricks.ListPolicies{}))),
		"pools":      len(must(c.Pools.List(ctx))),
		"scopes":     len(must(c.Secrets.ListScopes(ctx))),
		"tokens":     len(must(c.Tokens.List(ctx))),
		"notebooks":  len(must(c.Workspace.List(ctx, databricks.ListObjects{Path: "/Shared"}))),
		"clusters":   len(must(c.Clusters.List(ctx, databricks.ListClusters{}))),
		"jobs":       len(must(c.Jobs.List(ctx, databricks.ListJobs{}))),
		"active":     len(must(c.Jobs.ListRuns(ctx, databricks.ListRuns{ActiveOnly: true}))),
		"libraries":  len(must(v12.NewClient(c).Libraries.List(ctx))),
	}
}
