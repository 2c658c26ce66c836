// Dbfs-copy copies files and folders to DBFS and back, as cp does. Paths that
// begin with dbfs: are there, others here, and - is standard input or output:
//
//	go run . -r results dbfs:/data
//	go run . dbfs:/data/results/a.csv .
//	tar c logs | go run . - dbfs:/backup/logs.tar
//
// It shows how far it is on standard error, if that is a terminal. When it is
// interrupted, no half file is left on either side, and it says which command
// goes on where it was. The workspace and the credential come from the
// environment (DATABRICKS_HOST, DATABRICKS_TOKEN) or ~/.databrickscfg.
//
// Without any path it shows itself: it copies the folder that it is called in
// to a workspace in memory, and back into a folder that it takes away again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	if err := start(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dbfs-copy:", err)
		stop()
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return show(ctx, ".", os.Stdout)
	}
	client, err := databricks.NewClient(databricks.WithUserAgent("dbfs-copy", "1"))
	if err != nil {
		return err
	}
	return run(ctx, client, args, os.Stdin, os.Stdout, os.Stderr)
}

// show copies a folder to a workspace in memory and back.
func show(ctx context.Context, folder string, out io.Writer) error {
	server := databrickstest.NewServer()
	defer server.Close()
	back, err := os.MkdirTemp("", "dbfs-copy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(back)
	for _, args := range [][]string{{"-r", folder, "dbfs:/copy"}, {"-r", "dbfs:/copy", back}} {
		fmt.Fprintln(out, "dbfs-copy", strings.Join(args, " "))
		if err := run(ctx, server.Client(), args, nil, out, os.Stderr); err != nil {
			return err
		}
	}
	files := 0
	err = filepath.WalkDir(back, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files++
		}
		return err
	})
	fmt.Fprintln(out, "files that went there and back:", files)
	return err
}

// A copier copies one thing.
type copier struct {
	client    *databricks.Client
	recursive bool
	update    bool
	keep      bool
	exact     bool
	in        io.Reader
	out, log  io.Writer
	target    string // where it goes, once that is known
}

