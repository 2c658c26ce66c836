package databrickstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newPolicy(t testing.TB, s *Server, name, definition string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "definition": definition})
	require.NoError(t, err)
	return callOK(t, s, "POST", "/api/2.0/policies/clusters/create", string(body))["policy_id"].(string)
}

// under returns the body of a cluster under a policy.
func under(policy, more string) string { return `{"policy_id":"` + policy + `"` + more + `}` }

// TestPolicies_rules checks what each type of rule allows and rejects.
func TestPolicies_rules(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const base = `,"spark_version":"7.3.x-scala2.12","node_type_id":"Standard_DS3_v2","num_workers":1`
	for i, rule := range []struct{ definition, good, bad, says string }{
		{`"custom_tags.team":{"type":"fixed","value":"etl"}`, ``, `,"custom_tags":{"team":"x"}`, `custom_tags.team, the value must be etl (is "x")`},
		{`"autotermination_minutes":{"type":"fixed","value":30}`, `,"autotermination_minutes":30`, `,"autotermination_minutes":60`, `autotermination_minutes, the value must be 30`},
		{`"ssh_public_keys":{"type":"forbidden"}`, ``, `,"ssh_public_keys":["k"]`, "the value must not be present"},
		{`"azure_attributes":{"type":"forbidden"}`, ``, `,"azure_attributes":{"first_on_demand":1}`, "azure_attributes.first_on_demand, the value must not be present"},
		{`"data_security_mode":{"type":"allowlist","values":["SINGLE_USER","NONE"]}`, `,"data_security_mode":"NONE"`, `,"data_security_mode":"USER_ISOLATION"`, "one of SINGLE_USER, NONE"},
		{`"data_security_mode":{"type":"allowlist","values":["NONE"]}`, `,"data_security_mode":"NONE"`, ``, "data_security_mode, is required by the policy"},
		{`"data_security_mode":{"type":"allowlist","values":["NONE"],"isOptional":true}`, ``, `,"data_security_mode":"X"`, "one of NONE"},
		{`"data_security_mode":{"type":"blocklist","values":["NONE"],"isOptional":true}`, ``, `,"data_security_mode":"NONE"`, "must not be one of NONE"},
		{`"data_security_mode":{"type":"blocklist","values":["NONE"]}`, `,"data_security_mode":"SINGLE_USER"`, ``, "data_security_mode, is required by the policy"},
		{`"cluster_name":{"type":"regex","pattern":"team-.*"}`, `,"cluster_name":"team-a"`, `,"cluster_name":"my-team-a"`, "must match team-.*"},
		{`"autotermination_minutes":{"type":"range","minValue":20,"maxValue":60}`, `,"autotermination_minutes":20`, `,"autotermination_minutes":61`, "at most 60"},
		{`"autotermination_minutes":{"type":"range","minValue":20}`, `,"autotermination_minutes":90`, `,"autotermination_minutes":10`, "at least 20"},
		{`"spark_conf.a.b":{"type":"unlimited"}`, `,"spark_conf":{"a.b":"1"}`, ``, "spark_conf.a.b, is required"},
		{`"init_scripts.*.dbfs.destination":{"type":"regex","pattern":"dbfs:/ok/.*"}`, `,"init_scripts":[{"dbfs":{"destination":"dbfs:/ok/a"}}]`,
			`,"init_scripts":[{"dbfs":{"destination":"dbfs:/ok/a"}},{"dbfs":{"destination":"dbfs:/b"}}]`, "init_scripts.1.dbfs.destination"},
		{`"init_scripts.*":{"type":"forbidden"}`, ``, `,"init_scripts":[{"dbfs":{"destination":"dbfs:/b"}}]`, "init_scripts.0.dbfs.destination, the value must not be present"},
		{`"cluster_type":{"type":"allowlist","values":["all-purpose","job"]}`, ``, `,"num_workers":-1`, "num_workers"},
	} {
		t.Run(rule.definition, func(t *testing.T) {
			id := newPolicy(t, s, fmt.Sprint("p", i), `{`+rule.definition+`}`)
			callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, base+rule.good))
			callFails(t, s, "POST", "/api/2.0/clusters/create", under(id, strings.Replace(base, `"num_workers":1`, `"num_workers":1`, 1)+rule.bad), 400, "INVALID_PARAMETER_VALUE", rule.says)
		})
	}
}

