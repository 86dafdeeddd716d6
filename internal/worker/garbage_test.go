package worker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

func infos(names ...string) (all []lsm.TableInfo) {
	for _, n := range names {
		all = append(all, lsm.TableInfo{Name: n})
	}
	return all
}

func lists(names ...string) map[*shard]lsm.List {
	all := map[*shard]lsm.List{}
	for _, n := range names {
		all[&shard{}] = lsm.List{Objects: []lsm.Object{{Name: n}}}
	}
	return all
}

func newGarbage() *garbage { return &garbage{tables: map[string]int64{}} }

// all is what may be deleted when two more checkpoints have been stored.
func (g *garbage) all() string { return strings.Join(append(g.take(), g.take()...), " ") }

func TestATableThatEveryShardHasAndNoListNamesIsGarbage(t *testing.T) {
	g := newGarbage()
	g.wrote(1, infos("a", "b"))
	g.wrote(2, infos("c"))
	g.wrote(3, infos("d"))
	g.named(lists("b"), 2)
	if got := strings.Fields(g.all()); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a", "c"}) {
		t.Errorf("garbage %q, want a and c", got)
	}
	g.named(lists("b"), 3)
	if got := g.all(); got != "d" {
		t.Errorf("garbage %q, want d", got)
	}
	g.named(nil, 9) // the checkpoint that named b may never have been stored
	if got := g.all(); got != "b" {
		t.Errorf("garbage %q, want b", got)
	}
	g.named(nil, 9)
	if got := g.all(); got != "" {
		t.Errorf("garbage %q is found again", got)
	}
}

func TestATableThatSomeShardHasNotTakenYetIsNoGarbage(t *testing.T) {
	g := newGarbage()
	g.wrote(5, infos("shared"))
	g.named(lists("x", "y"), 4) // one of them was listed before it took the set
	if got := g.all(); got != "" {
		t.Errorf("garbage %q", got)
	}
}

func TestGarbageIsToldACheckpointLater(t *testing.T) {
	g := newGarbage()
	g.unused([]string{"a"})
	if got := g.take(); len(got) != 0 {
		t.Errorf("%q may still be read", got)
	}
	g.unused([]string{"b"})
	if got := g.take(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("told %q", got)
	}
	if got := g.take(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("told %q", got)
	}
}

// years is a history of an attempt: snapshots come early and for checkpoints, checkpoints are stored or given
// up, the store fails now and then, and what the attempt calls garbage is deleted as the coordinator does it.
type years struct {
	*Attempt
	t        *testing.T
	rng      *rand.Rand
	inner    *mem.Store
	down     atomic.Bool
	calm     bool // nothing goes wrong any more
	tasks    []int
	model    []map[string]string // by task: what its shard should have
	pending  []map[string]string // changes that are in no table yet
	id       uint64
	retained []*checkpoint.Manifest
	deleted  map[string]bool
}

const subtasks = 3

func newYears(t *testing.T, seed uint64) *years {
	y := &years{t: t, rng: rand.New(rand.NewPCG(seed, 0)), inner: mem.New(), deleted: map[string]bool{}}
	store := fault.New(y.inner, func(op fault.Op, _ string, _ int) fault.Fault {
		if y.down.Load() && (op == fault.Create || op == fault.Finish) {
			return fault.Before
		}
		return fault.None
	})
	c := configOf(t, sumJob(), store)
	var err error
	c.Plan, err = plan.Compile(sumJob(), plan.Options{Parallelism: subtasks, MaxParallelism: 8})
	must(t, err)
	y.Attempt = opened(t, c)
	for id := range subtasks {
		y.tasks = append(y.tasks, subtasks+id)
		y.model, y.pending = append(y.model, map[string]string{}), append(y.pending, map[string]string{})
	}
	return y
}

// change makes up changes of a shard.
func (y *years) change(s int) {
	for range y.rng.IntN(40) {
		key, value := fmt.Sprintf("%03d", y.rng.IntN(200)), fmt.Sprint(y.rng.IntN(1000))
		if y.rng.IntN(4) == 0 {
			value = ""
		}
		y.pending[s][key] = value
		y.model[s][key] = value
	}
}

// snapshot takes the changes of a shard, which become pending again when it fails.
func (y *years) snapshot(s int) *frozen {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(y.pending[s])) {
		pairs = append(pairs, k, y.pending[s][k])
	}
	return y.changes(y.tasks[s], pairs...)
}

// write writes a batch and takes back what failed.
func (y *years) write(batch []writing, of []int) {
	y.t.Helper()
	must(y.t, y.persister.write(y.t.Context(), batch))
	for i, w := range batch {
		f := w.snapshot.(*frozen)
		if strings.HasSuffix(f.became(), "written") {
			y.pending[of[i]] = map[string]string{}
		}
	}
}

func (y *years) early() {
	s := y.rng.IntN(subtasks)
	y.change(s)
	y.write([]writing{{shard: y.shardOf(y.tasks[s], "sum"), snapshot: y.snapshot(s)}}, []int{s})
}

