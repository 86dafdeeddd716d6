package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

const (
	fewReaders = 8
	perRead    = 20 * time.Millisecond
)

// afar returns a shard with a table of n blocks of a key each, in a store whose reads take 20 ms. Index and filter are
// in memory, and there are few readers.
func afar(t *testing.T, n int) (*distant, *Shard, [][]byte) {
	t.Helper()
	d := &distant{Store: mem.New()}
	set := NewTableSet(t.Context(), d, func() string { return "tables/1" })
	var keys [][]byte
	for i := range n {
		keys = append(keys, fmt.Appendf(nil, "b%04d", i))
		must(t, set.Set(keys[i], make([]byte, 32<<10)))
	}
	tables, err := set.Finish()
	must(t, err)
	res, err := NewResources(d, 64*mib, fewReaders, 1)
	must(t, err)
	s, err := OpenShard(t.Context(), res, "p/1", all)
	must(t, err)
	t.Cleanup(func() {
		if !res.readers.slots.TryAcquire(fewReaders) {
			t.Error("at the end readers are busy, or calls wait")
		}
		must(t, s.Close())
		res.Close()
	})
	must(t, s.Ingest(t.Context(), tables))
	res.filters.vain.Store(1)                                    // so that filters pay
	must(t, s.Read(t.Context(), [][]byte{[]byte("b")}, nothing)) // loads index and filter
	d.latency.Store(int64(perRead))
	d.forget()
	return d, s, keys
}

func nothing(int, []byte) error { return nil }

// count reads keys and returns how many were found.
func count(t *testing.T, s *Shard, keys [][]byte) (n int) {
	t.Helper()
	if err := s.Read(t.Context(), keys, func(int, []byte) error { n++; return nil }); err != nil {
		t.Error(err)
	}
	return n
}

func TestAColdGroupTakesAsManyRoundsAsTheReadersAllow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d, s, keys := afar(t, 100)
		begin := time.Now()
		if n := count(t, s, keys); n != 100 {
			t.Errorf("%d keys found", n)
		}
		if took := time.Since(begin); took != 13*perRead || d.reads.Load() != 100 {
			t.Errorf("%v and %d requests for 100 keys, 8 at a time", took, d.reads.Load())
		}
	})
}

// Who is next of those that wait at the same moment is the scheduler's choice, so the median of some runs counts.
func TestACallThatComesLateGetsItsPartOfTheReaders(t *testing.T) {
	var lates []time.Duration
	for range 9 {
		bubble.Test(t, func(t *testing.T) {
			_, s, keys := afar(t, 300)
			var group sync.WaitGroup
			var early, late time.Duration
			begin := time.Now()
			group.Go(func() { count(t, s, keys[:200]); early = time.Since(begin) })
			synctest.Wait()
			group.Go(func() { count(t, s, keys[200:240]); late = time.Since(begin) })
			group.Wait()
			if early > 33*perRead {
				t.Errorf("the early call ended after %v", early)
			}
			lates = append(lates, late)
		})
	}
	// Alone the early one would take 25 rounds, the late one 5. Together there are 30; the late one waits for a turn and
	// then has half of the readers.
	slices.Sort(lates)
	if lates[4] > 20*perRead {
		t.Errorf("the late calls ended after %v", lates)
	}
}

func TestReadersThatBecomeFreeHelpACallThatBeganWithOne(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		_, s, keys := afar(t, 300)
		var group sync.WaitGroup
		group.Go(func() { count(t, s, keys[:8]) })
		synctest.Wait()
		begin := time.Now()
		count(t, s, keys[100:180])
		if took := time.Since(begin); took > 12*perRead {
			t.Errorf("80 keys took %v, with 8 readers after the first round", took)
		}
		group.Wait()
	})
}

