// After-pipeline terminates a cluster when an activity of an Azure Data Factory
// pipeline is done.
//
// With -listen it serves what follows the activity in the pipeline: a Web
// activity, which is answered as soon as the cluster is on its way down, or a
// Webhook activity, which is called back once it is down. Either posts to
// /terminate, with the header "Authorization: Bearer $AFTER_PIPELINE_TOKEN" and a body such as
//
//	{"cluster_id": "0712-083015-bonk12", "pipeline": "@{pipeline().Pipeline}", "run_id": "@{pipeline().RunId}"}
//
// Without -listen it terminates the cluster and waits until it is down, for
// pipelines that end in a script. -cluster says which clusters there are to
// choose from, and is all there is to say if it is one.
//
// Without DATABRICKS_HOST it does so on a workspace in memory, with a cluster
// that it makes there; with DATABRICKS_HOST and DATABRICKS_TOKEN set, on that
// workspace:
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
	flags.Func("cluster", "`id` of a cluster that may be terminated; may be given often", func(id string) error {
		h.clusters = append(h.clusters, id)
		return nil
	})
	listen := flags.String("listen", "", "`address` to serve Web and Webhook activities on")
	if err := flags.Parse(args); err != nil {
		return err
	}

	var err error
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(out, "DATABRICKS_HOST is not set: this is a workspace in memory.")
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
		return errors.New("say which -cluster")
	case *listen != "":
		return h.serve(ctx, *listen)
	case len(h.clusters) > 1:
		return errors.New("several clusters are for -listen")
	}
	return h.down(ctx, h.clusters[0])
}

// A hook is what follows an activity.
type hook struct {
	client   *databricks.Client
	out      io.Writer
	http     *http.Client // for calling back
	token    string       // that callers know
	clusters []string     // that they may terminate
	waiting  sync.WaitGroup
}

// down terminates a cluster and waits until it is down.
func (h *hook) down(ctx context.Context, id string) error {
	if err := h.client.Clusters.Delete(ctx, id); err != nil { // again does nothing
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
		return errors.New("AFTER_PIPELINE_TOKEN is not set: anybody could call")
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
		h.waiting.Wait() // ctx being over, they give up and call back
		return err
	}
}

// handler answers activities. What is left to do after an answer ends with ctx.
func (h *hook) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /terminate", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ClusterID   string `json:"cluster_id"`
			Pipeline    string `json:"pipeline"`
			RunID       string `json:"run_id"`
			CallBackURI string `json:"callBackUri"` // which a Webhook activity adds
		}
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+h.token)) == 0 {
			answer(w, http.StatusUnauthorized, failure("Unauthorized", "the token is missing or wrong"))
			return
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil && err != io.EOF {
			answer(w, http.StatusBadRequest, failure("BadRequest", "the body is not the JSON that it should be"))
			return
		}
		if len(h.clusters) == 1 {
			in.ClusterID = cmp.Or(in.ClusterID, h.clusters[0])
		}
		if !slices.Contains(h.clusters, in.ClusterID) {
			answer(w, http.StatusForbidden, failure("Forbidden", fmt.Sprintf("cluster_id %q is none that may be terminated", in.ClusterID)))
			return
		}
		if u, err := url.Parse(in.CallBackURI); in.CallBackURI != "" && (err != nil || u.Scheme != "https") {
			answer(w, http.StatusBadRequest, failure("BadRequest", "callBackUri is no https URL"))
			return
		}
		fmt.Fprintf(h.out, "pipeline %q, run %q: terminating cluster %s\n", in.Pipeline, in.RunID, in.ClusterID)

		if in.CallBackURI == "" {
			if err := h.client.Clusters.Delete(r.Context(), in.ClusterID); err != nil {
				answer(w, http.StatusBadGateway, failure("Databricks", err.Error()))
				return
			}
			answer(w, http.StatusOK, map[string]any{"cluster_id": in.ClusterID})
			return
		}
		h.waiting.Go(func() { h.callBack(ctx, in.CallBackURI, in.ClusterID, h.down(ctx, in.ClusterID)) })
		answer(w, http.StatusAccepted, map[string]any{"cluster_id": in.ClusterID})
	})
	return mux
}

// callBack tells a Webhook activity how it went: one with "Report status on
// callback" fails if StatusCode says so, and shows the error.
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
		var reply *http.Response
		if reply, err = h.http.Do(request); err == nil {
			_ = reply.Body.Close()
			if reply.StatusCode >= 300 {
				err = errors.New(reply.Status)
			}
		}
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // the URL is as good as a password
	}
	if err != nil {
		fmt.Fprintln(h.out, "calling back failed:", err) // the activity ends with its own timeout
	}
}

// failure is what Data Factory shows as an error.
func failure(code, message string) map[string]any {
	return map[string]any{"Error": map[string]string{"ErrorCode": code, "Message": message}}
}

// answer answers with JSON, without which a Web activity fails.
func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body)) // if nobody listens any more, nothing is to be done about it
}

func encode(v map[string]any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and maps can be encoded
	}
	return text
}
