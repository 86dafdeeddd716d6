//go:build race

package aquifer

// slow divides the work of long tests: the race detector makes it ten times as long.
const slow = 4
