package databrickstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// clustersArea has the clusters of the workspace. Other areas use these
// methods:
//
//   - find and all return clusters and update them first;
//   - launch and terminate manage the clusters of jobs;
//   - watch reports clusters that start or terminate;
//   - idleness registers a function that says when a cluster was last used.
type clustersArea struct {
	s        *Server
	byID     map[string]*cluster
	inOrder  []*cluster          // in order of creation
	byToken  map[string]*cluster // by idempotency token
	pinned   int
	pinLimit int
	failures []ClusterFailure // for the next launches
	watchers []func(clusterChange)
	users    []func(cl *cluster, at time.Time) time.Time
}

// A cluster has the attributes and the current state of one cluster.
type cluster struct {
	id         string
	seq        int
	sent       *clusterSpec // as the user sent it
	unknown    any          // other attributes that the user sent, if the workspace keeps them
	attributes *clusterSpec // with all defaults; its size is the target size
	creator    string
	source     string // API, JOB, …
	runName    string // of the run, if source is JOB
	jobID      int64
	cloneFrom  string              // the cluster whose libraries it starts with
	token      string              // the idempotency token that it was created with
	libraries  *clusterLibraries   // nil until they are needed
	pending    *pendingEnforcement // of its policy

	state   string
	message string
	next    clusterStep // the step to take at due
	due     time.Time
	failure *ClusterFailure // set if the current launch will fail
	size    int             // number of workers after the current resize
	reason  *terminationReason

	created      time.Time
	restarted    time.Time
	lostState    time.Time // zero: never
	lastActivity time.Time // zero: never running
	terminated   time.Time
	unpinned     time.Time
	pinnedBy     string

	contextID int64 // Spark's context ID; 0 before the first start
	driver    *sparkNode
	executors []sparkNode // never changed in place, only replaced
	events    []clusterEvent
}

// A clusterStep is the next step in the life of a cluster.
type clusterStep string

const (
	noStep  clusterStep = ""
	comesUp clusterStep = "up"
	resizes clusterStep = "resized"
	isDown  clusterStep = "down"
)

// States of a cluster.
const (
	clusterPending     = "PENDING"
	clusterRunning     = "RUNNING"
	clusterRestarting  = "RESTARTING"
	clusterResizing    = "RESIZING"
	clusterTerminating = "TERMINATING"
	clusterTerminated  = "TERMINATED"
)

// Limits of the workspace.
const (
	pinLimit       = 100 // it was 20 in 2020 and 70 in 2022
	keptTerminated = 30 * 24 * time.Hour
	listedClusters = 70 // terminated all-purpose clusters in a list of 2.0
	listedJobs     = 30 // terminated job clusters in a list of 2.0
)

// usable reports whether the cluster accepts work.
func (cl *cluster) usable() bool { return cl.state == clusterRunning || cl.state == clusterResizing }

// down reports whether the cluster is terminated or terminating.
func (cl *cluster) down() bool {
	return cl.state == clusterTerminating || cl.state == clusterTerminated
}

// A clusterChange is passed to watchers at the time of the change.
type clusterChange struct {
	cluster *cluster
	kind    clusterChangeKind
	at      time.Time
}

type clusterChangeKind int

const (
	clusterIsUp      clusterChangeKind = iota // RUNNING after a start or restart
	clusterLostState                          // a restart starts; everything in the driver's memory is lost
	clusterIsDown                             // the termination starts; everything in the driver's memory is lost
	clusterIsGone                             // deleted permanently; follows clusterIsDown
)

// watch registers f, which is called under the lock for each change of a
// cluster.
func (a *clustersArea) watch(f func(clusterChange)) { a.watchers = append(a.watchers, f) }

func (a *clustersArea) notify(cl *cluster, kind clusterChangeKind, at time.Time) {
	for _, f := range a.watchers {
		f(clusterChange{cl, kind, at})
	}
}

// idleness registers lastUsed, which is called when an idle cluster is about to
// terminate. It returns the time of the last use, or at if something still
// runs, or the zero time if the cluster was never used.
func (a *clustersArea) idleness(lastUsed func(cl *cluster, at time.Time) time.Time) {
	a.users = append(a.users, lastUsed)
}

// WithPinLimit sets the maximum number of pinned clusters. The default is 100.
func WithPinLimit(n int) Option { return func(s *Server) { s.clusters.pinLimit = n } }

// A ClusterFailure says why a cluster terminates. Empty fields are omitted.
type ClusterFailure struct {
	Code       string            // such as CLOUD_PROVIDER_LAUNCH_FAILURE
	Type       string            // such as CLOUD_FAILURE
	Message    string            // the cluster's state message
	Parameters map[string]string // such as azure_error_code
}

// FailNextCluster makes the next launch of a cluster fail, after a create,
// start, restart or edit. Each call makes one more launch fail. To make all
// launches of one cluster fail, set the property spark.databrickstest.fail in
// spark_conf to a code.
func (s *Server) FailNextCluster(why ClusterFailure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters.failures = append(s.clusters.failures, why)
	s.touchCollections()
}

