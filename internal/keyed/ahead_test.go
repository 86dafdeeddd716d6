package keyed

import (
	"errors"
	"fmt"
	"testing"
)

// find is Find of some keys, whose slots are held.
func (s *subject) find(keys ...string) (*Ahead, []Slot) {
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = s.store.Hash(k)
	}
	a := s.store.Find(keys, hashes, slots)
	for _, slot := range slots {
		s.store.Hold(slot)
	}
	return a, slots
}

// take reads and takes.
func (s *subject) take(t testing.TB, a *Ahead) {
	t.Helper()
	must(t, a.Read(t.Context(), s.below))
	must(t, s.store.Take(a))
}

// withValues is a subject whose keys have their number as value, all of it below.
func withValues(t testing.TB, budget int64, keys ...string) *subject {
	t.Helper()
	s := entire(t)
	for i, slot := range s.slots(t, keys...) {
		n := int64(i)
		s.value.Set(slot, &n)
	}
	return s.reopened(t, budget)
}

// valueOf is the value of a slot as text.
func (s *subject) valueOf(slot Slot) string {
	n, ok := s.value.Get(slot)
	if !ok {
		return "none"
	}
	return fmt.Sprint(n)
}

func (s *subject) mustHave(t testing.TB, slot Slot, want string) {
	t.Helper()
	if got := s.valueOf(slot); got != want {
		t.Errorf("%s has %s, want %s", *s.store.Key(slot), got, want)
	}
}

func TestWhatIsFoundComesWithTake(t *testing.T) {
	s := withValues(t, 0, "a", "b")
	a, slots := s.find("b", "absent")
	for _, slot := range slots {
		if !s.store.Coming(slot) {
			t.Errorf("%s is not coming", *s.store.Key(slot))
		}
	}
	s.take(t, a)
	s.mustHave(t, slots[0], "1")
	s.mustHave(t, slots[1], "none")
	if s.store.Coming(slots[0]) || s.store.Coming(slots[1]) {
		t.Error("what has come is still coming")
	}
	if a, _ := s.find("absent", "b"); a != nil {
		t.Error("what is known is read again")
	}
}

func TestAKeyOfTwoBatchesIsReadOnce(t *testing.T) {
	s := withValues(t, 0, "a", "b", "c")
	first, one := s.find("a", "b")
	second, two := s.find("b", "c")
	if one[1] != two[0] || first.Len() != 4 || second.Len() != 2 { // of two value states
		t.Errorf("slots %v and %v, %d and %d reads", one, two, first.Len(), second.Len())
	}
	s.take(t, second) // which is done before the first
	if !s.store.Coming(two[0]) || s.store.Coming(two[1]) {
		t.Error("another batch brought the key")
	}
	s.take(t, first)
	for i, slot := range []Slot{one[0], one[1], two[1]} {
		s.mustHave(t, slot, fmt.Sprint(i))
	}
}

func TestAReadAheadThatFailsLeavesNothingKnown(t *testing.T) {
	s := withValues(t, 0, "a", "b")
	s.below.fail = errDown
	a, slots := s.find("a", "b")
	for _, slot := range slots {
		s.store.Release(slot)
	}
	if err := a.Read(t.Context(), s.below); !errors.Is(err, errDown) {
		t.Errorf("read: %v", err)
	}
	if err := s.store.Take(a); !errors.Is(err, errDown) || err.Error() != `operator "subject": read state: down` {
		t.Errorf("take: %v", err)
	}
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d keys are known", n)
	}
	s.below.fail = nil
	a, slots = s.find("a", "b")
	s.take(t, a)
	s.mustHave(t, slots[1], "1")
}

// A timer has come for a key whose value could not be read: the key cannot be forgotten.
func TestAKeyThatIsNeededAndCouldNotBeReadIsReadWithTheNext(t *testing.T) {
	s := withValues(t, 0, "a")
	s.timers.Register(s.slots(t, "a")[0], 5)
	s = s.reopened(t, 0)
	due := s.timers.Due(9)
	must(t, due.Read(t.Context(), s.below))
	a, err := s.timers.Take(due)
	must(t, err)
	s.below.fail = errDown
	_ = a.Read(t.Context(), s.below)
	if err := s.store.Take(a); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	s.below.fail = nil
	slot := s.slots(t, "a")[0]
	s.mustHave(t, slot, "0")
	if got := s.rung(t, 9); got != "a@5" || s.store.Coming(slot) {
		t.Error(got)
	}
}

