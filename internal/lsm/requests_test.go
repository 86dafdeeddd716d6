package lsm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// requests counts all requests so far.
func (w *world) requests() (n int) {
	for _, op := range []fault.Op{
		fault.ReadAt, fault.Get, fault.Stat, fault.Create, fault.Write, fault.Finish,
		fault.Put, fault.Swap, fault.List, fault.Delete,
	} {
		n += w.store.Count(op)
	}
	return n
}

// idle returns a world without compactions in the background, whose requests would be counted as well.
func idle(t *testing.T, seed uint64) *world {
	t.Helper()
	w := newWorld(t, seed)
	w.res.tune = quiet
	w.shards = []*Shard{w.open(all)}
	return w
}

func TestIngestionAndListsMakeNoRequests(t *testing.T) {
	w := idle(t, 11)
	for range 10 {
		tables := w.epoch()
		before := w.requests()
		w.ingest(tables)
		w.export()
		if n := w.requests() - before; n != 0 {
			t.Errorf("%d requests", n)
		}
	}
	w.check("at the end")
}

func TestOpeningMakesNoRequestsHoweverTheRangesChange(t *testing.T) {
	w := idle(t, 12)
	for _, n := range []int{1, 3, 1, 7, 3, 7, 1} {
		w.ingest(w.epoch())
		for _, s := range w.shards {
			compact(t, s)
		}
		w.ingest(w.epoch())
		before := w.requests()
		w.restore(w.save(), n)
		if got := w.requests() - before; got != 0 {
			t.Errorf("%d requests to open %d shards", got, n)
		}
		w.check(fmt.Sprintf("%d shards", n))
	}
}

func TestTheFirstReadOfATableTakesFewRequestsAndALaterOneNone(t *testing.T) {
	w := idle(t, 13)
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	must(t, set.Set([]byte("b"), []byte("1")))
	must(t, set.Set([]byte("m"), []byte("2")))
	tables, err := set.Finish()
	must(t, err)
	w.ingest(tables)
	for i, most := range []int{4, 0} { // footer and properties, index, filter, block
		before := w.requests()
		found := 0
		must(t, w.shards[0].Read(t.Context(), [][]byte{[]byte("m")}, func(int, []byte) error { found++; return nil }))
		n := w.requests() - before
		t.Logf("read %d: %d requests", i, n)
		if n > most || found != 1 {
			t.Errorf("read %d: %d requests, found %d", i, n, found)
		}
	}
}

func TestAbsentKeysTakeNoRequestsOnceFiltersAreCached(t *testing.T) {
	w := idle(t, 14)
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	for i := range 20_000 {
		must(t, set.Set(fmt.Appendf(nil, "b%08d", 2*i), make([]byte, 100)))
	}
	tables, err := set.Finish()
	must(t, err)
	w.ingest(tables)
	read := func(i int) int {
		before := w.requests()
		must(t, w.shards[0].Read(t.Context(), [][]byte{fmt.Appendf(nil, "b%08d", i)}, func(int, []byte) error {
			t.Error("an absent key was found")
			return nil
		}))
		return w.requests() - before
	}
	read(1)
	n := 0
	for i := 3; i < 40_000; i += 20 {
		n += read(i)
	}
	if n > 60 { // a filter errs for 1 % of the keys
		t.Errorf("%d requests for 2000 absent keys", n)
	}
}

// gate is a store whose reads wait until as many as it wants are there.
type gate struct {
	objstore.Store
	mu      sync.Mutex
	waiting int
	want    int
	open    chan struct{}
}

func (g *gate) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	g.mu.Lock()
	open, want := g.open, g.want
	if want > 0 {
		if g.waiting++; g.waiting == want {
			g.want = 0
			close(g.open)
		}
	}
	g.mu.Unlock()
	if want > 0 {
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Store.ReadAt(ctx, name, p, off)
}

func (g *gate) shut(want int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting, g.want, g.open = 0, want, make(chan struct{})
}

// behindGate returns a shard with a table of many blocks, over a gate.
func behindGate(t *testing.T) (*gate, *Shard, [][]byte) {
	t.Helper()
	g := &gate{Store: mem.New()}
	set := NewTableSet(t.Context(), g, func() string { return "tables/1" })
	var keys [][]byte
	for i := range 100 {
		keys = append(keys, fmt.Appendf(nil, "b%03d", i))
		must(t, set.Set(keys[i], make([]byte, 32<<10)))
	}
	tables, err := set.Finish()
	must(t, err)
	res, err := NewResources(g, 64*mib, 8, 1)
	must(t, err)
	s, err := OpenShard(t.Context(), res, "p/1", all)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()); res.Close() })
	must(t, s.Ingest(t.Context(), tables))
	must(t, s.Read(t.Context(), keys[:1], func(int, []byte) error { return nil })) // index and filter
	return g, s, keys
}

func TestBlocksThatAreNotCachedAreReadInParallel(t *testing.T) {
	g, s, keys := behindGate(t)
	g.shut(8) // each of 8 readers has to be there before any goes on
	var found []int
	must(t, s.Read(t.Context(), keys, func(i int, _ []byte) error { found = append(found, i); return nil }))
	slices.Sort(found)
	if len(found) != len(keys) || found[99] != 99 {
		t.Errorf("found %v", found)
	}
}

