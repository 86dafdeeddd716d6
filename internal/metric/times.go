package metric

import (
	"sync/atomic"
	"time"
)

// bounds are those of the buckets of Times, the last one excepted: from a page in memory to a store in trouble.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Times is a histogram of how long something took, with the same bounds for all that is measured. The zero value is
// empty. It is safe for concurrent use; adding allocates nothing and takes no lock.
type Times struct {
	nanos, max atomic.Int64
	buckets    [len(bounds) + 1]atomic.Int64
}

// Add adds one time.
func (t *Times) Add(took time.Duration) {
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	t.buckets[i].Add(1)
	t.nanos.Add(int64(took))
	for old := t.max.Load(); int64(took) > old && !t.max.CompareAndSwap(old, int64(took)); {
		old = t.max.Load()
	}
}

// Count is how many times have been added.
func (t *Times) Count() (n int64) {
	for i := range t.buckets {
		n += t.buckets[i].Load()
	}
	return n
}

// Max is the longest time added, or 0.
func (t *Times) Max() time.Duration { return time.Duration(t.max.Load()) }

// Samples are those of the histogram, in seconds, under a name.
func (t *Times) Samples(name string, labels []Label) []Sample {
	seconds, counts := make([]float64, len(bounds)), make([]int64, len(t.buckets))
	for i, b := range bounds {
		seconds[i] = b.Seconds()
	}
	for i := range t.buckets {
		counts[i] = t.buckets[i].Load()
	}
	return Buckets(name, labels, seconds, counts, time.Duration(t.nanos.Load()).Seconds())
}
