// Replace-jar is the last step of a build. It uploads a JAR and replaces older versions
// of it on all clusters and in all jobs.
//
//	replace-jar -jar target/etl-1.5.jar
//
// uploads the file to /Volumes/main/default/jars/etl-1.5.jar and replaces etl-1.4.jar
// and all other versions in that directory. The flags -to and -old change both paths. A
// running cluster uses the older version until it restarts. It is restarted only with
// -restart.
//
// The program prints one line for the build's log. Its exit status is 0 on success, 1 if
// something failed, and 2 if the arguments are invalid. With -dry-run, it changes
// nothing and prints the calls to standard error. The exit status is then 3 if there is
// something to do. It is safe to run the program again, and this completes an incomplete
// run. This assumes that each build has a different file name. If a file of the same
// name is replaced, only the run that uploads it knows which clusters still use the
// older file.
//
// Without DATABRICKS_HOST, it uses an in-memory workspace and creates a cluster and a
// job there. With DATABRICKS_HOST and DATABRICKS_TOKEN, it uses that workspace:
//
//	go run ./examples/replace-jar -dry-run
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit statuses.
const (
	done    = iota
	failed  // at least partly
	misused // invalid arguments
	pending // a dry run found something to do
)

// run prints one line to out and returns the exit status.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	flags := flag.NewFlagSet("replace-jar", flag.ContinueOnError)
	flags.SetOutput(progress)
	var (
		r      replacement
		jar    = flags.String("jar", "", "`file` to upload")
		dryRun = flags.Bool("dry-run", false, "only show what would be done")
	)
	flags.StringVar(&r.to, "to", "", "`path` to upload it to; default: its name in /Volumes/main/default/jars/")
	flags.StringVar(&r.old, "old", "", "`pattern` of the files that it replaces; default: -to with any other version")
	flags.BoolVar(&r.restart, "restart", false, "restart clusters that run with an older version")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return done
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected arguments %q", flags.Args())
	case err == nil && *jar == "" && os.Getenv("DATABRICKS_HOST") != "":
		err = errors.New("-jar is required")
	}
	if err != nil {
		fmt.Fprintln(out, "replace-jar: invalid arguments:", err)
		return misused
	}

	content := []byte("the JAR of etl 1.5")
	var opts []databricks.Option
	if *dryRun {
		opts = append(opts, databricks.WithPlan(func(call databricks.PlannedCall) {
			fmt.Fprintln(progress, "would send", call)
		}))
	}
	if os.Getenv("DATABRICKS_HOST") == "" {
		fmt.Fprintln(progress, "DATABRICKS_HOST is not set, so this uses an in-memory workspace")
		server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithVolume("main.default.jars"))
		defer server.Close()
		if err = populate(ctx, server.Client()); err == nil {
			r.client = server.Client(opts...)
		}
	} else {
		r.client, err = databricks.NewClient(append(opts, databricks.WithUserAgent("replace-jar", "1"))...)
	}
	if *jar != "" && err == nil {
		content, err = os.ReadFile(*jar)
	}
	r.to = cmp.Or(r.to, "/Volumes/main/default/jars/"+filepath.Base(cmp.Or(*jar, "etl-1.5.jar")))
	r.old = cmp.Or(r.old, version.ReplaceAllString(r.to, "-[0-9]*.jar"))
	if err == nil {
		err = r.run(ctx, content)
	}
	switch result := strings.Join(r.done, ", "); {
	case err != nil:
		// The error has one line per failure, but the output must be one line.
		fmt.Fprintf(out, "replace-jar: %s: failed: %s; done: %s\n", r.to, strings.ReplaceAll(err.Error(), "\n", "; "), cmp.Or(result, "nothing"))
		return failed
	case result == "":
		fmt.Fprintf(out, "replace-jar: %s: nothing to do\n", r.to)
		return done
	case *dryRun:
		fmt.Fprintf(out, "replace-jar: %s: dry run: %s\n", r.to, result)
		return pending
	default:
		fmt.Fprintf(out, "replace-jar: %s: %s\n", r.to, result)
		return done
	}
}

