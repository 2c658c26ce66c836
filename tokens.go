package databricks

import (
	"context"
	"log/slog"
	"time"
)

// TokensService creates and revokes the caller's own personal access tokens.
//
// See https://docs.databricks.com/api/workspace/tokens.
type TokensService service

// An AutoscopeState says whether the service has restricted a token to the API
// scopes that it is used with. The service may add states, so a switch over it
// needs a default.
type AutoscopeState string

// Autoscope states.
const (
	AutoscopeRunning       AutoscopeState = "AUTOSCOPE_STATE_RUNNING"
	AutoscopeCompleted     AutoscopeState = "AUTOSCOPE_STATE_COMPLETED"
	AutoscopeDisabled      AutoscopeState = "AUTOSCOPE_STATE_DISABLED"
	AutoscopeBackfilled    AutoscopeState = "AUTOSCOPE_STATE_BACKFILLED"
	AutoscopeUserSelected  AutoscopeState = "AUTOSCOPE_STATE_USER_SELECTED"
	AutoscopeAPINotCovered AutoscopeState = "AUTOSCOPE_STATE_API_NOT_COVERED"
)

// TokenInfo describes a token without its value.
type TokenInfo struct {
	TokenID        string         `json:"token_id"`
	CreationTime   Millis         `json:"creation_time"`
	ExpiryTime     Millis         `json:"expiry_time"` // -1 if the token never expires; see Expiry
	Comment        string         `json:"comment"`
	Scopes         []string       `json:"scopes"`          // the API scopes chosen at creation; empty for all
	AutoscopeState AutoscopeState `json:"autoscope_state"` // empty if the service does not restrict tokens
	InferredScopes []string       `json:"inferred_scopes"` // API scopes that the service saw in use
	BackfillScopes []string       `json:"backfill_scopes"` // API scopes that the service added later
}

// Expiry returns the time at which the token expires. It returns false if the
// token never expires.
func (t TokenInfo) Expiry() (time.Time, bool) {
	if t.ExpiryTime <= 0 {
		return time.Time{}, false
	}
	return t.ExpiryTime.Time(), true
}

// CreateToken describes a new token. All fields are optional.
type CreateToken struct {
	LifetimeSeconds  int64    `json:"lifetime_seconds,omitzero"` // 0 for the longest lifetime that the workspace allows, which may be unlimited
	Comment          string   `json:"comment,omitzero"`
	Scopes           []string `json:"scopes,omitzero"`            // the API scopes that the token may use; nil for all
	AutoscopeEnabled bool     `json:"autoscope_enabled,omitzero"` // let the service restrict the token to the API scopes that it is used with
}

func (in CreateToken) check() error {
	if in.LifetimeSeconds < 0 {
		return badArg("lifetime_seconds", "is %d; want 1 or more, or 0 for the workspace's maximum", in.LifetimeSeconds)
	}
	return nil
}

// A CreatedToken is a new token with its value. The service never returns the
// value again.
type CreatedToken struct {
	TokenValue Secret    `json:"token_value"` // the credential
	TokenInfo  TokenInfo `json:"token_info"`
}

func (t *CreatedToken) validate() error { return named("token_value", t.TokenValue != "") }

// LogValue returns the token's description, without its value. JSON handlers
// use it too.
func (t CreatedToken) LogValue() slog.Value { return slog.AnyValue(t.TokenInfo) }

// Create creates a token for the caller. It fails with [ErrQuotaExceeded] if the
// caller has too many tokens (600). It fails with [ErrPermissionDenied] or
// [ErrFeatureDisabled] if the workspace does not allow tokens. A second call
// creates a second token, so the client does not retry after a lost response. You
// can then find the token by its comment in List.
func (s *TokensService) Create(ctx context.Context, in CreateToken) (*CreatedToken, error) {
	return do[CreatedToken](ctx, s.client, post("/api/2.0/token/create").params(in))
}

// List returns the caller's valid tokens.
func (s *TokensService) List(ctx context.Context) ([]TokenInfo, error) {
	response, err := do[struct {
		TokenInfos []TokenInfo `json:"token_infos"`
	}](ctx, s.client, get("/api/2.0/token/list"))
	if err != nil {
		return nil, err
	}
	return response.TokenInfos, nil
}

// Delete revokes a token immediately and permanently. It fails with
// [ErrResourceDoesNotExist] if the caller has no valid token with this ID. IDs
// are never reused, so the client retries the call. If the response to an
// earlier attempt was lost, a retry that finds no token counts as success.
func (s *TokensService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/token/delete").required("token_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}
