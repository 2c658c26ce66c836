package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// A job is what one process measures. One client does one kind of work a number of
// times.
type job struct {
	Client   string
	Work     string
	Times    int           // number of measured runs, after a first one that is not measured
	Parallel int           // number of goroutines; 0 means 1
	Size     int           // elements of a list, or bytes of a file
	Latency  time.Duration // of the server
	Heap     bool          // measure the heap, not the time
	Gzip     bool          // the server compresses lists
	TLS      bool          // use HTTP/2

	Host, Control string // where the server is
	dir           string // for files, removed afterwards
}

// commandTime is how long commands run. upTime is how long clusters take to start.
const (
	commandTime = 50 * time.Millisecond
	upTime      = 300 * time.Millisecond
)

// filesInDir is the number of files in a directory. fileSize is the size of each.
const (
	filesInDir = 200
	fileSize   = 64 << 10
	notebooks  = 500
	smallFiles = 40 // files that are copied one after another
)

// works are the kinds of work. Each function returns a function that does the work
// once. Its result is kept while the heap is measured.
var works = map[string]func(j job) (do func(context.Context, client) (held any, err error), err error){
	"get-cluster": simply(func(ctx context.Context, c client, j job) error {
		return expect("etl 1")(c.GetCluster(ctx, "0101-120000-00000001"))
	}),
	"get-run": simply(func(ctx context.Context, c client, j job) error {
		return expect("nightly 1")(c.GetRun(ctx, 19999))
	}),
	"create-cluster": simply(func(ctx context.Context, c client, j job) error {
		return expect("c-1")(c.CreateCluster(ctx, "etl"))
	}),
	"list-clusters": func(j job) (func(context.Context, client) (any, error), error) {
		return func(ctx context.Context, c client) (any, error) {
			held, n, err := c.ListClusters(ctx)
			return held, counted(n, j.Size, err)
		}, nil
	},
	"each-cluster": simply(func(ctx context.Context, c client, j job) error {
		n, err := c.EachCluster(ctx)
		return counted(n, j.Size, err)
	}),
	"each-run": simply(func(ctx context.Context, c client, j job) error {
		n, err := c.EachRun(ctx)
		return counted(n, j.Size, err)
	}),
	"download": simply(func(ctx context.Context, c client, j job) error {
		var to counter
		return counted(int(to), j.Size, c.Download(ctx, "/files/large", &to), &to)
	}),
	"upload": simply(func(ctx context.Context, c client, j job) error {
		name := fmt.Sprintf("/files/upload-%d", uploads.Add(1))
		return c.Upload(ctx, name, io.NewSectionReader(endless{}, 0, int64(j.Size)))
	}),
	"fast-stream": simply(func(ctx context.Context, c client, j job) error {
		name := fmt.Sprintf("/files/upload-%d", uploads.Add(1))
		return c.FastStream(ctx, name, io.NewSectionReader(endless{}, 0, int64(j.Size)), int64(j.Size))
	}),
	"small-uploads": simply(func(ctx context.Context, c client, j job) error {
		for range smallFiles {
			name := fmt.Sprintf("/files/upload-%d", uploads.Add(1))
			if err := c.FastUpload(ctx, name, bytes.NewReader(pattern[:fileSize]), fileSize); err != nil {
				return err
			}
		}
		return nil
	}),
	"small-downloads": simply(func(ctx context.Context, c client, j job) error {
		for range smallFiles {
			var to counter
			if err := c.Download(ctx, "/files/large", &to); err != nil || int(to) != j.Size {
				return counted(int(to), j.Size, err)
			}
		}
		return nil
	}),
	"download-dir": downloadDir(client.DownloadDir, "/dir"),
	"import-dir": func(j job) (func(context.Context, client) (any, error), error) {
		dir, err := os.MkdirTemp(j.dir, "")
		for i := range notebooks {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("n-%03d.py", i)), append([]byte("# Databricks notebook source\n"), bytes.Repeat([]byte("print(1)\n"), 450)...), 0o666)
			}
		}
		return func(ctx context.Context, c client) (any, error) { return nil, c.ImportDir(ctx, dir, "/notebooks") }, err
	},
	"upload-dir":      uploadDir(client.UploadDir),
	"fast-upload-dir": uploadDir(client.FastUploadDir),
	"command":         simply(func(ctx context.Context, c client, j job) error { return c.RunCommand(ctx, "1+1") }),
	"wait-running": simply(func(ctx context.Context, c client, j job) error {
		if _, err := control(j.Control, &settings{UpIn: upTime}); err != nil {
			return err
		}
		return c.WaitRunning(ctx, "c-1")
	}),
}

