package databricks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/go-databricks/databricks/internal/poll"
)

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
