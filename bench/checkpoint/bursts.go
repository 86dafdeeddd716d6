package checkpoint

import (
	"context"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// bursts is a source that gives a number of keys at one time, each once, one far from the next. It has no end; the job
// is stopped. It is used by one reader, but for give.
type bursts struct {
	burst int64
	draw  func() int64
	next  int64
	ready chan struct{}
	give  func()        // lets the keys come
	given chan struct{} // closed when all have
}

func newBursts(keys, burst int64) *bursts {
	b := &bursts{
		burst: burst, draw: newSpread(keys, 1).draw, ready: make(chan struct{}), given: make(chan struct{}),
	}
	b.give = sync.OnceFunc(func() { close(b.ready) })
	return b
}

// Discover implements flow.Source.
func (b *bursts) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	return oneSplit(known), nil
}

// Open implements flow.Source.
func (b *bursts) Open(context.Context, flow.Split) (flow.Reader[int64], error) { return b, nil }

// Read implements flow.Reader.
func (b *bursts) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	select {
	case <-b.ready:
	default:
		return flow.Wait, nil
	}
	if b.next == b.burst {
		return flow.Wait, nil
	}
	for n := min(int64(cap(out.Rows)-len(out.Rows)), b.burst-b.next); n > 0; n-- {
		out.Append(b.draw(), flow.NoTime)
		b.next++
	}
	if b.next == b.burst {
		close(b.given)
	}
	return flow.More, nil
}

// Ready implements flow.Reader.
func (b *bursts) Ready() <-chan struct{} {
	if b.next == b.burst {
		return nil
	}
	return b.ready
}

// Position implements flow.Reader: the keys are drawn anew by each run.
func (b *bursts) Position() []byte { return []byte("anywhere") }

// Close implements flow.Reader.
func (b *bursts) Close() error { return nil }
