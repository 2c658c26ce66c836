//go:build !race

package databricks_test

const poolMisses = 0

// manyWaits is the number of concurrent waits in tests. The race detector makes each
// of them much slower.
const manyWaits = 1000
