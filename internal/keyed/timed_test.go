package keyed

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// timedSubject is a store with states that expire after ten milliseconds, or, if not timed, never.
type timedSubject struct {
	*Store[string]
	below *shelf
	value *TimedColumn[string]
	entry *TimedMap[int64, string]
	sum   *TimedSum[string]
	list  *TimedList[string]

	plain struct {
		value *Column[string]
		entry *Map[int64, string]
		sum   *Sum[string]
		list  *List[string]
	}
}

// openTimed returns a subject over what lies below.
func openTimed(t testing.TB, below *shelf, u Update, timed bool) *timedSubject {
	t.Helper()
	s := &timedSubject{below: below}
	var err error
	s.Store, err = NewStore[string](Config{
		Operator: 7, Name: "timed", MaxParallelism: maxP, Groups: base.KeyGroupRange{End: maxP},
		Context: t.Context(), Below: below, Restored: len(below.m) > 0, Checkpoint: uint64(len(below.m)),
	})
	must(t, err)
	join := func(into, from *string) { *into += *from }
	ttl := TTL{10 * time.Millisecond, u}
	if timed {
		s.value, err = NewTimedColumn[string](s.Store, "value", ttl)
		must(t, err)
		s.entry, err = NewTimedMap[int64, string](s.Store, "entry", ttl)
		must(t, err)
		s.sum, err = NewTimedSum(s.Store, "sum", ttl, join)
		must(t, err)
		s.list, err = NewTimedList[string](s.Store, "list", ttl)
		must(t, err)
		return s
	}
	s.plain.value, err = NewColumn[string](s.Store, "value")
	must(t, err)
	s.plain.entry, err = NewMap[int64, string](s.Store, "entry")
	must(t, err)
	s.plain.sum, err = NewSum(s.Store, "sum", join)
	must(t, err)
	s.plain.list, err = NewList[string](s.Store, "list")
	must(t, err)
	return s
}

func newTimedSubject(t testing.TB, u Update) *timedSubject {
	return openTimed(t, &shelf{m: map[string]string{}}, u, true)
}

// again is the subject after a checkpoint and a crash.
func (s *timedSubject) again(t testing.TB, timed bool) *timedSubject {
	t.Helper()
	s.checkpoint(t)
	o := openTimed(t, s.below, OnWrite, timed)
	o.At(s.time)
	return o
}

func (s *timedSubject) checkpoint(t testing.TB) {
	t.Helper()
	f, out := s.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	s.below.apply(out.entries)
	f.Done()
}

func (s *timedSubject) slot(t testing.TB, key string) Slot {
	t.Helper()
	var slots [1]Slot
	must(t, s.Lookup([]string{key}, []uint64{s.Hash(key)}, slots[:]))
	return slots[0]
}

// write writes to all states of a key.
func (s *timedSubject) write(t testing.TB, at int64, key, text string) {
	t.Helper()
	s.At(at)
	slot := s.slot(t, key)
	if s.plain.value != nil {
		s.plain.value.Set(slot, &text)
		s.plain.entry.Set(slot, 1, text)
		acc, _ := s.plain.sum.Part(slot)
		*acc += text
		s.plain.list.Append(slot, &text)
		return
	}
	s.value.Set(slot, &text)
	must(t, s.entry.Set(slot, 1, text))
	acc, _, err := s.sum.Part(slot)
	must(t, err)
	*acc += text
	s.list.Append(slot, &text)
}

// read is what all states of a key have.
func (s *timedSubject) read(t testing.TB, at int64, key string) string {
	t.Helper()
	s.At(at)
	slot, none := s.slot(t, key), ""
	value, entry, acc, rows := "", "", &none, []string(nil)
	var errs [3]error
	if ok := false; s.plain.value != nil {
		value, _ = s.plain.value.Get(slot)
		entry, _, errs[0] = s.plain.entry.Get(slot, 1)
		if acc, ok, errs[1] = s.plain.sum.Get(slot); !ok {
			acc = &none
		}
		rows, errs[2] = listed(s.Store, s.plain.list, slot)
	} else {
		value, _ = s.value.Get(slot)
		entry, _, errs[0] = s.entry.Get(slot, 1)
		if acc, ok, errs[1] = s.sum.Get(slot); !ok {
			acc = &none
		}
		rows, errs[2] = listed(s.Store, s.list, slot)
	}
	for _, err := range errs {
		must(t, err)
	}
	return fmt.Sprintf("%s %s %s %v", value, entry, *acc, rows)
}

func (s *timedSubject) mustRead(t testing.TB, at int64, key, want string) {
	t.Helper()
	if got := s.read(t, at, key); got != want {
		t.Errorf("at %d: %q, want %q", at, got, want)
	}
}

const gone = "   []"

func TestWhatHasExpiredIsSoAfterARestore(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s.again(t, true).mustRead(t, 109, "a", "x x x [x]")
	s.again(t, true).mustRead(t, 110, "a", gone)
}

func TestWhatIsAddedUnreadToWhatHadExpiredBeginsAnew(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "live", "x")
	s.write(t, 100, "dead", "x")
	s = s.again(t, true)
	s.write(t, 109, "live", "y")
	s.write(t, 111, "dead", "y")
	s = s.again(t, true)
	s.write(t, 112, "live", "z")
	s.write(t, 112, "dead", "z")
	s.mustRead(t, 113, "live", "z z xyz [y z]")
	s.mustRead(t, 113, "dead", "z z yz [y z]")
}

