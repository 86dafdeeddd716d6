package keyed

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// whole is a subject with all key groups.
func whole(t testing.TB) *subject {
	t.Helper()
	return newSubject(t, base.KeyGroupRange{End: maxP})
}

// keys finds the slots of keys. A key without state by the next call gives its slot back, so what a test works with
// is asked for at once.
func (s *subject) keys(t testing.TB, keys ...string) []Slot {
	t.Helper()
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = s.store.Hash(k)
	}
	if err := s.store.Lookup(keys, hashes, slots); err != nil {
		t.Fatal(err)
	}
	return slots
}

func TestAKeyHasOneSlotAsLongAsItHasState(t *testing.T) {
	s := whole(t)
	a := s.keys(t, "a", "b", "a")
	n := int64(1)
	s.value.Set(a[0], &n)
	if again := s.keys(t, "a")[0]; a[0] != a[2] || a[0] == a[1] || again != a[0] || *s.store.Key(a[0]) != "a" {
		t.Errorf("slots %v, then %v", a, again)
	}
	if hash := s.store.Hash("a"); hash != s.store.hash("a") {
		t.Errorf("two hashes of one key: %x", hash)
	}
}

func TestAValueIsThereFromSetToClear(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b")
	if _, ok := s.value.Get(k[0]); ok {
		t.Error("a key that was never set has a value")
	}
	n := int64(5)
	s.value.Set(k[0], &n)
	n = 6 // the value was copied
	if v, ok := s.value.Get(k[0]); v != 5 || !ok {
		t.Errorf("%d, %v", v, ok)
	}
	if _, ok := s.value.Get(k[1]); ok {
		t.Error("another key has it too")
	}
	s.value.Clear(k[0])
	s.value.Clear(k[0])
	if v, ok := s.value.Get(k[0]); v != 0 || ok {
		t.Errorf("after it was cleared: %d, %v", v, ok)
	}
}

func TestAnUpdateChangesTheValueInPlaceAndBeginsWithZero(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a")[0]
	for want := range int64(3) {
		s.value.Update(k, func(n *int64) {
			if *n != want {
				t.Errorf("%d, want %d", *n, want)
			}
			*n++
		})
	}
	*s.value.Ptr(k) += 10
	if v, ok := s.value.Peek(k); !ok || *v != 13 {
		t.Errorf("%v, %v", v, ok)
	}
	if _, ok := s.value.Peek(s.keys(t, "b")[0]); ok {
		t.Error("a key without a value can be peeked at")
	}
}

func TestTheMapOfAKeyIsItsOwn(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b")
	for i := range int64(5) {
		s.entry.Set(k[0], i, fmt.Sprint("v", i))
	}
	s.entry.Set(k[1], 1, "other")
	s.entry.Set(k[0], 1, "new")
	s.entry.Remove(k[0], 4)
	s.entry.Remove(k[0], 99)
	got := maps.Collect(s.entry.All(k[0]))
	want := map[int64]string{0: "v0", 1: "new", 2: "v2", 3: "v3"}
	if !maps.Equal(got, want) || s.entry.Len(k[0]) != 4 || s.entry.Len(k[1]) != 1 {
		t.Errorf("%v with %d entries, want %v", got, s.entry.Len(k[0]), want)
	}
	if v, ok := s.entry.Get(k[1], 1); v != "other" || !ok {
		t.Errorf("%q, %v", v, ok)
	}
	if v, ok := s.entry.Get(k[0], 4); v != "" || ok {
		t.Errorf("an entry that was removed is %q, %v", v, ok)
	}
}

func TestClearingAMapEmptiesOnlyThatOfItsKey(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b", "never")
	for i := range int64(100) {
		s.entry.Set(k[0], i, "x")
		s.entry.Set(k[1], i, "y")
	}
	s.entry.Clear(k[0])
	s.entry.Clear(k[2])
	if a, b, c := s.entry.Len(k[0]), s.entry.Len(k[1]), s.entry.Len(k[2]); a != 0 || b != 100 || c != 0 {
		t.Errorf("%d, %d and %d entries", a, b, c)
	}
	s.entry.Set(k[0], 7, "again")
	if got := maps.Collect(s.entry.All(k[0])); len(got) != 1 || got[7] != "again" {
		t.Errorf("%v", got)
	}
}

