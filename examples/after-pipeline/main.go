// After-pipeline terminates a cluster after an activity of an Azure Data Factory
// pipeline.
//
// With -listen, it serves the activity that follows in the pipeline. A Web activity
// gets its response as soon as the service has accepted the termination. A Webhook
// activity gets a callback when the cluster is terminated. Both send a POST request to
// /terminate, with the header "Authorization: Bearer $AFTER_PIPELINE_TOKEN" and a body
// such as
//
//	{"cluster_id": "0712-083015-bonk12", "pipeline": "@{pipeline().Pipeline}", "run_id": "@{pipeline().RunId}"}
//
// Without -listen, it terminates the cluster and waits until it is terminated. This is
// for pipelines that end with a script. The flag -cluster names a cluster that may be
// terminated. If there is only one, requests need no cluster_id.
//
// Without DATABRICKS_HOST, it uses an in-memory workspace and creates a cluster there.
// With DATABRICKS_HOST and DATABRICKS_TOKEN, it uses that workspace:
//
//	go run ./examples/after-pipeline
//	AFTER_PIPELINE_TOKEN=hush go run ./examples/after-pipeline -listen 127.0.0.1:8080
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "after-pipeline:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	h := hook{out: out, http: &http.Client{Timeout: time.Minute}, token: os.Getenv("AFTER_PIPELINE_TOKEN")}
	flags := flag.NewFlagSet("after-pipeline", flag.ContinueOnError)
	flags.Func("cluster", "`id` of a cluster that may be terminated; may be repeated", func(id string) error {
		h.clusters = append(h.clusters, id)
		return nil
	})
	listen := flags.String("listen", "", "`address` to listen on for Web and Webhook activities")
	if err := flags.Parse(args); err != nil {
		return err
	}

	var err error
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set, so this uses an in-memory workspace.")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot())
		defer server.Close()
		h.client = server.Client()
		var id string
		id, err = h.client.Clusters.Create(ctx, databricks.CreateCluster{
			ClusterName: "etl", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1),
		})
		h.clusters = []string{id}
	} else {
		h.client, err = databricks.NewClient(databricks.WithUserAgent("after-pipeline", "1"))
	}
	switch {
	case err != nil:
		return err
	case len(h.clusters) == 0:
		return errors.New("-cluster is required")
	case *listen != "":
		return h.serve(ctx, *listen)
	case len(h.clusters) > 1:
		return errors.New("several clusters are only allowed with -listen")
	}
	return h.terminate(ctx, h.clusters[0])
}

// A hook terminates clusters after activities.
type hook struct {
	client   *databricks.Client
	out      io.Writer
	http     *http.Client // for callbacks
	token    string       // required in requests
	clusters []string     // may be terminated
	waiting  sync.WaitGroup
}

// terminate terminates a cluster and waits until it is terminated.
func (h *hook) terminate(ctx context.Context, id string) error {
	if err := h.client.Clusters.Delete(ctx, id); err != nil { // has no effect on a terminated cluster
		return err
	}
	cluster, err := h.client.Clusters.WaitTerminated(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(h.out, "cluster %s is %s\n", id, cluster.State)
	return nil
}

func (h *hook) serve(ctx context.Context, address string) error {
	if h.token == "" {
		return errors.New("AFTER_PIPELINE_TOKEN is required, because otherwise anybody could terminate the cluster")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(h.out, "Serving http://%s/terminate\n", listener.Addr())
	server := http.Server{Handler: h.handler(ctx), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		h.waiting.Wait() // ctx has ended, so they stop waiting and send their callbacks
		return err
	}
}

// handler handles requests of activities. Work that continues after the response ends
// with ctx.
func (h *hook) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /terminate", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ClusterID   string `json:"cluster_id"`
			Pipeline    string `json:"pipeline"`
			RunID       string `json:"run_id"`
			CallBackURI string `json:"callBackUri"` // a Webhook activity adds it
		}
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+h.token)) == 0 {
			respond(w, http.StatusUnauthorized, failure("Unauthorized", "the token is missing or invalid"))
			return
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil && err != io.EOF {
			respond(w, http.StatusBadRequest, failure("BadRequest", "the body is not valid JSON"))
			return
		}
		if len(h.clusters) == 1 {
			in.ClusterID = cmp.Or(in.ClusterID, h.clusters[0])
		}
		if !slices.Contains(h.clusters, in.ClusterID) {
			respond(w, http.StatusForbidden, failure("Forbidden", fmt.Sprintf("cluster_id %q must not be terminated", in.ClusterID)))
			return
		}
		if u, err := url.Parse(in.CallBackURI); in.CallBackURI != "" && (err != nil || u.Scheme != "https") {
			respond(w, http.StatusBadRequest, failure("BadRequest", "callBackUri is not an https URL"))
			return
		}
		fmt.Fprintf(h.out, "pipeline %q, run %q: terminating cluster %s\n", in.Pipeline, in.RunID, in.ClusterID)

		if in.CallBackURI == "" {
			if err := h.client.Clusters.Delete(r.Context(), in.ClusterID); err != nil {
				respond(w, http.StatusBadGateway, failure("Databricks", err.Error()))
				return
			}
			respond(w, http.StatusOK, map[string]any{"cluster_id": in.ClusterID})
			return
		}
		h.waiting.Go(func() { h.callBack(ctx, in.CallBackURI, in.ClusterID, h.terminate(ctx, in.ClusterID)) })
		respond(w, http.StatusAccepted, map[string]any{"cluster_id": in.ClusterID})
	})
	return mux
}

// callBack reports the outcome to a Webhook activity. If the activity has "Report status
// on callback", it fails depending on StatusCode and shows the error.
func (h *hook) callBack(ctx context.Context, uri, clusterID string, err error) {
	result := map[string]any{"Output": map[string]any{"cluster_id": clusterID}, "StatusCode": "200"}
	if err != nil {
		fmt.Fprintln(h.out, err)
		result = failure("Databricks", err.Error())
		result["StatusCode"] = "502"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(encode(result)))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
		var response *http.Response
		if response, err = h.http.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode >= 300 {
				err = errors.New(response.Status)
			}
		}
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // the URL is a secret
	}
	if err != nil {
		fmt.Fprintln(h.out, "callback failed:", err) // the activity ends with its own timeout
	}
}

// failure returns an error in the form that Data Factory shows.
func failure(code, message string) map[string]any {
	return map[string]any{"Error": map[string]string{"ErrorCode": code, "Message": message}}
}

// respond sends a JSON response. A Web activity fails without one.
func respond(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body)) // an error means that the caller is gone
}

func encode(v map[string]any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and maps always have a JSON encoding
	}
	return text
}
