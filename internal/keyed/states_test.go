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

func TestAKeyHasOneSlotAsLongAsItHasState(t *testing.T) {
	s := entire(t)
	a := s.slots(t, "a", "b", "a")
	n := int64(1)
	s.value.Set(a[0], &n)
	if again := s.slots(t, "a")[0]; a[0] != a[2] || a[0] == a[1] || again != a[0] || *s.store.Key(a[0]) != "a" {
		t.Errorf("slots %v, then %v", a, again)
	}
	if hash := s.store.Hash("a"); hash != s.store.hash("a") {
		t.Errorf("two hashes of one key: %x", hash)
	}
}

func TestAValueIsThereFromSetToClear(t *testing.T) {
	s := entire(t)
	k := s.slots(t, "a", "b")
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
	s := entire(t)
	k := s.slots(t, "a")[0]
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
	if _, ok := s.value.Peek(s.slots(t, "b")[0]); ok {
		t.Error("a key without a value can be peeked at")
	}
}

// mapOf is the map of a slot, as asked for.
func (s *subject) mapOf(t testing.TB, slot Slot) map[int64]string {
	t.Helper()
	all, err := s.entry.All(slot)
	must(t, err)
	return maps.Collect(all)
}

// lens renders the lengths of the maps of slots.
func (s *subject) lens(t testing.TB, slots ...Slot) string {
	t.Helper()
	var all []int
	for _, slot := range slots {
		n, err := s.entry.Len(slot)
		must(t, err)
		all = append(all, n)
	}
	return fmt.Sprint(all)
}

func TestTheMapOfAKeyIsItsOwn(t *testing.T) {
	s := entire(t)
	k := s.slots(t, "a", "b")
	for i := range int64(5) {
		s.entry.Set(k[0], i, fmt.Sprint("v", i))
	}
	s.entry.Set(k[1], 1, "other")
	s.entry.Set(k[0], 1, "new")
	s.entry.Remove(k[0], 4)
	s.entry.Remove(k[0], 99)
	want := map[int64]string{0: "v0", 1: "new", 2: "v2", 3: "v3"}
	if got := s.mapOf(t, k[0]); !maps.Equal(got, want) || s.lens(t, k...) != "[4 1]" {
		t.Errorf("%v, maps of %s entries, want %v", got, s.lens(t, k...), want)
	}
	if v, ok, err := s.entry.Get(k[1], 1); v != "other" || !ok || err != nil {
		t.Errorf("%q, %v, %v", v, ok, err)
	}
	if v, ok, err := s.entry.Get(k[0], 4); v != "" || ok || err != nil {
		t.Errorf("an entry that was removed is %q, %v, %v", v, ok, err)
	}
}

func TestClearingAMapEmptiesOnlyThatOfItsKey(t *testing.T) {
	s := entire(t)
	k := s.slots(t, "a", "b", "never")
	for i := range int64(100) {
		s.entry.Set(k[0], i, "x")
		s.entry.Set(k[1], i, "y")
	}
	must(t, s.entry.Clear(k[0]))
	must(t, s.entry.Clear(k[2]))
	if got := s.lens(t, k...); got != "[0 100 0]" {
		t.Errorf("maps of %s entries", got)
	}
	s.entry.Set(k[0], 7, "again")
	if got := s.mapOf(t, k[0]); len(got) != 1 || got[7] != "again" {
		t.Errorf("%v", got)
	}
}

