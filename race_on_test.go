//go:build race

package databricks_test

// poolMisses is the number of additional allocations of a call with the race
// detector, because a sync.Pool then drops some items.
const poolMisses = 6

// manyWaits is the number of concurrent waits in tests. The race detector makes each
// of them much slower.
const manyWaits = 300
