package keyed

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// withAll is a subject with some of each kind of state for key "a", all of it below, and a batch of that key.
func withAll(t testing.TB, budget int64) (*subject, Slot) {
	t.Helper()
	s := entire(t)
	slot := s.slots(t, "a")[0]
	s.entry.Set(slot, 1, "one")
	s.entry.Set(slot, 2, "two")
	for _, row := range []string{"x", "y"} {
		s.list.Append(slot, &row)
	}
	s.addTo(t, "a", "1")
	s = s.reopened(t, budget)
	s.addTo(t, "a", "2") // which makes another part
	s = s.reopened(t, budget)
	slot = s.slots(t, "a")[0]
	s.store.Hold(slot)
	s.below.read()
	return s, slot
}

// unread fails if anything has been read since it was asked last.
func (s *subject) unread(t testing.TB) {
	t.Helper()
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
}

func (s *subject) mustGet(t testing.TB, slot Slot, key int64, want string) {
	t.Helper()
	v, ok, err := s.entry.Get(slot, key)
	must(t, err)
	if !ok {
		v = "none"
	}
	if v != want {
		t.Errorf("entry %d is %s, want %s", key, v, want)
	}
}

func TestWhatIsWantedIsNotReadWhenItIsUsed(t *testing.T) {
	s, slot := withAll(t, 0)
	a := s.store.NewAhead()
	s.entry.Want(a, slot, 1)
	s.entry.Want(a, slot, 9)
	s.list.Want(a, slot)
	s.sum.Want(a, slot)
	s.take(t, a)
	if got := s.below.read(); got != "2 reads, 2 scans" {
		t.Errorf("%s", got)
	}
	s.mustGet(t, slot, 1, "one")
	s.mustGet(t, slot, 9, "none")
	if list, sum := s.listOf(t, slot), s.sumOf(t, "a"); list != "x,y," || sum != "12" {
		t.Errorf("%s %s", list, sum)
	}
	s.unread(t)
	s.entry.Want(a, slot, 2)
	s.entry.WantAll(a, slot)
	if a.Len() != 6 {
		t.Error("what is not in memory is not wanted")
	}
}