// TerminateCluster terminates a cluster as if the cloud provider or the service
// had done it. It fails if the cluster does not exist or is already terminated.
func (s *Server) TerminateCluster(id string, why ClusterFailure) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cl, err := s.clusters.find(id, s.now())
	if err == nil && cl.down() {
		err = fmt.Errorf("databrickstest: cluster %s is %s", id, cl.state)
	}
	if err != nil {
		return err
	}
	s.clusters.terminate(cl, s.now(), why.reason(), why.Message)
	return nil
}

type terminationReason struct {
	Code       string            `json:"code,omitzero"`
	Type       string            `json:"type,omitzero"`
	Parameters map[string]string `json:"parameters,omitzero"`
}

func (f ClusterFailure) reason() *terminationReason {
	return &terminationReason{f.Code, f.Type, maps.Clone(f.Parameters)}
}

type sparkNode struct {
	PrivateIP      string `json:"private_ip"`
	PublicDNS      string `json:"public_dns"`
	NodeID         string `json:"node_id"`
	InstanceID     string `json:"instance_id"`
	StartTimestamp int64  `json:"start_timestamp"`
	HostPrivateIP  string `json:"host_private_ip"`
}

func (a *clustersArea) register(s *Server) {
	a.s, a.byID, a.byToken = s, map[string]*cluster{}, map[string]*cluster{}
	a.pinLimit = cmp.Or(a.pinLimit, pinLimit)
	for _, version := range []string{"2.0", "2.1"} {
		path := "/api/" + version + "/clusters/"
		route(s, "POST", path+"create", a.create)
		route(s, "POST", path+"edit", a.edit)
		route(s, "POST", path+"start", a.start)
		route(s, "POST", path+"restart", a.restart)
		route(s, "POST", path+"resize", a.resize)
		route(s, "POST", path+"delete", a.delete)
		route(s, "POST", path+"permanent-delete", a.permanentDelete)
		route(s, "GET", path+"get", a.get)
		route(s, "POST", path+"pin", a.pin)
		route(s, "POST", path+"unpin", a.unpin)
		route(s, "GET", path+"list-node-types", a.listNodeTypes)
		route(s, "GET", path+"spark-versions", a.sparkVersions)
		route(s, "GET", path+"list-zones", a.listZones)
		route(s, "POST", path+"events", a.listEvents)
		route(s, "POST", path+"change-owner", a.changeOwner)
	}
	route(s, "GET", "/api/2.0/clusters/list", a.list)
	route(s, "GET", "/api/2.1/clusters/list", a.listPage)
	route(s, "POST", "/api/2.1/clusters/update", a.update)
}

// find returns a cluster in its current state.
func (a *clustersArea) find(id string, now time.Time) (*cluster, error) {
	cl := a.byID[id]
	if cl == nil {
		return nil, invalid("Cluster %s does not exist", id)
	}
	a.s.touchCluster(cl)
	a.advance(cl, now)
	if cl.purged(now) {
		return nil, badState("Cannot access cluster %s that was terminated or unpinned more than 30 days ago.", id)
	}
	return cl, nil
}

// securable returns the cluster as an object with permissions.
func (cl *cluster) securable() securable {
	return securable{kind: "clusters", id: cl.id, owner: cl.creator}
}

// reach is find for a caller who needs a permission level.
func (a *clustersArea) reach(c *call, id, level string) (*cluster, error) {
	cl, err := a.find(id, c.now)
	if err == nil {
		err = c.must(cl.securable(), level)
	}
	if err != nil {
		return nil, err
	}
	return cl, nil
}

// complete returns a spec with all the values that the service fills in.
func (a *clustersArea) complete(spec *clusterSpec, creator string) *clusterSpec {
	full := spec.withDefaults(creator)
	if p := a.s.pools.byID[full.InstancePoolID]; p != nil {
		full.NodeTypeID, full.DriverNodeTypeID = p.NodeType, p.NodeType
	}
	if p := a.s.pools.byID[full.DriverInstancePoolID]; p != nil {
		full.DriverNodeTypeID = p.NodeType
	}
	return full
}

// all returns the clusters in their current states, in order of creation. It
// omits those that the service has forgotten.
func (a *clustersArea) all(now time.Time) iter.Seq[*cluster] {
	return func(yield func(*cluster) bool) {
		for _, cl := range a.inOrder {
			a.advance(cl, now)
			if !cl.purged(now) && !yield(cl) {
				return
			}
		}
	}
}

// purged reports whether the service has forgotten the cluster.
func (cl *cluster) purged(now time.Time) bool {
	last := cl.terminated
	if cl.unpinned.After(last) {
		last = cl.unpinned
	}
	return cl.state == clusterTerminated && cl.pinnedBy == "" && now.Sub(last) > keptTerminated
}

// advance takes all steps of the cluster that are due.
func (a *clustersArea) advance(cl *cluster, now time.Time) {
	for {
		switch {
		case cl.next != noStep && !cl.due.After(now):
			a.step(cl)
		case !a.endIfIdle(cl, now):
			return
		}
		a.s.touchCluster(cl)
	}
}

