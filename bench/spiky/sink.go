package spiky

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// gaps is a sink that keeps nothing but the longest time between two batches of a subtask, within a time of high load.
// It is safe for concurrent use.
type gaps struct {
	load *load

	mu      sync.Mutex
	longest time.Duration
}

// Recover implements flow.Sink.
func (g *gaps) Recover(context.Context, [][]byte) error { return nil }

// Commit implements flow.Sink.
func (g *gaps) Commit(context.Context, [][]byte) error { return nil }

// Open implements flow.Sink.
func (g *gaps) Open(context.Context, flow.SinkSubtask) (flow.Writer[int64], error) {
	return &gapWriter{gaps: g, half: -1}, nil
}

func (g *gaps) saw(gap time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.longest = max(g.longest, gap)
}

// Longest is the longest gap so far.
func (g *gaps) Longest() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.longest
}

// gapWriter is a subtask of the sink.
type gapWriter struct {
	*gaps
	last time.Time // of the last batch
	half int       // the wave's half in which it was; -1 for none
}

// Write implements flow.Writer.
func (w *gapWriter) Write(_ context.Context, b *flow.Batch[int64]) error {
	w.take(time.Now(), b.Len())
	return nil
}

// take notes that rows have come out at a time.
func (w *gapWriter) take(now time.Time, rows int) {
	w.load.out(now, rows)
	phase, half, _ := w.load.at(now)
	if phase != swinging {
		half = -1
	}
	if half >= 0 && half%2 == 0 && half == w.half {
		w.saw(now.Sub(w.last))
	}
	w.last, w.half = now, half
}

// Prepare implements flow.Writer.
func (w *gapWriter) Prepare(context.Context, uint64) (flow.Prepared, error) {
	return flow.Prepared{}, nil
}

// Close implements flow.Writer.
func (w *gapWriter) Close(context.Context) error { return nil }
