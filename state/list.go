package state

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// List is a list of rows of type V for each key. To append costs the same however long the list is, and reads
// nothing; to read it brings all of it into memory if it is not large.
type List[V any] struct {
	rows  *keyed.List[V]
	timed *keyed.TimedList[V] // instead, with a time-to-live
	store keyed.Registry
}

// NewList declares a list. The name is its identity within the operator. It fails if the type cannot be encoded
// or the name is taken.
func NewList[V any](s *Scope, name string, options ...Option) (l List[V], err error) {
	if err := s.check(name); err != nil {
		return l, err
	}
	l.store = s.store
	if ttl, ok := ttlOf(options); ok {
		l.timed, err = keyed.NewTimedList[V](s.store, name, ttl)
	} else {
		l.rows, err = keyed.NewList[V](s.store, name)
	}
	return l, err
}

func (l List[V]) append(slot uint32, row *V) {
	if l.timed != nil {
		l.timed.Append(keyed.Slot(slot), row)
	} else {
		l.rows.Append(keyed.Slot(slot), row)
	}
}

// Append puts a row at the end of the key's list.
func (l List[V]) Append(ctx *flow.Context, row V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	l.append(slot, &row)
	return nil
}

// AppendAll puts rows at the end of the key's list, in their order.
func (l List[V]) AppendAll(ctx *flow.Context, rows []V) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	for i := range rows {
		l.append(slot, &rows[i])
	}
	return nil
}

// All yields the rows of the key's list as of the call, in the order in which they were appended. They are
// copies. The list may be changed meanwhile, and other state used. Rows of a large list, of more than some hundred
// kilobytes, that are not in memory are read as they are yielded, and do not stay; if the list is cleared meanwhile,
// they may not come. If they cannot be read, the iteration ends and the call fails, as with Map.All.
func (l List[V]) All(ctx *flow.Context) (iter.Seq[V], error) {
	slot, active := ctx.Slot()
	if !active {
		return nil, flow.ErrOutsideCall
	}
	if l.timed != nil {
		return l.timed.All(keyed.Slot(slot))
	}
	return l.rows.All(keyed.Slot(slot))
}

// Each calls visit for the rows that All yields, until it reports that it wants no more. It copies and allocates less: a
// row is for visit to read until it returns. If rows cannot be read, it fails.
func (l List[V]) Each(ctx *flow.Context, visit func(row *V) (more bool)) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if l.timed != nil {
		return l.timed.Each(keyed.Slot(slot), visit)
	}
	return l.rows.Each(keyed.Slot(slot), visit)
}

// Len is the number of rows in the key's list. It reads what is not in memory, as All does.
func (l List[V]) Len(ctx *flow.Context) (int, error) {
	slot, active := ctx.Slot()
	if !active {
		return 0, flow.ErrOutsideCall
	}
	if l.timed != nil {
		return l.timed.Len(keyed.Slot(slot))
	}
	return l.rows.Len(keyed.Slot(slot))
}

// Clear empties the key's list. It reads what is not in memory, as All does.
func (l List[V]) Clear(ctx *flow.Context) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	if l.timed != nil {
		return l.timed.Clear(keyed.Slot(slot))
	}
	return l.rows.Clear(keyed.Slot(slot))
}

func (l List[V]) want(a *keyed.Ahead, s keyed.Slot) {
	if l.timed != nil {
		l.timed.Want(a, s)
	} else {
		l.rows.Want(a, s)
	}
}

// Prefetch lets the key's list be in memory when the record is processed, unless it is large. To append, nothing needs
// to be prefetched.
func (l List[V]) Prefetch(ctx *flow.Prefetch) { prefetch(ctx, l.want) }

// AllAsync asks for the rows of the key's list. Nothing is read before the future, or another of the call, is waited
// for. The future is that of All.
func (l List[V]) AllAsync(ctx *flow.Context) *Future[iter.Seq[V]] {
	return ask(ctx, l.store, l.want, func(ctx *flow.Context) (iter.Seq[V], bool, error) {
		all, err := l.All(ctx)
		return all, err == nil, err
	})
}
