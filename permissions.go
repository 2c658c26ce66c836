package databricks

import (
	"context"
	"slices"
	"strings"
)

// PermissionsService reads and changes who may do what with the objects of a
// workspace: clusters, jobs, notebooks, directories, policies, pools and more.
// Secret scopes have their own, see [SecretsService.PutACL].
//
// Calls that name an object that does not exist fail with
// [ErrResourceDoesNotExist]. To read or change permissions, the caller must
// manage the object (or own it) or be an admin. Others get [ErrPermissionDenied].
// A user, group or service principal that was created just now may be unknown for
// a little while. The call then fails with [ErrInvalidParameterValue] or
// [ErrResourceDoesNotExist].
//
// See https://docs.databricks.com/api/workspace/permissions.
type PermissionsService service

// A PermissionObject is a kind of object that has permissions. The service may
// add kinds.
type PermissionObject string

// Kinds of objects, and the ID that goes with each.
const (
	PermissionsOnClusters        PermissionObject = "clusters"         // Cluster.ClusterID
	PermissionsOnClusterPolicies PermissionObject = "cluster-policies" // ClusterPolicy.PolicyID
	PermissionsOnInstancePools   PermissionObject = "instance-pools"   // InstancePool.InstancePoolID
	PermissionsOnJobs            PermissionObject = "jobs"             // Job.JobID, in decimal
	PermissionsOnPipelines       PermissionObject = "pipelines"
	PermissionsOnNotebooks       PermissionObject = "notebooks"         // WorkspaceObject.ObjectID, in decimal
	PermissionsOnDirectories     PermissionObject = "directories"       // WorkspaceObject.ObjectID, in decimal; "0" is the root
	PermissionsOnFiles           PermissionObject = "files"             // files in the workspace; WorkspaceObject.ObjectID, in decimal
	PermissionsOnRepos           PermissionObject = "repos"             //
	PermissionsOnAuthorization   PermissionObject = "authorization"     // "tokens" or "passwords": who may use them at all
	PermissionsOnExperiments     PermissionObject = "experiments"       //
	PermissionsOnModels          PermissionObject = "registered-models" // an ID, or "root"

	PermissionsOnWarehouses            PermissionObject = "sql/warehouses"
	PermissionsOnQueries               PermissionObject = "sql/queries"
	PermissionsOnLegacyAlerts          PermissionObject = "sql/alerts"
	PermissionsOnLegacyDashboards      PermissionObject = "dbsql-dashboards"
	PermissionsOnDashboards            PermissionObject = "dashboards"
	PermissionsOnServingEndpoints      PermissionObject = "serving-endpoints"
	PermissionsOnVectorSearchEndpoints PermissionObject = "vector-search-endpoints"
	PermissionsOnApps                  PermissionObject = "apps"               // the app's name
	PermissionsOnDatabaseInstances     PermissionObject = "database-instances" // its name
	PermissionsOnDatabaseProjects      PermissionObject = "database-projects"  // its name
	PermissionsOnAlerts                PermissionObject = "alertsv2"
	PermissionsOnGenieSpaces           PermissionObject = "genie"
	PermissionsOnKnowledgeAssistants   PermissionObject = "knowledge-assistants"
	PermissionsOnSupervisorAgents      PermissionObject = "supervisor-agents"
)

// A PermissionObjectType is what the service calls a kind of object in its
// responses. It is not the word that a call uses, which is a [PermissionObject].
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

// A PermissionLevel is what a principal may do with an object. Each kind of
// object has its own levels. The service may add levels.
type PermissionLevel string

