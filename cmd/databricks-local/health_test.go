package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The health check of the image works with and without the flag -tls after the name of
// the image.
func TestDockerfile_healthCheck(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^HEALTHCHECK .* CMD (\[.*\])$`).FindSubmatch(text)
	require.NotNil(t, found)
	var command []string
	require.NoError(t, json.Unmarshal(found[1], &command))
	const inside = "127.0.0.1:8080"
	require.Contains(t, command[len(command)-1], inside)
	for _, flags := range [][]string{nil, {"-tls"}} {
		host, _, _, _ := start(t, flags...)
		_, addr, _ := strings.Cut(host, "://")
		args := slices.Clone(command[1:])
		args[len(args)-1] = strings.Replace(args[len(args)-1], inside, addr, 1)
		assert.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "%v", flags)
	}
}

func TestRun_healthOf(t *testing.T) {
	host, _, _, _ := start(t)
	for _, url := range []string{host, host + "/"} {
		assert.NoError(t, run(t.Context(), []string{"-health", url}, io.Discard, io.Discard))
	}
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "starting", http.StatusServiceUnavailable) }))
	defer starting.Close()
	assert.ErrorContains(t, run(t.Context(), []string{"-health", starting.URL}, io.Discard, io.Discard), "503 Service Unavailable: starting")
	starting.Close()
	assert.ErrorContains(t, run(t.Context(), []string{"-health", starting.URL}, io.Discard, io.Discard), "refused")
	assert.Error(t, run(t.Context(), []string{"-health", strings.TrimPrefix(starting.URL, "http://")}, io.Discard, io.Discard))
	assert.Error(t, run(t.Context(), []string{"-health", "not a URL"}, io.Discard, io.Discard))

	secure, _, _, _ := start(t, "-tls")
	assert.ErrorContains(t, run(t.Context(), []string{"-health", secure}, io.Discard, io.Discard), "certificate", "with a URL, the certificate is checked")
}
