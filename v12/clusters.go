package v12

import (
	"context"
	"log/slog"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/redact"
)

// ClustersService has the older calls for clusters.
// [databricks.ClustersService] has newer calls with more features. Both see the
// same clusters.
type ClustersService service

// A ClusterState is the life cycle state of a cluster. The service may add
// states, so a switch over it needs a default.
type ClusterState string

// States of a cluster.
const (
	ClusterPending       ClusterState = "Pending"
	ClusterRunning       ClusterState = "Running"
	ClusterReconfiguring ClusterState = "Reconfiguring" // being resized
	ClusterTerminating   ClusterState = "Terminating"
	ClusterTerminated    ClusterState = "Terminated"
	ClusterFailed        ClusterState = "Error"
)

// A Cluster describes a cluster.
type Cluster struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Status     ClusterState `json:"status,omitzero"`     // old servers omit it in responses to Status
	DriverIP   string       `json:"driverIp,omitzero"`   // private IP address; empty if the cluster is not running
	JDBCPort   int          `json:"jdbcPort,omitzero"`   // port of the driver
	NumWorkers *int         `json:"numWorkers,omitzero"` // nil if the server does not report it
}

type clusterRef struct {
	ClusterID string `json:"clusterId"`
}

// List returns all clusters, including terminated ones.
func (s *ClustersService) List(ctx context.Context) ([]Cluster, error) {
	return list[Cluster](ctx, s.client, get("/api/1.2/clusters/list", struct{}{}))
}

// Status returns a cluster, even if it is not running. If the cluster does not
// exist, the error matches fs.ErrNotExist.
func (s *ClustersService) Status(ctx context.Context, clusterID string) (*Cluster, error) {
	return area.Read[Cluster](ctx, s.client.calls, get("/api/1.2/clusters/status", clusterRef{clusterID}))
}

// CreateCluster describes a new cluster.
type CreateCluster struct {
	Name                string               `json:"name"`
	NumWorkerContainers int                  `json:"numWorkerContainers"`
	UseSpot             *bool                `json:"useSpot,omitzero"`      // whether to use spot instances; nil lets the service choose
	SparkVersion        string               `json:"sparkVersion,omitzero"` // empty lets the service choose
	ZoneID              string               `json:"zoneId,omitzero"`       // availability zone, such as us-west-1c
	SparkConf           databricks.SparkConf `json:"sparkConf,omitzero"`
}

// LogValue logs the value without its secrets.
func (v CreateCluster) LogValue() slog.Value { return redact.LogValue(v) }

// Create starts the creation of a cluster and returns its ID. The client does
// not retry it after a lost response. List then shows whether the cluster was
// created.
func (s *ClustersService) Create(ctx context.Context, in CreateCluster) (string, error) {
	call := form
	if in.SparkConf != nil {
		call = post // a form cannot represent this field
	}
	return s.client.id(ctx, call("/api/1.2/clusters/create", in))
}

type resizeCluster struct {
	ClusterID           string `json:"clusterId"`
	NumWorkerContainers int    `json:"numWorkerContainers"`
}

// Resize starts to change the number of workers of a running cluster. It is
// idempotent, so the client retries it.
func (s *ClustersService) Resize(ctx context.Context, clusterID string, numWorkers int) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/resize", resizeCluster{clusterID, numWorkers}).MarkIdempotent(), nil)
}

// Restart starts to restart a cluster. All its contexts are lost. The client
// does not retry it after a lost response.
func (s *ClustersService) Restart(ctx context.Context, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/restart", clusterRef{clusterID}), nil)
}

// Delete starts the termination of a cluster. The cluster can be started again.
// Delete is idempotent, so the client retries it.
func (s *ClustersService) Delete(ctx context.Context, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/delete", clusterRef{clusterID}).MarkIdempotent(), nil)
}
