package databricks_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
)

// The files of the table below.
const (
	precedenceProfiles = `
[DEFAULT]
host  = adb-1.1.azuredatabricks.net
token = default

[prod]
host  = adb-2.2.azuredatabricks.net
token = prod

[prod.eu]
host = adb-3.3.azuredatabricks.net

[m2m]
host = adb-4.4.azuredatabricks.net
client_id = id
client_secret = secret

[half]
host = adb-4.4.azuredatabricks.net
client_id = id

[typed]
host = adb-4.4.azuredatabricks.net
auth_type = azure-cli
token = not-asked-for

[entra]
host = adb-5.5.azuredatabricks.net
azure_client_id = id
azure_client_secret = secret

[both]
host = adb-6.6.azuredatabricks.net
token = both
client_id = id
client_secret = secret

[only-host]
host = https://adb-1.1.azuredatabricks.net:443/

[only-token]
token = floating

[google]
host = w.gcp.databricks.com
auth_type = google-credentials

[certificate]
host = adb-1.1.azuredatabricks.net
auth_type = azure-certificate

[typo]
host = adb-1.1.azuredatabricks.net
auth_type = azure_cli

[bad-host]
host = https://https://adb-1.1.azuredatabricks.net
token = x

[msi-off]
host = adb-1.1.azuredatabricks.net
azure_use_msi = false
`
	precedenceNetrc = "machine adb-1.1.azuredatabricks.net login token password net\n"
)

// A config file with secrets that other users can read causes a warning.
func TestNewClient_warnsOfAFileThatOthersCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such modes")
	}
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o644: true, 0o640: true, 0o604: true, 0o400: false} {
		f := newIdentityFixture(t)
		f.configFile("[DEFAULT]\nhost = w.example.com\ntoken = x\n")
		require.NoError(t, os.Chmod(filepath.Join(f.home, ".databrickscfg"), mode))
		out := new(sink)
		_, err := f.newClient(databricks.WithLogger(slog.New(slog.NewTextHandler(out, nil))))
		require.NoError(t, err)
		assert.Equal(t, want, strings.Contains(out.text.String(), "level=WARN"), "%v: %s", mode, out.text.String())
	}
}

