package databricks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// unit is the size of parts in tests. Google Cloud requires a multiple of it.
const unit = 256 << 10

var anyPart = databrickstest.WithFilesLimits(databrickstest.FilesLimits{MinPart: -1, PartURLs: 3})

// clouds are the two ways in which clouds accept parts.
var clouds = map[string][]databrickstest.Option{
	"any order": {anyPart}, "in order": {anyPart, databrickstest.WithResumableUploads()},
}

// eachCloud runs a test with both ways.
func eachCloud(t *testing.T, test func(t *testing.T, cloud []databrickstest.Option)) {
	for name, opts := range clouds {
		t.Run(name, func(t *testing.T) { test(t, opts) })
	}
}

const partsPath = volumeDir + "/new/ä f"

// inStorage reports whether a request was sent to the storage of the cloud.
func inStorage(r databrickstest.Request) bool { return strings.HasPrefix(r.Host, "storage.") }

// partsSent returns how often each part was received completely.
func partsSent(server *databrickstest.Server) map[string]int {
	sent := map[string]int{}
	for _, r := range server.Requests() {
		if r.Method == "PUT" && inStorage(r) && r.BodySize > 0 && (r.Status == 200 || r.Status == 308 || r.WorkDone) {
			sent[r.Query.Get("partNumber")+r.Header.Get("Content-Range")]++
		}
	}
	return sent
}

func TestFiles_Upload_inParts(t *testing.T) {
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		for _, size := range []int{1, unit, unit + 1, 9*unit + 5} {
			data := noise(size)
			for kind, from := range map[string]io.Reader{
				"file":         openTemp(t, data),
				"bytes.Reader": bytes.NewReader(data),
				"bytes.Buffer": bytes.NewBuffer(bytes.Clone(data)),
				"seeker":       struct{ io.ReadSeeker }{bytes.NewReader(data)},
				"reader":       iotest.HalfReader(bytes.NewReader(data)),
			} {
				server := newVolume(t, cloud...)
				var reported []int64
				opts := databricks.UploadOptions{Progress: func(done, total int64) { reported = append(reported, done, total) }}
				require.NoError(t, databricks.UploadInParts(t.Context(), server.Client().Files, from, partsPath, opts, unit), "%s of %d bytes", kind, size)
				got, there := inVolume(t, server.Client(), partsPath)
				require.True(t, there && bytes.Equal(data, got), "%s of %d bytes", kind, size)
				assert.EqualValues(t, size, reported[len(reported)-2], kind)
				assert.Empty(t, server.UnfinishedUploads())
				rest, err := io.ReadAll(from)
				require.NoError(t, err)
				assert.Empty(t, rest, "%s was not read to its end", kind)
				for part, times := range partsSent(server) {
					assert.Equal(t, 1, times, part)
				}
				assert.NotEmpty(t, partsSent(server), "%s of %d bytes", kind, size)
			}
		}
	})
}

// Requests to the storage contain only what belongs to the URL.
func TestFiles_Upload_storageGetsNoCredential(t *testing.T) {
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		server := newVolume(t, append(cloud, databrickstest.WithRecording(databrickstest.Recording{Secrets: true}))...)
		client := server.Client(databricks.WithUserAgent("acme", "1"))
		require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, bytes.NewReader(noise(3*unit)), partsPath, databricks.UploadOptions{}, unit))
		n := 0
		for _, r := range server.Requests() {
			if !inStorage(r) {
				assert.NotEmpty(t, r.Header.Get("Authorization"))
				continue
			}
			n++
			names := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Header)), func(name string) bool {
				return r.Header.Get(name) == "" || slices.Contains([]string{"Content-Type", "Content-Length", "Content-Range", "X-Amz-Server-Side-Encryption"}, name)
			})
			assert.Empty(t, names)
		}
		assert.Equal(t, 3, n)
	})
}

// The URLs of many parts take one request, whichever part is sent first.
func TestFiles_Upload_urlsInOrder(t *testing.T) {
	server := newVolume(t, databrickstest.WithFilesLimits(databrickstest.FilesLimits{MinPart: -1}))
	for range 20 {
		server.ForgetRequests()
		require.NoError(t, databricks.UploadInParts(t.Context(), server.Client().Files, bytes.NewReader(noise(40<<10)), partsPath, databricks.UploadOptions{Overwrite: true}, 1<<10))
		var first []int
		for _, r := range server.Requests() {
			if strings.HasSuffix(r.Path, "/create-upload-part-urls") {
				var in struct {
					Start int `json:"start_part_number"`
				}
				require.NoError(t, json.Unmarshal(r.Body, &in))
				first = append(first, in.Start)
			}
		}
		require.Equal(t, []int{1, 33}, first)
	}
}

