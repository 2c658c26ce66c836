// Package databricks is a client for Databricks workspaces, on Azure first: the
// REST API 2.0 with its areas Clusters, DBFS, Groups, Jobs, Libraries, Secrets,
// Tokens and Workspace. Package v12 beside it runs code on clusters through
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
// takes a context first, which bounds everything that it does, waits included:
// there is no other time limit. A method that returns a value and an error
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
// For each setting the first of these counts: an option given to [NewClient];
// the environment (DATABRICKS_HOST, DATABRICKS_TOKEN, DATABRICKS_USERNAME and
// DATABRICKS_PASSWORD); a profile of ~/.databrickscfg (DATABRICKS_CONFIG_PROFILE
// and DATABRICKS_CONFIG_FILE choose another). If none of them has a credential,
// the .netrc entry of the host is used. The credential of a profile goes to no
// host but the profile's own. Two credentials given in code, or in one place,
// are an error, and so is none; the message says where was looked.
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
// context ends, the error matches its error, its cause and the last failure.
//
// # Exactly once, or say so
//
// A call is repeated only if a repeat cannot do its work twice:
//
//	Failure                                      Reads and calls     Other calls
//	                                             safe to repeat
//	no connection (refused, DNS, TLS handshake)  repeated            repeated
//	429                                          repeated            repeated
//	503 with Retry-After                         repeated            repeated
//	"not ready yet" messages of the service      repeated            repeated
//	502, 504, 503 without Retry-After            repeated            outcome unknown
//	connection lost after the request was sent   repeated            outcome unknown
//	the reply breaks off                         repeated            outcome unknown
//	500 with no clear reason                     fails               outcome unknown
//	other answers                                fails               fails
//
// Safe to repeat are the calls whose comment says that they may be repeated,
// and those that carry an idempotency token: Clusters.Create, Jobs.RunNow and
// Jobs.SubmitRun get one from this package if the caller gives none.
//
// "Outcome unknown" is an [*OutcomeUnknownError]. It is the one error after
// which a change may have been made; after any other error of a call, the call
// changed nothing. There are up to five attempts, with pauses that grow and are
// random, or as long as the service asks for with Retry-After; a pause that
// cannot end before the context does is not begun. [WithRetryPolicy] changes
// all that.
//
// # Secrets
//
// Tokens and passwords given to a client are in no error, log line or printed
// value. [Secret], [SparkEnvVars] and [SparkConf] hide themselves from fmt and
// slog. Logs ([WithLogger]) never hold bodies or queries, and planned calls
// ([WithPlan]) and the requests recorded by databrickstest have their secrets
// replaced. encoding/json writes secrets in clear, as it must for the wire.
package databricks
