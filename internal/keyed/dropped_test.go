package keyed

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// twoStates is a program with values under these names, whose keys all have them.
func twoStates(t *testing.T, below *shelf, older []StateInfo, names ...string) *Store[string] {
	t.Helper()
	return oneState(t, below, older, func(r Registry) error {
		for _, n := range names {
			c, err := NewColumn[first](r, n)
			if err != nil {
				return err
			}
			s := r.(*Store[string])
			for _, key := range []string{"k", "l", "m", "n"} {
				if older != nil {
					break // it only restores
				}
				var slots [1]Slot
				must(t, s.Lookup([]string{key}, []uint64{s.Hash(key)}, slots[:]))
				c.Set(slots[0], &first{7})
			}
		}
		return nil
	})
}

func TestAStateThatIsNotDeclaredIsDeletedWithTheNextSnapshot(t *testing.T) {
	below := &shelf{m: map[string]string{}}
	s := twoStates(t, below, nil, "gone", "kept")
	writeDown(t, below, s)
	if n := len(below.m); n != 8 {
		t.Fatalf("%d entries", n)
	}
	again := twoStates(t, below, s.States(), "kept")
	f, out := again.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	if len(out.entries) != maxP {
		t.Errorf("%d changes, want one for each of %d key groups", len(out.entries), maxP)
	}
	below.apply(out.entries)
	f.Done()
	if n := len(below.m); n != 4 {
		t.Errorf("%d entries are left of 4", n)
	}
	next := &tape{}
	must(t, again.Freeze().WriteTo(next))
	if len(next.entries) != 0 {
		t.Errorf("the second snapshot has %d changes", len(next.entries))
	}
}

func TestADeletionThatCouldNotBeWrittenIsPartOfALaterSnapshot(t *testing.T) {
	below := &shelf{m: map[string]string{}}
	s := twoStates(t, below, nil, "gone", "kept")
	writeDown(t, below, s)
	again := twoStates(t, below, s.States(), "kept")
	again.Freeze().Release()
	writeDown(t, below, again)
	if n := len(below.m); n != 4 {
		t.Errorf("%d entries are left of 4", n)
	}
}

// Entries whose first bytes are the largest are a part of the state, too.
func TestTheDeletionReachesToTheEndOfTheState(t *testing.T) {
	s := twoStates(t, &shelf{m: map[string]string{}}, []StateInfo{{Name: "gone"}}, "kept")
	f, out := s.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	for g, e := range out.entries {
		start, end := RangeOf(s.Operator, base.KeyGroup(g), stateID("gone"))
		if string(e.key) != string(start) || string(e.value) != string(end) {
			t.Errorf("group %d: %x to %x, want %x to %x", g, e.key, e.value, start, end)
		}
	}
}

func TestAStateWithTheHashOfAnotherIsNotTakenForIt(t *testing.T) {
	s := twoStates(t, &shelf{m: map[string]string{}}, nil, "kept")
	if err := s.apart("gone"); err != nil {
		t.Error(err)
	}
	if err := s.apart("kept"); err == nil || !strings.Contains(err.Error(), "same hash") {
		t.Errorf("%v", err)
	}
}
