package databricks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// every is a spec with every field that can be combined with the others. everyJSON
// is its JSON form.
var every = ClusterSpec{
	NumWorkers:       new(0),
	ClusterName:      "nightly",
	SparkVersion:     "15.4.x-scala2.12",
	SparkConf:        SparkConf{"spark.speculation": "true"},
	NodeTypeID:       "Standard_D3_v2",
	DriverNodeTypeID: "Standard_D4_v2",
	SSHPublicKeys:    []string{"ssh-rsa AAAA alice@example.com"},
	CustomTags:       map[string]string{"team": "data"},
	ClusterLogConf: &ClusterLogConf{
		DBFS:    &StorageLocation{Destination: "dbfs:/logs"},
		S3:      &S3Location{"s3://bucket/logs", "us-west-2", "https://s3.example.com", true, "sse-kms", "key", "bucket-owner-full-control"},
		Volumes: &StorageLocation{Destination: "/Volumes/main/default/logs"},
	},
	InitScripts: []InitScript{{
		DBFS:      &StorageLocation{Destination: "dbfs:/init.sh"},
		File:      &StorageLocation{Destination: "file:/init.sh"},
		S3:        &S3Location{Destination: "s3://bucket/init.sh"},
		ABFSS:     &StorageLocation{Destination: "abfss://c@a.dfs.core.windows.net/init.sh"},
		GCS:       &StorageLocation{Destination: "gs://bucket/init.sh"},
		Volumes:   &StorageLocation{Destination: "/Volumes/main/default/init.sh"},
		Workspace: &StorageLocation{Destination: "/Shared/init.sh"},
	}},
	DockerImage:               &DockerImage{URL: "registry.example.com/spark:1", BasicAuth: &DockerBasicAuth{"alice", "docker-password"}},
	SparkEnvVars:              SparkEnvVars{"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
	AutoterminationMinutes:    new(0),
	EnableElasticDisk:         new(false),
	EnableLocalDiskEncryption: new(false),
	PolicyID:                  "policy",
	ApplyPolicyDefaultValues:  true,
	AWSAttributes: &AWSAttributes{
		new(0), AWSSpotWithFallback, "us-west-2a", "arn:aws:iam::1:instance-profile/p", 50, EBSGeneralPurposeSSD, new(0), 100, 3000, 125,
	},
	AzureAttributes: &AzureAttributes{new(0), AzureSpotWithFallback, new(-1.0), &LogAnalyticsInfo{"workspace", "primary-key"}, "/subscriptions/1/group"},
	GCPAttributes: &GCPAttributes{
		GCPPreemptibleWithFallback, 100, ConfidentialComputeSEVSNP, new(0), "sa@p.iam.gserviceaccount.com", new(0), true, "HA",
	},
	DriverNodeTypeFlexibility:  &NodeTypeFlexibility{[]string{"Standard_D4_v3"}},
	WorkerNodeTypeFlexibility:  &NodeTypeFlexibility{[]string{"Standard_D3_v3"}},
	DataSecurityMode:           DataSecuritySingleUser,
	SingleUserName:             "alice@example.com",
	WorkloadType:               &WorkloadType{&ClientsTypes{Jobs: new(false), Notebooks: new(true)}},
	DependencyMode:             DependencyClusterLibraries,
	RuntimeEngine:              RuntimeEnginePhoton,
	Kind:                       ComputeClassicPreview,
	IsSingleNode:               true,
	UseMLRuntime:               true,
	RemoteDiskThroughput:       250,
	TotalInitialRemoteDiskSize: 500,
	ClusterMountInfos:          []MountInfo{{&NetworkFilesystemInfo{"nfs.example.com", "sec=sys"}, "/export", "/mnt/export"}},
}

const everyJSON = `
	"num_workers": 0,
	"cluster_name": "nightly",
	"spark_version": "15.4.x-scala2.12",
	"spark_conf": {"spark.speculation": "true"},
	"node_type_id": "Standard_D3_v2",
	"driver_node_type_id": "Standard_D4_v2",
	"ssh_public_keys": ["ssh-rsa AAAA alice@example.com"],
	"custom_tags": {"team": "data"},
	"cluster_log_conf": {
		"dbfs": {"destination": "dbfs:/logs"},
		"s3": {
			"destination": "s3://bucket/logs", "region": "us-west-2", "endpoint": "https://s3.example.com",
			"enable_encryption": true, "encryption_type": "sse-kms", "kms_key": "key", "canned_acl": "bucket-owner-full-control"
		},
		"volumes": {"destination": "/Volumes/main/default/logs"}
	},
	"init_scripts": [{
		"dbfs": {"destination": "dbfs:/init.sh"},
		"file": {"destination": "file:/init.sh"},
		"s3": {"destination": "s3://bucket/init.sh"},
		"abfss": {"destination": "abfss://c@a.dfs.core.windows.net/init.sh"},
		"gcs": {"destination": "gs://bucket/init.sh"},
		"volumes": {"destination": "/Volumes/main/default/init.sh"},
		"workspace": {"destination": "/Shared/init.sh"}
	}],
	"docker_image": {"url": "registry.example.com/spark:1", "basic_auth": {"username": "alice", "password": "docker-password"}},
	"spark_env_vars": {"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
	"autotermination_minutes": 0,
	"enable_elastic_disk": false,
	"enable_local_disk_encryption": false,
	"policy_id": "policy",
	"apply_policy_default_values": true,
	"aws_attributes": {
		"first_on_demand": 0, "availability": "SPOT_WITH_FALLBACK", "zone_id": "us-west-2a",
		"instance_profile_arn": "arn:aws:iam::1:instance-profile/p", "spot_bid_price_percent": 50,
		"ebs_volume_type": "GENERAL_PURPOSE_SSD", "ebs_volume_count": 0, "ebs_volume_size": 100,
		"ebs_volume_iops": 3000, "ebs_volume_throughput": 125
	},
	"azure_attributes": {
		"first_on_demand": 0, "availability": "SPOT_WITH_FALLBACK_AZURE", "spot_bid_max_price": -1,
		"log_analytics_info": {"log_analytics_workspace_id": "workspace", "log_analytics_primary_key": "primary-key"},
		"capacity_reservation_group": "/subscriptions/1/group"
	},
	"gcp_attributes": {
		"availability": "PREEMPTIBLE_WITH_FALLBACK_GCP", "boot_disk_size": 100, "confidential_compute_type": "SEV_SNP",
		"first_on_demand": 0, "google_service_account": "sa@p.iam.gserviceaccount.com", "local_ssd_count": 0,
		"use_preemptible_executors": true, "zone_id": "HA"
	},
	"driver_node_type_flexibility": {"alternate_node_type_ids": ["Standard_D4_v3"]},
	"worker_node_type_flexibility": {"alternate_node_type_ids": ["Standard_D3_v3"]},
	"data_security_mode": "SINGLE_USER",
	"single_user_name": "alice@example.com",
	"workload_type": {"clients": {"jobs": false, "notebooks": true}},
	"dependency_mode": "DEPENDENCY_MODE_CLUSTER_LIBRARIES",
	"runtime_engine": "PHOTON",
	"kind": "CLASSIC_PREVIEW",
	"is_single_node": true,
	"use_ml_runtime": true,
	"remote_disk_throughput": 250,
	"total_initial_remote_disk_size": 500,
	"cluster_mount_infos": [{
		"network_filesystem_info": {"server_address": "nfs.example.com", "mount_options": "sec=sys"},
		"remote_mount_dir_path": "/export", "local_mount_dir_path": "/mnt/export"
	}]`

// pooled has the fields that every cannot have.
var pooled = ClusterSpec{
	Autoscale:            &AutoScale{MinWorkers: new(0), MaxWorkers: 8},
	SparkVersion:         "15.4.x-scala2.12",
	InstancePoolID:       "pool",
	DriverInstancePoolID: "driver-pool",
	CloneFrom:            &CloneCluster{SourceClusterID: "1122-185335-other"},
	ClusterSource:        ClusterSourceAPI,
	IdempotencyToken:     "token",
}

const pooledJSON = `
	"autoscale": {"min_workers": 0, "max_workers": 8},
	"spark_version": "15.4.x-scala2.12",
	"instance_pool_id": "pool",
	"driver_instance_pool_id": "driver-pool",
	"clone_from": {"source_cluster_id": "1122-185335-other"},
	"cluster_source": "API",
	"idempotency_token": "token"`

// read is a cluster with every field. readJSON is its JSON form.
var read = Cluster{
	ClusterID:             "1122-185335-bonk12",
	ClusterSpec:           every,
	Spec:                  &ClusterSpec{ClusterName: "nightly"},
	State:                 ClusterTerminating,
	StateMessage:          "Inactive",
	TerminationReason:     &TerminationReason{TerminationInactivity, TerminationSuccess, map[TerminationParameter]string{TerminationInactivityDurationMin: "120"}},
	CreatorUserName:       "alice@example.com",
	PinnedByUserName:      "3401478490056118",
	AssignedPrincipal:     "user:alice@example.com",
	DefaultTags:           map[string]string{"Vendor": "Databricks"},
	StartTime:             1618263108824,
	LastRestartedTime:     1618263108825,
	LastStateLossTime:     1618263108826,
	LastActivityTime:      1618263108827,
	TerminatedTime:        1618263108828,
	Driver:                &SparkNode{"node", "instance", "10.0.0.1", "10.0.1.1", "driver.example.com", 1618263108829, nil, nil},
	Executors:             []SparkNode{{NodeID: "worker", NodeAWSAttributes: &SparkNodeAWSAttributes{IsSpot: true}, NodeAttributes: &SparkNodeAWSAttributes{IsSpot: true}}},
	SparkContextID:        5631707659504820001,
	JDBCPort:              10000,
	ClusterMemoryMB:       28672,
	ClusterCores:          8.5,
	ClusterLogStatus:      &LogSyncStatus{1681249693295, "no such folder"},
	DriverHealthy:         true,
	DiskSpec:              &DiskSpec{&DiskType{EBSThroughputOptimizedHDD, AzureDiskPremiumLRS}, 1, 100, 3000, 125},
	InstanceSource:        &InstanceSource{NodeTypeID: "Standard_D3_v2"},
	DriverInstanceSource:  &InstanceSource{InstancePoolID: "pool"},
	EffectiveSparkVersion: "15.4.x-photon-scala2.12",
	ReleaseVersion:        "15.4.2",
	InitScriptsSafeMode:   true,
}

const readJSON = `{
	"cluster_id": "1122-185335-bonk12",` + everyJSON + `,
	"spec": {"cluster_name": "nightly"},
	"state": "TERMINATING",
	"state_message": "Inactive",
	"termination_reason": {"code": "INACTIVITY", "type": "SUCCESS", "parameters": {"inactivity_duration_min": "120"}},
	"creator_user_name": "alice@example.com",
	"pinned_by_user_name": "3401478490056118",
	"assigned_principal": "user:alice@example.com",
	"default_tags": {"Vendor": "Databricks"},
	"start_time": 1618263108824,
	"last_restarted_time": 1618263108825,
	"last_state_loss_time": 1618263108826,
	"last_activity_time": 1618263108827,
	"terminated_time": 1618263108828,
	"driver": {
		"node_id": "node", "instance_id": "instance", "private_ip": "10.0.0.1", "host_private_ip": "10.0.1.1",
		"public_dns": "driver.example.com", "start_timestamp": 1618263108829
	},
	"executors": [{"node_id": "worker", "node_aws_attributes": {"is_spot": true}, "node_attributes": {"is_spot": true}}],
	"spark_context_id": 5631707659504820001,
	"jdbc_port": 10000,
	"cluster_memory_mb": 28672,
	"cluster_cores": 8.5,
	"cluster_log_status": {"last_attempted": 1681249693295, "last_exception": "no such folder"},
	"driver_healthy": true,
	"disk_spec": {
		"disk_type": {"ebs_volume_type": "THROUGHPUT_OPTIMIZED_HDD", "azure_disk_volume_type": "PREMIUM_LRS"},
		"disk_count": 1, "disk_size": 100, "disk_iops": 3000, "disk_throughput": 125
	},
	"instance_source": {"node_type_id": "Standard_D3_v2"},
	"driver_instance_source": {"instance_pool_id": "pool"},
	"effective_spark_version": "15.4.x-photon-scala2.12",
	"release_version": "15.4.2",
	"init_scripts_safe_mode": true
}`

// small returns the minimal input of Create.
func small(change func(*ClusterSpec)) ClusterSpec {
	spec := ClusterSpec{NumWorkers: new(1), SparkVersion: "15.4.x-scala2.12", NodeTypeID: "Standard_D3_v2", IdempotencyToken: "token"}
	if change != nil {
		change(&spec)
	}
	return spec
}

const smallJSON = `"num_workers": 1, "spark_version": "15.4.x-scala2.12", "node_type_id": "Standard_D3_v2"`

func TestClusters_wire(t *testing.T) {
	assertFull(t, every, pooled, read, nodeType, event)
	type ctx = context.Context
	create := func(in CreateCluster) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return c.Clusters.Create(ctx, in) }
	}
	edit := func(id string, spec ClusterSpec) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Edit(ctx, id, spec) }
	}
	resize := func(in ResizeCluster) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Resize(ctx, in) }
	}
	update := func(mask string, spec ClusterSpec) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) {
			return nil, c.Clusters.Update(ctx, UpdateCluster{"1", mask, spec})
		}
	}
	get := func(ctx ctx, c *Client) (any, error) { return c.Clusters.Get(ctx, "1") }
	list := func(in ListClusters) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return c.Clusters.List(ctx, in) }
	}
	stream := func(in ListClusters) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return elements(c.Clusters.All(ctx, in)) }
	}
	events := func(in ListClusterEvents) func(ctx, *Client) (any, error) {
		return func(ctx ctx, c *Client) (any, error) { return elements(c.Clusters.AllEvents(ctx, in)) }
	}
	const created = `{"cluster_id": "1122-185335-bonk12"}`
	made := []wireStep{{"POST /api/2.0/clusters/create", `{"idempotency_token": "token", ` + smallJSON + `}`, created}}
	twoPages := []Cluster{{ClusterID: "1"}, {ClusterID: "2"}, {ClusterID: "3"}}

	rows := []wireRow{{
		name: "create sends every field",
		call: create(func() ClusterSpec { s := every; s.IdempotencyToken = "token"; return s }()),
		wire: []wireStep{{"POST /api/2.0/clusters/create", `{"idempotency_token": "token", ` + everyJSON + `}`, created}},
		want: "1122-185335-bonk12",
	}, {
		name: "create sends what goes with a pool",
		call: create(pooled),
		wire: []wireStep{{"POST /api/2.0/clusters/create", `{` + pooledJSON + `}`, created}},
		want: "1122-185335-bonk12",
	}, {
		name: "create sends nothing that was not asked for",
		call: create(small(nil)), wire: made, want: "1122-185335-bonk12",
	}, {
		name: "create leaves to a policy what is left out",
		call: create(ClusterSpec{PolicyID: "policy", IdempotencyToken: "token"}),
		wire: []wireStep{{"POST /api/2.0/clusters/create", `{"policy_id": "policy", "idempotency_token": "token"}`, created}},
		want: "1122-185335-bonk12",
	}, {
		name: "empty lists and maps are sent",
		call: create(small(func(s *ClusterSpec) { s.CustomTags, s.InitScripts = map[string]string{}, []InitScript{} })),
		wire: []wireStep{{"POST /api/2.0/clusters/create", `{"idempotency_token": "token", "custom_tags": {}, "init_scripts": [], ` + smallJSON + `}`, created}},
		want: "1122-185335-bonk12",
	}, {
		name: "unknown values of enums are sent",
		call: create(small(func(s *ClusterSpec) { s.RuntimeEngine = "WARP" })),
		wire: []wireStep{{"POST /api/2.0/clusters/create", `{"idempotency_token": "token", "runtime_engine": "WARP", ` + smallJSON + `}`, created}},
		want: "1122-185335-bonk12",
	}, {
		name: "create without an id in the response is lost",
		call: create(small(nil)),
		wire: []wireStep{{made[0].request, made[0].body, `{}`}}, fails: "outcome unknown",
	}, {
		name: "create that is refused",
		call: create(small(nil)),
		wire: []wireStep{{made[0].request, made[0].body, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid spark version"}`}},
		is:   ErrInvalidParameterValue, fails: "Invalid spark version",
	}, {
		name: "create that is not allowed",
		call: create(small(nil)),
		wire: []wireStep{{made[0].request, made[0].body, `403 {"error_code": "PERMISSION_DENIED", "message": "no"}`}},
		is:   fs.ErrPermission,
	}, {
		name: "edit sends every field but the source",
		call: edit("1", func() ClusterSpec { s := every; s.ClusterSource = ClusterSourceAPI; return s }()),
		wire: []wireStep{{"POST /api/2.0/clusters/edit", `{"cluster_id": "1", ` + everyJSON + `}`, ""}},
	}, {
		name: "edit that comes at the wrong time",
		call: edit("1", small(func(s *ClusterSpec) { s.IdempotencyToken = "" })),
		wire: []wireStep{{"POST /api/2.0/clusters/edit", `{"cluster_id": "1", ` + smallJSON + `}`, `400 {"error_code": "INVALID_STATE", "message": "Cluster 1 is in unexpected state Pending."}`}},
		is:   ErrInvalidState,
	}, {
		name: "update sends what the mask names",
		call: update("num_workers,cluster_name,custom_tags,aws_attributes.zone_id",
			ClusterSpec{NumWorkers: new(0), ClusterName: "a", CustomTags: map[string]string{}, AWSAttributes: &AWSAttributes{ZoneID: "z"}}),
		wire: []wireStep{{"POST /api/2.1/clusters/update", `{
			"cluster_id": "1", "update_mask": "num_workers,cluster_name,custom_tags,aws_attributes.zone_id",
			"cluster": {"num_workers": 0, "cluster_name": "a", "custom_tags": {}, "aws_attributes": {"zone_id": "z"}}
		}`, ""}},
	}, {
		name: "update sends zeroes to clear what the mask names",
		call: update("cluster_name,is_single_node,remote_disk_throughput,data_security_mode,spark_conf", ClusterSpec{}),
		wire: []wireStep{{"POST /api/2.1/clusters/update", `{
			"cluster_id": "1", "update_mask": "cluster_name,is_single_node,remote_disk_throughput,data_security_mode,spark_conf",
			"cluster": {"cluster_name": "", "is_single_node": false, "remote_disk_throughput": 0, "data_security_mode": ""}
		}`, ""}},
	}, {
		name: "update of everything",
		call: update("*", small(func(s *ClusterSpec) { s.IdempotencyToken = "" })),
		wire: []wireStep{{"POST /api/2.1/clusters/update", `{"cluster_id": "1", "update_mask": "*", "cluster": {` + smallJSON + `}}`, ""}},
	}, {
		name: "start",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Start(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/start", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "start of a cluster that runs",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Start(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/start", `{"cluster_id": "1"}`, `400 {"error_code": "INVALID_STATE", "message": "Cluster 1 is in unexpected state Running."}`}},
		is:   ErrInvalidState, fails: "unexpected state Running",
	}, {
		name: "restart",
		call: func(ctx ctx, c *Client) (any, error) {
			return nil, c.Clusters.Restart(ctx, RestartCluster{ClusterID: "1"})
		},
		wire: []wireStep{{"POST /api/2.0/clusters/restart", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "restart in somebody's name",
		call: func(ctx ctx, c *Client) (any, error) {
			return nil, c.Clusters.Restart(ctx, RestartCluster{ClusterID: "1", RestartUser: "alice@example.com"})
		},
		wire: []wireStep{{"POST /api/2.0/clusters/restart", `{"cluster_id": "1", "restart_user": "alice@example.com"}`, ""}},
	}, {
		name: "resize to no workers",
		call: resize(ResizeCluster{ClusterID: "1", NumWorkers: new(0)}),
		wire: []wireStep{{"POST /api/2.0/clusters/resize", `{"cluster_id": "1", "num_workers": 0}`, ""}},
	}, {
		name: "resize to a range",
		call: resize(ResizeCluster{ClusterID: "1", Autoscale: &AutoScale{MinWorkers: new(0), MaxWorkers: 3}}),
		wire: []wireStep{{"POST /api/2.0/clusters/resize", `{"cluster_id": "1", "autoscale": {"min_workers": 0, "max_workers": 3}}`, ""}},
	}, {
		name: "delete",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Delete(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/delete", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "permanent delete",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.PermanentDelete(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/permanent-delete", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "permanent delete of a pinned cluster",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.PermanentDelete(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/permanent-delete", `{"cluster_id": "1"}`,
			`400 {"error_code": "INVALID_STATE", "message": "Cannot delete pinned cluster 1. Please ask an admin to unpin the cluster first."}`}},
		fails: "unpin the cluster first",
	}, {
		name: "permanent delete of what is not there fails the first time",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.PermanentDelete(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/permanent-delete", `{"cluster_id": "1"}`,
			`400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1 does not exist"}`}},
		is: ErrResourceDoesNotExist,
	}, {
		name: "get returns every field",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", readJSON}},
		want: &read,
	}, {
		name: "get of a cluster that is just being made",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `{"cluster_id": "1", "num_workers": 2, "state": "PENDING", "disk_spec": {}, "last_state_loss_time": 0}`}},
		want: &Cluster{ClusterID: "1", ClusterSpec: ClusterSpec{NumWorkers: new(2)}, State: ClusterPending, DiskSpec: &DiskSpec{}},
	}, {
		name: "unknown values, unknown fields and nulls are no matter",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `{
			"cluster_id": "1", "state": "DREAMING", "brand_new": {"a": [1]}, "driver": null, "executors": null, "autoscale": null,
			"termination_reason": {"code": "BOREDOM", "type": "WHIM", "parameters": {"mood": "low"}}
		}`}},
		want: &Cluster{ClusterID: "1", State: "DREAMING", TerminationReason: &TerminationReason{"BOREDOM", "WHIM", map[TerminationParameter]string{"mood": "low"}}},
	}, {
		name: "numbers as texts, and values of properties that are no texts",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `{
			"cluster_id": "1", "spark_context_id": "5631707659504820001", "num_workers": "3", "spark_conf": {"a": true, "b": 5}
		}`}},
		want: &Cluster{ClusterID: "1", SparkContextID: 5631707659504820001, ClusterSpec: ClusterSpec{NumWorkers: new(3), SparkConf: SparkConf{"a": "true", "b": "5"}}},
	}, {
		name: "get of what is not there",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1 does not exist"}`}},
		is:   fs.ErrNotExist, fails: "Cluster 1 does not exist",
	}, {
		name: "get of what was forgotten",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `400 {"error_code": "INVALID_STATE", "message": "Cannot access cluster 1 that was terminated or unpinned more than 30 days ago."}`}},
		is:   ErrInvalidState,
	}, {
		name: "get with nothing in the response",
		call: get,
		wire: []wireStep{{"GET /api/2.0/clusters/get?cluster_id=1", "", `{}`}}, want: &Cluster{},
	}, {
		name: "pin",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Pin(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/pin", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "unpin",
		call: func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.Unpin(ctx, "1") },
		wire: []wireStep{{"POST /api/2.0/clusters/unpin", `{"cluster_id": "1"}`, ""}},
	}, {
		name: "change owner",
		call: func(ctx ctx, c *Client) (any, error) {
			return nil, c.Clusters.ChangeOwner(ctx, "1", "alice@example.com")
		},
		wire: []wireStep{{"POST /api/2.0/clusters/change-owner", `{"cluster_id": "1", "owner_username": "alice@example.com"}`, ""}},
	}, {
		name: "list returns all there are",
		call: list(ListClusters{}),
		wire: []wireStep{{"GET /api/2.0/clusters/list", "", `{"clusters": [` + readJSON + `, {"cluster_id": "2"}]}`}},
		want: []Cluster{read, {ClusterID: "2"}},
	}, {
		name: "list of nothing",
		call: list(ListClusters{}), wire: []wireStep{{"GET /api/2.0/clusters/list", "", ""}}, want: []Cluster(nil),
	}, {
		name: "list for a client",
		call: list(ListClusters{CanUseClient: ClusterClientJobs}),
		wire: []wireStep{{"GET /api/2.0/clusters/list?can_use_client=JOBS", "", ""}}, want: []Cluster(nil),
	}, {
		name: "list that is filtered and sorted",
		call: list(ListClusters{
			FilterBy: ClusterFilter{[]ClusterSource{ClusterSourceUI, ClusterSourceAPI}, []ClusterState{ClusterRunning}, new(false), "policy"},
			SortBy:   ClusterSort{Descending, SortByClusterName}, PageSize: 10, PageToken: "p",
		}),
		wire: []wireStep{{"GET /api/2.1/clusters/list?filter_by.cluster_sources=UI&filter_by.cluster_sources=API&filter_by.cluster_states=RUNNING" +
			"&filter_by.is_pinned=false&filter_by.policy_id=policy&page_size=10&page_token=p&sort_by.direction=DESC&sort_by.field=CLUSTER_NAME", "", ""}},
		want: []Cluster(nil),
	}, {
		name: "list follows pages",
		call: list(ListClusters{PageSize: 2}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_size=2", "", `{"clusters": [{"cluster_id": "1"}, {"cluster_id": "2"}], "next_page_token": "a"}`},
			{"GET /api/2.1/clusters/list?page_size=2&page_token=a", "", `{"clusters": [], "next_page_token": "b"}`},
			{"GET /api/2.1/clusters/list?page_size=2&page_token=b", "", `{"clusters": [{"cluster_id": "3"}], "next_page_token": "", "prev_page_token": "a"}`},
		},
		want: twoPages,
	}, {
		name: "all yields what list returns",
		call: stream(ListClusters{}),
		wire: []wireStep{{"GET /api/2.0/clusters/list", "", `{"clusters": [` + readJSON + `, {"cluster_id": "2"}]}`}},
		want: []Cluster{read, {ClusterID: "2"}},
	}, {
		name: "all follows pages, wherever the token stands",
		call: stream(ListClusters{PageSize: 2}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_size=2", "", `{"next_page_token": "a", "clusters": [{"cluster_id": "1"}, {"cluster_id": "2"}]}`},
			{"GET /api/2.1/clusters/list?page_size=2&page_token=a", "", `{"clusters": [{"cluster_id": "3"}], "next_page_token": null}`},
		},
		want: twoPages,
	}, {
		name: "all follows pages that 2.0 gives, on 2.0",
		call: stream(ListClusters{}),
		wire: []wireStep{
			{"GET /api/2.0/clusters/list", "", `{"clusters": [{"cluster_id": "1"}, {"cluster_id": "2"}], "next_page_token": "a"}`},
			{"GET /api/2.0/clusters/list?page_token=a", "", `{"clusters": [{"cluster_id": "3"}]}`},
		},
		want: twoPages,
	}, {
		name: "all ends with the first page that fails",
		call: stream(ListClusters{PageSize: 2}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_size=2", "", `{"clusters": [{"cluster_id": "1"}], "next_page_token": "a"}`},
			{"GET /api/2.1/clusters/list?page_size=2&page_token=a", "", `403 {"error_code": "PERMISSION_DENIED", "message": "no"}`},
		},
		is: ErrPermissionDenied,
	}, {
		name: "list-node-types returns every field",
		call: func(ctx ctx, c *Client) (any, error) { return c.Clusters.ListNodeTypes(ctx) },
		wire: []wireStep{{"GET /api/2.0/clusters/list-node-types", "", `{"node_types": [` + nodeTypeJSON + `]}`}},
		want: []NodeType{nodeType},
	}, {
		name: "spark-versions",
		call: func(ctx ctx, c *Client) (any, error) { return c.Clusters.SparkVersions(ctx) },
		wire: []wireStep{{"GET /api/2.0/clusters/spark-versions", "", `{"versions": [{"key": "15.4.x-scala2.12", "name": "15.4 LTS"}]}`}},
		want: []SparkVersion{{Key: "15.4.x-scala2.12", Name: "15.4 LTS"}},
	}, {
		name: "list-zones",
		call: func(ctx ctx, c *Client) (any, error) { return c.Clusters.ListZones(ctx) },
		wire: []wireStep{{"GET /api/2.0/clusters/list-zones", "", `{"zones": ["us-west-2a", "us-west-2b"], "default_zone": "us-west-2a"}`}},
		want: &AvailabilityZones{Zones: []string{"us-west-2a", "us-west-2b"}, DefaultZone: "us-west-2a"},
	}, {
		name: "events returns every field, and sends every field",
		call: events(ListClusterEvents{"1", 1618263108824, 1618263108999, Ascending, []ClusterEventType{ClusterEventRunning}, 5, 50, "", 0}),
		wire: []wireStep{{"POST /api/2.0/clusters/events", `{
			"cluster_id": "1", "start_time": 1618263108824, "end_time": 1618263108999, "order": "ASC", "event_types": ["RUNNING"], "offset": 5, "limit": 50
		}`, `{"events": [` + eventJSON + `], "total_count": 1}`}},
		want: []ClusterEvent{event},
	}, {
		name: "events posts the next page back, number by number, with the filters that it lacks",
		call: events(ListClusterEvents{ClusterID: "1", Order: Ascending, EventTypes: []ClusterEventType{ClusterEventRunning}, PageSize: 1}),
		wire: []wireStep{
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "order": "ASC", "event_types": ["RUNNING"], "limit": 1}`,
				`{"events": [{"cluster_id": "1", "type": "RUNNING"}], "next_page": {"cluster_id": "x1", "end_time": 5631707659504820001, "offset": 1, "limit": 7, "odd": [null]}, "total_count": 2}`},
			{"POST /api/2.0/clusters/events", `{"cluster_id": "x1", "end_time": 5631707659504820001, "offset": 1, "limit": 7, "odd": [null], "order": "ASC", "event_types": ["RUNNING"]}`,
				`{"events": [{"cluster_id": "1", "type": "BRAND_NEW", "details": {}}], "total_count": 2}`},
		},
		want: []ClusterEvent{{ClusterID: "1", Type: ClusterEventRunning}, {ClusterID: "1", Type: "BRAND_NEW", Details: &ClusterEventDetails{}}},
	}, {
		name: "events follows page tokens",
		call: events(ListClusterEvents{ClusterID: "1", PageSize: 1, PageToken: "a"}),
		wire: []wireStep{
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "limit": 1, "page_token": "a"}`, `{"events": [{"cluster_id": "1", "type": "PINNED"}], "next_page_token": "b"}`},
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "limit": 1, "page_token": "b"}`, `{"next_page_token": "", "prev_page_token": "a"}`},
		},
		want: []ClusterEvent{{ClusterID: "1", Type: ClusterEventPinned}},
	}, {
		name: "one page of events, and the one after it",
		call: func(ctx ctx, c *Client) (any, error) {
			in := ListClusterEvents{ClusterID: "1", PageSize: 1}
			first, err := c.Clusters.ListEventsPage(ctx, in)
			if err != nil {
				return nil, err
			}
			in.PageToken = first.NextPageToken
			return c.Clusters.ListEventsPage(ctx, in)
		},
		wire: []wireStep{
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "limit": 1}`,
				`{"events": [{"cluster_id": "1", "type": "RUNNING"}], "next_page": {"cluster_id": "1", "end_time": 5631707659504820001, "offset": 1, "limit": 1}}`},
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "end_time": 5631707659504820001, "offset": 1, "limit": 1}`,
				`{"events": [{"cluster_id": "1", "type": "PINNED"}]}`},
		},
		want: &Page[ClusterEvent]{Items: []ClusterEvent{{ClusterID: "1", Type: ClusterEventPinned}}},
	}, {
		name: "events up to a limit, as a slice",
		call: func(ctx ctx, c *Client) (any, error) {
			return c.Clusters.ListEvents(ctx, ListClusterEvents{ClusterID: "1", Limit: 1})
		},
		wire: []wireStep{{"POST /api/2.0/clusters/events", `{"cluster_id": "1"}`,
			`{"events": [{"cluster_id": "1", "type": "PINNED"}, {"cluster_id": "1", "type": "RUNNING"}], "next_page_token": "b"}`}},
		want: []ClusterEvent{{ClusterID: "1", Type: ClusterEventPinned}},
	}, {
		name: "one page of clusters",
		call: func(ctx ctx, c *Client) (any, error) { return c.Clusters.ListPage(ctx, ListClusters{PageSize: 1}) },
		wire: []wireStep{{"GET /api/2.1/clusters/list?page_size=1", "", `{"clusters": [{"cluster_id": "1"}], "next_page_token": "a"}`}},
		want: &Page[Cluster]{Items: []Cluster{{ClusterID: "1"}}, NextPageToken: "a"},
	}, {
		name: "list ends at a limit",
		call: list(ListClusters{PageSize: 2, Limit: 1}),
		wire: []wireStep{{"GET /api/2.1/clusters/list?page_size=2", "", `{"clusters": [{"cluster_id": "1"}, {"cluster_id": "2"}], "next_page_token": "a"}`}},
		want: []Cluster{{ClusterID: "1"}},
	}, {
		name: "all ends at a limit",
		call: stream(ListClusters{Limit: 1}),
		wire: []wireStep{{"GET /api/2.0/clusters/list", "", `{"clusters": [{"cluster_id": "1"}, {"cluster_id": "2"}]}`}},
		want: []Cluster{{ClusterID: "1"}},
	}, {
		name: "a list that never ends is an error",
		call: list(ListClusters{PageSize: 1}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_size=1", "", `{"next_page_token": "a"}`},
			{"GET /api/2.1/clusters/list?page_size=1&page_token=a", "", `{"next_page_token": "a"}`},
		},
		fails: "the list would never end",
	}, {
		name: "a page that names itself as the next one is an error",
		call: list(ListClusters{PageToken: "a"}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_token=a", "", `{"next_page_token": "a"}`},
		},
		fails: "the list would never end",
	}, {
		name: "an iterator that never ends is an error",
		call: stream(ListClusters{PageSize: 1}),
		wire: []wireStep{
			{"GET /api/2.1/clusters/list?page_size=1", "", `{"next_page_token": "a"}`},
			{"GET /api/2.1/clusters/list?page_size=1&page_token=a", "", `{"next_page_token": "a"}`},
		},
		fails: "the list would never end",
	}, {
		name: "a page token takes the place of an offset",
		call: events(ListClusterEvents{ClusterID: "1", Order: Ascending, Offset: 1}),
		wire: []wireStep{
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "order": "ASC", "offset": 1}`, `{"events": [{"cluster_id": "1", "type": "PINNED"}], "next_page_token": "b"}`},
			{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "order": "ASC", "page_token": "b"}`, ``},
		},
		want: []ClusterEvent{{ClusterID: "1", Type: ClusterEventPinned}},
	}, {
		name: "events of what is not there",
		call: events(ListClusterEvents{ClusterID: "1"}),
		wire: []wireStep{{"POST /api/2.0/clusters/events", `{"cluster_id": "1"}`, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1 does not exist"}`}},
		is:   ErrResourceDoesNotExist,
	}}

	// Input that the service would certainly reject is rejected with a useful
	// message.
	for _, bad := range []struct {
		name string
		spec ClusterSpec
		want string
	}{
		{"both sizes", small(func(s *ClusterSpec) { s.Autoscale = &AutoScale{MaxWorkers: 2} }), "num_workers cannot be set together with autoscale; leave one of them nil"},
		{"no size", small(func(s *ClusterSpec) { s.NumWorkers = nil }), "num_workers and autoscale are both unset; set one of them (0 workers is new(0))"},
		{"both sizes with a policy", small(func(s *ClusterSpec) { s.PolicyID, s.Autoscale = "p", &AutoScale{MaxWorkers: 2} }), "num_workers cannot be set together with autoscale"},
		{"fewer than no workers", small(func(s *ClusterSpec) { s.NumWorkers = new(-1) }), "num_workers is -1; want 0 or more"},
		{"a range upside down", small(func(s *ClusterSpec) { s.NumWorkers, s.Autoscale = nil, &AutoScale{new(3), 2} }), "autoscale.min_workers is 3, over max_workers, which is 2"},
		{"no runtime", small(func(s *ClusterSpec) { s.SparkVersion = "" }), "spark_version is required; SparkVersions lists the valid ones"},
		{"no node type", small(func(s *ClusterSpec) { s.NodeTypeID = "" }), "node_type_id and instance_pool_id are both unset; set one of them"},
		{"a node type with a pool", small(func(s *ClusterSpec) { s.InstancePoolID = "p" }), "node_type_id cannot be set together with instance_pool_id"},
		{"a driver's node type with a pool", small(func(s *ClusterSpec) { s.NodeTypeID, s.DriverNodeTypeID, s.InstancePoolID = "", "d", "p" }), "driver_node_type_id cannot be set together with instance_pool_id"},
	} {
		rows = append(rows, wireRow{
			name: "create refuses " + bad.name, call: create(bad.spec), is: fs.ErrInvalid, fails: "POST /api/2.0/clusters/create: " + bad.want,
		})
		bad.spec.IdempotencyToken = ""
		rows = append(rows, wireRow{
			name: "edit refuses " + bad.name, call: edit("1", bad.spec), is: fs.ErrInvalid, fails: "POST /api/2.0/clusters/edit: " + bad.want,
		})
	}
	refuse := func(name string, call func(ctx, *Client) (any, error), fails string) {
		rows = append(rows, wireRow{name: name, call: call, is: fs.ErrInvalid, fails: fails})
	}
	refuse("edit refuses a token", edit("1", small(nil)), "idempotency_token is only for Create")
	refuse("edit refuses a cluster to clone", edit("1", small(func(s *ClusterSpec) { s.IdempotencyToken, s.CloneFrom = "", &CloneCluster{} })), "clone_from is only for Create")
	refuse("update refuses no mask", update("", ClusterSpec{}), "update_mask is required")
	refuse("update refuses a mask with blanks", update("cluster_name, num_workers", ClusterSpec{}), `update_mask "cluster_name, num_workers" has spaces`)
	refuse("update refuses what the mask does not name", update("cluster_name", ClusterSpec{NumWorkers: new(0)}), "cluster.num_workers is set, but update_mask does not list it")
	refuse("update refuses an impossible size", update("num_workers", ClusterSpec{NumWorkers: new(-1)}), "num_workers is -1")
	refuse("update refuses half a spec for the whole", update("*", ClusterSpec{NumWorkers: new(1)}), "spark_version is required")
	refuse("resize refuses no size", resize(ResizeCluster{ClusterID: "1"}), "num_workers and autoscale are both unset")
	refuse("resize refuses two sizes", resize(ResizeCluster{"1", new(1), &AutoScale{nil, 2}}), "num_workers cannot be set together with autoscale")
	refuse("list refuses a client with a filter", list(ListClusters{CanUseClient: ClusterClientJobs, PageSize: 1}), "can_use_client cannot be set together with")
	refuse("all refuses what list refuses", stream(ListClusters{PageSize: -1}), "PageSize is -1")
	refuse("events refuses an offset from a moving end", events(ListClusterEvents{ClusterID: "1", Offset: 1}), "end_time is required")
	refuse("events refuses a negative offset", events(ListClusterEvents{ClusterID: "1", Offset: -1}), "offset is -1")
	refuse("events refuses a negative limit", events(ListClusterEvents{ClusterID: "1", Limit: -1}), "Limit is -1")
	refuse("events refuses a negative page size", events(ListClusterEvents{ClusterID: "1", PageSize: -1}), "PageSize is -1")
	refuse("change-owner refuses no owner", func(ctx ctx, c *Client) (any, error) { return nil, c.Clusters.ChangeOwner(ctx, "1", "") }, "owner_username is required")

	for name, call := range map[string]func(ctx, *ClustersService) error{
		"edit":             func(ctx ctx, s *ClustersService) error { return s.Edit(ctx, "", small(nil)) },
		"update":           func(ctx ctx, s *ClustersService) error { return s.Update(ctx, UpdateCluster{UpdateMask: "*"}) },
		"start":            func(ctx ctx, s *ClustersService) error { return s.Start(ctx, "") },
		"restart":          func(ctx ctx, s *ClustersService) error { return s.Restart(ctx, RestartCluster{ClusterID: ""}) },
		"resize":           func(ctx ctx, s *ClustersService) error { return s.Resize(ctx, ResizeCluster{NumWorkers: new(1)}) },
		"delete":           func(ctx ctx, s *ClustersService) error { return s.Delete(ctx, "") },
		"permanent-delete": func(ctx ctx, s *ClustersService) error { return s.PermanentDelete(ctx, "") },
		"get":              func(ctx ctx, s *ClustersService) error { _, err := s.Get(ctx, ""); return err },
		"pin":              func(ctx ctx, s *ClustersService) error { return s.Pin(ctx, "") },
		"unpin":            func(ctx ctx, s *ClustersService) error { return s.Unpin(ctx, "") },
		"change-owner":     func(ctx ctx, s *ClustersService) error { return s.ChangeOwner(ctx, "", "alice@example.com") },
		"events": func(ctx ctx, s *ClustersService) error {
			_, err := elements(s.AllEvents(ctx, ListClusterEvents{}))
			return err
		},
		"modify":          func(ctx ctx, s *ClustersService) error { return s.Modify(ctx, "", func(*ClusterSpec) {}) },
		"wait-running":    func(ctx ctx, s *ClustersService) error { _, err := s.WaitRunning(ctx, ""); return err },
		"wait-terminated": func(ctx ctx, s *ClustersService) error { _, err := s.WaitTerminated(ctx, ""); return err },
		"ensure-running":  func(ctx ctx, s *ClustersService) error { _, err := s.EnsureRunning(ctx, ""); return err },
	} {
		refuse(name+" refuses an empty id", func(ctx ctx, c *Client) (any, error) { return nil, call(ctx, c.Clusters) }, "cluster_id is required")
	}
	runWire(t, rows)
}

