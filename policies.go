package databricks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"

	"github.com/go-databricks/databricks/internal/redact"
)

// PoliciesService creates and changes cluster policies. A policy sets, limits
// or forbids attributes of the clusters that are created under it. A principal
// with [CanUse] on a policy can create clusters under it. A principal who may
// not create unrestricted clusters can create clusters only under such a
// policy.
//
// Only administrators can create, edit and delete policies. Other callers get
// [ErrPermissionDenied]. A call fails with [ErrResourceDoesNotExist] if the
// policy or the cluster does not exist.
//
// See https://docs.databricks.com/api/workspace/clusterpolicies.
type PoliciesService service

// A PolicyRuleType is the kind of limit that a rule sets on an attribute.
type PolicyRuleType string

// Types of rules, and the fields of [PolicyRule] that each type uses. All types
// except the first two also use DefaultValue and IsOptional.
const (
	PolicyFixed     PolicyRuleType = "fixed"     // the attribute always has Value; Hidden hides it in the user interface
	PolicyForbidden PolicyRuleType = "forbidden" // the attribute must be unset
	PolicyAllowlist PolicyRuleType = "allowlist" // the attribute must be one of Values
	PolicyBlocklist PolicyRuleType = "blocklist" // the attribute must not be one of Values
	PolicyRegex     PolicyRuleType = "regex"     // the whole attribute must match Pattern
	PolicyRange     PolicyRuleType = "range"     // the attribute must be between MinValue and MaxValue
	PolicyUnlimited PolicyRuleType = "unlimited" // any value is valid; sets a default, or makes the attribute required
)

// A PolicyRule is a policy's rule for one attribute. Its values are strings,
// numbers or bools, according to the attribute's type. In a parsed definition,
// numbers are [json.Number] values.
type PolicyRule struct {
	Type         PolicyRuleType `json:"type"`
	Value        any            `json:"value,omitzero"`
	Hidden       bool           `json:"hidden,omitzero"`
	Values       []any          `json:"values,omitzero"`
	Pattern      string         `json:"pattern,omitzero"`
	MinValue     *float64       `json:"minValue,omitzero"` // nil for no bound
	MaxValue     *float64       `json:"maxValue,omitzero"` // nil for no bound
	DefaultValue any            `json:"defaultValue,omitzero"`
	IsOptional   bool           `json:"isOptional,omitzero"` // whether the attribute may be unset
}

// A PolicyDefinition maps attributes to rules. A key is the JSON path of an
// attribute of [CreateCluster], with dots: "spark_version",
// "autoscale.max_workers", "spark_conf.spark.speculation" or
// "init_scripts.0.volumes.destination". In a key, "*" stands for all elements
// of a list that have no rule of their own. Policies also have two attributes
// that clusters do not have: "cluster_type" ("all-purpose", "job" or "dlt") and
// "dbus_per_hour". A policy does not limit an attribute without a rule.
//
//	definition := databricks.PolicyDefinition{
//		"autotermination_minutes": {Type: databricks.PolicyFixed, Value: 30},
//		"num_workers":             {Type: databricks.PolicyRange, MaxValue: new(4.0)},
//		"aws_attributes":          {Type: databricks.PolicyForbidden},
//	}
//	id, err := client.Policies.Create(ctx, databricks.CreatePolicy{Name: "small", Definition: definition.JSON()})
type PolicyDefinition map[string]PolicyRule

// Format writes the definition as JSON for every verb. It hides the values of
// attributes that are secrets, such as spark_env_vars and passwords.
func (d PolicyDefinition) Format(f fmt.State, _ rune) { formatJSON(f, map[string]PolicyRule(d)) }

// LogValue returns the definition without secrets.
func (d PolicyDefinition) LogValue() slog.Value { return redact.LogValue(map[string]PolicyRule(d)) }

