package databricks

import (
	"context"
	"io/fs"
	"testing"
)

func TestPools_wire(t *testing.T) {
	create := func(in CreatePool) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Pools.Create(ctx, in) }
	}
	edit := func(in EditPool) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return nil, c.Pools.Edit(ctx, in) }
	}
	read := func(ctx context.Context, c *Client) (any, error) { return c.Pools.Get(ctx, "p") }
	remove := func(ctx context.Context, c *Client) (any, error) { return nil, c.Pools.Delete(ctx, "p") }
	list := func(ctx context.Context, c *Client) (any, error) { return c.Pools.List(ctx) }

	disk := &DiskSpec{&DiskType{EBSGeneralPurposeSSD, AzureDiskPremiumLRS}, 2, 100, 3, 4}
	images := []DockerImage{{"i", &DockerBasicAuth{"u", "s"}}}
	flexible := &NodeTypeFlexibility{[]string{"n2"}}
	aws := &PoolAWSAttributes{PoolAWSSpot, "us-west-2a", 80, "arn"}
	azure := &PoolAzureAttributes{PoolAzureSpot, -1, "group"}
	gcp := &PoolGCPAttributes{GCPPreemptible, new(0), "HA"}
	tags := map[string]string{"team": "etl"}
	full := CreatePool{"p", "n", new(0), 5, new(0), tags, new(false), disk, []string{"15.4.x-scala2.12"}, images, flexible, aws, azure, gcp, 6, 7, "token"}
	pool := &InstancePool{"id", "p", "n", InstancePoolActive, 1, 5, 60, tags, map[string]string{"Vendor": "Databricks"}, true, disk, []string{"15.4.x-scala2.12"}, images, flexible,
		aws, azure, gcp, 6, 7, InstancePoolStats{1, 2, 3, 4}, InstancePoolStatus{[]PendingInstanceError{{"i", "no quota"}}}}
	whole := EditPool{"id", "p", "n", new(1), 5, new(10), tags, 6, 7}
	assertFull(t, full, pool, whole)
	const attributes = `"disk_spec": {"disk_type": {"ebs_volume_type": "GENERAL_PURPOSE_SSD", "azure_disk_volume_type": "PREMIUM_LRS"}, "disk_count": 2, "disk_size": 100, "disk_iops": 3, "disk_throughput": 4},
		"preloaded_spark_versions": ["15.4.x-scala2.12"], "preloaded_docker_images": [{"url": "i", "basic_auth": {"username": "u", "password": "s"}}],
		"node_type_flexibility": {"alternate_node_type_ids": ["n2"]},
		"aws_attributes": {"availability": "SPOT", "zone_id": "us-west-2a", "spot_bid_price_percent": 80, "instance_profile_arn": "arn"},
		"azure_attributes": {"availability": "SPOT_AZURE", "spot_bid_max_price": -1, "capacity_reservation_group": "group"},
		"gcp_attributes": {"gcp_availability": "PREEMPTIBLE_GCP", "local_ssd_count": 0, "zone_id": "HA"},
		"remote_disk_throughput": 6, "total_initial_remote_disk_size": 7`
	const response = `{"instance_pool_id": "id", "instance_pool_name": "p", "node_type_id": "n", "state": "ACTIVE", "min_idle_instances": 1, "max_capacity": 5,
		"idle_instance_autotermination_minutes": 60, "custom_tags": {"team": "etl"}, "default_tags": {"Vendor": "Databricks"}, "enable_elastic_disk": true, ` + attributes + `,
		"stats": {"used_count": 1, "idle_count": 2, "pending_used_count": 3, "pending_idle_count": 4},
		"status": {"pending_instance_errors": [{"instance_id": "i", "message": "no quota"}]}, "brand_new": 1}`
	const created, bare = "POST /api/2.0/instance-pools/create", `{"instance_pool_name": "p", "node_type_id": "n", "idempotency_token": "t"}`
	least := CreatePool{InstancePoolName: "p", NodeTypeID: "n", IdempotencyToken: "t"}

	runWire(t, []wireRow{{
		name: "create with every field",
		call: create(full),
		wire: []wireStep{{created, `{"instance_pool_name": "p", "node_type_id": "n", "min_idle_instances": 0, "max_capacity": 5, "idle_instance_autotermination_minutes": 0,
			"custom_tags": {"team": "etl"}, "enable_elastic_disk": false, "idempotency_token": "token", ` + attributes + `}`, `{"instance_pool_id": "id"}`}},
		want: "id",
	}, {
		name: "create with the required fields",
		call: create(least),
		wire: []wireStep{{created, bare, `{"instance_pool_id": "id"}`}},
		want: "id",
	}, {
		name: "create of a name that is taken",
		call: create(least),
		wire: []wireStep{{created, bare, `400 {"error_code": "INVALID_PARAMETER_VALUE", "message": "x"}`}},
		is:   ErrInvalidParameterValue,
	}, {
		name: "create without the entitlement",
		call: create(least),
		wire: []wireStep{{created, bare, `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   ErrPermissionDenied,
	}, {
		name: "create without a name",
		call: create(CreatePool{NodeTypeID: "n"}), is: fs.ErrInvalid, fails: "instance_pool_name is required",
	}, {
		name: "create without a node type",
		call: create(CreatePool{InstancePoolName: "p"}), is: fs.ErrInvalid, fails: "node_type_id is required",
	}, {
		name: "create with limits that contradict each other",
		call: create(CreatePool{InstancePoolName: "p", NodeTypeID: "n", MinIdleInstances: new(3), MaxCapacity: 2}),
		is:   fs.ErrInvalid, fails: "min_idle_instances is 3, over max_capacity, which is 2",
	}, {
		name: "edit with every field",
		call: edit(whole),
		wire: []wireStep{{"POST /api/2.0/instance-pools/edit", `{"instance_pool_id": "id", "instance_pool_name": "p", "node_type_id": "n", "min_idle_instances": 1,
			"max_capacity": 5, "idle_instance_autotermination_minutes": 10, "custom_tags": {"team": "etl"}, "remote_disk_throughput": 6, "total_initial_remote_disk_size": 7}`, ""}},
	}, {
		name: "edit without an ID",
		call: edit(EditPool{InstancePoolName: "p", NodeTypeID: "n"}), is: fs.ErrInvalid, fails: "instance_pool_id is required",
	}, {
		name: "edit without the node type",
		call: edit(EditPool{InstancePoolID: "id", InstancePoolName: "p"}), is: fs.ErrInvalid, fails: "want the pool's current node type",
	}, {
		name: "get returns every field",
		call: read,
		wire: []wireStep{{"GET /api/2.0/instance-pools/get?instance_pool_id=p", "", response}},
		want: pool,
	}, {
		name: "get of what does not exist",
		call: read,
		wire: []wireStep{{"GET /api/2.0/instance-pools/get?instance_pool_id=p", "", `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "delete of what does not exist",
		call: remove,
		wire: []wireStep{{"POST /api/2.0/instance-pools/delete", `{"instance_pool_id": "p"}`, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is:   fs.ErrNotExist,
	}, {
		name: "list",
		call: list,
		wire: []wireStep{{"GET /api/2.0/instance-pools/list", "", `{"instance_pools": [` + response + `, {"instance_pool_id": "b", "state": "BRAND_NEW"}]}`}},
		want: []InstancePool{*pool, {InstancePoolID: "b", State: "BRAND_NEW"}},
	}, {
		name: "an empty list",
		call: list,
		wire: []wireStep{{"GET /api/2.0/instance-pools/list", "", "{}"}},
		want: []InstancePool(nil),
	}})
}
