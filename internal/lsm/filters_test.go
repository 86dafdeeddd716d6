package lsm

import (
	"fmt"
	"testing"
)

func TestFiltersAreAskedWhereTheyFitIntoHalfOfTheCache(t *testing.T) {
	var f filters
	var a, b share
	if !f.pay(0) {
		t.Error("there are none, and they do not fit")
	}
	f.vain.Store(1)
	a.is(1000*smallEntry, &f) // 1,250 bytes of filters, if they are small
	if !f.pay(2500) || f.pay(2498) {
		t.Error("entries of which nobody knows how large they are are not taken to be small")
	}
	f.taken([]TableInfo{{Bytes: 600, Entries: 60}, {Bytes: 200, Entries: 20}})
	a.is(6000, &f)
	b.is(2000, &f) // 800 entries in all, and 1,000 bytes of filters
	for cache, want := range map[int64]bool{1000: false, 1998: false, 2000: true, 9000: true} {
		if f.pay(cache) != want {
			t.Errorf("a cache of %d: %v", cache, !want)
		}
	}
	if a.is(0, &f); !f.pay(500) || f.pay(498) {
		t.Error("a shard that is closed counts")
	}
}

func TestFiltersAreAskedWhenTheyWouldHaveSavedWhatTheyCost(t *testing.T) {
	var f filters
	var a share
	a.is(1_000_000*smallEntry, &f) // 1,250,000 bytes of filters: as much as 39 blocks
	for vain, want := range map[int64]bool{0: false, 38: false, 39: true, 1000: true} {
		if f.vain.Store(vain); f.pay(1<<30) != want {
			t.Errorf("after %d reads in vain: %v", vain, !want)
		}
	}
}

// tiny are tables of many keys without values, in the lowest level.
func tiny(t *testing.T) *world {
	w := idle(t, 17)
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	for i := range 50_000 {
		must(t, set.Set(fmt.Appendf(nil, "b%08d", 2*i), nil))
	}
	tables, err := set.Finish()
	must(t, err)
	w.ingest(tables)
	compact(t, w.shards[0])
	return w
}

func (w *world) seek(t *testing.T, i int) (found bool, requests int) {
	before := w.requests()
	must(t, w.shards[0].Read(t.Context(), [][]byte{fmt.Appendf(nil, "b%08d", i)}, func(int, []byte) error {
		found = true
		return nil
	}))
	return found, w.requests() - before
}

func TestAReadDoesNotFetchAFilterThatWouldNotStay(t *testing.T) {
	requests := map[bool]int{}
	for _, fit := range []bool{true, false} {
		w := tiny(t)
		w.res.filters.vain.Store(1000)
		if !fit {
			w.res.blocks.SetLimit(100_000)
		}
		found, n := w.seek(t, 50_000)
		if requests[fit] = n; !found {
			t.Error("a key is lost")
		}
		if found, _ := w.seek(t, 50_001); found {
			t.Error("a key was found that nobody has set")
		}
	}
	if requests[false] != requests[true]-1 {
		t.Errorf("%d requests, and %d where filters fit", requests[false], requests[true])
	}
}
