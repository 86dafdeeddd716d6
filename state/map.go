package state

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Map is a map from MK to V for each key. Entries are stored and addressed separately: a large map costs
// no more to use than a small one.
type Map[MK comparable, V any] struct {
	entries *keyed.Map[MK, V]
	timed   *keyed.TimedMap[MK, V] // instead, with a time-to-live
	store   keyed.Registry
}

// NewMap declares a map. MK must have an order-preserving encoding, as keys of streams must.
func NewMap[MK comparable, V any](s *Scope, name string, options ...Option) (m Map[MK, V], err error) {
	if err := s.check(name); err != nil {
		return m, err
	}
	m.store = s.store
	if ttl, ok := ttlOf(options); ok {
		m.timed, err = keyed.NewTimedMap[MK, V](s.store, name, ttl)
	} else {
		m.entries, err = keyed.NewMap[MK, V](s.store, name)
	}
	return m, err
}

// Get returns the entry of the key's map, and whether it is there.
func (m Map[MK, V]) Get(ctx *flow.Context, key MK) (value V, ok bool, err error) {
	slot, active := ctx.Slot()
	if !active {
		return value, false, flow.ErrOutsideCall
	}
	if m.timed != nil {
		return m.timed.Get(keyed.Slot(slot), key)
	}
	return m.entries.Get(keyed.Slot(slot), key)
}

// Set puts an entry into the key's map.
func (m Map[MK, V]) Set(ctx *flow.Context, key MK, value V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if m.timed != nil {
		return m.timed.Set(keyed.Slot(slot), key, value)
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
	if m.timed != nil {
		m.timed.Remove(keyed.Slot(slot), key)
	} else {
		m.entries.Remove(keyed.Slot(slot), key)
	}
	return nil
}

// Len is the number of entries in the key's map. It reads what is not in memory, as All does.
func (m Map[MK, V]) Len(ctx *flow.Context) (int, error) {
	slot, active := ctx.Slot()
	if !active {
		return 0, flow.ErrOutsideCall
	}
	if m.timed != nil {
		return m.timed.Len(keyed.Slot(slot))
	}
	return m.entries.Len(keyed.Slot(slot))
}

// All yields the entries of the key's map in no particular order. The map must not be changed meanwhile, but for removing
// the entry at hand; other state may be used. Entries of a large map, of more than some thousand, that are not in memory
// are read as they are yielded, and do not stay. If they cannot be read, the iteration ends, and the call that the
// Context was passed to fails with the reason as soon as it returns, whatever it returns: what it has emitted and
// changed by then counts for nothing. All itself fails if the first of them cannot be read.
func (m Map[MK, V]) All(ctx *flow.Context) (iter.Seq2[MK, V], error) {
	slot, active := ctx.Slot()
	if !active {
		return nil, flow.ErrOutsideCall
	}
	if m.timed != nil {
		return m.timed.All(keyed.Slot(slot))
	}
	return m.entries.All(keyed.Slot(slot))
}

// Clear empties the key's map. It reads what is not in memory, as All does.
func (m Map[MK, V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if m.timed != nil {
		return m.timed.Clear(keyed.Slot(slot))
	}
	return m.entries.Clear(keyed.Slot(slot))
}
