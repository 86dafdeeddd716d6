package keyed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// counter is a store with one number for each key, over a shelf.
type counter struct {
	store *Store[int64]
	n     *Column[int64]
	below *shelf
}

func newCounter(t testing.TB, budget int64) *counter {
	return openCounter(t, budget, &shelf{m: map[string]string{}})
}

func openCounter(t testing.TB, budget int64, below *shelf) *counter {
	t.Helper()
	return openCounterIn(t, NewBudget(budget), below)
}

func openCounterIn(t testing.TB, budget *Budget, below *shelf) *counter {
	t.Helper()
	c := &counter{below: below}
	var err error
	c.store, err = NewStore[int64](Config{
		MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Budget: budget, Context: t.Context(),
		Below: below, Restored: len(below.m) > 0,
	})
	must(t, err)
	c.n, err = NewColumn[int64](c.store, "n")
	must(t, err)
	return c
}

// add adds one to the numbers of a batch of keys.
func (c *counter) add(t testing.TB, keys ...int64) {
	t.Helper()
	for _, slot := range c.lookup(t, keys...) {
		n, _ := c.n.Get(slot)
		n++
		c.n.Set(slot, &n)
	}
}

func (c *counter) lookup(t testing.TB, keys ...int64) []Slot {
	t.Helper()
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = c.store.hash(k)
	}
	must(t, c.store.Lookup(keys, hashes, slots))
	return slots
}

// checkpoint writes what has changed below.
func (c *counter) checkpoint(t testing.TB) {
	t.Helper()
	out := &tape{}
	f := c.store.Freeze()
	must(t, f.WriteTo(out))
	c.below.apply(out.entries)
	f.Done()
}

// reopened is the counter after a crash.
func (c *counter) reopened(t testing.TB) *counter {
	return openCounter(t, 0, c.below)
}

func batchOf(from int64) []int64 {
	keys := make([]int64, 500)
	for i := range keys {
		keys[i] = from + int64(i)
	}
	return keys
}

func TestStateManyTimesTheBudgetIsKeptRight(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng, c, want := rand.New(rand.NewPCG(seed, 0)), newCounter(t, 200_000), map[int64]int64{}
	for round := range 200 {
		keys := batchOf(rng.Int64N(100_000))
		c.add(t, keys...)
		for _, k := range keys {
			want[k]++
		}
		if round%3 == 0 {
			c.checkpoint(t)
		}
	}
	if most := int64(400_000); c.store.Bytes() > most {
		t.Errorf("%d bytes in memory, of which %d were allowed and a third is dirty", c.store.Bytes(), most)
	}
	if len(want) < 3*c.store.Len() {
		t.Errorf("%d of %d keys are in memory", c.store.Len(), len(want))
	}
	for k, n := range want {
		slot := c.lookup(t, k)[0]
		if got, ok := c.n.Get(slot); !ok || got != n {
			t.Fatalf("key %d has %d, %v, want %d", k, got, ok, n)
		}
	}
}

func TestWhatWasNeverEvictedNorRestoredIsNotLookedForBelow(t *testing.T) {
	c := newCounter(t, 0)
	for from := range int64(20) {
		c.add(t, batchOf(from*500)...)
		c.checkpoint(t)
	}
	if c.below.reads > 0 {
		t.Errorf("%d reads", c.below.reads)
	}
}

// A scan of keys that come once must not drive out those that come all the time.
func TestKeysThatComeOnceDoNotDriveOutThoseThatComeAgain(t *testing.T) {
	c := newCounter(t, 200_000)
	for from := range int64(100) {
		c.add(t, batchOf(0)...)
		c.add(t, batchOf(10_000+from*500)...)
		c.checkpoint(t)
	}
	before := c.below.reads
	c.add(t, batchOf(0)...)
	if missed := c.below.reads - before; missed > 10 {
		t.Errorf("%d of the 500 hot keys had to be read again", missed)
	}
	if n := c.store.Counts().Evicted; n < 10_000 {
		t.Errorf("only %d keys were ever evicted", n)
	}
}

func TestNothingDirtyIsEvicted(t *testing.T) {
	c := newCounter(t, 1)
	for from := range int64(40) {
		c.add(t, batchOf(from*500)...)
	}
	if c.store.Len() != 20_000 {
		t.Errorf("%d keys in memory", c.store.Len())
	}
	f := c.store.Freeze() // not written yet
	for from := range int64(40) {
		c.add(t, batchOf(50_000+from*500)...)
	}
	if c.store.Len() != 40_000 {
		t.Errorf("%d keys in memory", c.store.Len())
	}
	f.Release()
	c.checkpoint(t)
	for from := range int64(40) {
		c.add(t, batchOf(100_000+from*500)...)
	}
	if c.store.Len() > 42_000 {
		t.Errorf("%d keys in memory after all could be evicted", c.store.Len())
	}
	if len(c.below.m) != 40_000 {
		t.Errorf("%d keys below", len(c.below.m))
	}
}

// After a read that failed, nothing is taken for absent.
func TestAFailedReadLeavesNoTrace(t *testing.T) {
	c := newCounter(t, 1)
	c.add(t, batchOf(0)...)
	c.checkpoint(t)
	for from := int64(1000); from < 20_000; from += 500 {
		c.add(t, batchOf(from)...) // which evicts the first
		c.checkpoint(t)
	}
	c.below.fail = errors.New("down")
	keys, slots := batchOf(0), make([]Slot, 500)
	hashes := make([]uint64, 500)
	for i, k := range keys {
		hashes[i] = c.store.hash(k)
	}
	if err := c.store.Lookup(keys, hashes, slots); !errors.Is(err, c.below.fail) {
		t.Fatalf("looked up with %v", err)
	}
	c.below.fail = nil
	for i, slot := range c.lookup(t, keys...) {
		if n, ok := c.n.Get(slot); !ok || n != 1 {
			t.Fatalf("key %d has %d, %v", i, n, ok)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, limit := range []int64{0, 1 << 40} {
		b.Run(fmt.Sprint("limit=", limit > 0), func(b *testing.B) {
			c := newCounter(b, limit)
			for from := int64(0); from < 1<<20; from += 500 {
				c.add(b, batchOf(from)...)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			keys, hashes, slots := make([]int64, 1024), make([]uint64, 1024), make([]Slot, 1024)
			for b.Loop() {
				for i := range keys {
					keys[i] = rng.Int64N(1 << 20)
				}
				c.store.codec.Hash(keys, hashes)
				must(b, c.store.Lookup(keys, hashes, slots))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
		})
	}
}
