package databrickstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const smallCluster = `"spark_version":"7.3.x-scala2.12","node_type_id":"Standard_DS3_v2"`

// An object is a JSON object in a response.
type object = map[string]any

// callOK sends a request that must succeed.
func callOK(t testing.TB, s *Server, method, path, body string, change ...func(*http.Request)) object {
	t.Helper()
	got := send(t, s, method, path, body, change...)
	require.Equal(t, 200, got.status, "%s %s: %s", path, body, got.body)
	var out object
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&out))
	return out
}

// callFails sends a request that must fail.
func callFails(t testing.TB, s *Server, method, path, body string, status int, code, message string, change ...func(*http.Request)) {
	t.Helper()
	got := send(t, s, method, path, body, change...)
	assert.Equal(t, status, got.status, "%s %s: %s", path, body, got.body)
	var out struct {
		Code    any    `json:"error_code"`
		Message string `json:"message"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &out), got.body)
	assert.Equal(t, code, fmt.Sprint(out.Code))
	assert.Contains(t, out.Message, message)
}

func newCluster(t testing.TB, s *Server, more string) string {
	t.Helper()
	return callOK(t, s, "POST", "/api/2.0/clusters/create", `{`+smallCluster+more+`}`)["cluster_id"].(string)
}

func getCluster(t testing.TB, s *Server, id string) object {
	t.Helper()
	return callOK(t, s, "GET", "/api/2.0/clusters/get?cluster_id="+id, "")
}

func change(t testing.TB, s *Server, verb, id string) {
	t.Helper()
	callOK(t, s, "POST", "/api/2.0/clusters/"+verb, `{"cluster_id":"`+id+`"}`)
}

func cantChange(t testing.TB, s *Server, verb, id, code, message string) {
	t.Helper()
	callFails(t, s, "POST", "/api/2.0/clusters/"+verb, `{"cluster_id":"`+id+`","num_workers":1,`+smallCluster+`}`, 400, code, message)
}

// eventTypes are the types of a cluster's events, oldest first.
func eventTypes(t testing.TB, s *Server, id string) (types []string) {
	t.Helper()
	events, _ := callOK(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`","order":"ASC"}`)["events"].([]any)
	for _, e := range events {
		types = append(types, e.(object)["type"].(string))
	}
	return types
}

// bubble runs a test with virtual time.
func bubble(t *testing.T, f func(t *testing.T, s *Server), opts ...Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newServer(t, opts...)) })
}

