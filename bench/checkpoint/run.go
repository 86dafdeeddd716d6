package checkpoint

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// Run measures all that the options ask for and says on progress how far it is. It works in temporary directories.
func Run(ctx context.Context, o Options, progress io.Writer) (Report, error) {
	if err := o.Check(); err != nil {
		return Report{}, err
	}
	b := &bench{o: o, progress: progress, r: Report{RatePerS: o.Rate, Wanted: mostRatio}}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{Intervals, b.intervals}, {Sizes, b.sizes}, {Cost, b.cost}, {Restore, b.restores}, {Drain, b.drain},
		{Throttle, b.throttle}, {Peer, b.beside},
	} {
		if !o.wants(part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return b.r, err
		}
	}
	return b.r, nil
}

// bench makes a report.
type bench struct {
	o        Options
	progress io.Writer
	r        Report
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// judge adds goals to the report.
func (b *bench) judge(goals ...measure.Goal) { b.r.Goals = append(b.r.Goals, goals...) }

// intervals compares checkpoints with little and much change, and barriers with a small and a large state.
func (b *bench) intervals(ctx context.Context) error {
	o := b.o
	for _, job := range []struct {
		size     int64
		interval time.Duration
	}{{o.Small, o.Short}, {o.Large, o.Short}, {o.Large, o.Long}} {
		b.say("%d checkpoints of about %.1f MiB, one every %v", o.Checkpoints, mib(job.size), job.interval)
		row, err := steady(ctx, o, newPaced(keysOf(job.size), o.Rate), job.interval)
		if err != nil {
			return err
		}
		b.r.Rows = append(b.r.Rows, row)
	}
	small, short, long := b.r.Rows[0], b.r.Rows[1], b.r.Rows[2]
	b.r.Ratio, b.r.PauseRatio = long.DurationS/short.DurationS, short.PauseS/small.PauseS
	b.judge(measure.AtMost(Intervals, "duration with the long interval by that with the short one", b.r.Ratio, mostRatio))
	return nil
}

// throttle measures a job that lags.
func (b *bench) throttle(ctx context.Context) error {
	b.say("%d checkpoints three times of a job that takes %d records a second", b.o.Checkpoints, b.o.Throttle)
	t, err := throttled(ctx, b.o)
	if err != nil {
		return err
	}
	b.r.Throttled = &t
	b.judge(t.goals()...)
	return nil
}
