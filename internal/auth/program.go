package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The kinds that get tokens from programs in which a user or a machine is signed
// in.
var (
	databricksCLI = &kind{
		name: "databricks-cli", uses: []Attribute{CLIPath, CLIProfile},
		lacks: func(v *view) string { return message(findDatabricks(v.get(CLIPath))) },
		open: func(v *view) (*Token, fetcher, error) {
			path, err := findDatabricks(v.get(CLIPath))
			c := &databricksProgram{path: path, profile: cmp.Or(v.get(CLIProfile), v.levels[0].profile), configFile: v.ConfigFile, host: v.Endpoint.URL()}
			return nil, c.token, err
		},
	}
	azureCLI = &kind{
		name: "azure-cli", azure: true, uses: []Attribute{AzureCLIPath, AzureTenantID, AzureCloud, AzureResourceID},
		lacks: func(v *view) string { return message(findProgram(cmp.Or(v.get(AzureCLIPath), "az"))) },
		open: func(v *view) (*Token, fetcher, error) {
			path, err := findProgram(cmp.Or(v.get(AzureCLIPath), "az"))
			if err != nil {
				return nil, nil, err
			}
			e, err := newEntra(v)
			c := &azProgram{path: path, entra: e}
			return nil, c.fetch, err
		},
	}
)

func message(_ string, err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// programs returns the credential of the programs on the path, or nil. Only a token
// request shows whether a user is signed in. The first program that returns a token
// is used from then on.
func (r *resolver) programs() (*Credential, error) {
	type candidate struct {
		kind  *kind
		fetch fetcher
	}
	var candidates []candidate
	for _, k := range []*kind{databricksCLI, azureCLI} {
		v := r.view(r.terraform)
		if k.incomplete(v) != "" || k.azure && !v.onAzure() {
			continue
		}
		_, fetch, err := k.open(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		candidates = append(candidates, candidate{k, fetch})
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	names := make([]string, len(candidates))
	for i, c := range candidates {
		names[i] = c.kind.name
	}
	list := strings.Join(names, " or ")
	c := &cache{fetch: func(ctx context.Context, force bool) (*Token, error) {
		var errs []string
		for _, c := range candidates {
			token, err := c.fetch(ctx, force)
			if err == nil {
				candidates = []candidate{c}
				return token, nil
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			errs = append(errs, c.kind.wrap(err).Error())
		}
		return nil, fmt.Errorf("no credential is configured, and no program returned one: %s", strings.Join(errs, "; "))
	}}
	return c.credential(list + ": found on the path, because no credential is configured"), nil
}

// findProgram returns the path of a program. It does not start the program.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s is not on the path", name)
	}
	return path, nil
}

// findDatabricks returns the path of the vendor's CLI. It skips the retired CLI in
// Python, which has the same name, issues no tokens, and is a script of less than 1
// MiB.
func findDatabricks(configured string) (string, error) {
	if configured != "" {
		return findProgram(configured)
	}
	old := false
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path, err := exec.LookPath(filepath.Join(dir, "databricks"))
		if err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Size() > 1<<20 {
			return path, nil
		}
		old = true
	}
	if old {
		return "", errors.New("the program databricks on the path is the retired CLI in Python, which does not support OAuth; install the current CLI")
	}
	return "", errors.New("the program databricks is not on the path")
}

// run runs a program and returns its output. If it fails, the error contains its
// error output as one line without tokens.
func run(ctx context.Context, env []string, path string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	var out, complaints limitedBuffer
	command.Stdout, command.Stderr = &out, &complaints
	if env != nil {
		command.Env = append(os.Environ(), env...)
	}
	command.WaitDelay = 2 * time.Second // child processes may keep the pipes open
	err := command.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	e := &Error{Request: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + " " + strings.Join(args, " "), Err: err}
	if cause := context.Cause(ctx); cause != nil {
		e.Err = cause
	}
	e.Description = cleanText(strings.TrimPrefix(strings.TrimSpace(complaints.String()), "ERROR: "), 600)
	return nil, e
}

// A limitedBuffer keeps the first megabyte of a program's output.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxResponse - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func runJSON(ctx context.Context, out any, env []string, path string, args ...string) error {
	text, err := run(ctx, env, path, args...)
	if err == nil && json.Unmarshal(text, out) != nil {
		err = &Error{Request: filepath.Base(path) + " " + strings.Join(args, " "), Err: errors.New("its output is not JSON")}
	}
	return err
}

// A databricksProgram is the vendor's CLI. Only one flight uses it at a time.
type databricksProgram struct {
	path       string
	profile    string // "" to select the token by host
	configFile string // path of the file with the profile; "" for the default path
	host       string
	version    [3]int // zero before the first success
}

var cliVersion = regexp.MustCompile(`v(\d+)\.(\d+)\.(\d+)`)

