package lsm

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// patience is a story of a shard that tables come into and that has all the time to compact them.
func patience(t *testing.T, test func(t *testing.T, w *world, settle func() Metrics)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 31)
		res, err := NewResources(w.store, mib, 1, 1)
		must(t, err)
		defer res.Close()
		res.tune = func(*pebble.Options) {}
		w.res = res
		w.shards = []*Shard{w.open(all)}
		defer func() { must(t, w.shards[0].Close()) }()
		test(t, w, func() Metrics {
			<-time.After(time.Minute)
			synctest.Wait()
			return w.shards[0].Metrics()
		})
	})
}

// deepen ingests until L0 has about so many sublevels.
func (w *world) deepen(sublevels int64) {
	for range 50 {
		if w.shards[0].Metrics().L0Sublevels >= sublevels {
			return
		}
		w.ingest(w.epoch())
	}
}

func TestAShardThatNobodyReadsIsCompactedForTheLengthOfItsListOnly(t *testing.T) {
	patience(t, func(t *testing.T, w *world, settle func() Metrics) {
		w.deepen(6)
		if m := settle(); m.Compactions != 0 || m.L0Sublevels < 4 {
			t.Errorf("%+v", m)
		}
		w.deepen(idleBehind)
		if m := settle(); m.Compactions == 0 || m.L0Sublevels >= idleBehind {
			t.Errorf("%+v after more epochs", m)
		}
		w.check("after compactions")
	})
}

func TestTheFirstReadMakesAShardShallow(t *testing.T) {
	patience(t, func(t *testing.T, w *world, settle func() Metrics) {
		w.deepen(6)
		_ = settle()
		must(t, w.shards[0].Read(t.Context(), [][]byte{[]byte("a")}, func(int, []byte) error { return nil }))
		if m := settle(); m.L0Sublevels >= 4 {
			t.Errorf("%+v", m)
		}
	})
}

func TestAShardThatIsOpenedKnowsHowFarItIsBehind(t *testing.T) {
	patience(t, func(t *testing.T, w *world, settle func() Metrics) {
		w.deepen(6)
		_ = settle()
		w.restore(w.save(), 1)
		w.deepen(idleBehind)
		if m := settle(); m.L0Sublevels >= idleBehind {
			t.Errorf("%+v", m)
		}
	})
}

func TestAShardThatIsOpenedLetsTheFirstReadsGoBeforeItsCompactions(t *testing.T) {
	patience(t, func(t *testing.T, w *world, settle func() Metrics) {
		w.deepen(6)
		w.restore(w.save(), 1)
		must(t, w.shards[0].Read(t.Context(), [][]byte{[]byte("a")}, nothing))
		<-time.After(opening - 1)
		synctest.Wait()
		if m := w.shards[0].Metrics(); m.Compactions != 0 || m.L0Tables < 4 {
			t.Errorf("%+v soon after it was opened", m)
		}
		if m := settle(); m.Compactions == 0 || m.L0Sublevels >= 4 {
			t.Errorf("%+v later", m)
		}
	})
}

func TestAShardThatIsOpenedCompactsAtOnceIfAnIngestionWaits(t *testing.T) {
	patience(t, func(t *testing.T, w *world, _ func() Metrics) {
		w.deepen(6)
		w.restore(w.save(), 1)
		begin := time.Now()
		for range 2 * deepest {
			w.ingest(w.epoch())
		}
		if took := time.Since(begin); took >= opening || w.shards[0].Metrics().Compactions == 0 {
			t.Errorf("ingestions took %v, %+v", took, w.shards[0].Metrics())
		}
	})
}
