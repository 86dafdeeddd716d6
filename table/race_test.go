//go:build race

package table_test

// slow divides the work of long tests: the race detector makes it ten times as long.
const slow = 5
