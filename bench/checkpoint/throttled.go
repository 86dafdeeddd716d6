package checkpoint

import (
	"context"
	"os"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/state"
)

// leastSpeedup is how much shorter checkpoints of a job that lags should be with barriers that overtake.
const leastSpeedup = 20

// Throttled is what was measured of a job whose rows come faster than its last function takes them, so that all queues
// are full. Durations are medians, in seconds.
type Throttled struct {
	// RatePerS is how many records the last function takes in a second.
	RatePerS int64 `json:"rate_per_s"`
	// FreeS is the duration of checkpoints of the same job without the throttle, AlignedS with barriers that wait behind
	// what is queued, UnalignedS with such as overtake it, and Speedup how much shorter that is.
	FreeS      float64 `json:"free_s"`
	AlignedS   float64 `json:"aligned_s"`
	UnalignedS float64 `json:"unaligned_s"`
	Speedup    float64 `json:"speedup"`
	Wanted     float64 `json:"wanted_speedup"`
	// OvertakenBytes is the size of the rows that a barrier has overtaken.
	OvertakenBytes int64 `json:"overtaken_bytes"`
}

// throttle lets rows pass at a rate; without one, as they come.
type throttle struct {
	perMS, passed int64 // in a millisecond, and since ever
}

// Open implements aquifer.ProcessFunc.
func (*throttle) Open(*state.Scope) error { return nil }

// Process implements aquifer.ProcessFunc.
func (t *throttle) Process(ctx *aquifer.Context, n *int64, out aquifer.Collector[int64]) error {
	out.Emit(*n)
	if t.passed++; t.perMS == 0 || t.passed%t.perMS > 0 {
		return nil
	}
	select {
	case <-time.After(time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// throttled measures the job three times.
func throttled(ctx context.Context, o Options) (t Throttled, err error) {
	t = Throttled{RatePerS: o.Throttle, Wanted: leastSpeedup}
	for _, m := range []struct {
		seconds *float64
		rate    int64
		after   time.Duration
	}{{&t.FreeS, 0, 0}, {&t.AlignedS, o.Throttle, 0}, {&t.UnalignedS, o.Throttle, -1}} {
		b, err := lag(ctx, o, m.rate, m.after)
		if err != nil {
			return t, err
		}
		*m.seconds, t.OvertakenBytes = measure.Median(b.took).Seconds(), measure.Median(b.overtaken)
	}
	t.Speedup = t.AlignedS / t.UnalignedS
	return t, nil
}

// lag runs the job in a directory of its own: two shuffles, and the throttle.
func lag(ctx context.Context, o Options, rate int64, after time.Duration) (*observer, error) {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const subtasks = 2
	source := newPaced(keysOf(o.Small), 10*o.Throttle)
	b := newObserver(source, o.Checkpoints)
	job := aquifer.NewJob("bench-throttled")
	same := func(k *int64) int64 { return *k }
	first := aquifer.Process(aquifer.KeyBy(aquifer.From(job, "keys", source), same), "first",
		func() aquifer.ProcessFunc[int64, int64] { return &throttle{} })
	second := aquifer.Process(aquifer.KeyBy(first, func(k *int64) int64 { return *k / 7 }), "second",
		func() aquifer.ProcessFunc[int64, int64] { return &throttle{perMS: rate / 1000 / subtasks} })
	aquifer.To(second, "out", discard.New[int64]())
	runs, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err = job.Run(runs, aquifer.RunOptions{
		State: dir, Parallelism: subtasks, CheckpointInterval: o.Short, Restarts: -1, UnalignedAfter: after,
		OnEvent: func(e aquifer.Event) {
			if b.hear(e); len(b.took) == b.wanted {
				cancel() // the last checkpoint would wait for all queues, too
			}
		},
	})
	if len(b.took) < b.wanted {
		return nil, err
	}
	return b, nil
}