func TestKeysInTheCacheAreAnsweredBeforeOthersAreReadAndACancelledReadEnds(t *testing.T) {
	g, s, keys := behindGate(t)
	must(t, s.Read(t.Context(), keys[50:60], func(int, []byte) error { return nil }))
	g.shut(1000) // no read gets through
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Read(ctx, keys, func(i int, _ []byte) error {
		if n++; n == 11 { // the first key and ten more
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 11 {
		t.Errorf("%d keys, %v", n, err)
	}
	g.shut(0)
	must(t, s.Read(t.Context(), keys, func(int, []byte) error { n++; return nil }))
	if n != 111 {
		t.Errorf("%d keys after a cancelled read, want 100", n-11)
	}
}

func TestAReaderDoesNotFailBecauseAnotherGaveUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g, s, keys := behindGate(t)
		g.shut(1000)
		first, cancel := context.WithCancel(t.Context())
		errs := make([]error, 2)
		var wg sync.WaitGroup
		wg.Go(func() { errs[0] = s.Read(first, keys[70:71], func(int, []byte) error { return nil }) })
		synctest.Wait()
		n := 0
		wg.Go(func() { errs[1] = s.Read(t.Context(), keys[70:71], func(int, []byte) error { n++; return nil }) })
		synctest.Wait()
		g.mu.Lock()
		g.want = 0
		g.mu.Unlock()
		cancel()
		wg.Wait()
		if !errors.Is(errs[0], context.Canceled) || errs[1] != nil || n != 1 {
			t.Errorf("%v, %d keys", errs, n)
		}
	})
}

func TestTheErrorOfACallbackComesBack(t *testing.T) {
	_, s, keys := behindGate(t)
	want := errors.New("enough")
	for range 2 { // from the store, then from the cache
		if err := s.Read(t.Context(), keys, func(int, []byte) error { return want }); !errors.Is(err, want) {
			t.Errorf("read: %v", err)
		}
		if err := s.Scan(t.Context(), all, func(_, _ []byte) error { return want }); !errors.Is(err, want) {
			t.Errorf("scan: %v", err)
		}
		must(t, s.Read(t.Context(), keys, func(int, []byte) error { return nil }))
	}
}

func TestMistakesInUseAreRefused(t *testing.T) {
	w := filled(t, 15)
	l := w.export()[0]
	must(t, w.shards[0].Close())
	half := l
	half.Range = Range{all.Start, []byte("m")}
	open := func(prefix string, r Range, from ...List) error {
		s, err := OpenShard(t.Context(), w.res, prefix, r, from...)
		if err == nil {
			must(t, s.Close())
		}
		return err
	}
	own := l
	own.Objects = append(slices.Clone(l.Objects), Object{Name: "p/used/x"})
	tables, err := decodeMeta(l)
	must(t, err)
	tables[0].Object = len(l.Objects)
	own.Meta, err = encodeMeta(tables)
	must(t, err)
	for what, err := range map[string]error{
		"a range without keys":         open("p/2", Range{all.End, all.Start}),
		"a prefix that is no name":     open("/", all),
		"a list of a part only":        open("p/2", all, half),
		"a list twice":                 open("p/2", all, l, l),
		"a prefix that has been used":  open("p/used", all, own),
		"keys that descend":            ascending([][]byte{[]byte("b"), []byte("a")}),
		"no memory, readers and turns": second(NewResources(w.store, 0, 0, 0)),
	} {
		if base.KindOf(err) != base.Config {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second(_ *Resources, err error) error { return err }

func TestAClosedShardSaysSo(t *testing.T) {
	w := filled(t, 16)
	s := w.shards[0]
	must(t, s.Close())
	must(t, s.Close())
	_, exported := s.Export(t.Context())
	for _, err := range []error{
		exported,
		s.Ingest(t.Context(), nil),
		s.Read(t.Context(), nil, nil),
		s.Scan(t.Context(), all, nil),
	} {
		if !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
	if m := s.Metrics(); m != (Metrics{}) {
		t.Errorf("%v", m)
	}
}

func TestObjectsThatACompactionReplacedAreReportedOnce(t *testing.T) {
	w := idle(t, 17)
	s := w.shards[0]
	unused := map[string]bool{}
	collect := func() {
		for _, name := range s.Unused() {
			if unused[name] {
				t.Errorf("%s twice", name)
			}
			unused[name] = true
		}
	}
	for range 4 {
		w.ingest(w.epoch())
		compact(t, s)
		collect()
	}
	last, live, m := w.save(), map[string]bool{}, s.Metrics()
	for _, o := range last.lists[0].Objects {
		live[o.Name] = true
	}
	must(t, s.Close()) // Pebble deletes in the background, until it is closed
	collect()
	for name := range unused {
		must(t, w.store.Delete(t.Context(), name))
		if live[name] {
			t.Errorf("%s is in use", name)
		}
	}
	if len(unused) == 0 {
		t.Error("none")
	}
	w.restore(last, 1)
	w.check("without unused objects")
	if m.Compactions == 0 || m.CompactionIn == 0 || m.CompactionOut == 0 || m.IngestedBytes == 0 ||
		m.L0Tables != 0 || m.Tables != int64(len(live)) || m.Trouble != nil {
		t.Errorf("%+v, objects %v", m, slices.Collect(maps.Keys(live)))
	}
}
