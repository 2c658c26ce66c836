package databricks

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
)

// A ClusterEventType is what happened to a cluster. The service adds some now
// and then, so a switch over it needs a default.
type ClusterEventType string

// Types of events.
const (
	ClusterEventCreating    ClusterEventType = "CREATING"
	ClusterEventStarting    ClusterEventType = "STARTING"
	ClusterEventRestarting  ClusterEventType = "RESTARTING"
	ClusterEventRunning     ClusterEventType = "RUNNING" // made, started or restarted; Reason says why nodes are missing, if some are
	ClusterEventTerminating ClusterEventType = "TERMINATING"
	ClusterEventEdited      ClusterEventType = "EDITED"
	ClusterEventPinned      ClusterEventType = "PINNED"
	ClusterEventUnpinned    ClusterEventType = "UNPINNED"

	// Of its size.
	ClusterEventResizing                   ClusterEventType = "RESIZING"         // another number of workers is wished for
	ClusterEventUpsizeCompleted            ClusterEventType = "UPSIZE_COMPLETED" // nodes were added
	ClusterEventNodesLost                  ClusterEventType = "NODES_LOST"
	ClusterEventAddNodesFailed             ClusterEventType = "ADD_NODES_FAILED"
	ClusterEventAutoscalingStatsReport     ClusterEventType = "AUTOSCALING_STATS_REPORT" // every hour, of what was bought and not used
	ClusterEventAutoscalingBackoff         ClusterEventType = "AUTOSCALING_BACKOFF"      // scaling failed so often that it waits as long as it ever does
	ClusterEventAutoscalingFailed          ClusterEventType = "AUTOSCALING_FAILED"
	ClusterEventNodeBlacklisted            ClusterEventType = "NODE_BLACKLISTED" // Spark uses a node no more
	ClusterEventNodeExcludedDecommissioned ClusterEventType = "NODE_EXCLUDED_DECOMMISSIONED"
	ClusterEventDecommissionStarted        ClusterEventType = "DECOMMISSION_STARTED" // of a node
	ClusterEventDecommissionEnded          ClusterEventType = "DECOMMISSION_ENDED"

	// Of its disks.
	ClusterEventExpandedDisk       ClusterEventType = "EXPANDED_DISK"
	ClusterEventDidNotExpandDisk   ClusterEventType = "DID_NOT_EXPAND_DISK" // as it is as large as it may be
	ClusterEventFailedToExpandDisk ClusterEventType = "FAILED_TO_EXPAND_DISK"

	// Of its init scripts.
	ClusterEventInitScriptsStarting ClusterEventType = "INIT_SCRIPTS_STARTING" // an older name of the next
	ClusterEventInitScriptsStarted  ClusterEventType = "INIT_SCRIPTS_STARTED"
	ClusterEventInitScriptsFinished ClusterEventType = "INIT_SCRIPTS_FINISHED"

	// Of its driver, and of what that needs.
	ClusterEventDriverHealthy         ClusterEventType = "DRIVER_HEALTHY"
	ClusterEventDriverUnavailable     ClusterEventType = "DRIVER_UNAVAILABLE"
	ClusterEventDriverNotResponding   ClusterEventType = "DRIVER_NOT_RESPONDING" // there, but busy, such as with collecting garbage
	ClusterEventSparkException        ClusterEventType = "SPARK_EXCEPTION"
	ClusterEventDBFSDown              ClusterEventType = "DBFS_DOWN"
	ClusterEventMetastoreDown         ClusterEventType = "METASTORE_DOWN"
	ClusterEventUCVolumeMisconfigured ClusterEventType = "UC_VOLUME_MISCONFIGURED" // the one that logs go to

	// Of what the service does on its own.
	ClusterEventAutomaticClusterUpdate             ClusterEventType = "AUTOMATIC_CLUSTER_UPDATE" // a restart is due
	ClusterEventClusterMigrated                    ClusterEventType = "CLUSTER_MIGRATED"         // between GCP's ways to run it
	ClusterEventDeferredPolicyEnforcementScheduled ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_SCHEDULED"
	ClusterEventDeferredPolicyEnforcementFailed    ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_FAILED"
)

// A ResizeCause is why a cluster is to have another size.
type ResizeCause string

