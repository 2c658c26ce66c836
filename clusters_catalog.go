package databricks

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A NodeType is a kind of machine for clusters.
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
	DisplayOrder          int                `json:"display_order"` // position within its category, lowest first
	IsDeprecated          bool               `json:"is_deprecated"`
	IsHidden              bool               `json:"is_hidden"`   // not shown in the user interface
	IsGraviton            bool               `json:"is_graviton"` // has an ARM processor
	IsEncryptedInTransit  bool               `json:"is_encrypted_in_transit"`
	IsIOCacheEnabled      bool               `json:"is_io_cache_enabled"` // the IO cache is on by default
	PhotonDriverCapable   bool               `json:"photon_driver_capable"`
	PhotonWorkerCapable   bool               `json:"photon_worker_capable"`
	SupportClusterTags    bool               `json:"support_cluster_tags"` // a cluster's tags are set on its machines
	SupportEBSVolumes     bool               `json:"support_ebs_volumes"`  // supports remote disks, on any cloud
	SupportPortForwarding bool               `json:"support_port_forwarding"`
}

// CloudProviderInfo describes whether the cloud provides a node type.
type CloudProviderInfo struct {
	Status             []CloudProviderStatus `json:"status"` // why the node type cannot be used; empty if it can
	AvailableCoreQuota int                   `json:"available_core_quota"`
	TotalCoreQuota     int                   `json:"total_core_quota"`
}

// A CloudProviderStatus is a reason why a node type cannot be used. The service
// may add reasons.
type CloudProviderStatus string

// Reasons why a node type cannot be used.
const (
	NodeTypeNotEnabledOnSubscription CloudProviderStatus = "NotEnabledOnSubscription"
	NodeTypeNotAvailableInRegion     CloudProviderStatus = "NotAvailableInRegion"
)

// A NodeInstanceType describes the machine of a node type.
type NodeInstanceType struct {
	InstanceTypeID      string `json:"instance_type_id"`
	InstanceFamily      string `json:"instance_family"`
	LocalDisks          int    `json:"local_disks"`
	LocalDiskSizeGB     int    `json:"local_disk_size_gb"` // size of each disk
	LocalNVMeDisks      int    `json:"local_nvme_disks"`
	LocalNVMeDiskSizeGB int    `json:"local_nvme_disk_size_gb"` // size of each disk
	SwapSize            string `json:"swap_size"`               // such as 10g
}

// ListNodeTypes returns all node types of the workspace's region, including those
// that cannot be used. [ClustersService.SelectNodeType] selects one.
func (s *ClustersService) ListNodeTypes(ctx context.Context) ([]NodeType, error) {
	response, err := do[struct {
		NodeTypes []NodeType `json:"node_types"`
	}](ctx, s.client, get("/api/2.0/clusters/list-node-types"))
	if err != nil {
		return nil, err
	}
	return response.NodeTypes, nil
}

// A SparkVersion is a runtime for clusters.
type SparkVersion struct {
	Key  string `json:"key"`  // for ClusterSpec.SparkVersion, such as 15.4.x-scala2.12
	Name string `json:"name"` // human-readable; contains LTS or Beta where that applies
}

// SparkVersions returns the runtimes that new clusters can use. The Key of a
// runtime is a value for ClusterSpec.SparkVersion.
// [ClustersService.SelectSparkVersion] selects one.
func (s *ClustersService) SparkVersions(ctx context.Context) ([]SparkVersion, error) {
	response, err := do[struct {
		Versions []SparkVersion `json:"versions"`
	}](ctx, s.client, get("/api/2.0/clusters/spark-versions"))
	if err != nil {
		return nil, err
	}
	return response.Versions, nil
}

// SelectSparkVersion describes the runtime to select. The zero value selects the
// newest long-term support (LTS) runtime of the standard flavor.
type SelectSparkVersion struct {
	ML     bool   // the runtime for machine learning
	GPU    bool   // for node types with GPUs; requires ML
	Photon bool   // a runtime with Photon in its name; for the other ones, ClusterSpec.RuntimeEngine enables Photon
	ARM    bool   // for node types with ARM processors
	Scala  string // such as "2.12"; empty for the lowest version that is available for the runtime
	NonLTS bool   // also consider releases without long-term support
	Beta   bool   // also consider beta releases
}

// sparkVersionKey splits the key of a runtime, such as 15.4.x-gpu-ml-scala2.12.
var sparkVersionKey = regexp.MustCompile(`^(\d+)\.(\d+)\.x((?:-[a-z0-9]+)*)-scala(\d+\.\d+)$`)

