package databricks

// A ClusterState is the life cycle state of a cluster. The service may add
// states, so a switch over it needs a default.
type ClusterState string

// States of a cluster.
const (
	ClusterPending     ClusterState = "PENDING"     // being created or started; next is RUNNING or TERMINATING
	ClusterRunning     ClusterState = "RUNNING"     // ready for use
	ClusterRestarting  ClusterState = "RESTARTING"  // next is RUNNING or TERMINATING
	ClusterResizing    ClusterState = "RESIZING"    // usable while nodes are added or removed; next is RUNNING or TERMINATING
	ClusterTerminating ClusterState = "TERMINATING" // its nodes are being released; next is TERMINATED
	ClusterTerminated  ClusterState = "TERMINATED"  // has no nodes; Start changes it to PENDING
	ClusterInError     ClusterState = "ERROR"       // could not be created; newer servers report TERMINATED instead
	ClusterUnknown     ClusterState = "UNKNOWN"     // not used by the service
)

// A ClusterSource is what created a cluster. The service may add sources.
type ClusterSource string

// Sources of clusters.
const (
	ClusterSourceUI                  ClusterSource = "UI"  // the user interface
	ClusterSourceAPI                 ClusterSource = "API" // an API call, such as Create
	ClusterSourceJob                 ClusterSource = "JOB" // a run of a job; the cluster cannot be started or edited
	ClusterSourceSQL                 ClusterSource = "SQL" // a SQL warehouse
	ClusterSourceModels              ClusterSource = "MODELS"
	ClusterSourcePipeline            ClusterSource = "PIPELINE"
	ClusterSourcePipelineMaintenance ClusterSource = "PIPELINE_MAINTENANCE"
)

// An AzureAvailability is the kind of virtual machine for the nodes after the
// first AzureAttributes.FirstOnDemand.
type AzureAvailability string

// Kinds of virtual machines on Azure.
const (
	AzureOnDemand         AzureAvailability = "ON_DEMAND_AZURE" // the default
	AzureSpot             AzureAvailability = "SPOT_AZURE"
	AzureSpotWithFallback AzureAvailability = "SPOT_WITH_FALLBACK_AZURE" // on demand if no spot machine is available
)

// An AWSAvailability is the kind of instance for the nodes after the first
// AWSAttributes.FirstOnDemand.
type AWSAvailability string

// Kinds of instances on AWS.
const (
	AWSOnDemand         AWSAvailability = "ON_DEMAND"
	AWSSpot             AWSAvailability = "SPOT"
	AWSSpotWithFallback AWSAvailability = "SPOT_WITH_FALLBACK" // on demand if no spot instance is available
)

// A GCPAvailability is the kind of virtual machine for the nodes after the
// first GCPAttributes.FirstOnDemand.
type GCPAvailability string

// Kinds of virtual machines on GCP.
const (
	GCPOnDemand                GCPAvailability = "ON_DEMAND_GCP"
	GCPPreemptible             GCPAvailability = "PREEMPTIBLE_GCP"
	GCPPreemptibleWithFallback GCPAvailability = "PREEMPTIBLE_WITH_FALLBACK_GCP" // on demand if no preemptible machine is available
)

// An EBSVolumeType is a kind of disk on AWS.
type EBSVolumeType string

// Kinds of disks on AWS.
const (
	EBSGeneralPurposeSSD      EBSVolumeType = "GENERAL_PURPOSE_SSD"      // gp2 or gp3
	EBSThroughputOptimizedHDD EBSVolumeType = "THROUGHPUT_OPTIMIZED_HDD" // st1
)

// An AzureDiskVolumeType is a kind of disk on Azure.
type AzureDiskVolumeType string

// Kinds of disks on Azure. Both are replicated within one data center.
const (
	AzureDiskPremiumLRS  AzureDiskVolumeType = "PREMIUM_LRS"
	AzureDiskStandardLRS AzureDiskVolumeType = "STANDARD_LRS"
)

