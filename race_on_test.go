//go:build race

package databricks_test

// poolMisses is how much more a call may allocate under the race detector, with
// which a sync.Pool drops some of what it is given.
const poolMisses = 6

// manyWaits is the number of concurrent waits in tests. The race detector makes each
// of them much slower.
const manyWaits = 300
