// Package databrickstest is an in-memory Databricks workspace, for tests and
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
// The workspace does not model these known features of the service:
//
//   - IP access lists, and the HTML errors of older gateways.
//   - Propagation delays after the creation of a workspace or a cluster. Inject a [Fault] to simulate
//     one.
//   - Prices, which rules on dbus_per_hour need. Idle instances of a pool beyond its minimum terminate
//     immediately.
//   - Load. The size of an autoscaling cluster does not change, nodes are not lost, and disks do not
//     grow. The only cluster events are those of user actions, timers and failed launches.
//   - Delivery of logs. Init scripts always succeed.
//   - Recursive deletes in the workspace that fail halfway, and results in exported notebooks.
//   - Time limits in DBFS. A large directory is deleted in parts by the number of files (see
//     [WithDeleteLimit]). Lists and moves never time out. There are no mounts and no access control.
//     The names . and .. have no special meaning.
//   - The INTERNAL_ERROR that newer workspaces return if the name of a group is taken, secret scopes
//     that the service itself creates, and errors of a key vault. Inject a [Fault] to simulate them.
//   - Scopes of tokens. They are stored and have no effect.
//   - The content of libraries. No file and no repository is read. Every valid library installs
//     successfully, unless [Server.FailLibrary] was called.
//   - Triggers on files, tables and models. They are stored and start nothing. Schedules, periodic
//     triggers and continuous jobs start runs.
//   - The code of tasks. A notebook or a file must exist (see [WithAnySource]). A JAR, a warehouse or a
//     Git repository need not exist.
//   - Retries of a single-task job as separate runs, as in servers of 2020. They are attempts within
//     one run.
//   - Emails and webhooks of jobs, and the effects of health rules and budget policies.
//   - Clusters whose mode cannot be changed, AWS node types that need volumes, clusters with fewer
//     nodes than requested, prefixes of tags, and the end of a trial.
//   - In REST 1.2: results that can be read only once, as in old servers, idle limits other than one
//     day, streaming queries, which keep contexts from being evicted, %run, which fails, and commands
//     that can be read after their context was destroyed.
//   - With [WithPython]: visible widgets, workspace files as modules or under /dbfs, the packages that
//     %pip installs, and parts of dbutils that are not listed there. Spark has been tested only with a
//     stub of pyspark.
package databrickstest