// endIfIdle terminates a cluster that was idle for too long. It reports whether
// anything changed.
func (a *clustersArea) endIfIdle(cl *cluster, now time.Time) bool {
	minutes := *cl.attributes.AutoterminationMinutes
	if cl.state != clusterRunning || minutes == 0 {
		return false
	}
	end := cl.lastActivity.Add(time.Duration(minutes) * time.Minute)
	if end.After(now) {
		return false
	}
	for _, lastUsed := range a.users {
		if used := lastUsed(cl, end); used.After(cl.lastActivity) {
			cl.lastActivity = used
		}
	}
	if cl.lastActivity.Add(time.Duration(minutes) * time.Minute).After(end) {
		return true // check again with the later time
	}
	a.terminate(cl, end, &terminationReason{"INACTIVITY", "SUCCESS", map[string]string{"inactivity_duration_min": fmt.Sprint(minutes)}},
		fmt.Sprintf("Inactive cluster terminated (inactive for %d minutes).", minutes))
	return true
}

// after sets the cluster's next step. It replaces the step that was planned
// before.
func (cl *cluster) after(at time.Time, d time.Duration, next clusterStep) {
	cl.due, cl.next = at.Add(d), next
}

// step takes the cluster's next step.
func (a *clustersArea) step(cl *cluster) {
	next, at := cl.next, cl.due
	cl.next = noStep
	switch next {
	case comesUp:
		a.up(cl, at)
	case resizes:
		current, target := len(cl.executors), cl.size
		cl.state, cl.message = clusterRunning, ""
		a.setExecutors(cl, target, at)
		if target > current {
			cl.note(at, "UPSIZE_COMPLETED", eventDetails{CurrentNumWorkers: &target, TargetNumWorkers: &target})
		}
	case isDown:
		cl.state, cl.driver, cl.executors = clusterTerminated, nil, nil
	}
}

// A clusterLaunch describes a new cluster.
type clusterLaunch struct {
	spec      clusterSpec
	fields    map[string]any // of the request, for unknown attributes; may be nil
	creator   string
	source    string // API or JOB
	jobID     int64  // if source is JOB
	runName   string // if source is JOB
	cloneFrom string
}

// launch creates a cluster. The spec must be valid.
func (a *clustersArea) launch(at time.Time, l clusterLaunch) *cluster {
	cl := &cluster{
		id: a.newID(at), seq: len(a.inOrder), sent: &l.spec, attributes: a.complete(&l.spec, l.creator), creator: l.creator, source: l.source,
		jobID: l.jobID, runName: l.runName, cloneFrom: l.cloneFrom, created: at,
	}
	if n := len(a.inOrder); n > 0 {
		cl.seq = a.inOrder[n-1].seq + 1
	}
	a.remember(cl, l.fields)
	a.byID[cl.id] = cl
	a.inOrder = append(a.inOrder, cl)
	cl.note(at, "CREATING", eventDetails{Attributes: cl.attributes.withoutSize(), ClusterSize: cl.attributes.size(), User: l.creator})
	a.bringUp(cl, at, clusterPending, a.s.timings.ClusterStart)
	return cl
}

// newID returns an id such as 0712-083015-bonk1234: month and day, time, and a
// random word.
func (a *clustersArea) newID(at time.Time) string {
	for {
		id := at.UTC().Format("0102-150405-") + a.s.random.word(8)
		if a.byID[id] == nil {
			return id
		}
	}
}

// remember keeps the unknown attributes of a request, if the workspace is
// configured to do so.
func (a *clustersArea) remember(cl *cluster, fields map[string]any) {
	if !a.s.keepAll {
		return
	}
	fields = maps.Clone(fields)
	delete(fields, "idempotency_token")
	delete(fields, "clone_from")
	for _, f := range fieldsOf(reflect.TypeFor[clusterInfo]()) { // members of responses are not attributes
		if len(f.index) == 1 && f.name != "cluster_name" {
			delete(fields, f.name)
		}
	}
	cl.unknown = unknownOf(fields, reflect.TypeFor[clusterSpec]())
}

// bringUp starts the cluster. It becomes RUNNING or fails after a time, and
// until then has the state through.
func (a *clustersArea) bringUp(cl *cluster, at time.Time, through string, takes time.Duration) {
	cl.state, cl.message, cl.reason = through, "Finding instances for new nodes, acquiring more instances if necessary", nil
	cl.terminated, cl.restarted, cl.driver, cl.executors = time.Time{}, at, nil, nil
	failure, fails := ClusterFailure{Code: cl.attributes.SparkConf["spark.databrickstest.fail"], Type: "SERVICE_FAULT"}, false
	if fails = failure.Code != ""; !fails && len(a.failures) > 0 {
		failure, a.failures, fails = a.failures[0], a.failures[1:], true
	}
	if refused := a.s.pools.refuses(cl, at); refused != nil && !fails {
		failure, fails = *refused, true
	}
	cl.failure = nil
	if fails {
		cl.failure = &failure
	}
	cl.after(at, takes, comesUp)
	a.s.touchCluster(cl)
	a.s.touch(kindCollection, "cluster-failures")
}