// Permission levels. [PermissionsService.Levels] returns those of an object with
// their meaning.
const (
	CanAttachTo                 PermissionLevel = "CAN_ATTACH_TO"  // run code on a cluster; create clusters on a pool
	CanRestart                  PermissionLevel = "CAN_RESTART"    // and start, restart and terminate the cluster
	CanManage                   PermissionLevel = "CAN_MANAGE"     // anything, including permissions
	CanUse                      PermissionLevel = "CAN_USE"        // create clusters under a policy; use a warehouse, an app or tokens
	CanView                     PermissionLevel = "CAN_VIEW"       // see a job, its settings and its results
	CanManageRun                PermissionLevel = "CAN_MANAGE_RUN" // and start and cancel the job's runs
	IsOwner                     PermissionLevel = "IS_OWNER"       // one user or service principal, never a group
	CanRead                     PermissionLevel = "CAN_READ"       // see a notebook, a file or what a directory contains
	CanRun                      PermissionLevel = "CAN_RUN"        // and run it
	CanEdit                     PermissionLevel = "CAN_EDIT"       // and change it
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

// permissionLevels are the levels of each kind of object, where they are known.
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
	PermissionsOnAuthorization:         {CanUse, CanManage},
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

// check rejects a level that belongs to other kinds of objects only. Levels and
// kinds that are unknown here are the service's to judge.
func (o PermissionObject) check(level PermissionLevel) error {
	levels := permissionLevels[o]
	if level == "" {
		return badArg("permission_level", missing)
	}
	if levels == nil || slices.Contains(levels, level) {
		return nil
	}
	for _, others := range permissionLevels {
		if slices.Contains(others, level) {
			return badArg("permission_level", "%q is no level of %s; want %s", level, o, oneOf(levels))
		}
	}
	return nil
}

// oneOf lists values for an error: "A, B or C".
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

// An AccessControl gives one user, group or service principal a level. Exactly
// one of the three names is set. The service ignores case in names.
type AccessControl struct {
	UserName             string          `json:"user_name,omitzero"`              // the e-mail address that the user signs in with
	GroupName            string          `json:"group_name,omitzero"`             // "users" is everybody in the workspace
	ServicePrincipalName string          `json:"service_principal_name,omitzero"` // the application ID, not the display name
	PermissionLevel      PermissionLevel `json:"permission_level"`
}

// principal returns the user, group or service principal, without a level.
func (a AccessControl) principal() AccessControl {
	return AccessControl{
		UserName: strings.ToLower(a.UserName), GroupName: strings.ToLower(a.GroupName), ServicePrincipalName: strings.ToLower(a.ServicePrincipalName),
	}
}

// checkPrincipal rejects anything but one name.
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

// ObjectPermissions are all permissions of an object: its own, and those that it
// inherits from the directory or the workspace that it is in.
type ObjectPermissions struct {
	ObjectID          string               `json:"object_id"` // such as /jobs/12
	ObjectType        PermissionObjectType `json:"object_type"`
	AccessControlList []ObjectAccess       `json:"access_control_list"`
}

// Direct returns the object's own permissions, without those that it inherits.
// They are what [SetPermissions] takes. It works on nil.
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

// An ObjectAccess is what one user, group or service principal may do with an
// object. One of the three names is set.
type ObjectAccess struct {
	UserName             string       `json:"user_name"`
	GroupName            string       `json:"group_name"`
	ServicePrincipalName string       `json:"service_principal_name"` // the application ID
	DisplayName          string       `json:"display_name"`           // of a user or service principal
	AllPermissions       []Permission `json:"all_permissions"`
}

// A Permission is a level that a principal has, and where it comes from.
type Permission struct {
	PermissionLevel     PermissionLevel `json:"permission_level"`
	Inherited           bool            `json:"inherited"`             // can be changed only where it comes from
	InheritedFromObject []string        `json:"inherited_from_object"` // such as /directories/123, or /clusters/ for what admins have
}

// on names the object that a call is about.
func (o PermissionObject) on(r Request, id string) Request {
	switch {
	case o == "":
		r = r.check(badArg("request_object_type", missing))
	case strings.ContainsAny(string(o), ".?#"):
		r = r.check(badArg("request_object_type", "%q is not valid", o))
	}
	return r.elements("request_object_type", string(o)).element("request_object_id", id)
}

// Get returns the permissions of an object. It fails with [ErrInvalidState] for a
// cluster that the service has deleted because of its age.
func (s *PermissionsService) Get(ctx context.Context, object PermissionObject, id string) (*ObjectPermissions, error) {
	return do[ObjectPermissions](ctx, s.client, object.on(get("/api/2.0/permissions/{request_object_type}/{request_object_id}"), id))
}

// SetPermissions describes all permissions that an object has of its own.
type SetPermissions struct {
	Object PermissionObject `json:"request_object_type"`
	ID     string           `json:"request_object_id"`

	// AccessControlList replaces all of the object's own permissions. An empty
	// list removes them.
	AccessControlList []AccessControl `json:"access_control_list,omitzero"`
}

func (in SetPermissions) check() error {
	owners := 0
	for _, a := range in.AccessControlList {
		if err := checkAccess(in.Object, a); err != nil {
			return err
		}
		if a.PermissionLevel == IsOwner {
			owners++
		}
	}
	if slices.Contains(permissionLevels[in.Object], IsOwner) && owners != 1 {
		return badArg("access_control_list", "gives %s to %d principals; %s need exactly one owner", IsOwner, owners, in.Object)
	}
	return nil
}

// checkAccess rejects an item of the list of an object.
func checkAccess(object PermissionObject, a AccessControl) error {
	switch err := a.checkPrincipal(); {
	case err != nil:
		return err
	case a.PermissionLevel == IsOwner && a.GroupName != "":
		return badArg("permission_level", "%s cannot be given to a group, but to a user or service principal", IsOwner)
	}
	return object.check(a.PermissionLevel)
}

// Set replaces all permissions that an object has of its own, and returns what it
// has afterwards. A job, a pipeline and a warehouse must have exactly one owner in
// the list. Inherited permissions and those of the group admins stay. A caller that
// is no admin and leaves itself out may lose its access. The call is idempotent.
// To change the permissions of one principal, use [PermissionsService.Update] or
// [PermissionsService.Revoke].
func (s *PermissionsService) Set(ctx context.Context, in SetPermissions) (*ObjectPermissions, error) {
	r := in.Object.on(put("/api/2.0/permissions/{request_object_type}/{request_object_id}"), in.ID).check(in.check())
	r.Body = map[string]any{"access_control_list": append([]AccessControl{}, in.AccessControlList...)}
	return do[ObjectPermissions](ctx, s.client, r.idempotent())
}

// UpdatePermissions names principals and the levels to give them.
type UpdatePermissions struct {
	Object            PermissionObject `json:"request_object_type"`
	ID                string           `json:"request_object_id"`
	AccessControlList []AccessControl  `json:"access_control_list,omitzero"`
}

func (in UpdatePermissions) check() error {
	if len(in.AccessControlList) == 0 {
		return badArg("access_control_list", missing)
	}
	for _, a := range in.AccessControlList {
		if err := checkAccess(in.Object, a); err != nil {
			return err
		}
	}
	return nil
}

// Update gives each principal in the list its level, in place of the one that it
// has, and returns what the object has afterwards. Other principals keep what they
// have. A new owner replaces the old one. The call is idempotent.
func (s *PermissionsService) Update(ctx context.Context, in UpdatePermissions) (*ObjectPermissions, error) {
	r := in.Object.on(update("/api/2.0/permissions/{request_object_type}/{request_object_id}"), in.ID).check(in.check())
	r.Body = map[string]any{"access_control_list": in.AccessControlList}
	return do[ObjectPermissions](ctx, s.client, r.idempotent())
}

// RevokePermission names one principal and the object that it loses access to.
// Exactly one of the three names is set.
type RevokePermission struct {
	Object               PermissionObject
	ID                   string
	UserName             string
	GroupName            string
	ServicePrincipalName string // the application ID
}

// Revoke removes what one principal may do with an object, and returns what the
// object has afterwards. All other principals keep what they have. It sends
// nothing if the principal has no permission that is the object's own. Inherited
// permissions stay. It fails if the principal owns the object, because an owner
// must remain: use [PermissionsService.Update] to name another owner first.
//
// The service has no such call. Revoke reads the permissions and sends all but
// those of the principal. A change that somebody else makes between the two
// requests is lost. Calling Revoke again is safe.
func (s *PermissionsService) Revoke(ctx context.Context, in RevokePermission) (*ObjectPermissions, error) {
	who := AccessControl{UserName: in.UserName, GroupName: in.GroupName, ServicePrincipalName: in.ServicePrincipalName}
	if err := who.checkPrincipal(); err != nil {
		return nil, err
	}
	current, err := s.Get(ctx, in.Object, in.ID)
	if err != nil {
		return nil, err
	}
	all := current.Direct()
	kept := slices.DeleteFunc(slices.Clone(all), func(a AccessControl) bool { return a.principal() == who.principal() })
	if len(kept) == len(all) {
		return current, nil
	}
	return s.Set(ctx, SetPermissions{Object: in.Object, ID: in.ID, AccessControlList: kept})
}

// A PermissionDescription is a level that an object's kind has, and its meaning.
type PermissionDescription struct {
	PermissionLevel PermissionLevel `json:"permission_level"`
	Description     string          `json:"description"`
}

// Levels returns the levels that there are for an object.
func (s *PermissionsService) Levels(ctx context.Context, object PermissionObject, id string) ([]PermissionDescription, error) {
	reply, err := do[struct {
		PermissionLevels []PermissionDescription `json:"permission_levels"`
	}](ctx, s.client, object.on(get("/api/2.0/permissions/{request_object_type}/{request_object_id}/permissionLevels"), id))
	if err != nil {
		return nil, err
	}
	return reply.PermissionLevels, nil
}
