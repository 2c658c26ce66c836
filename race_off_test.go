//go:build !race

package databricks_test

const poolMisses = 0
