// Package databricks is a client for Databricks workspaces, on Azure first: the
// REST API 2.0 with its areas Clusters, DBFS, Groups, Jobs, Libraries, Permissions,
// Policies, Pools, Secrets, Tokens and Workspace. Package scim beside it manages
// users, service principals and groups, package v12 runs code on clusters through
// REST API 1.2, and package databrickstest is a workspace in memory, for tests
// and for trying things out without an account.
//
//	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithToken(token))
//	if err != nil {
//		return err
//	}
//	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{
//		ClusterName:  "nightly",
//		SparkVersion: "7.3.x-scala2.12",
//		NodeTypeID:   "Standard_DS3_v2",
//		NumWorkers:   new(2),
//	})
//	if err != nil {
//		return err
//	}
//	cluster, err := client.Clusters.WaitRunning(ctx, id)
//
// # Calls
//
// A [Client] has a field for each area, and the area a method for each call of
// the service, under the name that the service's manual gives it. Every method
// takes a context first, which bounds everything that it does, waits included.
// There is no other time limit on a response, so give calls a deadline. A method that returns a value and an error
// returns exactly one of them. Methods that have no counterpart on the wire
// (waits, transfers, iterators) say which calls they make.
//
// In inputs a field left out is not sent. Where zero means something other than
// left out, the field is a pointer: NumWorkers: new(0). Enumerations are
// strings with constants; values that are new to this package pass through
// unchanged in both directions. Fields of replies that are new are ignored.
// Times are [Millis]; everything else that has a unit has it in its name.
//
// [Client.Do] makes any other call of the service, with the same credential,
// errors and retries.
//
// # Host and credential
//
// For each setting the first of these counts:
//
//   - an option given to [NewClient];
//   - the profile of ~/.databrickscfg that [WithProfile] names;
//   - the environment, by the names of the vendor's tools (DATABRICKS_HOST,
//     DATABRICKS_TOKEN and so on);
//   - the profile that DATABRICKS_CONFIG_PROFILE names, or else the default;
//   - variables of other tools (ARM_*, AZURE_*) and the identity of the machine
//     or of the CI job;
//   - the host's entry in .netrc;
//   - the programs databricks and az, if somebody is signed in there.
//
// Within one of them auth_type decides. Without it, a token comes before a
// secret, and a secret before an identity. [Credential] lists the kinds. The
// credential of a profile is sent to the profile's own host only. Two
// credentials in code are an error. No credential is an error that lists what
// was checked and what each kind lacks.
//
// NewClient sends nothing and starts no program. The first call that needs a
// token gets it, once for all calls that wait for it, and each of them can stop
// waiting when its own context ends. A token is renewed in the background before
// it expires. If the service rejects a token earlier, with 401 or with 403 and
// "Invalid access token", the client renews it once and sends the call again,
// since the service did nothing. Token requests have retries of their own,
// follow no redirect, and do not count against [WithRateLimit]. If they fail, the
// error is a [*CredentialError].
//
// Redirects are not followed, and plain http goes to this machine only, unless
// [WithInsecureHTTP] says otherwise. Proxies are those of the environment
// (HTTPS_PROXY, NO_PROXY).
//
// # Errors
//
// An answer that says no is an [*APIError]. Compare its code with errors.Is:
//
//	if errors.Is(err, databricks.ErrResourceDoesNotExist) { … }
//
// or use fs.ErrNotExist, fs.ErrExist and fs.ErrPermission, which match in every
// form in which the service says so. An argument that cannot be right is an
// [*ArgumentError], before anything is sent. Waits end with errors that carry
// what they waited for: [*ClusterError], [*RunError], [*LibraryError]. If the
// context ends, the error matches its error, its cause and the last failure. A
// cause that is itself an error of the service is not taken for one of this call.
//
// # Exactly once, or say so
//
// The client retries a call only if a second send cannot repeat its effect:
//
//	Failure                                        Reads and          Other calls
//	                                               idempotent calls
//	no connection (refused, DNS, TLS handshake)    retried            retried
//	the request was not sent whole, or HTTP/2      retried            retried
//	says that it was not processed
//	429                                            retried            retried
//	503 with Retry-After                           retried            retried
//	"not ready yet" messages of the service        retried            retried
//	502, 504, 503 without Retry-After              retried            outcome unknown
//	500 with no clear reason                       retried            outcome unknown
//	connection lost after the request was sent     retried            outcome unknown
//	the response breaks off, or is empty           retried            outcome unknown
//	a success that is not JSON, or 101             fails              outcome unknown
//	other rejections, with any status              fails              fails
//	an HTML page, a redirect, a proxy's 403, 407   fails              fails
//
// Only the response and the connection of an attempt itself decide, never an
// error that came with a context. The comments of idempotent calls say so. Calls
// with an idempotency token are idempotent, too. Clusters.Create, Jobs.RunNow and
// Jobs.SubmitRun get one from this package if the caller sets none.
//
// "Outcome unknown" is an [*OutcomeUnknownError]. It is the one error after
// which a change may have been made. After any other error of a call, the call
// changed nothing.
//
// The service may carry out a call whose response was lost at any later time. If
// an idempotent call was retried, then an earlier attempt may take effect after
// the call returned, even after a later call that undoes it.
//
// The first five failures of the table are retried for as long as the context
// lasts, or for 5 minutes if it has no deadline. The others end the call at the
// fifth. Pauses grow and are random, or are as long as the service asks for with
// Retry-After. The client does not start a pause that cannot end before the
// deadline. [WithRetryPolicy] changes all that. The error of a call that was
// retried says how many attempts there were, and over what time.
//
// # Secrets
//
// Tokens and passwords given to a client are in no error, log line or printed
// value. [Secret], [SparkEnvVars] and [SparkConf] hide themselves from fmt and
// slog. Logs ([WithLogger]) never hold bodies or queries, and planned calls
// ([WithPlan]) and the requests recorded by databrickstest have their secrets
// replaced. encoding/json writes secrets in clear, as it must for the wire.
// So does the JSON handler of slog for a slice or a map; log its elements instead.
package databricks