var nodeType = NodeType{
	"Standard_L80s_v2", "instance", "Standard_L80s_v2", "Storage Optimized", 655360, 80.5, 1,
	&CloudProviderInfo{[]CloudProviderStatus{NodeTypeNotEnabledOnSubscription, "NotToday"}, 350, 400},
	&NodeInstanceType{"instance", "Standard LSv2 Family vCPUs", 1, 800, 10, 1788, "10g"},
	2, true, true, true, true, true, true, true, true, true, true,
}

const nodeTypeJSON = `{
	"node_type_id": "Standard_L80s_v2", "instance_type_id": "instance", "description": "Standard_L80s_v2", "category": "Storage Optimized",
	"memory_mb": 655360, "num_cores": 80.5, "num_gpus": 1,
	"node_info": {"status": ["NotEnabledOnSubscription", "NotToday"], "available_core_quota": 350.0, "total_core_quota": 400},
	"node_instance_type": {
		"instance_type_id": "instance", "instance_family": "Standard LSv2 Family vCPUs", "local_disks": 1, "local_disk_size_gb": 800,
		"local_nvme_disks": 10, "local_nvme_disk_size_gb": 1788, "swap_size": "10g"
	},
	"display_order": 2, "is_deprecated": true, "is_hidden": true, "is_graviton": true, "is_encrypted_in_transit": true,
	"is_io_cache_enabled": true, "photon_driver_capable": true, "photon_worker_capable": true, "support_cluster_tags": true,
	"support_ebs_volumes": true, "support_port_forwarding": true
}`

