package databricks

import (
	"context"
)

// GroupsService keeps the groups of a workspace and who is in them. Only
// admins of the workspace may use it; others get [ErrPermissionDenied].
//
// Of its calls, those that change something are not repeated after their
// answer was lost: another may have made a group anew, or put somebody back,
// and a repeat would undo that. They then fail with an [*OutcomeUnknownError].
//
// See https://docs.databricks.com/api/workspace/groups.
type GroupsService service

// A GroupMember is a user or a group: exactly one field is set.
type GroupMember struct {
	UserName  string `json:"user_name,omitzero"` // the e-mail address that the user signs in with
	GroupName string `json:"group_name,omitzero"`
}

func (p GroupMember) check() error {
	switch {
	case p.UserName == "" && p.GroupName == "":
		return badArg("user_name or group_name", missing)
	case p.UserName != "" && p.GroupName != "":
		return badArg("user_name", "%q and group_name %q are both set; a principal is one of them", p.UserName, p.GroupName)
	}
	return nil
}

// membership is a call about one member of one group.
func (s *GroupsService) membership(ctx context.Context, path, parent string, member GroupMember) error {
	return s.client.Do(ctx, post(path).required("parent_name", parent).
		optional("user_name", member.UserName).optional("group_name", member.GroupName).check(member.check()), nil)
}

// AddMember puts a user or a group into the group called parent. It fails with
// [ErrResourceDoesNotExist] if one of them is unknown. What the service says
// of a member that is in already, and of groups that would contain each other,
// is not documented. It is not repeated after its answer was lost.
func (s *GroupsService) AddMember(ctx context.Context, parent string, member GroupMember) error {
	return s.membership(ctx, "/api/2.0/groups/add-member", parent, member)
}

// Create creates an empty group. It fails with
// [ErrResourceAlreadyExists] if there is one of that name; some workspaces say
// [ErrInternalError] instead. A workspace whose groups are those of the account
// takes in the account's group of that name, and fails with
// [ErrResourceDoesNotExist] if the account has none. It is not repeated after
// its answer was lost.
func (s *GroupsService) Create(ctx context.Context, name string) error {
	return s.client.Do(ctx, post("/api/2.0/groups/create").required("group_name", name), nil)
}

// Delete removes a group, not its members. It fails with
// [ErrResourceDoesNotExist] if there is none of that name. It is not repeated
// after its answer was lost.
func (s *GroupsService) Delete(ctx context.Context, name string) error {
	return s.client.Do(ctx, post("/api/2.0/groups/delete").required("group_name", name), nil)
}

// groupNames is the reply that lists groups.
type groupNames struct {
	GroupNames []string `json:"group_names"`
}

// List returns the names of all groups.
func (s *GroupsService) List(ctx context.Context) ([]string, error) {
	reply, err := do[groupNames](ctx, s.client, get("/api/2.0/groups/list"))
	if err != nil {
		return nil, err
	}
	return reply.GroupNames, nil
}

// ListMembers returns who is in a group directly, not who is in its groups. It
// fails with [ErrResourceDoesNotExist] if there is no such group.
func (s *GroupsService) ListMembers(ctx context.Context, group string) ([]GroupMember, error) {
	reply, err := do[struct {
		Members []GroupMember `json:"members"`
	}](ctx, s.client, get("/api/2.0/groups/list-members").required("group_name", group))
	if err != nil {
		return nil, err
	}
	return reply.Members, nil
}

// ListParents returns the groups that a user or a group is in directly, not
// those that contain them in turn. It fails with [ErrResourceDoesNotExist] if
// the user or group is unknown.
func (s *GroupsService) ListParents(ctx context.Context, member GroupMember) ([]string, error) {
	reply, err := do[groupNames](ctx, s.client, get("/api/2.0/groups/list-parents").params(member))
	if err != nil {
		return nil, err
	}
	return reply.GroupNames, nil
}

// RemoveMember takes a user or a group out of the group called parent. It fails
// with [ErrResourceDoesNotExist] if one of them is unknown. What the service
// says of somebody who is not in the group is not documented. It is not
// repeated after its answer was lost.
func (s *GroupsService) RemoveMember(ctx context.Context, parent string, member GroupMember) error {
	return s.membership(ctx, "/api/2.0/groups/remove-member", parent, member)
}
