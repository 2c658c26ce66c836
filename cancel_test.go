package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/internal/sending"
)

// A halfway is a file that calls do once when half of it has been read. It counts
// the reads.
type halfway struct {
	*bytes.Reader
	left  atomic.Int64
	reads atomic.Int64
	do    func()
}

func newHalfway(data []byte, do func()) *halfway {
	h := &halfway{Reader: bytes.NewReader(data), do: do}
	h.left.Store(int64(len(data) / 2))
	return h
}

func (h *halfway) count(n int) {
	h.reads.Add(1)
	if left := h.left.Add(int64(-n)); left <= 0 && left+int64(n) > 0 {
		h.do()
	}
}

func (h *halfway) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.count(n)
	return n, err
}

func (h *halfway) ReadAt(p []byte, offset int64) (int, error) {
	n, err := h.Reader.ReadAt(p, offset)
	h.count(n)
	return n, err
}

// A transfer over a socket that is canceled while data is being sent ends with the
// reason. The old file stays, nothing partial remains, and nobody reads the source
// after the call.
func TestTransfers_canceledInMidBody(t *testing.T) {
	const size = 8 << 20
	old, data := noise(1000), noise(size)
	overwrite := databricks.UploadOptions{Overwrite: true}
	type upload func(ctx context.Context, c *databricks.Client, from io.Reader) error
	toVolume := func(ctx context.Context, c *databricks.Client, from io.Reader) error {
		return c.Files.Upload(ctx, from, volumeDir+"/f", overwrite)
	}
	inParts := func(ctx context.Context, c *databricks.Client, from io.Reader) error {
		return databricks.UploadInParts(ctx, c.Files, from, volumeDir+"/f", overwrite, unit)
	}
	type direction struct {
		opts []databrickstest.Option
		dbfs bool
		run  upload
	}
	setUp := func(t *testing.T, opts []databrickstest.Option) (*databrickstest.Server, *databricks.Client) {
		noLeaks(t)
		server := databrickstest.NewServer(append(opts, databrickstest.WithVolume("main.default.files"))...)
		t.Cleanup(server.Close)
		t.Cleanup(sending.Transport().(*http.Transport).CloseIdleConnections)
		client, err := databricks.NewClient(databricks.WithHost(server.URL()), databricks.WithToken(server.Token))
		require.NoError(t, err)
		return server, client
	}
	cause := errors.New("the user pressed a key")
	// pressKey cancels a transfer, and waits so that the connection is closed before the
	// rest is sent.
	pressKey := func(cancel context.CancelCauseFunc) func() {
		return func() {
			cancel(cause)
			time.Sleep(20 * time.Millisecond)
		}
	}
	// remains returns the content that is at the destination after a transfer.
	remains := func(t *testing.T, err error) []byte {
		if err == nil { // all of it was sent before the connection was closed
			return data
		}
		require.ErrorIs(t, err, cause)
		return old
	}
	for name, d := range map[string]direction{
		"DBFS": {dbfs: true, run: func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return c.DBFS.Upload(ctx, from, "/f", overwrite)
		}},
		"DBFS, beside": {dbfs: true, run: func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return databricks.UploadBeside(ctx, c.DBFS, "/f", from, overwrite)
		}},
		"DBFS, in blocks": {dbfs: true, run: func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return databricks.UploadInBlocks(ctx, c.DBFS, "/f", from, overwrite)
		}},
		"a volume":                    {run: toVolume},
		"a volume, in parts":          {run: inParts, opts: []databrickstest.Option{anyPart}},
		"a volume, in parts in order": {run: inParts, opts: clouds["in order"]},
	} {
		for kind, source := range map[string]func(*halfway) io.Reader{
			"file":   func(h *halfway) io.Reader { return h },
			"stream": func(h *halfway) io.Reader { return iotest.HalfReader(h) },
		} {
			t.Run("upload to "+name+" from a "+kind, func(t *testing.T) {
				server, client := setUp(t, d.opts)
				background := t.Context()
				require.NoError(t, client.Files.Upload(background, bytes.NewReader(old), volumeDir+"/f", overwrite))
				require.NoError(t, client.DBFS.Upload(background, bytes.NewReader(old), "/f", overwrite))
				ctx, cancel := context.WithCancelCause(background)
				from := newHalfway(data, pressKey(cancel))
				err := d.run(ctx, client, source(from))
				reads := from.reads.Load()
				want := remains(t, err)
				_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
				assert.False(t, unknown, err)
				inFiles, _ := inVolume(t, client, volumeDir+"/f")
				inDBFS := dbfsTree(t, client, "/")
				assert.Len(t, inDBFS, 1)
				got, other := inFiles, []byte(inDBFS["/f"])
				if d.dbfs {
					got, other = other, got
				}
				assert.True(t, bytes.Equal(want, got))
				assert.True(t, bytes.Equal(old, other))
				assert.Empty(t, server.UnfinishedUploads())
				assert.Equal(t, reads, from.reads.Load(), "reads of the source")
			})
		}
	}
	type download func(ctx context.Context, c *databricks.Client, name string, opts databricks.DownloadOptions) error
	for name, run := range map[string]download{
		"DBFS": func(ctx context.Context, c *databricks.Client, name string, opts databricks.DownloadOptions) error {
			return c.DBFS.DownloadFile(ctx, "/f", name, opts)
		},
		"a volume": func(ctx context.Context, c *databricks.Client, name string, opts databricks.DownloadOptions) error {
			return c.Files.DownloadFile(ctx, volumeDir+"/f", name, opts)
		},
	} {
		t.Run("download from "+name, func(t *testing.T) {
			_, client := setUp(t, nil)
			background := t.Context()
			require.NoError(t, toVolume(background, client, bytes.NewReader(data)))
			require.NoError(t, client.DBFS.Upload(background, bytes.NewReader(data), "/f", overwrite))
			dir := t.TempDir()
			local := filepath.Join(dir, "f")
			require.NoError(t, os.WriteFile(local, old, 0o600))
			ctx, cancel := context.WithCancelCause(background)
			half := sync.OnceFunc(pressKey(cancel))
			err := run(ctx, client, local, databricks.DownloadOptions{Overwrite: true, Progress: func(done, total int64) {
				if done > total/2 {
					half()
				}
			}})
			want := remains(t, err)
			got, err := os.ReadFile(local)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, got))
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, entries, 1)
		})
	}
}
