//go:build !linux

package keyed

// preferHuge does nothing where the system decides alone about large pages.
func preferHuge[T any]([]T) {}
