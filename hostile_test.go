package databricks

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostileCalls are the methods without a row in the contract's table. They receive
// responses that expand from a few bytes. [contract.Suite.Hostile] fails for a
// method that is in neither table.
var hostileCalls = map[string]func(ctx context.Context, client any) error{
	"Do": on(func(ctx context.Context, c *Client) error { return c.Do(ctx, get("/api/2.0/x"), new(any)) }),

	"Clusters.EnsureRunning": value(func(ctx context.Context, c *Client) (*Cluster, error) { return c.Clusters.EnsureRunning(ctx, "c") }),
	"Clusters.ListEvents": value(func(ctx context.Context, c *Client) ([]ClusterEvent, error) {
		return c.Clusters.ListEvents(ctx, ListClusterEvents{ClusterID: "c"})
	}),
	"Clusters.ListEventsPage": value(func(ctx context.Context, c *Client) (*Page[ClusterEvent], error) {
		return c.Clusters.ListEventsPage(ctx, ListClusterEvents{ClusterID: "c"})
	}),
	"Clusters.ListPage": value(func(ctx context.Context, c *Client) (*Page[Cluster], error) {
		return c.Clusters.ListPage(ctx, ListClusters{})
	}),
	"Clusters.Modify": on(func(ctx context.Context, c *Client) error {
		return c.Clusters.Modify(ctx, "c", func(s *ClusterSpec) { *s = ClusterSpec{SparkVersion: "1", NodeTypeID: "n", NumWorkers: new(1)} })
	}),
	"Clusters.SelectNodeType": value(func(ctx context.Context, c *Client) (string, error) {
		return c.Clusters.SelectNodeType(ctx, SelectNodeType{})
	}),
	"Clusters.SelectSparkVersion": value(func(ctx context.Context, c *Client) (string, error) {
		return c.Clusters.SelectSparkVersion(ctx, SelectSparkVersion{})
	}),
	"Clusters.WaitRunning":    value(func(ctx context.Context, c *Client) (*Cluster, error) { return c.Clusters.WaitRunning(ctx, "c") }),
	"Clusters.WaitTerminated": value(func(ctx context.Context, c *Client) (*Cluster, error) { return c.Clusters.WaitTerminated(ctx, "c") }),
	"Clusters.Watch":          each(func(ctx context.Context, c *Client) iter.Seq2[*Cluster, error] { return c.Clusters.Watch(ctx, "c") }),

	"DBFS.DeleteTree": on(func(ctx context.Context, c *Client) error { return c.DBFS.DeleteTree(ctx, "/d", nil) }),
	"DBFS.Download": on(func(ctx context.Context, c *Client) error {
		return c.DBFS.Download(ctx, "/f", io.Discard, DownloadOptions{})
	}),
	"DBFS.DownloadDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.DBFS.DownloadDir(ctx, "/d", dir, DirOptions{})
		return err
	}),
	"DBFS.DownloadFile": inDir(func(ctx context.Context, c *Client, dir string) error {
		return c.DBFS.DownloadFile(ctx, "/f", dir+"/f", DownloadOptions{})
	}),
	"DBFS.FS": value(func(ctx context.Context, c *Client) ([]byte, error) { return fs.ReadFile(c.DBFS.FS(ctx, "/d"), "f") }),
	"DBFS.Open": value(func(ctx context.Context, c *Client) ([]byte, error) {
		f, err := c.DBFS.Open(ctx, "/f")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
		return nil, err
	}),
	"DBFS.Upload": on(func(ctx context.Context, c *Client) error {
		return c.DBFS.Upload(ctx, strings.NewReader("x"), "/f", UploadOptions{Overwrite: true})
	}),
	"DBFS.UploadDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.DBFS.UploadDir(ctx, dir, "/d", DirOptions{})
		return err
	}),

	"Files.AbortUpload": on(func(ctx context.Context, c *Client) error {
		return c.Files.AbortUpload(ctx, PendingUpload{Path: "/Volumes/c/s/v/f", SessionToken: "t", Size: 2, PartSize: 1})
	}),
	"Files.All": each(func(ctx context.Context, c *Client) iter.Seq2[FileEntry, error] {
		return c.Files.All(ctx, ListDirectory{Path: "/Volumes/c/s/v/d"})
	}),
	"Files.CompleteUpload": on(func(ctx context.Context, c *Client) error {
		return c.Files.CompleteUpload(ctx, CompleteUpload{Path: "/Volumes/c/s/v/f", SessionToken: "t", Parts: []CompletedPart{{PartNumber: 1}}})
	}),
	"Files.CreateAbortUploadURL": value(func(ctx context.Context, c *Client) (*PresignedURL, error) {
		return c.Files.CreateAbortUploadURL(ctx, CreateAbortUploadURL{Path: "/Volumes/c/s/v/f", SessionToken: "t"})
	}),
	"Files.CreateDirectory": on(func(ctx context.Context, c *Client) error { return c.Files.CreateDirectory(ctx, "/Volumes/c/s/v/d") }),
	"Files.CreateDownloadURL": value(func(ctx context.Context, c *Client) (*PresignedURL, error) {
		return c.Files.CreateDownloadURL(ctx, CreateDownloadURL{Path: "/Volumes/c/s/v/f"})
	}),
	"Files.CreateResumableUploadURL": value(func(ctx context.Context, c *Client) (*PresignedURL, error) {
		return c.Files.CreateResumableUploadURL(ctx, CreateResumableUploadURL{Path: "/Volumes/c/s/v/f", SessionToken: "t"})
	}),
	"Files.CreateUploadPartURLs": value(func(ctx context.Context, c *Client) ([]PresignedURL, error) {
		return c.Files.CreateUploadPartURLs(ctx, CreateUploadPartURLs{Path: "/Volumes/c/s/v/f", SessionToken: "t", StartPartNumber: 1, Count: 1})
	}),
	"Files.Delete":          on(func(ctx context.Context, c *Client) error { return c.Files.Delete(ctx, "/Volumes/c/s/v/f") }),
	"Files.DeleteDirectory": on(func(ctx context.Context, c *Client) error { return c.Files.DeleteDirectory(ctx, "/Volumes/c/s/v/d") }),
	"Files.DeleteTree":      on(func(ctx context.Context, c *Client) error { return c.Files.DeleteTree(ctx, "/Volumes/c/s/v/d", nil) }),
	"Files.Download": on(func(ctx context.Context, c *Client) error {
		return c.Files.Download(ctx, "/Volumes/c/s/v/f", io.Discard, DownloadOptions{})
	}),
	"Files.DownloadDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.Files.DownloadDir(ctx, "/Volumes/c/s/v/d", dir, DirOptions{})
		return err
	}),
	"Files.DownloadFile": inDir(func(ctx context.Context, c *Client, dir string) error {
		return c.Files.DownloadFile(ctx, "/Volumes/c/s/v/f", dir+"/f", DownloadOptions{})
	}),
	"Files.FS": value(func(ctx context.Context, c *Client) ([]byte, error) {
		return fs.ReadFile(c.Files.FS(ctx, "/Volumes/c/s/v/d"), "f")
	}),
	"Files.GetDirectoryMetadata": on(func(ctx context.Context, c *Client) error {
		return c.Files.GetDirectoryMetadata(ctx, "/Volumes/c/s/v/d")
	}),
	"Files.GetMetadata": value(func(ctx context.Context, c *Client) (*FileMetadata, error) {
		return c.Files.GetMetadata(ctx, "/Volumes/c/s/v/f")
	}),
	"Files.InitiateUpload": value(func(ctx context.Context, c *Client) (*InitiatedUpload, error) {
		return c.Files.InitiateUpload(ctx, InitiateUpload{Path: "/Volumes/c/s/v/f"})
	}),
	"Files.List": value(func(ctx context.Context, c *Client) ([]FileEntry, error) {
		return c.Files.List(ctx, ListDirectory{Path: "/Volumes/c/s/v/d"})
	}),
	"Files.ListPage": value(func(ctx context.Context, c *Client) (*Page[FileEntry], error) {
		return c.Files.ListPage(ctx, ListDirectory{Path: "/Volumes/c/s/v/d"})
	}),
	"Files.Open": value(func(ctx context.Context, c *Client) ([]byte, error) {
		f, err := c.Files.Open(ctx, "/Volumes/c/s/v/f")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
		return nil, err
	}),
	"Files.PutFile": on(func(ctx context.Context, c *Client) error {
		return c.Files.PutFile(ctx, "/Volumes/c/s/v/f", strings.NewReader("x"), PutFileOptions{})
	}),
	"Files.Read": value(func(ctx context.Context, c *Client) ([]byte, error) {
		return c.Files.Read(ctx, ReadFile{Path: "/Volumes/c/s/v/f", Length: 1 << 20})
	}),
	"Files.Upload": on(func(ctx context.Context, c *Client) error {
		return c.Files.Upload(ctx, strings.NewReader("x"), "/Volumes/c/s/v/f", UploadOptions{Overwrite: true})
	}),
	"Files.UploadDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.Files.UploadDir(ctx, dir, "/Volumes/c/s/v/d", DirOptions{})
		return err
	}),

	"Jobs.AllRunOutputs": each(func(ctx context.Context, c *Client) iter.Seq2[TaskOutput, error] { return c.Jobs.AllRunOutputs(ctx, 1) }),
	"Jobs.ListPage":      value(func(ctx context.Context, c *Client) (*Page[Job], error) { return c.Jobs.ListPage(ctx, ListJobs{}) }),
	"Jobs.ListRunsPage":  value(func(ctx context.Context, c *Client) (*Page[Run], error) { return c.Jobs.ListRunsPage(ctx, ListRuns{}) }),
	"Jobs.RunResult":     value(func(ctx context.Context, c *Client) (*Run, error) { return c.Jobs.RunResult(ctx, 1) }),
	"Jobs.WaitRun":       value(func(ctx context.Context, c *Client) (*Run, error) { return c.Jobs.WaitRun(ctx, 1) }),
	"Jobs.WaitRuns": each(func(ctx context.Context, c *Client) iter.Seq2[*Run, error] {
		return c.Jobs.WaitRuns(ctx, []int64{1, 2})
	}),
	"Jobs.WatchRun": each(func(ctx context.Context, c *Client) iter.Seq2[*Run, error] { return c.Jobs.WatchRun(ctx, 1) }),

	"Libraries.WaitInstalled": on(func(ctx context.Context, c *Client) error {
		return c.Libraries.WaitInstalled(ctx, "c", []Library{{JAR: "dbfs:/a.jar"}})
	}),
	"Permissions.Revoke": value(func(ctx context.Context, c *Client) (*ObjectPermissions, error) {
		return c.Permissions.Revoke(ctx, RevokePermission{Object: PermissionsOnClusterPolicies, ID: "p", GroupName: "users"})
	}),
	"Policies.ListCompliancePage": value(func(ctx context.Context, c *Client) (*Page[ClusterCompliance], error) {
		return c.Policies.ListCompliancePage(ctx, ListCompliance{PolicyID: "p"})
	}),
	"Policies.ListFamiliesPage": value(func(ctx context.Context, c *Client) (*Page[PolicyFamily], error) {
		return c.Policies.ListFamiliesPage(ctx, ListPolicyFamilies{})
	}),
	"Volumes.ListPage": value(func(ctx context.Context, c *Client) (*Page[Volume], error) {
		return c.Volumes.ListPage(ctx, ListVolumes{CatalogName: "c", SchemaName: "s"})
	}),

	"Workspace.ExportDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.Workspace.ExportDir(ctx, "/d", dir, DirOptions{})
		return err
	}),
	"Workspace.FS": value(func(ctx context.Context, c *Client) ([]byte, error) { return fs.ReadFile(c.Workspace.FS(ctx), "f") }),
	"Workspace.ImportDir": inDir(func(ctx context.Context, c *Client, dir string) (err error) {
		_, err = c.Workspace.ImportDir(ctx, dir, "/d", DirOptions{})
		return err
	}),
	"Workspace.Walk": each(func(ctx context.Context, c *Client) iter.Seq2[WorkspaceObject, error] {
		return c.Workspace.Walk(ctx, "/d")
	}),
}

