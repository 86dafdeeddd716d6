package checkpoint

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// paced is a source of keys: each once, as fast as they are taken, then drawn at random at a steady rate, until the job
// is stopped. It is used by one reader, but for loaded, which says that each key has been given.
type paced struct {
	keys, rate int64
	next       int64
	begin      time.Time // of the steady rate
	loaded     atomic.Bool
	rng        *rand.Rand
}

func newPaced(keys, rate int64) *paced {
	return &paced{keys: keys, rate: rate, rng: rand.New(rand.NewPCG(1, 1))}
}

// Discover implements flow.Source.
func (p *paced) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if known.Has("keys") {
		return flow.Discovery{}, nil
	}
	return flow.Discovery{Splits: []flow.Split{{ID: "keys"}}}, nil
}

// Open implements flow.Source.
func (p *paced) Open(context.Context, flow.Split) (flow.Reader[int64], error) { return p, nil }

// pause is for how long the source waits when it is ahead of its rate.
const pause = 5 * time.Millisecond

// due is how many keys may have come by a time.
func (p *paced) due(now time.Time) int64 {
	return p.keys + int64(now.Sub(p.begin).Seconds()*float64(p.rate))
}

// Read implements flow.Reader.
func (p *paced) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	room := int64(cap(out.Rows) - len(out.Rows))
	if p.next < p.keys {
		for n := min(room, p.keys-p.next); n > 0; n-- {
			out.Append(p.next, flow.NoTime)
			p.next++
		}
		if p.next == p.keys {
			p.begin = time.Now()
			p.loaded.Store(true)
		}
		return flow.More, nil
	}
	n := min(room, p.due(time.Now())-p.next)
	if n <= 0 {
		return flow.Wait, nil
	}
	for range n {
		out.Append(p.rng.Int64N(p.keys), flow.NoTime)
	}
	p.next += n
	return flow.More, nil
}

// Ready implements flow.Reader.
func (p *paced) Ready() <-chan struct{} {
	ready := make(chan struct{})
	time.AfterFunc(pause, func() { close(ready) })
	return ready
}

// Position implements flow.Reader: a job is not gone on with.
func (p *paced) Position() []byte { return []byte("anywhere") }

// Close implements flow.Reader.
func (p *paced) Close() error { return nil }