// A rule on one form of a cluster's size cannot be evaded by using the other form.
func TestPolicies_size(t *testing.T) {
	s := newServer(t, WithoutSocket())
	const base, fixed, scaled = `,"spark_version":"7.3.x-scala2.12","node_type_id":"Standard_DS3_v2"`, `,"num_workers":2`, `,"autoscale":{"min_workers":1,"max_workers":99}`
	for i, row := range []struct{ definition, good, bad, says string }{
		{`"num_workers":{"type":"range","maxValue":3}`, fixed, scaled, "num_workers, is required by the policy"},
		{`"num_workers":{"type":"fixed","value":2}`, fixed, scaled, "num_workers, the value must be 2"},
		{`"num_workers":{"type":"range","maxValue":3,"isOptional":true}`, scaled, `,"num_workers":4`, "at most 3"},
		{`"autoscale.max_workers":{"type":"range","maxValue":100}`, scaled, fixed, "autoscale.max_workers, is required"},
		{`"autoscale.max_workers":{"type":"fixed","value":99}`, scaled, fixed, "autoscale.max_workers, the value must be 99"},
		{`"num_workers":{"type":"range","maxValue":3},"autoscale.max_workers":{"type":"range","maxValue":100}`, scaled, `,"num_workers":4`, "at most 3"},
		{`"num_workers":{"type":"range","maxValue":3},"autoscale.max_workers":{"type":"range","maxValue":9}`, fixed, scaled, "at most 9"},
	} {
		t.Run(row.definition, func(t *testing.T) {
			id := newPolicy(t, s, fmt.Sprint("size", i), `{`+row.definition+`}`)
			callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, base+row.good))
			callFails(t, s, "POST", "/api/2.0/clusters/create", under(id, base+row.bad), 400, "INVALID_PARAMETER_VALUE", row.says)
		})
	}
}

// A request may omit fields that the policy fixes. The policy's defaults apply
// on request.
func TestPolicies_fillIn(t *testing.T) {
	s := newServer(t, WithoutSocket())
	id := newPolicy(t, s, "p", `{"spark_version":{"type":"fixed","value":"auto:latest-lts"},"node_type_id":{"type":"fixed","value":"Standard_DS3_v2"},
		"spark_conf.a.b":{"type":"fixed","value":"1"},"num_workers":{"type":"range","maxValue":3,"defaultValue":2},"autotermination_minutes":{"type":"unlimited","defaultValue":45,"isOptional":true}}`)
	cluster := getCluster(t, s, callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, `,"num_workers":1`))["cluster_id"].(string))
	assert.Equal(t, "15.4.x-scala2.12", cluster["spark_version"])
	assert.Equal(t, "Standard_DS3_v2", cluster["node_type_id"])
	assert.Equal(t, object{"a.b": "1"}, cluster["spark_conf"])
	assert.Equal(t, json.Number("0"), cluster["autotermination_minutes"])
	callFails(t, s, "POST", "/api/2.0/clusters/create", under(id, ``), 400, "INVALID_PARAMETER_VALUE", "num_workers, is required")
	cluster = getCluster(t, s, callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, `,"apply_policy_default_values":true`))["cluster_id"].(string))
	assert.Equal(t, []any{json.Number("2"), json.Number("45")}, []any{cluster["num_workers"], cluster["autotermination_minutes"]})

	// A job's cluster must comply, too.
	callFails(t, s, "POST", "/api/2.0/jobs/create", `{"name":"j","new_cluster":`+under(id, `,"num_workers":9`)+`,"spark_python_task":{"python_file":"dbfs:/a.py"}}`, 400, "INVALID_PARAMETER_VALUE", "at most 3")
	callFails(t, s, "POST", "/api/2.0/clusters/create", under("none", `,"num_workers":1`), 400, "INVALID_PARAMETER_VALUE", "Can't find a cluster policy")
}

func TestPolicies_rejected(t *testing.T) {
	s := newServer(t, WithoutSocket())
	newPolicy(t, s, "taken", "{}")
	for body, says := range map[string]string{
		`{"definition":"{}"}`:                                           "name",
		`{"name":"taken","definition":"{}"}`:                            "already exists",
		`{"name":"` + strings.Repeat("n", 101) + `","definition":"{}"}`: "1 to 100 characters",
		`{"name":"n"}`:                  "definition",
		`{"name":"n","definition":"["}`: "not a JSON object",
		`{"name":"n","definition":"{}","policy_family_id":"job-cluster"}`:                       "Only one of",
		`{"name":"n","definition":"{}","policy_family_definition_overrides":"{}"}`:              "needs policy_family_id",
		`{"name":"n","definition":"{\"wrong\":{\"type\":\"forbidden\"}}"}`:                      "unknown attribute",
		`{"name":"n","definition":"{\"num_workers\":{\"type\":\"wrong\"}}"}`:                    "unknown type",
		`{"name":"n","definition":"{\"num_workers\":1}"}`:                                       "not a JSON object",
		`{"name":"n","definition":"{\"num_workers\":{\"type\":\"range\"}}"}`:                    "needs minValue or maxValue",
		`{"name":"n","definition":"{\"num_workers\":{\"type\":\"fixed\"}}"}`:                    "needs a value",
		`{"name":"n","definition":"{\"num_workers\":{\"type\":\"allowlist\"}}"}`:                "needs values",
		`{"name":"n","definition":"{\"cluster_name\":{\"type\":\"regex\",\"pattern\":\"(\"}}"}`: "needs a valid pattern",
		`{"name":"n","definition":"{\"dbus_per_hour\":{\"type\":\"fixed\",\"value\":1}}"}`:      "must be a range",
	} {
		callFails(t, s, "POST", "/api/2.0/policies/clusters/create", body, 400, "INVALID_PARAMETER_VALUE", says)
	}
	callFails(t, s, "POST", "/api/2.0/policies/clusters/create", `{"name":"n","policy_family_id":"none"}`, 404, "RESOURCE_DOES_NOT_EXIST", "family")
	id := callOK(t, s, "POST", "/api/2.0/policies/clusters/create", `{"name":"f","policy_family_id":"personal-vm","policy_family_definition_overrides":"{\"num_workers\":{\"type\":\"fixed\",\"value\":1}}"}`)["policy_id"].(string)
	assert.Contains(t, callOK(t, s, "GET", "/api/2.0/policies/clusters/get?policy_id="+id, "")["definition"], `"num_workers":{"type":"fixed","value":1}`)
}