func (c *databricksProgram) token(ctx context.Context, force bool) (*Token, error) {
	if c.version == [3]int{} {
		text, err := run(ctx, nil, c.path, "version")
		if err != nil {
			return nil, err
		}
		m := cliVersion.FindSubmatch(text)
		if m == nil {
			return nil, &Error{Request: "databricks version", Err: errors.New("its output has no version; it may not be the vendor's CLI")}
		}
		for i := range c.version {
			c.version[i], _ = strconv.Atoi(string(m[i+1])) // the pattern matches only digits
		}
	}
	args := []string{"auth", "token"}
	if c.profile != "" && c.atLeast(0, 207, 1) {
		args = append(args, "--profile", c.profile)
	} else {
		args = append(args, "--host", c.host)
	}
	if force && c.atLeast(0, 296, 0) {
		args = append(args, "--force-refresh") // the program has its own cache
	}
	var env []string
	if c.configFile != "" {
		env = []string{"DATABRICKS_CONFIG_FILE=" + c.configFile}
	}
	var out struct {
		AccessToken string    `json:"access_token"`
		Expiry      time.Time `json:"expiry"`
	}
	if err := runJSON(ctx, &out, env, c.path, args...); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Hint = "databricks auth login signs in"
		}
		return nil, err
	}
	if err := CheckToken("databricks "+strings.Join(args, " "), out.AccessToken); err != nil {
		return nil, err
	}
	return bearerUntil(out.AccessToken, out.Expiry), nil
}

func (c *databricksProgram) atLeast(major, minor, patch int) bool {
	want := [3]int{major, minor, patch}
	for i, n := range c.version {
		if n != want[i] {
			return n > want[i]
		}
	}
	return true
}

// An azProgram is Azure's CLI. Only one flight uses it at a time.
type azProgram struct {
	*entra
	path string
	user *azUser
}

type azUser struct{ Name, Type string }

// fetch gets the tokens. The token for the management resource is for principals
// that are not yet users of the workspace. It is omitted if az does not issue it.
func (c *azProgram) fetch(ctx context.Context, _ bool) (*Token, error) {
	if c.user == nil {
		var account struct{ User azUser }
		if err := runJSON(ctx, &account, nil, c.path, "account", "show", "--output", "json"); err != nil {
			return nil, c.explain(err)
		}
		c.user = &account.User
	}
	token, err := c.accessToken(ctx, c.application)
	if err != nil {
		c.user = nil // another user may sign in
		return nil, c.explain(err)
	}
	if c.resourceID == "" {
		return token, nil
	}
	token = token.and(time.Time{}, func(h http.Header) {
		h["X-Databricks-Azure-Workspace-Resource-Id"] = []string{c.resourceID}
	})
	if management, err := c.accessToken(ctx, c.management); err == nil {
		token = token.and(management.expires, func(h http.Header) {
			h["X-Databricks-Azure-Sp-Management-Token"] = []string{management.value()}
		})
	}
	return token, nil
}

func (c *azProgram) explain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Hint == "" {
		e.Hint = cmp.Or(hint("", e.Description), "az login signs in")
	}
	return err
}

// accessToken requests a token for the workspace's tenant. If az rejects this, it
// uses the subscription, and then neither, which is the only way for some
// identities.
func (c *azProgram) accessToken(ctx context.Context, resource string) (*Token, error) {
	base := []string{"account", "get-access-token", "--resource", resource, "--output", "json"}
	var attempts [][]string
	servicePrincipal := c.user.Type == "servicePrincipal"
	managed := servicePrincipal && (c.user.Name == "systemAssignedIdentity" || c.user.Name == "userAssignedIdentity")
	switch {
	case c.tenantID != "" && !managed:
		attempts = append(attempts, append(base[:len(base):len(base)], "--tenant", c.tenantID))
		if servicePrincipal {
			attempts = append(attempts, base)
		}
	case c.resourceID != "":
		subscription := strings.Split(c.resourceID, "/")[2]
		attempts = [][]string{append(base[:len(base):len(base)], "--subscription", subscription), base}
	default:
		attempts = append(attempts, base)
	}
	var first error
	for _, args := range attempts {
		var out struct {
			AccessToken string `json:"accessToken"`
			ExpiresOn   string `json:"expiresOn"`  // local time
			Expires     number `json:"expires_on"` // sent by newer versions
		}
		err := runJSON(ctx, &out, nil, c.path, args...)
		if err == nil {
			err = CheckToken("az account get-access-token", out.AccessToken)
		}
		if err == nil {
			expires := time.Unix(int64(out.Expires), 0)
			if out.Expires == 0 {
				expires, _ = time.ParseInLocation("2006-01-02 15:04:05.999999", out.ExpiresOn, time.Local) // zero if it cannot be parsed
			}
			return bearerUntil(out.AccessToken, expires), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}
