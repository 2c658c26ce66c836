package databricks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Replace a token by a new one. Its value is available only in this response.
func ExampleTokensService() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	old, err := client.Tokens.Create(ctx, databricks.CreateToken{Comment: "build server, May", LifetimeSeconds: 31 * 24 * 60 * 60})
	if err != nil {
		log.Fatal(err)
	}
	next, err := client.Tokens.Create(ctx, databricks.CreateToken{Comment: "build server, June", LifetimeSeconds: 31 * 24 * 60 * 60})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sign in with", next.TokenValue, len(string(next.TokenValue)) > 0)
	if err := client.Tokens.Delete(ctx, old.TokenInfo.TokenID); err != nil {
		log.Fatal(err)
	}
	tokens, err := client.Tokens.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range tokens {
		if _, expires := token.Expiry(); expires {
			fmt.Println(token.Comment)
		}
	}
	// Output:
	// sign in with [redacted] true
	// build server, June
}
