package databricks

import (
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"slices"
	"strings"
)

// ClustersService creates, changes, starts and stops clusters, and waits for them.
// The ID of a cluster never changes. A terminated cluster keeps its configuration
// and can be started again.
//
// A call fails with [ErrResourceDoesNotExist] if the cluster does not exist. It
// fails with [ErrInvalidState] if the state of the cluster does not allow the call,
// and with [ErrPermissionDenied] if the caller is not allowed to make it.
//
// See https://docs.databricks.com/api/workspace/clusters.
type ClustersService service

// CreateCluster describes a new cluster.
type CreateCluster = ClusterSpec

// Create creates a cluster and returns its ID immediately, while the cluster is
// still starting. [ClustersService.WaitRunning] waits for it. Create fails with
// [ErrInvalidParameterValue] if the service rejects an attribute. The service
// detects some invalid attributes only when the cluster starts. The wait then
// returns a [ClusterError].
//
// The request carries an idempotency token, so the client can retry it without
// creating a second cluster.
func (s *ClustersService) Create(ctx context.Context, in CreateCluster) (string, error) {
	if in.IdempotencyToken == "" {
		in.IdempotencyToken = s.client.newIdempotencyToken()
	}
	made, err := do[createdCluster](ctx, s.client, post("/api/2.0/clusters/create").params(in).idempotencyToken(in.IdempotencyToken))
	if err != nil {
		return "", err
	}
	return made.ClusterID, nil
}

type createdCluster struct {
	ClusterID string `json:"cluster_id"`
}

func (c *createdCluster) validate() error { return named("cluster_id", c.ClusterID != "") }

// Edit replaces all attributes of a cluster that is RUNNING or TERMINATED.
// Attributes that are unset in spec return to their defaults. To change only some
// attributes, use [ClustersService.Modify]. A running cluster restarts. A
// terminated cluster stays terminated. Clusters of jobs cannot be edited. The
// client does not retry Edit after a lost response, because a second request would
// restart the cluster again.
func (s *ClustersService) Edit(ctx context.Context, id string, spec ClusterSpec) error {
	spec.ClusterSource = ""
	return s.edit(ctx, id, spec, spec.check(), struct {
		ClusterID string `json:"cluster_id"`
		ClusterSpec
	}{id, spec})
}

// edit sends the attributes in body, which are those of spec and possibly more. If
// they are invalid, invalid states the problem.
func (s *ClustersService) edit(ctx context.Context, id string, spec ClusterSpec, invalid error, body any) error {
	r := post("/api/2.0/clusters/edit").required("cluster_id", id).check(invalid)
	switch {
	case spec.IdempotencyToken != "":
		r = r.check(badArg("idempotency_token", "is only for Create"))
	case spec.CloneFrom != nil:
		r = r.check(badArg("clone_from", "is only for Create"))
	}
	r.Body = body
	return s.client.Do(ctx, r, nil)
}

// UpdateCluster describes a change of some attributes of a cluster.
type UpdateCluster struct {
	ClusterID string `json:"cluster_id"`

	// UpdateMask lists the attributes to change by their JSON names, separated by
	// commas without spaces: "num_workers,spark_conf". A dot selects a part of an
	// attribute: "aws_attributes.zone_id". "*" selects all attributes.
	UpdateMask string `json:"update_mask"`

	// Cluster holds the new values of the attributes in the mask. A zero value
	// clears an attribute. Lists and maps are replaced as a whole.
	Cluster ClusterSpec `json:"cluster,omitzero"`
}

// MarshalJSON writes the attributes that are set. It writes a zero value for each
// other attribute in the mask.
func (in UpdateCluster) MarshalJSON() ([]byte, error) {
	cluster := map[string]any{}
	for name, value := range jsonFields(in.Cluster) {
		scalar := value.Kind() == reflect.String || value.Kind() < reflect.Array
		if !value.IsZero() || scalar && slices.Contains(in.mask(), name) {
			cluster[name] = value.Interface()
		}
	}
	return json.Marshal(map[string]any{"cluster_id": in.ClusterID, "update_mask": in.UpdateMask, "cluster": cluster})
}

// mask lists the attributes that the mask contains, fully or in part.
func (in UpdateCluster) mask() []string {
	names := strings.Split(in.UpdateMask, ",")
	for i, name := range names {
		names[i], _, _ = strings.Cut(name, ".")
	}
	return names
}

func (in UpdateCluster) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", isRequired)
	case in.UpdateMask == "":
		return badArg("update_mask", "is required; want names of attributes separated by commas, or *")
	case strings.ContainsAny(in.UpdateMask, " \t\r\n"):
		return badArg("update_mask", "%q has spaces, which the service does not accept", in.UpdateMask)
	case in.UpdateMask == "*":
		return in.Cluster.check()
	}
	for name, value := range jsonFields(in.Cluster) {
		if !value.IsZero() && !slices.Contains(in.mask(), name) {
			return badArg("cluster."+name, "is set, but update_mask does not list it")
		}
	}
	return checkSize(in.Cluster.NumWorkers, in.Cluster.Autoscale)
}