func TestWhatIsInMemoryOrKnownToBeAbsentIsNotWanted(t *testing.T) {
	s, slot := withAll(t, 0)
	a := s.store.NewAhead()
	s.entry.Want(a, slot, 9)
	s.entry.WantAll(a, slot)
	s.list.Want(a, slot)
	s.sum.Want(a, slot)
	s.take(t, a)
	again := s.store.NewAhead()
	for key := range int64(10) {
		s.entry.Want(again, slot, key)
	}
	s.entry.WantAll(again, slot)
	s.list.Want(again, slot)
	s.sum.Want(again, slot)
	if !again.Empty() {
		t.Errorf("%d reads", again.Len())
	}
	if n := testing.AllocsPerRun(100, func() { s.entry.Want(again, slot, 9) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAbsentEntriesAreNoState(t *testing.T) {
	s, slot := withAll(t, 0)
	a := s.store.NewAhead()
	for key := range int64(100) {
		s.entry.Want(a, slot, 10+key)
	}
	s.take(t, a)
	if n, err := s.entry.Len(slot); n != 2 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	s.entry.Remove(slot, 10)
	if f := s.store.Freeze(); f.Entries() != 0 {
		t.Errorf("%d entries to write", f.Entries())
	}
	s.entry.Set(slot, 11, "new")
	s.mustGet(t, slot, 11, "new")
}

func TestNoMoreThanSomeEntriesAreKnownToBeAbsent(t *testing.T) {
	s, slot := withAll(t, 0)
	s.store.Release(slot)
	for key := int64(0); key < 2*vainAtMost; {
		a := s.store.NewAhead()
		for range vainAtMost / 4 {
			key++
			s.entry.Want(a, slot, 100+key)
		}
		s.take(t, a)
	}
	if n := s.entry.dir.used; n > vainAtMost {
		t.Errorf("%d entries", n)
	}
	s.mustGet(t, slot, 1, "one")
}

// Whatever a record does to a key while what the next wants is read, and whenever that is written, memory decides.
func TestWhatHasChangedSinceItWasWantedStays(t *testing.T) {
	for _, written := range []string{"not", "before the read", "after the read"} {
		s, slot := withAll(t, 1)
		a := s.store.NewAhead()
		s.entry.Want(a, slot, 1)
		s.entry.Want(a, slot, 3)
		s.entry.WantAll(a, slot)
		s.list.Want(a, slot)
		s.sum.Want(a, slot)
		if written == "after the read" {
			must(t, a.Read(t.Context(), s.below))
		}
		s.entry.Remove(slot, 1)
		s.entry.Set(slot, 3, "three")
		must(t, s.list.Clear(slot))
		must(t, s.sum.Clear(slot))
		if written != "not" {
			s.checkpoint(t)
			s.slots(t) // which forgets what has been removed
		}
		if written != "after the read" {
			must(t, a.Read(t.Context(), s.below))
		}
		must(t, s.store.Take(a))
		s.mustGet(t, slot, 1, "none")
		s.mustGet(t, slot, 2, "two")
		s.mustGet(t, slot, 3, "three")
		if list, sum := s.listOf(t, slot), s.sumOf(t, "a"); list != "" || sum != "none" {
			t.Errorf("written %s: %s %s", written, list, sum)
		}
		n, err := s.entry.Len(slot)
		if n != 2 || err != nil {
			t.Errorf("written %s: %d entries, %v", written, n, err)
		}
	}
}

func TestWhatIsStaleIsReadWhenItIsUsed(t *testing.T) {
	s, slot := withAll(t, 0)
	a := s.store.NewAhead()
	s.entry.Want(a, slot, 9)
	s.entry.WantAll(a, slot)
	must(t, a.Read(t.Context(), s.below))
	s.checkpoint(t)
	must(t, s.store.Take(a))
	s.below.read()
	s.mustGet(t, slot, 9, "none")
	if n, err := s.entry.Len(slot); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := s.below.read(); got != "1 reads, 1 scans" {
		t.Errorf("%s", got)
	}
}

func TestAKeyThatIsComingCanBeWantedFor(t *testing.T) {
	s := withValues(t, 0, "b", "a")
	s.entry.Set(s.slots(t, "a")[0], 1, "one")
	s = s.reopened(t, 0)
	values, slots := s.find("a")
	entries := s.store.NewAhead()
	s.entry.Want(entries, slots[0], 1)
	s.entry.WantAll(entries, slots[0])
	s.take(t, entries)
	s.take(t, values)
	s.below.read()
	s.mustHave(t, slots[0], "1")
	s.mustGet(t, slots[0], 1, "one")
	s.mustGet(t, slots[0], 2, "none")
	s.unread(t)
}

func TestALongRangeIsLeftToBeReadWhenItIsUsed(t *testing.T) {
	for _, c := range []struct{ entries, size int }{{stretchMost.entries + 1, 1}, {20, stretchMost.bytes / 16}} {
		s := entire(t)
		slot := s.slots(t, "a")[0]
		for i := range c.entries {
			s.entry.Set(slot, int64(i), strings.Repeat("x", c.size))
		}
		s = s.reopened(t, 0)
		a, slots := s.find("a")
		s.entry.WantAll(a, slots[0])
		s.take(t, a)
		if n := len(a.ranges[0].bytes); n > stretchMost.bytes+c.size+100 || s.entry.dir.used > 0 {
			t.Errorf("%d bytes kept, %d entries", n, s.entry.dir.used)
		}
		if n, err := s.entry.Len(slots[0]); n != c.entries || err != nil {
			t.Errorf("%d entries, %v", n, err)
		}
	}
}

func TestARangeThatCannotBeReadOrIsDamagedIsReported(t *testing.T) {
	s, slot := withAll(t, 0)
	want := func() *Ahead {
		a := s.store.NewAhead()
		s.entry.WantAll(a, slot)
		return a
	}
	a := want()
	s.below.fail = errDown
	_ = a.Read(t.Context(), s.below)
	if err := s.store.Take(a); !errors.Is(err, errDown) || err.Error() != `operator "subject": read state: down` {
		t.Error(err)
	}
	s.below.fail = nil
	for k := range s.below.m {
		s.below.m[k] = ""
	}
	a = want()
	must(t, a.Read(t.Context(), s.below))
	if err := s.store.Take(a); base.KindOf(err) != base.Corrupt {
		t.Error(err)
	}
}

func TestRangesAreReadTogether(t *testing.T) {
	took := inBubble(t, func(t *testing.T) {
		s := entire(t)
		for i := range 24 {
			s.entry.Set(s.slots(t, fmt.Sprint(i))[0], 1, "x")
		}
		s = s.reopened(t, 0)
		a := s.store.NewAhead()
		for i := range 24 {
			slot := s.slots(t, fmt.Sprint(i))[0]
			s.store.Hold(slot)
			s.entry.WantAll(a, slot)
		}
		must(t, a.Read(t.Context(), far{s.below}))
		must(t, s.store.Take(a))
	})
	if took > 4*distance {
		t.Errorf("24 ranges take %v", took)
	}
}

func TestWhatExpiresIsWantedToo(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s = s.again(t, true)
	slot := s.slot(t, "a")
	s.Hold(slot)
	a := s.NewAhead()
	s.entry.Want(a, slot, 1)
	s.entry.WantAll(a, slot)
	s.list.Want(a, slot)
	s.sum.Want(a, slot)
	must(t, a.Read(t.Context(), s.below))
	must(t, s.Take(a))
	s.below.read()
	s.mustRead(t, 109, "a", "x x x [x]")
	s.mustRead(t, 110, "a", gone)
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Error(got)
	}
}

func TestARangeThatIsNotLongIsReadOnce(t *testing.T) {
	s := entire(t)
	slot := s.slots(t, "a")[0]
	for i := range stretchMost.entries {
		s.entry.Set(slot, int64(i), "x")
	}
	s = s.reopened(t, 0)
	a, slots := s.find("a")
	s.entry.WantAll(a, slots[0])
	s.take(t, a)
	s.below.read()
	if n, err := s.entry.Len(slots[0]); n != stretchMost.entries || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	s.unread(t)
}

// The parts come in several stretches, and what was read ahead is one of them.
func TestASumOfManyPartsThatIsWantedIsRight(t *testing.T) {
	smallStretches(t)
	s, want := entire(t), ""
	for i := range 3 * stretchMost.entries {
		part := fmt.Sprint(i, " ")
		s.addTo(t, "a", part)
		s, want = s.reopened(t, 0), want+part
	}
	slot := s.slots(t, "a")[0]
	s.store.Hold(slot)
	a := s.store.NewAhead()
	s.sum.Want(a, slot)
	s.take(t, a)
	if got := s.sumOf(t, "a"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADamagedValueThatIsTakenLeavesNothingHalfDone(t *testing.T) {
	s, slot := withAll(t, 0)
	want := func() error {
		a := s.store.NewAhead()
		s.entry.Want(a, slot, 1)
		s.entry.Want(a, slot, 2)
		s.sum.Want(a, slot)
		must(t, a.Read(t.Context(), s.below))
		return s.store.Take(a)
	}
	sound := maps.Clone(s.below.m)
	for k, v := range s.below.m {
		if strings.HasSuffix(v, "two") {
			s.below.m[k] = ""
		}
	}
	if err := want(); base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
	maps.Copy(s.below.m, sound)
	s.mustGet(t, slot, 2, "two")
	must(t, want())
	s.mustGet(t, slot, 1, "one")
	if n, err := s.entry.Len(slot); n != 2 || err != nil || s.sumOf(t, "a") != "12" {
		t.Errorf("%d entries, %v", n, err)
	}
}
