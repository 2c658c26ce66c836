package databrickstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// poolsArea has the instance pools. Clusters get their nodes from them.
type poolsArea struct {
	s       *Server
	byID    map[string]*pool
	inOrder []*pool
	byToken map[string]*pool
}

type pool struct {
	poolInput
	id      string
	creator string
	token   string    // the idempotency token that it was created with
	filling time.Time // when the current start of idle instances began
}

type poolInput struct {
	Name                  string            `json:"instance_pool_name" api:"required"`
	MinIdle               int               `json:"min_idle_instances"`
	MaxCapacity           int               `json:"max_capacity,omitzero"`
	AWS                   any               `json:"aws_attributes,omitzero"`
	Azure                 any               `json:"azure_attributes,omitzero"`
	GCP                   any               `json:"gcp_attributes,omitzero"`
	NodeType              string            `json:"node_type_id" api:"required"`
	Tags                  map[string]string `json:"custom_tags,omitempty"`
	IdleMinutes           *int              `json:"idle_instance_autotermination_minutes"`
	ElasticDisk           bool              `json:"enable_elastic_disk"`
	DiskSpec              any               `json:"disk_spec,omitzero"`
	PreloadedVersions     []string          `json:"preloaded_spark_versions,omitempty"`
	PreloadedImages       []dockerImage     `json:"preloaded_docker_images,omitempty"`
	Flexibility           any               `json:"node_type_flexibility,omitzero"`
	RemoteDiskThroughput  int               `json:"remote_disk_throughput,omitzero"`
	InitialRemoteDiskSize int               `json:"total_initial_remote_disk_size,omitzero"`
}

func (a *poolsArea) register(s *Server) {
	a.s, a.byID, a.byToken = s, map[string]*pool{}, map[string]*pool{}
	route(s, "POST", "/api/2.0/instance-pools/create", a.create)
	route(s, "POST", "/api/2.0/instance-pools/edit", a.edit)
	route(s, "POST", "/api/2.0/instance-pools/delete", a.delete)
	route(s, "GET", "/api/2.0/instance-pools/get", a.get)
	route(s, "GET", "/api/2.0/instance-pools/list", a.list)
}

func (p *pool) securable() securable {
	return securable{kind: "instance-pools", id: p.id, owner: p.creator}
}

// check validates the input for a pool.
func (a *poolsArea) check(in *poolInput, self *pool) error {
	switch n := utf8.RuneCountInString(in.Name); {
	case n > 100:
		return invalid("instance_pool_name must have at most 100 characters.")
	case !nodeTypeForm.MatchString(in.NodeType):
		return invalid("Node type %s is not supported.", shortened(in.NodeType))
	case in.MinIdle < 0 || in.MaxCapacity < 0:
		return invalid("min_idle_instances and max_capacity must not be negative.")
	case in.MaxCapacity > 0 && in.MinIdle > in.MaxCapacity:
		return invalid("min_idle_instances (%d) must not be greater than max_capacity (%d).", in.MinIdle, in.MaxCapacity)
	case in.IdleMinutes != nil && (*in.IdleMinutes < 0 || *in.IdleMinutes > 10_000):
		return invalid("idle_instance_autotermination_minutes must be between 0 and 10000.")
	case len(in.PreloadedVersions) > 1:
		return invalid("At most one version can be specified in preloaded_spark_versions.")
	}
	for _, other := range a.inOrder {
		if other != self && other.Name == in.Name {
			return invalid("An instance pool with the name '%s' already exists.", in.Name)
		}
	}
	if in.IdleMinutes == nil {
		in.IdleMinutes = new(60)
	}
	return checkTags(in.Tags)
}

func (a *poolsArea) create(c *call, in struct {
	poolInput
	IdempotencyToken string `json:"idempotency_token"`
}) (any, error) {
	if !c.entitled(mayCreatePools) {
		return nil, notEntitled("instance pools")
	}
	if p := a.byToken[in.IdempotencyToken]; p != nil && a.byID[p.id] != nil {
		return map[string]string{"instance_pool_id": p.id}, nil
	}
	if err := a.check(&in.poolInput, nil); err != nil {
		return nil, err
	}
	id := c.now.UTC().Format("0102-150405-") + c.random.word(8) + "-pool-" + strings.ToUpper(c.random.hex(8))
	p := &pool{poolInput: in.poolInput, id: id, creator: c.user.name, filling: c.now}
	a.byID[id] = p
	a.inOrder = append(a.inOrder, p)
	if in.IdempotencyToken != "" {
		a.byToken[in.IdempotencyToken], p.token = p, in.IdempotencyToken
	}
	return map[string]string{"instance_pool_id": id}, nil
}

type onePool struct {
	ID string `json:"instance_pool_id" api:"required"`
}

// find returns a pool if the caller has a permission level.
func (a *poolsArea) find(c *call, id, level string) (*pool, error) {
	p := a.byID[id]
	if p == nil {
		return nil, notFound("Can't find an instance pool with id: %s", id)
	}
	return p, c.must(p.securable(), level)
}

// edit ignores changes of attributes that are fixed.
func (a *poolsArea) edit(c *call, in struct {
	onePool
	poolInput
}) (any, error) {
	p, err := a.find(c, in.ID, "CAN_MANAGE")
	switch {
	case err != nil:
		return nil, err
	case in.NodeType != p.NodeType:
		return nil, invalid("node_type_id of a pool cannot be changed.")
	}
	changed := p.poolInput
	changed.Name, changed.MinIdle, changed.MaxCapacity, changed.IdleMinutes, changed.Tags = in.Name, in.MinIdle, in.MaxCapacity, in.IdleMinutes, in.Tags
	changed.RemoteDiskThroughput, changed.InitialRemoteDiskSize = in.RemoteDiskThroughput, in.InitialRemoteDiskSize
	if err := a.check(&changed, p); err != nil {
		return nil, err
	}
	if changed.MinIdle > p.MinIdle {
		p.filling = c.now
	}
	p.poolInput = changed
	return nil, nil
}

