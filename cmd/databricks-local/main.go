// Databricks-local serves a Databricks workspace in memory, for clients in any
// language:
//
//	$ databricks-local
//	export DATABRICKS_HOST=http://127.0.0.1:8080
//	export DATABRICKS_TOKEN=dapi…
//
// Its address in a browser shows its runs, requests, clusters, jobs and files. See
// [databrickstest.WithStatusPage] for who may see them. Ctrl-C ends the program. The
// flag -help lists what can be changed.
//
// # Addresses of its own
//
// GET /health needs no credential. It says when the workspace is ready, and which
// version of the program this is. Until then its status is 503. Where there is no
// curl to ask it, -health does:
//
//	databricks-local -health http://127.0.0.1:8080
//
// POST /reset takes the workspace back to what it was at its first start. GET
// /snapshot returns its whole state, with all secrets, and PUT /snapshot restores
// such a state. These three take the token of an admin, as all of the API does. So a
// web site cannot make a browser send them:
//
//	curl -X POST -H "Authorization: Bearer $DATABRICKS_TOKEN" $DATABRICKS_HOST/reset
//
// # State
//
// The program forgets everything when it ends, unless it has a place to keep it.
// With -data, every change is on the disk, in a file of bbolt in that directory,
// before the response to the request is sent. Nothing that was acknowledged is lost
// if the program or the machine dies. The next start with the same directory goes
// on where the last one was, with the same token. Its clock never goes back. Flags
// and files that add objects count for the first start and for /reset only.
//
// Contents of files are in memory as well as on the disk. Execution contexts of REST
// 1.2 are not kept, and Python code that is under way fails.
//
// With -snapshot, the program begins with a state that GET /snapshot or -save wrote.
// -save writes one at the end. A snapshot, too, has its own token.
//
// # Time
//
// A cluster is up after five seconds, and a task of a run takes as long, so that
// people can watch them. With -fast that is a fraction of a second. -times sets
// single durations by the names of the fields of [databrickstest.Timings]:
//
//	databricks-local -times ClusterStart=30s,RunTask=1m
//
// -speed makes the workspace's whole clock faster or slower.
//
// # TLS
//
// With -tls the workspace is served over https, with a certificate that is made
// at the start for localhost, the loopback addresses and the host of -addr. The
// path of the certificate is printed, for curl --cacert and the like. It is in the
// directory for temporary files, and removed at the end.
//
// # Code that runs
//
// With -python, commands, notebooks in Python and SQL, Python files and the entry
// points of wheels run in this machine's python3, and find a small dbutils. If
// that Python has pyspark, they find spark, too: a session of its own or, with
// -spark, of a Spark Connect server. This was tried with a stub of pyspark, and
// not yet with a real one.
//
// Without -python, each task of a run succeeds. -outcomes names a file that says
// otherwise. For each attempt at a task, the first element that matches counts.
// Elements without "job", "task", "kind", "target" or "attempt" match all of them.
// The first four take the wildcards of [path.Match]. "times" is how many attempts
// an element is for; without it, all:
//
//	[
//		{"job": "nightly", "task": "load*", "attempt": 0, "duration": "10s", "error": "no rows", "trace": "at Load.main"},
//		{"target": "/Shared/report", "times": 1, "output": "42"},
//		{"kind": "spark_python_task", "logs": "hello\n", "values": {"rows": 5}},
//		{"job": "huge", "no_cluster": "The cloud has no more nodes"}
//	]
//
// "job" is the name of the run's job or of the submitted run, "kind" the field of
// the task that says what it does, and "target" its notebook, file, class or entry
// point.
//
// # Contents
//
// With -state the workspace begins with what a file says. Each member is optional:
//
//	{
//		"users": [{"name": "alice@example.com", "token": "dapi1", "groups": ["analysts"]}],
//		"service_principals": [{"application_id": "5d6c1a52-…", "secrets": ["dose1"]}],
//		"secrets": {"scope": {"key": "value"}},
//		"dbfs": {"/data/names.csv": "id,name\n"},
//		"schemas": ["main.raw"],
//		"volumes": ["main.raw.files"],
//		"files": {"/Volumes/main/raw/files/a.txt": "hello"},
//		"workspace": {"/Shared/hello.py": "print('hello')"},
//		"policies": [{"name": "small", "definition": "{\"num_workers\": {\"type\": \"range\", \"maxValue\": 4}}"}],
//		"pools": [{"instance_pool_name": "warm", "node_type_id": "Standard_DS3_v2"}],
//		"clusters": [{"cluster_name": "shared", "spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1}],
//		"jobs": [{"name": "nightly", "tasks": []}]
//	}
//
// Policies, pools, clusters and jobs are what the calls that create them take.
// Jobs are of version 2.1, in which all work is in tasks. The ending of a path in
// the workspace, .py, .scala, .sql or .r, is the language of the notebook. It is not
// part of the name.
//
// The flags -user, -principal, -secret, -schema and -volume add single objects, and
// can be given several times. -no-dbfs-root makes a workspace whose DBFS root is
// switched off, as new ones are.
//
// # What goes wrong
//
// With -faults, requests fail as the list in a file says, in the JSON of
// [databrickstest.Fault]:
//
//	[{"path": "/api/2.0/clusters/get", "skip": 2, "times": 3, "status": 429, "retry_after": "1"}]
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"strings"
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

