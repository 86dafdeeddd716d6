package state

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// The distributions that keys are drawn from.
const (
	// Uniform draws all keys alike.
	Uniform = "uniform"
	// Zipf draws the key of rank k in proportion to 1/k^1.1.
	Zipf = "zipf"
)

// Options say what is measured.
type Options struct {
	// Keys is the number of keys in the state, Records of those drawn for each row of the report.
	Keys, Records int64
	// Ratios are how many times the memory the state is.
	Ratios []float64
	// Latency is what a read of an object takes at least.
	Latency time.Duration
	// Distributions are among Uniform and Zipf.
	Distributions []string
	// CacheFraction is the size of a disk cache as a part of the state's size in the object store; 0 for no rows
	// with one.
	CacheFraction float64
	// Compaction says that waits for state are compared with and without compactions, at the first distribution
	// and ratio.
	Compaction bool
}

// Check refuses what cannot be measured, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	if o.Keys < 1 || o.Records < 1 {
		wrong = append(wrong, fmt.Errorf("%d keys and %d records: there must be some", o.Keys, o.Records))
	}
	for _, r := range o.Ratios {
		if r <= 1 {
			wrong = append(wrong, fmt.Errorf("ratio %g: the state must be larger than the memory, such as 4", r))
		}
	}
	for _, d := range o.Distributions {
		if !slices.Contains([]string{Uniform, Zipf}, d) {
			wrong = append(wrong, fmt.Errorf("there is no distribution %q: there are %s and %s", d, Uniform, Zipf))
		}
	}
	if len(o.Ratios) == 0 || len(o.Distributions) == 0 {
		wrong = append(wrong, errors.New("nothing to measure: at least one ratio and one distribution are needed"))
	}
	if o.Latency < 0 {
		wrong = append(wrong, fmt.Errorf("latency %v is negative", o.Latency))
	}
	if !(o.CacheFraction >= 0) {
		wrong = append(wrong, fmt.Errorf("a disk cache of %g times the state: it must be 0 or more", o.CacheFraction))
	}
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}