var version = regexp.MustCompile(`-[0-9][^/]*\.jar$`)

// A replacement replaces other JARs with one JAR.
type replacement struct {
	client   *databricks.Client
	to, old  string // a URI, and a pattern of path.Match
	restart  bool
	replaced bool     // the upload replaced a different file
	done     []string // text for the log
}

func (r *replacement) did(format string, args ...any) {
	r.done = append(r.done, fmt.Sprintf(format, args...))
}

func (r *replacement) isOld(uri string) bool {
	match, err := path.Match(r.old, uri)
	return err == nil && match && uri != r.to
}

func (r *replacement) run(ctx context.Context, content []byte) error {
	if _, err := path.Match(r.old, r.to); err != nil {
		return fmt.Errorf("-old: %w", err)
	}
	if err := r.upload(ctx, content); err != nil {
		return err // nothing must refer to a missing JAR
	}
	clusters, err := r.client.Libraries.AllClusterStatuses(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, cluster := range clusters { // continue after a failure
		if err := r.cluster(ctx, cluster); err != nil {
			errs = append(errs, fmt.Errorf("cluster %s: %w", cluster.ClusterID, err))
		}
	}
	jobs, err := r.client.Jobs.List(ctx, databricks.ListJobs{ExpandTasks: true})
	errs = append(errs, err)
	for _, job := range jobs {
		if err := r.job(ctx, job); err != nil {
			errs = append(errs, fmt.Errorf("job %d: %w", job.JobID, err))
		}
	}
	return errors.Join(errs...)
}

// files returns the service for the path of the JAR: Files for volumes, or else DBFS.
func (r *replacement) files() interface {
	Download(ctx context.Context, path string, to io.Writer, opts databricks.DownloadOptions) error
	Upload(ctx context.Context, from io.Reader, path string, opts databricks.UploadOptions) error
} {
	if strings.HasPrefix(strings.TrimPrefix(r.to, "dbfs:"), "/Volumes/") {
		return r.client.Files
	}
	return r.client.DBFS
}

// upload uploads the JAR, unless the same file already exists.
func (r *replacement) upload(ctx context.Context, content []byte) error {
	existing := sha256.New()
	err := r.files().Download(ctx, r.to, existing, databricks.DownloadOptions{})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.replaced = err == nil
	if hash := sha256.Sum256(content); r.replaced && bytes.Equal(existing.Sum(nil), hash[:]) {
		r.replaced = false
		return nil
	}
	if err := r.files().Upload(ctx, bytes.NewReader(content), r.to, databricks.UploadOptions{Overwrite: true}); err != nil {
		return err
	}
	r.did("uploaded %d bytes", len(content))
	return nil
}

// cluster replaces the JAR on a cluster.
func (r *replacement) cluster(ctx context.Context, cluster databricks.ClusterLibraryStatuses) error {
	var (
		id    = cluster.ClusterID
		jar   = []databricks.Library{{JAR: r.to}}
		old   []databricks.Library // to uninstall
		stale bool                 // the cluster uses an older one
	)
	for _, s := range cluster.LibraryStatuses {
		switch {
		case s.Library.JAR == r.to:
			stale = stale || r.replaced
		case !r.isOld(s.Library.JAR):
		case s.IsLibraryForAllClusters:
			return fmt.Errorf("%s is a library for all clusters; replace it in the web interface of the workspace", s.Library.JAR)
		case s.Status == databricks.LibraryUninstallOnRestart:
			stale = true
		default:
			stale = true
			old = append(old, s.Library)
		}
	}
	if !stale {
		return nil
	}
	now, err := r.client.Clusters.Get(ctx, id)
	if err != nil || now.ClusterSource == databricks.ClusterSourceJob { // the cluster ends with its run
		return err
	}
	if len(old) > 0 {
		if err := r.client.Libraries.Install(ctx, id, jar); err != nil { // before the uninstall, so that one is always there
			return err
		}
		if err := r.client.Libraries.Uninstall(ctx, id, old); err != nil {
			return err
		}
		r.did("cluster %s changed", id)
	}
	switch {
	case now.State == databricks.ClusterTerminated || now.State == databricks.ClusterTerminating:
	case !r.restart:
		if len(old) > 0 || r.replaced {
			r.did("cluster %s must be restarted", id)
		}
	default:
		if err := r.client.Clusters.Restart(ctx, databricks.RestartCluster{ClusterID: id}); err != nil {
			return err
		}
		if _, err := r.client.Clusters.WaitRunning(ctx, id); err != nil {
			return err
		}
		if err := r.client.Libraries.WaitInstalled(ctx, id, jar); err != nil {
			return err
		}
		r.did("cluster %s restarted", id)
	}
	return nil
}

// job replaces the JAR in a job. Active runs keep the older version.
func (r *replacement) job(ctx context.Context, job databricks.Job) error {
	settings := job.Settings
	if job.HasMore || settings.Format == databricks.JobFormatMultiTask && settings.Tasks == nil { // lists may be incomplete
		whole, err := r.client.Jobs.Get(ctx, databricks.GetJob{JobID: job.JobID})
		if err != nil {
			return err
		}
		settings = whole.Settings
	}
	// Update keeps settings that are unset, so set only those with libraries.
	change := databricks.JobSettings{Libraries: settings.Libraries, SparkSubmitTask: settings.SparkSubmitTask, Tasks: settings.Tasks}
	changed := r.libraries(&change.Libraries)
	changed = r.submit(change.SparkSubmitTask) || changed
	for i := range change.Tasks {
		changed = r.task(&change.Tasks[i]) || changed
	}
	if !changed {
		return nil
	}
	if err := r.client.Jobs.Update(ctx, databricks.UpdateJob{JobID: job.JobID, NewSettings: change}); err != nil {
		return err
	}
	r.did("job %d changed", job.JobID)
	return nil
}

func (r *replacement) task(task *databricks.Task) bool {
	changed := r.libraries(&task.Libraries)
	changed = r.submit(task.SparkSubmitTask) || changed
	if task.ForEachTask != nil {
		changed = r.task(&task.ForEachTask.Task) || changed
	}
	return changed
}

// libraries replaces the JAR in a list. The list then contains it once.
func (r *replacement) libraries(libraries *[]databricks.Library) bool {
	old := func(l databricks.Library) bool { return r.isOld(l.JAR) }
	if !slices.ContainsFunc(*libraries, old) {
		return false
	}
	*libraries = slices.DeleteFunc(*libraries, func(l databricks.Library) bool { return old(l) || l.JAR == r.to })
	*libraries = append(*libraries, databricks.Library{JAR: r.to})
	return true
}

// submit replaces the JAR in the command line of spark-submit.
func (r *replacement) submit(task *databricks.SparkSubmitTask) (changed bool) {
	if task == nil {
		return false
	}
	for i, parameter := range task.Parameters {
		uris := strings.Split(parameter, ",") // --jars has a list
		for j := range uris {
			if r.isOld(uris[j]) {
				uris[j], changed = r.to, true
			}
		}
		task.Parameters[i] = strings.Join(uris, ",")
	}
	return changed
}

// populate creates a cluster and a job with an older JAR.
func populate(ctx context.Context, client *databricks.Client) error {
	old := []databricks.Library{{JAR: "/Volumes/main/default/jars/etl-1.4.jar"}}
	spec := databricks.ClusterSpec{ClusterName: "etl", SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(1)}
	id, err := client.Clusters.Create(ctx, spec)
	if err != nil {
		return err
	}
	if _, err := client.Clusters.WaitRunning(ctx, id); err != nil {
		return err
	}
	if err := client.Libraries.Install(ctx, id, old); err != nil {
		return err
	}
	_, err = client.Jobs.Create(ctx, databricks.CreateJob{
		Name: "nightly", NewCluster: &spec, Libraries: old, SparkJARTask: &databricks.SparkJARTask{MainClassName: "com.example.ETL"},
	})
	return err
}
