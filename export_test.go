package databricks

import "flag"

// ContractOutOfScope is for tests outside of the package.
var ContractOutOfScope = contractOutOfScope

// EveryCell makes the fault matrices try all combinations.
var EveryCell = flag.Bool("every-cell", false, "try every cell of the fault matrices, and every hostile response, not only some")
