package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/patch"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/reply"
)

// ClustersService makes clusters, changes them, starts and stops them, and
// waits for them. A cluster keeps its id for life; when it is terminated its
// configuration stays, and it can be started again.
//
// Whatever names a cluster that does not exist fails with
// [ErrResourceDoesNotExist], what the cluster's state does not allow with
// [ErrInvalidState], and what the caller may not do with [ErrPermissionDenied].
//
// See https://docs.databricks.com/api/workspace/clusters.
type ClustersService service

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

// check says what is certain to be refused, and no more: a policy or a kind
// may supply whatever is left out.
func (s ClusterSpec) check() error {
	alone := s.PolicyID == "" && s.Kind == ""
	switch err := checkSize(s.NumWorkers, s.Autoscale); {
	case err != nil:
		return err
	case alone && s.NumWorkers == nil && s.Autoscale == nil:
		return badArg("num_workers", "and autoscale are both missing; set one of them (0 workers is new(0))")
	case alone && s.SparkVersion == "":
		return badArg("spark_version", "is missing; SparkVersions lists what there is")
	case alone && s.NodeTypeID == "" && s.InstancePoolID == "":
		return badArg("node_type_id", "and instance_pool_id are both missing; set one of them")
	case s.NodeTypeID != "" && s.InstancePoolID != "":
		return badArg("node_type_id", "cannot go with instance_pool_id, as the pool decides")
	case s.DriverNodeTypeID != "" && s.InstancePoolID != "":
		return badArg("driver_node_type_id", "cannot go with instance_pool_id; driver_instance_pool_id can")
	case s.DriverInstancePoolID != "" && s.InstancePoolID == "":
		return badArg("driver_instance_pool_id", "needs instance_pool_id")
	case len(s.SSHPublicKeys) > 10:
		return badArg("ssh_public_keys", "has %d keys; 10 is the most", len(s.SSHPublicKeys))
	case utf8.RuneCountInString(s.IdempotencyToken) > 64:
		return badArg("idempotency_token", "has %d characters; 64 is the most", utf8.RuneCountInString(s.IdempotencyToken))
	}
	if m := s.AutoterminationMinutes; m != nil && *m != 0 && (*m < 10 || *m > 10000) {
		return badArg("autotermination_minutes", "is %d; want 10 to 10000, or 0 for never", *m)
	}
	return nil
}

