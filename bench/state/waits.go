package state

import (
	"slices"
	"strconv"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

// bucket of a histogram: how many observations were up to a bound, those of lower buckets among them.
type bucket struct{ bound, upTo float64 }

// waits is the histogram of waits for state between two moments, in seconds.
func waits(before, after []aquifer.Sample) (all []bucket) {
	for _, s := range after {
		if s.Name != metric.StateWait+"_bucket" {
			continue
		}
		le := s.Labels[len(s.Labels)-1]
		bound, err := strconv.ParseFloat(le.Value, 64)
		if err != nil || slices.ContainsFunc(all, func(b bucket) bool { return b.bound == bound }) {
			continue
		}
		all = append(all, bucket{bound, metric.Sum(after, s.Name, le) - metric.Sum(before, s.Name, le)})
	}
	return all
}

// quantile is what a share of the observations is at most: within a bucket they are taken to be spread evenly.
// Above the last bound it is that; 0 without observations.
func quantile(all []bucket, share float64) float64 {
	if len(all) == 0 || all[len(all)-1].upTo == 0 {
		return 0
	}
	rank, lower := share*all[len(all)-1].upTo, bucket{}
	for _, b := range all[:len(all)-1] {
		if b.upTo >= rank && b.upTo > lower.upTo {
			return lower.bound + (b.bound-lower.bound)*(rank-lower.upTo)/(b.upTo-lower.upTo)
		}
		lower = b
	}
	return lower.bound
}
