package databrickstest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A TokenPolicy sets the rules for personal access tokens.
type TokenPolicy struct {
	MaxPerUser  int           // maximum number of valid tokens; 0 for 600
	MaxLifetime time.Duration // 0 for no limit
	Disabled    bool          // nobody may create tokens
}

// WithTokenPolicy sets the rules for personal access tokens.
func WithTokenPolicy(policy TokenPolicy) Option {
	return func(s *Server) { s.tokens.policy = policy }
}

// tokensArea has the calls that create, list and revoke personal access tokens.
type tokensArea struct {
	policy TokenPolicy
	scopes map[string]tokenScopes // by token ID
}

// tokenScopes are the scopes of a token. They are stored but have no effect.
type tokenScopes struct {
	Scopes         []string `json:"scopes,omitempty"`
	AutoscopeState string   `json:"autoscope_state,omitempty"`
}

func (a *tokensArea) register(s *Server) {
	a.scopes = map[string]tokenScopes{}
	route(s, "POST", "/api/2.0/token/create", a.create)
	route(s, "GET", "/api/2.0/token/list", a.list)
	route(s, "POST", "/api/2.0/token/delete", a.delete)
	const all = "/api/2.0/token-management/tokens"
	route(s, "GET", all, a.listAll)
	route(s, "GET", all+"/{token_id}", a.getAny)
	route(s, "PATCH", all+"/{token_id}", a.updateAny)
	route(s, "DELETE", all+"/{token_id}", a.deleteAny)
}

// unlimited is the lifetime of a token if the request sets none. It is two
// years, as in the current service. Older versions of the service set no limit.
const unlimited = 730 * 24 * time.Hour

type tokenInfo struct {
	ID      string `json:"token_id"`
	Created int64  `json:"creation_time"`
	Expires int64  `json:"expiry_time"` // -1 if it never expires
	Comment string `json:"comment,omitempty"`
	tokenScopes
}

func (a *tokensArea) info(t *token) tokenInfo {
	info := tokenInfo{t.id, millis(t.created), -1, t.comment, a.scopes[t.id]}
	if !t.expires.IsZero() {
		info.Expires = millis(t.expires)
	}
	return info
}

// A managedToken is a token in the responses to administrators.
type managedToken struct {
	tokenInfo
	CreatedByID int64  `json:"created_by_id"`
	CreatedBy   string `json:"created_by_username"`
	OwnerID     int64  `json:"owner_id"`
}

func (a *tokensArea) managed(t *token) managedToken {
	return managedToken{a.info(t), t.user.id, t.user.name, t.user.id}
}

// everybodys returns the valid tokens of all users, oldest first. It fails if
// the caller is not an administrator.
func (a *tokensArea) everybodys(c *call) ([]*token, error) {
	if !c.user.admin {
		return nil, denied("Only Admins can access token management APIs")
	}
	return a.valid(c, func(*token) bool { return true }), nil
}

func (a *tokensArea) listAll(c *call, in struct {
	ID   int64  `json:"created_by_id"`
	Name string `json:"created_by_username"`
}) (any, error) {
	all, err := a.everybodys(c)
	var out struct {
		Infos []managedToken `json:"token_infos,omitempty"`
	}
	for _, t := range all {
		if (in.ID == 0 || in.ID == t.user.id) && (in.Name == "" || in.Name == t.user.name) {
			out.Infos = append(out.Infos, a.managed(t))
		}
	}
	return out, err
}

type tokenRef struct {
	ID string `json:"token_id" api:"required"`
}

// any returns a token of any user.
func (a *tokensArea) any(c *call, id string) (*token, error) {
	all, err := a.everybodys(c)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(t *token) bool { return t.id == id })
	if i < 0 {
		return nil, notFound("Token with ID %s does not exist", id)
	}
	return all[i], nil
}

