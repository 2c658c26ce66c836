package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
	assert.Error(t, run(t.Context(), []string{"-health", "not a URL"}, io.Discard, io.Discard))
}
