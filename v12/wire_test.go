package v12_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

// A wireRow describes one call: the request that it sends, the response, and the
// result.
type wireRow struct {
	name     string
	call     func(ctx context.Context, c *v12.Client) (any, error)
	sends    string // "POST /api/1.2/…"; empty if the call is rejected before it sends anything
	body     string // JSON, a form, or the parts of a multipart body; see readBody
	response string // the body of a 200, or "500 {…}" for another status; empty for {}
	want     any
	is       error
	fails    string // a part of the error's text
}

func runWire(t *testing.T, rows []wireRow) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var sent, body string
			transport := httpmock.NewMockTransport()
			transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				sent, body = r.Method+" "+r.URL.RequestURI(), readBody(t, r)
				status, response := http.StatusOK, cmp.Or(row.response, "{}")
				if code, rest, ok := strings.Cut(response, " "); ok && len(code) == 3 {
					if n, err := strconv.Atoi(code); err == nil {
						status, response = n, rest
					}
				}
				resp := httpmock.NewStringResponse(status, response)
				resp.Header.Set("Content-Type", "application/json")
				return resp, nil
			})
			client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-test-token"),
				databricks.WithHTTPClient(&http.Client{Transport: transport}), databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 1}))
			require.NoError(t, err)

			got, err := row.call(t.Context(), v12.NewClient(client))

			assert.Equal(t, row.sends, sent, "error: %v", err)
			if strings.HasPrefix(row.body, "{") {
				assert.JSONEq(t, row.body, cmp.Or(body, "nothing"))
			} else {
				assert.Equal(t, row.body, body)
			}
			if row.fails == "" {
				require.NoError(t, err)
				assert.Equal(t, row.want, got)
				return
			}
			assert.ErrorContains(t, err, row.fails)
			if row.is != nil {
				assert.ErrorIs(t, err, row.is)
			}
		})
	}
}

// readBody returns a body. It returns a multipart body as "name=text" or
// "name=@file:content" for each part, joined by &.
func readBody(t *testing.T, r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		text, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		return string(text)
	}
	var parts []string
	for reader := multipart.NewReader(r.Body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return strings.Join(parts, "&")
		}
		if !assert.NoError(t, err) {
			return ""
		}
		text, err := io.ReadAll(part)
		assert.NoError(t, err)
		value := string(text)
		if part.FileName() != "" {
			value = "@" + part.FileName() + ":" + value
		}
		parts = append(parts, part.FormName()+"="+value)
	}
}

// only adapts a call that returns only an error.
func only(call func(ctx context.Context, c *v12.Client) error) func(context.Context, *v12.Client) (any, error) {
	return func(ctx context.Context, c *v12.Client) (any, error) { return nil, call(ctx, c) }
}

// as converts the result of a call to any.
func as[T any](v T, err error) (any, error) { return v, err }

func TestContexts_wire(t *testing.T) {
	runWire(t, []wireRow{{
		name: "create names a language and a cluster and returns an id",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Contexts.Create(ctx, "0223-221237-tract", v12.Scala))
		},
		sends: "POST /api/1.2/contexts/create", body: `{"language": "scala", "clusterId": "0223-221237-tract"}`,
		response: `{"id": "1793653964133248955"}`, want: "1793653964133248955",
	}, {
		name:  "an id that is a number keeps its digits",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Create(ctx, "c", v12.R)) },
		sends: "POST /api/1.2/contexts/create", body: `{"language": "r", "clusterId": "c"}`,
		response: `{"id": 1793653964133248955}`, want: "1793653964133248955",
	}, {
		name:  "a success that names nothing may have made something",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Create(ctx, "c", v12.R)) },
		sends: "POST /api/1.2/contexts/create", body: `{"language": "r", "clusterId": "c"}`,
		response: `{"id": null}`, fails: "outcome unknown, it may have been done: the response has no id",
	}, {
		name:  "create needs a language",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Create(ctx, "c", "")) },
		fails: "databricks: POST /api/1.2/contexts/create: language is required", is: fs.ErrInvalid,
	}, {
		name: "status asks in the query",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Contexts.Status(ctx, "a&b c", "17"))
		},
		sends:    "GET /api/1.2/contexts/status?clusterId=a%26b+c&contextId=17",
		response: `{"id": "17", "status": "Running"}`, want: &v12.ContextStatus{ID: "17", Status: v12.ContextRunning},
	}, {
		name:     "status may leave out the id, and be of a kind unknown here",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Status(ctx, "c", "17")) },
		sends:    "GET /api/1.2/contexts/status?clusterId=c&contextId=17",
		response: `{"status": "Hibernating", "since": 5}`, want: &v12.ContextStatus{Status: "Hibernating"},
	}, {
		name:     "a context that is gone",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Status(ctx, "c", "17")) },
		sends:    "GET /api/1.2/contexts/status?clusterId=c&contextId=17",
		response: `500 {"error": "ContextNotFound"}`, fails: "databricks: GET /api/1.2/contexts/status: 500: ContextNotFound", is: v12.ErrContextNotFound,
	}, {
		name:     "a cluster that is gone",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Status(ctx, "c", "17")) },
		sends:    "GET /api/1.2/contexts/status?clusterId=c&contextId=17",
		response: `500 {"error": "RuntimeException: Unknown cluster id c"}`, fails: "Unknown cluster id c", is: fs.ErrNotExist,
	}, {
		name:     "an error of a gateway in the form of 2.0",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Contexts.Status(ctx, "c", "17")) },
		sends:    "GET /api/1.2/contexts/status?clusterId=c&contextId=17",
		response: `403 {"error_code": "PERMISSION_DENIED", "message": "no"}`, fails: "403 PERMISSION_DENIED: no", is: databricks.ErrPermissionDenied,
	}, {
		name:  "destroy",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Contexts.Destroy(ctx, "c", "17") }),
		sends: "POST /api/1.2/contexts/destroy", body: `{"clusterId": "c", "contextId": "17"}`, response: `{"id": "17"}`,
	}, {
		name:  "destroy is content with any success",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Contexts.Destroy(ctx, "c", "17") }),
		sends: "POST /api/1.2/contexts/destroy", body: `{"clusterId": "c", "contextId": "17"}`, response: ` `,
	}})
}

