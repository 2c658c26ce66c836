// Package databrickstest is a Databricks workspace in memory, for tests and
// for trying things out: no account, no network.
//
//	server := databrickstest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// It answers as the service does: objects change their states with time, and
// limits, defaults and errors are those of the real thing. Clients in other
// languages reach it at Server.URL with Server.Token.
//
// Time is the real clock's unless [WithClock] or [WithSpeed] say otherwise.
// Nothing runs in the background: an object is brought up to date when somebody
// looks at it. So a workspace works inside a testing/synctest bubble, where an
// hour takes no time. [Server.Transport] and Server.Client are the way in. A socket
// is opened only when [Server.URL] asks for one, or [WithListener] brings one.
//
// # What goes wrong
//
// What goes wrong in the world can be made to go wrong here: see [Fault] and
// [Server.Inject]. [Server.Requests] tells what was received, and
// [Server.FailNextCluster] and its kin let things fail inside. What becomes of
// jobs and commands is up to [WithRuns] and [WithExecutor], or to a Python of this
// machine with [WithPython].
//
// # Who may do what
//
// Permissions, groups and entitlements are enforced. Admins may do anything. Others
// see, use and change what they made and what they were given permissions on. The
// users and service principals that a server begins with may create clusters and
// pools. Those that SCIM creates need an entitlement or a policy to create clusters.
// [Server.AddOAuthSecret] lets a service principal sign in.
//
// # Tests that wait
//
// This test of a function that starts a job and waits for it is over at once:
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
// Give it a deadline: a wait that never ends does not end in a bubble either.
//
// # What is different
//
// Of what is known of the service, this is not modelled:
//
//   - IP access lists, and the errors in HTML that older gateways answered with.
//   - The moments in which a new workspace or cluster is not known everywhere
//     yet. Inject a [Fault] to have one.
//   - Prices, which rules on dbus_per_hour would need, and idle instances of a
//     pool beyond its minimum: they go at once.
//   - Load: autoscaling clusters stay as large as they are, nodes are not lost,
//     disks do not grow, and of the kinds of events there are only those about
//     what users, timers and failed launches do.
//   - Delivery of logs, and what init scripts do: they succeed.
//   - Recursive deletes in the workspace tree that fail half way, and results in
//     exported notebooks.
//   - Time in DBFS: a large tree is deleted in parts by the number of its files
//     (see [WithDeleteLimit]), not by the minute, and lists and moves never run
//     out of time. Mounts and access control are not there, and . and .. are
//     names like others.
//   - The INTERNAL_ERROR that newer workspaces answer where a group's name is
//     taken, secret scopes of the service's own, and what a key vault itself
//     refuses. Inject a [Fault] to have one.
//   - Scopes of tokens: they are kept, bind nothing and are never inferred.
//   - What is in libraries: no file is looked for and no repository asked, so
//     all is installed that could be, but for [Server.FailLibrary].
//   - Triggers on files, tables and models: they are kept and start nothing.
//     Schedules, periodic triggers and continuous jobs do.
//   - What a task runs: a notebook or a file must be there (see [WithAnySource]),
//     but a JAR, a warehouse or a Git repository need not.
//   - Retries of a single-task job as runs of their own, as servers of 2020 made
//     them: they are attempts within one run.
//   - Mails and webhooks about jobs, and what health rules and budget policies do.
//   - That a cluster's mode cannot be changed, that Amazon's node types may need
//     volumes, that a cluster may run with fewer nodes than asked for, that tags
//     get prefixes, and that a trial ends.
//   - Of REST 1.2: results that can be read only once, as old servers had it;
//     other bounds of idleness than a day, and streaming queries, which keep
//     contexts from being evicted; %run, which fails; and commands that
//     outlive their context as something to look at.
//   - With [WithPython]: widgets that can be seen, files of the workspace as
//     modules or under /dbfs, what %pip installs, and other parts of dbutils than
//     those that are named there. Spark was tried with a stub of pyspark only.
package databrickstest
