package databricks

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// PermissionsService reads and changes the permissions on the objects of a
// workspace: clusters, jobs, notebooks, directories, policies, pools and more.
// Secret scopes have separate permissions: see [SecretsService.PutACL].
//
// A call fails with [ErrResourceDoesNotExist] if the object does not exist. To
// read or change permissions, the caller must own the object, have [CanManage]
// on it, or be an administrator. Other callers get [ErrPermissionDenied]. The
// service may not know a new user, group or service principal for a short time.
// A call that names one then fails with [ErrInvalidParameterValue] or
// [ErrResourceDoesNotExist].
//
// See https://docs.databricks.com/api/workspace/permissions.
type PermissionsService service

// A PermissionObject is a kind of object that has permissions. The service may
// add kinds.
type PermissionObject string

// Kinds of objects. Each comment says which ID identifies an object of the
// kind.
const (
	PermissionsOnClusters        PermissionObject = "clusters"         // Cluster.ClusterID
	PermissionsOnClusterPolicies PermissionObject = "cluster-policies" // ClusterPolicy.PolicyID
	PermissionsOnInstancePools   PermissionObject = "instance-pools"   // InstancePool.InstancePoolID
	PermissionsOnJobs            PermissionObject = "jobs"             // Job.JobID, in decimal
	PermissionsOnPipelines       PermissionObject = "pipelines"
	PermissionsOnNotebooks       PermissionObject = "notebooks"   // WorkspaceObject.ObjectID, in decimal
	PermissionsOnDirectories     PermissionObject = "directories" // WorkspaceObject.ObjectID, in decimal; "0" is the root
	PermissionsOnFiles           PermissionObject = "files"       // workspace files; WorkspaceObject.ObjectID, in decimal
	PermissionsOnRepos           PermissionObject = "repos"
	PermissionsOnAuthorization   PermissionObject = "authorization" // "tokens" or "passwords": permission to use them
	PermissionsOnExperiments     PermissionObject = "experiments"
	PermissionsOnModels          PermissionObject = "registered-models" // an ID, or "root"

	PermissionsOnWarehouses            PermissionObject = "sql/warehouses"
	PermissionsOnQueries               PermissionObject = "sql/queries"
	PermissionsOnLegacyAlerts          PermissionObject = "sql/alerts"
	PermissionsOnLegacyDashboards      PermissionObject = "dbsql-dashboards"
	PermissionsOnDashboards            PermissionObject = "dashboards"
	PermissionsOnServingEndpoints      PermissionObject = "serving-endpoints"
	PermissionsOnVectorSearchEndpoints PermissionObject = "vector-search-endpoints"
	PermissionsOnApps                  PermissionObject = "apps"               // the app's name
	PermissionsOnDatabaseInstances     PermissionObject = "database-instances" // the instance's name
	PermissionsOnDatabaseProjects      PermissionObject = "database-projects"  // the project's name
	PermissionsOnAlerts                PermissionObject = "alertsv2"
	PermissionsOnGenieSpaces           PermissionObject = "genie"
	PermissionsOnKnowledgeAssistants   PermissionObject = "knowledge-assistants"
	PermissionsOnSupervisorAgents      PermissionObject = "supervisor-agents"
)

// A PermissionObjectType is the name of a kind of object in responses. Requests
// use a different name, which is a [PermissionObject].
type PermissionObjectType string

