package databricks

import (
	"context"
	"log/slog"
	"time"
)

// TokensService makes and revokes the caller's own personal access tokens.
//
// See https://docs.databricks.com/api/workspace/tokens.
type TokensService service

// An AutoscopeState is how far the service is in narrowing a token to the
// scopes that it is used with. The service may add some, so a switch over it
// needs a default.
type AutoscopeState string

// States of a token's narrowing.
const (
	AutoscopeRunning       AutoscopeState = "AUTOSCOPE_STATE_RUNNING"
	AutoscopeCompleted     AutoscopeState = "AUTOSCOPE_STATE_COMPLETED"
	AutoscopeDisabled      AutoscopeState = "AUTOSCOPE_STATE_DISABLED"
	AutoscopeBackfilled    AutoscopeState = "AUTOSCOPE_STATE_BACKFILLED"
	AutoscopeUserSelected  AutoscopeState = "AUTOSCOPE_STATE_USER_SELECTED"
	AutoscopeAPINotCovered AutoscopeState = "AUTOSCOPE_STATE_API_NOT_COVERED"
)

// TokenInfo describes a token. It is all that can be known of one after it was made.
type TokenInfo struct {
	TokenID        string         `json:"token_id"`
	CreationTime   Millis         `json:"creation_time"`
	ExpiryTime     Millis         `json:"expiry_time"` // -1 if it never expires; see Expiry
	Comment        string         `json:"comment"`
	Scopes         []string       `json:"scopes"`          // of the API, as chosen at creation; none stands for all
	AutoscopeState AutoscopeState `json:"autoscope_state"` // empty where the service does not narrow tokens
	InferredScopes []string       `json:"inferred_scopes"` // that the service saw it use
	BackfillScopes []string       `json:"backfill_scopes"` // that the service found for it later
}

// Expiry returns when the token ends, and false if it never does.
func (t TokenInfo) Expiry() (time.Time, bool) {
	if t.ExpiryTime <= 0 {
		return time.Time{}, false
	}
	return t.ExpiryTime.Time(), true
}

// CreateToken asks for a new token. All of it is optional.
type CreateToken struct {
	LifetimeSeconds  int64    `json:"lifetime_seconds,omitzero"` // zero for the longest that the workspace gives: two years, or for ever
	Comment          string   `json:"comment,omitzero"`
	Scopes           []string `json:"scopes,omitzero"`            // of the API, to which the token is bound; nil for all
	AutoscopeEnabled bool     `json:"autoscope_enabled,omitzero"` // lets the service narrow the token to the scopes that it is used with
}

func (in CreateToken) check() error {
	if in.LifetimeSeconds < 0 {
		return badArg("lifetime_seconds", "is %d; want a number above 0, or 0 to leave it to the workspace", in.LifetimeSeconds)
	}
	return nil
}

// A CreatedToken is a new token with its value, which is to be had only now.
type CreatedToken struct {
	TokenValue Secret    `json:"token_value"` // what to sign in with
	TokenInfo  TokenInfo `json:"token_info"`
}

func (t *CreatedToken) validate() error { return named("token_value", t.TokenValue != "") }

// LogValue logs the token without its value, in the handlers that write JSON, too.
func (t CreatedToken) LogValue() slog.Value { return slog.AnyValue(t.TokenInfo) }

// Create makes a token for the caller. It fails with [ErrQuotaExceeded] if the
// caller has too many (600), and with [ErrPermissionDenied] or
// [ErrFeatureDisabled] if the workspace gives out none. It is not repeated after
// its answer was lost, for each call makes another token; one that was made in
// vain shows in List, and may be found there by its comment.
func (s *TokensService) Create(ctx context.Context, in CreateToken) (*CreatedToken, error) {
	return do[CreatedToken](ctx, s.client, post("/api/2.0/token/create").params(in))
}

// List returns the caller's tokens that are valid now.
func (s *TokensService) List(ctx context.Context) ([]TokenInfo, error) {
	reply, err := do[struct {
		TokenInfos []TokenInfo `json:"token_infos"`
	}](ctx, s.client, get("/api/2.0/token/list"))
	if err != nil {
		return nil, err
	}
	return reply.TokenInfos, nil
}

// Delete revokes a token at once, for good. It fails with
// [ErrResourceDoesNotExist] if the caller has no valid token of that id, as
// after a Delete before. As ids are never given twice, it is repeated freely.
func (s *TokensService) Delete(ctx context.Context, id string) error {
	return s.client.Do(ctx, post("/api/2.0/token/delete").required("token_id", id).treatAsSuccess(ErrResourceDoesNotExist), nil)
}
