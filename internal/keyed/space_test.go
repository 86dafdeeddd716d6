package keyed

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

var expiring10M = flag.Int("expiry.keys", 50_000, "how many keys are to expire")

// space is a store of many keys over a shard.
type space struct {
	t       *testing.T
	objects *mem.Store
	res     *lsm.Resources
	shard   *lsm.Shard
	store   *Store[uint64]
	seen    *TimedColumn[int64]
	named   int
}

func newSpace(t *testing.T) *space {
	s := &space{t: t, objects: mem.New()}
	var err error
	s.res, err = lsm.NewResources(s.objects, 64<<20, 4, 2)
	must(t, err)
	t.Cleanup(s.res.Close)
	s.shard, err = lsm.OpenShard(t.Context(), s.res, "shards/p", whole7)
	must(t, err)
	t.Cleanup(func() { must(t, s.shard.Close()) })
	s.open(0)
	return s
}

// open begins with what is below, and memory for so many bytes, zero for what it takes.
func (s *space) open(budget int64) {
	s.t.Helper()
	var err error
	s.store, err = NewStore[uint64](Config{
		Operator: 7, Name: "space", MaxParallelism: 128, Groups: base.KeyGroupRange{End: 128},
		Budget: NewBudget(budget), Context: context.Background(), Below: shardBelow{s.shard}, Restored: budget > 0,
	})
	must(s.t, err)
	s.seen, err = NewTimedColumn[int64](s.store, "seen", TTL{After: time.Hour})
	must(s.t, err)
}

func (s *space) checkpoint() {
	s.t.Helper()
	f := s.store.Freeze()
	set := lsm.NewTableSet(s.t.Context(), s.objects, func() string { s.named++; return fmt.Sprint("shards/t", s.named) })
	must(s.t, f.WriteTo(set))
	tables, err := set.Finish()
	must(s.t, err)
	must(s.t, s.shard.Ingest(s.t.Context(), tables))
	f.Done()
}

// often is how many changes go into a checkpoint.
const often = 200_000

// set gives keys up to n a value.
func (s *space) set(n int) {
	const batch = 1000
	keys, hashes, slots := make([]uint64, batch), make([]uint64, batch), make([]Slot, batch)
	for from := 0; from < n; from += batch {
		for i := range keys {
			keys[i] = uint64(from+i) * 0x9E3779B97F4A7C15
			hashes[i] = s.store.Hash(keys[i])
		}
		must(s.t, s.store.Lookup(keys, hashes, slots))
		for i, slot := range slots {
			v := int64(from + i)
			s.seen.Set(slot, &v)
		}
		if (from+batch)%often == 0 {
			s.checkpoint()
		}
	}
	s.checkpoint()
}

// sweep lets go what has expired, and says what that took.
func (s *space) sweep(now int64) string {
	s.store.At(now)
	before, began, n := s.shard.Metrics().SweepBytes, time.Now(), 0
	for range Rounds {
		s.store.Sweep()
	}
	for w := s.shard.Sweep(now, whole7); ; {
		keys, err := w.Next(s.t.Context())
		must(s.t, err)
		if len(keys) == 0 {
			s.checkpoint()
			must(s.t, w.Finish(s.t.Context()))
			break
		}
		must(s.t, s.store.Expire(keys))
		if n += len(keys); n/often > (n-len(keys))/often {
			s.checkpoint()
		}
	}
	return fmt.Sprintf("%d bytes of tables: %d keys found, %d bytes read, %v",
		s.shard.Metrics().Bytes, n, s.shard.Metrics().SweepBytes-before, time.Since(began).Round(time.Millisecond))
}

func TestTheSpaceOfManyKeysThatExpireIsBackWithinTwoSweeps(t *testing.T) {
	s := newSpace(t)
	s.store.At(1000)
	s.set(*expiring10M)
	s.open(16 << 20) // as after a restart
	before := s.shard.Metrics().Bytes
	t.Logf("%d keys, %d bytes of tables", *expiring10M, before)
	later := 1000 + time.Hour.Milliseconds()
	t.Logf("first sweep: %s", s.sweep(later))
	t.Logf("second sweep: %s", s.sweep(later+1))
	if after := s.shard.Metrics().Bytes; after > before/100 {
		t.Errorf("%d bytes of tables are left of %d", after, before)
	}
	s.store.tidy()
	if n := s.store.Len(); n > 0 {
		t.Errorf("%d keys are left in memory", n)
	}
}
