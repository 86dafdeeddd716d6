package keyed

import (
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// inOnePage is a store of few keys, whose slots share a page: a change of one begins the page anew for all.
func inOnePage(t *testing.T) *subject {
	return newSubject(t, base.KeyGroupRange{Start: 3, End: 4}, 0)
}

// keysOfOnePart are keys of the store's only part.
func (s *subject) keysOfOnePart(n int) (all []string) {
	for i := 0; len(all) < n; i++ {
		if k := fmt.Sprint("k", i); s.store.Groups.Contains(base.KeyGroupOf(s.store.Hash(k), maxP)) {
			all = append(all, k)
		}
	}
	return all
}

// set gives a key something of a kind, and clear takes it away.
func (s *subject) set(t *testing.T, kind, key string) {
	slot, n, row := s.slots(t, key)[0], int64(1), "row"
	switch kind {
	case "value":
		s.value.Set(slot, &n)
	case "map":
		s.entry.Set(slot, 1, "x")
	case "timers":
		s.timers.Register(slot, 1)
	case "sum":
		acc, _ := s.sum.Part(slot)
		*acc = "sum"
	case "list":
		s.list.Append(slot, &row)
	}
}

func (s *subject) clear(t *testing.T, kind, key string) {
	slot := s.slots(t, key)[0]
	switch kind {
	case "value":
		s.value.Clear(slot)
	case "map":
		s.entry.Remove(slot, 1)
	case "timers":
		s.timers.Cancel(slot, 1)
	case "sum":
		must(t, s.sum.Clear(slot))
	case "list":
		must(t, s.list.Clear(slot))
	}
}

var kinds = []string{"value", "map", "timers", "sum", "list"}

// Two snapshots may be on their way at once: one that was taken early, and that of a checkpoint.
func TestAKeyStaysUntilTheLastOfItsTombstonesIsWritten(t *testing.T) {
	for _, kind := range kinds {
		s := inOnePage(t)
		k := s.keysOfOnePart(3)
		s.set(t, kind, k[0])
		s.checkpoint(t)
		var snapshots []*Frozen
		for range 2 {
			s.clear(t, kind, k[0])
			snapshots = append(snapshots, s.store.Freeze())
			s.set(t, kind, k[0])
		}
		s.clear(t, kind, k[0])
		snapshots = append(snapshots, s.store.Freeze())
		s.set(t, kind, k[1]) // which begins the pages anew: nothing in them says that the first key was cleared
		for i, f := range snapshots {
			out := &tape{}
			must(t, f.WriteTo(out))
			s.below.apply(out.entries)
			f.Done()
			s.set(t, kind, k[2]) // which takes a slot that is free
			if _, held := s.store.dir.find(0, s.store.Hash(k[0]), &k[0]); held != (i < 2) {
				t.Errorf("%s: after snapshot %d of 3 is written it is %v that the key is held", kind, i+1, held)
			}
		}
		if n := len(s.below.m); n != 0 {
			t.Errorf("%s: %d entries are left below", kind, n)
		}
	}
}

func TestAKeyThatLostEverythingGivesItsSlotBack(t *testing.T) {
	for _, kind := range kinds {
		s := entire(t)
		for i := range 200 {
			key := fmt.Sprint("passing-", i)
			s.set(t, kind, key)
			s.clear(t, kind, key)
		}
		s.checkpoint(t)
		s.slots(t)
		if got := s.store.Len(); got > 0 {
			t.Errorf("%s: %d keys are held", kind, got)
		}
	}
}

// A record that worked with a new key over a freeze is no reason to look again whether that has any state: not before
// its tombstone is written.
func TestAKeyThatWasHeldOverAFreezeStaysUntilItsTombstoneIsWritten(t *testing.T) {
	for _, kind := range kinds {
		s := inOnePage(t)
		k := s.keysOfOnePart(3)
		slot := s.slots(t, k[0])[0]
		s.store.Hold(slot)
		s.set(t, kind, k[0])
		s.clear(t, kind, k[0])
		f := s.store.Freeze()
		s.set(t, kind, k[1]) // which begins the pages anew
		s.store.Release(slot)
		for _, written := range []bool{false, true} {
			if written {
				f.Done()
			}
			s.slots(t, k[2])
			if _, there := s.store.dir.find(0, s.store.Hash(k[0]), &k[0]); there == written {
				t.Errorf("%s: the snapshot is written: %v, and the key is there: %v", kind, written, there)
			}
		}
	}
}
