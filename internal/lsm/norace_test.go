//go:build !race

package lsm

const slow = 1
