package checkpoint

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/metered"
	"github.com/aquifer-stream/aquifer/state"
)

// counts are how often each key has come.
type counts struct{ n state.Value[int64] }

func (c *counts) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[int64](s, "n")
	return err
}

func (c *counts) Process(ctx *aquifer.Context, _ *int64, _ aquifer.Collector[int64]) error {
	n, _, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	return c.n.Set(ctx, n+1)
}

// observer hears of a job until enough checkpoints have been taken of it, and then stops it. Events come one by one.
type observer struct {
	loaded   *atomic.Bool // all of the state is there
	skipped  int          // checkpoints since then that are not measured
	wanted   int
	stop     chan struct{}
	took     []time.Duration
	newBytes []int64
	// overtaken are the bytes of rows.
	overtaken []int64
	before    []aquifer.Sample // as of about when what is measured begins
	last      []aquifer.Sample // as of the last progress
	settle    func()           // called when the job is at rest; nil if it need not be
	idle      int              // checkpoints in a row that had nothing to do
	reads     float64          // until the last checkpoint
	pauses    []float64        // seconds, since before
}

func newObserver(source *paced, wanted int) *observer {
	b := &observer{loaded: &source.loaded, wanted: wanted, stop: make(chan struct{})}
	if source.settles {
		b.settle = func() { source.loaded.Store(true) }
	}
	return b
}

// unmeasured checkpoints come first when the state is there: one may have begun before, and the next has all the rest
// of the state in it.
const unmeasured = 2

func (b *observer) hear(e aquifer.Event) {
	switch e := e.(type) {
	case aquifer.Progress:
		b.progress(e.Metrics)
	case aquifer.CheckpointStored:
		switch {
		case b.settle != nil && !b.loaded.Load() && b.rests(e):
			b.settle()
		case !b.loaded.Load() || len(b.took) == b.wanted:
		case b.skipped < unmeasured:
			b.skipped++
		default:
			b.took, b.newBytes = append(b.took, e.Duration), append(b.newBytes, e.NewBytes)
			b.overtaken = append(b.overtaken, e.Overtaken)
			if len(b.took) == b.wanted {
				close(b.stop)
			}
		}
	}
}

// progress takes in the metrics of a moment, and notes how long the pauses since the one before were.
func (b *observer) progress(now []aquifer.Sample) {
	if len(b.took) == 0 {
		b.before = now
	} else if n := grown(b.last, now, metric.StateFreezes); n > 0 {
		b.pauses = append(b.pauses, grown(b.last, now, metric.StateFreezeTime)/n)
	}
	b.last = now
}

// restful is how many checkpoints in a row have nothing to do when a job is at rest.
const restful = 3

// rests notes whether a job without input is at rest: checkpoints have nothing new, and compactions read nothing.
func (b *observer) rests(e aquifer.CheckpointStored) bool {
	reads := metric.Sum(b.last, metric.ObjectRequests, metric.Label{Name: "operation", Value: metered.Read.String()})
	if b.idle++; e.Bytes == 0 || e.NewBytes > 0 || reads != b.reads {
		b.idle = 0
	}
	b.reads = reads
	return b.idle == restful
}

// grown is by how much a metric has grown.
func grown(before, after []aquifer.Sample, name string) float64 {
	return metric.Sum(after, name) - metric.Sum(before, name)
}

// steady runs a job with the keys of a source in a directory of its own.
func steady(ctx context.Context, o Options, source *paced, interval time.Duration) (r Row, err error) {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := newObserver(source, o.Checkpoints)
	job := aquifer.NewJob("bench-checkpoint")
	keys := aquifer.KeyBy(aquifer.From(job, "keys", source), func(k *int64) int64 { return *k })
	counted := aquifer.Process(keys, "count", func() aquifer.ProcessFunc[int64, int64] { return &counts{} })
	aquifer.To(counted, "out", discard.New[int64]())
	result, err := job.Run(ctx, aquifer.RunOptions{
		State: dir, Parallelism: 1, CheckpointInterval: interval, Memory: o.Memory, Restarts: -1, Stop: b.stop,
		OnEvent: b.hear,
	})
	if err == nil && len(b.took) < b.wanted {
		err = fmt.Errorf("the job ended after %d of %d checkpoints", len(b.took), o.Checkpoints)
	}
	if err != nil {
		return r, err
	}
	return b.row(interval, result.Metrics), nil
}

// row is what was measured, with the metrics of the job at its end.
func (b *observer) row(interval time.Duration, after []aquifer.Sample) Row {
	b.progress(after)
	per := func(name, of string) float64 { return grown(b.before, after, name) / grown(b.before, after, of) }
	return Row{
		IntervalS: interval.Seconds(), StateBytes: int64(metric.Sum(after, metric.StateMemory)),
		Checkpoints: len(b.took), DurationS: measure.Median(b.took).Seconds(), MaxDurationS: slices.Max(b.took).Seconds(),
		NewBytes:     measure.Median(b.newBytes),
		ChangedBytes: int64(per(metric.IngestedBytes, metric.StateFreezes)),
		MergedBytes:  int64(per(metric.CompactionWritten, metric.StateFreezes)),
		PauseS:       per(metric.StateFreezeTime, metric.StateFreezes),
		MaxPauseS:    metric.Sum(after, metric.StateFreezeMax),
		MedianPauseS: measure.Median(b.pauses),
	}
}
