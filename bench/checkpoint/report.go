package checkpoint

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// mostRatio is how much longer a checkpoint may take for the longer interval.
const mostRatio = 1.5

// Report is what was measured. Fields of it and of what it is made of are added, never renamed. Parts that were not
// measured are empty.
type Report struct {
	// RatePerS is how many records change state in a second.
	RatePerS int64 `json:"rate_per_s"`
	// Ratio is the duration of checkpoints with the long interval by that with the short one, Wanted the most that it
	// should be.
	Ratio  float64 `json:"ratio"`
	Wanted float64 `json:"wanted_ratio"`
	// PauseRatio is the pause at barriers with the large state by that with the small one.
	PauseRatio float64 `json:"pause_ratio"`
	Rows       []Row   `json:"rows"`
	// Sizes is about states of different sizes.
	Sizes *Scale `json:"sizes,omitempty"`
	// Cost is about throughput.
	Cost *Toll `json:"cost,omitempty"`
	// Restore is about what follows a checkpoint.
	Restore *Restores `json:"restore,omitempty"`
	// Drain is about records that wait for state.
	Drain *Drained `json:"drain,omitempty"`
	// Throttled is about a job that lags.
	Throttled *Throttled `json:"throttled,omitempty"`
	// Beside is about another engine.
	Beside *Beside `json:"beside,omitempty"`
	// Goals are those of all parts that were measured.
	Goals []measure.Goal `json:"goals"`
}

// Row is what was measured of one job. Durations are medians, in seconds, from the begin of a checkpoint until it is
// durable.
type Row struct {
	IntervalS    float64 `json:"interval_s"`
	StateBytes   int64   `json:"state_bytes"`
	Checkpoints  int     `json:"checkpoints"`
	DurationS    float64 `json:"duration_s"`
	MaxDurationS float64 `json:"max_duration_s"`
	// NewBytes is the size of the tables that a checkpoint has and the one before had not.
	NewBytes int64 `json:"new_bytes"`
	// ChangedBytes is the size of the tables of changes alone, MergedBytes what compactions wrote meanwhile; both are
	// averages of a checkpoint.
	ChangedBytes int64 `json:"changed_bytes"`
	MergedBytes  int64 `json:"merged_bytes"`
	// PauseS is for how long a barrier stopped the operator to freeze its state, on average, and MaxPauseS at most,
	// what was not measured included. MedianPauseS is the median.
	PauseS       float64 `json:"pause_s"`
	MaxPauseS    float64 `json:"max_pause_s"`
	MedianPauseS float64 `json:"median_pause_s"`
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	var parts []func()
	if len(r.Rows) > 0 {
		parts = append(parts, func() { r.printIntervals(w) })
	}
	if r.Sizes != nil {
		parts = append(parts, func() { r.Sizes.print(w); r.printGoals(w, Sizes) })
	}
	if r.Cost != nil {
		parts = append(parts, func() { r.Cost.print(w); r.printGoals(w, Cost) })
	}
	if r.Restore != nil {
		parts = append(parts, func() { r.Restore.print(w); r.printGoals(w, Restore) })
	}
	if r.Drain != nil {
		parts = append(parts, func() { r.Drain.print(w); r.printGoals(w, Drain) })
	}
	if r.Throttled != nil {
		parts = append(parts, func() { r.Throttled.print(w); r.printGoals(w, Throttle) })
	}
	if r.Beside != nil {
		parts = append(parts, func() { r.Beside.print(w); r.printGoals(w, Peer) })
	}
	for i, print := range parts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		print()
	}
}

func (r Report) printIntervals(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "interval\tstate MiB\tcheckpoints\tms\tat most\tnew MiB\tpause µs\tat most\t")
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%g s\t%.1f\t%d\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n", x.IntervalS, mib(x.StateBytes), x.Checkpoints,
			1e3*x.DurationS, 1e3*x.MaxDurationS, mib(x.NewBytes), 1e6*x.PauseS, 1e6*x.MaxPauseS)
	}
	_ = t.Flush()
	goal := measure.AtMost(Intervals, "", r.Ratio, r.Wanted)
	fmt.Fprintf(w, "\n%d records/s. A longer interval makes a checkpoint %.2f times as long %s; "+
		"a larger state makes the pause %.2f times as long.\n", r.RatePerS, r.Ratio, goal.Verdict(), r.PauseRatio)
}

func (t *Throttled) print(w io.Writer) {
	fmt.Fprintf(w, "A job that takes %d records/s of ten times as many: a checkpoint takes %.0f ms with barriers that wait, and "+
		"%.1f ms with %.2f MiB of rows overtaken.\nWithout the throttle it takes %.1f ms; the disk writes %.0f MiB/s.\n",
		t.RatePerS, 1e3*t.AlignedS, 1e3*t.UnalignedS, mib(t.OvertakenBytes), 1e3*t.FreeS, t.BytesPerS/(1<<20))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