// checkSize says what is wrong with a number of workers and a range.
func checkSize(workers *int, scale *AutoScale) error {
	switch {
	case workers != nil && scale != nil:
		return badArg("num_workers", "cannot go with autoscale; leave one of them nil")
	case workers != nil && *workers < 0:
		return badArg("num_workers", "is %d; want 0 or more", *workers)
	case scale == nil:
		return nil
	case scale.MinWorkers != nil && *scale.MinWorkers < 0:
		return badArg("autoscale.min_workers", "is %d; want 0 or more", *scale.MinWorkers)
	case scale.MaxWorkers < 0:
		return badArg("autoscale.max_workers", "is %d; want 1 or more", scale.MaxWorkers)
	case scale.MinWorkers != nil && scale.MaxWorkers != 0 && *scale.MinWorkers > scale.MaxWorkers:
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

// CreateCluster asks for a new cluster.
type CreateCluster = ClusterSpec

// Create makes a cluster and returns its id at once, while the cluster is
// still starting: [ClustersService.WaitRunning] waits for it. It fails with
// [ErrInvalidParameterValue] if an attribute is refused; others show only in
// the [ClusterError] of a start that failed.
//
// The call carries an idempotency token, so it may be repeated, and does not
// make two clusters.
func (s *ClustersService) Create(ctx context.Context, in CreateCluster) (string, error) {
	if in.IdempotencyToken == "" {
		in.IdempotencyToken = newIdempotencyToken()
	}
	made, err := do[createdCluster](ctx, s.client, post("/api/2.0/clusters/create").params(in).idempotencyToken(in.IdempotencyToken))
	if err != nil {
		return "", err
	}
	return made.ClusterID, nil
}

type createdCluster struct {
	ClusterID string `json:"cluster_id"`
}

func (c *createdCluster) validate() error { return named("cluster_id", c.ClusterID != "") }

// Edit replaces all attributes of a cluster that is RUNNING or TERMINATED:
// those that spec leaves out fall back to their defaults, so Modify is what
// changes some of them. A cluster that runs restarts, one that is terminated
// stays so. Clusters of jobs cannot be edited. A repeat would restart the
// cluster again, so the call is not repeated after its answer was lost.
func (s *ClustersService) Edit(ctx context.Context, id string, spec ClusterSpec) error {
	spec.ClusterSource = ""
	return s.edit(ctx, id, spec, struct {
		ClusterID string `json:"cluster_id"`
		ClusterSpec
	}{id, spec})
}

// edit sends the attributes in body, of which spec is what can be checked.
func (s *ClustersService) edit(ctx context.Context, id string, spec ClusterSpec, body any) error {
	r := post("/api/2.0/clusters/edit").required("cluster_id", id).check(spec.check())
	switch {
	case spec.IdempotencyToken != "":
		r = r.check(badArg("idempotency_token", "is for making a cluster, not for editing one"))
	case spec.CloneFrom != nil:
		r = r.check(badArg("clone_from", "is for making a cluster, not for editing one"))
	}
	r.Body = body
	return s.client.Do(ctx, r, nil)
}

// UpdateCluster says which attributes of a cluster to change, and to what.
type UpdateCluster struct {
	ClusterID string `json:"cluster_id"`

	// UpdateMask names the attributes as they are on the wire, with commas
	// between and no blanks: "num_workers,spark_conf". A dot leads to a part of
	// one: "aws_attributes.zone_id". "*" stands for all of them.
	UpdateMask string `json:"update_mask"`

	// Cluster holds the new values of the attributes in the mask. A zero value
	// clears its attribute; lists and maps are replaced as a whole.
	Cluster ClusterSpec `json:"cluster,omitzero"`
}

// MarshalJSON writes the attributes that are set, and zeroes where the mask
// asks for what is not.
func (in UpdateCluster) MarshalJSON() ([]byte, error) {
	cluster := map[string]any{}
	for name, value := range jsonFields(in.Cluster) {
		scalar := value.Kind() == reflect.String || value.Kind() < reflect.Array
		if !value.IsZero() || scalar && slices.Contains(in.mask(), name) {
			cluster[name] = value.Interface()
		}
	}
	return json.Marshal(map[string]any{"cluster_id": in.ClusterID, "update_mask": in.UpdateMask, "cluster": cluster})
}

// mask lists the attributes that the mask names, or parts of which it names.
func (in UpdateCluster) mask() []string {
	names := strings.Split(in.UpdateMask, ",")
	for i, name := range names {
		names[i], _, _ = strings.Cut(name, ".")
	}
	return names
}

func (in UpdateCluster) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", missing)
	case in.UpdateMask == "":
		return badArg("update_mask", "is missing; want names of attributes with commas between, or *")
	case strings.ContainsAny(in.UpdateMask, " \t\r\n"):
		return badArg("update_mask", "%q has blanks, which the service does not take", in.UpdateMask)
	case in.UpdateMask == "*":
		return in.Cluster.check()
	}
	for name, value := range jsonFields(in.Cluster) {
		if !value.IsZero() && !slices.Contains(in.mask(), name) {
			return badArg("cluster."+name, "is set, but update_mask does not name it")
		}
	}
	return checkSize(in.Cluster.NumWorkers, in.Cluster.Autoscale)
}

// jsonFields yields the fields of a struct by their names on the wire, those
// of embedded structs left out.
func jsonFields(v any) iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		for field, value := range reflect.ValueOf(v).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !yield(name, value) {
				return
			}
		}
	}
}

// Update replaces some attributes of a cluster that is RUNNING or TERMINATED.
// A cluster that runs restarts, one that is terminated stays so. Clusters of
// jobs cannot be updated. It needs a workspace with version 2.1 of the API, all
// others have Modify. It is not repeated after its answer was lost.
func (s *ClustersService) Update(ctx context.Context, in UpdateCluster) error {
	return s.client.Do(ctx, post("/api/2.1/clusters/update").params(in), nil)
}

// Start starts a cluster that is TERMINATED, with its last configuration, and
// returns at once: [ClustersService.WaitRunning] waits for it. Libraries are
// installed again. Clusters of jobs cannot be started. It fails with
// [ErrInvalidState] in every other state, so it is not repeated after its
// answer was lost; [ClustersService.EnsureRunning] copes with all of that.
func (s *ClustersService) Start(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/start").required("cluster_id", id), nil)
}

// RestartCluster names the cluster to restart.
type RestartCluster struct {
	ClusterID   string `json:"cluster_id"`
	RestartUser string `json:"restart_user,omitzero"` // the user to record as the one who restarted it
}

// Restart restarts a RUNNING cluster and returns at once. It fails with
// [ErrInvalidState] in every other state. The client does not retry it after a
// lost response.
func (s *ClustersService) Restart(ctx context.Context, in RestartCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/restart").required("cluster_id", in.ClusterID).optional("restart_user", in.RestartUser), nil)
}