// cut takes a checkpoint, whose parts come in in several batches, and stores it or gives it up.
func (y *years) cut() {
	y.t.Helper()
	y.id++
	y.parts[y.id] = &parts{tasks: map[int][]task.Part{}, lists: map[*shard]lsm.List{}, written: 1 << 62}
	for id := range y.Attempt.tasks {
		y.parts[y.id].tasks[id] = nil
	}
	y.down.Store(!y.calm && y.rng.IntN(4) == 0)
	var batch []writing
	var of []int
	for _, s := range y.rng.Perm(subtasks) {
		y.change(s)
		f := y.snapshot(s)
		y.parts[y.id].tasks[y.tasks[s]] = []task.Part{partOf(f)}
		p := &pending{checkpoint: y.id, task: y.tasks[s], left: 1}
		batch, of = append(batch, writing{y.shardOf(y.tasks[s], "sum"), f, p}), append(of, s)
		if y.rng.IntN(2) == 0 {
			y.write(slices.Clone(batch), y.sorted(batch, of))
			batch, of = nil, nil
			y.down.Store(!y.calm && y.rng.IntN(4) == 0)
		}
	}
	if len(batch) > 0 {
		y.write(slices.Clone(batch), y.sorted(batch, of))
	}
	y.down.Store(false)
	y.end()
}

// sorted is the order that write brings a batch into: that of the shards.
func (y *years) sorted(batch []writing, of []int) []int {
	slices.SortFunc(batch, func(a, b writing) int { return slices.Compare(a.shard.keys.Start, b.shard.keys.Start) })
	return slices.Sorted(slices.Values(of))
}

func (y *years) end() {
	y.t.Helper()
	ok := true
	for h := y.Listener.(*heard); len(h.events) > 0; {
		if strings.Contains(<-h.events, "declined") {
			ok = false
		}
	}
	if !ok || !y.calm && y.rng.IntN(5) == 0 {
		y.Drop(y.id)
		return
	}
	ops, err := y.Operators(y.id)
	must(y.t, err)
	if !y.calm && y.rng.IntN(5) == 0 {
		return // its manifest could not be written
	}
	y.retained = append(y.retained, &checkpoint.Manifest{Checkpoint: y.id, Operators: ops})
	y.retire()
}

// retire keeps two checkpoints, and deletes what the others alone had and what the attempt calls garbage.
func (y *years) retire() {
	y.t.Helper()
	old := y.retained[:max(0, len(y.retained)-2)]
	y.retained = y.retained[len(old):]
	going := y.Garbage()
	for _, m := range old {
		for _, o := range m.Tables() {
			going = append(going, o.Name)
		}
	}
	for _, name := range checkpoint.Unreachable(y.retained, going) {
		must(y.t, y.inner.Delete(y.t.Context(), name))
		y.deleted[name] = true
	}
	for _, m := range y.retained {
		for _, o := range m.Tables() {
			if y.deleted[o.Name] {
				y.t.Fatalf("checkpoint %d has %s, which was deleted", m.Checkpoint, o.Name)
			}
		}
	}
}

// whole checks what the last checkpoint says that the shards have.
func (y *years) whole() {
	y.t.Helper()
	last := y.retained[len(y.retained)-1]
	for s, sub := range last.Operators[1].Subtasks {
		var want []string
		for _, k := range slices.Sorted(maps.Keys(y.model[s])) {
			if v := y.model[s][k]; v != "" {
				want = append(want, k+"="+v)
			}
		}
		list := listOf("sum", checkpoint.Shard{Range: sub.Range, Tables: sub.Tables, Meta: sub.Meta})
		if got := y.content(y.t, y.tasks[s], list); got != strings.Join(want, " ") {
			y.t.Fatalf("checkpoint %d, subtask %d: has\n%s\nwant\n%s", last.Checkpoint, s, got, strings.Join(want, " "))
		}
	}
}

// tables are those of snapshots that are there.
func (y *years) tables() []string {
	return slices.DeleteFunc(stored(y.t, y.inner), func(n string) bool { return !strings.HasSuffix(n, ".table") })
}

// stray are the tables that were there before, are still there and that no retained checkpoint names. Newer ones may
// have been merged into others before a list was made, which is found out one checkpoint later.
func (y *years) stray(before []string) (names []string) {
	gone := func(n string) bool { return !slices.Contains(before, n) }
	return checkpoint.Unreachable(y.retained, slices.DeleteFunc(y.tables(), gone))
}

func TestWhatIsDeletedIsNamedNeverAgainAndWhatIsNeverNamedIsDeleted(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", seed)
	deleted := 0
	for i := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			y := newYears(t, seed+i)
			for range 60 {
				if y.rng.IntN(3) == 0 {
					y.cut()
				} else {
					y.early()
				}
			}
			before := y.tables()
			y.calm = true
			for range 4 { // until what the last but two do without is told and deleted
				y.cut()
			}
			y.whole()
			if left := y.stray(before); len(left) > 0 {
				t.Errorf("tables that no checkpoint names are left: %q", left)
			}
			deleted += len(y.deleted)
		})
	}
	if deleted == 0 {
		t.Error("nothing was ever deleted")
	}
}
