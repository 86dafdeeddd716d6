package checkpoint

import (
	"errors"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Options say what is measured.
type Options struct {
	// Short and Long are the intervals that are compared.
	Short, Long time.Duration
	// Small and Large are sizes of state in memory, in bytes, approximately. The intervals are compared at the large.
	Small, Large int64
	// Rate is how many records change state in a second.
	Rate int64
	// Memory bounds the memory of state in bytes, and with it what is changed and not written; zero for no bound.
	Memory int64
	// Throttle is how many records a second the last function of a job takes whose source gives ten times as many.
	Throttle int64
	// Checkpoints is how many are measured of each job; the median counts.
	Checkpoints int
}

// Check refuses what cannot be measured, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	if o.Short <= 0 || o.Long <= o.Short {
		wrong = append(wrong, fmt.Errorf("intervals of %v and %v: the second must be the longer one", o.Short, o.Long))
	}
	if o.Small < 1 || o.Large < o.Small {
		wrong = append(wrong,
			fmt.Errorf("states of %d and %d bytes: the second must be the larger one", o.Small, o.Large))
	}
	if o.Rate < 1 || o.Checkpoints < 1 {
		wrong = append(wrong,
			fmt.Errorf("%d records a second and %d checkpoints: there must be some", o.Rate, o.Checkpoints))
	}
	if o.Throttle < 2000 {
		wrong = append(wrong, fmt.Errorf("a throttle of %d records a second: 2000 is the least", o.Throttle))
	}
	if o.Memory < 0 {
		wrong = append(wrong, fmt.Errorf("memory %d bytes is negative", o.Memory))
	}
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

// bytesPerKey is about what a key and its count take in memory.
const bytesPerKey = 40

func keysOf(bytes int64) int64 { return max(1, bytes/bytesPerKey) }
