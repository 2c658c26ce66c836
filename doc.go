// Package databricks is a client for Databricks workspaces, Azure Databricks
// first. It covers the REST API 2.0 areas Clusters, DBFS, Files, Groups, Jobs,
// Libraries, Permissions, Policies, Pools, Secrets, Tokens, Volumes and
// Workspace. Package scim manages users, service principals and groups. Package
// v12 runs code on clusters through REST API 1.2. Package databrickstest is an
// in-memory workspace for tests, and for experiments without an account.
//
//	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithToken(token))
//	if err != nil {
//		return err
//	}
//	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{
//		ClusterName:  "nightly",
//		SparkVersion: "15.4.x-scala2.12",
//		NodeTypeID:   "Standard_DS3_v2",
//		NumWorkers:   new(2),
//	})
//	if err != nil {
//		return err
//	}
//	cluster, err := client.Clusters.WaitRunning(ctx, id)
//
// # Areas
//
// Each area is a service with methods, a field of [Client]. These are the services
// and their main types:
//
//   - [ClustersService]: [ClusterSpec], [Cluster], [ClusterEvent], [ClusterError]
//   - [DBFSService]: [FileInfo], [File], [UploadOptions], [DownloadOptions], [DirOptions], [DirResult]
//   - [FilesService], for files in volumes: [FileMetadata], [FileEntry], [PendingUpload]
//   - [GroupsService]: [GroupMember]
//   - [JobsService]: [JobSettings], [Task], [Job], [Run], [RunOutput], [RunError]
//   - [LibrariesService]: [Library], [LibraryStatus], [LibraryError]
//   - [PermissionsService]: [PermissionObject], [AccessControl]
//   - [PoliciesService]: [ClusterPolicy], [PolicyDefinition], [PolicyFamily]
//   - [PoolsService]: [InstancePool]
//   - [SecretsService]: [SecretScope], [Secret], [SecretBytes], [ACLItem]
//   - [TokensService]: [CreatedToken], [TokenInfo]
//   - [VolumesService]: [Volume]
//   - [WorkspaceService]: [WorkspaceObject], [WorkspaceExport], [DirOptions], [DirResult]
//
// # Calls
//
// A [Client] has a field for each area. An area has a method for each call of
// the service, with the name that the service's manual uses. The first
// parameter of every method is a context. It limits everything that the method
// does, including waits. There is no other time limit on a response, so give
// calls a deadline. If a method returns a value and an error, exactly one of
// them is set. Only copies of directories return both. Methods without a
// counterpart in the service's API (waits, transfers, iterators) say which
// calls they make.
//
// The client does not send unset fields of inputs. A field is a pointer if zero
// means something other than unset: NumWorkers: new(0). Enumerations are
// strings with constants. Values that this package does not know are valid in
// requests and responses. The client ignores unknown fields in responses. Times
// have the type [Millis]. Other quantities have their unit in the field's name.
//
// Lists follow one pattern. List returns a slice, All returns an iterator, and
// ListPage returns one page with the token of the next one.
//
// [Client.Do] sends any other call of the service, with the same credential,
// errors and retries.
//
// # Host and credential
//
// For each setting, the client uses the first of these sources that has it:
//
//   - an option passed to [NewClient];
//   - the profile of ~/.databrickscfg that [WithProfile] names;
//   - the environment variables of the vendor's tools (DATABRICKS_HOST, DATABRICKS_TOKEN
//     and so on);
//   - the profile that DATABRICKS_CONFIG_PROFILE names, or else the default profile;
//   - variables of other tools (ARM_*, AZURE_*), and the identity of the machine or of the
//     CI job;
//   - the entry for the host in .netrc;
//   - the programs databricks and az, if a user is signed in.
//
// Within one source, auth_type selects the kind of credential. Without
// auth_type, a token takes precedence over a secret, and a secret over an
// identity. [Credential] lists the kinds. The client sends the credential of a
// profile only to the host of that profile. Two credentials in code are an
// error. If there is no credential, the error lists all sources that were
// checked and what each kind of credential lacks.
//
// NewClient sends no request and starts no program. The first call that needs a
// token gets it. Concurrent calls share the token request, and each can stop
// waiting when its own context ends. The client renews a token in the
// background before it expires. The service may reject a token earlier, with
// status 401, or with status 403 and "Invalid access token". The client then
// renews the token once and sends the call again, because the service did
// nothing. Token requests have separate retries, follow no redirects, and do
// not count against [WithRateLimit]. If they fail, the error is a
// [*CredentialError].
//
// The client follows no redirects. It uses plain http only for the local
// machine, unless [WithInsecureHTTP] is set. It uses the proxies in the
// environment (HTTPS_PROXY, NO_PROXY).
//
// # Errors
//
// If the service rejects a call, the error is an [*APIError]. Compare its code
// with errors.Is:
//
//	if errors.Is(err, databricks.ErrResourceDoesNotExist) { … }
//
// The errors also match fs.ErrNotExist, fs.ErrExist and fs.ErrPermission,
// whichever code the service uses. An invalid argument is an [*ArgumentError],
// which is returned before anything is sent. A wait that cannot succeed returns
// an error with the object: a [*ClusterError], a [*RunError] or a
// [*LibraryError]. If the context ends, the error matches the context's error,
// the context's cause and the last failure. If that cause is an error of the
// service, it is not treated as an error of this call.
//
// # Retries
//
// The client retries a call only if a second send cannot repeat its effect:
//
//	Failure                                        Reads and          Other calls
//	                                               idempotent calls
//	no connection (refused, DNS, TLS handshake)    retried            retried
//	the request was not sent completely, or        retried            retried
//	HTTP/2 reports that it was not processed
//	429                                            retried            retried
//	503 with Retry-After                           retried            retried
//	a "not ready yet" message of the service       retried            retried
//	502, 504, 503 without Retry-After              retried            outcome unknown
//	500 with no clear reason                       retried            outcome unknown
//	connection lost after the request was sent     retried            outcome unknown
//	the response is incomplete or empty            retried            outcome unknown
//	a successful response that is not JSON,        fails              outcome unknown
//	or status 101
//	other rejections, with any status              fails              fails
//	a successful response that is an HTML page,    fails              fails
//	a redirect, a refusal by a proxy (403, 407)
//
// The decision depends only on the response and the connection of the attempt,
// never on an error that comes from a context. The comment of each idempotent
// method says that it is idempotent. Calls with an idempotency token are
// idempotent, too. Clusters.Create, Jobs.RunNow and Jobs.SubmitRun generate a
// token if the caller sets none.
//
// If a proxy that reads plain HTTP sends its own error page, the error is not an
// [*APIError]. An empty object ({}) is a response with unset fields, because
// servers omit fields without a value. It counts as a lost response only if the
// response must identify a new object or contain the requested content.
//
// "Outcome unknown" is an [*OutcomeUnknownError]. It is the only error after
// which a change may have taken effect. After any other error of a call, the
// call changed nothing.
//
// The service may process a call whose response was lost at any later time. If
// an idempotent call was retried, an earlier attempt may take effect after the
// call has returned, and even after a later call that reverses it.
//
// The client retries the first five failures of the table until the context
// ends, or for 5 minutes if the context has no deadline. For the other
// failures, it makes at most five attempts. Pauses grow and are random. If the
// service sends Retry-After, the pause is that long. The client does not start
// a pause that would end after the deadline. [WithRetryPolicy] changes these
// rules. The error of a retried call states the number of attempts and the
// total time.
//
// # Secrets
//
// Tokens and passwords of a client never appear in an error, a log line or a
// printed value. [Secret], [SparkEnvVars] and [SparkConf] hide their values
// from fmt and slog. Logs ([WithLogger]) never contain bodies or queries.
// Planned calls ([WithPlan]) and the requests that databrickstest records
// contain no secrets. encoding/json writes secrets in the clear, because
// requests need them. The JSON handler of slog does the same for a slice or a
// map, so log its elements instead.
package databricks
