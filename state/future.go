package state

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Future is something that a record has asked a state for and has not waited for yet. What several futures need from
// below memory is read together: the record waits once.
//
// A future announces a read; it is no copy of what was there when it was made. It belongs to the call that it was made
// in, and to its goroutine.
type Future[V any] struct {
	promise
	get func(ctx *flow.Context) (V, bool, error)
}

// promise says which call a future belongs to.
type promise struct {
	ctx  *flow.Context
	call uint64 // 0 for none
}

// Asked is a Future of any type.
type Asked interface{ usable(ctx *flow.Context) error }

func (p *promise) usable(ctx *flow.Context) error {
	if _, active := ctx.Slot(); !active || p.call == 0 {
		return flow.ErrOutsideCall
	}
	if call, _ := ctx.Call(); ctx != p.ctx || call != p.call {
		return flow.ErrOtherCall
	}
	return nil
}

// Get waits for all that the record has asked for so far, and returns what the state has then: what the call has
// changed since it asked is included. For a Map's entry, a Reducing and an Aggregating, ok says whether there is one;
// otherwise it is true.
func (f *Future[V]) Get(ctx *flow.Context) (value V, ok bool, err error) {
	if err := f.usable(ctx); err != nil {
		return value, false, err
	}
	if err := wait(ctx); err != nil {
		return value, false, err
	}
	return f.get(ctx)
}

// All waits for all that the record has asked for so far, with one grouped read for each [flow.MaxReads] things that
// are not in memory. After that Get of the given futures does not wait, unless memory is so short that it could not keep
// what was read, or a list or map is too large to be kept. It fails if a future is not of this call.
func All(ctx *flow.Context, futures ...Asked) error {
	for _, f := range futures {
		if err := f.usable(ctx); err != nil {
			return err
		}
	}
	if _, active := ctx.Slot(); !active {
		return flow.ErrOutsideCall
	}
	return wait(ctx)
}

// want adds something of a slot to a grouped read.
type want func(a *keyed.Ahead, s keyed.Slot)

// asked are the reads that a record has asked for and has not waited for. It is kept in its Context.
type asked struct {
	call  uint64
	store keyed.Registry
	wants []want
}

// ask makes a future.
func ask[V any](
	ctx *flow.Context, store keyed.Registry, w want, get func(ctx *flow.Context) (V, bool, error),
) *Future[V] {
	f := &Future[V]{get: get}
	if _, active := ctx.Slot(); !active {
		return f
	}
	call, place := ctx.Call()
	f.promise = promise{ctx, call}
	all, ok := (*place).(*asked)
	if !ok {
		all = &asked{}
		*place = all
	}
	if all.call != call {
		clear(all.wants)
		*all = asked{call, store, all.wants[:0]}
	}
	all.wants = append(all.wants, w)
	return f
}

// wait reads all that the record has asked for.
func wait(ctx *flow.Context) error {
	call, place := ctx.Call()
	all, ok := (*place).(*asked)
	if !ok || all.call != call {
		return nil
	}
	slot, _ := ctx.Slot()
	for len(all.wants) > 0 {
		some := all.wants[:min(len(all.wants), flow.MaxReads)]
		all.wants = all.wants[len(some):]
		err := keyed.Gather(all.store, keyed.Slot(slot), func(a *keyed.Ahead) {
			for _, w := range some {
				w(a, keyed.Slot(slot))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// prefetch lets something be read before a record is processed.
func prefetch(p *flow.Prefetch, w want) {
	if slot, wants := p.Want(); wants != nil {
		w(wants.(*keyed.Ahead), keyed.Slot(slot))
	}
}
