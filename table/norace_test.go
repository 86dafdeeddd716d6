//go:build !race

package table_test

const slow = 1
