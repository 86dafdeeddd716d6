package measure

import (
	"math/bits"
	"time"
)

// steps is how many buckets there are for the durations between a power of two and the next: quantiles are at most
// one in so many too long.
const steps = 64

// longest is the longest duration that is told from longer ones, in microseconds: twelve days.
const longest = 1<<40 - 1

// Histogram counts durations, to the microsecond. The zero value is empty. It is for one goroutine at a time.
type Histogram struct {
	counts [(40 - 6 + 1) * steps]int64
	n      int64
	most   time.Duration
}

// Add counts a duration; negative ones as zero.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.n++
	h.most = max(h.most, d)
}

// Merge adds what another one has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.most = max(h.most, o.most)
}

// Count is how many durations have been counted.
func (h *Histogram) Count() int64 { return h.n }

// Max is the longest duration.
func (h *Histogram) Max() time.Duration { return h.most }

// Quantile is the duration that a share of all does not exceed; it is not longer than the longest. Zero of none.
func (h *Histogram) Quantile(share float64) time.Duration {
	left := int64(share * float64(h.n))
	for i, n := range h.counts {
		if left -= n; left < 0 {
			return min(h.most, endOf(i))
		}
	}
	return h.most
}

// bucketOf is the place of a duration: each of the first ones has a bucket of its own, later ones share.
func bucketOf(d time.Duration) int {
	us := uint64(min(max(0, d.Microseconds()), longest))
	shift := bits.Len64(us) - 7
	if shift <= 0 {
		return int(us)
	}
	return shift*steps + int(us>>shift)
}

// endOf is the longest duration of a bucket.
func endOf(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i+1)*time.Microsecond - 1
	}
	shift := i/steps - 1
	return time.Duration((i-shift*steps+1)<<shift)*time.Microsecond - 1
}