func TestClusters_lifeCycle(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":2,"cluster_name":"etl"`)
		assert.Regexp(t, `^0101-000000-[a-z0-9]{8}$`, id)
		cl := getCluster(t, s, id)
		assert.Equal(t, "PENDING", cl["state"])
		for _, absent := range []string{"driver", "executors", "spark_context_id", "jdbc_port", "ssh_public_keys", "spark_env_vars", "init_scripts", "terminated_time"} {
			assert.NotContains(t, cl, absent)
		}
		cantChange(t, s, "start", id, "INVALID_STATE", "Cluster "+id+" is in unexpected state Pending.")
		cantChange(t, s, "restart", id, "INVALID_STATE", "unexpected state Pending")
		cantChange(t, s, "resize", id, "INVALID_STATE", "unexpected state Pending")
		cantChange(t, s, "edit", id, "INVALID_STATE", "unexpected state Pending")

		time.Sleep(299 * time.Millisecond)
		assert.Equal(t, "PENDING", getCluster(t, s, id)["state"])
		time.Sleep(time.Millisecond)
		cl = getCluster(t, s, id)
		assert.Equal(t, "RUNNING", cl["state"])
		assert.Equal(t, "", cl["state_message"])
		assert.Len(t, cl["executors"], 2)
		assert.Equal(t, json.Number("43008"), cl["cluster_memory_mb"])
		assert.Greater(t, len(cl["spark_context_id"].(json.Number)), 17)
		started, contextID := cl["start_time"], cl["spark_context_id"]

		time.Sleep(time.Second)
		change(t, s, "restart", id)
		cl = getCluster(t, s, id)
		assert.Equal(t, "RESTARTING", cl["state"])
		cantChange(t, s, "restart", id, "INVALID_STATE", "unexpected state Restarting")
		time.Sleep(200 * time.Millisecond)
		cl = getCluster(t, s, id)
		assert.Equal(t, "RUNNING", cl["state"])
		assert.NotEqual(t, contextID, cl["spark_context_id"])
		assert.Equal(t, started, cl["start_time"])
		assert.Equal(t, cl["last_restarted_time"], cl["last_state_loss_time"])
		assert.NotEqual(t, started, cl["last_restarted_time"])

		change(t, s, "delete", id)
		change(t, s, "delete", id)
		cl = getCluster(t, s, id)
		assert.Equal(t, "TERMINATING", cl["state"])
		cantChange(t, s, "start", id, "INVALID_STATE", "unexpected state Terminating")
		time.Sleep(100 * time.Millisecond)
		cl = getCluster(t, s, id)
		assert.Equal(t, "TERMINATED", cl["state"])
		assert.Equal(t, object{"code": "USER_REQUEST", "type": "SUCCESS", "parameters": object{"username": AdminName}}, cl["termination_reason"])
		assert.NotContains(t, cl, "driver")
		assert.Contains(t, cl, "terminated_time")
		change(t, s, "delete", id)
		cantChange(t, s, "restart", id, "INVALID_STATE", "unexpected state Terminated")

		change(t, s, "start", id)
		cl = getCluster(t, s, id)
		assert.Equal(t, "PENDING", cl["state"])
		assert.NotContains(t, cl, "termination_reason")
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING", getCluster(t, s, id)["state"])
		cantChange(t, s, "start", id, "INVALID_STATE", "unexpected state Running")

		assert.Equal(t, []string{"CREATING", "DRIVER_HEALTHY", "RUNNING", "RESTARTING", "DRIVER_HEALTHY", "RUNNING",
			"TERMINATING", "STARTING", "DRIVER_HEALTHY", "RUNNING"}, eventTypes(t, s, id))

		change(t, s, "permanent-delete", id)
		for _, verb := range []string{"get", "start", "delete", "permanent-delete", "pin", "unpin", "events", "edit", "resize", "restart"} {
			if verb == "get" {
				callFails(t, s, "GET", "/api/2.1/clusters/get?cluster_id="+id, "", 400, "INVALID_PARAMETER_VALUE", "Cluster "+id+" does not exist")
				continue
			}
			cantChange(t, s, verb, id, "INVALID_PARAMETER_VALUE", "Cluster "+id+" does not exist")
		}
		assert.Empty(t, callOK(t, s, "GET", "/api/2.0/clusters/list", ""))
	})
}

func TestClusters_terminateWhileStarting(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":0`)
		change(t, s, "delete", id)
		time.Sleep(time.Hour)
		assert.Equal(t, "TERMINATED", getCluster(t, s, id)["state"])
		assert.Equal(t, []string{"CREATING", "TERMINATING"}, eventTypes(t, s, id))
	})
}