// ResizeCluster says how large a cluster is to be: NumWorkers or Autoscale is set.
type ResizeCluster struct {
	ClusterID  string     `json:"cluster_id"`
	NumWorkers *int       `json:"num_workers,omitzero"` // 0 leaves the driver alone
	Autoscale  *AutoScale `json:"autoscale,omitzero"`   // the present number of workers is kept where the range allows it
}

func (in ResizeCluster) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", missing)
	case in.NumWorkers == nil && in.Autoscale == nil:
		return badArg("num_workers", "and autoscale are both missing; set one of them (0 workers is new(0))")
	}
	return checkSize(in.NumWorkers, in.Autoscale)
}

// Resize changes the number of workers of a cluster that is RUNNING, and
// returns at once. The cluster works on meanwhile. It fails with
// [ErrInvalidState] in every other state, so it is not repeated after its
// answer was lost.
func (s *ClustersService) Resize(ctx context.Context, in ResizeCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/resize").params(in), nil)
}

// Delete terminates a cluster, and returns at once: its nodes go, its
// configuration stays. [ClustersService.WaitTerminated] waits for the end.
// Terminating a terminated cluster does nothing, so the call may be repeated.
// Unless it is pinned, the cluster is forgotten 30 days later.
func (s *ClustersService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/delete").required("cluster_id", id).idempotent(), nil)
}

// PermanentDelete removes a cluster for good, in whatever state it is. A
// pinned cluster must be unpinned first. The call may be repeated.
func (s *ClustersService) PermanentDelete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/permanent-delete").required("cluster_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// Get returns a cluster. It fails with [ErrInvalidState] if the cluster was
// terminated more than 30 days ago and not pinned.
func (s *ClustersService) Get(ctx context.Context, id string) (*Cluster, error) {
	return do[Cluster](ctx, s.client, s.get(id))
}

func (s *ClustersService) get(id string) Request {
	return get("/api/2.0/clusters/get").required("cluster_id", id)
}

// Pin keeps a cluster's configuration, and its place in lists, however long it
// is terminated. Who makes a cluster unless one of its name is listed should pin
// it: of those terminated, lists show the latest only. It takes an administrator, and fails if too many clusters are pinned (100 at present).
// Pinning a pinned cluster does nothing, so the call may be repeated.
func (s *ClustersService) Pin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/pin").required("cluster_id", id).idempotent(), nil)
}

// Unpin undoes Pin. It takes an administrator. A cluster that was terminated
// long ago is forgotten by it. Unpinning a cluster that is not pinned does
// nothing, so the call may be repeated.
func (s *ClustersService) Unpin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/unpin").required("cluster_id", id).idempotent(), nil)
}

// ChangeOwner gives a cluster to another user, named as in the workspace, or to
// a service principal, named by its application id. It takes an administrator,
// and a cluster that is TERMINATED. The call may be repeated.
func (s *ClustersService) ChangeOwner(ctx context.Context, id, owner string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/change-owner").required("cluster_id", id).required("owner_username", owner).idempotent(), nil)
}

// A ClusterClient is what clusters are used from.
type ClusterClient string

// Clients of clusters.
const (
	ClusterClientNotebooks ClusterClient = "NOTEBOOKS"
	ClusterClientJobs      ClusterClient = "JOBS"
)

// A ListOrder is the order of a list.
type ListOrder string

// Orders of lists.
const (
	Ascending  ListOrder = "ASC"
	Descending ListOrder = "DESC"
)

// A ClusterSortField is what a list of clusters is sorted by.
type ClusterSortField string

// Fields to sort clusters by.
const (
	SortByDefault     ClusterSortField = "DEFAULT" // state, then pinned or not, then name
	SortByClusterName ClusterSortField = "CLUSTER_NAME"
)

// ListClusters says which clusters to list; its zero value stands for those
// described at List. All fields but CanUseClient need a workspace with version
// 2.1 of the API, and change what is listed by default.
type ListClusters struct {
	CanUseClient ClusterClient `json:"can_use_client,omitzero"` // clusters for this client only; not with the other fields
	FilterBy     ClusterFilter `json:"filter_by,omitzero"`
	SortBy       ClusterSort   `json:"sort_by,omitzero"`
	PageSize     int           `json:"page_size,omitzero"`  // clusters in one reply; 0 lets the service choose; all pages are read in any case
	PageToken    string        `json:"page_token,omitzero"` // where to begin, of an earlier reply
}

