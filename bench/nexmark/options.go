package nexmark

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// Options say what is measured.
type Options struct {
	// Program is the path of the command aquifer.
	Program string
	// Queries are the names of those that are measured; none for all.
	Queries []string
	// Events is the number of events of the larger runs; the others have half of them.
	Events int64
	// Warmup is the number of events of the run before those that are measured; 0 for no such run.
	Warmup int64
	// Rounds is how many runs of each size there are.
	Rounds int
	// Parallelism and Interval are those of the jobs: subtasks of each operator, and time between checkpoints.
	Parallelism int
	Interval    time.Duration
	// State is the place below which the state of each run is, in a part of its own that is left there; empty for a
	// temporary directory.
	State string
	// Memory bounds our processes, in bytes; 0 for no bound.
	Memory int64
	// Latency is for how long events come by the clock to time rows; 0 to leave that out.
	Latency time.Duration
	// Peer is a directory with the program "run" of another engine; empty for none.
	Peer string
	// Baseline is the file of an earlier report; empty for none.
	Baseline string
	// Out is a directory for the results; empty for none.
	Out string
}

// Check refuses what cannot be measured, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	for _, name := range o.Queries {
		if _, err := queries.ByName(name); err != nil {
			wrong = append(wrong, err)
		}
	}
	if o.Events < 2 || o.Rounds < 1 || o.Warmup < 0 || o.Parallelism < 1 {
		wrong = append(wrong, fmt.Errorf("%d rounds of %d events after %d, parallelism %d: there must be a round, "+
			"a subtask and two events", o.Rounds, o.Events, o.Warmup, o.Parallelism))
	}
	if o.Memory < 0 {
		wrong = append(wrong, fmt.Errorf("a bound of %d bytes on memory: it must not be negative", o.Memory))
	}
	if o.Latency < 0 || o.Interval < time.Millisecond {
		wrong = append(wrong, fmt.Errorf("%v of events by the clock, and %v between checkpoints, of which 1ms is the least",
			o.Latency, o.Interval))
	}
	if o.Peer != "" {
		if _, err := os.Stat(o.peer()); err != nil {
			wrong = append(wrong, fmt.Errorf("the peer has no program to run: %w", err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return base.Errorf(base.Config, "%w", err)
	}
	return nil
}

// peer is the path of the other engine's program.
func (o Options) peer() string { return filepath.Join(o.Peer, "run") }

// names are the queries that are measured.
func (o Options) names() []string {
	if len(o.Queries) == 0 {
		return queries.Names()
	}
	return o.Queries
}
