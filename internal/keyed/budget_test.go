package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestWhatAStoreTookIsGivenBackWhenItCloses(t *testing.T) {
	budget := NewBudget(0)
	budget.used.Add(1000) // of another store
	var stores []*Store[string]
	total := int64(1000)
	for i := range 2 {
		s, err := NewStore[string](Config{
			MaxParallelism: maxP, Groups: base.RangeOf(i, 2, maxP), Budget: budget, Context: t.Context(),
			Below: &shelf{m: map[string]string{}},
		})
		must(t, err)
		l, err := NewList[string](s, "list")
		must(t, err)
		row := strings.Repeat("x", 100_000)
		for n := range 1000 {
			key := fmt.Sprint("key-", n)
			if !s.Groups.Contains(base.KeyGroupOf(s.Hash(key), maxP)) {
				continue
			}
			var slots [1]Slot
			must(t, s.Lookup([]string{key}, []uint64{s.Hash(key)}, slots[:]))
			if n < 20 {
				l.Append(slots[0], &row)
			}
		}
		must(t, s.Lookup(nil, nil, nil))
		stores, total = append(stores, s), total+s.Bytes()
	}
	if got := budget.Used(); got != total || got < 2_000_000 {
		t.Errorf("%d bytes are in use, stores say %d, and there are 20 rows of 100 kB", got, total)
	}
	for _, s := range stores {
		s.Close()
		s.Close()
	}
	if got := budget.Used(); got != 1000 {
		t.Errorf("%d bytes are in use after all stores closed", got)
	}
}

func TestAStoreMayHaveTheChangesThatOthersDoNotNeed(t *testing.T) {
	const limit = 40 << 20
	budget := NewBudget(limit)
	shelf := &shelf{m: map[string]string{}}
	a, b := openCounterIn(t, budget, shelf), openCounterIn(t, budget, shelf)
	check := func(when string, wantA, wantB int64) {
		t.Helper()
		near := func(got, want int64) bool { return got > want*9/10 && got < want*11/10 }
		if got, other := a.store.DirtyShare(), b.store.DirtyShare(); !near(got, wantA) || !near(other, wantB) {
			t.Errorf("%s: shares of %d and %d, want %d and %d", when, got, other, wantA, wantB)
		}
	}
	check("without changes", limit/4, limit/4)
	for from := int64(0); b.store.unwritten() < limit/16; from += 500 {
		b.add(t, batchOf(from)...)
	}
	check("when one has changes", limit/4-limit/16, limit/4)
	f := b.store.Freeze()
	b.add(t)
	check("while they are being written", limit/4-limit/16, limit/4)
	must(t, f.WriteTo(&tape{}))
	f.Done()
	b.add(t)
	check("when they have been written", limit/4, limit/4)
	for from := int64(0); b.store.unwritten() < limit/3; from += 500 {
		b.add(t, batchOf(from)...)
	}
	check("when one has too many", limit/8, limit/4)
	b.store.Close()
	check("when that is closed", limit/4, limit/4)
}

// What is not written yet must stay, and each part may have a page that is not full.
func TestMemoryStaysWithinTheLimitAndWhatIsNotWritten(t *testing.T) {
	const limit, keysAtOnce = 1 << 20, 2000
	s := newSubject(t, base.KeyGroupRange{End: maxP}, limit)
	page := int64(sizeOf[[pageLen]string]() + sizeOf[page[int64]]() + sizeOf[page[string]]())
	dirty := page / pageLen * 4 * keysAtOnce // its epoch, and pages that are half dirty
	for round := range 15 {
		for i := range keysAtOnce {
			slot, _ := s.slot(t, fmt.Sprint("key-", round, "-", i))
			n, name := int64(i), "n"
			s.value.Set(slot, &n)
			s.name.Set(slot, &name)
		}
		s.checkpoint(t)
		if most := limit + dirty + maxP*page; s.store.Bytes() > most {
			t.Fatalf("round %d: %d bytes, of which %d are allowed", round, s.store.Bytes(), most)
		}
	}
	if got := len(s.below.m); got != 15*2*keysAtOnce {
		t.Errorf("%d entries below", got)
	}
}

// A chunk takes more than its place in a page.
func TestChunksOfListsCountAsTheyGrow(t *testing.T) {
	const limit, rows = 1 << 20, 500
	s := newSubject(t, base.KeyGroupRange{End: maxP}, limit)
	row := strings.Repeat("x", 1000)
	for round := range 40 {
		for i := range rows {
			slot, _ := s.slot(t, fmt.Sprint("key-", i%20))
			s.list.Append(slot, &row)
		}
		s.checkpoint(t)
		if most := int64(limit + 4*rows*len(row)); s.store.Bytes() > most {
			t.Fatalf("round %d: %d bytes, of which %d are allowed", round, s.store.Bytes(), most)
		}
	}
	for i := range 20 {
		slot, _ := s.slot(t, fmt.Sprint("key-", i))
		if n, err := s.list.Len(slot); n != 40*rows/20 || err != nil {
			t.Errorf("list %d has %d rows, %v", i, n, err)
		}
	}
}

func TestWhatMayBeInFlightIsAShareOfTheLimit(t *testing.T) {
	if share := NewBudget(0).FlightShare(); share != 0 {
		t.Errorf("%d without a limit", share)
	}
	b := NewBudget(64 << 20)
	if share := b.FlightShare(); share != 16<<20 {
		t.Errorf("%d of 64 MB", share)
	}
	if share := NewBudget(1000).FlightShare(); share != leastFlight {
		t.Errorf("%d of 1,000 bytes", share)
	}
}