var event = ClusterEvent{"1", 1618263108824, ClusterEventInitScriptsFinished, &ClusterEventDetails{
	"alice@example.com", &TerminationReason{TerminationUserRequest, TerminationSuccess, map[TerminationParameter]string{"username": "alice@example.com"}},
	ResizeUserRequest, new(0), new(4), 8, 16,
	&ClusterSpec{ClusterName: "new", ClusterSource: ClusterSourceUI}, &ClusterSpec{ClusterName: "old"},
	&ClusterSize{NumWorkers: new(0)}, &ClusterSize{Autoscale: &AutoScale{new(1), 2}},
	200, 100, 50, "it is large enough", "garbage is being collected",
	&InitScriptEventDetails{
		[]InitScriptExecution{{InitScript{Workspace: &StorageLocation{"/Shared/a.sh"}}, InitScriptFailedExecution, "exit status 1", 3, "no such file"}},
		[]InitScriptExecution{{Status: InitScriptSucceeded}}, "10.0.0.1",
	}, "instance", "job-1-run-2", &AutoscalingStats{7200, 1.5}, true,
}, &DataPlaneEventDetails{DataPlaneNodeBlacklisted, 3, "host", 1618263108825}}

const eventJSON = `{
	"cluster_id": "1", "timestamp": 1618263108824, "type": "INIT_SCRIPTS_FINISHED",
	"details": {
		"user": "alice@example.com", "reason": {"code": "USER_REQUEST", "type": "SUCCESS", "parameters": {"username": "alice@example.com"}},
		"cause": "USER_REQUEST", "current_num_workers": 0, "target_num_workers": 4, "current_num_vcpus": 8, "target_num_vcpus": 16,
		"attributes": {"cluster_name": "new", "cluster_source": "UI"}, "previous_attributes": {"cluster_name": "old"},
		"cluster_size": {"num_workers": 0}, "previous_cluster_size": {"autoscale": {"min_workers": 1, "max_workers": 2}},
		"disk_size": 200, "previous_disk_size": 100, "free_space": 50,
		"did_not_expand_reason": "it is large enough", "driver_state_message": "garbage is being collected",
		"init_scripts": {
			"cluster": [{
				"workspace": {"destination": "/Shared/a.sh"}, "status": "FAILED_EXECUTION", "error_message": "exit status 1",
				"execution_duration_seconds": 3, "stderr": "no such file"
			}],
			"global": [{"status": "SUCCEEDED"}], "reported_for_node": "10.0.0.1"
		},
		"instance_id": "instance", "job_run_name": "job-1-run-2", "autoscaling_stats": {"total_instance_seconds": 7200, "unused_instance_seconds": 1.5}, "enable_termination_for_node_blocklisted": true
	},
	"data_plane_event_details": {"event_type": "NODE_BLACKLISTED", "executor_failures": 3, "host_id": "host", "timestamp": 1618263108825}
}`

