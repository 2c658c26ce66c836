package databrickstest

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

// nodeTypes are some of Azure's. One is deprecated and one is not to be had,
// so that choosing well makes a difference.
var nodeTypes = []nodeType{
	azureNode("Standard_F4", "Compute Optimized", "Standard F Family vCPUs", 4, 8192, 64, func(n *nodeType) { n.IsDeprecated = true }),
	azureNode("Standard_F8s_v2", "Compute Optimized", "Standard FSv2 Family vCPUs", 8, 16384, 64),
	azureNode("Standard_D3_v2", "General Purpose", "Standard Dv2 Family vCPUs", 4, 14336, 200),
	azureNode("Standard_DS3_v2", "General Purpose", "Standard DSv2 Family vCPUs", 4, 14336, 28),
	azureNode("Standard_DS4_v2", "General Purpose", "Standard DSv2 Family vCPUs", 8, 28672, 56),
	azureNode("Standard_D8s_v3", "General Purpose", "Standard DSv3 Family vCPUs", 8, 32768, 64),
	azureNode("Standard_D16s_v3", "General Purpose", "Standard DSv3 Family vCPUs", 16, 65536, 128),
	azureNode("Standard_DS12_v2", "Memory Optimized", "Standard DSv2 Family vCPUs", 4, 28672, 56),
	azureNode("Standard_E8s_v3", "Memory Optimized", "Standard ESv3 Family vCPUs", 8, 65536, 128),
	azureNode("Standard_L8s_v2", "Storage Optimized", "Standard LSv2 Family vCPUs", 8, 65536, 80, func(n *nodeType) {
		n.NodeInstanceType.LocalNVMeDisks, n.NodeInstanceType.LocalNVMeDiskSizeGB, n.IsIOCacheEnabled = 1, 1788, true
		n.PhotonDriverCapable, n.PhotonWorkerCapable = true, true
	}),
	azureNode("Standard_NC6s_v3", "GPU Accelerated", "Standard NCSv3 Family vCPUs", 6, 114688, 736, func(n *nodeType) {
		n.NumGPUs = 1
		n.NodeInfo = &nodeInfo{[]string{"NotEnabledOnSubscription"}, 0, 0}
	}),
}

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

// nodeTypeOf returns the node type with an id, or what passes for it.
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

var sparkVersions = []sparkVersion{
	{"6.4.x-scala2.11", "6.4 Extended Support (includes Apache Spark 2.4.5, Scala 2.11)"},
	{"7.3.x-scala2.12", "7.3 LTS (includes Apache Spark 3.0.1, Scala 2.12)"},
	{"7.3.x-cpu-ml-scala2.12", "7.3 LTS ML (includes Apache Spark 3.0.1, Scala 2.12)"},
	{"7.3.x-gpu-ml-scala2.12", "7.3 LTS ML (includes Apache Spark 3.0.1, GPU, Scala 2.12)"},
	{"apache-spark-2.4.x-scala2.11", "Light 2.4 (includes Apache Spark 2.4, Scala 2.11)"},
	{"10.4.x-scala2.12", "10.4 LTS (includes Apache Spark 3.2.1, Scala 2.12)"},
	{"10.4.x-photon-scala2.12", "10.4 LTS Photon (includes Apache Spark 3.2.1, Scala 2.12)"},
	{"13.3.x-scala2.12", "13.3 LTS (includes Apache Spark 3.4.1, Scala 2.12)"},
	{"13.3.x-cpu-ml-scala2.12", "13.3 LTS ML (includes Apache Spark 3.4.1, Scala 2.12)"},
	{"15.4.x-scala2.12", "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)"},
	{"15.4.x-photon-scala2.12", "15.4 LTS Photon (includes Apache Spark 3.5.0, Scala 2.12)"},
	{"16.0.x-scala2.12", "16.0 Beta (includes Apache Spark 3.5.0, Scala 2.12)"},
}

// Zones belong to AWS; what Azure says is not known.
var zones = map[string]any{"zones": []string{"us-west-2a", "us-west-2b", "us-west-2c"}, "default_zone": "us-west-2a"}

func (a *clustersArea) listNodeTypes(*call, struct{}) (any, error) {
	return map[string]any{"node_types": nodeTypes}, nil
}

func (a *clustersArea) sparkVersions(*call, struct{}) (any, error) {
	return map[string]any{"versions": sparkVersions}, nil
}

func (a *clustersArea) listZones(*call, struct{}) (any, error) { return zones, nil }
