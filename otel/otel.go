// Package otel reports the calls of a Databricks client as OpenTelemetry traces
// and metrics. It is a separate module, so programs without OpenTelemetry do
// not depend on it.
//
//	client, err := databricks.NewClient(otel.WithTelemetry())
//
// A call is a span. Its name is the operation of the call, such as
// clusters/get. Each attempt of the call is a child span with the attributes of
// the OpenTelemetry conventions for HTTP clients, and these additional
// attributes:
//
//	databricks.request_id         the ID that the service assigned to the request
//	databricks.retry.reason       why another attempt follows
//	databricks.retry.pause        pause before the next attempt, in seconds
//	databricks.rate_limit.wait    wait for the rate limit before the attempt, in seconds
//
// The metrics are two histograms in seconds: http.client.request.duration has a
// value for each attempt, and databricks.client.operation.duration has a value
// for each call.
//
// Spans and metrics contain no credentials, and no names or IDs of objects.
// Paths are templates, and url.full is not set. Only the class of an error is
// reported.
package otel

import (
	"context"
	"net"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-databricks/databricks"
)

// scope is the name of the instrumentation.
const scope = "github.com/go-databricks/databricks/otel"

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// An Option is an option for [WithTelemetry].
type Option func(*config)

// WithTracerProvider sets the provider for spans. The default is the global
// provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider sets the provider for metrics. The default is the global
// provider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// WithTelemetry reports the calls of a client.
func WithTelemetry(opts ...Option) databricks.Option {
	c := &config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, opt := range opts {
		opt(c)
	}
	meter := c.meters.Meter(scope)
	// If an instrument cannot be created, it does nothing. The provider reports the error.
	attempts, _ := meter.Float64Histogram("http.client.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP client requests."))
	calls, _ := meter.Float64Histogram("databricks.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of calls, with all attempts and pauses."))
	t := &telemetry{c.tracers.Tracer(scope), attempts, calls}
	return databricks.WithObserver(databricks.Observer{
		CallStart: t.callStart, CallEnd: t.callEnd, AttemptStart: t.attemptStart, AttemptEnd: t.attemptEnd,
	})
}

type telemetry struct {
	tracer   trace.Tracer
	attempts metric.Float64Histogram
	calls    metric.Float64Histogram
}

func (t *telemetry) callStart(ctx context.Context, call databricks.CallInfo) context.Context {
	ctx, _ = t.tracer.Start(ctx, call.Operation, trace.WithAttributes(request(call.Method, call.PathTemplate, call.Host)...))
	return ctx
}

func (t *telemetry) callEnd(ctx context.Context, call databricks.CallInfo) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	span.SetAttributes(attribute.Int("databricks.attempts", call.Attempts))
	outcome := outcome(call.StatusCode, call.ErrorClass)
	finish(span, outcome, call.RequestID, call.ErrorClass)
	t.calls.Record(ctx, call.Duration.Seconds(), metric.WithAttributes(append(outcome, attribute.String("databricks.operation", call.Operation))...))
}

func (t *telemetry) attemptStart(ctx context.Context, attempt databricks.AttemptInfo) context.Context {
	attributes := request(attempt.Method, attempt.PathTemplate, attempt.Host)
	if attempt.Number > 1 {
		attributes = append(attributes, attribute.Int("http.request.resend_count", attempt.Number-1))
	}
	if attempt.RateLimitWait > 0 {
		attributes = append(attributes, attribute.Float64("databricks.rate_limit.wait", attempt.RateLimitWait.Seconds()))
	}
	ctx, _ = t.tracer.Start(ctx, attempt.Method+" "+attempt.PathTemplate,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return ctx
}

func (t *telemetry) attemptEnd(ctx context.Context, attempt databricks.AttemptInfo) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	span.SetAttributes(
		attribute.Int64("http.request.body.size", attempt.BytesSent),
		attribute.Int64("http.response.body.size", attempt.BytesReceived))
	if attempt.RetryReason != "" {
		span.SetAttributes(
			attribute.String("databricks.retry.reason", string(attempt.RetryReason)),
			attribute.Float64("databricks.retry.pause", attempt.RetryPause.Seconds()))
	}
	outcome := outcome(attempt.StatusCode, attempt.ErrorClass)
	finish(span, outcome, attempt.RequestID, attempt.ErrorClass)
	t.attempts.Record(ctx, attempt.Duration.Seconds(),
		metric.WithAttributes(append(outcome, request(attempt.Method, attempt.PathTemplate, attempt.Host)...)...))
}

// request returns the attributes of a request.
func request(method, template, host string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String("http.request.method", method), attribute.String("url.template", template)}
	address, port, err := net.SplitHostPort(host)
	if err != nil {
		address, port = host, "443"
	}
	if number, err := strconv.Atoi(port); err == nil {
		attributes = append(attributes, attribute.Int("server.port", number))
	}
	return append(attributes, attribute.String("server.address", address))
}

// outcome returns the attributes of the result.
func outcome(status int, class databricks.ErrorClass) (attributes []attribute.KeyValue) {
	if status != 0 {
		attributes = append(attributes, attribute.Int("http.response.status_code", status))
	}
	if class != "" {
		attributes = append(attributes, attribute.String("error.type", string(class)))
	}
	return attributes
}

func finish(span trace.Span, outcome []attribute.KeyValue, requestID string, class databricks.ErrorClass) {
	span.SetAttributes(outcome...)
	if requestID != "" {
		span.SetAttributes(attribute.String("databricks.request_id", requestID))
	}
	if class != "" {
		span.SetStatus(codes.Error, string(class))
	}
}