// A ConfidentialComputeType is the technology that protects the memory of a
// virtual machine on GCP from its host.
type ConfidentialComputeType string

// Kinds of confidential virtual machines.
const (
	ConfidentialComputeNone   ConfidentialComputeType = "CONFIDENTIAL_COMPUTE_TYPE_NONE"
	ConfidentialComputeSEVSNP ConfidentialComputeType = "SEV_SNP" // from AMD; only on N2D machines
)

// A DataSecurityMode controls who may use a cluster and how its users are
// isolated. Some modes have an older and a newer name. The service returns the
// older one.
type DataSecurityMode string

// Data security modes.
const (
	DataSecurityNone                     DataSecurityMode = "NONE"                         // several users, not isolated
	DataSecuritySingleUser               DataSecurityMode = "SINGLE_USER"                  // only ClusterSpec.SingleUserName
	DataSecurityUserIsolation            DataSecurityMode = "USER_ISOLATION"               // several users, isolated
	DataSecurityDedicated                DataSecurityMode = "DATA_SECURITY_MODE_DEDICATED" // the newer name of SINGLE_USER
	DataSecurityStandard                 DataSecurityMode = "DATA_SECURITY_MODE_STANDARD"  // the newer name of USER_ISOLATION
	DataSecurityAuto                     DataSecurityMode = "DATA_SECURITY_MODE_AUTO"      // the service chooses Dedicated or Standard
	DataSecurityLegacyTableACL           DataSecurityMode = "LEGACY_TABLE_ACL"             // deprecated, like the next three
	DataSecurityLegacyPassthrough        DataSecurityMode = "LEGACY_PASSTHROUGH"
	DataSecurityLegacySingleUser         DataSecurityMode = "LEGACY_SINGLE_USER"
	DataSecurityLegacySingleUserStandard DataSecurityMode = "LEGACY_SINGLE_USER_STANDARD"
)

// A DependencyMode is the source of the dependencies of a cluster's code.
type DependencyMode string

// Dependency modes.
const (
	DependencyAuto             DependencyMode = "DEPENDENCY_MODE_AUTO"              // the service chooses
	DependencyClusterLibraries DependencyMode = "DEPENDENCY_MODE_CLUSTER_LIBRARIES" // libraries and init scripts
	DependencyEnvironments     DependencyMode = "DEPENDENCY_MODE_ENVIRONMENTS"      // environments; needs a recent runtime that isolates users
)

// A RuntimeEngine is the engine that executes queries.
type RuntimeEngine string

// Runtime engines.
const (
	RuntimeEngineNull     RuntimeEngine = "NULL" // like an unset field: SparkVersion decides
	RuntimeEngineStandard RuntimeEngine = "STANDARD"
	RuntimeEnginePhoton   RuntimeEngine = "PHOTON"
)

// A ComputeKind selects the rules and defaults for the attributes of a cluster.
type ComputeKind string

// ComputeClassicPreview selects the newer, simpler rules. With them, IsSingleNode
// and UseMLRuntime replace several other attributes.
const ComputeClassicPreview ComputeKind = "CLASSIC_PREVIEW"

// An AutoScale is a range for the number of workers. The service chooses the number
// by load.
//
// MinWorkers is a pointer because 0 is a valid minimum: AutoScale{MinWorkers:
// new(1), MaxWorkers: 8}.
type AutoScale struct {
	MinWorkers *int `json:"min_workers,omitzero"` // also the initial number of workers; nil lets the service choose
	MaxWorkers int  `json:"max_workers,omitzero"` // at least MinWorkers
}

// A StorageLocation is the location of a file or a directory. The field that
// contains it determines the kind of storage.
type StorageLocation struct {
	Destination string `json:"destination"`
}