// A cluster that was encoded as JSON is the same after decoding.
func TestCluster_roundTrip(t *testing.T) {
	text, err := json.Marshal(read)
	require.NoError(t, err)
	var again Cluster
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, read, again)
}

// A sequence can be ranged over again. It then starts with the first page.
func TestClusters_sequencesBeginAnew(t *testing.T) {
	list := []wireStep{
		{"GET /api/2.1/clusters/list?page_size=1&page_token=x", "", `{"next_page_token": "a", "clusters": [{"cluster_id": "1"}]}`},
		{"GET /api/2.1/clusters/list?page_size=1&page_token=a", "", `{"clusters": [{"cluster_id": "2"}]}`},
	}
	events := []wireStep{
		{"POST /api/2.0/clusters/events", `{"cluster_id": "1"}`, `{"events": [{"cluster_id": "1"}], "next_page_token": "a"}`},
		{"POST /api/2.0/clusters/events", `{"cluster_id": "1", "page_token": "a"}`, `{"events": [{"cluster_id": "1"}]}`},
	}
	runWire(t, []wireRow{{
		name: "all",
		call: func(ctx context.Context, c *Client) (any, error) {
			seq := c.Clusters.All(ctx, ListClusters{PageSize: 1, PageToken: "x"})
			for range seq {
				break // after the first of three requests
			}
			if _, err := elements(seq); err != nil {
				return nil, err
			}
			return elements(seq)
		},
		wire: []wireStep{list[0], list[0], list[1], list[0], list[1]},
		want: []Cluster{{ClusterID: "1"}, {ClusterID: "2"}},
	}, {
		name: "events",
		call: func(ctx context.Context, c *Client) (any, error) {
			seq := c.Clusters.AllEvents(ctx, ListClusterEvents{ClusterID: "1"})
			for range seq {
				break
			}
			return elements(seq)
		},
		wire: []wireStep{events[0], events[0], events[1]},
		want: []ClusterEvent{{ClusterID: "1"}, {ClusterID: "1"}},
	}})
}

