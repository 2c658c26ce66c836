package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func TestRun(t *testing.T) {
	t.Setenv("DATABRICKS_HOST", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out))
	assert.Regexp(t, `^DATABRICKS_HOST is not set: .*\n\d{4}-\S+ PENDING shared\n$`, out.String())
}

// An identity hands out tokens one after the other.
type identity struct {
	tokens []string
	scopes []string
}

func (i *identity) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.scopes = append(i.scopes, options.Scopes...)
	if len(i.tokens) == 0 {
		return azcore.AccessToken{}, errors.New("AADSTS7000222: the client secret is expired")
	}
	token := i.tokens[0]
	i.tokens = i.tokens[1:]
	return azcore.AccessToken{Token: token}, nil
}

// Each attempt goes out with the token of its time.
func TestList_asksForEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := databrickstest.NewServer(
			databrickstest.WithUser(databrickstest.User{Name: "alice@example.com", Token: "eyJ-fresh"}),
			databrickstest.WithFaults(databrickstest.Fault{Status: 429, RetryAfter: "60"}),
		)
		defer server.Close()
		opts := []databricks.Option{databricks.WithHost("https://workspace.example.com"), databricks.WithHTTPClient(&http.Client{Transport: server.Transport()})}
		var out bytes.Buffer
		alice := identity{tokens: []string{"eyJ-stale", "eyJ-fresh"}}
		require.NoError(t, list(t.Context(), &alice, &out, opts...))
		assert.Equal(t, []string{scope, scope}, alice.scopes)

		err := list(t.Context(), &alice, &out, opts...)
		require.ErrorContains(t, err, "AADSTS7000222")
		err = list(t.Context(), &identity{tokens: []string{"eyJ-stale"}}, &out, opts...)
		require.Error(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), "eyJ-")
		assert.Len(t, server.Requests(), 3, "nothing is sent without a token")
	})
}
