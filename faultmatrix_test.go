package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/scim"
	"github.com/go-databricks/databricks/v12"
)

// The matrix runs each scenario with each fault at each of its requests. It
// compares the reported result with the real state of the workspace.

// A step is one call of a scenario. Its effect is visible in the workspace 0 times
// or once. More than one effect is an error. A call that is safe to retry succeeds
// after a transient fault.
type step struct {
	name   string
	do     func(context.Context) error
	effect func(context.Context, *databricks.Client) int
}

var safe = map[string]bool{
	"folder": true, "cluster": true, "library": true, // calls of provision
	"wait": true, "wait again": true, "ensure running": true, "pin": true, "unpin": true, "terminate": true, "wait for the end": true,
	"run now": true, "submit": true, "wait for that": true, "delete run": true, "delete job": true,
	"known size": true, "delete file": true, // a stream cannot be read again
	"close": true,
	"put":   true, "ACL": true, "revoke": true,
	"edit policy": true, "permit": true, "forbid": true, "set permissions": true, "enforce": true, "delete policy": true, "edit pool": true, "delete pool": true,
}

// A fixture is the workspace of a scenario.
type fixture struct {
	t       *testing.T
	server  *databrickstest.Server
	client  *databricks.Client // client with faults
	cluster string             // a running cluster, for scenarios that need it
	ran     map[string]int     // number of runs of each command, by its code
	left    []string           // objects that nothing created explicitly
}

// must is for calls of a scenario with a client without faults.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

