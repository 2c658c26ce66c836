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

// A Client calls one workspace with one credential. It never changes after
// [NewClient] made it, and is safe for use by any number of goroutines, which
// share its connections and its rate limit. It needs no closing.
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
	timeout    time.Duration // of an attempt; 0: none
	compressed bool          // ask for compressed responses
	retry      RetryPolicy
	limiter    *rate.Limiter // nil: no limit
	log        *slog.Logger
	observers  []Observer
	dryRun     *dryRun // nil: calls are sent
	jobsAPI    string
	userAgent  string

	clusterPolls *poll.Shared[string, Cluster]
	runPolls     *poll.Shared[int64, Run]
}

// service is what every area's type is made of.
type service struct{ client *Client }

// NewClient makes a client of the options, the environment, a profile of
// ~/.databrickscfg and .netrc, in this order for each setting; the package
// documentation has the details. It never touches the network. Everything that
// is wrong with the settings is reported at once, in one error.
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
		userAgent: cfg.userAgent,
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

// Host returns the workspace's address: scheme, host name and port, if one was
// given, without a slash at the end.
func (c *Client) Host() string { return c.endpoint.URL() }

// config collects what the options say.
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

// An Option sets up a client; see the functions whose names begin with With.
type Option func(*config) error

// WithHost names the workspace, such as
// https://adb-1234567890123456.7.azuredatabricks.net. Without a scheme it is
// https; path and fragment are dropped; a workspace id in the query (?o=) is
// sent along as a header. Plain http is refused but for loopback addresses;
// see [WithInsecureHTTP].
func WithHost(host string) Option {
	return func(c *config) (err error) {
		c.Endpoint, err = auth.ParseEndpoint(host, "WithHost")
		return err
	}
}

// WithHTTPClient sends calls with what hc has: its Transport, its cookie jar and
// its Timeout, which bounds each attempt. Redirects are not followed, whatever
// hc says.
//
// Without this option, nothing but the context bounds how long the service may
// take for a response. Give calls a context with a deadline. Only getting a
// connection has a limit, of 30 s, and is retried after it.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil; leave the option out for the default")
		}
		c.http = hc
		return nil
	}
}

// WithRetryPolicy changes how often, for how long and how fast calls are retried.
func WithRetryPolicy(policy RetryPolicy) Option {
	return func(c *config) (err error) {
		c.retry = policy
		_, err = policy.withDefaults()
		return err
	}
}

// WithRateLimit sends at most perSecond requests a second, with bursts of up to
// burst. All services and retries share the limit. There is none by default.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) error {
		if !(perSecond > 0) || burst < 1 {
			return fmt.Errorf("WithRateLimit: %v a second with a burst of %d lets nothing out; both must be above 0", perSecond, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

var userAgentWord = regexp.MustCompile(`^[0-9A-Za-z_.+-]+$`)

// WithUserAgent puts product/version before this library's own name in the
// User-Agent. Both consist of letters, digits and _ . + -.
func WithUserAgent(product, version string) Option {
	return func(c *config) error {
		if !userAgentWord.MatchString(product) || !userAgentWord.MatchString(version) {
			return fmt.Errorf("WithUserAgent: %q and %q must consist of letters, digits and _ . + -", product, version)
		}
		c.userAgent += product + "/" + version + " "
		return nil
	}
}

// WithLogger reports each attempt at debug level and each retry at info
// level: method, path, status, duration and error. Bodies, queries and headers
// are never logged. Nothing is logged by default.
func WithLogger(log *slog.Logger) Option {
	return func(c *config) error {
		if log == nil {
			return errors.New("WithLogger: the logger is nil; leave the option out for silence")
		}
		c.log = log
		return nil
	}
}

// WithInsecureHTTP allows a host with plain http that is not this machine. The
// credential then travels in the clear.
func WithInsecureHTTP() Option {
	return func(c *config) error {
		c.InsecureHTTP = true
		return nil
	}
}

// WithJobsAPI moves client.Jobs to another version of the Jobs API: "2.0" (the
// default), "2.1" or "2.2". Types and methods stay the same; RepairRun needs
// 2.1 or above.
func WithJobsAPI(version string) Option {
	return func(c *config) error {
		switch version {
		case "2.0", "2.1", "2.2":
			c.jobsAPI = version
			return nil
		}
		return fmt.Errorf(`WithJobsAPI: no version %q; there are "2.0", "2.1" and "2.2"`, version)
	}
}