func TestClusters_defaults(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":0,"data_security_mode":"DATA_SECURITY_MODE_DEDICATED","spark_conf":{"a":true,"b":5},
			"runtime_engine":"PHOTON","enable_elastic_disk":false,"apply_policy_default_values":true,"no_such_attribute":1,"azure_attributes":{"first_on_demand":3}`)
		cl := getCluster(t, s, id)
		for name, want := range map[string]any{
			"num_workers": json.Number("0"), "driver_node_type_id": "Standard_DS3_v2", "cluster_source": "API", "cluster_name": "",
			"creator_user_name": AdminName, "enable_elastic_disk": false, "enable_local_disk_encryption": false,
			"autotermination_minutes": json.Number("0"), "disk_spec": object{}, "driver_healthy": false, "init_scripts_safe_mode": false,
			"azure_attributes":   object{"first_on_demand": json.Number("3"), "availability": "ON_DEMAND_AZURE", "spot_bid_max_price": json.Number("-1")},
			"default_tags":       object{"Vendor": "Databricks", "Creator": AdminName, "ClusterName": "", "ClusterId": id},
			"instance_source":    object{"node_type_id": "Standard_DS3_v2"},
			"data_security_mode": "SINGLE_USER", "single_user_name": AdminName, "spark_conf": object{"a": "true", "b": "5"},
			"effective_spark_version": "7.3.x-photon-scala2.12", "last_state_loss_time": json.Number("0"),
			"spec": object{
				"num_workers": json.Number("0"), "spark_version": "7.3.x-scala2.12", "node_type_id": "Standard_DS3_v2",
				"data_security_mode": "DATA_SECURITY_MODE_DEDICATED", "spark_conf": object{"a": "true", "b": "5"}, "runtime_engine": "PHOTON",
				"enable_elastic_disk": false, "apply_policy_default_values": true, "azure_attributes": object{"first_on_demand": json.Number("3")},
			},
		} {
			assert.Equal(t, want, cl[name], name)
		}
		for _, absent := range []string{"no_such_attribute", "autoscale", "apply_policy_default_values"} {
			assert.NotContains(t, cl, absent)
		}
	})
}

func TestClusters_rejected(t *testing.T) {
	s := newServer(t, WithoutSocket())
	many := func(format string, n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return strings.Join(parts, ",")
	}
	for more, message := range map[string]string{
		``:                         "Missing required field: size",
		`"num_workers":null`:       "Missing required field: size",
		`"num_workers":-1`:         "num_workers",
		`"num_workers":2000000000`: "num_workers",
		`"num_workers":1,"autoscale":{"min_workers":1,"max_workers":2}`:                                                "Only one of",
		`"autoscale":{"min_workers":2,"max_workers":1}`:                                                                "max_workers must not be less",
		`"num_workers":1,"spark_version":""`:                                                                           "Missing required field 'spark_version'",
		`"num_workers":1,"spark_version":"newest"`:                                                                     "Invalid spark version",
		`"num_workers":1,"node_type_id":null`:                                                                          "Missing required field 'node_type_id'",
		`"num_workers":1,"node_type_id":"big"`:                                                                         "Node type big",
		`"num_workers":1,"instance_pool_id":"p"`:                                                                       "instance pool",
		`"num_workers":1,"driver_instance_pool_id":"p"`:                                                                "driver_instance_pool_id",
		`"num_workers":1,"autotermination_minutes":9`:                                                                  "autotermination_minutes",
		`"num_workers":1,"autotermination_minutes":10001`:                                                              "autotermination_minutes",
		`"num_workers":1,"ssh_public_keys":[` + many(`"k#"`, 11) + `]`:                                                 "SSH",
		`"num_workers":1,"custom_tags":{` + many(`"k#":"v"`, 46) + `}`:                                                 "custom tags",
		`"num_workers":1,"custom_tags":{"a?":"v"}`:                                                                     "Invalid tag key",
		`"num_workers":1,"custom_tags":{"AzureX":"v"}`:                                                                 "reserved",
		`"num_workers":1,"custom_tags":{"a":"` + strings.Repeat("é", 257) + `"}`:                                       "at most 256",
		`"num_workers":1,"aws_attributes":{"zone_id":"a"},"azure_attributes":{"first_on_demand":1}`:                    "Only one of",
		`"num_workers":1,"azure_attributes":{"first_on_demand":0}`:                                                     "first_on_demand",
		`"num_workers":1,"azure_attributes":{"spot_bid_max_price":0}`:                                                  "spot_bid_max_price",
		`"num_workers":1,"cluster_log_conf":{"dbfs":{"destination":"dbfs:/a"},"volumes":{"destination":"/Volumes/a"}}`: "Exactly one destination",
		`"num_workers":1,"init_scripts":[{"dbfs":{"destination":"/a"}}]`:                                               "dbfs:/",
		`"num_workers":1,"init_scripts":[{"s3":{"destination":"s3://a"}}]`:                                             "region or endpoint",
		`"num_workers":1,"is_single_node":true`:                                                                        "kind",
		`"num_workers":1,"idempotency_token":"` + strings.Repeat("x", 65) + `"`:                                        "idempotency_token",
		`"num_workers":1,"clone_from":{"source_cluster_id":"x"}`:                                                       "Cluster x does not exist",
		`"num_workers":1,"spark_version":"10.4.x-photon-scala2.12","runtime_engine":"PHOTON"`:                          "runtime_engine",
	} {
		var body object
		require.NoError(t, json.Unmarshal([]byte(`{`+smallCluster+`}`), &body))
		require.NoError(t, json.Unmarshal([]byte(`{`+more+`}`), &body))
		text, _ := json.Marshal(body)
		callFails(t, s, "POST", "/api/2.0/clusters/create", string(text), 400, "INVALID_PARAMETER_VALUE", message)
	}
	for body, message := range map[string]string{
		`{"num_workers":{}}`:   "Expected Scalar value for field 'num_workers' not 'START_OBJECT'",
		`{"num_workers":"x"}`:  "Could not parse value 'x' of field 'num_workers' as int",
		`{"num_workers":1.5}`:  "1.5",
		`{"spark_conf":[]}`:    "spark_conf",
		`{"init_scripts":"x"}`: "START_ARRAY",
		`{"autoscale":3}`:      "START_OBJECT",
		`[]`:                   "expected a map",
		`{"a":`:                "failed to parse",
		`{} x`:                 "failed to parse",
		`num_workers=1`:        "failed to parse",
	} {
		callFails(t, s, "POST", "/api/2.0/clusters/create", body, 400, "MALFORMED_REQUEST", message)
	}
	assert.Empty(t, callOK(t, s, "GET", "/api/2.0/clusters/list", ""), "no cluster was created")
}

func TestClusters_idempotencyToken(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		first := newCluster(t, s, `,"num_workers":1,"idempotency_token":"a"`)
		assert.Equal(t, first, newCluster(t, s, `,"num_workers":1,"idempotency_token":"a"`))
		assert.NotEqual(t, first, newCluster(t, s, `,"num_workers":1,"idempotency_token":"b"`))
		assert.NotEqual(t, first, newCluster(t, s, `,"num_workers":1`))
		change(t, s, "delete", first)
		time.Sleep(time.Second)
		assert.NotEqual(t, first, newCluster(t, s, `,"num_workers":1,"idempotency_token":"a"`), "a terminated cluster does not occupy its token")
	})
}

func TestClusters_resize(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":2`)
		time.Sleep(time.Second)
		resize := func(size string) object {
			callOK(t, s, "POST", "/api/2.0/clusters/resize", `{"cluster_id":"`+id+`",`+size+`}`)
			return getCluster(t, s, id)
		}
		cl := resize(`"num_workers":6`)
		assert.Equal(t, "RESIZING", cl["state"])
		assert.Equal(t, json.Number("6"), cl["num_workers"], "the target changes immediately")
		assert.Len(t, cl["executors"], 2, "the executors change later")
		cantChange(t, s, "resize", id, "INVALID_STATE", "Resizing")
		time.Sleep(time.Second)
		cl = getCluster(t, s, id)
		assert.Len(t, cl["executors"], 6)
		assert.Equal(t, "RUNNING", cl["state"])
		assert.Equal(t, json.Number("2"), cl["spec"].(object)["num_workers"], "the spec is that of the latest create or edit")

		for _, step := range []struct {
			before int
			after  int
		}{{6, 6}, {12, 10}, {3, 5}} {
			resize(fmt.Sprintf(`"num_workers":%d`, step.before))
			time.Sleep(time.Second)
			cl = resize(`"autoscale":{"min_workers":5,"max_workers":10}`)
			assert.NotContains(t, cl, "num_workers")
			time.Sleep(time.Second)
			assert.Len(t, getCluster(t, s, id)["executors"], step.after)
		}
		resize(`"num_workers":0`)
		time.Sleep(time.Second)
		cl = getCluster(t, s, id)
		assert.Equal(t, json.Number("0"), cl["num_workers"])
		assert.NotContains(t, cl, "executors")
		callFails(t, s, "POST", "/api/2.0/clusters/resize", `{"cluster_id":"`+id+`"}`, 400, "INVALID_PARAMETER_VALUE", "size")
	})
}

