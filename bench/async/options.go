package async

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Options say what is measured.
type Options struct {
	// Keys is the number of keys in the state: of the rows in memory all, of the others a part.
	Keys int64
	// Seconds is how long a run over reads that take a while is fed, at most.
	Seconds float64
	// Rounds is how many times a pair is run.
	Rounds int
	// Latency is what a read of an object takes at least.
	Latency time.Duration
	// Only are the groups of rows that are measured; none for all of them.
	Only []string
}

// Groups of rows.
const (
	Memory     = "memory"
	Cold       = "cold"
	Coarse     = "coarse"
	Watermarks = "watermarks"
	Park       = "park"
	Swing      = "swing"
)

// Groups are all there are, in the order in which they are measured.
var Groups = []string{Memory, Cold, Coarse, Watermarks, Park, Swing}

// leastKeys are enough for a batch of different keys.
const leastKeys = 1024

// Check refuses what cannot be measured, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	if o.Keys < leastKeys {
		wrong = append(wrong, fmt.Errorf("%d keys: there must be %d at least", o.Keys, leastKeys))
	}
	if !(o.Seconds > 0) || o.Rounds < 1 {
		wrong = append(wrong, fmt.Errorf("%d rounds of %g seconds: there must be some", o.Rounds, o.Seconds))
	}
	if o.Latency <= 0 {
		wrong = append(wrong, fmt.Errorf("latency %v: it must be above 0", o.Latency))
	}
	for _, g := range o.Only {
		if !slices.Contains(Groups, g) {
			wrong = append(wrong, fmt.Errorf("there are no rows %q: there are %s", g, strings.Join(Groups, ", ")))
		}
	}
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

// wants reports whether a group of rows is measured.
func (o Options) wants(group string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, group) }

// fed is for how long a run is fed.
func (o Options) fed() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }
