package databricks

import "context"

// PoolsService creates and changes instance pools. A pool keeps idle instances
// ready, so that its clusters start and grow faster. The cloud provider charges
// for idle instances. Databricks does not.
//
// A call fails with [ErrResourceDoesNotExist] if the pool does not exist, and
// with [ErrPermissionDenied] if the caller may not see or manage it.
//
// See https://docs.databricks.com/api/workspace/instancepools.
type PoolsService service

// An InstancePoolState is the life cycle state of a pool. The service may add
// states, so a switch over it needs a default.
type InstancePoolState string

// States of a pool.
const (
	InstancePoolActive  InstancePoolState = "ACTIVE"  // clusters can use it
	InstancePoolStopped InstancePoolState = "STOPPED" // it has no instances
	InstancePoolDeleted InstancePoolState = "DELETED" // permanently
)

// A PoolAWSAvailability is the kind of instances that a pool on AWS uses.
type PoolAWSAvailability string

// Kinds of instances on AWS.
const (
	PoolAWSOnDemand PoolAWSAvailability = "ON_DEMAND"
	PoolAWSSpot     PoolAWSAvailability = "SPOT"
)

// A PoolAzureAvailability is the kind of virtual machines that a pool on Azure
// uses.
type PoolAzureAvailability string

// Kinds of virtual machines on Azure.
const (
	PoolAzureOnDemand PoolAzureAvailability = "ON_DEMAND_AZURE"
	PoolAzureSpot     PoolAzureAvailability = "SPOT_AZURE"
)

// PoolAWSAttributes are the attributes that are specific to pools on AWS.
type PoolAWSAttributes struct {
	Availability        PoolAWSAvailability `json:"availability,omitzero"`
	ZoneID              string              `json:"zone_id,omitzero"`                // such as us-west-2a, or auto
	SpotBidPricePercent int                 `json:"spot_bid_price_percent,omitzero"` // maximum spot price as a percentage of the on-demand price; 0 for 100
	InstanceProfileARN  string              `json:"instance_profile_arn,omitzero"`   // used by all clusters of the pool
}

// PoolAzureAttributes are the attributes that are specific to pools on Azure.
type PoolAzureAttributes struct {
	Availability             PoolAzureAvailability `json:"availability,omitzero"`
	SpotBidMaxPrice          float64               `json:"spot_bid_max_price,omitzero"`         // in US dollars per hour; -1 allows any price up to the on-demand price
	CapacityReservationGroup string                `json:"capacity_reservation_group,omitzero"` // a resource ID
}

// PoolGCPAttributes are the attributes that are specific to pools on GCP.
type PoolGCPAttributes struct {
	GCPAvailability GCPAvailability `json:"gcp_availability,omitzero"`
	LocalSSDCount   *int            `json:"local_ssd_count,omitzero"` // disks of 375 GB each; nil for the node type's default
	ZoneID          string          `json:"zone_id,omitzero"`         // a zone, or HA; empty lets the service choose
}