func (a *poolsArea) delete(c *call, in onePool) (any, error) {
	p, err := a.find(c, in.ID, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	delete(a.byID, p.id)
	delete(c.permissions.acls, p.securable().key())
	a.inOrder = slices.DeleteFunc(a.inOrder, func(other *pool) bool { return other == p })
	return nil, nil
}

// nodesFrom returns how many nodes of a pool a cluster uses, or will use when
// it has started.
func (cl *cluster) nodesFrom(id string) (used, pending int) {
	workers, driver := 0, 0
	if cl.attributes.InstancePoolID == id {
		workers = 1
	}
	if cl.attributes.DriverInstancePoolID == id {
		driver = 1
	}
	switch cl.state {
	case clusterPending, clusterRestarting:
		return 0, workers*cl.attributes.firstSize() + driver
	case clusterRunning, clusterResizing:
		return workers*len(cl.executors) + driver, 0
	}
	return 0, 0
}

type poolStats struct {
	Used        int `json:"used_count"`
	Idle        int `json:"idle_count"`
	PendingUsed int `json:"pending_used_count"`
	PendingIdle int `json:"pending_idle_count"`
}

// stats counts the instances of a pool, except those of the omitted cluster. Idle
// instances start as fast as a cluster. Instances beyond the minimum terminate
// immediately, whatever the idle time of the pool.
func (a *poolsArea) stats(p *pool, now time.Time, omitted *cluster) (s poolStats) {
	for _, cl := range a.s.clusters.inOrder {
		if cl != omitted {
			used, pending := cl.nodesFrom(p.id)
			s.Used, s.PendingUsed = s.Used+used, s.PendingUsed+pending
		}
	}
	idle := p.MinIdle
	if p.MaxCapacity > 0 {
		idle = max(0, min(idle, p.MaxCapacity-s.Used-s.PendingUsed))
	}
	if now.Before(p.filling.Add(a.s.timings.ClusterStart)) {
		s.PendingIdle = idle
	} else {
		s.Idle = idle
	}
	return s
}

// refuses returns why a pool has no nodes for a cluster, or nil.
func (a *poolsArea) refuses(cl *cluster, now time.Time) *ClusterFailure {
	for _, id := range slices.Compact([]string{cl.attributes.InstancePoolID, cl.attributes.DriverInstancePoolID}) {
		if id == "" {
			continue
		}
		p := a.byID[id]
		if p == nil {
			return &ClusterFailure{Code: "INSTANCE_POOL_NOT_FOUND", Type: "CLIENT_ERROR", Message: fmt.Sprintf("Instance pool %s does not exist.", id),
				Parameters: map[string]string{"instance_pool_id": id, "instance_pool_error_code": "INSTANCE_POOL_NOT_FOUND_FAILURE"}}
		}
		_, wanted := cl.nodesFrom(id)
		if s := a.stats(p, now, cl); p.MaxCapacity > 0 && s.Used+s.PendingUsed+wanted > p.MaxCapacity {
			return &ClusterFailure{Code: "INSTANCE_POOL_MAX_CAPACITY_REACHED", Type: "CLIENT_ERROR",
				Message:    fmt.Sprintf("Instance pool %s has no room for %d instances: its max_capacity is %d.", p.Name, wanted, p.MaxCapacity),
				Parameters: map[string]string{"instance_pool_id": id, "instance_pool_error_code": "INSTANCE_POOL_MAX_CAPACITY_FAILURE"}}
		}
	}
	return nil
}

// room returns how many of the wanted workers a running cluster can get.
func (a *poolsArea) room(cl *cluster, wanted int, now time.Time) int {
	id := cl.attributes.InstancePoolID
	if id == "" || wanted <= len(cl.executors) {
		return wanted
	}
	p := a.byID[id]
	switch {
	case p == nil:
		return len(cl.executors)
	case p.MaxCapacity == 0:
		return wanted
	}
	s := a.stats(p, now, cl)
	free := p.MaxCapacity - s.Used - s.PendingUsed
	if cl.attributes.DriverInstancePoolID == id {
		free--
	}
	return max(len(cl.executors), min(wanted, free))
}

func (a *poolsArea) show(c *call, p *pool) any {
	for range c.clusters.all(c.now) { // updates the clusters, whose nodes stats counts
	}
	tags := map[string]string{"Vendor": "Databricks", "DatabricksInstancePoolId": p.id}
	if u := c.identities.byName[p.creator]; u != nil {
		tags["DatabricksInstancePoolCreatorId"] = fmt.Sprint(u.id)
	}
	input := p.poolInput
	input.Tags = maps.Clone(input.Tags)
	return struct {
		ID string `json:"instance_pool_id"`
		poolInput
		DefaultTags map[string]string `json:"default_tags"`
		State       string            `json:"state"`
		Stats       poolStats         `json:"stats"`
		Status      struct{}          `json:"status"`
	}{p.id, input, tags, "ACTIVE", a.stats(p, c.now, nil), struct{}{}}
}

func (a *poolsArea) get(c *call, in onePool) (any, error) {
	p, err := a.find(c, in.ID, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	return a.show(c, p), nil
}

func (a *poolsArea) list(c *call, _ struct{}) (any, error) {
	var out struct {
		Pools []any `json:"instance_pools,omitempty"`
	}
	for _, p := range a.inOrder {
		if c.may(p.securable(), "CAN_ATTACH_TO") {
			out.Pools = append(out.Pools, a.show(c, p))
		}
	}
	return out, nil
}
