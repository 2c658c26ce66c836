package databrickstest

import (
	"fmt"
	"slices"
)

// nodeType is a kind of machine.
type nodeType struct {
	NodeTypeID            string           `json:"node_type_id"`
	MemoryMB              int              `json:"memory_mb"`
	NumCores              float64          `json:"num_cores"`
	Description           string           `json:"description"`
	InstanceTypeID        string           `json:"instance_type_id"`
	IsDeprecated          bool             `json:"is_deprecated"`
	Category              string           `json:"category"`
	SupportEBSVolumes     bool             `json:"support_ebs_volumes"`
	SupportClusterTags    bool             `json:"support_cluster_tags"`
	NumGPUs               int              `json:"num_gpus"`
	NodeInstanceType      nodeInstanceType `json:"node_instance_type"`
	IsHidden              bool             `json:"is_hidden"`
	SupportPortForwarding bool             `json:"support_port_forwarding"`
	DisplayOrder          int              `json:"display_order"`
	IsIOCacheEnabled      bool             `json:"is_io_cache_enabled"`
	NodeInfo              *nodeInfo        `json:"node_info,omitzero"`
	PhotonDriverCapable   bool             `json:"photon_driver_capable,omitzero"`
	PhotonWorkerCapable   bool             `json:"photon_worker_capable,omitzero"`
}

type nodeInstanceType struct {
	InstanceTypeID      string `json:"instance_type_id"`
	LocalDisks          int    `json:"local_disks"`
	LocalDiskSizeGB     int    `json:"local_disk_size_gb"`
	LocalNVMeDisks      int    `json:"local_nvme_disks,omitzero"`
	LocalNVMeDiskSizeGB int    `json:"local_nvme_disk_size_gb,omitzero"`
	InstanceFamily      string `json:"instance_family"`
	SwapSize            string `json:"swap_size"`
}

type nodeInfo struct {
	Status             []string `json:"status"`
	AvailableCoreQuota int      `json:"available_core_quota"`
	TotalCoreQuota     int      `json:"total_core_quota"`
}

// nodeTypes are some of Azure's node types. One is deprecated and one is
// unavailable, so a program can choose the wrong one.
var nodeTypes = []nodeType{
	azureNode("Standard_F4", "Compute Optimized", "Standard F Family vCPUs", 4, 8192, 64, func(n *nodeType) { n.IsDeprecated = true }),
	azureNode("Standard_F8s_v2", "Compute Optimized", "Standard FSv2 Family vCPUs", 8, 16384, 64),
	azureNode("Standard_D3_v2", "General Purpose", "Standard Dv2 Family vCPUs", 4, 14336, 200),
	azureNode("Standard_DS3_v2", "General Purpose", "Standard DSv2 Family vCPUs", 4, 14336, 28),
	azureNode("Standard_DS4_v2", "General Purpose", "Standard DSv2 Family vCPUs", 8, 28672, 56),
	azureNode("Standard_D8s_v3", "General Purpose", "Standard DSv3 Family vCPUs", 8, 32768, 64),
	azureNode("Standard_D16s_v3", "General Purpose", "Standard DSv3 Family vCPUs", 16, 65536, 128),
	azureNode("Standard_D4ds_v5", "General Purpose", "Standard DDSv5 Family vCPUs", 4, 16384, 150, photon),
	azureNode("Standard_DS12_v2", "Memory Optimized", "Standard DSv2 Family vCPUs", 4, 28672, 56),
	azureNode("Standard_E8s_v3", "Memory Optimized", "Standard ESv3 Family vCPUs", 8, 65536, 128),
	azureNode("Standard_E8ds_v5", "Memory Optimized", "Standard EDSv5 Family vCPUs", 8, 65536, 300, photon),
	azureNode("Standard_L8s_v2", "Storage Optimized", "Standard LSv2 Family vCPUs", 8, 65536, 80, photon, func(n *nodeType) {
		n.NodeInstanceType.LocalNVMeDisks, n.NodeInstanceType.LocalNVMeDiskSizeGB, n.IsIOCacheEnabled = 1, 1788, true
	}),
	azureNode("Standard_NC4as_T4_v3", "GPU Accelerated", "Standard NCASv3_T4 Family vCPUs", 4, 28672, 176, gpus(1)),
	azureNode("Standard_NC24ads_A100_v4", "GPU Accelerated", "Standard NCADSA100v4 Family vCPUs", 24, 225280, 64, gpus(1)),
	azureNode("Standard_NC6s_v3", "GPU Accelerated", "Standard NCSv3 Family vCPUs", 6, 114688, 736, gpus(1), func(n *nodeType) {
		n.NodeInfo = &nodeInfo{[]string{"NotEnabledOnSubscription"}, 0, 0}
	}),
}

