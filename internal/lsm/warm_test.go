package lsm

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// stored is a world with a state of several tables, and its lists.
func stored(t *testing.T) (*world, []List) {
	t.Helper()
	w := idle(t, 61)
	for table := range 5 {
		set := NewTableSet(t.Context(), w.store, w.newTableName)
		for i := range 2000 {
			must(t, set.Set(fmt.Appendf(nil, "b%04d-%d", i, table), w.noise(400)))
		}
		tables, err := set.Finish()
		must(t, err)
		w.ingest(tables)
		if table == 2 {
			compact(t, w.shards[0])
		}
	}
	return w, w.export()
}

// noise cannot be compressed.
func (w *world) noise(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(w.rng.Uint32())
	}
	return p
}

// restored opens the state with caches that are empty.
func (w *world) restored(t *testing.T, objects objstore.Store, cache int64, lists []List) *Shard {
	t.Helper()
	res, err := NewResources(objects, cache, 8, 1)
	must(t, err)
	t.Cleanup(res.Close)
	res.tune = quiet
	w.res = res
	return w.open(all, lists...)
}

// reads counts the requests of reading a key that is there.
func (w *world) reads(t *testing.T, s *Shard, key string) int {
	t.Helper()
	before, found := w.store.Count(fault.ReadAt), 0
	must(t, s.Read(t.Context(), [][]byte{[]byte(key)}, func(int, []byte) error { found++; return nil }))
	if found != 1 {
		t.Errorf("%s was found %d times", key, found)
	}
	return w.store.Count(fault.ReadAt) - before
}

func TestAReadOfAWarmShardAsksForDataOnly(t *testing.T) {
	w, lists := stored(t)
	cold := w.restored(t, w.store, 8*mib, lists)
	if n := w.reads(t, cold, "b1000-0"); n < 5 {
		t.Errorf("%d requests of a cold read: there is nothing to warm", n)
	}
	warm := w.restored(t, w.store, 8*mib, lists)
	must(t, warm.Warm(t.Context()))
	if n := w.reads(t, warm, "b1000-0"); n > 2 { // one, and another if a filter errs
		t.Errorf("%d requests of a warm read", n)
	}
	if m := warm.Metrics(); m.WarmTables != m.Tables || m.WarmFailures != 0 {
		t.Errorf("%d of %d tables are warm, %d failed", m.WarmTables, m.Tables, m.WarmFailures)
	}
}

func TestWarmingUpLoadsNoDataAndSaysWhatItIsFor(t *testing.T) {
	w, lists := stored(t)
	var read, others atomic.Int64
	s := w.restored(t, &byPurpose{Store: w.store, warm: &read, others: &others}, 8*mib, lists)
	before := s.Metrics()
	must(t, s.Warm(t.Context()))
	if read.Load() == 0 || read.Load() > before.Bytes*3/4 || others.Load() != 0 {
		t.Errorf("%d bytes were read, and %d for other purposes, of %d", read.Load(), others.Load(), before.Bytes)
	}
	if got := w.res.warmed.Load(); got != read.Load() {
		t.Errorf("%d bytes are counted, of %d", got, read.Load())
	}
	must(t, s.Close())
	if got := w.res.warmed.Load(); got != 0 {
		t.Errorf("%d bytes of a closed shard", got)
	}
}

// byPurpose counts the bytes that are read to warm up, and others.
type byPurpose struct {
	objstore.Store
	warm, others *atomic.Int64
}

func (b *byPurpose) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if objstore.PurposeOf(ctx) == objstore.WarmUp {
		b.warm.Add(int64(len(p)))
	} else {
		b.others.Add(int64(len(p)))
	}
	return b.Store.ReadAt(ctx, name, p, off)
}

func TestWarmingUpEndsWhenItWouldTakeHalfOfTheCache(t *testing.T) {
	w, lists := stored(t)
	s := w.restored(t, w.store, 8*mib, lists)
	w.res.warmed.Store(4 * mib)
	before := w.store.Count(fault.ReadAt)
	must(t, s.Warm(t.Context()))
	if n := w.store.Count(fault.ReadAt) - before; n != 0 || s.Metrics().WarmTables != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestAReadDoesNotWaitForWarmingUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 62)
		w.res.tune = quiet
		w.shards = []*Shard{w.open(all)}
		var tables []TableInfo
		for i := range warmers + 1 { // side by side
			tables = append(tables, write(t, w, fmt.Sprintf("k%d=1", i), fmt.Sprintf("k%dx=1", i))...)
		}
		w.ingest(tables)
		held := &holding{Store: w.store, open: make(chan struct{})}
		s := w.restored(t, held, 8*mib, w.export())
		done := make(chan error, 1)
		go func() { done <- s.Warm(t.Context()) }()
		synctest.Wait() // all requests to warm up hang
		if n := w.reads(t, s, fmt.Sprintf("k%d", warmers)); n == 0 || len(done) > 0 {
			t.Errorf("%d requests while other tables are warmed up", n)
		}
		close(held.open)
		must(t, <-done)
	})
}

func TestTheFirstReadMakesNoMoreRequestsThanWithoutWarmingUp(t *testing.T) {
	w, lists := stored(t)
	alone := w.reads(t, w.restored(t, w.store, 8*mib, lists), "b1000-4")
	s := w.restored(t, w.store, 8*mib, lists)
	done := make(chan error, 1)
	go func() { done <- s.Warm(t.Context()) }()
	must(t, s.Read(t.Context(), [][]byte{[]byte("b1000-4")}, func(int, []byte) error { return nil }))
	must(t, <-done)
	if m := s.Metrics(); m.ReadRequests > int64(alone) {
		t.Errorf("the first read made %d requests, %d when nothing is warmed up", m.ReadRequests, alone)
	}
}

// holding is a store that answers requests to warm up when it is opened.
type holding struct {
	objstore.Store
	open chan struct{}
}

func (h *holding) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if objstore.PurposeOf(ctx) == objstore.WarmUp {
		<-h.open
	}
	return h.Store.ReadAt(ctx, name, p, off)
}

func TestTablesThatCannotBeWarmedUpAreCounted(t *testing.T) {
	w, lists := stored(t)
	failing := fault.New(w.store, func(fault.Op, string, int) fault.Fault { return fault.Before })
	s := w.restored(t, failing, 8*mib, lists)
	must(t, s.Warm(t.Context()))
	if m := s.Metrics(); m.WarmFailures != m.Tables || m.WarmTables != 0 {
		t.Errorf("%d of %d tables failed, %d are warm", m.WarmFailures, m.Tables, m.WarmTables)
	}
}

func TestWarmingUpEndsWithTheContextOrTheShard(t *testing.T) {
	w, lists := stored(t)
	s := w.restored(t, w.store, 8*mib, lists)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Warm(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, s.Close())
	if err := s.Warm(t.Context()); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if err := w.restored(t, mem.New(), mib, nil).Warm(t.Context()); err != nil {
		t.Errorf("an empty shard: %v", err)
	}
}
