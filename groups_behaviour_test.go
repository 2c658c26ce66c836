package databricks_test

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// as returns a client with a token.
func as(t *testing.T, server *databrickstest.Server, token string, opts ...databricks.Option) *databricks.Client {
	t.Helper()
	client, err := databricks.NewClient(append([]databricks.Option{
		databricks.WithHost("https://workspace.example.com"), databricks.WithToken(token),
		databricks.WithHTTPClient(&http.Client{Transport: server.Transport()}),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// losing makes the service lose the response to the next call of path, after it did
// the work.
func losing(server *databrickstest.Server, path string) {
	server.ForgetRequests()
	server.Inject(databrickstest.Fault{Path: path, Reset: true, WorkDone: true})
}

// assertNotRetried checks that the server received one request, and that the
// outcome is reported as unknown.
func assertNotRetried(t *testing.T, server *databrickstest.Server, err error) {
	t.Helper()
	_, unknown := errors.AsType[*databricks.OutcomeUnknownError](err)
	assert.True(t, unknown, "%v", err)
	assert.Len(t, server.Requests(), 1)
}

func TestGroupsService(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket(),
		databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "dapi-alice"}))
	defer server.Close()
	groups, ctx := as(t, server, server.Token).Groups, t.Context()
	alice := databricks.GroupMember{UserName: "alice@example.com"}

	err := groups.Create(ctx, "data")
	require.NoError(t, err)
	err = groups.Create(ctx, "data")
	assert.ErrorIs(t, err, databricks.ErrResourceAlreadyExists)
	assert.ErrorIs(t, err, fs.ErrExist)
	err = groups.Create(ctx, "ops")
	require.NoError(t, err)

	require.NoError(t, groups.AddMember(ctx, "data", alice))
	require.NoError(t, groups.AddMember(ctx, "ops", databricks.GroupMember{GroupName: "data"}))
	assert.ErrorIs(t, groups.AddMember(ctx, "none", alice), fs.ErrNotExist)

	all, err := groups.List(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"admins", "users", "data", "ops"}, all)
	members, err := groups.ListMembers(ctx, "ops")
	require.NoError(t, err)
	assert.Equal(t, []databricks.GroupMember{{GroupName: "data"}}, members)
	parents, err := groups.ListParents(ctx, alice)
	require.NoError(t, err)
	assert.Equal(t, []string{"users", "data"}, parents)

	// Changes of the members of admins apply immediately.
	require.NoError(t, groups.AddMember(ctx, "admins", databricks.GroupMember{GroupName: "ops"}))
	ofAlice := as(t, server, "dapi-alice").Groups
	_, err = ofAlice.List(ctx)
	require.NoError(t, err)
	require.NoError(t, groups.RemoveMember(ctx, "data", alice))
	_, err = ofAlice.List(ctx)
	assert.ErrorIs(t, err, databricks.ErrPermissionDenied)
	assert.ErrorIs(t, err, fs.ErrPermission)

	members, err = groups.ListMembers(ctx, "data")
	require.NoError(t, err)
	assert.Empty(t, members)
	require.NoError(t, groups.Delete(ctx, "data"))
	assert.ErrorIs(t, groups.Delete(ctx, "data"), databricks.ErrResourceDoesNotExist)
	_, err = groups.ListMembers(ctx, "data")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestGroupsService_lostResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		groups, ctx := as(t, server, server.Token).Groups, t.Context()
		member := databricks.GroupMember{GroupName: "data"}

		losing(server, "/api/2.0/groups/create")
		err := groups.Create(ctx, "data")
		assertNotRetried(t, server, err)
		err = groups.Create(ctx, "ops")
		require.NoError(t, err)
		losing(server, "/api/2.0/groups/add-member")
		assertNotRetried(t, server, groups.AddMember(ctx, "ops", member))
		losing(server, "/api/2.0/groups/remove-member")
		assertNotRetried(t, server, groups.RemoveMember(ctx, "ops", member))
		losing(server, "/api/2.0/groups/delete")
		assertNotRetried(t, server, groups.Delete(ctx, "data"))

		// Reads are retried, and so are requests that the service did not receive.
		losing(server, "/api/2.0/groups/list")
		all, err := groups.List(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"admins", "users", "ops"}, all, "each of the lost calls was carried out")
		assert.Len(t, server.Requests(), 2)
		server.Inject(databrickstest.Fault{Path: "/api/2.0/groups/delete", Refuse: true, Times: 2})
		require.NoError(t, groups.Delete(ctx, "ops"))
	})
}

func TestGroupsService_planned(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithoutSocket())
	defer server.Close()
	var planned []string
	groups, ctx := as(t, server, server.Token, databricks.WithPlan(func(call databricks.PlannedCall) {
		planned = append(planned, call.Path+" "+string(call.Body))
	})).Groups, t.Context()

	err := groups.Create(ctx, "data")
	require.NoError(t, err)
	require.NoError(t, groups.AddMember(ctx, "data", databricks.GroupMember{UserName: "alice@example.com"}))
	assert.Equal(t, []string{
		`/api/2.0/groups/create {"group_name":"data"}`,
		`/api/2.0/groups/add-member {"parent_name":"data","user_name":"alice@example.com"}`,
	}, planned)
	assert.Empty(t, server.Requests())
}
