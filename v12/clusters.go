package v12

import (
	"context"
	"log/slog"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/redact"
)

// ClustersService makes the older calls for clusters. The ones of
// [databricks.ClustersService] can do more; both see the same clusters.
type ClustersService service

// A ClusterState is where a cluster is in its life. The service may add some,
// so a switch over it needs a default.
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

// A Cluster is what these calls tell of a cluster.
type Cluster struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Status     ClusterState `json:"status,omitzero"`     // old servers leave it out of Status
	DriverIP   string       `json:"driverIp,omitzero"`   // private; empty while the cluster does not run
	JDBCPort   int          `json:"jdbcPort,omitzero"`   // of the driver
	NumWorkers *int         `json:"numWorkers,omitzero"` // nil if the server does not tell
}

type clusterRef struct {
	ClusterID string `json:"clusterId"`
}

// List returns all clusters, terminated ones included.
func (s *ClustersService) List(ctx context.Context) ([]Cluster, error) {
	return list[Cluster](ctx, s.client, get("/api/1.2/clusters/list", struct{}{}))
}

// Status returns a cluster, whether it runs or not. If there is none, the error
// matches fs.ErrNotExist.
func (s *ClustersService) Status(ctx context.Context, clusterID string) (*Cluster, error) {
	return area.Read[Cluster](ctx, s.client.calls, get("/api/1.2/clusters/status", clusterRef{clusterID}))
}

// CreateCluster asks for a new cluster.
type CreateCluster struct {
	Name                string               `json:"name"`
	NumWorkerContainers int                  `json:"numWorkerContainers"`
	UseSpot             *bool                `json:"useSpot,omitzero"`      // whether to bid for spare instances; nil lets the service choose
	SparkVersion        string               `json:"sparkVersion,omitzero"` // the service chooses if it is empty
	ZoneID              string               `json:"zoneId,omitzero"`       // where the instances are, such as us-west-1c
	SparkConf           databricks.SparkConf `json:"sparkConf,omitzero"`
}

// LogValue logs the value without its secrets.
func (v CreateCluster) LogValue() slog.Value { return redact.LogValue(v) }

// Create begins to make a cluster and returns its ID. The call is not repeated
// when its answer is lost; List tells then whether the cluster was made.
func (s *ClustersService) Create(ctx context.Context, in CreateCluster) (string, error) {
	call := form
	if in.SparkConf != nil {
		call = post // a form has no place for it
	}
	return s.client.id(ctx, call("/api/1.2/clusters/create", in))
}

type resizeCluster struct {
	ClusterID           string `json:"clusterId"`
	NumWorkerContainers int    `json:"numWorkerContainers"`
}

// Resize begins to change how many workers a running cluster has. It may be
// repeated.
func (s *ClustersService) Resize(ctx context.Context, clusterID string, numWorkers int) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/resize", resizeCluster{clusterID, numWorkers}).MarkIdempotent(), nil)
}

// Restart begins to restart a cluster. All its contexts are lost. The call is
// not repeated when its answer is lost.
func (s *ClustersService) Restart(ctx context.Context, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/restart", clusterRef{clusterID}), nil)
}

// Delete begins to terminate a cluster, which can be started again. It may be
// repeated.
func (s *ClustersService) Delete(ctx context.Context, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/clusters/delete", clusterRef{clusterID}).MarkIdempotent(), nil)
}
