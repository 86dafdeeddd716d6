package keyed

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Writer takes the changes of an epoch: ranges to delete first, then entries in ascending order of keys.
// It must not keep the slices. Calls come one after the other, but not all from the same goroutine.
type Writer interface {
	Set(key, value []byte) error
	Delete(key []byte) error
	DeleteRange(start, end []byte) error
}

// Frozen are the changes of one epoch, as of its freeze. WriteTo and then Done may be called by another goroutine
// than the store's, once; Release, instead of Done, belongs to the store's.
type Frozen struct {
	core    *core
	states  []frozenState
	parts   int
	epoch   uint64
	cleared []Slot
	dirtied amount
}

// frozenState are the changes of one state.
type frozenState interface {
	state() uint32
	// ranges are those to delete, behind the prefix, in ascending order.
	ranges() []span
	// gather adds the changes of a key group to the batch. Groups come in ascending order.
	gather(part int, into *changes)
	// forget ends a snapshot that is durable, release one that will not be: the store has its changes back.
	forget()
	release()
}

// Freeze ends an epoch: it takes what changed since the freeze before, in time that does not depend on the
// size of the state.
func (s *Store[K]) Freeze() *Frozen {
	s.settle()
	f := &Frozen{core: &s.core, parts: s.Groups.Len(), epoch: s.clock.now, cleared: s.cleared, dirtied: s.dirtied}
	for _, t := range s.states {
		f.states = append(f.states, t.freeze())
	}
	f.states = append(f.states, s.freezeDropped()...)
	slices.SortFunc(f.states, func(a, b frozenState) int { return int(int64(a.state()) - int64(b.state())) })
	s.waiting = append(s.waiting, reclaim{f, s.cleared})
	s.cleared, s.dirtied = nil, amount{}
	s.clock.now++
	return f
}

// Entries is about how many entries WriteTo will write.
func (f *Frozen) Entries() int64 { return f.dirtied.entries }

// Order is where the changes are to be written among those of other stores: by operator, then by key group.
func (f *Frozen) Order(o *Frozen) int {
	return cmp.Or(cmp.Compare(f.core.Operator, o.core.Operator), cmp.Compare(f.core.Groups.Start, o.core.Groups.Start))
}

// WriteTo writes the changes, sorted by table key. Done or Release must follow: what has been written cannot be
// read from below yet.
func (f *Frozen) WriteTo(w Writer) (err error) {
	if err := f.writeRanges(w); err != nil {
		return err
	}
	p := newPassing(w)
	defer func() { err = p.end() }()
	for part := range f.parts {
		for _, s := range f.states {
			batch := p.empty()
			if batch == nil {
				return nil // what went wrong comes at the end
			}
			batch.reset(f.core.prefix(batch.arena[:0], part, s.state()))
			s.gather(part, batch)
			batch.sort()
			p.pass(batch)
		}
	}
	return nil
}

// Done says that what WriteTo wrote can be read from the tables below: the store need not keep it any longer, nor
// that of any earlier snapshot.
func (f *Frozen) Done() {
	f.core.clock.written.Store(f.epoch)
}

// forget ends the snapshot's part in the store.
func (f *Frozen) forget() {
	for _, s := range f.states {
		s.forget()
	}
}

func (f *Frozen) writeRanges(w Writer) error {
	for part := range f.parts {
		for _, s := range f.states {
			for _, r := range s.ranges() {
				start, end := f.bounds(part, s.state(), r)
				if err := w.DeleteRange(start, end); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// bounds are the table keys of a range.
func (f *Frozen) bounds(part int, state uint32, r span) (start, end []byte) {
	start = f.core.prefix(nil, part, state)
	if r == everything {
		return start, after(start)
	}
	return appendOrdered(start, r.start), appendOrdered(f.core.prefix(nil, part, state), r.end)
}

// Release gives the changes back to the store, as changes of its present epoch: nothing is lost when a
// snapshot cannot be written.
func (f *Frozen) Release() {
	for _, s := range f.states {
		s.release()
	}
	for i := range f.core.waiting {
		if f.core.waiting[i].frozen == f {
			f.core.waiting = slices.Delete(f.core.waiting, i, i+1)
			break
		}
	}
	f.core.cleared = append(f.core.cleared, f.cleared...)
}

// appendOrdered appends a number so that the order of bytes is that of numbers.
func appendOrdered(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

// takeOrdered reads what appendOrdered wrote.
func takeOrdered(src []byte) (n int64, rest []byte, err error) {
	if len(src) < 8 {
		return 0, nil, fmt.Errorf("a key that ends after %d of 8 bytes", len(src))
	}
	return int64(binary.BigEndian.Uint64(src) ^ 1<<63), src[8:], nil
}

// frozenColumn are the changes of a value state.
type frozenColumn[V any] struct {
	*frozenPages[V]
	id        uint32
	values    *versions[V]
	appendKey func([]byte, Slot) []byte
	touchKeys toucher
	owners    []uint16
	sorted    *byPart[V]
}

func (f *frozenColumn[V]) state() uint32  { return f.id }
func (f *frozenColumn[V]) ranges() []span { return nil }

func (f *frozenColumn[V]) gather(part int, into *changes) {
	f.each(part, func(s Slot, v *V) { f.append(into, s, v) })
}

// each yields the changed slots of a part.
func (f *frozenColumn[V]) each(part int, yield func(s Slot, v *V)) {
	if f.sorted == nil {
		b := newByPart(f.frozenPages, f.owners, f.touchKeys)
		f.sorted = &b
	}
	f.sorted.visit(part, yield)
}

func (f *frozenColumn[V]) append(into *changes, s Slot, v *V) {
	key := into.begin()
	into.arena = f.appendKey(into.arena, s)
	put(into, key, f.values, v)
}
