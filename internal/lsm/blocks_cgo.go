//go:build cgo

package lsm

// fromC says that Pebble takes the memory of its cache from C.
const fromC = true
