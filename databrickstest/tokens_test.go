package databrickstest

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type createdToken struct {
	Value string    `json:"token_value"`
	Info  tokenInfo `json:"token_info"`
}

// createToken creates a token for the owner of s.Token.
func createToken(t *testing.T, s *Server, body string) (made createdToken) {
	t.Helper()
	got := send(t, s, "POST", "/api/2.0/token/create", body)
	require.Equal(t, 200, got.status, got.body)
	require.NoError(t, json.Unmarshal([]byte(got.body), &made))
	return made
}

const locksOut = "403 403: Invalid access token."

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}))
		now := time.Now().UnixMilli()
		initial := s.identities.tokens[s.Token].id

		made := createToken(t, s, `{"lifetime_seconds":"60","comment":"ci","scopes":["clusters"],"autoscope_enabled":true}`)
		assert.Regexp(t, `^dapi[0-9a-f]{32}$`, made.Value)
		assert.Regexp(t, `^[0-9a-f]{64}$`, made.Info.ID)
		assert.Equal(t, tokenInfo{made.Info.ID, now, now + 60_000, "ci", tokenScopes{[]string{"clusters"}, "AUTOSCOPE_STATE_RUNNING"}}, made.Info)
		plain := createToken(t, s, `{}`)
		assert.Equal(t, tokenInfo{ID: plain.Info.ID, Created: now, Expires: now + 730*24*3600*1000}, plain.Info, "two years")

		entries := map[string]string{
			initial:       fmt.Sprintf(`{"token_id":%q,"creation_time":%d,"expiry_time":-1}`, initial, now),
			plain.Info.ID: fmt.Sprintf(`{"token_id":%q,"creation_time":%d,"expiry_time":%d}`, plain.Info.ID, now, plain.Info.Expires),
			made.Info.ID: fmt.Sprintf(`{"token_id":%q,"creation_time":%d,"expiry_time":%d,"comment":"ci","scopes":["clusters"],"autoscope_state":"AUTOSCOPE_STATE_RUNNING"}`,
				made.Info.ID, now, made.Info.Expires),
		}
		listed := func() (ids []string) {
			var out struct {
				Infos []json.RawMessage `json:"token_infos"`
			}
			got := send(t, s, "GET", "/api/2.0/token/list", "")
			require.NoError(t, json.Unmarshal([]byte(got.body), &out))
			for _, raw := range out.Infos {
				var info tokenInfo
				require.NoError(t, json.Unmarshal(raw, &info))
				assert.JSONEq(t, entries[info.ID], string(raw))
				ids = append(ids, info.ID)
			}
			return ids
		}
		assert.ElementsMatch(t, []string{initial, plain.Info.ID, made.Info.ID}, listed())

		revoke := func(as, id, want string) step {
			return step{as: as, call: "POST /api/2.0/token/delete", body: fmt.Sprintf(`{"token_id":%q}`, id), want: want}
		}
		noToken := func(id string) string { return "404 RESOURCE_DOES_NOT_EXIST: No valid token with ID " + id + " found." }
		converse(t, s, []step{
			{as: made.Value, call: "GET /api/2.0/groups/list", want: `{"group_names":["admins","users"]}`},
			revoke("dapi-alice", made.Info.ID, noToken(made.Info.ID)), // a token of another user
			revoke("", "none", noToken("none")),
			{as: plain.Value, call: "GET /api/2.0/secrets/scopes/list"},
			revoke(plain.Value, plain.Info.ID, ""), // itself
			{as: plain.Value, call: "GET /api/2.0/secrets/scopes/list", want: locksOut},
			revoke("", plain.Info.ID, noToken(plain.Info.ID)),
		})
		time.Sleep(60*time.Second - time.Millisecond)
		assert.ElementsMatch(t, []string{initial, made.Info.ID}, listed())
		converse(t, s, []step{{as: made.Value, call: "GET /api/2.0/secrets/scopes/list"}})
		time.Sleep(time.Millisecond)
		assert.ElementsMatch(t, []string{initial}, listed())
		converse(t, s, []step{
			{as: made.Value, call: "GET /api/2.0/secrets/scopes/list", want: locksOut},
			revoke("", made.Info.ID, noToken(made.Info.ID)),
		})
	})
}

func TestTokens_policy(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithTokenPolicy(TokenPolicy{MaxPerUser: 3, MaxLifetime: time.Hour}),
		WithUser(User{Name: "alice@example.com", Password: "pw"}))
	converse(t, s, []step{
		{call: "POST /api/2.0/token/create", body: `{"lifetime_seconds":0}`,
			want: "400 INVALID_PARAMETER_VALUE: requirement failed: Invalid timeout: 0"},
		{call: "POST /api/2.0/token/create", body: `{"lifetime_seconds":-1}`,
			want: "400 INVALID_PARAMETER_VALUE: requirement failed: Invalid timeout: -1"},
		{call: "POST /api/2.0/token/create", body: `{"lifetime_seconds":3601}`,
			want: "400 INVALID_PARAMETER_VALUE: Token lifetime of 3601 seconds exceeds the maximum of 3600"},
	})
	first := createToken(t, s, `{}`)
	assert.EqualValues(t, 3600_000, first.Info.Expires-first.Info.Created, "the maximum lifetime")
	createToken(t, s, `{"lifetime_seconds":3600}`)
	converse(t, s, []step{
		{call: "POST /api/2.0/token/create", body: `{}`, want: "400 QUOTA_EXCEEDED: User admin@example.com has reached the limit of 3 tokens"},
		{call: "POST /api/2.0/token/delete", body: fmt.Sprintf(`{"token_id":%q}`, first.Info.ID)},
	})
	createToken(t, s, `{}`)

	s = newServer(t, WithoutSocket(), WithTokenPolicy(TokenPolicy{Disabled: true}))
	converse(t, s, []step{{call: "POST /api/2.0/token/create", body: `{}`,
		want: "403 FEATURE_DISABLED: Personal access tokens are disabled for this workspace."}})
}

func TestTokens_longLifetimes(t *testing.T) {
	s := newServer(t, WithoutSocket())
	for _, body := range []string{`{"lifetime_seconds":9223372036854775807}`, `{"lifetime_seconds":4611686019}`} {
		assert.Equal(t, 400, send(t, s, "POST", "/api/2.0/token/create", body).status, body)
	}
	made := createToken(t, s, `{"lifetime_seconds":3153600000}`)
	assert.EqualValues(t, int64(3153600000_000), made.Info.Expires-made.Info.Created, "a hundred years")
}
