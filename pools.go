package databricks

import "context"

// PoolsService creates and changes instance pools. A pool keeps instances idle and
// ready, so that clusters on it start and grow faster. Idle instances cost what the
// cloud charges for them, and no DBUs.
//
// Calls that name a pool that does not exist fail with [ErrResourceDoesNotExist].
// A caller that may not see or manage the pool gets [ErrPermissionDenied].
//
// See https://docs.databricks.com/api/workspace/instancepools.
type PoolsService service

// An InstancePoolState is the life cycle state of a pool.
type InstancePoolState string

// States of a pool.
const (
	InstancePoolActive  InstancePoolState = "ACTIVE"  // clusters can use it
	InstancePoolStopped InstancePoolState = "STOPPED" // it has no instances
	InstancePoolDeleted InstancePoolState = "DELETED" // for good
)

// A PoolAWSAvailability is the kind of the instances of a pool on AWS.
type PoolAWSAvailability string

// Kinds of instances of pools on AWS.
const (
	PoolAWSOnDemand PoolAWSAvailability = "ON_DEMAND"
	PoolAWSSpot     PoolAWSAvailability = "SPOT"
)

// A PoolAzureAvailability is the kind of the virtual machines of a pool on Azure.
type PoolAzureAvailability string

// Kinds of virtual machines of pools on Azure.
const (
	PoolAzureOnDemand PoolAzureAvailability = "ON_DEMAND_AZURE"
	PoolAzureSpot     PoolAzureAvailability = "SPOT_AZURE"
)

// PoolAWSAttributes are the attributes that only pools on AWS have.
type PoolAWSAttributes struct {
	Availability        PoolAWSAvailability `json:"availability,omitzero"`
	ZoneID              string              `json:"zone_id,omitzero"`                // such as us-west-2a, or auto
	SpotBidPricePercent int                 `json:"spot_bid_price_percent,omitzero"` // percentage of the price on demand; 0 for 100
	InstanceProfileARN  string              `json:"instance_profile_arn,omitzero"`   // of all clusters on the pool
}

// PoolAzureAttributes are the attributes that only pools on Azure have.
type PoolAzureAttributes struct {
	Availability             PoolAzureAvailability `json:"availability,omitzero"`
	SpotBidMaxPrice          float64               `json:"spot_bid_max_price,omitzero"`         // in US dollars an hour; -1 for the price on demand
	CapacityReservationGroup string                `json:"capacity_reservation_group,omitzero"` // a resource ID
}

// PoolGCPAttributes are the attributes that only pools on GCP have.
type PoolGCPAttributes struct {
	GCPAvailability GCPAvailability `json:"gcp_availability,omitzero"`
	LocalSSDCount   *int            `json:"local_ssd_count,omitzero"` // disks of 375 GB each; nil lets the node type decide
	ZoneID          string          `json:"zone_id,omitzero"`         // a zone, or HA; empty lets the service choose
}

// CreatePool describes a new pool. Only the name, the limits, the time that
// instances stay idle and the custom tags can be edited later. NodeTypeID is the
// node type of all clusters on the pool.
type CreatePool struct {
	InstancePoolName                   string               `json:"instance_pool_name"` // unique; up to 100 characters
	NodeTypeID                         string               `json:"node_type_id"`
	MinIdleInstances                   *int                 `json:"min_idle_instances,omitzero"`                    // instances to keep idle; nil for 0
	MaxCapacity                        int                  `json:"max_capacity,omitzero"`                          // instances, both idle and in use; 0 for no limit
	IdleInstanceAutoterminationMinutes *int                 `json:"idle_instance_autotermination_minutes,omitzero"` // how long instances over MinIdleInstances stay idle, up to 10000; nil lets the service choose, 0 for no time
	CustomTags                         map[string]string    `json:"custom_tags,omitzero"`
	EnableElasticDisk                  *bool                `json:"enable_elastic_disk,omitzero"` // add disks when they fill up
	DiskSpec                           *DiskSpec            `json:"disk_spec,omitzero"`
	PreloadedSparkVersions             []string             `json:"preloaded_spark_versions,omitzero"` // at most one
	PreloadedDockerImages              []DockerImage        `json:"preloaded_docker_images,omitzero"`
	NodeTypeFlexibility                *NodeTypeFlexibility `json:"node_type_flexibility,omitzero"`
	AWSAttributes                      *PoolAWSAttributes   `json:"aws_attributes,omitzero"`
	AzureAttributes                    *PoolAzureAttributes `json:"azure_attributes,omitzero"`
	GCPAttributes                      *PoolGCPAttributes   `json:"gcp_attributes,omitzero"`
	RemoteDiskThroughput               int                  `json:"remote_disk_throughput,omitzero"`         // in Mb/s; only for hyperdisks on GCP
	TotalInitialRemoteDiskSize         int                  `json:"total_initial_remote_disk_size,omitzero"` // in GB; only for hyperdisks on GCP

	// IdempotencyToken identifies the pool to create: a second call with it does not
	// create another. It has up to 64 characters. If it is empty, Create generates one.
	IdempotencyToken string `json:"idempotency_token,omitzero"`
}

