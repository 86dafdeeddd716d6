package nexmark

// gamma is the odd constant by which the state of the random sequence advances.
const gamma uint64 = 0x9E3779B97F4A7C15

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// rng is a random sequence: SplitMix64. Its state is a counter, so later numbers do not wait for earlier ones
// and the processor computes several at once.
type rng uint64

// newRNG returns the sequence of one event, or of one page.
func newRNG(seed, id uint64) rng { return rng(mix(id ^ seed*gamma)) }

// next draws 64 bits.
func (r *rng) next() uint64 {
	*r += rng(gamma)
	return mix(uint64(*r))
}

// below draws a number from 0 to n-1. n is at most 2^32.
func (r *rng) below(n int64) int64 { return scale(r.next(), n) }

// scale maps 64 random bits to a number from 0 to n-1.
func scale(bits uint64, n int64) int64 { return int64(bits >> 32 * uint64(n) >> 32) }

// peek returns what next will draw.
func (r *rng) peek() uint64 { return mix(uint64(*r) + gamma) }

// skip goes past n draws.
func (r *rng) skip(n uint64) { *r += rng(n * gamma) }

// choose returns a if first is 1, and b if it is 0, without a branch.
func choose(first uint64, a, b int64) int64 { return b ^ (a^b)&-int64(first) }
