package databricks

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
)

// A ClusterEventType is the type of an event. The service may add types, so a
// switch over it needs a default.
type ClusterEventType string

// Types of events.
const (
	ClusterEventCreating    ClusterEventType = "CREATING"
	ClusterEventStarting    ClusterEventType = "STARTING"
	ClusterEventRestarting  ClusterEventType = "RESTARTING"
	ClusterEventRunning     ClusterEventType = "RUNNING" // created, started or restarted; Reason says why nodes are missing, if there are fewer than requested
	ClusterEventTerminating ClusterEventType = "TERMINATING"
	ClusterEventEdited      ClusterEventType = "EDITED"
	ClusterEventPinned      ClusterEventType = "PINNED"
	ClusterEventUnpinned    ClusterEventType = "UNPINNED"

	// Events about the size.
	ClusterEventResizing                   ClusterEventType = "RESIZING"         // the target number of workers changed
	ClusterEventUpsizeCompleted            ClusterEventType = "UPSIZE_COMPLETED" // nodes were added
	ClusterEventNodesLost                  ClusterEventType = "NODES_LOST"
	ClusterEventAddNodesFailed             ClusterEventType = "ADD_NODES_FAILED"
	ClusterEventAutoscalingStatsReport     ClusterEventType = "AUTOSCALING_STATS_REPORT" // every hour; AutoscalingStats says how much was unused
	ClusterEventAutoscalingBackoff         ClusterEventType = "AUTOSCALING_BACKOFF"      // scaling failed repeatedly, and the pause between attempts is at its maximum
	ClusterEventAutoscalingFailed          ClusterEventType = "AUTOSCALING_FAILED"
	ClusterEventNodeBlacklisted            ClusterEventType = "NODE_BLACKLISTED" // Spark no longer uses a node
	ClusterEventNodeExcludedDecommissioned ClusterEventType = "NODE_EXCLUDED_DECOMMISSIONED"
	ClusterEventDecommissionStarted        ClusterEventType = "DECOMMISSION_STARTED" // a node is being removed
	ClusterEventDecommissionEnded          ClusterEventType = "DECOMMISSION_ENDED"

	// Events about the disks.
	ClusterEventExpandedDisk       ClusterEventType = "EXPANDED_DISK"
	ClusterEventDidNotExpandDisk   ClusterEventType = "DID_NOT_EXPAND_DISK" // because it has the maximum size
	ClusterEventFailedToExpandDisk ClusterEventType = "FAILED_TO_EXPAND_DISK"

	// Events about the init scripts.
	ClusterEventInitScriptsStarting ClusterEventType = "INIT_SCRIPTS_STARTING" // the older name of INIT_SCRIPTS_STARTED
	ClusterEventInitScriptsStarted  ClusterEventType = "INIT_SCRIPTS_STARTED"
	ClusterEventInitScriptsFinished ClusterEventType = "INIT_SCRIPTS_FINISHED"

	// Events about the driver and the services that it needs.
	ClusterEventDriverHealthy         ClusterEventType = "DRIVER_HEALTHY"
	ClusterEventDriverUnavailable     ClusterEventType = "DRIVER_UNAVAILABLE"
	ClusterEventDriverNotResponding   ClusterEventType = "DRIVER_NOT_RESPONDING" // running, but busy, for example with garbage collection
	ClusterEventSparkException        ClusterEventType = "SPARK_EXCEPTION"
	ClusterEventDBFSDown              ClusterEventType = "DBFS_DOWN"
	ClusterEventMetastoreDown         ClusterEventType = "METASTORE_DOWN"
	ClusterEventUCVolumeMisconfigured ClusterEventType = "UC_VOLUME_MISCONFIGURED" // the volume for logs is not accessible

	// Events about automatic changes by the service.
	ClusterEventAutomaticClusterUpdate             ClusterEventType = "AUTOMATIC_CLUSTER_UPDATE" // a restart is necessary
	ClusterEventClusterMigrated                    ClusterEventType = "CLUSTER_MIGRATED"         // moved from one compute service of GCP to another
	ClusterEventDeferredPolicyEnforcementScheduled ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_SCHEDULED"
	ClusterEventDeferredPolicyEnforcementFailed    ClusterEventType = "DEFERRED_POLICY_ENFORCEMENT_FAILED"
)