// An S3Location is a file or a directory in S3. The cluster accesses it with its
// instance profile.
type S3Location struct {
	Destination      string `json:"destination"`                // s3://bucket/prefix
	Region           string `json:"region,omitzero"`            // such as us-west-2; required unless Endpoint is set
	Endpoint         string `json:"endpoint,omitzero"`          // a URL; takes precedence over Region
	EnableEncryption bool   `json:"enable_encryption,omitzero"` // encrypt on the server
	EncryptionType   string `json:"encryption_type,omitzero"`   // sse-s3 (the default) or sse-kms; used with EnableEncryption
	KMSKey           string `json:"kms_key,omitzero"`           // used with sse-kms
	CannedACL        string `json:"canned_acl,omitzero"`        // for written objects, such as bucket-owner-full-control
}

// A ClusterLogConf is the location to which the service copies a cluster's logs
// every five minutes. The logs are in a subdirectory with the cluster's ID. Set
// exactly one field.
type ClusterLogConf struct {
	DBFS    *StorageLocation `json:"dbfs,omitzero"`    // dbfs:/cluster-logs
	S3      *S3Location      `json:"s3,omitzero"`      // AWS only
	Volumes *StorageLocation `json:"volumes,omitzero"` // /Volumes/catalog/schema/volume/path
}

// An InitScript is a shell script that runs on each node before Spark starts. If it
// fails, the cluster does not start. Set exactly one field.
type InitScript struct {
	DBFS      *StorageLocation `json:"dbfs,omitzero"`      // dbfs:/init/a.sh
	File      *StorageLocation `json:"file,omitzero"`      // file:/init/a.sh, in the Docker image
	S3        *S3Location      `json:"s3,omitzero"`        // AWS only
	ABFSS     *StorageLocation `json:"abfss,omitzero"`     // abfss://container@account.dfs.core.windows.net/a.sh
	GCS       *StorageLocation `json:"gcs,omitzero"`       // gs://bucket/a.sh
	Volumes   *StorageLocation `json:"volumes,omitzero"`   // /Volumes/catalog/schema/volume/a.sh
	Workspace *StorageLocation `json:"workspace,omitzero"` // /Shared/a.sh
}

// A DockerImage is a container image for a cluster's nodes. It replaces the image
// of the runtime.
type DockerImage struct {
	URL       string           `json:"url,omitzero"`
	BasicAuth *DockerBasicAuth `json:"basic_auth,omitzero"` // nil for a public image
}

// DockerBasicAuth is the credential for the registry of an image.
type DockerBasicAuth struct {
	Username string `json:"username,omitzero"`
	Password Secret `json:"password,omitzero"`
}

// AzureAttributes are the attributes that only clusters on Azure have.
type AzureAttributes struct {
	FirstOnDemand            *int              `json:"first_on_demand,omitzero"`            // number of nodes, including the driver, that are not spot machines; nil for 1; cannot be edited later
	Availability             AzureAvailability `json:"availability,omitzero"`               // for the other nodes; empty for AzureOnDemand
	SpotBidMaxPrice          *float64          `json:"spot_bid_max_price,omitzero"`         // in US dollars per hour; nil for -1, which allows any price up to the on-demand price
	LogAnalyticsInfo         *LogAnalyticsInfo `json:"log_analytics_info,omitzero"`         // where the Azure agent reports to
	CapacityReservationGroup string            `json:"capacity_reservation_group,omitzero"` // a resource ID; needs a workspace in your own virtual network
}

// LogAnalyticsInfo is a workspace of Azure Log Analytics.
type LogAnalyticsInfo struct {
	LogAnalyticsWorkspaceID string `json:"log_analytics_workspace_id,omitzero"`
	LogAnalyticsPrimaryKey  Secret `json:"log_analytics_primary_key,omitzero"`
}

