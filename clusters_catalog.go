package databricks

import "context"

// A NodeType is a kind of machine that clusters can be made of.
type NodeType struct {
	NodeTypeID            string             `json:"node_type_id"` // for ClusterSpec.NodeTypeID
	InstanceTypeID        string             `json:"instance_type_id"`
	Description           string             `json:"description"`
	Category              string             `json:"category"` // such as Memory Optimized
	MemoryMB              int                `json:"memory_mb"`
	NumCores              float64            `json:"num_cores"` // may be a fraction
	NumGPUs               int                `json:"num_gpus"`
	NodeInfo              *CloudProviderInfo `json:"node_info"`
	NodeInstanceType      *NodeInstanceType  `json:"node_instance_type"`
	DisplayOrder          int                `json:"display_order"` // within its category, the lowest first
	IsDeprecated          bool               `json:"is_deprecated"` // there are better ones
	IsHidden              bool               `json:"is_hidden"`     // not offered in the workspace's pages
	IsGraviton            bool               `json:"is_graviton"`   // an ARM processor
	IsEncryptedInTransit  bool               `json:"is_encrypted_in_transit"`
	IsIOCacheEnabled      bool               `json:"is_io_cache_enabled"` // unless a cluster says otherwise
	PhotonDriverCapable   bool               `json:"photon_driver_capable"`
	PhotonWorkerCapable   bool               `json:"photon_worker_capable"`
	SupportClusterTags    bool               `json:"support_cluster_tags"` // a cluster's tags get to its machines
	SupportEBSVolumes     bool               `json:"support_ebs_volumes"`  // takes more disks than its own, on any cloud
	SupportPortForwarding bool               `json:"support_port_forwarding"`
}

// CloudProviderInfo is what the cloud says of a node type.
type CloudProviderInfo struct {
	Status             []CloudProviderStatus `json:"status"` // not empty: the node type cannot be used
	AvailableCoreQuota int                   `json:"available_core_quota"`
	TotalCoreQuota     int                   `json:"total_core_quota"`
}

// A CloudProviderStatus is why a node type cannot be used. There may be others.
type CloudProviderStatus string

// Reasons why a node type cannot be used.
const (
	NodeTypeNotEnabledOnSubscription CloudProviderStatus = "NotEnabledOnSubscription"
	NodeTypeNotAvailableInRegion     CloudProviderStatus = "NotAvailableInRegion"
)

// A NodeInstanceType is the machine behind a node type.
type NodeInstanceType struct {
	InstanceTypeID      string `json:"instance_type_id"`
	InstanceFamily      string `json:"instance_family"`
	LocalDisks          int    `json:"local_disks"`
	LocalDiskSizeGB     int    `json:"local_disk_size_gb"` // of each
	LocalNVMeDisks      int    `json:"local_nvme_disks"`
	LocalNVMeDiskSizeGB int    `json:"local_nvme_disk_size_gb"` // of each
	SwapSize            string `json:"swap_size"`               // such as 10g
}

// ListNodeTypes returns all node types of the workspace's region, those that
// cannot be used included.
func (s *ClustersService) ListNodeTypes(ctx context.Context) ([]NodeType, error) {
	reply, err := do[struct {
		NodeTypes []NodeType `json:"node_types"`
	}](ctx, s.client, get("/api/2.0/clusters/list-node-types"))
	if err != nil {
		return nil, err
	}
	return reply.NodeTypes, nil
}

// A SparkVersion is a runtime that clusters can run.
type SparkVersion struct {
	Key  string `json:"key"`  // for ClusterSpec.SparkVersion, such as 15.4.x-scala2.12
	Name string `json:"name"` // for people; says LTS or Beta of those that are
}

// SparkVersions returns the runtimes that clusters can be made with now. The Key
// of one is what SparkVersion of [CreateCluster] takes.
func (s *ClustersService) SparkVersions(ctx context.Context) ([]SparkVersion, error) {
	reply, err := do[struct {
		Versions []SparkVersion `json:"versions"`
	}](ctx, s.client, get("/api/2.0/clusters/spark-versions"))
	if err != nil {
		return nil, err
	}
	return reply.Versions, nil
}

// AvailabilityZones are the parts of a region of AWS.
type AvailabilityZones struct {
	Zones       []string `json:"zones"`        // for AWSAttributes.ZoneID
	DefaultZone string   `json:"default_zone"` // where nodes are if nothing is said
}

// ListZones returns the zones that clusters can be in. Workspaces on clouds
// other than AWS may not have the call.
func (s *ClustersService) ListZones(ctx context.Context) (*AvailabilityZones, error) {
	return do[AvailabilityZones](ctx, s.client, get("/api/2.0/clusters/list-zones"))
}
