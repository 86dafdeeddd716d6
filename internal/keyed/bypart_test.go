package keyed

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// storeOf returns a store with a value for each of so many keys, written.
func storeOf(t *testing.T, keys int64) (*Store[int64], *Column[int64]) {
	t.Helper()
	s, err := NewStore[int64](Config{MaxParallelism: 16, Groups: base.KeyGroupRange{End: 16}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewColumn[int64](s, "value")
	if err != nil {
		t.Fatal(err)
	}
	for k := range keys {
		c.Set(slotOf(t, s, k), &k)
	}
	f := s.Freeze()
	if err := f.WriteTo(&tape{}); err != nil {
		t.Fatal(err)
	}
	f.Done()
	return s, c
}

func slotOf(t *testing.T, s *Store[int64], key int64) Slot {
	t.Helper()
	slots := []Slot{0}
	if err := s.Lookup([]int64{key}, []uint64{s.Hash(key)}, slots); err != nil {
		t.Fatal(err)
	}
	return slots[0]
}

func TestChangesAreVisitedOnceEachInTheOrderOfTheirKeyGroups(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	s, c := storeOf(t, 30_000)
	want := map[Slot]int64{}
	for range rng.IntN(3000) {
		slot, v := slotOf(t, s, rng.Int64N(30_000)), rng.Int64()
		c.Set(slot, &v)
		want[slot] = v
	}
	f := c.freeze().(*frozenColumn[int64])
	var visited []Slot
	for part := range s.Parts() {
		f.each(part, func(slot Slot, v *int64) {
			if *v != want[slot] {
				t.Errorf("slot %d has %d, want %d", slot, *v, want[slot])
			}
			visited = append(visited, slot)
		})
	}
	if !slices.IsSortedFunc(visited, func(a, b Slot) int { return cmp.Compare(s.partOf(a), s.partOf(b)) }) {
		t.Error("the slots do not come in the order of their key groups")
	}
	slices.Sort(visited)
	if visited = slices.Compact(visited); len(visited) != len(want) {
		t.Errorf("%d slots have been visited, want %d", len(visited), len(want))
	}
}

// touched is how many keys are touched to visit changes.
func touched(t *testing.T, s *Store[int64], c *Column[int64]) (keys, pages int) {
	t.Helper()
	f := c.freeze().(*frozenColumn[int64])
	inner, visited := f.touchKeys, 0
	f.touchKeys = func(slots []Slot) uint64 {
		keys += len(slots)
		return inner(slots)
	}
	for part := range s.Parts() {
		f.each(part, func(Slot, *int64) { visited++ })
	}
	if visited == 0 {
		t.Error("nothing has changed")
	}
	return keys, len(f.pages)
}

func TestOfPagesFullOfChangesOnlyTheFirstFewAreTouched(t *testing.T) {
	s, c := storeOf(t, 10_000)
	for k := range int64(10_000) {
		c.Set(slotOf(t, s, k), &k)
	}
	if n, pages := touched(t, s, c); n == 0 || n > touchedChanges*pages {
		t.Errorf("%d keys of %d pages are touched, want %d of each at most", n, pages, touchedChanges)
	}
}

func TestEachChangeFarFromAllOthersIsTouched(t *testing.T) {
	s, c := storeOf(t, 30_000)
	changed := map[int]bool{}
	for k := range int64(30_000) {
		if slot := slotOf(t, s, k); !changed[int(slot>>pageBits)] {
			changed[int(slot>>pageBits)] = true
			c.Set(slot, &k)
		}
	}
	if n, _ := touched(t, s, c); n != len(changed) {
		t.Errorf("%d keys are touched, want all %d that have changed", n, len(changed))
	}
}

func TestOfPagesThatAreReadIntoNothingIsTouched(t *testing.T) {
	s, c := storeOf(t, 1000)
	one, value := slotOf(t, s, 1), c.values.append(nil, new(int64))
	for k := range int64(1000) {
		if slot := slotOf(t, s, k); slot>>pageBits != one>>pageBits {
			if err := c.load(slot, value); err != nil { // no change
				t.Fatal(err)
			}
		}
	}
	c.Set(one, new(int64))
	if n, pages := touched(t, s, c); n != 1 || pages == 1 {
		t.Errorf("%d keys of %d pages are touched, want that of the only change", n, pages)
	}
}

func TestASnapshotIsAsOfItsFreezeWhileItsPagesAreTouched(t *testing.T) {
	const keys = 5000
	s, c := storeOf(t, keys)
	slots := make([]Slot, keys)
	for k := range slots {
		slots[k] = slotOf(t, s, int64(k))
	}
	for round := range int64(20) {
		for _, slot := range slots {
			c.Set(slot, &round)
		}
		frozen, got, done := s.Freeze(), &tape{}, make(chan error)
		go func() { done <- frozen.WriteTo(got) }()
		for _, slot := range slots {
			later := -round
			c.Set(slot, &later)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		frozen.Done()
		want := c.values.append(nil, &round)
		if i := slices.IndexFunc(got.entries, func(e entry) bool { return string(e.value) != string(want) }); i >= 0 {
			t.Fatalf("round %d: value %x is written, want %x", round, got.entries[i].value, want)
		}
		if len(got.entries) != keys {
			t.Fatalf("round %d: %d entries are written, want %d", round, len(got.entries), keys)
		}
	}
}
