package databricks

import (
	"context"
)

// GroupsService manages the groups of a workspace and their members. Only
// workspace administrators can use it. Other callers get [ErrPermissionDenied].
//
// The client does not retry a call that changes something after a lost
// response. A second request could undo a change that somebody else made in the
// meantime. Such a call fails with an [*OutcomeUnknownError].
//
// See https://docs.databricks.com/api/workspace/groups.
type GroupsService service

// A GroupMember is a user or a group. Set exactly one field.
type GroupMember struct {
	UserName  string `json:"user_name,omitzero"` // the email address that the user signs in with
	GroupName string `json:"group_name,omitzero"`
}

func (p GroupMember) check() error {
	switch {
	case p.UserName == "" && p.GroupName == "":
		return badArg("user_name or group_name", isRequired)
	case p.UserName != "" && p.GroupName != "":
		return badArg("user_name", "%q and group_name %q are both set; set exactly one of them", p.UserName, p.GroupName)
	}
	return nil
}

// membership sends a call about one member of one group.
func (s *GroupsService) membership(ctx context.Context, path, parent string, member GroupMember) error {
	return s.client.Do(ctx, post(path).required("parent_name", parent).
		optional("user_name", member.UserName).optional("group_name", member.GroupName).check(member.check()), nil)
}

// AddMember adds a user or a group to the group parent. It fails with
// [ErrResourceDoesNotExist] if either of them does not exist. The service does
// not document what happens if the member is already in the group, or if two
// groups would contain each other. The client does not retry the call after a
// lost response.
func (s *GroupsService) AddMember(ctx context.Context, parent string, member GroupMember) error {
	return s.membership(ctx, "/api/2.0/groups/add-member", parent, member)
}

// Create creates an empty group. It fails with [ErrResourceAlreadyExists] if
// the name is taken. Some workspaces return [ErrInternalError] instead. In a
// workspace that uses the groups of its account, Create adds the account's
// group with this name. There it fails with [ErrResourceDoesNotExist] if the
// account has no such group. The client does not retry the call after a lost
// response.
func (s *GroupsService) Create(ctx context.Context, name string) error {
	return s.client.Do(ctx, post("/api/2.0/groups/create").required("group_name", name), nil)
}

// Delete deletes a group. Its members remain. It fails with
// [ErrResourceDoesNotExist] if the group does not exist. The client does not
// retry the call after a lost response.
func (s *GroupsService) Delete(ctx context.Context, name string) error {
	return s.client.Do(ctx, post("/api/2.0/groups/delete").required("group_name", name), nil)
}

// groupNames is a response that lists groups.
type groupNames struct {
	GroupNames []string `json:"group_names"`
}

// List returns the names of all groups.
func (s *GroupsService) List(ctx context.Context) ([]string, error) {
	response, err := do[groupNames](ctx, s.client, get("/api/2.0/groups/list"))
	if err != nil {
		return nil, err
	}
	return response.GroupNames, nil
}

// ListMembers returns the direct members of a group. It does not list the
// members of nested groups. It fails with [ErrResourceDoesNotExist] if the
// group does not exist.
func (s *GroupsService) ListMembers(ctx context.Context, group string) ([]GroupMember, error) {
	response, err := do[struct {
		Members []GroupMember `json:"members"`
	}](ctx, s.client, get("/api/2.0/groups/list-members").required("group_name", group))
	if err != nil {
		return nil, err
	}
	return response.Members, nil
}

// ListParents returns the groups that have a user or a group as a direct
// member. It fails with [ErrResourceDoesNotExist] if the user or group does not
// exist.
func (s *GroupsService) ListParents(ctx context.Context, member GroupMember) ([]string, error) {
	response, err := do[groupNames](ctx, s.client, get("/api/2.0/groups/list-parents").params(member))
	if err != nil {
		return nil, err
	}
	return response.GroupNames, nil
}

// RemoveMember removes a user or a group from the group parent. It fails with
// [ErrResourceDoesNotExist] if either of them does not exist. The service does
// not document what happens if the user or group is not a member. The client
// does not retry the call after a lost response.
func (s *GroupsService) RemoveMember(ctx context.Context, parent string, member GroupMember) error {
	return s.membership(ctx, "/api/2.0/groups/remove-member", parent, member)
}
