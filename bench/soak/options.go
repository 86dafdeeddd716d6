package soak

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Options say how large a soak is.
type Options struct {
	// Bytes is the size of the state, Memory the bound on the memory of a process.
	Bytes, Memory int64
	// Payload is the size of the value of a key: state of few large values fills, and is visited, faster.
	Payload int64
	// Passes is how often a quarter of the keys is visited again: each key once, if there are four.
	Passes int64
	// Stride is how many rows each half of the source gives between two checkpoints at most, so that small jobs do not
	// end before they have been killed; 0 for as many as can be taken.
	Stride int64
	// Interval is the time between checkpoints.
	Interval time.Duration
	// Kills is how many times a process is killed, each after a random number of its checkpoints, from 1 to Spread, and
	// a random part of an interval.
	Kills, Spread int
}

// Check refuses what cannot be run, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	if o.Payload < 1 || o.Bytes < parts*share*o.Payload || o.Memory < 1 {
		wrong = append(wrong, fmt.Errorf("%d bytes of state in values of %d bytes, in %d of memory: there must be more",
			o.Bytes, o.Payload, o.Memory))
	}
	if o.Passes < share {
		wrong = append(wrong, fmt.Errorf("%d passes: with less than %d not all keys are visited again", o.Passes, share))
	}
	if o.Interval <= 0 || o.Kills < 0 || o.Spread < 1 {
		wrong = append(wrong, fmt.Errorf("%d kills, each after at most %d checkpoints, one every %v: "+
			"a process must complete a checkpoint", o.Kills, o.Spread, o.Interval))
	}
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

const (
	parts = 2 // also the parallelism
	share = 4
)

// Plan is what the job does.
func (o Options) Plan() Plan {
	return Plan{Parts: parts, Keys: o.Bytes / o.Payload / parts, Passes: o.Passes, Share: share, Payload: o.Payload, Stride: o.Stride}
}

// Args are the flags of the program with its state at a place, and a disk cache of twice the memory in a directory.
func (o Options) Args(place, cache string) []string {
	return []string{
		"--cache", cache, "--cache-size", strconv.FormatInt(2*o.Memory, 10),
		"--state", place, "--memory", strconv.FormatInt(o.Memory, 10), "--parallelism", strconv.Itoa(parts),
		"--checkpoint-interval", o.Interval.String(), "--restarts", "-1", "--log", "json", "--metrics", "127.0.0.1:0",
	}
}
