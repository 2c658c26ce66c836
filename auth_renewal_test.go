package databricks_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const (
	workspaceURL = "https://w.example.com"
	tokenPath    = "/oidc/v1/token"
)

// A signedIn is a client of a service principal in a synctest bubble.
type signedIn struct {
	*databricks.Client
	server *databrickstest.Server
	t      *testing.T
}

// withServicePrincipal runs a test in a bubble, with a client that has no token
// yet.
func withServicePrincipal(t *testing.T, run func(context.Context, signedIn), opts ...databricks.Option) {
	emptyHome(t)
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithServicePrincipal(databrickstest.ServicePrincipal{ApplicationID: robot, Secrets: []string{secretOAuth}}))
		defer server.Close()
		client, err := databricks.NewClient(append([]databricks.Option{
			databricks.WithHost(workspaceURL), databricks.WithHTTPClient(&http.Client{Transport: server.Transport()}),
			databricks.WithCredential(databricks.OAuthM2M{ClientID: robot, ClientSecret: secretOAuth}),
		}, opts...)...)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 1000*time.Hour)
		defer cancel()
		run(ctx, signedIn{client, server, t})
	})
}

func (s signedIn) call(ctx context.Context) error {
	_, err := s.Clusters.List(ctx, databricks.ListClusters{})
	return err
}

// asked returns the number of token requests so far.
func (s signedIn) asked() (n int) {
	for _, r := range s.server.Requests() {
		if r.Path == tokenPath {
			n++
		}
	}
	return n
}

// slow delays the responses to the next token requests.
func (s signedIn) slow(d time.Duration, times int) {
	s.server.Inject(databrickstest.Fault{Path: tokenPath, Latency: d, Times: times})
}

func (s signedIn) authorizations() (all []string) {
	for _, r := range s.server.Requests() {
		if r.Path == "/api/2.0/clusters/list" {
			all = append(all, r.Header.Get("Authorization"))
		}
	}
	return all
}

func TestRenewal_oneForAll(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		crowd := func() {
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() { assert.NoError(s.t, s.call(ctx)) })
			}
			wg.Wait()
		}
		s.slow(time.Second, -1)
		crowd()
		assert.Equal(s.t, 1, s.asked(), "the first token")
		time.Sleep(time.Hour)
		crowd()
		assert.Equal(s.t, 2, s.asked(), "at expiry")
	})
}

func TestRenewal_eachCallerLeavesAlone(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		s.slow(10*time.Second, 1)
		started := time.Now()
		reason := errors.New("the caller has better things to do")
		short, cancel := context.WithTimeoutCause(ctx, time.Second, reason)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.call(short)
			assert.ErrorIs(s.t, err, reason)
			assert.ErrorIs(s.t, err, context.DeadlineExceeded)
			assert.Equal(s.t, time.Second, time.Since(started))
		})
		synctest.Wait() // the short call requested the token first
		wg.Go(func() {
			assert.NoError(s.t, s.call(ctx))
			assert.Equal(s.t, 10*time.Second, time.Since(started))
		})
		wg.Wait()
		assert.Equal(s.t, 1, s.asked())
	})
}

func TestRenewal_endsWithItsLastCaller(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		s.slow(time.Minute, 1)
		started := time.Now()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		require.Error(s.t, s.call(short))
		require.NoError(s.t, s.call(ctx), "the next call is not held up by a request that nobody wants any more")
		assert.Equal(s.t, time.Second, time.Since(started))
		done, cancel := context.WithCancel(ctx)
		cancel()
		assert.ErrorIs(s.t, s.call(done), context.Canceled)
	})
}

func TestRenewal_inTheBackground(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		require.NoError(s.t, s.call(ctx))
		time.Sleep(39 * time.Minute)
		require.NoError(s.t, s.call(ctx))
		synctest.Wait()
		assert.Equal(s.t, 1, s.asked(), "it is early yet")

		time.Sleep(2 * time.Minute)
		s.slow(10*time.Second, 1)
		started := time.Now()
		short, cancel := context.WithTimeout(ctx, time.Second)
		require.NoError(s.t, s.call(short))
		cancel()
		assert.Equal(s.t, started, time.Now(), "the call does not wait")
		require.NoError(s.t, s.call(ctx))
		time.Sleep(11 * time.Second)
		assert.Equal(s.t, 2, s.asked())
		time.Sleep(50 * time.Minute)
		require.NoError(s.t, s.call(ctx), "the end of the call that started the renewal did not end it")
	})
}

func TestRenewal_failsWhileTheTokenLasts(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		require.NoError(s.t, s.call(ctx))
		time.Sleep(45 * time.Minute)
		s.server.Inject(databrickstest.Fault{Path: tokenPath, Status: 400, Body: `{"error":"invalid_client"}`, Times: 2})
		for range 50 { // once a second
			require.NoError(s.t, s.call(ctx))
			time.Sleep(time.Second)
		}
		assert.Equal(s.t, 2, s.asked(), "after a failure there is a pause")
		time.Sleep(20 * time.Second)
		require.NoError(s.t, s.call(ctx))
		synctest.Wait()
		assert.Equal(s.t, 3, s.asked())
		time.Sleep(61 * time.Second)
		require.NoError(s.t, s.call(ctx))
		synctest.Wait()
		assert.Equal(s.t, 4, s.asked(), "the third renewal is fine")
		time.Sleep(50 * time.Minute)
		require.NoError(s.t, s.call(ctx))
	})
}