func TestAnEntryMayBeRemovedWhileItsMapIsRead(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a")[0]
	for i := range int64(50) {
		s.entry.Set(k, i, "x")
	}
	seen := 0
	for mk := range s.entry.All(k) {
		seen++
		if mk%2 == 0 {
			s.entry.Remove(k, mk)
		}
	}
	if seen != 50 || s.entry.Len(k) != 25 {
		t.Errorf("%d entries were seen, %d are left", seen, s.entry.Len(k))
	}
	for range s.entry.All(k) {
		break // reading may end early
	}
}

// rung pops the timers up to a time, as key@time.
func (s *subject) rung(t *testing.T, upTo int64) string {
	t.Helper()
	var all []string
	err := s.timers.Pop(upTo, func(slot Slot, time int64) error {
		all = append(all, fmt.Sprintf("%s@%d", *s.store.Key(slot), time))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestTimersRingInTheOrderOfTheirTimesAndThenOfTheirRegistration(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b", "c")
	for _, r := range []struct {
		slot Slot
		time int64
	}{{k[2], 5}, {k[0], 9}, {k[1], 5}, {k[0], -3}, {k[0], 5}, {k[2], 5},
		{k[1], math.MaxInt64}, {k[1], math.MinInt64}} {
		s.timers.Register(r.slot, r.time)
	}
	if next, ok := s.timers.Next(); next != math.MinInt64 || !ok {
		t.Errorf("next %d, %v", next, ok)
	}
	for _, c := range []struct {
		upTo int64
		want string
	}{
		{-4, fmt.Sprintf("b@%d", int64(math.MinInt64))}, {4, "a@-3"}, {5, "c@5 b@5 a@5"}, {8, ""}, {9, "a@9"},
		{math.MaxInt64, fmt.Sprintf("b@%d", int64(math.MaxInt64))}, {math.MaxInt64, ""},
	} {
		if got := s.rung(t, c.upTo); got != c.want {
			t.Errorf("up to %d: %q, want %q", c.upTo, got, c.want)
		}
	}
	if next, ok := s.timers.Next(); ok {
		t.Errorf("after all have rung the next is %d", next)
	}
}

func TestATimerTakenBackDoesNotRingUnlessItIsSetAgain(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b")
	s.timers.Register(k[0], 5)
	s.timers.Register(k[1], 5)
	s.timers.Cancel(k[0], 5)
	s.timers.Cancel(k[0], 6) // there is none
	if got := s.rung(t, 5); got != "b@5" {
		t.Errorf("%q", got)
	}
	s.timers.Register(k[0], 5)
	s.timers.Cancel(k[0], 5)
	s.timers.Register(k[0], 5)
	if got := s.rung(t, 5); got != "a@5" {
		t.Errorf("set, taken back and set again: %q", got)
	}
}

func TestATimerMaySetAndTakeBackOthersWhileItRings(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a", "b")
	s.timers.Register(k[0], 1)
	s.timers.Register(k[1], 2)
	s.timers.Register(k[1], 3)
	var all []string
	err := s.timers.Pop(3, func(slot Slot, time int64) error {
		all = append(all, fmt.Sprintf("%s@%d", *s.store.Key(slot), time))
		if time == 1 {
			s.timers.Cancel(k[1], 2)
			s.timers.Register(k[0], 3)
			s.timers.Register(k[0], 1) // at once, again
			s.timers.Register(k[0], 4) // and later than this
			if len(all) > 1 {
				s.timers.Cancel(k[0], 1)
			}
		}
		return nil
	})
	if got := strings.Join(all, " "); err != nil || got != "a@1 a@1 b@3 a@3" {
		t.Errorf("%s, %v", got, err)
	}
	if next, _ := s.timers.Next(); next != 4 {
		t.Errorf("the next is %d", next)
	}
}

func TestAFailureWhileTimersRingIsReturned(t *testing.T) {
	s := whole(t)
	k := s.keys(t, "a")[0]
	s.timers.Register(k, 1)
	s.timers.Register(k, 2)
	broken := errors.New("broken")
	calls := 0
	if err := s.timers.Pop(9, func(Slot, int64) error { calls++; return broken }); err != broken || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// into adds numbers to keys of a pane.
func (s *subject) into(t *testing.T, ns int64, n int64, keys ...string) {
	t.Helper()
	pane := s.panes.Pane(ns)
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = s.store.Hash(k)
	}
	if err := pane.Lookup(keys, hashes, slots); err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		*pane.Ptr(slot) += n
	}
}

// inPane renders a pane, sorted.
func (s *subject) inPane(ns int64) string {
	var all []string
	for k, n := range s.panes.Peek(ns).All() {
		all = append(all, fmt.Sprintf("%s=%d", *k, *n))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestEachNamespaceHasItsOwnAccumulators(t *testing.T) {
	s := whole(t)
	s.into(t, 10, 1, "a", "b", "a")
	s.into(t, -20, 5, "b")
	if a, b := s.inPane(10), s.inPane(-20); a != "a=2 b=1" || b != "b=5" {
		t.Errorf("%s; %s", a, b)
	}
	if got := s.panes.Namespaces(); !slices.Equal(got, []int64{-20, 10}) {
		t.Errorf("namespaces %v", got)
	}
	if n := s.panes.Peek(10).Len(); n != 2 {
		t.Errorf("%d keys", n)
	}
	if acc := s.panes.Peek(10).Find("a", s.store.Hash("a")); acc == nil || *acc != 2 {
		t.Errorf("%v", acc)
	}
	if acc := s.panes.Peek(-20).Find("a", s.store.Hash("a")); acc != nil {
		t.Errorf("a key of another namespace has %d", *acc)
	}
}

func TestPeekingMakesNoNamespaceAndDroppingForgetsOne(t *testing.T) {
	s := whole(t)
	if s.inPane(3) != "" || s.panes.Peek(3).Find("a", s.store.Hash("a")) != nil || len(s.panes.Namespaces()) != 0 {
		t.Errorf("namespaces %v", s.panes.Namespaces())
	}
	s.into(t, 3, 1, "a")
	s.panes.Drop(3)
	s.panes.Drop(4) // there is none
	if len(s.panes.Namespaces()) != 0 || s.inPane(3) != "" {
		t.Errorf("namespaces %v, %s", s.panes.Namespaces(), s.inPane(3))
	}
	s.into(t, 3, 7, "b")
	if got := s.inPane(3); got != "b=7" {
		t.Errorf("made again: %s", got)
	}
}

func TestAKeyOfAPaneHasNoAccumulatorBeforeItIsTouched(t *testing.T) {
	s := whole(t)
	pane := s.panes.Pane(1)
	slots := make([]Slot, 1)
	if err := pane.Lookup([]string{"a"}, []uint64{s.store.Hash("a")}, slots); err != nil {
		t.Fatal(err)
	}
	if pane.Has(slots[0]) {
		t.Error("it has one")
	}
	*pane.Ptr(slots[0]) = 0
	if !pane.Has(slots[0]) {
		t.Error("it has none")
	}
}

func TestAKeyWithoutStateGivesItsSlotBack(t *testing.T) {
	s := whole(t)
	n := int64(1)
	kept := s.keys(t, "kept")[0]
	s.value.Set(kept, &n)
	for i := range 1000 {
		slot := s.keys(t, fmt.Sprint("passing-", i))[0]
		s.value.Set(slot, &n)
		s.value.Clear(slot)
	}
	s.freeze(t) // what was cleared is written as such
	s.keys(t)
	if got := s.store.Len(); got > 10 {
		t.Errorf("%d keys are held", got)
	}
	if v, ok := s.value.Get(kept); !ok || v != 1 || *s.store.Key(kept) != "kept" {
		t.Errorf("%d, %v", v, ok)
	}
}

// freeze ends an epoch and writes it nowhere.
func (s *subject) freeze(t *testing.T) {
	t.Helper()
	f := s.store.Freeze(1)
	if err := f.WriteTo(&tape{}); err != nil {
		t.Fatal(err)
	}
	f.Done()
}

func TestAStateHasAnEncodingAndANameOfItsOwn(t *testing.T) {
	s := whole(t)
	if _, err := NewColumn[int64](s.store, "value"); err == nil || !strings.Contains(err.Error(), "value") {
		t.Errorf("a name was given twice: %v", err)
	}
	if _, err := NewColumn[chan int](s.store, "channel"); err == nil || !strings.Contains(err.Error(), "chan") {
		t.Errorf("%v", err)
	}
	if _, err := NewMap[float64, int](s.store, "by float"); err == nil || !strings.Contains(err.Error(), "float64") {
		t.Errorf("%v", err)
	}
	one := Config{Name: "x", MaxParallelism: 1, Groups: base.KeyGroupRange{End: 1}}
	if _, err := NewStore[float64](one); err == nil {
		t.Error("a store of floating keys was made")
	}
	var names []string
	for _, st := range s.store.States() {
		names = append(names, st.Name)
		if st.Kind == "" {
			t.Errorf("%+v", st)
		}
	}
	if slices.Sort(names); fmt.Sprint(names) != "[entry name panes timers value]" {
		t.Errorf("%v", names)
	}
}