// Create generates a token for each call, and retries send the same token.
func TestClusters_Create_token(t *testing.T) {
	c, s := scriptedClient(t, nil, lose, respond(502, ""), respond(200, `{"cluster_id": "1"}`))
	in := small(func(s *ClusterSpec) { s.IdempotencyToken = "" })
	for range 2 {
		id, err := c.Clusters.Create(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, "1", id)
	}
	require.Len(t, s.bodies, 4)
	var tokens []string
	for _, body := range s.bodies {
		var sent struct {
			Token string `json:"idempotency_token"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &sent))
		assert.NotEmpty(t, sent.Token)
		assert.LessOrEqual(t, len(sent.Token), 64)
		tokens = append(tokens, sent.Token)
	}
	assert.Equal(t, tokens[0], tokens[1])
	assert.Equal(t, tokens[0], tokens[2])
	assert.NotEqual(t, tokens[0], tokens[3])
}

// If a retry of PermanentDelete finds no cluster, the call succeeds.
func TestClusters_PermanentDelete_lostResponse(t *testing.T) {
	c, s := scriptedClient(t, nil, lose, respond(400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1 does not exist"}`))
	require.NoError(t, c.Clusters.PermanentDelete(t.Context(), "1"))
	assert.Len(t, s.sent, 2)
}