func TestCredentialPrecedence(t *testing.T) {
	token := databricks.WithToken("code")
	m2m := databricks.WithCredential(databricks.OAuthM2M{ClientID: "id", ClientSecret: "secret"})
	at := databricks.WithHost("adb-1.1.azuredatabricks.net")
	profile := databricks.WithProfile
	const (
		of        = " of FILE"
		wantsCode = "pat: token from WithToken"
		wantsEnv  = "pat: token from DATABRICKS_TOKEN"
		ownM2M    = "DATABRICKS_CLIENT_ID=id DATABRICKS_CLIENT_SECRET=secret"
		armSecret = "ARM_CLIENT_ID=id ARM_CLIENT_SECRET=secret ARM_TENANT_ID=tenant"
		terraform = "azure-client-secret: azure_client_id from ARM_CLIENT_ID, azure_client_secret from ARM_CLIENT_SECRET, azure_tenant_id from ARM_TENANT_ID"
		github    = "ACTIONS_ID_TOKEN_REQUEST_URL=https://g ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"
		runner    = "actions_id_token_request_url from ACTIONS_ID_TOKEN_REQUEST_URL, actions_id_token_request_token from ACTIONS_ID_TOKEN_REQUEST_TOKEN"
		devops    = "SYSTEM_ACCESSTOKEN=t SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://d/ SYSTEM_TEAMPROJECTID=p SYSTEM_HOSTTYPE=build SYSTEM_PLANID=l SYSTEM_JOBID=j"
		function  = "IDENTITY_ENDPOINT=http://127.0.0.1/msi IDENTITY_HEADER=h"
		defaults  = "pat: token from profile DEFAULT of FILE"
		netrc     = ".netrc: machine adb-1.1.azuredatabricks.net of NETRC"
	)
	for _, row := range []struct {
		name  string
		opts  []databricks.Option
		env   string // NAME=value, separated by spaces
		files string // any of config, netrc, az and databricks
		host  string // empty for the host of at
		wins  string // expected value of client.Credential()
		err   string // part of the expected error
	}{
		// Code.
		{name: "code over all", opts: []databricks.Option{at, token}, env: "DATABRICKS_TOKEN=env " + armSecret + " " + github, files: "config netrc az databricks", wins: wantsCode},
		{name: "code over auth_type of the environment", opts: []databricks.Option{at, token}, env: "DATABRICKS_AUTH_TYPE=azure-cli", wins: wantsCode},
		{name: "code over an auth_type that is none", opts: []databricks.Option{at, token}, env: "DATABRICKS_AUTH_TYPE=nonsense", wins: wantsCode},
		{name: "code over a profile that code names", opts: []databricks.Option{profile("prod"), token}, files: "config", host: "adb-2.2.azuredatabricks.net", wins: wantsCode},
		{name: "a profile of another host is not used", opts: []databricks.Option{at, profile("prod"), token}, files: "config", wins: wantsCode},
		{name: "code needs no profile of the environment", opts: []databricks.Option{at, token}, env: "DATABRICKS_CONFIG_PROFILE=unknown", files: "config", wins: wantsCode},
		{name: "code needs no config file", opts: []databricks.Option{at, token}, env: "DATABRICKS_CONFIG_FILE=/none", wins: wantsCode},
		{name: "code over variables of another tool", opts: []databricks.Option{at, m2m}, env: armSecret + " ARM_ENVIRONMENT=nonsense ARM_USE_MSI=true", wins: "oauth-m2m: client_id from WithCredential, client_secret from WithCredential"},
		{name: "the environment fills code", opts: []databricks.Option{at, databricks.WithCredential(databricks.OAuthM2M{ClientID: "id"})}, env: "DATABRICKS_CLIENT_SECRET=s", wins: "oauth-m2m: client_id from WithCredential, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "a profile fills code", opts: []databricks.Option{profile("m2m"), databricks.WithCredential(databricks.OAuthM2M{})}, files: "config", host: "adb-4.4.azuredatabricks.net", wins: "oauth-m2m: client_id from profile m2m of FILE, client_secret from profile m2m of FILE"},
		{name: "code incomplete", opts: []databricks.Option{at, databricks.WithCredential(databricks.OAuthM2M{ClientID: "id"})}, env: "DATABRICKS_TOKEN=env", err: "oauth-m2m (WithCredential): client_id of WithCredential is set, client_secret (or DATABRICKS_CLIENT_SECRET) is not"},
		{name: "two in code", opts: []databricks.Option{at, token, m2m}, err: "more than one credential: WithToken and WithCredential; use one"},
		{name: "a kind and a token in code", opts: []databricks.Option{at, token, databricks.WithAuthType("azure-cli")}, err: "more than one credential: WithToken and WithAuthType"},
		{name: "the kind in code, settings in the environment", opts: []databricks.Option{at, databricks.WithAuthType("oauth-m2m")}, env: "DATABRICKS_TOKEN=env " + ownM2M, wins: "oauth-m2m: client_id from DATABRICKS_CLIENT_ID, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "the kind in code, unknown", opts: []databricks.Option{at, databricks.WithAuthType("oauth")}, err: `WithAuthType: "oauth" is not a kind of credential; the kinds are pat, basic, oauth-m2m, `},
		{name: "function", opts: []databricks.Option{at, databricks.WithTokenFunc(func(context.Context) (string, error) { return "t", nil })}, env: "DATABRICKS_TOKEN=env", wins: "WithTokenFunc"},
		{name: "own auth", opts: []databricks.Option{at, databricks.WithAuth(func(*http.Request) error { return nil })}, env: "DATABRICKS_TOKEN=env", wins: "WithAuth"},
		{name: "netrc in code", opts: []databricks.Option{at, databricks.WithNetrc("")}, env: "DATABRICKS_TOKEN=env", files: "netrc", wins: netrc},

		// A profile named by code.
		{name: "profile in code over the environment", opts: []databricks.Option{profile("prod")}, env: "DATABRICKS_TOKEN=env DATABRICKS_HOST=env.example.com " + armSecret, files: "config", host: "adb-2.2.azuredatabricks.net", wins: "pat: token from profile prod of FILE"},
		{name: "profile in code over auth_type of the environment", opts: []databricks.Option{profile("prod")}, env: "DATABRICKS_AUTH_TYPE=azure-cli", files: "config az", host: "adb-2.2.azuredatabricks.net", wins: "pat: token from profile prod of FILE"},
		{name: "the environment supplies what it leaves unset", opts: []databricks.Option{profile("only-host")}, env: "DATABRICKS_TOKEN=env", files: "config", wins: wantsEnv},
		{name: "the environment supplies its host", opts: []databricks.Option{profile("only-token")}, env: "DATABRICKS_HOST=env.example.com", files: "config", host: "env.example.com", wins: "pat: token from profile only-token of FILE"},
		{name: "the environment supplies half", opts: []databricks.Option{profile("half")}, env: "DATABRICKS_CLIENT_ID=env DATABRICKS_CLIENT_SECRET=secret", files: "config", host: "adb-4.4.azuredatabricks.net", wins: "oauth-m2m: client_id from DATABRICKS_CLIENT_ID, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "auth_type of the profile over its token", opts: []databricks.Option{profile("typed")}, files: "config az", host: "adb-4.4.azuredatabricks.net", wins: "azure-cli: by auth_type of profile typed of FILE"},
		{name: "auth_type of the profile needs its program", opts: []databricks.Option{profile("typed")}, env: "DATABRICKS_TOKEN=env", files: "config", err: "azure-cli (auth_type of profile typed of FILE): the program az is not on the path"},
		{name: "a token over a secret in one profile", opts: []databricks.Option{profile("both")}, files: "config", host: "adb-6.6.azuredatabricks.net", wins: "pat: token from profile both of FILE"},
		{name: "nothing from the section before the dot", opts: []databricks.Option{profile("prod.eu")}, files: "config", host: "adb-3.3.azuredatabricks.net", err: "no credential for adb-3.3.azuredatabricks.net"},
		{name: "nothing from DEFAULT", opts: []databricks.Option{profile("only-host")}, files: "config", err: "no credential for adb-1.1.azuredatabricks.net"},
		{name: "profile for another host", opts: []databricks.Option{at, profile("prod")}, env: "DATABRICKS_TOKEN=env", files: "config", err: "profile prod of FILE is for adb-2.2.azuredatabricks.net, but WithHost is adb-1.1.azuredatabricks.net; its credential is not sent there"},
		{name: "profile for the same host with its port", opts: []databricks.Option{at, profile("only-host")}, env: "DATABRICKS_TOKEN=env", files: "config", wins: wantsEnv},
		{name: "unknown profile", opts: []databricks.Option{profile("none")}, files: "config", err: "there is no profile none of FILE; the file has DEFAULT, prod, prod.eu, m2m"},
		{name: "profile with Google", opts: []databricks.Option{profile("google")}, files: "config", err: "auth_type of profile google of FILE: the library does not support Google credentials (google-credentials); use databricks-cli"},
		{name: "profile with a certificate", opts: []databricks.Option{profile("certificate")}, files: "config", err: "the library does not support certificates (azure-certificate)"},
		{name: "profile with a typo", opts: []databricks.Option{profile("typo")}, files: "config", err: `auth_type of profile typo of FILE: "azure_cli" is not a kind of credential`},
		{name: "profile with a host that is none", opts: []databricks.Option{profile("bad-host")}, files: "config", err: `host of profile bad-host of FILE: "https://https://adb-1.1.azuredatabricks.net" is not a host`},

		// The environment.
		{name: "environment over the default profile", env: "DATABRICKS_HOST=adb-1.1.azuredatabricks.net DATABRICKS_TOKEN=env", files: "config", wins: wantsEnv},
		{name: "environment needs no profile", env: "DATABRICKS_HOST=adb-1.1.azuredatabricks.net DATABRICKS_TOKEN=env DATABRICKS_CONFIG_PROFILE=none", files: "config", wins: wantsEnv},
		{name: "host of the environment, credential of the default profile", env: "DATABRICKS_HOST=adb-1.1.azuredatabricks.net", files: "config", wins: defaults},
		{name: "host of the default profile, credential of the environment", env: "DATABRICKS_TOKEN=env", files: "config", wins: wantsEnv},
		{name: "default profile of another host", env: "DATABRICKS_HOST=w.example.com", files: "config", err: "profile DEFAULT of FILE is for adb-1.1.azuredatabricks.net, but DATABRICKS_HOST is w.example.com"},
		{name: "profile that the environment names", env: "DATABRICKS_CONFIG_PROFILE=m2m", files: "config", host: "adb-4.4.azuredatabricks.net", wins: "oauth-m2m: client_id from profile m2m of FILE, client_secret from profile m2m of FILE"},
		{name: "environment over the profile that it names", env: "DATABRICKS_CONFIG_PROFILE=m2m DATABRICKS_TOKEN=env", files: "config", host: "adb-4.4.azuredatabricks.net", wins: wantsEnv},
		{name: "auth_type of the environment over its token", env: "DATABRICKS_CONFIG_PROFILE=m2m DATABRICKS_TOKEN=env DATABRICKS_AUTH_TYPE=oauth-m2m", files: "config", host: "adb-4.4.azuredatabricks.net", wins: "oauth-m2m: client_id from profile m2m of FILE, client_secret from profile m2m of FILE"},
		{name: "auth_type of the environment incomplete", opts: []databricks.Option{at}, env: "DATABRICKS_TOKEN=env DATABRICKS_AUTH_TYPE=oauth-m2m DATABRICKS_CLIENT_ID=id", err: "oauth-m2m (DATABRICKS_AUTH_TYPE): DATABRICKS_CLIENT_ID is set, DATABRICKS_CLIENT_SECRET is not"},
		{name: "auth_type of the environment unknown", opts: []databricks.Option{at}, env: "DATABRICKS_AUTH_TYPE=x", err: `DATABRICKS_AUTH_TYPE: "x" is not a kind of credential`},
		{name: "auth_type of the environment not ours", opts: []databricks.Option{at}, env: "DATABRICKS_AUTH_TYPE=external-browser", err: "DATABRICKS_AUTH_TYPE: the library does not support a sign-in in the browser (external-browser)"},
		{name: "unknown profile of the environment", env: "DATABRICKS_CONFIG_PROFILE=none", files: "config", err: "there is no profile none of FILE"},
		{name: "settings are no profile", env: "DATABRICKS_CONFIG_PROFILE=__settings__", files: "config", err: `DATABRICKS_CONFIG_PROFILE: "__settings__" cannot name a profile`},
		{name: "a token over a password and a secret", opts: []databricks.Option{at}, env: "DATABRICKS_TOKEN=env DATABRICKS_USERNAME=u DATABRICKS_PASSWORD=p " + ownM2M, wins: wantsEnv},
		{name: "half a password beside a secret", opts: []databricks.Option{at}, env: "DATABRICKS_USERNAME=u " + ownM2M, wins: "oauth-m2m: client_id from DATABRICKS_CLIENT_ID, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "an ID token in a variable that is not set", opts: []databricks.Option{at}, env: "DATABRICKS_OIDC_TOKEN_ENV=NOT_SET", files: "netrc", wins: netrc},
		{name: "a secret over an ID token", opts: []databricks.Option{at}, env: "DATABRICKS_OIDC_TOKEN=jwt " + ownM2M, wins: "oauth-m2m: client_id from DATABRICKS_CLIENT_ID, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "a metadata service elsewhere", opts: []databricks.Option{at}, env: "DATABRICKS_METADATA_SERVICE_URL=http://metadata.example.com/", err: `metadata-service: DATABRICKS_METADATA_SERVICE_URL: "http://metadata.example.com/" is not a URL of this machine`},

		// Other tools and the machine.
		{name: "a token over variables of another tool", opts: []databricks.Option{at}, env: "DATABRICKS_TOKEN=env ARM_CLIENT_ID=id ARM_CLIENT_SECRET=s ARM_USE_MSI=nonsense ARM_ENVIRONMENT=dev", wins: wantsEnv},
		{name: "the default profile over variables of another tool", env: armSecret, files: "config", wins: defaults},
		{name: "a secret of Entra in the default profile over that of another tool", env: "DATABRICKS_CONFIG_PROFILE=entra " + armSecret, files: "config", host: "adb-5.5.azuredatabricks.net", wins: "azure-client-secret: azure_client_id from profile entra of FILE, azure_client_secret from profile entra of FILE, azure_tenant_id from ARM_TENANT_ID"},
		{name: "variables of another tool alone", opts: []databricks.Option{at}, env: armSecret, wins: terraform},
		{name: "those of Terraform over those of Microsoft's libraries", opts: []databricks.Option{at}, env: armSecret + " AZURE_CLIENT_ID=other AZURE_CLIENT_SECRET=other", wins: terraform},
		{name: "variables of another tool for a workspace elsewhere", env: "DATABRICKS_HOST=w.cloud.databricks.com " + armSecret, files: "az", err: "azure-client-secret: it is configured, but w.cloud.databricks.com is not an Azure workspace"},
		{name: "a secret over the runner's identity", opts: []databricks.Option{at}, env: ownM2M + " " + github, wins: "oauth-m2m: client_id from DATABRICKS_CLIENT_ID, client_secret from DATABRICKS_CLIENT_SECRET"},
		{name: "the runner's identity for a principal of ours over another tool", opts: []databricks.Option{at}, env: "DATABRICKS_CLIENT_ID=id " + github + " " + armSecret, wins: "github-oidc: " + runner + ", client_id from DATABRICKS_CLIENT_ID"},
		{name: "a secret of another tool over the runner's identity", opts: []databricks.Option{at}, env: github + " " + armSecret, wins: terraform},
		{name: "the runner's identity in Entra", opts: []databricks.Option{at}, env: github + " ARM_CLIENT_ID=id ARM_TENANT_ID=tenant", wins: "github-oidc-azure: " + runner + ", azure_client_id from ARM_CLIENT_ID, azure_tenant_id from ARM_TENANT_ID"},
		{name: "the runner's identity alone", env: "DATABRICKS_HOST=w.cloud.databricks.com ARM_CLIENT_ID=id " + github, host: "w.cloud.databricks.com", wins: "github-oidc: " + runner},
		{name: "the agent's identity", opts: []databricks.Option{at}, env: "DATABRICKS_CLIENT_ID=id " + devops, files: "netrc az", wins: "azure-devops-oidc: system_accesstoken from SYSTEM_ACCESSTOKEN, system_teamfoundationcollectionuri from SYSTEM_TEAMFOUNDATIONCOLLECTIONURI, system_teamprojectid from SYSTEM_TEAMPROJECTID, system_hosttype from SYSTEM_HOSTTYPE, system_planid from SYSTEM_PLANID, system_jobid from SYSTEM_JOBID, client_id from DATABRICKS_CLIENT_ID"},
		{name: "the agent without its token", opts: []databricks.Option{at}, env: strings.Replace(devops, "SYSTEM_ACCESSTOKEN=t ", "", 1), err: "SYSTEM_JOBID are set, SYSTEM_ACCESSTOKEN is not"},
		{name: "the identity of a function", opts: []databricks.Option{at}, env: function, files: "netrc az", wins: "azure-msi: the identity of this machine"},
		{name: "the identity of a function, switched off", opts: []databricks.Option{at}, env: function + " ARM_USE_MSI=false", files: "netrc", wins: netrc},
		{name: "the identity of a function for a workspace elsewhere", env: "DATABRICKS_HOST=w.cloud.databricks.com " + function, err: "azure-msi: it is configured, but w.cloud.databricks.com is not an Azure workspace"},
		{name: "a token over the identity of a function", opts: []databricks.Option{at}, env: "DATABRICKS_TOKEN=env " + function, wins: wantsEnv},
		{name: "the identity of a pod over that of its node", opts: []databricks.Option{at}, env: "ARM_USE_MSI=true AZURE_CLIENT_ID=id AZURE_TENANT_ID=t AZURE_FEDERATED_TOKEN_FILE=/f", wins: "azure-workload-identity: azure_federated_token_file from AZURE_FEDERATED_TOKEN_FILE, azure_client_id from AZURE_CLIENT_ID, azure_tenant_id from AZURE_TENANT_ID"},
		{name: "azure_use_msi = false", opts: []databricks.Option{profile("msi-off")}, files: "config netrc", wins: netrc},

		// .netrc and programs.
		{name: ".netrc after profiles", env: "DATABRICKS_HOST=adb-1.1.azuredatabricks.net", files: "config netrc az", wins: defaults},
		{name: ".netrc before programs, which may not be signed in", opts: []databricks.Option{at}, files: "netrc az databricks", wins: netrc},
		{name: "programs", opts: []databricks.Option{at}, files: "az databricks", wins: "databricks-cli or azure-cli: found on the path, because no credential is configured"},
		{name: "az for a workspace elsewhere", env: "DATABRICKS_HOST=w.cloud.databricks.com", files: "az", err: "no credential for w.cloud.databricks.com"},
		{name: "nothing at all", opts: []databricks.Option{at}, env: "DATABRICKS_CLIENT_ID=id", files: "", err: "oauth-m2m: DATABRICKS_CLIENT_ID is set, DATABRICKS_CLIENT_SECRET is not"},
		{name: "no host", env: "DATABRICKS_TOKEN=env", err: `no host: use WithHost("https://…"), set DATABRICKS_HOST, or set host in a profile of ~/.databrickscfg (~/.databrickscfg: no such file)`},
		{name: "Google's variables", opts: []databricks.Option{at}, env: "GOOGLE_CREDENTIALS={}", err: "GOOGLE_CREDENTIALS is set, but the library does not support Google credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newIdentityFixture(t)
			setenv(t, strings.Fields(row.env)...)
			config, netrc := filepath.Join(f.home, ".databrickscfg"), filepath.Join(f.home, ".netrc")
			for _, file := range strings.Fields(row.files) {
				switch file {
				case "config":
					f.configFile(precedenceProfiles)
				case "netrc":
					require.NoError(t, os.WriteFile(netrc, []byte(precedenceNetrc), 0o600))
				default:
					f.program(file, "exit 1")
				}
			}
			named := strings.NewReplacer(config, "FILE", netrc, "NETRC")
			client, err := f.newClient(row.opts...)
			assert.Empty(t, f.requests)
			assert.Empty(t, f.calls())
			if row.err != "" {
				require.Error(t, err)
				assert.Contains(t, named.Replace(err.Error()), row.err)
				assert.NotContains(t, strings.TrimPrefix(err.Error(), "databricks: "), "databricks: ")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.wins, named.Replace(client.Credential()))
			if row.host == "" {
				row.host = "adb-1.1.azuredatabricks.net"
			}
			assert.Equal(t, "https://"+row.host, client.Host())
		})
	}
}
