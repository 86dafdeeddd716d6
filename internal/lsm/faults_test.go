package lsm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// faulty is a world whose store fails while failing says so.
func faulty(t *testing.T, seed uint64, failing *atomic.Pointer[func() fault.Fault]) *world {
	t.Helper()
	failing.Store(&never)
	store := fault.New(mem.New(), func(fault.Op, string, int) fault.Fault { return (*failing.Load())() })
	w := newWorld(t, seed)
	w.store, w.res = store, resources(t, store)
	return w
}

var (
	never  = func() fault.Fault { return fault.None }
	always = func() fault.Fault { return fault.Before }
)

func TestAShardOverAFailingStoreIsRightOrSaysThatItFails(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+30/slow; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) { failingHistory(t, seed) })
		})
	}
}

func failingHistory(t *testing.T, seed uint64) {
	var failing atomic.Pointer[func() fault.Fault]
	w := faulty(t, seed, &failing)
	w.res.tune = deep
	w.shards = []*Shard{w.open(all)}
	checkpoint := w.save()
	chance := rand.New(rand.NewPCG(seed, 1)) // under the store's mutex
	sometimes := func() fault.Fault {
		if chance.IntN(4) == 0 {
			return fault.Fault(1 + chance.IntN(3))
		}
		return fault.None
	}
	for range 12 {
		tables := w.epoch()
		synctest.Wait()
		failing.Store(&sometimes)
		ingested := w.patient(tables)
		if errors.Is(ingested, context.DeadlineExceeded) { // too many faults for a compaction
			failing.Store(&never)
			ingested = w.patient(tables)
		}
		w.try(ingested)
		if ingested == nil {
			w.tryReads()
		}
		l, err := w.shards[0].Export(t.Context())
		w.try(err)
		synctest.Wait()
		failing.Store(&never)
		if err == nil && base.KindOf(w.shards[0].damaged()) != base.Corrupt {
			checkpoint = saved{[]List{l}, maps.Clone(w.model)}
		}
		if w.shards[0].damaged() != nil { // a bit was flipped on the way, not in the store
			w.restore(checkpoint, 1)
		}
		w.check("after the faults")
		w.verify(checkpoint)
	}
}

// patient ingests tables and waits for room for a minute.
func (w *world) patient(tables []TableInfo) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	return w.shards[0].Ingest(ctx, tables)
}

// try accepts success and damage: neither ingestion nor a list needs the store.
func (w *world) try(err error) {
	w.t.Helper()
	if err != nil && base.KindOf(err) != base.Corrupt {
		w.t.Fatal(err)
	}
}

// tryReads scans and reads while requests fail.
func (w *world) tryReads() {
	w.t.Helper()
	s, got := w.shards[0], map[string]string{}
	scan := s.Scan(w.t.Context(), all, func(k, v []byte) error { got[string(k)] = string(v); return nil })
	if scan == nil {
		if !maps.Equal(got, w.model) {
			w.t.Fatalf("scan gives %v, want %v", got, w.model)
		}
	}
	var keys [][]byte
	for _, k := range slices.Sorted(maps.Keys(w.model)) {
		keys = append(keys, []byte(k))
	}
	n := 0
	err := s.Read(w.t.Context(), keys, func(i int, v []byte) error {
		n++
		if string(v) != w.model[string(keys[i])] {
			w.t.Errorf("%s is %q, want %q", keys[i], v, w.model[string(keys[i])])
		}
		return nil
	})
	if err == nil && n != len(keys) {
		w.t.Fatalf("%d keys found, want %d", n, len(keys))
	}
}

