package databricks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPolicies_wire(t *testing.T) {
	create := func(in CreatePolicy) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Policies.Create(ctx, in) }
	}
	edit := func(in EditPolicy) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return nil, c.Policies.Edit(ctx, in) }
	}
	libraries := []Library{{JAR: "dbfs:/a.jar"}}
	full := CreatePolicy{Name: "small", Definition: `{"num_workers":{"type":"range","maxValue":4}}`, Description: "d", Libraries: libraries, MaxClustersPerUser: 2}
	family := CreatePolicy{Name: "small", PolicyFamilyID: "job-cluster", PolicyFamilyDefinitionOverrides: "{}"}
	const fields = `"name": "small", "definition": "{\"num_workers\":{\"type\":\"range\",\"maxValue\":4}}", "description": "d", "libraries": [{"jar": "dbfs:/a.jar"}], "max_clusters_per_user": 2`
	const response = `{"policy_id": "P", ` + fields + `, "creator_user_name": "u", "created_at_timestamp": 1600000000000, "policy_family_id": "f",
		"policy_family_definition_overrides": "{}", "is_default": true, "brand_new": 1}`
	policy := &ClusterPolicy{"P", "small", full.Definition, "d", "u", 1600000000000, libraries, 2, "f", "{}", true}
	assertFull(t, policy, Library{Egg: "e", Whl: "w", Requirements: "r", PyPI: &PyPILibrary{"p", "r"}, Maven: &MavenLibrary{"c", "r", []string{"e"}}, CRAN: &CRANLibrary{"p", "r"}})
	const created = "POST /api/2.0/policies/clusters/create"

	runWire(t, []wireRow{{
		name: "create with a definition",
		call: create(full),
		wire: []wireStep{{created, `{` + fields + `}`, `{"policy_id": "P"}`}},
		want: "P",
	}, {
		name: "create of a family",
		call: create(family),
		wire: []wireStep{{created, `{"name": "small", "policy_family_id": "job-cluster", "policy_family_definition_overrides": "{}"}`, `{"policy_id": "P"}`}},
		want: "P",
	}, {
		name: "create of a name that is taken",
		call: create(full),
		wire: []wireStep{{created, `{` + fields + `}`, `400 {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "x"}`}},
		is:   fs.ErrExist,
	}, {
		name: "create by somebody who is no admin",
		call: create(full),
		wire: []wireStep{{created, `{` + fields + `}`, `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   ErrPermissionDenied,
	}, {
		name: "no name", call: create(CreatePolicy{Definition: "{}"}), is: fs.ErrInvalid, fails: "name is required",
	}, {
		name: "no definition", call: create(CreatePolicy{Name: "n"}), is: fs.ErrInvalid, fails: "policy_family_id are both unset",
	}, {
		name: "a definition and a family", call: create(CreatePolicy{Name: "n", Definition: "{}", PolicyFamilyID: "f"}), is: fs.ErrInvalid, fails: "cannot be set together",
	}, {
		name: "overrides of no family", call: create(CreatePolicy{Name: "n", Definition: "{}", PolicyFamilyDefinitionOverrides: "{}"}), is: fs.ErrInvalid, fails: "requires policy_family_id",
	}, {
		name: "a definition that is no object", call: create(CreatePolicy{Name: "n", Definition: "[]"}), is: fs.ErrInvalid, fails: "is not a JSON object",
	}, {
		name: "overrides that are no JSON", call: create(CreatePolicy{Name: "n", PolicyFamilyID: "f", PolicyFamilyDefinitionOverrides: "{"}), is: fs.ErrInvalid, fails: "is not a JSON object",
	}, {
		name: "edit",
		call: edit(EditPolicy{"P", full}),
		wire: []wireStep{{"POST /api/2.0/policies/clusters/edit", `{"policy_id": "P", ` + fields + `}`, ""}},
	}, {
		name: "edit without an ID", call: edit(EditPolicy{CreatePolicy: full}), is: fs.ErrInvalid, fails: "policy_id is required",
	}, {
		name: "edit of nothing", call: edit(EditPolicy{PolicyID: "P"}), is: fs.ErrInvalid, fails: "name is required",
	}, {
		name: "get returns every field",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.Get(ctx, "P") },
		wire: []wireStep{{"GET /api/2.0/policies/clusters/get?policy_id=P", "", response}},
		want: policy,
	}, {
		name: "delete of what does not exist",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Policies.Delete(ctx, "P") },
		wire: []wireStep{{"POST /api/2.0/policies/clusters/delete", `{"policy_id": "P"}`, `404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}`}},
		is:   ErrResourceDoesNotExist,
	}, {
		name: "list in an order",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.List(ctx, ListPolicies{Ascending, SortByPolicyName})
		},
		wire: []wireStep{{"GET /api/2.0/policies/clusters/list?sort_column=POLICY_NAME&sort_order=ASC", "", `{"policies": [` + response + `], "total_count": 1}`}},
		want: []ClusterPolicy{*policy},
	}, {
		name: "an empty list",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.List(ctx, ListPolicies{}) },
		wire: []wireStep{{"GET /api/2.0/policies/clusters/list", "", "{}"}},
		want: []ClusterPolicy(nil),
	}})
}

func TestPolicies_wireCompliance(t *testing.T) {
	change := ClusterSettingsChange{"spark_conf.a", "1", "2"}
	pending := &PendingEnforcement{EnforcementInactive, "2026-01-02T03:04:05Z", "u", []ClusterSettingsChange{change}, json.RawMessage(`{"num_workers": 1}`)}
	compliance := PolicyCompliance{false, map[string]string{"num_workers": "too many"}, pending}
	assertFull(t, compliance, PolicyCompliance{IsCompliant: true})
	const fields = `"is_compliant": false, "violations": {"num_workers": "too many"}, "pending_enforcement": {"enforcement_status": "INACTIVE",
		"initiate_time": "2026-01-02T03:04:05Z", "initiator_user": "u", "target_changes": [{"field": "spark_conf.a", "previous_value": "1", "new_value": "2"}], "target_spec": {"num_workers": 1}}`
	const enforce, cancel = "POST /api/2.0/policies/clusters/enforce-compliance", "POST /api/2.0/policies/clusters:cancelPendingClusterEnforcement"
	const list = "GET /api/2.0/policies/clusters/list-compliance?"
	pages := []wireStep{
		{list + "page_size=1&policy_id=P", "", `{"clusters": [{"cluster_id": "a", ` + fields + `}], "next_page_token": "t"}`},
		{list + "page_size=1&page_token=t&policy_id=P", "", `{"clusters": [{"cluster_id": "b", "is_compliant": true}], "prev_page_token": "s"}`},
	}
	both := []ClusterCompliance{{"a", compliance}, {"b", PolicyCompliance{IsCompliant: true}}}
	in := ListCompliance{PolicyID: "P", PageSize: 1}

	runWire(t, []wireRow{{
		name: "get with every field",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.GetCompliance(ctx, "c") },
		wire: []wireStep{{"GET /api/2.0/policies/clusters/get-compliance?cluster_id=c", "", `{` + fields + `}`}},
		want: &compliance,
	}, {
		name: "a list reads all pages",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.ListCompliance(ctx, in) },
		wire: pages, want: both,
	}, {
		name: "so does the iterator",
		call: func(ctx context.Context, c *Client) (any, error) { return elements(c.Policies.AllCompliance(ctx, in)) },
		wire: pages, want: both,
	}, {
		name: "one page",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.ListCompliancePage(ctx, in) },
		wire: pages[:1], want: &Page[ClusterCompliance]{both[:1], "t"},
	}, {
		name: "a limit",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.ListCompliance(ctx, ListCompliance{PolicyID: "P", PageSize: 1, Limit: 1})
		},
		wire: pages[:1], want: both[:1],
	}, {
		name: "a list of no policy",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.ListCompliance(ctx, ListCompliance{})
		},
		is: fs.ErrInvalid, fails: "policy_id is required",
	}, {
		name: "enforce with every field",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.EnforceCompliance(ctx, EnforceCompliance{"c", true, EnforceWaitForTermination})
		},
		wire: []wireStep{{enforce, `{"cluster_id": "c", "validate_only": true, "enforce_mode": "WAIT_FOR_TERMINATION"}`,
			`{"has_changes": true, "changes": [{"field": "spark_conf.a", "previous_value": "1", "new_value": "2"}], "enforce_result": "DEFERRED"}`}},
		want: &EnforcedCompliance{true, []ClusterSettingsChange{change}, EnforceDeferred},
	}, {
		name: "enforce on a job's cluster",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.EnforceCompliance(ctx, EnforceCompliance{ClusterID: "c"})
		},
		wire: []wireStep{{enforce, `{"cluster_id": "c"}`, `400 {"error_code": "INVALID_STATE", "message": "x"}`}},
		is:   ErrInvalidState,
	}, {
		name: "cancel what is not pending",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Policies.CancelPendingEnforcement(ctx, CancelPendingEnforcement{ClusterID: "c"})
		},
		wire: []wireStep{{cancel, `{"cluster_id": "c"}`, `404 {"error_code": "NOT_FOUND", "message": "x"}`}},
		is:   ErrNotFound,
	}, {
		name: "cancel with every field",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Policies.CancelPendingEnforcement(ctx, CancelPendingEnforcement{"c", true})
		},
		wire: []wireStep{{cancel, `{"cluster_id": "c", "allow_missing": true}`, ""}},
	}, {
		name: "cancel of no cluster",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Policies.CancelPendingEnforcement(ctx, CancelPendingEnforcement{})
		},
		is: fs.ErrInvalid, fails: "cluster_id is required",
	}})
}

func TestPolicies_wireFamilies(t *testing.T) {
	const family = `{"policy_family_id": "f", "name": "n", "description": "d", "definition": "{}"}`
	want := PolicyFamily{"f", "n", "d", "{}"}
	pages := []wireStep{
		{"GET /api/2.0/policy-families?max_results=1", "", `{"policy_families": [` + family + `], "next_page_token": "t"}`},
		{"GET /api/2.0/policy-families?max_results=1&page_token=t", "", `{"policy_families": [{"policy_family_id": "g"}]}`},
	}
	in := ListPolicyFamilies{PageSize: 1}
	runWire(t, []wireRow{{
		name: "a list reads all pages",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.ListFamilies(ctx, in) },
		wire: pages, want: []PolicyFamily{want, {PolicyFamilyID: "g"}},
	}, {
		name: "so does the iterator",
		call: func(ctx context.Context, c *Client) (any, error) { return elements(c.Policies.AllFamilies(ctx, in)) },
		wire: pages, want: []PolicyFamily{want, {PolicyFamilyID: "g"}},
	}, {
		name: "one page",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Policies.ListFamiliesPage(ctx, in) },
		wire: pages[:1], want: &Page[PolicyFamily]{[]PolicyFamily{want}, "t"},
	}, {
		name: "get of a version",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.GetFamily(ctx, GetPolicyFamily{"f", 3})
		},
		wire: []wireStep{{"GET /api/2.0/policy-families/f?version=3", "", family}},
		want: &want,
	}, {
		name: "get of no family",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Policies.GetFamily(ctx, GetPolicyFamily{})
		},
		is: fs.ErrInvalid, fails: "policy_family_id is required",
	}})
}

// A definition can contain secrets. Neither fmt, nor a log, nor a dry run shows
// them.
func TestPolicies_secrets(t *testing.T) {
	definition := PolicyDefinition{
		"docker_image.basic_auth.password": {Type: PolicyFixed, Value: "hush"}, "spark_env_vars.KEY": {Type: PolicyFixed, Value: "hush"},
		"spark_conf.fs.azure.account.key.x": {Type: PolicyAllowlist, Values: []any{"hush"}, DefaultValue: "hush"}, "num_workers": {Type: PolicyFixed, Value: 7},
	}
	create := CreatePolicy{Name: "small", Definition: definition.JSON(), PolicyFamilyDefinitionOverrides: definition.JSON()}
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, value := range []any{definition, create, &create, EditPolicy{PolicyID: "P", CreatePolicy: create}, ClusterPolicy{PolicyID: "P", Definition: definition.JSON()}, PendingEnforcement{TargetSpec: json.RawMessage(definition.JSON())}} {
		out.Reset()
		log.Info("x", "value", value)
		if _, ok := value.(PendingEnforcement); !ok {
			fmt.Fprintf(&out, "%v %+v %#v %q", value, value, value, value)
		}
		assert.NotContains(t, out.String(), "hush", "%T", value)
		assert.Contains(t, out.String(), "7", "%T", value)
	}
	assert.Contains(t, fmt.Sprint(EditPolicy{PolicyID: "P", CreatePolicy: create}), `"policy_id":"P"`)

	var planned []string
	client := newTestClient(t, "https://workspace.example.com", WithPlan(func(call PlannedCall) { planned = append(planned, string(call.Body)) }))
	_, err := client.Policies.Create(t.Context(), CreatePolicy{Name: "small", Definition: definition.JSON()})
	require.NoError(t, err)
	require.Len(t, planned, 1)
	assert.NotContains(t, planned[0], "hush")
	assert.Contains(t, planned[0], "small")
}

func TestPolicyDefinition(t *testing.T) {
	definition := PolicyDefinition{
		"spark_version":                   {Type: PolicyFixed, Value: "15.4.x-scala2.12", Hidden: true},
		"autotermination_minutes":         {Type: PolicyRange, MinValue: new(10.0), MaxValue: new(0.0), DefaultValue: 30, IsOptional: true},
		"node_type_id":                    {Type: PolicyAllowlist, Values: []any{"a", "b<c"}},
		"spark_conf.spark.speculation":    {Type: PolicyFixed, Value: false},
		"instance_pool_id":                {Type: PolicyForbidden},
		"cluster_name":                    {Type: PolicyRegex, Pattern: "team-.*"},
		"init_scripts.*.dbfs.destination": {Type: "brand-new"},
	}
	text := definition.JSON()
	assert.Equal(t, `{"autotermination_minutes":{"type":"range","minValue":10,"maxValue":0,"defaultValue":30,"isOptional":true},`+
		`"cluster_name":{"type":"regex","pattern":"team-.*"},"init_scripts.*.dbfs.destination":{"type":"brand-new"},`+
		`"instance_pool_id":{"type":"forbidden"},"node_type_id":{"type":"allowlist","values":["a","b<c"]},`+
		`"spark_conf.spark.speculation":{"type":"fixed","value":false},"spark_version":{"type":"fixed","value":"15.4.x-scala2.12","hidden":true}}`, text)
	parsed, err := ParsePolicyDefinition(text)
	require.NoError(t, err)
	assert.Equal(t, text, parsed.JSON())
	assert.Equal(t, json.Number("30"), parsed["autotermination_minutes"].DefaultValue)

	assert.Equal(t, "{}", PolicyDefinition(nil).JSON())
	assert.Empty(t, PolicyDefinition{"a": {Value: func() {}}}.JSON())
	for _, text := range []string{"", "[]", "{} {}", `{"a": 1}`} {
		_, err := ParsePolicyDefinition(text)
		assert.ErrorContains(t, err, "parsing a policy definition", text)
	}
}
