package keyed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// numbers is a store of lists over a shelf.
type numbers struct {
	store *Store[string]
	list  *List[int64]
	below *shelf
}

func newNumbers(t testing.TB, budget int64, below *shelf, checkpoint uint64) *numbers {
	t.Helper()
	n := &numbers{below: below}
	var err error
	n.store, err = NewStore[string](Config{
		MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Budget: NewBudget(budget), Context: t.Context(),
		Below: below, Restored: checkpoint > 0, Checkpoint: checkpoint,
	})
	must(t, err)
	n.list, err = NewList[int64](n.store, "list")
	must(t, err)
	return n
}

func (n *numbers) slot(t testing.TB, key string) Slot {
	t.Helper()
	var slots [1]Slot
	must(t, n.store.Lookup([]string{key}, []uint64{n.store.Hash(key)}, slots[:]))
	return slots[0]
}

func (n *numbers) checkpoint(t testing.TB) (written int) {
	t.Helper()
	f, out := n.store.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	n.below.apply(out.entries)
	f.Done()
	return len(out.entries)
}

func TestALongListIsAppendedToWithoutBeingReadAndIsInItsOrder(t *testing.T) {
	const rows = 100_000
	n := newNumbers(t, 100_000, &shelf{m: map[string]string{}}, 0)
	for i := range int64(rows) {
		n.list.Append(n.slot(t, "a"), &i)
		if i%1000 == 999 {
			if written := n.checkpoint(t); written > 20 {
				t.Fatalf("%d chunks were written for 1000 small rows", written)
			}
			n.list.Append(n.slot(t, fmt.Sprint("other ", i)), &i)
		}
	}
	if n.store.Bytes() > 300_000 {
		t.Errorf("%d bytes in memory", n.store.Bytes())
	}
	n.checkpoint(t)
	for restored := range uint64(2) {
		if got := n.below.read(); got != "0 reads, 0 scans" {
			t.Errorf("%s before anybody asked", got)
		}
		got, err := listed(n.store, n.list, n.slot(t, "a"))
		if err != nil || len(got) != rows || !slices.IsSorted(got) {
			t.Fatalf("%d rows, in order: %v, %v", len(got), slices.IsSorted(got), err)
		}
		if n.store.Bytes() > 300_000 {
			t.Errorf("%d bytes: what was read stays in memory", n.store.Bytes())
		}
		n.below.read()
		n = newNumbers(t, 100_000, n.below, 100+restored)
	}
}

func TestASnapshotWritesOneChunkOfAListThatWasAppendedTo(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	for i := range int64(10_000) {
		n.list.Append(n.slot(t, "a"), &i)
	}
	if written := n.checkpoint(t); written < 5 || written > 20 {
		t.Errorf("%d chunks", written)
	}
	for i := range int64(3) {
		n.list.Append(n.slot(t, "a"), &i)
		if written := n.checkpoint(t); written != 1 {
			t.Errorf("%d chunks were written for one row", written)
		}
	}
}

