package databrickstest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// checkCluster fails if the cluster of a run could not be created.
func checkCluster(c *call, tree map[string]any) error {
	var spec clusterSpec
	if err := decode(tree, &spec); err != nil {
		return err
	}
	_, err := c.permit(&spec, ofJobs, nil)
	if e, ok := err.(*apiError); ok && e.status == http.StatusBadRequest {
		message := e.message
		if name, ok := strings.CutPrefix(message, "Missing required field"); ok {
			message = "Missing required field: settings.cluster_spec.new_cluster." + strings.Trim(name, ": '")
		}
		message = strings.TrimPrefix(message, "Cluster validation error: ")
		return invalid("Cluster validation error: %s", message)
	}
	return err
}

// takeCluster assigns a cluster to an attempt. If that fails, problem says why.
func (a *jobsArea) takeCluster(t *attempt, now time.Time) (problem string) {
	clusters, view, r := &a.server.clusters, t.view(), t.run.root()
	var cl *cluster
	switch {
	case view.Existing != "":
		found, err := clusters.find(view.Existing, now)
		if err != nil {
			return fmt.Sprintf("Cluster %s does not exist", view.Existing)
		}
		if cl = found; cl.state == clusterTerminating { // wait until it can be started
			clusters.advance(cl, cl.due)
		}
		if cl.state == clusterTerminated {
			cl.note(now, "STARTING", eventDetails{User: r.creator})
			clusters.bringUp(cl, now, clusterPending, a.server.timings.ClusterStart)
		}
	case view.New != nil:
		cl = a.launch(r, view.New, now)
		t.own = true
	case view.ClusterKey != "":
		if id := r.shared[view.ClusterKey]; id != "" {
			cl, _ = clusters.find(id, now)
		}
		if cl == nil || cl.down() {
			for _, shared := range r.view.Clusters {
				if shared.Key == view.ClusterKey {
					cl = a.launch(r, shared.New, now)
				}
			}
			if r.shared == nil {
				r.shared = map[string]string{}
			}
			r.shared[view.ClusterKey] = cl.id
		}
	}
	if cl == nil { // serverless compute
		return ""
	}
	t.cluster = cl.id
	libraries := a.server.libraries.of(cl)
	for _, l := range view.Libraries {
		libraries.add(l)
	}
	if cl.usable() {
		a.server.libraries.schedule(libraries, now)
	}
	return ""
}

// launch creates a cluster for a run.
func (a *jobsArea) launch(r *run, tree map[string]any, now time.Time) *cluster {
	l := clusterLaunch{fields: tree, creator: r.creator, source: "JOB", jobID: r.jobID, runName: r.name}
	if err := decode(tree, &l.spec); err != nil {
		panic(err) // it was validated
	}
	if spec, err := a.server.policies.apply(&l.spec, ofJobs); err == nil { // otherwise the policy has changed since
		l.spec = *spec
	}
	l.spec.ClusterName = cmp.Or(l.spec.ClusterName, fmt.Sprintf("job-%d-run-%d", r.jobID, r.id))
	return a.server.clusters.launch(now, l)
}

// clusterReady returns the time when an attempt can start to work. If it never
// can, problem says why.
func (a *jobsArea) clusterReady(t *attempt, now time.Time) (at time.Time, problem string) {
	if t.cluster == "" {
		return now, ""
	}
	cl, err := a.server.clusters.find(t.cluster, now)
	switch {
	case err != nil:
		return now, fmt.Sprintf("Cluster %s does not exist", t.cluster)
	case cl.down():
		return now, fmt.Sprintf("Cluster '%s' was terminated. Reason: %s. %s", cl.id, cl.reason.Code, cl.message)
	case !cl.usable():
		return cl.due, ""
	}
	libraries := a.server.libraries.of(cl)
	for _, l := range t.view().Libraries {
		known := libraries.find(l)
		switch {
		case known == nil:
		case known.end.After(now):
			return known.end, ""
		case known.stage(now) == "FAILED":
			return now, "Library installation failed: " + strings.Join(known.messages, " ")
		}
	}
	return now, ""
}

// releaseCluster terminates the cluster of an attempt, unless other attempts
// share it.
func (a *jobsArea) releaseCluster(t *attempt, now time.Time) {
	if t.own {
		a.endCluster(t.cluster, now)
	}
}

// releaseShared terminates the clusters that the tasks of a run share.
func (a *jobsArea) releaseShared(r *run, now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(r.shared)) {
		a.endCluster(r.shared[key], now)
	}
	r.shared = nil
}

func (a *jobsArea) endCluster(id string, now time.Time) {
	if cl, err := a.server.clusters.find(id, now); err == nil && !cl.down() {
		a.server.clusters.terminate(cl, now, &terminationReason{Code: "JOB_FINISHED", Type: success}, "")
	}
}

// A lostCluster is a cluster that terminated or restarted.
type lostCluster struct {
	id string
	at time.Time
}

// clusterChanged records lost clusters. advance applies them to the runs later.
func (a *jobsArea) clusterChanged(change clusterChange) {
	if change.kind == clusterLostState || change.kind == clusterIsDown {
		a.lost = append(a.lost, lostCluster{change.cluster.id, change.at})
	}
}

// lose fails the attempts that were running on a lost cluster.
func (a *jobsArea) lose(id string, now time.Time) {
	for _, r := range slices.Concat(a.runs.active, a.runs.inner) {
		hit := false
		for _, task := range r.tasks {
			if t := task.last; t != nil && t.cluster == id && t.life == running {
				a.fail(t, now, fmt.Sprintf("Cluster '%s' was terminated during the run.", id))
				hit = true
			}
		}
		if hit {
			a.settle(r, now)
		}
	}
}

// lastUsed returns the last time until at when a run used a cluster.
func (a *jobsArea) lastUsed(cl *cluster, at time.Time) time.Time {
	a.advance(at)
	var used time.Time
	for _, t := range a.runs.attempts {
		switch {
		case t.cluster != cl.id || t.start.After(at):
		case t.end.IsZero() || t.end.After(at):
			return at
		case t.end.After(used):
			used = t.end
		}
	}
	return used
}
