package v12_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-databricks/databricks/databrickstest"
	"github.com/go-databricks/databricks/v12"
)

// Run Python and SQL in one context. Printed text is returned as text, and the rows
// of a query as a table.
func ExampleSession_WithLanguage() {
	client, clusterID, done := exampleCluster(map[string]databrickstest.CommandResult{
		"spark.range(3).createTempView('n')": {},
		"select sum(id) from n": {
			Columns: []databrickstest.TableColumn{{Name: "sum(id)", Type: "bigint"}}, Rows: [][]any{{3}},
		},
	})
	defer done()
	ctx := context.Background()

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Python)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Run(ctx, "spark.range(3).createTempView('n')"); err != nil {
		log.Fatal(err)
	}
	result, err := session.WithLanguage(v12.SQL).Run(ctx, "select sum(id) from n")
	if err != nil {
		log.Fatal(err)
	}
	var sum int64
	if err := result.Table.Scan(0, &sum); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum)
	// Output: 3
}

func ExampleSession_RunFile() {
	client, clusterID, done := exampleCluster(map[string]databrickstest.CommandResult{"print(6 * 7)\n": {Text: "42"}})
	defer done()
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "result.py")
	if err := os.WriteFile(script, []byte("print(6 * 7)\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	session, err := v12.NewClient(client).NewSession(ctx, clusterID, v12.Python)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	result, err := session.RunFile(ctx, script)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	// Output: 42
}