// Causes of a resize.
const (
	ResizeUserRequest     ResizeCause = "USER_REQUEST"
	ResizeAutorecovery    ResizeCause = "AUTORECOVERY" // nodes were lost
	ResizeReplaceBadNodes ResizeCause = "REPLACE_BAD_NODES"
	ResizeAutoscale       ResizeCause = "AUTOSCALE" // load, as for those that follow
	ResizeAutoscaleV2     ResizeCause = "AUTOSCALE_V2"
	ResizeDBRAutoscale    ResizeCause = "DBR_AUTOSCALE" // as the runtime itself sees it
)

// A DataPlaneEventType is what happened on a node.
type DataPlaneEventType string

// Types of events on nodes.
const (
	DataPlaneNodeBlacklisted            DataPlaneEventType = "NODE_BLACKLISTED"
	DataPlaneNodeExcludedDecommissioned DataPlaneEventType = "NODE_EXCLUDED_DECOMMISSIONED"
)

// An InitScriptStatus is how an init script went.
type InitScriptStatus string

// Ends of init scripts.
const (
	InitScriptUnknown         InitScriptStatus = "UNKNOWN"
	InitScriptSucceeded       InitScriptStatus = "SUCCEEDED"
	InitScriptFailedFetch     InitScriptStatus = "FAILED_FETCH"
	InitScriptFailedExecution InitScriptStatus = "FAILED_EXECUTION" // it ended with a status other than 0
	InitScriptNotExecuted     InitScriptStatus = "NOT_EXECUTED"
	InitScriptSkipped         InitScriptStatus = "SKIPPED" // it was not there, and need not be
	InitScriptFuseMountFailed InitScriptStatus = "FUSE_MOUNT_FAILED"
)

// A ClusterEvent is something that happened to a cluster.
type ClusterEvent struct {
	ClusterID             string                 `json:"cluster_id"`
	Timestamp             Millis                 `json:"timestamp"`
	Type                  ClusterEventType       `json:"type"`
	Details               *ClusterEventDetails   `json:"details"`
	DataPlaneEventDetails *DataPlaneEventDetails `json:"data_plane_event_details"` // of what happened on a node
}

// ClusterEventDetails say more of an event. Which fields are set depends on
// its type.
type ClusterEventDetails struct {
	User                                string                  `json:"user"`   // who caused it; empty for the service
	Reason                              *TerminationReason      `json:"reason"` // why the cluster ends, or why nodes are missing
	Cause                               ResizeCause             `json:"cause"`
	CurrentNumWorkers                   *int                    `json:"current_num_workers"`
	TargetNumWorkers                    *int                    `json:"target_num_workers"`
	CurrentNumVCPUs                     int                     `json:"current_num_vcpus"`
	TargetNumVCPUs                      int                     `json:"target_num_vcpus"`
	Attributes                          *ClusterSpec            `json:"attributes"` // since it was made or edited; without its size
	PreviousAttributes                  *ClusterSpec            `json:"previous_attributes"`
	ClusterSize                         *ClusterSize            `json:"cluster_size"` // since it was made, edited or resized
	PreviousClusterSize                 *ClusterSize            `json:"previous_cluster_size"`
	DiskSize                            int64                   `json:"disk_size"` // bytes
	PreviousDiskSize                    int64                   `json:"previous_disk_size"`
	FreeSpace                           int64                   `json:"free_space"`
	DidNotExpandReason                  string                  `json:"did_not_expand_reason"`
	DriverStateMessage                  string                  `json:"driver_state_message"`
	InitScripts                         *InitScriptEventDetails `json:"init_scripts"`
	InstanceID                          string                  `json:"instance_id"`
	JobRunName                          string                  `json:"job_run_name"`
	AutoscalingStats                    *AutoscalingStats       `json:"autoscaling_stats"`                       // of AUTOSCALING_STATS_REPORT
	EnableTerminationForNodeBlocklisted bool                    `json:"enable_termination_for_node_blocklisted"` // the node that Spark uses no more goes
}

// AutoscalingStats say how much of a cluster's machines was used in an hour.
type AutoscalingStats struct {
	TotalInstanceSeconds  float64 `json:"total_instance_seconds"`
	UnusedInstanceSeconds float64 `json:"unused_instance_seconds"`
}

// A ClusterSize is a number of workers or a range for it.
type ClusterSize struct {
	NumWorkers *int       `json:"num_workers"` // nil if Autoscale is set
	Autoscale  *AutoScale `json:"autoscale"`
}

