package databricks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"time"

	"github.com/go-databricks/databricks/internal/poll"
)

// Watch polls a cluster. It yields the cluster first as it is, and then after each
// change of its state or state message. It does not end by itself, because a
// terminated cluster may be started again. Stop when you have seen enough, for
// example when the state is no longer [ClusterPending]. WaitRunning then returns
// the reason if the cluster does not run.
//
// Watch polls often at first and every five seconds later. It tolerates polls that
// fail now and then. When the context ends, the last error matches its cause.
func (s *ClustersService) Watch(ctx context.Context, id string) iter.Seq2[*Cluster, error] {
	get := func(ctx context.Context) (*Cluster, error) { return s.poll(ctx, id) }
	return watch(ctx, s.client, "cluster "+id, get, func(old, new *Cluster) bool {
		return old.State == new.State && old.StateMessage == new.StateMessage
	})
}

// poll gets a cluster. It fails if the cluster has no state.
func (s *ClustersService) poll(ctx context.Context, id string) (*Cluster, error) {
	cluster, err := s.Get(ctx, id)
	if err == nil && cluster.State == "" && !s.client.Planning() {
		return nil, errors.New("the response has no state") // a failed poll, not a change
	}
	return cluster, err
}

// pending returns those of the wanted clusters that are in a transitional state.
func (s *ClustersService) pending(ctx context.Context, wanted func(id string) bool) (map[string]*Cluster, int, error) {
	pending := map[string]*Cluster{}
	for cluster, err := range s.All(ctx, ListClusters{}) {
		if err != nil {
			return nil, 1, err
		}
		switch cluster.State {
		case ClusterPending, ClusterRestarting, ClusterResizing, ClusterTerminating:
			if wanted(cluster.ClusterID) {
				pending[cluster.ClusterID] = &cluster
			}
		}
	}
	return pending, 1, nil
}

// wait polls a cluster until done reports that the wait is over or cannot succeed.
// Waits of the same client share polls.
func (s *ClustersService) wait(ctx context.Context, id string, done func(*Cluster) (bool, error)) (*Cluster, error) {
	var last *Cluster
	everyPoll := func(_, _ *Cluster) bool { return false }
	for cluster, err := range watchShared(ctx, s.client, "cluster "+id, s.client.clusterPolls, id, everyPoll) {
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
// resize. If the cluster is or becomes TERMINATED or ERROR, the error is a
// [*ClusterError] that says why. The wait has no limit other than the context. In
// a dry run it polls once.
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

// WaitTerminated waits until a cluster is TERMINATED. It does not terminate the
// cluster itself. If the cluster becomes ERROR, the error is a [*ClusterError]. If
// the cluster does not exist, for example after PermanentDelete, the error is an
// [ErrResourceDoesNotExist]. The wait has no limit other than the context. In a
// dry run it polls once.
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

const (
	startShows = 10 * time.Second // maximum time until a start appears in the state of a cluster
	startPause = 2 * time.Second  // between two starts
)

// EnsureRunning returns when a cluster is RUNNING, and starts it if necessary.
// It waits for a TERMINATING cluster to terminate before it starts it. It also
// waits for a start that another caller requested. Any number of callers may
// use it at the same time.
//
// EnsureRunning starts a cluster only once. It fails with a [*ClusterError] if
// this start or a start in progress fails, or if another caller terminates the
// cluster. The wait has no limit other than the context.
func (s *ClustersService) EnsureRunning(ctx context.Context, id string) (*Cluster, error) {
	var (
		down      *Cluster       // the cluster when it was last seen terminated, before a start
		started   bool           // the service accepted the start
		coming    bool           // the cluster was seen starting or running
		tolerance poll.Tolerance // for starts whose outcome is unknown
		rejected  time.Time      // time of the first start that the state of the cluster did not permit
		next      time.Time      // do not start again before this time
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
			case coming, down != nil && !down.sameEnd(c): // it started, and terminated again
				return false, newClusterError(c)
			case started, time.Now().Before(next): // the state does not show the start yet
				return false, nil
			}
			down = c
			err := s.Start(ctx, id)
			started = err == nil
			next = time.Now().Add(startPause)
			// A start whose response was lost may have been processed. A rejected
			// start may have been too late, because another client started the
			// cluster. The next polls show the result.
			_, unknown := errors.AsType[*OutcomeUnknownError](err)
			switch {
			case unknown && !tolerance.Exceeded():
				return false, nil
			case errors.Is(err, ErrInvalidState):
				if rejected.IsZero() {
					rejected = next
				}
				if next.Sub(rejected) < startShows {
					return false, nil
				}
			}
			return false, err
		}
		return false, nil
	})
}

// sameEnd reports whether two polls of a terminated cluster saw the same
// termination.
func (c *Cluster) sameEnd(other *Cluster) bool {
	return c.TerminatedTime == other.TerminatedTime && reflect.DeepEqual(c.TerminationReason, other.TerminationReason)
}

// describe returns a short description of a cluster's state.
func (c *Cluster) describe() string {
	if c.StateMessage == "" {
		return oneLine(string(c.State), 100)
	}
	return oneLine(string(c.State)+": "+c.StateMessage, 500)
}
