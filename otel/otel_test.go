package otel_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/otel"
)

const secret = "planted-secret-0042"

func newClient(t *testing.T, opts ...databricks.Option) (*databricks.Client, *databrickstest.Server, *tracetest.InMemoryExporter, *sdkmetric.ManualReader) {
	server := databrickstest.NewServer()
	t.Cleanup(server.Close)
	spans, metrics := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	client := server.Client(append([]databricks.Option{
		otel.WithTelemetry(
			otel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))),
			otel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)))),
		databricks.WithRetryPolicy(databricks.RetryPolicy{MinDelay: time.Microsecond, MaxRetryAfter: time.Microsecond}),
	}, opts...)...)
	return client, server, spans, metrics
}

func attributes(span tracetest.SpanStub) map[string]any {
	all := map[string]any{}
	for _, a := range span.Attributes {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// A call with retries after a 503 and a 429 is a span with three children.
func TestTelemetry_retries(t *testing.T) {
	client, server, exporter, reader := newClient(t)
	server.Inject(
		databrickstest.Fault{Path: "/api/2.0/clusters/list", Status: http.StatusServiceUnavailable, RetryAfter: "1"},
		databrickstest.Fault{Path: "/api/2.0/clusters/list", Status: http.StatusTooManyRequests, RetryAfter: "1"})
	_, err := client.Clusters.List(t.Context(), databricks.ListClusters{})
	require.NoError(t, err)

	spans := exporter.GetSpans()
	require.Len(t, spans, 4)
	call := spans[3] // it ends last
	assert.Equal(t, "clusters/list", call.Name)
	assert.Equal(t, trace.SpanKindInternal, call.SpanKind)
	assert.EqualValues(t, 3, attributes(call)["databricks.attempts"])
	assert.NotContains(t, attributes(call), "error.type")
	for i, want := range []struct {
		status int64
		class  any
		retry  any
	}{{503, "TEMPORARILY_UNAVAILABLE", "retry_after"}, {429, "REQUEST_LIMIT_EXCEEDED", "retry_after"}, {200, nil, nil}} {
		span := spans[i]
		got := attributes(span)
		t.Log(span.Name, got)
		assert.Equal(t, "GET /api/2.0/clusters/list", span.Name)
		assert.Equal(t, trace.SpanKindClient, span.SpanKind)
		assert.Equal(t, call.SpanContext.SpanID(), span.Parent.SpanID())
		assert.Equal(t, "GET", got["http.request.method"])
		assert.Equal(t, "/api/2.0/clusters/list", got["url.template"])
		assert.Equal(t, want.status, got["http.response.status_code"])
		assert.Equal(t, want.retry, got["databricks.retry.reason"])
		if want.class != nil {
			assert.NotEmpty(t, got["error.type"])
		}
		if i == 0 {
			assert.NotContains(t, got, "http.request.resend_count")
		} else {
			assert.EqualValues(t, i, got["http.request.resend_count"])
		}
	}
	counts := histograms(t, reader)
	assert.EqualValues(t, 3, counts["http.client.request.duration"])
	assert.EqualValues(t, 1, counts["databricks.client.operation.duration"])
}

func histograms(t *testing.T, reader *sdkmetric.ManualReader) map[string]uint64 {
	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &data))
	counts := map[string]uint64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			assert.Equal(t, "s", m.Unit)
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				counts[m.Name] += point.Count
			}
		}
	}
	return counts
}

// The caller's span is the parent. A span has the wait for the rate limit.
func TestTelemetry_parentAndRateLimit(t *testing.T) {
	client, _, exporter, _ := newClient(t, databricks.WithRateLimit(1000, 1))
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)).Tracer("caller")
	ctx, parent := tracer.Start(t.Context(), "nightly")
	for range 3 {
		_, err := client.Secrets.ListScopes(ctx)
		require.NoError(t, err)
	}
	parent.End()
	waits := 0
	for _, span := range exporter.GetSpans() {
		assert.Equal(t, parent.SpanContext().TraceID(), span.SpanContext.TraceID())
		if wait, ok := attributes(span)["databricks.rate_limit.wait"].(float64); ok && wait > 0 {
			waits++
		}
	}
	assert.Positive(t, waits)
}

// Spans and metrics contain no secrets, and no names or IDs of objects.
func TestTelemetry_secrets(t *testing.T) {
	client, server, exporter, reader := newClient(t)
	ctx := t.Context()
	require.NoError(t, client.Secrets.CreateScope(ctx, databricks.CreateScope{Scope: "scope-of-mine"}))
	require.NoError(t, client.Secrets.Put(ctx, databricks.PutSecret{Scope: "scope-of-mine", Key: "k", StringValue: new(databricks.Secret(secret))}))
	_, err := client.Secrets.Get(ctx, "scope-of-mine", "k")
	require.NoError(t, err)
	_, err = client.Clusters.Get(ctx, "cluster-of-mine")
	require.Error(t, err)
	server.Inject(databrickstest.Fault{Path: "/api/2.0/dbfs/*", Reset: true, Times: -1})
	_, err = client.DBFS.GetStatus(ctx, "/path-of-mine")
	require.Error(t, err)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = client.Clusters.List(canceled, databricks.ListClusters{})
	require.ErrorIs(t, err, context.Canceled)

	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(ctx, &data))
	text := fmt.Sprintf("%+v %+v", exporter.GetSpans(), data)
	for _, hidden := range []string{secret, server.Token, "of-mine"} {
		assert.False(t, strings.Contains(text, hidden), "%s shows", hidden)
	}
	for _, span := range exporter.GetSpans() {
		for _, a := range span.Attributes {
			assert.NotEqual(t, attribute.Key("url.full"), a.Key)
		}
	}
	assert.Contains(t, text, "canceled")
	assert.Contains(t, text, "connection_lost")
}

func Example() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	exporter := tracetest.NewInMemoryExporter()
	client := workspace.Client(otel.WithTelemetry(otel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)))))

	if _, err := client.Clusters.SelectSparkVersion(context.Background(), databricks.SelectSparkVersion{}); err != nil {
		fmt.Println(err)
	}
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.SpanKind, span.Name)
	}
	// Output:
	// client GET /api/2.0/clusters/spark-versions
	// internal clusters/spark-versions
}
