package checkpoint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// image is a checkpoint as it is stored, and the truth about it.
type image struct {
	number uint64
	reason Reason
	source Operator
	keyed  Operator
	before cut // the rows before its barrier
}

// manifest is what the store has of it.
func (i *image) manifest() *Manifest {
	return &Manifest{Checkpoint: i.number, Reason: i.reason, Operators: []Operator{i.source, i.keyed}}
}

// shelf is what outlives processes: the store and what the sink has committed.
type shelf struct {
	head       *image
	manifests  []*image // that the head has named, without savepoints, ascending
	savepoints []*image
	newest     uint64 // number of a manifest, those included that the head has never named
	objects    map[string]map[base.KeyGroup]digest
	outputs    map[string][]row
	done       map[string]bool   // outputs that are committed
	visible    map[row]bool      // their rows
	images     map[uint64]*image // all that there ever were
	completed  int
}

// tokens are the sink's states.
const tokens = 5

func newShelf() shelf {
	first := &image{source: Operator{Subtasks: []Subtask{{}}}}
	for s := range splits {
		split := Split{ID: fmt.Sprint(s), Position: []byte("0")}
		first.source.Subtasks[0].Splits = append(first.source.Subtasks[0].Splits, split)
	}
	for t := range tokens {
		state := fmt.Append(nil, "t", t)
		first.keyed.Subtasks = append(first.keyed.Subtasks, Subtask{SinkState: state})
	}
	return shelf{
		head: first, objects: map[string]map[base.KeyGroup]digest{},
		outputs: map[string][]row{}, images: map[uint64]*image{},
		done: map[string]bool{}, visible: map[row]bool{},
	}
}

// assemble is the checkpoint that all tasks have given their parts of; nil if they have not.
func (w *world) assemble(id uint64, reason Reason) *image {
	i := &image{number: id, reason: reason, before: *w.cuts[id]}
	for t := range w.job.tasks() {
		part, ok := w.parts[id][t]
		if !ok {
			return nil
		}
		if t < len(w.job.sources) {
			i.source.Subtasks = append(i.source.Subtasks, part)
			continue
		}
		for _, p := range w.job.keyed[t-len(w.job.sources)].waiting {
			if p.checkpoint <= id {
				part.Committables = append(part.Committables, []byte(p.name))
			}
		}
		i.keyed.Subtasks = append(i.keyed.Subtasks, part)
	}
	return i
}

// advance lets the head name a checkpoint: from now on it exists.
func (w *world) advance(i *image) {
	w.rule(i.number > w.head.number, "the head goes back from %d to %d", w.head.number, i.number)
	w.head, w.images[i.number], w.newest = i, i, max(w.newest, i.number)
	if i.reason.Kept() {
		w.savepoints = append(w.savepoints, i)
	} else {
		w.manifests = append(w.manifests, i)
	}
	w.completed++
	w.restorable(i)
}

// save stores a checkpoint, or fails with or without a manifest left behind.
func (w *world) save(s saving) {
	i := w.assemble(s.Checkpoint, s.Reason)
	if w.rule(i != nil, "%d is stored without all parts", s.Checkpoint); i == nil {
		return
	}
	switch {
	case w.chance(15, "store failed"):
		w.post(StoreFailed{i.number, "x"})
	case w.chance(25, "manifest stored and head not advanced"):
		w.newest = max(w.newest, i.number)
		w.post(StoreFailed{i.number, "x"})
	default:
		w.advance(i)
		w.post(Stored{i.number})
	}
}

// committables are the outputs that a checkpoint names, in order.
func committables(i *image) (all []string) {
	for _, s := range i.keyed.Subtasks {
		for _, c := range s.Committables {
			all = append(all, string(c))
		}
	}
	return all
}

// publish makes outputs visible that are not yet, and returns how many they were.
func (w *world) publish(names []string) (published int) {
	for _, name := range names {
		if w.done[name] {
			continue
		}
		rows, ok := w.outputs[name]
		w.rule(ok, "output %s is to be committed, and has been cleared", name)
		for _, r := range rows {
			w.rule(!w.visible[r], "row %v is committed twice", r)
			w.rule(r.index < w.head.before[r.split], "row %v is committed, and no checkpoint has it", r)
			w.visible[r] = true
		}
		w.done[name] = true
		published++
	}
	return published
}

// exactly checks that the rows before a barrier, and no others, are committed.
func (w *world) exactly(i *image) {
	total := 0
	for s, n := range i.before {
		total += n
		for at := range n {
			if !w.visible[row{s, at}] {
				w.rule(false, "%d is committed, without row %d of split %d", i.number, at, s)
				return
			}
		}
	}
	w.rule(total == len(w.visible), "%d has %d rows, %d are committed", i.number, total, len(w.visible))
}

