package databricks

// ContractOutOfScope is for the tests that cannot be inside the package.
var ContractOutOfScope = contractOutOfScope
