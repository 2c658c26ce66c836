package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/internal/faultproxy"
)

// The scenarios of files of volumes in the fault matrices.

// matrixVolume is the directory for these scenarios.
const matrixVolume = "/Volumes/main/default/matrix"

// matrixTree returns the content of all files in a directory of a volume.
func matrixTree(w *transferFixture, dir string) map[string]string {
	c, ctx, tree := w.server.Client(), context.Background(), map[string]string{}
	for _, e := range must(c.Files.List(ctx, databricks.ListDirectory{Path: dir})) {
		if e.IsDirectory {
			maps.Copy(tree, matrixTree(w, e.Path))
			continue
		}
		tree[e.Path] = string(must(c.Files.Read(ctx, databricks.ReadFile{Path: e.Path, Length: 1 << 20})))
	}
	return tree
}

// toVolume returns a transfer that writes one file to a volume.
func toVolume(overwrite bool, how func(ctx context.Context, c *databricks.Client, from io.Reader, path string, opts databricks.UploadOptions) error) transfer {
	const file = matrixVolume + "/f"
	tr := transfer{alone: true, old: map[string]string{}, new: map[string]string{file: newContent}}
	tr.tree = func(w *transferFixture) map[string]string { return matrixTree(w, matrixVolume) }
	tr.do = func(ctx context.Context, c *databricks.Client, content, _ string) (any, error) {
		return nil, how(ctx, c, strings.NewReader(content), file, databricks.UploadOptions{Overwrite: overwrite})
	}
	if overwrite {
		tr.old[file] = oldContent
	}
	tr.setUp = func(ctx context.Context, c *databricks.Client, _ string) {
		must(c.Volumes.Create(ctx, databricks.CreateVolume{CatalogName: "main", SchemaName: "default", Name: "matrix", VolumeType: databricks.VolumeManaged}))
		if overwrite {
			must(0, c.Files.PutFile(ctx, file, strings.NewReader(oldContent), databricks.PutFileOptions{}))
		}
	}
	return tr
}

// fileTransfers returns the transfers of files in volumes.
func fileTransfers() map[string]transfer {
	put := func(ctx context.Context, c *databricks.Client, from io.Reader, path string, opts databricks.UploadOptions) error {
		return c.Files.PutFile(ctx, path, from.(io.ReadSeeker), databricks.PutFileOptions{Overwrite: opts.Overwrite})
	}
	whole := func(ctx context.Context, c *databricks.Client, from io.Reader, path string, opts databricks.UploadOptions) error {
		return c.Files.Upload(ctx, from, path, opts)
	}
	parts := func(ctx context.Context, c *databricks.Client, from io.Reader, path string, opts databricks.UploadOptions) error {
		return databricks.UploadInParts(ctx, c.Files, from, path, opts, 5)
	}
	resumed := func(ctx context.Context, c *databricks.Client, from io.Reader, path string, opts databricks.UploadOptions) error {
		dir := must(os.MkdirTemp("", "matrix"))
		defer os.RemoveAll(dir)
		must(0, os.WriteFile(filepath.Join(dir, "f"), must(io.ReadAll(from)), 0o600))
		var last *databricks.PendingUpload
		opts.Save = func(p databricks.PendingUpload) error { last = &p; return nil }
		var err error
		for range 3 { // as if a program were run again
			file := must(os.Open(filepath.Join(dir, "f")))
			opts.Resume = last
			err = databricks.UploadInParts(ctx, c.Files, file, path, opts, 5)
			file.Close()
			if err == nil {
				return nil
			}
		}
		if last != nil {
			_ = c.Files.AbortUpload(ctx, *last)
		}
		return err
	}
	return map[string]transfer{
		"put a file of a volume":          toVolume(false, put),
		"replace a file of a volume":      toVolume(true, put),
		"upload to a volume":              toVolume(false, whole),
		"upload over the old of a volume": toVolume(true, whole),
		"upload in parts":                 toVolume(false, parts),
		"upload in parts over the old":    toVolume(true, parts),
		"resumed upload over the old":     toVolume(true, resumed),
	}
}

// newProxy starts a proxy for a workspace without a socket, with its storage at the
// same address.
func newProxy(server *databrickstest.Server, http2 bool) *faultproxy.Server {
	const storage = "storage.databrickstest.invalid"
	var proxy *faultproxy.Server
	proxy = faultproxy.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/storage/") || strings.HasPrefix(r.URL.Path, "/resumable/") {
			r.Host = storage
		}
		if !strings.HasPrefix(r.URL.Path, "/api/2.0/fs/create-") {
			server.ServeHTTP(w, r)
			return
		}
		response := httptest.NewRecorder()
		server.ServeHTTP(response, r)
		maps.Copy(w.Header(), response.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(response.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(response.Body.String(), "https://"+storage, proxy.URL))
	}), http2)
	return proxy
}

// Google Cloud requires chunks whose size is a multiple of 256 KiB. This matrix
// therefore uses a larger file.
func TestFaultMatrixTransfers_inOrder(t *testing.T) {
	data, old := noise(2*unit+5), "old"
	all := faultPairs()
	for _, f := range faults() {
		all = append(all, []databrickstest.Fault{f})
	}
	var v verdict
	play := func(overwrite bool, faults []databrickstest.Fault, at int) (requests int) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			server := newVolume(t, clouds["in order"]...)
			if overwrite {
				must(0, server.Client().Files.PutFile(ctx, partsPath, strings.NewReader(old), databricks.PutFileOptions{}))
			}
			server.ForgetRequests()
			var late time.Duration
			for _, f := range faults {
				f.Skip = at
				server.Inject(f)
				late += f.WorkLate
			}
			err := databricks.UploadInParts(ctx, server.Client().Files, bytes.NewReader(data), partsPath, databricks.UploadOptions{Overwrite: overwrite}, unit)
			requests = len(server.Requests())
			time.Sleep(late + time.Minute)
			server.ClearFaults()
			got, there := inVolume(t, server.Client(), partsPath)
			_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
			say := fmt.Sprintf("overwrite %t, request %d, %s: %d bytes (%v)", overwrite, at+1, describe(faults), len(got), err)
			asBefore := there == overwrite && (!there || string(got) == old)
			switch {
			case err == nil && !bytes.Equal(got, data), !bytes.Equal(got, data) && !asBefore:
				v.lost = append(v.lost, say)
			case err != nil && !unknown && !asBefore:
				v.wrong = append(v.wrong, say)
			}
		})
		return requests
	}
	cells := 0
	for _, overwrite := range []bool{false, true} {
		requests := play(overwrite, nil, 0)
		require.Empty(t, slices.Concat(v.doubled, v.lost, v.wrong), "without faults")
		for _, faults := range all {
			for at := range requests {
				if tried() {
					play(overwrite, faults, at)
					cells++
				}
			}
		}
	}
	v.report(t, "fault matrix of chunks in order", cells)
}