func TestCommands_wire(t *testing.T) {
	ref := v12.CommandRef{ClusterID: "c", ContextID: "17", CommandID: "42"}
	in := v12.ExecuteCommand{Language: v12.SQL, ClusterID: "c", ContextID: "17", Command: "select '<&>'\r\n\t"}
	file := v12.ExecuteCommandFile{Language: v12.Python, ClusterID: "c", ContextID: "17", Command: v12.FileFromBytes("a \"b\".py", []byte("print(1)\xff\r\n"))}
	with := file
	with.Options = `{"displayRowLimit": 5}`
	runWire(t, []wireRow{{
		name:  "execute sends the code as it is",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Commands.Execute(ctx, in)) },
		sends: "POST /api/1.2/commands/execute", body: `{"language": "sql", "clusterId": "c", "contextId": "17", "command": "select '<&>'\r\n\t"}`,
		response: `{"id": "42"}`, want: "42",
	}, {
		name: "execute refuses what JSON would change",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			bad := in
			bad.Command = "\xff"
			return as(c.Commands.Execute(ctx, bad))
		},
		fails: "command is not valid UTF-8, so JSON would change it; send it as a file", is: fs.ErrInvalid,
	}, {
		name: "execute needs code",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Commands.Execute(ctx, v12.ExecuteCommand{Language: v12.SQL, ClusterID: "c", ContextID: "17"}))
		},
		fails: "command is required", is: fs.ErrInvalid,
	}, {
		name:  "execute with a file sends its bytes",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Commands.ExecuteFile(ctx, file)) },
		sends: "POST /api/1.2/commands/execute", body: "clusterId=c&contextId=17&language=python&command=@a %22b%22.py:print(1)\xff\r\n",
		response: `{"id": "42"}`, want: "42",
	}, {
		name:  "execute with a file and options",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Commands.ExecuteFile(ctx, with)) },
		sends: "POST /api/1.2/commands/execute", body: "clusterId=c&contextId=17&language=python&options={\"displayRowLimit\": 5}&command=@a %22b%22.py:print(1)\xff\r\n",
		response: `{"id": "42"}`, want: "42",
	}, {
		name: "execute needs a file",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Commands.ExecuteFile(ctx, v12.ExecuteCommandFile{Language: v12.SQL, ClusterID: "c", ContextID: "17"}))
		},
		fails: "command is required", is: fs.ErrInvalid,
	}, {
		name:  "status, every field",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Commands.Status(ctx, ref)) },
		sends: "GET /api/1.2/commands/status?clusterId=c&commandId=42&contextId=17",
		response: `{"id": "42", "status": "Finished", "results": {"resultType": "table", "data": [[1]], "schema": [{"name": "a", "type": "b", "metadata": "{}"}], "truncated": true,
			"isJsonSchema": true, "cause": "c", "summary": "d", "fileName": "e", "fileNames": ["f"], "pos": 6}}`,
		want: &v12.CommandStatus{ID: "42", State: v12.CommandFinished, Results: &v12.Results{
			ResultType: v12.ResultTable, Data: []byte(`[[1]]`), Schema: []v12.Column{{Name: "a", Type: "b", Metadata: "{}"}}, Truncated: true,
			IsJSONSchema: true, Cause: "c", Summary: "d", FileName: "e", FileNames: []string{"f"}, Pos: 6}},
	}, {
		name:     "status without results, of a kind unknown here",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Commands.Status(ctx, ref)) },
		sends:    "GET /api/1.2/commands/status?clusterId=c&commandId=42&contextId=17",
		response: `{"id": "42", "status": "Paused", "results": null, "eta": 1}`, want: &v12.CommandStatus{ID: "42", State: "Paused"},
	}, {
		name:  "cancel",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Commands.Cancel(ctx, ref) }),
		sends: "POST /api/1.2/commands/cancel", body: `{"clusterId": "c", "contextId": "17", "commandId": "42"}`,
	}, {
		name: "cancel needs a command",
		call: only(func(ctx context.Context, c *v12.Client) error {
			return c.Commands.Cancel(ctx, v12.CommandRef{ClusterID: "c", ContextID: "1"})
		}),
		fails: "commandId is required", is: fs.ErrInvalid,
	}})
}

