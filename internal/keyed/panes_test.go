package keyed

import (
	"fmt"
	"testing"
)

// fill puts so many keys into a pane.
func (s *subject) fill(t *testing.T, ns int64, keys int) {
	t.Helper()
	for i := range keys {
		s.into(t, ns, 1, fmt.Sprint(i))
	}
}

// lookOver looks for keys in a pane and adds nothing.
func (s *subject) lookOver(t *testing.T, ns int64, keys int) {
	t.Helper()
	for i := range keys {
		var slots [1]Slot
		key := fmt.Sprint("in vain ", i)
		must(t, s.panes.Pane(ns).Lookup([]string{key}, []uint64{s.store.Hash(key)}, slots[:]))
	}
}

// evict uses another pane until memory is so short that a pane goes.
func (s *subject) evict(t *testing.T, ns int64) {
	t.Helper()
	for i := range 10_000 {
		if s.into(t, 100, 1, fmt.Sprint("filler-", i)); s.panes.panes[ns] == nil {
			return
		}
	}
	t.Fatal("the pane was not evicted")
}

func TestAPaneThatWasEvictedIsDropped(t *testing.T) {
	s := newSubject(t, entire(t).store.Groups, 1)
	s.into(t, 1, 5, "a")
	s.checkpoint(t)
	s.evict(t, 1)
	if !s.panes.Has(1) {
		t.Fatal("a pane that is only below is forgotten")
	}
	s.panes.Drop(1)
	if got := s.inPane(t, 1); got != "" || s.panes.Has(1) {
		t.Errorf("dropped: %q", got)
	}
	s.checkpoint(t)
	if got := s.found(t, 1, "a"); got != "none" {
		t.Errorf("made again: %s", got)
	}
	s.panes.Drop(1)
	s.panes.Drop(100)
	s = s.reopened(t, 0)
	if len(s.below.m) != 0 || len(s.panes.Namespaces()) != 0 {
		t.Errorf("%d entries of panes %v are left below", len(s.below.m), s.panes.Namespaces())
	}
}

// The tables below have the entries of the dropped pane until the drop is written.
func TestAPaneMadeAgainBeforeItsDropIsWrittenShowsNothingOld(t *testing.T) {
	s := newSubject(t, entire(t).store.Groups, 1)
	s.into(t, 1, 5, "a", "b")
	s.checkpoint(t)
	s.panes.Drop(1)
	s.into(t, 1, 7, "a")
	check := func(when string) {
		t.Helper()
		if a, b, all := s.found(t, 1, "a"), s.found(t, 1, "b"), s.inPane(t, 1); a != "7" || b != "none" || all != "a=7" {
			t.Errorf("%s: %s, %s, %s", when, a, b, all)
		}
	}
	s.fill(t, 2, 5000) // memory is short, and yet the pane must stay
	s.lookOver(t, 1, 5000)
	check("in the same epoch")
	f, out := s.store.Freeze(), &tape{}
	s.lookOver(t, 1, 5000)
	s.fill(t, 3, 5000)
	check("frozen")
	must(t, f.WriteTo(out))
	s.below.apply(out.entries)
	f.Done()
	s.evict(t, 1)
	check("written, evicted and read again")
}

// A pane without changes looks as if it could be forgotten at any time.
func TestAnEmptyPaneStaysUntilTheDropOfTheOneBeforeItIsWritten(t *testing.T) {
	s := newSubject(t, entire(t).store.Groups, 1)
	s.into(t, 1, 5, "a", "b")
	s.checkpoint(t)
	s.panes.Drop(1)
	s.lookOver(t, 1, 1)
	s.store.Freeze()
	s.fill(t, 2, 5000)
	if a, all := s.found(t, 1, "a"), s.inPane(t, 1); a != "none" || all != "" {
		t.Errorf("%s, %s", a, all)
	}
}

func TestAPaneThatIsPartlyInMemoryIsReadAsAWhole(t *testing.T) {
	s := entire(t)
	s.into(t, 1, 1, "a", "b", "c", "d")
	s = s.reopened(t, 0)
	s.into(t, 1, 10, "b", "e")
	if got := s.below.read(); got != "2 reads, 0 scans" {
		t.Errorf("two keys were added to after %s", got)
	}
	if got := s.inPane(t, 1); got != "a=1 b=11 c=1 d=1 e=10" {
		t.Errorf("%s", got)
	}
	n := 0
	for part := range s.store.Groups.Len() {
		n += s.panes.Pane(1).Len(part)
	}
	if n != 2 {
		t.Errorf("reading a pane brought %d of its keys into memory for good", n-2)
	}
}

func TestFindingInAPaneReadsOneKey(t *testing.T) {
	s := entire(t)
	s.into(t, 1, 1, "a", "b")
	s = s.reopened(t, 0)
	if a, c := s.found(t, 1, "a"), s.found(t, 1, "c"); a != "1" || c != "none" {
		t.Errorf("%s, %s", a, c)
	}
	if got := s.below.read(); got != "2 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	s.found(t, 1, "a")
	s.found(t, 1, "c")
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("what was found, or known to be missing, took %s", got)
	}
}
