package lsm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// unmergeable is a story of a shard whose compactions fail while broken says so, and which has as many unmerged
// tables as it takes.
func unmergeable(t *testing.T, test func(t *testing.T, w *world, broken *atomic.Bool)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		w := newWorld(t, 51)
		w.store = fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
			if broken.Load() && op == fault.Create && strings.HasPrefix(name, "p/") {
				return fault.Before
			}
			return fault.None
		})
		w.res = resources(t, w.store)
		w.shards = []*Shard{w.open(all)}
		for w.shards[0].Metrics().L0Sublevels < deepest {
			w.ingest(w.table())
		}
		if m := w.shards[0].Metrics(); m.L0Sublevels != deepest || m.IngestWait != 0 {
			t.Fatalf("%+v", m)
		}
		test(t, w, &broken)
	})
}

func TestTablesWaitWhileTooManyAreNotMerged(t *testing.T) {
	unmergeable(t, func(t *testing.T, w *world, broken *atomic.Bool) {
		done := make(chan error, 1)
		tables := w.table()
		begin := time.Now()
		go func() { done <- w.shards[0].Ingest(t.Context(), tables) }()
		<-time.After(5 * time.Minute)
		select {
		case err := <-done:
			t.Fatalf("%v after %v", err, time.Since(begin))
		default:
		}
		if m := w.shards[0].Metrics(); m.Trouble == nil || m.L0Sublevels != deepest {
			t.Errorf("%+v", m)
		}
		broken.Store(false)
		must(t, <-done)
		took := time.Since(begin)
		if m := w.shards[0].Metrics(); m.IngestWait != took || m.Trouble != nil || m.L0Sublevels >= deepest {
			t.Errorf("%+v after %v", m, took)
		}
		if took > 5*time.Minute+lastPause {
			t.Errorf("%v: the store has been well since five minutes", took)
		}
		w.check("after all")
	})
}

func TestTheWaitForRoomEndsWithTheContextAndSaysWhyThereIsNone(t *testing.T) {
	unmergeable(t, func(t *testing.T, w *world, broken *atomic.Bool) {
		tables := w.table()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err := w.shards[0].Ingest(ctx, tables)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if !errors.Is(err, fault.ErrInjected) || !strings.Contains(err.Error(), "24 unmerged tables") {
			t.Error(err)
		}
		broken.Store(false)
		w.ingest(tables) // the same again
		w.check("after the store is back")
	})
}

func TestTheWaitForRoomEndsWithTheShard(t *testing.T) {
	unmergeable(t, func(t *testing.T, w *world, _ *atomic.Bool) {
		done := make(chan error, 1)
		tables := w.table()
		go func() { done <- w.shards[0].Ingest(t.Context(), tables) }()
		synctest.Wait()
		must(t, w.shards[0].Close())
		if err := <-done; !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
}

// purposes notes what requests to create objects are made for.
type purposes struct {
	objstore.Store
	mu   sync.Mutex
	seen map[objstore.Purpose]int
}

func (p *purposes) Create(ctx context.Context, name string) (objstore.Writer, error) {
	p.mu.Lock()
	p.seen[objstore.PurposeOf(ctx)]++
	p.mu.Unlock()
	return p.Store.Create(ctx, name)
}

func TestACompactionIsAsUrgentAsACheckpointThatWaitsForIt(t *testing.T) {
	unmergeable(t, func(t *testing.T, w *world, broken *atomic.Bool) {
		p := &purposes{Store: w.store, seen: map[objstore.Purpose]int{}}
		synctest.Wait()
		w.shards[0].files.objects = p // under no compaction: they pause
		tables := w.table()
		done := make(chan error, 1)
		go func() { done <- w.shards[0].Ingest(t.Context(), tables) }()
		synctest.Wait()
		broken.Store(false)
		must(t, <-done)
		synctest.Wait()
		if p.seen[objstore.Checkpoint] == 0 {
			t.Errorf("%v", p.seen)
		}
	})
}

func TestDebtIsKnown(t *testing.T) {
	w := idle(t, 52)
	if m := w.shards[0].Metrics(); m.Debt != 0 {
		t.Errorf("an empty shard owes %d bytes", m.Debt)
	}
	w.ingest(w.epoch())
	compact(t, w.shards[0])
	w.ingest(w.epoch())
	if m := w.shards[0].Metrics(); m.Debt == 0 || m.Debt > 4*m.Bytes {
		t.Errorf("%d bytes are owed for %d", m.Debt, m.Bytes)
	}
	compact(t, w.shards[0])
	if m := w.shards[0].Metrics(); m.Debt != 0 {
		t.Errorf("%d bytes are owed after everything was merged", m.Debt)
	}
}

// Pebble leaves a range alone for half a minute after an error of a compaction below L0.
func TestACompactionIsTriedAgainSoonAfterTheStoreIsBack(t *testing.T) {
	for _, op := range []fault.Op{fault.ReadAt, fault.Create, fault.Write, fault.Finish} {
		bubble.Test(t, func(t *testing.T) {
			w := newWorld(t, 53)
			var broken atomic.Bool
			w.store = fault.New(mem.New(), func(o fault.Op, _ string, _ int) fault.Fault {
				if broken.Load() && o == op {
					return fault.Before
				}
				return fault.None
			})
			w.res = resources(t, w.store)
			w.res.tune = func(o *pebble.Options) { // Pebble's clock does not follow the test's, so the event must do
				o.EventListener.BackgroundError = func(err error) { t.Errorf("%s: the range is left alone: %v", op, err) }
			}
			w.shards = []*Shard{w.open(all)}
			w.ingest(w.epoch())
			compact(t, w.shards[0])
			w.shards[0].turns.reading()
			var tables []TableInfo
			for range 8 {
				tables = append(tables, w.table()...)
			}
			broken.Store(true)
			w.ingest(tables)
			<-time.After(40 * time.Second)
			before := w.shards[0].Metrics()
			if !errors.Is(before.Trouble, fault.ErrInjected) || base.KindOf(before.Trouble) != base.Failed {
				t.Errorf("%s: trouble is %v", op, before.Trouble)
			}
			broken.Store(false)
			<-time.After(lastPause)
			synctest.Wait()
			if m := w.shards[0].Metrics(); m.Trouble != nil || m.L0Sublevels >= before.L0Sublevels || m.L0Tables > 0 {
				t.Errorf("%s: %+v after %v", op, m, lastPause)
			}
			w.check("after the store is back")
		})
	}
}