func TestHeldSlotsStayWhereTheyAre(t *testing.T) {
	s := withValues(t, 1, "a", "b")
	a, slots := s.find("a", "b", "absent")
	s.take(t, a)
	s.entry.Set(slots[0], 1, "x")
	s.checkpoint(t)
	s.crowd(t) // everything that can be forgotten is
	s.mustHave(t, slots[0], "0")
	s.mustHave(t, slots[1], "1")
	s.below.read()
	for _, slot := range slots {
		if !s.store.Held(slot) {
			t.Errorf("%d is not held", slot)
		}
	}
	if v, ok, err := s.entry.Get(slots[0], 1); v != "x" || !ok || err != nil || s.below.reads > 0 {
		t.Errorf("the entry is %q, %v, %v", v, ok, err)
	}
	if key := *s.store.Key(slots[2]); key != "absent" {
		t.Errorf("a held slot without state is that of %q", key)
	}
	before := s.store.Len()
	s.store.Release(slots[2])
	s.slots(t)
	if s.store.Len() != before-1 {
		t.Error("a slot without state that is held no longer keeps its key")
	}
}

func TestComingSlotsStayThoughNobodyHoldsThem(t *testing.T) {
	s := withValues(t, 1, "a")
	a, slots := s.find("a")
	s.store.Release(slots[0])
	s.crowd(t)
	if key := *s.store.Key(slots[0]); key != "a" || !s.store.Coming(slots[0]) {
		t.Fatalf("the slot is that of %q", key)
	}
	s.take(t, a)
	s.mustHave(t, slots[0], "0")
}

func TestAHeldSlotThatLostItsStateIsDroppedWhenItIsReleased(t *testing.T) {
	s := withValues(t, 0, "a")
	a, slots := s.find("a")
	s.take(t, a)
	s.value.Clear(slots[0])
	s.checkpoint(t)
	s.slots(t)
	if *s.store.Key(slots[0]) != "a" {
		t.Error("a held slot was given away")
	}
	s.store.Release(slots[0])
	s.slots(t)
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

func TestSnapshotsAreWrittenBetweenFindAndTake(t *testing.T) {
	s := withValues(t, 1, "a", "b")
	a, slots := s.find("a")
	n := int64(7)
	s.value.Set(s.slots(t, "new")[0], &n)
	s.checkpoint(t)
	must(t, a.Read(t.Context(), s.below))
	s.crowd(t)
	must(t, s.store.Take(a))
	s.mustHave(t, slots[0], "0")
	s = s.reopened(t, 0)
	for key, want := range map[string]string{"a": "0", "b": "1", "new": "7"} {
		s.mustHave(t, s.slots(t, key)[0], want)
	}
}

func TestKeysThatAreHeldAreNotCountedAgainAsAbsent(t *testing.T) {
	s := entire(t)
	s.find("a", "b")
	s.find("c")
	counted(t, "three new keys", s.store.Counts(), Counts{Lookups: 3, Absent: 3})
}

func TestAReadIsSplitByItsKeysAndEachPartBringsItsOwn(t *testing.T) {
	var keys []string
	for i := range 7 {
		keys = append(keys, fmt.Sprint("k", i))
	}
	s := withValues(t, 0, keys...)
	a, slots := s.find(append(keys, "absent")...)
	parts := a.Split(2)
	if len(parts) != 3 { // of 2, 2 and 4 keys
		t.Fatalf("%d parts", len(parts))
	}
	for _, at := range []int{2, 0, 1} { // in whatever order they come
		s.take(t, parts[at])
		for i, slot := range slots {
			if brought := parts[at].Brings(slot); brought != (at == min(i/2, 2)) {
				t.Errorf("part %d brings %q: %v", at, *s.store.Key(slot), brought)
			}
			if parts[at].Brings(slot) && s.store.Coming(slot) {
				t.Errorf("%q is coming although part %d has come", *s.store.Key(slot), at)
			}
		}
		if at == 2 && !s.store.Coming(slots[0]) {
			t.Error("the first key is there before its part")
		}
	}
	for i, slot := range slots[:7] {
		s.mustHave(t, slot, fmt.Sprint(i))
	}
	s.mustHave(t, slots[7], "none")
}
