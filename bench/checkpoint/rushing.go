package checkpoint

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/flow"
)

// rushing is a source of random keys, as fast as they are taken, with a split for each reader.
type rushing struct {
	keys   int64
	splits int
	given  atomic.Int64
}

// Discover implements flow.Source.
func (r *rushing) Discover(_ context.Context, known flow.Known) (d flow.Discovery, err error) {
	for i := range r.splits {
		if id := fmt.Sprint("keys", i); !known.Has(id) {
			d.Splits = append(d.Splits, flow.Split{ID: id})
		}
	}
	return d, nil
}

// Open implements flow.Source.
func (r *rushing) Open(_ context.Context, s flow.Split) (flow.Reader[int64], error) {
	return &rush{source: r, rng: rand.New(rand.NewPCG(1, uint64(s.ID[len(s.ID)-1])))}, nil
}

// rush is a reader of it.
type rush struct {
	source *rushing
	rng    *rand.Rand
}

// Read implements flow.Reader.
func (r *rush) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	n := cap(out.Rows) - len(out.Rows)
	for range n {
		out.Append(r.rng.Int64N(r.source.keys), flow.NoTime)
	}
	r.source.given.Add(int64(n))
	return flow.More, nil
}

// Ready implements flow.Reader: it never waits.
func (r *rush) Ready() <-chan struct{} { return nil }

// Position implements flow.Reader: a job is not gone on with.
func (r *rush) Position() []byte { return []byte("anywhere") }

// Close implements flow.Reader.
func (r *rush) Close() error { return nil }
