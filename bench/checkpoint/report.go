package checkpoint

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// mostRatio is how much longer a checkpoint may take for the longer interval.
const mostRatio = 1.5

// Report is what was measured. Fields of it and of Row are added, never renamed.
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
	// Throttled is about a job that lags.
	Throttled Throttled `json:"throttled"`
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
	// PauseS is for how long a barrier stopped the operator to freeze its state, on average, and MaxPauseS at most,
	// what was not measured included.
	PauseS    float64 `json:"pause_s"`
	MaxPauseS float64 `json:"max_pause_s"`
}

// Run measures all that the options ask for and says on progress how far it is. It works in temporary directories.
func Run(ctx context.Context, o Options, progress io.Writer) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	r = Report{RatePerS: o.Rate, Wanted: mostRatio}
	for _, job := range []struct {
		size     int64
		interval time.Duration
	}{{o.Small, o.Short}, {o.Large, o.Short}, {o.Large, o.Long}} {
		fmt.Fprintf(progress, "%d checkpoints of about %.1f MiB, one every %v\n",
			o.Checkpoints, mib(job.size), job.interval)
		row, err := measure(ctx, o, job.size, job.interval)
		if err != nil {
			return r, err
		}
		r.Rows = append(r.Rows, row)
	}
	small, short, long := r.Rows[0], r.Rows[1], r.Rows[2]
	r.Ratio, r.PauseRatio = long.DurationS/short.DurationS, short.PauseS/small.PauseS
	fmt.Fprintf(progress, "%d checkpoints three times of a job that takes %d records a second\n", o.Checkpoints, o.Throttle)
	r.Throttled, err = throttled(ctx, o)
	return r, err
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "interval\tstate MiB\tcheckpoints\tms\tat most\tnew MiB\tpause µs\tat most\t")
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%g s\t%.1f\t%d\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n", x.IntervalS, mib(x.StateBytes), x.Checkpoints,
			1e3*x.DurationS, 1e3*x.MaxDurationS, mib(x.NewBytes), 1e6*x.PauseS, 1e6*x.MaxPauseS)
	}
	_ = t.Flush()
	verdict := "ok"
	if r.Ratio > r.Wanted {
		verdict = "MISSED"
	}
	fmt.Fprintf(w, "\n%d records/s. A longer interval makes a checkpoint %.2f times as long (wanted ≤ %g: %s); "+
		"a larger state makes the pause %.2f times as long.\n", r.RatePerS, r.Ratio, r.Wanted, verdict, r.PauseRatio)
	r.Throttled.print(w)
}

func (t Throttled) print(w io.Writer) {
	verdict := "ok"
	if t.Speedup < t.Wanted {
		verdict = "MISSED"
	}
	fmt.Fprintf(w, "A job that takes %d records/s of ten times as many: a checkpoint takes %.0f ms with barriers that wait, and "+
		"%.0f ms with %.2f MiB of rows overtaken,\n%.1f times less (wanted ≥ %g: %s). Without the throttle it takes %.0f ms.\n",
		t.RatePerS, 1e3*t.AlignedS, 1e3*t.UnalignedS, mib(t.OvertakenBytes), t.Speedup, t.Wanted, verdict, 1e3*t.FreeS)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
