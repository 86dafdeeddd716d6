package keyed

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// counted checks what a store has done since it was opened.
func counted(t *testing.T, when string, got, want Counts) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %+v, want %+v", when, got, want)
	}
}

func TestNewKeysAreKnownToBeAbsentWhereNothingIsBelow(t *testing.T) {
	c := newCounter(t, 0)
	c.add(t, 1, 2, 2)
	c.add(t, 2, 3)
	counted(t, "an empty store", c.store.Counts(), Counts{Lookups: 5, Absent: 3})
}

func TestKeysThatMayBeBelowAreMissedOnce(t *testing.T) {
	c := newCounter(t, 0)
	c.add(t, 1, 2)
	c.checkpoint(t)
	c = c.reopened(t)
	c.add(t, 1, 1, 7)
	c.add(t, 1, 7)
	counted(t, "a restored store", c.store.Counts(), Counts{Lookups: 5, Missed: 2, Reads: 2})
}

func TestAKeyIsReadOnceForEachStateThatNeedsIt(t *testing.T) {
	s := entire(t)
	n := int64(1)
	s.value.Set(s.slots(t, "a")[0], &n)
	s = s.reopened(t, 0)
	s.slots(t, "a", "b")
	counted(t, "two value states", s.store.Counts(), Counts{Lookups: 2, Missed: 2, Reads: 4})
	_, err := s.entry.Len(s.slots(t, "a")[0])
	must(t, err)
	counted(t, "and a whole map", s.store.Counts(), Counts{Lookups: 3, Missed: 2, Reads: 4, Scans: 1})
}

func TestEvictedKeysAreCounted(t *testing.T) {
	c := newCounter(t, 1)
	const keys = 4 * 4 * pageLen
	for k := range int64(keys) {
		c.add(t, k)
		c.checkpoint(t)
	}
	got := c.store.Counts()
	if gone := int64(keys - c.store.Len()); got.Evicted != gone || gone == 0 {
		t.Errorf("%d keys evicted, %d of %d are gone", got.Evicted, gone, keys)
	}
	if got.Missed+got.Absent != keys || got.Missed == 0 || got.Reads != got.Missed {
		t.Errorf("%+v", got)
	}
}

func TestAccumulatorsOfPanesAreCountedLikeKeys(t *testing.T) {
	s := newSubject(t, base.KeyGroupRange{End: maxP}, 0)
	add := func(names ...string) {
		t.Helper()
		hashes, slots := make([]uint64, len(names)), make([]Slot, len(names))
		for i, n := range names {
			hashes[i] = s.store.Hash(n)
		}
		pane := s.panes.Pane(5)
		must(t, pane.Lookup(names, hashes, slots))
		for _, slot := range slots {
			*pane.Ptr(slot)++
		}
	}
	add("a", "b", "a")
	add("b", "c")
	counted(t, "a new pane", s.store.Counts(), Counts{Lookups: 5, Absent: 3})
}
