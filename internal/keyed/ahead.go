package keyed

import (
	"context"
	"errors"
	"slices"
)

// Ahead is a grouped read that is under way while the store is used: Find begins it, Read does it, on any
// goroutine, and Take brings what was read into memory. Before Read, what a record is going to use may be
// added: see Map.Want. The slots that something is wanted for must be held until Take, or used before the next
// Find.
type Ahead struct {
	reads
	ranges  []*wantedRange
	slots   []Slot    // that are coming
	panes   []arrival // and those of panes
	written uint64    // snapshots, when it began
	kept    bool      // memory forgets nothing meanwhile that what is read could miss
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

// wantedRange is a range, and what takes it when it has been read.
type wantedRange struct {
	gathered
	use func() error
}

// Find is Lookup that does not wait: what is not in memory comes with the Ahead that it returns, or nil when
// all is there. Until Take, Coming says so of the slots, which stay where they are and must not be used;
// others must be held if they are used after the next Find.
func (s *Store[K]) Find(keys []K, hashes []uint64, slots []Slot) *Ahead {
	s.probe(keys, hashes, slots)
	defer s.charge()
	return s.missed()
}

// missed begins to read the values of the slots that have just been created, if there are any.
func (s *Store[K]) missed() *Ahead {
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
func (s *Store[K]) NewAhead() *Ahead { return s.newAhead() }

func (c *core) newAhead() *Ahead { return &Ahead{written: c.clock.written.Load()} }

// Empty reports whether there is nothing to read.
func (a *Ahead) Empty() bool { return a.Len() == 0 && len(a.slots) == 0 && len(a.panes) == 0 }

// Len is the number of keys and ranges to read.
func (a *Ahead) Len() int { return len(a.items) + len(a.ranges) }

// Brings reports whether the state of a slot is coming with it.
func (a *Ahead) Brings(slot Slot) bool { return slices.Contains(a.slots, slot) }

// Split parts a read of keys that Find has begun by their slots: the first part has so many, each other one as many as
// all before it. So the first keys are back soon, and many keys are few parts. It is called before anything is added.
func (a *Ahead) Split(first int) (parts []*Ahead) {
	all := len(a.slots)
	for from, to := 0, first; from < all; from, to = to, 2*to {
		to = min(to, all)
		part := &Ahead{written: a.written, slots: a.slots[from:to:to]}
		part.arena = a.arena // which nobody adds to any more
		for state := 0; state < len(a.items); state += all {
			part.items = append(part.items, a.items[state+from:state+to]...)
		}
		parts = append(parts, part)
	}
	return parts
}

// rangesAtOnce is how many ranges of an Ahead are read at a time, its keys counted as one.
const rangesAtOnce = 8

// Read reads. It does not touch the store; an error is kept for Take too. It is called once, before Take. The
// tables are used by several goroutines at once if there are ranges; all have ended when it returns.
func (a *Ahead) Read(ctx context.Context, below Below) error {
	a.err = together(ctx, 1+len(a.ranges), rangesAtOnce, func(ctx context.Context, i int) error {
		if i == 0 {
			return a.readKeys(ctx, below)
		}
		return a.ranges[i-1].readSome(ctx, below, stretchMost)
	})
	return a.err
}

func (a *Ahead) readKeys(ctx context.Context, below Below) error {
	if len(a.items) == 0 {
		return nil
	}
	a.sort()
	return below.Read(ctx, a.keys, func(i int, value []byte) error {
		at := len(a.values)
		a.values = append(a.values, value...)
		a.found = append(a.found, foundItem{i, at, len(a.values)})
		return nil
	})
}

// Take brings what was read into memory. What has been changed there since is newer, and stays. After an
// error, that of Read included, nothing is known of the keys: they are looked for again.
func (s *Store[K]) Take(a *Ahead) error {
	err := a.err
	if err == nil {
		err = a.load(&s.core)
	}
	if err != nil {
		err = s.readError(err)
	} else {
		s.lookedInVain(a)
		err = a.useRanges(&s.core)
	}
	s.arrived(a.slots, err)
	for _, p := range a.panes {
		p.arrived(err)
	}
	s.charge()
	return err
}

// stale reports whether a snapshot has been written since the read began: memory may have forgotten a change that
// the read did not see. It is asked for each thing anew: taking one may drive out another.
func (a *Ahead) stale(c *core) bool {
	return !a.kept && c.clock.written.Load() != a.written && !trustAhead
}

// trustAhead is set by the test that shows that what is stale must not be taken.
var trustAhead = false

// load hands out what was found. What is stale is taken only if nobody could have changed it.
func (a *Ahead) load(c *core) error {
	c.counts.Reads += int64(len(a.items))
	slices.SortFunc(a.found, func(x, y foundItem) int { return x.item - y.item })
	next := 0
	for i, item := range a.items {
		there := next < len(a.found) && a.found[next].item == i
		if there {
			next++
		}
		ask, asked := item.into.(asker)
		switch {
		case asked && a.stale(c):
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

// useRanges lets those who want ranges take them from what has been read, as if it were below. A range that is
// longer than what is kept, or stale, is left to be read when it is used.
func (a *Ahead) useRanges(c *core) error {
	below := c.Below
	defer func() { c.Below = below }()
	defer c.blocking()()
	for _, r := range a.ranges {
		if r.more {
			c.counts.Scans++
			continue
		}
		c.Below = replay{&r.gathered, func() bool { return a.stale(c) }}
		if err := r.use(); err != nil && !errors.Is(err, errStale) {
			return err
		}
	}
	return nil
}

// arrived ends the wait for the values of slots. If they could not be read, those slots are forgotten that have
// nothing else, and the others are read with the next.
func (s *Store[K]) arrived(slots []Slot, err error) {
	for _, slot := range slots {
		s.dir.marks[slot>>pageBits].coming.unset(slot)
	}
	if err == nil {
		return
	}
	gone := map[Slot]bool{}
	for _, slot := range slots {
		if s.clean(slot) {
			s.evict(slot)
			gone[slot] = true
		} else {
			s.dir.marks[slot>>pageBits].coming.set(slot)
			s.missing = append(s.missing, slot)
		}
	}
	s.fresh = slices.DeleteFunc(s.fresh, func(slot Slot) bool { return gone[slot] })
}

// Coming reports whether a slot's state is being read.
func (s *Store[K]) Coming(slot Slot) bool { return s.dir.marks[slot>>pageBits].coming.has(slot) }

// Unpin says that nobody works with the slots of the last batch any more, but for those that are held. Who goes through
// many timers between two batches says so now and then, or the keys of all of them stay in memory.
func (s *Store[K]) Unpin() {
	if s.dir.makeRoom != nil {
		s.dir.unpin()
	}
}

// Hold keeps a slot where it is, and what it has in memory, until Release.
func (s *Store[K]) Hold(slot Slot) { s.dir.marks[slot>>pageBits].held.set(slot) }

// Release ends what Hold began.
func (s *Store[K]) Release(slot Slot) { s.dir.marks[slot>>pageBits].held.unset(slot) }

// Held reports whether a slot is held.
func (s *Store[K]) Held(slot Slot) bool { return s.dir.marks[slot>>pageBits].held.has(slot) }

// Whole reports whether memory has all there is: then nothing has ever to be read.
func (s *Store[K]) Whole() bool { return !s.Restored && !s.Budget.Limited() }
