package worker

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// Operators returns the manifest's part of a checkpoint that every task has acknowledged.
func (a *Attempt) Operators(id uint64) ([]checkpoint.Operator, error) {
	a.mu.Lock()
	p := a.parts[id]
	delete(a.parts, id)
	a.mu.Unlock()
	if p == nil || len(p.tasks) != len(a.tasks) {
		return nil, fmt.Errorf("checkpoint %d: not all tasks have taken part", id)
	}
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
			op.Subtasks = append(op.Subtasks, subtask(p, t, n))
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

// describe is what the manifest says of the operator as a whole.
func (a *Attempt) describe(n *plan.Node, p *parts) (checkpoint.Operator, error) {
	op := checkpoint.Operator{UID: n.UID, Name: n.Name, Parallelism: n.Parallelism}
	if n.Keyed != nil {
		var err error
		if op.Key, op.States, err = n.Keyed.Describe(); err != nil {
			return op, err
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
func subtask(p *parts, id int, n *plan.Node) checkpoint.Subtask {
	var s checkpoint.Subtask
	for _, part := range p.tasks[id] {
		if part.UID != n.UID {
			continue
		}
		s.Watermark = part.Watermark
		s.Committable, s.SinkState = part.Prepared.Committable, part.Prepared.State
		for _, split := range part.Splits {
			s.Splits = append(s.Splits, checkpoint.Split(split))
		}
		s.Tables = p.lists[id][n.UID]
	}
	return s
}
