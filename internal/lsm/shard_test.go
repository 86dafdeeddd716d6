package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// world is an object store with the shards over it, and what they should hold.
type world struct {
	t         testing.TB
	store     *fault.Store
	res       *Resources
	rng       *rand.Rand
	model     map[string]string
	shards    []*Shard
	tables, n int // names given out
}

var all = Range{[]byte("a"), []byte("z")}

func resources(t testing.TB, s objstore.Store) *Resources {
	t.Helper()
	res, err := NewResources(s, 8*mib, 8, 2)
	must(t, err)
	t.Cleanup(res.Close)
	return res
}

// deep makes a tree of several levels out of a few kilobytes.
func deep(o *pebble.Options) {
	o.LBaseMaxBytes = 256
	o.Experimental.LevelMultiplier = 2
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = 512
		o.Levels[i].BlockSize = 128
	}
}

// quiet leaves compactions to the test.
func quiet(o *pebble.Options) { o.DisableAutomaticCompactions = true }

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	store := fault.New(mem.New(), nil)
	return &world{
		t: t, store: store, res: resources(t, store),
		rng: rand.New(rand.NewPCG(seed, 0)), model: map[string]string{},
	}
}

// open opens a shard under a new prefix; the test closes it.
func (w *world) open(r Range, from ...List) *Shard {
	w.t.Helper()
	w.n++
	s, err := OpenShard(context.Background(), w.res, fmt.Sprintf("p/%d", w.n), r, from...)
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, s.Close()) })
	return s
}

func (w *world) newTableName() string { w.tables++; return fmt.Sprintf("tables/%d", w.tables) }

// key is one of few keys, of lengths from 1 to 3.
func (w *world) key() []byte {
	k := []byte{byte('a' + w.rng.IntN(25))}
	for range w.rng.IntN(3) {
		k = append(k, byte('a'+w.rng.IntN(3)))
	}
	return k
}

// epoch writes random changes as tables, and to the model.
func (w *world) epoch() (tables []TableInfo) {
	for range 1 + w.rng.IntN(3) {
		tables = append(tables, w.table()...)
	}
	return tables
}

func (w *world) table() []TableInfo {
	w.t.Helper()
	set := NewTableSet(w.t.Context(), w.store, w.newTableName)
	w.deleteRanges(set)
	changes := map[string]bool{}
	for range w.rng.IntN(30) {
		changes[string(w.key())] = w.rng.IntN(4) > 0
	}
	for _, k := range slices.Sorted(maps.Keys(changes)) {
		if !changes[k] {
			delete(w.model, k)
			must(w.t, set.Delete([]byte(k)))
			continue
		}
		w.model[k] = fmt.Sprint(w.rng.Uint32())
		must(w.t, set.Set([]byte(k), []byte(w.model[k])))
	}
	tables, err := set.Finish()
	must(w.t, err)
	return tables
}

// deleteRanges deletes some ranges that do not overlap.
func (w *world) deleteRanges(set *TableSet) {
	var ends [][]byte
	for range 2 * w.rng.IntN(3) {
		ends = append(ends, w.key())
	}
	slices.SortFunc(ends, bytes.Compare)
	for i := 0; i+1 < len(ends); i += 2 {
		if bytes.Equal(ends[i], ends[i+1]) {
			continue
		}
		must(w.t, set.DeleteRange(ends[i], ends[i+1]))
		for k := range w.model {
			if k >= string(ends[i]) && k < string(ends[i+1]) {
				delete(w.model, k)
			}
		}
	}
}

func (w *world) ingest(tables []TableInfo) {
	w.t.Helper()
	for _, s := range w.shards {
		must(w.t, s.Ingest(w.t.Context(), tables))
	}
}

func (w *world) export() (lists []List) {
	w.t.Helper()
	for _, s := range w.shards {
		l, err := s.Export(w.t.Context())
		must(w.t, err)
		lists = append(lists, l)
	}
	return lists
}

// compact merges all tables of a shard.
func compact(t testing.TB, s *Shard) {
	t.Helper()
	s.turns.reading() // L0 of a shard that is not read from may be made to wait
	must(t, s.db.Compact(t.Context(), s.r.Start, s.r.End, false))
}

// content is what a scan finds.
func content(t testing.TB, s *Shard) map[string]string {
	t.Helper()
	m := map[string]string{}
	must(t, s.Scan(t.Context(), all, func(k, v []byte) error { m[string(k)] = string(v); return nil }))
	return m
}

// check compares the shards with the model, by scanning and by reading.
func (w *world) check(when string) {
	w.t.Helper()
	got := map[string]string{}
	for _, s := range w.shards {
		maps.Copy(got, content(w.t, s))
	}
	if !maps.Equal(got, w.model) {
		w.t.Fatalf("%s: scan gives %v, want %v", when, got, w.model)
	}
	wanted := map[string]bool{}
	for range 20 {
		wanted[string(w.key())] = true
	}
	for _, s := range w.shards {
		got := map[string]string{}
		want := map[string]string{}
		var keys [][]byte
		for _, k := range slices.Sorted(maps.Keys(wanted)) {
			keys = append(keys, []byte(k))
			_, in := (Range{[]byte(k), append([]byte(k), 0)}).clip(s.r)
			if v, ok := w.model[k]; ok && in {
				want[k] = v
			}
		}
		must(w.t, s.Read(w.t.Context(), keys, func(i int, v []byte) error {
			got[string(keys[i])] = string(v)
			return nil
		}))
		if !maps.Equal(got, want) {
			w.t.Fatalf("%s: read of %q gives %v, want %v", when, keys, got, want)
		}
	}
}

