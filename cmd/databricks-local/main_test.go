package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, writer, io.Discard)
		writer.CloseWithError(err) // frees the test if run fails early
		done <- err
	}()
	lines := bufio.NewScanner(reader)
	export := func(name string) string {
		require.True(t, lines.Scan(), "%v", lines.Err())
		value, ok := strings.CutPrefix(lines.Text(), "export "+name+"=")
		require.True(t, ok, lines.Text())
		return value
	}
	host, token := export("DATABRICKS_HOST"), export("DATABRICKS_TOKEN")
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, host)
	assert.Regexp(t, `^dapi[0-9a-f]{32}$`, token)

	r, err := http.NewRequestWithContext(t.Context(), "GET", host+"/api/2.0/clusters/list", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	require.NoError(t, err)
	assert.Equal(t, "{}", string(body))

	cancel()
	assert.NoError(t, <-done)
	_, err = http.DefaultClient.Do(r)
	assert.Error(t, err, "nobody is left")
}

func TestRun_refuses(t *testing.T) {
	for args, want := range map[string]string{
		"-addr 0.0.0.0:0":            "-public",
		"-addr :0":                   "-public",
		"-addr nowhere":              "-addr",
		"-addr 127.0.0.1:0 -speed 0": "forward",
		"-addr 127.0.0.1:0 x":        "only flags",
		"-none":                      "none",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorContains(t, run(ctx, strings.Fields(args), io.Discard, io.Discard), want, args)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, run(ctx, []string{"-addr", "0.0.0.0:0", "-public"}, io.Discard, io.Discard))
}
