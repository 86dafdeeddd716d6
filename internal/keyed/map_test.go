package keyed

import (
	"fmt"
	"testing"
)

// withMap is a subject with an entry for each number below n in the map of a key, all of them below.
func withMap(t testing.TB, n int, budget int64) (*subject, Slot) {
	t.Helper()
	s := entire(t)
	a := s.slots(t, "a")[0]
	for i := range int64(n) {
		s.entry.Set(a, i, fmt.Sprint("e", i))
	}
	s = s.reopened(t, budget)
	a = s.slots(t, "a")[0]
	s.below.read()
	return s, a
}

func TestOneEntryOfAMapIsReadAlone(t *testing.T) {
	s, a := withMap(t, 100, 0)
	for _, c := range []struct {
		key        int64
		want, read string
	}{
		{5, "e5", "1 reads, 0 scans"}, {5, "e5", "0 reads, 0 scans"}, {500, "", "1 reads, 0 scans"},
	} {
		v, ok, err := s.entry.Get(a, c.key)
		if got := s.below.read(); v != c.want || ok != (c.want != "") || err != nil || got != c.read {
			t.Errorf("%d: %q, %v, %v after %s, want %q after %s", c.key, v, ok, err, got, c.want, c.read)
		}
	}
	if got := s.lens(t, a); got != "[100]" {
		t.Errorf("%s entries", got)
	}
	if _, ok, err := s.entry.Get(a, 500); ok || err != nil {
		t.Error(ok, err)
	}
	if got := s.below.read(); got != "0 reads, 1 scans" {
		t.Errorf("a map that has been read as a whole was read again: %s", got)
	}
}

func TestAMapThatIsNewIsNotReadAtAll(t *testing.T) {
	s := entire(t)
	a := s.slots(t, "a")[0]
	s.entry.Set(a, 1, "x")
	if _, ok, err := s.entry.Get(a, 2); ok || err != nil {
		t.Error(ok, err)
	}
	s.checkpoint(t)
	must(t, s.entry.Clear(a))
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
}

func TestAMapIsReadAsAWholeHoweverShortMemoryIs(t *testing.T) {
	s, a := withMap(t, 5000, 1)
	for range 2 {
		got := s.mapOf(t, a)
		for i := range int64(5000) {
			if got[i] != fmt.Sprint("e", i) {
				t.Fatalf("entry %d is %q", i, got[i])
			}
		}
		if n := s.lens(t, a); n != "[5000]" {
			t.Fatalf("%s entries", n)
		}
		b := s.slots(t, "b", "a")[0] // another map lets the entries of the first go
		for i := range int64(2000) {
			s.entry.Set(b, i, "other")
		}
		s.checkpoint(t)
	}
}

func TestWhatIsOnlyBelowIsChangedUnread(t *testing.T) {
	s, a := withMap(t, 10, 0)
	s.entry.Remove(a, 3)
	s.entry.Remove(a, 99) // there is none, which nobody knows
	s.entry.Set(a, 4, "new")
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	check := func(when string) {
		t.Helper()
		got := s.mapOf(t, a)
		if _, removed := got[3]; len(got) != 9 || removed || got[4] != "new" || s.lens(t, a) != "[9]" {
			t.Errorf("%s: %v, %s", when, got, s.lens(t, a))
		}
		if v, ok, err := s.entry.Get(a, 3); ok || err != nil {
			t.Errorf("%s: entry 3 is %q, %v", when, v, err)
		}
	}
	check("at once")
	s = s.reopened(t, 0)
	a = s.slots(t, "a")[0]
	check("restored")
}

func TestAMapThatIsOnlyBelowIsCleared(t *testing.T) {
	s, a := withMap(t, 10, 0)
	must(t, s.entry.Clear(a))
	s.entry.Set(a, 4, "new")
	if got := s.mapOf(t, a); len(got) != 1 || got[4] != "new" {
		t.Errorf("%v", got)
	}
	s = s.reopened(t, 0)
	if n := len(s.below.m); n != 1 {
		t.Errorf("%d entries are left below", n)
	}
	if got := s.mapOf(t, s.slots(t, "a")[0]); len(got) != 1 || got[4] != "new" {
		t.Errorf("restored: %v", got)
	}
}

func TestAnEntryThatWasEvictedComesBack(t *testing.T) {
	s := newSubject(t, entire(t).store.Groups, 1)
	a := s.slots(t, "a")[0]
	for i := range int64(20) {
		s.entry.Set(a, i, fmt.Sprint("e", i))
	}
	s.checkpoint(t)
	b := s.slots(t, "b")[0]
	for i := range int64(20_000) { // of which some go where those of the first key are
		s.entry.Set(b, i, "other")
		if i%1000 == 0 {
			s.checkpoint(t)
			b = s.slots(t, "b")[0]
		}
	}
	a = s.slots(t, "a")[0]
	s.entry.Remove(a, 7)
	if got := s.mapOf(t, a); len(got) != 19 || got[3] != "e3" {
		t.Errorf("%v", got)
	}
}