// up finishes a launch: the cluster is running, or it terminates because the
// launch failed.
func (a *clustersArea) up(cl *cluster, at time.Time) {
	if failure := cl.failure; failure != nil {
		cl.failure = nil
		a.terminate(cl, at, failure.reason(), failure.Message)
		return
	}
	cl.state, cl.message, cl.contextID, cl.lastActivity = clusterRunning, "", a.s.random.id(), at
	cl.driver = a.newNode(at)
	workers := cl.attributes.firstSize()
	a.setExecutors(cl, workers, at)
	if scripts := cl.attributes.InitScripts; len(scripts) > 0 {
		started, finished := &initScriptEvent{}, &initScriptEvent{ReportedForNode: cl.driver.PrivateIP}
		for _, script := range scripts {
			started.Cluster = append(started.Cluster, initScriptOutcome{storage: script})
			finished.Cluster = append(finished.Cluster, initScriptOutcome{script, "SUCCEEDED", 1})
		}
		cl.note(at, "INIT_SCRIPTS_STARTED", eventDetails{InitScripts: started})
		cl.note(at, "INIT_SCRIPTS_FINISHED", eventDetails{InitScripts: finished})
	}
	cl.note(at, "DRIVER_HEALTHY", eventDetails{})
	cl.note(at, "RUNNING", eventDetails{CurrentNumWorkers: &workers, TargetNumWorkers: &workers})
	a.notify(cl, clusterIsUp, at)
}

// terminate terminates the cluster in any state.
func (a *clustersArea) terminate(cl *cluster, at time.Time, reason *terminationReason, message string) {
	cl.state, cl.message, cl.reason, cl.terminated = clusterTerminating, message, reason, at
	cl.note(at, "TERMINATING", eventDetails{Reason: reason, User: reason.Parameters["username"]})
	a.notify(cl, clusterIsDown, at)
	cl.after(at, a.s.timings.ClusterTerminate, isDown)
	a.s.touchCluster(cl)
}

func (a *clustersArea) newNode(at time.Time) *sparkNode {
	n := a.s.random.IntN(1 << 16)
	return &sparkNode{
		PrivateIP: fmt.Sprintf("10.139.%d.%d", n>>8, n&0xff), HostPrivateIP: fmt.Sprintf("10.138.%d.%d", n>>8, n&0xff),
		PublicDNS: "", NodeID: a.s.random.hex(32), InstanceID: a.s.random.hex(32), StartTimestamp: at.UnixMilli(),
	}
}

// setExecutors gives the cluster n executors. It keeps the existing ones.
func (a *clustersArea) setExecutors(cl *cluster, n int, at time.Time) {
	executors := slices.Clone(cl.executors[:min(n, len(cl.executors))])
	for len(executors) < n {
		executors = append(executors, *a.newNode(at))
	}
	cl.executors = executors
}

func (a *clustersArea) create(c *call, in struct {
	clusterSpec
	IdempotencyToken string `json:"idempotency_token"`
	ClusterSource    string `json:"cluster_source"`
	CloneFrom        *struct {
		SourceClusterID string `json:"source_cluster_id" api:"required"`
	} `json:"clone_from" api:"unused"`
}) (any, error) {
	if len(in.IdempotencyToken) > maxIdempotencyToken {
		return nil, invalid("idempotency_token must be at most %d characters long.", maxIdempotencyToken)
	}
	// A terminated cluster no longer occupies its idempotency token.
	cl := a.byToken[in.IdempotencyToken]
	if cl != nil {
		a.advance(cl, c.now)
	}
	if in.IdempotencyToken != "" && cl != nil && !cl.down() {
		return map[string]string{"cluster_id": cl.id}, nil
	}
	spec, err := c.permit(&in.clusterSpec, allPurpose, nil)
	if err != nil {
		return nil, err
	}
	launch := clusterLaunch{spec: *spec, fields: c.fields, creator: c.user.name, source: cmp.Or(in.ClusterSource, "API")}
	if in.CloneFrom != nil {
		launch.cloneFrom = in.CloneFrom.SourceClusterID
		if _, err := a.find(launch.cloneFrom, c.now); err != nil {
			return nil, err
		}
	}
	cl = a.launch(c.now, launch)
	if in.IdempotencyToken != "" {
		a.byToken[in.IdempotencyToken], cl.token = cl, in.IdempotencyToken
	}
	return map[string]string{"cluster_id": cl.id}, nil
}

type oneCluster struct {
	ClusterID string `json:"cluster_id" api:"required"`
}

// unexpected returns the service's error for a cluster in the wrong state.
func (cl *cluster) unexpected() error {
	return badState("Cluster %s is in unexpected state %s.", cl.id, cl.state[:1]+strings.ToLower(cl.state[1:]))
}

func (cl *cluster) ofJob(verb string) error {
	if cl.source == "JOB" {
		return invalid("Cannot %s cluster %s created by JobLauncher", verb, cl.id)
	}
	return nil
}