// JSON returns the definition as the JSON text that [CreatePolicy] takes. It
// returns an empty string if a value cannot be represented in JSON.
func (d PolicyDefinition) JSON() string {
	if d == nil {
		d = PolicyDefinition{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]PolicyRule(d)); err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// ParsePolicyDefinition parses the JSON text of a definition, such as
// [ClusterPolicy.Definition]. It drops members of rules that [PolicyRule] has
// no field for.
func ParsePolicyDefinition(text string) (PolicyDefinition, error) {
	var d PolicyDefinition
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("databricks: parsing a policy definition: %w", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("databricks: parsing a policy definition: more text follows the JSON object")
	}
	return d, nil
}

// A ClusterPolicy is a policy as the service returns it.
type ClusterPolicy struct {
	PolicyID                        string    `json:"policy_id"`
	Name                            string    `json:"name"`
	Definition                      string    `json:"definition"` // JSON text; the complete definition, even if the policy belongs to a family
	Description                     string    `json:"description"`
	CreatorUserName                 string    `json:"creator_user_name"` // empty if the user was deleted
	CreatedAtTimestamp              Millis    `json:"created_at_timestamp"`
	Libraries                       []Library `json:"libraries"`
	MaxClustersPerUser              int64     `json:"max_clusters_per_user"` // 0 for no limit
	PolicyFamilyID                  string    `json:"policy_family_id"`
	PolicyFamilyDefinitionOverrides string    `json:"policy_family_definition_overrides"` // JSON text
	IsDefault                       bool      `json:"is_default"`                         // created by the service; it can be edited but not deleted
}

// Format writes the policy as JSON without secrets, for every verb.
func (p ClusterPolicy) Format(f fmt.State, _ rune) { formatJSON(f, p) }

// LogValue logs the policy without secrets.
func (p ClusterPolicy) LogValue() slog.Value { return redact.LogValue(p) }

// CreatePolicy describes a new policy. Set either Definition or PolicyFamilyID.
type CreatePolicy struct {
	Name                            string    `json:"name"`                                        // unique; up to 100 characters
	Definition                      string    `json:"definition,omitzero"`                         // JSON text, as PolicyDefinition.JSON returns it
	PolicyFamilyID                  string    `json:"policy_family_id,omitzero"`                   // the family whose definition to use
	PolicyFamilyDefinitionOverrides string    `json:"policy_family_definition_overrides,omitzero"` // rules that replace rules of the family, as JSON text
	Description                     string    `json:"description,omitzero"`
	Libraries                       []Library `json:"libraries,omitzero"`             // to install when a cluster under the policy starts
	MaxClustersPerUser              int64     `json:"max_clusters_per_user,omitzero"` // running clusters that each user may have under the policy; 0 for no limit
}

// Format writes the policy as JSON without secrets, for every verb.
func (in CreatePolicy) Format(f fmt.State, _ rune) { formatJSON(f, in) }

// LogValue logs the policy without secrets.
func (in CreatePolicy) LogValue() slog.Value { return redact.LogValue(in) }

func (in CreatePolicy) check() error {
	switch {
	case in.Name == "":
		return badArg("name", isRequired)
	case in.Definition == "" && in.PolicyFamilyID == "":
		return badArg("definition", "and policy_family_id are both unset; set one of them")
	case in.Definition != "" && in.PolicyFamilyID != "":
		return badArg("definition", "cannot be set together with policy_family_id; policy_family_definition_overrides can")
	case in.PolicyFamilyDefinitionOverrides != "" && in.PolicyFamilyID == "":
		return badArg("policy_family_definition_overrides", "requires policy_family_id")
	}
	return cmp.Or(checkDefinition("definition", in.Definition), checkDefinition("policy_family_definition_overrides", in.PolicyFamilyDefinitionOverrides))
}

// checkDefinition rejects text that is set but is not a JSON object.
func checkDefinition(name, text string) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); text != "" && (err != nil || object == nil) {
		return badArg(name, "is not a JSON object; want one that maps attributes to rules")
	}
	return nil
}

// Create creates a policy and returns its ID. It fails with
// [ErrInvalidParameterValue] or [ErrResourceAlreadyExists] if the name is
// taken. The client does not retry it after a lost response.
func (s *PoliciesService) Create(ctx context.Context, in CreatePolicy) (string, error) {
	created, err := do[createdPolicy](ctx, s.client, post("/api/2.0/policies/clusters/create").params(in))
	if err != nil {
		return "", err
	}
	return created.PolicyID, nil
}

type createdPolicy struct {
	PolicyID string `json:"policy_id"`
}

func (p *createdPolicy) validate() error { return named("policy_id", p.PolicyID != "") }

// EditPolicy describes the new state of a policy.
type EditPolicy struct {
	PolicyID string `json:"policy_id"`
	CreatePolicy
}

