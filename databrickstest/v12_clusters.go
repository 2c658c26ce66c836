package databrickstest

import (
	"cmp"
	"fmt"
)

// The calls for clusters of REST 1.2 accept forms and JSON.

func (a *v12Area) registerClusters(s *Server) {
	route(s, "GET", "/api/1.2/clusters/list", a.listClusters)
	route(s, "GET", "/api/1.2/clusters/status", a.clusterStatus)
	route(s, "POST", "/api/1.2/clusters/create", a.createCluster)
	route(s, "POST", "/api/1.2/clusters/resize", a.resizeCluster)
	route(s, "POST", "/api/1.2/clusters/restart", a.restartCluster)
	route(s, "POST", "/api/1.2/clusters/delete", a.deleteCluster)
}

type v12Cluster struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	DriverIP   string `json:"driverIp"`
	JDBCPort   string `json:"jdbcPort"` // version 2.0 has a number here
	NumWorkers int    `json:"numWorkers"`
}

func v12Info(cl *cluster) v12Cluster {
	info := v12Cluster{ID: cl.id, Name: cl.attributes.ClusterName, JDBCPort: "10000", NumWorkers: len(cl.executors)}
	if cl.driver != nil {
		info.DriverIP = cl.driver.PrivateIP
	}
	switch cl.state {
	case clusterPending, clusterRestarting:
		info.Status = "Pending"
	case clusterRunning:
		info.Status = "Running"
	case clusterResizing:
		info.Status = "Reconfiguring"
	case clusterTerminating:
		info.Status = "Terminating"
	case clusterTerminated:
		info.Status = "Terminated"
	default:
		info.Status = "Error"
	}
	return info
}

func (a *v12Area) listClusters(c *call, _ struct{}) (any, error) {
	all := []v12Cluster{}
	for cl := range a.s.clusters.all(c.now) {
		if c.may(cl.securable(), "CAN_ATTACH_TO") {
			all = append(all, v12Info(cl))
		}
	}
	return all, nil
}

type v12ClusterID struct {
	ClusterID string `json:"clusterId"`
}

func (a *v12Area) clusterStatus(c *call, in v12ClusterID) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	return v12Info(cl), nil
}

func (a *v12Area) createCluster(c *call, in struct {
	Name                string         `json:"name" api:"required"`
	NumWorkerContainers *int           `json:"numWorkerContainers"`
	UseSpot             bool           `json:"useSpot"`
	SparkVersion        string         `json:"sparkVersion"`
	ZoneID              string         `json:"zoneId"` // ignored; this workspace has no zones
	SparkConf           map[string]any `json:"sparkConf"`
}) (any, error) {
	if in.NumWorkerContainers == nil {
		return nil, numeric("")
	}
	spec := clusterSpec{
		ClusterName: in.Name, NumWorkers: in.NumWorkerContainers, NodeTypeID: "Standard_DS3_v2",
		SparkVersion: cmp.Or(in.SparkVersion, "15.4.x-scala2.12"),
	}
	if in.UseSpot {
		spec.AzureAttributes = &azureAttributes{Availability: "SPOT_WITH_FALLBACK_AZURE"}
	}
	for key, value := range in.SparkConf {
		if spec.SparkConf == nil {
			spec.SparkConf = map[string]string{}
		}
		spec.SparkConf[key] = fmt.Sprint(value)
	}
	if _, err := c.permit(&spec, allPurpose, nil); err != nil {
		return nil, err
	}
	return idResponse{a.s.clusters.launch(c.now, clusterLaunch{spec: spec, creator: c.user.name, source: "API"}).id}, nil
}

func (a *v12Area) resizeCluster(c *call, in struct {
	v12ClusterID
	NumWorkerContainers *int `json:"numWorkerContainers"`
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	if in.NumWorkerContainers == nil {
		return nil, numeric("")
	}
	size := clusterSpec{NumWorkers: in.NumWorkerContainers}
	if err := size.checkSize(); err != nil {
		return nil, err
	}
	now := cl.attributes.NumWorkers
	switch {
	case cl.state == clusterResizing && now != nil && *now == *in.NumWorkerContainers: // the same request was sent before
	case cl.state != clusterRunning:
		return nil, cl.unexpected()
	default:
		a.s.clusters.setSize(cl, c.now, size.size(), c.user.name)
	}
	return idResponse{cl.id}, nil
}

func (a *v12Area) restartCluster(c *call, in v12ClusterID) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_RESTART")
	if err != nil {
		return nil, err
	}
	if cl.state != clusterRunning {
		return nil, cl.unexpected()
	}
	a.s.clusters.reboot(cl, c.now, c.user.name)
	return idResponse{cl.id}, nil
}

func (a *v12Area) deleteCluster(c *call, in v12ClusterID) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_RESTART")
	if err != nil {
		return nil, err
	}
	if !cl.down() {
		a.s.clusters.terminate(cl, c.now, userRequest(c.user.name), "Termination requested by "+c.user.name)
	}
	return idResponse{cl.id}, nil
}
