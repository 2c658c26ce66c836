package databricks

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/go-databricks/databricks/internal/contract"
)

// These tests compare the services with the contract in testdata/contract: calls,
// requests, responses and retries. contract.Row documents the rows. Most rows need
// only Call and Go.

// contractOutOfScope are calls that belong to other areas.
var contractOutOfScope = []string{
	"cluster-policies permissions/*", "instance-pools permissions/*", // belong to permissions
	"jobs permissions/*", "jobs policies/*", "tokens token-management/*", "tokens update",
}

// contractDepartures are places where the types deliberately differ from the
// contract.
var contractDepartures = map[string]string{
	"zero clusters.UpdateClusterResource.*":      "what the mask names is sent, zero or not",
	"databricks.CreatePool.IdempotencyToken":     "named by the service's rules for retries, not by the call's own description",
	"jobs.Job.next_page_token":                   "read by Get, which returns the whole job",
	"jobs.Run.next_page_token":                   "read by GetRun, which returns the whole run",
	"jobs-2.1-delta.Run.next_page_token":         "read by GetRun, which returns the whole run",
	"jobs-2.1-delta.RunsGetRequest.page_token":   "sent by GetRun, which returns the whole run",
	"jobs.RunsGetRequest.page_token":             "sent by GetRun, which returns the whole run",
	"zero jobs.RunsListRequest.limit":            "zero asks for all, which is what zero means here",
	"zero jobs.RunsListRequest.offset":           "zero is the default",
	"zero jobs-2.1-delta.RunsListRequest.limit":  "as in version 2.0",
	"zero jobs-2.1-delta.RunsListRequest.offset": "as in version 2.0",
	"zero workspace.ImportRequest.content":       "sent even if it is empty: without it the service looks for a file",
}

