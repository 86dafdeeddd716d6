package keyed

import (
	"context"
	"slices"
)

// Ahead is a grouped read that is under way while the store is used: Find begins it, Read does it, on any
// goroutine, and Take brings what was read into memory.
type Ahead struct {
	reads
	slots   []Slot // that are coming
	written uint64 // snapshots, when it began
	found   []foundItem
	values  []byte
	err     error
}

// foundItem is what was read for an item; its value is in values.
type foundItem struct {
	item       int
	value, end int
}

// asker is told of what was looked for in vain.
type asker interface {
	loader
	absent(s Slot)
}

// Find is Lookup that does not wait: what is not in memory comes with the Ahead that it returns, or nil when all is
// there. Until Take, Coming says so of the slots, and they must not be used; and they must be held if that is later
// than the next Find.
func (s *Store[K]) Find(keys []K, hashes []uint64, slots []Slot) *Ahead {
	s.probe(keys, hashes, slots)
	defer s.charge()
	if len(s.missing) == 0 {
		return nil
	}
	a := s.NewAhead()
	s.wantMissing(&a.reads)
	for _, slot := range s.missing {
		s.dir.marks[slot>>pageBits].coming.set(slot)
	}
	a.slots = append(a.slots, s.missing...)
	s.missing = s.missing[:0]
	return a
}

// NewAhead returns a grouped read of nothing so far.
func (s *Store[K]) NewAhead() *Ahead { return &Ahead{written: s.clock.written.Load()} }

// Empty reports whether there is nothing to read.
func (a *Ahead) Empty() bool { return len(a.items) == 0 && len(a.slots) == 0 }

// Len is the number of keys to read.
func (a *Ahead) Len() int { return len(a.items) }

// Brings reports whether the state of a slot is coming with it.
func (a *Ahead) Brings(slot Slot) bool { return slices.Contains(a.slots, slot) }

// Read reads. It does not touch the store; an error is kept for Take too.
func (a *Ahead) Read(ctx context.Context, below Below) error {
	a.sort()
	a.err = below.Read(ctx, a.keys, func(i int, value []byte) error {
		at := len(a.values)
		a.values = append(a.values, value...)
		a.found = append(a.found, foundItem{i, at, len(a.values)})
		return nil
	})
	return a.err
}

// Take brings what was read into memory. What has been changed there since is newer, and stays. After an error, that
// of Read included, nothing is known of the keys.
func (s *Store[K]) Take(a *Ahead) error {
	err := a.err
	if err == nil {
		s.counts.Reads += int64(len(a.items))
		err = a.load(s.clock.written.Load() != a.written)
	}
	for _, slot := range a.slots {
		s.dir.marks[slot>>pageBits].coming.unset(slot)
		if err != nil {
			s.evict(slot)
		}
	}
	if err != nil {
		s.fresh = slices.DeleteFunc(s.fresh, func(slot Slot) bool { return slices.Contains(a.slots, slot) })
		return s.readError(err)
	}
	s.charge()
	return nil
}

// load hands out what was found. When a snapshot has been written since the read began, memory may have forgotten
// a change that the read did not see: then only what nobody could have changed is taken.
func (a *Ahead) load(stale bool) error {
	slices.SortFunc(a.found, func(x, y foundItem) int { return x.item - y.item })
	next := 0
	for i, item := range a.items {
		there := next < len(a.found) && a.found[next].item == i
		if there {
			next++
		}
		ask, asked := item.into.(asker)
		switch {
		case asked && stale:
		case there:
			f := a.found[next-1]
			if err := item.into.load(item.slot, a.values[f.value:f.end]); err != nil {
				return err
			}
		case asked:
			ask.absent(item.slot)
		}
	}
	return nil
}

// Coming reports whether a slot's state is being read.
func (s *Store[K]) Coming(slot Slot) bool { return s.dir.marks[slot>>pageBits].coming.has(slot) }

// Hold keeps a slot where it is, and what it has in memory, until Release.
func (s *Store[K]) Hold(slot Slot) { s.dir.marks[slot>>pageBits].held.set(slot) }

// Release ends what Hold began.
func (s *Store[K]) Release(slot Slot) { s.dir.marks[slot>>pageBits].held.unset(slot) }

// Held reports whether a slot is held.
func (s *Store[K]) Held(slot Slot) bool { return s.dir.marks[slot>>pageBits].held.has(slot) }

// Whole reports whether memory has all there is: then nothing has ever to be read.
func (s *Store[K]) Whole() bool { return !s.Restored && !s.Budget.Limited() }