func (a *tokensArea) getAny(c *call, in tokenRef) (any, error) {
	t, err := a.any(c, in.ID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token_info": a.managed(t)}, nil
}

func (a *tokensArea) updateAny(c *call, in struct {
	tokenRef
	Token struct {
		Comment string   `json:"comment"`
		Scopes  []string `json:"scopes"`
	} `json:"token"`
	Mask string `json:"update_mask"`
}) (any, error) {
	t, err := a.any(c, in.ID)
	if err != nil {
		return nil, err
	}
	for field := range strings.SplitSeq(in.Mask, ",") {
		switch strings.TrimSpace(field) {
		case "comment":
			t.comment = in.Token.Comment
		case "scopes":
			a.scopes[t.id] = tokenScopes{Scopes: in.Token.Scopes}
		default:
			return nil, invalid("Invalid update_mask: %s", shortened(in.Mask))
		}
	}
	return a.managed(t), nil
}

func (a *tokensArea) deleteAny(c *call, in tokenRef) (any, error) {
	t, err := a.any(c, in.ID)
	if err == nil {
		c.identities.revoke(t)
		delete(a.scopes, in.ID)
	}
	return nil, err
}

// own returns the caller's valid tokens, oldest first.
func (a *tokensArea) own(c *call) []*token {
	return a.valid(c, func(t *token) bool { return t.user == c.user })
}

// valid returns the valid personal access tokens for which which returns true,
// oldest first.
func (a *tokensArea) valid(c *call, which func(*token) bool) []*token {
	var found []*token
	for _, t := range c.identities.tokens {
		if !t.oauth && t.valid(c.now) && which(t) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(x, y *token) int {
		return cmp.Or(x.created.Compare(y.created), cmp.Compare(x.id, y.id))
	})
	return found
}

func (a *tokensArea) create(c *call, in struct {
	LifetimeSeconds *int64   `json:"lifetime_seconds"`
	Comment         string   `json:"comment"`
	Scopes          []string `json:"scopes"`
	Autoscope       bool     `json:"autoscope_enabled"`
}) (any, error) {
	if a.policy.Disabled {
		return nil, fail(http.StatusForbidden, "FEATURE_DISABLED", "Personal access tokens are disabled for this workspace.")
	}
	lifetime := unlimited
	if most := a.policy.MaxLifetime; most > 0 {
		lifetime = min(lifetime, most)
	}
	if in.LifetimeSeconds != nil {
		seconds := *in.LifetimeSeconds
		switch bound := cmp.Or(a.policy.MaxLifetime, 1<<62); {
		case seconds <= 0: // the service's error code is not known
			return nil, invalid("requirement failed: Invalid timeout: %d", seconds)
		case seconds > int64(bound/time.Second):
			return nil, invalid("Token lifetime of %d seconds exceeds the maximum of %d", seconds, bound/time.Second)
		}
		lifetime = time.Duration(seconds) * time.Second
	}
	if most := cmp.Or(a.policy.MaxPerUser, 600); len(a.own(c)) >= most {
		return nil, fail(http.StatusBadRequest, "QUOTA_EXCEEDED", "User %s has reached the limit of %d tokens", c.user.name, most)
	}
	created := c.identities.issue(c.user, "", in.Comment, c.now, c.now.Add(lifetime))
	bound := tokenScopes{Scopes: in.Scopes}
	if in.Autoscope {
		bound.AutoscopeState = "AUTOSCOPE_STATE_RUNNING"
	}
	a.scopes[created.id] = bound
	return struct {
		Value string    `json:"token_value"`
		Info  tokenInfo `json:"token_info"`
	}{created.value, a.info(created)}, nil
}

func (a *tokensArea) list(c *call, _ struct{}) (any, error) {
	var out struct {
		Infos []tokenInfo `json:"token_infos,omitempty"`
	}
	for _, t := range a.own(c) {
		out.Infos = append(out.Infos, a.info(t))
	}
	return out, nil
}

// delete revokes a token of the caller. It allows a token to revoke itself,
// which is not documented.
func (a *tokensArea) delete(c *call, in struct {
	ID string `json:"token_id" api:"required"`
}) (any, error) {
	own := a.own(c)
	i := slices.IndexFunc(own, func(t *token) bool { return t.id == in.ID })
	if i < 0 {
		return nil, notFound("No valid token with ID %s found.", in.ID)
	}
	c.identities.revoke(own[i])
	delete(a.scopes, in.ID)
	return nil, nil
}
