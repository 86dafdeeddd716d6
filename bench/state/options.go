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
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

// warm is the number of records after which the memory is full. Some keys come twice meanwhile: at a ratio of 4, 1.15
// times as many uniformly drawn ones as fit are enough.
func (o Options) warm(ratio float64) int64 { return max(1, int64(1.5*float64(o.Keys)/ratio)) }