// AWSAttributes are the attributes that only clusters on AWS have.
type AWSAttributes struct {
	FirstOnDemand       *int            `json:"first_on_demand,omitzero"`        // number of nodes, including the driver, that are on demand; nil for 1, 0 for none; cannot be edited later
	Availability        AWSAvailability `json:"availability,omitzero"`           // for the other nodes
	ZoneID              string          `json:"zone_id,omitzero"`                // such as us-west-2a, or auto
	InstanceProfileARN  string          `json:"instance_profile_arn,omitzero"`   // must be registered in the workspace
	SpotBidPricePercent int             `json:"spot_bid_price_percent,omitzero"` // percentage of the on-demand price; 0 for 100
	EBSVolumeType       EBSVolumeType   `json:"ebs_volume_type,omitzero"`
	EBSVolumeCount      *int            `json:"ebs_volume_count,omitzero"` // volumes per node, at most 10; 0 for none; node types without local disks require one
	EBSVolumeSize       int             `json:"ebs_volume_size,omitzero"`  // size of each volume in GiB
	EBSVolumeIOPS       int             `json:"ebs_volume_iops,omitzero"`
	EBSVolumeThroughput int             `json:"ebs_volume_throughput,omitzero"` // in MiB/s
}

// GCPAttributes are the attributes that only clusters on GCP have.
type GCPAttributes struct {
	Availability            GCPAvailability         `json:"availability,omitzero"`
	BootDiskSize            int                     `json:"boot_disk_size,omitzero"` // in GB
	ConfidentialComputeType ConfidentialComputeType `json:"confidential_compute_type,omitzero"`
	FirstOnDemand           *int                    `json:"first_on_demand,omitzero"` // number of nodes, including the driver, that are on demand; nil for 1
	GoogleServiceAccount    string                  `json:"google_service_account,omitzero"`
	LocalSSDCount           *int                    `json:"local_ssd_count,omitzero"`           // disks of 375 GB each; nil for the node type's default
	UsePreemptibleExecutors bool                    `json:"use_preemptible_executors,omitzero"` // deprecated; Availability replaces it
	ZoneID                  string                  `json:"zone_id,omitzero"`                   // a zone, HA (the default) or AUTO
}

// A CloneCluster selects the cluster whose libraries are copied to a new cluster.
type CloneCluster struct {
	SourceClusterID string `json:"source_cluster_id"`
}

// NodeTypeFlexibility lists alternative node types, for use when the cloud has none
// of the requested type.
type NodeTypeFlexibility struct {
	AlternateNodeTypeIDs []string `json:"alternate_node_type_ids,omitzero"`
}

// A WorkloadType restricts what a cluster may be used for.
type WorkloadType struct {
	Clients *ClientsTypes `json:"clients"`
}

// ClientsTypes restricts the clients that may use a cluster. A client may use it
// unless its field is set to false.
type ClientsTypes struct {
	Jobs      *bool `json:"jobs,omitzero"`
	Notebooks *bool `json:"notebooks,omitzero"`
}

// A MountInfo is a network file system that the nodes mount.
type MountInfo struct {
	NetworkFilesystemInfo *NetworkFilesystemInfo `json:"network_filesystem_info"`
	RemoteMountDirPath    string                 `json:"remote_mount_dir_path,omitzero"` // on the file server
	LocalMountDirPath     string                 `json:"local_mount_dir_path"`           // mount point on the nodes
}

// NetworkFilesystemInfo names a file server.
type NetworkFilesystemInfo struct {
	ServerAddress string `json:"server_address"`
	MountOptions  string `json:"mount_options,omitzero"`
}