func TestClusters_wire(t *testing.T) {
	whole := v12.CreateCluster{Name: "a b", NumWorkerContainers: 2, UseSpot: new(false), SparkVersion: "1.5.x", ZoneID: "us-west-1c"}
	configured := whole
	configured.SparkConf = databricks.SparkConf{"spark.speculation": "true"}
	runWire(t, []wireRow{{
		name:     "list, every field",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Clusters.List(ctx)) },
		sends:    "GET /api/1.2/clusters/list",
		response: `[{"id": "peaceJam", "name": "p", "status": "Running", "driverIp": "10.0.0.1", "jdbcPort": "10000", "numWorkers": 0}, {"id": "x", "status": "New", "jdbcPort": 10000}, null]`,
		want: []v12.Cluster{{ID: "peaceJam", Name: "p", Status: v12.ClusterRunning, DriverIP: "10.0.0.1", JDBCPort: 10000, NumWorkers: new(0)},
			{ID: "x", Status: "New", JDBCPort: 10000}, {}},
	}, {
		name:  "list of nothing",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Clusters.List(ctx)) },
		sends: "GET /api/1.2/clusters/list", response: `[]`, want: []v12.Cluster{},
	}, {
		name:  "status",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Clusters.Status(ctx, "p")) },
		sends: "GET /api/1.2/clusters/status?clusterId=p", response: `{"id": "p", "name": "q"}`, want: &v12.Cluster{ID: "p", Name: "q"},
	}, {
		name:  "create sends a form",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Clusters.Create(ctx, whole)) },
		sends: "POST /api/1.2/clusters/create", body: "name=a+b&numWorkerContainers=2&sparkVersion=1.5.x&useSpot=false&zoneId=us-west-1c",
		response: `{"id": "p"}`, want: "p",
	}, {
		name: "create with nothing but a name has no workers",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Clusters.Create(ctx, v12.CreateCluster{Name: "a"}))
		},
		sends: "POST /api/1.2/clusters/create", body: "name=a&numWorkerContainers=0", response: `{"id": "p"}`, want: "p",
	}, {
		name:     "create with properties sends JSON, for which a form has no place",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Clusters.Create(ctx, configured)) },
		sends:    "POST /api/1.2/clusters/create",
		body:     `{"name": "a b", "numWorkerContainers": 2, "useSpot": false, "sparkVersion": "1.5.x", "zoneId": "us-west-1c", "sparkConf": {"spark.speculation": "true"}}`,
		response: `{"id": "p"}`, want: "p",
	}, {
		name: "create needs a name",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Clusters.Create(ctx, v12.CreateCluster{}))
		},
		fails: "name is required", is: fs.ErrInvalid,
	}, {
		name:  "resize to nothing",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Clusters.Resize(ctx, "p", 0) }),
		sends: "POST /api/1.2/clusters/resize", body: "clusterId=p&numWorkerContainers=0",
	}, {
		name:  "restart",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Clusters.Restart(ctx, "p") }),
		sends: "POST /api/1.2/clusters/restart", body: "clusterId=p",
	}, {
		name:  "delete",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Clusters.Delete(ctx, "p") }),
		sends: "POST /api/1.2/clusters/delete", body: "clusterId=p",
	}, {
		name:  "delete needs a cluster",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Clusters.Delete(ctx, "") }),
		fails: "clusterId is required", is: fs.ErrInvalid,
	}})
}

