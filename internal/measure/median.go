package measure

import (
	"slices"
	"time"
)

// Median is the middle one, or the mean of the two in the middle; zero of none.
func Median[T int64 | float64 | time.Duration](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