func (a *clustersArea) edit(c *call, in struct {
	oneCluster
	clusterSpec
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_MANAGE")
	if err == nil {
		err = cl.ofJob("edit")
	}
	if err != nil {
		return nil, err
	}
	return nil, a.reconfigure(c, cl, &in.clusterSpec, c.fields)
}

// reconfigure gives the cluster a new spec, and restarts it if it is running.
func (a *clustersArea) reconfigure(c *call, cl *cluster, spec *clusterSpec, fields map[string]any) error {
	spec, err := c.permit(spec, typeOf(cl), cl)
	if err != nil {
		return err
	}
	if cl.state != clusterRunning && cl.state != clusterTerminated {
		return cl.unexpected()
	}
	before := cl.attributes
	cl.sent, cl.attributes = spec, a.complete(spec, cl.creator)
	a.remember(cl, fields)
	cl.note(c.now, "EDITED", eventDetails{
		PreviousAttributes: before.withoutSize(), Attributes: cl.attributes.withoutSize(),
		PreviousClusterSize: before.size(), ClusterSize: cl.attributes.size(), User: c.user.name,
	})
	if cl.state == clusterRunning {
		a.reboot(cl, c.now, c.user.name)
	}
	return nil
}

func (a *clustersArea) reboot(cl *cluster, at time.Time, user string) {
	cl.note(at, "RESTARTING", eventDetails{User: user})
	cl.lostState = at
	a.notify(cl, clusterLostState, at)
	a.bringUp(cl, at, clusterRestarting, a.s.timings.ClusterRestart)
}

func (a *clustersArea) start(c *call, in oneCluster) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_RESTART")
	if err == nil {
		err = cl.ofJob("start")
	}
	if err != nil {
		return nil, err
	}
	if cl.state != clusterTerminated {
		return nil, cl.unexpected()
	}
	cl.note(c.now, "STARTING", eventDetails{User: c.user.name})
	a.bringUp(cl, c.now, clusterPending, a.s.timings.ClusterStart)
	return nil, nil
}