// A stream of unknown size is sent in parts. Memory holds one part at a time.
func TestFiles_Upload_longStream(t *testing.T) {
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		for _, size := range []int{8*mebibyte + 1, 9 * mebibyte, 9*mebibyte + 1} {
			data := noise(size)
			server := newVolume(t, cloud...)
			require.NoError(t, databricks.UploadInParts(t.Context(), server.Client().Files, only(bytes.NewReader(data)), partsPath, databricks.UploadOptions{}, unit))
			got, _ := inVolume(t, server.Client(), partsPath)
			require.True(t, bytes.Equal(data, got))
			assert.Len(t, partsSent(server), (size-1)/unit+1)
		}
	})
}

// slowStorage delays each request to the storage.
type slowStorage struct {
	http.RoundTripper
	pause time.Duration
}

func (s slowStorage) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "storage.") && r.Method == "PUT" {
		time.Sleep(s.pause)
	}
	return s.RoundTripper.RoundTrip(r)
}

func TestFiles_Upload_renewsExpiredURLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newVolume(t, databrickstest.WithFilesLimits(databrickstest.FilesLimits{MinPart: -1, URLLife: 50 * time.Second}))
		client := server.Client(databricks.WithHTTPClient(&http.Client{Transport: slowStorage{server.Transport(), 20 * time.Second}}))
		data := noise(100 * unit)
		require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, bytes.NewReader(data), partsPath, databricks.UploadOptions{}, unit))
		got, _ := inVolume(t, server.Client(), partsPath)
		require.True(t, bytes.Equal(data, got))
		renewals := 0
		for _, r := range server.Requests() {
			renewals += one(strings.HasSuffix(r.Path, "/create-upload-part-urls"))
		}
		assert.Greater(t, renewals, 4)

		// A URL that has always expired is not renewed forever.
		client = server.Client(databricks.WithHTTPClient(&http.Client{Transport: slowStorage{server.Transport(), time.Minute}}))
		server.ForgetRequests()
		require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, bytes.NewReader(data[:unit]), partsPath, databricks.UploadOptions{Overwrite: true}, unit), "there is another way")
		assert.Empty(t, server.UnfinishedUploads())
	})
}

// If the parts cannot be sent, the file is sent in one request.
func TestFiles_Upload_fallsBack(t *testing.T) {
	page := databrickstest.Fault{Match: atStorage, Method: "PUT", Times: -1, Status: 403, Body: "<html>firewall</html>", ContentType: "text/html"}
	unreachable := databrickstest.Fault{Match: atStorage, Times: -1, Refuse: true}
	elsewhere := databrickstest.Fault{Match: atStorage, Method: "PUT", Times: -1, Redirect: "https://elsewhere.example.com/x"}
	zone := databrickstest.Fault{Path: "/api/2.0/fs/create-upload-part-urls", Times: -1, Status: 400,
		Body: `{"error_code":"INVALID_STATE","message":"Can't infer requester network zone.","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"FILES_API_REQUESTER_NETWORK_ZONE_UNKNOWN"}]}`}
	for name, tt := range map[string]struct {
		opts  []databrickstest.Option
		fault *databrickstest.Fault
	}{
		"no URLs":            {[]databrickstest.Option{databrickstest.WithoutPresignedURLs()}, nil},
		"firewall":           {clouds["any order"], &page},
		"firewall, in order": {clouds["in order"], &page},
		"no way":             {clouds["any order"], &unreachable},
		"no way, in order":   {clouds["in order"], &unreachable},
		"redirect":           {clouds["any order"], &elsewhere},
		"redirect, in order": {clouds["in order"], &elsewhere},
		"no zone":            {clouds["any order"], &zone},
	} {
		t.Run(name, func(t *testing.T) {
			data := noise(9*mebibyte + 5)
			for kind, from := range map[string]io.Reader{
				"file": openTemp(t, data), "reader": only(bytes.NewReader(data)), "seeker": struct{ io.ReadSeeker }{bytes.NewReader(data)},
			} {
				synctest.Test(t, func(t *testing.T) {
					server := newVolume(t, tt.opts...)
					if tt.fault != nil {
						server.Inject(*tt.fault)
					}
					require.NoError(t, databricks.UploadInParts(t.Context(), server.Client().Files, from, partsPath, databricks.UploadOptions{}, unit), kind)
					got, _ := inVolume(t, server.Client(), partsPath)
					require.True(t, bytes.Equal(data, got), "%s: %d bytes", kind, len(got))
					var put []string
					for _, r := range server.Requests() {
						if r.Method == "PUT" && !inStorage(r) {
							put = append(put, r.Path)
						}
					}
					assert.Len(t, put, 1)
					if name != "no way, in order" { // where the abort also requires the storage
						server.ClearFaults()
						assert.Equal(t, strings.HasPrefix(name, "no way"), len(server.UnfinishedUploads()) > 0)
					}
				})
			}
		})
	}
}

