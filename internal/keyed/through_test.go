package keyed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// manyEntries is a large map with a small budget; smallBudget is that and what may be dirty or a page for each part.
const (
	manyEntries = 100_000
	smallBudget = 1 << 20
)

// coarse is a subject with one key that has a large map. A record of it is in flight all the time.
func coarse(t testing.TB) (*subject, Slot) {
	s := newSubject(t, base.KeyGroupRange{End: maxP}, smallBudget)
	a := s.slots(t, "a")[0]
	s.store.Hold(a)
	for n := range int64(manyEntries) {
		s.entry.Set(a, n, "some text")
		if n%2000 == 1999 {
			s.checkpoint(t)
			s.slots(t, "b")
		}
	}
	return s, a
}

// small fails if more is in memory than the budget allows.
func (s *subject) small(t testing.TB, when string) {
	t.Helper()
	if bytes := s.store.Bytes(); bytes > 2*smallBudget {
		t.Errorf("%d bytes in memory %s, of which %d are allowed", bytes, when, smallBudget)
	}
}

func TestALargeMapOfAKeyThatIsAlwaysInUseStaysBelow(t *testing.T) {
	s, a := coarse(t)
	for n := int64(0); n < manyEntries; n += 7 {
		if v, ok, err := s.entry.Get(a, n); !ok || v != "some text" || err != nil {
			t.Fatalf("entry %d is %q, %v, %v", n, v, ok, err)
		}
		if n%1000 == 0 {
			s.entry.Set(a, n, "some text")
			s.checkpoint(t)
		}
	}
	s.small(t, "after gets and sets")
}

func TestALargeMapIsGoneThroughWithoutBeingKept(t *testing.T) {
	s, a := coarse(t)
	s.entry.Set(a, manyEntries, "new")
	s.entry.Remove(a, 3)
	seen := make([]bool, manyEntries+1)
	all, err := s.entry.All(a)
	must(t, err)
	for n := range all {
		if seen[n] {
			t.Fatalf("entry %d comes twice", n)
		}
		seen[n] = true
		s.small(t, "while it is gone through")
	}
	must(t, s.store.Failure(a))
	if missing := slices.Index(seen, false); missing != 3 || slices.Index(seen[4:], false) >= 0 {
		t.Errorf("entry %d did not come, or another", missing)
	}
	if n, err := s.entry.Len(a); n != manyEntries || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	must(t, s.entry.Clear(a))
	s = s.reopened(t, smallBudget)
	if n, err := s.entry.Len(s.slots(t, "a")[0]); n != 0 || err != nil {
		t.Errorf("%d entries after all were cleared, %v", n, err)
	}
}

func TestAStretchThatCannotBeReadEndsAnIteration(t *testing.T) {
	smallStretches(t)
	s := entire(t)
	a := s.slots(t, "a")[0]
	for n := range int64(20) {
		row := fmt.Sprintf("%05000d", n)
		s.entry.Set(a, n, row)
		s.list.Append(a, &row)
	}
	s = s.reopened(t, 0)
	a = s.slots(t, "a")[0]
	entries, err := s.entry.All(a)
	must(t, err)
	rows, err := s.list.All(a)
	must(t, err)
	for name, through := range map[string]func() int{
		"map": func() (n int) {
			for range entries {
				n++
				s.below.fail = errDown
			}
			return n
		},
		"list": func() (n int) {
			for range rows {
				n++
				s.below.fail = errDown
			}
			return n
		},
	} {
		s.below.fail = nil
		if n := through(); n == 0 || n >= 20 {
			t.Errorf("%s: %d came", name, n)
		}
		if err := s.store.Failure(a); !errors.Is(err, errDown) {
			t.Errorf("%s: ended with %v", name, err)
		}
		if err := s.store.Failure(a); err != nil {
			t.Errorf("%s: said %v again", name, err)
		}
		s.below.fail = nil
		n := 0
		for range entries {
			n++
		}
		if err := s.store.Failure(a); n != 20 || err != nil {
			t.Errorf("%s: %d came at the second try, %v", name, n, err)
		}
	}
}

func TestAnIterationMayEndEarly(t *testing.T) {
	smallStretches(t)
	s := entire(t)
	a := s.slots(t, "a")[0]
	for n := range int64(20) {
		s.entry.Set(a, n, "")
	}
	s = s.reopened(t, 0)
	a = s.slots(t, "a")[0]
	all, err := s.entry.All(a)
	must(t, err)
	s.below.read()
	for range all {
		break
	}
	if got := s.below.read(); got != "0 reads, 1 scans" || s.store.Failure(a) != nil {
		t.Errorf("%s for one entry", got)
	}
	if len(s.store.kept) > 0 {
		t.Error("it is kept for ever")
	}
}

// meanwhile is a Yielding that does something while it reads.
type meanwhile struct {
	*shelf
	do func()
}

// Get implements Yielding.
func (m *meanwhile) Get(key []byte) (value []byte, there bool, err error) {
	value, there, err = Get(context.Background(), m.shelf, key)
	m.do()
	return value, there, err
}

// Yield implements Yielding.
func (m *meanwhile) Yield(read func(Below) error) error {
	err := read(m.shelf)
	m.do()
	return err
}

func TestAnEntryThatCameWhileItWasReadIsNotReadTwice(t *testing.T) {
	s := entire(t)
	a := s.slots(t, "a")[0]
	s.entry.Set(a, 1, "one")
	s = s.reopened(t, 0)
	a = s.slots(t, "a")[0]
	s.store.Yielding = &meanwhile{s.below, func() {
		defer s.store.blocking()()
		_, _, err := s.entry.Get(a, 1)
		must(t, err)
	}}
	if v, ok, err := s.entry.Get(a, 1); v != "one" || !ok || err != nil {
		t.Errorf("%q, %v, %v", v, ok, err)
	}
	if n, err := s.entry.Len(a); n != 1 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestNothingExpiresUnderARecordInFlight(t *testing.T) {
	s := openTimed(t, &shelf{m: map[string]string{}}, OnWrite, true)
	a := s.slot(t, "a")
	s.At(1)
	must(t, s.entry.Set(a, 1, "x"))
	row := "row"
	s.value.Set(a, &row)
	s.list.Append(a, &row)
	_, _, err := s.sum.Part(a)
	must(t, err)
	sweep := func() int64 {
		before := s.Counts().Expired
		for range rounds {
			s.Sweep()
		}
		return s.Counts().Expired - before
	}
	s.At(1 + 10*time.Millisecond.Milliseconds())
	s.Hold(a)
	if n := sweep(); n != 0 {
		t.Errorf("%d expired of a key that is held", n)
	}
	s.Release(a)
	if n := sweep(); n != 4 {
		t.Errorf("%d expired of four", n)
	}
}