// A ClusterSpec holds the attributes of a cluster that a user can choose. It is the
// input of Create, Edit and Modify. Jobs use it for their new clusters, and a
// [Cluster] contains it. The service chooses values for attributes that are unset.
//
// SparkVersion, NumWorkers or Autoscale, and NodeTypeID or InstancePoolID are
// required. If PolicyID or Kind is set, they may be unset, because the policy or
// the kind may supply them.
//
// A field is a pointer if its zero value means something other than unset:
// NumWorkers: new(0).
type ClusterSpec struct {
	// NumWorkers is the number of workers, in addition to the driver. 0 means a
	// single-node cluster. Set either NumWorkers or Autoscale.
	NumWorkers *int       `json:"num_workers,omitzero"`
	Autoscale  *AutoScale `json:"autoscale,omitzero"`

	ClusterName      string    `json:"cluster_name,omitzero"`        // need not be unique
	SparkVersion     string    `json:"spark_version,omitzero"`       // the key of a runtime; see SparkVersions and SelectSparkVersion
	SparkConf        SparkConf `json:"spark_conf,omitzero"`          // Spark properties
	NodeTypeID       string    `json:"node_type_id,omitzero"`        // node type of the workers; see ListNodeTypes and SelectNodeType; excludes InstancePoolID
	DriverNodeTypeID string    `json:"driver_node_type_id,omitzero"` // empty for NodeTypeID; excludes InstancePoolID

	SSHPublicKeys  []string          `json:"ssh_public_keys,omitzero"`  // for the user ubuntu at port 2200 of each node; at most 10
	CustomTags     map[string]string `json:"custom_tags,omitzero"`      // on the cloud's machines and disks, in addition to Cluster.DefaultTags
	ClusterLogConf *ClusterLogConf   `json:"cluster_log_conf,omitzero"` // nil to keep no copy of the logs
	InitScripts    []InitScript      `json:"init_scripts,omitzero"`     // run in this order
	DockerImage    *DockerImage      `json:"docker_image,omitzero"`
	SparkEnvVars   SparkEnvVars      `json:"spark_env_vars,omitzero"` // exported on each node without changes

	// AutoterminationMinutes is the idle time after which the service terminates
	// the cluster, from 10 to 10000. 0 disables this. nil also disables it, unless
	// the workspace has a default.
	AutoterminationMinutes    *int   `json:"autotermination_minutes,omitzero"`
	EnableElasticDisk         *bool  `json:"enable_elastic_disk,omitzero"` // add disks to nodes that run out of space; nil for the cloud's default
	EnableLocalDiskEncryption *bool  `json:"enable_local_disk_encryption,omitzero"`
	InstancePoolID            string `json:"instance_pool_id,omitzero"`            // the pool that provides the nodes
	DriverInstancePoolID      string `json:"driver_instance_pool_id,omitzero"`     // the pool that provides the driver; empty for InstancePoolID
	PolicyID                  string `json:"policy_id,omitzero"`                   // a policy, which restricts and fixes other fields
	ApplyPolicyDefaultValues  bool   `json:"apply_policy_default_values,omitzero"` // set unset fields to the policy's default values, not only to its fixed values

	AWSAttributes             *AWSAttributes       `json:"aws_attributes,omitzero"` // set the one for the workspace's cloud
	AzureAttributes           *AzureAttributes     `json:"azure_attributes,omitzero"`
	GCPAttributes             *GCPAttributes       `json:"gcp_attributes,omitzero"`
	DriverNodeTypeFlexibility *NodeTypeFlexibility `json:"driver_node_type_flexibility,omitzero"`
	WorkerNodeTypeFlexibility *NodeTypeFlexibility `json:"worker_node_type_flexibility,omitzero"`

	DataSecurityMode DataSecurityMode `json:"data_security_mode,omitzero"`
	SingleUserName   string           `json:"single_user_name,omitzero"` // the only user of a cluster with DataSecuritySingleUser; empty for its creator
	WorkloadType     *WorkloadType    `json:"workload_type,omitzero"`
	DependencyMode   DependencyMode   `json:"dependency_mode,omitzero"`
	RuntimeEngine    RuntimeEngine    `json:"runtime_engine,omitzero"` // empty lets SparkVersion decide; leave it empty if SparkVersion contains -photon-
	Kind             ComputeKind      `json:"kind,omitzero"`
	IsSingleNode     bool             `json:"is_single_node,omitzero"` // no workers; requires ComputeClassicPreview
	UseMLRuntime     bool             `json:"use_ml_runtime,omitzero"` // use the runtime for machine learning; requires ComputeClassicPreview

	RemoteDiskThroughput       int         `json:"remote_disk_throughput,omitzero"`         // in Mb/s; only for GCP's HYPERDISK_BALANCED
	TotalInitialRemoteDiskSize int         `json:"total_initial_remote_disk_size,omitzero"` // in GB; only for GCP's HYPERDISK_BALANCED
	ClusterMountInfos          []MountInfo `json:"cluster_mount_infos,omitzero"`

	// ClusterSource is set by the service. Leave it unset for Create. Edit does
	// not send it.
	ClusterSource ClusterSource `json:"cluster_source,omitzero"`

	CloneFrom *CloneCluster `json:"clone_from,omitzero"` // only for Create

	// IdempotencyToken is only for Create. A second Create with the same token
	// returns the cluster that the first one created, unless it was terminated. The
	// token has at most 64 characters. Create generates a token if the field is
	// empty.
	IdempotencyToken string `json:"idempotency_token,omitzero"`
}

