package keyed

import (
	"fmt"
	"math"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// withTimers is a subject with timers at each time below n, of keys in turn, all of them below.
func withTimers(t testing.TB, n int, budget int64) *subject {
	t.Helper()
	s := entire(t)
	for i := range n {
		slot, _ := s.slot(t, keyOf(i%keys))
		s.timers.Register(slot, int64(i))
	}
	s = s.reopened(t, budget)
	s.slots(t, "") // so that the budget knows of the store
	s.below.read()
	return s
}

func TestMoreTimersAreDueThanAreReadAtOnce(t *testing.T) {
	const n = 5 * maxP * timersAtOnce
	s := withTimers(t, n, 1) // so that what has been read goes again
	fired, held := int64(0), 0
	must(t, s.timers.Pop(n, func(slot Slot, time int64) error {
		if time != fired || *s.store.Key(slot) != keyOf(int(time)%keys) {
			t.Fatalf("timer %d of %s fires as number %d", time, *s.store.Key(slot), fired)
		}
		fired++
		if held = max(held, len(s.timers.times)); fired%4000 == 0 {
			s.checkpoint(t)
		}
		return nil
	}))
	if fired != n || held > n/2 {
		t.Errorf("%d of %d timers fired, %d were in memory at once", fired, n, held)
	}
	if _, ok := s.timers.Next(); ok {
		t.Error("there is another")
	}
	s.checkpoint(t)
	if len(s.below.m) > 0 {
		t.Errorf("%d timers are left below", len(s.below.m))
	}
}

func TestAllTimersOfATimeFireThoughTheyAreMoreThanAreReadAtOnce(t *testing.T) {
	s := entire(t)
	const n = 3 * maxP * timersAtOnce
	for i := range n {
		slot, _ := s.slot(t, fmt.Sprint(i))
		s.timers.Register(slot, 5)
	}
	s = s.reopened(t, 1)
	fired := 0
	must(t, s.timers.Pop(5, func(Slot, int64) error { fired++; return nil }))
	if fired != n {
		t.Errorf("%d of %d", fired, n)
	}
}

func TestTimersFarAheadAreForgottenWhenMemoryIsShortAndFireInTheirTurn(t *testing.T) {
	const n = 40 * timersAtOnce
	s := newSubject(t, base.KeyGroupRange{Start: 3, End: 4}, 1)
	key := s.keysOfOnePart(1)[0]
	for time := range int64(n) {
		s.timers.Register(s.slots(t, key)[0], time*7%n)
		if time%1000 == 999 {
			s.checkpoint(t)
		}
	}
	if held := s.timers.dir.used; held > n/2 {
		t.Errorf("%d of %d timers are in memory", held, n)
	}
	next := int64(0)
	must(t, s.timers.Pop(n, func(_ Slot, time int64) error {
		if time != next {
			t.Fatalf("the timer at %d fires instead of that at %d", time, next)
		}
		next++
		return nil
	}))
	if next != n {
		t.Errorf("%d of %d fired", next, n)
	}
}

func TestATimerThatIsOnlyBelowIsTakenBack(t *testing.T) {
	s := withTimers(t, 3, 0)
	slot := s.slots(t, keyOf(1))[0]
	s.below.read()
	s.timers.Cancel(slot, 1)
	s.timers.Cancel(slot, 77) // there is none, which nobody knows
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	if got := s.rung(t, 10); got != "key-0@0 key-2@2" {
		t.Errorf("%s", got)
	}
	s.checkpoint(t)
	if len(s.below.m) > 0 {
		t.Errorf("%d timers are left below", len(s.below.m))
	}
}

func TestTheNextTimeIsUnknownBeforeAnythingWasRead(t *testing.T) {
	s := withTimers(t, 3, 0)
	if next, ok := s.timers.Next(); !ok || next > 0 {
		t.Errorf("%d, %v: a timer below might be passed over", next, ok)
	}
	if got := s.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	if got := s.rung(t, -1); got != "" {
		t.Errorf("%s rang too early", got)
	}
	if next, ok := s.timers.Next(); next != 0 || !ok {
		t.Errorf("when all were read the next is %d, %v", next, ok)
	}
	s = s.reopened(t, 0)
	slot := s.slots(t, "new")[0]
	s.timers.Register(slot, -5)
	if got := s.rung(t, math.MaxInt64); got != "new@-5 key-0@0 key-1@1 key-2@2" {
		t.Errorf("%s", got)
	}
}

// A function that fires sets timers behind those that are in memory, and takes back some that are not.
func TestTimersAreSetAndTakenBackBeyondThoseInMemory(t *testing.T) {
	const n = 10 * maxP * timersAtOnce
	s := withTimers(t, n, 1)
	fired := map[int64]int{}
	must(t, s.timers.Pop(2*n, func(slot Slot, time int64) error {
		fired[time]++
		if time < 100 {
			s.timers.Cancel(slot, time+keys*50) // of the same key
			s.timers.Register(slot, n+time)
			s.timers.Register(slot, time+keys*60) // which is there already
		}
		return nil
	}))
	for time := range int64(n + 100) {
		want := 1
		if from := time - keys*50; from >= 0 && from < 100 {
			want = 0
		}
		if fired[time] != want {
			t.Fatalf("the timer at %d fired %d times, want %d", time, fired[time], want)
		}
	}
}