// A config is what the flags say.
type config struct {
	addr         string
	public, tls  bool
	speed        float64
	timings      databrickstest.Timings
	token        string
	python       bool
	spark        string
	noDBFSRoot   bool
	verbose      bool
	version      bool
	health       string
	stateFile    string
	faultsFile   string
	outcomesFile string
	data         string
	snapshotFile string
	saveFile     string
	ownToken     bool // the token was not made up
	begin        state
	faults       []databrickstest.Fault
	outcomes     outcomes
}

// parse reads the flags and the files that they name.
func parse(args []string, diag io.Writer) (*config, error) {
	c := &config{}
	flags := flag.NewFlagSet("databricks-local", flag.ContinueOnError)
	flags.SetOutput(diag)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.BoolVar(&c.public, "public", false, "allow an address that others can reach; without -tls the token then travels in the clear")
	flags.BoolVar(&c.tls, "tls", false, "serve https, with a certificate that is made at the start")
	flags.Float64Var(&c.speed, "speed", 1, "how many times as `fast` as the real clock time passes in the workspace")
	fast := flags.Bool("fast", false, "let clusters and runs take fractions of a second, as tests want it, and not seconds, which people can watch")
	times := flags.String("times", "", "`durations` of single things, such as ClusterStart=30s,RunTask=1m")
	flags.StringVar(&c.token, "token", "", "the admin's personal access `token`; a random one if it is empty")
	flags.BoolVar(&c.python, "python", false, "run Python commands and tasks by this machine's python3, with all rights of this program")
	flags.StringVar(&c.spark, "spark", "", "`URL` of a Spark Connect server, such as sc://localhost:15002, for spark in Python; needs -python")
	flags.BoolVar(&c.noDBFSRoot, "no-dbfs-root", false, "switch off the root of DBFS")
	flags.StringVar(&c.stateFile, "state", "", "JSON `file` of what is there from the beginning")
	flags.StringVar(&c.faultsFile, "faults", "", "JSON `file` of requests that fail")
	flags.StringVar(&c.outcomesFile, "outcomes", "", "JSON `file` of the outcomes of tasks of runs")
	flags.StringVar(&c.data, "data", "", "`directory` that keeps the workspace from one start to the next")
	flags.StringVar(&c.snapshotFile, "snapshot", "", "`file` of a snapshot to begin with")
	flags.StringVar(&c.saveFile, "save", "", "`file` to write a snapshot to at the end")
	flags.BoolVar(&c.verbose, "v", false, "log each request, without its secrets")
	flags.BoolVar(&c.version, "version", false, "print the version and exit")
	flags.StringVar(&c.health, "health", "", "`URL` of a running workspace: exit at once, with 0 if it is ready")
	flags.Func("user", "`name=token` of one more user", func(text string) error {
		name, token, ok := strings.Cut(text, "=")
		if !ok || name == "" || token == "" {
			return errors.New("want name=token")
		}
		c.begin.Users = append(c.begin.Users, databrickstest.User{Name: name, Token: token})
		return nil
	})
	flags.Func("principal", "`id=secret` of a service principal, with which it signs in by OAuth", func(text string) error {
		id, secret, ok := strings.Cut(text, "=")
		if !ok || id == "" || secret == "" {
			return errors.New("want id=secret")
		}
		c.begin.Principals = append(c.begin.Principals, databrickstest.ServicePrincipal{ApplicationID: id, Secrets: []string{secret}})
		return nil
	})
	flags.Func("secret", "`scope/key=value` of a secret", func(text string) error {
		path, value, ok := strings.Cut(text, "=")
		scope, key, ok2 := strings.Cut(path, "/")
		if !ok || !ok2 {
			return errors.New("want scope/key=value")
		}
		if c.begin.Secrets == nil {
			c.begin.Secrets = map[string]map[string]string{}
		}
		if c.begin.Secrets[scope] == nil {
			c.begin.Secrets[scope] = map[string]string{}
		}
		c.begin.Secrets[scope][key] = value
		return nil
	})
	flags.Func("schema", "`catalog.schema` of Unity Catalog to add", func(name string) error {
		c.begin.Schemas = append(c.begin.Schemas, name)
		return nil
	})
	flags.Func("volume", "`catalog.schema.volume` to add", func(name string) error {
		c.begin.Volumes = append(c.begin.Volumes, name)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case c.version, c.health != "":
		return c, nil
	case flags.NArg() > 0:
		return nil, fmt.Errorf("what is %q? There are only flags; see -help", flags.Arg(0))
	case !(c.speed > 0):
		return nil, fmt.Errorf("-speed %v: time must go forward", c.speed)
	case c.spark != "" && !c.python:
		return nil, errors.New("-spark needs -python")
	case c.snapshotFile != "" && c.data != "":
		return nil, errors.New("-snapshot and -data both say what to begin with; PUT /snapshot restores a snapshot into a directory")
	}
	if c.ownToken = c.token != ""; !c.ownToken {
		c.token = fmt.Sprintf("dapi%x", randomBytes(16))
	}
	if !*fast {
		c.timings = databrickstest.WatchableTimings()
	}
	if err := setTimes(&c.timings, *times); err != nil {
		return nil, fmt.Errorf("-times: %w", err)
	}
	if err := cmp.Or(read(c.stateFile, &c.begin), c.begin.check()); err != nil {
		return nil, fmt.Errorf("-state: %w", err)
	}
	if err := read(c.faultsFile, &c.faults); err != nil {
		return nil, fmt.Errorf("-faults: %w", err)
	}
	if err := read(c.outcomesFile, &c.outcomes.list); err != nil {
		return nil, fmt.Errorf("-outcomes: %w", err)
	}
	return c, nil
}

// setTimes reads durations such as ClusterStart=30s,RunTask=1m.
func setTimes(timings *databrickstest.Timings, text string) error {
	if text == "" {
		return nil
	}
	fields := reflect.ValueOf(timings).Elem()
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		field := fields.FieldByName(name)
		if !field.IsValid() {
			var names []string
			for i := range fields.NumField() {
				names = append(names, fields.Type().Field(i).Name)
			}
			return fmt.Errorf("there is no %q; want one of %s", name, strings.Join(names, ", "))
		}
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if d == 0 {
			d = -1 // no time at all, and not the default
		}
		field.SetInt(int64(d))
	}
	return nil
}