// Modify sends the existing attributes with the change, and nothing else.
func TestClusters_Modify(t *testing.T) {
	idle := func(s *ClusterSpec) { s.AutoterminationMinutes = new(30) }
	const spec = `"spark_version": "15.4.x-scala2.12", "node_type_id": "n"`
	for _, row := range []struct {
		name   string
		read   string // members of the cluster, except for its ID
		change func(*ClusterSpec)
		sent   string // members of the request, except for the ID; empty for no request
	}{
		{"nothing changed", `"spec": {"num_workers": 1, ` + spec + `}`, func(*ClusterSpec) {}, ""},
		{"something changed and changed back", `"spec": {"num_workers": 1, "custom_tags": {"a": "b"}, ` + spec + `}`,
			func(s *ClusterSpec) { s.CustomTags["a"], s.NumWorkers = "b", new(1) }, ""},
		{"what was sent is what is sent, not what the service chose",
			`"num_workers": 1, "driver_node_type_id": "n", "enable_elastic_disk": true, "spec": {"num_workers": 1, ` + spec + `}`,
			idle, `"num_workers": 1, "autotermination_minutes": 30, ` + spec},
		{"attributes without a field survive, at every level, to the last digit",
			`"spec": {"num_workers": 1, "brand_new": {"a": [1.50, null]}, "big": 5631707659504820001,
				"aws_attributes": {"zone_id": "a", "moon": "full"}, "azure_attributes": {"tide": "high"}, "custom_tags": {"a": "b"}, ` + spec + `}`,
			func(s *ClusterSpec) { s.AWSAttributes.ZoneID = "b"; s.CustomTags["c"] = "d" },
			`"num_workers": 1, "brand_new": {"a": [1.50, null]}, "big": 5631707659504820001,
				"aws_attributes": {"zone_id": "b", "moon": "full"}, "azure_attributes": {"tide": "high"}, "custom_tags": {"a": "b", "c": "d"}, ` + spec},
		{"elements of lists keep what they had",
			`"spec": {"num_workers": 1, "init_scripts": [{"dbfs": {"destination": "a"}, "x": 1}, {"dbfs": {"destination": "b"}, "x": 2}], ` + spec + `}`,
			func(s *ClusterSpec) {
				s.InitScripts = append([]InitScript{{Workspace: &StorageLocation{"w"}}}, s.InitScripts[1])
			},
			`"num_workers": 1, "init_scripts": [{"workspace": {"destination": "w"}, "x": 1}, {"dbfs": {"destination": "b"}, "x": 2}], ` + spec},
		{"attributes can be taken away", `"spec": {"num_workers": 1, "custom_tags": {"a": "b"}, "docker_image": {"url": "u"}, "spark_conf": {"a": "b", "c": "d"}, ` + spec + `}`,
			func(s *ClusterSpec) { s.CustomTags, s.DockerImage = nil, nil; delete(s.SparkConf, "a") },
			`"num_workers": 1, "spark_conf": {"c": "d"}, ` + spec},
		{"a number of workers becomes a range", `"num_workers": 1, "spec": {"num_workers": 1, ` + spec + `}`,
			func(s *ClusterSpec) { s.NumWorkers, s.Autoscale = nil, &AutoScale{new(0), 4} },
			`"autoscale": {"min_workers": 0, "max_workers": 4}, ` + spec},
		{"a resize since is not undone", `"num_workers": 5, "spec": {"num_workers": 1, ` + spec + `}`,
			idle, `"num_workers": 5, "autotermination_minutes": 30, ` + spec},
		{"a resize to a range is not undone", `"num_workers": 5, "autoscale": {"min_workers": 1, "max_workers": 9}, "spec": {"num_workers": 1, ` + spec + `}`,
			idle, `"autoscale": {"min_workers": 1, "max_workers": 9}, "autotermination_minutes": 30, ` + spec},
		{"a size that is the policy's is left to it", `"num_workers": 5, "spec": {"policy_id": "p"}`,
			idle, `"policy_id": "p", "autotermination_minutes": 30`},
		{"without a spec, what is read is sent, but for what the service set",
			`"num_workers": 1, "autoscale": {"min_workers": 1, "max_workers": 2}, "cluster_source": "API", "brand_new": 1, "spec": null, ` + spec +
				`, "state": "RUNNING", "state_message": "", "start_time": 1, "creator_user_name": "a", "default_tags": {"a": "b"}, "driver": {"node_id": "n"}, "termination_reason": {"code": "x"}`,
			idle, `"autoscale": {"min_workers": 1, "max_workers": 2}, "brand_new": 1, "autotermination_minutes": 30, ` + spec},
		{"without a spec, a pool's node types are the pool's to choose",
			`"num_workers": 1, "spark_version": "15.4.x-scala2.12", "instance_pool_id": "p", "node_type_id": "n", "driver_node_type_id": "n"`,
			idle, `"num_workers": 1, "spark_version": "15.4.x-scala2.12", "instance_pool_id": "p", "autotermination_minutes": 30`},
		{"what is only for making a cluster is left out", `"spec": {"num_workers": 1, "idempotency_token": "t", "clone_from": {"source_cluster_id": "c"}, "cluster_source": "API", ` + spec + `}`,
			idle, `"num_workers": 1, "autotermination_minutes": 30, ` + spec},
		{"texts are sent back as they came where nothing changed", `"num_workers": "1", "spec": {"num_workers": "1", "autotermination_minutes": "60", ` + spec + `}`,
			func(s *ClusterSpec) { s.ClusterName = "<a&b>" }, `"num_workers": "1", "autotermination_minutes": "60", "cluster_name": "<a&b>", ` + spec},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, s := scriptedClient(t, nil, respond(200, `{"cluster_id": "1", `+row.read+`}`), respond(200, `{}`))
			require.NoError(t, c.Clusters.Modify(t.Context(), "1", row.change))
			assert.Equal(t, "/api/2.0/clusters/get", s.sent[0].URL.Path)
			if row.sent == "" {
				assert.Len(t, s.sent, 1, "requests")
				return
			}
			require.Len(t, s.sent, 2)
			assert.Equal(t, "/api/2.0/clusters/edit", s.sent[1].URL.Path)
			assert.JSONEq(t, `{"cluster_id": "1", `+row.sent+`}`, s.bodies[1])
			if strings.Contains(row.sent, "5631707659504820001") {
				assert.Contains(t, s.bodies[1], "5631707659504820001")
				assert.Contains(t, s.bodies[1], "1.50")
			}
		})
	}
}

