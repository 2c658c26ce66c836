package databricks_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// seen returns everything that is visible of a value: with verbs of fmt, by value
// and by pointer, and in logs.
func seen(v, pointer any) string {
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&text, verb+"\n"+verb+"\n", v, pointer)
	}
	fmt.Fprintln(&text, v, pointer, []any{v}, map[string]any{"v": v})
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Info("seen", "v", v, "pointer", pointer, slog.Group("group", "v", v))
	}
	return text.String()
}

func TestTokensService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(databrickstest.WithTokenPolicy(databrickstest.TokenPolicy{MaxPerUser: 3}))
		defer server.Close()
		tokens, ctx := as(t, server, server.Token).Tokens, t.Context()

		short, err := tokens.Create(ctx, databricks.CreateToken{LifetimeSeconds: 60, Comment: "short"})
		require.NoError(t, err)
		expiry, ends := short.TokenInfo.Expiry()
		assert.True(t, ends)
		assert.WithinDuration(t, time.Now().Add(time.Minute), expiry, time.Second)
		long, err := tokens.Create(ctx, databricks.CreateToken{Comment: "long"})
		require.NoError(t, err)
		_, err = tokens.Create(ctx, databricks.CreateToken{})
		assert.ErrorIs(t, err, databricks.ErrQuotaExceeded)

		all, err := tokens.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 3)
		assert.Contains(t, all, short.TokenInfo)
		assert.Contains(t, all, long.TokenInfo)
		for _, info := range all {
			_, ends := info.Expiry()
			assert.Equal(t, info.Comment != "", ends, "the server's own token never expires: %+v", info)
		}

		works := func(token databricks.Secret) error {
			_, err := as(t, server, string(token)).Tokens.List(ctx)
			return err
		}
		require.NoError(t, works(short.TokenValue))
		time.Sleep(time.Minute)
		assert.ErrorIs(t, works(short.TokenValue), fs.ErrPermission)
		assert.ErrorIs(t, tokens.Delete(ctx, short.TokenInfo.TokenID), databricks.ErrResourceDoesNotExist, "expired")

		require.NoError(t, works(long.TokenValue))
		require.NoError(t, tokens.Delete(ctx, long.TokenInfo.TokenID))
		assert.ErrorIs(t, works(long.TokenValue), fs.ErrPermission)
		assert.ErrorIs(t, tokens.Delete(ctx, long.TokenInfo.TokenID), fs.ErrNotExist, "revoked")
	})
}

func TestTokensService_lostResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer()
		defer server.Close()
		tokens, ctx := as(t, server, server.Token).Tokens, t.Context()

		losing(server, "/api/2.0/token/create")
		made, err := tokens.Create(ctx, databricks.CreateToken{Comment: "lost"})
		assertNotRetried(t, server, err)
		assert.Nil(t, made)
		all, err := tokens.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 2)
		lost := all[0]
		if lost.Comment == "" {
			lost = all[1]
		}
		assert.Equal(t, "lost", lost.Comment, "the token can be found and revoked")

		losing(server, "/api/2.0/token/delete")
		require.NoError(t, tokens.Delete(ctx, lost.TokenID))
		assert.Len(t, server.Requests(), 2)
		server.Inject(databrickstest.Fault{Path: "/api/2.0/token/delete", Status: 429, RetryAfter: "1"})
		assert.ErrorIs(t, tokens.Delete(ctx, lost.TokenID), databricks.ErrResourceDoesNotExist, "nothing was lost, so it was gone before")
	})
}

func TestCreatedToken_unseen(t *testing.T) {
	token := databricks.CreatedToken{TokenValue: "dapi-planted", TokenInfo: databricks.TokenInfo{TokenID: "id-1", Comment: "ci"}}
	text := seen(token, &token)
	assert.NotContains(t, text, "planted")
	assert.NotContains(t, text, fmt.Sprintf("%x", "planted"))
	assert.Contains(t, text, "id-1")
	assert.Contains(t, text, "[redacted]")
}