func TestAnEntryMayBeRemovedWhileItsMapIsRead(t *testing.T) {
	s := entire(t)
	k := s.slots(t, "a")[0]
	for i := range int64(50) {
		s.entry.Set(k, i, "x")
	}
	all, err := s.entry.All(k)
	must(t, err)
	seen := 0
	for mk := range all {
		seen++
		if mk%2 == 0 {
			s.entry.Remove(k, mk)
		}
	}
	if seen != 50 || s.lens(t, k) != "[25]" {
		t.Errorf("%d entries were seen, %s are left", seen, s.lens(t, k))
	}
	for range all {
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
	s := entire(t)
	k := s.slots(t, "a", "b", "c")
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
	s := entire(t)
	k := s.slots(t, "a", "b")
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
	s := entire(t)
	k := s.slots(t, "a", "b")
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
	s := entire(t)
	k := s.slots(t, "a")[0]
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

// inPane renders a pane, sorted; it makes none.
func (s *subject) inPane(t testing.TB, ns int64) string {
	t.Helper()
	if !s.panes.Has(ns) {
		return ""
	}
	var all []string
	for part := range s.store.Groups.Len() {
		must(t, s.panes.Pane(ns).Each(part, func(k *string, n *int64) error {
			all = append(all, fmt.Sprintf("%s=%d", *k, *n))
			return nil
		}))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// found is the accumulator of a key of a pane, as text.
func (s *subject) found(t testing.TB, ns int64, key string) string {
	t.Helper()
	acc, err := s.panes.Pane(ns).Find(key, s.store.Hash(key))
	must(t, err)
	if acc == nil {
		return "none"
	}
	return fmt.Sprint(*acc)
}

func TestEachNamespaceHasItsOwnAccumulators(t *testing.T) {
	s := entire(t)
	s.into(t, 10, 1, "a", "b", "a")
	s.into(t, -20, 5, "b")
	if a, b := s.inPane(t, 10), s.inPane(t, -20); a != "a=2 b=1" || b != "b=5" {
		t.Errorf("%s; %s", a, b)
	}
	if got := s.panes.Namespaces(); !slices.Equal(got, []int64{-20, 10}) {
		t.Errorf("namespaces %v", got)
	}
	n := 0
	for part := range s.store.Groups.Len() {
		n += s.panes.Pane(10).Len(part)
	}
	if a, b := s.found(t, 10, "a"), s.found(t, -20, "a"); n != 2 || a != "2" || b != "none" {
		t.Errorf("%d keys, of which one has %s, and %s in another namespace", n, a, b)
	}
}

func TestAskingMakesNoNamespaceAndDroppingForgetsOne(t *testing.T) {
	s := entire(t)
	if s.panes.Has(3) || len(s.panes.Namespaces()) != 0 {
		t.Errorf("namespaces %v", s.panes.Namespaces())
	}
	s.into(t, 3, 1, "a")
	s.panes.Drop(3)
	s.panes.Drop(4) // there is none
	if len(s.panes.Namespaces()) != 0 || s.inPane(t, 3) != "" {
		t.Errorf("namespaces %v, %s", s.panes.Namespaces(), s.inPane(t, 3))
	}
	s.into(t, 3, 7, "b")
	if got := s.inPane(t, 3); got != "b=7" {
		t.Errorf("made again: %s", got)
	}
}

func TestAKeyOfAPaneHasNoAccumulatorBeforeItIsTouched(t *testing.T) {
	s := entire(t)
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
	s := entire(t)
	n := int64(1)
	kept := s.slots(t, "kept")[0]
	s.value.Set(kept, &n)
	for i := range 1000 {
		slot := s.slots(t, fmt.Sprint("passing-", i))[0]
		s.value.Set(slot, &n)
		s.value.Clear(slot)
	}
	s.checkpoint(t) // what was cleared is written as such
	s.slots(t)
	if got := s.store.Len(); got > 10 {
		t.Errorf("%d keys are held", got)
	}
	if v, ok := s.value.Get(kept); !ok || v != 1 || *s.store.Key(kept) != "kept" {
		t.Errorf("%d, %v", v, ok)
	}
}

func TestAStateHasAnEncodingAndANameOfItsOwn(t *testing.T) {
	s := entire(t)
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
	if slices.Sort(names); fmt.Sprint(names) != "[entry list name panes sum timers value]" {
		t.Errorf("%v", names)
	}
}
