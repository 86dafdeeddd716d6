//go:build race

package lsm

// slow divides the work of long tests: with the race detector, Pebble checks its invariants as well.
const slow = 10