func TestClusters_edit(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":2,"cluster_name":"a","custom_tags":{"x":"y"}`)
		time.Sleep(time.Second)
		edit := func(more string) {
			callOK(t, s, "POST", "/api/2.1/clusters/edit", `{"cluster_id":"`+id+`",`+smallCluster+more+`}`)
		}
		edit(`,"autoscale":{"min_workers":3,"max_workers":5}`)
		cl := getCluster(t, s, id)
		assert.Equal(t, "RESTARTING", cl["state"])
		assert.Equal(t, "", cl["cluster_name"], "an omitted field is unset")
		assert.NotContains(t, cl, "custom_tags")
		time.Sleep(time.Second)
		assert.Len(t, getCluster(t, s, id)["executors"], 3, "an autoscaling cluster starts at its minimum")

		change(t, s, "delete", id)
		time.Sleep(time.Second)
		edit(`,"num_workers":1`)
		time.Sleep(time.Second)
		assert.Equal(t, "TERMINATED", getCluster(t, s, id)["state"], "it does not start")

		events := callOK(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`","event_types":["EDITED"]}`)
		details := events["events"].([]any)[1].(object)["details"].(object)
		assert.Equal(t, "a", details["previous_attributes"].(object)["cluster_name"])
		assert.NotContains(t, details["attributes"].(object), "cluster_name")
		assert.Equal(t, object{"num_workers": json.Number("2")}, details["previous_cluster_size"])
		assert.Equal(t, json.Number("5"), details["cluster_size"].(object)["autoscale"].(object)["max_workers"])
	})
}

