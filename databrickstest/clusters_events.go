package databrickstest

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A clusterEvent is an event of a cluster.
type clusterEvent struct {
	ClusterID string       `json:"cluster_id"`
	Timestamp int64        `json:"timestamp"`
	Type      string       `json:"type"`
	Details   eventDetails `json:"details"`
}

type eventDetails struct {
	CurrentNumWorkers   *int               `json:"current_num_workers,omitzero"`
	TargetNumWorkers    *int               `json:"target_num_workers,omitzero"`
	PreviousAttributes  *clusterSpec       `json:"previous_attributes,omitzero"`
	Attributes          *clusterSpec       `json:"attributes,omitzero"`
	PreviousClusterSize *clusterSize       `json:"previous_cluster_size,omitzero"`
	ClusterSize         *clusterSize       `json:"cluster_size,omitzero"`
	Cause               string             `json:"cause,omitzero"`
	Reason              *terminationReason `json:"reason,omitzero"`
	User                string             `json:"user,omitzero"`
	InitScripts         *initScriptEvent   `json:"init_scripts,omitzero"`
	JobRunName          string             `json:"job_run_name,omitzero"`
}

type initScriptEvent struct {
	Cluster         []initScriptOutcome `json:"cluster"`
	ReportedForNode string              `json:"reported_for_node,omitzero"`
}

type initScriptOutcome struct {
	storage
	Status   string `json:"status,omitzero"`
	Duration int    `json:"execution_duration_seconds,omitzero"`
}

// Limits of clusters/events.
const (
	eventsKept       = 60 * 24 * time.Hour
	defaultEventPage = 50
	maxEventPage     = 500
)

// note adds an event. No two events of a cluster have the same time, so a page
// that ends with an event is well defined.
func (cl *cluster) note(at time.Time, kind string, details eventDetails) {
	stamp := at.UnixMilli()
	if n := len(cl.events); n > 0 {
		stamp = max(stamp, cl.events[n-1].Timestamp+1)
	}
	details.JobRunName = cl.runName
	cl.events = append(cl.events, clusterEvent{cl.id, stamp, kind, details})
}

type eventsRequest struct {
	ClusterID  string   `json:"cluster_id" api:"required"`
	StartTime  int64    `json:"start_time,omitzero"`
	EndTime    int64    `json:"end_time,omitzero"`
	Order      string   `json:"order,omitzero"`
	EventTypes []string `json:"event_types,omitzero"`
	Offset     int64    `json:"offset,omitzero"`
	Limit      int64    `json:"limit,omitzero"`
}

type eventsInput struct {
	eventsRequest
	PageSize  *int64 `json:"page_size"`
	PageToken string `json:"page_token"`
}

type eventsResponse struct {
	Events        []clusterEvent `json:"events,omitempty"`
	NextPage      *eventsRequest `json:"next_page,omitzero"`
	TotalCount    int64          `json:"total_count,omitzero"`
	NextPageToken string         `json:"next_page_token,omitzero"`
	PrevPageToken string         `json:"prev_page_token,omitzero"`
}

func (a *clustersArea) listEvents(c *call, in eventsInput) (any, error) {
	cl, err := a.reach(c, in.ClusterID, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	byToken := in.PageToken != "" || in.PageSize != nil
	if byToken {
		in.Limit = defaultEventPage
		if in.PageSize != nil && *in.PageSize != 0 {
			in.Limit = min(max(*in.PageSize, 1), maxEventPage)
		}
		if in.PageToken != "" {
			if in.Offset, in.EndTime, err = readEventToken(in.PageToken); err != nil {
				return nil, err
			}
		}
	}
	oldestFirst := in.Order == "ASC"
	switch {
	case in.Order != "" && in.Order != "ASC" && in.Order != "DESC":
		return nil, invalid("order must be ASC or DESC.")
	case in.Offset < 0 || in.Limit < 0 || in.Limit > maxEventPage:
		return nil, invalid("offset must not be negative, and limit must be between 1 and %d.", maxEventPage)
	case !byToken && in.Offset > 0 && !oldestFirst && in.EndTime == 0:
		return nil, invalid("end_time must be specified together with offset when order is DESC.")
	}
	if in.Limit == 0 {
		in.Limit = defaultEventPage
	}

	var events []clusterEvent
	oldest := max(in.StartTime, c.now.Add(-eventsKept).UnixMilli())
	for _, e := range cl.events {
		if e.Timestamp >= oldest && (in.EndTime == 0 || e.Timestamp <= in.EndTime) &&
			(len(in.EventTypes) == 0 || slices.Contains(in.EventTypes, e.Type)) {
			events = append(events, e)
		}
	}
	total := int64(len(events))
	if !oldestFirst {
		slices.Reverse(events)
		if total > 0 && in.EndTime == 0 { // later events must not shift the pages
			in.EndTime = events[0].Timestamp
		}
	}
	from := min(in.Offset, total)
	to := min(from+in.Limit, total)
	out := eventsResponse{Events: events[from:to], TotalCount: total}
	switch {
	case byToken:
		out.TotalCount = 0
		if to < total {
			out.NextPageToken = eventToken(to, in.EndTime)
		}
		if from > 0 {
			out.PrevPageToken = eventToken(max(0, from-in.Limit), in.EndTime)
		}
	case to < total:
		next := in.eventsRequest
		next.Offset = to
		out.NextPage = &next
	}
	return out, nil
}

func eventToken(offset, end int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(offset, 10) + "," + strconv.FormatInt(end, 10)))
}

func readEventToken(text string) (offset, end int64, err error) {
	token, err := base64.RawURLEncoding.DecodeString(text)
	first, second, ok := strings.Cut(string(token), ",")
	offset, offsetErr := strconv.ParseInt(first, 10, 64)
	end, endErr := strconv.ParseInt(second, 10, 64)
	if err != nil || !ok || offsetErr != nil || endErr != nil {
		return 0, 0, invalid("Invalid page token.")
	}
	return offset, end, nil
}
