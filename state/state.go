package state

import (
	"iter"

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
}

// NewValue declares a value. The name is its identity within the operator. It fails if the type cannot be
// encoded or the name is taken.
func NewValue[V any](s *Scope, name string) (Value[V], error) {
	if err := s.check(name); err != nil {
		return Value[V]{}, err
	}
	c, err := keyed.NewColumn[V](s.store, name)
	return Value[V]{c}, err
}

// Get returns the key's value, and whether it has one.
func (v Value[V]) Get(ctx *flow.Context) (value V, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return value, false, flow.ErrOutsideCall
	}
	value, ok = v.column.Get(keyed.Slot(slot))
	return value, ok, nil
}

// Set gives the key a value.
func (v Value[V]) Set(ctx *flow.Context, value V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	v.column.Set(keyed.Slot(slot), &value)
	return nil
}

// Update changes the key's value in place; a key without one gets the zero value first. The pointer is
// valid during the call of fn, which must not use state.
func (v Value[V]) Update(ctx *flow.Context, fn func(*V)) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	v.column.Update(keyed.Slot(slot), fn)
	return nil
}

// Clear takes the key's value away.
func (v Value[V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	v.column.Clear(keyed.Slot(slot))
	return nil
}

// Map is a map from MK to V for each key. Entries are stored and addressed separately: a large map costs
// no more to use than a small one.
type Map[MK comparable, V any] struct {
	entries *keyed.Map[MK, V]
}

// NewMap declares a map. MK must have an order-preserving encoding, as keys of streams must.
func NewMap[MK comparable, V any](s *Scope, name string) (Map[MK, V], error) {
	if err := s.check(name); err != nil {
		return Map[MK, V]{}, err
	}
	m, err := keyed.NewMap[MK, V](s.store, name)
	return Map[MK, V]{m}, err
}

// Get returns the entry of the key's map, and whether it is there.
func (m Map[MK, V]) Get(ctx *flow.Context, key MK) (value V, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return value, false, flow.ErrOutsideCall
	}
	return m.entries.Get(keyed.Slot(slot), key)
}

// Set puts an entry into the key's map.
func (m Map[MK, V]) Set(ctx *flow.Context, key MK, value V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	m.entries.Set(keyed.Slot(slot), key, value)
	return nil
}

// Remove takes an entry out of the key's map.
func (m Map[MK, V]) Remove(ctx *flow.Context, key MK) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	m.entries.Remove(keyed.Slot(slot), key)
	return nil
}

// Len is the number of entries in the key's map.
func (m Map[MK, V]) Len(ctx *flow.Context) (int, error) {
	slot, active := ctx.Slot()
	if !active {
		return 0, flow.ErrOutsideCall
	}
	return m.entries.Len(keyed.Slot(slot))
}

// All yields the entries of the key's map in no particular order. The map must not be changed meanwhile.
func (m Map[MK, V]) All(ctx *flow.Context) (iter.Seq2[MK, V], error) {
	slot, active := ctx.Slot()
	if !active {
		return nil, flow.ErrOutsideCall
	}
	return m.entries.All(keyed.Slot(slot))
}

// Clear empties the key's map.
func (m Map[MK, V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	return m.entries.Clear(keyed.Slot(slot))
}