func TestClusters_update(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":2,"cluster_name":"a","custom_tags":{"x":"y"},"azure_attributes":{"first_on_demand":2,"availability":"SPOT_AZURE"}`)
		time.Sleep(time.Second)
		update := func(mask, cluster string) object {
			callOK(t, s, "POST", "/api/2.1/clusters/update", `{"cluster_id":"`+id+`","update_mask":"`+mask+`","cluster":`+cluster+`}`)
			cl := getCluster(t, s, id)
			time.Sleep(time.Second)
			return cl
		}
		cl := update("cluster_name,custom_tags,azure_attributes.first_on_demand", `{"cluster_name":"b","num_workers":9,"azure_attributes":{"first_on_demand":4}}`)
		assert.Equal(t, "RESTARTING", cl["state"])
		assert.Equal(t, "b", cl["cluster_name"])
		assert.Equal(t, json.Number("2"), cl["num_workers"], "not in the mask")
		assert.NotContains(t, cl, "custom_tags", "in the mask, but unset")
		assert.Equal(t, object{"first_on_demand": json.Number("4"), "availability": "SPOT_AZURE", "spot_bid_max_price": json.Number("-1")}, cl["azure_attributes"])
		cl = update("autoscale", `{"autoscale":{"min_workers":1,"max_workers":3}}`)
		assert.NotContains(t, cl, "num_workers")
		cl = update("*", `{`+smallCluster+`,"num_workers":0}`)
		assert.Equal(t, "", cl["cluster_name"])
		callFails(t, s, "POST", "/api/2.0/clusters/update", "{}", 404, "ENDPOINT_NOT_FOUND", "No API found for 'POST /clusters/update'")
		callFails(t, s, "POST", "/api/2.1/clusters/update", `{"cluster_id":"`+id+`","update_mask":"num_workers"}`, 400, "INVALID_PARAMETER_VALUE", "size")
	})
}

func TestClusters_unknownAttributes(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":1,"new_thing":{"a":[1]},"azure_attributes":{"newer":12345678901234567890},"init_scripts":[{"dbfs":{"destination":"dbfs:/x","newest":true}}]`)
		cl := getCluster(t, s, id)
		for _, of := range []object{cl, cl["spec"].(object)} {
			assert.Equal(t, object{"a": []any{json.Number("1")}}, of["new_thing"])
			assert.Equal(t, json.Number("12345678901234567890"), of["azure_attributes"].(object)["newer"])
			assert.Equal(t, []any{object{"dbfs": object{"destination": "dbfs:/x", "newest": true}}}, of["init_scripts"])
		}
		time.Sleep(time.Second)
		cl = getCluster(t, s, id)
		text, _ := json.Marshal(cl) // as some tools do: send back everything that get returned
		callOK(t, s, "POST", "/api/2.0/clusters/edit", string(text))
		change(t, s, "delete", id)
		time.Sleep(time.Second)
		cl = getCluster(t, s, id)
		assert.Contains(t, cl, "new_thing")
		assert.NotContains(t, cl, "driver", "members of responses are not attributes")
		callOK(t, s, "POST", "/api/2.1/clusters/update", `{"cluster_id":"`+id+`","update_mask":"cluster_name","cluster":{"cluster_name":"b"}}`)
		assert.Contains(t, getCluster(t, s, id), "new_thing")
	}, WithUnknownAttributes())
}

func TestClusters_failures(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		s.FailNextCluster(ClusterFailure{Code: "CLOUD_PROVIDER_LAUNCH_FAILURE", Type: "CLOUD_FAILURE", Message: "no nodes",
			Parameters: map[string]string{"azure_error_code": "AllocationFailed"}})
		bad, good := newCluster(t, s, `,"num_workers":1`), newCluster(t, s, `,"num_workers":1`)
		always := newCluster(t, s, `,"num_workers":1,"spark_conf":{"spark.databrickstest.fail":"SPARK_STARTUP_FAILURE"}`)
		time.Sleep(time.Second)
		cl := getCluster(t, s, bad)
		assert.Equal(t, "TERMINATED", cl["state"])
		assert.Equal(t, "no nodes", cl["state_message"])
		assert.Equal(t, object{"code": "CLOUD_PROVIDER_LAUNCH_FAILURE", "type": "CLOUD_FAILURE", "parameters": object{"azure_error_code": "AllocationFailed"}}, cl["termination_reason"])
		assert.Equal(t, "RUNNING", getCluster(t, s, good)["state"])
		assert.Equal(t, "SPARK_STARTUP_FAILURE", getCluster(t, s, always)["termination_reason"].(object)["code"])

		require.NoError(t, s.TerminateCluster(good, ClusterFailure{Code: "CLOUD_PROVIDER_SHUTDOWN", Type: "CLOUD_FAILURE"}))
		assert.Equal(t, "TERMINATING", getCluster(t, s, good)["state"])
		assert.Error(t, s.TerminateCluster(good, ClusterFailure{}))
		assert.Error(t, s.TerminateCluster("none", ClusterFailure{}))
		change(t, s, "start", bad)
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING", getCluster(t, s, bad)["state"])
	})
}