var contractRows = []contract.Row{
	{Call: "POST /api/2.0/clusters/create", Go: "Clusters.Create", Sample: `{"num_workers": 1, "node_type_id": "n"}`},
	{Call: "POST /api/2.0/clusters/edit", Go: "Clusters.Edit", Args: "cluster_id", Sample: `{"num_workers": 1, "node_type_id": "n"}`},
	{Call: "POST /api/2.0/clusters/start", Go: "Clusters.Start", Args: "cluster_id"},
	{Call: "POST /api/2.0/clusters/restart", Go: "Clusters.Restart"},
	{Call: "POST /api/2.0/clusters/resize", Go: "Clusters.Resize", Sample: `{"num_workers": 1}`},
	{Call: "POST /api/2.0/clusters/delete", Go: "Clusters.Delete", Args: "cluster_id"},
	{Call: "POST /api/2.0/clusters/permanent-delete", Go: "Clusters.PermanentDelete", Args: "cluster_id"},
	{Call: "GET /api/2.0/clusters/get", Go: "Clusters.Get", Args: "cluster_id"},
	{Call: "POST /api/2.0/clusters/pin", Go: "Clusters.Pin", Args: "cluster_id"},
	{Call: "POST /api/2.0/clusters/unpin", Go: "Clusters.Unpin", Args: "cluster_id"},
	{Call: "GET /api/2.0/clusters/list", Go: "Clusters.List", Inner: "next_page_token prev_page_token"},
	{Call: "GET /api/2.0/clusters/list", Go: "Clusters.All", Inner: "next_page_token prev_page_token"},
	{Call: "GET /api/2.0/clusters/list-node-types", Go: "Clusters.ListNodeTypes"},
	{Call: "GET /api/2.0/clusters/spark-versions", Go: "Clusters.SparkVersions"},
	{Call: "GET /api/2.0/clusters/list-zones", Go: "Clusters.ListZones"},
	{Call: "POST /api/2.0/clusters/events", Go: "Clusters.AllEvents", Inner: "page_size next_page next_page_token prev_page_token total_count"},
	{Call: "POST /api/2.0/clusters/change-owner", Go: "Clusters.ChangeOwner", Args: "cluster_id owner_username"},
	{Call: "POST /api/2.1/clusters/update", Go: "Clusters.Update", Sample: `{"update_mask": "cluster_name", "cluster": {"cluster_name": "c"}}`},

	{Call: "POST /api/2.0/dbfs/add-block", Go: "DBFS.AddBlock", Args: "handle data"},
	{Call: "POST /api/2.0/dbfs/close", Go: "DBFS.Close", Args: "handle"},
	{Call: "POST /api/2.0/dbfs/create", Go: "DBFS.Create"},
	{Call: "POST /api/2.0/dbfs/delete", Go: "DBFS.Delete"},
	{Call: "GET /api/2.0/dbfs/get-status", Go: "DBFS.GetStatus", Args: "path"},
	{Call: "GET /api/2.0/dbfs/list", Go: "DBFS.List", Args: "path"},
	{Call: "POST /api/2.0/dbfs/mkdirs", Go: "DBFS.Mkdirs", Args: "path"},
	{Call: "POST /api/2.0/dbfs/move", Go: "DBFS.Move", Args: "source_path destination_path"},
	{Call: "POST /api/2.0/dbfs/put", Go: "DBFS.Put", Sample: `{"overwrite": false}`},
	{Call: "POST /api/2.0/dbfs/put multipart", Go: "DBFS.PutFile", Args: "path contents", Sample: `{"overwrite": false}`},
	{Call: "GET /api/2.0/dbfs/read", Go: "DBFS.Read", Inner: "bytes_read"},

	{Call: "POST /api/2.0/groups/add-member", Go: "Groups.AddMember", Args: "parent_name", Sample: `{"user_name": "alice@example.com"}`},
	{Call: "POST /api/2.0/groups/create", Go: "Groups.Create", Args: "group_name", Inner: "group_name"},
	{Call: "GET /api/2.0/groups/list-members", Go: "Groups.ListMembers", Args: "group_name"},
	{Call: "GET /api/2.0/groups/list", Go: "Groups.List"},
	{Call: "GET /api/2.0/groups/list-parents", Go: "Groups.ListParents", Sample: `{"user_name": "alice@example.com"}`},
	{Call: "POST /api/2.0/groups/remove-member", Go: "Groups.RemoveMember", Args: "parent_name", Sample: `{"user_name": "alice@example.com"}`},
	{Call: "POST /api/2.0/groups/delete", Go: "Groups.Delete", Args: "group_name"},

	{Call: "POST /api/2.0/jobs/create", Go: "Jobs.Create", Sample: `{"tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/n"}, "existing_cluster_id": "c"}]}`},
	{Call: "GET /api/2.0/jobs/list", Go: "Jobs.List", Inner: "page_token next_page_token prev_page_token has_more"},
	{Call: "GET /api/2.0/jobs/list", Go: "Jobs.All", Inner: "page_token next_page_token prev_page_token has_more"},
	{Call: "POST /api/2.0/jobs/delete", Go: "Jobs.Delete", Args: "job_id"},
	{Call: "GET /api/2.0/jobs/get", Go: "Jobs.Get", Inner: "page_token next_page_token prev_page_token has_more"},
	{Call: "POST /api/2.0/jobs/reset", Go: "Jobs.Reset", Args: "job_id new_settings", Sample: `{"new_settings": {"tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/n"}, "existing_cluster_id": "c"}]}}`},
	{Call: "POST /api/2.0/jobs/update", Go: "Jobs.Update", Sample: `{"new_settings": {"name": "n"}}`},
	{Call: "POST /api/2.0/jobs/run-now", Go: "Jobs.RunNow"},
	{Call: "POST /api/2.0/jobs/runs/submit", Go: "Jobs.SubmitRun", Sample: `{"tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/n"}, "existing_cluster_id": "c"}]}`},
	{Call: "GET /api/2.0/jobs/runs/list", Go: "Jobs.ListRuns", Inner: "next_page_token prev_page_token has_more"},
	{Call: "GET /api/2.0/jobs/runs/list", Go: "Jobs.AllRuns", Inner: "next_page_token prev_page_token has_more"},
	{Call: "GET /api/2.0/jobs/runs/get", Go: "Jobs.GetRun", Inner: "next_page_token prev_page_token has_more"},
	{Call: "GET /api/2.0/jobs/runs/export", Go: "Jobs.ExportRun"},
	{Call: "POST /api/2.0/jobs/runs/cancel", Go: "Jobs.CancelRun", Args: "run_id"},
	{Call: "POST /api/2.0/jobs/runs/cancel-all", Go: "Jobs.CancelAllRuns", Sample: `{"job_id": 1}`},
	{Call: "GET /api/2.0/jobs/runs/get-output", Go: "Jobs.GetRunOutput", Args: "run_id"},
	{Call: "POST /api/2.0/jobs/runs/delete", Go: "Jobs.DeleteRun", Args: "run_id"},
	{Call: "POST /api/2.1/jobs/runs/repair", Go: "Jobs.RepairRun", Sample: `{"rerun_all_failed_tasks": true}`},

	{Call: "GET /api/2.0/libraries/all-cluster-statuses", Go: "Libraries.AllClusterStatuses"},
	{Call: "GET /api/2.0/libraries/cluster-status", Go: "Libraries.ClusterStatus", Args: "cluster_id"},
	{Call: "POST /api/2.0/libraries/install", Go: "Libraries.Install", Args: "cluster_id libraries", Sample: `{"libraries": [{"jar": "dbfs:/a.jar"}]}`},
	{Call: "POST /api/2.0/libraries/uninstall", Go: "Libraries.Uninstall", Args: "cluster_id libraries", Sample: `{"libraries": [{"jar": "dbfs:/a.jar"}]}`},

	{Call: "GET /api/2.0/permissions/{request_object_type}/{request_object_id}", Go: "Permissions.Get", Args: "request_object_type request_object_id"},
	{Call: "PUT /api/2.0/permissions/{request_object_type}/{request_object_id}", Go: "Permissions.Set", Sample: `{"request_object_type": "clusters", "access_control_list": [{"user_name": "u", "permission_level": "CAN_MANAGE"}]}`},
	{Call: "PATCH /api/2.0/permissions/{request_object_type}/{request_object_id}", Go: "Permissions.Update", Sample: `{"request_object_type": "sql/warehouses", "access_control_list": [{"user_name": "u", "permission_level": "IS_OWNER"}]}`},
	{Call: "GET /api/2.0/permissions/{request_object_type}/{request_object_id}/permissionLevels", Go: "Permissions.Levels", Args: "request_object_type request_object_id"},

	{Call: "POST /api/2.0/policies/clusters/create", Go: "Policies.Create", Sample: `{"definition": "{}"}`},
	{Call: "POST /api/2.0/policies/clusters/edit", Go: "Policies.Edit", Sample: `{"definition": "{}"}`},
	{Call: "POST /api/2.0/policies/clusters/delete", Go: "Policies.Delete", Args: "policy_id"},
	{Call: "GET /api/2.0/policies/clusters/get", Go: "Policies.Get", Args: "policy_id"},
	{Call: "GET /api/2.0/policies/clusters/list", Go: "Policies.List", Inner: "total_count"},
	{Call: "GET /api/2.0/policies/clusters/get-compliance", Go: "Policies.GetCompliance", Args: "cluster_id"},
	{Call: "GET /api/2.0/policies/clusters/list-compliance", Go: "Policies.ListCompliance", Inner: "next_page_token prev_page_token"},
	{Call: "GET /api/2.0/policies/clusters/list-compliance", Go: "Policies.AllCompliance", Inner: "next_page_token prev_page_token"},
	{Call: "POST /api/2.0/policies/clusters/enforce-compliance", Go: "Policies.EnforceCompliance"},
	{Call: "POST /api/2.0/policies/clusters:cancelPendingClusterEnforcement", Go: "Policies.CancelPendingEnforcement"},
	{Call: "GET /api/2.0/policy-families", Go: "Policies.ListFamilies", Inner: "next_page_token"},
	{Call: "GET /api/2.0/policy-families", Go: "Policies.AllFamilies", Inner: "next_page_token"},
	{Call: "GET /api/2.0/policy-families/{policy_family_id}", Go: "Policies.GetFamily"},

	{Call: "POST /api/2.0/instance-pools/create", Go: "Pools.Create"},
	{Call: "POST /api/2.0/instance-pools/edit", Go: "Pools.Edit"},
	{Call: "POST /api/2.0/instance-pools/delete", Go: "Pools.Delete", Args: "instance_pool_id"},
	{Call: "GET /api/2.0/instance-pools/get", Go: "Pools.Get", Args: "instance_pool_id"},
	{Call: "GET /api/2.0/instance-pools/list", Go: "Pools.List"},

	{Call: "POST /api/2.0/secrets/scopes/create", Go: "Secrets.CreateScope"},
	{Call: "POST /api/2.0/secrets/scopes/delete", Go: "Secrets.DeleteScope", Args: "scope"},
	{Call: "GET /api/2.0/secrets/scopes/list", Go: "Secrets.ListScopes"},
	{Call: "POST /api/2.0/secrets/put", Go: "Secrets.Put", Sample: `{"string_value": "v"}`},
	{Call: "POST /api/2.0/secrets/delete", Go: "Secrets.Delete", Args: "scope key"},
	{Call: "GET /api/2.0/secrets/list", Go: "Secrets.List", Args: "scope"},
	{Call: "GET /api/2.0/secrets/get", Go: "Secrets.Get", Args: "scope key", Inner: "key"},
	{Call: "POST /api/2.0/secrets/acls/put", Go: "Secrets.PutACL"},
	{Call: "POST /api/2.0/secrets/acls/delete", Go: "Secrets.DeleteACL", Args: "scope principal"},
	{Call: "GET /api/2.0/secrets/acls/get", Go: "Secrets.GetACL", Args: "scope principal"},
	{Call: "GET /api/2.0/secrets/acls/list", Go: "Secrets.ListACLs", Args: "scope"},

	{Call: "POST /api/2.0/token/create", Go: "Tokens.Create"},
	{Call: "GET /api/2.0/token/list", Go: "Tokens.List"},
	{Call: "POST /api/2.0/token/delete", Go: "Tokens.Delete", Args: "token_id"},

	{Call: "POST /api/2.1/unity-catalog/volumes", Go: "Volumes.Create"},
	{Call: "GET /api/2.1/unity-catalog/volumes", Go: "Volumes.List", Inner: "next_page_token"},
	{Call: "GET /api/2.1/unity-catalog/volumes", Go: "Volumes.All", Inner: "next_page_token"},
	{Call: "GET /api/2.1/unity-catalog/volumes/{full_name}", Go: "Volumes.Get", Sample: `{"full_name": "c.s.v"}`},
	{Call: "PATCH /api/2.1/unity-catalog/volumes/{full_name}", Go: "Volumes.Update", Sample: `{"full_name": "c.s.v"}`},
	{Call: "DELETE /api/2.1/unity-catalog/volumes/{full_name}", Go: "Volumes.Delete", Args: "full_name", Sample: `{"full_name": "c.s.v"}`},

	{Call: "POST /api/2.0/workspace/delete", Go: "Workspace.Delete"},
	{Call: "GET /api/2.0/workspace/export", Go: "Workspace.Export"},
	{Call: "GET /api/2.0/workspace/get-status", Go: "Workspace.GetStatus"},
	{Call: "POST /api/2.0/workspace/import", Go: "Workspace.Import", In: importJSON{}},
	{Call: "POST /api/2.0/workspace/import multipart", Go: "Workspace.Import", Inner: "content", Base: ImportObject{Content: []byte("1"), Multipart: true}},
	{Call: "GET /api/2.0/workspace/list", Go: "Workspace.List"},
	{Call: "GET /api/2.0/workspace/list", Go: "Workspace.All"},
	{Call: "POST /api/2.0/workspace/mkdirs", Go: "Workspace.Mkdirs", Args: "path"},
}

