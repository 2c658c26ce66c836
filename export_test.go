package databricks

import (
	"flag"
	"time"
)

// ContractOutOfScope is for tests outside of the package.
var ContractOutOfScope = contractOutOfScope

// WaitForLateWork sets how long the uploads of a client wait for late work, for tests
// that wait in real time.
func WaitForLateWork(c *Client, d time.Duration) *Client {
	c.lateWork = d
	return c
}

// EveryCell makes the fault matrices try all combinations.
var EveryCell = flag.Bool("every-cell", false, "try every cell of the fault matrices, and every hostile response, not only some")
