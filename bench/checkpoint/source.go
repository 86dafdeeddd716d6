package checkpoint

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// paced is a source of keys: each once, as fast as they are taken, then drawn at a steady rate, until the job is stopped.
// It is used by one reader, but for loaded, which says that each key has been given. If it settles, that is for another
// to say, and nothing more comes until then.
type paced struct {
	keys, rate int64
	next       int64
	begin      time.Time // of the steady rate
	alone      bool      // the next one
	settles    bool
	loaded     atomic.Bool
	draw       func() int64
	key        func(i int64) int64 // of a number
}

// newPaced draws keys at random.
func newPaced(keys, rate int64) *paced {
	rng := rand.New(rand.NewPCG(1, 1))
	same := func(i int64) int64 { return i }
	return &paced{keys: keys, rate: rate, draw: func() int64 { return rng.Int64N(keys) }, key: same}
}

// newSpread draws each key once and then all again, one far from the next, so that the keys of any stretch are spread
// over all there are. They are scattered over all numbers: so many of them take the same space in tables, however
// many others there are.
func newSpread(keys, rate int64) *paced {
	step, at := coprime(keys), int64(0)
	return &paced{keys: keys, rate: rate, settles: true, key: scatter, draw: func() int64 {
		at = (at + step) % keys
		return at
	}}
}

// scatter gives each number another one, at random so to say.
func scatter(i int64) int64 {
	x := uint64(i) * 0x9e3779b97f4a7c15
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return int64(x ^ x>>32)
}

// coprime is a number by the golden ratio from n, with no divisor in common with it.
func coprime(n int64) int64 {
	step := int64(0.618034*float64(n)) + 1
	for gcd(n, step) != 1 {
		step++
	}
	return step
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// full is the same source when each key has been given: for a job that goes on with their state. The first record comes
// alone.
func (p *paced) full() *paced {
	p.next, p.alone = p.keys, true
	p.loaded.Store(true)
	return p
}

// Discover implements flow.Source.
func (p *paced) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	return oneSplit(known), nil
}

// oneSplit discovers a split if it has not been discovered.
func oneSplit(known flow.Known) (d flow.Discovery) {
	if !known.Has("keys") {
		d.Splits = []flow.Split{{ID: "keys"}}
	}
	return d
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
			out.Append(p.key(p.next), flow.NoTime)
			p.next++
		}
		if p.next == p.keys && !p.settles {
			p.loaded.Store(true)
		}
		return flow.More, nil
	}
	if !p.loaded.Load() {
		return flow.Wait, nil
	}
	if p.begin.IsZero() {
		p.begin = time.Now()
	}
	if p.alone {
		p.alone, room = false, min(room, 1)
		p.next--
	}
	n := min(room, p.due(time.Now())-p.next)
	if n <= 0 {
		return flow.Wait, nil
	}
	for range n {
		out.Append(p.key(p.draw()), flow.NoTime)
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