// Workers returns the fixed number of workers. It is 0 if the cluster scales
// automatically or has a single node. It works on nil.
func (s *ClusterSpec) Workers() int {
	if s == nil || s.NumWorkers == nil {
		return 0
	}
	return *s.NumWorkers
}

// check rejects attributes that are required and unset, and attributes that
// contradict each other. A policy or a kind may supply whatever is unset.
func (s ClusterSpec) check() error {
	alone := s.PolicyID == "" && s.Kind == ""
	switch err := checkSize(s.NumWorkers, s.Autoscale); {
	case err != nil:
		return err
	case alone && s.NumWorkers == nil && s.Autoscale == nil:
		return badArg("num_workers", "and autoscale are both unset; set one of them (0 workers is new(0))")
	case alone && s.SparkVersion == "":
		return badArg("spark_version", "is required; SparkVersions lists the valid ones")
	case alone && s.NodeTypeID == "" && s.InstancePoolID == "":
		return badArg("node_type_id", "and instance_pool_id are both unset; set one of them")
	case s.NodeTypeID != "" && s.InstancePoolID != "":
		return badArg("node_type_id", "cannot be set together with instance_pool_id, as the pool decides")
	case s.DriverNodeTypeID != "" && s.InstancePoolID != "":
		return badArg("driver_node_type_id", "cannot be set together with instance_pool_id; driver_instance_pool_id can")
	}
	return nil
}

// checkSize rejects a fixed size beside a range, and a range that is empty.
func checkSize(workers *int, scale *AutoScale) error {
	switch {
	case workers != nil && scale != nil:
		return badArg("num_workers", "cannot be set together with autoscale; leave one of them nil")
	case workers != nil && *workers < 0:
		return badArg("num_workers", "is %d; want 0 or more", *workers)
	case scale != nil && scale.MinWorkers != nil && scale.MaxWorkers != 0 && *scale.MinWorkers > scale.MaxWorkers:
		return badArg("autoscale.min_workers", "is %d, over max_workers, which is %d", *scale.MinWorkers, scale.MaxWorkers)
	}
	return nil
}

