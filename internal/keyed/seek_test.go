package keyed

import (
	"errors"
	"fmt"
	"testing"
)

// seek is Seek of some keys of a pane.
func (s *subject) seek(a *Ahead, ns int64, keys ...string) (*Pane[string, int64], []Slot) {
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = s.store.Hash(k)
	}
	pane := s.panes.Pane(ns)
	pane.Seek(a, keys, hashes, slots)
	return pane, slots
}

// accOf is the accumulator of a slot as text.
func accOf(p *Pane[string, int64], s Slot) string {
	if !p.Has(s) {
		return "none"
	}
	return fmt.Sprint(*p.Ptr(s))
}

func TestAccumulatorsComeWithTake(t *testing.T) {
	s := withPanes(t, 0)
	a := s.store.NewAhead()
	one, in1 := s.seek(a, 1, "a", "absent")
	two, in2 := s.seek(a, 2, "b")
	again := s.store.NewAhead()
	if _, slots := s.seek(again, 1, "a"); !again.Empty() || slots[0] != in1[0] {
		t.Error("what is coming is read again")
	}
	if !one.Coming(in1[0]) || !one.Coming(in1[1]) || !two.Coming(in2[0]) {
		t.Error("they are not coming")
	}
	s.take(t, a)
	if one.Coming(in1[0]) || two.Coming(in2[0]) {
		t.Error("what has come is still coming")
	}
	if got := accOf(one, in1[0]) + " " + accOf(one, in1[1]) + " " + accOf(two, in2[0]); got != "5 none 6" {
		t.Error(got)
	}
}

func TestWhoDoesNotWaitSeesWhatIsComing(t *testing.T) {
	s := withPanes(t, 0)
	a := s.store.NewAhead()
	s.seek(a, 1, "a", "absent")
	if one, none := s.found(t, 1, "a"), s.found(t, 1, "absent"); one != "5" || none != "none" {
		t.Errorf("%s %s", one, none)
	}
	if got := s.walked(t, nothing, 1, 2); got != allOfPanes {
		t.Error(got)
	}
	s.take(t, a)
	if got := s.walked(t, nothing, 1, 2); got != allOfPanes {
		t.Error(got)
	}
}

func TestAPaneDroppedAndMadeAgainGetsNothingOfTheOldOne(t *testing.T) {
	s := withPanes(t, 0)
	a := s.store.NewAhead()
	old, slots := s.seek(a, 1, "a")
	must(t, a.Read(t.Context(), s.below))
	s.panes.Drop(1)
	s.into(t, 1, 7, "b")
	must(t, s.store.Take(a))
	if got := s.walked(t, nothing, 1); got != "1:b=7" || s.panes.Pane(1) == old || old.Coming(slots[0]) {
		t.Error(got)
	}
	s = s.reopened(t, 0)
	if got := s.walked(t, nothing, 1); got != "1:b=7" {
		t.Errorf("restored: %s", got)
	}
}

func TestAPaneStaysInMemoryWhileSomeOfItIsComingOrHeld(t *testing.T) {
	s := withPanes(t, 1)
	a := s.store.NewAhead()
	pane, slots := s.seek(a, 1, "a")
	stays := func(when string) {
		t.Helper()
		s.fill(t, 100, 3000)
		if s.panes.panes[1] != pane || *pane.dir.key(slots[0]) != "a" {
			t.Fatalf("%s: the pane was forgotten", when)
		}
	}
	stays("coming")
	pane.Hold(slots[0])
	pane.Hold(slots[0])
	s.take(t, a)
	stays("held")
	if got := accOf(pane, slots[0]); got != "5" {
		t.Error(got)
	}
	s.checkpoint(t)
	pane.Release(slots[0])
	s.evict(t, 1)
}

func TestAnAccumulatorThatCouldNotBeReadIsNotTakenForAbsent(t *testing.T) {
	s := withPanes(t, 0)
	a := s.store.NewAhead()
	s.seek(a, 1, "a", "b")
	s.below.fail = errDown
	_ = a.Read(t.Context(), s.below)
	if err := s.store.Take(a); !errors.Is(err, errDown) {
		t.Error(err)
	}
	s.below.fail = nil
	a = s.store.NewAhead()
	pane, slots := s.seek(a, 1, "b")
	s.take(t, a)
	if got := accOf(pane, slots[0]); got != "5" || pane.busy != 0 {
		t.Errorf("%s, %d busy", got, pane.busy)
	}
}