// A ResizeCause is the reason for a new size of a cluster.
type ResizeCause string

// Causes of a resize.
const (
	ResizeUserRequest     ResizeCause = "USER_REQUEST"
	ResizeAutorecovery    ResizeCause = "AUTORECOVERY" // nodes were lost and are replaced
	ResizeReplaceBadNodes ResizeCause = "REPLACE_BAD_NODES"
	ResizeAutoscale       ResizeCause = "AUTOSCALE"     // the load changed
	ResizeAutoscaleV2     ResizeCause = "AUTOSCALE_V2"  // the load changed
	ResizeDBRAutoscale    ResizeCause = "DBR_AUTOSCALE" // the load that the runtime measures changed
)

// A DataPlaneEventType is the type of an event on a node.
type DataPlaneEventType string

// Types of events on nodes.
const (
	DataPlaneNodeBlacklisted            DataPlaneEventType = "NODE_BLACKLISTED"
	DataPlaneNodeExcludedDecommissioned DataPlaneEventType = "NODE_EXCLUDED_DECOMMISSIONED"
)

// An InitScriptStatus is the result of an init script.
type InitScriptStatus string

// Results of init scripts.
const (
	InitScriptUnknown         InitScriptStatus = "UNKNOWN"
	InitScriptSucceeded       InitScriptStatus = "SUCCEEDED"
	InitScriptFailedFetch     InitScriptStatus = "FAILED_FETCH"
	InitScriptFailedExecution InitScriptStatus = "FAILED_EXECUTION" // its exit status was not 0
	InitScriptNotExecuted     InitScriptStatus = "NOT_EXECUTED"
	InitScriptSkipped         InitScriptStatus = "SKIPPED" // it does not exist, and is optional
	InitScriptFuseMountFailed InitScriptStatus = "FUSE_MOUNT_FAILED"
)

// A ClusterEvent is an event in the life of a cluster.
type ClusterEvent struct {
	ClusterID             string                 `json:"cluster_id"`
	Timestamp             Millis                 `json:"timestamp"`
	Type                  ClusterEventType       `json:"type"`
	Details               *ClusterEventDetails   `json:"details"`
	DataPlaneEventDetails *DataPlaneEventDetails `json:"data_plane_event_details"` // set for events on a node
}

// ClusterEventDetails hold the details of an event. The type of the event
// determines which fields are set.
type ClusterEventDetails struct {
	User                                string                  `json:"user"`   // user who caused the event; empty if the service did
	Reason                              *TerminationReason      `json:"reason"` // why the cluster terminates, or why nodes are missing
	Cause                               ResizeCause             `json:"cause"`
	CurrentNumWorkers                   *int                    `json:"current_num_workers"`
	TargetNumWorkers                    *int                    `json:"target_num_workers"`
	CurrentNumVCPUs                     int                     `json:"current_num_vcpus"`
	TargetNumVCPUs                      int                     `json:"target_num_vcpus"`
	Attributes                          *ClusterSpec            `json:"attributes"` // attributes after the cluster was created or edited, without its size
	PreviousAttributes                  *ClusterSpec            `json:"previous_attributes"`
	ClusterSize                         *ClusterSize            `json:"cluster_size"` // size after the cluster was created, edited or resized
	PreviousClusterSize                 *ClusterSize            `json:"previous_cluster_size"`
	DiskSize                            int64                   `json:"disk_size"` // in bytes, like the next two fields
	PreviousDiskSize                    int64                   `json:"previous_disk_size"`
	FreeSpace                           int64                   `json:"free_space"`
	DidNotExpandReason                  string                  `json:"did_not_expand_reason"`
	DriverStateMessage                  string                  `json:"driver_state_message"`
	InitScripts                         *InitScriptEventDetails `json:"init_scripts"`
	InstanceID                          string                  `json:"instance_id"`
	JobRunName                          string                  `json:"job_run_name"`
	AutoscalingStats                    *AutoscalingStats       `json:"autoscaling_stats"`                       // set for AUTOSCALING_STATS_REPORT
	EnableTerminationForNodeBlocklisted bool                    `json:"enable_termination_for_node_blocklisted"` // whether a node that Spark no longer uses is released
}