// Types of objects in responses.
const (
	PermissionTypeCluster              PermissionObjectType = "cluster"
	PermissionTypeClusterPolicy        PermissionObjectType = "cluster-policy"
	PermissionTypeInstancePool         PermissionObjectType = "instance-pool"
	PermissionTypeJob                  PermissionObjectType = "job"
	PermissionTypePipeline             PermissionObjectType = "pipelines"
	PermissionTypeNotebook             PermissionObjectType = "notebook"
	PermissionTypeDirectory            PermissionObjectType = "directory"
	PermissionTypeFile                 PermissionObjectType = "file"
	PermissionTypeRepo                 PermissionObjectType = "repo"
	PermissionTypeTokens               PermissionObjectType = "tokens"
	PermissionTypePasswords            PermissionObjectType = "passwords"
	PermissionTypeExperiment           PermissionObjectType = "mlflowExperiment"
	PermissionTypeModel                PermissionObjectType = "registered-model"
	PermissionTypeWarehouse            PermissionObjectType = "warehouses"
	PermissionTypeQuery                PermissionObjectType = "query"
	PermissionTypeLegacyAlert          PermissionObjectType = "alert"
	PermissionTypeDashboard            PermissionObjectType = "dashboard"
	PermissionTypeLegacyDashboard      PermissionObjectType = "dbsql-dashboard"
	PermissionTypeServingEndpoint      PermissionObjectType = "serving-endpoint"
	PermissionTypeVectorSearchEndpoint PermissionObjectType = "vector-search-endpoints"
	PermissionTypeApp                  PermissionObjectType = "apps"
	PermissionTypeDatabaseInstance     PermissionObjectType = "database-instances"
	PermissionTypeDatabaseProject      PermissionObjectType = "database-projects"
	PermissionTypeAlert                PermissionObjectType = "alertv2"
	PermissionTypeGenieSpace           PermissionObjectType = "genie-space"
	PermissionTypeKnowledgeAssistant   PermissionObjectType = "knowledge-assistants"
	PermissionTypeSupervisorAgent      PermissionObjectType = "supervisor-agents"
)

// A PermissionLevel is a permission that a principal can have on an object.
// Each kind of object has its own levels. The service may add levels.
type PermissionLevel string

// Permission levels. [PermissionsService.Levels] returns the levels of an
// object with a description of each.
const (
	CanAttachTo                 PermissionLevel = "CAN_ATTACH_TO"  // run code on a cluster; create clusters from a pool
	CanRestart                  PermissionLevel = "CAN_RESTART"    // also start, restart and terminate the cluster
	CanManage                   PermissionLevel = "CAN_MANAGE"     // all actions, including changes of permissions
	CanUse                      PermissionLevel = "CAN_USE"        // create clusters under a policy; use a warehouse, an app or tokens
	CanView                     PermissionLevel = "CAN_VIEW"       // read a job, its settings and its results
	CanManageRun                PermissionLevel = "CAN_MANAGE_RUN" // also start and cancel the job's runs
	IsOwner                     PermissionLevel = "IS_OWNER"       // one user or service principal, never a group
	CanRead                     PermissionLevel = "CAN_READ"       // read a notebook or a file, or list a directory
	CanRun                      PermissionLevel = "CAN_RUN"        // also run it
	CanEdit                     PermissionLevel = "CAN_EDIT"       // also change it
	CanEditMetadata             PermissionLevel = "CAN_EDIT_METADATA"
	CanViewMetadata             PermissionLevel = "CAN_VIEW_METADATA"
	CanManageStagingVersions    PermissionLevel = "CAN_MANAGE_STAGING_VERSIONS"
	CanManageProductionVersions PermissionLevel = "CAN_MANAGE_PRODUCTION_VERSIONS"
	CanMonitor                  PermissionLevel = "CAN_MONITOR"
	CanMonitorOnly              PermissionLevel = "CAN_MONITOR_ONLY"
	CanQuery                    PermissionLevel = "CAN_QUERY"
	CanBind                     PermissionLevel = "CAN_BIND"
	CanCreate                   PermissionLevel = "CAN_CREATE"
	CanCreateApp                PermissionLevel = "CAN_CREATE_APP"
)

