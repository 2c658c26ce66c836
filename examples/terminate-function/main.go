// Terminate-function is an Azure Function, as a custom handler, that terminates
// a cluster when it is called over HTTP, such as at the end of a pipeline. Who
// calls it needs the function's key and has no say in which cluster it is.
//
// The app's settings say that: DATABRICKS_HOST and DATABRICKS_CLUSTER_ID. The
// function signs in with its managed identity, which has to be a service
// principal of the workspace. Set ARM_CLIENT_ID if the app has several
// identities. Without one, set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and
// DATABRICKS_CLIENT_SECRET. To build and publish it, from this folder:
//
//	GOOS=linux GOARCH=amd64 go build -o terminate-function .
//	func azure functionapp publish NAME
//
// Without DATABRICKS_HOST it terminates a cluster of a workspace in memory:
//
//	go run ./examples/terminate-function
//	curl -X POST http://127.0.0.1:8080/api/terminate-cluster
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "terminate-function:", err)
		stop()
		os.Exit(1)
	}
}

// run serves the Functions host, which says on which port.
func run(ctx context.Context, out io.Writer) error {
	f := function{out: out, clusterID: os.Getenv("DATABRICKS_CLUSTER_ID")}
	var err error
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		defer server.Close()
		f.client = server.Client()
		f.clusterID, err = f.client.Clusters.Create(ctx, databricks.CreateCluster{
			ClusterName: "shared", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		})
	} else {
		f.client, err = databricks.NewClient(databricks.WithUserAgent("terminate-function", "1"))
	}
	if err != nil {
		return err
	}
	if f.clusterID == "" {
		return errors.New("DATABRICKS_CLUSTER_ID is not set")
	}

	listener, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"), "8080"))
	if err != nil {
		return err
	}
	server := http.Server{Handler: f.handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(out, "Serving http://%s/api/terminate-cluster with %s\n", listener.Addr(), f.client.Credential())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(ctx) // lets calls under way end
	}
}

type function struct {
	client    *databricks.Client
	out       io.Writer
	clusterID string
}

// handler knows both ways in which the Functions host calls: about an
// invocation, at the function's name; and, with enableForwardingHttpRequest in
// host.json, with the caller's own request, at its path.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /terminate-cluster", f.invoke)
	mux.HandleFunc("POST /api/terminate-cluster", f.forwarded)
	return mux
}

// An invocation is what the host posts: the values of the bindings that go in,
// and what else there is to know of the trigger.
type invocation struct {
	Data     map[string]json.RawMessage
	Metadata map[string]json.RawMessage
}

// An outcome is what the host wants back: the values of the bindings that go
// out, and lines for the function's log.
type outcome struct {
	Outputs     map[string]response
	Logs        []string
	ReturnValue any
}

// A response is the value of an HTTP binding.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

func (f *function) invoke(w http.ResponseWriter, r *http.Request) {
	var in invocation
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil || in.Data["req"] == nil {
		http.Error(w, "not an invocation with a req", http.StatusBadRequest)
		return
	}
	status, body, log := f.terminate(r.Context())
	write(w, http.StatusOK, outcome{
		Outputs: map[string]response{"res": {StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: encode(body)}},
		Logs:    []string{log},
	})
}

func (f *function) forwarded(w http.ResponseWriter, r *http.Request) {
	status, body, log := f.terminate(r.Context())
	fmt.Fprintln(f.out, log) // which the host logs
	write(w, status, body)
}

// terminate asks for the cluster's end and does not wait for it: callers of a
// function are impatient. To do it again does nothing.
func (f *function) terminate(ctx context.Context) (status int, body map[string]string, log string) {
	err := f.client.Clusters.Delete(ctx, f.clusterID)
	if err == nil {
		return http.StatusOK, map[string]string{"cluster_id": f.clusterID}, "cluster " + f.clusterID + " is terminated"
	}
	status = http.StatusBadGateway // such as when the token is of no use: not the caller's fault
	if errors.Is(err, databricks.ErrResourceDoesNotExist) {
		status = http.StatusNotFound
	}
	return status, map[string]string{"cluster_id": f.clusterID, "error": err.Error()}, err.Error()
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(encode(body))) // if nobody listens any more, nothing is to be done about it
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types here can be encoded
	}
	return string(text)
}