// DataPlaneEventDetails say what happened on a node.
type DataPlaneEventDetails struct {
	EventType        DataPlaneEventType `json:"event_type"`
	ExecutorFailures int                `json:"executor_failures"`
	HostID           string             `json:"host_id"`
	Timestamp        Millis             `json:"timestamp"`
}

// InitScriptEventDetails say how init scripts went.
type InitScriptEventDetails struct {
	Cluster         []InitScriptExecution `json:"cluster"`           // ClusterSpec.InitScripts
	Global          []InitScriptExecution `json:"global"`            // those of all clusters
	ReportedForNode string                `json:"reported_for_node"` // its private address
}

// An InitScriptExecution is how one init script went.
type InitScriptExecution struct {
	InitScript
	Status                   InitScriptStatus `json:"status"`
	ErrorMessage             string           `json:"error_message"`
	ExecutionDurationSeconds int              `json:"execution_duration_seconds"`
	Stderr                   string           `json:"stderr"` // of one that failed, where the workspace keeps it
}

// ListClusterEvents narrows a list of events of one cluster.
type ListClusterEvents struct {
	ClusterID  string             `json:"cluster_id"`
	StartTime  Millis             `json:"start_time,omitzero"`  // zero for the first event
	EndTime    Millis             `json:"end_time,omitzero"`    // zero for now
	Order      ListOrder          `json:"order,omitzero"`       // empty for Descending, the latest first
	EventTypes []ClusterEventType `json:"event_types,omitzero"` // empty for all
	Offset     int64              `json:"offset,omitzero"`      // events to skip; with the order Descending, EndTime must be set
	PageSize   int64              `json:"limit,omitzero"`       // events to request at a time, up to 500; 0 for 50
	PageToken  string             `json:"page_token,omitzero"`  // the page to begin with; empty for the first
	Limit      int                `json:"-"`                    // events to return in total; 0 for all
}

func (in ListClusterEvents) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", missing)
	case in.Offset < 0:
		return badArg("offset", "is %d; want 0 or more", in.Offset)
	case in.Offset > 0 && in.EndTime == 0 && in.Order != Ascending:
		return badArg("end_time", "is missing; without it, an offset from the latest event shifts with each new event")
	}
	return checkPage(in.PageSize, in.Limit)
}

// ListEvents returns the events of a cluster's last 60 days.
func (s *ClustersService) ListEvents(ctx context.Context, in ListClusterEvents) ([]ClusterEvent, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[ClusterEvent], error) { return s.eventsPage(ctx, in, token) })
}

// ListEventsPage returns one page of [ClustersService.ListEvents].
func (s *ClustersService) ListEventsPage(ctx context.Context, in ListClusterEvents) (*Page[ClusterEvent], error) {
	page, err := s.eventsPage(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

// AllEvents yields the events that ListEvents returns, page by page. Events that
// happen meanwhile are left out unless the order is Ascending. Each range over
// the sequence sends new requests. The first error ends it.
func (s *ClustersService) AllEvents(ctx context.Context, in ListClusterEvents) iter.Seq2[ClusterEvent, error] {
	return allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[ClusterEvent], error) { return s.eventsPage(ctx, in, token) }))
}

// eventsPage reads a page. The service names the next one by a token, or by the
// whole request for it, whose JSON text is then the token.
func (s *ClustersService) eventsPage(ctx context.Context, in ListClusterEvents, token string) (*Page[ClusterEvent], error) {
	in.PageToken = ""
	r := post("/api/2.0/clusters/events").readOnly()
	switch {
	case strings.HasPrefix(token, "{"):
		var next map[string]json.RawMessage
		if err := json.Unmarshal([]byte(token), &next); err != nil {
			r = r.check(badArg("page_token", "is not one that a page returned"))
		}
		// Servers were seen to leave these three out.
		r = r.check(in.check()).optional("event_types", in.EventTypes).optional("order", in.Order).optional("limit", in.PageSize)
		for name, value := range next {
			r = r.optional(name, value)
		}
	case token != "":
		in.Offset, in.PageToken = 0, token
		r = r.params(in)
	default:
		r = r.params(in)
	}
	page, err := do[struct {
		Events        []ClusterEvent  `json:"events"`
		NextPage      json.RawMessage `json:"next_page"`
		NextPageToken string          `json:"next_page_token"`
	}](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(page.NextPage, []byte("{")) {
		page.NextPageToken = string(page.NextPage)
	}
	return &Page[ClusterEvent]{page.Events, page.NextPageToken}, nil
}
