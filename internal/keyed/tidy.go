package keyed

import "slices"

// reclaim are slots to be looked at again when the tombstones of their keys have been written.
type reclaim struct {
	frozen *Frozen
	slots  []Slot
}

// tidy gives back slots without state: those that the last batch created in vain at once, those whose state
// was cleared when the snapshot with their tombstones has been written.
func (s *Store[K]) tidy() {
	s.settle()
	s.fresh = slices.DeleteFunc(s.fresh, func(slot Slot) bool {
		if s.busy(slot) {
			return false
		}
		s.drop(slot)
		s.leave(slot)
		return true
	})
}

// settle lets go of snapshots that have been written. The slots of a batch stay where they are.
func (s *Store[K]) settle() {
	for len(s.waiting) > 0 && s.waiting[0].frozen.epoch <= s.clock.written.Load() {
		for _, t := range s.states {
			t.reclaim()
		}
		for _, slot := range s.waiting[0].slots {
			if s.awaited.told(slot) {
				s.fresh = append(s.fresh, slot)
			}
		}
		s.waiting[0].frozen.forget()
		s.waiting = s.waiting[1:]
	}
}

// drop removes a slot's key if no state has anything for it, and no snapshot has a tombstone of it to write.
func (s *Store[K]) drop(slot Slot) {
	if !s.dir.marks[slot>>pageBits].used.has(slot) || s.awaited.has(slot) {
		return
	}
	for _, t := range s.states {
		if t.has(slot) {
			return
		}
	}
	s.vacate(slot, s.hash(*s.dir.key(slot)))
}

// vacate takes a slot's key out of the directory.
func (s *Store[K]) vacate(slot Slot, hash uint64) {
	for _, t := range s.states {
		t.vacate(slot)
	}
	if s.visited != nil {
		delete(s.visited, slot)
	}
	s.dir.remove(slot, hash)
	s.Vacated++
}
