package keyed

import (
	"errors"
	"strings"
	"testing"
)

// wantAll wants some of each kind of state.
func (s *subject) wantAll(slot Slot) func(a *Ahead) {
	return func(a *Ahead) {
		s.entry.Want(a, slot, 1)
		s.entry.Want(a, slot, 9)
		s.list.Want(a, slot)
		s.sum.Want(a, slot)
	}
}

func TestWhatARecordGathersIsReadAtOnceAndTheRecordWaitsOnce(t *testing.T) {
	s, slot := withAll(t, 0)
	waits := 0
	s.store.Yielding = &meanwhile{s.below, func() { waits++ }}
	must(t, Gather(s.store, slot, s.wantAll(slot)))
	if got := s.below.read(); got != "2 reads, 2 scans" || waits != 1 {
		t.Errorf("%s in %d waits", got, waits)
	}
	s.mustGet(t, slot, 1, "one")
	s.mustGet(t, slot, 9, "none")
	if list, sum := s.listOf(t, slot), s.sumOf(t, "a"); list != "x,y," || sum != "12" {
		t.Errorf("%s %s", list, sum)
	}
	must(t, Gather(s.store, slot, s.wantAll(slot)))
	if s.unread(t); waits != 1 {
		t.Error("it waits for what is there")
	}
}

func TestWhatIsWrittenWhileARecordWaitsDoesNotMakeItReadAgain(t *testing.T) {
	s, slot := withAll(t, 0)
	s.entry.Remove(slot, 2)
	s.entry.Set(slot, 3, "three")
	s.store.Yielding = &meanwhile{s.below, func() {
		f := s.store.Freeze()
		out := &tape{}
		must(t, f.WriteTo(out))
		s.below.apply(out.entries)
		f.Done()
		s.store.Freeze().Done()
	}}
	must(t, Gather(s.store, slot, func(a *Ahead) { s.entry.WantAll(a, slot) }))
	s.below.read()
	s.mustGet(t, slot, 1, "one")
	s.mustGet(t, slot, 2, "none")
	s.mustGet(t, slot, 3, "three")
	s.unread(t)
}

// unreadable cannot be read.
type unreadable struct{}

func (unreadable) Get([]byte) ([]byte, bool, error) { return nil, false, errors.New("down") }

func (unreadable) Yield(func(Below) error) error { return errors.New("down") }

func TestAGatheringThatFailsNamesTheOperatorAndLosesNothing(t *testing.T) {
	s, slot := withAll(t, 0)
	s.store.Yielding = unreadable{}
	err := Gather(s.store, slot, s.wantAll(slot))
	if err == nil || !strings.Contains(err.Error(), "read state: down") {
		t.Errorf("%v", err)
	}
	s.store.Yielding = nil
	s.mustGet(t, slot, 1, "one")
	if list, sum := s.listOf(t, slot), s.sumOf(t, "a"); list != "x,y," || sum != "12" {
		t.Errorf("%s %s", list, sum)
	}
	if len(s.store.kept) > 0 {
		t.Error("it is kept for ever")
	}
}
