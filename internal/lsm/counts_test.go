package lsm_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

var gigabyte = flag.Bool("counts.gigabyte", false, "count with a state of 1 GB instead of 8 MB")

// meter is a store that counts the bytes of objects.
type meter struct {
	*mem.Store
	mu                sync.Mutex
	uploads, rewrites int64 // of changes, and by compactions
}

func (m *meter) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := m.Store.Create(ctx, name)
	return &metered{Writer: w, meter: m, rewrite: strings.Contains(name, ".shard/")}, err
}

type metered struct {
	objstore.Writer
	meter   *meter
	rewrite bool
}

func (w *metered) Write(p []byte) (int, error) {
	w.meter.mu.Lock()
	defer w.meter.mu.Unlock()
	if w.rewrite {
		w.meter.rewrites += int64(len(p))
	} else {
		w.meter.uploads += int64(len(p))
	}
	return w.Writer.Write(p)
}

func (m *meter) read() (uploads, rewrites int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.uploads, m.rewrites
}

// measured is a writer that counts the bytes of changes.
type measured struct {
	keyed.Writer
	bytes int64
}

func (w *measured) Set(key, value []byte) error {
	w.bytes += int64(len(key) + len(value))
	return w.Writer.Set(key, value)
}

// account is a value of 80 bytes that nothing can compress.
type account struct{ A, B, C, D, E, F, G, H, I, J uint64 }

func newAccount(rng *rand.Rand) account {
	n := func() uint64 { return rng.Uint64() }
	return account{n(), n(), n(), n(), n(), n(), n(), n(), n(), n()}
}

// ledger is a state of many accounts over one shard.
type ledger struct {
	t        *testing.T
	rng      *rand.Rand
	objects  *meter
	res      *lsm.Resources
	region   *region
	store    *keyed.Store[uint64]
	accounts *keyed.Column[account]
	n        int
	named    int
	ended    chan struct{} // a compaction has
	live     map[string]bool
	unused   []string
}

