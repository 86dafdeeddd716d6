package keyed

import (
	"fmt"
	"strings"
	"testing"
)

// sumOf is the sum of a slot as text.
func (s *subject) sumOf(t testing.TB, key string) string {
	t.Helper()
	acc, ok, err := s.sum.Get(s.slots(t, key)[0])
	must(t, err)
	if !ok {
		return "none"
	}
	return *acc
}

// addTo adds words to the sum of a key.
func (s *subject) addTo(t testing.TB, key string, words ...string) {
	t.Helper()
	slot := s.slots(t, key)[0]
	for _, w := range words {
		acc, _ := s.sum.Part(slot)
		*acc += w
		s.sum.Keep(acc)
	}
}

// inParts is a subject whose key has parts below, from runs that each ended in a crash.
func inParts(t testing.TB, parts ...string) *subject {
	t.Helper()
	s := entire(t)
	for _, p := range parts {
		s.addTo(t, "a", p)
		s = s.reopened(t, 0)
	}
	return s
}

func TestASumIsAddedToWithoutBeingRead(t *testing.T) {
	s := inParts(t, "1")
	slots := s.slots(t, "a", "absent")
	s.below.read() // of the values
	for _, slot := range slots {
		acc, made := s.sum.Part(slot)
		if *acc += "2"; !made {
			t.Error("the part that is below was found")
		}
	}
	s.checkpoint(t)
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	if n := len(s.below.m); n != 3 {
		t.Errorf("%d entries below, not one for each part", n)
	}
}

func TestAPartOverwritesItsEntryFromSnapshotToSnapshot(t *testing.T) {
	s := inParts(t, "1")
	for i := range 5 {
		s.addTo(t, "a", fmt.Sprint(" ", i))
		s.checkpoint(t)
	}
	if n := len(s.below.m); n != 2 {
		t.Errorf("%d entries below", n)
	}
	if got := s.sumOf(t, "a"); got != "1 0 1 2 3 4" {
		t.Errorf("%s", got)
	}
}

func TestAskingForASumMergesItsPartsInTheirOrderAndLeavesOne(t *testing.T) {
	for _, last := range []string{"", "5"} { // without a part in memory, and with one
		s := inParts(t, "1", "2", "3", "4")
		if last != "" {
			s.addTo(t, "a", last)
		}
		if got := s.sumOf(t, "a"); got != "1234"+last {
			t.Errorf("%s", got)
		}
		s.below.read()
		if s.sumOf(t, "a"); s.below.read() != "0 reads, 0 scans" {
			t.Error("what is whole was read again")
		}
		s = s.reopened(t, 0)
		if n := len(s.below.m); n != 1 {
			t.Errorf("%d entries are left below", n)
		}
		if got := s.sumOf(t, "a"); got != "1234"+last {
			t.Errorf("after a crash: %s", got)
		}
	}
}

// Others may be evicted, of the same part: what began in memory is known to be all there is.
func TestASumThatBeganInMemoryIsNotLookedForBelow(t *testing.T) {
	s := entire(t)
	s.addTo(t, "a", "1")
	s.store.dir.parts[s.store.part(s.store.Hash("a"))].partial = true
	if got := s.sumOf(t, "a"); got != "1" || s.below.read() != "0 reads, 0 scans" {
		t.Errorf("%s, and it was read", got)
	}
}

func TestASumThatIsWholeBelowIsNotWrittenAgain(t *testing.T) {
	s := inParts(t, "1")
	s.sumOf(t, "a")
	f, out := s.store.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	if len(out.entries) > 0 {
		t.Errorf("%d entries were written for a sum that was only read", len(out.entries))
	}
	f.Done()
}

func TestClearingASumDeletesAllItsParts(t *testing.T) {
	for _, first := range []string{"unread", "read", "added to"} {
		s := inParts(t, "1", "2", "3")
		switch first {
		case "read":
			s.sumOf(t, "a")
		case "added to":
			s.addTo(t, "a", "4")
		}
		must(t, s.sum.Clear(s.slots(t, "a")[0]))
		if got := s.sumOf(t, "a"); got != "none" {
			t.Errorf("%s: %s", first, got)
		}
		s.addTo(t, "a", "new")
		if got := s.sumOf(t, "a"); got != "new" {
			t.Errorf("%s: %s", first, got)
		}
		s = s.reopened(t, 0)
		if got := s.sumOf(t, "a"); got != "new" || len(s.below.m) != 1 {
			t.Errorf("%s: %s, %d entries after a crash", first, got, len(s.below.m))
		}
		must(t, s.sum.Clear(s.slots(t, "never")[0]))
	}
}

func TestWhatASnapshotWasToDeleteTheNextOneDeletesIfItIsGivenBack(t *testing.T) {
	s := inParts(t, "1", "2")
	s.sumOf(t, "a")
	s.store.Freeze().Release()
	s = s.reopened(t, 0)
	if got := s.sumOf(t, "a"); got != "12" || len(s.below.m) != 1 {
		t.Errorf("%s in %d entries", got, len(s.below.m))
	}
}

// Keys that are evicted between additions have a part for each time, until somebody asks.
func TestSumsOfKeysThatComeAndGoAreRight(t *testing.T) {
	s := newSubject(t, entire(t).store.Groups, 1)
	for _, word := range []string{"1", "2", "3"} {
		s.addTo(t, "a", word)
		s.crowd(t)
	}
	parts := 0
	for k := range s.below.m {
		if strings.Contains(k, string(s.store.prefix(nil, s.store.part(s.store.Hash("a")), stateID("sum")))) {
			parts++
		}
	}
	if parts != 3 {
		t.Errorf("%d parts: the key was not evicted", parts)
	}
	if got := s.sumOf(t, "a"); got != "123" {
		t.Errorf("%s", got)
	}
}

func TestSequencesAscendOverCheckpoints(t *testing.T) {
	var last uint64
	for _, checkpoint := range []uint64{0, 1, 5, 1 << 20} {
		c := &core{Config: Config{Checkpoint: checkpoint}}
		for range 3 {
			next := c.sequence()
			if got, err := takeSequence(appendSequence(nil, next)); next <= last || got != next || err != nil {
				t.Errorf("%d after %d, %d in a key, %v", next, last, got, err)
			}
			last = next
		}
	}
	if _, err := takeSequence(make([]byte, 7)); err == nil {
		t.Error("a key that is cut has a sequence")
	}
}