// Format writes the policy as JSON without secrets, for every verb.
func (in EditPolicy) Format(f fmt.State, _ rune) { formatJSON(f, in) }

// LogValue logs the policy without secrets.
func (in EditPolicy) LogValue() slog.Value { return redact.LogValue(in) }

func (in EditPolicy) check() error {
	if in.PolicyID == "" {
		return badArg("policy_id", isRequired)
	}
	return in.CreatePolicy.check()
}

// Edit replaces a policy. Fields that are unset in the input are removed from
// the policy. Running clusters under the policy keep running even if they
// violate the new rules. They must comply at their next edit.
// [PoliciesService.EnforceCompliance] makes a cluster comply earlier. Edit is
// idempotent, so the client retries it.
func (s *PoliciesService) Edit(ctx context.Context, in EditPolicy) error {
	return s.client.Do(ctx, post("/api/2.0/policies/clusters/edit").params(in).idempotent(), nil)
}

// Delete deletes a policy. Clusters under it keep running but can no longer be
// edited. Default policies cannot be deleted. IDs are never reused, so the
// client retries the call.
func (s *PoliciesService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/policies/clusters/delete").required("policy_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// Get returns a policy. It fails with [ErrPermissionDenied] if the caller may
// not use the policy.
func (s *PoliciesService) Get(ctx context.Context, id string) (*ClusterPolicy, error) {
	return do[ClusterPolicy](ctx, s.client, get("/api/2.0/policies/clusters/get").required("policy_id", id))
}

// A PolicySortColumn is the field by which a list of policies is sorted.
type PolicySortColumn string

// Fields to sort policies by.
const (
	SortByPolicyCreationTime PolicySortColumn = "POLICY_CREATION_TIME"
	SortByPolicyName         PolicySortColumn = "POLICY_NAME"
)

// ListPolicies sets the order of a list of policies. The default is newest
// first.
type ListPolicies struct {
	SortOrder  ListOrder        `json:"sort_order,omitzero"`
	SortColumn PolicySortColumn `json:"sort_column,omitzero"`
}

// List returns the policies that the caller may use. Administrators get all
// policies. The service sends them in one response.
func (s *PoliciesService) List(ctx context.Context, in ListPolicies) ([]ClusterPolicy, error) {
	response, err := do[struct {
		Policies []ClusterPolicy `json:"policies"`
	}](ctx, s.client, get("/api/2.0/policies/clusters/list").params(in))
	if err != nil {
		return nil, err
	}
	return response.Policies, nil
}

// An EnforcementStatus says whether the service still tries to make a cluster
// comply.
type EnforcementStatus string

// Statuses of a pending enforcement.
const (
	EnforcementActive   EnforcementStatus = "ACTIVE"
	EnforcementInactive EnforcementStatus = "INACTIVE" // it failed too often, so the service stopped trying
)

// PolicyCompliance says whether a cluster complies with its policy. A cluster
// can violate its policy if the policy was edited after the cluster.
type PolicyCompliance struct {
	IsCompliant        bool                `json:"is_compliant"`
	Violations         map[string]string   `json:"violations"`          // at most 200; maps the path of each attribute to its violation
	PendingEnforcement *PendingEnforcement `json:"pending_enforcement"` // nil if none is pending
}

// A PendingEnforcement is a change of a cluster that the service applies when
// the cluster terminates.
type PendingEnforcement struct {
	EnforcementStatus EnforcementStatus       `json:"enforcement_status"`
	InitiateTime      string                  `json:"initiate_time"` // in RFC 3339 format
	InitiatorUser     string                  `json:"initiator_user"`
	TargetChanges     []ClusterSettingsChange `json:"target_changes"`
	TargetSpec        json.RawMessage         `json:"target_spec"` // the cluster's future ClusterSpec; it may contain secrets
}

// A ClusterSettingsChange is a change of one attribute that makes a cluster
// comply.
type ClusterSettingsChange struct {
	Field         string `json:"field"`          // path, such as spark_conf.spark.speculation
	PreviousValue string `json:"previous_value"` // in text form
	NewValue      string `json:"new_value"`      // in text form
}

// GetCompliance reports whether a cluster complies with its policy.
func (s *PoliciesService) GetCompliance(ctx context.Context, clusterID string) (*PolicyCompliance, error) {
	return do[PolicyCompliance](ctx, s.client, get("/api/2.0/policies/clusters/get-compliance").required("cluster_id", clusterID))
}

// ListCompliance selects the policy whose clusters to list.
type ListCompliance struct {
	PolicyID  string `json:"policy_id"`
	PageSize  int    `json:"page_size,omitzero"`  // clusters to request at a time; 0 lets the service choose
	PageToken string `json:"page_token,omitzero"` // the page to start with; empty for the first
	Limit     int    `json:"-"`                   // maximum number of clusters to return in total; 0 for all
}

func (in ListCompliance) check() error {
	if in.PolicyID == "" {
		return badArg("policy_id", isRequired)
	}
	return checkPage(in.PageSize, in.Limit)
}

// A ClusterCompliance says whether one cluster complies with its policy.
type ClusterCompliance struct {
	ClusterID string `json:"cluster_id"`
	PolicyCompliance
}

// ListCompliance returns the clusters under a policy and whether each one
// complies. It omits clusters that the caller may not see.
func (s *PoliciesService) ListCompliance(ctx context.Context, in ListCompliance) ([]ClusterCompliance, error) {
	return listPages(in.PageToken, in.Limit, s.compliancePages(ctx, in))
}

// AllCompliance yields the clusters that [PoliciesService.ListCompliance]
// returns as they arrive. Each range over the sequence sends new requests. The
// first error ends it.
func (s *PoliciesService) AllCompliance(ctx context.Context, in ListCompliance) iter.Seq2[ClusterCompliance, error] {
	return allPages(in.PageToken, in.Limit, pageItems(s.compliancePages(ctx, in)))
}

// ListCompliancePage returns one page of [PoliciesService.ListCompliance].
func (s *PoliciesService) ListCompliancePage(ctx context.Context, in ListCompliance) (*Page[ClusterCompliance], error) {
	page, err := s.compliancePages(ctx, in)(in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

func (s *PoliciesService) compliancePages(ctx context.Context, in ListCompliance) func(token string) (*Page[ClusterCompliance], error) {
	return func(token string) (*Page[ClusterCompliance], error) {
		in := in
		in.PageToken = token
		response, err := do[struct {
			Clusters      []ClusterCompliance `json:"clusters"`
			NextPageToken string              `json:"next_page_token"`
		}](ctx, s.client, get("/api/2.0/policies/clusters/list-compliance").params(in))
		if err != nil {
			return nil, err
		}
		return &Page[ClusterCompliance]{response.Clusters, response.NextPageToken}, nil
	}
}

// An EnforceMode says when the changes that make a running cluster comply are
// applied.
type EnforceMode string

// Enforce modes.
const (
	EnforceImmediately        EnforceMode = "ENFORCE_IMMEDIATELY"  // restarts a running cluster; the default
	EnforceWaitForTermination EnforceMode = "WAIT_FOR_TERMINATION" // waits until the cluster terminates
)

// EnforceCompliance selects the cluster to make compliant.
type EnforceCompliance struct {
	ClusterID    string      `json:"cluster_id"`
	ValidateOnly bool        `json:"validate_only,omitzero"` // report the changes without making them
	EnforceMode  EnforceMode `json:"enforce_mode,omitzero"`
}

// An EnforceResult says what the service did to make a cluster comply.
type EnforceResult string

// Results of an enforcement.
const (
	EnforceApplied   EnforceResult = "APPLIED"
	EnforceDeferred  EnforceResult = "DEFERRED" // until the cluster terminates
	EnforceNoChanges EnforceResult = "NO_CHANGES"
)

// EnforcedCompliance holds the changes that make a cluster comply. With
// ValidateOnly, the changes were not made.
type EnforcedCompliance struct {
	HasChanges    bool                    `json:"has_changes"`
	Changes       []ClusterSettingsChange `json:"changes"`
	EnforceResult EnforceResult           `json:"enforce_result"`
}

// EnforceCompliance changes a cluster so that it complies with its policy. A
// running cluster restarts, unless EnforceMode defers the changes. A terminated
// cluster gets the changes at its next start. EnforceCompliance fails with
// [ErrInvalidState] for clusters of jobs and pipelines. It is idempotent, so
// the client retries it.
func (s *PoliciesService) EnforceCompliance(ctx context.Context, in EnforceCompliance) (*EnforcedCompliance, error) {
	r := post("/api/2.0/policies/clusters/enforce-compliance").params(in).idempotent()
	if in.ClusterID == "" {
		r = r.check(badArg("cluster_id", isRequired))
	}
	return do[EnforcedCompliance](ctx, s.client, r)
}

// CancelPendingEnforcement selects the cluster whose pending enforcement to
// cancel.
type CancelPendingEnforcement struct {
	ClusterID    string `json:"cluster_id"`
	AllowMissing bool   `json:"allow_missing,omitzero"` // succeed even if nothing is pending
}

// CancelPendingEnforcement cancels an enforcement that
// [EnforceWaitForTermination] deferred. It fails with [ErrNotFound] if nothing
// is pending, unless AllowMissing is set. It is idempotent, so the client
// retries it.
func (s *PoliciesService) CancelPendingEnforcement(ctx context.Context, in CancelPendingEnforcement) error {
	r := post("/api/2.0/policies/clusters:cancelPendingClusterEnforcement").params(in).treatAsSuccess(ErrNotFound)
	if in.ClusterID == "" {
		r = r.check(badArg("cluster_id", isRequired))
	}
	return s.client.Do(ctx, r, nil)
}

// A PolicyFamily is a template for policies that the service provides.
type PolicyFamily struct {
	PolicyFamilyID string `json:"policy_family_id"` // such as personal-vm or job-cluster
	Name           string `json:"name"`
	Description    string `json:"description"`
	Definition     string `json:"definition"` // JSON text; see ParsePolicyDefinition
}

// ListPolicyFamilies limits a list of policy families. Its zero value lists all
// of them.
type ListPolicyFamilies struct {
	PageSize  int64  `json:"max_results,omitzero"` // families to request at a time; 0 lets the service choose
	PageToken string `json:"page_token,omitzero"`  // the page to start with; empty for the first
	Limit     int    `json:"-"`                    // maximum number of families to return in total; 0 for all
}

func (in ListPolicyFamilies) check() error { return checkPage(in.PageSize, in.Limit) }

// ListFamilies returns the policy families.
func (s *PoliciesService) ListFamilies(ctx context.Context, in ListPolicyFamilies) ([]PolicyFamily, error) {
	return listPages(in.PageToken, in.Limit, s.familyPages(ctx, in))
}

// AllFamilies yields the policy families as they arrive. Each range over the
// sequence sends new requests. The first error ends it.
func (s *PoliciesService) AllFamilies(ctx context.Context, in ListPolicyFamilies) iter.Seq2[PolicyFamily, error] {
	return allPages(in.PageToken, in.Limit, pageItems(s.familyPages(ctx, in)))
}

// ListFamiliesPage returns one page of the policy families.
func (s *PoliciesService) ListFamiliesPage(ctx context.Context, in ListPolicyFamilies) (*Page[PolicyFamily], error) {
	page, err := s.familyPages(ctx, in)(in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

func (s *PoliciesService) familyPages(ctx context.Context, in ListPolicyFamilies) func(token string) (*Page[PolicyFamily], error) {
	return func(token string) (*Page[PolicyFamily], error) {
		in := in
		in.PageToken = token
		response, err := do[struct {
			PolicyFamilies []PolicyFamily `json:"policy_families"`
			NextPageToken  string         `json:"next_page_token"`
		}](ctx, s.client, get("/api/2.0/policy-families").params(in))
		if err != nil {
			return nil, err
		}
		return &Page[PolicyFamily]{response.PolicyFamilies, response.NextPageToken}, nil
	}
}

// GetPolicyFamily selects a policy family.
type GetPolicyFamily struct {
	PolicyFamilyID string `json:"policy_family_id"`
	Version        int64  `json:"version,omitzero"` // 0 for the newest
}

// GetFamily returns a policy family. It fails with [ErrResourceDoesNotExist] if
// the family or the version does not exist.
func (s *PoliciesService) GetFamily(ctx context.Context, in GetPolicyFamily) (*PolicyFamily, error) {
	return do[PolicyFamily](ctx, s.client, get("/api/2.0/policy-families/{policy_family_id}").
		element("policy_family_id", in.PolicyFamilyID).optional("version", in.Version))
}