// AutoscalingStats report how much of a cluster's capacity was used in an hour.
type AutoscalingStats struct {
	TotalInstanceSeconds  float64 `json:"total_instance_seconds"`
	UnusedInstanceSeconds float64 `json:"unused_instance_seconds"`
}

// A ClusterSize is a fixed number of workers or a range.
type ClusterSize struct {
	NumWorkers *int       `json:"num_workers"` // nil if Autoscale is set
	Autoscale  *AutoScale `json:"autoscale"`
}

// DataPlaneEventDetails hold the details of an event on a node.
type DataPlaneEventDetails struct {
	EventType        DataPlaneEventType `json:"event_type"`
	ExecutorFailures int                `json:"executor_failures"`
	HostID           string             `json:"host_id"`
	Timestamp        Millis             `json:"timestamp"`
}

// InitScriptEventDetails hold the results of init scripts.
type InitScriptEventDetails struct {
	Cluster         []InitScriptExecution `json:"cluster"`           // scripts in ClusterSpec.InitScripts
	Global          []InitScriptExecution `json:"global"`            // the workspace's scripts for all clusters
	ReportedForNode string                `json:"reported_for_node"` // the private address of the node
}

// An InitScriptExecution is the result of one init script.
type InitScriptExecution struct {
	InitScript
	Status                   InitScriptStatus `json:"status"`
	ErrorMessage             string           `json:"error_message"`
	ExecutionDurationSeconds int              `json:"execution_duration_seconds"`
	Stderr                   string           `json:"stderr"` // set for a script that failed, if the workspace keeps its output
}

// ListClusterEvents filters a list of events of one cluster.
type ListClusterEvents struct {
	ClusterID  string             `json:"cluster_id"`
	StartTime  Millis             `json:"start_time,omitzero"`  // zero for the first event
	EndTime    Millis             `json:"end_time,omitzero"`    // zero for now
	Order      ListOrder          `json:"order,omitzero"`       // empty for Descending, the latest first
	EventTypes []ClusterEventType `json:"event_types,omitzero"` // empty for all
	Offset     int64              `json:"offset,omitzero"`      // events to skip; with the order Descending, EndTime must be set
	PageSize   int64              `json:"limit,omitzero"`       // events to request at a time, at most 500; 0 for 50
	PageToken  string             `json:"page_token,omitzero"`  // the page to start with; empty for the first
	Limit      int                `json:"-"`                    // maximum number of events to return in total; 0 for all
}

func (in ListClusterEvents) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", isRequired)
	case in.Offset < 0:
		return badArg("offset", "is %d; want 0 or more", in.Offset)
	case in.Offset > 0 && in.EndTime == 0 && in.Order != Ascending:
		return badArg("end_time", "is required; without it, an offset from the latest event shifts with each new event")
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

// AllEvents yields the events that ListEvents returns as they arrive. Unless
// the order is Ascending, it omits events that occur during the iteration. Each
// range over the sequence sends new requests. The first error ends it.
func (s *ClustersService) AllEvents(ctx context.Context, in ListClusterEvents) iter.Seq2[ClusterEvent, error] {
	return allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[ClusterEvent], error) { return s.eventsPage(ctx, in, token) }))
}

// eventsPage reads a page. The service identifies the next page by a token or by a
// complete request. In the second case, the JSON text of the request is the token.
func (s *ClustersService) eventsPage(ctx context.Context, in ListClusterEvents, token string) (*Page[ClusterEvent], error) {
	in.PageToken = ""
	r := post("/api/2.0/clusters/events").readOnly()
	switch {
	case strings.HasPrefix(token, "{"):
		var next map[string]json.RawMessage
		if err := json.Unmarshal([]byte(token), &next); err != nil {
			r = r.check(badArg("page_token", "is not one that a page returned"))
		}
		// Some servers omit these three members.
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