var scenarios = map[string]func(*fixture) []step{
	"provision": func(w *fixture) []step {
		var cluster string
		c := w.client
		return []step{
			{"group", func(ctx context.Context) error { return c.Groups.Create(ctx, "data") },
				func(ctx context.Context, c *databricks.Client) int {
					return count(must(c.Groups.List(ctx)), func(g string) bool { return g == "data" })
				}},
			{"folder", func(ctx context.Context) error { return c.Workspace.Mkdirs(ctx, "/Shared/etl") },
				func(ctx context.Context, c *databricks.Client) int {
					return count(must(c.Workspace.List(ctx, databricks.ListObjects{Path: "/Shared"})), func(o databricks.WorkspaceObject) bool { return o.Path == "/Shared/etl" })
				}},
			{"cluster", func(ctx context.Context) (err error) {
				cluster, err = c.Clusters.Create(ctx, spec("matrix"))
				return err
			},
				func(ctx context.Context, c *databricks.Client) int {
					return count(must(c.Clusters.List(ctx, databricks.ListClusters{})), func(cl databricks.Cluster) bool { return cl.ClusterName == "matrix" })
				}},
			{"library", func(ctx context.Context) error {
				return c.Libraries.Install(ctx, cluster, []databricks.Library{{JAR: "dbfs:/a.jar"}})
			}, func(ctx context.Context, c *databricks.Client) int {
				if cluster == "" {
					return 0
				}
				return len(must(c.Libraries.ClusterStatus(ctx, cluster)).LibraryStatuses)
			}},
			{"job", func(ctx context.Context) error {
				_, err := c.Jobs.Create(ctx, databricks.CreateJob{Name: "matrix", ExistingClusterID: cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}})
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				return count(must(c.Jobs.List(ctx, databricks.ListJobs{})), func(j databricks.Job) bool { return j.Settings.Name == "matrix" })
			}},
		}
	},

	"cluster life": func(w *fixture) []step {
		c := w.client
		events := func(kind databricks.ClusterEventType) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) (n int) {
				for _, err := range c.Clusters.AllEvents(ctx, databricks.ListClusterEvents{ClusterID: w.cluster, EventTypes: []databricks.ClusterEventType{kind}}) {
					must(0, err)
					n++
				}
				return n
			}
		}
		running := func(ctx context.Context) error { _, err := c.Clusters.WaitRunning(ctx, w.cluster); return err }
		nothing := func(context.Context, *databricks.Client) int { return -1 }
		return []step{
			{"resize", func(ctx context.Context) error {
				return c.Clusters.Resize(ctx, databricks.ResizeCluster{ClusterID: w.cluster, NumWorkers: new(3)})
			}, events(databricks.ClusterEventResizing)},
			{"wait", running, nothing},
			{"restart", func(ctx context.Context) error {
				return c.Clusters.Restart(ctx, databricks.RestartCluster{ClusterID: w.cluster})
			},
				func(ctx context.Context, c *databricks.Client) int { // an edit also restarts the cluster
					return events(databricks.ClusterEventRestarting)(ctx, c) - events(databricks.ClusterEventEdited)(ctx, c)
				}},
			{"wait again", running, nothing},
			{"modify", func(ctx context.Context) error {
				return c.Clusters.Modify(ctx, w.cluster, func(s *databricks.ClusterSpec) { s.AutoterminationMinutes = new(77) })
			}, events(databricks.ClusterEventEdited)},
			{"ensure running", func(ctx context.Context) error { _, err := c.Clusters.EnsureRunning(ctx, w.cluster); return err }, nothing},
			{"pin", func(ctx context.Context) error { return c.Clusters.Pin(ctx, w.cluster) },
				func(ctx context.Context, c *databricks.Client) int { // it is idempotent, and a step after unpin calls it again
					return min(events(databricks.ClusterEventPinned)(ctx, c), 1)
				}},
			{"unpin", func(ctx context.Context) error { return c.Clusters.Unpin(ctx, w.cluster) }, events(databricks.ClusterEventUnpinned)},
			{"terminate", func(ctx context.Context) error { return c.Clusters.Delete(ctx, w.cluster) }, events(databricks.ClusterEventTerminating)},
			{"wait for the end", func(ctx context.Context) error { _, err := c.Clusters.WaitTerminated(ctx, w.cluster); return err }, nothing},
		}
	},

	"run job": func(w *fixture) []step {
		c := w.client
		clean := w.server.Client()
		job := must(clean.Jobs.Create(w.t.Context(), databricks.CreateJob{Name: "matrix", ExistingClusterID: w.cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}}))
		doomed := must(clean.Jobs.Create(w.t.Context(), databricks.CreateJob{Name: "doomed", ExistingClusterID: w.cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}}))
		var run, submitted int64
		runs := func(which func(databricks.Run) bool) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				return count(must(c.Jobs.ListRuns(ctx, databricks.ListRuns{})), which)
			}
		}
		gone := func(id *int64) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				_, err := c.Jobs.GetRun(ctx, databricks.GetRun{RunID: *id})
				return one(errors.Is(err, databricks.ErrResourceDoesNotExist))
			}
		}
		nothing := func(context.Context, *databricks.Client) int { return -1 }
		return []step{
			{"run now", func(ctx context.Context) error {
				r, err := c.Jobs.RunNow(ctx, databricks.RunNow{JobID: job})
				if err == nil {
					run = r.RunID
				}
				return err
			}, runs(func(r databricks.Run) bool { return r.JobID == job })},
			{"wait", func(ctx context.Context) error { _, err := c.Jobs.WaitRun(ctx, run); return err }, nothing},
			{"submit", func(ctx context.Context) (err error) {
				submitted, err = c.Jobs.SubmitRun(ctx, databricks.SubmitRun{RunName: "once", ExistingClusterID: w.cluster, NotebookTask: &databricks.NotebookTask{NotebookPath: "/Shared/x"}})
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				return count(must(c.Jobs.ListRuns(ctx, databricks.ListRuns{})), func(r databricks.Run) bool { return r.RunName == "once" }) +
					one(submitted != 0 && gone(&submitted)(ctx, c) == 1)
			}},
			{"wait for that", func(ctx context.Context) error { _, err := c.Jobs.WaitRun(ctx, submitted); return err }, nothing},
			{"delete run", func(ctx context.Context) error { return c.Jobs.DeleteRun(ctx, submitted) }, gone(&submitted)},
			{"delete job", func(ctx context.Context) error { return c.Jobs.Delete(ctx, doomed) },
				func(ctx context.Context, c *databricks.Client) int {
					return 2 - len(must(c.Jobs.List(ctx, databricks.ListJobs{})))
				}},
		}
	},

	"upload": func(w *fixture) []step {
		c := w.client
		content := bytes.Repeat([]byte("0123456789abcdef"), 1000) // uploads of many blocks have their own matrix
		stands := func(path string) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				for _, f := range must(c.DBFS.List(ctx, "/data")) {
					if f.Path == "/data/keep" || f.Path == "/data/known" || f.Path == "/data/stream" {
						continue
					}
					w.left = append(w.left, f.Path)
				}
				info, err := c.DBFS.GetStatus(ctx, path)
				if err != nil {
					return 0
				}
				var got bytes.Buffer
				for int64(got.Len()) < info.FileSize {
					got.Write(must(c.DBFS.Read(ctx, databricks.ReadBlock{Path: path, Offset: int64(got.Len()), Length: 1 << 20})))
				}
				if !bytes.Equal(content, got.Bytes()) {
					return 2
				}
				return 1
			}
		}
		must(0, w.server.Client().DBFS.Put(w.t.Context(), databricks.PutContents{Path: "/data/keep", Contents: []byte("x"), Overwrite: true}))
		return []step{
			{"known size", func(ctx context.Context) error {
				return c.DBFS.Upload(ctx, bytes.NewReader(content), "/data/known", databricks.UploadOptions{})
			}, stands("/data/known")},
			{"stream", func(ctx context.Context) error {
				return c.DBFS.Upload(ctx, io.MultiReader(bytes.NewReader(content)), "/data/stream", databricks.UploadOptions{})
			}, stands("/data/stream")},
			{"delete file", func(ctx context.Context) error { return c.DBFS.Delete(ctx, databricks.DeleteFile{Path: "/data/keep"}) },
				func(ctx context.Context, c *databricks.Client) int {
					_, err := c.DBFS.GetStatus(ctx, "/data/keep")
					return one(errors.Is(err, databricks.ErrResourceDoesNotExist))
				}},
		}
	},

	"command session": func(w *fixture) []step {
		var session *v12.Session
		ran := func(code string) func(context.Context, *databricks.Client) int {
			return func(context.Context, *databricks.Client) int { return w.ran[code] }
		}
		run := func(code string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := session.Run(ctx, code)
				if err != nil {
					err = errors.Join(err, session.Close())
				}
				return err
			}
		}
		nothing := func(context.Context, *databricks.Client) int { return -1 }
		return []step{
			{"open", func(ctx context.Context) (err error) {
				session, err = v12.NewClient(w.client).NewSession(ctx, w.cluster, v12.Python)
				return err
			}, nothing},
			{"run", run("first()"), ran("first()")},
			{"run again", run("second()"), ran("second()")},
			{"close", func(context.Context) error { return session.Close() }, nothing},
		}
	},

	"secrets": func(w *fixture) []step {
		c := w.client
		var token *databricks.CreatedToken
		keys := func(ctx context.Context, c *databricks.Client) int {
			keys, err := c.Secrets.List(ctx, "s")
			return one(err == nil && len(keys) == 1)
		}
		tokens := func(ctx context.Context, c *databricks.Client) int {
			return count(must(c.Tokens.List(ctx)), func(t databricks.TokenInfo) bool { return t.Comment == "matrix" })
		}
		return []step{
			{"scope", func(ctx context.Context) error { return c.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "s"}) },
				func(ctx context.Context, c *databricks.Client) int { return len(must(c.Secrets.ListScopes(ctx))) }},
			{"put", func(ctx context.Context) error {
				return c.Secrets.Put(ctx, databricks.PutSecret{Scope: "s", Key: "k", StringValue: new(databricks.Secret("hush"))})
			}, keys},
			{"ACL", func(ctx context.Context) error {
				return c.Secrets.PutACL(ctx, databricks.PutACL{Scope: "s", Principal: "users", Permission: databricks.ACLRead})
			}, func(ctx context.Context, c *databricks.Client) int {
				acls, err := c.Secrets.ListACLs(ctx, "s")
				return one(err == nil && len(acls) > 0 && count(acls, func(a databricks.ACLItem) bool { return a.Principal == "users" }) == 1)
			}},
			{"token", func(ctx context.Context) (err error) {
				token, err = c.Tokens.Create(ctx, databricks.CreateToken{Comment: "matrix", LifetimeSeconds: 3600})
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				if n := tokens(ctx, c); n > 0 || token == nil {
					return n
				}
				return 1 // it was revoked
			}},
			{"revoke", func(ctx context.Context) error { return c.Tokens.Delete(ctx, token.TokenInfo.TokenID) },
				func(ctx context.Context, c *databricks.Client) int { return one(token != nil && tokens(ctx, c) == 0) }},
		}
	},

	"import": func(w *fixture) []step {
		c := w.client
		content := func(path, want string) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				e, err := c.Workspace.Export(ctx, databricks.ExportObject{Path: path})
				return one(err == nil && strings.Contains(string(e.Content), want))
			}
		}
		for _, name := range []string{"/Shared/old", "/Shared/gone"} {
			must(w.server.Client().Workspace.Import(w.t.Context(), databricks.ImportObject{Path: name, Language: databricks.LanguagePython, Content: []byte("print(0)")}))
		}
		return []step{
			{"new", func(ctx context.Context) error {
				_, err := c.Workspace.Import(ctx, databricks.ImportObject{Path: "/Shared/new", Language: databricks.LanguagePython, Content: []byte("print(1)")})
				return err
			}, content("/Shared/new", "print(1)")},
			{"over the old", func(ctx context.Context) error {
				_, err := c.Workspace.Import(ctx, databricks.ImportObject{Path: "/Shared/old", Language: databricks.LanguagePython, Content: []byte("print(2)"), Overwrite: true, Multipart: true})
				return err
			}, content("/Shared/old", "print(2)")},
			{"delete", func(ctx context.Context) error {
				return c.Workspace.Delete(ctx, databricks.DeleteObject{Path: "/Shared/gone"})
			},
				func(ctx context.Context, c *databricks.Client) int {
					_, err := c.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: "/Shared/gone"})
					return one(errors.Is(err, databricks.ErrResourceDoesNotExist))
				}},
		}
	},

	"identities": func(w *fixture) []step {
		c := scim.NewClient(w.client)
		var group, user, principal string
		ctx := w.t.Context()
		doomed := must(scim.NewClient(w.server.Client()).Users.Create(ctx, scim.User{UserName: "doomed@example.com"})).ID
		gone := must(scim.NewClient(w.server.Client()).ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: "doomed"})).ID
		users := func(name string) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				return count(must(scim.NewClient(c).Users.List(ctx, scim.ListOptions{})), func(u scim.User) bool { return u.UserName == name })
			}
		}
		return []step{
			{"SCIM group", func(ctx context.Context) error {
				g, err := c.Groups.Create(ctx, scim.Group{DisplayName: "matrix"})
				if err == nil {
					group = g.ID
				}
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				return count(must(scim.NewClient(c).Groups.List(ctx, scim.ListOptions{})), func(g scim.Group) bool { return g.DisplayName == "matrix" })
			}},
			{"SCIM user", func(ctx context.Context) error {
				u, err := c.Users.Create(ctx, scim.User{UserName: "matrix@example.com"})
				if err == nil {
					user = u.ID
				}
				return err
			}, users("matrix@example.com")},
			{"principal", func(ctx context.Context) error {
				p, err := c.ServicePrincipals.Create(ctx, scim.ServicePrincipal{DisplayName: "matrix"})
				if err == nil {
					principal = p.ID
				}
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				return count(must(scim.NewClient(c).ServicePrincipals.List(ctx, scim.ListOptions{})), func(p scim.ServicePrincipal) bool { return p.DisplayName == "matrix" })
			}},
			{"member", func(ctx context.Context) error {
				return c.Groups.Patch(ctx, group, scim.AddMembers(user, principal))
			}, func(ctx context.Context, c *databricks.Client) int {
				if group == "" {
					return 0
				}
				return len(must(scim.NewClient(c).Groups.Get(ctx, scim.GetOptions{ID: group})).Members) / 2
			}},
			{"modify user", func(ctx context.Context) error {
				return c.Users.Modify(ctx, user, func(u *scim.User) { u.DisplayName = "Changed" })
			}, func(ctx context.Context, c *databricks.Client) int {
				return count(must(scim.NewClient(c).Users.List(ctx, scim.ListOptions{})), func(u scim.User) bool { return u.DisplayName == "Changed" })
			}},
			{"modify group", func(ctx context.Context) error {
				return c.Groups.Modify(ctx, group, func(g *scim.Group) { g.Entitlements = scim.Values(scim.WorkspaceAccess) })
			}, func(ctx context.Context, c *databricks.Client) int {
				if group == "" {
					return 0
				}
				g := must(scim.NewClient(c).Groups.Get(ctx, scim.GetOptions{ID: group}))
				return len(g.Entitlements) * (1 + len(g.Members)%2) // with both members
			}},
			{"delete principal", func(ctx context.Context) error { return c.ServicePrincipals.Delete(ctx, gone) },
				func(ctx context.Context, c *databricks.Client) int {
					return 1 - count(must(scim.NewClient(c).ServicePrincipals.List(ctx, scim.ListOptions{})), func(p scim.ServicePrincipal) bool { return p.ID == gone })
				}},
			{"delete user", func(ctx context.Context) error { return c.Users.Delete(ctx, doomed) },
				func(ctx context.Context, c *databricks.Client) int { return 1 - users("doomed@example.com")(ctx, c) }},
		}
	},

	"policies and pools": func(w *fixture) []step {
		c := w.client
		var policy, pool string
		pools := func(which func(databricks.InstancePool) bool) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int { return count(must(c.Pools.List(ctx)), which) }
		}
		policies := func(which func(databricks.ClusterPolicy) bool) func(context.Context, *databricks.Client) int {
			return func(ctx context.Context, c *databricks.Client) int {
				return count(must(c.Policies.List(ctx, databricks.ListPolicies{})), which)
			}
		}
		doomed := must(w.server.Client().Policies.Create(w.t.Context(), databricks.CreatePolicy{Name: "doomed", Definition: "{}"}))
		use := []databricks.AccessControl{{GroupName: "users", PermissionLevel: databricks.CanUse}}
		on := databricks.PermissionsOnClusterPolicies
		shared := must(w.server.Client().Policies.Create(w.t.Context(), databricks.CreatePolicy{Name: "shared", Definition: "{}"}))
		must(w.server.Client().Permissions.Update(w.t.Context(), databricks.UpdatePermissions{Object: on, ID: shared, AccessControlList: use}))
		permitted := func(ctx context.Context, c *databricks.Client, policy string) int {
			return len(must(c.Permissions.Get(ctx, on, policy)).Direct())
		}
		bounded := must(w.server.Client().Policies.Create(w.t.Context(), databricks.CreatePolicy{Name: "bounded", Definition: "{}"}))
		bound := spec("bounded")
		bound.PolicyID = bounded
		cluster := must(w.server.Client().Clusters.Create(w.t.Context(), bound))
		must(w.server.Client().Clusters.WaitRunning(w.t.Context(), cluster))
		must(0, w.server.Client().Policies.Edit(w.t.Context(), databricks.EditPolicy{PolicyID: bounded, CreatePolicy: databricks.CreatePolicy{Name: "bounded",
			Definition: `{"autotermination_minutes": {"type": "fixed", "value": 77}}`}}))
		lost := must(w.server.Client().Pools.Create(w.t.Context(), databricks.CreatePool{InstancePoolName: "doomed", NodeTypeID: "Standard_DS3_v2"}))
		return []step{
			{"policy", func(ctx context.Context) (err error) {
				policy, err = c.Policies.Create(ctx, databricks.CreatePolicy{Name: "matrix", Definition: "{}"})
				return err
			}, policies(func(p databricks.ClusterPolicy) bool { return strings.HasPrefix(p.Name, "matrix") })},
			{"edit policy", func(ctx context.Context) error {
				return c.Policies.Edit(ctx, databricks.EditPolicy{PolicyID: policy, CreatePolicy: databricks.CreatePolicy{Name: "matrix 2", Definition: "{}"}})
			}, policies(func(p databricks.ClusterPolicy) bool { return p.Name == "matrix 2" })},
			{"permit", func(ctx context.Context) error {
				_, err := c.Permissions.Update(ctx, databricks.UpdatePermissions{Object: on, ID: policy, AccessControlList: use})
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				if policy == "" {
					return 0
				}
				return permitted(ctx, c, policy)
			}},
			{"forbid", func(ctx context.Context) error {
				_, err := c.Permissions.Revoke(ctx, databricks.RevokePermission{Object: on, ID: shared, GroupName: "users"})
				return err
			}, func(ctx context.Context, c *databricks.Client) int { return 1 - permitted(ctx, c, shared) }},
			{"set permissions", func(ctx context.Context) error {
				_, err := c.Permissions.Set(ctx, databricks.SetPermissions{Object: on, ID: bounded, AccessControlList: use})
				return err
			}, func(ctx context.Context, c *databricks.Client) int { return permitted(ctx, c, bounded) }},
			{"enforce", func(ctx context.Context) error {
				_, err := c.Policies.EnforceCompliance(ctx, databricks.EnforceCompliance{ClusterID: cluster})
				return err
			}, func(ctx context.Context, c *databricks.Client) int {
				edits := 0
				for event, err := range c.Clusters.AllEvents(ctx, databricks.ListClusterEvents{ClusterID: cluster, EventTypes: []databricks.ClusterEventType{databricks.ClusterEventEdited}}) {
					must(event, err)
					edits++
				}
				return edits
			}},
			{"delete policy", func(ctx context.Context) error { return c.Policies.Delete(ctx, doomed) },
				func(ctx context.Context, c *databricks.Client) int {
					return 1 - policies(func(p databricks.ClusterPolicy) bool { return p.PolicyID == doomed })(ctx, c)
				}},
			{"pool", func(ctx context.Context) (err error) {
				pool, err = c.Pools.Create(ctx, databricks.CreatePool{InstancePoolName: "matrix", NodeTypeID: "Standard_DS3_v2"})
				return err
			}, pools(func(p databricks.InstancePool) bool { return p.InstancePoolName == "matrix" })},
			{"edit pool", func(ctx context.Context) error {
				return c.Pools.Edit(ctx, databricks.EditPool{InstancePoolID: pool, InstancePoolName: "matrix", NodeTypeID: "Standard_DS3_v2", MaxCapacity: 3})
			}, pools(func(p databricks.InstancePool) bool { return p.MaxCapacity == 3 })},
			{"delete pool", func(ctx context.Context) error { return c.Pools.Delete(ctx, lost) },
				func(ctx context.Context, c *databricks.Client) int {
					return 1 - pools(func(p databricks.InstancePool) bool { return p.InstancePoolID == lost })(ctx, c)
				}},
		}
	},
}