// commit makes the output of a checkpoint visible, or some of it.
func (w *world) commit(id uint64) {
	i := w.images[id]
	if w.rule(i != nil, "%d is committed and not stored", id); i == nil {
		return
	}
	names := committables(i)
	if w.chance(8, "commit failed") {
		w.publish(names[:w.rng.IntN(len(names)+1)])
		w.post(CommitFailed{w.now, id, "x"})
		return
	}
	w.publish(names)
	w.exactly(i)
	for _, k := range w.job.keyed {
		k.waiting = slices.DeleteFunc(k.waiting, func(p prepared) bool { return p.checkpoint <= id })
	}
	w.post(Committed{id})
}

// recover commits what a checkpoint names and clears what was prepared after it. It may fail.
func (w *world) recover(i *image) bool {
	names := committables(i)
	if w.chance(15, "recovery failed") {
		w.publish(names[:w.rng.IntN(len(names)+1)])
		return false
	}
	w.publish(names)
	maps.DeleteFunc(w.outputs, func(name string, _ []row) bool { return !w.done[name] })
	return true
}

// retire deletes what is not to be kept, oldest first, and the objects that nothing reaches then. It may stop
// early.
func (w *world) retire(keep []uint64) {
	var unused []string
	for name := range w.objects {
		if !Spared(name, w.term, 1) {
			unused = append(unused, name)
		}
	}
	left := 1 << 20 // deletions until it fails
	if w.chance(8, "retirement failed") {
		left = w.rng.IntN(4)
	}
	var stay []*Manifest
	var gone []*image
	for _, i := range w.manifests {
		older := slices.ContainsFunc(keep, func(k uint64) bool { return k > i.number })
		if older && !slices.Contains(keep, i.number) {
			gone = append(gone, i)
		} else {
			stay = append(stay, i.manifest())
		}
	}
	for _, i := range w.savepoints {
		stay = append(stay, i.manifest())
	}
	for _, i := range gone {
		for _, t := range i.manifest().Tables() {
			unused = append(unused, t.Name)
		}
	}
	w.remove(gone, Unreachable(stay, slices.Sorted(slices.Values(unused))), left)
	if len(gone) > 0 {
		w.restorable(slices.Concat(w.manifests, w.savepoints)...)
	}
}

// remove deletes manifests and then tables, until there have been so many deletions.
func (w *world) remove(gone []*image, tables []string, left int) {
	for _, i := range gone[:min(left, len(gone))] {
		w.rule(i == w.manifests[0], "%d is deleted before %d", i.number, w.manifests[0].number)
		w.rule(i != w.head, "the newest checkpoint, %d, is deleted", i.number)
		w.manifests = slices.DeleteFunc(w.manifests, func(o *image) bool { return o == i })
	}
	left = max(0, left-len(gone))
	for _, name := range tables[:min(left, len(tables))] {
		delete(w.objects, name)
	}
}

// restorable checks that checkpoints restore, at whatever parallelism.
func (w *world) restorable(all ...*image) {
	for _, i := range all {
		w.whole(i, Assign(i.source, 1+w.rng.IntN(5), groups), Assign(i.keyed, 1+w.rng.IntN(6), groups))
	}
}

// load reads the key groups of a new task from the tables that it was assigned. It returns which it has found.
func (w *world) load(a Assignment, state *[groups]digest) (found [groups]int) {
	for _, shard := range a.Shards {
		for g := range base.KeyGroup(groups) {
			if !shard.Range.Contains(g) || !a.Range.Contains(g) {
				continue
			}
			found[g]++
			for _, t := range shard.Tables {
				table, ok := w.objects[t.Name]
				w.rule(ok, "table %s is gone", t.Name)
				if d, ok := table[g]; ok {
					state[g] = d
				}
			}
		}
	}
	return found
}

// whole checks that new tasks get exactly the rows before the barrier of a checkpoint, each split, each key group
// and each state of the sink once.
func (w *world) whole(i *image, sources, states []Assignment) {
	reads, sink := map[string]int{}, map[string]int{}
	for _, a := range sources {
		for _, s := range a.Splits {
			reads[s.ID+"@"+string(s.Position)]++
		}
	}
	var covered [groups]int
	for _, a := range states {
		var state [groups]digest
		found := w.load(a, &state)
		for g := a.Range.Start; g < a.Range.End; g++ {
			covered[g]++
			w.rule(found[g] == 1 || i.number == 0, "%d: key group %d is in %d shards", i.number, g, found[g])
			w.rule(state[g] == i.before.digest(int(g)), "%d: key group %d has other rows than before it", i.number, g)
		}
		for _, s := range a.SinkStates {
			sink[string(s)]++
		}
	}
	for g, n := range covered {
		w.rule(n == 1, "%d: key group %d belongs to %d tasks", i.number, g, n)
	}
	w.complete(i, reads, sink)
}
