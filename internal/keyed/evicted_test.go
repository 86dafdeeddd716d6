package keyed

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// forgetEvicted plants that a filter has nothing of what has been evicted.
func forgetEvicted(there bool) {
	hasEvicted = (*evicted).has
	if there {
		hasEvicted = func(*evicted, uint64) bool { return false }
	}
}

// filled is a filter of so many blocks at most with random keys, and the hashes of these and of others.
func filled(t *testing.T, keys, expected, most int) (f evicted, added []uint64, other func() uint64) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	other = func() uint64 { return rng.Uint64() >> 7 } // those of one key group of 128 have their upper bits in common
	for range keys {
		if h := other(); f.add(h, expected, most) {
			added = append(added, h)
		}
	}
	return f, added, other
}

// check says how many of 100,000 others are taken for keys of the filter, which has all that were added.
func (f *evicted) check(t *testing.T, added []uint64, other func() uint64) (wrong int) {
	t.Helper()
	for _, h := range added {
		if !f.has(h) {
			t.Fatalf("%x of %d keys is missing", h, len(added))
		}
	}
	for range 100_000 {
		if f.has(other()) {
			wrong++
		}
	}
	return wrong
}

func TestAFilterHasWhatWasAddedAndLittleElse(t *testing.T) {
	const ample = 1 << 40
	for _, c := range []struct{ keys, expected, most int }{
		{1, 0, ample}, {300, 0, ample}, {30_000, 0, ample}, {30_000, 10_000, 10_000}, {300_000, 0, ample}, {300_000, 150_000, 80_000},
	} {
		f, added, other := filled(t, c.keys, c.expected, c.most)
		if wrong := f.check(t, added, other); wrong > 1000 || len(added) != c.keys {
			t.Errorf("with %d of %d keys %d of 100000 others are taken for one of them", len(added), c.keys, wrong)
		}
		if got, most := f.blocks*sizeOfBlock, 8*c.keys+600; got > most {
			t.Errorf("%d keys take %d bytes, want at most %d", c.keys, got, most)
		}
	}
}

func TestAFilterWithoutMoreRoomIsFoldedOnceAndThenTakesNoMore(t *testing.T) {
	const most, keys = 1000, 50_000
	f, added, other := filled(t, keys, 3000, most)
	if n := len(added); n < 30*most || n == keys || !f.folded {
		t.Errorf("a filter of %d blocks has taken %d keys", most, n)
	}
	if f.blocks > most {
		t.Errorf("it has %d blocks, want at most %d", f.blocks, most)
	}
	if wrong := f.check(t, added, other); wrong > 25_000 {
		t.Errorf("%d of 100000 others are taken for one of its keys", wrong)
	}
}

func TestAKeyThatComesForTheFirstTimeIsNotLookedForBelowAfterOthersWereEvicted(t *testing.T) {
	n := newNumbers(t, 600_000, &shelf{m: map[string]string{}}, 0)
	visit := func(from, to int) {
		for i := from; i < to; i++ {
			slot, row := n.slot(t, fmt.Sprint("key ", i)), int64(i)
			rows, err := listed(n.store, n.list, slot)
			must(t, err)
			if len(rows) == 0 {
				n.list.Append(slot, &row)
			}
			if i%500 == 0 {
				n.checkpoint(t)
			}
		}
	}
	visit(0, 10_000)
	if gone := n.store.Counts().Evicted; gone < 1000 {
		t.Fatalf("only %d keys were evicted", gone)
	}
	n.below.read()
	visit(10_000, 20_000)
	if got, most := n.below.scans, 500; got > most {
		t.Errorf("%d scans for 10000 new keys, want at most %d", got, most)
	}
	n.checkpoint(t)
	visit(0, 20_000)
	for i := range 20_000 {
		if rows, err := listed(n.store, n.list, n.slot(t, fmt.Sprint("key ", i))); len(rows) != 1 || err != nil {
			t.Fatalf("key %d has %d rows, %v", i, len(rows), err)
		}
	}
}

func TestAStoreWithLittleMemoryGoesWithoutFilters(t *testing.T) {
	c := newCounter(t, 1)
	for from := range int64(400) {
		c.add(t, batchOf(from*500)...)
		c.checkpoint(t)
	}
	if c.store.filtering != without || c.store.remembered > 0 {
		t.Errorf("it has %d bytes of filters", c.store.remembered)
	}
	reads := c.below.reads
	c.add(t, batchOf(1_000_000)...)
	if c.below.reads == reads {
		t.Error("a new key is not looked for")
	}
	if got, ok := c.n.Get(c.lookup(t, 0)[0]); !ok || got != 1 {
		t.Errorf("the first key has %d, %v", got, ok)
	}
}