// jsonFields yields the fields of a struct with their JSON names. It skips the
// fields of embedded structs.
func jsonFields(v any) iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		for field, value := range reflect.ValueOf(v).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !yield(name, value) {
				return
			}
		}
	}
}

// Update replaces some attributes of a cluster that is RUNNING or TERMINATED. A
// running cluster restarts. A terminated cluster stays terminated. Clusters of jobs
// cannot be updated. Update requires version 2.1 of the Clusters API.
// [ClustersService.Modify] works with all versions. The client does not retry
// Update after a lost response.
func (s *ClustersService) Update(ctx context.Context, in UpdateCluster) error {
	return s.client.Do(ctx, post("/api/2.1/clusters/update").params(in), nil)
}

// Start starts a TERMINATED cluster with its last configuration and installs its
// libraries again. It returns immediately. [ClustersService.WaitRunning] waits for
// the cluster. Clusters of jobs cannot be started. Start fails with
// [ErrInvalidState] in any other state, so the client does not retry it after a
// lost response. [ClustersService.EnsureRunning] handles all states.
func (s *ClustersService) Start(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/start").required("cluster_id", id), nil)
}

// RestartCluster selects the cluster to restart.
type RestartCluster struct {
	ClusterID   string `json:"cluster_id"`
	RestartUser string `json:"restart_user,omitzero"` // the user to record as the cause of the restart
}

// Restart restarts a RUNNING cluster. It returns immediately. It fails with
// [ErrInvalidState] in any other state. The client does not retry it after a lost
// response.
func (s *ClustersService) Restart(ctx context.Context, in RestartCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/restart").required("cluster_id", in.ClusterID).optional("restart_user", in.RestartUser), nil)
}

// ResizeCluster describes the new size of a cluster. Set NumWorkers or Autoscale.
// NumWorkers is a pointer because 0 is a valid size.
type ResizeCluster struct {
	ClusterID  string     `json:"cluster_id"`
	NumWorkers *int       `json:"num_workers,omitzero"` // 0 leaves only the driver
	Autoscale  *AutoScale `json:"autoscale,omitzero"`   // keeps the current number of workers if it is in the range
}

func (in ResizeCluster) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", isRequired)
	case in.NumWorkers == nil && in.Autoscale == nil:
		return badArg("num_workers", "and autoscale are both unset; set one of them (0 workers is new(0))")
	}
	return checkSize(in.NumWorkers, in.Autoscale)
}

// Resize changes the number of workers of a RUNNING cluster. It returns
// immediately. The cluster stays usable during the resize. Resize fails with
// [ErrInvalidState] in any other state, so the client does not retry it after a
// lost response.
func (s *ClustersService) Resize(ctx context.Context, in ResizeCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/resize").params(in), nil)
}

// Delete terminates a cluster. It releases the nodes and keeps the configuration.
// It returns immediately. [ClustersService.WaitTerminated] waits until the cluster
// is terminated. Delete has no effect on a terminated cluster, so the client
// retries it. The service deletes the configuration after 30 days, unless the
// cluster is pinned.
func (s *ClustersService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/delete").required("cluster_id", id).idempotent(), nil)
}

// PermanentDelete deletes a cluster and its configuration, in any state. A pinned
// cluster must be unpinned first. The call is idempotent, so the client retries it.
func (s *ClustersService) PermanentDelete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/permanent-delete").required("cluster_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// Get returns a cluster. It fails with [ErrInvalidState] if the cluster was
// terminated more than 30 days ago and is not pinned.
func (s *ClustersService) Get(ctx context.Context, id string) (*Cluster, error) {
	return do[Cluster](ctx, s.client, s.get(id))
}

func (s *ClustersService) get(id string) Request {
	return get("/api/2.0/clusters/get").required("cluster_id", id)
}

// Pin keeps a terminated cluster and its configuration in lists indefinitely.
// Lists show only the latest terminated clusters that are not pinned. Pin a
// cluster if your program finds it by name and creates it if it does not exist.
// Only administrators can pin. The service allows 100 pinned clusters at
// present. Pin is idempotent, so the client retries it.
func (s *ClustersService) Pin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/pin").required("cluster_id", id).idempotent(), nil)
}

// Unpin reverses Pin. Only administrators can unpin. The service may then delete
// the cluster if it was terminated more than 30 days ago. The call is idempotent,
// so the client retries it.
func (s *ClustersService) Unpin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/unpin").required("cluster_id", id).idempotent(), nil)
}

// ChangeOwner changes the owner of a TERMINATED cluster to another user or service
// principal. owner is the name of the user or the application ID of the service
// principal. Only administrators can change owners. The call is idempotent, so the
// client retries it.
func (s *ClustersService) ChangeOwner(ctx context.Context, id, owner string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/change-owner").required("cluster_id", id).required("owner_username", owner).idempotent(), nil)
}

