// Databricks-local serves an in-memory Databricks workspace, for clients in any
// language:
//
//	$ databricks-local
//	export DATABRICKS_HOST=http://127.0.0.1:8080
//	export DATABRICKS_TOKEN=dapi…
//
// Open the address in a browser to see the workspace's runs, requests, clusters, jobs
// and files. See [databrickstest.WithStatusPage] for who may see them. Ctrl-C ends the
// program. The flag -help lists all flags.
//
// # Additional endpoints
//
// GET /health needs no credential. It returns the version of the program. Its status is
// 503 until the workspace is ready. The flag -health sends this request, for systems
// without curl:
//
//	databricks-local -health http://127.0.0.1:8080
//
// For an address without a scheme, such as localhost:8080, -health uses https if the
// workspace does, and accepts any certificate. The health check of the image does this.
//
// POST /reset returns the workspace to the state after its first start. GET /snapshot
// returns the whole state, including all secrets. PUT /snapshot restores such a state.
// These three need the token of an administrator, like the API. A web site therefore
// cannot make a browser send them:
//
//	curl -X POST -H "Authorization: Bearer $DATABRICKS_TOKEN" $DATABRICKS_HOST/reset
//
// # State
//
// By default, the program forgets everything when it ends. With -data, it stores each
// change in a database in that directory before it sends the response to the request.
// No acknowledged change is lost if the program or the machine crashes. The next start
// with the same directory continues with the same state and the same token. The clock
// never goes back. Flags and files that add objects have an effect only at the first
// start and at a reset.
//
// The contents of files are read from disk when they are first needed, and then stay in
// memory. Execution contexts of REST 1.2 are not stored. A restart fails the Python code
// that was running.
//
// With -snapshot, the program starts with a state that GET /snapshot or -save wrote.
// The flag -save writes a snapshot at the end. A snapshot contains its token, too.
//
// # Time
//
// A cluster starts in five seconds, and a task of a run takes five seconds, so that
// people can watch them. With -fast, both take a fraction of a second. The flag -times
// sets single durations. Their names are the fields of [databrickstest.Timings]:
//
//	databricks-local -times ClusterStart=30s,RunTask=1m
//
// The flag -speed makes the workspace's whole clock faster or slower.
//
// # TLS
//
// With -tls, the program serves https. At the start, it creates a certificate for
// localhost, the loopback addresses and the host of -addr. It prints the path of the
// certificate, for example for curl --cacert. The certificate is in the directory for
// temporary files. The program deletes it at the end.
//
// # Code
//
// With -python, this machine's python3 runs commands, notebooks in Python and SQL,
// Python files, and entry points of wheels. The code can use a small dbutils. If that
// Python has pyspark, the code can also use spark. It is a session of its own or, with
// -spark, one of a Spark Connect server. So far, this was tested with a stub of pyspark,
// not with a real one.
//
// Without -python, each task of a run succeeds, unless -outcomes names a file with other
// outcomes. The first element that matches an attempt of a task determines its outcome.
// An element without "job", "task", "kind", "target" or "attempt" matches all values of
// that member. The first four may have the wildcards of [path.Match]. The member "times"
// is the number of attempts that an element applies to. By default, it applies to all:
//
//	[
//		{"job": "nightly", "task": "load*", "attempt": 0, "duration": "10s", "error": "no rows", "trace": "at Load.main"},
//		{"target": "/Shared/report", "times": 1, "output": "42"},
//		{"kind": "spark_python_task", "logs": "hello\n", "values": {"rows": 5}},
//		{"job": "huge", "no_cluster": "The cloud has no more nodes"}
//	]
//
// The member "job" is the name of the run's job or of the submitted run. The member
// "kind" is the field of the task that selects what it does. The member "target" is the
// notebook, file, class or entry point of the task.
//
// # Contents
//
// With -state, the workspace starts with the contents of a file. Each member is optional:
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
// Policies, pools, clusters and jobs have the JSON of the calls that create them. Jobs
// have that of version 2.1, where all work is in tasks. In the workspace, the extension
// of a path is .py, .scala, .sql or .r. It selects the language of the notebook, and is
// not part of the notebook's name.
//
// The flags -user, -principal, -secret, -schema and -volume add single objects. They may
// be repeated. The flag -no-dbfs-root disables the DBFS root, as in new workspaces.
//
// # Faults
//
// With -faults, requests fail according to the list in a file. Its elements have the
// JSON of [databrickstest.Fault]:
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

// A config has the settings of the flags.
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
	ownToken     bool // the token is from a flag
	begin        state
	faults       []databrickstest.Fault
	outcomes     outcomes
}

