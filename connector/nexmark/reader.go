package nexmark

import (
	"context"

	"github.com/aquifer-stream/aquifer/flow"
)

// reader reads one split.
type reader[T any] struct {
	part  *part
	read  func(p *part, out *flow.Batch[T], n int)
	pacer *pacer // nil for as fast as possible
}

func newReader[T any](p *part, c Config, read func(*part, *flow.Batch[T], int)) *reader[T] {
	r := &reader[T]{part: p, read: read}
	if c.Pace {
		r.pacer = newPacer(p, c)
	}
	return r
}

// Read fills the batch, with what is due.
func (r *reader[T]) Read(_ context.Context, out *flow.Batch[T]) (flow.Status, error) {
	n := r.part.left(cap(out.Rows) - len(out.Rows))
	if r.pacer != nil && n > 0 {
		if n = r.pacer.due(n); n == 0 {
			return flow.Wait, nil
		}
	}
	r.read(r.part, out, n)
	if r.part.left(1) == 0 {
		return flow.End, nil
	}
	return flow.More, nil
}

// Ready returns the channel that receives when the next event is due.
func (r *reader[T]) Ready() <-chan struct{} {
	if r.pacer == nil {
		return nil
	}
	return r.pacer.ready
}

// Position is the number of the event that comes next, in decimal.
func (r *reader[T]) Position() []byte { return r.part.position() }

// Close stops the timer of a paced reader.
func (r *reader[T]) Close() error {
	if r.pacer != nil {
		r.pacer.stop()
	}
	return nil
}
