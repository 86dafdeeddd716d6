package spiky

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// keys is a source of keys: each once, then drawn at random as the load allows.
type keys struct{ load *load }

// Discover implements flow.Source.
func (k keys) Discover(_ context.Context, known flow.Known) (found flow.Discovery, err error) {
	for i := range k.load.options.Subtasks {
		if id := strconv.Itoa(i); !known.Has(id) {
			found.Splits = append(found.Splits, flow.Split{ID: id, Bounded: true})
		}
	}
	return found, nil
}

// Open implements flow.Source.
func (k keys) Open(_ context.Context, split flow.Split) (flow.Reader[int64], error) {
	part, err := strconv.ParseInt(split.ID, 10, 64)
	o := k.load.options
	size := o.splitKeys()
	return &keyReader{load: k.load, next: part * size, end: (part + 1) * size, half: -1,
		rng: rand.New(rand.NewPCG(1, uint64(part)))}, err
}

// keyReader reads a split.
type keyReader struct {
	load      *load
	next, end int64 // of the keys that come once
	rng       *rand.Rand
	half      int   // of a wave
	given     int64 // in that half
	ready     <-chan struct{}
}

// pause is for how long a reader waits that is ahead of the load.
const pause = 2 * time.Millisecond

// Read implements flow.Reader.
func (r *keyReader) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	room := int64(cap(out.Rows) - len(out.Rows))
	if r.next < r.end {
		r.once(out, room)
		return flow.More, nil
	}
	now := time.Now()
	phase, half, passed := r.load.at(now)
	switch phase {
	case over:
		return flow.End, nil
	case loading:
		r.ready = r.load.loaded
		return flow.Wait, nil
	case swinging:
		if r.half != half {
			r.half, r.given = half, 0
		}
		room = min(room, int64(r.load.rate(half)*passed.Seconds())-r.given)
	}
	if room <= 0 {
		r.ready = in(pause)
		return flow.Wait, nil
	}
	for range room {
		out.Append(r.rng.Int64N(r.load.options.Keys), flow.NoTime)
	}
	r.given += room
	return flow.More, nil
}

// once gives keys that have not come yet.
func (r *keyReader) once(out *flow.Batch[int64], room int64) {
	for n := min(room, r.end-r.next); n > 0; n-- {
		out.Append(r.next, flow.NoTime)
		r.next++
	}
}

// in returns a channel that is closed after a time.
func in(d time.Duration) <-chan struct{} {
	ready := make(chan struct{})
	time.AfterFunc(d, func() { close(ready) })
	return ready
}

// Ready implements flow.Reader.
func (r *keyReader) Ready() <-chan struct{} { return r.ready }

// Position implements flow.Reader: a run is not gone on with.
func (r *keyReader) Position() []byte { return []byte("anywhere") }

// Close implements flow.Reader.
func (r *keyReader) Close() error { return nil }