func atStorage(r *http.Request) bool { return strings.HasPrefix(r.Host, "storage.") }

// An upload that fails for any reason is aborted, and there is no file under the
// name.
func TestFiles_Upload_aborts(t *testing.T) {
	broken := errors.New("broken disk")
	for name, tt := range map[string]struct {
		fault databrickstest.Fault
		from  func(t *testing.T) io.Reader
		is    error
		while func(cancel context.CancelFunc, file io.Reader)
	}{
		"canceled": {is: context.Canceled, while: func(cancel context.CancelFunc, _ io.Reader) { cancel() }},
		"source fails": {is: broken, from: func(*testing.T) io.Reader {
			return io.MultiReader(bytes.NewReader(noise(9*mebibyte)), iotest.ErrReader(broken))
		}},
		"source changes": {is: databricks.ErrSourceChanged, while: func(_ context.CancelFunc, file io.Reader) {
			f := file.(*os.File)
			_ = os.Chtimes(f.Name(), time.Time{}, time.Now().Add(time.Hour))
		}},
		"source shrinks": {is: databricks.ErrSourceChanged, while: func(_ context.CancelFunc, file io.Reader) { _ = file.(*os.File).Truncate(5 * unit) }},
		"part refused": {fault: databrickstest.Fault{Match: atStorage, Method: "PUT", Skip: 5, Times: -1, Status: 403,
			Body: "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"}, is: nil},
		"part fails":    {fault: databrickstest.Fault{Match: atStorage, Method: "PUT", Skip: 5, Times: -1, Status: 503}},
		"no more URLs":  {fault: databrickstest.Fault{Path: "/api/2.0/fs/create-upload-part-urls", Skip: 1, Times: -1, Status: 400}},
		"not completed": {fault: databrickstest.Fault{Match: func(r *http.Request) bool { return r.URL.Query().Get("action") == "complete-upload" }, Times: -1, Status: 400}},
	} {
		t.Run(name, func(t *testing.T) {
			eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
				if strings.HasSuffix(t.Name(), "in_order") && (name == "no more URLs" || name == "not completed") {
					return // this cloud does not use this call
				}
				synctest.Test(t, func(t *testing.T) {
					server := newVolume(t, cloud...)
					clean := server.Client()
					require.NoError(t, clean.Files.PutFile(t.Context(), partsPath, strings.NewReader("old"), databricks.PutFileOptions{}))
					var from io.Reader = openTemp(t, noise(40*unit))
					if tt.from != nil {
						from = tt.from(t)
					}
					if tt.fault.Times != 0 {
						server.Inject(tt.fault)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					var once sync.Once
					err := databricks.UploadInParts(ctx, server.Client().Files, from, partsPath, databricks.UploadOptions{Overwrite: true, Concurrency: 2, Progress: func(done, _ int64) {
						if done > 12*unit && tt.while != nil {
							once.Do(func() { tt.while(cancel, from) })
						}
					}}, unit)
					require.Error(t, err)
					if tt.is != nil {
						assert.ErrorIs(t, err, tt.is)
					}
					_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
					assert.False(t, unknown, "%v", err)
					assert.Empty(t, server.UnfinishedUploads(), "%v", err)
					got, _ := inVolume(t, clean, partsPath)
					assert.Equal(t, "old", string(got))
				})
			})
		})
	}
}

