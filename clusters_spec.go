package databricks

// A ClusterState is where a cluster is in its life. The service may add
// states, so a switch over it needs a default.
type ClusterState string

// States of a cluster.
const (
	ClusterPending     ClusterState = "PENDING"     // being made or started; RUNNING or TERMINATING comes next
	ClusterRunning     ClusterState = "RUNNING"     // ready for use
	ClusterRestarting  ClusterState = "RESTARTING"  // RUNNING or TERMINATING comes next
	ClusterResizing    ClusterState = "RESIZING"    // nodes come or go while it works on; RUNNING or TERMINATING comes next
	ClusterTerminating ClusterState = "TERMINATING" // its nodes are going; TERMINATED comes next
	ClusterTerminated  ClusterState = "TERMINATED"  // without nodes; Start takes it to PENDING
	ClusterInError     ClusterState = "ERROR"       // could not be made; today's servers say TERMINATED
	ClusterUnknown     ClusterState = "UNKNOWN"     // not to be seen
)

// A ClusterSource is what a cluster was made by. The service may add some.
type ClusterSource string

// Sources of clusters.
const (
	ClusterSourceUI                  ClusterSource = "UI"  // somebody in the workspace's pages
	ClusterSourceAPI                 ClusterSource = "API" // a call, such as Create
	ClusterSourceJob                 ClusterSource = "JOB" // a run of a job; cannot be started or edited
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
	AzureSpotWithFallback AzureAvailability = "SPOT_WITH_FALLBACK_AZURE" // on demand when no spot machine is to be had
)

// An AWSAvailability is the kind of instance for the nodes after the first
// AWSAttributes.FirstOnDemand.
type AWSAvailability string

// Kinds of instances on AWS.
const (
	AWSOnDemand         AWSAvailability = "ON_DEMAND"
	AWSSpot             AWSAvailability = "SPOT"
	AWSSpotWithFallback AWSAvailability = "SPOT_WITH_FALLBACK" // on demand when no spot instance is to be had
)

// A GCPAvailability is the kind of virtual machine for the nodes after the
// first GCPAttributes.FirstOnDemand.
type GCPAvailability string

