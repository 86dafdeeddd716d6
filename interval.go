package aquifer

import (
	"math"
	"time"
)

// AutoInterval is the RunOptions.CheckpointInterval of a job that chooses its own.
const AutoInterval time.Duration = math.MinInt64

// leastInterval is the time between checkpoints that cost next to nothing, if the job chooses it.
const leastInterval = time.Second

// interval is the time between checkpoints, at least, and what share of the time they may cost, or zero.
func (o RunOptions) interval() (time.Duration, float64) {
	if o.CheckpointInterval == AutoInterval {
		return leastInterval, o.CheckpointOverhead
	}
	return max(0, o.CheckpointInterval), 0
}

// intervalFlag is a CheckpointInterval on the command line.
type intervalFlag struct{ *time.Duration }

const autoWord = "auto"

// String implements pflag.Value.
func (f intervalFlag) String() string {
	if *f.Duration == AutoInterval {
		return autoWord
	}
	return f.Duration.String()
}

// Set implements pflag.Value.
func (f intervalFlag) Set(s string) (err error) {
	if s == autoWord {
		*f.Duration = AutoInterval
		return nil
	}
	*f.Duration, err = time.ParseDuration(s)
	return err
}

// Type implements pflag.Value.
func (intervalFlag) Type() string { return "duration" }
