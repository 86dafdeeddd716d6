package state

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Scope is where a function declares its state. It is valid during Open.
type Scope struct {
	store keyed.Registry
	ended bool
}

// NewScope returns the scope of an operator's store. It is for the engine.
func NewScope(store keyed.Registry) *Scope { return &Scope{store: store} }

// End is called after Open: what is declared later would be missing from the checkpoint's list of states. It
// is for the engine.
func (s *Scope) End() { s.ended = true }

func (s *Scope) check(name string) error {
	if s.ended {
		return base.Errorf(base.Config, "state %q is declared after Open: declare it in Open", name)
	}
	return nil
}

// Value is one value of type V for each key.
type Value[V any] struct {
	column *keyed.Column[V]
	timed  *keyed.TimedColumn[V] // instead, with a time-to-live
}

// NewValue declares a value. The name is its identity within the operator. It fails if the type cannot be
// encoded or the name is taken.
func NewValue[V any](s *Scope, name string, options ...Option) (v Value[V], err error) {
	if err := s.check(name); err != nil {
		return v, err
	}
	if ttl, ok := ttlOf(options); ok {
		v.timed, err = keyed.NewTimedColumn[V](s.store, name, ttl)
	} else {
		v.column, err = keyed.NewColumn[V](s.store, name)
	}
	return v, err
}

// Get returns the key's value, and whether it has one.
func (v Value[V]) Get(ctx *flow.Context) (value V, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return value, false, flow.ErrOutsideCall
	}
	if v.timed != nil {
		value, ok = v.timed.Get(keyed.Slot(slot))
	} else {
		value, ok = v.column.Get(keyed.Slot(slot))
	}
	return value, ok, nil
}

// Set gives the key a value.
func (v Value[V]) Set(ctx *flow.Context, value V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if v.timed != nil {
		v.timed.Set(keyed.Slot(slot), &value)
	} else {
		v.column.Set(keyed.Slot(slot), &value)
	}
	return nil
}

// Update changes the key's value in place; a key without one gets the zero value first. The pointer is
// valid during the call of fn, which must not use state.
func (v Value[V]) Update(ctx *flow.Context, fn func(*V)) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if v.timed != nil {
		v.timed.Update(keyed.Slot(slot), fn)
	} else {
		v.column.Update(keyed.Slot(slot), fn)
	}
	return nil
}

// Clear takes the key's value away.
func (v Value[V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if v.timed != nil {
		v.timed.Clear(keyed.Slot(slot))
	} else {
		v.column.Clear(keyed.Slot(slot))
	}
	return nil
}
