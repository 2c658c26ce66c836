package databricks_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// stopAfter returns a client whose responses are interrupted after a total number
// of bytes. It then sends no more requests.
func stopAfter(server *databrickstest.Server, n int64) *databricks.Client {
	var left atomic.Int64
	left.Store(n)
	gone := errors.New("the machine is gone")
	return server.Client(databricks.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if left.Load() <= 0 {
			return nil, gone
		}
		resp, err := server.Transport().RoundTrip(r)
		if err == nil && r.Method == http.MethodGet && resp.StatusCode < 300 {
			body := resp.Body
			resp.Body = struct {
				io.Reader
				io.Closer
			}{readerFunc(func(p []byte) (int, error) {
				if left.Load() <= 0 {
					return 0, gone
				}
				got, err := body.Read(p[:min(len(p), 64<<10)])
				left.Add(-int64(got))
				return got, err
			}), body}
		}
		return resp, err
	})}), databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 1}))
}

// resumeAreas are the ways to download a file that can be resumed.
var resumeAreas = map[string]struct {
	path     string
	put      func(t testing.TB, client *databricks.Client, path string, data []byte)
	download func(ctx context.Context, c *databricks.Client, path, name string, opts databricks.DownloadOptions) error
}{
	"Volumes": {volumeDir + "/f", putVolume, func(ctx context.Context, c *databricks.Client, path, name string, opts databricks.DownloadOptions) error {
		return c.Files.DownloadFile(ctx, path, name, opts)
	}},
	"DBFS": {"/f", put, func(ctx context.Context, c *databricks.Client, path, name string, opts databricks.DownloadOptions) error {
		return c.DBFS.DownloadFile(ctx, path, name, opts)
	}},
}

func TestDownloadFile_resumes(t *testing.T) {
	for name, area := range resumeAreas {
		t.Run(name, func(t *testing.T) {
			var clock atomic.Int64
			server := newVolume(t, withTicks(&clock))
			data := noise(21*mebibyte + 17)
			area.put(t, server.Client(), area.path, data)
			dir := t.TempDir()
			target := filepath.Join(dir, "target")
			var first int64
			opts := databricks.DownloadOptions{Resume: true, Concurrency: 2} // so that pieces get complete
			opts.Progress = func(done, total int64) {
				if first < 0 {
					first = done
				}
				assert.EqualValues(t, len(data), total)
			}
			was := int64(0)
			for range 4 { // each makes some progress
				first = -1
				require.Error(t, area.download(t.Context(), stopAfter(server, 5*mebibyte), area.path, target, opts))
				assert.GreaterOrEqual(t, first, was)
				was = first
				entries, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Len(t, entries, 1)
				assert.Regexp(t, `^\.databricks-[A-Z2-7]{26}$`, entries[0].Name())
			}
			assert.Positive(t, was)
			client, requested := countRanges(t, server)
			first = -1
			require.NoError(t, area.download(t.Context(), client, area.path, target, opts))
			assert.GreaterOrEqual(t, first, was)
			tree := readTree(t, dir)
			assert.Len(t, tree, 1)
			assert.True(t, tree["target"] == string(data))
			if name == "Volumes" {
				assert.Equal(t, int64(len(data))-first, requested.Load(), "what was there was requested again")
			}
		})
	}
}

// countRanges returns a client and the number of bytes that it requests. The requests
// that the server has recorded may be those of an earlier client, late.
func countRanges(t testing.TB, server *databrickstest.Server) (*databricks.Client, *atomic.Int64) {
	var n atomic.Int64
	return server.Client(databricks.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if text := r.Header.Get("Range"); text != "" {
			var from, to int64
			_, err := fmt.Sscanf(text, "bytes=%d-%d", &from, &to)
			assert.NoError(t, err)
			n.Add(to - from + 1)
		}
		return server.Transport().RoundTrip(r)
	})})), &n
}

func TestDownloadFile_resumesWhatCannotBeTrusted(t *testing.T) {
	const path = volumeDir + "/f"
	data := noise(6 * mebibyte)
	for name, tt := range map[string]struct {
		change func(t *testing.T, server *databrickstest.Server, partial string) (want []byte)
		all    bool // the complete file is requested
	}{
		"nothing changed": {func(t *testing.T, _ *databrickstest.Server, _ string) []byte { return data }, false},
		"the source was replaced by another of its size": {func(t *testing.T, server *databrickstest.Server, _ string) []byte {
			other := bytes.Repeat([]byte("other!"), mebibyte)
			putVolume(t, server.Client(), path, other)
			return other
		}, true},
		"the source grew": {func(t *testing.T, server *databrickstest.Server, _ string) []byte {
			other := append(noise(6*mebibyte), "more"...)
			putVolume(t, server.Client(), path, other)
			return other
		}, true},
		"the incomplete file was written to": {func(t *testing.T, _ *databrickstest.Server, partial string) []byte {
			file, err := os.OpenFile(partial, os.O_WRONLY, 0)
			require.NoError(t, err)
			defer file.Close()
			_, err = file.WriteAt(make([]byte, 6*mebibyte), 0)
			require.NoError(t, err)
			return data
		}, true},
		"the incomplete file lost its end": {func(t *testing.T, _ *databrickstest.Server, partial string) []byte {
			require.NoError(t, os.Truncate(partial, 6*mebibyte+10))
			return data
		}, true},
		"the incomplete file is another": {func(t *testing.T, _ *databrickstest.Server, partial string) []byte {
			require.NoError(t, os.WriteFile(partial, noise(7*mebibyte), 0o666))
			return data
		}, true},
		"the source is empty": {func(t *testing.T, server *databrickstest.Server, _ string) []byte {
			putVolume(t, server.Client(), path, nil)
			return []byte{}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var clock atomic.Int64
			server := newVolume(t, withTicks(&clock))
			putVolume(t, server.Client(), path, data)
			dir := t.TempDir()
			target, opts := filepath.Join(dir, "target"), databricks.DownloadOptions{Resume: true, Concurrency: 1}
			require.Error(t, stopAfter(server, 3*mebibyte).Files.DownloadFile(t.Context(), path, target, opts))
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			want := tt.change(t, server, filepath.Join(dir, entries[0].Name()))
			client, requested := countRanges(t, server)
			require.NoError(t, client.Files.DownloadFile(t.Context(), path, target, opts))
			tree := readTree(t, dir)
			assert.Len(t, tree, 1)
			assert.True(t, tree["target"] == string(want))
			assert.Equal(t, tt.all, requested.Load() == int64(len(want)), "%d bytes", requested.Load())
		})
	}
}