// A ClusterFilter says which clusters to list: those that all of its fields
// that are set allow.
type ClusterFilter struct {
	ClusterSources []ClusterSource `json:"cluster_sources,omitzero"`
	ClusterStates  []ClusterState  `json:"cluster_states,omitzero"`
	IsPinned       *bool           `json:"is_pinned,omitzero"` // false is for those that are not
	PolicyID       string          `json:"policy_id,omitzero"`
}

// A ClusterSort says in what order to list clusters.
type ClusterSort struct {
	Direction ListOrder        `json:"direction,omitzero"`
	Field     ClusterSortField `json:"field,omitzero"`
}

// request asks for the first page. Only version 2.1 filters, sorts and pages:
// 2.0 would pass over the wish, and list what was not asked for.
func (in ListClusters) request() Request {
	if in.PageSize == 0 && in.PageToken == "" && reflect.ValueOf(in.FilterBy).IsZero() && in.SortBy == (ClusterSort{}) {
		return get("/api/2.0/clusters/list").params(in)
	}
	r := get("/api/2.1/clusters/list").params(in)
	switch {
	case in.CanUseClient != "":
		return r.check(badArg("can_use_client", "cannot go with filter_by, sort_by, page_size or page_token"))
	case in.PageSize < 0:
		return r.check(badArg("page_size", "is %d; want 1 or more, or 0 for the service's choice", in.PageSize))
	}
	return r
}

// List returns all clusters that are not terminated and all that are pinned;
// of those terminated in the last 30 days the latest, 70 that people made and
// 30 that jobs made. A field of in, CanUseClient aside, makes that all of those
// terminated in the last 30 days. [Cluster.Spec] is nil in a list.
func (s *ClustersService) List(ctx context.Context, in ListClusters) ([]Cluster, error) {
	var clusters []Cluster
	for r := in.request(); ; r = r.params(in) {
		page, err := do[struct {
			Clusters      []Cluster `json:"clusters"`
			NextPageToken string    `json:"next_page_token"`
		}](ctx, s.client, r)
		if err != nil {
			return nil, err
		}
		if clusters == nil {
			clusters = page.Clusters
		} else {
			clusters = append(clusters, page.Clusters...)
		}
		if in.PageToken = page.NextPageToken; in.PageToken == "" {
			return clusters, nil
		}
	}
}

// All yields the clusters that List returns, each as soon as it arrives, and
// holds one at a time in memory. Each range over it asks anew. An error ends it.
func (s *ClustersService) All(ctx context.Context, in ListClusters) iter.Seq2[Cluster, error] {
	return func(yield func(Cluster, error) bool) {
		in := in // a later range begins with the first page again
		for r := in.request(); ; r = r.params(in) {
			in.PageToken = ""
			rest := func(name string, value json.RawMessage) {
				if name == "next_page_token" {
					_ = json.Unmarshal(value, &in.PageToken) // what is no text leads nowhere
				}
			}
			for cluster, err := range stream[Cluster](ctx, s.client, r, "clusters", rest) {
				if !yield(cluster, err) || err != nil {
					return
				}
			}
			if in.PageToken == "" {
				return
			}
		}
	}
}

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

// A ClusterEventType is what happened to a cluster. The service adds some now
// and then, so a switch over it needs a default.
type ClusterEventType string

