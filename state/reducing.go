package state

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// Reducing is one value of type V for each key, which is added to without being read: a key whose value is not in
// memory costs no more than one whose value is. Only Get reads.
type Reducing[V any] struct {
	sum    sum[V]
	reduce func(into, v *V)
	row    *V // the value being added: one that is passed on by address would be garbage
}

// NewReducing declares a value that is added to with reduce, which takes the value v into another, to which only
// earlier ones were added. It must be associative, since values are added to each other before they are added to
// what is stored; must not use state; and must not change what slices, maps and pointers of either lead to, which
// is shared. The name is the state's identity within the operator. NewReducing fails if the type cannot be
// encoded or the name is taken.
func NewReducing[V any](
	s *Scope, name string, reduce func(into, v *V), options ...Option,
) (Reducing[V], error) {
	if err := s.check(name); err != nil {
		return Reducing[V]{}, err
	}
	if reduce == nil {
		return Reducing[V]{}, base.Errorf(base.Config,
			"state %q: it has no function that adds values: give it one", name)
	}
	sum, err := newSum(s, name, reduce, options)
	return Reducing[V]{sum, reduce, new(V)}, err
}

// Add takes a value into that of the key, or becomes it if there is none.
func (r Reducing[V]) Add(ctx *flow.Context, v V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	into, made, err := r.sum.part(slot)
	if err != nil {
		return err
	}
	if made {
		*into = v
	} else {
		*r.row = v
		r.reduce(into, r.row)
	}
	r.sum.keep(into)
	return nil
}

// Get returns the key's value, and whether it has one.
func (r Reducing[V]) Get(ctx *flow.Context) (value V, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return value, false, flow.ErrOutsideCall
	}
	v, ok, err := r.sum.get(slot)
	if ok {
		value = *v
	}
	return value, ok, err
}

// Clear takes the key's value away. It reads what is not in memory, as Get does.
func (r Reducing[V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	return r.sum.clear(slot)
}

// Prefetch lets the key's value be in memory when the record is processed. To add to it, nothing needs to be
// prefetched.
func (r Reducing[V]) Prefetch(ctx *flow.Prefetch) { prefetch(ctx, r.sum.want) }

// GetAsync asks for what Get returns. Nothing is read before the future, or another of the call, is waited for.
func (r Reducing[V]) GetAsync(ctx *flow.Context) *Future[V] {
	return ask(ctx, r.sum.store, r.sum.want, r.Get)
}
