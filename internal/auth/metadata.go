package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The kind for the metadata service of a program on this machine, such as the
// vendor's editor extension.
var metadataService = &kind{
	name: "metadata-service", anchors: []Attribute{MetadataURL}, needs: []Attribute{MetadataURL},
	open: func(v *view) (*Token, fetcher, error) {
		t := tokenRequest{method: http.MethodGet, url: v.get(MetadataURL), bound: 10 * time.Second, header: http.Header{
			"X-Databricks-Metadata-Version": {"1"}, "X-Databricks-Host": {v.Endpoint.URL()},
		}}
		if u, err := url.Parse(t.url); err != nil || u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
			return nil, nil, fmt.Errorf("%s: %q is not a URL of this machine, such as http://localhost:1234/path", v.source(MetadataURL), shorten(t.url))
		}
		q := v.requester
		return nil, func(ctx context.Context, _ bool) (*Token, error) { return q.token(ctx, t) }, nil
	},
}