// Types of events.
const (
	ClusterEventCreating    ClusterEventType = "CREATING"
	ClusterEventStarting    ClusterEventType = "STARTING"
	ClusterEventRestarting  ClusterEventType = "RESTARTING"
	ClusterEventRunning     ClusterEventType = "RUNNING" // made, started or restarted; Reason says why nodes are missing, if some are
	ClusterEventTerminating ClusterEventType = "TERMINATING"
	ClusterEventEdited      ClusterEventType = "EDITED"
	ClusterEventPinned      ClusterEventType = "PINNED"
	ClusterEventUnpinned    ClusterEventType = "UNPINNED"

	// Of its size.
	ClusterEventResizing                   ClusterEventType = "RESIZING"         // another number of workers is wished for
	ClusterEventUpsizeCompleted            ClusterEventType = "UPSIZE_COMPLETED" // nodes were added
	ClusterEventNodesLost                  ClusterEventType = "NODES_LOST"
	ClusterEventAddNodesFailed             ClusterEventType = "ADD_NODES_FAILED"
	ClusterEventAutoscalingStatsReport     ClusterEventType = "AUTOSCALING_STATS_REPORT" // every hour, of what was bought and not used
	ClusterEventAutoscalingBackoff         ClusterEventType = "AUTOSCALING_BACKOFF"      // scaling failed so often that it waits as long as it ever does
	ClusterEventAutoscalingFailed          ClusterEventType = "AUTOSCALING_FAILED"
	ClusterEventNodeBlacklisted            ClusterEventType = "NODE_BLACKLISTED" // Spark uses a node no more
	ClusterEventNodeExcludedDecommissioned ClusterEventType = "NODE_EXCLUDED_DECOMMISSIONED"
	ClusterEventDecommissionStarted        ClusterEventType = "DECOMMISSION_STARTED" // of a node
	ClusterEventDecommissionEnded          ClusterEventType = "DECOMMISSION_ENDED"

	// Of its disks.
	ClusterEventExpandedDisk       ClusterEventType = "EXPANDED_DISK"
	ClusterEventDidNotExpandDisk   ClusterEventType = "DID_NOT_EXPAND_DISK" // as it is as large as it may be
	ClusterEventFailedToExpandDisk ClusterEventType = "FAILED_TO_EXPAND_DISK"

	// Of its init scripts.
	ClusterEventInitScriptsStarting ClusterEventType = "INIT_SCRIPTS_STARTING" // an older name of the next
	ClusterEventInitScriptsStarted  ClusterEventType = "INIT_SCRIPTS_STARTED"
	ClusterEventInitScriptsFinished ClusterEventType = "INIT_SCRIPTS_FINISHED"

	// Of its driver, and of what that needs.
	ClusterEventDriverHealthy         ClusterEventType = "DRIVER_HEALTHY"
	ClusterEventDriverUnavailable     ClusterEventType = "DRIVER_UNAVAILABLE"
	ClusterEventDriverNotResponding   ClusterEventType = "DRIVER_NOT_RESPONDING" // there, but busy, such as with collecting garbage
	ClusterEventSparkException        ClusterEventType = "SPARK_EXCEPTION"
	ClusterEventDBFSDown              ClusterEventType = "DBFS_DOWN"
	ClusterEventMetastoreDown         ClusterEventType = "METASTORE_DOWN"
	ClusterEventUCVolumeMisconfigured ClusterEventType = "UC_VOLUME_MISCONFIGURED" // the one that logs go to

	// Of what the service does on its own.
	ClusterEventAutomaticClusterUpdate             ClusterEventType = "AUTOMATIC_CLUSTER_UPDATE" // a restart is due
	ClusterEventClusterMigrated                    ClusterEventType = "CLUSTER_MIGRATED"         // between GCP's ways to run it
	ClusterEventDeferredPolicyEnforcementScheduled ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_SCHEDULED"
	ClusterEventDeferredPolicyEnforcementFailed    ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_FAILED"
)

// A ResizeCause is why a cluster is to have another size.
type ResizeCause string

// Causes of a resize.
const (
	ResizeUserRequest     ResizeCause = "USER_REQUEST"
	ResizeAutorecovery    ResizeCause = "AUTORECOVERY" // nodes were lost
	ResizeReplaceBadNodes ResizeCause = "REPLACE_BAD_NODES"
	ResizeAutoscale       ResizeCause = "AUTOSCALE" // load, as for those that follow
	ResizeAutoscaleV2     ResizeCause = "AUTOSCALE_V2"
	ResizeDBRAutoscale    ResizeCause = "DBR_AUTOSCALE" // as the runtime itself sees it
)

// A DataPlaneEventType is what happened on a node.
type DataPlaneEventType string

// Types of events on nodes.
const (
	DataPlaneNodeBlacklisted            DataPlaneEventType = "NODE_BLACKLISTED"
	DataPlaneNodeExcludedDecommissioned DataPlaneEventType = "NODE_EXCLUDED_DECOMMISSIONED"
)

// An InitScriptStatus is how an init script went.
type InitScriptStatus string

// Ends of init scripts.
const (
	InitScriptUnknown         InitScriptStatus = "UNKNOWN"
	InitScriptSucceeded       InitScriptStatus = "SUCCEEDED"
	InitScriptFailedFetch     InitScriptStatus = "FAILED_FETCH"
	InitScriptFailedExecution InitScriptStatus = "FAILED_EXECUTION" // it ended with a status other than 0
	InitScriptNotExecuted     InitScriptStatus = "NOT_EXECUTED"
	InitScriptSkipped         InitScriptStatus = "SKIPPED" // it was not there, and need not be
	InitScriptFuseMountFailed InitScriptStatus = "FUSE_MOUNT_FAILED"
)

// A ClusterEvent is something that happened to a cluster.
type ClusterEvent struct {
	ClusterID             string                 `json:"cluster_id"`
	Timestamp             Millis                 `json:"timestamp"`
	Type                  ClusterEventType       `json:"type"`
	Details               *ClusterEventDetails   `json:"details"`
	DataPlaneEventDetails *DataPlaneEventDetails `json:"data_plane_event_details"` // of what happened on a node
}