// A Cluster is a cluster as the service returns it. Attributes that were unset when
// it was created have values that the service chose.
type Cluster struct {
	ClusterID string `json:"cluster_id"`

	// ClusterSpec holds the current attributes. NumWorkers is the target number of
	// workers. Executors lists the current workers.
	ClusterSpec

	// Spec holds the attributes with which the cluster was created or edited,
	// without values that the service chose. It is nil in lists.
	Spec *ClusterSpec `json:"spec"`

	State             ClusterState       `json:"state"`
	StateMessage      string             `json:"state_message"`      // human-readable message about the state; usually empty
	TerminationReason *TerminationReason `json:"termination_reason"` // nil unless TERMINATING or TERMINATED

	CreatorUserName   string            `json:"creator_user_name"`   // empty if the user no longer exists
	PinnedByUserName  string            `json:"pinned_by_user_name"` // empty if it is not pinned; an ID rather than a name
	AssignedPrincipal string            `json:"assigned_principal"`  // such as user:alice@example.com
	DefaultTags       map[string]string `json:"default_tags"`        // tags that the service sets: Vendor, Creator, ClusterName, ClusterId

	StartTime         Millis `json:"start_time"`           // when it was created; later starts do not change it
	LastRestartedTime Millis `json:"last_restarted_time"`  // when it was last started or restarted
	LastStateLossTime Millis `json:"last_state_loss_time"` // when the driver last lost its memory; zero for never
	LastActivityTime  Millis `json:"last_activity_time"`   // when a command last ran, if the service knows it
	TerminatedTime    Millis `json:"terminated_time"`

	Driver               *SparkNode      `json:"driver"`           // nil if there is no driver at the moment
	Executors            []SparkNode     `json:"executors"`        // current workers
	SparkContextID       int64           `json:"spark_context_id"` // changes with each restart; zero before the first start
	JDBCPort             int             `json:"jdbc_port"`        // port of the driver
	ClusterMemoryMB      int64           `json:"cluster_memory_mb"`
	ClusterCores         float64         `json:"cluster_cores"` // may be a fraction
	ClusterLogStatus     *LogSyncStatus  `json:"cluster_log_status"`
	DriverHealthy        bool            `json:"driver_healthy"`
	DiskSpec             *DiskSpec       `json:"disk_spec"`
	InstanceSource       *InstanceSource `json:"instance_source"`
	DriverInstanceSource *InstanceSource `json:"driver_instance_source"`

	EffectiveSparkVersion string `json:"effective_spark_version"` // the runtime that results from SparkVersion, RuntimeEngine and UseMLRuntime
	ReleaseVersion        string `json:"release_version"`         // the exact release of the runtime
	InitScriptsSafeMode   bool   `json:"init_scripts_safe_mode"`
}

// Workers returns the fixed number of workers. It is 0 if the cluster scales
// automatically or has a single node. It works on nil.
func (c *Cluster) Workers() int {
	if c == nil {
		return 0
	}
	return c.ClusterSpec.Workers()
}

// A SparkNode is a machine of a cluster.
type SparkNode struct {
	NodeID            string                  `json:"node_id"`
	InstanceID        string                  `json:"instance_id"`     // the cloud's ID
	PrivateIP         string                  `json:"private_ip"`      // address of Spark's container
	HostPrivateIP     string                  `json:"host_private_ip"` // address of the machine
	PublicDNS         string                  `json:"public_dns"`
	StartTimestamp    Millis                  `json:"start_timestamp"`
	NodeAWSAttributes *SparkNodeAWSAttributes `json:"node_aws_attributes"`
	NodeAttributes    *SparkNodeAWSAttributes `json:"node_attributes"` // the newer name of NodeAWSAttributes
}

// SparkNodeAWSAttributes are the attributes that only nodes on AWS have.
type SparkNodeAWSAttributes struct {
	IsSpot bool `json:"is_spot"`
}

// A LogSyncStatus is the result of the last copy of a cluster's logs.
type LogSyncStatus struct {
	LastAttempted Millis `json:"last_attempted"`
	LastException string `json:"last_exception"` // empty if it succeeded
}

// A DiskSpec describes the disks of each node.
type DiskSpec struct {
	DiskType       *DiskType `json:"disk_type,omitzero"`
	DiskCount      int       `json:"disk_count,omitzero"`
	DiskSize       int       `json:"disk_size,omitzero"` // size of each disk in GB
	DiskIOPS       int       `json:"disk_iops,omitzero"`
	DiskThroughput int       `json:"disk_throughput,omitzero"`
}

// A DiskType is a kind of disk. The field for the workspace's cloud is set.
type DiskType struct {
	EBSVolumeType       EBSVolumeType       `json:"ebs_volume_type,omitzero"`
	AzureDiskVolumeType AzureDiskVolumeType `json:"azure_disk_volume_type,omitzero"`
}

// An InstanceSource is the source of a cluster's machines: a node type or a pool.
type InstanceSource struct {
	NodeTypeID     string `json:"node_type_id"`
	InstancePoolID string `json:"instance_pool_id"`
}
