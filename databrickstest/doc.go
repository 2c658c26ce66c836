// Package databrickstest is an in-memory Databricks workspace for tests and
// experiments. It needs no account and no network.
//
//	server := databrickstest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// It behaves like the service. Objects change their states over time. Limits,
// defaults and errors are those of the service. Clients in other languages use
// Server.URL and Server.Token.
//
// The workspace uses the real clock, unless [WithClock] or [WithSpeed] is set.
// Nothing runs in the background: the workspace updates an object when a
// request reads it. It therefore works inside a testing/synctest bubble, where
// an hour takes no time. Use [Server.Transport] or [Server.Client] there. The
// server opens a socket only for [Server.URL] or [WithListener].
//
// # Faults and scripts
//
// [Server.Inject] injects faults, such as lost responses or broken connections.
// See [Fault]. [Server.FailNextCluster] and similar methods make operations
// fail inside the workspace. [Server.Requests] returns the requests that the
// workspace received. [WithRuns] and [WithExecutor] determine the results of
// jobs and commands. [WithPython] runs them in a local Python.
//
// # State and endpoints
//
// [Server.Snapshot] returns the whole state. [Server.Restore] restores it, in
// the same server or in another one. [Server.Reset] restores the initial state.
// [Server.Persist] stores each change in your [Store]. [WithHandler] adds
// endpoints, and [WithMiddleware] wraps the whole workspace.
//
// # Permissions
//
// The workspace enforces permissions, groups and entitlements. Administrators
// may do everything. Other callers may read, use and change objects that they
// created or have permissions on. The users and service principals that a
// server starts with may create clusters and pools. Those created with SCIM
// need an entitlement or a policy to create clusters. [Server.AddOAuthSecret]
// lets a service principal sign in.
//
// # Tests that wait
//
// This test of a function that starts a job and waits for it takes no time:
//
//	func TestNightly(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			server := databrickstest.NewServer(databrickstest.WithRuns(
//				func(databrickstest.RunSpec) databrickstest.RunOutcome {
//					return databrickstest.RunOutcome{Duration: time.Hour, Error: "no rows"}
//				}))
//			defer server.Close()
//			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
//			defer cancel()
//			err := nightly(ctx, server.Client())
//			require.ErrorContains(t, err, "no rows")
//		})
//	}
//
// Set a deadline, because a wait without a limit never ends in a bubble either.
//
// # Differences from the service
//
// The workspace lacks the following parts of the service, or simplifies them.
// Inject a [Fault] to test against one of them.
//
//   - Accounts: there are no IP access lists, no trials and no prices, so rules on
//     dbus_per_hour have no effect. Scopes of tokens are stored but have no effect.
//   - Consistency: a new object is visible to all calls immediately.
//   - Clusters: autoscaling clusters keep their size. A cluster gets all nodes that it
//     requests, and never loses one. Its access mode can be changed, AWS node types
//     need no volumes, and tags get no prefixes. Events report only actions of users,
//     timers, and failed launches. Log delivery and init scripts have no effect. A pool
//     has no idle instances beyond its minimum.
//   - Libraries: the workspace checks no file and no repository. Every library can be
//     installed, unless [Server.FailLibrary] names it.
//   - DBFS: no call takes long. Only [WithDeleteLimit] makes the delete of a large tree
//     need several calls. There are no mounts and no access control, and . and .. are
//     ordinary names.
//   - Files of volumes: where the service's documentation says nothing, an upload
//     without the parameter overwrite replaces a file and creates missing directories,
//     and a response has an ETag. A range outside of a file, a failed condition and a
//     file that is too large cause the usual status codes of HTTP.
//   - Workspace: a recursive delete does not fail halfway, and exported notebooks have
//     no results.
//   - Secrets and groups: there are no scopes that the service creates itself and no
//     errors of a key vault. If a group's name is taken, the error is not the
//     INTERNAL_ERROR of newer workspaces.
//   - Permissions and policies: only objects that the workspace has can have
//     permissions, so there are none of warehouses, pipelines or models.
//     There are no default policies.
//   - Jobs: the code of a task must exist (see [WithAnySource]), but a library, a
//     warehouse or a Git repository need not. Triggers on files, tables and models start
//     nothing. Notifications, health rules and budget policies have no effect. A retry
//     is an attempt within its run, also in version 2.0.
//   - REST 1.2: results can be read again. A context that is idle for a day is evicted,
//     even if it has a streaming query. %run fails. A command ends with its context.
//   - Python (see [WithPython]): widgets have no interface, files of the workspace are
//     neither modules nor under /dbfs, and %pip installs nothing. Spark was tested only
//     with a stub of pyspark.
package databrickstest