// contractRetries are calls whose retries differ from the contract.
var contractRetries = map[string]string{
	"POST /api/2.0/policies/clusters/delete":            "IDs are never reused, and a retry that finds no policy found it deleted",
	"POST /api/2.0/instance-pools/delete":               "IDs are never reused, and a retry that finds no pool found it deleted",
	"POST /api/2.0/instance-pools/create":               "it has a token, and a retry cannot create a second pool of the same name",
	"DELETE /api/2.1/unity-catalog/volumes/{full_name}": "a retry that finds no volume found it deleted",
	"POST /api/2.0/dbfs/close":                          "a retry that finds no handle found it closed",
	"POST /api/2.0/token/delete":                        "IDs are never reused, and a retry that finds no token found it revoked",
}

// contractNames are the members that a response to a create must have. Without
// them, the new object cannot be found, and may not exist.
var contractNames = map[string]string{
	"POST /api/2.0/clusters/create":          "cluster_id",
	"POST /api/2.0/dbfs/create":              "handle",
	"POST /api/2.0/jobs/create":              "job_id",
	"POST /api/2.1/jobs/create":              "job_id",
	"POST /api/2.0/jobs/run-now":             "run_id",
	"POST /api/2.1/jobs/run-now":             "run_id",
	"POST /api/2.0/jobs/runs/submit":         "run_id",
	"POST /api/2.1/jobs/runs/submit":         "run_id",
	"POST /api/2.1/jobs/runs/repair":         "repair_id",
	"POST /api/2.0/token/create":             "token_value",
	"POST /api/2.0/policies/clusters/create": "policy_id",
	"POST /api/2.0/instance-pools/create":    "instance_pool_id",
}