func photon(n *nodeType) { n.PhotonDriverCapable, n.PhotonWorkerCapable = true, true }

func gpus(count int) func(*nodeType) { return func(n *nodeType) { n.NumGPUs = count } }

func azureNode(id, category, family string, cores float64, memoryMB, diskGB int, change ...func(*nodeType)) nodeType {
	n := nodeType{
		NodeTypeID: id, MemoryMB: memoryMB, NumCores: cores, Description: id, InstanceTypeID: id, Category: category,
		SupportEBSVolumes: true, SupportClusterTags: true,
		NodeInstanceType: nodeInstanceType{InstanceTypeID: id, LocalDisks: 1, LocalDiskSizeGB: diskGB, InstanceFamily: family, SwapSize: "10g"},
		NodeInfo:         &nodeInfo{[]string{}, 350, 350},
	}
	for _, f := range change {
		f(&n)
	}
	return n
}

// nodeTypeOf returns the node type with an id. For an unknown id, it returns a
// type with 4 cores and 14 GB.
func nodeTypeOf(id string) nodeType {
	for _, n := range nodeTypes {
		if n.NodeTypeID == id {
			return n
		}
	}
	return azureNode(id, "", "", 4, 14336, 28)
}

type sparkVersion struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

var sparkVersions = slices.Concat(
	runtimes("18.0", "", "4.1.0", "2.13"),
	runtimes("17.3", " LTS", "4.0.0", "2.13"),
	runtimes("16.4", " LTS", "3.5.2", "2.13"),
	runtimes("16.4", " LTS", "3.5.2", "2.12"),
	runtimes("15.4", " LTS", "3.5.0", "2.12"),
	runtimes("14.3", " LTS", "3.5.0", "2.12"),
	runtimes("13.3", " LTS", "3.4.1", "2.12"),
	runtimes("12.2", " LTS", "3.3.2", "2.12"),
)

// runtimes returns the variants of a release.
func runtimes(release, support, spark, scala string) []sparkVersion {
	version := func(key, kind, gpu string) sparkVersion {
		return sparkVersion{release + ".x" + key + "-scala" + scala, fmt.Sprintf("%s%s%s (includes Apache Spark %s,%s Scala %s)", release, support, kind, spark, gpu, scala)}
	}
	return []sparkVersion{version("", "", ""), version("-photon", " Photon", ""), version("-cpu-ml", " ML", ""), version("-gpu-ml", " ML", " GPU,")}
}

// zones are the zones of each Azure region. The service's own response on Azure
// is not known, because the call was designed for AWS.
var zones = map[string]any{"zones": []string{"1", "2", "3"}, "default_zone": "1"}

func (a *clustersArea) listNodeTypes(*call, struct{}) (any, error) {
	return map[string]any{"node_types": nodeTypes}, nil
}

func (a *clustersArea) sparkVersions(*call, struct{}) (any, error) {
	return map[string]any{"versions": sparkVersions}, nil
}

func (a *clustersArea) listZones(*call, struct{}) (any, error) { return zones, nil }
