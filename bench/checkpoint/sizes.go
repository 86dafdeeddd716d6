package checkpoint

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"text/tabwriter"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// What checkpoints of the largest state should be at most, by those of the smallest.
const (
	mostDuration = 1.2
	mostPause    = 1.1
	mostBytes    = 1.1
	// pauseLeeway is a difference of pauses, in seconds, that nobody feels: at a few microseconds a ratio tells of what
	// else the processor did.
	pauseLeeway = 50e-6
)

// Scale is how checkpoints are of states of different sizes, of which the same number of keys changes.
type Scale struct {
	// ChangesPerS is how many keys change in a second, none of them twice between two checkpoints.
	ChangesPerS int64 `json:"changes_per_s"`
	// DurationRatio, PauseRatio and BytesRatio are those of the largest state by the smallest: of the median duration,
	// the median pause, and the bytes of changes.
	DurationRatio float64 `json:"duration_ratio"`
	PauseRatio    float64 `json:"pause_ratio"`
	BytesRatio    float64 `json:"bytes_ratio"`
	Rows          []Row   `json:"rows"`
}

// sizes measures checkpoints of states of all sizes.
func (b *bench) sizes(ctx context.Context) error {
	sizes, err := b.o.sizes()
	if err != nil {
		return err
	}
	o, s := b.o, &Scale{ChangesPerS: b.o.Changes}
	o.Checkpoints *= 3 // for medians of pauses that are a few microseconds long
	for _, size := range sizes {
		b.say("%d checkpoints of about %s, one every %v, %d changes a second",
			o.Checkpoints, showSize(size), o.Short, o.Changes)
		debug.FreeOSMemory() // what the one before has left
		row, err := steady(ctx, o, newSpread(keysOf(size), o.Changes), o.Short)
		if err != nil {
			return err
		}
		s.Rows = append(s.Rows, row)
	}
	b.r.Sizes = s
	b.judge(s.compare()...)
	return nil
}

// compare compares the last row with the first.
func (s *Scale) compare() []measure.Goal {
	small, large := s.Rows[0], s.Rows[len(s.Rows)-1]
	s.DurationRatio = ratio(large.DurationS, small.DurationS)
	s.PauseRatio = ratio(large.MedianPauseS, small.MedianPauseS)
	s.BytesRatio = ratio(float64(large.ChangedBytes), float64(small.ChangedBytes))
	return []measure.Goal{
		measure.AtMost(Sizes, "duration with the largest state by that with the smallest", s.DurationRatio, mostDuration),
		flat(Sizes, "pause at the barrier, likewise", small.MedianPauseS, large.MedianPauseS, mostPause, pauseLeeway),
		measure.AtMost(Sizes, "bytes written of changes, likewise", s.BytesRatio, mostBytes),
	}
}

func (s *Scale) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "state MiB\tcheckpoints\tms\tat most\tpause µs\tat most\tchanges KiB\tmerged KiB\t")
	for _, x := range s.Rows {
		fmt.Fprintf(t, "%.1f\t%d\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t\n", mib(x.StateBytes), x.Checkpoints,
			1e3*x.DurationS, 1e3*x.MaxDurationS, 1e6*x.MedianPauseS, 1e6*x.MaxPauseS,
			1024*mib(x.ChangedBytes), 1024*mib(x.MergedBytes))
	}
	_ = t.Flush()
	fmt.Fprintf(w, "%d changes/s, spread over all of the state; changes and what compactions write are per checkpoint.\n"+
		"A pause is also ok if the difference is below %.0f µs.\n", s.ChangesPerS, 1e6*pauseLeeway)
}
