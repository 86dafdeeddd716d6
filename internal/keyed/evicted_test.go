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

func TestAFilterHasWhatWasAddedAndLittleElse(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, c := range []struct{ keys, expected, times int }{
		{1, 0, 2}, {300, 0, 4}, {30_000, 0, 4}, {30_000, 10_000, 2}, {300_000, 0, 4}, {300_000, 150_000, 2},
	} {
		keys := c.keys
		rng, f, bytes := rand.New(rand.NewPCG(seed, 0)), evicted{}, int64(0)
		// Hashes of one key group of 128 have their upper bits in common.
		hash := func() uint64 { return rng.Uint64() >> 7 }
		var added []uint64
		for range keys {
			h := hash()
			bytes += f.add(h, c.expected, c.times)
			added = append(added, h)
		}
		for _, h := range added {
			if !f.has(h) {
				t.Fatalf("%x of %d keys is missing", h, keys)
			}
		}
		wrong := 0
		for range 100_000 {
			if f.has(hash()) {
				wrong++
			}
		}
		if wrong > 1000 {
			t.Errorf("with %d keys %d of 100000 others are taken for one of them", keys, wrong)
		}
		if most := int64(8*keys + 600); bytes > most {
			t.Errorf("%d keys take %d bytes, want at most %d", keys, bytes, most)
		}
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