// SelectSparkVersion returns the key of the newest runtime that matches, for
// ClusterSpec.SparkVersion. If no runtime matches, the error matches
// [fs.ErrNotExist].
func (s *ClustersService) SelectSparkVersion(ctx context.Context, in SelectSparkVersion) (string, error) {
	versions, err := s.SparkVersions(ctx)
	if err != nil {
		return "", err
	}
	var best string
	var newest [4]int // major, minor, and the negated Scala version, because the lowest wins
	for _, v := range versions {
		m := sparkVersionKey.FindStringSubmatch(v.Key)
		if m == nil || !in.matches(v.Name, strings.Split(m[3], "-"), m[4]) {
			continue
		}
		major, minor, scala := number(m[1]), number(m[2]), strings.Split(m[4], ".")
		rank := [4]int{major, minor, -number(scala[0]), -number(scala[1])}
		if best == "" || slices.Compare(rank[:], newest[:]) > 0 {
			best, newest = v.Key, rank
		}
	}
	if best == "" {
		return "", fmt.Errorf("databricks: no runtime of the workspace's %d matches %+v: %w", len(versions), in, fs.ErrNotExist)
	}
	return best, nil
}

// matches reports whether a runtime matches the selection. It has this name, these
// words in its key and this version of Scala.
func (in SelectSparkVersion) matches(name string, words []string, scala string) bool {
	has := func(word string) bool { return slices.Contains(words, word) }
	return has("ml") == in.ML && has("gpu") == in.GPU && has("photon") == in.Photon && has("aarch64") == in.ARM &&
		!has("hls") && !has("conda") &&
		(in.Scala == "" || scala == in.Scala) &&
		(in.NonLTS || in.Beta || strings.Contains(name, "LTS")) && (in.Beta || !strings.Contains(name, "Beta"))
}

// number parses digits. It returns the largest int if they do not fit into an int.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return math.MaxInt
	}
	return n
}

// SelectNodeType describes the node type to select. The zero value selects the
// smallest node type of the workspace.
type SelectNodeType struct {
	MinCores       int
	MinMemoryGB    int // minimum memory in GiB
	MinGPUs        int // 0 selects a node type without GPUs
	MinLocalDiskGB int // minimum total size of the local disks; 1 requires any local disk
	Category       string
	Photon         bool // must support Photon on the driver and on workers
	ARM            bool // must have an ARM processor; false selects a node type without one
}

// SelectNodeType returns the ID of the smallest node type that matches, for
// ClusterSpec.NodeTypeID. The smallest one has the fewest GPUs, then the fewest
// cores, then the least memory, then the least local disk. Node types that are
// deprecated, hidden or not available to the workspace are not considered. The
// error matches [fs.ErrNotExist] if no node type matches.
func (s *ClustersService) SelectNodeType(ctx context.Context, in SelectNodeType) (string, error) {
	types, err := s.ListNodeTypes(ctx)
	if err != nil {
		return "", err
	}
	total := len(types)
	types = slices.DeleteFunc(types, func(t NodeType) bool { return !in.matches(t) })
	if len(types) == 0 {
		return "", fmt.Errorf("databricks: no node type of the workspace's %d matches %+v: %w", total, in, fs.ErrNotExist)
	}
	return slices.MinFunc(types, func(a, b NodeType) int {
		return cmp.Or(
			cmp.Compare(a.NumGPUs, b.NumGPUs), cmp.Compare(a.NumCores, b.NumCores), cmp.Compare(a.MemoryMB, b.MemoryMB),
			cmp.Compare(a.localDiskGB(), b.localDiskGB()), cmp.Compare(a.NodeTypeID, b.NodeTypeID),
		)
	}).NodeTypeID, nil
}

func (in SelectNodeType) matches(t NodeType) bool {
	available := !t.IsDeprecated && !t.IsHidden && (t.NodeInfo == nil || len(t.NodeInfo.Status) == 0)
	return available && t.NumCores >= float64(in.MinCores) && t.MemoryMB >= in.MinMemoryGB<<10 &&
		t.NumGPUs >= in.MinGPUs && (in.MinGPUs > 0 || t.NumGPUs == 0) && t.localDiskGB() >= in.MinLocalDiskGB &&
		(in.Category == "" || strings.EqualFold(t.Category, in.Category)) &&
		(!in.Photon || t.PhotonDriverCapable && t.PhotonWorkerCapable) && t.IsGraviton == in.ARM
}

// localDiskGB returns the total size of all local disks.
func (t NodeType) localDiskGB() int {
	m := t.NodeInstanceType
	if m == nil {
		return 0
	}
	return m.LocalDisks*m.LocalDiskSizeGB + m.LocalNVMeDisks*m.LocalNVMeDiskSizeGB
}

// AvailabilityZones are the availability zones of an AWS region.
type AvailabilityZones struct {
	Zones       []string `json:"zones"`        // values for AWSAttributes.ZoneID
	DefaultZone string   `json:"default_zone"` // zone of clusters without a ZoneID
}

// ListZones returns the zones for clusters. Workspaces on clouds other than AWS
// may not have this call.
func (s *ClustersService) ListZones(ctx context.Context) (*AvailabilityZones, error) {
	return do[AvailabilityZones](ctx, s.client, get("/api/2.0/clusters/list-zones"))
}
