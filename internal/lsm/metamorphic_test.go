package lsm_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

var duration = flag.Duration("metamorphic.duration", 0, "how long to look for a wrong history; 0 for a little")

// setting is what histories must not depend on.
type setting struct {
	budget, blocks int64
	maxP           int
	early          bool
	tree           string
}

var trees = map[string]func(*pebble.Options){
	"deep": lsm.Deep, "quiet": lsm.Quiet, "as in a job": nil,
	"flat": func(o *pebble.Options) { o.L0CompactionThreshold = 2; o.LBaseMaxBytes = 2 << 10 },
}

// settingOf is one of all settings: numbers that follow one another lead to different ones.
func settingOf(number uint64) setting {
	all := settings()
	return all[number*37%uint64(len(all))]
}

func settings() (all []setting) {
	for _, budget := range []int64{0, 1, 100_000, 400_000} {
		for _, blocks := range []int64{1, 8 << 20} {
			for _, maxP := range []int{7, 32} {
				for _, early := range []bool{false, true} {
					for _, tree := range slices.Sorted(maps.Keys(trees)) {
						all = append(all, setting{budget, blocks, maxP, early, tree})
					}
				}
			}
		}
	}
	return all
}

// bug is a mistake that is made on purpose.
type bug int

const (
	none bug = iota
	lateList
	lostTombstone
	takenForComplete
	staleRead
)

// story is a history of an operator, with what its state should be.
type story struct {
	setting
	bug     bug
	rng     *rand.Rand
	keys    int
	objects *mem.Store
	res     *lsm.Resources
	budget  *keyed.Budget
	named   int
	regions []*region
	beside  []*region // of a checkpoint that is being looked at
	model   facts
	queue   []*freeze
	saved   []*saved
	number  uint64 // of the last checkpoint
}

// saved is a checkpoint, with what the state was then.
type saved struct {
	number     uint64
	lists      []lsm.List
	groups     []base.KeyGroupRange
	namespaces []int64
	want       facts
}

// freeze is a snapshot of one region or, for a checkpoint, of all, on its way into tables.
type freeze struct {
	regions []*region
	frozen  []*keyed.Frozen
	to      *saved
}

func newStory(seed uint64, s setting, keys int, planted bug) *story {
	y := &story{
		setting: s, bug: planted, rng: rand.New(rand.NewPCG(seed, 0)), keys: keys, objects: mem.New(),
		budget: keyed.NewBudget(s.budget), model: facts{},
	}
	var err error
	y.res, err = lsm.NewResources(y.objects, s.blocks, 4, 2)
	check(err)
	lsm.Tune(y.res, trees[s.tree])
	y.regions = y.open(1+y.rng.IntN(3), &saved{})
	return y
}

func (y *story) name(kind string) string {
	y.named++
	return fmt.Sprintf("shards/%d.%s", y.named, kind)
}

// open opens so many regions of a checkpoint.
func (y *story) open(n int, from *saved) (all []*region) {
	for i := range n {
		r := &region{groups: base.RangeOf(i, n, y.maxP)}
		r.keys = keysOf(r.groups)
		var lists []lsm.List
		for i, g := range from.groups {
			if g.Overlaps(r.groups) {
				lists = append(lists, from.lists[i])
			}
		}
		var err error
		r.shard, err = lsm.OpenShard(context.Background(), y.res, y.name("shard"), r.keys, lists...)
		check(err)
		r.declare(keyed.Config{
			Operator: operator, Name: "story", MaxParallelism: y.maxP, Groups: r.groups, Budget: y.budget,
			Context: context.Background(), Below: below{y.readable(r, lists), r.keys},
			Restored: len(lists) > 0 && y.bug != takenForComplete, Checkpoint: from.number,
		}, from.namespaces)
		all = append(all, r)
	}
	return all
}

// readable is the shard that a region reads from: its own, or else one that nothing more is going to come into.
func (y *story) readable(r *region, lists []lsm.List) *lsm.Shard {
	if y.bug != staleRead {
		return r.shard
	}
	var err error
	r.stale, err = lsm.OpenShard(context.Background(), y.res, y.name("shard"), r.keys, lists...)
	check(err)
	return r.stale
}

func closeAll(regions []*region) {
	for _, r := range regions {
		check(r.close())
	}
}

// regionOf is where a key lives.
func (y *story) regionOf(key string) *region {
	g := base.KeyGroupOf(y.regions[0].store.Hash(key), y.maxP)
	i := slices.IndexFunc(y.regions, func(r *region) bool { return r.groups.Contains(g) })
	return y.regions[i]
}

func (y *story) change(n int) {
	for range n {
		key := fmt.Sprint("key-", y.rng.IntN(y.keys))
		y.regionOf(key).change(y.rng, y.model, key)
	}
}

