package state

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// Aggregating is an accumulator of type Acc for each key, to which rows of type In are added without it being
// read: a key whose accumulator is not in memory costs no more than one whose accumulator is. Only Get reads; it
// makes the result, of type Out.
type Aggregating[In, Acc, Out any] struct {
	sum sum[Acc]
	agg flow.Aggregator[In, Acc, Out]
	row *In  // the row being added: one that is passed on by address would be garbage
	acc *Acc // the accumulator that a result is made of
}

// NewAggregating declares accumulators. All functions of the aggregator are needed. Merge gets one to which
// nothing earlier was added than to the one that it takes it into. They must not use state, nor change what
// slices, maps and pointers of an accumulator lead to, which is shared. The name is the state's identity within
// the operator. NewAggregating fails if Acc cannot be encoded or the name is taken.
func NewAggregating[In, Acc, Out any](
	s *Scope, name string, agg flow.Aggregator[In, Acc, Out], options ...Option,
) (Aggregating[In, Acc, Out], error) {
	var none Aggregating[In, Acc, Out]
	if err := s.check(name); err != nil {
		return none, err
	}
	if agg.Add == nil || agg.Merge == nil || agg.Result == nil {
		return none, base.Errorf(base.Config, "state %q: its aggregator needs the functions Add, Merge and Result", name)
	}
	sum, err := newSum(s, name, agg.Merge, options)
	return Aggregating[In, Acc, Out]{sum, agg, new(In), new(Acc)}, err
}

// Add takes a row into the key's accumulator; a key without one gets the zero value first.
func (a Aggregating[In, Acc, Out]) Add(ctx *flow.Context, row In) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	acc, _, err := a.sum.part(slot)
	if err != nil {
		return err
	}
	*a.row = row
	a.agg.Add(acc, a.row)
	a.sum.keep(acc)
	return nil
}

// Get returns the result of the key's accumulator, and whether it has one.
func (a Aggregating[In, Acc, Out]) Get(ctx *flow.Context) (result Out, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return result, false, flow.ErrOutsideCall
	}
	acc, ok, err := a.sum.get(slot)
	if ok {
		*a.acc = *acc
		result = a.agg.Result(a.acc)
	}
	return result, ok, err
}

// Clear takes the key's accumulator away. It reads what is not in memory, as Get does.
func (a Aggregating[In, Acc, Out]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	return a.sum.clear(slot)
}

// Prefetch lets the key's accumulator be in memory when the record is processed. To add to it, nothing needs to be
// prefetched.
func (a Aggregating[In, Acc, Out]) Prefetch(ctx *flow.Prefetch) { prefetch(ctx, a.sum.want) }

// GetAsync asks for what Get returns. Nothing is read before the future, or another of the call, is waited for.
func (a Aggregating[In, Acc, Out]) GetAsync(ctx *flow.Context) *Future[Out] {
	return ask(ctx, a.sum.store, a.sum.want, a.Get)
}
