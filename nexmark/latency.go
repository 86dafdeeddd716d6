package nexmark

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/measure"
)

// Latency is how long rows took from when their event time was due, by the pace of the source, until the sink had them.
// The row of a window has the time of the window's last moment, and waits for the watermark, which is
// nexmark.WatermarkDelay of event time behind.
type Latency struct {
	// Rows is how many were timed: those without an event time are not, nor those of the last WatermarkDelay, some of
	// which come early because the input ends.
	Rows int64 `json:"rows"`
	// P50MS, P99MS and MaxMS are in milliseconds, the quantiles up to a 64th too long.
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	MaxMS float64 `json:"max_ms"`
}

// clock times the rows of an output.
type clock struct {
	config nexmark.Config
	last   time.Time // what is due later is not timed

	mu   sync.Mutex
	laps []*measure.Histogram
}

// Time lets the output measure how long rows take. It must be called before the query is built. The configuration is
// that of the events, which have a Pace and a Begin, and an end.
func (o *Output) Time(c nexmark.Config) {
	o.clock = &clock{config: c, last: c.Due(c.Last() - nexmark.WatermarkDelay.Milliseconds())}
}

// Latency returns how long rows took, after the job has ended; nil without Time, or if no row was timed.
func (o *Output) Latency() *Latency {
	if o.clock == nil {
		return nil
	}
	var all measure.Histogram
	for _, lap := range o.clock.laps {
		all.Merge(lap)
	}
	if all.Count() == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	return &Latency{
		Rows: all.Count(), P50MS: ms(all.Quantile(0.5)), P99MS: ms(all.Quantile(0.99)), MaxMS: ms(all.Max()),
	}
}

// end ends a stream in the sink of an output.
func end[T any](s aquifer.Stream[T], out *Output, sink flow.Sink[T]) {
	if out.clock != nil {
		sink = clocked[T]{sink, out.clock}
	}
	aquifer.To(s, "out", sink)
}

// clocked is a sink that looks at the clock when rows come.
type clocked[T any] struct {
	flow.Sink[T]
	clock *clock
}

// Open returns a writer with a histogram of its own.
func (t clocked[T]) Open(ctx context.Context, subtask flow.SinkSubtask) (flow.Writer[T], error) {
	w, err := t.Sink.Open(ctx, subtask)
	if err != nil {
		return nil, err
	}
	lap := &measure.Histogram{}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.laps = append(t.clock.laps, lap)
	return clockedWriter[T]{w, t.clock, lap}, nil
}

type clockedWriter[T any] struct {
	flow.Writer[T]
	clock *clock
	lap   *measure.Histogram
}

// Write times rows when they come and hands them on.
func (w clockedWriter[T]) Write(ctx context.Context, b *flow.Batch[T]) error {
	w.clock.note(w.lap, b.Times, time.Now())
	return w.Writer.Write(ctx, b)
}

func (c *clock) note(lap *measure.Histogram, times []int64, now time.Time) {
	for _, t := range times {
		if t == flow.NoTime || t == flow.EndOfTime {
			continue
		}
		if due := c.config.Due(t); !due.After(c.last) {
			lap.Add(now.Sub(due))
		}
	}
}