// downloadDir makes a work of a way to download a directory.
func downloadDir(download func(c client, ctx context.Context, path, dir string) error, path string) func(j job) (func(context.Context, client) (any, error), error) {
	return func(j job) (func(context.Context, client) (any, error), error) {
		dir, err := os.MkdirTemp(j.dir, "")
		return func(ctx context.Context, c client) (any, error) {
			to, err := os.MkdirTemp(dir, "")
			if err != nil {
				return nil, err
			}
			if err := download(c, ctx, path, to); err != nil {
				return nil, err
			}
			entries, err := os.ReadDir(to)
			return nil, counted(len(entries), filesInDir, err)
		}, err
	}
}

// uploadDir makes a work of a way to upload a directory.
func uploadDir(upload func(c client, ctx context.Context, dir, path string) error) func(j job) (func(context.Context, client) (any, error), error) {
	return func(j job) (func(context.Context, client) (any, error), error) {
		dir, err := os.MkdirTemp(j.dir, "")
		for i := range filesInDir {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("part-%05d", i)), pattern[:fileSize], 0o666)
			}
		}
		return func(ctx context.Context, c client) (any, error) {
			return nil, upload(c, ctx, dir, fmt.Sprintf("/upload-%d", uploads.Add(1)))
		}, err
	}
}

var uploads atomic.Int64

func simply(do func(context.Context, client, job) error) func(job) (func(context.Context, client) (any, error), error) {
	return func(j job) (func(context.Context, client) (any, error), error) {
		return func(ctx context.Context, c client) (any, error) { return nil, do(ctx, c, j) }, nil
	}
}

func expect(want string) func(string, error) error {
	return func(got string, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	}
}

func counted(got, want int, err error, counters ...*counter) error {
	for _, c := range counters {
		got = int(*c)
	}
	if err == nil && got != want {
		err = fmt.Errorf("got %d, want %d", got, want)
	}
	return err
}

// serverFiles returns the files that exist on the server during a job.
func (j job) serverFiles() map[string]int64 {
	files := map[string]int64{}
	switch j.Work {
	case "download", "small-downloads":
		files["/files/large"] = int64(j.Size)
	case "volume-download", "volume-download-parts":
		files[volume+"/large"] = int64(j.Size)
	case "volume-download-dir":
		for i := range filesInDir {
			files[fmt.Sprintf("%s/dir/part-%05d", volume, i)] = fileSize
		}
	case "download-dir":
		for i := range filesInDir {
			files[fmt.Sprintf("/dir/part-%05d", i)] = fileSize
		}
	}
	return files
}

// scratch returns the directory for temporary files. It is in memory if possible,
// because the disk is not measured.
func scratch() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// A counter is a writer that counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// An endless is an endless file with the pattern.
type endless struct{}

func (endless) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], pattern[(offset+int64(n))%blockSize:])
	}
	return n, nil
}

// transport returns nil, except for works that need no network or use HTTP/2.
func (j job) transport() http.RoundTripper {
	switch {
	case j.TLS:
		return &http.Transport{
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the server creates its own certificate
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		}
	case j.Host != "":
		return nil
	case j.Work == "get-run":
		return canned(appendRun(nil, 1))
	case j.Work == "create-cluster":
		return canned(`{"cluster_id":"c-1"}`)
	}
	return canned(appendCluster(nil, 1, "RUNNING"))
}

// repeat does the work as often as the job says.
func (j job) repeat(ctx context.Context, c client, do func(context.Context, client) (any, error)) error {
	var left atomic.Int64
	left.Store(int64(j.Times))
	var all sync.WaitGroup
	errs := make(chan error, max(j.Parallel, 1))
	for range max(j.Parallel, 1) {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := do(ctx, c); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// control sends a request to the server's control port.
func control(url string, set *settings) (seen stats, err error) {
	resp, err := http.DefaultClient.Get(url)
	if set != nil {
		if err == nil {
			resp.Body.Close()
		}
		resp, err = http.DefaultClient.Post(url, "application/json", bytes.NewReader(must(marshal(set))))
	}
	if err != nil {
		return seen, err
	}
	defer resp.Body.Close()
	return seen, unmarshal(resp.Body, &seen)
}
