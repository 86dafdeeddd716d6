package operator

import (
	"fmt"
	"reflect"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// RowType lets code that does not know the rows of a stream connect its operators. The values it deals
// in are Receivers and batches of one row type T, as any.
type RowType struct {
	// Name is T as Go prints it.
	Name string
	// Deliver returns the function that hands batches to a side of an operator.
	Deliver func(op any, side Side) func(batch any) error
	// Fan returns one receiver for several (or none).
	Fan func(receivers []any) any
	// Writer returns the receiver that ends a chain.
	Writer func(config WriterConfig) Output
	// Copy returns a copy of a batch. What rows point to is shared.
	Copy func(batch any) any
	// Bytes is about how many bytes of memory a batch takes. It is safe for concurrent use.
	Bytes func(batch any) int64
	// Select leaves those rows of a batch whose hash, by a hasher of the row type, is to be kept. It is nil if none is.
	Select func(batch, hasher any, keep func(hash uint64) bool) any
	// Codec returns what writes rows into checkpoints; an error, with the path of the field, for those that cannot be.
	Codec func() (*RowCodec, error)
}

// Output is the end of a chain, seen by the task: a Receiver of the row type that buffers.
type Output interface {
	Progress
	Clocked
	// Barrier sends all that is buffered and then the barrier.
	Barrier(b channel.Barrier) error
}

// RowTypeOf returns the RowType of T.
func RowTypeOf[T any]() RowType {
	pool, weight := PoolOf[T](), newWeight[T]()
	return RowType{
		Name: reflect.TypeFor[T]().String(),
		Deliver: func(op any, side Side) func(any) error {
			r := As[T](receiverOf(op, side))
			return func(batch any) error { return r.Batch(batch.(*flow.Batch[T])) }
		},
		Fan:    fan[T],
		Writer: func(c WriterConfig) Output { return newWriter[T](c) },
		Copy: func(batch any) any { // with no room for more: there may be a great many
			b := batch.(*flow.Batch[T])
			return copyRows(pool.Pool.Get(len(b.Rows)), b)
		},
		Bytes:  func(batch any) int64 { return weight.of(batch.(*flow.Batch[T]), 0) },
		Select: selector[T],
		Codec:  rowCodecOf[T],
	}
}

// As returns the receiver as one of rows T. A mismatch is a mistake in the construction of the graph.
func As[T any](receiver any) Receiver[T] {
	r, ok := receiver.(Receiver[T])
	if !ok {
		panic(fmt.Sprintf("operator: %T does not take rows of %s", receiver, reflect.TypeFor[T]()))
	}
	return r
}

func fan[T any](receivers []any) any {
	if len(receivers) == 1 {
		return receivers[0]
	}
	t := &tee[T]{pool: PoolOf[T]()}
	for _, r := range receivers {
		t.to = append(t.to, As[T](r))
	}
	return t
}

// tee gives every receiver its own copy of each batch. With no receivers it drops them.
type tee[T any] struct {
	to   []Receiver[T]
	pool Pool[T]
}

func (t *tee[T]) Batch(b *flow.Batch[T]) error {
	for i, r := range t.to {
		out := b
		if i < len(t.to)-1 {
			out = t.pool.Get()
			out.Rows = append(out.Rows, b.Rows...)
			out.Times = append(out.Times, b.Times...)
		}
		if err := r.Batch(out); err != nil {
			return err
		}
	}
	if len(t.to) == 0 {
		t.pool.Put(b)
	}
	return nil
}

func (t *tee[T]) Watermark(time int64) error {
	for _, r := range t.to {
		if err := r.Watermark(time); err != nil {
			return err
		}
	}
	return nil
}

func (t *tee[T]) Idle(idle bool) error {
	for _, r := range t.to {
		if err := r.Idle(idle); err != nil {
			return err
		}
	}
	return nil
}