// saved is a checkpoint: lists, and what the model was then.
type saved struct {
	lists []List
	model map[string]string
}

func (w *world) save() saved { return saved{w.export(), maps.Clone(w.model)} }

// restore closes the shards, without a last list, and opens n others from a checkpoint.
func (w *world) restore(from saved, n int) {
	w.t.Helper()
	for _, s := range w.shards {
		must(w.t, s.Close())
	}
	w.model, w.shards = maps.Clone(from.model), nil
	ends := [][]byte{all.Start, all.End}
	for len(ends) < n+1 {
		if k := w.key(); !slices.ContainsFunc(ends, func(e []byte) bool { return bytes.Equal(k, e) }) {
			ends = append(ends, k)
		}
	}
	slices.SortFunc(ends, bytes.Compare)
	for i := range n {
		r := Range{ends[i], ends[i+1]}
		w.shards = append(w.shards, w.open(r, w.overlapping(r, from.lists)...))
	}
}

// overlapping returns the lists that have a part of a range, in any order.
func (w *world) overlapping(r Range, lists []List) (some []List) {
	for _, l := range lists {
		if _, ok := l.Range.clip(r); ok {
			some = append(some, l)
		}
	}
	w.rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some
}

// verify checks that the objects of a checkpoint are as they were when it was taken.
func (w *world) verify(c saved) {
	w.t.Helper()
	for _, l := range c.lists {
		for _, o := range l.Objects {
			must(w.t, VerifyTable(w.t.Context(), w.store, TableInfo{Name: o.Name, Bytes: o.Bytes, CRC: o.CRC}))
		}
	}
}

func TestAShardEqualsAMapThroughIngestionCompactionAndRescaling(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	var tables [levels]int64
	for seed := first; seed < first+300/slow; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			for level, n := range history(t, seed) {
				tables[level] += n
			}
		})
	}
	if slow == 1 && slices.Contains(tables[:], 0) {
		t.Errorf("tables of all histories by level: %d; no level should be without", tables)
	}
}

// history steps shards through a random history. It returns how many tables it has seen at each level.
func history(t *testing.T, seed uint64) (tables [levels]int64) {
	t.Helper()
	w := newWorld(t, seed)
	Tune(w.res, deep)
	w.shards = []*Shard{w.open(all)}
	checkpoints := []saved{w.save()}
	for step := range 8 {
		what := w.step(&checkpoints)
		w.check(fmt.Sprintf("step %d, %s", step, what))
		for _, s := range w.shards {
			for level, l := range s.db.Metrics().Levels {
				tables[level] += l.TablesCount
			}
		}
	}
	for _, c := range checkpoints {
		w.verify(c)
	}
	return tables
}

func (w *world) step(checkpoints *[]saved) (what string) {
	n := []int{1, 1, 3, 7}[w.rng.IntN(4)]
	switch w.rng.IntN(8) {
	case 0:
		s := w.shards[w.rng.IntN(len(w.shards))]
		compact(w.t, s)
		return fmt.Sprintf("compaction of %s", s.r)
	case 1:
		w.restore(w.save(), n)
		return fmt.Sprintf("rescaling to %d", n)
	case 2:
		*checkpoints = append(*checkpoints, w.save())
		return "checkpoint"
	case 3:
		w.restore((*checkpoints)[w.rng.IntN(len(*checkpoints))], n)
		return fmt.Sprintf("restore of a checkpoint to %d", n)
	default:
		w.ingest(w.epoch())
		return "ingestion"
	}
}

func TestTwoShardsOpenedFromOneListDoNotDisturbOneAnother(t *testing.T) {
	w := newWorld(t, 1)
	Tune(w.res, deep)
	w.shards = []*Shard{w.open(all)}
	w.ingest(w.epoch())
	origin := w.save()
	forks := []*world{}
	for range 2 {
		f := *w
		f.model, f.shards = maps.Clone(origin.model), []*Shard{w.open(all, origin.lists...)}
		forks = append(forks, &f)
	}
	for range 20 {
		for i, f := range append(forks, w) {
			f.tables = w.tables + i*1000 + 1000
			f.ingest(f.epoch())
			compact(t, f.shards[0])
			f.check(fmt.Sprintf("fork %d", i))
		}
	}
	w.verify(origin)
}

func TestAListHasNothingOfWhatIsIngestedAfterIt(t *testing.T) {
	w := newWorld(t, 2)
	w.shards = []*Shard{w.open(all)}
	var checkpoints []saved
	for range 10 {
		w.ingest(w.epoch())
		checkpoints = append(checkpoints, w.save())
	}
	for i, c := range checkpoints {
		w.restore(c, 1)
		w.check(fmt.Sprintf("list %d", i))
	}
}

func TestListsAreTakenWhileCompactionsRun(t *testing.T) {
	w := newWorld(t, 3)
	Tune(w.res, deep)
	w.shards = []*Shard{w.open(all)}
	for range 5 {
		w.ingest(w.epoch())
	}
	done := make(chan error)
	go func() {
		var err error
		for range 10 {
			w.shards[0].turns.reading()
			err = errors.Join(err, w.shards[0].db.Compact(t.Context(), all.Start, all.End, false))
		}
		done <- err
	}()
	want := maps.Clone(w.model)
	for range 50 {
		s := w.open(all, w.export()...)
		if got := content(t, s); !maps.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		must(t, s.Close())
	}
	must(t, <-done)
}