// The client does not enforce limits that the service may change.
func TestClusters_limitsAreTheServices(t *testing.T) {
	for name, change := range map[string]func(*ClusterSpec){
		"a short idle time":              func(s *ClusterSpec) { s.AutoterminationMinutes = new(1) },
		"a long idle time":               func(s *ClusterSpec) { s.AutoterminationMinutes = new(100_000) },
		"many keys":                      func(s *ClusterSpec) { s.SSHPublicKeys = make([]string, 50) },
		"a long token":                   func(s *ClusterSpec) { s.IdempotencyToken = strings.Repeat("t", 65) },
		"a driver's pool without a pool": func(s *ClusterSpec) { s.PolicyID, s.DriverInstancePoolID, s.NodeTypeID = "policy", "pool", "" },
	} {
		spec := ClusterSpec{NumWorkers: new(1), SparkVersion: "15.4.x-scala2.12", NodeTypeID: "n"}
		change(&spec)
		c, s := scriptedClient(t, nil, respond(200, `{"cluster_id": "1"}`))
		_, err := c.Clusters.Create(t.Context(), spec)
		assert.NoError(t, err, name)
		assert.Len(t, s.sent, 1, name)
	}
}

func TestClusters_Modify_refuses(t *testing.T) {
	const cluster = `{"cluster_id": "1", "spec": {"num_workers": 1, "spark_version": "15.4.x-scala2.12", "node_type_id": "n"}}`
	for want, change := range map[string]func(*ClusterSpec){
		"num_workers is -1": func(s *ClusterSpec) { s.NumWorkers = new(-1) },
		"num_workers cannot be set together with autoscale": func(s *ClusterSpec) { s.Autoscale = &AutoScale{MaxWorkers: 2} },
		"idempotency_token is only for":                     func(s *ClusterSpec) { s.IdempotencyToken = "t" },
		"POST /api/2.0/clusters/edit: clone_from":           func(s *ClusterSpec) { s.CloneFrom = &CloneCluster{"2"} },
	} {
		c, s := scriptedClient(t, nil, respond(200, cluster))
		err := c.Clusters.Modify(t.Context(), "1", change)
		assert.ErrorContains(t, err, want)
		assert.ErrorIs(t, err, fs.ErrInvalid)
		assert.Len(t, s.sent, 1, "requests")
	}

	c, s := scriptedClient(t, nil, respond(400, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "Cluster 1 does not exist"}`))
	assert.ErrorIs(t, c.Clusters.Modify(t.Context(), "1", func(*ClusterSpec) {}), ErrResourceDoesNotExist)
	assert.Len(t, s.sent, 1, "requests")

	c, _ = scriptedClient(t, nil, respond(200, `{"cluster_id": "1", "spec": 7}`))
	assert.ErrorContains(t, c.Clusters.Modify(t.Context(), "1", func(*ClusterSpec) {}), "modifying cluster 1: its spec cannot be decoded")

	c, s = scriptedClient(t, nil, respond(200, cluster), lose)
	err := c.Clusters.Modify(t.Context(), "1", func(s *ClusterSpec) { s.ClusterName = "n" })
	assert.ErrorAs(t, err, new(*OutcomeUnknownError))
	assert.Len(t, s.sent, 2, "an edit that may have taken effect is not retried")
}

// A dry run shows what would be sent, and does not wait.
func TestClusters_plan(t *testing.T) {
	var plan []string
	planned := WithPlan(func(call PlannedCall) { plan = append(plan, call.Path+" "+string(call.Body)) })
	cluster := func(state, more string) func(*testing.T) (*Client, *scripted) {
		return func(t *testing.T) (*Client, *scripted) {
			plan = nil
			return scriptedClient(t, []Option{planned}, respond(200, `{"cluster_id": "1", "state": "`+state+`"`+more+`}`))
		}
	}

	c, s := cluster("TERMINATED", "")(t)
	got, err := c.Clusters.EnsureRunning(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, ClusterTerminated, got.State)
	assert.Equal(t, []string{`/api/2.0/clusters/start {"cluster_id":"1"}`}, plan)
	assert.Len(t, s.sent, 1, "requests")

	c, s = cluster("TERMINATED", "")(t)
	_, err = c.Clusters.WaitRunning(t.Context(), "1")
	require.NoError(t, err)
	_, err = c.Clusters.WaitTerminated(t.Context(), "1")
	require.NoError(t, err)
	assert.Empty(t, plan)
	assert.Len(t, s.sent, 2, "requests")

	c, s = cluster("RUNNING", `, "spec": {"num_workers": 1, "spark_version": "v", "node_type_id": "n", "spark_env_vars": {"KEY": "planted"}}`)(t)
	require.NoError(t, c.Clusters.Modify(t.Context(), "1", func(s *ClusterSpec) { s.ClusterName = "n" }))
	require.Len(t, plan, 1)
	assert.Contains(t, plan[0], `"cluster_name":"n"`)
	assert.NotContains(t, plan[0], "planted")
	assert.Len(t, s.sent, 1, "requests")

	// A planned cluster has a placeholder for its ID.
	c, s = cluster("RUNNING", "")(t)
	id, err := c.Clusters.Create(t.Context(), small(nil))
	require.NoError(t, err)
	assert.Equal(t, "<cluster_id of call 1>", id)
	_, err = c.Clusters.EnsureRunning(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, c.Clusters.Modify(t.Context(), id, func(s *ClusterSpec) { s.ClusterName = "n" }))
	require.NoError(t, c.Clusters.Delete(t.Context(), id))
	require.Len(t, plan, 3)
	assert.Equal(t, `/api/2.0/clusters/edit {"cluster_id":"<cluster_id of call 1>","cluster_name":"n"}`, plan[1])
	assert.Empty(t, s.sent)
}

func TestClusterError(t *testing.T) {
	c := &Cluster{ClusterID: "1", State: ClusterTerminated}
	assert.EqualError(t, newClusterError(c), "databricks: cluster 1 is TERMINATED")
	c.ClusterName, c.StateMessage = "nightly", "The cloud\nrefused."
	c.TerminationReason = &TerminationReason{
		TerminationCloudProviderLaunchFailure, TerminationCloudFailure,
		map[TerminationParameter]string{TerminationAzureErrorMessage: "no more\ncores", TerminationAzureErrorCode: "QuotaExceeded"},
	}
	err := newClusterError(c)
	assert.EqualError(t, err, "databricks: cluster 1 (nightly) is TERMINATED: The cloud refused. "+
		"(CLOUD_PROVIDER_LAUNCH_FAILURE, CLOUD_FAILURE, azure_error_code: QuotaExceeded, azure_error_message: no more cores)")
	assert.Equal(t, TerminationCloudProviderLaunchFailure, err.Code)
}

// Package fmt does not print the secrets of a cluster, at any depth.
func TestCluster_secrets(t *testing.T) {
	c := Cluster{ClusterSpec: ClusterSpec{
		SparkEnvVars:    SparkEnvVars{"A": "planted"},
		SparkConf:       SparkConf{"fs.azure.account.key.a.dfs.core.windows.net": "planted"},
		DockerImage:     &DockerImage{BasicAuth: &DockerBasicAuth{Password: "planted"}},
		AzureAttributes: &AzureAttributes{LogAnalyticsInfo: &LogAnalyticsInfo{LogAnalyticsPrimaryKey: "planted"}},
	}}
	for _, v := range []any{c, &c, c.DockerImage.BasicAuth, *c.DockerImage.BasicAuth, c.AzureAttributes.LogAnalyticsInfo, UpdateCluster{Cluster: c.ClusterSpec}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			assert.NotContains(t, fmt.Sprintf(verb, v), "planted", verb)
			assert.NotContains(t, fmt.Sprintf(verb, v), "63616e617279", verb)
		}
	}
}

const runtimes = `{"versions": [
	{"key": "16.4.x-scala2.13", "name": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.13)"},
	{"key": "16.4.x-scala2.12", "name": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"},
	{"key": "9.1.x-scala2.12", "name": "9.1 LTS (includes Apache Spark 3.1.2, Scala 2.12)"},
	{"key": "17.2.x-scala2.13", "name": "17.2 (includes Apache Spark 4.0.0, Scala 2.13)"},
	{"key": "18.0.x-scala2.13", "name": "18.0 Beta (includes Apache Spark 4.1.0, Scala 2.13)"},
	{"key": "16.4.x-cpu-ml-scala2.12", "name": "16.4 LTS ML (includes Apache Spark 3.5.2, Scala 2.12)"},
	{"key": "15.4.x-gpu-ml-scala2.12", "name": "15.4 LTS ML (includes Apache Spark 3.5.0, GPU, Scala 2.12)"},
	{"key": "15.4.x-photon-scala2.12", "name": "15.4 LTS Photon (includes Apache Spark 3.5.0, Scala 2.12)"},
	{"key": "16.4.x-aarch64-scala2.12", "name": "16.4 LTS aarch64"},
	{"key": "99.9.x-hls-scala2.12", "name": "99.9 LTS Genomics"},
	{"key": "99999999999999999999.9.x-snapshot", "name": "LTS"},
	{"key": "apache-spark-2.4.x-scala2.11", "name": "Light 2.4 (includes Apache Spark 2.4, Scala 2.11)"}
]}`

func TestClusters_SelectSparkVersion(t *testing.T) {
	for want, in := range map[string]SelectSparkVersion{
		"16.4.x-scala2.12":         {},
		"16.4.x-scala2.13":         {Scala: "2.13"},
		"17.2.x-scala2.13":         {NonLTS: true},
		"18.0.x-scala2.13":         {Beta: true},
		"16.4.x-cpu-ml-scala2.12":  {ML: true},
		"15.4.x-gpu-ml-scala2.12":  {ML: true, GPU: true},
		"15.4.x-photon-scala2.12":  {Photon: true},
		"16.4.x-aarch64-scala2.12": {ARM: true},
	} {
		c, _ := scriptedClient(t, nil, respond(200, runtimes))
		got, err := c.Clusters.SelectSparkVersion(t.Context(), in)
		require.NoError(t, err, want)
		assert.Equal(t, want, got)
	}
	c, _ := scriptedClient(t, nil, respond(200, runtimes))
	_, err := c.Clusters.SelectSparkVersion(t.Context(), SelectSparkVersion{Scala: "3"})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "no runtime of the workspace's 12 matches {ML:false")
}

func TestClusters_SelectNodeType(t *testing.T) {
	const types = `{"node_types": [
		{"node_type_id": "big", "num_cores": 8, "memory_mb": 32768, "category": "Memory Optimized",
			"node_instance_type": {"local_disks": 2, "local_disk_size_gb": 100}},
		{"node_type_id": "small-b", "num_cores": 4, "memory_mb": 14336},
		{"node_type_id": "small-a", "num_cores": 4, "memory_mb": 14336},
		{"node_type_id": "gpu", "num_cores": 6, "memory_mb": 57344, "num_gpus": 1},
		{"node_type_id": "photon", "num_cores": 4, "memory_mb": 16384, "photon_driver_capable": true, "photon_worker_capable": true,
			"node_instance_type": {"local_nvme_disks": 1, "local_nvme_disk_size_gb": 150}},
		{"node_type_id": "arm", "num_cores": 2, "memory_mb": 8192, "is_graviton": true},
		{"node_type_id": "old", "num_cores": 1, "memory_mb": 1024, "is_deprecated": true},
		{"node_type_id": "hidden", "num_cores": 1, "memory_mb": 1024, "is_hidden": true},
		{"node_type_id": "elsewhere", "num_cores": 1, "memory_mb": 1024, "node_info": {"status": ["NotAvailableInRegion"]}}
	]}`
	for want, in := range map[string]SelectNodeType{
		"small-a": {MinMemoryGB: 14},
		"photon":  {MinLocalDiskGB: 1},
		"big":     {MinLocalDiskGB: 200, Category: "memory optimized"},
		"gpu":     {MinGPUs: 1},
		"arm":     {ARM: true},
	} {
		c, _ := scriptedClient(t, nil, respond(200, types))
		got, err := c.Clusters.SelectNodeType(t.Context(), in)
		require.NoError(t, err, want)
		assert.Equal(t, want, got)
	}
	for _, in := range []SelectNodeType{{MinCores: 9}, {MinMemoryGB: 33, Photon: true}, {MinGPUs: 2}} {
		c, _ := scriptedClient(t, nil, respond(200, types))
		_, err := c.Clusters.SelectNodeType(t.Context(), in)
		assert.ErrorIs(t, err, fs.ErrNotExist)
		assert.ErrorContains(t, err, "no node type of the workspace's 9 matches")
	}
}

// The sample of the REST manual has values that are not strings.
func TestClusterSpec_sparkConf(t *testing.T) {
	var spec ClusterSpec
	require.NoError(t, json.Unmarshal([]byte(`{"spark_conf": {"spark.speculation": true, "n": 1.50, "s": "a\"b", "null": null, "o": {"a": 1}},
		"spark_env_vars": {"N": 9007199254740993}}`), &spec))
	assert.Equal(t, SparkConf{"spark.speculation": "true", "n": "1.50", "s": `a"b`, "null": "", "o": `{"a": 1}`}, spec.SparkConf)
	assert.Equal(t, SparkEnvVars{"N": "9007199254740993"}, spec.SparkEnvVars)
	require.NoError(t, json.Unmarshal([]byte(`{"spark_conf": null}`), &spec))
	assert.Error(t, json.Unmarshal([]byte(`{"spark_conf": ["a"]}`), &spec))
}