func TestACompactionThatFailsIsTriedAgainLaterAndLater(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var failing atomic.Pointer[func() fault.Fault]
		w := faulty(t, 21, &failing)
		w.shards = []*Shard{w.open(all)}
		var tables []TableInfo
		for range 10 {
			tables = append(tables, w.epoch()...)
		}
		failing.Store(&always)
		w.ingest(tables)
		start, before := time.Now(), w.store.Count(fault.ReadAt)
		synctest.Wait()
		<-time.After(time.Minute) // of fake time
		attempts := w.store.Count(fault.ReadAt) - before
		if attempts < 5 || attempts > 60 {
			t.Errorf("%d requests in %v of failing", attempts, time.Since(start))
		}
		if m := w.shards[0].Metrics(); m.Trouble == nil || m.Compactions > 0 {
			t.Errorf("%v", m)
		}
		w.ingest(nil) // goes on all the same
		failing.Store(&never)
		<-time.After(lastPause)
		synctest.Wait()
		if m := w.shards[0].Metrics(); m.Trouble != nil || m.Compactions == 0 || m.L0Sublevels >= 4 {
			t.Errorf("%v", m)
		}
		w.check("after the store is back")
	})
}

func TestNoMoreCompactionsRunThanAreAllowed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 22)
		res, err := NewResources(w.store, mib, 1, 1)
		must(t, err)
		running, most, ended := 0, 0, 0
		res.tune = func(o *pebble.Options) {
			begin, end := o.EventListener.CompactionBegin, o.EventListener.CompactionEnd
			if begin != nil {
				t.Error("the listener has a use for the begin of compactions")
			}
			o.EventListener.CompactionBegin = func(pebble.CompactionInfo) {
				res.mu.Lock()
				defer res.mu.Unlock()
				running++
				most = max(most, running)
			}
			o.EventListener.CompactionEnd = func(i pebble.CompactionInfo) {
				res.mu.Lock()
				running--
				ended++
				res.mu.Unlock()
				end(i)
			}
		}
		w.res = res
		defer res.Close()
		w.shards = []*Shard{w.open(all), w.open(all), w.open(all)}
		defer func() {
			for _, s := range w.shards {
				must(t, s.Close())
			}
		}()
		for range 10 {
			w.ingest(w.epoch())
		}
		for _, s := range w.shards {
			s.turns.reading()
		}
		<-time.After(time.Second)
		synctest.Wait()
		for _, s := range w.shards {
			if m := s.Metrics(); m.Compactions == 0 || m.L0Sublevels >= 4 {
				t.Errorf("%v", m)
			}
		}
		if most != 1 || ended < 3 {
			t.Errorf("%d compactions, %d at a time", ended, most)
		}
	})
}

func newFiles(store *mem.Store) *files {
	return &files{
		ctx: context.Background(), turns: &turns{res: &Resources{}}, objects: store,
		prefix: "p/1/", known: map[string]Object{},
	}
}

func TestATableThatACompactionGivesUpLeavesNoObject(t *testing.T) {
	store := mem.New()
	f := newFiles(store)
	s, err := f.CreateStorage(ownObjects)
	must(t, err)
	w, err := s.CreateObject("x.sst")
	must(t, err)
	_, err = w.Write([]byte("half of a table"))
	must(t, err)
	if err := w.Close(); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	if _, err := store.Stat(t.Context(), "p/1/x.sst"); err == nil {
		t.Error("the object is there")
	}
}

func TestReferencesAreNotCountedInTheStore(t *testing.T) {
	store := mem.New()
	f := newFiles(store)
	s, err := f.CreateStorage(ownObjects)
	must(t, err)
	w, err := s.CreateObject("x.sst.ref.1.000002")
	must(t, err)
	_, err = w.Write(nil)
	must(t, errors.Join(err, w.Close(), s.Delete("x.sst.ref.1.000002")))
	for o := range store.List(t.Context(), "") {
		t.Errorf("%v is there", o)
	}
	must(t, s.Delete("x.sst"))
	if names := f.takeUnused(); len(names) != 1 || names[0] != "p/1/x.sst" {
		t.Error(names)
	}
}

func TestAnObjectOfAnotherListIsNotRead(t *testing.T) {
	f := newFiles(mem.New())
	s, err := f.CreateStorage(knownObjects)
	must(t, err)
	_, _, err = s.ReadObject(t.Context(), "x")
	if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), "table x ") {
		t.Error(err)
	}
}
