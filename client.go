package databricks

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"golang.org/x/time/rate"

	"github.com/go-databricks/databricks/internal/auth"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/sending"
)

// A Client calls one workspace with one credential. It is immutable and safe
// for concurrent use. All goroutines share its connections and its rate limit.
// It does not need to be closed.
type Client struct {
	Clusters    *ClustersService
	DBFS        *DBFSService
	Files       *FilesService
	Groups      *GroupsService
	Jobs        *JobsService
	Libraries   *LibrariesService
	Permissions *PermissionsService
	Policies    *PoliciesService
	Pools       *PoolsService
	Secrets     *SecretsService
	Tokens      *TokensService
	Volumes     *VolumesService
	Workspace   *WorkspaceService

	endpoint   auth.Endpoint
	credential *auth.Credential
	transport  http.RoundTripper
	jar        http.CookieJar
	timeout    time.Duration // limit for an attempt; 0 for none
	compressed bool          // request compressed responses
	retry      RetryPolicy
	lateWork   time.Duration // see await
	limiter    *rate.Limiter // nil for no limit
	log        *slog.Logger
	observers  []Observer
	dryRun     *dryRun // nil for a client that sends all calls
	jobsAPI    string
	userAgent  string

	clusterPolls *poll.Shared[string, Cluster]
	runPolls     *poll.Shared[int64, Run]
}

// service is the underlying type of every area's type.
type service struct{ client *Client }

// NewClient returns a client. Each setting comes from the options, the
// environment, a profile of ~/.databrickscfg or .netrc, in this order. The
// package documentation has the details. NewClient uses no network. It reports
// all invalid settings in one error.
//
//	client, err := databricks.NewClient(
//		databricks.WithHost("https://adb-1234567890123456.7.azuredatabricks.net"),
//		databricks.WithToken(token),
//	)
func NewClient(opts ...Option) (*Client, error) {
	cfg := &config{log: slog.New(slog.DiscardHandler), jobsAPI: "2.0", http: &http.Client{}}
	var errs []error
	for _, opt := range opts {
		errs = append(errs, opt(cfg))
	}
	transport := cfg.http.Transport
	if transport == nil {
		transport = sending.Transport()
	}
	cfg.userAgent += ownUserAgent()
	credential, err := cfg.Resolve(auth.Surroundings{Transport: transport, UserAgent: cfg.userAgent, Log: cfg.log})
	if !errors.Is(err, auth.ErrNoCredential) || errors.Join(errs...) == nil { // an invalid option may be the credential
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("databricks: %w", err)
	}

	c := &Client{
		endpoint: cfg.Endpoint, credential: credential, limiter: cfg.limiter, log: cfg.log, observers: cfg.observers, jobsAPI: cfg.jobsAPI,
		userAgent: cfg.userAgent, lateWork: lateWork,
	}
	if cfg.plan != nil {
		c.dryRun = &dryRun{report: cfg.plan}
	}
	c.retry, _ = cfg.retry.withDefaults() // checked by its option
	c.transport, c.jar, c.timeout = transport, cfg.http.Jar, cfg.http.Timeout
	own, known := transport.(*http.Transport)
	c.compressed = !known || !own.DisableCompression

	s := &service{c}
	c.Clusters = (*ClustersService)(s)
	c.DBFS = (*DBFSService)(s)
	c.Files = (*FilesService)(s)
	c.Groups = (*GroupsService)(s)
	c.Jobs = (*JobsService)(s)
	c.Libraries = (*LibrariesService)(s)
	c.Permissions = (*PermissionsService)(s)
	c.Policies = (*PoliciesService)(s)
	c.Pools = (*PoolsService)(s)
	c.Secrets = (*SecretsService)(s)
	c.Tokens = (*TokensService)(s)
	c.Volumes = (*VolumesService)(s)
	c.Workspace = (*WorkspaceService)(s)
	c.clusterPolls = &poll.Shared[string, Cluster]{Get: c.Clusters.poll, List: c.Clusters.pending, Final: noList}
	c.runPolls = &poll.Shared[int64, Run]{Get: c.Jobs.poll, List: c.Jobs.pending, Final: noList}
	return c, nil
}