func TestClusters_autotermination(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		var used time.Time
		s.clusters.idleness(func(*cluster, time.Time) time.Time { return used })
		id := newCluster(t, s, `,"num_workers":1,"autotermination_minutes":10`)
		time.Sleep(5 * time.Minute)
		used = time.Now()
		time.Sleep(9 * time.Minute)
		cl := getCluster(t, s, id)
		assert.Equal(t, "RUNNING", cl["state"])
		time.Sleep(time.Hour)
		cl = getCluster(t, s, id)
		assert.Equal(t, "TERMINATED", cl["state"])
		assert.Equal(t, object{"code": "INACTIVITY", "type": "SUCCESS", "parameters": object{"inactivity_duration_min": "10"}}, cl["termination_reason"])
		assert.Equal(t, json.Number(fmt.Sprint(used.Add(10*time.Minute).UnixMilli())), cl["terminated_time"], "at the time when it was due, not when it was read")
		assert.Equal(t, "Inactive cluster terminated (inactive for 10 minutes).", cl["state_message"])
	})
}

func TestClusters_events(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":1,"init_scripts":[{"dbfs":{"destination":"dbfs:/a"}}]`)
		time.Sleep(time.Second)
		for range 30 {
			change(t, s, "pin", id)
			change(t, s, "unpin", id)
		}
		const total = 65 // CREATING, INIT_SCRIPTS_STARTED and _FINISHED, DRIVER_HEALTHY, RUNNING, 60 of pinning
		page := callOK(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`"}`)
		assert.Len(t, page["events"], 50)
		assert.Equal(t, json.Number(fmt.Sprint(total)), page["total_count"])
		next := page["next_page"].(object)
		newest := page["events"].([]any)[0].(object)
		assert.Equal(t, "UNPINNED", newest["type"])
		assert.Equal(t, newest["timestamp"], next["end_time"])
		change(t, s, "pin", id) // must not shift the pages
		text, _ := json.Marshal(next)
		page = callOK(t, s, "POST", "/api/2.0/clusters/events", string(text))
		assert.Len(t, page["events"], total-50)
		assert.Equal(t, "CREATING", page["events"].([]any)[total-51].(object)["type"])
		assert.NotContains(t, page, "next_page")

		seen := map[string]int{}
		for token := ""; ; {
			page := callOK(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`","page_size":20,"page_token":"`+token+`"}`)
			for _, e := range page["events"].([]any) {
				seen[fmt.Sprint(e.(object)["timestamp"])]++
			}
			assert.NotContains(t, page, "total_count")
			assert.Equal(t, token != "", page["prev_page_token"] != nil)
			if token, _ = page["next_page_token"].(string); token == "" {
				break
			}
		}
		assert.Len(t, seen, total+1)

		oldest := callOK(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`","order":"ASC","limit":2,"event_types":["RUNNING","CREATING","PINNED"],"event_type":"no such field"}`)
		assert.Equal(t, json.Number("33"), oldest["total_count"])
		assert.Equal(t, "RUNNING", oldest["events"].([]any)[1].(object)["type"])
		assert.NotContains(t, oldest["next_page"], "end_time")
		for body, message := range map[string]string{
			`"offset":1`: "end_time", `"limit":501`: "500", `"order":"UP"`: "order", `"page_token":"?"`: "page token", `"offset":-1`: "offset",
		} {
			callFails(t, s, "POST", "/api/2.0/clusters/events", `{"cluster_id":"`+id+`",`+body+`}`, 400, "INVALID_PARAMETER_VALUE", message)
		}
	})
}