// step goes on in one way or another.
func (y *story) step(size int) (what string) {
	switch y.rng.IntN(12) {
	case 0:
		return y.restore()
	case 1:
		ns := y.rng.Int64N(8)
		for _, r := range y.regions {
			r.panes.Drop(ns)
		}
		y.model.forget(fmt.Sprintf("pane %d ", ns))
		return "drop"
	case 2:
		y.fire(y.rng.Int64N(4))
		return "fire"
	case 3:
		check(lsm.Compact(context.Background(), y.regions[y.rng.IntN(len(y.regions))].shard))
		return "compaction"
	case 4, 5, 6:
		y.checkpoint()
		return "checkpoint"
	case 7:
		if y.early {
			y.take(y.regions[y.rng.IntN(len(y.regions)):][:1], nil)
		}
	}
	y.change(y.rng.IntN(size) + 1)
	return "changes"
}

func (y *story) checkpoint() {
	y.number++
	to := &saved{number: y.number, want: maps.Clone(y.model)}
	for _, r := range y.regions {
		to.groups = append(to.groups, r.groups)
		to.namespaces = append(to.namespaces, r.panes.Namespaces()...)
	}
	slices.Sort(to.namespaces)
	to.namespaces = slices.Compact(to.namespaces)
	y.take(y.regions, to)
}

// take freezes regions. At most two snapshots are on their way.
func (y *story) take(regions []*region, to *saved) {
	f := &freeze{regions: slices.Clone(regions), to: to}
	for _, r := range regions {
		f.frozen = append(f.frozen, r.store.Freeze())
	}
	y.queue = append(y.queue, f)
	for len(y.queue) > 2 || len(y.queue) > 0 && y.rng.IntN(2) == 0 {
		y.write()
	}
}

// write ends the wait of the oldest snapshot, while the state goes on changing.
func (y *story) write() {
	f := y.queue[0]
	failed := y.rng.IntN(8) == 0
	var err error
	var group sync.WaitGroup
	group.Go(func() { err = f.write(y, failed) })
	func() {
		defer group.Wait()
		y.change(y.rng.IntN(20))
	}()
	check(err)
	if failed { // those that were taken after it would not be complete
		for _, f := range y.queue {
			for _, frozen := range f.frozen {
				frozen.Release()
			}
		}
		y.queue = nil
		return
	}
	for _, frozen := range f.frozen {
		frozen.Done()
	}
	y.queue = y.queue[1:]
	if y.bug == lateList && len(y.queue) > 0 {
		y.write() // before the list
	}
	if f.to != nil {
		y.list(f)
	}
}

// write writes a snapshot into tables that its regions share, and lets their shards take them in.
func (f *freeze) write(y *story, failed bool) error {
	ctx := context.Background()
	set := lsm.NewTableSet(ctx, y.objects, func() string { return y.name("table") })
	for i := range f.frozen {
		if err := f.frozen[i].WriteTo(writer(set, y.bug)); err != nil {
			return err
		}
	}
	if failed {
		set.Abort()
		return nil
	}
	tables, err := set.Finish()
	if err != nil {
		return err
	}
	for _, r := range f.regions {
		if err := r.shard.Ingest(ctx, tables); err != nil {
			return err
		}
	}
	return nil
}

// list makes a checkpoint of what has been taken in.
func (y *story) list(f *freeze) {
	for _, r := range f.regions {
		l, err := r.shard.Export(context.Background())
		check(err)
		f.to.lists = append(f.to.lists, l)
	}
	y.saved = append(y.saved, f.to)
	if y.rng.IntN(4) == 0 {
		y.verify(f.to)
	}
}

// forgetful is a writer that loses tombstones.
type forgetful struct{ keyed.Writer }

func (forgetful) Delete([]byte) error { return nil }

func writer(w keyed.Writer, b bug) keyed.Writer {
	if b == lostTombstone {
		return forgetful{w}
	}
	return w
}

// restore goes on from a checkpoint, mostly the last one, as after a crash.
func (y *story) restore() string {
	if len(y.saved) == 0 {
		return "nothing"
	}
	from := y.saved[len(y.saved)-1]
	if y.rng.IntN(4) == 0 {
		from = y.saved[y.rng.IntN(len(y.saved))]
	}
	closeAll(y.regions)
	n := []int{1, 2, 3, 7}[y.rng.IntN(4)]
	y.regions, y.model, y.queue = y.open(n, from), maps.Clone(from.want), nil
	return fmt.Sprintf("restore of checkpoint %d to %d regions", from.number, n)
}

// fire takes timers everywhere.
func (y *story) fire(upTo int64) {
	fired := facts{}
	for _, r := range y.regions {
		maps.Copy(fired, r.fire(upTo))
	}
	want := facts{}
	for k := range y.model {
		var key string
		var time int64
		if n, _ := fmt.Sscanf(k, "timer %s %d", &key, &time); n == 2 && time <= upTo {
			want[k] = ""
			delete(y.model, k)
		}
	}
	fired.mustBe(want, "timers")
}