func run(ctx context.Context, client *databricks.Client, args []string, in io.Reader, out, log io.Writer) error {
	c := copier{client: client, in: in, out: out, log: log}
	flags := flag.NewFlagSet("dbfs-copy", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.BoolVar(&c.recursive, "r", false, "copy folders with all that is in them")
	flags.BoolVar(&c.update, "u", false, "go on: leave alone what is there with the same size, and is not older")
	flags.BoolVar(&c.keep, "n", false, "never replace a file")
	flags.BoolVar(&c.exact, "T", false, "TO is what the copy is to be, even if it is a folder that is there already")
	flags.Usage = func() {
		fmt.Fprintln(log, "usage: dbfs-copy [-r] [-u | -n] [-T] FROM TO\n\nPaths that begin with dbfs: are in DBFS; - is standard input or output.")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() != 2:
		return errors.New("want a path to copy from and one to copy to; see -help")
	case c.update && c.keep:
		return errors.New("-u and -n do not go together")
	}
	from, to := flags.Arg(0), flags.Arg(1)
	err := c.copy(ctx, from, to)
	if err != nil && ctx.Err() != nil && c.recursive && c.target != "" {
		return fmt.Errorf("interrupted; to go on: dbfs-copy -r -u -T %q %q (%w)", from, c.target, err)
	}
	return err
}

func inDBFS(name string) bool { return strings.HasPrefix(name, "dbfs:") }

func (c *copier) copy(ctx context.Context, from, to string) error {
	switch {
	case inDBFS(from) == inDBFS(to):
		return errors.New("one path has to begin with dbfs:, and one must not")
	case inDBFS(to):
		return c.upload(ctx, from, to)
	}
	return c.download(ctx, from, to)
}

func (c *copier) upload(ctx context.Context, from, to string) error {
	options := databricks.UploadOptions{Overwrite: !c.keep}
	if from == "-" {
		bar := c.bar(-1, to)
		defer bar.Close()
		options.Progress = func(done, _ int64) { bar.Set64(done) }
		return c.client.DBFS.Upload(ctx, c.in, to, options)
	}
	from = filepath.Clean(from)
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	there, err := c.client.DBFS.GetStatus(ctx, to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !c.exact && (err == nil && there.IsDir || strings.HasSuffix(to, "/") && !info.IsDir()) {
		to = strings.TrimSuffix(to, "/") + "/" + filepath.Base(from)
	}
	c.target = to
	if info.IsDir() {
		return c.folder(ctx, from, os.DirFS(from), func(options databricks.DirOptions) (*databricks.DirResult, error) {
			return c.client.DBFS.UploadDir(ctx, from, to, options)
		})
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	bar := c.bar(info.Size(), filepath.Base(from))
	defer bar.Close()
	options.Progress = func(done, _ int64) { bar.Set64(done) }
	return c.client.DBFS.Upload(ctx, file, to, options)
}

func (c *copier) download(ctx context.Context, from, to string) error {
	there, err := c.client.DBFS.GetStatus(ctx, from)
	if err != nil {
		return err
	}
	name := path.Base(there.Path)
	if to == "-" {
		return c.client.DBFS.Download(ctx, from, c.out, databricks.DownloadOptions{})
	}
	if info, err := os.Stat(to); !c.exact && err == nil && info.IsDir() && name != "/" {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q is no name for a file here; say which it is to have", name)
		}
		to = filepath.Join(to, name)
	}
	c.target = to
	if there.IsDir {
		return c.folder(ctx, from, c.client.DBFS.FS(ctx, from), func(options databricks.DirOptions) (*databricks.DirResult, error) {
			return c.client.DBFS.DownloadDir(ctx, from, to, options)
		})
	}
	if info, err := os.Stat(to); c.update && err == nil && info.Size() == there.FileSize && !info.ModTime().Before(there.ModificationTime.Time()) {
		return nil
	}
	bar := c.bar(there.FileSize, name)
	defer bar.Close()
	return c.client.DBFS.DownloadFile(ctx, from, to, databricks.DownloadOptions{
		Overwrite: !c.keep,
		Progress:  func(done, _ int64) { bar.Set64(done) },
	})
}

// folder copies a folder, whose files are all in content.
func (c *copier) folder(ctx context.Context, from string, content fs.FS, copy func(databricks.DirOptions) (*databricks.DirResult, error)) error {
	if !c.recursive {
		return fmt.Errorf("%s is a folder, which takes -r", from)
	}
	total, err := size(ctx, content)
	if err != nil {
		return err
	}
	bar := c.bar(total, filepath.Base(from))
	defer bar.Close()
	result, err := copy(databricks.DirOptions{
		Overwrite: !c.keep, SkipUnchanged: c.update,
		Progress: func(p databricks.DirProgress) {
			bar.Describe(fmt.Sprintf("%d files", p.Files))
			bar.Set64(min(p.Bytes, total)) // more may have come up meanwhile
		},
	})
	bar.Close()
	if result == nil {
		return err
	}
	fmt.Fprintf(c.log, "%d files copied, %d left as they were, %d skipped\n", result.Files, result.Unchanged, len(result.Skipped))
	for _, s := range result.Skipped {
		fmt.Fprintf(c.log, "skipped %s: %v\n", s.Path, s.Err)
	}
	for _, f := range result.Failed {
		fmt.Fprintf(c.log, "failed: %v\n", &f)
	}
	if err == nil && len(result.Skipped) > 0 {
		return errors.New("not all was copied")
	}
	return err
}

// size is that of all files together.
func size(ctx context.Context, content fs.FS) (total int64, err error) {
	err = fs.WalkDir(content, ".", func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return errors.Join(err, ctx.Err())
	})
	return total, err
}

// bar shows progress, if somebody looks.
func (c *copier) bar(total int64, what string) *progressbar.ProgressBar {
	if !isTerminal(c.log) {
		return progressbar.DefaultBytesSilent(total)
	}
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(c.log), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionUseANSICodes(true),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(c.log) }))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}