func newLedger(t *testing.T, n int, tune func(*pebble.Options)) *ledger {
	t.Helper()
	l := &ledger{
		t: t, rng: rand.New(rand.NewPCG(1, 1)), objects: &meter{Store: mem.New()}, n: n,
		ended: make(chan struct{}, 1), live: map[string]bool{},
	}
	var err error
	l.res, err = lsm.NewResources(l.objects, 8<<20, 4, 1)
	must(t, err)
	t.Cleanup(l.res.Close)
	lsm.Tune(l.res, func(o *pebble.Options) {
		tune(o)
		end := o.EventListener.CompactionEnd
		o.EventListener.CompactionEnd = func(info pebble.CompactionInfo) {
			end(info)
			select {
			case l.ended <- struct{}{}:
			default:
			}
		}
	})
	r := &region{groups: base.KeyGroupRange{End: 16}}
	r.keys = keysOf(r.groups)
	r.shard, err = lsm.OpenShard(t.Context(), l.res, "shards/1.shard", r.keys)
	must(t, err)
	t.Cleanup(func() { must(t, r.shard.Close()) })
	l.region = r
	l.store, err = keyed.NewStore[uint64](keyed.Config{
		Operator: operator, Name: "ledger", MaxParallelism: 16, Groups: r.groups, Context: t.Context(),
		Below: below{r.shard, r.keys},
	})
	must(t, err)
	l.accounts, err = keyed.NewColumn[account](l.store, "account")
	must(t, err)
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// change gives accounts new values, in batches as they come.
func (l *ledger) change(keys []uint64) {
	const batch = 1000
	hashes, slots := make([]uint64, batch), make([]keyed.Slot, batch)
	for some := range slices.Chunk(keys, batch) {
		for i, k := range some {
			hashes[i] = l.store.Hash(k)
		}
		must(l.t, l.store.Lookup(some, hashes[:len(some)], slots[:len(some)]))
		for _, s := range slots[:len(some)] {
			a := newAccount(l.rng)
			l.accounts.Set(s, &a)
		}
	}
}

// checkpoint writes what has changed, and returns the bytes of the changes, of the tables, and of the list.
func (l *ledger) checkpoint() (changes, uploads, meta int64) {
	l.t.Helper()
	ctx, f := l.t.Context(), l.store.Freeze()
	before, _ := l.objects.read()
	name := func() string { l.named++; return fmt.Sprintf("shards/%d.table", l.named) }
	set := lsm.NewTableSet(ctx, l.objects, name)
	w := &measured{Writer: set}
	must(l.t, f.WriteTo(w))
	tables, err := set.Finish()
	must(l.t, err)
	after, _ := l.objects.read()
	must(l.t, l.region.shard.Ingest(ctx, tables))
	f.Done()
	unused := l.region.shard.Unused()
	list, err := l.region.shard.Export(ctx)
	must(l.t, err)
	for _, t := range tables {
		l.live[t.Name] = true
	}
	l.collect(list, unused)
	return w.bytes, after - before, int64(len(list.Meta) + 100*len(list.Objects))
}

// collect deletes what the last list does not name: a state of 1 GB would take many, with all that it was.
func (l *ledger) collect(list lsm.List, unused []string) {
	named := map[string]bool{}
	for _, o := range list.Objects {
		named[o.Name] = true
	}
	gone := slices.Clone(l.unused)
	for name := range l.live {
		if !named[name] {
			gone = append(gone, name)
			delete(l.live, name)
		}
	}
	for _, name := range gone {
		must(l.t, l.objects.Delete(l.t.Context(), name))
	}
	l.unused = unused
}

// settle waits for compactions as long as the first level is deep: there is time between checkpoints.
func (l *ledger) settle(limit int64) lsm.Metrics {
	for {
		m := l.region.shard.Metrics()
		if m.L0Sublevels < limit {
			return m
		}
		select {
		case <-l.ended:
		case <-l.t.Context().Done():
			l.t.Fatal("no compaction")
		}
	}
}

// scaled shapes the tree of a smaller state like that of 1 GB.
func scaled(by int64) func(*pebble.Options) {
	return func(o *pebble.Options) {
		o.LBaseMaxBytes /= by
		for i := range o.TargetFileSizes {
			o.TargetFileSizes[i] /= by
		}
	}
}

// counted is what checkpoints cost.
type counted struct {
	state, changes, uploads, rewrites, meta, tables int64
	worst                                           float64 // of the uploads of a checkpoint by its changes
}

const checkpoints = 100

// count changes 1 % of a state for each of many checkpoints. Its tables are read from now and then, or not at all.
func count(t *testing.T, bytes int64, read bool) (c counted) {
	t.Helper()
	l := newLedger(t, int(bytes/100), scaled((1<<30)/bytes))
	l.change(l.everyone())
	c.state, _, _ = l.checkpoint()
	firstUploads, firstRewrites := l.objects.read()
	limit := int64(12)
	for range checkpoints {
		l.change(l.some(l.n / 100))
		changes, up, meta := l.checkpoint()
		c.changes, c.meta, c.worst = c.changes+changes, max(c.meta, meta), max(c.worst, float64(up)/float64(changes))
		if read {
			must(t, l.region.shard.Read(t.Context(), [][]byte{l.region.keys.Start}, nil))
			limit = 4
		}
		c.tables = max(c.tables, l.settle(limit).Levels)
	}
	uploads, rewrites := l.objects.read()
	c.uploads, c.rewrites = uploads-firstUploads, rewrites-firstRewrites
	return c
}

func TestCountsOfUploadsAndOfTablesThatAReadTouches(t *testing.T) {
	bytes := int64(8<<20) / lsm.Slow
	if *gigabyte {
		bytes = 1 << 30
	}
	for _, of := range []struct {
		read   bool
		tables int64
		all    float64
	}{{true, 8, 25}, {false, 16, 10}} {
		c := count(t, bytes, of.read)
		all := float64(c.uploads+c.rewrites) / float64(c.changes)
		t.Logf("state of %d MB, read from is %v: checkpoints of %d KB upload %.2f times the changes at most; "+
			"with compactions it is %.1f times; a list takes %d KB, a read looks into %d tables at most",
			c.state>>20, of.read, c.changes/checkpoints>>10, c.worst, all, c.meta>>10, c.tables)
		if c.worst > 1.3 {
			t.Errorf("a checkpoint uploaded %.2f times what changed", c.worst)
		}
		if c.tables > of.tables || all > of.all {
			t.Errorf("%d tables are more than %d, or %.1f times more than %.1f", c.tables, of.tables, all, of.all)
		}
	}
}

func (l *ledger) everyone() []uint64 {
	all := make([]uint64, l.n)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

// some are different accounts, chosen by chance.
func (l *ledger) some(n int) []uint64 {
	chosen := map[uint64]bool{}
	for len(chosen) < n {
		chosen[l.rng.Uint64N(uint64(l.n))] = true
	}
	keys := make([]uint64, 0, n)
	for k := range chosen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
