//go:build !race

package aquifer

const slow = 1
