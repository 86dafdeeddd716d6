package checkpoint

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

const (
	// mostRestore is how much longer it may take until a job with the largest state is back, by that with the smallest;
	// as many seconds as leeway it may take in any case.
	mostRestore = 1.2
	leeway      = 0.05
	// before is the parallelism of the jobs that are gone on with.
	before = 2
)

// Restores is how jobs are gone on with.
type Restores struct {
	// RatePerS is how many records come in a second.
	RatePerS int64        `json:"rate_per_s"`
	Rows     []RestoreRow `json:"rows"`
}

// RestoreRow is what was measured of a size and a parallelism. Times are medians, in seconds from the begin of the
// run.
type RestoreRow struct {
	// TableBytes is the size of the tables of the checkpoint.
	TableBytes int64 `json:"table_bytes"`
	// From is the parallelism that the checkpoint was taken with, To the one it was gone on with.
	From int `json:"from"`
	To   int `json:"to"`
	// StartedS is the time until tasks began to run, FirstS until the first record was processed whose key had state,
	// FullS until the begin of the first half second with nine tenths of the rate before, which is RatePerS.
	StartedS float64 `json:"started_s"`
	FirstS   float64 `json:"first_s"`
	FullS    float64 `json:"full_s"`
	RatePerS float64 `json:"rate_before_per_s"`
	// Requests are those to the object store until the first record, RecordReads the reads among them that records have
	// waited for and not compactions, nor what is read ahead of them. CopiedObjects and CopiedBytes what was written
	// into new objects until then, but for compactions. They are the most of all runs.
	Requests      int64 `json:"requests"`
	RecordReads   int64 `json:"record_reads"`
	CopiedObjects int64 `json:"copied_objects"`
	CopiedBytes   int64 `json:"copied_bytes"`
}

// restores goes on with jobs of all sizes, at the same, half and double parallelism.
func (b *bench) restores(ctx context.Context) error {
	sizes, err := b.o.sizes()
	if err != nil {
		return err
	}
	b.r.Restore = &Restores{RatePerS: b.restoreRate()}
	for _, size := range sizes {
		b.say("going on with about %s at a parallelism of %d, %d and %d", showSize(size), before, before/2, 2*before)
		if err := b.restoresOf(ctx, size); err != nil {
			return err
		}
	}
	b.judge(b.r.Restore.compare()...)
	return nil
}

// restoreRate is one that reads of state can keep up with when nothing of it is in memory yet: a tenth of the changes.
func (b *bench) restoreRate() int64 { return max(1, b.o.Changes/10) }

// compare compares the largest state with the smallest, for each parallelism.
func (r *Restores) compare() (goals []measure.Goal) {
	var copied int64
	for _, x := range r.Rows {
		copied += x.CopiedObjects
	}
	goals = append(goals, measure.AtMost(Restore, "objects copied", float64(copied), 0))
	for i, small := range r.Rows[:parallelisms] {
		large := r.Rows[len(r.Rows)-parallelisms+i]
		goals = append(goals,
			comesBack(fmt.Sprintf("time to the first record with the largest state by that with the smallest, %d → %d",
				large.From, large.To), small.FirstS, large.FirstS),
			comesBack(fmt.Sprintf("time to full speed, likewise, %d → %d", large.From, large.To), small.FullS, large.FullS))
	}
	return goals
}

// comesBack is the goal that a time until a job is back does not grow with the state.
func comesBack(what string, small, large float64) measure.Goal {
	return flat(Restore, what, small, large, mostRestore, leeway)
}

func (r *Restores) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tables MiB\tparallelism\tstarted ms\tfirst record ms\tfull speed ms\trecords/s before\trequests\tfor records\tcopied\t")
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%.1f\t%d → %d\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%d\t%d\t\n", mib(x.TableBytes), x.From, x.To,
			1e3*x.StartedS, 1e3*x.FirstS, 1e3*x.FullS, x.RatePerS, x.Requests, x.RecordReads, x.CopiedObjects)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "%d records/s. A ratio is also ok if the difference is below %g ms.\n", r.RatePerS, 1e3*leeway)
}