func on(call func(ctx context.Context, c *Client) error) func(ctx context.Context, client any) error {
	return func(ctx context.Context, client any) error { return call(ctx, client.(*Client)) }
}

func value[T any](call func(ctx context.Context, c *Client) (T, error)) func(ctx context.Context, client any) error {
	return on(func(ctx context.Context, c *Client) error {
		_, err := call(ctx, c)
		return err
	})
}

func each[T any](call func(ctx context.Context, c *Client) iter.Seq2[T, error]) func(ctx context.Context, client any) error {
	return on(func(ctx context.Context, c *Client) (err error) {
		for _, e := range call(ctx, c) {
			err = e
		}
		return err
	})
}

// inDir adapts a call that needs a local directory.
func inDir(call func(ctx context.Context, c *Client, dir string) error) func(ctx context.Context, client any) error {
	return on(func(ctx context.Context, c *Client) error {
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		return call(ctx, c, dir)
	})
}

// zippedClient returns a client of a service with a single, compressed response.
func zippedClient(t *testing.T, text string) *Client {
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	client, err := NewClient(WithHost("https://workspace.example.com"), WithToken("x"), WithHTTPClient(&http.Client{
		Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: 200, Request: r, Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}},
				Body: io.NopCloser(bytes.NewReader(zip.Bytes())),
			}, nil
		}),
	}))
	require.NoError(t, err)
	return client
}