func TestClusters_pins(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		a, b := newCluster(t, s, `,"num_workers":1`), newCluster(t, s, `,"num_workers":1`)
		asAlice := func(verb, id string) {
			t.Helper()
			got := send(t, s, "POST", "/api/2.0/clusters/"+verb, `{"cluster_id":"`+id+`","owner_username":"x"}`, signedBy("Bearer dapialice"))
			assert.Equal(t, 403, got.status)
			assert.Contains(t, got.body, "PERMISSION_DENIED")
		}
		asAlice("pin", a)
		asAlice("unpin", a)
		asAlice("change-owner", a)
		change(t, s, "pin", a)
		change(t, s, "pin", a)
		assert.NotEmpty(t, getCluster(t, s, a)["pinned_by_user_name"])
		cantChange(t, s, "pin", b, "QUOTA_EXCEEDED", "limit of 1")
		cantChange(t, s, "permanent-delete", a, "INVALID_STATE", "unpin the cluster first")
		change(t, s, "unpin", a)
		change(t, s, "unpin", a)
		change(t, s, "pin", b)
		assert.Equal(t, []string{"CREATING", "PINNED", "UNPINNED"}, eventTypes(t, s, a))
	}, WithPinLimit(1), WithUser(User{Name: "alice@example.com", Token: "dapialice"}))
}

func TestClusters_changeOwner(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":1`)
		cantChange(t, s, "change-owner", id, "INVALID_PARAMETER_VALUE", "owner_username")
		body := `{"cluster_id":"` + id + `","owner_username":"alice@example.com"}`
		callFails(t, s, "POST", "/api/2.0/clusters/change-owner", body, 400, "INVALID_STATE", "Pending")
		change(t, s, "delete", id)
		time.Sleep(time.Second)
		callOK(t, s, "POST", "/api/2.0/clusters/change-owner", body)
		assert.Equal(t, "alice@example.com", getCluster(t, s, id)["creator_user_name"])
	})
}

func TestClusters_list(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		var active, ended []string
		for i := range 155 {
			id := newCluster(t, s, fmt.Sprintf(`,"num_workers":0,"cluster_name":"c%d","cluster_source":"%s"`, i%7, map[bool]string{true: "JOB", false: "API"}[i%2 == 1]))
			if i < 5 {
				active = append(active, id)
				continue
			}
			time.Sleep(time.Second)
			change(t, s, "delete", id)
			ended = append(ended, id)
		}
		change(t, s, "pin", ended[0])
		time.Sleep(time.Second)
		clusters := callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"].([]any)
		assert.Len(t, clusters, 5+1+70+30, "active, pinned, all-purpose, of jobs")
		ids := map[string]bool{}
		for _, cl := range clusters {
			ids[cl.(object)["cluster_id"].(string)] = true
			assert.NotContains(t, cl, "spec")
		}
		assert.Len(t, ids, len(clusters))
		assert.True(t, ids[active[0]] && ids[ended[0]] && ids[ended[149]] && !ids[ended[2]])

		for _, sort := range []string{"", "&sort_by.field=CLUSTER_NAME", "&sort_by.direction=DESC", "&sort_by.field=CLUSTER_NAME&sort_by.direction=DESC"} {
			var forth, back []string
			token, last := "", ""
			for done := false; !done; {
				page := callOK(t, s, "GET", "/api/2.1/clusters/list?page_size=40&page_token="+token+sort, "")
				for _, cl := range page["clusters"].([]any) {
					forth = append(forth, cl.(object)["cluster_id"].(string))
				}
				last, _ = page["prev_page_token"].(string)
				token, _ = page["next_page_token"].(string)
				done = token == ""
			}
			for last != "" {
				page := callOK(t, s, "GET", "/api/2.1/clusters/list?page_size=40&page_token="+last+sort, "")
				var ids []string
				for _, cl := range page["clusters"].([]any) {
					ids = append(ids, cl.(object)["cluster_id"].(string))
				}
				back = append(ids, back...)
				last, _ = page["prev_page_token"].(string)
			}
			assert.Len(t, forth, 155)
			assert.Equal(t, forth[:120], back, "backward through the pages")
			unique := map[string]bool{}
			for _, id := range forth {
				unique[id] = true
			}
			assert.Len(t, unique, 155)
		}
		count := func(query string) int {
			clusters, _ := callOK(t, s, "GET", "/api/2.1/clusters/list?page_size=1000&"+query, "")["clusters"].([]any)
			return len(clusters)
		}
		assert.Equal(t, 1, count("filter_by.is_pinned=true"))
		assert.Equal(t, 100, count("filter_by.is_pinned=false"), "pages end at 100")
		assert.Equal(t, 5, count("filter_by.cluster_states=RUNNING&filter_by.cluster_states=PENDING"))
		assert.Equal(t, 77, count("filter_by.cluster_sources=JOB"))
		assert.Equal(t, 0, count("filter_by.policy_id=none"))
		callFails(t, s, "GET", "/api/2.1/clusters/list?page_token=x", "", 400, "INVALID_PARAMETER_VALUE", "page token")

		time.Sleep(31 * 24 * time.Hour)
		assert.Len(t, callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"], 6)
		callFails(t, s, "GET", "/api/2.0/clusters/get?cluster_id="+ended[1], "", 400, "INVALID_STATE", "terminated or unpinned more than 30 days ago")
		change(t, s, "unpin", ended[0])
		assert.Len(t, callOK(t, s, "GET", "/api/2.0/clusters/list", "")["clusters"], 5, "an old one leaves the list when unpinned")
		getCluster(t, s, ended[0])
	})
}

