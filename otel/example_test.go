package otel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/otel"
	"github.com/go-databricks/databricks/v12"
)

// This example traces the work of examples/quickstart and prints the trace. The
// client retries one of the calls twice, after a 503 and after a 429.
func Example_quickstart() {
	workspace := databrickstest.NewServer(
		databrickstest.WithTimings(databrickstest.Timings{ClusterStart: -1, ContextStart: -1, Command: -1, RunPending: -1, RunTask: -1, RunTerminate: -1}),
		databrickstest.WithFaults(
			databrickstest.Fault{Path: "/api/2.0/workspace/mkdirs", Status: http.StatusServiceUnavailable, RetryAfter: "1"},
			databrickstest.Fault{Path: "/api/2.0/workspace/mkdirs", Status: http.StatusTooManyRequests, RetryAfter: "1"}))
	defer workspace.Close()
	exporter := tracetest.NewInMemoryExporter() // a real program exports to a collector
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	client := workspace.Client(otel.WithTelemetry(otel.WithTracerProvider(provider)),
		databricks.WithRetryPolicy(databricks.RetryPolicy{MinDelay: time.Microsecond, MaxRetryAfter: time.Microsecond}))

	ctx, span := provider.Tracer("example").Start(context.Background(), "quickstart")
	if err := quickstart(ctx, client); err != nil {
		fmt.Println(err)
	}
	span.End()
	printTrace(exporter.GetSpans(), trace.SpanID{}, "")

	// Output:
	// quickstart
	//   clusters/spark-versions
	//     GET /api/2.0/clusters/spark-versions 200
	//   clusters/list-node-types
	//     GET /api/2.0/clusters/list-node-types 200
	//   clusters/create
	//     POST /api/2.0/clusters/create 200
	//   clusters/get
	//     GET /api/2.0/clusters/get 200
	//   workspace/mkdirs
	//     POST /api/2.0/workspace/mkdirs 503 TEMPORARILY_UNAVAILABLE, then retry_after
	//     POST /api/2.0/workspace/mkdirs 429 REQUEST_LIMIT_EXCEEDED, resend 1, then retry_after
	//     POST /api/2.0/workspace/mkdirs 200, resend 2
	//   workspace/import
	//     POST /api/2.0/workspace/import 200
	//   contexts/create
	//     POST /api/1.2/contexts/create 200
	//   contexts/status
	//     GET /api/1.2/contexts/status 200
	//   commands/execute
	//     POST /api/1.2/commands/execute 200
	//   commands/status
	//     GET /api/1.2/commands/status 200
	//   contexts/destroy
	//     POST /api/1.2/contexts/destroy 200
	//   jobs/runs/submit
	//     POST /api/2.0/jobs/runs/submit 200
	//   jobs/runs/get
	//     GET /api/2.0/jobs/runs/get 200
	//   jobs/runs/get-output
	//     GET /api/2.0/jobs/runs/get-output 200
	//   clusters/permanent-delete
	//     POST /api/2.0/clusters/permanent-delete 200
}

// quickstart does what the example program of this name does.
func quickstart(ctx context.Context, c *databricks.Client) (err error) {
	const dir = "/Shared/databricks-quickstart"
	runtime, err := c.Clusters.SelectSparkVersion(ctx, databricks.SelectSparkVersion{})
	if err != nil {
		return err
	}
	nodeType, err := c.Clusters.SelectNodeType(ctx, databricks.SelectNodeType{})
	if err != nil {
		return err
	}
	id, err := c.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: "quickstart", SparkVersion: runtime, NodeTypeID: nodeType, NumWorkers: new(1)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Clusters.PermanentDelete(ctx, id)) }()
	if _, err := c.Clusters.WaitRunning(ctx, id); err != nil {
		return err
	}
	if err := c.Workspace.Mkdirs(ctx, dir); err != nil {
		return err
	}
	if _, err := c.Workspace.Import(ctx, databricks.ImportObject{Path: dir + "/sum", Language: databricks.LanguagePython, Content: []byte("1")}); err != nil {
		return err
	}
	session, err := v12.NewClient(c).NewSession(ctx, id, v12.Python)
	if err != nil {
		return err
	}
	if _, err := session.Run(ctx, "print(1)"); err != nil {
		return err
	}
	if err := session.Close(); err != nil {
		return err
	}
	run, err := c.Jobs.SubmitRun(ctx, databricks.SubmitRun{RunName: "quickstart", ExistingClusterID: id, NotebookTask: &databricks.NotebookTask{NotebookPath: dir + "/sum"}})
	if err != nil {
		return err
	}
	if _, err := c.Jobs.WaitRun(ctx, run); err != nil {
		return err
	}
	_, err = c.Jobs.GetRunOutput(ctx, run)
	return err
}

// printTrace prints the spans below a parent as a tree.
func printTrace(spans tracetest.SpanStubs, parent trace.SpanID, indent string) {
	for _, span := range spans {
		if span.Parent.SpanID() != parent {
			continue
		}
		line := span.Name
		if span.SpanKind == trace.SpanKindClient { // an attempt
			values := map[string]string{}
			for _, a := range span.Attributes {
				values[string(a.Key)] = a.Value.Emit()
			}
			line = strings.TrimSpace(fmt.Sprintln(span.Name, values["http.response.status_code"], values["error.type"]))
			if count := values["http.request.resend_count"]; count != "" {
				line += ", resend " + count
			}
			if reason := values["databricks.retry.reason"]; reason != "" {
				line += ", then " + reason
			}
		}
		fmt.Println(indent + line)
		printTrace(spans, span.SpanContext.SpanID(), indent+"  ")
	}
}
