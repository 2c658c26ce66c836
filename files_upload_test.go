package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

const volumeDir = "/Volumes/main/default/files"

// newVolume returns an in-memory workspace with a volume.
func newVolume(t testing.TB, opts ...databrickstest.Option) *databrickstest.Server {
	server := databrickstest.NewServer(append([]databrickstest.Option{databrickstest.WithoutSocket(), databrickstest.WithVolume("main.default.files")}, opts...)...)
	t.Cleanup(server.Close)
	return server
}

// inVolume returns the content of a file of a volume, and whether it exists.
func inVolume(t testing.TB, client *databricks.Client, path string) (content []byte, there bool) {
	ctx := context.WithoutCancel(t.Context())
	m, err := client.Files.GetMetadata(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	require.NoError(t, err)
	for int64(len(content)) < m.ContentLength {
		block, err := client.Files.Read(ctx, databricks.ReadFile{Path: path, Offset: int64(len(content)), Length: 64 * mebibyte})
		require.NoError(t, err)
		content = append(content, block...)
	}
	return content, true
}

func openTemp(t testing.TB, data []byte) *os.File {
	name := filepath.Join(t.TempDir(), "source")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

func TestFiles_Upload_anySource(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	const path = volumeDir + "/new/a b;%"
	for _, size := range []int{0, 1, mebibyte, 9*mebibyte + 12345} {
		data := noise(size)
		for kind, from := range map[string]io.Reader{
			"file":           openTemp(t, data),
			"bytes.Reader":   bytes.NewReader(data),
			"bytes.Buffer":   bytes.NewBuffer(bytes.Clone(data)),
			"strings.Reader": strings.NewReader(string(data)),
			"reader":         only(bytes.NewReader(data)),
			"data and EOF":   iotest.DataErrReader(bytes.NewReader(data)),
		} {
			for _, unbuffered := range []bool{false, true} {
				if unbuffered && kind != "reader" {
					continue
				}
				if unbuffered {
					from = only(bytes.NewReader(data))
				}
				var reported []int64
				require.NoError(t, client.Files.Upload(t.Context(), from, "dbfs:"+path, databricks.UploadOptions{Unbuffered: unbuffered, Progress: func(done, total int64) {
					reported = append(reported, done, total)
				}}), "%s of %d bytes", kind, size)
				got, there := inVolume(t, client, path)
				require.True(t, there && bytes.Equal(data, got), "%s of %d bytes", kind, size)
				require.NotEmpty(t, reported)
				assert.EqualValues(t, size, reported[len(reported)-2], kind)
				rest, err := io.ReadAll(from)
				require.NoError(t, err)
				assert.Empty(t, rest, "%s was not read to its end", kind)
				require.NoError(t, client.Files.Delete(t.Context(), path))
			}
		}
	}
}

// A small file takes one request, which says whether it overwrites.
func TestFiles_Upload_oneRequest(t *testing.T) {
	server := newVolume(t)
	for _, overwrite := range []bool{false, true} {
		server.ForgetRequests()
		require.NoError(t, server.Client().Files.Upload(t.Context(), strings.NewReader("x"), volumeDir+"/f", databricks.UploadOptions{Overwrite: overwrite}))
		requests := server.Requests()
		require.Len(t, requests, 1)
		assert.Equal(t, []string{fmt.Sprint(overwrite)}, requests[0].Query["overwrite"])
		assert.Equal(t, "PUT", requests[0].Method)
	}
	err := server.Client().Files.Upload(t.Context(), strings.NewReader("y"), volumeDir+"/f", databricks.UploadOptions{})
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.ErrorContains(t, err, "databricks: upload "+volumeDir+"/f: PUT")
	got, _ := inVolume(t, server.Client(), volumeDir+"/f")
	assert.Equal(t, "x", string(got))
}

func TestFiles_Upload_badPaths(t *testing.T) {
	server := newVolume(t)
	client := server.Client()
	require.NoError(t, client.Files.CreateDirectory(t.Context(), volumeDir+"/dir"))
	for path, want := range map[string]string{
		"":                          "path is required",
		"/tmp/f":                    `path "/tmp/f" is not in a volume`,
		volumeDir:                   "is a volume; want the path of a file in it",
		volumeDir + "/dir/":         "ends with a slash",
		volumeDir + "/../other/f":   "empty, . or ..",
		volumeDir + "//f":           "empty, . or ..",
		volumeDir + "/\xff":         "is not valid UTF-8",
		volumeDir + "/\x00":         "contains a zero byte",
		"/Volumes/main/default/x":   "is a volume",
		volumeDir + "/" + long(256): "contains a name of 256 bytes; the maximum is 255",
	} {
		server.ForgetRequests()
		err := client.Files.Upload(t.Context(), strings.NewReader("x"), path, databricks.UploadOptions{Overwrite: true})
		assert.ErrorContains(t, err, want, path)
		assert.ErrorIs(t, err, fs.ErrInvalid, path)
		assert.Empty(t, server.Requests(), path)
	}
	err := client.Files.Upload(t.Context(), strings.NewReader("x"), volumeDir+"/dir", databricks.UploadOptions{Overwrite: true})
	assert.ErrorContains(t, err, "points to an existing directory")
	err = client.Files.Upload(t.Context(), strings.NewReader("x"), "/Volumes/main/default/none/f", databricks.UploadOptions{Overwrite: true})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "Volume 'main.default.none' does not exist")
	require.NoError(t, client.Files.Upload(t.Context(), strings.NewReader("x"), volumeDir+"/"+long(255), databricks.UploadOptions{}))
}

func long(n int) string { return strings.Repeat("n", n) }

// A source that changes during the upload is not written, even if its size stays
// the same.
func TestFiles_Upload_sourceChanges(t *testing.T) {
	for name, change := range map[string]func(f *os.File) error{
		"shrinks":    func(f *os.File) error { return f.Truncate(3) },
		"grows":      func(f *os.File) error { return f.Truncate(2*mebibyte + 1) },
		"is written": func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			server := newVolume(t)
			client := server.Client()
			require.NoError(t, client.Files.Upload(t.Context(), strings.NewReader("old"), volumeDir+"/f", databricks.UploadOptions{}))
			file, once := openTemp(t, noise(2*mebibyte)), false
			err := client.Files.Upload(t.Context(), file, volumeDir+"/f", databricks.UploadOptions{Overwrite: true, Progress: func(done, _ int64) {
				if done > 0 && !once {
					once = true
					assert.NoError(t, change(file))
				}
			}})
			assert.ErrorIs(t, err, databricks.ErrSourceChanged)
			got, _ := inVolume(t, client, volumeDir+"/f")
			assert.Equal(t, "old", string(got))
		})
	}
}