// ClusterEventDetails say more of an event. Which fields are set depends on
// its type.
type ClusterEventDetails struct {
	User                                string                  `json:"user"`   // who caused it; empty for the service
	Reason                              *TerminationReason      `json:"reason"` // why the cluster ends, or why nodes are missing
	Cause                               ResizeCause             `json:"cause"`
	CurrentNumWorkers                   *int                    `json:"current_num_workers"`
	TargetNumWorkers                    *int                    `json:"target_num_workers"`
	CurrentNumVCPUs                     int                     `json:"current_num_vcpus"`
	TargetNumVCPUs                      int                     `json:"target_num_vcpus"`
	Attributes                          *ClusterSpec            `json:"attributes"` // since it was made or edited; without its size
	PreviousAttributes                  *ClusterSpec            `json:"previous_attributes"`
	ClusterSize                         *ClusterSize            `json:"cluster_size"` // since it was made, edited or resized
	PreviousClusterSize                 *ClusterSize            `json:"previous_cluster_size"`
	DiskSize                            int64                   `json:"disk_size"` // bytes
	PreviousDiskSize                    int64                   `json:"previous_disk_size"`
	FreeSpace                           int64                   `json:"free_space"`
	DidNotExpandReason                  string                  `json:"did_not_expand_reason"`
	DriverStateMessage                  string                  `json:"driver_state_message"`
	InitScripts                         *InitScriptEventDetails `json:"init_scripts"`
	InstanceID                          string                  `json:"instance_id"`
	JobRunName                          string                  `json:"job_run_name"`
	EnableTerminationForNodeBlocklisted bool                    `json:"enable_termination_for_node_blocklisted"` // the node that Spark uses no more goes
}

// A ClusterSize is a number of workers or a range for it.
type ClusterSize struct {
	NumWorkers *int       `json:"num_workers"` // nil if Autoscale is set
	Autoscale  *AutoScale `json:"autoscale"`
}

// DataPlaneEventDetails say what happened on a node.
type DataPlaneEventDetails struct {
	EventType        DataPlaneEventType `json:"event_type"`
	ExecutorFailures int                `json:"executor_failures"`
	HostID           string             `json:"host_id"`
	Timestamp        Millis             `json:"timestamp"`
}

// InitScriptEventDetails say how init scripts went.
type InitScriptEventDetails struct {
	Cluster         []InitScriptExecution `json:"cluster"`           // ClusterSpec.InitScripts
	Global          []InitScriptExecution `json:"global"`            // those of all clusters
	ReportedForNode string                `json:"reported_for_node"` // its private address
}

// An InitScriptExecution is how one init script went.
type InitScriptExecution struct {
	InitScript
	Status                   InitScriptStatus `json:"status"`
	ErrorMessage             string           `json:"error_message"`
	ExecutionDurationSeconds int              `json:"execution_duration_seconds"`
	Stderr                   string           `json:"stderr"` // of one that failed, where the workspace keeps it
}

// ListClusterEvents says which events to list.
type ListClusterEvents struct {
	ClusterID  string             `json:"cluster_id"`
	StartTime  Millis             `json:"start_time,omitzero"`  // zero for the first event
	EndTime    Millis             `json:"end_time,omitzero"`    // zero for now
	Order      ListOrder          `json:"order,omitzero"`       // empty for Descending, the latest first
	EventTypes []ClusterEventType `json:"event_types,omitzero"` // none for all
	Offset     int64              `json:"offset,omitzero"`      // how many to pass over; if Descending, EndTime must be set
	Limit      int64              `json:"limit,omitzero"`       // events in one reply, up to 500; 0 for 50; all pages are read in any case
	PageSize   int                `json:"page_size,omitzero"`   // Limit's newer name
	PageToken  string             `json:"page_token,omitzero"`  // where to begin, of an earlier reply; newer than Offset
}

func (in ListClusterEvents) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", missing)
	case in.Offset < 0:
		return badArg("offset", "is %d; want 0 or more", in.Offset)
	case in.Offset > 0 && in.EndTime == 0 && in.Order != Ascending:
		return badArg("end_time", "is missing; without it an offset from the latest event means something else with each event")
	case in.Limit < 0:
		return badArg("limit", "is %d; want 1 to 500, or 0 for 50", in.Limit)
	case in.PageSize < 0:
		return badArg("page_size", "is %d; want 1 to 500, or 0 for the service's choice", in.PageSize)
	}
	return nil
}

