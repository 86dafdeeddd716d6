package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Options say what is measured.
type Options struct {
	// Only are the parts that are measured; none for all of them.
	Only []string
	// Short and Long are the intervals that are compared.
	Short, Long time.Duration
	// Small and Large are sizes of state in memory, in bytes, approximately. The intervals are compared at the large.
	Small, Large int64
	// Rate is how many records change state in a second.
	Rate int64
	// Sizes are those of the parts sizes and restore, such as 100MB, the smallest first.
	Sizes []string
	// Changes is how many keys change in a second there, spread over all of the state.
	Changes int64
	// Seconds is for how long each job of the part cost is measured, Pairs how many there are with checkpoints and
	// without.
	Seconds float64
	Pairs   int
	// InFlight is how many records wait for reads at a barrier of the part drain, Latency what a read takes at least.
	InFlight int
	Latency  time.Duration
	// Memory bounds the memory of state in bytes, and with it what is changed and not written; zero for no bound.
	Memory int64
	// Throttle is how many records a second the last function of a job takes whose source gives ten times as many.
	Throttle int64
	// Peer is a directory with the program "run" of another engine; empty for none. PeerEvents are the numbers of events
	// that the part peer has before the last checkpoint, the smallest first, PeerWarmup those that the other engine has
	// before what is measured.
	Peer       string
	PeerEvents []int64
	PeerWarmup int64
	// Checkpoints is how many are measured of each job; the median counts.
	Checkpoints int
}

// The parts of a report.
const (
	Intervals = "intervals"
	Sizes     = "sizes"
	Cost      = "cost"
	Restore   = "restore"
	Drain     = "drain"
	Throttle  = "throttled"
	Peer      = "peer"
)

// Parts are all there are, in the order in which they are measured.
var Parts = []string{Intervals, Sizes, Cost, Restore, Drain, Throttle, Peer}

// wants reports whether a part is measured.
func (o Options) wants(part string) bool {
	if len(o.Only) == 0 {
		return part != Peer || o.Peer != ""
	}
	return slices.Contains(o.Only, part)
}

// Check refuses what cannot be measured, all mistakes at once.
func (o Options) Check() error {
	var wrong []error
	for _, part := range o.Only {
		if !slices.Contains(Parts, part) {
			wrong = append(wrong, fmt.Errorf("there is no part %q: there are %s", part, strings.Join(Parts, ", ")))
		}
	}
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
	if wrong = append(wrong, o.checkSizes(), o.checkRuns(), o.checkPeer()); errors.Join(wrong...) != nil {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

// checkSizes refuses changes that are not the same at all sizes.
func (o Options) checkSizes() error {
	sizes, err := o.sizes()
	if err != nil {
		return err
	}
	most := float64(keysOf(sizes[0])) / o.Short.Seconds()
	if o.Changes < 1 || float64(o.Changes) > most {
		return fmt.Errorf("%d changes a second: there must be some, and %.0f at most, "+
			"so that the keys of %s are enough for an interval", o.Changes, most, o.Sizes[0])
	}
	return nil
}

// checkRuns refuses what the parts cost and drain cannot do.
func (o Options) checkRuns() error {
	if !(o.Seconds > 0) || o.Pairs < 1 {
		return fmt.Errorf("%d pairs of %g seconds: there must be some", o.Pairs, o.Seconds)
	}
	if o.InFlight < 1 || o.Latency <= 0 {
		return fmt.Errorf("%d records in flight at reads of %v: both must be above 0", o.InFlight, o.Latency)
	}
	return nil
}

// checkPeer refuses a peer that is not there, and what it cannot be asked for.
func (o Options) checkPeer() error {
	if !o.wants(Peer) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(o.Peer, "run")); o.Peer == "" || err != nil {
		return fmt.Errorf("the part %s needs a directory with a program to run: %q has none", Peer, o.Peer)
	}
	if len(o.PeerEvents) == 0 || !slices.IsSorted(o.PeerEvents) || o.PeerEvents[0] < 1 || o.PeerWarmup < 0 {
		return fmt.Errorf("%v events before a checkpoint beside a peer, after %d: there must be some, the fewest first",
			o.PeerEvents, o.PeerWarmup)
	}
	return nil
}

// bytesPerKey is about what a key and its count take in memory.
const bytesPerKey = 40

func keysOf(bytes int64) int64 { return max(1, bytes/bytesPerKey) }