func TestSingleKeysAreReadAtTheSameTimeAndNoMoreThanThereAreReaders(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d, s, keys := afar(t, 100)
		var group sync.WaitGroup
		begin := time.Now()
		for i := range keys {
			group.Go(func() {
				if count(t, s, keys[i:i+1]) != 1 {
					t.Errorf("%s is not found", keys[i])
				}
			})
		}
		group.Wait()
		if took := time.Since(begin); took != 13*perRead || d.most.Load() != fewReaders {
			t.Errorf("%v, up to %d requests at a time", took, d.most.Load())
		}
	})
}

func TestAKeyInTheCacheDoesNotWaitForBusyReaders(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		_, s, keys := afar(t, 100)
		count(t, s, keys[50:53])
		var group sync.WaitGroup
		group.Go(func() { count(t, s, keys[:20]) })
		synctest.Wait()
		begin := time.Now()
		if n := count(t, s, keys[50:51]) + count(t, s, keys[50:53]); n != 4 || time.Since(begin) != 0 {
			t.Errorf("%d keys from the cache in %v", n, time.Since(begin))
		}
		group.Wait()
	})
}

func TestAWaitForAReaderEndsWithTheContext(t *testing.T) {
	for _, n := range []int{1, 5} {
		bubble.Test(t, func(t *testing.T) {
			_, s, keys := afar(t, 100)
			var group sync.WaitGroup
			group.Go(func() { count(t, s, keys[:50]) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), perRead/2)
			defer cancel()
			begin := time.Now()
			err := s.Read(ctx, keys[60:60+n], nothing)
			if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != perRead/2 {
				t.Errorf("%d keys: %v after %v", n, err, took)
			}
			group.Wait()
		})
	}
}

func TestKeysOfOneBlockTakeOneRequest(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d, s, _ := afar(t, 1)
		set := NewTableSet(t.Context(), d, func() string { return "tables/2" })
		var keys [][]byte
		for i := range 200 {
			keys = append(keys, fmt.Appendf(nil, "c%04d", i))
			must(t, set.Set(keys[i], make([]byte, 100)))
		}
		tables, err := set.Finish()
		must(t, err)
		must(t, s.Ingest(t.Context(), tables))
		must(t, s.Read(t.Context(), [][]byte{[]byte("c")}, nothing))
		d.forget()
		if n := count(t, s, keys); n != 200 || d.reads.Load() != 1 {
			t.Errorf("%d keys in %d requests", n, d.reads.Load())
		}
	})
}

// reopened returns a shard with all that another has, of which nothing is in memory, and so many readers for it.
func reopened(t *testing.T, d *distant, s *Shard, readers int) *Shard {
	t.Helper()
	list, err := s.Export(t.Context())
	must(t, err)
	res, err := NewResources(d, 64*mib, readers, 1)
	must(t, err)
	again, err := OpenShard(t.Context(), res, "p/2", all, list)
	must(t, err)
	t.Cleanup(func() {
		if !res.readers.slots.TryAcquire(int64(readers)) {
			t.Error("at the end readers of the reopened shard are busy")
		}
		must(t, again.Close())
		res.Close()
	})
	return again
}

// A table that is met for the first time costs its reader half a megabyte, for as long as it reads.
func TestAfterARestoreFewReadUntilIndexesAreInMemory(t *testing.T) {
	const readers, keysAtOnce = 64, 640
	bubble.Test(t, func(t *testing.T) {
		d, s, keys := afar(t, keysAtOnce)
		s = reopened(t, d, s, readers)
		begin := time.Now()
		read := make(chan int)
		go func() { read <- count(t, s, keys) }()
		<-time.After(perRead / 2)
		if n := d.most.Load(); n > readers*ReaderBytes/(levels*readBefore) {
			t.Errorf("%d readers at first, when each may load %d indexes", n, levels)
		}
		if n := <-read; n != keysAtOnce {
			t.Errorf("%d keys found", n)
		}
		if took := time.Since(begin); took > 20*perRead || d.most.Load() < readers*9/10 {
			t.Errorf("%v for %d keys, at most %d at a time", took, keysAtOnce, d.most.Load())
		}
	})
}

