package databricks

import "flag"

// ContractOutOfScope is for the tests that cannot be inside the package.
var ContractOutOfScope = contractOutOfScope

// EveryCell makes tests of many combinations try all of them.
var EveryCell = flag.Bool("every-cell", false, "try every cell of the fault matrices, and every hostile response, not only some")
