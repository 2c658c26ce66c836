package main

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/v12"
)

// ours is this library, used as its documentation says.
type ours struct {
	*databricks.Client
	session func() (*v12.Session, error)
}

func newOurs(host string, transport http.RoundTripper) (client, error) {
	opts := []databricks.Option{databricks.WithHost(host), databricks.WithToken(token)}
	if transport != nil {
		opts = append(opts, databricks.WithHTTPClient(&http.Client{Transport: transport}))
	}
	c, err := databricks.NewClient(opts...)
	return &ours{c, sync.OnceValues(func() (*v12.Session, error) {
		return v12.NewClient(c).NewSession(context.Background(), "c-1", v12.Python)
	})}, err
}

func (o *ours) GetCluster(ctx context.Context, id string) (string, error) {
	c, err := o.Clusters.Get(ctx, id)
	if err != nil {
		return "", err
	}
	return c.ClusterName, nil
}

func (o *ours) GetRun(ctx context.Context, id int64) (string, error) {
	r, err := o.Jobs.GetRun(ctx, databricks.GetRun{RunID: id})
	if err != nil {
		return "", err
	}
	return r.RunName, nil
}

func (o *ours) CreateCluster(ctx context.Context, name string) (string, error) {
	return o.Clusters.Create(ctx, newCluster(name))
}

func (o *ours) ListClusters(ctx context.Context) (any, int, error) {
	clusters, err := o.Clusters.List(ctx, databricks.ListClusters{})
	return clusters, len(clusters), err
}

func (o *ours) EachCluster(ctx context.Context) (n int, err error) {
	for _, err := range o.Clusters.All(ctx, databricks.ListClusters{}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (o *ours) EachRun(ctx context.Context) (n int, err error) {
	for _, err := range o.Jobs.AllRuns(ctx, databricks.ListRuns{}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (o *ours) Download(ctx context.Context, path string, to io.Writer) error {
	return o.DBFS.Download(ctx, path, to, databricks.DownloadOptions{})
}

func (o *ours) Upload(ctx context.Context, path string, from io.ReadSeeker) error {
	return o.DBFS.Upload(ctx, from, path, databricks.UploadOptions{})
}

func (o *ours) RunCommand(ctx context.Context, code string) error {
	session, err := o.session()
	if err != nil {
		return err
	}
	_, err = session.Run(ctx, code)
	return err
}

func (o *ours) WaitRunning(ctx context.Context, id string) error {
	_, err := o.Clusters.WaitRunning(ctx, id)
	return err
}

// newCluster returns the input of both clients for a new cluster.
func newCluster(name string) databricks.ClusterSpec {
	return databricks.ClusterSpec{
		ClusterName: name, SparkVersion: "15.4.x-scala2.12", NodeTypeID: "i3.xlarge", AutoterminationMinutes: new(30),
		Autoscale:     &databricks.AutoScale{MinWorkers: new(2), MaxWorkers: 8},
		SparkConf:     databricks.SparkConf{"spark.speculation": "true", "spark.sql.shuffle.partitions": "400"},
		SparkEnvVars:  databricks.SparkEnvVars{"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
		CustomTags:    map[string]string{"team": "ingest", "cost": "4711"},
		SSHPublicKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBench bench@example.com"},
	}
}

func (o *ours) DownloadDir(ctx context.Context, path, dir string) error {
	_, err := o.DBFS.DownloadDir(ctx, path, dir, databricks.DirOptions{})
	return err
}

func (o *ours) ImportDir(ctx context.Context, dir, path string) error {
	_, err := o.Workspace.ImportDir(ctx, dir, path, databricks.DirOptions{})
	return err
}

func (o *ours) UploadDir(ctx context.Context, dir, path string) error {
	_, err := o.DBFS.UploadDir(ctx, dir, path, databricks.DirOptions{})
	return err
}

func (o *ours) FastUploadDir(ctx context.Context, dir, path string) error {
	return o.UploadDir(ctx, dir, path)
}

func (o *ours) FastUpload(ctx context.Context, path string, from io.ReadSeeker, _ int64) error {
	return o.Upload(ctx, path, from)
}

// FastStream does not use the size.
func (o *ours) FastStream(ctx context.Context, path string, from io.Reader, _ int64) error {
	return o.DBFS.Upload(ctx, io.MultiReader(from), path, databricks.UploadOptions{})
}