func TestClusters_ofJobs(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newCluster(t, s, `,"num_workers":1,"cluster_source":"JOB"`)
		time.Sleep(time.Second)
		cantChange(t, s, "edit", id, "INVALID_PARAMETER_VALUE", "Cannot edit cluster "+id+" created by JobLauncher")
		change(t, s, "delete", id)
		time.Sleep(time.Second)
		cantChange(t, s, "start", id, "INVALID_PARAMETER_VALUE", "created by JobLauncher")
	})
}

func TestClusters_watchers(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		var seen []clusterChangeKind
		s.clusters.watch(func(c clusterChange) { seen = append(seen, c.kind) })
		id := newCluster(t, s, `,"num_workers":1`)
		time.Sleep(time.Second)
		getCluster(t, s, id)
		change(t, s, "restart", id)
		time.Sleep(time.Second)
		change(t, s, "permanent-delete", id)
		assert.Equal(t, []clusterChangeKind{clusterIsUp, clusterLostState, clusterIsUp, clusterIsDown, clusterIsGone}, seen)
	})
}

func TestClusters_catalog(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for _, version := range []string{"2.0", "2.1"} {
		usable := 0
		for _, n := range callOK(t, s, "GET", "/api/"+version+"/clusters/list-node-types", "")["node_types"].([]any) {
			n := n.(object)
			if n["is_deprecated"] == false && len(n["node_info"].(object)["status"].([]any)) == 0 {
				usable++
			}
		}
		assert.Greater(t, usable, 5)
		assert.Contains(t, callOK(t, s, "GET", "/api/"+version+"/clusters/spark-versions", "")["versions"], object{"key": "15.4.x-scala2.12", "name": "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)"})
		assert.Contains(t, callOK(t, s, "GET", "/api/"+version+"/clusters/list-zones", ""), "default_zone")
	}
}

// crowd creates 10,000 clusters.
func crowd(s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range 10_000 {
		s.clusters.launch(s.now(), clusterLaunch{creator: AdminName, source: "API", spec: clusterSpec{
			NumWorkers: new(4), ClusterName: fmt.Sprint("c", i), SparkVersion: "7.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2",
			SparkConf: map[string]string{"spark.speculation": "true"},
		}})
	}
}

// The workspace works with many clusters.
func TestClusters_many(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithTimings(Timings{ClusterStart: -1}), WithRecording(Recording{Requests: -1}))
	crowd(s)
	got := send(t, s, "GET", "/api/2.0/clusters/list", "")
	var out struct {
		Clusters []struct {
			State     string
			Executors []any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &out))
	require.Len(t, out.Clusters, 10_000)
	assert.Equal(t, "RUNNING", out.Clusters[9999].State)
	assert.Len(t, out.Clusters[9999].Executors, 4)
	assert.Greater(t, len(got.body), 20<<20)
	assert.Empty(t, s.Requests())
}

func BenchmarkClusters_list(b *testing.B) {
	s := newServer(b, WithoutSocket(), WithTimings(Timings{ClusterStart: -1}))
	crowd(s)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(send(b, s, "GET", "/api/2.0/clusters/list", "").body)))
	}
}

func BenchmarkClusters_get(b *testing.B) {
	s := newServer(b, WithoutSocket(), WithTimings(Timings{ClusterStart: -1}))
	id := newCluster(b, s, `,"num_workers":4`)
	b.ReportAllocs()
	for b.Loop() {
		send(b, s, "GET", "/api/2.0/clusters/get?cluster_id="+id, "")
	}
}
