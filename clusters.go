package databricks

import (
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"slices"
	"strings"
)

// ClustersService makes clusters, changes them, starts and stops them, and
// waits for them. A cluster keeps its id for life; when it is terminated its
// configuration stays, and it can be started again.
//
// Whatever names a cluster that does not exist fails with
// [ErrResourceDoesNotExist], what the cluster's state does not allow with
// [ErrInvalidState], and what the caller may not do with [ErrPermissionDenied].
//
// See https://docs.databricks.com/api/workspace/clusters.
type ClustersService service

// CreateCluster asks for a new cluster.
type CreateCluster = ClusterSpec

// Create makes a cluster and returns its id at once, while the cluster is
// still starting: [ClustersService.WaitRunning] waits for it. It fails with
// [ErrInvalidParameterValue] if an attribute is refused; others show only in
// the [ClusterError] of a start that failed.
//
// The call carries an idempotency token, so it may be repeated, and does not
// make two clusters.
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

// Edit replaces all attributes of a cluster that is RUNNING or TERMINATED:
// those that spec leaves out fall back to their defaults, so Modify is what
// changes some of them. A cluster that runs restarts, one that is terminated
// stays so. Clusters of jobs cannot be edited. A repeat would restart the
// cluster again, so the call is not repeated after its answer was lost.
func (s *ClustersService) Edit(ctx context.Context, id string, spec ClusterSpec) error {
	spec.ClusterSource = ""
	return s.edit(ctx, id, spec, spec.check(), struct {
		ClusterID string `json:"cluster_id"`
		ClusterSpec
	}{id, spec})
}

// edit sends the attributes in body, which are those of spec and perhaps more.
// invalid says what is wrong with them.
func (s *ClustersService) edit(ctx context.Context, id string, spec ClusterSpec, invalid error, body any) error {
	r := post("/api/2.0/clusters/edit").required("cluster_id", id).check(invalid)
	switch {
	case spec.IdempotencyToken != "":
		r = r.check(badArg("idempotency_token", "is for making a cluster, not for editing one"))
	case spec.CloneFrom != nil:
		r = r.check(badArg("clone_from", "is for making a cluster, not for editing one"))
	}
	r.Body = body
	return s.client.Do(ctx, r, nil)
}

// UpdateCluster says which attributes of a cluster to change, and to what.
type UpdateCluster struct {
	ClusterID string `json:"cluster_id"`

	// UpdateMask names the attributes as they are on the wire, with commas
	// between and no blanks: "num_workers,spark_conf". A dot leads to a part of
	// one: "aws_attributes.zone_id". "*" stands for all of them.
	UpdateMask string `json:"update_mask"`

	// Cluster holds the new values of the attributes in the mask. A zero value
	// clears its attribute; lists and maps are replaced as a whole.
	Cluster ClusterSpec `json:"cluster,omitzero"`
}

// MarshalJSON writes the attributes that are set, and zeroes where the mask
// asks for what is not.
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

// mask lists the attributes that the mask names, or parts of which it names.
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
		return badArg("cluster_id", missing)
	case in.UpdateMask == "":
		return badArg("update_mask", "is missing; want names of attributes with commas between, or *")
	case strings.ContainsAny(in.UpdateMask, " \t\r\n"):
		return badArg("update_mask", "%q has blanks, which the service does not take", in.UpdateMask)
	case in.UpdateMask == "*":
		return in.Cluster.check()
	}
	for name, value := range jsonFields(in.Cluster) {
		if !value.IsZero() && !slices.Contains(in.mask(), name) {
			return badArg("cluster."+name, "is set, but update_mask does not name it")
		}
	}
	return checkSize(in.Cluster.NumWorkers, in.Cluster.Autoscale)
}

// jsonFields yields the fields of a struct by their names on the wire, those
// of embedded structs left out.
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

// Update replaces some attributes of a cluster that is RUNNING or TERMINATED.
// A cluster that runs restarts, one that is terminated stays so. Clusters of
// jobs cannot be updated. It needs a workspace with version 2.1 of the API, all
// others have Modify. It is not repeated after its answer was lost.
func (s *ClustersService) Update(ctx context.Context, in UpdateCluster) error {
	return s.client.Do(ctx, post("/api/2.1/clusters/update").params(in), nil)
}

// Start starts a cluster that is TERMINATED, with its last configuration, and
// returns at once: [ClustersService.WaitRunning] waits for it. Libraries are
// installed again. Clusters of jobs cannot be started. It fails with
// [ErrInvalidState] in every other state, so it is not repeated after its
// answer was lost; [ClustersService.EnsureRunning] copes with all of that.
func (s *ClustersService) Start(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/start").required("cluster_id", id), nil)
}

// RestartCluster names the cluster to restart.
type RestartCluster struct {
	ClusterID   string `json:"cluster_id"`
	RestartUser string `json:"restart_user,omitzero"` // the user to record as the one who restarted it
}

// Restart restarts a RUNNING cluster and returns at once. It fails with
// [ErrInvalidState] in every other state. The client does not retry it after a
// lost response.
func (s *ClustersService) Restart(ctx context.Context, in RestartCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/restart").required("cluster_id", in.ClusterID).optional("restart_user", in.RestartUser), nil)
}

// ResizeCluster says how large a cluster is to be: NumWorkers or Autoscale is set.
type ResizeCluster struct {
	ClusterID  string     `json:"cluster_id"`
	NumWorkers *int       `json:"num_workers,omitzero"` // 0 leaves the driver alone
	Autoscale  *AutoScale `json:"autoscale,omitzero"`   // the present number of workers is kept where the range allows it
}

