package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/go-databricks/databricks/internal/patch"
	"github.com/go-databricks/databricks/internal/reply"
)

// Modify changes some attributes of a cluster that is RUNNING or TERMINATED:
// it reads them, lets change have its way with them, and edits the cluster if
// anything is different then. All other attributes stay as they are, those that
// this library has no field for included. A cluster that runs restarts.
//
//	err := client.Clusters.Modify(ctx, id, func(spec *databricks.ClusterSpec) {
//		spec.AutoterminationMinutes = new(30)
//	})
//
// What is changed is what was sent to make or edit the cluster, [Cluster.Spec],
// at its present size. The service has no way to keep others from editing the
// cluster between the two calls. An edit whose answer was lost is not repeated;
// to call Modify again with the same change is safe.
func (s *ClustersService) Modify(ctx context.Context, id string, change func(*ClusterSpec)) error {
	read, err := do[map[string]json.RawMessage](ctx, s.client, s.get(id))
	if err != nil {
		return err
	}
	attributes, text, err := editable(*read)
	if err != nil {
		return fmt.Errorf("databricks: modifying cluster %s: %w", id, err)
	}
	var before, after ClusterSpec // of nothing in common
	if err := errors.Join(reply.Unmarshal(text, &before), reply.Unmarshal(text, &after)); err != nil {
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
	if len(*read) == 0 { // in a dry run, of a cluster that it only plans
		invalid = nil
	}
	return s.edit(ctx, id, after, invalid, body)
}

// editable picks, of the members of a cluster that was read, those that an edit
// must send to change nothing. It returns them as a text, too.
func editable(read map[string]json.RawMessage) (attributes map[string]json.RawMessage, text []byte, err error) {
	has := func(m map[string]json.RawMessage, name string) bool {
		return len(m[name]) > 0 && string(m[name]) != "null"
	}

	if has(read, "spec") {
		if err := json.Unmarshal(read["spec"], &attributes); err != nil {
			return nil, nil, fmt.Errorf("its spec cannot be read: %w", err)
		}
	} else {
		attributes = map[string]json.RawMessage{}
		maps.Copy(attributes, read)
		for name := range jsonFields(Cluster{}) {
			delete(attributes, name)
		}
		if has(attributes, "instance_pool_id") { // which decides
			delete(attributes, "node_type_id")
			delete(attributes, "driver_node_type_id")
		}
	}
	for _, name := range []string{"clone_from", "cluster_source", "idempotency_token"} {
		delete(attributes, name)
	}

	// A resize changes the cluster and not its spec. Where the spec has no size
	// at all, something else decides about it.
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
