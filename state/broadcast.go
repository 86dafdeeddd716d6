package state

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Broadcast is a map that belongs to no key: each subtask of a function with a broadcast stream has all of it. It is read
// for any record and timer, and changed for records of the broadcast stream only. These come to each subtask, so if
// a function changes its state by nothing but them, all subtasks have the same.
//
// It is held in memory, and all of it is part of every checkpoint: it is for rules and settings, up to some megabytes.
type Broadcast[MK comparable, V any] struct{ entries *keyed.Broadcast[MK, V] }

// NewBroadcast declares a broadcast state. The name is its identity within the operator. It fails if a type cannot be
// encoded or the name is taken.
func NewBroadcast[MK comparable, V any](s *Scope, name string) (b Broadcast[MK, V], err error) {
	if err := s.check(name); err != nil {
		return b, err
	}
	b.entries, err = keyed.NewBroadcast[MK, V](s.store, name)
	return b, err
}

// Get returns the value of a key of the map, and whether there is one. What the value points to is not to be changed.
func (b Broadcast[MK, V]) Get(key MK) (value V, ok bool) { return b.entries.Get(key) }

// Len is the number of entries.
func (b Broadcast[MK, V]) Len() int { return b.entries.Len() }

// All yields the entries in no particular order.
func (b Broadcast[MK, V]) All() iter.Seq2[MK, V] { return b.entries.All() }

// Set sets the value of a key of the map. It fails when the operator's broadcast state becomes too large, which is 16 MB.
func (b Broadcast[MK, V]) Set(ctx *flow.BroadcastContext, key MK, value V) error {
	if err := ctx.Check(); err != nil {
		return err
	}
	return b.entries.Set(key, value)
}

// Remove deletes a key of the map, if it is there.
func (b Broadcast[MK, V]) Remove(ctx *flow.BroadcastContext, key MK) error {
	if err := ctx.Check(); err != nil {
		return err
	}
	b.entries.Remove(key)
	return nil
}