func (in ResizeCluster) check() error {
	switch {
	case in.ClusterID == "":
		return badArg("cluster_id", missing)
	case in.NumWorkers == nil && in.Autoscale == nil:
		return badArg("num_workers", "and autoscale are both missing; set one of them (0 workers is new(0))")
	}
	return checkSize(in.NumWorkers, in.Autoscale)
}

// Resize changes the number of workers of a cluster that is RUNNING, and
// returns at once. The cluster works on meanwhile. It fails with
// [ErrInvalidState] in every other state, so it is not repeated after its
// answer was lost.
func (s *ClustersService) Resize(ctx context.Context, in ResizeCluster) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/resize").params(in), nil)
}

// Delete terminates a cluster, and returns at once: its nodes go, its
// configuration stays. [ClustersService.WaitTerminated] waits for the end.
// Terminating a terminated cluster does nothing, so the call may be repeated.
// Unless it is pinned, the cluster is forgotten 30 days later.
func (s *ClustersService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/delete").required("cluster_id", id).idempotent(), nil)
}

// PermanentDelete removes a cluster for good, in whatever state it is. A
// pinned cluster must be unpinned first. The call may be repeated.
func (s *ClustersService) PermanentDelete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/permanent-delete").required("cluster_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// Get returns a cluster. It fails with [ErrInvalidState] if the cluster was
// terminated more than 30 days ago and not pinned.
func (s *ClustersService) Get(ctx context.Context, id string) (*Cluster, error) {
	return do[Cluster](ctx, s.client, s.get(id))
}

func (s *ClustersService) get(id string) Request {
	return get("/api/2.0/clusters/get").required("cluster_id", id)
}

// Pin keeps a cluster's configuration, and its place in lists, however long it
// is terminated. Who makes a cluster unless one of its name is listed should pin
// it: of those terminated, lists show the latest only. It takes an administrator, and fails if too many clusters are pinned (100 at present).
// Pinning a pinned cluster does nothing, so the call may be repeated.
func (s *ClustersService) Pin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/pin").required("cluster_id", id).idempotent(), nil)
}

// Unpin undoes Pin. It takes an administrator. A cluster that was terminated
// long ago is forgotten by it. Unpinning a cluster that is not pinned does
// nothing, so the call may be repeated.
func (s *ClustersService) Unpin(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/unpin").required("cluster_id", id).idempotent(), nil)
}

// ChangeOwner gives a cluster to another user, named as in the workspace, or to
// a service principal, named by its application id. It takes an administrator,
// and a cluster that is TERMINATED. The call may be repeated.
func (s *ClustersService) ChangeOwner(ctx context.Context, id, owner string) error {
	return s.client.Do(ctx, post("/api/2.0/clusters/change-owner").required("cluster_id", id).required("owner_username", owner).idempotent(), nil)
}

// A ClusterClient is what clusters are used from.
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

// A ClusterSortField is what a list of clusters is sorted by.
type ClusterSortField string

// Fields to sort clusters by.
const (
	SortByDefault     ClusterSortField = "DEFAULT" // state, then pinned or not, then name
	SortByClusterName ClusterSortField = "CLUSTER_NAME"
)

// ListClusters narrows a list of clusters. Its zero value lists the clusters
// that [ClustersService.List] describes.
//
// FilterBy, SortBy, PageSize and PageToken need version 2.1 of the Clusters API,
// to which they move the call. That version lists all clusters that were
// terminated in the last 30 days.
type ListClusters struct {
	CanUseClient ClusterClient `json:"can_use_client,omitzero"` // only clusters that this client can use; not together with the fields of version 2.1
	FilterBy     ClusterFilter `json:"filter_by,omitzero"`
	SortBy       ClusterSort   `json:"sort_by,omitzero"`
	PageSize     int           `json:"page_size,omitzero"`  // clusters to request at a time; 0 lets the service choose
	PageToken    string        `json:"page_token,omitzero"` // the page to begin with; empty for the first
	Limit        int           `json:"-"`                   // clusters to return in total; 0 for all
}

// A ClusterFilter says which clusters to list: those that all of its fields
// that are set allow.
type ClusterFilter struct {
	ClusterSources []ClusterSource `json:"cluster_sources,omitzero"`
	ClusterStates  []ClusterState  `json:"cluster_states,omitzero"`
	IsPinned       *bool           `json:"is_pinned,omitzero"` // false is for those that are not
	PolicyID       string          `json:"policy_id,omitzero"`
}

// A ClusterSort says in what order to list clusters.
type ClusterSort struct {
	Direction ListOrder        `json:"direction,omitzero"`
	Field     ClusterSortField `json:"field,omitzero"`
}

// request is the request for a page. Only version 2.1 filters, sorts and pages.
// Version 2.0 would ignore these parameters.
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

// List returns all clusters that are not terminated, and all that are pinned. Of
// the clusters terminated in the last 30 days, version 2.0 lists only the latest:
// 70 that people created and 30 that jobs created. [Cluster.Spec] is nil in a list.
func (s *ClustersService) List(ctx context.Context, in ListClusters) ([]Cluster, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[Cluster], error) { return s.page(ctx, in, token) })
}

// ListPage returns one page of [ClustersService.List]. Set PageSize to have the
// service send pages at all.
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

// All yields the clusters that List returns, each as soon as it arrives, and
// holds one at a time in memory. Each range over the sequence sends new requests.
// The first error ends it.
func (s *ClustersService) All(ctx context.Context, in ListClusters) iter.Seq2[Cluster, error] {
	return allPages(in.PageToken, in.Limit, func(token string) (iter.Seq2[Cluster, error], func() string) {
		var next string
		rest := func(name string, value json.RawMessage) {
			if name == "next_page_token" {
				_ = json.Unmarshal(value, &next) // a value that is no text leads nowhere
			}
		}
		return stream[Cluster](ctx, s.client, in.request(token), "clusters", rest), func() string { return next }
	})
}