func TestDownloadFile_Resume_refuses(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	putVolume(t, client, volumeDir+"/f", noise(3*mebibyte))
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	opts := databricks.DownloadOptions{Resume: true}
	assert.ErrorContains(t, client.Files.DownloadFile(t.Context(), volumeDir+"/none", target, opts), "404")
	assert.Empty(t, readTree(t, dir))

	// Of two concurrent downloads, one fails and does not change the file of the
	// other.
	opts.Progress = func(done, _ int64) {
		if done == 0 {
			err := client.Files.DownloadFile(t.Context(), volumeDir+"/f", target, databricks.DownloadOptions{Resume: true})
			assert.ErrorContains(t, err, "it is in use by another download")
		}
	}
	require.NoError(t, client.Files.DownloadFile(t.Context(), volumeDir+"/f", target, opts))
	assert.ErrorIs(t, client.Files.DownloadFile(t.Context(), volumeDir+"/f", target, databricks.DownloadOptions{Resume: true}), os.ErrExist)
	assert.Len(t, readTree(t, dir), 1)

	// If a source changes during the download, nothing remains to be resumed.
	opts.Overwrite = true
	opts.Progress = func(done, _ int64) {
		if done == 0 {
			putVolume(t, client, volumeDir+"/f", noise(5))
		}
	}
	assert.ErrorIs(t, client.Files.DownloadFile(t.Context(), volumeDir+"/f", target, opts), databricks.ErrSourceChanged)
	assert.Len(t, readTree(t, dir), 1)
}

// If a process is killed at any point of a download, the next process continues. It
// requests at most one piece again for each lost one.
func TestDownloadFile_killed(t *testing.T) {
	if name := os.Getenv("DATABRICKS_TEST_DOWNLOAD"); name != "" {
		client, err := databricks.NewClient(databricks.WithHost(os.Getenv("DATABRICKS_HOST")), databricks.WithToken(os.Getenv("DATABRICKS_TOKEN")))
		require.NoError(t, err)
		require.NoError(t, client.Files.DownloadFile(t.Context(), volumeDir+"/f", name, databricks.DownloadOptions{
			Resume: true, Progress: printProgress,
		}))
		return
	}
	server := databrickstest.NewServer(databrickstest.WithVolume("main.default.files"))
	defer server.Close()
	size := *killSize * mebibyte
	block := noise(8 * mebibyte)
	source := io.NewSectionReader(repeated(block), 0, size)
	require.NoError(t, server.Client().Files.Upload(t.Context(), source, volumeDir+"/f", databricks.UploadOptions{}))
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	had, kills, twice := int64(0), 0, int64(0)
	for kills < 20 {
		server.ForgetRequests()
		child := exec.Command(os.Args[0], "-test.run=^TestDownloadFile_killed$", "-test.v")
		child.Env = append(os.Environ(), "DATABRICKS_TEST_DOWNLOAD="+target, "DATABRICKS_HOST="+server.URL(), "DATABRICKS_TOKEN="+server.Token)
		at := had + random.Int64N(size/4)
		if at > size*9/10 {
			at = size + 1 // so that this process completes the download
		}
		first, done, err := killAt(t, child, at)
		if first >= 0 {
			twice = max(twice, had-first)
		}
		if had = max(had, done); err == nil {
			break
		}
		kills++
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.NotEqual(t, "target", entries[0].Name())
	}
	require.Positive(t, kills)
	assert.Less(t, twice, int64(16*mebibyte), "more than a part was requested twice after a kill")
	t.Logf("killed %d times; at most %d bytes were requested twice after one", kills, twice)
	file, err := os.Open(target)
	require.NoError(t, err)
	defer file.Close()
	same, err := sameContent(file, io.NewSectionReader(repeated(block), 0, size))
	require.NoError(t, err)
	assert.True(t, same)
	assert.Len(t, must(os.ReadDir(dir)), 1)
}

// repeated is a reader that repeats a block.
type repeated []byte

func (b repeated) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], b[(offset+int64(n))%int64(len(b)):])
	}
	return n, nil
}

func sameContent(a, b io.Reader) (bool, error) {
	x, y := make([]byte, mebibyte), make([]byte, mebibyte)
	for {
		n, err := io.ReadFull(a, x)
		m, other := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		if err != nil || other != nil {
			err, other = ignoreEnd(err), ignoreEnd(other)
			return err == nil && other == nil, cmp.Or(err, other)
		}
	}
}

func ignoreEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
