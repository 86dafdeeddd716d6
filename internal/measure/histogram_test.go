package measure

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesAreThoseOfTheSortedDurationsOrABitMore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	var halves [2]Histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(rng.ExpFloat64() * float64(rng.Int64N(int64(time.Minute))))
		halves[rng.IntN(2)].Add(d)
		all = append(all, d)
	}
	h := &halves[0]
	h.Merge(&halves[1])
	slices.Sort(all)
	for _, share := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.9999, 1} {
		want := all[min(len(all)-1, int(share*float64(len(all))))]
		if got := h.Quantile(share); got < want || got > want+want/steps+time.Microsecond {
			t.Errorf("seed %d: quantile %g is %v, want %v", seed, share, got, want)
		}
	}
	if h.Count() != 20_000 || h.Max() != all[len(all)-1] {
		t.Errorf("seed %d: %d durations, at most %v", seed, h.Count(), h.Max())
	}
}

func TestEachBucketBeginsWhereTheOneBeforeEnds(t *testing.T) {
	for i := range len(Histogram{}.counts) - 1 {
		if got := bucketOf(endOf(i)); got != i {
			t.Fatalf("the end of bucket %d, %v, is in bucket %d", i, endOf(i), got)
		}
		if got := bucketOf(endOf(i) + 1); got != i+1 {
			t.Fatalf("what follows bucket %d, %v, is in bucket %d", i, endOf(i)+1, got)
		}
	}
}

func TestOddDurationsAreCountedToo(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Errorf("the median of none is %v", h.Quantile(0.5))
	}
	h.Add(-time.Second)
	h.Add(1000 * time.Hour)
	if h.Quantile(0) > time.Microsecond || h.Quantile(1) != 1000*time.Hour || h.Count() != 2 {
		t.Errorf("%v to %v", h.Quantile(0), h.Quantile(1))
	}
}