func TestAReadWithoutAnEndIsNoCompaction(t *testing.T) {
	d, s, keys := afar(t, 10)
	for _, some := range [][][]byte{keys[:1], keys[1:3]} {
		must(t, s.Read(context.Background(), some, nothing))
	}
	if n := d.purposes[objstore.Compaction].Load(); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestReadersAreFreeAgainAfterFailures(t *testing.T) {
	d, s, keys := afar(t, 100)
	d.latency.Store(0)
	good := d.Store
	d.Store = fault.New(good, func(fault.Op, string, int) fault.Fault { return fault.Before })
	for _, some := range [][][]byte{keys[:1], keys, keys[7:8]} {
		if err := s.Read(t.Context(), some, nothing); !errors.Is(err, fault.ErrInjected) {
			t.Errorf("%d keys: %v", len(some), err)
		}
	}
	d.Store = good
	if n := count(t, s, keys); n != 100 {
		t.Errorf("%d keys after the failures", n)
	}
}

func TestManyCallsAtOnceFindWhatIsThereAndNothingElse(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	d, s, keys := afar(t, 200)
	d.latency.Store(int64(50 * time.Microsecond))
	s.res.blocks.SetLimit(mib) // less than the table has
	var group sync.WaitGroup
	for c := range 100 {
		rng := rand.New(rand.NewPCG(seed, uint64(c)))
		group.Go(func() {
			for range 5 {
				var some [][]byte
				absent := 0
				for range 1 + rng.IntN(6)*rng.IntN(6) {
					k := slices.Clone(keys[rng.IntN(len(keys))])
					if rng.IntN(4) == 0 {
						k = append(k, 'x')
					}
					some = append(some, k)
				}
				slices.SortFunc(some, slices.Compare)
				some = slices.CompactFunc(some, slices.Equal)
				for _, k := range some {
					absent += len(k) - len(keys[0])
				}
				if n := count(t, s, some); n != len(some)-absent {
					t.Errorf("%d of %d keys found, %d are absent", n, len(some), absent)
				}
			}
		})
	}
	group.Wait()
	if d.most.Load() > fewReaders {
		t.Errorf("up to %d requests at a time", d.most.Load())
	}
}

func TestTheCacheIsPassedByWhileFewKeysAreInIt(t *testing.T) {
	var c cold
	passed := func(n int) (passed int) {
		for range n {
			if c.pass() {
				passed++
			}
		}
		return passed
	}
	if n := passed(32); n != 0 {
		t.Errorf("%d of 32 passed before anything was seen", n)
	}
	c.saw(70, 100)
	if n := passed(32); n != 30 {
		t.Errorf("%d of 32 passed after a group that missed, want all but every sixteenth", n)
	}
	c.saw(1, 100)
	if n := passed(32); n != 0 {
		t.Errorf("%d of 32 passed after a group that hit", n)
	}
	c.saw(1, 1)
	c.saw(0, 0)
	if n := passed(32); n != 0 {
		t.Errorf("%d of 32 passed after one key that missed", n)
	}
	for range 200 {
		c.saw(1, 1)
	}
	if n := passed(32); n != 30 {
		t.Errorf("%d of 32 passed after many keys that missed", n)
	}
}

func TestReadersAreAsManyAsTheirShareOfMemoryAllows(t *testing.T) {
	r := newReaders(1024)
	for _, c := range []struct{ memory, want int64 }{
		{128 * readersShare * ReaderBytes, 128}, {1, leastReaders}, {64 << 30, 1024}, {2000 << 20, 800},
	} {
		r.within(c.memory)
		var taken []*asked
		for a := new(asked); r.tryTake(a); a = new(asked) {
			taken = append(taken, a)
		}
		if n := int64(len(taken)); n > c.want || n <= c.want/2 {
			t.Errorf("%d MiB: %d readers at a time, want at most %d and more than half of them", c.memory/mib, n, c.want)
		}
		for _, a := range taken {
			r.give(a)
		}
	}
}
