package databricks

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTokens_wire(t *testing.T) {
	create := func(in CreateToken) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Tokens.Create(ctx, in) }
	}
	list := func(ctx context.Context, c *Client) (any, error) { return c.Tokens.List(ctx) }
	revoke := func(ctx context.Context, c *Client) (any, error) { return nil, c.Tokens.Delete(ctx, "5c8f") }

	full := CreateToken{LifetimeSeconds: 3600, Comment: "ci", Scopes: []string{"clusters"}, AutoscopeEnabled: true}
	made := &CreatedToken{TokenValue: "dapi5715498424f15ee0213be729257b53fc35a47d5953e3bdfd8ed22a0b93b339f4", TokenInfo: TokenInfo{
		TokenID: "5c8f", CreationTime: 1513120516294, ExpiryTime: 1513124116294, Comment: "ci", Scopes: []string{"clusters"},
		AutoscopeState: AutoscopeBackfilled, InferredScopes: []string{"jobs"}, BackfillScopes: []string{"sql"},
	}}
	assertFull(t, full, made)

	runWire(t, []wireRow{{
		name: "create with every field",
		call: create(full),
		wire: []wireStep{{"POST /api/2.0/token/create", `{"lifetime_seconds": 3600, "comment": "ci", "scopes": ["clusters"], "autoscope_enabled": true}`,
			`{"token_value": "dapi5715498424f15ee0213be729257b53fc35a47d5953e3bdfd8ed22a0b93b339f4", "token_info": {"token_id": "5c8f",
			"creation_time": 1513120516294, "expiry_time": "1513124116294", "comment": "ci", "scopes": ["clusters"],
			"autoscope_state": "AUTOSCOPE_STATE_BACKFILLED", "inferred_scopes": ["jobs"], "backfill_scopes": ["sql"]}}`}},
		want: made,
	}, {
		name: "create with nothing sends no lifetime",
		call: create(CreateToken{}),
		wire: []wireStep{{"POST /api/2.0/token/create", `{}`,
			`{"token_value": "dapi1", "token_info": {"token_id": "5c8f", "expiry_time": -1, "autoscope_state": "BRAND_NEW", "brand_new": {}}}`}},
		want: &CreatedToken{TokenValue: "dapi1", TokenInfo: TokenInfo{TokenID: "5c8f", ExpiryTime: -1, AutoscopeState: "BRAND_NEW"}},
	}, {
		name: "create whose response has no token",
		call: create(CreateToken{}),
		wire: []wireStep{{"POST /api/2.0/token/create", `{}`, `{"token_info": {"token_id": "5c8f"}}`}},
		// A token was created, and cannot be used.
		fails: "outcome unknown, it may have been done: the response has no token_value",
	}, {
		name: "create with a negative lifetime is refused",
		call: create(CreateToken{LifetimeSeconds: -1}),
		is:   fs.ErrInvalid, fails: "POST /api/2.0/token/create: lifetime_seconds is -1; want 1 or more",
	}, {
		name: "create with too many tokens",
		call: create(CreateToken{}),
		wire: []wireStep{{"POST /api/2.0/token/create", `{}`, `400 {"error_code": "QUOTA_EXCEEDED", "message": "x"}`}},
		is:   ErrQuotaExceeded,
	}, {
		name: "create where nobody may",
		call: create(CreateToken{}),
		wire: []wireStep{{"POST /api/2.0/token/create", `{}`, `403 {"error_code": "FEATURE_DISABLED", "message": "x"}`}},
		is:   ErrFeatureDisabled,
	}, {
		name: "create where the caller may not",
		call: create(CreateToken{}),
		wire: []wireStep{{"POST /api/2.0/token/create", `{}`, `403 {"error_code": "PERMISSION_DENIED", "message": "x"}`}},
		is:   ErrPermissionDenied,
	}, {
		name: "list",
		call: list,
		wire: []wireStep{{"GET /api/2.0/token/list", "", `{"token_infos": [{"token_id": "5c8f", "creation_time": 1, "expiry_time": -1, "comment": null}, {}]}`}},
		want: []TokenInfo{{TokenID: "5c8f", CreationTime: 1, ExpiryTime: -1}, {}},
	}, {
		name: "list of none",
		call: list,
		wire: []wireStep{{"GET /api/2.0/token/list", "", ""}},
		want: []TokenInfo(nil),
	}, {
		name: "list with a token that is none",
		call: list,
		wire: []wireStep{{"GET /api/2.0/token/list", "", `403 {"error_code": 403, "message": "Invalid access token."}`}},
		is:   fs.ErrPermission, fails: "databricks: GET /api/2.0/token/list: 403: Invalid access token.",
	}, {
		name: "delete",
		call: revoke,
		wire: []wireStep{{"POST /api/2.0/token/delete", `{"token_id": "5c8f"}`, ""}},
	}, {
		name: "delete of no token",
		call: revoke,
		wire: []wireStep{{"POST /api/2.0/token/delete", `{"token_id": "5c8f"}`,
			`404 {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No valid token with ID 5c8f found."}`}},
		is: fs.ErrNotExist, fails: "No valid token with ID 5c8f found.",
	}, {
		name: "delete without an id is refused",
		call: func(ctx context.Context, c *Client) (any, error) { return nil, c.Tokens.Delete(ctx, "") },
		is:   fs.ErrInvalid, fails: "token_id is required",
	}})
	runHostile(t, []hostileRow{{"POST /api/2.0/token/delete", "token_id", "", func(ctx context.Context, c *Client, name string) error {
		return c.Tokens.Delete(ctx, name)
	}}})
}

func TestTokenInfo_Expiry(t *testing.T) {
	at, ends := TokenInfo{ExpiryTime: 1513124116294}.Expiry()
	assert.True(t, ends)
	assert.True(t, at.Equal(time.UnixMilli(1513124116294)))
	for _, never := range []Millis{-1, 0} {
		at, ends = TokenInfo{ExpiryTime: never}.Expiry()
		assert.False(t, ends)
		assert.True(t, at.IsZero())
	}
}
