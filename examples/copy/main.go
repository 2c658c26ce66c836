// Copy copies files and directories to a workspace and back, like cp. Paths that start
// with dbfs:/, /Volumes/ or /Workspace/ are in the workspace. Other paths are on this
// machine, and - is standard input or output:
//
//	go run . -r results /Volumes/main/default/files
//	go run . /Volumes/main/default/files/results/a.csv .
//	tar c logs | go run . - dbfs:/backup/logs.tar
//	go run . -r -T -u -delete -ignore '*.tmp' project /Workspace/Shared/project
//
// It shows its progress on standard error, if that is a terminal. If it is interrupted,
// it leaves no incomplete file on either side. It then prints the command that continues
// the copy. With -dry-run, it only prints what it would do. The workspace and the
// credential come from the environment (DATABRICKS_HOST, DATABRICKS_TOKEN) or from
// ~/.databrickscfg.
//
// Without arguments, it copies the current directory to an in-memory workspace and back
// into a temporary directory.
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
	context.AfterFunc(ctx, stop) // a second interrupt ends the program immediately
	if err := start(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "copy:", err)
		stop()
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return show(ctx, ".", os.Stdout)
	}
	client, err := databricks.NewClient(databricks.WithUserAgent("copy", "1"))
	if err != nil {
		return err
	}
	return run(ctx, client, args, os.Stdin, os.Stdout, os.Stderr)
}

// show copies a directory to an in-memory workspace and back.
func show(ctx context.Context, dir string, out io.Writer) error {
	server := databrickstest.NewServer(databrickstest.WithoutDBFSRoot(), databrickstest.WithVolume("main.default.files"))
	defer server.Close()
	back, err := os.MkdirTemp("", "copy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(back)
	for _, args := range [][]string{{"-r", dir, "/Volumes/main/default/files/copy"}, {"-r", "/Volumes/main/default/files/copy", back}} {
		fmt.Fprintln(out, "copy", strings.Join(args, " "))
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
	fmt.Fprintln(out, "files copied there and back:", files)
	return err
}

// A place is a part of a workspace. client.DBFS and client.Files are places.
type place interface {
	Upload(ctx context.Context, from io.Reader, path string, opts databricks.UploadOptions) error
	Download(ctx context.Context, path string, to io.Writer, opts databricks.DownloadOptions) error
	DownloadFile(ctx context.Context, path, name string, opts databricks.DownloadOptions) error
	UploadDir(ctx context.Context, dir, path string, opts databricks.DirOptions) (*databricks.DirResult, error)
	DownloadDir(ctx context.Context, path, dir string, opts databricks.DirOptions) (*databricks.DirResult, error)
	FS(ctx context.Context, root string) fs.FS
}

// placeOf returns the place that a path is in, and its path there. The place is
// nil for this machine.
func placeOf(client *databricks.Client, name string) (place, string) {
	bare := strings.TrimPrefix(name, "dbfs:")
	switch {
	case strings.HasPrefix(bare, "/Volumes/"):
		return client.Files, bare
	case name != bare:
		return client.DBFS, name
	case name == "/Workspace", strings.HasPrefix(name, "/Workspace/"):
		return tree{client.Workspace}, "/" + strings.TrimLeft(strings.TrimPrefix(name, "/Workspace"), "/")
	}
	return nil, name
}

// A tree is the workspace tree of notebooks and files as a place.
type tree struct{ *databricks.WorkspaceService }

func (t tree) Upload(ctx context.Context, from io.Reader, name string, opts databricks.UploadOptions) error {
	content, err := io.ReadAll(from) // the service accepts at most 10 MiB
	if err != nil {
		return err
	}
	if err := t.Mkdirs(ctx, path.Dir(name)); err != nil {
		return err
	}
	_, err = t.Import(ctx, databricks.ImportObject{Path: name, Content: content, Format: databricks.ImportAuto, Overwrite: opts.Overwrite})
	return err
}

func (t tree) Download(ctx context.Context, path string, to io.Writer, _ databricks.DownloadOptions) error {
	content, err := fs.ReadFile(t.FS(ctx, "/"), strings.TrimPrefix(path, "/"))
	if err == nil {
		_, err = to.Write(content)
	}
	return err
}

func (t tree) DownloadFile(ctx context.Context, path, name string, opts databricks.DownloadOptions) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".databricks-")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	err = t.Download(ctx, path, temp, opts)
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if !opts.Overwrite {
		return os.Link(temp.Name(), name)
	}
	return os.Rename(temp.Name(), name)
}