func TestRenewal_keepsNoFailure(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		s.server.Inject(databrickstest.Fault{Path: tokenPath, Status: 401, Body: `{"error":"invalid_client","error_description":"Client authentication failed"}`})
		err := s.call(ctx)
		failure, ok := errors.AsType[*databricks.CredentialError](err)
		require.True(s.t, ok, "%v", err)
		assert.Equal(s.t, "oauth-m2m", failure.Kind)
		assert.Equal(s.t, "POST "+workspaceURL+tokenPath, failure.Request)
		assert.Equal(s.t, 401, failure.StatusCode)
		assert.Equal(s.t, "invalid_client", failure.Code)
		assert.EqualError(s.t, err, "databricks: GET /api/2.0/clusters/list: oauth-m2m: no token from POST "+workspaceURL+"/oidc/v1/token: 401: invalid_client: "+
			"Client authentication failed; the client ID or the secret is wrong, or the service principal is not in this workspace; a Microsoft Entra secret works only with azure-client-secret")
		assert.Empty(s.t, s.authorizations(), "nothing is sent without a token")
		assert.NoError(s.t, s.call(ctx))
	})
}

// The service did nothing, so even a call that is not idempotent is retried.
func TestRenewal_afterRevocation(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		require.NoError(s.t, s.call(ctx))
		s.server.RevokeTokens(robot)
		err := s.Groups.Create(ctx, "team")
		var refused *databricks.APIError
		require.ErrorAs(s.t, err, &refused, "a service principal may not, but it is known again")
		assert.Equal(s.t, databricks.ErrPermissionDenied, refused.Code)
		assert.Equal(s.t, 2, s.asked())

		time.Sleep(2 * time.Minute)
		s.server.RevokeTokens(robot)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { assert.NoError(s.t, s.call(ctx)) })
		}
		wg.Wait()
		assert.Equal(s.t, 3, s.asked(), "one renewal for all that were rejected")
	})
}

// If the service rejects every token, the client does not request a new one for
// each call.
func TestRenewal_afterRejectionOfEveryToken(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		require.NoError(s.t, s.call(ctx))
		s.server.Inject(databrickstest.Fault{Path: "/api/*", Times: -1, Status: 401, Body: `{"error_code":401,"message":"no"}`})
		for range 10 {
			assert.Error(s.t, s.call(ctx))
		}
		assert.Equal(s.t, 2, s.asked())
		assert.Len(s.t, s.authorizations(), 12, "one call was sent again")
	})
}

func TestRenewal_doesNotCountAgainstTheRateLimit(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		started := time.Now()
		require.NoError(s.t, s.call(ctx))
		assert.Equal(s.t, started, time.Now())
	}, databricks.WithRateLimit(0.001, 1))
}

func TestRenewal_retries(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault databrickstest.Fault
		ok    bool
	}{
		{"unavailable", databrickstest.Fault{Status: 503}, true},
		{"bad gateway", databrickstest.Fault{Status: 502, Times: 3}, true},
		{"too many", databrickstest.Fault{Status: 429, RetryAfter: "20"}, true},
		{"too many for long", databrickstest.Fault{Status: 429, RetryAfter: "600"}, false},
		{"reset", databrickstest.Fault{Reset: true, Times: 2}, true},
		{"refused", databrickstest.Fault{Refuse: true}, true},
		{"is interrupted", databrickstest.Fault{Truncate: true, Keep: 10}, true},
		{"hangs", databrickstest.Fault{Latency: time.Hour}, true},
		{"unavailable forever", databrickstest.Fault{Status: 503, Times: -1}, false},
		{"refused forever", databrickstest.Fault{Refuse: true, Times: -1}, false},
		{"rejected", databrickstest.Fault{Status: 400}, false},
		{"a page", databrickstest.Fault{Status: 200, Body: "<html>sign in</html>"}, false},
		{"a token that is none", databrickstest.Fault{Status: 200, Body: `{"access_token":"a\nb","expires_in":3600}`}, false},
		{"no token", databrickstest.Fault{Status: 200, Body: `{}`}, false},
		{"redirect to a stranger", databrickstest.Fault{Redirect: "https://stranger.example.com/token?x=1"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			withServicePrincipal(t, func(ctx context.Context, s signedIn) {
				row.fault.Path = tokenPath
				s.server.Inject(row.fault)
				started := time.Now()
				err := s.call(ctx)
				assert.LessOrEqual(s.t, time.Since(started), 2*time.Minute)
				if row.ok {
					assert.NoError(s.t, err)
					return
				}
				require.ErrorAs(s.t, err, new(*databricks.CredentialError))
				assert.NotContains(s.t, err.Error(), "token?")
				s.server.ClearFaults()
				assert.NoError(s.t, s.call(ctx), "the next call tries again")
			})
		})
	}
}

func TestAuthenticate(t *testing.T) {
	withServicePrincipal(t, func(ctx context.Context, s signedIn) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "wss"+workspaceURL[len("https"):]+"/stream", nil)
		require.NoError(s.t, err)
		require.NoError(s.t, s.Authenticate(r))
		assert.Regexp(s.t, `^Bearer eyJ`, r.Header.Get("Authorization"))
		for _, to := range []string{"https://stranger.example.com/", "http" + workspaceURL[len("https"):], workspaceURL + ":8443/", "ws" + workspaceURL[len("https"):]} {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
			require.NoError(s.t, err)
			assert.ErrorContains(s.t, s.Authenticate(r), "the credential is for "+workspaceURL, to)
			assert.Empty(s.t, r.Header)
		}
		assert.Error(s.t, s.Authenticate(nil))
		assert.Error(s.t, s.Authenticate(&http.Request{}))
	})
}
