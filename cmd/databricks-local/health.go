package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// checkHealth fails unless the workspace at an address is ready. The container image
// uses it for its health check, because it has no shell and no curl. If the address has
// no scheme, checkHealth first tries https and accepts any certificate.
func checkHealth(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if strings.Contains(address, "://") {
		return getHealth(ctx, transport, address)
	}
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing secret is sent
	err := getHealth(ctx, transport, "https://"+address)
	if notTLS := (tls.RecordHeaderError{}); errors.As(err, &notTLS) || errors.Is(err, http.ErrSchemeMismatch) {
		err = getHealth(ctx, transport, "http://"+address)
	}
	return err
}

func getHealth(ctx context.Context, transport http.RoundTripper, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/health", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return fmt.Errorf("%s: %s: %s", request.URL.Redacted(), response.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