func TestARestoredListGoesOnBehindWhatItHas(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	next := int64(0)
	for checkpoint := range uint64(5) {
		for range 3 {
			n.list.Append(n.slot(t, "a"), &next)
			next++
		}
		if checkpoint%2 == 1 { // with the older chunks in memory, and without
			_, err := n.list.Len(n.slot(t, "a"))
			must(t, err)
		}
		n.list.Append(n.slot(t, "a"), &next)
		next++
		n.checkpoint(t)
		n = newNumbers(t, 0, n.below, checkpoint+1)
	}
	rows, err := listed(n.store, n.list, n.slot(t, "a"))
	if len(rows) != int(next) || !slices.IsSorted(rows) || err != nil {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestAListThatIsOnlyBelowIsCleared(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	for i := range int64(10_000) {
		n.list.Append(n.slot(t, "a"), &i)
	}
	n.checkpoint(t)
	n = newNumbers(t, 0, n.below, 1)
	must(t, n.list.Clear(n.slot(t, "a")))
	seven := int64(7)
	n.list.Append(n.slot(t, "a"), &seven)
	n.checkpoint(t)
	rows, err := listed(n.store, n.list, n.slot(t, "a"))
	if fmt.Sprint(rows) != "[7]" || err != nil || len(n.below.m) != 1 {
		t.Errorf("%v, %v, %d chunks below", rows, err, len(n.below.m))
	}
}

func TestAListThatIsDamagedIsReported(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	for i := range int64(3) {
		n.list.Append(n.slot(t, "a"), &i)
	}
	n.checkpoint(t)
	for k, good := range n.below.m {
		for name, bad := range map[string]string{
			"cut": good[:len(good)-1], "without rows": good[:1], "of more rows": good[:1] + "\x04" + good[2:],
			"of too many rows": good[:1] + "\xff\x7f" + good[2:], "of long rows": good[:2] + "\x7f" + good[3:],
		} {
			n.below.m[k] = bad
			again := newNumbers(t, 0, n.below, 1)
			if rows, err := listed(again.store, again.list, again.slot(t, "a")); base.KindOf(err) != base.Corrupt {
				t.Errorf("%s: %v, %v", name, rows, err)
			}
		}
	}
}

func TestTheRowsOfAListThatAreVisitedAreThoseThatItYields(t *testing.T) {
	n := newNumbers(t, 100_000, &shelf{m: map[string]string{}}, 0)
	for key, rows := range map[string]int64{"none": 0, "short": 3, "long": 3000, "large": 300_000} {
		for i := range rows {
			n.list.Append(n.slot(t, key), &i)
		}
	}
	for _, when := range []string{"in memory", "below"} {
		for _, key := range []string{"none", "short", "long", "large"} {
			yielded, err := listed(n.store, n.list, n.slot(t, key))
			must(t, err)
			visited := []int64{}
			must(t, n.list.Each(n.slot(t, key), func(v *int64) bool { visited = append(visited, *v); return true }))
			if !slices.Equal(yielded, visited) {
				t.Errorf("%s, %s: %d rows were yielded, %d visited", when, key, len(yielded), len(visited))
			}
			some := 0
			must(t, n.list.Each(n.slot(t, key), func(*int64) bool { some++; return some < 2 }))
			if want := min(2, len(yielded)); some != want {
				t.Errorf("%s, %s: %d rows were visited, want %d", when, key, some, want)
			}
		}
		n.checkpoint(t)
		n = newNumbers(t, 100_000, n.below, 1)
	}
}

func TestRowsAreVisitedWithinAVisit(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	slot := n.slot(t, "a")
	for i := range int64(3) {
		n.list.Append(slot, &i)
	}
	var seen []string
	must(t, n.list.Each(slot, func(outer *int64) bool {
		sum := *outer
		must(t, n.list.Each(slot, func(inner *int64) bool { sum += *inner; return true }))
		seen = append(seen, fmt.Sprint(*outer, ":", sum))
		n.list.Append(slot, outer)
		return true
	}))
	if got := strings.Join(seen, " "); got != "0:3 1:4 2:6" {
		t.Errorf("%s: not the rows as of each call", got)
	}
}

func TestAListThatIsReadIsAsOfTheCallWhateverBecomesOfItsRows(t *testing.T) {
	for name, rows := range map[string]int64{"short": 30, "long": 3000} {
		n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
		slot, other := n.slot(t, "a"), n.slot(t, "b")
		for i := range rows {
			n.list.Append(slot, &i)
		}
		replace := func() { // by other rows, in the same memory
			must(t, n.list.Clear(slot))
			for range rows {
				seven := int64(7)
				n.list.Append(other, &seven)
			}
		}
		yielded, err := n.list.All(slot)
		must(t, err)
		visited := int64(0)
		must(t, n.list.Each(slot, func(v *int64) bool {
			if visited == 1 {
				replace()
			}
			if *v != visited {
				t.Fatalf("%s: row %d is %d", name, visited, *v)
			}
			visited++
			return true
		}))
		if got := slices.Collect(yielded); visited != rows || int64(len(got)) != rows || got[rows-1] != rows-1 {
			t.Errorf("%s: %d rows were visited and %d yielded, want %d", name, visited, len(got), rows)
		}
	}
}

func TestADamagedListIsNotVisited(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	seven := int64(7)
	n.list.Append(n.slot(t, "a"), &seven)
	n.checkpoint(t)
	for k, good := range n.below.m {
		n.below.m[k] = good[:len(good)-1]
	}
	again := newNumbers(t, 0, n.below, 1)
	err := again.list.Each(again.slot(t, "a"), func(*int64) bool { t.Error("a row"); return true })
	if base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
}

func TestVisitingAShortListAllocatesNothing(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	slot, sum := n.slot(t, "a"), int64(0)
	for i := range int64(100) {
		n.list.Append(slot, &i)
	}
	allocs := testing.AllocsPerRun(1000, func() {
		must(t, n.list.Each(slot, func(v *int64) bool { sum += *v; return true }))
	})
	if allocs > 0 || sum != 1001*4950 {
		t.Errorf("%v allocations, a sum of %d", allocs, sum)
	}
}

func TestAppendingAllocatesLittle(t *testing.T) {
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	slot, i := n.slot(t, "a"), int64(0)
	if allocs := testing.AllocsPerRun(10_000, func() { n.list.Append(slot, &i); i++ }); allocs > 0 {
		t.Errorf("%v allocations for a row", allocs)
	}
}

func TestListsOfManySlotsAreTouchedWhateverTheyHave(t *testing.T) {
	n := newNumbers(t, 100_000, &shelf{m: map[string]string{}}, 0)
	slots := []Slot{n.slot(t, "none"), n.slot(t, "short"), n.slot(t, "long"), n.slot(t, "cleared")}
	n.appendTo(t, "short", 1)
	n.appendTo(t, "long", 100_000) // of which most is evicted
	n.appendTo(t, "cleared", 10)
	must(t, n.list.Clear(slots[3]))
	n.store.Touch(slots)
	if n.list.touched == 0 {
		t.Error("nothing was read")
	}
	if allocs := testing.AllocsPerRun(100, func() { n.store.Touch(slots) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	for i, want := range []int{0, 1, 100_000, 0} {
		if got, err := n.list.Len(slots[i]); got != want || err != nil {
			t.Errorf("list %d has %d rows, want %d, %v", i, got, want, err)
		}
	}
	n.checkpoint(t)
	n = newNumbers(t, 100_000, n.below, 1)
	n.store.Touch([]Slot{n.slot(t, "long")})
}