// The error of the storage is typed.
func TestFiles_Upload_storageError(t *testing.T) {
	server := newVolume(t, anyPart)
	server.Inject(databrickstest.Fault{Match: atStorage, Method: "PUT", Skip: 1, Times: -1, Status: 403, Header: http.Header{"X-Amz-Request-Id": {"R1"}},
		ContentType: "application/xml", Body: "<Error><Code>AccessDenied</Code><Message>Denied by\n policy</Message></Error>"})
	err := databricks.UploadInParts(t.Context(), server.Client().Files, bytes.NewReader(noise(3*unit)), partsPath, databricks.UploadOptions{Concurrency: 1}, unit)
	refusal, ok := errors.AsType[*databricks.StorageError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, databricks.StorageError{Host: "storage.databrickstest.invalid", StatusCode: 403, Code: "AccessDenied", Message: "Denied by policy", RequestID: "R1"}, *refusal)
	assert.EqualError(t, err, "databricks: part 2: PUT /storage/part: the storage at storage.databrickstest.invalid rejected the request: 403 AccessDenied: Denied by policy (request id R1)")
	assert.NotErrorIs(t, err, fs.ErrPermission)
}

// interrupt uploads a file until save was called n times, and returns the saved
// state.
func interrupt(t *testing.T, client *databricks.Client, file *os.File, n int, opts databricks.UploadOptions) *databricks.PendingUpload {
	_, err := file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stored []byte
	opts.Save = func(p databricks.PendingUpload) (err error) {
		if n--; n >= 0 {
			stored, err = json.Marshal(p)
		}
		if n == 0 {
			cancel()
		}
		return err
	}
	err = databricks.UploadInParts(ctx, client.Files, file, partsPath, opts, unit)
	require.ErrorIs(t, err, context.Canceled)
	var pending databricks.PendingUpload
	require.NoError(t, json.Unmarshal(stored, &pending))
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	return &pending
}

func TestFiles_Upload_resumes(t *testing.T) {
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		data := noise(20*unit + 5)
		for n := 1; n <= 20; n++ {
			server := newVolume(t, cloud...)
			file := openTemp(t, data)
			client := server.Client()
			pending := interrupt(t, client, file, n, databricks.UploadOptions{})
			_, there := inVolume(t, client, partsPath)
			assert.False(t, there)
			assert.Len(t, server.UnfinishedUploads(), 1)
			var last databricks.PendingUpload
			require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, file, partsPath, databricks.UploadOptions{
				Resume: pending, Save: func(p databricks.PendingUpload) error { last = p; return nil },
			}, unit))
			got, _ := inVolume(t, client, partsPath)
			require.True(t, bytes.Equal(data, got), "interrupted after %d", n)
			twice := 0
			for _, times := range partsSent(server) {
				twice += times - 1
			}
			assert.LessOrEqual(t, twice, 1, "interrupted after %d", n)
			assert.Equal(t, pending.SessionToken, last.SessionToken)
			assert.Empty(t, server.UnfinishedUploads())
		}
	})
}

func TestFiles_Upload_startsOver(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, file *os.File, client *databricks.Client, p *databricks.PendingUpload){
		"modified": func(t *testing.T, file *os.File, _ *databricks.Client, _ *databricks.PendingUpload) {
			require.NoError(t, os.Chtimes(file.Name(), time.Time{}, time.Now().Add(time.Hour)))
		},
		"grown": func(t *testing.T, file *os.File, _ *databricks.Client, p *databricks.PendingUpload) {
			require.NoError(t, file.Truncate(p.Size+1))
			require.NoError(t, os.Chtimes(file.Name(), time.Time{}, p.Modified))
		},
		"aborted": func(t *testing.T, _ *os.File, client *databricks.Client, p *databricks.PendingUpload) {
			require.NoError(t, client.Files.AbortUpload(t.Context(), *p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
				server := newVolume(t, cloud...)
				client := server.Client()
				file := openTemp(t, noise(5*unit))
				pending := interrupt(t, client, file, 3, databricks.UploadOptions{})
				change(t, file, client, pending)
				want, err := os.ReadFile(file.Name())
				require.NoError(t, err)
				require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, file, partsPath, databricks.UploadOptions{Resume: pending}, unit))
				got, _ := inVolume(t, client, partsPath)
				require.True(t, bytes.Equal(want, got))
				assert.Empty(t, server.UnfinishedUploads(), "the old one is aborted")
			})
		})
	}
}