// permissionLevels are the known levels of each kind of object.
var permissionLevels = map[PermissionObject][]PermissionLevel{
	PermissionsOnClusters:              {CanAttachTo, CanRestart, CanManage},
	PermissionsOnClusterPolicies:       {CanUse},
	PermissionsOnInstancePools:         {CanAttachTo, CanManage},
	PermissionsOnJobs:                  {CanView, CanManageRun, CanManage, IsOwner},
	PermissionsOnPipelines:             {CanView, CanRun, CanManage, IsOwner},
	PermissionsOnNotebooks:             {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnDirectories:           {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnFiles:                 {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnRepos:                 {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnAuthorization:         {CanUse, CanManage}, // passwords have only the first
	PermissionsOnExperiments:           {CanRead, CanEdit, CanManage},
	PermissionsOnModels:                {CanRead, CanEdit, CanManageStagingVersions, CanManageProductionVersions, CanManage},
	PermissionsOnWarehouses:            {CanView, CanMonitor, CanUse, CanManage, IsOwner},
	PermissionsOnQueries:               {CanRead, CanView, CanRun, CanEdit, CanManage},
	PermissionsOnLegacyAlerts:          {CanRead, CanView, CanRun, CanEdit, CanManage},
	PermissionsOnLegacyDashboards:      {CanRead, CanView, CanRun, CanEdit, CanManage},
	PermissionsOnDashboards:            {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnServingEndpoints:      {CanView, CanQuery, CanManage},
	PermissionsOnVectorSearchEndpoints: {CanUse, CanManage},
	PermissionsOnApps:                  {CanUse, CanManage},
	PermissionsOnDatabaseInstances:     {CanUse, CanManage},
	PermissionsOnDatabaseProjects:      {CanUse, CanManage},
	PermissionsOnAlerts:                {CanRead, CanRun, CanEdit, CanManage},
	PermissionsOnKnowledgeAssistants:   {CanQuery, CanManage},
	PermissionsOnSupervisorAgents:      {CanQuery, CanManage},
}

// check rejects a level that only other kinds of objects have. It accepts
// unknown levels and unknown kinds, which the service checks.
func (o PermissionObject) check(id string, level PermissionLevel) error {
	levels := permissionLevels[o]
	if o == PermissionsOnAuthorization && id == "passwords" {
		levels = []PermissionLevel{CanUse}
	}
	if level == "" {
		return badArg("permission_level", isRequired)
	}
	if levels == nil || slices.Contains(levels, level) {
		return nil
	}
	for _, others := range permissionLevels {
		if slices.Contains(others, level) {
			return badArg("permission_level", "%q is not valid for %s; want %s", level, o, oneOf(levels))
		}
	}
	return nil
}

// oneOf formats values for an error: "A, B or C".
func oneOf[T ~string](values []T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i > 0 && i == len(values)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// An AccessControl gives a permission level to one user, group or service
// principal. Set exactly one of the three names. The service ignores case in
// names.
type AccessControl struct {
	UserName             string          `json:"user_name,omitzero"`              // the email address that the user signs in with
	GroupName            string          `json:"group_name,omitzero"`             // "users" contains all users of the workspace
	ServicePrincipalName string          `json:"service_principal_name,omitzero"` // the application ID, not the display name
	PermissionLevel      PermissionLevel `json:"permission_level"`
}

// principal returns the user, group or service principal, without a level.
func (a AccessControl) principal() AccessControl {
	return AccessControl{
		UserName: strings.ToLower(a.UserName), GroupName: strings.ToLower(a.GroupName), ServicePrincipalName: strings.ToLower(a.ServicePrincipalName),
	}
}

// checkPrincipal rejects all but exactly one name.
func (a AccessControl) checkPrincipal() error {
	names := 0
	for _, name := range []string{a.UserName, a.GroupName, a.ServicePrincipalName} {
		if name != "" {
			names++
		}
	}
	if names != 1 {
		return badArg("user_name, group_name and service_principal_name", "have %d values; set exactly one of them", names)
	}
	return nil
}

// ObjectPermissions are all permissions on an object: its direct permissions,
// and those that it inherits from a directory or from the workspace.
type ObjectPermissions struct {
	ObjectID          string               `json:"object_id"` // such as /jobs/12
	ObjectType        PermissionObjectType `json:"object_type"`
	AccessControlList []ObjectAccess       `json:"access_control_list"`
}

// Direct returns the object's direct permissions, in the form that
// [SetPermissions] accepts. It omits inherited permissions. It works on nil.
func (p *ObjectPermissions) Direct() []AccessControl {
	if p == nil {
		return nil
	}
	var direct []AccessControl
	for _, a := range p.AccessControlList {
		for _, permission := range a.AllPermissions {
			if !permission.Inherited {
				direct = append(direct, AccessControl{a.UserName, a.GroupName, a.ServicePrincipalName, permission.PermissionLevel})
			}
		}
	}
	return direct
}

// An ObjectAccess lists the permissions of one user, group or service principal
// on an object. Exactly one of the three names is set.
type ObjectAccess struct {
	UserName             string       `json:"user_name"`
	GroupName            string       `json:"group_name"`
	ServicePrincipalName string       `json:"service_principal_name"` // the application ID
	DisplayName          string       `json:"display_name"`           // set for users and service principals
	AllPermissions       []Permission `json:"all_permissions"`
}

// A Permission is a permission level and its origin.
type Permission struct {
	PermissionLevel     PermissionLevel `json:"permission_level"`
	Inherited           bool            `json:"inherited"`             // can be changed only on the object that it is inherited from
	InheritedFromObject []string        `json:"inherited_from_object"` // such as /directories/123, or /clusters/ for permissions of administrators
}

// on adds the object to the path of a call.
func (o PermissionObject) on(r Request, id string) Request {
	switch {
	case o == "":
		r = r.check(badArg("request_object_type", isRequired))
	case strings.ContainsAny(string(o), ".?#"):
		r = r.check(badArg("request_object_type", "%q is not valid", o))
	}
	return r.elements("request_object_type", string(o)).element("request_object_id", id)
}

// Get returns the permissions on an object. It fails with [ErrInvalidState] for
// an old cluster that the service has deleted.
func (s *PermissionsService) Get(ctx context.Context, object PermissionObject, id string) (*ObjectPermissions, error) {
	return do[ObjectPermissions](ctx, s.client, object.on(get("/api/2.0/permissions/{request_object_type}/{request_object_id}"), id))
}

// SetPermissions describes all direct permissions on an object.
type SetPermissions struct {
	Object PermissionObject `json:"request_object_type"`
	ID     string           `json:"request_object_id"`

	// AccessControlList replaces all direct permissions. An empty list removes
	// them.
	AccessControlList []AccessControl `json:"access_control_list,omitzero"`
}

func (in SetPermissions) check() error {
	owners := 0
	for _, a := range in.AccessControlList {
		if err := checkAccess(in.Object, in.ID, a); err != nil {
			return err
		}
		if a.PermissionLevel == IsOwner {
			owners++
		}
	}
	if slices.Contains(permissionLevels[in.Object], IsOwner) && owners != 1 {
		return badArg("access_control_list", "has %s for %d principals; %s need exactly one owner", IsOwner, owners, in.Object)
	}
	return nil
}

// checkAccess rejects an invalid item of an access control list.
func checkAccess(object PermissionObject, id string, a AccessControl) error {
	switch err := a.checkPrincipal(); {
	case err != nil:
		return err
	case a.PermissionLevel == IsOwner && a.GroupName != "":
		return badArg("permission_level", "%s is not valid for a group; want a user or service principal", IsOwner)
	}
	return object.check(id, a.PermissionLevel)
}

// Set replaces all direct permissions on an object and returns the object's
// permissions afterwards. The list must name exactly one owner for a job, a
// pipeline or a warehouse. Inherited permissions and the permissions of the
// group admins do not change. For tokens, the root directory and the root of
// models, the list must name the group admins with [CanManage]. A caller who is
// not an administrator can lose access by omitting itself. Set is idempotent, so
// the client retries it. To change the permissions of one principal, use
// [PermissionsService.Update] or [PermissionsService.Revoke].
func (s *PermissionsService) Set(ctx context.Context, in SetPermissions) (*ObjectPermissions, error) {
	return do[ObjectPermissions](ctx, s.client, in.request().idempotent())
}

func (in SetPermissions) request() Request {
	r := in.Object.on(put("/api/2.0/permissions/{request_object_type}/{request_object_id}"), in.ID).check(in.check())
	r.Body = map[string]any{"access_control_list": append([]AccessControl{}, in.AccessControlList...)}
	return r
}

// UpdatePermissions lists principals and their new permission levels.
type UpdatePermissions struct {
	Object            PermissionObject `json:"request_object_type"`
	ID                string           `json:"request_object_id"`
	AccessControlList []AccessControl  `json:"access_control_list,omitzero"`
}

func (in UpdatePermissions) check() error {
	if len(in.AccessControlList) == 0 {
		return badArg("access_control_list", isRequired)
	}
	for _, a := range in.AccessControlList {
		if err := checkAccess(in.Object, in.ID, a); err != nil {
			return err
		}
	}
	return nil
}

// Update gives each principal in the list a permission level and returns the
// object's permissions afterwards. The level replaces the principal's current
// direct level. Other principals keep theirs, except that a new owner replaces
// the old one. Update is idempotent, so the client retries it.
func (s *PermissionsService) Update(ctx context.Context, in UpdatePermissions) (*ObjectPermissions, error) {
	r := in.Object.on(update("/api/2.0/permissions/{request_object_type}/{request_object_id}"), in.ID).check(in.check())
	r.Body = map[string]any{"access_control_list": in.AccessControlList}
	return do[ObjectPermissions](ctx, s.client, r.idempotent())
}

// RevokePermission identifies a principal and the object that it loses access
// to. Set exactly one of the three names.
type RevokePermission struct {
	Object               PermissionObject
	ID                   string
	UserName             string
	GroupName            string
	ServicePrincipalName string // the application ID
}

// Revoke removes the direct permissions of one principal on an object and
// returns the object's permissions afterwards. Other principals and inherited
// permissions do not change. If the principal has no direct permission, Revoke
// changes nothing. It fails if the principal owns the object, because an object
// must have an owner. Use [PermissionsService.Update] to set another owner
// first.
//
// The service has no call for this. Revoke reads the permissions and then sets
// all of them except those of the principal. A change that somebody else makes
// between the two requests is lost. If the response to the second request is
// lost, Revoke reads the permissions again before it retries once. You can safely
// call Revoke again after an error.
func (s *PermissionsService) Revoke(ctx context.Context, in RevokePermission) (*ObjectPermissions, error) {
	who := AccessControl{UserName: in.UserName, GroupName: in.GroupName, ServicePrincipalName: in.ServicePrincipalName}
	if err := who.checkPrincipal(); err != nil {
		return nil, err
	}
	after, err := s.revoke(ctx, in, who)
	if _, unknown := errors.AsType[*OutcomeUnknownError](err); unknown && ctx.Err() == nil && s.client.retry.MaxAttempts > 1 {
		if after, failure := s.revoke(ctx, in, who); failure == nil {
			return after, nil
		}
	}
	return after, err
}

// revoke reads the permissions on an object and sets all except those of who. The
// client does not retry the second request after a lost response, because the list
// would undo changes that somebody else made in the meantime.
func (s *PermissionsService) revoke(ctx context.Context, in RevokePermission, who AccessControl) (*ObjectPermissions, error) {
	current, err := s.Get(ctx, in.Object, in.ID)
	if err != nil {
		return nil, err
	}
	set := SetPermissions{Object: in.Object, ID: in.ID}
	revoked, owner := false, false
	for _, a := range current.Direct() {
		if a.principal() == who.principal() {
			revoked, owner = true, owner || a.PermissionLevel == IsOwner
			continue
		}
		set.AccessControlList = append(set.AccessControlList, a)
	}
	if !revoked {
		return current, nil
	}
	if admins := (AccessControl{GroupName: "admins", PermissionLevel: CanManage}); in.Object.namesAdmins(in.ID) && !slices.Contains(set.AccessControlList, admins) {
		set.AccessControlList = append(set.AccessControlList, admins)
	}
	r := set.request()
	if owner {
		r.err = badArg("principal", "owns the object; give another principal %s first", IsOwner)
	}
	return do[ObjectPermissions](ctx, s.client, r)
}

// namesAdmins reports whether the permissions on an object must always contain
// those of the group admins, although the service shows them as inherited.
func (o PermissionObject) namesAdmins(id string) bool {
	return slices.Contains([]string{"authorization/tokens", "directories/0", "registered-models/root"}, string(o)+"/"+id)
}

// A PermissionDescription is a permission level and its description.
type PermissionDescription struct {
	PermissionLevel PermissionLevel `json:"permission_level"`
	Description     string          `json:"description"`
}

// Levels returns the permission levels that are valid for an object.
func (s *PermissionsService) Levels(ctx context.Context, object PermissionObject, id string) ([]PermissionDescription, error) {
	response, err := do[struct {
		PermissionLevels []PermissionDescription `json:"permission_levels"`
	}](ctx, s.client, object.on(get("/api/2.0/permissions/{request_object_type}/{request_object_id}/permissionLevels"), id))
	if err != nil {
		return nil, err
	}
	return response.PermissionLevels, nil
}