// parse parses the flags and reads the files that they name.
func parse(args []string, diag io.Writer) (*config, error) {
	c := &config{}
	flags := flag.NewFlagSet("databricks-local", flag.ContinueOnError)
	flags.SetOutput(diag)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 selects a free port")
	flags.BoolVar(&c.public, "public", false, "allow an address that other machines can reach; without -tls, tokens are then sent unencrypted")
	flags.BoolVar(&c.tls, "tls", false, "serve https, with a certificate that is created at the start")
	flags.Float64Var(&c.speed, "speed", 1, "speed `factor` of the workspace's clock; 60 means that a minute takes a second")
	fast := flags.Bool("fast", false, "start clusters and run tasks in a fraction of a second, for tests, instead of in seconds")
	times := flags.String("times", "", "`durations` of single operations, such as ClusterStart=30s,RunTask=1m")
	flags.StringVar(&c.token, "token", "", "the admin's personal access `token`; empty for a random one")
	flags.BoolVar(&c.python, "python", false, "run Python commands and tasks with this machine's python3, with all permissions of this program")
	flags.StringVar(&c.spark, "spark", "", "`URL` of a Spark Connect server, such as sc://localhost:15002, which runs spark in Python; needs -python")
	flags.BoolVar(&c.noDBFSRoot, "no-dbfs-root", false, "disable the DBFS root")
	flags.StringVar(&c.stateFile, "state", "", "JSON `file` with the initial contents of the workspace")
	flags.StringVar(&c.faultsFile, "faults", "", "JSON `file` with faults, which make requests fail")
	flags.StringVar(&c.outcomesFile, "outcomes", "", "JSON `file` with the outcomes of tasks")
	flags.StringVar(&c.data, "data", "", "`directory` in which the state of the workspace is stored")
	flags.StringVar(&c.snapshotFile, "snapshot", "", "`file` with a snapshot of the initial state")
	flags.StringVar(&c.saveFile, "save", "", "`file` to write a snapshot to at the end")
	flags.BoolVar(&c.verbose, "v", false, "log each request, without secrets")
	flags.BoolVar(&c.version, "version", false, "print the version and exit")
	flags.StringVar(&c.health, "health", "", "`URL` or host:port of a running workspace; check it and exit, with status 0 if it is ready")
	flags.Func("user", "`name=token` of an additional user; may be repeated", func(text string) error {
		name, token, ok := strings.Cut(text, "=")
		if !ok || name == "" || token == "" {
			return errors.New("want name=token")
		}
		c.begin.Users = append(c.begin.Users, databrickstest.User{Name: name, Token: token})
		return nil
	})
	flags.Func("principal", "application `id=secret` of a service principal, which signs in with OAuth; may be repeated", func(text string) error {
		id, secret, ok := strings.Cut(text, "=")
		if !ok || id == "" || secret == "" {
			return errors.New("want id=secret")
		}
		c.begin.Principals = append(c.begin.Principals, databrickstest.ServicePrincipal{ApplicationID: id, Secrets: []string{secret}})
		return nil
	})
	flags.Func("secret", "`scope/key=value` of a secret; may be repeated", func(text string) error {
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
	flags.Func("schema", "`catalog.schema` of Unity Catalog to add; may be repeated", func(name string) error {
		c.begin.Schemas = append(c.begin.Schemas, name)
		return nil
	})
	flags.Func("volume", "`catalog.schema.volume` to add; may be repeated", func(name string) error {
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
		return nil, fmt.Errorf("unexpected argument %q; the program takes only flags, see -help", flags.Arg(0))
	case !(c.speed > 0):
		return nil, fmt.Errorf("-speed %v: must be positive", c.speed)
	case c.spark != "" && !c.python:
		return nil, errors.New("-spark needs -python")
	case c.snapshotFile != "" && c.data != "":
		return nil, errors.New("-snapshot and -data exclude each other; to restore a snapshot into a directory, use PUT /snapshot")
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

// setTimes parses durations such as ClusterStart=30s,RunTask=1m.
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
			return fmt.Errorf("unknown duration %q; want one of %s", name, strings.Join(names, ", "))
		}
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if d == 0 {
			d = -1 // no time; 0 would be the default
		}
		field.SetInt(int64(d))
	}
	return nil
}

// options returns the options of the workspace that the flags select.
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

// run runs the program until the context ends.
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
		return fmt.Errorf("other machines can reach -addr %s; set -public to allow this", c.addr)
	}
	p := &program{config: c}
	opts := append(c.options(listener, diag), databrickstest.WithMiddleware(p.gate),
		databrickstest.WithHandler("POST /reset", p.admins(p.reset)),
		databrickstest.WithHandler("GET /snapshot", p.admins(p.getSnapshot)),
		databrickstest.WithHandler("PUT /snapshot", p.admins(p.putSnapshot)))
	certificate := ""
	if c.tls {
		cert, err := makeCertificate(c.addr)
		if err != nil {
			listener.Close()
			return fmt.Errorf("-tls: %w", err)
		}
		defer os.RemoveAll(cert.dir)
		certificate = cert.file
		opts = append(opts, databrickstest.WithTLS(&tls.Config{Certificates: []tls.Certificate{cert.pair}}))
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
	defer p.server.Close() // runs before store.Close
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

// version returns the version of the module that the program was built from.
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
