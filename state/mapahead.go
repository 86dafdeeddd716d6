package state

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// want asks for an entry.
func (m Map[MK, V]) want(key MK) want {
	return func(a *keyed.Ahead, s keyed.Slot) {
		if m.timed != nil {
			m.timed.Want(a, s, key)
		} else {
			m.entries.Want(a, s, key)
		}
	}
}

// wantAll asks for all entries.
func (m Map[MK, V]) wantAll(a *keyed.Ahead, s keyed.Slot) {
	if m.timed != nil {
		m.timed.WantAll(a, s)
	} else {
		m.entries.WantAll(a, s)
	}
}

// Prefetch lets an entry of the key's map be in memory when the record is processed.
func (m Map[MK, V]) Prefetch(ctx *flow.Prefetch, key MK) { prefetch(ctx, m.want(key)) }

// PrefetchAll lets the key's map be in memory when the record is processed, unless it is large: of more than some
// thousand entries.
func (m Map[MK, V]) PrefetchAll(ctx *flow.Prefetch) { prefetch(ctx, m.wantAll) }

// GetAsync asks for an entry of the key's map. Nothing is read before the future, or another of the call, is waited
// for.
func (m Map[MK, V]) GetAsync(ctx *flow.Context, key MK) *Future[V] {
	return ask(ctx, m.store, m.want(key), func(ctx *flow.Context) (V, bool, error) { return m.Get(ctx, key) })
}

// AllAsync asks for the entries of the key's map, as GetAsync does for one. The future is that of All.
func (m Map[MK, V]) AllAsync(ctx *flow.Context) *Future[iter.Seq2[MK, V]] {
	return ask(ctx, m.store, m.wantAll, func(ctx *flow.Context) (iter.Seq2[MK, V], bool, error) {
		all, err := m.All(ctx)
		return all, err == nil, err
	})
}
