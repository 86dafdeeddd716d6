package worker

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// Cost is about the time that a checkpoint which every task has acknowledged has taken from the rows: that for which the
// barrier stopped a task, and what processors did for it behind the backs of the tasks, waits for the store not included.
// It is to be asked for before Operators.
func (a *Attempt) Cost(id uint64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.parts[id]
	if p == nil {
		return 0
	}
	return p.held + p.spent/time.Duration(runtime.GOMAXPROCS(0))
}

// spent adds to what was done for a part of a checkpoint since a time.
func (a *Attempt) spent(part *pending, since time.Time) {
	if part == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.parts[part.checkpoint]; p != nil {
		p.spent += time.Since(since)
	}
}

// Operators returns the manifest's part of a checkpoint that every task has acknowledged. Once that has been stored,
// Garbage returns what it made superfluous.
func (a *Attempt) Operators(id uint64) ([]checkpoint.Operator, error) {
	a.mu.Lock()
	p := a.parts[id]
	delete(a.parts, id)
	a.mu.Unlock()
	if p == nil || len(p.tasks) != len(a.tasks) {
		return nil, fmt.Errorf("checkpoint %d: not all tasks have taken part", id)
	}
	a.lingering.lists(p.lists, a.garbage.named(p.lists, p.written), a.fences())
	var all []checkpoint.Operator
	for _, n := range a.Plan.Nodes() {
		op, err := a.describe(n, p)
		if err != nil {
			return nil, err
		}
		for t, c := range a.chains {
			if c != a.Plan.ByNode[n.ID] {
				continue
			}
			s := a.subtask(p, t, n)
			s.Committables = a.committables(t, n.UID, id)
			op.Subtasks = append(op.Subtasks, s)
		}
		all = append(all, op)
	}
	for i := range all {
		for s := range all[i].Subtasks {
			all[i].Subtasks[s].Range = base.RangeOf(s, all[i].Parallelism, a.Plan.MaxParallelism)
		}
	}
	return all, nil
}

// fences are passed when all reads of state have ended that had begun before.
func (a *Attempt) fences() (passed []func() bool) {
	for _, s := range a.shards {
		passed = append(passed, s.Fence())
	}
	return passed
}

// describe is what the manifest says of the operator as a whole.
func (a *Attempt) describe(n *plan.Node, p *parts) (checkpoint.Operator, error) {
	op := checkpoint.Operator{UID: n.UID, Name: n.Name, Parallelism: n.Parallelism}
	if n.Keyed != nil {
		var err error
		if op.Key, op.States, err = n.Keyed.Describe(); err != nil {
			return op, err
		}
		if old := operatorOf(a.Restore, n.UID); old != nil {
			op.States = checkpoint.Evolve(op.States, old.States)
		}
	}
	if pool, ok := p.pools[n.ID]; ok {
		op.Known = pool.known
		for _, s := range pool.unassigned {
			op.Unassigned = append(op.Unassigned, checkpoint.Split(s))
		}
	}
	return op, nil
}

// subtask is what the manifest says of the node's operator in a task.
func (a *Attempt) subtask(p *parts, id int, n *plan.Node) checkpoint.Subtask {
	var s checkpoint.Subtask
	for _, part := range p.tasks[id] {
		if part.UID != n.UID {
			continue
		}
		s.Watermark, s.Ahead = part.Watermark, part.Ahead
		s.SinkState, s.Broadcasts = part.Prepared.State, part.Broadcasts
		for _, split := range part.Splits {
			s.Splits = append(s.Splits, checkpoint.Split(split))
		}
		if part.Captured != nil {
			s.Flight = p.flights[id]
		}
		if part.State != nil {
			list := p.lists[a.shardOf(id, n.UID)]
			s.Tables, s.Meta, s.Namespaces = tablesOf(list), list.Meta, part.Namespaces
		}
	}
	return s
}

// prepared is what a sink has prepared for a checkpoint whose output is not known to be committed.
type prepared struct {
	checkpoint  uint64
	task        int
	uid         string
	committable []byte
}

// keep notes what the sinks of a task prepared. The mutex is held.
func (a *Attempt) keep(id int, checkpoint uint64, parts []task.Part) {
	for _, part := range parts {
		if c := part.Prepared.Committable; c != nil {
			a.prepared = append(a.prepared, prepared{checkpoint, id, part.UID, c})
		}
	}
}

// committables are all that an operator has prepared in a task up to a checkpoint and that is not known to be
// committed: what was prepared for a checkpoint that was given up is committed with the next, and a commit that
// fails is not forgotten when the job goes on from a later checkpoint.
func (a *Attempt) committables(id int, uid string, checkpoint uint64) (all [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.prepared {
		if p.task == id && p.uid == uid && p.checkpoint <= checkpoint {
			all = append(all, p.committable)
		}
	}
	return all
}

// Committed says that what sinks had prepared up to a checkpoint is visible.
func (a *Attempt) Committed(checkpoint uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prepared = slices.DeleteFunc(a.prepared, func(p prepared) bool { return p.checkpoint <= checkpoint })
}

// Reads reports whether an object may be needed, or still be read, by the shards of the attempt, whether or not a
// checkpoint names it.
func (a *Attempt) Reads(name string) bool { return a.lingering.has(name) }

// Garbage returns the names of objects that this attempt has written and that no checkpoint stored from now on will
// name: those that none retained names either may be deleted.
func (a *Attempt) Garbage() []string { return a.garbage.take() }
