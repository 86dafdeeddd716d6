package async

import "github.com/aquifer-stream/aquifer/flow"

// order returns a function that returns each of n numbers once, far from one another, and then -1. Orders of
// different steps have nothing in common.
func order(n, step int64) func() int64 {
	for gcd(n, step) != 1 {
		step++
	}
	var i int64
	return func() int64 {
		if i == n {
			return -1
		}
		i++
		return int64(uint64(i-1) * uint64(step) % uint64(n))
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// steps of orders.
const (
	laying   = 1_000_003
	visiting = 7_654_321
)

// batchLen is how many rows a batch has.
const batchLen = 1024

// each fills batches with rows made of what next returns, until that is negative.
func each(next func() int64, length int, of func(n int64) row) filler {
	return func(b *flow.Batch[row]) {
		for len(b.Rows) < length {
			n := next()
			if n < 0 {
				return
			}
			b.Append(of(n), flow.NoTime)
		}
	}
}

// oneByOne is a row for each key.
func oneByOne(n int64) row { return row{n, n} }