func TestASumThatExpiredInMemoryHasNothingToDoWithWhatIsBelow(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s = s.again(t, true)
	s.write(t, 109, "a", "y")
	s.write(t, 119, "a", "z")
	s.mustRead(t, 120, "a", "z z z [z]")
}

func TestWhatWasWrittenWithoutATimeToLiveGetsItWhenItIsRead(t *testing.T) {
	s := openTimed(t, &shelf{m: map[string]string{}}, OnWrite, false)
	s.write(t, 100, "a", "x")
	s = s.again(t, true)
	s.mustRead(t, 1000, "a", "x x x [x]")
	s = s.again(t, true)
	s.mustRead(t, 1009, "a", "x x x [x]")
	s = s.again(t, true)
	s.mustRead(t, 1010, "a", gone)
}

func TestWhatWasWrittenWithATimeToLiveIsReadWithout(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s = s.again(t, false)
	s.write(t, 1000, "b", "y")
	s.mustRead(t, 1000, "a", "x x x [x]")
	s = s.again(t, true) // of one there is an expiry still
	s.mustRead(t, 1000, "a", gone)
	s.mustRead(t, 1000, "b", "y y y [y]")
}

// keysOf are all table keys below.
func (b *shelf) keysOf() (all [][]byte) {
	for k := range b.m {
		all = append(all, []byte(k))
	}
	return all
}

func TestWhatIsFoundBelowIsRemovedIfItHasExpired(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s.write(t, 105, "b", "y")
	s = s.again(t, true)
	s.At(112)
	must(t, s.Expire(s.below.keysOf()))
	if n := s.Counts().Expired; n != 4 {
		t.Errorf("%d entries were removed, want those of one key", n)
	}
	s.checkpoint(t)
	if n := len(s.below.m); n != 4 {
		t.Errorf("%d entries are left below, want those of the other key", n)
	}
	s.tidy()
	if n := s.Len(); n != 0 {
		t.Errorf("%d keys are left in memory that nobody has asked for", n)
	}
	s.mustRead(t, 112, "b", "y y y [y]")
}

func TestALiveKeyIsNotRemovedForAnOldVersionOfIt(t *testing.T) {
	for _, where := range []string{"in memory", "below"} {
		s := newTimedSubject(t, OnWrite)
		s.write(t, 100, "a", "x")
		s.checkpoint(t)
		found := s.below.keysOf()
		s.write(t, 108, "a", "y")
		if where == "below" {
			s = s.again(t, true)
		}
		s.At(111)
		must(t, s.Expire(slices.Clone(found)))
		if n := s.Counts().Expired; n != 0 {
			t.Errorf("%s: %d entries were removed", where, n)
		}
		s.mustRead(t, 111, "a", "y y xy [y]")
	}
}

func TestARowThatIsLiveKeepsItsPartOfAList(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	for i := range int64(3) {
		s.write(t, 100+4*i, "a", fmt.Sprint(i))
	}
	found := s.again(t, true).below.keysOf()
	s.At(115)
	must(t, s.Expire(found))
	s.mustRead(t, 115, "a", "2 2 012 [2]")
}

func TestAReadThatFailsRemovesNothing(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s = s.again(t, true)
	s.At(200)
	s.below.fail = errShelf
	if err := s.Expire(s.below.keysOf()); err == nil {
		t.Error("a read that failed was not noticed")
	}
	s.below.fail = nil
	s.mustRead(t, 105, "a", "x x x [x]")
}

var errShelf = fmt.Errorf("the shelf is down")

func TestATableKeyOfSomebodyElseIsRefused(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	for name, key := range map[string][]byte{"short": []byte("short"), "of another operator": make([]byte, 40)} {
		if err := s.Expire([][]byte{key}); base.KindOf(err) != base.Corrupt {
			t.Errorf("one that is %s: %v", name, err)
		}
	}
	start, _ := RangeOf(7, 3, stateID("timers"))
	must(t, s.Expire([][]byte{append(start, "of a state that had a time-to-live"...)}))
}

func TestTheRangeOfAStateIsThatOfItsTableKeys(t *testing.T) {
	s := newTimedSubject(t, OnWrite)
	s.write(t, 100, "a", "x")
	s.checkpoint(t)
	in := 0
	for _, id := range s.Expiring() {
		for g := range base.KeyGroup(maxP) {
			start, end := RangeOf(7, g, id)
			for k := range s.below.m {
				if k >= string(start) && k < string(end) {
					in++
				}
			}
		}
	}
	if in != len(s.below.m) || in != 4 {
		t.Errorf("%d of %d table keys are in the ranges", in, len(s.below.m))
	}
}

func TestAHitOfAStateThatExpiresAllocatesNothing(t *testing.T) {
	s := newTimedSubject(t, OnRead)
	s.write(t, 100, "a", "x")
	slot := s.slot(t, "a")
	if n := testing.AllocsPerRun(100, func() { s.value.Get(slot) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The first row would expire on its own: that the second was appended at the time of the read says nothing of it.
func TestARowThatIsReadLivesOnThoughAnotherWasAppendedAtThatTime(t *testing.T) {
	s := newTimedSubject(t, OnRead)
	s.write(t, 100, "a", "x")
	s.write(t, 105, "a", "y")
	s.mustRead(t, 105, "a", "y y xy [x y]")
	s.mustRead(t, 112, "a", "y y xy [x y]")
}