func count[T any](all []T, which func(T) bool) (n int) {
	for _, v := range all {
		n += one(which(v))
	}
	return n
}

func spec(name string) databricks.ClusterSpec {
	return databricks.ClusterSpec{ClusterName: name, SparkVersion: "7.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}
}

// faults returns the possible faults of a request.
func faults() []databrickstest.Fault {
	const page = "<html><pre>upstream went away</pre></html>"
	once := []databrickstest.Fault{
		{Name: "refused", Refuse: true},
		{Name: "reset before the work", Reset: true},
		{Name: "reset after the work", Reset: true, WorkDone: true},
		{Name: "429 with Retry-After", Status: 429, RetryAfter: "1"},
		{Name: "429", Status: 429},
		{Name: "500 before", Status: 500},
		{Name: "500 after", Status: 500, WorkDone: true},
		{Name: "502 page before", Status: 502, Body: page, ContentType: "text/html"},
		{Name: "502 page after", Status: 502, Body: page, ContentType: "text/html", WorkDone: true},
		{Name: "503 with Retry-After", Status: 503, RetryAfter: "1"},
		{Name: "503 before", Status: 503},
		{Name: "503 after", Status: 503, WorkDone: true},
		{Name: "504 after", Status: 504, WorkDone: true},
		{Name: "truncated immediately", Truncate: true},
		{Name: "truncated", Truncate: true, Keep: 1},
		{Name: "slow body", BytesPerSecond: 100_000},
		{Name: "redirect", Redirect: "https://elsewhere.example.com/login.html"},
		{Name: "sign-in page", Status: 200, Body: page, ContentType: "text/html"},
		{Name: "wrong content type", ContentType: "text/plain"},
	}
	all := slices.Concat(once, lateFaults())
	for _, f := range once { // permanent, so that no retry helps
		f.Name, f.Times = f.Name+", for good", 6
		all = append(all, f)
	}
	return all
}

// passes reports whether a retry is correct and does not meet the fault again.
func passes(f *databrickstest.Fault) bool {
	return f.Times <= 1 && f.Status != 200 && f.Redirect == ""
}

// everyCell is set by make matrix, which takes minutes.
var everyCell = databricks.EveryCell

var cellsSeen atomic.Int64

// tried reports whether the next cell of a matrix is tried. The order of
// cells changes from run to run, and so do those that are.
func tried() bool { return cellsSeen.Add(1)%23 == 0 || *everyCell }

// A verdict holds the problems of a cell.
type verdict struct{ doubled, lost, wrong, gaveUp []string }

// play runs a scenario with a fault at the request with number at, and compares the
// result. Without a fault, it returns the numbers of the requests to try. It
// returns each kind of request at most three times, because there are many similar
// polls.
func play(t *testing.T, name string, fault *databrickstest.Fault, at int, opts ...databricks.Option) (v verdict, requests []int) {
	synctest.Test(t, func(t *testing.T) {
		w := &fixture{t: t, ran: map[string]int{}}
		w.server = databrickstest.NewServer(databrickstest.WithExecutor(w), databrickstest.WithAnySource())
		defer w.server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		clean := w.server.Client()
		w.cluster = must(clean.Clusters.Create(ctx, spec("standing")))
		must(clean.Clusters.WaitRunning(ctx, w.cluster))
		w.client = w.server.Client(opts...)
		steps := scenarios[name](w)
		w.server.ForgetRequests()
		if fault != nil {
			f := *fault
			f.Skip = at
			w.server.Inject(f)
		}

		done, failure := runSteps(ctx, steps)
		if fault != nil && fault.WorkLate > 0 {
			time.Sleep(fault.WorkLate + time.Second)
		}
		kinds := map[string]int{}
		for i, r := range w.server.Requests() {
			if kinds[r.Method+r.Path]++; kinds[r.Method+r.Path] <= 3 {
				requests = append(requests, i)
			}
		}
		w.server.ClearFaults()

		cell := "none"
		if fault != nil {
			cell = fmt.Sprintf("%s, request %d, %s", name, at+1, fault.Name)
		}
		for _, x := range w.server.ExecutionContexts() {
			w.left = append(w.left, x.ID)
		}
		v.compare(ctx, w, cell, steps, done, failure, fault != nil && passes(fault))
		assert.Empty(t, w.server.Panics())
	})
	return v, requests
}

// runSteps makes the calls of a scenario until one fails.
func runSteps(ctx context.Context, steps []step) (done int, failure error) {
	for _, s := range steps {
		if failure = s.do(ctx); failure != nil {
			break
		}
		done++
	}
	return done, failure
}

// compare compares the state of the workspace with the reported result: done steps,
// and a failure of the next step.
func (v *verdict) compare(ctx context.Context, w *fixture, cell string, steps []step, done int, failure error, passes bool) {
	_, unknown := errors.AsType[*databricks.OutcomeUnknownError](failure)
	for i, s := range steps {
		n := s.effect(ctx, w.server.Client())
		say := fmt.Sprintf("%s: %s (seen %d times, error: %v)", cell, s.name, n, failure)
		failed := i == done && failure != nil
		switch {
		case n < 0:
		case n > 1:
			v.doubled = append(v.doubled, say)
		case i < done && n == 0:
			v.lost = append(v.lost, say)
		case i > done && n == 1:
			v.wrong = append(v.wrong, say+" was never called")
		case failed && n == 1 && !unknown:
			v.wrong = append(v.wrong, say)
		}
		if failed && safe[s.name] && passes {
			v.gaveUp = append(v.gaveUp, say)
		}
	}
	// A call with an unknown outcome may leave an object that nobody can find.
	// Errors must name all other objects that are left.
	for _, left := range w.left {
		if !unknown && (failure == nil || !strings.Contains(failure.Error(), left)) {
			v.wrong = append(v.wrong, fmt.Sprintf("%s: left behind: %s (error: %v)", cell, left, failure))
		}
	}
}

// add adds the problems of another cell.
func (v *verdict) add(other verdict) {
	v.doubled, v.lost = append(v.doubled, other.doubled...), append(v.lost, other.lost...)
	v.wrong, v.gaveUp = append(v.wrong, other.wrong...), append(v.gaveUp, other.gaveUp...)
}

// report fails the test for all problems, and prints the line of a matrix.
func (v *verdict) report(t *testing.T, matrix string, cells int) {
	for _, found := range [][]string{v.doubled, v.lost, v.wrong, v.gaveUp} {
		slices.Sort(found)
		for _, line := range found[:min(len(found), 10)] {
			t.Error(line)
		}
	}
	fmt.Printf("%s: %d cells tried, effects doubled %d, effects lost without an error %d, wrong reports %d, given up though a retry was safe %d\n",
		matrix, cells, len(v.doubled), len(v.lost), len(v.wrong), len(v.gaveUp))
}

// Execute counts the commands that a cluster ran.
func (w *fixture) Execute(c databrickstest.Command) databrickstest.CommandResult {
	w.ran[c.Code]++
	return databrickstest.CommandResult{}
}

func TestFaultMatrix(t *testing.T) {
	var (
		mu    sync.Mutex
		total verdict
		cells int
	)
	t.Run("scenarios", func(t *testing.T) {
		for name := range scenarios {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				clean, requests := play(t, name, nil, 0)
				require.Empty(t, slices.Concat(clean.doubled, clean.lost, clean.wrong), "without faults")
				require.NotEmpty(t, requests)
				for _, fault := range faults() {
					for _, at := range requests {
						if !tried() {
							continue
						}
						v, _ := play(t, name, &fault, at)
						mu.Lock()
						total.add(v)
						cells++
						mu.Unlock()
					}
				}
			})
		}
	})
	total.report(t, "fault matrix", cells)
}

// The matrix must detect a policy that retries every failure.
func TestFaultMatrix_seesAnUnsafePolicy(t *testing.T) {
	unsafe := databricks.WithRetryPolicy(databricks.RetryPolicy{Retry: func(databricks.Attempt) bool { return true }})
	fault := databrickstest.Fault{Name: "reset after the work", Reset: true, WorkDone: true}
	found := 0
	_, requests := play(t, "provision", nil, 0)
	for _, at := range requests {
		v, _ := play(t, "provision", &fault, at, unsafe)
		found += len(v.doubled) + len(v.wrong) + len(v.lost)
	}
	assert.NotZero(t, found)
}