// Real data is not rejected, however well it compresses.
func TestDecode_large(t *testing.T) {
	n := 20_000
	if *EveryCell {
		n = 100_000
	}
	list := func(member string, element func(i int) string) string {
		var b strings.Builder
		b.WriteString(`{"` + member + `":[`)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(element(i))
		}
		b.WriteString("]}")
		return b.String()
	}
	whole := `{"cluster_id":"1126-035848-%08d","num_workers":1,"spark_version":"7.3.x-scala2.12","spark_conf":{"spark.speculation":"true"},"node_type_id":"Standard_DS3_v2",` +
		`"driver_node_type_id":"Standard_DS3_v2","custom_tags":{"cost":"1234","env":"prod","team":"data"},"autotermination_minutes":60,"enable_elastic_disk":true,` +
		`"azure_attributes":{"first_on_demand":1,"availability":"ON_DEMAND_AZURE","spot_bid_max_price":-1},"cluster_name":"etl","creator_user_name":"admin@example.com",` +
		`"driver":{"private_ip":"10.139.201.118","node_id":"55419982b7a34a979530d4a7097552b8","instance_id":"0ac01acf598d2b7f1417704290e64be3","start_timestamp":1795665528351},` +
		`"cluster_source":"API","state":"RUNNING","state_message":"","start_time":1795665528051,"cluster_memory_mb":28672,"cluster_cores":8,` +
		`"default_tags":{"ClusterName":"etl","Creator":"admin@example.com","Vendor":"Databricks"},"driver_healthy":true}`
	for name, element := range map[string]func(i int) string{
		"clusters that differ in their IDs": func(i int) string { return fmt.Sprintf(whole, i) },
		"clusters with few members":         func(i int) string { return fmt.Sprintf(`{"cluster_id":"c-%d","state":"RUNNING"}`, i) },
	} {
		t.Run(name, func(t *testing.T) {
			client := zippedClient(t, list("clusters", element))
			got, err := client.Clusters.List(t.Context(), ListClusters{})
			require.NoError(t, err)
			assert.Len(t, got, n)
			count := 0
			for _, err := range client.Clusters.All(t.Context(), ListClusters{}) {
				require.NoError(t, err)
				count++
			}
			assert.Equal(t, n, count)
		})
	}
	t.Run("jobs", func(t *testing.T) {
		got, err := zippedClient(t, list("jobs", func(i int) string {
			return fmt.Sprintf(`{"job_id":%d,"settings":{"name":"nightly","max_concurrent_runs":1},"created_time":1457570074236}`, i)
		})).Jobs.List(t.Context(), ListJobs{})
		require.NoError(t, err)
		assert.Len(t, got, n)
	})
	t.Run("a notebook of 100 MB", func(t *testing.T) {
		var b strings.Builder
		for i := 0; b.Len() < 100_000_000; i++ {
			fmt.Fprintf(&b, "%d: df = spark.read.table('events').where('day = %d').cache()\n", i, i%366)
		}
		content := b.String()
		for direct, text := range map[bool]string{
			false: `{"content":"` + base64.StdEncoding.EncodeToString([]byte(content)) + `","file_type":"py"}`,
			true:  content,
		} {
			got, err := zippedClient(t, text).Workspace.Export(t.Context(), ExportObject{Path: "/n", DirectDownload: direct})
			require.NoError(t, err, "direct: %v", direct)
			assert.True(t, string(got.Content) == content, "direct: %v", direct)
		}
	})
}