// CreatePool describes a new pool. All clusters of the pool have the node type
// NodeTypeID. Only the name, the limits, the idle time and the custom tags can
// be changed later.
type CreatePool struct {
	InstancePoolName                   string               `json:"instance_pool_name"` // unique; at most 100 characters
	NodeTypeID                         string               `json:"node_type_id"`
	MinIdleInstances                   *int                 `json:"min_idle_instances,omitzero"`                    // instances to keep idle; nil for 0
	MaxCapacity                        int                  `json:"max_capacity,omitzero"`                          // maximum number of instances, idle and used; 0 for no limit
	IdleInstanceAutoterminationMinutes *int                 `json:"idle_instance_autotermination_minutes,omitzero"` // how long instances beyond MinIdleInstances may stay idle; at most 10000; nil for the service's default; 0 terminates them immediately
	CustomTags                         map[string]string    `json:"custom_tags,omitzero"`
	EnableElasticDisk                  *bool                `json:"enable_elastic_disk,omitzero"` // add disks when the existing ones fill up
	DiskSpec                           *DiskSpec            `json:"disk_spec,omitzero"`
	PreloadedSparkVersions             []string             `json:"preloaded_spark_versions,omitzero"` // at most one
	PreloadedDockerImages              []DockerImage        `json:"preloaded_docker_images,omitzero"`
	NodeTypeFlexibility                *NodeTypeFlexibility `json:"node_type_flexibility,omitzero"`
	AWSAttributes                      *PoolAWSAttributes   `json:"aws_attributes,omitzero"`
	AzureAttributes                    *PoolAzureAttributes `json:"azure_attributes,omitzero"`
	GCPAttributes                      *PoolGCPAttributes   `json:"gcp_attributes,omitzero"`
	RemoteDiskThroughput               int                  `json:"remote_disk_throughput,omitzero"`         // in Mb/s; for hyperdisks on GCP only
	TotalInitialRemoteDiskSize         int                  `json:"total_initial_remote_disk_size,omitzero"` // in GB; for hyperdisks on GCP only

	// IdempotencyToken identifies this creation. A second call with the same
	// token does not create a second pool. It has at most 64 characters. Create
	// generates a token if the field is empty.
	IdempotencyToken string `json:"idempotency_token,omitzero"`
}

func (in CreatePool) check() error {
	switch {
	case in.InstancePoolName == "":
		return badArg("instance_pool_name", isRequired)
	case in.NodeTypeID == "":
		return badArg("node_type_id", isRequired)
	}
	return checkPoolSize(in.MinIdleInstances, in.MaxCapacity)
}

// checkPoolSize rejects contradictory sizes.
func checkPoolSize(idle *int, most int) error {
	if idle != nil && most != 0 && *idle > most {
		return badArg("min_idle_instances", "is %d, over max_capacity, which is %d", *idle, most)
	}
	return nil
}

// Create creates a pool and returns its ID. The idle instances start
// afterwards. [InstancePool.Stats] counts them. Create fails with
// [ErrInvalidParameterValue] if the name is taken. It requires the entitlement
// allow-instance-pool-create.
//
// The request carries an idempotency token, so the client can retry it without
// creating a second pool.
func (s *PoolsService) Create(ctx context.Context, in CreatePool) (string, error) {
	if in.IdempotencyToken == "" {
		in.IdempotencyToken = s.client.newIdempotencyToken()
	}
	created, err := do[createdPool](ctx, s.client, post("/api/2.0/instance-pools/create").params(in).idempotencyToken(in.IdempotencyToken))
	if err != nil {
		return "", err
	}
	return created.InstancePoolID, nil
}

type createdPool struct {
	InstancePoolID string `json:"instance_pool_id"`
}

func (p *createdPool) validate() error { return named("instance_pool_id", p.InstancePoolID != "") }

// EditPool describes the new state of a pool. Fields that are unset return to
// their defaults.
type EditPool struct {
	InstancePoolID                     string            `json:"instance_pool_id"`
	InstancePoolName                   string            `json:"instance_pool_name"`
	NodeTypeID                         string            `json:"node_type_id"`                                   // the pool's current node type, which cannot be changed
	MinIdleInstances                   *int              `json:"min_idle_instances,omitzero"`                    // nil for 0
	MaxCapacity                        int               `json:"max_capacity,omitzero"`                          // 0 for no limit
	IdleInstanceAutoterminationMinutes *int              `json:"idle_instance_autotermination_minutes,omitzero"` // nil for the service's default
	CustomTags                         map[string]string `json:"custom_tags,omitzero"`
	RemoteDiskThroughput               int               `json:"remote_disk_throughput,omitzero"`
	TotalInitialRemoteDiskSize         int               `json:"total_initial_remote_disk_size,omitzero"`
}

func (in EditPool) check() error {
	switch {
	case in.InstancePoolID == "":
		return badArg("instance_pool_id", isRequired)
	case in.InstancePoolName == "":
		return badArg("instance_pool_name", isRequired)
	case in.NodeTypeID == "":
		return badArg("node_type_id", "is required; want the pool's current node type")
	}
	return checkPoolSize(in.MinIdleInstances, in.MaxCapacity)
}

