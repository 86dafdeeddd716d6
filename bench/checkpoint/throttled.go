package checkpoint

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/state"
)

const (
	// leastSpeedup is how much shorter checkpoints of a job that lags should be with barriers that overtake.
	leastSpeedup = 20
	// mostByBound is how much longer they may take than without the throttle and with the time to write as many bytes as
	// are overtaken.
	mostByBound = 2
)

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
	// BytesPerS is how fast the disk writes and syncs a large file, ByBound is UnalignedS by FreeS and the time that it
	// takes at this rate to write what is overtaken.
	BytesPerS float64 `json:"bytes_per_s"`
	ByBound   float64 `json:"by_bound"`
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
	t.BytesPerS, err = bandwidth()
	t.compare()
	return t, err
}

func (t *Throttled) compare() {
	t.Speedup = ratio(t.AlignedS, t.UnalignedS)
	t.ByBound = ratio(t.UnalignedS, t.FreeS+ratio(float64(t.OvertakenBytes), t.BytesPerS))
}

func (t *Throttled) goals() []measure.Goal {
	return []measure.Goal{
		measure.AtLeast(Throttle, "duration with barriers that wait by that with such as overtake", t.Speedup, leastSpeedup),
		measure.AtMost(Throttle, "the latter by that without the throttle and the time to write what is overtaken",
			t.ByBound, mostByBound),
	}
}

// bandwidth writes a file where the jobs have their state, and returns how many bytes a second became durable.
func bandwidth() (perS float64, err error) {
	f, err := os.CreateTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	data := make([]byte, 64<<20)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	begin := time.Now()
	if _, err := f.Write(data); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return float64(len(data)) / time.Since(begin).Seconds(), nil
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
