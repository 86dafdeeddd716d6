package keyed

import (
	"context"
	"errors"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// takeDue reads timers up to a time as if nobody waited for them.
func (s *subject) takeDue(t testing.TB, upTo int64) {
	t.Helper()
	for due := s.timers.Due(upTo); due != nil; due = s.timers.Due(upTo) {
		must(t, due.Read(t.Context(), s.below))
		a, err := s.timers.Take(due)
		must(t, err)
		if a != nil {
			s.take(t, a)
		}
	}
}

func TestTimersThatWereReadAheadFireUnread(t *testing.T) {
	s := withTimers(t, 1000, 0)
	s.takeDue(t, 20)
	s.below.read()
	if got := s.rung(t, 2); got != "key-0@0 key-1@1 key-2@2" {
		t.Error(got)
	}
	s.unread(t)
	if due := s.timers.Due(20); due != nil {
		t.Errorf("%d parts are due again", len(due.parts))
	}
}

func TestTheValuesOfTimersKeysComeWithThem(t *testing.T) {
	s := withValues(t, 0, "a", "b")
	s.timers.Register(s.slots(t, "b")[0], 5)
	s = s.reopened(t, 0)
	due := s.timers.Due(5)
	must(t, due.Read(t.Context(), s.below))
	a, err := s.timers.Take(due)
	must(t, err)
	if a == nil || len(a.slots) != 1 || !s.store.Coming(a.slots[0]) {
		t.Fatal("the key of the timer is not coming")
	}
	s.take(t, a)
	s.below.read()
	must(t, s.timers.Pop(5, func(slot Slot, _ int64) error { s.mustHave(t, slot, "1"); return nil }))
	s.unread(t)
}

func TestTimersThatChangedWhileTheyWereReadAreRight(t *testing.T) {
	for _, written := range []bool{false, true} {
		s := withTimers(t, 4, 0)
		due := s.timers.Due(3)
		must(t, due.Read(t.Context(), s.below))
		slots := s.slots(t, keyOf(1), keyOf(2))
		s.timers.Cancel(slots[0], 1)
		s.timers.Register(slots[1], 1)
		if written {
			s.checkpoint(t)
			s.slots(t) // which forgets what has been taken back
		}
		_, err := s.timers.Take(due)
		must(t, err)
		if got := s.rung(t, 9); got != "key-0@0 key-2@1 key-2@2 key-3@3" {
			t.Errorf("written %v: %s", written, got)
		}
	}
}

func TestTimersThatAreReadTwiceFireOnce(t *testing.T) {
	s := withTimers(t, 3, 0)
	one, two := s.timers.Due(3), s.timers.Due(3)
	for _, due := range []*Due{two, one} {
		must(t, due.Read(t.Context(), s.below))
		a, err := s.timers.Take(due)
		must(t, err)
		if a != nil {
			s.take(t, a)
		}
	}
	if got := s.rung(t, 9); got != "key-0@0 key-1@1 key-2@2" {
		t.Error(got)
	}
}

// partlyRead is a subject of one part with many timers, of which some have been read, more than memory allows.
func partlyRead(t testing.TB, n int64) *subject {
	t.Helper()
	s := newSubject(t, base.KeyGroupRange{Start: 3, End: 4}, 0)
	key := s.keysOfOnePart(1)[0]
	for time := range n {
		s.timers.Register(s.slots(t, key)[0], time)
	}
	s = s.reopened(t, 1)
	for s.timers.upTo[0] < 4*timersAtOnce {
		s.takeNext(t, n)
	}
	return s
}

// takeNext reads the next timers up to a time.
func (s *subject) takeNext(t testing.TB, upTo int64) {
	t.Helper()
	due := s.timers.Due(upTo)
	must(t, due.Read(t.Context(), s.below))
	a, err := s.timers.Take(due)
	must(t, err)
	if a != nil {
		s.take(t, a)
	}
}

// But for the one that was being taken when memory became short.
func TestTimersBehindThoseThatMemoryHasJustForgottenAreNotTaken(t *testing.T) {
	const n = 12 * timersAtOnce
	s := partlyRead(t, n)
	s.checkpoint(t) // so that there is a point in looking for room
	before := s.timers.upTo[0]
	for range 4 * timersAtOnce / leastTimers {
		if s.takeNext(t, n); s.timers.upTo[0] < before {
			break
		}
	}
	upTo, behind := s.timers.upTo[0], 0
	for e := range s.timers.dir.parts[0].slots {
		if s.timers.dir.key(e).time > upTo {
			behind++
		}
	}
	if upTo >= before || behind > 1 {
		t.Errorf("all up to %d are in memory, before up to %d, and %d behind", upTo, before, behind)
	}
}

func TestTimersForgottenWhileTheNextAreReadFireInTheirTurn(t *testing.T) {
	const n = 12 * timersAtOnce
	s := partlyRead(t, n)
	due, before := s.timers.Due(n), s.timers.upTo[0]
	must(t, due.Read(t.Context(), s.below))
	if s.timers.makeRoom(0); s.timers.upTo[0] == before {
		t.Fatal("nothing was forgotten")
	}
	_, err := s.timers.Take(due)
	must(t, err)
	fired := 0
	must(t, s.timers.Pop(n, func(Slot, int64) error { fired++; return nil }))
	if fired != n {
		t.Errorf("%d of %d", fired, n)
	}
}

func TestTimersThatCouldNotBeReadAreDueAgain(t *testing.T) {
	s := withTimers(t, 3, 0)
	s.below.fail = errDown
	due := s.timers.Due(3)
	if err := due.Read(t.Context(), s.below); !errors.Is(err, errDown) {
		t.Error(err)
	}
	_, err := s.timers.Take(due)
	if !errors.Is(err, errDown) || err.Error() != `operator "subject": read state: down` {
		t.Error(err)
	}
	s.below.fail = nil
	if got := s.rung(t, 9); got != "key-0@0 key-1@1 key-2@2" {
		t.Error(got)
	}
}

// The values of their keys cannot be read when the timers are in memory already.
func TestTimersFireWithTheStateOfTheirKeysWhenThatIsReadLater(t *testing.T) {
	s := withValues(t, 0, "a")
	s.timers.Register(s.slots(t, "a")[0], 5)
	s = s.reopened(t, 0)
	s.store.Below = &failing{shelf: s.below}
	fire := func(slot Slot, _ int64) error { s.mustHave(t, slot, "0"); return nil }
	if err := s.timers.Pop(5, fire); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	s.slots(t, "other") // and the key does not lose its slot
	must(t, s.timers.Pop(5, fire))
	if _, ok := s.timers.Next(); ok {
		t.Error("it did not fire")
	}
}

// failing are tables of which the first read of keys fails.
type failing struct {
	*shelf
	failed bool
}

func (f *failing) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	if !f.failed {
		f.failed = true
		return errDown
	}
	return f.shelf.Read(ctx, keys, found)
}

// wide is a subject with 64 parts over what is below, far away.
func wide(t testing.TB, fill func(s *subject)) *subject {
	t.Helper()
	s := openWith(t, base.KeyGroupRange{End: 64}, 64, 0, &shelf{m: map[string]string{}}, &onItsWay{})
	fill(s)
	s.checkpoint(t)
	after := &onItsWay{namespaces: s.panes.Namespaces(), number: 1}
	s = openWith(t, s.store.Groups, 64, 0, s.below, after)
	s.store.Below = far{s.below}
	return s
}

func TestPartsOfTimersAreReadTogether(t *testing.T) {
	fired := 0
	took := inBubble(t, func(t *testing.T) {
		s := wide(t, func(s *subject) {
			for i := range keys {
				s.timers.Register(s.slots(t, keyOf(i))[0], int64(i%7))
			}
		})
		must(t, s.timers.Pop(9, func(Slot, int64) error { fired++; return nil }))
	})
	t.Logf("64 parts, %v each: %v", distance, took)
	if fired != keys || took > 5*distance { // with that of the keys' values
		t.Errorf("%d timers, %v", fired, took)
	}
}
