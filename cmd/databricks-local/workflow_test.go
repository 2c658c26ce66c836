//go:build !windows

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workflow runs the script of action.yml in an environment like that of GitHub's runner.
// It returns what the script leaves for the steps that follow.
func workflow(t *testing.T, flags string) (env, outputs map[string]string, printed string, err error) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		files, err := filepath.Glob(filepath.Join(dir, "databricks-local.*", "pid"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			require.NoError(t, err)
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	})
	files := map[string]map[string]string{"env": {}, "output": {}}
	cmd := exec.CommandContext(t.Context(), "./start-in-workflow")
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+dir, "GITHUB_WORKSPACE="+dir, "FLAGS="+flags)
	for name := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		cmd.Env = append(cmd.Env, "GITHUB_"+strings.ToUpper(name)+"="+file)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"dbfs": {"/hello.txt": "hello"}}`), 0o600))
	text, err := cmd.CombinedOutput()
	for name, values := range files {
		left, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for line := range strings.Lines(string(left)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[name] = value
		}
	}
	return files["env"], files["output"], string(text), err
}

func TestWorkflow(t *testing.T) {
	env, outputs, printed, err := workflow(t, "-fast\n\n-state=state.json\n-secret=scope/key=a value\n")
	require.NoError(t, err, printed)
	assert.Contains(t, printed, "::add-mask::"+env["DATABRICKS_TOKEN"], "GitHub masks the token in logs")
	assert.Equal(t, env, map[string]string{"DATABRICKS_HOST": outputs["host"], "DATABRICKS_TOKEN": outputs["token"]})
	for path, want := range map[string]string{
		"/api/2.0/dbfs/get-status?path=/hello.txt":     `"file_size":5`,
		"/api/2.0/secrets/get?scope=scope&key=key":     "YSB2YWx1ZQ==",
		"/api/2.0/clusters/get?cluster_id=unknown-one": "does not exist",
	} {
		_, body, err := get(t, env["DATABRICKS_HOST"]+path, env["DATABRICKS_TOKEN"])
		require.NoError(t, err)
		assert.Contains(t, body, want)
	}
}

func TestWorkflow_wrongFlag(t *testing.T) {
	env, _, printed, err := workflow(t, "-speed=0")
	assert.Error(t, err)
	assert.Contains(t, printed, "-speed 0: must be positive")
	assert.Empty(t, env)
}