// options are those of the workspace that the flags ask for.
func (c *config) options(listener net.Listener, diag io.Writer) []databrickstest.Option {
	opts := []databrickstest.Option{
		databrickstest.WithListener(listener), databrickstest.WithToken(c.token), databrickstest.WithSpeed(c.speed),
		databrickstest.WithTimings(c.timings), databrickstest.WithGzip(), databrickstest.WithStatusPage(),
	}
	if c.python {
		opts = append(opts, databrickstest.WithPython(databrickstest.PythonOptions{SparkURL: c.spark}))
	}
	if len(c.outcomes.list) > 0 {
		opts = append(opts, databrickstest.WithRuns(c.outcomes.of))
	}
	if c.noDBFSRoot {
		opts = append(opts, databrickstest.WithoutDBFSRoot())
	}
	if c.verbose {
		opts = append(opts, databrickstest.WithLogger(slog.New(slog.NewTextHandler(diag, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	for _, u := range c.begin.Users {
		opts = append(opts, databrickstest.WithUser(u))
	}
	for _, p := range c.begin.Principals {
		opts = append(opts, databrickstest.WithServicePrincipal(p))
	}
	for _, name := range c.begin.Schemas {
		opts = append(opts, databrickstest.WithSchema(name))
	}
	for _, name := range c.begin.Volumes {
		opts = append(opts, databrickstest.WithVolume(name))
	}
	return opts
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out, diag io.Writer) error {
	c, err := parse(args, diag)
	if err != nil {
		return err
	}
	if c.version {
		fmt.Fprintln(out, "databricks-local", version())
		return nil
	}
	if c.health != "" {
		if err := checkHealth(ctx, c.health); err != nil {
			return fmt.Errorf("-health: %w", err)
		}
		return nil
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() && !c.public {
		listener.Close()
		return fmt.Errorf("-addr %s can be reached by others; say -public if that is what you want", c.addr)
	}
	p := &program{config: c}
	opts := append(c.options(listener, diag), databrickstest.WithMiddleware(p.gate),
		databrickstest.WithHandler("POST /reset", p.admins(p.reset)),
		databrickstest.WithHandler("GET /snapshot", p.admins(p.getSnapshot)),
		databrickstest.WithHandler("PUT /snapshot", p.admins(p.putSnapshot)))
	certificate := ""
	if c.tls {
		made, err := makeCertificate(c.addr)
		if err != nil {
			listener.Close()
			return fmt.Errorf("-tls: %w", err)
		}
		defer os.RemoveAll(made.dir)
		certificate = made.file
		opts = append(opts, databrickstest.WithTLS(&tls.Config{Certificates: []tls.Certificate{made.pair}}))
	}
	var store *boltStore
	if c.data != "" {
		if store, err = openStore(c.data); err != nil {
			listener.Close()
			return fmt.Errorf("-data: %w", err)
		}
		defer store.Close()
	}
	p.server = databrickstest.NewServer(opts...)
	defer p.server.Close() // before the store
	if err := p.begin(ctx, store); err != nil {
		return err
	}
	p.server.ForgetRequests()
	p.server.Inject(c.faults...)
	p.ready.Store(true)
	fmt.Fprintf(out, "export DATABRICKS_HOST=%s\nexport DATABRICKS_TOKEN=%s\n", p.server.URL(), p.server.Token)
	if certificate != "" {
		fmt.Fprintf(out, "# certificate: %s\n", certificate)
	}

	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = p.server.Shutdown(last)
	if c.saveFile != "" {
		if saveErr := save(c.saveFile, p.server.Snapshot()); saveErr != nil {
			err = errors.Join(err, fmt.Errorf("-save: %w", saveErr))
		}
	}
	return err
}

// version is that of the module that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