func TestLibraries_wire(t *testing.T) {
	jar := v12.UploadLibrary{LibType: v12.LibraryJavaJAR, Name: "etl", Folder: "/Libraries", File: v12.FileFromBytes("etl.jar", []byte("PK\x03\x04\r\n--"))}
	everywhere := jar
	everywhere.AttachToAllClusters = new(true)
	runWire(t, []wireRow{{
		name:  "list",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.List(ctx)) },
		sends: "GET /api/1.2/libraries/list", response: `[{"id": "7", "name": "etl", "folder": "/"}]`,
		want: []v12.Library{{ID: "7", Name: "etl", Folder: "/"}},
	}, {
		name:  "status, every field",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.Status(ctx, "7")) },
		sends: "GET /api/1.2/libraries/status?libraryId=7",
		response: `{"id": "7", "name": "etl", "folder": "/", "files": ["1f_2e-etl.jar"], "libType": "java-jar", "attachAllClusters": "true",
			"statuses": [{"clusterId": "p", "status": "Error", "message": "bad"}]}`,
		want: &v12.LibraryStatus{ID: "7", Name: "etl", Folder: "/", Files: []string{"1f_2e-etl.jar"}, LibType: v12.LibraryJavaJAR, AttachAllClusters: true,
			Statuses: []v12.LibraryClusterStatus{{ClusterID: "p", Status: v12.LibraryFailed, Message: "bad"}}},
	}, {
		name:     "a library that is not there",
		call:     func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.Status(ctx, "7")) },
		sends:    "GET /api/1.2/libraries/status?libraryId=7",
		response: `500 {"error": "NoSuchElementException: key not found: 7"}`, fails: "key not found: 7", is: fs.ErrNotExist,
	}, {
		name:  "upload sends the file",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.Upload(ctx, jar)) },
		sends: "POST /api/1.2/libraries/upload", body: "folder=/Libraries&libType=java-jar&name=etl&uri=@etl.jar:PK\x03\x04\r\n--",
		response: `{"id": "7"}`, want: "7",
	}, {
		name:  "upload for all clusters",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.Upload(ctx, everywhere)) },
		sends: "POST /api/1.2/libraries/upload", body: "attachToAllClusters=true&folder=/Libraries&libType=java-jar&name=etl&uri=@etl.jar:PK\x03\x04\r\n--",
		response: `{"id": "7"}`, want: "7",
	}, {
		name:  "a name that is taken",
		call:  func(ctx context.Context, c *v12.Client) (any, error) { return as(c.Libraries.Upload(ctx, jar)) },
		sends: "POST /api/1.2/libraries/upload", body: "folder=/Libraries&libType=java-jar&name=etl&uri=@etl.jar:PK\x03\x04\r\n--",
		response: `500 {"error": "NameConflictException: Node named \"etl\" already exists"}`, fails: `already exists`, is: fs.ErrExist,
	}, {
		name: "upload needs a folder",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Libraries.Upload(ctx, v12.UploadLibrary{LibType: v12.LibraryScala, Name: "etl", File: jar.File}))
		},
		fails: "folder is required", is: fs.ErrInvalid,
	}, {
		name:  "delete",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Libraries.Delete(ctx, "7") }),
		sends: "POST /api/1.2/libraries/delete", body: "libraryId=7",
	}, {
		name:  "attach",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Libraries.Attach(ctx, "7", v12.AllClusters) }),
		sends: "POST /api/1.2/libraries/attach", body: "clusterId=__ALL_CLUSTERS&libraryId=7",
	}, {
		name:  "detach",
		call:  only(func(ctx context.Context, c *v12.Client) error { return c.Libraries.Detach(ctx, "7", "p") }),
		sends: "POST /api/1.2/libraries/detach", body: "clusterId=p&libraryId=7",
	}})
}

// A file of unknown size is sent, and a file that cannot be opened is not.
func TestCommands_ExecuteFile_sources(t *testing.T) {
	boom := errors.New("boom")
	in := func(size int64, open func() (io.ReadCloser, error)) v12.ExecuteCommandFile {
		return v12.ExecuteCommandFile{Language: v12.R, ClusterID: "c", ContextID: "1", Command: databricks.FilePart{Name: "a.R", Size: size, Open: open}}
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("1")), nil }
	runWire(t, []wireRow{{
		name: "of unknown size",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			return as(c.Commands.ExecuteFile(ctx, in(-1, open)))
		},
		sends: "POST /api/1.2/commands/execute", body: "clusterId=c&contextId=1&language=r&command=@a.R:1", response: `{"id": "2"}`, want: "2",
	}, {
		name: "that cannot be opened",
		call: func(ctx context.Context, c *v12.Client) (any, error) {
			_, err := c.Commands.ExecuteFile(ctx, in(5, func() (io.ReadCloser, error) { return nil, boom }))
			if _, unknown := errors.AsType[*databricks.OutcomeUnknownError](err); unknown {
				err = fmt.Errorf("nothing was sent, but: %v", err)
			}
			return nil, err
		},
		fails: "boom", is: boom,
	}})
}