// AllEvents yields the events of a cluster's last 60 days, page after page. Events
// that come meanwhile are left out unless the order is Ascending. Each range
// over it asks anew. An error ends it.
func (s *ClustersService) AllEvents(ctx context.Context, in ListClusterEvents) iter.Seq2[ClusterEvent, error] {
	return func(yield func(ClusterEvent, error) bool) {
		in := in // a later range begins with the first page again
		for r := post("/api/2.0/clusters/events").params(in).readOnly(); ; {
			page, err := do[struct {
				Events        []ClusterEvent             `json:"events"`
				NextPage      map[string]json.RawMessage `json:"next_page"`
				NextPageToken string                     `json:"next_page_token"`
			}](ctx, s.client, r)
			if err != nil {
				yield(ClusterEvent{}, err)
				return
			}
			for _, event := range page.Events {
				if !yield(event, nil) {
					return
				}
			}
			switch {
			case page.NextPage != nil:
				// It is the next request, but servers were seen to leave these out.
				r.Body = nil
				r = r.optional("event_types", in.EventTypes).optional("order", in.Order).optional("limit", in.Limit)
				for name, value := range page.NextPage {
					r = r.optional(name, value)
				}
			case page.NextPageToken != "":
				in.Offset, in.PageToken = 0, page.NextPageToken
				r = r.params(in)
			default:
				return
			}
		}
	}
}

// Watch yields the cluster as it is and then, forever, whenever its state or
// state message changed: a terminated cluster may be started again, so it is
// for the caller to stop, such as when it is no longer ClusterPending, and to
// call WaitRunning then, which returns why if it does not run. It looks often at first and every five seconds in the
// end, and puts up with looks that fail now and then. When the context ends the
// last error matches its cause.
func (s *ClustersService) Watch(ctx context.Context, id string) iter.Seq2[*Cluster, error] {
	return s.watch(ctx, id, func(old, new *Cluster) bool {
		return old.State == new.State && old.StateMessage == new.StateMessage
	})
}

func (s *ClustersService) watch(ctx context.Context, id string, same func(old, new *Cluster) bool) iter.Seq2[*Cluster, error] {
	look := func(ctx context.Context) (*Cluster, error) {
		cluster, err := s.Get(ctx, id)
		if err == nil && cluster.State == "" && !s.client.Planning() {
			return nil, errors.New("the reply has no state") // a look that failed, and no change
		}
		return cluster, err
	}
	return watch(ctx, s.client, "cluster "+id, look, same)
}

// wait looks at a cluster until done says that it is as it should be, or why
// it never will be.
func (s *ClustersService) wait(ctx context.Context, id string, done func(*Cluster) (bool, error)) (*Cluster, error) {
	var last *Cluster
	everyLook := func(_, _ *Cluster) bool { return false }
	for cluster, err := range s.watch(ctx, id, everyLook) {
		if err != nil {
			if last != nil {
				err = fmt.Errorf("%w; it was %s", err, last.describe())
			}
			return nil, err
		}
		last = cluster
		switch ok, err := done(cluster); {
		case ok || s.client.Planning():
			return cluster, nil
		case err != nil:
			return nil, err
		}
	}
	return last, nil
}

// WaitRunning waits until a cluster is RUNNING, also through a restart or a
// resize. If it is TERMINATED or comes to
// that, or to ERROR, the error is a [*ClusterError] that says why. There is no
// other bound than the context. A client that only plans looks once.
func (s *ClustersService) WaitRunning(ctx context.Context, id string) (*Cluster, error) {
	return s.wait(ctx, id, func(c *Cluster) (bool, error) {
		switch c.State {
		case ClusterRunning:
			return true, nil
		case ClusterTerminated, ClusterInError:
			return false, newClusterError(c)
		}
		return false, nil
	})
}

// WaitTerminated waits until a cluster is TERMINATED, for whatever reason; if
// it comes to ERROR, the error is a [*ClusterError]. A cluster that is not
// there, such as one that was deleted for good, fails with
// [ErrResourceDoesNotExist]. There is no other bound than the context: it does
// not terminate the cluster. A client that only plans looks once.
func (s *ClustersService) WaitTerminated(ctx context.Context, id string) (*Cluster, error) {
	return s.wait(ctx, id, func(c *Cluster) (bool, error) {
		switch c.State {
		case ClusterTerminated:
			return true, nil
		case ClusterInError:
			return false, newClusterError(c)
		}
		return false, nil
	})
}

