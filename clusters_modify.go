package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/go-databricks/databricks/internal/patch"
	"github.com/go-databricks/databricks/internal/response"
)

// Modify changes some attributes of a cluster that is RUNNING or TERMINATED. It
// reads the attributes and passes them to change. If change changed any, it edits
// the cluster. All other attributes keep their values, including those that this
// library does not know. A running cluster restarts.
//
//	err := client.Clusters.Modify(ctx, id, func(spec *databricks.ClusterSpec) {
//		spec.AutoterminationMinutes = new(30)
//	})
//
// change receives the attributes with which the cluster was created or edited,
// which are [Cluster.Spec], and the current size. Modify does not detect an edit
// that somebody else makes between the two requests. The client does not retry the
// edit after a lost response. You can safely call Modify again with the same
// change.
func (s *ClustersService) Modify(ctx context.Context, id string, change func(*ClusterSpec)) error {
	read, err := do[map[string]json.RawMessage](ctx, s.client, s.get(id))
	if err != nil {
		return err
	}
	attributes, text, err := editable(*read)
	if err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	var before, after ClusterSpec // separate values that share no memory
	if err := errors.Join(response.Unmarshal(text, &before), response.Unmarshal(text, &after)); err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	change(&after)
	changed, err := patch.Object(attributes, before, after)
	if err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	if !changed {
		return nil
	}
	body := map[string]any{"cluster_id": id}
	for name, value := range attributes {
		body[name] = value
	}
	invalid := after.check()
	if len(*read) == 0 { // in a dry run, because the cluster does not exist
		invalid = nil
	}
	return s.edit(ctx, id, after, invalid, body)
}

// editable returns the members of a cluster's JSON form that an edit must send to
// change nothing, and their text.
func editable(read map[string]json.RawMessage) (attributes map[string]json.RawMessage, text []byte, err error) {
	has := func(m map[string]json.RawMessage, name string) bool {
		return len(m[name]) > 0 && string(m[name]) != "null"
	}

	if has(read, "spec") {
		if err := json.Unmarshal(read["spec"], &attributes); err != nil {
			return nil, nil, fmt.Errorf("its spec cannot be decoded: %w", err)
		}
	} else {
		attributes = map[string]json.RawMessage{}
		maps.Copy(attributes, read)
		for name := range jsonFields(Cluster{}) {
			delete(attributes, name)
		}
		if has(attributes, "instance_pool_id") { // the pool determines the node types
			delete(attributes, "node_type_id")
			delete(attributes, "driver_node_type_id")
		}
	}
	for _, name := range []string{"clone_from", "cluster_source", "idempotency_token"} {
		delete(attributes, name)
	}

	// A resize changes the cluster but not its spec. If the spec has no size, a
	// policy or a kind determines it.
	size := "num_workers"
	if has(read, "autoscale") {
		size = "autoscale"
	}
	if has(read, size) && (has(attributes, "num_workers") || has(attributes, "autoscale")) {
		delete(attributes, "num_workers")
		delete(attributes, "autoscale")
		attributes[size] = read[size]
	}
	text, err = json.Marshal(attributes)
	return attributes, text, err
}