// If a response is lost and the file has the content that was sent, the upload
// succeeds.
func TestFiles_Upload_lostResponse(t *testing.T) {
	for _, fault := range faults() {
		for _, late := range []time.Duration{0, 200 * time.Millisecond, 20 * time.Second} {
			if late > 0 && !(fault.WorkDone && (fault.Reset || fault.Status == 504)) {
				continue
			}
			fault.WorkLate = late
			for _, old := range []string{"", "old", "new"} {
				for _, overwrite := range []bool{false, true} {
					t.Run(fmt.Sprint(fault.Name, late, old, overwrite), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
							defer cancel()
							server := newVolume(t)
							clean := server.Client()
							if old != "" {
								require.NoError(t, clean.Files.PutFile(ctx, volumeDir+"/f", strings.NewReader(old), databricks.PutFileOptions{}))
							}
							server.Inject(fault)
							err := server.Client().Files.Upload(ctx, strings.NewReader("new"), volumeDir+"/f", databricks.UploadOptions{Overwrite: overwrite})
							time.Sleep(late)
							server.ClearFaults()
							content, _ := inVolume(t, clean, volumeDir+"/f")
							got := string(content)
							switch _, unknown := errors.AsType[*databricks.OutcomeUnknownError](err); {
							case err == nil:
								assert.Equal(t, "new", got)
							case errors.Is(err, fs.ErrExist):
								assert.False(t, overwrite)
								assert.Equal(t, old, got)
							default:
								assert.True(t, unknown || got == old, "%q: %v", got, err)
							}
							if overwrite && fault.WorkDone && fault.Status != 500 {
								assert.NoError(t, err)
							}
						})
					})
				}
			}
		}
	}
}

