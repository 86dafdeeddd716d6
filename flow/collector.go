package flow

// Collector takes the rows that a function emits. It is valid during the call it was passed to and is
// not safe for concurrent use.
type Collector[T any] struct {
	out  *Batch[T]
	time *int64
	fold *Fold
}

// NewCollector returns a collector that appends to out; rows emitted without a time of their own get
// *time. It is for the engine and for tests of functions.
func NewCollector[T any](out *Batch[T], time *int64) Collector[T] {
	return Collector[T]{out: out, time: time}
}

// Emit sends a row downstream with the event time of the record or timer being processed.
func (c Collector[T]) Emit(row T) { c.out.Append(row, *c.time) }

// EmitAt sends a row downstream with an event time of its own, in milliseconds.
func (c Collector[T]) EmitAt(row T, time int64) { c.out.Append(row, time) }

// Next adds a zero row, to be filled in place before the next row is emitted.
func (c Collector[T]) Next() *T { return c.out.Next(*c.time) }