func (a *clustersArea) restart(c *call, in struct {
	oneCluster
	RestartUser string `json:"restart_user"`
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_RESTART")
	if err != nil {
		return nil, err
	}
	if cl.state != clusterRunning {
		return nil, cl.unexpected()
	}
	a.reboot(cl, c.now, cmp.Or(in.RestartUser, c.user.name))
	return nil, nil
}

func (a *clustersArea) resize(c *call, in struct {
	oneCluster
	NumWorkers *int       `json:"num_workers"`
	Autoscale  *autoscale `json:"autoscale" api:"unused"`
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	size := clusterSpec{NumWorkers: in.NumWorkers, Autoscale: in.Autoscale}
	if err := size.checkSize(); err != nil {
		return nil, err
	}
	if cl.state != clusterRunning {
		return nil, cl.unexpected()
	}
	a.setSize(cl, c.now, size.size(), c.user.name)
	return nil, nil
}

// setSize starts a resize of a running cluster.
func (a *clustersArea) setSize(cl *cluster, at time.Time, size *clusterSize, user string) {
	before, resized := cl.attributes, *cl.attributes
	resized.NumWorkers, resized.Autoscale = size.NumWorkers, size.Autoscale
	cl.attributes = &resized
	current := len(cl.executors)
	target := current
	if size.Autoscale != nil { // keep the size if the new range allows it
		target = min(max(current, size.Autoscale.MinWorkers), size.Autoscale.MaxWorkers)
	} else {
		target = *size.NumWorkers
	}
	target = a.s.pools.room(cl, target, at)
	cl.state, cl.message = clusterResizing, fmt.Sprintf("Attempting to resize cluster to its target of %d workers", target)
	cl.lastActivity = at
	cl.note(at, "RESIZING", eventDetails{
		CurrentNumWorkers: &current, TargetNumWorkers: &target, Cause: "USER_REQUEST", User: user,
		PreviousClusterSize: before.size(), ClusterSize: size,
	})
	cl.size = target
	cl.after(at, a.s.timings.ClusterResize, resizes)
}

func (a *clustersArea) delete(c *call, in oneCluster) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_RESTART")
	if err != nil {
		return nil, err
	}
	if !cl.down() {
		a.terminate(cl, c.now, userRequest(c.user.name), "Termination requested by "+c.user.name)
	}
	return nil, nil
}

func userRequest(name string) *terminationReason {
	return &terminationReason{"USER_REQUEST", "SUCCESS", map[string]string{"username": name}}
}

func (a *clustersArea) permanentDelete(c *call, in oneCluster) (any, error) {
	cl := a.byID[in.ClusterID]
	if cl == nil {
		return nil, invalid("Cluster %s does not exist", in.ClusterID)
	}
	if err := c.must(cl.securable(), "CAN_MANAGE"); err != nil {
		return nil, err
	}
	if cl.pinnedBy != "" {
		// The error code is not known.
		return nil, badState("Cannot delete pinned cluster %s. Please ask an admin to unpin the cluster first.", cl.id)
	}
	a.advance(cl, c.now)
	if !cl.down() {
		a.terminate(cl, c.now, userRequest(c.user.name), "")
	}
	a.s.touchCluster(cl)
	delete(a.byID, cl.id)
	if i, ok := slices.BinarySearchFunc(a.inOrder, cl.seq, func(other *cluster, seq int) int { return other.seq - seq }); ok {
		a.inOrder = slices.Delete(a.inOrder, i, i+1)
	}
	maps.DeleteFunc(a.byToken, func(_ string, other *cluster) bool { return other == cl })
	a.notify(cl, clusterIsGone, c.now)
	return nil, nil
}

// adminsOnly fails if the caller is not an administrator.
func (c *call) adminsOnly() error {
	if c.user.admin {
		return nil
	}
	return denied("%s is not an admin of the workspace.", c.user.name)
}

func (a *clustersArea) pin(c *call, in oneCluster) (any, error) {
	cl, err := a.find(in.ClusterID, c.now)
	if denied := c.adminsOnly(); denied != nil {
		return nil, denied
	}
	switch {
	case err != nil:
		return nil, err
	case cl.pinnedBy != "":
		return nil, nil
	case a.pinned >= a.pinLimit:
		// The wording of the service is not known.
		return nil, fail(http.StatusBadRequest, "QUOTA_EXCEEDED", "Cannot pin cluster %s: the limit of %d pinned clusters is reached.", cl.id, a.pinLimit)
	}
	a.pinned++
	cl.pinnedBy = fmt.Sprint(c.user.id)
	cl.note(c.now, "PINNED", eventDetails{User: c.user.name})
	return nil, nil
}

func (a *clustersArea) unpin(c *call, in oneCluster) (any, error) {
	cl, err := a.find(in.ClusterID, c.now)
	if denied := c.adminsOnly(); denied != nil {
		return nil, denied
	}
	if err != nil || cl.pinnedBy == "" {
		return nil, err
	}
	a.pinned--
	cl.pinnedBy, cl.unpinned = "", c.now
	cl.note(c.now, "UNPINNED", eventDetails{User: c.user.name})
	return nil, nil
}

// changeOwner requires a terminated cluster, as the documentation says. A
// sample of the vendor changes the owner of a running one.
func (a *clustersArea) changeOwner(c *call, in struct {
	oneCluster
	OwnerUsername string `json:"owner_username" api:"required"`
}) (any, error) {
	cl, err := a.find(in.ClusterID, c.now)
	if denied := c.adminsOnly(); denied != nil {
		return nil, denied
	}
	switch {
	case err != nil:
		return nil, err
	case cl.state != clusterTerminated:
		return nil, cl.unexpected()
	}
	cl.creator = in.OwnerUsername
	cl.attributes = cl.attributes.withDefaults(cl.creator)
	return nil, nil
}

// update edits the members that the mask names.
func (a *clustersArea) update(c *call, in struct {
	oneCluster
	UpdateMask string `json:"update_mask" api:"required"`
	Cluster    any    `json:"cluster"`
}) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_MANAGE")
	if err == nil {
		err = cl.ofJob("update")
	}
	if err != nil {
		return nil, err
	}
	wanted, ok := in.Cluster.(map[string]any)
	if !ok && in.Cluster != nil {
		return nil, malformed("Expected 'START_OBJECT' not '%s' for field 'cluster'", tokenName(in.Cluster))
	}
	tree := wanted
	if in.UpdateMask != "*" {
		base := *cl.sent
		base.NumWorkers, base.Autoscale = cl.attributes.NumWorkers, cl.attributes.Autoscale // a resize may have changed it
		tree = withUnknown(base.tree(), cl.unknown).(map[string]any)
		for _, path := range strings.Split(in.UpdateMask, ",") {
			copyMember(tree, wanted, strings.Split(path, "."))
		}
	}
	var spec clusterSpec
	if err := decode(tree, &spec); err != nil {
		return nil, err
	}
	return nil, a.reconfigure(c, cl, &spec, tree)
}

// copyMember copies the member at a path from one tree to another.
func copyMember(to, from map[string]any, path []string) {
	name := path[0]
	value, ok := from[name]
	switch {
	case len(path) > 1:
		inner, _ := to[name].(map[string]any)
		inner = maps.Clone(inner)
		if inner == nil {
			inner = map[string]any{}
		}
		source, _ := value.(map[string]any)
		copyMember(inner, source, path[1:])
		to[name] = inner
	case ok:
		to[name] = value
	default:
		delete(to, name)
	}
	// num_workers and autoscale replace each other.
	if ok && name == "num_workers" {
		delete(to, "autoscale")
	} else if ok && name == "autoscale" {
		delete(to, "num_workers")
	}
}