func TestFiles_Upload_plan(t *testing.T) {
	server := newVolume(t)
	require.NoError(t, server.Client().Files.PutFile(t.Context(), volumeDir+"/f", strings.NewReader("old"), databricks.PutFileOptions{}))
	var planned []databricks.PlannedCall
	client := server.Client(databricks.WithPlan(func(p databricks.PlannedCall) { planned = append(planned, p) }))
	assert.ErrorIs(t, client.Files.Upload(t.Context(), strings.NewReader("new"), volumeDir+"/f", databricks.UploadOptions{}), fs.ErrExist)
	assert.Empty(t, planned)
	from := strings.NewReader("new")
	require.NoError(t, client.Files.Upload(t.Context(), from, volumeDir+"/f", databricks.UploadOptions{Overwrite: true}))
	require.Len(t, planned, 1)
	assert.Equal(t, "PUT", planned[0].Method)
	assert.Equal(t, "/api/2.0/fs/files"+volumeDir+"/f", planned[0].Path)
	assert.Equal(t, "contents=(a file of 3 bytes)", must(url.QueryUnescape(string(planned[0].Body))))
	assert.Equal(t, 3, from.Len(), "a dry run reads nothing")
}

// Operations and path templates for observers do not contain paths of files.
func TestFiles_Upload_observed(t *testing.T) {
	server := newVolume(t)
	var seen []databricks.CallInfo
	client := server.Client(databricks.WithObserver(databricks.Observer{CallEnd: func(_ context.Context, c databricks.CallInfo) { seen = append(seen, c) }}))
	require.NoError(t, client.Files.Upload(t.Context(), strings.NewReader("new"), volumeDir+"/f", databricks.UploadOptions{}))
	require.Len(t, seen, 1)
	assert.Equal(t, "fs/files", seen[0].Operation)
	assert.Equal(t, "/api/2.0/fs/files/{file_path}", seen[0].PathTemplate)
	assert.Equal(t, http.StatusNoContent, seen[0].StatusCode)
	assert.EqualValues(t, 3, seen[0].BytesSent)
}

// An upload that was canceled before the service had all of its request does not
// wait for late work, because there is none.
func TestUpload_canceledBeforeItWasSent(t *testing.T) {
	overwrite := databricks.UploadOptions{Overwrite: true}
	for name, upload := range map[string]func(ctx context.Context, c *databricks.Client, from io.Reader) error{
		"DBFS": func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return c.DBFS.Upload(ctx, from, "/f", overwrite)
		},
		"DBFS, large": func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return databricks.UploadBeside(ctx, c.DBFS, "/f", from, overwrite)
		},
		"a volume": func(ctx context.Context, c *databricks.Client, from io.Reader) error {
			return c.Files.Upload(ctx, from, volumeDir+"/f", overwrite)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				server := newVolume(t)
				client := clientBefore(server, func(_ int64, r *http.Request) {
					if r.Method == http.MethodPut || strings.HasSuffix(r.URL.Path, "/put") {
						cancel()
					}
				})
				started := time.Now()
				err := upload(ctx, client, strings.NewReader("content"))
				assert.ErrorIs(t, err, context.Canceled)
				_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
				assert.False(t, unknown, err)
				assert.Zero(t, time.Since(started))
				time.Sleep(time.Hour)
				_, there := inVolume(t, server.Client(), volumeDir+"/f")
				assert.False(t, there)
				assert.Empty(t, dbfsTree(t, server.Client(), "/"))
			})
		})
	}
}