// Edit replaces the attributes of a pool that can be changed. It fails with
// [ErrInvalidParameterValue] if NodeTypeID is not the pool's node type. It
// requires [CanManage]. Edit is idempotent, so the client retries it.
func (s *PoolsService) Edit(ctx context.Context, in EditPool) error {
	return s.client.Do(ctx, post("/api/2.0/instance-pools/edit").params(in).idempotent(), nil)
}

// Delete deletes a pool permanently and terminates its idle instances. Running
// clusters of the pool keep their nodes but cannot add nodes. Terminated
// clusters cannot start until they are edited. Delete requires [CanManage]. IDs
// are never reused, so the client retries the call.
func (s *PoolsService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/instance-pools/delete").required("instance_pool_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// An InstancePool is a pool as the service returns it.
type InstancePool struct {
	InstancePoolID                     string               `json:"instance_pool_id"`
	InstancePoolName                   string               `json:"instance_pool_name"`
	NodeTypeID                         string               `json:"node_type_id"`
	State                              InstancePoolState    `json:"state"`
	MinIdleInstances                   int                  `json:"min_idle_instances"`
	MaxCapacity                        int                  `json:"max_capacity"` // 0 for no limit
	IdleInstanceAutoterminationMinutes int                  `json:"idle_instance_autotermination_minutes"`
	CustomTags                         map[string]string    `json:"custom_tags"`
	DefaultTags                        map[string]string    `json:"default_tags"` // set by the service
	EnableElasticDisk                  bool                 `json:"enable_elastic_disk"`
	DiskSpec                           *DiskSpec            `json:"disk_spec"`
	PreloadedSparkVersions             []string             `json:"preloaded_spark_versions"`
	PreloadedDockerImages              []DockerImage        `json:"preloaded_docker_images"`
	NodeTypeFlexibility                *NodeTypeFlexibility `json:"node_type_flexibility"`
	AWSAttributes                      *PoolAWSAttributes   `json:"aws_attributes"`
	AzureAttributes                    *PoolAzureAttributes `json:"azure_attributes"`
	GCPAttributes                      *PoolGCPAttributes   `json:"gcp_attributes"`
	RemoteDiskThroughput               int                  `json:"remote_disk_throughput"`
	TotalInitialRemoteDiskSize         int                  `json:"total_initial_remote_disk_size"`
	Stats                              InstancePoolStats    `json:"stats"`
	Status                             InstancePoolStatus   `json:"status"`
}

// InstancePoolStats count the instances of a pool.
type InstancePoolStats struct {
	UsedCount        int `json:"used_count"`         // used as nodes of clusters
	IdleCount        int `json:"idle_count"`         // ready for use
	PendingUsedCount int `json:"pending_used_count"` // starting for a cluster
	PendingIdleCount int `json:"pending_idle_count"` // starting as idle instances
}

// InstancePoolStatus says why a pool has fewer idle instances than it should
// have.
type InstancePoolStatus struct {
	PendingInstanceErrors []PendingInstanceError `json:"pending_instance_errors"`
}

// A PendingInstanceError says why an instance did not start.
type PendingInstanceError struct {
	InstanceID string `json:"instance_id"`
	Message    string `json:"message"`
}

// Get returns a pool.
func (s *PoolsService) Get(ctx context.Context, id string) (*InstancePool, error) {
	return do[InstancePool](ctx, s.client, get("/api/2.0/instance-pools/get").required("instance_pool_id", id))
}

// List returns the pools that the caller may see. The service sends them in one
// response.
func (s *PoolsService) List(ctx context.Context) ([]InstancePool, error) {
	response, err := do[struct {
		InstancePools []InstancePool `json:"instance_pools"`
	}](ctx, s.client, get("/api/2.0/instance-pools/list"))
	if err != nil {
		return nil, err
	}
	return response.InstancePools, nil
}
