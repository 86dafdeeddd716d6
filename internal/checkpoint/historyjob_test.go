package checkpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const (
	splits  = 4
	maxRows = 2048 // of a split: a source reads no further
	maxSent = 8    // rows that wait in front of a task, from each source
)

// row is the index-th of a split.
type row struct{ split, index int }

func (r row) group() base.KeyGroup {
	return base.KeyGroupOf(base.HashWord(uint64(r.split)<<32|uint64(r.index)), groups)
}

// digest tells which rows of each split a key group has had, and in which order.
type digest [splits]uint64

func (d *digest) add(r row) { d[r.split] = d[r.split]*1_000_003 + uint64(r.index) + 1 }

// cut is how many rows of each split come before a barrier.
type cut [splits]int

// prefixes are the digests of all key groups by the number of rows of a split.
var prefixes = sync.OnceValue(func() *[splits][maxRows + 1][groups]uint64 {
	all := new([splits][maxRows + 1][groups]uint64)
	for s := range splits {
		for i := range maxRows {
			r, d := row{s, i}, digest{}
			all[s][i+1] = all[s][i]
			d[s] = all[s][i][r.group()]
			d.add(r)
			all[s][i+1][r.group()] = d[s]
		}
	}
	return all
})

// digest is what a key group must have after the rows before the barrier, and no others.
func (c cut) digest(g int) (d digest) {
	for s := range d {
		d[s] = prefixes()[s][c[s]][g]
	}
	return d
}

// element is a row on its way, or a barrier.
type element struct {
	row
	barrier uint64
}

// source is a task that reads splits.
type source struct {
	splits []int
	next   cut    // by split
	sent   uint64 // the newest barrier
	last   bool   // it is that of a last checkpoint: nothing follows
}

// keyed is a task that counts rows by key group and prepares them for a sink. It aligns barriers.
type keyed struct {
	groups  base.KeyGroupRange
	queues  [][]element // by source
	at      []uint64    // the newest barrier of each source
	taken   uint64      // the newest barrier of all
	state   [groups]digest
	changed map[base.KeyGroup]bool
	tables  []Table
	rows    []row // since the newest barrier of all
	waiting []prepared
	tokens  string // what its sink wants back
}

// prepared is output that is not known to be committed.
type prepared struct {
	checkpoint uint64
	name       string
}

// blocked reports whether a source has sent a barrier that others have yet to send.
func (k *keyed) blocked(s int) bool { return k.at[s] == slices.Max(k.at) && k.at[s] > k.taken }

// job is the tasks of a life: sources first.
type job struct {
	sources []*source
	keyed   []*keyed
}

func (j *job) tasks() int { return len(j.sources) + len(j.keyed) }

// build opens the tasks with what they were assigned.
func (w *world) build(sources, states []Assignment) *job {
	j := &job{}
	for _, a := range sources {
		s := &source{}
		for _, split := range a.Splits {
			id, _ := strconv.Atoi(split.ID)
			s.splits = append(s.splits, id)
			s.next[id], _ = strconv.Atoi(string(split.Position))
		}
		j.sources = append(j.sources, s)
	}
	for _, a := range states {
		k := &keyed{
			groups: a.Range, changed: map[base.KeyGroup]bool{}, tokens: join(a.SinkStates),
			queues: make([][]element, len(sources)), at: make([]uint64, len(sources)),
		}
		for _, shard := range a.Shards {
			k.tables = append(k.tables, shard.Tables...)
		}
		w.load(a, &k.state)
		if len(a.Shards) > 1 { // their tables may hold the same key groups: they are written again
			k.tables = nil
		}
		j.keyed = append(j.keyed, k)
	}
	return j
}

func join(states [][]byte) string {
	var all []string
	for _, s := range states {
		all = append(all, string(s))
	}
	return strings.Join(all, ",")
}

// work lets a random task do something: a source read a row, another task take what a source has sent.
func (w *world) work() {
	j := w.job
	t := w.rng.IntN(j.tasks())
	if t >= len(j.sources) {
		w.process(t)
		return
	}
	s := j.sources[t]
	if len(s.splits) == 0 || s.last || w.ended {
		return
	}
	r := row{split: s.splits[w.rng.IntN(len(s.splits))]}
	r.index = s.next[r.split]
	k := j.keyed[base.SubtaskOf(r.group(), len(j.keyed), groups)]
	if r.index < maxRows && len(k.queues[t]) < maxSent {
		s.next[r.split]++
		k.queues[t] = append(k.queues[t], element{row: r})
	}
}

// barrier makes a source send one, and gives its part of the checkpoint.
func (w *world) barrier(b trigger) {
	s := w.job.sources[b.task]
	if b.checkpoint <= s.sent { // it was overtaken by that of a later checkpoint
		return
	}
	part := Subtask{}
	for _, id := range s.splits {
		w.cuts[b.checkpoint][id] = s.next[id]
		part.Splits = append(part.Splits, Split{ID: fmt.Sprint(id), Position: fmt.Append(nil, s.next[id])})
	}
	for _, k := range w.job.keyed {
		k.queues[b.task] = append(k.queues[b.task], element{barrier: b.checkpoint})
	}
	s.sent, s.last = b.checkpoint, s.last || b.last
	w.acknowledge(b.checkpoint, b.task, part)
}

// process takes the first element of a random source, as long as that one is not ahead of others.
func (w *world) process(task int) {
	k := w.job.keyed[task-len(w.job.sources)]
	s := w.rng.IntN(len(k.queues))
	if len(k.queues[s]) == 0 || k.blocked(s) {
		return
	}
	e := k.queues[s][0]
	k.queues[s] = k.queues[s][1:]
	if e.barrier == 0 {
		g := e.group()
		k.state[g].add(e.row)
		k.changed[g] = true
		k.rows = append(k.rows, e.row)
		return
	}
	k.at[s] = e.barrier
	if newest := slices.Max(k.at); slices.Min(k.at) == newest {
		k.taken = newest
		w.acknowledge(newest, task, w.freeze(k, task))
	}
}

// freeze gives a task's part of a checkpoint: what has changed is a new table, and all is one when there are many.
func (w *world) freeze(k *keyed, task int) Subtask {
	name := fmt.Sprintf("%sx/%s-%d-%d", TablePrefix, Incarnation(w.term, 1), k.taken, task)
	if len(k.tables) == 0 || len(k.tables) > 3 {
		k.tables = nil
		for g := range k.groups.Len() {
			k.changed[k.groups.Start+base.KeyGroup(g)] = true
		}
	}
	written := map[base.KeyGroup]digest{}
	for g := range k.changed {
		written[g] = k.state[g]
	}
	w.objects[name] = written
	k.tables = append(slices.Clone(k.tables), Table{Name: name})
	w.outputs[name] = k.rows
	k.waiting = append(k.waiting, prepared{k.taken, name})
	k.rows, k.changed = nil, map[base.KeyGroup]bool{}
	part := Subtask{Range: k.groups, Tables: k.tables, Meta: []byte("m")}
	if k.tokens != "" {
		part.SinkState = []byte(k.tokens)
	}
	return part
}

// acknowledge keeps the part and says so, unless something goes wrong.
func (w *world) acknowledge(id uint64, task int, part Subtask) {
	if w.chance(40, "declined") {
		w.post(Decline{id, task, "x"})
		return
	}
	if w.parts[id] == nil {
		w.parts[id] = map[int]Subtask{}
	}
	w.parts[id][task] = part
	if !w.chance(40, "lost acknowledgement") {
		w.post(Ack{id, task})
	}
	if w.chance(40, "repeated acknowledgement") {
		w.post(Ack{id, task})
	}
}
