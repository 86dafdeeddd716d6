package state

import "math/rand/v2"

const (
	seed         = 1
	zipfExponent = 1.1
	// scatter is a prime: multiplied with it, ranks become keys that are far from one another.
	scatter = 1_000_000_007
)

// draw returns a function that draws one key after the other, the same ones each time.
func draw(distribution string, keys int64) func() int64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	if distribution == Uniform {
		return func() int64 { return rng.Int64N(keys) }
	}
	z := rand.NewZipf(rng, zipfExponent, 1, uint64(keys-1))
	return func() int64 { return keyOf(int64(z.Uint64()), keys) }
}

// keyOf is a permutation of the keys, as long as scatter does not divide their number.
func keyOf(rank, keys int64) int64 { return int64(uint64(rank) * scatter % uint64(keys)) }

// each returns a function that returns each key once.
func each() func() int64 {
	next := int64(-1)
	return func() int64 { next++; return next }
}