// contractChecker reads the contract.
func contractChecker() *contract.Checker {
	areas, err := contract.Load("testdata/contract", "clusters", "cluster-policies", "dbfs", "groups", "instance-pools", "jobs", "jobs-2.1-delta", "libraries", "permissions", "secrets", "tokens", "volumes", "workspace")
	if err != nil {
		panic(err)
	}
	constants, err := contract.Constants(map[string]string{modulePath: "."})
	if err != nil {
		panic(err)
	}
	return &contract.Checker{
		Areas: areas, Client: reflect.TypeFor[Client](), Constants: constants,
		Enums: map[string]any{
			"clusters.TerminationParameter":       TerminationParameter(""),
			"clusters.PoolClusterTerminationCode": PoolTerminationCode(""),
		},
		Rows: contractRows, OutOfScope: contractOutOfScope, Departures: contractDepartures,
	}
}

var contractSuite = &contract.Suite{
	Checker: contractChecker,
	New: func(transport http.RoundTripper, op contract.Operation) (any, error) {
		opts := []Option{
			WithHost("https://workspace.example.com"), WithToken("dapi-test-token"), WithHTTPClient(&http.Client{Transport: transport}),
		}
		if strings.HasPrefix(op.Path, "/api/2.1/jobs/") {
			opts = append(opts, WithJobsAPI("2.1"))
		}
		return NewClient(opts...)
	},
	Refused: func(err error) bool { _, ok := errors.AsType[*ArgumentError](err); return ok },
	Unknown: func(err error) bool { _, ok := errors.AsType[*OutcomeUnknownError](err); return ok },
	Reads:   []string{"POST /api/2.0/clusters/events"},
	Others:  hostileCalls,
	Retries: contractRetries, Names: contractNames, Contents: []string{"GET /api/2.0/dbfs/read"}, NonEmpty: []string{"GET /api/2.0/workspace/export"},
}

func TestContract_types(t *testing.T)   { contractSuite.Types(t) }
func TestContract_notices(t *testing.T) { contractSuite.Notices(t) }
func TestContract_calls(t *testing.T)   { contractSuite.Calls(t) }
func TestContract_retries(t *testing.T) { contractSuite.Retried(t) }