func (in CreatePool) check() error {
	switch {
	case in.InstancePoolName == "":
		return badArg("instance_pool_name", missing)
	case in.NodeTypeID == "":
		return badArg("node_type_id", missing)
	}
	return checkPoolSize(in.MinIdleInstances, in.MaxCapacity)
}

// checkPoolSize rejects limits that contradict each other.
func checkPoolSize(idle *int, most int) error {
	if idle != nil && most != 0 && *idle > most {
		return badArg("min_idle_instances", "is %d, over max_capacity, which is %d", *idle, most)
	}
	return nil
}

// Create creates a pool and returns its ID. Its idle instances start afterwards:
// [InstancePool.Stats] counts them. The name must be unique. Otherwise the call
// fails with [ErrInvalidParameterValue]. It needs the entitlement
// allow-instance-pool-create.
//
// The call has an idempotency token, and pools have unique names. So the client
// retries it, and cannot create two pools.
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

// EditPool describes what a pool is to be. What is unset falls back to its default.
type EditPool struct {
	InstancePoolID                     string            `json:"instance_pool_id"`
	InstancePoolName                   string            `json:"instance_pool_name"`
	NodeTypeID                         string            `json:"node_type_id"`                                   // the one that the pool has
	MinIdleInstances                   *int              `json:"min_idle_instances,omitzero"`                    // nil for 0
	MaxCapacity                        int               `json:"max_capacity,omitzero"`                          // 0 for no limit
	IdleInstanceAutoterminationMinutes *int              `json:"idle_instance_autotermination_minutes,omitzero"` // nil lets the service choose
	CustomTags                         map[string]string `json:"custom_tags,omitzero"`
	RemoteDiskThroughput               int               `json:"remote_disk_throughput,omitzero"`
	TotalInitialRemoteDiskSize         int               `json:"total_initial_remote_disk_size,omitzero"`
}

func (in EditPool) check() error {
	switch {
	case in.InstancePoolID == "":
		return badArg("instance_pool_id", missing)
	case in.InstancePoolName == "":
		return badArg("instance_pool_name", missing)
	case in.NodeTypeID == "":
		return badArg("node_type_id", "is required; want the one that the pool has")
	}
	return checkPoolSize(in.MinIdleInstances, in.MaxCapacity)
}

// Edit replaces what can be changed in a pool. It fails with
// [ErrInvalidParameterValue] if NodeTypeID is not the pool's own. It needs
// [CanManage]. The call is idempotent.
func (s *PoolsService) Edit(ctx context.Context, in EditPool) error {
	return s.client.Do(ctx, post("/api/2.0/instance-pools/edit").params(in).idempotent(), nil)
}

// Delete deletes a pool, for good. Its idle instances are terminated. Running
// clusters on the pool keep their nodes and cannot grow. Terminated ones cannot
// start until they are edited. It needs [CanManage]. IDs are never used again, so
// the client retries the call after a lost response.
func (s *PoolsService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/instance-pools/delete").required("instance_pool_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// An InstancePool is a pool as the service describes it.
type InstancePool struct {
	InstancePoolID                     string               `json:"instance_pool_id"`
	InstancePoolName                   string               `json:"instance_pool_name"`
	NodeTypeID                         string               `json:"node_type_id"`
	State                              InstancePoolState    `json:"state"`
	MinIdleInstances                   int                  `json:"min_idle_instances"`
	MaxCapacity                        int                  `json:"max_capacity"` // 0 for no limit
	IdleInstanceAutoterminationMinutes int                  `json:"idle_instance_autotermination_minutes"`
	CustomTags                         map[string]string    `json:"custom_tags"`
	DefaultTags                        map[string]string    `json:"default_tags"` // which the service set
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

// InstancePoolStats counts the instances of a pool.
type InstancePoolStats struct {
	UsedCount        int `json:"used_count"`         // nodes of clusters
	IdleCount        int `json:"idle_count"`         // ready for clusters
	PendingUsedCount int `json:"pending_used_count"` // starting, for clusters
	PendingIdleCount int `json:"pending_idle_count"` // starting, for the pool
}

// InstancePoolStatus says why a pool has fewer idle instances than it should.
type InstancePoolStatus struct {
	PendingInstanceErrors []PendingInstanceError `json:"pending_instance_errors"`
}

// A PendingInstanceError is why an instance did not start.
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
	reply, err := do[struct {
		InstancePools []InstancePool `json:"instance_pools"`
	}](ctx, s.client, get("/api/2.0/instance-pools/list"))
	if err != nil {
		return nil, err
	}
	return reply.InstancePools, nil
}
