package keyed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

func TestWhatHasFiredIsDeletedAsARange(t *testing.T) {
	const n, due = 2000, 1500
	s := withTimers(t, n, 0)
	must(t, s.timers.Pop(due-1, func(Slot, int64) error { return nil }))
	f, out := s.store.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	for _, e := range out.entries {
		if e.change != 'R' {
			t.Fatalf("an entry of its own is written: %c %x", e.change, e.key)
		}
	}
	if len(out.entries) != maxP {
		t.Errorf("%d ranges are deleted, for %d key groups", len(out.entries), maxP)
	}
	s.below.apply(out.entries)
	f.Done()
	if len(s.below.m) != n-due {
		t.Errorf("%d timers are left below, want %d", len(s.below.m), n-due)
	}
}

func TestAFewTimersThatHaveFiredAreDeletedOneByOne(t *testing.T) {
	s := withTimers(t, 100, 0)
	must(t, s.timers.Pop(9, func(Slot, int64) error { return nil }))
	f, out := s.store.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	for _, e := range out.entries {
		if e.change != 'D' {
			t.Errorf("%c %x", e.change, e.key)
		}
	}
	if len(out.entries) != 10 {
		t.Errorf("%d entries", len(out.entries))
	}
}

// alarms checks timers against a map: from key and time to whether it is set.
type alarms struct {
	*subject
	t    *testing.T
	rand *rand.Rand
	set  map[alarm]bool
	now  int64
}

type alarm struct {
	key  string
	time int64
}

// checkpoint ends an epoch. Either its snapshot fails, or what lies below is what is set.
func (a *alarms) checkpoint() {
	a.t.Helper()
	f, out := a.store.Freeze(), &tape{}
	must(a.t, f.WriteTo(out))
	if a.rand.IntN(4) == 0 {
		f.Release()
		return
	}
	a.below.apply(out.entries)
	f.Done()
	got, want := map[int64]int{}, map[int64]int{}
	for part := range maxP {
		must(a.t, a.store.scan(part, stateID("timers"), nil, nil, func(rest, _ []byte) error {
			time, _, err := takeOrdered(rest)
			got[time]++
			return err
		}))
	}
	for at := range a.set {
		want[at.time]++
	}
	if !maps.Equal(got, want) {
		a.t.Fatalf("below are, by time, %v timers, want %v", got, want)
	}
}

// advance fires what is due. Meanwhile timers are set, some of them due at once, and epochs end.
func (a *alarms) advance() {
	a.t.Helper()
	a.now += a.rand.Int64N(40)
	must(a.t, a.timers.Pop(a.now, func(s Slot, time int64) error {
		at := alarm{*a.store.Key(s), time}
		if !a.set[at] {
			a.t.Fatalf("%v fires and is not set", at)
		}
		delete(a.set, at)
		switch a.rand.IntN(20) {
		case 0:
			a.checkpoint()
		case 1, 2:
			again := time - 10 + a.rand.Int64N(60)
			a.timers.Register(s, again)
			a.set[alarm{at.key, again}] = true
		}
		return nil
	}))
	for at := range a.set {
		if at.time <= a.now {
			a.t.Fatalf("%v has not fired by %d", at, a.now)
		}
	}
}

func (a *alarms) step() {
	key := keyOf(a.rand.IntN(40))
	at := alarm{key, a.now - 10 + a.rand.Int64N(100)}
	switch a.rand.IntN(30) {
	case 0:
		a.advance()
	case 1:
		a.checkpoint()
	case 2, 3, 4:
		slot, _ := a.slot(a.t, key)
		a.timers.Cancel(slot, at.time)
		delete(a.set, at)
	default:
		slot, _ := a.slot(a.t, key)
		a.timers.Register(slot, at.time)
		a.set[at] = true
	}
}

func TestWhatLiesBelowAreTheTimersThatAreSetHoweverEpochsEnd(t *testing.T) {
	for seed := range 80 * *histories {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			a := &alarms{subject: entire(t), t: t, rand: rand.New(rand.NewPCG(seed, 1)), set: map[alarm]bool{}}
			for range 600 {
				a.step()
			}
		})
	}
}