// A ClusterClient is a kind of workload that uses clusters.
type ClusterClient string

// Clients of clusters.
const (
	ClusterClientNotebooks ClusterClient = "NOTEBOOKS"
	ClusterClientJobs      ClusterClient = "JOBS"
)

// A ListOrder is the order of a list.
type ListOrder string

// Orders of lists.
const (
	Ascending  ListOrder = "ASC"
	Descending ListOrder = "DESC"
)

// A ClusterSortField is the field by which a list of clusters is sorted.
type ClusterSortField string

// Fields to sort clusters by.
const (
	SortByDefault     ClusterSortField = "DEFAULT" // by state, then pinned clusters first, then by name
	SortByClusterName ClusterSortField = "CLUSTER_NAME"
)

// ListClusters filters a list of clusters. Its zero value lists the clusters that
// [ClustersService.List] describes.
//
// FilterBy, SortBy, PageSize and PageToken require version 2.1 of the Clusters API.
// If one of them is set, the request uses that version, which lists all clusters
// that were terminated in the last 30 days.
type ListClusters struct {
	CanUseClient ClusterClient `json:"can_use_client,omitzero"` // only clusters that this client can use; excludes the fields of version 2.1
	FilterBy     ClusterFilter `json:"filter_by,omitzero"`
	SortBy       ClusterSort   `json:"sort_by,omitzero"`
	PageSize     int           `json:"page_size,omitzero"`  // clusters to request at a time; 0 lets the service choose
	PageToken    string        `json:"page_token,omitzero"` // the page to start with; empty for the first
	Limit        int           `json:"-"`                   // maximum number of clusters to return in total; 0 for all
}

// A ClusterFilter selects clusters. A cluster must match all fields that are set.
type ClusterFilter struct {
	ClusterSources []ClusterSource `json:"cluster_sources,omitzero"`
	ClusterStates  []ClusterState  `json:"cluster_states,omitzero"`
	IsPinned       *bool           `json:"is_pinned,omitzero"` // false selects clusters that are not pinned
	PolicyID       string          `json:"policy_id,omitzero"`
}

// A ClusterSort is the order of a list of clusters.
type ClusterSort struct {
	Direction ListOrder        `json:"direction,omitzero"`
	Field     ClusterSortField `json:"field,omitzero"`
}

// request returns the request for a page. Only version 2.1 filters, sorts and
// pages. Version 2.0 would ignore these parameters.
func (in ListClusters) request(token string) Request {
	paged := in.PageSize != 0 || in.PageToken != ""
	in.PageToken = token
	if !paged && reflect.ValueOf(in.FilterBy).IsZero() && in.SortBy == (ClusterSort{}) {
		return get("/api/2.0/clusters/list").params(in).check(checkPage(in.PageSize, in.Limit))
	}
	r := get("/api/2.1/clusters/list").params(in).check(checkPage(in.PageSize, in.Limit))
	if in.CanUseClient != "" {
		r = r.check(badArg("can_use_client", "cannot be set together with filter_by, sort_by, page_size or page_token"))
	}
	return r
}

// List returns all clusters that are not terminated, and all pinned clusters.
// Version 2.0 also lists the latest clusters that were terminated in the last 30
// days: 70 all-purpose clusters and 30 job clusters. [Cluster.Spec] is nil in a
// list.
func (s *ClustersService) List(ctx context.Context, in ListClusters) ([]Cluster, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[Cluster], error) { return s.page(ctx, in, token) })
}

// ListPage returns one page of [ClustersService.List]. Without PageSize, the
// service may send the whole list as one page.
func (s *ClustersService) ListPage(ctx context.Context, in ListClusters) (*Page[Cluster], error) {
	page, err := s.page(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

func (s *ClustersService) page(ctx context.Context, in ListClusters, token string) (*Page[Cluster], error) {
	page, err := do[struct {
		Clusters      []Cluster `json:"clusters"`
		NextPageToken string    `json:"next_page_token"`
	}](ctx, s.client, in.request(token))
	if err != nil {
		return nil, err
	}
	return &Page[Cluster]{page.Clusters, page.NextPageToken}, nil
}

// All yields the clusters that List returns as they arrive. It holds only one of
// them in memory. Each range over the sequence sends new requests. The first error
// ends it.
func (s *ClustersService) All(ctx context.Context, in ListClusters) iter.Seq2[Cluster, error] {
	return allPages(in.PageToken, in.Limit, func(token string) (iter.Seq2[Cluster, error], func() string) {
		var next string
		rest := func(name string, value json.RawMessage) {
			if name == "next_page_token" {
				_ = json.Unmarshal(value, &next) // a value that is not text starts at the first page
			}
		}
		return stream[Cluster](ctx, s.client, in.request(token), "clusters", rest), func() string { return next }
	})
}
