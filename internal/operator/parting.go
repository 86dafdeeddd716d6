package operator

import "github.com/aquifer-stream/aquifer/flow"

// Parting takes the rows of a function with side outputs apart: each of its parts gets those that are for it, and
// progress comes to all of them.
type Parting[T any] struct {
	parts []Part[T]
	in    Pool[T]
}

// Part is one output of a Parting.
type Part[T any] interface {
	Progress
	batch(b *flow.Batch[T]) error
}

// NewParting returns the receiver of a function's rows.
func NewParting[T any](parts ...Part[T]) *Parting[T] { return &Parting[T]{parts, PoolOf[T]()} }

// Batch hands the rows to the parts.
func (p *Parting[T]) Batch(b *flow.Batch[T]) error {
	for _, part := range p.parts {
		if err := part.batch(b); err != nil {
			return err
		}
	}
	p.in.Put(b)
	return nil
}

// Watermark comes to all parts.
func (p *Parting[T]) Watermark(t int64) error {
	for _, part := range p.parts {
		if err := part.Watermark(t); err != nil {
			return err
		}
	}
	return nil
}

// Idle comes to all parts.
func (p *Parting[T]) Idle(idle bool) error {
	for _, part := range p.parts {
		if err := part.Idle(idle); err != nil {
			return err
		}
	}
	return nil
}

type part[T, R any] struct {
	Receiver[R]
	pick func(*T) *R
	out  Pool[R]
}

// PartOf returns the part that sends on what pick returns, but for nil. The row that it points to is copied.
func PartOf[T, R any](to Receiver[R], pick func(*T) *R) Part[T] {
	return &part[T, R]{to, pick, PoolOf[R]()}
}

func (p *part[T, R]) batch(b *flow.Batch[T]) error {
	out := p.out.Get()
	for i := range b.Rows {
		if row := p.pick(&b.Rows[i]); row != nil {
			out.Append(*row, b.Times[i])
		}
	}
	if len(out.Rows) == 0 {
		p.out.Put(out)
		return nil
	}
	return p.Receiver.Batch(out)
}