// If a process was killed after its upload was complete, the next process detects
// this and uploads nothing.
func TestFiles_Upload_resumesWhatIsDone(t *testing.T) {
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		server := newVolume(t, cloud...)
		client := server.Client()
		file := openTemp(t, noise(5*unit))
		var last databricks.PendingUpload
		opts := databricks.UploadOptions{Save: func(p databricks.PendingUpload) error { last = p; return nil }}
		require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, file, partsPath, opts, unit))
		_, err := file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		server.ForgetRequests()
		require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, file, partsPath, databricks.UploadOptions{Resume: &last}, unit))
		assert.Empty(t, partsSent(server))
		assert.Empty(t, server.UnfinishedUploads())
	})
}

func TestFiles_Upload_badResume(t *testing.T) {
	server := newVolume(t, anyPart)
	client := server.Client()
	file := openTemp(t, noise(5*unit))
	good := interrupt(t, client, file, 3, databricks.UploadOptions{})
	for want, change := range map[string]func(*databricks.PendingUpload){
		`is of an upload to "/Volumes/x"`: func(p *databricks.PendingUpload) { p.Path = "/Volumes/x" },
		"with Overwrite: true":            func(p *databricks.PendingUpload) { p.Overwrite = true },
		"has no session_token":            func(p *databricks.PendingUpload) { p.SessionToken = "" },
		"has an invalid size (0 bytes)":   func(p *databricks.PendingUpload) { p.Size = 0 },
		"part size (1 bytes)":             func(p *databricks.PendingUpload) { p.PartSize = 1 },
		"has parts that are not in order": func(p *databricks.PendingUpload) { p.Parts = append(slices.Clone(p.Parts), p.Parts[0]) },
	} {
		p := *good
		change(&p)
		server.ForgetRequests()
		err := client.Files.Upload(t.Context(), file, partsPath, databricks.UploadOptions{Resume: &p})
		assert.ErrorContains(t, err, want)
		assert.ErrorIs(t, err, fs.ErrInvalid)
		assert.Empty(t, server.Requests())
	}
	err := client.Files.Upload(t.Context(), file, partsPath, databricks.UploadOptions{Concurrency: -1})
	assert.ErrorContains(t, err, "Concurrency is -1")
	err = client.DBFS.Upload(t.Context(), file, "/f", databricks.UploadOptions{Resume: good})
	assert.ErrorContains(t, err, "require a file in a volume")
	require.NoError(t, client.Files.AbortUpload(t.Context(), *good))
	require.NoError(t, client.Files.AbortUpload(t.Context(), *good), "a second time")
	assert.Empty(t, server.UnfinishedUploads())
}

// If saving fails, the upload fails.
func TestFiles_Upload_saveFails(t *testing.T) {
	full := errors.New("the disk is full")
	eachCloud(t, func(t *testing.T, cloud []databrickstest.Option) {
		for _, at := range []int{1, 3} {
			server := newVolume(t, cloud...)
			n := 0
			err := databricks.UploadInParts(t.Context(), server.Client().Files, openTemp(t, noise(9*unit)), partsPath, databricks.UploadOptions{Save: func(databricks.PendingUpload) error {
				if n++; n >= at {
					return full
				}
				return nil
			}}, unit)
			assert.ErrorIs(t, err, full)
			_, there := inVolume(t, server.Client(), partsPath)
			assert.False(t, there)
			assert.Len(t, server.UnfinishedUploads(), at/3, "what was saved can be resumed")
		}
	})
}

func TestFiles_Upload_planInParts(t *testing.T) {
	server := newVolume(t)
	var planned []string
	client := server.Client(databricks.WithPlan(func(p databricks.PlannedCall) {
		planned = append(planned, fmt.Sprintf("%s %s?%s %s", p.Method, p.Path, p.Query.Encode(), p.Body))
	}))
	require.NoError(t, databricks.UploadInParts(t.Context(), client.Files, bytes.NewReader(noise(2*unit)), volumeDir+"/f", databricks.UploadOptions{}, unit))
	assert.Equal(t, []string{
		"POST /api/2.0/fs/files" + volumeDir + "/f?action=initiate-upload&overwrite=false ",
		"POST /api/2.0/fs/files" + volumeDir + "/f?action=complete-upload&session_token=%5Bredacted%5D&upload_type=multipart " +
			`{"parts":[{"part_number":1,"etag":""},{"part_number":2,"etag":""}]}`,
	}, planned)
}
