package databricks_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

// An echo is a transport whose servers, token issuers as well as the API, send back
// everything that they received. It records the secrets that were sent.
type echo struct {
	*identityFixture
	issuers, api bool
	secrets      []string
}

func (e *echo) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent strings.Builder
	for name, values := range r.Header {
		switch value := strings.Join(values, " "); name {
		case "Authorization", "X-Databricks-Azure-Sp-Management-Token", "X-IDENTITY-HEADER", "secret":
			e.plant(value[strings.Index(value, " ")+1:])
			fmt.Fprintf(&sent, "%s=%s; ", name, value)
		}
	}
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		sent.Write(body)
		if form, err := url.ParseQuery(string(body)); err == nil {
			for _, name := range []string{"client_secret", "subject_token", "client_assertion"} {
				e.plant(form.Get(name))
				sent.WriteString("; " + form.Get(name))
			}
		}
	}
	api := strings.HasPrefix(r.URL.Path, "/api/")
	document := strings.Contains(r.URL.Path, "/.well-known/")
	if api && e.api || !api && !document && e.issuers {
		w := &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
		w.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"error":%q,"error_description":%q,"error_code":%q,"message":%q}`, sent.String(), sent.String(), sent.String(), sent.String())))
		return w, nil
	}
	return e.identityFixture.RoundTrip(r)
}

func (e *echo) plant(secret string) {
	if secret != "" && !slices.Contains(e.secrets, secret) {
		e.secrets = append(e.secrets, secret)
	}
}

// found returns the secrets in a text, in plain form or in a common encoding.
func (e *echo) found(text string) (found []string) {
	for _, secret := range e.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")} {
			if i := strings.Index(text, form); i >= 0 {
				found = append(found, secret+" in "+text[max(0, i-200):min(len(text), i+60)])
			}
		}
	}
	return found
}

// No output contains a token, a secret, an assertion or a header. This holds for
// every kind of credential, every configuration and every server that rejects it.
func TestLeaks_credentials(t *testing.T) {
	rows := len(credentialRows(newIdentityFixture(t)))
	for i := range rows {
		for _, way := range []string{"option", "environment", "profile"} {
			for _, who := range []string{"nobody", "issuers", "api"} {
				f := newIdentityFixture(t)
				row := credentialRows(f)[i]
				opts := []databricks.Option{databricks.WithHost(azureHost)}
				switch {
				case way == "option" && row.option != nil:
					opts = append(opts, row.option)
				case way == "environment" && row.env != nil:
				case way == "profile" && row.profile != "":
					opts = []databricks.Option{databricks.WithProfile("row")}
				default:
					continue
				}
				t.Run(strings.Join([]string{row.kind, row.name, "by", way, "rejected by", who}, " "), func(t *testing.T) {
					setenv(t, row.around...)
					switch way {
					case "environment":
						setenv(t, row.env...)
					case "profile":
						f.configFile("[row]\nhost = " + azureHost + "\n" + row.profile + "\n")
					}
					e := &echo{identityFixture: f, issuers: who == "issuers", api: who == "api"}
					e.secrets = []string{secretPAT, secretPassword, secretOAuth, secretEntra, secretRunner, secretAgent, secretIdentity}
					if who == "issuers" {
						f.program("az", `case "$2" in show) echo '{"user":{}}';; *) echo "ERROR: eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln" >&2; exit 1;; esac`)
						e.plant("eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln")
					}
					out := new(sink)
					logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.Level(-100)}))
					client, err := databricks.NewClient(append(opts, databricks.WithHTTPClient(&http.Client{Transport: e}), databricks.WithLogger(logger))...)
					require.NoError(t, err)
					_, err = client.Clusters.List(t.Context(), databricks.ListClusters{})
					assert.Equal(t, who == "nobody" || who == "issuers" && row.requests == nil && row.kind != "azure-cli", err == nil, "%v", err)
					out.show(client, *client, opts, err, client.Credential())
					_, err = client.Clusters.Create(t.Context(), databricks.CreateCluster{})
					out.show(err)
					for _, r := range f.Requests() {
						fmt.Fprintf(out, "%s %s %s %v %s\n", r.Method, r.Path, r.Query.Encode(), r.Header, r.Body)
					}
					assert.Empty(t, e.found(out.text.String()))
				})
			}
		}
	}
}

// Errors about settings do not show the settings.
func TestLeaks_badCredentials(t *testing.T) {
	out := new(sink)
	show := func(opts ...databricks.Option) {
		_, err := databricks.NewClient(opts...)
		require.Error(t, err)
		out.show(err)
	}
	f := newIdentityFixture(t)
	secrets := &echo{secrets: []string{secretPAT, secretPassword, secretOAuth, secretEntra, secretRunner}}
	host := databricks.WithHost("w.example.com")
	m2m := databricks.OAuthM2M{ClientSecret: secretOAuth}
	entra := databricks.AzureClientSecret{ClientSecret: secretEntra}
	out.show(m2m, entra, &m2m, &entra, []any{m2m, entra})
	show(host, databricks.WithCredential(m2m))
	show(host, databricks.WithCredential(entra))
	show(host, databricks.WithToken(secretPAT+"\n"))
	show(host, databricks.WithToken(secretPAT), databricks.WithBasicAuth("u", secretPassword))
	show(host, databricks.WithBasicAuth("u:"+secretPassword, secretPassword))
	setenv(t, "DATABRICKS_CLIENT_SECRET="+secretOAuth, "ARM_CLIENT_SECRET="+secretEntra, "DATABRICKS_PASSWORD="+secretPassword, "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+secretRunner)
	show(host)
	f.configFile("[row]\nhost = w.example.com\nclient_secret = " + secretOAuth + "\npassword = " + secretPassword + "\n")
	show(databricks.WithProfile("row"))
	f.configFile("[row]\nhost = w.example.com\n" + secretPAT + "\n")
	show(databricks.WithProfile("row"))
	show(databricks.WithHost("https://u:" + secretOAuth + "@w.example.com"))
	assert.Empty(t, secrets.found(out.text.String()))
}