// Kinds of virtual machines on GCP.
const (
	GCPOnDemand                GCPAvailability = "ON_DEMAND_GCP"
	GCPPreemptible             GCPAvailability = "PREEMPTIBLE_GCP"
	GCPPreemptibleWithFallback GCPAvailability = "PREEMPTIBLE_WITH_FALLBACK_GCP" // on demand when no preemptible one is to be had
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

// Kinds of disks on Azure, both kept in one data centre.
const (
	AzureDiskPremiumLRS  AzureDiskVolumeType = "PREMIUM_LRS"
	AzureDiskStandardLRS AzureDiskVolumeType = "STANDARD_LRS"
)

// A ConfidentialComputeType is how the memory of a virtual machine on GCP is
// kept from its host.
type ConfidentialComputeType string

// Kinds of confidential virtual machines.
const (
	ConfidentialComputeNone   ConfidentialComputeType = "CONFIDENTIAL_COMPUTE_TYPE_NONE"
	ConfidentialComputeSEVSNP ConfidentialComputeType = "SEV_SNP" // AMD's; N2D machines only
)

// A DataSecurityMode says who may use a cluster, and how users are kept apart.
// A cluster is read back with the older name of its mode.
type DataSecurityMode string

// Data security modes.
const (
	DataSecurityNone                     DataSecurityMode = "NONE"                         // several users, not kept apart
	DataSecuritySingleUser               DataSecurityMode = "SINGLE_USER"                  // for ClusterSpec.SingleUserName alone
	DataSecurityUserIsolation            DataSecurityMode = "USER_ISOLATION"               // several users, kept apart
	DataSecurityDedicated                DataSecurityMode = "DATA_SECURITY_MODE_DEDICATED" // SINGLE_USER by its newer name
	DataSecurityStandard                 DataSecurityMode = "DATA_SECURITY_MODE_STANDARD"  // USER_ISOLATION by its newer name
	DataSecurityAuto                     DataSecurityMode = "DATA_SECURITY_MODE_AUTO"      // the service chooses one of the two
	DataSecurityLegacyTableACL           DataSecurityMode = "LEGACY_TABLE_ACL"             // deprecated, as are those that follow
	DataSecurityLegacyPassthrough        DataSecurityMode = "LEGACY_PASSTHROUGH"
	DataSecurityLegacySingleUser         DataSecurityMode = "LEGACY_SINGLE_USER"
	DataSecurityLegacySingleUserStandard DataSecurityMode = "LEGACY_SINGLE_USER_STANDARD"
)

// A DependencyMode is where a cluster's code takes its dependencies from.
type DependencyMode string

// Dependency modes.
const (
	DependencyAuto             DependencyMode = "DEPENDENCY_MODE_AUTO"              // the service chooses
	DependencyClusterLibraries DependencyMode = "DEPENDENCY_MODE_CLUSTER_LIBRARIES" // libraries and init scripts
	DependencyEnvironments     DependencyMode = "DEPENDENCY_MODE_ENVIRONMENTS"      // recent runtimes that isolate users
)

// A RuntimeEngine is what executes queries.
type RuntimeEngine string

// Runtime engines.
const (
	RuntimeEngineNull     RuntimeEngine = "NULL" // as if not set: the runtime's name decides
	RuntimeEngineStandard RuntimeEngine = "STANDARD"
	RuntimeEnginePhoton   RuntimeEngine = "PHOTON"
)

// A ComputeKind selects the rules and defaults for a cluster's attributes.
type ComputeKind string

// ComputeClassicPreview selects the newer, simpler rules: IsSingleNode and
// UseMLRuntime stand for what else takes several attributes.
const ComputeClassicPreview ComputeKind = "CLASSIC_PREVIEW"

// An AutoScale is a range within which the service chooses the number of
// workers by load.
type AutoScale struct {
	MinWorkers *int `json:"min_workers,omitzero"` // also what the cluster starts with; 0 is sent
	MaxWorkers int  `json:"max_workers,omitzero"` // above MinWorkers
}

// A StorageLocation is a file or folder somewhere; see the field that holds it.
type StorageLocation struct {
	Destination string `json:"destination"`
}

// An S3Location is a file or folder in S3. The cluster's instance profile is
// what gives access to it.
type S3Location struct {
	Destination      string `json:"destination"`                // s3://bucket/prefix
	Region           string `json:"region,omitzero"`            // such as us-west-2; this or Endpoint must be set
	Endpoint         string `json:"endpoint,omitzero"`          // URL; goes before Region
	EnableEncryption bool   `json:"enable_encryption,omitzero"` // on the server's side
	EncryptionType   string `json:"encryption_type,omitzero"`   // sse-s3, the default, or sse-kms; with EnableEncryption
	KMSKey           string `json:"kms_key,omitzero"`           // with sse-kms
	CannedACL        string `json:"canned_acl,omitzero"`        // of what is written, such as bucket-owner-full-control
}

// A ClusterLogConf is where a cluster's logs are brought, every five minutes,
// into a folder named by the cluster's id. Exactly one field is set.
type ClusterLogConf struct {
	DBFS    *StorageLocation `json:"dbfs,omitzero"`    // dbfs:/cluster-logs
	S3      *S3Location      `json:"s3,omitzero"`      // AWS only
	Volumes *StorageLocation `json:"volumes,omitzero"` // /Volumes/catalog/schema/volume/path
}

// An InitScript is a shell script that each node runs before Spark starts; one
// that fails stops the start. Exactly one field is set.
type InitScript struct {
	DBFS      *StorageLocation `json:"dbfs,omitzero"`      // dbfs:/init/a.sh
	File      *StorageLocation `json:"file,omitzero"`      // file:/init/a.sh, in the Docker image
	S3        *S3Location      `json:"s3,omitzero"`        // AWS only
	ABFSS     *StorageLocation `json:"abfss,omitzero"`     // abfss://container@account.dfs.core.windows.net/a.sh
	GCS       *StorageLocation `json:"gcs,omitzero"`       // gs://bucket/a.sh
	Volumes   *StorageLocation `json:"volumes,omitzero"`   // /Volumes/catalog/schema/volume/a.sh
	Workspace *StorageLocation `json:"workspace,omitzero"` // /Shared/a.sh
}

// A DockerImage is what a cluster's nodes run in instead of the runtime's own
// container.
type DockerImage struct {
	URL       string           `json:"url,omitzero"`
	BasicAuth *DockerBasicAuth `json:"basic_auth,omitzero"` // nil for a public image
}

// DockerBasicAuth signs in to an image's registry.
type DockerBasicAuth struct {
	Username string `json:"username,omitzero"`
	Password Secret `json:"password,omitzero"`
}

// AzureAttributes are what a cluster on Azure has of its own.
type AzureAttributes struct {
	FirstOnDemand            *int              `json:"first_on_demand,omitzero"`            // so many nodes, the driver first, are no spot machines; nil for 1; fixed once the cluster is made
	Availability             AzureAvailability `json:"availability,omitzero"`               // of the other nodes; empty for AzureOnDemand
	SpotBidMaxPrice          *float64          `json:"spot_bid_max_price,omitzero"`         // US dollars an hour; nil for -1, which is never outbid
	LogAnalyticsInfo         *LogAnalyticsInfo `json:"log_analytics_info,omitzero"`         // where Azure's agent reports to
	CapacityReservationGroup string            `json:"capacity_reservation_group,omitzero"` // resource id; takes a network of one's own
}

// LogAnalyticsInfo is a workspace of Azure Log Analytics.
type LogAnalyticsInfo struct {
	LogAnalyticsWorkspaceID string `json:"log_analytics_workspace_id,omitzero"`
	LogAnalyticsPrimaryKey  Secret `json:"log_analytics_primary_key,omitzero"`
}

// AWSAttributes are what a cluster on AWS has of its own.
type AWSAttributes struct {
	FirstOnDemand       *int            `json:"first_on_demand,omitzero"`        // so many nodes, the driver first, are on demand; nil for 1, 0 for none; fixed once the cluster is made
	Availability        AWSAvailability `json:"availability,omitzero"`           // of the other nodes
	ZoneID              string          `json:"zone_id,omitzero"`                // such as us-west-2a, or auto
	InstanceProfileARN  string          `json:"instance_profile_arn,omitzero"`   // must be known to the workspace
	SpotBidPricePercent int             `json:"spot_bid_price_percent,omitzero"` // of the price on demand; 0 for 100
	EBSVolumeType       EBSVolumeType   `json:"ebs_volume_type,omitzero"`
	EBSVolumeCount      *int            `json:"ebs_volume_count,omitzero"` // of each node, up to 10; 0 for none; node types without disks of their own need one
	EBSVolumeSize       int             `json:"ebs_volume_size,omitzero"`  // GiB of each
	EBSVolumeIOPS       int             `json:"ebs_volume_iops,omitzero"`
	EBSVolumeThroughput int             `json:"ebs_volume_throughput,omitzero"` // MiB/s
}

// GCPAttributes are what a cluster on GCP has of its own.
type GCPAttributes struct {
	Availability            GCPAvailability         `json:"availability,omitzero"`
	BootDiskSize            int                     `json:"boot_disk_size,omitzero"` // GB
	ConfidentialComputeType ConfidentialComputeType `json:"confidential_compute_type,omitzero"`
	FirstOnDemand           *int                    `json:"first_on_demand,omitzero"` // so many nodes, the driver first, are on demand; nil for 1
	GoogleServiceAccount    string                  `json:"google_service_account,omitzero"`
	LocalSSDCount           *int                    `json:"local_ssd_count,omitzero"`           // of 375 GB each; nil lets the node type decide
	UsePreemptibleExecutors bool                    `json:"use_preemptible_executors,omitzero"` // older than Availability, which replaces it
	ZoneID                  string                  `json:"zone_id,omitzero"`                   // a zone, HA (the default) or AUTO
}

// A CloneCluster says which cluster's libraries a new one gets.
type CloneCluster struct {
	SourceClusterID string `json:"source_cluster_id"`
}

// NodeTypeFlexibility lists the node types to fall back to when the cloud has
// no more of the one that was asked for.
type NodeTypeFlexibility struct {
	AlternateNodeTypeIDs []string `json:"alternate_node_type_ids,omitzero"`
}

// A WorkloadType says what a cluster may be used for.
type WorkloadType struct {
	Clients *ClientsTypes `json:"clients"`
}

// ClientsTypes says who may use a cluster: each of them, unless it is set to false.
type ClientsTypes struct {
	Jobs      *bool `json:"jobs,omitzero"`
	Notebooks *bool `json:"notebooks,omitzero"`
}

// A MountInfo is a network file system that the nodes mount.
type MountInfo struct {
	NetworkFilesystemInfo *NetworkFilesystemInfo `json:"network_filesystem_info"`
	RemoteMountDirPath    string                 `json:"remote_mount_dir_path,omitzero"` // on the file server
	LocalMountDirPath     string                 `json:"local_mount_dir_path"`           // on the nodes
}

// NetworkFilesystemInfo names a file server.
type NetworkFilesystemInfo struct {
	ServerAddress string `json:"server_address"`
	MountOptions  string `json:"mount_options,omitzero"`
}

// A ClusterSpec is all that can be chosen about a cluster: what Create and Edit
// take, what Modify changes, what jobs make their clusters of, and part of what
// is read back. What is left out is up to the service.
//
// NumWorkers or Autoscale, SparkVersion, and NodeTypeID or InstancePoolID must
// be set, unless PolicyID or Kind says where else they come from.
type ClusterSpec struct {
	// NumWorkers is the number of workers; the driver is one node more. 0, which
	// is sent, is for a single node, and nil goes with Autoscale.
	NumWorkers *int       `json:"num_workers,omitzero"`
	Autoscale  *AutoScale `json:"autoscale,omitzero"`

	ClusterName      string    `json:"cluster_name,omitzero"`        // need not be unique
	SparkVersion     string    `json:"spark_version,omitzero"`       // key of a runtime; SparkVersions lists them
	SparkConf        SparkConf `json:"spark_conf,omitzero"`          // properties of Spark
	NodeTypeID       string    `json:"node_type_id,omitzero"`        // of the workers; ListNodeTypes lists them; not with InstancePoolID
	DriverNodeTypeID string    `json:"driver_node_type_id,omitzero"` // empty for NodeTypeID; not with InstancePoolID

	SSHPublicKeys  []string          `json:"ssh_public_keys,omitzero"`  // up to 10, for user ubuntu at port 2200 of each node
	CustomTags     map[string]string `json:"custom_tags,omitzero"`      // on the cloud's machines and disks, beside Cluster.DefaultTags
	ClusterLogConf *ClusterLogConf   `json:"cluster_log_conf,omitzero"` // nil: logs are not brought anywhere
	InitScripts    []InitScript      `json:"init_scripts,omitzero"`     // run in this order
	DockerImage    *DockerImage      `json:"docker_image,omitzero"`
	SparkEnvVars   SparkEnvVars      `json:"spark_env_vars,omitzero"` // exported on each node, as they are

	// AutoterminationMinutes is how long the cluster may be idle before it is
	// terminated, from 10 to 10000. 0 means forever; nil too, unless the
	// workspace has a default of its own.
	AutoterminationMinutes    *int   `json:"autotermination_minutes,omitzero"`
	EnableElasticDisk         *bool  `json:"enable_elastic_disk,omitzero"` // nodes that run low get more disk; nil for the cloud's default
	EnableLocalDiskEncryption *bool  `json:"enable_local_disk_encryption,omitzero"`
	InstancePoolID            string `json:"instance_pool_id,omitzero"`            // where nodes come from
	DriverInstancePoolID      string `json:"driver_instance_pool_id,omitzero"`     // empty for InstancePoolID, which it needs
	PolicyID                  string `json:"policy_id,omitzero"`                   // rules for, and values of, the other fields
	ApplyPolicyDefaultValues  bool   `json:"apply_policy_default_values,omitzero"` // what is left out takes the policy's defaults, and not only what it fixes

	AWSAttributes             *AWSAttributes       `json:"aws_attributes,omitzero"` // of these three, that of the workspace's cloud
	AzureAttributes           *AzureAttributes     `json:"azure_attributes,omitzero"`
	GCPAttributes             *GCPAttributes       `json:"gcp_attributes,omitzero"`
	DriverNodeTypeFlexibility *NodeTypeFlexibility `json:"driver_node_type_flexibility,omitzero"`
	WorkerNodeTypeFlexibility *NodeTypeFlexibility `json:"worker_node_type_flexibility,omitzero"`

	DataSecurityMode DataSecurityMode `json:"data_security_mode,omitzero"`
	SingleUserName   string           `json:"single_user_name,omitzero"` // who may use it; empty with DataSecuritySingleUser for who makes it
	WorkloadType     *WorkloadType    `json:"workload_type,omitzero"`
	DependencyMode   DependencyMode   `json:"dependency_mode,omitzero"`
	RuntimeEngine    RuntimeEngine    `json:"runtime_engine,omitzero"` // empty: SparkVersion decides, and one with -photon- must stand alone
	Kind             ComputeKind      `json:"kind,omitzero"`
	IsSingleNode     bool             `json:"is_single_node,omitzero"` // with ComputeClassicPreview: no workers, and what else that takes
	UseMLRuntime     bool             `json:"use_ml_runtime,omitzero"` // with ComputeClassicPreview: the runtime's flavour for machine learning

	RemoteDiskThroughput       int         `json:"remote_disk_throughput,omitzero"`         // MB/s, of GCP's HYPERDISK_BALANCED
	TotalInitialRemoteDiskSize int         `json:"total_initial_remote_disk_size,omitzero"` // GB, of GCP's HYPERDISK_BALANCED
	ClusterMountInfos          []MountInfo `json:"cluster_mount_infos,omitzero"`

	// ClusterSource is the service's to set. It is not for Create, though some
	// servers take it, and Edit leaves it out.
	ClusterSource ClusterSource `json:"cluster_source,omitzero"`

	CloneFrom *CloneCluster `json:"clone_from,omitzero"` // for Create only

	// IdempotencyToken, for Create only, is what makes a repeated Create return
	// the cluster that the first one made, as long as it is not terminated: up
	// to 64 characters. If it is empty Create makes one up.
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
		return badArg("num_workers", "and autoscale are both missing; set one of them (0 workers is new(0))")
	case alone && s.SparkVersion == "":
		return badArg("spark_version", "is missing; SparkVersions lists the valid ones")
	case alone && s.NodeTypeID == "" && s.InstancePoolID == "":
		return badArg("node_type_id", "and instance_pool_id are both missing; set one of them")
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

// A Cluster is a cluster as the service describes it. What was left out when
// it was made has the values that the service chose.
type Cluster struct {
	ClusterID string `json:"cluster_id"`

	// ClusterSpec holds the attributes in force. NumWorkers is the size wished
	// for, Executors are the workers at hand.
	ClusterSpec

	// Spec holds the attributes that were sent to make or edit the cluster,
	// without anything that the service chose. It is nil in lists.
	Spec *ClusterSpec `json:"spec"`

	State             ClusterState       `json:"state"`
	StateMessage      string             `json:"state_message"`      // for people; empty while all is well
	TerminationReason *TerminationReason `json:"termination_reason"` // nil unless TERMINATING or TERMINATED

	CreatorUserName   string            `json:"creator_user_name"`   // empty once the user is gone
	PinnedByUserName  string            `json:"pinned_by_user_name"` // empty if it is not pinned; an id rather than a name
	AssignedPrincipal string            `json:"assigned_principal"`  // such as user:alice@example.com
	DefaultTags       map[string]string `json:"default_tags"`        // that the service sets: Vendor, Creator, ClusterName, ClusterId

	StartTime         Millis `json:"start_time"`           // when it was made, whenever it was started since
	LastRestartedTime Millis `json:"last_restarted_time"`  // when it was last started or restarted
	LastStateLossTime Millis `json:"last_state_loss_time"` // when the driver last lost what it held in memory; zero for never
	LastActivityTime  Millis `json:"last_activity_time"`   // when a command last ran, as far as is known
	TerminatedTime    Millis `json:"terminated_time"`

	Driver               *SparkNode      `json:"driver"`           // nil as long as there is none
	Executors            []SparkNode     `json:"executors"`        // workers that are there
	SparkContextID       int64           `json:"spark_context_id"` // another one after each restart; zero before the first
	JDBCPort             int             `json:"jdbc_port"`        // of the driver
	ClusterMemoryMB      int64           `json:"cluster_memory_mb"`
	ClusterCores         float64         `json:"cluster_cores"` // may be a fraction
	ClusterLogStatus     *LogSyncStatus  `json:"cluster_log_status"`
	DriverHealthy        bool            `json:"driver_healthy"`
	DiskSpec             *DiskSpec       `json:"disk_spec"`
	InstanceSource       *InstanceSource `json:"instance_source"`
	DriverInstanceSource *InstanceSource `json:"driver_instance_source"`

	EffectiveSparkVersion string `json:"effective_spark_version"` // the runtime after RuntimeEngine and UseMLRuntime are considered
	ReleaseVersion        string `json:"release_version"`         // the runtime's exact release
	InitScriptsSafeMode   bool   `json:"init_scripts_safe_mode"`
}

// Workers returns the number of workers that the cluster is set to have. It is 0
// if the cluster scales automatically or has a single node. It works on nil.
func (c *Cluster) Workers() int {
	if c == nil {
		return 0
	}
	return c.ClusterSpec.Workers()
}

// A SparkNode is a machine of a cluster.
type SparkNode struct {
	NodeID            string                  `json:"node_id"`
	InstanceID        string                  `json:"instance_id"`     // the cloud's name for it
	PrivateIP         string                  `json:"private_ip"`      // of Spark's container
	HostPrivateIP     string                  `json:"host_private_ip"` // of the machine
	PublicDNS         string                  `json:"public_dns"`
	StartTimestamp    Millis                  `json:"start_timestamp"`
	NodeAWSAttributes *SparkNodeAWSAttributes `json:"node_aws_attributes"`
	NodeAttributes    *SparkNodeAWSAttributes `json:"node_attributes"` // the same, by a newer name
}

// SparkNodeAWSAttributes is what a node on AWS has of its own.
type SparkNodeAWSAttributes struct {
	IsSpot bool `json:"is_spot"`
}

// A LogSyncStatus is how bringing a cluster's logs went the last time.
type LogSyncStatus struct {
	LastAttempted Millis `json:"last_attempted"`
	LastException string `json:"last_exception"` // empty if it went well
}

// A DiskSpec is the disks of each node.
type DiskSpec struct {
	DiskType       *DiskType `json:"disk_type"`
	DiskCount      int       `json:"disk_count"`
	DiskSize       int       `json:"disk_size"` // GB of each
	DiskIOPS       int       `json:"disk_iops"`
	DiskThroughput int       `json:"disk_throughput"`
}

// A DiskType is a kind of disk; the field of the workspace's cloud is set.
type DiskType struct {
	EBSVolumeType       EBSVolumeType       `json:"ebs_volume_type"`
	AzureDiskVolumeType AzureDiskVolumeType `json:"azure_disk_volume_type"`
}

// An InstanceSource is where machines come from: bought as a node type, or
// lent by a pool.
type InstanceSource struct {
	NodeTypeID     string `json:"node_type_id"`
	InstancePoolID string `json:"instance_pool_id"`
}
