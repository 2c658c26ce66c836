// Databricks-local serves a Databricks workspace in memory, for clients in any
// language:
//
//	$ databricks-local
//	export DATABRICKS_HOST=http://127.0.0.1:8080
//	export DATABRICKS_TOKEN=dapi…
//
// Its address in a browser shows what is in it. It forgets everything when it
// ends, which it does upon Ctrl-C. The flag -help lists what can be changed.
//
// Things take their time, so that it can be watched: a cluster is up after five
// seconds, and a task of a run takes as long. With -fast that is a fraction of a
// second; -speed makes the workspace's whole clock faster or slower.
//
// With -python, commands, notebooks in Python and SQL, Python files and the entry
// points of wheels run in this machine's python3, and find a small dbutils. If
// that Python has pyspark, they find spark, too: a session of its own or, with
// -spark, of a Spark Connect server. This was tried with a stub of pyspark, and
// not yet with a real one.
//
// With -state it begins with what a file says; each member may be left out:
//
//	{
//		"users": [{"name": "alice@example.com", "token": "dapi1", "groups": ["analysts"]}],
//		"service_principals": [{"application_id": "5d6c1a52-…", "secrets": ["dose1"]}],
//		"secrets": {"scope": {"key": "value"}},
//		"dbfs": {"/data/names.csv": "id,name\n"},
//		"workspace": {"/Shared/hello.py": "print('hello')"},
//		"clusters": [{"cluster_name": "shared", "spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}],
//		"jobs": [{"name": "nightly", "tasks": []}]
//	}
//
// Clusters and jobs are what the calls clusters/create and jobs/create take, the
// latter of version 2.1, in which all work is in tasks. The ending of a path in
// the workspace, .py, .scala, .sql or .r, is the language of the notebook, and
// not in its name.
//
// With -faults things go wrong as the list in a file says, in the JSON of
// [databrickstest.Fault]:
//
//	[{"path": "/api/2.0/clusters/get", "skip": 2, "times": 3, "status": 429, "retry_after": "1"}]
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "databricks-local:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out, diag io.Writer) error {
	flags := flag.NewFlagSet("databricks-local", flag.ContinueOnError)
	flags.SetOutput(diag)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen at; port 0 takes a free one")
	public := flags.Bool("public", false, "allow an address that others can reach; the token then travels in the clear")
	speed := flags.Float64("speed", 1, "how many times as `fast` as the real clock time passes in the workspace")
	fast := flags.Bool("fast", false, "let clusters and runs take fractions of a second, as tests want it, and not seconds, which can be watched")
	token := flags.String("token", "", "the admin's personal access `token`; a random one if there is none")
	python := flags.Bool("python", false, "run Python commands and tasks by this machine's python3, with all rights of this program")
	spark := flags.String("spark", "", "`URL` of a Spark Connect server, such as sc://localhost:15002, that spark is of in Python; needs -python")
	stateFile := flags.String("state", "", "JSON `file` of what is there from the beginning")
	faultsFile := flags.String("faults", "", "JSON `file` of what goes wrong")
	verbose := flags.Bool("v", false, "log each request, without its secrets")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("what is %q? There are only flags; see -help", flags.Arg(0))
	case !(*speed > 0):
		return fmt.Errorf("-speed %v: time must go forward", *speed)
	case *spark != "" && !*python:
		return errors.New("-spark needs -python")
	case *token == "":
		*token = fmt.Sprintf("dapi%x", randomBytes(16))
	}
	var begin state
	if err := cmp.Or(read(*stateFile, &begin), begin.check()); err != nil {
		return fmt.Errorf("-state: %w", err)
	}
	var faults []databrickstest.Fault
	if err := read(*faultsFile, &faults); err != nil {
		return fmt.Errorf("-faults: %w", err)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() && !*public {
		listener.Close()
		return fmt.Errorf("-addr %s can be reached by others; say -public if that is what you want", *addr)
	}
	opts := []databrickstest.Option{
		databrickstest.WithListener(listener), databrickstest.WithToken(*token), databrickstest.WithSpeed(*speed),
		databrickstest.WithGzip(), databrickstest.WithStatusPage(),
	}
	if !*fast {
		opts = append(opts, databrickstest.WithTimings(databrickstest.WatchableTimings()))
	}
	if *python {
		opts = append(opts, databrickstest.WithPython(databrickstest.PythonOptions{SparkURL: *spark}))
	}
	if *verbose {
		opts = append(opts, databrickstest.WithLogger(slog.New(slog.NewTextHandler(diag, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	for _, u := range begin.Users {
		opts = append(opts, databrickstest.WithUser(u))
	}
	for _, p := range begin.Principals {
		opts = append(opts, databrickstest.WithServicePrincipal(p))
	}
	server := databrickstest.NewServer(opts...)
	if err := begin.fill(ctx, server.Client()); err != nil {
		server.Close()
		return fmt.Errorf("-state: %w", err)
	}
	server.ForgetRequests()
	server.Inject(faults...)
	fmt.Fprintf(out, "export DATABRICKS_HOST=%s\nexport DATABRICKS_TOKEN=%s\n", server.URL(), server.Token)

	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