// clusterInfo is a cluster in a response.
type clusterInfo struct {
	ClusterID string `json:"cluster_id"`
	*clusterSpec
	ClusterName           string             `json:"cluster_name"`
	CreatorUserName       string             `json:"creator_user_name,omitzero"`
	Driver                *sparkNode         `json:"driver,omitzero"`
	Executors             []sparkNode        `json:"executors,omitempty"`
	SparkContextID        int64              `json:"spark_context_id,omitzero"`
	JDBCPort              int                `json:"jdbc_port,omitzero"`
	ClusterSource         string             `json:"cluster_source"`
	State                 string             `json:"state"`
	StateMessage          string             `json:"state_message"`
	StartTime             int64              `json:"start_time"`
	TerminatedTime        int64              `json:"terminated_time,omitzero"`
	LastStateLossTime     int64              `json:"last_state_loss_time"`
	LastActivityTime      int64              `json:"last_activity_time,omitzero"`
	LastRestartedTime     int64              `json:"last_restarted_time,omitzero"`
	ClusterMemoryMB       int                `json:"cluster_memory_mb,omitzero"`
	ClusterCores          float64            `json:"cluster_cores,omitzero"`
	DefaultTags           map[string]string  `json:"default_tags"`
	TerminationReason     *terminationReason `json:"termination_reason,omitzero"`
	EffectiveSparkVersion string             `json:"effective_spark_version"`
	PinnedByUserName      string             `json:"pinned_by_user_name,omitzero"`
	InitScriptsSafeMode   bool               `json:"init_scripts_safe_mode"`
	DriverHealthy         bool               `json:"driver_healthy"`
	DiskSpec              struct{}           `json:"disk_spec"`
	InstanceSource        instanceSource     `json:"instance_source"`
	DriverInstanceSource  instanceSource     `json:"driver_instance_source"`
	Spec                  *clusterSpec       `json:"spec,omitzero"`
}

type instanceSource struct {
	NodeTypeID     string `json:"node_type_id,omitzero"`
	InstancePoolID string `json:"instance_pool_id,omitzero"`
}

func sourceOf(nodeType, pool string) instanceSource {
	if pool != "" {
		return instanceSource{InstancePoolID: pool}
	}
	return instanceSource{NodeTypeID: nodeType}
}

// info returns the cluster in its current state. The result shares no data that
// changes later.
func (a *clustersArea) info(cl *cluster) any {
	p := cl.attributes
	info := clusterInfo{
		ClusterID: cl.id, clusterSpec: p, ClusterName: p.ClusterName, CreatorUserName: cl.creator,
		Driver: cl.driver, Executors: cl.executors, SparkContextID: cl.contextID,
		ClusterSource: cl.source, State: cl.state, StateMessage: cl.message,
		StartTime: millis(cl.created), TerminatedTime: millis(cl.terminated), LastStateLossTime: millis(cl.lostState),
		LastActivityTime: millis(cl.lastActivity), LastRestartedTime: millis(cl.restarted), TerminationReason: cl.reason,
		EffectiveSparkVersion: p.effectiveVersion(), PinnedByUserName: cl.pinnedBy, DriverHealthy: cl.usable(),
		InstanceSource:       sourceOf(p.NodeTypeID, p.InstancePoolID),
		DriverInstanceSource: sourceOf(p.DriverNodeTypeID, p.DriverInstancePoolID),
		DefaultTags:          map[string]string{"Vendor": "Databricks", "Creator": cl.creator, "ClusterName": p.ClusterName, "ClusterId": cl.id},
	}
	if cl.source == "JOB" {
		info.DefaultTags["RunName"], info.DefaultTags["JobId"] = cl.runName, fmt.Sprint(cl.jobID)
	}
	if cl.contextID != 0 {
		info.JDBCPort = 10000
	}
	if cl.driver != nil {
		worker, driver := nodeTypeOf(p.NodeTypeID), nodeTypeOf(p.DriverNodeTypeID)
		info.ClusterMemoryMB = driver.MemoryMB + len(cl.executors)*worker.MemoryMB
		info.ClusterCores = driver.NumCores + float64(len(cl.executors))*worker.NumCores
	}
	if cl.unknown == nil {
		return info
	}
	return withUnknown(asTree(info), cl.unknown)
}

// described returns the cluster with its spec, as clusters/get does.
func (a *clustersArea) described(cl *cluster) any {
	switch info := a.info(cl).(type) {
	case clusterInfo:
		info.Spec = cl.sent
		return info
	case map[string]any:
		info["spec"] = withUnknown(cl.sent.tree(), cl.unknown)
		return info
	}
	return nil
}

func asTree(value any) map[string]any {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	tree := map[string]any{}
	if err := parseObject(text, tree); err != nil {
		panic(err)
	}
	return tree
}

// effectiveVersion returns the runtime that the cluster really uses.
func (p *clusterSpec) effectiveVersion() string {
	version := p.SparkVersion
	if p.RuntimeEngine == "PHOTON" {
		version = strings.Replace(version, "-scala", "-photon-scala", 1)
	}
	return version
}

func (a *clustersArea) get(c *call, in oneCluster) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	return a.described(cl), nil
}

