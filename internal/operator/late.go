package operator

import "github.com/aquifer-stream/aquifer/flow"

// OrLate is a row of an operator that also has an output for rows of its input that come too late.
type OrLate[T, Out any] struct {
	Row  Out
	Late *T // instead of Row
}

// SplitLate returns what takes the rows of both outputs apart.
func SplitLate[T, Out any](next Receiver[Out], late Receiver[T]) Receiver[OrLate[T, Out]] {
	return &lateSplit[T, Out]{next, late, PoolOf[OrLate[T, Out]](), PoolOf[Out](), PoolOf[T]()}
}

type lateSplit[T, Out any] struct {
	next  Receiver[Out]
	late  Receiver[T] // nil for dropping
	in    Pool[OrLate[T, Out]]
	out   Pool[Out]
	aside Pool[T]
}

// Batch hands on the rows of each output in their order.
func (s *lateSplit[T, Out]) Batch(b *flow.Batch[OrLate[T, Out]]) error {
	out, aside := s.out.Get(), s.aside.Get()
	for i := range b.Rows {
		if late := b.Rows[i].Late; late != nil {
			aside.Append(*late, b.Times[i])
		} else {
			out.Append(b.Rows[i].Row, b.Times[i])
		}
	}
	s.in.Put(b)
	if s.late == nil || aside.Len() == 0 {
		s.aside.Put(aside)
	} else if err := s.late.Batch(aside); err != nil {
		return err
	}
	return s.next.Batch(out)
}

// Watermark is that of both outputs.
func (s *lateSplit[T, Out]) Watermark(t int64) error {
	if s.late != nil {
		if err := s.late.Watermark(t); err != nil {
			return err
		}
	}
	return s.next.Watermark(t)
}

// Idle is for both outputs.
func (s *lateSplit[T, Out]) Idle(idle bool) error {
	if s.late != nil {
		if err := s.late.Idle(idle); err != nil {
			return err
		}
	}
	return s.next.Idle(idle)
}