// EnsureRunning sees to it that a cluster is RUNNING: it starts one that is
// TERMINATED, lets one that is TERMINATING come to its end first, and waits for
// one that is on its way already, whoever started it. Any number of callers may
// do so at once.
//
// It starts a cluster once. If that start fails, or the one that it found under
// way, or somebody terminates the cluster meanwhile, the error is a
// [*ClusterError] that says why. There is no other bound than the context.
func (s *ClustersService) EnsureRunning(ctx context.Context, id string) (*Cluster, error) {
	var (
		down     *Cluster // as it was when it was to be started
		started  bool     // the service took the order to start it
		coming   bool     // it was seen on its way
		attempts int      // at starting it
	)
	return s.wait(ctx, id, func(c *Cluster) (bool, error) {
		switch c.State {
		case ClusterRunning:
			return true, nil
		case ClusterPending, ClusterRestarting, ClusterResizing:
			coming = true
		case ClusterInError:
			return false, newClusterError(c)
		case ClusterTerminated:
			switch {
			case coming, down != nil && !down.sameEnd(c): // up, and down again
				return false, newClusterError(c)
			case started: // it does not show yet
				return false, nil
			}
			down = c
			attempts++
			err := s.Start(ctx, id)
			started = err == nil
			// Somebody else may have been faster, and an order whose answer was lost
			// may have arrived: the next look tells.
			_, unknown := errors.AsType[*OutcomeUnknownError](err)
			if attempts <= poll.Tolerated && (unknown || errors.Is(err, ErrInvalidState)) {
				err = nil
			}
			return false, err
		}
		return false, nil
	})
}

// sameEnd reports whether two looks at a terminated cluster saw it terminated
// by the same event.
func (c *Cluster) sameEnd(other *Cluster) bool {
	return c.TerminatedTime == other.TerminatedTime && reflect.DeepEqual(c.TerminationReason, other.TerminationReason)
}

// describe says in a few words what state a cluster is in.
func (c *Cluster) describe() string {
	if c.StateMessage == "" {
		return string(c.State)
	}
	return string(c.State) + ": " + oneLine(c.StateMessage, 500)
}

// Modify changes some attributes of a cluster that is RUNNING or TERMINATED:
// it reads them, lets change have its way with them, and edits the cluster if
// anything is different then. All other attributes stay as they are, those that
// this library has no field for included. A cluster that runs restarts.
//
//	err := client.Clusters.Modify(ctx, id, func(spec *databricks.ClusterSpec) {
//		spec.AutoterminationMinutes = new(30)
//	})
//
// What is changed is what was sent to make or edit the cluster, [Cluster.Spec],
// at its present size. The service has no way to keep others from editing the
// cluster between the two calls. An edit whose answer was lost is not repeated;
// to call Modify again with the same change is safe.
func (s *ClustersService) Modify(ctx context.Context, id string, change func(*ClusterSpec)) error {
	read, err := do[map[string]json.RawMessage](ctx, s.client, s.get(id))
	if err != nil {
		return err
	}
	attributes, text, err := editable(*read)
	if err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	var before, after ClusterSpec // of nothing in common
	if err := errors.Join(reply.Unmarshal(text, &before), reply.Unmarshal(text, &after)); err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	change(&after)
	changed, err := patch.Object(attributes, before, after)
	if err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	if !changed {
		return nil
	}
	body := map[string]any{"cluster_id": id}
	for name, value := range attributes {
		body[name] = value
	}
	return s.edit(ctx, id, after, body)
}

// editable picks, of the members of a cluster that was read, those that an edit
// must send to change nothing. It returns them as a text, too.
func editable(read map[string]json.RawMessage) (attributes map[string]json.RawMessage, text []byte, err error) {
	has := func(m map[string]json.RawMessage, name string) bool {
		return len(m[name]) > 0 && string(m[name]) != "null"
	}

	if has(read, "spec") {
		if err := json.Unmarshal(read["spec"], &attributes); err != nil {
			return nil, nil, fmt.Errorf("its spec cannot be read: %w", err)
		}
	} else {
		attributes = map[string]json.RawMessage{}
		maps.Copy(attributes, read)
		for name := range jsonFields(Cluster{}) {
			delete(attributes, name)
		}
		if has(attributes, "instance_pool_id") { // which decides
			delete(attributes, "node_type_id")
			delete(attributes, "driver_node_type_id")
		}
	}
	for _, name := range []string{"clone_from", "cluster_source", "idempotency_token"} {
		delete(attributes, name)
	}

	// A resize changes the cluster and not its spec. Where the spec has no size
	// at all, something else decides about it.
	size := "num_workers"
	if has(read, "autoscale") {
		size = "autoscale"
	}
	if has(read, size) && (has(attributes, "num_workers") || has(attributes, "autoscale")) {
		delete(attributes, "num_workers")
		delete(attributes, "autoscale")
		attributes[size] = read[size]
	}
	text, err = json.Marshal(attributes)
	return attributes, text, err
}
