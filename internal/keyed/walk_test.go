package keyed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// walked is what a walk through namespaces visits, with what is done before each part.
func (s *subject) walked(t testing.TB, before func(part int, w *Walk[string, int64]), namespaces ...int64) string {
	t.Helper()
	w := s.panes.Walk(namespaces)
	defer w.Close()
	var all []string
	for part := range s.store.Groups.Len() {
		before(part, w)
		for _, ns := range namespaces {
			must(t, w.Each(ns, part, func(k *string, a *int64) error {
				all = append(all, fmt.Sprintf("%d:%s=%d", ns, *k, *a))
				return nil
			}))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func nothing(int, *Walk[string, int64]) {}

// withPanes is a subject with keys in two panes, all of it below.
func withPanes(t *testing.T, budget int64) *subject {
	t.Helper()
	s := entire(t)
	s.into(t, 1, 5, "a", "b", "c")
	s.into(t, 2, 6, "b", "d")
	return s.reopened(t, budget)
}

const allOfPanes = "1:a=5 1:b=5 1:c=5 2:b=6 2:d=6"

func TestAWalkVisitsWhatIsBelowAndWhatIsInMemory(t *testing.T) {
	s := withPanes(t, 0)
	if got := s.walked(t, nothing, 1, 2); got != allOfPanes {
		t.Error(got)
	}
	s.into(t, 1, 1, "a", "new")
	if got := s.walked(t, nothing, 1, 2); got != "1:a=6 1:b=5 1:c=5 1:new=1 2:b=6 2:d=6" {
		t.Error(got)
	}
	if got := s.walked(t, nothing, 2); got != "2:b=6 2:d=6" {
		t.Error(got)
	}
}

func TestAWalkReadsNothingThatIsInMemory(t *testing.T) {
	s := entire(t)
	s.into(t, 1, 5, "a", "b")
	if got := s.walked(t, nothing, 1); got != "1:a=5 1:b=5" {
		t.Error(got)
	}
	s.unread(t)
}

// What was changed before the walk began to read may be written and forgotten before it comes to it.
func TestAWalkReadsAgainWhatIsStale(t *testing.T) {
	s := withPanes(t, 1)
	s.fill(t, 1, 50)
	want := s.walked(t, nothing, 1, 2)
	got := s.walked(t, func(part int, w *Walk[string, int64]) {
		if part == 1 { // when much is read ahead
			w.group.Wait()
			s.checkpoint(t)
			s.evict(t, 1)
		}
	}, 1, 2)
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAPaneThatIsDroppedDuringAWalkIsNotVisitedAnyMore(t *testing.T) {
	s := withPanes(t, 0)
	got := s.walked(t, func(part int, w *Walk[string, int64]) {
		if part == 0 {
			s.panes.Drop(2)
		}
	}, 1, 2)
	if got != "1:a=5 1:b=5 1:c=5" {
		t.Error(got)
	}
}

func TestAWalkThatEndsEarlyLeavesNothingBehind(t *testing.T) {
	took := inBubble(t, func(t *testing.T) { // which fails if goroutines are left
		s := wide(t, func(s *subject) { s.fill(t, 1, 1000) })
		w := s.panes.Walk([]int64{1})
		if err := w.Each(1, 0, func(*string, *int64) error { return errDown }); !errors.Is(err, errDown) {
			t.Error(err)
		}
		w.Close()
	})
	if took > distance {
		t.Errorf("it took %v", took)
	}
}

func TestAWalkSaysWhatCouldNotBeRead(t *testing.T) {
	s := withPanes(t, 0)
	s.below.fail = errDown
	w := s.panes.Walk([]int64{1, 2})
	defer w.Close()
	part := s.store.part(s.store.Hash("b"))
	var err error
	for p := 0; p <= part && err == nil; p++ {
		for _, ns := range []int64{1, 2} {
			if e := w.Each(ns, p, func(*string, *int64) error { return nil }); e != nil {
				err = e
			}
		}
	}
	if !errors.Is(err, errDown) || err.Error() != `operator "subject": read state: down` {
		t.Error(err)
	}
}

func TestAWalkKeepsLittleOfAPaneThatIsLarge(t *testing.T) {
	s := newSubject(t, base.KeyGroupRange{Start: 3, End: 4}, 0)
	keys := s.keysOfOnePart(2*gatherMost.entries + 10)
	s.into(t, 1, 1, keys...)
	s = s.reopened(t, 0)
	w := s.panes.Walk([]int64{1})
	defer w.Close()
	n := 0
	must(t, w.Each(1, 0, func(*string, *int64) error { n++; return nil }))
	if n != len(keys) {
		t.Errorf("%d of %d", n, len(keys))
	}
	if scans := s.store.Counts().Scans; scans != 3 {
		t.Errorf("%d scans", scans)
	}
}

func TestPartsOfPanesAreReadWhileOthersAreVisited(t *testing.T) {
	visited := 0
	took := inBubble(t, func(t *testing.T) {
		s := wide(t, func(s *subject) { s.fill(t, 1, 1000) })
		w := s.panes.Walk([]int64{1})
		defer w.Close()
		for part := range 64 {
			must(t, w.Each(1, part, func(*string, *int64) error { visited++; return nil }))
		}
	})
	t.Logf("64 parts, %v each: %v", distance, took)
	if visited != 1000 || took > 4*distance {
		t.Errorf("%d keys, %v", visited, took)
	}
}