// verify opens a checkpoint beside the state, and looks at all of it.
func (y *story) verify(c *saved) {
	y.beside = y.open([]int{1, 3, 7}[y.rng.IntN(3)], c)
	got := facts{}
	for _, r := range y.beside {
		for i := range y.keys {
			key := fmt.Sprint("key-", i)
			if r.groups.Contains(base.KeyGroupOf(r.store.Hash(key), y.maxP)) {
				slot, _ := r.slot(key)
				r.tell(got, slot, key)
			}
		}
		r.tellPanes(got)
		maps.Copy(got, r.fire(math.MaxInt64))
	}
	closeAll(y.beside)
	got.mustBe(c.want, fmt.Sprint("checkpoint ", c.number))
}

// mustBe compares facts.
func (m facts) mustBe(want facts, what string) {
	var d []string
	for k, v := range want {
		if got, ok := m[k]; !ok || got != v {
			d = append(d, fmt.Sprintf("%s = %.60q, %v, want %.60q", k, got, ok, v))
		}
	}
	for k, v := range m {
		if _, ok := want[k]; !ok {
			d = append(d, fmt.Sprintf("%s = %.60q, want none", k, v))
		}
	}
	if slices.Sort(d); len(d) > 0 {
		panic(wrong(fmt.Sprintf("%s: %d differences: %s", what, len(d), strings.Join(d[:min(3, len(d))], "; "))))
	}
}

const (
	mostKeys, mostSteps, mostSize = 60, 32, 80
	// fewStories are those of a short look: each has another setting, and a long one comes to all.
	fewStories = 64
)

// tell tells a story, of so many keys and changes at once, and what went wrong in it.
func tell(seed uint64, s setting, keys, size int, planted bug) (result string) {
	y, step, what := (*story)(nil), 0, ""
	defer func() {
		if p := recover(); p != nil {
			w, ok := p.(wrong)
			if !ok {
				panic(p)
			}
			result = fmt.Sprintf("seed %d, %+v, %d keys, at most %d changes, step %d (%s): %s",
				seed, s, keys, size, step, what, w)
		}
		if y != nil {
			for _, r := range append(y.regions, y.beside...) {
				_ = r.close() // which may be what went wrong
			}
			y.res.Close()
		}
	}()
	y = newStory(seed, s, keys, planted)
	for step = range mostSteps {
		what = y.step(size)
	}
	what = "end"
	y.queue = nil
	for i := len(y.saved) - 1; i >= 0; i -= 3 {
		y.verify(y.saved[i])
	}
	return ""
}

// shortest looks for a shorter story that goes wrong.
func shortest(seed uint64, s setting, planted bug) (result string) {
	keys, size := mostKeys, mostSize
	for result = tell(seed, s, keys, size, planted); result != ""; {
		shorter := ""
		for i := range uint64(20) {
			if shorter = tell(seed+i, s, max(1, keys/2), max(1, size/2), planted); shorter != "" {
				break
			}
		}
		if shorter == "" || keys+size == 2 {
			break
		}
		result, keys, size = shorter, max(1, keys/2), max(1, size/2)
	}
	return result
}

func TestMetamorphic(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d", first)
	began, told := time.Now(), uint64(0)
	for ; told < fewStories/lsm.Slow || time.Since(began) < *duration; told++ {
		seed, s := first+told, settingOf(told)
		if tell(seed, s, mostKeys, mostSize, none) != "" {
			t.Fatal(shortest(seed, s, none))
		}
	}
	t.Logf("%d histories in %v", told, time.Since(began))
}

func TestMetamorphicFindsPlantedBugs(t *testing.T) {
	for name, b := range map[string]bug{
		"has something of the next epoch in a list": lateList, "loses tombstones": lostTombstone,
		"takes a part for complete that is not": takenForComplete, "reads from an older list": staleRead,
	} {
		found := ""
		for seed := uint64(0); seed < 100 && found == ""; seed++ {
			found = tell(seed, settingOf(seed), mostKeys, mostSize, b)
		}
		if found == "" {
			t.Errorf("a store that %s passes", name)
		}
		t.Logf("%s: %.200s", name, found)
	}
}

func TestAHistoryThatGoesWrongIsMadeShorter(t *testing.T) {
	s := settingOf(0)
	for seed := uint64(0); ; seed++ {
		if tell(seed, s, mostKeys, mostSize, lostTombstone) != "" {
			got := shortest(seed, s, lostTombstone)
			if strings.Contains(got, fmt.Sprint(" ", mostKeys, " keys")) {
				t.Errorf("%s: not shorter", got)
			}
			return
		}
	}
}