func (t tree) UploadDir(ctx context.Context, dir, path string, opts databricks.DirOptions) (*databricks.DirResult, error) {
	return t.ImportDir(ctx, dir, path, opts)
}

func (t tree) DownloadDir(ctx context.Context, path, dir string, opts databricks.DirOptions) (*databricks.DirResult, error) {
	return t.ExportDir(ctx, path, dir, opts)
}

func (t tree) FS(ctx context.Context, root string) fs.FS {
	fsys := t.WorkspaceService.FS(ctx)
	if root == "/" {
		return fsys
	}
	below, err := fs.Sub(fsys, strings.Trim(root, "/"))
	if err != nil {
		return fsys
	}
	return below
}

// stat describes the file or directory at a path of a place.
func stat(ctx context.Context, p place, path string) (fs.FileInfo, error) {
	info, err := fs.Stat(p.FS(ctx, path), ".")
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = path
	}
	return info, err
}

// A copier copies one file or directory.
type copier struct {
	client    *databricks.Client
	recursive bool
	keep      bool
	exact     bool
	dir       databricks.DirOptions
	in        io.Reader
	out, log  io.Writer
	target    string // the destination, once it is known
}

func run(ctx context.Context, client *databricks.Client, args []string, in io.Reader, out, log io.Writer) error {
	c := copier{client: client, in: in, out: out, log: log}
	flags := flag.NewFlagSet("copy", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.BoolVar(&c.recursive, "r", false, "copy directories with their contents")
	flags.BoolVar(&c.dir.SkipUnchanged, "u", false, "skip files that have the same size at the destination and are not older there, for example to continue a copy")
	flags.BoolVar(&c.keep, "n", false, "never replace a file")
	flags.BoolVar(&c.exact, "T", false, "copy to TO itself, even if TO is an existing directory")
	flags.BoolVar(&c.dir.Delete, "delete", false, "with -r: delete files at the destination that the source does not have")
	flags.BoolVar(&c.dir.DryRun, "dry-run", false, "with -r: only print what would be done")
	flags.Func("ignore", "with -r: skip files that match a `pattern`, as in .gitignore; may be repeated", func(pattern string) error {
		c.dir.Ignore = append(c.dir.Ignore, pattern)
		return nil
	})
	flags.Usage = func() {
		fmt.Fprintln(log, "usage: copy [-r] [-u | -n] [-T] [-delete] [-dry-run] [-ignore PATTERN] FROM TO\n\n"+
			"Paths that start with dbfs:/, /Volumes/ or /Workspace/ are in the workspace; - is standard input or output.")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() != 2:
		return errors.New("want a path to copy from and one to copy to; see -help")
	case c.dir.SkipUnchanged && c.keep:
		return errors.New("-u and -n exclude each other")
	case !c.recursive && (c.dir.Delete || c.dir.DryRun || c.dir.Ignore != nil):
		return errors.New("-delete, -dry-run and -ignore need -r")
	}
	from, to := flags.Arg(0), flags.Arg(1)
	err := c.copy(ctx, from, to)
	if err != nil && ctx.Err() != nil && c.recursive && c.target != "" {
		return fmt.Errorf("interrupted; to continue: copy -r -u -T %q %q (%w)", from, c.target, err)
	}
	return err
}

func (c *copier) copy(ctx context.Context, from, to string) error {
	source, path := placeOf(c.client, from)
	target, name := placeOf(c.client, to)
	switch {
	case (source == nil) == (target == nil):
		return errors.New("one path must start with dbfs:/, /Volumes/ or /Workspace/, and the other must not")
	case source == nil:
		return c.upload(ctx, target, from, strings.TrimSuffix(to, name), name)
	}
	return c.download(ctx, source, path, to)
}

// upload copies to a path of the workspace. prefix is the part of the argument before
// the path.
func (c *copier) upload(ctx context.Context, target place, from, prefix, to string) error {
	options := databricks.UploadOptions{Overwrite: !c.keep}
	if from == "-" {
		bar := c.bar(-1, to)
		defer bar.Close()
		options.Progress = func(done, _ int64) { bar.Set64(done) }
		return target.Upload(ctx, c.in, to, options)
	}
	from = filepath.Clean(from)
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	existing, err := stat(ctx, target, to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !c.exact && (err == nil && existing.IsDir() || strings.HasSuffix(to, "/") && !info.IsDir()) {
		to = strings.TrimSuffix(to, "/") + "/" + filepath.Base(from)
	}
	c.target = prefix + to
	if info.IsDir() {
		return c.directory(ctx, from, os.DirFS(from), func(options databricks.DirOptions) (*databricks.DirResult, error) {
			return target.UploadDir(ctx, from, to, options)
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
	return target.Upload(ctx, file, to, options)
}

func (c *copier) download(ctx context.Context, source place, from, to string) error {
	info, err := stat(ctx, source, from)
	if err != nil {
		return err
	}
	if to == "-" {
		return source.Download(ctx, from, c.out, databricks.DownloadOptions{})
	}
	name := path.Base(from)
	if local, err := os.Stat(to); !c.exact && err == nil && local.IsDir() && name != "/" {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q cannot be the name of a local file; specify a name", name)
		}
		to = filepath.Join(to, name)
	}
	c.target = to
	if info.IsDir() {
		content := source.FS(ctx, from)
		if _, notebooks := source.(tree); notebooks {
			content = nil // sizes of notebooks are unknown before the export
		}
		return c.directory(ctx, from, content, func(options databricks.DirOptions) (*databricks.DirResult, error) {
			return source.DownloadDir(ctx, from, to, options)
		})
	}
	if local, err := os.Stat(to); c.dir.SkipUnchanged && err == nil && local.Size() == info.Size() && !local.ModTime().Before(info.ModTime()) {
		return nil
	}
	bar := c.bar(info.Size(), name)
	defer bar.Close()
	return source.DownloadFile(ctx, from, to, databricks.DownloadOptions{
		Overwrite: !c.keep,
		Progress:  func(done, _ int64) { bar.Set64(done) },
	})
}

// directory copies a directory. content has its files and is used to get the total size.
// It may be nil.
func (c *copier) directory(ctx context.Context, from string, content fs.FS, copy func(databricks.DirOptions) (*databricks.DirResult, error)) error {
	if !c.recursive {
		return fmt.Errorf("%s is a directory; use -r", from)
	}
	total := int64(-1)
	if content != nil {
		var err error
		if total, err = size(ctx, content); err != nil {
			return err
		}
	}
	bar := c.bar(total, filepath.Base(from))
	defer bar.Close()
	options := c.dir
	options.Overwrite = !c.keep
	options.Progress = func(p databricks.DirProgress) {
		bar.Describe(fmt.Sprintf("%d files", p.Files))
		if total >= 0 {
			bar.Set64(min(p.Bytes, total)) // files may have grown
		}
	}
	result, err := copy(options)
	bar.Close()
	if result == nil {
		return err
	}
	for _, change := range result.Changes {
		fmt.Fprintf(c.out, "%s %s\n", change.Op, change.Path)
	}
	fmt.Fprintf(c.log, "%d files copied, %d unchanged, %d skipped, %d deleted\n", result.Files, result.Unchanged, len(result.Skipped), result.Deleted)
	for _, s := range result.Skipped {
		fmt.Fprintf(c.log, "skipped %s: %v\n", s.Path, s.Err)
	}
	for _, f := range result.Failed {
		fmt.Fprintf(c.log, "failed: %v\n", &f)
	}
	if err == nil && len(result.Skipped) > 0 {
		return errors.New("not everything was copied")
	}
	return err
}

// size returns the total size of all files.
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

// bar shows progress on a terminal.
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