// list is the list of version 2.0: all clusters that are active or pinned, and
// the latest of the others.
func (a *clustersArea) list(c *call, in struct {
	CanUseClient string `json:"can_use_client"`
}) (any, error) {
	var shown, ended []*cluster
	for cl := range a.all(c.now) {
		switch {
		case !cl.allows(in.CanUseClient), !c.may(cl.securable(), "CAN_ATTACH_TO"):
		case cl.state != clusterTerminated || cl.pinnedBy != "":
			shown = append(shown, cl)
		case c.now.Sub(cl.terminated) <= keptTerminated:
			ended = append(ended, cl)
		}
	}
	slices.SortStableFunc(ended, func(x, y *cluster) int { return y.terminated.Compare(x.terminated) })
	room := map[bool]int{true: listedJobs, false: listedClusters}
	for _, cl := range ended {
		if ofJob := cl.source == "JOB"; room[ofJob] > 0 {
			room[ofJob]--
			shown = append(shown, cl)
		}
	}
	return list{key: "clusters", elements: a.infos(shown)}, nil
}

// allows reports whether a kind of client, NOTEBOOKS or JOBS, may use the
// cluster.
func (cl *cluster) allows(client string) bool {
	if w := cl.attributes.WorkloadType; w != nil && w.Clients != nil {
		switch client {
		case "JOBS":
			return w.Clients.Jobs == nil || *w.Clients.Jobs
		case "NOTEBOOKS":
			return w.Clients.Notebooks == nil || *w.Clients.Notebooks
		}
	}
	return true
}

func (a *clustersArea) infos(clusters []*cluster) iter.Seq[any] {
	infos := make([]any, len(clusters))
	for i, cl := range clusters {
		infos[i] = a.info(cl)
	}
	return slices.Values(infos)
}

// A listToken is a position in the pages of a list: before or after a cluster.
type listToken struct {
	Name   string `json:"n"`
	Seq    int    `json:"s"`
	Before bool   `json:"b"`
}

const (
	defaultListPage = 20
	maxListPage     = 100
)

// listPage is the list of version 2.1: all clusters of the last 30 days, in
// pages.
func (a *clustersArea) listPage(c *call, in struct {
	PageSize  int    `json:"page_size"`
	PageToken string `json:"page_token"`
	FilterBy  struct {
		ClusterSources []string `json:"cluster_sources"`
		ClusterStates  []string `json:"cluster_states"`
		IsPinned       *bool    `json:"is_pinned"`
		PolicyID       string   `json:"policy_id"`
	} `json:"filter_by"`
	SortBy struct {
		Direction string `json:"direction"`
		Field     string `json:"field"`
	} `json:"sort_by"`
}) (any, error) {
	if in.PageSize < 0 {
		return nil, invalid("page_size must not be negative.")
	}
	size := min(cmp.Or(in.PageSize, defaultListPage), maxListPage)
	compare := func(x listToken, y *cluster) int {
		order := cmp.Compare(x.Seq, y.seq)
		if in.SortBy.Field == "CLUSTER_NAME" {
			order = cmp.Or(strings.Compare(x.Name, y.attributes.ClusterName), order)
		}
		if in.SortBy.Direction == "DESC" {
			order = -order
		}
		return order
	}
	place := func(cl *cluster) listToken { return listToken{Name: cl.attributes.ClusterName, Seq: cl.seq} }

	filter := in.FilterBy
	var shown []*cluster
	for cl := range a.all(c.now) {
		if (cl.state != clusterTerminated || cl.pinnedBy != "" || c.now.Sub(cl.terminated) <= keptTerminated) &&
			(len(filter.ClusterSources) == 0 || slices.Contains(filter.ClusterSources, cl.source)) &&
			(len(filter.ClusterStates) == 0 || slices.Contains(filter.ClusterStates, cl.state)) &&
			(filter.IsPinned == nil || *filter.IsPinned == (cl.pinnedBy != "")) &&
			(filter.PolicyID == "" || filter.PolicyID == cl.attributes.PolicyID) && c.may(cl.securable(), "CAN_ATTACH_TO") {
			shown = append(shown, cl)
		}
	}
	slices.SortFunc(shown, func(x, y *cluster) int { return compare(place(x), y) })

	from, to := 0, min(size, len(shown))
	if in.PageToken != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.PageToken)
		var token listToken
		if err != nil || json.Unmarshal(text, &token) != nil {
			return nil, invalid("Invalid page token.")
		}
		// Find the first cluster at the position, or after it when paging
		// forward.
		at, found := slices.BinarySearchFunc(shown, token, func(cl *cluster, t listToken) int { return -compare(t, cl) })
		if token.Before {
			from, to = max(0, at-size), at
		} else {
			if found {
				at++
			}
			from, to = at, min(at+size, len(shown))
		}
	}
	var rest struct {
		Next string `json:"next_page_token,omitzero"`
		Prev string `json:"prev_page_token,omitzero"`
	}
	if to < len(shown) && to > from {
		rest.Next = place(shown[to-1]).String()
	}
	if from > 0 && to > from {
		before := place(shown[from])
		before.Before = true
		rest.Prev = before.String()
	}
	return list{key: "clusters", elements: a.infos(shown[from:to]), rest: rest}, nil
}

func (t listToken) String() string {
	text, _ := json.Marshal(t)
	return base64.RawURLEncoding.EncodeToString(text)
}