// Host returns the address of the workspace: the scheme, the host name and, if
// it was set, the port. It has no trailing slash.
func (c *Client) Host() string { return c.endpoint.URL() }

// config collects the settings of the options.
type config struct {
	auth.Options
	http      *http.Client
	retry     RetryPolicy
	limiter   *rate.Limiter
	userAgent string
	log       *slog.Logger
	observers []Observer
	plan      func(PlannedCall)
	jobsAPI   string
}

// An Option is an option for [NewClient]. The functions whose names start with
// With return options.
type Option func(*config) error

// WithHost sets the address of the workspace, such as
// https://adb-1234567890123456.7.azuredatabricks.net. The default scheme is
// https. The path and the fragment are ignored. A workspace ID in the query
// (?o=) is sent as a header. Plain http is rejected, except for loopback
// addresses. See [WithInsecureHTTP].
func WithHost(host string) Option {
	return func(c *config) (err error) {
		c.Endpoint, err = auth.ParseEndpoint(host, "WithHost")
		return err
	}
}

// WithHTTPClient sends calls with the Transport, the cookie jar and the Timeout
// of hc. The Timeout limits each attempt. The client follows no redirects,
// regardless of hc.
//
// Without this option, clients share a copy of [http.DefaultTransport] that keeps
// more idle connections. If http.DefaultTransport is not an [*http.Transport], the
// client uses it as it is. Only the context limits how long a response may take.
// Give calls a context with a deadline. Establishing a connection has a limit of
// 30 seconds, after which the client retries.
//
// The client requests compressed responses itself and decompresses them, so that
// it can bound them. Your Transport therefore sees compressed responses, with the
// header Content-Encoding. If DisableCompression of an [http.Transport] is set,
// the client does not request compression.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil; omit the option for the default")
		}
		c.http = hc
		return nil
	}
}

// WithRetryPolicy sets how often, for how long and at what pace the client
// retries calls.
func WithRetryPolicy(policy RetryPolicy) Option {
	return func(c *config) (err error) {
		c.retry = policy
		_, err = policy.withDefaults()
		return err
	}
}

// WithRateLimit limits the client to perSecond requests per second, with bursts
// of at most burst requests. All services and all retries share the limit. By
// default there is no limit.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) error {
		if !(perSecond > 0) || burst < 1 {
			return fmt.Errorf("WithRateLimit: %v a second with a burst of %d is invalid; both must be greater than 0", perSecond, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

var userAgentWord = regexp.MustCompile(`^[0-9A-Za-z_.+-]+$`)

// WithUserAgent adds product/version to the User-Agent, before the name of this
// library. Both may contain letters, digits and _ . + -.
func WithUserAgent(product, version string) Option {
	return func(c *config) error {
		if !userAgentWord.MatchString(product) || !userAgentWord.MatchString(version) {
			return fmt.Errorf("WithUserAgent: %q and %q must consist of letters, digits and _ . + -", product, version)
		}
		c.userAgent += product + "/" + version + " "
		return nil
	}
}

// WithLogger logs each attempt at debug level and each retry at info level. A
// record has the method, the path, the status, the duration and the error. The
// client never logs bodies, queries or headers. By default it logs nothing.
func WithLogger(log *slog.Logger) Option {
	return func(c *config) error {
		if log == nil {
			return errors.New("WithLogger: the logger is nil; omit the option to disable logging")
		}
		c.log = log
		return nil
	}
}

// WithInsecureHTTP allows plain http for hosts other than the local machine.
// The credential is then sent unencrypted.
func WithInsecureHTTP() Option {
	return func(c *config) error {
		c.InsecureHTTP = true
		return nil
	}
}

// WithJobsAPI selects the version of the Jobs API that client.Jobs uses: "2.0"
// (the default), "2.1" or "2.2". The types and methods are the same in all
// versions. RepairRun requires 2.1 or 2.2.
func WithJobsAPI(version string) Option {
	return func(c *config) error {
		switch version {
		case "2.0", "2.1", "2.2":
			c.jobsAPI = version
			return nil
		}
		return fmt.Errorf(`WithJobsAPI: version %q is not valid; want "2.0", "2.1" or "2.2"`, version)
	}
}
