package databrickstest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func newPool(t testing.TB, s *Server, more string) string {
	t.Helper()
	return callOK(t, s, "POST", "/api/2.0/instance-pools/create", `{"instance_pool_name":"p","node_type_id":"Standard_DS4_v2"`+more+`}`)["instance_pool_id"].(string)
}

// A pool keeps idle instances and gives nodes to clusters, up to its capacity.
func TestPools(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newPool(t, s, `,"min_idle_instances":2,"max_capacity":4`)
		stats := func() string {
			text, err := json.Marshal(callOK(t, s, "GET", "/api/2.0/instance-pools/get?instance_pool_id="+id, "")["stats"])
			assert.NoError(t, err)
			return string(text)
		}
		assert.JSONEq(t, `{"used_count":0,"idle_count":0,"pending_used_count":0,"pending_idle_count":2}`, stats())
		time.Sleep(time.Hour)
		assert.JSONEq(t, `{"used_count":0,"idle_count":2,"pending_used_count":0,"pending_idle_count":0}`, stats())

		const version = `"spark_version":"7.3.x-scala2.12"`
		create := func(workers string) string {
			return callOK(t, s, "POST", "/api/2.0/clusters/create", `{`+version+`,"instance_pool_id":"`+id+`","num_workers":`+workers+`}`)["cluster_id"].(string)
		}
		first := create("1")
		assert.JSONEq(t, `{"used_count":0,"idle_count":2,"pending_used_count":2,"pending_idle_count":0}`, stats())
		time.Sleep(time.Hour)
		assert.JSONEq(t, `{"used_count":2,"idle_count":2,"pending_used_count":0,"pending_idle_count":0}`, stats())
		cluster := getCluster(t, s, first)
		assert.Equal(t, "Standard_DS4_v2", cluster["node_type_id"])
		assert.Equal(t, object{"instance_pool_id": id}, cluster["instance_source"])

		// A cluster that needs too many nodes fails. A cluster that grows gets
		// the available nodes.
		second := create("3")
		time.Sleep(time.Hour)
		assert.Equal(t, object{"code": "INSTANCE_POOL_MAX_CAPACITY_REACHED", "type": "CLIENT_ERROR",
			"parameters": object{"instance_pool_id": id, "instance_pool_error_code": "INSTANCE_POOL_MAX_CAPACITY_FAILURE"}}, getCluster(t, s, second)["termination_reason"])
		callOK(t, s, "POST", "/api/2.0/clusters/resize", `{"cluster_id":"`+first+`","num_workers":9}`)
		time.Sleep(time.Hour)
		assert.Len(t, getCluster(t, s, first)["executors"], 3)
		assert.JSONEq(t, `{"used_count":4,"idle_count":0,"pending_used_count":0,"pending_idle_count":0}`, stats())
		change(t, s, "delete", first)
		time.Sleep(time.Hour)

		callOK(t, s, "POST", "/api/2.0/instance-pools/delete", `{"instance_pool_id":"`+id+`"}`)
		callFails(t, s, "GET", "/api/2.0/instance-pools/get?instance_pool_id="+id, "", 404, "RESOURCE_DOES_NOT_EXIST", id)
		callFails(t, s, "POST", "/api/2.0/clusters/create", `{`+version+`,"instance_pool_id":"`+id+`","num_workers":1}`, 400, "INVALID_PARAMETER_VALUE", "Can't find an instance pool")
		change(t, s, "start", first)
		time.Sleep(time.Hour)
		assert.Equal(t, "INSTANCE_POOL_NOT_FOUND", getCluster(t, s, first)["termination_reason"].(object)["code"])
	})
}

func TestPools_rejected(t *testing.T) {
	s := newServer(t, WithoutSocket())
	id := newPool(t, s, `,"idempotency_token":"t"`)
	assert.Equal(t, id, newPool(t, s, `,"idempotency_token":"t"`), "the same token")
	const create, edit = "/api/2.0/instance-pools/create", "/api/2.0/instance-pools/edit"
	for body, says := range map[string]string{
		`{"instance_pool_name":"p","node_type_id":"Standard_DS4_v2"}`:                                               "already exists",
		`{"instance_pool_name":"q"}`:                                                                                "node_type_id",
		`{"instance_pool_name":"q","node_type_id":"?"}`:                                                             "is not supported",
		`{"instance_pool_name":"q","node_type_id":"Standard_DS4_v2","min_idle_instances":3,"max_capacity":2}`:       "must not be greater",
		`{"instance_pool_name":"q","node_type_id":"Standard_DS4_v2","idle_instance_autotermination_minutes":10001}`: "between 0 and 10000",
		`{"instance_pool_name":"q","node_type_id":"Standard_DS4_v2","preloaded_spark_versions":["a","b"]}`:          "At most one",
		`{"instance_pool_name":"q","node_type_id":"Standard_DS4_v2","custom_tags":{"azure":"x"}}`:                   "reserved",
	} {
		callFails(t, s, "POST", create, body, 400, "INVALID_PARAMETER_VALUE", says)
	}
	callFails(t, s, "POST", edit, `{"instance_pool_id":"`+id+`","instance_pool_name":"p","node_type_id":"Standard_DS3_v2"}`, 400, "INVALID_PARAMETER_VALUE", "cannot be changed")
	callOK(t, s, "POST", edit, `{"instance_pool_id":"`+id+`","instance_pool_name":"p2","node_type_id":"Standard_DS4_v2","idle_instance_autotermination_minutes":0}`)
	pool := callOK(t, s, "GET", "/api/2.0/instance-pools/get?instance_pool_id="+id, "")
	assert.Equal(t, []any{"p2", json.Number("0"), "ACTIVE"}, []any{pool["instance_pool_name"], pool["idle_instance_autotermination_minutes"], pool["state"]})
}
