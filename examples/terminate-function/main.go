// Terminate-function is an Azure Function with a custom handler. It terminates a
// cluster on an HTTP request, for example at the end of a pipeline. The caller needs
// the function's key, and cannot choose the cluster.
//
// The app's settings DATABRICKS_HOST and DATABRICKS_CLUSTER_ID select the cluster. The
// function signs in with its managed identity, which must be a service principal of the
// workspace. If the app has several identities, set ARM_CLIENT_ID. If it has none, set
// DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET. To build and
// publish the function, run these commands in this directory:
//
//	GOOS=linux GOARCH=amd64 go build -o terminate-function .
//	func azure functionapp publish NAME
//
// Without DATABRICKS_HOST, it uses an in-memory workspace and creates a cluster there:
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

// run serves requests of the Functions host, on the port that the host sets.
func run(ctx context.Context, out io.Writer) error {
	f := function{out: out, clusterID: os.Getenv("DATABRICKS_CLUSTER_ID")}
	var err error
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
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
		return server.Shutdown(ctx) // waits for requests in progress
	}
}

type function struct {
	client    *databricks.Client
	out       io.Writer
	clusterID string
}

// handler handles both kinds of requests of the Functions host. By default, the host
// sends an invocation to the name of the function. With enableForwardingHttpRequest in
// host.json, it forwards the caller's request with its path.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /terminate-cluster", f.invoke)
	mux.HandleFunc("POST /api/terminate-cluster", f.forwarded)
	return mux
}

// An invocation is a request of the host. It has the values of the input bindings and
// the metadata of the trigger.
type invocation struct {
	Data     map[string]json.RawMessage
	Metadata map[string]json.RawMessage
}

// An outcome is the response to the host. It has the values of the output bindings and
// lines for the function's log.
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
		http.Error(w, "the body is not an invocation with the binding req", http.StatusBadRequest)
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
	fmt.Fprintln(f.out, log) // the host logs it
	write(w, status, body)
}

// terminate requests the termination of the cluster. It does not wait until the cluster
// is terminated, because callers of a function expect a quick response. Terminating a
// terminated cluster has no effect.
func (f *function) terminate(ctx context.Context) (status int, body map[string]string, log string) {
	err := f.client.Clusters.Delete(ctx, f.clusterID)
	if err == nil {
		return http.StatusOK, map[string]string{"cluster_id": f.clusterID}, "cluster " + f.clusterID + ": termination requested"
	}
	status = http.StatusBadGateway // for example, the token is invalid, which is not the caller's fault
	if errors.Is(err, databricks.ErrResourceDoesNotExist) {
		status = http.StatusNotFound
	}
	return status, map[string]string{"cluster_id": f.clusterID, "error": err.Error()}, err.Error()
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(encode(body))) // an error means that the caller is gone
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // all types that are used here have a JSON encoding
	}
	return string(text)
}