func TestPolicies_limitOfClusters(t *testing.T) {
	s := newServer(t, WithoutSocket())
	id := callOK(t, s, "POST", "/api/2.0/policies/clusters/create", `{"name":"one","definition":"{}","max_clusters_per_user":1,"libraries":[{"jar":"dbfs:/a.jar"}]}`)["policy_id"].(string)
	first := callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, `,`+smallCluster+`,"num_workers":1`))["cluster_id"].(string)
	callFails(t, s, "POST", "/api/2.0/clusters/create", under(id, `,`+smallCluster+`,"num_workers":1`), 400, "QUOTA_EXCEEDED", "the limit")
	assert.Contains(t, send(t, s, "GET", "/api/2.0/libraries/cluster-status?cluster_id="+first, "").body, "dbfs:/a.jar")
	change(t, s, "delete", first)
	callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, `,`+smallCluster+`,"num_workers":1`))
}

// Editing a policy does not change its clusters. They change when compliance is
// enforced, either immediately or when they terminate.
func TestPolicies_compliance(t *testing.T) {
	bubble(t, func(t *testing.T, s *Server) {
		id := newPolicy(t, s, "p", "{}")
		cluster := callOK(t, s, "POST", "/api/2.0/clusters/create", under(id, `,`+smallCluster+`,"num_workers":5,"ssh_public_keys":["k"]`))["cluster_id"].(string)
		time.Sleep(time.Hour)
		definition := `{\"num_workers\":{\"type\":\"range\",\"maxValue\":3},\"ssh_public_keys\":{\"type\":\"forbidden\"},\"autotermination_minutes\":{\"type\":\"fixed\",\"value\":600}}`
		callOK(t, s, "POST", "/api/2.0/policies/clusters/edit", `{"policy_id":"`+id+`","name":"p","definition":"`+definition+`"}`)
		get := "/api/2.0/policies/clusters/get-compliance?cluster_id=" + cluster
		assert.Equal(t, object{"is_compliant": false, "violations": object{"num_workers": `the value must be at most 3 (is "5")`, "ssh_public_keys.0": "the value must not be present"}},
			callOK(t, s, "GET", get, ""))
		list := callOK(t, s, "GET", "/api/2.0/policies/clusters/list-compliance?policy_id="+id, "")["clusters"].([]any)
		assert.Equal(t, cluster, list[0].(object)["cluster_id"])

		enforce := func(more string) object {
			return callOK(t, s, "POST", "/api/2.0/policies/clusters/enforce-compliance", `{"cluster_id":"`+cluster+`"`+more+`}`)
		}
		changes := []any{object{"field": "autotermination_minutes", "new_value": "600"}, object{"field": "num_workers", "previous_value": "5", "new_value": "3"}, object{"field": "ssh_public_keys.0", "previous_value": "k"}}
		assert.Equal(t, object{"has_changes": true, "changes": changes}, enforce(`,"validate_only":true`))
		assert.Equal(t, "RUNNING", getCluster(t, s, cluster)["state"])
		assert.Equal(t, "DEFERRED", enforce(`,"enforce_mode":"WAIT_FOR_TERMINATION"`)["enforce_result"])
		assert.Contains(t, callOK(t, s, "GET", get, ""), "pending_enforcement")
		change(t, s, "delete", cluster)
		assert.Equal(t, json.Number("3"), getCluster(t, s, cluster)["num_workers"])
		assert.Equal(t, object{"is_compliant": true}, callOK(t, s, "GET", get, ""))
		assert.Equal(t, "NO_CHANGES", enforce("")["enforce_result"])
		callFails(t, s, "POST", "/api/2.0/policies/clusters:cancelPendingClusterEnforcement", `{"cluster_id":"`+cluster+`"}`, 404, "NOT_FOUND", "No enforcement")
		callOK(t, s, "POST", "/api/2.0/policies/clusters:cancelPendingClusterEnforcement", `{"cluster_id":"`+cluster+`","allow_missing":true}`)

		// If the policy was deleted, a cluster can no longer be edited.
		callOK(t, s, "POST", "/api/2.0/policies/clusters/delete", `{"policy_id":"`+id+`"}`)
		time.Sleep(time.Hour)
		callFails(t, s, "POST", "/api/2.0/clusters/edit", under(id, `,"cluster_id":"`+cluster+`",`+smallCluster+`,"num_workers":1`), 400, "INVALID_PARAMETER_VALUE", "Can't find a cluster policy")
	})
}
